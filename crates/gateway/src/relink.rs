//! Studies that came before their order, or before what corrects it.
//!
//! Whatever changes an order or merges patients is looked at in the same transaction: the studies that it names are compared
//! again, and what was unmatched is linked, or a mark lifted, together with what lifts it. Images that were being written
//! at that moment are looked at when they are durable (`undecided`).

use std::collections::BTreeSet;

use telerad_accession::SearchKey;
use telerad_core::SiteId;
use telerad_routing::InstanceRecord;
use telerad_store::{Effect, StoreError};
use telerad_worklist as worklist;
use telerad_worklist::{OrderRecord, PatientRecord};

use crate::candidates;
use crate::event::Event;
use crate::raise::Raised;
use crate::standing::{self, Overlay};
use crate::state::{DECISIONS_MAX, State};

/// What a message changes, and the images that its orders name now or named before.
pub(crate) struct Relinked<'a> {
    orders: Vec<&'a OrderRecord>,
    patients: Vec<&'a PatientRecord>,
    pub(crate) instances: Vec<InstanceRecord>,
}

impl<'a> Relinked<'a> {
    /// Reads the images.
    pub(crate) async fn read(
        state: &State,
        site: &SiteId,
        before: &[OrderRecord],
        effects: &'a [worklist::Effect],
    ) -> Result<Self, StoreError> {
        let (store, policy) = (&state.environment.store, state.directory.accession_policy(site));
        let (mut orders, mut patients) = (Vec::new(), Vec::new());
        for effect in effects {
            match effect {
                // Known from its cancellation alone: no image is ever its.
                worklist::Effect::PutOrder(order) if order.is_tombstone() => {}
                worklist::Effect::PutOrder(order) => orders.push(order),
                worklist::Effect::PutPatient(patient) => patients.push(patient),
            }
        }
        let before = before.iter().filter(|order| !order.is_tombstone());
        let changed = before.filter(|one| orders.iter().any(|other| other.key == one.key));
        let mut keys: BTreeSet<SearchKey> = orders
            .iter()
            .copied()
            .chain(changed)
            .flat_map(|one| candidates::order_keys(one, &policy))
            .collect();
        for order in of_merged(state, site, patients.iter().copied()).await? {
            keys.extend(candidates::order_keys(&order, &policy));
        }
        let keys: Vec<SearchKey> = keys.into_iter().collect();
        let instances = match keys.is_empty() {
            true => Vec::new(),
            false => store.instances_by_search(site, &keys).await?,
        };
        Ok(Self { orders, patients, instances })
    }

    /// Compares the studies of these images again, as the message leaves orders and patients.
    pub(crate) async fn note(
        &self,
        state: &State,
        site: &SiteId,
        control_id: &str,
        raised: &mut Raised,
    ) -> Result<(), StoreError> {
        let studies: BTreeSet<String> = self.instances.iter().map(standing::study_of).collect();
        let overlay = Overlay { orders: &self.orders, patients: &self.patients };
        let by = format!("by message {control_id}");
        for uid in studies {
            // What no rule wanted has no decision; it is decided again, and its mark with it.
            let Some(study) = state.environment.store.study(site, &uid).await? else { continue };
            let Some(mark) = standing::of_study(state, site, &uid, overlay).await? else {
                continue;
            };
            raised.events.extend(standing::note(state, &study, &mark, &by, &mut raised.effects));
        }
        Ok(())
    }
}

/// The orders of those into whom somebody was merged: the merge itself does not write them.
async fn of_merged(
    state: &State,
    site: &SiteId,
    patients: impl Iterator<Item = &PatientRecord>,
) -> Result<Vec<OrderRecord>, StoreError> {
    let mut orders = Vec::new();
    for survivor in patients.filter_map(|record| record.merged_into.as_ref()) {
        let found = state.environment.store.orders_of_patient(site, survivor.value()).await?;
        orders.extend(found.into_iter().filter(|it| it.order.patient.ids.contains(survivor)));
    }
    Ok(orders)
}

/// The keys of the orders of those into whom somebody was merged by what was written.
pub(crate) async fn keys_of_merged(
    state: &State,
    site: &SiteId,
    merged: &[PatientRecord],
) -> Result<Vec<SearchKey>, StoreError> {
    let policy = state.directory.accession_policy(site);
    let orders = of_merged(state, site, merged.iter()).await?;
    Ok(orders.iter().flat_map(|order| candidates::order_keys(order, &policy)).collect())
}

/// Compares a study again with the orders as they are; for images that were being written while one came.
pub(crate) async fn again(
    state: &State,
    site: &SiteId,
    study_instance_uid: &str,
) -> Result<(), StoreError> {
    for _ in 0..DECISIONS_MAX {
        let Some(study) = state.environment.store.study(site, study_instance_uid).await? else {
            return Ok(());
        };
        let overlay = Overlay::default();
        let Some(mark) = standing::of_study(state, site, study_instance_uid, overlay).await? else {
            return Ok(());
        };
        let mut effects: Vec<Effect> = Vec::new();
        let by = "by an order that came meanwhile";
        let event: Option<Event> = standing::note(state, &study, &mark, by, &mut effects);
        let Some(event) = event else { return Ok(()) };
        match state.commit(effects).await {
            Ok(_) => {
                standing::announce(state, event);
                return Ok(());
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
