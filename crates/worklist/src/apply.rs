//! What a message makes of what is known.

mod patient;

use telerad_core::{PartialDateTime, Timestamp};

use crate::build::{self, Context};
use crate::finding::{Finding, FindingCode, Findings};
use crate::inbound::{ChangeKind, Inbound, OrderChange, Rejection, Subject};
use crate::transition::{Transition, follow};
use crate::{OrderRecord, PatientRecord, StepStatus};
use patient::{Speaker, known_patient, patient, same_patient};

/// What the caller found for [`Inbound::patients`] and [`Inbound::orders`].
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Patients of the site.
    pub patients: Vec<PatientRecord>,
    /// Orders of the site.
    pub orders: Vec<OrderRecord>,
}

/// What a message ends in: exactly one of these.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Disposition {
    /// Its effects are to be written.
    Applied,
    /// Everything it says is known already, or it asks for nothing.
    NoChange,
    /// It is kept for a person; the reason has no patient data.
    Parked(String),
    /// The sender must mend it.
    Rejected(Rejection),
}

/// A record to write. Its revision is the one it was read at; the store compares and increments.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a handful of effects live for one call")]
pub enum Effect {
    /// An order with its steps.
    PutOrder(OrderRecord),
    /// A patient.
    PutPatient(PatientRecord),
}

/// What to write, in one transaction, before the message is acknowledged, and what to tell.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the message ended in.
    pub disposition: Disposition,
    /// What to write; empty unless applied.
    pub effects: Vec<Effect>,
    /// Everything derived, translated, doubted or left out.
    pub findings: Vec<Finding>,
}

/// Applies a message to what is known: all of it, or nothing.
pub fn apply(inbound: Inbound, known: &Known, now: Timestamp) -> Outcome {
    let mut findings = inbound.findings.clone();
    let result = match &inbound.subject {
        Subject::Nothing => Ok(Vec::new()),
        Subject::Parked(reason) => Err(reason.clone()),
        Subject::Patient => {
            patient(&inbound, known, Speaker::Adt, now).map(|effect| effect.into_iter().collect())
        }
        Subject::Orders(changes) => orders(&inbound, changes, known, now, &mut findings),
    };
    let (disposition, effects) = match result {
        Ok(effects) if effects.is_empty() => (Disposition::NoChange, effects),
        Ok(effects) => (Disposition::Applied, effects),
        Err(reason) => (Disposition::Parked(reason), Vec::new()),
    };
    Outcome { disposition, effects, findings: findings.into_vec() }
}

fn orders(
    inbound: &Inbound,
    changes: &[OrderChange],
    known: &Known,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<Vec<Effect>, String> {
    known_patient(known, inbound)?;
    let mut effects = Vec::new();
    if changes.iter().any(|change| matches!(change.kind, ChangeKind::New(_))) {
        effects.extend(patient(inbound, known, Speaker::Order, now)?);
    }
    for key in inbound.orders() {
        let before = known
            .orders
            .iter()
            .find(|record| record.key == key && record.order.site == inbound.mapping.site);
        let mut current = before.cloned();
        for change in changes.iter().filter(|change| change.key == key) {
            current = Some(step_on(current, before, &change.kind, inbound, now, findings)?);
        }
        let Some(mut record) = current.filter(|current| before != Some(current)) else { continue };
        if before.is_some_and(|before| is_older(inbound.event_time, before.event_time)) {
            return Err("older than the last change of the order".to_owned());
        }
        record.updated_at = now;
        record.event_time = inbound.event_time.or(record.event_time);
        effects.push(Effect::PutOrder(record));
    }
    Ok(effects)
}

/// One change of one order.
fn step_on(
    current: Option<OrderRecord>,
    before: Option<&OrderRecord>,
    kind: &ChangeKind,
    inbound: &Inbound,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<OrderRecord, String> {
    let context = Context {
        mapping: &inbound.mapping,
        facts: &inbound.facts,
        visit: &inbound.visit,
        event_time: inbound.event_time,
    };
    let Some(mut record) = current else {
        return match kind {
            ChangeKind::New(draft) => build::create(draft, context, now, findings),
            ChangeKind::Amend(draft) => {
                let text = "a change of an order that is not known: the order was created";
                findings.add(FindingCode::Derived, "ORC-1", text);
                build::create(draft, context, now, findings)
            }
            ChangeKind::Status { .. } => Err("a status for an order that is not known".to_owned()),
        };
    };
    if !same_patient(record.order.patient.primary_id(), inbound.facts.ids.first()) {
        return Err("the accession number is known for another patient".to_owned());
    }
    let has_ended = record.steps.iter().all(|step| step.status.is_ended());
    if has_ended && !matches!(kind, ChangeKind::Status { .. }) {
        let text = "the order has ended: its steps keep their status";
        findings.add(FindingCode::Ignored, "ORC-1", text);
    }
    match kind {
        ChangeKind::New(draft) => {
            if before.is_some_and(|before| is_reordered(before, inbound.event_time)) {
                return Err("the order was withdrawn and is ordered again".to_owned());
            }
            let unchanged = record.clone();
            build::put_patient(&mut record, context);
            build::amend(&mut record, draft, context, findings)?;
            if before == Some(&unchanged) && record != unchanged {
                let text = "a new order that is known already: taken as a change";
                findings.add(FindingCode::Disagreement, "ORC-1", text);
            }
        }
        ChangeKind::Amend(draft) => {
            let mut said = record.order.patient.clone();
            inbound.facts.put_patient(&mut said);
            if said != record.order.patient {
                let text = "a change does not update the patient (IHE RAD-13): not used";
                findings.add(FindingCode::Ignored, "PID", text);
            }
            build::amend(&mut record, draft, context, findings)?;
        }
        ChangeKind::Status { step_id, told } => {
            tell(&mut record, step_id.as_deref(), *told, findings)?;
        }
    }
    Ok(record)
}

/// Tells a status to the step with this ID, or to every step when the message names none.
fn tell(
    record: &mut OrderRecord,
    step_id: Option<&str>,
    told: StepStatus,
    findings: &mut Findings,
) -> Result<(), String> {
    if step_id.is_some_and(|id| record.steps.iter().all(|step| step.step_id != id)) {
        return Err("a status for a step that the order does not have".to_owned());
    }
    for step in &mut record.steps {
        if step_id.is_some_and(|id| step.step_id != id) {
            continue;
        }
        match follow(step.status, told) {
            Transition::To(status) => step.status = status,
            Transition::Keep => {}
            Transition::Ended => {
                let text = format!(
                    "a step stays {} although {} was said: it is not reopened by itself",
                    step.status.as_dicom(),
                    told.as_dicom()
                );
                findings.add(FindingCode::Ignored, "ORC-5", text);
            }
            Transition::Refuse => {
                return Err(
                    "a step that has started cannot be cancelled, only discontinued".to_owned()
                );
            }
        }
    }
    Ok(())
}

/// Whether every step was withdrawn, and the message is not just an older one that comes late.
fn is_reordered(before: &OrderRecord, event_time: Option<PartialDateTime>) -> bool {
    let withdrawn = |status| matches!(status, StepStatus::Canceled | StepStatus::Discontinued);
    !before.steps.is_empty()
        && before.steps.iter().all(|step| withdrawn(step.status))
        && !is_older(event_time, before.event_time)
}

/// Whether `new` lies before `old`, where that can be told: two times without a zone are taken to be of one clock.
fn is_older(new: Option<PartialDateTime>, old: Option<PartialDateTime>) -> bool {
    match (new, old) {
        (Some(new), Some(old)) if new.offset_minutes() == old.offset_minutes() => {
            new.sort_key() < old.sort_key()
        }
        _ => false,
    }
}
