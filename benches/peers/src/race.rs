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
}

const ROUNDS: usize = 15;
/// Of one contestant in one round.
const TURN: Duration = Duration::from_millis(20);

impl Race {
    pub fn new(title: impl Into<String>, bytes: usize) -> Self {
        Self { title: title.into(), bytes, steps: None, contestants: Vec::new() }
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
        for ((name, _), times) in self.contestants.iter().zip(&mut times) {
            times.sort_by(f64::total_cmp);
            let median = times[ROUNDS / 2];
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
