//! Is it the order's patient?

use telerad_core::{Issuer, NameGroup, PartialDate, Patient, PatientId, PersonName, Sex};

use super::{Attribute, Difference, ReconcilePolicy, Severity};
use crate::query::fold;

/// Identifier, name, birth date and sex, each by itself, and the patient as a whole where they add up to another one.
pub(super) fn compare(
    ordered: &Patient,
    imaged: &Patient,
    policy: &ReconcilePolicy,
) -> Vec<Difference> {
    let id = identifiers(ordered, imaged, policy);
    let name = names(&ordered.name, &imaged.name);
    let birth_date = birth_dates(ordered.birth_date, imaged.birth_date);
    let sex = sexes(ordered.sex, imaged.sex);
    let is_another = is_another(said(id), said(birth_date), said(sex), said(name));
    let ids = |patient: &Patient| {
        let ids: Vec<&str> = patient.ids.iter().map(PatientId::value).collect();
        ids.join(", ")
    };
    let date = |date: Option<PartialDate>| date.map(|date| date.to_string()).unwrap_or_default();
    let code = |sex: Option<Sex>| sex.map(Sex::as_dicom).unwrap_or_default().to_owned();
    let texts = |read: &dyn Fn(&Patient) -> String| (read(ordered), read(imaged));
    let rows = [
        (Attribute::PatientId, id, texts(&ids)),
        (Attribute::PatientName, name, texts(&|one| one.name.to_dicom())),
        (Attribute::PatientBirthDate, birth_date, texts(&|one| date(one.birth_date))),
        (Attribute::PatientSex, sex, texts(&|one| code(one.sex))),
    ];
    let mut differences: Vec<Difference> = rows
        .into_iter()
        .filter_map(|(attribute, row, (order, image))| {
            let (severity, statement) = row?;
            Some(Difference::new(attribute, severity, statement).between(order, image))
        })
        .collect();
    if is_another {
        let statement = "is another one than the order's";
        differences.push(Difference::new(Attribute::Patient, Severity::Stop, statement));
    }
    differences
}

/// A severity with its words; `None` where nothing can be compared.
type Row = Option<(Severity, &'static str)>;

/// What one attribute says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Said {
    Differs,
    Equal,
    Unknown,
}

fn said(row: Row) -> Said {
    match row {
        None => Said::Unknown,
        Some((severity, _)) if severity >= Severity::Warn => Said::Differs,
        // Of another authority it neither speaks for the patient nor against.
        Some((_, OTHER_AUTHORITY)) => Said::Unknown,
        Some(_) => Said::Equal,
    }
}

/// Whether it is another patient. One wrong character in a name, date or sex is not: with an identifier in common two of
/// the three have to differ. Without one a birth date or a sex that differs is enough, or a name with no birth date to
/// speak for it.
pub(super) fn is_another(id: Said, birth_date: Said, sex: Said, name: Said) -> bool {
    use Said::{Differs, Equal, Unknown};
    let differing = [birth_date, sex, name].into_iter().filter(|one| *one == Differs).count();
    match id {
        Differs => true,
        Equal => differing >= 2,
        Unknown => {
            birth_date == Differs || sex == Differs || name == Differs && birth_date != Equal
        }
    }
}

/// Whether both sides name the same issuer; `None` where that cannot be known. Two unnamed issuers of one site are the
/// same, an unnamed and a named one are not known to be.
pub(super) fn same_issuer(mine: Option<&Issuer>, theirs: Option<&Issuer>) -> Option<bool> {
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

/// Compared whole. Two numbers of one authority are two patients until a merge says otherwise, whatever else agrees.
fn identifiers(ordered: &Patient, imaged: &Patient, policy: &ReconcilePolicy) -> Row {
    let authority = policy.patient_authority.as_ref();
    let mut row = None;
    for id in &imaged.ids {
        let mine = id.issuer().or(authority);
        let same =
            |other: &&PatientId| same_issuer(mine, other.issuer().or(authority)) == Some(true);
        let is_known = |other: &PatientId| other.value() == id.value();
        let mut comparable = ordered.ids.iter().filter(same).peekable();
        let is_comparable = comparable.peek().is_some();
        if comparable.any(is_known) {
            row = Some((Severity::Agree, "is equal under the same authority"));
        } else if policy.also_known_as.iter().filter(same).any(is_known) {
            row = Some((Severity::Note, "is one that was merged into the order's"));
        } else if is_comparable {
            return Some((Severity::Stop, "differs under the same authority"));
        } else if row.is_none() && !ordered.ids.is_empty() {
            row = Some((Severity::Note, OTHER_AUTHORITY));
        }
    }
    row
}

const OTHER_AUTHORITY: &str = "has no authority in common";

fn birth_dates(ordered: Option<PartialDate>, imaged: Option<PartialDate>) -> Row {
    let (ordered, imaged) = (ordered?, imaged?);
    let differ = |one: Option<u8>, other: Option<u8>| {
        one.zip(other).is_some_and(|(one, other)| one != other)
    };
    if ordered.year() != imaged.year()
        || differ(ordered.month(), imaged.month())
        || differ(ordered.day(), imaged.day())
    {
        return Some((Severity::Warn, "differs"));
    }
    // A year alone proves nothing.
    let is_whole = ordered.is_complete() && imaged.is_complete();
    is_whole.then_some((Severity::Agree, "is equal"))
}

fn sexes(ordered: Option<Sex>, imaged: Option<Sex>) -> Row {
    match (ordered?, imaged?) {
        (Sex::Female, Sex::Male) | (Sex::Male, Sex::Female) => Some((Severity::Warn, "differs")),
        (ordered, imaged) if ordered == imaged => Some((Severity::Agree, "is equal")),
        // `O` is what many systems write for "not recorded".
        _ => None,
    }
}

/// Group by group (PS3.5 section 6.2.1.1): one group that differs is a name that differs.
fn names(ordered: &PersonName, imaged: &PersonName) -> Row {
    let groups = [
        (&ordered.alphabetic, &imaged.alphabetic),
        (&ordered.ideographic, &imaged.ideographic),
        (&ordered.phonetic, &imaged.phonetic),
    ];
    groups.into_iter().filter_map(|(ordered, imaged)| group(ordered, imaged)).max()
}

fn group(ordered: &NameGroup, imaged: &NameGroup) -> Row {
    let as_is = |text: &str| -> String {
        text.chars().filter(|one| one.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let plain = |text: &str| as_is(&fold::text(text));
    let parts = |read: &dyn Fn(&str) -> String| {
        let of = |name: &NameGroup| (read(&name.family), read(&name.given));
        (of(ordered), of(imaged))
    };
    let (mine, theirs) = parts(&as_is);
    let is_whole = |name: &(String, String)| !name.0.is_empty() && !name.1.is_empty();
    if !is_whole(&mine) || !is_whole(&theirs) {
        // Half a name that differs is a name that differs; half of one that is equal proves nothing.
        let differ = |one: &str, other: &str| !one.is_empty() && !other.is_empty() && one != other;
        let (mine, theirs) = parts(&plain);
        let differs = differ(&mine.0, &theirs.0) || differ(&mine.1, &theirs.1);
        return differs.then_some((Severity::Warn, "differs"));
    }
    if mine == theirs {
        return Some((Severity::Agree, "is equal"));
    }
    let (mine, theirs) = parts(&plain);
    if mine == theirs {
        return Some((Severity::Note, "differs in accents only"));
    }
    if (&mine.0, &mine.1) == (&theirs.1, &theirs.0) {
        return Some((Severity::Note, "has family and given name exchanged"));
    }
    Some((Severity::Warn, "differs"))
}
