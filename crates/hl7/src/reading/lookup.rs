//! Finding the sources of an item among the segments that belong to it.

use std::collections::BTreeMap;

use super::{Found, Reading};
use crate::datatype::{Composite, Datatype};
use crate::group::{DocumentGroup, Groups, ObservationGroup, OrderGroup, PatientGroup, Placed};
use crate::{Depth, Path, Value};

/// The segments of a patient and of the whole message, by id. They are the same for every order, so that reading many
/// orders does not look through them again and again.
pub(super) struct Shared<'a> {
    by_id: BTreeMap<&'a str, Vec<Placed<'a>>>,
}

/// How many segments of one kind are looked at beside those of the order itself; far more than any message has of those
/// that are sources.
const SHARED_MAX: usize = 16;

impl<'a> Shared<'a> {
    pub(super) fn of(groups: &Groups<'a>, patient: Option<&PatientGroup<'a>>) -> Self {
        let mut by_id: BTreeMap<&'a str, Vec<Placed<'a>>> = BTreeMap::new();
        let mut add = |list: &[Placed<'a>]| {
            for placed in list {
                let of_kind = by_id.entry(placed.segment().id()).or_default();
                if of_kind.len() < SHARED_MAX {
                    of_kind.push(*placed);
                }
            }
        };
        if let Some(patient) = patient {
            add(patient.patient.as_slice());
            add(patient.demographics.as_slice());
            let lists = [&patient.visits, &patient.merges, &patient.diagnoses, &patient.notes];
            lists.into_iter().for_each(|list| add(list));
            add(&patient.others);
        }
        for group in &groups.resources {
            let lists = [&group.services, &group.devices, &group.locations, &group.persons];
            lists.into_iter().for_each(|list| add(list));
        }
        add(groups.schedule.as_slice());
        add(&groups.timings);
        add(groups.event.as_slice());
        add(groups.header.as_slice());
        add(&groups.others);
        Self { by_id }
    }
}

/// The segments that speak of one order, report, patient or appointment.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'g, 'a> {
    pub(super) shared: &'g Shared<'a>,
    pub(super) patient: Option<&'g PatientGroup<'a>>,
    pub(super) order: Option<&'g OrderGroup<'a>>,
    pub(super) document: Option<&'g DocumentGroup<'a>>,
}

impl<'g, 'a> Lookup<'g, 'a> {
    /// The segments with this id, those nearest first.
    fn segments(&self, id: &str) -> Vec<Placed<'a>> {
        let mut found = Vec::new();
        let mut add = |list: &[Placed<'a>]| {
            found.extend(list.iter().filter(|placed| placed.segment().id() == id));
        };
        if let Some(document) = self.document {
            add(&[document.header]);
            add(&document.others);
        }
        if let Some(order) = self.order {
            add(order.order.as_slice());
            add(order.request.as_slice());
            let lists =
                [&order.timings, &order.steps, &order.studies, &order.notes, &order.diagnoses];
            lists.into_iter().for_each(|list| add(list));
            add(&order.others);
        }
        found.extend(self.shared.by_id.get(id).into_iter().flatten().copied());
        found
    }

    /// The observations of the order or document, else those of the patient.
    pub(super) fn observations(&self) -> &'g [ObservationGroup<'a>] {
        let document = self.document.map(|document| document.observations.as_slice());
        let order = self.order.map(|order| order.observations.as_slice());
        let patient = self.patient.map(|patient| patient.observations.as_slice());
        document.or(order).or(patient).unwrap_or_default()
    }

    /// What the sources say, in their order.
    pub(super) fn read<T: Datatype>(&self, sources: &[Path]) -> Reading<T> {
        let mut found = Vec::new();
        let mut null = None;
        for path in sources {
            for placed in self.segments(path.segment()) {
                match read_at::<T>(&placed, *path) {
                    Said::Nothing => {}
                    Said::Delete(location) if found.is_empty() => {
                        null.get_or_insert(location);
                    }
                    Said::Delete(_) => {}
                    Said::This(value) => found.push(value),
                }
            }
        }
        Reading::new(found, null)
    }
}

enum Said<T> {
    Nothing,
    Delete(crate::Location),
    This(Found<T>),
}

fn read_at<T: Datatype>(placed: &Placed<'_>, path: Path) -> Said<T> {
    let repetition = placed.field(path.field()).repetition(path.repetition());
    let component = repetition.component(path.component());
    // A path to component 1 means the whole value: IPC-1 is a number with its issuer.
    let (place, depth) = match (path.component(), path.subcomponent()) {
        (1, 1) => (Composite::from(repetition), Depth::Field),
        (_, 1) => (Composite::from(component), Depth::Component),
        (_, subcomponent) => {
            (Composite::from(component.subcomponent(subcomponent)), Depth::Subcomponent)
        }
    };
    let depth =
        if depth == Depth::Field && path.repetition() > 1 { Depth::Repetition } else { depth };
    let location = placed.locate(path, depth);
    let value = T::read(place);
    if !value.is_empty() {
        return Said::This(Found { value, location, span: place.span() });
    }
    match place.value() {
        Value::Null => Said::Delete(location),
        Value::Absent | Value::Empty | Value::Present(_) => Said::Nothing,
    }
}
