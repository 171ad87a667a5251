//! Whole small data sets: query identifiers, worklist answers.
//!
//! Bytes from a peer are walked over completely first; only what passes within the limits reaches dicom-parser. This
//! is the only place of the crate where dicom-rs reads or writes a data set, and none of its types appears outside.

use std::collections::BTreeMap;

use dicom_core::VR;

use crate::walk::{Action, Element as Header, Visitor, Walker};
use crate::{Damage, DamageKind, Encoding, Tag, encoding_of, inflate, vr};

mod number;
mod read;
mod write;

/// Limits of [`DataSet::decode`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DataSetLimits {
    /// Most bytes, after inflating.
    pub bytes_max: usize,
    /// Most sequences within one another.
    pub nesting_max: usize,
    /// Most elements and items.
    pub elements_max: usize,
}

impl Default for DataSetLimits {
    /// 1 MiB, 64 levels, 65,536 elements.
    fn default() -> Self {
        Self { bytes_max: 1 << 20, nesting_max: 64, elements_max: 1 << 16 }
    }
}

/// A data set in memory: elements by tag, text as Unicode.
///
/// Value representations come from the data dictionary. Text holds every value of an element, separated by `\`; numbers
/// are text too. The Specific Character Set (0008,0005) of what is encoded is decided by the text in it.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct DataSet {
    elements: BTreeMap<Tag, Element>,
}

/// Why a data set cannot be decoded or encoded.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DataSetError {
    /// The data set breaks its encoding or a limit.
    #[error("data set is damaged: {0}")]
    Damaged(#[from] Damage),
    /// Dicom-parser does not read what our own walk accepted.
    #[error("data set cannot be read near {0}")]
    Unreadable(Tag),
    /// The data set is larger than the limit.
    #[error("data set has more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// A sequence of unknown value representation and undefined length whose items are in explicit VR. They belong in
    /// implicit VR, whatever surrounds them (PS3.5 section 6.2.2), and could be read as that.
    #[error("{0} is of unknown representation with items in explicit VR")]
    UnknownSequence(Tag),
    /// Pixel data and other encapsulated values do not belong into these data sets.
    #[error("{0} is encapsulated")]
    Encapsulated(Tag),
    /// The text given for a binary element, or the bytes received for it, are no numbers of its representation.
    #[error("the value for {0} is not a number of its representation")]
    NotANumber(Tag),
    /// A text beyond ASCII for an element whose representation has no character set (PS3.5 section 6.1.2.2).
    #[error("the value for {0} has characters outside its repertoire")]
    OutsideRepertoire(Tag),
    /// Dicom-object refused to write the data set, or an element is too long for its length field.
    #[error("data set cannot be written")]
    Unwritable,
}

#[derive(Clone, Eq, PartialEq)]
struct Element {
    vr: VR,
    value: Value,
}

#[derive(Clone, Eq, PartialEq)]
enum Value {
    Bytes(Vec<u8>),
    Items(Vec<DataSet>),
    Text(String),
}

impl DataSet {
    /// A data set without elements.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes a data set from a peer.
    ///
    /// # Errors
    /// When it is larger than the limits or damaged anywhere.
    pub fn decode(
        bytes: &[u8],
        transfer_syntax_uid: &str,
        limits: DataSetLimits,
    ) -> Result<Self, DataSetError> {
        if bytes.len() > limits.bytes_max {
            return Err(DataSetError::TooLarge { limit: limits.bytes_max });
        }
        let encoding = encoding_of(transfer_syntax_uid);
        let inflated;
        let bytes = if encoding.is_deflated() {
            inflated = inflate::all(bytes, limits.bytes_max)?;
            inflated.as_slice()
        } else {
            bytes
        };
        let mut guard = Guard::default();
        let mut walker = Walker::new(encoding, limits.nesting_max, limits.elements_max);
        let walked = walker.feed(bytes, &mut guard);
        if let Some(refused) = guard.refused {
            return Err(refused);
        }
        walked?;
        walker.end()?;
        read::data_set(bytes, encoding, guard.unknown)
    }

    /// Encodes the data set: elements in order, sequences with their lengths.
    ///
    /// Text beyond ASCII is written in UTF-8 and declared with (0008,0005) `ISO_IR 192`, whatever was set there.
    ///
    /// # Errors
    /// When a binary element was given text that is no number, when a text beyond ASCII was given to an element without
    /// a character set, or when an element is too long for its length field.
    pub fn encode(&self, transfer_syntax_uid: &str) -> Result<Vec<u8>, DataSetError> {
        let encoding = encoding_of(transfer_syntax_uid);
        let plain = write::data_set(self, encoding)?;
        if encoding.is_deflated() {
            return inflate::deflate(&plain).map_err(|_| DataSetError::Unwritable);
        }
        Ok(plain)
    }

    /// Sets an element to a text: every value, separated by `\`. Numbers are given as text too.
    pub fn set_text(&mut self, tag: Tag, text: &str) {
        self.set(tag, Value::Text(text.to_owned()));
    }

    /// Sets an element that is present without a value: a universal match in a query, "unknown" in an answer.
    pub fn set_empty(&mut self, tag: Tag) {
        let value = if vr::is_sequence(tag) {
            Value::Items(Vec::new())
        } else {
            Value::Text(String::new())
        };
        self.set(tag, value);
    }

    /// Sets an element to a sequence of items.
    pub fn set_items(&mut self, tag: Tag, items: Vec<DataSet>) {
        self.elements.insert(tag, Element { vr: VR::SQ, value: Value::Items(items) });
    }

    /// Removes an element.
    pub fn remove(&mut self, tag: Tag) {
        self.elements.remove(&tag);
    }

    /// The text of an element, without padding: `None` when absent, empty when it has no value. Sequences and bytes
    /// have no text.
    pub fn text(&self, tag: Tag) -> Option<String> {
        match &self.elements.get(&tag)?.value {
            Value::Text(text) => Some(text.clone()),
            Value::Bytes(bytes) if bytes.is_empty() => Some(String::new()),
            Value::Items(items) if items.is_empty() => Some(String::new()),
            Value::Bytes(_) | Value::Items(_) => None,
        }
    }

    /// The items of a sequence: `None` when absent or not a sequence.
    pub fn items(&self, tag: Tag) -> Option<Vec<DataSet>> {
        self.items_ref(tag).map(<[DataSet]>::to_vec)
    }

    /// The items of a sequence, borrowed.
    pub fn items_ref(&self, tag: Tag) -> Option<&[DataSet]> {
        match &self.elements.get(&tag)?.value {
            Value::Items(items) => Some(items),
            Value::Bytes(_) | Value::Text(_) => None,
        }
    }

    /// The bytes of an element whose value is neither text, nor numbers, nor items.
    pub fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        match &self.elements.get(&tag)?.value {
            Value::Bytes(bytes) => Some(bytes),
            Value::Items(_) | Value::Text(_) => None,
        }
    }

    /// Whether the element is present, with or without a value.
    pub fn contains(&self, tag: Tag) -> bool {
        self.elements.contains_key(&tag)
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The tags present, in ascending order.
    pub fn tags(&self) -> Vec<Tag> {
        self.elements.keys().copied().collect()
    }

    fn set(&mut self, tag: Tag, value: Value) {
        self.elements.insert(tag, Element { vr: vr::of(tag), value });
    }
}

impl std::fmt::Debug for DataSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DataSet(<redacted>, elements: {:?})", self.tags())
    }
}

/// Refuses what dicom-parser would read in another way than our walk does, or without need.
#[derive(Default)]
struct Guard {
    refused: Option<DataSetError>,
    unknown: Vec<Unknown>,
    /// How many sequences enclose the unknown one that the walk is in.
    within: Option<usize>,
}

/// An element of representation UN outside any other.
#[derive(Clone, Copy, Debug)]
enum Unknown {
    /// Of undefined length, with items in implicit VR (PS3.5 section 6.2.2): from where its length stands to its delimiter.
    Items { length_at: usize, delimiter_at: usize },
    /// Of a length that it says.
    Value,
}

impl Visitor for Guard {
    fn element(&mut self, header: &Header) -> Action {
        let is_unknown = header.vr == Some(*b"UN");
        let refused = match header.length {
            None if !is_unknown && !header.is_sequence => DataSetError::Encapsulated(header.tag),
            _ if matches!(header.tag.0, 0x0000 | 0x0002) => {
                let kind = DamageKind::NotOfADataSet(header.tag);
                DataSetError::Damaged(Damage { kind, offset: header.offset })
            }
            Some(_) if is_unknown => {
                self.unknown.push(Unknown::Value);
                return Action::Enter;
            }
            None if is_unknown && !matches!(vr::of(header.tag), VR::SQ | VR::UN) => {
                let kind = DamageKind::NotAValue(header.tag);
                DataSetError::Damaged(Damage { kind, offset: header.offset })
            }
            None if is_unknown => {
                let offset = usize::try_from(header.offset).unwrap_or(usize::MAX);
                let length_at = offset.saturating_add(LENGTH_OFFSET);
                self.unknown.push(Unknown::Items { length_at, delimiter_at: 0 });
                self.within = Some(header.depth);
                return Action::Enter;
            }
            _ => return Action::Enter,
        };
        self.refused.get_or_insert(refused);
        Action::Stop
    }

    fn read_as(&mut self, _found: Encoding, damage: Damage) -> bool {
        self.refused.get_or_insert(DataSetError::Damaged(damage));
        false
    }

    fn found_explicit_items(&mut self, damage: Damage) {
        if let DamageKind::ExplicitItemsInUnknown(tag) = damage.kind {
            self.refused.get_or_insert(DataSetError::UnknownSequence(tag));
        }
    }

    fn delimited(&mut self, depth: usize, offset: u64) {
        if self.within == Some(depth) {
            self.within = None;
            if let Some(Unknown::Items { delimiter_at, .. }) = self.unknown.last_mut() {
                *delimiter_at = usize::try_from(offset).unwrap_or(usize::MAX);
            }
        }
    }
}

/// Of the length in the header of an element of representation UN (PS3.5 section 7.1.2).
const LENGTH_OFFSET: usize = 8;

#[cfg(test)]
mod tests;
