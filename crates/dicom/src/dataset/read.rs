//! From dicom-parser's tokens to a [`DataSet`].

use std::borrow::Cow;

use dicom_core::header::Header;
use dicom_core::{PrimitiveValue, VR};
use dicom_encoding::text::SpecificCharacterSet;
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_parser::dataset::DataToken;
use dicom_parser::dataset::read::{DataSetReader, DataSetReaderOptions, ValueReadStrategy};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::{DataSet, DataSetError, Element, Unknown, Value, number};
use crate::text::Repertoire;
use crate::{Encoding, Tag, tags, uids, vr};

/// Reads a data set that our own walk has bounded, and in which it met these elements of unknown representation. Values are
/// taken as bytes and decoded here, because dicom-parser knows only part of the character sets.
pub(super) fn data_set(
    bytes: &[u8],
    encoding: Encoding,
    unknown: Vec<Unknown>,
) -> Result<DataSet, DataSetError> {
    let bytes = with_lengths(bytes, encoding, &unknown)?;
    elements(&bytes, encoding, Repertoire::default(), &mut unknown.into_iter())
}

/// Dicom-parser takes the items of an unknown element for those of a sequence in the encoding around it. So each gets the
/// length that makes its items, with their delimiter, a value.
fn with_lengths<'a>(
    bytes: &'a [u8],
    encoding: Encoding,
    unknown: &[Unknown],
) -> Result<Cow<'a, [u8]>, DataSetError> {
    let mut bytes = Cow::Borrowed(bytes);
    for it in unknown {
        let Unknown::Items { length_at, delimiter_at } = *it else { continue };
        let value_at = length_at.saturating_add(4);
        let length = delimiter_at.saturating_add(DELIMITER_BYTES).checked_sub(value_at);
        let length = length.and_then(|length| u32::try_from(length).ok());
        let field = bytes.to_mut().get_mut(length_at..value_at);
        let (Some(length), Some(field)) = (length, field) else {
            return Err(DataSetError::Unreadable(Tag(0, 0)));
        };
        let big = encoding.is_big_endian();
        field.copy_from_slice(&if big { length.to_be_bytes() } else { length.to_le_bytes() });
    }
    Ok(bytes)
}

fn elements(
    bytes: &[u8],
    encoding: Encoding,
    repertoire: Repertoire,
    unknown: &mut impl Iterator<Item = Unknown>,
) -> Result<DataSet, DataSetError> {
    let unreadable = DataSetError::Unreadable;
    let start = unreadable(Tag(0, 0));
    let syntax = TransferSyntaxRegistry.get(plain_syntax(encoding)).ok_or(start.clone())?;
    let options = DataSetReaderOptions::default().value_read(ValueReadStrategy::Raw);
    let charset = SpecificCharacterSet::default();
    let reader = DataSetReader::new_with_ts_cs_options(bytes, syntax, charset, options)
        .map_err(|_| start)?;
    let mut levels = vec![Level { repertoire, ..Level::default() }];
    let mut last = Tag(0, 0);
    for token in reader {
        let Ok(token) = token else { return Err(unreadable(last)) };
        let level = levels.last_mut().ok_or(unreadable(last))?;
        match token {
            DataToken::ElementHeader(header) => {
                last = Tag(header.tag().0, header.tag().1);
                level.pending = Some((last, header.vr()));
            }
            DataToken::PrimitiveValue(value) => {
                let (tag, vr) = level.pending.take().ok_or(unreadable(last))?;
                let is_items = vr == VR::UN
                    && encoding.is_explicit()
                    && matches!(unknown.next(), Some(Unknown::Items { .. }));
                match is_items {
                    true => level.add_items(tag, &value)?,
                    false => level.add(tag, vr, &value, encoding.is_big_endian())?,
                }
            }
            DataToken::SequenceStart { tag, .. } => {
                last = Tag(tag.0, tag.1);
                level.sequences.push((last, Vec::new()));
            }
            DataToken::ItemStart { .. } => {
                let repertoire = level.repertoire;
                levels.push(Level { repertoire, ..Level::default() });
            }
            DataToken::ItemEnd => {
                let item = levels.pop().ok_or(unreadable(last))?;
                let outer = levels.last_mut().ok_or(unreadable(last))?;
                let (_, items) = outer.sequences.last_mut().ok_or(unreadable(last))?;
                items.push(item.data_set);
            }
            DataToken::SequenceEnd => {
                let (tag, items) = level.sequences.pop().ok_or(unreadable(last))?;
                level.data_set.set_items(tag, items);
            }
            DataToken::PixelSequenceStart | DataToken::ItemValue(_) | DataToken::OffsetTable(_) => {
                return Err(DataSetError::Encapsulated(last));
            }
        }
    }
    match levels.pop() {
        Some(level) if levels.is_empty() && level.sequences.is_empty() => Ok(level.data_set),
        _ => Err(unreadable(last)),
    }
}

/// The syntax that encodes elements in the same way, without deflating.
pub(super) fn plain_syntax(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::ImplicitLittle => uids::IMPLICIT_VR_LITTLE_ENDIAN,
        Encoding::ExplicitBig => uids::EXPLICIT_VR_BIG_ENDIAN,
        Encoding::ExplicitLittle | Encoding::DeflatedExplicitLittle => {
            uids::EXPLICIT_VR_LITTLE_ENDIAN
        }
    }
}

/// A data set that is being read, the outermost or an item.
#[derive(Default)]
struct Level {
    data_set: DataSet,
    pending: Option<(Tag, VR)>,
    sequences: Vec<(Tag, Vec<DataSet>)>,
    /// An item without (0008,0005) has the character set of what encloses it (PS3.3 section C.12.1.1.2).
    repertoire: Repertoire,
}

impl Level {
    /// Adds an element of unknown representation with items in implicit VR: as a sequence where it is known to be one.
    fn add_items(&mut self, tag: Tag, value: &PrimitiveValue) -> Result<(), DataSetError> {
        let value = value.to_bytes();
        let end = value.len().saturating_sub(DELIMITER_BYTES);
        let items = value.get(..end).ok_or(DataSetError::Unreadable(tag))?;
        if !vr::is_sequence(tag) {
            let element = Element { vr: VR::UN, value: Value::Bytes(items.to_vec()) };
            self.data_set.elements.entry(tag).or_insert(element);
            return Ok(());
        }
        let length = u32::try_from(items.len()).map_err(|_| DataSetError::Unreadable(tag))?;
        let mut sequence = [tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat();
        sequence.extend_from_slice(&length.to_le_bytes());
        sequence.extend_from_slice(items);
        let implicit = Encoding::ImplicitLittle;
        let read = elements(&sequence, implicit, self.repertoire, &mut std::iter::empty())?;
        for (tag, element) in read.elements {
            self.data_set.elements.entry(tag).or_insert(element);
        }
        Ok(())
    }

    fn add(
        &mut self,
        tag: Tag,
        vr: VR,
        value: &PrimitiveValue,
        big: bool,
    ) -> Result<(), DataSetError> {
        let bytes = value.to_bytes();
        if tag == tags::SPECIFIC_CHARACTER_SET {
            self.repertoire = Repertoire::of(&bytes);
        }
        // A peer that sends UN for an element that everybody knows does not make it unknown; a sequence sent so, with a
        // length, stays bytes.
        let vr = if vr == VR::UN && !vr::is_sequence(tag) { vr::of(tag) } else { vr };
        let value = match number::text_of(&bytes, vr, big) {
            Some(text) => Value::Text(text),
            None if number::is_number(vr) => return Err(DataSetError::NotANumber(tag)),
            None if number::is_bytes(vr) => {
                // Values have even length (PS3.5 section 7.1.1); what a peer left out is the padding.
                let mut bytes = bytes.into_owned();
                if !bytes.len().is_multiple_of(2) {
                    bytes.push(0);
                }
                Value::Bytes(bytes)
            }
            None => {
                let decoded = self.repertoire.decode(&bytes, vr.to_bytes());
                Value::Text(trimmed(&decoded.text, vr))
            }
        };
        // The first one counts when an element is repeated, as in a head.
        self.data_set.elements.entry(tag).or_insert(Element { vr, value });
        Ok(())
    }
}

/// Removes what PS3.5 section 6.2 calls insignificant: leading spaces only where they are.
fn trimmed(text: &str, vr: VR) -> String {
    let text = text.trim_end_matches([' ', '\0']);
    match vr {
        VR::LT | VR::ST | VR::UT => text.to_owned(),
        _ if text.contains('\\') => {
            let values: Vec<&str> =
                text.split('\\').map(|value| value.trim_matches([' ', '\0'])).collect();
            values.join("\\")
        }
        _ => text.trim_start_matches(' ').to_owned(),
    }
}

/// Of a Sequence Delimitation Item (PS3.5 section 7.5).
const DELIMITER_BYTES: usize = 8;
