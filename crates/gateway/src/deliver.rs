//! Studies out: for each destination a few workers that take what is due, send it as it was received, and record
//! the peer's own answer.
//!
//! The data directory is locked by the one process that uses it, so a claim on a delivery lives in memory: a crash
//! gives every claim back, and repeats at most the operation in flight.
//!
//! Where a destination has more than one worker, the first is kept free for STAT. The others take the most urgent
//! first, and look up between two instances: what is more urgent goes next, not after the batch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use telerad_core::Timestamp;
use telerad_net::dicom::{Pool, PoolConfig};
use telerad_net::{Connector, Shutdown};
use telerad_routing::LinkId;
use tokio::sync::oneshot;

use self::concurrency::Takes;
pub(crate) use self::ledger::{CONFLICT, FAILED, PARKED};
use self::line::Line;
use self::queue::{Claim, Queue};
use crate::configuration::Destination;
use crate::state::State;

mod compare;
mod concurrency;
mod doubt;
mod failover;
mod ledger;
mod line;
mod outage;
mod probe;
mod queue;
mod send;
#[cfg(test)]
mod tests;

/// Starts the workers of every destination.
pub(crate) fn start<C: Connector>(
    state: &Arc<State>,
    connector: &Arc<C>,
    shutdown: &Shutdown,
) -> Vec<oneshot::Receiver<()>> {
    let mut ends = Vec::new();
    let now = state.now();
    let links = state.configuration.links.iter();
    let lines: BTreeMap<&LinkId, Arc<Line>> = links
        .map(|link| (link.id.get_ref(), Arc::new(Line::new(link.rate.clone(), now))))
        .collect();
    for destination in &state.configuration.destinations {
        let link = destination.link.as_ref();
        let line = link.and_then(|link| lines.get(link.get_ref())).cloned();
        let queue = Arc::new(Queue::new(state, destination, line));
        let pool = pool(state, connector, destination);
        for number in 0..destination.associations_max {
            let worker = Worker {
                state: Arc::clone(state),
                queue: Arc::clone(&queue),
                pool: pool.clone(),
                shutdown: shutdown.clone(),
                takes: Takes::of(number, destination.associations_max),
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
    if !state.groups.is_empty() {
        let (ended, end) = oneshot::channel();
        let (state, shutdown) = (Arc::clone(state), shutdown.clone());
        let spawn = Arc::clone(&state.environment.spawn);
        let task = async move {
            failover::run(&state, &shutdown).await;
            let _ = ended.send(());
        };
        spawn.spawn("fail over", Box::pin(task));
        ends.push(end);
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

struct Worker<C> {
    state: Arc<State>,
    queue: Arc<Queue>,
    pool: Pool<Arc<C>>,
    shutdown: Shutdown,
    takes: Takes,
}

/// What a worker does when a batch has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Then {
    /// Looks at the queue again.
    Continue,
    /// Rests until something may be due.
    Rest,
    /// Rests until then, or until a bell rings: what comes may be more urgent.
    RestUntil(Timestamp),
    /// Rests so long, whatever bells ring: what cannot be recorded would be sent again and again, and a peer that bears no
    /// more associations would be asked over and over.
    Pause(Duration),
}

impl<C: Connector> Worker<C> {
    async fn run(&self) {
        while !self.shutdown.is_requested() {
            match self.queue.claim(&self.state, self.takes).await {
                Ok(Claim::Nothing) => self.rest(None).await,
                Ok(Claim::Batch(batch)) => {
                    let claimed = batch.keys();
                    let then = self.unless_cut_off(self.deliver(batch)).await;
                    // Another worker would send at once what could not be recorded, and the next one again.
                    let (kept, free) = match then {
                        Some(Then::Pause(_)) => self.queue.part_unrecorded(claimed),
                        _ => (Vec::new(), claimed),
                    };
                    self.queue.give_back(&free);
                    self.queue.end(self.takes);
                    self.follow(then).await;
                    self.queue.give_back(&kept);
                }
                Ok(Claim::Probe(permit)) => {
                    let then = self.unless_cut_off(self.probe(permit)).await;
                    self.queue.probed(self.takes, self.state.now());
                    self.follow(then).await;
                }
                Err(error) => {
                    tracing::error!(destination = %self.queue.id, "cannot read the queue: {error}");
                    self.rest(Some(Duration::from_secs(1))).await;
                }
            }
        }
    }

    /// Gives up what is still on its way some time after a stop was asked for; `None` then. What is cut off is sent
    /// again by the next run.
    async fn unless_cut_off(&self, work: impl Future<Output = Then>) -> Option<Then> {
        let cut_off = async {
            self.shutdown.requested().await;
            let clock = &self.state.environment.clock;
            clock.sleep_until(clock.now() + DRAIN_MAX).await;
        };
        tokio::select! {
            biased;
            then = work => Some(then),
            () = cut_off => {
                tracing::warn!(destination = %self.queue.id, "association cut off: no answer before the end");
                None
            }
        }
    }

    async fn follow(&self, then: Option<Then>) {
        match then {
            None | Some(Then::Continue) => {}
            Some(Then::Rest) => self.rest(None).await,
            Some(Then::RestUntil(at)) => self.rest(Some(at.since(self.state.now()))).await,
            Some(Then::Pause(pause)) => self.pause(pause).await,
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

    /// Waits until something may be due: a bell, the next pause that ends, or the breaker's.
    async fn rest(&self, at_most: Option<Duration>) {
        let now = self.state.now();
        let next_due = self.state.environment.store.next_due(&self.queue.id).await.ok().flatten();
        let wake_at = match (self.queue.closed_until(now), next_due) {
            (Some(open), _) => Some(open),
            // Due already, yet not claimable: another worker has it, and looks again when it is done; or its lane is shut.
            (None, Some(due)) if due <= now => self.queue.opens_at(now),
            (None, due) => due,
        };
        let pause = wake_at.map_or(LOOK_AGAIN, |at: Timestamp| at.since(now));
        let pause = pause.min(at_most.unwrap_or(LOOK_AGAIN));
        let clock = &self.state.environment.clock;
        let wake = clock.sleep_until(clock.now() + pause);
        tokio::select! {
            biased;
            () = self.shutdown.requested() => {}
            () = self.queue.bell.rung(self.takes == Takes::Stat) => {}
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
