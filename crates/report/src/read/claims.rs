//! Which orders the message names: ORC, OBR, ZDS and the OBX that carry a study instance UID.

use telerad_accession::Claim;
use telerad_core::{AccessionNumber, EntityIdentifier, Patient, Uid};
use telerad_hl7::datatype::{Datatype, Ei};
use telerad_hl7::reading::Observation;
use telerad_hl7::{Message, Segment};

use super::{Notes, reject};
use crate::{AccessionSource, FindingCode, ParkReason, Rejection};

/// One OBR with what stands around it.
pub(super) struct Group<'a> {
    /// Number of the OBR, from 1.
    pub(super) number: usize,
    /// The ORC before it.
    control: Option<Segment<'a>>,
    pub(super) request: Segment<'a>,
    /// Study instance UIDs after it, before the next one.
    study_uids: Vec<String>,
}

/// What the message claims.
#[derive(Default)]
pub(super) struct Claimed {
    pub(super) claims: Vec<Claim>,
    pub(super) sources: Vec<Option<AccessionSource>>,
    pub(super) report_number: String,
}

/// The most OBR of one message.
const REQUESTS_MAX: usize = 100;

pub(super) fn groups(message: &Message) -> Result<Vec<Group<'_>>, Rejection> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut control = None;
    for segment in message.segments() {
        match segment.id() {
            "ORC" => control = Some(segment),
            "OBR" => groups.push(Group {
                number: groups.len() + 1,
                control: control.take(),
                request: segment,
                study_uids: Vec::new(),
            }),
            id => {
                let study = match id {
                    "ZDS" => Some(String::read(segment.field(1))),
                    "OBX" => {
                        let study = Observation::of_segment(&segment).study_instance_uid;
                        study.map(|uid| uid.to_string())
                    }
                    _ => None,
                };
                if let (Some(study), Some(group)) = (study, groups.last_mut()) {
                    group.study_uids.push(study);
                }
            }
        }
    }
    match groups.len() {
        0 => Err(reject(100, "OBR^1", "observation request segment is missing")),
        1..=REQUESTS_MAX => Ok(groups),
        more => Err(reject(100, format!("OBR^{more}"), "more than 100 observation requests")),
    }
}

/// One claim for each distinct order that the groups name.
pub(super) fn claims(
    groups: &[Group<'_>],
    patients: &[(usize, Patient)],
    notes: &mut Notes,
) -> Result<Claimed, Rejection> {
    let mut claimed = Claimed::default();
    for group in groups {
        let before = |(index, _): &&(usize, Patient)| *index < group.request.index();
        // A PID after its OBR is out of sequence; the first one is then the only one there is.
        let patient = patients.iter().rev().find(before).or(patients.first());
        let patient = patient.map(|(_, patient)| patient.clone()).unwrap_or_default();
        let (claim, source) = claim(group, patient, notes);
        let names_order = claim.study_instance_uid.is_some()
            || claim.accession.is_some()
            || claim.filler.is_some()
            || claim.placer.is_some();
        if !names_order {
            let location = format!("OBR^{}^18", group.number);
            return Err(reject(101, location, "no accession number, order number or study"));
        }
        if claimed.claims.is_empty() && source == Some(AccessionSource::PlacerField1) {
            let number = claim.filler.as_ref().map(EntityIdentifier::value).unwrap_or_default();
            let accession = claim.accession.as_ref().map(AccessionNumber::value);
            if accession != Some(number) {
                number.clone_into(&mut claimed.report_number);
            }
        }
        if !claimed.claims.contains(&claim) {
            claimed.claims.push(claim);
            claimed.sources.push(source);
        }
    }
    Ok(claimed)
}

fn claim(
    group: &Group<'_>,
    patient: Patient,
    notes: &mut Notes,
) -> (Claim, Option<AccessionSource>) {
    let number = |n: usize| {
        let entity = |segment: Segment<'_>| Ei::read(segment.field(n)).entity_identifier().ok();
        entity(group.request).or_else(|| group.control.and_then(entity))
    };
    let filler = number(3);
    let from_filler = || {
        let filler = filler.as_ref()?;
        AccessionNumber::new(filler.value(), filler.issuer().cloned()).ok()
    };
    let field = group.request.field(18);
    let placer_field = {
        let number = Ei::read(field);
        AccessionNumber::new(&number.entity_identifier, number.issuer()).ok()
    };
    let (accession, source) = match (placer_field, field.is_empty() || field.is_null()) {
        (Some(accession), _) => (Some(accession), Some(AccessionSource::PlacerField1)),
        (None, true) => {
            let accession = from_filler();
            let source = accession.is_some().then_some(AccessionSource::FillerOrderNumber);
            (accession, source)
        }
        (None, false) => (None, None),
    };
    let location = format!("OBR^{}^18", group.number);
    match source {
        Some(AccessionSource::FillerOrderNumber) => {
            let text = "empty; the filler order number is read as accession number";
            notes.find(FindingCode::AccessionFromFiller, location, text);
        }
        None if !field.is_empty() => {
            notes.find(FindingCode::Unreadable, location, "not an accession number");
        }
        _ => {}
    }
    let study_instance_uid = study_uid(group, notes);
    (Claim { study_instance_uid, accession, filler, placer: number(2), patient }, source)
}

fn study_uid(group: &Group<'_>, notes: &mut Notes) -> Option<Uid> {
    let mut found: Option<Uid> = None;
    for text in &group.study_uids {
        match Uid::new(text) {
            Ok(uid) if found.as_ref().is_some_and(|found| *found != uid) => {
                // Which of them is meant is not for us to choose.
                notes.hold(ParkReason::StudyUidsDisagree);
            }
            Ok(uid) => found = Some(uid),
            Err(_) if text.is_empty() => {}
            Err(_) => notes.find(FindingCode::Unreadable, "ZDS^1^1", "not a study instance UID"),
        }
    }
    found
}
