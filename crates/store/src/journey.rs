//! The journey of an examination: everything that is known of it as one timeline, and what came or went twice.

use std::collections::{BTreeMap, BTreeSet};

use telerad_core::{AeTitle, Patient, PatientId, Priority, SiteId, Timestamp, Uid};
use telerad_report::{ReportKey, ReportStatus};
use telerad_routing::{
    DeliveryRecord, DeliveryState, InstanceRecord, NotWantedReason, Relation, StudyDecision,
    StudyMark,
};
use telerad_worklist::{OrderKey, OrderRecord};

use crate::index::study_or_itself;
use crate::{
    JournalEntry, JourneyKey, JourneySubject, MessageOutcome, OutboundMessage, OutboundState,
    Store, StoreError,
};

/// One line of a journey.
#[derive(Clone, Debug)]
pub struct JourneyEntry {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: JourneyEvent,
}

/// What happened on a journey.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum JourneyEvent {
    /// A message came in that made the order or a report what it is. Its bytes are read by its id.
    Message {
        /// The gateway's own identifier.
        id: String,
        /// MSH-9.
        kind: String,
        /// MSH-3 and MSH-4.
        sender: String,
        /// MSH-10.
        control_id: String,
        /// What became of it.
        outcome: MessageOutcome,
    },
    /// The order as it stands now, at the time it was last written.
    Order(Box<OrderRecord>),
    /// A version of an instance came in; it says from whom and how it stands to the orders and to earlier versions.
    Received(Box<InstanceRecord>),
    /// The study was decided: by which rules, where to, how urgently.
    Decided(Box<StudyDecision>),
    /// A delivery as it stands: at the time it came to its end, or was queued.
    Delivery(Box<DeliveryRecord>),
    /// A version of a report came in.
    Report {
        /// The report.
        key: ReportKey,
        /// Where the version stands.
        status: ReportStatus,
        /// The message that brought it.
        message_id: String,
    },
    /// A message about it that goes or went out, with the acknowledgement it got. Its bytes are read by its id.
    Outbound {
        /// The gateway's own identifier.
        id: String,
        /// The receiver.
        destination: String,
        /// MSH-10.
        control_id: String,
        /// How often the receiver refused it.
        attempts: u32,
        /// How often it left and got no answer, outages apart.
        unanswered: u32,
        /// Its lane.
        priority: Priority,
        /// Where it stands.
        state: OutboundState,
    },
    /// A line of the journal.
    Noted(JournalEntry),
}

/// Everything that a site's records and journal know of a subject, in the order of time; what happened at one moment in
/// the order of cause and effect.
///
/// An order and a study belong together when an image of the study was matched with the order, or when the order names
/// the study and both name the same patient.
///
/// # Errors
/// As for every read.
pub async fn journey(
    store: &dyn Store,
    site: &SiteId,
    subject: &JourneySubject,
) -> Result<Vec<JourneyEntry>, StoreError> {
    let (orders, studies) = match subject {
        JourneySubject::Order(key) => {
            let orders = store.orders(site, std::slice::from_ref(key)).await?;
            let studies = studies_of(store, site, key, &orders).await?;
            (orders, studies)
        }
        JourneySubject::Study(uid) => {
            let instances = store.instances_of_study(site, uid).await?;
            let orders = orders_of(store, site, uid, &instances).await?;
            (orders, BTreeMap::from([(uid.clone(), instances)]))
        }
    };
    let mut timeline = Timeline::default();
    for order in orders {
        timeline.add_order(store, site, order).await?;
    }
    for (uid, instances) in studies {
        timeline.add_study(store, site, &uid, instances).await?;
    }
    let subjects: Vec<String> = timeline.subjects.into_iter().collect();
    for entry in store.journal_of(site, &subjects).await? {
        timeline.entries.push(JourneyEntry { at: entry.at, event: JourneyEvent::Noted(entry) });
    }
    timeline.entries.sort_by_key(|entry| entry.at);
    Ok(timeline.entries)
}

async fn studies_of(
    store: &dyn Store,
    site: &SiteId,
    key: &OrderKey,
    orders: &[OrderRecord],
) -> Result<BTreeMap<String, Vec<InstanceRecord>>, StoreError> {
    let mut studies = BTreeMap::new();
    for uid in store.studies_of_order(site, key).await? {
        let instances = store.instances_of_study(site, &uid).await?;
        studies.insert(uid, instances);
    }
    for order in orders {
        let uid = order.order.study_instance_uid.as_str();
        if !studies.contains_key(uid) {
            let instances = store.instances_of_study(site, uid).await?;
            if is_of_patient(&instances, &order.order.patient) {
                studies.insert(uid.to_owned(), instances);
            }
        }
    }
    Ok(studies)
}

async fn orders_of(
    store: &dyn Store,
    site: &SiteId,
    uid: &str,
    instances: &[InstanceRecord],
) -> Result<Vec<OrderRecord>, StoreError> {
    let matched: BTreeSet<&str> = instances
        .iter()
        .filter_map(|instance| match &instance.mark {
            StudyMark::Matched { order_key } => Some(order_key.as_str()),
            StudyMark::Mismatch { .. } | StudyMark::Unmatched => None,
        })
        .collect();
    let matched: Vec<OrderKey> = matched.into_iter().map(OrderKey::from_text).collect();
    let mut orders = store.orders(site, &matched).await?;
    let Ok(uid) = Uid::new(uid) else { return Ok(orders) };
    let named = store.journey_subjects(site, &JourneyKey::Uid(uid), usize::MAX).await?;
    let named: Vec<OrderKey> = named
        .into_iter()
        .filter_map(|subject| match subject {
            JourneySubject::Order(key) if !matched.contains(&key) => Some(key),
            JourneySubject::Order(_) | JourneySubject::Study(_) => None,
        })
        .collect();
    let named = store.orders(site, &named).await?;
    orders.extend(named.into_iter().filter(|it| is_of_patient(instances, &it.order.patient)));
    Ok(orders)
}

/// Whether some instance names the patient by one of the same identifiers.
fn is_of_patient(instances: &[InstanceRecord], patient: &Patient) -> bool {
    let same = |a: &PatientId, b: &PatientId| {
        let issuers = a.issuer().zip(b.issuer());
        a.value() == b.value() && issuers.is_none_or(|(a, b)| a == b || a.agrees_with(b))
    };
    let mut ids = instances.iter().flat_map(|instance| &instance.head.patient.ids);
    ids.any(|id| patient.ids.iter().any(|other| same(id, other)))
}

#[derive(Default)]
struct Timeline {
    entries: Vec<JourneyEntry>,
    /// What the journal may have lines about.
    subjects: BTreeSet<String>,
}

impl Timeline {
    fn add(&mut self, at: Timestamp, event: JourneyEvent) {
        self.entries.push(JourneyEntry { at, event });
    }

    async fn add_order(
        &mut self,
        store: &dyn Store,
        site: &SiteId,
        order: OrderRecord,
    ) -> Result<(), StoreError> {
        let key = order.key.as_str().to_owned();
        for message in store.messages_of(site, &key).await? {
            self.subjects.insert(message.id.clone());
            let event = JourneyEvent::Message {
                id: message.id,
                kind: message.kind,
                sender: message.sender,
                control_id: message.control_id,
                outcome: message.outcome,
            };
            self.add(message.received_at, event);
        }
        let patient = order.order.patient.ids.clone();
        self.add(order.updated_at, JourneyEvent::Order(Box::new(order)));
        for report in store.reports_of_order(site, &key).await? {
            self.subjects.insert(report.key.as_str().to_owned());
            self.add_outbound(store, site, report.key.as_str()).await?;
            for version in report.versions {
                let key = report.key.clone();
                let (status, message_id) = (version.status, version.message_id);
                let event = JourneyEvent::Report { key, status, message_id };
                self.add(version.received_at, event);
            }
        }
        self.add_outbound(store, site, &key).await?;
        for id in patient {
            self.add_outbound(store, site, &OutboundMessage::of_patient(&id)).await?;
        }
        self.subjects.insert(key);
        Ok(())
    }

    /// The messages that went out, or are to go, about a subject.
    async fn add_outbound(
        &mut self,
        store: &dyn Store,
        site: &SiteId,
        subject: &str,
    ) -> Result<(), StoreError> {
        for message in store.outbound_about(site, subject).await? {
            self.subjects.insert(message.id.clone());
            let at = match &message.state {
                OutboundState::Answered { at, .. } => *at,
                OutboundState::Pending | OutboundState::SetAside { .. } => message.queued_at,
            };
            let event = JourneyEvent::Outbound {
                id: message.id,
                destination: message.destination,
                control_id: message.control_id,
                attempts: message.attempts,
                unanswered: message.unanswered.map_or(0, |unanswered| unanswered.tries),
                priority: message.priority,
                state: message.state,
            };
            self.add(at, event);
        }
        Ok(())
    }

    async fn add_study(
        &mut self,
        store: &dyn Store,
        site: &SiteId,
        uid: &str,
        instances: Vec<InstanceRecord>,
    ) -> Result<(), StoreError> {
        let uids: BTreeSet<Uid> = instances.iter().map(|it| it.sop_instance_uid.clone()).collect();
        for instance in instances {
            self.add(instance.received_at, JourneyEvent::Received(Box::new(instance)));
        }
        if let Some(decision) = store.study(site, uid).await? {
            self.add(decision.decided_at, JourneyEvent::Decided(Box::new(decision)));
        }
        // By instance, not by study: the ledger knows a study by the UID that the instance names, if any.
        for uid in uids {
            for delivery in store.deliveries_of(site, &uid).await? {
                self.add(settled_at(&delivery), JourneyEvent::Delivery(Box::new(delivery)));
            }
            self.subjects.insert(uid.as_str().to_owned());
        }
        self.add_outbound(store, site, uid).await?;
        self.subjects.insert(uid.to_owned());
        Ok(())
    }
}

/// When a delivery came to where it stands, as far as it says so.
fn settled_at(delivery: &DeliveryRecord) -> Timestamp {
    match &delivery.state {
        DeliveryState::Sent { at, .. }
        | DeliveryState::Held { at, .. }
        | DeliveryState::NotWanted { reason: NotWantedReason::Cancelled { at, .. } } => *at,
        DeliveryState::Failed { .. }
        | DeliveryState::NotWanted { .. }
        | DeliveryState::Parked { .. }
        | DeliveryState::Pending => delivery.queued_at,
    }
}

/// A study of which something came or went more than once in a window of time.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DuplicateStudy {
    /// (0020,000D); of an instance that names no study, its SOP Instance UID.
    pub study_instance_uid: String,
    /// Everybody who sent one of the instances concerned, first or again.
    pub sources: Vec<AeTitle>,
    /// How many instances are concerned.
    pub instances: usize,
    /// Versions of a UID that are another image or another patient's.
    pub conflicts: usize,
    /// Versions of a UID in other bytes: the same image.
    pub variants: usize,
    /// How often the same bytes came again ([`JournalEntry::RECEIVED_AGAIN`]).
    pub received_again: usize,
    /// How often something was sent again although it may have arrived ([`JournalEntry::SENT_AGAIN`]).
    pub sent_again: usize,
    /// When the first of them came or went.
    pub first_at: Timestamp,
    /// When the last of them came or went.
    pub last_at: Timestamp,
}

/// What came or went more than once in a window of time, as far as it was looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Duplicates {
    /// One finding for each study, by study.
    pub studies: Vec<DuplicateStudy>,
    /// Before which time these are all there are. Earlier than the end of the window when there is too much in it for one
    /// answer: the rest is told to whoever asks from this time on, a study of both then once more.
    pub until: Timestamp,
}

/// What came or went more than once from `from` on and before `to`: one finding for each study.
///
/// Of each kind of event at most `limit` are looked at, and at least those of one moment.
///
/// # Errors
/// As for every read.
pub async fn duplicates(
    store: &dyn Store,
    site: &SiteId,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> Result<Duplicates, StoreError> {
    let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
    let mut versions: BTreeMap<Uid, Vec<InstanceRecord>> = BTreeMap::new();
    let (irregular, entries, until) = events(store, site, (from, to), limit).await?;
    for instance in irregular {
        let finding = findings.entry(study_or_itself(&instance).to_owned()).or_default();
        match instance.relation {
            Relation::UidConflict { .. } => finding.conflicts += 1,
            Relation::Variant => finding.variants += 1,
            Relation::Repeated => finding.received_again += 1,
            Relation::First => continue,
        }
        finding.times.insert(instance.received_at);
        finding.uids.insert(instance.sop_instance_uid);
    }
    for entry in entries {
        // Of a UID that is none, or of an instance that is not there, nobody can say what came twice.
        let Ok(uid) = Uid::new(&entry.subject) else { continue };
        let known = known(store, site, &uid, &mut versions).await?;
        let Some(first) = known.first() else { continue };
        let finding = findings.entry(study_or_itself(first).to_owned()).or_default();
        match entry.event.as_str() {
            JournalEntry::SENT_AGAIN => finding.sent_again += 1,
            _ => finding.received_again += 1,
        }
        finding.sources.extend(entry.source());
        finding.times.insert(entry.at);
        finding.uids.insert(uid);
    }
    for finding in findings.values_mut() {
        for uid in &finding.uids {
            let known = known(store, site, uid, &mut versions).await?;
            finding.sources.extend(known.iter().map(|version| version.source.clone()));
        }
    }
    let studies = findings.into_iter().filter_map(|(uid, finding)| finding.tell(uid)).collect();
    Ok(Duplicates { studies, until })
}

/// Versions and lines of the journal that tell of duplicates, and before which time these are all.
async fn events(
    store: &dyn Store,
    site: &SiteId,
    (from, to): (Timestamp, Timestamp),
    limit: usize,
) -> Result<(Vec<InstanceRecord>, Vec<JournalEntry>, Timestamp), StoreError> {
    let beyond = limit.saturating_add(1);
    let mut until = to;
    let mut irregular = store.irregular_instances(site, from, until, beyond).await?;
    if let Some(first_left_out) = irregular.get(limit).map(|it| it.received_at) {
        until = after_moment(from, first_left_out);
        if first_left_out <= from {
            irregular = store.irregular_instances(site, from, until, usize::MAX).await?;
        }
    }
    let mut entries = Vec::new();
    for event in [JournalEntry::RECEIVED_AGAIN, JournalEntry::SENT_AGAIN] {
        let mut found = store.journal_between(site, event, from, until, beyond).await?;
        if let Some(first_left_out) = found.get(limit).map(|entry| entry.at) {
            until = after_moment(from, first_left_out);
            if first_left_out <= from {
                found = store.journal_between(site, event, from, until, usize::MAX).await?;
            }
        }
        entries.extend(found);
    }
    irregular.retain(|it| it.received_at < until);
    entries.retain(|entry| entry.at < until);
    Ok((irregular, entries, until))
}

/// The end of what is told: never the beginning, or nobody would get beyond a moment with much in it.
fn after_moment(from: Timestamp, end: Timestamp) -> Timestamp {
    end.max(Timestamp::from_micros(from.as_micros().saturating_add(1)))
}

/// The versions of an instance, read once.
async fn known<'a>(
    store: &dyn Store,
    site: &SiteId,
    uid: &Uid,
    versions: &'a mut BTreeMap<Uid, Vec<InstanceRecord>>,
) -> Result<&'a [InstanceRecord], StoreError> {
    if !versions.contains_key(uid) {
        versions.insert(uid.clone(), store.versions(site, uid).await?);
    }
    Ok(versions.get(uid).map_or(&[], Vec::as_slice))
}

#[derive(Default)]
struct Finding {
    conflicts: usize,
    variants: usize,
    received_again: usize,
    sent_again: usize,
    sources: BTreeSet<AeTitle>,
    times: BTreeSet<Timestamp>,
    uids: BTreeSet<Uid>,
}

impl Finding {
    fn tell(self, study_instance_uid: String) -> Option<DuplicateStudy> {
        Some(DuplicateStudy {
            study_instance_uid,
            sources: self.sources.into_iter().collect(),
            instances: self.uids.len(),
            conflicts: self.conflicts,
            variants: self.variants,
            received_again: self.received_again,
            sent_again: self.sent_again,
            first_at: *self.times.first()?,
            last_at: *self.times.last()?,
        })
    }
}
