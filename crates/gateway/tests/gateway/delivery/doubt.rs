//! Answers that were lost, and a peer that says that it has an instance already.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use telerad_core::{Timestamp, Uid};
use telerad_routing::{DeliveryState, SentEvidence};
use telerad_store::{Effect, Journal, JourneyEntry, JourneyEvent, JourneyKey};

use super::{is_failure, slices, uids};
use crate::house::{Answer, Archive, House, TOML, Verdict, site};

fn house(line: &str) -> House {
    House::open_with(&TOML.replace("retry_seconds", &format!("{line}\nretry_seconds")))
}

async fn evidence(house: &House, uid: &str) -> SentEvidence {
    match house.delivery(uid).await.unwrap().state {
        DeliveryState::Sent { evidence, .. } => evidence,
        state => panic!("{state:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_whose_answer_was_lost_is_looked_for_before_it_is_sent_again() {
    let mut house = house("resend = \"verify\"");
    let all = slices(3);
    let lost = all[1].sop_instance_uid.clone();
    let loses = lost.clone();
    // Keeps it, and drops the connection instead of answering.
    let archive = Archive::open(&house.network)
        .finds()
        .script(move |uid, _| if uid == loses { Answer::KeepAndAbort } else { Answer::Status(0) });
    house.accept_all("CT1", &all).await;
    house.delivered(3).await;
    assert_eq!(archive.offers()[&lost], 1);
    assert_eq!(evidence(&house, &lost).await, SentEvidence::Query);
    assert_eq!(evidence(&house, &all[0].sop_instance_uid).await, SentEvidence::StoreResponse);
}

#[tokio::test(start_paused = true)]
async fn what_the_peer_does_not_list_is_sent_again() {
    let mut house = house("resend = \"verify\"");
    let all = slices(3);
    let lost = all[1].sop_instance_uid.clone();
    let loses = lost.clone();
    let archive = Archive::open(&house.network).finds().script(move |uid, times| {
        if uid == loses && times == 1 { Answer::Abort } else { Answer::Status(0) }
    });
    house.accept_all("CT1", &all).await;
    house.delivered(3).await;
    assert_eq!((archive.offers()[&lost], archive.kept_uids()), (2, uids(&all)));
    assert_eq!(evidence(&house, &lost).await, SentEvidence::StoreResponse);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_no_query_gets_it_again() {
    let mut house = house("resend = \"verify\"");
    let all = slices(1);
    let archive = Archive::open(&house.network)
        .script(|_, times| if times == 1 { Answer::KeepAndAbort } else { Answer::Status(0) });
    house.accept_all("CT1", &all).await;
    house.delivered(1).await;
    assert_eq!(archive.offers()[&all[0].sop_instance_uid], 2);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_a_delivery_where_the_site_says_so() {
    let mut house = house("duplicates = \"same\"");
    let all = slices(2);
    let known = all[1].sop_instance_uid.clone();
    let says = known.clone();
    let _archive = Archive::open(&house.network)
        .script(move |uid, _| Answer::Status(if uid == says { 0x0111 } else { 0 }));
    house.accept_all("CT1", &all).await;
    house.delivered(2).await;
    assert_eq!(evidence(&house, &known).await, SentEvidence::DuplicateDeclared);
    assert_eq!(house.count(is_failure), 0);
}

#[tokio::test(start_paused = true)]
async fn a_class_refused_by_status_is_not_wanted() {
    let mut house = House::open();
    let all = slices(2);
    let refused = Arc::new(AtomicBool::new(false));
    let once = Arc::clone(&refused);
    let _archive = Archive::open(&house.network).script(move |_, _| {
        once.store(true, Ordering::Relaxed);
        Answer::Status(0x0122)
    });
    house.accept_all("CT1", &all).await;
    house.settle().await;
    assert!(refused.load(Ordering::Relaxed));
    for uid in uids(&all) {
        assert_eq!(house.state_of(&uid).await, "not wanted");
    }
    assert_eq!((house.count(is_failure), house.reasons().await.len()), (0, 0));
}

/// What the journal says of repetitions of an instance, and how many its study has had.
async fn sent_again(house: &House, uid: &str) -> (Vec<String>, usize) {
    let entries = house.store.journal(uid).await.unwrap();
    let again = entries.into_iter().filter(|entry| entry.event == "sent again");
    let said = again.map(|entry| entry.detail).collect();
    let (from, to) = (Timestamp::from_micros(0), Timestamp::from_micros(i64::MAX));
    let found = house.gateway.desk().duplicates(&site("north"), from, to, 999).await.unwrap();
    (said, found.studies.iter().map(|study| study.sent_again).sum())
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_again_because_its_answer_was_lost_stands_in_the_journal() {
    let mut house = House::open();
    let all = slices(3);
    let lost = all[1].sop_instance_uid.clone();
    let loses = lost.clone();
    let archive = Archive::open(&house.network).script(move |uid, times| {
        if uid == loses && times < 3 { Answer::KeepAndAbort } else { Answer::Status(0) }
    });
    house.accept_all("CT1", &all).await;
    house.delivered(3).await;
    assert_eq!(archive.offers()[&lost], 3);
    let (said, count) = sent_again(&house, &lost).await;
    assert_eq!(said.last().map(String::as_str), Some("reading: its answer was lost"));
    // One try may have met an association that was closed, and sent it twice.
    assert_eq!((said.len(), count), (2, 2), "{said:?}");
    let key = JourneyKey::Uid(Uid::new(&lost).unwrap());
    let journeys = house.gateway.desk().journey(&site("north"), &key, 1).await.unwrap();
    let is_told = |entry: &JourneyEntry| matches!(&entry.event, JourneyEvent::Noted(entry) if entry.event == "sent again");
    assert_eq!(journeys[0].timeline.iter().filter(|entry| is_told(entry)).count(), 2);
    assert!(sent_again(&house, &all[0].sop_instance_uid).await.0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_again_because_its_answer_could_not_be_recorded_stands_in_the_journal() {
    let mut house = House::open();
    let all = slices(1);
    house.accept_all("CT1", &all).await;
    house.store.watch.judge(|_| Verdict::Fail);
    let archive = Archive::open(&house.network);
    archive.came().await;
    house.let_pass(Duration::from_secs(10)).await;
    house.store.watch.judge_no_more();
    house.delivered(1).await;
    let offers = archive.offers()[&all[0].sop_instance_uid];
    assert!(offers > 1);
    let (said, _) = sent_again(&house, &all[0].sop_instance_uid).await;
    // Those that could not be recorded at all are one line.
    assert_eq!(said, ["reading: its answer could not be recorded"]);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_recorded_is_not_sent_again_at_once_by_another_worker() {
    let house = House::open_with(&TOML.replace("associations_max = 2", "associations_max = 4"));
    house.store.watch.judge(|batch| {
        let is_sent = |it: &Effect| matches!(it, Effect::Delivery(delivery) if matches!(delivery.state, DeliveryState::Sent { .. }));
        if batch.effects.iter().any(is_sent) { Verdict::Fail } else { Verdict::Pass }
    });
    let archive = Archive::open(&house.network);
    for slice in slices(4) {
        house.accept_all("CT1", &[slice]).await;
        house.let_pass(Duration::from_secs(1)).await;
    }
    // Each of the three that are not kept for STAT has met it once.
    assert_eq!(archive.offers().into_values().collect::<Vec<_>>(), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn one_instance_refused_as_of_a_class_does_not_keep_the_others_of_it_away() {
    // The first that is sent, of which nobody can say more; and one of a class that the peer has stored before.
    for (at, expected, people) in [(0, "not wanted", 0), (4, "failed", 1)] {
        let mut house = House::open();
        let all = slices(12);
        let odd = all[at].sop_instance_uid.clone();
        let refused = odd.clone();
        let archive = Archive::open(&house.network)
            .script(move |uid, _| Answer::Status(if uid == refused { 0x0122 } else { 0 }));
        house.accept_all("CT1", &all).await;
        house.delivered(11).await;
        house.settle().await;
        assert_eq!((archive.kept().len(), house.state_of(&odd).await), (11, expected));
        assert_eq!((house.count(is_failure), house.reasons().await.len()), (people, people));
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_worker_has_sent_since_the_queue_was_read_is_not_sent_again() {
    let house = House::open_with(&TOML.replace("associations_max = 2", "associations_max = 4"));
    let archive = Archive::open(&house.network);
    house.store.watch.answer_late(Duration::from_millis(5));
    for slice in slices(12) {
        house.accept_all("CT1", &[slice]).await;
        house.let_pass(Duration::from_millis(1)).await;
    }
    house.let_pass(Duration::from_secs(5)).await;
    assert_eq!(archive.offers().into_values().collect::<Vec<_>>(), [1; 12]);
}
