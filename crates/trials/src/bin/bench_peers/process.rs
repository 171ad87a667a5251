//! The processes of a measurement, from outside.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use telerad_trials::tool::Running;
use telerad_trials::wait;

use crate::role;

/// A process that plays a role; killed when dropped.
pub struct Role {
    name: String,
    process: Running,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Role {
    /// Starts it on two cores.
    pub fn start(name: &str, arguments: &[&str]) -> Result<Self> {
        let ourselves = std::env::current_exe().context("where this program lies")?;
        let mut command = match std::thread::available_parallelism() {
            Ok(cores) if cores.get() > 2 => {
                let mut command = Command::new("taskset");
                command.args(["-c", "0,1"]).arg(ourselves);
                command
            }
            _ => Command::new(ourselves),
        };
        command.args([role::WORD, name]).args(arguments);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.with_context(|| format!("cannot start {name}"))?;
        let input = child.stdin.take().context("standard input")?;
        let output = BufReader::new(child.stdout.take().context("standard output")?);
        Ok(Self { name: name.to_owned(), process: Running(child), input, output })
    }

    /// A server, and its port.
    pub fn serve(name: &str, arguments: &[&str]) -> Result<(Self, String)> {
        let mut server = Self::start(name, arguments)?;
        let port = server.expect("ready")?;
        Ok((server, port))
    }

    /// The seconds that a client says it took.
    pub fn time(name: &str, arguments: &[&str]) -> Result<f64> {
        Self::start(name, arguments)?.number("took")
    }

    /// Waits for a line that begins with this word; the rest of it. Roles do not live for ever, so neither does this.
    pub fn expect(&mut self, word: &str) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        match line.trim_end().split_once(' ') {
            Some((first, rest)) if first == word => Ok(rest.to_owned()),
            _ => bail!("{} did not say \"{word}\"", self.name),
        }
    }

    /// As [`Role::expect`], for a number.
    pub fn number<T: FromStr>(&mut self, word: &str) -> Result<T> {
        let text = self.expect(word)?;
        text.parse().ok().with_context(|| format!("{}: \"{word} {text}\"", self.name))
    }

    /// Tells it to go on.
    pub fn go(&mut self) -> Result<()> {
        Ok(self.input.write_all(b"go\n")?)
    }

    /// What it holds in memory, in bytes: counted page by page, because the cheap counters are kept per thread and rounded.
    pub fn resident_bytes(&self) -> Result<u64> {
        let rollup = format!("/proc/{}/smaps_rollup", self.process.0.id());
        let text = std::fs::read_to_string(rollup)?;
        let line = text.lines().find(|line| line.starts_with("Rss:")).context("no Rss")?;
        let kilobytes: u64 = line.split_whitespace().nth(1).context("no value of Rss")?.parse()?;
        Ok(kilobytes * 1024)
    }
}

/// The seconds from the start of a program to its end; what it writes goes to `log`.
pub fn time_program(command: &mut Command, log: &File) -> Result<f64> {
    let started = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?)
        .spawn()
        .with_context(|| format!("cannot start {:?}", command.get_program()))?;
    let mut running = Running(child);
    loop {
        if let Some(status) = running.0.try_wait()? {
            let took = started.elapsed().as_secs_f64();
            if !status.success() {
                bail!("{:?} ended with {status}", command.get_program());
            }
            return Ok(took);
        }
        if started.elapsed() > PROGRAM_MAX {
            bail!("{:?} did not end", command.get_program());
        }
        wait::pause(Duration::from_millis(1));
    }
}

const PROGRAM_MAX: Duration = Duration::from_secs(300);
