//! Replacing, inserting and removing one part of a delimited value.

use crate::syntax::{Piece, Syntax};
use crate::{Delimiters, Path};

/// Bytes that take the place of a range of others. What surrounds them is not copied before the message is written, since
/// it may be a document of many megabytes.
#[derive(Clone)]
pub(super) struct Splice {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) bytes: Vec<u8>,
}

impl Splice {
    pub(super) fn whole(old: &[u8], bytes: Vec<u8>) -> Self {
        Self { from: 0, to: old.len(), bytes }
    }

    pub(super) fn changes(&self, old: &[u8]) -> bool {
        old.get(self.from..self.to) != Some(self.bytes.as_slice())
    }

    pub(super) fn apply(&self, old: &[u8]) -> Vec<u8> {
        let before = old.get(..self.from).unwrap_or_default();
        let after = old.get(self.to..).unwrap_or_default();
        [before, &self.bytes, after].concat()
    }

    fn shifted(self, by: usize) -> Self {
        Self { from: self.from + by, to: self.to + by, bytes: self.bytes }
    }
}

/// The `n`th part, from 1, at one level of a field.
pub(super) struct Part<'a> {
    syntax: &'a Syntax,
    delimiter: Option<u8>,
    n: usize,
}

/// Puts `value` at the leaf of `path` in a field; `None` when a delimiter that it needs is not declared.
pub(super) fn set_leaf(
    syntax: &Syntax,
    field: &[u8],
    path: &Path,
    value: Vec<u8>,
) -> Option<Splice> {
    if let Some((from, to)) = leaf(syntax, field, path) {
        return Some(Splice { from, to, bytes: value });
    }
    Part::repetition(syntax, path.repetition())
        .replace(field, |repetition| set_in_repetition(syntax, repetition, path, value))
}

pub(super) fn set_in_repetition(
    syntax: &Syntax,
    repetition: &[u8],
    path: &Path,
    value: Vec<u8>,
) -> Option<Splice> {
    let delimiters = syntax.delimiters;
    let component = Part { syntax, delimiter: delimiters.component, n: path.component() };
    let subcomponent = Part { syntax, delimiter: delimiters.subcomponent, n: path.subcomponent() };
    component.replace(repetition, |component| {
        subcomponent.replace(component, |leaf| Some(Splice::whole(leaf, value)))
    })
}

/// The splice, if then `value` is read at `path` of the field. It may not be where a delimiter can be half a character.
pub(super) fn reads_at(
    syntax: &Syntax,
    splice: Splice,
    field: &[u8],
    path: &Path,
    value: &[u8],
) -> Option<Splice> {
    if syntax.is_splittable {
        return Some(splice);
    }
    let Delimiters { repetition, component, subcomponent, .. } = syntax.delimiters;
    let after = splice.apply(field);
    let levels = [
        (repetition, path.repetition()),
        (component, path.component()),
        (subcomponent, path.subcomponent()),
    ];
    let leaf =
        levels.into_iter().try_fold(Piece { bytes: &after, start: 0 }, |piece, (delimiter, n)| {
            syntax.part(piece, delimiter, n.saturating_sub(1))
        });
    (leaf.map_or(&[][..], |leaf| leaf.bytes) == value).then_some(splice)
}

/// Where a leaf that is there begins and ends, found without looking at what stands behind it.
fn leaf(syntax: &Syntax, field: &[u8], path: &Path) -> Option<(usize, usize)> {
    let delimiters = syntax.delimiters;
    let (Some(repetition), Some(component), Some(subcomponent), true) = (
        delimiters.repetition,
        delimiters.component,
        delimiters.subcomponent,
        syntax.is_splittable,
    ) else {
        return None;
    };
    let wanted = (path.repetition(), path.component(), path.subcomponent());
    let mut here = (1, 1, 1);
    let mut start = 0;
    for end in memchr::memchr3_iter(repetition, component, subcomponent, field) {
        if here >= wanted {
            return (here == wanted).then_some((start, end));
        }
        let (r, c, s) = here;
        here = match field.get(end) {
            Some(&byte) if byte == repetition => (r + 1, 1, 1),
            Some(&byte) if byte == component => (r, c + 1, 1),
            _ => (r, c, s + 1),
        };
        start = end + 1;
    }
    (here == wanted).then_some((start, field.len()))
}

impl<'a> Part<'a> {
    pub(super) fn repetition(syntax: &'a Syntax, n: usize) -> Self {
        Self { syntax, delimiter: syntax.delimiters.repetition, n }
    }

    /// Changes this part of `whole`; an empty part is not added.
    fn replace(
        &self,
        whole: &[u8],
        change: impl FnOnce(&[u8]) -> Option<Splice>,
    ) -> Option<Splice> {
        if let Some(piece) = self.find(whole) {
            return change(piece.bytes).map(|splice| splice.shifted(piece.start));
        }
        let part = change(b"")?.bytes;
        if part.is_empty() {
            return Some(Splice { from: whole.len(), to: whole.len(), bytes: part });
        }
        self.append(whole, &part)
    }

    /// Puts `part` before this part of `whole`.
    pub(super) fn insert(&self, whole: &[u8], mut part: Vec<u8>) -> Option<Splice> {
        if whole.is_empty() && self.n == 1 {
            return Some(Splice::whole(whole, part));
        }
        match self.find(whole) {
            Some(piece) => {
                part.push(self.delimiter?);
                Some(Splice { from: piece.start, to: piece.start, bytes: part })
            }
            None => self.append(whole, &part),
        }
    }

    /// Takes this part out of `whole`.
    pub(super) fn remove(&self, whole: &[u8]) -> Splice {
        let (from, to) = match self.find(whole).map(|piece| (piece.start, piece.end())) {
            None => (0, 0),
            Some((0, end)) => (0, whole.len().min(end + 1)),
            Some((start, end)) => (start - 1, end),
        };
        Splice { from, to, bytes: Vec::new() }
    }

    fn append(&self, whole: &[u8], part: &[u8]) -> Option<Splice> {
        let delimiter = self.delimiter?;
        let piece = Piece { bytes: whole, start: 0 };
        let count = self.syntax.parts(piece, self.delimiter).count();
        let mut bytes = Vec::with_capacity(self.n + part.len());
        bytes.resize(self.n.saturating_sub(count), delimiter);
        bytes.extend_from_slice(part);
        Some(Splice { from: whole.len(), to: whole.len(), bytes })
    }

    fn find<'b>(&self, whole: &'b [u8]) -> Option<Piece<'b>> {
        let piece = Piece { bytes: whole, start: 0 };
        self.syntax.part(piece, self.delimiter, self.n.saturating_sub(1))
    }
}
