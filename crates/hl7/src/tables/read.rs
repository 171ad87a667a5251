//! Reading the tables' text. A line that is none of theirs is left out; the tests count what is read.

use super::codes::{Code, CodeTable};
use super::grammar::{self, Structure};
use super::{
    ComponentTable, DatatypeTable, Event, FieldRule, FieldTable, SegmentTable, Usage, Version,
};

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

pub(super) fn segments(text: &'static str) -> Vec<SegmentTable> {
    let mut segments: Vec<SegmentTable> = Vec::new();
    for line in lines(text) {
        if line.starts_with(|first: char| first.is_ascii_digit()) {
            if let (Some(segment), Some(field)) = (segments.last_mut(), field(line)) {
                segment.fields.push(field);
            }
        } else if let Some((id, name)) = line.split_once(' ') {
            segments.push(SegmentTable { id, name, fields: Vec::new() });
        }
    }
    segments
}

fn field(line: &'static str) -> Option<FieldTable> {
    let mut columns = line.split('|');
    let number = columns.next()?.parse().ok()?;
    let name = columns.next()?;
    let v2_5_1 = rule(columns.next()?);
    let v2_3_1 = match columns.next()? {
        "=" => v2_5_1,
        text => rule(text),
    };
    let table = columns.next().filter(|table| !table.is_empty());
    let ihe_2_3_1 = columns.next().and_then(Usage::read);
    let ihe_2_5_1 = columns.next().and_then(Usage::read);
    Some(FieldTable { number, name, table, v2_5_1, v2_3_1, ihe_2_5_1, ihe_2_3_1 })
}

fn rule(text: &'static str) -> Option<FieldRule> {
    let mut parts = text.split(' ');
    let datatype = parts.next()?;
    let usage = parts.next()?;
    let (letters, repetition) = usage.split_at_checked(1)?;
    let repetitions_max = match repetition {
        "" => Some(1),
        "*" => None,
        digits => Some(digits.parse().ok()?),
    };
    let length = parts.next().and_then(|length| length.parse().ok());
    Some(FieldRule { datatype, usage: Usage::read(letters)?, repetitions_max, length })
}

pub(super) fn datatypes(text: &'static str) -> Vec<DatatypeTable> {
    let mut datatypes: Vec<DatatypeTable> = Vec::new();
    for line in lines(text) {
        let Some((first, rest)) = line.split_once(' ') else { continue };
        match (first, datatypes.last_mut()) {
            ("5", Some(datatype)) => datatype.v2_5_1 = components(rest),
            ("3", Some(datatype)) if rest == "=" => datatype.v2_3_1 = datatype.v2_5_1.clone(),
            ("3", Some(datatype)) => datatype.v2_3_1 = components(rest),
            (id, _) => datatypes.push(DatatypeTable {
                id,
                name: rest,
                v2_5_1: Vec::new(),
                v2_3_1: Vec::new(),
            }),
        }
    }
    datatypes
}

fn components(text: &'static str) -> Vec<ComponentTable> {
    text.split('|').filter_map(component).collect()
}

fn component(text: &'static str) -> Option<ComponentTable> {
    let (name, rest) = text.split_once('=')?;
    let mut parts = rest.split(' ');
    let datatype = parts.next()?;
    let (mut usage, mut table) = (Usage::Optional, None);
    for part in parts {
        match Usage::read(part) {
            Some(read) => usage = read,
            None => table = Some(part),
        }
    }
    Some(ComponentTable { name, datatype, usage, table })
}

pub(super) fn codes(text: &'static str) -> Vec<CodeTable> {
    let mut tables: Vec<CodeTable> = Vec::new();
    for line in lines(text) {
        let mark = line.get(..1).unwrap_or_default();
        if matches!(mark, "=" | "+" | "-") {
            let row = line.get(1..).unwrap_or_default();
            let (code, meaning) = row.split_once('|').unwrap_or((row, ""));
            if let Some(table) = tables.last_mut() {
                let (in_2_5_1, in_2_3_1) = (mark != "-", mark != "+");
                table.codes.push(Code { code, meaning, in_2_5_1, in_2_3_1 });
            }
        } else if let Some((number, name)) = line.split_once(' ') {
            tables.push(CodeTable { number, name, codes: Vec::new() });
        }
    }
    tables
}

pub(super) fn messages(text: &'static str) -> (Vec<Structure>, Vec<Event>) {
    let (mut structures, mut events) = (Vec::new(), Vec::new());
    for line in lines(text) {
        match line.split_once(' ') {
            Some(("events", rest)) => events.extend(triggers(rest)),
            Some((mark, rest)) => structures.extend(structure(mark, rest)),
            None => {}
        }
    }
    (structures, events)
}

fn version(mark: &str) -> Option<Version> {
    match mark {
        "3" => Some(Version::V2_3_1),
        "5" => Some(Version::V2_5_1),
        _ => None,
    }
}

fn structure(mark: &str, rest: &'static str) -> Option<Structure> {
    let (id, grammar) = rest.split_once(' ')?;
    Some(Structure { id, version: version(mark)?, grammar, items: grammar::items(grammar) })
}

fn triggers(rest: &'static str) -> Vec<Event> {
    let read = || {
        let (left, structure) = rest.split_once(" > ")?;
        let mut words = left.split(' ');
        let version = version(words.next()?)?;
        let code = words.next()?;
        Some(words.map(move |event| Event { version, code, event, structure }).collect())
    };
    read().unwrap_or_default()
}
