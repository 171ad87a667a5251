//! What a message makes of the patient that it names.

use telerad_core::{Patient, PatientId, Timestamp};

use super::Effect;
use crate::adt::{AdtFeed, Same, same};
use crate::finding::{FindingCode, Findings};
use crate::inbound::{Inbound, Overlay, Subject};
use crate::merge::{self, Merged};
use crate::said::Said;
use crate::stop::{POSSIBLE_OVERLAY, Stop};
use crate::{Known, PatientRecord};

/// Who speaks of a patient: registration has the say, an order only repeats it.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Speaker {
    Adt,
    Order,
}

/// Gives the message's patient the identifier that he is known under: his authority as it was written first, and the
/// surviving one where his was merged and the site follows that.
pub(super) fn settle(
    inbound: &mut Inbound,
    known: &Known,
    findings: &mut Findings,
) -> Result<(), Stop> {
    if !matches!(
        inbound.subject,
        Subject::Appointment(_) | Subject::Orders(_) | Subject::Patient(_)
    ) {
        return Ok(());
    }
    let Some(said) = inbound.facts.ids.first().cloned() else { return Ok(()) };
    let of_site = || known.patients.iter().filter(|record| record.site == inbound.mapping.site);
    let get = |id: &PatientId| of_site().find(|record| record.patient.primary_id() == Some(id));
    let id = match get(&said) {
        Some(_) => said.clone(),
        None => {
            let ids = of_site().filter_map(|record| record.patient.primary_id());
            let alike: Vec<_> = ids.filter(|id| same(id, &said) == Same::Yes).collect();
            if alike.len() > 1 {
                return Err(Stop::park(
                    "the patient identifier is known under several authorities",
                ));
            }
            alike.first().map_or_else(|| said.clone(), |id| (*id).clone())
        }
    };
    let survivor = match get(&id) {
        Some(record) if record.merged_into.is_some() && !record.is_void => {
            match merge::merged(&inbound.mapping.adt, "PID-3", findings)? {
                Merged::Ignore => return Err(Stop::Ignore),
                Merged::Follow => {
                    let end = merge::end_of_merges(&id, get).and_then(|end| get(&end));
                    Some(end.ok_or_else(|| Stop::park(merge::CIRCLE))?)
                }
            }
        }
        _ => None,
    };
    let facts = &mut inbound.facts;
    match survivor.map(|record| record.patient.clone()) {
        Some(patient) if facts.is_another_person_than(&patient) => {
            let text = "a merged identifier comes with another name and birth date than the \
                        surviving patient's";
            return Err(Stop::park(text));
        }
        // A message under the old identifier says nothing new of the surviving patient.
        Some(patient) => {
            facts.ids = patient.ids;
            facts.name = Some(patient.name).filter(|name| !name.is_empty()).into();
            facts.is_name_damaged = false;
            facts.birth_date = patient.birth_date.into();
            facts.sex = patient.sex.into();
            facts.allergies = Said::Nothing;
            facts.comments = Said::Nothing;
        }
        None if id != said => {
            if let Some(first) = facts.ids.first_mut() {
                *first = id;
            }
        }
        None => {}
    }
    Ok(())
}

pub(super) fn known_patient<'a>(
    known: &'a Known,
    inbound: &Inbound,
) -> Result<Option<&'a PatientRecord>, String> {
    match kept(known, inbound) {
        Some(record) if record.is_void => Ok(None),
        Some(record) if record.merged_into.is_some() => {
            Err("the patient identifier was merged into another".to_owned())
        }
        record => Ok(record),
    }
}

fn kept<'a>(known: &'a Known, inbound: &Inbound) -> Option<&'a PatientRecord> {
    let primary = inbound.facts.ids.first();
    known.patients.iter().find(|record| {
        record.site == inbound.mapping.site && record.patient.primary_id() == primary
    })
}

pub(super) fn patient(
    inbound: &Inbound,
    known: &Known,
    speaker: Speaker,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<Option<Effect>, String> {
    let facts = &inbound.facts;
    let before = known_patient(known, inbound)?;
    let mut record = before.cloned().unwrap_or_else(|| {
        let revision = kept(known, inbound).map_or(0, |void| void.revision);
        let site = inbound.mapping.site.clone();
        PatientRecord { revision, ..PatientRecord::new(site, Patient::default(), now) }
    });
    if facts.is_another_person_than(&record.patient) && inbound.overlay == Overlay::Park {
        return Err(POSSIBLE_OVERLAY.to_owned());
    }
    let may_update = match (speaker, inbound.mapping.adt.feed) {
        (Speaker::Adt, _) | (Speaker::Order, AdtFeed::None) => true,
        (Speaker::Order, AdtFeed::Present) => before.is_none(),
        (Speaker::Order, AdtFeed::Unstated) => !record.is_registered,
    };
    let patient_before = record.patient.clone();
    facts.put_patient(&mut record.patient);
    if !may_update {
        if record.patient != patient_before {
            let text = "the patient is registered by ADT messages: what the order says is not used";
            findings.add(FindingCode::Ignored, "PID", text);
        }
        return Ok(None);
    }
    if speaker == Speaker::Adt {
        facts.put_clinical(&mut record.clinical);
        record.is_registered = true;
    }
    record.is_from_merge = false;
    if before == Some(&record) {
        return Ok(None);
    }
    record.updated_at = now;
    Ok(Some(Effect::PutPatient(record)))
}
