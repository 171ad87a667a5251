//! From the modality to the reader, through the gateway and through an Orthanc that routes by a script.

use std::path::Path;
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

use crate::series::Series;
use crate::{Effort, ROLE, intake, sender};

/// Measures both and prints it.
pub fn compare(verdict: &mut Verdict, arguments: &Arguments, effort: &Effort) -> Result<()> {
    debian::install(&[(ORTHANC, "orthanc")])?;
    let instances = intake::slices(200, effort.part(COUNT));
    let folder = tempfile::tempdir()?;
    sender::write_folder(folder.path(), &instances)?;
    let (mut ours, mut theirs) = (Series::default(), Series::default());
    for _ in 0..effort.runs {
        ours.0.push(gateway(arguments, folder.path(), instances.len())?);
        theirs.0.push(orthanc(folder.path(), instances.len())?);
    }
    let ratio = theirs.over(&ours).median();
    let rate = |series: &Series| instances.len() as f64 / series.median();
    let remark = format!(
        "{ratio:.1} (>= {RATIO_MIN}): {:.0} instances/s, Orthanc {:.0}/s",
        rate(&ours),
        rate(&theirs)
    );
    verdict.claim("receive and forward, beside Orthanc", ratio >= RATIO_MIN, remark);
    Ok(())
}

fn gateway(arguments: &Arguments, folder: &Path, count: usize) -> Result<f64> {
    let records = Records::default();
    let sink = DicomSink::start(0, &records)?;
    let setting = Setting::between(sink.port(), free_port()?, free_port()?)?;
    let (gateway, addresses) = setting.start(arguments)?;
    let took = until_all_have_come(addresses.dicom.port(), folder, &records, count)?;
    gateway.kill()?;
    Ok(took)
}

fn orthanc(folder: &Path, count: usize) -> Result<f64> {
    let records = Records::default();
    let sink = DicomSink::start(0, &records)?;
    let own = tempfile::tempdir()?;
    let port = free_port()?;
    let _process = start_orthanc(own.path(), port, sink.port())?;
    until_all_have_come(port, folder, &records, count)
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

/// The seconds from the start of the sender until the reader has everything.
fn until_all_have_come(port: u16, folder: &Path, records: &Records, count: usize) -> Result<f64> {
    let started = Instant::now();
    let mut sender = Command::new(std::env::current_exe()?);
    sender.args([ROLE, "sender", &port.to_string()]).arg(folder);
    let mut sender = Running(sender.stdout(Stdio::null()).spawn().context("sender")?);
    let arrived = || records.all().len();
    while arrived() < count {
        ensure!(started.elapsed() < PATIENCE, "{} of {count} came", arrived());
        wait::pause(Duration::from_millis(2));
    }
    let took = started.elapsed().as_secs_f64();
    ensure!(sender.0.wait()?.success(), "the sender failed");
    Ok(took)
}

const ORTHANC: &str = "/usr/sbin/Orthanc";
const COUNT: usize = 200;
const PATIENCE: Duration = Duration::from_secs(120);
const RATIO_MIN: f64 = 5.0;
