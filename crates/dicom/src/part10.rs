//! DICOM files: preamble and file meta information (PS3.10 chapter 7).

use std::ops::Range;

use crate::{Tag, encoding_of, tags};

/// What a file says about the data set in it (PS3.10 section 7.1).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FileMeta {
    /// Media Storage SOP Class UID (0002,0002); empty when missing.
    pub sop_class_uid: String,
    /// Media Storage SOP Instance UID (0002,0003); empty when missing.
    pub sop_instance_uid: String,
    /// Transfer Syntax UID (0002,0010).
    pub transfer_syntax_uid: String,
}

/// Why bytes are not a DICOM file.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Part10Error {
    /// The file meta information ends within an element.
    #[error("file meta information ends early at byte {offset}")]
    EndsEarly {
        /// Offset in the file.
        offset: usize,
    },
    /// Neither the prefix `DICM` nor file meta information.
    #[error("no file meta information")]
    NoFileMeta,
    /// File meta information without a transfer syntax.
    #[error("file meta information names no transfer syntax")]
    NoTransferSyntax,
}

/// Reads the file meta information and tells where the data set begins.
///
/// A missing preamble, and a missing prefix `DICM`, are tolerated: files that begin with the meta information exist.
///
/// # Errors
/// When there is no file meta information, or it is cut, or it names no transfer syntax.
pub fn read(bytes: &[u8]) -> Result<(FileMeta, usize), Part10Error> {
    let mut offset = start_of_meta(bytes).ok_or(Part10Error::NoFileMeta)?;
    let mut meta = FileMeta::default();
    let mut declared_end = None;
    while let Some(tag) = tag_at(bytes, offset).filter(|tag| tag.0 == 0x0002) {
        // A deflated data set begins with any bytes at all, so there the group length decides.
        if declared_end == Some(offset) && encoding_of(&meta.transfer_syntax_uid).is_deflated() {
            break;
        }
        let value = value_at(bytes, offset).ok_or(Part10Error::EndsEarly { offset })?;
        let end = value.end;
        let value = bytes.get(value).ok_or(Part10Error::EndsEarly { offset })?;
        match tag {
            tags::FILE_META_INFORMATION_GROUP_LENGTH => {
                let length = value.first_chunk().copied().map(u32::from_le_bytes);
                declared_end = length
                    .and_then(|length| usize::try_from(length).ok())
                    .and_then(|length| length.checked_add(end));
            }
            tags::MEDIA_STORAGE_SOP_CLASS_UID => meta.sop_class_uid = uid_text(value),
            tags::MEDIA_STORAGE_SOP_INSTANCE_UID => meta.sop_instance_uid = uid_text(value),
            tags::TRANSFER_SYNTAX_UID => meta.transfer_syntax_uid = uid_text(value),
            _ => {}
        }
        offset = end;
    }
    if meta.transfer_syntax_uid.is_empty() {
        return Err(Part10Error::NoTransferSyntax);
    }
    Ok((meta, offset))
}

/// Preamble, prefix and file meta information, to be followed by the data set.
///
/// A value longer than the 65,534 bytes that its length field can tell is cut to none; no unique identifier is longer
/// than 64.
pub fn write(meta: &FileMeta) -> Vec<u8> {
    let mut group = Vec::new();
    let version = tags::FILE_META_INFORMATION_VERSION;
    group.extend_from_slice(&tag_bytes(version));
    group.extend_from_slice(b"OB\0\0\x02\0\0\0\0\x01");
    for (tag, vr, value) in [
        (tags::MEDIA_STORAGE_SOP_CLASS_UID, b"UI", meta.sop_class_uid.as_str()),
        (tags::MEDIA_STORAGE_SOP_INSTANCE_UID, b"UI", &meta.sop_instance_uid),
        (tags::TRANSFER_SYNTAX_UID, b"UI", &meta.transfer_syntax_uid),
        (tags::IMPLEMENTATION_CLASS_UID, b"UI", IMPLEMENTATION_CLASS_UID),
        (tags::IMPLEMENTATION_VERSION_NAME, b"SH", IMPLEMENTATION_VERSION_NAME),
    ] {
        push_short(&mut group, tag, *vr, value);
    }
    let length = u32::try_from(group.len()).unwrap_or(u32::MAX);
    let mut file = vec![0; PREAMBLE_BYTES];
    file.extend_from_slice(PREFIX);
    file.extend_from_slice(&tag_bytes(tags::FILE_META_INFORMATION_GROUP_LENGTH));
    file.extend_from_slice(b"UL\x04\0");
    file.extend_from_slice(&length.to_le_bytes());
    file.append(&mut group);
    file
}

/// Our Implementation Class UID (PS3.7 section D.3.3.2), from a random UUID (PS3.5 section B.2).
pub const IMPLEMENTATION_CLASS_UID: &str = "2.25.119532832826674547303408464258179482826";

/// Our Implementation Version Name (PS3.7 section D.3.3.2).
pub const IMPLEMENTATION_VERSION_NAME: &str = "TELERAD_0_1";

fn start_of_meta(bytes: &[u8]) -> Option<usize> {
    let after_preamble = PREAMBLE_BYTES.saturating_add(PREFIX.len());
    if bytes.get(PREAMBLE_BYTES..after_preamble) == Some(PREFIX) {
        return Some(after_preamble);
    }
    if bytes.starts_with(PREFIX) {
        return Some(PREFIX.len());
    }
    let bare = tag_at(bytes, 0).is_some_and(|tag| tag.0 == 0x0002);
    (bare && bytes.get(4..6).is_some_and(|vr| vr == b"UL" || vr == b"OB" || vr == b"UI"))
        .then_some(0)
}

/// File meta information is explicit VR little endian, whatever follows it (PS3.10 section 7.1).
fn tag_at(bytes: &[u8], offset: usize) -> Option<Tag> {
    let [a, b, c, d] = *bytes.get(offset..)?.first_chunk()?;
    Some(Tag(u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])))
}

fn value_at(bytes: &[u8], offset: usize) -> Option<Range<usize>> {
    let [_, _, _, _, v, r, a, b] = *bytes.get(offset..)?.first_chunk()?;
    let (header, length) = if crate::vr::has_long_length([v, r]) {
        let field = *bytes.get(offset.checked_add(8)?..)?.first_chunk()?;
        (12, usize::try_from(u32::from_le_bytes(field)).ok()?)
    } else {
        (8, usize::from(u16::from_le_bytes([a, b])))
    };
    let start = offset.checked_add(header)?;
    Some(start..start.checked_add(length)?)
}

fn uid_text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_matches([' ', '\0']).to_owned()
}

fn push_short(group: &mut Vec<u8>, tag: Tag, vr: [u8; 2], value: &str) {
    let padding: &[u8] = match (value.len() % 2, &vr) {
        (0, _) => b"",
        (_, b"UI") => b"\0",
        _ => b" ",
    };
    let Ok(length) = u16::try_from(value.len().saturating_add(padding.len())) else { return };
    group.extend_from_slice(&tag_bytes(tag));
    group.extend_from_slice(&vr);
    group.extend_from_slice(&length.to_le_bytes());
    group.extend_from_slice(value.as_bytes());
    group.extend_from_slice(padding);
}

fn tag_bytes(tag: Tag) -> [u8; 4] {
    let ([a, b], [c, d]) = (tag.0.to_le_bytes(), tag.1.to_le_bytes());
    [a, b, c, d]
}

const PREAMBLE_BYTES: usize = 128;
const PREFIX: &[u8] = b"DICM";

#[cfg(test)]
mod tests {
    use super::{FileMeta, Part10Error, read, write};

    fn meta(syntax: &str) -> FileMeta {
        FileMeta {
            sop_class_uid: "1.2.840.10008.5.1.4.1.1.2".to_owned(),
            sop_instance_uid: "1.2.3".to_owned(),
            transfer_syntax_uid: syntax.to_owned(),
        }
    }

    #[test]
    fn what_was_written_is_read_and_the_data_set_follows() {
        let mut file = write(&meta("1.2.840.10008.1.2.1"));
        let at = file.len();
        file.extend_from_slice(b"\x08\0\x05\0CS\0\0");
        assert_eq!(read(&file), Ok((meta("1.2.840.10008.1.2.1"), at)));
    }

    #[test]
    fn a_missing_preamble_is_tolerated() {
        let file = write(&meta("1.2.840.10008.1.2"));
        assert_eq!(read(file.get(128..).unwrap()).unwrap().1, file.len() - 128);
        assert_eq!(read(file.get(132..).unwrap()).unwrap().1, file.len() - 132);
    }

    /// Preambles may hold a TIFF header (PS3.10 section 7.1); group lengths are left out or wrong; files are padded.
    #[test]
    fn what_others_write_around_a_data_set_does_not_touch_it() {
        let data_set = b"\x08\0\x60\0CS\x02\0CT\xFC\xFF\xFC\xFFOB\0\0\x03\0\0\0\0\0\0";
        let written = write(&meta("1.2.840.10008.1.2.1"));
        let tiff = [b"II*\0".as_slice(), &[0xAB; 124], &written[128..]].concat();
        let no_length = [&written[..132], &written[144..]].concat();
        let mut wrong_length = written.clone();
        wrong_length[140..144].copy_from_slice(&9999_u32.to_le_bytes());
        for head in [written, tiff, no_length, wrong_length] {
            let file = [head.as_slice(), data_set, &[0; 300]].concat();
            let (found, at) = read(&file).unwrap();
            assert_eq!((found, at), (meta("1.2.840.10008.1.2.1"), head.len()));
            assert!(file[at..].starts_with(data_set));
        }
    }

    #[test]
    fn a_deflated_data_set_may_begin_like_file_meta_information() {
        let mut file = write(&meta("1.2.840.10008.1.2.1.99"));
        let at = file.len();
        file.extend_from_slice(&[0x02, 0x00, 0x10, 0x00, b'U', b'I', 0xFF, 0xFF]);
        assert_eq!(read(&file).unwrap().1, at);
    }

    #[test]
    fn what_is_no_file_says_so() {
        assert_eq!(read(b"GET / HTTP/1.1\r\n"), Err(Part10Error::NoFileMeta));
        assert_eq!(read(b""), Err(Part10Error::NoFileMeta));
        let file = write(&meta("1.2.840.10008.1.2"));
        let cut = read(file.get(..file.len() - 3).unwrap()).map_err(|error| error.to_string());
        assert_eq!(cut, Err("file meta information ends early at byte 284".to_owned()));
        assert_eq!(read(&write(&meta(""))), Err(Part10Error::NoTransferSyntax));
    }
}
