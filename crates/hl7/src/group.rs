//! The segments of a message by what they belong to.
//!
//! The grammars of the standard are ambiguous, and senders break them: notes before ORC, OBX before OBR, a ZDS for each
//! OBR or one at the end, PV1 missing, several PID. So segments are grouped by anchors: PID opens a patient, ORC (or OBR,
//! where no ORC is open) an order, OBX an observation, TXA a document, RGS the resources of an appointment; everything
//! else belongs to what is open. Nothing is left out: what has no place of its own is among `others`.

use std::collections::BTreeMap;
use std::ops::Deref;

use crate::{Depth, Location, Message, Path, Segment};

/// A segment and which of its kind it is in the message, so that its values can be named by a [`Location`].
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    segment: Segment<'a>,
    occurrence: u16,
}

impl<'a> Placed<'a> {
    /// The segment.
    pub fn segment(&self) -> Segment<'a> {
        self.segment
    }

    /// Which of the segments with this id, from 1; 65535 stands for all beyond.
    pub fn occurrence(&self) -> u16 {
        self.occurrence
    }

    /// The place of the segment; `None` for a line that is no segment.
    pub fn location(&self) -> Option<Location> {
        Location::segment(self.segment.id(), self.occurrence).ok()
    }

    /// The place of `path` in this segment, at `depth`.
    pub(crate) fn locate(&self, path: Path, depth: Depth) -> Location {
        Location::new(path.in_occurrence(self.occurrence), depth)
    }
}

impl<'a> Deref for Placed<'a> {
    type Target = Segment<'a>;

    fn deref(&self) -> &Self::Target {
        &self.segment
    }
}

/// A message taken apart.
#[derive(Clone, Debug, Default)]
pub struct Groups<'a> {
    /// MSH.
    pub header: Option<Placed<'a>>,
    /// EVN.
    pub event: Option<Placed<'a>>,
    /// MSA.
    pub acknowledgment: Option<Placed<'a>>,
    /// SCH.
    pub schedule: Option<Placed<'a>>,
    /// TQ1 of an appointment.
    pub timings: Vec<Placed<'a>>,
    /// PID and what follows; one without PID where orders or a visit stand before any.
    pub patients: Vec<PatientGroup<'a>>,
    /// RGS and what follows.
    pub resources: Vec<ResourceGroup<'a>>,
    /// NTE before any patient.
    pub notes: Vec<Placed<'a>>,
    /// Everything else before any patient.
    pub others: Vec<Placed<'a>>,
}

/// A patient and what the message says about the patient.
#[derive(Clone, Debug, Default)]
pub struct PatientGroup<'a> {
    /// PID.
    pub patient: Option<Placed<'a>>,
    /// Whether this stands after the orders of an OMG, where the results of earlier orders follow. It may be the same
    /// patient, whose PID is then not repeated.
    pub is_prior: bool,
    /// PD1.
    pub demographics: Option<Placed<'a>>,
    /// PV1; several where visits are moved (A45).
    pub visits: Vec<Placed<'a>>,
    /// MRG.
    pub merges: Vec<Placed<'a>>,
    /// AL1.
    pub allergies: Vec<Placed<'a>>,
    /// DG1 before any order.
    pub diagnoses: Vec<Placed<'a>>,
    /// NTE before any order.
    pub notes: Vec<Placed<'a>>,
    /// OBX before any order or document.
    pub observations: Vec<ObservationGroup<'a>>,
    /// ORC, OBR and what follows.
    pub orders: Vec<OrderGroup<'a>>,
    /// TXA and what follows.
    pub documents: Vec<DocumentGroup<'a>>,
    /// Everything else before any order.
    pub others: Vec<Placed<'a>>,
}

/// One order: an ORC, at most one OBR, and what belongs to them.
///
/// Several OBR under one ORC give several groups with that ORC.
#[derive(Clone, Debug, Default)]
pub struct OrderGroup<'a> {
    /// ORC.
    pub order: Option<Placed<'a>>,
    /// OBR.
    pub request: Option<Placed<'a>>,
    /// Whether the ORC belongs to an OBR before this one, so that its numbers need not be those of this one.
    pub is_further_request: bool,
    /// TQ1.
    pub timings: Vec<Placed<'a>>,
    /// IPC, one for each scheduled procedure step.
    pub steps: Vec<Placed<'a>>,
    /// ZDS. One at the end of the message belongs to every order before it that has none.
    pub studies: Vec<Placed<'a>>,
    /// NTE after ORC or OBR.
    pub notes: Vec<Placed<'a>>,
    /// DG1.
    pub diagnoses: Vec<Placed<'a>>,
    /// OBX with their NTE.
    pub observations: Vec<ObservationGroup<'a>>,
    /// Everything else.
    pub others: Vec<Placed<'a>>,
}

/// One OBX and its notes.
#[derive(Clone, Debug)]
pub struct ObservationGroup<'a> {
    /// OBX.
    pub observation: Placed<'a>,
    /// NTE after it.
    pub notes: Vec<Placed<'a>>,
}

/// One TXA and its content.
#[derive(Clone, Debug)]
pub struct DocumentGroup<'a> {
    /// TXA.
    pub header: Placed<'a>,
    /// OBX after it.
    pub observations: Vec<ObservationGroup<'a>>,
    /// Everything else.
    pub others: Vec<Placed<'a>>,
}

/// The resources of an appointment.
#[derive(Clone, Debug, Default)]
pub struct ResourceGroup<'a> {
    /// RGS; `None` where AIS, AIG, AIL or AIP stand without one.
    pub group: Option<Placed<'a>>,
    /// AIS.
    pub services: Vec<Placed<'a>>,
    /// AIG.
    pub devices: Vec<Placed<'a>>,
    /// AIL.
    pub locations: Vec<Placed<'a>>,
    /// AIP.
    pub persons: Vec<Placed<'a>>,
    /// NTE.
    pub notes: Vec<Placed<'a>>,
    /// Everything else.
    pub others: Vec<Placed<'a>>,
}

impl<'a> Groups<'a> {
    /// Groups the segments of a message, in their order. Work is linear in their number.
    pub fn of(message: &'a Message) -> Self {
        let mut grouping = Grouping {
            groups: Self::default(),
            patient: None,
            open: Open::Message,
            has_prior: message.message_code() == "OMG",
        };
        placed_segments(message).into_iter().for_each(|placed| grouping.add(placed));
        grouping.finish()
    }

    /// Every order of the message with its patient, those of earlier orders left out.
    pub fn orders(&self) -> impl Iterator<Item = (&PatientGroup<'a>, &OrderGroup<'a>)> {
        let patients = self.patients.iter().filter(|patient| !patient.is_prior);
        patients.flat_map(|patient| patient.orders.iter().map(move |order| (patient, order)))
    }
}

/// Every segment of a message with its place.
pub fn placed_segments(message: &Message) -> Vec<Placed<'_>> {
    let mut counts: BTreeMap<&str, u16> = BTreeMap::new();
    let placed = message.segments().map(|segment| {
        let count = counts.entry(segment.id()).or_default();
        *count = count.saturating_add(1);
        Placed { segment, occurrence: *count }
    });
    placed.collect()
}

/// TQ1 of one ORC that further OBR share: a hostile message must not multiply the one by the other.
const SHARED_TIMINGS_MAX: usize = 8;

/// What the next segment belongs to.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Open {
    Document,
    Message,
    Order,
    Patient,
    Resources,
}

struct Grouping<'a> {
    groups: Groups<'a>,
    patient: Option<PatientGroup<'a>>,
    open: Open,
    has_prior: bool,
}

impl<'a> Grouping<'a> {
    fn finish(mut self) -> Groups<'a> {
        self.groups.patients.extend(self.patient);
        self.groups
    }

    fn add(&mut self, placed: Placed<'a>) {
        match placed.id() {
            "MSH" if self.groups.header.is_none() => self.groups.header = Some(placed),
            "EVN" if self.groups.event.is_none() => self.groups.event = Some(placed),
            "MSA" if self.groups.acknowledgment.is_none() => {
                self.groups.acknowledgment = Some(placed);
            }
            "SCH" if self.groups.schedule.is_none() => self.groups.schedule = Some(placed),
            "PID" => self.open_patient(placed),
            "ORC" | "OBR" => self.open_order(placed),
            "TXA" => {
                let document =
                    DocumentGroup { header: placed, observations: Vec::new(), others: Vec::new() };
                self.patient().documents.push(document);
                self.open = Open::Document;
            }
            "RGS" => {
                let group = Some(placed);
                self.groups.resources.push(ResourceGroup { group, ..ResourceGroup::default() });
                self.open = Open::Resources;
            }
            "AIS" | "AIG" | "AIL" | "AIP" => self.resource(placed),
            "PV1" if self.has_prior && self.has_orders() => self.open_prior_visit(placed),
            "PV1" => self.patient().visits.push(placed),
            "MRG" => self.patient().merges.push(placed),
            "ZDS" if self.has_orders() => self.study(placed),
            _ => self.attach(placed),
        }
    }

    fn open_patient(&mut self, placed: Placed<'a>) {
        let has_orders = self.has_orders();
        // A visit or an order may stand before the PID it belongs to, when nothing else is open yet.
        let waiting = self.patient.as_mut().filter(|group| {
            group.patient.is_none() && group.orders.is_empty() && group.documents.is_empty()
        });
        if let Some(group) = waiting {
            group.patient = Some(placed);
        } else {
            let is_prior = self.has_prior && (has_orders || self.is_after_prior());
            let opened =
                PatientGroup { patient: Some(placed), is_prior, ..PatientGroup::default() };
            self.groups.patients.extend(self.patient.replace(opened));
        }
        self.open = Open::Patient;
    }

    /// In OMG a visit after orders begins earlier results of the same patient, whose PID may be left out (HL7 2.5.1
    /// section 4.4.4). Read as orders they would be done again.
    fn open_prior_visit(&mut self, placed: Placed<'a>) {
        let patient = self.patient.as_ref().and_then(|group| group.patient);
        let visits = vec![placed];
        let opened = PatientGroup { patient, is_prior: true, visits, ..PatientGroup::default() };
        self.groups.patients.extend(self.patient.replace(opened));
        self.open = Open::Patient;
    }

    fn is_after_prior(&self) -> bool {
        self.patient.as_ref().is_some_and(|patient| patient.is_prior)
    }

    fn open_order(&mut self, placed: Placed<'a>) {
        let is_open = self.open == Open::Order;
        let patient = self.patient();
        let last = patient.orders.last_mut().filter(|_| is_open);
        if placed.id() == "ORC" {
            let order = Some(placed);
            patient.orders.push(OrderGroup { order, ..OrderGroup::default() });
        } else {
            let request = Some(placed);
            match last {
                Some(group) if group.request.is_none() => group.request = request,
                Some(group) => {
                    let timings = group.timings.iter().take(SHARED_TIMINGS_MAX).copied().collect();
                    let order = group.order;
                    let another = OrderGroup {
                        order,
                        request,
                        timings,
                        is_further_request: order.is_some(),
                        ..OrderGroup::default()
                    };
                    patient.orders.push(another);
                }
                None => patient.orders.push(OrderGroup { request, ..OrderGroup::default() }),
            }
        }
        self.open = Open::Order;
    }

    fn resource(&mut self, placed: Placed<'a>) {
        if self.groups.resources.is_empty() || self.open != Open::Resources {
            self.groups.resources.push(ResourceGroup::default());
            self.open = Open::Resources;
        }
        if let Some(group) = self.groups.resources.last_mut() {
            match placed.id() {
                "AIS" => group.services.push(placed),
                "AIG" => group.devices.push(placed),
                "AIL" => group.locations.push(placed),
                _ => group.persons.push(placed),
            }
        }
    }

    /// One ZDS at the end speaks for every order before it; one for each order speaks for that order.
    fn study(&mut self, placed: Placed<'a>) {
        if let Some(patient) = &mut self.patient {
            let studied = patient.orders.iter().rposition(|group| !group.studies.is_empty());
            let from = studied.map_or(0, |last| last.saturating_add(1));
            if from == patient.orders.len() {
                patient.orders.last_mut().into_iter().for_each(|last| last.studies.push(placed));
            }
            for group in patient.orders.iter_mut().skip(from) {
                group.studies.push(placed);
            }
        }
    }

    fn attach(&mut self, placed: Placed<'a>) {
        let groups = &mut self.groups;
        match (self.open, &mut self.patient) {
            (Open::Order, Some(patient)) => {
                if let Some(order) = patient.orders.last_mut() {
                    attach_to_order(order, placed);
                }
            }
            (Open::Document, Some(patient)) => {
                if let Some(document) = patient.documents.last_mut() {
                    match placed.id() {
                        "OBX" => observe(&mut document.observations, placed),
                        "NTE" if note(&mut document.observations, placed) => {}
                        _ => document.others.push(placed),
                    }
                }
            }
            (Open::Resources, _) => {
                if let Some(group) = groups.resources.last_mut() {
                    match placed.id() {
                        "NTE" => group.notes.push(placed),
                        _ => group.others.push(placed),
                    }
                }
            }
            (Open::Patient, Some(patient)) => attach_to_patient(patient, placed),
            (Open::Message | Open::Order | Open::Document | Open::Patient, _) => {
                match placed.id() {
                    "TQ1" => groups.timings.push(placed),
                    "NTE" => groups.notes.push(placed),
                    // What belongs to a patient came before the PID.
                    "OBX" | "PD1" | "AL1" | "DG1" => attach_to_patient(self.patient(), placed),
                    _ => groups.others.push(placed),
                }
            }
        }
    }

    /// The patient that is open, opened if need be.
    fn patient(&mut self) -> &mut PatientGroup<'a> {
        self.patient.get_or_insert_with(PatientGroup::default)
    }

    fn has_orders(&self) -> bool {
        self.patient.as_ref().is_some_and(|patient| !patient.orders.is_empty())
    }
}

fn attach_to_order<'a>(order: &mut OrderGroup<'a>, placed: Placed<'a>) {
    match placed.id() {
        "TQ1" => order.timings.push(placed),
        "IPC" => order.steps.push(placed),
        "DG1" => order.diagnoses.push(placed),
        "OBX" => observe(&mut order.observations, placed),
        "NTE" if note(&mut order.observations, placed) => {}
        "NTE" => order.notes.push(placed),
        _ => order.others.push(placed),
    }
}

fn attach_to_patient<'a>(patient: &mut PatientGroup<'a>, placed: Placed<'a>) {
    match placed.id() {
        "PD1" if patient.demographics.is_none() => patient.demographics = Some(placed),
        "AL1" => patient.allergies.push(placed),
        "DG1" => patient.diagnoses.push(placed),
        "OBX" => observe(&mut patient.observations, placed),
        "NTE" if note(&mut patient.observations, placed) => {}
        "NTE" => patient.notes.push(placed),
        _ => patient.others.push(placed),
    }
}

fn observe<'a>(observations: &mut Vec<ObservationGroup<'a>>, observation: Placed<'a>) {
    observations.push(ObservationGroup { observation, notes: Vec::new() });
}

/// Whether there was an observation for the note to belong to.
fn note<'a>(observations: &mut [ObservationGroup<'a>], placed: Placed<'a>) -> bool {
    match observations.last_mut() {
        Some(group) => {
            group.notes.push(placed);
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests;
