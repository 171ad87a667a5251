//! Durable in name only: the same behaviour as the SQLite store, gone with the process. For tests and simulations.

mod journey;
mod outbox;
mod performed;
mod queue;
mod read;
mod rows;
mod table;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use telerad_accession::SearchKey;
use telerad_core::{Priority, SiteId, Timestamp, Uid};
use telerad_report::{ReportKey, ReportRecord};
use telerad_routing::{
    BreakerRecord, DeliveryKey, DeliveryRecord, DestinationId, Digest, GroupId, InstanceRecord,
    StickyMember, StudyDecision,
};
use telerad_worklist::{OrderKey, OrderRecord, PatientRecord, PerformedStep};

use crate::access::{Counts, Store, StoreFuture};
use crate::apply::apply;
use crate::fault::{SyncFault, SyncPoint};
use crate::index::Searched;
use crate::subject::JourneySubject;
use crate::{Batch, JournalEntry, MessageRecord, OutboundMessage, ParkedItem, Receipt, StoreError};
use table::Table;

/// A store in memory. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
    sync_fault: SyncFault,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store whose commits ask this fault first.
    pub fn with_sync_fault(sync_fault: SyncFault) -> Self {
        Self { tables: Arc::default(), sync_fault }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // A panic between two effects would leave half a batch, but `apply` has no panic path.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, batch: Batch) -> Result<Receipt, StoreError> {
        let mut tables = self.tables();
        if let Some(reason) = &tables.poison {
            return Err(StoreError::Poisoned { reason: reason.clone() });
        }
        let applied = apply(batch, &mut *tables);
        if applied.is_err() {
            tables.each(Settle::TakeBack);
            return applied;
        }
        if let Err(error) = self.sync_fault.check(SyncPoint::Commit) {
            tables.each(Settle::TakeBack);
            let reason = error.to_string();
            tables.poison = Some(reason.clone());
            return Err(StoreError::Poisoned { reason });
        }
        tables.each(Settle::Keep);
        applied
    }

    /// A read that has its answer at once.
    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Tables) -> Result<T, StoreError>,
    ) -> StoreFuture<'static, T> {
        let answer = read(&self.tables());
        Box::pin(async move { answer })
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").field("counts", &self.tables().counts()).finish()
    }
}

impl Store for MemoryStore {
    fn commit(&self, batch: Batch) -> StoreFuture<'_, Receipt> {
        Box::pin(async move { self.write(batch) })
    }

    fn counts(&self) -> StoreFuture<'_, Counts> {
        self.read(|tables| Ok(tables.counts()))
    }
}

/// A number that grows with every row: what "first" means where times are equal.
type Sequence = u64;

#[derive(Default)]
struct Tables {
    poison: Option<String>,
    last: Sequence,

    journey_keys: Table<JourneyRow, ()>,

    messages: Table<String, MessageRecord>,
    message_subjects: Table<(SiteId, String, String), ()>,
    message_controls: Table<(String, String, Timestamp, String), ()>,

    orders: Table<OrderKey, (OrderRecord, Vec<SearchKey>)>,
    order_keys: Table<(SiteId, SearchKey, OrderKey), ()>,

    patients: Table<(SiteId, String), PatientRecord>,
    patient_ids: Table<(SiteId, String, String), ()>,

    performed_steps: Table<(SiteId, Uid), (Sequence, PerformedStep)>,
    performed_step_keys: Table<(SiteId, PerformedKey, Sequence), Uid>,

    instances: Table<(SiteId, Uid, Sequence), InstanceRecord>,
    instance_keys: Table<Head, (SiteId, Uid, Sequence)>,
    studies: Table<(SiteId, String), StudyDecision>,

    deliveries: Table<(DeliveryKey, Digest), Delivery>,
    deliveries_pending: Table<Pending, ()>,
    deliveries_by_study: Table<(SiteId, String, Sequence), (DeliveryKey, Digest)>,

    breakers: Table<DestinationId, BreakerRecord>,
    sticky: Table<(SiteId, GroupId, String), StickyMember>,

    reports: Table<ReportKey, (Sequence, ReportRecord)>,
    reports_by_order: Table<(SiteId, String, Sequence), ReportKey>,

    parked: Table<String, ParkedItem>,

    outbound: Table<String, (Sequence, OutboundMessage)>,
    outbound_pending: Table<OutboundPending, ()>,
    outbound_lanes: Table<OutboundLane, ()>,
    outbound_heads: Table<Chain, OutboundHead>,
    outbound_due: Table<OutboundHead, ()>,
    outbound_answered: Table<(String, Timestamp, String), ()>,

    journal: Table<(String, Sequence), JournalEntry>,
}

struct Delivery {
    sequence: Sequence,
    record: DeliveryRecord,
}

/// Site, what is searched, where it leads.
type JourneyRow = (SiteId, Searched, JourneySubject);

/// What a performed step is found by.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
enum PerformedKey {
    Open,
    Order(OrderKey),
    Study(String),
}

/// Site, key, study, identity: what a study is found by.
type Head = (SiteId, SearchKey, String, String);

/// The order in which deliveries go out: by lane, by when they may be tried, by when they were queued.
type Pending = (DestinationId, Priority, Timestamp, Timestamp, DeliveryKey, Digest);

/// Messages that go out one after the other: destination, site, sequence.
type Chain = (String, SiteId, String);

/// Of a pending message: its chain, queued at, number, not before, id.
type OutboundPending = (Chain, Timestamp, Sequence, Timestamp, String);

/// Of a pending message: its chain, its lane, number.
type OutboundLane = (Chain, Priority, Sequence);

/// Of the first message of a chain: destination, lane of the chain, not before, queued at, number, id.
type OutboundHead = (String, Priority, Timestamp, Timestamp, Sequence, String);

#[derive(Clone, Copy)]
enum Settle {
    Keep,
    TakeBack,
}

impl Tables {
    fn next(&mut self) -> Sequence {
        self.last += 1;
        self.last
    }

    fn each(&mut self, settle: Settle) {
        macro_rules! each {
            ($($table:ident),* $(,)?) => {
                // Naming every field makes a table that is left out a compile error.
                let Self { poison: _, last: _, $($table),* } = self;
                match settle {
                    Settle::Keep => { $($table.keep();)* }
                    Settle::TakeBack => { $($table.take_back();)* }
                }
            };
        }
        each!(
            journey_keys,
            messages,
            message_subjects,
            message_controls,
            orders,
            order_keys,
            patients,
            patient_ids,
            performed_steps,
            performed_step_keys,
            instances,
            instance_keys,
            studies,
            deliveries,
            deliveries_pending,
            deliveries_by_study,
            breakers,
            sticky,
            reports,
            reports_by_order,
            parked,
            outbound,
            outbound_pending,
            outbound_lanes,
            outbound_heads,
            outbound_due,
            outbound_answered,
            journal,
        );
    }

    fn counts(&self) -> Counts {
        let count = |rows: usize| rows as u64;
        Counts {
            deliveries: count(self.deliveries.len()),
            deliveries_pending: count(self.deliveries_pending.len()),
            instances: count(self.instances.len()),
            messages: count(self.messages.len()),
            orders: count(self.orders.len()),
            outbound_pending: count(self.outbound_pending.len()),
            parked: count(self.parked.len()),
            patients: count(self.patients.len()),
            performed_steps: count(self.performed_steps.len()),
            reports: count(self.reports.len()),
            studies: count(self.studies.len()),
        }
    }
}
