//! The process that serves the file system.

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use fuser::{Config, MountOption, SessionACL};
use telerad_testkit::Rng;

use super::requests::Requests;
use super::state::State;

/// The first argument of the program when it is to be the server; the second is where to mount.
pub const SERVE: &str = "--serve-layer";

pub(super) struct Shared {
    state: Mutex<State>,
    /// Rings when the power goes.
    pub(super) cut: Condvar,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// Waits for the cut so long.
    fn is_cut_within(&self, limit: Duration) -> bool {
        let waited = self.cut.wait_timeout_while(self.state(), limit, |state| state.has_power());
        let (state, _) = waited.expect("no holder of this lock panics");
        !state.has_power()
    }
}

/// Mounts, says `ready`, answers line by line, and unmounts at the end of the input.
///
/// # Errors
/// When whoever started this cannot be understood or answered.
pub fn serve(folder: &Path) -> Result<()> {
    let shared = Arc::new(Shared { state: Mutex::new(State::new()), cut: Condvar::new() });
    let mut config = Config::default();
    config.mount_options = vec![MountOption::FSName("telerad-crash".to_owned())];
    config.acl = SessionACL::Owner;
    config.n_threads = Some(THREADS);
    let requests = match Requests::new(Arc::clone(&shared), folder) {
        Ok(requests) => requests,
        Err(error) => return say(&format!("{}: {error:#}", folder.display())),
    };
    let session = match fuser::spawn_mount(requests, folder, &config) {
        Ok(session) => session,
        Err(error) => return say(&format!("{error} (needs /dev/fuse, and root or fusermount3)")),
    };
    say("ready")?;
    let outcome = converse(&shared);
    // Whoever still has a file open is told that the disk is gone.
    let _ = Command::new("umount").arg("--lazy").arg(folder).status();
    drop(session);
    outcome
}

fn converse(shared: &Shared) -> Result<()> {
    for question in std::io::stdin().lock().lines() {
        let question = question?;
        let words: Vec<&str> = question.split(' ').collect();
        let answer = match *words.as_slice() {
            ["arm", plan] => {
                shared.state().arm(plan.parse()?);
                "armed".to_owned()
            }
            ["copy"] => shared.state().copy().to_string(),
            ["cut"] => {
                shared.state().cut();
                "cut".to_owned()
            }
            ["failed"] => shared.state().failed_syncs(),
            ["losses"] => shared.state().losses(),
            ["renew"] => shared.state().renew().to_string(),
            ["revive", seed] => {
                let seed = seed.parse().context("a seed")?;
                shared.state().revive(&mut Rng::new(seed)).to_string()
            }
            ["trace"] => shared.state().trace(),
            ["wait", limit] => {
                let limit = Duration::from_millis(limit.parse().context("a limit")?);
                if shared.is_cut_within(limit) { "cut" } else { "on" }.to_owned()
            }
            _ => bail!("not understood: {question}"),
        };
        say(&answer)?;
    }
    Ok(())
}

fn say(answer: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{answer}")?;
    Ok(out.flush()?)
}

/// Syncs take a while on a disk, and commits gather in groups meanwhile: others are served in that time.
const THREADS: usize = 4;
