//! Orders on to the reading platform, with what changes of their patients, in the transaction that applies them.
//!
//! What a patient's orders and the patient themselves become is told in the order in which it came, whatever the order:
//! a sequence of messages is a patient's. A merge makes two sequences one. Each message tells its order whole, so that one
//! which the platform refuses holds nothing up behind it, and is not put back once a later one about the same order was
//! taken.

mod images;
mod priors;

use std::collections::BTreeMap;

use telerad_core::{PatientId, Priority, SiteId};
use telerad_hl7::Message;
use telerad_store::{Effect, OutboundMessage, OutboundState, ParkedItem, ParkedKind, StoreError};
use telerad_worklist::{
    Heard, OnwardError, OnwardEvent, OrderKey, OrderRecord, Origin, PatientRecord, PlatformDialect,
    merge_message, order_event, order_message, patient_message,
};

use crate::configuration::PriorReports;
use crate::receivers::{Content, Receiver, receivers};
use crate::state::State;

pub(crate) use images::built_from_images;

/// What is to be written with orders and patients that change, and whom to wake then.
#[derive(Default)]
pub(crate) struct Queued {
    pub(crate) effects: Vec<Effect>,
    /// In words, what could not be told.
    pub(crate) findings: Vec<String>,
    /// Receivers whose queues grow.
    pub(crate) wake: Vec<String>,
}

/// What changes at a site: records as they are to be, and as they were where they are known.
#[derive(Clone, Copy)]
pub(crate) struct Changes<'a> {
    pub(crate) site: &'a SiteId,
    /// The gateway's own identifier of what brought them.
    pub(crate) cause: &'a str,
    pub(crate) orders_before: &'a [OrderRecord],
    pub(crate) patients_before: &'a [PatientRecord],
    pub(crate) orders: &'a [&'a OrderRecord],
    pub(crate) patients: &'a [&'a PatientRecord],
}

/// A reading platform of a site.
struct Platform<'a> {
    name: &'a str,
    dialect: &'a PlatformDialect,
    priors: Option<PriorReports>,
}

/// Queues for each platform of the site what it has to be told of these changes.
pub(crate) async fn queue(state: &State, changes: Changes<'_>) -> Result<Queued, StoreError> {
    let mut queue = Queue { state, changes, queued: Queued::default() };
    let receivers = receivers(&state.configuration);
    let platforms: Vec<Platform<'_>> = platforms(&receivers, changes.site).collect();
    if platforms.is_empty() {
        return Ok(queue.queued);
    }
    // Whoever knows of a patient is to be asked before the sequences are joined, which is only written later.
    let mut merges = Vec::new();
    for record in changes.patients {
        merges.extend(queue.merge(record).await?);
    }
    queue.join(&merges);
    queue.raise();
    for platform in &platforms {
        for merge in &merges {
            queue.tell_merge(platform, merge).await?;
        }
        for record in changes.patients {
            queue.tell_patient(platform, record).await?;
        }
        for record in changes.orders {
            queue.tell_order(platform, record, &merges).await?;
        }
    }
    Ok(queue.queued)
}

/// The same for one order that changes by itself.
pub(crate) async fn queue_order(
    state: &State,
    cause: &str,
    before: &OrderRecord,
    after: &OrderRecord,
) -> Result<Queued, StoreError> {
    let changes = Changes {
        site: &after.order.site,
        cause,
        orders_before: std::slice::from_ref(before),
        patients_before: &[],
        orders: &[after],
        patients: &[],
    };
    queue(state, changes).await
}

/// The same for orders that changed by what their modality says; those they were are read anew.
pub(crate) async fn queue_orders(
    state: &State,
    site: &SiteId,
    cause: &str,
    orders: &[OrderRecord],
) -> Result<Queued, StoreError> {
    let keys: Vec<OrderKey> = orders.iter().map(|order| order.key.clone()).collect();
    let before = state.environment.store.orders(site, &keys).await?;
    let orders: Vec<&OrderRecord> = orders.iter().collect();
    let changes = Changes {
        site,
        cause,
        orders_before: &before,
        patients_before: &[],
        orders: &orders,
        patients: &[],
    };
    queue(state, changes).await
}

/// Wakes those whose queues have grown.
pub(crate) fn ring(state: &State, receivers: &[String]) {
    for bell in receivers.iter().filter_map(|receiver| state.receiver_bell(receiver)) {
        bell.notify_one();
    }
}

fn platforms<'a>(
    receivers: &'a [Receiver],
    site: &'a SiteId,
) -> impl Iterator<Item = Platform<'a>> {
    let of_site = receivers.iter().filter(move |receiver| receiver.site == *site);
    of_site.filter_map(|receiver| match &receiver.content {
        Content::Orders { dialect, priors } => {
            Some(Platform { name: &receiver.name, dialect, priors: *priors })
        }
        Content::Announcement | Content::Report => None,
    })
}

/// A patient who is another from now on.
struct Merge {
    prior: PatientId,
    survivor: PatientRecord,
}

struct Queue<'a> {
    state: &'a State,
    changes: Changes<'a>,
    queued: Queued,
}

impl Queue<'_> {
    /// The merge that a record tells of, if it does and did not before.
    async fn merge(&self, record: &PatientRecord) -> Result<Option<Merge>, StoreError> {
        let (Some(prior), Some(into)) = (record.patient.primary_id(), &record.merged_into) else {
            return Ok(None);
        };
        let before = before(self.changes.patients_before, record);
        if before.is_some_and(|before| before.merged_into == record.merged_into) {
            return Ok(None);
        }
        let is_it = |record: &&PatientRecord| record.patient.primary_id() == Some(into);
        let survivor = match self.changes.patients.iter().copied().find(is_it) {
            Some(survivor) => survivor.clone(),
            None => {
                let store = &self.state.environment.store;
                let known = store.patients(self.changes.site, std::slice::from_ref(into)).await?;
                match known.iter().find(is_it) {
                    Some(survivor) => survivor.clone(),
                    None => return Ok(None),
                }
            }
        };
        Ok(Some(Merge { prior: prior.clone(), survivor }))
    }

    /// Of two sequences that become one, and of an order whose patient is another one now.
    fn join(&mut self, merges: &[Merge]) {
        let mut joins: BTreeMap<String, String> = BTreeMap::new();
        for merge in merges {
            let survivor = merge.survivor.patient.primary_id();
            let into = survivor.map(OutboundMessage::of_patient).unwrap_or_default();
            joins.insert(OutboundMessage::of_patient(&merge.prior), into);
        }
        for record in self.changes.orders {
            let before = self.changes.orders_before.iter().find(|it| it.key == record.key);
            if let Some(before) = before.filter(|before| sequence(before) != sequence(record)) {
                joins.entry(sequence(before)).or_insert_with(|| sequence(record));
            }
        }
        let site = self.changes.site;
        let joins = joins.into_iter().map(|(sequence, into)| Effect::JoinOutbound {
            site: site.clone(),
            sequence,
            into,
        });
        self.queued.effects.extend(joins);
    }

    /// What waits of a patient becomes as urgent as an order of theirs, even for a platform that is not told of the change.
    fn raise(&mut self) {
        for record in self.changes.orders {
            let (priority, sequence) = (record.order.priority, sequence(record));
            let before = self.changes.orders_before.iter().find(|it| it.key == record.key);
            if before.is_some_and(|before| priority < before.order.priority) {
                let site = self.changes.site.clone();
                self.queued.effects.push(Effect::RaiseOutbound { site, sequence, priority });
            }
        }
    }

    async fn tell_merge(
        &mut self,
        platform: &Platform<'_>,
        merge: &Merge,
    ) -> Result<(), StoreError> {
        let Some(survivor) = merge.survivor.patient.primary_id() else { return Ok(()) };
        let (prior, into) =
            (OutboundMessage::of_patient(&merge.prior), OutboundMessage::of_patient(survivor));
        let is_known = self.knows(platform, &prior).await? || self.knows(platform, &into).await?;
        if !is_known || !platform.dialect.events.contains(&OnwardEvent::PatientMerge) {
            return Ok(());
        }
        let (patient, now) = (&merge.survivor.patient, self.state.now());
        let write = |control_id: &str| {
            merge_message(&merge.prior, patient, platform.dialect, control_id, now)
        };
        let lane = Priority::default();
        self.put(platform, OnwardEvent::PatientMerge, &into, &prior, lane, write);
        Ok(())
    }

    async fn tell_patient(
        &mut self,
        platform: &Platform<'_>,
        record: &PatientRecord,
    ) -> Result<(), StoreError> {
        let Some(id) = record.patient.primary_id() else { return Ok(()) };
        let is_told = |before: &PatientRecord| {
            before.patient == record.patient && before.clinical == record.clinical
        };
        let before = before(self.changes.patients_before, record);
        let subject = OutboundMessage::of_patient(id);
        if record.merged_into.is_some()
            || before.is_some_and(is_told)
            || !platform.dialect.events.contains(&OnwardEvent::PatientUpdate)
            || !self.knows(platform, &subject).await?
        {
            return Ok(());
        }
        let now = self.state.now();
        let write = |control_id: &str| patient_message(record, platform.dialect, control_id, now);
        let lane = Priority::default();
        self.put(platform, OnwardEvent::PatientUpdate, &subject, &subject, lane, write);
        Ok(())
    }

    async fn tell_order(
        &mut self,
        platform: &Platform<'_>,
        record: &OrderRecord,
        merges: &[Merge],
    ) -> Result<(), StoreError> {
        let mut before =
            self.changes.orders_before.iter().find(|before| before.key == record.key).cloned();
        let moved = |before: &OrderRecord, merge: &Merge| {
            before.order.patient.primary_id() == Some(&merge.prior)
                && record.order.patient.primary_id() == merge.survivor.patient.primary_id()
        };
        if let Some(before) = &mut before
            && merges.iter().any(|merge| moved(before, merge))
        {
            // The merge tells it.
            before.order.patient = record.order.patient.clone();
        }
        let told = self.told(platform, record).await?;
        let Some(event) = order_event(before.as_ref(), record, told) else { return Ok(()) };
        if !platform.dialect.events.contains(&event) {
            return Ok(());
        }
        let (sequence, now) = (sequence(record), self.state.now());
        let write = |control_id: &str| {
            let (before, dialect) = (before.as_ref(), platform.dialect);
            order_message(event, before, record, Origin::Site, dialect, control_id, now)
        };
        let (subject, lane) = (record.key.as_str(), record.order.priority);
        let is_written = self.put(platform, event, &sequence, subject, lane, write);
        if let Some(limits) = platform.priors.filter(|_| is_written && event == OnwardEvent::New) {
            priors::follow(self, platform, limits, record).await?;
        }
        Ok(())
    }

    /// Whether the platform was told of the order. One that it would not take is new to it, unless it is to be taken back: the
    /// refused message might be put back by a person.
    async fn told(
        &self,
        platform: &Platform<'_>,
        record: &OrderRecord,
    ) -> Result<Heard, StoreError> {
        let is_wanted = record.steps.iter().any(|step| {
            use telerad_worklist::StepStatus::{Canceled, Discontinued};
            !matches!(step.status, Canceled | Discontinued)
        });
        let (store, site) = (&self.state.environment.store, self.changes.site);
        let is_told = |message: &OutboundMessage| {
            let is_refused = matches!(message.state, OutboundState::SetAside { .. });
            message.destination == platform.name && !(is_refused && is_wanted)
        };
        if store.outbound_about(site, record.key.as_str()).await?.iter().any(is_told) {
            return Ok(Heard::Already);
        }
        let study = record.order.study_instance_uid.as_str();
        let from_images = store.outbound_about(site, study).await?;
        Ok(if from_images.iter().any(is_told) { Heard::FromImages } else { Heard::NotYet })
    }

    /// Whether the platform was ever sent something about the patient.
    async fn knows(&self, platform: &Platform<'_>, sequence: &str) -> Result<bool, StoreError> {
        let store = &self.state.environment.store;
        let receivers = store.outbound_receivers(self.changes.site, sequence).await?;
        Ok(receivers.iter().any(|name| name == platform.name))
    }

    /// Queues a message, or has a person told that it cannot be written; whether it could.
    fn put(
        &mut self,
        platform: &Platform<'_>,
        event: OnwardEvent,
        sequence: &str,
        subject: &str,
        priority: Priority,
        write: impl FnOnce(&str) -> Result<Message, OnwardError>,
    ) -> bool {
        let control_id = self.state.new_control_id();
        match write(&control_id) {
            Ok(message) => {
                let message = (control_id, message);
                self.queued.put(
                    self.state,
                    self.changes.site,
                    platform.name,
                    (sequence, subject),
                    priority,
                    message,
                );
                true
            }
            Err(error) => {
                self.cannot(platform, event.as_str(), &error.to_string());
                false
            }
        }
    }

    fn cannot(&mut self, platform: &Platform<'_>, what: &str, error: &str) {
        let Changes { site, cause, .. } = self.changes;
        let kind = ParkedKind::Message;
        self.queued.cannot(self.state, site, platform.name, (kind, cause), what, error);
    }
}

impl Queued {
    fn put(
        &mut self,
        state: &State,
        site: &SiteId,
        destination: &str,
        (sequence, subject): (&str, &str),
        priority: Priority,
        (control_id, message): (String, Message),
    ) {
        let now = state.now();
        self.effects.push(Effect::Outbound(OutboundMessage {
            id: state.new_id(),
            site: site.clone(),
            destination: destination.to_owned(),
            sequence: sequence.to_owned(),
            subject: subject.to_owned(),
            control_id,
            raw: message.as_bytes().to_vec(),
            queued_at: now,
            not_before: now,
            priority,
            attempts: 0,
            unanswered: None,
            round: 0,
            state: OutboundState::Pending,
        }));
        if !self.wake.iter().any(|name| name == destination) {
            self.wake.push(destination.to_owned());
        }
    }

    /// The change itself stands; that a platform cannot be told of it needs a person.
    fn cannot(
        &mut self,
        state: &State,
        site: &SiteId,
        destination: &str,
        (kind, subject): (ParkedKind, &str),
        what: &str,
        error: &str,
    ) {
        tracing::error!(receiver = %destination, what, "cannot be told: {error}");
        self.findings.push(format!("{what} not sent to {destination}: {error}"));
        self.effects.push(Effect::Park(ParkedItem {
            id: state.new_id(),
            site: site.clone(),
            kind,
            reason: CANNOT_BE_WRITTEN.to_owned(),
            evidence: format!("{destination}: {what}: {error}"),
            subject: subject.to_owned(),
            parked_at: state.now(),
        }));
    }
}

/// Why something waits for a person that a platform should have been told.
const CANNOT_BE_WRITTEN: &str = "order cannot be written for its receiver";

/// What messages about an order are kept in order by: its patient, whatever else is told of them.
fn sequence(order: &OrderRecord) -> String {
    let id = order.order.patient.primary_id();
    id.map_or_else(|| order.key.as_str().to_owned(), OutboundMessage::of_patient)
}

fn before<'a>(known: &'a [PatientRecord], record: &PatientRecord) -> Option<&'a PatientRecord> {
    known.iter().find(|before| before.patient.primary_id() == record.patient.primary_id())
}

#[cfg(test)]
mod tests;
