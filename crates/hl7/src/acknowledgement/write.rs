//! Writing acknowledgements.

use bytes::Bytes;
use telerad_charset::{CharacterSets, Separators};
use telerad_core::Timestamp;

use super::{AckCondition, ErrorForm, ErrorSegment, Reply, Severity};
use crate::{Delimiters, Message, Segment, escape};

/// Errors beyond these are left out of the answer.
pub const ERRORS_MAX: usize = 100;

/// Fields of the request longer than this are left out of the answer instead of being echoed.
pub const ECHOED_BYTES_MAX: usize = 4096;

pub(super) fn write(
    request: Option<&Message>,
    reply: &Reply,
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
    writer.header(request, reply.accept_acknowledgement, control_id, now);
    writer.body(reply);
    Bytes::from(writer.bytes)
}

const DEFAULT_VERSION: &str = "2.5.1";

/// How a coded element names table 0516.
pub(super) const SEVERITY_TABLE: &str = "HL70516";

struct Writer<'a> {
    request: Option<Segment<'a>>,
    delimiters: Delimiters,
    sets: CharacterSets,
    version: (u16, u16),
    bytes: Vec<u8>,
}

impl Writer<'_> {
    fn header(
        &mut self,
        request: Option<&Message>,
        accept_acknowledgement: Option<AckCondition>,
        control_id: &str,
        now: Timestamp,
    ) {
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
        let names_charset = self.request.is_some_and(|header| !header.field(18).is_empty());
        if let Some(condition) = accept_acknowledgement {
            (13..=15).for_each(|_| self.separator());
            self.text(condition.as_str());
            self.separator();
            // Nobody acknowledges an acknowledgement at the application level.
            self.text(AckCondition::Never.as_str());
        } else if names_charset {
            (13..=16).for_each(|_| self.separator());
        }
        if names_charset {
            (17..=18).for_each(|_| self.separator());
            self.echo(18);
        }
        self.bytes.push(b'\r');
    }

    fn body(&mut self, reply: &Reply) {
        let message = reply.errors.first().map(|first| first.error.text.as_str());
        let message = message.unwrap_or_default();
        self.bytes.extend_from_slice(b"MSA");
        self.separator();
        self.text(reply.code.as_str());
        self.separator();
        self.echo(10);
        if !message.is_empty() {
            self.separator();
            self.text(message);
        }
        self.bytes.push(b'\r');
        let (old, new) = match reply.form {
            ErrorForm::ByVersion => (self.version < (2, 5), self.version >= (2, 5)),
            ErrorForm::Both => (true, true),
            ErrorForm::Old => (true, false),
            ErrorForm::New => (false, true),
        };
        let errors = reply.errors.get(..ERRORS_MAX).unwrap_or(&reply.errors);
        if new {
            errors.iter().for_each(|error| self.error_segment(error, old));
        } else if !errors.is_empty() {
            self.old_error_segment(errors);
        }
    }

    /// ERR as from 2.5 (HL7 2.5.1 section 2.15.5).
    fn error_segment(&mut self, segment: &ErrorSegment, also_old: bool) {
        let error = &segment.error;
        self.bytes.extend_from_slice(b"ERR");
        self.separator();
        if also_old {
            self.code_and_location(segment);
        }
        self.separator();
        self.components(&error.location.split('^').collect::<Vec<_>>());
        self.separator();
        self.components(&condition(error.condition));
        self.separator();
        self.text(segment.severity.as_str());
        (5..=7).for_each(|_| self.separator());
        self.text(&segment.diagnostic);
        self.separator();
        self.text(&error.text);
        self.bytes.push(b'\r');
    }

    /// ERR as before 2.5, whose errors are repetitions of its only field (HL7 2.3.1 section 2.24.4).
    fn old_error_segment(&mut self, errors: &[ErrorSegment]) {
        self.bytes.extend_from_slice(b"ERR");
        self.separator();
        for (index, segment) in errors.iter().enumerate() {
            match self.delimiters.repetition {
                _ if index == 0 => {}
                Some(repetition) => self.bytes.push(repetition),
                None => break,
            }
            self.code_and_location(segment);
        }
        self.bytes.push(b'\r');
    }

    /// ELD: segment, sequence, field position, then a coded element of subcomponents. ELD has no severity; what is no
    /// error says so in the alternate code.
    fn code_and_location(&mut self, segment: &ErrorSegment) {
        let ErrorSegment { error, severity, .. } = segment;
        let mut location = error.location.split('^');
        for _ in 0..3 {
            self.text(location.next().unwrap_or_default());
            self.bytes.extend(self.delimiters.component);
        }
        let mut code = condition(error.condition).to_vec();
        if *severity != Severity::Error {
            code.extend([severity.as_str(), severity.meaning(), SEVERITY_TABLE]);
        }
        self.joined(&code, self.delimiters.subcomponent);
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
