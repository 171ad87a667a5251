//! From a [`DataSet`] to bytes, through dicom-object.

use dicom_core::header::Length;
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue};
use dicom_encoding::text::SpecificCharacterSet;
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::{DataSet, DataSetError, Value, number};
use crate::{Encoding, Tag, tags};

pub(super) fn data_set(data_set: &DataSet, encoding: Encoding) -> Result<Vec<u8>, DataSetError> {
    let syntax = TransferSyntaxRegistry
        .get(super::read::plain_syntax(encoding))
        .ok_or(DataSetError::Unwritable)?;
    let declaration = if data_set.is_ascii() {
        data_set.text(tags::SPECIFIC_CHARACTER_SET).filter(|declared| !declared.is_empty())
    } else {
        Some("ISO_IR 192".to_owned())
    };
    let object = object(data_set, declaration.as_deref(), encoding)?;
    let mut bytes = Vec::new();
    object
        .write_dataset_with_ts_cs(&mut bytes, syntax, SpecificCharacterSet::ISO_IR_192)
        .map_err(|_| DataSetError::Unwritable)?;
    Ok(bytes)
}

impl DataSet {
    fn is_ascii(&self) -> bool {
        self.elements.values().all(|element| match &element.value {
            Value::Text(text) => text.is_ascii(),
            Value::Items(items) => items.iter().all(Self::is_ascii),
            Value::Bytes(_) => true,
        })
    }
}

fn object(
    data_set: &DataSet,
    declaration: Option<&str>,
    encoding: Encoding,
) -> Result<InMemDicomObject, DataSetError> {
    let mut object = InMemDicomObject::new_empty();
    if let Some(declaration) = declaration {
        let tag = dicom(tags::SPECIFIC_CHARACTER_SET);
        object.put(DataElement::new(tag, dicom_core::VR::CS, PrimitiveValue::from(declaration)));
    }
    for (tag, element) in &data_set.elements {
        // One declaration at the top covers the items too (PS3.3 section C.12.1.1.2).
        if *tag == tags::SPECIFIC_CHARACTER_SET {
            continue;
        }
        match &element.value {
            Value::Items(items) => {
                let items: Result<Vec<_>, _> =
                    items.iter().map(|item| self::object(item, None, encoding)).collect();
                let sequence = DataSetSequence::new(items?, Length::UNDEFINED);
                object.put(DataElement::new(dicom(*tag), element.vr, sequence));
            }
            Value::Text(text) => {
                let vr = element.vr.to_bytes();
                if !text.is_ascii() && !crate::vr::has_character_set(vr) {
                    return Err(DataSetError::OutsideRepertoire(*tag));
                }
                let value =
                    number::value_of(text, element.vr).ok_or(DataSetError::NotANumber(*tag))?;
                if encoding.is_explicit() && is_too_long(text, element.vr) {
                    return Err(DataSetError::Unwritable);
                }
                object.put(DataElement::new(dicom(*tag), element.vr, value));
            }
            Value::Bytes(bytes) => {
                let value = PrimitiveValue::U8(bytes.as_slice().into());
                object.put(DataElement::new(dicom(*tag), element.vr, value));
            }
        }
    }
    Ok(object)
}

/// Whether the text does not fit a 16-bit length; dicom-encoding would cut the length without a word.
fn is_too_long(text: &str, vr: dicom_core::VR) -> bool {
    let short = !crate::vr::has_long_length(vr.to_bytes());
    // Numbers are at most as long in binary as their shortest text with its separators times four.
    short && text.len() > usize::from(u16::MAX) - 1
}

fn dicom(tag: Tag) -> dicom_core::Tag {
    dicom_core::Tag(tag.0, tag.1)
}
