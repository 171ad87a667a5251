//! A store that somebody stands before: every read and every commit goes through their hands.

use std::ops::RangeInclusive;

use telerad_accession::SearchKey;
use telerad_core::{PatientId, Priority, SiteId, Timestamp, Uid};
use telerad_report::{ReportKey, ReportRecord};
use telerad_routing::{
    BreakerRecord, DeliveryKey, DeliveryRecord, DestinationId, Digest, GroupId, InstanceRecord,
    StickyMember, StudyDecision,
};
use telerad_worklist::{OrderKey, OrderRecord, PatientRecord, PerformedStep};

use crate::access::{
    Counts, Deliveries, DeliveryCount, Destinations, Instances, Journal, Journeys, Messages,
    Orders, Outbox, Parking, Patients, PerformedSteps, Reports, Store, StoreFuture,
};
use crate::{
    Batch, JournalEntry, JourneyKey, JourneySubject, MessageRecord, OutboundMessage, ParkedItem,
    Receipt,
};

/// A store whose reads and commits a [`Watch`] may hold up, count, change or refuse. For tests and simulations, and for
/// whoever wants to measure a store without being one.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// use telerad_store::memory::MemoryStore;
/// use telerad_store::{Parking, StoreFuture, Watch, Watched};
///
/// #[derive(Default)]
/// struct Count(AtomicUsize);
///
/// impl Watch for Count {
///     fn read<'a, T: Send + 'a>(&'a self, read: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
///         self.0.fetch_add(1, Ordering::Relaxed);
///         read
///     }
/// }
///
/// # fn main() -> Result<(), telerad_store::StoreError> {
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = Watched { store: MemoryStore::new(), watch: Count::default() };
/// assert!(store.parked(None, None, 20).await?.is_empty());
/// assert_eq!(store.watch.0.load(Ordering::Relaxed), 1);
/// # Ok(()) })
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Watched<S, W> {
    /// The store.
    pub store: S,
    /// Who stands before it.
    pub watch: W,
}

/// What happens before, after or instead of what a store is asked for.
pub trait Watch: Send + Sync + 'static {
    /// Answers a read, [`Store::counts`] included. The store is asked when `read` is first polled, not before.
    fn read<'a, T: Send + 'a>(&'a self, read: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        read
    }

    /// Commits a batch, or does not.
    fn commit<'a>(&'a self, store: &'a dyn Store, batch: Batch) -> StoreFuture<'a, Receipt> {
        store.commit(batch)
    }
}

impl<S: Store, W: Watch> Store for Watched<S, W> {
    fn commit(&self, batch: Batch) -> StoreFuture<'_, Receipt> {
        self.watch.commit(&self.store, batch)
    }

    fn counts(&self) -> StoreFuture<'_, Counts> {
        self.watch.read(Box::pin(async { self.store.counts().await }))
    }
}

/// Every read of every trait, so that nobody else has to name them all.
macro_rules! reads {
    ($($reads:ident { $($read:ident($($name:ident: $kind:ty),*) -> $answer:ty;)* })*) => {
        $(impl<S: Store, W: Watch> $reads for Watched<S, W> {
            $(fn $read<'a>(&'a self, $($name: $kind),*) -> StoreFuture<'a, $answer> {
                self.watch.read(Box::pin(async move { self.store.$read($($name),*).await }))
            })*
        })*
    };
}

reads! {
    Instances {
        versions(site: &'a SiteId, uid: &'a Uid) -> Vec<InstanceRecord>;
        instances_of_payload(digest: &'a Digest) -> Vec<InstanceRecord>;
        instances_of_study(site: &'a SiteId, uid: &'a str) -> Vec<InstanceRecord>;
        study(site: &'a SiteId, uid: &'a str) -> Option<StudyDecision>;
        instances_by_search(site: &'a SiteId, keys: &'a [SearchKey]) -> Vec<InstanceRecord>;
    }
    Deliveries {
        due(to: &'a DestinationId, now: Timestamp, limit: usize) -> Vec<DeliveryRecord>;
        due_by_source(
            to: &'a DestinationId,
            lanes: RangeInclusive<Priority>,
            now: Timestamp,
            per_source: usize
        ) -> Vec<DeliveryRecord>;
        next_due(to: &'a DestinationId) -> Option<Timestamp>;
        lane_pending(to: &'a DestinationId, lane: Priority) -> bool;
        pending_studies(
            to: &'a DestinationId,
            after: Option<(&'a SiteId, &'a str)>,
            limit: usize
        ) -> Vec<(SiteId, String)>;
        delivery(key: &'a DeliveryKey) -> Option<DeliveryRecord>;
        deliveries_of(site: &'a SiteId, uid: &'a Uid) -> Vec<DeliveryRecord>;
        deliveries_of_study(site: &'a SiteId, uid: &'a str) -> Vec<DeliveryRecord>;
        pending_destinations() -> Vec<DestinationId>;
        delivery_counts() -> Vec<DeliveryCount>;
    }
    Destinations {
        breakers() -> Vec<BreakerRecord>;
        sticky(site: &'a SiteId, group: &'a GroupId, patient: &'a str) -> Option<StickyMember>;
    }
    Orders {
        orders(site: &'a SiteId, keys: &'a [OrderKey]) -> Vec<OrderRecord>;
        orders_by_search(site: &'a SiteId, keys: &'a [SearchKey]) -> Vec<OrderRecord>;
        open_orders(site: &'a SiteId, dates: Option<(String, String)>) -> Vec<OrderRecord>;
        orders_of_patient(site: &'a SiteId, value: &'a str) -> Vec<OrderRecord>;
    }
    Patients {
        patients(site: &'a SiteId, ids: &'a [PatientId]) -> Vec<PatientRecord>;
        patients_by_value(site: &'a SiteId, value: &'a str) -> Vec<PatientRecord>;
    }
    PerformedSteps {
        performed_step(site: &'a SiteId, uid: &'a Uid) -> Option<PerformedStep>;
        performed_steps_of_study(site: &'a SiteId, uid: &'a str) -> Vec<PerformedStep>;
        performed_steps_of_order(site: &'a SiteId, key: &'a OrderKey) -> Vec<PerformedStep>;
        open_performed_steps(site: &'a SiteId) -> Vec<PerformedStep>;
    }
    Reports {
        report(key: &'a ReportKey) -> Option<ReportRecord>;
        reports_of_order(site: &'a SiteId, order_key: &'a str) -> Vec<ReportRecord>;
    }
    Messages {
        message_by_control(sender: &'a str, control_id: &'a str) -> Option<MessageRecord>;
        messages_of(site: &'a SiteId, subject: &'a str) -> Vec<MessageRecord>;
        message(id: &'a str) -> Option<MessageRecord>;
    }
    Parking {
        parked(
            site: Option<&'a SiteId>,
            after: Option<(Timestamp, &'a str)>,
            limit: usize
        ) -> Vec<ParkedItem>;
        parked_item(site: &'a SiteId, id: &'a str) -> Option<ParkedItem>;
        parked_about(site: &'a SiteId, subjects: &'a [String]) -> Vec<ParkedItem>;
    }
    Outbox {
        outbound_due(to: &'a str, now: Timestamp, limit: usize) -> Vec<OutboundMessage>;
        next_outbound_due(to: &'a str) -> Option<Timestamp>;
        outbound(id: &'a str) -> Option<OutboundMessage>;
        outbound_of(site: &'a SiteId, sequence: &'a str) -> Vec<OutboundMessage>;
        outbound_about(site: &'a SiteId, subject: &'a str) -> Vec<OutboundMessage>;
        outbound_receivers(site: &'a SiteId, sequence: &'a str) -> Vec<String>;
        outbound_answered(to: &'a str) -> Option<Timestamp>;
        outbound_destinations() -> Vec<String>;
    }
    Journal {
        journal(subject: &'a str) -> Vec<JournalEntry>;
        journal_of(site: &'a SiteId, subjects: &'a [String]) -> Vec<JournalEntry>;
        journal_between(
            site: &'a SiteId,
            event: &'a str,
            from: Timestamp,
            to: Timestamp,
            limit: usize
        ) -> Vec<JournalEntry>;
    }
    Journeys {
        journey_subjects(
            site: &'a SiteId,
            key: &'a JourneyKey,
            limit: usize
        ) -> Vec<JourneySubject>;
        studies_of_order(site: &'a SiteId, key: &'a OrderKey) -> Vec<String>;
        irregular_instances(
            site: &'a SiteId,
            from: Timestamp,
            to: Timestamp,
            limit: usize
        ) -> Vec<InstanceRecord>;
    }
}
