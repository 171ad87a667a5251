//! What the workers of one destination share, and how one of them takes from the queue.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use telerad_core::{Priority, Timestamp};
use telerad_net::dicom::Peer;
use telerad_routing::{
    Breaker, BreakerState, DeliveryKey, DeliveryRecord, DestinationId, RetryPolicy,
};
use telerad_store::StoreError;

use super::classes::Classes;
use super::concurrency::{Concurrency, Takes};
use crate::bell::{Bell, Mark};
use crate::configuration::Destination;
use crate::state::State;

/// Deliveries taken onto one association before the queue is looked at again.
pub(super) const BATCH_MAX: usize = 16;

/// The queue of one destination, as its workers see it.
pub(super) struct Queue {
    pub(super) id: DestinationId,
    pub(super) peer: Peer,
    pub(super) policy: RetryPolicy,
    pub(super) bell: Arc<Bell>,
    shared: Mutex<Shared>,
}

pub(super) struct Shared {
    pub(super) breaker: Breaker,
    pub(super) classes: Classes,
    pub(super) concurrency: Concurrency,
    claimed: BTreeSet<DeliveryKey>,
    /// One worker finds out whether the destination works again.
    is_probing: bool,
}

/// What a worker may do next.
pub(super) enum Claim {
    /// Send these.
    Batch(Batch),
    /// Nothing for now.
    Nothing,
    /// Find out whether the destination works again.
    Probe,
}

/// Deliveries that one worker has taken, in the order in which they are sent.
pub(super) struct Batch {
    pub(super) deliveries: VecDeque<DeliveryRecord>,
    /// How far the bell had been rung before they were taken.
    pub(super) mark: Mark,
}

impl Batch {
    pub(super) fn keys(&self) -> Vec<DeliveryKey> {
        self.deliveries.iter().map(|it| it.key.clone()).collect()
    }
}

impl Queue {
    pub(super) fn new(state: &State, destination: &Destination) -> Self {
        let id = destination.id.get_ref().clone();
        let (first, longest) = destination.retry_seconds;
        let policy = RetryPolicy {
            first: Duration::from_secs(first),
            longest: Duration::from_secs(longest),
            ..RetryPolicy::default()
        };
        let peer = Peer::new(
            destination.address.get_ref(),
            destination.ae_title.clone(),
            state.configuration.dicom.ae_title.clone(),
        );
        let shared = Shared {
            breaker: Breaker::new(policy),
            claimed: BTreeSet::new(),
            classes: Classes::default(),
            concurrency: Concurrency::new(destination.associations_max),
            is_probing: false,
        };
        Self {
            bell: state.delivery_bell(&id).cloned().unwrap_or_default(),
            id,
            peer,
            policy,
            shared: Mutex::new(shared),
        }
    }

    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is due and nobody else has taken. While the breaker is open nothing, and when its pause is over, one
    /// worker is to probe.
    pub(super) async fn claim(&self, state: &State, takes: Takes) -> Result<Claim, StoreError> {
        let now = state.now();
        {
            let mut shared = self.shared();
            if shared.is_probing || !shared.breaker.may_try(now) || !shared.concurrency.begin(takes)
            {
                return Ok(Claim::Nothing);
            }
            if shared.breaker.state() != BreakerState::Closed {
                shared.is_probing = true;
                return Ok(Claim::Probe);
            }
        }
        let batch = self.take(state, now, takes, BATCH_MAX).await;
        match batch {
            Ok(batch) if !batch.deliveries.is_empty() => Ok(Claim::Batch(batch)),
            other => {
                self.shared().concurrency.end(takes);
                other.map(|_| Claim::Nothing)
            }
        }
    }

    /// Takes at most so many.
    async fn take(
        &self,
        state: &State,
        now: Timestamp,
        takes: Takes,
        count: usize,
    ) -> Result<Batch, StoreError> {
        let mark = self.bell.mark();
        let claimed = self.shared().claimed.len();
        let mut due = self.due(state, now, count + claimed).await?;
        due.retain(|it| takes == Takes::All || it.priority == Priority::Stat);
        Ok(self.mark_claimed(due, count, mark))
    }

    /// Takes the one delivery that shows best whether the destination works again: one that it has not refused before.
    pub(super) async fn take_for_probe(&self, state: &State) -> Result<Batch, StoreError> {
        let mark = self.bell.mark();
        let mut due = self.due(state, state.now(), BATCH_MAX).await?;
        due.sort_by_key(|it| it.last_fault.is_some());
        Ok(self.mark_claimed(due, 1, mark))
    }

    fn mark_claimed(&self, due: Vec<DeliveryRecord>, count: usize, mark: Mark) -> Batch {
        let mut shared = self.shared();
        let free = due.into_iter().filter(|it| !shared.claimed.contains(&it.key));
        let deliveries: VecDeque<DeliveryRecord> = free.take(count).collect();
        shared.claimed.extend(deliveries.iter().map(|it| it.key.clone()));
        Batch { deliveries, mark }
    }

    /// What may be sent now. A delivery that waits longer than any pause was queued before the clock was set back.
    async fn due(
        &self,
        state: &State,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        let store = &state.environment.store;
        let due = store.due(&self.id, now, limit).await?;
        match store.next_due(&self.id).await? {
            Some(next) if due.is_empty() && next.since(now) > self.policy.longest_pause() => {
                store.due(&self.id, next, limit).await
            }
            _ => Ok(due),
        }
    }

    /// Gives back what a worker had taken and whatever it has not sent.
    pub(super) fn give_back(&self, keys: &[DeliveryKey], takes: Takes) {
        let mut shared = self.shared();
        for key in keys {
            shared.claimed.remove(key);
        }
        shared.concurrency.end(takes);
    }

    /// Gives back what was taken to probe with.
    pub(super) fn give_back_probe(&self, keys: &[DeliveryKey]) {
        let mut shared = self.shared();
        for key in keys {
            shared.claimed.remove(key);
        }
    }

    /// A worker has probed, or was cut off while it did.
    pub(super) fn probed(&self, takes: Takes) {
        let works = {
            let mut shared = self.shared();
            shared.is_probing = false;
            shared.concurrency.end(takes);
            shared.breaker.state() == BreakerState::Closed
        };
        if works {
            self.bell.wake();
        }
    }

    /// Until when nothing is sent because the destination failed.
    pub(super) fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.shared().breaker.retry_at().filter(|until| *until > now)
    }
}
