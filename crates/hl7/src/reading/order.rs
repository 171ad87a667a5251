//! Orders.

use std::fmt;

use super::declare::readings;
use super::lookup::{Lookup, Shared};
use super::observation::lines;
use super::{Conflict, Observation, PatientSources, PatientValues, Reading};
use crate::datatype::{Ce, Datatype, Ei, Ndl, Ts, Xcn, Xon};
use crate::group::{Groups, OrderGroup, PatientGroup, Placed};
use crate::{Depth, Message, path};

readings! {
    /// What an order says, wherever it says it.
    OrderValues
    /// Where to read an order; the default is the order of IHE RAD. Vendors write accession numbers into OBR-20, ORC-3,
    /// OBR-3, ORC-2 or OBR-2 as well: name the field of the sender in front.
    OrderSources {
        /// Order control, table 0119.
        order_control: String = ["ORC-1"],
        /// Order status, table 0038.
        order_status: String = ["ORC-5"],
        /// The placer's number.
        placer_order_number: Ei = ["ORC-2", "OBR-2"],
        /// The filler's number.
        filler_order_number: Ei = ["ORC-3", "OBR-3"],
        /// The number of a group of orders.
        placer_group_number: Ei = ["ORC-4"],
        /// When the order was made or changed.
        transaction_time: Ts = ["ORC-9"],
        /// Accession Number (0008,0050).
        accession: Ei = ["IPC-1", "OBR-18"],
        /// Requested Procedure ID (0040,1001).
        requested_procedure_id: Ei = ["IPC-2", "OBR-19"],
        /// Study Instance UID (0020,000D).
        study_instance_uid: String = ["IPC-3", "ZDS-1"],
        /// Modality (0008,0060).
        modality: String = ["IPC-5", "OBR-24"],
        /// Requested Procedure Code Sequence (0032,1064).
        procedure: Ce = ["OBR-44", "OBR-4"],
        /// Scheduled start (0040,0002), (0040,0003).
        start: Ts = ["TQ1-7", "ORC-7.4", "OBR-27.4", "OBR-36"],
        /// Requested Procedure Priority (0040,1003), table 0485.
        priority: String = ["TQ1-9", "ORC-7.6", "OBR-27.6", "OBR-5"],
        /// Who orders.
        ordering_provider: Xcn = ["OBR-16", "ORC-12"],
        /// Who is to perform, in IHE RAD-4.
        performing_physician: Ndl = ["OBR-34"],
        /// Who entered the order.
        entered_by: Xcn = ["ORC-10"],
        /// Who verified the order; in the French profile the radiologist who checks the request.
        verified_by: Xcn = ["ORC-11"],
        /// Where it was entered.
        entering_organization: Ce = ["ORC-17"],
        /// The facility that orders: the client of a teleradiology group.
        ordering_facility: Xon = ["ORC-21"],
        /// Why the order was changed or cancelled.
        control_reason: Ce = ["ORC-16"],
        /// Why the examination is asked for.
        reason: Ce = ["OBR-31"],
        /// Relevant clinical information.
        clinical_information: String = ["OBR-13"],
        /// Danger to staff, Patient State (0038,0500).
        danger: Ce = ["OBR-12"],
        /// Where on the body.
        body_site: String = ["OBR-15.4"],
        /// Which side.
        laterality: Ce = ["OBR-46", "OBR-45", "OBR-15.5"],
        /// Transportation mode, table 0124.
        transportation_mode: String = ["OBR-30"],
        /// Who may see it, table 0177 in ORC-28.
        confidentiality: String = ["ORC-28"],
    }
}

/// One order of ORM, OMG or OMI, or the order part of ORR, ORG, ORI.
#[derive(Clone)]
pub struct OrderView {
    /// Whom it is for.
    pub patient: PatientValues,
    /// What it says.
    pub values: OrderValues,
    /// The scheduled procedure steps: one for each IPC, else the one of the OBR.
    pub steps: Vec<StepView>,
    /// NTE after ORC or OBR, as lines.
    pub notes: Vec<String>,
    /// OBX, such as weight, height and history.
    pub observations: Vec<Observation>,
    /// Which order of the message it is, from 1.
    pub number: usize,
}

/// One scheduled procedure step.
#[derive(Clone, Debug, Default)]
pub struct StepView {
    /// Scheduled Procedure Step ID (0040,0009): IPC-4, OBR-20.
    pub id: Reading<Ei>,
    /// Modality (0008,0060): IPC-5, OBR-24.
    pub modality: Reading<String>,
    /// Scheduled Protocol Code Sequence (0040,0008): every repetition of IPC-6, else OBR-4.4 to OBR-4.6.
    pub protocol_codes: Reading<Ce>,
    /// Scheduled Station Name (0040,0010): every repetition of IPC-7.
    pub station_names: Reading<String>,
    /// Scheduled Procedure Step Location (0040,0011): every repetition of IPC-8.
    pub locations: Reading<Ce>,
    /// Scheduled Station AE Title (0040,0001): every repetition of IPC-9.
    pub station_ae_titles: Reading<String>,
}

/// What an order message asks for, by ORC-1 (table 0119) and, where it only tells a status, by ORC-5 (IHE RAD TF-2 sections
/// 4.4 and 4.13).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum OrderAction {
    /// `NA`: the placer's number, in answer to `SN`.
    AssignNumber,
    /// `CA`, `OC`, `SC` with `CA`: will not be done.
    Cancel,
    /// `SC` with `CM`: done.
    Complete,
    /// `DC`, `OD`, `SC` with `DC`: was begun and will not be finished.
    Discontinue,
    /// `HD`, `OH`, `SC` with `HD`.
    Hold,
    /// `NW`: a new order.
    New,
    /// `SN`: a new order of the filler, which asks for a number.
    NewByFiller,
    /// `PA`, `CH`: an order among several.
    ParentOrChild,
    /// `RL`, `OE`.
    Release,
    /// `RP`, `RO`, `RU`, `RQ`.
    Replace,
    /// `OK`, `UA`, `CR` and the other answers to a request: they confirm or refuse what was asked before.
    Respond,
    /// `RE`, `PR`: results follow, or were there before.
    Result,
    /// `SC` with `IP`: being done.
    Start,
    /// `SC`, `SR` with anything else: [`OrderView::status`] says what.
    StatusChange,
    /// Anything else.
    Unknown,
    /// `XO`, `XX`: changed. Whatever else the order says counts, and [`OrderView::status`] may tell a status with it, as
    /// `CM` in IHE RAD-13.
    Update,
}

/// Order status, ORC-5 by table 0038.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum OrderStatus {
    /// `CA`
    Canceled,
    /// `CM`
    Completed,
    /// `DC`
    Discontinued,
    /// `ER`: the order was not found.
    Error,
    /// `IP`
    InProcess,
    /// `HD`
    OnHold,
    /// `A`: some results are there, but not all, so that nothing is completed by it.
    PartialResults,
    /// `RP`
    Replaced,
    /// `SC`
    Scheduled,
    /// A code that is not in the table.
    Unknown,
}

impl OrderStatus {
    /// Reads a code of table 0038; `None` when nothing is said.
    pub fn from_code(code: &str) -> Option<Self> {
        Some(match code.trim() {
            "" => return None,
            "A" => Self::PartialResults,
            "CA" => Self::Canceled,
            "CM" => Self::Completed,
            "DC" => Self::Discontinued,
            "ER" => Self::Error,
            "HD" => Self::OnHold,
            "IP" => Self::InProcess,
            "RP" => Self::Replaced,
            "SC" => Self::Scheduled,
            _ => Self::Unknown,
        })
    }
}

impl OrderAction {
    /// Reads order control and order status; an empty status, which is common, leaves it to order control.
    pub fn of(order_control: &str, order_status: &str) -> Self {
        match order_control.trim() {
            "NW" => Self::New,
            "CA" | "OC" => Self::Cancel,
            "DC" | "OD" => Self::Discontinue,
            "XO" | "XX" => Self::Update,
            "SC" | "SR" => match OrderStatus::from_code(order_status) {
                Some(OrderStatus::Canceled) => Self::Cancel,
                Some(OrderStatus::Completed) => Self::Complete,
                Some(OrderStatus::Discontinued) => Self::Discontinue,
                Some(OrderStatus::InProcess) => Self::Start,
                Some(OrderStatus::OnHold) => Self::Hold,
                _ => Self::StatusChange,
            },
            "SN" => Self::NewByFiller,
            "NA" => Self::AssignNumber,
            "HD" | "OH" => Self::Hold,
            "RL" | "OE" => Self::Release,
            "RP" | "RO" | "RU" | "RQ" => Self::Replace,
            "PR" | "RE" => Self::Result,
            "PA" | "CH" => Self::ParentOrChild,
            "OK" | "RR" | "AF" | "DF" | "CR" | "DR" | "HR" | "OR" | "XR" | "UA" | "UC" | "UD"
            | "UF" | "UH" | "UM" | "UR" | "UX" => Self::Respond,
            _ => Self::Unknown,
        }
    }
}

impl OrderView {
    /// Every order of a message, those of earlier orders (OMG) left out.
    pub fn read_all(message: &Message, sources: &OrderSources) -> Vec<Self> {
        let groups = Groups::of(message);
        let mut orders = Vec::new();
        for patient in groups.patients.iter().filter(|patient| !patient.is_prior) {
            let shared = Shared::of(&groups, Some(patient));
            let values = PatientValues::with(&shared, &PatientSources::default());
            for order in &patient.orders {
                let number = orders.len().saturating_add(1);
                orders.push(Self::with(&shared, values.clone(), order, sources, number));
            }
        }
        orders
    }

    /// Reads one group; for all of a message [`OrderView::read_all`] does less work.
    pub fn of(
        groups: &Groups<'_>,
        patient: &PatientGroup<'_>,
        order: &OrderGroup<'_>,
        sources: &OrderSources,
        number: usize,
    ) -> Self {
        let shared = Shared::of(groups, Some(patient));
        let patient = PatientValues::with(&shared, &PatientSources::default());
        Self::with(&shared, patient, order, sources, number)
    }

    fn with(
        shared: &Shared<'_>,
        patient: PatientValues,
        order: &OrderGroup<'_>,
        sources: &OrderSources,
        number: usize,
    ) -> Self {
        let lookup = Lookup { shared, patient: None, order: Some(order), document: None };
        let mut values = OrderValues::read(&lookup, sources);
        // OBR-4 stands in for OBR-44 and is often the code of another list; so are the three places of a side.
        values.procedure = values.procedure.first_only();
        values.laterality = values.laterality.first_only();
        // Each IPC is a step with a modality of its own, each TQ1 a timing.
        values.modality = values.modality.first_of_each_segment();
        values.start = values.start.first_of_each_place();
        values.priority = values.priority.first_of_each_place();
        if order.is_further_request {
            values.placer_order_number = values.placer_order_number.rather_than("ORC");
            values.filler_order_number = values.filler_order_number.rather_than("ORC");
        }
        Self {
            patient,
            values,
            steps: StepView::of(order),
            notes: order.notes.iter().map(|note| lines(note, 3)).collect(),
            observations: order.observations.iter().map(Observation::of).collect(),
            number,
        }
    }

    /// What the order asks for.
    pub fn action(&self) -> OrderAction {
        let text = |reading: &Reading<String>| reading.value().cloned().unwrap_or_default();
        OrderAction::of(&text(&self.values.order_control), &text(&self.values.order_status))
    }

    /// The order status that the message tells; `None` when it tells none.
    pub fn status(&self) -> Option<OrderStatus> {
        OrderStatus::from_code(self.values.order_status.value()?)
    }

    /// Every pair of sources that disagree, those of the patient included.
    pub fn conflicts(&self) -> impl Iterator<Item = Conflict> {
        let steps =
            self.steps.iter().flat_map(|step| step.id.conflicts_of("scheduled_procedure_step_id"));
        self.patient.conflicts().chain(self.values.conflicts()).chain(steps)
    }
}

impl fmt::Debug for OrderView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderView")
            .field("number", &self.number)
            .field("action", &self.action())
            .field("values", &self.values)
            .field("steps", &self.steps.len())
            .field("notes", &format_args!("<redacted>"))
            .finish()
    }
}

impl StepView {
    fn of(order: &OrderGroup<'_>) -> Vec<Self> {
        if order.steps.is_empty() {
            return order.request.map(|obr| Self::of_request(&obr)).into_iter().collect();
        }
        let mut steps: Vec<Self> = order.steps.iter().map(Self::of_control).collect();
        // The number in the OBR is of the one step there is; of several, it cannot tell which.
        if let ([step], Some(obr)) = (&mut steps[..], order.request) {
            let of_request: Reading<Ei> = one(&obr, path!("OBR-20"));
            step.id.found.extend(of_request.found);
        }
        steps
    }

    fn of_control(ipc: &Placed<'_>) -> Self {
        Self {
            id: one(ipc, path!("IPC-4")),
            modality: one(ipc, path!("IPC-5")),
            protocol_codes: every(ipc, path!("IPC-6")),
            station_names: every(ipc, path!("IPC-7")),
            locations: every(ipc, path!("IPC-8")),
            station_ae_titles: every(ipc, path!("IPC-9")),
        }
    }

    fn of_request(obr: &Placed<'_>) -> Self {
        let mut protocol_codes: Reading<Ce> = one(obr, path!("OBR-4"));
        protocol_codes.found.retain_mut(|found| {
            let service = std::mem::take(&mut found.value);
            found.value = Ce {
                identifier: service.alternate_identifier,
                text: service.alternate_text,
                coding_system: service.alternate_coding_system,
                ..Ce::default()
            };
            !found.value.is_empty()
        });
        Self {
            id: one(obr, path!("OBR-20")),
            modality: one(obr, path!("OBR-24")),
            protocol_codes,
            ..Self::default()
        }
    }
}

fn one<T: Datatype>(placed: &Placed<'_>, path: crate::Path) -> Reading<T> {
    every(placed, path).first_only()
}

/// The repetitions of a field, or that it asks to delete them.
fn every<T: Datatype>(placed: &Placed<'_>, path: crate::Path) -> Reading<T> {
    let field = placed.field(path.field());
    let location = placed.locate(path, Depth::Field);
    let read = field.repetitions().map(|repetition| {
        let (value, span) = (T::read(repetition), repetition.span());
        super::Found { value, location, span }
    });
    let found: Vec<super::Found<T>> = read.filter(|found| !found.value.is_empty()).collect();
    let null = field.is_null().then_some(location);
    Reading::new(found, null)
}
