//! Writing messages.

use std::fmt;

use telerad_charset::{CharacterSets, Charset, Unmappable};
use telerad_core::Timestamp;

use crate::sets::{ends_of_values, is_plain};
use crate::{Delimiters, Message, ParseError, Value, escape};

/// What goes into MSH.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MessageHead {
    /// MSH-3.1
    pub sending_application: String,
    /// MSH-4.1
    pub sending_facility: String,
    /// MSH-5.1
    pub receiving_application: String,
    /// MSH-6.1
    pub receiving_facility: String,
    /// MSH-9.1, such as `ORU`.
    pub message_code: String,
    /// MSH-9.2, such as `R01`.
    pub trigger_event: String,
    /// MSH-9.3, such as `ORU_R01`; left out when empty.
    pub structure: String,
    /// MSH-10, unique among the messages of this sender.
    pub control_id: String,
    /// MSH-12, such as `2.5.1`.
    pub version: String,
    /// MSH-11: `P` production, `T` training, `D` debugging.
    pub processing_id: String,
    /// MSH-7, written in UTC with its zone.
    pub time: Timestamp,
    /// MSH-18: the set that every value begins in, and those it may switch to by ISO 2022. `None` writes ASCII without
    /// naming it when that is enough, and else UTF-8.
    pub charset: Option<CharacterSets>,
}

/// Why a message could not be built.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The result is beyond the limits of a message.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// Already encoded text holds a segment terminator or another control code.
    #[error("encoded text of segment {segment} holds a control code")]
    ControlCode {
        /// Number of the segment, 0 for MSH.
        segment: usize,
    },
    /// Field numbers go from 1 to 999.
    #[error("segment {segment} has no field {field}")]
    FieldNumber {
        /// Number of the segment, 0 for MSH.
        segment: usize,
        /// The number that was asked for.
        field: usize,
    },
    /// The bytes of the text in this character set are more likely text of another, which readers would take them for:
    /// `Ã¼` in ISO 8859-1 is `ü` in UTF-8.
    #[error("the text would not be read in {charset:?}, which it is written in")]
    OtherCharset {
        /// The set that was asked for.
        charset: Charset,
    },
    /// A segment id is three capital letters or digits, beginning with a letter.
    #[error("segment {segment} has no valid id")]
    SegmentId {
        /// Number of the segment, 0 for MSH.
        segment: usize,
    },
    /// HL7 has no name for the character set, so MSH-18 could not declare it.
    #[error("{charset:?} has no name in table 0211")]
    UnnamedCharset {
        /// The set that was asked for.
        charset: Charset,
    },
    /// The character set has no such character.
    #[error(transparent)]
    Unmappable(#[from] Unmappable),
}

/// Builds a message with the standard delimiters; any text is allowed and comes back from the reader as it was.
#[derive(Clone)]
pub struct MessageBuilder {
    head: MessageHead,
    /// Fields of MSH that `head` does not name, by their numbers in MSH.
    header: SegmentBuilder,
    /// Encoded segments after MSH.
    body: String,
    segments: usize,
    fault: Option<BuildError>,
}

/// The fields of one segment being built. Trailing empty components are left out.
#[derive(Clone, Default)]
pub struct SegmentBuilder {
    delimiters: Delimiters,
    /// Encoded, from field 1.
    fields: Vec<String>,
    fault: Option<Fault>,
}

#[derive(Clone, Copy)]
pub(crate) enum Fault {
    ControlCode,
    /// The message declares no delimiter or escape character that is needed.
    Delimiter,
    FieldNumber(usize),
}

/// No segment of any version has as many.
const FIELDS_MAX: usize = 999;

const DELIMITERS: Delimiters = Delimiters::STANDARD;

impl MessageBuilder {
    /// Begins with MSH.
    pub fn new(head: MessageHead) -> Self {
        let header = SegmentBuilder::default();
        Self { head, header, body: String::new(), segments: 0, fault: None }
    }

    /// Sets further fields of MSH by their numbers in MSH, such as MSH-17 country or MSH-21 profile. Those that
    /// [`MessageHead`] names are kept.
    #[must_use]
    pub fn header(mut self, fill: impl FnOnce(SegmentBuilder) -> SegmentBuilder) -> Self {
        self.header = fill(self.header);
        match self.header.fault {
            Some(Fault::ControlCode | Fault::Delimiter) => {
                self.fault.get_or_insert(BuildError::ControlCode { segment: 0 });
            }
            Some(Fault::FieldNumber(field)) => {
                self.fault.get_or_insert(BuildError::FieldNumber { segment: 0, field });
            }
            None => {}
        }
        self
    }

    /// Appends a segment; `fill` sets its fields.
    #[must_use]
    pub fn segment(
        mut self,
        id: &str,
        fill: impl FnOnce(SegmentBuilder) -> SegmentBuilder,
    ) -> Self {
        self.segments += 1;
        let segment = self.segments;
        let built = fill(SegmentBuilder::default());
        if !is_segment_id(id) || id == "MSH" {
            self.fault.get_or_insert(BuildError::SegmentId { segment });
        }
        match built.fault {
            // The standard delimiters are never missing.
            Some(Fault::ControlCode | Fault::Delimiter) => {
                self.fault.get_or_insert(BuildError::ControlCode { segment });
            }
            Some(Fault::FieldNumber(field)) => {
                self.fault.get_or_insert(BuildError::FieldNumber { segment, field });
            }
            None => {}
        }
        built.write(id, &mut self.body);
        self.body.push('\r');
        self
    }

    /// Encodes the message in its character set, each segment ended by carriage return.
    ///
    /// # Errors
    /// [`BuildError`] when the character set cannot carry the text, or a segment was given an impossible id, field
    /// number or encoded text.
    pub fn build(self) -> Result<Message, BuildError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let undeclared = self.text("");
        let (sets, names) = match self.head.charset {
            None if undeclared.is_ascii() => (CharacterSets::from(Charset::Ascii), String::new()),
            None => {
                let sets = CharacterSets::from(Charset::Utf8);
                (sets, declaration(sets)?)
            }
            Some(sets) => (sets, declaration(sets)?),
        };
        let text = if names.is_empty() { undeclared } else { self.text(&names) };
        let message = Message::parse(sets.encode(&text, ends_of_values(DELIMITERS))?)?;
        if message.character_sets() != sets && !is_plain(message.as_bytes()) {
            return Err(BuildError::OtherCharset { charset: sets.first() });
        }
        Ok(message)
    }

    fn text(&self, charset_names: &str) -> String {
        let head = &self.head;
        // MSH-1 is the separator after the id, so the first field written here is MSH-2.
        let further = self.header.fields.iter().skip(1).cloned().collect();
        let fields = SegmentBuilder { fields: further, ..SegmentBuilder::default() }
            .raw(1, &DELIMITERS.encoding_characters())
            .field(2, &head.sending_application)
            .field(3, &head.sending_facility)
            .field(4, &head.receiving_application)
            .field(5, &head.receiving_facility)
            .raw(6, &format!("{}+0000", head.time.to_compact_utc()))
            .components(8, &[&head.message_code, &head.trigger_event, &head.structure])
            .field(9, &head.control_id)
            .field(10, &head.processing_id)
            .field(11, &head.version)
            .raw(17, charset_names);
        let mut text = String::with_capacity(self.body.len() + 256);
        fields.write("MSH", &mut text);
        text.push('\r');
        text.push_str(&self.body);
        text
    }
}

impl SegmentBuilder {
    pub(crate) fn with_delimiters(delimiters: Delimiters) -> Self {
        Self { delimiters, ..Self::default() }
    }

    /// Sets field `n`, from 1, to one value. Line ends in it go out as `\X0D\` and `\X0A\`.
    #[must_use]
    pub fn field(mut self, n: usize, text: &str) -> Self {
        let encoded = self.escaped(text);
        self.set(n, encoded)
    }

    /// Sets field `n` to formatted text, data types FT and TX: line ends in it go out as `\.br\`.
    #[must_use]
    pub fn formatted(mut self, n: usize, text: &str) -> Self {
        self.must_be_escapable(text);
        let encoded = escape::encode_formatted(text, self.delimiters);
        self.set(n, encoded)
    }

    /// Sets field `n` to the null value `""`, which deletes what the receiver has.
    #[must_use]
    pub fn null(self, n: usize) -> Self {
        self.set(n, "\"\"".to_owned())
    }

    /// Sets field `n` to components, from component 1.
    #[must_use]
    pub fn components(mut self, n: usize, parts: &[&str]) -> Self {
        let encoded = self.joined(parts, self.delimiters.component);
        self.set(n, encoded)
    }

    /// Sets field `n` to components made of subcomponents.
    #[must_use]
    pub fn subcomponents(mut self, n: usize, parts: &[&[&str]]) -> Self {
        let encoded = self.composite(parts);
        self.set(n, encoded)
    }

    /// Adds a repetition of components made of subcomponents to field `n`, or sets it where it is empty.
    #[must_use]
    pub fn repeat_subcomponents(mut self, n: usize, parts: &[&[&str]]) -> Self {
        let encoded = self.composite(parts);
        self.repeat(n, &encoded)
    }

    /// Adds a repetition of components to field `n`, or sets it where it is empty.
    #[must_use]
    pub fn repeat_components(mut self, n: usize, parts: &[&str]) -> Self {
        let encoded = self.joined(parts, self.delimiters.component);
        self.repeat(n, &encoded)
    }

    /// Adds a repetition of one value to field `n`, or sets it where it is empty.
    #[must_use]
    pub fn repeat_field(mut self, n: usize, text: &str) -> Self {
        let encoded = self.escaped(text);
        self.repeat(n, &encoded)
    }

    /// Sets field `n` to text that is already encoded with the delimiters of the message.
    #[must_use]
    pub fn raw(mut self, n: usize, encoded: &str) -> Self {
        if holds_control_code(encoded) {
            self.fault.get_or_insert(Fault::ControlCode);
        }
        self.set(n, encoded.to_owned())
    }

    /// The segment without its terminator.
    pub(crate) fn encode(&self, id: &str) -> Result<String, Fault> {
        let mut text = String::new();
        self.write(id, &mut text);
        self.fault.map_or(Ok(text), Err)
    }

    /// Components made of subcomponents, of which each may be null.
    pub(crate) fn stated(&mut self, parts: &[Vec<Value<'_>>]) -> String {
        let Delimiters { component, subcomponent, .. } = self.delimiters;
        let mut components = Vec::with_capacity(parts.len());
        for part in parts {
            let leaves: Vec<String> = part.iter().map(|leaf| self.leaf(leaf)).collect();
            components.push(self.join_encoded(&leaves, subcomponent));
        }
        self.join_encoded(&components, component)
    }

    fn leaf(&mut self, leaf: &Value<'_>) -> String {
        match leaf {
            Value::Absent | Value::Empty => String::new(),
            Value::Null => "\"\"".to_owned(),
            Value::Present(text) => self.escaped(text),
        }
    }

    pub(crate) fn repeat(mut self, n: usize, encoded: &str) -> Self {
        let repetition = self.delimiters.repetition;
        if let Some(field) = self.place(n) {
            if !field.is_empty() {
                field.extend(repetition.map(char::from));
                if repetition.is_none() {
                    self.fault.get_or_insert(Fault::Delimiter);
                    return self;
                }
            }
            field.push_str(encoded);
        }
        self
    }

    pub(crate) fn set(mut self, n: usize, encoded: String) -> Self {
        if let Some(field) = self.place(n) {
            *field = encoded;
        }
        self
    }

    fn place(&mut self, n: usize) -> Option<&mut String> {
        if !(1..=FIELDS_MAX).contains(&n) {
            self.fault.get_or_insert(Fault::FieldNumber(n));
            return None;
        }
        if self.fields.len() < n {
            self.fields.resize(n, String::new());
        }
        self.fields.get_mut(n - 1)
    }

    fn escaped(&mut self, text: &str) -> String {
        self.must_be_escapable(text);
        escape::encode(text, self.delimiters)
    }

    fn must_be_escapable(&mut self, text: &str) {
        if self.delimiters.escape.is_none() && needs_escape(text, self.delimiters) {
            self.fault.get_or_insert(Fault::Delimiter);
        }
    }

    fn composite(&mut self, parts: &[&[&str]]) -> String {
        let Delimiters { component, subcomponent, .. } = self.delimiters;
        let components: Vec<_> =
            parts.iter().map(|parts| self.joined(parts, subcomponent)).collect();
        self.join_encoded(&components, component)
    }

    fn joined(&mut self, parts: &[&str], delimiter: Option<u8>) -> String {
        let encoded: Vec<_> = parts.iter().map(|part| self.escaped(part)).collect();
        self.join_encoded(&encoded, delimiter)
    }

    fn join_encoded(&mut self, parts: &[String], delimiter: Option<u8>) -> String {
        let used = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
        if used > 1 && delimiter.is_none() {
            self.fault.get_or_insert(Fault::Delimiter);
        }
        let mut text = String::new();
        for (index, part) in parts.iter().take(used).enumerate() {
            if index > 0 {
                text.extend(delimiter.map(char::from));
            }
            text.push_str(part);
        }
        text
    }

    fn write(&self, id: &str, text: &mut String) {
        let used =
            self.fields.iter().rposition(|field| !field.is_empty()).map_or(0, |last| last + 1);
        text.push_str(id);
        for field in self.fields.iter().take(used) {
            text.push(char::from(self.delimiters.field));
            text.push_str(field);
        }
    }
}

impl fmt::Debug for MessageBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageBuilder")
            .field("head", &self.head)
            .field("segments", &self.segments)
            .field("body", &format_args!("<redacted>"))
            .finish()
    }
}

impl fmt::Debug for SegmentBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SegmentBuilder({} fields, <redacted>)", self.fields.len())
    }
}

/// MSH-18 for these sets, the first one first.
fn declaration(sets: CharacterSets) -> Result<String, BuildError> {
    let name = |charset: Charset| charset.to_hl7().ok_or(BuildError::UnnamedCharset { charset });
    let names: Vec<&str> = sets.iter().map(name).collect::<Result<_, _>>()?;
    Ok(names.join("~"))
}

fn is_segment_id(id: &str) -> bool {
    let mut characters = id.bytes();
    id.len() == 3
        && characters.next().is_some_and(|first| first.is_ascii_uppercase())
        && characters.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Whether already encoded text would break its segment apart.
pub(crate) fn holds_control_code(encoded: &str) -> bool {
    encoded.bytes().any(|byte| byte < b' ' && byte != b'\t')
}

/// Whether text holds what cannot go out as it is.
pub(crate) fn needs_escape(text: &str, delimiters: Delimiters) -> bool {
    let Delimiters { field, component, repetition, subcomponent, .. } = delimiters;
    let specials = [Some(field), component, repetition, subcomponent];
    text == "\"\""
        || text.bytes().any(|byte| (byte < b' ' && byte != b'\t') || specials.contains(&Some(byte)))
}

#[cfg(test)]
mod tests;
