//! Which order an instance belongs to, and how urgent that makes it.

use telerad_core::Priority;
use telerad_routing::{InstanceRecord, StudyMark};
use telerad_store::StoreError;
use telerad_worklist::OrderRecord;

use crate::standing::{Facts, KEYS, Overlay, place};
use crate::state::State;

/// Links the instance to an order when an order-side and a patient-side identifier agree; never otherwise. Its lane
/// follows from that order, from where it comes from and from what it is.
pub(super) async fn find_order(
    state: &State,
    record: &InstanceRecord,
) -> Result<(StudyMark, Priority), StoreError> {
    Ok(place(state, record, &facts_of(state, record).await?))
}

/// The lane of an instance with these orders as they are to be; `None` when it belongs to none of them.
pub(crate) async fn lane_with(
    state: &State,
    record: &InstanceRecord,
    changed: &[&OrderRecord],
) -> Result<Option<Priority>, StoreError> {
    let is_changed = |key: &str| changed.iter().any(|order| order.key.as_str() == key);
    let overlay = Overlay { orders: changed, ..Overlay::default() };
    let (mark, lane) = place(state, record, &Facts::of(state, record, overlay).await?);
    let is_named = match mark {
        StudyMark::Matched { order_key } => is_changed(&order_key),
        StudyMark::Mismatch { order_key, .. } => order_key.split(KEYS).any(is_changed),
        StudyMark::Unmatched => false,
    };
    Ok(is_named.then_some(lane))
}

/// What is known of the orders that share an identifier with the instance.
pub(super) async fn facts_of(state: &State, record: &InstanceRecord) -> Result<Facts, StoreError> {
    Facts::of(state, record, Overlay::default()).await
}

#[cfg(test)]
mod tests;
