//! Leaving a destination alone, and finding out whether it works again.

use std::time::Duration;

use telerad_dimse::{RejectResult, RejectSource, Rejection};
use telerad_gateway::Event;
use telerad_store::Destinations;

use super::{is_down, is_failure, is_up, slices, uids};
use crate::house::{Answer, Archive, House, TOML};

fn limit(reason: u8) -> Rejection {
    Rejection {
        result: RejectResult::Transient,
        source: RejectSource::ServiceProviderPresentation,
        reason,
    }
}

#[tokio::test(start_paused = true)]
async fn one_instance_goes_before_all_workers_do() {
    let mut house = House::open_with(&TOML.replace("associations_max = 2", "associations_max = 4"));
    house.accept_all("CT1", &slices(40)).await;
    house.event("destination down", is_down).await;
    let archive = Archive::open(&house.network).script(|_, _| Answer::Wait);
    archive.came().await;
    house.let_pass(Duration::from_secs(30)).await;
    assert_eq!(archive.offers().into_values().sum::<usize>(), 1);
    assert_eq!(house.count(is_up), 0);
    archive.go_on();
    house.event("destination up", is_up).await;
    house.let_pass(Duration::from_secs(30)).await;
    // Three workers for everything; the fourth is kept for STAT.
    assert_eq!(archive.offers().into_values().sum::<usize>(), 4);
    for _ in 0..40 {
        archive.go_on();
        house.let_pass(Duration::from_millis(10)).await;
    }
    house.delivered(40).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_forget_an_outage() {
    let toml = TOML.replace("[1, 60]", "[600, 600]");
    let mut house = House::open_with(&toml);
    house.accept_all("CT1", &slices(3)).await;
    house.event("destination down", is_down).await;
    house.let_pass(Duration::from_secs(3500)).await;
    let before = house.store.breakers().await.unwrap().remove(0);
    assert!(before.consecutive > 1, "{before:?}");
    let tries = house.network.refused();
    let mut house = house.restart().await;
    house.let_pass(Duration::from_secs(5)).await;
    assert_eq!((house.network.refused(), house.count(is_down)), (tries, 0));
    house.let_pass(Duration::from_secs(700)).await;
    let after = house.store.breakers().await.unwrap().remove(0);
    assert_eq!(after.opened_at, before.opened_at);
    assert!(after.consecutive > before.consecutive, "{after:?}");
    let archive = Archive::open(&house.network);
    house.delivered(3).await;
    house.settle().await;
    assert!(house.store.breakers().await.unwrap()[0].is_closed());
    assert_eq!(archive.kept_uids(), uids(&slices(3)));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_bears_one_association_is_not_down() {
    let mut house = House::open_with(&TOML.replace("associations_max = 2", "associations_max = 4"));
    let archive = Archive::open(&house.network).admit(|_, open| (open >= 1).then(|| limit(2)));
    house.accept_all("CT1", &slices(40)).await;
    house.delivered(40).await;
    assert_eq!(archive.kept_uids(), uids(&slices(40)));
    assert_eq!((house.count(is_down), house.count(is_failure)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_rejects_for_the_moment_is_waited_for() {
    let mut house = House::open();
    let archive = Archive::open(&house.network).admit(|number, _| (number <= 5).then(|| limit(1)));
    house.accept_all("CT1", &slices(20)).await;
    let event = house.event("destination down", is_down).await;
    let Event::DestinationDown { cause, .. } = event else { unreachable!() };
    assert!(cause.contains("rejected"), "{cause}");
    house.delivered(20).await;
    assert_eq!(archive.kept_uids(), uids(&slices(20)));
    assert_eq!((house.count(is_failure), house.reasons().await.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_accepts_and_hangs_costs_its_deadline_and_no_more() {
    let mut house = House::open();
    let all = slices(20);
    let mute = all[2].sop_instance_uid.clone();
    let hangs = mute.clone();
    let archive = Archive::open(&house.network)
        .script(move |uid, _| if uid == hangs { Answer::Hang } else { Answer::Status(0) });
    house.accept_all("CT1", &all).await;
    let event = house.event("destination down", is_down).await;
    let Event::DestinationDown { cause, .. } = event else { unreachable!() };
    assert!(cause.contains("timed out waiting for a response"), "{cause}");
    house.delivered(19).await;
    assert_eq!(archive.kept_uids().len(), 19);
    assert_eq!((house.state_of(&mute).await, house.count(is_failure)), ("pending", 0));
}
