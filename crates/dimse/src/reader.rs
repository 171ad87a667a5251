//! The incoming byte stream, cut into PDUs (PS3.8 section 9.3.1) and, inside P-DATA-TF, into fragments (section 9.3.5).
//!
//! Values of presentation data are never gathered: each piece that arrives is handed on as a slice of the input.
//! Of the stream, only a started header (at most 5 bytes) and the body of a started control PDU are kept.

use bytes::{Buf, Bytes};

use crate::refusal::ProtocolError;

/// PDU types (PS3.8 section 9.3).
pub(crate) mod pdu_type {
    pub(crate) const ASSOCIATE_RQ: u8 = 0x01;
    pub(crate) const ASSOCIATE_AC: u8 = 0x02;
    pub(crate) const ASSOCIATE_RJ: u8 = 0x03;
    pub(crate) const P_DATA_TF: u8 = 0x04;
    pub(crate) const RELEASE_RQ: u8 = 0x05;
    pub(crate) const RELEASE_RP: u8 = 0x06;
    pub(crate) const ABORT: u8 = 0x07;
}

/// What the next bytes of the stream are.
#[cfg_attr(test, derive(Debug, Eq, PartialEq))]
pub(crate) enum Piece {
    /// A PDU starts; its body has not been looked at, so that a PDU can be refused by its header alone.
    Header {
        /// The type field.
        pdu_type: u8,
        /// The bytes that follow the header.
        length: u32,
    },
    /// The whole body of a PDU that is not P-DATA-TF.
    Control {
        /// The type field.
        pdu_type: u8,
        /// The body.
        body: Vec<u8>,
    },
    /// A part of a presentation data value.
    Fragment(Fragment),
}

/// A part of a presentation data value (PS3.8 section 9.3.5.1 and annex E).
#[cfg_attr(test, derive(Debug, Eq, PartialEq))]
pub(crate) struct Fragment {
    /// The presentation context identifier.
    pub(crate) context_id: u8,
    /// Whether the value belongs to a command set; else to a data set.
    pub(crate) is_command: bool,
    /// Whether this part ends a value that is the last of its command or data set.
    pub(crate) is_last: bool,
    /// A slice of the input.
    pub(crate) bytes: Bytes,
}

/// Cuts the stream. After an error it must not be asked again: there are no PDU boundaries any more.
#[derive(Default)]
pub(crate) struct Reader {
    stage: Stage,
    partial: Partial,
}

#[derive(Default)]
enum Stage {
    #[default]
    PduHeader,
    Control {
        pdu_type: u8,
        missing: usize,
        body: Vec<u8>,
    },
    PdvHeader {
        pdu_left: u32,
    },
    Value {
        context_id: u8,
        control: u8,
        value_left: u32,
        pdu_left: u32,
    },
}

impl Reader {
    /// Takes the next piece off the front of `input`; `None` when it needs more bytes than there are.
    pub(crate) fn next(&mut self, input: &mut Bytes) -> Result<Option<Piece>, ProtocolError> {
        loop {
            match &mut self.stage {
                Stage::PduHeader => {
                    let Some(mut header) = self.partial.take(input) else { return Ok(None) };
                    let pdu_type = header.get_u8();
                    header.advance(1);
                    let length = header.get_u32();
                    self.stage = match pdu_type {
                        pdu_type::P_DATA_TF => {
                            check_room(length)?;
                            pdv_or_end(length)
                        }
                        _ => Stage::Control {
                            pdu_type,
                            missing: usize::try_from(length).unwrap_or(usize::MAX),
                            body: Vec::new(),
                        },
                    };
                    return Ok(Some(Piece::Header { pdu_type, length }));
                }
                Stage::Control { pdu_type, missing, body } => {
                    let taken = input.split_to((*missing).min(input.len()));
                    *missing = missing.saturating_sub(taken.len());
                    body.extend_from_slice(&taken);
                    if *missing > 0 {
                        return Ok(None);
                    }
                    let piece = Piece::Control { pdu_type: *pdu_type, body: std::mem::take(body) };
                    self.stage = Stage::PduHeader;
                    return Ok(Some(piece));
                }
                Stage::PdvHeader { pdu_left } => {
                    let pdu_left = *pdu_left;
                    let Some(mut header) = self.partial.take(input) else { return Ok(None) };
                    let length = header.get_u32();
                    let context_id = header.get_u8();
                    let control = header.get_u8();
                    // The item length counts the two bytes just read (PS3.8 section 9.3.5.1).
                    let fits = pdu_left.checked_sub(4).and_then(|left| left.checked_sub(length));
                    let (Some(value_left), Some(pdu_left)) = (length.checked_sub(2), fits) else {
                        return Err(ProtocolError::PdvLength(length));
                    };
                    check_room(pdu_left)?;
                    self.stage = Stage::Value { context_id, control, value_left, pdu_left };
                }
                Stage::Value { context_id, control, value_left, pdu_left } => {
                    if input.is_empty() && *value_left > 0 {
                        return Ok(None);
                    }
                    let wanted = usize::try_from(*value_left).unwrap_or(usize::MAX);
                    let bytes = input.split_to(wanted.min(input.len()));
                    let taken = u32::try_from(bytes.len()).unwrap_or(*value_left);
                    *value_left = value_left.saturating_sub(taken);
                    let fragment = Fragment {
                        context_id: *context_id,
                        is_command: *control & COMMAND != 0,
                        is_last: *control & LAST != 0 && *value_left == 0,
                        bytes,
                    };
                    if *value_left == 0 {
                        self.stage = pdv_or_end(*pdu_left);
                    }
                    return Ok(Some(Piece::Fragment(fragment)));
                }
            }
        }
    }

    /// Whether the stream stands inside a PDU.
    pub(crate) fn is_mid_pdu(&self) -> bool {
        !matches!(self.stage, Stage::PduHeader) || !self.partial.is_empty()
    }
}

/// The bytes of a header that has started but not ended in the input so far.
#[derive(Default)]
struct Partial {
    bytes: [u8; HEADER_BYTES],
    filled: usize,
}

impl Partial {
    fn take(&mut self, input: &mut Bytes) -> Option<Bytes> {
        if self.filled == 0 && input.len() >= HEADER_BYTES {
            return Some(input.split_to(HEADER_BYTES));
        }
        let free = self.bytes.get_mut(self.filled..).unwrap_or_default();
        let taken = input.split_to(free.len().min(input.len()));
        for (to, from) in free.iter_mut().zip(&taken) {
            *to = *from;
        }
        self.filled = self.filled.saturating_add(taken.len());
        if self.filled < HEADER_BYTES {
            return None;
        }
        self.filled = 0;
        Some(Bytes::copy_from_slice(&self.bytes))
    }

    fn is_empty(&self) -> bool {
        self.filled == 0
    }
}

/// What follows in a PDU of which so much is left.
fn pdv_or_end(pdu_left: u32) -> Stage {
    if pdu_left == 0 { Stage::PduHeader } else { Stage::PdvHeader { pdu_left } }
}

/// Whatever is left of a PDU must hold another PDV. This is judged as soon as a header tells the lengths, before the
/// value in between, so that where the stream is cut makes no difference to what of it is handed on.
fn check_room(pdu_left: u32) -> Result<(), ProtocolError> {
    match pdu_left {
        1..6 => Err(ProtocolError::MalformedPdu(pdu_type::P_DATA_TF)),
        _ => Ok(()),
    }
}

/// Message control header: the value is a command set fragment (PS3.8 section E.2).
const COMMAND: u8 = 0x01;

/// Message control header: the value is the last fragment (PS3.8 section E.2).
const LAST: u8 = 0x02;

/// Both headers happen to be of this size: PDU type, reserved, length; and PDV length, context, control.
const HEADER_BYTES: usize = 6;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Fragment, Piece, Reader};
    use crate::refusal::ProtocolError;

    fn read(stream: &[u8]) -> Result<Vec<Piece>, ProtocolError> {
        let mut input = Bytes::copy_from_slice(stream);
        let mut reader = Reader::default();
        let mut pieces = Vec::new();
        while let Some(piece) = reader.next(&mut input)? {
            pieces.push(piece);
        }
        Ok(pieces)
    }

    fn fragment(context_id: u8, is_command: bool, is_last: bool, bytes: &'static [u8]) -> Piece {
        let bytes = Bytes::from_static(bytes);
        Piece::Fragment(Fragment { context_id, is_command, is_last, bytes })
    }

    #[test]
    fn a_pdu_may_hold_several_values_even_empty_and_odd_ones() {
        let stream = b"\x04\0\0\0\0\x16\0\0\0\x05\x01\x03abc\0\0\0\x02\x01\0\0\0\0\x03\x03\x02z";
        let expected = vec![
            Piece::Header { pdu_type: 4, length: 22 },
            fragment(1, true, true, b"abc"),
            fragment(1, false, false, b""),
            fragment(3, false, true, b"z"),
        ];
        assert_eq!(read(stream), Ok(expected));
    }

    #[test]
    fn a_value_is_handed_on_as_it_arrives_and_ends_once() {
        let mut reader = Reader::default();
        let mut input = Bytes::from_static(b"\x04\0\0\0\0\x0A\0\0\0\x06\x01\x02ab");
        assert_eq!(reader.next(&mut input), Ok(Some(Piece::Header { pdu_type: 4, length: 10 })));
        assert_eq!(reader.next(&mut input), Ok(Some(fragment(1, false, false, b"ab"))));
        assert_eq!(reader.next(&mut input), Ok(None));
        assert!(reader.is_mid_pdu());
        let mut input = Bytes::from_static(b"cd");
        assert_eq!(reader.next(&mut input), Ok(Some(fragment(1, false, true, b"cd"))));
        assert!(!reader.is_mid_pdu());
    }

    #[test]
    fn lengths_that_do_not_nest_are_refused() {
        let cases: [(&[u8], ProtocolError); 6] = [
            (b"\x04\0\0\0\0\x06\0\0\0\0\x01\x03", ProtocolError::PdvLength(0)),
            (b"\x04\0\0\0\0\x06\0\0\0\x01\x01\x03", ProtocolError::PdvLength(1)),
            (b"\x04\0\0\0\0\x0A\xFF\xFF\xFF\xFF\x01\x03", ProtocolError::PdvLength(u32::MAX)),
            (b"\x04\0\0\0\0\x0A\0\0\0\x07\x01\x03", ProtocolError::PdvLength(7)),
            (b"\x04\0\0\0\0\x05", ProtocolError::MalformedPdu(4)),
            (b"\x04\0\0\0\0\x0A\0\0\0\x03\x01\x03", ProtocolError::MalformedPdu(4)),
        ];
        for (stream, expected) in cases {
            assert_eq!(read(stream), Err(expected));
        }
    }
}
