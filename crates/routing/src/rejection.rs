//! Associations that a peer rejects, and how many it allows.

use std::time::Duration;

use telerad_core::Timestamp;

use crate::FaultScope;

/// An A-ASSOCIATE-RJ (PS3.8 table 9-21).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rejection {
    /// 1 permanent, 2 transient.
    pub result: u8,
    /// 1 service user, 2 service provider (ACSE), 3 service provider (presentation).
    pub source: u8,
    /// By source; for presentation 1 is temporary congestion, 2 local limit exceeded.
    pub reason: u8,
}

impl Rejection {
    /// Whose fault it is. A transient one passes: the next association may be taken. A permanent one is a matter of
    /// configuration, such as a title that the peer does not know, and concerns all that is for it.
    pub fn scope(self) -> FaultScope {
        if self.result == 2 { FaultScope::Association } else { FaultScope::Destination }
    }

    /// Whether it says that there are too many associations: temporary congestion or local limit exceeded.
    pub fn is_limit(self) -> bool {
        matches!((self.result, self.source, self.reason), (2, 3, 1 | 2))
    }
}

/// How many associations a peer allows: one less when it rejects one more, and after a while one more again.
///
/// The way up is slow and the way down is quick, since a PACS shares its places among all its modalities.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Concurrency {
    allowed: usize,
    changed_at: Timestamp,
    most: usize,
}

impl Concurrency {
    /// As many as are configured, at least one.
    pub fn new(most: usize, now: Timestamp) -> Self {
        Self { allowed: most.max(1), changed_at: now, most: most.max(1) }
    }

    /// Takes note of a rejection while so many other associations were open. Says whether the destination has to be left
    /// alone: without any other open, the limit is not ours.
    #[must_use]
    pub fn on_rejected(&mut self, rejection: Rejection, open: usize, now: Timestamp) -> bool {
        if !rejection.is_limit() || open == 0 {
            return true;
        }
        self.allowed = open.min(self.allowed);
        self.changed_at = now;
        false
    }

    /// How many associations may be open now.
    pub fn allowed(&mut self, now: Timestamp) -> usize {
        if self.allowed < self.most && now.since(self.changed_at) >= GROWS_AFTER {
            self.allowed += 1;
            self.changed_at = now;
        }
        self.allowed
    }
}

/// A limit that was met stands for this long before one more association is tried.
const GROWS_AFTER: Duration = Duration::from_secs(300);
