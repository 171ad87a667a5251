//! The command line of a trial.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// What every trial may be told; a trial ignores what it has no use for.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// The compiled gateway example.
    pub gateway: PathBuf,
    /// How many times the trial repeats its central step.
    pub count: u32,
    /// Only what has this name, where a trial has parts.
    pub kind: Option<String>,
    /// Begin with this step of the plan, to see a failure again.
    pub first: u32,
    /// Start of the pseudo-random numbers: the same seed makes the same plan.
    pub seed: u64,
    /// Leave out what takes long.
    pub quick: bool,
}

impl Arguments {
    /// Reads `[--gateway PATH] [--count N] [--first N] [--kind NAME] [--seed S] [--quick]`.
    ///
    /// # Errors
    /// An unknown argument, a missing value, or no gateway where it should be.
    pub fn read() -> Result<Self> {
        let mut found = Self {
            gateway: gateway_beside_us()?,
            count: 20,
            kind: None,
            first: 0,
            seed: 1,
            quick: false,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--gateway" => found.gateway = value()?.into(),
                "--count" => found.count = value()?.parse().context("--count")?,
                "--seed" => found.seed = value()?.parse().context("--seed")?,
                "--first" => found.first = value()?.parse().context("--first")?,
                "--kind" => found.kind = Some(value()?),
                "--quick" => found.quick = true,
                _ => bail!(
                    "no argument {word}; there are --gateway, --count, --first, --kind, --seed, --quick"
                ),
            }
        }
        if !found.gateway.is_file() {
            bail!(
                "no gateway at {}; build it with `cargo build --profile ci --workspace --bins --examples`, \
                 or name another with --gateway",
                found.gateway.display()
            );
        }
        Ok(found)
    }
}

/// Trials are built with the examples: `target/ci/crash` beside `target/ci/examples/gateway`.
fn gateway_beside_us() -> Result<PathBuf> {
    let ourselves = std::env::current_exe().context("where this program lies")?;
    let folder = ourselves.parent().context("this program lies in no folder")?;
    Ok(folder.join("examples").join("gateway"))
}
