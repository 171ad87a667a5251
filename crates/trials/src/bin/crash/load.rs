//! The senders: four modalities, a RIS and a reader, who keep what was acknowledged to them.
//!
//! A modality sends its slices one after the other, and some of them a second time with other bytes under the same UID: a
//! variant, or another image. What was cut off is sent again, as modalities do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use telerad::dicom::Status;
use telerad_trials::configuration::SOURCES;
use telerad_trials::dicom_client::DicomClient;
use telerad_trials::dicom_sink::Records;
use telerad_trials::gateway::Addresses;
use telerad_trials::hl7_client::Hl7Client;
use telerad_trials::messages::Order;
use telerad_trials::synthetic::Instance;
use telerad_trials::wait;

use crate::house::PATIENT_SOURCE;

const MODALITIES: u64 = 4;
const INSTANCES_PER_STUDY: u64 = 8;

/// How hard the senders work.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two operations of a sender. Short, so that most crashes fall within some operation; not
    /// nothing, so that the allowance of a life lasts until its end.
    pub between: Duration,
    /// What one life of the gateway may be sent at most, so that a long trial stays bounded.
    pub instances_per_life: i64,
    /// Of one slice in sixteen, so that a crash also meets a data set of several blocks.
    pub large_pixels: u64,
    /// Orders and reports for one life.
    pub messages_per_life: i64,
}

impl Pace {
    /// For lives of some tenths of a second.
    pub const STEADY: Self = Self {
        between: Duration::from_millis(4),
        instances_per_life: 120,
        large_pixels: 600_000,
        messages_per_life: 40,
    };
    /// For lives of some hundredths.
    pub const BRISK: Self = Self {
        between: Duration::from_micros(200),
        instances_per_life: 24,
        large_pixels: 300_000,
        messages_per_life: 12,
    };
}

/// An instance that was begun to be sent.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Of what was sent first under its UID, which is what is delivered.
    pub digest: blake3::Hash,
    /// Its study.
    pub study: String,
}

/// Something that was acknowledged.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    /// When its sending first began. First, because what was durable already and lost its answer is rightly acknowledged
    /// by a gateway that can store no more.
    pub began: Instant,
    /// When the answer was read.
    pub at: Instant,
    /// What.
    pub what: Sent,
}

/// What a sender sends.
#[derive(Clone, Debug)]
pub enum Sent {
    /// By SOP Instance UID and digest.
    Instance(String, blake3::Hash),
    /// By MSH-3 and MSH-4, and control ID.
    Message(String, String),
}

/// What a person at the desk wants of a study, as far as they know; `None` for what is in doubt.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// Where it was sent instead.
    pub goes_to: Option<&'static str>,
    /// Whether it is held.
    pub held: Option<bool>,
    /// Whether it was ever asked to be cancelled.
    pub may_be_cancelled: bool,
    /// How often it may have been asked to be sent again.
    pub resent: u32,
    /// How often it may have been sent there in place of elsewhere. What was on its way there when it was taken away goes
    /// once more with the rest: whether it has arrived nobody knows.
    pub rerouted: BTreeMap<&'static str, u32>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            goes_to: None,
            held: Some(false),
            may_be_cancelled: false,
            resent: 0,
            rerouted: BTreeMap::new(),
        }
    }
}

/// What the senders and the person know.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// By SOP instance UID, everything that was ever begun to be sent.
    pub attempted: BTreeMap<String, Attempt>,
    /// Their studies, in the order they were begun.
    pub studies: Vec<String>,
    /// MSH-3 and MSH-4, control ID and bytes of every message that was answered with AA.
    pub messages: BTreeMap<(String, String), String>,
    /// What was acknowledged since the present gateway serves.
    pub acknowledged: Vec<Acknowledged>,
    /// Answered with 0000H.
    pub instances: BTreeMap<String, blake3::Hash>,
    /// Answered with 0000H, and sent under a UID that other bytes had before.
    pub variants: BTreeMap<String, blake3::Hash>,
    /// How many of the instances were to be answered when they had been delivered.
    pub after_delivery: usize,
    /// Answered with AA.
    pub orders: BTreeSet<Order>,
    /// Orders whose report was answered with AA.
    pub reports: BTreeSet<Order>,
    /// Study instance UIDs of orders whose report was begun to be sent.
    pub reported: BTreeSet<String>,
    /// Answers that were neither success nor a broken connection.
    pub refused: Vec<String>,
    /// How often a connection broke between a request and its answer.
    pub cut_off: u32,
    /// By study, what a person wants.
    pub wishes: BTreeMap<String, Wishes>,
    /// What a person was granted, and how often.
    pub decisions: BTreeMap<&'static str, usize>,
    /// Payloads that were removed.
    pub removed: usize,
    /// What should not have happened.
    pub broken: Vec<String>,
}

/// A ledger that several write in.
pub type Notebook = Arc<Mutex<Ledger>>;

/// The senders, running.
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    pace: Pace,
    addresses: Mutex<Option<Addresses>>,
    instances_left: AtomicI64,
    messages_left: AtomicI64,
    stop: AtomicBool,
    ledger: Notebook,
    /// Where an instance must have arrived that was to be answered after delivery.
    destinations: Option<Vec<Records>>,
}

impl Load {
    /// Starts the senders; they wait for [`Load::serve`]. With `destinations`, one source is answered when all that it is
    /// to reach has answered, and that is looked into.
    pub fn start(pace: Pace, destinations: Option<Vec<Records>>) -> Self {
        let shared = Arc::new(Shared {
            pace,
            addresses: Mutex::default(),
            instances_left: AtomicI64::default(),
            messages_left: AtomicI64::default(),
            stop: AtomicBool::default(),
            ledger: Notebook::default(),
            destinations,
        });
        let mut threads = Vec::new();
        for number in 0..MODALITIES {
            let shared = Arc::clone(&shared);
            threads.push(std::thread::spawn(move || modality(&shared, number)));
        }
        for (role, next) in [("RIS", next_order as NextMessage), ("READER", next_report)] {
            let shared = Arc::clone(&shared);
            threads.push(std::thread::spawn(move || messages(&shared, role, next)));
        }
        Self { shared, threads }
    }

    /// The gateway serves at these addresses.
    pub fn serve(&self, addresses: Addresses) {
        self.shared.instances_left.store(self.shared.pace.instances_per_life, Ordering::Relaxed);
        self.shared.messages_left.store(self.shared.pace.messages_per_life, Ordering::Relaxed);
        self.shared.ledger().acknowledged.clear();
        *lock(&self.shared.addresses) = Some(addresses);
    }

    /// The gateway is about to be killed: nobody should connect to a port that may be another's.
    pub fn pause(&self) {
        *lock(&self.shared.addresses) = None;
    }

    /// What the senders know by now.
    pub fn ledger(&self) -> Ledger {
        self.shared.ledger().clone()
    }

    /// What the senders know, to write in.
    pub fn notebook(&self) -> Notebook {
        Arc::clone(&self.shared.ledger)
    }

    /// Ends the senders and hands over what they know.
    pub fn stop(self) -> Ledger {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // A panic has been printed, and shows as something missing from the ledger.
            let _ = thread.join();
        }
        std::mem::take(&mut *lock(&self.shared.ledger))
    }
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Where to send, once there is a gateway and something left to send; `None` at the end.
    fn next_addresses(&self, left: &AtomicI64) -> Option<Addresses> {
        while !self.stopped() {
            let addresses = *lock(&self.addresses);
            if addresses.is_some() && left.fetch_sub(1, Ordering::Relaxed) > 0 {
                return addresses;
            }
            wait::pause(Duration::from_millis(1));
        }
        None
    }
}

/// Whoever panics in a trial has ended it.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

/// One modality, and what it is about to send.
struct Modality<'a> {
    shared: &'a Shared,
    number: u64,
    title: &'static str,
    slice: u64,
    /// The slice has been acknowledged, and goes once more with other bytes.
    again: bool,
    first_began: Option<Instant>,
}

fn modality(shared: &Shared, number: u64) {
    let title = SOURCES[usize::try_from(number).expect("a small number")];
    let mut modality =
        Modality { shared, number, title, slice: 0, again: false, first_began: None };
    let mut connection: Option<(Addresses, DicomClient)> = None;
    while let Some(addresses) = shared.next_addresses(&shared.instances_left) {
        wait::pause(shared.pace.between);
        let (study, instance) = modality.next();
        if connection.as_ref().is_none_or(|(known, _)| *known != addresses) {
            connection =
                DicomClient::connect(addresses.dicom, title).ok().map(|new| (addresses, new));
        }
        let Some((_, client)) = connection.as_mut() else {
            wait::pause(Duration::from_millis(5));
            continue;
        };
        modality.begin(&study, &instance);
        match client.store(&instance) {
            Ok(status) => modality.answered(&instance, status),
            Err(_) => {
                shared.ledger().cut_off += 1;
                connection = None;
            }
        }
    }
}

impl Modality<'_> {
    fn next(&self) -> (String, Instance) {
        let Self { slice, number, .. } = *self;
        let study = slice / INSTANCES_PER_STUDY * MODALITIES + number;
        let uid = format!("2.25.4{study:06}{slice:06}");
        // Two kilobytes mostly, hundreds at times: crashes fall before, within and after the data set.
        let pixels = if slice % 16 == 15 {
            self.shared.pace.large_pixels
        } else {
            2048 + 2 * (slice * 7919 % 20_000)
        };
        let pixels = usize::try_from(pixels).expect("a small number");
        let order = Order::new("CRS", study);
        let seed = study * 1000 + slice;
        let instance = match (self.again, slice % 16) {
            (false, _) => Instance::ct(&order, &uid, pixels, seed),
            (true, CONFLICT) => Instance::ct(&order, &uid, pixels, seed + 500),
            (true, _) => Instance::ct(&order, &uid, pixels, seed).padded(),
        };
        (order.study_instance_uid, instance)
    }

    fn begin(&mut self, study: &str, instance: &Instance) {
        self.first_began.get_or_insert_with(Instant::now);
        let mut ledger = self.shared.ledger();
        if !ledger.studies.iter().any(|known| known == study) {
            ledger.studies.push(study.to_owned());
        }
        let digest = instance.digest();
        let uid = instance.sop_instance_uid.clone();
        let attempt = || Attempt { digest, study: study.to_owned() };
        ledger.attempted.entry(uid).or_insert_with(attempt);
    }

    fn answered(&mut self, instance: &Instance, status: Status) {
        let at = Instant::now();
        let uid = instance.sop_instance_uid.clone();
        let mut ledger = self.shared.ledger();
        if status != Status::SUCCESS {
            ledger.refused.push(format!("{uid}: {:04X}", status.code()));
            drop(ledger);
            return wait::pause(Duration::from_millis(2));
        }
        let digest = instance.digest();
        let began = self.first_began.take().unwrap_or(at);
        let what = Sent::Instance(uid.clone(), digest);
        ledger.acknowledged.push(Acknowledged { began, at, what });
        if std::mem::take(&mut self.again) {
            ledger.variants.insert(uid, digest);
            self.slice += 1;
            return;
        }
        if self.title == PATIENT_SOURCE
            && let Some(destinations) = &self.shared.destinations
        {
            ledger.after_delivery += 1;
            if !destinations.iter().any(|records| records.has(&uid, &digest)) {
                ledger.broken.push(format!("instance {uid}: answered before it was delivered"));
            }
        }
        ledger.instances.insert(uid, digest);
        let is_again = matches!(self.slice % 16, VARIANT | CONFLICT);
        // A second version goes nowhere, so that nothing ever answers for its delivery.
        self.again = is_again && self.title != PATIENT_SOURCE;
        self.slice += u64::from(!self.again);
    }
}

/// Of sixteen slices, the one that also comes with the same image in other bytes.
const VARIANT: u64 = 3;
/// And the one under whose UID another image comes.
const CONFLICT: u64 = 9;

/// The next message of a sender, with the order it is about.
type NextMessage = fn(&Ledger, u64) -> Option<(Order, String)>;

fn next_order(_: &Ledger, number: u64) -> Option<(Order, String)> {
    let order = Order::new("CRS", number);
    let message = order.orm(&format!("ORM{number}"));
    Some((order, message))
}

/// Every second order that was acknowledged gets a report.
fn next_report(ledger: &Ledger, number: u64) -> Option<(Order, String)> {
    let order = Order::new("CRS", number * 2);
    let message = order.oru(&format!("ORU{number}"));
    ledger.orders.contains(&order).then_some((order, message))
}

/// Sends one message after the other; what was cut off is sent again with the same control ID.
fn messages(shared: &Shared, role: &str, next: NextMessage) {
    let mut connection: Option<(Addresses, Hl7Client)> = None;
    let mut number = 0;
    let mut first_began = None;
    while let Some(addresses) = shared.next_addresses(&shared.messages_left) {
        wait::pause(shared.pace.between);
        let Some((order, message)) = next(&shared.ledger(), number) else {
            shared.messages_left.fetch_add(1, Ordering::Relaxed);
            wait::pause(Duration::from_millis(5));
            continue;
        };
        if connection.as_ref().is_none_or(|(known, _)| *known != addresses) {
            connection = Hl7Client::connect(addresses.hl7).ok().map(|new| (addresses, new));
        }
        let Some((_, client)) = connection.as_mut() else {
            wait::pause(Duration::from_millis(5));
            continue;
        };
        let began = *first_began.get_or_insert_with(Instant::now);
        if role != "RIS" {
            shared.ledger().reported.insert(order.study_instance_uid.clone());
        }
        let answer = client.send(&message);
        let mut ledger = shared.ledger();
        match answer {
            Ok(ack) if ack.code == "AA" => {
                let acknowledged =
                    if role == "RIS" { &mut ledger.orders } else { &mut ledger.reports };
                acknowledged.insert(order);
                let sender = format!("{role}|{}", if role == "RIS" { "NORTH" } else { "READING" });
                let what = Sent::Message(sender.clone(), ack.control_id.clone());
                ledger.acknowledged.push(Acknowledged { began, at: Instant::now(), what });
                ledger.messages.insert((sender, ack.control_id), message);
                first_began = None;
                number += 1;
            }
            Ok(ack) => {
                ledger.refused.push(format!("{role} {number}: {}", ack.code));
                drop(ledger);
                wait::pause(Duration::from_millis(2));
            }
            Err(_) => {
                ledger.cut_off += 1;
                connection = None;
            }
        }
    }
}
