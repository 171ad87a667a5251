//! One status from OBR-25 (table 0123) and OBX-11 (table 0085): the most restrictive wins.

use telerad_hl7::reading::{Observation, ObservationStatus, ReportState, ReportView};

use super::content::{Content, LineStatus};
use super::{Notes, erl, reject};
use crate::{FindingCode, ParkReason, Rejection, ReportStatus};

pub(super) fn read(
    requests: &[ReportView<'_>],
    content: &Content,
    notes: &mut Notes,
) -> Result<ReportStatus, Rejection> {
    let requested = of_requests(requests, notes)?;
    let lines = of_lines(content, notes);
    let status = match (requested, lines) {
        (_, Some(ReportStatus::WrongPatient)) => ReportStatus::WrongPatient,
        (Some(ReportStatus::Retracted), _) => ReportStatus::Retracted,
        (_, Some(ReportStatus::Retracted)) => ReportStatus::Retracted,
        (Some(requested), Some(lines)) => combine(requested, lines),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => return Err(reject(101, "OBR^1^25", "result status is missing")),
    };
    if !status.is_retraction() && retracts_part(requests) {
        notes.hold(ParkReason::StatusesDisagree);
    }
    let has_value = content.has_value();
    let status = match status {
        // Text is there, and nobody has answered for it.
        ReportStatus::StatusOnly if has_value => ReportStatus::Preliminary,
        // A release that brings its own text is a final report.
        ReportStatus::Released if has_value => ReportStatus::Final,
        ReportStatus::Preliminary if !has_value && is_announced(requests) => {
            ReportStatus::StatusOnly
        }
        ReportStatus::Preliminary | ReportStatus::Final | ReportStatus::Corrected if !has_value => {
            return Err(reject(101, "OBX^1^5", "the status promises a report, there is none"));
        }
        other => other,
    };
    if let (Some(requested), Some(lines)) = (requested, lines)
        && !is_usual(requested, lines)
    {
        let text = "result status and line status disagree; the most restrictive was taken";
        notes.find(FindingCode::StatusConflict, "OBR^1^25", text);
    }
    Ok(status)
}

/// Whether every line of one request is deleted, while lines of another one stand: the text of the other one is not that
/// of both.
fn retracts_part(requests: &[ReportView<'_>]) -> bool {
    let is_deleted = |one: &Observation| one.status == ObservationStatus::Delete;
    let deletes = |lines: &[Observation]| {
        let mut lines = lines.iter().filter(|one| one.study_instance_uid.is_none()).peekable();
        lines.peek().is_some() && lines.all(is_deleted)
    };
    requests.iter().any(|request| deletes(&request.observations))
}

/// Pairs that senders write without contradicting themselves.
fn is_usual(requested: ReportStatus, lines: ReportStatus) -> bool {
    use ReportStatus::{Corrected, Final, Released, Retracted, WrongPatient};
    match (requested, lines) {
        (Corrected, Final) | (Corrected | Final, Released) => true,
        (Retracted, lines) => lines != WrongPatient,
        (requested, lines) => requested == lines,
    }
}

/// `A`, some results available, without any: only a status.
fn is_announced(requests: &[ReportView<'_>]) -> bool {
    requests.iter().all(|request| matches!(said(request), Some(ReportState::Partial) | None))
}

/// What OBR-25 says.
fn said(request: &ReportView<'_>) -> Option<ReportState> {
    let code = request.values.result_status.value()?;
    Some(ReportState::from_result_status(code))
}

fn combine(requested: ReportStatus, lines: ReportStatus) -> ReportStatus {
    match (requested, lines) {
        // Both are final; which text it replaces is what the stronger one knows.
        (ReportStatus::Final, ReportStatus::Corrected)
        | (ReportStatus::Corrected, ReportStatus::Final) => ReportStatus::Corrected,
        (ReportStatus::Corrected, ReportStatus::Released) => ReportStatus::Released,
        (requested, lines) => requested.min(lines),
    }
}

fn of_requests(
    requests: &[ReportView<'_>],
    notes: &mut Notes,
) -> Result<Option<ReportStatus>, Rejection> {
    let mut statuses = Vec::new();
    for request in requests {
        statuses.extend(of_request(request)?);
    }
    let retracting = statuses.iter().filter(|status| status.is_retraction()).count();
    if retracting > 0 && retracting < requests.len() {
        notes.hold(ParkReason::StatusesDisagree);
    }
    let (least, most) = (statuses.iter().min().copied(), statuses.iter().max().copied());
    if least != most && retracting == 0 {
        let text = "the requests have different result statuses; the most restrictive was taken";
        notes.find(FindingCode::StatusConflict, "OBR^1^25", text);
    }
    Ok(if retracting > 0 { Some(ReportStatus::Retracted) } else { least })
}

/// What table 0123 means for a report.
fn of_request(request: &ReportView<'_>) -> Result<Option<ReportStatus>, Rejection> {
    let Some(said) = said(request) else { return Ok(None) };
    Ok(Some(match said {
        ReportState::Partial | ReportState::Preliminary | ReportState::Unverified => {
            ReportStatus::Preliminary
        }
        ReportState::Final => ReportStatus::Final,
        ReportState::Corrected => ReportStatus::Corrected,
        ReportState::Canceled => ReportStatus::Retracted,
        ReportState::InProgress | ReportState::Scheduled => ReportStatus::StatusOnly,
        ReportState::Unknown => {
            return Err(reject(103, erl(request.request_location, 25), "unknown result status"));
        }
    }))
}

/// The most restrictive status of all lines; `None` when no line says anything.
fn of_lines(content: &Content, notes: &mut Notes) -> Option<ReportStatus> {
    let mut statuses = Vec::new();
    for line in &content.statuses {
        if line.is_outside_table() {
            let text = "unknown line status; read as preliminary";
            notes.find(FindingCode::UnknownCode, line.location.as_str(), text);
        }
        statuses.extend(of_line(line));
    }
    let standing = || statuses.iter().filter(|status| !status.is_retraction());
    if statuses.contains(&ReportStatus::WrongPatient) {
        return Some(ReportStatus::WrongPatient);
    }
    match standing().min().copied() {
        // A corrected line among final ones makes the whole a correction, text beside a release a final report.
        Some(ReportStatus::Final | ReportStatus::Released) => standing().max().copied(),
        None if statuses.is_empty() => None,
        None => Some(ReportStatus::Retracted),
        other => other,
    }
}

/// What table 0085 means for a report.
fn of_line(line: &LineStatus) -> Option<ReportStatus> {
    Some(match line.status {
        ObservationStatus::DemographicsAmended
        | ObservationStatus::NotAsked
        | ObservationStatus::OrderDetail => return None,
        ObservationStatus::Unknown if !line.is_outside_table() => return None,
        ObservationStatus::Wrong => ReportStatus::WrongPatient,
        ObservationStatus::Delete | ObservationStatus::NotObtainable => ReportStatus::Retracted,
        ObservationStatus::Final => ReportStatus::Final,
        ObservationStatus::Correction => ReportStatus::Corrected,
        ObservationStatus::StatusOnly => ReportStatus::Released,
        ObservationStatus::Partial
        | ObservationStatus::Pending
        | ObservationStatus::Preliminary
        | ObservationStatus::Unknown
        | ObservationStatus::Unverified => ReportStatus::Preliminary,
    })
}
