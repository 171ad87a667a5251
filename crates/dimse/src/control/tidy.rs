//! Rewrites the A-ASSOCIATE PDUs of real peers into what dicom-ul reads.
//!
//! PS3.8 section 9.3.1 says that unknown items are ignored; dicom-ul refuses them, and with them names padded with
//! NUL, refused contexts without a transfer syntax and reserved result codes. Everything that it would refuse and we
//! understand is put right here; what is cut short is left out as malformed (`None`).

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Stands where the standard demands a transfer syntax without meaning: implicit VR little endian.
pub(super) const ANY_TRANSFER_SYNTAX: &str = "1.2.840.10008.1.2";

/// A whole A-ASSOCIATE-RQ PDU from the body of one.
pub(super) fn request(body: &[u8]) -> Option<Bytes> {
    associate(body, crate::reader::pdu_type::ASSOCIATE_RQ)
}

/// A whole A-ASSOCIATE-AC PDU from the body of one.
pub(super) fn acceptance(body: &[u8]) -> Option<Bytes> {
    associate(body, crate::reader::pdu_type::ASSOCIATE_AC)
}

fn associate(body: &[u8], pdu_type: u8) -> Option<Bytes> {
    let is_request = pdu_type == crate::reader::pdu_type::ASSOCIATE_RQ;
    let (fixed, items) = body.split_at_checked(FIXED_BYTES)?;
    let (version, titles) = fixed.split_at_checked(4)?;
    let mut tidied = BytesMut::with_capacity(body.len());
    tidied.put_slice(version);
    let titles = titles.iter().take(TITLES_BYTES);
    // No title holds a backslash, so a title with a byte outside ASCII is refused where titles are judged. In an
    // A-ASSOCIATE-AC the field is reserved and not tested.
    tidied.extend(titles.map(|byte| match byte {
        _ if !is_request => b' ',
        0x00..0x80 => *byte,
        _ => b'\\',
    }));
    tidied.put_bytes(0, RESERVED_BYTES);
    let mut has_application_context = false;
    let mut items_left = ITEMS_MAX;
    for item in Items(items) {
        let (item_type, value) = item?;
        items_left = items_left.checked_sub(1)?;
        match item_type {
            APPLICATION_CONTEXT => {
                has_application_context = true;
                put_item(&mut tidied, APPLICATION_CONTEXT, &name(value))?;
            }
            PROPOSED_CONTEXT if is_request => {
                put_item(&mut tidied, item_type, &proposed_context(value, &mut items_left)?)?;
            }
            CONTEXT_RESULT if !is_request => {
                put_item(&mut tidied, item_type, &context_result(value)?)?;
            }
            USER_INFORMATION => put_item(&mut tidied, item_type, &user_information(value)?)?,
            _ => {}
        }
    }
    if !has_application_context {
        put_item(&mut tidied, APPLICATION_CONTEXT, b"")?;
    }
    let mut pdu = BytesMut::with_capacity(tidied.len().saturating_add(6));
    pdu.put_u8(pdu_type);
    pdu.put_u8(0);
    pdu.put_u32(u32::try_from(tidied.len()).ok()?);
    pdu.put(tidied);
    Some(pdu.freeze())
}

/// Names are trimmed; a context without an abstract syntax gets an empty one, which is refused later.
fn proposed_context(value: &[u8], items_left: &mut usize) -> Option<Vec<u8>> {
    let (fixed, sub_items) = value.split_at_checked(4)?;
    let mut tidied = fixed.to_vec();
    let mut has_abstract_syntax = false;
    for item in Items(sub_items) {
        let (item_type, value) = item?;
        *items_left = items_left.checked_sub(1)?;
        match item_type {
            ABSTRACT_SYNTAX => {
                has_abstract_syntax = true;
                put_item(&mut tidied, ABSTRACT_SYNTAX, &name(value))?;
            }
            TRANSFER_SYNTAX => put_item(&mut tidied, TRANSFER_SYNTAX, &name(value))?,
            _ => {}
        }
    }
    if !has_abstract_syntax {
        put_item(&mut tidied, ABSTRACT_SYNTAX, b"")?;
    }
    Some(tidied)
}

/// Reserved result codes become "no reason"; there is exactly one transfer syntax, empty when an accepted context
/// comes with none or several.
fn context_result(value: &[u8]) -> Option<Vec<u8>> {
    let (fixed, sub_items) = value.split_at_checked(4)?;
    let mut fixed = fixed.iter().copied();
    let (id, _, result) = (fixed.next()?, fixed.next()?, fixed.next()?);
    let mut syntaxes = Vec::new();
    for item in Items(sub_items) {
        let (item_type, value) = item?;
        if item_type == TRANSFER_SYNTAX {
            syntaxes.push(name(value));
        }
    }
    let syntax = match (result, syntaxes.as_slice()) {
        (0, [one]) => one.as_slice(),
        (0, _) => b"",
        _ => ANY_TRANSFER_SYNTAX.as_bytes(),
    };
    let result = if result <= RESULT_MAX { result } else { RESULT_NO_REASON };
    let mut tidied = vec![id, 0, result, 0];
    put_item(&mut tidied, TRANSFER_SYNTAX, syntax)?;
    Some(tidied)
}

/// Keeps what is used: without an answer to its role selection, extended negotiation, operations window or user
/// identity, a requestor falls back to the defaults (PS3.7 section D.3.3).
fn user_information(value: &[u8]) -> Option<Vec<u8>> {
    let mut tidied = Vec::new();
    for item in Items(value) {
        let (item_type, value) = item?;
        match item_type {
            MAXIMUM_LENGTH => {
                let length = value.first_chunk::<4>()?;
                put_item(&mut tidied, MAXIMUM_LENGTH, length)?;
            }
            IMPLEMENTATION_CLASS_UID | IMPLEMENTATION_VERSION_NAME => {
                put_item(&mut tidied, item_type, &name(value))?;
            }
            _ => {}
        }
    }
    Some(tidied)
}

/// A name without padding, in printable ASCII; anything else becomes `?`, which is part of no UID we know.
fn name(value: &[u8]) -> Vec<u8> {
    let padding = |byte: &u8| matches!(byte, 0 | b' ');
    let start = value.iter().position(|byte| !padding(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !padding(byte)).map_or(start, |last| last + 1);
    let trimmed = value.get(start..end).unwrap_or_default();
    trimmed.iter().map(|byte| if (b' '..=b'~').contains(byte) { *byte } else { b'?' }).collect()
}

fn put_item(to: &mut impl BufMut, item_type: u8, value: &[u8]) -> Option<()> {
    to.put_u8(item_type);
    to.put_u8(0);
    to.put_u16(u16::try_from(value.len()).ok()?);
    to.put_slice(value);
    Some(())
}

/// Items of a type and a 16-bit length. Ends after the first one that is cut short, which is `None`.
struct Items<'a>(&'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = Option<(u8, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let item = self.0.split_at_checked(4).and_then(|(mut header, rest)| {
            let item_type = header.get_u8();
            header.advance(1);
            let (value, rest) = rest.split_at_checked(usize::from(header.get_u16()))?;
            Some((item_type, value, rest))
        });
        self.0 = item.map_or(&[], |(_, _, rest)| rest);
        Some(item.map(|(item_type, value, _)| (item_type, value)))
    }
}

/// Item types (PS3.8 sections 9.3.2 and 9.3.3, PS3.7 section D.3.3).
const APPLICATION_CONTEXT: u8 = 0x10;
const PROPOSED_CONTEXT: u8 = 0x20;
const CONTEXT_RESULT: u8 = 0x21;
const ABSTRACT_SYNTAX: u8 = 0x30;
const TRANSFER_SYNTAX: u8 = 0x40;
const USER_INFORMATION: u8 = 0x50;
const MAXIMUM_LENGTH: u8 = 0x51;
const IMPLEMENTATION_CLASS_UID: u8 = 0x52;
const IMPLEMENTATION_VERSION_NAME: u8 = 0x55;

/// Items and sub-items of one PDU: 128 contexts with 120 transfer syntaxes each. Empty items are cheap to send and
/// dear to hold, so the length limit alone would not bound memory.
const ITEMS_MAX: usize = 16_384;

/// Version, reserved, two titles, reserved.
const FIXED_BYTES: usize = 68;
const TITLES_BYTES: usize = 32;
const RESERVED_BYTES: usize = 32;

/// Results 0 to 4 are defined (PS3.8 table 9-18).
const RESULT_MAX: u8 = 4;
const RESULT_NO_REASON: u8 = 2;
