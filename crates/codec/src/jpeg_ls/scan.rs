//! The samples of a scan (T.87 annex A).

use super::{Coding, Interleave, ScanHeader};
use crate::{Error, Shape};

/// Decodes a scan into its components of `samples` and says how many bytes it took.
pub(super) fn decode(
    coded: &[u8],
    shape: Shape,
    header: &ScanHeader,
    coding: &Coding,
    samples: &mut [u16],
) -> Result<usize, Error> {
    let width = usize::try_from(shape.width).unwrap_or(usize::MAX);
    let components = usize::from(shape.components).max(1);
    let mut scan = Scan::new(coded, coding, width, header.parts.len());
    for image_line in samples.chunks_mut(width.saturating_mul(components).max(1)) {
        if header.interleave == Interleave::Sample {
            scan.line_of_pixels()?;
        } else {
            for plane in 0..header.parts.len() {
                scan.line_of_component(plane)?;
            }
        }
        for (plane, component) in scan.planes.iter_mut().zip(&header.parts) {
            let cells = image_line.iter_mut().skip(*component).step_by(components);
            let values = plane.line.iter().skip(1);
            cells.zip(values).for_each(|(cell, value)| *cell = *value);
            plane.next_line();
        }
    }
    Ok(scan.bits.used())
}

/// One component while it is decoded: a line and the one above it, with one sample more at each end.
struct Plane {
    above: Vec<u16>,
    line: Vec<u16>,
    run_index: usize,
}

impl Plane {
    fn begin_line(&mut self) {
        // Beside the image stand the sample above the first and the last one above (T.87 section A.2.1).
        let first = self.above.get(1).copied().unwrap_or_default();
        if let Some(cell) = self.line.first_mut() {
            *cell = first;
        }
        if let [.., last, beyond] = self.above.as_mut_slice() {
            *beyond = *last;
        }
    }

    fn next_line(&mut self) {
        std::mem::swap(&mut self.above, &mut self.line);
    }

    /// The neighbours of the sample at `x`, counted from 1: left, above, above left, above right.
    fn around(&self, x: usize) -> (i32, i32, i32, i32) {
        let of = |line: &[u16], at: usize| line.get(at).copied().map_or(0, i32::from);
        let left = x.wrapping_sub(1);
        let right = x.saturating_add(1);
        let above = &self.above;
        (of(&self.line, left), of(above, x), of(above, left), of(above, right))
    }

    fn put(&mut self, x: usize, sample: i32) {
        if let (Some(cell), Ok(sample)) = (self.line.get_mut(x), u16::try_from(sample)) {
            *cell = sample;
        }
    }
}

/// Statistics of a context of regular mode (T.87 section A.2.2).
#[derive(Clone, Copy)]
struct Context {
    a: i64,
    b: i64,
    c: i32,
    n: i64,
}

/// Statistics of a run interruption.
#[derive(Clone, Copy)]
struct Interruption {
    a: i64,
    n: i64,
    negative: i64,
}

struct Scan<'a> {
    bits: Bits<'a>,
    coding: &'a Coding,
    contexts: Vec<Context>,
    interruptions: [Interruption; 2],
    planes: Vec<Plane>,
    width: usize,
}

impl<'a> Scan<'a> {
    fn new(coded: &'a [u8], coding: &'a Coding, width: usize, planes: usize) -> Self {
        let a = i64::from(((coding.range + 32) / 64).max(2));
        let line = vec![0; width.saturating_add(2)];
        let plane = || Plane { above: line.clone(), line: line.clone(), run_index: 0 };
        Self {
            bits: Bits { coded, at: 0, held: 0, count: 0, after_ff: false },
            coding,
            contexts: vec![Context { a, b: 0, c: 0, n: 1 }; CONTEXTS],
            interruptions: [Interruption { a, n: 1, negative: 0 }; 2],
            planes: std::iter::repeat_with(plane).take(planes).collect(),
            width,
        }
    }

    fn line_of_component(&mut self, at: usize) -> Result<(), Error> {
        let Some(plane) = self.planes.get_mut(at) else { return Ok(()) };
        let mut plane =
            std::mem::replace(plane, Plane { above: Vec::new(), line: Vec::new(), run_index: 0 });
        plane.begin_line();
        let mut x = 1;
        while x <= self.width {
            let around = plane.around(x);
            let gradients = self.gradients(around);
            if gradients != [0; 3] {
                let sample = self.regular(gradients, around)?;
                plane.put(x, sample);
                x = x.saturating_add(1);
                continue;
            }
            let (left, ..) = around;
            let (length, is_interrupted) = self.run(x, &mut plane.run_index)?;
            (x..x.saturating_add(length)).for_each(|x| plane.put(x, left));
            x = x.saturating_add(length);
            if is_interrupted {
                let (_, above, ..) = plane.around(x);
                let same = (left - above).abs() <= self.coding.near;
                let sample = self.interruption(left, above, same, plane.run_index)?;
                plane.put(x, sample);
                plane.run_index = plane.run_index.saturating_sub(1);
                x = x.saturating_add(1);
            }
        }
        if let Some(slot) = self.planes.get_mut(at) {
            *slot = plane;
        }
        Ok(())
    }

    /// A line whose components come sample by sample: they are in a run together or not at all.
    fn line_of_pixels(&mut self) -> Result<(), Error> {
        let mut planes = std::mem::take(&mut self.planes);
        planes.iter_mut().for_each(Plane::begin_line);
        let mut run_index = planes.first().map_or(0, |plane| plane.run_index);
        let mut x = 1;
        while x <= self.width {
            if planes.iter().any(|plane| self.gradients(plane.around(x)) != [0; 3]) {
                for plane in &mut planes {
                    let around = plane.around(x);
                    let sample = self.regular(self.gradients(around), around)?;
                    plane.put(x, sample);
                }
                x = x.saturating_add(1);
                continue;
            }
            let (length, is_interrupted) = self.run(x, &mut run_index)?;
            for plane in &mut planes {
                let (left, ..) = plane.around(x);
                (x..x.saturating_add(length)).for_each(|x| plane.put(x, left));
            }
            x = x.saturating_add(length);
            if is_interrupted {
                for plane in &mut planes {
                    let (left, above, ..) = plane.around(x);
                    let sample = self.interruption(left, above, false, run_index)?;
                    plane.put(x, sample);
                }
                run_index = run_index.saturating_sub(1);
                x = x.saturating_add(1);
            }
        }
        planes.iter_mut().for_each(|plane| plane.run_index = run_index);
        self.planes = planes;
        Ok(())
    }

    /// The quantised gradients around a sample (T.87 sections A.3.1 to A.3.3).
    fn gradients(&self, (a, b, c, d): (i32, i32, i32, i32)) -> [i32; 3] {
        let [one, two, three] = self.coding.thresholds;
        let quantise = |gradient: i32| {
            let size = gradient.abs();
            let step = if size <= self.coding.near {
                0
            } else if size < one {
                1
            } else if size < two {
                2
            } else if size < three {
                3
            } else {
                4
            };
            step * gradient.signum()
        };
        [quantise(d - b), quantise(b - c), quantise(c - a)]
    }

    /// T.87 sections A.4 to A.6.
    fn regular(
        &mut self,
        [one, two, three]: [i32; 3],
        (a, b, c, _): (i32, i32, i32, i32),
    ) -> Result<i32, Error> {
        let place = 81 * one + 9 * two + three;
        let sign = if place < 0 { -1 } else { 1 };
        let place = usize::try_from(place.unsigned_abs()).unwrap_or(usize::MAX);
        let coding = self.coding;
        let context = self.contexts.get_mut(place).ok_or(Error::Invalid("context"))?;
        let predicted = if c >= a.max(b) {
            a.min(b)
        } else if c <= a.min(b) {
            a.max(b)
        } else {
            a + b - c
        };
        let predicted = (predicted + sign * context.c).clamp(0, coding.maximum);
        let k = golomb_parameter(context.a, context.n)?;
        let mapped = self.bits.golomb(k, coding.limit, coding.plain_bits)?;
        let inverted = coding.near == 0 && k == 0 && 2 * context.b <= -context.n;
        let error = match (mapped % 2 == 0, inverted) {
            (true, false) => mapped / 2,
            (false, false) => -(mapped / 2) - 1,
            (true, true) => -(mapped / 2) - 1,
            (false, true) => mapped / 2,
        };
        context.update(error, coding);
        reconstruct(predicted, sign, error, coding)
    }

    /// How long a run goes on from `x`, and whether another sample ends it (T.87 section A.7.1).
    fn run(&mut self, x: usize, run_index: &mut usize) -> Result<(usize, bool), Error> {
        let left = self.width.saturating_add(1).saturating_sub(x);
        let mut length = 0_usize;
        while self.bits.bits(1)? == 1 {
            let block = 1_usize << run_order(*run_index);
            length = length.saturating_add(block);
            if length <= left {
                *run_index = run_index.saturating_add(1).min(31);
            }
            if length >= left {
                return Ok((left, false));
            }
        }
        let more = self.bits.bits(run_order(*run_index))?;
        length = length.saturating_add(usize::try_from(more).unwrap_or(usize::MAX));
        if length >= left {
            return Err(Error::Invalid("run beyond its line"));
        }
        Ok((length, true))
    }

    /// The sample that ends a run (T.87 section A.7.2).
    fn interruption(
        &mut self,
        left: i32,
        above: i32,
        same: bool,
        run_index: usize,
    ) -> Result<i32, Error> {
        let coding = self.coding;
        let [differ, alike] = &mut self.interruptions;
        let (statistics, kind) = if same { (alike, 1_i64) } else { (differ, 0) };
        let a = statistics.a + if same { statistics.n >> 1 } else { 0 };
        let k = golomb_parameter(a, statistics.n)?;
        let limit = coding.limit.saturating_sub(run_order(run_index)).saturating_sub(1);
        let mapped = self.bits.golomb(k, limit, coding.plain_bits)?;
        let sum = mapped + kind;
        let size = (sum + 1) / 2;
        let is_map = sum % 2 == 1;
        let likely = k != 0 || 2 * statistics.negative >= statistics.n;
        let error = if likely == is_map { -size } else { size };
        if error < 0 {
            statistics.negative += 1;
        }
        statistics.a += (mapped + 1 - kind) >> 1;
        if statistics.n == i64::from(coding.reset) {
            statistics.a >>= 1;
            statistics.n >>= 1;
            statistics.negative >>= 1;
        }
        statistics.n += 1;
        let sign = if !same && left > above { -1 } else { 1 };
        reconstruct(if same { left } else { above }, sign, error, coding)
    }
}

impl Context {
    /// T.87 sections A.6.1 and A.6.2.
    fn update(&mut self, error: i64, coding: &Coding) {
        self.b += error * i64::from(2 * coding.near + 1);
        self.a += error.abs();
        if self.n == i64::from(coding.reset) {
            self.a >>= 1;
            self.b >>= 1;
            self.n >>= 1;
        }
        self.n += 1;
        if self.b <= -self.n {
            self.b = (self.b + self.n).max(1 - self.n);
            self.c = (self.c - 1).max(-128);
        } else if self.b > 0 {
            self.b = (self.b - self.n).min(0);
            self.c = (self.c + 1).min(127);
        }
    }
}

fn golomb_parameter(a: i64, n: i64) -> Result<u32, Error> {
    let found = (0..24_u32).find(|k| n << k >= a);
    found.ok_or(Error::Invalid("prediction error"))
}

/// T.87 section A.4.5 the other way round.
fn reconstruct(predicted: i32, sign: i32, error: i64, coding: &Coding) -> Result<i32, Error> {
    let step = i64::from(2 * coding.near + 1);
    let (near, maximum) = (i64::from(coding.near), i64::from(coding.maximum));
    let period = i64::from(coding.range) * step;
    let mut sample = i64::from(predicted) + i64::from(sign) * error * step;
    if sample < -near {
        sample += period;
    } else if sample > maximum + near {
        sample -= period;
    }
    if !(-near..=maximum + near).contains(&sample) {
        return Err(Error::Invalid("prediction error"));
    }
    Ok(i32::try_from(sample.clamp(0, maximum)).unwrap_or_default())
}

/// The orders of run lengths (T.87 section A.2.1).
fn run_order(run_index: usize) -> u32 {
    const ORDERS: [u32; 32] = [
        0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12,
        13, 14, 15,
    ];
    ORDERS.get(run_index).copied().unwrap_or(15)
}

/// Entropy-coded bits; behind each `FF` byte only seven bits are used (T.87 section 9.1).
struct Bits<'a> {
    coded: &'a [u8],
    at: usize,
    held: u64,
    count: u32,
    after_ff: bool,
}

impl Bits<'_> {
    fn fill(&mut self) {
        while self.count <= 32 {
            let Some(byte) = self.coded.get(self.at).copied() else { return };
            if self.after_ff && byte & 0x80 != 0 {
                return;
            }
            // An FF before a marker is the marker's first byte.
            if byte == 0xFF && self.coded.get(self.at.saturating_add(1)).is_none_or(|it| *it > 0x7F)
            {
                return;
            }
            let width = if self.after_ff { 7 } else { 8 };
            self.held = self.held << width | u64::from(byte);
            self.count = self.count.saturating_add(width);
            self.after_ff = byte == 0xFF;
            self.at = self.at.saturating_add(1);
        }
    }

    /// The next bits, at most 24.
    fn bits(&mut self, count: u32) -> Result<u64, Error> {
        if self.count < count {
            self.fill();
        }
        self.count = self.count.checked_sub(count).ok_or(Error::EndsEarly)?;
        let bits = (self.held >> self.count) & ((1 << count) - 1);
        Ok(bits)
    }

    /// A number in a Golomb code of limited length (T.87 section A.5.3).
    fn golomb(&mut self, k: u32, limit: u32, plain_bits: u32) -> Result<i64, Error> {
        let unary_max = limit.saturating_sub(plain_bits).saturating_sub(1);
        let mut zeros = 0_u32;
        while self.bits(1)? == 0 {
            zeros = zeros.saturating_add(1);
            if zeros > unary_max {
                return Err(Error::Invalid("Golomb code"));
            }
        }
        let number = if zeros < unary_max {
            u64::from(zeros) << k | self.bits(k)?
        } else {
            self.bits(plain_bits)?.saturating_add(1)
        };
        i64::try_from(number).map_err(|_| Error::Invalid("Golomb code"))
    }

    /// Bytes up to the marker behind the scan.
    fn used(&self) -> usize {
        let rest = self.coded.get(self.at..).unwrap_or(&[]);
        // A zero bit may be stuffed behind a last FF.
        let padding = usize::from(self.after_ff && rest.first().is_some_and(|byte| *byte < 0x80));
        self.at.saturating_add(padding).saturating_sub(usize::try_from(self.count / 8).unwrap_or(0))
    }
}

const CONTEXTS: usize = 365;
