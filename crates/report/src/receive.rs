//! Filing.

use std::cmp::Ordering;

use telerad_accession::Decision;
use telerad_core::{PartialDateTime, SiteId, Timestamp};

use crate::instant::instant_micros;
use crate::{
    Finding, FindingCode, IncomingReport, ParkReason, ParkedReport, ReportKey, ReportRecord,
    ReportStatus, ReportVersion,
};

/// What became of a report, and what has to be stored for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// What became of it.
    pub disposition: Disposition,
    /// What to store, in one transaction.
    pub effects: Vec<Effect>,
    /// What a person or the sender should know, the findings of reading first.
    pub findings: Vec<Finding>,
}

/// What became of a report.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Disposition {
    /// It stands, under every order it answers.
    Filed,
    /// Known already; nothing to tell anybody.
    Duplicate,
    /// Kept as history: a more binding or younger version stands.
    Superseded,
    /// Waits for a person.
    Parked(ParkReason),
}

/// Something to store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// The report with its new version; `revision` is the one it was read at.
    PutReport(ReportRecord),
    /// The message waits for a person.
    Park(ParkedReport),
}

/// The most versions of one report; a sender in a loop must not grow a record without bound.
pub const VERSIONS_MAX: usize = 1000;

/// Files a report, or parks it whole.
///
/// `decisions` are those on [`IncomingReport::claims`], in the same order; every one has to be a match. `existing` are the
/// records that [`IncomingReport::report_keys`] names, as far as they are stored.
pub fn receive<'a>(
    incoming: &IncomingReport,
    decisions: &[Decision],
    existing: impl IntoIterator<Item = &'a ReportRecord>,
    site: &SiteId,
    message_id: &str,
    now: Timestamp,
) -> Outcome {
    let mut findings = incoming.findings.clone();
    if let Some(reason) = park_reason(incoming, decisions) {
        return parked(reason, decisions, site, message_id, findings);
    }
    let existing: Vec<&ReportRecord> = existing.into_iter().collect();
    let mut order_keys: Vec<String> = decisions.iter().flat_map(Decision::keys).collect();
    order_keys.sort();
    order_keys.dedup();
    if order_keys.len() > 1 {
        let text =
            format!("the report answers {} orders and is filed under each", order_keys.len());
        findings.push(Finding { code: FindingCode::SeveralOrders, location: String::new(), text });
    }
    let version = incoming.version(message_id, now);
    let (mut effects, mut disposition) = (Vec::new(), Disposition::Duplicate);
    for order_key in order_keys {
        let key = ReportKey::new(site, &order_key, &incoming.report_identity());
        let known = existing.iter().find(|record| record.key == key).copied().cloned();
        let mut record = known.unwrap_or(ReportRecord {
            key,
            site: site.clone(),
            order_key,
            versions: Vec::new(),
            revision: 0,
        });
        if record.versions.len() >= VERSIONS_MAX {
            return parked(ParkReason::TooManyVersions, decisions, site, message_id, findings);
        }
        let before = record.current().cloned();
        match merge(&mut record, version.clone()) {
            Merged::Unchanged => continue,
            Merged::Changed => effects.push(Effect::PutReport(record.clone())),
        }
        let filed = note_change(before.as_ref(), &record, &version, &mut findings);
        disposition = match (filed, disposition) {
            (Disposition::Filed, _) | (_, Disposition::Filed) => Disposition::Filed,
            (Disposition::Superseded, _) => Disposition::Superseded,
            (_, earlier) => earlier,
        };
    }
    findings.dedup();
    Outcome { disposition, effects, findings }
}

enum Merged {
    Unchanged,
    Changed,
}

/// Takes a version into the record. A version with equal status and content is the same one: only its times are widened, so
/// that a text that is sent again after another one stands again, and one that was retracted stays retracted.
fn merge(record: &mut ReportRecord, version: ReportVersion) -> Merged {
    let same = |known: &&mut ReportVersion| {
        known.status == version.status && known.content == version.content
    };
    if let Some(known) = record.versions.iter_mut().find(same) {
        let mut merged = known.clone();
        let times = |version: &ReportVersion| {
            let instant = |time: Option<PartialDateTime>| time.as_ref().map(instant_micros);
            (instant(version.status_time), instant(version.message_time))
        };
        if times(&version) > times(&merged) {
            merged.status_time = version.status_time;
            merged.message_time = version.message_time;
        }
        let earlier = |a: PartialDateTime, b: PartialDateTime| {
            if instant_micros(&b) < instant_micros(&a) { b } else { a }
        };
        // A version without a time was taken back by any retraction; it must stay so.
        merged.first_status_time = match (merged.first_status_time, version.first_status_time) {
            (Some(known), Some(new)) => Some(earlier(known, new)),
            _ => None,
        };
        if merged == *known {
            return Merged::Unchanged;
        }
        *known = merged;
    } else {
        record.versions.push(version);
    }
    record.versions.sort_by(|a, b| match a.age().cmp(&b.age()) {
        Ordering::Equal => a.status.cmp(&b.status),
        other => other,
    });
    Merged::Changed
}

/// Says what the version did to the record.
fn note_change(
    before: Option<&ReportVersion>,
    record: &ReportRecord,
    version: &ReportVersion,
    findings: &mut Vec<Finding>,
) -> Disposition {
    let mut note = |code, text: &str| {
        findings.push(Finding { code, location: String::new(), text: text.to_owned() });
    };
    let same = |one: &ReportVersion| one.status == version.status && one.content == version.content;
    if version.status.is_retraction() {
        if version.status == ReportStatus::WrongPatient {
            let text = "the report was sent for the wrong patient; tell everybody who received it";
            note(FindingCode::WrongPatient, text);
        }
        match before {
            Some(_) => note(FindingCode::Retracted, "the report was retracted by its sender"),
            None => {
                let text = "a retraction came and no report is known";
                note(FindingCode::RetractionWithoutReport, text);
            }
        }
    }
    if record.current().is_some_and(same) {
        if before.is_some_and(same) {
            return Disposition::Duplicate;
        }
        let was = before.map(|version| version.status);
        if version.status == ReportStatus::Corrected && !was.is_some_and(ReportStatus::is_final) {
            let text = "a correction came and no final report is known";
            note(FindingCode::CorrectionWithoutOriginal, text);
        }
        if version.status == ReportStatus::Final && was == Some(ReportStatus::Final) {
            let text =
                "a final report with other content came after a final one; taken as correction";
            note(FindingCode::FinalAfterFinal, text);
        }
        return Disposition::Filed;
    }
    // The text that an earlier release spoke about changes what stands without being it.
    let what = |version: &ReportVersion| (version.status, version.content.clone());
    if record.current().map(what) != before.map(what) {
        return Disposition::Filed;
    }
    if version.status == ReportStatus::Released {
        note(FindingCode::LateVersion, "kept as history: there is no preliminary text to release");
    } else {
        note(FindingCode::LateVersion, "kept as history: another version of the report stands");
    }
    Disposition::Superseded
}

fn park_reason(incoming: &IncomingReport, decisions: &[Decision]) -> Option<ParkReason> {
    let by_decision = decisions.iter().filter_map(|decision| match decision {
        Decision::Match { .. } => None,
        Decision::Ambiguous { .. } => Some(ParkReason::Ambiguous),
        Decision::NoCandidate { .. } => Some(ParkReason::NoCandidate),
        Decision::Conflict { .. } => Some(ParkReason::Conflict),
    });
    // A claim without a decision has not been matched.
    let undecided = decisions.is_empty() || decisions.len() != incoming.claims.len();
    let undecided = undecided.then_some(ParkReason::NoCandidate);
    by_decision.chain(incoming.holds.iter().copied()).chain(undecided).max()
}

fn parked(
    reason: ParkReason,
    decisions: &[Decision],
    site: &SiteId,
    message_id: &str,
    findings: Vec<Finding>,
) -> Outcome {
    let mut candidates: Vec<String> = decisions.iter().flat_map(Decision::keys).collect();
    candidates.sort();
    candidates.dedup();
    let evidence = decisions.iter().enumerate().map(|(index, decision)| {
        let text = decision.evidence().describe_with_values();
        match decisions.len() {
            1 => text,
            _ => format!("order {} of the message: {}\n{text}", index + 1, decision.outcome()),
        }
    });
    let report = ParkedReport {
        site: site.clone(),
        message_id: message_id.to_owned(),
        reason: reason.to_string(),
        evidence: evidence.collect::<Vec<_>>().join("\n"),
        candidates,
    };
    let effects = vec![Effect::Park(report)];
    Outcome { disposition: Disposition::Parked(reason), effects, findings }
}

#[cfg(test)]
mod tests;
