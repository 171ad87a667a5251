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

/// The fuzz bodies are a workspace of their own, which `--workspace` does not reach.
const FUZZ: &str = "fuzz/Cargo.toml";

/// So is the race against the crates of others, which only its formatting is checked of: building it takes dozens of
/// packages that nothing else needs.
const PEERS: &str = "benches/peers/Cargo.toml";

/// Formatting, lints, tests, the facade by itself, documentation, then tidy; the first failure ends the run.
pub fn run(root: &Path, tests: Tests) -> Result<()> {
    timed("fmt", || {
        succeed(&mut cargo(root, &["fmt", "--all", "--check"]))?;
        for manifest in [FUZZ, PEERS] {
            if root.join(manifest).exists() {
                let apart = ["fmt", "--manifest-path", manifest, "--check"];
                succeed(&mut cargo(root, &apart))?;
            }
        }
        Ok(())
    })?;
    timed("clippy", || {
        let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet"];
        succeed(cargo(root, &clippy).args(["--", "-D", "warnings"]))?;
        if root.join(FUZZ).exists() {
            let clippy = ["clippy", "--manifest-path", FUZZ, "--locked", "--quiet"];
            succeed(cargo(root, &clippy).args(["--", "-D", "warnings"]))?;
        }
        Ok(())
    })?;
    if tests == Tests::Run {
        timed("test", || succeed(&mut cargo(root, &["test", "--workspace", "--locked"])))?;
    }
    timed("facade alone", || {
        // Built together, one member's features hide what another forgot to ask for.
        let check = ["check", "-p", "telerad", "--no-default-features", "--locked", "--quiet"];
        succeed(&mut cargo(root, &check))
    })?;
    timed("doc", || {
        let doc = ["doc", "--workspace", "--no-deps", "--locked", "--quiet"];
        succeed(cargo(root, &doc).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    timed("tidy", || tidy::run(root))
}
