use crate::{Message, ParseError, ParseOptions, Path, Warning, WarningKind, WarningSet};

#[track_caller]
fn check(body: &[u8], expected: &[(WarningKind, &str, &[u8])]) {
    let bytes = [b"MSH|^~\\&|||||||ORU^R01|1|P|2.5.1||||||UNICODE UTF-8\r", body].concat();
    let message = Message::parse(bytes.clone()).expect("a message");
    let found = message.check();
    let found: Vec<_> = found
        .iter()
        .map(|warning| {
            let location = warning.location.map(|location| location.to_string());
            (warning.kind, location.unwrap_or_default(), &bytes[warning.span()])
        })
        .collect();
    let expected: Vec<_> =
        expected.iter().map(|(kind, at, span)| (*kind, (*at).to_owned(), *span)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_clean_message_has_no_warnings() {
    check(
        "PID|1||7||MÜLLER\\T\\SÖHNE^X\\E\\Y\rOBX|1|FT|A||a\\.br\\b\\X41\\\\Zx\\||||||F\r"
            .as_bytes(),
        &[],
    );
}

#[test]
fn escapes_that_are_none_are_found_where_they_stand() {
    check(
        b"PID|1||7||A^4\\5 re.\rNTE|1||\\\r",
        &[(WarningKind::Escape, "PID-5", b"\\"), (WarningKind::Escape, "NTE-3", b"\\")],
    );
    check(b"PID|1||7||A\\F^F\\B\r", &[(WarningKind::Escape, "PID-5", b"\\")]);
    check(b"PID|1||7||\\X0D0\\\r", &[(WarningKind::Escape, "PID-5", b"\\")]);
}

#[test]
fn running_text_with_delimiters_is_found_and_other_types_are_not() {
    check(
        b"OBX|1|TX|A||a & b\rOBX|2|CE|A||a^b&c\rOBX|3|FT|A||x ^ y&\r",
        &[
            (WarningKind::UnescapedDelimiter, "OBX-5", b"&"),
            (WarningKind::UnescapedDelimiter, "OBX[3]-5", b"^"),
        ],
    );
}

#[test]
fn malformed_text_and_control_codes_are_found() {
    check(
        b"PID|1||7||M\xdcLLER\rZZZ|a\x07b\tc\r",
        &[
            (WarningKind::MalformedText, "PID-5", b"\xdc"),
            (WarningKind::ControlCode, "ZZZ-1", b"\x07"),
        ],
    );
}

#[test]
fn a_flood_of_deviations_is_bounded() {
    let text = ["MSH|^~\\&\r", &"NTE|1||\\\r".repeat(5000)].concat();
    let found = Message::parse(text).expect("a message").check();
    assert_eq!(found.len(), crate::CHECKED_WARNINGS_MAX);
}

#[track_caller]
fn strict(text: &str, refused: &[WarningKind], expected: Result<(), &str>) {
    let refused: WarningSet = refused.iter().copied().collect();
    let options = ParseOptions { refused, ..ParseOptions::default() };
    let got = Message::parse_with(&options, text.to_owned()).map(|_| ());
    let got = got.map_err(|error| error.to_string());
    assert_eq!(got.as_ref().err().map(String::as_str), expected.err());
}

#[test]
fn strict_mode_refuses_what_was_chosen_and_nothing_else() {
    use WarningKind::{BlankLine, Escape, LineFeedTerminator, LowerCaseId};
    let text = "MSH|^~\\&|A\npid|1||7||a\\b\n";
    strict(text, &[], Ok(()));
    strict(text, &[BlankLine], Ok(()));
    strict(
        text,
        &[LineFeedTerminator],
        Err("refused: segment ended by line feed at byte 10 (2 times)"),
    );
    strict(text, &[LowerCaseId], Err("refused: segment id in small letters at PID, byte 11"));
    strict(
        text,
        &[BlankLine, Escape],
        Err("refused: escape character without a sequence at PID-5, byte 22"),
    );
    strict("MSH|^~\\&|A\rPID|1||7\r", WarningKind::ALL, Ok(()));
}

#[test]
fn a_refused_message_is_answered_with_the_place() {
    let refused = WarningSet::ALL;
    let options = ParseOptions { refused, ..ParseOptions::default() };
    let error = Message::parse_with(&options, "MSH|^~\\&|A\rPID|1||7||a\\b\r").map(|_| ());
    let Err(error @ ParseError::Refused(_)) = error else { panic!("{error:?}") };
    let answer = error.acknowledgement().error.expect("an error");
    assert_eq!((answer.condition, answer.location.as_str()), (102, "PID^1^5"));
}

#[test]
fn codes_of_warnings_are_stable_and_read_back() {
    let codes: Vec<_> = WarningKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(
        codes,
        [
            "blank-line",
            "charset-contradicted",
            "charset-undeclared",
            "charset-unknown",
            "continuation",
            "control-code",
            "encoding-characters",
            "escape",
            "indented-segment",
            "leading-bytes",
            "line-feed-in-text",
            "line-feed-terminator",
            "lower-case-id",
            "malformed-text",
            "missing-terminator",
            "second-header",
            "stray-line",
            "trailing-bytes",
            "unescaped-delimiter",
        ]
    );
    for kind in WarningKind::ALL {
        assert_eq!(kind.code().parse(), Ok(*kind));
        assert!(WarningSet::ALL.contains(*kind) && !WarningSet::ALL.without(*kind).contains(*kind));
    }
    assert!("no such code".parse::<WarningKind>().is_err());
}

#[test]
fn small_letters_are_read_as_the_segment_they_name() {
    let message =
        Message::parse("msh|^~\\&|A\rPid|1||7\rpid|2||8\rPv1\rand|so on\r").expect("a message");
    let ids: Vec<_> = message.segments().map(|segment| segment.id()).collect();
    assert_eq!(ids, ["MSH", "PID", "PID", "", ""]);
    assert_eq!(message.sending_application(), "A");
    assert_eq!(message.value(&crate::path!("PID[2]-3")).text().as_deref(), Some("8"));
    let kinds: Vec<_> =
        message.warnings().iter().map(|warning| (warning.kind, warning.count)).collect();
    assert_eq!(kinds, [(WarningKind::LowerCaseId, 3), (WarningKind::StrayLine, 2)]);
    let first: &Warning = &message.warnings()[0];
    assert_eq!((first.span(), first.location), (0..10, "MSH".parse().ok()));
    assert_eq!("PID-3".parse::<Path>().map(|path| message.value(&path).is_present()), Ok(true));
}
