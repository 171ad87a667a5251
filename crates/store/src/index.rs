//! What records are found by, derived in one place for every back end.

use telerad_core::{PartialDate, PatientId, Priority};
use telerad_routing::InstanceRecord;
use telerad_worklist::{OrderRecord, PatientRecord};

use crate::{RecordKind, StoreError};

/// The text of an identifier with its issuer: equal texts, equal identifiers.
pub(crate) fn id_text(id: &PatientId) -> Result<String, StoreError> {
    json(RecordKind::Patient, id)
}

/// The text of the identifier that a patient is kept under.
pub(crate) fn primary_id(record: &PatientRecord) -> Result<String, StoreError> {
    let missing = || StoreError::invalid(RecordKind::Patient, "it has no identifier");
    id_text(record.patient.primary_id().ok_or_else(missing)?)
}

/// The study of an instance; empty when it names none.
pub(crate) fn study(record: &InstanceRecord) -> &str {
    record.head.study_instance_uid.as_ref().map_or("", |uid| uid.as_str())
}

/// Equal for two instances exactly when they agree on patient and accession number. A digest, so that no index
/// holds a name.
pub(crate) fn identity(record: &InstanceRecord) -> Result<String, StoreError> {
    let text = json(RecordKind::Instance, &(&record.head.patient, &record.head.accession))?;
    Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
}

/// First and last day, as `YYYYMMDD`, that an order's steps may start on; `None` when the worklist does not answer
/// the order any more. What is not known is taken as widely as it can be.
pub(crate) fn open_days(record: &OrderRecord) -> Option<(String, String)> {
    if !record.is_open() {
        return None;
    }
    let mut days = record.steps.iter().map(|step| match step.start {
        Some(start) => days_of(start.date()),
        None => (String::new(), LATEST.to_owned()),
    });
    let first = days.next().unwrap_or_else(|| (String::new(), LATEST.to_owned()));
    Some(days.fold(first, |(first, last), (from, to)| (first.min(from), last.max(to))))
}

/// The bounds of a date range as days, an empty or missing bound being open.
pub(crate) fn day_range(range: Option<(String, String)>) -> (String, String) {
    let (from, to) = range.unwrap_or_default();
    (from, if to.is_empty() { LATEST.to_owned() } else { to })
}

/// JSON of something that always has one.
pub(crate) fn json(kind: RecordKind, value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::invalid(kind, shape(&error)))
}

/// What a JSON error says without the value it is about, which may be a patient's.
pub(crate) fn shape(error: &serde_json::Error) -> String {
    format!("{:?} error at column {}", error.classify(), error.column()).to_lowercase()
}

fn days_of(date: PartialDate) -> (String, String) {
    let text = date.to_string();
    let rest = text.len().min(8);
    // Text order is enough: day 31 bounds every month.
    (format!("{text}{}", &"    0101"[rest..]), format!("{text}{}", &"    1231"[rest..]))
}

/// Every lane of a queue, the most urgent first. A lane is a priority; its number in the database is its place here.
pub(crate) const LANES: [Priority; 5] =
    [Priority::Stat, Priority::High, Priority::Routine, Priority::Medium, Priority::Low];

const LATEST: &str = "99999999";

#[cfg(test)]
mod tests {
    use super::{LANES, days_of, shape};
    use telerad_core::{PartialDate, Priority};

    #[test]
    fn no_lane_is_left_out() {
        for (place, lane) in LANES.into_iter().enumerate() {
            assert_eq!(lane as usize, place);
            // A new priority does not compile here until it has a lane.
            match lane {
                Priority::Stat
                | Priority::High
                | Priority::Routine
                | Priority::Medium
                | Priority::Low => {}
            }
        }
    }

    #[test]
    fn a_partial_date_covers_every_day_it_may_mean() {
        let days = |text| {
            let (from, to) = days_of(PartialDate::parse(text).unwrap());
            format!("{from}-{to}")
        };
        assert_eq!(days("2024"), "20240101-20241231");
        assert_eq!(days("202402"), "20240201-20240231");
        assert_eq!(days("20240229"), "20240229-20240229");
    }

    #[test]
    fn a_decoding_error_repeats_no_value() {
        let error = serde_json::from_str::<u8>("\"DOE^JANE\"").unwrap_err();
        assert!(error.to_string().contains("DOE"));
        assert_eq!(shape(&error), "data error at column 10");
    }
}
