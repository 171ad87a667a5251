//! Code blocks: arithmetic decoding of bit planes (T.800 annexes C and D).

use super::header::PassStyle;
use crate::Error;

/// The four kinds of bands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Orientation {
    /// High-pass in both directions.
    Both,
    /// Horizontally high-pass.
    Horizontal,
    /// The coarsest image.
    Low,
    /// Vertically high-pass.
    Vertical,
}

/// What is known of a code block before it is decoded.
pub(super) struct BlockCoding<'a> {
    pub(super) coded: &'a [u8],
    pub(super) height: usize,
    pub(super) orientation: Orientation,
    pub(super) passes: u32,
    /// Bit planes of the block, those that are all zero left out.
    pub(super) planes: u32,
    pub(super) style: PassStyle,
    pub(super) width: usize,
}

/// Coefficients in sign and magnitude, the magnitude times two, and half a step more where bit planes are missing.
pub(super) fn decode(block: &BlockCoding<'_>) -> Result<Vec<i32>, Error> {
    // One bit for the halves, one for the sign.
    if block.planes > 30 || block.passes > block.planes.saturating_mul(3).saturating_sub(2) {
        return Err(Error::Invalid("coding passes"));
    }
    let mut passes = Passes::new(block);
    for pass in 0..block.passes {
        // The highest plane has only its clean-up pass.
        let above = pass.saturating_add(2) / 3;
        let plane = block.planes.saturating_sub(1).saturating_sub(above);
        match pass % 3 {
            0 => passes.clean_up(plane)?,
            1 => passes.propagate_significance(plane),
            _ => passes.refine_magnitude(plane),
        }
        if block.style.resets_contexts {
            passes.contexts = CONTEXTS;
        }
    }
    Ok(passes.coefficients(block.passes, block.planes))
}

/// The state of a context: a row of the probability table and the more probable symbol.
type Context = (u8, u8);

/// The contexts as they begin (T.800 table D.7).
const CONTEXTS: [Context; 19] = {
    let mut contexts = [(0, 0); 19];
    contexts[0] = (4, 0);
    contexts[RUN] = (3, 0);
    contexts[UNIFORM] = (46, 0);
    contexts
};
const RUN: usize = 17;
const UNIFORM: usize = 18;

const SIGNIFICANT: u8 = 1;
const NEGATIVE: u8 = 2;
const VISITED: u8 = 4;
const REFINED: u8 = 8;

/// The three kinds of passes over one block. Flags have a border of one cell on each side.
struct Passes<'a> {
    contexts: [Context; 19],
    decoder: Arithmetic<'a>,
    flags: Vec<u8>,
    height: usize,
    is_causal: bool,
    magnitudes: Vec<u32>,
    has_segmentation_symbols: bool,
    /// The lowest bit plane in which each coefficient was coded.
    lowest: Vec<u8>,
    orientation: Orientation,
    stride: usize,
    width: usize,
}

impl<'a> Passes<'a> {
    fn new(block: &BlockCoding<'a>) -> Self {
        let stride = block.width.saturating_add(2);
        let cells = block.width.saturating_mul(block.height);
        Self {
            contexts: CONTEXTS,
            decoder: Arithmetic::new(block.coded),
            flags: vec![0; stride.saturating_mul(block.height.saturating_add(2))],
            height: block.height,
            is_causal: block.style.is_causal,
            magnitudes: vec![0; cells],
            orientation: block.orientation,
            has_segmentation_symbols: block.style.has_segmentation_symbols,
            stride,
            width: block.width,
            lowest: vec![0; cells],
        }
    }

    /// Goes over the block in stripes of four lines, column by column (T.800 section D.1).
    fn stripes(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (width, height) = (self.width, self.height);
        (0..height).step_by(4).flat_map(move |y| (0..width).map(move |x| (x, y)))
    }

    fn flag_at(&self, x: usize, y: usize) -> usize {
        y.saturating_add(1).saturating_mul(self.stride).saturating_add(x).saturating_add(1)
    }

    fn flags(&self, x: usize, y: usize) -> u8 {
        self.flags.get(self.flag_at(x, y)).copied().unwrap_or_default()
    }

    fn mark(&mut self, x: usize, y: usize, flag: u8) {
        let at = self.flag_at(x, y);
        if let Some(flags) = self.flags.get_mut(at) {
            *flags |= flag;
        }
    }

    fn set_bit(&mut self, x: usize, y: usize, plane: u32, bit: u32) {
        let at = y.saturating_mul(self.width).saturating_add(x);
        if let (Some(magnitude), Some(lowest)) =
            (self.magnitudes.get_mut(at), self.lowest.get_mut(at))
        {
            *magnitude |= bit << plane;
            *lowest = u8::try_from(plane).unwrap_or_default();
        }
    }

    /// The flags around a coefficient: the line above, its own and the one below, three each.
    fn around(&self, x: usize, y: usize) -> [[u8; 3]; 3] {
        let above = self.flag_at(x, y).saturating_sub(self.stride).saturating_sub(1);
        let line = |number: usize| {
            let from = above.saturating_add(self.stride.saturating_mul(number));
            let flags = self.flags.get(from..).and_then(<[u8]>::first_chunk::<3>);
            flags.copied().unwrap_or_default()
        };
        // The next stripe does not count where blocks are causal (T.800 section D.7).
        let below = if self.is_causal && y % 4 == 3 { [0; 3] } else { line(2) };
        [line(0), line(1), below]
    }

    /// Significant neighbours: horizontal, vertical, diagonal.
    fn neighbours(&self, x: usize, y: usize) -> (u8, u8, u8) {
        let [[a, b, c], [d, _, e], [f, g, h]] = self.around(x, y);
        let of = |flags: u8| flags & SIGNIFICANT;
        (of(d) + of(e), of(b) + of(g), of(a) + of(c) + of(f) + of(h))
    }

    /// T.800 table D.1.
    fn zero_context(&self, x: usize, y: usize) -> usize {
        let (horizontal, vertical, diagonal) = self.neighbours(x, y);
        let (h, v) = match self.orientation {
            Orientation::Horizontal => (vertical, horizontal),
            _ => (horizontal, vertical),
        };
        if self.orientation == Orientation::Both {
            return match (diagonal, h + v) {
                (3.., _) => 8,
                (2, 1..) => 7,
                (2, 0) => 6,
                (1, 2..) => 5,
                (1, 1) => 4,
                (1, 0) => 3,
                (0, 2..) => 2,
                (0, 1) => 1,
                (0, 0) => 0,
            };
        }
        match (h, v, diagonal) {
            (2.., ..) => 8,
            (1, 1.., _) => 7,
            (1, 0, 1..) => 6,
            (1, 0, 0) => 5,
            (0, 2.., _) => 4,
            (0, 1, _) => 3,
            (0, 0, 2..) => 2,
            (0, 0, 1) => 1,
            (0, 0, 0) => 0,
        }
    }

    fn decode(&mut self, context: usize) -> u32 {
        match self.contexts.get_mut(context) {
            Some(context) => self.decoder.decode(context),
            None => 0,
        }
    }

    /// A coefficient becomes significant in this plane; its sign follows (T.800 section D.3.2).
    fn become_significant(&mut self, x: usize, y: usize, plane: u32) {
        let [[_, b, _], [d, _, e], [_, g, _]] = self.around(x, y);
        let of = |flags: u8| match flags & (SIGNIFICANT | NEGATIVE) {
            SIGNIFICANT => 1_i8,
            0 | NEGATIVE => 0,
            _ => -1,
        };
        let horizontal = (of(d) + of(e)).signum();
        let vertical = (of(b) + of(g)).signum();
        let (context, flip) = match (horizontal, vertical) {
            (1, 1) => (13, 0),
            (1, 0) => (12, 0),
            (1, _) => (11, 0),
            (0, 1) => (10, 0),
            (0, 0) => (9, 0),
            (0, _) => (10, 1),
            (_, 1) => (11, 1),
            (_, 0) => (12, 1),
            _ => (13, 1),
        };
        let is_negative = self.decode(context) != flip;
        self.set_bit(x, y, plane, 1);
        self.mark(x, y, if is_negative { SIGNIFICANT | NEGATIVE } else { SIGNIFICANT });
    }

    /// T.800 section D.3.1.
    fn propagate_significance(&mut self, plane: u32) {
        for (x, stripe) in self.stripes() {
            for y in stripe..self.height.min(stripe.saturating_add(4)) {
                if self.flags(x, y) & SIGNIFICANT != 0 {
                    continue;
                }
                let context = self.zero_context(x, y);
                if context == 0 {
                    continue;
                }
                self.mark(x, y, VISITED);
                if self.decode(context) == 1 {
                    self.become_significant(x, y, plane);
                } else {
                    self.set_bit(x, y, plane, 0);
                }
            }
        }
    }

    /// T.800 section D.3.3.
    fn refine_magnitude(&mut self, plane: u32) {
        for (x, stripe) in self.stripes() {
            for y in stripe..self.height.min(stripe.saturating_add(4)) {
                let flags = self.flags(x, y);
                if flags & (SIGNIFICANT | VISITED) != SIGNIFICANT {
                    continue;
                }
                let context = match (flags & REFINED, self.neighbours(x, y)) {
                    (0, (0, 0, 0)) => 14,
                    (0, _) => 15,
                    _ => 16,
                };
                let bit = self.decode(context);
                self.set_bit(x, y, plane, bit);
                self.mark(x, y, REFINED);
            }
        }
    }

    /// T.800 section D.3.4.
    fn clean_up(&mut self, plane: u32) -> Result<(), Error> {
        for (x, stripe) in self.stripes() {
            let end = self.height.min(stripe.saturating_add(4));
            let mut y = stripe;
            let is_run = end == stripe.saturating_add(4)
                && (stripe..end).all(|y| {
                    self.flags(x, y) & (SIGNIFICANT | VISITED) == 0 && self.zero_context(x, y) == 0
                });
            if is_run {
                if self.decode(RUN) == 0 {
                    (stripe..end).for_each(|y| self.set_bit(x, y, plane, 0));
                    continue;
                }
                let first = self.decode(UNIFORM) << 1 | self.decode(UNIFORM);
                let first = stripe.saturating_add(usize::try_from(first).unwrap_or_default());
                (stripe..first).for_each(|y| self.set_bit(x, y, plane, 0));
                self.become_significant(x, first, plane);
                y = first.saturating_add(1);
            }
            for y in y..end {
                if self.flags(x, y) & (SIGNIFICANT | VISITED) != 0 {
                    continue;
                }
                if self.decode(self.zero_context(x, y)) == 1 {
                    self.become_significant(x, y, plane);
                } else {
                    self.set_bit(x, y, plane, 0);
                }
            }
        }
        self.flags.iter_mut().for_each(|flags| *flags &= !VISITED);
        if self.has_segmentation_symbols {
            let symbol = (0..4).fold(0, |symbol, _| symbol << 1 | self.decode(UNIFORM));
            if symbol != 0b1010 {
                return Err(Error::Invalid("segmentation symbol"));
            }
        }
        Ok(())
    }

    fn coefficients(&self, passes: u32, planes: u32) -> Vec<i32> {
        let is_complete = passes == planes.saturating_mul(3).saturating_sub(2);
        let mut coefficients = Vec::with_capacity(self.magnitudes.len());
        for (at, (magnitude, lowest)) in self.magnitudes.iter().zip(&self.lowest).enumerate() {
            let (x, y) = (at % self.width.max(1), at / self.width.max(1));
            let half = if is_complete || *magnitude == 0 { 0 } else { 1 << lowest };
            let double = i32::try_from((magnitude << 1) | half).unwrap_or(i32::MAX);
            let is_negative = self.flags(x, y) & NEGATIVE != 0;
            coefficients.push(if is_negative { -double } else { double });
        }
        coefficients
    }
}

/// The arithmetic decoder (T.800 section C.3).
struct Arithmetic<'a> {
    coded: &'a [u8],
    at: usize,
    a: u32,
    c: u32,
    count: u32,
}

impl<'a> Arithmetic<'a> {
    fn new(coded: &'a [u8]) -> Self {
        let first = coded.first().copied().unwrap_or(0xFF);
        let mut decoder = Self { coded, at: 0, a: 0x8000, c: u32::from(first) << 16, count: 0 };
        decoder.byte_in();
        decoder.c <<= 7;
        decoder.count = decoder.count.saturating_sub(7);
        decoder
    }

    /// Behind the end stand ones (T.800 section D.4.1).
    fn byte(&self, at: usize) -> u32 {
        self.coded.get(at).copied().map_or(0xFF, u32::from)
    }

    fn byte_in(&mut self) {
        let next = self.byte(self.at.saturating_add(1));
        if self.byte(self.at) != 0xFF {
            self.c = self.c.wrapping_add(next << 8);
            self.count = 8;
        } else if next > 0x8F {
            self.c = self.c.wrapping_add(0xFF00);
            self.count = 8;
            return;
        } else {
            self.c = self.c.wrapping_add(next << 9);
            self.count = 7;
        }
        self.at = self.at.saturating_add(1);
    }

    fn decode(&mut self, context: &mut Context) -> u32 {
        let (row, symbol) = *context;
        let (probability, next_more, next_less, switches) =
            PROBABILITIES.get(usize::from(row)).copied().unwrap_or((0x5601, 0, 0, 0));
        self.a = self.a.wrapping_sub(probability);
        let is_less = if (self.c >> 16) < probability {
            let is_exchanged = self.a < probability;
            self.a = probability;
            !is_exchanged
        } else {
            self.c = self.c.wrapping_sub(probability << 16);
            if self.a & 0x8000 != 0 {
                return u32::from(symbol);
            }
            self.a < probability
        };
        *context = if is_less { (next_less, symbol ^ switches) } else { (next_more, symbol) };
        loop {
            if self.count == 0 {
                self.byte_in();
            }
            self.a <<= 1;
            self.c <<= 1;
            self.count = self.count.saturating_sub(1);
            if self.a & 0x8000 != 0 {
                return u32::from(if is_less { 1 - symbol } else { symbol });
            }
        }
    }
}

/// Probability of the less probable symbol, the rows that follow, and whether the symbols change places (T.800 table
/// C.2).
const PROBABILITIES: [(u32, u8, u8, u8); 47] = [
    (0x5601, 1, 1, 1),
    (0x3401, 2, 6, 0),
    (0x1801, 3, 9, 0),
    (0x0AC1, 4, 12, 0),
    (0x0521, 5, 29, 0),
    (0x0221, 38, 33, 0),
    (0x5601, 7, 6, 1),
    (0x5401, 8, 14, 0),
    (0x4801, 9, 14, 0),
    (0x3801, 10, 14, 0),
    (0x3001, 11, 17, 0),
    (0x2401, 12, 18, 0),
    (0x1C01, 13, 20, 0),
    (0x1601, 29, 21, 0),
    (0x5601, 15, 14, 1),
    (0x5401, 16, 14, 0),
    (0x5101, 17, 15, 0),
    (0x4801, 18, 16, 0),
    (0x3801, 19, 17, 0),
    (0x3401, 20, 18, 0),
    (0x3001, 21, 19, 0),
    (0x2801, 22, 19, 0),
    (0x2401, 23, 20, 0),
    (0x2201, 24, 21, 0),
    (0x1C01, 25, 22, 0),
    (0x1801, 26, 23, 0),
    (0x1601, 27, 24, 0),
    (0x1401, 28, 25, 0),
    (0x1201, 29, 26, 0),
    (0x1101, 30, 27, 0),
    (0x0AC1, 31, 28, 0),
    (0x09C1, 32, 29, 0),
    (0x08A1, 33, 30, 0),
    (0x0521, 34, 31, 0),
    (0x0441, 35, 32, 0),
    (0x02A1, 36, 33, 0),
    (0x0221, 37, 34, 0),
    (0x0141, 38, 35, 0),
    (0x0111, 39, 36, 0),
    (0x0085, 40, 37, 0),
    (0x0049, 41, 38, 0),
    (0x0025, 42, 39, 0),
    (0x0015, 43, 40, 0),
    (0x0009, 44, 41, 0),
    (0x0005, 45, 42, 0),
    (0x0001, 45, 43, 0),
    (0x5601, 46, 46, 0),
];
