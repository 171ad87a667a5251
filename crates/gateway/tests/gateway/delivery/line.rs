//! When a delivery may leave.

use std::time::Duration;

use telerad_gateway::Event;
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::{Case, orm_o01};

use super::{slices, uids};
use crate::house::{Archive, House, TOML, case_of};

/// The house with further lines for its destination. It opens at 08:00 UTC on a Monday.
fn house(lines: &str) -> House {
    House::open_with(&TOML.replace("retry_seconds = [1, 60]", lines))
}

#[tokio::test(start_paused = true)]
async fn routine_waits_for_its_window_and_stat_does_not() {
    let mut house = house(
        r#"schedule = { time_zone = "Europe/Paris", windows = [{ from = "20:00", to = "06:00" }] }"#,
    );
    let archive = Archive::open(&house.network);
    let order = Case { priority: "S".to_owned(), ..case_of("RIS", "north", 7) };
    assert_eq!(house.answer_to(&orm_o01(&order)).await, "AA");
    house.accept_all("CT1", &slices(3)).await;
    house.accept("CT1", &Instance::new(7)).await;
    house.delivered(1).await;
    // It is 09:00 in Paris: eleven hours to go.
    house.let_pass(Duration::from_secs(11 * 3600 - 60)).await;
    assert_eq!(archive.kept_uids(), [Instance::new(7).sop_instance_uid]);
    house.delivered(3).await;
    let passed = house.clock_seconds();
    assert!((11 * 3600..11 * 3600 + 60).contains(&passed), "{passed}");
}

#[tokio::test(start_paused = true)]
async fn a_window_that_shuts_cuts_a_batch_short() {
    // With the longest pause so short, the first try after the archive has come up lies inside the window.
    let mut house = house(
        r#"retry_seconds = [1, 5]
schedule = { time_zone = "UTC", windows = [{ from = "07:00", to = "08:10" }] }"#,
    );
    house.let_pass(Duration::from_secs(500)).await;
    house.accept_all("CT1", &slices(10)).await;
    house.let_pass(Duration::from_secs(60)).await;
    let archive = Archive::open(&house.network)
        .script(|_, _| crate::house::Answer::After(Duration::from_secs(10)));
    house.let_pass(Duration::from_secs(3600)).await;
    let sent = archive.kept().len();
    assert!((1..=5).contains(&sent), "{sent} sent");
    house.delivered(sent).await;
    house.let_pass(Duration::from_secs(22 * 3600)).await;
    house.delivered(10 - sent).await;
    assert_eq!(archive.kept_uids(), uids(&slices(10)));
}

#[tokio::test(start_paused = true)]
async fn a_line_bears_so_many_bytes_and_stat_does_not_wait() {
    let toml = TOML
        .replace("[[rule]]", "[[link]]\nid = \"vpn\"\nrate = { bytes_per_second = 1000, burst_bytes = 1000 }\n\n[[rule]]")
        .replace("retry_seconds = [1, 60]", "link = \"vpn\"");
    let mut house = House::open_with(&toml);
    let order = Case { priority: "S".to_owned(), ..case_of("RIS", "north", 7) };
    assert_eq!(house.answer_to(&orm_o01(&order)).await, "AA");
    let archive = Archive::open(&house.network);
    let all = slices(30);
    let bytes: u64 = all.iter().map(|it| it.data_set().len() as u64).sum();
    let start = house.clock_seconds();
    house.accept_all("CT1", &all).await;
    house.let_pass(Duration::from_secs(5)).await;
    let early = archive.kept().len();
    assert!((1..30).contains(&early), "{early} at once");
    let asked = tokio::time::Instant::now();
    house.accept("CT1", &Instance { rows: 8, columns: 8, ..Instance::new(7) }).await;
    archive.has_come(&Instance::new(7).sop_instance_uid).await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    house.delivered(31).await;
    let taken = house.clock_seconds() - start;
    let least = bytes / 1000 - 3;
    assert!((least..least + 40).contains(&taken), "{taken} s for {bytes} bytes");
}

#[tokio::test(start_paused = true)]
async fn a_window_that_names_stat_holds_it_back_and_tells() {
    let mut house = house(
        r#"schedule = { time_zone = "UTC", windows = [{ from = "20:00", to = "06:00", lanes = ["stat"] }] }"#,
    );
    house.event("stat may wait", |it| matches!(it, Event::StatMayWait { .. })).await;
    let order = Case { priority: "S".to_owned(), ..case_of("RIS", "north", 7) };
    assert_eq!(house.answer_to(&orm_o01(&order)).await, "AA");
    let archive = Archive::open(&house.network);
    // Nothing waits yet, and routine has no window at all.
    house.accept_all("CT1", &slices(2)).await;
    house.delivered(2).await;
    let waits = |event: &Event| matches!(event, Event::StatWaits { .. });
    assert_eq!(house.count(waits), 0);
    house.accept("CT1", &Instance::new(7)).await;
    let Event::StatWaits { until, .. } = house.event("stat waits", waits).await else {
        unreachable!()
    };
    // Eight in the evening.
    assert_eq!(until.as_micros() / 1_000_000, 1_767_600_000 + 12 * 3600);
    house.let_pass(Duration::from_secs(12 * 3600 - 60)).await;
    assert_eq!((archive.kept().len(), house.count(waits)), (2, 0));
    house.delivered(1).await;
    let passed = house.clock_seconds();
    assert!((12 * 3600..12 * 3600 + 60).contains(&passed), "{passed}");
}
