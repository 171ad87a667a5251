//! The tools of dicom-rs, where cargo can build them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use telerad::dicom::{Status, uids};
use telerad::net::TcpConnector;
use telerad::net::dicom::ClientAssociation;
use telerad_trials::dicom_rs::Missing;
use telerad_trials::tool::{self, Ended, Running, free_port, last_line};
use telerad_trials::verdict::{self, Verdict};
use telerad_trials::{dicom_rs, wait};

use crate::dcmtk::{STORESCP, Storescp};
use crate::dcmtk_scu::{scheduled, succeeded};
use crate::ours::{EXPLICIT, IMPLICIT, Ours, Serving, contexts, destination, expect, peer, store};
use crate::study::{Study, read_folder, same};
use crate::{TITLE, row, run};

/// Every row, or a line that says why there is none.
pub fn check(
    verdict: &mut Verdict,
    ours: &Ours,
    folder: &Path,
    what_is_missing: Missing,
) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let tools = match dicom_rs::install(&TOOLS, what_is_missing) {
        Ok(tools) => tools,
        Err(error) => {
            verdict::note(format!("skipped every row with dicom-rs: {error:#}"));
            return Ok(());
        }
    };
    let study = Study::new("DRS", 8, 20_000);
    let ask = Asking { tools: &tools, folder, serving: ours.serve()?, study };
    row(verdict, "telerad → dicom-storescp: C-ECHO, C-STORE", ask.storescp(ours));
    let archive = &ask.serving.archive;
    archive.state().worklist = (1..=2).map(scheduled).collect();
    row(
        verdict,
        "dicom-echoscu → telerad: C-ECHO",
        ask.tool("dicom-echoscu", &[]).and_then(succeeded),
    );
    row(verdict, "dicom-storescu → telerad: C-STORE", ask.store());
    archive.keep(&ask.study.samples);
    row(verdict, "dicom-findscu → telerad: C-FIND, study root", ask.find());
    row(verdict, "dicom-findscu → telerad: C-FIND of the worklist", ask.worklist());
    row(verdict, "dicom-movescu → telerad: C-MOVE to storescp", ask.retrieve());
    Ok(())
}

struct Asking<'a> {
    tools: &'a Path,
    folder: &'a Path,
    serving: Serving,
    study: Study,
}

impl Asking<'_> {
    fn tool(&self, name: &str, words: &[&str]) -> Result<Ended> {
        let program = self.tools.join(name).to_string_lossy().into_owned();
        let address = format!("127.0.0.1:{}", self.serving.port);
        let mut all = vec!["-v", "--called-ae-title", TITLE, address.as_str()];
        all.extend(words);
        run(&program, &all)
    }

    /// We send to its receiver.
    fn storescp(&self, ours: &Ours) -> Result<String> {
        let (port, _process) = self.start_storescp()?;
        ours.run(async {
            let proposed = contexts(&[
                (uids::VERIFICATION, &[IMPLICIT]),
                (uids::CT_IMAGE_STORAGE, &[EXPLICIT]),
            ]);
            let peer = peer(port, "STORE-SCP");
            let opened = ClientAssociation::connect(&TcpConnector, &peer, proposed).await;
            let mut association = opened?;
            expect(association.echo().await?, Status::SUCCESS)?;
            store(&mut association, &self.study.samples).await?;
            Ok(association.release().await?)
        })?;
        let kept = self.folder.join("kept");
        let whole = || read_folder(&kept).is_ok_and(|it| it.len() == self.study.samples.len());
        wait::until(Duration::from_secs(10), whole);
        same(&self.study.held(), &read_folder(&kept)?)
    }

    fn start_storescp(&self) -> Result<(u16, Running)> {
        let kept = self.folder.join("kept");
        std::fs::create_dir_all(&kept)?;
        let port = free_port()?;
        let program = self.tools.join("dicom-storescp").to_string_lossy().into_owned();
        let words = ["-o", &kept.to_string_lossy(), "-p", &port.to_string()].map(str::to_owned);
        let process = tool::start(&program, &words, &self.folder.join("storescp.log"))?;
        tool::wait_for_port(port, Duration::from_secs(10))?;
        Ok((port, process))
    }

    fn store(&self) -> Result<String> {
        self.serving.archive.take();
        let files = self.study.write(&self.folder.join("files"))?;
        let mut words = vec!["--fail-first"];
        words.extend(files.iter().map(String::as_str));
        succeeded(self.tool("dicom-storescu", &words)?)?;
        same(&self.study.held(), &self.serving.archive.take())
    }

    fn find(&self) -> Result<String> {
        let study = format!("StudyInstanceUID={}", self.study.order.study_instance_uid);
        let mut words = vec!["-S", "-q", "QueryRetrieveLevel=IMAGE", "-q", &study];
        words.extend(["-q", "SOPInstanceUID="]);
        let ended = self.tool("dicom-findscu", &words)?;
        let output = ended.output.clone();
        succeeded(ended)?;
        for sample in &self.study.samples {
            ensure!(output.contains(&sample.sop_instance_uid), "{}", last_line(&output));
        }
        Ok(format!("{} instances", self.study.samples.len()))
    }

    fn worklist(&self) -> Result<String> {
        let ended =
            self.tool("dicom-findscu", &["-W", "-q", "PatientID=", "-q", "AccessionNumber="])?;
        let output = ended.output.clone();
        succeeded(ended)?;
        ensure!(output.contains("ACC1") && output.contains("ACC2"), "{}", last_line(&output));
        Ok("2 steps".to_owned())
    }

    fn retrieve(&self) -> Result<String> {
        let scp = Storescp::start(&self.folder.join("moved"), &[])?;
        let to = destination(scp.port, STORESCP);
        self.serving.archive.state().destinations.insert(STORESCP.to_owned(), to);
        let study = format!("StudyInstanceUID={}", self.study.order.study_instance_uid);
        let own = free_port()?.to_string();
        let mut words = vec!["-S", "--move-destination", STORESCP, "-p", &own];
        words.extend(["-q", "QueryRetrieveLevel=STUDY", "-q", &study]);
        succeeded(self.tool("dicom-movescu", &words)?)?;
        same(&self.study.held(), &scp.settled(self.study.samples.len())?)
    }
}

const TOOLS: [&str; 5] =
    ["dicom-echoscu", "dicom-findscu", "dicom-movescu", "dicom-storescp", "dicom-storescu"];
