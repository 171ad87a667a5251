//! How long a question takes over the network at ten thousand items.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use telerad::core::AeTitle;
use telerad::dicom::{DataSet, tags, uids};
use telerad::dimse::plan_contexts;
use telerad::net::TcpConnector;
use telerad::net::dicom::{ClientAssociation, Peer};
use telerad_trials::verdict::Verdict;

use crate::Bench;
use crate::servers::Server;

/// By day, modality and station, twenty answers, as a modality asks every few minutes.
pub fn check(verdict: &mut Verdict, bench: &Bench) -> Result<()> {
    let items = bench.items("ten_thousand")?;
    bench.modality.write(&["many", &items.to_string_lossy(), "10000"])?;
    let [ours, wlmscpfs, orthanc] = bench.all(&items)?;
    let ours = seconds_per_question(&ours, 300)?;
    for other in [wlmscpfs, orthanc] {
        let theirs = seconds_per_question(&other, 3)?;
        let ratio = theirs / ours;
        let name = format!("20 of 10,000 steps, over {}", other.name);
        let remark = format!(
            "{ratio:.0} (>= {RATIO_MIN}): {:.3} ms, {} {:.0} ms",
            ours * 1e3,
            other.name,
            theirs * 1e3
        );
        verdict.claim(&name, ratio >= RATIO_MIN, remark);
    }
    Ok(())
}

const RATIO_MIN: f64 = 100.0;

/// The median over one association.
fn seconds_per_question(server: &Server, count: u16) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let address = format!("127.0.0.1:{}", server.port);
        let mut peer = Peer::new(address, AeTitle::new(server.title)?, AeTitle::new("MODALITY")?);
        peer.timeouts.response = Duration::from_secs(60);
        let syntax = uids::EXPLICIT_VR_LITTLE_ENDIAN;
        let contexts = plan_contexts(&[(uids::MODALITY_WORKLIST_FIND, syntax)]).concat();
        let mut association = ClientAssociation::connect(&TcpConnector, &peer, contexts).await?;
        let mut taken = Vec::new();
        for number in 0..count {
            let question = question(&format!("CT{}", number % 500));
            let begin = Instant::now();
            let found = association.find_all(uids::MODALITY_WORKLIST_FIND, &question).await?;
            taken.push(begin.elapsed().as_secs_f64());
            ensure!(found.len() == 20, "{}: {} answers", server.name, found.len());
        }
        association.release().await?;
        taken.sort_by(f64::total_cmp);
        Ok(taken[taken.len() / 2])
    })
}

fn question(station: &str) -> DataSet {
    let mut step = DataSet::new();
    step.set_text(tags::MODALITY, "CT");
    step.set_text(tags::SCHEDULED_STATION_AE_TITLE, station);
    step.set_text(tags::SCHEDULED_PROCEDURE_STEP_START_DATE, "20260301");
    for key in [tags::SCHEDULED_PROCEDURE_STEP_START_TIME, tags::SCHEDULED_PROCEDURE_STEP_ID] {
        step.set_empty(key);
    }
    let mut question = DataSet::new();
    for key in [tags::ACCESSION_NUMBER, tags::PATIENT_ID, tags::PATIENT_NAME] {
        question.set_empty(key);
    }
    question.set_items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![step]);
    question
}
