//! MSH: what the message is.

use super::Severity;
use super::finding::FindingCode;
use super::list::Findings;
use crate::tables::{self, Version};
use crate::{Depth, Location, Message, Path, path};

/// Fields without which no receiver can answer or place a message (HL7 2.5.1 section 2.15.9).
const REQUIRED: [(Path, &str); 5] = [
    (path!("MSH-7"), "message time"),
    (path!("MSH-9"), "message type"),
    (path!("MSH-10"), "message control id"),
    (path!("MSH-11"), "processing id"),
    (path!("MSH-12"), "version"),
];

pub(super) fn check(message: &Message, findings: &mut Findings<'_>) {
    let Some(header) = message.segments().next() else { return };
    for (path, name) in REQUIRED {
        let field = header.field(path.field());
        if field.text().trim().is_empty() {
            let location = Location::new(path, Depth::Field);
            let kind = (FindingCode::FieldMissing, Severity::Error);
            findings.add(kind, location, field.span(), format!("{name} is missing"));
        }
    }
    let checks = [
        (path!("MSH-9.1"), "0076", FindingCode::MessageUnsupported, "no message of table 0076"),
        (path!("MSH-9.2"), "0003", FindingCode::EventUnsupported, "no event of table 0003"),
        (path!("MSH-11.1"), "0103", FindingCode::ProcessingIdUnsupported, "not in table 0103"),
        (path!("MSH-12.1"), "0104", FindingCode::VersionUnsupported, "not in table 0104"),
    ];
    for (path, table, code, text) in checks {
        let component = header.field(path.field()).component(path.component());
        let value = component.text();
        let is_known = tables::codes(table).is_some_and(|codes| codes.contains(value.trim()));
        // Later versions are read by content, and local events are no events of the table.
        let is_later = table == "0104" && value.trim().starts_with("2.");
        if value.trim().is_empty() || is_known || is_later {
            continue;
        }
        let severity = match code {
            FindingCode::VersionUnsupported | FindingCode::ProcessingIdUnsupported => {
                Severity::Warning
            }
            _ if value.trim().starts_with('Z') => Severity::Information,
            _ => Severity::Error,
        };
        let location = Location::new(path, Depth::Component);
        findings.add((code, severity), location, component.span(), text);
    }
    check_structure(message, findings);
    check_alone(message, findings);
}

/// Two messages in one frame: what belongs to which patient is nobody's guess.
fn check_alone(message: &Message, findings: &mut Findings<'_>) {
    for (occurrence, segment) in (1..).zip(message.segments_with_id("MSH")).skip(1) {
        let Ok(location) = Location::segment("MSH", occurrence) else { return };
        let kind = (FindingCode::SegmentUnexpected, Severity::Error);
        findings.add(kind, location, segment.span(), "another message begins here");
    }
}

/// MSH-9.3 is optional before 2.5 and often wrong; the event decides.
fn check_structure(message: &Message, findings: &mut Findings<'_>) {
    let Some(header) = message.segments().next() else { return };
    let stated = header.field(9).component(3);
    let version = Version::from_version_id(&message.version());
    let expected = tables::structure_of(version, &message.message_code(), &message.trigger_event());
    if let Some(expected) = expected
        && !stated.is_empty()
        && stated.text().trim() != expected.id
    {
        let location = Location::new(path!("MSH-9.3"), Depth::Component);
        let text = format!("the structure of this event is {}", expected.id);
        let kind = (FindingCode::StructureMismatch, Severity::Information);
        findings.add(kind, location, stated.span(), text);
    }
}
