//! What is urgent goes first, and no message of an order overtakes another one of it.

use telerad_testkit::hl7::{Case, ResultStatus, orm_o01, oru_r01};

use super::{RIS, is_sent, report, with_orders};
use crate::house::{Application, House, case_of};

/// What the RIS takes once it is there, by order and text.
async fn told(house: &mut House, count: usize) -> Vec<String> {
    let ris = Application::open(&house.network, RIS);
    for _ in 0..count {
        house.event("sent", is_sent).await;
    }
    let told = ris.taken("OBR-18").into_iter().zip(ris.taken("OBX-5"));
    told.map(|(order, text)| format!("{order} {text}")).collect()
}

async fn order(house: &House, number: u64, priority: &str, control_id: &str) {
    let case = case_of("RIS", "north", number).with_control_id(control_id);
    let case = Case { priority: priority.to_owned(), ..case };
    assert_eq!(house.answer_to(&orm_o01(&case)).await, "AA");
}

#[tokio::test(start_paused = true)]
async fn the_report_of_a_stat_order_goes_before_others() {
    let mut house = with_orders(2).await;
    order(&house, 3, "S", "RIS3").await;
    for number in 1..=3 {
        report(&house, number, 10).await;
    }
    assert_eq!(told(&mut house, 3).await, ["N-A3 TEXT 10", "N-A1 TEXT 10", "N-A2 TEXT 10"]);
}

#[tokio::test(start_paused = true)]
async fn a_critical_report_goes_before_others_and_after_what_is_before_it_in_its_order() {
    let mut house = with_orders(2).await;
    report(&house, 1, 10).await;
    report(&house, 2, 10).await;
    let case = Case {
        result_status: ResultStatus::Final,
        time: "20260105110000".to_owned(),
        report: vec!["TEXT 11".to_owned()],
        ..case_of("READER", "north", 2).with_control_id("R2-11")
    };
    let critical = oru_r01(&case);
    let flagged = critical.replace("TEXT 11||||||", "TEXT 11|||HH|||");
    assert_ne!(flagged, critical);
    assert_eq!(house.answer_to(&flagged).await, "AA");
    assert_eq!(told(&mut house, 3).await, ["N-A2 TEXT 10", "N-A2 TEXT 11", "N-A1 TEXT 10"]);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_becomes_urgent_takes_its_queued_reports_along() {
    let mut house = with_orders(2).await;
    report(&house, 1, 10).await;
    report(&house, 2, 10).await;
    report(&house, 2, 11).await;
    let case = case_of("RIS", "north", 2).with_control_id("RIS2-S");
    let (priority, order_control) = ("S".to_owned(), "XO".to_owned());
    let changed = Case { priority, order_control, ..case };
    assert_eq!(house.answer_to(&orm_o01(&changed)).await, "AA");
    assert_eq!(told(&mut house, 3).await, ["N-A2 TEXT 10", "N-A2 TEXT 11", "N-A1 TEXT 10"]);
}
