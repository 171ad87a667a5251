//! Who is connected, counted against the limits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::transport::host_of;

/// Places for connections: so many in all, so many per host.
#[derive(Clone)]
pub(crate) struct Slots {
    taken: Arc<Mutex<Taken>>,
    total: Arc<watch::Sender<usize>>,
    max: usize,
    per_host_max: usize,
    turned_away_max: usize,
}

#[derive(Default)]
struct Taken {
    admitted: usize,
    per_host: BTreeMap<String, usize>,
    turned_away: usize,
}

/// A place that a connection holds until it is dropped.
pub(crate) struct Slot {
    slots: Slots,
    host: String,
    pub(crate) admission: Admission,
}

/// Whether a connection may work, or only be told that there is no room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Admission {
    Admitted,
    TooMany,
    TooManyFromHost,
}

impl Slots {
    pub(crate) fn new(max: usize, per_host_max: usize, turned_away_max: usize) -> Self {
        Self {
            taken: Arc::default(),
            total: Arc::new(watch::Sender::new(0)),
            max,
            per_host_max,
            turned_away_max,
        }
    }

    /// Takes a place. `None` when there are even too many to be turned away politely.
    pub(crate) fn take(&self, peer_address: &str) -> Option<Slot> {
        let host = host_of(peer_address);
        let mut taken = self.lock();
        let admission = if taken.admitted >= self.max {
            Admission::TooMany
        } else if taken.per_host.get(&host).is_some_and(|count| *count >= self.per_host_max) {
            Admission::TooManyFromHost
        } else {
            Admission::Admitted
        };
        if admission == Admission::Admitted {
            taken.admitted += 1;
            *taken.per_host.entry(host.clone()).or_default() += 1;
        } else if taken.turned_away < self.turned_away_max {
            taken.turned_away += 1;
        } else {
            return None;
        }
        drop(taken);
        self.total.send_modify(|total| *total += 1);
        Some(Slot { slots: self.clone(), host, admission })
    }

    /// How many places are taken, the polite refusals included.
    pub(crate) fn total(&self) -> usize {
        *self.total.borrow()
    }

    /// Waits until every place has been given back.
    pub(crate) async fn all_free(&self) {
        let mut total = self.total.subscribe();
        // The sender lives in `self`, so this cannot fail.
        let _ = total.wait_for(|total| *total == 0).await;
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        if self.admission == Admission::Admitted {
            taken.admitted -= 1;
            if let Some(count) = taken.per_host.get_mut(&self.host) {
                *count -= 1;
                if *count == 0 {
                    taken.per_host.remove(&self.host);
                }
            }
        } else {
            taken.turned_away -= 1;
        }
        drop(taken);
        self.slots.total.send_modify(|total| *total -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, Slots};

    #[test]
    fn one_host_cannot_take_every_place() {
        let slots = Slots::new(3, 2, 1);
        let first = slots.take("192.0.2.1:1000");
        let second = slots.take("192.0.2.1:1001");
        let third = slots.take("192.0.2.1:1002");
        let admissions = [&first, &second, &third].map(|slot| slot.as_ref().unwrap().admission);
        assert_eq!(
            admissions,
            [Admission::Admitted, Admission::Admitted, Admission::TooManyFromHost]
        );
        assert_eq!(slots.take("192.0.2.2:1000").unwrap().admission, Admission::Admitted);
    }

    #[test]
    fn a_place_comes_back_when_its_connection_ends() {
        let slots = Slots::new(1, 1, 1);
        let first = slots.take("a");
        assert_eq!(slots.take("b").unwrap().admission, Admission::TooMany);
        drop(first);
        assert_eq!(slots.take("b").unwrap().admission, Admission::Admitted);
        assert_eq!(slots.total(), 0);
    }

    #[test]
    fn politeness_has_a_limit_too() {
        let slots = Slots::new(0, 0, 1);
        let refused = slots.take("a");
        assert!(refused.is_some());
        assert!(slots.take("a").is_none());
    }
}
