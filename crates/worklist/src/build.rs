//! From what messages say to the record of an order.

use telerad_core::{Code, Order, PartialDateTime, Priority, SiteId, Timestamp, Uid};

mod fallback;
mod limits;

use crate::draft::{Draft, StepDraft};
use crate::finding::{FindingCode, Findings};
use crate::mapping::{Kind, Mapping, ReferringPhysician, Shortening};
use crate::patient::{PatientFacts, VisitFacts};
use crate::{OrderRecord, ScheduledStep};

/// What surrounds an order in its message.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) mapping: &'a Mapping,
    pub(crate) facts: &'a PatientFacts,
    pub(crate) visit: &'a VisitFacts,
    pub(crate) event_time: Option<PartialDateTime>,
}

/// A new record. What a worklist entry must have and the message does not say is derived, each with a finding.
///
/// # Errors
/// A reason to park.
pub(crate) fn create(
    draft: &Draft,
    context: Context<'_>,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<OrderRecord, String> {
    let site = &context.mapping.site;
    let study_instance_uid = draft.study_instance_uid.clone().unwrap_or_else(|| {
        let text = "no study instance UID: derived from issuer and accession number";
        findings.add(FindingCode::Derived, "ZDS-1", text);
        derived_study(site, draft)
    });
    let order = Order {
        site: site.clone(),
        patient: Default::default(),
        accession: draft.accession.clone(),
        placer_order_number: None,
        filler_order_number: None,
        requested_procedure_id: String::new(),
        study_instance_uid,
        procedure: Code::default(),
        priority: Priority::default(),
        referring_physician: Default::default(),
        requesting_physician: Default::default(),
        reason: String::new(),
    };
    let mut record = OrderRecord::new(order, now);
    let rules = &context.mapping.accession_shortening;
    record.short_accession =
        Shortening::shorten(rules, draft.accession.value()).unwrap_or_default();
    record.institution = context.mapping.institution.clone().unwrap_or_default();
    context.facts.put_patient(&mut record.order.patient);
    put_visit(&mut record, context.visit);
    if draft.requested_procedure_id.this().is_none() {
        let text = "no requested procedure ID: the accession number stands in for it";
        findings.add(FindingCode::Derived, "OBR-19", text);
        record.order.requested_procedure_id = record.worklist_accession().to_owned();
    }
    amend(&mut record, draft, context, findings)?;
    if record.steps.is_empty() {
        return Err("a new order without OBR or IPC".to_owned());
    }
    let missing = [
        (record.order.patient.name.is_empty(), "PID-5", "no patient name"),
        (record.order.procedure == Code::default(), "OBR-4", "no procedure"),
    ];
    for (_, place, text) in missing.into_iter().filter(|(missing, ..)| *missing) {
        findings.add(FindingCode::Missing, place, text);
    }
    let fallback = context.mapping.referring_physician == ReferringPhysician::VisitElseOrderer;
    if let Some(name) = draft.ordering_provider.this().filter(|_| fallback)
        && record.order.referring_physician.is_empty()
    {
        let text = "referring physician was taken from the ordering provider";
        findings.add(FindingCode::Derived, "ORC-12", text);
        record.order.referring_physician = name.clone();
    }
    if draft.priority.this().is_none() {
        findings.add(FindingCode::Derived, "TQ1-9", "no priority: ROUTINE");
    }
    Ok(record)
}

/// Takes the patient and the visit from a new order. A change's PID and PV1 are not for that (IHE RAD TF-2, RAD-13).
pub(crate) fn put_patient(record: &mut OrderRecord, context: Context<'_>) {
    context.facts.put_patient(&mut record.order.patient);
    put_visit(record, context.visit);
}

fn put_visit(record: &mut OrderRecord, visit: &VisitFacts) {
    visit.admission_id.put_some(&mut record.admission_id);
    visit.location.put(&mut record.patient_location);
    visit.class.put(&mut record.patient_class);
    visit.referring_physician.put(&mut record.order.referring_physician);
    visit.pregnancy_status.put_some(&mut record.clinical.pregnancy_status);
    visit.special_needs.put(&mut record.special_needs);
    visit.confidentiality.put(&mut record.patient_confidentiality);
    visit.admitted_at.put_some(&mut record.admitted_at);
}

/// Changes a record as far as the draft says something. Steps that it does not name stay as they are.
///
/// # Errors
/// A reason to park: another study, or a step that lacks what a worklist entry must have.
pub(crate) fn amend(
    record: &mut OrderRecord,
    draft: &Draft,
    context: Context<'_>,
    findings: &mut Findings,
) -> Result<(), String> {
    amend_study(record, draft, context.mapping, findings)?;
    let order = &mut record.order;
    draft.placer_order_number.put_some(&mut order.placer_order_number);
    draft.filler_order_number.put_some(&mut order.filler_order_number);
    if let Some(id) = draft.requested_procedure_id.this() {
        order.requested_procedure_id.clone_from(id);
    }
    draft.procedure.put(&mut order.procedure);
    draft.priority.put(&mut order.priority);
    draft.requesting_physician.put(&mut order.requesting_physician);
    draft.reason.put(&mut order.reason);
    draft.reason_code.put(&mut record.reason_code);
    draft.institution.put(&mut record.institution);
    draft.transport.put(&mut record.transport);
    draft.requesting_service.put(&mut record.requesting_service);
    draft.confidentiality.put(&mut record.confidentiality);
    draft.comments.put(&mut record.comments);
    draft.medical_alerts.put(&mut record.clinical.medical_alerts);
    draft.patient_state.put(&mut record.clinical.patient_state);
    context.facts.put_clinical(&mut record.clinical);
    let lone = draft.steps.len() == 1 && record.steps.len() == 1;
    for step in &draft.steps {
        let at = match step.step_id.this() {
            Some(id) => record.steps.iter().position(|kept| kept.step_id == *id),
            None if lone => Some(0),
            None => None,
        };
        match at.and_then(|at| record.steps.get_mut(at)) {
            Some(kept) => put_step(kept, step),
            None => {
                let step = new_step(record, step, draft, context, findings)?;
                record.steps.push(step);
            }
        }
    }
    limits::check(record, findings);
    Ok(())
}

/// A study that was derived may be named later, as long as nothing was done under the derived name.
fn amend_study(
    record: &mut OrderRecord,
    draft: &Draft,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Result<(), String> {
    let Some(named) = &draft.study_instance_uid else { return Ok(()) };
    if *named == record.order.study_instance_uid {
        return Ok(());
    }
    let untouched = record.steps.iter().all(|step| step.status.is_open());
    if record.order.study_instance_uid != derived_study(&mapping.site, draft) || !untouched {
        return Err("names another study instance UID for a known order".to_owned());
    }
    let text = "the derived study instance UID was replaced by the one named now";
    findings.add(FindingCode::Disagreement, "ZDS-1", text);
    record.order.study_instance_uid = named.clone();
    Ok(())
}

pub(crate) fn put_step(kept: &mut ScheduledStep, said: &StepDraft) {
    said.station_ae_titles.put(&mut kept.station_ae_titles);
    said.station_name.put(&mut kept.station_name);
    said.location.put(&mut kept.location);
    said.performing_physician.put(&mut kept.performing_physician);
    said.laterality.put(&mut kept.laterality);
    said.body_site.put(&mut kept.body_site);
    // Modality and start are type 1: a deletion would take the step off every list.
    if let Some(modality) = said.modality.this() {
        kept.modality.clone_from(modality);
    }
    if let Some(start) = said.start.this() {
        kept.start = Some(*start);
    }
    if let Some(protocol) = said.protocol.this() {
        kept.protocol = protocol.clone();
        kept.description = wording(protocol);
        kept.further_protocols.clone_from(&said.further_protocols);
    }
}

fn new_step(
    record: &OrderRecord,
    said: &StepDraft,
    draft: &Draft,
    context: Context<'_>,
    findings: &mut Findings,
) -> Result<ScheduledStep, String> {
    let procedure = &record.order.procedure;
    let mut step = ScheduledStep {
        step_id: said.step_id.this().cloned().unwrap_or_else(|| derived_step_id(record, findings)),
        ..ScheduledStep::default()
    };
    put_step(&mut step, said);
    if step.protocol == Code::default() {
        let text = "no protocol of the step: the procedure stands in for it";
        findings.add(FindingCode::Derived, "OBR-4.4", text);
        step.protocol = procedure.clone();
        step.description = wording(procedure);
    }
    let location = step.location.clone();
    let mut kind = Kind {
        modality: "",
        procedure: &procedure.value,
        facility: &draft.facility,
        step_location: &location,
        patient_location: &record.patient_location,
    };
    if step.modality.is_empty() {
        step.modality = fallback::modality(kind, context.mapping, findings);
    }
    let modality = step.modality.clone();
    kind.modality = &modality;
    if step.station_ae_titles.is_empty() {
        step.station_ae_titles = fallback::stations(kind, context.mapping, findings);
    }
    if step.start.is_none() {
        let times = (context.event_time, record.updated_at);
        step.start = Some(fallback::start(kind, context.mapping, times, findings)?);
    }
    if step.start.is_some_and(|start| start.time_text().is_none()) {
        let text = "start has no time of day: answered as the beginning of the day";
        findings.add(FindingCode::Missing, "TQ1-7", text);
    }
    Ok(step)
}

fn derived_step_id(record: &OrderRecord, findings: &mut Findings) -> String {
    let text = "no step ID: derived from the requested procedure ID";
    findings.add(FindingCode::Derived, "OBR-20", text);
    let base = &record.order.requested_procedure_id;
    let taken = |id: &str| record.steps.iter().any(|step| step.step_id == id);
    let numbered = (2..).map(|number: u32| format!("{base}-{number}"));
    std::iter::once(base.clone()).chain(numbered).find(|id| !taken(id)).unwrap_or_default()
}

/// A name-based UID (RFC 9562 version 5 under PS3.5 section B.2) over issuer and accession number, so that equal
/// numbers of two issuers are two studies, and the same order is the same study whenever it is read.
fn derived_study(site: &SiteId, draft: &Draft) -> Uid {
    // Without an issuer a number is unique within its site at best.
    let issuer = draft
        .accession
        .issuer()
        .map_or_else(|| format!("site {site}"), |issuer| issuer.to_string());
    let name = format!("{issuer}\0{}", draft.accession.value());
    Uid::from_u128(uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes()).as_u128())
}

fn wording(code: &Code) -> String {
    if code.meaning.is_empty() { code.value.clone() } else { code.meaning.clone() }
}
