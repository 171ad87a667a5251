//! Which orders the message names: ORC, OBR, ZDS and the OBX that carry a study instance UID.

use telerad_accession::Claim;
use telerad_core::{AccessionNumber, EntityIdentifier, Patient, Uid};
use telerad_hl7::datatype::Ei;
use telerad_hl7::reading::{Reading, ReportSources, ReportView};
use telerad_hl7::{Message, path};

use super::{Notes, erl, reject};
use crate::{AccessionSource, FindingCode, ParkReason, Rejection};

/// What the message claims.
#[derive(Default)]
pub(super) struct Claimed {
    pub(super) claims: Vec<Claim>,
    pub(super) sources: Vec<Option<AccessionSource>>,
    pub(super) report_number: String,
}

/// The most OBR of one message.
const REQUESTS_MAX: usize = 100;

/// The requests of the message, each with what stands around it; one at least. An ORC without OBR is none.
pub(super) fn requests(message: &Message) -> Result<Vec<ReportView<'_>>, Rejection> {
    match message.segments_with_id("OBR").count() {
        0 => return Err(reject(100, "OBR^1", "observation request segment is missing")),
        1..=REQUESTS_MAX => {}
        more => {
            return Err(reject(100, format!("OBR^{more}"), "more than 100 observation requests"));
        }
    }
    // What stands in for an empty OBR-18 is decided here, with a finding.
    let sources = ReportSources { accession: vec![path!("OBR-18")], ..ReportSources::default() };
    let mut requests = ReportView::read_all(message, &sources);
    requests.retain(|request| request.request_location.is_some());
    Ok(requests)
}

/// One claim for each distinct order that the requests name.
pub(super) fn claims(
    requests: &[ReportView<'_>],
    patients: &[Patient],
    notes: &mut Notes,
) -> Result<Claimed, Rejection> {
    let mut claimed = Claimed::default();
    for request in requests {
        let pid = request.patient_location.map(|pid| pid.path().occurrence());
        let patient = pid.and_then(|pid| patients.get(pid.saturating_sub(1)));
        // A PID after its OBR is out of sequence; the first one is then the only one there is.
        let patient = patient.or(patients.first()).cloned().unwrap_or_default();
        let (claim, source) = claim(request, patient, notes);
        let names_order = claim.study_instance_uid.is_some()
            || claim.accession.is_some()
            || claim.filler.is_some()
            || claim.placer.is_some();
        if !names_order {
            let text = "no accession number, order number or study";
            return Err(reject(101, erl(request.request_location, 18), text));
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
    request: &ReportView<'_>,
    patient: Patient,
    notes: &mut Notes,
) -> (Claim, Option<AccessionSource>) {
    let values = &request.values;
    let filler = number(&values.filler_order_number, notes);
    let from_filler = || {
        let filler = filler.as_ref()?;
        AccessionNumber::new(filler.value(), filler.issuer().cloned()).ok()
    };
    let said = values.accession.value();
    let (accession, source) = match said {
        Some(number) => {
            let read = AccessionNumber::new(&number.entity_identifier, number.issuer()).ok();
            let source = read.is_some().then_some(AccessionSource::PlacerField1);
            (read, source)
        }
        None => {
            let accession = from_filler();
            let source = accession.is_some().then_some(AccessionSource::FillerOrderNumber);
            (accession, source)
        }
    };
    let location = erl(request.request_location, 18);
    match source {
        Some(AccessionSource::FillerOrderNumber) => {
            let text = "empty; the filler order number is read as accession number";
            notes.find(FindingCode::AccessionFromFiller, location, text);
        }
        None if said.is_some() => {
            notes.find(FindingCode::Unreadable, location, "not an accession number");
        }
        _ => {}
    }
    let study_instance_uid = study_uid(&values.study_instance_uid, notes);
    let placer = number(&values.placer_order_number, notes);
    (Claim { study_instance_uid, accession, filler, placer, patient }, source)
}

/// The first source that has a number; the others only confirm or contradict it.
fn number(reading: &Reading<Ei>, notes: &mut Notes) -> Option<EntityIdentifier> {
    let mut found = None;
    for said in reading.all() {
        let Ok(number) = said.value.entity_identifier() else { continue };
        let (value, taken) = (number.value().to_owned(), found.get_or_insert(number));
        if taken.value() != value {
            let location = erl(Some(said.location), said.location.path().field());
            let text = "another order number than the one taken";
            notes.find(FindingCode::Disagreement, location, text);
        }
    }
    found
}

fn study_uid(reading: &Reading<String>, notes: &mut Notes) -> Option<Uid> {
    let mut found: Option<Uid> = None;
    for said in reading.all() {
        match Uid::new(&said.value) {
            Ok(uid) if found.as_ref().is_some_and(|found| *found != uid) => {
                // Which of them is meant is not for us to choose.
                notes.hold(ParkReason::StudyUidsDisagree);
            }
            Ok(uid) => found = Some(uid),
            Err(_) => {
                let location = erl(Some(said.location), said.location.path().field());
                notes.find(FindingCode::Unreadable, location, "not a study instance UID");
            }
        }
    }
    found
}
