//! Files, fragments and JSON of messages that nobody would write on purpose.

use proptest::prelude::*;
use telerad_hl7::batch::{BatchError, BatchFinding, BatchLimits, File};
use telerad_hl7::continuation::{JoinError, Joined, Joiner, JoinerLimits};
use telerad_hl7::{Message, Segment, tables};

/// Pieces that make a stream: headers, trailers with true, false and unreadable counts, fragments, and noise.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&[u8]> = vec![
        b"FHS|^~\\&|A\r",
        b"BHS|^~\\&|A\r",
        b"MSH|^~\\&|A||||||ORU^R01|1|P|2.5\r",
        b"MSH|^~\\&|A||||||ORU^R01|2|P|2.5||p\r",
        b"PID|1||1001\r",
        b"OBX|1|TX|A||BTS|1\r",
        b"ADD|more\r",
        b"ADD\r",
        b"DSC|p|F\r",
        b"BTS|1\r",
        b"BTS|99999999999999999999\r",
        b"BTS|-1\r",
        b"FTS|1\r",
        b"FTS\r",
        b"FHS#*\r",
        b"\r",
        b"\n",
        b"\x0b",
        b"\x1c\r",
        b"\xef\xbb\xbf",
    ];
    prop_oneof![
        4 => proptest::sample::select(known).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
    ]
}

/// How many messages of the application begin in a stream, counted without this library.
fn headers_in(stream: &[u8]) -> usize {
    let lines = stream.split(|&byte| byte == b'\r' || byte == b'\n');
    lines.filter(|line| line.starts_with(b"MSH|^~\\&|A|")).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_message_of_a_stream_is_lost(pieces in proptest::collection::vec(piece(), 0..24)) {
        let stream = pieces.concat();
        match File::read(stream.clone(), BatchLimits::default()) {
            Ok(file) => {
                prop_assert!(file.messages().count() >= headers_in(&stream));
                for (batch, number) in file.batches.iter().zip(1_usize..) {
                    let declared = batch.trailer.as_ref().map(|trailer| trailer.count());
                    let differs = matches!(declared, Some(Ok(Some(said))) if said != batch.messages.len());
                    let is_told = file.findings.iter().any(|finding| {
                        matches!(finding, BatchFinding::MessageCount { batch, .. } if *batch == number)
                    });
                    prop_assert_eq!(differs, is_told);
                }
            }
            Err(error) => {
                prop_assert_eq!(error, BatchError::NoHeader);
                prop_assert_eq!(headers_in(&stream), 0);
            }
        }
    }

    #[test]
    fn joined_fragments_hold_every_segment(pieces in proptest::collection::vec(piece(), 0..10)) {
        let bytes = [&b"MSH|^~\\&|A||||||ORU^R01|1|P|2.5\r"[..], &pieces.concat()].concat();
        let message = Message::parse(bytes).expect("a message");
        let whole = message.with_additions().expect("within limits");
        // Each line stays but those that say how the message was cut. An ADD behind the header has nothing to continue.
        let stays = |line: &Segment<'_>| match line.id() {
            "ADD" => line.index() == 1,
            "DSC" => whole.as_bytes() == message.as_bytes(),
            _ => true,
        };
        prop_assert_eq!(whole.segments().count(), message.segments().filter(stays).count());
        let mut joiner = Joiner::new(JoinerLimits::default());
        let taken = joiner.take(message.clone());
        prop_assert_eq!(matches!(taken, Ok(Joined::Waiting { .. })), message.continues_at().is_some() && message.continued_from().is_none());
    }
}

#[cfg(feature = "serde")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_come_back_from_json(
        before in prop_oneof![Just(""), Just("\u{b}"), Just("\u{feff}"), Just("junk\r\n")],
        delimiters in prop_oneof![Just("|^~\\&"), Just("|^~\\&#"), Just("#*"), Just("|"), Just("$%?!@")],
        pieces in proptest::collection::vec(piece(), 0..10),
    ) {
        let bytes =
            [before.as_bytes(), b"MSH", delimiters.as_bytes(), &pieces.concat()].concat();
        let message = Message::parse(bytes.clone()).expect("a message");
        let json = serde_json::to_string(&message).expect("JSON");
        let back: Message = serde_json::from_str(&json).expect("a message");
        prop_assert_eq!(back.as_bytes().as_ref(), &bytes[..]);
    }
}

#[test]
fn an_addition_continues_each_kind_of_segment() {
    let kinds = tables::segments().iter().map(|table| table.id);
    for id in kinds.filter(|id| !matches!(*id, "MSH" | "DSC" | "FHS" | "BHS" | "BTS" | "FTS")) {
        let text = format!("MSH|^~\\&|A\rNTE|1\r{id}|1|ab\rADD|cd|e\rADD|f\rNTE|2\rDSC|p|F\r");
        let message = Message::parse(text).expect("a message");
        let whole = message.with_additions().expect("within limits");
        let expected = format!("MSH|^~\\&|A\rNTE|1\r{id}|1|abcd|ef\rNTE|2\r");
        assert_eq!(whole.as_bytes(), expected.as_bytes(), "{id}");
    }
}

#[test]
fn nested_and_repeated_envelopes_are_told() {
    let message = "MSH|^~\\&|A||||||ORU^R01|1|P|2.5\r";
    let stream = format!(
        "FHS|^~\\&|A\rBHS|^~\\&|A\r{message}BHS|^~\\&|A\r{message}BTS|2\rFHS|^~\\&|A\r{message}FTS|1\rFTS|9\r"
    );
    let file = File::read(stream, BatchLimits::default()).expect("a file");
    assert_eq!(file.messages().count(), 3);
    let told: Vec<String> = file.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "batch 1 has no BTS",
            "BTS-1 of batch 2 says 2 messages, 1 are there",
            "second FHS",
            "FTS-1 says 9 batches, 3 are there",
        ]
    );
}

#[test]
fn fragments_that_never_end_stay_bounded() {
    let mut joiner = Joiner::new(JoinerLimits { fragments_max: 5, ..JoinerLimits::default() });
    let part = |from: &str| {
        let text = format!("MSH|^~\\&|A||||||ORU^R01|1|P|2.5||{from}\rNTE|1\rDSC|p|F\r");
        Message::parse(text).expect("a message")
    };
    assert!(matches!(joiner.take(part("")), Ok(Joined::Waiting { .. })));
    for _ in 1..5 {
        assert!(matches!(joiner.take(part("p")), Ok(Joined::Waiting { .. })));
    }
    for _ in 0..3 {
        let refused = joiner.take(part("p"));
        assert_eq!(refused, Err(JoinError::TooManyFragments { fragments_max: 5 }));
    }
    assert_eq!(joiner.waiting(), 1);
}
