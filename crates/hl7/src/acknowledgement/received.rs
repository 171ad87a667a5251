//! Reading the acknowledgements of others.

use std::fmt;

use super::AckCode;
use super::write::SEVERITY_TABLE;
use crate::{Location, Message};

/// An acknowledgement that a peer sent.
#[derive(Clone, Eq, PartialEq)]
pub struct ReceivedAck {
    /// MSA-1.
    pub code: AckCode,
    /// MSA-2: MSH-10 of the message it answers; empty when the peer could not read that.
    pub control_id: String,
    /// MSA-3, else ERR-8, else ERR-7; in the peer's words, so it may name a patient.
    pub text: String,
    /// Table 0357, from ERR-3, ERR-1 or MSA-6.
    pub condition: Option<u16>,
}

impl fmt::Debug for ReceivedAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedAck")
            .field("code", &self.code)
            .field("control_id", &self.control_id)
            .field("text", &format_args!("<redacted>"))
            .field("condition", &self.condition)
            .finish()
    }
}

/// Reads an acknowledgement, or any application response with MSA in it.
///
/// `None` when there is no MSA, or its code is not in table 0008.
pub fn read_acknowledgement(message: &Message) -> Option<ReceivedAck> {
    let msa = message.segment("MSA")?;
    let code = msa.field(1).text().trim().parse().ok()?;
    let texts = ["MSA-3", "ERR-8", "ERR-7"];
    let conditions = ["ERR-3", "ERR-1.4", "MSA-6"];
    Some(ReceivedAck {
        code,
        control_id: msa.field(2).text().into_owned(),
        text: texts.iter().find_map(|path| message.text(path)).unwrap_or_default(),
        condition: conditions.iter().find_map(|path| message.text(path)?.trim().parse().ok()),
    })
}

/// One error that a peer reported.
#[derive(Clone, Eq, PartialEq)]
pub struct ReceivedError {
    /// ERR-2, or the first three components of ERR-1; `None` when it names no place.
    pub location: Option<Location>,
    /// Table 0357, from ERR-3 or ERR-1.
    pub condition: Option<u16>,
    /// ERR-4, table 0516; before 2.5 the alternate code in ERR-1 where it is of that table, and mostly empty.
    pub severity: String,
    /// ERR-8, else ERR-7, else the text of the condition; in the peer's words, so it may name a patient.
    pub text: String,
}

impl fmt::Debug for ReceivedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedError")
            .field("location", &self.location)
            .field("condition", &self.condition)
            .field("severity", &format_args!("<redacted>"))
            .field("text", &format_args!("<redacted>"))
            .finish()
    }
}

/// Reads the ERR segments of an acknowledgement, in both forms: each repetition of ERR-1 is an error where there is
/// no ERR-3, and one segment is an error where there is.
pub fn read_errors(message: &Message) -> Vec<ReceivedError> {
    let mut errors = Vec::new();
    for segment in message.segments_with_id("ERR") {
        if segment.field(3).is_empty() && segment.field(2).is_empty() {
            for old in segment.field(1).repetitions() {
                let place: Vec<_> = (1..=3).map(|n| old.component(n).text()).collect();
                let part = |n| old.component(4).subcomponent(n).text().into_owned();
                let is_told = part(6) == SEVERITY_TABLE;
                errors.push(ReceivedError {
                    location: Location::from_error_location(&place.join("^")).ok(),
                    condition: old.component(4).text().trim().parse().ok(),
                    severity: if is_told { part(4) } else { String::new() },
                    text: part(2),
                });
            }
            continue;
        }
        let field = |n| segment.field(n).text().into_owned();
        let place = segment.field(2).repetition(1);
        let place: Vec<_> = (1..=6).map(|n| place.component(n).text()).collect();
        let texts = [field(8), field(7), segment.field(3).component(2).text().into_owned()];
        errors.push(ReceivedError {
            location: Location::from_error_location(&place.join("^")).ok(),
            condition: field(3).trim().parse().ok(),
            severity: field(4),
            text: texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
        });
    }
    errors
}
