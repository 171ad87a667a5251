//! The French national teleradiology profile, `CISIS_TLR_HL7_V2` 1.0: request, cancellation, answer, complement.
//!
//! The imaging centre's RIS asks (flow 1, ORM) and may cancel (flow 2, ORM), the platform answers (flow 3, ORU), and the
//! centre tells what is known after the examination (flow 4, OMI). The placer order number ties the flows together; the
//! accession number and the study appear in flow 4 only. The report itself travels by another guide.
//!
//! [`FrenchView`] reads all four, [`Exchange`] writes them, [`Profile::french`](crate::validate::Profile::french) checks
//! them. Fields that the guide leaves to IHE and to the French PAM extension are not checked here.
//!
//! ```
//! use telerad_hl7::datatype::Ei;
//! use telerad_hl7::french::{Exchange, Flow, FrenchView};
//!
//! let number = Ei { entity_identifier: "P-1".into(), universal_id: "1.2.3".into(), universal_id_type: "ISO".into(), ..Ei::default() };
//! let exchange = Exchange { placer_order_number: number, ..Exchange::default() };
//! let refusal = exchange.refusal().build()?;
//! let view = FrenchView::read(&refusal).ok_or("no flow of the profile")?;
//! assert_eq!((view.flow, view.is_accepted()), (Flow::Answer, Some(false)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod exchange;

use std::collections::BTreeMap;
use std::fmt;

use crate::Message;
use crate::datatype::{Datatype, Ed, Tq};
use crate::group::{Groups, OrderGroup};
use crate::reading::{Observation, OrderSources, OrderView};

pub use self::exchange::{Complement, Exchange, Protocol};

/// The flows of the profile.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Flow {
    /// Flow 1: a request, ORM with ORC-1 `NW`.
    Request,
    /// Flow 2: the request is cancelled, ORM with ORC-1 `CA`.
    Cancellation,
    /// Flow 3: the remote radiologist answers, ORU with ORC-1 `OK` or `OC`.
    Answer,
    /// Flow 4: what is known after the examination, OMI with ORC-1 `SR`.
    Complement,
}

impl Flow {
    /// OBR-4.1, of the system `TLR_OBR_PROCEDURE`.
    pub fn procedure(self) -> &'static str {
        match self {
            Self::Request => "TRANSMISSION_DEMANDE",
            Self::Cancellation => "ANNULATION_DEMANDE",
            Self::Answer => "REPONSE_DEMANDE",
            Self::Complement => "COMPLEMENT_POST_ACTE",
        }
    }

    /// The flow of a message, by OBR-4.1, else, for a message that names the profile in MSH-21, by MSH-9 and ORC-1.
    pub fn of(message: &Message) -> Option<Self> {
        let text = |path: &str| message.text(path).unwrap_or_default();
        let procedure = text("OBR-4.1");
        let all = [Self::Request, Self::Cancellation, Self::Answer, Self::Complement];
        if let Some(flow) = all.into_iter().find(|flow| flow.procedure() == procedure.trim()) {
            return Some(flow);
        }
        let is_profile = text("MSH-21.2") == PROFILE || text("MSH-21.1") == PROFILE;
        if !is_profile {
            return None;
        }
        match (message.message_code().as_str(), text("ORC-1").trim()) {
            ("ORM", "NW") => Some(Self::Request),
            ("ORM", "CA") => Some(Self::Cancellation),
            ("ORU", "OK" | "OC") => Some(Self::Answer),
            ("OMI", "SR") => Some(Self::Complement),
            _ => None,
        }
    }
}

/// MSH-21.2.
const PROFILE: &str = "CISIS_TLR_HL7_V2";

/// Bytes of a viewer address, beyond which it is none.
const URL_BYTES_MAX: usize = 64 << 10;

/// What OBX-3 names, system `TLR_OBSERVATION`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ObservationKind {
    /// `PRODUIT_ADMINISTRE`
    AdministeredProduct,
    /// `APPAREIL_IMAGERIE`
    Device,
    /// `MODALITE_IMAGERIE`: used or planned.
    Modality,
    /// Anything else, such as LOINC codes of height and weight.
    Other,
    /// `URL_PARTIELLE_VIEWER`
    PartialViewerUrl,
    /// `CODE_ACTE_IMAGERIE`
    ProcedureCode,
    /// `PROTOCOLE_IMAGERIE`
    Protocol,
    /// `REGION_ANATOMIQUE`
    Region,
}

impl ObservationKind {
    /// Reads OBX-3.1.
    pub fn from_code(code: &str) -> Self {
        match code.trim() {
            "APPAREIL_IMAGERIE" => Self::Device,
            "CODE_ACTE_IMAGERIE" => Self::ProcedureCode,
            "MODALITE_IMAGERIE" => Self::Modality,
            "PRODUIT_ADMINISTRE" => Self::AdministeredProduct,
            "PROTOCOLE_IMAGERIE" => Self::Protocol,
            "REGION_ANATOMIQUE" => Self::Region,
            "URL_PARTIELLE_VIEWER" => Self::PartialViewerUrl,
            _ => Self::Other,
        }
    }
}

/// One thing that observations describe: those with the same OBX-3 and the same *n* of an OBX-4 `n.m`.
#[derive(Clone, Eq, PartialEq)]
pub struct Thing {
    /// What it is.
    pub kind: ObservationKind,
    /// OBX-3.1.
    pub code: String,
    /// Which one, *n*; `None` where OBX-4 is empty, which is allowed for a single observation.
    pub occurrence: Option<u16>,
    /// What is said about it, each with its *m*.
    pub parts: Vec<(Option<u16>, Observation)>,
}

/// A message of the profile.
#[derive(Clone)]
pub struct FrenchView<'a> {
    /// Which flow it is.
    pub flow: Flow,
    /// MSH-11. What is not `P` must never reach a reading queue.
    pub processing_id: String,
    /// What the order says: numbers, persons, organisations, reason of a cancel or refusal (ORC-16).
    pub order: OrderView,
    /// What the observations say, in the order in which the things begin.
    pub things: Vec<Thing>,
    /// The files of the answer's protocols.
    pub protocol_files: Vec<Ed<'a>>,
    /// The viewer's partial address of flow 4, decoded.
    pub partial_viewer_url: Option<String>,
    /// TQ1-6 of flow 4: how many days the images are kept.
    pub retention_days: Option<u32>,
}

impl<'a> FrenchView<'a> {
    /// Reads a message; `None` when it is none of the profile, or holds no order.
    pub fn read(message: &'a Message) -> Option<Self> {
        let flow = Flow::of(message)?;
        let groups = Groups::of(message);
        let (patient, group) = groups.orders().next()?;
        let order = OrderView::of(&groups, patient, group, &OrderSources::default(), 1);
        let files = |kind| files(group, kind);
        let url = files(ObservationKind::PartialViewerUrl).into_iter().next();
        Some(Self {
            flow,
            processing_id: message.text("MSH-11").unwrap_or_default(),
            things: things(&order.observations),
            protocol_files: files(ObservationKind::Protocol),
            partial_viewer_url: url
                .and_then(|data| String::from_utf8(data.bytes(URL_BYTES_MAX).ok()?).ok())
                .or_else(|| plain_url(&order.observations)),
            retention_days: retention(group),
            order,
        })
    }

    /// Whether the message is a test, by MSH-11: anything but `P`.
    pub fn is_test(&self) -> bool {
        self.processing_id.trim() != "P"
    }

    /// Whether the remote radiologist takes the request, by ORC-1; `None` when this is no answer.
    pub fn is_accepted(&self) -> Option<bool> {
        match (self.flow, self.order.values.order_control.value()?.as_str()) {
            (Flow::Answer, "OK") => Some(true),
            (Flow::Answer, "OC") => Some(false),
            _ => None,
        }
    }

    /// The protocols that are plain text.
    pub fn protocol_texts(&self) -> impl Iterator<Item = &str> {
        let protocols = self.things.iter().filter(|thing| thing.kind == ObservationKind::Protocol);
        let parts = protocols.flat_map(|thing| &thing.parts);
        parts.map(|(_, part)| part.text.as_str()).filter(|text| !text.is_empty())
    }
}

impl fmt::Debug for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, occurrence, parts, .. } = self;
        write!(f, "Thing({kind:?}, {occurrence:?}, {} parts, <redacted>)", parts.len())
    }
}

impl fmt::Debug for FrenchView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrenchView")
            .field("flow", &self.flow)
            .field("is_test", &self.is_test())
            .field("order", &self.order)
            .field("things", &self.things.len())
            .finish()
    }
}

/// The versions of the guide differ: some send the address as plain text, others encapsulate it.
fn plain_url(observations: &[Observation]) -> Option<String> {
    let mut urls = observations.iter().filter(|observation| {
        ObservationKind::from_code(&observation.identifier.identifier)
            == ObservationKind::PartialViewerUrl
    });
    let text = urls.next().map(|observation| observation.text.trim().to_owned());
    text.filter(|text| !text.is_empty() && text.len() <= URL_BYTES_MAX)
}

fn things(observations: &[Observation]) -> Vec<Thing> {
    let mut things: Vec<Thing> = Vec::new();
    let mut places = BTreeMap::new();
    for observation in observations {
        let code = observation.identifier.identifier.trim();
        let (occurrence, part) = match observation.sub_id.split_once('.') {
            Some((occurrence, part)) => (occurrence.parse().ok(), part.parse().ok()),
            None => (observation.sub_id.parse().ok(), None),
        };
        let place = occurrence.and_then(|occurrence: u16| places.get(&(code, occurrence)).copied());
        let said = (part, observation.clone());
        if let Some(thing) = place.and_then(|place: usize| things.get_mut(place)) {
            thing.parts.push(said);
            continue;
        }
        if let Some(occurrence) = occurrence {
            places.insert((code, occurrence), things.len());
        }
        things.push(Thing {
            kind: ObservationKind::from_code(code),
            code: code.to_owned(),
            occurrence,
            parts: vec![said],
        });
    }
    things
}

fn files<'a>(group: &OrderGroup<'a>, kind: ObservationKind) -> Vec<Ed<'a>> {
    let observations = group.observations.iter().map(|group| group.observation);
    let files = observations.filter(|obx| {
        obx.field(2).text().trim() == "ED"
            && ObservationKind::from_code(&obx.field(3).text()) == kind
    });
    files.map(|obx| Ed::read(obx.field(5))).collect()
}

/// TQ1-6, else TQ-3 of ORC-7, in days; any other unit is not guessed at.
fn retention(group: &OrderGroup<'_>) -> Option<u32> {
    let timing = group.timings.first().map(|timing| crate::datatype::Cq::read(timing.field(6)));
    let (quantity, units) = match timing.filter(|quantity| !quantity.is_empty()) {
        Some(quantity) => (quantity.quantity, quantity.units.identifier),
        None => {
            (Tq::read(group.order?.field(7)).duration.strip_prefix('D')?.to_owned(), "d".into())
        }
    };
    let is_days = matches!(
        units.to_ascii_lowercase().as_str(),
        "" | "d" | "j" | "day" | "days" | "jour" | "jours"
    );
    quantity.parse().ok().filter(|_| is_days)
}

#[cfg(test)]
mod tests;
