//! Which order an instance belongs to, and how urgent that makes it.

use telerad_accession as accession;
use telerad_core::Priority;
use telerad_routing::{InstanceRecord, OrderFacts, StudyMark, lane};
use telerad_store::StoreError;
use telerad_worklist::OrderRecord;

use crate::candidates;
use crate::patients;
use crate::state::State;

/// Links the instance to an order when an order-side and a patient-side identifier agree; never otherwise. Its lane
/// follows from that order, from where it comes from and from what it is.
pub(super) async fn find_order(
    state: &State,
    record: &InstanceRecord,
) -> Result<(StudyMark, Priority), StoreError> {
    let orders = orders(state, record).await?;
    let candidates = candidates_of(state, record, &orders).await?;
    Ok(place(state, record, &orders, &candidates))
}

/// The lane of an instance with these orders as they are to be; `None` when it belongs to none of them.
pub(crate) async fn lane_with(
    state: &State,
    record: &InstanceRecord,
    changed: &[&OrderRecord],
) -> Result<Option<Priority>, StoreError> {
    let is_changed = |key: &str| changed.iter().any(|order| order.key.as_str() == key);
    let mut known = orders(state, record).await?;
    known.retain(|other| !is_changed(other.key.as_str()));
    known.extend(changed.iter().copied().cloned());
    let candidates = candidates_of(state, record, &known).await?;
    let (mark, lane) = place(state, record, &known, &candidates);
    let is_named = match mark {
        StudyMark::Matched { order_key } => is_changed(&order_key),
        StudyMark::Mismatch { order_key, .. } => order_key.split(KEYS).any(is_changed),
        StudyMark::Unmatched => false,
    };
    Ok(is_named.then_some(lane))
}

/// The orders that share an identifier with the instance.
pub(super) async fn orders(
    state: &State,
    record: &InstanceRecord,
) -> Result<Vec<OrderRecord>, StoreError> {
    let keys = keys(state, record);
    state.environment.store.orders_by_search(&record.site, &keys).await
}

/// The orders as candidates for the instance, with what merges say of their patients.
pub(super) async fn candidates_of(
    state: &State,
    record: &InstanceRecord,
    orders: &[OrderRecord],
) -> Result<Vec<accession::Candidate>, StoreError> {
    let (site, policy) = (&record.site, state.directory.accession_policy(&record.site));
    let mut candidates: Vec<_> = orders.iter().cloned().map(candidates::candidate).collect();
    let claimed = &record.head.patient;
    patients::know_aliases(state, site, claimed, &policy, &mut candidates).await?;
    Ok(candidates)
}

/// What an instance and its orders find each other by.
pub(super) fn keys(state: &State, record: &InstanceRecord) -> Vec<accession::SearchKey> {
    let policy = state.directory.accession_policy(&record.site);
    accession::search_keys(&candidates::claim(record), &policy)
}

/// The instance's order and lane, of the orders that share an identifier with it.
pub(super) fn place(
    state: &State,
    record: &InstanceRecord,
    orders: &[OrderRecord],
    candidates: &[accession::Candidate],
) -> (StudyMark, Priority) {
    let policy = state.directory.accession_policy(&record.site);
    let claim = candidates::claim(record);
    let lane_of = |order: Option<&OrderRecord>| {
        lane(state.directory.lanes(), order.map(facts).as_ref(), record)
    };
    let lane_by = |key: &str| lane_of(orders.iter().find(|it| it.key.as_str() == key));
    match accession::decide(&claim, candidates, &policy) {
        accession::Decision::Match { key, .. } => {
            let lane = lane_by(&key);
            (StudyMark::Matched { order_key: key }, lane)
        }
        accession::Decision::Conflict { keys, evidence } => {
            // As urgent as the most urgent order in question: withholding helps nobody, and the mark tells the reader.
            let lane = keys.iter().map(|key| lane_by(key)).min();
            let why = evidence.to_string();
            let mark = StudyMark::Mismatch { order_key: keys.join(KEYS), why };
            (mark, lane.unwrap_or_else(|| lane_of(None)))
        }
        accession::Decision::Ambiguous { .. } | accession::Decision::NoCandidate { .. } => {
            (StudyMark::Unmatched, lane_of(None))
        }
    }
}

/// What the order says of how urgent its study is.
pub(crate) fn facts(order: &OrderRecord) -> OrderFacts {
    OrderFacts {
        priority: order.order.priority,
        location: order.patient_location.clone(),
        patient_class: order.patient_class.clone(),
    }
}

/// Between the keys of several orders.
const KEYS: &str = ", ";

#[cfg(test)]
mod tests;
