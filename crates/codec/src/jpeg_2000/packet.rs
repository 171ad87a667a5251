//! Packets: which code blocks go on in which layer, and with which bytes (T.800 annex B).

use super::Work;
use super::header::Rect;
use crate::Error;

/// One precinct of a resolution: the code blocks of its bands that lie together.
#[derive(Debug)]
pub(super) struct Precinct {
    pub(super) bands: Vec<PrecinctBand>,
}

/// The code blocks of one band within a precinct.
#[derive(Debug)]
pub(super) struct PrecinctBand {
    across: usize,
    pub(super) blocks: Vec<Block>,
    inclusion: TagTree,
    zero_planes: TagTree,
}

/// One code block.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) coded: Vec<u8>,
    is_included: bool,
    length_bits: u32,
    pub(super) passes: u32,
    /// Place in its band.
    pub(super) rect: Rect,
    /// Bit planes from the top that are all zero.
    pub(super) zero_planes: u32,
}

impl PrecinctBand {
    /// How many code blocks an area has.
    pub(super) fn blocks_in(area: Rect, size: (u8, u8)) -> usize {
        let (_, across, down) = grid(area, size);
        across.saturating_mul(down)
    }

    /// Cuts an area of a band into code blocks.
    pub(super) fn new(area: Rect, (width, height): (u8, u8)) -> Self {
        let (grid, across, down) = grid(area, (width, height));
        let mut blocks = Vec::with_capacity(across.saturating_mul(down));
        for y in grid.y0..grid.y1 {
            for x in grid.x0..grid.x1 {
                let block = Rect {
                    x0: x << width,
                    y0: y << height,
                    x1: x.saturating_add(1) << width,
                    y1: y.saturating_add(1) << height,
                };
                blocks.push(Block {
                    coded: Vec::new(),
                    is_included: false,
                    length_bits: 3,
                    passes: 0,
                    rect: block.intersection(area),
                    zero_planes: 0,
                });
            }
        }
        let (inclusion, zero_planes) = (TagTree::new(across, down), TagTree::new(across, down));
        Self { across, blocks, inclusion, zero_planes }
    }
}

/// The code blocks of an area, which are aligned to the origin (T.800 section B.7): their places, how many there are
/// across and how many down.
fn grid(area: Rect, (width, height): (u8, u8)) -> (Rect, usize, usize) {
    if area.is_empty() {
        return (Rect::default(), 0, 0);
    }
    let end = |side: u32, exponent: u8| (side.saturating_sub(1) >> exponent).saturating_add(1);
    let grid = Rect {
        x0: area.x0 >> width,
        y0: area.y0 >> height,
        x1: end(area.x1, width),
        y1: end(area.y1, height),
    };
    (grid, grid.width(), grid.height())
}

/// The packets of a tile, one after another.
pub(super) struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Packets<'a> {
    pub(super) fn new(coded: &'a [u8]) -> Self {
        Self { rest: coded }
    }

    /// Reads what one layer adds to a precinct.
    pub(super) fn read(
        &mut self,
        precinct: &mut Precinct,
        layer: u32,
        work: &mut Work,
    ) -> Result<(), Error> {
        // Start of packet; nothing else looks like it here (T.800 section A.8.1).
        if self.rest.starts_with(&[0xFF, 0x91]) {
            self.rest = self.rest.get(6..).ok_or(Error::EndsEarly)?;
        }
        let mut bits = HeaderBits { rest: self.rest, held: 0, count: 0, after_ff: false };
        let mut lengths = Vec::new();
        if bits.bit()? == 1 {
            for band in &mut precinct.bands {
                work.visit(band.blocks.len())?;
                for (at, block) in band.blocks.iter_mut().enumerate() {
                    let place = (at % band.across.max(1), at / band.across.max(1));
                    let trees = (&mut band.inclusion, &mut band.zero_planes);
                    lengths.push(read_block(&mut bits, block, trees, place, layer)?);
                }
            }
        }
        self.rest = bits.end()?;
        // End of packet header (T.800 section A.8.2).
        self.rest = self.rest.strip_prefix(&[0xFF, 0x92]).unwrap_or(self.rest);
        let blocks = precinct.bands.iter_mut().flat_map(|band| &mut band.blocks);
        for (block, length) in blocks.zip(lengths) {
            let (body, rest) = self.rest.split_at_checked(length).ok_or(Error::EndsEarly)?;
            block.coded.extend_from_slice(body);
            self.rest = rest;
        }
        Ok(())
    }
}

/// Reads how one code block goes on, and says with how many bytes (T.800 section B.10).
fn read_block(
    bits: &mut HeaderBits<'_>,
    block: &mut Block,
    (inclusion, zero_planes): (&mut TagTree, &mut TagTree),
    place: (usize, usize),
    layer: u32,
) -> Result<usize, Error> {
    let goes_on = if block.is_included {
        bits.bit()? == 1
    } else {
        inclusion.decode(bits, place, layer.saturating_add(1))?
    };
    if !goes_on {
        return Ok(0);
    }
    if !block.is_included {
        block.is_included = true;
        while !zero_planes.decode(bits, place, block.zero_planes.saturating_add(1))? {
            block.zero_planes = block.zero_planes.saturating_add(1);
            if block.zero_planes > ZERO_PLANES_MAX {
                return Err(Error::Invalid("zero bit planes"));
            }
        }
    }
    let passes = passes(bits)?;
    while bits.bit()? == 1 {
        block.length_bits = block.length_bits.saturating_add(1);
    }
    let length_bits = block.length_bits.saturating_add(passes.ilog2());
    if length_bits > 31 {
        return Err(Error::Invalid("length of a code block"));
    }
    block.passes = block.passes.saturating_add(passes);
    usize::try_from(bits.bits(length_bits)?).map_err(|_| Error::EndsEarly)
}

/// T.800 table B.4.
fn passes(bits: &mut HeaderBits<'_>) -> Result<u32, Error> {
    if bits.bit()? == 0 {
        return Ok(1);
    }
    if bits.bit()? == 0 {
        return Ok(2);
    }
    for (width, base) in [(2, 3), (5, 6)] {
        let number = bits.bits(width)?;
        if number != (1 << width) - 1 {
            return Ok(base + number);
        }
    }
    Ok(37 + bits.bits(7)?)
}

/// Bits of a packet header; behind a byte of ones a zero bit is stuffed (T.800 section B.10.1).
struct HeaderBits<'a> {
    rest: &'a [u8],
    held: u32,
    count: u32,
    after_ff: bool,
}

impl<'a> HeaderBits<'a> {
    fn bit(&mut self) -> Result<u32, Error> {
        if self.count == 0 {
            let (byte, rest) = self.rest.split_first().ok_or(Error::EndsEarly)?;
            self.rest = rest;
            self.held = u32::from(*byte);
            self.count = if self.after_ff { 7 } else { 8 };
            self.after_ff = *byte == 0xFF;
        }
        self.count = self.count.saturating_sub(1);
        Ok((self.held >> self.count) & 1)
    }

    fn bits(&mut self, count: u32) -> Result<u32, Error> {
        let mut number = 0;
        for _ in 0..count {
            number = number << 1 | self.bit()?;
        }
        Ok(number)
    }

    /// What follows the header.
    fn end(self) -> Result<&'a [u8], Error> {
        if self.after_ff { self.rest.get(1..).ok_or(Error::EndsEarly) } else { Ok(self.rest) }
    }
}

/// A tag tree (T.800 section B.10.2): levels from the leaves to the root.
#[derive(Debug)]
struct TagTree {
    levels: Vec<(usize, Vec<Node>)>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The value is no less than this.
    least: u32,
    is_known: bool,
}

impl TagTree {
    fn new(across: usize, down: usize) -> Self {
        let mut levels = Vec::new();
        let (mut width, mut height) = (across, down);
        while width > 0 && height > 0 {
            let node = Node { least: 0, is_known: false };
            levels.push((width, vec![node; width.saturating_mul(height)]));
            if width == 1 && height == 1 {
                break;
            }
            (width, height) = (width.div_ceil(2), height.div_ceil(2));
        }
        Self { levels }
    }

    /// Reads on until it is known whether the value of a leaf is below `threshold`.
    fn decode(
        &mut self,
        bits: &mut HeaderBits<'_>,
        (x, y): (usize, usize),
        threshold: u32,
    ) -> Result<bool, Error> {
        let mut least = 0;
        let mut is_below = false;
        for (level, (width, nodes)) in self.levels.iter_mut().enumerate().rev() {
            let at = (y >> level).saturating_mul(*width).saturating_add(x >> level);
            let node = nodes.get_mut(at).ok_or(Error::Invalid("code block"))?;
            node.least = node.least.max(least);
            while !node.is_known && node.least < threshold {
                if bits.bit()? == 1 {
                    node.is_known = true;
                } else {
                    node.least = node.least.saturating_add(1);
                }
            }
            least = node.least;
            is_below = node.is_known && least < threshold;
        }
        Ok(is_below)
    }
}

/// Seven guard bits and an exponent of 31 make 37 planes at most.
const ZERO_PLANES_MAX: u32 = 40;
