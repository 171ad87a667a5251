//! Steps of which nothing is heard any more.

use std::time::Duration;

use telerad_core::Timestamp;

use crate::instant;
use crate::{OrderRecord, ScheduledStep};

impl ScheduledStep {
    /// Whether the step should have been over for so long, and its order has not been written since.
    ///
    /// A held step waits for its release. A start that names no zone may be of any place on earth, and one that names no
    /// time of day may be its last minute: it is taken to lie as late as it can.
    pub fn is_idle(&self, order: &OrderRecord, now: Timestamp, after: Duration) -> bool {
        if self.status.is_ended() || self.is_held {
            return false;
        }
        let start = self.start.and_then(instant::latest);
        let heard = start.map_or(order.updated_at, |start| start.max(order.updated_at));
        heard <= now && now.since(heard) >= after
    }
}

#[cfg(test)]
mod tests {
    use telerad_core::{PartialDateTime, Timestamp};

    use crate::status::tests::order;
    use crate::{ScheduledStep, StepStatus};

    const HOUR: i64 = 3_600_000_000;

    /// Whether a step with this start is idle at so many hours after 1970 when nothing may be heard for ten.
    #[track_caller]
    fn check(start: &str, written: i64, hours: i64, expected: bool) {
        let start = PartialDateTime::parse(start).ok();
        let step = ScheduledStep { start, ..ScheduledStep::default() };
        let order = order(Timestamp::from_micros(written * HOUR));
        let now = Timestamp::from_micros(hours * HOUR);
        assert_eq!(step.is_idle(&order, now, std::time::Duration::from_secs(36_000)), expected);
    }

    #[test]
    fn a_step_is_idle_so_long_after_its_start_and_the_last_word() {
        check("197001010800+0000", 0, 17, false);
        check("197001010800+0000", 0, 18, true);
        check("197001010800+0000", 9, 18, false);
        check("197001010800+0000", 9, 19, true);
        // Anywhere on earth, and at the end of the day.
        check("197001010800", 0, 29, false);
        check("197001010800", 0, 30, true);
        check("19700101", 0, 45, false);
        check("19700101", 0, 46, true);
        check("", 0, 10, true);
        check("20260101", 0, 10, false);
    }

    #[test]
    fn what_has_ended_or_is_held_is_not_idle() {
        let order = order(Timestamp::from_micros(0));
        let now = Timestamp::from_micros(100 * HOUR);
        let idle = |step: &ScheduledStep| step.is_idle(&order, now, std::time::Duration::ZERO);
        let ended = StepStatus::ALL
            .into_iter()
            .map(|status| !idle(&ScheduledStep { status, ..ScheduledStep::default() }));
        assert!(ended.eq([false, false, false, false, false, true, true, true]));
        assert!(!idle(&ScheduledStep { is_held: true, ..ScheduledStep::default() }));
    }
}
