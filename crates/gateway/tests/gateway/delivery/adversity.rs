//! Everything a destination may do wrong, beside one that does nothing wrong: each fault ends as it should, and costs nobody
//! else anything.

use std::time::Duration;

use telerad_dimse::{ContextResult, ProposedContext};
use telerad_gateway::Event;
use telerad_routing::{DeliveryRecord, DeliveryState};
use telerad_store::{Deliveries, Destinations};
use telerad_testkit::dicom::Instance;

use super::{SR, is_down, is_failure, is_up, slices, uids};
use crate::house::{Answer, Archive, House, TOML, site};

/// How it ends.
#[derive(Debug, Eq, PartialEq)]
struct End {
    /// The states of the twelve slices and the report at the bad destination, each with its count, by name.
    states: Vec<(&'static str, usize)>,
    /// How often it was told that the destination is down.
    down: usize,
    /// How often it was told that it is back.
    up: usize,
    /// Whether it is taken for down in the end, as it would be after a restart.
    open: bool,
    /// Instances of which it was told that a person has to look.
    failed: usize,
    /// Instances of which it was told that they are not wanted.
    not_wanted: usize,
}

fn house() -> House {
    let second = "[[destination]]\nid = \"archive\"\nae_title = \"ARCHIVE\"\naddress = \"archive:104\"\n\n[[rule]]";
    // Pauses that make few steps of a day.
    let toml = TOML
        .replace("[1, 60]", "[1, 3600]")
        .replace("[[rule]]", second)
        .replace("send_to = [\"reading\"]", "send_to = [\"reading\", \"archive\"]");
    House::open_with(&toml)
}

/// Twelve slices and a report of one study, for a bad destination and a good one.
async fn check(what: &str, bad: impl FnOnce(Archive) -> Option<Archive>, expected: End) {
    let mut house = house();
    let good = Archive::open_at(&house.network, "archive:104");
    let _bad = bad(Archive::open(&house.network));
    let mut all = slices(12);
    all.insert(5, Instance { sop_class_uid: SR.to_owned(), ..Instance::new(1) });
    house.accept_all("CT1", &all).await;
    house.let_pass(Duration::from_secs(5)).await;
    assert_eq!(good.kept().len(), 13, "{what}: the other destination waited");
    house.let_pass(Duration::from_secs(300)).await;
    let study = &all[0].study_instance_uid;
    let lines = house.store.deliveries_of_study(&site("north"), study).await.unwrap();
    let is_sent = |it: &&DeliveryRecord| {
        it.key.destination.as_str() == "reading" && it.state.as_str() == "sent"
    };
    let soon = lines.iter().filter(is_sent).count();
    let in_the_end = expected.states.iter().find(|(word, _)| *word == "sent");
    let in_the_end = in_the_end.map_or(0, |(_, count)| *count);
    assert!(soon + 1 >= in_the_end, "{what}: the other instances waited: {soon} sent");
    house.let_pass(Duration::from_secs(86_400)).await;
    check_good(&mut house, &good, what).await;
    let study = &all[0].study_instance_uid;
    let lines = house.store.deliveries_of_study(&site("north"), study).await.unwrap();
    let mut states: Vec<(&'static str, usize)> = Vec::new();
    for line in lines.iter().filter(|it| it.key.destination.as_str() == "reading") {
        let word = line.state.as_str();
        match states.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => states.push((word, 1)),
        }
        assert!(word != "pending" || line.attempts == 0, "{what}: an outage was counted");
    }
    states.sort_unstable();
    let breakers = house.store.breakers().await.unwrap();
    let end = End {
        states,
        down: house.count(is_down),
        up: house.count(is_up),
        open: breakers.iter().any(|it| !it.is_closed()),
        failed: house.count(is_failure),
        not_wanted: house.count(|event| matches!(event, Event::InstanceNotWanted { .. })),
    };
    assert_eq!(end, expected, "{what}");
}

/// Everything has come to the other destination once, and nothing was ever told of it but that.
async fn check_good(house: &mut House, good: &Archive, what: &str) {
    assert!(good.offers().values().all(|times| *times == 1), "{what}");
    let told = house.count(|event| match event {
        Event::DestinationDown { destination, .. }
        | Event::DestinationUp { destination }
        | Event::InstanceFailed { destination, .. }
        | Event::InstanceNotWanted { destination, .. } => destination.as_str() != "reading",
        _ => false,
    });
    assert_eq!(told, 0, "{what}: told of the other destination");
    let delivered = |event: &Event| match event {
        Event::InstanceDelivered { destination, .. } => destination.as_str() == "archive",
        _ => false,
    };
    assert_eq!(house.count(delivered), 13, "{what}");
    let breakers = house.store.breakers().await.unwrap();
    assert!(breakers.iter().all(|it| it.destination.as_str() == "reading"), "{what}");
}

fn fifth() -> String {
    slices(5).remove(4).sop_instance_uid
}

fn sent(count: usize) -> End {
    End { states: vec![("sent", count)], down: 0, up: 0, open: false, failed: 0, not_wanted: 0 }
}

#[tokio::test(start_paused = true)]
async fn what_a_destination_refuses_ends_with_it() {
    check("nothing wrong", Some, sent(13)).await;
    let no_reports = |context: &ProposedContext| {
        (context.abstract_syntax == SR).then_some(ContextResult::AbstractSyntaxNotSupported)
    };
    let states = vec![("not wanted", 1), ("sent", 12)];
    let expected = End { states, not_wanted: 1, ..sent(0) };
    check("refuses one class", |it| Some(it.refuse(no_reports)), expected).await;
    let answers = |code: u16| {
        let uid = fifth();
        move |it: Archive| {
            Some(it.script(move |sent, _| Answer::Status(if sent == uid { code } else { 0 })))
        }
    };
    let states = || vec![("failed", 1), ("sent", 12)];
    check("A900H to one", answers(0xA900), End { states: states(), failed: 1, ..sent(0) }).await;
    check("C000H to one", answers(0xC000), End { states: states(), failed: 1, ..sent(0) }).await;
    let states = vec![("parked", 1), ("sent", 12)];
    check("0111H to one", answers(0x0111), End { states, failed: 1, ..sent(0) }).await;
    check("B000H to one", answers(0xB000), sent(13)).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_destination_cannot_do_now_waits_and_is_not_given_up() {
    let waits = || End { states: vec![("pending", 13)], down: 1, open: true, ..sent(0) };
    check("A700H to all", |it| Some(it.script(|_, _| Answer::Status(0xA700))), waits()).await;
    check("accepts and hangs", |it| Some(it.script(|_, _| Answer::Hang)), waits()).await;
    check("aborts always", |it| Some(it.script(|_, _| Answer::Abort)), waits()).await;
    check("gone for a day", |_| None, waits()).await;
    let once = |answer: Answer| {
        let uid = fifth();
        move |it: Archive| {
            Some(it.script(
                move |sent, times| {
                    if sent == uid && times == 1 { answer } else { Answer::Status(0) }
                },
            ))
        }
    };
    check("A700H once", once(Answer::Status(0xA700)), sent(13)).await;
    let uid = fifth();
    let always = move |it: Archive| {
        Some(it.script(move |sent, _| Answer::Status(if sent == uid { 0xA700 } else { 0 })))
    };
    let left = End { states: vec![("pending", 1), ("sent", 12)], ..sent(0) };
    check("A700H to one, always", always, left).await;
    let broken = || End { down: 1, up: 1, ..sent(13) };
    let first = slices(1).remove(0).sop_instance_uid;
    let at_first =
        move |it: Archive| {
            Some(it.script(move |sent, times| {
                if sent == first && times == 1 { Answer::Abort } else { Answer::Status(0) }
            }))
        };
    check("aborts an association that is new", at_first, broken()).await;
    // It had been used before: that may mean no more than that it was seen idle, and it is opened anew at once.
    check("aborts mid-study", once(Answer::Abort), sent(13)).await;
    check("hangs mid-study", once(Answer::Hang), broken()).await;
}

#[tokio::test(start_paused = true)]
async fn a_destination_gone_for_a_week_gets_everything_and_nobody_else_notices() {
    let mut house = house();
    let good = Archive::open_at(&house.network, "archive:104");
    let all = slices(13);
    house.accept_all("CT1", &all).await;
    house.let_pass(Duration::from_secs(7 * 86_400)).await;
    check_good(&mut house, &good, "gone for a week").await;
    assert_eq!((house.count(is_down), house.count(is_up), house.count(is_failure)), (1, 0, 0));
    for uid in uids(&all) {
        let line = house.delivery(&uid).await.unwrap();
        assert_eq!((line.state, line.attempts), (DeliveryState::Pending, 0));
    }
    let back = Archive::open(&house.network);
    house.let_pass(Duration::from_secs(7200)).await;
    assert_eq!(back.kept_uids(), uids(&all));
    assert!(back.offers().values().all(|times| *times == 1));
    assert_eq!((house.count(is_down), house.count(is_up), house.count(is_failure)), (1, 1, 0));
    assert!(
        house.store.breakers().await.unwrap().iter().all(telerad_routing::BreakerRecord::is_closed)
    );
    check_good(&mut house, &good, "back after a week").await;
}

#[tokio::test(start_paused = true)]
async fn one_that_never_finds_room_keeps_no_other_study_waiting() {
    let mut house = house();
    let _good = Archive::open_at(&house.network, "archive:104");
    let odd = fifth();
    let reading = Archive::open(&house.network)
        .script(move |uid, _| Answer::Status(if uid == odd { 0xA700 } else { 0 }));
    house.accept_all("CT1", &slices(6)).await;
    // Long enough that it has been asked for again and again, and that the pauses of a breaker would be an hour.
    house.let_pass(Duration::from_secs(86_400)).await;
    assert!(reading.offers()[&fifth()] > 10, "{:?}", reading.offers());
    house.accept("CT1", &Instance::new(2)).await;
    house.let_pass(Duration::from_secs(5)).await;
    assert_eq!(reading.kept().len(), 6);
    assert_eq!((house.count(is_down), house.count(is_failure)), (0, 0));
    assert_eq!(house.state_of(&fifth()).await, "pending");
}
