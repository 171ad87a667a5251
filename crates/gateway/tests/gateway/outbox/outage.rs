//! A receiver that is down, or answers nothing: its breaker, and what a restart leaves of it.

use std::time::Duration;

use telerad_core::Timestamp;
use telerad_gateway::Event;
use telerad_store::{Destinations, Outbox, Store};

use super::{RIS, is_of, is_sent, is_set_aside, report, set_aside, with_orders};
use crate::house::{Application, House, Reply, site};

pub(super) fn is_down(event: &Event) -> bool {
    matches!(event, Event::ReceiverDown { .. })
}

pub(super) fn is_up(event: &Event) -> bool {
    matches!(event, Event::ReceiverUp { .. })
}

/// How often the first message of an order was left unanswered.
async fn tries(house: &House, number: u64) -> u32 {
    let messages = house.store.outbound_of(&site("north"), &format!("north|NORTH|A{number}")).await;
    messages.unwrap()[0].unanswered.map_or(0, |unanswered| unanswered.tries)
}

/// Order 1 gets no answer: lets reports of order 2 pass between its tries, until there were so many.
async fn try_between_others(house: &mut House, hours: std::ops::Range<u64>, count: u32) {
    for hour in hours {
        let before = tries(house, 1).await;
        if before >= count {
            return;
        }
        report(house, 2, hour).await;
        house.event("sent", is_sent).await;
        for _ in 0..100 {
            house.let_pass(Duration::from_secs(1)).await;
            if tries(house, 1).await > before {
                break;
            }
        }
    }
    assert_eq!(tries(house, 1).await, count);
}

#[tokio::test(start_paused = true)]
async fn a_restart_forgets_no_try_without_an_answer() {
    let mut house = with_orders(2).await;
    let ris = Application::open(&house.network, RIS)
        .script(|message, _| if is_of(message, 1) { Reply::Silence } else { Reply::Accept });
    report(&house, 1, 10).await;
    try_between_others(&mut house, 10..14, 3).await;
    assert_eq!(house.count(is_set_aside), 0);
    let mut house = house.restart().await;
    assert_eq!(tries(&house, 1).await, 3);
    try_between_others(&mut house, 14..15, 4).await;
    assert_eq!(house.count(is_set_aside), 0);
    report(&house, 2, 15).await;
    let (cause, _) = set_aside(&mut house).await;
    assert!(cause.starts_with("no answer while others got one"), "{cause}");
    assert_eq!((tries(&house, 1).await, house.count(is_down)), (5, 0));
    assert!(ris.taken("OBR-18").iter().all(|order| order == "N-A2"));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_told_once_and_counts_no_try() {
    let mut house = with_orders(2).await;
    report(&house, 1, 10).await;
    report(&house, 2, 10).await;
    let event = house.event("receiver down", is_down).await;
    let Event::ReceiverDown { receiver, cause, .. } = event else { unreachable!() };
    assert_eq!(receiver, "report north ris:2576");
    assert!(cause.starts_with("cannot connect"), "{cause}");
    house.let_pass(Duration::from_secs(7 * 86_400)).await;
    assert_eq!((house.count(is_down), house.count(is_up)), (0, 0));
    assert_eq!((tries(&house, 1).await, house.count(is_set_aside)), (0, 0));
    let ris = Application::open(&house.network, RIS);
    house.event("receiver up", is_up).await;
    for _ in 0..2 {
        house.event("sent", is_sent).await;
    }
    assert_eq!((ris.came(), house.count(is_up)), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_outage_goes_on_across_a_restart() {
    let mut house = with_orders(1).await;
    report(&house, 1, 10).await;
    house.event("receiver down", is_down).await;
    house.settle().await;
    let before = house.store.breakers().await.unwrap().remove(0);
    assert_eq!(before.cause, "cannot connect: connection refused");
    let mut house = house.restart().await;
    house.settle().await;
    let after = house.store.breakers().await.unwrap().remove(0);
    assert_eq!((after.opened_at, &after.destination), (before.opened_at, &before.destination));
    assert!(after.consecutive > before.consecutive, "{after:?}");
    assert_eq!(house.count(is_down), 0, "it never was up");
    let _ris = Application::open(&house.network, RIS);
    house.event("receiver up", is_up).await;
    house.settle().await;
    let breakers = house.store.breakers().await.unwrap();
    assert!(breakers.len() == 1 && breakers[0].is_closed(), "{breakers:?}");
    assert_eq!(house.store.counts().await.unwrap().outbound_pending, 0);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_answers_nothing_is_probed_by_one_message_after_the_other() {
    let mut house = with_orders(4).await;
    let ris = Application::open(&house.network, RIS)
        .script(|message, _| if is_of(message, 4) { Reply::Accept } else { Reply::Silence });
    for number in 1..=3 {
        report(&house, number, 10).await;
    }
    house.event("receiver down", is_down).await;
    let before = [tries(&house, 1).await, tries(&house, 2).await, tries(&house, 3).await];
    house.let_pass(Duration::from_secs(86_400)).await;
    let after = [tries(&house, 1).await, tries(&house, 2).await, tries(&house, 3).await];
    assert_eq!((after, house.count(is_set_aside), house.count(is_up)), (before, 0, 0));
    assert!(before.iter().sum::<u32>() <= 2, "{before:?}");
    // None of them keeps it from the one that it answers.
    report(&house, 4, 10).await;
    house.event("sent", is_sent).await;
    house.event("receiver up", is_up).await;
    assert_eq!(ris.taken("OBR-18"), ["N-A4"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_any_kind_ends_an_outage() {
    let mut house = with_orders(1).await;
    report(&house, 1, 10).await;
    let Event::ReceiverDown { since, .. } = house.event("receiver down", is_down).await else {
        unreachable!()
    };
    assert!(since > Timestamp::from_micros(0));
    let _ris = Application::open(&house.network, RIS).script(|_, _| Reply::Error);
    house.event("receiver up", is_up).await;
    let (cause, _) = set_aside(&mut house).await;
    assert_eq!(cause, "answered AE, condition 207");
}
