//! What records are found by, derived in one place for every back end.

use std::collections::BTreeSet;

use telerad_accession::SearchKey;
use telerad_core::{Issuer, PartialDate, Patient, PatientId, Priority};
use telerad_routing::{InstanceRecord, Relation, StudyMark};
use telerad_worklist::{OrderRecord, PatientRecord};

use crate::{RecordKind, StoreError};

/// The text of an identifier with its issuer: equal texts, equal identifiers.
pub(crate) fn id_text(id: &PatientId) -> Result<String, StoreError> {
    json(RecordKind::Patient, id)
}

/// What the texts of the identifiers with this value begin with, and nothing else does.
pub(crate) fn id_text_start(value: &str) -> Result<String, StoreError> {
    Ok(format!("{{\"value\":{},", json(RecordKind::Patient, &value)?))
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

/// The study of an instance; an instance that names none is a study of its own.
pub(crate) fn study_or_itself(record: &InstanceRecord) -> &str {
    record.head.study_instance_uid.as_ref().unwrap_or(&record.sop_instance_uid).as_str()
}

/// The word by which instances that are not the first of their UID are selected.
pub(crate) fn relation(relation: &Relation) -> &'static str {
    match relation {
        Relation::First => "first",
        Relation::Repeated => "repeated",
        Relation::Variant => "variant",
        Relation::UidConflict { .. } => "uid conflict",
    }
}

/// One thing that people search an examination by.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd, serde::Serialize)]
pub(crate) struct Searched {
    /// `accession`, `name`, `order`, `patient` or `study`.
    pub(crate) kind: &'static str,
    pub(crate) value: String,
    /// Of a patient identifier, its issuer as JSON; else empty.
    pub(crate) issuer: String,
}

/// What an order is searched by; the keys are those by which reports find it.
pub(crate) fn order_searched(
    record: &OrderRecord,
    keys: &[SearchKey],
) -> Result<BTreeSet<Searched>, StoreError> {
    let mut searched = patient_searched(&record.order.patient)?;
    searched.insert(plain("accession", record.order.accession.value()));
    searched.insert(plain("study", record.order.study_instance_uid.as_str()));
    for key in keys {
        if let SearchKey::Accession(value) = key {
            searched.insert(plain("accession", value));
        }
    }
    Ok(searched)
}

/// What the study of an instance is searched by: also by the order that it was matched with.
pub(crate) fn study_searched(record: &InstanceRecord) -> Result<BTreeSet<Searched>, StoreError> {
    let mut searched = patient_searched(&record.head.patient)?;
    if let Some(accession) = &record.head.accession {
        searched.insert(plain("accession", accession.value()));
    }
    if let StudyMark::Matched { order_key } = &record.mark {
        searched.insert(plain("order", order_key));
    }
    Ok(searched)
}

/// Equal for two instances exactly when they are searched by the same. A digest, since it is kept for each study.
pub(crate) fn searched_digest(searched: &BTreeSet<Searched>) -> Result<String, StoreError> {
    let text = json(RecordKind::Instance, searched)?;
    Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
}

fn patient_searched(patient: &Patient) -> Result<BTreeSet<Searched>, StoreError> {
    let mut searched = BTreeSet::new();
    for id in &patient.ids {
        let issuer = match id.issuer() {
            Some(issuer) => json(RecordKind::Patient, issuer)?,
            None => String::new(),
        };
        let (kind, value) = ("patient", id.value().to_owned());
        searched.insert(Searched { kind, value, issuer });
    }
    let name = &patient.name;
    for group in [&name.alphabetic, &name.ideographic, &name.phonetic] {
        let parts = [&group.family, &group.given, &group.middle, &group.prefix, &group.suffix];
        let folded = parts.map(|part| folded(part)).join(" ");
        let folded = folded.split_whitespace().collect::<Vec<_>>().join(" ");
        if !folded.is_empty() {
            searched.insert(plain("name", &folded));
        }
    }
    Ok(searched)
}

fn plain(kind: &'static str, value: &str) -> Searched {
    Searched { kind, value: value.to_owned(), issuer: String::new() }
}

/// Lower case, and every run of spaces and delimiters as one space.
fn folded(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| c.is_whitespace() || matches!(c, '^' | '=' | ','));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The first and the last of all names that begin like this.
pub(crate) fn name_range(beginning: &str) -> (String, String) {
    let from = folded(beginning);
    let to = format!("{from}{}", char::MAX);
    (from, to)
}

/// Whether an identifier with this issuer (JSON, empty = none) may be the one that is asked for.
pub(crate) fn may_be_issued_by(issuer: &str, asked: Option<&Issuer>) -> bool {
    let Some(asked) = asked else { return true };
    let known = serde_json::from_str::<Issuer>(issuer);
    // None named it, or nobody can tell any more: the person who searches decides.
    known.map_or(true, |known| known == *asked || known.agrees_with(asked))
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
    use super::{LANES, days_of, folded, name_range, shape};
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
    fn a_name_is_found_however_it_is_delimited() {
        for beginning in ["DOE", "doe^ja", "Doe Ja", " DOE,  JANE ", "doe jane ann"] {
            let (from, to) = name_range(beginning);
            assert!((from..=to).contains(&folded("DOE^JANE^ANN")), "{beginning}");
        }
        for other in ["doel", "jane", "doe^jo"] {
            let (from, to) = name_range(other);
            assert!(!(from..=to).contains(&folded("DOE^JANE^ANN")), "{other}");
        }
    }

    #[test]
    fn a_decoding_error_repeats_no_value() {
        let error = serde_json::from_str::<u8>("\"DOE^JANE\"").unwrap_err();
        assert!(error.to_string().contains("DOE"));
        assert_eq!(shape(&error), "data error at column 10");
    }
}
