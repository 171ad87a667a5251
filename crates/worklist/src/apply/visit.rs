//! What an ADT message about a visit makes of the patient's open orders.

use telerad_core::Timestamp;

use super::Effect;
use crate::adt::{Same, VisitEvent, day, same};
use crate::finding::{FindingCode, Findings};
use crate::inbound::Inbound;
use crate::merge::is_admission;
use crate::said::Said;
use crate::{Known, OrderRecord, ScheduledStep, StepEvent, StepStatus};

/// The orders that the event changes. It never ends one: that is what order messages are for.
pub(super) fn orders(
    inbound: &Inbound,
    event: VisitEvent,
    known: &Known,
    now: Timestamp,
    findings: &mut Findings,
) -> Vec<Effect> {
    let Some(patient) = inbound.facts.ids.first() else { return Vec::new() };
    let of_patient: Vec<&OrderRecord> = known
        .orders
        .iter()
        .filter(|record| record.order.site == inbound.mapping.site)
        .filter(|record| {
            record.order.patient.primary_id().is_some_and(|id| same(id, patient) == Same::Yes)
        })
        .collect();
    if event == VisitEvent::Cancel && !names_one_visit(inbound, &of_patient) {
        let text = "no visit number, and several admissions are known: none was cleared";
        findings.add(FindingCode::Ambiguous, "PV1-19", text);
        return Vec::new();
    }
    let changed = of_patient.into_iter().filter_map(|before| {
        let mut record = before.clone();
        follow(&mut record, inbound, event);
        record.updated_at = if record == *before { record.updated_at } else { now };
        (record != *before).then_some(Effect::PutOrder(record))
    });
    changed.collect()
}

/// Whose visit an order is, as far as both sides say so.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Visit {
    Another,
    Same,
    Unstated,
}

fn follow(record: &mut OrderRecord, inbound: &Inbound, event: VisitEvent) {
    let (policy, visit) = (&inbound.mapping.adt, visit_of(record, inbound));
    if visit == Visit::Another || !is_in_question(record, event) {
        return;
    }
    let today = inbound.event_time.and_then(day);
    let is_now = |step: &ScheduledStep| {
        let starts = step.start.and_then(day);
        visit == Visit::Same || (starts.is_some() && starts == today)
    };
    match event {
        VisitEvent::Register => {}
        VisitEvent::Arrive(by) => {
            let is_said = policy.arrived_on.contains(&by);
            for step in record.steps.iter_mut().filter(|step| is_said && is_now(step)) {
                step.advance(StepEvent::PatientArrived, inbound.event_time);
            }
        }
        VisitEvent::Locate => {
            inbound.visit.location.put(&mut record.patient_location);
            inbound.visit.class.put(&mut record.patient_class);
        }
        VisitEvent::Discharge => {
            let steps = record.steps.iter_mut().filter(|_| policy.departed_on_discharge);
            for step in steps.filter(|step| step.status.is_open() && is_now(step)) {
                step.status = StepStatus::Departed;
            }
        }
        VisitEvent::CancelDischarge => {
            inbound.visit.location.put(&mut record.patient_location);
            let steps = record.steps.iter_mut().filter(|_| policy.departed_on_discharge);
            for step in steps.filter(|step| step.status == StepStatus::Departed && is_now(step)) {
                step.status = StepStatus::Scheduled;
            }
        }
        VisitEvent::Cancel => {
            record.admission_id = None;
            record.patient_location.clear();
            record.patient_class.clear();
            let is_said = !policy.arrived_on.is_empty();
            for step in record.steps.iter_mut().filter(|step| is_said && is_now(step)) {
                step.advance(StepEvent::ArrivalCancelled, inbound.event_time);
            }
        }
    }
}

/// Open items, and those that a discharge has closed where that is taken back.
fn is_in_question(record: &OrderRecord, event: VisitEvent) -> bool {
    let is_departed = |step: &ScheduledStep| step.status == StepStatus::Departed;
    let is_back = event == VisitEvent::CancelDischarge && record.steps.iter().any(is_departed);
    // What a modality has begun, or a person holds, is not done with either.
    let is_going_on = record.steps.iter().any(|step| !step.status.is_ended() && !is_departed(step));
    is_going_on || is_back
}

fn visit_of(record: &OrderRecord, inbound: &Inbound) -> Visit {
    match (&record.admission_id, &inbound.visit.admission_id) {
        (Some(kept), Said::This(said)) if is_admission(kept, said) => Visit::Same,
        (Some(_), Said::This(_)) => Visit::Another,
        _ => Visit::Unstated,
    }
}

/// Whether it is clear which admission a cancellation means: it says so, or there is only one.
fn names_one_visit(inbound: &Inbound, orders: &[&OrderRecord]) -> bool {
    let mut kept = orders.iter().filter_map(|record| record.admission_id.as_ref());
    let Some(first) = kept.next() else { return true };
    inbound.visit.admission_id.this().is_some() || kept.all(|other| other == first)
}
