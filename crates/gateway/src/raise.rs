//! An order that has become more urgent takes its images along.

use std::collections::BTreeMap;

use telerad_core::{Priority, SiteId};
use telerad_routing::{InstanceRecord, lane_name, operation};
use telerad_store::{Effect, StoreError};
use telerad_worklist::OrderRecord;

use crate::change::Change;
use crate::event::{Event, Operation};
use crate::intake;
use crate::state::State;
use crate::turns::Turn;

/// What is to be written with an order, and whose turn it is until that is done.
#[derive(Default)]
pub(crate) struct Raised {
    pub(crate) effects: Vec<Effect>,
    /// Told once the effects are durable.
    pub(crate) events: Vec<Event>,
    /// To be kept until then.
    pub(crate) turns: Vec<Turn>,
}

/// Raises the studies of these images that belong to orders as they are now, when that makes them more urgent than they were
/// decided to be. None is lowered.
pub(crate) async fn raise_for(
    state: &State,
    site: &SiteId,
    orders: &[&OrderRecord],
    instances: &[InstanceRecord],
    control_id: &str,
) -> Result<Raised, StoreError> {
    let store = &state.environment.store;
    let mut raised = Raised::default();
    if orders.is_empty() {
        return Ok(raised);
    }
    let mut lanes: BTreeMap<String, Priority> = BTreeMap::new();
    for instance in instances {
        if let Some(lane) = intake::lane_with(state, instance, orders).await? {
            let known = lanes.entry(intake::study_of(instance)).or_insert(lane);
            *known = lane.min(*known);
        }
    }
    for (study_instance_uid, lane) in lanes {
        let study = store.study(site, &study_instance_uid).await?;
        if study.is_none_or(|study| study.priority <= lane) {
            continue;
        }
        let turn = state.turns.take(site, &study_instance_uid).await;
        let study = store.study(site, &study_instance_uid).await?;
        let before = store.deliveries_of_study(site, &study_instance_uid).await?;
        let decided = study.as_ref().map(|study| operation::raise(study, &before, lane));
        // Somebody else was faster.
        let Some(Ok(decided)) = decided else { continue };
        let change = Change::new(site, &study_instance_uid, study.as_ref(), &before, decided);
        let word = Operation::Raise.as_str();
        let lane = lane_name(lane);
        let count = change.after().count();
        let detail =
            format!("to lane {lane} by its order, message {control_id} ({count} deliveries)");
        raised.effects.push(change.expect_all_known());
        raised.effects.extend(change.effects());
        raised.effects.push(state.journal(site, &study_instance_uid, word, &detail));
        raised.turns.push(turn);
        raised.events.push(Event::Decided {
            site: site.clone(),
            subject: study_instance_uid,
            operation: Operation::Raise,
            by: "order".to_owned(),
        });
    }
    Ok(raised)
}
