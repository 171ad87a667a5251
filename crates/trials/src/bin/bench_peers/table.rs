//! What is printed: a heading, a line for each program, a line for each target.

use std::fmt;

use telerad_trials::verdict::{self, Verdict};

/// One value of each run, in the order of the runs.
#[derive(Clone, Debug, Default)]
pub struct Series(pub Vec<f64>);

impl Series {
    /// The middle one; the lower of the two when there is an even number.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
    }

    /// Run by run, how many times the other this is.
    pub fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(ours, theirs)| ours / theirs).collect())
    }
}

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, bound) = match self {
            Self::AtLeast(bound) => (">=", bound),
            Self::AtMost(bound) => ("<=", bound),
        };
        write!(f, "{sign} {bound}")
    }
}

/// Begins a group of lines.
#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
pub fn heading(title: &str, unit: &str) {
    println!("\n{title:<44}{unit:>10}{:>8}  target", "ratio");
}

/// A program that others are compared with, or that was measured beside them.
#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
pub fn baseline(name: &str, value: f64) {
    println!("  {name:<42}{value:>10.0}");
}

/// A value and a ratio that has none.
#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
pub fn compared(name: &str, value: f64, ratio: f64) {
    println!("  {name:<42}{value:>10.0}{ratio:>8.2}");
}

/// A value and a ratio that has a target.
#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
pub fn row(verdict: &mut Verdict, name: &str, value: f64, ratio: f64, target: Target) {
    let is_met = target.is_met(ratio);
    let word = if is_met { "ok" } else { "MISSED" };
    let target = target.to_string();
    println!("  {name:<42}{value:>10.0}{ratio:>8.2}  {target:<9}{word}");
    verdict.count(is_met);
}

/// A value that has a target itself.
#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
pub fn value(verdict: &mut Verdict, name: &str, value: f64, target: Target) {
    let is_met = target.is_met(value);
    let word = if is_met { "ok" } else { "MISSED" };
    let target = target.to_string();
    println!("  {name:<42}{value:>10.0}{:>8}  {target:<9}{word}", "");
    verdict.count(is_met);
}

/// A comparison that cannot be made here.
pub fn skipped(name: &str, reason: &str) {
    verdict::note(format!("{name:<42}   skipped: {reason}"));
}
