//! What radiology needs to know from a message, where each value came from, and which sources disagree.
//!
//! The same fact stands in different places: an accession number in IPC-1 of OMI, in OBR-18 of ORM, in whatever field a
//! vendor chose. Each item has an ordered list of sources, IPC over ZDS over OBR and ORC (IHE RAD TF-2), which a site
//! may replace for one sender. The first source with a value is the reading; every other one that says something else
//! is a conflict, reported and never settled silently.
//!
//! [`OrderView`] reads ORM, OMG and OMI alike, [`ResponseView`] the answers to them, [`ReportView`] ORU and MDM,
//! [`PatientView`] ADT, [`MergeView`] the ADT events that change identities, [`AppointmentView`] SIU.
//!
//! ```
//! use telerad_hl7::Message;
//! use telerad_hl7::reading::{OrderSources, OrderView};
//!
//! let message = Message::parse(
//!     "MSH|^~\\&|RIS|||||20260301||ORM^O01|7|P|2.3.1\rPID|||1001^^^NORTH||DOE^JANE\rORC|NW|P-1||||\r\
//!      OBR|1|P-2||CT^CT head||||||||||||||A-77||||||CT\rZDS|1.2.3^RIS^Application^DICOM\r",
//! )?;
//! let orders = OrderView::read_all(&message, &OrderSources::default());
//! let order = orders.first().ok_or("no order")?;
//! let accession = order.values.accession.found().ok_or("no accession number")?;
//! assert_eq!((accession.value.entity_identifier.as_str(), accession.location.to_string().as_str()), ("A-77", "OBR-18"));
//! assert_eq!(order.values.study_instance_uid.value().map(String::as_str), Some("1.2.3"));
//! // ORC-2 and OBR-2 should be the same number.
//! let conflict = order.conflicts().next().ok_or("no conflict")?;
//! assert_eq!(conflict.to_string(), "placer_order_number: ORC-2 and OBR-2 disagree");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agree;
mod appointment;
mod declare;
mod event;
mod lookup;
mod merge;
mod name;
mod observation;
mod order;
mod patient;
mod report;
mod response;

use std::fmt;
use std::ops::Range;

pub use self::agree::Agree;
pub use self::appointment::{
    AppointmentAction, AppointmentSources, AppointmentValues, AppointmentView,
};
pub use self::event::{PatientEvent, PatientView};
pub use self::merge::{MergeFault, MergeKind, MergeView};
pub use self::name::{ChosenName, choose_name};
pub use self::observation::{Observation, ObservationStatus};
pub use self::order::{OrderAction, OrderSources, OrderStatus, OrderValues, OrderView, StepView};
pub use self::patient::{PatientSources, PatientValues};
pub use self::report::{
    Attachment, ReportSources, ReportState, ReportValues, ReportView, Section, SectionKind,
};

pub use self::response::{OrderAnswer, ResponseView, answer_orders};
use crate::Location;

/// A value and where the message says it.
#[derive(Clone, Eq, PartialEq)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// The field or component it was read from.
    pub location: Location,
    /// The bytes it was read from, in the message.
    pub span: Range<usize>,
}

/// One item, from all its sources.
#[derive(Clone, Eq, PartialEq)]
pub struct Reading<T> {
    /// What the sources say, the one with precedence first.
    found: Vec<Found<T>>,
    /// Where the message asks to delete the item, if that comes before any value.
    null: Option<Location>,
}

/// Where an item came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source {
    /// The item, as the field of the view is called.
    pub item: &'static str,
    /// The field or component.
    pub location: Location,
    /// Its bytes in the message.
    pub span: Range<usize>,
}

/// Two sources of one item that disagree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Conflict {
    /// The item, as the field of the view is called.
    pub item: &'static str,
    /// The source that has precedence.
    pub chosen: Location,
    /// The source that says something else.
    pub other: Location,
}

impl<T> Reading<T> {
    pub(crate) fn new(found: Vec<Found<T>>, null: Option<Location>) -> Self {
        Self { found, null }
    }

    /// Keeps the source that has precedence, where further ones stand in for it and need not agree.
    pub(crate) fn first_only(mut self) -> Self {
        self.found.truncate(1);
        self
    }

    /// Keeps one source of each kind of segment, where each of several may say something of its own.
    pub(crate) fn first_of_each_segment(mut self) -> Self {
        let mut seen = Vec::new();
        self.found.retain(|found| {
            let id = found.location.path().segment;
            let is_new = !seen.contains(&id);
            seen.push(id);
            is_new
        });
        self
    }

    /// Keeps one source of each field or component, where each of several segments may say something of its own.
    pub(crate) fn first_of_each_place(mut self) -> Self {
        let mut seen = Vec::new();
        self.found.retain(|found| {
            let place = found.location.path().in_occurrence(1);
            let is_new = !seen.contains(&place);
            seen.push(place);
            is_new
        });
        self
    }

    /// Leaves the sources in segments with this id out, unless there are no others.
    pub(crate) fn rather_than(mut self, id: &str) -> Self {
        let is_other = |found: &Found<T>| found.location.path().segment() != id;
        if self.found.iter().any(is_other) {
            self.found.retain(is_other);
            self.null = self.null.filter(|null| null.path().segment() != id);
        }
        self
    }

    /// Leaves the sources in segments with this id out.
    pub(crate) fn without(mut self, id: &str) -> Self {
        self.found.retain(|found| found.location.path().segment() != id);
        self.null = self.null.filter(|null| null.path().segment() != id);
        self
    }

    /// The value; `None` when no source has one, and when the first source that speaks says null.
    pub fn value(&self) -> Option<&T> {
        self.found().map(|found| &found.value)
    }

    /// The value with its source.
    pub fn found(&self) -> Option<&Found<T>> {
        if self.null.is_some() { None } else { self.found.first() }
    }

    /// Where the value comes from.
    pub fn location(&self) -> Option<Location> {
        self.found().map(|found| found.location)
    }

    pub(crate) fn source_of(&self, item: &'static str) -> Option<Source> {
        let found = self.found()?;
        Some(Source { item, location: found.location, span: found.span.clone() })
    }

    /// Whether the message asks to delete the item.
    pub fn is_null(&self) -> bool {
        self.null.is_some()
    }

    /// What every source says, the one with precedence first.
    pub fn all(&self) -> &[Found<T>] {
        &self.found
    }
}

impl<T: Agree> Reading<T> {
    /// The sources that say something other than the value, or say a value where the first source says null.
    pub fn conflicts(&self) -> impl Iterator<Item = &Found<T>> {
        let chosen = self.found();
        let skipped = usize::from(chosen.is_some());
        self.found.iter().skip(skipped).filter(move |other| match chosen {
            Some(chosen) => !chosen.value.agrees_with(&other.value),
            None => true,
        })
    }

    pub(crate) fn conflicts_of(&self, item: &'static str) -> Vec<Conflict> {
        let chosen = self.null.or(self.found.first().map(|found| found.location));
        let others = self.conflicts().map(|found| found.location);
        let conflict = |other| chosen.map(|chosen| Conflict { item, chosen, other });
        others.filter_map(conflict).collect()
    }
}

impl<T> Default for Reading<T> {
    fn default() -> Self {
        Self { found: Vec::new(), null: None }
    }
}

impl<T> fmt::Debug for Reading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.null, self.found.first()) {
            (Some(null), _) => write!(f, "Reading(null at {null})"),
            (None, Some(found)) => write!(f, "Reading({found:?}, {} sources)", self.found.len()),
            (None, None) => f.write_str("Reading(nothing)"),
        }
    }
}

impl<T> fmt::Debug for Found<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<redacted> at {}", self.location)
    }
}

/// In words without patient data.
impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} and {} disagree", self.item, self.chosen, self.other)
    }
}

#[cfg(test)]
mod tests;
