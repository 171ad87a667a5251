//! One status from OBR-25 (table 0123) and OBX-11 (table 0085): the most restrictive wins.

use super::claims::Group;
use super::content::Content;
use super::{Notes, reject};
use crate::{FindingCode, ParkReason, Rejection, ReportStatus};

pub(super) fn read(
    groups: &[Group<'_>],
    content: &Content,
    notes: &mut Notes,
) -> Result<ReportStatus, Rejection> {
    let requested = of_requests(groups, notes)?;
    let lines = of_lines(content, notes);
    let status = match (requested, lines) {
        (_, Some(ReportStatus::WrongPatient)) => ReportStatus::WrongPatient,
        (Some(ReportStatus::Retracted), _) => ReportStatus::Retracted,
        (_, Some(ReportStatus::Retracted)) => ReportStatus::Retracted,
        (Some(requested), Some(lines)) => combine(requested, lines),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => return Err(reject(101, "OBR^1^25", "result status is missing")),
    };
    let has_value = content.has_value();
    let status = match status {
        // Text is there, and nobody has answered for it.
        ReportStatus::StatusOnly if has_value => ReportStatus::Preliminary,
        // A release that brings its own text is a final report.
        ReportStatus::Released if has_value => ReportStatus::Final,
        ReportStatus::Preliminary if !has_value && is_announced(groups) => ReportStatus::StatusOnly,
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
fn is_announced(groups: &[Group<'_>]) -> bool {
    groups.iter().all(|group| matches!(group.request.field(25).text().trim(), "A" | ""))
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

fn of_requests(groups: &[Group<'_>], notes: &mut Notes) -> Result<Option<ReportStatus>, Rejection> {
    let mut statuses = Vec::new();
    for group in groups {
        let code = group.request.field(25).text();
        if let Some(status) = of_request(code.trim(), group.number)? {
            statuses.push(status);
        }
    }
    let retracting = statuses.iter().filter(|status| status.is_retraction()).count();
    if retracting > 0 && retracting < groups.len() {
        notes.hold(ParkReason::StatusesDisagree);
    }
    let (least, most) = (statuses.iter().min().copied(), statuses.iter().max().copied());
    if least != most && retracting == 0 {
        let text = "the requests have different result statuses; the most restrictive was taken";
        notes.find(FindingCode::StatusConflict, "OBR^1^25", text);
    }
    Ok(if retracting > 0 { Some(ReportStatus::Retracted) } else { least })
}

/// Table 0123.
fn of_request(code: &str, number: usize) -> Result<Option<ReportStatus>, Rejection> {
    Ok(Some(match code {
        "" => return Ok(None),
        "P" | "R" | "A" | "M" => ReportStatus::Preliminary,
        "F" => ReportStatus::Final,
        "C" => ReportStatus::Corrected,
        "X" => ReportStatus::Retracted,
        "O" | "I" | "S" | "N" => ReportStatus::StatusOnly,
        // `Y` and `Z` answer queries: no order, no patient.
        _ => return Err(reject(103, format!("OBR^{number}^25"), "unknown result status")),
    }))
}

/// The most restrictive status of all lines; `None` when no line says anything.
fn of_lines(content: &Content, notes: &mut Notes) -> Option<ReportStatus> {
    let mut statuses = Vec::new();
    for line in &content.statuses {
        statuses.push(match line.code.as_str() {
            // No statement about the text: an order detail, not asked, demographics amended.
            "" | "O" | "N" | "A" => continue,
            "W" => ReportStatus::WrongPatient,
            "D" | "X" => ReportStatus::Retracted,
            "F" => ReportStatus::Final,
            "C" => ReportStatus::Corrected,
            "U" => ReportStatus::Released,
            "P" | "R" | "S" | "I" => ReportStatus::Preliminary,
            _ => {
                let text = "unknown line status; read as preliminary";
                notes.find(FindingCode::UnknownCode, line.location.as_str(), text);
                ReportStatus::Preliminary
            }
        });
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
