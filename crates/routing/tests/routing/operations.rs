use proptest::prelude::*;
use telerad_core::Priority;
use telerad_dicom::{PeerAnswer, Status};
use telerad_routing::operation::{
    OperationError, cancel, hold, raise, release, requeue, reroute, resend,
};
use telerad_routing::{
    DeliveryOutcome, DeliveryState, Effect, FaultScope, GroupFacts, Intake, RetryPolicy, RuleSet,
    decide, settle,
};

use crate::groups::{Ledger, id};
use crate::{at, slice};

fn arrive(ledger: &mut Ledger, number: u32) {
    let rules: RuleSet =
        toml::from_str("[[rules]]\nid = \"all\"\nsend_to = [\"reading\", \"archive\"]").unwrap();
    let decision = decide(Intake {
        rules: &rules,
        instance: slice(number),
        study: ledger.study.as_ref(),
        known: &[],
        queued: &[],
        now: at(20),
        priority: Priority::Routine,
        groups: GroupFacts::default(),
    });
    ledger.apply(decision.effects);
}

/// Two slices for two destinations; the first slice is at the reader's.
fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    arrive(&mut ledger, 1);
    arrive(&mut ledger, 2);
    ledger.send(1, "reading");
    ledger
}

fn act(
    ledger: &mut Ledger,
    act: impl FnOnce(&Ledger) -> Result<Vec<Effect>, OperationError>,
) -> Result<(), String> {
    let effects = act(ledger).map_err(|error| error.to_string())?;
    ledger.apply(effects);
    Ok(())
}

macro_rules! act {
    ($ledger:expr, $operation:ident $(, $argument:expr)*) => {
        act($ledger, |it| $operation(it.study.as_ref().unwrap(), &it.deliveries $(, $argument)*))
    };
}

fn error(text: &str) -> Result<(), String> {
    Err(text.to_owned())
}

#[test]
fn what_is_held_waits_and_late_instances_too() {
    let mut ledger = ledger();
    assert_eq!(act!(&mut ledger, release, at(30)), error("it is not held"));
    assert_eq!(act!(&mut ledger, hold, "ann", at(30)), Ok(()));
    assert_eq!(act!(&mut ledger, hold, "bob", at(31)), error("it is held already, by ann"));
    arrive(&mut ledger, 3);
    assert_eq!(
        ledger.lines(),
        [
            "1 archive held",
            "1 reading sent",
            "2 archive held",
            "2 reading held",
            "3 archive held",
            "3 reading held"
        ]
    );
    assert_eq!(act!(&mut ledger, release, at(40)), Ok(()));
    arrive(&mut ledger, 4);
    let waiting = ledger.deliveries.iter().filter(|it| it.state == DeliveryState::Pending);
    assert_eq!(waiting.clone().count(), 7);
    assert!(waiting.into_iter().all(|it| it.not_before >= at(20)));
    assert_eq!(ledger.study.unwrap().held, None);
}

#[test]
fn a_held_delivery_is_not_changed_by_an_outcome_that_comes_late() {
    let mut ledger = ledger();
    act!(&mut ledger, hold, "ann", at(30)).unwrap();
    let held = ledger.deliveries.iter().find(|it| it.state.as_str() == "held").unwrap();
    let outcome =
        DeliveryOutcome::Refused { scope: FaultScope::Destination, reason: "down".to_owned() };
    assert_eq!(settle(held, &outcome, &RetryPolicy::default(), at(31), 0), *held);
}

#[test]
fn what_is_cancelled_is_not_sent_and_what_was_sent_stays_sent() {
    let mut ledger = ledger();
    let reading = id("reading");
    assert_eq!(
        act!(&mut ledger, cancel, Some(&id("nowhere")), "ann", at(30)),
        error("it does not go to nowhere")
    );
    assert_eq!(act!(&mut ledger, cancel, Some(&reading), "ann", at(30)), Ok(()));
    arrive(&mut ledger, 3);
    assert_eq!(
        ledger.lines(),
        [
            "1 archive pending",
            "1 reading sent",
            "2 archive pending",
            "2 reading cancelled",
            "3 archive pending",
            "3 reading cancelled"
        ]
    );
    assert_eq!(
        act!(&mut ledger, cancel, Some(&reading), "ann", at(30)),
        error("it is cancelled already")
    );
    assert_eq!(act!(&mut ledger, cancel, None, "ann", at(30)), Ok(()));
    assert!(ledger.deliveries.iter().all(|it| it.state.is_complete()));
    assert_eq!(act!(&mut ledger, cancel, None, "ann", at(30)), error("it is cancelled already"));
}

#[test]
fn a_study_is_raised_with_what_is_queued_of_it_and_never_lowered() {
    let mut ledger = ledger();
    assert_eq!(act!(&mut ledger, raise, Priority::Low), error("it is at least as urgent already"));
    assert_eq!(act!(&mut ledger, raise, Priority::Stat), Ok(()));
    arrive(&mut ledger, 3);
    let urgent = ledger.deliveries.iter().filter(|it| it.priority == Priority::Stat).count();
    // Five wait; the sixth was sent as routine.
    assert_eq!((urgent, ledger.deliveries.len()), (5, 6));
    assert_eq!(act!(&mut ledger, raise, Priority::Stat), error("it is at least as urgent already"));
}

#[test]
fn a_study_goes_somewhere_else_with_all_its_instances() {
    let mut ledger = ledger();
    let (reading, night) = (id("reading"), id("night"));
    assert_eq!(
        act!(&mut ledger, reroute, &id("nowhere"), &night, at(30)),
        error("it does not go to nowhere")
    );
    assert_eq!(
        act!(&mut ledger, reroute, &reading, &id("archive"), at(30)),
        error("it goes to archive already")
    );
    assert_eq!(act!(&mut ledger, reroute, &reading, &night, at(30)), Ok(()));
    arrive(&mut ledger, 3);
    assert_eq!(
        ledger.lines(),
        [
            "1 archive pending",
            "1 night pending",
            "1 reading sent",
            "2 archive pending",
            "2 night pending",
            "2 reading moved to night",
            "3 archive pending",
            "3 night pending"
        ]
    );
    // And back: what the reader has is not sent again, what was taken from him is.
    assert_eq!(act!(&mut ledger, reroute, &night, &reading, at(40)), Ok(()));
    assert_eq!(
        ledger.lines(),
        [
            "1 archive pending",
            "1 night moved to reading",
            "1 reading sent",
            "2 archive pending",
            "2 night moved to reading",
            "2 reading pending",
            "3 archive pending",
            "3 night moved to reading",
            "3 reading pending"
        ]
    );
}

#[test]
fn a_study_that_was_raised_moves_as_what_it_is_now() {
    let mut ledger = ledger();
    act!(&mut ledger, raise, Priority::Stat).unwrap();
    act!(&mut ledger, reroute, &id("reading"), &id("night"), at(30)).unwrap();
    let at_night = ledger.deliveries.iter().filter(|it| it.key.destination == id("night"));
    assert_eq!(at_night.map(|it| it.priority).collect::<Vec<_>>(), [Priority::Stat; 2]);
}

#[test]
fn a_study_that_was_cancelled_goes_elsewhere_whole() {
    let mut ledger = ledger();
    let (reading, night) = (id("reading"), id("night"));
    ledger.send(1, "reading");
    act!(&mut ledger, cancel, Some(&reading), "ann", at(30)).unwrap();
    act!(&mut ledger, reroute, &reading, &night, at(40)).unwrap();
    assert_eq!(
        ledger.lines(),
        [
            "1 archive pending",
            "1 night pending",
            "1 reading sent",
            "2 archive pending",
            "2 night pending",
            "2 reading cancelled"
        ]
    );
    // And back again: what was cancelled there is wanted there now.
    act!(&mut ledger, reroute, &night, &reading, at(50)).unwrap();
    let back = ledger.lines().into_iter().filter(|it| it.contains(" reading "));
    assert_eq!(back.collect::<Vec<_>>(), ["1 reading sent", "2 reading pending"]);
}

#[test]
fn what_was_sent_or_cancelled_is_sent_again() {
    let mut ledger = ledger();
    let (reading, archive) = (id("reading"), id("archive"));
    assert_eq!(
        act!(&mut ledger, resend, Some(&archive), at(30)),
        error("nothing of it was sent or cancelled: it still waits to be sent")
    );
    act!(&mut ledger, cancel, Some(&reading), "ann", at(30)).unwrap();
    assert_eq!(act!(&mut ledger, resend, Some(&reading), at(40)), Ok(()));
    arrive(&mut ledger, 3);
    assert!(ledger.deliveries.iter().all(|it| it.state == DeliveryState::Pending));
    let rounds: Vec<u32> = ledger.deliveries.iter().map(|it| it.round).collect();
    assert_eq!(rounds.iter().sum::<u32>(), 2);
    assert_eq!(ledger.study.unwrap().cancelled, []);
}

#[test]
fn what_failed_is_sent_once_more_in_one_call() {
    let mut ledger = ledger();
    assert_eq!(
        act(&mut ledger, |it| requeue(it.study.as_ref(), &it.deliveries, at(30))),
        error("nothing of it failed or is parked")
    );
    let policy = RetryPolicy { instance_attempts_max: 1, ..RetryPolicy::default() };
    let refused = DeliveryOutcome::Answered(PeerAnswer::from_response(Status::new(0xC000), 7));
    let syntax = DeliveryOutcome::SyntaxNotTaken { reason: "no".to_owned() };
    for (delivery, outcome) in ledger.deliveries.iter_mut().skip(1).zip([&refused, &syntax]) {
        *delivery = settle(delivery, outcome, &policy, at(31), 0);
    }
    let ended = ledger.deliveries.iter().filter(|it| it.last_fault.is_some()).count();
    assert_eq!(ended, 2);
    assert_eq!(act(&mut ledger, |it| requeue(it.study.as_ref(), &it.deliveries, at(40))), Ok(()));
    assert_eq!(
        ledger.lines(),
        ["1 archive pending", "1 reading sent", "2 archive pending", "2 reading pending"]
    );
    assert!(ledger.deliveries.iter().all(|it| it.attempts == 0 && it.last_fault.is_none()));
    // Of a held study it waits with the others.
    let old = ledger.deliveries[2].clone();
    ledger.deliveries[2] = settle(&old, &refused, &policy, at(41), 0);
    act!(&mut ledger, hold, "ann", at(42)).unwrap();
    act(&mut ledger, |it| requeue(it.study.as_ref(), &it.deliveries, at(43))).unwrap();
    assert!(ledger.deliveries.iter().all(|it| it.state != DeliveryState::Pending));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever people do, in whatever order: only their wish for another round unmakes what was sent, and what is
    /// neither sent nor not wanted is pending, held by somebody, or waits for a person.
    #[test]
    fn people_never_lose_an_instance(steps in proptest::collection::vec((0..8_u8, 1..5_u32), 0..30)) {
        let mut ledger = ledger();
        for (second, (step, number)) in (30..).zip(steps) {
            let now = at(second);
            let before = ledger.clone();
            let reading = id("reading");
            let to = if number % 2 == 0 { reading.clone() } else { id("night") };
            let from = if number % 2 == 0 { id("night") } else { reading.clone() };
            let _ = match step {
                0 => act!(&mut ledger, hold, "ann", now),
                1 => act!(&mut ledger, release, now),
                2 => act!(&mut ledger, cancel, Some(&to), "ann", now),
                3 => act!(&mut ledger, raise, Priority::Stat),
                4 => act!(&mut ledger, reroute, &from, &to, now),
                5 => act!(&mut ledger, resend, None, now),
                6 => { ledger.send(number, to.as_str()); Ok(()) }
                _ => {
                    let known = ledger.deliveries.iter();
                    let uid = slice(number).sop_instance_uid;
                    if known.clone().all(|it| it.key.sop_instance_uid != uid) {
                        arrive(&mut ledger, number);
                    }
                    Ok(())
                }
            };
            for old in &before.deliveries {
                let new = ledger.deliveries.iter().find(|it| it.key == old.key).unwrap();
                if matches!(old.state, DeliveryState::Sent { .. }) && new.round == old.round {
                    prop_assert_eq!(new, old);
                }
                prop_assert!(new.round >= old.round && new.priority <= old.priority);
            }
            let study = ledger.study.as_ref().unwrap();
            for delivery in &ledger.deliveries {
                let goes_there = study.destinations.contains(&delivery.key.destination);
                match &delivery.state {
                    DeliveryState::Pending => {
                        prop_assert!(goes_there && study.held.is_none(), "{:?}", ledger.lines());
                    }
                    DeliveryState::Held { .. } => prop_assert!(goes_there && study.held.is_some()),
                    state => prop_assert!(state.is_complete()),
                }
            }
        }
    }
}
