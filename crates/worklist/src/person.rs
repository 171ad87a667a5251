//! Names of people, as DICOM can carry them.

use telerad_core::{NameGroup, PersonName};
use telerad_hl7::reading::{ChosenName, PatientView};

use crate::finding::{FindingCode, Findings};
use crate::said::{Said, plain};

/// PID-5.
pub(crate) fn patient_name(view: &PatientView, findings: &mut Findings) -> Said<PersonName> {
    if view.values.name.is_null() {
        return Said::Delete;
    }
    let Some(ChosenName { name, has_others }) = view.chosen_name() else { return Said::Nothing };
    let name = PersonName {
        alphabetic: carried(name.alphabetic, "PID-5", findings),
        ideographic: carried(name.ideographic, "PID-5", findings),
        phonetic: carried(name.phonetic, "PID-5", findings),
    };
    if has_others {
        let text = "several names: the legal one was taken, else the first";
        findings.add(FindingCode::Ambiguous, "PID-5", text);
    }
    Said::This(name)
}

/// A physician; one with a number and no name says nothing.
pub(crate) fn physician(
    said: Said<NameGroup>,
    location: &str,
    findings: &mut Findings,
) -> Said<PersonName> {
    said.and_then(|name| {
        let alphabetic = carried(name, location, findings);
        let is_named = !alphabetic.is_empty();
        is_named.then(|| PersonName { alphabetic, ..PersonName::default() }).into()
    })
}

/// `^` and `=` would shift the name's components, and a backslash would make two names of one.
fn carried(name: NameGroup, location: &str, findings: &mut Findings) -> NameGroup {
    let mut part = |text: &str| plain(text, &['^', '=', '\\'], location, findings);
    NameGroup {
        family: part(&name.family),
        given: part(&name.given),
        middle: part(&name.middle),
        prefix: part(&name.prefix),
        suffix: part(&name.suffix),
    }
}
