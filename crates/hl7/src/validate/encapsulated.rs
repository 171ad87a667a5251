//! Files in OBX-5.

use super::Severity;
use super::finding::FindingCode;
use super::list::Findings;
use crate::datatype::Ed;
use crate::group::Placed;
use crate::{Depth, Location, path};

/// Encapsulated data that is not there or cannot be decoded: a report whose file is lost (IHE RAD-128). It is decoded
/// piece by piece and thrown away.
pub(super) fn check(segment: &Placed<'_>, findings: &mut Findings<'_>) {
    if segment.segment().id() != "OBX" || segment.field(2).text().trim() != "ED" {
        return;
    }
    for (repetition, number) in segment.field(5).repetitions().zip(1_u16..) {
        if repetition.is_null() || findings.is_full() {
            continue;
        }
        let data = Ed::read(repetition);
        let path = path!("OBX-5.5").in_occurrence(segment.occurrence()).in_repetition(number);
        let location = Location::new(path, Depth::Component);
        if data.raw().is_empty() {
            let kind = (FindingCode::FieldMissing, Severity::Error);
            findings.add(kind, location, repetition.span(), "encapsulated data is missing");
        } else if data.is_base64() && !is_decodable(&data) {
            let kind = (FindingCode::DatatypeInvalid, Severity::Error);
            findings.add(kind, location, data.span(), "encapsulated data is no base64");
        }
    }
}

fn is_decodable(data: &Ed<'_>) -> bool {
    let mut reader = data.base64();
    let mut piece = [0; 4096];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}
