use super::{DataSet, DataSetError, DataSetLimits};
use crate::{Tag, tags, uids};

const SYNTAXES: [&str; 4] = [
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    uids::EXPLICIT_VR_BIG_ENDIAN,
    uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
];

fn decode(bytes: &[u8]) -> Result<DataSet, DataSetError> {
    DataSet::decode(bytes, uids::EXPLICIT_VR_LITTLE_ENDIAN, DataSetLimits::default())
}

/// A worklist query as a modality sends it.
fn query() -> DataSet {
    let mut step = DataSet::new();
    step.set_text(tags::MODALITY, "CT");
    step.set_text(tags::SCHEDULED_STATION_AE_TITLE, "CT1");
    step.set_text(tags::SCHEDULED_PROCEDURE_STEP_START_DATE, "20260105-20260106");
    step.set_empty(tags::SCHEDULED_PROTOCOL_CODE_SEQUENCE);
    let mut query = DataSet::new();
    query.set_text(tags::PATIENT_NAME, "TEST^P*");
    query.set_empty(tags::ACCESSION_NUMBER);
    query.set_empty(tags::STUDY_INSTANCE_UID);
    query.set_empty(tags::REFERENCED_STUDY_SEQUENCE);
    query.set_items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![step]);
    query
}

#[test]
fn what_was_encoded_is_decoded_in_every_syntax() {
    for syntax in SYNTAXES {
        let bytes = query().encode(syntax).unwrap();
        let decoded = DataSet::decode(&bytes, syntax, DataSetLimits::default()).unwrap();
        assert!(decoded == query(), "{syntax}: {decoded:?}");
        let steps = decoded.items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).unwrap();
        let date = steps[0].text(tags::SCHEDULED_PROCEDURE_STEP_START_DATE);
        assert_eq!(date.as_deref(), Some("20260105-20260106"));
    }
}

#[test]
fn absent_empty_and_present_are_told_apart() {
    let query = query();
    assert_eq!(query.text(tags::PATIENT_ID), None);
    assert_eq!(query.text(tags::ACCESSION_NUMBER).as_deref(), Some(""));
    assert_eq!(query.text(tags::REFERENCED_STUDY_SEQUENCE).as_deref(), Some(""));
    assert!(query.items(tags::REFERENCED_STUDY_SEQUENCE).unwrap().is_empty());
    assert!(query.contains(tags::STUDY_INSTANCE_UID) && !query.contains(tags::PATIENT_ID));
    assert_eq!(query.items(tags::PATIENT_NAME), None);
}

#[test]
fn the_encoding_is_that_of_the_standard() {
    let mut set = DataSet::new();
    set.set_text(tags::STUDY_INSTANCE_UID, "1.2.3");
    set.set_text(tags::PATIENT_ID, "P-1");
    set.set_text(tags::ROWS, "512");
    let expected =
        b"\x10\0\x20\0LO\x04\0P-1 \x20\0\x0D\0UI\x06\x001.2.3\0\x28\0\x10\0US\x02\0\0\x02";
    assert_eq!(set.encode(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap(), expected);
    let decoded = decode(expected).unwrap();
    assert_eq!(decoded.text(tags::ROWS).as_deref(), Some("512"));
    assert_eq!(decoded.text(tags::PATIENT_ID).as_deref(), Some("P-1"));
}

#[test]
fn text_beyond_ascii_is_utf_8_and_says_so() {
    for syntax in SYNTAXES {
        let mut set = query();
        set.set_text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 100");
        set.set_text(tags::PATIENT_NAME, "Yamada^Tarou=山田^太郎");
        let mut code = DataSet::new();
        code.set_text(tags::CODE_MEANING, "Schädel");
        set.set_items(tags::REQUESTED_PROCEDURE_CODE_SEQUENCE, vec![code]);
        let bytes = set.encode(syntax).unwrap();
        let decoded = DataSet::decode(&bytes, syntax, DataSetLimits::default()).unwrap();
        let text = |tag| decoded.text(tag);
        assert_eq!(text(tags::SPECIFIC_CHARACTER_SET).as_deref(), Some("ISO_IR 192"));
        assert_eq!(text(tags::PATIENT_NAME).as_deref(), Some("Yamada^Tarou=山田^太郎"));
        let codes = decoded.items(tags::REQUESTED_PROCEDURE_CODE_SEQUENCE).unwrap();
        assert_eq!(codes[0].text(tags::CODE_MEANING).as_deref(), Some("Schädel"));
    }
    let bytes = query().encode(uids::IMPLICIT_VR_LITTLE_ENDIAN).unwrap();
    assert!(!bytes.starts_with(b"\x08\0\x05\0"));
}

#[test]
fn a_query_in_latin_1_is_read_items_included() {
    let mut bytes = b"\x08\0\x05\0CS\x0A\0ISO_IR 100".to_vec();
    bytes.extend_from_slice(b"\x10\0\x10\0PN\x06\0M\xFCLLER");
    bytes.extend_from_slice(b"\x40\0\x00\x01SQ\0\0\x16\0\0\0\xFE\xFF\0\xE0\x0E\0\0\0");
    bytes.extend_from_slice(b"\x40\0\x06\0PN\x06\0M\xFCLLER");
    let set = decode(&bytes).unwrap();
    assert_eq!(set.text(tags::PATIENT_NAME).as_deref(), Some("MüLLER"));
    let steps = set.items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).unwrap();
    let name = steps[0].text(tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME);
    assert_eq!(name.as_deref(), Some("MüLLER"));
}

#[track_caller]
fn check_refused(bytes: &[u8], expected: &str) {
    assert_eq!(decode(bytes).unwrap_err().to_string(), expected);
}

#[test]
fn what_breaks_the_encoding_is_refused() {
    check_refused(
        b"\x10\0\x20\0LO\x08\0P-1 ",
        "data set is damaged: data set ends early at byte 12",
    );
    check_refused(b"\x10\0\x20\0LO\xFE\xFF", "data set is damaged: data set ends early at byte 8");
    check_refused(
        b"\xFE\xFF\x0D\xE0\0\0\0\0",
        "data set is damaged: (FFFE,E00D) stands outside a sequence at byte 0",
    );
    check_refused(
        b"\x40\0\0\x01SQ\0\0\x08\0\0\0\xFE\xFF\0\xE0\x20\0\0\0\x40\0\x01\0AE\x18\0",
        "data set is damaged: (FFFE,E000) is longer than what encloses it at byte 20",
    );
    check_refused(
        b"\x29\0\x10\x10UN\0\0\xFF\xFF\xFF\xFF",
        "data set is damaged: data set ends early at byte 12",
    );
    check_refused(
        b"\x29\0\x10\x10UN\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF\x08\0\x60\0CS\x02\0CT",
        "(0029,1010) is of unknown representation with items in explicit VR",
    );
    check_refused(b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF", "(7FE0,0010) is encapsulated");
}

#[test]
fn every_limit_holds() {
    let limits = DataSetLimits { bytes_max: 100, ..DataSetLimits::default() };
    let refused = |bytes: &[u8], syntax| DataSet::decode(bytes, syntax, limits).unwrap_err();
    let long = b"\x10\0\x20\0LO\x02\0P1".repeat(11);
    let error = refused(&long, uids::EXPLICIT_VR_LITTLE_ENDIAN).to_string();
    assert_eq!(error, "data set has more than 100 bytes");
    let bomb = crate::inflate::deflate(&long).unwrap();
    let error = refused(&bomb, uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN).to_string();
    assert_eq!(
        error,
        "data set is damaged: inflated data set is larger than the limit at byte 100"
    );
    let mut nested = DataSet::new();
    for _ in 0..70 {
        let mut outer = DataSet::new();
        outer.set_items(tags::REFERENCED_STUDY_SEQUENCE, vec![nested]);
        nested = outer;
    }
    for syntax in SYNTAXES {
        let bytes = nested.encode(syntax).unwrap();
        let error = DataSet::decode(&bytes, syntax, DataSetLimits::default()).unwrap_err();
        assert!(error.to_string().contains("nested deeper than 64"), "{error}");
    }
}

#[test]
fn a_number_that_is_none_cannot_be_encoded() {
    let mut set = DataSet::new();
    set.set_text(tags::ROWS, "many");
    let error = set.encode(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap_err().to_string();
    assert_eq!(error, "the value for (0028,0010) is not a number of its representation");
}

#[test]
fn an_element_without_a_character_set_takes_no_other_text() {
    let mut set = DataSet::new();
    set.set_text(tags::MODALITY, "CT²");
    let error = set.encode(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap_err().to_string();
    assert_eq!(error, "the value for (0008,0060) has characters outside its repertoire");
}

#[test]
fn a_text_too_long_for_its_length_field_is_not_cut() {
    let mut set = DataSet::new();
    set.set_text(tags::PATIENT_ID, &"9".repeat(70_000));
    let error = set.encode(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap_err();
    assert_eq!(error, DataSetError::Unwritable);
    assert!(set.encode(uids::IMPLICIT_VR_LITTLE_ENDIAN).is_ok());
}

#[test]
fn values_of_a_wrong_length_are_refused_or_padded() {
    check_refused(
        b"\x28\0\x10\0US\x03\0\0\x02\0",
        "the value for (0028,0010) is not a number of its representation",
    );
    let padded = decode(b"\x29\0\x10\x10OB\0\0\x01\0\0\0\x07").unwrap();
    assert_eq!(padded.bytes(Tag(0x0029, 0x1010)), Some(&[7, 0][..]));
}

#[test]
fn a_sequence_sent_as_unknown_with_a_length_stays_bytes() {
    let bytes = b"\x40\0\x00\x01UN\0\0\x08\0\0\0\xFE\xFF\0\xE0\0\0\0\0";
    let set = decode(bytes).unwrap();
    assert_eq!(set.items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE), None);
    assert_eq!(set.bytes(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE), Some(&bytes[12..]));
    assert_eq!(set.encode(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap(), bytes);
}

/// An element of representation UN and undefined length with one item in implicit VR little endian, whatever surrounds it
/// (PS3.5 section 6.2.2).
fn unknown(tag: Tag, big: bool) -> (Vec<u8>, Vec<u8>) {
    let two = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let mut bytes = [two(tag.0), two(tag.1)].concat();
    bytes.extend_from_slice(b"UN\0\0\xFF\xFF\xFF\xFF");
    let mut items = b"\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF".to_vec();
    items.extend_from_slice(b"\x40\0\x06\0\x06\0\0\0M\xFCLLER");
    items.extend_from_slice(b"\xFE\xFF\x0D\xE0\0\0\0\0");
    bytes.extend_from_slice(&items);
    bytes.extend_from_slice(b"\xFE\xFF\xDD\xE0\0\0\0\0");
    (bytes, items)
}

#[test]
fn a_sequence_sent_as_unknown_without_a_length_is_read_as_implicit() {
    for (big, syntax) in
        [(false, uids::EXPLICIT_VR_LITTLE_ENDIAN), (true, uids::EXPLICIT_VR_BIG_ENDIAN)]
    {
        let (private, items) = unknown(Tag(0x0029, 0x1010), big);
        let (steps, _) = unknown(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, big);
        let charset: &[u8] = match big {
            false => b"\x08\0\x05\0CS\x0A\0ISO_IR 100",
            true => b"\0\x08\0\x05CS\0\x0AISO_IR 100",
        };
        let set = [charset, &private, &steps].concat();
        let set = DataSet::decode(&set, syntax, DataSetLimits::default()).unwrap();
        assert_eq!(set.bytes(Tag(0x0029, 0x1010)), Some(&items[..]));
        let read = set.items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).unwrap();
        let name = read[0].text(tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME);
        assert_eq!(name.as_deref(), Some("MüLLER"));
        // It means the same when it is passed on.
        let again = set.encode(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap();
        let again =
            DataSet::decode(&again, uids::EXPLICIT_VR_LITTLE_ENDIAN, DataSetLimits::default());
        let again = again.unwrap();
        assert_eq!(again.bytes(Tag(0x0029, 0x1010)), Some(&items[..]));
        assert_eq!(again.items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).unwrap().len(), 1);
    }
}

/// Found by fuzzing: its items were kept as bytes, and read as text when they came back.
#[test]
fn an_unknown_sequence_under_the_tag_of_a_value_is_refused() {
    let error = decode(&unknown(Tag(0x0028, 0x0051), false).0).unwrap_err();
    let text = "data set is damaged: (0028,0051) is a sequence where a value belongs at byte 0";
    assert_eq!(error.to_string(), text);
}

#[test]
fn an_unknown_sequence_within_an_item_of_known_length_is_read() {
    let (private, items) = unknown(Tag(0x0029, 0x1010), false);
    let length = (private.len() as u32).to_le_bytes();
    let outer = (private.len() as u32 + 8).to_le_bytes();
    let mut bytes = b"\x40\0\0\x01SQ\0\0".to_vec();
    bytes.extend_from_slice(&outer);
    bytes.extend_from_slice(b"\xFE\xFF\0\xE0");
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&private);
    bytes.extend_from_slice(b"\x40\0\x01\x10UN\0\0\x02\0\0\0R1");
    let set = decode(&bytes).unwrap();
    let steps = set.items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).unwrap();
    assert_eq!(steps[0].bytes(Tag(0x0029, 0x1010)), Some(&items[..]));
    assert_eq!(set.text(tags::REQUESTED_PROCEDURE_ID).as_deref(), Some("R1"));
}

#[test]
fn a_deflated_data_set_in_the_wrapper_of_zlib_is_read() {
    let plain = b"\x10\0\x20\0LO\x02\0P9";
    let wrapped = crate::inflate::zlib(plain);
    let syntax = uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN;
    let set = DataSet::decode(&wrapped, syntax, DataSetLimits::default()).unwrap();
    assert_eq!(set.text(tags::PATIENT_ID).as_deref(), Some("P9"));
    let raw = crate::inflate::all(&set.encode(syntax).unwrap(), 100).unwrap();
    assert_eq!(raw, plain);
}

#[test]
fn the_first_of_a_repeated_element_counts() {
    let set = decode(b"\x10\0\x20\0LO\x02\0P1\x10\0\x20\0LO\x02\0P2").unwrap();
    assert_eq!(set.text(tags::PATIENT_ID).as_deref(), Some("P1"));
    assert_eq!(set.tags(), [Tag(0x0010, 0x0020)]);
}

#[test]
fn debug_prints_no_patient() {
    assert!(!format!("{:?}", query()).contains("TEST"));
}
