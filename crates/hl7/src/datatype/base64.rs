//! Base64 as it is found in OBX-5 (RFC 2045 section 6.8).

/// Why data is no base64.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBase64 {
    /// A character that is none of the alphabet, no line break and no padding, or anything after the padding.
    #[error("no base64 at byte {offset} of the data")]
    Character {
        /// Offset in the encoded data.
        offset: usize,
    },
    /// The last group has one character only.
    #[error("base64 ends in the middle of a group")]
    Truncated,
}

/// Decodes base64 piece by piece, so that a file of tens of megabytes never has to stand in memory twice.
///
/// Line breaks, blanks, escaped line breaks (`\X0D0A\`, `\.br\`) and missing padding are accepted: senders wrap lines
/// in OBX-5 and escape the breaks.
///
/// ```
/// use telerad_hl7::datatype::Base64;
///
/// let mut reader = Base64::new(b"JVBERi0x\r\nLjQK", Some(b'\\'));
/// let mut file = Vec::new();
/// let mut piece = [0; 8];
/// loop {
///     match reader.read(&mut piece)? {
///         0 => break,
///         length => file.extend_from_slice(&piece[..length]),
///     }
/// }
/// assert_eq!(file, b"%PDF-1.4\n");
/// # Ok::<(), telerad_hl7::datatype::InvalidBase64>(())
/// ```
#[derive(Clone)]
pub struct Base64<'a> {
    data: &'a [u8],
    at: usize,
    escape: Option<u8>,
    /// Bits of the group that is being read, and how many characters of it there were.
    bits: u32,
    count: u8,
    /// Decoded bytes that did not fit, the next one first.
    held: [u8; 3],
    held_count: usize,
    is_padded: bool,
}

impl<'a> Base64<'a> {
    /// Reads `data` as it stands in the message. `escape` is the message's escape character.
    pub fn new(data: &'a [u8], escape: Option<u8>) -> Self {
        Self {
            data,
            at: 0,
            escape,
            bits: 0,
            count: 0,
            held: [0; 3],
            held_count: 0,
            is_padded: false,
        }
    }

    /// Writes the next bytes to `piece` and says how many; 0 at the end, or when `piece` is empty.
    ///
    /// # Errors
    /// [`InvalidBase64`], after which the rest of the data is not to be relied on.
    pub fn read(&mut self, piece: &mut [u8]) -> Result<usize, InvalidBase64> {
        let mut written = 0;
        while written < piece.len() {
            if self.held_count > 0 {
                if let Some(place) = piece.get_mut(written) {
                    *place = self.held[0];
                    self.held.rotate_left(1);
                    self.held_count -= 1;
                    written += 1;
                }
                continue;
            }
            written += self.whole_groups(piece.get_mut(written..).unwrap_or_default());
            if written < piece.len() && !self.step()? {
                break;
            }
        }
        Ok(written)
    }

    /// As many groups of four plain characters as fit.
    fn whole_groups(&mut self, piece: &mut [u8]) -> usize {
        if self.count != 0 || self.is_padded {
            return 0;
        }
        let rest = self.data.get(self.at..).unwrap_or_default();
        let mut groups = 0;
        for (group, place) in rest.as_chunks::<4>().0.iter().zip(piece.as_chunks_mut::<3>().0) {
            let [first, second, third, fourth] = group.map(value);
            if (first | second | third | fourth) & NONE != 0 {
                break;
            }
            let bits = u32::from(first) << 18
                | u32::from(second) << 12
                | u32::from(third) << 6
                | u32::from(fourth);
            let [_, bytes @ ..] = bits.to_be_bytes();
            *place = bytes;
            groups += 1;
        }
        self.at += groups * 4;
        groups * 3
    }

    /// Takes one character; false at the end.
    fn step(&mut self) -> Result<bool, InvalidBase64> {
        let Some(&byte) = self.data.get(self.at) else { return self.finish() };
        let offset = self.at;
        self.at += 1;
        match value(byte) {
            NONE if byte.is_ascii_whitespace() => {}
            NONE if byte == b'=' && (self.count >= 2 || self.is_padded) => {
                self.flush();
                self.is_padded = true;
            }
            NONE if Some(byte) == self.escape => self.skip_line_break(offset)?,
            NONE => return Err(InvalidBase64::Character { offset }),
            _ if self.is_padded => return Err(InvalidBase64::Character { offset }),
            value => {
                self.bits = self.bits << 6 | u32::from(value);
                self.count += 1;
                if self.count == 4 {
                    self.flush();
                }
            }
        }
        Ok(true)
    }

    fn finish(&mut self) -> Result<bool, InvalidBase64> {
        match self.count {
            0 => Ok(false),
            1 => Err(InvalidBase64::Truncated),
            _ => {
                self.flush();
                Ok(true)
            }
        }
    }

    /// Moves the bytes of the group to those that are held.
    fn flush(&mut self) {
        let missing = 4_u8.saturating_sub(self.count);
        let [_, bytes @ ..] = (self.bits << (6 * u32::from(missing))).to_be_bytes();
        self.held = bytes;
        self.held_count = usize::from(self.count.saturating_sub(1));
        self.bits = 0;
        self.count = 0;
    }

    /// A sequence that stands for line breaks only.
    fn skip_line_break(&mut self, offset: usize) -> Result<(), InvalidBase64> {
        let rest = self.data.get(self.at..).unwrap_or_default();
        let length = rest.iter().take(64).position(|&byte| Some(byte) == self.escape);
        let Some(sequence) = length.and_then(|length| rest.get(..length)) else {
            return Err(InvalidBase64::Character { offset });
        };
        let is_break = match sequence {
            b".br" => true,
            [b'X' | b'x', digits @ ..] => {
                !digits.is_empty()
                    && digits.iter().all(|digit| matches!(digit, b'0' | b'D' | b'd' | b'A' | b'a'))
            }
            _ => false,
        };
        if !is_break {
            return Err(InvalidBase64::Character { offset });
        }
        self.at += sequence.len() + 1;
        Ok(())
    }
}

impl std::fmt::Debug for Base64<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Base64({} of {} bytes read, <redacted>)", self.at, self.data.len())
    }
}

/// Writes base64 without line breaks.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut padded = [0; 4];
        for (place, byte) in padded.iter_mut().skip(1).zip(group) {
            *place = *byte;
        }
        let bits = u32::from_be_bytes(padded);
        for index in 0..4_usize {
            let six = (bits >> (18 - 6 * index)) & 63;
            let letter = ALPHABET.get(six as usize).copied().unwrap_or(b'=');
            text.push(if index <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// No value of the alphabet has this bit.
const NONE: u8 = 0x80;

#[expect(clippy::indexing_slicing, reason = "counts from 0 to 63, evaluated by the compiler")]
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut index = 0;
    while index < ALPHABET.len() {
        values[ALPHABET[index] as usize] = index as u8;
        index += 1;
    }
    values
};

#[inline]
fn value(byte: u8) -> u8 {
    VALUES.get(usize::from(byte)).copied().unwrap_or(NONE)
}
