//! Replacing, inserting and removing one part of a delimited value.

use crate::Path;
use crate::syntax::{Piece, Syntax};

/// The `n`th part, from 1, at one level of a field.
pub(super) struct Part<'a> {
    syntax: &'a Syntax,
    delimiter: Option<u8>,
    n: usize,
}

/// The field with `value` at the leaf of `path`; `None` when a delimiter that it needs is not declared.
pub(super) fn set_leaf(
    syntax: &Syntax,
    field: &[u8],
    path: &Path,
    value: &[u8],
) -> Option<Vec<u8>> {
    Part::repetition(syntax, path.repetition())
        .replace(field, |repetition| set_in_repetition(syntax, repetition, path, value))
}

pub(super) fn set_in_repetition(
    syntax: &Syntax,
    repetition: &[u8],
    path: &Path,
    value: &[u8],
) -> Option<Vec<u8>> {
    let delimiters = syntax.delimiters;
    let component = Part { syntax, delimiter: delimiters.component, n: path.component() };
    let subcomponent = Part { syntax, delimiter: delimiters.subcomponent, n: path.subcomponent() };
    component
        .replace(repetition, |component| subcomponent.replace(component, |_| Some(value.to_vec())))
}

impl<'a> Part<'a> {
    pub(super) fn repetition(syntax: &'a Syntax, n: usize) -> Self {
        Self { syntax, delimiter: syntax.delimiters.repetition, n }
    }

    /// `whole` with this part changed; an empty part is not added.
    fn replace(
        &self,
        whole: &[u8],
        change: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        let Some(piece) = self.find(whole) else {
            let part = change(b"")?;
            return if part.is_empty() { Some(whole.to_vec()) } else { self.append(whole, &part) };
        };
        let part = change(piece.bytes)?;
        Some(splice(whole, piece.start, piece.end(), &part))
    }

    /// `whole` with `part` before this part.
    pub(super) fn insert(&self, whole: &[u8], part: &[u8]) -> Option<Vec<u8>> {
        if whole.is_empty() && self.n == 1 {
            return Some(part.to_vec());
        }
        match self.find(whole) {
            Some(piece) => {
                let part = [part, &[self.delimiter?]].concat();
                Some(splice(whole, piece.start, piece.start, &part))
            }
            None => self.append(whole, part),
        }
    }

    /// `whole` without this part.
    pub(super) fn remove(&self, whole: &[u8]) -> Vec<u8> {
        let Some(piece) = self.find(whole) else { return whole.to_vec() };
        match (piece.start, piece.end()) {
            (0, end) => whole.get(end + 1..).unwrap_or_default().to_vec(),
            (start, end) => splice(whole, start - 1, end, b""),
        }
    }

    fn append(&self, whole: &[u8], part: &[u8]) -> Option<Vec<u8>> {
        let delimiter = self.delimiter?;
        let piece = Piece { bytes: whole, start: 0 };
        let count = self.syntax.parts(piece, self.delimiter).count();
        let mut longer = Vec::with_capacity(whole.len() + self.n + part.len());
        longer.extend_from_slice(whole);
        longer.resize(whole.len() + self.n.saturating_sub(count), delimiter);
        longer.extend_from_slice(part);
        Some(longer)
    }

    fn find<'b>(&self, whole: &'b [u8]) -> Option<Piece<'b>> {
        let piece = Piece { bytes: whole, start: 0 };
        self.syntax.part(piece, self.delimiter, self.n.saturating_sub(1))
    }
}

fn splice(whole: &[u8], from: usize, to: usize, part: &[u8]) -> Vec<u8> {
    let before = whole.get(..from).unwrap_or_default();
    let after = whole.get(to..).unwrap_or_default();
    [before, part, after].concat()
}
