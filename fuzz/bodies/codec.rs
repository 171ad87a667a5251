//! Bodies over `telerad-codec`.
//!
//! The first three bytes say which shape is expected: columns and lines, each less one, and components and bytes of a
//! sample. A picture is small, so that work beyond its size shows as an input that takes long.

use telerad_codec::{Error, Image, Shape, jpeg_2000, jpeg_lossless, jpeg_ls, rle};

/// RLE segments are refused or fill the picture; a beginning of them gives no other picture.
pub fn rle(input: &[u8]) {
    check(input, rle::decode, |_| true);
}

/// A JPEG Lossless stream is refused or fills the picture; a beginning of it gives no other picture.
pub fn jpeg_lossless(input: &[u8]) {
    check(input, |coded, shape, _| jpeg_lossless::decode(coded, shape), |_| true);
}

/// A JPEG-LS stream is refused or fills the picture; a beginning of it gives no other picture.
pub fn jpeg_ls(input: &[u8]) {
    check(input, |coded, shape, _| jpeg_ls::decode(coded, shape), |_| true);
}

/// A JPEG 2000 stream is refused or fills the picture; a beginning of it gives no other picture, unless it ends as a
/// whole stream does: a last tile-part may go on to the end of the stream (T.800 section A.4.2).
pub fn jpeg_2000(input: &[u8]) {
    let is_cut = |beginning: &[u8]| !beginning.ends_with(&[0xFF, 0xD9]);
    check(input, |coded, shape, _| jpeg_2000::decode(coded, shape), is_cut);
}

fn check(
    input: &[u8],
    decode: impl Fn(&[u8], Shape, u8) -> Result<Image, Error>,
    is_cut: impl Fn(&[u8]) -> bool,
) {
    let Some(([columns, lines, kind], coded)) = input.split_first_chunk() else { return };
    let shape = Shape {
        components: 1 + kind % 4,
        height: 1 + u32::from(*lines),
        width: 1 + u32::from(*columns),
    };
    let sample_bytes = 1 + kind / 4 % 2;
    let whole = decode(coded, shape, sample_bytes);
    if let Ok(image) = &whole {
        let samples = shape.width * shape.height * u32::from(shape.components);
        assert_eq!(image.samples.len() as u64, u64::from(samples));
        assert!((1..=16).contains(&image.bits));
        assert!(image.samples.iter().all(|sample| u32::from(*sample) >> image.bits == 0));
    }
    for cut in [coded.len() / 2, coded.len().saturating_sub(1)] {
        let beginning = &coded[..cut];
        if let (true, Ok(image)) = (is_cut(beginning), decode(beginning, shape, sample_bytes)) {
            assert_eq!(Ok(image), whole);
        }
    }
}
