//! Which payloads go, and which stay.

use std::time::Duration;

use telerad_gateway::Event;
use telerad_testkit::dicom::Instance;

use crate::house::{Answer, Archive, House, TOML, Verdict};

const HOUR: Duration = Duration::from_secs(3600);

/// A house whose site `north` keeps payloads for two hours.
fn toml() -> String {
    let north = "id = \"north\"\n";
    assert!(TOML.contains(north));
    TOML.replacen(north, &format!("{north}keep_hours = 2\n"), 1)
}

fn is_removed(event: &Event) -> bool {
    matches!(event, Event::PayloadsRemoved { .. })
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_goes_when_its_time_is_over() {
    let mut house = House::open_with(&toml());
    let archive = Archive::open(&house.network);
    let instance = Instance::new(1);
    house.accept("CT1", &instance).await;
    // Another site keeps everything.
    house.accept("CT9", &Instance::new(2)).await;
    house.delivered(2).await;
    house.let_pass(HOUR + HOUR / 2).await;
    assert_eq!((house.disk.payloads(), house.count(is_removed)), (2, 0));
    house.let_pass(2 * HOUR).await;
    assert_eq!(house.disk.payloads(), 1);
    let event = house.event("removed", is_removed).await;
    let bytes = instance.data_set().len() as u64;
    assert_eq!(event, Event::PayloadsRemoved { count: 1, bytes });
    // It is known all the same, and is not delivered again.
    house.accept("CT1", &instance).await;
    house.settle().await;
    assert_eq!(archive.offers()[&instance.sop_instance_uid], 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_delivered_stays_however_old_it_is() {
    let refused = Instance::new(3);
    let uid = refused.sop_instance_uid.clone();
    let only_ct = toml().replace(
        "id = \"everything-to-reading\"",
        "id = \"everything-to-reading\"\nwhen = { modality = [\"CT\"] }",
    );
    let mut house = House::open_with(&only_ct);
    house.accept("CT1", &Instance::new(1)).await;
    house.accept("CT1", &Instance { modality: "SR".to_owned(), ..Instance::new(2) }).await;
    house.accept("CT1", &refused).await;
    house.let_pass(6 * HOUR).await;
    assert_eq!((house.disk.payloads(), house.count(is_removed)), (3, 0));
    let _archive = Archive::open(&house.network)
        .script(move |came, _| Answer::Status(if came == uid { 0xA900 } else { 0 }));
    house.delivered(1).await;
    house.let_pass(6 * HOUR).await;
    // What no rule wanted, and what was refused for good, are for a person.
    assert_eq!(house.disk.payloads(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_no_row_names_goes() {
    let mut house = House::open();
    house.store.watch.judge(|_| Verdict::Fail);
    assert_eq!(house.send("CT1", &Instance::new(1)).await, 0xA700);
    house.store.watch.judge_no_more();
    assert_eq!(house.disk.payloads(), 1);
    house.let_pass(2 * HOUR).await;
    assert_eq!((house.disk.payloads(), house.count(is_removed)), (0, 1));
}
