use proptest::prelude::*;

use super::*;
use crate::{Message, MessageBuilder, MessageHead};

fn field(raw: &str) -> Message {
    Message::parse(format!("MSH|^~\\&|A\rZZZ|{raw}\r")).unwrap()
}

fn read<T: Datatype>(raw: &str) -> T {
    let message = field(raw);
    T::read(message.segment("ZZZ").unwrap().field(1))
}

#[track_caller]
fn check_time(time: &str, precision: &str, exact: Option<&str>, lenient: Option<&str>) {
    let time = Ts { time: time.into(), degree_of_precision: precision.into(), ..Ts::default() };
    assert_eq!(time.exact().ok().map(|time| time.to_string()).as_deref(), exact);
    assert_eq!(time.lenient().map(|time| time.to_string()).as_deref(), lenient);
}

#[test]
fn times_are_read_as_written_and_as_meant() {
    check_time("20240301", "", Some("20240301"), Some("20240301"));
    check_time("20240301101500+0100", "", Some("20240301101500+0100"), Some("20240301101500+0100"));
    check_time("20240301101500", "D", Some("20240301"), Some("20240301"));
    check_time("20240301101500+0100", "M", Some("202403011015+0100"), Some("202403011015+0100"));
    check_time("2024-03-01", "", None, Some("20240301"));
    check_time("2024-03-01T10:15:00Z", "", None, Some("20240301101500+0000"));
    check_time("2024-03-01 10:15", "", None, Some("202403011015"));
    check_time("2024-03-01T10:15:00+01:00", "", None, Some("20240301101500+0100"));
    check_time("202403011015.0000", "", None, Some("202403011015"));
    check_time("20240301101500.1234567", "", None, Some("20240301101500.123456"));
    check_time("202403012400", "", None, Some("20240301"));
    check_time("20240301999999", "", None, Some("20240301"));
    check_time("00000000", "", None, None);
    check_time("", "", None, None);
    check_time("yesterday", "", None, None);
    check_time("é0240301", "", None, None);
}

#[test]
fn a_name_has_its_parts_in_either_version() {
    let name = |raw: &str| read::<Xpn>(raw).name_group();
    assert_eq!(name("DOE^JANE^ANN^JR^DR^MD").family, "DOE");
    assert_eq!(name("DOE^JANE^ANN^JR^DR^MD").suffix, "JR MD");
    assert_eq!(name("Berg&van den").family, "van den Berg");
    assert_eq!(name("van den Berg&van den&Berg").family, "van den Berg");
    assert_eq!(name("&van&Berg&de&Vries").family, "van Berg de Vries");
}

#[test]
fn an_interpreter_is_read_from_subcomponents_and_from_components() {
    let proper = read::<Ndl>("77&RAD&IOLOGIST^20260301");
    assert_eq!(proper.name.name_group().family, "RAD");
    assert_eq!(proper.start.time, "20260301");
    let habit = read::<Ndl>("77^RAD^IOLOGIST");
    assert_eq!(habit.name.to_xcn().name_group().given, "IOLOGIST");
    assert_eq!(read::<Ndl>("77^20260301").start.time, "20260301");
}

#[test]
fn identifiers_keep_their_authority() {
    let id = read::<Cx>("1001^^^NORTH&1.2.3&ISO^PI");
    let id = id.patient_id().unwrap();
    assert_eq!(id.issuer().map(ToString::to_string).as_deref(), Some("NORTH&1.2.3&ISO"));
    assert_eq!(Cx::from(&id).components(), read::<Cx>("1001^^^NORTH&1.2.3&ISO").components());
    assert!(read::<Cx>("\"\"^^^NORTH").patient_id().is_err());
    let pair = read::<Eip>("P-1&RIS^F-1&PACS");
    assert_eq!(pair.filler.namespace_id, "PACS");
}

#[test]
fn a_code_has_an_alternate() {
    let code = read::<Ce>("CT^CT head^L^P1^plain^L2");
    assert_eq!(code.code().meaning, "CT head");
    assert_eq!(code.alternate_code().map(|code| code.scheme).as_deref(), Some("L2"));
    assert_eq!(read::<Ce>("CT").alternate_code(), None);
    assert_eq!(read::<Cwe>("CT^^L^^^^^^typed").code().meaning, "typed");
}

#[test]
fn a_telephone_number_is_put_together_when_it_is_in_parts() {
    let number = |raw: &str| read::<Xtn>(raw).number();
    assert_eq!(number("555-1234").as_deref(), Some("555-1234"));
    assert_eq!(number("^PRN^PH^^33^1^445566^7").as_deref(), Some("+33 1 445566 7"));
    assert_eq!(number("^PRN^PH^^^^^^^^^0144").as_deref(), Some("0144"));
    assert_eq!(number("^NET^Internet^a@b.example"), None);
}

#[track_caller]
fn check_data(raw: &str, media_type: MediaType, expected: Result<&[u8], DataError>) {
    let message = field(raw);
    let data = Ed::read(message.segment("ZZZ").unwrap().field(1));
    assert_eq!(data.media_type(), media_type, "{raw}");
    assert_eq!(data.bytes(64).as_deref(), expected.as_ref().map(|bytes| *bytes), "{raw}");
}

#[test]
fn data_is_found_however_it_is_labelled() {
    const PDF: &[u8] = b"%PDF-1.4\n";
    check_data("^application^pdf^Base64^JVBERi0xLjQK", MediaType::Pdf, Ok(PDF));
    check_data("^^PDF^Base64^JVBERi0xLjQK", MediaType::Pdf, Ok(PDF));
    check_data("PDF^^^^JVBERi0xLjQK", MediaType::Pdf, Ok(PDF));
    check_data("^AP^^Base64^JVBERi0xLjQK", MediaType::Pdf, Ok(PDF));
    check_data("^AP^PDF^A^JVBERi0xLjQK", MediaType::Pdf, Ok(PDF));
    check_data("JVBERi0xLjQK", MediaType::Pdf, Ok(PDF));
    check_data("^TEXT^plain^A^a\\T\\b", MediaType::Plain, Ok(b"a&b"));
    check_data("^IM^DICOM^Hex^4449 434d", MediaType::Dicom, Ok(b"DICM"));
    check_data("^AP^X^Hex^444", MediaType::Other, Err(DataError::Hexadecimal));
    check_data("", MediaType::Other, Ok(b""));
    let long = format!("^AP^PDF^Base64^{}", "QUJD".repeat(30));
    check_data(&long, MediaType::Pdf, Err(DataError::TooLarge { bytes_max: 64 }));
    let fault = InvalidBase64::Character { offset: 4 };
    check_data("^AP^PDF^Base64^JVBE!i0x", MediaType::Pdf, Err(DataError::Base64(fault)));
}

#[test]
fn base64_survives_wrapped_lines_and_missing_padding() {
    #[track_caller]
    fn check(data: &str, expected: Result<&str, InvalidBase64>) {
        let mut reader = Base64::new(data.as_bytes(), Some(b'\\'));
        let (mut bytes, mut piece) = (Vec::new(), [0; 2]);
        let result = loop {
            match reader.read(&mut piece) {
                Ok(0) => break Ok(std::str::from_utf8(&bytes).unwrap()),
                Ok(length) => bytes.extend_from_slice(&piece[..length]),
                Err(fault) => break Err(fault),
            }
        };
        assert_eq!(result, expected, "{data}");
    }
    check("QUJDRA==", Ok("ABCD"));
    check("QUJDRA", Ok("ABCD"));
    check("QUJDREU", Ok("ABCDE"));
    check("QUJD\r\nREU=\r\n", Ok("ABCDE"));
    check("QUJD\\X0D0A\\REU=", Ok("ABCDE"));
    check("QU\\.br\\JD", Ok("ABC"));
    check("QUJDR", Err(InvalidBase64::Truncated));
    check("QUJD=", Err(InvalidBase64::Character { offset: 4 }));
    check("QUI=QUI=", Err(InvalidBase64::Character { offset: 4 }));
    check("QU\\T\\JD", Err(InvalidBase64::Character { offset: 2 }));
    check("QU\\X0D", Err(InvalidBase64::Character { offset: 2 }));
    check("QU-_", Err(InvalidBase64::Character { offset: 2 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn encapsulated_bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let built = MessageBuilder::new(MessageHead::default())
            .segment("ZZZ", |s| s.encapsulated(1, &Hd::default(), ["application", "pdf"], &bytes))
            .build()
            .unwrap();
        let data = Ed::read(built.segment("ZZZ").unwrap().field(1));
        prop_assert_eq!(data.bytes(200).unwrap(), bytes);
    }

    #[test]
    fn a_value_is_read_as_it_was_written(parts in proptest::collection::vec("[ -~é]{0,6}", 8)) {
        let [family, given, middle, prefix, suffix, kind, id, authority] = &parts[..] else {
            unreachable!()
        };
        let trimmed = |text: &String| text.trim().to_owned();
        // The text `""` alone means null; the builder escapes it, so that it stays a text.
        let name = Xcn {
            id_number: trimmed(id),
            family_name: Fn { surname: trimmed(family), ..Fn::default() },
            given_name: trimmed(given),
            further_given_names: trimmed(middle),
            prefix: trimmed(prefix),
            suffix: trimmed(suffix),
            identifier_type_code: trimmed(kind),
            assigning_authority: Hd { namespace_id: trimmed(authority), ..Hd::default() },
            ..Xcn::default()
        };
        let built = MessageBuilder::new(MessageHead::default())
            .segment("ZZZ", |segment| segment.value(1, &name))
            .build()
            .unwrap();
        prop_assert_eq!(Xcn::read(built.segment("ZZZ").unwrap().field(1)), name);
    }

    #[test]
    fn no_text_breaks_a_reader(raw in "\\PC{0,40}") {
        let message = field(&raw);
        if let Some(segment) = message.segment("ZZZ") {
            let field = segment.field(1);
            let _ = (Xpn::read(field), Ndl::read(field), Tq::read(field), Xtn::read(field));
            let _ = (Ts::read(field).lenient(), Ed::read(field).bytes(100).is_ok());
        }
    }
}

#[test]
fn four_states_are_told_apart() {
    let stated = |raw: &str| {
        let message = field(raw);
        let place = message.segment("ZZZ").unwrap().field(1);
        (format!("{:?}", Xpn::read_stated(place)), format!("{:?}", String::read_stated(place)))
    };
    let both = |state: &str| (state.to_owned(), state.to_owned());
    assert_eq!(stated(""), both("Empty"));
    assert_eq!(stated("\"\""), both("Null"));
    assert_eq!(stated("DOE"), both("Present(<redacted>)"));
    assert_eq!(stated("^\"\""), ("Present(<redacted>)".into(), "Empty".into()));
    let message = field("x");
    let absent = message.segment("ZZZ").unwrap().field(9);
    assert_eq!(Xpn::read_stated(absent), Stated::Absent);
    assert_eq!(String::read_stated(absent), Stated::Absent);
}

/// A leaf of a composite: a text, nothing, or null.
fn leaf() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just(""), Just("\"\""), Just("A"), Just("20240301")]
}

/// Null, and what it stands at, after reading and writing: empty ends are left out.
fn copied<T: Datatype>(raw: &str) -> String {
    let built = MessageBuilder::new(MessageHead::default())
        .segment("ZZZ", |builder| builder.value(1, &read::<T>(raw)))
        .build()
        .unwrap();
    let segment = built.segment("ZZZ").unwrap();
    String::from_utf8(segment.field(1).raw().to_vec()).unwrap()
}

proptest! {
    #[test]
    fn no_null_is_lost(leaves in proptest::collection::vec(leaf(), 4), parts in proptest::collection::vec(leaf(), 3)) {
        let parts = parts.join("&");
        let raw = |parts: &str| {
            let raw = format!("{}^{}^{}^{}", leaves[0], leaves[1], leaves[2], parts.trim_end_matches('&'));
            raw.trim_end_matches('^').to_owned()
        };
        prop_assert_eq!(copied::<Cx>(&raw(&parts)), raw(&parts));
        prop_assert_eq!(copied::<Ei>(&raw(leaves[3])), raw(leaves[3]));
        prop_assert_eq!(copied::<Xpn>(&raw(leaves[3])), raw(leaves[3]));
        prop_assert_eq!(copied::<Pl>(&raw(&parts)), raw(&parts));
        prop_assert_eq!(copied::<Ce>(&raw(leaves[3])), raw(leaves[3]));
    }
}

/// The fourth component is a code in the old form, and a repetition of the field in the new.
#[test]
fn an_error_is_placed_in_both_forms() {
    let old: Eld = read("OBX^4^5^101&Required field missing&HL70357");
    assert_eq!(old.location().map(|place| place.to_string()).as_deref(), Ok("OBX[4]-5"));
    assert_eq!(old.code_identifying_error.identifier, "101");
    assert_eq!(old.code_identifying_error.text, "Required field missing");
    let place = "OBX[4]-5(2).1".parse().unwrap();
    assert!(Eld::new(place, old.code_identifying_error.clone()) == old);
    assert!(read::<Eld>("^^^207").location().is_err());
    let new: Erl = read("OBX^4^5^2");
    assert_eq!(new.location().map(|place| place.to_string()).as_deref(), Ok("OBX[4]-5(2)"));
}
