//! What durable store-and-forward costs, beside programs that do only what the disk and the network ask for, beside DCMTK
//! and beside Orthanc, on the same machine in the same run.
//!
//! ```sh
//! cargo xtask bench-store [--quick] [--kind intake|single|forward|orders|queue]
//! ```
//!
//! Whatever is compared takes its turn in each run, so that a busy machine is busy for all; a row shows medians, and the
//! median of the ratios of each run.

#![expect(clippy::disallowed_methods, reason = "a program with sockets, processes and a clock")]

mod beside;
mod ceiling;
mod folders;
mod intake;
mod orders;
mod queue;
mod reference;
mod sender;
mod series;
mod single;

use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use telerad_trials::arguments::Arguments;
use telerad_trials::verdict::{self, Verdict};

use crate::folders::Folders;

/// The first argument of a process that plays a role in a measurement.
const ROLE: &str = "--role";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [first, role, rest @ ..] = words.as_slice()
        && first == ROLE
    {
        return match play(role, rest) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{role}: {error:#}");
                ExitCode::FAILURE
            }
        };
    }
    verdict::finish("bench-store", trial)
}

fn trial(verdict: &mut Verdict) -> Result<()> {
    let arguments = Arguments::read()?;
    let effort = Effort::of(&arguments);
    if effort.quick {
        verdict::note("one run of less: a look, not a measurement");
    }
    let mut folders = Folders::default();
    let wanted = |kind: &str| arguments.kind.as_deref().is_none_or(|only| only == kind);
    if wanted("intake") {
        intake::compare(verdict, &arguments, &effort, &mut folders)?;
    }
    if wanted("single") {
        single::compare(verdict, &arguments, &effort, &mut folders)?;
    }
    if wanted("forward") {
        beside::compare(verdict, &arguments, &effort, &mut folders)?;
    }
    if wanted("orders") {
        orders::compare(verdict, &arguments, &effort, &mut folders)?;
    }
    if wanted("queue") {
        queue::measure(verdict, &arguments, &effort)?;
    }
    Ok(())
}

/// How much is done.
#[derive(Clone, Copy, Debug)]
struct Effort {
    /// How often each program is measured.
    runs: usize,
    /// One run of less, for a first look.
    quick: bool,
}

impl Effort {
    const fn of(arguments: &Arguments) -> Self {
        Self { runs: if arguments.quick { 1 } else { RUNS }, quick: arguments.quick }
    }

    /// `whole`, or a part of it in a quick look.
    fn part(&self, whole: usize) -> usize {
        if self.quick { whole.div_ceil(QUICK_PART) } else { whole }
    }
}

/// Plays a role to its end, which is that of whoever started the process.
fn play(role: &str, words: &[String]) -> Result<()> {
    drop(std::thread::spawn(|| {
        std::thread::sleep(LIFETIME);
        std::process::exit(3);
    }));
    let word = |at: usize| words.get(at).map(String::as_str).context("an argument is missing");
    match role {
        "reference" => {
            drop(std::thread::spawn(|| {
                let _ = std::io::stdin().read_to_end(&mut Vec::new());
                std::process::exit(0);
            }));
            let sink = word(1).ok().map(str::parse).transpose()?;
            reference::serve(word(0)?.as_ref(), sink)
        }
        "plain-sender" => ceiling::send_folder(word(0)?.parse()?, word(1)?.as_ref()),
        "sender" => sender::send_folder(word(0)?.parse()?, word(1)?.as_ref()),
        _ => bail!("no such role"),
    }
}

/// Says something to whoever started this process.
#[expect(clippy::print_stdout, reason = "how a role talks to the trial")]
fn say(line: &str) -> Result<()> {
    println!("{line}");
    std::io::stdout().flush().context("standard output")
}

const RUNS: usize = 5;
const QUICK_PART: usize = 10;
const LIFETIME: Duration = Duration::from_secs(600);
