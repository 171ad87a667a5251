//! A file system that can lose its power: the simulated disk, mounted by FUSE.
//!
//! Spool and database lie on it, and reach it by the kernel's ordinary system calls. The layer sees every write when
//! it is made: files are opened for direct I/O and there is no write-back cache. The one exception is SQLite's `-shm`
//! file, the index of the write-ahead log: it is mapped into memory, which needs the kernel's page cache. SQLite
//! builds it anew after a crash and never syncs it, so the layer neither counts nor disturbs what happens to it.
//!
//! Each power cut begins a *generation*: a folder of its own under the mount, with what the cut left. Whoever still
//! has files of an earlier one open gets errors from them, so that a gateway that is being dropped can do no more
//! harm, and nothing has to be unmounted between two crashes.
//!
//! The file system is served by a process of its own, this program started again. A process that unmaps a file waits
//! for its pages to be written, and holds its own memory meanwhile: were it the server too, it would wait for itself.

mod plan;
mod requests;
mod server;
mod state;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use telerad_testkit::Rng;
use tempfile::TempDir;

pub use plan::{Fault, Plan, Trouble};
pub use server::{SERVE, serve};

/// A sync that failed with something to write.
#[derive(Clone, Debug)]
pub struct FailedSync {
    /// When.
    pub at: Instant,
    /// Of what: a file's or directory's name.
    pub name: String,
    /// The root of a copy of what was durable by then.
    pub durable: PathBuf,
}

/// What a layer did to those who used it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    /// Operations that failed by plan.
    pub faults: u64,
    /// Files that the last cut left neither as they were last synced nor as they were last written.
    pub torn_files: u64,
    /// Names that the last cut left otherwise than they were: of files that were made, renamed or removed.
    pub lost_names: u64,
}

/// The mounted layer; unmounted when dropped.
pub struct Layer {
    line: Mutex<Line>,
    present: Mutex<Present>,
    folder: TempDir,
}

struct Present {
    generation: String,
    power: Arc<AtomicBool>,
}

/// The server, and how to talk to it: a line there, a line back.
struct Line {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Line {
    fn ask(&mut self, question: &str) -> Result<String> {
        let to = self.to.as_mut().context("the layer has been closed")?;
        writeln!(to, "{question}")?;
        self.hear()
    }

    fn hear(&mut self) -> Result<String> {
        let mut answer = String::new();
        if self.from.read_line(&mut answer)? == 0 {
            bail!("the faulting file layer has ended");
        }
        Ok(answer.trim_end().to_owned())
    }
}

impl Layer {
    /// Mounts an empty disk.
    ///
    /// # Errors
    /// When mounting is refused: without `/dev/fuse`, or without the right to mount and without `fusermount3`.
    pub fn mount() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mount_point = folder.path().to_owned();
        Self::mount_on(&mount_point, folder)
    }

    /// What mounting says where it cannot be done: on nothing.
    ///
    /// # Errors
    /// When it was not refused.
    pub fn refusal() -> Result<String> {
        let folder = tempfile::tempdir()?;
        match Self::mount_on(&folder.path().join("missing"), folder) {
            Ok(_) => bail!("something was mounted on nothing"),
            Err(error) => Ok(error.to_string()),
        }
    }

    fn mount_on(mount_point: &Path, folder: TempDir) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(SERVE)
            .arg(mount_point)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().context("the layer says nothing")?);
        let mut line = Line { child, to, from };
        let answer = line.hear()?;
        if answer != "ready" {
            bail!("mounting the faulting file layer was refused: {answer}");
        }
        let power = Arc::new(AtomicBool::new(true));
        let present = Present { generation: "1".to_owned(), power };
        Ok(Self { line: Mutex::new(line), present: Mutex::new(present), folder })
    }

    /// The root of the present generation.
    pub fn directory(&self) -> PathBuf {
        let present = self.present.lock().expect("no holder of this lock panics");
        self.folder.path().join(&present.generation)
    }

    /// From now on, operations are counted from 1 and this happens to them.
    ///
    /// # Errors
    /// As for all of them: when the layer's process has ended.
    pub fn arm(&self, plan: Plan) -> Result<()> {
        self.ask(&format!("arm {plan}")).map(drop)
    }

    /// Waits until the plan cuts the power; `false` when the time is up before.
    ///
    /// # Errors
    /// As [`Self::arm`].
    pub fn wait_for_cut(&self, limit: Duration) -> Result<bool> {
        let is_cut = self.ask(&format!("wait {}", limit.as_millis()))? == "cut";
        if is_cut {
            self.power().store(false, Ordering::SeqCst);
        }
        Ok(is_cut)
    }

    /// Cuts the power now, unless that has happened.
    ///
    /// # Errors
    /// As [`Self::arm`].
    pub fn cut(&self) -> Result<()> {
        self.power().store(false, Ordering::SeqCst);
        self.ask("cut").map(drop)
    }

    /// Power is back: a new generation, with what the cut left.
    ///
    /// # Errors
    /// As [`Self::arm`].
    pub fn revive(&self, rng: &mut Rng) -> Result<()> {
        let generation = self.ask(&format!("revive {}", rng.next_u64()))?;
        self.begin(generation);
        Ok(())
    }

    /// A new generation with an empty disk.
    ///
    /// # Errors
    /// As [`Self::arm`].
    pub fn renew(&self) -> Result<()> {
        let generation = self.ask("renew")?;
        self.begin(generation);
        Ok(())
    }

    /// The root of a copy of what the present generation holds, to look into without disturbing it.
    ///
    /// # Errors
    /// As [`Self::arm`].
    pub fn copy(&self) -> Result<PathBuf> {
        Ok(self.folder.path().join(self.ask("copy")?))
    }

    /// Whether the present generation has power, for whoever should stop together with the disk.
    pub fn power(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.present.lock().expect("no holder of this lock panics").power)
    }

    /// The syncs that failed in the present generation: the first of the database's log and the first of anything else.
    /// Each is told once.
    ///
    /// # Errors
    /// As [`Self::arm`].
    pub fn failed_syncs(&self) -> Result<Vec<FailedSync>> {
        let answer = self.ask("failed")?;
        let mut failed = Vec::new();
        for line in answer.split('\t').filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split(' ').collect();
            let [ago, name, copy] = *words.as_slice() else { bail!("not understood: {line}") };
            let ago = Duration::from_micros(ago.parse()?);
            let at = Instant::now().checked_sub(ago).context("before the machine was started")?;
            let durable = self.folder.path().join(copy);
            failed.push(FailedSync { at, name: name.to_owned(), durable });
        }
        Ok(failed)
    }

    /// What failed by plan in the present generation, and what its cut took when it began.
    ///
    /// # Errors
    /// As [`Self::arm`].
    pub fn losses(&self) -> Result<Losses> {
        let answer = self.ask("losses")?;
        let numbers: Vec<u64> = answer.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [faults, torn_files, lost_names] = *numbers.as_slice() else {
            bail!("not understood: {answer}")
        };
        Ok(Losses { faults, torn_files, lost_names })
    }

    /// The last operations of the present generation, for a person.
    pub fn trace(&self) -> String {
        self.ask("trace").unwrap_or_default().replace('\t', "\n")
    }

    fn begin(&self, generation: String) {
        let power = Arc::new(AtomicBool::new(true));
        *self.present.lock().expect("no holder of this lock panics") =
            Present { generation, power };
    }

    fn ask(&self, question: &str) -> Result<String> {
        self.line.lock().expect("no holder of this lock panics").ask(question)
    }
}

impl Drop for Layer {
    fn drop(&mut self) {
        if let Ok(line) = self.line.get_mut() {
            // The server unmounts and ends when nobody talks to it any more.
            line.to = None;
            let _ = line.child.wait();
        }
    }
}
