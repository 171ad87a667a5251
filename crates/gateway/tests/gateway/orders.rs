//! Orders in: what becomes worklist, and what is answered to everything else.

use std::time::Duration;

use telerad_dicom::tags;
use telerad_gateway::Event;
use telerad_hl7::AckCode;
use telerad_store::{MessageOutcome, MessageRecord, Messages, Store};
use telerad_testkit::hl7::{Case, adt_a04, orm_o01, oru_r01};

use crate::house::{House, Verdict, case_of};

fn order(number: u64) -> Case {
    case_of("RIS", "north", number)
}

async fn accessions(house: &House, calling: &str) -> Vec<String> {
    let mut values = house.worklist_values(calling, tags::ACCESSION_NUMBER).await;
    values.sort();
    values
}

async fn kept(house: &House, control_id: &str) -> Option<MessageRecord> {
    house.store.message_by_control("RIS|NORTH", control_id).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_order_is_a_step_on_the_worklist() {
    let house = House::open();
    assert_eq!(house.answer_to(&adt_a04(&order(1).with_control_id("ADT1"))).await, "AA");
    assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AA");
    let answers = house.worklist("CT1").await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].text(tags::ACCESSION_NUMBER).as_deref(), Some("A1"));
    assert_eq!(answers[0].text(tags::PATIENT_ID).as_deref(), Some("P1"));
    assert_eq!(answers[0].text(tags::PATIENT_NAME).as_deref(), Some("TEST^PATIENT1"));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_was_answered_is_seen_while_others_still_read_it() {
    let house = House::open();
    house.settle().await;
    house.store.watch.answer_late(std::time::Duration::from_millis(5));
    assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "north", 1))).await, "AA");
    assert_eq!(house.worklist("CT1").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_order_leaves_the_worklist() {
    let house = House::open();
    assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AA");
    let cancel = Case { order_control: "CA".to_owned(), ..order(1).with_control_id("CA1") };
    assert_eq!(house.answer_to(&orm_o01(&cancel)).await, "AA");
    assert_eq!(accessions(&house, "CT1").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_message_sent_again_is_accepted_and_done_once() {
    let house = House::open();
    let message = orm_o01(&order(1));
    assert_eq!(house.answer_to(&message).await, "AA");
    let before = house.store.counts().await.unwrap();
    assert_eq!(house.answer_to(&message).await, "AA");
    assert_eq!(house.store.counts().await.unwrap(), before);
    assert_eq!((before.messages, before.orders), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_control_id_used_again_for_another_message_is_applied_and_noted() {
    let house = House::open();
    assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AA");
    house.let_pass(Duration::from_secs(1)).await;
    assert_eq!(house.answer_to(&orm_o01(&order(2).with_control_id("RIS1"))).await, "AA");
    assert_eq!(accessions(&house, "CT1").await, ["A1", "A2"]);
    let record = kept(&house, "RIS1").await.unwrap();
    assert_eq!(record.outcome, MessageOutcome::Applied);
    let noted = record.findings.iter().any(|finding| finding.contains("MSH-10 was used before"));
    assert!(noted, "{:?}", record.findings);
    assert_eq!(house.store.counts().await.unwrap().messages, 2);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_sender_is_rejected_and_served_nothing() {
    let mut house = House::open();
    assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "west", 1))).await, "AR 207");
    assert_eq!(house.answer_to(&orm_o01(&case_of("OTHER", "north", 1))).await, "AR 207");
    assert_eq!(house.store.counts().await.unwrap(), Default::default());
    let is_told = |event: &Event| matches!(event, Event::MessageRejected { .. });
    assert_eq!(house.count(is_told), 2);
}

#[tokio::test(start_paused = true)]
async fn a_message_without_a_control_id_is_an_error_and_kept() {
    let mut house = House::open();
    let ack = house.tell(&orm_o01(&order(1).with_control_id(""))).await;
    assert_eq!((ack.code, ack.condition), (AckCode::AE, Some(101)));
    let counts = house.store.counts().await.unwrap();
    assert_eq!((counts.messages, counts.orders), (1, 0));
    let is_told = |event: &Event| matches!(event, Event::MessageRejected { .. });
    assert_eq!(house.count(is_told), 1);
    // Not taken for a repetition of the other one without an identifier.
    assert_eq!(house.answer_to(&orm_o01(&order(2).with_control_id(""))).await, "AE 101");
    assert_eq!(house.store.counts().await.unwrap().messages, 2);
}

#[tokio::test(start_paused = true)]
async fn a_sender_in_the_wrong_role_is_rejected_and_its_message_kept() {
    let house = House::open();
    assert_eq!(house.answer_to(&oru_r01(&order(1))).await, "AR 200");
    let outcome = kept(&house, "RIS1").await.unwrap().outcome;
    assert!(matches!(outcome, MessageOutcome::Rejected(_)), "{outcome:?}");
    assert_eq!(house.answer_to(&orm_o01(&case_of("READER", "north", 1))).await, "AR 200");
    assert_eq!(house.store.counts().await.unwrap().orders, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_message_is_rejected() {
    let mut house = House::open();
    for frame in ["GET / HTTP/1.1\r\n", "PID|1||P1\r", "MSH", "\u{1}\u{2}\u{3}"] {
        assert_eq!(house.tell(frame).await.code, AckCode::AR, "{frame:?}");
    }
    assert_eq!(house.store.counts().await.unwrap(), Default::default());
    let is_told = |event: &Event| matches!(event, Event::MessageRejected { .. });
    assert_eq!(house.count(is_told), 4);
    assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AA", "it does not serve any more");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_asks_for_nothing_is_an_error_and_may_be_mended() {
    let house = House::open();
    let broken = Case { order_control: String::new(), ..order(1) };
    assert_eq!(house.answer_to(&orm_o01(&broken)).await, "AE 101");
    assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AA");
    assert_eq!(accessions(&house, "CT1").await, ["A1"]);
}

#[tokio::test(start_paused = true)]
async fn an_order_of_nobody_is_accepted_and_waits_for_a_person() {
    let mut house = House::open();
    let nobody = Case { patient_id: String::new(), patient_authority: String::new(), ..order(1) };
    assert_eq!(house.answer_to(&orm_o01(&nobody)).await, "AA");
    house.event("parked", |event| matches!(event, Event::MessageParked { .. })).await;
    let item = house.parked().await.remove(0);
    assert_eq!(item.reason, "no patient identifier in PID-3");
    assert_eq!(item.subject, kept(&house, "RIS1").await.unwrap().id);
    assert_eq!(accessions(&house, "CT1").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn two_messages_about_one_order_at_once_lose_no_update() {
    for swapped in [false, true] {
        let house = House::open();
        assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AA");
        let mut one =
            Case { procedure_text: "CT NECK".to_owned(), ..order(1).with_control_id("X1") };
        one.order_control = "XO".to_owned();
        let mut two = order(2).with_control_id("X2");
        // Another step of the same order.
        two.order_control = "XO".to_owned();
        two = Case {
            scheduled_step_id: "SPS9".to_owned(),
            study_instance_uid: order(1).study_instance_uid,
            ..two
        };
        two = Case {
            accession: order(1).accession,
            patient_id: order(1).patient_id,
            given_name: order(1).given_name,
            placer_order_number: order(1).placer_order_number,
            filler_order_number: order(1).filler_order_number,
            requested_procedure_id: order(1).requested_procedure_id,
            ..two
        };
        if swapped {
            std::mem::swap(&mut one, &mut two);
        }
        let (one, two) = (orm_o01(&one), orm_o01(&two));
        let answers = tokio::join!(house.answer_to(&one), house.answer_to(&two));
        assert_eq!(answers, ("AA".to_owned(), "AA".to_owned()));
        for id in ["X1", "X2"] {
            assert_eq!(kept(&house, id).await.unwrap().outcome, MessageOutcome::Applied, "{id}");
        }
        let steps = house.worklist("CT1").await.len();
        assert_eq!(house.store.counts().await.unwrap().orders, 1);
        assert_eq!(steps, 2, "an update was lost");
    }
}

#[tokio::test(start_paused = true)]
async fn many_senders_at_once_keep_all_their_orders() {
    let house = House::open();
    let messages: Vec<String> = (1..=6).map(|number| orm_o01(&order(number))).collect();
    let tell = |index: usize| house.answer_to(&messages[index]);
    let answers = tokio::join!(tell(0), tell(1), tell(2), tell(3), tell(4), tell(5));
    assert_eq!([answers.0, answers.1, answers.2, answers.3, answers.4, answers.5], ["AA"; 6]);
    assert_eq!(accessions(&house, "CT1").await, ["A1", "A2", "A3", "A4", "A5", "A6"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_stored_is_rejected_for_now() {
    let house = House::open();
    house.store.watch.judge(|_| Verdict::Fail);
    assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AR 207");
    assert_eq!(accessions(&house, "CT1").await, [""; 0]);
    house.store.watch.judge_no_more();
    assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AA");
    assert_eq!(accessions(&house, "CT1").await, ["A1"]);
}

#[tokio::test(start_paused = true)]
async fn the_raw_bytes_of_every_message_are_kept() {
    let house = House::open();
    let message = orm_o01(&order(1));
    assert_eq!(house.answer_to(&message).await, "AA");
    let record = kept(&house, "RIS1").await.unwrap();
    assert_eq!(record.raw, message.as_bytes());
    assert_eq!((record.kind.as_str(), record.outcome), ("ORM^O01", MessageOutcome::Applied));
    assert_eq!(record.site, Some(crate::house::site("north")));
}

/// A message that asks for these answers in MSH-15 and MSH-16.
fn asking(message: &str, accept: &str, application: &str) -> String {
    let (head, rest) = message.split_once('\r').unwrap();
    let mut fields: Vec<&str> = head.split('|').collect();
    fields.resize(fields.len().max(16), "");
    (fields[14], fields[15]) = (accept, application);
    format!("{}\r{rest}", fields.join("|"))
}

/// MSA-1 of everything that comes back for a message.
async fn codes(house: &House, message: &str) -> Vec<String> {
    let answers = house.answers(message).await;
    answers.iter().map(|answer| answer.text("MSA-1").unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_sender_in_enhanced_mode_gets_the_answers_that_it_asks_for() {
    let house = House::open();
    let order = orm_o01(&case_of("RIS", "north", 1));
    assert_eq!(codes(&house, &asking(&order, "AL", "AL")).await, ["CA", "AA"]);
    // It is done with, and answered alike when it comes again.
    assert_eq!(codes(&house, &asking(&order, "AL", "AL")).await, ["CA", "AA"]);
    let other = |number| orm_o01(&case_of("RIS", "north", number));
    assert_eq!(codes(&house, &asking(&other(2), "AL", "NE")).await, ["CA"]);
    assert_eq!(codes(&house, &asking(&other(3), "NE", "NE")).await, [""; 0]);
    assert_eq!(house.worklist("CT1").await.len(), 3);
    let unknown = orm_o01(&case_of("NOBODY", "north", 4));
    assert_eq!(codes(&house, &asking(&unknown, "AL", "AL")).await, ["CR"]);
}
