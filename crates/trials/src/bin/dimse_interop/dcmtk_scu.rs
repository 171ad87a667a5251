//! DCMTK's tools, which ask us.

use std::path::Path;

use anyhow::{Result, ensure};
use telerad::dicom::tags;
use telerad_trials::tool::{Ended, free_port, last_line};
use telerad_trials::verdict::Verdict;

use crate::archive::{LONG_ANSWER, LONG_ANSWERS, LONG_STUDY};
use crate::dcmtk::{STORESCP, Storescp};
use crate::ours::{Ours, Serving, destination, keys};
use crate::study::{Study, read_folder, same};
use crate::{TITLE, row, run};

/// Every row.
pub fn check(verdict: &mut Verdict, ours: &Ours, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let ask = Asking { serving: ours.serve()?, folder, study: Study::new("ASK", 8, 20_000) };
    ask.echo(verdict);
    ask.store(verdict)?;
    ask.serving.archive.keep(&ask.study.samples);
    ask.find(verdict);
    ask.cancel(verdict);
    ask.retrieve(verdict)
}

/// Us, and what is asked about.
struct Asking<'a> {
    serving: Serving,
    folder: &'a Path,
    study: Study,
}

impl Asking<'_> {
    /// One of the tools with these options; the address comes behind them, then the files.
    fn tool(&self, name: &str, options: &[&str], files: &[String]) -> Result<Ended> {
        let port = self.serving.port.to_string();
        let mut words = options.to_vec();
        words.extend(["-aet", "DCMTK", "-aec", TITLE, "127.0.0.1", &port]);
        words.extend(files.iter().map(String::as_str));
        run(&format!("/usr/bin/{name}"), &words)
    }

    fn echo(&self, verdict: &mut Verdict) {
        for (name, options) in [
            ("50 C-ECHOs", &["--repeat", "50"][..]),
            ("128 contexts of 38 transfer syntaxes", &["-ppc", "128", "-pts", "38"]),
            ("one that aborts instead of releasing", &["--abort"]),
            ("C-ECHO after the abort", &[]),
        ] {
            let outcome = self.tool("echoscu", options, &[]).and_then(succeeded);
            row(verdict, &format!("echoscu → telerad: {name}"), outcome);
        }
    }

    fn store(&self, verdict: &mut Verdict) -> Result<()> {
        let files = self.study.write(&self.folder.join("files"))?;
        let count = files.len();
        let ways: [(&str, &str, &[&str]); 6] = [
            ("storescu", "C-STORE", &["-R"]),
            ("storescu", "PDUs of 4096 bytes", &["-pdu", "4096", "--max-send-pdu", "4096"]),
            ("storescu", "PDUs of 131072 bytes", &["-pdu", "131072"]),
            ("storescu", "user identity, response wanted", &["-usr", "u", "-pwd", "p", "-rsp"]),
            ("storescu", "one that aborts instead of releasing", &["--abort"]),
            ("dcmsend", "C-STORE", &["-dn", "-nh", "-nuc"]),
        ];
        for (tool, name, options) in ways {
            self.serving.archive.take();
            let outcome = self.tool(tool, options, &files).and_then(|ended| {
                succeeded(ended)?;
                same(&self.study.held(), &self.serving.archive.take())
            });
            row(verdict, &format!("{tool} → telerad: {name}"), outcome);
        }
        let uid = self.study.samples[1].sop_instance_uid.clone();
        self.serving.archive.state().refused.insert(uid);
        let outcome = self.tool("storescu", &["-v", "-nh"], &files).and_then(|ended| {
            let refused = ended.output.matches("OutOfResources").count();
            let arrived = self.serving.archive.take().len();
            ensure!(refused == 1 && arrived == count - 1, "{refused} refused, {arrived} arrived");
            Ok(format!("1 refused and {arrived} arrived"))
        });
        self.serving.archive.state().refused.clear();
        row(verdict, "storescu → telerad: one refused", outcome);
        Ok(())
    }

    fn find(&self, verdict: &mut Verdict) {
        let order = &self.study.order;
        let study = format!("StudyInstanceUID={}", order.study_instance_uid);
        let accession = format!("AccessionNumber={}", order.accession);
        let patient = format!("PatientID={}", order.patient_id);
        let series = format!("SeriesInstanceUID={}.1", order.study_instance_uid);
        let ask: [(&str, &[&str], usize); 5] = [
            (
                "C-FIND, study root, study",
                &["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", &accession, "-k", "PatientID"],
                1,
            ),
            (
                "C-FIND, study root, image",
                &[
                    "-S",
                    "-k",
                    "QueryRetrieveLevel=IMAGE",
                    "-k",
                    &study,
                    "-k",
                    &series,
                    "-k",
                    "SOPInstanceUID",
                ],
                self.study.samples.len(),
            ),
            (
                "C-FIND, patient root, patient",
                &["-P", "-k", "QueryRetrieveLevel=PATIENT", "-k", &patient, "-k", "PatientName"],
                1,
            ),
            (
                "C-FIND of nothing",
                &["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=2.25.404"],
                0,
            ),
            (
                "C-FIND of the worklist",
                &[
                    "-W",
                    "-k",
                    "PatientName",
                    "-k",
                    "ScheduledProcedureStepSequence[0].Modality=CT",
                    "-k",
                    "ScheduledProcedureStepSequence[0].ScheduledProcedureStepID",
                ],
                2,
            ),
        ];
        self.serving.archive.state().worklist = (1..=2).map(scheduled).collect();
        for (name, options, expected) in ask {
            let mut words = vec!["-v"];
            words.extend(options);
            let outcome = self.tool("findscu", &words, &[]).and_then(|ended| {
                let answers = ended.output.matches("Find Response: ").count();
                succeeded(ended)?;
                ensure!(answers == expected, "{answers} answers");
                Ok(format!("{answers} answers"))
            });
            row(verdict, &format!("findscu → telerad: {name}"), outcome);
        }
    }

    /// The tool cancels after one of ten thousand answers.
    fn cancel(&self, verdict: &mut Verdict) {
        let patient = format!("PatientID={LONG_ANSWER}");
        let words = ["-v", "-S", "--cancel", "1", "-k", "QueryRetrieveLevel=STUDY", "-k", &patient];
        let outcome = self.tool("findscu", &words, &[]).and_then(|ended| {
            let told =
                ended.output.contains("Cancel") && ended.output.contains("MatchingTerminated");
            let asked = self.serving.archive.state().long_answers;
            ensure!(told, "not cancelled: {}", last_line(&ended.output));
            ensure!(asked < LONG_ANSWERS, "all {asked} answers were computed");
            succeeded(ended)?;
            Ok(format!("FE00H after {asked} of {LONG_ANSWERS} answers"))
        });
        row(verdict, "findscu → telerad: C-CANCEL", outcome);
    }

    fn retrieve(&self, verdict: &mut Verdict) -> Result<()> {
        let moved = Storescp::start(&self.folder.join("moved"), &[])?;
        let refusing = Storescp::start(&self.folder.join("refusing"), &["--refuse"])?;
        let aborting = Storescp::start(&self.folder.join("aborting"), &["--abort-after"])?;
        let long = Study::new("LNG", LONG_STUDY, 2_000);
        self.serving.archive.keep(&long.samples);
        let closed = free_port()?;
        for (title, port) in [
            (STORESCP, moved.port),
            ("REFUSING", refusing.port),
            ("ABORTING", aborting.port),
            ("CLOSED", closed),
        ] {
            let mut state = self.serving.archive.state();
            state.destinations.insert(title.to_owned(), destination(port, STORESCP));
        }
        let uid = self.study.order.study_instance_uid.as_str();
        let count = self.study.samples.len();
        let outcome = self.movescu(STORESCP, uid, &[]).and_then(|told| {
            told.expect("0000", count, 0)?;
            same(&self.study.held(), &moved.settled(count)?)
        });
        row(verdict, "movescu → telerad: C-MOVE to storescp", outcome);
        let cases = [
            ("to nobody", "NOBODY", uid, "a801", 0),
            ("of nothing, to nobody who listens", "CLOSED", "2.25.404", "0000", 0),
            ("to nobody who listens", "CLOSED", uid, "a702", count),
            ("to a storescp that refuses", "REFUSING", uid, "a702", count),
            ("to a storescp that aborts after each", "ABORTING", uid, "a702", count),
        ];
        for (name, destination, uid, status, failed) in cases {
            let told = self.movescu(destination, uid, &[]);
            let outcome = told.and_then(|told| told.expect(status, 0, failed));
            row(verdict, &format!("movescu → telerad: C-MOVE {name}"), outcome);
        }
        moved.clear()?;
        let uid = long.order.study_instance_uid.as_str();
        let outcome = self.movescu(STORESCP, uid, &["--cancel", "1"]).and_then(|told| {
            ensure!(told.status == "fe00", "status {}", told.status);
            let [remaining, completed, failed, warning] = told.counts.map(|it| it.unwrap_or(0));
            let total = remaining + completed + failed + warning;
            ensure!(total == long.samples.len() && remaining > 0, "{:?}", told.counts);
            let arrived = moved.settled(completed)?.len();
            ensure!(arrived == completed, "{completed} completed and {arrived} arrived");
            Ok(format!("{completed} completed and arrived, {remaining} remain"))
        });
        row(verdict, "movescu → telerad: C-CANCEL", outcome);
        row(verdict, "getscu → telerad: C-GET", self.getscu());
        Ok(())
    }

    fn movescu(&self, destination: &str, study: &str, options: &[&str]) -> Result<Told> {
        let study = format!("StudyInstanceUID={study}");
        let mut words = vec!["-d", "-S", "-aem", destination];
        words.extend(["-k", "QueryRetrieveLevel=STUDY", "-k", &study]);
        words.extend(options);
        Ok(Told::read(&self.tool("movescu", &words, &[])?.output))
    }

    fn getscu(&self) -> Result<String> {
        let kept = self.folder.join("got");
        std::fs::create_dir_all(&kept)?;
        let study = format!("StudyInstanceUID={}", self.study.order.study_instance_uid);
        let directory = kept.to_string_lossy();
        let words =
            ["-v", "-S", "+B", "-od", &directory, "-k", "QueryRetrieveLevel=STUDY", "-k", &study];
        succeeded(self.tool("getscu", &words, &[])?)?;
        same(&self.study.held(), &read_folder(&kept)?)
    }
}

/// What `movescu -d` prints of the last response.
struct Told {
    status: String,
    /// Remaining, completed, failed, warning.
    counts: [Option<usize>; 4],
}

impl Told {
    fn read(output: &str) -> Self {
        let last = output.rfind("C-MOVE RSP").map_or("", |at| &output[at..]);
        let value = |label: &str| {
            let line = last.lines().find(|line| line.contains(label))?;
            Some(line.split_once(" : ")?.1.trim().to_owned())
        };
        let status = value("DIMSE Status").unwrap_or_default();
        let status = status.split([':', ' ']).next().unwrap_or_default();
        let labels = [
            "Remaining Suboperations",
            "Completed Suboperations",
            "Failed Suboperations",
            "Warning Suboperations",
        ];
        let counts = labels.map(|label| value(label).and_then(|it| it.parse().ok()));
        Self { status: status.trim_start_matches("0x").to_lowercase(), counts }
    }

    /// A final response with this status, these counts and none that remain or have a warning.
    fn expect(&self, status: &str, completed: usize, failed: usize) -> Result<String> {
        ensure!(self.status == status, "status {}", self.status);
        let expected = [None, Some(completed), Some(failed), Some(0)];
        ensure!(self.counts == expected, "{:?}, not {expected:?}", self.counts);
        Ok(format!("{}H, {completed} completed, {failed} failed", status.to_uppercase()))
    }
}

/// A scheduled step.
pub fn scheduled(number: u32) -> telerad::dicom::DataSet {
    let step = format!("SPS{number}");
    let step = keys("", &[(tags::MODALITY, "CT"), (tags::SCHEDULED_PROCEDURE_STEP_ID, &step)]);
    let (accession, patient) = (format!("ACC{number}"), format!("WL{number}"));
    let mut item = keys(
        "",
        &[
            (tags::ACCESSION_NUMBER, &accession),
            (tags::PATIENT_ID, &patient),
            (tags::PATIENT_NAME, "TRIAL^ANNA"),
        ],
    );
    item.set_items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![step]);
    item
}

/// The exit code has to be 0.
pub fn succeeded(ended: Ended) -> Result<String> {
    ensure!(ended.success, "{}", last_line(&ended.output));
    Ok("ended well".to_owned())
}
