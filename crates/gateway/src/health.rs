//! Which destinations are down, and since when.

use std::sync::{Mutex, MutexGuard, PoisonError};

use telerad_core::Timestamp;
use telerad_routing::{DestinationId, Down};
use tokio::sync::Notify;

/// What the breakers of all destinations say, for whoever chooses among destinations.
#[derive(Debug, Default)]
pub(crate) struct Health {
    down: Mutex<Down>,
    changed: Notify,
}

impl Health {
    /// A destination has been down since then; `None` = it works.
    pub(crate) fn set(&self, destination: &DestinationId, since: Option<Timestamp>) {
        let mut down = self.lock();
        let before = down.get(destination).copied();
        if before != since {
            match since {
                Some(since) => down.insert(destination.clone(), since),
                None => down.remove(destination),
            };
            drop(down);
            self.changed.notify_one();
        }
    }

    /// The destinations that are down.
    pub(crate) fn down(&self) -> Down {
        self.lock().clone()
    }

    /// Waits until a destination has gone down or come back.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Down> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
