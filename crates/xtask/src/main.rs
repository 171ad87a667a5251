//! The project's own checks, as one program: `cargo xtask <command>`.
//!
//! It depends on none of the crates it checks, so that it still builds when they do not.

#![expect(clippy::print_stdout, reason = "a program that reports to a person")]
#![expect(clippy::disallowed_methods, reason = "reads the tree, the clock and the environment")]

mod ci;
mod step;
mod tidy;
mod trial;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

/// What the program can do, in the words of a person at a terminal.
const USAGE: &str = "\
usage: cargo xtask <command>

  ci [--without-tests]        formatting, lints, tests, documentation, tidy
  tidy                        the rules of the architecture that a tool can check
  interop [--quick]           DICOM and HL7 programs of others against the gateway and the library
  bench-peers [--runs N] [--quick]
                              DICOM beside bare TCP, DCMTK and dicom-rs, and its memory
  bench-store [--quick --kind intake|single|forward|orders|queue]
                              durable intake, forwarding and a million queued deliveries, beside bare programs, DCMTK and
                              Orthanc
  crash [--kind kill|layer|process|refused|all --count N --seed S --first N]
                              crash the gateway at random moments, on real disks and on failing ones, lose nothing
  down                        a destination that is away for the whole run
  duplicates                  the same instance again, coded otherwise, and the same UID with other content
  memory                      one very large instance within a small memory
  malformed [--quick]         nonsense and probes, plain and with TLS: each is answered as it should be, nothing stays
  schedules [--count N --seed S --first N --kind trace]
                              the whole gateway in a simulation: random faults, each instance arrives once
  watermarks                  a disk that fills, with DCMTK and an instance of 1 GB (needs root)

arguments after the name of a trial are handed to the trial";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((command, rest)) = arguments.split_first() else { bail!("{USAGE}") };
    let root = workspace_root();
    match command.as_str() {
        "ci" => match rest {
            [] => ci::run(&root, ci::Tests::Run),
            [flag] if flag == "--without-tests" => ci::run(&root, ci::Tests::Skip),
            _ => bail!("ci takes only --without-tests"),
        },
        "tidy" if rest.is_empty() => tidy::run(&root),
        name if trial::NAMES.contains(&name) => trial::run(&root, name, rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        other => bail!("no command `{other}` with these arguments\n{USAGE}"),
    }
}

/// The folder that holds the workspace's `Cargo.toml`.
fn workspace_root() -> PathBuf {
    // `cargo run` says where the package being run lies; the compiled-in path serves a copy that
    // was started by hand.
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.ancestors().nth(2).map_or_else(|| package.clone(), Path::to_path_buf)
}
