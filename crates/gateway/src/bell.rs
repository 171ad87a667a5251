//! What wakes the workers of a destination, and tells a busy one that something else has to come first.

use std::sync::atomic::{AtomicU64, Ordering};

use telerad_core::Priority;
use tokio::sync::Notify;

/// One for each destination. Whoever commits a delivery, or changes one, rings it afterwards.
///
/// A ring that nobody hears is not lost: the next worker that rests wakes at once, and each looks at the queue from
/// time to time.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    /// Rings so far, by lane.
    rings: [AtomicU64; LANES.len()],
    /// Changes so far to what was queued already.
    changes: AtomicU64,
    /// Wakes a worker that takes everything.
    any: Notify,
    /// Wakes the worker that is kept for the most urgent lane.
    stat: Notify,
}

/// How far a bell had been rung.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Mark {
    rings: [u64; LANES.len()],
    changes: u64,
}

impl Bell {
    /// Something of this lane may be sent.
    pub(crate) fn ring(&self, lane: Priority) {
        for (count, _) in self.rings.iter().zip(LANES).filter(|(_, it)| *it == lane) {
            count.fetch_add(1, Ordering::Release);
        }
        if lane == Priority::Stat {
            self.stat.notify_one();
        }
        self.any.notify_one();
    }

    /// What was queued has been held, taken back, moved or made more urgent: workers give back what they had taken from
    /// the queue and look again.
    pub(crate) fn change(&self) {
        self.changes.fetch_add(1, Ordering::Release);
        self.wake();
    }

    /// Something may be sent that could not be sent before.
    pub(crate) fn wake(&self) {
        self.stat.notify_one();
        self.any.notify_one();
    }

    /// Waits for the next ring that concerns a worker for everything, or for the most urgent lane alone.
    pub(crate) async fn rung(&self, only_stat: bool) {
        if only_stat {
            self.stat.notified().await;
        } else {
            self.any.notified().await;
        }
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            rings: self.rings.each_ref().map(|count| count.load(Ordering::Acquire)),
            changes: self.changes.load(Ordering::Acquire),
        }
    }

    /// Whether, since then, something more urgent than this lane has come, or the queue was changed.
    pub(crate) fn overtakes(&self, since: &Mark, lane: Priority) -> bool {
        let now = self.mark();
        let more_urgent = LANES.iter().take_while(|it| **it < lane).count();
        now.changes != since.changes || now.rings[..more_urgent] != since.rings[..more_urgent]
    }
}

/// Every lane, most urgent first.
pub(crate) const LANES: [Priority; 5] =
    [Priority::Stat, Priority::High, Priority::Routine, Priority::Medium, Priority::Low];

#[cfg(test)]
mod tests {
    use telerad_core::Priority;

    use super::{Bell, LANES};

    #[test]
    fn lanes_are_all_there_and_in_order() {
        assert!(LANES.is_sorted());
        let all = |lane: Priority| match lane {
            Priority::Stat | Priority::High | Priority::Routine | Priority::Medium => true,
            Priority::Low => LANES.contains(&lane),
        };
        assert!(LANES.into_iter().all(all));
    }

    #[test]
    fn only_what_is_more_urgent_overtakes() {
        let bell = Bell::default();
        let mark = bell.mark();
        bell.ring(Priority::Routine);
        assert!(!bell.overtakes(&mark, Priority::Routine));
        assert!(!bell.overtakes(&mark, Priority::Stat));
        assert!(bell.overtakes(&mark, Priority::Low));
        bell.ring(Priority::Stat);
        assert!(bell.overtakes(&mark, Priority::Routine));
        assert!(!bell.overtakes(&mark, Priority::Stat));
        assert!(!bell.overtakes(&bell.mark(), Priority::Low));
    }

    #[test]
    fn a_change_overtakes_everything() {
        let bell = Bell::default();
        let mark = bell.mark();
        bell.change();
        assert!(bell.overtakes(&mark, Priority::Stat));
    }
}
