//! The segments of a message being changed, untouched ones in runs.

use bytes::Bytes;

use super::EditError;
use crate::syntax::{Piece, Syntax};
use crate::{Location, Message};

/// The message and what becomes of its segments.
#[derive(Clone)]
pub(super) struct Rows {
    message: Message,
    rows: Vec<Row>,
}

#[derive(Clone)]
enum Row {
    /// The segments `first..end` of the message, with everything between and after them.
    Kept { first: usize, end: usize },
    /// One segment of the message with fields replaced, in the order of their numbers.
    Changed { index: usize, fields: Vec<Change> },
    /// A segment of its own.
    New { id: [u8; 3], bytes: Vec<u8> },
}

#[derive(Clone)]
struct Change {
    n: usize,
    place: Place,
    bytes: Vec<u8>,
}

/// Where a field stands in the bytes of its segment.
#[derive(Clone, Copy)]
pub(super) enum Place {
    There {
        start: usize,
        end: usize,
    },
    /// After the last field, so many separators further.
    Beyond {
        separators: usize,
    },
}

impl Rows {
    pub(super) fn new(message: Message) -> Self {
        let end = message.segments().len();
        Self { message, rows: vec![Row::Kept { first: 0, end }] }
    }

    pub(super) fn message(&self) -> &Message {
        &self.message
    }

    pub(super) fn syntax(&self) -> &Syntax {
        self.message.syntax()
    }

    /// How many segments there are now, stray lines included.
    pub(super) fn segments(&self) -> usize {
        let count = |row: &Row| match row {
            Row::Kept { first, end } => end - first,
            Row::Changed { .. } | Row::New { .. } => 1,
        };
        self.rows.iter().map(count).sum()
    }

    /// How many segments are changed, new, or separated from others by a change.
    pub(super) fn changes(&self) -> usize {
        self.rows.len().saturating_sub(1)
    }

    /// The row that holds nothing but the segment of `location`.
    pub(super) fn isolate(&mut self, location: &Location) -> Result<usize, EditError> {
        let path = location.path();
        let mut left = path.occurrence();
        let mut found = None;
        'rows: for (place, row) in self.rows.iter().enumerate() {
            let indexes = match row {
                Row::Kept { first, end } => *first..*end,
                Row::Changed { index, .. } => *index..*index + 1,
                Row::New { id, .. } => {
                    left -= usize::from(*id == path.segment);
                    if left == 0 {
                        return Ok(place);
                    }
                    continue;
                }
            };
            for index in indexes {
                left -= usize::from(self.message.id_at(index) == Some(path.segment));
                if left == 0 {
                    found = Some((place, index));
                    break 'rows;
                }
            }
        }
        let (place, index) =
            found.ok_or(EditError::NoSegment(Location::new(path, crate::Depth::Segment)))?;
        Ok(self.split(place, index))
    }

    /// As [`isolate`](Self::isolate), for any segment but the first, without which there is no message.
    pub(super) fn isolate_removable(&mut self, location: &Location) -> Result<usize, EditError> {
        match self.isolate(location)? {
            0 => Err(EditError::Header(*location)),
            place => Ok(place),
        }
    }

    fn split(&mut self, place: usize, index: usize) -> usize {
        let Some(&Row::Kept { first, end }) = self.rows.get(place) else { return place };
        let parts = [(first, index), (index, index + 1), (index + 1, end)];
        let rows = parts.into_iter().filter(|(first, end)| first < end);
        let rows: Vec<_> = rows.map(|(first, end)| Row::Kept { first, end }).collect();
        self.rows.splice(place..=place, rows);
        place + usize::from(first < index)
    }

    pub(super) fn insert(&mut self, place: usize, id: [u8; 3], bytes: Vec<u8>) {
        self.rows.insert(place.min(self.rows.len()), Row::New { id, bytes });
    }

    pub(super) fn remove(&mut self, place: usize) {
        if place < self.rows.len() {
            self.rows.remove(place);
        }
    }

    /// What field `n` of the segment in this row holds now, and where it stands.
    pub(super) fn field(&self, row: usize, n: usize) -> (&[u8], Place) {
        let syntax = self.message.syntax();
        let (segment, n) = match self.rows.get(row) {
            Some(Row::Changed { index, fields }) => {
                if let Some(change) = fields.iter().find(|change| change.n == n) {
                    return (&change.bytes, change.place);
                }
                self.raw(*index, n)
            }
            Some(Row::Kept { first, .. }) => self.raw(*first, n),
            Some(Row::New { bytes, .. }) => (bytes.as_slice(), n),
            None => (&[][..], n),
        };
        let place = find(syntax, segment, n);
        let bytes = match place {
            Place::There { start, end } => segment.get(start..end).unwrap_or_default(),
            Place::Beyond { .. } => &[],
        };
        (bytes, place)
    }

    /// Replaces field `n` of the segment in this row, which [`field`](Self::field) found at `place`.
    pub(super) fn set_field(&mut self, row: usize, n: usize, place: Place, bytes: Vec<u8>) {
        let syntax = *self.message.syntax();
        let Some(row) = self.rows.get_mut(row) else { return };
        if let Row::Kept { first, .. } = *row {
            *row = Row::Changed { index: first, fields: Vec::with_capacity(1) };
        }
        match row {
            Row::Changed { fields, .. } => {
                match fields.binary_search_by_key(&n, |change| change.n) {
                    Ok(at) => {
                        if let Some(change) = fields.get_mut(at) {
                            change.bytes = bytes;
                        }
                    }
                    Err(at) => fields.insert(at, Change { n, place, bytes }),
                }
            }
            Row::New { bytes: segment, .. } => {
                let mut changed = Vec::with_capacity(segment.len() + bytes.len() + n);
                Change { n, place, bytes }.write(&syntax, segment, &mut 0, &mut 0, &mut changed);
                if let Place::There { end, .. } = place {
                    changed.extend_from_slice(segment.get(end..).unwrap_or_default());
                }
                *segment = changed;
            }
            Row::Kept { .. } => {}
        }
    }

    pub(super) fn encode(&self) -> Bytes {
        let whole = self.message.as_bytes();
        let added: usize = self.rows.iter().map(Row::bytes_added_max).sum();
        let mut out = Vec::with_capacity(whole.len() + added);
        out.extend_from_slice(whole.get(..self.start(0)).unwrap_or_default());
        for row in &self.rows {
            match row {
                Row::Kept { first, end } => {
                    self.terminate(&mut out);
                    let bytes = whole.get(self.start(*first)..self.start(*end));
                    out.extend_from_slice(bytes.unwrap_or_default());
                }
                Row::Changed { index, fields } => {
                    self.terminate(&mut out);
                    self.write_changed(*index, fields, &mut out);
                }
                Row::New { bytes, .. } => {
                    self.terminate(&mut out);
                    out.extend_from_slice(bytes);
                    out.extend_from_slice(self.message.terminator());
                }
            }
        }
        Bytes::from(out)
    }

    fn write_changed(&self, index: usize, fields: &[Change], out: &mut Vec<u8>) {
        let Some(segment) = self.message.segment_at(index) else { return };
        let (raw, span) = (segment.raw(), segment.span());
        let (mut copied, mut separators) = (0, 0);
        for change in fields {
            change.write(self.message.syntax(), raw, &mut copied, &mut separators, out);
        }
        out.extend_from_slice(raw.get(copied..).unwrap_or_default());
        let after = self.message.as_bytes().get(span.end..self.start(index + 1));
        out.extend_from_slice(after.unwrap_or_default());
    }

    /// Ends the segment before, which may have been the last of its message and so without a terminator.
    fn terminate(&self, out: &mut Vec<u8>) {
        if out.len() > self.start(0) && !matches!(out.last(), Some(b'\r' | b'\n')) {
            // Behind the last terminator there may be blanks, or the end of a frame.
            let mut blanks = out.iter().rev().take_while(|byte| **byte <= b' ');
            if !blanks.any(|byte| matches!(byte, b'\r' | b'\n')) {
                out.extend_from_slice(self.message.terminator());
            }
        }
    }

    /// Where the header begins, in the message before and after the change: what stands before it is kept.
    pub(super) fn header_start(&self) -> usize {
        self.start(0)
    }

    /// Where segment `index` begins; the end of the message behind the last.
    fn start(&self, index: usize) -> usize {
        let segment = self.message.segment_at(index);
        segment.map_or(self.message.as_bytes().len(), |segment| segment.span().start)
    }

    /// The bytes of segment `index`, and the index of field `n` among its parts: MSH-1 is a separator, not a part.
    fn raw(&self, index: usize, n: usize) -> (&[u8], usize) {
        self.message.segment_at(index).map_or((&[], n), |segment| {
            (segment.raw(), n.saturating_sub(usize::from(segment.is_header())))
        })
    }
}

impl Row {
    fn bytes_added_max(&self) -> usize {
        match self {
            Self::Kept { .. } => 2,
            Self::Changed { fields, .. } => {
                2 + fields
                    .iter()
                    .map(|change| change.bytes.len() + change.separators())
                    .sum::<usize>()
            }
            Self::New { bytes, .. } => bytes.len() + 4,
        }
    }
}

impl Change {
    fn separators(&self) -> usize {
        match self.place {
            Place::There { .. } => 0,
            Place::Beyond { separators } => separators,
        }
    }

    /// Copies `segment` from `copied` up to this field, then writes it. `separators` counts those written beyond
    /// the last field.
    fn write(
        &self,
        syntax: &Syntax,
        segment: &[u8],
        copied: &mut usize,
        separators: &mut usize,
        out: &mut Vec<u8>,
    ) {
        let (start, end) = match self.place {
            Place::There { start, end } => (start, end),
            Place::Beyond { .. } => (segment.len(), segment.len()),
        };
        out.extend_from_slice(segment.get(*copied..start).unwrap_or_default());
        *copied = end;
        if self.bytes.is_empty() && matches!(self.place, Place::Beyond { .. }) {
            return;
        }
        let missing = self.separators().saturating_sub(*separators);
        out.resize(out.len() + missing, syntax.delimiters.field);
        *separators += missing;
        out.extend_from_slice(&self.bytes);
    }
}

fn find(syntax: &Syntax, segment: &[u8], index: usize) -> Place {
    let piece = Piece { bytes: segment, start: 0 };
    let separator = Some(syntax.delimiters.field);
    match syntax.part(piece, separator, index) {
        Some(field) => Place::There { start: field.start, end: field.end() },
        None => {
            let parts = syntax.parts(piece, separator).count();
            Place::Beyond { separators: (index + 1).saturating_sub(parts) }
        }
    }
}
