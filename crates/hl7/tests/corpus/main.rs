//! Messages that others wrote: every one parses and keeps its bytes, and where two other parsers agree on what it says,
//! so do we.
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
use telerad_hl7::{Message, Segment};

/// What we read otherwise than the parsers on record, by the id of the message, and why ours is right.
const DISAGREEMENTS: &[(&str, &str)] = &[
    ("4d9cabec241dd630", INDENTED),
    ("a54b8307798b3a52", INDENTED),
    ("e00f554436bf6cdf", INDENTED),
    ("ed6d0478c85a272a", INDENTED),
    ("63d2ae36751fc376", NO_ID),
    ("755a30c500d09a3a", NO_ID),
    ("9fb510086c734e32", NO_ID),
    ("cb86cb3ccd74f3a4", NO_ID),
    ("ccf48c2bbedf1abf", NO_ID),
    ("dd8fcac9a22eded2", NO_ID),
    ("a5dffdf2081d7750", LINE_FEED),
    ("b5888a46f579ff19", LINE_FEED),
    ("b99801e244337e25", LINE_FEED),
];

const INDENTED: &str = "blanks before a segment are no part of its id, so PID is found behind them";
const NO_ID: &str = "a line without three letters or digits is no segment (HL7 2.5.1 section 2.5.2); it is kept, without \
                     an id, and reported";
const LINE_FEED: &str =
    "a line feed before what is no segment is text of the field it stands in, and is reported";

#[test]
fn messages_of_others_are_read_as_their_bytes_say() {
    let Some(folder) = std::env::var_os("TELERAD_CORPUS") else {
        println!("TELERAD_CORPUS is not set: no message of others was read");
        return;
    };
    let path = PathBuf::from(folder).join("hl7/messages.jsonl.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        println!("{} is not there: no message of others was read", path.display());
        return;
    };
    let mut found = BTreeMap::new();
    let (mut messages, mut firm) = (0, 0);
    for line in BufReader::new(MultiGzDecoder::new(file)).lines() {
        let record: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let id = record["id"].as_str().unwrap().to_owned();
        let bytes = base64(record["raw_b64"].as_str().unwrap());
        messages += 1;
        let message = Message::parse(bytes.clone());
        let message = message.unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(message.as_bytes(), &bytes, "{id}");
        assert_eq!(message.edit().encode(), bytes, "{id}");
        let _ = message.check();
        if record["firm"] == true {
            firm += 1;
            let differences = differences(&message, &record["expected"]);
            if !differences.is_empty() {
                found.insert(id, differences.join("; "));
            }
        }
    }
    println!("{messages} messages read, {firm} of them compared");
    for (id, reason) in DISAGREEMENTS.iter().filter(|(id, _)| found.contains_key(*id)) {
        println!("{id} is read otherwise: {reason}");
    }
    let known: Vec<&str> = DISAGREEMENTS.iter().map(|(id, _)| *id).collect();
    let unknown: Vec<_> = found.iter().filter(|(id, _)| !known.contains(&id.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    let agreed: Vec<_> = known.iter().filter(|id| !found.contains_key(**id)).collect();
    assert!(messages < 1000 || agreed.is_empty(), "no longer disagreements: {agreed:?}");
}

/// What the record says and we do not, without the values themselves.
fn differences(message: &Message, expected: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    let ids: Vec<&str> = message.segments().map(|segment| segment.id()).collect();
    if expected["segments"].as_array().is_some_and(|wanted| {
        !wanted.iter().map(|id| id.as_str().unwrap_or_default()).eq(ids.iter().copied())
    }) {
        differences.push(format!("segments {} and {ids:?}", expected["segments"]));
    }
    for (path, wanted) in expected["fields"].as_object().into_iter().flatten() {
        let wanted = wanted.as_str().unwrap_or_default();
        let (segment, rest) = path.split_once('-').unwrap_or((path, "0"));
        let (field, component) = match rest.split_once('.') {
            Some((field, component)) => (field, component.parse().ok()),
            None => (rest, None),
        };
        let field: usize = field.parse().unwrap_or(0);
        let got = message.segment(segment).map(|segment| raw(message, &segment, field, component));
        if got.as_deref().unwrap_or_default() != wanted {
            differences.push(format!("{path} differs"));
        }
    }
    let wanted = expected["obx5_raw"].as_array().map(Vec::as_slice).unwrap_or_default();
    let got: Vec<String> =
        message.segments_with_id("OBX").map(|segment| raw(message, &segment, 5, None)).collect();
    if !wanted
        .iter()
        .map(|value| value.as_str().unwrap_or_default())
        .eq(got.iter().map(String::as_str))
    {
        let at = wanted.iter().zip(&got).position(|(wanted, got)| wanted.as_str() != Some(got));
        differences.push(format!("OBX-5: {} and {}, differ at {at:?}", wanted.len(), got.len()));
    }
    differences
}

/// A field or component as it is encoded, in the message's character set.
fn raw(message: &Message, segment: &Segment<'_>, field: usize, component: Option<usize>) -> String {
    let field = segment.field(field);
    let raw = match component {
        None => field.raw().to_vec(),
        Some(n) => field.component(n).raw().to_vec(),
    };
    message.charset().decode(&raw).text.into_owned()
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
