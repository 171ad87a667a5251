//! Is it the same patient?

use telerad_core::{Issuer, NameGroup, PartialDate, Patient, PatientId, PersonName, Sex};

use crate::{AccessionPolicy, Evidence, is_identifying};

/// How far two descriptions speak about the same patient.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PatientSide {
    /// An identifier is equal under the same authority, or birth date, sex and name are all equal.
    Agree,
    /// Something agrees, nothing proves it.
    Weak,
    /// Nothing can be compared.
    Unknown,
    /// Birth date or sex differ, or the name does and no birth date speaks for it.
    Disagree,
    /// The same authority gave them different identifiers, or an equal identifier is contradicted by birth date and sex.
    Conflict,
}

/// Whether two statements about one attribute agree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Compared {
    Equal,
    Differs,
    /// Missing on one side, or not precise enough.
    Unknown,
}

/// Compares two patients; `also_known_as` are further identifiers of the second one. Identifiers are compared whole,
/// never by similarity; the observations are added to `evidence` for `candidate`.
pub(crate) fn compare(
    claimed: &Patient,
    known: &Patient,
    also_known_as: &[PatientId],
    policy: &AccessionPolicy,
    candidate: Option<usize>,
    evidence: &mut Evidence,
) -> PatientSide {
    let identifier = compare_identifiers(claimed, known, also_known_as, policy);
    let birth_date = compare_birth_dates(claimed.birth_date, known.birth_date);
    let sex = compare_sexes(claimed.sex, known.sex);
    let name = compare_names(&claimed.name, &known.name);
    let side = grade(identifier, birth_date, sex, name);
    let date = |date: Option<PartialDate>| date.map(|date| date.to_string()).unwrap_or_default();
    let code = |sex: Option<Sex>| sex.map(Sex::as_dicom).unwrap_or_default().to_owned();
    let known_ids = ids(known, also_known_as, policy);
    let rows = [
        ("patient identifier", identifier, ids(claimed, &[], policy), known_ids),
        ("birth date", birth_date, date(claimed.birth_date), date(known.birth_date)),
        ("sex", sex, code(claimed.sex), code(known.sex)),
        ("name", name, claimed.name.to_dicom(), known.name.to_dicom()),
    ];
    for (attribute, compared, claimed, known) in rows {
        let statement = match (attribute, compared) {
            ("patient identifier", Compared::Equal) => "is equal under the same authority",
            ("patient identifier", Compared::Differs) => "differs under the same authority",
            ("patient identifier", Compared::Unknown) => "has no authority in common",
            (_, Compared::Equal) => "is equal",
            (_, Compared::Differs) => "differs",
            (_, Compared::Unknown) => "cannot be compared",
        };
        let values = [("claimed", claimed.as_str()), ("known", known.as_str())];
        evidence.say(candidate, format!("{attribute} {statement}"), &values);
    }
    side
}

/// The grade of four comparisons. Tested cell by cell.
pub(crate) fn grade(
    identifier: Compared,
    birth_date: Compared,
    sex: Compared,
    name: Compared,
) -> PatientSide {
    use Compared::{Differs, Equal, Unknown};
    match (identifier, birth_date, sex, name) {
        (Differs, ..) | (Equal, Differs, Differs, _) => PatientSide::Conflict,
        (Equal, Differs, _, Differs) | (Equal, _, Differs, Differs) => PatientSide::Weak,
        (Equal, ..) | (Unknown, Equal, Equal, Equal) => PatientSide::Agree,
        (Unknown, Differs, ..) | (Unknown, _, Differs, _) => PatientSide::Disagree,
        // A married name: the rest has to carry it, and does not prove it.
        (Unknown, Equal, _, Differs) => PatientSide::Weak,
        (Unknown, Unknown, _, Differs) => PatientSide::Disagree,
        (Unknown, Unknown, Unknown, Unknown) => PatientSide::Unknown,
        (Unknown, ..) => PatientSide::Weak,
    }
}

/// Whether both sides name the same issuer; `None` where that cannot be known. Two unnamed issuers of one site are the
/// same, an unnamed and a named one are not known to be.
pub(crate) fn same_issuer(mine: Option<&Issuer>, theirs: Option<&Issuer>) -> Option<bool> {
    match (mine, theirs) {
        (None, None) => Some(true),
        (Some(mine), Some(theirs)) => {
            let comparable = mine.universal.is_some() && theirs.universal.is_some()
                || mine.namespace.is_some() && theirs.namespace.is_some();
            comparable.then(|| mine.agrees_with(theirs))
        }
        _ => None,
    }
}

fn compare_identifiers(
    claimed: &Patient,
    known: &Patient,
    also_known_as: &[PatientId],
    policy: &AccessionPolicy,
) -> Compared {
    let authority = policy.patient_authority.as_ref();
    let known: Vec<&PatientId> = known.ids.iter().chain(also_known_as).collect();
    let mut result = Compared::Unknown;
    for id in claimed.ids.iter().filter(|id| is_identifying(id.value())) {
        let mut same_authority = known
            .iter()
            .filter(|other| is_identifying(other.value()))
            .filter(|other| {
                let (mine, theirs) = (id.issuer().or(authority), other.issuer().or(authority));
                same_issuer(mine, theirs) == Some(true)
            })
            .peekable();
        if same_authority.peek().is_none() {
            continue;
        }
        if !same_authority.any(|other| other.value() == id.value()) {
            // One contradiction outweighs any number of agreements: two numbers of one authority are two patients
            // until a merge says otherwise.
            return Compared::Differs;
        }
        result = Compared::Equal;
    }
    result
}

fn compare_birth_dates(claimed: Option<PartialDate>, known: Option<PartialDate>) -> Compared {
    let (Some(claimed), Some(known)) = (claimed, known) else { return Compared::Unknown };
    let (claimed_text, known_text) = (claimed.to_string(), known.to_string());
    if !claimed_text.starts_with(&known_text) && !known_text.starts_with(&claimed_text) {
        Compared::Differs
    } else if claimed.is_complete() && known.is_complete() {
        Compared::Equal
    } else {
        Compared::Unknown
    }
}

fn compare_sexes(claimed: Option<Sex>, known: Option<Sex>) -> Compared {
    match (claimed, known) {
        (Some(Sex::Female), Some(Sex::Male)) | (Some(Sex::Male), Some(Sex::Female)) => {
            Compared::Differs
        }
        (Some(claimed), Some(known)) if claimed == known => Compared::Equal,
        // `O` is what many systems write for "not recorded".
        _ => Compared::Unknown,
    }
}

fn compare_names(claimed: &PersonName, known: &PersonName) -> Compared {
    let groups = [
        (&claimed.alphabetic, &known.alphabetic),
        (&claimed.ideographic, &known.ideographic),
        (&claimed.phonetic, &known.phonetic),
    ];
    let mut result = Compared::Unknown;
    for (claimed, known) in groups {
        match compare_name_groups(claimed, known) {
            Compared::Differs => return Compared::Differs,
            Compared::Equal => result = Compared::Equal,
            Compared::Unknown => {}
        }
    }
    result
}

fn compare_name_groups(claimed: &NameGroup, known: &NameGroup) -> Compared {
    let parts = [(&claimed.family, &known.family), (&claimed.given, &known.given)]
        .map(|(claimed, known)| (normalised(claimed), normalised(known)));
    let filled = |(claimed, known): &(String, String)| !claimed.is_empty() && !known.is_empty();
    if parts.iter().any(|part| filled(part) && part.0 != part.1) {
        Compared::Differs
    } else if parts.iter().all(filled) {
        Compared::Equal
    } else {
        Compared::Unknown
    }
}

/// Letters and digits in lower case: case, spaces, hyphens, apostrophes and dots are written differently by different
/// systems. Accents are kept, since dropping them joins different names.
fn normalised(text: &str) -> String {
    text.chars().filter(|one| one.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn ids(patient: &Patient, also_known_as: &[PatientId], policy: &AccessionPolicy) -> String {
    let one = |id: &PatientId| match id.issuer().or(policy.patient_authority.as_ref()) {
        Some(issuer) => format!("{} of {issuer}", id.value()),
        None => id.value().to_owned(),
    };
    let mut all: Vec<String> = patient.ids.iter().chain(also_known_as).map(one).collect();
    all.sort();
    all.join(", ")
}

#[cfg(test)]
mod tests;
