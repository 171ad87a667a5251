//! PID, PV1, AL1 and OBX: the patient and the visit.

use telerad_core::{
    EntityIdentifier, PartialDate, PartialDateTime, Patient, PatientId, PersonName, Sex,
};
use telerad_hl7::datatype::{Ce, Cx, Datatype, Ts};
use telerad_hl7::group::{Groups, Placed};
use telerad_hl7::reading::{Observation, PatientSources, PatientView, Reading};
use telerad_hl7::{Field, Message, Path, Segment, TextDoubt};

use crate::finding::{FindingCode, Findings};
use crate::mapping::{Mapping, PatientConfidentiality};
use crate::person;
use crate::record::Clinical;
use crate::said::{self, Said};

/// What a message says of a patient.
#[derive(Clone, Debug, Default)]
pub(crate) struct PatientFacts {
    /// The primary one first; empty when PID-3 names none.
    pub(crate) ids: Vec<PatientId>,
    pub(crate) name: Said<PersonName>,
    /// Letters of the name are lost: it stands only where no other is known.
    pub(crate) is_name_damaged: bool,
    pub(crate) birth_date: Said<PartialDate>,
    pub(crate) sex: Said<Sex>,
    pub(crate) allergies: Said<Vec<String>>,
    pub(crate) weight_kg: Said<String>,
    pub(crate) size_m: Said<String>,
    pub(crate) pregnancy_status: Said<u16>,
    pub(crate) comments: Said<String>,
}

/// What a message says of a visit.
#[derive(Clone, Debug, Default)]
pub(crate) struct VisitFacts {
    pub(crate) admission_id: Said<EntityIdentifier>,
    pub(crate) class: Said<String>,
    pub(crate) location: Said<String>,
    pub(crate) referring_physician: Said<PersonName>,
    pub(crate) pregnancy_status: Said<u16>,
    pub(crate) special_needs: Said<String>,
    pub(crate) confidentiality: Said<String>,
    pub(crate) admitted_at: Said<PartialDateTime>,
}

impl PatientFacts {
    pub(crate) fn primary_value(&self) -> Option<&str> {
        self.ids.first().map(PatientId::value)
    }

    /// Changes what is kept of the patient. PID-3 is sent whole: its repetitions replace the ones kept (HL7 2.5.1
    /// section 2.10.4, snapshot mode).
    pub(crate) fn put_patient(&self, patient: &mut Patient) {
        patient.ids.clone_from(&self.ids);
        if !self.is_name_damaged || patient.name.is_empty() {
            self.name.put(&mut patient.name);
        }
        self.birth_date.put_some(&mut patient.birth_date);
        self.sex.put_some(&mut patient.sex);
    }

    pub(crate) fn put_clinical(&self, clinical: &mut Clinical) {
        self.allergies.put(&mut clinical.allergies);
        self.weight_kg.put(&mut clinical.weight_kg);
        self.size_m.put(&mut clinical.size_m);
        self.pregnancy_status.put_some(&mut clinical.pregnancy_status);
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
    groups: &Groups<'_>,
    mapping: &Mapping,
    findings: &mut Findings,
) -> PatientFacts {
    let mut facts = PatientFacts::default();
    if let Some(view) = PatientView::read_all(message, &PatientSources::default()).first() {
        facts.ids = identifiers(&view.identifiers, "PID-3", mapping, findings);
        other_identifiers(message, mapping, &mut facts.ids, findings);
        facts.name = person::patient_name(view, findings);
        facts.birth_date = birth_date(&view.values.birth, findings);
        facts.sex = sex(&view.values.sex, findings);
    }
    facts.is_name_damaged = doubtful_names(message, findings);
    facts.allergies = allergies(message, findings);
    // Results of earlier orders (OMG) are not what the patient weighs today.
    let patients = || groups.patients.iter().filter(|patient| !patient.is_prior);
    let of_patients = patients().flat_map(|patient| &patient.observations);
    let of_orders = groups.orders().flat_map(|(_, order)| &order.observations);
    for observation in of_patients.clone().chain(of_orders) {
        measure(&Observation::of(observation), &mut facts, findings);
    }
    let notes = groups.notes.iter().chain(patients().flat_map(|patient| &patient.notes));
    let notes = notes.chain(of_patients.flat_map(|observation| &observation.notes));
    facts.comments = comments(notes);
    facts
}

/// Reads one PID of several, and nothing else.
pub(crate) fn read_person(
    message: &Message,
    view: &PatientView,
    pid: Segment<'_>,
    mapping: &Mapping,
    findings: &mut Findings,
) -> PatientFacts {
    PatientFacts {
        ids: identifiers(&view.identifiers, "PID-3", mapping, findings),
        name: person::patient_name(view, findings),
        birth_date: birth_date(&view.values.birth, findings),
        sex: sex(&view.values.sex, findings),
        is_name_damaged: message.doubt(pid.field(5)) == Some(TextDoubt::Lost),
        ..PatientFacts::default()
    }
}

/// Names and birth dates that may not be what the sender wrote; whether letters of the name are lost.
fn doubtful_names(message: &Message, findings: &mut Findings) -> bool {
    let Some(pid) = message.segment("PID") else { return false };
    let mut doubt = |n| {
        let doubt = message.doubt(pid.field(n))?;
        findings.add(FindingCode::DoubtfulText, format!("PID-{n}"), doubt.to_string());
        Some(doubt)
    };
    let name = doubt(5);
    doubt(7);
    name == Some(TextDoubt::Lost)
}

/// The first of these fields whose text is in doubt.
pub(crate) fn doubtful_number(message: &Message, places: &[Path]) -> Option<Path> {
    places.iter().copied().find(|place| {
        let mut segments = message.segments_with_id(place.segment());
        segments.any(|segment| message.doubt(segment.field(place.field())).is_some())
    })
}

fn allergies(message: &Message, findings: &mut Findings) -> Said<Vec<String>> {
    let mut allergies = Vec::new();
    let mut none = Said::Nothing;
    for allergy in message.segments_with_id("AL1") {
        let field = allergy.field(3);
        if field.is_null() {
            none = Said::Delete;
        }
        allergies.extend(said::words(&Ce::read(field), "AL1-3", findings).this().cloned());
        if !allergy.field(4).text().trim().is_empty() {
            let text = "the severity of an allergy has no place in a worklist answer";
            findings.add(FindingCode::Ignored, "AL1-4", text);
        }
    }
    if allergies.is_empty() { none } else { Said::This(allergies) }
}

/// The notes of a patient; a null among notes without text deletes those kept.
fn comments<'a, 'm: 'a>(notes: impl Iterator<Item = &'a Placed<'m>>) -> Said<String> {
    let mut lines = Vec::new();
    let mut none = Said::Nothing;
    for note in notes {
        let field = note.field(3);
        if field.is_null() {
            none = Said::Delete;
        }
        lines.extend(field.repetitions().map(|line| line.whole_text()));
    }
    said_lines(lines.iter().map(String::as_str)).or_else(|| none)
}

/// Reads PV1, with PID-18 for the admission where PV1-19 says nothing.
pub(crate) fn read_visit(
    message: &Message,
    groups: &Groups<'_>,
    mapping: &Mapping,
    findings: &mut Findings,
) -> VisitFacts {
    let views = PatientView::read_all(message, &PatientSources::default());
    let Some(values) = views.first().map(|view| &view.values) else { return VisitFacts::default() };
    let place = said::place(&values.visit_number);
    let admission_id = Said::from(&values.visit_number).and_then(|account| {
        if account.id_number.is_empty() {
            return Said::Nothing;
        }
        said::valid(account.entity_identifier(), &place, findings)
    });
    let doctor = Said::from(&values.referring_doctor);
    let doctor = doctor.and_then(|doctor| Said::This(doctor.name_group()));
    let location = Said::from(&values.location).and_then(|place| {
        let text = [place.point_of_care, place.room, place.bed].join("^");
        let text = text.trim_end_matches('^');
        let is_said = !text.is_empty();
        is_said.then(|| said::plain(text, &['\\'], "PV1-3", findings)).into()
    });
    let visit = groups.patients.iter().flat_map(|patient| &patient.visits).next();
    let ambulatory = visit.map(|pv1| pv1.field(15));
    let class = visit.and_then(|pv1| String::read_all(pv1.field(2)).into_iter().next());
    let class = class.map(|class| class.trim().to_owned()).filter(|class| !class.is_empty());
    let field = |n| visit.map(|pv1| pv1.field(n));
    let confidentiality = match mapping.patient_confidentiality {
        PatientConfidentiality::Nowhere => Said::Nothing,
        PatientConfidentiality::Pv1Vip => field(16).map_or(Said::Nothing, |vip| {
            if vip.is_null() {
                return Said::Delete;
            }
            said::said_line(&vip.text(), "PV1-16", findings)
        }),
    };
    VisitFacts {
        admission_id,
        special_needs: ambulatory.map_or(Said::Nothing, |codes| special_needs(codes, findings)),
        confidentiality,
        admitted_at: field(44).map_or(Said::Nothing, |field| admitted_at(field, findings)),
        class: class.into(),
        location,
        referring_physician: person::physician(doctor, "PV1-8", findings),
        pregnancy_status: ambulatory.map_or(Said::Nothing, pregnancy_status),
    }
}

/// HL7 table 0009 has B6 for pregnant; (0010,21C0) has 3 for definitely pregnant (IHE RAD TF-2 table B-1).
fn pregnancy_status(ambulatory: Field<'_>) -> Said<u16> {
    if ambulatory.is_null() {
        return Said::Delete;
    }
    String::read_all(ambulatory).iter().any(|code| code == "B6").then_some(3).into()
}

/// Every ambulatory status but pregnancy, in the words of HL7 table 0009; codes of the sender's own as they are.
fn special_needs(ambulatory: Field<'_>, findings: &mut Findings) -> Said<String> {
    if ambulatory.is_null() {
        return Said::Delete;
    }
    let mut needs = Vec::new();
    for code in String::read_all(ambulatory) {
        let code = code.trim();
        // B6 is a pregnancy, A0 no limitation at all.
        if matches!(code, "" | "A0" | "B6") {
            continue;
        }
        match AMBULATORY_STATUS.iter().find(|(known, _)| *known == code) {
            Some((_, meaning)) => {
                let text = format!("{code} became {meaning}");
                findings.add(FindingCode::Translated, "PV1-15", text);
                needs.push((*meaning).to_owned());
            }
            None => needs.extend(said::said_line(code, "PV1-15", findings).this().cloned()),
        }
    }
    if needs.is_empty() { Said::Nothing } else { Said::This(needs.join(", ")) }
}

fn admitted_at(field: Field<'_>, findings: &mut Findings) -> Said<PartialDateTime> {
    if field.is_null() {
        return Said::Delete;
    }
    let text = field.text();
    if text.trim().is_empty() {
        return Said::Nothing;
    }
    match Ts::read(field).lenient().filter(|moment| moment.date().is_complete()) {
        Some(moment) => Said::This(moment),
        None => {
            findings.add(FindingCode::Invalid, "PV1-44", "not a date, not used");
            Said::Nothing
        }
    }
}

/// Every line of notes that has text.
pub(crate) fn said_lines<'a>(notes: impl Iterator<Item = &'a str>) -> Said<String> {
    let lines = notes.flat_map(|note| note.split('\n')).filter(|line| !line.trim().is_empty());
    let lines: Vec<&str> = lines.collect();
    if lines.is_empty() { Said::Nothing } else { Said::This(lines.join("\r\n")) }
}

/// PID-3, or another list of identifiers: that of the site's authority first, then the others in their order.
pub(crate) fn identifiers(
    all: &[Cx],
    place: &str,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Vec<PatientId> {
    let authority = mapping.patient_authority.as_ref();
    let mut ids: Vec<PatientId> = Vec::new();
    let mut primary = None;
    if all.len() > IDENTIFIERS_MAX {
        let text = format!("more than {IDENTIFIERS_MAX} identifiers: the others are not used");
        findings.add(FindingCode::Ignored, place, text);
    }
    for cx in all.iter().take(IDENTIFIERS_MAX) {
        let Some(id) = identifier(cx, place, mapping, findings) else { continue };
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
        findings.add(FindingCode::Ambiguous, place, format!("several identifiers: {taken}"));
    }
    ids
}

fn identifier(
    cx: &Cx,
    place: &str,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Option<PatientId> {
    if cx.id_number.is_empty() || !cx.is_of_patient() {
        return None;
    }
    if cx.assigning_authority.issuer().is_none() {
        let text = match &mapping.patient_authority {
            Some(authority) => format!("no assigning authority: {authority} assumed"),
            None => "no assigning authority, and the site declares none".to_owned(),
        };
        findings.add(FindingCode::Assumed, format!("{place}.4"), text);
    }
    let id = said::valid(cx.patient_id(), place, findings);
    id.this().map(|id| id.clone().or_issuer(mapping.patient_authority.as_ref()))
}

/// The fields outside PID-3 that the site declares: they never identify by themselves.
fn other_identifiers(
    message: &Message,
    mapping: &Mapping,
    ids: &mut Vec<PatientId>,
    findings: &mut Findings,
) {
    let Some(pid) = message.segment("PID").filter(|_| !ids.is_empty()) else { return };
    for source in &mapping.other_patient_ids {
        for cx in Cx::read_all(pid.field(source.field())).iter().take(IDENTIFIERS_MAX) {
            if cx.id_number.is_empty() {
                continue;
            }
            let place = format!("PID-{}", source.field());
            let id = said::valid(cx.patient_id(), &place, findings);
            if let Some(id) = id.this().filter(|id| !ids.contains(id)) {
                ids.push(id.clone());
            }
        }
    }
}

/// PID-7 in the precision it came with. The time of birth that a TS may hold is not kept.
fn birth_date(reading: &Reading<Ts>, findings: &mut Findings) -> Said<PartialDate> {
    Said::from(reading).and_then(|birth| {
        let Some(date) = birth.lenient().map(|moment| moment.date()) else {
            findings.add(FindingCode::Invalid, "PID-7", "not a date, not used");
            return Said::Nothing;
        };
        if !date.is_complete() {
            let text = "birth date is not complete: worklist answers leave it empty";
            findings.add(FindingCode::Missing, "PID-7", text);
        }
        Said::This(date)
    })
}

fn sex(reading: &Reading<String>, findings: &mut Findings) -> Said<Sex> {
    Said::from(reading).and_then(|code| {
        // `U` is unknown: it takes back what was said before.
        if code.eq_ignore_ascii_case("U") {
            return Said::Delete;
        }
        let sex = Sex::from_code(&code);
        match sex {
            Some(sex) if !sex.as_dicom().eq_ignore_ascii_case(&code) => {
                let text = format!("{code} became {}", sex.as_dicom());
                findings.add(FindingCode::Translated, "PID-8", text);
            }
            None => {
                let text = "sex is not of table 0001, not used";
                findings.add(FindingCode::UnknownCode, "PID-8", text);
            }
            Some(_) => {}
        }
        sex.into()
    })
}

/// Body weight and height, known by LOINC code or by the words that IHE Table B-1 uses.
fn measure(observation: &Observation, facts: &mut PatientFacts, findings: &mut Findings) {
    let (code, words) =
        (&observation.identifier.identifier, observation.identifier.text.to_uppercase());
    let is = |codes: &[&str], wording: &str| codes.contains(&code.as_str()) || words == wording;
    let (units, slot): (&[(&str, f64)], _) = if is(&["29463-7", "3141-9"], "BODY WEIGHT") {
        (
            &[("kg", 1.0), ("g", 0.001), ("lb", 0.453_592_37), ("[lb_av]", 0.453_592_37)],
            &mut facts.weight_kg,
        )
    } else if is(&["8302-2"], "BODY HEIGHT") {
        (&[("m", 1.0), ("cm", 0.01), ("in", 0.0254), ("[in_i]", 0.0254)], &mut facts.size_m)
    } else if code == "82810-3" {
        return pregnancy(observation, facts, findings);
    } else {
        return;
    };
    if observation.is_null {
        *slot = Said::Delete;
        return;
    }
    let unit = observation.units.as_str();
    let number = observation.text.trim().parse::<f64>().ok();
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

/// LOINC 82810-3 by its answer list LL4129-4, as code or as words; Pregnancy Status (0010,21C0) of PS3.3 section C.7.1.3.
fn pregnancy(observation: &Observation, facts: &mut PatientFacts, findings: &mut Findings) {
    if observation.is_null {
        facts.pregnancy_status = Said::Delete;
        return;
    }
    let status = match observation.text.trim().to_ascii_lowercase().as_str() {
        "not pregnant" | "la26683-5" | "60001007" => 1,
        "possibly pregnant" | "possible" | "102874004" => 2,
        "pregnant" | "la15173-0" | "77386006" => 3,
        "unknown" | "la4489-6" | "261665006" => 4,
        _ => {
            let text = "pregnancy status is not of the answer list, not used";
            findings.add(FindingCode::UnknownCode, "OBX-5", text);
            return;
        }
    };
    facts.pregnancy_status = Said::This(status);
}

/// Weights and heights are positive and of a size that a person can have in any of the units.
fn is_measure(number: f64) -> bool {
    number > 0.0 && number < 1_000_000.0
}

/// Most identifiers of one patient; real ones have a handful.
const IDENTIFIERS_MAX: usize = 64;

/// HL7 2.5.1 table 0009, which is the users' own: the values that the standard suggests.
const AMBULATORY_STATUS: [(&str, &str); 14] = [
    ("A1", "Ambulates with assistive device"),
    ("A2", "Wheelchair/stretcher bound"),
    ("A3", "Comatose; non-responsive"),
    ("A4", "Disoriented"),
    ("A5", "Vision impaired"),
    ("A6", "Hearing impaired"),
    ("A7", "Speech impaired"),
    ("A8", "Non-English speaking"),
    ("A9", "Functional level unknown"),
    ("B1", "Oxygen therapy"),
    ("B2", "Special equipment (tubes, IVs, catheters)"),
    ("B3", "Amputee"),
    ("B4", "Mastectomy"),
    ("B5", "Paraplegic"),
];
