//! Messages that go out once more.

use telerad_gateway::desk::DeskError;
use telerad_gateway::{Event, Operation};
use telerad_report::ReportKey;
use telerad_store::{
    Batch, Effect, Journal, JourneyEvent, JourneyKey, Messages, OutboundState, Outbox, Reports,
    Store,
};
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
    let told: Vec<&str> = journal.iter().map(|entry| &*entry.event).collect();
    assert_eq!(told, ["message set aside", "requeued"]);
    assert!(journal[1].detail.ends_with("by ops-1: asked by the ward"));
    assert_eq!(house.count(is_decided(Operation::Requeue)), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_put_back_goes_before_what_is_queued_for_its_order() {
    let (mut house, ris) = with_report().await;
    let (desk, north) = (house.gateway.desk(), site("north"));
    let id = set_aside(&mut house).await;
    drop(ris);
    report(&house, 11).await;
    house.event("down", |event| matches!(event, Event::ReceiverDown { .. })).await;
    assert_eq!(desk.requeue_message(&north, &id, &signed()).await, Ok(()));
    let requeued = |event: &Event| matches!(event, Event::MessageRequeued { .. });
    let Event::MessageRequeued { receiver, .. } = house.event("requeued", requeued).await else {
        unreachable!()
    };
    assert_eq!(receiver, "report north ris:2576");
    let ris = Application::open(&house.network, "ris:2576");
    for _ in 0..2 {
        house.event("sent", is_delivered).await;
    }
    assert_eq!(ris.taken("OBX-5"), ["TEXT 10", "TEXT 11"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_put_back_while_a_later_one_is_on_its_way_does_not_follow_it() {
    let mut house = House::open();
    let go = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let answers = std::sync::Arc::clone(&go);
    let ris = Application::open(&house.network, "ris:2576").script(move |message, times| {
        match message.text("OBX-5").as_deref() {
            Some("TEXT 10") if times == 1 => Reply::Error,
            // It is on its way for as long as the gateway waits for an answer.
            Some("TEXT 11") if !answers.load(std::sync::atomic::Ordering::SeqCst) => Reply::Silence,
            _ => Reply::Accept,
        }
    });
    assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "north", 1))).await, "AA");
    report(&house, 10).await;
    let id = set_aside(&mut house).await;
    report(&house, 11).await;
    house.let_pass(std::time::Duration::from_secs(10)).await;
    assert_eq!(ris.came(), 2);
    let (desk, north) = (house.gateway.desk(), site("north"));
    // As if the answer to the later one had come between the look and the write.
    assert_eq!(desk.requeue_message(&north, &id, &signed()).await, Ok(()));
    let mut later = house.store.outbound_of(&north, "north|NORTH|A1").await.unwrap().remove(1);
    let at = later.queued_at;
    later.state = OutboundState::Answered { code: "AA".to_owned(), at };
    house.store.commit(Batch::new().with(Effect::Outbound(later))).await.unwrap();
    go.store(true, std::sync::atomic::Ordering::SeqCst);
    let again = |event: &Event| matches!(event, Event::MessageSetAside { .. });
    let Event::MessageSetAside { cause, .. } = house.event("set aside", again).await else {
        unreachable!()
    };
    assert_eq!(cause, "a later message of its order was answered");
    assert_eq!(ris.taken("OBX-5"), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_journey_tells_the_tries_of_a_message_and_what_people_made_of_it() {
    let (mut house, _ris) = with_report().await;
    let (desk, north) = (house.gateway.desk(), site("north"));
    let id = set_aside(&mut house).await;
    assert_eq!(desk.requeue_message(&north, &id, &signed()).await, Ok(()));
    house.event("sent", is_delivered).await;
    let by = JourneyKey::Accession("A1".to_owned());
    let journey = desk.journey(&north, &by, 1).await.unwrap().remove(0);
    let events = journey.timeline.iter().map(|entry| &entry.event);
    let noted = events.clone().filter_map(|event| match event {
        JourneyEvent::Noted(entry) if entry.subject == id => Some(&*entry.event),
        _ => None,
    });
    assert_eq!(noted.collect::<Vec<_>>(), ["message set aside", "requeued"]);
    let sent = events.filter(|event| {
        matches!(event, JourneyEvent::Outbound { state: OutboundState::Answered { .. }, .. })
    });
    assert_eq!(sent.count(), 1);
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
