//! Orders that have come, for studies that wait for one.

use std::sync::{Mutex, PoisonError};

use telerad_accession::SearchKey;
use telerad_core::SiteId;
use tokio::sync::Notify;

/// Orders that have come, until somebody looks what they change.
#[derive(Default)]
pub(crate) struct NewOrders {
    came: Mutex<Vec<(SiteId, Vec<SearchKey>)>>,
    bell: Notify,
}

impl NewOrders {
    /// Takes note of an order and the keys that it is found by. Beyond a bound the oldest are forgotten: what they would
    /// have changed is found at the next start.
    pub(crate) fn add(&self, site: SiteId, keys: Vec<SearchKey>) {
        let mut came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
        if came.len() >= ORDERS_MAX {
            tracing::warn!("orders come faster than studies can be decided again for them");
            came.remove(0);
        }
        came.push((site, keys));
        drop(came);
        self.bell.notify_one();
    }

    /// Waits until some have come, and takes them.
    pub(crate) async fn wait(&self) -> Vec<(SiteId, Vec<SearchKey>)> {
        self.bell.notified().await;
        std::mem::take(&mut *self.came.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const ORDERS_MAX: usize = 4096;
