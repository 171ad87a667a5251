//! Leaving a failing destination alone.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use telerad_core::{Timestamp, Uid};

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

/// Keeps a failing destination from being tried all the time; one per destination.
///
/// An outage opens it, whatever was being sent; nothing is dead-lettered meanwhile. When its pause is over one worker
/// asks for a verification (C-ECHO, PS3.4 annex A); when that is answered one worker sends one instance; when that
/// succeeds, all go on. So a destination that comes back is not met by a crowd, and one that answers the verification
/// but stores nothing is found out by one instance.
///
/// Some answer "out of resources" to what they dislike in one instance, however often it comes. Such an instance is known
/// by what was taken between two of its refusals, and asking for it again shuts nothing.
#[derive(Clone, Debug)]
pub struct Breaker {
    policy: RetryPolicy,
    state: BreakerState,
    /// Whose answers were A7xx, without another answer between; no more than show that the destination is full.
    busy: Vec<Uid>,
    /// Faults of this kind that name no instance, without a success between.
    busy_unnamed: usize,
    /// Instances that were answered A7xx before the destination answered otherwise to another one.
    disliked: BTreeSet<Uid>,
    opened_at: Timestamp,
}

/// How a breaker stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BreakerState {
    /// The destination works, as far as is known.
    Closed,
    /// Its pause is over, and it is being found out whether it works.
    HalfOpen {
        /// How far that has come.
        probe: Probe,
        /// How many faults in a row.
        consecutive: u32,
    },
    /// It failed and may be tried again at a time.
    Open {
        /// When it may be tried next.
        until: Timestamp,
        /// How many faults in a row.
        consecutive: u32,
    },
}

/// How far it has been found out whether a destination works again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Probe {
    /// The verification was answered: one instance may be sent.
    Answered,
    /// A verification is under way.
    Asked {
        /// Since when.
        at: Timestamp,
    },
    /// One instance is under way.
    Sending {
        /// Since when.
        at: Timestamp,
    },
}

/// What a worker may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Permit {
    /// Send what is due.
    All,
    /// Open an association and ask for a verification; tell by [`Breaker::on_echo`] or [`Breaker::on_fault`]. A peer
    /// that takes the association and only does not offer Verification has answered.
    Echo,
    /// Send one instance and tell by [`Breaker::observe`], or [`Breaker::give_back`] the permit.
    One,
    /// Nothing before this.
    Wait(Timestamp),
}

impl Breaker {
    /// A closed breaker.
    pub fn new(policy: RetryPolicy) -> Self {
        let (state, opened_at) = (BreakerState::Closed, Timestamp::from_micros(0));
        Self {
            policy,
            state,
            busy: Vec::new(),
            busy_unnamed: 0,
            disliked: BTreeSet::new(),
            opened_at,
        }
    }

    /// The breaker as it was left: an outage goes on until a probe shows that it is over.
    pub fn restore(policy: RetryPolicy, record: &BreakerRecord) -> Self {
        let mut breaker = Self::new(policy);
        if !record.is_closed() {
            let (until, consecutive) = (record.until, record.consecutive);
            breaker.state = BreakerState::Open { until, consecutive };
            breaker.opened_at = record.opened_at;
        }
        breaker
    }

    /// Takes note of a fault of which it is not known whose it was. Faults of an instance and of our own disk say nothing
    /// about the destination, and the first that show it busy say it of what was sent.
    pub fn on_fault(&mut self, scope: FaultScope, now: Timestamp, random: u64) {
        match scope {
            FaultScope::Instance | FaultScope::Local => return,
            FaultScope::Busy => {
                self.busy_unnamed = self.busy_unnamed.saturating_add(1);
                if self.state == BreakerState::Closed && self.busy_unnamed < BUSY_IN_A_ROW {
                    return;
                }
            }
            FaultScope::Association | FaultScope::Destination => {}
        }
        self.shut(now, random);
    }

    /// Faults of what was under way when it opened add nothing.
    fn shut(&mut self, now: Timestamp, random: u64) {
        let before = match self.state {
            BreakerState::Closed => {
                self.opened_at = now;
                0
            }
            BreakerState::Open { .. } if !self.may_try(now) => return,
            BreakerState::HalfOpen { consecutive, .. } | BreakerState::Open { consecutive, .. } => {
                consecutive
            }
        };
        let until = now.after(self.policy.pause(before, random));
        self.state = BreakerState::Open { until, consecutive: before.saturating_add(1) };
    }

    /// Takes note that an instance was delivered, or answered for.
    pub fn on_success(&mut self) {
        self.state = BreakerState::Closed;
        self.busy.clear();
        self.busy_unnamed = 0;
    }

    /// Takes note that an instance was answered A7xx. The first of these answers say it of the instance.
    fn on_busy(&mut self, instance: &Uid, now: Timestamp, random: u64) {
        let is_known = self.disliked.contains(instance) && self.busy.contains(instance);
        if !is_known && self.busy.len() < BUSY_IN_A_ROW {
            self.busy.push(instance.clone());
        }
        let is_full = self.busy.len() >= BUSY_IN_A_ROW;
        match self.state {
            BreakerState::Closed if !is_full => {}
            // It was reached and has answered what it always answers to this one.
            BreakerState::HalfOpen { .. } if is_known && !is_full => {
                self.state = BreakerState::Closed;
            }
            _ => self.shut(now, random),
        }
    }

    /// Takes note that an instance was answered otherwise: what was out of resources for others was so for them.
    fn on_answer(&mut self, instance: &Uid) {
        if self.disliked.len() >= DISLIKED_MAX {
            self.disliked.clear();
        }
        self.disliked.extend(self.busy.drain(..));
        self.disliked.remove(instance);
        self.on_success();
    }

    /// Takes note that a verification was answered.
    pub fn on_echo(&mut self) {
        if let BreakerState::HalfOpen { consecutive, .. } | BreakerState::Open { consecutive, .. } =
            self.state
        {
            self.state = BreakerState::HalfOpen { probe: Probe::Answered, consecutive };
        }
    }

    /// Takes note of how a delivery went: any answer but "out of resources" shows that the destination works, and so does
    /// what it says of SOP classes and transfer syntaxes.
    pub fn observe(
        &mut self,
        instance: &Uid,
        outcome: &DeliveryOutcome,
        now: Timestamp,
        random: u64,
    ) {
        match outcome.scope() {
            _ if outcome.is_answer() => self.on_answer(instance),
            Some(FaultScope::Busy) => self.on_busy(instance, now, random),
            Some(scope) => self.on_fault(scope, now, random),
            None => {}
        }
    }

    /// What a worker may do now. A probe that is never told of is given again after the longest pause.
    pub fn permit(&mut self, now: Timestamp) -> Permit {
        let consecutive = match self.state {
            BreakerState::Closed => return Permit::All,
            BreakerState::HalfOpen { consecutive, .. } | BreakerState::Open { consecutive, .. } => {
                consecutive
            }
        };
        if let Some(until) = self.retry_at().filter(|_| !self.may_try(now)) {
            return Permit::Wait(until);
        }
        let (probe, permit) = match self.state {
            BreakerState::HalfOpen { probe: Probe::Answered | Probe::Sending { .. }, .. } => {
                (Probe::Sending { at: now }, Permit::One)
            }
            _ => (Probe::Asked { at: now }, Permit::Echo),
        };
        self.state = BreakerState::HalfOpen { probe, consecutive };
        permit
    }

    /// Takes back a permit that was not used, because nothing was due or the gateway stops.
    pub fn give_back(&mut self, now: Timestamp) {
        self.state = match self.state {
            BreakerState::HalfOpen { probe: Probe::Sending { .. }, consecutive } => {
                BreakerState::HalfOpen { probe: Probe::Answered, consecutive }
            }
            BreakerState::HalfOpen { probe: Probe::Asked { .. }, consecutive } => {
                BreakerState::Open { until: now, consecutive }
            }
            other => other,
        };
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
            BreakerState::Closed | BreakerState::HalfOpen { probe: Probe::Answered, .. } => None,
            BreakerState::HalfOpen {
                probe: Probe::Asked { at } | Probe::Sending { at }, ..
            } => Some(at.after(self.policy.longest_pause())),
            BreakerState::Open { until, .. } => Some(until),
        }
    }

    /// How it stands.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// When the outage began; `None` when the destination works, or has answered a verification and may be given work.
    pub fn down_since(&self) -> Option<Timestamp> {
        match self.state {
            BreakerState::Closed | BreakerState::HalfOpen { probe: Probe::Answered, .. } => None,
            BreakerState::HalfOpen { .. } | BreakerState::Open { .. } => Some(self.opened_at),
        }
    }

    /// What to keep of it; `cause` is the last fault in words, without patient data.
    pub fn record(&self, destination: &DestinationId, cause: &str) -> BreakerRecord {
        let (consecutive, until) = match self.state {
            BreakerState::Closed => (0, self.opened_at),
            // What a probe that was under way would have shown is not known: it is made again at once.
            BreakerState::HalfOpen { consecutive, .. } => (consecutive, self.opened_at),
            BreakerState::Open { until, consecutive } => (consecutive, until),
        };
        BreakerRecord {
            destination: destination.clone(),
            consecutive,
            until,
            opened_at: self.opened_at,
            cause: cause.to_owned(),
        }
    }
}

/// Answers of A7xx in a row that show that a destination as a whole is full, and not that it dislikes one instance.
const BUSY_IN_A_ROW: usize = 3;

/// One that is forgotten may shut the destination once more, until it has taken something.
const DISLIKED_MAX: usize = 1024;
