//! Contestants that take turns.

use std::time::{Duration, Instant};

/// One operation, done by several.
pub struct Race {
    title: String,
    /// Bytes that one call handles.
    bytes: usize,
    /// Steps within one call, of which the time is told too.
    steps: Option<usize>,
    contestants: Vec<(&'static str, Box<dyn FnMut() -> usize>)>,
    targets: Vec<Target>,
}

/// What the medians have to show about ours.
pub enum Target {
    /// The fastest of these takes at least so many times our time.
    Faster(&'static [&'static str], f64),
    /// Our time is at most so many times that of this one.
    Within(&'static str, f64),
    /// At least so many megabytes a second.
    Rate(f64),
    /// At most so many nanoseconds a call.
    Step(f64),
    /// At most so many microseconds for the whole.
    Whole(f64),
}

const ROUNDS: usize = 15;
/// Of one contestant in one round.
const TURN: Duration = Duration::from_millis(20);

impl Race {
    pub fn new(title: impl Into<String>, bytes: usize) -> Self {
        Self {
            title: title.into(),
            bytes,
            steps: None,
            contestants: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// Divides the time by this number as well.
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = Some(steps);
        self
    }

    /// Adds a contestant; the first one is ours. What it returns is only looked at to keep the work alive.
    pub fn with(mut self, name: &'static str, work: impl FnMut() -> usize + 'static) -> Self {
        self.contestants.push((name, Box::new(work)));
        self
    }

    /// Adds what has to come out.
    pub fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// Lets them run and prints the medians, and each as a multiple of the first.
    pub fn run(mut self) {
        println!("\n{} ({} bytes)", self.title, self.bytes);
        let calls: Vec<u32> = self
            .contestants
            .iter_mut()
            .map(|(_, work)| {
                let once = time(work, 1).min(time(work, 2)).max(1e-9);
                (TURN.as_secs_f64() / once).clamp(1.0, 1e6) as u32
            })
            .collect();
        let mut times = vec![Vec::with_capacity(ROUNDS); self.contestants.len()];
        for _ in 0..ROUNDS {
            for (place, (_, work)) in self.contestants.iter_mut().enumerate() {
                times[place].push(time(work, calls[place]));
            }
        }
        let mut first = None;
        let mut medians = Vec::new();
        for ((name, _), times) in self.contestants.iter().zip(&mut times) {
            times.sort_by(f64::total_cmp);
            let median = times[ROUNDS / 2];
            medians.push((*name, median));
            let spread = (times[ROUNDS * 3 / 4] - times[ROUNDS / 4]) / median * 50.0;
            let ratio = median / *first.get_or_insert(median);
            let rate = self.bytes as f64 / median / 1e6;
            let step =
                self.steps.map(|steps| format!("{:>9.1} ns a call", median * 1e9 / steps as f64));
            println!(
                "  {name:<18} {:>12.2} µs {rate:>9.0} MB/s {ratio:>9.2} × ours  ±{spread:.0}%{}",
                median * 1e6,
                step.unwrap_or_default()
            );
        }
        for target in &self.targets {
            println!("  {}", self.outcome(target, &medians));
        }
    }

    /// What was wanted, what was measured, and whether that is enough.
    fn outcome(&self, target: &Target, medians: &[(&str, f64)]) -> String {
        let of = |name: &str| medians.iter().find(|it| it.0 == name).map_or(f64::NAN, |it| it.1);
        let ours = medians.first().map_or(f64::NAN, |it| it.1);
        // What is not a number, because nobody ran, is no success.
        let (wanted, measured, is_met) = match *target {
            Target::Faster(names, least) => {
                let fastest = names.iter().map(|name| of(name)).fold(f64::INFINITY, f64::min);
                let (ratio, names) = (fastest / ours, names.join(", "));
                let measured = format!("{ratio:.2} ×");
                let is_met = ratio.is_finite() && ratio >= least;
                (format!("at least {least} × as fast as the fastest of {names}"), measured, is_met)
            }
            Target::Within(name, most) => {
                let ratio = ours / of(name);
                let wanted = format!("at most {most} × the time of {name}");
                (wanted, format!("{ratio:.2} ×"), ratio <= most)
            }
            Target::Rate(least) => {
                let rate = self.bytes as f64 / ours / 1e6;
                (format!("at least {least} MB/s"), format!("{rate:.0} MB/s"), rate >= least)
            }
            Target::Step(most) => {
                let step = ours * 1e9 / self.steps.map_or(f64::NAN, |steps| steps as f64);
                (format!("at most {most} ns a call"), format!("{step:.1} ns"), step <= most)
            }
            Target::Whole(most) => {
                let whole = ours * 1e6;
                (format!("at most {most} µs"), format!("{whole:.2} µs"), whole <= most)
            }
        };
        format!("target: {wanted}: {measured}, {}", if is_met { "met" } else { "MISSED" })
    }
}

/// Seconds of one call.
fn time(work: &mut dyn FnMut() -> usize, calls: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        std::hint::black_box(work());
    }
    start.elapsed().as_secs_f64() / f64::from(calls)
}
