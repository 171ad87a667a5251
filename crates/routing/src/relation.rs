//! Whether two instances under one UID are one image.

use telerad_core::PatientId;

use crate::{InstanceRecord, Relation};

/// Relates a new instance to the versions kept under the same site and SOP Instance UID, oldest first.
///
/// `same_pixels` says whether a kept version has the same pixels as the new one: `None` when that cannot be told
/// (no pixels found, another compression). What cannot be told is never taken for equal.
///
/// Only versions that were not themselves in conflict count as the image this UID stands for.
pub fn relate(
    new: &InstanceRecord,
    known: &[InstanceRecord],
    same_pixels: impl Fn(&InstanceRecord) -> Option<bool>,
) -> Relation {
    let mut accepted =
        known.iter().filter(|old| !matches!(old.relation, Relation::UidConflict { .. })).peekable();
    if known.iter().any(|old| old.digest == new.digest) {
        return Relation::Repeated;
    }
    if accepted.peek().is_none() && known.is_empty() {
        return Relation::First;
    }
    let mut first_difference = None;
    for old in accepted {
        let mut differs = identity_differences(new, old);
        match same_pixels(old) {
            Some(true) if differs.is_empty() => return Relation::Variant,
            Some(true) => {}
            Some(false) => differs.push("pixel data".to_owned()),
            None => differs.push("pixel data (could not be compared)".to_owned()),
        }
        first_difference.get_or_insert(differs);
    }
    Relation::UidConflict {
        differs: first_difference.unwrap_or_else(|| vec!["earlier versions conflict".to_owned()]),
    }
}

/// Names of the identifying attributes in which two heads differ.
///
/// Name, birth date and accession number belong to it although UIDs and patient ID would do in theory: a version
/// that corrects one of them must come before a person, since it is not delivered again by itself.
fn identity_differences(new: &InstanceRecord, old: &InstanceRecord) -> Vec<String> {
    let (a, b) = (&new.head, &old.head);
    let same_id = match (a.patient.primary_id(), b.patient.primary_id()) {
        (Some(a), Some(b)) => same_patient_id(a, b),
        (None, None) => true,
        _ => false,
    };
    [
        ("patient id", same_id),
        ("patient name", a.patient.name == b.patient.name),
        ("birth date", a.patient.birth_date == b.patient.birth_date),
        ("accession number", a.accession == b.accession),
        ("study instance uid", a.study_instance_uid == b.study_instance_uid),
        ("series instance uid", a.series_instance_uid == b.series_instance_uid),
        ("sop class uid", new.sop_class_uid == old.sop_class_uid),
    ]
    .into_iter()
    .filter(|(_, same)| !same)
    .map(|(name, _)| name.to_owned())
    .collect()
}

/// One sender may leave the issuer out in one transmission; two different issuers are two patients.
fn same_patient_id(a: &PatientId, b: &PatientId) -> bool {
    let issuers_disagree = match (a.issuer(), b.issuer()) {
        (Some(a), Some(b)) => a != b && !a.agrees_with(b),
        _ => false,
    };
    a.value() == b.value() && !issuers_disagree
}
