use bytes::Bytes;

use super::{
    CT_IMAGE_STORAGE, IMPLICIT_VR, Pair, VERIFICATION, accepted, events, origin, proposed, request,
    transmitted,
};
use crate::association::Association;
use crate::command::Command;
use crate::config::Config;
use crate::event::Event;
use crate::negotiation::{AcceptedContext, AssociateRequest, ContextResult, Established};
use crate::refusal::{CloseReason, ProtocolError, Rejection, UseError};
use crate::user_items::{AsyncWindow, Roles, UserItems};

#[test]
fn both_sides_learn_the_same_contexts_and_who_the_other_is() {
    let mut pair = Pair::new(Config::default(), Config::default(), request());
    pair.carry();
    assert_eq!(events(&mut pair.called), [Event::Requested(request())]);
    let mut results = accepted(&[3]);
    results.push((1, ContextResult::AbstractSyntaxNotSupported));
    pair.called.accept(pair.now, results);
    pair.carry();

    let contexts = vec![AcceptedContext {
        id: 3,
        abstract_syntax: CT_IMAGE_STORAGE.to_owned(),
        transfer_syntax: IMPLICIT_VR.to_owned(),
        roles: Roles::SCU,
    }];
    let refused = vec![(1, ContextResult::AbstractSyntaxNotSupported)];
    let own = Config::default();
    let seen_by_caller = Established {
        contexts: contexts.clone(),
        refused: refused.clone(),
        peer_pdu_bytes_max: own.pdu_bytes_max,
        peer_implementation_class_uid: own.implementation_class_uid,
        peer_implementation_version_name: own.implementation_version_name,
        async_window: AsyncWindow::SYNCHRONOUS,
        user: UserItems::default(),
    };
    let seen_by_called = Established {
        contexts: vec![AcceptedContext { roles: Roles::SCP, ..contexts[0].clone() }],
        refused,
        peer_pdu_bytes_max: 16_384,
        peer_implementation_class_uid: "2.25.1".to_owned(),
        peer_implementation_version_name: "PAIR".to_owned(),
        async_window: AsyncWindow::SYNCHRONOUS,
        user: UserItems::default(),
    };
    assert_eq!(events(&mut pair.calling), [Event::Established(seen_by_caller)]);
    assert_eq!(events(&mut pair.called), [Event::Established(seen_by_called)]);
}

#[test]
fn an_answer_that_was_not_proposed_is_a_refusal() {
    let mut pair = Pair::new(Config::default(), Config::default(), request());
    pair.carry();
    events(&mut pair.called);
    let transfer_syntax = "1.2.840.10008.1.2.4.90".to_owned();
    let results = vec![
        (1, ContextResult::Accepted { transfer_syntax: transfer_syntax.clone() }),
        (5, ContextResult::Accepted { transfer_syntax }),
    ];
    pair.called.accept(pair.now, results);
    pair.carry();
    let refused =
        vec![(1, ContextResult::TransferSyntaxesNotSupported), (3, ContextResult::NoReason)];
    for machine in [&mut pair.calling, &mut pair.called] {
        match &events(machine)[..] {
            [Event::Established(agreed)] => {
                assert_eq!((agreed.contexts.len(), &agreed.refused), (0, &refused));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_rejection_arrives_as_it_was_given_and_both_transports_close() {
    let mut pair = Pair::new(Config::default(), Config::default(), request());
    pair.carry();
    events(&mut pair.called);
    pair.called.reject(pair.now, Rejection::LOCAL_LIMIT_EXCEEDED);
    let reason = CloseReason::Rejected(Rejection::LOCAL_LIMIT_EXCEEDED);
    assert_eq!(events(&mut pair.called), [Event::Closed(reason)]);
    pair.carry();
    assert_eq!(events(&mut pair.calling), [Event::Rejected(Rejection::LOCAL_LIMIT_EXCEEDED)]);
    assert!(pair.calling.is_closed() && !pair.called.is_closed());
    pair.called.handle_closed(pair.now);
    assert!(pair.called.is_closed());
}

#[test]
fn input_waits_while_a_request_is_being_judged() {
    let mut pair = Pair::new(Config::default(), Config::default(), request());
    pair.carry();
    assert!(!pair.called.wants_input());
    events(&mut pair.called);
    assert!(!pair.called.wants_input());
    pair.called.accept(pair.now, accepted(&[1]));
    events(&mut pair.called);
    assert!(pair.called.wants_input());
}

#[test]
fn a_caller_that_leaves_while_its_request_is_judged_is_noticed() {
    let mut pair = Pair::new(Config::default(), Config::default(), request());
    pair.carry();
    pair.called.handle_closed(pair.now);
    let all = events(&mut pair.called);
    assert_eq!(all.last(), Some(&Event::Closed(CloseReason::Transport)));
    assert!(pair.called.is_closed());
    pair.called.accept(pair.now, accepted(&[1]));
    assert!(transmitted(&mut pair.called).is_empty());
}

#[track_caller]
fn check_unusable(change: impl FnOnce(&mut AssociateRequest), expected: UseError) {
    let mut request = request();
    change(&mut request);
    let mut machine = Association::requestor(Config::default(), request, origin());
    assert_eq!(events(&mut machine), [Event::Closed(CloseReason::Unusable(expected))]);
    assert!(transmitted(&mut machine).is_empty());
    assert!(machine.is_closed());
}

#[test]
fn a_request_that_cannot_be_written_sends_nothing() {
    check_unusable(|request| request.contexts.clear(), UseError::Contexts);
    check_unusable(|request| request.contexts[0].id = 2, UseError::Contexts);
    check_unusable(|request| request.contexts[0].id = 3, UseError::Contexts);
    check_unusable(|request| request.contexts[0].transfer_syntaxes.clear(), UseError::Contexts);
    check_unusable(
        |request| request.contexts[0].transfer_syntaxes = vec![IMPLICIT_VR.to_owned(); 5_000],
        UseError::TooLong("list of transfer syntaxes"),
    );
    check_unusable(
        |request| request.implementation_version_name = "SEVENTEEN_LETTERS".to_owned(),
        UseError::TooLong("implementation version name"),
    );
}

#[test]
fn an_acceptor_that_can_receive_next_to_nothing_is_aborted() {
    for (pdu_bytes_max, aborts) in [(0, false), (1, true), (127, true), (128, false)] {
        let called = Config { pdu_bytes_max, ..Config::default() };
        let mut pair = Pair::new(Config::default(), called, request());
        pair.carry();
        pair.called.accept(pair.now, accepted(&[1]));
        pair.carry();
        let error = ProtocolError::PduMaximumTooSmall(pdu_bytes_max);
        let expected = Event::Closed(CloseReason::Protocol(error));
        assert_eq!(events(&mut pair.calling).contains(&expected), aborts, "{pdu_bytes_max}");
    }
}

#[test]
fn a_requestor_that_can_receive_next_to_nothing_is_aborted_when_it_has_to_be_answered() {
    for (pdu_bytes_max, aborts) in [(0, false), (1, true), (127, true), (128, false)] {
        let now = origin();
        let mut called = Association::acceptor(Config::default(), now);
        let proposal = AssociateRequest { pdu_bytes_max, ..request() };
        let mut calling = Association::requestor(Config::default(), proposal, now);
        called.handle_input(now, transmitted(&mut calling).into());
        called.accept(now, accepted(&[1]));
        let echo = Command::EchoRq { message_id: 1 };
        let sent = called.send_command(now, 1, &echo);
        assert_eq!(sent.is_err(), aborts, "{pdu_bytes_max}");
        let error = ProtocolError::PduMaximumTooSmall(pdu_bytes_max);
        let expected = Event::Closed(CloseReason::Protocol(error));
        assert_eq!(events(&mut called).contains(&expected), aborts, "{pdu_bytes_max}");
        // The acceptance stays in front of the A-ABORT.
        assert_eq!(transmitted(&mut called)[0], 2);
    }
}

#[test]
fn a_full_proposal_of_128_contexts_passes_whole() {
    let mut request = request();
    request.contexts = (1..=u8::MAX).step_by(2).map(|id| proposed(id, VERIFICATION)).collect();
    for context in &mut request.contexts {
        context.transfer_syntaxes =
            (0..38).map(|n| format!("1.2.840.10008.1.2.4.{n}")).collect::<Vec<_>>();
    }
    let mut pair = Pair::new(Config::default(), Config::default(), request.clone());
    let bytes = transmitted(&mut pair.calling);
    assert!(bytes.len() > 100_000);
    pair.called.handle_input(pair.now, Bytes::from(bytes));
    assert_eq!(events(&mut pair.called), [Event::Requested(request)]);
}
