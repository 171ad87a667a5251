//! How fast and how frugal DICOM is here, beside bare TCP, DCMTK and dicom-rs on the same machine in the same run.
//!
//! ```sh
//! cargo xtask bench-peers [--runs N] [--quick]
//! ```
//!
//! Every program that is measured is a process of its own: DCMTK from Debian, the tools of dicom-rs built by cargo, and
//! ours and the bare ones, which are this program again, called with the name of a [role]. In each run all of them
//! take their turn, so that a busy machine is busy for all; a row shows medians, and the median of the ratios of each run.
//! Against bare TCP a sender times itself, with the instances in memory; against programs of others it is timed from its
//! start to its end, with the instances in files, as they are. Where there is one association, ours have one thread.

#![expect(clippy::disallowed_methods, reason = "a program with sockets, processes and a clock")]

mod bare;
mod crowd;
mod file;
mod memory;
mod ours;
mod passing;
mod peers;
mod process;
mod role;
mod secure;
mod storing;
mod table;
mod workload;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use telerad_trials::verdict::{self, Verdict};

use crate::peers::Peers;
use crate::workload::{Folders, SLICE, SMALL};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [first, role, rest @ ..] = words.as_slice()
        && first == role::WORD
    {
        return role::play(role, rest);
    }
    verdict::finish("bench-peers", |verdict| trial(verdict, &words))
}

fn trial(verdict: &mut Verdict, words: &[String]) -> Result<()> {
    let effort = Effort::read(words)?;
    if effort.runs < RUNS_MIN {
        verdict::note(format!("{} runs of each: a look, not a measurement", effort.runs));
    }
    let peers = Peers::install()?;
    let folders = Folders::make(&effort)?;
    storing::compare(verdict, &effort, &peers, folders.slices(), &SLICE)?;
    storing::compare(verdict, &effort, &peers, folders.small(), &SMALL)?;
    passing::compare(verdict, &effort, folders.slices().whole)?;
    secure::compare(&effort, &folders)?;
    memory::compare(verdict, &effort)
}

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How often each program is measured.
    pub runs: usize,
    /// One run of less, for a first look.
    pub quick: bool,
}

impl Effort {
    fn read(words: &[String]) -> Result<Self> {
        let (mut runs, mut quick) = (None, false);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--runs" => {
                    let number = words.next().context("--runs needs a number")?;
                    runs = Some(number.parse().context("--runs")?);
                }
                "--quick" => quick = true,
                _ => bail!("no argument {word}; there are --runs, --quick"),
            }
        }
        let runs = runs.unwrap_or(if quick { 1 } else { RUNS_MIN });
        if !(1..=RUNS_MAX).contains(&runs) {
            bail!("--runs is from 1 to {RUNS_MAX}");
        }
        Ok(Self { runs, quick })
    }

    /// `whole`, or a part of it in a quick look.
    pub fn part(&self, whole: usize) -> usize {
        if self.quick { whole.div_ceil(QUICK_PART) } else { whole }
    }
}

/// Fewer are no measurement.
const RUNS_MIN: usize = 5;
const RUNS_MAX: usize = 100;
const QUICK_PART: usize = 4;
