//! Reading ORU^R01.
//!
//! Fields are read by content and not by MSH-12: senders label 2.3 and send 2.5 fields, and the reverse.

mod claims;
mod content;
mod patient;
mod status;

use telerad_core::PartialDateTime;
use telerad_hl7::datatype::{Datatype, Ndl, Xcn};
use telerad_hl7::{Message, Segment};

use crate::instant::instant_micros;
use crate::{Finding, FindingCode, IncomingReport, ParkReason, Reading, Rejection, Signer};

/// Reads a report.
///
/// # Errors
/// [`Rejection`] when the message is no ORU^R01, or what a report cannot do without is missing: MSH-10, PID-3, an OBR that
/// names an order, a known OBR-25 and, where the status promises one, a text or document.
pub fn read(message: &Message, reading: &Reading) -> Result<IncomingReport, Rejection> {
    check_head(message)?;
    let mut notes = Notes::default();
    let groups = claims::groups(message)?;
    let patients = patient::patients(message, reading, &mut notes)?;
    note_doubts(message, &mut notes);
    let claimed = claims::claims(&groups, &patients, &mut notes)?;
    let content = content::read(message, &mut notes)?;
    let status = status::read(&groups, &content, &mut notes)?;
    if content.is_addendum_only() && status.is_final() {
        notes.hold(ParkReason::AddendumOnly);
    }
    let message_time = message.segment("MSH").and_then(|head| notes.time(&head, 7));
    let changed = groups.iter().filter_map(|group| notes.time(&group.request, 22)).collect();
    let status_time = latest(changed).or(content.latest_time()).or(message_time);
    let observation_time = groups.iter().find_map(|group| notes.time(&group.request, 7));
    let signer = groups.iter().find_map(|group| interpreter(&group.request));
    Ok(IncomingReport {
        sender: format!("{}|{}", message.sending_application(), message.sending_facility()),
        control_id: message.control_id(),
        report_number: claimed.report_number,
        claims: claimed.claims,
        accession_sources: claimed.sources,
        status,
        status_time,
        message_time,
        observation_time,
        signer: signer.or(content.observer).unwrap_or_default(),
        lines: content.lines,
        holds: notes.holds,
        findings: notes.findings,
    })
}

/// What is noticed while reading.
#[derive(Default)]
struct Notes {
    findings: Vec<Finding>,
    holds: Vec<ParkReason>,
}

impl Notes {
    fn find(&mut self, code: FindingCode, location: impl Into<String>, text: &str) {
        let finding = Finding { code, location: location.into(), text: text.to_owned() };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    fn hold(&mut self, reason: ParkReason) {
        self.holds.push(reason);
    }

    /// A TS field; one that cannot be read counts as missing, with a finding.
    fn time(&mut self, segment: &Segment<'_>, field: usize) -> Option<PartialDateTime> {
        let text = segment.field(field).text();
        if text.trim().is_empty() {
            return None;
        }
        let time = PartialDateTime::parse(text.trim());
        if time.is_err() {
            let location = format!("{}^1^{field}", segment.id());
            self.find(FindingCode::Unreadable, location, "not a date and time");
        }
        time.ok()
    }
}

/// A number that was misread may be another patient's or another order's. A name is only compared: one that was misread
/// agrees with none.
fn note_doubts(message: &Message, notes: &mut Notes) {
    let doubt = |id: &str, n: usize| {
        let mut segments = message.segments_with_id(id);
        segments.any(|segment| message.doubt(segment.field(n)).is_some())
    };
    let numbers =
        [("PID", 3), ("OBR", 2), ("OBR", 3), ("OBR", 18), ("ORC", 2), ("ORC", 3), ("ZDS", 1)];
    if numbers.into_iter().any(|(id, n)| doubt(id, n)) {
        notes.hold(ParkReason::DoubtfulIdentifier);
    }
    for n in [5, 7] {
        if doubt("PID", n) {
            let text = "bytes contradict the character set";
            notes.find(FindingCode::DoubtfulText, format!("PID^1^{n}"), text);
        }
    }
}

fn check_head(message: &Message) -> Result<(), Rejection> {
    if message.message_code() != "ORU" {
        return Err(reject(200, "MSH^1^9^1^1", "reports come as ORU^R01"));
    }
    if message.trigger_event() != "R01" {
        return Err(reject(201, "MSH^1^9^1^2", "reports come as ORU^R01"));
    }
    if message.control_id().is_empty() {
        return Err(reject(101, "MSH^1^10", "message control id is missing"));
    }
    Ok(())
}

fn reject(condition: u16, location: impl Into<String>, text: &str) -> Rejection {
    Rejection { condition, location: location.into(), text: text.to_owned() }
}

fn latest(mut times: Vec<PartialDateTime>) -> Option<PartialDateTime> {
    times.sort_by_key(instant_micros);
    times.pop()
}

/// OBR-32.
fn interpreter(request: &Segment<'_>) -> Option<Signer> {
    signer(&Ndl::read(request.field(32)).name.to_xcn())
}

fn signer(person: &Xcn) -> Option<Signer> {
    let mut signer = Signer { id: person.id_number.clone(), ..Signer::default() };
    signer.name.alphabetic = person.name_group();
    (!signer.id.is_empty() || !signer.name.is_empty()).then_some(signer)
}

#[cfg(test)]
mod tests;
