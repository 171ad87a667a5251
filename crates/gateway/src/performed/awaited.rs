//! What was performed before its order came.

use telerad_core::SiteId;
use telerad_store::{Effect, ParkedKind, StoreError};
use telerad_worklist as worklist;
use telerad_worklist::{Known, OrderRecord, await_order};

use super::parked;
use crate::event::Event;
use crate::state::State;

/// What orders make of performed steps: written with the orders themselves.
#[derive(Default)]
pub(crate) struct Awaited {
    /// Beside the orders.
    pub(crate) effects: Vec<Effect>,
    /// Told once all of it is durable.
    pub(crate) events: Vec<Event>,
    /// What was noticed.
    pub(crate) findings: Vec<String>,
}

/// Links the orders of a message with what was performed before they came, and moves their steps by it. Only an order that
/// is new, or another for whoever looks for it, is asked about.
pub(crate) async fn link_waiting(
    state: &State,
    site: &SiteId,
    known: &Known,
    effects: &mut [worklist::Effect],
) -> Result<Awaited, StoreError> {
    let mut awaited = Awaited::default();
    for effect in effects {
        let worklist::Effect::PutOrder(record) = effect else { continue };
        let before = known.orders.iter().find(|before| before.key == record.key);
        // Only its cancellation is known: nobody can have performed it.
        if record.is_tombstone() {
            continue;
        }
        if before.is_some_and(|before| !is_another(before, record)) {
            continue;
        }
        link(state, site, record, &mut awaited).await?;
    }
    Ok(awaited)
}

async fn link(
    state: &State,
    site: &SiteId,
    record: &mut OrderRecord,
    awaited: &mut Awaited,
) -> Result<(), StoreError> {
    let store = &state.environment.store;
    let study = record.order.study_instance_uid.as_str();
    let mut performed = store.performed_steps_of_study(site, study).await?;
    for step in store.performed_steps_of_order(site, &record.key).await? {
        if performed.iter().all(|known| known.sop_instance_uid != step.sop_instance_uid) {
            performed.push(step);
        }
    }
    if !performed.iter().any(worklist::PerformedStep::is_waiting) {
        return Ok(());
    }
    let ids: Vec<_> = performed.iter().flat_map(|step| step.patient.ids.clone()).collect();
    let patients = store.patients(site, &ids).await?;
    let rules = state.directory.performed_rules(site);
    let linked = await_order(record.clone(), performed, &patients, &rules, state.now());
    *record = linked.order;
    awaited.findings.extend(linked.findings.iter().map(ToString::to_string));
    for step in linked.steps {
        let uid = step.sop_instance_uid.as_str();
        if !step.is_waiting() {
            awaited.effects.push(state.journal(site, uid, "performed step linked", ""));
            let items = store.parked_about(site, &[uid.to_owned()]).await?.into_iter();
            let items = items.filter(|item| item.kind == ParkedKind::PerformedStep);
            awaited.effects.extend(items.map(|item| Effect::Unpark { id: item.id }));
        }
        for (_, alert) in linked.alerts.iter().filter(|(of, _)| *of == step.sop_instance_uid) {
            let (items, event) = parked(state, &step, alert);
            awaited.effects.extend(items);
            awaited.events.push(event);
        }
        awaited.effects.push(Effect::PerformedStep(step));
    }
    Ok(())
}

/// Whether a performed step could be linked with it now that could not be before.
fn is_another(before: &OrderRecord, after: &OrderRecord) -> bool {
    let steps = |record: &OrderRecord| {
        record.steps.iter().map(|step| step.step_id.clone()).collect::<Vec<_>>()
    };
    let procedure = |record: &OrderRecord| record.order.requested_procedure_id.clone();
    before.order.study_instance_uid != after.order.study_instance_uid
        || before.order.patient.ids != after.order.patient.ids
        || procedure(before) != procedure(after)
        || steps(before) != steps(after)
}
