//! OBX: lines of text and encapsulated documents.

use telerad_charset::Separators;
use telerad_core::{PartialDateTime, Uid};
use telerad_hl7::reading::{Observation, ObservationStatus};
use telerad_hl7::{Delimiters, Field, Message, escape};

use super::{Notes, latest, reject, signer};
use crate::{FindingCode, Rejection, ReportLine, Signer};

/// What the OBX of the message hold.
#[derive(Default)]
pub(super) struct Content {
    pub(super) lines: Vec<ReportLine>,
    /// OBX-11 of each OBX that is part of the report, with its location and whether it has a value.
    pub(super) statuses: Vec<LineStatus>,
    /// Study instance UIDs in OBX, wherever they stand.
    pub(super) studies: Vec<Uid>,
    /// The first OBX-16.
    pub(super) observer: Option<Signer>,
    times: Vec<PartialDateTime>,
}

/// OBX-11 of one OBX.
pub(super) struct LineStatus {
    pub(super) status: ObservationStatus,
    /// Whether OBX-11 says anything.
    pub(super) is_said: bool,
    pub(super) location: String,
    pub(super) has_value: bool,
}

impl LineStatus {
    /// Whether OBX-11 has a code that table 0085 does not know.
    pub(super) fn is_outside_table(&self) -> bool {
        self.is_said && self.status == ObservationStatus::Unknown
    }
}

/// The most lines of one report.
const LINES_MAX: usize = 20_000;

pub(super) fn read(message: &Message, notes: &mut Notes) -> Result<Content, Rejection> {
    let mut content = Content::default();
    for (index, segment) in message.segments_with_id("OBX").enumerate() {
        let number = index + 1;
        let observation = Observation::of_segment(&segment);
        if let Some(study) = observation.study_instance_uid {
            content.studies.push(study);
            continue;
        }
        for (n, said) in [(14, &observation.observed), (19, &observation.analyzed)] {
            content.times.extend(notes.time(said, format!("OBX^{number}^{n}")));
        }
        if content.observer.is_none() {
            content.observer = signer(&observation.responsible);
        }
        let is_answer = observation.value_type != "HD";
        let (status, is_said) = (observation.status, !observation.status_code.is_empty());
        let lines = lines(message, segment.field(5), observation, number)?;
        let has_value = is_answer && lines.iter().any(ReportLine::has_value);
        if status == ObservationStatus::Delete {
            let text = "the line is deleted by its sender and left out";
            notes.find(FindingCode::LineDeleted, format!("OBX^{number}^11"), text);
        } else {
            content.lines.extend(lines);
        }
        if content.lines.len() > LINES_MAX {
            return Err(reject(102, format!("OBX^{number}^5"), "more than 20000 lines"));
        }
        if is_answer {
            let location = format!("OBX^{number}^11");
            content.statuses.push(LineStatus { status, is_said, location, has_value });
        }
    }
    if !content.has_value() {
        // Blank lines around nothing: a status or a retraction.
        content.lines.retain(|line| line.encoded.is_some());
    }
    Ok(content)
}

impl Content {
    /// Whether there is text or a document.
    pub(super) fn has_value(&self) -> bool {
        let stands = |line: &LineStatus| line.status != ObservationStatus::Delete && line.has_value;
        self.statuses.iter().any(stands)
    }

    /// Whether every line is marked as addendum (OBX-3 suffix `ADT`).
    pub(super) fn is_addendum_only(&self) -> bool {
        let mut filled = self.lines.iter().filter(|line| line.has_value()).peekable();
        filled.peek().is_some() && filled.all(|line| line.suffix == "ADT")
    }

    pub(super) fn latest_time(&self) -> Option<PartialDateTime> {
        latest(self.times.clone())
    }
}

impl ReportLine {
    fn has_value(&self) -> bool {
        !self.text.trim().is_empty() || self.encoded.as_ref().is_some_and(|value| !value.is_empty())
    }
}

fn lines(
    message: &Message,
    value: Field<'_>,
    observation: Observation,
    number: usize,
) -> Result<Vec<ReportLine>, Rejection> {
    let Observation { value_type, text: readable, .. } = observation;
    let line = ReportLine {
        identifier: observation.identifier.code(),
        suffix: observation.suffix,
        sub_id: observation.sub_id,
        value_type: if value_type.is_empty() { "TX".to_owned() } else { value_type },
        text: String::new(),
        encoded: None,
        abnormal_flags: observation.abnormal_flags.join("~"),
    };
    let with = |text: String, encoded: Option<String>| ReportLine { text, encoded, ..line.clone() };
    Ok(match &*line.value_type {
        // An OBX without a value is a blank line.
        "TX" | "ST" | "FT" => {
            readable.split('\n').map(|text| with(text.to_owned(), None)).collect()
        }
        "ED" if value.component(5).is_empty() => {
            return Err(reject(101, format!("OBX^{number}^5"), "encapsulated data has no data"));
        }
        "HD" => vec![with(String::new(), Some(standard(message, value)))],
        _ => vec![with(readable, Some(standard(message, value)))],
    })
}

/// The field in the standard delimiters, everything else as it came.
fn standard(message: &Message, field: Field<'_>) -> String {
    let encoded = if message.delimiters() == Delimiters::STANDARD {
        message.character_sets().decode(field.raw(), Separators::None).text.into_owned()
    } else {
        let joined = |parts: Vec<String>, delimiter: &str| parts.join(delimiter);
        let repetitions = field.repetitions().map(|repetition| {
            let components = repetition.components().map(|component| {
                let parts = component.subcomponents().map(|part| match part.is_null() {
                    true => "\"\"".to_owned(),
                    false => escape::encode(&part.text(), Delimiters::STANDARD),
                });
                joined(parts.collect(), "&")
            });
            joined(components.collect(), "^")
        });
        joined(repetitions.collect(), "~")
    };
    // Base64 wrapped in line feeds: a control code cannot stand in a segment.
    if !encoded.contains(|one: char| one.is_control() && one != '\t') {
        return encoded;
    }
    let one = |one: char| match one {
        '\t' => one.to_string(),
        control if control.is_ascii_control() => format!("\\X{:02X}\\", u32::from(control)),
        other => other.to_string(),
    };
    encoded.chars().map(one).collect()
}
