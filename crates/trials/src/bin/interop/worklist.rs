//! Orders by MLLP, the worklist by `findscu -W`.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use telerad_trials::GATEWAY_TITLE;
use telerad_trials::gateway::Addresses;
use telerad_trials::hl7_client::Hl7Client;
use telerad_trials::messages::Order;
use telerad_trials::tool::{self, last_line};
use telerad_trials::verdict::{self, Verdict};

/// Sends an order with each sender and looks for its step on the worklist.
pub fn check(verdict: &mut Verdict, folder: &Path, addresses: Addresses) -> Result<()> {
    let order = Order::new("ITO", 1);
    let outcome = match Hl7Client::connect(addresses.hl7).and_then(|mut c| c.send(&order.orm("O1")))
    {
        Ok(ack) if ack.code == "AA" && ack.control_id == "O1" => Ok(ack.text.replace('\r', " ")),
        Ok(ack) => Err(ack.text),
        Err(error) => Err(format!("{error:#}")),
    };
    verdict.row("ORM^O01 by a bare socket is acknowledged", outcome);
    find(verdict, addresses, &order)?;

    let order = Order::new("ITP", 2);
    let script = folder.join("send.py");
    std::fs::write(&script, PYTHON)?;
    let message = folder.join("order.hl7");
    std::fs::write(&message, order.orm("O2"))?;
    let port = addresses.hl7.port().to_string();
    let words = [&script.to_string_lossy(), &*port, &message.to_string_lossy()].map(str::to_owned);
    match tool::run("python3", &words, Duration::from_secs(30)) {
        Ok(ended) if ended.success => {
            let right = ended.output.contains("MSA|AA|O2");
            verdict.claim("ORM^O01 by python-hl7 is acknowledged", right, last_line(&ended.output));
            find(verdict, addresses, &order)?;
        }
        Ok(ended) if ended.output.contains("No module named") => {
            verdict::note("skipped python-hl7: it is not installed (`pip install hl7`)");
        }
        Ok(ended) => {
            let reason = last_line(&ended.output).to_owned();
            verdict.row("ORM^O01 by python-hl7", Err::<&str, _>(reason));
        }
        Err(error) => verdict::note(format!("skipped python-hl7: {error:#}")),
    }
    Ok(())
}

/// What a user of python-hl7 would write.
const PYTHON: &str = "\
import sys
from hl7.client import MLLPClient
with MLLPClient('127.0.0.1', int(sys.argv[1])) as client:
    client.socket.settimeout(20)
    answer = client.send_message(open(sys.argv[2], newline='').read())
print(answer.decode().replace('\\r', ' '))
";

fn find(verdict: &mut Verdict, addresses: Addresses, order: &Order) -> Result<()> {
    let port = addresses.dicom.port().to_string();
    let accession = format!("AccessionNumber={}", order.accession);
    let words = [
        "-v",
        "-W",
        "-aet",
        "FINDSCU",
        "-aec",
        GATEWAY_TITLE,
        "-k",
        &accession,
        "-k",
        "PatientID",
        "-k",
        "PatientName",
        "-k",
        "StudyInstanceUID",
        "-k",
        "ScheduledProcedureStepSequence[0].Modality=CT",
        "-k",
        "ScheduledProcedureStepSequence[0].ScheduledProcedureStepID",
        "127.0.0.1",
        &port,
    ];
    let ended = tool::run("/usr/bin/findscu", &words, Duration::from_secs(30))?;
    let answers = ended.output.matches("Find Response: ").count();
    let values = [&order.patient_id, &order.family_name, &order.study_instance_uid];
    let missing = values.into_iter().find(|value| !ended.output.contains(value.as_str()));
    let step = format!("SPS{}", order.accession);
    let outcome = match missing {
        _ if !ended.success => Err(last_line(&ended.output).to_owned()),
        Some(value) => Err(format!("{answers} answers, none with {value}")),
        None if !ended.output.contains(&step) => Err(format!("no answer with step {step}")),
        None => Ok("patient, study and step are those of the order"),
    };
    verdict.row("findscu -W finds the step of the order", outcome);
    Ok(())
}
