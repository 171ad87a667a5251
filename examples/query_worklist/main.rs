//! Asks for the modality worklist (PS3.4 annex K), as a modality does, and prints the scheduled steps.
//!
//! ```sh
//! cargo run --example query_worklist -- 127.0.0.1:11112 TELERAD CT 20260301-20260331
//! ```
//!
//! Modality and dates may be left out. Text is decoded whatever character set the answers are in.

use std::io::{self, Write};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use telerad::dicom::{DataSet, tags, uids};
use telerad::dimse::plan_contexts;
use telerad::net::TcpConnector;
use telerad::net::dicom::{ClientAssociation, Peer};
use telerad_examples::finish;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    finish("query_worklist", run(&arguments).await)
}

async fn run(arguments: &[String]) -> anyhow::Result<()> {
    let ([address, title, rest @ ..], true) = (arguments, arguments.len() <= 4) else {
        anyhow::bail!("usage: query_worklist <address> <AE title> [<modality>] [<dates>]");
    };
    let modality = rest.first().map_or("", String::as_str);
    let dates = rest.get(1).map_or("", String::as_str);
    let peer = Peer::new(address, title.parse()?, "TELERAD".parse()?);
    let syntax = uids::EXPLICIT_VR_LITTLE_ENDIAN;
    let contexts = plan_contexts(&[(uids::MODALITY_WORKLIST_FIND, syntax)]).concat();
    let mut association = ClientAssociation::connect(&TcpConnector, &peer, contexts).await?;
    let question = question(modality, dates);
    let steps = association.find_all(uids::MODALITY_WORKLIST_FIND, &question).await?;
    association.release().await?;

    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // Looks the same in a file as in a terminal.
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(80);
    table.set_header(["start", "modality", "accession", "patient ID", "patient", "procedure"]);
    for step in &steps {
        table.add_row(row(step));
    }
    writeln!(io::stdout(), "{table}")?;
    Ok(writeln!(io::stdout(), "{} steps", steps.len())?)
}

/// What is asked: a key with a value has to match, an empty one is to be told (PS3.4 section K.4.1).
fn question(modality: &str, dates: &str) -> DataSet {
    let mut step = DataSet::new();
    step.set_text(tags::MODALITY, modality);
    step.set_text(tags::SCHEDULED_PROCEDURE_STEP_START_DATE, dates);
    step.set_empty(tags::SCHEDULED_PROCEDURE_STEP_START_TIME);
    step.set_empty(tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION);
    let mut question = DataSet::new();
    for key in [tags::ACCESSION_NUMBER, tags::PATIENT_ID, tags::PATIENT_NAME] {
        question.set_empty(key);
    }
    question.set_empty(tags::REQUESTED_PROCEDURE_DESCRIPTION);
    question.set_items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![step]);
    question
}

fn row(answer: &DataSet) -> [String; 6] {
    let steps = answer.items_ref(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).unwrap_or_default();
    let of = |set: Option<&DataSet>, tag| set.and_then(|set| set.text(tag)).unwrap_or_default();
    let (step, whole) = (steps.first(), Some(answer));
    let date = of(step, tags::SCHEDULED_PROCEDURE_STEP_START_DATE);
    let time = of(step, tags::SCHEDULED_PROCEDURE_STEP_START_TIME);
    let procedure = match of(step, tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION) {
        empty if empty.is_empty() => of(whole, tags::REQUESTED_PROCEDURE_DESCRIPTION),
        described => described,
    };
    [
        format!("{date} {}", time.get(..4).unwrap_or(&time)),
        of(step, tags::MODALITY),
        of(whole, tags::ACCESSION_NUMBER),
        of(whole, tags::PATIENT_ID),
        of(whole, tags::PATIENT_NAME),
        procedure,
    ]
}
