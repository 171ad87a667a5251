//! State and payloads in memory that take their time, fail as the plan says, and let the world see what became durable.

use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use telerad::accession::SearchKey;
use telerad::core::{PatientId, Priority, SiteId, Timestamp, Uid};
use telerad::report::{ReportKey, ReportRecord};
use telerad::routing::{
    BreakerRecord, DeliveryKey, DeliveryRecord, DeliveryState, DestinationId, Digest, GroupId,
    InstanceRecord, StickyMember, StudyDecision,
};
use telerad::store::memory::MemoryStore;
use telerad::store::payload::{MemoryPayloads, PayloadFuture, Space};
use telerad::store::{
    Batch, Counts, Deliveries, DeliveryCount, Destinations, Effect, HeldPayload, Instances,
    Journal, JournalEntry, JourneyKey, JourneySubject, Journeys, ListedPayload, MessageRecord,
    Messages, Orders, OutboundMessage, Outbox, ParkedItem, Parking, Patients, PayloadClaim,
    PayloadHold, PayloadReader, PayloadWriter, Payloads, Receipt, Reports, Store, StoreError,
    StoreFuture,
};
use telerad::worklist::{OrderKey, OrderRecord, PatientRecord};

use crate::plan::DiskFault;
use crate::world::{Seen, World};

/// The store, as one life of the gateway sees it.
#[derive(Clone)]
pub struct SlowStore {
    pub store: MemoryStore,
    pub world: Arc<World>,
}

/// The payloads, as one life of the gateway sees them.
#[derive(Clone)]
pub struct SlowPayloads {
    pub payloads: MemoryPayloads,
    pub world: Arc<World>,
}

impl SlowStore {
    async fn write(&self, batch: Batch) -> Result<Receipt, StoreError> {
        let world = &self.world;
        world.executor.dawdle().await;
        let poison = world.log().poison.clone();
        if let Some(reason) = poison {
            world.note_lost(&batch);
            return Err(StoreError::Poisoned { reason });
        }
        if world.disk_fails(DiskFault::CommitFails) {
            world.reach("commit fails");
            world.note_lost(&batch);
            return Err(StoreError::Engine { reason: "the disk is full".to_owned() });
        }
        let uncertain = world.disk_fails(DiskFault::CommitUncertain);
        let (seen, lost) = (Seen::of(&batch), batch.clone());
        let committed = match uncertain && world.executor.dice().once_in(2) {
            true => Err(StoreError::Closed),
            false => self.store.commit(batch).await,
        };
        if committed.is_ok() {
            world.note_seen(seen);
        }
        if uncertain {
            world.reach("commit uncertain");
            world.note_lost(&lost);
            let reason = "a sync failed".to_owned();
            let now = world.micros();
            let mut log = world.log();
            (log.poison, log.poisoned_at) = (Some(reason.clone()), now);
            drop(log);
            return Err(StoreError::Poisoned { reason });
        }
        world.executor.dawdle().await;
        committed
    }
}

impl Store for SlowStore {
    fn commit(&self, batch: Batch) -> StoreFuture<'_, Receipt> {
        Box::pin(self.write(batch))
    }

    fn counts(&self) -> StoreFuture<'_, Counts> {
        self.store.counts()
    }
}

/// Reads take their time too, before and after the moment whose truth they tell.
macro_rules! reads {
    ($($reads:ident { $($read:ident($($name:ident: $kind:ty),*) -> $answer:ty;)* })*) => {
        $(impl $reads for SlowStore {
            $(fn $read<'a>(&'a self, $($name: $kind),*) -> StoreFuture<'a, $answer> {
                Box::pin(async move {
                    self.world.executor.dawdle().await;
                    let answer = self.store.$read($($name),*).await;
                    self.world.executor.dawdle().await;
                    answer
                })
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
    }
    Patients {
        patients(site: &'a SiteId, ids: &'a [PatientId]) -> Vec<PatientRecord>;
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
        parked(site: Option<&'a SiteId>) -> Vec<ParkedItem>;
    }
    Outbox {
        outbound_due(to: &'a str, now: Timestamp, limit: usize) -> Vec<OutboundMessage>;
        next_outbound_due(to: &'a str) -> Option<Timestamp>;
        outbound(id: &'a str) -> Option<OutboundMessage>;
        outbound_of(site: &'a SiteId, sequence: &'a str) -> Vec<OutboundMessage>;
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
            to: Timestamp
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
            to: Timestamp
        ) -> Vec<InstanceRecord>;
    }
}

impl Payloads for SlowPayloads {
    fn create(&self) -> Box<dyn PayloadWriter> {
        Box::new(Writer { writer: self.payloads.create(), world: Arc::clone(&self.world) })
    }

    fn open(&self, digest: &Digest) -> PayloadFuture<'_, Box<dyn PayloadReader>> {
        let digest = *digest;
        Box::pin(async move {
            self.world.executor.dawdle().await;
            if self.world.disk_fails(DiskFault::Unreadable) {
                self.world.reach("payload unreadable");
                return Err(io::ErrorKind::Other.into());
            }
            self.payloads.open(&digest).await
        })
    }

    fn hold(&self, digest: &Digest) -> PayloadFuture<'_, Option<PayloadHold>> {
        self.payloads.hold(digest)
    }

    fn claim(&self, digest: &Digest) -> Option<PayloadClaim> {
        self.payloads.claim(digest)
    }

    fn remove(&self, claim: PayloadClaim) -> PayloadFuture<'_, bool> {
        self.world.reach("payload removed");
        self.payloads.remove(claim)
    }

    fn list(&self, after: Option<Digest>, limit: usize) -> PayloadFuture<'_, Vec<ListedPayload>> {
        self.payloads.list(after, limit)
    }

    fn space(&self) -> PayloadFuture<'_, Space> {
        let bytes_free = self.world.bytes_free();
        let space = Space { bytes_free, bytes_total: 1000, inodes_free: 1, inodes_total: 1 };
        Box::pin(async move { Ok(space) })
    }
}

struct Writer {
    writer: Box<dyn PayloadWriter>,
    world: Arc<World>,
}

impl PayloadWriter for Writer {
    fn write(&mut self, bytes: Bytes) -> PayloadFuture<'_, ()> {
        self.writer.write(bytes)
    }

    fn finish(self: Box<Self>) -> PayloadFuture<'static, HeldPayload> {
        Box::pin(async move {
            self.world.executor.dawdle().await;
            if self.world.disk_fails(DiskFault::PayloadFails) {
                self.world.reach("payload fails");
                return Err(io::ErrorKind::StorageFull.into());
            }
            let held = self.writer.finish().await;
            self.world.executor.dawdle().await;
            held
        })
    }
}

/// The keys of deliveries that a batch says were sent.
pub fn sent_in(batch: &Batch) -> Vec<DeliveryKey> {
    let sent = batch.effects.iter().filter_map(|effect| match effect {
        Effect::Delivery(it) if matches!(it.state, DeliveryState::Sent { .. }) => Some(&it.key),
        _ => None,
    });
    sent.cloned().collect()
}
