//! The gateway as a process.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::tool::Running;
use crate::wait;

/// Where a running gateway listens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Addresses {
    /// For modalities.
    pub dicom: SocketAddr,
    /// For RIS and readers.
    pub hl7: SocketAddr,
}

/// A gateway process; killed with SIGKILL when dropped.
#[derive(Debug)]
pub struct Gateway {
    process: Running,
    lines: Receiver<String>,
    log: PathBuf,
}

impl Gateway {
    /// Starts the process. What it logs is appended to `log`.
    ///
    /// # Errors
    /// When the program or its log cannot be opened.
    pub fn spawn(program: &Path, configuration: &Path, log: &Path) -> Result<Self> {
        let errors = File::options().create(true).append(true).open(log)?;
        let mut child = Command::new(program)
            .arg(configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let output = child.stdout.take().context("the gateway has no standard output")?;
        let (sender, lines) = channel();
        // Ends with the process, whose output it reads.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { process: Running(child), lines, log: log.to_owned() })
    }

    /// Starts the process and waits until it serves.
    ///
    /// # Errors
    /// When it does not start, ends, or is not ready in time.
    pub fn start(program: &Path, configuration: &Path, log: &Path) -> Result<(Self, Addresses)> {
        let mut gateway = Self::spawn(program, configuration, log)?;
        let addresses = gateway.ready(Duration::from_secs(30))?;
        Ok((gateway, addresses))
    }

    /// Waits for the lines that tell the addresses, then for `ready`.
    ///
    /// # Errors
    /// When the process ends or the time is up.
    pub fn ready(&mut self, limit: Duration) -> Result<Addresses> {
        let deadline = Instant::now() + limit;
        let (mut dicom, mut hl7) = (None, None);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    if let Some(address) = line.strip_prefix("dicom listening on ") {
                        dicom = Some(address.trim().parse().context(line.clone())?);
                    } else if let Some(address) = line.strip_prefix("hl7 listening on ") {
                        hl7 = Some(address.trim().parse().context(line.clone())?);
                    } else if line.trim() == "ready" {
                        break;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("the gateway is not ready after {} s", limit.as_secs());
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.process.0.wait()?;
                    let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                    bail!("the gateway ended ({status}): {}", crate::tool::last_line(&log));
                }
            }
        }
        let dicom = dicom.context("the gateway did not tell its DICOM address")?;
        let hl7 = hl7.context("the gateway did not tell its HL7 address")?;
        Ok(Addresses { dicom, hl7 })
    }

    /// The process, for the operating system.
    pub fn id(&self) -> u32 {
        self.process.0.id()
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.process.0.try_wait(), Ok(None))
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    ///
    /// # Errors
    /// When the process cannot be killed or awaited.
    pub fn kill(mut self) -> Result<()> {
        self.process.0.kill()?;
        self.process.0.wait()?;
        Ok(())
    }

    /// SIGTERM, then waits for the end; the exit code should be 0.
    ///
    /// # Errors
    /// When it does not end in time, or with another code.
    pub fn terminate(mut self, limit: Duration) -> Result<()> {
        // The standard library only knows SIGKILL, and `unsafe` is forbidden here.
        Command::new("sh").args(["-c", &format!("kill -TERM {}", self.id())]).status()?;
        let mut status = None;
        let ended = wait::until(limit, || {
            status = self.process.0.try_wait().ok().flatten();
            status.is_some()
        });
        match status {
            Some(status) if ended && status.success() => Ok(()),
            Some(status) => bail!("SIGTERM ended the gateway with {status}"),
            None => bail!("the gateway ignores SIGTERM for {} s", limit.as_secs()),
        }
    }
}

/// What a log says, and from where on a trial looks at it.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    seen: usize,
}

impl Log {
    /// The log at `path`, from its beginning.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: 0 }
    }

    /// What was logged since the last call.
    pub fn news(&mut self) -> String {
        let bytes = std::fs::read(&self.path).unwrap_or_default();
        let news = String::from_utf8_lossy(bytes.get(self.seen..).unwrap_or_default()).into_owned();
        self.seen = bytes.len();
        news
    }

    /// Everything that was logged.
    pub fn whole(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.path).unwrap_or_default()).into_owned()
    }
}
