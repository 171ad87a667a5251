//! OBX: lines of text and encapsulated documents.

use telerad_charset::Separators;
use telerad_core::{Code, PartialDateTime, Uid};
use telerad_hl7::{Delimiters, Field, Message, Segment, escape};

use super::{Notes, latest, reject, signer};
use crate::{FindingCode, Rejection, ReportLine, Signer};

/// What the OBX of the message hold.
#[derive(Default)]
pub(super) struct Content {
    pub(super) lines: Vec<ReportLine>,
    /// OBX-11 of each OBX that is part of the report, with its location and whether it has a value.
    pub(super) statuses: Vec<LineStatus>,
    /// The first OBX-16.
    pub(super) observer: Option<Signer>,
    times: Vec<PartialDateTime>,
}

/// OBX-11 of one OBX.
pub(super) struct LineStatus {
    pub(super) code: String,
    pub(super) location: String,
    pub(super) has_value: bool,
}

/// The most lines of one report.
const LINES_MAX: usize = 20_000;

pub(super) fn read(message: &Message, notes: &mut Notes) -> Result<Content, Rejection> {
    let mut content = Content::default();
    let observations = message.segments().filter(|segment| segment.id() == "OBX");
    for (index, segment) in observations.enumerate() {
        let number = index + 1;
        if is_study_uid(&segment) {
            continue;
        }
        content.times.extend(notes.time(&segment, 14));
        content.times.extend(notes.time(&segment, 19));
        if content.observer.is_none() {
            content.observer = observer(&segment);
        }
        let code = segment.field(11).text().trim().to_owned();
        let lines = lines(message, &segment, number)?;
        let is_answer = segment.field(2).text() != "HD";
        let has_value = is_answer && lines.iter().any(ReportLine::has_value);
        if code == "D" {
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
            content.statuses.push(LineStatus { code, location, has_value });
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
        self.statuses.iter().any(|status| status.code != "D" && status.has_value)
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

/// Whether the OBX names the study: `113014` or `110180` of DCM (RAD-128), or the label of RAD-28, with a UID as value.
/// Anything else under these names is part of the report.
pub(super) fn is_study_uid(segment: &Segment<'_>) -> bool {
    let field = segment.field(3);
    let (value, label) = (field.component(1).text(), field.component(2).text());
    let is = |text: &str, label: &str| text.trim().eq_ignore_ascii_case(label);
    let is_named = matches!(&*value, "113014" | "110180")
        || [&value, &label].iter().any(|text| is(text, "Study Instance UID"));
    is_named && Uid::new(&segment.field(5).text()).is_ok()
}

fn lines(
    message: &Message,
    segment: &Segment<'_>,
    number: usize,
) -> Result<Vec<ReportLine>, Rejection> {
    let (identifier, value) = (segment.field(3), segment.field(5));
    let value_type = segment.field(2).text().trim().to_owned();
    let first = identifier.component(1);
    let mut suffix = first.subcomponent(2).text().into_owned();
    let mut code = first.text().into_owned();
    // The bare suffix, `ADT^Addendum`, is as common as `&ADT`.
    if suffix.is_empty() && matches!(&*code, "GDT" | "IMP" | "ADT" | "REC") {
        suffix = std::mem::take(&mut code);
    }
    let line = ReportLine {
        identifier: Code {
            value: code,
            meaning: identifier.component(2).text().into_owned(),
            scheme: identifier.component(3).text().into_owned(),
        },
        suffix,
        sub_id: segment.field(4).text().into_owned(),
        value_type: if value_type.is_empty() { "TX".to_owned() } else { value_type },
        text: String::new(),
        encoded: None,
        abnormal_flags: repeated(segment.field(8)),
    };
    let with = |text: String, encoded: Option<String>| ReportLine { text, encoded, ..line.clone() };
    Ok(match &*line.value_type {
        "TX" | "ST" | "FT" => {
            let texts = value.repetitions().flat_map(|one| {
                one.whole_text().split('\n').map(str::to_owned).collect::<Vec<_>>()
            });
            let lines: Vec<ReportLine> = texts.map(|text| with(text, None)).collect();
            // An OBX without a value is a blank line.
            if lines.is_empty() { vec![line] } else { lines }
        }
        "ED" if value.component(5).is_empty() => {
            return Err(reject(101, format!("OBX^{number}^5"), "encapsulated data has no data"));
        }
        "ED" | "RP" | "HD" => vec![with(String::new(), Some(standard(message, value)))],
        "CE" | "CWE" | "CNE" | "CF" => {
            let (code, text) = (value.component(1).text(), value.component(2).text());
            let readable = if text.is_empty() { code } else { text };
            vec![with(readable.into_owned(), Some(standard(message, value)))]
        }
        _ => vec![with(value.whole_text(), Some(standard(message, value)))],
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

fn repeated(field: Field<'_>) -> String {
    let flags: Vec<String> = field.repetitions().map(|one| one.text().into_owned()).collect();
    flags.join("~")
}

/// OBX-16: XCN.
fn observer(segment: &Segment<'_>) -> Option<Signer> {
    let field = segment.field(16);
    signer([1, 2, 3, 4, 5, 6].map(|n| field.component(n).text().into_owned()))
}
