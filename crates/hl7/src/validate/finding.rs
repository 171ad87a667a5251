//! What validation finds, and how it is told to the sender.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::datatype::{Cwe, Erl};
use crate::{
    AckCode, AckError, Acknowledgement, ERRORS_MAX, ErrorSegment, Location, Reply, Severity,
    segment, tables,
};

/// Declares the codes once: the enum, the stable names, and the condition of table 0357 that each becomes in ERR-3.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal, $condition:literal;)*) => {
        /// What is wrong.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum FindingCode {
            $($(#[$doc])* $code,)*
        }

        impl FindingCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// The name of this code in configuration and logs. It never changes.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }

            /// The condition of table 0357.
            pub const fn condition(self) -> u16 {
                match self {
                    $(Self::$code => $condition,)*
                }
            }
        }
    };
}

codes! {
    /// A code that is not in the table of its field or component.
    CodeUnknown = "code-unknown", 103;
    /// A value that is none of its data type: a number, a date, a time.
    DatatypeInvalid = "datatype-invalid", 102;
    /// MSH-9.2 is no event of table 0003.
    EventUnsupported = "event-unsupported", 201;
    /// More fields or components than the version has.
    Extra = "extra", 102;
    /// A required field or component without a value.
    FieldMissing = "field-missing", 101;
    /// A field or segment that the profile forbids.
    Forbidden = "forbidden", 102;
    /// A merge into itself.
    MergeSame = "merge-same", 205;
    /// A merge without a key on one side.
    MergeKeyMissing = "merge-key-missing", 204;
    /// MSH-9.1 is no message of table 0076.
    MessageUnsupported = "message-unsupported", 200;
    /// MSH-11 is not in table 0103.
    ProcessingIdUnsupported = "processing-id-unsupported", 202;
    /// A field repeats more often than the version allows.
    Repetitions = "repetitions", 102;
    /// A segment that has to be there is not.
    SegmentMissing = "segment-missing", 100;
    /// A segment that the message structure does not have.
    SegmentUnexpected = "segment-unexpected", 100;
    /// Two sources of one item say different things, such as two Study Instance UIDs of one order.
    SourcesDisagree = "sources-disagree", 204;
    /// MSH-9.3 is not the structure of the event.
    StructureMismatch = "structure-mismatch", 200;
    /// A value longer than the standard prints; only where the profile asks for lengths.
    TooLong = "too-long", 102;
    /// A value that the profile does not allow.
    ValueNotAllowed = "value-not-allowed", 103;
    /// MSH-12 is not in table 0104.
    VersionUnsupported = "version-unsupported", 203;
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FindingCode {
    type Err = InvalidFindingCode;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name).ok_or(InvalidFindingCode)
    }
}

/// A word is no code of a finding.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a code of a finding like code-unknown or field-missing")]
pub struct InvalidFindingCode;

/// One thing that is wrong with a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What is wrong.
    pub code: FindingCode,
    /// How bad it is.
    pub severity: Severity,
    /// The place to blame: the one that lacks something, where something is missing.
    pub location: Location,
    /// The bytes of the message to blame; an empty range where something is missing.
    pub span: Range<usize>,
    /// What is wrong in words, without patient data.
    pub text: String,
}

impl Finding {
    /// The finding as an error to answer with.
    pub fn ack_error(&self) -> AckError {
        AckError {
            condition: self.code.condition(),
            location: self.location.error_location(),
            text: format!("{}: {}", self.location, self.text),
        }
    }
}

/// ERR in the form of 2.5: ERR-2 place, ERR-3 condition, ERR-4 severity, ERR-5 the code, ERR-8 words.
impl From<&Finding> for segment::Err {
    fn from(finding: &Finding) -> Self {
        let condition = finding.code.condition().to_string();
        let meaning = tables::codes("0357").and_then(|codes| codes.meaning(&condition));
        Self {
            location: Erl::from(finding.location),
            error_code: Cwe {
                identifier: condition,
                text: meaning.unwrap_or_default().to_owned(),
                coding_system: "HL70357".to_owned(),
                ..Cwe::default()
            },
            severity: finding.severity.as_str().to_owned(),
            application_error_code: Cwe {
                identifier: finding.code.as_str().to_owned(),
                ..Cwe::default()
            },
            user_message: finding.text.clone(),
            ..Self::default()
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {}: {}", self.severity.as_str(), self.code, self.location, self.text)
    }
}

/// ERR in whatever form [`Reply`] writes: place, condition, severity, and the code as the diagnostic.
impl From<&Finding> for ErrorSegment {
    fn from(finding: &Finding) -> Self {
        Self {
            error: finding.ack_error(),
            severity: finding.severity,
            diagnostic: finding.code.as_str().to_owned(),
        }
    }
}

/// What to answer: AR when the message, event, version or processing id is not supported, AE when anything else is an
/// error, else AA (HL7 2.5.1 section 2.9.2). The gravest finding is told, the first of its kind; [`reply`] tells more.
pub fn acknowledgement(findings: &[Finding]) -> Acknowledgement {
    match decisive(findings) {
        Some((AckCode::AR, finding)) => Acknowledgement::reject(finding.ack_error()),
        Some((_, finding)) => Acknowledgement::error(finding.ack_error()),
        None => Acknowledgement::accept(),
    }
}

/// As [`acknowledgement`], with an ERR for each finding that is at least as bad as `least`: first the one that decides
/// the answer, then errors, warnings and information, each in the message's order, at most [`ERRORS_MAX`].
///
/// Senders that stop at any ERR, whatever its severity, are answered with [`Severity::Error`] as `least`.
pub fn reply(findings: &[Finding], least: Severity) -> Reply {
    let decisive = decisive(findings);
    let mut told: Vec<&Finding> =
        findings.iter().filter(|finding| finding.severity >= least).collect();
    let is_decisive =
        |finding: &Finding| decisive.is_some_and(|(_, first)| std::ptr::eq(first, finding));
    told.sort_by_key(|finding| std::cmp::Reverse((is_decisive(finding), finding.severity)));
    let errors = told.into_iter().take(ERRORS_MAX).map(ErrorSegment::from).collect();
    Reply { errors, ..Reply::new(decisive.map_or(AckCode::AA, |(code, _)| code)) }
}

/// The finding that makes the answer a refusal, and which.
fn decisive(findings: &[Finding]) -> Option<(AckCode, &Finding)> {
    let errors = || findings.iter().filter(|finding| finding.severity == Severity::Error);
    let rejected = errors().find(|finding| matches!(finding.code.condition(), 200..=203));
    let rejected = rejected.map(|finding| (AckCode::AR, finding));
    rejected.or_else(|| errors().next().map(|finding| (AckCode::AE, finding)))
}
