//! FHS, BHS, BTS and FTS.

use std::fmt;

use bytes::Bytes;

use crate::sets::{self, Choice};
use crate::syntax::{Piece, Stretches, Syntax};
use crate::{Delimiters, Segment};

/// One segment of an envelope, with the delimiters it is written in.
#[derive(Clone)]
pub struct Envelope {
    bytes: Bytes,
    id: [u8; 3],
    syntax: Syntax,
}

/// A count that is no number.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("count is no number")]
pub struct InvalidCount;

impl Envelope {
    /// A header, which declares its delimiters itself.
    pub(super) fn header(id: [u8; 3], bytes: Bytes) -> Self {
        let field = bytes.get(3).copied().unwrap_or(b'|');
        let characters = bytes.split(|&byte| byte == field).nth(1).unwrap_or_default();
        let (delimiters, _) = Delimiters::read(field, characters);
        Self::new(id, bytes, delimiters)
    }

    /// A segment with the delimiters of the header before it.
    pub(super) fn new(id: [u8; 3], bytes: Bytes, delimiters: Delimiters) -> Self {
        // There is no field for a character set here.
        let Choice { sets, is_splittable, .. } = sets::choose(&bytes, b"", delimiters);
        Self {
            bytes,
            id,
            syntax: Syntax { delimiters, sets, is_splittable, stretches: Stretches::default() },
        }
    }

    /// The segment; FHS-3 to FHS-12 and BHS-3 to BHS-12 are laid out alike.
    pub fn segment(&self) -> Segment<'_> {
        Segment::new(&self.syntax, Piece { bytes: &self.bytes, start: 0 }, &self.id, 0)
    }

    /// The delimiters of the segment.
    pub fn delimiters(&self) -> Delimiters {
        self.syntax.delimiters
    }

    /// BTS-1 or FTS-1; `None` when it is empty, which makes no statement.
    ///
    /// # Errors
    /// [`InvalidCount`] when it is no number.
    pub fn count(&self) -> Result<Option<usize>, InvalidCount> {
        let text = self.segment().field(1).text();
        match text.trim() {
            "" => Ok(None),
            number => number.parse().map(Some).map_err(|_| InvalidCount),
        }
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envelope({}, <redacted>)", self.segment().id())
    }
}
