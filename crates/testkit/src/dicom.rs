//! DICOM files: real ones, and synthetic ones of any size.

use bytes::Bytes;

mod encode;
mod instance;

pub use instance::{Instance, Syntax};

/// A real file, with the facts that tests select by. Origin and licence stand beside the files, in
/// `testdata/dicom/README.md`.
#[derive(Clone, Debug)]
pub struct Sample {
    /// File name.
    pub name: &'static str,
    /// Modality (0008,0060); empty when the file has none.
    pub modality: &'static str,
    /// Transfer Syntax UID (0002,0010).
    pub transfer_syntax_uid: &'static str,
    /// SOP Class UID (0008,0016).
    pub sop_class_uid: &'static str,
    /// SOP Instance UID (0008,0018). Some files are one instance in several transfer syntaxes.
    pub sop_instance_uid: &'static str,
    /// The whole file, preamble included.
    pub bytes: Bytes,
}

/// Every real file.
pub fn files() -> Vec<Sample> {
    SAMPLES.iter().map(Shipped::sample).collect()
}

/// The real file of this name.
pub fn file(name: &str) -> Option<Sample> {
    SAMPLES.iter().find(|shipped| shipped.0 == name).map(Shipped::sample)
}

/// Name, modality, transfer syntax, SOP class, SOP instance, content.
struct Shipped(&'static str, &'static str, &'static str, &'static str, &'static str, &'static [u8]);

impl Shipped {
    fn sample(&self) -> Sample {
        let Self(name, modality, transfer_syntax_uid, sop_class_uid, sop_instance_uid, bytes) =
            *self;
        let bytes = Bytes::from_static(bytes);
        Sample { name, modality, transfer_syntax_uid, sop_class_uid, sop_instance_uid, bytes }
    }
}

macro_rules! shipped {
    ($($name:literal $modality:literal $syntax:literal $class:literal $instance:literal)*) => {
        &[$(Shipped(
            $name, $modality, $syntax, $class, $instance,
            include_bytes!(concat!("../testdata/dicom/", $name)),
        )),*]
    };
}

#[rustfmt::skip]
const SAMPLES: &[Shipped] = shipped! {
    "cr_japanese_extensions.dcm" "CR" "1.2.840.10008.1.2.1"
        "1.2.840.10008.5.1.4.1.1.1" "1.3.51.0.7.11267079384.54094.16836.47802.41082.29308.17462"
    "cr_jpeg_2000.dcm" "CR" "1.2.840.10008.1.2.4.91"
        "1.2.840.10008.5.1.4.1.1.1" "1.3.6.1.4.1.5962.1.1.11.1.3.20040826185059.5457"
    "ct_explicit.dcm" "CT" "1.2.840.10008.1.2.1"
        "1.2.840.10008.5.1.4.1.1.2" "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
    "mr_big_endian.dcm" "MR" "1.2.840.10008.1.2.2"
        "1.2.840.10008.5.1.4.1.1.4" "1.3.6.1.4.1.5962.1.1.4.1.1.20040826185059.5457"
    "mr_enhanced.dcm" "MR" "1.2.840.10008.1.2.1"
        "1.2.840.10008.5.1.4.1.1.4.1" "1.2.826.0.1.3680043.2.1143.6455556726214900995651753669640998622"
    "mr_explicit.dcm" "MR" "1.2.840.10008.1.2.1"
        "1.2.840.10008.5.1.4.1.1.4" "1.3.6.1.4.1.5962.1.1.4.1.1.20040826185059.5457"
    "mr_implicit.dcm" "MR" "1.2.840.10008.1.2"
        "1.2.840.10008.5.1.4.1.1.4" "1.3.6.1.4.1.5962.1.1.4.1.1.20040826185059.5457"
    "mr_jpeg_2000_lossless.dcm" "MR" "1.2.840.10008.1.2.4.90"
        "1.2.840.10008.5.1.4.1.1.4" "1.3.6.1.4.1.5962.1.1.4.1.1.20040826185059.5457"
    "mr_jpeg_ls_lossless.dcm" "MR" "1.2.840.10008.1.2.4.80"
        "1.2.840.10008.5.1.4.1.1.4" "1.3.6.1.4.1.5962.1.1.4.1.1.20040826185059.5457"
    "mr_rle.dcm" "MR" "1.2.840.10008.1.2.5"
        "1.2.840.10008.5.1.4.1.1.4" "1.3.6.1.4.1.5962.1.1.4.1.1.20040826185059.5457"
    "nm_jpeg_extended.dcm" "NM" "1.2.840.10008.1.2.4.51"
        "1.2.840.10008.5.1.4.1.1.7" "1.3.6.1.4.1.5962.1.1.8.1.5.20040826185059.5457"
    "nm_jpeg_lossless.dcm" "NM" "1.2.840.10008.1.2.4.70"
        "1.2.840.10008.5.1.4.1.1.7" "1.3.6.1.4.1.5962.1.1.8.1.4.20040826185059.5457"
    "ot_deflated.dcm" "OT" "1.2.840.10008.1.2.1.99"
        "1.2.840.10008.5.1.4.1.1.7" "1.3.6.1.4.1.5962.1.1.0.0.0.977067309.6001.0"
    "ot_gb18030.dcm" "OT" "1.2.840.10008.1.2.1"
        "1.2.840.10008.5.1.4.1.1.7" "1.3.6.1.4.1.5962.1.1.0.1.1.1175775771.5714.0"
    "ot_greek.dcm" "OT" "1.2.840.10008.1.2.1"
        "1.2.840.10008.5.1.4.1.1.7" "1.3.6.1.4.1.5962.1.1.0.1.1.1175775772.5717.0"
    "ot_utf8.dcm" "OT" "1.2.840.10008.1.2.1"
        "1.2.840.10008.5.1.4.1.1.7" "1.3.6.1.4.1.5962.1.1.0.1.1.1175775771.5711.0"
    "rtplan_implicit.dcm" "RTPLAN" "1.2.840.10008.1.2"
        "1.2.840.10008.5.1.4.1.1.481.5" "1.2.777.777.77.7.7777.7777.20030903150023"
    "sc_jpeg_baseline.dcm" "OT" "1.2.840.10008.1.2.4.50"
        "1.2.840.10008.5.1.4.1.1.7" "1.2.276.0.7230010.3.1.4.8323329.5805.1512159514.457936"
    "sc_jpeg_ls_near_lossless.dcm" "" "1.2.840.10008.1.2.4.81"
        "1.2.840.10008.5.1.4.1.1.7" "1.2.826.0.1.3680043.8.498.83170309094709282338053441269889264103"
    "sr_basic_text.dcm" "SR" "1.2.840.10008.1.2.1"
        "1.2.840.10008.5.1.4.1.1.88.11" "1.2.276.0.7230010.3.1.4.1787205428.166.1117461927.10"
    "sr_comprehensive.dcm" "SR" "1.2.840.10008.1.2.1"
        "1.2.840.10008.5.1.4.1.1.88.33" "1.2.276.0.7230010.3.1.4.2139363186.7819.982086466.4"
    "us_big_endian.dcm" "US" "1.2.840.10008.1.2.2"
        "1.2.840.10008.5.1.4.1.1.6.1" "1.2.840.1136190195280574824680000700.3.0.1.19970424140438"
    "us_explicit.dcm" "US" "1.2.840.10008.1.2.1"
        "1.2.840.10008.5.1.4.1.1.6" "999.999.2.19941105.112000.2.107"
    "us_multiframe_jpeg.dcm" "US" "1.2.840.10008.1.2.4.50"
        "1.2.840.10008.5.1.4.1.1.3.1" "1.2.840.114340.3.8251017118051.3.20160503.121539.16117.4"
    "us_multiframe_rle.dcm" "US" "1.2.840.10008.1.2.5"
        "1.2.840.10008.5.1.4.1.1.3.1" "1.3.46.670589.14.1000.210.2.199999.20110525185628.1.0"
};

#[cfg(test)]
mod tests;
