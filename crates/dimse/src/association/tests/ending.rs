use bytes::Bytes;
use telerad_dicom::Status;

use super::{Pair, ahead, events, request, store, transmitted};
use crate::command::Command;
use crate::config::{Config, Timers};
use crate::event::Event;
use crate::refusal::{AbortReason, AbortSource, CloseReason, ProtocolError, Timer};

const RELEASE_RP: &[u8] = b"\x06\0\0\0\0\x04\0\0\0\0";
const ECHO: Command = Command::EchoRq { message_id: 1 };

#[test]
fn a_release_ends_both_sides_in_order() {
    let mut pair = Pair::established();
    pair.calling.release(pair.now);
    pair.carry();
    assert_eq!(events(&mut pair.called), [Event::ReleaseRequested, Event::Released]);
    assert_eq!(events(&mut pair.calling), [Event::Released]);
    assert!(pair.calling.is_closed());
    pair.called.handle_closed(pair.now);
    assert!(pair.called.is_closed());
    assert!(events(&mut pair.called).is_empty());
}

#[test]
fn a_release_waits_until_everything_asked_is_answered() {
    let mut pair = Pair::established_with(ahead(), Config::default(), request());
    pair.calling.send_command(pair.now, 1, &ECHO).unwrap();
    pair.calling.send_command(pair.now, 1, &Command::EchoRq { message_id: 2 }).unwrap();
    pair.calling.release(pair.now);
    pair.carry();
    assert_eq!(events(&mut pair.called).last(), Some(&Event::ReleaseRequested));
    for message_id in [1, 2] {
        assert!(transmitted(&mut pair.called).is_empty(), "no answer to the release yet");
        let status = Status::SUCCESS;
        let answer = Command::EchoRsp { message_id, status };
        pair.called.send_command(pair.now, 1, &answer).unwrap();
        pair.carry();
    }
    assert_eq!(events(&mut pair.called), [Event::Released]);
    let all = events(&mut pair.calling);
    assert_eq!(all.len(), 3);
    assert_eq!(all.last(), Some(&Event::Released));
}

#[test]
fn a_release_waits_until_a_body_of_ours_is_whole() {
    let mut pair = Pair::established();
    pair.called.send_command(pair.now, 3, &store(1)).unwrap();
    pair.calling.release(pair.now);
    pair.carry();
    assert_eq!(events(&mut pair.called), [Event::ReleaseRequested]);
    pair.called.send_body(pair.now, Bytes::from_static(b"image")).unwrap();
    pair.called.finish_body(pair.now).unwrap();
    pair.carry();
    assert_eq!(events(&mut pair.called), [Event::Released]);
    assert_eq!(events(&mut pair.calling).last(), Some(&Event::Released));
}

#[test]
fn when_both_release_at_once_both_are_released() {
    let mut pair = Pair::established();
    pair.calling.release(pair.now);
    pair.called.release(pair.now);
    pair.carry();
    let expected = [Event::ReleaseRequested, Event::Released];
    assert_eq!(events(&mut pair.calling), expected);
    assert_eq!(events(&mut pair.called), expected);
    // The requestor's A-RELEASE-RP comes first, then the acceptor's (PS3.8 section 7.2.2).
    assert!(pair.calling.is_closed());
    pair.called.handle_closed(pair.now);
    assert!(pair.called.is_closed());
}

/// Both sides in a release collision, with what each has written to the other not yet carried.
fn collided() -> (Pair, [Vec<u8>; 2]) {
    let mut pair = Pair::established();
    pair.calling.release(pair.now);
    pair.called.release(pair.now);
    let there = transmitted(&mut pair.calling);
    let back = transmitted(&mut pair.called);
    pair.calling.handle_input(pair.now, back.into());
    pair.called.handle_input(pair.now, there.into());
    assert_eq!(events(&mut pair.calling), [Event::ReleaseRequested]);
    assert_eq!(events(&mut pair.called), [Event::ReleaseRequested]);
    let written = [&mut pair.calling, &mut pair.called].map(transmitted);
    (pair, written)
}

#[test]
fn in_a_release_collision_the_requestor_answers_first() {
    let (mut pair, [there, back]) = collided();
    // Sta9 to Sta11 at once; the acceptor waits in Sta10.
    assert_eq!((there.as_slice(), back.as_slice()), (RELEASE_RP, &[][..]));
    pair.called.handle_input(pair.now, there.into());
    // Sta10 to Sta12, and with the answer to Sta13.
    assert_eq!(transmitted(&mut pair.called), RELEASE_RP);
    assert_eq!(events(&mut pair.called), [Event::Released]);
    pair.calling.handle_input(pair.now, Bytes::from_static(RELEASE_RP));
    assert_eq!(events(&mut pair.calling), [Event::Released]);
    assert!(pair.calling.is_closed() && !pair.called.is_closed());
}

#[test]
fn a_release_collision_with_a_silent_peer_ends_by_the_release_timer() {
    let (mut pair, _) = collided();
    let waits = Timers::default().release;
    for machine in [&mut pair.calling, &mut pair.called] {
        assert_eq!(machine.poll_timeout(), Some(pair.now + waits));
        machine.handle_timeout(pair.now + waits);
        let expected = Event::Closed(CloseReason::Timeout(Timer::Release));
        assert_eq!(events(machine), [expected]);
        assert_eq!(transmitted(machine), b"\x07\0\0\0\0\x04\0\0\0\0");
    }
}

#[test]
fn nothing_but_the_answer_may_come_in_a_release_collision() {
    for pdu_type in 1..=6_u8 {
        let (mut pair, _) = collided();
        for machine in [&mut pair.calling, &mut pair.called] {
            let answers = pdu_type == 6;
            // A body that is right for P-DATA-TF and long enough for the others.
            let pdu = vec![pdu_type, 0, 0, 0, 0, 6, 0, 0, 0, 2, 1, 3];
            machine.handle_input(pair.now, pdu.into());
            let error = CloseReason::Protocol(ProtocolError::UnexpectedPdu(pdu_type));
            let expected = if answers { Event::Released } else { Event::Closed(error) };
            assert_eq!(events(machine), [expected], "PDU type {pdu_type}");
        }
    }
}

#[test]
fn a_half_sent_body_is_never_released_away() {
    let mut pair = Pair::established();
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    pair.calling.send_body(pair.now, Bytes::from(vec![7; 40_000])).unwrap();
    pair.carry();
    pair.calling.release(pair.now);
    assert_eq!(events(&mut pair.calling), [Event::Closed(CloseReason::Aborted)]);
    pair.carry();
    let all = events(&mut pair.called);
    assert!(!all.iter().any(|event| matches!(event, Event::BodyEnd { .. })));
    let aborted = Event::Aborted { by: AbortSource::ServiceUser, reason: 0 };
    assert_eq!(all.last(), Some(&aborted));
    assert!(pair.called.is_closed());
}

#[test]
fn a_release_request_inside_a_data_set_is_a_protocol_error() {
    let mut pair = Pair::established();
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    pair.carry();
    pair.called.handle_input(pair.now, Bytes::from_static(b"\x05\0\0\0\0\x04\0\0\0\0"));
    let error = CloseReason::Protocol(ProtocolError::UnexpectedPdu(5));
    assert_eq!(events(&mut pair.called).last(), Some(&Event::Closed(error)));
    assert_eq!(transmitted(&mut pair.called), b"\x07\0\0\0\0\x04\0\0\x02\x02");
}

#[test]
fn an_abort_drops_what_waits_and_tells_the_peer_why() {
    let mut pair = Pair::established();
    pair.calling.send_command(pair.now, 1, &ECHO).unwrap();
    pair.calling.abort(pair.now, AbortReason::NotSpecified);
    assert_eq!(transmitted(&mut pair.calling), b"\x07\0\0\0\0\x04\0\0\x02\0");
    assert_eq!(events(&mut pair.calling), [Event::Closed(CloseReason::Aborted)]);
    pair.calling.abort(pair.now, AbortReason::ServiceUser);
    pair.calling.release(pair.now);
    assert!(transmitted(&mut pair.calling).is_empty());
    assert!(events(&mut pair.calling).is_empty());
}

#[test]
fn what_came_before_the_transport_closed_is_still_delivered() {
    let mut pair = Pair::established();
    pair.calling.send_command(pair.now, 1, &ECHO).unwrap();
    pair.carry();
    pair.called.handle_closed(pair.now);
    let all = events(&mut pair.called);
    assert_eq!(all.len(), 2);
    assert_eq!(all[0], Event::Command { context_id: 1, command: ECHO });
    assert_eq!(all[1], Event::Closed(CloseReason::Transport));
    assert!(pair.called.is_closed());
}

#[test]
fn the_end_of_a_long_input_is_reached_only_after_all_its_events() {
    let mut pair = Pair::established_with(ahead(), Config::default(), request());
    let mut stream = Vec::new();
    for message_id in 0..40 {
        pair.calling.send_command(pair.now, 1, &Command::EchoRq { message_id }).unwrap();
        stream.extend(transmitted(&mut pair.calling));
    }
    pair.called.handle_input(pair.now, stream.into());
    pair.called.handle_closed(pair.now);
    assert!(!pair.called.is_closed());
    let all = events(&mut pair.called);
    assert_eq!(all.len(), 41);
    assert_eq!(all[40], Event::Closed(CloseReason::Transport));
}

#[test]
fn data_that_was_on_the_way_is_delivered_after_our_release_request() {
    let mut pair = Pair::established();
    pair.called.send_command(pair.now, 1, &ECHO).unwrap();
    pair.calling.release(pair.now);
    pair.carry();
    assert_eq!(events(&mut pair.calling)[0], Event::Command { context_id: 1, command: ECHO });
}
