//! Images against their order: what comes before its order, what contradicts it, and what settles the matter.

mod corrections;
mod side;

use std::sync::Arc;
use std::time::Duration;

use telerad_core::{AccessionNumber, Issuer};
use telerad_gateway::Event;
use telerad_routing::StudyMark;
use telerad_store::{Effect, Instances, Journal};
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::{Case, orm_o01};
use telerad_worklist::OrderKey;
use tokio::sync::Notify;

use crate::house::{Archive, House, Verdict, case_of, site};

fn order(number: u64) -> Case {
    case_of("RIS", "north", number)
}

/// What an order of `north` is kept under.
fn key(accession: &str) -> String {
    let issuer = Issuer::local("NORTH").ok();
    let number = AccessionNumber::new(accession, issuer).unwrap();
    OrderKey::new(&site("north"), &number).as_str().to_owned()
}

/// How a study stands to the orders of `north`, as it is kept: the word, and the order it belongs to.
async fn standing(house: &House, study: &str) -> (&'static str, Option<String>) {
    let decision = house.store.study(&site("north"), study).await.unwrap().unwrap();
    let mark = decision.mark.unwrap();
    match &mark {
        StudyMark::Matched { order_key } => (mark.kind().as_str(), Some(order_key.clone())),
        _ => (mark.kind().as_str(), None),
    }
}

/// Waits until a study is told to stand so; what contradicts.
async fn marked(house: &mut House, study: &str, expected: (Option<&str>, &str)) -> String {
    let (was, is) = expected;
    let what = format!("{was:?} to {is}");
    let passes = |event: &Event| {
        matches!(event, Event::StudyMarked { study_instance_uid, before, mark, .. }
            if study_instance_uid == study && *before == was && *mark == is)
    };
    let Event::StudyMarked { why, site: told, .. } = house.event(&what, passes).await else {
        unreachable!()
    };
    assert_eq!(told, site("north"));
    why
}

/// How often something was told of studies that stand otherwise, and is not taken yet.
fn told(house: &mut House) -> usize {
    house.count(|event| matches!(event, Event::StudyMarked { .. }))
}

async fn journal(house: &House, subject: &str) -> Vec<String> {
    let lines = house.store.journal(subject).await.unwrap();
    lines.into_iter().map(|line| line.event).collect()
}

/// Images of one study came before their order, and are read all the same.
async fn unmatched(house: &mut House, images: &[Instance]) -> Archive {
    let archive = Archive::open(&house.network);
    house.accept_all("CT1", images).await;
    house.delivered(images.len()).await;
    assert_eq!(archive.kept().len(), images.len());
    assert_eq!(standing(house, &images[0].study_instance_uid).await, ("unmatched", None));
    for image in images {
        let line = house.delivery(&image.sop_instance_uid).await.unwrap();
        assert_eq!(line.mark.kind().as_str(), "unmatched");
    }
    archive
}

#[tokio::test(start_paused = true)]
async fn images_before_their_order_are_read_and_linked_when_it_comes() {
    let mut house = House::open();
    let case = Instance::new(1);
    let other = Instance { sop_instance_uid: "2.25.900".to_owned(), ..case.clone() };
    let archive = unmatched(&mut house, &[case.clone(), other]).await;
    // Neither another order nor the one of the same numbers at another site is theirs.
    assert_eq!(house.answer_to(&orm_o01(&order(2))).await, "AA");
    assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "south", 1))).await, "AA");
    house.settle().await;
    assert_eq!(told(&mut house), 0);
    assert_eq!(standing(&house, &case.study_instance_uid).await, ("unmatched", None));
    assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AA");
    let why = marked(&mut house, &case.study_instance_uid, (Some("unmatched"), "matched")).await;
    assert_eq!(why, "");
    let linked = ("matched", Some(key("A1")));
    assert_eq!(standing(&house, &case.study_instance_uid).await, linked);
    assert_eq!(journal(&house, &case.study_instance_uid).await, ["linked"]);
    assert_eq!(journal(&house, &key("A1")).await, ["images linked"]);
    assert_eq!(journal(&house, &key("A2")).await, [""; 0]);
    house.settle().await;
    assert_eq!((told(&mut house), archive.kept().len()), (0, 2), "told once, delivered once");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_comes_while_its_images_are_being_written_is_linked_too() {
    let mut house = House::open();
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
        assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AA");
        house.let_pass(Duration::from_secs(1)).await;
        held.notify_one();
    };
    tokio::join!(image, order);
    house.store.watch.judge_no_more();
    house.delivered(1).await;
    marked(&mut house, &case.study_instance_uid, (Some("unmatched"), "matched")).await;
    let linked = ("matched", Some(key("A1")));
    assert_eq!(standing(&house, &case.study_instance_uid).await, linked);
}

#[tokio::test(start_paused = true)]
async fn images_after_their_order_are_linked_and_nothing_is_told() {
    let mut house = House::open();
    let _archive = Archive::open(&house.network);
    assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AA");
    house.accept("CT1", &Instance::new(1)).await;
    house.delivered(1).await;
    house.settle().await;
    let linked = ("matched", Some(key("A1")));
    assert_eq!(standing(&house, &Instance::new(1).study_instance_uid).await, linked);
    assert_eq!(told(&mut house), 0);
}
