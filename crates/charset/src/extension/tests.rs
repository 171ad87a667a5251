use proptest::prelude::*;

use crate::{CharacterSets, Charset, Separators};

#[track_caller]
fn sets(terms: &str) -> CharacterSets {
    CharacterSets::from_dicom(terms).unwrap()
}

/// A text and its bytes, both ways.
#[track_caller]
fn check(terms: &str, separators: Separators, bytes: &[u8], text: &str) {
    let sets = sets(terms);
    let decoded = sets.decode(bytes, separators);
    assert_eq!(decoded.text, text);
    assert!(!decoded.malformed, "{:?}", decoded.malformed_at);
    let encoded = sets.encode(text, separators).unwrap();
    assert_eq!(encoded.escape_ascii().to_string(), bytes.escape_ascii().to_string());
}

#[track_caller]
fn check_name(terms: &str, bytes: &[u8], text: &str) {
    check(terms, Separators::PersonName, bytes, text);
}

/// PS3.5 annex H, examples H.3-1 and H.3-2.
#[test]
fn japanese_names() {
    check_name(
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    );
    check_name(
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\
          \x1b$B$?$m$&\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    );
    check_name(
        "ISO 2022 IR 6\\ISO 2022 IR 87\\ISO 2022 IR 159",
        b"\x1b$B;3\x1b$(D\x30\x21\x1b(B^A",
        "山丂^A",
    );
}

/// PS3.5 annex I, examples I.2-1 and I.3-1.
#[test]
fn korean_names_and_texts() {
    check_name(
        "\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    );
    check(
        "\\ISO 2022 IR 149",
        Separators::None,
        b"\x1b$)CThe \xb1\xe6\r\n\x1b$)C\xb5\xbf: a\\b \xb1\xe6\n",
        "The 길\r\n동: a\\b 길\n",
    );
}

/// PS3.5 annex I, example I.3-1, and the long text of annex K: the sequence stands at the beginning of each line that has
/// characters of the set, and of no other.
#[test]
fn long_texts_of_the_standard() {
    check(
        "\\ISO 2022 IR 149",
        Separators::None,
        b"\x1b$)CThe 1st line includes \xb1\xe6\xb5\xbf.\r\n\x1b$)CThe 2nd line includes \
          \xb1\xe6\xb5\xbf, too.\r\nThe 3rd line.",
        "The 1st line includes 길동.\r\nThe 2nd line includes 길동, too.\r\nThe 3rd line.",
    );
    check(
        "\\ISO 2022 IR 58",
        Separators::None,
        b"\x1b$)A1.\xb5\xda\xd2\xbb\xd0\xd0\xce\xc4\xd7\xd6\xa1\xa3\r\n\
          \x1b$)A2.\xb5\xda\xd2\xbb\xd0\xd0\xce\xc4\xd7\xd6\xa1\xa3\r\n",
        "1.第一行文字。\r\n2.第一行文字。\r\n",
    );
}

/// Names that other implementations test with, one for each repertoire of a single set.
#[test]
fn names_of_single_sets() {
    for (term, bytes, text) in [
        ("ISO_IR 100", &b"Buc^J\xe9r\xf4me"[..], "Buc^Jérôme"),
        ("ISO_IR 100", b"\xc4neas^R\xfcdiger", "Äneas^Rüdiger"),
        ("ISO_IR 101", b"Wa\xb3\xeasa^\xa3ukasz", "Wałęsa^Łukasz"),
        ("ISO_IR 109", b"\xa6u^\xb1\xfea", "Ĥu^ħŝa"),
        ("ISO_IR 110", b"B\xe7rzi\xf1\xb9", "Bįrziņš"),
        ("ISO_IR 144", b"\xbb\xee\xdace\xdc\xd1yp\xd3", "Люкceмбypг"),
        ("ISO_IR 127", b"\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"),
        ("ISO_IR 126", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"),
        ("ISO_IR 138", b"\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"),
        ("ISO_IR 148", b"\xc7a\xf0r\xfd^\xdee\xfema", "Çağrı^Şeşma"),
        ("ISO_IR 166", b"\xca\xc1\xaa\xd2\xc2", "สมชาย"),
        ("ISO_IR 203", b"\xbcuvre^5 \xa4", "Œuvre^5 €"),
        ("ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小東=".as_bytes(), "Wang^XiaoDong=王^小東="),
    ] {
        check_name(term, bytes, text);
    }
}

/// As example I.3-1 writes it: the sequence at the beginning of each line.
#[test]
fn a_sequence_holds_until_the_end_of_the_line() {
    let sets = sets("\\ISO 2022 IR 149");
    let decoded =
        sets.decode(b"\x1b$)C1. \xb1\xe6\r\n\x1b$)C2. \xb5\xbf\r\n3. \xb1", Separators::None);
    assert_eq!(decoded.text, "1. 길\r\n2. 동\r\n3. \u{fffd}");
    assert_eq!(decoded.malformed_at.first(), Some(&(25..26)));
}

/// PS3.5 annex J: UTF-8, GB 18030 and GBK stand alone, and a second byte may be a delimiter.
#[test]
fn chinese_names_without_extensions() {
    let text = "Wang^XiaoDong=王^小东=";
    check_name("ISO_IR 192", text.as_bytes(), text);
    check_name("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", text);
    check_name("GBK", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", text);
    check("GBK", Separators::Values, b"\x81\x5c\\\x81\x5e", "乗\\乛");
}

/// PS3.5 annex K, example K.2-1.
#[test]
fn chinese_names_with_extensions() {
    check_name(
        "\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        "Zhang^XiaoDong=张^小东=",
    );
}

#[test]
fn single_byte_sets_are_switched_to_and_given_up_at_the_next_delimiter() {
    check_name(
        "ISO 2022 IR 100\\ISO 2022 IR 144\\ISO 2022 IR 126",
        b"M\xfcller=\x1b-L\xbb\xee\xda\x1b-A^\x1b-F\xc4\xe9\xef\xed\x1b-A^\xe9",
        "Müller=Люк^Διον^é",
    );
    check(
        "ISO 2022 IR 6\\ISO 2022 IR 138\\ISO 2022 IR 127\\ISO 2022 IR 166",
        Separators::Values,
        b"\x1b-H\xf9\xec\\\x1b-G\xe2\xc8\\\x1b-T\xca\xc1",
        "של\\قب\\สม",
    );
    let sets = sets("ISO 2022 IR 100\\ISO 2022 IR 144");
    // A sender that forgets to switch back: the standard says what is meant after the delimiter.
    assert_eq!(sets.decode(b"\x1b-L\xbb^\xe9\t\xe9", Separators::PersonName).text, "Л^é\té");
    assert_eq!(sets.decode(b"\x1b-L\xbb^\xbb", Separators::None).text, "Л^Л");
}

#[test]
fn what_no_set_has_is_refused_with_its_place() {
    let sets = sets("ISO 2022 IR 100\\ISO 2022 IR 87");
    for (text, offset) in [("aé山Ж한", 8), ("a\u{1b}(B", 1), ("é\u{1b}", 2), ("¥€", 2)] {
        let refused = sets.encode(text, Separators::None).map_err(|error| error.offset);
        assert_eq!(refused, Err(offset), "{text}");
    }
    // KS X 1001 has no such syllable; the Windows set of the same name has.
    let korean = CharacterSets::from_dicom("\\ISO 2022 IR 149").unwrap();
    assert!(korean.encode("뷁", Separators::None).is_err());
    assert!(Charset::EucKr.encode("뷁").is_ok());
}

#[track_caller]
fn check_malformed(terms: &str, bytes: &[u8], text: &str, places: &[std::ops::Range<usize>]) {
    let decoded = sets(terms).decode(bytes, Separators::Values);
    assert_eq!(decoded.text, text);
    assert_eq!(decoded.malformed_at, places);
    assert_eq!(decoded.malformed, !places.is_empty());
}

#[test]
fn malformed_text_is_reported_with_its_places() {
    let one = |range| vec![range];
    check_malformed("\\ISO 2022 IR 87", b"\x1b$B;3E", "山\u{fffd}", &one(5..6));
    check_malformed("\\ISO 2022 IR 87", b"a\xe9b", "a\u{fffd}b", &one(1..2));
    check_malformed("\\ISO 2022 IR 149", b"\x1b$)C\xb1\xe6\\\xb5", "길\\\u{fffd}", &one(7..8));
    check_malformed("\\ISO 2022 IR 149", b"\x1b$)C\xb1\xe6\x80", "길\u{fffd}", &one(6..7));
    check_malformed("ISO_IR 127", b"\xc7\xff", "ا\u{fffd}", &one(1..2));
    // Not announced, but plain: followed and reported.
    check_malformed("ISO_IR 100", b"\xe9\x1b$B;3\x1b(B", "é山", &one(1..4));
    check_malformed("ISO_IR 100", b"a\x1b%Gb", "a\u{1b}%Gb", &one(1..2));
    check_malformed("\\ISO 2022 IR 87", b"\x1b(I\x31\x1b(B\x1b$B", "ｱ", &[]);
}

#[test]
fn places_are_told_to_a_limit() {
    let decoded = Charset::Ascii.decode(&[0x80; 100]);
    assert_eq!(decoded.malformed_at.len(), crate::MALFORMED_MAX);
    assert_eq!(decoded.text.chars().count(), 100);
}

#[test]
fn names_of_several_sets_are_translated_between_the_standards() {
    let japanese = CharacterSets::from_hl7(["ASCII", "ISO IR87", "ISO IR159"]).unwrap();
    assert_eq!(japanese.to_dicom().as_deref(), Some("\\ISO 2022 IR 87\\ISO 2022 IR 159"));
    assert_eq!(japanese.to_hl7(), Some(vec!["ASCII", "ISO IR87", "ISO IR159"]));
    for (dicom, hl7) in [
        ("ISO_IR 100", Some("8859/1")),
        ("ISO_IR 192", Some("UNICODE UTF-8")),
        ("ISO 2022 IR 100\\ISO 2022 IR 144", Some("8859/1~8859/5")),
        ("ISO 2022 IR 13\\ISO 2022 IR 87", Some("ISO IR14~ISO IR87")),
        ("\\ISO 2022 IR 149", Some("ASCII~KS X 1001")),
        ("GBK", None),
        ("\\ISO 2022 IR 58", None),
        ("", Some("ASCII")),
    ] {
        let sets = sets(dicom);
        assert_eq!(sets.to_dicom().as_deref(), Some(dicom));
        assert_eq!(sets.to_hl7().map(|names| names.join("~")).as_deref(), hl7, "{dicom}");
    }
    let lone = CharacterSets::from_hl7(["ISO IR87"]).unwrap();
    assert_eq!(lone.to_dicom().as_deref(), Some("\\ISO 2022 IR 87"));
    assert_eq!(CharacterSets::from(Charset::Windows1252).to_dicom(), None);
}

#[test]
fn an_unknown_name_does_not_hide_the_known_ones() {
    let error = CharacterSets::from_dicom("ISO_IR 100\\KLINGON\\ISO 2022 IR 144").unwrap_err();
    assert_eq!(error.to_string(), "value 2 names no known character set");
    let known = [Charset::Latin1, Charset::Iso8859_5];
    assert_eq!(error.understood.iter().collect::<Vec<_>>(), known);
}

#[test]
fn a_set_that_fills_the_table_stands_alone() {
    let sets = sets("ISO_IR 192\\ISO 2022 IR 87");
    assert!(!sets.has_extensions());
    assert_eq!(sets.decode(b"\x1b$B", Separators::None).text, "\u{1b}$B");
}

#[test]
fn delimiters_inside_shifted_runs_are_not_found() {
    let sets = CharacterSets::from_hl7(["8859/1", "ISO IR87"]).unwrap();
    assert!(!sets.is_splittable());
    assert_eq!(sets.find(b'|', b"\xe9\x1b$B|^\x1b(B|"), Some(9));
    // Nobody switched back, but the line is over.
    assert_eq!(sets.find(b'|', b"\x1b$B|^\r|"), Some(6));
    assert_eq!(sets.find(b'^', b"\x1b(I\x40^\x1b(B^"), Some(8));
    assert_eq!(sets.find(b'|', b"\x1b(I\x40|"), Some(4));
    assert!(CharacterSets::from_hl7(["ASCII", "8859/5", "KS X 1001"]).unwrap().is_splittable());
}

const COMBINATIONS: &[&str] = &[
    "\\ISO 2022 IR 87\\ISO 2022 IR 159",
    "ISO 2022 IR 13\\ISO 2022 IR 87",
    "ISO 2022 IR 100\\ISO 2022 IR 149\\ISO 2022 IR 144",
    "\\ISO 2022 IR 58\\ISO 2022 IR 126",
    "ISO 2022 IR 148\\ISO 2022 IR 166\\ISO 2022 IR 203\\ISO 2022 IR 101",
    "ISO_IR 100",
    "GB18030",
];

/// Characters of the sets above, the delimiters, and some of no set.
const ALPHABET: &str = "[aZ0 ~^=\\\\\r\n\t山田丂やﾔ홍길洪王小东张éüßŽĞışЖЛΩψאשقสม€Œ¥뷁𠀀]{0,16}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_encoded_reads_back(text in ALPHABET, pick in 0..COMBINATIONS.len()) {
        let sets = sets(COMBINATIONS[pick]);
        for separators in [Separators::None, Separators::Values, Separators::PersonName] {
            if let Ok(bytes) = sets.encode(&text, separators) {
                let decoded = sets.decode(&bytes, separators);
                prop_assert!(decoded.text == text && !decoded.malformed, "{:?} {:?}", text, bytes);
            }
        }
    }

    #[test]
    fn text_of_the_repertoire_is_never_refused(text in "[aZ ^\\\\山田やﾔéüЖΩ홍길洪]{0,16}") {
        let terms = "ISO 2022 IR 100\\ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 144\\ISO 2022 IR 126\\ISO 2022 IR 149";
        prop_assert!(sets(terms).encode(&text, Separators::PersonName).is_ok());
    }

    #[test]
    fn any_bytes_can_be_read(
        bytes in proptest::collection::vec(prop_oneof![
            any::<u8>(), Just(0x1b), Just(b'$'), Just(b'('), Just(b')'), Just(b'-'), Just(b'B'), Just(b'C'),
        ], 0..48),
        pick in 0..COMBINATIONS.len(),
    ) {
        let decoded = sets(COMBINATIONS[pick]).decode(&bytes, Separators::PersonName);
        prop_assert_eq!(decoded.malformed, !decoded.malformed_at.is_empty());
        for place in decoded.malformed_at {
            prop_assert!(place.start < place.end && place.end <= bytes.len());
        }
    }
}
