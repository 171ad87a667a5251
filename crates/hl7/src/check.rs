//! Deviations that show only in the contents of fields.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::message::Message;
use crate::syntax::Syntax;
use crate::{
    Depth, Field, Location, ParseError, ParseOptions, Path, Segment, Warning, WarningKind, escape,
};

/// How many warnings [`Message::check`] gives at most.
pub const CHECKED_WARNINGS_MAX: usize = 1000;

impl Message {
    /// As [`parse`](Self::parse), with limits of the caller's own and some deviations refused: strict mode.
    ///
    /// Deviations that show only in the contents of fields are looked for only when some of them are refused.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and [`ParseError::Refused`] for the first refused deviation.
    pub fn parse_with(options: &ParseOptions, input: impl Into<Bytes>) -> Result<Self, ParseError> {
        let message = Self::parse_within(options.limits, input)?;
        let refused = |warning: &&Warning| options.refused.contains(warning.kind);
        if let Some(warning) = message.warnings().iter().find(refused) {
            return Err(ParseError::Refused(*warning));
        }
        if options.refused.iter().any(WarningKind::needs_contents)
            && let Some(warning) = message.check().iter().find(refused)
        {
            return Err(ParseError::Refused(*warning));
        }
        Ok(message)
    }

    /// Looks into every field for deviations that [`parse`](Self::parse) does not look for, because it would have to
    /// read everything: escapes that are none, malformed text, control codes, unescaped delimiters.
    ///
    /// One warning per kind and field, in order, at most [`CHECKED_WARNINGS_MAX`](crate::CHECKED_WARNINGS_MAX).
    pub fn check(&self) -> Vec<Warning> {
        check(self)
    }
}

fn check(message: &Message) -> Vec<Warning> {
    let syntax = message.syntax();
    let mut warnings = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for segment in message.segments() {
        let count = counts.entry(segment.id()).or_default();
        *count += 1;
        let place = u16::try_from(*count)
            .ok()
            .and_then(|occurrence| Location::segment(segment.id(), occurrence).ok());
        let literals = if segment.is_header() { 2 } else { 0 };
        for (field, n) in segment.fields().zip(1_usize..).skip(literals) {
            let location = place.and_then(|place| {
                let path = Path { field: u16::try_from(n).ok()?, ..place.path() };
                Some(Location::new(path, Depth::Field))
            });
            check_field(syntax, field, is_running_text(&segment, n), location, &mut warnings);
            if warnings.len() >= CHECKED_WARNINGS_MAX {
                warnings.truncate(CHECKED_WARNINGS_MAX);
                return warnings;
            }
        }
    }
    warnings
}

/// Fields whose data type has no components (HL7 2.5.1 sections 2.A.31, 2.A.73 and 2.A.78).
fn is_running_text(segment: &Segment<'_>, n: usize) -> bool {
    match (segment.id(), n) {
        ("OBX", 5) => matches!(&*segment.field(2).text(), "FT" | "ST" | "TX"),
        ("NTE", 3) => true,
        _ => false,
    }
}

fn check_field(
    syntax: &Syntax,
    field: Field<'_>,
    is_running_text: bool,
    location: Option<Location>,
    warnings: &mut Vec<Warning>,
) {
    let (raw, start) = (field.raw(), field.span().start);
    let mut add = |kind, offset: usize, length: usize| {
        let from = start + offset;
        warnings.push(Warning::new(kind, from..from + length, location));
    };
    if let Some(offset) = raw.iter().position(|&byte| is_control_code(byte)) {
        add(WarningKind::ControlCode, offset, 1);
    }
    let stray =
        if is_running_text { escape::stray(syntax, raw) } else { stray_in_leaves(syntax, field) };
    if let Some(offset) = stray {
        add(WarningKind::Escape, offset, 1);
    }
    let decoded = syntax.decode(raw);
    if let Some(place) = decoded.malformed_at.first() {
        add(WarningKind::MalformedText, place.start, place.len());
    }
    if is_running_text {
        let delimiters = [syntax.delimiters.component, syntax.delimiters.subcomponent];
        let positions = delimiters.into_iter().flatten().filter_map(|byte| syntax.find(byte, raw));
        if let Some(offset) = positions.min() {
            add(WarningKind::UnescapedDelimiter, offset, 1);
        }
    }
}

/// Tab is layout, line feed is reported by itself, and ESC belongs to character sets.
fn is_control_code(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | 0x1b)
}

/// Sequences do not reach over delimiters, so each subcomponent is read by itself.
fn stray_in_leaves(syntax: &Syntax, field: Field<'_>) -> Option<usize> {
    syntax.find(syntax.delimiters.escape?, field.raw())?;
    let start = field.span().start;
    field.repetitions().find_map(|repetition| {
        repetition.components().find_map(|component| {
            component.subcomponents().find_map(|leaf| {
                let offset = escape::stray(syntax, leaf.raw())?;
                Some(leaf.span().start - start + offset)
            })
        })
    })
}

#[cfg(test)]
mod tests;
