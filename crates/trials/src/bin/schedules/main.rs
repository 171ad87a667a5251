//! Random schedules of the whole gateway: intake, ledger, deliveries and desk, between simulated peers, on simulated time.
//!
//! Everything that the gateway is handed is made up here and drawn from one seed: clock, chance, tasks, state, payloads,
//! connections. A schedule plays some minutes, or a week: sources that send, are cut off and send again; destinations that
//! refuse, hang, lie and vanish; disks that fail; people at the desk; crashes between any two steps. In the end everybody
//! gets well, and what was acknowledged must be where it belongs, once ([`audit`]).
//!
//! `--count N --seed S` runs N schedules from S on; `--first F --count 1` runs the one that failed again, `--kind trace`
//! with its trace.

#![expect(clippy::disallowed_methods, reason = "a program with a clock")]

mod audit;
mod copies;
mod destination;
mod disk;
mod executor;
mod plan;
mod schedule;
mod source;
mod urgent;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use telerad_trials::arguments::Arguments;
use telerad_trials::verdict::{self, Verdict, note};

use plan::Plan;
use schedule::Report;

fn main() -> ExitCode {
    verdict::finish("schedules", trial)
}

fn trial(verdict: &mut Verdict) -> Result<()> {
    let arguments = Arguments::read()?;
    let is_traced = arguments.kind.as_deref() == Some("trace");
    let (mut reached, mut steps) = (BTreeMap::<&'static str, u64>::new(), 0_u64);
    let (mut failed, mut replayed, mut differ) = (0_u32, 0_u32, 0_u32);
    let began = Instant::now();
    for number in arguments.first..arguments.first.saturating_add(arguments.count) {
        let seed = arguments.seed.wrapping_mul(1 << 32).wrapping_add(u64::from(number));
        let report = schedule::run(Plan::draw(seed));
        if is_traced {
            report.trace.iter().for_each(note);
        }
        if !report.findings.is_empty() {
            failed += 1;
            show(verdict, &arguments, number, &report, failed <= FAILURES_SHOWN);
        }
        if number % REPLAYED == 0 {
            let again = schedule::run(Plan::draw(seed));
            replayed += 1;
            let same = again.trace == report.trace && again.steps == report.steps;
            differ += u32::from(!same);
        }
        steps += report.steps;
        for (kind, count) in report.reached {
            *reached.entry(kind).or_default() += count;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    for (kind, count) in &reached {
        note(format!("{kind:<40} {count:>10}"));
    }
    let count = arguments.count;
    let each = 1000.0 * seconds / f64::from(count.max(1));
    note(format!("{count} schedules, {steps} steps, {seconds:.1} s, {each:.2} ms each"));
    verdict.claim(
        "exactly once, or not wanted, or parked",
        failed == 0,
        format!("{failed} of {count} fail"),
    );
    verdict.claim(
        "the same seed makes the same trace",
        differ == 0,
        format!("{differ} of {replayed} differ"),
    );
    if count >= 2000 {
        let missing: Vec<&str> =
            KINDS.into_iter().filter(|kind| !reached.contains_key(kind)).collect();
        verdict.claim("every kind was met", missing.is_empty(), format!("missing: {missing:?}"));
    }
    Ok(())
}

fn show(
    verdict: &mut Verdict,
    arguments: &Arguments,
    number: u32,
    report: &Report,
    with_trace: bool,
) {
    if with_trace {
        report.trace.iter().for_each(note);
    }
    let again = format!(
        "cargo xtask schedules --seed {} --first {number} --count 1 --kind trace",
        arguments.seed
    );
    let findings = report.findings.join("; ");
    verdict.claim(&format!("schedule {number}"), false, format!("{findings}; {again}"));
}

/// So many are shown with their traces.
const FAILURES_SHOWN: u32 = 3;
/// Every so many schedules is run twice.
const REPLAYED: u32 = 50;

/// What a long series has to meet, or it proves less than it says.
const KINDS: [&str; 68] = [
    "a UID in conflict",
    "a payload whose time was over",
    "a variant",
    "acknowledged",
    "answered 0111H",
    "answered 0122H",
    "answered A7xx",
    "answered A9xx",
    "answered Cxxx",
    "answered after delivery",
    "answered after several deliveries",
    "answered another failure",
    "answered late",
    "answered with a warning",
    "asked for what it has, cut",
    "association cut before the answer",
    "association cut within a data set",
    "association rejected for good",
    "association rejected for now",
    "cancelled",
    "cancelled by a person",
    "class not taken",
    "class refused in negotiation",
    "class refused without a reason",
    "commit fails",
    "commit uncertain",
    "crash",
    "decided again",
    "destination down",
    "destination up",
    "failed",
    "gives another image",
    "gives the same image",
    "held",
    "held already, and the same",
    "held by a person",
    "instance looked for",
    "instance shed",
    "kept, answer lost",
    "kept, no answer",
    "moved elsewhere",
    "no answer, not kept",
    "no rule",
    "order told",
    "order told as STAT",
    "parked: held already",
    "parked: syntax not taken",
    "payload fails",
    "payload removed",
    "payload unreadable",
    "raised",
    "raised by its order",
    "re-routed",
    "released",
    "requeued",
    "resent",
    "rules changed",
    "sent",
    "sent again with reason",
    "source cut off",
    "source refused",
    "source told to come again",
    "source tries again",
    "spool full",
    "spool low",
    "still parked, told again",
    "study moved",
    "urgent, and sent in time",
];
