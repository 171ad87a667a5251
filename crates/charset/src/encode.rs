//! Text to bytes, one set at a time.

use encoding_rs::{EncoderResult, Encoding};

use crate::pairs::Pairs;
use crate::{Charset, decode, single};

/// A character that the set cannot carry.
///
/// It names the place, not the character, which may belong to a person's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("character at byte {offset} of the text has no place in {charset:?}")]
pub struct Unmappable {
    /// The set that was asked for; of several, the first.
    pub charset: Charset,
    /// Offset of the first such character in the UTF-8 text.
    pub offset: usize,
}

/// Writes text in a set that has no escape sequences.
pub(crate) fn plain(charset: Charset, text: &str) -> Result<Vec<u8>, Unmappable> {
    let bytes = match (charset, charset.encoding()) {
        (Charset::JisX0208, _) => by_pair(charset, text, Pairs::JisX0208)?,
        (Charset::JisX0212, _) => by_pair(charset, text, Pairs::JisX0212)?,
        (_, Some(encoding)) => by_table(charset, text, encoding)?,
        (_, None) => by_character(charset, text)?,
    };
    let decoded = decode::plain(charset, &bytes).text;
    if decoded == text {
        Ok(bytes)
    } else {
        Err(charset.unmappable(first_difference(text, &decoded)))
    }
}

impl Charset {
    pub(crate) fn unmappable(self, offset: usize) -> Unmappable {
        Unmappable { charset: self, offset }
    }

    /// The byte above 7FH of a character, in a set that has one byte a character.
    pub(crate) fn high_byte(self, character: char) -> Option<u8> {
        let byte = match self.encoding() {
            None => single::byte(self, character),
            Some(encoding) => {
                let mut buffer = [0; 4];
                let (bytes, _, unmappable) = encoding.encode(character.encode_utf8(&mut buffer));
                match *bytes {
                    [byte] if !unmappable => Some(byte),
                    _ => None,
                }
            }
        };
        byte.filter(|byte| !byte.is_ascii())
    }
}

fn by_character(charset: Charset, text: &str) -> Result<Vec<u8>, Unmappable> {
    let byte = |(offset, character)| {
        single::byte(charset, character).ok_or_else(|| charset.unmappable(offset))
    };
    text.char_indices().map(byte).collect()
}

fn by_pair(charset: Charset, text: &str, pairs: Pairs) -> Result<Vec<u8>, Unmappable> {
    let mut bytes = Vec::with_capacity(text.len());
    for (offset, character) in text.char_indices() {
        match (character, pairs.bytes(character)) {
            ('\0'..=' ' | '\x7f', _) => bytes.extend(u8::try_from(character)),
            (_, Some(pair)) => bytes.extend(pair),
            (_, None) => return Err(charset.unmappable(offset)),
        }
    }
    Ok(bytes)
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
            EncoderResult::InputEmpty => return Ok(bytes),
            EncoderResult::OutputFull => bytes.reserve(rest.len().saturating_mul(2) + 16),
            EncoderResult::Unmappable(character) => {
                return Err(charset.unmappable(offset.saturating_sub(character.len_utf8())));
            }
        }
    }
}

fn first_difference(text: &str, other: &str) -> usize {
    let mut others = other.chars();
    text.char_indices()
        .find(|&(_, character)| others.next() != Some(character))
        .map_or(text.len(), |(offset, _)| offset)
}
