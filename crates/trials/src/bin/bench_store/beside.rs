//! From the modality to the reader, through the gateway and through an Orthanc that routes by a script.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use telerad_trials::arguments::Arguments;
use telerad_trials::dicom_sink::{DicomSink, Records};
use telerad_trials::setting::Setting;
use telerad_trials::tool::{self, Running, free_port};
use telerad_trials::verdict::Verdict;
use telerad_trials::{debian, wait};

use crate::folders::Folders;
use crate::series::Series;
use crate::{Effort, ROLE, intake, sender};

/// Measures both and prints it.
pub fn compare(
    verdict: &mut Verdict,
    arguments: &Arguments,
    effort: &Effort,
    folders: &mut Folders,
) -> Result<()> {
    debian::install(&[(ORTHANC, "orthanc")])?;
    for associations in [1, 4] {
        let mut parts = Vec::new();
        for number in 0..associations {
            let part = folders.make()?;
            let count = effort.part(COUNT / associations);
            sender::write_folder(&part, &intake::slices(200 + number as u64, count))?;
            parts.push(part);
        }
        let count = effort.part(COUNT / associations) * associations;
        let (mut ours, mut theirs) = (Series::default(), Series::default());
        for _ in 0..effort.runs {
            ours.0.push(gateway(arguments, &parts, count, folders)?);
            theirs.0.push(orthanc(&parts, count, &folders.make()?)?);
        }
        let ratio = theirs.over(&ours).median();
        let rate = |series: &Series| count as f64 / series.median();
        let remark = format!(
            "{ratio:.1} (>= {RATIO_MIN}): {:.0} instances/s, Orthanc {:.0}/s",
            rate(&ours),
            rate(&theirs)
        );
        let name = format!("receive and forward beside Orthanc, {associations} associations");
        verdict.claim(&name, ratio >= RATIO_MIN, remark);
    }
    Ok(())
}

fn gateway(
    arguments: &Arguments,
    parts: &[PathBuf],
    count: usize,
    folders: &mut Folders,
) -> Result<f64> {
    let records = Records::default();
    let sink = DicomSink::start(0, &records)?;
    let setting = Setting::between(sink.port(), free_port()?, free_port()?)?;
    let (gateway, addresses) = setting.start(arguments)?;
    let took = until_all_have_come(addresses.dicom.port(), parts, &records, count)?;
    gateway.kill()?;
    folders.keep(setting.folder);
    Ok(took)
}

fn orthanc(parts: &[PathBuf], count: usize, own: &Path) -> Result<f64> {
    let records = Records::default();
    let sink = DicomSink::start(0, &records)?;
    let port = free_port()?;
    let _process = start_orthanc(own, port, sink.port())?;
    until_all_have_come(port, parts, &records, count)
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
    port: u16,
    parts: &[PathBuf],
    records: &Records,
    count: usize,
) -> Result<f64> {
    let started = Instant::now();
    let mut senders = Vec::new();
    for part in parts {
        let mut sender = Command::new(std::env::current_exe()?);
        sender.args([ROLE, "sender", &port.to_string()]).arg(part);
        senders.push(Running(sender.stdout(Stdio::null()).spawn().context("sender")?));
    }
    let arrived = || records.all().len();
    while arrived() < count {
        ensure!(started.elapsed() < PATIENCE, "{} of {count} came", arrived());
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
