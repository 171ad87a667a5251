//! When to try again.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use telerad_core::Timestamp;

use crate::DeliveryOutcome;

/// Whose fault it was, which decides who is retried and what is counted.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum FaultScope {
    /// This very instance: the peer refuses it while it takes others.
    Instance,
    /// The association broke: abort, reset, timeout.
    Association,
    /// The destination as a whole: not reachable, refuses us, out of resources.
    Destination,
    /// Our own disk or memory.
    Local,
}

/// How long to wait between tries, and how many refusals of one instance are final.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RetryPolicy {
    /// The first pause; also the shortest.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// Refusals of an instance itself after which it becomes a dead letter. Outages are not counted.
    pub instance_attempts_max: u32,
}

impl Default for RetryPolicy {
    /// 1 s to 30 s, three refusals.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(30),
            instance_attempts_max: 3,
        }
    }
}

impl RetryPolicy {
    /// The pause after so many consecutive faults: between `first` and `first` × 3^`consecutive`, at most `longest`.
    ///
    /// `random` is any 64-bit number; it spreads the pause evenly over that range, so that many senders that lost
    /// one peer do not come back in step (decorrelated jitter, computed without the previous pause).
    pub fn pause(&self, consecutive: u32, random: u64) -> Duration {
        let shortest = micros(self.first);
        let longest = micros(self.longest).max(shortest);
        let widest = 3_u64.saturating_pow(consecutive).saturating_mul(shortest).min(longest);
        let spread = widest - shortest;
        let offset = random.checked_rem(spread.saturating_add(1)).unwrap_or(0);
        Duration::from_micros(shortest + offset)
    }
}

/// Keeps a failing destination from being tried all the time; one per destination, lost at restart on purpose.
///
/// An outage opens it, whatever was being sent; nothing is dead-lettered meanwhile.
#[derive(Clone, Debug)]
pub struct Breaker {
    policy: RetryPolicy,
    state: BreakerState,
}

/// How a breaker stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BreakerState {
    /// The destination works, as far as is known.
    Closed,
    /// It failed and may be tried again at a time.
    Open {
        /// When it may be tried next.
        until: Timestamp,
        /// How many faults in a row.
        consecutive: u32,
    },
}

impl Breaker {
    /// A closed breaker.
    pub fn new(policy: RetryPolicy) -> Self {
        Self { policy, state: BreakerState::Closed }
    }

    /// Takes note of a fault. Faults of an instance and of our own disk say nothing about the destination.
    pub fn on_fault(&mut self, scope: FaultScope, now: Timestamp, random: u64) {
        match scope {
            FaultScope::Instance | FaultScope::Local => return,
            FaultScope::Association | FaultScope::Destination => {}
        }
        let before = match self.state {
            BreakerState::Closed => 0,
            BreakerState::Open { consecutive, .. } => consecutive,
        };
        let until = now.after(self.policy.pause(before, random));
        self.state = BreakerState::Open { until, consecutive: before.saturating_add(1) };
    }

    /// Takes note that the destination answered.
    pub fn on_success(&mut self) {
        self.state = BreakerState::Closed;
    }

    /// Takes note of how a delivery went: any answer but "out of resources" shows that the destination works.
    pub fn observe(&mut self, outcome: &DeliveryOutcome, now: Timestamp, random: u64) {
        match outcome.scope() {
            None => self.on_success(),
            Some(FaultScope::Instance) if matches!(outcome, DeliveryOutcome::Answered(_)) => {
                self.on_success();
            }
            Some(scope) => self.on_fault(scope, now, random),
        }
    }

    /// Whether the destination may be tried now.
    pub fn may_try(&self, now: Timestamp) -> bool {
        self.retry_at().is_none_or(|until| until <= now)
    }

    /// When it may be tried next; `None` = at any time.
    pub fn retry_at(&self) -> Option<Timestamp> {
        match self.state {
            BreakerState::Closed => None,
            BreakerState::Open { until, .. } => Some(until),
        }
    }

    /// How it stands.
    pub fn state(&self) -> BreakerState {
        self.state
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
