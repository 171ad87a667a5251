//! What one order group says (IHE RAD TF-2 table B-1, and the habits of the field).

use telerad_core::{
    AccessionNumber, AeTitle, Code, EntityIdentifier, PartialDateTime, PersonName, Priority, Uid,
};
use telerad_hl7::datatype::{Ce, Datatype, Ei, Ts, Xcn};
use telerad_hl7::group::{Groups, OrderGroup};
use telerad_hl7::reading::{OrderAction, OrderSources, OrderValues, OrderView, Reading, StepView};
use telerad_hl7::{Location, Message, Path, path};

use crate::OrderKey;
use crate::finding::{FindingCode, Findings};
use crate::mapping::{
    Mapping, ProtocolSource, Shortening, StationSource, StudyUidPolicy, modality,
};
use crate::numbers::{self, OrderNumbers};
use crate::person;
use crate::said::{self, Said};

/// One order group with what the reading of orders in general leaves out.
#[derive(Clone, Debug)]
pub(crate) struct ReadOrder {
    view: OrderView,
    /// OBR-4.1 to OBR-4.3 and OBR-4.4 to OBR-4.6.
    service: Ce,
    /// OBR-21.
    filler_field_2: String,
    /// ORC-18.
    entering_device: Ce,
    /// MSH-4.1.
    facility: String,
    /// What tells this group from every other of its sender: MSH-3, MSH-4, MSH-10.
    origin: String,
}

impl std::ops::Deref for ReadOrder {
    type Target = OrderView;

    fn deref(&self) -> &OrderView {
        &self.view
    }
}

impl ReadOrder {
    /// Every order of a message by the site's sources.
    pub(crate) fn read_all(message: &Message, mapping: &Mapping) -> Vec<Self> {
        let groups = Groups::of(message);
        let header = |n| message.segment("MSH").map(|msh| msh.field(n).text().into_owned());
        let origin: Vec<String> = [3, 4, 10].into_iter().filter_map(header).collect();
        let facility = message.segment("MSH").map(|msh| msh.field(4).component(1));
        let facility = facility.map(|facility| facility.text().trim().to_owned());
        let views = OrderView::read_all(message, &sources(mapping));
        let read = |(view, (_, group)): (OrderView, (_, &OrderGroup<'_>))| Self {
            service: group.request.map(|obr| Ce::read(obr.field(4))).unwrap_or_default(),
            filler_field_2: group
                .request
                .map(|obr| String::read(obr.field(21)))
                .unwrap_or_default(),
            entering_device: group.order.map(|orc| Ce::read(orc.field(18))).unwrap_or_default(),
            facility: facility.clone().unwrap_or_default(),
            origin: format!("{}\0{}", origin.join("\0"), view.number),
            view,
        };
        views.into_iter().zip(groups.orders()).map(read).collect()
    }
}

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
    pub(crate) ordering_provider: Said<PersonName>,
    pub(crate) reason: Said<String>,
    pub(crate) reason_code: Said<Code>,
    pub(crate) institution: Said<String>,
    pub(crate) facility: String,
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
    pub(crate) further_protocols: Vec<Code>,
}

/// Where the orders of a site are read: its own fields for the accession number, the start and the priority.
fn sources(mapping: &Mapping) -> OrderSources {
    OrderSources {
        accession: mapping.accession_sources.iter().map(|source| Path::from(*source)).collect(),
        start: mapping.start_sources.iter().map(|field| Path::from(*field)).collect(),
        priority: mapping.priority_sources.iter().map(|field| Path::from(*field)).collect(),
        ..OrderSources::default()
    }
}

/// Of senders older than ORC-7.4.
const REQUESTED_DATE: Path = path!("OBR-6");

/// Takes what a worklist needs from one order.
///
/// # Errors
/// A reason to park the message: there is no usable accession number, or the order contradicts itself.
pub(crate) fn read(
    view: &ReadOrder,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Result<Draft, String> {
    let values = &view.values;
    let accession = match accession(values, mapping, findings) {
        // Nobody can be told later which order was meant; but the patient is there, and the examination is ordered.
        Err(reason) if reason == numbers::NO_NUMBER && view.action() == OrderAction::New => {
            numbers::generated(&view.origin, mapping, findings)?
        }
        named => named?,
    };
    let study_instance_uid = match mapping.study_instance_uid {
        StudyUidPolicy::NamedElseDerived => study(&values.study_instance_uid, findings)?,
        StudyUidPolicy::Derived => {
            if let Some(named) = values.study_instance_uid.found() {
                let text = "the site declares that study instance UIDs of this sender are not used";
                findings.add(FindingCode::Ignored, said::field_of(named.location), text);
            }
            None
        }
    };
    let placer_order_number = order_number(&values.placer_order_number, findings);
    let filler_order_number = order_number(&values.filler_order_number, findings);
    let procedure = procedure(view, findings);
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
        ordering_provider: ordering_provider(&values.ordering_provider, findings),
        reason: said::wording(&values.reason, findings),
        reason_code: said::code(&values.reason, findings),
        institution: institution(view, findings),
        facility: view.facility.clone(),
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

/// The first of the site's sources that has a number; the others only confirm or contradict it. Where none has one, a
/// number of the order stands in for it: most senders that name no accession number number their orders all the same.
///
/// # Errors
/// A reason to park the message.
pub(crate) fn accession(
    values: &OrderValues,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Result<AccessionNumber, String> {
    match named_accession(values, mapping, findings) {
        Some((location, number)) => {
            checked_accession(number, &said::field_of(location), mapping, findings)
        }
        None => {
            let (place, number) = numbers::stand_in(values, mapping, findings)?;
            checked_accession(number, &place, mapping, findings)
        }
    }
}

/// Whether some source of the site has an accession number.
pub(crate) fn names_accession(values: &OrderValues, mapping: &Mapping) -> bool {
    named_accession(values, mapping, &mut Findings::default()).is_some()
}

fn named_accession(
    values: &OrderValues,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Option<(Location, AccessionNumber)> {
    let mut found: Option<(Location, AccessionNumber)> = None;
    for said in values.accession.all() {
        if said.value.entity_identifier.is_empty() {
            continue;
        }
        let place = said::field_of(said.location);
        let read = AccessionNumber::new(&said.value.entity_identifier, said.value.issuer());
        let Some(number) = said::valid(read, &place, findings).this().cloned() else { continue };
        // A backslash has a reason of its own to park.
        if !(mapping.identifies)(number.value()) && !number.value().contains('\\') {
            let text = "a placeholder or wildcard is no accession number, not used";
            findings.add(FindingCode::Invalid, place, text);
            continue;
        }
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
    found
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
        let carried = match Shortening::shorten(&mapping.accession_shortening, number.value()) {
            Some(_) => "shortened for modalities by the site's rule",
            None => "kept whole, no rule of the site shortens it",
        };
        let text =
            format!("accession number has {characters} characters, DICOM allows 16: {carried}");
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

/// OBR-44, else OBR-4; of OBR-4 the second code where the first is empty.
fn procedure(view: &ReadOrder, findings: &mut Findings) -> Said<Code> {
    said::code(&view.values.procedure, findings).or_else(|| {
        let Some(code) = view.service.alternate_code() else { return Said::Nothing };
        let code = said::said_code(&code, "OBR-4", findings);
        if !code.is_nothing() {
            let text = "no procedure code: the second code of OBR-4 stands in for it";
            findings.add(FindingCode::Derived, "OBR-4", text);
        }
        code
    })
}

/// ORC-21.
fn institution(view: &ReadOrder, findings: &mut Findings) -> Said<String> {
    let place = said::place(&view.values.ordering_facility);
    Said::from(&view.values.ordering_facility)
        .and_then(|facility| said::said_line(&facility.organization_name, &place, findings))
}

/// ORC-12.
fn ordering_provider(reading: &Reading<Xcn>, findings: &mut Findings) -> Said<PersonName> {
    let is_orc = |location: Location| location.path().segment() == "ORC";
    let said = reading.all().iter().find(|said| is_orc(said.location));
    let name = said.map(|said| said.value.name_group());
    person::physician(name.into(), "ORC-12", findings)
}

/// The first of the site's sources that is of the table.
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
    view: &ReadOrder,
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
    let step = |step: &StepView| {
        let protocols = protocols(view, step, mapping, findings);
        StepDraft {
            step_id: number(&step.id, findings),
            modality: step_modality(step, procedure, mapping, findings),
            station_ae_titles: stations(view, step, mapping, findings),
            station_name: said::line(&step.station_names, findings),
            location: said::wording(&step.locations, findings),
            start: start.clone(),
            performing_physician: performing_physician.clone(),
            protocol: protocols.0,
            further_protocols: protocols.1,
            laterality: laterality.clone(),
            body_site: body_site.clone(),
        }
    };
    view.steps.iter().map(step).collect()
}

/// Every IPC-6, else the code of OBR-4 that the site has protocols in.
fn protocols(
    view: &ReadOrder,
    step: &StepView,
    mapping: &Mapping,
    findings: &mut Findings,
) -> (Said<Code>, Vec<Code>) {
    let protocol = &step.protocol_codes;
    let is_control = |location: Location| location.path().segment() == "IPC";
    if mapping.protocol == ProtocolSource::Universal && !protocol.location().is_some_and(is_control)
    {
        let code = said::said_code(&view.service.code(), "OBR-4", findings);
        if !code.is_nothing() {
            return (code, Vec::new());
        }
    }
    let further = protocol.all().iter().skip(1);
    let further = further.filter_map(|said| {
        let place = said::field_of(said.location);
        said::said_code(&said.value.code(), &place, findings).this().cloned()
    });
    let further = further.collect();
    (said::code(protocol, findings), further)
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

/// The first of the site's sources that names a station; in IPC-9 each repetition is a title.
fn stations(
    view: &ReadOrder,
    step: &StepView,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Said<Vec<String>> {
    let mut titles = Vec::new();
    for source in &mapping.station_sources {
        let texts: Vec<&str> = match source {
            StationSource::Ipc9 if step.station_ae_titles.is_null() => return Said::Delete,
            StationSource::Ipc9 => {
                let all = step.station_ae_titles.all().iter();
                all.map(|said| said.value.as_str()).collect()
            }
            StationSource::Obr21 => vec![&view.filler_field_2],
            StationSource::Orc18 => vec![&view.entering_device.identifier],
        };
        for text in texts.into_iter().filter(|text| !text.trim().is_empty()) {
            let title = said::valid(AeTitle::new(text), source.name(), findings);
            titles.extend(title.this().map(|title| title.as_str().to_owned()));
        }
        if !titles.is_empty() {
            return Said::This(titles);
        }
    }
    Said::Nothing
}

/// The first of the site's sources that is a date. None of them can delete: a step without a start is on no list.
fn start(reading: &Reading<Ts>, findings: &mut Findings) -> Said<PartialDateTime> {
    for said in reading.all() {
        let place = said::field_of(said.location);
        match said.value.lenient() {
            Some(start) if start.date().is_complete() => {
                let path = said.location.path();
                if (path.segment(), path.field()) == ("OBR", REQUESTED_DATE.field()) {
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
        fill(&mut self.ordering_provider, &more.ordering_provider);
        fill(&mut self.reason, &more.reason);
        fill(&mut self.reason_code, &more.reason_code);
        fill(&mut self.institution, &more.institution);
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
            match self.steps.iter_mut().find(|mine| same(&&**mine)) {
                // Pairs with one step ID are one step of several protocols (IHE RAD TF-2 section 4.4.4.1).
                Some(mine) => mine.absorb(step, findings),
                None => self.steps.push(step.clone()),
            }
        }
        Ok(())
    }
}

impl StepDraft {
    fn absorb(&mut self, more: &Self, findings: &mut Findings) {
        let protocols = more.protocol.this().into_iter().chain(&more.further_protocols);
        for protocol in protocols {
            if self.protocol.is_nothing() {
                self.protocol = Said::This(protocol.clone());
            } else if self.protocol.this() != Some(protocol)
                && !self.further_protocols.contains(protocol)
            {
                self.further_protocols.push(protocol.clone());
            }
        }
        let differs = self.modality.this().is_some()
            && more.modality.this().is_some()
            && self.modality != more.modality;
        if differs {
            let text = "another modality for the same step ID, the first was taken";
            findings.add(FindingCode::Disagreement, "OBR-20", text);
        }
        fill(&mut self.modality, &more.modality);
        fill(&mut self.station_ae_titles, &more.station_ae_titles);
        fill(&mut self.station_name, &more.station_name);
        fill(&mut self.location, &more.location);
        fill(&mut self.start, &more.start);
        fill(&mut self.performing_physician, &more.performing_physician);
        fill(&mut self.laterality, &more.laterality);
        fill(&mut self.body_site, &more.body_site);
    }
}

fn fill<T: Clone>(mine: &mut Said<T>, other: &Said<T>) {
    if mine.is_nothing() {
        mine.clone_from(other);
    }
}

/// The orders of a message for whose accession number another number stands in, with all their numbers.
pub(crate) fn stand_ins(views: &[ReadOrder], mapping: &Mapping) -> Vec<(OrderKey, OrderNumbers)> {
    let unnamed = views.iter().filter(|view| !names_accession(&view.values, mapping));
    let stand_in = |view: &ReadOrder| {
        let accession = accession(&view.values, mapping, &mut Findings::default()).ok()?;
        Some((OrderKey::new(&mapping.site, &accession), OrderNumbers::of(&view.values)))
    };
    unnamed.filter_map(stand_in).collect()
}
