//! Where a trial's gateway lives: its folder, its configuration, its log.

use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use crate::arguments::Arguments;
use crate::configuration::Configuration;
use crate::gateway::{Addresses, Gateway};

/// A folder for one gateway, which may be started in it several times; deleted when dropped.
#[derive(Debug)]
pub struct Setting {
    /// The folder; the gateway's state is in `data` below it.
    pub folder: TempDir,
    /// The configuration file.
    pub configuration: PathBuf,
    /// What the gateway logs.
    pub log: PathBuf,
}

impl Setting {
    /// A gateway between one reader, a RIS and whoever hears "report available", each by its port on loopback.
    ///
    /// # Errors
    /// When the folder or the file cannot be written.
    pub fn between(reader: u16, ris: u16, announcements: u16) -> Result<Self> {
        Self::configured(reader, ris, announcements, None)
    }

    /// As [`Self::between`], with TLS on the DICOM port from the files in this folder.
    ///
    /// # Errors
    /// When the folder or the file cannot be written.
    pub fn with_tls(reader: u16, ris: u16, certificates: &Path) -> Result<Self> {
        Self::configured(reader, ris, ris, Some(certificates.to_owned()))
    }

    fn configured(
        reader: u16,
        ris: u16,
        announcements: u16,
        certificates: Option<PathBuf>,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let configuration = Configuration {
            destinations: vec![("READER".to_owned(), reader)],
            ris_port: ris,
            announcement_port: announcements,
            certificates,
        };
        let configuration = configuration.write(folder.path())?;
        let log = folder.path().join("gateway.log");
        Ok(Self { folder, configuration, log })
    }

    /// Starts the gateway and waits until it serves.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub fn start(&self, arguments: &Arguments) -> Result<(Gateway, Addresses)> {
        Gateway::start(&arguments.gateway, &self.configuration, &self.log)
    }

    /// Starts the gateway without waiting for it.
    ///
    /// # Errors
    /// As [`Gateway::spawn`].
    pub fn spawn(&self, arguments: &Arguments) -> Result<Gateway> {
        Gateway::spawn(&arguments.gateway, &self.configuration, &self.log)
    }
}
