//! Streams made by DCMTK and OpenJPEG from one picture, decoded; and the same streams damaged.

use proptest::prelude::{any, prop_assert, proptest};
use telerad_codec::{Error, Image, Shape, jpeg_2000, jpeg_lossless, jpeg_ls, rle};

const WIDTH: u32 = 41;
const HEIGHT: u32 = 29;

/// The picture that was coded: gradients with fine texture above and coarse texture below, and two flat corners.
fn picture(bits: u32, components: u8) -> Vec<u16> {
    let full = (1_u32 << bits) - 1;
    let mut samples = Vec::new();
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            for c in 0..u32::from(components) {
                let texture = (x * 7 + y * 13 + c * 5) % 11;
                let strength = if y < 14 { 1 } else { full / 64 + 1 };
                let gradient = full * x / 64 + full * y / 96 + c * (full / 16);
                let value = match (x, y) {
                    (..9, ..7) => full / 3,
                    (31.., 21..) => full,
                    _ => (gradient + texture * strength) & full,
                };
                samples.push(u16::try_from(value).expect("16 bits"));
            }
        }
    }
    samples
}

fn shape(components: u8) -> Shape {
    Shape { components, height: HEIGHT, width: WIDTH }
}

fn decode(name: &str, coded: &[u8], bits: u16, components: u8) -> Result<Image, Error> {
    let shape = shape(components);
    match name.rsplit('.').next() {
        Some("j2k") => jpeg_2000::decode(coded, shape),
        Some("jls") => jpeg_ls::decode(coded, shape),
        Some("jpg") => jpeg_lossless::decode(coded, shape),
        _ => rle::decode(coded, shape, if bits > 8 { 2 } else { 1 }),
    }
}

/// Name, bytes, bits and components of a sample.
type Sample = (&'static str, &'static [u8], u16, u8);

/// Streams of the folder of samples.
macro_rules! samples {
    ($($name:literal, $bits:literal, $components:literal;)*) => {
        &[$(($name, include_bytes!(concat!("samples/", $name)), $bits, $components)),*]
    };
}

/// Coded without loss.
const LOSSLESS: &[Sample] = samples! {
    "gray8.rle", 8, 1;
    "gray12.rle", 12, 1;
    "gray16.rle", 16, 1;
    "rgb8.rle", 8, 3;
    "gray8_sv1.jpg", 8, 1;
    "gray8_sv4.jpg", 8, 1;
    "gray12_sv1.jpg", 12, 1;
    "gray12_sv2.jpg", 12, 1;
    "gray12_sv3.jpg", 12, 1;
    "gray12_sv4.jpg", 12, 1;
    "gray12_sv5.jpg", 12, 1;
    "gray12_sv6.jpg", 12, 1;
    "gray12_sv7.jpg", 12, 1;
    "gray16_sv1.jpg", 16, 1;
    "gray16_sv4.jpg", 16, 1;
    "rgb8_sv1.jpg", 8, 3;
    "rgb8_sv4.jpg", 8, 3;
    "gray8.jls", 8, 1;
    "gray12.jls", 12, 1;
    "gray16.jls", 16, 1;
    "rgb8_line.jls", 8, 3;
    "rgb8_none.jls", 8, 3;
    "rgb8_sample.jls", 8, 3;
    "gray8.j2k", 8, 1;
    "gray12.j2k", 12, 1;
    "gray16.j2k", 16, 1;
    "rgb8.j2k", 8, 3;
    "rgb8_mct.j2k", 8, 3;
    "gray12_levels1.j2k", 12, 1;
    "gray12_levels2.j2k", 12, 1;
    "gray12_tiles.j2k", 12, 1;
    "gray12_offset.j2k", 12, 1;
    "rgb8_lrcp.j2k", 8, 3;
    "rgb8_rlcp.j2k", 8, 3;
    "rgb8_rpcl.j2k", 8, 3;
    "rgb8_pcrl.j2k", 8, 3;
    "rgb8_cprl.j2k", 8, 3;
    "gray12_reset.j2k", 12, 1;
    "gray12_causal.j2k", 12, 1;
    "gray12_symbols.j2k", 12, 1;
};

#[test]
fn lossless_streams_give_the_picture() {
    let wrong: Vec<String> = LOSSLESS
        .iter()
        .filter_map(|(name, coded, bits, components)| {
            let image = match decode(name, coded, *bits, *components) {
                Ok(image) => image,
                Err(error) => return Some(format!("{name}: {error}")),
            };
            let picture = picture(u32::from(*bits), *components);
            let count = image.samples.iter().zip(&picture).filter(|(a, b)| a != b).count();
            // DCMTK declares 16 bits wherever samples have two bytes; RLE declares none.
            let is_declared = image.bits == *bits || image.bits == 16 && *bits > 8;
            let is_right = count == 0 && image.samples.len() == picture.len() && is_declared;
            (!is_right).then(|| format!("{name}: {count} samples differ, {} bits", image.bits))
        })
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn signed_samples_are_in_twos_complement() {
    let samples: &[(&[u8], u32)] = &[
        (include_bytes!("samples/signed12.j2k"), 12),
        (include_bytes!("samples/signed16.j2k"), 16),
    ];
    for (coded, bits) in samples {
        let image = jpeg_2000::decode(coded, shape(1)).expect("decodes");
        assert!(image.is_signed, "{bits} bits");
        let half = 1_u32 << (bits - 1);
        let mask = (1_u32 << bits) - 1;
        let expected: Vec<u32> =
            picture(*bits, 1).iter().map(|it| u32::from(*it).wrapping_sub(half) & mask).collect();
        let got: Vec<u32> = image.samples.iter().map(|it| u32::from(*it)).collect();
        assert!(got == expected, "{bits} bits");
    }
}

#[test]
fn near_lossless_streams_stay_within_their_bound() {
    let coded = include_bytes!("samples/gray12_near3.jls");
    let image = jpeg_ls::decode(coded, shape(1)).expect("decodes");
    let picture = picture(12, 1);
    let most = image.samples.iter().zip(&picture).map(|(a, b)| a.abs_diff(*b)).max();
    assert_eq!(most, Some(3));
}

#[test]
fn irreversible_streams_are_as_openjpeg_reads_them_but_for_rounding() {
    let samples: &[(&[u8], &[u8], u8)] = &[
        (include_bytes!("samples/gray12_lossy.j2k"), include_bytes!("samples/gray12_lossy.raw"), 1),
        (include_bytes!("samples/rgb8_lossy.j2k"), include_bytes!("samples/rgb8_lossy.raw"), 3),
    ];
    for (coded, raw, components) in samples {
        let image = jpeg_2000::decode(coded, shape(*components)).expect("decodes");
        let expected = raw.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
        let most = image.samples.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max();
        assert!(most <= Some(1), "{components} components: {most:?}");
    }
}

/// The example of T.87 annex H.3.
#[test]
fn the_example_of_the_standard_is_read() {
    let coded = [
        0xFF, 0xD8, 0xFF, 0xF7, 0, 0x0B, 8, 0, 4, 0, 4, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 8, 1, 1, 0,
        0, 0, 0, 0xC0, 0x00, 0x00, 0x6C, 0x80, 0x20, 0x8E, 0x01, 0xC0, 0x00, 0x00, 0x57, 0x40,
        0x00, 0x00, 0x6E, 0xE6, 0x00, 0x00, 0x01, 0xBC, 0x18, 0x00, 0x00, 0x05, 0xD8, 0x00, 0x00,
        0x91, 0x60, 0xFF, 0xD9,
    ];
    let image = jpeg_ls::decode(&coded, Shape { components: 1, height: 4, width: 4 });
    let expected =
        [0, 0, 90, 74, 68, 50, 43, 205, 64, 145, 145, 145, 100, 145, 145, 145_u16].to_vec();
    assert_eq!(image.map(|image| image.samples), Ok(expected));
}

#[test]
fn what_is_not_read_is_said_to_be_so() {
    let unsupported = Err(Error::Unsupported("style of coding passes"));
    for coded in [
        include_bytes!("samples/gray12_bypass.j2k").as_slice(),
        include_bytes!("samples/gray12_termall.j2k"),
    ] {
        assert_eq!(jpeg_2000::decode(coded, shape(1)), unsupported);
    }
}

#[test]
fn another_shape_is_refused_before_anything_is_decoded() {
    for (name, coded, bits, components) in LOSSLESS {
        let other = Shape { components: *components, height: HEIGHT, width: WIDTH + 1 };
        let got = match name.rsplit('.').next() {
            Some("j2k") => jpeg_2000::decode(coded, other),
            Some("jls") => jpeg_ls::decode(coded, other),
            Some("jpg") => jpeg_lossless::decode(coded, other),
            // RLE tells no size; it ends early.
            _ => {
                let bytes = if *bits > 8 { 2 } else { 1 };
                assert!(rle::decode(coded, other, bytes).is_err(), "{name}");
                continue;
            }
        };
        assert_eq!(got, Err(Error::Shape), "{name}");
    }
}

#[test]
fn a_stream_that_is_cut_is_an_error_wherever_it_is_cut() {
    for (name, coded, bits, components) in LOSSLESS {
        for at in (0..coded.len() - 2).step_by(7).chain(coded.len() - 9..coded.len() - 2) {
            let image = decode(name, &coded[..at], *bits, *components);
            // The end of an RLE segment may be padding.
            if let Ok(image) = image {
                assert!(name.ends_with("rle") && at + 3 > coded.len(), "{name} cut at {at}");
                assert_eq!(image.samples, picture(u32::from(*bits), *components));
            }
        }
    }
}

proptest! {
    /// Whatever is done to a stream, decoding ends in an image of the right size or in an error.
    #[test]
    fn damaged_streams_end(
        pick in 0..LOSSLESS.len(),
        mutations in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8),
        moved in any::<(usize, usize)>(),
    ) {
        let (name, coded, bits, components) = LOSSLESS[pick];
        let mut coded = coded.to_vec();
        for (at, value) in mutations {
            let length = coded.len();
            // Headers are short and hit seldom otherwise.
            let at = if value % 2 == 0 { at % length.min(120) } else { at % length };
            coded[at] ^= value;
        }
        if moved.0 % 4 == 0 {
            let (from, to) = (moved.0 % coded.len(), moved.1 % coded.len());
            let piece = coded[from..].to_vec();
            coded.truncate(to);
            coded.extend(piece);
        }
        if let Ok(image) = decode(name, &coded, bits, components) {
            prop_assert!(image.samples.len() == picture(u32::from(bits), components).len());
        }
    }
}
