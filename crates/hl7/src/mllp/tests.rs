use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use telerad_core::Timestamp;

use super::{
    CloseReason, Decoder, Event, Fault, Limits, Receiver, ReceiverConfig, ReceiverEvent, Sender,
    SenderConfig, SenderEvent, Unexpected, frame,
};
use crate::{AckCode, AckError, Acknowledgement, Message, acknowledge};

const LIMITS: Limits = Limits { frame_bytes_max: 64, stray_bytes_max: 16 };

fn events(stream: &[u8], chunk: usize) -> Vec<Event> {
    let mut decoder = Decoder::new(LIMITS);
    let mut events = Vec::new();
    for piece in stream.chunks(chunk.max(1)) {
        decoder.feed(Bytes::copy_from_slice(piece));
        events.extend(std::iter::from_fn(|| decoder.poll()));
    }
    decoder.finish();
    events.extend(std::iter::from_fn(|| decoder.poll()));
    events
}

fn content(text: &str) -> Event {
    Event::Frame(Bytes::copy_from_slice(text.as_bytes()))
}

fn fault(fault: Fault) -> Event {
    Event::Fault(fault)
}

#[track_caller]
fn check(stream: &str, expected: &[Event]) {
    for chunk in [1, 2, 3, 7, stream.len()] {
        assert_eq!(events(stream.as_bytes(), chunk), expected, "{stream:?} in pieces of {chunk}");
    }
}

#[test]
fn frames_are_found_one_after_the_other() {
    check("\x0bA\x1c\r", &[content("A")]);
    check("\x0bA\r\x1c\r\x0bB\x1c\r", &[content("A\r"), content("B")]);
    check("\x0bA\nB\rC\x1c\r\r\n \0\t\x0bD\x1c\r\n", &[content("A\nB\rC"), content("D")]);
    check("\x0b\x1c\r", &[content("")]);
    check("", &[]);
    check("\x0bA", &[]);
    check("\x0bA\x1c", &[]);
}

#[test]
fn a_missing_carriage_return_is_survived() {
    let missing = fault(Fault::MissingCarriageReturn);
    check("\x0bA\x1c\x0bB\x1c\r", &[content("A"), missing.clone(), content("B")]);
    check("\x0bA\x1c\n\x0bB\x1c\r", &[content("A"), missing, content("B")]);
}

#[test]
fn an_end_block_inside_text_is_text() {
    check("\x0bA\x1cB\x1c\x1c\r", &[content("A\x1cB\x1c")]);
}

#[test]
fn a_restarted_frame_is_reported_and_its_rest_not_mixed_with_the_next() {
    check("\x0bAB\x0bC\x1c\r", &[fault(Fault::RestartedBeforeEnd { bytes: 2 }), content("C")]);
    check("\x0b\x0bC\x1c\r\x1c\r", &[content("C"), fault(Fault::StrayBytes { count: 1 })]);
}

#[test]
fn bytes_outside_frames_are_counted() {
    check("abc\x0bA\x1c\r", &[fault(Fault::StrayBytes { count: 3 }), content("A")]);
    check("\u{feff}\x0bA\x1c\r", &[fault(Fault::StrayBytes { count: 3 }), content("A")]);
    let flood = "x".repeat(40);
    let report = |count| fault(Fault::StrayBytes { count });
    check(&flood, &[report(16), report(16), report(8)]);
}

#[test]
fn a_frame_beyond_the_limit_is_dropped_whole_and_the_next_one_read() {
    let too_large = fault(Fault::TooLarge { frame_bytes_max: 64 });
    let exact = "x".repeat(64);
    check(&format!("\x0b{exact}\x1c\r"), &[content(&exact)]);
    check(&format!("\x0b{exact}y\x1cz\x1c\r\x0bA\x1c\r"), &[too_large.clone(), content("A")]);
    check(&format!("\x0b{exact}y\x1c\x0bA\x1c\r"), &[too_large.clone(), content("A")]);
    check(&format!("\x0b{exact}y\x0bA\x1c\r"), &[too_large, content("A")]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_cutting_of_the_stream_changes_nothing(
        bytes in proptest::collection::vec(
            prop_oneof![Just(0x0b), Just(0x1c), Just(b'\r'), Just(b'\n'), Just(b'a'), any::<u8>()],
            0..200,
        ),
        chunk in 1_usize..20,
    ) {
        prop_assert_eq!(events(&bytes, chunk), events(&bytes, bytes.len()));
    }

    #[test]
    fn what_is_framed_comes_out(text in "[^\\x0b\\x1c]{0,60}", chunk in 1_usize..20) {
        prop_assume!(text.len() <= 64);
        // These alone are commit blocks of release 2.
        prop_assume!(!matches!(text.as_bytes(), [0x06 | 0x15]));
        let got = events(&frame(text.as_bytes()), chunk);
        prop_assert!(got == [content(&text)]);
    }
}

#[test]
fn nothing_that_is_printed_holds_patient_data() {
    let mut decoder = Decoder::new(LIMITS);
    decoder.feed(Bytes::from_static(b"\x0bROSSI\x1c\r\x0bROSSI"));
    let event = decoder.poll();
    assert!(!format!("{event:?} {decoder:?}").contains("ROSSI"));
    let message = ReceiverEvent::Message { id: 0, frame: Bytes::from_static(b"ROSSI") };
    assert!(!format!("{message:?}").contains("ROSSI"));
}

/// Both ends of a connection, a clock that is moved by hand, and an application that acknowledges.
struct Pair {
    now: Instant,
    sender: Sender,
    receiver: Receiver,
    received: Vec<Bytes>,
    /// Bytes per read at either end.
    chunk: usize,
    answers: bool,
    told: Vec<SenderEvent>,
    heard: Vec<ReceiverEvent>,
}

impl Pair {
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do as the zero of a fake clock"
    )]
    fn new(chunk: usize) -> Self {
        let now = Instant::now();
        Self {
            now,
            sender: Sender::new(SenderConfig::default()),
            receiver: Receiver::new(ReceiverConfig::default(), now),
            received: Vec::new(),
            chunk,
            answers: true,
            told: Vec::new(),
            heard: Vec::new(),
        }
    }

    fn send(&mut self, control_id: &str) {
        let message = format!("MSH|^~\\&|A||||||ADT^A04|{control_id}|P|2.5\rPID|1||7\r");
        self.sender.send(self.now, control_id, message).expect("nothing in flight");
    }

    /// Carries bytes both ways until nothing moves.
    fn run(&mut self) {
        loop {
            let mut out = Vec::new();
            self.sender.poll_transmit(&mut out);
            let mut moved = !out.is_empty();
            for piece in out.concat().chunks(self.chunk) {
                self.receiver.handle_input(self.now, Bytes::copy_from_slice(piece));
            }
            moved |= self.serve();
            let mut back = Vec::new();
            self.receiver.poll_transmit(&mut back);
            moved |= !back.is_empty();
            for piece in back.concat().chunks(self.chunk) {
                self.sender.handle_input(self.now, Bytes::copy_from_slice(piece));
            }
            self.told.extend(std::iter::from_fn(|| self.sender.poll_event()));
            if !moved {
                return;
            }
        }
    }

    fn serve(&mut self) -> bool {
        let mut moved = false;
        while let Some(event) = self.receiver.poll_event() {
            moved = true;
            let ReceiverEvent::Message { id, frame } = event else {
                self.heard.push(event);
                continue;
            };
            if self.answers {
                let answer = match Message::parse(frame.clone()) {
                    Ok(message) => acknowledge(
                        Some(&message),
                        &Acknowledgement::accept(),
                        "R",
                        Timestamp::default(),
                    ),
                    Err(error) => {
                        acknowledge(None, &error.acknowledgement(), "R", Timestamp::default())
                    }
                };
                self.receiver.answer(self.now, id, answer);
            }
            self.received.push(frame);
        }
        moved
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.sender.handle_timeout(self.now);
        self.receiver.handle_timeout(self.now);
        self.run();
    }

    #[track_caller]
    fn check_answered(&mut self, control_id: &str, code: AckCode) {
        match self.told.as_slice() {
            [SenderEvent::Answered { control_id: answered, ack, .. }] => {
                assert_eq!((answered.as_str(), ack.code), (control_id, code));
            }
            other => panic!("{other:?}"),
        }
        self.told.clear();
    }
}

#[test]
fn messages_are_answered_one_by_one_however_small_the_reads() {
    for chunk in [1, 2, 5, 1460] {
        let mut pair = Pair::new(chunk);
        for control_id in ["1", "2", "3"] {
            pair.send(control_id);
            assert!(pair.sender.send(pair.now, "x", b"x").is_err());
            pair.run();
            pair.check_answered(control_id, AckCode::AA);
        }
        assert_eq!(pair.received.len(), 3);
        assert!(pair.heard.is_empty());
    }
}

#[test]
fn nonsense_in_a_frame_is_refused_and_the_refusal_is_the_answer() {
    let mut pair = Pair::new(1460);
    pair.sender.send(pair.now, "1", b"nonsense").expect("nothing in flight");
    pair.run();
    pair.check_answered("1", AckCode::AR);
}

#[test]
fn a_message_without_an_answer_times_out_and_a_late_answer_is_not_mistaken() {
    let mut pair = Pair::new(1460);
    pair.answers = false;
    pair.send("1");
    pair.run();
    assert_eq!(pair.sender.poll_timeout(), Some(pair.now + Duration::from_secs(30)));
    pair.pass(29);
    assert_eq!(pair.told, []);
    pair.pass(1);
    assert_eq!(pair.told, [SenderEvent::Timeout { control_id: "1".into() }]);
    pair.told.clear();
    pair.send("2");
    pair.receiver.answer(pair.now, 0, b"MSH|^~\\&\rMSA|AA|1\r");
    pair.run();
    assert_eq!(pair.told, [SenderEvent::Unexpected(Unexpected::OtherControlId)]);
    assert!(pair.sender.is_in_flight());
}

#[test]
fn only_a_named_message_is_believed_to_be_accepted() {
    let mut pair = Pair::new(1460);
    pair.answers = false;
    pair.send("1");
    pair.run();
    for nameless in ["MSH|^~\\&\rMSA|AA\r", "MSH|^~\\&\rPID|1\r", "garbage"] {
        pair.sender.handle_input(pair.now, frame(nameless.as_bytes()));
    }
    pair.run();
    assert_eq!(
        pair.told,
        [
            SenderEvent::Unexpected(Unexpected::OtherControlId),
            SenderEvent::Unexpected(Unexpected::NotAnAcknowledgement { bytes: 15 }),
            SenderEvent::Unexpected(Unexpected::NotAnAcknowledgement { bytes: 7 }),
        ]
    );
    assert!(pair.sender.is_in_flight());
}

#[test]
fn a_connection_that_ends_names_what_was_in_flight() {
    let mut pair = Pair::new(1460);
    pair.answers = false;
    pair.send("1");
    pair.run();
    pair.sender.handle_closed(pair.now);
    pair.run();
    let reason = CloseReason::PeerClosed;
    assert_eq!(pair.told, [SenderEvent::Close { reason, in_flight: vec!["1".into()] }]);
    assert!(!pair.sender.wants_input() && pair.sender.poll_timeout().is_none());
}

#[test]
fn answers_go_out_in_the_order_of_the_messages() {
    let mut pair = Pair::new(1460);
    pair.answers = false;
    pair.receiver.handle_input(pair.now, Bytes::from_static(b"\x0bA\x1c\r\x0bB\x1c\r"));
    pair.run();
    pair.receiver.answer(pair.now, 1, b"b");
    let mut out = Vec::new();
    pair.receiver.poll_transmit(&mut out);
    assert!(out.is_empty());
    pair.receiver.answer(pair.now, 0, b"a");
    pair.receiver.answer(pair.now, 0, b"again");
    pair.receiver.answer(pair.now, 9, b"never asked");
    pair.receiver.poll_transmit(&mut out);
    assert_eq!(out.concat(), b"\x0ba\x1c\r\x0bb\x1c\r");
}

#[test]
fn a_sender_that_pipelines_is_held_back() {
    let mut pair = Pair::new(1460);
    pair.answers = false;
    let stream = b"\x0bA\x1c\r".repeat(6);
    pair.receiver.handle_input(pair.now, Bytes::from(stream));
    pair.run();
    assert_eq!(pair.received.len(), 4);
    assert!(!pair.receiver.wants_input());
    assert_eq!(pair.receiver.poll_timeout(), None);
    for id in 0..6 {
        pair.receiver.answer(pair.now, id, b"ok");
        pair.run();
    }
    assert_eq!(pair.received.len(), 6);
    assert!(pair.receiver.wants_input() && !pair.receiver.is_answering());
}

#[test]
fn a_frame_that_only_lacks_its_carriage_return_is_taken_after_a_moment() {
    let mut pair = Pair::new(1460);
    pair.receiver.handle_input(pair.now, Bytes::from_static(b"\x0bMSH|^~\\&\r\x1c"));
    assert_eq!(pair.receiver.poll_timeout(), Some(pair.now + Duration::from_millis(500)));
    pair.receiver.handle_timeout(pair.now);
    pair.run();
    assert_eq!(pair.received.len(), 0);
    pair.pass(1);
    assert_eq!(pair.received.len(), 1);
    assert_eq!(pair.heard, [ReceiverEvent::Fault(Fault::MissingCarriageReturn)]);
    pair.receiver.handle_input(pair.now, Bytes::from_static(b"\r\x0bB\x1c\r"));
    pair.run();
    assert_eq!(pair.received.len(), 2);
}

#[track_caller]
fn check_close(pair: &mut Pair, reason: CloseReason) {
    assert_eq!(pair.heard.last(), Some(&ReceiverEvent::Close(reason)));
    assert!(pair.receiver.is_closed() && !pair.receiver.wants_input());
    assert_eq!(pair.receiver.poll_timeout(), None);
}

#[test]
fn a_frame_that_stalls_or_drips_closes_the_connection() {
    let mut pair = Pair::new(1460);
    pair.receiver.handle_input(pair.now, Bytes::from_static(b"\x0bMSH"));
    pair.pass(29);
    assert!(pair.heard.is_empty());
    pair.pass(1);
    check_close(&mut pair, CloseReason::HalfFrame);

    let mut pair = Pair::new(1460);
    pair.receiver.handle_input(pair.now, Bytes::from_static(b"\x0bMSH"));
    for _ in 0..30 {
        pair.pass(20);
        pair.receiver.handle_input(pair.now, Bytes::from_static(b"x"));
    }
    pair.pass(0);
    check_close(&mut pair, CloseReason::HalfFrame);
}

#[test]
fn an_idle_connection_is_closed_but_not_while_an_answer_is_made() {
    let mut pair = Pair::new(1460);
    pair.answers = false;
    pair.send("1");
    pair.run();
    assert_eq!(pair.receiver.poll_timeout(), None);
    pair.pass(4000);
    pair.receiver.answer(pair.now, 0, b"MSH|^~\\&\rMSA|AA|1\r");
    pair.pass(3599);
    assert!(pair.heard.is_empty());
    pair.pass(1);
    check_close(&mut pair, CloseReason::Idle);
}

#[test]
fn an_oversized_frame_and_foreign_bytes_close_the_connection() {
    let config = ReceiverConfig { limits: LIMITS, ..ReceiverConfig::default() };
    let mut pair = Pair::new(1460);
    pair.receiver = Receiver::new(config, pair.now);
    pair.receiver.handle_input(pair.now, Bytes::from(["\x0b", &"x".repeat(65)].concat()));
    pair.run();
    check_close(&mut pair, CloseReason::Oversized);

    // What follows is no more delivered, lest somebody store it without being able to say so.
    let stream = ["\x0b", &"x".repeat(65), "\x1c\r\x0bA\x1c\r"].concat();
    pair.receiver = Receiver::new(config, pair.now);
    pair.receiver.handle_input(pair.now, Bytes::from(stream.clone()));
    pair.receiver.handle_closed(pair.now);
    pair.run();
    check_close(&mut pair, CloseReason::Oversized);
    pair.receiver = Receiver::new(ReceiverConfig { unanswered_max: 1, ..config }, pair.now);
    pair.receiver.handle_input(pair.now, Bytes::from(["\x0bB\x1c\r", &stream].concat()));
    pair.receiver.handle_closed(pair.now);
    let mut messages = 0;
    while let Some(event) = pair.receiver.poll_event() {
        messages += usize::from(matches!(event, ReceiverEvent::Message { .. }));
    }
    assert_eq!(messages, 1);

    pair.receiver = Receiver::new(config, pair.now);
    pair.receiver.handle_input(pair.now, Bytes::from_static(b"GET / HTTP/1.1\r\nHost: x\r\n"));
    pair.run();
    check_close(&mut pair, CloseReason::NotMllp);
}

#[test]
fn a_peer_that_leaves_gets_the_answers_it_is_owed() {
    let mut pair = Pair::new(1460);
    pair.answers = false;
    pair.receiver.handle_input(pair.now, Bytes::from_static(b"\x0bA\x1c\r\x0bhalf"));
    pair.receiver.handle_closed(pair.now);
    pair.run();
    let close = ReceiverEvent::Close(CloseReason::PeerClosedMidFrame);
    assert_eq!(pair.heard, [close]);
    assert!(!pair.receiver.is_closed());
    pair.receiver.answer(pair.now, 0, b"a");
    let mut out = Vec::new();
    pair.receiver.poll_transmit(&mut out);
    assert_eq!(out.concat(), b"\x0ba\x1c\r");
    assert!(pair.receiver.is_closed());
}

#[test]
fn an_acknowledgement_error_is_told_with_its_condition() {
    let mut pair = Pair::new(1460);
    pair.answers = false;
    pair.send("1");
    pair.run();
    let request = Message::parse(pair.received[0].clone()).expect("a message");
    let error = AckError { condition: 204, location: "PID^1^3".into(), text: "unknown".into() };
    let bytes =
        acknowledge(Some(&request), &Acknowledgement::error(error), "R", Timestamp::default());
    pair.receiver.answer(pair.now, 0, bytes);
    pair.run();
    match pair.told.as_slice() {
        [SenderEvent::Answered { ack, .. }] => assert_eq!(ack.condition, Some(204)),
        other => panic!("{other:?}"),
    }
}
