//! When to try again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Whose fault it was, which decides who is retried and what is counted.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum FaultScope {
    /// This very instance: the peer refuses it while it takes others.
    Instance,
    /// The association broke: abort, reset, timeout, or one too many.
    Association,
    /// The peer had no room for this instance now (A7xx, PS3.4 table B.2-1). The instance waits; several in a row show
    /// that the destination as a whole is full.
    Busy,
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
    /// No pause is longer than this.
    pub fn longest_pause(&self) -> Duration {
        self.longest.max(self.first)
    }

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

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
