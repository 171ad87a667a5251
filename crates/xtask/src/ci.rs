//! Everything that must hold before a change is submitted.

use std::path::Path;

use anyhow::Result;

use crate::step::{cargo, succeed, timed};
use crate::tidy;

/// Whether the tests are part of the run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tests {
    /// Unit tests, integration tests and documentation tests.
    Run,
    /// The pipeline has run them already, by the README's own command.
    Skip,
}

/// Formatting, lints, tests, documentation, then tidy; the first failure ends the run.
pub fn run(root: &Path, tests: Tests) -> Result<()> {
    timed("fmt", || {
        succeed(&mut cargo(root, &["fmt", "--all", "--check"]))?;
        // The fuzz bodies are a workspace of their own, which `--all` does not reach.
        if root.join("fuzz/Cargo.toml").exists() {
            let fuzz = ["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"];
            succeed(&mut cargo(root, &fuzz))?;
        }
        Ok(())
    })?;
    timed("clippy", || {
        let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet"];
        succeed(cargo(root, &clippy).args(["--", "-D", "warnings"]))
    })?;
    if tests == Tests::Run {
        timed("test", || succeed(&mut cargo(root, &["test", "--workspace", "--locked"])))?;
    }
    timed("doc", || {
        let doc = ["doc", "--workspace", "--no-deps", "--locked", "--quiet"];
        succeed(cargo(root, &doc).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    timed("tidy", || tidy::run(root))
}
