//! Tasks, time and chance of one schedule: one thread, and a generator that picks which ready task goes next.
//!
//! Time stands still while anything is ready, but for a few microseconds a step, and then jumps to the next alarm.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use telerad::core::Timestamp;
use telerad::net::{BoxFuture, Clock, Rng as GatewayRng, Spawn};
use telerad_testkit::Rng;

/// A run of the gateway, or everybody around it.
pub type Life = u32;

/// Those who outlive every gateway: sources, destinations, people.
pub const STREETS: Life = 0;

/// Runs the tasks of one schedule. Clones are the same.
#[derive(Clone)]
pub struct Executor(Arc<Shared>);

/// Spawns tasks of one life.
pub struct LifeSpawn {
    executor: Executor,
    life: Life,
}

/// A seeded generator that everybody of a schedule draws from.
#[derive(Clone)]
pub struct Dice(Arc<Mutex<Rng>>);

struct Shared {
    dice: Dice,
    ready: Mutex<Vec<u64>>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    alarms: BTreeMap<(u64, u64), Waker>,
    next: u64,
    now: u64,
    tasks: BTreeMap<u64, Task>,
}

struct Task {
    future: Option<BoxFuture<'static, ()>>,
    life: Life,
    waker: Arc<TaskWaker>,
}

struct TaskWaker {
    id: u64,
    is_ready: AtomicBool,
    shared: Weak<Shared>,
}

struct Sleep {
    deadline: u64,
    number: Option<u64>,
    shared: Arc<Shared>,
}

impl Executor {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Shared {
            dice: Dice(Arc::new(Mutex::new(Rng::new(seed)))),
            ready: Mutex::default(),
            inner: Mutex::default(),
        }))
    }

    pub fn dice(&self) -> Dice {
        self.0.dice.clone()
    }

    pub fn spawner(&self, life: Life) -> Arc<LifeSpawn> {
        Arc::new(LifeSpawn { executor: self.clone(), life })
    }

    /// Starts a task of the streets.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.start(STREETS, Box::pin(task));
    }

    /// Ends every task of a life where it stands, as a crash does.
    pub fn kill(&self, life: Life) {
        let killed: Vec<Task> = {
            let mut inner = lock(&self.0.inner);
            let ids: Vec<u64> =
                inner.tasks.iter().filter(|(_, task)| task.life == life).map(|it| *it.0).collect();
            ids.iter().filter_map(|id| inner.tasks.remove(id)).collect()
        };
        // What a task holds may wake others as it goes.
        drop(killed);
    }

    /// Microseconds since the schedule began.
    pub fn micros(&self) -> u64 {
        lock(&self.0.inner).now
    }

    pub async fn pause(&self, time: Duration) {
        let deadline = self.micros().saturating_add(micros(time));
        Sleep { deadline, number: None, shared: Arc::clone(&self.0) }.await;
    }

    /// Runs `future` for so long at most; `None` when that was not enough.
    pub async fn within<T>(&self, time: Duration, future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        let mut pause = std::pin::pin!(self.pause(time));
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            pause.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    /// Gives way to others: not at all, for a step, or for some milliseconds.
    pub async fn dawdle(&self) {
        match self.0.dice.below(8) {
            0..=3 => {}
            4..=6 => give_way().await,
            _ => self.pause(Duration::from_micros(self.0.dice.below(4000))).await,
        }
    }

    /// Runs until `is_over`, or until nothing can happen any more; how many steps that took.
    ///
    /// # Errors
    /// When it took more than `steps_max`.
    pub fn run(&self, steps_max: u64, is_over: impl Fn() -> bool) -> Result<u64, String> {
        for step in 0..steps_max {
            if is_over() || !self.step() {
                return Ok(step);
            }
        }
        Err(format!("still busy after {steps_max} steps"))
    }

    /// Ends everything.
    pub fn clear(&self) {
        loop {
            let tasks = std::mem::take(&mut lock(&self.0.inner).tasks);
            if tasks.is_empty() {
                break;
            }
            drop(tasks);
        }
        let alarms = std::mem::take(&mut lock(&self.0.inner).alarms);
        drop(alarms);
    }

    fn start(&self, life: Life, future: BoxFuture<'static, ()>) {
        let waker = {
            let mut inner = lock(&self.0.inner);
            inner.next += 1;
            let (id, shared) = (inner.next, Arc::downgrade(&self.0));
            let waker = Arc::new(TaskWaker { id, is_ready: AtomicBool::new(false), shared });
            let task = Task { future: Some(future), life, waker: Arc::clone(&waker) };
            inner.tasks.insert(id, task);
            waker
        };
        waker.wake();
    }

    /// One task goes on, or time does; whether either did.
    fn step(&self) -> bool {
        self.ring();
        let Some(id) = self.pick() else { return self.jump() };
        let (future, waker) = {
            let mut inner = lock(&self.0.inner);
            inner.now += STEP;
            let Some(task) = inner.tasks.get_mut(&id) else { return true };
            task.waker.is_ready.store(false, Ordering::Relaxed);
            (task.future.take(), Waker::from(Arc::clone(&task.waker)))
        };
        let Some(mut future) = future else { return true };
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        let mut inner = lock(&self.0.inner);
        let rest = match (polled, inner.tasks.get_mut(&id)) {
            (Poll::Pending, Some(task)) => {
                task.future = Some(future);
                None
            }
            (_, _) => Some((future, inner.tasks.remove(&id))),
        };
        drop(inner);
        drop(rest);
        true
    }

    fn pick(&self) -> Option<u64> {
        let mut ready = lock(&self.0.ready);
        let count = ready.len();
        if count == 0 {
            return None;
        }
        let at = usize::try_from(self.0.dice.below(count as u64)).unwrap_or(0);
        Some(ready.swap_remove(at))
    }

    /// Rings every alarm that is due.
    fn ring(&self) {
        loop {
            let waker = {
                let mut inner = lock(&self.0.inner);
                let Some(entry) = inner.alarms.first_entry() else { return };
                if entry.key().0 > inner.now {
                    return;
                }
                inner.alarms.pop_first()
            };
            if let Some((_, waker)) = waker {
                waker.wake();
            }
        }
    }

    fn jump(&self) -> bool {
        let mut inner = lock(&self.0.inner);
        let Some((next, _)) = inner.alarms.keys().next().copied() else { return false };
        inner.now = inner.now.max(next);
        true
    }
}

impl Clock for Executor {
    fn now(&self) -> Instant {
        instant(self.micros())
    }

    fn timestamp(&self) -> Timestamp {
        timestamp(self.micros())
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        let deadline = micros(deadline.saturating_duration_since(instant(0)));
        Box::pin(Sleep { deadline, number: None, shared: Arc::clone(&self.0) })
    }
}

impl Spawn for LifeSpawn {
    fn spawn(&self, _: &str, task: BoxFuture<'static, ()>) {
        self.executor.start(self.life, task);
    }
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Rng::new(seed))))
    }

    pub fn below(&self, limit: u64) -> u64 {
        lock(&self.0).below(limit)
    }

    /// True once in so many times.
    pub fn once_in(&self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub fn pick<T: Clone>(&self, items: &[T]) -> T {
        let at = usize::try_from(self.below(items.len() as u64)).unwrap_or(0);
        items[at].clone()
    }
}

impl GatewayRng for Dice {
    fn next_u64(&self) -> u64 {
        lock(&self.0).next_u64()
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let Some(shared) = self.shared.upgrade() else { return };
        if !self.is_ready.swap(true, Ordering::Relaxed) {
            lock(&shared.ready).push(self.id);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut inner = lock(&this.shared.inner);
        if inner.now >= this.deadline {
            return Poll::Ready(());
        }
        let number = *this.number.get_or_insert_with(|| {
            inner.next += 1;
            inner.next
        });
        inner.alarms.insert((this.deadline, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let gone = lock(&self.shared.inner).alarms.remove(&(self.deadline, number));
            drop(gone);
        }
    }
}

/// Lets others go first, once.
pub async fn give_way() {
    let mut is_first = true;
    poll_fn(|context| {
        if std::mem::take(&mut is_first) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Civil time of a moment of the schedule.
pub fn timestamp(micros: u64) -> Timestamp {
    Timestamp::from_micros(MORNING.saturating_add(i64::try_from(micros).unwrap_or(i64::MAX)))
}

fn instant(micros: u64) -> Instant {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    *BEGIN.get_or_init(Instant::now) + Duration::from_micros(micros)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What one step of a task takes, so that nothing goes on for ever in no time.
const STEP: u64 = 5;
/// 2026-01-05 08:00 UTC, a Monday.
const MORNING: i64 = 1_767_600_000_000_000;
