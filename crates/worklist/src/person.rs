//! Names of people in HL7.

use telerad_core::{NameGroup, PersonName};
use telerad_hl7::{Field, Repetition};

use crate::finding::{FindingCode, Findings};
use crate::said::{Said, plain};

/// PID-5 as a patient's name (XPN, HL7 2.5.1 section 2.A.88).
///
/// The legal name (type `L`) counts, else the first without type, else the first; ideographic and phonetic writings
/// (representation `I` and `P`) of the same type become the groups of the DICOM name.
pub(crate) fn patient_name(
    field: Field<'_>,
    location: &str,
    findings: &mut Findings,
) -> Said<PersonName> {
    if field.is_null() {
        return Said::Delete;
    }
    let named: Vec<Repetition<'_>> = field
        .repetitions()
        .filter(|name| (1..=6).any(|part| !name.component(part).text().trim().is_empty()))
        .collect();
    let kind = |name: &Repetition<'_>| name.component(7).text().into_owned();
    let chosen = named
        .iter()
        .find(|name| kind(name) == "L")
        .or_else(|| named.iter().find(|name| kind(name).is_empty()))
        .or_else(|| named.first());
    let Some(chosen) = chosen else { return Said::Nothing };
    let chosen_kind = kind(chosen);
    let mut name = PersonName::default();
    let mut unused = 0;
    for writing in named.iter().filter(|name| kind(name) == chosen_kind) {
        let slot = match &*writing.component(8).text() {
            "I" => &mut name.ideographic,
            "P" => &mut name.phonetic,
            _ => &mut name.alphabetic,
        };
        if slot.is_empty() {
            *slot = xpn(writing, location, findings);
        } else {
            unused += 1;
        }
    }
    if unused > 0 || named.iter().any(|name| kind(name) != chosen_kind) {
        let text = "several names: the legal one was taken, else the first";
        findings.add(FindingCode::Ambiguous, location, text);
    }
    Said::This(name)
}

/// A physician in an XCN: identifier first, then the components of a name (HL7 2.5.1 section 2.A.86).
pub(crate) fn physician(
    field: Field<'_>,
    location: &str,
    findings: &mut Findings,
) -> Said<PersonName> {
    if field.is_null() {
        return Said::Delete;
    }
    let part = |n: usize| field.component(n).text().into_owned();
    group([part(2), part(3), part(4), part(6), part(5), part(7)], location, findings)
}

/// The performing physician of OBR-34: a CNN in the first component of an NDL (HL7 2.5.1 section 2.A.47), whose
/// subcomponents are ordered as the components of an XCN. Many senders write an XCN instead.
pub(crate) fn performer(
    field: Field<'_>,
    location: &str,
    findings: &mut Findings,
) -> Said<PersonName> {
    let name = field.component(1);
    if field.is_null() || name.subcomponent(2).text().trim().is_empty() {
        return physician(field, location, findings);
    }
    let part = |n: usize| name.subcomponent(n).text().into_owned();
    group([part(2), part(3), part(4), part(6), part(5), part(7)], location, findings)
}

fn group(parts: [String; 6], location: &str, findings: &mut Findings) -> Said<PersonName> {
    let alphabetic = name_group(parts, location, findings);
    if alphabetic.is_empty() {
        return Said::Nothing;
    }
    Said::This(PersonName { alphabetic, ..PersonName::default() })
}

/// XPN has suffix before prefix and a degree; DICOM has prefix before suffix, and the degree belongs to the suffix
/// (PS3.5 section 6.2.1.1).
fn xpn(name: &Repetition<'_>, location: &str, findings: &mut Findings) -> NameGroup {
    let part = |n: usize| name.component(n).text().into_owned();
    name_group([part(1), part(2), part(3), part(5), part(4), part(6)], location, findings)
}

/// Family, given, middle, prefix, suffix, degree.
fn name_group(parts: [String; 6], location: &str, findings: &mut Findings) -> NameGroup {
    // `^` and `=` would shift the name's components, and a backslash would make two names of one.
    let [family, given, middle, prefix, suffix, degree] =
        parts.map(|part| plain(&part, &['^', '=', '\\'], location, findings));
    let suffix = format!("{suffix} {degree}").trim().to_owned();
    NameGroup { family, given, middle, prefix, suffix }
}
