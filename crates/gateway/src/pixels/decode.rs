//! Whether two frames, coded in different ways, hold the same samples.

use telerad_codec::{Image, Shape, jpeg_2000, jpeg_lossless, jpeg_ls, rle};
use telerad_dicom::frames::{FrameError, PixelDescription};
use telerad_dicom::uids;

/// Why it is not known whether pixels are the same.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unknown {
    #[error("{0}")]
    Codec(#[from] telerad_codec::Error),
    #[error("{0}")]
    Frames(#[from] FrameError),
    #[error("the decoder failed")]
    Panicked,
    #[error("samples of different {0} mean the same only by convention")]
    Representation(&'static str),
    #[error("the pixels of transfer syntax {0} are not read")]
    TransferSyntax(String),
    #[error("there are more pixels than are decoded for a comparison")]
    TooLarge,
    #[error("it would take longer than a sender can wait")]
    TooSlow,
    #[error("the spool cannot be read ({0})")]
    Unreadable(std::io::ErrorKind),
}

impl Unknown {
    pub(super) fn unreadable(error: std::io::Error) -> Self {
        Self::Unreadable(error.kind())
    }
}

/// Whether two images have the same size, and could have the same samples.
pub(super) fn same_shape(one: &PixelDescription, two: &PixelDescription) -> bool {
    (one.rows, one.columns, one.frames, one.samples_per_pixel)
        == (two.rows, two.columns, two.frames, two.samples_per_pixel)
}

/// How the frames of an instance are coded.
#[derive(Debug)]
pub(super) struct Coded {
    coding: Coding,
    description: PixelDescription,
    transfer_syntax_uid: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Coding {
    Jpeg2000,
    JpegLossless,
    JpegLs,
    Native,
    Other,
    Rle,
}

impl Coded {
    pub(super) fn new(transfer_syntax_uid: &str, description: PixelDescription) -> Self {
        let transfer_syntax_uid = transfer_syntax_uid.trim_end_matches(['\0', ' ']).to_owned();
        let coding = match transfer_syntax_uid.as_str() {
            uids::JPEG_2000 | uids::JPEG_2000_LOSSLESS => Coding::Jpeg2000,
            uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => Coding::JpegLossless,
            uids::JPEG_LS_LOSSLESS | uids::JPEG_LS_NEAR_LOSSLESS => Coding::JpegLs,
            uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
            | uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN
            | uids::EXPLICIT_VR_BIG_ENDIAN
            | uids::EXPLICIT_VR_LITTLE_ENDIAN
            | uids::IMPLICIT_VR_LITTLE_ENDIAN => Coding::Native,
            uids::RLE_LOSSLESS => Coding::Rle,
            _ => Coding::Other,
        };
        Self { coding, description, transfer_syntax_uid }
    }

    /// Samples of one frame.
    pub(super) fn samples(&self) -> u64 {
        self.description.samples() as u64
    }

    /// Whether the same bytes are the same frame in both.
    pub(super) fn is_coded_like(&self, other: &Self) -> bool {
        let same_coding = self.transfer_syntax_uid == other.transfer_syntax_uid
            || (self.coding == Coding::Native && other.coding == Coding::Native);
        same_coding && self.description == other.description
    }

    /// Whether two frames hold the same samples.
    pub(super) fn same_frame(
        &self,
        mine: &[u8],
        other: &Self,
        theirs: &[u8],
    ) -> Result<bool, Unknown> {
        let (one, two) = (&self.description, &other.description);
        if one.is_signed != two.is_signed {
            return Err(Unknown::Representation("pixel representation"));
        }
        if one.bits_stored != two.bits_stored {
            return Err(Unknown::Representation("bits stored"));
        }
        if self.colour() != other.colour() {
            return Err(Unknown::Representation("photometric interpretation"));
        }
        Ok(self.decode(mine)? == other.decode(theirs)?)
    }

    /// The photometric interpretation of the decoded samples.
    fn colour(&self) -> &str {
        match (self.coding, self.description.photometric_interpretation.as_str()) {
            // Transformations of JPEG 2000 itself, which its decoder undoes (PS3.5 section 8.2.4).
            (Coding::Jpeg2000, "YBR_ICT" | "YBR_RCT") => "RGB",
            (_, interpretation) => interpretation,
        }
    }

    fn decode(&self, frame: &[u8]) -> Result<Vec<u16>, Unknown> {
        let description = &self.description;
        let components = u8::try_from(description.samples_per_pixel);
        let shape = Shape {
            components: components.map_err(|_| FrameError::Layout)?,
            height: u32::from(description.rows),
            width: u32::from(description.columns),
        };
        let image = match self.coding {
            Coding::Native => return Ok(description.native_samples(native(frame, description))?),
            Coding::Jpeg2000 => jpeg_2000::decode(frame, shape)?,
            Coding::JpegLossless => jpeg_lossless::decode(frame, shape)?,
            Coding::JpegLs => jpeg_ls::decode(frame, shape)?,
            Coding::Rle => match description.bits_allocated {
                8 => rle::decode(frame, shape, 1)?,
                16 => rle::decode(frame, shape, 2)?,
                _ => return Err(FrameError::Layout.into()),
            },
            Coding::Other => {
                return Err(Unknown::TransferSyntax(self.transfer_syntax_uid.clone()));
            }
        };
        let Image { bits, is_signed, mut samples } = image;
        if is_signed && !description.is_signed {
            return Err(Unknown::Representation("pixel representation"));
        }
        description.keep_stored_bits(&mut samples, bits)?;
        Ok(samples)
    }
}

/// A native frame without the byte that makes an encapsulated one even.
fn native<'a>(frame: &'a [u8], description: &PixelDescription) -> &'a [u8] {
    match (description.native_frame_bytes(), frame) {
        (Some(length), [image @ .., 0]) if length % 2 == 1 && image.len() == length => image,
        _ => frame,
    }
}
