//! What is kept about a report: every version, and which of them stands.

use serde::{Deserialize, Serialize};
use telerad_core::{Code, PartialDateTime, PersonName, SiteId, Timestamp};

use crate::instant::instant_micros;

/// Where a report version stands (OBR-25, HL7 table 0123; OBX-11, table 0085), least binding first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum ReportStatus {
    /// `O`, `S`, `I`, `N` and the like: the examination is under way, there is no report yet.
    StatusOnly,
    /// `P`, `R`, `A`: may be read, not yet answered for.
    Preliminary,
    /// OBX-11 `U`: the preliminary text became final and is not sent again.
    Released,
    /// `F`.
    Final,
    /// `C`: replaces a final report.
    Corrected,
    /// `X` or every line `D`: no longer stands.
    Retracted,
    /// OBX-11 `W`: was sent for the wrong patient.
    WrongPatient,
}

impl ReportStatus {
    /// Whether the report is taken back.
    pub fn is_retraction(self) -> bool {
        matches!(self, Self::Retracted | Self::WrongPatient)
    }

    /// Whether a physician has answered for the text.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Released | Self::Final | Self::Corrected)
    }
}

/// One line of a report, or one encapsulated document.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ReportLine {
    /// OBX-3.
    pub identifier: Code,
    /// OBX-3.1.2, the suffix of HL7 2.3.1 section 7.1.4 such as `GDT`, `IMP` or `ADT`.
    pub suffix: String,
    /// OBX-4, which groups the lines of one section.
    pub sub_id: String,
    /// OBX-2; an empty one was read as `TX`.
    pub value_type: String,
    /// The line as a person reads it; empty for `ED` and `RP`.
    pub text: String,
    /// OBX-5 in the default delimiters, for every type other than `TX`, `ST` and `FT`. An encapsulated document is in
    /// here, exactly as it came.
    pub encoded: Option<String>,
    /// OBX-8, repetitions separated by `~` (table 0078).
    pub abnormal_flags: String,
}

impl std::fmt::Debug for ReportLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReportLine({}, <redacted>)", self.value_type)
    }
}

/// Who answers for a report (OBR-32, else OBX-16).
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Signer {
    /// Identifier at the reading platform.
    pub id: String,
    /// Name.
    pub name: PersonName,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(<redacted>)")
    }
}

/// One version of a report, as one message brought it. `Debug` prints no text and no name.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct ReportVersion {
    /// Where it stands.
    pub status: ReportStatus,
    /// Text and documents, in the order of the message; empty for a status, a release or a retraction.
    pub lines: Vec<ReportLine>,
    /// When the status changed: OBR-22, else the latest OBX-14 or OBX-19, else MSH-7.
    pub status_time: Option<PartialDateTime>,
    /// The earliest status time of this same text, where it came more than once: a text that was taken back is not put
    /// back by sending it again.
    pub first_status_time: Option<PartialDateTime>,
    /// MSH-7, which breaks ties between equal status times.
    pub message_time: Option<PartialDateTime>,
    /// OBR-7, when the examination was made.
    pub observation_time: Option<PartialDateTime>,
    /// When it came in.
    pub received_at: Timestamp,
    /// Digest of lines and signer, in hexadecimal: equal content, equal text.
    pub content: String,
    /// Who answers for it.
    pub signer: Signer,
    /// The caller's id of the message that brought it.
    pub message_id: String,
}

impl ReportVersion {
    /// Whether some line is flagged as abnormal in a way that cannot wait: `HH`, `LL` or `AA` (table 0078).
    pub fn is_critical(&self) -> bool {
        let critical = |flag: &str| matches!(flag.trim(), "HH" | "LL" | "AA");
        self.lines.iter().any(|line| line.abnormal_flags.split('~').any(critical))
    }

    /// Orders versions of the same status: by status time, then message time, then content, so that no tie is left to
    /// the order of arrival.
    pub(crate) fn age(&self) -> (Option<i64>, Option<i64>, &str) {
        let instant = |time: Option<PartialDateTime>| time.as_ref().map(instant_micros);
        (instant(self.status_time), instant(self.message_time), &self.content)
    }

    fn rank(&self) -> (ReportStatus, (Option<i64>, Option<i64>, &str)) {
        (self.status, self.age())
    }

    /// Whether `self` takes back what `other` says. Without a time on both sides the careful reading applies.
    fn takes_back(&self, other: &Self) -> bool {
        let mine = self.status_time.as_ref().map(instant_micros);
        let theirs = other.first_status_time.as_ref().map(instant_micros);
        match (mine, theirs) {
            (Some(mine), Some(theirs)) => theirs <= mine,
            _ => true,
        }
    }
}

impl std::fmt::Debug for ReportVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReportVersion({:?}, received {}, <redacted>)", self.status, self.received_at)
    }
}

/// Names one report: its site, its order and the sender's own report number.
#[derive(Clone, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct ReportKey(String);

impl ReportKey {
    /// `order_key` is the key that the matching decision named; `identity` is
    /// [`IncomingReport::report_identity`](crate::IncomingReport::report_identity).
    pub fn new(site: &SiteId, order_key: &str, identity: &str) -> Self {
        // Percent first, so that two different triples never give one key.
        let part = |text: &str| text.replace('%', "%25").replace('/', "%2F");
        Self(format!("{site}/{}/{}", part(order_key), part(identity)))
    }

    /// The key as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for ReportKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReportKey(<redacted>)")
    }
}

/// All versions of one report. `Debug` prints no values.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct ReportRecord {
    /// Its name.
    pub key: ReportKey,
    /// The site whose order it answers.
    pub site: SiteId,
    /// The order it is filed under.
    pub order_key: String,
    /// Every distinct version, by age, late ones and retractions included. Nothing is ever taken out.
    pub versions: Vec<ReportVersion>,
    /// Revision at which it was read from the store; 0 = not stored yet.
    pub revision: u64,
}

impl ReportRecord {
    /// The version that stands, whatever the order in which versions came in: corrected over final over released over
    /// preliminary, and the latest among equals.
    ///
    /// A retraction takes back everything up to its own time; while nothing newer has come, the retraction itself
    /// stands. `None` without versions, and while a release waits for the preliminary text it speaks about.
    pub fn current(&self) -> Option<&ReportVersion> {
        let live = |version: &&ReportVersion| {
            !version.status.is_retraction()
                && !self.is_taken_back(version)
                && (version.status != ReportStatus::Released || self.released(version).is_some())
        };
        // The retracted text is out of sight even when only a status has come since.
        let shown = self.versions.iter().filter(live).max_by(|a, b| a.rank().cmp(&b.rank()));
        let retracted = self.retractions().max_by(|a, b| a.rank().cmp(&b.rank()));
        shown
            .filter(|version| version.status > ReportStatus::StatusOnly || retracted.is_none())
            .or(retracted)
    }

    /// The lines of a version: its own, or those of the preliminary version that it releases.
    pub fn lines<'a>(&'a self, version: &'a ReportVersion) -> &'a [ReportLine] {
        match version.status {
            ReportStatus::Released => {
                self.released(version).map_or(&[], |preliminary| preliminary.lines.as_slice())
            }
            _ => &version.lines,
        }
    }

    fn is_taken_back(&self, version: &ReportVersion) -> bool {
        self.retractions().any(|retraction| retraction.takes_back(version))
    }

    fn retractions(&self) -> impl Iterator<Item = &ReportVersion> {
        self.versions.iter().filter(|version| version.status.is_retraction())
    }

    /// The latest preliminary version that is not younger than the release.
    fn released(&self, release: &ReportVersion) -> Option<&ReportVersion> {
        self.versions
            .iter()
            .filter(|version| version.status == ReportStatus::Preliminary)
            .filter(|version| release.takes_back(version) && !self.is_taken_back(version))
            .max_by(|a, b| a.age().cmp(&b.age()))
    }
}

impl std::fmt::Debug for ReportRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let statuses: Vec<ReportStatus> = self.versions.iter().map(|one| one.status).collect();
        write!(f, "ReportRecord(<redacted>, revision {}, {statuses:?})", self.revision)
    }
}
