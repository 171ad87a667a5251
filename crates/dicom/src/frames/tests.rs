use bytes::Bytes;
use proptest::prelude::{Just, ProptestConfig, any, prop_oneof, proptest};

use super::{FrameError, FrameLimits, FrameReader, NextFrame, PixelAttributes};
use crate::{Encoding, Tag, encoding_of, inflate, tags, uids};

/// A data set of image attributes and pixel data.
struct Sample {
    elements: Vec<(Tag, &'static [u8; 2], Vec<u8>)>,
    pixel_vr: &'static [u8; 2],
    pixels: Vec<u8>,
    encapsulated: bool,
}

impl Sample {
    /// 2 rows of 3 columns, one sample of 12 bits in 16.
    fn gray(pixels: &[u8]) -> Self {
        let short = |number: u16| number.to_le_bytes().to_vec();
        Self {
            elements: vec![
                (tags::SAMPLES_PER_PIXEL, b"US", short(1)),
                (tags::PHOTOMETRIC_INTERPRETATION, b"CS", b"MONOCHROME2 ".to_vec()),
                (tags::ROWS, b"US", short(2)),
                (tags::COLUMNS, b"US", short(3)),
                (tags::BITS_ALLOCATED, b"US", short(16)),
                (tags::BITS_STORED, b"US", short(12)),
                (tags::HIGH_BIT, b"US", short(11)),
                (tags::PIXEL_REPRESENTATION, b"US", short(0)),
            ],
            pixel_vr: b"OW",
            pixels: pixels.to_vec(),
            encapsulated: false,
        }
    }

    fn with(mut self, tag: Tag, vr: &'static [u8; 2], value: &[u8]) -> Self {
        self.elements.retain(|(known, ..)| *known != tag);
        self.elements.push((tag, vr, value.to_vec()));
        self.elements.sort_by_key(|(tag, ..)| *tag);
        self
    }

    fn number(self, tag: Tag, number: u16) -> Self {
        self.with(tag, b"US", &number.to_le_bytes())
    }

    fn frames(self, count: &str) -> Self {
        self.with(tags::NUMBER_OF_FRAMES, b"IS", count.as_bytes())
    }

    fn fragments(mut self, items: &[&[u8]]) -> Self {
        self.encapsulated = true;
        self.pixel_vr = b"OB";
        self.pixels.clear();
        for item in items {
            self.pixels.extend(b"\xFE\xFF\x00\xE0");
            self.pixels.extend(u32::try_from(item.len()).expect("small").to_le_bytes());
            self.pixels.extend(*item);
        }
        self.pixels.extend(b"\xFE\xFF\xDD\xE0\0\0\0\0");
        self
    }

    fn encode(&self, syntax: &str) -> Vec<u8> {
        let encoding = encoding_of(syntax);
        let mut bytes = Vec::new();
        for (tag, vr, value) in &self.elements {
            let mut value = value.clone();
            if encoding.is_big_endian() && *vr == b"US" {
                value.reverse();
            }
            header(&mut bytes, encoding, *tag, vr, u32::try_from(value.len()).expect("small"));
            bytes.extend(value);
        }
        let length = u32::try_from(self.pixels.len()).expect("small");
        let length = if self.encapsulated { u32::MAX } else { length };
        header(&mut bytes, encoding, tags::PIXEL_DATA, self.pixel_vr, length);
        let swapped = encoding.is_big_endian() && self.pixel_vr == b"OW";
        bytes.extend(if swapped { swap(&self.pixels) } else { self.pixels.clone() });
        if encoding.is_deflated() { inflate::deflate(&bytes).expect("deflates") } else { bytes }
    }

    fn attributes(&self) -> PixelAttributes {
        let mut reader = FrameReader::new(uids::EXPLICIT_VR_LITTLE_ENDIAN, FrameLimits::default());
        reader.push(self.encode(uids::EXPLICIT_VR_LITTLE_ENDIAN).into());
        let _ = reader.next_frame();
        reader.attributes().expect("the head was read").clone()
    }
}

fn swap(pixels: &[u8]) -> Vec<u8> {
    pixels.chunks(2).flat_map(|pair| pair.iter().rev().copied().collect::<Vec<u8>>()).collect()
}

fn header(bytes: &mut Vec<u8>, encoding: Encoding, tag: Tag, vr: &[u8; 2], length: u32) {
    let big = encoding.is_big_endian();
    let short = |number: u16| if big { number.to_be_bytes() } else { number.to_le_bytes() };
    let long = |number: u32| if big { number.to_be_bytes() } else { number.to_le_bytes() };
    bytes.extend(short(tag.0));
    bytes.extend(short(tag.1));
    if !encoding.is_explicit() {
        bytes.extend(long(length));
        return;
    }
    bytes.extend(vr);
    if matches!(vr, b"OW" | b"OB") {
        bytes.extend([0, 0]);
        bytes.extend(long(length));
    } else {
        bytes.extend(short(u16::try_from(length).expect("short")));
    }
}

/// All frames of a data set that comes in pieces of this many bytes.
fn read(syntax: &str, bytes: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, FrameError> {
    let mut reader = FrameReader::new(syntax, FrameLimits::default());
    let mut pieces = bytes.chunks(piece);
    let mut frames = Vec::new();
    loop {
        match reader.next_frame()? {
            NextFrame::End => return Ok(frames),
            NextFrame::Frame(frame) => frames.push(frame),
            NextFrame::NeedMore => match pieces.next() {
                Some(piece) => reader.push(Bytes::copy_from_slice(piece)),
                None => reader.end(),
            },
        }
    }
}

#[track_caller]
fn check(sample: &Sample, syntax: &str, expected: Result<&[&[u8]], FrameError>) {
    let bytes = sample.encode(syntax);
    for piece in [1, 2, 3, 5, 7, 11, 13, 64, bytes.len()] {
        let expected = expected.map(|frames| frames.iter().map(|it| it.to_vec()).collect());
        assert_eq!(read(syntax, &bytes, piece), expected, "{syntax} in pieces of {piece}");
    }
}

const PIXELS: &[u8] = &[1, 0, 2, 0, 3, 0, 4, 0, 5, 1, 6, 2];

#[test]
fn native_frames_are_the_same_in_every_byte_order() {
    let one = Sample::gray(PIXELS);
    let two = Sample::gray(&PIXELS.repeat(2)).frames("2 ");
    for syntax in [
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        uids::IMPLICIT_VR_LITTLE_ENDIAN,
        uids::EXPLICIT_VR_BIG_ENDIAN,
        uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    ] {
        check(&one, syntax, Ok(&[PIXELS]));
        check(&two, syntax, Ok(&[PIXELS, PIXELS]));
    }
}

#[test]
fn bytes_in_words_are_swapped_and_bytes_alone_are_not() {
    let bytes = Sample::gray(&PIXELS[..6])
        .number(tags::BITS_ALLOCATED, 8)
        .number(tags::BITS_STORED, 8)
        .number(tags::HIGH_BIT, 7);
    check(&bytes, uids::EXPLICIT_VR_BIG_ENDIAN, Ok(&[&PIXELS[..6]]));
    let bytes = Sample { pixel_vr: b"OB", ..bytes };
    check(&bytes, uids::EXPLICIT_VR_BIG_ENDIAN, Ok(&[&PIXELS[..6]]));
}

#[test]
fn fragments_make_frames_as_the_offset_table_says() {
    let jpeg = uids::JPEG_LOSSLESS_SV1;
    let one = Sample::gray(&[]);
    check(&one.fragments(&[b"", b"abcd", b"ef"]), jpeg, Ok(&[b"abcdef"]));
    let two = || Sample::gray(&[]).frames("2");
    check(&two().fragments(&[b"", b"abcd", b"ef"]), jpeg, Ok(&[b"abcd", b"ef"]));
    let table = b"\0\0\0\0\x16\0\0\0";
    check(&two().fragments(&[table, b"abcd", b"ef", b"gh"]), jpeg, Ok(&[b"abcdef", b"gh"]));
}

#[test]
fn frames_that_cannot_be_told_apart_are_refused() {
    let jpeg = uids::JPEG_LOSSLESS_SV1;
    let two = || Sample::gray(&[]).frames("2");
    let refused = Err(FrameError::Encapsulation);
    check(&two().fragments(&[b"", b"ab"]), jpeg, refused);
    check(&two().fragments(&[b"\0\0\0\0\x05\0\0\0", b"abcd", b"ef"]), jpeg, refused);
    check(&two().fragments(&[b"\x02\0\0\0\x05\0\0\0", b"abcd", b"ef"]), jpeg, refused);
    check(&Sample::gray(&[]).fragments(&[b""]), jpeg, refused);
    let mut cut = two().fragments(&[b"", b"ab", b"cd"]);
    cut.pixels.truncate(20);
    check(&cut, jpeg, Err(FrameError::EndsEarly));
}

#[test]
fn a_frame_more_than_announced_is_refused_after_those_announced() {
    let bytes = Sample::gray(&[]).frames("2").fragments(&[b"", b"ab", b"cd", b"ef"]);
    let bytes = bytes.encode(uids::RLE_LOSSLESS);
    assert_eq!(read(uids::RLE_LOSSLESS, &bytes, 9), Err(FrameError::Encapsulation));
}

#[test]
fn attributes_must_agree_with_the_pixels() {
    let explicit = uids::EXPLICIT_VR_LITTLE_ENDIAN;
    check(&Sample::gray(&PIXELS[..10]), explicit, Err(FrameError::Length));
    check(&Sample::gray(PIXELS).frames("2"), explicit, Err(FrameError::Length));
    let attribute = |tag| Err(FrameError::Attribute(tag));
    check(&Sample::gray(PIXELS).frames("-1"), explicit, attribute(tags::NUMBER_OF_FRAMES));
    let sample = Sample::gray(PIXELS).number(tags::BITS_STORED, 17);
    check(&sample, explicit, attribute(tags::BITS_STORED));
    let sample = Sample::gray(PIXELS).number(tags::ROWS, 0);
    check(&sample, explicit, attribute(tags::ROWS));
}

#[test]
fn what_is_too_large_is_refused_before_anything_is_read() {
    let explicit = uids::EXPLICIT_VR_LITTLE_ENDIAN;
    let sample = Sample::gray(PIXELS).number(tags::ROWS, u16::MAX).number(tags::COLUMNS, u16::MAX);
    check(&sample, explicit, Err(FrameError::TooLarge));
    check(&Sample::gray(PIXELS).frames("99999999"), explicit, Err(FrameError::TooLarge));
    let mut endless = Sample::gray(&[]).fragments(&[b"", b""]);
    endless.pixels.truncate(12);
    endless.pixels.extend(0xF000_0000_u32.to_le_bytes());
    check(&endless, uids::JPEG_2000_LOSSLESS, Err(FrameError::TooLarge));
}

#[test]
fn a_data_set_without_pixels_has_no_frames() {
    let bytes = b"\x08\x00\x60\x00CS\x02\x00SR";
    let read = read(uids::EXPLICIT_VR_LITTLE_ENDIAN, bytes, 3);
    assert_eq!(read, Err(FrameError::EndsEarly));
}

#[test]
fn an_icon_is_not_the_image() {
    let mut icon = Vec::new();
    header(&mut icon, Encoding::ExplicitLittle, tags::ROWS, b"US", 2);
    icon.extend(9_u16.to_le_bytes());
    let mut sequence = b"\xFE\xFF\x00\xE0".to_vec();
    sequence.extend(u32::try_from(icon.len()).expect("small").to_le_bytes());
    sequence.extend(icon);
    let mut bytes = b"\x08\x00\x00\x22SQ\0\0".to_vec();
    bytes.extend(u32::try_from(sequence.len()).expect("small").to_le_bytes());
    bytes.extend(sequence);
    bytes.extend(Sample::gray(PIXELS).encode(uids::EXPLICIT_VR_LITTLE_ENDIAN));
    let frames = read(uids::EXPLICIT_VR_LITTLE_ENDIAN, &bytes, 4);
    assert_eq!(frames, Ok(vec![PIXELS.to_vec()]));
}

#[track_caller]
fn check_samples(sample: &Sample, frame: &[u8], expected: Result<&[u16], FrameError>) {
    let description = sample.attributes().describe(&FrameLimits::default()).expect("described");
    assert_eq!(description.native_samples(frame), expected.map(<[u16]>::to_vec));
}

#[test]
fn only_a_sign_may_stand_above_the_stored_bits() {
    let row = |sample: Sample| sample.number(tags::ROWS, 1).number(tags::COLUMNS, 2);
    let unsigned = || row(Sample::gray(&[]));
    let signed = || unsigned().number(tags::PIXEL_REPRESENTATION, 1);
    check_samples(&unsigned(), &[0xFF, 0x0F, 1, 0], Ok(&[0xFFF, 1]));
    check_samples(&unsigned(), &[0xFF, 0x1F, 1, 0], Err(FrameError::Layout));
    check_samples(&signed(), &[0xFF, 0xFF, 1, 0], Ok(&[0xFFF, 1]));
    check_samples(&signed(), &[0xFF, 0x0F, 1, 0], Ok(&[0xFFF, 1]));
    check_samples(&signed(), &[0xFF, 0x1F, 1, 0], Err(FrameError::Layout));
    check_samples(&signed(), &[0xFF, 0xF7, 1, 0], Err(FrameError::Layout));
    check_samples(&unsigned().number(tags::HIGH_BIT, 15), &[0; 4], Err(FrameError::Layout));
}

#[test]
fn colour_by_plane_is_colour_by_pixel() {
    let colour = Sample::gray(&[])
        .number(tags::SAMPLES_PER_PIXEL, 3)
        .number(tags::ROWS, 1)
        .number(tags::COLUMNS, 2)
        .number(tags::BITS_ALLOCATED, 8)
        .number(tags::BITS_STORED, 8)
        .number(tags::HIGH_BIT, 7)
        .with(tags::PHOTOMETRIC_INTERPRETATION, b"CS", b"RGB ");
    check_samples(&colour, &[1, 2, 3, 4, 5, 6], Ok(&[1, 2, 3, 4, 5, 6]));
    let planes = colour.number(Tag(0x0028, 0x0006), 1);
    check_samples(&planes, &[1, 4, 2, 5, 3, 6], Ok(&[1, 2, 3, 4, 5, 6]));
    let shared = planes.with(tags::PHOTOMETRIC_INTERPRETATION, b"CS", b"YBR_FULL_422");
    check_samples(&shared, &[0; 4], Err(FrameError::Layout));
}

#[track_caller]
fn check_meaning(tag: Tag, one: &str, two: &str, differs: bool) {
    let sample = |value: &str| Sample::gray(PIXELS).with(tag, b"DS", value.as_bytes());
    let differences = sample(one).attributes().differences_in_meaning(&sample(two).attributes());
    assert_eq!(differences.contains(&tag), differs, "{one} and {two}");
}

#[test]
fn the_same_samples_may_mean_something_else() {
    let intercept = Tag(0x0028, 0x1052);
    check_meaning(intercept, "-1024", "-1024.0 ", false);
    check_meaning(intercept, "-1024 ", "0 ", true);
    check_meaning(intercept, "", "0 ", true);
    check_meaning(tags::IMAGE_ORIENTATION_PATIENT, "1\\0\\0\\0\\1\\0", "1\\0\\0\\0\\1\\0.0", false);
    check_meaning(tags::IMAGE_ORIENTATION_PATIENT, "1\\0\\0\\0\\1\\0", "-1\\0\\0\\0\\1\\0", true);
    check_meaning(Tag(0x0020, 0x0062), "L ", "R ", true);
    let without = Sample::gray(PIXELS).attributes();
    let empty = Sample::gray(PIXELS).with(Tag(0x0020, 0x0062), b"CS", b"").attributes();
    assert_eq!(without.differences_in_meaning(&empty), []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever a peer sends, reading ends, and what it hands out stays within the input, inflated a thousandfold at most.
    #[test]
    fn damaged_pixel_data_end_in_an_error(
        syntax in prop_oneof![
            Just(uids::EXPLICIT_VR_LITTLE_ENDIAN),
            Just(uids::IMPLICIT_VR_LITTLE_ENDIAN),
            Just(uids::EXPLICIT_VR_BIG_ENDIAN),
            Just(uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN),
            Just(uids::JPEG_2000_LOSSLESS),
        ],
        mutations in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..6),
        cut in any::<usize>(),
        piece in 1_usize..40,
    ) {
        let sample = if syntax == uids::JPEG_2000_LOSSLESS {
            Sample::gray(&[]).frames("2").fragments(&[b"\0\0\0\0\x0C\0\0\0", b"abcd", b"ef"])
        } else {
            Sample::gray(&PIXELS.repeat(2)).frames("2")
        };
        let mut bytes = sample.encode(syntax);
        for (at, value) in mutations {
            let at = at % bytes.len();
            bytes[at] ^= value;
        }
        let cut = if cut % 3 == 0 { cut % bytes.len() } else { bytes.len() };
        if let Ok(frames) = read(syntax, &bytes[..cut], piece) {
            let handed_out: usize = frames.iter().map(Vec::len).sum();
            assert!(handed_out <= bytes.len() * 1032);
        }
    }
}
