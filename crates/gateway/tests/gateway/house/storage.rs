use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use telerad_accession::SearchKey;
use telerad_core::{PatientId, Priority, SiteId, Timestamp, Uid};
use telerad_report::{ReportKey, ReportRecord};
use telerad_routing::{
    BreakerRecord, DeliveryKey, DeliveryRecord, DestinationId, Digest, GroupId, InstanceRecord,
    StickyMember, StudyDecision,
};
use telerad_store::memory::MemoryStore;
use telerad_store::payload::{MemoryPayloads, PayloadFuture, Space};
use telerad_store::{
    Batch, Counts, Deliveries, DeliveryCount, Destinations, HeldPayload, Instances, Journal,
    JournalEntry, JourneyKey, JourneySubject, Journeys, ListedPayload, MessageRecord, Messages,
    Orders, OutboundMessage, Outbox, ParkedItem, Parking, Patients, PayloadClaim, PayloadHold,
    PayloadReader, PayloadWriter, Payloads, Receipt, Reports, Store, StoreError, StoreFuture,
};
use telerad_worklist::{OrderKey, OrderRecord, PatientRecord};
use tokio::sync::Notify;

/// What is to become of a commit.
pub enum Verdict {
    Pass,
    Fail,
    /// Passes when this rings.
    After(Arc<Notify>),
    /// Fails, and the store cannot say what is durable.
    Poisoned,
}

type Judge = Arc<dyn Fn(&Batch) -> Verdict + Send + Sync>;

/// A store in memory whose commits can be held up and made to fail. Clones share it. Every commit gives way to others
/// first, so that decisions which were taken at the same time meet.
#[derive(Clone, Default)]
pub struct Commits {
    store: MemoryStore,
    judge: Arc<Mutex<Option<Judge>>>,
    /// How long an answer takes after it was read.
    late: Arc<Mutex<Duration>>,
}

impl Commits {
    pub fn judge(&self, judge: impl Fn(&Batch) -> Verdict + Send + Sync + 'static) {
        *self.judge.lock().unwrap() = Some(Arc::new(judge));
    }

    /// Whatever is read from now on has become this old when the answer is there.
    pub fn answer_late(&self, by: Duration) {
        *self.late.lock().unwrap() = by;
    }

    pub fn judge_no_more(&self) {
        *self.judge.lock().unwrap() = None;
    }
}

impl Store for Commits {
    fn commit(&self, batch: Batch) -> StoreFuture<'_, Receipt> {
        let judge = self.judge.lock().unwrap().clone();
        Box::pin(async move {
            tokio::task::yield_now().await;
            match judge.map_or(Verdict::Pass, |judge| judge(&batch)) {
                Verdict::Pass => {}
                Verdict::Fail => {
                    return Err(StoreError::Engine { reason: "the disk is full".to_owned() });
                }
                Verdict::After(bell) => bell.notified().await,
                Verdict::Poisoned => {
                    return Err(StoreError::Poisoned { reason: "a sync failed".to_owned() });
                }
            }
            self.store.commit(batch).await
        })
    }

    fn counts(&self) -> StoreFuture<'_, Counts> {
        self.store.counts()
    }
}

/// Reads go to the store as they are; their answers may be late.
macro_rules! reads {
    ($($reads:ident { $($read:ident($($name:ident: $kind:ty),*) -> $answer:ty;)* })*) => {
        $(impl $reads for Commits {
            $(fn $read<'a>(&'a self, $($name: $kind),*) -> StoreFuture<'a, $answer> {
                let (answer, late) = (self.store.$read($($name),*), *self.late.lock().unwrap());
                if late.is_zero() {
                    return answer;
                }
                Box::pin(async move {
                    let answer = answer.await;
                    tokio::time::sleep(late).await;
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

/// Payloads in memory that cannot be finished while the disk is full. Clones share them.
#[derive(Clone, Default)]
pub struct FullDisk {
    payloads: MemoryPayloads,
    full: Arc<AtomicBool>,
    bad: Arc<Mutex<BTreeMap<Digest, Bad>>>,
}

/// How a payload cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bad {
    /// Its content has another digest, as its last block shows.
    Damaged,
    /// The disk fails (EIO).
    Io,
    /// It is not there.
    Missing,
    /// This process has too many files open (EMFILE).
    TooManyFiles,
}

impl FullDisk {
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    /// From now on this payload cannot be read, or can again.
    pub fn set_bad(&self, digest: Digest, bad: Option<Bad>) {
        let mut all = self.bad.lock().unwrap();
        match bad {
            Some(bad) => drop(all.insert(digest, bad)),
            None => drop(all.remove(&digest)),
        }
    }

    pub fn payloads(&self) -> usize {
        self.payloads.len()
    }

    pub fn set_space(&self, space: Space) {
        self.payloads.set_space(space);
    }
}

impl Payloads for FullDisk {
    fn create(&self) -> Box<dyn PayloadWriter> {
        Box::new(Writer { writer: self.payloads.create(), full: Arc::clone(&self.full) })
    }

    fn open(&self, digest: &Digest) -> PayloadFuture<'_, Box<dyn PayloadReader>> {
        let fail = |error: io::Error| -> PayloadFuture<'_, Box<dyn PayloadReader>> {
            Box::pin(std::future::ready(Err(error)))
        };
        let bad = self.bad.lock().unwrap().get(digest).copied();
        match bad {
            None => self.payloads.open(digest),
            Some(Bad::Damaged) => {
                let opening = self.payloads.open(digest);
                Box::pin(
                    async move { Ok(Box::new(Damaged(opening.await?)) as Box<dyn PayloadReader>) },
                )
            }
            Some(Bad::Io) => fail(io::Error::from_raw_os_error(5)),
            Some(Bad::Missing) => fail(io::ErrorKind::NotFound.into()),
            Some(Bad::TooManyFiles) => fail(io::Error::from_raw_os_error(24)),
        }
    }

    fn hold(&self, digest: &Digest) -> PayloadFuture<'_, Option<PayloadHold>> {
        self.payloads.hold(digest)
    }

    fn claim(&self, digest: &Digest) -> Option<PayloadClaim> {
        self.payloads.claim(digest)
    }

    fn remove(&self, claim: PayloadClaim) -> PayloadFuture<'_, bool> {
        self.payloads.remove(claim)
    }

    fn list(&self, after: Option<Digest>, limit: usize) -> PayloadFuture<'_, Vec<ListedPayload>> {
        self.payloads.list(after, limit)
    }

    fn space(&self) -> PayloadFuture<'_, Space> {
        self.payloads.space()
    }
}

/// Reads to the last block, which is withheld.
struct Damaged(Box<dyn PayloadReader>);

impl PayloadReader for Damaged {
    fn next(&mut self) -> PayloadFuture<'_, Option<Bytes>> {
        Box::pin(async {
            let block = self.0.next().await?;
            let is_last = block.as_ref().is_none_or(|block| block.len() < 1 << 18);
            if is_last { Err(io::ErrorKind::InvalidData.into()) } else { Ok(block) }
        })
    }

    fn bytes(&self) -> u64 {
        self.0.bytes()
    }
}

struct Writer {
    writer: Box<dyn PayloadWriter>,
    full: Arc<AtomicBool>,
}

impl PayloadWriter for Writer {
    fn write(&mut self, bytes: Bytes) -> PayloadFuture<'_, ()> {
        self.writer.write(bytes)
    }

    fn finish(self: Box<Self>) -> PayloadFuture<'static, HeldPayload> {
        if self.full.load(Ordering::Relaxed) {
            return Box::pin(async { Err(io::ErrorKind::StorageFull.into()) });
        }
        self.writer.finish()
    }
}
