//! pynetdicom asks us.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use telerad::net::dicom::{Availability, StepStatus};
use telerad_trials::tool::free_port;
use telerad_trials::verdict::Verdict;
use telerad_trials::wait;

use crate::archive::{LONG_ANSWER, LONG_ANSWERS, LONG_STUDY};
use crate::dcmtk::{STORESCP, Storescp};
use crate::dcmtk_scu::scheduled;
use crate::ours::{Ours, Serving, destination};
use crate::pynetdicom::{Python, TITLE, expect, raw};
use crate::row;
use crate::study::{Study, same};

/// Every row.
pub fn check(verdict: &mut Verdict, ours: &Ours, python: &Python) -> Result<()> {
    let asking = Asking { python, serving: ours.serve()?, study: Study::new("PYA", 8, 20_000) };
    let archive = &asking.serving.archive;
    archive.state().worklist = (1..=2).map(scheduled).collect();
    let name = |what: &str| format!("pynetdicom → telerad: {what}");
    row(verdict, &name("C-ECHO"), asking.echo());
    row(verdict, &name("window, roles and identity"), asking.items());
    row(verdict, &name("C-STORE"), asking.store());
    archive.keep(&asking.study.samples);
    row(verdict, &name("C-FIND, study root, image"), asking.find());
    row(verdict, &name("C-FIND of the worklist"), asking.worklist());
    row(verdict, &name("C-CANCEL of 10,000 answers"), asking.cancel_find());
    asking.retrieve(verdict)?;
    row(verdict, &name("MPPS N-CREATE, N-SET, N-GET"), asking.mpps());
    row(verdict, &name("commitment on the same association"), asking.commit_here());
    row(verdict, &name("commitment on a later association"), asking.commit_later());
    row(verdict, &name("commitment on an association of ours"), asking.commit_apart());
    row(verdict, &name("instance availability"), asking.available());
    Ok(())
}

/// Us, and what is asked about.
struct Asking<'a> {
    python: &'a Python,
    serving: Serving,
    study: Study,
}

impl Asking<'_> {
    /// One command, after which the association has to be usable.
    fn scu(&self, words: &[&str]) -> Result<Value> {
        let told = self.python.scu("-", &self.serving, words)?;
        if !told["echo"].is_null() {
            expect(&told, "echo", json!(0))?;
        }
        Ok(told)
    }

    fn echo(&self) -> Result<String> {
        let told = self.scu(&["echo"])?;
        expect(&told, "statuses", json!(vec![0; 10]))?;
        expect(&told, "released", json!(true))?;
        Ok("10 answered".to_owned())
    }

    fn items(&self) -> Result<String> {
        let told = self.scu(&["items"])?;
        expect(&told, "window", json!([4, 1]))?;
        expect(&told, "identity", json!(true))?;
        expect(&told, "roles", json!({ "1.2.840.10008.5.1.4.1.1.2": [true, true] }))?;
        let state = self.serving.archive.state();
        let user = &state.requests.last().context("no request")?.user;
        let window = user.async_window.context("no window arrived")?;
        ensure!((window.invoked, window.performed) == (4, 1), "{window:?}");
        let identity = user.identity.as_ref().context("no identity arrived")?;
        ensure!(identity.primary == b"user" && identity.secondary == b"secret", "another user");
        Ok("4 and 1 operations, both roles, user name and passcode".to_owned())
    }

    fn store(&self) -> Result<String> {
        let files = self.study.write(&self.python.folder("sent"))?;
        let mut words = vec!["store"];
        words.extend(files.iter().map(String::as_str));
        let told = self.scu(&words)?;
        expect(&told, "statuses", json!(vec![0; files.len()]))?;
        same(&self.study.held(), &self.serving.archive.take())
    }

    fn find(&self) -> Result<String> {
        let told = self.scu(&["find", &self.study.order.study_instance_uid])?;
        expect(&told, "final", json!(0))?;
        let uids: Vec<String> = self.study.held().into_keys().collect();
        expect(&told, "uids", json!(uids))?;
        Ok(format!("{} instances", uids.len()))
    }

    fn worklist(&self) -> Result<String> {
        let told = self.scu(&["worklist"])?;
        expect(&told, "final", json!(0))?;
        expect(&told, "steps", json!(["SPS1", "SPS2"]))?;
        Ok("2 steps".to_owned())
    }

    /// It cancels after the first of ten thousand answers.
    fn cancel_find(&self) -> Result<String> {
        self.serving.archive.state().long_answers = 0;
        let told = self.scu(&["cancel_find"])?;
        expect(&told, "final", json!(0xFE00))?;
        let (answers, seconds) = (&told["answers"], told["seconds"].as_f64().unwrap_or(f64::MAX));
        let asked = self.serving.archive.state().long_answers;
        ensure!(asked < LONG_ANSWERS, "all {asked} answers of {LONG_ANSWER} were computed");
        ensure!(seconds < 45.0, "it took {seconds:.1} s");
        Ok(format!("FE00H after {asked} computed, {answers} read, {seconds:.2} s"))
    }

    fn retrieve(&self, verdict: &mut Verdict) -> Result<()> {
        let (archive, study) = (&self.serving.archive, &self.study);
        let scp = Storescp::start(&self.python.folder("moved"), &[])?;
        let long = Study::new("PYL", LONG_STUDY, 2_000);
        archive.keep(&long.samples);
        let to = destination(scp.port, STORESCP);
        archive.state().destinations.insert(STORESCP.to_owned(), to);
        let (count, uid) = (study.samples.len(), study.order.study_instance_uid.as_str());
        let long_uid = long.order.study_instance_uid.as_str();
        let name = |what: &str| format!("pynetdicom → telerad: {what}");
        row(verdict, &name("C-MOVE to storescp"), {
            self.scu(&["move", STORESCP, uid]).and_then(|told| {
                complete(&told, count)?;
                same(&study.held(), &scp.settled(count)?)
            })
        });
        row(verdict, &name("C-MOVE to nobody"), {
            self.scu(&["move", "NOBODY", uid]).and_then(|told| {
                expect(&told, "final", json!(0xA801))?;
                Ok("A801H".to_owned())
            })
        });
        row(verdict, &name("C-MOVE of nothing"), {
            self.scu(&["move", STORESCP, "2.25.404"]).and_then(|told| complete(&told, 0))
        });
        scp.clear()?;
        row(verdict, &name("C-CANCEL of C-MOVE"), {
            self.scu(&["move", STORESCP, long_uid, "cancel"]).and_then(|told| {
                let completed = cancelled(&told, long.samples.len())?;
                let arrived = scp.settled(completed)?.len();
                ensure!(arrived == completed, "{completed} completed and {arrived} arrived");
                Ok(format!("{completed} of {LONG_STUDY} completed and arrived"))
            })
        });
        let kept = self.python.folder("got");
        let kept = kept.to_string_lossy();
        row(verdict, &name("C-GET"), {
            self.scu(&["get", &kept, uid]).and_then(|told| {
                complete(&told, count)?;
                same(&study.held(), &raw(&self.python.folder("got"))?)
            })
        });
        let refused = study.samples[1].sop_instance_uid.as_str();
        row(verdict, &name("C-GET, one refused"), {
            self.scu(&["get", &kept, uid, refused]).and_then(|told| {
                expect(&told, "final", json!(0xB000))?;
                expect(&told, "counts", json!([null, count - 1, 1, 0]))?;
                expect(&told, "sums", json!([count]))?;
                expect(&told, "failed", json!([refused]))?;
                Ok(format!("B000H, {} completed, 1 failed and named", count - 1))
            })
        });
        row(verdict, &name("C-CANCEL of C-GET"), {
            let kept = self.python.folder("part");
            self.scu(&["get", &kept.to_string_lossy(), long_uid, "", "cancel"]).and_then(|told| {
                let completed = cancelled(&told, long.samples.len())?;
                let arrived = raw(&kept)?.len();
                ensure!(arrived == completed, "{completed} completed and {arrived} arrived");
                Ok(format!("{completed} of {LONG_STUDY} completed and arrived"))
            })
        });
        Ok(())
    }

    fn mpps(&self) -> Result<String> {
        let told = self.scu(&["mpps", "2.25.9001"])?;
        expect(&told, "statuses", json!([0, 0x0111, 0, 0x0110, 0x0112, 0]))?;
        expect(&told, "step", json!(["COMPLETED", "PPS1"]))?;
        let state = self.serving.archive.state();
        let step = state.steps.get("2.25.9001").context("the step did not arrive")?;
        ensure!(step.0 == StepStatus::Completed, "the step is {:?}", step.0);
        Ok("created and completed once; 0111H, 0110H, 0112H for the rest".to_owned())
    }

    fn commit_here(&self) -> Result<String> {
        let here = self.study.samples[0].sop_instance_uid.as_str();
        let told = self.scu(&["commit", "2.25.8001", "", here, "2.25.404"])?;
        expect(&told, "status", json!(0))?;
        expect(&told, "results", json!([["2.25.8001", 2, [here], ["2.25.404"]]]))?;
        self.reported()
    }

    /// The association of the request is released before we report.
    fn commit_later(&self) -> Result<String> {
        let here = self.study.samples[0].sop_instance_uid.as_str();
        let archive = &self.serving.archive;
        archive.state().committed_later.insert(TITLE.to_owned(), Vec::new());
        let told = self.scu(&["commit", "2.25.8003", "later", here]);
        archive.state().committed_later.clear();
        let told = told?;
        expect(&told, "status", json!(0))?;
        expect(&told, "results", json!([["2.25.8003", 1, [here], []]]))?;
        self.reported()
    }

    fn commit_apart(&self) -> Result<String> {
        let port = free_port()?;
        let to = destination(port, TITLE);
        self.serving.archive.state().committed_apart.insert(TITLE.to_owned(), to);
        let uids: Vec<String> = self.study.held().into_keys().collect();
        let port = port.to_string();
        let mut words = vec!["commit", "2.25.8002", &port];
        words.extend(uids.iter().map(String::as_str));
        let told = self.scu(&words);
        self.serving.archive.state().committed_apart.clear();
        let told = told?;
        expect(&told, "status", json!(0))?;
        expect(&told, "results", json!([["2.25.8002", 1, uids, []]]))?;
        self.reported()
    }

    /// Our report was answered with success.
    fn reported(&self) -> Result<String> {
        let statuses = || self.serving.archive.state().report_statuses.clone();
        wait::until(Duration::from_secs(5), || !statuses().is_empty());
        let statuses = std::mem::take(&mut self.serving.archive.state().report_statuses);
        ensure!(statuses.len() == 1, "{} answers to our report", statuses.len());
        crate::ours::expect(statuses[0], telerad::dicom::Status::SUCCESS)?;
        Ok("result told and answered".to_owned())
    }

    fn available(&self) -> Result<String> {
        let (study, uid) = (&self.study.order.study_instance_uid, &self.study.samples[0]);
        let told = self.scu(&["available", study, &uid.sop_instance_uid])?;
        expect(&told, "status", json!(0))?;
        let state = self.serving.archive.state();
        let notice = state.notifications.last().context("nothing was notified")?;
        ensure!(&notice.study_instance_uid == study, "another study");
        let instance = &notice.series[0].instances[0];
        ensure!(instance.instance.sop_instance_uid == uid.sop_instance_uid, "another instance");
        ensure!(instance.availability == Availability::Online, "{:?}", instance.availability);
        Ok("ONLINE".to_owned())
    }
}

/// Success, all sub-operations completed, the sum always the same.
fn complete(told: &Value, count: usize) -> Result<String> {
    expect(told, "final", json!(0))?;
    expect(told, "counts", json!([null, count, 0, 0]))?;
    expect(told, "sums", if count == 0 { json!([]) } else { json!([count]) })?;
    expect(told, "failed", json!([]))?;
    Ok("0000H, counts of zero".to_owned())
}

/// FE00H with something left, the sum always the same; how many were completed.
fn cancelled(told: &Value, count: usize) -> Result<usize> {
    expect(told, "final", json!(0xFE00))?;
    expect(told, "sums", json!([count]))?;
    let counts = told["counts"].as_array().context("no counts")?;
    let counts: Vec<u64> = counts.iter().map(|it| it.as_u64().unwrap_or(0)).collect();
    ensure!(counts.iter().sum::<u64>() == count as u64 && counts[0] > 0, "{counts:?}");
    Ok(usize::try_from(counts[1])?)
}
