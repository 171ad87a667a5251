//! An acquisition takes time, and things change in the middle of it: its study stays with one reader.

use std::time::Duration;

use telerad_gateway::Event;
use telerad_testkit::dicom::Instance;

use super::{is_down, is_failure, slices, uids};
use crate::house::{Archive, House, TOML};

/// A second platform, and rules as given. The house opens at 08:00 UTC.
fn toml(rules: &str) -> String {
    let (head, tail) = TOML.split_once("[[rule]]").unwrap();
    let (_, tail) = tail.split_once("[[report_destination]]").unwrap();
    format!(
        r#"{head}[[destination]]
id = "night"
ae_title = "NIGHT"
address = "night:104"

{rules}
[[report_destination]]{tail}"#
    )
}

/// The first platform reads until one minute past eight, the second one from then on, or the other way round.
fn shifts(first: &str, second: &str) -> String {
    toml(&format!(
        r#"[[rule]]
id = "before"
during = {{ time_zone = "Etc/UTC", windows = [{{ from = "06:00", to = "08:01" }}] }}
send_to = ["{first}"]

[[rule]]
id = "after"
during = {{ time_zone = "Etc/UTC", windows = [{{ from = "08:01", to = "06:00" }}] }}
send_to = ["{second}"]
"#
    ))
}

/// The two platforms.
fn readers(house: &House) -> (Archive, Archive) {
    (Archive::open(&house.network), Archive::open_at(&house.network, "night:104"))
}

fn is_moved(event: &Event) -> bool {
    matches!(event, Event::StudyMoved { .. })
}

/// Everything is at one, once, and a study that comes now goes to the other.
async fn check_stays(mut house: House, all: &[Instance], with: &Archive, other: &Archive) {
    house.settle().await;
    assert_eq!((with.kept_uids(), other.kept_uids()), (uids(all), Vec::new()));
    assert!(with.offers().values().all(|times| *times == 1));
    house.accept("CT1", &Instance::new(2)).await;
    house.settle().await;
    assert_eq!(other.kept_uids(), [Instance::new(2).sop_instance_uid]);
    assert_eq!(with.kept().len(), all.len());
    assert_eq!((house.count(is_down), house.count(is_failure), house.count(is_moved)), (0, 0, 0));
    assert!(house.reasons().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_shift_that_ends_in_the_middle_keeps_the_study() {
    let house = House::open_with(&shifts("reading", "night"));
    let (reading, night) = readers(&house);
    let all = slices(12);
    house.accept_all("CT1", &all[..4]).await;
    house.let_pass(Duration::from_secs(120)).await;
    house.accept_all("CT1", &all[4..]).await;
    check_stays(house, &all, &reading, &night).await;
}

#[tokio::test(start_paused = true)]
async fn a_shift_that_begins_in_the_middle_does_not_take_the_study() {
    let house = House::open_with(&shifts("night", "reading"));
    let (reading, night) = readers(&house);
    let all = slices(12);
    house.accept_all("CT1", &all[..4]).await;
    house.let_pass(Duration::from_secs(120)).await;
    house.accept_all("CT1", &all[4..]).await;
    check_stays(house, &all, &night, &reading).await;
}

#[tokio::test(start_paused = true)]
async fn rules_that_change_in_the_middle_leave_the_study_where_it_is() {
    let rule = |to: &str| toml(&format!("[[rule]]\nid = \"all\"\nsend_to = [\"{to}\"]\n"));
    let house = House::open_with(&rule("reading"));
    let (reading, night) = readers(&house);
    let all = slices(12);
    house.accept_all("CT1", &all[..4]).await;
    let house = house.restart_with(&rule("night")).await;
    house.accept_all("CT1", &all[4..]).await;
    check_stays(house, &all, &reading, &night).await;
}

/// The first platform takes nothing before ten; the second one stands in for it when it is down for ten minutes.
fn late_group() -> String {
    let group = r#"[[group]]
id = "readers"
members = ["reading", "night"]
failover_after_seconds = 600

[[rule]]
id = "all"
send_to = ["readers"]
"#;
    let schedule = r#"retry_seconds = [1, 60]
schedule = { time_zone = "Etc/UTC", windows = [{ from = "10:00", to = "18:00" }] }"#;
    toml(group).replace("retry_seconds = [1, 60]", schedule)
}

#[tokio::test(start_paused = true)]
async fn a_line_that_opens_in_the_middle_is_not_an_outage_before() {
    let mut house = House::open_with(&late_group());
    let (reading, night) = readers(&house);
    let all = slices(12);
    house.accept_all("CT1", &all[..4]).await;
    house.let_pass(Duration::from_secs(2 * 3600 - 60)).await;
    house.accept_all("CT1", &all[4..8]).await;
    assert_eq!((reading.associations(), night.associations()), (0, 0));
    house.let_pass(Duration::from_secs(120)).await;
    assert_eq!(reading.kept_uids(), uids(&all[..8]));
    house.accept_all("CT1", &all[8..]).await;
    house.settle().await;
    assert_eq!((reading.kept_uids(), night.associations()), (uids(&all), 0));
    assert_eq!((house.count(is_down), house.count(is_failure), house.count(is_moved)), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_down_for_less_than_its_time_keeps_the_study() {
    let mut house = House::open_with(&late_group().replace("10:00", "07:00"));
    let (reading, night) = readers(&house);
    let all = slices(12);
    house.accept_all("CT1", &all[..4]).await;
    house.delivered(4).await;
    drop(reading);
    house.let_pass(Duration::from_secs(5)).await;
    house.accept_all("CT1", &all[4..8]).await;
    house.event("destination down", is_down).await;
    house.let_pass(Duration::from_secs(400)).await;
    let reading = Archive::open(&house.network);
    house.accept_all("CT1", &all[8..]).await;
    house.delivered(8).await;
    house.settle().await;
    assert_eq!((reading.kept_uids(), night.associations()), (uids(&all[4..]), 0));
    assert_eq!((house.count(is_down), house.count(is_failure), house.count(is_moved)), (0, 0, 0));
}
