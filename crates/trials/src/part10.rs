//! Where the data set of a DICOM file begins: written apart from the library that is on trial.

use anyhow::{Context, Result, bail};

/// What the file meta information says, and where it ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Head {
    /// (0002,0002)
    pub sop_class_uid: String,
    /// (0002,0003)
    pub sop_instance_uid: String,
    /// (0002,0010)
    pub transfer_syntax_uid: String,
    /// Offset of the first byte of the data set.
    pub data_set: usize,
}

/// Reads the group 2 elements (PS3.10 section 7.1), which are always explicit little endian.
///
/// # Errors
/// No preamble, or an element that runs past the end.
pub fn read(file: &[u8]) -> Result<Head> {
    if file.get(128..132) != Some(b"DICM") {
        bail!("no DICM prefix");
    }
    let mut head = Head {
        sop_class_uid: String::new(),
        sop_instance_uid: String::new(),
        transfer_syntax_uid: String::new(),
        data_set: 132,
    };
    let mut end = None;
    while end.is_none_or(|end| head.data_set < end) {
        let at = head.data_set;
        let Some(element) = file.get(at..at + 8) else { break };
        if element[..2] != [2, 0] {
            break;
        }
        let is_long = matches!(&element[4..6], b"OB" | b"OW" | b"UN" | b"UT" | b"SQ");
        let (length, value) = if is_long {
            let length = file.get(at + 8..at + 12).context("cut in the file meta information")?;
            (u32::from_le_bytes(length.try_into()?) as usize, at + 12)
        } else {
            (usize::from(u16::from_le_bytes(element[6..8].try_into()?)), at + 8)
        };
        let bytes = file.get(value..value + length).context("cut in the file meta information")?;
        let text = || String::from_utf8_lossy(bytes).trim_end_matches(['\0', ' ']).to_owned();
        match u16::from_le_bytes([element[2], element[3]]) {
            0x0000 if length == 4 => {
                end = Some(value + 4 + u32::from_le_bytes(bytes.try_into()?) as usize);
            }
            0x0002 => head.sop_class_uid = text(),
            0x0003 => head.sop_instance_uid = text(),
            0x0010 => head.transfer_syntax_uid = text(),
            _ => {}
        }
        head.data_set = value + length;
    }
    Ok(head)
}
