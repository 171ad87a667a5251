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

use header::Header;

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
    let mut tiles = header::tile_parts(&header, body)?;
    if tiles.len() != header.tiles() {
        return Err(Error::EndsEarly);
    }
    for (at, part) in &mut tiles {
        let tile = tile::decode(&header, *at, part)?;
        tile.store(&header, &mut samples);
    }
    Ok(Image { bits: header.bits, is_signed: header.is_signed, samples })
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
