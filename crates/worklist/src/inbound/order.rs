//! What the order groups of a message ask for (HL7 table 0119, with ORC-5 by table 0038).

use telerad_core::{AccessionNumber, PartialDateTime, Precision};
use telerad_hl7::datatype::Datatype;
use telerad_hl7::group::Groups;
use telerad_hl7::reading::{OrderAction, OrderStatus, OrderView};

use super::{ChangeKind, NewOrder, OrderChange, Rejection, Subject};
use crate::draft::{self, ReadOrder};
use crate::finding::{FindingCode, Findings};
use crate::mapping::Mapping;
use crate::{EventTime, OrderKey, StepEvent, instant};

/// Reads the groups of a message: all of them, or none.
pub(super) fn read(
    views: &[ReadOrder],
    groups: &Groups<'_>,
    message_time: Option<PartialDateTime>,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Result<Subject, Rejection> {
    if views.is_empty() {
        let text = "no order group".to_owned();
        return Err(Rejection { condition: 100, location: "ORC".to_owned(), text });
    }
    let mut changes = Vec::new();
    let mut parked = None;
    let parents = parents(groups);
    for (view, parent) in views.iter().zip(parents) {
        let group = Group { view, parent, message_time, mapping };
        // One group that must be parked parks the message, but a later one may still reject it.
        match (group.changes(findings)?, &parked) {
            (Err(reason), None) => parked = Some(reason),
            (Ok(more), None) => {
                for change in more {
                    if let Err(reason) = push(&mut changes, change, findings) {
                        parked.get_or_insert(reason);
                    }
                }
            }
            _ => {}
        }
    }
    let parked = parked.or_else(|| link_replacements(&mut changes, findings).err());
    Ok(match parked {
        Some(reason) => Subject::Parked(reason),
        None if changes.is_empty() => Subject::Nothing,
        None => Subject::Orders(changes),
    })
}

/// ORC-8.1 of each group, in the order of the views.
fn parents(groups: &Groups<'_>) -> Vec<String> {
    let patients = groups.patients.iter().filter(|patient| !patient.is_prior);
    let orders = patients.flat_map(|patient| &patient.orders);
    let parent = |order: &telerad_hl7::group::OrderGroup<'_>| {
        order.order.and_then(|orc| String::read_all(orc.field(8)).into_iter().next())
    };
    orders.map(|order| parent(order).unwrap_or_default()).collect()
}

/// Adds a change; groups of one order that come one after the other and ask for the same are one change.
fn push(
    changes: &mut Vec<OrderChange>,
    change: OrderChange,
    findings: &mut Findings,
) -> Result<(), String> {
    if let Some(last) = changes.last_mut().filter(|last| last.key == change.key) {
        match (&mut last.kind, &change.kind) {
            (ChangeKind::New(one), ChangeKind::New(more)) => {
                return one.draft.absorb(&more.draft, findings);
            }
            (ChangeKind::Amend { draft, .. }, ChangeKind::Amend { draft: more, .. }) => {
                return draft.absorb(more, findings);
            }
            (ChangeKind::Replaced(_), ChangeKind::Replaced(_)) => return Ok(()),
            _ => {}
        }
    }
    changes.push(change);
    Ok(())
}

/// Links the orders that are replaced with the new ones that follow them in the message (HL7 2.5.1 section 4.5.1.1.1, RP
/// and RO).
///
/// # Errors
/// A reason to park: without the new order, the examination would be on no list.
fn link_replacements(
    changes: &mut Vec<OrderChange>,
    findings: &mut Findings,
) -> Result<(), String> {
    let (mut old, mut new): (Vec<OrderKey>, Vec<OrderKey>) = (Vec::new(), Vec::new());
    let mut links: Vec<(Vec<OrderKey>, Vec<OrderKey>)> = Vec::new();
    for change in changes.iter() {
        match change.kind {
            ChangeKind::Replaced(_) => {
                if !new.is_empty() {
                    links.push((std::mem::take(&mut old), std::mem::take(&mut new)));
                }
                old.push(change.key.clone());
            }
            ChangeKind::New(_) if !old.is_empty() => new.push(change.key.clone()),
            _ => {}
        }
    }
    if !old.is_empty() && new.is_empty() {
        return Err("an order is replaced, and the message has no new one".to_owned());
    }
    links.push((old, new));
    for (old, new) in links {
        if old.iter().any(|key| new.contains(key)) {
            let text = "an order takes the place of one with the same number: taken as a change";
            findings.add(FindingCode::Disagreement, "ORC-1", text);
        }
        for change in changes.iter_mut() {
            match &mut change.kind {
                ChangeKind::Replaced(by) if old.contains(&change.key) => by.clone_from(&new),
                ChangeKind::New(order) if new.contains(&change.key) => {
                    order.replaces =
                        old.iter().filter(|key| **key != change.key).cloned().collect();
                }
                _ => {}
            }
        }
    }
    changes.retain(|change| match &change.kind {
        ChangeKind::Replaced(by) => !by.contains(&change.key),
        _ => true,
    });
    Ok(())
}

/// One order group, and what surrounds it.
struct Group<'a> {
    view: &'a ReadOrder,
    parent: String,
    message_time: Option<PartialDateTime>,
    mapping: &'a Mapping,
}

impl Group<'_> {
    /// What the group asks for; the inner error is a reason to park.
    fn changes(
        self,
        findings: &mut Findings,
    ) -> Result<Result<Vec<OrderChange>, String>, Rejection> {
        let (view, mapping) = (self.view, self.mapping);
        let rejection = |condition, text: &str| Rejection {
            condition,
            location: format!("ORC^{}^1", view.number),
            text: text.to_owned(),
        };
        Ok(match asked(view) {
            Asked::Missing => return Err(rejection(101, "no order control")),
            Asked::OwnNumber => {
                return Err(rejection(103, "order numbers are not assigned here (SN)"));
            }
            Asked::New => draft::read(view, mapping, findings).map(|draft| {
                let accession = draft.accession.clone();
                let (parent, replaces) = (self.parent.clone(), Vec::new());
                let order = NewOrder { draft, parent, replaces };
                vec![self.change(&accession, ChangeKind::New(Box::new(order)))]
            }),
            Asked::Amend(told) => draft::read(view, mapping, findings).map(|draft| {
                let accession = draft.accession.clone();
                let ids = draft.steps.iter().map(|step| step.step_id.this().cloned());
                let ids: Vec<Option<String>> = ids.collect();
                let draft = Box::new(draft);
                let amend = ChangeKind::Amend { draft, has_status: told.is_some() };
                let tells = ids.into_iter().filter_map(|step_id| {
                    Some(self.change(&accession, ChangeKind::Tell { step_id, event: told? }))
                });
                std::iter::once(self.change(&accession, amend)).chain(tells).collect()
            }),
            Asked::Tell(event) => self.accession(findings).map(|accession| {
                let ids = draft::step_ids(view, findings).into_iter();
                let tell = |step_id| self.change(&accession, ChangeKind::Tell { step_id, event });
                ids.map(tell).collect()
            }),
            Asked::Number => self.accession(findings).map(|accession| {
                let (placer, filler) = draft::order_numbers(view, findings);
                vec![self.change(&accession, ChangeKind::Number { placer, filler })]
            }),
            Asked::Replaced => self
                .accession(findings)
                .map(|accession| vec![self.change(&accession, ChangeKind::Replaced(Vec::new()))]),
            Asked::Nothing(text) => {
                findings.add(FindingCode::Ignored, format!("ORC[{}]", view.number), text);
                Ok(Vec::new())
            }
            Asked::Unsupported(text) => Err(text),
        })
    }

    fn accession(&self, findings: &mut Findings) -> Result<AccessionNumber, String> {
        draft::accession(&self.view.values, self.mapping, findings)
    }

    fn change(&self, accession: &AccessionNumber, kind: ChangeKind) -> OrderChange {
        let key = OrderKey::new(&self.mapping.site, accession);
        OrderChange { accession: accession.clone(), key, at: self.event_time(), kind }
    }

    /// When it happened, by the rule of [`EventTime`].
    fn event_time(&self) -> Option<PartialDateTime> {
        let transaction = self.view.values.transaction_time.value();
        let transaction = transaction.and_then(|time| time.lenient()).filter(|time| {
            let is_exact = time.precision() >= Precision::Minute;
            is_exact && !instant::is_before(self.message_time, Some(*time))
        });
        match self.mapping.status.event_time {
            EventTime::Message => self.message_time,
            EventTime::Transaction => transaction.or(self.message_time),
        }
    }
}

enum Asked {
    Amend(Option<StepEvent>),
    Missing,
    New,
    Nothing(String),
    Number,
    OwnNumber,
    Replaced,
    Tell(StepEvent),
    Unsupported(String),
}

/// What the worklist does about what an order asks for.
fn asked(view: &OrderView) -> Asked {
    let control = view.values.order_control.value().map(String::as_str).unwrap_or_default();
    match view.action() {
        OrderAction::New => Asked::New,
        OrderAction::Update => Asked::Amend(view.status().and_then(told_with_change)),
        OrderAction::Cancel => Asked::Tell(StepEvent::Cancel),
        OrderAction::Complete => Asked::Tell(StepEvent::Complete),
        OrderAction::Discontinue => Asked::Tell(StepEvent::Discontinue),
        OrderAction::Start => Asked::Tell(StepEvent::Start),
        OrderAction::Hold => Asked::Tell(StepEvent::Hold),
        OrderAction::Release => Asked::Tell(StepEvent::Release),
        OrderAction::StatusChange => match view.status() {
            Some(OrderStatus::Scheduled) => Asked::Tell(StepEvent::Schedule),
            // The order that took its place comes as one of its own.
            Some(OrderStatus::Replaced) => Asked::Tell(StepEvent::Cancel),
            _ => Asked::Nothing("order status says nothing about the worklist".to_owned()),
        },
        OrderAction::AssignNumber => Asked::Number,
        OrderAction::NewByFiller => Asked::OwnNumber,
        OrderAction::Replace if control == "RO" => Asked::New,
        OrderAction::Replace => Asked::Replaced,
        OrderAction::ParentOrChild if control == "CH" => Asked::New,
        OrderAction::ParentOrChild => {
            Asked::Nothing("a parent order: its children are what is to be done".to_owned())
        }
        OrderAction::Respond | OrderAction::Result => nothing(control),
        _ if control.is_empty() => Asked::Missing,
        _ if OF_NO_CONCERN.contains(&control) => nothing(control),
        _ => Asked::Unsupported("order control is not of table 0119".to_owned()),
    }
}

fn nothing(control: &str) -> Asked {
    Asked::Nothing(format!("order control {control} asks for nothing"))
}

/// Codes of table 0119 about results, refills, dispenses, problems and status requests.
const OF_NO_CONCERN: [&str; 11] =
    ["CN", "DE", "FU", "LI", "OF", "OP", "PY", "RF", "SS", "UN", "PR"];

/// What a change tells the steps with it. One that only repeats that the order is scheduled tells nothing: a step that has
/// begun is not reopened by it.
fn told_with_change(status: OrderStatus) -> Option<StepEvent> {
    match status {
        OrderStatus::Canceled | OrderStatus::Replaced => Some(StepEvent::Cancel),
        OrderStatus::Completed => Some(StepEvent::Complete),
        OrderStatus::Discontinued => Some(StepEvent::Discontinue),
        OrderStatus::InProcess => Some(StepEvent::Start),
        OrderStatus::OnHold => Some(StepEvent::Hold),
        _ => None,
    }
}
