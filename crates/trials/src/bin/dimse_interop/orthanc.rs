//! Orthanc, both ways: what we ask of it by DICOM, and what it asks of us when told so over its REST API.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use telerad::dicom::{Status, uids};
use telerad::net::dicom::{CommitmentRequest, SopReference};
use telerad::net::{AnyConnector, TcpConnector};
use telerad_trials::tool::{self, Running, free_port, last_line};
use telerad_trials::verdict::Verdict;
use telerad_trials::{http, part10, wait};

use crate::battery::Target;
use crate::dcmtk::{ask_worklist, worklist_item};
use crate::dcmtk_scu::scheduled;
use crate::ours::{EXPLICIT, IMPLICIT, Ours, Serving, contexts, destination, expect, peer};
use crate::study::{Held, Study, same};
use crate::{TITLE, row, run};

/// The title of Orthanc.
pub const ORTHANC: &str = "ORTHANC";

/// Every row without TLS.
pub fn check(verdict: &mut Verdict, ours: &Ours, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let serving = ours.serve()?;
    let orthanc = Orthanc::start(folder, &json!({ "ours": modality(&serving) }), &json!({}))?;
    let to = destination(orthanc.dicom_port, ORTHANC);
    serving.archive.state().destinations.insert(ORTHANC.to_owned(), to.clone());
    serving.archive.state().committed_apart.insert(ORTHANC.to_owned(), to);
    let target = Target {
        name: "Orthanc",
        peer: peer(orthanc.dicom_port, ORTHANC),
        connector: AnyConnector::new(TcpConnector),
        ours,
        sink: &serving,
        move_originator: TITLE,
        // Every failure of a C-MOVE is the same to it.
        unknown_destination: Status::CANNOT_UNDERSTAND,
        gives_up: Some(Status::CANNOT_UNDERSTAND),
    };
    let study = Study::new("ORT", 8, 20_000);
    target.check(verdict, &study);
    row(verdict, "telerad → Orthanc: what arrived", {
        orthanc.held().and_then(|held| same(&study.held(), &held))
    });
    row(verdict, "telerad → Orthanc: C-FIND of the worklist", {
        let steps = ask_worklist(ours, orthanc.dicom_port, ORTHANC, "ACC2");
        steps.and_then(|steps| {
            ensure!(steps == ["SPS2"], "steps {steps:?}");
            Ok("1 step by its accession number".to_owned())
        })
    });
    row(verdict, "telerad → Orthanc: storage commitment", commitment(&target, &study));
    asking(verdict, &orthanc, &serving, &study);
    Ok(())
}

/// How Orthanc is told who we are.
pub fn modality(serving: &Serving) -> Value {
    json!({ "AET": TITLE, "Host": "127.0.0.1", "Port": serving.port, "AllowStorageCommitment": true })
}

/// The result comes on an association that Orthanc opens.
fn commitment(target: &Target<'_>, study: &Study) -> Result<String> {
    let reference = |uid: &str| SopReference {
        sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
        sop_instance_uid: uid.to_owned(),
    };
    let mut instances: Vec<_> =
        study.samples.iter().map(|it| reference(&it.sop_instance_uid)).collect();
    instances.push(reference("2.25.404"));
    let request = CommitmentRequest { transaction_uid: "2.25.7.3".to_owned(), instances };
    let results = || target.sink.archive.state().results.clone();
    target.ours.run(async {
        let class = uids::STORAGE_COMMITMENT_PUSH_MODEL;
        let proposed = contexts(&[(class, &[EXPLICIT, IMPLICIT])]);
        let mut association = target.connect(proposed).await?;
        let syntax = association.accepted()[0].transfer_syntax.clone();
        let reply = association.n_service(&request.action(&syntax)?).await?;
        expect(reply.status, Status::SUCCESS)?;
        Ok(association.release().await?)
    })?;
    ensure!(wait::until(Duration::from_secs(20), || !results().is_empty()), "no report came");
    let result = &results()[0];
    ensure!(request.is_answered_by(result), "the result does not answer the request");
    let (committed, failed) = (result.committed.len(), result.failed.len());
    ensure!(failed == 1 && committed == study.samples.len(), "{committed} and {failed}");
    Ok(format!("{committed} committed, 1 failed ({:04X}H)", result.failed[0].reason))
}

/// Orthanc as a user.
fn asking(verdict: &mut Verdict, orthanc: &Orthanc, serving: &Serving, study: &Study) {
    let archive = &serving.archive;
    let other = Study::new("ORA", 6, 20_000);
    archive.keep(&other.samples);
    archive.state().worklist = (1..=2).map(scheduled).collect();
    let name = |what: &str| format!("Orthanc → telerad: {what}");
    row(verdict, &name("C-ECHO"), orthanc.echo());
    row(verdict, &name("C-STORE"), orthanc.store(serving, study));
    row(verdict, &name("C-FIND, then C-MOVE to itself"), orthanc.retrieve(&other));
    row(verdict, &name("C-FIND of the worklist"), {
        let found = orthanc.post("/modalities/ours/find-worklist", &json!({ "PatientName": "" }));
        found.and_then(|found| {
            let answers = found.as_array().map_or(0, Vec::len);
            ensure!(answers == 2, "{found}");
            Ok("2 steps".to_owned())
        })
    });
    row(verdict, &name("storage commitment"), orthanc.commit(&other));
}

/// An Orthanc with an empty database of its own; killed when dropped.
pub struct Orthanc {
    pub dicom_port: u16,
    http_port: u16,
    _process: Running,
}

impl Orthanc {
    /// Starts it with these modalities, and with what else is to be configured.
    pub fn start(folder: &Path, modalities: &Value, options: &Value) -> Result<Self> {
        let (dicom_port, http_port) = (free_port()?, free_port()?);
        let storage = folder.join("storage");
        let lists = folder.join("worklists");
        std::fs::create_dir_all(&lists)?;
        for number in 1..=3 {
            let dump = folder.join("step.dump");
            std::fs::write(&dump, worklist_item(number))?;
            let item = lists.join(format!("{number}.wl"));
            let words = [dump.to_string_lossy(), item.to_string_lossy()];
            let ended = run("/usr/bin/dump2dcm", &words.map(|word| word.into_owned()))?;
            ensure!(ended.success, "dump2dcm: {}", last_line(&ended.output));
        }
        let mut configuration = json!({
            "Name": "peer", "DicomAet": ORTHANC, "DicomPort": dicom_port, "HttpPort": http_port,
            "StorageDirectory": storage, "IndexDirectory": storage,
            "Plugins": ["/usr/share/orthanc/plugins/libModalityWorklists.so"],
            "Worklists": { "Enable": true, "Database": lists },
            "RemoteAccessAllowed": false, "AuthenticationEnabled": false,
            "DicomAlwaysAllowEcho": true, "DicomAlwaysAllowStore": true,
            "DicomAlwaysAllowFind": true, "DicomAlwaysAllowFindWorklist": true,
            "DicomAlwaysAllowGet": true, "DicomAlwaysAllowMove": true,
            "DicomCheckModalityHost": false, "DicomModalities": modalities,
        });
        for (name, value) in options.as_object().into_iter().flatten() {
            configuration[name] = value.clone();
        }
        let path = folder.join("orthanc.json");
        std::fs::write(&path, configuration.to_string())?;
        let words = [path.to_string_lossy()];
        let process = tool::start("/usr/sbin/Orthanc", &[&*words[0]], &folder.join("orthanc.log"))?;
        tool::wait_for_port(http_port, Duration::from_secs(60))?;
        tool::wait_for_port(dicom_port, Duration::from_secs(60))?;
        Ok(Self { dicom_port, http_port, _process: process })
    }

    /// Sends everything that it holds.
    pub fn store(&self, serving: &Serving, study: &Study) -> Result<String> {
        serving.archive.take();
        let resources = self.get("/studies")?;
        let job = json!({ "Resources": resources, "Synchronous": true });
        let told = self.post("/modalities/ours/store", &job)?;
        ensure!(told["FailedInstancesCount"] == json!(0), "{told}");
        same(&study.held(), &serving.archive.take())
    }

    /// C-ECHO.
    pub fn echo(&self) -> Result<String> {
        self.post("/modalities/ours/echo", &json!({}))?;
        Ok("answered".to_owned())
    }

    /// Finds a study with us and has it moved; then it holds that too.
    fn retrieve(&self, study: &Study) -> Result<String> {
        let before = self.held()?;
        let question =
            json!({ "Level": "Study", "Query": { "PatientID": study.order.patient_id } });
        let query = self.post("/modalities/ours/query", &question)?;
        let query = query["ID"].as_str().context("no query")?;
        let answers = self.get(&format!("/queries/{query}/answers"))?;
        ensure!(answers.as_array().map_or(0, Vec::len) == 1, "answers {answers}");
        let job = json!({ "TargetAet": ORTHANC, "Synchronous": true });
        self.post(&format!("/queries/{query}/retrieve"), &job)?;
        let mut held = self.held()?;
        held.retain(|uid, _| !before.contains_key(uid));
        same(&study.held(), &held)
    }

    /// Asks us to take responsibility, for what we have and for one that nobody has.
    fn commit(&self, study: &Study) -> Result<String> {
        let mut wanted: Vec<String> = study.held().into_keys().collect();
        wanted.push("2.25.404".to_owned());
        let class = uids::CT_IMAGE_STORAGE;
        let items: Vec<Value> = wanted
            .iter()
            .map(|uid| json!({ "SOPClassUID": class, "SOPInstanceUID": uid }))
            .collect();
        let asked = json!({ "DicomInstances": items });
        let told = self.post("/modalities/ours/storage-commitment", &asked)?;
        let path = told["Path"].as_str().context("no transaction")?.to_owned();
        let status = || self.get(&path).unwrap_or_default();
        wait::until(Duration::from_secs(20), || status()["Status"] != json!("Pending"));
        let told = status();
        let count = |list: &str| told[list].as_array().map_or(0, Vec::len);
        let (committed, failed) = (count("Success"), count("Failures"));
        ensure!(committed == study.samples.len() && failed == 1, "{told}");
        Ok(format!("{committed} committed, 1 failed: {}", told["Status"]))
    }

    /// The data sets that it holds.
    pub fn held(&self) -> Result<Held> {
        let mut held = Held::new();
        let ids = self.get("/instances")?;
        for id in ids.as_array().into_iter().flatten().filter_map(Value::as_str) {
            let path = format!("/instances/{id}/file");
            let file = bytes::Bytes::from(http::request("GET", self.http_port, &path)?);
            let head = part10::read(&file).with_context(|| id.to_owned())?;
            held.insert(head.sop_instance_uid, file.slice(head.data_set..));
        }
        Ok(held)
    }

    fn get(&self, path: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&http::request("GET", self.http_port, path)?)?)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let answer = http::post(self.http_port, path, &body.to_string())?;
        Ok(serde_json::from_slice(&answer)?)
    }
}
