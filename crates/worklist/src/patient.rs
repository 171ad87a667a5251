//! PID, PV1, AL1 and OBX: the patient and the visit.

use telerad_core::{
    EntityIdentifier, PartialDate, PartialDateTime, Patient, PatientId, PersonName, Sex,
};
use telerad_hl7::{Field, Message, Repetition, Segment};

use crate::finding::{FindingCode, Findings};
use crate::mapping::Mapping;
use crate::person;
use crate::record::Clinical;
use crate::said::{self, Said};

/// What a message says of a patient.
#[derive(Clone, Debug, Default)]
pub(crate) struct PatientFacts {
    /// The primary one first; empty when PID-3 names none.
    pub(crate) ids: Vec<PatientId>,
    pub(crate) name: Said<PersonName>,
    pub(crate) birth_date: Said<PartialDate>,
    pub(crate) sex: Said<Sex>,
    pub(crate) allergies: Said<Vec<String>>,
    pub(crate) weight_kg: Said<String>,
    pub(crate) size_m: Said<String>,
    pub(crate) comments: Said<String>,
}

/// What a message says of a visit.
#[derive(Clone, Debug, Default)]
pub(crate) struct VisitFacts {
    pub(crate) admission_id: Said<EntityIdentifier>,
    pub(crate) location: Said<String>,
    pub(crate) referring_physician: Said<PersonName>,
    pub(crate) pregnancy_status: Said<u16>,
}

impl PatientFacts {
    /// Changes what is kept of the patient. PID-3 is sent whole: its repetitions replace the ones kept (HL7 2.5.1
    /// section 2.10.4, snapshot mode).
    pub(crate) fn put_patient(&self, patient: &mut Patient) {
        patient.ids.clone_from(&self.ids);
        self.name.put(&mut patient.name);
        self.birth_date.put_some(&mut patient.birth_date);
        self.sex.put_some(&mut patient.sex);
    }

    pub(crate) fn put_clinical(&self, clinical: &mut Clinical) {
        self.allergies.put(&mut clinical.allergies);
        self.weight_kg.put(&mut clinical.weight_kg);
        self.size_m.put(&mut clinical.size_m);
        self.comments.put(&mut clinical.comments);
    }

    /// Whether name and birth date both differ from the ones kept, where both sides have both.
    pub(crate) fn is_another_person_than(&self, patient: &Patient) -> bool {
        let name = self.name.this().is_some_and(|name| {
            let fold = |name: &PersonName| name.to_dicom().to_lowercase();
            !patient.name.is_empty() && fold(name) != fold(&patient.name)
        });
        let birth = match (self.birth_date.this(), &patient.birth_date) {
            (Some(new), Some(old)) => new != old,
            _ => false,
        };
        name && birth
    }
}

/// Reads PID, the AL1 segments, and the OBX and NTE that belong to the patient.
pub(crate) fn read(
    message: &Message,
    notes: &[Segment<'_>],
    observations: &[Segment<'_>],
    mapping: &Mapping,
    findings: &mut Findings,
) -> PatientFacts {
    let mut facts = PatientFacts::default();
    if let Some(pid) = message.segment("PID") {
        facts.ids = identifiers(pid.field(3), mapping, findings);
        facts.name = person::patient_name(pid.field(5), "PID-5", findings);
        facts.birth_date = birth_date(pid.field(7), findings);
        facts.sex = sex(pid.field(8), findings);
    }
    let allergies: Vec<String> = message
        .segments()
        .filter(|segment| segment.id() == "AL1")
        .filter_map(|allergy| said::wording(allergy.field(3), "AL1-3", findings).this().cloned())
        .collect();
    if !allergies.is_empty() {
        facts.allergies = Said::This(allergies);
    }
    facts.comments = said_lines(notes);
    for observation in observations {
        measure(*observation, &mut facts, findings);
    }
    facts
}

/// Reads PV1, with PID-18 for the admission where PV1-19 says nothing.
pub(crate) fn read_visit(message: &Message, findings: &mut Findings) -> VisitFacts {
    let mut facts = VisitFacts::default();
    if let Some(pv1) = message.segment("PV1") {
        facts.admission_id = account(pv1.field(19), "PV1-19", findings);
        facts.referring_physician = person::physician(pv1.field(8), "PV1-8", findings);
        facts.location = location(pv1.field(3), findings);
        // HL7 table 0009 has B6 for pregnant; (0010,21C0) has 3 for definitely pregnant (IHE RAD TF-2 table B-1).
        if pv1.field(15).repetitions().any(|code| code.text() == "B6") {
            facts.pregnancy_status = Said::This(3);
        }
    }
    facts.admission_id = facts.admission_id.or_else(|| {
        let account_number = message.segment("PID").map(|pid| pid.field(18));
        account_number.map_or(Said::Nothing, |field| account(field, "PID-18", findings))
    });
    facts
}

/// Every note as a line; `Nothing` when there is no text.
pub(crate) fn said_lines(notes: &[Segment<'_>]) -> Said<String> {
    let lines: Vec<String> = notes
        .iter()
        .flat_map(|note| {
            note.field(3).repetitions().map(|line| line.whole_text()).collect::<Vec<_>>()
        })
        .filter(|line| !line.trim().is_empty())
        .collect();
    if lines.is_empty() { Said::Nothing } else { Said::This(lines.join("\r\n")) }
}

/// PID-3: the identifier of the site's authority first, then the others in their order. Visit and account numbers
/// (`VN`, `AN` of HL7 table 0203) identify no patient.
fn identifiers(field: Field<'_>, mapping: &Mapping, findings: &mut Findings) -> Vec<PatientId> {
    let authority = mapping.patient_authority.as_ref();
    let mut ids: Vec<PatientId> = Vec::new();
    let mut primary = None;
    if field.repetitions().count() > IDENTIFIERS_MAX {
        let text = format!("more than {IDENTIFIERS_MAX} identifiers: the others are not used");
        findings.add(FindingCode::Ignored, "PID-3", text);
    }
    for repetition in field.repetitions().take(IDENTIFIERS_MAX) {
        let Some(id) = identifier(&repetition, mapping, findings) else { continue };
        let agrees = |id: &PatientId| match (id.issuer(), authority) {
            (Some(issuer), Some(authority)) => issuer.agrees_with(authority),
            _ => false,
        };
        if primary.is_none() && agrees(&id) {
            primary = Some(ids.len());
        }
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if let Some(at) = primary.filter(|at| *at < ids.len()) {
        let first = ids.remove(at);
        ids.insert(0, first);
    }
    if ids.len() > 1 {
        let taken = match (primary, authority) {
            (Some(_), Some(authority)) => format!("the one of {authority} is primary"),
            _ => "the first is primary".to_owned(),
        };
        findings.add(FindingCode::Ambiguous, "PID-3", format!("several identifiers: {taken}"));
    }
    ids
}

fn identifier(
    repetition: &Repetition<'_>,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Option<PatientId> {
    let text = repetition.component(1).text();
    let kind = repetition.component(5).text();
    if text.trim().is_empty() || matches!(&*kind, "AN" | "VN") {
        return None;
    }
    let issuer = said::issuer(repetition.component(4));
    if issuer.is_none() {
        let text = match &mapping.patient_authority {
            Some(authority) => format!("no assigning authority: {authority} assumed"),
            None => "no assigning authority, and the site declares none".to_owned(),
        };
        findings.add(FindingCode::Assumed, "PID-3.4", text);
    }
    match PatientId::new(&text, issuer) {
        Ok(id) => Some(id.or_issuer(mapping.patient_authority.as_ref())),
        Err(error) => {
            findings.add(FindingCode::Invalid, "PID-3", format!("not used: {error}"));
            None
        }
    }
}

/// PID-7 in the precision it came with. The time of birth that a TS may hold is not kept.
fn birth_date(field: Field<'_>, findings: &mut Findings) -> Said<PartialDate> {
    if field.is_null() {
        return Said::Delete;
    }
    let text = field.text();
    if text.trim().is_empty() {
        return Said::Nothing;
    }
    let date = PartialDateTime::parse(&text)
        .map(|moment| moment.date())
        .or_else(|_| PartialDate::parse(text.trim().get(..8).unwrap_or(text.trim())));
    match date {
        Ok(date) => {
            if !date.is_complete() {
                let text = "birth date is not complete: worklist answers leave it empty";
                findings.add(FindingCode::Missing, "PID-7", text);
            }
            Said::This(date)
        }
        Err(_) => {
            findings.add(FindingCode::Invalid, "PID-7", "not a date, not used");
            Said::Nothing
        }
    }
}

fn sex(field: Field<'_>, findings: &mut Findings) -> Said<Sex> {
    if field.is_null() {
        return Said::Delete;
    }
    let code = field.text();
    let code = code.trim();
    // `U` is unknown: it takes back what was said before.
    if code.eq_ignore_ascii_case("U") {
        return Said::Delete;
    }
    let sex = Sex::from_code(code);
    match sex {
        Some(sex) if !sex.as_dicom().eq_ignore_ascii_case(code) => {
            let text = format!("{code} became {}", sex.as_dicom());
            findings.add(FindingCode::Translated, "PID-8", text);
        }
        None if !code.is_empty() => {
            findings.add(FindingCode::UnknownCode, "PID-8", "sex is not of table 0001, not used");
        }
        _ => {}
    }
    sex.into()
}

/// A CX that numbers a visit or an account.
fn account(field: Field<'_>, location: &str, findings: &mut Findings) -> Said<EntityIdentifier> {
    if field.is_null() {
        return Said::Delete;
    }
    let text = field.component(1).text();
    if text.trim().is_empty() {
        return Said::Nothing;
    }
    match EntityIdentifier::new(&text, said::issuer(field.component(4))) {
        Ok(id) => Said::This(id),
        Err(error) => {
            findings.add(FindingCode::Invalid, location, format!("not used: {error}"));
            Said::Nothing
        }
    }
}

/// PV1-3 as `point^room^bed`.
fn location(field: Field<'_>, findings: &mut Findings) -> Said<String> {
    if field.is_null() {
        return Said::Delete;
    }
    let part = |n: usize| field.component(n).text().trim().to_owned();
    let text = [part(1), part(2), part(3)].join("^");
    let text = text.trim_end_matches('^');
    if text.is_empty() {
        return Said::Nothing;
    }
    Said::This(said::plain(text, &['\\'], "PV1-3", findings))
}

/// Body weight and height, known by LOINC code or by the words that IHE Table B-1 uses.
fn measure(observation: Segment<'_>, facts: &mut PatientFacts, findings: &mut Findings) {
    let name = observation.field(3);
    let (code, words) = (name.component(1).text(), name.component(2).text().to_uppercase());
    let is = |codes: &[&str], wording: &str| codes.contains(&&*code) || words == wording;
    let (units, slot): (&[(&str, f64)], _) = if is(&["29463-7", "3141-9"], "BODY WEIGHT") {
        (
            &[("kg", 1.0), ("g", 0.001), ("lb", 0.453_592_37), ("[lb_av]", 0.453_592_37)],
            &mut facts.weight_kg,
        )
    } else if is(&["8302-2"], "BODY HEIGHT") {
        (&[("m", 1.0), ("cm", 0.01), ("in", 0.0254), ("[in_i]", 0.0254)], &mut facts.size_m)
    } else {
        return;
    };
    let unit = observation.field(6).text();
    let unit = unit.trim();
    let number = observation.field(5).text().trim().parse::<f64>().ok();
    let factor = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let (Some(number), Some((_, factor))) = (number.filter(|number| is_measure(*number)), factor)
    else {
        let text = "weight or height without a known unit or number, not used";
        findings.add(FindingCode::Invalid, "OBX-5", text);
        return;
    };
    #[expect(clippy::float_cmp, reason = "the table's own constant, never computed")]
    if *factor != 1.0 {
        let base = units.first().map_or("", |(name, _)| name);
        findings.add(FindingCode::Translated, "OBX-6", format!("{unit} became {base}"));
    }
    // DS has at most 16 characters (PS3.5 section 6.2); grams and millimetres are as exact as any scale.
    let text = format!("{:.3}", number * factor);
    *slot = Said::This(text.trim_end_matches('0').trim_end_matches('.').to_owned());
}

/// Weights and heights are positive and of a size that a person can have in any of the units.
fn is_measure(number: f64) -> bool {
    number > 0.0 && number < 1_000_000.0
}

/// Most identifiers of one patient; real ones have a handful.
const IDENTIFIERS_MAX: usize = 64;
