use proptest::prelude::*;
use serde_json::json;

use super::Readable;
use crate::{Location, Message, Path, WarningKind, path};

#[track_caller]
fn check(bytes: &[u8], expected: serde_json::Value) {
    let message = Message::parse(bytes.to_vec()).expect("a message");
    assert_eq!(serde_json::to_value(&message).expect("JSON"), expected);
    let back: Message = serde_json::from_value(expected).expect("a message");
    assert_eq!(back.as_bytes(), bytes);
}

#[test]
fn a_message_is_written_as_its_segments() {
    check(
        b"MSH|^~\\&|RIS\rPID|1||77\rstray\r",
        json!({ "segments": ["MSH|^~\\&|RIS", "PID|1||77", "stray"] }),
    );
    check(
        "MSH|^~\\&|RIS\r\nPID|1||MÜLLER\r\n".as_bytes(),
        json!({ "terminator": "\r\n", "segments": ["MSH|^~\\&|RIS", "PID|1||MÜLLER"] }),
    );
    check(
        b"MSH|^~\\&||||||||||||||||8859/1\rPID|1||M\xdcLLER\r",
        json!({ "charset": "8859/1", "segments": ["MSH|^~\\&||||||||||||||||8859/1", "PID|1||MÜLLER"] }),
    );
}

#[test]
fn what_text_cannot_hold_is_hexadecimal() {
    check(b"MSH|^~\\&", json!({ "hexadecimal": "4d53487c5e7e5c26" }));
    check(b"\x0bMSH|\r", json!({ "hexadecimal": "0b4d53487c0d" }));
    check(
        b"MSH|^~\\&||||||||||||||||UTF-8\r\xff\r",
        json!({ "hexadecimal": "4d53487c5e7e5c267c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c5554462d380dff0d" }),
    );
}

#[track_caller]
fn refuse(value: serde_json::Value, expected: &str) {
    let error = serde_json::from_value::<Message>(value).expect_err("a refusal");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_is_no_message_is_refused() {
    refuse(json!({ "segments": ["PID|1"] }), "no MSH segment");
    refuse(json!({ "hexadecimal": "4d5" }), "not hexadecimal");
    refuse(json!({ "hexadecimal": "zz" }), "not hexadecimal");
    refuse(json!({}), "either segments or hexadecimal");
    refuse(json!({ "segments": null }), "either segments or hexadecimal");
    refuse(json!("MSH|"), "not an object");
    refuse(json!({ "segments": "MSH|" }), "not a list of texts");
    refuse(json!({ "segments": [1001] }), "not a text");
    refuse(json!({ "segments": [], "MSH": "" }), "name that no message has");
    refuse(json!({ "segments": [], "hexadecimal": "" }), "either segments or hexadecimal");
    refuse(json!({ "segments": ["MSH|"], "charset": "KLINGON" }), "unknown character set");
    refuse(
        json!({ "segments": ["MSH|Ω"], "charset": "8859/1" }),
        "character that the set does not have",
    );
}

#[test]
fn the_readable_form_has_all_levels() {
    let message = Message::parse(
        "MSH|^~\\&|RIS\rOBX|1|TX|A^B||a\\.br\\b~\"\"~c&d\\T\\e^^\"\"|\rPV1\rstray | line\r",
    );
    assert_eq!(
        serde_json::to_value(Readable(&message.expect("a message"))).expect("JSON"),
        json!([
            { "id": "MSH", "1": "|", "2": "^~\\&", "3": "RIS" },
            {
                "id": "OBX",
                "1": "1",
                "2": "TX",
                "3": { "1": "A", "2": "B" },
                "5": ["a\\.br\\b", null, { "1": { "1": "c", "2": "d&e" }, "3": null }],
            },
            { "id": "PV1" },
            { "line": "stray | line" },
        ])
    );
}

#[test]
fn places_and_kinds_are_written_as_text() {
    let places = (
        path!("PID-3(2).1"),
        "MSH-9.1".parse::<Location>().expect("a place"),
        WarningKind::StrayLine,
    );
    let value = serde_json::to_value(places).expect("JSON");
    assert_eq!(value, json!(["PID-3(2)", "MSH-9.1", "stray-line"]));
    let back: (Path, Location, WarningKind) = serde_json::from_value(value).expect("the same");
    assert_eq!(back, places);
    assert!(serde_json::from_value::<Path>(json!("PID")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_message_comes_back_byte_for_byte(
        body in proptest::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'|'), Just(b'P'), any::<u8>()],
            0..60,
        ),
        charset in prop_oneof![Just(""), Just("8859/1"), Just("UNICODE UTF-8"), Just("GB 18030-2000"), Just("~ISO IR87")],
    ) {
        let head = format!("MSH|^~\\&||||||||||||||||{charset}\r");
        let message = Message::parse([head.as_bytes(), &body].concat()).expect("a message");
        let text = serde_json::to_string(&message).expect("JSON");
        let back: Message = serde_json::from_str(&text).expect("a message");
        prop_assert_eq!(back.as_bytes(), message.as_bytes());
        serde_json::to_string(&Readable(&message)).expect("JSON");
    }
}
