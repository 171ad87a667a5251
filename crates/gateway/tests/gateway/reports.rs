//! Reports in: filed under their order, or parked, and never sent to the wrong one.

use telerad_gateway::Event;
use telerad_report::ReportStatus;
use telerad_store::{MessageOutcome, Messages, Reports, Store};
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::{Case, ResultStatus, orm_o01, oru_r01};

use crate::house::{Application, House, TOML, case_of, site};

fn order(number: u64) -> Case {
    case_of("RIS", "north", number)
}

fn report(number: u64, status: ResultStatus, control_id: &str, time: &str) -> Case {
    Case {
        result_status: status,
        time: time.to_owned(),
        report: vec![format!("TEXT {control_id}")],
        ..case_of("READER", "north", number).with_control_id(control_id)
    }
}

/// A house that knows order 1, and its RIS.
async fn with_order() -> (House, Application) {
    let house = House::open();
    let ris = Application::open(&house.network, "ris:2576");
    assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AA");
    (house, ris)
}

async fn parked_for(house: &House, control_id: &str) -> String {
    let record = house.store.message_by_control("READER|NORTH", control_id).await.unwrap().unwrap();
    let MessageOutcome::Parked(reason) = record.outcome else { panic!("{:?}", record.outcome) };
    let item = house.parked().await.remove(0);
    assert_eq!((item.subject, &item.reason), (record.id, &reason));
    reason
}

#[tokio::test(start_paused = true)]
async fn preliminary_then_final_are_filed_and_sent_in_the_form_of_the_ris() {
    let (mut house, ris) = with_order().await;
    let (p, f) = (ResultStatus::Preliminary, ResultStatus::Final);
    assert_eq!(house.answer_to(&oru_r01(&report(1, p, "R1", "20260105100000"))).await, "AA");
    assert_eq!(house.answer_to(&oru_r01(&report(1, f, "R2", "20260105110000"))).await, "AA");
    for _ in 0..2 {
        house.event("filed", |event| matches!(event, Event::ReportFiled { .. })).await;
        house.event("sent", |event| matches!(event, Event::MessageDelivered { .. })).await;
    }
    assert_eq!(ris.taken("OBR-25"), ["P", "F"]);
    assert_eq!(ris.taken("OBX-5"), ["TEXT R1", "TEXT R2"]);
    assert_eq!(ris.taken("OBR-18"), ["N-A1", "N-A1"]);
    assert_eq!(ris.taken("PID-3"), ["P1", "P1"]);
    assert_eq!(ris.taken("MSH-5"), ["RIS", "RIS"]);
}

#[tokio::test(start_paused = true)]
async fn a_late_preliminary_never_hides_the_final() {
    let (house, ris) = with_order().await;
    let (p, f) = (ResultStatus::Preliminary, ResultStatus::Final);
    assert_eq!(house.answer_to(&oru_r01(&report(1, f, "R2", "20260105110000"))).await, "AA");
    assert_eq!(house.answer_to(&oru_r01(&report(1, p, "R1", "20260105100000"))).await, "AA");
    house.settle().await;
    assert_eq!(ris.taken("OBR-25"), ["F"]);
    let key = telerad_worklist::OrderKey::new(
        &site("north"),
        &telerad_core::AccessionNumber::new("A1", telerad_core::Issuer::local("NORTH").ok())
            .unwrap(),
    );
    let reports = house.store.reports_of_order(&site("north"), key.as_str()).await.unwrap();
    assert_eq!((reports.len(), reports[0].versions.len()), (1, 2), "history is lost");
    assert_eq!(reports[0].current().unwrap().status, ReportStatus::Final);
}

#[tokio::test(start_paused = true)]
async fn a_report_sent_again_is_accepted_and_not_told_again() {
    let (house, ris) = with_order().await;
    let first = report(1, ResultStatus::Final, "R1", "20260105100000");
    assert_eq!(house.answer_to(&oru_r01(&first)).await, "AA");
    assert_eq!(house.answer_to(&oru_r01(&first)).await, "AA");
    // The same text in a new message, as some platforms repeat it.
    assert_eq!(house.answer_to(&oru_r01(&first.with_control_id("R9"))).await, "AA");
    house.settle().await;
    assert_eq!(ris.came(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_report_of_another_patient_is_parked_and_sent_to_nobody() {
    let (house, ris) = with_order().await;
    let mut other = report(1, ResultStatus::Final, "R1", "20260105100000");
    (other.patient_id, other.given_name) = ("P2".to_owned(), "SOMEBODY".to_owned());
    assert_eq!(house.answer_to(&oru_r01(&other)).await, "AA");
    house.settle().await;
    assert_eq!(parked_for(&house, "R1").await, "identifiers contradict each other");
    assert_eq!((ris.came(), house.store.counts().await.unwrap().reports), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_accession_number_with_the_declared_prefix_is_the_same_number() {
    let (mut house, ris) = with_order().await;
    let mut prefixed = report(1, ResultStatus::Final, "R1", "20260105100000");
    prefixed.accession = "N-A1".to_owned();
    assert_eq!(house.answer_to(&oru_r01(&prefixed)).await, "AA");
    house.event("sent", |event| matches!(event, Event::MessageDelivered { .. })).await;
    assert_eq!(ris.taken("OBR-18"), ["N-A1"]);
}

#[tokio::test(start_paused = true)]
async fn a_prefix_that_nobody_declared_is_another_number() {
    let (house, ris) = with_order().await;
    let mut strange = report(1, ResultStatus::Final, "R1", "20260105100000");
    strange.accession = "X-A1".to_owned();
    (strange.placer_order_number, strange.filler_order_number) = (String::new(), String::new());
    assert_eq!(house.answer_to(&oru_r01(&strange)).await, "AA");
    house.settle().await;
    assert_eq!(parked_for(&house, "R1").await, "no known order is named");
    assert_eq!(ris.came(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_report_without_an_issuer_or_authority_is_of_its_own_site() {
    let (mut house, ris) = with_order().await;
    let mut plain = report(1, ResultStatus::Final, "R1", "20260105100000");
    plain.patient_authority = String::new();
    assert_eq!(house.answer_to(&oru_r01(&plain)).await, "AA");
    house.event("sent", |event| matches!(event, Event::MessageDelivered { .. })).await;
    assert_eq!(ris.taken("OBR-18"), ["N-A1"]);
}

#[tokio::test(start_paused = true)]
async fn a_site_without_a_declared_issuer_files_by_number_and_patient() {
    let toml = TOML
        .replace("accession_issuer = \"NORTH\"\n", "")
        .replace("patient_authority = \"NORTH-MRN\"\n", "");
    let mut house = House::open_with(&toml);
    let ris = Application::open(&house.network, "ris:2576");
    assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AA");
    let plain = report(1, ResultStatus::Final, "R1", "20260105100000");
    assert_eq!(house.answer_to(&oru_r01(&plain)).await, "AA");
    house.event("sent", |event| matches!(event, Event::MessageDelivered { .. })).await;
    assert_eq!(ris.taken("OBR-25"), ["F"]);
}

#[tokio::test(start_paused = true)]
async fn a_report_on_images_without_an_order_is_filed_under_their_study() {
    let mut house = House::open();
    let ris = Application::open(&house.network, "ris:2576");
    house.accept_all("CT1", &[Instance::new(1)]).await;
    let plain = report(1, ResultStatus::Final, "R1", "20260105100000");
    assert_eq!(house.answer_to(&oru_r01(&plain)).await, "AA");
    house.event("sent", |event| matches!(event, Event::MessageDelivered { .. })).await;
    assert_eq!(
        (ris.taken("OBR-18"), ris.taken("PID-3")),
        (vec!["N-A1".to_owned()], vec!["P1".to_owned()])
    );
    assert!(house.reasons().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_report_on_images_of_another_patient_is_parked() {
    let house = House::open();
    let ris = Application::open(&house.network, "ris:2576");
    house.accept_all("CT1", &[Instance { patient_id: "P2".to_owned(), ..Instance::new(1) }]).await;
    let plain = report(1, ResultStatus::Final, "R1", "20260105100000");
    assert_eq!(house.answer_to(&oru_r01(&plain)).await, "AA");
    house.settle().await;
    assert_eq!(parked_for(&house, "R1").await, "identifiers contradict each other");
    assert_eq!(ris.came(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_report_before_its_order_is_parked() {
    let house = House::open();
    let ris = Application::open(&house.network, "ris:2576");
    let early = report(1, ResultStatus::Final, "R1", "20260105100000");
    assert_eq!(house.answer_to(&oru_r01(&early)).await, "AA");
    assert_eq!(parked_for(&house, "R1").await, "no known order is named");
    house.settle().await;
    assert_eq!(ris.came(), 0);
}

#[tokio::test(start_paused = true)]
async fn two_versions_at_once_are_both_kept() {
    let (house, ris) = with_order().await;
    let (p, f) = (ResultStatus::Preliminary, ResultStatus::Final);
    let one = oru_r01(&report(1, p, "R1", "20260105100000"));
    let two = oru_r01(&report(1, f, "R2", "20260105110000"));
    let answers = tokio::join!(house.answer_to(&one), house.answer_to(&two));
    assert_eq!(answers, ("AA".to_owned(), "AA".to_owned()));
    house.settle().await;
    assert_eq!(ris.taken("OBR-25").last().map(String::as_str), Some("F"));
    assert_eq!(house.store.counts().await.unwrap().reports, 1);
}

#[tokio::test(start_paused = true)]
async fn a_report_that_cannot_be_stored_is_rejected_for_now_and_told_to_nobody() {
    let (house, ris) = with_order().await;
    house.store.watch.judge(|_| crate::house::Verdict::Fail);
    let message = oru_r01(&report(1, ResultStatus::Final, "R1", "20260105100000"));
    assert_eq!(house.answer_to(&message).await, "AR 207");
    house.settle().await;
    assert_eq!(ris.came(), 0);
    house.store.watch.judge_no_more();
    assert_eq!(house.answer_to(&message).await, "AA");
    house.settle().await;
    assert_eq!(ris.came(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_news_goes_out_without_the_text() {
    let announcement =
        "\n[[announcement]]\nsite = \"north\"\nkind = \"hl7\"\naddress = \"news:2577\"\n";
    let mut house = House::open_with(&format!("{TOML}{announcement}"));
    let news = Application::open(&house.network, "news:2577");
    assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AA");
    let message = oru_r01(&report(1, ResultStatus::Final, "R1", "20260105100000"));
    assert_eq!(house.answer_to(&message).await, "AA");
    house.event("announced", |event| {
        matches!(event, Event::MessageDelivered { receiver, .. } if receiver.starts_with("announcement"))
    })
    .await;
    assert_eq!(
        (news.taken("OBR-25"), news.taken("OBR-18")),
        (vec!["F".to_owned()], vec!["A1".to_owned()])
    );
    assert!(!news.taken("OBX-5")[0].contains("TEXT"), "the news carries the report");
}
