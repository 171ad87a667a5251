//! What the decision about an instance rests on.

use telerad_routing::{InstanceRecord, StudyDecision};
use telerad_store::StoreError;

use super::{order, study_of};
use crate::order_changes::OrdersAt;
use crate::standing::Facts;
use crate::state::State;

/// What is stored of an instance, its study and its orders.
pub(super) struct Known {
    pub(super) orders: Facts,
    pub(super) study: Option<StudyDecision>,
    pub(super) versions: Vec<InstanceRecord>,
    pub(super) orders_at: Option<OrdersAt>,
}

impl Known {
    /// Reads it, whatever the digest of the instance.
    pub(super) async fn read(state: &State, record: &InstanceRecord) -> Result<Self, StoreError> {
        let store = &state.environment.store;
        let (site, study_uid) = (&record.site, study_of(record));
        let orders_at = state.order_changes.now();
        let (versions, orders, study) = tokio::try_join!(
            store.versions(site, &record.sop_instance_uid),
            order::facts_of(state, record),
            store.study(site, &study_uid),
        )?;
        Ok(Self { orders, study, versions, orders_at })
    }

    /// Reads the orders again when one has changed: comparing two versions takes seconds.
    pub(super) async fn heed_orders(
        &mut self,
        state: &State,
        record: &InstanceRecord,
    ) -> Result<(), StoreError> {
        if !self.is_current(state) {
            self.orders_at = state.order_changes.now();
            self.orders = order::facts_of(state, record).await?;
        }
        Ok(())
    }

    /// Whether the orders are still what they were. That the rest is, the decision's batch expects.
    pub(super) fn is_current(&self, state: &State) -> bool {
        is_still(state, self.orders_at)
    }
}

/// Whether no order has changed since then.
pub(super) fn is_still(state: &State, orders_at: Option<OrdersAt>) -> bool {
    orders_at.is_some() && orders_at == state.order_changes.now()
}
