//! What one order group says (IHE RAD TF-2 table B-1, and the habits of the field).

use telerad_core::{
    AccessionNumber, AeTitle, Code, EntityIdentifier, PartialDateTime, PersonName, Priority, Uid,
};
use telerad_hl7::datatype::{Ei, Ts, Xcn};
use telerad_hl7::reading::{OrderSources, OrderValues, OrderView, Reading, StepView};
use telerad_hl7::{Location, Path, path};

use crate::finding::{FindingCode, Findings};
use crate::mapping::{Mapping, modality};
use crate::person;
use crate::said::{self, Said};

/// An order as far as one message speaks of it. Nothing is derived yet.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) accession: AccessionNumber,
    pub(crate) study_instance_uid: Option<Uid>,
    pub(crate) placer_order_number: Said<EntityIdentifier>,
    pub(crate) filler_order_number: Said<EntityIdentifier>,
    pub(crate) requested_procedure_id: Said<String>,
    pub(crate) procedure: Said<Code>,
    pub(crate) priority: Said<Priority>,
    pub(crate) requesting_physician: Said<PersonName>,
    pub(crate) reason: Said<String>,
    pub(crate) transport: Said<String>,
    pub(crate) requesting_service: Said<String>,
    pub(crate) confidentiality: Said<String>,
    pub(crate) comments: Said<String>,
    pub(crate) medical_alerts: Said<String>,
    pub(crate) patient_state: Said<String>,
    pub(crate) steps: Vec<StepDraft>,
}

/// A step as far as one message speaks of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepDraft {
    pub(crate) step_id: Said<String>,
    pub(crate) modality: Said<String>,
    pub(crate) station_ae_titles: Said<Vec<String>>,
    pub(crate) station_name: Said<String>,
    pub(crate) location: Said<String>,
    pub(crate) start: Said<PartialDateTime>,
    pub(crate) performing_physician: Said<PersonName>,
    pub(crate) protocol: Said<Code>,
    pub(crate) laterality: Said<Code>,
    pub(crate) body_site: Said<String>,
}

/// Where the orders of a site are read: its own fields for the accession number, and the requested date of old senders.
pub(crate) fn sources(mapping: &Mapping) -> OrderSources {
    let accession = mapping.accession_sources.iter().map(|source| Path::from(*source)).collect();
    let mut sources = OrderSources { accession, ..OrderSources::default() };
    sources.start.push(REQUESTED_DATE);
    sources
}

const REQUESTED_DATE: Path = path!("OBR-6");

/// Takes what a worklist needs from one order.
///
/// # Errors
/// A reason to park the message: there is no usable accession number, or the order contradicts itself.
pub(crate) fn read(
    view: &OrderView,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Result<Draft, String> {
    let values = &view.values;
    let accession = accession(values, mapping, findings)?;
    let study_instance_uid = study(&values.study_instance_uid, findings)?;
    let placer_order_number = order_number(&values.placer_order_number, findings);
    let filler_order_number = order_number(&values.filler_order_number, findings);
    let procedure = said::code(&values.procedure, findings);
    let steps = steps(view, &procedure, mapping, findings);
    let notes = view.observations.iter().flat_map(|observation| &observation.notes);
    let notes = view.notes.iter().chain(notes).map(String::as_str);
    Ok(Draft {
        accession,
        study_instance_uid,
        placer_order_number,
        filler_order_number,
        requested_procedure_id: number(&values.requested_procedure_id, findings),
        procedure,
        priority: priority(&values.priority, findings),
        requesting_physician: requesting_physician(&values.ordering_provider, findings),
        reason: said::wording(&values.reason, findings),
        transport: said::line(&values.transportation_mode, findings),
        requesting_service: said::wording(&values.entering_organization, findings),
        confidentiality: said::line(&values.confidentiality, findings),
        comments: crate::patient::said_lines(notes),
        medical_alerts: said::line(&values.clinical_information, findings),
        patient_state: said::wording(&values.danger, findings),
        steps,
    })
}

/// The steps a status message names; one `None`, for all of them, when it does not name each.
pub(crate) fn step_ids(view: &OrderView, findings: &mut Findings) -> Vec<Option<String>> {
    let mut id = |step: &StepView| number(&step.id, findings).this().cloned();
    let ids: Vec<Option<String>> = view.steps.iter().map(&mut id).collect();
    if ids.is_empty() || ids.contains(&None) { vec![None] } else { ids }
}

/// The placer's and the filler's number of the order.
pub(crate) fn order_numbers(
    view: &OrderView,
    findings: &mut Findings,
) -> (Said<EntityIdentifier>, Said<EntityIdentifier>) {
    let values = &view.values;
    let placer = order_number(&values.placer_order_number, findings);
    (placer, order_number(&values.filler_order_number, findings))
}

/// The first of the site's sources that has a number; the others only confirm or contradict it.
///
/// # Errors
/// A reason to park the message.
pub(crate) fn accession(
    values: &OrderValues,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Result<AccessionNumber, String> {
    let mut found: Option<(Location, AccessionNumber)> = None;
    for said in values.accession.all() {
        if said.value.entity_identifier.is_empty() {
            continue;
        }
        let place = said::field_of(said.location);
        let read = AccessionNumber::new(&said.value.entity_identifier, said.value.issuer());
        let Some(number) = said::valid(read, &place, findings).this().cloned() else { continue };
        match &mut found {
            None => found = Some((said.location, number)),
            Some((_, taken)) if number.value() == taken.value() => {
                *taken = taken.clone().or_issuer(number.issuer());
            }
            Some((first, _)) => {
                let first = said::field_of(*first);
                let text = format!("another accession number than {first}, which was taken");
                findings.add(FindingCode::Disagreement, place, text);
            }
        }
    }
    let Some((location, number)) = found else {
        let sources: Vec<String> =
            mapping.accession_sources.iter().map(ToString::to_string).collect();
        return Err(format!("no accession number in {}", sources.join(", ")));
    };
    checked_accession(number, &said::field_of(location), mapping, findings)
}

fn checked_accession(
    number: AccessionNumber,
    place: &str,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Result<AccessionNumber, String> {
    if number.value().contains('\\') {
        return Err("accession number has a backslash, which DICOM cannot carry".to_owned());
    }
    let characters = number.value().chars().count();
    if characters > 16 {
        let text =
            format!("accession number has {characters} characters, DICOM allows 16: kept whole");
        findings.add(FindingCode::TooLong, place, text);
    }
    if number.issuer().is_none() {
        let text = match &mapping.accession_issuer {
            Some(issuer) => format!("no issuer of the accession number: {issuer} assumed"),
            None => "no issuer of the accession number, and the site declares none".to_owned(),
        };
        findings.add(FindingCode::Assumed, place, text);
    }
    Ok(number.or_issuer(mapping.accession_issuer.as_ref()))
}

/// IPC-3 and ZDS-1, which must all agree.
fn study(reading: &Reading<String>, findings: &mut Findings) -> Result<Option<Uid>, String> {
    let mut named: Option<Uid> = None;
    for said in reading.all() {
        let place = said::field_of(said.location);
        let uid = said::valid(Uid::new(&said.value), &place, findings).this().cloned();
        match (&named, uid) {
            (Some(named), Some(uid)) if *named != uid => {
                return Err("one order names two study instance UIDs".to_owned());
            }
            (None, uid) => named = uid,
            _ => {}
        }
    }
    Ok(named)
}

/// A number that DICOM keeps without its issuer.
fn number(reading: &Reading<Ei>, findings: &mut Findings) -> Said<String> {
    let place = said::place(reading);
    Said::from(reading)
        .and_then(|number| said::said_line(&number.entity_identifier, &place, findings))
}

/// ORC-2 / ORC-3, else OBR-2 / OBR-3.
fn order_number(reading: &Reading<Ei>, findings: &mut Findings) -> Said<EntityIdentifier> {
    let taken = reading.found().map(|found| &found.value.entity_identifier);
    for other in reading.all().iter().skip(1) {
        if taken.is_some_and(|taken| *taken != other.value.entity_identifier) {
            let text = format!("another number than {}, which was taken", said::place(reading));
            findings.add(FindingCode::Disagreement, said::field_of(other.location), text);
        }
    }
    said::entity(reading, findings)
}

/// TQ1-9, else ORC-7.6, OBR-27.6, OBR-5: the first that is of the table.
fn priority(reading: &Reading<String>, findings: &mut Findings) -> Said<Priority> {
    if reading.is_null() {
        return Said::Delete;
    }
    for said in reading.all() {
        if let Some(priority) = Priority::from_hl7(&said.value) {
            return Said::This(priority);
        }
        let text = "priority is not of the table, not used";
        findings.add(FindingCode::UnknownCode, said::field_of(said.location), text);
    }
    Said::Nothing
}

/// OBR-16, else ORC-12.
fn requesting_physician(reading: &Reading<Xcn>, findings: &mut Findings) -> Said<PersonName> {
    if reading.is_null() {
        return Said::Delete;
    }
    for said in reading.all() {
        let place = said::field_of(said.location);
        let name = person::physician(Said::This(said.value.name_group()), &place, findings);
        if name.is_nothing() {
            continue;
        }
        if said.location.path().segment() == "ORC" {
            let text = "requesting physician was taken from the ordering provider";
            findings.add(FindingCode::Derived, place, text);
        }
        return name;
    }
    Said::Nothing
}

/// One step per IPC, else one for the OBR.
fn steps(
    view: &OrderView,
    procedure: &Said<Code>,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Vec<StepDraft> {
    let start = start(&view.values.start, findings);
    let performer = Said::from(&view.values.performing_physician);
    let performer = performer.and_then(|performer| Said::This(performer.name.name_group()));
    let place = said::place(&view.values.performing_physician);
    let performing_physician = person::physician(performer, &place, findings);
    let procedure = procedure.this().map_or("", |code| code.value.as_str());
    let laterality = said::code(&view.values.laterality, findings);
    let body_site = said::line(&view.values.body_site, findings);
    let step = |step: &StepView| StepDraft {
        step_id: number(&step.id, findings),
        modality: step_modality(step, procedure, mapping, findings),
        station_ae_titles: stations(&step.station_ae_titles, findings),
        station_name: said::line(&step.station_names, findings),
        location: said::wording(&step.locations, findings),
        start: start.clone(),
        performing_physician: performing_physician.clone(),
        protocol: said::code(&step.protocol_codes, findings),
        laterality: laterality.clone(),
        body_site: body_site.clone(),
    };
    view.steps.iter().map(step).collect()
}

fn step_modality(
    step: &StepView,
    procedure: &str,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Said<String> {
    let code = step.modality.value().map_or("", String::as_str);
    let places = [step.id.location(), step.protocol_codes.location()];
    let is_control = places.iter().flatten().any(|place| place.path().segment() == "IPC");
    let place = match said::place(&step.modality) {
        place if place.is_empty() && is_control => "IPC-5".to_owned(),
        place if place.is_empty() => "OBR-24".to_owned(),
        place => place,
    };
    if let Some(term) = modality(code) {
        if term != code {
            findings.add(FindingCode::Translated, place, format!("{code} became {term}"));
        }
        return Said::This(term.to_owned());
    }
    if let Some(term) = mapping.modality_by_procedure.get(procedure) {
        let text = format!("modality {term} by the site's table of procedures");
        findings.add(FindingCode::Derived, place, text);
        return Said::This(term.clone());
    }
    if !code.is_empty() {
        findings.add(FindingCode::UnknownCode, place, "names no modality, not used");
    }
    Said::Nothing
}

/// IPC-9, each repetition a title.
fn stations(reading: &Reading<String>, findings: &mut Findings) -> Said<Vec<String>> {
    if reading.is_null() {
        return Said::Delete;
    }
    let mut titles = Vec::new();
    for said in reading.all() {
        let title =
            said::valid(AeTitle::new(&said.value), &said::field_of(said.location), findings);
        titles.extend(title.this().map(|title| title.as_str().to_owned()));
    }
    if titles.is_empty() { Said::Nothing } else { Said::This(titles) }
}

/// TQ1-7, else ORC-7.4, OBR-27.4, OBR-36, OBR-6: the first that is a date. None of them can delete: a step without a start
/// is on no list.
fn start(reading: &Reading<Ts>, findings: &mut Findings) -> Said<PartialDateTime> {
    for said in reading.all() {
        let place = said::field_of(said.location);
        match said.value.lenient() {
            Some(start) if start.date().is_complete() => {
                if said.location.path().field() == REQUESTED_DATE.field() {
                    let text = "start was taken from the requested date";
                    findings.add(FindingCode::Derived, place, text);
                }
                return Said::This(start);
            }
            Some(_) => findings.add(FindingCode::Invalid, place, "start names no day, not used"),
            None => findings.add(FindingCode::Invalid, place, "not a date, not used"),
        }
    }
    Said::Nothing
}

impl Draft {
    /// Takes up another group of the same order: it fills what is not said yet and adds its steps.
    ///
    /// # Errors
    /// A reason to park: the groups name two studies.
    pub(crate) fn absorb(&mut self, more: &Self, findings: &mut Findings) -> Result<(), String> {
        match (&self.study_instance_uid, &more.study_instance_uid) {
            (Some(mine), Some(other)) if mine != other => {
                let reason = "two study instance UIDs for one accession number";
                return Err(reason.to_owned());
            }
            (None, other) => self.study_instance_uid.clone_from(other),
            _ => {}
        }
        fill(&mut self.placer_order_number, &more.placer_order_number);
        fill(&mut self.filler_order_number, &more.filler_order_number);
        fill(&mut self.requested_procedure_id, &more.requested_procedure_id);
        fill(&mut self.procedure, &more.procedure);
        fill(&mut self.priority, &more.priority);
        fill(&mut self.requesting_physician, &more.requesting_physician);
        fill(&mut self.reason, &more.reason);
        fill(&mut self.transport, &more.transport);
        fill(&mut self.requesting_service, &more.requesting_service);
        fill(&mut self.confidentiality, &more.confidentiality);
        fill(&mut self.medical_alerts, &more.medical_alerts);
        fill(&mut self.patient_state, &more.patient_state);
        match (&mut self.comments, &more.comments) {
            (Said::This(mine), Said::This(other)) if mine != other => {
                *mine = format!("{mine}\r\n{other}");
            }
            (mine, other) => fill(mine, other),
        }
        for step in &more.steps {
            let same =
                |mine: &&StepDraft| mine.step_id.this().is_some() && mine.step_id == step.step_id;
            match self.steps.iter().find(same) {
                Some(mine) if mine.protocol != step.protocol => {
                    let text = "a second protocol of one step is not used yet";
                    findings.add(FindingCode::Ignored, "OBR-20", text);
                }
                Some(_) => {}
                None => self.steps.push(step.clone()),
            }
        }
        Ok(())
    }
}

fn fill<T: Clone>(mine: &mut Said<T>, other: &Said<T>) {
    if mine.is_nothing() {
        mine.clone_from(other);
    }
}
