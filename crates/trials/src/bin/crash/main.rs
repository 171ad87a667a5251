//! Crashes of the gateway under load: nothing acknowledged is lost, and nothing is sent again but what was in flight.
//!
//! Three kinds. `kill` ends the gateway's process with SIGKILL, on a real disk. `layer` does so too, with spool and
//! database on a file system of ours that loses its power in the same moment ([`layer`]). `process` crashes a gateway
//! that runs in this process, on the same file system, which is faster by far ([`process`]). Without `--kind`, all of
//! them take their share of `--count`. `refused` looks whether a mount that is refused is told and fails.
//!
//! Beside the crashes, disks fail: EIO on reads, writes and syncs, ENOSPC, and no room at all. Modalities send to one
//! reader and to a group whose first member is away or goes away; one of them is answered only when its instance has been
//! delivered; some instances come again with other bytes. In this process a person holds, releases, re-routes, cancels and
//! sends again, and what was delivered is removed.
//!
//! After each crash the state is compared with what senders were told and with what destinations recorded: what was
//! acknowledged is there or has arrived; what arrived is known, or was in flight, at most twice the associations of that
//! destination; nothing arrives again but what was in flight then and what a person wanted again. After a failed sync
//! nothing is acknowledged but what was durable by then.
//!
//! Faults that were put into the store on purpose, and after how many crashes with seed 3 they were found: a failed sync of
//! the log taken as success, 1; of a payload or its directory, 21; an acknowledgement before the commit, 11.

#![expect(clippy::disallowed_methods, reason = "a program with threads and a clock")]

mod arrivals;
mod audit;
mod episode;
mod house;
mod kill;
mod layer;
mod layer_kill;
mod life;
mod load;
mod person;
mod process;
mod series;
mod tally;
mod wires;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use telerad_trials::arguments::Arguments;
use telerad_trials::verdict::{self, Verdict};

use episode::Live;
use layer::Layer;
use layer_kill::Program;
use load::Pace;
use series::Series;

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
        "refused" => refusal(verdict),
        "all" => {
            // A kill of a process takes ten times as long as a crash in this one. With less, a kind had no share.
            let count = count.max(60);
            let (kills, layer) = (count / 20, count / 20);
            refusal(verdict)?;
            kill::crash(kills, &arguments, verdict)?;
            on_the_layer(layer, &arguments, verdict)?;
            in_process(count - kills - layer, &arguments, verdict)
        }
        other => bail!("no kind {other}; there are kill, layer, process, refused, all"),
    }
}

fn on_the_layer(count: u32, arguments: &Arguments, verdict: &mut Verdict) -> Result<()> {
    let make = || {
        let program = Program::new(&arguments.gateway)?;
        let live: Box<Live<'static>> = Box::new(move |it, tally| program.live_and_crash(it, tally));
        Ok(live)
    };
    let series = series("layer", count, arguments, (Pace::STEADY, PROGRAMS_AT_ONCE));
    let tally = series::crash(series, &make)?;
    tally.report("kills on the faulting layer", arguments.seed, verdict);
    Ok(())
}

fn in_process(count: u32, arguments: &Arguments, verdict: &mut Verdict) -> Result<()> {
    let make = || {
        let live: Box<Live<'static>> = Box::new(process::live_and_crash);
        Ok(live)
    };
    let series = series("process", count, arguments, (Pace::BRISK, GATEWAYS_AT_ONCE));
    let tally = series::crash(series, &make)?;
    tally.report("crashes in process", arguments.seed, verdict);
    Ok(())
}

/// Whoever cannot mount must hear of it: a trial that mounts nothing proves nothing.
fn refusal(verdict: &mut Verdict) -> Result<()> {
    let said = Layer::refusal()?;
    let holds = said.starts_with("mounting the faulting file layer was refused: ");
    verdict.claim("mounting that is refused is an error", holds, said);
    Ok(())
}

fn series<'a>(
    kind: &'a str,
    count: u32,
    arguments: &Arguments,
    (pace, at_once): (Pace, u32),
) -> Series<'a> {
    Series { kind, count, seed: arguments.seed, first: arguments.first, pace, at_once }
}

/// Episodes at once: a gateway of its own process needs a core while it starts.
const PROGRAMS_AT_ONCE: u32 = 3;
/// And those in this process wait for timers and syncs half of their time.
const GATEWAYS_AT_ONCE: u32 = 4;
