//! Fuzz bodies: each takes any bytes and panics where a promise is broken.
//!
//! They are plain functions, so that the pipeline runs them on stable Rust (`quick`) and libFuzzer runs the
//! same ones for hours. A crate that reads bytes from outside has a module here, and every body a line in
//! [`BODIES`] and a folder in `corpus/`.

pub mod codec;
pub mod dicom;
pub mod dimse;
pub mod frames;
pub mod hl7;

/// A body: any bytes, no result.
pub type Body = fn(&[u8]);

/// Every body by the name of its corpus folder and of its libFuzzer target.
pub const BODIES: &[(&str, Body)] = &[
    ("association_script", dimse::association_script),
    ("dataset_decode", dicom::dataset_decode),
    ("dataset_frames", frames::dataset_frames),
    ("dataset_head", dicom::dataset_head),
    ("dimse_command", dimse::dimse_command),
    ("hl7_batch", hl7::hl7_batch),
    ("hl7_escape", hl7::hl7_escape),
    ("hl7_message", hl7::hl7_message),
    ("hl7_reading", hl7::hl7_reading),
    ("jpeg_2000", codec::jpeg_2000),
    ("jpeg_lossless", codec::jpeg_lossless),
    ("jpeg_ls", codec::jpeg_ls),
    ("mllp_stream", hl7::mllp_stream),
    ("part10_file", dicom::part10_file),
    ("pdu", dimse::pdu),
    ("rle", codec::rle),
];
