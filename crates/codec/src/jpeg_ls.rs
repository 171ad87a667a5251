//! JPEG-LS, lossless and near-lossless (T.87).

use crate::marker::{EOI, Fields, Markers, SOI, SOS};
use crate::{Error, Image, Shape};

mod scan;

/// Decodes one image.
///
/// # Errors
/// When it is no JPEG-LS stream of this shape. Subsampled components, mapping tables and restart markers are not
/// supported.
pub fn decode(coded: &[u8], shape: Shape) -> Result<Image, Error> {
    let mut markers = Markers::begin(coded, SOI)?;
    let mut frame = None;
    let mut preset = Preset::default();
    let mut decoded = vec![false; usize::from(shape.components)];
    let mut samples = Vec::new();
    loop {
        match markers.next()? {
            SOF_LS => {
                if frame.replace(Frame::read(markers.parameters()?, shape)?).is_some() {
                    return Err(Error::Invalid("second frame header"));
                }
                samples = vec![0; shape.samples()];
            }
            LSE => preset = Preset::read(markers.parameters()?)?,
            SOS => {
                let frame = frame.as_ref().ok_or(Error::Invalid("scan before its frame"))?;
                let header = ScanHeader::read(markers.parameters()?, frame, &mut decoded)?;
                let coding = Coding::new(frame.bits, header.near, &preset)?;
                let used = scan::decode(markers.rest(), shape, &header, &coding, &mut samples)?;
                markers.skip(used);
            }
            EOI => break,
            COM | 0xE0..=0xEF => drop(markers.parameters()?),
            _ => return Err(Error::Unsupported("JPEG process or marker")),
        }
    }
    let frame = frame.filter(|_| !decoded.contains(&false)).ok_or(Error::EndsEarly)?;
    Ok(Image { bits: frame.bits, is_signed: false, samples })
}

struct Frame {
    bits: u16,
    components: Vec<u8>,
}

impl Frame {
    fn read(mut fields: Fields<'_>, shape: Shape) -> Result<Self, Error> {
        let bits = u16::from(fields.byte()?);
        let (height, width) = (u32::from(fields.short()?), u32::from(fields.short()?));
        let count = fields.byte()?;
        if (Shape { components: count, height, width }) != shape {
            return Err(Error::Shape);
        }
        if !(2..=16).contains(&bits) {
            return Err(Error::Invalid("precision"));
        }
        let mut components = Vec::new();
        for _ in 0..count {
            components.push(fields.byte()?);
            if fields.byte()? != 0x11 && count > 1 {
                return Err(Error::Unsupported("subsampled components"));
            }
            fields.byte()?;
        }
        Ok(Self { bits, components })
    }
}

/// Coding parameters of a stream (T.87 section C.2.4.1); zero stands for the default.
#[derive(Clone, Copy, Default)]
struct Preset {
    maximum: i32,
    thresholds: [i32; 3],
    reset: i32,
}

impl Preset {
    fn read(mut fields: Fields<'_>) -> Result<Self, Error> {
        if fields.byte()? != 1 {
            return Err(Error::Unsupported("mapping tables or oversize images"));
        }
        let mut next = || fields.short().map(i32::from);
        Ok(Self { maximum: next()?, thresholds: [next()?, next()?, next()?], reset: next()? })
    }
}

/// How the components of a scan follow one another (T.87 section C.2.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Interleave {
    Line,
    None,
    Sample,
}

struct ScanHeader {
    parts: Vec<usize>,
    near: i32,
    interleave: Interleave,
}

impl ScanHeader {
    fn read(mut fields: Fields<'_>, frame: &Frame, decoded: &mut [bool]) -> Result<Self, Error> {
        let mut parts = Vec::new();
        for _ in 0..fields.byte()? {
            let identifier = fields.byte()?;
            if fields.byte()? != 0 {
                return Err(Error::Unsupported("mapping tables or oversize images"));
            }
            let component = frame.components.iter().position(|known| *known == identifier);
            let component = component.ok_or(Error::Invalid("component of a scan"))?;
            let decoded = decoded.get_mut(component).ok_or(Error::Invalid("component"))?;
            if std::mem::replace(decoded, true) {
                return Err(Error::Invalid("component in two scans"));
            }
            parts.push(component);
        }
        let near = i32::from(fields.byte()?);
        let interleave = match (fields.byte()?, parts.len()) {
            (0, 1) => Interleave::None,
            (1, 1..) => Interleave::Line,
            (2, 1..) => Interleave::Sample,
            _ => return Err(Error::Invalid("scan parameters")),
        };
        if fields.byte()? != 0 {
            return Err(Error::Unsupported("point transform"));
        }
        Ok(Self { parts, near, interleave })
    }
}

/// The numbers that coding rests on (T.87 section A.2).
struct Coding {
    limit: u32,
    maximum: i32,
    near: i32,
    /// Bits of a mapped error that is written as it is.
    plain_bits: u32,
    range: i32,
    reset: i32,
    thresholds: [i32; 3],
}

impl Coding {
    fn new(bits: u16, near: i32, preset: &Preset) -> Result<Self, Error> {
        let full = (1_i32 << bits) - 1;
        let maximum = if preset.maximum == 0 { full } else { preset.maximum };
        if !(1..=full).contains(&maximum) || near > (maximum / 2).min(255) {
            return Err(Error::Invalid("coding parameters"));
        }
        let range = (maximum + 2 * near) / (2 * near + 1) + 1;
        let bits_for = |count: i32| 32 - (count - 1).leading_zeros();
        let sample_bits = bits_for(maximum + 1).max(2);
        let mut thresholds = default_thresholds(maximum, near);
        let mut least = near + 1;
        for (threshold, given) in thresholds.iter_mut().zip(preset.thresholds) {
            if given != 0 {
                *threshold = given;
            }
            if !(least..=maximum.max(least)).contains(threshold) {
                return Err(Error::Invalid("coding parameters"));
            }
            least = *threshold;
        }
        let reset = if preset.reset == 0 { 64 } else { preset.reset };
        if reset < 3 {
            return Err(Error::Invalid("coding parameters"));
        }
        Ok(Self {
            limit: 2 * (sample_bits + sample_bits.max(8)),
            maximum,
            near,
            plain_bits: bits_for(range),
            range,
            reset,
            thresholds,
        })
    }
}

/// T.87 section C.2.4.1.1.1.
fn default_thresholds(maximum: i32, near: i32) -> [i32; 3] {
    let clamp = |value: i32, least: i32| {
        if value > maximum || value < least { least } else { value }
    };
    let (one, two, three) = if maximum >= 128 {
        let factor = (maximum.min(4095) + 128) / 256;
        (factor + 2 + 3 * near, factor * 4 + 3 + 5 * near, factor * 17 + 4 + 7 * near)
    } else {
        let factor = 256 / (maximum + 1);
        let of = |basic: i32, least: i32, steps: i32| (basic / factor + steps * near).max(least);
        (of(3, 2, 3), of(7, 3, 5), of(21, 4, 7))
    };
    let one = clamp(one, near + 1);
    let two = clamp(two, one);
    [one, two, clamp(three, two)]
}

const SOF_LS: u8 = 0xF7;
const LSE: u8 = 0xF8;
const COM: u8 = 0xFE;
