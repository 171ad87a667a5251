//! Changing a message: what is not changed keeps its bytes.

mod part;
mod row;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use telerad_charset::Unmappable;

use self::part::{Part, Splice};
use self::row::Rows;
use crate::builder::{self, SegmentBuilder};
use crate::syntax::Syntax;
use crate::{Depth, Location, Message, ParseError, Path, escape, sets};

/// Changes to a message, made by [`Message::edit`].
///
/// Every byte that no change names comes out as it came in: delimiters, escapes, trailing separators, blank lines,
/// odd terminators and stray lines. Paths are those of the message as it stands after the changes made so far.
///
/// ```
/// use telerad_hl7::{Anchor, Content, Message, path};
///
/// let order = Message::parse("MSH|^~\\&|RIS\rPID|1||77||ROSSI^ANNA\rOBR|1\r")?;
/// let mut edit = order.edit();
/// edit.set(&path!("PID-5.2"), "ANNA & EVA")?
///     .set(&path!("PID-8"), Content::Null)?
///     .insert_segment(Anchor::After("PID".parse()?), "PV1", |segment| segment.field(2, "O"))?;
/// assert_eq!(
///     &edit.encode()[..],
///     b"MSH|^~\\&|RIS\rPID|1||77||ROSSI^ANNA \\T\\ EVA|||\"\"\rPV1||O\rOBR|1\r",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Edit {
    rows: Rows,
}

/// What a place is set to.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Content<'a> {
    /// Text that is encoded already, with the delimiters of the message.
    Encoded(&'a str),
    /// Nothing: no statement.
    Empty,
    /// Formatted text (data types FT and TX): line ends go out as `\.br\`.
    Formatted(&'a str),
    /// The null value `""`, which deletes what the receiver has.
    Null,
    /// Text, which is escaped; line ends go out in hexadecimal.
    Text(&'a str),
}

/// Where a segment is inserted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Anchor {
    /// After this segment.
    After(Location),
    /// Before this segment, which cannot be the first.
    Before(Location),
    /// At the end of the message.
    End,
}

/// Why a message was not changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// Already encoded text holds a segment terminator or another control code.
    #[error("encoded text for {0} holds a control code")]
    ControlCode(Location),
    /// MSH-2 declares no delimiter or escape character that would be needed.
    #[error("MSH-2 declares no delimiter that {0} needs")]
    Delimiter(Location),
    /// The first segment cannot be moved, and its delimiters cannot be changed.
    #[error("{0} cannot be changed")]
    Header(Location),
    /// There is no such segment.
    #[error("no segment {0}")]
    NoSegment(Location),
    /// The changed message would be read in another character set than what was changed is written in, because MSH-18
    /// was changed too or because the bytes are more likely text of another set. [`Message::encode_with`] writes a
    /// message in another set.
    #[error("the changed message would be read in another character set")]
    OtherCharset,
    /// The changed message would be cut into other segments: it takes line feeds as terminators or inside text, of
    /// which one would be read otherwise than before, or has bytes before its header.
    #[error("the changed message would be cut into other segments")]
    OtherSegments,
    /// The changed message is beyond the default [`Limits`](crate::Limits).
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A new segment was given an impossible id or field number.
    #[error("segment to be inserted has an impossible id or field number")]
    Segment,
    /// What is set would be read as part of a value before it, which shifts to a set of several bytes per character
    /// (ISO 2022) and never back, so that the delimiter between them is half a character.
    #[error("the value before {0} shifts to a character set and never back; set that one first")]
    Shift(Location),
    /// The character set of the message has no such character.
    #[error(transparent)]
    Unmappable(#[from] Unmappable),
}

impl Message {
    /// Begins to change a copy of this message. Nothing is copied before [`Edit::encode`].
    pub fn edit(&self) -> Edit {
        Edit { rows: Rows::new(self.clone()) }
    }
}

impl Edit {
    /// Sets the value at `path` and leaves its neighbours alone. Missing fields, repetitions, components and
    /// subcomponents before it are added; without them an empty content changes nothing.
    ///
    /// # Errors
    /// [`EditError`]; the message is then as it was before the call.
    pub fn set<'a>(
        &mut self,
        path: &Path,
        content: impl Into<Content<'a>>,
    ) -> Result<&mut Self, EditError> {
        let (location, content) = (Location::from(*path), content.into());
        self.change(path, |syntax, field| {
            let value = encode(syntax, content, location)?;
            let splice = part::set_leaf(syntax, field, path, value.clone())
                .ok_or(EditError::Delimiter(location))?;
            part::reads_at(syntax, splice, field, path, &value).ok_or(EditError::Shift(location))
        })
    }

    /// Sets the whole field of `path`, all its repetitions and components, to one value.
    ///
    /// # Errors
    /// [`EditError`]; the message is then as it was before the call.
    pub fn set_field<'a>(
        &mut self,
        path: &Path,
        content: impl Into<Content<'a>>,
    ) -> Result<&mut Self, EditError> {
        let (location, content) = (Location::new(*path, Depth::Field), content.into());
        self.change(path, |syntax, field| {
            Ok(Splice::whole(field, encode(syntax, content, location)?))
        })
    }

    /// Inserts a repetition before the one of `path`, with `content` at the component and subcomponent of `path`.
    ///
    /// # Errors
    /// [`EditError`]; the message is then as it was before the call.
    pub fn insert<'a>(
        &mut self,
        path: &Path,
        content: impl Into<Content<'a>>,
    ) -> Result<&mut Self, EditError> {
        let (location, content) = (Location::from(*path), content.into());
        self.change(path, |syntax, field| {
            let value = encode(syntax, content, location)?;
            let splice = part::set_in_repetition(syntax, b"", path, value.clone())
                .and_then(|added| {
                    Part::repetition(syntax, path.repetition()).insert(field, added.bytes)
                })
                .ok_or(EditError::Delimiter(location))?;
            part::reads_at(syntax, splice, field, path, &value).ok_or(EditError::Shift(location))
        })
    }

    /// Removes the repetition of `path`, so that later ones move up. Where there is none, nothing changes.
    ///
    /// # Errors
    /// [`EditError`]; the message is then as it was before the call.
    pub fn remove(&mut self, path: &Path) -> Result<&mut Self, EditError> {
        self.change(path, |syntax, field| {
            Ok(Part::repetition(syntax, path.repetition()).remove(field))
        })
    }

    /// Inserts a segment, with the delimiters and terminator of the message; `fill` sets its fields.
    ///
    /// # Errors
    /// [`EditError`]; the message is then as it was before the call.
    pub fn insert_segment(
        &mut self,
        anchor: Anchor,
        id: &str,
        fill: impl FnOnce(SegmentBuilder) -> SegmentBuilder,
    ) -> Result<&mut Self, EditError> {
        let location = Location::segment(id, 1).map_err(|_| EditError::Segment)?;
        if id == "MSH" {
            return Err(EditError::Header(location));
        }
        let syntax = *self.rows.syntax();
        let text = fill(SegmentBuilder::with_delimiters(syntax.delimiters)).encode(id).map_err(
            |fault| match fault {
                builder::Fault::ControlCode => EditError::ControlCode(location),
                builder::Fault::Delimiter => EditError::Delimiter(location),
                builder::Fault::FieldNumber(_) => EditError::Segment,
            },
        )?;
        let bytes = syntax.encode(&text)?;
        let place = match anchor {
            Anchor::After(segment) => self.rows.isolate(&segment)?.saturating_add(1),
            Anchor::Before(segment) => self.rows.isolate_removable(&segment)?,
            Anchor::End => usize::MAX,
        };
        self.rows.insert(place, location.path().segment, bytes);
        Ok(self)
    }

    /// Removes the segment of `location`, with its terminator.
    ///
    /// # Errors
    /// [`EditError::NoSegment`] when there is none, [`EditError::Header`] for the first segment.
    pub fn remove_segment(&mut self, location: &Location) -> Result<&mut Self, EditError> {
        let place = self.rows.isolate_removable(location)?;
        self.rows.remove(place);
        Ok(self)
    }

    /// The bytes of the changed message. [`finish`](Self::finish) also makes sure that they read as meant, which matters
    /// where line feeds stand in the message.
    pub fn encode(&self) -> Bytes {
        self.rows.encode()
    }

    /// The changed message.
    ///
    /// # Errors
    /// [`EditError::Parse`] when it has grown too large, [`EditError::OtherCharset`] or [`EditError::OtherSegments`] when
    /// it would read otherwise.
    pub fn finish(&self) -> Result<Message, EditError> {
        let message = Message::parse(self.encode())?;
        // With bytes before the header, a text that holds the letters of one may look more like it than the header does.
        let header = message.segment_at(0).map_or(0, |header| header.span().start);
        if header != self.rows.header_start() || message.segments().len() != self.rows.segments() {
            return Err(EditError::OtherSegments);
        }
        let before = self.rows.message();
        let is_other = message.character_sets() != before.character_sets()
            && !sets::is_plain(message.as_bytes().get(header..).unwrap_or_default());
        // To name the set of bytes that are kept is the caller's good right.
        let name =
            |message: &Message| message.segment_at(0).map(|header| header.field(18).raw().to_vec());
        if is_other && (!self.rows.adds_only_plain() || name(&message) == name(before)) {
            return Err(EditError::OtherCharset);
        }
        Ok(message)
    }

    fn change(
        &mut self,
        path: &Path,
        change: impl FnOnce(&Syntax, &[u8]) -> Result<Splice, EditError>,
    ) -> Result<&mut Self, EditError> {
        let field = Location::new(*path, Depth::Field);
        if matches!(&path.segment, b"MSH" | b"FHS" | b"BHS") && path.field <= 2 {
            return Err(EditError::Header(field));
        }
        let syntax = *self.rows.syntax();
        let row = self.rows.isolate(&field)?;
        let (before, place) = self.rows.field(row, path.field());
        let mut splice = change(&syntax, &before)?;
        if !splice.changes(&before) {
            return Ok(self);
        }
        let after = (!syntax.is_splittable).then(|| splice.apply(&before));
        if let Cow::Owned(changed) = &before {
            // Changed before: the new content takes the place of what the message has.
            splice = Splice { from: 0, to: place.len(), bytes: splice.apply(changed) };
        }
        let Some(after) = after else {
            self.rows.set_field(row, path.field(), place, splice);
            return Ok(self);
        };
        // A delimiter may be half a character here: only reading tells.
        let mut rows = self.rows.clone();
        rows.set_field(row, path.field(), place, splice);
        if !rows.differs_only_in(row, path.field(), &after, &self.rows) {
            return Err(EditError::Shift(field));
        }
        self.rows = rows;
        Ok(self)
    }
}

fn encode(syntax: &Syntax, content: Content<'_>, location: Location) -> Result<Vec<u8>, EditError> {
    let delimiters = syntax.delimiters;
    let encoded = match content {
        Content::Empty => return Ok(Vec::new()),
        Content::Null => return Ok(b"\"\"".to_vec()),
        Content::Encoded(text) => {
            if builder::holds_control_code(text) {
                return Err(EditError::ControlCode(location));
            }
            text.to_owned()
        }
        Content::Formatted(text) | Content::Text(text) => {
            if delimiters.escape.is_none() && builder::needs_escape(text, delimiters) {
                return Err(EditError::Delimiter(location));
            }
            match content {
                Content::Formatted(_) => escape::encode_formatted(text, delimiters),
                _ => escape::encode(text, delimiters),
            }
        }
    };
    Ok(syntax.encode(&encoded)?)
}

impl<'a> From<&'a str> for Content<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Content<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encoded(_) => "Encoded(<redacted>)",
            Self::Empty => "Empty",
            Self::Formatted(_) => "Formatted(<redacted>)",
            Self::Null => "Null",
            Self::Text(_) => "Text(<redacted>)",
        })
    }
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edit")
            .field("message", self.rows.message())
            .field("changes", &self.rows.changes())
            .finish()
    }
}

#[cfg(test)]
mod tests;
