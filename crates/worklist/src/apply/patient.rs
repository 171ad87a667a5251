//! What a message makes of the patient that it names.

use telerad_core::{Patient, Timestamp};

use super::Effect;
use crate::inbound::Inbound;
use crate::{Known, PatientRecord};

/// Who speaks of a patient: registration has the say, an order only repeats it.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Speaker {
    Adt,
    Order,
}

pub(super) fn known_patient<'a>(
    known: &'a Known,
    inbound: &Inbound,
) -> Result<Option<&'a PatientRecord>, String> {
    let primary = inbound.facts.ids.first();
    let record = known.patients.iter().find(|record| {
        record.site == inbound.mapping.site && record.patient.primary_id() == primary
    });
    match record {
        Some(record) if record.merged_into.is_some() => {
            Err("the patient identifier was merged into another".to_owned())
        }
        record => Ok(record),
    }
}

pub(super) fn patient(
    inbound: &Inbound,
    known: &Known,
    speaker: Speaker,
    now: Timestamp,
) -> Result<Option<Effect>, String> {
    let facts = &inbound.facts;
    let before = known_patient(known, inbound)?;
    let mut record = before.cloned().unwrap_or_else(|| {
        PatientRecord::new(inbound.mapping.site.clone(), Patient::default(), now)
    });
    if speaker == Speaker::Order && facts.is_another_person_than(&record.patient) {
        let reason = "the patient identifier is known with another name and birth date";
        return Err(reason.to_owned());
    }
    facts.put_patient(&mut record.patient);
    if speaker == Speaker::Adt {
        facts.put_clinical(&mut record.clinical);
    }
    if before == Some(&record) {
        return Ok(None);
    }
    record.updated_at = now;
    Ok(Some(Effect::PutPatient(record)))
}
