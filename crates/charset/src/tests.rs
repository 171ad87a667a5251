use proptest::prelude::*;

use crate::{CharacterSets, Charset};

const ALL: &[Charset] = &[
    Charset::Ascii,
    Charset::Latin1,
    Charset::Iso8859_2,
    Charset::Iso8859_3,
    Charset::Iso8859_4,
    Charset::Iso8859_5,
    Charset::Iso8859_6,
    Charset::Iso8859_7,
    Charset::Iso8859_8,
    Charset::Iso8859_9,
    Charset::Iso8859_15,
    Charset::Tis620,
    Charset::Windows1250,
    Charset::Windows1251,
    Charset::Windows1252,
    Charset::Utf8,
    Charset::Gb18030,
    Charset::Gbk,
    Charset::Big5,
    Charset::Gb2312,
    Charset::EucKr,
    Charset::ShiftJis,
    Charset::Iso2022Jp,
    Charset::JisX0201,
    Charset::JisX0208,
    Charset::JisX0212,
];

#[track_caller]
fn check_hl7(code: &str, expected: Option<Charset>) {
    assert_eq!(Charset::from_hl7(code), expected, "{code}");
}

#[test]
fn field_spellings_of_msh_18_are_understood() {
    for code in ["UNICODE UTF-8", "UTF-8", "utf8", "UNICODE", "UNICODE UTF8", "ISO_IR 192"] {
        check_hl7(code, Some(Charset::Utf8));
    }
    for code in ["8859/1", "8859-1", "ISO_8859-1", "ISO-8859-1", "ISO IR 100", "ISO_IR 100"] {
        check_hl7(code, Some(Charset::Latin1));
    }
    for code in ["", "  ", "ASCII", "ascii", "US-ASCII"] {
        check_hl7(code, Some(Charset::Ascii));
    }
    check_hl7("WINDOWS-1252", Some(Charset::Windows1252));
    check_hl7("Cp1251", Some(Charset::Windows1251));
    check_hl7("GB 18030-2000", Some(Charset::Gb18030));
    check_hl7("ISO IR87", Some(Charset::Iso2022Jp));
    check_hl7("8859/11", Some(Charset::Tis620));
    check_hl7("KLINGON", None);
    check_hl7("8859/99", None);
    check_hl7("/", None);
}

#[test]
fn terms_of_dicom_are_understood_with_and_without_extensions() {
    assert_eq!(Charset::from_dicom("ISO_IR 100"), Some(Charset::Latin1));
    assert_eq!(Charset::from_dicom("ISO 2022 IR 100"), Some(Charset::Latin1));
    assert_eq!(Charset::from_dicom("ISO 2022 IR 6"), Some(Charset::Ascii));
    assert_eq!(Charset::from_dicom(""), Some(Charset::Ascii));
    assert_eq!(Charset::from_dicom("ISO_IR 192 "), Some(Charset::Utf8));
    assert_eq!(Charset::from_dicom("ISO_IR 13"), Some(Charset::JisX0201));
    assert_eq!(Charset::from_dicom("ISO 2022 IR 149"), Some(Charset::EucKr));
    assert_eq!(Charset::from_dicom("ISO_IR 4711"), None);
}

#[test]
fn every_written_name_reads_back_as_its_set() {
    for &charset in ALL {
        if let Some(code) = charset.to_hl7() {
            assert_eq!(Charset::from_hl7(code), Some(charset));
        }
        if let Some(term) = charset.to_dicom() {
            assert_eq!(Charset::from_dicom(term), Some(charset));
        }
    }
}

#[track_caller]
fn check_text(charset: Charset, bytes: &[u8], expected: &str) {
    let decoded = charset.decode(bytes);
    assert_eq!(decoded.text, expected);
    assert!(!decoded.malformed);
}

#[test]
fn known_texts() {
    check_text(Charset::Latin1, b"Fran\xe7ois", "François");
    check_text(Charset::Iso8859_5, b"\xbb\xee\xda", "Люк");
    check_text(Charset::Gb18030, b"\xcd\xf5", "王");
    check_text(Charset::ShiftJis, b"\x8e\x52\x93\x63", "山田");
    check_text(Charset::Iso2022Jp, b"\x1b$B;3ED\x1b(B", "山田");
    check_text(Charset::JisX0208, b";3ED", "山田");
    check_text(Charset::JisX0201, b"\xd4\xcf\xc0\xde", "ﾔﾏﾀﾞ");
    check_text(Charset::EucKr, b"\xb1\xe8", "김");
    check_text(Charset::Utf8, "Ж".as_bytes(), "Ж");
    check_text(Charset::JisX0212, b"\x30\x21 \x30\x22", "丂 丄");
    check_text(Charset::Iso8859_9, b"\xd0\xdd\xfe\xe9", "Ğİşé");
    check_text(Charset::Iso8859_15, b"\xa4", "€");
    check_text(Charset::Tis620, b"\xa0\xca\xc1\xdf\xfb", "\u{a0}สม฿๛");
    check_text(Charset::Gb2312, b"a\x1b$)A\xcd\xf5", "a王");
}

#[test]
fn malformed_bytes_are_reported() {
    for (charset, bytes) in [
        (Charset::Ascii, &b"M\xfcller"[..]),
        (Charset::Utf8, b"M\xfcller"),
        (Charset::JisX0201, b"\xff"),
        (Charset::Gb18030, b"\x81"),
    ] {
        let decoded = charset.decode(bytes);
        assert!(decoded.malformed, "{charset:?}");
        assert!(decoded.text.contains(char::REPLACEMENT_CHARACTER));
    }
}

/// Every byte of every single-byte set: what it defines comes back, and what it does not is malformed.
#[test]
fn every_byte_is_a_character_or_malformed() {
    for (charset, undefined) in [
        (Charset::Latin1, 0),
        (Charset::Iso8859_2, 0),
        (Charset::Iso8859_3, 7),
        (Charset::Iso8859_4, 0),
        (Charset::Iso8859_5, 0),
        (Charset::Iso8859_6, 45),
        (Charset::Iso8859_7, 3),
        (Charset::Iso8859_8, 36),
        (Charset::Iso8859_9, 0),
        (Charset::Iso8859_15, 0),
        (Charset::Tis620, 8),
        (Charset::JisX0201, 65),
        (Charset::Ascii, 128),
    ] {
        let mut found = 0;
        for byte in 0..=u8::MAX {
            let bytes = [byte];
            let decoded = charset.decode(&bytes);
            if decoded.malformed {
                found += 1;
                assert_eq!(decoded.malformed_at.first(), Some(&(0..1)));
            } else {
                assert_eq!(charset.encode(&decoded.text).as_deref(), Ok(&bytes[..]));
            }
            // ISO 8859 leaves these to the control codes; the Windows sets do not.
            if (0x80..=0x9f).contains(&byte) && !decoded.malformed {
                assert_eq!(decoded.text.chars().next(), Some(char::from(byte)));
            }
        }
        assert_eq!(found, undefined, "{charset:?}");
    }
}

#[track_caller]
fn check_unmappable(charset: Charset, text: &str, offset: usize) {
    assert_eq!(charset.encode(text).map_err(|error| error.offset), Err(offset));
}

#[test]
fn what_a_set_does_not_have_is_refused_with_its_place() {
    check_unmappable(Charset::Ascii, "Müller", 1);
    check_unmappable(Charset::Latin1, "5 €", 2);
    check_unmappable(Charset::Latin1, "aé€", 3);
    check_unmappable(Charset::Iso8859_5, "Ж 王", 3);
    check_unmappable(Charset::Latin1, "aŒ", 1);
    check_unmappable(Charset::Iso8859_9, "aÐ", 1);
    check_unmappable(Charset::JisX0212, "丂山", 3);
    check_unmappable(Charset::ShiftJis, "a¥", 1);
    check_unmappable(Charset::Tis620, "€", 0);
    assert_eq!(
        Charset::Ascii.encode("ü").map_err(|error| error.to_string()),
        Err("character at byte 0 of the text has no place in Ascii".to_owned())
    );
}

#[test]
fn delimiters_inside_characters_are_not_found() {
    // 表 is 95 5C in Shift JIS: its second byte is the escape character of HL7.
    assert_eq!(Charset::ShiftJis.find(b'\\', b"\x95\x5c\\"), Some(2));
    assert_eq!(Charset::Gbk.find(b'|', b"\x81\x7c|"), Some(2));
    assert_eq!(Charset::Iso2022Jp.find(b'|', b"\x1b$B|^\x1b(B|"), Some(8));
    assert_eq!(Charset::Latin1.find(b'|', b"\x95|"), Some(1));
}

#[test]
fn a_printed_text_is_redacted() {
    let printed = format!("{:?}", Charset::Utf8.decode(b"SECRET"));
    assert!(!printed.contains("SECRET"), "{printed}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A set of any combination that both standards name comes back from the names of either.
    #[test]
    fn names_of_combinations_read_back(picks in proptest::collection::vec(0..ALL.len(), 1..6)) {
        let mut picked = picks.iter().map(|&pick| ALL[pick]);
        let sets = CharacterSets::new(picked.next().unwrap_or_default(), picked);
        if let Some(names) = sets.to_hl7() {
            prop_assert_eq!(CharacterSets::from_hl7(names), Ok(sets));
        }
        if let Some(terms) = sets.to_dicom() {
            let read = CharacterSets::from_dicom(&terms).map(|read| read.iter().collect::<Vec<_>>());
            let mut expected: Vec<_> = sets.iter().collect();
            // A set of two-byte characters stands behind ASCII.
            if read.as_ref().is_ok_and(|read| read.first() != expected.first()) {
                prop_assert!(terms.starts_with('\\'), "{}", terms);
                expected.insert(0, Charset::Ascii);
            }
            prop_assert_eq!(read, Ok(expected), "{}", terms);
        }
    }

    #[test]
    fn what_is_encoded_reads_back(text in "\\PC{0,12}", pick in 0..ALL.len()) {
        let charset = ALL[pick];
        if let Ok(bytes) = charset.encode(&text) {
            let decoded = charset.decode(&bytes);
            prop_assert!(decoded.text == text && !decoded.malformed);
        }
    }

    #[test]
    fn any_bytes_decode(bytes in proptest::collection::vec(any::<u8>(), 0..64), pick in 0..ALL.len()) {
        let charset = ALL[pick];
        let decoded = charset.decode(&bytes);
        let first = decoded.malformed_at.first().map(|place| place.start);
        prop_assert_eq!(charset.first_malformed(&bytes), first);
        if let Ok(again) = charset.encode(&decoded.text) {
            prop_assert!(charset.decode(&again).text == decoded.text);
        }
        if let Some(position) = charset.find(b'|', &bytes) {
            prop_assert_eq!(bytes.get(position), Some(&b'|'));
        }
    }
}
