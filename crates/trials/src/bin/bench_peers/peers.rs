//! The programs of others: DCMTK's and dicom-rs's `storescu` and `storescp`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use telerad_trials::dicom_rs::Missing;
use telerad_trials::tool::{Running, free_port, wait_for_port};
use telerad_trials::{debian, dicom_rs, verdict};
use tempfile::TempDir;

use crate::process::time_program;
use crate::role;
use crate::workload::files;

/// Programs that are there.
pub struct Peers {
    folder: TempDir,
    /// Where the tools of dicom-rs are, or why there are none.
    dicom_rs: Result<PathBuf, String>,
}

/// Whether DCMTK's sockets wait to fill their segments.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Nagle {
    /// As DCMTK sets them by itself.
    AsItComes,
    /// `TCP_NODELAY=1` in the environment of both sides.
    Off,
}

/// A receiver of dicom-rs, if there is one.
pub enum Receiver {
    /// Why there is none.
    Missing(String),
    /// It listens.
    Running(Scp),
}

impl Peers {
    /// Installs DCMTK by apt, and the tools of dicom-rs by cargo beside what was built here. DCMTK has to be there. dicom-rs
    /// may be missing, where no registry is within reach.
    pub fn install() -> Result<Self> {
        debian::install(&[(STORESCU, "dcmtk"), (STORESCP, "dcmtk")])?;
        let dicom_rs =
            dicom_rs::install(&DICOM_RS, Missing::AreBuilt).map_err(|error| format!("{error:#}"));
        if let Err(reason) = &dicom_rs {
            verdict::note(format!("no dicom-rs: {reason}"));
        }
        // In memory, where that can be had: dicom-storescp cannot be told to keep nothing.
        let memory = Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => TempDir::new_in(memory)?,
            false => TempDir::new()?,
        };
        Ok(Self { folder, dicom_rs })
    }

    /// `storescp --ignore`.
    pub fn storescp(&self, nagle: Nagle) -> Result<Scp> {
        let environment = if nagle == Nagle::Off { &[("TCP_NODELAY", "1")][..] } else { &[] };
        let words = ["--ignore", "PORT"].map(str::to_owned);
        Scp::start(STORESCP, STORESCU, &words, environment, self.folder.path(), None)
    }

    /// `dicom-storescp`, which writes what it receives; with a maximum PDU length other than its own when one is given.
    pub fn dicom_rs_storescp(&self, pdu_bytes_max: Option<u32>) -> Result<Receiver> {
        let tools = match &self.dicom_rs {
            Ok(tools) => tools,
            Err(_) => return Ok(Receiver::Missing("not installed".to_owned())),
        };
        let length = pdu_bytes_max.map(|bytes| bytes.to_string());
        let kept = self.folder.path().join(length.as_deref().unwrap_or("kept"));
        std::fs::create_dir_all(&kept)?;
        let mut words = ["-o", &kept.to_string_lossy(), "-p", "PORT"].map(str::to_owned).to_vec();
        words.extend(length.into_iter().flat_map(|length| ["-m".to_owned(), length]));
        let [storescp, storescu] =
            DICOM_RS.map(|name| tools.join(name).to_string_lossy().into_owned());
        let scp = Scp::start(&storescp, &storescu, &words, &[], self.folder.path(), Some(kept))?;
        Ok(Receiver::Running(scp))
    }

    /// The seconds that our own sender takes for a folder, as a process that reads files.
    pub fn time_ours(&self, port: &str, folder: &Path) -> Result<f64> {
        let log = File::create(self.folder.path().join("ours.log"))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args([role::WORD, "sender", port]).arg(folder).arg("files");
        time_program(&mut command, &log)
    }
}

/// A receiver, and the sender that belongs to it.
pub struct Scp {
    storescu: String,
    environment: Vec<(&'static str, &'static str)>,
    port: u16,
    log: PathBuf,
    /// Where it keeps what it receives.
    kept: Option<PathBuf>,
    _process: Running,
}

impl Scp {
    fn start(
        storescp: &str,
        storescu: &str,
        words: &[String],
        environment: &[(&'static str, &'static str)],
        folder: &Path,
        kept: Option<PathBuf>,
    ) -> Result<Self> {
        let port = free_port()?;
        let log = folder.join(format!("{port}.log"));
        let output = File::create(&log)?;
        let mut command = Command::new(storescp);
        for word in words {
            command.arg(word.replace("PORT", &port.to_string()));
        }
        command.env_remove("TCP_NODELAY").envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("cannot start {storescp}"))?;
        let process = Running(child);
        wait_for_port(port, Duration::from_secs(10))?;
        let (storescu, environment) = (storescu.to_owned(), environment.to_vec());
        Ok(Self { storescu, environment, port, log, kept, _process: process })
    }

    /// The seconds that its sender takes for a folder.
    pub fn time_storescu(&self, folder: &Path) -> Result<f64> {
        let log = File::create(self.log.with_extension("storescu.log"))?;
        let mut command = Command::new(&self.storescu);
        if self.storescu == STORESCU {
            command.args(["+sd", "127.0.0.1", &self.port.to_string()]);
        } else {
            // Without this it goes on after a failure and ends well.
            command.args(["--fail-first", &format!("127.0.0.1:{}", self.port)]);
        }
        command.arg(folder).env_remove("TCP_NODELAY").envs(self.environment.iter().copied());
        let took = time_program(&mut command, &log)?;
        if let Some(kept) = &self.kept {
            let (arrived, sent) = (files(kept)?, files(folder)?.len());
            ensure!(arrived.len() == sent, "{} kept {} of {sent}", self.storescu, arrived.len());
            for file in arrived {
                std::fs::remove_file(file)?;
            }
        }
        Ok(took)
    }
}

const STORESCU: &str = "/usr/bin/storescu";
const STORESCP: &str = "/usr/bin/storescp";
/// Receiver and sender.
const DICOM_RS: [&str; 2] = ["dicom-storescp", "dicom-storescu"];
