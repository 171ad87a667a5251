//! The segments of a message being changed, untouched ones in runs.

use std::borrow::Cow;

use bytes::Bytes;

use super::EditError;
use super::part::Splice;
use crate::syntax::{Piece, Stretches, Syntax};
use crate::{Location, Message, sets};

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
    splice: Splice,
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

    /// Whether what was changed is the same text in every character set.
    pub(super) fn adds_only_plain(&self) -> bool {
        self.rows.iter().all(|row| match row {
            Row::Kept { .. } => true,
            Row::Changed { fields, .. } => {
                fields.iter().all(|change| sets::is_plain(&change.splice.bytes))
            }
            Row::New { bytes, .. } => sets::is_plain(bytes),
        })
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
    pub(super) fn field(&self, row: usize, n: usize) -> (Cow<'_, [u8]>, Place) {
        let syntax = *self.message.syntax();
        match self.rows.get(row) {
            Some(Row::Changed { index, fields }) => {
                match fields.iter().find(|change| change.n == n) {
                    Some(change) => (
                        Cow::Owned(change.splice.apply(change.place.bytes(self.raw(*index)))),
                        change.place,
                    ),
                    None => self.field_of(*index, n),
                }
            }
            Some(Row::Kept { first, .. }) => self.field_of(*first, n),
            Some(Row::New { bytes, .. }) => {
                // The stretches are those of the message.
                let syntax = Syntax { stretches: Stretches::default(), ..syntax };
                let place = find(&syntax, Piece { bytes, start: 0 }, n);
                (place.bytes(bytes).into(), place)
            }
            None => (Cow::Borrowed(&[]), Place::Beyond { separators: 0 }),
        }
    }

    fn field_of(&self, index: usize, n: usize) -> (Cow<'_, [u8]>, Place) {
        let Some(segment) = self.message.segment_at(index) else {
            return (Cow::Borrowed(&[]), Place::Beyond { separators: 0 });
        };
        // MSH-1 is a separator, not a part.
        let n = n.saturating_sub(usize::from(segment.is_header()));
        let piece = Piece { bytes: segment.raw(), start: segment.span().start };
        let place = find(self.message.syntax(), piece, n);
        (place.bytes(segment.raw()).into(), place)
    }

    /// Changes field `n` of the segment in this row, which stands at `place` there, as [`field`](Self::field) found it.
    pub(super) fn set_field(&mut self, row: usize, n: usize, place: Place, splice: Splice) {
        let separator = self.message.syntax().delimiters.field;
        let Some(row) = self.rows.get_mut(row) else { return };
        if let Row::Kept { first, .. } = *row {
            *row = Row::Changed { index: first, fields: Vec::with_capacity(1) };
        }
        let change = Change { n, place, splice };
        match row {
            Row::Changed { fields, .. } => {
                match fields.binary_search_by_key(&n, |change| change.n) {
                    Ok(at) => {
                        if let Some(before) = fields.get_mut(at) {
                            *before = change;
                        }
                    }
                    Err(at) => fields.insert(at, change),
                }
            }
            Row::New { bytes, .. } => *bytes = written(bytes, &[change], separator),
            Row::Kept { .. } => {}
        }
    }

    /// Whether field `n` of the segment in this row reads as `content`, and all others as `before`.
    pub(super) fn differs_only_in(
        &self,
        row: usize,
        n: usize,
        content: &[u8],
        before: &Self,
    ) -> bool {
        let (segment, header) = self.segment(row);
        let (old, _) = before.segment(row);
        let n = n.saturating_sub(usize::from(header));
        let mut expected = self.fields(&old);
        expected.resize(expected.len().max(n + 1), b"");
        if let Some(field) = expected.get_mut(n) {
            *field = content;
        }
        self.fields(&segment) == expected
    }

    fn fields<'a>(&self, bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let syntax = self.message.syntax();
        let parts = syntax.parts(Piece { bytes, start: 0 }, Some(syntax.delimiters.field));
        parts.map(|part| part.bytes).collect()
    }

    /// The bytes of the segment in this row, without its terminator, and whether it is a header.
    fn segment(&self, row: usize) -> (Vec<u8>, bool) {
        let is_header =
            |index| self.message.segment_at(index).is_some_and(|segment| segment.is_header());
        match self.rows.get(row) {
            Some(Row::Changed { index, fields }) => {
                let separator = self.message.syntax().delimiters.field;
                (written(self.raw(*index), fields, separator), is_header(*index))
            }
            Some(Row::Kept { first, .. }) => (self.raw(*first).to_vec(), is_header(*first)),
            Some(Row::New { bytes, .. }) => (bytes.clone(), false),
            None => (Vec::new(), false),
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
        out.extend_from_slice(whole.get(self.message.end()..).unwrap_or_default());
        Bytes::from(out)
    }

    fn write_changed(&self, index: usize, fields: &[Change], out: &mut Vec<u8>) {
        let Some(segment) = self.message.segment_at(index) else { return };
        write(segment.raw(), fields, self.message.syntax().delimiters.field, out);
        let after = self.message.as_bytes().get(segment.span().end..self.start(index + 1));
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

    /// Where segment `index` begins; behind the last, where the message ends and the rest of a frame may follow.
    fn start(&self, index: usize) -> usize {
        let segment = self.message.segment_at(index);
        segment.map_or(self.message.end(), |segment| segment.span().start)
    }

    fn raw(&self, index: usize) -> &[u8] {
        self.message.segment_at(index).map_or(&[], |segment| segment.raw())
    }
}

impl Row {
    fn bytes_added_max(&self) -> usize {
        match self {
            Self::Kept { .. } => 2,
            Self::Changed { fields, .. } => {
                2 + fields
                    .iter()
                    .map(|change| change.splice.bytes.len() + change.place.separators())
                    .sum::<usize>()
            }
            Self::New { bytes, .. } => bytes.len() + 4,
        }
    }
}

impl Place {
    pub(super) fn len(self) -> usize {
        match self {
            Self::There { start, end } => end - start,
            Self::Beyond { .. } => 0,
        }
    }

    fn separators(self) -> usize {
        match self {
            Self::There { .. } => 0,
            Self::Beyond { separators } => separators,
        }
    }

    fn bytes(self, segment: &[u8]) -> &[u8] {
        match self {
            Self::There { start, end } => segment.get(start..end).unwrap_or_default(),
            Self::Beyond { .. } => &[],
        }
    }
}

/// Writes `segment` with these fields changed, which stand in the order of their numbers.
fn write(segment: &[u8], changes: &[Change], separator: u8, out: &mut Vec<u8>) {
    let mut copied = 0;
    let mut separators = 0;
    for Change { place, splice, .. } in changes {
        let (from, to) = match place {
            Place::There { start, .. } => (start + splice.from, start + splice.to),
            Place::Beyond { .. } => (segment.len(), segment.len()),
        };
        out.extend_from_slice(segment.get(copied..from).unwrap_or_default());
        copied = to;
        if splice.bytes.is_empty() && matches!(place, Place::Beyond { .. }) {
            continue;
        }
        let missing = place.separators().saturating_sub(separators);
        out.resize(out.len() + missing, separator);
        separators += missing;
        out.extend_from_slice(&splice.bytes);
    }
    out.extend_from_slice(segment.get(copied..).unwrap_or_default());
}

fn written(segment: &[u8], changes: &[Change], separator: u8) -> Vec<u8> {
    let added = |change: &Change| change.splice.bytes.len() + change.place.separators();
    let mut out = Vec::with_capacity(segment.len() + changes.iter().map(added).sum::<usize>());
    write(segment, changes, separator, &mut out);
    out
}

/// The part `index`, from 0, of a segment, as a range in it.
fn find(syntax: &Syntax, segment: Piece<'_>, index: usize) -> Place {
    match syntax.field(segment, index) {
        Some(field) => {
            Place::There { start: field.start - segment.start, end: field.end() - segment.start }
        }
        None => {
            Place::Beyond { separators: (index + 1).saturating_sub(syntax.count_fields(segment)) }
        }
    }
}
