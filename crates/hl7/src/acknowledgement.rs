//! Acknowledgements in original and enhanced mode (HL7 2.5.1 section 2.9).

mod mode;
mod received;
mod severity;
mod write;

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use telerad_core::Timestamp;

use crate::{Location, Message, ParseError, Path};

pub use self::mode::{AckCondition, AckMode, InvalidAckCondition, Outcome};
pub use self::received::{ReceivedAck, ReceivedError, read_acknowledgement, read_errors};
pub use self::severity::{InvalidSeverity, Severity};
pub use self::write::{ECHOED_BYTES_MAX, ERRORS_MAX};

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

/// Which fields of ERR are written.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum ErrorForm {
    /// That of the version in MSH-12 of the request.
    #[default]
    ByVersion,
    /// Both, for receivers whose version is not to be trusted.
    Both,
    /// ERR-1, data type ELD, as before 2.5: one segment, an error per repetition.
    Old,
    /// ERR-2 to ERR-8, as from 2.5: a segment per error.
    New,
}

/// One ERR segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrorSegment {
    /// Where and what: ERR-2, ERR-3 and ERR-8.
    pub error: AckError,
    /// ERR-4.
    pub severity: Severity,
    /// ERR-7, for the people who run the sender, without patient data.
    pub diagnostic: String,
}

impl ErrorSegment {
    /// An error, or a warning, at a place.
    pub fn at(
        location: Location,
        condition: u16,
        severity: Severity,
        text: impl Into<String>,
    ) -> Self {
        let error = AckError { condition, location: location.error_location(), text: text.into() };
        Self { error, severity, diagnostic: String::new() }
    }
}

impl From<AckError> for ErrorSegment {
    fn from(error: AckError) -> Self {
        Self { error, severity: Severity::Error, diagnostic: String::new() }
    }
}

/// An acknowledgement with everything that can be said in it.
///
/// ```
/// use telerad_core::Timestamp;
/// use telerad_hl7::{AckCode, AckCondition, AckMode, ErrorSegment, Message, Outcome, Reply, Severity};
///
/// let order = Message::parse("MSH|^~\\&|RIS||||||ORM^O01|42|P|2.5.1|||AL|AL\rPID|1\r")?;
/// let mode = AckMode::of(&order);
/// // First, once the message is in safe storage …
/// let code = mode.commit_code(Outcome::Accepted).ok_or("no commit answer is wanted")?;
/// let commit = Reply::new(code).write(Some(&order), "A-1", Timestamp::default());
/// // … then, when the application has looked at it, perhaps much later and on another connection.
/// let code = mode.application_code(Outcome::Error).ok_or("no application answer is wanted")?;
/// let missing = ErrorSegment::at("PID-3".parse()?, 101, Severity::Error, "PID-3 is missing");
/// let answer = Reply::new(code).with_error(missing).asking(AckCondition::Never);
/// let answer = answer.write(Some(&order), "A-2", Timestamp::default());
/// # assert_eq!(Message::parse(commit)?.text("MSA-1").as_deref(), Some("CA"));
/// # let answer = Message::parse(answer)?;
/// # assert_eq!(answer.text("MSA-1").as_deref(), Some(AckCode::AE.as_str()));
/// # assert_eq!(answer.text("MSH-15").as_deref(), Some("NE"));
/// # assert_eq!(answer.text("ERR-2.3").as_deref(), Some("3"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// MSA-1.
    pub code: AckCode,
    /// ERR, in order; of more than [`ERRORS_MAX`] the first are written. The first text is MSA-3 too.
    pub errors: Vec<ErrorSegment>,
    /// Which fields of ERR are written.
    pub form: ErrorForm,
    /// For an application acknowledgement in enhanced mode: MSH-15, when the peer shall confirm it. MSH-16 is then `NE`.
    pub accept_acknowledgement: Option<AckCondition>,
}

impl Reply {
    /// An answer without errors.
    pub fn new(code: AckCode) -> Self {
        let (errors, form) = (Vec::new(), ErrorForm::ByVersion);
        Self { code, errors, form, accept_acknowledgement: None }
    }

    /// Adds an error.
    #[must_use]
    pub fn with_error(mut self, error: impl Into<ErrorSegment>) -> Self {
        self.errors.push(error.into());
        self
    }

    /// Chooses the form of ERR.
    #[must_use]
    pub fn in_form(mut self, form: ErrorForm) -> Self {
        self.form = form;
        self
    }

    /// Says in MSH-15 when the peer shall confirm this application acknowledgement.
    #[must_use]
    pub fn asking(mut self, condition: AckCondition) -> Self {
        self.accept_acknowledgement = Some(condition);
        self
    }

    /// Writes the answer to `request`; see [`acknowledge`] for what is taken from it.
    pub fn write(&self, request: Option<&Message>, control_id: &str, now: Timestamp) -> Bytes {
        write::write(request, self, control_id, now)
    }
}

impl From<&Acknowledgement> for Reply {
    fn from(ack: &Acknowledgement) -> Self {
        let errors = ack.error.iter().cloned().map(ErrorSegment::from).collect();
        Self { errors, ..Self::new(ack.code) }
    }
}

/// Writes the acknowledgement of `request`: applications and facilities change places, delimiters, processing id,
/// version and character set are the sender's, MSA-2 is its MSH-10 byte for byte.
///
/// Without a request, because the frame held nothing readable, MSA-2 is empty. `control_id` is MSH-10 of the
/// answer. The error is written as ERR-2 to ERR-8 from version 2.5, and as ERR-1 before; [`Reply`] says more.
pub fn acknowledge(
    request: Option<&Message>,
    ack: &Acknowledgement,
    control_id: &str,
    now: Timestamp,
) -> Bytes {
    Reply::from(ack).write(request, control_id, now)
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

#[cfg(test)]
mod mode_tests;
#[cfg(test)]
mod tests;
