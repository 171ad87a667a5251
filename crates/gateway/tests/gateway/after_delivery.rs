//! C-STOREs that are answered when the destinations have answered.

use std::time::Duration;

use telerad_gateway::Event;
use telerad_store::Instances;
use telerad_testkit::dicom::Instance;

use crate::house::{Answer, Archive, House, TOML, site};

const PACS: &str = "ae_title = \"PACS\"\n";

/// A house whose PACS hears of an instance when the reading platform has it, within twenty seconds.
fn toml() -> String {
    let waits = "acknowledge = \"after_delivery\"\nacknowledge_seconds_max = 20\n";
    assert!(TOML.contains(PACS));
    TOML.replace(PACS, &format!("{PACS}{waits}"))
}

async fn is_kept(house: &House, instance: &Instance) -> bool {
    let uid = telerad_core::Uid::new(&instance.sop_instance_uid).unwrap();
    !house.store.versions(&site("north"), &uid).await.unwrap().is_empty()
}

#[tokio::test(start_paused = true)]
async fn success_says_that_the_destination_has_it() {
    let house = House::open_with(&toml());
    let archive = Archive::open(&house.network);
    house.accept("PACS", &Instance::new(1)).await;
    assert_eq!(archive.kept().len(), 1, "answered before it was delivered");
    // Again: it is there, and is not sent again.
    house.accept("PACS", &Instance::new(1)).await;
    assert_eq!(archive.offers()[&Instance::new(1).sop_instance_uid], 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_passed_on_as_it_was_given() {
    for status in [0xA900, 0xC123, 0x0124] {
        let house = House::open_with(&toml());
        let _archive = Archive::open(&house.network).script(move |_, _| Answer::Status(status));
        assert_eq!(house.send("PACS", &Instance::new(1)).await, status);
        assert!(is_kept(&house, &Instance::new(1)).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_class_that_is_not_taken_is_refused_as_such() {
    let house = House::open_with(&toml());
    let _archive = Archive::open(&house.network).refuse(|context| {
        let is_storage = context.abstract_syntax != telerad_dicom::uids::VERIFICATION;
        is_storage.then_some(telerad_dimse::ContextResult::AbstractSyntaxNotSupported)
    });
    assert_eq!(house.send("PACS", &Instance::new(1)).await, 0x0122);
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_in_time_it_is_told_to_come_again_and_stays_queued() {
    let mut house = House::open_with(&toml());
    let began = tokio::time::Instant::now();
    assert_eq!(house.send("PACS", &Instance::new(1)).await, 0xA700);
    let waited = began.elapsed();
    assert!((Duration::from_secs(20)..Duration::from_secs(22)).contains(&waited), "{waited:?}");
    // A source that does not ask for it is answered at once.
    let began = tokio::time::Instant::now();
    house.accept("CT1", &Instance::new(2)).await;
    assert!(began.elapsed() < Duration::from_secs(1));
    let archive = Archive::open(&house.network);
    house.delivered(2).await;
    house.accept("PACS", &Instance::new(1)).await;
    assert_eq!(archive.kept().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_busy_is_waited_for() {
    let house = House::open_with(&toml());
    let archive = Archive::open(&house.network)
        .script(|_, times| Answer::Status(if times < 3 { 0xA700 } else { 0 }));
    house.accept("PACS", &Instance::new(1)).await;
    assert_eq!(archive.kept().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_goes_nowhere_is_not_delivered() {
    let house = House::open_with(&toml().replace(
        "id = \"everything-to-reading\"",
        "id = \"everything-to-reading\"\nwhen = { modality = [\"CT\"] }",
    ));
    let _archive = Archive::open(&house.network);
    let report = Instance { modality: "SR".to_owned(), ..Instance::new(1) };
    assert_eq!(house.send("PACS", &report).await, 0xA700);
    let conflict = Instance { seed: 99, ..Instance::new(2) };
    house.accept("PACS", &Instance::new(2)).await;
    assert_eq!(house.send("PACS", &conflict).await, 0x0111);
}

#[tokio::test(start_paused = true)]
async fn a_variant_is_answered_by_what_became_of_the_first() {
    let mut house = House::open_with(&toml());
    house.accept("CT1", &Instance::new(1)).await;
    let variant = Instance { institution: "NORTH RADIOLOGY".to_owned(), ..Instance::new(1) };
    assert_eq!(house.send("PACS", &variant).await, 0xA700);
    let archive = Archive::open(&house.network);
    house.delivered(1).await;
    house.accept("PACS", &variant).await;
    assert_eq!(archive.kept().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_destinations() {
    let mut house = House::open_with(&toml());
    let (network, clock) = (house.network.clone(), house.clock);
    let sending = tokio::spawn(async move {
        crate::house::send_over(&network, clock, "PACS", &Instance::new(1)).await
    });
    house.event("received", |event| matches!(event, Event::InstanceReceived { .. })).await;
    let began = tokio::time::Instant::now();
    house.gateway.stop().await;
    assert_eq!(sending.await.unwrap(), 0xA700);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
