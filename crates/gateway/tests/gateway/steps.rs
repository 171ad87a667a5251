//! Steps between their order and their end: what comes before its order, hold and release, reopening, and ends that no
//! order message tells.

use std::time::Duration;

use telerad_dicom::tags;
use telerad_gateway::Event;
use telerad_routing::StudyMark;
use telerad_store::{Instances, Journal, Store};
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::{Case, ResultStatus, orm_o01, oru_r01};
use telerad_worklist::StepEvent;

use crate::house::{House, TOML, case_of, site};

/// An order message of this hour about order 1.
fn order(control: &str, hour: u8) -> String {
    orm_o01(&Case {
        order_control: control.to_owned(),
        time: format!("20260105{hour:02}0000"),
        scheduled_time: "20260105100000".to_owned(),
        ..case_of("RIS", "north", 1).with_control_id(&format!("{control}{hour}"))
    })
}

async fn accessions(house: &House) -> Vec<String> {
    house.worklist_values("CT1", tags::ACCESSION_NUMBER).await
}

/// A house whose site `north` has these rules for its steps.
fn house(steps: &str) -> House {
    House::open_with(&TOML.replacen(
        "patient_authority = \"NORTH-MRN\"",
        &format!("patient_authority = \"NORTH-MRN\"\nsteps = {{ {steps} }}"),
        1,
    ))
}

async fn ended(house: &mut House, by: StepEvent) {
    let is_it = |event: &Event| matches!(event, Event::StepsEnded { by: it, .. } if *it == by);
    let event = house.event("steps ended", is_it).await;
    let Event::StepsEnded { site: of, study_instance_uid, .. } = event else { unreachable!() };
    assert_eq!(of, site("north"));
    let entries = house.store.journal(study_instance_uid.as_str()).await.unwrap();
    assert!(entries.iter().any(|entry| entry.event == "steps ended"), "{entries:?}");
    assert_eq!(accessions(house).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_before_its_order_is_found_by_nothing_and_cancels_it() {
    let house = house("");
    assert_eq!(house.answer_to(&order("CA", 9)).await, "AA");
    assert_eq!(house.store.counts().await.unwrap().orders, 1);
    let image = Instance::new(1);
    house.accept("CT1", &image).await;
    let uid = telerad_core::Uid::new(&image.sop_instance_uid).unwrap();
    let kept = house.store.versions(&site("north"), &uid).await.unwrap();
    assert_eq!(kept[0].mark, StudyMark::Unmatched);
    assert_eq!(house.answer_to(&order("NW", 8)).await, "AA");
    assert_eq!(accessions(&house).await, [""; 0]);
    assert_eq!(house.store.counts().await.unwrap().orders, 1);
}

#[tokio::test(start_paused = true)]
async fn an_order_later_than_its_cancellation_is_on_the_worklist() {
    let house = house("");
    assert_eq!(house.answer_to(&order("CA", 9)).await, "AA");
    assert_eq!(house.answer_to(&order("NW", 10)).await, "AA");
    assert_eq!(accessions(&house).await, ["A1"]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_order_that_is_ordered_again_is_on_the_worklist_again() {
    let house = house("");
    assert_eq!(house.answer_to(&order("NW", 8)).await, "AA");
    assert_eq!(house.answer_to(&order("CA", 9)).await, "AA");
    assert_eq!(accessions(&house).await, [""; 0]);
    assert_eq!(house.answer_to(&order("NW", 10)).await, "AA");
    assert_eq!(accessions(&house).await, ["A1"]);
    // What was cancelled in between comes too late.
    assert_eq!(house.answer_to(&order("OC", 9)).await, "AA");
    assert_eq!(accessions(&house).await, ["A1"]);
}

#[tokio::test(start_paused = true)]
async fn a_held_order_is_off_the_worklist_until_it_is_released() {
    let house = house("");
    assert_eq!(house.answer_to(&order("NW", 8)).await, "AA");
    assert_eq!(house.answer_to(&order("HD", 9)).await, "AA");
    assert_eq!(accessions(&house).await, [""; 0]);
    assert_eq!(house.answer_to(&order("RL", 10)).await, "AA");
    assert_eq!(accessions(&house).await, ["A1"]);
}

#[tokio::test(start_paused = true)]
async fn a_final_report_ends_the_steps_of_its_order_and_a_preliminary_one_does_not() {
    let mut house = house("");
    assert_eq!(house.answer_to(&order("NW", 8)).await, "AA");
    let report = |status, hour: u8| {
        oru_r01(&Case {
            result_status: status,
            time: format!("20260105{hour}0000"),
            report: vec!["TEXT".to_owned()],
            ..case_of("READER", "north", 1).with_control_id(&format!("R{hour}"))
        })
    };
    assert_eq!(house.answer_to(&report(ResultStatus::Preliminary, 11)).await, "AA");
    assert_eq!(accessions(&house).await, ["A1"]);
    assert_eq!(house.answer_to(&report(ResultStatus::Final, 12)).await, "AA");
    ended(&mut house, StepEvent::ReportFinal).await;
}

#[tokio::test(start_paused = true)]
async fn silence_ends_steps_only_where_the_site_says_so() {
    let mut house = house("idle_hours = 24");
    let south = orm_o01(&case_of("RIS", "south", 1));
    assert_eq!(house.answer_to(&order("NW", 8)).await, "AA");
    assert_eq!(house.answer_to(&order("HD", 9).replace("A1", "A2")).await, "AA");
    assert_eq!(house.answer_to(&south).await, "AA");
    // The start may be of any place on earth: ten in the morning of the fifth is over at ten in the evening by our clock.
    house.let_pass(Duration::from_secs(37 * 3600)).await;
    assert_eq!(accessions(&house).await, ["A1"]);
    house.let_pass(Duration::from_secs(2 * 3600)).await;
    ended(&mut house, StepEvent::IdleTimeout).await;
    house.let_pass(Duration::from_secs(100 * 3600)).await;
    assert_eq!(house.count(|event| matches!(event, Event::StepsEnded { .. })), 0);
}

#[tokio::test(start_paused = true)]
async fn a_study_that_has_come_ends_the_steps_of_its_order_where_the_site_says_so() {
    let mut house = house("study_received_minutes = 30");
    assert_eq!(house.answer_to(&order("NW", 8)).await, "AA");
    house.accept("CT1", &Instance::new(1)).await;
    house.let_pass(Duration::from_secs(1200)).await;
    assert_eq!(accessions(&house).await, ["A1"]);
    house.let_pass(Duration::from_secs(1200)).await;
    ended(&mut house, StepEvent::StudyReceived).await;
}
