//! How a program ends.

use std::io;
use std::process::ExitCode;

/// The exit code of a program's result; a fault is told on standard error.
///
/// Whoever reads the output may stop reading (`read_order order.hl7 | head -1`). That is no fault, and nobody is left to
/// tell it to.
pub fn finish(program: &str, result: anyhow::Result<()>) -> ExitCode {
    match result {
        Err(error) if !is_unread(&error) => {
            eprintln!("{program}: {error:#}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Whether the only fault is that nobody reads the output any more.
pub fn is_unread(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|it| it.kind() == io::ErrorKind::BrokenPipe)
}
