//! Instances that no rule wanted, when rules and orders change.

use std::sync::Arc;
use std::time::Duration;

use telerad_gateway::Event;
use telerad_store::{Effect, Journal, ParkedKind};
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::orm_o01;
use tokio::sync::Notify;

use crate::house::{Archive, House, TOML, Verdict, case_of};

fn only(condition: &str) -> String {
    let rule = "id = \"everything-to-reading\"";
    assert!(TOML.contains(rule));
    TOML.replace(rule, &format!("{rule}\nwhen = {condition}"))
}

fn reports(count: u32) -> Vec<Instance> {
    let report = |number| Instance {
        sop_instance_uid: format!("2.25.{number}"),
        modality: "SR".to_owned(),
        ..Instance::new(1)
    };
    (1..=count).map(report).collect()
}

#[tokio::test(start_paused = true)]
async fn what_no_rule_wanted_goes_out_when_the_rules_are_mended() {
    let house = House::open_with(&only("{ modality = [\"CT\"] }"));
    let archive = Archive::open(&house.network);
    house.accept_all("CT1", &reports(70)).await;
    assert_eq!(house.reasons().await.len(), 70);
    // The same rules change nothing.
    let mut house = house.restart().await;
    house.settle().await;
    assert_eq!((house.reasons().await.len(), archive.kept().len()), (70, 0));
    assert_eq!(house.count(|event| matches!(event, Event::DecidedAgain { .. })), 0);
    // A crash may have come before they were told.
    let mut told = Vec::new();
    let is_told = |event: &Event| matches!(event, Event::StillParked { .. });
    for _ in 0..house.count(is_told) {
        let Event::StillParked { kind, subject, reason, .. } =
            house.event("still parked", is_told).await
        else {
            unreachable!()
        };
        assert_eq!((kind, &*reason), (ParkedKind::Instance, "no rule"));
        told.push(subject);
    }
    told.sort();
    let mut expected: Vec<String> = reports(70).into_iter().map(|it| it.sop_instance_uid).collect();
    expected.sort();
    assert_eq!(told, expected);
    let mut house = house.restart_with(TOML).await;
    house.delivered(70).await;
    house.settle().await;
    assert_eq!((house.reasons().await.len(), archive.kept().len()), (0, 70));
    assert_eq!(house.count(|event| matches!(event, Event::DecidedAgain { .. })), 70);
    let journal = house.store.journal("2.25.1").await.unwrap();
    let events: Vec<&str> = journal.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(&events[..2], ["no rule", "decided again"], "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_again_and_goes_out_waits_no_more() {
    let house = House::open_with(&only("{ modality = [\"CT\"] }"));
    house.accept_all("CT1", &reports(2)).await;
    // An image of the study is wanted, and its decision holds for the reports that come after it.
    house
        .accept("CT1", &Instance { sop_instance_uid: "2.25.9".to_owned(), ..Instance::new(1) })
        .await;
    house.accept_all("CT1", &reports(1)).await;
    let parked = house.parked().await;
    assert_eq!(parked.iter().map(|item| item.subject.as_str()).collect::<Vec<_>>(), ["2.25.2"]);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_comes_later_decides_what_waited_for_one() {
    let mut house = House::open_with(&only("{ mark = [\"matched\"] }"));
    let archive = Archive::open(&house.network);
    house.accept("CT1", &Instance::new(1)).await;
    house.accept("CT1", &Instance::new(2)).await;
    house.settle().await;
    assert_eq!((house.reasons().await.len(), archive.kept().len()), (2, 0));
    assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "north", 1))).await, "AA");
    house.delivered(1).await;
    house.let_pass(Duration::from_secs(60)).await;
    assert_eq!(archive.kept_uids(), [Instance::new(1).sop_instance_uid]);
    assert_eq!(house.reasons().await, ["no rule"]);
    let line = house.delivery(&Instance::new(1).sop_instance_uid).await.unwrap();
    assert_eq!(line.mark.kind().as_str(), "matched");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_comes_while_an_image_is_being_written_decides_it_too() {
    let mut house = House::open_with(&only("{ mark = [\"matched\"] }"));
    let _archive = Archive::open(&house.network);
    let held = Arc::new(Notify::new());
    let until = Arc::clone(&held);
    let is_image = |it: &Effect| matches!(it, Effect::Instance { .. });
    house.store.watch.judge(move |batch| match batch.effects.iter().any(is_image) {
        true => Verdict::After(Arc::clone(&until)),
        false => Verdict::Pass,
    });
    let case = Instance::new(1);
    let image = house.accept("CT1", &case);
    let order = async {
        house.let_pass(Duration::from_secs(1)).await;
        assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "north", 1))).await, "AA");
        house.let_pass(Duration::from_secs(1)).await;
        held.notify_one();
    };
    tokio::join!(image, order);
    house.store.watch.judge_no_more();
    house.delivered(1).await;
    house.settle().await;
    assert_eq!(house.reasons().await, Vec::<String>::new());
}
