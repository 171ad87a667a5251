//! Bodies over `telerad-dicom`.

use dicom_encoding::text::SpecificCharacterSet;
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_parser::dataset::DataToken;
use dicom_parser::dataset::read::{DataSetReader, DataSetReaderOptions, ValueReadStrategy};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use telerad_dicom::dataset::{DataSet, DataSetLimits};
use telerad_dicom::{
    Encoding, Head, HeadLimits, HeadScanner, InstanceHead, Scan, Tag, edit, encoding_of, part10,
    tags,
};

/// The head of a data set does not depend on how the stream is cut, has what dicom-parser reads, and a change of an
/// element can be read back. The first byte chooses the encoding, the second the cuts.
pub fn dataset_head(input: &[u8]) {
    let Some(([which, cut], data_set)) = input.split_first_chunk() else { return };
    let encoding = encoding_of(syntax(*which));
    let limits = HeadLimits { bytes_max: 512, elements_max: 256, ..HeadLimits::default() };
    let mut whole = HeadScanner::new(encoding, limits);
    whole.push(data_set);
    let mut pieces = HeadScanner::new(encoding, limits);
    for piece in data_set.chunks(usize::from(*cut).max(1)) {
        pieces.push(piece);
    }
    assert_eq!(whole.state(), pieces.state());
    assert_eq!(whole.pixel_data_offset(), pieces.pixel_data_offset());
    let offset = whole.pixel_data_offset();
    assert!(offset.is_none_or(|offset| offset < data_set.len() as u64));
    let (whole, pieces) = (whole.finish(), pieces.finish());
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => {
            assert_eq!(whole.damage(), pieces.damage());
            assert_eq!(InstanceHead::read(whole), InstanceHead::read(pieces));
        }
        (whole, pieces) => assert_eq!(whole.as_ref().err(), pieces.as_ref().err()),
    }
    if encoding != Encoding::DeflatedExplicitLittle {
        if let Ok(head) = whole.as_ref().map_err(|_| ()).and_then(undamaged) {
            compare(head, offset, data_set, syntax(*which));
        }
        change(data_set, encoding);
    }
}

fn undamaged(head: &Head) -> Result<&Head, ()> {
    if head.damage().is_none() { Ok(head) } else { Err(()) }
}

/// Where dicom-parser reads a data set too, the head has the elements that it finds, with the same bytes. Dicom-parser
/// allocates by declared length, so it sees only what the guard lets through.
fn compare(head: &Head, offset: Option<u64>, data_set: &[u8], syntax: &str) {
    if DataSet::decode(data_set, syntax, DataSetLimits::default()).is_err() {
        return;
    }
    // Dicom-parser reads the items of an unknown element in the encoding around it (PS3.5 section 6.2.2 says implicit VR).
    let mut headers = data_set.windows(8);
    if headers.any(|it| it.starts_with(b"UN") && it.ends_with(b"\xFF\xFF\xFF\xFF")) {
        return;
    }
    let theirs = top_level(data_set, syntax);
    for tag in COMPARED {
        let found = theirs.iter().find(|(theirs, _)| *theirs == tag);
        let found = found.map(|(_, bytes)| bytes.as_slice());
        assert_eq!(head.raw(tag), found, "{tag}");
    }
    let has_pixels = theirs.iter().any(|(tag, _)| is_pixels(*tag));
    assert!(offset.is_none() || has_pixels);
}

/// The top-level elements with plain values, as dicom-parser reads them.
fn top_level(data_set: &[u8], syntax: &str) -> Vec<(Tag, Vec<u8>)> {
    let syntax = TransferSyntaxRegistry.get(syntax).expect("a syntax of the registry");
    let options = DataSetReaderOptions::default().value_read(ValueReadStrategy::Raw);
    let charset = SpecificCharacterSet::default();
    let reader = DataSetReader::new_with_ts_cs_options(data_set, syntax, charset, options);
    let (mut depth, mut last) = (0_usize, Tag(0, 0));
    let mut found = Vec::new();
    for token in reader.expect("a plain syntax") {
        match token.expect("what the guard lets through") {
            // Nothing behind the pixels belongs to the head.
            DataToken::ElementHeader(_) if depth == 0 && is_pixels(last) => break,
            DataToken::ElementHeader(header) => last = Tag(header.tag.0, header.tag.1),
            DataToken::PrimitiveValue(value) if depth == 0 => {
                found.push((last, value.to_bytes().into_owned()));
            }
            DataToken::SequenceStart { .. } => depth += 1,
            DataToken::SequenceEnd => depth -= 1,
            _ => {}
        }
    }
    found
}

fn is_pixels(tag: Tag) -> bool {
    matches!(tag, Tag(0x7FE0, 0x0008 | 0x0009 | 0x0010))
}

/// Elements of a head.
const COMPARED: [Tag; 7] = [
    tags::SPECIFIC_CHARACTER_SET,
    tags::SOP_INSTANCE_UID,
    tags::ACCESSION_NUMBER,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::STUDY_INSTANCE_UID,
    tags::REQUESTED_PROCEDURE_ID,
];

/// A data set that an element was set in has that element, and can be changed back to itself.
fn change(data_set: &[u8], encoding: Encoding) {
    let set = [(tags::PATIENT_ID, "LO", "FUZZ")];
    let Ok(changed) = edit::set_elements(data_set, encoding, &set) else { return };
    assert_eq!(edit::set_elements(&changed, encoding, &set).as_ref(), Ok(&changed));
    let mut scanner = HeadScanner::new(encoding, HeadLimits::default());
    if scanner.push(&changed) == Scan::Complete {
        let head = scanner.finish().expect("a head that is complete");
        assert_eq!(head.text(tags::PATIENT_ID).as_deref(), Some("FUZZ"));
    }
}

/// What the guard lets through can be decoded, and what can be encoded means the same after. The first byte chooses
/// the encoding.
pub fn dataset_decode(input: &[u8]) {
    let Some((which, data_set)) = input.split_first() else { return };
    let syntax = syntax(*which);
    let limits = DataSetLimits { bytes_max: 1 << 16, ..DataSetLimits::default() };
    let Ok(decoded) = DataSet::decode(data_set, syntax, limits) else { return };
    let Ok(encoded) = decoded.encode(syntax) else { return };
    let limits = DataSetLimits::default();
    let again = DataSet::decode(&encoded, syntax, limits).expect("what was encoded is decoded");
    assert!(undeclared(&again) == undeclared(&decoded));
}

/// Without the declarations of character sets, which encoding decides anew.
fn undeclared(set: &DataSet) -> DataSet {
    let mut bare = set.clone();
    bare.remove(tags::SPECIFIC_CHARACTER_SET);
    for tag in bare.tags() {
        if let Some(items) = set.items_ref(tag) {
            bare.set_items(tag, items.iter().map(undeclared).collect());
        }
    }
    bare
}

/// The file meta information ends within the file, and is written again as it was read.
pub fn part10_file(input: &[u8]) {
    let Ok((meta, data_set)) = part10::read(input) else { return };
    assert!(data_set <= input.len());
    let short = |uid: &str| uid.is_ascii() && uid.len() <= 64;
    let uids = [&meta.sop_class_uid, &meta.sop_instance_uid, &meta.transfer_syntax_uid];
    if uids.into_iter().all(|uid| short(uid)) {
        let written = part10::write(&meta);
        assert_eq!(part10::read(&written), Ok((meta, written.len())));
    }
}

fn syntax(which: u8) -> &'static str {
    match which % 4 {
        0 => "1.2.840.10008.1.2",
        1 => "1.2.840.10008.1.2.1",
        2 => "1.2.840.10008.1.2.2",
        _ => "1.2.840.10008.1.2.1.99",
    }
}
