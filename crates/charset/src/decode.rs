//! Bytes to text.

use std::borrow::Cow;

use encoding_rs::Encoding;

use crate::Charset;

/// Text read from bytes, and whether all of them made sense.
#[derive(Clone, Eq, PartialEq)]
pub struct Decoded<'a> {
    /// The text; each malformed sequence is shown as U+FFFD. Borrowed whenever the bytes are already UTF-8.
    pub text: Cow<'a, str>,
    /// Whether any byte has no meaning in the character set.
    pub malformed: bool,
}

impl std::fmt::Debug for Decoded<'_> {
    // The text is patient data more often than not.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoded")
            .field("text", &format_args!("<redacted>"))
            .field("malformed", &self.malformed)
            .finish()
    }
}

impl Charset {
    /// Reads `bytes` as text of this set.
    ///
    /// A byte order mark is a character like any other. Malformed sequences become U+FFFD and are reported, so
    /// whoever must not lose anything keeps the bytes, as the messages of telerad do.
    pub fn decode(self, bytes: &[u8]) -> Decoded<'_> {
        match std::str::from_utf8(bytes) {
            Ok(text) if self == Self::Utf8 => return sound(Cow::Borrowed(text)),
            Ok(text) if self.extends_ascii() && text.is_ascii() => {
                return sound(Cow::Borrowed(text));
            }
            _ => {}
        }
        match self {
            Self::Ascii => by_byte(bytes, |byte| byte.is_ascii().then_some(char::from(byte))),
            Self::JisX0201 => by_byte(bytes, katakana),
            Self::JisX0208 => through_euc_jp(bytes, None),
            Self::JisX0212 => through_euc_jp(bytes, Some(0x8f)),
            _ => match self.encoding() {
                Some(encoding) => {
                    let (text, malformed) = encoding.decode_without_bom_handling(bytes);
                    Decoded { text, malformed }
                }
                None => by_byte(bytes, |_| None),
            },
        }
    }

    /// Whether every run of bytes below 80H is the same text in ASCII.
    pub(crate) fn extends_ascii(self) -> bool {
        !matches!(self, Self::Iso2022Jp | Self::JisX0208 | Self::JisX0212)
    }

    /// The table of `encoding_rs`, which holds the supersets that browsers use: Windows-1252 for ISO 8859-1,
    /// Windows-1254 for ISO 8859-9, Windows-874 for TIS 620.
    pub(crate) fn encoding(self) -> Option<&'static Encoding> {
        Some(match self {
            Self::Latin1 | Self::Windows1252 => encoding_rs::WINDOWS_1252,
            Self::Iso8859_2 => encoding_rs::ISO_8859_2,
            Self::Iso8859_3 => encoding_rs::ISO_8859_3,
            Self::Iso8859_4 => encoding_rs::ISO_8859_4,
            Self::Iso8859_5 => encoding_rs::ISO_8859_5,
            Self::Iso8859_6 => encoding_rs::ISO_8859_6,
            Self::Iso8859_7 => encoding_rs::ISO_8859_7,
            Self::Iso8859_8 => encoding_rs::ISO_8859_8,
            Self::Iso8859_9 => encoding_rs::WINDOWS_1254,
            Self::Iso8859_15 => encoding_rs::ISO_8859_15,
            Self::Tis620 => encoding_rs::WINDOWS_874,
            Self::Windows1250 => encoding_rs::WINDOWS_1250,
            Self::Windows1251 => encoding_rs::WINDOWS_1251,
            Self::Utf8 => encoding_rs::UTF_8,
            Self::Gb18030 => encoding_rs::GB18030,
            Self::Gbk => encoding_rs::GBK,
            Self::Big5 => encoding_rs::BIG5,
            Self::EucKr => encoding_rs::EUC_KR,
            Self::ShiftJis => encoding_rs::SHIFT_JIS,
            Self::Iso2022Jp => encoding_rs::ISO_2022_JP,
            Self::Ascii | Self::JisX0201 | Self::JisX0208 | Self::JisX0212 => return None,
        })
    }
}

fn sound(text: Cow<'_, str>) -> Decoded<'_> {
    Decoded { text, malformed: false }
}

fn by_byte(bytes: &[u8], character: impl Fn(u8) -> Option<char>) -> Decoded<'static> {
    let mut malformed = false;
    let text = bytes
        .iter()
        .map(|&byte| {
            character(byte).unwrap_or_else(|| {
                malformed = true;
                char::REPLACEMENT_CHARACTER
            })
        })
        .collect();
    Decoded { text: Cow::Owned(text), malformed }
}

/// JIS X 0201. The yen sign of its left half is read as the backslash that both standards put there.
fn katakana(byte: u8) -> Option<char> {
    match byte {
        0..=0x7f => Some(char::from(byte)),
        0xa1..=0xdf => char::from_u32(u32::from(byte) + (0xff61 - 0xa1)),
        _ => None,
    }
}

/// EUC-JP holds JIS X 0208 with the high bits set and JIS X 0212 behind a shift byte, so it can read both.
fn through_euc_jp(bytes: &[u8], shift: Option<u8>) -> Decoded<'static> {
    let mut euc = Vec::with_capacity(bytes.len().saturating_mul(2));
    let mut rest = bytes;
    loop {
        rest = match rest {
            [] => break,
            [first @ 0x21..=0x7e, second @ 0x21..=0x7e, tail @ ..] => {
                euc.extend(shift);
                euc.extend([first | 0x80, second | 0x80]);
                tail
            }
            // Control codes and spaces stay single between two-byte characters.
            [first, tail @ ..] => {
                euc.push(*first);
                tail
            }
        };
    }
    let (text, malformed) = encoding_rs::EUC_JP.decode_without_bom_handling(&euc);
    Decoded { text: Cow::Owned(text.into_owned()), malformed }
}
