//! What validation finds, and how it is told to the sender.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::FINDINGS_MAX;
use crate::datatype::{Cwe, Erl};
use crate::{AckError, Acknowledgement, Location, segment, tables};

/// How bad it is: ERR-4, table 0516.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// `I`: odd, and harmless for most receivers.
    Information,
    /// `W`: the standard is broken; the message can be used.
    Warning,
    /// `E`: something is missing without which the message cannot be used as the profile means it.
    Error,
}

impl Severity {
    /// As ERR-4 writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "E",
            Self::Warning => "W",
            Self::Information => "I",
        }
    }
}

/// `error`, `warning`, `information`, or the letters of ERR-4.
impl FromStr for Severity {
    type Err = InvalidSeverity;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "error" | "E" => Ok(Self::Error),
            "warning" | "W" => Ok(Self::Warning),
            "information" | "I" => Ok(Self::Information),
            _ => Err(InvalidSeverity),
        }
    }
}

/// A word is no severity.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a severity: error, warning or information")]
pub struct InvalidSeverity;

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

/// What to answer: AR when the message, event, version or processing id is not supported, AE when anything else is an
/// error, else AA (HL7 2.5.1 section 2.9.2). The gravest finding is told, the first of its kind.
pub fn acknowledgement(findings: &[Finding]) -> Acknowledgement {
    let errors = || findings.iter().filter(|finding| finding.severity == Severity::Error);
    let rejected = errors().find(|finding| matches!(finding.code.condition(), 200..=203));
    match (rejected, errors().next()) {
        (Some(finding), _) => Acknowledgement::reject(finding.ack_error()),
        (None, Some(finding)) => Acknowledgement::error(finding.ack_error()),
        (None, None) => Acknowledgement::accept(),
    }
}

/// The list of findings, bounded.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn add(
        &mut self,
        (code, severity): (FindingCode, Severity),
        location: Location,
        span: Range<usize>,
        text: impl Into<String>,
    ) {
        if !self.is_full() {
            self.0.push(Finding { code, severity, location, span, text: text.into() });
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= FINDINGS_MAX
    }

    /// A profile may ask again for what the tables ask for: one finding for each code and place is enough, the gravest.
    pub(super) fn into_list(self) -> Vec<Finding> {
        let mut list: Vec<Finding> = Vec::with_capacity(self.0.len());
        let mut places = std::collections::BTreeMap::new();
        for finding in self.0 {
            let key = (finding.code, finding.location);
            match places.get(&key).and_then(|&index: &usize| list.get_mut(index)) {
                Some(known) if known.severity < finding.severity => *known = finding,
                Some(_) => {}
                None => {
                    places.insert(key, list.len());
                    list.push(finding);
                }
            }
        }
        list
    }
}
