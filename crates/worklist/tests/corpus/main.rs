//! Orders that others wrote: each ends on the worklist or in a reason with a name.
//!
//! The messages are not the project's and stay outside it: `TELERAD_CORPUS` names the folder that holds
//! `hl7/messages.jsonl.gz`. Without it the test says so.

#![expect(clippy::disallowed_methods, reason = "reads files that an environment variable names")]
#![expect(clippy::print_stdout, reason = "says what was not tested")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use telerad_core::{SiteId, Timestamp};
use telerad_hl7::Message;
use telerad_worklist::{Disposition, Effect, Known, Mapping, StepStatus, apply, read};

/// How many orders ended in each way.
#[derive(Default)]
struct Counts {
    ended: BTreeMap<String, Vec<String>>,
    on_the_list: usize,
}

impl Counts {
    fn add(&mut self, end: String, id: &str) {
        self.ended.entry(end).or_default().push(id.to_owned());
    }
}

#[test]
fn orders_of_others_land_or_say_why_not() {
    let Some(folder) = std::env::var_os("TELERAD_CORPUS") else {
        println!("TELERAD_CORPUS is not set: no order of others was read");
        return;
    };
    let path = PathBuf::from(folder).join("hl7/messages.jsonl.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        println!("{} is not there: no order of others was read", path.display());
        return;
    };
    let (mut counts, mut messages) = (Counts::default(), 0);
    for line in BufReader::new(MultiGzDecoder::new(file)).lines() {
        let record: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let id = record["id"].as_str().unwrap();
        let bytes = base64(record["raw_b64"].as_str().unwrap());
        let Ok(message) = Message::parse(bytes) else { continue };
        if matches!(message.message_code().as_str(), "ORM" | "OMI" | "OMG" | "SIU") {
            messages += 1;
            check(id, &message, &mut counts);
        }
    }
    println!("{messages} messages, {} steps on the list", counts.on_the_list);
    for (end, ids) in &counts.ended {
        println!("{:4} {end} ({})", ids.len(), ids[0]);
    }
    assert!(messages < 100 || counts.on_the_list > 0, "nothing landed");
}

fn check(id: &str, message: &Message, counts: &mut Counts) {
    let mapping = Mapping::new(SiteId::new("north").unwrap());
    let code = message.message_code();
    let inbound = match read(message, &mapping) {
        Ok(inbound) => inbound,
        Err(refused) => return counts.add(format!("{code} rejected: {refused}"), id),
    };
    let outcome = apply(inbound, &Known::default(), Timestamp::from_micros(0));
    match outcome.disposition {
        Disposition::Applied => counts.add(format!("{code} applied"), id),
        Disposition::NoChange => {
            assert!(!outcome.findings.is_empty(), "{id}: nothing was done, and nothing said");
            let last = outcome.findings.last().map(ToString::to_string).unwrap_or_default();
            counts.add(format!("{code} no change: {last}"), id);
        }
        Disposition::Parked(reason) => counts.add(format!("{code} parked: {reason}"), id),
        Disposition::Rejected(refused) => counts.add(format!("{code} rejected: {refused}"), id),
    }
    for effect in outcome.effects {
        let Effect::PutOrder(order) = effect else { continue };
        assert!(!order.order.accession.value().is_empty(), "{id}");
        for step in order.steps.iter().filter(|step| step.status == StepStatus::Scheduled) {
            // Type 1 of PS3.4 table K.6-1: without these a modality cannot find or show the step.
            let is_whole = step.start.is_some_and(|start| start.date().is_complete());
            assert!(is_whole, "{id}: a step without start");
            assert!(!step.modality.is_empty() && !step.step_id.is_empty(), "{id}: type 1 is empty");
            counts.on_the_list += 1;
        }
    }
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u32> = text.bytes().filter_map(digit).collect();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let word = group.iter().fold(0, |word, digit| word << 6 | digit) << (6 * (4 - group.len()));
        bytes.extend_from_slice(&word.to_be_bytes()[1..group.len()]);
    }
    bytes
}
