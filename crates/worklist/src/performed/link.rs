//! Which order a performed step belongs to.

use telerad_core::{PatientId, Timestamp};

use super::steps::{self, Occasion};
use super::{Alert, Link, LinkedBy, PerformedRules, PerformedStep, ScheduledReference};
use crate::finding::{Finding, FindingCode, Findings};
use crate::{OrderKey, OrderRecord, PatientRecord};

/// What an order that comes, or changes, makes of steps that were performed before.
#[derive(Clone, Debug)]
pub struct Awaited {
    /// The order, its steps moved.
    pub order: OrderRecord,
    /// Performed steps that have changed.
    pub steps: Vec<PerformedStep>,
    /// What was noticed.
    pub findings: Vec<Finding>,
    /// What a person must see, with the SOP Instance UID of the performed step.
    pub alerts: Vec<(telerad_core::Uid, Alert)>,
}

/// Links an order with what was performed before it came: `performed` are the site's performed steps of its study and
/// those that are linked with it already.
pub fn await_order(
    order: OrderRecord,
    performed: Vec<PerformedStep>,
    patients: &[PatientRecord],
    rules: &PerformedRules,
    now: Timestamp,
) -> Awaited {
    let mut findings = Findings::default();
    let (mut alerts, mut changed, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for mut step in performed {
        let ids = Identity::of(&step, patients);
        let mut reasons = Vec::new();
        let before = step.clone();
        for item in &mut step.scheduled {
            if matches!(item.link, Link::Linked { .. }) {
                continue;
            }
            match link(item, &ids, std::slice::from_ref(&order), rules, &mut findings) {
                Link::Unscheduled => {}
                link => {
                    if let Link::Suspect { reason, .. } = &link {
                        reasons.push(reason.clone());
                    }
                    item.link = link;
                }
            }
        }
        if step != before {
            step.updated_at = now;
            changed.push(step.sop_instance_uid.clone());
            alerts.extend(
                reasons.into_iter().map(|it| (step.sop_instance_uid.clone(), Alert::Suspect(it))),
            );
        }
        all.push(step);
    }
    let mut order = order;
    for uid in &changed {
        let Some(step) = all.iter().find(|step| step.sop_instance_uid == *uid) else { continue };
        if !is_certain(step) {
            continue;
        }
        steps::differs(step, std::slice::from_ref(&order), &mut findings);
        steps::settle(&mut order, step, &all, Occasion::Begins, rules, &mut findings);
    }
    let steps = all.into_iter().filter(|step| changed.contains(&step.sop_instance_uid)).collect();
    Awaited { order, steps, findings: findings.into_vec(), alerts }
}

/// Whether no item of a performed step is in doubt: all steps of a group move together, or none.
pub(super) fn is_certain(step: &PerformedStep) -> bool {
    step.scheduled.iter().all(|item| !matches!(item.link, Link::Suspect { .. }))
}

/// By which identifiers the patient of a performed step is known: its own, and those that took their place.
pub(super) struct Identity(Vec<PatientId>);

impl Identity {
    pub(super) fn of(step: &PerformedStep, patients: &[PatientRecord]) -> Self {
        let mut ids = step.patient.ids.clone();
        let merged = patients
            .iter()
            .filter(|record| {
                record.site == step.site
                    && record
                        .patient
                        .primary_id()
                        .is_some_and(|id| step.patient.ids.iter().any(|said| is_same(id, said)))
            })
            .filter_map(|record| record.merged_into.clone());
        ids.extend(merged);
        Self(ids)
    }

    fn agrees(&self, order: &OrderRecord) -> bool {
        order.order.patient.ids.iter().any(|kept| self.0.iter().any(|said| is_same(kept, said)))
    }
}

/// Finds the order of an item: the surest identifiers that lead to one decide, and the patient must agree.
pub(super) fn link(
    item: &ScheduledReference,
    patient: &Identity,
    orders: &[OrderRecord],
    rules: &PerformedRules,
    findings: &mut Findings,
) -> Link {
    let orders: Vec<&OrderRecord> = orders
        .iter()
        .filter(|record| record.order.site == rules.site && !record.steps.is_empty())
        .collect();
    let Some((by, found)) = candidates(item, &orders, rules) else { return Link::Unscheduled };
    let suspect = |order: Option<&OrderRecord>, reason: &str| Link::Suspect {
        order: order.map(|record| record.key.clone()),
        reason: reason.to_owned(),
    };
    let [order] = found.as_slice() else {
        return suspect(None, "more than one order has the numbers of the performed step");
    };
    if patient.0.is_empty() {
        return suspect(Some(order), "the performed step names no patient identifier");
    }
    if !patient.agrees(order) {
        return suspect(Some(order), "the performed step names another patient than its order");
    }
    let of_study =
        orders.iter().filter(|it| it.order.study_instance_uid == item.study_instance_uid);
    if of_study.into_iter().any(|other| !patient.agrees(other)) {
        return suspect(Some(order), "the study of the performed step is another patient's");
    }
    let steps = steps_of(item, by, order);
    if steps.is_empty() {
        let text = "the order has no step that is certain to be this one: none was moved";
        findings.add(FindingCode::Ambiguous, "(0040,0270)", text);
    }
    Link::Linked { order: order.key.clone(), by, steps }
}

fn candidates<'a>(
    item: &ScheduledReference,
    orders: &[&'a OrderRecord],
    rules: &PerformedRules,
) -> Option<(LinkedBy, Vec<&'a OrderRecord>)> {
    let has_step = |record: &OrderRecord| {
        !item.step_id.is_empty() && record.steps.iter().any(|step| step.step_id == item.step_id)
    };
    let is_procedure = |record: &OrderRecord| {
        let id = &record.order.requested_procedure_id;
        !id.is_empty() && *id == item.requested_procedure_id
    };
    let key = item.accession.as_ref().map(|number| OrderKey::new(&rules.site, number));
    let said = item.accession.as_ref().map(|number| number.value());
    // Modalities see, and repeat, the number that fits into their attribute.
    let has_number = |record: &OrderRecord| {
        let is_short = !record.short_accession.is_empty() && said == Some(&record.short_accession);
        key.as_ref() == Some(&record.key) || is_short
    };
    let of_study: Vec<&OrderRecord> = orders
        .iter()
        .filter(|it| it.order.study_instance_uid == item.study_instance_uid)
        .copied()
        .collect();
    // Orders of one study may count their steps alike: where the number names one of them, it is that one.
    let one = |found: Vec<&'a OrderRecord>| {
        let numbered: Vec<_> = found.iter().filter(|it| has_number(it)).copied().collect();
        if found.len() > 1 && numbered.len() == 1 { numbered } else { found }
    };
    let filter = |among: &[&'a OrderRecord], wanted: &dyn Fn(&OrderRecord) -> bool| {
        one(among.iter().filter(|it| wanted(it)).copied().collect())
    };
    [
        (LinkedBy::StudyAndStep, filter(&of_study, &has_step)),
        (LinkedBy::StudyAndProcedure, filter(&of_study, &is_procedure)),
        (LinkedBy::AccessionAndStep, filter(orders, &|it| has_number(it) && has_step(it))),
        (LinkedBy::Study, one(of_study)),
    ]
    .into_iter()
    .find(|(_, found)| !found.is_empty())
}

/// The steps that a performed one moves. One that is not named can only be meant where there is no other.
fn steps_of(item: &ScheduledReference, by: LinkedBy, order: &OrderRecord) -> Vec<String> {
    let is_meant = |step_id: &str| match by {
        LinkedBy::StudyAndStep | LinkedBy::AccessionAndStep => step_id == item.step_id,
        LinkedBy::StudyAndProcedure | LinkedBy::Study => {
            item.step_id.is_empty() && order.steps.len() == 1
        }
    };
    let steps = order.steps.iter().filter(|step| is_meant(&step.step_id));
    steps.map(|step| step.step_id.clone()).collect()
}

/// Equal values of authorities that are equal, agree, or are unknown on one side.
fn is_same(one: &PatientId, other: &PatientId) -> bool {
    let issuers = match (one.issuer(), other.issuer()) {
        (Some(one), Some(other)) => one == other || one.agrees_with(other),
        _ => true,
    };
    one.value() == other.value() && issuers
}
