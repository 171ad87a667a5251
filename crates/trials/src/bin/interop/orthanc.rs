//! Orthanc as a receiver, asked for its files over its REST API.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use telerad_trials::tool::{self, Running, free_port};
use telerad_trials::{http, part10};

use crate::Held;

/// The title of the receiver.
pub const TITLE: &str = "ORTHANC";

/// An Orthanc with an empty database of its own; killed when dropped.
pub struct Orthanc {
    dicom_port: u16,
    http_port: u16,
    _process: Running,
}

impl Orthanc {
    /// Starts it so that it takes every SOP class and changes nothing.
    pub fn start(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let (dicom_port, http_port) = (free_port()?, free_port()?);
        let storage = folder.join("storage");
        let configuration = format!(
            r#"{{
  "Name": "peer", "DicomAet": "{TITLE}", "DicomPort": {dicom_port}, "HttpPort": {http_port},
  "StorageDirectory": "{storage}", "IndexDirectory": "{storage}", "Plugins": [],
  "RemoteAccessAllowed": false, "AuthenticationEnabled": false, "DicomAlwaysAllowStore": true,
  "DicomCheckCalledAet": false, "UnknownSopClassAccepted": true, "StorageCompression": false,
  "OverwriteInstances": false
}}"#,
            storage = storage.display()
        );
        let path = folder.join("orthanc.json");
        std::fs::write(&path, configuration)?;
        let path = path.to_string_lossy();
        let process = tool::start("/usr/sbin/Orthanc", &[&*path], &folder.join("orthanc.log"))?;
        tool::wait_for_port(http_port, Duration::from_secs(40))?;
        tool::wait_for_port(dicom_port, Duration::from_secs(40))?;
        Ok(Self { dicom_port, http_port, _process: process })
    }

    /// Where it takes instances.
    pub const fn dicom_port(&self) -> u16 {
        self.dicom_port
    }

    /// How many instances it holds.
    pub fn count(&self) -> usize {
        self.instances().map_or(0, |ids| ids.len())
    }

    /// The data sets that it holds; afterwards it holds none.
    pub fn take(&self) -> Result<Held> {
        let mut held = Held::new();
        for id in self.instances()? {
            let path = format!("/instances/{id}");
            let mut file = http::request("GET", self.http_port, &format!("{path}/file"))?;
            let head = part10::read(&file).context(id)?;
            held.insert(head.sop_instance_uid, file.split_off(head.data_set));
            http::request("DELETE", self.http_port, &path)?;
        }
        Ok(held)
    }

    /// A JSON list of strings without escapes.
    fn instances(&self) -> Result<Vec<String>> {
        let body = http::request("GET", self.http_port, "/instances")?;
        let text = String::from_utf8(body)?;
        Ok(text.split('"').skip(1).step_by(2).map(str::to_owned).collect())
    }
}
