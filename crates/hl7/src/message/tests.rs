use proptest::prelude::*;
use telerad_charset::Charset;

use super::Message;
use crate::{Limits, ParseError, Path, Value, WarningKind, path};

const ORDER: &str = "MSH|^~\\&|RIS|NORTH^1.2.3^ISO|TELERAD|GATEWAY|20240301101500+0100||ORM^O01|M-1|P|2.3.1\r\
    PID|1||77^^^NORTH&1.2.3&ISO^MR~88^^^SOUTH||ROSSI^ANNA^^^^^L||19701224|F\r\
    PV1|1|O\r\
    ORC|NW|P-1^RIS|F-1\r\
    OBR|1|P-1^RIS|F-1|CTABD^CT abdomen^L|||||||||\"\"|||||A-1\r\
    ZDS|1.2.840.1^RIS^Application^DICOM\r";

#[track_caller]
fn parse(text: impl AsRef<[u8]>) -> Message {
    let message = Message::parse(text.as_ref().to_vec()).expect("a message");
    assert_eq!(message.as_bytes().as_ref(), text.as_ref());
    message
}

#[track_caller]
fn ids(message: &Message) -> Vec<&str> {
    message.segments().map(|segment| segment.id()).collect()
}

#[track_caller]
fn kinds(message: &Message) -> Vec<WarningKind> {
    message.warnings().iter().map(|warning| warning.kind).collect()
}

#[track_caller]
fn check_text(path: &str, expected: Option<&str>) {
    assert_eq!(parse(ORDER).text(path).as_deref(), expected, "{path}");
}

#[test]
fn paths_lead_to_texts() {
    check_text("MSH-1", Some("|"));
    check_text("MSH-2", Some("^~\\&"));
    check_text("MSH-3", Some("RIS"));
    check_text("MSH-4.2", Some("1.2.3"));
    check_text("MSH-9.2", Some("O01"));
    check_text("PID-3", Some("77"));
    check_text("PID-3.4.2", Some("1.2.3"));
    check_text("PID-3(2).4", Some("SOUTH"));
    check_text("PID.5.2", Some("ANNA"));
    check_text("OBR-18", Some("A-1"));
    check_text("ZDS-1.4", Some("DICOM"));
}

#[test]
fn paths_lead_nowhere_where_nothing_is() {
    check_text("MSH-2.2", None);
    check_text("MSH-8", None);
    check_text("PID-3(3)", None);
    check_text("PID-3.1.2", None);
    check_text("PID-99", None);
    check_text("PID[2]-3", None);
    check_text("OBX-5", None);
    check_text("OBR-13", None);
    check_text("no path", None);
}

#[track_caller]
fn check_value(path: &str, expected: &Value<'_>) {
    let path: Path = path.parse().expect("a path");
    assert!(parse(ORDER).value(&path) == *expected, "{path}");
}

#[test]
fn a_value_has_four_states() {
    check_value("OBR-4", &Value::Present("CTABD".into()));
    check_value("OBR-5", &Value::Empty);
    check_value("OBR-13", &Value::Null);
    check_value("OBR-13.2", &Value::Null);
    check_value("OBR-19", &Value::Absent);
    check_value("OBR-4.9", &Value::Absent);
    check_value("NTE-3", &Value::Absent);
}

#[test]
fn the_header_has_its_short_cuts() {
    let message = parse(ORDER);
    assert_eq!(message.control_id(), "M-1");
    assert_eq!(message.message_code(), "ORM");
    assert_eq!(message.trigger_event(), "O01");
    assert_eq!(message.version(), "2.3.1");
    assert_eq!(message.sending_application(), "RIS");
    assert_eq!(message.sending_facility(), "NORTH");
    assert_eq!(message.receiving_application(), "TELERAD");
    assert_eq!(message.receiving_facility(), "GATEWAY");
    let bare = parse("MSH|^~\\&");
    assert_eq!((bare.control_id(), bare.message_code()), (String::new(), String::new()));
}

#[test]
fn views_split_level_by_level() {
    let message = parse(ORDER);
    let patient = message.segment("PID").expect("PID");
    assert_eq!((patient.id(), patient.index()), ("PID", 1));
    let list = patient.field(3);
    let authorities: Vec<_> =
        list.repetitions().map(|identifier| identifier.component(4).text()).collect();
    assert_eq!(authorities, ["NORTH", "SOUTH"]);
    let parts: Vec<_> =
        list.component(4).subcomponents().map(|part| part.text().into_owned()).collect();
    assert_eq!(parts, ["NORTH", "1.2.3", "ISO"]);
    assert_eq!(patient.field(2).repetitions().count(), 0);
    assert_eq!(patient.fields().count(), 8);
    let header = message.segment("MSH").expect("MSH");
    let fields: Vec<_> = header.fields().map(|field| field.text().into_owned()).collect();
    assert_eq!(fields.len(), 12);
    assert_eq!(&fields[..4], ["|", "^~\\&", "RIS", "NORTH"]);
    for (n, text) in fields.iter().enumerate() {
        assert_eq!(header.field(n + 1).text(), *text);
    }
}

#[test]
fn spans_point_into_the_bytes() {
    let message = parse(ORDER);
    for segment in message.segments() {
        assert_eq!(&message.as_bytes()[segment.span()], segment.raw());
        for field in segment.fields() {
            assert_eq!(&message.as_bytes()[field.span()], field.raw());
            for repetition in field.repetitions() {
                for component in repetition.components() {
                    assert_eq!(&message.as_bytes()[component.span()], component.raw());
                }
            }
        }
        assert!(segment.field(99).span().is_empty());
    }
}

const LINES: [&str; 3] = ["MSH|^~\\&|A||||||ADT^A04|1|P|2.5.1", "PID|1||7", "PV1|1|O"];

#[track_caller]
fn check_terminators(text: &str, warnings: &[WarningKind]) {
    let message = parse(text);
    assert_eq!(ids(&message), ["MSH", "PID", "PV1"], "{text:?}");
    assert_eq!(message.text("PV1-2").as_deref(), Some("O"));
    assert_eq!(kinds(&message), warnings, "{text:?}");
}

#[test]
fn every_habit_of_ending_segments_is_read() {
    use WarningKind::{BlankLine, IndentedSegment, LineFeedTerminator, MissingTerminator};
    check_terminators(&(LINES.join("\r") + "\r"), &[]);
    check_terminators(&LINES.join("\r"), &[MissingTerminator]);
    check_terminators(&(LINES.join("\n") + "\n"), &[LineFeedTerminator]);
    check_terminators(&(LINES.join("\r\n") + "\r\n"), &[LineFeedTerminator]);
    check_terminators(&(LINES.join("\n\r") + "\n\r"), &[LineFeedTerminator, BlankLine]);
    check_terminators(&(LINES.join("\r\r") + "\r\r"), &[BlankLine]);
    check_terminators(&(LINES.join("\n\n") + "\n\n"), &[LineFeedTerminator]);
    let mixed = format!("{}\r{}\n{}\r\n", LINES[0], LINES[1], LINES[2]);
    check_terminators(&mixed, &[LineFeedTerminator]);
    check_terminators(&(LINES.join("\r  \t") + "\r"), &[IndentedSegment]);
    check_terminators(&(LINES.join("\n  \t") + "\n"), &[LineFeedTerminator, IndentedSegment]);
}

#[test]
fn a_bare_segment_ends_the_one_before_it() {
    for terminator in ["\r", "\n", "\r\n"] {
        let text = ["MSH|^~\\&|A", "PID|1", "PV1", "ZAB", ""].join(terminator);
        assert_eq!(ids(&parse(&text)), ["MSH", "PID", "PV1", "ZAB"], "{text:?}");
        let text = ["MSH|^~\\&|A", "NTE|1||x", "PV1"].join(terminator);
        assert_eq!(ids(&parse(&text)), ["MSH", "NTE", "PV1"], "{text:?}");
    }
    let message = parse("MSH|^~\\&\rOBX|1|TX|X||FINDINGS\nIMP\nnone\r");
    assert_eq!(ids(&message), ["MSH", "OBX"]);
}

#[test]
fn a_line_feed_in_text_stays_in_its_field() {
    for terminator in ["\r", "\n", "\r\n"] {
        let text = format!(
            "MSH|^~\\&{terminator}OBX|1|TX|X||first\nsecond: |\n\nthird||F{terminator}NTE|1{terminator}"
        );
        let message = parse(&text);
        assert_eq!(ids(&message), ["MSH", "OBX", "NTE"], "{text:?}");
        assert!(kinds(&message).contains(&WarningKind::LineFeedInText));
        assert_eq!(message.text("OBX-6").as_deref(), Some("\n\nthird"));
    }
}

/// In a message whose segments end with line feeds, the text of MSA-2 would be the control id and more.
#[test]
fn a_line_that_looks_like_a_segment_ends_the_one_before_it_where_line_feeds_end_segments() {
    let message = parse("MSH|^~\\&|A\nMSA|AA|M-1\nZABC|1\nNTE|1\n");
    assert_eq!(ids(&message), ["MSH", "MSA", "", "NTE"]);
    assert_eq!(message.text("MSA-2").as_deref(), Some("M-1"));
    assert!(kinds(&message).contains(&WarningKind::StrayLine));
    // Elsewhere a line feed is rather a report's.
    let message = parse("MSH|^~\\&|A\rOBX|1|TX|||a\nLUNG|b\r");
    assert_eq!(ids(&message), ["MSH", "OBX"]);
}

#[test]
fn lines_that_are_no_segments_are_kept_and_reported() {
    let message = parse("MSH|^~\\&\rOBX|1|TX|X||first\rsecond\rabc|1\rPV1\rPID^1\r");
    assert_eq!(ids(&message), ["MSH", "OBX", "", "", "PV1", ""]);
    assert_eq!(message.warnings().len(), 1);
    assert_eq!(message.warnings()[0].kind, WarningKind::StrayLine);
    assert_eq!(message.warnings()[0].count, 3);
    assert_eq!(message.warnings()[0].to_string(), "line that is no segment at byte 27 (3 times)");
    assert!(message.segment("").is_none());
    assert_eq!(message.segments().nth(2).map(|line| line.raw()), Some(&b"second"[..]));
}

#[track_caller]
fn check_leading(before: &[u8], after: &[u8], also: &[WarningKind]) {
    let text = [before, b"MSH|^~\\&|A\rPID|1||7\r", after].concat();
    let message = parse(&text);
    assert_eq!(ids(&message), ["MSH", "PID"]);
    assert_eq!(message.sending_application(), "A");
    assert_eq!(kinds(&message), [&[WarningKind::LeadingBytes], also].concat());
}

#[test]
fn bytes_before_the_header_are_passed_over() {
    check_leading(b"\xef\xbb\xbf", b"", &[]);
    check_leading(b"\x0b", b"\x1c\r", &[WarningKind::TrailingBytes]);
    check_leading(b"\xef\xbb\xbf\x0b\xef\xbb\xbf", b"\x1c\r", &[WarningKind::TrailingBytes]);
    check_leading(b"\r\n  ", b"", &[]);
    check_leading(b"junk: ", b"", &[]);
    check_leading(b"FHS|^~\\&|MSH|MSH^x\rBHS|^~\\&\r", b"", &[]);
}

#[track_caller]
fn check_error(bytes: &[u8], expected: &str) {
    let error = Message::parse(bytes.to_vec()).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(error, Err(expected.to_owned()));
}

#[test]
fn without_a_header_there_is_no_message() {
    check_error(b"", "no MSH segment");
    check_error(b"PID|1||7\r", "no MSH segment");
    check_error(b"GET / HTTP/1.1\r\n\r\n", "no MSH segment");
    check_error(b"MSH", "byte 3, after MSH, is no field separator");
    check_error(b"MSHA^~\\&A", "byte 3, after MSH, is no field separator");
    check_error(b"MSH\r", "byte 3, after MSH, is no field separator");
}

#[test]
fn limits_are_errors_not_truncation() {
    let limits = Limits { bytes_max: 64, segments_max: 2 };
    let parse = |text: &str| Message::parse_within(limits, text.to_owned()).map(|_| ());
    assert_eq!(parse("MSH|^~\\&\rPID|1\r"), Ok(()));
    assert_eq!(
        parse("MSH|^~\\&\rPID|1\rPV1|1\r"),
        Err(ParseError::TooManySegments { segments_max: 2 })
    );
    assert_eq!(
        parse(&format!("MSH|^~\\&|{}\r", "A".repeat(60))),
        Err(ParseError::TooLarge { bytes: 70, bytes_max: 64 })
    );
}

#[track_caller]
fn check_delimiters(header: &str, component: Option<&str>, subcomponent: Option<&str>) {
    let message = parse(format!("{header}\r"));
    let field = message.segment("MSH").expect("MSH").field(3);
    assert_eq!(Some(&*field.component(2).text()).filter(|text| !text.is_empty()), component);
    let part = field.component(1).subcomponent(2).text();
    assert_eq!(Some(&*part).filter(|text| !text.is_empty()), subcomponent);
}

#[test]
fn delimiters_are_those_of_the_message() {
    check_delimiters("MSH|^~\\&|a&b^c", Some("c"), Some("b"));
    check_delimiters("MSH|^~\\&#|a&b^c", Some("c"), Some("b"));
    check_delimiters("MSH#*~\\@#a@b*c", Some("c"), Some("b"));
    check_delimiters("MSH|^~\\|a&b^c", Some("c"), None);
    check_delimiters("MSH||a&b^c", None, None);
    // Backslashes swallowed or doubled by the string literals of the sender's language.
    check_delimiters("MSH|^~&|a&b^c", Some("c"), Some("b"));
    check_delimiters("MSH|^~\\\\&|a&b^c", Some("c"), Some("b"));
    assert_eq!(kinds(&parse("MSH|^~&|a\r")), [WarningKind::EncodingCharacters]);
    assert_eq!(parse("MSH|^~\\&#|a\r").delimiters().truncation, Some(b'#'));
}

#[track_caller]
fn check_charset(label: &str, name: &[u8], charset: Charset, read: &str, warnings: &[WarningKind]) {
    let mut text =
        format!("MSH|^~\\&|||||||ADT^A04|1|P|2.5.1||||||{label}\rPID|1||7||").into_bytes();
    text.extend_from_slice(name);
    text.push(b'\r');
    let message = parse(&text);
    assert_eq!(message.charset(), charset);
    assert_eq!(message.text("PID-5").as_deref(), Some(read));
    assert_eq!(kinds(&message), warnings);
}

#[test]
fn the_character_set_is_the_declared_one_unless_the_bytes_contradict_it() {
    use WarningKind::{CharsetContradicted, CharsetUndeclared, CharsetUnknown};
    let utf8 = "MÜLLER".as_bytes();
    let latin = b"M\xdcLLER";
    check_charset("UNICODE UTF-8", utf8, Charset::Utf8, "MÜLLER", &[]);
    check_charset("8859/1", latin, Charset::Latin1, "MÜLLER", &[]);
    check_charset("", utf8, Charset::Utf8, "MÜLLER", &[CharsetUndeclared]);
    check_charset("ASCII", latin, Charset::Latin1, "MÜLLER", &[CharsetUndeclared]);
    check_charset("8859/1", utf8, Charset::Utf8, "MÜLLER", &[CharsetContradicted]);
    check_charset("UTF-8", latin, Charset::Utf8, "M\u{fffd}LLER", &[CharsetContradicted]);
    check_charset("KLINGON", utf8, Charset::Utf8, "MÜLLER", &[CharsetUnknown]);
    check_charset("", b"MUELLER", Charset::Ascii, "MUELLER", &[]);
    check_charset("8859/5", b"\xbb\xee\xda", Charset::Iso8859_5, "Люк", &[]);
}

#[test]
fn mislabelled_bytes_are_read_as_what_they_are_if_that_is_certain() {
    use WarningKind::{CharsetContradicted, CharsetUndeclared};
    let contradicted = &[CharsetContradicted];
    check_charset("8859/1", b"M\x9cller \x80", Charset::Windows1252, "Mœller €", contradicted);
    check_charset("", b"M\x9cller", Charset::Windows1252, "Mœller", &[CharsetUndeclared]);
    check_charset("8859/5", "Люк".as_bytes(), Charset::Utf8, "Люк", contradicted);
    check_charset("8859/6", "قب".as_bytes(), Charset::Utf8, "قب", contradicted);
    check_charset("ISO IR14", "山田".as_bytes(), Charset::Utf8, "山田", contradicted);
    check_charset("KS X 1001", b"\xb1\xe8\xff", Charset::EucKr, "김\u{fffd}", contradicted);
    check_charset("BIG-5", b"\xa4\xfd", Charset::Big5, "王", &[]);
    check_charset("GB 18030-2000", b"\xcd\xf5", Charset::Gb18030, "王", &[]);
}

#[test]
fn a_doubt_about_the_character_set_says_where() {
    let message =
        parse(b"MSH|^~\\&|||||||ADT^A04|1|P|2.5.1||||||KS X 1001\rPID|1||7||\xb1\xe8\xff\r");
    let warnings: Vec<_> = message.warnings().iter().map(|warning| warning.offset).collect();
    assert_eq!(warnings, [message.as_bytes().iter().position(|&byte| byte == 0xff).unwrap()]);
}

#[test]
fn a_facility_in_two_byte_characters_does_not_hide_the_character_set() {
    // 亅 is 81 7C in GB 18030: its second byte is the field separator.
    let message = parse(
        b"MSH|^~\\&|A|\x81\x7c|||||ADT^A04|1|P|2.5.1||||||GB 18030-2000\rPID|1||7||\xcd\xf5\r",
    );
    assert_eq!(message.charset(), Charset::Gb18030);
    assert_eq!(message.text("MSH-4").as_deref(), Some("亅"));
    assert_eq!(message.text("MSH-10").as_deref(), Some("1"));
    assert_eq!(message.text("PID-5").as_deref(), Some("王"));
    assert_eq!(kinds(&message), []);
}

#[test]
fn values_switch_between_the_declared_sets() {
    let name = b"M\xfcller \x1b$B;3|^\x1b(B\xe9^\x1b-L\xbb\xee\xda\x1b-A\xe9";
    let text = [
        &b"MSH|^~\\&|||||||ADT^A04|1|P|2.5.1||||||8859/1~ISO IR87~8859/5\rPID|1||7||"[..],
        name,
        b"|X\r",
    ]
    .concat();
    let message = parse(&text);
    assert_eq!(message.text("PID-5").as_deref(), Some("Müller 山餧é"));
    assert_eq!(message.text("PID-5.2").as_deref(), Some("Люкé"));
    assert_eq!(message.text("PID-6").as_deref(), Some("X"));
    assert_eq!(kinds(&message), []);
    let terms = message.character_sets().to_dicom();
    let expected = "ISO 2022 IR 100\\ISO 2022 IR 87\\ISO 2022 IR 144";
    assert_eq!(terms.as_deref(), Some(expected));
}

#[test]
fn a_two_byte_set_that_nobody_announced_splits_nothing_either() {
    let contradicted = &[WarningKind::CharsetContradicted];
    check_charset("", b"\x1b$B|^\x1b(B^TARO", Charset::Ascii, "餧", contradicted);
    check_charset("8859/1", b"\x1b$B|^\x1b(B\xe9", Charset::Latin1, "餧é", contradicted);
}

/// Each value begins in the first set, so that what the sender meant to go on is read as something else.
#[test]
fn a_set_that_is_carried_over_a_delimiter_is_doubtful() {
    let contradicted = &[WarningKind::CharsetContradicted];
    let name = b"\x1b$)C\xfb\xf3^\xd1\xce";
    check_charset("8859/1~KS X 1001", name, Charset::Latin1, "洪", contradicted);
    let name = b"\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce";
    check_charset("8859/1~KS X 1001", name, Charset::Latin1, "洪", &[]);
}

/// 5EH is the voiced sound mark there, and a component separator elsewhere.
#[test]
fn a_delimiter_inside_seven_bit_katakana_splits_nothing() {
    let name = b"\x1b(I\x40\x5e\x31\x1b(B^X";
    check_charset("~ISO IR87", name, Charset::Ascii, "ﾀﾞｱ", &[]);
    let contradicted = &[WarningKind::CharsetContradicted];
    check_charset("", name, Charset::Ascii, "ﾀﾞｱ", contradicted);
    check_charset("ISO IR13", name, Charset::JisX0201, "ﾀﾞｱ", contradicted);
}

#[test]
fn control_codes_in_the_place_of_letters_are_doubtful() {
    let contradicted = &[WarningKind::CharsetContradicted];
    check_charset("8859/2", b"\x8aim\xe1k", Charset::Iso8859_2, "\u{8a}imák", contradicted);
    check_charset("8859/2", b"\xa9im\xe1k", Charset::Iso8859_2, "Šimák", &[]);
}

#[test]
fn a_delimiter_inside_a_character_splits_nothing() {
    // The second byte of each of these characters is 7CH or 5EH, a field or component separator.
    check_charset("GB 18030-2000", b"\x81\x7c\x81\x5e", Charset::Gb18030, "亅乛", &[]);
    check_charset("~ISO IR87", b"\x1b$B;3ED\x1b(B^TARO", Charset::Ascii, "山田", &[]);
    check_charset("~ISO IR87", b"\x1b$B|^\x1b(B", Charset::Ascii, "餧", &[]);
}

#[test]
fn running_text_keeps_its_delimiters() {
    let message = parse(
        "MSH|^~\\&\rOBX|1|TX|X||A & B ^ C\\T\\D\\.br\\next \\F\\ line~two|||||F\rNTE|1||\"\"\r",
    );
    let value = message.segment("OBX").expect("OBX").field(5);
    assert_eq!(value.text(), "A ");
    assert_eq!(value.whole_text(), "A & B ^ C&D\nnext | line~two");
    let paragraphs: Vec<_> = value.repetitions().map(|paragraph| paragraph.whole_text()).collect();
    assert_eq!(paragraphs, ["A & B ^ C&D\nnext | line", "two"]);
    assert_eq!(message.segment("NTE").expect("NTE").field(3).whole_text(), "");
    assert_eq!(message.segment("NTE").expect("NTE").field(9).whole_text(), "");
}

#[test]
fn continuation_and_second_headers_are_reported() {
    let message = parse("MSH|^~\\&\rPID|1\rADD|x\rMSH|^~\\&|B\rDSC|1\r");
    assert_eq!(kinds(&message), [WarningKind::Continuation, WarningKind::SecondHeader]);
    assert_eq!(message.warnings()[0].count, 2);
}

#[test]
fn blanks_before_a_segment_are_reported_and_belong_to_no_field() {
    let message = parse("MSH|^~\\&\r  PID|1\r\tPV1|1\r    a note\r");
    assert_eq!(ids(&message), ["MSH", "PID", "PV1", ""]);
    assert_eq!(kinds(&message), [WarningKind::IndentedSegment, WarningKind::StrayLine]);
    let warning = message.warnings()[0];
    assert_eq!((warning.span(), warning.count), (9..11, 2));
}

#[test]
fn nothing_that_is_printed_holds_patient_data() {
    let message = parse(ORDER);
    let segment = message.segment("PID").expect("PID");
    let field = segment.field(5);
    let printed = format!(
        "{message:?} {segment:?} {field:?} {:?} {:?} {:?} {:?}",
        field.repetition(1),
        field.component(1),
        field.component(1).subcomponent(1),
        field.value(),
    );
    assert!(!printed.contains("ROSSI") && !printed.contains("ANNA"), "{printed}");
}

#[test]
fn a_megabyte_of_line_feeds_is_read_once() {
    for (breaks, end, segments) in [("\n", "b\r", 2), ("\n ", "b\r", 2), ("\n ", "PID|1\r", 3)] {
        let text = ["MSH|^~\\&\rOBX|1|TX|X||a", &breaks.repeat(1 << 20), end].concat();
        assert_eq!(parse(&text).segments().count(), segments);
    }
}

#[test]
fn segments_in_small_letters_are_read_once() {
    let count = 200_000;
    let message = parse(format!("MSH|^~\\&\r{}", "obx|\r".repeat(count)));
    let [warning] = message.warnings() else { panic!("one warning") };
    assert_eq!((warning.kind, warning.count), (WarningKind::LowerCaseId, count));
    assert_eq!(warning.location.map(|place| place.to_string()).as_deref(), Some("OBX"));
}

fn walk(message: &Message) -> usize {
    let mut read = message.warnings().len();
    for segment in message.segments() {
        read += segment.id().len() + segment.span().len();
        for field in segment.fields() {
            read += field.whole_text().len() + field.text().len();
            for repetition in field.repetitions() {
                for component in repetition.components() {
                    for subcomponent in component.subcomponents() {
                        read += usize::from(subcomponent.value().is_present());
                    }
                }
            }
        }
    }
    read
}

/// Bytes that often look like a message.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"MSH|^~\\&|".to_vec()),
        Just(b"PID|".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"UNICODE UTF-8".to_vec()),
        Just("ü".as_bytes().to_vec()),
        Just(b"\\X41\\".to_vec()),
        Just(b"||||||||".to_vec()),
        "[|^~&\\\\\"A-Z]{1,4}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 1..4),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_read_can_be_sent_on_unchanged(bytes in messages()) {
        if let Ok(message) = Message::parse(bytes.clone()) {
            prop_assert_eq!(message.as_bytes().as_ref(), bytes.as_slice());
            walk(&message);
        }
        let headed = [b"MSH|^~\\&|".as_slice(), &bytes].concat();
        let message = Message::parse(headed.clone()).expect("a message");
        prop_assert_eq!(message.as_bytes().as_ref(), headed.as_slice());
        walk(&message);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Message::parse(bytes.clone()) {
            prop_assert_eq!(message.as_bytes().as_ref(), bytes.as_slice());
        }
    }

    #[test]
    fn no_visible_byte_after_the_header_is_outside_all_segments(bytes in messages()) {
        let headed = [b"MSH|^~\\&|".as_slice(), &bytes].concat();
        let message = Message::parse(headed.clone()).expect("a message");
        let mut outside = vec![true; headed.len()];
        for segment in message.segments() {
            outside[segment.span()].fill(false);
        }
        prop_assert!(headed.iter().zip(outside).all(|(&byte, outside)| !outside || byte <= b' '));
    }
}

/// Fields behind a long one are found without searching it, in the segment of the longest and in all others.
#[test]
fn fields_around_a_document_are_those_between_separators() {
    let text = |letter: &str, length: usize| letter.repeat(length);
    let segments = [
        "MSH|^~\\&|A".to_owned(),
        format!("OBX|1|{}|x|{}|y||", text("a", 5000), text("b", 9000)),
        format!("OBX|{}|2|{}", text("c", 20_000), text("d", 6000)),
        format!("OBX|{}", text("|", 6000)),
        format!("OBX{}|F", text("|", 30_000)),
        // More long fields than are remembered, the longest neither the first nor the last.
        format!(
            "OBX|{}||z",
            [4096, 7000, 8000, 4100, 9000, 9000, 5000, 9000].map(|n| text("e", n)).join("|w|")
        ),
    ];
    let message = Message::parse(segments.join("\r")).expect("a message");
    for (segment, text) in message.segments().zip(&segments).skip(1) {
        let fields: Vec<&[u8]> =
            text.split('|').skip(1).take(20).map(|field| field.as_bytes()).collect();
        for (n, field) in (1..).zip(&fields) {
            assert_eq!(segment.field(n).raw(), *field, "field {n}");
            let walked = segment.fields().nth(n - 1).map(|field| field.raw());
            assert_eq!(walked, Some(*field), "field {n}");
        }
        assert_eq!(segment.field(text.split('|').count()).value(), Value::Absent);
    }
    let mut edit = message.edit();
    edit.set(&path!("OBX[2]-7"), "F").expect("a place");
    edit.set(&path!("OBX-3"), "z").expect("a place");
    let last = format!("{}||||F", segments[2]);
    let changed = segments.join("\r").replace(&segments[2], &last).replace("|x|", "|z|");
    assert_eq!(edit.encode(), changed);
}

/// A word of five letters or more before a separator is as likely a table in a report as a damaged segment id. It stays
/// in the value before it, where no byte is lost, and is reported.
#[test]
fn a_long_word_on_a_line_of_its_own_stays_text_and_is_reported() {
    let text = "MSH|^~\\&|A\nPID|1||7\nOBX|1|TX|A||Organ\nLIVER|normal\nPV1|1\n";
    let message = parse(text);
    let ids: Vec<&str> = message.segments().map(|segment| segment.id()).collect();
    assert_eq!(ids, ["MSH", "PID", "OBX", "PV1"]);
    assert_eq!(message.text("OBX-5").as_deref(), Some("Organ\nLIVER"));
    assert_eq!(message.text("OBX-6").as_deref(), Some("normal"));
    let warning = message.warnings().iter().find(|it| it.kind == WarningKind::LineFeedInText);
    let place = text.find("\nLIVER").expect("the line");
    assert_eq!(warning.map(|it| (it.span(), it.count)), Some((place..place + 1, 1)));
}

/// The terminator before the end block is lost, or the buffer of the sender is longer than its message.
#[test]
fn frame_bytes_at_the_end_belong_to_no_field() {
    use WarningKind::{MissingTerminator, TrailingBytes};
    for (tail, warnings) in [
        (&b"\x1c\r"[..], &[MissingTerminator, TrailingBytes][..]),
        (b"\x1c", &[MissingTerminator, TrailingBytes]),
        (b"\x1c\r\n", &[MissingTerminator, TrailingBytes]),
        (b"\x1c\r \t\r", &[MissingTerminator, TrailingBytes]),
        (b"\x1c\r\x1c\r", &[MissingTerminator, TrailingBytes]),
        (b"\x1c\r\x0b", &[MissingTerminator, TrailingBytes]),
        (b"\0\0\0", &[MissingTerminator, TrailingBytes]),
        (b"\r\x1c\r", &[TrailingBytes]),
        (b"\r\x1c", &[TrailingBytes]),
        (b"\r\0\0", &[TrailingBytes]),
        (b"\r", &[]),
    ] {
        let text = [b"MSH|^~\\&|A\rPID|1".as_slice(), tail].concat();
        let message = parse(&text);
        assert_eq!(message.as_bytes().as_ref(), text.as_slice());
        assert_eq!(message.text("PID-1").as_deref(), Some("1"));
        assert_eq!((ids(&message), kinds(&message)), (vec!["MSH", "PID"], warnings.to_vec()));
        assert_eq!(message.check(), []);
        let frame = tail.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
        let trailing = message.warnings().iter().find(|it| it.kind == TrailingBytes);
        let span = frame.map(|frame| text.len() - tail.len() + frame..text.len());
        assert_eq!(trailing.map(|it| it.span()), span);
        // What is changed or added stands before them.
        let frame = &tail[frame.unwrap_or(tail.len())..];
        let mut edit = message.edit();
        edit.set(&path!("PID-2"), "x").expect("a place");
        let with_end = |body: &[u8]| [b"MSH|^~\\&|A\r", body, frame].concat();
        let terminator = &tail[..tail.len() - frame.len()];
        assert_eq!(edit.encode(), with_end(&[b"PID|1|x", terminator].concat()));
        edit.insert_segment(crate::Anchor::End, "PV1", |pv1| pv1).expect("a place");
        assert_eq!(edit.encode(), with_end(b"PID|1|x\rPV1\r"));
        edit.remove_segment(&"PID".parse().expect("a place")).expect("a segment");
        assert_eq!(edit.finish().map(|it| it.as_bytes().to_vec()), Ok(with_end(b"PV1\r")));
    }
    let header = parse(b"MSH|\x1c\r");
    assert_eq!(kinds(&header), [MissingTerminator, TrailingBytes, WarningKind::EncodingCharacters]);
}
