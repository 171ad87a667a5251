//! What modalities perform: durable when it is acknowledged, seen by its own site only, and passed on.

use std::time::Duration;

use telerad_dicom::{DataSet, Status, Tag, tags};
use telerad_dimse::StatusDetail;
use telerad_gateway::Event;
use telerad_net::dicom::{NReply, StepMessage};
use telerad_store::{Journal, Orders, ParkedKind, PerformedSteps, Store};
use telerad_worklist::{PerformedStatus, StepStatus};

use crate::house::{Department, House, TOML, Verdict, site};

const STATUS: Tag = tags::PERFORMED_PROCEDURE_STEP_STATUS;

/// An order of `north` for one step.
fn order(number: u64) -> String {
    format!(
        "MSH|^~\\&|RIS|NORTH|TELERAD|GATEWAY|20260105080000||OMI^O23|S{number}|P|2.5.1\r\
         PID|||P{number}^^^NORTH-MRN||TEST^PATIENT{number}||19700101|F\r\
         ORC|NW\r\
         TQ1|||||||20260105||R\r\
         OBR||||X^Proc^L\r\
         IPC|A{number}|RP{number}|1.2.3.{number}|S{number}|CT|P^Scan^LP\r"
    )
}

fn create(uid: &str, patient: u64, number: u64) -> StepMessage {
    let mut item = DataSet::new();
    item.set_text(tags::STUDY_INSTANCE_UID, &format!("1.2.3.{number}"));
    item.set_text(tags::ACCESSION_NUMBER, &format!("A{number}"));
    item.set_text(tags::SCHEDULED_PROCEDURE_STEP_ID, &format!("S{number}"));
    let mut attributes = DataSet::new();
    attributes.set_items(tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE, vec![item]);
    attributes.set_text(tags::PATIENT_ID, &format!("P{patient}"));
    attributes.set_text(tags::PERFORMED_PROCEDURE_STEP_ID, "PPS1");
    attributes.set_text(tags::PERFORMED_STATION_AE_TITLE, "CT1");
    attributes.set_text(tags::PERFORMED_PROCEDURE_STEP_START_DATE, "20260105");
    attributes.set_text(tags::PERFORMED_PROCEDURE_STEP_START_TIME, "080500");
    attributes.set_text(STATUS, "IN PROGRESS");
    attributes.set_text(tags::MODALITY, "CT");
    StepMessage::Create { sop_instance_uid: uid.to_owned(), attributes }
}

fn end(uid: &str, status: &str, reason: &str) -> StepMessage {
    let mut attributes = DataSet::new();
    attributes.set_text(STATUS, status);
    attributes.set_text(Tag(0x0040, 0x0250), "20260105");
    attributes.set_text(Tag(0x0040, 0x0251), "081500");
    if !reason.is_empty() {
        let mut code = DataSet::new();
        code.set_text(tags::CODE_VALUE, reason);
        code.set_text(tags::CODING_SCHEME_DESIGNATOR, "DCM");
        code.set_text(tags::CODE_MEANING, "reason");
        attributes.set_items(Tag(0x0040, 0x0281), vec![code]);
    }
    StepMessage::Set { sop_instance_uid: uid.to_owned(), attributes }
}

fn change(uid: &str, comment: &str) -> StepMessage {
    let mut attributes = DataSet::new();
    attributes.set_text(Tag(0x0040, 0x0280), comment);
    StepMessage::Set { sop_instance_uid: uid.to_owned(), attributes }
}

async fn status_of(house: &House, number: u64) -> StepStatus {
    let keys = [telerad_worklist::OrderKey::from_text(&format!("north|NORTH|A{number}"))];
    house.store.orders(&site("north"), &keys).await.unwrap()[0].steps[0].status
}

async fn kept(house: &House, uid: &str) -> Option<PerformedStatus> {
    let uid = telerad_core::Uid::new(uid).unwrap();
    let step = house.store.performed_step(&site("north"), &uid).await.unwrap();
    step.map(|step| step.status)
}

async fn journal(house: &House, subject: &str) -> Vec<String> {
    let entries = house.store.journal(subject).await.unwrap();
    entries.into_iter().map(|entry| entry.event).collect()
}

#[track_caller]
fn ok(reply: NReply) {
    assert_eq!(reply.status, Status::SUCCESS, "{reply:?}");
}

/// Orders 1 to `count` of the house `north`.
async fn with_orders(toml: &str, count: u64) -> House {
    let house = House::open_with(toml);
    for number in 1..=count {
        assert_eq!(house.answer_to(&order(number)).await, "AA");
    }
    house
}

#[tokio::test(start_paused = true)]
async fn what_is_scheduled_is_performed_and_survives_a_restart() {
    let mut house = with_orders(TOML, 1).await;
    assert_eq!(house.worklist("CT1").await.len(), 1);
    ok(house.perform("CT1", &create("1.2.5.1", 1, 1)).await);
    assert_eq!(status_of(&house, 1).await, StepStatus::Started);
    assert_eq!(house.worklist("CT1").await.len(), 0);
    let begun = |event: &Event| matches!(event, Event::PerformedStep { status: "IN PROGRESS", .. });
    house.event("begun", begun).await;
    let mut house = house.restart().await;
    assert_eq!(kept(&house, "1.2.5.1").await, Some(PerformedStatus::InProgress));
    ok(house.perform("CT1", &end("1.2.5.1", "COMPLETED", "")).await);
    let ended = |event: &Event| matches!(event, Event::PerformedStep { status: "COMPLETED", .. });
    house.event("ended", ended).await;
    assert_eq!(status_of(&house, 1).await, StepStatus::Completed);
    assert_eq!(journal(&house, "1.2.5.1").await, ["performed step"; 2]);
    let of_order = journal(&house, "north|NORTH|A1").await;
    assert_eq!(of_order.iter().filter(|it| *it == "performed step").count(), 2);
    assert!(house.parked().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_says_why_changes_nothing_and_is_in_the_journal() {
    let mut house = with_orders(TOML, 1).await;
    let StepMessage::Create { mut attributes, .. } = create("1.2.5.1", 1, 1) else {
        unreachable!()
    };
    attributes.set_text(STATUS, "COMPLETED");
    let wrong = StepMessage::Create { sop_instance_uid: "1.2.5.1".to_owned(), attributes };
    let reply = house.perform("CT1", &wrong).await;
    assert_eq!(reply.status, Status::INVALID_ATTRIBUTE_VALUE);
    assert_eq!(reply.detail.attributes, [STATUS]);
    let unknown = house.perform("CT1", &end("1.2.5.1", "COMPLETED", "")).await;
    assert_eq!(unknown.status, Status::NO_SUCH_SOP_INSTANCE);
    assert_eq!(kept(&house, "1.2.5.1").await, None);
    assert_eq!(status_of(&house, 1).await, StepStatus::Scheduled);
    ok(house.perform("CT1", &create("1.2.5.1", 1, 1)).await);
    let again = house.perform("CT1", &create("1.2.5.1", 1, 1)).await;
    assert_eq!(again.status, Status::DUPLICATE_SOP_INSTANCE);
    ok(house.perform("CT1", &end("1.2.5.1", "DISCONTINUED", "")).await);
    let late = house.perform("CT1", &end("1.2.5.1", "COMPLETED", "")).await;
    assert_eq!((late.status, late.detail.error_id), (Status::PROCESSING_FAILURE, Some(0xA710)));
    let words = "Performed Procedure Step Object may no longer be updated";
    assert_eq!(late.detail.comment.as_deref(), Some(words));
    assert_eq!(status_of(&house, 1).await, StepStatus::Discontinued);
    let (taken, refused) = ("performed step", "performed step refused");
    assert_eq!(
        journal(&house, "1.2.5.1").await,
        [refused, refused, taken, refused, taken, refused]
    );
    assert_eq!(house.count(|it| matches!(it, Event::PerformedStepRefused { .. })), 4);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_acknowledged_that_is_not_durable() {
    let house = with_orders(TOML, 1).await;
    house.store.watch.judge(|_| Verdict::Fail);
    let reply = house.perform("CT1", &create("1.2.5.1", 1, 1)).await;
    assert_eq!(reply.status, Status::PROCESSING_FAILURE);
    assert_eq!(reply.detail.error_id, None);
    house.store.watch.judge_no_more();
    assert_eq!(kept(&house, "1.2.5.1").await, None);
    assert_eq!(status_of(&house, 1).await, StepStatus::Scheduled);
    ok(house.perform("CT1", &create("1.2.5.1", 1, 1)).await);
}

#[tokio::test(start_paused = true)]
async fn a_site_sees_nothing_of_another() {
    let house = with_orders(TOML, 1).await;
    ok(house.perform("CT1", &create("1.2.5.1", 1, 1)).await);
    let reply = house.perform("CT9", &end("1.2.5.1", "COMPLETED", "")).await;
    assert_eq!(reply.status, Status::NO_SUCH_SOP_INSTANCE);
    // The same UID there is another step, and north's order is none of its business.
    ok(house.perform("CT9", &create("1.2.5.1", 1, 1)).await);
    ok(house.perform("CT9", &end("1.2.5.1", "COMPLETED", "")).await);
    assert_eq!(kept(&house, "1.2.5.1").await, Some(PerformedStatus::InProgress));
    assert_eq!(status_of(&house, 1).await, StepStatus::Started);
    let south = house.store.performed_steps_of_study(&site("south"), "1.2.3.1").await.unwrap();
    assert!(south[0].is_waiting() && south[0].order_keys().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_a_source_that_may_is_taken_at_its_word() {
    let house = House::open();
    for calling in ["PACS", "CONSOLE"] {
        let uid = telerad_dicom::uids::MODALITY_PERFORMED_PROCEDURE_STEP;
        let need = (uid, telerad_dicom::uids::EXPLICIT_VR_LITTLE_ENDIAN);
        let association = house.associate(calling, &[need]).await;
        assert!(association.map_or(true, |it| it.accepted().is_empty()), "{calling}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_in_doubt_waits_for_a_person_and_moves_nothing() {
    let mut house = with_orders(TOML, 1).await;
    ok(house.perform("CT1", &create("1.2.5.1", 2, 1)).await);
    assert_eq!(status_of(&house, 1).await, StepStatus::Scheduled);
    house.event("parked", |it| matches!(it, Event::PerformedStepParked { .. })).await;
    let parked = house.parked().await;
    assert_eq!((parked.len(), parked[0].kind), (1, ParkedKind::PerformedStep));
    assert_eq!(parked[0].reason, "the performed step names another patient than its order");
    assert_eq!(parked[0].subject, "1.2.5.1");
    // Nobody was made up.
    assert_eq!(house.store.counts().await.unwrap().patients, 1);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_entry_puts_the_step_back_and_the_study_before_a_person() {
    let mut house = with_orders(TOML, 1).await;
    ok(house.perform("CT1", &create("1.2.5.1", 1, 1)).await);
    ok(house.perform("CT1", &end("1.2.5.1", "DISCONTINUED", "110514")).await);
    assert_eq!(status_of(&house, 1).await, StepStatus::Scheduled);
    assert_eq!(house.worklist("CT1").await.len(), 1);
    house.event("alert", |it| matches!(it, Event::WrongEntrySelected { .. })).await;
    let parked = house.parked().await;
    assert_eq!(
        (parked[0].kind, parked[0].subject.as_str()),
        (ParkedKind::PerformedStep, "1.2.3.1")
    );
    let reason = "incorrect worklist entry selected: the study is to be corrected";
    assert_eq!(parked[0].reason, reason);
}

#[tokio::test(start_paused = true)]
async fn other_reasons_put_a_step_back_where_the_site_says_so() {
    let rule = "id = \"north\"\nrescheduling_reasons = [\"110501\"]";
    let house = with_orders(&TOML.replacen("id = \"north\"", rule, 1), 2).await;
    for (number, reason, expected) in
        [(1, "110501", StepStatus::Scheduled), (2, "110507", StepStatus::Discontinued)]
    {
        let uid = format!("1.2.5.{number}");
        ok(house.perform("CT1", &create(&uid, number, number)).await);
        ok(house.perform("CT1", &end(&uid, "DISCONTINUED", reason)).await);
        assert_eq!(status_of(&house, number).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_performed_before_its_order_is_linked_when_it_comes() {
    let house = House::open();
    ok(house.perform("CT1", &create("1.2.5.1", 1, 1)).await);
    ok(house.perform("CT1", &create("1.2.5.2", 2, 2)).await);
    ok(house.perform("CT1", &end("1.2.5.1", "COMPLETED", "")).await);
    assert_eq!(house.store.counts().await.unwrap().patients, 0);
    assert_eq!(house.answer_to(&order(1)).await, "AA");
    assert_eq!(house.answer_to(&order(2)).await, "AA");
    assert_eq!(status_of(&house, 1).await, StepStatus::Completed);
    assert_eq!(status_of(&house, 2).await, StepStatus::Started);
    assert_eq!(house.worklist("CT1").await.len(), 0);
    let linked = "performed step linked";
    assert_eq!(journal(&house, "1.2.5.2").await, ["performed step", linked]);
    ok(house.perform("CT1", &end("1.2.5.2", "COMPLETED", "")).await);
    assert_eq!(status_of(&house, 2).await, StepStatus::Completed);
}

const RELAY: &str =
    "\n[[mpps_destination]]\nsite = \"north\"\nae_title = \"RIS\"\naddress = \"ris:104\"\n";

fn relayed() -> String {
    format!("{TOML}{RELAY}")
}

fn is_sent(event: &Event) -> bool {
    matches!(event, Event::MessageDelivered { .. })
}

async fn sent(house: &mut House, count: usize) {
    for _ in 0..count {
        house.event("sent", is_sent).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_performed_is_passed_on_in_its_order() {
    let mut house = with_orders(&relayed(), 2).await;
    let ris = Department::open(&house.network, "ris:104");
    ok(house.perform("CT1", &create("1.2.5.1", 1, 1)).await);
    ok(house.perform("CT1", &change("1.2.5.1", "half way")).await);
    ok(house.perform("CT1", &end("1.2.5.1", "COMPLETED", "")).await);
    // What was refused, and what is of another site, is not.
    house.perform("CT1", &end("1.2.5.1", "COMPLETED", "")).await;
    ok(house.perform("CT9", &create("1.2.5.9", 1, 1)).await);
    sent(&mut house, 3).await;
    house.settle().await;
    let told = ris.told();
    let expected = ["create 1.2.5.1 IN PROGRESS", "set 1.2.5.1 ", "set 1.2.5.1 COMPLETED"];
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_while_the_other_system_is_gone() {
    let mut house = with_orders(&relayed(), 2).await;
    for number in [1, 2] {
        let uid = format!("1.2.5.{number}");
        ok(house.perform("CT1", &create(&uid, number, number)).await);
        ok(house.perform("CT1", &end(&uid, "COMPLETED", "")).await);
    }
    house.event("down", |it| matches!(it, Event::ReceiverDown { .. })).await;
    house.let_pass(Duration::from_secs(7200)).await;
    assert_eq!(house.store.counts().await.unwrap().outbound_pending, 4);
    let mut house = house.restart().await;
    house.settle().await;
    let ris = Department::open(&house.network, "ris:104");
    sent(&mut house, 4).await;
    let told = ris.told();
    for number in [1, 2] {
        let of_step: Vec<_> =
            told.iter().filter(|it| it.contains(&format!("1.2.5.{number}"))).collect();
        let uid = format!("1.2.5.{number}");
        assert_eq!(
            of_step,
            [&format!("create {uid} IN PROGRESS"), &format!("set {uid} COMPLETED")]
        );
    }
    assert!(house.parked().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_other_system_refuses_is_set_aside_and_what_it_has_is_delivered() {
    let mut house = with_orders(&relayed(), 2).await;
    let busy = |status: u16| NReply::from(Status::new(status));
    let ris = Department::open(&house.network, "ris:104").script(move |what, before| match what {
        // It has it from elsewhere.
        "create 1.2.5.1 IN PROGRESS" => busy(0x0111),
        // Not now, and then for good.
        "set 1.2.5.1 COMPLETED" if before < 3 => busy(0x0213),
        "set 1.2.5.1 COMPLETED" => {
            let detail = StatusDetail { comment: Some("who".to_owned()), ..Default::default() };
            NReply { detail, ..busy(0x0124) }
        }
        _ => busy(0),
    });
    ok(house.perform("CT1", &create("1.2.5.1", 1, 1)).await);
    ok(house.perform("CT1", &end("1.2.5.1", "COMPLETED", "")).await);
    let aside = house.event("set aside", |it| matches!(it, Event::MessageSetAside { .. })).await;
    let Event::MessageSetAside { cause, control_id, .. } = aside else { unreachable!() };
    assert_eq!((cause.as_str(), control_id.as_str()), ("answered 0124H", "N-SET 1.2.5.1"));
    assert!(ris.told().len() >= 4, "{:?}", ris.told());
    ok(house.perform("CT1", &create("1.2.5.2", 2, 2)).await);
    sent(&mut house, 2).await;
    assert_eq!(house.parked().await.len(), 1);
    assert_eq!(house.count(|it| matches!(it, Event::ReceiverDown { .. })), 0);
}

#[test]
fn two_relays_of_one_queue_are_refused() {
    let twice = format!("{TOML}{RELAY}{RELAY}");
    let error = telerad_gateway::Configuration::from_toml(&twice, "t.toml").unwrap_err();
    assert_eq!(error.message, "`ris:104` is declared twice for site `north`");
    let unknown = format!("{TOML}{}", RELAY.replace("north", "nowhere"));
    let error = telerad_gateway::Configuration::from_toml(&unknown, "t.toml").unwrap_err();
    assert_eq!(error.message, "site `nowhere` is not declared; declared: north, south");
}
