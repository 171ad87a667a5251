use std::time::Duration;

use bytes::Bytes;
use telerad_dicom::Status;

use super::{Pair, accepted, events, request, store, transmitted};
use crate::association::Association;
use crate::command::Command;
use crate::config::{Config, Timers};
use crate::event::Event;
use crate::refusal::{CloseReason, Timer};

const ECHO: Command = Command::EchoRq { message_id: 1 };
const ABORT: &[u8] = b"\x07\0\0\0\0\x04\0\0\0\0";
const MOMENT: Duration = Duration::from_millis(1);

/// Nothing happens until a moment before the timer's time; then the machine ends for that reason.
#[track_caller]
fn check(machine: &mut Association, start: std::time::Instant, timer: Timer, farewell: &[u8]) {
    // What a pump does before it waits: the time that its user took is not the peer's silence.
    machine.handle_timeout(start);
    let at = start + Timers::default().of(timer);
    assert_eq!(machine.poll_timeout(), Some(at));
    machine.handle_timeout(at - MOMENT);
    assert!(events(machine).is_empty());
    machine.handle_timeout(at);
    assert_eq!(events(machine), [Event::Closed(CloseReason::Timeout(timer))]);
    assert_eq!(transmitted(machine), farewell);
}

#[test]
fn slow_bytes_do_not_extend_the_wait_for_a_request() {
    let mut pair = Pair::new(Config::default(), Config::default(), request());
    let start = pair.now;
    for byte in transmitted(&mut pair.calling).into_iter().take(9) {
        pair.pass(Duration::from_secs(1));
        pair.called.handle_input(pair.now, Bytes::from(vec![byte]));
    }
    check(&mut pair.called, start, Timer::Request, b"");
    assert!(pair.called.is_closed());
}

#[test]
fn a_caller_waits_for_its_answer_only_so_long() {
    let mut pair = Pair::new(Config::default(), Config::default(), request());
    transmitted(&mut pair.calling);
    check(&mut pair.calling, pair.now, Timer::Accept, ABORT);
}

#[test]
fn a_response_must_come_and_pending_ones_count() {
    let mut pair = Pair::established();
    let find = Command::FindRq { message_id: 5, sop_class_uid: "1.2".to_owned(), priority: 0 };
    pair.calling.send_command(pair.now, 1, &find).unwrap();
    pair.calling.finish_body(pair.now).unwrap();
    pair.carry();
    pair.pass(Duration::from_secs(100));
    let pending = Command::FindRsp {
        message_id: 5,
        sop_class_uid: "1.2".to_owned(),
        status: Status::PENDING,
        has_identifier: false,
        comment: None,
    };
    pair.called.send_command(pair.now, 1, &pending).unwrap();
    pair.carry();
    events(&mut pair.calling);
    pair.calling.handle_timeout(pair.now);
    check(&mut pair.calling, pair.now, Timer::Response, ABORT);
}

#[test]
fn a_message_that_stops_in_the_middle_times_out() {
    let mut pair = Pair::established();
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    pair.carry();
    events(&mut pair.called);
    check(&mut pair.called, pair.now, Timer::Progress, ABORT);
}

#[test]
fn a_pdu_that_stops_in_its_header_times_out() {
    let mut pair = Pair::established();
    pair.called.handle_input(pair.now, Bytes::from_static(b"\x04\0\0"));
    check(&mut pair.called, pair.now, Timer::Progress, ABORT);
}

#[test]
fn an_association_without_work_times_out() {
    let mut pair = Pair::established();
    check(&mut pair.called, pair.now, Timer::Idle, ABORT);
    check(&mut pair.calling, pair.now, Timer::Idle, ABORT);
}

#[test]
fn the_peer_is_not_blamed_for_work_that_is_ours() {
    let mut pair = Pair::established();
    pair.calling.send_command(pair.now, 1, &ECHO).unwrap();
    pair.carry();
    events(&mut pair.called);
    assert_eq!(pair.called.poll_timeout(), None);
    pair.called.handle_timeout(pair.now + Duration::from_secs(86_400));
    assert!(events(&mut pair.called).is_empty());
}

#[test]
fn silence_that_our_user_causes_is_not_counted() {
    let mut pair = Pair::established();
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    pair.carry();
    assert_eq!(pair.called.poll_timeout(), None, "the command has not been taken yet");
    pair.pass(Duration::from_secs(3_600));
    events(&mut pair.called);
    pair.pass(Duration::from_secs(1));
    check(&mut pair.called, pair.now, Timer::Progress, ABORT);
}

#[test]
fn a_release_request_must_be_answered() {
    let mut pair = Pair::established();
    pair.calling.release(pair.now);
    transmitted(&mut pair.calling);
    check(&mut pair.calling, pair.now, Timer::Release, ABORT);
}

#[test]
fn our_user_must_finish_when_the_peer_wants_to_leave() {
    let mut pair = Pair::established();
    pair.calling.send_command(pair.now, 1, &ECHO).unwrap();
    pair.calling.release(pair.now);
    pair.carry();
    events(&mut pair.called);
    check(&mut pair.called, pair.now, Timer::Finish, ABORT);
}

#[test]
fn a_peer_that_does_not_close_is_left_after_the_closing_time() {
    let mut pair = Pair::established();
    pair.calling.release(pair.now);
    pair.carry();
    events(&mut pair.called);
    assert!(!pair.called.is_closed());
    pair.pass(Timers::default().close - MOMENT);
    assert!(!pair.called.is_closed());
    pair.pass(MOMENT);
    assert!(pair.called.is_closed());
    assert!(events(&mut pair.called).is_empty());
}

#[test]
fn after_an_abort_the_wait_is_short_and_input_is_dropped() {
    let mut pair = Pair::established();
    pair.called.abort(pair.now, crate::AbortReason::ServiceUser);
    transmitted(&mut pair.called);
    events(&mut pair.called);
    assert!(pair.called.wants_input());
    pair.called.handle_input(pair.now, Bytes::from_static(b"\x99 anything"));
    assert!(events(&mut pair.called).is_empty());
    pair.pass(Timers::default().abort);
    assert!(pair.called.is_closed());
}

#[test]
fn no_timer_runs_while_a_request_waits_for_our_own_answer() {
    let mut pair = Pair::new(Config::default(), Config::default(), request());
    pair.carry();
    events(&mut pair.called);
    assert_eq!(pair.called.poll_timeout(), None);
    pair.now += Duration::from_secs(3_600);
    pair.called.accept(pair.now, accepted(&[1]));
    events(&mut pair.called);
    check(&mut pair.called, pair.now, Timer::Idle, ABORT);
}
