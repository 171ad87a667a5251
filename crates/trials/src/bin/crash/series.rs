//! Many crashes: episodes side by side, and a line now and then that says how far they are.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::Result;
use telerad_trials::verdict;
use telerad_trials::wait;

use crate::episode::{Episode, Live};
use crate::layer::Layer;
use crate::load::Pace;
use crate::tally::Tally;

/// A series of crashes.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// As `--kind` names it.
    pub kind: &'a str,
    /// How many crashes.
    pub count: u32,
    /// With the number of an episode, all that its plan depends on.
    pub seed: u64,
    /// The number of the first episode.
    pub first: u32,
    /// How hard the senders work.
    pub pace: Pace,
    /// How many episodes go on at once: they wait for timers and disks most of their time.
    pub at_once: u32,
}

/// How a worker comes by what crashes its gateways.
pub type Make<'m> = dyn Fn() -> Result<Box<Live<'static>>> + Sync + 'm;

/// Crashes gateways on one disk after the other, on several at once.
///
/// # Errors
/// When the trial itself cannot go on, for example because nothing can be mounted.
pub fn crash(series: Series<'_>, make: &Make<'_>) -> Result<Tally> {
    let shared = Shared {
        series,
        next: AtomicU32::new(0),
        is_over: AtomicBool::new(false),
        tally: Mutex::default(),
    };
    let episodes = series.count.div_ceil(CRASHES_PER_EPISODE);
    let outcome = std::thread::scope(|scope| {
        let workers = series.at_once.clamp(1, episodes.max(1));
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| work(&shared, make))).collect();
        scope.spawn(|| tell(&shared));
        let outcomes = workers.into_iter().map(|worker| worker.join().expect("no worker panics"));
        let outcome = outcomes.fold(Ok(()), Result::and);
        shared.is_over.store(true, Ordering::Relaxed);
        outcome
    });
    let tally = std::mem::take(&mut *shared.tally());
    outcome.map(|()| tally)
}

struct Shared<'a> {
    series: Series<'a>,
    next: AtomicU32,
    is_over: AtomicBool,
    tally: Mutex<Tally>,
}

impl Shared<'_> {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().expect("no holder of this lock panics")
    }
}

fn work(shared: &Shared<'_>, make: &Make<'_>) -> Result<()> {
    let series = shared.series;
    let layer = Layer::mount()?;
    let mut live = make()?;
    loop {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let before = number.saturating_mul(CRASHES_PER_EPISODE);
        let crashes = series.count.saturating_sub(before).min(CRASHES_PER_EPISODE);
        if crashes == 0 || shared.is_over.load(Ordering::Relaxed) {
            return Ok(());
        }
        let number = series.first + number;
        let mut tally = Tally::default();
        layer.renew()?;
        let outcome = Episode::begin(&layer, series, number)
            .and_then(|episode| episode.run(crashes, &mut *live, &mut tally));
        if !tally.findings.is_empty() {
            let Series { kind, seed, .. } = series;
            let again = format!(
                "again: cargo xtask crash --kind {kind} --count {CRASHES_PER_EPISODE} --seed {seed} --first {number}"
            );
            verdict::note(format!("FOUND {}", tally.findings[0].lines().next().unwrap_or("")));
            verdict::note(&again);
            tally.findings.push(again);
        }
        let mut all = shared.tally();
        all.merge(tally);
        if outcome.is_err() || all.findings.len() > FINDINGS_MAX {
            shared.is_over.store(true, Ordering::Relaxed);
        }
        outcome?;
    }
}

/// Says how far it is, every few seconds.
fn tell(shared: &Shared<'_>) {
    let started = Instant::now();
    let mut told = Instant::now();
    while !shared.is_over.load(Ordering::Relaxed) {
        wait::pause(Duration::from_millis(50));
        if told.elapsed() >= TOLD_EVERY {
            told = Instant::now();
            let Series { kind, count, .. } = shared.series;
            let tally = shared.tally();
            let seconds = started.elapsed().as_secs_f64();
            verdict::note(format!(
                "{kind}: {} of {count} crashes in {seconds:.0} s, {} instances and {} messages acknowledged, {} found",
                tally.crashes,
                tally.instances,
                tally.messages,
                tally.findings.len()
            ));
        }
    }
}

const CRASHES_PER_EPISODE: u32 = 25;
const FINDINGS_MAX: usize = 20;
const TOLD_EVERY: Duration = Duration::from_secs(5);
