//! How a program ends.

use std::fmt::Display;
use std::io::{self, Stdout, Write};
use std::process::ExitCode;

/// The exit code of a program's result; a fault is told on standard error.
///
/// Whoever reads the output may stop reading (`read_order order.hl7 | head -1`). That is no fault, and nobody is left to
/// tell it to.
pub fn finish(program: &str, result: anyhow::Result<()>) -> ExitCode {
    match result {
        Err(error) if !is_unread(&error) => {
            complain(format_args!("{program}: {error:#}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Whether the only fault is that nobody reads the output any more.
pub fn is_unread(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|it| it.kind() == io::ErrorKind::BrokenPipe)
}

/// Says what is wrong on standard error. That nobody reads it changes nothing about how a program ends.
pub fn complain(words: impl Display) {
    let _ = writeln!(io::stderr(), "{words}");
}

/// Standard output of a program that has more to do than to show something: when nobody reads any more, the rest is not
/// shown, and what is to be written or sent still is.
#[derive(Debug)]
pub struct Shown(Stdout);

impl Shown {
    /// The standard output of this process.
    pub fn new() -> Self {
        Self(io::stdout())
    }
}

impl Default for Shown {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}
