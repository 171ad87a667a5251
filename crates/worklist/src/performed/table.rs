//! Table F.7.2-1 of PS3.4: which attributes a modality creates, which it may set, and which must stand at the end.

use telerad_dicom::dataset::DataSet;
use telerad_dicom::{Status, Tag, tags};

use super::{MISSING_ATTRIBUTE_VALUE, NO_SUCH_ATTRIBUTE, PerformedStatus, Refusal};
use crate::finding::{FindingCode, Findings};

pub(super) const STATION_NAME: Tag = Tag(0x0040, 0x0242);
pub(super) const LOCATION: Tag = Tag(0x0040, 0x0243);
pub(super) const END_DATE: Tag = Tag(0x0040, 0x0250);
pub(super) const END_TIME: Tag = Tag(0x0040, 0x0251);
const TYPE_DESCRIPTION: Tag = Tag(0x0040, 0x0255);
const NON_IMAGE_SEQUENCE: Tag = Tag(0x0040, 0x0220);
pub(super) const PROTOCOLS: Tag = Tag(0x0040, 0x0260);
pub(super) const DISCONTINUATION_REASON: Tag = Tag(0x0040, 0x0281);
pub(super) const SERIES: Tag = Tag(0x0040, 0x0340);

/// What an N-CREATE must, or should, have.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Created {
    /// Type 1: with a value.
    One,
    /// Type 2: present, possibly empty.
    Two,
    /// Type 3.
    Three,
}

/// What an N-SET may do.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Set {
    No,
    Yes,
}

/// The rows of the table, in its order. What it does not name may be created and set.
const TABLE: &[(Tag, Created, Set)] = &[
    (tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE, Created::One, Set::No),
    (tags::PATIENT_NAME, Created::Two, Set::No),
    (tags::PATIENT_ID, Created::Two, Set::No),
    (tags::ISSUER_OF_PATIENT_ID, Created::Three, Set::No),
    (tags::ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE, Created::Three, Set::No),
    (tags::PATIENT_BIRTH_DATE, Created::Two, Set::No),
    (tags::PATIENT_SEX, Created::Two, Set::No),
    (tags::REFERENCED_PATIENT_SEQUENCE, Created::Two, Set::No),
    (tags::ADMISSION_ID, Created::Three, Set::No),
    (tags::ISSUER_OF_ADMISSION_ID_SEQUENCE, Created::Three, Set::No),
    (tags::PERFORMED_PROCEDURE_STEP_ID, Created::One, Set::No),
    (tags::PERFORMED_STATION_AE_TITLE, Created::One, Set::No),
    (STATION_NAME, Created::Two, Set::No),
    (LOCATION, Created::Two, Set::No),
    (tags::PERFORMED_PROCEDURE_STEP_START_DATE, Created::One, Set::No),
    (tags::PERFORMED_PROCEDURE_STEP_START_TIME, Created::One, Set::No),
    (tags::PERFORMED_PROCEDURE_STEP_STATUS, Created::One, Set::Yes),
    (tags::PERFORMED_PROCEDURE_STEP_DESCRIPTION, Created::Two, Set::Yes),
    (TYPE_DESCRIPTION, Created::Two, Set::Yes),
    (tags::PROCEDURE_CODE_SEQUENCE, Created::Two, Set::Yes),
    (END_DATE, Created::Two, Set::Yes),
    (END_TIME, Created::Two, Set::Yes),
    (tags::MODALITY, Created::One, Set::No),
    (tags::STUDY_ID, Created::Two, Set::No),
    (PROTOCOLS, Created::Two, Set::Yes),
    (SERIES, Created::Two, Set::Yes),
];

/// Type 2 attributes of an item of (0040,0270).
const SCHEDULED_TWO: [Tag; 7] = [
    tags::REFERENCED_STUDY_SEQUENCE,
    tags::ACCESSION_NUMBER,
    tags::REQUESTED_PROCEDURE_ID,
    tags::REQUESTED_PROCEDURE_DESCRIPTION,
    tags::SCHEDULED_PROCEDURE_STEP_ID,
    tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION,
    tags::SCHEDULED_PROTOCOL_CODE_SEQUENCE,
];

/// Checks what an N-CREATE says.
pub(super) fn check_created(set: &DataSet, findings: &mut Findings) -> Result<(), Refusal> {
    let of_type = |wanted: Created| {
        TABLE.iter().filter(move |(_, created, _)| *created == wanted).map(|(tag, ..)| *tag)
    };
    require(of_type(Created::One).map(|tag| (tag, set)))?;
    let items = set.items_ref(tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE).unwrap_or_default();
    require(items.iter().map(|item| (tags::STUDY_INSTANCE_UID, item)))?;
    let mut absent: Vec<Tag> = of_type(Created::Two).filter(|tag| !set.contains(*tag)).collect();
    for item in items {
        absent.extend(SCHEDULED_TWO.iter().filter(|tag| !item.contains(**tag)));
    }
    for tag in absent {
        let text = "a type 2 attribute is absent: taken as empty";
        findings.add(FindingCode::Missing, tag.to_string(), text);
    }
    check_series(set)?;
    match status(set)? {
        Some(PerformedStatus::InProgress) => Ok(()),
        _ => Err(invalid_status("a performed step is created IN PROGRESS")),
    }
}

/// Checks what an N-SET says of a step in progress; the attributes to pass over.
///
/// What may not be set is passed over where it only repeats what was created, as some devices send everything again.
pub(super) fn check_set(
    set: &DataSet,
    before: &DataSet,
    findings: &mut Findings,
) -> Result<Vec<Tag>, Refusal> {
    let not_allowed: Vec<Tag> = TABLE
        .iter()
        .filter(|(tag, _, allowed)| *allowed == Set::No && set.contains(*tag))
        .map(|(tag, ..)| *tag)
        .collect();
    let is_same = |tag: &Tag| {
        set.text(*tag) == before.text(*tag) && set.items_ref(*tag) == before.items_ref(*tag)
    };
    let other: Vec<Tag> = not_allowed.iter().filter(|tag| !is_same(tag)).copied().collect();
    if !other.is_empty() {
        return Err(Refusal::new(NO_SUCH_ATTRIBUTE, other, "attribute may not be set"));
    }
    for tag in &not_allowed {
        let text = "may not be set: it repeats what was created, and was passed over";
        findings.add(FindingCode::Ignored, tag.to_string(), text);
    }
    for tag in set.tags() {
        if tag != tags::SPECIFIC_CHARACTER_SET && !before.contains(tag) {
            let text = "was set although it was not created";
            findings.add(FindingCode::Derived, tag.to_string(), text);
        }
    }
    if set.text(tags::PERFORMED_PROCEDURE_STEP_STATUS).is_some_and(|text| text.is_empty()) {
        let tag = vec![tags::PERFORMED_PROCEDURE_STEP_STATUS];
        return Err(Refusal::new(MISSING_ATTRIBUTE_VALUE, tag, VALUE_MISSING));
    }
    status(set)?;
    check_series(set)?;
    Ok(not_allowed)
}

/// Checks that a step that ends is complete (the table's column "Final State").
pub(super) fn check_final(
    set: &DataSet,
    status: PerformedStatus,
    findings: &mut Findings,
) -> Result<(), Refusal> {
    require([(END_DATE, set), (END_TIME, set)].into_iter())?;
    let series = set.items_ref(SERIES).unwrap_or_default();
    for item in series {
        if !item.contains(tags::REFERENCED_IMAGE_SEQUENCE) && !item.contains(NON_IMAGE_SEQUENCE) {
            let text = "a series lists neither images nor other instances";
            findings.add(FindingCode::Missing, SERIES.to_string(), text);
        }
    }
    if series.is_empty() && status == PerformedStatus::Completed {
        let text = "completed without a series: no instances are said to have been made";
        findings.add(FindingCode::Missing, SERIES.to_string(), text);
    }
    Ok(())
}

/// The status that is named; `None` when none is.
pub(super) fn status(set: &DataSet) -> Result<Option<PerformedStatus>, Refusal> {
    match set.text(tags::PERFORMED_PROCEDURE_STEP_STATUS) {
        None => Ok(None),
        Some(text) => match PerformedStatus::read(&text) {
            Some(status) => Ok(Some(status)),
            None => Err(invalid_status("not a status of a performed step")),
        },
    }
}

/// A series that is named must be named whole.
fn check_series(set: &DataSet) -> Result<(), Refusal> {
    let series = set.items_ref(SERIES).unwrap_or_default();
    require(
        series
            .iter()
            .flat_map(|item| [(tags::SERIES_INSTANCE_UID, item), (tags::PROTOCOL_NAME, item)]),
    )
}

/// Type 1: each of these must be there, with a value.
fn require<'a>(wanted: impl Iterator<Item = (Tag, &'a DataSet)>) -> Result<(), Refusal> {
    let (mut absent, mut empty): (Vec<Tag>, Vec<Tag>) = (Vec::new(), Vec::new());
    for (tag, set) in wanted {
        let list = match set.text(tag) {
            None if !set.contains(tag) => &mut absent,
            Some(text) if text.trim().is_empty() => &mut empty,
            _ => continue,
        };
        if !list.contains(&tag) {
            list.push(tag);
        }
    }
    if !absent.is_empty() {
        return Err(Refusal::new(
            Status::MISSING_ATTRIBUTE,
            absent,
            "a type 1 attribute is missing",
        ));
    }
    if !empty.is_empty() {
        return Err(Refusal::new(MISSING_ATTRIBUTE_VALUE, empty, VALUE_MISSING));
    }
    Ok(())
}

const VALUE_MISSING: &str = "a type 1 attribute has no value";

fn invalid_status(comment: &'static str) -> Refusal {
    let tag = vec![tags::PERFORMED_PROCEDURE_STEP_STATUS];
    Refusal::new(Status::INVALID_ATTRIBUTE_VALUE, tag, comment)
}
