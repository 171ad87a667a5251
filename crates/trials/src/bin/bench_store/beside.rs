//! From the modality to the reader, through the gateway, through an Orthanc that routes by a script, and through the
//! reference program, which shows what the disk, the network and the processors leave to anybody.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use telerad_trials::arguments::Arguments;
use telerad_trials::dicom_sink::{DicomSink, Records};
use telerad_trials::setting::Setting;
use telerad_trials::tool::{self, Running, free_port};
use telerad_trials::verdict::{self, Verdict};
use telerad_trials::{debian, wait};

use crate::ceiling::Sink;
use crate::folders::Folders;
use crate::reference::Reference;
use crate::series::Series;
use crate::{Effort, ROLE, intake, sender};

/// Measures all three and prints it.
pub fn compare(
    verdict: &mut Verdict,
    arguments: &Arguments,
    effort: &Effort,
    folders: &mut Folders,
) -> Result<()> {
    debian::install(&[(ORTHANC, "orthanc")])?;
    for (size, pixel_bytes) in [("512 KB", intake::PIXEL_BYTES), ("128 KB", 128 * 1024)] {
        for associations in [1, 4, 8] {
            let study = Study::write(associations, pixel_bytes, effort, folders)?;
            let rates = Rates::measure(&study, arguments, effort, folders)?;
            let name = format!("receive and forward, {size}, {associations} associations");
            let beside = rates.gateway.over(&rates.orthanc).median();
            let remark = format!(
                "{beside:.1} x Orthanc (>= {RATIO_MIN}): {:.0} instances/s, Orthanc {:.0}/s",
                rates.gateway.median(),
                rates.orthanc.median()
            );
            verdict.claim(&name, beside >= RATIO_MIN, remark);
            verdict::note(format!(
                "        of the ceiling {:.2}; the ceiling is {:.0}/s, {:.1} x Orthanc",
                rates.gateway.over(&rates.ceiling).median(),
                rates.ceiling.median(),
                rates.ceiling.over(&rates.orthanc).median()
            ));
        }
    }
    Ok(())
}

/// Files to send, a folder for each association.
struct Study {
    parts: Vec<PathBuf>,
    count: usize,
}

impl Study {
    fn write(
        associations: usize,
        pixel_bytes: usize,
        effort: &Effort,
        folders: &mut Folders,
    ) -> Result<Self> {
        let each = effort.part(COUNT / associations);
        let mut parts = Vec::new();
        for number in 0..associations {
            let part = folders.make()?;
            sender::write_folder(&part, &intake::slices(200 + number as u64, each, pixel_bytes))?;
            parts.push(part);
        }
        Ok(Self { parts, count: each * associations })
    }
}

/// Instances per second of each run.
#[derive(Default)]
struct Rates {
    ceiling: Series,
    gateway: Series,
    orthanc: Series,
}

impl Rates {
    fn measure(
        study: &Study,
        arguments: &Arguments,
        effort: &Effort,
        folders: &mut Folders,
    ) -> Result<Self> {
        let (mut found, rate) = (Self::default(), |seconds: f64| study.count as f64 / seconds);
        for run in 0..effort.runs {
            // Whoever comes later finds a disk that is still busy with those before.
            for turn in 0..3 {
                match (run + turn) % 3 {
                    0 => found.gateway.0.push(rate(gateway(arguments, study, folders)?)),
                    1 => found.orthanc.0.push(rate(orthanc(study, &folders.make()?)?)),
                    _ => found.ceiling.0.push(rate(ceiling(study, folders)?)),
                }
            }
        }
        Ok(found)
    }
}

fn gateway(arguments: &Arguments, study: &Study, folders: &mut Folders) -> Result<f64> {
    let records = Records::default();
    let sink = DicomSink::start(0, &records)?;
    let setting = Setting::between(sink.port(), free_port()?, free_port()?)?;
    let (gateway, addresses) = setting.start(arguments)?;
    let arrived = || records.all().len();
    let took = until_all_have_come("sender", addresses.dicom.port(), study, &arrived)?;
    gateway.kill()?;
    folders.keep(setting.folder);
    Ok(took)
}

fn orthanc(study: &Study, own: &Path) -> Result<f64> {
    let records = Records::default();
    let sink = DicomSink::start(0, &records)?;
    let port = free_port()?;
    let _process = start_orthanc(own, port, sink.port())?;
    until_all_have_come("sender", port, study, &|| records.all().len())
}

fn ceiling(study: &Study, folders: &mut Folders) -> Result<f64> {
    let sink = Sink::start()?;
    let reference = Reference::start(&folders.make()?, Some(sink.port))?;
    until_all_have_come("plain-sender", reference.address.port(), study, &|| sink.count())
}

/// As its users set it up who have it pass on what comes.
fn start_orthanc(folder: &Path, port: u16, reader: u16) -> Result<Running> {
    let (script, http) = (folder.join("route.lua"), free_port()?);
    std::fs::write(
        &script,
        "function OnStoredInstance(id, tags, metadata, origin)\n  SendToModality(id, 'reader')\nend\n",
    )?;
    let configuration = json!({
        "Name": "peer", "DicomAet": "ORTHANC", "DicomPort": port, "HttpPort": http,
        "StorageDirectory": folder.join("storage"), "IndexDirectory": folder.join("storage"),
        "RemoteAccessAllowed": false, "AuthenticationEnabled": false,
        "DicomAlwaysAllowStore": true, "DicomCheckCalledAet": false,
        "LuaScripts": [script],
        "DicomModalities": { "reader": ["READER", "127.0.0.1", reader] },
    });
    let path = folder.join("orthanc.json");
    std::fs::write(&path, configuration.to_string())?;
    let words = [path.to_string_lossy()];
    let process = tool::start(ORTHANC, &[&*words[0]], &folder.join("orthanc.log"))?;
    tool::wait_for_port(port, Duration::from_secs(60))?;
    Ok(process)
}

/// The seconds from the start of the senders, one for each folder, until the reader has everything.
fn until_all_have_come(
    role: &str,
    port: u16,
    study: &Study,
    arrived: &dyn Fn() -> usize,
) -> Result<f64> {
    let started = Instant::now();
    let mut senders = Vec::new();
    for part in &study.parts {
        let mut sender = Command::new(std::env::current_exe()?);
        sender.args([ROLE, role, &port.to_string()]).arg(part);
        senders.push(Running(sender.stdout(Stdio::null()).spawn().context("sender")?));
    }
    while arrived() < study.count {
        ensure!(started.elapsed() < PATIENCE, "{} of {} came", arrived(), study.count);
        wait::pause(Duration::from_millis(2));
    }
    let took = started.elapsed().as_secs_f64();
    for mut sender in senders {
        ensure!(sender.0.wait()?.success(), "a sender failed");
    }
    Ok(took)
}

const ORTHANC: &str = "/usr/sbin/Orthanc";
const COUNT: usize = 200;
const PATIENCE: Duration = Duration::from_secs(120);
const RATIO_MIN: f64 = 5.0;
