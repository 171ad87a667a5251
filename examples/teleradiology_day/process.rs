//! The gateway as a process of its own: started, killed, started again, asked to stop.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running gateway process.
pub(crate) struct GatewayProcess {
    child: Child,
    pub(crate) dicom: String,
    pub(crate) hl7: String,
}

/// Files of the day: configuration, data directory and log.
pub(crate) struct Folder {
    pub(crate) configuration: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) log: PathBuf,
}

impl Folder {
    pub(crate) fn at(path: &Path) -> Self {
        Self {
            configuration: path.join("day.toml"),
            data: path.join("data"),
            log: path.join("gateway.log"),
        }
    }
}

impl GatewayProcess {
    /// Starts the process and waits until it says that it is ready.
    pub(crate) async fn start(folder: &Folder) -> anyhow::Result<Self> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&folder.log)?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg(crate::GATEWAY)
            .arg(&folder.configuration)
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the gateway process")?;
        let output = child.stdout.take().context("the gateway has no output")?;
        let mut lines = BufReader::new(output).lines();
        let (mut dicom, mut hl7) = (String::new(), String::new());
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = line.strip_prefix("dicom listening on ") {
                dicom = address.to_owned();
            } else if let Some(address) = line.strip_prefix("hl7 listening on ") {
                hl7 = address.to_owned();
            } else if line == "ready" {
                return Ok(Self { child, dicom, hl7 });
            }
        }
        let log = std::fs::read_to_string(&folder.log).unwrap_or_default();
        anyhow::bail!("the gateway did not start:\n{log}")
    }

    /// `kill -9`: no handler runs, nothing is flushed.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("cannot kill the gateway")
    }

    /// SIGTERM, and then its own end.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let id = self.child.id().context("the gateway is gone")?;
        let asked = Command::new("kill").arg("-TERM").arg(id.to_string()).status().await?;
        ensure!(asked.success(), "cannot signal the gateway");
        let status = self.child.wait().await?;
        ensure!(status.success(), "the gateway ended with {status}");
        Ok(())
    }
}
