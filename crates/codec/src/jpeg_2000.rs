//! JPEG 2000 code streams of part 1 (T.800), bare or within a JP2 file.
//!
//! Reversible streams give exactly the samples that were coded. Irreversible ones give the samples of this decoder: another
//! one may round otherwise.

use crate::{Error, Image, Shape};

mod block;
mod header;
mod packet;
mod tile;
mod wavelet;

use header::{Header, Rect};

/// Decodes one image.
///
/// # Errors
/// When it is no JPEG 2000 code stream of this shape. Subsampled components, packed packet headers, changes of
/// progression, regions of interest, arithmetic bypass, termination on each pass and high throughput blocks are not
/// supported.
pub fn decode(coded: &[u8], shape: Shape) -> Result<Image, Error> {
    let coded = code_stream(coded)?;
    let (header, body) = Header::read(coded, shape)?;
    let mut samples = vec![0_u16; shape.samples()];
    let tiles = header::tile_parts(&header, body)?;
    if tiles.len() != header.tiles() {
        return Err(Error::EndsEarly);
    }
    let mut work = Work::new(&header, coded.len());
    for (at, parts) in &tiles {
        let tile = tile::decode(&header, *at, &parts.read(&header)?, &mut work)?;
        tile.store(&header, &mut samples);
    }
    Ok(Image { bits: header.bits, is_signed: header.is_signed, samples })
}

/// How much a stream may ask for beyond what its samples and bytes take anyway.
///
/// Packets can pass by all blocks of a picture with one bit, 65,535 times; and precincts can be as many as samples, each
/// a hundred times as large in memory. No encoder does either.
struct Work {
    /// How often a code block may be passed by in a packet.
    visits_left: usize,
}

impl Work {
    fn new(header: &Header, coded_bytes: usize) -> Self {
        let samples = header.image.area().saturating_mul(header.components);
        let of_bytes = coded_bytes.saturating_mul(64);
        Self { visits_left: samples.saturating_mul(2).saturating_add(of_bytes) }
    }

    fn visit(&mut self, blocks: usize) -> Result<(), Error> {
        let left = self.visits_left.checked_sub(blocks);
        self.visits_left = left.ok_or(Error::Unsupported("so many layers of so small blocks"))?;
        Ok(())
    }
}

/// What the precincts of one tile may come to: one for each code block, four for each band and precinct.
struct Structures(usize);

impl Structures {
    fn new(tile: Rect, components: usize) -> Self {
        // A block has 16 samples at least, except where bands end.
        let samples = tile.area().saturating_mul(components);
        Self((samples / 8).saturating_add(4096))
    }

    fn take(&mut self, count: usize) -> Result<(), Error> {
        self.0 = self.0.checked_sub(count).ok_or(Error::Unsupported("so small precincts"))?;
        Ok(())
    }
}

/// Finds the code stream in the boxes of a JP2 file, which some senders leave around it although PS3.5 section A.4.4
/// wants it bare.
fn code_stream(coded: &[u8]) -> Result<&[u8], Error> {
    if !coded.starts_with(JP2_SIGNATURE) {
        return Ok(coded);
    }
    let mut rest = coded;
    loop {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(Error::EndsEarly)?;
        let (kind, after) = after.split_first_chunk::<4>().ok_or(Error::EndsEarly)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        match (kind, length) {
            (b"jp2c", 0) => return Ok(after),
            (b"jp2c", 8..) => return after.get(..length - 8).ok_or(Error::EndsEarly),
            (b"pclr" | b"cmap", _) => return Err(Error::Unsupported("palette")),
            (_, 8..) => rest = rest.get(length..).ok_or(Error::EndsEarly)?,
            _ => return Err(Error::Unsupported("box length")),
        }
    }
}

const JP2_SIGNATURE: &[u8] = b"\0\0\0\x0CjP  \r\n\x87\n";
