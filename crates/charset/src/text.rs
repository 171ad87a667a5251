//! Reading and writing text of one set.

use std::borrow::Cow;

use crate::output::{Decoded, sound};
use crate::{CharacterSets, Charset, Separators, Unmappable, decode, encode};

impl Charset {
    /// Reads `bytes` as text of this set.
    ///
    /// A byte order mark is a character like any other. Malformed sequences become U+FFFD and are reported, so
    /// whoever must not lose anything keeps the bytes, as the messages of telerad do. In the parts of ISO 8859 the
    /// bytes 80H to 9FH are the control codes of ISO 6429, which are no malformed bytes, if no text either.
    pub fn decode(self, bytes: &[u8]) -> Decoded<'_> {
        match std::str::from_utf8(bytes) {
            Ok(text) if self == Self::Utf8 => return sound(Cow::Borrowed(text)),
            Ok(text) if self.extends_ascii() && text.is_ascii() => {
                return sound(Cow::Borrowed(text));
            }
            _ => {}
        }
        if self.has_sequences() {
            CharacterSets::from(self).decode_extended(bytes, Separators::None)
        } else {
            decode::plain(self, bytes)
        }
    }

    /// Writes `text` in this set. What comes out decodes to exactly the same text.
    ///
    /// # Errors
    /// [`Unmappable`] for the first character that the set does not have, or has only as a look-alike (the yen
    /// sign of Shift JIS reads back as a backslash). Nothing is ever replaced or dropped.
    pub fn encode(self, text: &str) -> Result<Vec<u8>, Unmappable> {
        if self == Self::Utf8 || (text.is_ascii() && self.extends_ascii()) {
            return Ok(text.as_bytes().to_vec());
        }
        if self.has_sequences() {
            CharacterSets::from(self).encode_extended(text, Separators::None)
        } else {
            encode::plain(self, text)
        }
    }

    /// Sets that are known by the escape sequence before their characters.
    pub(crate) fn has_sequences(self) -> bool {
        matches!(self, Self::Gb2312 | Self::Iso2022Jp)
    }
}
