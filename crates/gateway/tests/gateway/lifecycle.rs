//! Stopping, and starting again on what was left.

use std::time::Duration;

use telerad_gateway::{Configuration, Environment, Event, Gateway, SystemRng};
use telerad_net::{Connector, TokioSpawn};
use telerad_store::{Outbox, Store};
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::{orm_o01, oru_r01};
use tokio::io::AsyncReadExt;

use crate::house::{Answer, Application, Archive, House, HouseClock, Network, TOML, case_of};

fn slices(count: u64) -> Vec<Instance> {
    let slice = |number| Instance {
        sop_instance_uid: format!("2.25.9000{number:03}"),
        rows: 8,
        columns: 8,
        ..Instance::new(1)
    };
    (1..=count).map(slice).collect()
}

#[tokio::test(start_paused = true)]
async fn an_idle_gateway_stops_at_once() {
    let house = House::open();
    let asked = tokio::time::Instant::now();
    house.gateway.stop().await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stopped_gateway_listens_no_more() {
    let House { gateway, network, .. } = House::open();
    gateway.stop().await;
    for address in ["telerad:104", "telerad:2575"] {
        assert!(network.connect(address).await.is_err(), "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_dropped_stops() {
    let House { gateway, network, .. } = House::open();
    let mut open = network.connect("telerad:2575").await.unwrap();
    drop(gateway);
    assert_eq!(open.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(network.connect("telerad:104").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_at_a_stop_goes_out_after_the_next_start() {
    let house = House::open();
    house.accept_all("CT1", &slices(30)).await;
    assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "north", 1))).await, "AA");
    assert_eq!(house.answer_to(&oru_r01(&case_of("READER", "north", 1))).await, "AA");
    assert_eq!(house.store.outbound_destinations().await.unwrap().len(), 1);
    let mut house = house.restart().await;
    let archive = Archive::open(&house.network);
    let ris = Application::open(&house.network, "ris:2576");
    house.delivered(30).await;
    house.event("sent", |event| matches!(event, Event::MessageDelivered { .. })).await;
    house.settle().await;
    assert_eq!((archive.kept().len(), ris.taken("OBR-18")), (30, vec!["N-A1".to_owned()]));
    let counts = house.store.counts().await.unwrap();
    assert_eq!((counts.deliveries_pending, counts.outbound_pending), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_twice_because_of_a_stop() {
    let house = House::open();
    let archive = Archive::open(&house.network);
    let slices = slices(30);
    let sending = async {
        house.accept_all("CT1", &slices).await;
    };
    tokio::join!(sending, archive.came());
    let mut house = house.restart().await;
    house.settle().await;
    house.count(|_| false);
    assert_eq!(archive.kept().len(), 30);
    assert!(archive.offers().values().all(|times| *times == 1), "{:?}", archive.offers());
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_being_received_is_answered_before_the_end() {
    let House { gateway, network, store, clock, .. } = House::open();
    let bell = std::sync::Arc::new(tokio::sync::Notify::new());
    let reached = std::sync::Arc::new(tokio::sync::Notify::new());
    let (held, at_commit) = (std::sync::Arc::clone(&bell), std::sync::Arc::clone(&reached));
    store.watch.judge(move |_| {
        at_commit.notify_one();
        crate::house::Verdict::After(std::sync::Arc::clone(&held))
    });
    let instance = Instance::new(1);
    let sending = crate::house::send_over(&network, clock, "CT1", &instance);
    let stopping = async {
        reached.notified().await;
        let stop = gateway.stop();
        let ring = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            bell.notify_one();
        };
        tokio::join!(stop, ring);
    };
    let (status, ()) = tokio::join!(sending, stopping);
    assert_eq!(status, 0);
    assert_eq!(store.counts().await.unwrap().instances, 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_destination_does_not_keep_the_gateway_from_stopping() {
    let house = House::open();
    let archive = Archive::open(&house.network).script(|_, _| Answer::Hang);
    house.accept_all("CT1", &slices(1)).await;
    archive.came().await;
    let asked = tokio::time::Instant::now();
    let mut house = house.restart().await;
    assert!(asked.elapsed() < Duration::from_secs(40), "{:?}", asked.elapsed());
    drop(archive);
    let archive = Archive::open(&house.network);
    house.delivered(1).await;
    assert_eq!(archive.kept().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_refers_to_nothing_starts_nothing() {
    let mut configuration = Configuration::from_toml(TOML, "house.toml").unwrap();
    configuration.destinations.clear();
    let network = Network::default();
    let environment = Environment {
        clock: std::sync::Arc::new(HouseClock::new()),
        payloads: std::sync::Arc::new(telerad_store::payload::MemoryPayloads::new()),
        rng: std::sync::Arc::new(SystemRng),
        spawn: std::sync::Arc::new(TokioSpawn),
        store: std::sync::Arc::new(telerad_store::memory::MemoryStore::new()),
    };
    let (dicom, hl7) = (network.bind("telerad:104"), network.bind("telerad:2575"));
    let started = Gateway::start(configuration, environment, dicom, hl7, network.clone());
    let Err(error) = started else { panic!("it started") };
    assert!(error.message.contains("reading"), "{error}");
    assert!(network.connect("telerad:104").await.is_err());
}
