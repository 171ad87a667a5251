//! How much memory an association takes, and whether each of many gets its share.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use telerad_trials::verdict::Verdict;
use telerad_trials::wait;

use crate::Effort;
use crate::process::Role;
use crate::table::{self, Series, Target};

/// Measures all of it and prints it.
pub fn compare(verdict: &mut Verdict, effort: &Effort) -> Result<()> {
    let mut runs = Vec::new();
    for _ in 0..effort.runs {
        runs.push(Run::measure(effort)?);
    }
    let series = |value: fn(&Run) -> f64| Series(runs.iter().map(value).collect());
    table::heading(&format!("{MANY} associations storing at once, two cores"), "");
    let served = series(|run| run.many.served.iter().filter(|count| **count > 0).count() as f64);
    let target = Target::AtLeast(MANY as f64);
    table::value(verdict, "associations served", served.median(), target);
    let rate = series(|run| run.many.rate).median();
    let spread = series(|run| run.many.spread()).median();
    let name = "MB/s in all; the fastest over the slowest";
    table::row(verdict, name, rate, spread, Target::AtMost(SPREAD_MAX));

    table::heading("resident memory of the receiver", "KiB");
    let target = Target::AtMost(ASSOCIATION_KIB_MAX);
    let storing = series(|run| slope(&run.few, &run.many)).median();
    table::value(verdict, &format!("each of {FEW} to {MANY}, storing"), storing, target);
    let share = series(|run| run.many.share()).median();
    table::value(verdict, &format!("each of {MANY} over none, storing"), share, target);
    let stalled = series(|run| slope(&run.few_stalled, &run.many_stalled)).median();
    let name = format!("each of {FEW} to {MANY}, service at a standstill");
    table::value(verdict, &name, stalled, target);
    let growth = series(|run| run.large_growth).median();
    let frames = effort.part(LARGE_FRAMES);
    let name = format!("growth by one instance of {} MB", frames * FRAME_BYTES / 1_000_000);
    table::value(verdict, &name, growth, target);
    Ok(())
}

/// What one run found.
struct Run {
    few: Crowd,
    many: Crowd,
    few_stalled: Crowd,
    many_stalled: Crowd,
    /// In KiB.
    large_growth: f64,
}

impl Run {
    fn measure(effort: &Effort) -> Result<Self> {
        let seconds = effort.part(SECONDS);
        Ok(Self {
            few: Crowd::measure(FEW, seconds, Service::Reads)?,
            many: Crowd::measure(MANY, seconds, Service::Reads)?,
            few_stalled: Crowd::measure(FEW, seconds, Service::StandsStill)?,
            many_stalled: Crowd::measure(MANY, seconds, Service::StandsStill)?,
            large_growth: large_growth(effort.part(LARGE_FRAMES))?,
        })
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Service {
    /// Reads everything and scans the heads.
    Reads,
    /// Reads the head and nothing more.
    StandsStill,
}

/// What a receiver held, and what its senders got.
struct Crowd {
    count: usize,
    /// Before the first connection, in KiB.
    alone: f64,
    /// The most while all were storing, in KiB.
    storing: f64,
    /// Instances, association by association.
    served: Vec<usize>,
    /// MB/s in all.
    rate: f64,
}

impl Crowd {
    fn measure(count: usize, seconds: usize, service: Service) -> Result<Self> {
        let manner = if service == Service::Reads { "scan" } else { "stall" };
        let (sink, port) = Role::serve("sink", &[manner, "2"])?;
        let alone = kib(sink.resident_bytes()?);
        let mut crowd = Role::start("crowd", &[&port, &count.to_string(), &seconds.to_string()])?;
        crowd.expect("established")?;
        crowd.go()?;
        let storing = most(&sink, Duration::from_secs(seconds as u64))?;
        let mut found = Self { count, alone, storing, served: Vec::new(), rate: f64::NAN };
        if service == Service::Reads {
            let served = crowd.expect("served")?;
            for number in served.split(' ') {
                found.served.push(number.parse().context("a number of instances")?);
            }
            let bytes = found.served.iter().sum::<usize>() * FRAME_BYTES;
            found.rate = bytes as f64 / 1e6 / seconds as f64;
        }
        Ok(found)
    }

    /// KiB that each association takes.
    fn share(&self) -> f64 {
        (self.storing - self.alone) / self.count as f64
    }

    /// What the fastest got for each instance of the slowest.
    fn spread(&self) -> f64 {
        let most = self.served.iter().max().copied().unwrap_or_default();
        let least = self.served.iter().min().copied().unwrap_or_default();
        most as f64 / least as f64
    }
}

/// KiB for each association more.
fn slope(few: &Crowd, many: &Crowd) -> f64 {
    (many.storing - few.storing) / (many.count - few.count) as f64
}

/// By how many KiB the receiver grows when the instance is a large one.
fn large_growth(frames: usize) -> Result<f64> {
    let (sink, port) = Role::serve("sink", &["scan", "2"])?;
    let mut small = Role::start("large", &[&port, &SMALL_FRAMES.to_string()])?;
    small.number::<f64>("took")?;
    let before = kib(sink.resident_bytes()?);
    let frames = frames.to_string();
    let mut large = Role::start("large", &[&port, &frames])?;
    let watched = std::thread::scope(|scope| {
        let took = scope.spawn(|| large.number::<f64>("took"));
        let mut most: f64 = 0.0;
        while !took.is_finished() {
            most = most.max(kib(sink.resident_bytes()?));
            wait::pause(SAMPLE);
        }
        took.join().ok().context("a thread panicked")??;
        anyhow::Ok(most)
    })?;
    Ok((watched - before).max(0.0))
}

/// The most KiB that are seen for a while.
fn most(process: &Role, duration: Duration) -> Result<f64> {
    let deadline = Instant::now() + duration;
    let mut most: f64 = 0.0;
    while Instant::now() < deadline {
        most = most.max(kib(process.resident_bytes()?));
        wait::pause(SAMPLE);
    }
    Ok(most)
}

fn kib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}

const FEW: usize = 50;
const MANY: usize = 200;
const SECONDS: usize = 4;
const FRAME_BYTES: usize = 512 * 1024;
/// 2 GB.
const LARGE_FRAMES: usize = 4096;
const SMALL_FRAMES: usize = 32;
const SPREAD_MAX: f64 = 2.0;
const ASSOCIATION_KIB_MAX: f64 = 256.0;
const SAMPLE: Duration = Duration::from_millis(20);
