//! Bytes to text, one set at a time.

use encoding_rs::{DecoderResult, Encoding};

use crate::Charset;
use crate::output::{Decoded, Output, sound};
use crate::pairs::Pairs;
use crate::single::character;

/// Reads bytes of a set that has no escape sequences.
pub(crate) fn plain(charset: Charset, bytes: &[u8]) -> Decoded<'_> {
    match charset {
        Charset::JisX0208 => by_pair(bytes, Pairs::JisX0208),
        Charset::JisX0212 => by_pair(bytes, Pairs::JisX0212),
        _ => match charset.encoding() {
            Some(encoding) => through(bytes, encoding),
            None => by_byte(bytes, charset),
        },
    }
}

impl Charset {
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
