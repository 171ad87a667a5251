//! `kill -9` of the gateway's process, and with it the power of the disk under its spool and database.
//!
//! Half of the time the disk stops within a certain operation, and the process is killed when that is seen: it may have
//! a moment to learn that nothing can be written any more. The other half, the process is killed at a certain time,
//! and the disk forgets afterwards. What is left is looked into on a copy, so that the next gateway is the first to
//! open it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use telerad_trials::gateway::Gateway;
use telerad_trials::wait;
use tempfile::TempDir;

use crate::audit::Depth;
use crate::episode::Episode;
use crate::layer::Plan;
use crate::life::Life;
use crate::process::any_plan;
use crate::tally::Tally;

/// The gateway's program, and where its configuration and log are.
pub struct Program {
    program: PathBuf,
    folder: TempDir,
}

impl Program {
    /// The program at this path.
    ///
    /// # Errors
    /// When no folder can be made.
    pub fn new(program: &Path) -> Result<Self> {
        Ok(Self { program: program.to_owned(), folder: tempfile::tempdir()? })
    }

    /// One life, from the start of a process to its kill.
    ///
    /// # Errors
    /// When the layer's process has ended, or the gateway's cannot be started.
    pub fn live_and_crash(
        &self,
        episode: &mut Episode<'_>,
        tally: &mut Tally,
    ) -> Result<Vec<String>> {
        let layer = episode.layer;
        let mut findings = Vec::new();
        // A look needs all of its disk: faults and cuts are for the gateway.
        let copy = layer.copy()?;
        match Life::open(&copy) {
            Ok(life) => {
                findings.extend(episode.look(&life, Depth::New, tally));
                life.end();
            }
            Err(error) => findings.push(format!("what a cut left cannot be opened: {error:#}")),
        }

        let by_time = episode.rng.below(2) == 0;
        let mut plan = any_plan(episode);
        if by_time {
            plan.cut_at = None;
        }
        episode.arm(plan)?;
        let mut gateway = self.spawn(episode)?;
        match gateway.ready(READY_MAX) {
            Ok(addresses) => {
                episode.load.serve(addresses);
                let limit = if by_time { 20 + episode.rng.below(250) } else { LIFE_MILLIS_MAX };
                if !layer.wait_for_cut(Duration::from_millis(limit))? && !by_time {
                    tally.late_cuts += 1;
                }
            }
            Err(error) => {
                tally.never_opened += 1;
                findings.extend(unexpected(plan, layer.wait_for_cut(Duration::ZERO)?, &error));
            }
        }
        episode.load.pause();
        gateway.kill()?;
        layer.cut()?;
        // What the killed process had sent is still on its way to the senders.
        wait::pause(Duration::from_millis(2));
        findings.extend(episode.acknowledged_after_a_failed_sync(tally)?);
        Ok(findings)
    }

    fn spawn(&self, episode: &Episode<'_>) -> Result<Gateway> {
        let data = episode.layer.directory().join("data");
        let configuration = self.folder.path().join("gateway.toml");
        std::fs::write(&configuration, episode.house.text(&data)?)?;
        let log = self.folder.path().join("gateway.log");
        Gateway::spawn(&self.program, &configuration, &log).context("the gateway's program")
    }
}

/// Nothing but a cut or a fault keeps a gateway from starting.
fn unexpected(plan: Plan, is_cut: bool, error: &anyhow::Error) -> Option<String> {
    let explained = is_cut || plan.fault.is_some();
    (!explained).then(|| format!("the gateway did not start on what a cut left: {error:#}"))
}

const LIFE_MILLIS_MAX: u64 = 500;
const READY_MAX: Duration = Duration::from_secs(30);
