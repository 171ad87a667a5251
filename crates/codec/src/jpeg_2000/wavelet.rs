//! The inverse wavelet transformation (T.800 annex F).

use super::header::Rect;

/// Samples of a rectangle, line by line.
#[derive(Clone, Debug, Default)]
pub(super) struct Plane<T> {
    pub(super) rect: Rect,
    pub(super) cells: Vec<T>,
}

impl<T: Copy + Default> Plane<T> {
    pub(super) fn new(rect: Rect) -> Self {
        let count = if rect.is_empty() { 0 } else { rect.width().saturating_mul(rect.height()) };
        Self { rect, cells: vec![T::default(); count] }
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &[T]> {
        self.cells.chunks(self.rect.width().max(1))
    }
}

/// Undoes one level of decomposition: the coarser image and its three bands become the finer image (T.800 section F.3).
pub(super) fn compose<T: Copy + Default>(
    rect: Rect,
    coarse: &Plane<T>,
    [horizontal, vertical, diagonal]: [&Plane<T>; 3],
    lift: fn(&mut [T], u32),
) -> Plane<T> {
    let mut fine = Plane::new(rect);
    let width = rect.width();
    if fine.cells.is_empty() {
        return fine;
    }
    interleave(&mut fine, coarse, (0, 0));
    interleave(&mut fine, horizontal, (1, 0));
    interleave(&mut fine, vertical, (0, 1));
    interleave(&mut fine, diagonal, (1, 1));
    for line in fine.cells.chunks_mut(width) {
        lift(line, rect.x0);
    }
    let mut column = vec![T::default(); rect.height()];
    for x in 0..width {
        let cells = || fine.cells.iter().skip(x).step_by(width);
        column.iter_mut().zip(cells()).for_each(|(to, from)| *to = *from);
        lift(&mut column, rect.y0);
        let cells = fine.cells.iter_mut().skip(x).step_by(width);
        cells.zip(&column).for_each(|(to, from)| *to = *from);
    }
    fine
}

/// Puts a band into the places of its parity (T.800 section F.3.3).
fn interleave<T: Copy + Default>(fine: &mut Plane<T>, band: &Plane<T>, (odd_x, odd_y): (u32, u32)) {
    let width = fine.rect.width();
    let skip = |start: u32, odd: u32| usize::from(start % 2 != odd);
    let (x, y) = (skip(fine.rect.x0, odd_x), skip(fine.rect.y0, odd_y));
    let lines = fine.cells.chunks_mut(width.max(1)).skip(y).step_by(2);
    for (to, from) in lines.zip(band.lines()) {
        to.iter_mut().skip(x).step_by(2).zip(from).for_each(|(to, from)| *to = *from);
    }
}

/// The reversible filter on one line that begins at this coordinate (T.800 section F.3.8.2.1.1).
pub(super) fn lift_reversible(line: &mut [i32], start: u32) {
    if let [only] = line {
        if start % 2 == 1 {
            *only >>= 1;
        }
        return;
    }
    let low = usize::from(start % 2 == 1);
    step(line, low, |left, right| left.wrapping_add(right).wrapping_add(2) >> 2, i32::wrapping_sub);
    step(line, 1 - low, |left, right| left.wrapping_add(right) >> 1, i32::wrapping_add);
}

/// The irreversible filter on one line (T.800 section F.3.8.1.1).
pub(super) fn lift_irreversible(line: &mut [f32], start: u32) {
    const SCALE: f32 = 1.230_174_1;
    if let [only] = line {
        if start % 2 == 1 {
            *only *= 0.5;
        }
        return;
    }
    let low = usize::from(start % 2 == 1);
    line.iter_mut().skip(low).step_by(2).for_each(|cell| *cell *= SCALE);
    line.iter_mut().skip(1 - low).step_by(2).for_each(|cell| *cell /= SCALE);
    for (first, factor) in
        [(low, 0.443_506_85), (1 - low, 0.882_911_1), (low, -0.052_980_12), (1 - low, -1.586_134_3)]
    {
        step(line, first, |left: f32, right: f32| factor * (left + right), |cell, by| cell - by);
    }
}

/// One lifting step: each second cell from `first` on changes by its two neighbours, mirrored at the ends.
fn step<T: Copy>(
    line: &mut [T],
    first: usize,
    of_neighbours: impl Fn(T, T) -> T,
    apply: impl Fn(T, T) -> T,
) {
    let mut rest = line;
    let mut before = None;
    if first == 1 {
        let Some((cell, after)) = rest.split_first_mut() else { return };
        before = Some(*cell);
        rest = after;
    }
    loop {
        match rest {
            [] => return,
            [cell] => {
                if let Some(left) = before {
                    *cell = apply(*cell, of_neighbours(left, left));
                }
                return;
            }
            [cell, right, after @ ..] => {
                *cell = apply(*cell, of_neighbours(before.unwrap_or(*right), *right));
                before = Some(*right);
                rest = after;
            }
        }
    }
}
