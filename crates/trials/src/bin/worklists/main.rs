//! Our worklist beside two others on the same items: DCMTK's `wlmscpfs` and Orthanc's plug-in.
//!
//! Ours has to answer as the standard says, and as we say where it leaves a choice. What the others answer is shown beside
//! it where it differs: modalities meet all three in the field.

#![expect(clippy::disallowed_methods, reason = "a program with files, sockets and other programs")]

mod questions;
mod servers;
mod speed;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use telerad_testkit::worklists::DCMTK;
use telerad_trials::arguments::Arguments;
use telerad_trials::verdict::{self, Verdict};

use questions::{NAMES, OF_NAMES, QUESTIONS, of_name};
use servers::{Modality, Server};

fn main() -> ExitCode {
    verdict::finish("worklists", trial)
}

fn trial(verdict: &mut Verdict) -> Result<()> {
    let arguments = Arguments::read()?;
    servers::install()?;
    let folder = tempfile::tempdir()?;
    let modality = Modality::install(&folder.path().join("python"))?;
    let program = arguments.gateway.with_file_name("serve_worklist");
    let bench = Bench { modality, program, folder: folder.path().to_owned() };
    bench.questions(verdict)?;
    bench.names(verdict)?;
    bench.cancel(verdict)?;
    if !arguments.quick {
        speed::check(verdict, &bench)?;
    }
    if verdict.failed() > 0 {
        verdict::note(format!("logs and files are in {}", folder.keep().display()));
    }
    Ok(())
}

/// Where the servers and what they serve are.
struct Bench {
    modality: Modality,
    program: PathBuf,
    folder: PathBuf,
}

impl Bench {
    /// A new folder for items. `wlmscpfs` takes its last name for the title that is called.
    fn items(&self, name: &str) -> Result<PathBuf> {
        let items = self.folder.join(name).join("OFFIS");
        std::fs::create_dir_all(&items)?;
        Ok(items)
    }

    fn ours(&self, items: &Path) -> Result<Server> {
        servers::ours(&self.program, items, &self.folder.join("serve_worklist.log"))
    }

    /// Ours and the two others.
    fn all(&self, items: &Path) -> Result<[Server; 3]> {
        let orthanc = self
            .folder
            .join("orthanc")
            .join(items.parent().map_or("".as_ref(), |it| it.file_name().unwrap_or_default()));
        Ok([
            self.ours(items)?,
            servers::wlmscpfs(items, &self.folder.join("wlmscpfs.log"))?,
            servers::orthanc(items, &orthanc)?,
        ])
    }

    /// Every question about the ten items.
    fn questions(&self, verdict: &mut Verdict) -> Result<()> {
        let items = self.items("dcmtk")?;
        for (name, bytes) in DCMTK {
            std::fs::write(items.join(name), bytes)?;
        }
        let servers = self.all(&items)?;
        let asked: Vec<Value> = QUESTIONS.iter().map(questions::Question::to_json).collect();
        let [ours, wlmscpfs, orthanc] = &servers;
        let told = [
            self.modality.ask(ours, &asked)?,
            self.modality.ask(wlmscpfs, &asked)?,
            self.modality.ask(orthanc, &asked)?,
        ];
        let mut agreed = 0;
        for (at, question) in QUESTIONS.iter().enumerate() {
            let [ours, others @ ..] = [0, 1, 2].map(|server| summary(&told[server][at]));
            let expected = (question.status.to_owned(), question.answers);
            agreed += usize::from(others.iter().all(|other| *other == ours));
            let others = servers[1..].iter().zip(&others).filter(|(_, other)| **other != ours);
            let others: Vec<_> =
                others.map(|(it, (status, n))| format!("{}: {status} {n}", it.name)).collect();
            let remark = format!("{} {} {}", ours.0, ours.1, others.join(", "));
            verdict.claim(question.name, ours == expected, remark.trim_end());
        }
        // What all of them get wrong, or a peer that answers nothing, would show here.
        verdict.claim(
            "the same at all three",
            agreed >= 30,
            format!("{agreed} of {}", asked.len()),
        );
        Ok(())
    }

    /// Names in several character sets: found by what they mean, and answered whole.
    fn names(&self, verdict: &mut Verdict) -> Result<()> {
        let items = self.items("names")?;
        self.modality.write(&["items", &items.to_string_lossy()])?;
        let servers = self.all(&items)?;
        let asked: Vec<Value> = OF_NAMES.iter().map(|(set, name, _)| of_name(set, name)).collect();
        let told: Vec<_> = servers
            .iter()
            .map(|server| self.modality.ask(server, &asked))
            .collect::<Result<_>>()?;
        for (at, (set, name, expected)) in OF_NAMES.iter().enumerate() {
            let all = told.iter().map(|told| whole(&told[at], expected));
            let mut outcomes: Vec<Result<String>> = all.collect();
            let others = servers[1..].iter().zip(outcomes.split_off(1)).map(|(it, outcome)| {
                format!("{}: {}", it.name, outcome.unwrap_or_else(|error| error.to_string()))
            });
            let others: Vec<String> = others.collect();
            let ours = outcomes.remove(0);
            let remark = ours.map(|ours| format!("{ours}; {}", others.join("; ")));
            let name = format!("names, {name:?} asked in {set:?}");
            verdict.row(&name, remark.map_err(|error| format!("{error:#}")));
        }
        Ok(())
    }

    /// C-CANCEL is seen between two answers.
    fn cancel(&self, verdict: &mut Verdict) -> Result<()> {
        let items = self.items("three_thousand")?;
        self.modality.write(&["many", &items.to_string_lossy(), "3000"])?;
        let server = self.ours(&items)?;
        let told = self.modality.cancel(&server)?;
        let is_cut = told["pending"].as_u64().is_some_and(|pending| pending < 3000);
        let is_right = told["end"] == "FE00" && is_cut && told["again"] == json!([3000, "0000"]);
        verdict.claim("cancelled after the first of 3,000 answers", is_right, told.to_string());
        Ok(())
    }
}

/// The status of the answers, or what was answered in their place, and how many there are. No answer at all is no refusal.
fn summary(told: &Value) -> (String, usize) {
    let statuses = told["statuses"].as_array().map(Vec::as_slice).unwrap_or_default();
    let status = match statuses.first().and_then(Value::as_str).unwrap_or("none") {
        "0000" => "FF00",
        other => other,
    };
    (status.to_owned(), told["answers"].as_array().map_or(0, Vec::len))
}

/// Whether exactly these items were answered, every name as it is.
fn whole(told: &Value, expected: &[&str]) -> Result<String> {
    let answers = told["answers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found: Vec<&str> = answers.iter().filter_map(|answer| answer[0].as_str()).collect();
    ensure!(found == expected, "found {found:?}");
    let is_damaged = |answer: &&Value| {
        let name = answer[0].as_str().and_then(|it| it.strip_prefix('C')?.parse::<usize>().ok());
        name.and_then(|at| NAMES.get(at)).is_none_or(|name| answer[1] != *name)
    };
    let damaged = answers.iter().filter(is_damaged).count();
    ensure!(damaged == 0, "{damaged} of {} names damaged", found.len());
    Ok(format!("{} names whole", found.len()))
}
