//! Which answers a message asks for.

use std::str::FromStr;

use super::AckCode;
use crate::Message;

/// When an answer is wanted: MSH-15 and MSH-16, table 0155.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AckCondition {
    /// `AL`
    Always,
    /// `ER`: only when the message was not taken over.
    Error,
    /// `NE`
    Never,
    /// `SU`: only when the message was taken over.
    Success,
}

/// Not a code of table 0155.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an acknowledgement condition of table 0155")]
pub struct InvalidAckCondition;

impl AckCondition {
    /// The code as written in MSH-15 and MSH-16.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "AL",
            Self::Error => "ER",
            Self::Never => "NE",
            Self::Success => "SU",
        }
    }

    /// Whether an answer is wanted after `outcome`.
    pub fn wants(self, outcome: Outcome) -> bool {
        match self {
            Self::Always => true,
            Self::Error => outcome != Outcome::Accepted,
            Self::Never => false,
            Self::Success => outcome == Outcome::Accepted,
        }
    }
}

impl FromStr for AckCondition {
    type Err = InvalidAckCondition;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        let all = [Self::Always, Self::Error, Self::Never, Self::Success];
        all.into_iter().find(|known| known.as_str() == code).ok_or(InvalidAckCondition)
    }
}

/// What became of a message, at either stage: in storage, or in the application.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// It was taken over.
    Accepted,
    /// Its content is faulty; sending it again unchanged is useless.
    Error,
    /// It is not acceptable now or here; it may be sent again later.
    Rejected,
}

/// How a message is to be answered (HL7 2.5.1 section 2.9).
///
/// | MSH-15 (commit) or MSH-16 (application) | accepted | error | rejected |
/// |---|---|---|---|
/// | both absent: original mode | AA | AE | AR |
/// | `AL` | CA or AA | CE or AE | CR or AR |
/// | `ER` | – | CE or AE | CR or AR |
/// | `SU` | CA or AA | – | – |
/// | `NE`, or absent beside the other | – | – | – |
///
/// A code that table 0155 does not have counts as `AL`: a superfluous answer does less harm than a missing one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AckMode {
    /// One answer on the same connection, by the application. IHE Radiology requires it.
    Original,
    /// A commit answer on the same connection once the message is in safe storage, and an application answer later,
    /// as a message of its own.
    Enhanced {
        /// MSH-15.
        accept: AckCondition,
        /// MSH-16.
        application: AckCondition,
    },
}

impl AckMode {
    /// What `message` asks for.
    pub fn of(message: &Message) -> Self {
        let Some(header) = message.segment("MSH") else { return Self::Original };
        let [accept, application] = [15, 16].map(|n| {
            let code = header.field(n).text();
            let code = code.trim();
            (!code.is_empty()).then(|| code.parse().unwrap_or(AckCondition::Always))
        });
        match (accept, application) {
            (None, None) => Self::Original,
            (accept, application) => Self::Enhanced {
                accept: accept.unwrap_or(AckCondition::Never),
                application: application.unwrap_or(AckCondition::Never),
            },
        }
    }

    /// The code of the commit answer after storing had `outcome`; `None` when none is wanted.
    pub fn commit_code(self, outcome: Outcome) -> Option<AckCode> {
        let Self::Enhanced { accept, .. } = self else { return None };
        accept.wants(outcome).then_some(match outcome {
            Outcome::Accepted => AckCode::CA,
            Outcome::Error => AckCode::CE,
            Outcome::Rejected => AckCode::CR,
        })
    }

    /// The code of the application's answer after it had `outcome`; `None` when none is wanted. A message whose
    /// commit answer was CE or CR never reaches the application.
    pub fn application_code(self, outcome: Outcome) -> Option<AckCode> {
        let is_wanted = match self {
            Self::Original => true,
            Self::Enhanced { application, .. } => application.wants(outcome),
        };
        is_wanted.then_some(match outcome {
            Outcome::Accepted => AckCode::AA,
            Outcome::Error => AckCode::AE,
            Outcome::Rejected => AckCode::AR,
        })
    }
}
