//! Streams that ask for far more work or memory than their picture is worth.

use telerad_codec::{Error, Shape, jpeg_2000, jpeg_lossless, rle};

/// A marker segment with its length.
fn segment(marker: u8, parameters: &[u8]) -> Vec<u8> {
    let length = u16::try_from(parameters.len() + 2).expect("short");
    [&[0xFF, marker], &length.to_be_bytes()[..], parameters].concat()
}

/// What a JPEG 2000 stream of one component of 8 bits is made of.
struct Stream {
    side: u32,
    tile: u32,
    layers: u16,
    /// Exponents of the precinct size, one byte for the only resolution.
    precinct: Option<u8>,
    quantisation: Vec<u8>,
    /// Number and packets of each tile.
    tiles: Vec<(u16, Vec<u8>)>,
}

impl Stream {
    /// A picture of one tile, without wavelet levels, in blocks of 4 by 4.
    fn new(side: u32, packets: Vec<u8>) -> Self {
        let quantisation = vec![0x40, 0x40];
        Self {
            side,
            tile: side,
            layers: 1,
            precinct: None,
            quantisation,
            tiles: vec![(0, packets)],
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut size = vec![0, 0];
        for number in [self.side, self.side, 0, 0, self.tile, self.tile, 0, 0] {
            size.extend(number.to_be_bytes());
        }
        size.extend([0, 1, 7, 1, 1]);
        let mut style = vec![u8::from(self.precinct.is_some()), 0];
        style.extend(self.layers.to_be_bytes());
        style.extend([0, 0, 0, 0, 0, 1]);
        style.extend(self.precinct);
        let mut stream = vec![0xFF, 0x4F];
        stream.extend(segment(0x51, &size));
        stream.extend(segment(0x52, &style));
        stream.extend(segment(0x5C, &self.quantisation));
        for (number, packets) in &self.tiles {
            let length = u32::try_from(packets.len() + 14).expect("short");
            let mut part = number.to_be_bytes().to_vec();
            part.extend(length.to_be_bytes());
            part.extend([0, 1]);
            stream.extend(segment(0x90, &part));
            stream.extend([0xFF, 0x93]);
            stream.extend(packets);
        }
        stream.extend([0xFF, 0xD9]);
        stream
    }

    #[track_caller]
    fn check(&self, expected: Result<(), Error>) {
        let shape = Shape { components: 1, height: self.side, width: self.side };
        let decoded = jpeg_2000::decode(&self.bytes(), shape);
        assert_eq!(decoded.map(|image| drop(image.samples)), expected);
    }
}

#[test]
fn a_plain_stream_is_read() {
    Stream::new(64, vec![0]).check(Ok(()));
    Stream { layers: 40, ..Stream::new(64, vec![0x80; 40]) }.check(Ok(()));
}

#[test]
fn layers_that_bring_nothing_do_not_visit_every_block_again_and_again() {
    // "Something comes", and then that no block is in it: one bit for the root of the tree.
    let stream = Stream { layers: u16::MAX, ..Stream::new(256, vec![0x80; 65_535]) };
    stream.check(Err(Error::Unsupported("so many layers of so small blocks")));
}

#[test]
fn precincts_are_not_as_many_as_samples() {
    let tiny = Stream { precinct: Some(0x00), ..Stream::new(256, vec![0; 65_536]) };
    tiny.check(Err(Error::Unsupported("so small precincts")));
    Stream { precinct: Some(0x44), ..Stream::new(256, vec![0; 256]) }.check(Ok(()));
}

#[test]
fn step_sizes_are_no_more_than_bands() {
    // Three bands for each of 32 levels, and the coarsest image.
    let quantisation = |count: usize| [vec![0x40], vec![0x40; count]].concat();
    Stream { quantisation: quantisation(97), ..Stream::new(8, vec![0]) }.check(Ok(()));
    Stream { quantisation: quantisation(98), ..Stream::new(8, vec![0]) }
        .check(Err(Error::Invalid("quantisation")));
}

#[test]
fn as_many_tiles_as_samples_are_read_one_after_another() {
    let tiles = (0..64 * 64).map(|number| (number, vec![0])).collect();
    Stream { tile: 1, tiles, ..Stream::new(64, Vec::new()) }.check(Ok(()));
}

#[test]
fn more_components_than_a_pixel_has_are_refused() {
    let shape = Shape { components: 8, height: 1, width: 1 };
    assert_eq!(rle::decode(&[0; 64], shape, 2), Err(Error::Unsupported("so many components")));
}

/// One sample of 16 bits in one scan, with a point transform of four and these coded bits.
fn one_sample(coded: &[u8]) -> Vec<u8> {
    let mut stream = vec![0xFF, 0xD8];
    stream.extend(segment(0xC3, &[16, 0, 1, 0, 1, 1, 1, 0x11, 0]));
    // A code of one bit for no difference, and one of two bits for a difference of twelve bits.
    stream.extend(segment(0xC4, &[[0, 1, 1].as_slice(), &[0; 14], &[0, 12]].concat()));
    stream.extend(segment(0xDA, &[1, 1, 0, 1, 0, 4]));
    stream.extend(coded);
    stream.extend([0xFF, 0xD9]);
    stream
}

#[test]
fn a_sample_that_a_point_transform_shifts_out_of_its_precision_is_refused() {
    let shape = Shape { components: 1, height: 1, width: 1 };
    let decode = |coded| jpeg_lossless::decode(&one_sample(coded), shape);
    // 1 << (16 - 4 - 1), shifted by four.
    assert_eq!(decode(&[0x7F]).map(|image| image.samples), Ok(vec![1 << 15]));
    // The same and 4095 more has thirteen bits.
    let beyond = Err(Error::Invalid("sample beyond its precision"));
    assert_eq!(decode(&[0xBF, 0xFC]), beyond);
}
