//! The programs of others, installed for this trial alone.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use telerad_trials::tool::{self, last_line};
use telerad_trials::{debian, verdict};
use tempfile::TempDir;

use crate::messages::Sent;

/// What is exchanged with.
#[derive(Clone, Copy)]
pub enum Peer {
    Hl7apyServer,
    MllpSend,
    NodeClient,
    NodeServer,
    PythonServer,
    SimpleClient,
    SimpleServer,
}

impl Peer {
    /// What it is called in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hl7apyServer => "hl7apy server",
            Self::MllpSend => "mllp_send",
            Self::NodeClient => "node-hl7-client",
            Self::NodeServer => "node-hl7-server",
            Self::PythonServer => "python-hl7 server",
            Self::SimpleClient => "simple-hl7 client",
            Self::SimpleServer => "simple-hl7 server",
        }
    }

    /// Messages that one connection to it may carry. Version 2.5 of node-hl7-server reads the second message of a
    /// connection as a part of the first, and answers the first again.
    pub fn connection_messages_max(self) -> usize {
        if matches!(self, Self::NodeServer) { 1 } else { usize::MAX }
    }

    /// Interpreter and script; `mllp_send` is a program of its package.
    fn program(self) -> [&'static str; 2] {
        match self {
            Self::Hl7apyServer => ["python3", "hl7apy_server.py"],
            Self::MllpSend => ["python3", "python/bin/mllp_send"],
            Self::NodeClient => ["node", "node_hl7_client.js"],
            Self::NodeServer => ["node", "node_hl7_server.js"],
            Self::PythonServer => ["python3", "python_hl7_server.py"],
            Self::SimpleClient => ["node", "simple_hl7_client.js"],
            Self::SimpleServer => ["node", "simple_hl7_server.js"],
        }
    }
}

/// A folder with the packages and the scripts that use them; it goes away with its owner.
pub struct Peers {
    folder: TempDir,
}

/// Versions are fixed, the last that run on Node.js 20: a trial that others change every week proves something else every week.
const NPM: [&str; 3] = ["node-hl7-client@3.2.0", "node-hl7-server@2.5.0", "simple-hl7@3.3.0"];
const PIP: [&str; 2] = ["hl7==0.4.5", "hl7apy==1.3.5"];

/// What runs and installs the packages, and the Debian package that brings it.
const PROGRAMS: [(&str, &str); 4] =
    [("node", "nodejs"), ("npm", "npm"), ("python3", "python3"), ("pip3", "python3-pip")];

const SCRIPTS: [(&str, &str); 6] = [
    ("hl7apy_server.py", include_str!("peers/hl7apy_server.py")),
    ("node_hl7_client.js", include_str!("peers/node_hl7_client.js")),
    ("node_hl7_server.js", include_str!("peers/node_hl7_server.js")),
    ("python_hl7_server.py", include_str!("peers/python_hl7_server.py")),
    ("simple_hl7_client.js", include_str!("peers/simple_hl7_client.js")),
    ("simple_hl7_server.js", include_str!("peers/simple_hl7_server.js")),
];

impl Peers {
    /// Installs the packages with `npm` and `pip`, and these with apt when they are missing.
    ///
    /// # Errors
    /// When Node.js or Python is missing, or a package cannot be had.
    pub fn install() -> Result<Self> {
        debian::install(&PROGRAMS)?;
        let folder = tempfile::tempdir()?;
        for (name, script) in SCRIPTS {
            std::fs::write(folder.path().join(name), script)?;
        }
        let root = folder.path().to_string_lossy().into_owned();
        let python = folder.path().join("python").to_string_lossy().into_owned();
        let mut npm = vec!["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"];
        npm.extend(["--prefix", &root]);
        npm.extend(NPM);
        let mut pip = vec!["python3", "-m", "pip", "install", "--quiet", "--target", &python];
        pip.push("--disable-pip-version-check");
        pip.extend(PIP);
        for (what, words) in [("npm", npm), ("pip", pip)] {
            verdict::note(format!("installing with {what}"));
            let ended =
                tool::run("/usr/bin/env", &words, Duration::from_secs(180)).with_context(|| {
                    format!("{what} cannot be run; the trial needs Node.js and Python")
                })?;
            ensure!(
                ended.success,
                "{what} cannot install its packages: {}",
                last_line(&ended.output)
            );
        }
        Ok(Self { folder })
    }

    /// Where everything is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The command line of a server that writes what it receives to `kept`.
    pub fn server(&self, peer: Peer, port: u16, kept: &Path) -> Vec<String> {
        let mut words = self.words(peer);
        words.extend([port.to_string(), kept.to_string_lossy().into_owned()]);
        words
    }

    /// The command lines that send all messages.
    pub fn client(&self, peer: Peer, port: u16, messages: &[Sent]) -> Result<Vec<Vec<String>>> {
        let port = port.to_string();
        if matches!(peer, Peer::MllpSend) {
            let file = self.folder().join("messages.mllp");
            let framed = messages.iter().map(|sent| format!("\x0b{}\x1c\r", sent.text));
            std::fs::write(&file, framed.collect::<String>())?;
            let file = file.to_string_lossy().into_owned();
            let mut words = self.words(peer);
            words.extend(["--port", &port, "--file", &file, "127.0.0.1"].map(str::to_owned));
            return Ok(vec![words]);
        }
        let texts: Vec<&str> = messages.iter().map(|sent| sent.text.as_str()).collect();
        let file = self.folder().join("messages.json");
        std::fs::write(&file, serde_json::to_string(&texts)?)?;
        let mut words = self.words(peer);
        words.extend([port, file.to_string_lossy().into_owned()]);
        Ok(vec![words])
    }

    fn words(&self, peer: Peer) -> Vec<String> {
        let [interpreter, script] = peer.program();
        let path = |name: &str| self.folder().join(name).to_string_lossy().into_owned();
        vec![format!("PYTHONPATH={}", path("python")), interpreter.to_owned(), path(script)]
    }
}
