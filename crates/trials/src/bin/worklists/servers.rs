//! The worklist servers that are compared, each on the same folder of items.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use telerad_trials::tool::{self, Running, free_port, last_line};
use telerad_trials::{debian, python};

/// A running server; killed when dropped.
pub struct Server {
    pub name: &'static str,
    pub title: &'static str,
    pub port: u16,
    _process: Running,
}

/// Ours: `serve_worklist`, which reads the items once.
pub fn ours(program: &Path, items: &Path, log: &Path) -> Result<Server> {
    let port = free_port()?;
    let words = [format!("127.0.0.1:{port}"), "OFFIS".to_owned(), text(items)];
    let process = tool::start(&text(program), &words, log)?;
    tool::wait_for_port(port, Duration::from_secs(60))?;
    Ok(Server { name: "telerad", title: "OFFIS", port, _process: process })
}

/// DCMTK's, which reads the files for every question. `items` has to be called as the server is.
pub fn wlmscpfs(items: &Path, log: &Path) -> Result<Server> {
    std::fs::write(items.join("lockfile"), "")?;
    let port = free_port()?;
    let lists = items.parent().context("items lie in no folder")?;
    // -csk: with the character set of the file; by default the answers declare none.
    let words = ["-csk", "-dfp", &text(lists), &port.to_string()].map(str::to_owned);
    let process = tool::start("/usr/bin/wlmscpfs", &words, log)?;
    tool::wait_for_port(port, Duration::from_secs(20))?;
    Ok(Server { name: "wlmscpfs", title: "OFFIS", port, _process: process })
}

/// Orthanc with the worklist plug-in of its package.
pub fn orthanc(items: &Path, folder: &Path) -> Result<Server> {
    std::fs::create_dir_all(folder)?;
    let (port, http) = (free_port()?, free_port()?);
    let configuration = json!({
        "Name": "peer", "DicomAet": "OFFIS", "DicomPort": port, "HttpPort": http,
        "RemoteAccessAllowed": false, "AuthenticationEnabled": false, "DicomCheckCalledAet": false,
        "DicomAlwaysAllowFind": true, "DicomAlwaysAllowFindWorklist": true,
        "StorageDirectory": folder.join("db"), "IndexDirectory": folder.join("db"),
        "Plugins": [PLUGIN], "Worklists": { "Enable": true, "Database": items },
    });
    let path = folder.join("orthanc.json");
    std::fs::write(&path, configuration.to_string())?;
    let log = folder.join("orthanc.log");
    let process = tool::start("/usr/sbin/Orthanc", &[text(&path)], &log)?;
    tool::wait_for_port(http, Duration::from_secs(40))?;
    tool::wait_for_port(port, Duration::from_secs(40))?;
    Ok(Server { name: "Orthanc", title: "OFFIS", port, _process: process })
}

/// pynetdicom, and our script on top of it.
pub struct Modality {
    folder: PathBuf,
}

impl Modality {
    /// Installs the package with pip.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn install(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("worklist.py"), include_str!("peers/worklist.py"))?;
        python::install(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Has items written.
    pub fn write(&self, words: &[&str]) -> Result<()> {
        self.run(words).map(drop)
    }

    /// What each of the questions is answered.
    pub fn ask(&self, server: &Server, questions: &[Value]) -> Result<Vec<Value>> {
        let path = self.folder.join("questions.json");
        std::fs::write(&path, serde_json::to_vec(questions)?)?;
        let told = self.run(&["ask", &server.port.to_string(), server.title, &text(&path)])?;
        let told: Vec<Value> = serde_json::from_str(&told).with_context(|| told.clone())?;
        ensure!(told.len() == questions.len(), "{} answers to all questions", told.len());
        Ok(told)
    }

    /// What becomes of a question that is cancelled after its first answer.
    pub fn cancel(&self, server: &Server) -> Result<Value> {
        let told = self.run(&["cancel", &server.port.to_string(), server.title])?;
        serde_json::from_str(&told).with_context(|| told.clone())
    }

    fn run(&self, words: &[&str]) -> Result<String> {
        let mut command = python::words(&self.folder, "worklist.py");
        command.extend(words.iter().map(|word| (*word).to_owned()));
        let ended = tool::run("/usr/bin/env", &command, Duration::from_secs(240))?;
        let line = last_line(&ended.output).to_owned();
        ensure!(ended.success, "{line}");
        Ok(line)
    }
}

/// Installs what is missing.
pub fn install() -> Result<()> {
    debian::install(&[
        ("/usr/bin/wlmscpfs", "dcmtk"),
        ("/usr/sbin/Orthanc", "orthanc"),
        (PLUGIN, "orthanc"),
        ("pip3", "python3-pip"),
        ("python3", "python3"),
    ])
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

const PLUGIN: &str = "/usr/share/orthanc/plugins/libModalityWorklists.so";
