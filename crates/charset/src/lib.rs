//! The character sets of HL7 (MSH-18, table 0211) and DICOM (0008,0005), never losing a character.
//!
//! One table serves both standards, so that a name which came in by HL7 and goes out by DICOM is read and
//! written by the same rules. Decoding keeps going over malformed bytes but says so; encoding never drops,
//! replaces or approximates a character: what a set cannot carry is an error.
//!
//! [`Charset`] is one set; [`CharacterSets`] are several that a text switches between with the escape sequences of
//! ISO 2022, as (0008,0005) and MSH-18 announce them. This crate does *not* guess a character set: [`telerad-hl7`]
//! does, and warns.
//!
//! ```
//! use telerad_charset::{CharacterSets, Charset, Separators};
//!
//! let latin = Charset::from_hl7("8859/1").ok_or("unknown label")?;
//! assert_eq!(latin.decode(b"M\xfcller").text, "Müller");
//! assert_eq!(latin.encode("Müller")?, b"M\xfcller");
//! assert!(latin.encode("山田").is_err());
//! assert_eq!(latin.to_dicom(), Some("ISO_IR 100"));
//!
//! let korean = CharacterSets::from_dicom("\\ISO 2022 IR 149")?;
//! let name = korean.encode("Hong^Gildong=洪^吉洞", Separators::PersonName)?;
//! assert_eq!(name, b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits
//! Work and memory are linear in the input; nothing is kept between calls but one table of JIS X 0212. Of the
//! places of malformed bytes, [`MALFORMED_MAX`] are told. UTF-16 and UTF-32, which neither MLLP
//! nor DICOM allows, are unknown here, and so is CNS 11643.
//!
//! # Parts of the standards
//! HL7 2.5.1 table 0211 with the spellings seen in the field; DICOM PS3.3 section C.12.1.1.2, defined terms
//! without and with code extensions; PS3.5 section 6.1.2.5, code extensions, and annexes H to K.
//!
//! [`telerad-hl7`]: https://github.com/telerad/telerad
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod boundary;
mod decode;
mod designation;
mod encode;
mod extension;
mod labels;
mod output;
mod pairs;
mod single;
mod survey;
mod text;

pub use encode::Unmappable;
pub use extension::{CharacterSets, PieceDecoder, Separators};
pub use labels::UnknownSet;
pub use output::{Decoded, MALFORMED_MAX};
pub use survey::Survey;

/// A coded character set.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Charset {
    /// ASCII (ISO IR 6), seven bits.
    #[default]
    Ascii,
    /// ISO 8859-1, Western European.
    Latin1,
    /// ISO 8859-2, Central European.
    Iso8859_2,
    /// ISO 8859-3, South European.
    Iso8859_3,
    /// ISO 8859-4, Baltic.
    Iso8859_4,
    /// ISO 8859-5, Cyrillic.
    Iso8859_5,
    /// ISO 8859-6, Arabic.
    Iso8859_6,
    /// ISO 8859-7, Greek.
    Iso8859_7,
    /// ISO 8859-8, Hebrew.
    Iso8859_8,
    /// ISO 8859-9, Turkish.
    Iso8859_9,
    /// ISO 8859-15, Western European with the euro sign.
    Iso8859_15,
    /// TIS 620 (ISO 8859-11), Thai.
    Tis620,
    /// Windows-1250, Central European.
    Windows1250,
    /// Windows-1251, Cyrillic.
    Windows1251,
    /// Windows-1252, Western European.
    Windows1252,
    /// UTF-8.
    Utf8,
    /// GB 18030, Chinese.
    Gb18030,
    /// GBK, Chinese.
    Gbk,
    /// GB 2312 behind its escape sequence, Chinese.
    Gb2312,
    /// Big5, traditional Chinese.
    Big5,
    /// KS X 1001 as EUC-KR, Korean.
    EucKr,
    /// Shift JIS, Japanese.
    ShiftJis,
    /// ISO-2022-JP: JIS X 0208 behind escape sequences, Japanese.
    Iso2022Jp,
    /// JIS X 0201: ASCII below 80H, half-width katakana above.
    JisX0201,
    /// JIS X 0208, two seven-bit bytes per character, as `\M2442\` of HL7 switches to it.
    JisX0208,
    /// JIS X 0212, two seven-bit bytes per character, as `\M242844\` of HL7 switches to it.
    JisX0212,
}

#[cfg(test)]
mod tests;
