//! Programs of others: run with a deadline, killed when nobody owns them any more.

use std::ffi::OsStr;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::wait;

/// A child process that does not outlive its owner.
#[derive(Debug)]
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may be gone already, which is what we want.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How a tool ended.
#[derive(Debug)]
pub struct Ended {
    /// Whether its exit code was 0.
    pub success: bool,
    /// What it wrote, both streams.
    pub output: String,
}

/// Starts a server; what it writes goes to `log`.
///
/// # Errors
/// When the program or its log cannot be started.
pub fn start<S: AsRef<OsStr>>(program: &str, arguments: &[S], log: &Path) -> Result<Running> {
    let output = File::options().create(true).append(true).open(log)?;
    let child = Command::new(program)
        .args(arguments)
        // With Nagle's algorithm DCMTK waits 40 ms for each answer.
        .env("TCP_NODELAY", "1")
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    Ok(Running(child))
}

/// Runs a tool to its end.
///
/// # Errors
/// When it cannot be started, or does not end in time.
pub fn run<S: AsRef<OsStr>>(program: &str, arguments: &[S], limit: Duration) -> Result<Ended> {
    let log = tempfile::NamedTempFile::new()?;
    let mut running = start(program, arguments, log.path())?;
    let mut status = None;
    let ended = wait::until(limit, || {
        status = running.0.try_wait().ok().flatten();
        status.is_some()
    });
    let output = String::from_utf8_lossy(&std::fs::read(log.path())?).into_owned();
    if !ended {
        bail!("{program} did not end within {} s: {}", limit.as_secs(), last_line(&output));
    }
    Ok(Ended { success: status.is_some_and(|status| status.success()), output })
}

/// The last line that says something: where tools put their reason.
pub fn last_line(output: &str) -> &str {
    output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no output").trim()
}

/// A port of the loopback address that was free a moment ago, for servers that cannot be told to
/// choose one themselves.
///
/// # Errors
/// When the system has none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Waits until something accepts connections on the port.
///
/// # Errors
/// When nothing does in time.
pub fn wait_for_port(port: u16, limit: Duration) -> Result<()> {
    if !wait::until(limit, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()) {
        bail!("nothing listens on port {port} after {} s", limit.as_secs());
    }
    Ok(())
}
