//! Writing a message with another terminator or in another character set.

use bytes::Bytes;
use telerad_charset::{CharacterSets, Charset, Separators, Unmappable};

use crate::{Content, Depth, EditError, Location, Message, ParseError, Path, path};

/// What ends each segment.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Terminator {
    /// Carriage return, the only one of the standard (HL7 2.5.1 section 2.5.2).
    #[default]
    CarriageReturn,
    /// Carriage return and line feed, which some receivers need.
    CarriageReturnLineFeed,
    /// Line feed.
    LineFeed,
}

/// How to write a message. The default writes the bytes as they are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EncodeOptions {
    /// Ends every segment in this way, the last one too. Blank lines, what stands before MSH and frame bytes at the end are
    /// then left out.
    pub terminator: Option<Terminator>,
    /// Writes text in this set and names it in MSH-18.
    pub charset: Option<Charset>,
}

/// Why a message cannot be written so.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A value would not read the same afterwards: bytes that are no text in the old set, or escapes (`\X..\`,
    /// `\C..\`, `\M..\`) that name bytes of it.
    #[error("{0} would not read the same in the other character set")]
    Altered(Location),
    /// MSH-18 cannot be written.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// Segments ended by line feeds cannot hold one.
    #[error("a line feed inside a segment, at byte {offset}, would end it")]
    LineFeedInText {
        /// Where in the message.
        offset: usize,
    },
    /// The result is beyond the limits of a message.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The character set has no such character, and none is left out or replaced.
    #[error("{location}: {unmappable}")]
    Unmappable {
        /// The first segment that cannot be written.
        location: Location,
        /// The character.
        unmappable: Unmappable,
    },
    /// HL7 has no name for the character set, so MSH-18 could not declare it.
    #[error("{charset:?} has no name in table 0211")]
    UnnamedCharset {
        /// The set that was asked for.
        charset: Charset,
    },
}

impl Message {
    /// The message in another form. Values read the same before and after, or there is an error.
    ///
    /// ```
    /// use telerad_charset::Charset;
    /// use telerad_hl7::{EncodeOptions, Message, Terminator};
    ///
    /// let message = Message::parse("MSH|^~\\&|A||||||ADT^A04|1|P|2.5||||||8859/1\rPID|1||7\r")?;
    /// let options = EncodeOptions {
    ///     terminator: Some(Terminator::CarriageReturnLineFeed),
    ///     charset: Some(Charset::Utf8),
    /// };
    /// let bytes = message.encode_with(&options)?;
    /// assert_eq!(
    ///     &bytes[..],
    ///     b"MSH|^~\\&|A||||||ADT^A04|1|P|2.5||||||UNICODE UTF-8\r\nPID|1||7\r\n",
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn encode_with(&self, options: &EncodeOptions) -> Result<Bytes, EncodeError> {
        let transcoded = match options.charset {
            Some(charset) => transcode(self, charset)?,
            None => self.clone(),
        };
        match options.terminator {
            Some(terminator) => terminate(&transcoded, terminator),
            None => Ok(transcoded.as_bytes().clone()),
        }
    }
}

impl Terminator {
    /// The bytes.
    pub const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::CarriageReturn => b"\r",
            Self::CarriageReturnLineFeed => b"\r\n",
            Self::LineFeed => b"\n",
        }
    }
}

fn terminate(message: &Message, terminator: Terminator) -> Result<Bytes, EncodeError> {
    let end = terminator.as_bytes();
    let mut out = Vec::with_capacity(message.as_bytes().len() + message.segments().len());
    let mut line_feed = None;
    for segment in message.segments() {
        if let Some(offset) = memchr::memchr(b'\n', segment.raw()) {
            line_feed = line_feed.or(Some(segment.span().start + offset));
        }
        out.extend_from_slice(segment.raw());
        out.extend_from_slice(end);
    }
    let out = Bytes::from(out);
    match line_feed {
        // Beside other terminators, a line feed inside text may be taken for one.
        Some(offset) if terminator != Terminator::CarriageReturn || !reads_alike(message, &out) => {
            Err(EncodeError::LineFeedInText { offset })
        }
        // So may a line feed before a stray line or a segment of nothing but its id be taken for text.
        None if terminator == Terminator::LineFeed && !reads_alike(message, &out) => {
            Err(EditError::OtherSegments.into())
        }
        _ => Ok(out),
    }
}

fn reads_alike(message: &Message, encoded: &Bytes) -> bool {
    let raw = |message: &Message| -> Vec<Vec<u8>> {
        message.segments().map(|segment| segment.raw().to_vec()).collect()
    };
    Message::parse(encoded.clone()).is_ok_and(|again| raw(&again) == raw(message))
}

fn transcode(message: &Message, charset: Charset) -> Result<Message, EncodeError> {
    let name = charset.to_hl7().ok_or(EncodeError::UnnamedCharset { charset })?;
    let sets = CharacterSets::from(charset);
    let whole = message.as_bytes();
    let mut out = Vec::with_capacity(whole.len() + whole.len() / 8);
    let mut copied = 0;
    for (segment, number) in message.segments().zip(1_usize..) {
        let mut write = |span: std::ops::Range<usize>, raw: &[u8]| {
            out.extend_from_slice(whole.get(copied..span.start).unwrap_or_default());
            copied = span.end;
            let text = message.syntax().decode(raw).text;
            let encoded = sets.encode(&text, Separators::None).map_err(|unmappable| {
                let location = place_of(message, segment.id(), number);
                EncodeError::Unmappable { location, unmappable }
            })?;
            out.extend_from_slice(&encoded);
            Ok::<(), EncodeError>(())
        };
        if segment.id().is_empty() {
            write(segment.span(), segment.raw())?;
            continue;
        }
        // Switches between sets end with the value they stand in, so each is read by itself.
        for field in segment.fields() {
            for repetition in field.repetitions() {
                for component in repetition.components() {
                    for leaf in component.subcomponents() {
                        write(leaf.span(), leaf.raw())?;
                    }
                }
            }
        }
    }
    out.extend_from_slice(whole.get(copied..).unwrap_or_default());
    let mut edit = Message::parse(out)?.edit();
    edit.set_field(&path!("MSH-18"), Content::Text(name))?;
    let transcoded = edit.finish()?;
    match first_difference(message, &transcoded) {
        Some(location) => Err(EncodeError::Altered(location)),
        None => Ok(transcoded),
    }
}

/// The first field that reads otherwise, MSH-18 apart.
fn first_difference(before: &Message, after: &Message) -> Option<Location> {
    let segments = before.segments().zip(after.segments());
    for ((before_segment, after_segment), number) in segments.zip(1_usize..) {
        let place = || place_of(before, before_segment.id(), number);
        if before_segment.id() != after_segment.id() {
            return Some(place());
        }
        let mut fields = before_segment.fields().zip(after_segment.fields()).zip(1_usize..);
        let differs = fields.find(|((before_field, after_field), n)| {
            let is_named = number == 1 && *n == 18;
            !is_named
                && (before_field.whole_text() != after_field.whole_text()
                    || before_segment.field(*n).repetitions().count()
                        != after_field.repetitions().count()
                    || before_field.text() != after_field.text()
                    || before_field.whole_text().contains(char::REPLACEMENT_CHARACTER))
        });
        if let Some((_, n)) = differs {
            let path = Path { field: u16::try_from(n).unwrap_or(u16::MAX), ..place().path() };
            return Some(Location::new(path, Depth::Field));
        }
        let counts = (before_segment.fields().count(), after_segment.fields().count());
        if number > 1 && counts.0 != counts.1 {
            return Some(place());
        }
    }
    let counts = (before.segments().len(), after.segments().len());
    (counts.0 != counts.1).then(|| Location::from(path!("MSH-1")))
}

/// The segment that is the `number`th of the message; MSH for a line without an id.
fn place_of(message: &Message, id: &str, number: usize) -> Location {
    let same = message.segments().take(number).filter(|segment| segment.id() == id).count();
    let occurrence = u16::try_from(same).unwrap_or(u16::MAX);
    Location::segment(id, occurrence).unwrap_or(Location::new(path!("MSH-1"), Depth::Segment))
}

#[cfg(test)]
mod tests;
