//! Bytes to text.

use std::borrow::Cow;
use std::ops::Range;

use encoding_rs::{DecoderResult, Encoding};

use crate::pairs::Pairs;
use crate::single::character;
use crate::{CharacterSets, Charset, Separators};

/// Text read from bytes, and whether all of them made sense.
#[derive(Clone, Eq, PartialEq)]
pub struct Decoded<'a> {
    /// The text; each malformed sequence is shown as U+FFFD. Borrowed whenever the bytes are already UTF-8.
    pub text: Cow<'a, str>,
    /// Whether any byte has no meaning in the character set.
    pub malformed: bool,
    /// Which bytes these are, in order; at most [`MALFORMED_MAX`] sequences, so that hostile bytes cannot grow it.
    /// An escape sequence to a set that was not declared is among them, although it was followed.
    pub malformed_at: Vec<Range<usize>>,
}

/// Malformed sequences of one text whose places are recorded.
pub const MALFORMED_MAX: usize = 16;

impl std::fmt::Debug for Decoded<'_> {
    // The text is patient data more often than not.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoded")
            .field("text", &format_args!("<redacted>"))
            .field("malformed", &self.malformed)
            .field("malformed_at", &self.malformed_at)
            .finish()
    }
}

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
        match self {
            Self::Gb2312 | Self::Iso2022Jp => {
                CharacterSets::from(self).decode_extended(bytes, Separators::None)
            }
            Self::JisX0208 => by_pair(bytes, Pairs::JisX0208),
            Self::JisX0212 => by_pair(bytes, Pairs::JisX0212),
            _ => match self.encoding() {
                Some(encoding) => through(bytes, encoding),
                None => by_byte(bytes, self),
            },
        }
    }

    /// Whether every run of bytes below 80H is the same text in ASCII.
    pub(crate) fn extends_ascii(self) -> bool {
        !matches!(self, Self::Iso2022Jp | Self::JisX0208 | Self::JisX0212 | Self::Gb2312)
    }

    /// The table of `encoding_rs`. It has the supersets that browsers use for some names (Windows-1252 for
    /// ISO 8859-1, Windows-1254 for ISO 8859-9, Windows-874 for TIS 620), which are not taken from there.
    pub(crate) fn encoding(self) -> Option<&'static Encoding> {
        Some(match self {
            Self::Windows1252 => encoding_rs::WINDOWS_1252,
            Self::Iso8859_2 => encoding_rs::ISO_8859_2,
            Self::Iso8859_3 => encoding_rs::ISO_8859_3,
            Self::Iso8859_4 => encoding_rs::ISO_8859_4,
            Self::Iso8859_5 => encoding_rs::ISO_8859_5,
            Self::Iso8859_6 => encoding_rs::ISO_8859_6,
            Self::Iso8859_7 => encoding_rs::ISO_8859_7,
            Self::Iso8859_8 => encoding_rs::ISO_8859_8,
            Self::Iso8859_15 => encoding_rs::ISO_8859_15,
            Self::Windows1250 => encoding_rs::WINDOWS_1250,
            Self::Windows1251 => encoding_rs::WINDOWS_1251,
            Self::Utf8 => encoding_rs::UTF_8,
            Self::Gb18030 => encoding_rs::GB18030,
            Self::Gbk => encoding_rs::GBK,
            Self::Big5 => encoding_rs::BIG5,
            Self::EucKr => encoding_rs::EUC_KR,
            Self::ShiftJis => encoding_rs::SHIFT_JIS,
            _ => return None,
        })
    }
}

/// A text that grows, and the places of what could not be read.
#[derive(Default)]
pub(crate) struct Output {
    pub(crate) text: String,
    malformed: bool,
    malformed_at: Vec<Range<usize>>,
}

impl Output {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ..Self::default() }
    }

    /// Bytes without a meaning.
    pub(crate) fn malformed(&mut self, place: Range<usize>) {
        self.text.push(char::REPLACEMENT_CHARACTER);
        self.doubt(place);
    }

    /// Bytes that should not be there, without a place in the text.
    pub(crate) fn doubt(&mut self, place: Range<usize>) {
        self.malformed = true;
        if self.malformed_at.len() < MALFORMED_MAX {
            self.malformed_at.push(place);
        }
    }

    /// Appends what was read from a part that begins at `start`.
    pub(crate) fn append(&mut self, part: &Decoded<'_>, start: usize) {
        self.text.push_str(&part.text);
        self.malformed |= part.malformed;
        let room = MALFORMED_MAX.saturating_sub(self.malformed_at.len());
        let places = part.malformed_at.iter().take(room);
        self.malformed_at.extend(places.map(|place| start + place.start..start + place.end));
    }

    pub(crate) fn into_decoded(self) -> Decoded<'static> {
        let Self { text, malformed, malformed_at } = self;
        Decoded { text: Cow::Owned(text), malformed, malformed_at }
    }
}

fn sound(text: Cow<'_, str>) -> Decoded<'_> {
    Decoded { text, malformed: false, malformed_at: Vec::new() }
}

fn by_byte(bytes: &[u8], charset: Charset) -> Decoded<'static> {
    let mut output = Output::with_capacity(bytes.len().saturating_mul(2));
    for (offset, &byte) in bytes.iter().enumerate() {
        match character(charset, byte) {
            Some(character) => output.text.push(character),
            None => output.malformed(offset..offset + 1),
        }
    }
    output.into_decoded()
}

fn through<'a>(bytes: &'a [u8], encoding: &'static Encoding) -> Decoded<'a> {
    if let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        return sound(text);
    }
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut output = Output::default();
    let mut position = 0;
    loop {
        let rest = bytes.get(position..).unwrap_or_default();
        let room = decoder.max_utf8_buffer_length_without_replacement(rest.len());
        output.text.reserve(room.unwrap_or(rest.len()).saturating_add(4));
        let (result, read) =
            decoder.decode_to_string_without_replacement(rest, &mut output.text, true);
        position += read;
        match result {
            DecoderResult::InputEmpty => break,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(length, after) => {
                let end = position.saturating_sub(usize::from(after));
                output.malformed(end.saturating_sub(usize::from(length))..end);
            }
        }
    }
    output.into_decoded()
}

/// Two seven-bit bytes a character; control codes and spaces stay single between them.
fn by_pair(bytes: &[u8], pairs: Pairs) -> Decoded<'static> {
    let mut output = Output::with_capacity(bytes.len().saturating_mul(2));
    let mut rest = bytes;
    while let Some(&first) = rest.first() {
        let start = bytes.len() - rest.len();
        let run = rest.iter().take_while(|byte| matches!(byte, 0x21..=0x7e)).count();
        let (run, tail) = rest.split_at(run.min(rest.len()));
        rest = tail;
        match (run, first) {
            ([], 0..=0x20 | 0x7f) => output.text.push(char::from(first)),
            ([], _) => output.malformed(start..start + 1),
            (run, _) => pairs.read(run, start, &mut output),
        }
        if run.is_empty() {
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    output.into_decoded()
}
