//! RLE Lossless (PS3.5 annex G): byte planes, each run-length coded.

use crate::{Error, Image, Shape};

/// Decodes one frame of samples of `sample_bytes` bytes, 1 or 2.
///
/// # Errors
/// When the segments are not one per byte of a pixel, or do not fill the image.
pub fn decode(coded: &[u8], shape: Shape, sample_bytes: u8) -> Result<Image, Error> {
    if !matches!(sample_bytes, 1 | 2) {
        return Err(Error::Unsupported("bytes per sample"));
    }
    // More would have more segments than the header has offsets.
    if shape.components > 4 {
        return Err(Error::Unsupported("so many components"));
    }
    let header = coded.get(..HEADER_BYTES).ok_or(Error::EndsEarly)?;
    let (words, _) = header.as_chunks::<4>();
    let (count, offsets) = words.split_first().ok_or(Error::EndsEarly)?;
    let wanted = u32::from(shape.components).saturating_mul(u32::from(sample_bytes));
    if u32::from_le_bytes(*count) != wanted {
        return Err(Error::Shape);
    }
    let mut samples = vec![0_u16; shape.samples()];
    let components = usize::from(shape.components).max(1);
    let segments = usize::try_from(wanted).unwrap_or(usize::MAX);
    for (at, offset) in offsets.iter().take(segments).enumerate() {
        let from = usize::try_from(u32::from_le_bytes(*offset)).unwrap_or(usize::MAX);
        if from < HEADER_BYTES {
            return Err(Error::Invalid("segment offset"));
        }
        let segment = coded.get(from..).ok_or(Error::EndsEarly)?;
        // The most significant byte of each component comes first (PS3.5 section G.2).
        let component = at / usize::from(sample_bytes);
        let cells = samples.iter_mut().skip(component).step_by(components);
        decode_segment(segment, cells)?;
    }
    Ok(Image { bits: u16::from(sample_bytes) * 8, is_signed: false, samples })
}

/// Shifts each byte of a segment into its sample (PS3.5 section G.3.2).
fn decode_segment<'a>(
    mut segment: &[u8],
    mut cells: impl ExactSizeIterator<Item = &'a mut u16>,
) -> Result<(), Error> {
    let mut put = |byte: u8| {
        let cell = cells.next().ok_or(Error::Invalid("run beyond the image"))?;
        *cell = (*cell << 8) | u16::from(byte);
        Ok(cells.len())
    };
    loop {
        let (control, rest) = segment.split_first().ok_or(Error::EndsEarly)?;
        let mut left = 1;
        segment = match control {
            0..=127 => {
                let count = usize::from(*control).saturating_add(1);
                let (literal, rest) = rest.split_at_checked(count).ok_or(Error::EndsEarly)?;
                for byte in literal {
                    left = put(*byte)?;
                }
                rest
            }
            128 => rest,
            129.. => {
                let (byte, rest) = rest.split_first().ok_or(Error::EndsEarly)?;
                for _ in 0..257_u16.saturating_sub(u16::from(*control)) {
                    left = put(*byte)?;
                }
                rest
            }
        };
        if left == 0 {
            return Ok(());
        }
    }
}

const HEADER_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::{Error, Shape, decode};

    fn coded(segments: &[&[u8]]) -> Vec<u8> {
        let mut bytes = u32::try_from(segments.len()).expect("few").to_le_bytes().to_vec();
        let mut at = 64_u32;
        for segment in segments {
            bytes.extend(at.to_le_bytes());
            at += u32::try_from(segment.len()).expect("short");
        }
        bytes.resize(64, 0);
        segments.iter().for_each(|segment| bytes.extend(*segment));
        bytes
    }

    #[track_caller]
    fn check(segments: &[&[u8]], components: u8, bytes: u8, expected: Result<&[u16], Error>) {
        let shape = Shape { components, height: 1, width: 4 };
        let got = decode(&coded(segments), shape, bytes).map(|image| image.samples);
        assert_eq!(got, expected.map(<[u16]>::to_vec));
    }

    #[test]
    fn runs_and_literals_fill_the_image() {
        check(&[&[0xFD, 9]], 1, 1, Ok(&[9; 4]));
        check(&[&[3, 1, 2, 3, 4, 0]], 1, 1, Ok(&[1, 2, 3, 4]));
        check(&[&[0x80, 1, 1, 2, 0xFF, 3]], 1, 1, Ok(&[1, 2, 3, 3]));
    }

    #[test]
    fn the_most_significant_bytes_come_first() {
        check(&[&[0xFD, 1], &[3, 1, 2, 3, 4]], 1, 2, Ok(&[0x101, 0x102, 0x103, 0x104]));
        let planes: &[&[u8]] = &[&[0xFD, 1], &[0xFD, 2], &[0xFD, 3]];
        check(planes, 3, 1, Ok(&[1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]));
    }

    #[test]
    fn what_does_not_fill_the_image_exactly_is_refused() {
        check(&[&[0xFE, 9]], 1, 1, Err(Error::EndsEarly));
        check(&[&[0xFC, 9]], 1, 1, Err(Error::Invalid("run beyond the image")));
        check(&[&[3, 1, 2]], 1, 1, Err(Error::EndsEarly));
        check(&[&[0xFD, 9], &[0xFD, 9]], 1, 1, Err(Error::Shape));
        let shape = Shape { components: 1, height: 1, width: 4 };
        assert_eq!(decode(&[0; 63], shape, 1), Err(Error::EndsEarly));
        let mut inside = coded(&[&[0xFD, 9]]);
        inside[4] = 3;
        assert_eq!(decode(&inside, shape, 1), Err(Error::Invalid("segment offset")));
    }
}
