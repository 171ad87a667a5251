//! Properties: our reading of generated data sets is dicom-object's, and no input at all makes any reader panic.

use std::collections::BTreeMap;

use dicom_core::header::Header;
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::{Action, Element, Visitor, Walker};
use crate::dataset::{DataSet, DataSetLimits};
use crate::{Encoding, HeadLimits, HeadScanner, Tag, edit, part10, tags, uids};

/// A generated element, by tag.
#[derive(Clone, Debug)]
enum Node {
    Sequence { defined: bool, items: Vec<(bool, BTreeMap<Tag, Node>)> },
    Value { vr: &'static [u8; 2], bytes: Vec<u8> },
}

/// One line of what a reader saw: depth, tag, text of a value or number of items.
type Seen = Vec<(usize, Tag, String)>;

const ENCODINGS: [(Encoding, &str); 3] = [
    (Encoding::ExplicitBig, uids::EXPLICIT_VR_BIG_ENDIAN),
    (Encoding::ExplicitLittle, uids::EXPLICIT_VR_LITTLE_ENDIAN),
    (Encoding::ImplicitLittle, uids::IMPLICIT_VR_LITTLE_ENDIAN),
];

fn value() -> impl Strategy<Value = (Tag, Node)> {
    let kinds: Vec<(Tag, &'static [u8; 2])> = std::vec![
        (tags::SOP_INSTANCE_UID, b"UI"),
        (tags::ACCESSION_NUMBER, b"SH"),
        (tags::MODALITY, b"CS"),
        (tags::PATIENT_NAME, b"PN"),
        (tags::PATIENT_ID, b"LO"),
        (tags::STUDY_INSTANCE_UID, b"UI"),
        (Tag(0x0029, 0x1010), b"OB"),
        (tags::TEXT_VALUE, b"UT"),
    ];
    let kind = prop::sample::select(kinds);
    (kind, "[A-Z0-9.^]{0,12}").prop_map(|((tag, vr), text)| {
        let mut bytes = text.into_bytes();
        if bytes.len() % 2 == 1 {
            bytes.push(b' ');
        }
        (tag, Node::Value { vr, bytes })
    })
}

fn tree() -> impl Strategy<Value = BTreeMap<Tag, Node>> {
    let leaf = vec(value(), 0..6).prop_map(|nodes| nodes.into_iter().collect());
    leaf.prop_recursive(5, 40, 4, |inner: BoxedStrategy<BTreeMap<Tag, Node>>| {
        let sequences = std::vec![
            tags::REFERENCED_STUDY_SEQUENCE,
            tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE,
            tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE,
        ];
        let items = vec((any::<bool>(), inner), 0..3);
        let sequence =
            (any::<bool>(), items).prop_map(|(defined, items)| Node::Sequence { defined, items });
        let sequences = btree_map(prop::sample::select(sequences), sequence, 0..3);
        (sequences, vec(value(), 0..4)).prop_map(|(mut nodes, values)| {
            nodes.extend(values);
            nodes
        })
    })
}

fn encode(nodes: &BTreeMap<Tag, Node>, encoding: Encoding) -> Vec<u8> {
    let big = encoding.is_big_endian();
    let four = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let two = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let header = |tag: Tag, vr: Option<&[u8; 2]>, length: u32| {
        let mut bytes = [two(tag.0), two(tag.1)].concat();
        match vr.filter(|_| encoding.is_explicit()) {
            Some(vr) if crate::vr::has_long_length(*vr) => {
                bytes.extend_from_slice(&[vr[0], vr[1], 0, 0]);
                bytes.extend_from_slice(&four(length));
            }
            Some(vr) => {
                bytes.extend_from_slice(vr);
                bytes.extend_from_slice(&two(length as u16));
            }
            None => bytes.extend_from_slice(&four(length)),
        }
        bytes
    };
    let mut bytes = Vec::new();
    for (tag, node) in nodes {
        match node {
            Node::Value { vr, bytes: value } => {
                bytes.extend(header(*tag, Some(vr), value.len() as u32));
                bytes.extend_from_slice(value);
            }
            Node::Sequence { defined, items } => {
                let mut content = Vec::new();
                for (defined, item) in items {
                    let item = encode(item, encoding);
                    let length = if *defined { item.len() as u32 } else { u32::MAX };
                    content.extend(header(tags::ITEM, None, length));
                    content.extend(item);
                    if !defined {
                        content.extend(header(tags::ITEM_DELIMITATION_ITEM, None, 0));
                    }
                }
                let length = if *defined { content.len() as u32 } else { u32::MAX };
                bytes.extend(header(*tag, Some(b"SQ"), length));
                bytes.extend(content);
                if !defined {
                    bytes.extend(header(tags::SEQUENCE_DELIMITATION_ITEM, None, 0));
                }
            }
        }
    }
    bytes
}

fn generated(nodes: &BTreeMap<Tag, Node>, depth: usize, seen: &mut Seen) {
    for (tag, node) in nodes {
        match node {
            Node::Value { bytes, .. } => seen.push((depth, *tag, text(bytes))),
            Node::Sequence { items, .. } => {
                seen.push((depth, *tag, String::new()));
                items.iter().for_each(|(_, item)| generated(item, depth + 1, seen));
            }
        }
    }
}

fn oracle(object: &InMemDicomObject, depth: usize, seen: &mut Seen) {
    for element in object {
        let tag = Tag(element.tag().0, element.tag().1);
        match element.items() {
            Some(items) => {
                seen.push((depth, tag, String::new()));
                items.iter().for_each(|item| oracle(item, depth + 1, seen));
            }
            None => seen.push((depth, tag, text(&element.to_bytes().unwrap()))),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

/// Writes down everything.
#[derive(Default)]
struct Recorder {
    seen: Seen,
    value: Vec<u8>,
}

impl Visitor for Recorder {
    fn element(&mut self, element: &Element) -> Action {
        self.seen.push((element.depth, element.tag, String::new()));
        self.value.clear();
        if element.is_sequence { Action::Enter } else { Action::Keep }
    }

    fn value(&mut self, piece: &[u8]) {
        self.value.extend_from_slice(piece);
    }

    fn value_end(&mut self) {
        self.seen.last_mut().unwrap().2 = text(&self.value);
    }
}

/// Mutated data sets reach further than noise does.
fn nearly_valid() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let damage = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (tree(), 0..3_usize, damage, any::<prop::sample::Index>()).prop_map(
        |(tree, which, damage, cut)| {
            let mut bytes = encode(&tree, ENCODINGS[which].0);
            for (index, byte) in damage {
                if !bytes.is_empty() {
                    let at = index.index(bytes.len());
                    bytes[at] = byte;
                }
            }
            bytes.truncate(cut.index(bytes.len() + 1).max(bytes.len() / 2));
            (which, bytes)
        },
    )
}

/// Without the declarations of character sets, which encoding decides anew.
fn undeclared(set: &DataSet) -> DataSet {
    let mut bare = set.clone();
    bare.remove(tags::SPECIFIC_CHARACTER_SET);
    for tag in bare.tags() {
        if let Some(items) = set.items(tag) {
            bare.set_items(tag, items.iter().map(undeclared).collect());
        }
    }
    bare
}

fn read_in_every_way(encoding: Encoding, syntax: &str, bytes: &[u8]) {
    let mut scanner = HeadScanner::new(encoding, HeadLimits::default());
    scanner.push(bytes);
    let _ = scanner.finish().map(|head| crate::InstanceHead::read(&head));
    let _ = part10::read(bytes);
    let _ = edit::set_elements(bytes, encoding, &[(tags::PATIENT_ID, "LO", "P")]);
    if let Ok(set) = DataSet::decode(bytes, syntax, DataSetLimits::default()) {
        // What could be decoded can be encoded, and means the same then.
        if let Ok(again) = set.encode(syntax) {
            let again = DataSet::decode(&again, syntax, DataSetLimits::default()).unwrap();
            assert!(undeclared(&again) == undeclared(&set), "{set:?} became {again:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_walk_sees_what_dicom_object_sees(tree in tree()) {
        let mut expected = Seen::new();
        generated(&tree, 0, &mut expected);
        for (encoding, syntax) in ENCODINGS {
            let bytes = encode(&tree, encoding);
            let mut recorder = Recorder::default();
            let mut walker = Walker::new(encoding, 64, usize::MAX);
            walker.feed(&bytes, &mut recorder).unwrap();
            walker.end().unwrap();
            let syntax = TransferSyntaxRegistry.get(syntax).unwrap();
            let object = InMemDicomObject::read_dataset_with_ts(&*bytes, syntax).unwrap();
            let mut theirs = Seen::new();
            oracle(&object, 0, &mut theirs);
            prop_assert_eq!(&recorder.seen, &theirs);
            prop_assert_eq!(&recorder.seen, &expected);
        }
    }

    #[test]
    fn a_decoded_data_set_has_the_elements_that_were_generated(tree in tree()) {
        for (encoding, syntax) in ENCODINGS {
            let bytes = encode(&tree, encoding);
            let set = DataSet::decode(&bytes, syntax, DataSetLimits::default()).unwrap();
            let expected: Vec<Tag> = tree.keys().copied().collect();
            prop_assert_eq!(set.tags(), expected);
            for (tag, node) in &tree {
                match node {
                    Node::Sequence { items, .. } => {
                        prop_assert_eq!(set.items(*tag).unwrap().len(), items.len());
                    }
                    Node::Value { vr, bytes } if *vr != b"OB" => {
                        prop_assert_eq!(set.text(*tag), Some(text(bytes)));
                    }
                    Node::Value { .. } => {}
                }
            }
        }
    }

    #[test]
    fn noise_makes_no_reader_panic(bytes in vec(any::<u8>(), 0..600)) {
        for (encoding, syntax) in ENCODINGS {
            read_in_every_way(encoding, syntax, &bytes);
        }
        let deflated = uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN;
        read_in_every_way(Encoding::DeflatedExplicitLittle, deflated, &bytes);
    }

    #[test]
    fn damaged_data_sets_make_no_reader_panic((which, bytes) in nearly_valid()) {
        let (encoding, syntax) = ENCODINGS[which];
        read_in_every_way(encoding, syntax, &bytes);
    }

    #[test]
    fn chunks_never_change_the_result((which, bytes) in nearly_valid(), sizes in vec(1..40_usize, 1..8)) {
        let encoding = ENCODINGS[which].0;
        let mut whole = HeadScanner::new(encoding, HeadLimits::default());
        whole.push(&bytes);
        let mut pieces = HeadScanner::new(encoding, HeadLimits::default());
        let mut rest = &bytes[..];
        for size in sizes.iter().cycle() {
            let (piece, behind) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(whole.state(), pieces.state());
        prop_assert_eq!(whole.pixel_data_offset(), pieces.pixel_data_offset());
        let (whole, pieces) = (whole.finish(), pieces.finish());
        prop_assert_eq!(whole.as_ref().err(), pieces.as_ref().err());
        if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
            prop_assert_eq!(whole.damage(), pieces.damage());
            for tag in [tags::PATIENT_ID, tags::PATIENT_NAME, tags::STUDY_INSTANCE_UID] {
                prop_assert_eq!(whole.raw(tag), pieces.raw(tag));
            }
        }
    }
}
