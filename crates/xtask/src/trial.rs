//! Builds the trials and the gateway as the pipeline does, then runs one trial.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::step::{cargo, output, succeed, timed};

/// The trials of `crates/trials`, by the names of their binaries.
pub const NAMES: [&str; 10] = [
    "interop",
    "bench-peers",
    "bench-store",
    "crash",
    "down",
    "duplicates",
    "memory",
    "malformed",
    "schedules",
    "watermarks",
];

/// Builds everything optimised, then hands the arguments to the trial.
///
/// The build names the whole workspace: with a smaller selection cargo would unify other features
/// and compile most of the graph a second time.
pub fn run(root: &Path, name: &str, arguments: &[String]) -> Result<()> {
    timed("build (profile ci)", || {
        let build = ["build", "--workspace", "--bins", "--examples", "--profile", "ci"];
        succeed(cargo(root, &build).args(["--locked", "--quiet"]))
    })?;
    let folder = target_directory(root)?.join("ci");
    for program in programs(name) {
        let mut command = Command::new(folder.join(program));
        timed(program, || succeed(command.args(arguments).current_dir(root)))?;
    }
    Ok(())
}

/// The programs of one trial, in order.
fn programs(name: &str) -> Vec<&str> {
    match name {
        "bench-peers" => vec!["bench_peers", "worklists"],
        "bench-store" => vec!["bench_store"],
        "interop" => vec![name, "dimse_interop", "hl7_interop", "worklists"],
        _ => vec![name],
    }
}

fn target_directory(root: &Path) -> Result<PathBuf> {
    let metadata = ["metadata", "--format-version", "1", "--no-deps", "--locked"];
    let text = output(&mut cargo(root, &metadata))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is not JSON")?;
    let directory = metadata["target_directory"].as_str().context("no target_directory")?;
    Ok(PathBuf::from(directory))
}
