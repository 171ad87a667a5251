//! Acknowledgements in original mode (HL7 2.5.1 section 2.9.2).

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use telerad_charset::{CharacterSets, Separators};
use telerad_core::Timestamp;

use crate::{Delimiters, Message, ParseError, Path, Segment, escape};

/// MSA-1, table 0008.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AckCode {
    /// Application accept.
    AA,
    /// Application error: the content is faulty, sending it again unchanged is useless.
    AE,
    /// Application reject: not acceptable now or here; it may be sent again later.
    AR,
    /// Commit accept: in safe storage.
    CA,
    /// Commit error.
    CE,
    /// Commit reject.
    CR,
}

impl AckCode {
    /// Whether the receiver has taken the message over.
    pub fn is_accepted(self) -> bool {
        matches!(self, Self::AA | Self::CA)
    }

    /// Whether the same message may be sent again later.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::AR | Self::CR)
    }

    /// The code as written in MSA-1.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AA => "AA",
            Self::AE => "AE",
            Self::AR => "AR",
            Self::CA => "CA",
            Self::CE => "CE",
            Self::CR => "CR",
        }
    }
}

impl fmt::Display for AckCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not a code of table 0008.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an acknowledgement code of table 0008")]
pub struct InvalidAckCode;

impl FromStr for AckCode {
    type Err = InvalidAckCode;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        let all = [Self::AA, Self::AE, Self::AR, Self::CA, Self::CE, Self::CR];
        all.into_iter().find(|known| known.as_str() == code).ok_or(InvalidAckCode)
    }
}

/// What to answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Acknowledgement {
    /// MSA-1.
    pub code: AckCode,
    /// ERR, and MSA-3 for those who read only that.
    pub error: Option<AckError>,
}

/// One error, as it is told to the sender.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AckError {
    /// Table 0357, such as 101 for a missing required field.
    pub condition: u16,
    /// Data type ERL with `^` between its components, such as `PID^1^3`; empty when no place is to blame.
    /// [`Path::error_location`] makes one.
    pub location: String,
    /// What is wrong, in words without patient data. Characters that the sender's set does not have become `?`.
    pub text: String,
}

impl AckError {
    /// An error at a path.
    pub fn at(path: &Path, condition: u16, text: impl Into<String>) -> Self {
        Self { condition, location: path.error_location(), text: text.into() }
    }
}

impl Acknowledgement {
    /// AA: what the message carried is durable.
    pub fn accept() -> Self {
        Self { code: AckCode::AA, error: None }
    }

    /// AE: the content is faulty.
    pub fn error(error: AckError) -> Self {
        Self { code: AckCode::AE, error: Some(error) }
    }

    /// AR: not acceptable, or not now.
    pub fn reject(error: AckError) -> Self {
        Self { code: AckCode::AR, error: Some(error) }
    }
}

// It stands here because a parser should not know how it is answered.
impl ParseError {
    /// What to answer the sender: AR, because nothing of the message was understood (HL7 2.5.1 section 2.9.2).
    pub fn acknowledgement(&self) -> Acknowledgement {
        let condition = match self {
            Self::FieldSeparator { .. } | Self::NoHeader => 100,
            Self::Refused(warning) if warning.kind.needs_contents() => 102,
            Self::Refused(_) => 100,
            Self::TooLarge { .. } | Self::TooManySegments { .. } => 207,
        };
        let location = match self {
            Self::Refused(warning) => {
                warning.location.map(|location| location.error_location()).unwrap_or_default()
            }
            _ => "MSH^1".to_owned(),
        };
        Acknowledgement::reject(AckError { condition, location, text: self.to_string() })
    }
}

/// The first field of MSH without which a message cannot be taken: MSH-9, MSH-10 or MSH-12
/// (HL7 2.5.1 section 2.15.9). MSH-7 and MSH-11 are required too, but nothing hangs on them here.
pub fn header_fault(message: &Message) -> Option<Acknowledgement> {
    let header = message.segment("MSH")?;
    let required = [(9, "message type"), (10, "message control id"), (12, "version")];
    let (field, name) =
        required.into_iter().find(|&(field, _)| header.field(field).text().is_empty())?;
    let location = format!("MSH^1^{field}");
    let text = format!("MSH-{field} {name} is missing");
    Some(Acknowledgement::reject(AckError { condition: 101, location, text }))
}

/// Fields of the request longer than this are left out of the answer instead of being echoed.
pub const ECHOED_BYTES_MAX: usize = 4096;

/// Writes the acknowledgement of `request`: applications and facilities change places, delimiters, processing id,
/// version and character set are the sender's, MSA-2 is its MSH-10 byte for byte.
///
/// Without a request, because the frame held nothing readable, MSA-2 is empty. `control_id` is MSH-10 of the
/// answer. The error is written as ERR-2 to ERR-8 from version 2.5, and as ERR-1 before.
pub fn acknowledge(
    request: Option<&Message>,
    ack: &Acknowledgement,
    control_id: &str,
    now: Timestamp,
) -> Bytes {
    let delimiters = request.map_or(Delimiters::STANDARD, Message::delimiters);
    let version = request.map(Message::version).filter(|version| !version.is_empty());
    let mut writer = Writer {
        request: request.and_then(|request| request.segment("MSH")),
        delimiters,
        sets: request.map(Message::character_sets).unwrap_or_default(),
        version: version_numbers(version.as_deref().unwrap_or(DEFAULT_VERSION)),
        bytes: Vec::with_capacity(256),
    };
    writer.header(request, control_id, now);
    writer.body(ack);
    Bytes::from(writer.bytes)
}

const DEFAULT_VERSION: &str = "2.5.1";

struct Writer<'a> {
    request: Option<Segment<'a>>,
    delimiters: Delimiters,
    sets: CharacterSets,
    version: (u16, u16),
    bytes: Vec<u8>,
}

impl Writer<'_> {
    fn header(&mut self, request: Option<&Message>, control_id: &str, now: Timestamp) {
        self.bytes.extend_from_slice(b"MSH");
        self.separator();
        match self.request.map(|header| header.field(2).raw()).filter(|raw| raw.len() <= 16) {
            Some(characters) => self.bytes.extend(characters.iter().filter(|&&byte| byte >= b' ')),
            None => self.bytes.extend(self.delimiters.encoding_characters().bytes()),
        }
        for field in [5, 6, 3, 4] {
            self.separator();
            self.echo(field);
        }
        self.separator();
        self.text(&format!("{}+0000", now.to_compact_utc()));
        self.separator();
        self.separator();
        // An event has three characters; whatever is much longer is none, and not worth echoing.
        let event = request.map(Message::trigger_event).filter(|event| event.len() <= 32);
        let event = event.unwrap_or_default();
        // The structure is a third component from 2.4; before, many receivers compare the whole field.
        match (event.is_empty(), self.version >= (2, 4)) {
            (true, _) => self.components(&["ACK"]),
            (false, true) => self.components(&["ACK", &event, "ACK"]),
            (false, false) => self.components(&["ACK", &event]),
        }
        self.separator();
        self.text(control_id);
        for (field, default) in [(11, "P"), (12, DEFAULT_VERSION)] {
            self.separator();
            if !self.echo(field) {
                self.text(default);
            }
        }
        if self.request.is_some_and(|header| !header.field(18).is_empty()) {
            (13..=18).for_each(|_| self.separator());
            self.echo(18);
        }
        self.bytes.push(b'\r');
    }

    fn body(&mut self, ack: &Acknowledgement) {
        let message = ack.error.as_ref().map(|error| error.text.as_str()).unwrap_or_default();
        self.bytes.extend_from_slice(b"MSA");
        self.separator();
        self.text(ack.code.as_str());
        self.separator();
        self.echo(10);
        if !message.is_empty() {
            self.separator();
            self.text(message);
        }
        self.bytes.push(b'\r');
        let Some(error) = &ack.error else { return };
        self.bytes.extend_from_slice(b"ERR");
        if self.version >= (2, 5) {
            self.separator();
            self.separator();
            self.components(&error.location.split('^').collect::<Vec<_>>());
            self.separator();
            self.components(&condition(error.condition));
            self.separator();
            self.text("E");
            (5..=8).for_each(|_| self.separator());
            self.text(message);
        } else {
            self.separator();
            // ELD: segment, sequence, field position, then a coded element of subcomponents.
            let mut location = error.location.split('^');
            for _ in 0..3 {
                self.text(location.next().unwrap_or_default());
                self.bytes.extend(self.delimiters.component);
            }
            self.joined(&condition(error.condition), self.delimiters.subcomponent);
        }
        self.bytes.push(b'\r');
    }

    fn separator(&mut self) {
        self.bytes.push(self.delimiters.field);
    }

    /// Copies a field of the request as it is encoded there; false when there is nothing to copy.
    fn echo(&mut self, field: usize) -> bool {
        let raw = self.request.map(|header| header.field(field).raw()).unwrap_or_default();
        if raw.is_empty() || raw.len() > ECHOED_BYTES_MAX {
            return false;
        }
        // A line feed or frame byte of the request would break the answer apart.
        self.bytes.extend(raw.iter().filter(|&&byte| byte >= b' ' || byte == 0x1b));
        true
    }

    fn text(&mut self, text: &str) {
        let text = match self.delimiters.escape {
            Some(_) => escape::encode(text, self.delimiters),
            // Nothing can be escaped, and this is our own wording.
            None => text.replace(|letter: char| self.is_special(letter), " "),
        };
        match self.sets.encode(&text, Separators::None) {
            Ok(bytes) => self.bytes.extend(bytes),
            Err(_) => {
                let plain = text.chars().map(|letter| if letter.is_ascii() { letter } else { '?' });
                self.bytes.extend(plain.filter_map(|letter| u8::try_from(letter).ok()));
            }
        }
    }

    fn is_special(&self, letter: char) -> bool {
        let Delimiters { field, component, repetition, subcomponent, .. } = self.delimiters;
        let specials = [Some(field), component, repetition, subcomponent];
        letter.is_ascii_control()
            || specials.into_iter().flatten().any(|byte| char::from(byte) == letter)
    }

    fn components(&mut self, parts: &[&str]) {
        self.joined(parts, self.delimiters.component);
    }

    fn joined(&mut self, parts: &[&str], delimiter: Option<u8>) {
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                self.bytes.extend(delimiter);
            }
            self.text(part);
        }
    }
}

/// `2.3.1` as (2, 3). What is no version counts as the newest, whose ERR says most.
fn version_numbers(version: &str) -> (u16, u16) {
    let mut numbers = version.split('.').map(|number| number.trim().parse().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor),
        _ => (u16::MAX, 0),
    }
}

/// A condition of table 0357 as a coded element.
fn condition(code: u16) -> [&'static str; 3] {
    let (code, text) = match code {
        0 => ("0", "Message accepted"),
        100 => ("100", "Segment sequence error"),
        101 => ("101", "Required field missing"),
        102 => ("102", "Data type error"),
        103 => ("103", "Table value not found"),
        200 => ("200", "Unsupported message type"),
        201 => ("201", "Unsupported event code"),
        202 => ("202", "Unsupported processing id"),
        203 => ("203", "Unsupported version id"),
        204 => ("204", "Unknown key identifier"),
        205 => ("205", "Duplicate key identifier"),
        206 => ("206", "Application record locked"),
        _ => ("207", "Application internal error"),
    };
    [code, text, "HL70357"]
}

/// An acknowledgement that a peer sent.
#[derive(Clone, Eq, PartialEq)]
pub struct ReceivedAck {
    /// MSA-1.
    pub code: AckCode,
    /// MSA-2: MSH-10 of the message it answers; empty when the peer could not read that.
    pub control_id: String,
    /// MSA-3, else ERR-8, else ERR-7; in the peer's words, so it may name a patient.
    pub text: String,
    /// Table 0357, from ERR-3, ERR-1 or MSA-6.
    pub condition: Option<u16>,
}

impl fmt::Debug for ReceivedAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedAck")
            .field("code", &self.code)
            .field("control_id", &self.control_id)
            .field("text", &format_args!("<redacted>"))
            .field("condition", &self.condition)
            .finish()
    }
}

/// Reads an acknowledgement, or any application response with MSA in it.
///
/// `None` when there is no MSA, or its code is not in table 0008.
pub fn read_acknowledgement(message: &Message) -> Option<ReceivedAck> {
    let msa = message.segment("MSA")?;
    let code = msa.field(1).text().trim().parse().ok()?;
    let texts = ["MSA-3", "ERR-8", "ERR-7"];
    let conditions = ["ERR-3", "ERR-1.4", "MSA-6"];
    Some(ReceivedAck {
        code,
        control_id: msa.field(2).text().into_owned(),
        text: texts.iter().find_map(|path| message.text(path)).unwrap_or_default(),
        condition: conditions.iter().find_map(|path| message.text(path)?.trim().parse().ok()),
    })
}

#[cfg(test)]
mod tests;
