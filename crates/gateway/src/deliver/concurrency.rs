//! How many workers of a destination work at once, and what each takes.

use telerad_core::{Priority, Timestamp};
use telerad_routing::{Concurrency, InFlight, Rejection};

/// What a worker takes from the queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Takes {
    /// Everything, most urgent first.
    All,
    /// Only STAT: it is kept free for that.
    Stat,
}

impl Takes {
    /// The first of at least two workers is kept free for STAT.
    pub(super) fn of(number: usize, associations_max: usize) -> Self {
        if number == 0 && associations_max >= 2 { Self::Stat } else { Self::All }
    }

    pub(super) fn lane(self, lane: Priority) -> bool {
        self == Self::All || lane == Priority::Stat
    }
}

/// The workers of one destination that are at work.
#[derive(Debug)]
pub(super) struct Places {
    allowed: Concurrency,
    in_flight: InFlight,
}

impl Places {
    pub(super) fn new(associations_max: usize, now: Timestamp) -> Self {
        let allowed = Concurrency::new(associations_max, now);
        Self { allowed, in_flight: InFlight::default() }
    }

    /// Whether one more worker may begin; it has begun then.
    pub(super) fn begin(&mut self, takes: Takes, now: Timestamp) -> bool {
        self.in_flight.associations_max = self.allowed.allowed(now);
        let lane = match takes {
            Takes::All => Priority::Routine,
            Takes::Stat => Priority::Stat,
        };
        let admits = self.in_flight.admits(lane);
        *self.of(takes) += usize::from(admits);
        admits
    }

    /// A worker that began has ended.
    pub(super) fn end(&mut self, takes: Takes) {
        let count = self.of(takes);
        *count = count.saturating_sub(1);
    }

    /// The peer rejected an association. Whether that is because others of ours are open, of which `idle` are not in use:
    /// fewer are asked for then, and the destination is not down.
    pub(super) fn is_limit(&mut self, rejection: Rejection, idle: usize, now: Timestamp) -> bool {
        let others = (self.in_flight.stat + self.in_flight.other).saturating_sub(1);
        !self.allowed.on_rejected(rejection, others.max(idle), now)
    }

    fn of(&mut self, takes: Takes) -> &mut usize {
        match takes {
            Takes::All => &mut self.in_flight.other,
            Takes::Stat => &mut self.in_flight.stat,
        }
    }
}

#[cfg(test)]
mod tests {
    use telerad_core::Timestamp;
    use telerad_routing::Rejection;

    use super::{Places, Takes};

    const NOW: Timestamp = Timestamp::from_micros(0);
    const LIMIT: Rejection = Rejection { result: 2, source: 3, reason: 2 };

    /// How many workers of each kind begin.
    fn begin(places: &mut Places) -> (usize, usize) {
        let count =
            |places: &mut Places, takes| (0..9).filter(|_| places.begin(takes, NOW)).count();
        let all = count(places, Takes::All);
        (all, count(places, Takes::Stat))
    }

    #[test]
    fn one_place_is_kept_for_stat() {
        assert_eq!(begin(&mut Places::new(4, NOW)), (3, 1));
        assert_eq!(begin(&mut Places::new(2, NOW)), (1, 1));
        assert_eq!(begin(&mut Places::new(1, NOW)), (1, 0));
    }

    #[test]
    fn a_peer_that_bears_fewer_is_asked_for_fewer() {
        let mut places = Places::new(4, NOW);
        assert_eq!(begin(&mut places), (3, 1));
        assert!(places.is_limit(LIMIT, 0, NOW));
        for takes in [Takes::All, Takes::All, Takes::All, Takes::Stat] {
            places.end(takes);
        }
        assert_eq!(begin(&mut places), (2, 1));
    }

    #[test]
    fn a_peer_that_rejects_the_only_association_is_down() {
        let mut places = Places::new(4, NOW);
        assert!(places.begin(Takes::All, NOW));
        assert!(!places.is_limit(LIMIT, 0, NOW));
        assert!(places.is_limit(LIMIT, 1, NOW), "one of ours was idle");
    }
}
