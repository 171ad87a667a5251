//! How the bytes of one message are to be split and read.

use telerad_charset::{CharacterSets, Decoded, Separators, Unmappable};

use crate::{Delimiters, bytescan};

/// What every view of a message needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syntax {
    pub(crate) delimiters: Delimiters,
    pub(crate) sets: CharacterSets,
    /// Delimiters are always characters of their own, so that `memchr` may look for them.
    pub(crate) is_splittable: bool,
}

/// A part of a message and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) bytes: &'a [u8],
    /// Offset in the message.
    pub(crate) start: usize,
}

impl<'a> Piece<'a> {
    /// The bytes `from..to` of this piece; whatever lies outside is left out.
    #[inline]
    pub(crate) fn slice(self, from: usize, to: usize) -> Self {
        let bytes = self.bytes.get(..to.min(self.bytes.len())).unwrap_or_default();
        let from = from.min(bytes.len());
        Self { bytes: bytes.get(from..).unwrap_or_default(), start: self.start + from }
    }

    #[inline]
    pub(crate) fn end(self) -> usize {
        self.start + self.bytes.len()
    }
}

impl Syntax {
    /// Reads bytes that begin a value, without its escape sequences.
    pub(crate) fn decode<'a>(&self, bytes: &'a [u8]) -> Decoded<'a> {
        self.sets.decode(bytes, Separators::None)
    }

    /// Writes text that is escaped already, a value or many with delimiters between them. Each value begins in the
    /// first set of the message, since that is how values are read.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u8>, Unmappable> {
        if !self.sets.has_extensions() || text.is_ascii() {
            return self.sets.encode(text, Separators::None);
        }
        let Delimiters { field, component, repetition, subcomponent, .. } = self.delimiters;
        let delimiters =
            [Some(field), component, repetition, subcomponent].map(|byte| byte.map(char::from));
        let mut bytes = Vec::with_capacity(text.len() + 16);
        for value in text.split_inclusive(|letter| delimiters.contains(&Some(letter))) {
            bytes.extend(self.sets.encode(value, Separators::None)?);
        }
        Ok(bytes)
    }

    /// Position of the next `delimiter`, in bytes that begin outside any multi-byte character.
    #[inline]
    pub(crate) fn find(&self, delimiter: u8, bytes: &[u8]) -> Option<usize> {
        if self.is_splittable && bytes.len() < bytescan::SHORT {
            bytescan::find(delimiter, bytes)
        } else if self.is_splittable {
            memchr::memchr(delimiter, bytes)
        } else {
            self.sets.find(delimiter, bytes)
        }
    }

    /// The `index`th part, from 0, of `piece` split at `delimiter`.
    pub(crate) fn part<'a>(
        &self,
        piece: Piece<'a>,
        delimiter: Option<u8>,
        index: usize,
    ) -> Option<Piece<'a>> {
        let Some(delimiter) = delimiter else {
            return (index == 0).then_some(piece);
        };
        if self.is_splittable {
            let mut positions = memchr::memchr_iter(delimiter, piece.bytes);
            let from = match index.checked_sub(1) {
                None => 0,
                Some(skipped) => positions.nth(skipped)? + 1,
            };
            let to = positions.next().unwrap_or(piece.bytes.len());
            Some(piece.slice(from, to))
        } else {
            self.parts(piece, Some(delimiter)).nth(index)
        }
    }

    /// Whether a field is one subcomponent for certain, which most are: then nothing below it needs to be searched.
    #[inline]
    pub(crate) fn is_atom(&self, bytes: &[u8]) -> bool {
        // A delimiter that does not exist is nowhere, just as the field separator is nowhere in a field.
        let Delimiters { field, component, repetition, subcomponent, .. } = self.delimiters;
        let three = [component, repetition, subcomponent].map(|byte| byte.unwrap_or(field));
        let [a, b, c] = three;
        if !self.is_splittable {
            false
        } else if bytes.len() < bytescan::SHORT {
            !bytescan::has_any(three, bytes)
        } else {
            memchr::memchr3(a, b, c, bytes).is_none()
        }
    }

    /// All parts of `piece` split at `delimiter`; at least one.
    #[inline]
    pub(crate) fn parts<'s, 'a>(
        &'s self,
        piece: Piece<'a>,
        delimiter: Option<u8>,
    ) -> Parts<'s, 'a> {
        Parts { syntax: self, rest: Some(piece), delimiter }
    }
}

/// Iterator over the parts of a piece.
#[derive(Clone)]
pub(crate) struct Parts<'s, 'a> {
    syntax: &'s Syntax,
    rest: Option<Piece<'a>>,
    delimiter: Option<u8>,
}

impl Parts<'_, '_> {
    /// No parts at all.
    #[inline]
    pub(crate) fn none(self) -> Self {
        Self { rest: None, ..self }
    }
}

impl<'a> Iterator for Parts<'_, 'a> {
    type Item = Piece<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let Some(position) =
            self.delimiter.and_then(|delimiter| self.syntax.find(delimiter, rest.bytes))
        else {
            return Some(rest);
        };
        self.rest = Some(rest.slice(position + 1, rest.bytes.len()));
        Some(rest.slice(0, position))
    }
}
