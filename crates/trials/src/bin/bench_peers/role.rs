//! The hidden side of this program: one process of a measurement, told by its arguments what to be.
//!
//! A server prints `ready PORT` and serves until its standard input ends. A client prints `took SECONDS`, or what its role
//! says, and ends. Whoever started them may be gone: nobody stays longer than [`LIFETIME`].

use std::io::{Read, Write};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{bare, crowd, ours, secure};

/// The first argument of a process that plays a role.
pub const WORD: &str = "--role";

/// Plays a role to its end.
pub fn play(role: &str, words: &[String]) -> ExitCode {
    drop(std::thread::spawn(|| {
        std::thread::sleep(LIFETIME);
        std::process::exit(3);
    }));
    let words = Words(words);
    let outcome = match role {
        "bare-server" => bare::serve(),
        "bare-sender" => bare::send(&words),
        "bare-drain" => bare::drain(),
        "bare-relay" => bare::relay(&words),
        "bare-stream" => bare::stream(&words),
        "sink" => ours::sink(&words),
        "relay" => ours::relay(&words),
        "sender" => ours::send(&words),
        "large" => ours::send_large(&words),
        "crowd" => crowd::send(&words),
        "secure-server" => secure::serve(&words),
        "secure-sender" => secure::send(&words),
        "secure-sink" => secure::sink(&words),
        "secure-store" => secure::store(&words),
        _ => Err(anyhow::anyhow!("no such role")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{role}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments of a role.
pub struct Words<'a>(&'a [String]);

impl Words<'_> {
    /// The argument at a place.
    pub fn text(&self, at: usize) -> Result<&str> {
        self.0.get(at).map(String::as_str).with_context(|| format!("argument {at} is missing"))
    }

    /// The argument at a place, as a number.
    pub fn number<T: FromStr>(&self, at: usize) -> Result<T> {
        match self.text(at)?.parse() {
            Ok(number) => Ok(number),
            Err(_) => bail!("argument {at} is no number"),
        }
    }
}

/// Says something to whoever started this process.
#[expect(clippy::print_stdout, reason = "how a role talks to the trial")]
pub fn say(line: &str) -> Result<()> {
    println!("{line}");
    std::io::stdout().flush().context("standard output")
}

/// Ends the process once nobody holds the other end of its standard input.
pub fn end_with_our_owner() {
    drop(std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    }));
}

const LIFETIME: Duration = Duration::from_secs(600);
