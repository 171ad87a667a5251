//! The same instance in another transfer syntax, made by programs of others.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;

use crate::synthetic::{EXPLICIT_LITTLE, Instance};
use crate::{debian, part10, tool};

/// How a twin is coded: what it is called, and the program and options that make it.
#[derive(Clone, Copy, Debug)]
pub struct Coding {
    /// In plain words.
    pub name: &'static str,
    program: &'static str,
    options: &'static [&'static str],
    transfer_syntax_uid: &'static str,
}

const fn coding(
    name: &'static str,
    program: &'static str,
    options: &'static [&'static str],
    transfer_syntax_uid: &'static str,
) -> Coding {
    Coding { name, program, options, transfer_syntax_uid }
}

/// JPEG 2000 without loss, by GDCM.
pub const JPEG_2000: Coding = coding("JPEG 2000", "gdcmconv", &["--j2k"], "1.2.840.10008.1.2.4.90");
/// Every coding there is a twin in.
pub const CODINGS: [Coding; 8] = [
    JPEG_2000,
    coding("RLE", "dcmcrle", &[], "1.2.840.10008.1.2.5"),
    coding("JPEG Lossless, first-order", "dcmcjpeg", &["+e1"], "1.2.840.10008.1.2.4.70"),
    coding("JPEG Lossless", "dcmcjpeg", &["+el", "+sv", "6"], "1.2.840.10008.1.2.4.57"),
    coding("JPEG-LS", "dcmcjpls", &[], "1.2.840.10008.1.2.4.80"),
    coding("big endian", "dcmconv", &["+tb"], "1.2.840.10008.1.2.2"),
    coding("implicit VR", "dcmconv", &["+ti"], "1.2.840.10008.1.2"),
    coding("deflated", "dcmconv", &["+td"], "1.2.840.10008.1.2.1.99"),
];
/// JPEG with loss, by DCMTK.
pub const LOSSY_JPEG: Coding =
    coding("JPEG with loss", "dcmcjpeg", &["+eb", "+un"], "1.2.840.10008.1.2.4.50");

/// The transfer syntaxes of all twins.
pub fn transfer_syntaxes() -> impl Iterator<Item = &'static str> {
    CODINGS.iter().chain([&LOSSY_JPEG]).map(|coding| coding.transfer_syntax_uid)
}

/// A data set and its transfer syntax.
#[derive(Clone, Debug)]
pub struct Twin {
    /// What the presentation context must be of.
    pub transfer_syntax_uid: String,
    /// The instance with its data set.
    pub instance: Instance,
}

/// Installs the programs that make twins.
///
/// # Errors
/// When one is missing afterwards.
pub fn install() -> Result<()> {
    debian::install(&[("dcmconv", "dcmtk"), ("gdcmconv", "libgdcm-tools")])
}

/// Codes an instance otherwise.
///
/// # Errors
/// When the program fails, or makes another transfer syntax or another instance of it.
pub fn make(folder: &Path, instance: &Instance, coding: Coding) -> Result<Twin> {
    let (from, to) = (folder.join("from.dcm"), folder.join("to.dcm"));
    std::fs::write(&from, file(instance))?;
    let mut words: Vec<&str> = coding.options.to_vec();
    let (from, to) = (from.to_string_lossy(), to.to_string_lossy());
    words.extend([from.as_ref(), to.as_ref()]);
    let ended = tool::run(coding.program, &words, Duration::from_secs(60))?;
    if !ended.success {
        bail!("{}: {}", coding.program, tool::last_line(&ended.output));
    }
    let coded = std::fs::read(to.as_ref())?;
    let head = part10::read(&coded)?;
    if head.transfer_syntax_uid != coding.transfer_syntax_uid
        || head.sop_instance_uid != instance.sop_instance_uid
    {
        bail!("{} made {} in {}", coding.program, head.sop_instance_uid, head.transfer_syntax_uid);
    }
    let data_set = Bytes::from(coded).slice(head.data_set..);
    let instance = Instance { data_set, ..instance.clone() };
    Ok(Twin { transfer_syntax_uid: head.transfer_syntax_uid, instance })
}

/// A DICOM file (PS3.10 section 7.1) of an instance in explicit little endian.
fn file(instance: &Instance) -> Vec<u8> {
    let mut meta = b"\x02\x00\x01\x00OB\0\0\x02\0\0\0\0\x01".to_vec();
    for (element, value) in [
        (0x02, instance.sop_class_uid),
        (0x03, &instance.sop_instance_uid),
        (0x10, EXPLICIT_LITTLE),
        (0x12, "2.25.3141592653589793"),
    ] {
        let padded = value.len().next_multiple_of(2);
        meta.extend([2, 0, element, 0, b'U', b'I']);
        meta.extend(u16::try_from(padded).expect("a short identifier").to_le_bytes());
        meta.extend(value.as_bytes());
        meta.resize(meta.len() + padded - value.len(), 0);
    }
    let mut file = vec![0; 128];
    file.extend(b"DICM\x02\x00\x00\x00UL\x04\x00");
    file.extend(u32::try_from(meta.len()).expect("a short head").to_le_bytes());
    file.extend(meta);
    file.extend_from_slice(&instance.data_set);
    file
}
