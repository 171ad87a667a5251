//! The configuration file of a trial's gateway.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::GATEWAY_TITLE;

/// Application entities that may send to the gateway and query its worklist.
pub const SOURCES: [&str; 5] = ["CT1", "CT2", "CT3", "CT4", "FINDSCU"];

/// One site; every study goes to every destination, every report to the one RIS.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Application entity title and port on loopback of each destination.
    pub destinations: Vec<(String, u16)>,
    /// Where the RIS listens.
    pub ris_port: u16,
    /// Where "report available" is announced.
    pub announcement_port: u16,
    /// A folder with `gateway.pem`, `gateway.key` and `ca.pem`: the DICOM port speaks TLS, and whoever shows a certificate of
    /// that authority may use any title. Without it the port is plain.
    pub certificates: Option<PathBuf>,
}

impl Configuration {
    /// Writes `gateway.toml` into the folder; the gateway's state goes to `data` beside it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        self.write_with_data(folder, Path::new("data"))
    }

    /// As [`Self::write`], with the gateway's state in another directory.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_with_data(&self, folder: &Path, data: &Path) -> Result<PathBuf> {
        let path = folder.join("gateway.toml");
        std::fs::write(&path, self.text(data)?)?;
        Ok(path)
    }

    /// The line of the DICOM listener, and what each source adds.
    fn listener_tls(&self) -> (String, &'static str) {
        let Some(folder) = &self.certificates else { return (String::new(), "") };
        let file = |name| folder.join(name).display().to_string();
        let [certificate, key, ca] = ["gateway.pem", "gateway.key", "ca.pem"].map(file);
        let tls =
            format!("tls = {{ certificate = \"{certificate}\", key = \"{key}\", ca = \"{ca}\" }}");
        (tls, "\ncertificate = \"any\"")
    }

    /// What the file says.
    ///
    /// # Errors
    /// Never; formatting is fallible in general.
    pub fn text(&self, data: &Path) -> Result<String> {
        let (tls, entitled) = self.listener_tls();
        let mut text = format!(
            r#"data_directory = "{data}"
[dicom]
ae_title = "{GATEWAY_TITLE}"
listen = "127.0.0.1:0"
{tls}
[hl7]
listen = "127.0.0.1:0"
application = "TELERAD"
facility = "GATEWAY"
[[site]]
id = "north"
accession_issuer = "NORTH"
patient_authority = "NORTH-MRN"
accession_rules = [{{ rule = "strip_prefix", prefix = "N-" }}]
[[hl7_source]]
site = "north"
application = "RIS"
facility = "NORTH"
role = "ris"
[[hl7_source]]
site = "north"
application = "READER"
facility = "READING"
role = "reader"
[[report_destination]]
site = "north"
address = "127.0.0.1:{ris}"
application = "RIS"
facility = "NORTH"
accession_prefix = "N-"
[[announcement]]
site = "north"
kind = "hl7"
address = "127.0.0.1:{announcement}"
"#,
            data = data.display(),
            ris = self.ris_port,
            announcement = self.announcement_port,
        );
        for title in SOURCES {
            writeln!(
                text,
                "[[source]]\nsite = \"north\"\nae_title = \"{title}\"\n\
                 services = [\"echo\", \"mpps\", \"store\", \"worklist\"]{entitled}"
            )?;
        }
        let mut ids = Vec::new();
        for (title, port) in &self.destinations {
            let id = title.to_lowercase();
            writeln!(
                text,
                "[[destination]]\nid = \"{id}\"\nae_title = \"{title}\"\n\
                 address = \"127.0.0.1:{port}\"\nassociations_max = 4\nretry_seconds = [1, 2]"
            )?;
            ids.push(format!("\"{id}\""));
        }
        writeln!(text, "[[rule]]\nid = \"all\"\nsend_to = [{}]", ids.join(", "))?;
        Ok(text)
    }
}
