use telerad_testkit::dicom::{Instance, Syntax, files};

use super::set_elements;
use crate::{Encoding, HeadLimits, HeadScanner, Tag, encoding_of, part10, tags};

#[track_caller]
fn text(data_set: &[u8], encoding: Encoding, tag: Tag) -> Option<String> {
    let mut scanner = HeadScanner::new(encoding, HeadLimits::default());
    scanner.push(data_set);
    scanner.finish().unwrap().text(tag)
}

#[test]
fn a_value_is_replaced_and_every_other_byte_stays() {
    let data_set = Instance::new(4).data_set();
    let change = [(tags::ACCESSION_NUMBER, "SH", "NORTH-0004")];
    let changed = set_elements(&data_set, Encoding::ExplicitLittle, &change).unwrap();
    let at = data_set.windows(4).position(|window| window == b"\x08\x00\x50\x00").unwrap();
    assert_eq!(changed[..at], data_set[..at]);
    assert_eq!(&changed[at..at + 18], b"\x08\x00\x50\x00SH\x0A\x00NORTH-0004");
    assert_eq!(changed[at + 18..], data_set[at + 10..]);
}

#[test]
fn elements_are_replaced_and_inserted_in_every_syntax() {
    for syntax in [
        Syntax::ImplicitLittle,
        Syntax::ExplicitLittle,
        Syntax::ExplicitBig,
        Syntax::Deflated,
        Syntax::Encapsulated("1.2.840.10008.1.2.5"),
    ] {
        let encoding = encoding_of(syntax.uid());
        let data_set = Instance { syntax, ..Instance::new(4) }.data_set();
        let changes = [
            (tags::REQUESTED_PROCEDURE_ID, "SH", "RP-1"),
            (tags::PATIENT_ID, "LO", "N-77"),
            (tags::ISSUER_OF_PATIENT_ID, "LO", "NORTH"),
        ];
        let changed = set_elements(&data_set, encoding, &changes).unwrap();
        for (tag, _, expected) in changes {
            assert_eq!(text(&changed, encoding, tag).as_deref(), Some(expected), "{syntax:?}");
        }
        let same = text(&changed, encoding, tags::PATIENT_NAME);
        assert_eq!(same, text(&data_set, encoding, tags::PATIENT_NAME));
        // Setting the same values again changes nothing more.
        assert_eq!(set_elements(&changed, encoding, &changes).unwrap(), changed);
    }
}

#[test]
fn a_changed_character_set_is_the_one_that_texts_are_written_in() {
    let data_set = Instance::new(4).data_set();
    let changes = [
        (tags::SPECIFIC_CHARACTER_SET, "CS", "ISO_IR 192"),
        (tags::PATIENT_NAME, "PN", "Ångström^Ø"),
    ];
    let changed = set_elements(&data_set, Encoding::ExplicitLittle, &changes).unwrap();
    let name = text(&changed, Encoding::ExplicitLittle, tags::PATIENT_NAME);
    assert_eq!(name.as_deref(), Some("Ångström^Ø"));
}

#[test]
fn real_files_keep_their_pixels() {
    for sample in files() {
        let (meta, at) = part10::read(&sample.bytes).unwrap();
        let encoding = encoding_of(&meta.transfer_syntax_uid);
        let data_set = &sample.bytes[at..];
        // In the smallest files the changed element lies in the last quarter.
        if encoding.is_deflated() || data_set.len() < 4096 {
            continue;
        }
        let changes = [(tags::STUDY_INSTANCE_UID, "UI", "1.2.3.4")];
        let changed = set_elements(data_set, encoding, &changes).unwrap();
        let uid = text(&changed, encoding, tags::STUDY_INSTANCE_UID);
        assert_eq!(uid.as_deref(), Some("1.2.3.4"), "{}", sample.name);
        let tail = &data_set[data_set.len() - data_set.len() / 4..];
        assert!(changed.ends_with(tail), "{}", sample.name);
    }
}

#[test]
fn text_is_written_in_the_character_set_of_the_data_set() {
    let latin = Instance { character_set: "ISO_IR 100".to_owned(), ..Instance::new(4) }.data_set();
    let change = [(tags::PATIENT_NAME, "PN", "MÜLLER")];
    let changed = set_elements(&latin, Encoding::ExplicitLittle, &change).unwrap();
    assert!(changed.windows(6).any(|window| window == b"M\xDCLLER"));
    let name = text(&changed, Encoding::ExplicitLittle, tags::PATIENT_NAME);
    assert_eq!(name.as_deref(), Some("MÜLLER"));
}

#[track_caller]
fn check_refused(data_set: &[u8], change: (Tag, &str, &str), expected: &str) {
    let error = set_elements(data_set, Encoding::ExplicitLittle, &[change]).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let plain = Instance::new(4).data_set();
    check_refused(
        &plain,
        (tags::PATIENT_NAME, "PN", "MÜLLER"),
        "the value for (0010,0010) cannot be written in the character set of the data set",
    );
    check_refused(
        &plain,
        (tags::ROWS, "US", "64"),
        "the value representation for (0028,0010) is not one of text",
    );
    check_refused(
        &plain,
        (tags::PATIENT_ID, "LO", &"9".repeat(70_000)),
        "the value for (0010,0020) is too long",
    );
}

#[test]
fn a_data_set_that_repeats_or_breaks_before_the_change_is_refused() {
    let repeated = b"\x10\x00\x20\x00LO\x02\x00P1\x10\x00\x20\x00LO\x02\x00P2";
    let change = (tags::PATIENT_ID, "LO", "P3");
    check_refused(repeated, change, "data set is damaged: (0010,0020) is repeated at byte 10");
    let cut = b"\x08\x00\x60\x00CS\x20\x00CT";
    check_refused(cut, change, "data set is damaged: data set ends early at byte 10");
}

#[test]
fn a_group_length_follows_the_size_of_its_group() {
    let mut data_set = b"\x10\x00\x00\x00UL\x04\x00\x0A\x00\x00\x00".to_vec();
    data_set.extend_from_slice(b"\x10\x00\x20\x00LO\x02\x00P1");
    data_set.extend_from_slice(b"\x20\x00\x10\x00SH\x02\x00S1");
    let changes = [(tags::PATIENT_ID, "LO", "P-1001"), (tags::PATIENT_SEX, "CS", "F")];
    let changed = set_elements(&data_set, Encoding::ExplicitLittle, &changes).unwrap();
    assert_eq!(&changed[8..12], &(14_u32 + 10).to_le_bytes());
    assert!(changed.ends_with(b"\x20\x00\x10\x00SH\x02\x00S1"));
}

#[test]
fn no_change_is_a_copy_and_the_last_of_two_wins() {
    let data_set = Instance::new(4).data_set();
    let same = set_elements(&data_set, Encoding::ExplicitLittle, &[]).unwrap();
    assert_eq!(same, data_set);
    let changes = [(tags::PATIENT_ID, "LO", "A"), (tags::PATIENT_ID, "LO", "B")];
    let changed = set_elements(&data_set, Encoding::ExplicitLittle, &changes).unwrap();
    let id = text(&changed, Encoding::ExplicitLittle, tags::PATIENT_ID);
    assert_eq!(id.as_deref(), Some("B"));
}

#[test]
fn a_sequence_under_a_group_length_tag_is_left_alone() {
    // Found by fuzzing: its first bytes were corrected as if they were a length.
    let sequence = b"\xfe\xff\x00\xe0\xff\xff\xff\xff\x40\x00\x31\x00\x02\x00\x00\x00N \
        \xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0";
    let mut data_set = b"\x10\x00\x00\x00UN\0\0\xff\xff\xff\xff".to_vec();
    data_set.extend_from_slice(sequence);
    data_set.extend_from_slice(b"\x10\x00\x20\x00LO\x02\x00P9");
    let change = [(tags::PATIENT_ID, "LO", "NORTH")];
    let changed = set_elements(&data_set, Encoding::ExplicitLittle, &change).unwrap();
    assert_eq!(changed[..12 + sequence.len()], data_set[..12 + sequence.len()]);
    assert_eq!(set_elements(&changed, Encoding::ExplicitLittle, &change).unwrap(), changed);
}
