//! Pauses between connections that come to nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::after;
use crate::rng::Rng;

/// Pauses between connections that come to nothing: each is twice as long as the one before, less a random part of up to a
/// half, so that many senders do not return to a peer at the same moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reconnect {
    /// After the first failure.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

impl Reconnect {
    fn pause(&self, failures: u32, random: u64) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let whole = self.first.saturating_mul(doubled).min(self.longest);
        // From 0 to 1023 of 1024 parts of the half are left out.
        let left_out = u32::try_from(random % 1024).unwrap_or_default();
        whole - whole / 2048 * left_out
    }
}

/// When the next connection may be tried.
pub(super) struct Backoff {
    /// Without it there are no pauses.
    reconnect: Option<Reconnect>,
    rng: Arc<dyn Rng>,
    /// Connections in a row that came to nothing.
    failures: u32,
    not_before: Option<Instant>,
}

impl Backoff {
    pub(super) fn new(reconnect: Option<Reconnect>, rng: Arc<dyn Rng>) -> Self {
        Self { reconnect, rng, failures: 0, not_before: None }
    }

    /// A connection is tried. It counts as failed until an answer has come, so that one which is given up counts too.
    pub(super) fn note_try(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        let random = self.rng.next_u64();
        let pause = self.reconnect.map(|reconnect| reconnect.pause(self.failures, random));
        self.not_before = pause.map(|pause| after(now, pause));
    }

    /// The peer has answered.
    pub(super) fn note_answer(&mut self) {
        (self.failures, self.not_before) = (0, None);
    }

    /// A connection ended while answers were awaited.
    pub(super) fn note_loss(&mut self, now: Instant) {
        // One that never worked has been counted.
        if self.failures == 0 {
            self.note_try(now);
        }
    }

    pub(super) fn not_before(&self) -> Option<Instant> {
        self.not_before
    }
}

#[cfg(test)]
mod tests {
    use super::Reconnect;
    use std::time::Duration;

    #[track_caller]
    fn check(failures: u32, random: u64, expected_ms: u128) {
        let reconnect = Reconnect { first: Duration::from_secs(1), longest: Duration::MAX };
        assert_eq!(reconnect.pause(failures, random).as_millis(), expected_ms);
    }

    #[test]
    fn pauses_double() {
        check(1, 0, 1000);
        check(2, 0, 2000);
        check(5, 0, 16_000);
    }

    #[test]
    fn chance_takes_up_to_a_half_off() {
        check(2, 512, 1500);
        check(2, 1023, 1000);
        check(2, 1024, 2000);
    }

    #[test]
    fn no_number_of_failures_is_too_large() {
        let longest = Duration::from_secs(60);
        let reconnect = Reconnect { first: Duration::from_secs(1), longest };
        assert_eq!(reconnect.pause(u32::MAX, 0), longest);
    }
}
