//! Release 2, pipelined senders, answers in two phases, and fault policies.

use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    CloseReason, Commit, Decoder, Event, Expectation, Fault, FaultPolicy, Limits, Reaction,
    Receiver, ReceiverConfig, ReceiverEvent, Release, Sender, SenderConfig, SenderEvent,
    StartBlockInFrame, Unexpected, can_be_framed, frame,
};
use crate::{AckMode, Message};

#[expect(clippy::disallowed_methods, reason = "any instant will do as the zero of a fake clock")]
fn zero() -> Instant {
    Instant::now()
}

fn sender(config: SenderConfig) -> (Sender, Instant) {
    (Sender::new(config), zero())
}

fn sent(sender: &mut Sender) -> Vec<u8> {
    let mut out = Vec::new();
    sender.poll_transmit(&mut out);
    out.concat()
}

/// Events in short: `answered 1 AA`.
fn told(sender: &mut Sender) -> Vec<String> {
    let short = |event| match event {
        SenderEvent::Accepted { control_id, ack, .. } => {
            format!("accepted {control_id} {}", ack.code)
        }
        SenderEvent::Answered { control_id, ack, .. } => {
            format!("answered {control_id} {}", ack.code)
        }
        SenderEvent::Committed { control_id } => format!("committed {control_id}"),
        SenderEvent::NotCommitted { control_id } => format!("not committed {control_id}"),
        SenderEvent::Unexpected(unexpected) => format!("unexpected: {unexpected}"),
        SenderEvent::Timeout { control_id } => format!("timeout {control_id}"),
        SenderEvent::Close { reason, in_flight } => format!("{reason}: {}", in_flight.join(" ")),
    };
    std::iter::from_fn(|| sender.poll_event()).map(short).collect()
}

fn answer(code: &str, control_id: &str) -> Bytes {
    frame(format!("MSH|^~\\&\rMSA|{code}|{control_id}\r").as_bytes())
}

#[test]
fn a_pipelining_sender_matches_answers_in_any_order() {
    let (mut sender, now) = sender(SenderConfig { in_flight_max: 3, ..SenderConfig::default() });
    for control_id in ["1", "2", "3"] {
        sender.send(now, control_id, control_id).expect("room");
    }
    assert!(!sender.can_send() && sender.send(now, "4", "4").is_err());
    assert_eq!(sent(&mut sender), b"\x0b1\x1c\r\x0b2\x1c\r\x0b3\x1c\r");
    sender.handle_input(now, answer("AA", "2"));
    assert_eq!(told(&mut sender), ["answered 2 AA"]);
    assert!(sender.can_send());
    // A refusal without a name could be of any of them.
    sender.handle_input(now, answer("AR", ""));
    assert_eq!(told(&mut sender), ["unexpected: acknowledgement of another message"]);
    sender.handle_input(now, answer("AE", "3"));
    sender.handle_input(now, answer("AR", ""));
    assert_eq!(told(&mut sender), ["answered 3 AE", "answered 1 AR"]);
}

#[test]
fn each_message_of_a_pipeline_has_its_own_deadline() {
    let (mut sender, now) = sender(SenderConfig { in_flight_max: 2, ..SenderConfig::default() });
    sender.send(now, "1", "1").expect("room");
    sender.send(now + Duration::from_secs(10), "2", "2").expect("room");
    assert_eq!(sender.poll_timeout(), Some(now + Duration::from_secs(30)));
    sender.handle_timeout(now + Duration::from_secs(30));
    assert_eq!(told(&mut sender), ["timeout 1"]);
    assert_eq!(sender.poll_timeout(), Some(now + Duration::from_secs(40)));
    sender.handle_closed(now);
    assert_eq!(told(&mut sender), ["closed by peer: 2"]);
}

#[test]
fn both_answers_of_enhanced_mode_are_waited_for() {
    let (mut sender, now) = sender(SenderConfig::default());
    let both = Expectation::CommitAndApplication;
    sender.send_expecting(now, "1", "1", both).expect("room");
    sender.handle_input(now, answer("CA", "1"));
    assert_eq!(told(&mut sender), ["accepted 1 CA"]);
    assert!(!sender.can_send());
    assert_eq!(sender.poll_timeout(), Some(now + Duration::from_secs(300)));
    sender.handle_input(now, answer("AE", "1"));
    assert_eq!(told(&mut sender), ["answered 1 AE"]);
    sender.send_expecting(now, "2", "2", both).expect("room");
    sender.handle_input(now, answer("CE", "2"));
    assert_eq!(told(&mut sender), ["answered 2 CE"]);
    // A peer in original mode all the same.
    sender.send_expecting(now, "3", "3", both).expect("room");
    sender.handle_input(now, answer("AA", "3"));
    assert_eq!(told(&mut sender), ["answered 3 AA"]);
    sender.send_expecting(now, "4", "4", both).expect("room");
    sender.handle_input(now, answer("CA", "4"));
    sender.handle_timeout(now + Duration::from_secs(300));
    assert_eq!(told(&mut sender), ["accepted 4 CA", "timeout 4"]);
}

#[test]
fn a_second_commit_answer_is_not_the_application_s() {
    let (mut sender, now) = sender(SenderConfig::default());
    sender.send_expecting(now, "1", "1", Expectation::CommitAndApplication).expect("room");
    sender.handle_input(now, answer("CA", "1"));
    sender.handle_input(now, answer("CA", "1"));
    let repeated = "unexpected: second commit answer of a message";
    assert_eq!(told(&mut sender), ["accepted 1 CA", repeated]);
    sender.handle_input(now, answer("AA", "1"));
    assert_eq!(told(&mut sender), ["answered 1 AA"]);
}

#[test]
fn a_receiver_gives_both_answers_of_enhanced_mode_in_their_order() {
    let now = zero();
    let mut receiver = Receiver::new(ReceiverConfig::default(), now);
    receiver.handle_input(now, frame(b"1"));
    receiver.answer_twice(now, 0, "commit", "application");
    let mut out = Vec::new();
    receiver.poll_transmit(&mut out);
    assert_eq!(out.concat(), b"\x0bcommit\x1c\r\x0bapplication\x1c\r");
    assert!(receiver.wants_input());
}

#[test]
fn a_held_receiver_counts_no_stall_but_its_frame_still_has_to_end() {
    let now = zero();
    let after = |seconds| now + Duration::from_secs(seconds);
    let mut receiver = Receiver::new(ReceiverConfig::default(), now);
    receiver.handle_input(now, Bytes::from_static(b"\x0bMSH|"));
    assert_eq!((receiver.frame_bytes(), receiver.poll_timeout()), (4, Some(after(30))));
    receiver.hold();
    assert_eq!((receiver.wants_input(), receiver.poll_timeout()), (false, Some(after(600))));
    receiver.resume(after(100));
    assert_eq!((receiver.wants_input(), receiver.poll_timeout()), (true, Some(after(130))));
    receiver.hold();
    receiver.handle_timeout(after(600));
    let events: Vec<_> = std::iter::from_fn(|| receiver.poll_event()).collect();
    assert_eq!(events, [ReceiverEvent::Close(CloseReason::HalfFrame)]);
}

#[test]
fn where_one_answer_is_expected_the_first_one_is_it() {
    let (mut sender, now) = sender(SenderConfig::default());
    sender.send(now, "1", "1").expect("room");
    sender.handle_input(now, answer("CA", "1"));
    sender.handle_input(now, answer("AA", "1"));
    let unasked = "unexpected: acknowledgement while nothing is in flight";
    assert_eq!(told(&mut sender), ["answered 1 CA", unasked]);
    sender.send_expecting(now, "2", "2", Expectation::Nothing).expect("room");
    assert!(!sender.is_in_flight() && sender.poll_timeout().is_none());
}

#[test]
fn what_to_expect_follows_from_the_message() {
    #[track_caller]
    fn check(accept: &str, application: &str, expected: Option<Expectation>) {
        let message = format!("MSH|^~\\&|A||||||ADT^A04|1|P|2.5|||{accept}|{application}\r");
        let mode = AckMode::of(&Message::parse(message).expect("a message"));
        assert_eq!(Expectation::of(mode), expected);
    }
    check("", "", Some(Expectation::Answer));
    check("AL", "AL", Some(Expectation::CommitAndApplication));
    check("AL", "NE", Some(Expectation::Answer));
    check("AL", "", Some(Expectation::Answer));
    check("NE", "AL", Some(Expectation::Answer));
    check("NE", "NE", Some(Expectation::Nothing));
    check("ER", "AL", None);
    check("AL", "SU", None);
}

const RELEASE_2: SenderConfig = SenderConfig {
    limits: Limits { frame_bytes_max: 1 << 20, stray_bytes_max: 16 },
    answer_ms_max: 30_000,
    carriage_return_ms_max: 500,
    in_flight_max: 2,
    application_answer_ms_max: 300_000,
    release: Release::Two,
};

#[test]
fn in_release_2_the_next_message_waits_for_the_commit_block() {
    let (mut sender, now) = sender(RELEASE_2);
    sender.send(now, "1", "1").expect("room");
    assert!(!sender.can_send());
    sender.handle_input(now, Bytes::from_static(Commit::Ack.block()));
    assert_eq!(told(&mut sender), ["committed 1"]);
    sender.send(now, "2", "2").expect("room");
    sender.handle_input(now, answer("AA", "1"));
    assert_eq!(told(&mut sender), ["answered 1 AA"]);
    sent(&mut sender);
    sender.commit(Commit::Ack);
    sender.commit(Commit::Ack);
    assert_eq!(sent(&mut sender), b"\x0b\x06\x1c\r");
    sender.handle_input(now, Bytes::from_static(Commit::Nak.block()));
    assert_eq!(told(&mut sender), ["not committed 2"]);
    assert!(!sender.is_in_flight());
    sender.handle_input(now, Bytes::from_static(Commit::Ack.block()));
    assert_eq!(told(&mut sender), ["unexpected: unexpected commit block"]);
    sender.send_expecting(now, "3", "3", Expectation::Nothing).expect("room");
    sender.handle_input(now, Bytes::from_static(Commit::Ack.block()));
    assert_eq!(told(&mut sender), ["committed 3"]);
    assert!(!sender.is_in_flight());
    sender.send(now, "4", "4").expect("room");
    sender.handle_timeout(now + Duration::from_secs(30));
    assert_eq!(told(&mut sender), ["timeout 4"]);
}

#[test]
fn in_release_1_a_commit_block_is_a_fault_and_nothing_is_committed() {
    let (mut sender, now) = sender(SenderConfig::default());
    sender.send(now, "1", "1").expect("room");
    sender.handle_input(now, Bytes::from_static(Commit::Ack.block()));
    let fault = Unexpected::Fault(Fault::UnexpectedCommit);
    assert_eq!(told(&mut sender), [format!("unexpected: {fault}")]);
    assert!(sender.is_in_flight());
    sent(&mut sender);
    sender.commit(Commit::Ack);
    assert_eq!(sent(&mut sender), b"");
}

fn receiver(config: ReceiverConfig, stream: &'static [u8]) -> (Receiver, Instant) {
    let now = zero();
    let mut receiver = Receiver::new(config, now);
    receiver.handle_input(now, Bytes::from_static(stream));
    (receiver, now)
}

fn replied(receiver: &mut Receiver) -> Vec<u8> {
    let mut out = Vec::new();
    receiver.poll_transmit(&mut out);
    out.concat()
}

fn heard(receiver: &mut Receiver) -> Vec<String> {
    let short = |event| match event {
        ReceiverEvent::Message { frame, .. } => String::from_utf8_lossy(&frame).into_owned(),
        ReceiverEvent::AnswerCommitted { id, commit } => format!("answer {id} {commit:?}"),
        ReceiverEvent::Fault(fault) => format!("fault: {fault}"),
        ReceiverEvent::Close(reason) => format!("close: {reason}"),
    };
    std::iter::from_fn(|| receiver.poll_event()).map(short).collect()
}

fn release_2() -> ReceiverConfig {
    ReceiverConfig { release: Release::Two, ..ReceiverConfig::default() }
}

#[test]
fn commit_blocks_go_out_in_the_order_of_the_frames_and_before_the_answers() {
    let (mut receiver, now) = receiver(release_2(), b"\x0bA\x1c\r\x0bB\x1c\r\x0bC\x1c\r");
    assert_eq!(heard(&mut receiver), ["A", "B", "C"]);
    receiver.commit(now, 1, Commit::Ack);
    assert_eq!(replied(&mut receiver), b"");
    receiver.commit(now, 0, Commit::Ack);
    assert_eq!(replied(&mut receiver), b"\x0b\x06\x1c\r\x0b\x06\x1c\r");
    receiver.commit(now, 0, Commit::Nak);
    receiver.answer(now, 0, b"a");
    assert_eq!(replied(&mut receiver), b"\x0ba\x1c\r");
    receiver.leave_unanswered(now, 1);
    // Who answers has stored.
    receiver.answer(now, 2, b"c");
    assert_eq!(replied(&mut receiver), b"\x0b\x06\x1c\r\x0bc\x1c\r");
    assert!(!receiver.is_answering());
}

#[test]
fn a_frame_that_could_not_be_stored_is_refused_and_done_with() {
    let (mut receiver, now) = receiver(release_2(), b"\x0bA\x1c\r");
    receiver.commit(now, 0, Commit::Nak);
    receiver.answer(now, 0, b"a");
    assert_eq!(replied(&mut receiver), b"\x0b\x15\x1c\r");
    assert!(!receiver.is_answering());
}

#[test]
fn the_peer_commits_our_answers() {
    let (mut receiver, now) = receiver(release_2(), b"\x0bA\x1c\r\x0bB\x1c\r");
    receiver.answer(now, 0, b"a");
    receiver.answer(now, 1, b"b");
    heard(&mut receiver);
    replied(&mut receiver);
    receiver.handle_input(now, Bytes::from_static(b"\x0b\x06\x1c\r\x0b\x15\x1c\r\x0b\x06\x1c\r"));
    let expected = ["answer 0 Ack", "answer 1 Nak", "fault: unexpected commit block"];
    assert_eq!(heard(&mut receiver), expected);
    receiver.answer_again(1, b"b");
    assert_eq!(replied(&mut receiver), b"\x0bb\x1c\r");
}

#[test]
fn in_release_1_only_answers_go_out() {
    let (mut receiver, now) =
        receiver(ReceiverConfig::default(), b"\x0bA\x1c\r\x0bB\x1c\r\x0b\x06\x1c\r");
    assert_eq!(heard(&mut receiver), ["A", "B", "fault: unexpected commit block"]);
    receiver.commit(now, 0, Commit::Nak);
    receiver.leave_unanswered(now, 0);
    receiver.answer(now, 1, b"b");
    assert_eq!(replied(&mut receiver), b"\x0bb\x1c\r");
}

#[track_caller]
fn check_policy(fault_policy: FaultPolicy, stream: &'static [u8], expected: &[&str]) {
    let (mut receiver, _) =
        receiver(ReceiverConfig { fault_policy, ..ReceiverConfig::default() }, stream);
    assert_eq!(heard(&mut receiver), expected);
}

#[test]
fn faults_end_the_connection_only_where_the_policy_says_so() {
    let lenient = FaultPolicy::default();
    let broken = "close: framing rules broken";
    let missing = b"\x0bA\x1c\x0bB\x1c\r";
    let lost = "fault: frame without carriage return after its end block";
    check_policy(lenient, missing, &["A", lost, "B"]);
    let strict = FaultPolicy { missing_carriage_return: Reaction::Close, ..lenient };
    check_policy(strict, missing, &["A", lost, broken]);
    let restarted = b"\x0bA\x0bB\x1c\r";
    let restart = "fault: frame of 1 bytes restarted before its end";
    check_policy(lenient, restarted, &[restart, "B"]);
    let strict = FaultPolicy { restart: Reaction::Close, ..lenient };
    check_policy(strict, restarted, &[restart, broken]);
    let content = StartBlockInFrame::Content;
    let tolerant = FaultPolicy { start_block_in_frame: content, ..lenient };
    check_policy(tolerant, restarted, &["A\x0bB"]);
    let doubled = b"\x0b\x0bA\x1c\r\x1c\r\x0bB\x1c\r";
    let stray = "fault: 1 bytes outside frames";
    check_policy(lenient, doubled, &["A", stray, "B"]);
    let strict = FaultPolicy { stray_bytes: Reaction::Close, ..lenient };
    check_policy(strict, doubled, &["A", stray, broken]);
    check_policy(strict, b"\r\n\0\x0bB\x1c\r", &["B"]);
    assert_eq!(CloseReason::Framing.to_string(), "framing rules broken");
}

/// Bytes looked at, for a stream that comes in reads of `chunk`.
fn examined(stream: &[u8], chunk: usize, limits: Limits) -> usize {
    let mut decoder = Decoder::new(limits);
    for piece in stream.chunks(chunk) {
        decoder.feed(Bytes::copy_from_slice(piece));
        while decoder.poll().is_some() {}
    }
    decoder.examined
}

#[test]
fn no_byte_is_looked_at_more_than_twice() {
    let limits = Limits { frame_bytes_max: 1000, stray_bytes_max: 3 };
    let pdf = [b"\x0b", "JVBERi0x".repeat(500).as_bytes(), b"\x1c\r"].concat();
    for stream in [
        &b"x".repeat(5000)[..],
        &b"\x1c".repeat(5000),
        &b"\x0b\x1c".repeat(2500),
        &b"\x0ba\x1c\x1cb\x1c".repeat(1000),
        &b"\x0b".repeat(5000),
        &b"\x0bA\x1c\rx".repeat(1000),
        &pdf,
    ] {
        for chunk in [1, 2, 3, 7, 64, stream.len()] {
            let examined = examined(stream, chunk, limits);
            assert!((stream.len()..=2 * stream.len()).contains(&examined), "{examined}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_byte_of_any_stream_is_looked_at_more_than_twice(
        stream in proptest::collection::vec(
            prop_oneof![Just(0x0b), Just(0x1c), Just(b'\r'), Just(b'\n'), Just(b'a'), any::<u8>()],
            1..300,
        ),
        chunk in 1_usize..40,
    ) {
        let limits = Limits { frame_bytes_max: 50, stray_bytes_max: 5 };
        prop_assert!(examined(&stream, chunk, limits) <= 2 * stream.len());
    }

    #[test]
    fn a_commit_block_is_found_however_it_is_cut(chunk in 1_usize..9) {
        let mut decoder = Decoder::new(Limits::default());
        let mut events = Vec::new();
        for piece in [Commit::Ack.block(), Commit::Nak.block()].concat().chunks(chunk) {
            decoder.feed(Bytes::copy_from_slice(piece));
            events.extend(std::iter::from_fn(|| decoder.poll()));
        }
        prop_assert_eq!(events, [Event::Commit(Commit::Ack), Event::Commit(Commit::Nak)]);
    }
}

#[test]
fn in_release_2_a_late_commit_block_is_not_taken_for_that_of_the_next_message() {
    let (mut sender, now) = sender(RELEASE_2);
    sender.send(now, "1", "1").expect("room");
    let now = now + Duration::from_secs(30);
    sender.handle_timeout(now);
    assert_eq!(told(&mut sender), ["timeout 1"]);
    assert!(!sender.can_send() && sender.send(now, "2", "2").is_err());
    sender.handle_input(now, Bytes::from_static(Commit::Ack.block()));
    assert_eq!(told(&mut sender), ["unexpected: unexpected commit block"]);
    sender.send(now, "2", "2").expect("room");
    // The answer before the commit block: the block is still on its way.
    sender.handle_input(now, answer("AA", "2"));
    assert_eq!(told(&mut sender), ["answered 2 AA"]);
    assert!(!sender.can_send() && !sender.is_in_flight());
    sender.handle_input(now, Bytes::from_static(Commit::Ack.block()));
    assert_eq!(told(&mut sender), ["unexpected: unexpected commit block"]);
    assert!(sender.can_send());
}

#[test]
fn nothing_is_told_after_the_end_of_a_connection() {
    let limits = Limits { frame_bytes_max: 64, stray_bytes_max: 64 };
    let (mut sender, now) = sender(SenderConfig { limits, ..SenderConfig::default() });
    sender.send(now, "1", "1").expect("room");
    let mut input = frame("x".repeat(65).as_bytes()).to_vec();
    input.extend_from_slice(&answer("AA", "1"));
    sender.handle_input(now, Bytes::from(input));
    let fault = Unexpected::Fault(Fault::TooLarge { frame_bytes_max: 64 });
    let expected = [format!("unexpected: {fault}"), "frame too large: 1".to_owned()];
    assert_eq!(told(&mut sender), expected);
    sender.handle_closed(now);
    assert_eq!(told(&mut sender), [""; 0]);
    assert_eq!(sender.poll_timeout(), None);
}

#[test]
fn a_commit_block_of_an_answer_long_gone_is_not_taken_for_another_s() {
    let now = zero();
    let mut receiver = Receiver::new(release_2(), now);
    for id in 0..65 {
        receiver.handle_input(now, frame(b"A"));
        receiver.answer(now, id, b"a");
    }
    heard(&mut receiver);
    let blocks = [Commit::Nak.block(), Commit::Ack.block()].concat();
    receiver.handle_input(now, Bytes::from(blocks));
    assert_eq!(heard(&mut receiver), ["fault: unexpected commit block", "answer 1 Ack"]);
}

#[test]
fn no_part_of_a_frame_that_is_too_large_is_a_frame() {
    let limits = Limits { frame_bytes_max: 4, stray_bytes_max: 4 };
    for chunk in 1..12 {
        let mut decoder =
            Decoder::new(limits).with_start_block_in_frame(StartBlockInFrame::Content);
        let mut events = Vec::new();
        for piece in b"\x0bABCDE\x0bF\x1c\r\x0bG\x1c\r".chunks(chunk) {
            decoder.feed(Bytes::copy_from_slice(piece));
            events.extend(std::iter::from_fn(|| decoder.poll()));
        }
        let too_large = Event::Fault(Fault::TooLarge { frame_bytes_max: 4 });
        assert_eq!(events, [too_large, Event::Frame(Bytes::from_static(b"G"))], "{chunk}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_can_be_framed_comes_out_whole(
        message in proptest::collection::vec(
            prop_oneof![Just(0x0b), Just(0x1c), Just(b'\r'), Just(b'\n'), Just(b'a')],
            0..12,
        ),
    ) {
        let mut decoder = Decoder::new(Limits::default());
        decoder.feed(frame(&message));
        let events: Vec<Event> = std::iter::from_fn(|| decoder.poll()).collect();
        let is_whole = events == [Event::Frame(Bytes::from(message.clone()))];
        prop_assert_eq!(can_be_framed(&message), is_whole);
    }
}
