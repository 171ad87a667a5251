use bytes::Bytes;
use proptest::prelude::*;
use telerad_core::Timestamp;

use super::{BatchFinding, BatchHead, BatchLimits, File, Part, parts, write_batch, write_file};
use crate::{Limits, Message};

fn message(control_id: &str) -> String {
    format!("MSH|^~\\&|RIS||||||ADT^A04|{control_id}|P|2.5\rPID|1||7\r")
}

fn read(stream: impl Into<Bytes>) -> File {
    File::read(stream, BatchLimits::default()).expect("a file")
}

/// Control ids, a word per batch.
fn control_ids(file: &File) -> String {
    let batch = |batch: &super::Batch| {
        let ids = batch
            .messages
            .iter()
            .map(|message| message.as_ref().map_or("?".to_owned(), Message::control_id));
        ids.collect::<Vec<_>>().join(",")
    };
    file.batches.iter().map(batch).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(stream: &str, ids: &str, findings: &[&str]) {
    for terminator in ["\r", "\n", "\r\n"] {
        let file = read(stream.replace('\r', terminator));
        assert_eq!(control_ids(&file), ids);
        let found: Vec<_> = file.findings.iter().map(ToString::to_string).collect();
        assert_eq!(found, findings);
    }
}

#[test]
fn a_file_of_batches_is_read() {
    let [a, b, c] = ["a", "b", "c"].map(message);
    check(
        &format!("FHS|^~\\&|RIS\rBHS|^~\\&\r{a}{b}BTS|2\rBHS|^~\\&\r{c}BTS|1|done\rFTS|2\r"),
        "a,b c",
        &[],
    );
    check(&format!("BHS|^~\\&\r{a}BTS\r"), "a", &[]);
    check("FHS|^~\\&\rBHS|^~\\&\rBTS|0\rFTS|1\r", "", &[]);
}

#[test]
fn bare_messages_are_read_whatever_stands_between_them() {
    let [a, b, c] = ["a", "b", "c"].map(message);
    check(&format!("{a}{b}{c}"), "a,b,c", &[]);
    check(&format!("\u{feff}\x0b{a}\x1c\r\x0b\u{feff}{b}\x1c\r\r\r  {c}\x1c"), "a,b,c", &[]);
    let file = read(format!("\x0b{a}\x1c\r\x0b{b}\x1c\r"));
    let bytes: Vec<_> =
        file.messages().flatten().map(|message| message.as_bytes().clone()).collect();
    assert_eq!(bytes, [a, b]);
}

#[test]
fn counts_that_do_not_add_up_are_found() {
    let a = message("a");
    check(
        &format!("FHS|^~\\&\rBHS|^~\\&\r{a}BTS|2\rFTS|3\r"),
        "a",
        &["BTS-1 of batch 1 says 2 messages, 1 are there", "FTS-1 says 3 batches, 1 are there"],
    );
    check(
        &format!("FHS|^~\\&\rBHS|^~\\&\r{a}BTS|one\rFTS|-\r"),
        "a",
        &["count in trailer of batch 1 is no number", "count in trailer of batch 0 is no number"],
    );
}

#[test]
fn missing_parts_of_the_envelope_are_found() {
    let a = message("a");
    check(
        &format!("FHS|^~\\&\rBHS|^~\\&\r{a}BHS|^~\\&\r{a}"),
        "a a",
        &["batch 1 has no BTS", "batch 2 has no BTS", "no FTS"],
    );
    check(&format!("{a}BTS|1\rFTS|1\r"), "a", &["batch 1 has no BHS", "no FHS"]);
    check(&format!("FHS|^~\\&\rFHS|^~\\&\r{a}FTS\r"), "a", &["second FHS"]);
    check(
        &format!("note\rBHS|^~\\&\r{a}BTS|1\rmore\r{a}"),
        "a a",
        &[
            "4 bytes after batch 0 that belong to no message",
            "4 bytes after batch 1 that belong to no message",
        ],
    );
}

#[test]
fn headers_inside_text_do_not_cut_a_message() {
    let text =
        "MSH|^~\\&|A||||||ORU^R01|1|P|2.5\rOBX|1|TX|||MSH|x\rNTE|1||BTS FTS MSH\rMSH x\rFTSx\r";
    check(text, "1", &[]);
}

#[test]
fn a_message_that_cannot_be_read_keeps_its_place() {
    let limits = Limits { segments_max: 1, ..Limits::default() };
    let limits = BatchLimits { message: limits, ..BatchLimits::default() };
    let stream = format!("{}MSH|^~\\&|A\r", message("a"));
    let file = File::read(stream, limits).expect("a file");
    let readable: Vec<_> = file.messages().map(Result::is_ok).collect();
    assert_eq!(readable, [false, true]);
}

#[test]
fn limits_are_errors_not_truncation() {
    let limits = BatchLimits { messages_max: 2, batches_max: 1, ..BatchLimits::default() };
    let error = |stream: &str| {
        File::read(stream.to_owned(), limits).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(error(&message("a").repeat(2)), Ok(()));
    assert_eq!(error(&message("a").repeat(3)), Err("more than 2 messages".into()));
    assert_eq!(error("BHS|^~\\&\rBTS\rBHS|^~\\&\rBTS\r"), Err("more than 1 batches".into()));
    assert_eq!(error("PID|1\r"), Err("no FHS, BHS or MSH segment".into()));
    assert_eq!(error(""), Err("no FHS, BHS or MSH segment".into()));
}

#[test]
fn envelopes_are_read_with_their_own_delimiters() {
    let file = read(
        "FHS#*~\\@#RIS*1.2##TELERAD##20240301##NAME#COMMENT#F-1\rBHS|^~\\&|A^B\rBTS|0|x\rFTS|1\r",
    );
    let header = file.header.as_ref().expect("FHS");
    let texts = [3, 5, 9, 10, 11].map(|n| header.segment().field(n).text().into_owned());
    assert_eq!(texts, ["RIS", "TELERAD", "NAME", "COMMENT", "F-1"]);
    assert_eq!(header.segment().field(3).component(2).text(), "1.2");
    let batch = &file.batches[0];
    assert_eq!(
        batch.header.as_ref().map(|header| header.segment().field(3).text()),
        Some("A".into())
    );
    assert_eq!(
        batch.trailer.as_ref().map(|trailer| trailer.segment().field(2).text()),
        Some("x".into())
    );
    assert!(!format!("{file:?}").contains("RIS"));
}

#[test]
fn what_is_written_is_read() {
    let messages = ["a", "b"].map(|id| Message::parse(message(id)).expect("a message"));
    let head = BatchHead {
        sending_application: "T|R".into(),
        control_id: "9".into(),
        time: Timestamp::from_micros(1_709_288_100_000_000),
        ..BatchHead::default()
    };
    let batch = write_batch(&head, &messages).expect("ASCII");
    let start = "BHS|^~\\&|T\\F\\R||||20240301101500+0000||||9\rMSH|";
    assert_eq!(&batch[..start.len()], start.as_bytes());
    let file = read(write_file(&head, &[batch.clone(), batch]).expect("ASCII"));
    assert_eq!((control_ids(&file).as_str(), file.findings.as_slice()), ("a,b a,b", &[][..]));
    let read = file.messages().flatten().cloned().collect::<Vec<_>>();
    assert_eq!(read, [messages.clone(), messages].concat());
    let foreign = BatchHead { comment: "é".into(), ..BatchHead::default() };
    assert!(write_batch(&foreign, &[]).is_err());
}

#[test]
fn an_unfinished_batch_is_told_from_a_short_count() {
    let file = read(format!("BHS|^~\\&\r{}", message("a")));
    assert_eq!(file.findings, [BatchFinding::BatchTrailerMissing { batch: 1 }]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_visible_byte_is_in_one_part(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("FHS|^~\\&|"), Just("BHS|^~\\&|"), Just("MSH|^~\\&|"), Just("BTS|1"), Just("FTS|"),
                Just("PID|1"), Just("text"), Just("\r"), Just("\n"), Just(" "), Just("\x0b"), Just("\x1c"),
            ],
            0..30,
        ),
    ) {
        let stream = pieces.concat();
        let visible = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte > b' ').copied().collect::<Vec<_>>();
        let mut seen = Vec::new();
        for part in parts(stream.clone()) {
            seen.extend(match part {
                Part::Message(bytes) | Part::Stray(bytes) => visible(&bytes),
                Part::FileHeader(it) | Part::BatchHeader(it) | Part::BatchTrailer(it) | Part::FileTrailer(it) => {
                    visible(it.segment().raw())
                }
            });
        }
        prop_assert_eq!(seen, visible(stream.as_bytes()));
        let _ = File::read(stream, BatchLimits::default());
    }
}
