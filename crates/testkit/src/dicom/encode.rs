//! Encoding elements, independent of the code under test.

/// How elements are encoded.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub(super) explicit: bool,
    pub(super) big: bool,
}

impl Form {
    pub(super) fn u16(self, number: u16) -> [u8; 2] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    pub(super) fn u32(self, number: u32) -> [u8; 4] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    /// The header of an element, with a length in bytes or undefined.
    pub(super) fn header(self, tag: (u16, u16), vr: &str, length: Option<u32>) -> Vec<u8> {
        let mut bytes = [self.u16(tag.0), self.u16(tag.1)].concat();
        let length = length.unwrap_or(u32::MAX);
        let delimiter = tag.0 == 0xFFFE;
        if !self.explicit || delimiter {
            bytes.extend_from_slice(&self.u32(length));
        } else if ["OB", "OW", "SQ", "UN", "UT", "UC", "UR"].contains(&vr) {
            bytes.extend_from_slice(vr.as_bytes());
            bytes.extend_from_slice(&[0, 0]);
            bytes.extend_from_slice(&self.u32(length));
        } else {
            bytes.extend_from_slice(vr.as_bytes());
            bytes.extend_from_slice(&self.u16(u16::try_from(length).expect("a short value")));
        }
        bytes
    }

    pub(super) fn element(self, tag: (u16, u16), vr: &str, value: &[u8]) -> Vec<u8> {
        let mut value = value.to_vec();
        if value.len() % 2 == 1 {
            value.push(if ["UI", "OB", "UN"].contains(&vr) { 0 } else { b' ' });
        }
        let length = u32::try_from(value.len()).expect("a value below 4 GiB");
        let mut bytes = self.header(tag, vr, Some(length));
        bytes.extend_from_slice(&value);
        bytes
    }
}

/// A deflate stream of stored blocks (RFC 1951 section 3.2.4): valid, and as large as what is in it.
pub(super) fn deflate_stored(bytes: &[u8]) -> Vec<u8> {
    let mut stream = Vec::with_capacity(bytes.len() + bytes.len() / 1000 + 16);
    let mut chunks = bytes.chunks(usize::from(u16::MAX)).peekable();
    while let Some(chunk) = chunks.next() {
        stream.push(u8::from(chunks.peek().is_none()));
        let length = u16::try_from(chunk.len()).expect("a chunk of at most 65,535 bytes");
        stream.extend_from_slice(&length.to_le_bytes());
        stream.extend_from_slice(&(!length).to_le_bytes());
        stream.extend_from_slice(chunk);
    }
    if stream.len() % 2 == 1 {
        stream.push(0);
    }
    stream
}
