//! Time, handed in.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use telerad_core::Timestamp;

use crate::BoxFuture;

/// Where pumps read the time and wait for it, so that a whole gateway can run on simulated time.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time, for deadlines.
    fn now(&self) -> Instant;

    /// Civil time, for records and messages.
    fn timestamp(&self) -> Timestamp;

    /// Completes when [`Clock::now`] has reached `deadline`.
    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()>;
}

/// The machine's own clocks: tokio's monotonic time (which tests may pause) and the system's civil time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The system clock in the form that configurations hold.
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(Self)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the Clock that everybody else asks")]
    fn timestamp(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(deadline.into()))
    }
}

/// One alarm of a pump, kept between polls.
///
/// Deadlines of idle timers move with every byte, and come and go with every message. An alarm that rings too early, or
/// for nothing, costs one look at the clock, so it is only set anew when the deadline moves forward to an earlier instant
/// or when it has rung.
pub(crate) struct Alarm {
    clock: Arc<dyn Clock>,
    sleeping: Option<(Instant, BoxFuture<'static, ()>)>,
}

impl Alarm {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, sleeping: None }
    }

    /// Ready once the clock has reached `deadline`; never, for `None`.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        deadline: Option<Instant>,
    ) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        loop {
            if self.clock.now() >= deadline {
                self.sleeping = None;
                return Poll::Ready(());
            }
            let (_, sleep) = match self.sleeping.take() {
                Some(sleeping) if sleeping.0 <= deadline => self.sleeping.insert(sleeping),
                _ => self.sleeping.insert((deadline, self.clock.sleep_until(deadline))),
            };
            match sleep.as_mut().poll(context) {
                Poll::Ready(()) => self.sleeping = None,
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Runs `future` until `deadline`; `None` when the time is up first.
pub(crate) async fn until<F: Future>(
    clock: &Arc<dyn Clock>,
    deadline: Instant,
    future: F,
) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut alarm = Alarm::new(Arc::clone(clock));
    std::future::poll_fn(|context| {
        if let Poll::Ready(output) = Pin::as_mut(&mut future).poll(context) {
            return Poll::Ready(Some(output));
        }
        alarm.poll(context, Some(deadline)).map(|()| None)
    })
    .await
}

/// `now` plus a duration that may be as long as the caller likes.
pub(crate) fn after(now: Instant, duration: Duration) -> Instant {
    // Instants have an unnamed upper end; a century is as good as never.
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
    now.checked_add(duration.min(CENTURY)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Waker};
    use std::time::{Duration, Instant};

    use telerad_core::Timestamp;

    use super::{Alarm, Clock, SystemClock, after, until};
    use crate::BoxFuture;

    /// Counts how often somebody asks to be woken.
    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Clock for Counting {
        fn now(&self) -> Instant {
            SystemClock.now()
        }

        fn timestamp(&self) -> Timestamp {
            SystemClock.timestamp()
        }

        fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
            self.0.fetch_add(1, Ordering::Relaxed);
            SystemClock.sleep_until(deadline)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_comes_and_goes_with_each_message_is_set_once() {
        let clock = Arc::new(Counting::default());
        let mut alarm = Alarm::new(Arc::<Counting>::clone(&clock));
        let mut context = Context::from_waker(Waker::noop());
        let mut poll = |seconds: Option<u64>| {
            let start = clock.now();
            let deadline = seconds.map(|seconds| start + Duration::from_secs(seconds));
            assert!(alarm.poll(&mut context, deadline).is_pending());
            clock.0.load(Ordering::Relaxed)
        };
        assert_eq!(poll(Some(60)), 1);
        assert_eq!(poll(None), 1);
        assert_eq!(poll(Some(120)), 1);
        assert_eq!(poll(Some(60)), 1);
        assert_eq!(poll(Some(30)), 2);
        // The one for 30 seconds rings for nothing, and the next is set only then.
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(poll(None), 2);
        assert_eq!(poll(Some(60)), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_ends_a_wait_that_would_not_end() {
        let clock = SystemClock::shared();
        let start = clock.now();
        let deadline = after(start, Duration::from_secs(30));
        assert_eq!(until(&clock, deadline, std::future::pending::<()>()).await, None);
        assert_eq!((clock.now() - start).as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_ready_wins_over_a_deadline_that_has_passed() {
        let clock = SystemClock::shared();
        assert_eq!(until(&clock, clock.now(), std::future::ready(7)).await, Some(7));
    }

    #[test]
    fn an_endless_duration_does_not_overflow() {
        let now = SystemClock.now();
        assert!(after(now, Duration::MAX) > now);
    }
}
