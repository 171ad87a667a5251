//! What happened to a study while its destination was down.

use std::time::Duration;

use telerad_gateway::Event;
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::{Case, ResultStatus, orm_o01, oru_r01};

use super::{is_down, is_failure};
use crate::house::{Archive, House, case_of};

/// Two ordered studies that wait for the platform.
async fn with_two_studies() -> House {
    let mut house = House::open();
    for number in [1, 2] {
        assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "north", number))).await, "AA");
        house.accept("CT1", &Instance::new(number)).await;
    }
    house.event("destination down", is_down).await;
    house
}

fn waits(event: &Event) -> bool {
    matches!(event, Event::StudyWaits { .. })
}

/// The first study waits for a person, the second one goes.
async fn check_first_waits(mut house: House, why: &str) {
    let archive = Archive::open(&house.network);
    house.delivered(1).await;
    let event = house.event("study waits", waits).await;
    let Event::StudyWaits { cause, instances, .. } = event else { unreachable!() };
    assert!(cause.contains(why), "{cause}");
    assert_eq!(instances, 1);
    house.settle().await;
    assert_eq!(archive.kept_uids(), [Instance::new(2).sop_instance_uid]);
    assert_eq!(house.state_of(&Instance::new(1).sop_instance_uid).await, "parked");
    assert_eq!(house.reasons().await, ["study waits after an outage"]);
    assert_eq!((house.count(waits), house.count(is_failure)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_study_that_was_reported_meanwhile_waits_for_a_person() {
    let house = with_two_studies().await;
    house.let_pass(Duration::from_secs(86_400)).await;
    let report = Case { result_status: ResultStatus::Final, ..case_of("READER", "north", 1) };
    assert_eq!(house.answer_to(&oru_r01(&report)).await, "AA");
    check_first_waits(house, "reported").await;
}

#[tokio::test(start_paused = true)]
async fn a_study_whose_order_was_cancelled_meanwhile_waits_for_a_person() {
    let house = with_two_studies().await;
    house.let_pass(Duration::from_secs(86_400)).await;
    let cancel = Case { order_control: "CA".to_owned(), ..case_of("RIS", "north", 1) };
    let cancel = cancel.with_control_id("CANCEL");
    assert_eq!(house.answer_to(&orm_o01(&cancel)).await, "AA");
    check_first_waits(house, "cancelled").await;
}

#[tokio::test(start_paused = true)]
async fn a_study_that_was_reported_before_the_outage_goes() {
    let mut house = House::open();
    assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "north", 1))).await, "AA");
    let report = Case { result_status: ResultStatus::Final, ..case_of("READER", "north", 1) };
    assert_eq!(house.answer_to(&oru_r01(&report)).await, "AA");
    house.let_pass(Duration::from_secs(60)).await;
    house.accept("CT1", &Instance::new(1)).await;
    house.event("destination down", is_down).await;
    let _archive = Archive::open(&house.network);
    house.delivered(1).await;
    assert_eq!(house.count(waits), 0);
}
