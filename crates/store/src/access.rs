//! The verbs: reads by kind, and one write.

use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;

use telerad_accession::SearchKey;
use telerad_core::{PatientId, Priority, SiteId, Timestamp, Uid};
use telerad_report::{ReportKey, ReportRecord};
use telerad_routing::{
    BreakerRecord, DeliveryKey, DeliveryRecord, DestinationId, Digest, GroupId, InstanceRecord,
    StickyMember, StudyDecision,
};
use telerad_worklist::{OrderKey, OrderRecord, PatientRecord, PerformedStep};

use crate::subject::{JourneyKey, JourneySubject};
use crate::{Batch, JournalEntry, MessageRecord, OutboundMessage, ParkedItem, Receipt, StoreError};

/// What every verb returns.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Durable state. Reads see every batch that was committed before they were asked.
///
/// Every read fails with [`StoreError::Engine`], [`StoreError::Damaged`] or [`StoreError::Closed`] and nothing else.
pub trait Store:
    Instances
    + Deliveries
    + Destinations
    + Journeys
    + Orders
    + Patients
    + PerformedSteps
    + Reports
    + Messages
    + Parking
    + Outbox
    + Journal
    + Send
    + Sync
    + 'static
{
    /// Makes a batch durable, all of it or nothing; it is durable when this resolves. Batches of concurrent callers
    /// share one sync, and one that fails takes none of the others with it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when something no longer holds, [`StoreError::Invalid`] when a record can have no
    /// key, [`StoreError::Poisoned`] once a sync has failed; nothing was written then.
    ///
    /// # Cancel safety
    /// A dropped future leaves the batch either written or not.
    fn commit(&self, batch: Batch) -> StoreFuture<'_, Receipt>;

    /// How many records there are of each kind. Counts rows: for people, not for every message.
    fn counts(&self) -> StoreFuture<'_, Counts>;
}

/// Instances and the decisions about their studies.
pub trait Instances {
    /// Every version of an instance, the first one kept first.
    fn versions<'a>(
        &'a self,
        site: &'a SiteId,
        sop_instance_uid: &'a Uid,
    ) -> StoreFuture<'a, Vec<InstanceRecord>>;

    /// Every instance, of any site, whose data set is this payload, the first one kept first.
    fn instances_of_payload<'a>(
        &'a self,
        digest: &'a Digest,
    ) -> StoreFuture<'a, Vec<InstanceRecord>>;

    /// Every version of every instance of a study, in the order they were kept. An instance that names no study is one of
    /// its own, under its SOP Instance UID.
    fn instances_of_study<'a>(
        &'a self,
        site: &'a SiteId,
        study_instance_uid: &'a str,
    ) -> StoreFuture<'a, Vec<InstanceRecord>>;

    /// The decision about a study.
    fn study<'a>(
        &'a self,
        site: &'a SiteId,
        study_instance_uid: &'a str,
    ) -> StoreFuture<'a, Option<StudyDecision>>;

    /// Instances found by any of the keys: one for each study, patient and accession number, so that a study whose
    /// images disagree about the patient shows it.
    fn instances_by_search<'a>(
        &'a self,
        site: &'a SiteId,
        keys: &'a [SearchKey],
    ) -> StoreFuture<'a, Vec<InstanceRecord>>;
}

/// Who has been sent what.
///
/// A delivery is kept by key *and* digest: another version of an instance never takes the place of the first.
pub trait Deliveries {
    /// Pending deliveries that may be tried now: lane by lane, the most urgent first, and in a lane in the order in which
    /// they may be tried, the longest queued first where that is one moment.
    ///
    /// Costs the same however many are pending, and however many of them wait for a later time.
    fn due<'a>(
        &'a self,
        destination: &'a DestinationId,
        now: Timestamp,
        limit: usize,
    ) -> StoreFuture<'a, Vec<DeliveryRecord>>;

    /// The same, as the heads of the queues of each source: in every one of these lanes, for every source (a site and an
    /// AE title) that has something due, at most so many. Lane by lane, then source by source.
    ///
    /// Costs the same for each lane and source that has something pending.
    fn due_by_source<'a>(
        &'a self,
        destination: &'a DestinationId,
        lanes: RangeInclusive<Priority>,
        now: Timestamp,
        per_source: usize,
    ) -> StoreFuture<'a, Vec<DeliveryRecord>>;

    /// When the next pending delivery may be tried; may lie in the past. `None` when nothing is pending.
    fn next_due<'a>(&'a self, destination: &'a DestinationId)
    -> StoreFuture<'a, Option<Timestamp>>;

    /// Whether anything is pending in a lane, now or for later.
    fn lane_pending<'a>(
        &'a self,
        destination: &'a DestinationId,
        lane: Priority,
    ) -> StoreFuture<'a, bool>;

    /// Studies of which something is pending for a destination, by site and UID; empty for what names no study. With
    /// `after`, only those that follow it in this order.
    fn pending_studies<'a>(
        &'a self,
        destination: &'a DestinationId,
        after: Option<(&'a SiteId, &'a str)>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<(SiteId, String)>>;

    /// The delivery of the first version that was decided on for this key.
    fn delivery<'a>(&'a self, key: &'a DeliveryKey) -> StoreFuture<'a, Option<DeliveryRecord>>;

    /// Every delivery of an instance, of all its versions and to all destinations, in the order they were first queued.
    fn deliveries_of<'a>(
        &'a self,
        site: &'a SiteId,
        sop_instance_uid: &'a Uid,
    ) -> StoreFuture<'a, Vec<DeliveryRecord>>;

    /// Every delivery of a study, to all destinations, in the order they were first queued.
    fn deliveries_of_study<'a>(
        &'a self,
        site: &'a SiteId,
        study_instance_uid: &'a str,
    ) -> StoreFuture<'a, Vec<DeliveryRecord>>;

    /// The destinations for which something is pending, by name. Costs the same for each, however much is pending.
    fn pending_destinations(&self) -> StoreFuture<'_, Vec<DestinationId>>;

    /// How many deliveries are in which state, by destination and state. Counts rows: for people, not for every message.
    fn delivery_counts(&self) -> StoreFuture<'_, Vec<DeliveryCount>>;
}

/// What is known of destinations beyond their queues.
pub trait Destinations {
    /// Every breaker that was ever written, by destination.
    fn breakers(&self) -> StoreFuture<'_, Vec<BreakerRecord>>;

    /// The member of a group that a patient's last study went to.
    fn sticky<'a>(
        &'a self,
        site: &'a SiteId,
        group: &'a GroupId,
        patient: &'a str,
    ) -> StoreFuture<'a, Option<StickyMember>>;
}

/// What [`journey`](crate::journey()) and [`duplicates`](crate::duplicates) need beside the rest.
pub trait Journeys {
    /// The orders and studies of a site that a key leads to, orders first, each by its name, at most so many.
    fn journey_subjects<'a>(
        &'a self,
        site: &'a SiteId,
        key: &'a JourneyKey,
        limit: usize,
    ) -> StoreFuture<'a, Vec<JourneySubject>>;

    /// The studies with an instance that was matched with the order when it came, by UID.
    fn studies_of_order<'a>(
        &'a self,
        site: &'a SiteId,
        key: &'a OrderKey,
    ) -> StoreFuture<'a, Vec<String>>;

    /// Versions of instances that were not the first of their UID and came from one time on and before another, by time,
    /// then in the order they were kept, at most so many.
    fn irregular_instances<'a>(
        &'a self,
        site: &'a SiteId,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> StoreFuture<'a, Vec<InstanceRecord>>;
}

/// Orders.
pub trait Orders {
    /// The orders of this site with these keys, by key.
    fn orders<'a>(
        &'a self,
        site: &'a SiteId,
        keys: &'a [OrderKey],
    ) -> StoreFuture<'a, Vec<OrderRecord>>;

    /// The orders of this site found by any of the keys, by key.
    fn orders_by_search<'a>(
        &'a self,
        site: &'a SiteId,
        keys: &'a [SearchKey],
    ) -> StoreFuture<'a, Vec<OrderRecord>>;

    /// The orders of this site that the worklist still answers, by key. With `start_dates` (first and last day,
    /// `YYYYMMDD`, both included, empty for open) only those between whose earliest and latest step the range
    /// touches; an order with a step of unknown start is always among them. A coarse filter, never a final one.
    fn open_orders<'a>(
        &'a self,
        site: &'a SiteId,
        start_dates: Option<(String, String)>,
    ) -> StoreFuture<'a, Vec<OrderRecord>>;

    /// The orders of this site whose patient has an identifier of this value, of whatever authority, by key: whoever asks
    /// looks at the authority.
    fn orders_of_patient<'a>(
        &'a self,
        site: &'a SiteId,
        value: &'a str,
    ) -> StoreFuture<'a, Vec<OrderRecord>>;
}

/// Patients.
pub trait Patients {
    /// The patients of this site that have one of these identifiers, exactly, issuer included.
    fn patients<'a>(
        &'a self,
        site: &'a SiteId,
        ids: &'a [PatientId],
    ) -> StoreFuture<'a, Vec<PatientRecord>>;

    /// The patients of this site that have an identifier of this value, of whatever authority or of none.
    fn patients_by_value<'a>(
        &'a self,
        site: &'a SiteId,
        value: &'a str,
    ) -> StoreFuture<'a, Vec<PatientRecord>>;
}

/// What modalities say they perform.
pub trait PerformedSteps {
    /// A performed step of this site by its SOP Instance UID.
    fn performed_step<'a>(
        &'a self,
        site: &'a SiteId,
        sop_instance_uid: &'a Uid,
    ) -> StoreFuture<'a, Option<PerformedStep>>;

    /// The performed steps of this site that name a study, in the order they were created.
    fn performed_steps_of_study<'a>(
        &'a self,
        site: &'a SiteId,
        study_instance_uid: &'a str,
    ) -> StoreFuture<'a, Vec<PerformedStep>>;

    /// The performed steps of this site that are linked with an order, in the order they were created.
    fn performed_steps_of_order<'a>(
        &'a self,
        site: &'a SiteId,
        key: &'a OrderKey,
    ) -> StoreFuture<'a, Vec<PerformedStep>>;

    /// The performed steps of this site that are in progress, in the order they were created.
    fn open_performed_steps<'a>(&'a self, site: &'a SiteId) -> StoreFuture<'a, Vec<PerformedStep>>;
}

/// Reports.
pub trait Reports {
    /// A report.
    fn report<'a>(&'a self, key: &'a ReportKey) -> StoreFuture<'a, Option<ReportRecord>>;

    /// The reports of an order, in the order they were first filed.
    fn reports_of_order<'a>(
        &'a self,
        site: &'a SiteId,
        order_key: &'a str,
    ) -> StoreFuture<'a, Vec<ReportRecord>>;
}

/// Inbound messages.
pub trait Messages {
    /// The message last received from this sender (MSH-3, `|`, MSH-4) under this control ID (MSH-10).
    fn message_by_control<'a>(
        &'a self,
        sender: &'a str,
        control_id: &'a str,
    ) -> StoreFuture<'a, Option<MessageRecord>>;

    /// The messages of a site that made an order or a report what it is, by its key: the first received first.
    ///
    /// A message is told by the batch that it came in with: it stands in it before the order or the report.
    fn messages_of<'a>(
        &'a self,
        site: &'a SiteId,
        subject: &'a str,
    ) -> StoreFuture<'a, Vec<MessageRecord>>;

    /// A message by the gateway's own identifier.
    fn message<'a>(&'a self, id: &'a str) -> StoreFuture<'a, Option<MessageRecord>>;
}

/// What waits for a person.
pub trait Parking {
    /// Parked items of one site, or of all when `site` is `None`, the longest waiting first, by when they were parked and
    /// their id. With `after`, only those that follow it in this order.
    ///
    /// Costs what is told, however much waits.
    fn parked<'a>(
        &'a self,
        site: Option<&'a SiteId>,
        after: Option<(Timestamp, &'a str)>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<ParkedItem>>;

    /// A parked item of this site by the gateway's own identifier.
    fn parked_item<'a>(
        &'a self,
        site: &'a SiteId,
        id: &'a str,
    ) -> StoreFuture<'a, Option<ParkedItem>>;

    /// The parked items of this site about any of the subjects, the longest waiting first. Costs what is told, however much
    /// waits.
    fn parked_about<'a>(
        &'a self,
        site: &'a SiteId,
        subjects: &'a [String],
    ) -> StoreFuture<'a, Vec<ParkedItem>>;
}

/// Messages on their way out.
pub trait Outbox {
    /// Pending messages that may be sent now: only the oldest of each sequence; the most urgent first, then by when they may
    /// be tried, then the longest queued. A sequence is as urgent as the most urgent of its pending messages.
    ///
    /// Costs what is told, however much waits and however long a sequence is.
    fn outbound_due<'a>(
        &'a self,
        destination: &'a str,
        now: Timestamp,
        limit: usize,
    ) -> StoreFuture<'a, Vec<OutboundMessage>>;

    /// When the next message may be sent; may lie in the past. `None` when nothing is pending.
    fn next_outbound_due<'a>(&'a self, destination: &'a str) -> StoreFuture<'a, Option<Timestamp>>;

    /// An outbound message by the gateway's own identifier.
    fn outbound<'a>(&'a self, id: &'a str) -> StoreFuture<'a, Option<OutboundMessage>>;

    /// Every message of a sequence, to any destination, in the order they were first queued.
    fn outbound_of<'a>(
        &'a self,
        site: &'a SiteId,
        sequence: &'a str,
    ) -> StoreFuture<'a, Vec<OutboundMessage>>;

    /// Every message about a subject, to any destination, in the order they were first queued.
    fn outbound_about<'a>(
        &'a self,
        site: &'a SiteId,
        subject: &'a str,
    ) -> StoreFuture<'a, Vec<OutboundMessage>>;

    /// The destinations of a sequence, whatever became of its messages, by name.
    fn outbound_receivers<'a>(
        &'a self,
        site: &'a SiteId,
        sequence: &'a str,
    ) -> StoreFuture<'a, Vec<String>>;

    /// When a destination last accepted a message; `None` when it never did.
    fn outbound_answered<'a>(&'a self, destination: &'a str) -> StoreFuture<'a, Option<Timestamp>>;

    /// The destinations for which something is pending, by name.
    fn outbound_destinations(&self) -> StoreFuture<'_, Vec<String>>;
}

/// What happened.
pub trait Journal {
    /// The entries about a subject, in the order they were written.
    fn journal<'a>(&'a self, subject: &'a str) -> StoreFuture<'a, Vec<JournalEntry>>;

    /// The entries of a site about any of the subjects, in the order they were written.
    fn journal_of<'a>(
        &'a self,
        site: &'a SiteId,
        subjects: &'a [String],
    ) -> StoreFuture<'a, Vec<JournalEntry>>;

    /// The entries of a site of one kind of event, from one time on and before another, by time, then in the order they
    /// were written, at most so many.
    fn journal_between<'a>(
        &'a self,
        site: &'a SiteId,
        event: &'a str,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> StoreFuture<'a, Vec<JournalEntry>>;
}

/// How many deliveries to a destination are in one state.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DeliveryCount {
    /// The destination.
    pub destination: DestinationId,
    /// `failed`, `held`, `not wanted`, `parked`, `pending` or `sent`.
    pub state: &'static str,
    /// How many.
    pub count: u64,
}

/// How many records there are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counts {
    /// Deliveries in any state.
    pub deliveries: u64,
    /// Deliveries still to be sent.
    pub deliveries_pending: u64,
    /// Instances, versions included.
    pub instances: u64,
    /// Inbound messages.
    pub messages: u64,
    /// Orders.
    pub orders: u64,
    /// Outbound messages still to be sent.
    pub outbound_pending: u64,
    /// Parked items.
    pub parked: u64,
    /// Patients.
    pub patients: u64,
    /// Performed procedure steps.
    pub performed_steps: u64,
    /// Reports.
    pub reports: u64,
    /// Studies with a decision.
    pub studies: u64,
}
