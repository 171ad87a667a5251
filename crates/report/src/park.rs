//! Reports that wait for a person.

use serde::{Deserialize, Serialize};
use telerad_core::SiteId;

/// A report that was not filed. `Debug` prints no values.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct ParkedReport {
    /// The site it came for.
    pub site: SiteId,
    /// The caller's id of the message.
    pub message_id: String,
    /// The reason as a sentence, without values.
    pub reason: String,
    /// What was compared with what, with values: for the review page, never for a log.
    pub evidence: String,
    /// Keys of the orders that come into question, sorted.
    pub candidates: Vec<String>,
}

impl std::fmt::Debug for ParkedReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ParkedReport(message {}, {}, <redacted>)", self.message_id, self.reason)
    }
}

/// Why a report waits for a person; the gravest one is named.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum ParkReason {
    /// No known order is named.
    NoCandidate,
    /// Several orders come into question, or one that is not proven.
    Ambiguous,
    /// Only an addendum was sent, and replacing the report with it would hide the report.
    AddendumOnly,
    /// The message is one part of several, and the rest of the report is elsewhere.
    Fragment,
    /// The report has [`VERSIONS_MAX`](crate::VERSIONS_MAX) versions.
    TooManyVersions,
    /// The OBR of the message stand differently: some retract, some report.
    StatusesDisagree,
    /// One order is said to be two studies.
    StudyUidsDisagree,
    /// Identifiers contradict each other.
    Conflict,
    /// Bytes of an identifier contradict the character set: it may be another one, which explains a conflict.
    DoubtfulIdentifier,
    /// The message speaks about several patients.
    SeveralPatients,
}

impl std::fmt::Display for ParkReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoCandidate => "no known order is named",
            Self::Ambiguous => "the order is not proven",
            Self::AddendumOnly => "only an addendum was sent, and the site has no rule for it",
            Self::Fragment => "the message is one part of several",
            Self::TooManyVersions => "the report has too many versions",
            Self::StatusesDisagree => "some parts of the message retract and some report",
            Self::StudyUidsDisagree => "the message names two studies for one order",
            Self::DoubtfulIdentifier => "bytes of an identifier contradict the character set",
            Self::Conflict => "identifiers contradict each other",
            Self::SeveralPatients => "the message speaks about several patients",
        })
    }
}
