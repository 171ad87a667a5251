//! The headers of a code stream (T.800 annex A).

use std::collections::BTreeMap;

use crate::marker::{EOI, Fields, Markers};
use crate::{Error, Shape};

/// What the main header says.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) bits: u16,
    pub(super) components: usize,
    pub(super) is_signed: bool,
    /// The image area and the tiling on the reference grid.
    pub(super) image: Rect,
    tile_origin: (u32, u32),
    tile_size: (u32, u32),
    coding: Coding,
}

/// A rectangle; `x1` and `y1` are beyond it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Rect {
    pub(super) x0: u32,
    pub(super) y0: u32,
    pub(super) x1: u32,
    pub(super) y1: u32,
}

impl Rect {
    pub(super) fn width(self) -> usize {
        usize::try_from(self.x1.saturating_sub(self.x0)).unwrap_or(usize::MAX)
    }

    pub(super) fn height(self) -> usize {
        usize::try_from(self.y1.saturating_sub(self.y0)).unwrap_or(usize::MAX)
    }

    pub(super) fn area(self) -> usize {
        self.width().saturating_mul(self.height())
    }

    pub(super) fn is_empty(self) -> bool {
        self.x0 >= self.x1 || self.y0 >= self.y1
    }

    /// Applies a function to all four sides.
    pub(super) fn map(self, x: impl Fn(u32) -> u32, y: impl Fn(u32) -> u32) -> Self {
        Self { x0: x(self.x0), y0: y(self.y0), x1: x(self.x1), y1: y(self.y1) }
    }

    pub(super) fn intersection(self, other: Self) -> Self {
        Self {
            x0: self.x0.max(other.x0),
            y0: self.y0.max(other.y0),
            x1: self.x1.min(other.x1),
            y1: self.y1.min(other.y1),
        }
    }
}

/// How a tile, or every tile, is coded.
#[derive(Clone, Debug)]
pub(super) struct Coding {
    pub(super) is_transformed: bool,
    pub(super) layers: u16,
    pub(super) progression: u8,
    style: Option<Style>,
    quantisation: Option<Quantisation>,
    styles: BTreeMap<usize, Style>,
    quantisations: BTreeMap<usize, Quantisation>,
}

/// How a component is transformed and its blocks are coded (T.800 table A.20).
#[derive(Clone, Debug)]
pub(super) struct Style {
    pub(super) levels: u8,
    pub(super) block_width: u8,
    pub(super) block_height: u8,
    pub(super) passes: PassStyle,
    pub(super) is_reversible: bool,
    /// Exponents of the precinct size of each resolution.
    precincts: Vec<(u8, u8)>,
}

/// Variations of the coding passes (T.800 table A.19).
#[derive(Clone, Copy, Debug)]
pub(super) struct PassStyle {
    pub(super) resets_contexts: bool,
    pub(super) is_causal: bool,
    pub(super) has_segmentation_symbols: bool,
}

/// Step sizes of a component (T.800 section A.6.4).
#[derive(Clone, Debug)]
pub(super) struct Quantisation {
    pub(super) guard_bits: u8,
    is_derived: bool,
    /// Exponent and mantissa of each band.
    steps: Vec<(u8, u16)>,
}

impl Style {
    pub(super) fn precinct(&self, resolution: usize) -> (u8, u8) {
        self.precincts.get(resolution).copied().unwrap_or((15, 15))
    }

    fn read(fields: &mut Fields<'_>, has_precincts: bool) -> Result<Self, Error> {
        let levels = fields.byte()?;
        let (width, height) = (fields.byte()?.saturating_add(2), fields.byte()?.saturating_add(2));
        let flags = fields.byte()?;
        let transformation = fields.byte()?;
        if levels > 32 || width > 10 || height > 10 || width.saturating_add(height) > 12 {
            return Err(Error::Invalid("coding style"));
        }
        if flags & !(RESET | CAUSAL | PREDICTABLE | SYMBOLS) != 0 {
            return Err(Error::Unsupported("style of coding passes"));
        }
        let mut precincts = Vec::new();
        for resolution in 0..=usize::from(levels) {
            if !has_precincts {
                break;
            }
            let sizes = fields.byte()?;
            let (x, y) = (sizes & 0x0F, sizes >> 4);
            if resolution > 0 && (x == 0 || y == 0) {
                return Err(Error::Invalid("precinct size"));
            }
            precincts.push((x, y));
        }
        let passes = PassStyle {
            resets_contexts: flags & RESET != 0,
            is_causal: flags & CAUSAL != 0,
            has_segmentation_symbols: flags & SYMBOLS != 0,
        };
        let is_reversible = match transformation {
            0 => false,
            1 => true,
            _ => return Err(Error::Unsupported("wavelet transformation")),
        };
        let (block_width, block_height) = (width, height);
        Ok(Self { levels, block_width, block_height, passes, is_reversible, precincts })
    }
}

impl Quantisation {
    /// Exponent and mantissa of the band with this number, counted from the coarsest, at this decomposition level below
    /// the coarsest one.
    pub(super) fn step(&self, band: usize, below: u8) -> Result<(u8, u16), Error> {
        if self.is_derived {
            let (exponent, mantissa) = self.steps.first().copied().unwrap_or_default();
            return Ok((exponent.saturating_sub(below), mantissa));
        }
        self.steps.get(band).copied().ok_or(Error::Invalid("no step size for a band"))
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, Error> {
        let style = fields.byte()?;
        let (guard_bits, kind) = (style >> 5, style & 0x1F);
        let mut steps = Vec::new();
        while !fields.is_empty() {
            if steps.len() >= BANDS_MAX {
                return Err(Error::Invalid("quantisation"));
            }
            steps.push(if kind == 0 {
                (fields.byte()? >> 3, 0)
            } else {
                let step = fields.short()?;
                (step.to_be_bytes().first().map_or(0, |high| high >> 3), step & 0x07FF)
            });
        }
        if kind > 2 || steps.is_empty() {
            return Err(Error::Invalid("quantisation"));
        }
        Ok(Self { guard_bits, is_derived: kind == 1, steps })
    }
}

impl Coding {
    fn new() -> Self {
        Self {
            is_transformed: false,
            layers: 0,
            progression: 0,
            style: None,
            quantisation: None,
            styles: BTreeMap::new(),
            quantisations: BTreeMap::new(),
        }
    }

    pub(super) fn style(&self, component: usize) -> Result<&Style, Error> {
        let style = self.styles.get(&component).or(self.style.as_ref());
        style.ok_or(Error::Invalid("no coding style"))
    }

    pub(super) fn quantisation(&self, component: usize) -> Result<&Quantisation, Error> {
        let quantisation = self.quantisations.get(&component).or(self.quantisation.as_ref());
        quantisation.ok_or(Error::Invalid("no quantisation"))
    }

    /// Takes over a marker segment that may stand in both kinds of headers. In a tile's header, what is said for every
    /// component stands above what the main header says for one (T.800 section A.6.1).
    fn read(&mut self, marker: u8, mut fields: Fields<'_>, components: usize) -> Result<(), Error> {
        let component = |fields: &mut Fields<'_>| {
            let component = if components < 257 {
                usize::from(fields.byte()?)
            } else {
                usize::from(fields.short()?)
            };
            if component >= components {
                return Err(Error::Invalid("component"));
            }
            Ok::<usize, Error>(component)
        };
        match marker {
            COD => {
                let style = fields.byte()?;
                self.progression = fields.byte()?;
                self.layers = fields.short()?;
                self.is_transformed = fields.byte()? == 1;
                self.style = Some(Style::read(&mut fields, style & 1 != 0)?);
                if self.layers == 0 || self.progression > 4 {
                    return Err(Error::Invalid("coding style"));
                }
            }
            COC => {
                let component = component(&mut fields)?;
                let has_precincts = fields.byte()? & 1 != 0;
                self.styles.insert(component, Style::read(&mut fields, has_precincts)?);
            }
            QCD => self.quantisation = Some(Quantisation::read(&mut fields)?),
            QCC => {
                let component = component(&mut fields)?;
                self.quantisations.insert(component, Quantisation::read(&mut fields)?);
            }
            // Comments, and lengths that are found anyway.
            COM | CRG | TLM | PLM | PLT => {}
            _ => return Err(Error::Unsupported("marker segment")),
        }
        Ok(())
    }
}

impl Header {
    /// Reads the main header; what is left begins with the first tile-part, whose marker was read.
    pub(super) fn read(coded: &[u8], shape: Shape) -> Result<(Self, Markers<'_>), Error> {
        let mut markers = Markers::begin(coded, SOC)?;
        if markers.next()? != SIZ {
            return Err(Error::Invalid("image size expected"));
        }
        let mut header = Self::read_size(markers.parameters()?, shape)?;
        loop {
            match markers.next()? {
                SOT => return Ok((header, markers)),
                marker => header.coding.read(marker, markers.parameters()?, header.components)?,
            }
        }
    }

    fn read_size(mut fields: Fields<'_>, shape: Shape) -> Result<Self, Error> {
        if fields.short()? & 0x4000 != 0 {
            return Err(Error::Unsupported("high throughput blocks"));
        }
        let (x1, y1) = (fields.long()?, fields.long()?);
        let image = Rect { x0: fields.long()?, y0: fields.long()?, x1, y1 };
        let tile_size = (fields.long()?, fields.long()?);
        let tile_origin = (fields.long()?, fields.long()?);
        let components = fields.short()?;
        let size = (image.x1.checked_sub(image.x0), image.y1.checked_sub(image.y0));
        if size != (Some(shape.width), Some(shape.height))
            || components != u16::from(shape.components)
        {
            return Err(Error::Shape);
        }
        let mut precision = None;
        for _ in 0..components {
            let own = fields.byte()?;
            if precision.replace(own).is_some_and(|other| other != own) {
                return Err(Error::Unsupported("components of different precision"));
            }
            if (fields.byte()?, fields.byte()?) != (1, 1) {
                return Err(Error::Unsupported("subsampled components"));
            }
        }
        let precision = precision.unwrap_or_default();
        let bits = u16::from(precision & 0x7F).saturating_add(1);
        let begins = tile_origin.0 <= image.x0 && tile_origin.1 <= image.y0;
        let holds = tile_origin.0.saturating_add(tile_size.0) > image.x0
            && tile_origin.1.saturating_add(tile_size.1) > image.y0;
        if !begins || !holds || image.is_empty() || x1.max(y1) > i32::MAX.unsigned_abs() {
            return Err(Error::Invalid("tiles"));
        }
        if bits > 16 {
            return Err(Error::Unsupported("more than 16 bits"));
        }
        let components = usize::from(components);
        let (is_signed, coding) = (precision & 0x80 != 0, Coding::new());
        Ok(Self { bits, components, is_signed, image, tile_origin, tile_size, coding })
    }

    fn tiles_across(&self) -> u32 {
        self.image.x1.saturating_sub(self.tile_origin.0).div_ceil(self.tile_size.0.max(1))
    }

    pub(super) fn tiles(&self) -> usize {
        let down =
            self.image.y1.saturating_sub(self.tile_origin.1).div_ceil(self.tile_size.1.max(1));
        let across = usize::try_from(self.tiles_across()).unwrap_or(usize::MAX);
        across.saturating_mul(usize::try_from(down).unwrap_or(usize::MAX))
    }

    /// The area of a tile (T.800 equation B-7 and after).
    pub(super) fn tile(&self, at: u16) -> Rect {
        let across = self.tiles_across().max(1);
        let (p, q) = (u32::from(at) % across, u32::from(at) / across);
        let start =
            |origin: u32, size: u32, index: u32| origin.saturating_add(size.saturating_mul(index));
        let (x, y) = (self.tile_origin.0, self.tile_origin.1);
        let (width, height) = self.tile_size;
        let rect = Rect {
            x0: start(x, width, p),
            y0: start(y, height, q),
            x1: start(x, width, p.saturating_add(1)),
            y1: start(y, height, q.saturating_add(1)),
        };
        rect.intersection(self.image)
    }
}

/// The tile-parts of a tile: where the header of each begins, behind its first marker segment, and its packets.
///
/// The headers are read once more when the tile is decoded, so that only one tile at a time holds what they say.
#[derive(Debug, Default)]
pub(super) struct TileParts<'a> {
    headers: Vec<Markers<'a>>,
    packets: Vec<&'a [u8]>,
}

impl TileParts<'_> {
    /// How the tile is coded, and all its packets.
    pub(super) fn read(&self, header: &Header) -> Result<Tile, Error> {
        let mut coding = header.coding.clone();
        for part in &self.headers {
            let mut markers = part.clone();
            loop {
                match markers.next()? {
                    SOD => break,
                    marker => coding.read(marker, markers.parameters()?, header.components)?,
                }
            }
        }
        Ok(Tile { coding, packets: self.packets.concat() })
    }
}

/// A tile that is to be decoded.
#[derive(Debug)]
pub(super) struct Tile {
    pub(super) coding: Coding,
    pub(super) packets: Vec<u8>,
}

/// Collects the tile-parts; the marker of the first was read.
pub(super) fn tile_parts<'a>(
    header: &Header,
    mut markers: Markers<'a>,
) -> Result<BTreeMap<u16, TileParts<'a>>, Error> {
    let mut tiles: BTreeMap<u16, TileParts<'a>> = BTreeMap::new();
    let count = header.tiles();
    loop {
        // The length counts from the marker on.
        let from = markers.rest();
        let mut fields = markers.parameters()?;
        let (at, length, _part, _parts) =
            (fields.short()?, fields.long()?, fields.byte()?, fields.byte()?);
        if usize::from(at) >= count {
            return Err(Error::Invalid("tile number"));
        }
        let tile = tiles.entry(at).or_default();
        tile.headers.push(markers.clone());
        while markers.next()? != SOD {
            markers.parameters()?;
        }
        let body = markers.rest();
        let read = from.len().saturating_sub(body.len()).saturating_add(2);
        let length = match usize::try_from(length).unwrap_or(usize::MAX) {
            // Up to the end of the code stream.
            0 => body.len().checked_sub(2).ok_or(Error::EndsEarly)?,
            length => length.checked_sub(read).ok_or(Error::Invalid("tile-part length"))?,
        };
        tile.packets.push(body.get(..length).ok_or(Error::EndsEarly)?);
        markers.skip(length);
        match markers.next()? {
            SOT => {}
            EOI => return Ok(tiles),
            _ => return Err(Error::Invalid("a tile-part was expected")),
        }
    }
}

// The low bytes of markers (T.800 table A.2).
const SOC: u8 = 0x4F;
const SIZ: u8 = 0x51;
const COD: u8 = 0x52;
const COC: u8 = 0x53;
const TLM: u8 = 0x55;
const PLM: u8 = 0x57;
const PLT: u8 = 0x58;
const QCD: u8 = 0x5C;
const QCC: u8 = 0x5D;
const CRG: u8 = 0x63;
const COM: u8 = 0x64;
const SOT: u8 = 0x90;
const SOD: u8 = 0x93;

// Bits of the style of coding passes (T.800 table A.19); bypass is 1, termination on each pass 4.
const RESET: u8 = 2;
const CAUSAL: u8 = 8;
const PREDICTABLE: u8 = 16;
const SYMBOLS: u8 = 32;

/// Three for each of 32 levels, and the coarsest image.
const BANDS_MAX: usize = 97;
