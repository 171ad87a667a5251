//! Image codecs on slices: decoders of RLE, JPEG Lossless, JPEG-LS and JPEG 2000, in safe Rust.
//!
//! They are made to tell whether two codings hold the same samples, so they are strict: a stream that ends early, has
//! another shape than the caller expects or uses what is not read here is an error, never a best guess. There are no
//! DICOM types here, and no encoder.
//!
//! ```
//! use telerad_codec::{Shape, rle};
//!
//! // One segment, "three times 7, then 8".
//! let mut coded = [1_u32, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].map(u32::to_le_bytes).concat();
//! coded.extend([0xFE, 7, 0, 8]);
//! let image = rle::decode(&coded, Shape { width: 2, height: 2, components: 1 }, 1)?;
//! assert_eq!(image.samples, [7, 7, 7, 8]);
//! # Ok::<(), telerad_codec::Error>(())
//! ```
//!
//! # Limits
//! The caller says how large the image is and bounds it; a stream that says otherwise is refused before anything is
//! allocated by it. Memory is a small multiple of the samples and of the coded bytes; time is bounded by both. No input
//! makes this crate panic.
//!
//! # The standard
//! PS3.5 annex G (RLE), ITU-T T.81 annex H (JPEG Lossless), T.87 (JPEG-LS), T.800 (JPEG 2000, part 1).

#![warn(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used
)]

pub mod jpeg_2000;
pub mod jpeg_lossless;
pub mod jpeg_ls;
pub mod rle;

mod marker;

/// The shape an image must have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shape {
    /// Samples per pixel, 1 to 4.
    pub components: u8,
    /// Lines.
    pub height: u32,
    /// Samples per line and component.
    pub width: u32,
}

/// A decoded image.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Image {
    /// Bits per sample that the stream declares, at most 16.
    pub bits: u16,
    /// Whether the stream declares its samples as signed. They are in two's complement of `bits` bits then.
    pub is_signed: bool,
    /// The samples, line by line, the components of each pixel together.
    pub samples: Vec<u16>,
}

/// Why an image cannot be decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The stream ends before the image does.
    #[error("coded image ends early")]
    EndsEarly,
    /// The stream breaks the rules of its coding.
    #[error("coded image is damaged: {0}")]
    Invalid(&'static str),
    /// The image has another size or other components than expected.
    #[error("coded image has another shape than expected")]
    Shape,
    /// Something the standard allows and this decoder does not read.
    #[error("not supported in a coded image: {0}")]
    Unsupported(&'static str),
}

impl Shape {
    fn pixels(self) -> usize {
        let side = |side: u32| usize::try_from(side).unwrap_or(usize::MAX);
        side(self.width).saturating_mul(side(self.height))
    }

    fn samples(self) -> usize {
        self.pixels().saturating_mul(usize::from(self.components))
    }
}
