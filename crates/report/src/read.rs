//! Reading ORU^R01.
//!
//! Fields are read by content and not by MSH-12: senders label 2.3 and send 2.5 fields, and the reverse.

mod claims;
mod content;
mod patient;
mod status;

use telerad_accession::Claim;
use telerad_core::{PartialDateTime, Uid};
use telerad_hl7::datatype::{Datatype, Ts, Xcn};
use telerad_hl7::reading::{self, ReportView};
use telerad_hl7::{Location, Message};

use crate::instant::instant_micros;
use crate::{Finding, FindingCode, IncomingReport, ParkReason, Reading, Rejection, Signer};

/// Reads a report.
///
/// A segment that goes on in ADD is read whole; a fragment of a message is read and held.
///
/// # Errors
/// [`Rejection`] when the message is no ORU^R01, or what a report cannot do without is missing: MSH-10, PID-3, an OBR that
/// names an order, a known OBR-25 and, where the status promises one, a text or document.
pub fn read(message: &Message, reading: &Reading) -> Result<IncomingReport, Rejection> {
    check_head(message)?;
    let is_fragment = message.is_fragment();
    let whole = message.with_additions();
    let message = &*whole.map_err(|_| reject(100, "ADD^1", "additions cannot be joined"))?;
    let mut notes = Notes::default();
    if is_fragment {
        notes.hold(ParkReason::Fragment);
    }
    let requests = claims::requests(message)?;
    let patients = patient::patients(message, reading, &mut notes)?;
    note_doubts(message, &mut notes);
    let claimed = claims::claims(&requests, &patients, &mut notes)?;
    let content = content::read(message, &mut notes)?;
    hold_unclaimed_studies(message, &content.studies, &claimed.claims, &mut notes);
    let status = status::read(&requests, &content, &mut notes)?;
    if content.is_addendum_only() && status.is_final() {
        notes.hold(ParkReason::AddendumOnly);
    }
    let message_time = message.segment("MSH").map(|head| Ts::read(head.field(7)));
    let message_time = message_time.and_then(|time| notes.time(&time, "MSH^1^7"));
    let changed = requests.iter().filter_map(|request| notes.found(&request.values.status_changed));
    let changed = changed.collect();
    let status_time = latest(changed).or(content.latest_time()).or(message_time);
    let observation_time =
        requests.iter().find_map(|request| notes.found(&request.values.observed));
    let signer = requests.iter().find_map(interpreter);
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

    /// A time; one that cannot be read counts as missing, with a finding.
    fn time(&mut self, said: &Ts, location: impl Into<String>) -> Option<PartialDateTime> {
        if said.time.is_empty() {
            return None;
        }
        let time = PartialDateTime::parse(&said.time);
        if time.is_err() {
            self.find(FindingCode::Unreadable, location, "not a date and time");
        }
        time.ok()
    }

    /// The time of a reading.
    fn found(&mut self, reading: &reading::Reading<Ts>) -> Option<PartialDateTime> {
        let found = reading.found()?;
        self.time(&found.value, erl(Some(found.location), found.location.path().field()))
    }
}

/// A field of the segment at `segment`, as ERR-2 names it.
fn erl(segment: Option<Location>, field: usize) -> String {
    segment.map_or_else(String::new, |segment| {
        format!("{}^{}^{field}", segment.path().segment(), segment.path().occurrence())
    })
}

/// A number that was misread may be another patient's or another order's. A name is only compared: one that was misread
/// agrees with none.
fn note_doubts(message: &Message, notes: &mut Notes) {
    let doubts = |id: &str, n: usize| {
        let segments = message.segments_with_id(id).enumerate();
        let doubts = segments.filter_map(move |(index, segment)| {
            Some((format!("{id}^{}^{n}", index + 1), message.doubt(segment.field(n))?))
        });
        doubts.collect::<Vec<_>>()
    };
    let numbers = [
        ("PID", 3),
        ("OBR", 2),
        ("OBR", 3),
        ("OBR", 18),
        ("ORC", 2),
        ("ORC", 3),
        ("TXA", 14),
        ("TXA", 15),
        ("IPC", 3),
        ("ZDS", 1),
    ];
    if numbers.into_iter().any(|(id, n)| !doubts(id, n).is_empty()) {
        notes.hold(ParkReason::DoubtfulIdentifier);
    }
    for (location, doubt) in doubts("PID", 5).into_iter().chain(doubts("PID", 7)) {
        notes.find(FindingCode::DoubtfulText, location, &doubt.to_string());
    }
}

/// A study that the message names where no request stands, as behind a second PID, is evidence all the same.
fn hold_unclaimed_studies(
    message: &Message,
    observed: &[Uid],
    claims: &[Claim],
    notes: &mut Notes,
) {
    let claimed = |study: &Uid| {
        claims.iter().any(|claim| claim.study_instance_uid.as_ref().is_some_and(|uid| uid == study))
    };
    let named = message.segments_with_id("ZDS").map(|zds| String::read(zds.field(1)));
    let mut named = named.filter_map(|text| Uid::new(&text).ok());
    let is_unclaimed = observed.iter().any(|uid| !claimed(uid)) || named.any(|uid| !claimed(&uid));
    if is_unclaimed && !notes.holds.contains(&ParkReason::StudyUidsDisagree) {
        notes.hold(ParkReason::StudyUidsDisagree);
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
fn interpreter(request: &ReportView<'_>) -> Option<Signer> {
    signer(&request.values.principal_interpreter.value()?.name.to_xcn())
}

fn signer(person: &Xcn) -> Option<Signer> {
    let mut signer = Signer { id: person.id_number.clone(), ..Signer::default() };
    signer.name.alphabetic = person.name_group();
    (!signer.id.is_empty() || !signer.name.is_empty()).then_some(signer)
}

#[cfg(test)]
mod tests;
