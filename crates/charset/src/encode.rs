//! Text to bytes.

use encoding_rs::{EncoderResult, Encoding};

use crate::Charset;

/// A character that the set cannot carry.
///
/// It names the place, not the character, which may belong to a person's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("character at byte {offset} of the text has no place in {charset:?}")]
pub struct Unmappable {
    /// The set that was asked for.
    pub charset: Charset,
    /// Offset of the first such character in the UTF-8 text.
    pub offset: usize,
}

impl Charset {
    /// Writes `text` in this set. What comes out decodes to exactly the same text.
    ///
    /// # Errors
    /// [`Unmappable`] for the first character that the set does not have, or has only as a look-alike (the yen
    /// sign of Shift JIS reads back as a backslash). Nothing is ever replaced or dropped.
    pub fn encode(self, text: &str) -> Result<Vec<u8>, Unmappable> {
        if self == Self::Utf8 || (text.is_ascii() && self.extends_ascii()) {
            return Ok(text.as_bytes().to_vec());
        }
        let bytes = match (self, self.encoding()) {
            (Self::JisX0201, _) => by_character(self, text, half_width)?,
            (_, Some(encoding)) => by_table(self, text, encoding)?,
            (_, None) => by_character(self, text, |character| {
                u8::try_from(u32::from(character)).ok().filter(u8::is_ascii)
            })?,
        };
        let decoded = self.decode(&bytes).text;
        if decoded == text {
            Ok(bytes)
        } else {
            Err(self.unmappable(first_difference(text, &decoded)))
        }
    }

    fn unmappable(self, offset: usize) -> Unmappable {
        Unmappable { charset: self, offset }
    }

    /// Sets read through a Windows superset that puts letters where ISO leaves control codes.
    fn has_control_codes_above(self) -> bool {
        matches!(self, Self::Latin1 | Self::Iso8859_9 | Self::Tis620)
    }
}

fn by_character(
    charset: Charset,
    text: &str,
    byte: impl Fn(char) -> Option<u8>,
) -> Result<Vec<u8>, Unmappable> {
    text.char_indices()
        .map(|(offset, character)| byte(character).ok_or_else(|| charset.unmappable(offset)))
        .collect()
}

fn by_table(
    charset: Charset,
    text: &str,
    encoding: &'static Encoding,
) -> Result<Vec<u8>, Unmappable> {
    let mut encoder = encoding.new_encoder();
    let mut bytes = Vec::with_capacity(text.len().saturating_add(16));
    let mut rest = text;
    loop {
        let (result, read) =
            encoder.encode_from_utf8_to_vec_without_replacement(rest, &mut bytes, true);
        rest = rest.get(read..).unwrap_or_default();
        let offset = text.len() - rest.len();
        match result {
            EncoderResult::InputEmpty => break,
            EncoderResult::OutputFull => bytes.reserve(rest.len().saturating_mul(2) + 16),
            EncoderResult::Unmappable(character) => {
                return Err(charset.unmappable(offset.saturating_sub(character.len_utf8())));
            }
        }
    }
    if charset.has_control_codes_above() {
        let superset = |(&byte, character): (&u8, char)| {
            (0x80..=0x9f).contains(&byte) && u32::from(character) != u32::from(byte)
        };
        let mut pairs = bytes.iter().zip(text.chars());
        if let Some(position) = pairs.position(superset) {
            let offset = text.char_indices().nth(position).map_or(0, |(offset, _)| offset);
            return Err(charset.unmappable(offset));
        }
    }
    Ok(bytes)
}

fn half_width(character: char) -> Option<u8> {
    match u32::from(character) {
        code @ 0..=0x7f => u8::try_from(code).ok(),
        code @ 0xff61..=0xff9f => u8::try_from(code - 0xff61 + 0xa1).ok(),
        _ => None,
    }
}

fn first_difference(text: &str, other: &str) -> usize {
    let mut others = other.chars();
    text.char_indices()
        .find(|&(_, character)| others.next() != Some(character))
        .map_or(text.len(), |(offset, _)| offset)
}
