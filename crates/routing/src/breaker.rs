//! Leaving a failing destination alone.

use serde::{Deserialize, Serialize};
use telerad_core::Timestamp;

use crate::DestinationId;
use crate::retry::{FaultScope, RetryPolicy};
use crate::settle::DeliveryOutcome;

/// What is kept of a breaker, so that a restart neither forgets an outage nor how long it has lasted.
///
/// Written when it opens, when a probe fails, and when it closes; one row for each destination.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct BreakerRecord {
    /// The destination.
    pub destination: DestinationId,
    /// Faults in a row; 0 = closed, and the other fields tell of the last outage.
    pub consecutive: u32,
    /// When it may be probed next.
    pub until: Timestamp,
    /// When the outage began.
    pub opened_at: Timestamp,
    /// The last fault in words, without patient data.
    pub cause: String,
}

impl BreakerRecord {
    /// Whether the destination works, as far as is known.
    pub fn is_closed(&self) -> bool {
        self.consecutive == 0
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

    /// Takes note of how a delivery went: any answer but "out of resources" shows that the destination works, and so does
    /// what it says of SOP classes and transfer syntaxes.
    pub fn observe(&mut self, outcome: &DeliveryOutcome, now: Timestamp, random: u64) {
        match outcome.scope() {
            None => self.on_success(),
            Some(FaultScope::Instance) if !matches!(outcome, DeliveryOutcome::Refused { .. }) => {
                self.on_success();
            }
            Some(scope) => self.on_fault(scope, now, random),
        }
    }

    /// Whether the destination may be tried now. A pause that seems longer than any was made before the clock was set
    /// back.
    pub fn may_try(&self, now: Timestamp) -> bool {
        self.retry_at()
            .is_none_or(|until| until <= now || until.since(now) > self.policy.longest_pause())
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
