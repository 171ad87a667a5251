//! What everybody in a schedule shares: the plan, the streets, and a log of what each has seen for himself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use telerad::core::{SiteId, Uid};
use telerad::gateway::{Desk, Event};
use telerad::routing::{DeliveryKey, DeliveryRecord, DestinationId, InstanceRecord, StudyDecision};
use telerad::store::{Batch, Effect, ParkedItem};
use telerad_testkit::dicom::Instance;
use tokio::sync::Notify;

use crate::disk::sent_in;
use crate::executor::{Executor, Life, lock};
use crate::plan::{DiskFault, Fault, Plan, WishKind};
use crate::wire::{Line, Network};

/// Everything around a gateway.
pub struct World {
    pub executor: Executor,
    pub network: Network,
    pub plan: Arc<Plan>,
    /// Rings with the commit that a crash waits for.
    pub crash_bell: Notify,
    log: Mutex<Log>,
}

/// What was seen, by those who saw it. Times are microseconds since the beginning.
#[derive(Default)]
pub struct Log {
    pub trace: Vec<String>,
    /// The store takes nothing more, and why.
    pub poison: Option<String>,
    pub poisoned_at: u64,
    /// The gateway that runs, and its desk.
    pub open: Option<(Life, Desk)>,
    /// Sources that still have something to send, orders to tell, people to ask.
    pub busy: u64,
    pub is_over: bool,
    /// Whatever went wrong in the simulation itself.
    pub faults: Vec<String>,

    pub commits: u64,
    pub crash_at_commit: Option<u64>,
    /// Where gateways ended: when, and whether by a crash.
    pub ends: Vec<(u64, bool)>,
    /// The rules in force from then on.
    pub rules: Vec<(u64, usize)>,

    pub answers: Vec<Answered>,
    pub copies: Vec<Kept>,
    pub refusals: Vec<Refused>,
    pub given: Vec<Given>,
    /// What destinations have said to have (0111H), as it was sent to them.
    pub said: BTreeMap<(usize, String), Instance>,
    pub refused_classes: BTreeSet<(usize, String)>,
    pub refused_syntaxes: BTreeSet<usize>,
    pub seen: Vec<(u64, Seen)>,
    /// What was sent, and could not be recorded.
    pub lost: Vec<(u64, DeliveryKey)>,
    pub events: Vec<(u64, Event)>,
    pub wishes: Vec<(u64, WishKind, usize)>,
    pub reached: BTreeMap<&'static str, u64>,
}

/// The answer of the gateway to a source.
#[derive(Clone, Debug)]
pub struct Answered {
    pub at: u64,
    pub source: usize,
    pub instance: usize,
    pub version: usize,
    pub status: u16,
}

/// An instance that a destination kept.
#[derive(Clone, Debug)]
pub struct Kept {
    pub destination: usize,
    pub uid: String,
    pub digest: [u8; 32],
    pub began: u64,
    pub at: u64,
    /// When it was answered; never, when that was lost.
    pub answered: Option<u64>,
}

/// An instance that a destination did not keep.
#[derive(Clone, Debug)]
pub struct Refused {
    pub destination: usize,
    pub uid: String,
    pub status: u16,
}

/// An instance that a destination said to have, and gave back when it was asked for it.
#[derive(Clone, Debug)]
pub struct Given {
    pub destination: usize,
    pub uid: String,
    pub at: u64,
    /// It is the image that was sent.
    pub same: bool,
}

/// What one batch made durable.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub deliveries: Vec<DeliveryRecord>,
    pub instances: Vec<InstanceRecord>,
    pub journal: Vec<String>,
    pub parked: Vec<ParkedItem>,
    pub studies: Vec<StudyDecision>,
}

impl Seen {
    pub fn of(batch: &Batch) -> Self {
        let mut seen = Self::default();
        for effect in &batch.effects {
            match effect {
                Effect::Delivery(delivery) => seen.deliveries.push(delivery.clone()),
                Effect::Instance { record, .. } => seen.instances.push(record.clone()),
                Effect::Journal(entry) => seen.journal.push(entry.event.clone()),
                Effect::Park(item) => seen.parked.push(item.clone()),
                Effect::Study(study) => seen.studies.push(study.clone()),
                _ => {}
            }
        }
        seen
    }
}

impl World {
    pub fn new(plan: Plan) -> Arc<Self> {
        let executor = Executor::new(plan.seed);
        let plan = Arc::new(plan);
        let gate = (Arc::clone(&plan), executor.clone());
        let network = Network::new(
            executor.clone(),
            Arc::new(move |address: &str| line(&gate.0, &gate.1, address)),
        );
        let log = Mutex::default();
        Arc::new(Self { executor, network, plan, crash_bell: Notify::new(), log })
    }

    pub fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    pub fn micros(&self) -> u64 {
        self.executor.micros()
    }

    /// A line of the trace.
    pub fn tell(&self, line: impl AsRef<str>) {
        let now = self.micros();
        let (seconds, micros) = (now / 1_000_000, now % 1_000_000);
        self.log().trace.push(format!("{seconds:>6}.{micros:06} {}", line.as_ref()));
    }

    /// A kind of thing has happened.
    pub fn reach(&self, kind: &'static str) {
        *self.log().reached.entry(kind).or_default() += 1;
        self.tell(kind);
    }

    pub fn fault(&self, destination: usize) -> Option<Fault> {
        self.plan.fault(destination, self.micros() / 1_000_000, &self.executor.dice())
    }

    pub fn disk_fails(&self, kind: DiskFault) -> bool {
        self.plan.disk_fault(kind, self.micros() / 1_000_000, &self.executor.dice())
    }

    /// The room of the spool as it is.
    pub fn bytes_free(&self) -> u64 {
        let second = self.micros() / 1_000_000;
        self.plan.room.iter().rev().find(|(at, _)| *at <= second).map_or(1000, |(_, free)| *free)
    }

    /// A batch was not written, as far as anybody was told.
    pub fn note_lost(&self, batch: &Batch) {
        let now = self.micros();
        self.log().lost.extend(sent_in(batch).into_iter().map(|key| (now, key)));
    }

    pub fn note_seen(&self, seen: Seen) {
        let now = self.micros();
        for delivery in &seen.deliveries {
            let (key, state) = (&delivery.key, delivery.state.as_str());
            let (uid, to) = (&key.sop_instance_uid, &key.destination);
            self.tell(format!("ledger: {uid} to {to}: {state}, round {}", delivery.round));
        }
        for study in &seen.studies {
            let to: Vec<&str> = study.destinations.iter().map(DestinationId::as_str).collect();
            self.tell(format!("ledger: study {} to {to:?}", study.study_instance_uid));
        }
        for item in &seen.parked {
            self.tell(format!("ledger: parked {}: {}", item.subject, item.reason));
        }
        let mut log = self.log();
        log.seen.push((now, seen));
        log.commits += 1;
        if log.crash_at_commit == Some(log.commits) {
            log.crash_at_commit = None;
            self.crash_bell.notify_one();
        }
    }
}

fn line(plan: &Plan, executor: &Executor, address: &str) -> Line {
    let named = |name: &str| address.strip_suffix(":104") == Some(name);
    let Some(number) = plan.destinations.iter().position(|it| named(&it.name)) else {
        return Line::Open;
    };
    match plan.fault(number, executor.micros() / 1_000_000, &executor.dice()) {
        Some(Fault::Down) => Line::Refused,
        Some(Fault::Silent) => Line::Silent,
        _ => Line::Open,
    }
}

pub fn north() -> SiteId {
    SiteId::new("north").expect("a valid name")
}

pub fn uid(text: &str) -> Uid {
    Uid::new(text).expect("a valid UID")
}

pub fn destination_id(name: &str) -> DestinationId {
    DestinationId::new(name).expect("a valid name")
}
