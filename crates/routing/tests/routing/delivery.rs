use std::time::Duration;

use proptest::prelude::*;
use telerad_core::Priority;
use telerad_dicom::{PeerAnswer, Status};
use telerad_routing::{
    Breaker, BreakerState, DeliveryOutcome, DeliveryRecord, DeliveryState, DestinationId,
    FaultScope, RetryPolicy, StudyDecision, deliveries, settle,
};

use crate::{another, at, slice};

fn policy() -> RetryPolicy {
    RetryPolicy::default()
}

fn delivery() -> DeliveryRecord {
    let instance = slice(1);
    let study = StudyDecision {
        site: instance.site.clone(),
        study_instance_uid: "1.2.3".to_owned(),
        rule_set_version: String::new(),
        decided_at: at(20),
        rules: Vec::new(),
        destinations: vec![DestinationId::new("reading").unwrap()],
        priority: Priority::Routine,
        held: None,
        cancelled: Vec::new(),
        groups: Vec::new(),
        sent_twice: Vec::new(),
        not_compared: Vec::new(),
        mark: None,
        revision: 1,
    };
    deliveries(&study, &instance, at(20), Priority::Routine).remove(0)
}

fn answered(code: u16) -> DeliveryOutcome {
    DeliveryOutcome::Answered(PeerAnswer::from_response(Status::new(code), 7))
}

fn refused(scope: FaultScope) -> DeliveryOutcome {
    DeliveryOutcome::Refused { scope, reason: "it broke".to_owned() }
}

fn unknown() -> DeliveryOutcome {
    DeliveryOutcome::Unknown { reason: "no answer in 30 s".to_owned() }
}

#[track_caller]
fn check(outcome: &DeliveryOutcome, state: &str, attempts: u32, fault: Option<&str>) {
    let settled = settle(&delivery(), outcome, &policy(), at(30), 5);
    assert_eq!(settled.state.as_str(), state);
    assert_eq!((settled.attempts, settled.last_fault.as_deref()), (attempts, fault));
}

#[test]
fn success_and_warnings_are_delivered() {
    check(&answered(0x0000), "sent", 0, None);
    check(&answered(0xB000), "sent", 0, None);
    check(&answered(0xB007), "sent", 0, None);
}

#[test]
fn a_full_peer_is_not_the_instances_fault() {
    check(&answered(0xA700), "pending", 0, Some("the peer answered status A700H"));
}

#[test]
fn refusals_of_the_instance_are_counted() {
    check(&answered(0xA900), "pending", 1, Some("the peer answered status A900H"));
    check(&answered(0xC000), "pending", 1, Some("the peer answered status C000H"));
    check(&refused(FaultScope::Instance), "pending", 1, Some("it broke"));
}

#[test]
fn a_peer_that_already_holds_the_uid_is_for_a_person() {
    let fault = "the peer says it already holds this SOP instance UID (0111H)";
    check(&answered(0x0111), "parked", 0, Some(fault));
}

#[test]
fn what_the_peer_does_not_take_is_not_tried_again() {
    let reason = || "SOP class not supported".to_owned();
    let class = DeliveryOutcome::ClassNotTaken { reason: reason() };
    check(&class, "not wanted", 0, Some("SOP class not supported"));
    let syntax = DeliveryOutcome::SyntaxNotTaken { reason: reason() };
    check(&syntax, "parked", 0, Some("SOP class not supported"));
    for outcome in [class, syntax] {
        let mut breaker = Breaker::new(policy());
        breaker.on_fault(FaultScope::Destination, at(30), 0);
        breaker.observe(&another(), &outcome, at(31), 0);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}

#[test]
fn outages_and_unknown_outcomes_are_not_counted() {
    check(&refused(FaultScope::Association), "pending", 0, Some("it broke"));
    check(&refused(FaultScope::Destination), "pending", 0, Some("it broke"));
    check(&refused(FaultScope::Local), "pending", 0, Some("it broke"));
    check(&unknown(), "pending", 0, Some("outcome unknown: no answer in 30 s"));
}

#[test]
fn the_last_refusal_allowed_makes_a_dead_letter() {
    let mut record = delivery();
    for _ in 0..2 {
        record = settle(&record, &answered(0xC123), &policy(), at(30), 0);
        assert_eq!(record.state, DeliveryState::Pending);
        assert!(record.not_before > at(30));
    }
    record = settle(&record, &answered(0xC123), &policy(), at(30), 0);
    let reason = "the peer answered status C123H".to_owned();
    assert_eq!(record.state, DeliveryState::Failed { status: 0xC123, reason });
}

#[track_caller]
fn check_waits_longer_with_age(outcome: &DeliveryOutcome) {
    let wait = |now: i64| {
        let settled = settle(&delivery(), outcome, &policy(), at(now), 0);
        settled.not_before.since(at(now))
    };
    assert_eq!(wait(20), Duration::from_secs(1));
    assert_eq!(wait(60), Duration::from_secs(10));
    assert_eq!(wait(100_000), policy().longest);
}

#[test]
fn an_instance_that_breaks_associations_waits_the_longer_the_older_it_is() {
    check_waits_longer_with_age(&unknown());
}

#[test]
fn an_instance_that_finds_no_resources_waits_the_longer_the_older_it_is() {
    check_waits_longer_with_age(&answered(0xA700));
}

#[test]
fn an_instance_that_cannot_be_read_waits_the_longer_the_older_it_is() {
    check_waits_longer_with_age(&refused(FaultScope::Local));
}

#[test]
fn pauses_grow_to_the_longest_and_are_spread() {
    let policy = policy();
    assert_eq!(policy.pause(0, 12_345), Duration::from_secs(1));
    assert_eq!(policy.pause(1, 2_000_000), Duration::from_secs(3));
    assert_eq!(policy.pause(1, 2_000_001), Duration::from_secs(1));
    assert_eq!(policy.pause(u32::MAX, 29_000_000), Duration::from_secs(30));
    let odd = RetryPolicy { longest: Duration::ZERO, ..policy };
    assert_eq!(odd.pause(9, u64::MAX), Duration::from_secs(1));
}

#[test]
fn a_clock_that_is_set_back_keeps_no_breaker_open() {
    let mut breaker = Breaker::new(policy());
    breaker.observe(&another(), &refused(FaultScope::Destination), at(100_000), 0);
    assert!(!breaker.may_try(at(100_000)));
    assert!(breaker.may_try(at(10)));
}

#[test]
fn a_breaker_opens_on_outages_and_closes_on_any_answer() {
    let mut breaker = Breaker::new(policy());
    breaker.observe(&another(), &refused(FaultScope::Destination), at(0), 0);
    assert!(!breaker.may_try(at(0)));
    assert!(breaker.may_try(at(1)));
    assert_eq!(breaker.retry_at(), Some(at(1)));
    breaker.observe(&another(), &answered(0xA700), at(1), 2_000_000);
    assert_eq!(breaker.state(), BreakerState::Open { until: at(4), consecutive: 2 });
    breaker.observe(&another(), &answered(0xA900), at(4), 0);
    assert_eq!(breaker.state(), BreakerState::Closed);
    breaker.observe(&another(), &refused(FaultScope::Local), at(5), 0);
    breaker.observe(&another(), &refused(FaultScope::Instance), at(5), 0);
    assert!(breaker.may_try(at(5)));
    breaker.observe(&another(), &unknown(), at(5), 0);
    breaker.observe(&another(), &answered(0), at(6), 0);
    assert!(breaker.may_try(at(6)));
}

fn outcome() -> impl Strategy<Value = DeliveryOutcome> {
    let scope = prop_oneof![
        Just(FaultScope::Instance),
        Just(FaultScope::Association),
        Just(FaultScope::Destination),
        Just(FaultScope::Local),
    ];
    prop_oneof![any::<u16>().prop_map(answered), scope.prop_map(refused), Just(unknown())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn only_the_peers_own_answer_makes_a_delivery_sent(
        outcomes in proptest::collection::vec((outcome(), any::<u64>()), 0..20)
    ) {
        let mut record = delivery();
        for (second, (outcome, random)) in (30..).zip(outcomes) {
            let next = settle(&record, &outcome, &policy(), at(second), random);
            if record.state == DeliveryState::Pending {
                let sent = matches!(next.state, DeliveryState::Sent { .. });
                prop_assert_eq!(sent, outcome.scope().is_none());
                let answered = matches!(outcome, DeliveryOutcome::Answered(_));
                prop_assert!(!sent || answered);
                prop_assert!(sent || next.not_before >= record.not_before.min(at(second)));
            } else {
                // An end is an end.
                prop_assert_eq!(&next, &record);
            }
            record = next;
        }
    }

    #[test]
    fn an_outage_never_dead_letters(
        outcomes in proptest::collection::vec((0..4_u8, any::<u64>()), 0..100)
    ) {
        let mut record = delivery();
        for (second, (kind, random)) in (30..).zip(outcomes) {
            let outcome = match kind {
                0 => refused(FaultScope::Association),
                1 => refused(FaultScope::Destination),
                2 => answered(0xA700),
                _ => unknown(),
            };
            record = settle(&record, &outcome, &policy(), at(second), random);
            prop_assert_eq!(&record.state, &DeliveryState::Pending);
            prop_assert_eq!(record.attempts, 0);
            prop_assert!(record.not_before.since(at(second)) <= policy().longest);
        }
        let delivered = settle(&record, &answered(0), &policy(), at(500), 0);
        prop_assert_eq!(delivered.state.as_str(), "sent");
    }
}
