//! Studies out: for each destination a few workers that take what is due, send it as it was received, and record
//! the peer's own answer.
//!
//! The data directory is locked by the one process that uses it, so a claim on a delivery lives in memory: a crash
//! gives every claim back, and repeats at most the operation in flight.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use telerad_core::Timestamp;
use telerad_net::dicom::{Peer, Pool, PoolConfig};
use telerad_net::{Connector, Shutdown};
use telerad_routing::{
    Breaker, BreakerState, DeliveryKey, DeliveryRecord, DestinationId, RetryPolicy,
};
use telerad_store::StoreError;
use tokio::sync::{Notify, oneshot};

use crate::configuration::Destination;
use crate::state::State;

mod send;
#[cfg(test)]
mod tests;

/// Deliveries taken onto one association before the queue is looked at again, so that an urgent study that
/// arrives meanwhile waits for a handful of instances at most.
const BATCH_MAX: usize = 16;

/// Starts the workers of every destination.
pub(crate) fn start<C: Connector>(
    state: &Arc<State>,
    connector: &Arc<C>,
    shutdown: &Shutdown,
) -> Vec<oneshot::Receiver<()>> {
    let mut ends = Vec::new();
    for destination in &state.configuration.destinations {
        let lane = Arc::new(Lane::new(state, destination));
        let pool = pool(state, connector, destination);
        for number in 0..destination.associations_max {
            let worker = Worker {
                state: Arc::clone(state),
                lane: Arc::clone(&lane),
                pool: pool.clone(),
                shutdown: shutdown.clone(),
            };
            let (ended, end) = oneshot::channel();
            let name = format!("deliver {} {number}", destination.id.get_ref());
            let task = async move {
                worker.run().await;
                worker.pool.close().await;
                let _ = ended.send(());
            };
            state.environment.spawn.spawn(&name, Box::pin(task));
            ends.push(end);
        }
    }
    ends
}

/// Associations with one destination: as many as it has workers, so none of them ever waits for another.
fn pool<C: Connector>(
    state: &State,
    connector: &Arc<C>,
    destination: &Destination,
) -> Pool<Arc<C>> {
    let config = PoolConfig {
        associations_max: destination.associations_max,
        associations_per_peer_max: destination.associations_max,
        clock: Arc::clone(&state.environment.clock),
        drain: DRAIN_MAX,
        linger: LINGER,
        ..PoolConfig::default()
    };
    Pool::new(Arc::clone(connector), config, Arc::clone(&state.environment.spawn))
}

/// What the workers of one destination share.
struct Lane {
    id: DestinationId,
    peer: Peer,
    policy: RetryPolicy,
    bell: Arc<Notify>,
    shared: Mutex<Shared>,
}

struct Shared {
    claimed: BTreeSet<DeliveryKey>,
    breaker: Breaker,
}

impl Lane {
    fn new(state: &State, destination: &Destination) -> Self {
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
        let shared = Shared { claimed: BTreeSet::new(), breaker: Breaker::new(policy) };
        Self {
            bell: state.delivery_bell(&id).cloned().unwrap_or_default(),
            id,
            peer,
            policy,
            shared: Mutex::new(shared),
        }
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Worker<C> {
    state: Arc<State>,
    lane: Arc<Lane>,
    pool: Pool<Arc<C>>,
    shutdown: Shutdown,
}

impl<C: Connector> Worker<C> {
    async fn run(&self) {
        while !self.shutdown.is_requested() {
            match self.claim().await {
                Ok(batch) if batch.is_empty() => self.rest(None).await,
                Ok(batch) => {
                    let keys: Vec<DeliveryKey> = batch.iter().map(|it| it.key.clone()).collect();
                    let recorded = tokio::select! {
                        biased;
                        recorded = self.deliver(batch) => recorded,
                        () = self.drained() => Ok(()),
                    };
                    {
                        let mut shared = self.lane.shared();
                        for key in &keys {
                            shared.claimed.remove(key);
                        }
                    }
                    if recorded.is_err() {
                        // What cannot be recorded would be sent again and again. No bell cuts this short: a full
                        // batch rings it.
                        self.pause(LOOK_AGAIN).await;
                    }
                }
                Err(error) => {
                    tracing::error!(destination = %self.lane.id, "cannot read the queue: {error}");
                    self.rest(Some(Duration::from_secs(1))).await;
                }
            }
        }
    }

    async fn pause(&self, pause: Duration) {
        let clock = &self.state.environment.clock;
        let wake = clock.sleep_until(clock.now() + pause);
        tokio::select! {
            biased;
            () = self.shutdown.requested() => {}
            () = wake => {}
        }
    }

    /// When a stop has been asked for and the time to finish is over. What is cut off then is sent again by the next run.
    async fn drained(&self) {
        self.shutdown.requested().await;
        let clock = &self.state.environment.clock;
        clock.sleep_until(clock.now() + DRAIN_MAX).await;
        tracing::warn!(destination = %self.lane.id, "association cut off: no answer before the end");
    }

    /// Takes what is due and nobody else has taken. Nothing while the breaker is open.
    async fn claim(&self) -> Result<Vec<DeliveryRecord>, StoreError> {
        let now = self.state.now();
        let (claimed, is_probe) = {
            let shared = self.lane.shared();
            if !shared.breaker.may_try(now) {
                return Ok(Vec::new());
            }
            (shared.claimed.len(), shared.breaker.state() != BreakerState::Closed)
        };
        let mut due = self.due(now, BATCH_MAX + claimed).await?;
        if is_probe {
            // Whether the destination works again shows best with what it has not refused before.
            due.sort_by_key(|it| it.last_fault.is_some());
        }
        let mut shared = self.lane.shared();
        let free = due.into_iter().filter(|it| !shared.claimed.contains(&it.key));
        let batch: Vec<DeliveryRecord> = free.take(BATCH_MAX).collect();
        shared.claimed.extend(batch.iter().map(|it| it.key.clone()));
        Ok(batch)
    }

    /// What may be sent now. A delivery that waits longer than any pause was queued before the clock was set back.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<DeliveryRecord>, StoreError> {
        let (store, id) = (&self.state.environment.store, &self.lane.id);
        let due = store.due(id, now, limit).await?;
        match store.next_due(id).await? {
            Some(next) if due.is_empty() && next.since(now) > self.lane.policy.longest_pause() => {
                store.due(id, next, limit).await
            }
            _ => Ok(due),
        }
    }

    /// Waits until something may be due: a bell, the next pause that ends, or the breaker's.
    async fn rest(&self, at_most: Option<Duration>) {
        let now = self.state.now();
        let next_due = self.state.environment.store.next_due(&self.lane.id).await.ok().flatten();
        let open_until = self.lane.shared().breaker.retry_at().filter(|until| *until > now);
        let wake_at = match (open_until, next_due) {
            (Some(open), _) => Some(open),
            // Due already, yet not claimable: another worker has it, and looks again when it is done.
            (None, Some(due)) if due <= now => None,
            (None, due) => due,
        };
        let pause = wake_at.map_or(LOOK_AGAIN, |at: Timestamp| at.since(now));
        let pause = pause.min(at_most.unwrap_or(LOOK_AGAIN));
        let clock = &self.state.environment.clock;
        let wake = clock.sleep_until(clock.now() + pause);
        tokio::select! {
            biased;
            () = self.shutdown.requested() => {}
            () = self.lane.bell.notified() => {}
            () = wake => {}
        }
    }
}

/// What is in flight at a stop gets this long, as long as the servers give to what comes in.
const DRAIN_MAX: Duration = Duration::from_secs(30);

/// A destination's association stays open this long after a batch: the next batch of a study follows at once, while the
/// places of a PACS are few and others want them too.
const LINGER: Duration = Duration::from_secs(2);

/// A worker with nothing to do looks at the queue this often, whatever bells it may have missed.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
