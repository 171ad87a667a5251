//! What goes first.

use std::time::Duration;

use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::{Case, orm_o01};

use super::{is_down, slices, uids};
use crate::house::{Answer, Archive, House, TOML, case_of};

/// A house with this many associations to its platform, an order of high urgency, and a routine study of twenty slices
/// that waits for the platform.
async fn with_routine_queued(associations: usize) -> (House, Vec<Instance>, Instance) {
    let count = format!("associations_max = {associations}");
    let mut house = House::open_with(&TOML.replace("associations_max = 2", &count));
    let order = Case { priority: "S".to_owned(), ..case_of("RIS", "north", 7) };
    assert_eq!(house.answer_to(&orm_o01(&order)).await, "AA");
    let routine = slices(20);
    house.accept_all("CT1", &routine).await;
    house.event("destination down", is_down).await;
    (house, routine, Instance::new(7))
}

#[tokio::test(start_paused = true)]
async fn a_stat_instance_goes_next_and_not_after_the_batch() {
    let (mut house, routine, stat) = with_routine_queued(1).await;
    let in_batch = routine[4].sop_instance_uid.clone();
    let waits = in_batch.clone();
    let archive = Archive::open(&house.network)
        .script(move |uid, _| if uid == waits { Answer::Wait } else { Answer::Status(0) });
    archive.has_come(&in_batch).await;
    house.accept("CT1", &stat).await;
    archive.go_on();
    house.delivered(21).await;
    let mut expected = uids(&routine);
    expected.insert(5, stat.sop_instance_uid.clone());
    assert_eq!(archive.order(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_association_is_kept_for_stat() {
    let (mut house, routine, stat) = with_routine_queued(2).await;
    let mute = routine[4].sop_instance_uid.clone();
    let waits = mute.clone();
    let archive = Archive::open(&house.network)
        .script(move |uid, _| if uid == waits { Answer::Wait } else { Answer::Status(0) });
    archive.has_come(&mute).await;
    let asked = tokio::time::Instant::now();
    house.accept("CT1", &stat).await;
    house.delivered(5).await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(archive.order().last(), Some(&stat.sop_instance_uid));
    archive.go_on();
    house.delivered(16).await;
}

#[tokio::test(start_paused = true)]
async fn routine_does_not_overtake_routine() {
    let (mut house, routine, _) = with_routine_queued(1).await;
    let in_batch = routine[4].sop_instance_uid.clone();
    let waits = in_batch.clone();
    let archive = Archive::open(&house.network)
        .script(move |uid, _| if uid == waits { Answer::Wait } else { Answer::Status(0) });
    archive.has_come(&in_batch).await;
    let late = Instance::new(8);
    house.accept("CT1", &late).await;
    archive.go_on();
    house.delivered(21).await;
    assert_eq!(archive.order().last(), Some(&late.sop_instance_uid));
}

#[tokio::test(start_paused = true)]
async fn a_large_study_of_one_source_does_not_hold_back_another_source() {
    let mut house = House::open();
    let large = |number| Instance {
        sop_instance_uid: format!("2.25.9000{number:03}"),
        rows: 512,
        columns: 512,
        seed: number,
        ..Instance::new(1)
    };
    let study: Vec<Instance> = (1..=24).map(large).collect();
    house.accept_all("CT1", &study).await;
    let other = Instance::new(2);
    house.accept("PACS", &other).await;
    house.event("destination down", is_down).await;
    let archive = Archive::open(&house.network);
    house.delivered(25).await;
    let place = archive.order().iter().position(|uid| *uid == other.sop_instance_uid).unwrap();
    // One goes to see whether the destination works, and a turn is a megabyte.
    assert!(place <= 4, "place {place}");
}
