//! The tools of dicom-rs, built by cargo beside what was built here.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::tool::{self, last_line};
use crate::verdict;

/// What to do about programs that are not there yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Missing {
    /// Build them, which takes minutes.
    AreBuilt,
    /// Do without.
    AreMissing,
}

/// Builds those of the programs that are not there yet; the folder of their binaries.
///
/// # Errors
/// When no registry is within reach, something does not compile, or nothing is to be built.
pub fn install(programs: &[&str], what_is_missing: Missing) -> Result<PathBuf> {
    let ourselves = std::env::current_exe()?;
    let target = ourselves.ancestors().nth(2).context("this program lies in no target folder")?;
    let root = target.join("peers");
    let is_there = |name: &&&str| {
        let program = root.join("bin").join(name).to_string_lossy().into_owned();
        let version = tool::run(&program, &["--version"], Duration::from_secs(10));
        version.is_ok_and(|it| it.success && it.output.trim_end().ends_with(VERSION))
    };
    let missing: Vec<&&str> = programs.iter().filter(|name| !is_there(name)).collect();
    if !missing.is_empty() {
        ensure!(what_is_missing == Missing::AreBuilt, "the tools are not built yet");
        let versions: Vec<String> =
            missing.iter().map(|name| format!("{name}@{VERSION}")).collect();
        verdict::note(format!("building {}", versions.join(" and ")));
        let (root, build) = (root.to_string_lossy(), root.join("build"));
        let build = build.to_string_lossy();
        let mut words = vec!["install", "--locked", "--root", &root, "--target-dir", &build];
        words.extend(versions.iter().map(String::as_str));
        let install = tool::run("cargo", &words, Duration::from_secs(1800))?;
        ensure!(install.success, "cargo install: {}", last_line(&install.output));
    }
    Ok(root.join("bin"))
}

/// Fixed, so that a trial compares with the same every week.
const VERSION: &str = "0.10.1";
