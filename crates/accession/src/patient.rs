//! Is it the same patient?

use telerad_core::{Issuer, PartialDate, Patient, PersonName, Sex};

use crate::evidence::Notes;
use crate::view::{Issued, KnownPatient, NameParts, Person};
use crate::{AccessionPolicy, is_identifying};

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

/// Compares two patients. Identifiers are compared whole, never by similarity; the observations go to `notes` for
/// `candidate`.
pub(crate) fn compare(
    claimed: &Patient,
    known: &impl Person,
    policy: &AccessionPolicy,
    candidate: Option<usize>,
    notes: &mut impl Notes,
) -> PatientSide {
    let identifier = compare_identifiers(claimed, known, policy);
    let birth_date = compare_birth_dates(claimed.birth_date, known.birth_date());
    let sex = compare_sexes(claimed.sex, known.sex());
    let name = compare_names(&claimed.name, known);
    let date = |date: Option<PartialDate>| date.map(|date| date.to_string()).unwrap_or_default();
    let code = |sex: Option<Sex>| sex.map(Sex::as_dicom).unwrap_or_default().to_owned();
    let mut say = |attribute: &str, compared, values: &dyn Fn() -> (String, String)| {
        notes.say(candidate, || {
            let statement = match (attribute, compared) {
                ("patient identifier", Compared::Equal) => "is equal under the same authority",
                ("patient identifier", Compared::Differs) => "differs under the same authority",
                ("patient identifier", Compared::Unknown) => "has no authority in common",
                (_, Compared::Equal) => "is equal",
                (_, Compared::Differs) => "differs",
                (_, Compared::Unknown) => "cannot be compared",
            };
            let (claimed, known) = values();
            (format!("{attribute} {statement}"), vec![("claimed", claimed), ("known", known)])
        });
    };
    say("patient identifier", identifier, &|| {
        (ids(claimed.ids.iter().map(Issued::id), policy), ids(known.ids(), policy))
    });
    say("birth date", birth_date, &|| (date(claimed.birth_date), date(known.birth_date())));
    say("sex", sex, &|| (code(claimed.sex), code(known.sex())));
    say("name", name, &|| (claimed.name.to_dicom(), known.name_text()));
    grade(identifier, birth_date, sex, name)
}

/// Birth date, sex and name, each by itself.
pub(crate) fn compare_demographics(claimed: &Patient, known: &Patient) -> [Compared; 3] {
    let known = KnownPatient { patient: known, also_known_as: &[] };
    [
        compare_birth_dates(claimed.birth_date, known.birth_date()),
        compare_sexes(claimed.sex, known.sex()),
        compare_names(&claimed.name, &known),
    ]
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
    known: &impl Person,
    policy: &AccessionPolicy,
) -> Compared {
    let authority = policy.patient_authority.as_ref();
    let mut result = Compared::Unknown;
    for id in claimed.ids.iter().filter(|id| is_identifying(id.value())) {
        let mine = id.issuer().or(authority);
        let (mut is_equal, mut is_other) = (false, false);
        for other in known.ids() {
            if same_issuer(mine, other.issuer.or(authority)) == Some(true) {
                is_equal |= other.value == id.value();
                is_other |= other.value != id.value() && is_identifying(other.value);
            }
        }
        match (is_equal, is_other) {
            (true, _) => result = Compared::Equal,
            // One contradiction outweighs any number of agreements: two numbers of one authority are two patients
            // until a merge says otherwise.
            (false, true) => return Compared::Differs,
            (false, false) => {}
        }
    }
    result
}

fn compare_birth_dates(claimed: Option<PartialDate>, known: Option<PartialDate>) -> Compared {
    let (Some(claimed), Some(known)) = (claimed, known) else { return Compared::Unknown };
    let differ = |mine: Option<u8>, theirs: Option<u8>| {
        mine.zip(theirs).is_some_and(|(mine, theirs)| mine != theirs)
    };
    if claimed.year() != known.year()
        || differ(claimed.month(), known.month())
        || differ(claimed.day(), known.day())
    {
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

fn compare_names(claimed: &PersonName, known: &impl Person) -> Compared {
    let claimed = [&claimed.alphabetic, &claimed.ideographic, &claimed.phonetic];
    let mut result = Compared::Unknown;
    for (claimed, known) in claimed.into_iter().zip(known.names()) {
        match compare_name_groups((&claimed.family, &claimed.given), known) {
            Compared::Differs => return Compared::Differs,
            Compared::Equal => result = Compared::Equal,
            Compared::Unknown => {}
        }
    }
    result
}

fn compare_name_groups(claimed: NameParts<'_>, known: NameParts<'_>) -> Compared {
    let part = |claimed: &str, known: &str| {
        if claimed == known && letters(claimed).next().is_some() {
            return Compared::Equal;
        }
        let is_filled = letters(claimed).next().is_some() && letters(known).next().is_some();
        match is_filled {
            false => Compared::Unknown,
            true if letters(claimed).eq(letters(known)) => Compared::Equal,
            true => Compared::Differs,
        }
    };
    match (part(claimed.0, known.0), part(claimed.1, known.1)) {
        (Compared::Differs, _) | (_, Compared::Differs) => Compared::Differs,
        (Compared::Equal, Compared::Equal) => Compared::Equal,
        _ => Compared::Unknown,
    }
}

/// Letters and digits in lower case: case, spaces, hyphens, apostrophes and dots are written differently by different
/// systems. Accents are kept, since dropping them joins different names.
pub(crate) fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|one| one.is_alphanumeric()).flat_map(char::to_lowercase)
}

fn ids<'a>(ids: impl Iterator<Item = Issued<'a>>, policy: &AccessionPolicy) -> String {
    let one = |id: Issued<'_>| match id.issuer.or(policy.patient_authority.as_ref()) {
        Some(issuer) => format!("{} of {issuer}", id.value),
        None => id.value.to_owned(),
    };
    let mut all: Vec<String> = ids.map(one).collect();
    all.sort();
    all.join(", ")
}

#[cfg(test)]
mod tests;
