//! Roles, user identity and asynchronous operations: what is agreed, and that both sides hold to it.

use bytes::Bytes;
use telerad_dicom::Status;

use super::messages::fragments;
use super::{CT_IMAGE_STORAGE, Pair, accepted, ahead, events, request, store, transmitted};
use crate::command::Command;
use crate::config::Config;
use crate::event::Event;
use crate::negotiation::{AssociateRequest, Established};
use crate::refusal::{CloseReason, ProtocolError, UseError};
use crate::user_items::{
    AsyncWindow, RoleSelection, Roles, UserIdentity, UserIdentityKind, UserIdentityResponse,
    UserItems,
};

fn window(invoked: u16, performed: u16) -> UserItems {
    UserItems { async_window: Some(AsyncWindow { invoked, performed }), ..UserItems::default() }
}

fn asking(user: UserItems) -> AssociateRequest {
    AssociateRequest { user, ..request() }
}

/// A pair whose acceptor answered with the given items, and what both sides were told.
fn agreed(calling: Config, asked: UserItems, answer: UserItems) -> (Pair, [Established; 2]) {
    let mut pair = Pair::new(calling, Config::default(), asking(asked));
    pair.carry();
    events(&mut pair.called);
    pair.called.accept_with(pair.now, accepted(&[1, 3]), answer);
    pair.carry();
    let told = [&mut pair.calling, &mut pair.called].map(|machine| match events(machine).pop() {
        Some(Event::Established(established)) => established,
        other => panic!("{other:?}"),
    });
    (pair, told)
}

fn echo(message_id: u16) -> Command {
    Command::EchoRq { message_id }
}

fn echoed(message_id: u16) -> Command {
    Command::EchoRsp { message_id, status: Status::SUCCESS }
}

fn message_ids(events: &[Event]) -> Vec<u16> {
    let id = |event: &Event| match event {
        Event::Command { command, .. } => Some(command.message_id()),
        _ => None,
    };
    events.iter().filter_map(id).collect()
}

#[track_caller]
fn check_roles(config: Config, asked: Roles, answer: Option<Roles>, calling: Roles, called: Roles) {
    let item = |roles| RoleSelection { sop_class_uid: CT_IMAGE_STORAGE.to_owned(), roles };
    let asked = UserItems { roles: vec![item(asked)], ..UserItems::default() };
    let answer = UserItems { roles: answer.map(item).into_iter().collect(), ..asked.clone() };
    let (_, told) = agreed(config, asked, answer);
    let roles = told.map(|established| established.contexts[1].roles);
    assert_eq!(roles, [calling, called]);
}

#[test]
fn a_role_is_played_when_it_was_asked_for_and_granted() {
    let plain = Config::default;
    check_roles(plain(), Roles::SCP, Some(Roles::BOTH), Roles::SCP, Roles::SCU);
    check_roles(plain(), Roles::BOTH, Some(Roles::SCU), Roles::SCU, Roles::SCP);
    check_roles(plain(), Roles::BOTH, Some(Roles::BOTH), Roles::BOTH, Roles::BOTH);
    check_roles(plain(), Roles::SCP, Some(Roles::NONE), Roles::NONE, Roles::NONE);
    check_roles(plain(), Roles::SCP, None, Roles::SCU, Roles::SCP);
}

#[test]
fn a_requestor_that_is_told_to_takes_silence_for_consent() {
    let lenient = Config { accept_missing_role_answers: true, ..Config::default() };
    check_roles(lenient.clone(), Roles::SCP, None, Roles::SCP, Roles::SCP);
    check_roles(lenient, Roles::SCP, Some(Roles::NONE), Roles::NONE, Roles::NONE);
}

#[test]
fn an_identity_is_answered_only_when_an_answer_was_asked_for() {
    let answer = || UserItems {
        identity_response: Some(UserIdentityResponse { server_response: vec![7] }),
        ..UserItems::default()
    };
    for wanted in [true, false] {
        let asked = UserItems {
            identity: Some(UserIdentity {
                kind: UserIdentityKind::Username,
                positive_response_requested: wanted,
                primary: b"someone".to_vec(),
                secondary: vec![],
            }),
            ..UserItems::default()
        };
        let (_, [calling, called]) = agreed(Config::default(), asked.clone(), answer());
        assert_eq!(called.user, asked);
        assert_eq!(calling.user, if wanted { answer() } else { UserItems::default() });
    }
}

#[track_caller]
fn check_window(asked: Option<(u16, u16)>, answer: Option<(u16, u16)>, expected: (u16, u16)) {
    let items = |window: Option<(u16, u16)>| UserItems {
        async_window: window.map(|(invoked, performed)| AsyncWindow { invoked, performed }),
        ..UserItems::default()
    };
    let (_, told) = agreed(Config::default(), items(asked), items(answer));
    let (invoked, performed) = expected;
    for established in told {
        assert_eq!(established.async_window, AsyncWindow { invoked, performed });
    }
}

#[test]
fn a_window_needs_both_sides_and_keeps_within_both() {
    check_window(None, None, (1, 1));
    check_window(Some((4, 4)), None, (1, 1));
    check_window(None, Some((4, 4)), (1, 1));
    check_window(Some((4, 2)), Some((3, 8)), (3, 2));
    check_window(Some((0, 0)), Some((8, 0)), (8, 0));
}

#[test]
fn without_a_window_one_request_of_ours_waits_for_its_answer() {
    let mut pair = Pair::established();
    assert_eq!(pair.calling.invocations_left(), 1);
    pair.calling.send_command(pair.now, 1, &echo(1)).unwrap();
    assert_eq!(pair.calling.invocations_left(), 0);
    let full = Err(UseError::WindowFull { limit: 1 });
    assert_eq!(pair.calling.send_command(pair.now, 1, &echo(2)), full);
    // C-CANCEL is no operation.
    pair.calling.send_command(pair.now, 1, &Command::CancelRq { message_id: 1 }).unwrap();
    pair.carry();
    assert_eq!(message_ids(&events(&mut pair.called)), [1, 1]);
    pair.called.send_command(pair.now, 1, &echoed(1)).unwrap();
    pair.carry();
    pair.calling.send_command(pair.now, 1, &echo(2)).unwrap();
}

#[test]
fn several_operations_are_outstanding_both_ways_and_answered_in_any_order() {
    let (mut pair, _) = agreed(Config::default(), window(3, 2), window(0, 0));
    let now = pair.now;
    for message_id in [1, 2, 3] {
        pair.calling.send_command(now, 1, &echo(message_id)).unwrap();
    }
    for message_id in [1, 2] {
        pair.called.send_command(now, 1, &echo(message_id)).unwrap();
    }
    let full = |limit| Err(UseError::WindowFull { limit });
    assert_eq!(pair.calling.send_command(now, 1, &echo(4)), full(3));
    assert_eq!(pair.called.send_command(now, 1, &echo(3)), full(2));
    pair.carry();
    assert_eq!(message_ids(&events(&mut pair.called)), [1, 2, 3]);
    assert_eq!(message_ids(&events(&mut pair.calling)), [1, 2]);
    for message_id in [3, 1, 2] {
        pair.called.send_command(now, 1, &echoed(message_id)).unwrap();
    }
    for message_id in [2, 1] {
        pair.calling.send_command(now, 1, &echoed(message_id)).unwrap();
    }
    pair.carry();
    assert_eq!(message_ids(&events(&mut pair.calling)), [3, 1, 2]);
    assert_eq!(message_ids(&events(&mut pair.called)), [2, 1]);
    assert_eq!((pair.calling.invocations_left(), pair.called.invocations_left()), (3, 2));
}

#[test]
fn a_peer_may_exceed_the_window_up_to_our_limit() {
    for (operations_max, window_size, limit) in [(2, 1, 2), (1, 2, 2), (2, 2, 2)] {
        let called = Config { operations_max, ..Config::default() };
        let mut pair = Pair::new(Config::default(), called, asking(window(window_size, 1)));
        pair.carry();
        events(&mut pair.called);
        pair.called.accept_with(pair.now, accepted(&[1, 3]), window(window_size, 1));
        pair.carry();
        events(&mut pair.called);
        let mut sloppy = Pair::established_with(ahead(), Config::default(), request());
        for message_id in [1, 2, 3] {
            sloppy.calling.send_command(sloppy.now, 1, &echo(message_id)).unwrap();
        }
        pair.called.handle_input(pair.now, transmitted(&mut sloppy.calling).into());
        let all = events(&mut pair.called);
        assert_eq!(message_ids(&all), [1, 2]);
        let error = CloseReason::Protocol(ProtocolError::TooManyOperations { limit });
        assert_eq!(all.last(), Some(&Event::Closed(error)));
        assert_eq!(transmitted(&mut pair.called), b"\x07\0\0\0\0\x04\0\0\0\0");
    }
}

#[test]
fn a_window_without_limit_is_still_bounded_here() {
    let (mut pair, _) = agreed(Config::default(), window(0, 0), window(0, 0));
    for message_id in 0..65 {
        pair.calling.send_command(pair.now, 1, &echo(message_id)).unwrap();
    }
    pair.carry();
    let limit = Config::default().operations_max;
    let error = CloseReason::Protocol(ProtocolError::TooManyOperations { limit });
    assert_eq!(events(&mut pair.called).last(), Some(&Event::Closed(error)));
}

#[test]
fn bodies_of_two_messages_are_never_mixed_on_the_wire() {
    let small = Config { outgoing_pdu_bytes_max: 30_000, ..Config::default() };
    let (mut pair, _) = agreed(small, window(4, 4), window(4, 4));
    let now = pair.now;
    let body = Bytes::from(vec![7; 40_000]);
    for message_id in [1, 2] {
        pair.calling.send_command(now, 3, &store(message_id)).unwrap();
        pair.calling.send_body(now, body.clone()).unwrap();
        // Neither a request nor an answer may come between the fragments.
        let unfinished = Err(UseError::BodyUnfinished);
        assert_eq!(pair.calling.send_command(now, 3, &store(9)), unfinished);
        assert_eq!(pair.calling.send_command(now, 1, &echo(9)), unfinished);
        pair.calling.finish_body(now).unwrap();
    }
    let stream = transmitted(&mut pair.calling);
    let ends: Vec<u8> = fragments(&stream).iter().map(|(_, control)| *control).collect();
    assert_eq!(ends, [3, 0, 2, 3, 0, 2]);
    pair.called.handle_input(now, stream.into());
    let all = events(&mut pair.called);
    assert_eq!(message_ids(&all), [1, 2]);
    assert_eq!(all.iter().filter(|event| matches!(event, Event::BodyEnd { .. })).count(), 2);
}
