//! What says how to read the pixels of an instance.

use std::collections::BTreeMap;

use super::{FrameError, FrameLimits};
use crate::{Tag, tags};

/// The attributes that say how pixels are coded, where they lie and what they mean, as sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PixelAttributes {
    big_endian: bool,
    values: BTreeMap<Tag, Vec<u8>>,
}

/// How the pixels of an instance are coded (PS3.3 section C.7.6.3), checked against limits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PixelDescription {
    /// Bits Allocated (0028,0100).
    pub bits_allocated: u16,
    /// Bits Stored (0028,0101).
    pub bits_stored: u16,
    /// Columns (0028,0011).
    pub columns: u16,
    /// Number of Frames (0028,0008); 1 when absent.
    pub frames: u32,
    /// High Bit (0028,0102).
    pub high_bit: u16,
    /// Whether colour comes by plane instead of by pixel: Planar Configuration (0028,0006).
    pub is_by_plane: bool,
    /// Pixel Representation (0028,0103): whether samples are in two's complement.
    pub is_signed: bool,
    /// Photometric Interpretation (0028,0004), without padding.
    pub photometric_interpretation: String,
    /// Rows (0028,0010).
    pub rows: u16,
    /// Samples per Pixel (0028,0002).
    pub samples_per_pixel: u16,
}

impl PixelAttributes {
    pub(super) fn new(big_endian: bool) -> Self {
        Self { big_endian, values: BTreeMap::new() }
    }

    pub(super) fn wants(tag: Tag) -> bool {
        CODING.contains(&tag) || MEANING.contains(&tag)
    }

    /// Keeps a value; `false` when another one was kept under the tag.
    pub(super) fn keep(&mut self, tag: Tag, value: Vec<u8>) -> bool {
        match self.values.insert(tag, value) {
            None => true,
            Some(before) => self.values.get(&tag) == Some(&before),
        }
    }

    /// Tags of attributes in which two images lie elsewhere, are scaled otherwise or show another side, although their
    /// samples may be the same. Numbers are compared as numbers, since one device writes `1` where another writes `1.0`.
    pub fn differences_in_meaning(&self, other: &Self) -> Vec<Tag> {
        let differs = |tag: &&Tag| match (self.text(**tag), other.text(**tag)) {
            (Some(one), Some(two)) => !same_values(&one, &two),
            (one, two) => one.unwrap_or_default() != two.unwrap_or_default(),
        };
        MEANING.iter().filter(differs).copied().collect()
    }

    /// Reads how the pixels are coded.
    ///
    /// # Errors
    /// [`FrameError::Attribute`] when an attribute is missing or contradicts another one, [`FrameError::TooLarge`]
    /// beyond a limit.
    pub fn describe(&self, limits: &FrameLimits) -> Result<PixelDescription, FrameError> {
        let described = PixelDescription {
            bits_allocated: self.required(tags::BITS_ALLOCATED)?,
            bits_stored: self.required(tags::BITS_STORED)?,
            columns: self.required(tags::COLUMNS)?,
            frames: self.frames()?,
            high_bit: self.required(tags::HIGH_BIT)?,
            is_by_plane: self.flag(PLANAR_CONFIGURATION, Some(0))?,
            is_signed: self.flag(tags::PIXEL_REPRESENTATION, None)?,
            photometric_interpretation: self
                .text(tags::PHOTOMETRIC_INTERPRETATION)
                .ok_or(FrameError::Attribute(tags::PHOTOMETRIC_INTERPRETATION))?,
            rows: self.required(tags::ROWS)?,
            samples_per_pixel: self.required(tags::SAMPLES_PER_PIXEL)?,
        };
        let (allocated, stored) = (described.bits_allocated, described.bits_stored);
        for (tag, valid) in [
            (tags::ROWS, described.rows > 0),
            (tags::COLUMNS, described.columns > 0),
            (tags::SAMPLES_PER_PIXEL, (1..=4).contains(&described.samples_per_pixel)),
            (tags::BITS_ALLOCATED, allocated == 1 || (allocated % 8 == 0 && allocated <= 64)),
            (tags::BITS_STORED, (1..=allocated).contains(&stored)),
            (tags::HIGH_BIT, described.high_bit < allocated),
        ] {
            if !valid {
                return Err(FrameError::Attribute(tag));
            }
        }
        if described.frames > limits.frames_max || described.samples() > limits.samples_max {
            return Err(FrameError::TooLarge);
        }
        Ok(described)
    }

    fn frames(&self) -> Result<u32, FrameError> {
        let error = FrameError::Attribute(tags::NUMBER_OF_FRAMES);
        match self.text(tags::NUMBER_OF_FRAMES).as_deref() {
            None | Some("") => Ok(1),
            Some(text) => text.parse().ok().filter(|frames| *frames > 0).ok_or(error),
        }
    }

    fn flag(&self, tag: Tag, absent: Option<u16>) -> Result<bool, FrameError> {
        match self.number(tag).or(absent) {
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            _ => Err(FrameError::Attribute(tag)),
        }
    }

    fn required(&self, tag: Tag) -> Result<u16, FrameError> {
        self.number(tag).ok_or(FrameError::Attribute(tag))
    }

    fn number(&self, tag: Tag) -> Option<u16> {
        let value = <[u8; 2]>::try_from(self.values.get(&tag)?.as_slice()).ok()?;
        Some(if self.big_endian { u16::from_be_bytes(value) } else { u16::from_le_bytes(value) })
    }

    /// A value as text without padding; `None` when absent or not ASCII.
    fn text(&self, tag: Tag) -> Option<String> {
        let text = std::str::from_utf8(self.values.get(&tag)?).ok()?;
        Some(text.trim_matches([' ', '\0']).to_owned())
    }
}

impl PixelDescription {
    /// Samples of one frame: rows × columns × samples per pixel.
    pub fn samples(&self) -> usize {
        let pixels = usize::from(self.rows).saturating_mul(usize::from(self.columns));
        pixels.saturating_mul(usize::from(self.samples_per_pixel))
    }

    /// The samples of a native frame in little endian byte order, colour by pixel, as the lowest Bits Stored bits of
    /// each.
    ///
    /// # Errors
    /// [`FrameError::Layout`] where samples are not 8 or 16 bits wide, do not end at the lowest bit, share pixels
    /// (`YBR_FULL_422`), or have something else than their sign above them, such as an overlay, and
    /// [`FrameError::Length`] when the frame has another length.
    pub fn native_samples(&self, frame: &[u8]) -> Result<Vec<u16>, FrameError> {
        if self.native_frame_bytes() != Some(frame.len()) {
            return Err(FrameError::Length);
        }
        if !matches!(self.bits_allocated, 8 | 16) || self.is_subsampled() {
            return Err(FrameError::Layout);
        }
        let mut samples = Vec::with_capacity(self.samples());
        if self.bits_allocated == 8 {
            samples.extend(frame.iter().map(|byte| u16::from(*byte)));
        } else {
            samples.extend(frame.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)));
        }
        self.keep_stored_bits(&mut samples, self.bits_allocated)?;
        if self.is_by_plane && self.samples_per_pixel > 1 {
            samples = by_pixel(&samples, usize::from(self.samples_per_pixel));
        }
        Ok(samples)
    }

    /// Cuts samples of `bits` bits down to Bits Stored.
    ///
    /// # Errors
    /// [`FrameError::Layout`] where a sample does not end at the lowest bit, or where bits above Bits Stored are
    /// neither zero nor copies of the sign.
    pub fn keep_stored_bits(&self, samples: &mut [u16], bits: u16) -> Result<(), FrameError> {
        let stored = self.bits_stored;
        let (Some(mask), Some(filled)) = (ones(stored), ones(bits)) else {
            return Err(FrameError::Layout);
        };
        let aligned = self.high_bit.checked_add(1) == Some(stored);
        if !aligned || (self.is_signed && bits < stored) {
            return Err(FrameError::Layout);
        }
        let sign = mask ^ (mask >> 1);
        for sample in samples {
            let above = *sample & !mask;
            let negative = self.is_signed && *sample & sign != 0;
            if above != 0 && !(negative && above == filled & !mask) {
                return Err(FrameError::Layout);
            }
            *sample &= mask;
        }
        Ok(())
    }

    /// Bytes of a native frame (PS3.5 section 8.1.1); `None` where frames share bytes.
    pub fn native_frame_bytes(&self) -> Option<usize> {
        let bits = self.samples().checked_mul(usize::from(self.bits_allocated))?;
        // Two pixels share their colour (PS3.3 section C.7.6.3.1.2).
        let bits = if self.is_subsampled() { bits.checked_mul(2)? / 3 } else { bits };
        (bits % 8 == 0).then_some(bits / 8)
    }

    fn is_subsampled(&self) -> bool {
        matches!(self.photometric_interpretation.as_str(), "YBR_FULL_422" | "YBR_PARTIAL_422")
            && self.samples_per_pixel == 3
    }
}

/// The lowest `count` bits; `None` beyond 16.
fn ones(count: u16) -> Option<u16> {
    match count {
        16 => Some(u16::MAX),
        _ => 1_u16.checked_shl(u32::from(count)).map(|bit| bit.wrapping_sub(1)),
    }
}

fn by_pixel(samples: &[u16], planes: usize) -> Vec<u16> {
    let plane = samples.len() / planes.max(1);
    let mut pixels = Vec::with_capacity(samples.len());
    for at in 0..plane {
        let of_pixel = samples.get(at..).unwrap_or(&[]).iter().step_by(plane.max(1));
        pixels.extend(of_pixel.take(planes).copied());
    }
    pixels
}

/// Whether two values, or lists of values separated by `\`, say the same.
fn same_values(one: &str, two: &str) -> bool {
    let same = |(a, b): (&str, &str)| {
        let (a, b) = (a.trim(), b.trim());
        a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
    };
    one.split('\\').count() == two.split('\\').count()
        && one.split('\\').zip(two.split('\\')).all(same)
}

const PLANAR_CONFIGURATION: Tag = Tag(0x0028, 0x0006);

/// How pixels are coded.
const CODING: [Tag; 10] = [
    tags::SAMPLES_PER_PIXEL,
    tags::PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    tags::NUMBER_OF_FRAMES,
    tags::ROWS,
    tags::COLUMNS,
    tags::BITS_ALLOCATED,
    tags::BITS_STORED,
    tags::HIGH_BIT,
    tags::PIXEL_REPRESENTATION,
];

/// Where pixels lie, which side of the body they show and what their values mean: patient position, image position and
/// orientation, laterality, patient orientation, pixel spacing (imager, detector), rescale intercept, slope and type.
const MEANING: [Tag; 11] = [
    Tag(0x0018, 0x1164),
    Tag(0x0018, 0x5100),
    Tag(0x0020, 0x0020),
    tags::IMAGE_POSITION_PATIENT,
    tags::IMAGE_ORIENTATION_PATIENT,
    Tag(0x0020, 0x0060),
    Tag(0x0020, 0x0062),
    Tag(0x0028, 0x0030),
    Tag(0x0028, 0x1052),
    Tag(0x0028, 0x1053),
    Tag(0x0028, 0x1054),
];
