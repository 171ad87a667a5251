//! Orders and patients in: HL7 becomes worklist.

use telerad_accession::{AccessionPolicy, Claim, is_identifying, search_keys};
use telerad_core::{AccessionNumber, SiteId};
use telerad_store::{Effect, MessageOutcome, ParkedKind, StoreError};
use telerad_worklist as worklist;
use telerad_worklist::OrderRecord;

use crate::candidates::put_order;
use crate::event::Event;
use crate::handled::{Answer, Handled, Incoming, park, reject};
use crate::onward;
use crate::performed::link_waiting;
use crate::raise::raise_for;
use crate::relink::Relinked;
use crate::state::State;
use crate::{intake, patients};

/// What is done with a known patient identifier that comes with another name and birth date.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Overlay {
    /// A person has said that it is the same patient's.
    Accept,
    Park,
}

/// Applies one ADT or order message to what the site already knows.
pub(crate) async fn handle(state: &State, incoming: Incoming<'_>) -> Result<Handled, StoreError> {
    handle_with(state, incoming, Overlay::Park).await
}

/// The same, as a person has decided.
pub(crate) async fn handle_with(
    state: &State,
    incoming: Incoming<'_>,
    overlay: Overlay,
) -> Result<Handled, StoreError> {
    let (site, store) = (incoming.site, &state.environment.store);
    let inbound = match read(state, incoming, overlay) {
        Ok(inbound) => inbound,
        Err(refused) => return Ok(reject(refused.condition, &refused.location, &refused.text)),
    };
    let orders = known_orders(state, site, &inbound).await?;
    let known = patients::known(&**store, site, &inbound, orders).await?;
    let mut applied = worklist::apply(inbound, &known, state.now());
    let mut findings: Vec<String> = applied.findings.iter().map(ToString::to_string).collect();
    let doubted = applied
        .findings
        .iter()
        .filter(|finding| finding.code == worklist::FindingCode::DoubtfulText)
        .map(|finding| incoming.identity_text_doubted(&finding.location));
    let mut events: Vec<_> = doubted.collect();
    events.extend(incomplete(incoming, &applied));
    let outcome = match applied.disposition {
        worklist::Disposition::Applied => MessageOutcome::Applied,
        worklist::Disposition::NoChange => MessageOutcome::NoChange,
        worklist::Disposition::Parked(reason) => {
            return Ok(parked(state, incoming, &reason, findings));
        }
        worklist::Disposition::Rejected(refused) => {
            let refused = reject(refused.condition, &refused.location, &refused.text);
            return Ok(Handled { findings, ..refused });
        }
    };
    let policy = state.directory.accession_policy(site);
    if let Some(reason) = doubt(state, &policy, &known, &applied.effects).await? {
        return Ok(park(state, incoming, ParkedKind::Message, reason, findings));
    }
    let awaited = link_waiting(state, site, &known, &mut applied.effects).await?;
    findings.extend(awaited.findings);
    let changed = more_or_less_urgent(&known, &applied.effects);
    let control_id = incoming.message.control_id();
    let relinked = Relinked::read(state, site, &known.orders, &applied.effects).await?;
    let mut raised = raise_for(state, site, &changed, &relinked.instances, &control_id).await?;
    relinked.note(state, site, &control_id, &mut raised).await?;
    let messages: Vec<Effect> = changed.iter().map(|order| raise_messages(order)).collect();
    let onward = onward(state, incoming, &known, &applied.effects).await?;
    let findings = findings.into_iter().chain(onward.findings).collect();
    let merges = patients::journal(state, site, &known, &applied.effects);
    let effects = applied.effects.into_iter().map(|effect| match effect {
        worklist::Effect::PutPatient(record) => Effect::Patient(record),
        worklist::Effect::PutOrder(record) => put_order(record, &policy),
    });
    Ok(Handled {
        outcome,
        answer: Answer::accept(),
        effects: effects
            .chain(onward.effects)
            .chain(raised.effects)
            .chain(messages)
            .chain(awaited.effects)
            .chain(merges)
            .collect(),
        findings,
        events: events.into_iter().chain(raised.events).chain(awaited.events).collect(),
        turns: raised.turns,
        wake: onward.wake,
    })
}

/// The message by its site's mapping, as its sender and a person have it.
fn read(
    state: &State,
    incoming: Incoming<'_>,
    overlay: Overlay,
) -> Result<worklist::Inbound, worklist::Rejection> {
    let facility = incoming.message.sending_facility();
    let mut mapping = state.directory.mapping(incoming.site, &facility);
    mapping.adt.feed = state.directory.adt_feed(incoming.message);
    let inbound = worklist::read(incoming.message, &mapping)?;
    Ok(match overlay {
        Overlay::Accept => inbound.accepting_overlay(),
        Overlay::Park => inbound,
    })
}

/// A message that waits; that it may be about another patient is told.
fn parked(state: &State, incoming: Incoming<'_>, reason: &str, findings: Vec<String>) -> Handled {
    let parked = park(state, incoming, ParkedKind::Message, reason, findings);
    let overlay = (reason == worklist::POSSIBLE_OVERLAY).then(|| Event::PossibleOverlay {
        site: incoming.site.clone(),
        control_id: incoming.message.control_id(),
    });
    Handled { events: Vec::from_iter(overlay), ..parked }
}

/// The record of an order that was known itself, before it became this one.
fn order_before<'a>(known: &'a worklist::Known, record: &OrderRecord) -> Option<&'a OrderRecord> {
    let mut orders = known.orders.iter().filter(|before| !before.is_tombstone());
    orders.find(|before| before.key == record.key)
}

/// What the site's reading platforms have to be told of it.
async fn onward(
    state: &State,
    incoming: Incoming<'_>,
    known: &worklist::Known,
    effects: &[worklist::Effect],
) -> Result<onward::Queued, StoreError> {
    let (mut orders, mut patients) = (Vec::new(), Vec::new());
    for effect in effects {
        match effect {
            worklist::Effect::PutOrder(record) if record.is_tombstone() => {}
            worklist::Effect::PutOrder(record) => orders.push(record),
            worklist::Effect::PutPatient(record) => patients.push(record),
        }
    }
    let before: Vec<OrderRecord> =
        known.orders.iter().filter(|order| !order.is_tombstone()).cloned().collect();
    let changes = onward::Changes {
        site: incoming.site,
        cause: incoming.id,
        orders_before: &before,
        patients_before: &known.patients,
        orders: &orders,
        patients: &patients,
    };
    onward::queue(state, changes).await
}

/// The orders that a message names, and those that it means by other numbers than their accession number.
async fn known_orders(
    state: &State,
    site: &SiteId,
    inbound: &worklist::Inbound,
) -> Result<Vec<OrderRecord>, StoreError> {
    let store = &state.environment.store;
    let mut orders = store.orders(site, &inbound.orders()).await?;
    let policy = state.directory.accession_policy(site);
    for numbers in inbound.numbers() {
        let claim = Claim {
            accession: numbers.accession,
            filler: numbers.filler,
            placer: numbers.placer,
            ..Claim::default()
        };
        for order in store.orders_by_search(site, &search_keys(&claim, &policy)).await? {
            if orders.iter().all(|known| known.key != order.key) {
                orders.push(order);
            }
        }
    }
    Ok(orders)
}

/// Tells that orders are on the worklist with values that the site declared, or with an accession number that modalities
/// see otherwise.
fn incomplete(incoming: Incoming<'_>, applied: &worklist::Outcome) -> Option<Event> {
    use worklist::FindingCode::{Defaulted, TooLong};
    let is_applied = applied.disposition == worklist::Disposition::Applied;
    let told = applied.findings.iter().filter(|finding| {
        finding.code == Defaulted
            || finding.code == TooLong && finding.text.starts_with("accession number")
    });
    let findings: Vec<String> = told.map(ToString::to_string).collect();
    (is_applied && !findings.is_empty()).then(|| Event::OrderIncomplete {
        site: incoming.site.clone(),
        control_id: incoming.message.control_id(),
        findings,
    })
}

/// The orders that are new, or of which something has changed that says how urgent they are.
fn more_or_less_urgent<'a>(
    known: &worklist::Known,
    effects: &'a [worklist::Effect],
) -> Vec<&'a OrderRecord> {
    let is_changed = |record: &&OrderRecord| {
        let before = order_before(known, record);
        before.is_none_or(|before| intake::facts(before) != intake::facts(record))
    };
    let orders = effects.iter().filter_map(|effect| match effect {
        worklist::Effect::PutOrder(record) if !record.is_tombstone() => Some(record),
        worklist::Effect::PutOrder(_) | worklist::Effect::PutPatient(_) => None,
    });
    orders.filter(is_changed).collect()
}

/// What is queued about an order becomes as urgent as the order.
fn raise_messages(order: &OrderRecord) -> Effect {
    Effect::RaiseOutbound {
        site: order.order.site.clone(),
        sequence: order.key.as_str().to_owned(),
        priority: order.order.priority,
    }
}

/// Why the orders cannot be kept under the identifiers that they name: images and reports would meet other patients'
/// under the same ones. Orders that are known under theirs are not in doubt.
async fn doubt(
    state: &State,
    policy: &AccessionPolicy,
    known: &worklist::Known,
    effects: &[worklist::Effect],
) -> Result<Option<&'static str>, StoreError> {
    for effect in effects {
        let worklist::Effect::PutOrder(record) = effect else { continue };
        let study = &record.order.study_instance_uid;
        let before = order_before(known, record);
        if before.is_some_and(|before| before.order.study_instance_uid == *study) {
            continue;
        }
        if !is_identifying(record.order.accession.value()) {
            return Ok(Some("accession number is a placeholder or a wildcard"));
        }
        // It names no study.
        if record.is_tombstone() {
            continue;
        }
        if shares_number(state, policy, record).await? {
            return Ok(Some("the shortened accession number is that of another order"));
        }
        let study = Claim { study_instance_uid: Some(study.clone()), ..Claim::default() };
        let keys = search_keys(&study, policy);
        let others = state.environment.store.orders_by_search(&record.order.site, &keys).await?;
        if others.iter().any(|other| is_another_patients(record, other)) {
            return Ok(Some("the study instance UID is known for an order of another patient"));
        }
    }
    Ok(None)
}

/// Whether a modality would see two orders under one accession number because one of them, or both, were shortened.
async fn shares_number(
    state: &State,
    policy: &AccessionPolicy,
    record: &OrderRecord,
) -> Result<bool, StoreError> {
    let number = record.worklist_accession();
    let Ok(short) = AccessionNumber::new(number, record.order.accession.issuer().cloned()) else {
        return Ok(false);
    };
    let claim = Claim { accession: Some(short), ..Claim::default() };
    let (site, keys) = (&record.order.site, search_keys(&claim, policy));
    let others = state.environment.store.orders_by_search(site, &keys).await?;
    let is_shortened = |other: &OrderRecord| {
        !(record.short_accession.is_empty() && other.short_accession.is_empty())
    };
    Ok(others.iter().any(|other| {
        other.key != record.key && is_shortened(other) && other.worklist_accession() == number
    }))
}

fn is_another_patients(order: &OrderRecord, other: &OrderRecord) -> bool {
    match (order.order.patient.primary_id(), other.order.patient.primary_id()) {
        (Some(one), Some(two)) => one != two,
        _ => true,
    }
}

#[cfg(test)]
mod tests;
