use proptest::prelude::*;
use telerad_charset::Charset;

use super::{EncodeOptions, Terminator};
use crate::{Message, path};

#[track_caller]
fn check(before: &[u8], options: EncodeOptions, expected: Result<&[u8], &str>) {
    let message = Message::parse(before.to_vec()).expect("a message");
    let got = message.encode_with(&options).map_err(|error| error.to_string());
    assert_eq!(got.as_deref().map_err(String::as_str), expected);
}

fn end(terminator: Terminator) -> EncodeOptions {
    EncodeOptions { terminator: Some(terminator), ..EncodeOptions::default() }
}

fn into(charset: Charset) -> EncodeOptions {
    EncodeOptions { charset: Some(charset), ..EncodeOptions::default() }
}

#[test]
fn without_options_the_bytes_are_the_same() {
    let odd = b"\x0bMSH|^~\\&|\n\nPID|1\r\r x";
    check(odd, EncodeOptions::default(), Ok(odd));
}

#[test]
fn every_segment_gets_the_terminator_that_was_chosen() {
    let mixed = b"\x0bMSH|^~\\&|A\n\nPID|1\r\r\nPV1";
    check(mixed, end(Terminator::CarriageReturn), Ok(b"MSH|^~\\&|A\rPID|1\rPV1\r"));
    check(mixed, end(Terminator::LineFeed), Ok(b"MSH|^~\\&|A\nPID|1\nPV1\n"));
    check(mixed, end(Terminator::CarriageReturnLineFeed), Ok(b"MSH|^~\\&|A\r\nPID|1\r\nPV1\r\n"));
}

#[test]
fn a_line_feed_in_text_is_not_made_the_end_of_its_segment() {
    let text = b"MSH|^~\\&\rNTE|1||a\nb\r";
    check(text, end(Terminator::CarriageReturn), Ok(text));
    let refusal = "a line feed inside a segment, at byte 17, would end it";
    check(text, end(Terminator::LineFeed), Err(refusal));
    check(text, end(Terminator::CarriageReturnLineFeed), Err(refusal));
}

fn named(charset: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("MSH|^~\\&||||||||1|P|2.5||||||{charset}\r");
    [head.as_bytes(), body].concat()
}

#[test]
fn text_is_written_in_the_other_set_and_the_set_is_named() {
    check(
        &named("8859/1~ASCII", b"PID|1||7||M\xdcLLER^\\T\\\\.br\\\r\r"),
        into(Charset::Utf8),
        Ok(&named("UNICODE UTF-8", "PID|1||7||MÜLLER^\\T\\\\.br\\\r\r".as_bytes())),
    );
    check(
        &named("UNICODE UTF-8", "PID|1||7||亅^乛\r".as_bytes()),
        into(Charset::Gb18030),
        Ok(&named("GB 18030-2000", b"PID|1||7||\x81\x7c^\x81\x5e\r")),
    );
    check(
        &named("8859/1", b"NTE|1||a\rstray \xdc|x\rpid|1\r"),
        into(Charset::Utf8),
        Ok(&named("UNICODE UTF-8", "NTE|1||a\rstray Ü|x\rpid|1\r".as_bytes())),
    );
    check(
        b"MSH|^~\\&|A\rPID|1\r",
        into(Charset::Utf8),
        Ok(b"MSH|^~\\&|A|||||||||||||||UNICODE UTF-8\rPID|1\r"),
    );
}

#[test]
fn what_the_other_set_lacks_is_refused_and_not_replaced() {
    check(
        &named("UNICODE UTF-8", "PID|1\rNTE|1\rNTE|2||Ω\r".as_bytes()),
        into(Charset::Latin1),
        Err("NTE[2]: character at byte 0 of the text has no place in Latin1"),
    );
    check(
        &named("UNICODE UTF-8", b"PID|1||7||M\xdcLLER\r"),
        into(Charset::Gb18030),
        Err("PID-5 would not read the same in the other character set"),
    );
    check(
        &named("8859/1", b"PID|1||7||M\\XDC\\LLER\r"),
        into(Charset::Utf8),
        Err("PID-5 would not read the same in the other character set"),
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn there_and_back_is_the_same_text(text in "[ -~\u{e0}-\u{ff}]{0,20}") {
        let mut edit = Message::parse(named("UNICODE UTF-8", b"PID|1\r")).expect("ours").edit();
        edit.set(&path!("PID-5"), &text).expect("a change");
        let message = edit.finish().expect("a message");
        let latin = message.encode_with(&into(Charset::Latin1)).expect("Latin-1 text");
        let latin = Message::parse(latin).expect("a message");
        prop_assert_eq!(latin.value(&path!("PID-5")).text().unwrap_or_default(), text.as_str());
        let back = latin.encode_with(&into(Charset::Utf8)).expect("any text");
        prop_assert_eq!(&back, message.as_bytes());
    }
}

#[test]
fn a_line_feed_that_other_terminators_would_make_an_end_is_refused() {
    // Found by fuzzing: a damaged segment id behind a line feed is text, until the other segments end in CR.
    let message = Message::parse("MSH|^~\\&|RIS|2.3.1\nOBR|1|CT\nZDS\u{16}|1.2\n").unwrap();
    let options =
        crate::EncodeOptions { terminator: Some(crate::Terminator::CarriageReturn), charset: None };
    let encoded = message.encode_with(&options);
    assert!(matches!(encoded, Err(crate::EncodeError::LineFeedInText { .. })), "{encoded:?}");
}
