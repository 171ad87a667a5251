//! What one message says about a report.

use serde::{Deserialize, Serialize};
use telerad_accession::{AccessionPolicy, Claim, Decision};
use telerad_core::{PartialDateTime, SiteId, Timestamp};

use crate::{ParkReason, ReportKey, ReportLine, ReportStatus, ReportVersion, Signer};

/// How the reports of a site are read.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Reading {
    /// The site whose orders the reports answer.
    pub site: SiteId,
    /// Issuers that apply where the message names none.
    pub accession_policy: AccessionPolicy,
}

/// Where an accession number was found. OBR-18 is where IHE RAD puts it (TF-2 section 4.28); the filler order number is
/// read as one only where OBR-18 is empty, and a finding says so.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum AccessionSource {
    /// OBR-18.
    PlacerField1,
    /// OBR-3, else ORC-3.
    FillerOrderNumber,
}

/// A report as one ORU^R01 brought it, not yet filed anywhere. `Debug` prints no values.
#[derive(Clone, Eq, PartialEq)]
pub struct IncomingReport {
    /// MSH-3 and MSH-4, separated by `|`.
    pub sender: String,
    /// MSH-10.
    pub control_id: String,
    /// One for each order that the message names; a report that answers several orders has several.
    pub claims: Vec<Claim>,
    /// For each claim, where its accession number was found; `None` without one.
    pub accession_sources: Vec<Option<AccessionSource>>,
    /// OBR-3 of the first OBR, where it is something else than the accession number; else empty.
    pub report_number: String,
    /// Where the report stands.
    pub status: ReportStatus,
    /// Text and documents of all OBX, in the order of the message.
    pub lines: Vec<ReportLine>,
    /// OBR-22, else the latest OBX-14 or OBX-19, else MSH-7.
    pub status_time: Option<PartialDateTime>,
    /// MSH-7.
    pub message_time: Option<PartialDateTime>,
    /// OBR-7.
    pub observation_time: Option<PartialDateTime>,
    /// Who answers for it.
    pub signer: Signer,
    /// Why the message has to be parked whatever the decisions say.
    pub holds: Vec<ParkReason>,
    /// What had to be interpreted while reading.
    pub findings: Vec<Finding>,
}

impl IncomingReport {
    /// Names the report among those of one order: the sender and its own report number.
    pub fn report_identity(&self) -> String {
        format!("{}|{}", self.sender, self.report_number)
    }

    /// The records that have to be read before [`receive`](crate::receive), for the decisions on the claims.
    pub fn report_keys(&self, site: &SiteId, decisions: &[Decision]) -> Vec<ReportKey> {
        let matched = decisions.iter().filter_map(|decision| match decision {
            Decision::Match { key, .. } => Some(ReportKey::new(site, key, &self.report_identity())),
            _ => None,
        });
        let mut keys: Vec<ReportKey> = matched.collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// Digest of lines and signer in hexadecimal. Status and times are not in it.
    pub fn content(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut add = |part: &str| {
            // The length keeps the parts apart.
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        };
        for line in &self.lines {
            let code = &line.identifier;
            let encoded = line.encoded.as_deref().unwrap_or_default();
            for part in [&*code.value, &code.scheme, &code.meaning, &line.suffix, &line.sub_id] {
                add(part);
            }
            for part in [&*line.value_type, &line.text, encoded, &line.abnormal_flags] {
                add(part);
            }
        }
        add(&self.signer.id);
        add(&self.signer.name.to_dicom());
        hasher.finalize().to_hex().to_string()
    }

    pub(crate) fn version(&self, message_id: &str, now: Timestamp) -> ReportVersion {
        ReportVersion {
            status: self.status,
            lines: self.lines.clone(),
            status_time: self.status_time,
            first_status_time: self.status_time,
            message_time: self.message_time,
            observation_time: self.observation_time,
            received_at: now,
            content: self.content(),
            signer: self.signer.clone(),
            message_id: message_id.to_owned(),
        }
    }
}

impl std::fmt::Debug for IncomingReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, control_id, .. } = self;
        write!(f, "IncomingReport({status:?}, control id {control_id}, <redacted>)")
    }
}

/// Why a message cannot be taken as a report (answered AE, or AR from condition 200 on).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text} at {location} (condition {condition})")]
pub struct Rejection {
    /// Table 0357.
    pub condition: u16,
    /// ERL such as `PID^1^3`.
    pub location: String,
    /// What is wrong, without patient data.
    pub text: String,
}

/// Something that was interpreted, decided or noticed on the way.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// What kind.
    pub code: FindingCode,
    /// ERL such as `OBX^3^11`; empty when it is about the whole.
    pub location: String,
    /// A sentence without patient data.
    pub text: String,
}

/// Kinds of findings.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
pub enum FindingCode {
    /// The filler order number was read as accession number.
    AccessionFromFiller,
    /// A correction came, and no final report is known.
    CorrectionWithoutOriginal,
    /// Two places of the message contradict each other.
    Disagreement,
    /// Bytes of a name or birth date contradict the character set: a person should look.
    DoubtfulText,
    /// A final report with other content came after a final one.
    FinalAfterFinal,
    /// A version came that an earlier message had already replaced.
    LateVersion,
    /// A line was deleted by OBX-11 `D`.
    LineDeleted,
    /// The text was retracted.
    Retracted,
    /// A retraction came, and nothing is there to retract.
    RetractionWithoutReport,
    /// One report answers several orders.
    SeveralOrders,
    /// OBR-25 and OBX-11 disagree, and the most restrictive was taken.
    StatusConflict,
    /// A code outside the table; the careful reading was taken.
    UnknownCode,
    /// A value could not be read and counts as missing.
    Unreadable,
    /// The report was sent for the wrong patient: whoever received it must be told.
    WrongPatient,
}

impl FindingCode {
    /// Whether a person must see it at once.
    pub fn is_urgent(self) -> bool {
        matches!(self, Self::WrongPatient)
    }
}
