//! The house: a gateway with two sites, and everybody who talks to it.

mod application;
mod archive;
mod clock;
mod department;
mod network;
mod senders;
mod storage;

use std::sync::Arc;
use std::time::Duration;

use telerad_core::{SiteId, Uid};
use telerad_gateway::{Configuration, Environment, Event, Gateway, SystemRng};
use telerad_net::TokioSpawn;
use telerad_routing::{DeliveryKey, DeliveryRecord, DestinationId};
use telerad_store::{Deliveries, ParkedItem, Parking};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::TryRecvError;

pub use application::{Application, Reply};
pub use archive::{Answer, Archive};
pub use clock::HouseClock;
pub use department::Department;
pub use network::Network;
pub use senders::{case_of, request, send_over};
pub use storage::{Bad, Commits, FullDisk, Verdict};

/// Two sites, `north` and `south`, that number their orders alike; one reading platform; the RIS of each.
pub const TOML: &str = include_str!("house.toml");

/// A running gateway, its state, and the streets around it.
pub struct House {
    pub clock: HouseClock,
    pub disk: FullDisk,
    pub gateway: Gateway,
    pub network: Network,
    pub store: Commits,
    events: broadcast::Receiver<Event>,
    seen: Vec<Event>,
    toml: String,
}

impl House {
    pub fn open() -> Self {
        Self::open_with(TOML)
    }

    pub fn open_with(toml: &str) -> Self {
        let state = (Commits::default(), FullDisk::default());
        Self::run(toml.to_owned(), Network::default(), HouseClock::new(), state)
    }

    fn run(
        toml: String,
        network: Network,
        clock: HouseClock,
        (store, disk): (Commits, FullDisk),
    ) -> Self {
        let configuration = Configuration::from_toml(&toml, "house.toml").unwrap();
        let environment = Environment {
            clock: Arc::new(clock),
            payloads: Arc::new(disk.clone()),
            rng: Arc::new(SystemRng),
            spawn: Arc::new(TokioSpawn),
            store: Arc::new(store.clone()),
        };
        let dicom = network.bind("telerad:104");
        let hl7 = network.bind("telerad:2575");
        let gateway =
            Gateway::start(configuration, environment, dicom, hl7, network.clone()).unwrap();
        let events = gateway.events();
        Self { clock, disk, gateway, network, store, events, seen: Vec::new(), toml }
    }

    /// Stops the gateway and starts another on what it left behind.
    pub async fn restart(self) -> Self {
        let toml = self.toml.clone();
        self.restart_with(&toml).await
    }

    /// The same with another configuration.
    pub async fn restart_with(self, toml: &str) -> Self {
        self.gateway.stop().await;
        Self::run(toml.to_owned(), self.network, self.clock, (self.store, self.disk))
    }

    /// Takes the first event that passes, waiting for it if need be.
    #[track_caller]
    pub fn event<'a>(
        &'a mut self,
        what: &'a str,
        passes: impl Fn(&Event) -> bool + 'a,
    ) -> impl Future<Output = Event> + 'a {
        let place = std::panic::Location::caller();
        let waiting = async move {
            loop {
                if let Some(at) = self.seen.iter().position(&passes) {
                    return self.seen.remove(at);
                }
                self.seen.push(self.events.recv().await.unwrap());
            }
        };
        async move {
            let in_time = tokio::time::timeout(PATIENCE, waiting).await;
            in_time.unwrap_or_else(|_| panic!("{place}: no event: {what}"))
        }
    }

    /// How many events pass, of all that came so far and were not taken.
    pub fn count(&mut self, passes: impl Fn(&Event) -> bool) -> usize {
        loop {
            match self.events.try_recv() {
                Ok(event) => self.seen.push(event),
                Err(TryRecvError::Empty) => break,
                Err(error) => panic!("{error}"),
            }
        }
        self.seen.iter().filter(|event| passes(event)).count()
    }

    /// Waits until so many instances were delivered.
    pub async fn delivered(&mut self, count: usize) {
        for number in 1..=count {
            let what = format!("delivery {number} of {count}");
            self.event(&what, |event| matches!(event, Event::InstanceDelivered { .. })).await;
        }
    }

    /// Lets simulated time pass, long enough for everything that has a pause to happen.
    pub async fn let_pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Seconds since eight in the morning.
    pub fn clock_seconds(&self) -> u64 {
        use telerad_net::Clock;
        u64::try_from(self.clock.timestamp().as_micros() / 1_000_000).unwrap() - 1_767_600_000
    }

    /// A quarter of an hour in which anything that is going to happen does.
    pub async fn settle(&self) {
        self.let_pass(Duration::from_secs(900)).await;
    }

    /// Everything that waits for a person, at any site.
    pub async fn parked(&self) -> Vec<ParkedItem> {
        self.store.parked(None, None, usize::MAX).await.unwrap()
    }

    pub async fn reasons(&self) -> Vec<String> {
        self.parked().await.into_iter().map(|item| item.reason).collect()
    }

    /// The ledger's line of an instance of `north` and the reading platform.
    pub async fn delivery(&self, sop_instance_uid: &str) -> Option<DeliveryRecord> {
        let key = DeliveryKey {
            site: site("north"),
            sop_instance_uid: Uid::new(sop_instance_uid).unwrap(),
            destination: DestinationId::new("reading").unwrap(),
        };
        self.store.delivery(&key).await.unwrap()
    }

    /// The state of that line, by name.
    pub async fn state_of(&self, sop_instance_uid: &str) -> &'static str {
        self.delivery(sop_instance_uid).await.map_or("unknown", |line| line.state.as_str())
    }
}

/// Simulated, and longer than any pause of the gateway.
const PATIENCE: Duration = Duration::from_secs(3600);

pub fn site(id: &str) -> SiteId {
    SiteId::new(id).unwrap()
}
