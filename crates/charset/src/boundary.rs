//! Where a byte below 80H is a character and where it is half of one.

use crate::extension::ESCAPE;
use crate::{CharacterSets, Charset};

impl Charset {
    /// Whether a byte below 80H always stands for itself, so that text may be split at it without decoding.
    ///
    /// Not so in Shift JIS, GBK, GB 18030 and Big5, where `\`, `^`, `|` and `~` occur as second bytes, nor in
    /// ISO-2022-JP, where they occur inside shifted runs.
    pub fn is_splittable(self) -> bool {
        !matches!(
            self,
            Self::ShiftJis
                | Self::Gbk
                | Self::Gb18030
                | Self::Big5
                | Self::Iso2022Jp
                | Self::JisX0208
                | Self::JisX0212
        )
    }

    /// Position of the first `byte` that is a character of its own, in text that begins unshifted.
    pub fn find(self, byte: u8, text: &[u8]) -> Option<usize> {
        match self {
            Self::ShiftJis => {
                find_between_pairs(byte, text, |lead| matches!(lead, 0x81..=0x9f | 0xe0..=0xfc))
            }
            Self::Gbk | Self::Gb18030 | Self::Big5 => {
                find_between_pairs(byte, text, |lead| matches!(lead, 0x81..=0xfe))
            }
            Self::Iso2022Jp | Self::JisX0208 | Self::JisX0212 => find_unshifted(byte, text),
            _ => text.iter().position(|&candidate| candidate == byte),
        }
    }
}

impl CharacterSets {
    /// As [`Charset::is_splittable`], for a text that may switch to any of these sets.
    pub fn is_splittable(&self) -> bool {
        self.iter().all(Charset::is_splittable)
    }

    /// Position of the first `byte` that is a character of its own, in text that begins unshifted.
    pub fn find(&self, byte: u8, text: &[u8]) -> Option<usize> {
        if self.has_extensions() && !self.is_splittable() {
            find_unshifted(byte, text)
        } else {
            self.first().find(byte, text)
        }
    }
}

fn find_between_pairs(byte: u8, text: &[u8], is_lead: impl Fn(u8) -> bool) -> Option<usize> {
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return None,
            [lead, 0x40..=0x7e | 0x80..=0xfe, tail @ ..] if is_lead(*lead) => tail,
            [first, ..] if *first == byte => return Some(text.len() - rest.len()),
            [_, tail @ ..] => tail,
        };
    }
}

fn find_unshifted(byte: u8, text: &[u8]) -> Option<usize> {
    let mut rest = text;
    // The codes that are not characters of their own; half-width katakana leave `|` and `~` alone.
    let mut shifted = 0..0;
    loop {
        rest = match rest {
            [] => return None,
            // ESC $ … designates a two-byte set to the codes below 80H, ESC ( … a one-byte set.
            [ESCAPE, b'$', b'(', _, tail @ ..] | [ESCAPE, b'$', b'@' | b'B', tail @ ..] => {
                shifted = 0x21..0x7f;
                tail
            }
            [ESCAPE, b'(', set, tail @ ..] => {
                shifted = if *set == b'I' { 0x21..0x60 } else { 0..0 };
                tail
            }
            [first, ..] if *first == byte && !shifted.contains(first) => {
                return Some(text.len() - rest.len());
            }
            // Whoever forgets to switch back does not get past the end of the line.
            [0..=0x1a | 0x1c..=0x1f, tail @ ..] => {
                shifted = 0..0;
                tail
            }
            [_, tail @ ..] => tail,
        };
    }
}
