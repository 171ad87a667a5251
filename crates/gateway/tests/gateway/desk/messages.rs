//! Messages that go out once more.

use telerad_gateway::desk::DeskError;
use telerad_gateway::{Event, Operation};
use telerad_report::ReportKey;
use telerad_store::{Journal, Messages, Outbox, Reports};
use telerad_testkit::hl7::{Case, ResultStatus, orm_o01, oru_r01};

use super::{check_refused, is_decided, signed};
use crate::house::{Application, House, Reply, case_of, site};

/// A house that knows order 1, and its RIS, which refuses the first report of it the first time.
async fn with_report() -> (House, Application) {
    let house = House::open();
    let ris = Application::open(&house.network, "ris:2576").script(|message, times| {
        let is_first = message.text("OBX-5").as_deref() == Some("TEXT 10") && times == 1;
        if is_first { Reply::Error } else { Reply::Accept }
    });
    assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "north", 1))).await, "AA");
    report(&house, 10).await;
    (house, ris)
}

async fn report(house: &House, hour: u32) {
    let case = Case {
        result_status: ResultStatus::Final,
        time: format!("20260105{hour:02}0000"),
        report: vec![format!("TEXT {hour}")],
        ..case_of("READER", "north", 1).with_control_id(&format!("R{hour}"))
    };
    assert_eq!(house.answer_to(&oru_r01(&case)).await, "AA");
}

/// The gateway's name for the message that was set aside.
async fn set_aside(house: &mut House) -> String {
    house.event("set aside", |event| matches!(event, Event::MessageSetAside { .. })).await;
    house.parked().await.remove(0).subject
}

fn is_delivered(event: &Event) -> bool {
    matches!(event, Event::MessageDelivered { .. })
}

async fn report_key(house: &House) -> ReportKey {
    let order = house.store.message_by_control("RIS|NORTH", "RIS1").await.unwrap();
    assert!(order.is_some());
    let found = house.store.reports_of_order(&site("north"), "north|NORTH|A1").await.unwrap();
    found.into_iter().next().map(|record| record.key).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_set_aside_goes_out_once_more() {
    let (mut house, ris) = with_report().await;
    let (desk, north) = (house.gateway.desk(), site("north"));
    let id = set_aside(&mut house).await;
    let unknown = "this site has no such message";
    check_refused(desk.requeue_message(&site("south"), &id, &signed()).await, unknown);
    check_refused(desk.requeue_message(&north, "nothing", &signed()).await, unknown);
    assert_eq!(desk.requeue_message(&north, &id, &signed()).await, Ok(()));
    house.event("sent", is_delivered).await;
    assert_eq!((ris.came(), ris.taken("OBX-5")), (2, vec!["TEXT 10".to_owned()]));
    assert!(house.reasons().await.is_empty());
    let again = desk.requeue_message(&north, &id, &signed()).await;
    check_refused(again, "the message is not set aside");
    let journal = house.store.journal(&id).await.unwrap();
    assert!(journal[0].detail.ends_with("by ops-1: asked by the ward"), "{}", journal[0].event);
    assert_eq!(house.count(is_decided(Operation::Requeue)), 1);
}

#[tokio::test(start_paused = true)]
async fn an_old_report_does_not_follow_a_newer_one() {
    let (mut house, ris) = with_report().await;
    let (desk, north) = (house.gateway.desk(), site("north"));
    let id = set_aside(&mut house).await;
    report(&house, 11).await;
    house.event("sent", is_delivered).await;
    assert_eq!(desk.requeue_message(&north, &id, &signed()).await, Err(DeskError::Overtaken));
    assert_eq!(ris.taken("OBX-5"), ["TEXT 11"]);
    assert_eq!(house.parked().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_report_is_told_again_as_it_stands() {
    let (mut house, ris) = with_report().await;
    let (desk, north) = (house.gateway.desk(), site("north"));
    set_aside(&mut house).await;
    report(&house, 11).await;
    house.event("sent", is_delivered).await;
    let key = report_key(&house).await;
    let elsewhere = desk.resend_report(&site("south"), &key, &signed()).await;
    check_refused(elsewhere, "this site has no such report, or does not know its order");
    assert_eq!(desk.resend_report(&north, &key, &signed()).await, Ok(1));
    house.event("sent", is_delivered).await;
    assert_eq!(ris.taken("OBX-5"), ["TEXT 11", "TEXT 11"]);
    let control_ids = ris.taken("MSH-10");
    assert_ne!(control_ids[0], control_ids[1]);
    let of_order = house.store.outbound_of(&north, "north|NORTH|A1").await.unwrap();
    assert_eq!(of_order.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_report_that_nobody_gets_is_not_told_again() {
    let house = House::open();
    let south = site("south");
    assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "south", 1))).await, "AA");
    let report = Case { result_status: ResultStatus::Final, ..case_of("READER", "south", 1) };
    assert_eq!(house.answer_to(&oru_r01(&report)).await, "AA");
    let found = house.store.reports_of_order(&south, "south|SOUTH|A1").await.unwrap();
    let again = house.gateway.desk().resend_report(&south, &found[0].key, &signed()).await;
    check_refused(again, "there is nothing to send, or nobody who gets it");
}
