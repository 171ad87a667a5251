//! PID.

use telerad_core::{Issuer, NameGroup, PartialDateTime, Patient, PatientId, PersonName, Sex};
use telerad_hl7::{Component, Message, Repetition, Segment};

use super::{Notes, reject};
use crate::{FindingCode, ParkReason, Reading, Rejection};

/// The patients of the message with the index of their PID segment; one at least.
pub(super) fn patients(
    message: &Message,
    reading: &Reading,
    notes: &mut Notes,
) -> Result<Vec<(usize, Patient)>, Rejection> {
    let mut patients: Vec<(usize, Patient)> = Vec::new();
    for segment in message.segments().filter(|segment| segment.id() == "PID") {
        let patient = patient(&segment, reading, notes);
        if patient.ids.is_empty() {
            let location = format!("PID^{}^3", patients.len() + 1);
            return Err(reject(101, location, "patient identifier is missing"));
        }
        if patients.first().is_some_and(|(_, first)| *first != patient) {
            notes.hold(ParkReason::SeveralPatients);
        }
        patients.push((segment.index(), patient));
    }
    if patients.is_empty() {
        return Err(reject(100, "PID^1", "patient identification segment is missing"));
    }
    Ok(patients)
}

fn patient(segment: &Segment<'_>, reading: &Reading, notes: &mut Notes) -> Patient {
    let authority = reading.accession_policy.patient_authority.as_ref();
    let ids = segment.field(3).repetitions().filter_map(|cx| {
        // Account and visit numbers share the authority of the patient numbers and would contradict them.
        let is_visit = matches!(&*cx.component(5).text(), "AN" | "ANC" | "AND" | "ANT" | "VN");
        let id = PatientId::new(&cx.component(1).text(), issuer(cx.component(4))).ok()?;
        (!is_visit).then(|| id.or_issuer(authority))
    });
    let birth = segment.field(7).text();
    let birth_date = PartialDateTime::parse(birth.trim()).ok().map(|time| time.date());
    if birth_date.is_none() && !birth.trim().is_empty() {
        notes.find(FindingCode::Unreadable, "PID^1^7", "not a date");
    }
    Patient {
        ids: ids.collect(),
        name: name(segment),
        birth_date,
        sex: Sex::from_code(&segment.field(8).text()),
    }
}

/// The HD of a CX or EI whose parts are subcomponents.
pub(super) fn issuer(hd: Component<'_>) -> Option<Issuer> {
    let part = |n: usize| hd.subcomponent(n).text();
    Issuer::from_parts(&part(1), &part(2), &part(3))
}

/// PID-5: the alphabetic, ideographic and phonetic writing by XPN-8, the legal name (XPN-7 `L`) before any other.
fn name(segment: &Segment<'_>) -> PersonName {
    let names: Vec<Repetition<'_>> = segment.field(5).repetitions().collect();
    let writing = |code: &str| {
        let written = |xpn: &&Repetition<'_>| match (code, &*xpn.component(8).text()) {
            ("A", other) => !matches!(other, "I" | "P"),
            (code, other) => code == other,
        };
        let legal = |xpn: &&Repetition<'_>| xpn.component(7).text() == "L";
        let first = names.iter().find(written);
        let found = names.iter().filter(written).find(legal).or(first);
        found.map(group).unwrap_or_default()
    };
    PersonName { alphabetic: writing("A"), ideographic: writing("I"), phonetic: writing("P") }
}

fn group(xpn: &Repetition<'_>) -> NameGroup {
    let part = |n: usize| xpn.component(n).text().trim().to_owned();
    NameGroup { family: part(1), given: part(2), middle: part(3), suffix: part(4), prefix: part(5) }
}
