//! The senders: four modalities, a RIS and a reader, who keep what was acknowledged to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use telerad::dicom::Status;
use telerad_trials::configuration::SOURCES;
use telerad_trials::dicom_client::DicomClient;
use telerad_trials::gateway::Addresses;
use telerad_trials::hl7_client::Hl7Client;
use telerad_trials::messages::Order;
use telerad_trials::synthetic::Instance;
use telerad_trials::wait;

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

/// What the senders know.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// SOP instance UID and digest of everything that was ever begun to be sent.
    pub attempted: BTreeMap<String, blake3::Hash>,
    /// MSH-3 and MSH-4, control ID and bytes of every message that was answered with AA.
    pub messages: BTreeMap<(String, String), String>,
    /// When the sending first began of what was last acknowledged: instances. First, because what was durable already
    /// and lost its answer is rightly acknowledged by a gateway that can store no more.
    pub last_instance: Option<Instant>,
    /// The same for messages.
    pub last_message: Option<Instant>,
    /// Answered with 0000H.
    pub instances: BTreeMap<String, blake3::Hash>,
    /// Answered with AA.
    pub orders: BTreeSet<Order>,
    /// Orders whose report was answered with AA.
    pub reports: BTreeSet<Order>,
    /// Answers that were neither success nor a broken connection.
    pub refused: Vec<String>,
    /// How often a connection broke between a request and its answer.
    pub cut_off: u32,
}

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
    ledger: Mutex<Ledger>,
}

impl Load {
    /// Starts the senders; they wait for [`Load::serve`].
    pub fn start(pace: Pace) -> Self {
        let shared = Arc::new(Shared {
            pace,
            addresses: Mutex::default(),
            instances_left: AtomicI64::default(),
            messages_left: AtomicI64::default(),
            stop: AtomicBool::default(),
            ledger: Mutex::default(),
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

/// Sends its slices one after the other; what was cut off is sent again, as modalities do.
fn modality(shared: &Shared, number: u64) {
    let title = SOURCES[usize::try_from(number).expect("a small number")];
    let mut connection: Option<(Addresses, DicomClient)> = None;
    let mut slice = 0;
    let mut first_began = None;
    while let Some(addresses) = shared.next_addresses(&shared.instances_left) {
        wait::pause(shared.pace.between);
        let study = slice / INSTANCES_PER_STUDY * MODALITIES + number;
        let uid = format!("2.25.4{study:06}{slice:06}");
        // Two kilobytes mostly, hundreds at times: crashes fall before, within and after the data set.
        let pixels = if slice % 16 == 15 {
            shared.pace.large_pixels
        } else {
            2048 + 2 * (slice * 7919 % 20_000)
        };
        let pixels = usize::try_from(pixels).expect("a small number");
        let instance = Instance::ct(&Order::new("CRS", study), &uid, pixels, study * 1000 + slice);
        shared.ledger().attempted.insert(uid.clone(), instance.digest());
        if connection.as_ref().is_none_or(|(known, _)| *known != addresses) {
            connection =
                DicomClient::connect(addresses.dicom, title).ok().map(|new| (addresses, new));
        }
        let Some((_, client)) = connection.as_mut() else {
            wait::pause(Duration::from_millis(5));
            continue;
        };
        let began = *first_began.get_or_insert_with(Instant::now);
        match client.store(&instance) {
            Ok(Status::SUCCESS) => {
                let mut ledger = shared.ledger();
                ledger.instances.insert(uid, instance.digest());
                ledger.last_instance = ledger.last_instance.max(Some(began));
                first_began = None;
                slice += 1;
            }
            Ok(status) => {
                shared.ledger().refused.push(format!("{uid}: {:04X}", status.code()));
                wait::pause(Duration::from_millis(2));
            }
            Err(_) => {
                shared.ledger().cut_off += 1;
                connection = None;
            }
        }
    }
}

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
        let answer = client.send(&message);
        let mut ledger = shared.ledger();
        match answer {
            Ok(ack) if ack.code == "AA" => {
                let acknowledged =
                    if role == "RIS" { &mut ledger.orders } else { &mut ledger.reports };
                acknowledged.insert(order);
                let sender = format!("{role}|{}", if role == "RIS" { "NORTH" } else { "READING" });
                ledger.messages.insert((sender, ack.control_id), message);
                ledger.last_message = ledger.last_message.max(Some(began));
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
