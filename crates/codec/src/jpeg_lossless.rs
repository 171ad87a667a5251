//! JPEG Lossless with Huffman coding: process 14 with any predictor (T.81 annex H).

use crate::marker::{DRI, EOI, Fields, Markers, SOI, SOS};
use crate::{Error, Image, Shape};

/// Decodes one image.
///
/// # Errors
/// When it is no JPEG Lossless stream of this shape. Subsampled components, hierarchical and arithmetic coding, and a
/// height that is told after the scan are not supported.
pub fn decode(coded: &[u8], shape: Shape) -> Result<Image, Error> {
    let mut markers = Markers::begin(coded, SOI)?;
    let mut decoder = Decoder::new(shape);
    loop {
        match markers.next()? {
            SOF_LOSSLESS => decoder.read_frame(markers.parameters()?)?,
            DHT => decoder.read_tables(markers.parameters()?)?,
            DRI => decoder.restart_interval = usize::from(markers.parameters()?.short()?),
            SOS => {
                let scan = decoder.read_scan(markers.parameters()?)?;
                let used = decoder.decode_scan(&scan, markers.rest())?;
                markers.skip(used);
            }
            EOI => return decoder.finish(),
            COM | 0xE0..=0xEF => drop(markers.parameters()?),
            _ => return Err(Error::Unsupported("JPEG process or marker")),
        }
    }
}

struct Decoder {
    shape: Shape,
    bits: u16,
    /// Identifiers of the components, in their order; empty before the frame header.
    components: Vec<u8>,
    is_decoded: Vec<bool>,
    tables: [Option<Huffman>; 4],
    restart_interval: usize,
    samples: Vec<u16>,
}

struct Scan {
    /// Component and table of each component of the scan.
    parts: Vec<(usize, usize)>,
    predictor: u8,
    point_transform: u16,
}

impl Decoder {
    fn new(shape: Shape) -> Self {
        Self {
            shape,
            bits: 0,
            components: Vec::new(),
            is_decoded: Vec::new(),
            tables: [const { None }; 4],
            restart_interval: 0,
            samples: Vec::new(),
        }
    }

    fn read_frame(&mut self, mut fields: Fields<'_>) -> Result<(), Error> {
        if !self.components.is_empty() {
            return Err(Error::Invalid("second frame header"));
        }
        self.bits = u16::from(fields.byte()?);
        let (height, width) = (u32::from(fields.short()?), u32::from(fields.short()?));
        let components = fields.byte()?;
        if (Shape { components, height, width }) != self.shape {
            return Err(Error::Shape);
        }
        if !(2..=16).contains(&self.bits) {
            return Err(Error::Invalid("precision"));
        }
        for _ in 0..components {
            let identifier = fields.byte()?;
            // One sampling factor for a single component changes nothing; several must agree.
            if components > 1 && fields.byte()? != 0x11 {
                return Err(Error::Unsupported("subsampled components"));
            } else if components == 1 {
                fields.byte()?;
            }
            fields.byte()?;
            self.components.push(identifier);
        }
        self.is_decoded = vec![false; self.components.len()];
        self.samples = vec![0; self.shape.samples()];
        Ok(())
    }

    fn read_tables(&mut self, mut fields: Fields<'_>) -> Result<(), Error> {
        while !fields.is_empty() {
            let destination = fields.byte()?;
            let counts = fields.take(16)?;
            let total = counts.iter().map(|count| usize::from(*count)).sum();
            let table = Huffman::new(counts, fields.take(total)?)?;
            // Class 1 is for AC coefficients, which lossless images do not have.
            if destination & 0xF0 == 0 {
                let slot = self.tables.get_mut(usize::from(destination));
                *slot.ok_or(Error::Invalid("table destination"))? = Some(table);
            }
        }
        Ok(())
    }

    fn read_scan(&mut self, mut fields: Fields<'_>) -> Result<Scan, Error> {
        let mut parts = Vec::new();
        for _ in 0..fields.byte()? {
            let (identifier, table) = (fields.byte()?, usize::from(fields.byte()? >> 4));
            let component = self.components.iter().position(|known| *known == identifier);
            let component = component.ok_or(Error::Invalid("component of a scan"))?;
            let decoded = self.is_decoded.get_mut(component).ok_or(Error::Invalid("component"))?;
            if std::mem::replace(decoded, true) {
                return Err(Error::Invalid("component in two scans"));
            }
            parts.push((component, table));
        }
        let predictor = fields.byte()?;
        fields.byte()?;
        let point_transform = u16::from(fields.byte()? & 0x0F);
        if parts.is_empty() || !(1..=7).contains(&predictor) || point_transform >= self.bits {
            return Err(Error::Invalid("scan parameters"));
        }
        Ok(Scan { parts, predictor, point_transform })
    }

    /// Decodes a scan and says how many bytes it took.
    fn decode_scan(&mut self, scan: &Scan, coded: &[u8]) -> Result<usize, Error> {
        let width = usize::try_from(self.shape.width).unwrap_or(usize::MAX);
        let height = usize::try_from(self.shape.height).unwrap_or(usize::MAX);
        if self.restart_interval.checked_rem(width).unwrap_or(0) != 0 {
            return Err(Error::Unsupported("restart within a line"));
        }
        let lines_per_restart = self.restart_interval.checked_div(width).unwrap_or(0);
        let components = self.components.len();
        let initial = 1_u16 << self.bits.saturating_sub(scan.point_transform).saturating_sub(1);
        let mut bits = Bits::new(coded);
        let mut above = vec![0_u16; width.saturating_mul(components)];
        let mut line = above.clone();
        let mut is_first = true;
        for y in 0..height {
            if y > 0 && lines_per_restart > 0 && y % lines_per_restart == 0 {
                bits.restart()?;
                is_first = true;
            }
            for x in 0..width {
                let pixel = x.saturating_mul(components);
                for (component, table) in &scan.parts {
                    let table = self.tables.get(*table).and_then(Option::as_ref);
                    let table = table.ok_or(Error::Invalid("no Huffman table"))?;
                    let at = pixel.saturating_add(*component);
                    let of = |line: &[u16], at: usize| line.get(at).copied().unwrap_or_default();
                    let a = of(&line, at.wrapping_sub(components));
                    let b = of(&above, at);
                    let predicted = match (is_first, x) {
                        (true, 0) => initial,
                        (true, _) => a,
                        (false, 0) => b,
                        _ => predict(scan.predictor, a, b, of(&above, at.wrapping_sub(components))),
                    };
                    let sample = predicted.wrapping_add(bits.difference(table)?);
                    if let Some(cell) = line.get_mut(at) {
                        *cell = sample;
                    }
                }
            }
            self.keep(scan, y.saturating_mul(width).saturating_mul(components), &line)?;
            std::mem::swap(&mut above, &mut line);
            is_first = false;
        }
        Ok(bits.used())
    }

    fn keep(&mut self, scan: &Scan, at: usize, line: &[u16]) -> Result<(), Error> {
        // Differences are modulo 2^16, so that a damaged stream can leave its precision.
        let bits = u32::from(self.bits.saturating_sub(scan.point_transform));
        let components = self.components.len().max(1);
        let cells = self.samples.get_mut(at..).unwrap_or(&mut []);
        for (component, _) in &scan.parts {
            let values = line.iter().skip(*component).step_by(components);
            if values.clone().any(|value| u32::from(*value) >> bits != 0) {
                return Err(Error::Invalid("sample beyond its precision"));
            }
            let targets = cells.iter_mut().skip(*component).step_by(components);
            targets.zip(values).for_each(|(cell, value)| *cell = *value << scan.point_transform);
        }
        Ok(())
    }

    fn finish(self) -> Result<Image, Error> {
        if self.is_decoded.is_empty() || self.is_decoded.contains(&false) {
            return Err(Error::EndsEarly);
        }
        Ok(Image { bits: self.bits, is_signed: false, samples: self.samples })
    }
}

/// The predictors of T.81 table H.1.
fn predict(predictor: u8, a: u16, b: u16, c: u16) -> u16 {
    let (wide_a, wide_b, wide_c) = (i32::from(a), i32::from(b), i32::from(c));
    let predicted = match predictor {
        1 => wide_a,
        2 => wide_b,
        3 => wide_c,
        4 => wide_a + wide_b - wide_c,
        5 => wide_a + ((wide_b - wide_c) >> 1),
        6 => wide_b + ((wide_a - wide_c) >> 1),
        _ => (wide_a + wide_b) >> 1,
    };
    // Modulo 2^16, as the difference that is added to it.
    let [low, high, ..] = predicted.to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// A Huffman table as limits per code length (T.81 section F.2.2.3).
struct Huffman {
    /// Per length from 1: the code after the last one of that length, aligned to 16 bits; and what to add to a code to
    /// get the place of its value.
    lengths: [(u32, i32); 16],
    values: Vec<u8>,
}

impl Huffman {
    fn new(counts: &[u8], values: &[u8]) -> Result<Self, Error> {
        let mut lengths = [(0, 0); 16];
        let (mut code, mut place) = (0_i32, 0_i32);
        for ((length, slot), count) in (1_u32..).zip(&mut lengths).zip(counts) {
            let after = code + i32::from(*count);
            if after > 1 << length {
                return Err(Error::Invalid("Huffman table"));
            }
            *slot = (after.unsigned_abs() << (16 - length), place - code);
            place += i32::from(*count);
            code = after << 1;
        }
        if values.iter().any(|category| *category > 16) {
            return Err(Error::Invalid("Huffman table"));
        }
        Ok(Self { lengths, values: values.to_vec() })
    }
}

/// Entropy-coded bits, most significant first; a zero byte is stuffed behind each `FF` (T.81 section B.1.1.5).
struct Bits<'a> {
    coded: &'a [u8],
    at: usize,
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    fn new(coded: &'a [u8]) -> Self {
        Self { coded, at: 0, held: 0, count: 0 }
    }

    /// Holds 32 bits where the stream has them.
    fn fill(&mut self) {
        while self.count <= 32 {
            let byte = match self.coded.get(self.at..).unwrap_or(&[]) {
                [0xFF, 0, ..] => {
                    self.at = self.at.saturating_add(2);
                    0xFF
                }
                [0xFF, ..] | [] => return,
                [byte, ..] => {
                    self.at = self.at.saturating_add(1);
                    *byte
                }
            };
            self.held = self.held << 8 | u64::from(byte);
            self.count = self.count.saturating_add(8);
        }
    }

    /// The next 16 bits, with zeros behind the end of the stream.
    fn peek(&self) -> u32 {
        let bits = if self.count >= 16 {
            self.held >> (self.count - 16)
        } else {
            self.held << (16 - self.count)
        };
        u32::try_from(bits & 0xFFFF).unwrap_or_default()
    }

    fn take(&mut self, count: u32) -> Result<(), Error> {
        self.count = self.count.checked_sub(count).ok_or(Error::EndsEarly)?;
        Ok(())
    }

    /// The next difference (T.81 section H.1.2.2).
    fn difference(&mut self, table: &Huffman) -> Result<u16, Error> {
        self.fill();
        let code = self.peek();
        let found = (1_u32..).zip(&table.lengths).find(|(_, (limit, _))| code < *limit);
        let (length, (_, offset)) = found.ok_or(Error::Invalid("Huffman code"))?;
        let place = i32::try_from(code >> (16 - length)).unwrap_or(-1).saturating_add(*offset);
        let place = usize::try_from(place).map_err(|_| Error::Invalid("Huffman code"))?;
        let category = u32::from(*table.values.get(place).ok_or(Error::Invalid("Huffman code"))?);
        self.take(length)?;
        match category {
            0 => Ok(0),
            16 => Ok(0x8000),
            _ => {
                let bits = self.peek() >> (16 - category);
                self.take(category)?;
                let negative = bits < 1 << (category - 1);
                let value = if negative { bits.wrapping_sub((1 << category) - 1) } else { bits };
                let [low, high, ..] = value.to_le_bytes();
                Ok(u16::from_le_bytes([low, high]))
            }
        }
    }

    /// Passes over a restart marker.
    fn restart(&mut self) -> Result<(), Error> {
        // What is held are the padding bits before the marker.
        (self.held, self.count) = (0, 0);
        match self.coded.get(self.at..).unwrap_or(&[]) {
            [0xFF, 0xD0..=0xD7, ..] => {
                self.at = self.at.saturating_add(2);
                Ok(())
            }
            _ => Err(Error::Invalid("a restart marker was expected")),
        }
    }

    /// Bytes up to the marker behind the scan.
    fn used(&self) -> usize {
        let ahead = usize::try_from(self.count / 8).unwrap_or_default();
        // A marker stopped the filling, so that whole bytes ahead would be garbage before it.
        if ahead > 0 { self.at.saturating_sub(ahead) } else { self.at }
    }
}

const SOF_LOSSLESS: u8 = 0xC3;
const DHT: u8 = 0xC4;
const COM: u8 = 0xFE;
