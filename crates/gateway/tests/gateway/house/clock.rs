use std::time::{Duration, Instant};

use telerad_core::Timestamp;
use telerad_net::{BoxFuture, Clock};

/// One time for everything: civil time runs with the runtime's own clock, which is paused and jumps over every wait.
#[derive(Clone, Copy)]
pub struct HouseClock {
    opened: tokio::time::Instant,
}

impl HouseClock {
    pub fn new() -> Self {
        Self { opened: tokio::time::Instant::now() }
    }
}

impl Clock for HouseClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn timestamp(&self) -> Timestamp {
        let passed = self.opened.elapsed() + MORNING;
        Timestamp::from_micros(i64::try_from(passed.as_micros()).unwrap())
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(deadline.into()))
    }
}

/// 2026-01-05 08:00 UTC.
const MORNING: Duration = Duration::from_secs(1_767_600_000);
