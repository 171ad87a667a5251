//! Performed procedure steps by pynetdicom: a modality that tells them, and a RIS that is told.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use telerad_trials::arguments::Arguments;
use telerad_trials::configuration::Configuration;
use telerad_trials::gateway::Gateway;
use telerad_trials::hl7_client::Hl7Client;
use telerad_trials::messages::Order;
use telerad_trials::python;
use telerad_trials::tool::{self, free_port, last_line};
use telerad_trials::verdict::Verdict;

/// Every case of PS3.4 section F.7, with what the modality hears and what becomes of the scheduled step.
pub fn check(verdict: &mut Verdict, arguments: &Arguments, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let (ris, nobody) = (free_port()?, free_port()?);
    let configuration = Configuration {
        destinations: vec![("NOBODY".to_owned(), nobody)],
        ris_port: nobody,
        announcement_port: nobody,
        certificates: None,
    };
    let path = configuration.write(folder)?;
    let text = std::fs::read_to_string(&path)?;
    let rule = "id = \"north\"\nrescheduling_reasons = [\"110501\"]\n";
    let text = text.replacen("id = \"north\"\n", rule, 1);
    let relay = format!(
        "\n[[mpps_destination]]\nsite = \"north\"\nae_title = \"RIS\"\naddress = \"127.0.0.1:{ris}\"\n"
    );
    std::fs::write(&path, text + &relay)?;
    let (gateway, addresses) =
        Gateway::start(&arguments.gateway, &path, &folder.join("gateway.log"))?;
    let mut sender = Hl7Client::connect(addresses.hl7)?;
    for number in 1..=11 {
        order(&mut sender, number)?;
    }
    let scripts = folder.join("python");
    python::install(&scripts)?;
    std::fs::write(scripts.join("performed.py"), include_str!("performed.py"))?;
    let port = addresses.dicom.port().to_string();
    let run = |more: &[&str]| {
        let mut words = python::words(&scripts, "performed.py");
        words.extend([port.clone(), ris.to_string()]);
        words.extend(more.iter().map(|word| (*word).to_owned()));
        tool::run("/usr/bin/env", &words, Duration::from_secs(120))
    };
    let ended = run(&[])?;
    let told: Value = serde_json::from_str(last_line(&ended.output))
        .with_context(|| format!("pynetdicom said: {}", last_line(&ended.output)))?;
    for (case, expected) in expected() {
        let said = &told[case];
        let outcome = match *said == expected {
            true => Ok(said.to_string()),
            false => Err(format!("{said} where {expected} was expected")),
        };
        verdict.row(&format!("pynetdicom → telerad: performed step, {case}"), outcome);
    }
    verdict.row("telerad → pynetdicom: performed steps passed on", passed_on(&told));
    // The order of what was performed unscheduled: done already, so it is on no worklist.
    order(&mut sender, 12)?;
    let late: Value = serde_json::from_str(last_line(&run(&["late"])?.output))?;
    let late = late["late"].as_str().unwrap_or_default();
    let name = "pynetdicom → telerad: performed step, order comes late";
    verdict.claim(name, late == GONE, "not to be done any more");
    gateway.terminate(Duration::from_secs(20))
}

/// An order for each number; 7 and 8 are of one patient.
fn order(sender: &mut Hl7Client, number: u64) -> Result<()> {
    let patient = if number == 8 { 7 } else { number };
    let order = Order {
        accession: format!("MP{number}"),
        patient_id: format!("MRNMP{patient}"),
        family_name: "MULLER".to_owned(),
        study_instance_uid: format!("1.2.826.0.1.3680043.2.1143.{number}"),
    };
    let ack = sender.send(&order.orm(&format!("MP{number}")))?;
    anyhow::ensure!(ack.code == "AA", "order {number} was answered {}", ack.text);
    Ok(())
}

/// What is heard and what becomes of the step, in the order of the script.
///
/// A step that has begun or ended is answered to nobody, not even to who asks for that status, as the worklist in memory
/// holds what is still to be done: [`GONE`] is how it is today, and what such a question should bring is the status. Which one
/// it is, the gateway's own tests see. pynetdicom passes the attribute list on for N-SET, and not for N-CREATE.
fn expected() -> Vec<(&'static str, Value)> {
    let (ok, known, final_step) = ("0000", "0111", "0110 A710");
    let (patient_id, end_date) = ("00100020", "00400250");
    vec![
        ("simple", json!([ok, GONE, ok, GONE, ok, GONE])),
        ("final", json!([final_step, final_step])),
        ("again", json!([known, GONE])),
        ("unknown", json!(["0112"])),
        ("begins", json!(["0106", "0106", "0106", "SCHEDULED"])),
        ("missing", json!(["0120"])),
        ("several", json!([ok, ok, ok, GONE, ok, GONE])),
        ("append", json!([ok, GONE, ok, GONE])),
        ("abandoned", json!([ok, ok, GONE])),
        ("wrong entry", json!([ok, GONE, ok, "SCHEDULED"])),
        ("other reason", json!([ok, ok, GONE])),
        ("rule", json!([ok, ok, "SCHEDULED"])),
        ("group", json!([ok, GONE, GONE, ok, GONE, GONE])),
        ("another patient", json!([ok, "SCHEDULED"])),
        ("another protocol", json!([ok, GONE])),
        ("not allowed", json!([format!("0105 {patient_id}"), ok, GONE])),
        ("incomplete", json!([ok, format!("0121 {end_date}"), GONE])),
        ("unscheduled", json!([ok, ok, GONE])),
    ]
}

/// On no worklist.
const GONE: &str = "";

/// Everything that was taken, once, each step begun before anything else is said of it.
fn passed_on(told: &Value) -> Result<String, String> {
    let relayed = told["relayed"].as_array().cloned().unwrap_or_default();
    let accepted = told["accepted"].as_u64().unwrap_or_default();
    if relayed.len() as u64 != accepted {
        return Err(format!("{} of {accepted} arrived", relayed.len()));
    }
    let mut begun = Vec::new();
    for said in &relayed {
        let uid = said[1].as_str().unwrap_or_default();
        match said[0].as_str() {
            Some("create") => begun.push(uid),
            _ if begun.contains(&uid) => {}
            _ => return Err(format!("{uid} was set before it was created")),
        }
    }
    Ok(format!("{accepted} arrived, each step in its order"))
}
