//! Answers in a character set that the caller reads (PS3.4 section C.2.2.2, PS3.3 section C.12.1.1.2).

use telerad_charset::{CharacterSets, Charset, Separators};
use telerad_dicom::dataset::DataSetError;
use telerad_dicom::{DataSet, Encoding, Tag, encoding_of, tags};

use super::Query;

impl Query {
    /// The character sets that the query declares, where they are known ones.
    pub fn character_sets(&self) -> Option<CharacterSets> {
        let declared = self.requested.text(tags::SPECIFIC_CHARACTER_SET)?;
        CharacterSets::from_dicom(&declared).ok()
    }
}

/// Encodes an answer to a caller who declared these character sets.
///
/// Text beyond ASCII is written in them when they have every character of the answer, and in UTF-8 (`ISO_IR 192`)
/// otherwise; no character is ever left out or replaced. An answer in ASCII declares nothing.
///
/// # Errors
/// As [`DataSet::encode`].
pub fn encode_answer(
    answer: &DataSet,
    declared: Option<CharacterSets>,
    transfer_syntax_uid: &str,
) -> Result<Vec<u8>, DataSetError> {
    let utf8 = answer.encode(transfer_syntax_uid)?;
    let encoding = encoding_of(transfer_syntax_uid);
    let declared = declared.filter(|sets| sets.first() != Charset::Utf8 && !encoding.is_deflated());
    let rewritten = declared.and_then(|sets| rewritten(&utf8, encoding, &sets));
    Ok(rewritten.unwrap_or(utf8))
}

/// The same data set, encoded by us and so of known form, in other character sets; `None` when they lack a character.
fn rewritten(utf8: &[u8], encoding: Encoding, sets: &CharacterSets) -> Option<Vec<u8>> {
    if utf8.is_ascii() {
        return None;
    }
    let term = sets.to_dicom()?;
    let mut out = Vec::with_capacity(utf8.len());
    let mut rest = utf8;
    while !rest.is_empty() {
        let header = Header::read(rest, encoding)?;
        let (head, after) = rest.split_at_checked(header.bytes)?;
        if header.length == UNDEFINED || header.tag.0 == DELIMITERS {
            // Sequences and items have delimiters, so that what is inside may change its length.
            if header.length != UNDEFINED && header.length != 0 {
                return None;
            }
            out.extend_from_slice(head);
            rest = after;
            continue;
        }
        let (value, after) = after.split_at_checked(header.length as usize)?;
        rest = after;
        if header.tag == tags::SPECIFIC_CHARACTER_SET {
            header.write(&mut out, head, term.as_bytes().to_vec(), encoding)?;
        } else if value.is_ascii() {
            out.extend_from_slice(head);
            out.extend_from_slice(value);
        } else {
            // Numbers in binary may have any bytes; the answers' own are below 128.
            let text = std::str::from_utf8(value).ok()?;
            let text = sets.encode(text, separators(header.tag)).ok()?;
            header.write(&mut out, head, text, encoding)?;
        }
    }
    Some(out)
}

struct Header {
    tag: Tag,
    /// Of the header.
    bytes: usize,
    /// Of the value.
    length: u32,
}

impl Header {
    fn read(bytes: &[u8], encoding: Encoding) -> Option<Self> {
        let number = |at: usize| -> Option<u16> {
            let two = bytes.get(at..at + 2)?.first_chunk::<2>()?;
            Some(if encoding.is_big_endian() {
                u16::from_be_bytes(*two)
            } else {
                u16::from_le_bytes(*two)
            })
        };
        let long = |at: usize| -> Option<u32> {
            let four = bytes.get(at..at + 4)?.first_chunk::<4>()?;
            Some(if encoding.is_big_endian() {
                u32::from_be_bytes(*four)
            } else {
                u32::from_le_bytes(*four)
            })
        };
        let tag = Tag(number(0)?, number(2)?);
        if !encoding.is_explicit() || tag.0 == DELIMITERS {
            return Some(Self { tag, bytes: 8, length: long(4)? });
        }
        // PS3.5 section 7.1.2: these have four bytes of length behind two that are reserved.
        let is_long = matches!(bytes.get(4..6)?, b"SQ" | b"UC" | b"UN" | b"UT" | b"OB" | b"OW");
        Some(if is_long {
            Self { tag, bytes: 12, length: long(8)? }
        } else {
            Self { tag, bytes: 8, length: u32::from(number(6)?) }
        })
    }

    /// Writes the header with the length of another value, and that.
    fn write(
        &self,
        out: &mut Vec<u8>,
        head: &[u8],
        mut value: Vec<u8>,
        encoding: Encoding,
    ) -> Option<()> {
        if value.len() % 2 == 1 {
            value.push(b' ');
        }
        let big = encoding.is_big_endian();
        let is_short = encoding.is_explicit() && self.bytes == 8;
        let length = if is_short {
            let length = u16::try_from(value.len()).ok()?;
            (if big { length.to_be_bytes() } else { length.to_le_bytes() }).to_vec()
        } else {
            let length = u32::try_from(value.len()).ok()?;
            (if big { length.to_be_bytes() } else { length.to_le_bytes() }).to_vec()
        };
        out.extend_from_slice(head.get(..self.bytes - length.len())?);
        out.extend(length);
        out.extend(value);
        Some(())
    }
}

/// Where the first set is back within a value (PS3.5 section 6.1.2.5.3).
fn separators(tag: Tag) -> Separators {
    match tag {
        tags::PATIENT_NAME
        | tags::REFERRING_PHYSICIAN_NAME
        | tags::REQUESTING_PHYSICIAN
        | tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME => Separators::PersonName,
        tags::PATIENT_COMMENTS | tags::REQUESTED_PROCEDURE_COMMENTS => Separators::None,
        _ => Separators::Values,
    }
}

/// The group of items and delimiters (PS3.5 section 7.5).
const DELIMITERS: u16 = 0xfffe;
const UNDEFINED: u32 = u32::MAX;
