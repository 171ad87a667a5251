//! A tile: its components, resolutions and bands, from packets to samples (T.800 annexes B, E, F and G).

use super::block::{self, BlockCoding, Orientation};
use super::header::{Coding, Header, Rect, Style, Tile};
use super::packet::{Packets, Precinct, PrecinctBand};
use super::wavelet::{Plane, compose, lift_irreversible, lift_reversible};
use super::{Structures, Work};
use crate::Error;

/// The samples of a tile, before they are shifted to their range.
pub(super) struct Decoded {
    components: Vec<Plane<i32>>,
    rect: Rect,
}

struct Component {
    resolutions: Vec<Resolution>,
    style: Style,
}

struct Resolution {
    bands: Vec<Band>,
    /// Reference position and place of each precinct, in order.
    positions: Vec<(u64, u64)>,
    precincts: Vec<Precinct>,
    rect: Rect,
}

struct Band {
    orientation: Orientation,
    /// Bit planes of its coefficients.
    planes: u32,
    rect: Rect,
    step: f32,
}

/// Decodes one tile.
pub(super) fn decode(
    header: &Header,
    at: u16,
    tile: &Tile,
    work: &mut Work,
) -> Result<Decoded, Error> {
    let rect = header.tile(at);
    let mut cutter = Cutter {
        precincts_left: tile.packets.len(),
        structures: Structures::new(rect, header.components),
        tile: rect,
    };
    let mut components = Vec::new();
    for number in 0..header.components {
        components.push(component(header, &tile.coding, number, &mut cutter)?);
    }
    read_packets(&mut components, tile, work)?;
    let is_reversible = |at: usize| components.get(at).is_none_or(|it| it.style.is_reversible);
    let all_reversible = (0..3).all(is_reversible);
    let is_transformed = tile.coding.is_transformed;
    if is_transformed && (components.len() < 3 || (!all_reversible && (0..3).any(is_reversible))) {
        return Err(Error::Invalid("multiple component transformation"));
    }
    let mut reversible = Vec::new();
    let mut irreversible = Vec::new();
    for component in &components {
        if component.style.is_reversible {
            // Magnitudes come doubled, for the halves of irreversible ones.
            let plane = assemble(component, lift_reversible, |value, _| value / 2)?;
            reversible.push(plane);
        } else {
            #[expect(clippy::cast_precision_loss, reason = "coefficients that are not exact")]
            let value = |value: i32, band: &Band| value as f32 * 0.5 * band.step;
            irreversible.push(assemble(component, lift_irreversible, value)?);
        }
    }
    if !reversible.is_empty() && !irreversible.is_empty() {
        return Err(Error::Unsupported("components of different transformations"));
    }
    if is_transformed {
        if let [first, second, third, ..] = reversible.as_mut_slice() {
            undo_reversible(&mut first.cells, &mut second.cells, &mut third.cells);
        }
        if let [first, second, third, ..] = irreversible.as_mut_slice() {
            undo_irreversible(&mut first.cells, &mut second.cells, &mut third.cells);
        }
    }
    #[expect(clippy::cast_possible_truncation, reason = "a float is cut to the range of the type")]
    let rounded = irreversible.into_iter().map(|plane| Plane {
        rect: plane.rect,
        cells: plane.cells.into_iter().map(|cell| (cell + 0.5).floor() as i32).collect(),
    });
    reversible.extend(rounded);
    Ok(Decoded { components: reversible, rect })
}

impl Decoded {
    /// Shifts the samples to their range and puts them into the image (T.800 section G.1).
    pub(super) fn store(&self, header: &Header, samples: &mut [u16]) {
        let half = 1_i32 << header.bits.saturating_sub(1);
        let (least, most) = if header.is_signed { (-half, half - 1) } else { (0, 2 * half - 1) };
        let shift = if header.is_signed { 0 } else { half };
        let components = header.components.max(1);
        let stride = header.image.width().saturating_mul(components);
        let x = usize::try_from(self.rect.x0.saturating_sub(header.image.x0)).unwrap_or(usize::MAX);
        let y = usize::try_from(self.rect.y0.saturating_sub(header.image.y0)).unwrap_or(usize::MAX);
        for (component, plane) in self.components.iter().enumerate() {
            let lines = samples.chunks_mut(stride.max(1)).skip(y);
            let first = x.saturating_mul(components).saturating_add(component);
            for (to, from) in lines.zip(plane.lines()) {
                let cells = to.iter_mut().skip(first).step_by(components);
                for (cell, value) in cells.zip(from) {
                    let value = value.saturating_add(shift).clamp(least, most);
                    // Two's complement of as many bits as the samples have.
                    *cell = u16::try_from(value & (2 * half - 1)).unwrap_or_default();
                }
            }
        }
    }
}

/// Cuts a tile into precincts within bounds.
struct Cutter {
    /// Each precinct has a packet of a byte at least.
    precincts_left: usize,
    structures: Structures,
    tile: Rect,
}

fn component(
    header: &Header,
    coding: &Coding,
    number: usize,
    cutter: &mut Cutter,
) -> Result<Component, Error> {
    let rect = cutter.tile;
    let style = coding.style(number)?.clone();
    let quantisation = coding.quantisation(number)?;
    let mut resolutions = Vec::new();
    for resolution in 0..=style.levels {
        let levels = style.levels.saturating_sub(resolution);
        let own = rect.map(|x| shrink(x, levels), |y| shrink(y, levels));
        let orientations: &[(Orientation, u32, u32)] = match resolution {
            0 => &[(Orientation::Low, 0, 0)],
            _ => &[
                (Orientation::Horizontal, 1, 0),
                (Orientation::Vertical, 0, 1),
                (Orientation::Both, 1, 1),
            ],
        };
        let mut bands = Vec::new();
        for (at, (orientation, x, y)) in orientations.iter().enumerate() {
            let place = usize::from(resolution.saturating_sub(1)).saturating_mul(3);
            let place =
                if resolution == 0 { 0 } else { place.saturating_add(at).saturating_add(1) };
            let below = resolution.saturating_sub(1);
            let (exponent, mantissa) = quantisation.step(place, below)?;
            let planes = quantisation.guard_bits.saturating_add(exponent).saturating_sub(1);
            let range = i32::from(header.bits) + i32::try_from(x + y).unwrap_or_default();
            let fraction = 1.0 + f32::from(mantissa) / 2048.0;
            bands.push(Band {
                orientation: *orientation,
                planes: u32::from(planes),
                rect: band_rect(rect, resolution, levels, (*x, *y)),
                step: fraction * 2_f32.powi(range - i32::from(exponent)),
            });
        }
        let precincts =
            Resolution { bands, positions: Vec::new(), precincts: Vec::new(), rect: own };
        let precincts = cutter.cut(precincts, &style, resolution, levels)?;
        resolutions.push(precincts);
    }
    Ok(Component { resolutions, style })
}

impl Cutter {
    /// Cuts a resolution into precincts (T.800 section B.6).
    fn cut(
        &mut self,
        mut resolution: Resolution,
        style: &Style,
        number: u8,
        levels: u8,
    ) -> Result<Resolution, Error> {
        let tile = self.tile;
        if resolution.rect.is_empty() {
            return Ok(resolution);
        }
        let (width, height) = style.precinct(usize::from(number));
        let halved = u8::from(number > 0);
        let of_band = (width.saturating_sub(halved), height.saturating_sub(halved));
        let block = (style.block_width.min(of_band.0), style.block_height.min(of_band.1));
        let rect = resolution.rect;
        for y in rect.y0 >> height..=rect.y1.saturating_sub(1) >> height {
            for x in rect.x0 >> width..=rect.x1.saturating_sub(1) >> width {
                self.precincts_left = self.precincts_left.checked_sub(1).ok_or(Error::EndsEarly)?;
                let start = |index: u32, exponent: u8| index.checked_shl(u32::from(exponent));
                let (next_x, next_y) = (x.saturating_add(1), y.saturating_add(1));
                let area = Rect {
                    x0: start(x, of_band.0).unwrap_or(u32::MAX),
                    y0: start(y, of_band.1).unwrap_or(u32::MAX),
                    x1: start(next_x, of_band.0).unwrap_or(u32::MAX),
                    y1: start(next_y, of_band.1).unwrap_or(u32::MAX),
                };
                let mut bands = Vec::with_capacity(resolution.bands.len());
                for band in &resolution.bands {
                    let area = band.rect.intersection(area);
                    self.structures.take(PrecinctBand::blocks_in(area, block).saturating_add(4))?;
                    bands.push(PrecinctBand::new(area, block));
                }
                resolution.precincts.push(Precinct { bands });
                let on_grid = |index: u32, exponent: u8, start: u32| {
                    let exponent = u32::from(exponent).saturating_add(u32::from(levels));
                    u64::from(index).checked_shl(exponent).unwrap_or(u64::MAX).max(u64::from(start))
                };
                let position = (on_grid(y, height, tile.y0), on_grid(x, width, tile.x0));
                resolution.positions.push(position);
            }
        }
        Ok(resolution)
    }
}

/// A packet's place: resolution, component and precinct.
type Place = (usize, usize, usize);

/// Reads the packets in the order of their progression (T.800 section B.12).
fn read_packets(components: &mut [Component], tile: &Tile, work: &mut Work) -> Result<(), Error> {
    let mut places: Vec<(Place, (u64, u64))> = Vec::new();
    for (component, its) in components.iter().enumerate() {
        for (resolution, of) in its.resolutions.iter().enumerate() {
            let all = of.positions.iter().enumerate();
            places.extend(all.map(|(at, position)| ((resolution, component, at), *position)));
        }
    }
    let coding = &tile.coding;
    match coding.progression {
        0 | 1 => places.sort_by_key(|(place, _)| *place),
        2 => places.sort_by_key(|((resolution, component, at), position)| {
            (*resolution, *position, *component, *at)
        }),
        3 => places.sort_by_key(|((resolution, component, at), position)| {
            (*position, *component, *resolution, *at)
        }),
        _ => places.sort_by_key(|((resolution, component, at), position)| {
            (*component, *position, *resolution, *at)
        }),
    }
    let mut packets = Packets::new(&tile.packets);
    let mut read = |(resolution, component, at): Place, layer: u16| {
        let component = components.get_mut(component);
        let resolution = component.and_then(|component| component.resolutions.get_mut(resolution));
        let precinct = resolution.and_then(|resolution| resolution.precincts.get_mut(at));
        precinct.map_or(Ok(()), |precinct| packets.read(precinct, u32::from(layer), work))
    };
    match coding.progression {
        0 => {
            for layer in 0..coding.layers {
                places.iter().try_for_each(|(place, _)| read(*place, layer))?;
            }
        }
        1 => {
            for of_resolution in places.chunk_by(|((one, ..), _), ((two, ..), _)| one == two) {
                for layer in 0..coding.layers {
                    of_resolution.iter().try_for_each(|(place, _)| read(*place, layer))?;
                }
            }
        }
        _ => {
            for (place, _) in &places {
                (0..coding.layers).try_for_each(|layer| read(*place, layer))?;
            }
        }
    }
    Ok(())
}

/// Decodes the code blocks of a component and composes its image.
fn assemble<T: Copy + Default>(
    component: &Component,
    lift: fn(&mut [T], u32),
    value: impl Fn(i32, &Band) -> T,
) -> Result<Plane<T>, Error> {
    let mut image: Option<Plane<T>> = None;
    for resolution in &component.resolutions {
        let mut planes = Vec::new();
        for (at, band) in resolution.bands.iter().enumerate() {
            let mut plane = Plane::new(band.rect);
            let of_precincts = resolution.precincts.iter().filter_map(|it| it.bands.get(at));
            for block in of_precincts.flat_map(|band| &band.blocks) {
                if block.passes == 0 {
                    continue;
                }
                let planes = band.planes.checked_sub(block.zero_planes);
                let coding = BlockCoding {
                    coded: &block.coded,
                    height: block.rect.height(),
                    orientation: band.orientation,
                    passes: block.passes,
                    planes: planes.ok_or(Error::Invalid("zero bit planes"))?,
                    style: component.style.passes,
                    width: block.rect.width(),
                };
                let coefficients = block::decode(&coding)?;
                place(&mut plane, block.rect, &coefficients, |it| value(it, band));
            }
            planes.push(plane);
        }
        image = match (image, planes.as_slice()) {
            (Some(coarse), [horizontal, vertical, both]) => {
                let bands = [horizontal, vertical, both];
                Some(compose(resolution.rect, &coarse, bands, lift))
            }
            _ => planes.pop(),
        };
    }
    image.ok_or(Error::Invalid("no resolution"))
}

/// Puts the coefficients of a block into its band.
fn place<T: Copy + Default>(
    plane: &mut Plane<T>,
    block: Rect,
    coefficients: &[i32],
    value: impl Fn(i32) -> T,
) {
    let offset = |from: u32, start: u32| usize::try_from(from.saturating_sub(start)).unwrap_or(0);
    let (x, y) = (offset(block.x0, plane.rect.x0), offset(block.y0, plane.rect.y0));
    let width = plane.rect.width().max(1);
    let lines = plane.cells.chunks_mut(width).skip(y);
    for (to, from) in lines.zip(coefficients.chunks(block.width().max(1))) {
        to.iter_mut().skip(x).zip(from).for_each(|(cell, from)| *cell = value(*from));
    }
}

/// T.800 equation B-15.
fn band_rect(tile: Rect, resolution: u8, levels: u8, (odd_x, odd_y): (u32, u32)) -> Rect {
    if resolution == 0 {
        return tile.map(|x| shrink(x, levels), |y| shrink(y, levels));
    }
    let half = 1_u64 << levels;
    let of = |side: u32, odd: u32| {
        let left = u64::from(side).saturating_sub(half.saturating_mul(u64::from(odd)));
        let size = half.saturating_mul(2);
        u32::try_from(left.div_ceil(size)).unwrap_or(u32::MAX)
    };
    tile.map(|x| of(x, odd_x), |y| of(y, odd_y))
}

/// Divides by a power of two, rounding up.
fn shrink(side: u32, levels: u8) -> u32 {
    u32::try_from(u64::from(side).div_ceil(1 << levels)).unwrap_or(u32::MAX)
}

/// T.800 section G.2.2.
fn undo_reversible(first: &mut [i32], second: &mut [i32], third: &mut [i32]) {
    for ((a, b), c) in first.iter_mut().zip(second).zip(third) {
        let green = a.wrapping_sub(b.wrapping_add(*c) >> 2);
        (*a, *b, *c) = (c.wrapping_add(green), green, b.wrapping_add(green));
    }
}

/// T.800 section G.3.2.
fn undo_irreversible(first: &mut [f32], second: &mut [f32], third: &mut [f32]) {
    for ((a, b), c) in first.iter_mut().zip(second).zip(third) {
        let (y, blue, red) = (*a, *b, *c);
        *a = y + 1.402 * red;
        *b = y - 0.344_13 * blue - 0.714_14 * red;
        *c = y + 1.772 * blue;
    }
}
