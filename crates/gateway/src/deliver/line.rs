//! When a delivery may leave: windows, and the bytes that a line bears.

use std::sync::{Mutex, MutexGuard, PoisonError};

use telerad_core::{Priority, Timestamp};
use telerad_routing::{DeliveryRecord, RateLimit, Schedule, TokenBucket};

use crate::bell::LANES;

/// A line that several destinations may share.
pub(super) struct Line(Mutex<TokenBucket>);

impl Line {
    pub(super) fn new(rate: RateLimit, now: Timestamp) -> Self {
        Self(Mutex::new(TokenBucket::new(rate, now)))
    }

    /// Takes the bytes of a delivery. STAT does not wait; what follows waits the longer.
    ///
    /// # Errors
    /// When it may ask again.
    pub(super) fn take(&self, delivery: &DeliveryRecord, now: Timestamp) -> Result<(), Timestamp> {
        if delivery.priority == Priority::Stat {
            self.bucket().charge(now, delivery.bytes);
            return Ok(());
        }
        self.bucket().take(now, delivery.bytes)
    }

    /// Gives back the bytes of a delivery that did not leave.
    pub(super) fn give_back(&self, delivery: &DeliveryRecord) {
        self.bucket().give_back(delivery.bytes);
    }

    fn bucket(&self) -> MutexGuard<'_, TokenBucket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a lane may leave now; always without a schedule.
pub(super) fn is_open(schedule: Option<&Schedule>, lane: Priority, now: Timestamp) -> bool {
    schedule.is_none_or(|schedule| schedule.is_open(lane, now))
}

/// When the next lane opens that is shut now.
pub(super) fn opens_at(schedule: Option<&Schedule>, now: Timestamp) -> Option<Timestamp> {
    let schedule = schedule?;
    LANES.into_iter().filter_map(|lane| schedule.opens_at(lane, now)).min()
}
