//! pynetdicom: its package, our scripts on top of it, and their rows.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use telerad::core::AeTitle;
use telerad::dicom::{Status, uids};
use telerad::net::dicom::{CalledTitle, NServiceRelay, Pool, PoolConfig, Server};
use telerad::net::{AnyConnector, TcpConnector, TokioSpawn};
use telerad_trials::python;
use telerad_trials::tool::{self, Running, free_port, last_line};
use telerad_trials::verdict::Verdict;

use crate::archive::STEP_RETRIEVE;
use crate::battery::Target;
use crate::ours::{Ours, Serving, peer};
use crate::study::{Held, Study};
use crate::{PATIENCE, answers, n_services, pynetdicom_scu, row};

/// The package and the scripts, in a folder of its own.
pub struct Python {
    folder: PathBuf,
}

/// Every row.
pub fn check(verdict: &mut Verdict, ours: &Ours, python: &Python) -> Result<()> {
    let sink = ours.serve()?;
    let scp = python.scp("scp", sink.port, &[])?;
    let target = Target {
        name: "pynetdicom",
        peer: peer(scp.port, TITLE),
        connector: AnyConnector::new(TcpConnector),
        ours,
        sink: &sink,
        // Its own title instead of that of the one who asked.
        move_originator: TITLE,
        unknown_destination: Status::MOVE_DESTINATION_UNKNOWN,
        gives_up: None,
    };
    let study = Study::new("PYN", 8, 20_000);
    target.check(verdict, &study);
    row(verdict, "telerad → pynetdicom: what arrived", scp.arrived(&study.held()));
    n_services::check(verdict, &target, &scp, &study);
    answers::check(verdict, &target);
    row(verdict, "pynetdicom → telerad → pynetdicom: MPPS relay", relay(ours, python, &scp));
    pynetdicom_scu::check(verdict, ours, python)
}

/// A step that is passed on: what the far side answers comes back.
fn relay(ours: &Ours, python: &Python, scp: &Scp) -> Result<String> {
    let door = CalledTitle(AeTitle::new(crate::TITLE)?);
    let classes = [uids::MODALITY_PERFORMED_PROCEDURE_STEP, STEP_RETRIEVE];
    let connector = AnyConnector::new(TcpConnector);
    let pool = Pool::new(connector, PoolConfig::default(), Arc::new(TokioSpawn));
    let relay = NServiceRelay::new(peer(scp.port, TITLE), pool);
    let serving = ours.serve_with(Server::builder(door).n_service(&classes, relay).build())?;
    let uid = "2.25.9003";
    let told = python.scu("-", &serving, &["mpps", uid])?;
    expect(&told, "statuses", json!([0, 0x0111, 0, 0x0110, 0x0112, 0]))?;
    expect(&told, "step", json!(["COMPLETED", "PPS1"]))?;
    let set = scp.events("set")?;
    let arrived = set.iter().filter(|it| it["uid"] == json!(uid)).count();
    ensure!(arrived == 1, "{arrived} changes arrived");
    Ok("the far side's six answers".to_owned())
}

/// The title of both scripts.
pub const TITLE: &str = "PYNETDICOM";

impl Python {
    /// Installs the package with pip.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn install(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("scp.py"), include_str!("peers/scp.py"))?;
        std::fs::write(folder.join("scu.py"), include_str!("peers/scu.py"))?;
        python::install(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The provider, which knows us as a move destination; TLS by authority, certificate and key.
    pub fn scp(&self, name: &str, ours: u16, tls: &[String]) -> Result<Scp> {
        let (port, folder) = (free_port()?, self.folder.join(name));
        let mut words = self.words("scp.py");
        words.extend([port.to_string(), folder.to_string_lossy().into_owned(), ours.to_string()]);
        words.extend_from_slice(tls);
        let process = tool::start("/usr/bin/env", &words, &folder.with_extension("log"))?;
        tool::wait_for_port(port, Duration::from_secs(30))?;
        Ok(Scp { port, folder, _process: process })
    }

    /// The answer of one command of the user; TLS files, separated by commas, or `-`.
    pub fn scu(&self, tls: &str, serving: &Serving, words: &[&str]) -> Result<Value> {
        let mut command = self.words("scu.py");
        command.extend([tls.to_owned(), serving.port.to_string()]);
        command.extend(words.iter().map(|word| (*word).to_owned()));
        let ended = tool::run("/usr/bin/env", &command, PATIENCE)?;
        let line = last_line(&ended.output);
        ensure!(ended.success, "{line}");
        serde_json::from_str(line).with_context(|| line.to_owned())
    }

    /// A folder beside the scripts.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn words(&self, script: &str) -> Vec<String> {
        python::words(&self.folder, script)
    }
}

/// A running provider; killed when dropped.
pub struct Scp {
    pub port: u16,
    folder: PathBuf,
    _process: Running,
}

impl Scp {
    /// What it said of one kind of event.
    pub fn events(&self, kind: &str) -> Result<Vec<Value>> {
        let text = std::fs::read_to_string(self.folder.join("events.json"))?;
        let events = text.lines().map(serde_json::from_str::<Value>);
        let events = events.collect::<Result<Vec<_>, _>>()?;
        Ok(events.into_iter().filter(|event| event["event"] == json!(kind)).collect())
    }

    /// Whether it holds exactly these data sets.
    pub fn arrived(&self, expected: &Held) -> Result<String> {
        let mut held = raw(&self.folder)?;
        held.remove("events.json");
        crate::study::same(expected, &held)
    }
}

/// The files of a folder as they are, by name.
pub fn raw(folder: &Path) -> Result<Held> {
    let mut held = Held::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        held.insert(name, std::fs::read(entry.path())?.into());
    }
    Ok(held)
}

/// A member of an answer has to be this.
pub fn expect(told: &Value, member: &str, expected: Value) -> Result<()> {
    let got = &told[member];
    let mut reason = String::new();
    write!(reason, "{member} is {got}, not {expected}")?;
    ensure!(*got == expected, reason);
    Ok(())
}
