use proptest::prelude::*;
use telerad_charset::{CharacterSets, Charset};

use super::{decode, decode_with, encode, encode_formatted, formatted_text};
use crate::Delimiters;
use crate::syntax::{Stretches, Syntax};

#[track_caller]
fn check(raw: &str, expected: &str) {
    assert_eq!(decode(raw.as_bytes(), Delimiters::STANDARD, Charset::Utf8), expected);
}

#[test]
fn delimiters_are_read_from_their_letters() {
    check(r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f");
    check(r"\T\T\T\", "&T&");
    check(r"\P\", "#");
}

#[test]
fn highlighting_marks_nothing_in_plain_text() {
    check(r"\H\urgent\N\ finding", "urgent finding");
}

#[test]
fn escapes_do_not_nest() {
    check(r"\E\X0D\E\", r"\X0D\");
    check(r"\E\.br\E\", r"\.br\");
}

#[test]
fn hexadecimal_bytes_are_text_of_the_message() {
    check(r"a\X0D\b", "a\rb");
    check(r"a\X0D0A\b", "a\r\nb");
    check(r"a\X0d\\X0a\b", "a\r\nb");
    check(r"\XC3A9\t\XC3\\XA9\", "été");
    check(r"a\X000d\b", "a\rb");
}

#[test]
fn what_is_no_sequence_stays_text() {
    for text in [
        r"C:\temp\file",
        r"\",
        r"\\",
        r"a\",
        r"\Q\",
        r"\X\",
        r"\X0\",
        r"\X00D\",
        r"\XZZ\",
        r"\XE9\",
        r"\f\",
        r"\C28\",
        r"\C9999\",
        r"\M244299\",
        r"\Zlocal\",
        r"\.br\",
        r"\.xx\",
        r"4\5 re.",
    ] {
        check(text, text);
    }
}

#[test]
fn a_stray_backslash_does_not_hide_the_sequence_after_it() {
    check(r"a\ b\E\c", r"a\ b\c");
    check(r"C:\temp\\F\x", r"C:\temp\|x");
}

#[test]
fn switched_sets_are_read_until_the_end_or_the_next_switch() {
    let raw = b"a\\M2442\\;3ED\\C2842\\b \\C2D41\\\xe9";
    assert_eq!(decode(raw, Delimiters::STANDARD, Charset::Ascii), "a山田b é");
}

#[test]
fn designations_are_read_in_either_case() {
    check(r"\C2d4c\", "");
    let raw = b"\\M2442\\;3ED\\C284a\\b\\M2440\\;3";
    assert_eq!(decode(raw, Delimiters::STANDARD, Charset::Ascii), "山田b山");
}

#[track_caller]
fn check_stray(raw: &[u8], charset: Charset, expected: Option<usize>) {
    let sets = CharacterSets::from(charset);
    let is_splittable = charset.is_splittable();
    let syntax = Syntax {
        delimiters: Delimiters::STANDARD,
        sets,
        is_splittable,
        stretches: Stretches::default(),
    };
    assert_eq!(super::stray(&syntax, raw), expected, "{}", raw.escape_ascii());
}

#[test]
fn what_had_to_be_taken_for_text_is_told() {
    check_stray(br"a\T\b\.br\\Zlocal\\H\\X0D\", Charset::Utf8, None);
    check_stray(br"a\T\b\c", Charset::Utf8, Some(5));
    check_stray(br"a\C9999\b", Charset::Utf8, Some(1));
    check_stray(br"\T\\XC3\\XA9\\XE9\", Charset::Utf8, Some(3));
    check_stray(br"\XE9\", Charset::Latin1, None);
    check_stray(b"\x95\x5c", Charset::ShiftJis, None);
    check_stray(br"\Q\", Charset::Utf8, Some(0));
}

#[test]
fn a_designation_reaches_over_the_sequences_in_the_text() {
    // KS X 1001 stays in force after the ampersand, which HL7 escapes.
    let sets = CharacterSets::from_hl7(["ASCII", "KS X 1001"]).unwrap();
    let syntax = Syntax {
        delimiters: Delimiters::STANDARD,
        sets,
        is_splittable: true,
        stretches: Stretches::default(),
    };
    let raw = b"\x1b$)C\xb1\xe8\\T\\\xb1\xe8\\XB1E8\\";
    assert_eq!(decode_with(&syntax, raw), "김&김김");
}

#[test]
fn an_escape_character_inside_a_character_escapes_nothing() {
    // 表 is 95 5C in Shift JIS.
    let raw = b"\x95\x5c\\T\\\x95\x5c";
    assert_eq!(decode(raw, Delimiters::STANDARD, Charset::ShiftJis), "表&表");
}

#[test]
fn other_delimiters_have_the_same_letters() {
    let delimiters = Delimiters { escape: Some(b'!'), field: b'#', ..Delimiters::STANDARD };
    assert_eq!(decode(b"a!F!b!E!c\\F\\", delimiters, Charset::Utf8), r"a#b!c\F\");
    let without = Delimiters { escape: None, ..Delimiters::STANDARD };
    assert_eq!(decode(br"a\F\b", without, Charset::Utf8), r"a\F\b");
}

#[track_caller]
fn check_formatted(ft: &str, expected: &str) {
    assert_eq!(formatted_text(ft), expected);
}

#[test]
fn formatting_commands_become_lines() {
    check_formatted(r"one\.br\two", "one\ntwo");
    check_formatted(r"one\.sp\two\.sp3\three", "one\ntwo\n\n\nthree");
    check_formatted(r"\.in4\one\.br\two\.in0\\.br\three", "    one\n    two\nthree");
    check_formatted(r"\.in+2\\.ti+2\one\.br\two", "    one\n  two");
    check_formatted(r"a\.sk3\b", "a   b");
    check_formatted(r"\.fi\a\.nf\\.ce\Title", "a\nTitle");
    check_formatted(r"one\X0D0A\two\X0D\three\X0A\four", "one\ntwo\nthree\nfour");
    check_formatted(r"a\T\b \E\.br\E\", r"a&b \.br\");
}

#[test]
fn absurd_layout_stays_text() {
    check_formatted(r"\.sp99999\", r"\.sp99999\");
    check_formatted(r"\.in9999999999\", r"\.in9999999999\");
    check_formatted(r"\.sp-3\", r"\.sp-3\");
}

#[test]
fn delimiters_and_control_codes_are_written_as_sequences() {
    let written = |text| encode(text, Delimiters::STANDARD);
    assert_eq!(written(r"a|b^c&d~e\f"), r"a\F\b\S\c\T\d\R\e\E\f");
    assert_eq!(written("a\r\nb\tc"), "a\\X0D\\\\X0A\\b\tc");
    assert_eq!(written("\u{b}\u{1c}"), r"\X0B\\X1C\");
    assert_eq!(written("\"\""), r"\X2222\");
    assert_eq!(written("a #"), "a #");
    assert_eq!(encode_formatted("a\r\nb\nc\rd", Delimiters::STANDARD), r"a\.br\b\.br\c\.br\d");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_comes_back(text in any::<String>()) {
        let written = encode(&text, Delimiters::STANDARD);
        prop_assert!(!written.contains(['|', '^', '~', '&', '\r', '\n']));
        prop_assert!(decode(written.as_bytes(), Delimiters::STANDARD, Charset::Utf8) == text);
    }

    #[test]
    fn text_full_of_delimiters_comes_back(text in "[|^~&\\\\#\"FSTREPX.br0-9\r\n]{0,24}") {
        let delimiters = Delimiters { truncation: Some(b'#'), ..Delimiters::STANDARD };
        let written = encode(&text, delimiters);
        prop_assert!(decode(written.as_bytes(), delimiters, Charset::Utf8) == text);
    }

    #[test]
    fn any_bytes_can_be_read(raw in proptest::collection::vec(any::<u8>(), 0..64)) {
        for charset in [Charset::Utf8, Charset::ShiftJis, Charset::Iso2022Jp, Charset::Latin1] {
            let _ = decode(&raw, Delimiters::STANDARD, charset);
        }
    }

    #[test]
    fn text_without_backslash_is_not_changed(text in "[^\\\\]{0,24}") {
        prop_assert!(decode(text.as_bytes(), Delimiters::STANDARD, Charset::Utf8) == text);
    }

    #[test]
    fn lines_come_back_from_formatted_text(text in "[a-z|^~&\\\\ \n]{0,24}") {
        let written = encode_formatted(&text, Delimiters::STANDARD);
        prop_assert!(formatted_text(&written) == text);
    }
}
