//! PID.

use telerad_core::{Patient, Sex};
use telerad_hl7::Message;
use telerad_hl7::datatype::Ts;
use telerad_hl7::reading::{PatientSources, PatientView};

use super::{Notes, reject};
use crate::{FindingCode, ParkReason, Reading, Rejection};

/// The patients of the message in the order of their PID; one at least.
pub(super) fn patients(
    message: &Message,
    reading: &Reading,
    notes: &mut Notes,
) -> Result<Vec<Patient>, Rejection> {
    let mut patients: Vec<Patient> = Vec::new();
    let views = PatientView::read_all(message, &PatientSources::default());
    for view in &views {
        let number = patients.len() + 1;
        let patient = patient(view, number, reading, notes);
        if patient.ids.is_empty() {
            return Err(reject(101, format!("PID^{number}^3"), "patient identifier is missing"));
        }
        if patients.first().is_some_and(|first| *first != patient) {
            notes.hold(ParkReason::SeveralPatients);
        }
        patients.push(patient);
    }
    if patients.is_empty() {
        return Err(reject(100, "PID^1", "patient identification segment is missing"));
    }
    Ok(patients)
}

fn patient(view: &PatientView, number: usize, reading: &Reading, notes: &mut Notes) -> Patient {
    let authority = reading.accession_policy.patient_authority.as_ref();
    let ids = view.identifiers.iter().filter(|cx| cx.is_of_patient());
    let ids = ids.filter_map(|cx| Some(cx.patient_id().ok()?.or_issuer(authority)));
    let birth = view.values.birth.value();
    let birth_date = birth.and_then(Ts::lenient).map(|time| time.date());
    if birth_date.is_none() && birth.is_some() {
        notes.find(FindingCode::Unreadable, format!("PID^{number}^7"), "not a date");
    }
    Patient {
        ids: ids.collect(),
        name: view.chosen_name().unwrap_or_default().name,
        birth_date,
        sex: view.values.sex.value().and_then(|code| Sex::from_code(code)),
    }
}
