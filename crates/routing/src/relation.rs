//! Whether two instances under one UID are one image.

use telerad_core::{Issuer, NameGroup, PatientId, PersonName};

use crate::{InstanceRecord, Relation, SourcePair};

mod spelling;

/// Relates a new instance to the versions kept under the same site and SOP Instance UID, oldest first.
///
/// `same_pixels` says whether a kept version has the same pixels as the new one: `None` when that cannot be told
/// (no pixels found, a compression that is not read). What cannot be told is never taken for equal.
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
        let mut differs: Vec<String> =
            HeadDifferences::between(new, old).identity.into_iter().map(str::to_owned).collect();
        match same_pixels(old) {
            Some(true) if differs.is_empty() => return Relation::Variant,
            Some(true) => {}
            Some(false) => differs.push("pixel data".to_owned()),
            None => differs.push(NOT_COMPARED.to_owned()),
        }
        first_difference.get_or_insert(differs);
    }
    Relation::UidConflict {
        differs: first_difference.unwrap_or_else(|| vec!["earlier versions conflict".to_owned()]),
    }
}

/// Who sends what somebody sent before, by an instance with its relation to the versions that are known.
///
/// A source that repeats its own bytes has only lost an answer: that is no finding.
pub fn sent_twice(instance: &InstanceRecord, known: &[InstanceRecord]) -> Option<SourcePair> {
    let before = match instance.relation {
        Relation::First | Relation::UidConflict { .. } => None,
        Relation::Repeated => known
            .iter()
            .find(|old| old.digest == instance.digest)
            .filter(|old| old.source != instance.source),
        Relation::Variant => {
            known.iter().find(|old| !matches!(old.relation, Relation::UidConflict { .. }))
        }
    };
    before.map(|before| SourcePair::new(before.source.clone(), instance.source.clone()))
}

/// Who sends versions of an instance that may well be one image: nothing speaks against it but that their pixels could
/// not be compared, such as one that was compressed with loss on the way. By an instance with its relation to the
/// versions that are known.
///
/// Where one slice of a study is in doubt like that, all of them are.
pub fn not_compared(instance: &InstanceRecord, known: &[InstanceRecord]) -> Option<SourcePair> {
    let Relation::UidConflict { differs } = &instance.relation else { return None };
    let before = known.iter().find(|old| !matches!(old.relation, Relation::UidConflict { .. }))?;
    let is_doubt = matches!(differs.as_slice(), [only] if only == NOT_COMPARED);
    is_doubt.then(|| SourcePair::new(before.source.clone(), instance.source.clone()))
}

/// Names of the attributes in which the heads of two versions of an instance differ.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HeadDifferences {
    /// Attributes that an archive fills in or rewrites without making another image of it, such as the institution or
    /// the spelling of a name.
    pub coerced: Vec<&'static str>,
    /// Attributes that make it another image, another study or another patient's, or leave that in doubt.
    pub identity: Vec<&'static str>,
}

/// How one attribute of two heads compares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Likeness {
    /// Written otherwise, or said by one of them only.
    Coerced,
    Different,
    Same,
}

use Likeness::{Coerced, Different, Same};

impl HeadDifferences {
    /// Compares two heads.
    ///
    /// Whose image it is rests on the patient ID. Only where both name the same one may an archive have filled in or
    /// respelled the rest; a name, birth date, sex or accession number that contradicts stays a difference even then. A
    /// version that corrects one of them must come before a person, since it is not delivered again by itself.
    pub fn between(new: &InstanceRecord, old: &InstanceRecord) -> Self {
        let (a, b) = (&new.head, &old.head);
        let (id, has_id) = patient_id(a.patient.primary_id(), b.patient.primary_id());
        // Without a patient ID, the other attributes are all that identifies.
        let strictly = |likeness| match likeness {
            Coerced if !has_id => Different,
            likeness => likeness,
        };
        let accession = match (&a.accession, &b.accession) {
            (Some(a), Some(b)) => issued((a.value(), a.issuer()), (b.value(), b.issuer())),
            (a, b) => present(a.as_ref(), b.as_ref()),
        };
        let exactly = |same: bool| if same { Same } else { Different };
        let freely = |same: bool| if same { Same } else { Coerced };
        let mut found = Self::default();
        for (name, likeness) in [
            ("patient id", id),
            ("patient name", strictly(names(&a.patient.name, &b.patient.name))),
            ("birth date", strictly(values(a.patient.birth_date, b.patient.birth_date))),
            ("patient sex", strictly(values(a.patient.sex, b.patient.sex))),
            ("accession number", strictly(accession)),
            ("study instance uid", exactly(a.study_instance_uid == b.study_instance_uid)),
            ("series instance uid", exactly(a.series_instance_uid == b.series_instance_uid)),
            ("sop class uid", exactly(new.sop_class_uid == old.sop_class_uid)),
            ("modality", freely(a.modality == b.modality)),
            ("body part examined", freely(a.body_part == b.body_part)),
            ("study description", freely(a.study_description == b.study_description)),
            ("series description", freely(a.series_description == b.series_description)),
            ("institution name", freely(a.institution == b.institution)),
            ("station name", freely(a.station_name == b.station_name)),
            ("study date", freely(a.study_date == b.study_date)),
            ("study time", freely(a.study_time == b.study_time)),
            ("referring physician", freely(a.referring_physician == b.referring_physician)),
            ("study id", freely(a.study_id == b.study_id)),
            (
                "requested procedure id",
                freely(a.requested_procedure_id == b.requested_procedure_id),
            ),
        ] {
            match likeness {
                Same => {}
                Coerced => found.coerced.push(name),
                Different => found.identity.push(name),
            }
        }
        found
    }
}

/// How two patient IDs compare, and whether both are there and agree. One that only one of them has leaves open whose
/// image the other is.
fn patient_id(a: Option<&PatientId>, b: Option<&PatientId>) -> (Likeness, bool) {
    match (a, b) {
        (Some(a), Some(b)) => {
            let likeness = issued((a.value(), a.issuer()), (b.value(), b.issuer()));
            (likeness, likeness != Different)
        }
        (None, None) => (Same, false),
        _ => (Different, false),
    }
}

/// One sender may leave the issuer out, or name its universal identifier beside the namespace; two issuers that have
/// nothing in common are two patients, or two orders.
fn issued(a: (&str, Option<&Issuer>), b: (&str, Option<&Issuer>)) -> Likeness {
    let likeness = match (a.1, b.1) {
        (a, b) if a == b => Same,
        (Some(a), Some(b)) if !a.agrees_with(b) => Different,
        _ => Coerced,
    };
    if a.0 == b.0 { likeness } else { Different }
}

fn values<T: PartialEq>(a: Option<T>, b: Option<T>) -> Likeness {
    match (a, b) {
        (Some(a), Some(b)) if a != b => Different,
        (a, b) => present(a, b),
    }
}

/// Two values that do not contradict each other.
fn present<T>(a: Option<T>, b: Option<T>) -> Likeness {
    if a.is_some() == b.is_some() { Same } else { Coerced }
}

/// Archives change case, drop diacritics, move given names between components and add or drop writings of a name.
fn names(a: &PersonName, b: &PersonName) -> Likeness {
    if a == b {
        return Same;
    }
    if a.is_empty() || b.is_empty() {
        return Coerced;
    }
    let groups = [
        (&a.alphabetic, &b.alphabetic),
        (&a.ideographic, &b.ideographic),
        (&a.phonetic, &b.phonetic),
    ];
    let mut shared = groups.iter().filter(|(a, b)| !a.is_empty() && !b.is_empty()).peekable();
    // Two names without a common writing cannot be compared.
    if shared.peek().is_some() && shared.all(|(a, b)| same_name(a, b)) {
        Coerced
    } else {
        Different
    }
}

fn same_name(a: &NameGroup, b: &NameGroup) -> bool {
    let same = |a: &str, b: &str| spelling::same(a, b);
    let same_or_empty = |a: &str, b: &str| a.is_empty() || b.is_empty() || same(a, b);
    let given = |group: &NameGroup| format!("{} {}", group.given, group.middle);
    let given_alike = same(&given(a), &given(b))
        || (same(&a.given, &b.given) && same_or_empty(&a.middle, &b.middle));
    same(&a.family, &b.family)
        && given_alike
        && same_or_empty(&a.prefix, &b.prefix)
        && same_or_empty(&a.suffix, &b.suffix)
}

/// What differs where nobody can tell.
const NOT_COMPARED: &str = "pixel data (could not be compared)";
