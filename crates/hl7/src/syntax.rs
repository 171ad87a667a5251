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
    pub(crate) stretches: Stretches,
}

/// The longest fields of the message, such as PDF files, in order: bytes among which there is no field separator.
/// Fields behind them are found without searching them. Empty ranges stand for none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stretches([Stretch; STRETCHES_MAX]);

#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    start: u32,
    end: u32,
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

    /// Positions of the field separator in a segment.
    fn separators<'a>(&self, segment: Piece<'a>) -> impl Iterator<Item = usize> + use<'a> {
        let separator = self.delimiters.field;
        self.stretches.gaps(segment).into_iter().flat_map(move |gap| {
            let skipped = gap.start - segment.start;
            memchr::memchr_iter(separator, gap.bytes).map(move |at| skipped + at)
        })
    }

    /// The `index`th part, from 0, of a segment split at the field separator.
    #[inline]
    pub(crate) fn field<'a>(&self, segment: Piece<'a>, index: usize) -> Option<Piece<'a>> {
        if self.is_splittable && segment.bytes.len() >= STRETCH_MIN {
            nth(segment, self.separators(segment), index)
        } else {
            self.part(segment, Some(self.delimiters.field), index)
        }
    }

    /// How many parts a segment has when split at the field separator.
    pub(crate) fn count_fields(&self, segment: Piece<'_>) -> usize {
        if self.is_splittable {
            self.separators(segment).count() + 1
        } else {
            self.parts(segment, Some(self.delimiters.field)).count()
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
            nth(piece, memchr::memchr_iter(delimiter, piece.bytes), index)
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

/// Below this length searching is as fast as knowing.
pub(crate) const STRETCH_MIN: usize = 4096;

/// How many separators of a segment are looked at to find its stretches: more than any segment of the standard has,
/// so that no other message is read slower.
const STRETCH_SEPARATORS_MAX: usize = 64;

/// How many stretches are remembered; fields behind further ones are searched for.
const STRETCHES_MAX: usize = 8;

impl Stretches {
    /// The longest runs without `separator`, one or more of a long segment.
    pub(crate) fn find<'a>(segments: impl Iterator<Item = Piece<'a>>, separator: u8) -> Self {
        let mut longest = [Stretch::default(); STRETCHES_MAX];
        for segment in segments.filter(|segment| segment.bytes.len() >= STRETCH_MIN) {
            let ends = memchr::memchr_iter(separator, segment.bytes).map(Some).chain([None]);
            let mut start = segment.start;
            for end in ends.take(STRETCH_SEPARATORS_MAX) {
                let end = end.map_or(segment.end(), |end| segment.start + end);
                let shortest = longest.iter_mut().min_by_key(|stretch| stretch.len());
                if end - start >= STRETCH_MIN
                    && let Some(shortest) = shortest.filter(|shortest| shortest.len() < end - start)
                {
                    let bound = |offset: usize| u32::try_from(offset).unwrap_or_default();
                    *shortest = Stretch { start: bound(start), end: bound(end) };
                }
                start = end + 1;
            }
        }
        longest.sort_unstable_by_key(|stretch| stretch.start);
        Self(longest)
    }

    /// What is left of a segment between the stretches in it.
    fn gaps<'a>(&self, segment: Piece<'a>) -> [Piece<'a>; STRETCHES_MAX + 1] {
        let none = segment.slice(usize::MAX, usize::MAX);
        let mut gaps = [none; STRETCHES_MAX + 1];
        let mut rest = segment;
        for (gap, stretch) in gaps.iter_mut().zip(self.0) {
            let (start, end) = (stretch.start as usize, stretch.end as usize);
            if start < end && rest.start <= start && end <= rest.end() {
                *gap = rest.slice(0, start - rest.start);
                rest = rest.slice(end - rest.start, usize::MAX);
            }
        }
        if let Some(last) = gaps.last_mut() {
            *last = rest;
        }
        gaps
    }
}

impl Stretch {
    fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }
}

#[inline]
fn nth<'a>(
    piece: Piece<'a>,
    mut positions: impl Iterator<Item = usize>,
    index: usize,
) -> Option<Piece<'a>> {
    let from = match index.checked_sub(1) {
        None => 0,
        Some(skipped) => positions.nth(skipped)? + 1,
    };
    let to = positions.next().unwrap_or(piece.bytes.len());
    Some(piece.slice(from, to))
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
