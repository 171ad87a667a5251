//! The same instance again, coded otherwise, and the same SOP Instance UID with other content.

#![expect(clippy::disallowed_methods, reason = "a program with files")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use telerad::dicom::Status;
use telerad_trials::arguments::Arguments;
use telerad_trials::dicom_client::DicomClient;
use telerad_trials::dicom_sink::{DicomSink, Records};
use telerad_trials::gateway::Log;
use telerad_trials::hl7_sink::Hl7Sink;
use telerad_trials::messages::Order;
use telerad_trials::setting::Setting;
use telerad_trials::synthetic::Instance;
use telerad_trials::verdict::{self, Verdict};
use telerad_trials::wait;

mod compressed;

fn main() -> ExitCode {
    verdict::finish("duplicates", trial)
}

fn trial(verdict: &mut Verdict) -> Result<()> {
    let arguments = Arguments::read()?;
    let records = Records::default();
    let sink = DicomSink::start(0, &records)?;
    let ris = Hl7Sink::start(0)?;
    let setting = Setting::between(sink.port(), ris.port(), ris.port())?;
    let (gateway, addresses) = setting.start(&arguments)?;
    let log = &mut Log::new(&setting.log);

    let (order, other) = (Order::new("DUP", 1), Order::new("DUP", 2));
    let mut other_patient = order.clone();
    other_patient.patient_id.clone_from(&other.patient_id);
    other_patient.family_name.clone_from(&other.family_name);
    let instance = |order: &Order, uid: &str, seed| Instance::ct(order, uid, 64 * 1024, seed);
    let first = instance(&order, "2.25.501", 1);
    let mut modality = DicomClient::connect(addresses.dicom, "CT1")?;
    let delivered = |uid: &str| {
        let limit = Duration::from_secs(20);
        wait::until(limit, || records.by_instance().contains_key(uid))
    };

    let status = modality.store(&first)?;
    verdict.claim("first instance", status == Status::SUCCESS && delivered("2.25.501"), "");

    // An instance sent later marks the time by which a wrong second delivery would have happened.
    let status = modality.store(&first)?;
    modality.store(&instance(&order, "2.25.502", 2))?;
    let marked = delivered("2.25.502");
    verdict.claim("the same again is answered with success", status == Status::SUCCESS, "");
    let times = copies(&records, &first);
    verdict.claim("and is delivered once", marked && times == 1, format!("{times} times"));

    let conflicts = [
        ("other pixels", instance(&order, "2.25.501", 3), "2.25.503"),
        ("another patient", instance(&other_patient, "2.25.501", 1), "2.25.504"),
    ];
    for (what, conflict, marker) in &conflicts {
        log.news();
        let status = modality.store(conflict)?;
        verdict.claim(
            &format!("{what} under the same UID is taken"),
            status == Status::SUCCESS,
            format!("{:04X}", status.code()),
        );
        modality.store(&instance(&order, marker, 4))?;
        let marked = delivered(marker);
        let count = copies(&records, conflict);
        verdict.claim(&format!("{what}: not delivered"), marked && count == 0, "");
        let mut news = String::new();
        let said = wait::until(Duration::from_secs(5), || {
            news.push_str(&log.news());
            news.to_lowercase().contains("uid conflict")
        });
        verdict.claim(&format!("{what}: the log says `uid conflict`"), said, "");
        let kept = is_kept(&setting.folder.path().join("data"), &conflict.data_set)?;
        verdict.claim(&format!("{what}: kept"), kept, "its bytes are in the data directory");
    }
    let kept = is_kept(&setting.folder.path().join("data"), &first.data_set)?;
    verdict.claim("the first is unaffected", kept && copies(&records, &first) == 1, "");
    modality.release()?;
    let (records, setting, order) = (&records, &setting, &order);
    let twins = compressed::Twins { gateway: addresses.dicom, log, order, records, setting };
    twins.trial(verdict)?;
    drop(sink);
    gateway.terminate(Duration::from_secs(20))
}

fn copies(records: &Records, instance: &Instance) -> u32 {
    let arrived = records.by_instance();
    let digests = arrived.get(&instance.sop_instance_uid);
    digests.and_then(|digests| digests.get(&instance.digest())).copied().unwrap_or(0)
}

/// Whether some file below the folder contains these bytes.
fn is_kept(folder: &Path, data_set: &[u8]) -> Result<bool> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read(&path)?.windows(data_set.len()).any(|part| part == data_set) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
