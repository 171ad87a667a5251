//! What people decide: each operation, each refusal, and what comes between.

mod journey;
mod messages;
mod replay;

use std::time::Duration;

use telerad_core::{Priority, Uid};
use telerad_gateway::desk::{DeskError, Signature};
use telerad_gateway::{Event, Operation};
use telerad_routing::{DeliveryState, DestinationId, NotWantedReason};
use telerad_store::{Deliveries, Instances, Journal};
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::{Case, orm_o01};

use crate::house::{Answer, Archive, House, TOML, Verdict, case_of, site};

/// A house with a second reading platform, `other`, which rules do not name.
fn house() -> House {
    let other = r#"
[[destination]]
id = "other"
ae_title = "OTHER"
address = "other:104"
associations_max = 2
retry_seconds = [1, 60]

[[rule]]
"#;
    House::open_with(&TOML.replacen("\n[[rule]]\n", other, 1))
}

/// Slices of study 1, or of another.
fn slices_of(study: u64, count: u64) -> Vec<Instance> {
    let slice = |number| Instance {
        sop_instance_uid: format!("2.25.{study}000{number:03}"),
        rows: 8,
        columns: 8,
        seed: number,
        ..Instance::new(study)
    };
    (1..=count).map(slice).collect()
}

fn study_uid() -> String {
    Instance::new(1).study_instance_uid
}

fn signed() -> Signature {
    Signature::new("ops-1", "asked by the ward").unwrap()
}

fn to(name: &str) -> DestinationId {
    DestinationId::new(name).unwrap()
}

/// The states of study 1 at a destination, by instance.
async fn states_at(house: &House, destination: &str) -> Vec<&'static str> {
    let (site, study) = (site("north"), study_uid());
    let mut lines = house.store.deliveries_of_study(&site, &study).await.unwrap();
    lines.retain(|line| line.key.destination.as_str() == destination);
    lines.sort_by(|a, b| a.key.cmp(&b.key));
    lines.iter().map(|line| line.state.as_str()).collect()
}

async fn states(house: &House) -> Vec<&'static str> {
    states_at(house, "reading").await
}

/// What the journal says of study 1.
async fn journal(house: &House) -> Vec<(String, String)> {
    let entries = house.store.journal(&study_uid()).await.unwrap();
    entries.into_iter().map(|entry| (entry.event, entry.detail)).collect()
}

#[track_caller]
fn check_refused<T: std::fmt::Debug>(result: Result<T, DeskError>, expected: &str) {
    assert_eq!(result.unwrap_err().to_string(), expected);
}

fn is_decided(operation: Operation) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Decided { operation: it, .. } if *it == operation)
}

#[tokio::test(start_paused = true)]
async fn a_held_study_waits_for_its_release_late_instances_included() {
    let mut house = house();
    let (desk, north, study) = (house.gateway.desk(), site("north"), study_uid());
    let slices = slices_of(1, 3);
    house.accept_all("CT1", &slices[..2]).await;
    assert_eq!(desk.hold(&north, &study, &signed()).await, Ok(2));
    house.accept("CT1", &slices[2]).await;
    house.accept("CT1", &slices_of(2, 1)[0]).await;
    let archive = Archive::open(&house.network);
    house.delivered(1).await;
    house.settle().await;
    assert_eq!(states(&house).await, ["held"; 3]);
    assert_eq!(archive.kept().len(), 1);
    check_refused(desk.hold(&north, &study, &signed()).await, "it is held already, by ops-1");

    let asked = tokio::time::Instant::now();
    assert_eq!(desk.release(&north, &study, &signed()).await, Ok(3));
    house.delivered(3).await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    check_refused(desk.release(&north, &study, &signed()).await, "it is not held");
    let words = journal(&house).await;
    let said = |event: &str, detail: &str| (event.to_owned(), detail.to_owned());
    assert_eq!(
        words,
        [
            said("held", "by ops-1: asked by the ward (2 deliveries)"),
            said("released", "by ops-1: asked by the ward (3 deliveries)"),
        ]
    );
    let event = house.event("held", is_decided(Operation::Hold)).await;
    let expected = Event::Decided {
        site: north,
        subject: study,
        operation: Operation::Hold,
        by: "ops-1".to_owned(),
    };
    assert_eq!(event, expected);
    assert_eq!(house.count(is_decided(Operation::Release)), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_study_is_not_sent_and_what_was_sent_stays_sent() {
    let mut house = house();
    let (desk, north, study) = (house.gateway.desk(), site("north"), study_uid());
    let slices = slices_of(1, 4);
    let archive = Archive::open(&house.network);
    house.accept("CT1", &slices[0]).await;
    house.delivered(1).await;
    drop(archive);
    house.accept_all("CT1", &slices[1..3]).await;
    let (reading, other) = (to("reading"), to("other"));
    let nowhere = desk.cancel(&north, &study, Some(&other), &signed()).await;
    check_refused(nowhere, "it does not go to other");
    assert_eq!(desk.cancel(&north, &study, Some(&reading), &signed()).await, Ok(2));
    house.accept("CT1", &slices[3]).await;
    let archive = Archive::open(&house.network);
    house.settle().await;
    assert_eq!(states(&house).await, ["sent", "not wanted", "not wanted", "not wanted"]);
    assert!(archive.kept().is_empty());
    check_refused(desk.cancel(&north, &study, None, &signed()).await, "it is cancelled already");
    // Asked for again, what was sent goes a second time, and what was cancelled for the first.
    assert_eq!(desk.resend(&north, &study, None, &signed()).await, Ok(4));
    house.delivered(4).await;
    assert_eq!(archive.kept().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_kept_is_not_sent_again() {
    let kept_briefly = TOML.replacen("id = \"north\"\n", "id = \"north\"\nkeep_hours = 2\n", 1);
    let mut house = House::open_with(&kept_briefly);
    let (desk, north, study) = (house.gateway.desk(), site("north"), study_uid());
    let archive = Archive::open(&house.network);
    house.accept_all("CT1", &slices_of(1, 2)).await;
    house.delivered(2).await;
    house.let_pass(Duration::from_secs(4 * 3600)).await;
    assert_eq!(house.disk.payloads(), 0);
    let refused = desk.resend(&north, &study, None, &signed()).await;
    assert_eq!(refused, Err(DeskError::PayloadRemoved));
    assert_eq!(states(&house).await, ["sent", "sent"]);
    house.settle().await;
    assert_eq!(archive.kept().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_raised_study_goes_next() {
    let mut house = House::open_with(&TOML.replace("associations_max = 2", "associations_max = 1"));
    let (desk, north) = (house.gateway.desk(), site("north"));
    let (first, second) = (slices_of(1, 10), slices_of(2, 3));
    house.accept_all("CT1", &first).await;
    house.accept_all("CT1", &second[..2]).await;
    house.event("destination down", |it| matches!(it, Event::DestinationDown { .. })).await;
    let waits = first[4].sop_instance_uid.clone();
    let under_way = waits.clone();
    let archive = Archive::open(&house.network)
        .script(move |uid, _| if uid == waits { Answer::Wait } else { Answer::Status(0) });
    archive.has_come(&under_way).await;
    let study = &second[0].study_instance_uid;
    assert_eq!(desk.raise(&north, study, Priority::Stat, &signed()).await, Ok(2));
    house.accept("CT1", &second[2]).await;
    archive.go_on();
    house.delivered(13).await;
    let uids = |slices: &[Instance]| -> Vec<String> {
        slices.iter().map(|slice| slice.sop_instance_uid.clone()).collect()
    };
    let mut expected = uids(&first);
    expected.splice(5..5, uids(&second));
    assert_eq!(archive.order(), expected);
    let again = desk.raise(&north, study, Priority::Stat, &signed()).await;
    check_refused(again, "it is at least as urgent already");
}

#[tokio::test(start_paused = true)]
async fn a_study_goes_somewhere_else() {
    let mut house = house();
    let (desk, north, study) = (house.gateway.desk(), site("north"), study_uid());
    let slices = slices_of(1, 3);
    house.accept_all("CT1", &slices[..2]).await;
    let (reading, other) = (to("reading"), to("other"));
    let nowhere = desk.reroute(&north, &study, &reading, &to("nowhere"), &signed()).await;
    check_refused(nowhere, "there is no destination nowhere");
    let there = desk.reroute(&north, &study, &reading, &reading, &signed()).await;
    check_refused(there, "it goes to reading already");
    // Two are not wanted there and two are new here.
    assert_eq!(desk.reroute(&north, &study, &reading, &other, &signed()).await, Ok(4));
    let gone = desk.reroute(&north, &study, &reading, &other, &signed()).await;
    check_refused(gone, "it does not go to reading");
    house.accept("CT1", &slices[2]).await;
    let (platform, stays) =
        (Archive::open_at(&house.network, "other:104"), Archive::open(&house.network));
    house.delivered(3).await;
    house.settle().await;
    assert_eq!((platform.kept().len(), stays.kept().len()), (3, 0));
    assert_eq!(states(&house).await, ["not wanted"; 2]);
    assert_eq!(states_at(&house, "other").await, ["sent"; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_tried_once_more_and_waits_for_nobody() {
    let mut house = house();
    let (desk, north, study) = (house.gateway.desk(), site("north"), study_uid());
    let slices = slices_of(1, 3);
    let archive = Archive::open(&house.network)
        .script(|_, times| Answer::Status(if times <= 3 { 0xC000 } else { 0 }));
    check_refused(desk.requeue(&north, &study, None, &signed()).await, UNKNOWN);
    house.accept_all("CT1", &slices).await;
    house.settle().await;
    assert_eq!(states(&house).await, ["failed"; 3]);
    assert_eq!(house.reasons().await, ["delivery failed"; 3]);
    let uid = |slice: &Instance| Uid::new(&slice.sop_instance_uid).unwrap();
    let elsewhere = to("other");
    let other = desk.requeue_instance(&north, &uid(&slices[0]), Some(&elsewhere), &signed()).await;
    check_refused(other, "nothing of it failed or is parked");
    assert_eq!(desk.requeue_instance(&north, &uid(&slices[0]), None, &signed()).await, Ok(1));
    house.delivered(1).await;
    assert_eq!(states(&house).await, ["sent", "failed", "failed"]);
    assert_eq!(house.reasons().await.len(), 2);
    assert_eq!(desk.requeue(&north, &study, None, &signed()).await, Ok(2));
    house.delivered(2).await;
    assert!(house.reasons().await.is_empty());
    check_refused(
        desk.requeue(&north, &study, None, &signed()).await,
        "nothing of it failed or is parked",
    );
    assert_eq!(archive.kept().len(), 3);
    let unknown = desk.requeue_instance(&north, &Uid::new("1.2.3").unwrap(), None, &signed()).await;
    check_refused(unknown, "this site has no delivery of such an instance");
}

const UNKNOWN: &str = "this site has no decision about such a study";

#[tokio::test(start_paused = true)]
async fn nothing_is_done_to_a_study_of_another_site() {
    let house = house();
    let (desk, south, study) = (house.gateway.desk(), site("south"), study_uid());
    house.accept_all("CT1", &slices_of(1, 2)).await;
    let (reading, other, by) = (to("reading"), to("other"), signed());
    check_refused(desk.hold(&south, &study, &by).await, UNKNOWN);
    check_refused(desk.release(&south, &study, &by).await, UNKNOWN);
    check_refused(desk.cancel(&south, &study, None, &by).await, UNKNOWN);
    check_refused(desk.raise(&south, &study, Priority::Stat, &by).await, UNKNOWN);
    check_refused(desk.reroute(&south, &study, &reading, &other, &by).await, UNKNOWN);
    check_refused(desk.resend(&south, &study, None, &by).await, UNKNOWN);
    check_refused(desk.requeue(&south, &study, None, &by).await, UNKNOWN);
    assert_eq!(states(&house).await, ["pending"; 2]);
    let waiting = desk.resend(&site("north"), &study, None, &by).await;
    check_refused(waiting, "nothing of it was sent or cancelled: it still waits to be sent");
    assert!(journal(&house).await.is_empty());
}

/// Cancels while one instance is under way, which ends like this.
async fn check_cancelled_under_way(answer: u16, expected: &str) {
    let mut house = house();
    let (desk, north, study) = (house.gateway.desk(), site("north"), study_uid());
    let slices = slices_of(1, 4);
    house.accept_all("CT1", &slices).await;
    house.event("destination down", |it| matches!(it, Event::DestinationDown { .. })).await;
    let archive = Archive::open(&house.network).script(move |_, _| match answer {
        0 => Answer::Wait,
        code => Answer::Status(code),
    });
    archive.came().await;
    assert!(matches!(desk.cancel(&north, &study, None, &signed()).await, Ok(3 | 4)));
    archive.go_on();
    house.settle().await;
    let came: Vec<String> = archive.offers().into_keys().collect();
    let lines = house.store.deliveries_of_study(&north, &study).await.unwrap();
    assert_eq!(lines.len(), 4);
    for line in lines {
        let uid = line.key.sop_instance_uid.as_str().to_owned();
        if came.contains(&uid) {
            assert_eq!(line.state.as_str(), expected, "{uid}");
        } else {
            let reason = match line.state {
                DeliveryState::NotWanted { reason } => reason,
                other => panic!("{uid}: {other:?}"),
            };
            assert!(matches!(reason, NotWantedReason::Cancelled { by, .. } if by == "ops-1"));
        }
    }
    // One is sent to see whether the platform works, and no other.
    assert_eq!((came.len(), archive.kept().len()), (1, usize::from(answer == 0)));
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_when_its_study_is_cancelled_ends_once() {
    check_cancelled_under_way(0, "sent").await;
    check_cancelled_under_way(0xA700, "not wanted").await;
}

#[tokio::test(start_paused = true)]
async fn a_study_is_held_while_it_comes_in_and_goes_out() {
    let mut house = house();
    let (desk, north, study) = (house.gateway.desk(), site("north"), study_uid());
    let slices = slices_of(1, 60);
    let archive = Archive::open(&house.network);
    let coming = async {
        let (first, rest) = slices.split_at(20);
        let (second, third) = rest.split_at(20);
        tokio::join!(
            house.accept_all("CT1", first),
            house.accept_all("CT1", second),
            house.accept_all("CT1", third),
        );
    };
    let holding = async {
        while house.store.study(&north, &study).await.unwrap().is_none() || archive.kept().len() < 5
        {
            tokio::task::yield_now().await;
        }
        desk.hold(&north, &study, &signed()).await.unwrap()
    };
    let ((), held) = tokio::join!(coming, holding);
    house.settle().await;
    let states = states(&house).await;
    let count = |word: &str| states.iter().filter(|state| **state == word).count();
    let (sent, waiting) = (count("sent"), count("held"));
    assert_eq!((sent + waiting, archive.kept().len()), (60, sent), "held {held}: {states:?}");
    assert!(waiting >= 30, "{waiting}");
    desk.release(&north, &study, &signed()).await.unwrap();
    house.delivered(60).await;
    assert_eq!(archive.kept().len(), 60);
}

#[tokio::test(start_paused = true)]
async fn two_people_at_once_decide_one_after_the_other() {
    let house = house();
    let (desk, north, study) = (house.gateway.desk(), site("north"), study_uid());
    house.accept_all("CT1", &slices_of(1, 2)).await;
    let other = Signature::new("ops-2", "asked by the reader").unwrap();
    let one = signed();
    let answers = tokio::join!(desk.hold(&north, &study, &one), desk.hold(&north, &study, &other));
    assert_eq!(answers.0, Ok(2));
    check_refused(answers.1, "it is held already, by ops-1");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_is_not_done_and_not_told() {
    let mut house = house();
    let (desk, north, study) = (house.gateway.desk(), site("north"), study_uid());
    house.accept_all("CT1", &slices_of(1, 2)).await;
    house.store.watch.judge(|_| Verdict::Fail);
    let failed = desk.hold(&north, &study, &signed()).await;
    check_refused(failed, "database: the disk is full");
    house.store.watch.judge_no_more();
    assert_eq!(
        (states(&house).await, house.count(is_decided(Operation::Hold))),
        (vec!["pending"; 2], 0)
    );
    assert_eq!(desk.hold(&north, &study, &signed()).await, Ok(2));
}

/// Images of order 2, which wait behind a study of ten slices; the order is changed; what goes out, in order.
async fn check_order(first: Option<&str>, then: Case) -> Vec<String> {
    let mut house = House::open_with(&TOML.replace("associations_max = 2", "associations_max = 1"));
    if let Some(priority) = first {
        let order = Case { priority: priority.to_owned(), ..case_of("RIS", "north", 2) };
        assert_eq!(house.answer_to(&orm_o01(&order)).await, "AA");
    }
    let (large, urgent) = (slices_of(1, 10), slices_of(2, 2));
    house.accept_all("CT1", &large).await;
    house.accept_all("CT1", &urgent[..1]).await;
    house.event("destination down", |it| matches!(it, Event::DestinationDown { .. })).await;
    let waits = large[2].sop_instance_uid.clone();
    let under_way = waits.clone();
    let archive = Archive::open(&house.network)
        .script(move |uid, _| if uid == waits { Answer::Wait } else { Answer::Status(0) });
    archive.has_come(&under_way).await;
    assert_eq!(house.answer_to(&orm_o01(&then)).await, "AA");
    house.accept_all("CT1", &urgent[1..]).await;
    let asked = tokio::time::Instant::now();
    archive.go_on();
    house.delivered(12).await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    archive.order()
}

/// The same order as it is told later.
fn changed(priority: &str) -> Case {
    let order = case_of("RIS", "north", 2).with_control_id("X1");
    Case { order_control: "XO".to_owned(), priority: priority.to_owned(), ..order }
}

#[tokio::test(start_paused = true)]
async fn images_of_an_order_that_becomes_stat_go_next() {
    let urgent: Vec<String> =
        slices_of(2, 2).into_iter().map(|slice| slice.sop_instance_uid).collect();
    assert_eq!(check_order(Some("R"), changed("S")).await[3..5], urgent);
    // The same for an order that comes after its images.
    let late = Case { order_control: "NW".to_owned(), ..changed("S") };
    assert_eq!(check_order(None, late).await[3..5], urgent);
}

#[tokio::test(start_paused = true)]
async fn images_of_an_order_that_is_no_longer_stat_or_of_another_patient_stay_where_they_are() {
    let first = check_order(Some("R"), changed("R")).await;
    let study: Vec<String> =
        slices_of(1, 10).into_iter().map(|slice| slice.sop_instance_uid).collect();
    assert_eq!(first[..10], study);
    let other = Case { priority: "S".to_owned(), ..case_of("RIS", "south", 2) };
    assert_eq!(check_order(Some("R"), other).await[..10], study);
}

#[tokio::test(start_paused = true)]
async fn a_study_that_waits_after_an_outage_goes_when_a_person_says_so() {
    let mut house = house();
    let (desk, north) = (house.gateway.desk(), site("north"));
    assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "north", 1))).await, "AA");
    let slices = slices_of(1, 2);
    house.accept_all("CT1", &slices).await;
    house.event("destination down", |it| matches!(it, Event::DestinationDown { .. })).await;
    house.let_pass(Duration::from_secs(3600)).await;
    let cancelled = Case { order_control: "CA".to_owned(), ..case_of("RIS", "north", 1) };
    assert_eq!(house.answer_to(&orm_o01(&cancelled.with_control_id("CANCEL"))).await, "AA");
    let archive = Archive::open(&house.network);
    house.event("study waits", |it| matches!(it, Event::StudyWaits { .. })).await;
    assert_eq!(house.reasons().await, ["study waits after an outage"]);
    let study = &slices[0].study_instance_uid;
    assert_eq!(desk.requeue(&north, study, None, &signed()).await, Ok(2));
    house.delivered(2).await;
    assert_eq!(archive.kept().len(), 2);
    assert!(house.reasons().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn whenever_a_study_is_cancelled_what_arrived_is_sent_and_the_rest_not_wanted() {
    let mut cut = std::collections::BTreeSet::new();
    for steps in 0..32 {
        let mut house = house();
        let (desk, north, study) = (house.gateway.desk(), site("north"), study_uid());
        house.accept_all("CT1", &slices_of(1, 6)).await;
        house.event("destination down", |it| matches!(it, Event::DestinationDown { .. })).await;
        let archive =
            Archive::open(&house.network).script(|_, _| Answer::After(Duration::from_millis(1000)));
        archive.came().await;
        house.let_pass(Duration::from_millis(steps * 250)).await;
        let cancelled = desk.cancel(&north, &study, None, &signed()).await;
        assert!(cancelled.is_ok(), "{steps}: {cancelled:?}");
        house.settle().await;
        let lines = house.store.deliveries_of_study(&north, &study).await.unwrap();
        let kept = archive.kept_uids();
        assert_eq!(lines.len(), 6);
        for line in lines {
            let arrived = kept.iter().any(|uid| *uid == line.key.sop_instance_uid.as_str());
            let expected = if arrived { "sent" } else { "not wanted" };
            assert_eq!(
                line.state.as_str(),
                expected,
                "cancelled after {steps} quarters of a second"
            );
        }
        assert!(archive.offers().values().all(|times| *times == 1));
        cut.insert(kept.len());
    }
    // The cuts fall in between too.
    assert!(cut.len() > 2, "{cut:?}");
}
