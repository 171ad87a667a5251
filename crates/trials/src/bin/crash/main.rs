//! Crashes of the gateway under load: nothing acknowledged is lost, and nothing is sent again but what was in flight.
//!
//! Three kinds. `kill` ends the gateway's process with SIGKILL, on a real disk. `layer` does so too, with spool and
//! database on a file system of ours that loses its power in the same moment ([`layer`]). `process` crashes a gateway
//! that runs in this process, on the same file system, which is faster by far ([`process`]). Without `--kind`, all of
//! them take their share of `--count`.

#![expect(clippy::disallowed_methods, reason = "a program with threads and a clock")]

mod arrivals;
mod audit;
mod episode;
mod kill;
mod layer;
mod layer_kill;
mod life;
mod load;
mod process;
mod tally;
mod wires;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use telerad_trials::arguments::Arguments;
use telerad_trials::verdict::{self, Verdict};

use episode::Series;
use layer_kill::Program;
use load::Pace;
use tally::Tally;

/// Standing still this long, with something missing, is a loss.
const PATIENCE: Duration = Duration::from_secs(45);

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    match (words.next(), words.next()) {
        (Some(word), Some(folder)) if word == layer::SERVE => {
            match layer::serve(Path::new(&folder)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("crash: the faulting file layer: {error:#}");
                    ExitCode::FAILURE
                }
            }
        }
        _ => verdict::finish("crash", trial),
    }
}

fn trial(verdict: &mut Verdict) -> Result<()> {
    let arguments = Arguments::read()?;
    let count = arguments.count;
    match arguments.kind.as_deref().unwrap_or("all") {
        "kill" => kill::crash(count, &arguments, verdict),
        "layer" => on_the_layer(count, &arguments, verdict),
        "process" => in_process(count, &arguments, verdict),
        "all" => {
            // A kill of a process takes ten times as long as a crash in this one. With less, a kind had no share.
            let count = count.max(60);
            let (kills, layer) = (count / 20, count / 20);
            kill::crash(kills, &arguments, verdict)?;
            on_the_layer(layer, &arguments, verdict)?;
            in_process(count - kills - layer, &arguments, verdict)
        }
        other => bail!("no kind {other}; there are kill, layer, process, all"),
    }
}

fn on_the_layer(count: u32, arguments: &Arguments, verdict: &mut Verdict) -> Result<()> {
    let program = Program::new(&arguments.gateway)?;
    let series = series("layer", count, arguments, Pace::STEADY);
    let mut tally = Tally::default();
    episode::crash(series, &mut |it, tally| program.live_and_crash(it, tally), &mut tally)?;
    tally.report("kills on the faulting layer", arguments.seed, verdict);
    Ok(())
}

fn in_process(count: u32, arguments: &Arguments, verdict: &mut Verdict) -> Result<()> {
    let series = series("process", count, arguments, Pace::BRISK);
    let mut tally = Tally::default();
    episode::crash(series, &mut process::live_and_crash, &mut tally)?;
    tally.report("crashes in process", arguments.seed, verdict);
    Ok(())
}

fn series<'a>(kind: &'a str, count: u32, arguments: &Arguments, pace: Pace) -> Series<'a> {
    Series { kind, count, seed: arguments.seed, first: arguments.first, pace }
}
