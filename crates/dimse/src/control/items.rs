//! Items and sub-items of A-ASSOCIATE PDUs: a type, a reserved byte, a 16-bit length, a value (PS3.8 section 9.3.2).

use bytes::Buf;

/// The items of a value, as type and value. A reader that meets one that is cut short gets `None` once, then the end.
pub(super) struct Items<'a> {
    rest: &'a [u8],
}

impl<'a> Items<'a> {
    pub(super) fn new(value: &'a [u8]) -> Self {
        Self { rest: value }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Option<(u8, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut header = self.rest;
        if header.is_empty() {
            return None;
        }
        self.rest = &[];
        let (Ok(item_type), Ok(_), Ok(length)) =
            (header.try_get_u8(), header.try_get_u8(), header.try_get_u16())
        else {
            return Some(None);
        };
        let Some((value, rest)) = header.split_at_checked(usize::from(length)) else {
            return Some(None);
        };
        self.rest = rest;
        Some(Some((item_type, value)))
    }
}

/// A 16-bit length and as many bytes, off the front of `rest`.
pub(super) fn counted<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = rest.try_get_u16().ok()?;
    let (value, after) = rest.split_at_checked(usize::from(length))?;
    *rest = after;
    Some(value)
}

/// A name without padding, in printable ASCII; anything else becomes `?`, which is part of no UID we know.
pub(super) fn name(value: &[u8]) -> String {
    let text: String = value
        .iter()
        .map(|byte| if matches!(byte, 0 | b' '..=b'~') { char::from(*byte) } else { '?' })
        .collect();
    text.trim_matches(['\0', ' ']).replace('\0', "?")
}

/// Item types (PS3.8 sections 9.3.2 and 9.3.3, PS3.7 section D.3.3).
pub(super) mod item_type {
    pub(in crate::control) const APPLICATION_CONTEXT: u8 = 0x10;
    pub(in crate::control) const PROPOSED_CONTEXT: u8 = 0x20;
    pub(in crate::control) const CONTEXT_RESULT: u8 = 0x21;
    pub(in crate::control) const ABSTRACT_SYNTAX: u8 = 0x30;
    pub(in crate::control) const TRANSFER_SYNTAX: u8 = 0x40;
    pub(in crate::control) const USER_INFORMATION: u8 = 0x50;
    pub(in crate::control) const MAXIMUM_LENGTH: u8 = 0x51;
    pub(in crate::control) const IMPLEMENTATION_CLASS_UID: u8 = 0x52;
    pub(in crate::control) const ASYNCHRONOUS_OPERATIONS_WINDOW: u8 = 0x53;
    pub(in crate::control) const ROLE_SELECTION: u8 = 0x54;
    pub(in crate::control) const IMPLEMENTATION_VERSION_NAME: u8 = 0x55;
    pub(in crate::control) const EXTENDED_NEGOTIATION: u8 = 0x56;
    pub(in crate::control) const COMMON_EXTENDED_NEGOTIATION: u8 = 0x57;
    pub(in crate::control) const USER_IDENTITY: u8 = 0x58;
    pub(in crate::control) const USER_IDENTITY_RESPONSE: u8 = 0x59;
}
