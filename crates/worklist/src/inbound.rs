//! From a message to what it asks for.

use telerad_core::{AccessionNumber, EntityIdentifier, PartialDateTime, PatientId};
use telerad_hl7::datatype::{Datatype, Ts};
use telerad_hl7::group::Groups;
use telerad_hl7::{Message, Path, path};

use crate::adt::VisitEvent;
use crate::draft::{self, Draft, ReadOrder};
use crate::finding::{FindingCode, Findings};
use crate::identity::{self, IdentityChange};
use crate::mapping::Mapping;
use crate::numbers::OrderNumbers;
use crate::patient::{self, PatientFacts, VisitFacts};
use crate::said::Said;
use crate::schedule::{self, Appointment};
use crate::stop::Rejection;
use crate::{Known, OrderKey, StepEvent};

mod order;

/// A message that was understood, before it meets what is known.
///
/// Look up [`Inbound::patients`] and [`Inbound::orders`], then call [`crate::apply`].
#[derive(Clone, Debug)]
pub struct Inbound {
    pub(crate) mapping: Mapping,
    pub(crate) event_time: Option<PartialDateTime>,
    pub(crate) facts: PatientFacts,
    pub(crate) visit: VisitFacts,
    pub(crate) subject: Subject,
    /// Orders that are known under a number which stands in for their accession number, unless another has it.
    pub(crate) stand_ins: Vec<(OrderKey, OrderNumbers)>,
    pub(crate) findings: Findings,
    pub(crate) control_id: String,
    pub(crate) overlay: Overlay,
}

/// What is done when a known identifier comes with another name and birth date.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Overlay {
    /// A person has said that it is the same patient.
    Accept,
    Park,
}

#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// When and where an order is to be done.
    Appointment(Box<Appointment>),
    /// Changes of who is who, in the order of the message.
    Identities(Vec<IdentityChange>),
    /// Create or update a patient, and what follows for the visit.
    Patient(VisitEvent),
    /// Changes of orders, in the order of the message.
    Orders(Vec<OrderChange>),
    /// Nothing to do.
    Nothing,
    /// For a person.
    Parked(String),
}

/// What one group, or several of one order, ask for.
#[derive(Clone, Debug)]
pub(crate) struct OrderChange {
    pub(crate) accession: AccessionNumber,
    pub(crate) key: OrderKey,
    /// When it was said to happen.
    pub(crate) at: Option<PartialDateTime>,
    pub(crate) kind: ChangeKind,
}

#[derive(Clone, Debug)]
pub(crate) enum ChangeKind {
    /// `NW`, or a child or replacement order.
    New(Box<NewOrder>),
    /// `XO`; one that tells a status too does not say that the order is still wanted.
    Amend { draft: Box<Draft>, has_status: bool },
    /// `NA`
    Number { placer: Said<EntityIdentifier>, filler: Said<EntityIdentifier> },
    /// `RP`, `RU`, `RQ`: these take its place.
    Replaced(Vec<OrderKey>),
    /// Something told to one step, or to all.
    Tell { step_id: Option<String>, event: StepEvent },
}

#[derive(Clone, Debug)]
pub(crate) struct NewOrder {
    pub(crate) draft: Draft,
    /// ORC-8: the placer's number of the order that it is a part of.
    pub(crate) parent: String,
    /// The orders in whose place it is.
    pub(crate) replaces: Vec<OrderKey>,
}

impl Inbound {
    /// The patients to look up; none when the message is not about one.
    pub fn patients(&self) -> Vec<PatientId> {
        self.facts.ids.first().cloned().into_iter().collect()
    }

    /// The values of the patient identifiers to look up: patients who have one of them under whatever authority, since
    /// whose it is, is decided here. Then [`Known::missing`](crate::Known::missing) is to be looked up until it is empty.
    pub fn patient_values(&self) -> Vec<String> {
        let of_message = self.facts.primary_value();
        let mut values: Vec<String> = match &self.subject {
            Subject::Identities(changes) => {
                changes.iter().flat_map(IdentityChange::values).map(str::to_owned).collect()
            }
            Subject::Nothing | Subject::Parked(_) => Vec::new(),
            Subject::Appointment(_) | Subject::Orders(_) | Subject::Patient(_) => {
                of_message.into_iter().map(str::to_owned).collect()
            }
        };
        values.sort();
        values.dedup();
        values
    }

    /// Whether the orders of the patients that were found are to be looked up too, and those that name one of
    /// [`Self::patient_values`].
    pub fn wants_orders_of_patients(&self) -> bool {
        match &self.subject {
            Subject::Identities(_) => true,
            Subject::Patient(event) => *event != VisitEvent::Register,
            Subject::Appointment(_)
            | Subject::Nothing
            | Subject::Orders(_)
            | Subject::Parked(_) => false,
        }
    }

    /// Takes a known identifier that comes with another name and birth date for the same patient's, because a person has
    /// said so.
    #[must_use]
    pub fn accepting_overlay(self) -> Self {
        Self { overlay: Overlay::Accept, ..self }
    }

    /// Numbers by which further orders are to be looked up: the message means an order without naming its accession
    /// number. What is found is given to [`crate::apply`] with the others, which takes only an order of the same patient.
    pub fn numbers(&self) -> Vec<OrderNumbers> {
        let appointment = match &self.subject {
            Subject::Appointment(appointment) => &appointment.numbers[..],
            _ => &[],
        };
        let orders = self.stand_ins.iter().map(|(_, numbers)| numbers);
        orders.chain(appointment).filter(|numbers| !numbers.is_empty()).cloned().collect()
    }

    /// Takes for each order that is not known under its stand-in the one that has its numbers.
    pub(crate) fn resolve(&mut self, known: &Known) -> Result<(), String> {
        let Subject::Orders(changes) = &mut self.subject else { return Ok(()) };
        for (key, numbers) in &self.stand_ins {
            if known.orders.iter().any(|record| record.key == *key) {
                continue;
            }
            let patient = self.facts.ids.first();
            let Some(order) = numbers.find(known, &self.mapping, patient)? else { continue };
            let rename = |named: &mut OrderKey| {
                if named == key {
                    named.clone_from(&order.key);
                }
            };
            for change in changes.iter_mut() {
                if change.key == *key {
                    change.accession.clone_from(&order.order.accession);
                }
                rename(&mut change.key);
                match &mut change.kind {
                    ChangeKind::New(order) => order.replaces.iter_mut().for_each(rename),
                    ChangeKind::Replaced(by) => by.iter_mut().for_each(rename),
                    _ => {}
                }
            }
            let text = "the order was found by its order number";
            self.findings.add(FindingCode::Derived, "ORC-2", text);
        }
        Ok(())
    }

    /// The orders to look up, each once.
    pub fn orders(&self) -> Vec<OrderKey> {
        let mut keys: Vec<OrderKey> = Vec::new();
        if let Subject::Orders(changes) = &self.subject {
            for change in changes {
                if !keys.contains(&change.key) {
                    keys.push(change.key.clone());
                }
            }
        }
        keys
    }
}

/// Reads an ADT, ORM, OMI, OMG or SIU message by the site's mapping.
///
/// What cannot be taken up although the message is well formed (no PID-3, no accession number, events that are not
/// supported yet) is read too, and [`crate::apply`] parks it.
///
/// # Errors
/// [`Rejection`] for other message types and events (conditions 200 and 201), for an order message without order
/// group (100), for a group without order control (101) and for one that asks for a number (103).
pub fn read(message: &Message, mapping: &Mapping) -> Result<Inbound, Rejection> {
    let (code, event) = (message.message_code(), message.trigger_event());
    let kind = kind(&code, &event)?;
    let is_fragment = message.is_fragment();
    let whole = message.with_additions().map_err(|_| additions())?;
    let message = &*whole;
    let mut findings = Findings::default();
    let groups = Groups::of(message);
    unused(message, &groups, &mut findings);
    let facts = patient::read(message, &groups, mapping, &mut findings);
    let visit = patient::read_visit(message, &groups, mapping, &mut findings);
    let doubtful = doubtful_number(message, &kind, mapping);
    let event_time = message.segment("MSH").and_then(|header| Ts::read(header.field(7)).lenient());
    let mut stand_ins = Vec::new();
    let subject = match kind {
        // The rest of it is elsewhere: half a list of identifiers or steps is not what the sender says.
        _ if is_fragment => Subject::Parked("the message is one part of several".to_owned()),
        _ if groups.orders().count() > GROUPS_MAX => {
            Subject::Parked(format!("more than {GROUPS_MAX} order groups in one message"))
        }
        Kind::Identity if doubtful.is_none() => {
            identities(message, &groups, mapping, &mut findings)?
        }
        _ if message.segments_with_id("PID").count() > 1 => {
            Subject::Parked("several PID segments in one message".to_owned())
        }
        _ if facts.ids.is_empty() && !matches!(kind, Kind::Slots) => {
            Subject::Parked("no patient identifier in PID-3".to_owned())
        }
        // Under a number that was misread it would be kept as another patient's, or as another order.
        _ if doubtful.is_some() => {
            let place = doubtful.map(|place| place.to_string()).unwrap_or_default();
            Subject::Parked(format!("bytes of {place} contradict the character set"))
        }
        Kind::Identity => Subject::Nothing,
        Kind::Patient(event) => Subject::Patient(event),
        Kind::Order if facts.ids.first().is_some_and(|id| id.value().contains('\\')) => {
            Subject::Parked(
                "patient identifier has a backslash, which DICOM cannot carry".to_owned(),
            )
        }
        Kind::Slots => {
            let text = "time slots are no appointment of an order";
            findings.add(FindingCode::Ignored, "SCH", text);
            Subject::Nothing
        }
        Kind::Appointment => {
            let appointment = schedule::read(message, &groups, mapping, &mut findings);
            Subject::Appointment(Box::new(appointment))
        }
        Kind::Order => {
            let views = ReadOrder::read_all(message, mapping);
            stand_ins = draft::stand_ins(&views, mapping);
            order::read(&views, &groups, event_time, mapping, &mut findings)?
        }
    };
    Ok(Inbound {
        mapping: mapping.clone(),
        event_time,
        facts,
        visit,
        subject,
        stand_ins,
        findings,
        control_id: message.control_id(),
        overlay: Overlay::Park,
    })
}

fn additions() -> Rejection {
    let text = "additions cannot be joined".to_owned();
    Rejection { condition: 100, location: "ADD^1".to_owned(), text }
}

fn doubtful_number(message: &Message, kind: &Kind, mapping: &Mapping) -> Option<Path> {
    let mut numbers = vec![path!("PID-3")];
    if let Kind::Order = kind {
        numbers.extend(mapping.accession_sources.iter().map(|source| Path::from(*source)));
        numbers.extend([path!("IPC-3"), path!("ZDS-1")]);
    }
    if let Kind::Identity = kind {
        numbers.extend(identity::NUMBERS);
    }
    patient::doubtful_number(message, &numbers)
}

fn identities(
    message: &Message,
    groups: &Groups<'_>,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Result<Subject, Rejection> {
    Ok(match identity::read(message, groups, mapping, findings)? {
        Ok(changes) if changes.is_empty() => Subject::Nothing,
        Ok(changes) => Subject::Identities(changes),
        Err(reason) => Subject::Parked(reason),
    })
}

/// Most order groups of one message; real ones have a few.
const GROUPS_MAX: usize = 1000;

enum Kind {
    Appointment,
    Identity,
    Order,
    Patient(VisitEvent),
    Slots,
}

fn kind(code: &str, event: &str) -> Result<Kind, Rejection> {
    let rejected = |condition, component: usize, text: String| {
        Err(Rejection { condition, location: format!("MSH^1^9^1^{component}"), text })
    };
    match (code, event) {
        (
            "ADT",
            "A17" | "A18" | "A23" | "A24" | "A29" | "A30" | "A34" | "A35" | "A36" | "A37" | "A39"
            | "A40" | "A41" | "A42" | "A43" | "A44" | "A45" | "A46" | "A47" | "A48" | "A49" | "A50"
            | "A51",
        ) => Ok(Kind::Identity),
        ("ADT", event) if VisitEvent::of(event).is_some() => {
            Ok(Kind::Patient(VisitEvent::of(event).unwrap_or(VisitEvent::Register)))
        }
        // ORM has one event; some senders leave it out.
        ("ORM", "O01" | "") | ("OMI", "O23") | ("OMG", "O19") => Ok(Kind::Order),
        (
            "SIU",
            "S12" | "S13" | "S14" | "S15" | "S16" | "S17" | "S18" | "S19" | "S20" | "S21" | "S22"
            | "S26",
        ) => Ok(Kind::Appointment),
        ("SIU", "S23" | "S24") => Ok(Kind::Slots),
        ("ADT" | "ORM" | "OMI" | "OMG" | "SIU", _) => {
            rejected(201, 2, "event code is not supported".to_owned())
        }
        _ => rejected(200, 1, "message type is not supported here".to_owned()),
    }
}

/// Names in findings what no reader uses.
fn unused(message: &Message, groups: &Groups<'_>, findings: &mut Findings) {
    let mut ignored = |id: &str, text: &str| findings.add(FindingCode::Ignored, id, text);
    for segment in message.segments().filter(|segment| !KNOWN.contains(&segment.id())) {
        ignored(segment.id(), "segment is not used");
    }
    let before_orders = groups.patients.iter().flat_map(|patient| &patient.others);
    for placed in before_orders.chain(&groups.others).chain(&groups.timings) {
        match placed.id() {
            "IPC" => ignored("IPC", "stands before any order"),
            "TQ1" => ignored("TQ1", "only the first timing of an order is used"),
            _ => {}
        }
    }
    if groups.orders().any(|(_, order)| order.timings.len() > 1) {
        ignored("TQ1", "only the first timing of an order is used");
    }
    if groups.patients.iter().any(|patient| patient.is_prior) {
        ignored("PV1", "results of earlier orders are not used");
    }
}

/// Segments that are read, or that say nothing about a worklist.
const KNOWN: [&str; 29] = [
    "MSH", "SFT", "EVN", "PID", "PD1", "MRG", "PV1", "PV2", "AL1", "NK1", "GT1", "IN1", "IN2",
    "IN3", "DG1", "ROL", "ORC", "OBR", "TQ1", "NTE", "OBX", "IPC", "ZDS", "SCH", "RGS", "AIS",
    "AIG", "AIL", "AIP",
];
