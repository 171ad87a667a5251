//! Values that are longer than DICOM allows (PS3.5 section 6.2).

use crate::OrderRecord;
use crate::finding::{FindingCode, Findings};

/// Names what is too long. Identifiers are answered whole, since a cut one is another; texts are cut, and kept whole here.
pub(super) fn check(record: &OrderRecord, findings: &mut Findings) {
    let identifiers = [
        ("OBR-19", "requested procedure ID", &record.order.requested_procedure_id),
        ("ORC-28", "confidentiality code", &record.confidentiality),
    ];
    let ids = record.steps.iter().map(|step| ("OBR-20", "step ID", &step.step_id));
    for (place, name, value) in identifiers.into_iter().chain(ids) {
        let limit = if place == "ORC-28" { LO } else { SH };
        let characters = value.chars().count();
        if characters > limit {
            let text =
                format!("{name} has {characters} characters, DICOM allows {limit}: answered whole");
            findings.add(FindingCode::TooLong, place, text);
        }
    }
    let texts = [
        ("OBR-31", "reason", &record.order.reason),
        ("OBR-12", "patient state", &record.clinical.patient_state),
        ("OBR-30", "transport", &record.transport),
        ("ORC-17", "requesting service", &record.requesting_service),
        ("ORC-21", "institution", &record.institution),
        ("PV1-3", "location", &record.patient_location),
        ("PV1-15", "special needs", &record.special_needs),
        ("OBR-4", "procedure", &record.order.procedure.meaning),
    ];
    let of_steps = record.steps.iter().flat_map(|step| {
        [
            ("OBR-4.5", "protocol", &step.description, LO),
            ("IPC-7", "station name", &step.station_name, SH),
            ("IPC-8", "step location", &step.location, SH),
        ]
    });
    let texts = texts.into_iter().map(|(place, name, value)| (place, name, value, LO));
    for (place, name, value, limit) in texts.chain(of_steps) {
        let characters = value.chars().count();
        if characters > limit {
            let text = format!(
                "{name} has {characters} characters, DICOM allows {limit}: answers carry the first {limit}"
            );
            findings.add(FindingCode::TooLong, place, text);
        }
    }
}

/// Characters of a long string.
const LO: usize = 64;

/// Characters of a short string.
const SH: usize = 16;
