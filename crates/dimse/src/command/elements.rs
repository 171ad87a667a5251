//! The elements of a command set: implicit VR little endian, group 0000, few value representations that matter.

use bytes::{Buf, BufMut};
use telerad_dicom::Tag;

use super::CommandError;

/// The elements of group 0000 in one command set, borrowed from its bytes.
pub(super) struct Elements<'a> {
    values: Vec<(u16, &'a [u8])>,
}

impl<'a> Elements<'a> {
    /// Splits a command set into elements. Values are not looked at yet.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, CommandError> {
        let mut values = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let offset = bytes.len().saturating_sub(rest.len());
            let truncated = CommandError::Truncated { offset };
            let Some((mut header, after)) = rest.split_at_checked(HEADER_BYTES) else {
                // Some senders pad the whole set to even or aligned length.
                if rest.iter().all(|byte| *byte == 0) {
                    break;
                }
                return Err(truncated);
            };
            let group = header.get_u16_le();
            let element = header.get_u16_le();
            let length = usize::try_from(header.get_u32_le()).map_err(|_| truncated)?;
            let (value, after) = after.split_at_checked(length).ok_or(truncated)?;
            if group == 0 {
                values.push((element, value));
            }
            rest = after;
        }
        Ok(Self { values })
    }

    /// A US value; the first one when there are several.
    pub(super) fn number(&self, element: u16) -> Result<u16, CommandError> {
        self.value(element)
            .and_then(|value| value.first_chunk::<2>())
            .map(|value| u16::from_le_bytes(*value))
            .ok_or(CommandError::Missing { element })
    }

    /// A UI, AE or LO value without padding; empty when absent. Bytes outside ASCII become `?`.
    pub(super) fn text(&self, element: u16) -> String {
        let value = self.value(element).unwrap_or_default();
        let ascii: String = value
            .iter()
            .map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' })
            .collect();
        ascii.trim_matches([' ', '\0']).to_owned()
    }

    /// As [`Self::text`], but the value must be there.
    pub(super) fn required_text(&self, element: u16) -> Result<String, CommandError> {
        Some(self.text(element))
            .filter(|text| !text.is_empty())
            .ok_or(CommandError::Missing { element })
    }

    /// The AT values; none when absent. Bytes that are left over say nothing.
    pub(super) fn tags(&self, element: u16) -> Vec<Tag> {
        let value = self.value(element).unwrap_or_default();
        let (tags, _) = value.as_chunks::<4>();
        tags.iter()
            .map(|[a, b, c, d]| Tag(u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d])))
            .collect()
    }

    fn value(&self, element: u16) -> Option<&'a [u8]> {
        self.values.iter().find(|(number, _)| *number == element).map(|(_, value)| *value)
    }
}

/// Writes elements in the order in which they are given, which must be ascending.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// A US element.
    pub(super) fn number(&mut self, element: u16, value: u16) {
        self.element(element, &value.to_le_bytes(), 0);
    }

    /// A text element, padded to even length; left out when empty.
    pub(super) fn text(&mut self, element: u16, value: &str, padding: u8) {
        if !value.is_empty() {
            self.element(element, value.as_bytes(), padding);
        }
    }

    /// An AT element; left out when there are no tags.
    pub(super) fn tags(&mut self, element: u16, tags: &[Tag]) {
        let mut value = Vec::with_capacity(tags.len().saturating_mul(4));
        for tag in tags {
            value.put_u16_le(tag.0);
            value.put_u16_le(tag.1);
        }
        if !value.is_empty() {
            self.element(element, &value, 0);
        }
    }

    /// The whole command set, with Command Group Length (0000,0000) in front.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut whole = Self { bytes: Vec::with_capacity(self.bytes.len().saturating_add(12)) };
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        whole.element(number::COMMAND_GROUP_LENGTH, &length.to_le_bytes(), 0);
        whole.bytes.extend_from_slice(&self.bytes);
        whole.bytes
    }

    fn element(&mut self, element: u16, value: &[u8], padding: u8) {
        let padded = value.len().next_multiple_of(2);
        self.bytes.put_u16_le(0);
        self.bytes.put_u16_le(element);
        self.bytes.put_u32_le(u32::try_from(padded).unwrap_or(u32::MAX));
        self.bytes.extend_from_slice(value);
        if padded != value.len() {
            self.bytes.push(padding);
        }
    }
}

/// Element numbers in group 0000 (PS3.7 section E.1).
pub(super) mod number {
    pub(in crate::command) const COMMAND_GROUP_LENGTH: u16 = 0x0000;
    pub(in crate::command) const AFFECTED_SOP_CLASS_UID: u16 = 0x0002;
    pub(in crate::command) const REQUESTED_SOP_CLASS_UID: u16 = 0x0003;
    pub(in crate::command) const COMMAND_FIELD: u16 = 0x0100;
    pub(in crate::command) const MESSAGE_ID: u16 = 0x0110;
    pub(in crate::command) const MESSAGE_ID_BEING_RESPONDED_TO: u16 = 0x0120;
    pub(in crate::command) const MOVE_DESTINATION: u16 = 0x0600;
    pub(in crate::command) const PRIORITY: u16 = 0x0700;
    pub(in crate::command) const COMMAND_DATA_SET_TYPE: u16 = 0x0800;
    pub(in crate::command) const STATUS: u16 = 0x0900;
    pub(in crate::command) const OFFENDING_ELEMENT: u16 = 0x0901;
    pub(in crate::command) const ERROR_COMMENT: u16 = 0x0902;
    pub(in crate::command) const ERROR_ID: u16 = 0x0903;
    pub(in crate::command) const AFFECTED_SOP_INSTANCE_UID: u16 = 0x1000;
    pub(in crate::command) const REQUESTED_SOP_INSTANCE_UID: u16 = 0x1001;
    pub(in crate::command) const EVENT_TYPE_ID: u16 = 0x1002;
    pub(in crate::command) const ATTRIBUTE_IDENTIFIER_LIST: u16 = 0x1005;
    pub(in crate::command) const ACTION_TYPE_ID: u16 = 0x1008;
    pub(in crate::command) const NUMBER_OF_REMAINING_SUB_OPERATIONS: u16 = 0x1020;
    pub(in crate::command) const NUMBER_OF_COMPLETED_SUB_OPERATIONS: u16 = 0x1021;
    pub(in crate::command) const NUMBER_OF_FAILED_SUB_OPERATIONS: u16 = 0x1022;
    pub(in crate::command) const NUMBER_OF_WARNING_SUB_OPERATIONS: u16 = 0x1023;
    pub(in crate::command) const MOVE_ORIGINATOR_APPLICATION_ENTITY_TITLE: u16 = 0x1030;
    pub(in crate::command) const MOVE_ORIGINATOR_MESSAGE_ID: u16 = 0x1031;
}

/// Tag and length.
const HEADER_BYTES: usize = 8;
