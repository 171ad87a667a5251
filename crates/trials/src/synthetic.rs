//! Made-up instances, encoded here in explicit little endian (PS3.5 section 7.1.2).

use bytes::Bytes;

use crate::messages::Order;
use crate::random::Random;

/// CT Image Storage.
pub const CT_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
/// Ultrasound Multi-frame Image Storage.
pub const US_MULTIFRAME_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.3.1";
/// Explicit VR Little Endian.
pub const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";

/// An instance as it travels: without a file's head.
#[derive(Clone, Debug)]
pub struct Instance {
    /// (0008,0016)
    pub sop_class_uid: &'static str,
    /// (0008,0018)
    pub sop_instance_uid: String,
    /// Everything after the command set.
    pub data_set: Bytes,
}

impl Instance {
    /// A CT slice of `order` with pseudo-random pixels; `pixels` in bytes, even.
    pub fn ct(order: &Order, sop_instance_uid: &str, pixels: usize, seed: u64) -> Self {
        let mut bytes = head(order, CT_IMAGE_STORAGE, sop_instance_uid, "CT", 1);
        let mut random = Random::new(seed);
        let mut value = Vec::with_capacity(pixels);
        while value.len() < pixels {
            value.extend_from_slice(&random.next().to_le_bytes());
        }
        value.truncate(pixels);
        long_element(&mut bytes, (0x7FE0, 0x0010), "OW", pixels);
        bytes.extend_from_slice(&value);
        Self {
            sop_class_uid: CT_IMAGE_STORAGE,
            sop_instance_uid: sop_instance_uid.to_owned(),
            data_set: bytes.into(),
        }
    }

    /// The same image in other bytes: with Data Set Trailing Padding (FFFC,FFFC) at its end (PS3.10 section 7.2).
    #[must_use]
    pub fn padded(&self) -> Self {
        let mut bytes = self.data_set.to_vec();
        long_element(&mut bytes, (0xFFFC, 0xFFFC), "OB", 2);
        bytes.extend_from_slice(&[0, 0]);
        Self { data_set: bytes.into(), ..self.clone() }
    }

    /// What identifies the bytes.
    pub fn digest(&self) -> blake3::Hash {
        blake3::hash(&self.data_set)
    }
}

/// Everything of an instance before the pixels, and the header of (7FE0,0010) for `pixels` bytes.
pub fn multiframe_head(order: &Order, sop_instance_uid: &str, pixels: usize) -> Vec<u8> {
    let mut bytes =
        head(order, US_MULTIFRAME_STORAGE, sop_instance_uid, "US", pixels / (512 * 512));
    long_element(&mut bytes, (0x7FE0, 0x0010), "OW", pixels);
    bytes
}

fn head(order: &Order, class: &str, instance: &str, modality: &str, frames: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let name = format!("{}^ANNA", order.family_name);
    let series = format!("{}.1", order.study_instance_uid);
    element(&mut bytes, (0x0008, 0x0016), "UI", class);
    element(&mut bytes, (0x0008, 0x0018), "UI", instance);
    element(&mut bytes, (0x0008, 0x0020), "DA", "20260105");
    element(&mut bytes, (0x0008, 0x0030), "TM", "101500");
    element(&mut bytes, (0x0008, 0x0050), "SH", &order.accession);
    element(&mut bytes, (0x0008, 0x0060), "CS", modality);
    element(&mut bytes, (0x0010, 0x0010), "PN", &name);
    element(&mut bytes, (0x0010, 0x0020), "LO", &order.patient_id);
    element(&mut bytes, (0x0010, 0x0030), "DA", "19700203");
    element(&mut bytes, (0x0010, 0x0040), "CS", "F");
    element(&mut bytes, (0x0020, 0x000D), "UI", &order.study_instance_uid);
    element(&mut bytes, (0x0020, 0x000E), "UI", &series);
    element(&mut bytes, (0x0020, 0x0013), "IS", "1");
    number(&mut bytes, (0x0028, 0x0002), 1);
    element(&mut bytes, (0x0028, 0x0004), "CS", "MONOCHROME2");
    if frames > 1 {
        element(&mut bytes, (0x0028, 0x0008), "IS", &frames.to_string());
    }
    for (tag, value) in [(0x0010, 512), (0x0011, 512), (0x0100, 8), (0x0101, 8), (0x0102, 7)] {
        number(&mut bytes, (0x0028, tag), value);
    }
    number(&mut bytes, (0x0028, 0x0103), 0);
    bytes
}

fn tag(bytes: &mut Vec<u8>, tag: (u16, u16)) {
    bytes.extend_from_slice(&tag.0.to_le_bytes());
    bytes.extend_from_slice(&tag.1.to_le_bytes());
}

fn element(bytes: &mut Vec<u8>, at: (u16, u16), vr: &str, text: &str) {
    tag(bytes, at);
    bytes.extend_from_slice(vr.as_bytes());
    let padding = text.len() % 2;
    let length = u16::try_from(text.len() + padding).expect("a short value");
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    if padding == 1 {
        bytes.push(if vr == "UI" { 0 } else { b' ' });
    }
}

fn number(bytes: &mut Vec<u8>, at: (u16, u16), value: u16) {
    tag(bytes, at);
    bytes.extend_from_slice(b"US\x02\x00");
    bytes.extend_from_slice(&value.to_le_bytes());
}

fn long_element(bytes: &mut Vec<u8>, at: (u16, u16), vr: &str, length: usize) {
    tag(bytes, at);
    bytes.extend_from_slice(vr.as_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&u32::try_from(length).expect("at most 4 GiB").to_le_bytes());
}
