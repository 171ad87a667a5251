//! The lossless message.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use telerad_charset::{CharacterSets, Charset};

use crate::index::{Entry, Index, Limits, ParseError};
use crate::syntax::Syntax;
use crate::{Delimiters, Path, Segment, Value, Warning};

/// An HL7 v2 message: the bytes as they arrived, and an index of the segments in them.
///
/// Cloning shares both. Nothing can change the bytes; an altered message is a new one, made by
/// [`MessageBuilder`](crate::MessageBuilder). Parsing allocates the index and its reference count, and nothing else
/// unless there is something to warn about.
#[derive(Clone)]
pub struct Message {
    bytes: Bytes,
    index: Arc<Index>,
}

impl Message {
    /// Indexes the segments of `input` within the default [`Limits`].
    ///
    /// # Errors
    /// [`ParseError`] when there is no usable MSH, or a limit is passed. Every other deviation is a warning.
    pub fn parse(input: impl Into<Bytes>) -> Result<Self, ParseError> {
        Self::parse_within(Limits::default(), input)
    }

    /// As [`parse`](Self::parse), with limits of the caller's own.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_within(limits: Limits, input: impl Into<Bytes>) -> Result<Self, ParseError> {
        let bytes = input.into();
        let index = Arc::new(Index::build(&bytes, limits)?);
        Ok(Self { bytes, index })
    }

    /// The message exactly as it was given, leading and trailing bytes included.
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// MSH-1 and MSH-2.
    pub fn delimiters(&self) -> Delimiters {
        self.index.syntax.delimiters
    }

    /// The character set the message is read by: that of MSH-18, unless the bytes contradict it.
    ///
    /// Without a name in MSH-18, or with ASCII, bytes above 7FH are read as UTF-8 if all of them are, and else as
    /// Latin-1; [`warnings`](Self::warnings) says so.
    pub fn charset(&self) -> Charset {
        self.index.syntax.sets.first()
    }

    /// All character sets the message is read by: [`charset`](Self::charset), and those that its values may switch to
    /// with the escape sequences of ISO 2022 (HL7 2.5.1 section 2.15.9.18). [`CharacterSets::to_dicom`] names them
    /// for (0008,0005).
    pub fn character_sets(&self) -> CharacterSets {
        self.index.syntax.sets
    }

    /// What deviates from the encoding rules, one entry per kind.
    pub fn warnings(&self) -> &[Warning] {
        &self.index.warnings
    }

    /// The segments in order, MSH first; lines that are no segment are among them, without an id.
    pub fn segments(&self) -> Segments<'_> {
        Segments { message: self, next: 0 }
    }

    /// The first segment with this id.
    pub fn segment(&self, id: &str) -> Option<Segment<'_>> {
        self.segments_with_id(id).next()
    }

    /// All segments with this id, in order.
    pub fn segments_with_id<'a>(&'a self, id: &str) -> impl Iterator<Item = Segment<'a>> + use<'a> {
        let id = <[u8; 3]>::try_from(id.as_bytes()).ok();
        let entries = self.index.segments.iter().enumerate();
        entries
            .filter(move |(_, entry)| Some(entry.id) == id && entry.id != [0; 3])
            .map(|(index, entry)| self.view(index, entry))
    }

    /// What the message says at `path`.
    pub fn value(&self, path: &Path) -> Value<'_> {
        let mut entries =
            self.index.segments.iter().enumerate().filter(|(_, entry)| entry.id == path.segment);
        match entries.nth(usize::from(path.occurrence).saturating_sub(1)) {
            Some((index, entry)) => self
                .view(index, entry)
                .field(path.field())
                .repetition(usize::from(path.repetition))
                .component(usize::from(path.component))
                .subcomponent(usize::from(path.subcomponent))
                .value(),
            None => Value::Absent,
        }
    }

    /// The text at a path written out, such as `PID-3` or `OBX[2]-5(1).2`.
    ///
    /// `None` when it is absent, empty or null, and when `path` is no [`Path`]; code that knows its paths
    /// beforehand parses them once and calls [`value`](Self::value).
    pub fn text(&self, path: &str) -> Option<String> {
        let path: Path = path.parse().ok()?;
        self.value(&path).text().map(|text| text.into_owned())
    }

    /// MSH-10, which the acknowledgement echoes; empty when missing.
    pub fn control_id(&self) -> String {
        self.header(10, 1)
    }

    /// MSH-9.1, such as `ORU`; empty when missing.
    pub fn message_code(&self) -> String {
        self.header(9, 1)
    }

    /// MSH-9.2, such as `R01`; empty when missing.
    pub fn trigger_event(&self) -> String {
        self.header(9, 2)
    }

    /// MSH-12.1, such as `2.5.1`; empty when missing.
    pub fn version(&self) -> String {
        self.header(12, 1)
    }

    /// MSH-3.1; empty when missing.
    pub fn sending_application(&self) -> String {
        self.header(3, 1)
    }

    /// MSH-4.1; empty when missing.
    pub fn sending_facility(&self) -> String {
        self.header(4, 1)
    }

    /// MSH-5.1; empty when missing.
    pub fn receiving_application(&self) -> String {
        self.header(5, 1)
    }

    /// MSH-6.1; empty when missing.
    pub fn receiving_facility(&self) -> String {
        self.header(6, 1)
    }

    fn header(&self, field: usize, component: usize) -> String {
        let header = self.segments().next();
        header
            .map(|header| header.field(field).component(component).text().into_owned())
            .unwrap_or_default()
    }

    pub(crate) fn syntax(&self) -> &Syntax {
        &self.index.syntax
    }

    /// Where the segments and their terminators end, and frame bytes may follow.
    pub(crate) fn end(&self) -> usize {
        self.index.end
    }

    pub(crate) fn id_at(&self, index: usize) -> Option<[u8; 3]> {
        self.index.segments.get(index).map(|entry| entry.id)
    }

    pub(crate) fn segment_at(&self, index: usize) -> Option<Segment<'_>> {
        self.index.segments.get(index).map(|entry| self.view(index, entry))
    }

    /// What ends the first segment, and so should end new ones.
    pub(crate) fn terminator(&self) -> &'static [u8] {
        let end = self.index.segments.first().map_or(0, |entry| entry.end as usize);
        match self.bytes.get(end..).unwrap_or_default() {
            [b'\r', b'\n', ..] => b"\r\n",
            [b'\n', ..] => b"\n",
            _ => b"\r",
        }
    }

    fn view<'a>(&'a self, index: usize, entry: &'a Entry) -> Segment<'a> {
        Segment::new(&self.index.syntax, entry.piece(&self.bytes), &entry.id, index)
    }
}

/// Messages are equal when their bytes are.
impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Message {}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("bytes", &self.bytes.len())
            .field("segments", &self.index.segments.len())
            .field("warnings", &self.index.warnings)
            .field("content", &format_args!("<redacted>"))
            .finish()
    }
}

/// Iterator over the segments of a message; see [`Message::segments`].
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    message: &'a Message,
    next: usize,
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.next;
        let entry = self.message.index.segments.get(index)?;
        self.next += 1;
        Some(self.message.view(index, entry))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.message.index.segments.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Segments<'_> {}

#[cfg(test)]
mod tests;
