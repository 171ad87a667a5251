//! Single characters, and the sets of one byte a character that are not taken from `encoding_rs`.

use encoding_rs::{DecoderResult, Encoding};

use crate::Charset;

/// The character of a byte; `None` where the set defines none.
pub(crate) fn character(charset: Charset, byte: u8) -> Option<char> {
    match (charset, byte) {
        (_, 0..=0x7f) => Some(char::from(byte)),
        (Charset::Latin1, _) => Some(char::from(byte)),
        (Charset::Iso8859_9, _) => {
            let turkish = TURKISH.iter().find(|&&(code, _)| code == byte);
            Some(turkish.map_or(char::from(byte), |&(_, character)| character))
        }
        // ISO 8859-11 is TIS 620 with a no-break space.
        (Charset::Tis620, 0x80..=0xa0) => Some(char::from(byte)),
        (Charset::Tis620, 0xa1..=0xda | 0xdf..=0xfb) => {
            char::from_u32(u32::from(byte) + (0x0e01 - 0xa1))
        }
        // The yen sign of the left half of JIS X 0201 is read as the backslash that DICOM and HL7 put there.
        (Charset::JisX0201, 0xa1..=0xdf) => char::from_u32(u32::from(byte) + (0xff61 - 0xa1)),
        _ => None,
    }
}

/// The byte of a character.
pub(crate) fn byte(charset: Charset, wanted: char) -> Option<u8> {
    let code = u32::from(wanted);
    let byte = match (charset, code) {
        (_, 0..=0x7f) => code,
        (Charset::Iso8859_9, _) => TURKISH
            .iter()
            .find(|&&(_, character)| character == wanted)
            .map_or(code, |&(byte, _)| u32::from(byte)),
        (Charset::Tis620, 0x0e01..=0x0e5b) => code - 0x0e01 + 0xa1,
        (Charset::JisX0201, 0xff61..=0xff9f) => code - 0xff61 + 0xa1,
        _ => code,
    };
    let byte = u8::try_from(byte).ok()?;
    (character(charset, byte) == Some(wanted)).then_some(byte)
}

/// The character that a few bytes are.
pub(crate) fn only_character(encoding: &'static Encoding, bytes: &[u8]) -> Option<char> {
    let mut buffer = [0; 32];
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let (result, _, written) = decoder.decode_to_utf8_without_replacement(bytes, &mut buffer, true);
    let text = std::str::from_utf8(buffer.get(..written)?).ok()?;
    matches!(result, DecoderResult::InputEmpty).then(|| text.chars().next()).flatten()
}

/// Where ISO 8859-9 differs from ISO 8859-1.
const TURKISH: [(u8, char); 6] =
    [(0xd0, 'Ğ'), (0xdd, 'İ'), (0xde, 'Ş'), (0xf0, 'ğ'), (0xfd, 'ı'), (0xfe, 'ş')];
