use std::time::Duration;

use proptest::prelude::*;
use telerad_core::Uid;
use telerad_dicom::{PeerAnswer, Status};
use telerad_routing::{
    Breaker, BreakerRecord, BreakerState, Concurrency, DeliveryOutcome, FaultScope, Permit, Probe,
    Rejection, RetryPolicy,
};

use crate::groups::id;
use crate::{another, at};

fn policy() -> RetryPolicy {
    RetryPolicy::default()
}

fn answered(code: u16) -> DeliveryOutcome {
    DeliveryOutcome::Answered(PeerAnswer::from_response(Status::new(code), 7))
}

/// A breaker that opened at second 100 and may be probed at second 101.
fn open() -> Breaker {
    let mut breaker = Breaker::new(policy());
    breaker.on_fault(FaultScope::Destination, at(100), 0);
    breaker
}

#[test]
fn a_destination_that_comes_back_is_probed_then_given_one_then_all() {
    let mut breaker = open();
    assert_eq!(breaker.permit(at(100)), Permit::Wait(at(101)));
    assert_eq!(breaker.permit(at(101)), Permit::Echo);
    // The others wait for what the probe shows.
    assert_eq!(breaker.permit(at(101)), Permit::Wait(at(131)));
    breaker.on_echo();
    assert_eq!(breaker.permit(at(102)), Permit::One);
    assert_eq!(breaker.permit(at(102)), Permit::Wait(at(132)));
    breaker.observe(&another(), &answered(0), at(103), 0);
    assert_eq!(breaker.permit(at(103)), Permit::All);
    assert_eq!(breaker.permit(at(103)), Permit::All);
}

#[test]
fn a_destination_that_answers_the_probe_and_stores_nothing_is_shut_again() {
    let mut breaker = open();
    breaker.permit(at(101));
    breaker.on_echo();
    breaker.permit(at(102));
    breaker.observe(&another(), &answered(0xA700), at(103), 2_000_000);
    assert_eq!(breaker.state(), BreakerState::Open { until: at(106), consecutive: 2 });
    assert_eq!(breaker.down_since(), Some(at(100)));
}

#[test]
fn a_probe_that_fails_shuts_it_for_longer() {
    let mut breaker = open();
    breaker.permit(at(101));
    breaker.on_fault(FaultScope::Destination, at(102), 2_000_000);
    assert_eq!(breaker.state(), BreakerState::Open { until: at(105), consecutive: 2 });
}

#[test]
fn a_probe_that_nobody_tells_of_is_made_again() {
    let mut breaker = open();
    assert_eq!(breaker.permit(at(101)), Permit::Echo);
    assert_eq!(breaker.permit(at(131)), Permit::Echo);
    breaker.on_echo();
    assert_eq!(breaker.permit(at(132)), Permit::One);
    assert_eq!(breaker.permit(at(162)), Permit::One);
}

#[test]
fn a_permit_that_is_not_used_is_given_back() {
    let mut breaker = open();
    breaker.permit(at(101));
    breaker.give_back(at(101));
    assert_eq!(breaker.permit(at(101)), Permit::Echo);
    breaker.on_echo();
    assert_eq!(breaker.permit(at(102)), Permit::One);
    breaker.give_back(at(102));
    assert_eq!(breaker.permit(at(102)), Permit::One);
    let mut closed = Breaker::new(policy());
    closed.give_back(at(0));
    assert_eq!(closed.permit(at(0)), Permit::All);
}

#[test]
fn a_destination_that_answered_a_probe_counts_as_working_for_new_studies() {
    let mut breaker = open();
    assert_eq!(breaker.down_since(), Some(at(100)));
    breaker.permit(at(101));
    assert_eq!(breaker.down_since(), Some(at(100)));
    breaker.on_echo();
    assert_eq!(breaker.down_since(), None);
    breaker.permit(at(102));
    breaker.on_fault(FaultScope::Association, at(103), 0);
    // It never worked meanwhile.
    assert_eq!(breaker.down_since(), Some(at(100)));
}

#[test]
fn what_was_under_way_when_it_opened_does_not_shut_it_for_longer() {
    let mut breaker = open();
    for _ in 0..3 {
        breaker.on_fault(FaultScope::Association, at(100), 9);
    }
    assert_eq!(breaker.state(), BreakerState::Open { until: at(101), consecutive: 1 });
}

#[test]
fn one_instance_that_finds_no_room_does_not_stop_the_others() {
    let mut breaker = Breaker::new(policy());
    for _ in 0..2 {
        breaker.observe(&another(), &answered(0xA700), at(0), 0);
        breaker.observe(&another(), &answered(0xA700), at(0), 0);
        assert_eq!(breaker.permit(at(0)), Permit::All);
        breaker.observe(&another(), &answered(0), at(0), 0);
    }
    for _ in 0..3 {
        breaker.observe(&another(), &answered(0xA700), at(0), 0);
    }
    assert_eq!(breaker.permit(at(0)), Permit::Wait(at(1)));
}

/// A destination that takes nothing of `odd`, whatever it is asked, and has taken another instance meanwhile.
fn dislikes(odd: &Uid) -> Breaker {
    let mut breaker = Breaker::new(policy());
    breaker.observe(odd, &answered(0xA700), at(0), 0);
    breaker.observe(&another(), &answered(0), at(0), 0);
    breaker
}

#[test]
fn one_that_is_left_and_never_finds_room_shuts_nothing() {
    let odd = another();
    let mut breaker = dislikes(&odd);
    for second in 0..20 {
        breaker.observe(&odd, &answered(0xA700), at(second), 0);
        assert_eq!(breaker.permit(at(second)), Permit::All);
    }
    // Two others show that it is full.
    breaker.observe(&another(), &answered(0xA700), at(30), 0);
    assert_eq!(breaker.permit(at(30)), Permit::All);
    breaker.observe(&another(), &answered(0xA700), at(30), 0);
    assert_eq!(breaker.permit(at(30)), Permit::Wait(at(31)));
    // What is full is not open again because of what one of them has said before.
    breaker.permit(at(31));
    breaker.on_echo();
    breaker.permit(at(31));
    breaker.observe(&odd, &answered(0xA700), at(31), 0);
    assert_eq!(breaker.down_since(), Some(at(30)));
}

#[test]
fn one_that_is_left_and_never_finds_room_ends_an_outage() {
    let odd = another();
    let mut breaker = dislikes(&odd);
    breaker.on_fault(FaultScope::Destination, at(100), 0);
    for second in [110, 150] {
        assert_eq!(breaker.permit(at(second)), Permit::Echo);
        breaker.on_echo();
        assert_eq!(breaker.permit(at(second)), Permit::One);
        breaker.observe(&odd, &answered(0xA700), at(second), 0);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn one_that_was_the_first_and_finds_no_room_may_mean_that_there_is_none() {
    let mut breaker = Breaker::new(policy());
    let only = another();
    for _ in 0..3 {
        breaker.observe(&only, &answered(0xA700), at(0), 0);
    }
    assert_eq!(breaker.permit(at(0)), Permit::Wait(at(1)));
}

#[test]
fn a_refusal_of_an_instance_shows_that_the_destination_works() {
    for code in [0xA900, 0xC000, 0x0122, 0x0111, 0xB000, 0x0000] {
        let mut breaker = open();
        breaker.permit(at(101));
        breaker.on_echo();
        breaker.permit(at(101));
        breaker.observe(&another(), &answered(code), at(102), 0);
        assert_eq!(breaker.permit(at(102)), Permit::All, "{code:04X}H");
    }
}

#[test]
fn an_outage_outlasts_a_restart() {
    let record = open().record(&id("reading"), "connection refused");
    let text = serde_json::to_string(&record).unwrap();
    let record: BreakerRecord = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (record.consecutive, record.until, record.opened_at, record.cause.as_str()),
        (1, at(101), at(100), "connection refused")
    );
    let mut breaker = Breaker::restore(policy(), &record);
    assert_eq!(
        (breaker.permit(at(100)), breaker.down_since()),
        (Permit::Wait(at(101)), Some(at(100)))
    );
    assert_eq!(breaker.permit(at(101)), Permit::Echo);
    // A restart while the probe is under way makes it again.
    let mut again = Breaker::restore(policy(), &breaker.record(&id("reading"), ""));
    assert_eq!(again.permit(at(101)), Permit::Echo);
}

#[test]
fn a_closed_breaker_is_kept_as_closed() {
    let mut breaker = open();
    breaker.on_success();
    let record = breaker.record(&id("reading"), "");
    assert!(record.is_closed());
    let restored = Breaker::restore(policy(), &record);
    assert_eq!((restored.state(), restored.down_since()), (BreakerState::Closed, None));
}

#[test]
fn an_outage_of_a_week_keeps_its_beginning_and_its_pause_within_bounds() {
    let mut breaker = Breaker::new(policy());
    let mut now = at(0);
    breaker.on_fault(FaultScope::Destination, now, 77);
    let mut probes = 0;
    while now < at(7 * 86_400) {
        match breaker.permit(now) {
            Permit::Wait(until) => {
                assert!(until.since(now) <= policy().longest, "{until}");
                now = until;
            }
            Permit::Echo => {
                probes += 1;
                breaker.on_fault(FaultScope::Destination, now, now.as_micros().unsigned_abs() * 31);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(breaker.down_since(), Some(at(0)));
    assert!(probes > 7 * 86_400 / 30, "{probes}");
}

#[test]
fn rejections_are_sorted_by_whether_they_pass() {
    let check = |result, source, reason, scope, is_limit| {
        let rejection = Rejection { result, source, reason };
        assert_eq!((rejection.scope(), rejection.is_limit()), (scope, is_limit), "{rejection:?}");
    };
    // Called AE title not recognised, calling AE title not recognised, application context.
    check(1, 1, 7, FaultScope::Destination, false);
    check(1, 1, 3, FaultScope::Destination, false);
    check(1, 1, 2, FaultScope::Destination, false);
    check(1, 2, 2, FaultScope::Destination, false);
    // Temporary congestion and local limit exceeded.
    check(2, 3, 1, FaultScope::Association, true);
    check(2, 3, 2, FaultScope::Association, true);
    check(2, 1, 1, FaultScope::Association, false);
    check(2, 2, 1, FaultScope::Association, false);
    // A permanent limit, as some peers send it, is not ours to lower.
    check(1, 3, 2, FaultScope::Destination, false);
    check(9, 9, 9, FaultScope::Destination, false);
}

#[test]
fn a_peer_that_takes_no_more_associations_gets_fewer_and_is_not_down() {
    let limit = Rejection { result: 2, source: 3, reason: 2 };
    let mut concurrency = Concurrency::new(4, at(0));
    assert!(!concurrency.on_rejected(limit, 3, at(10)));
    assert_eq!(concurrency.allowed(at(10)), 3);
    assert!(!concurrency.on_rejected(limit, 2, at(11)));
    assert_eq!((concurrency.allowed(at(12)), concurrency.allowed(at(310))), (2, 2));
    assert_eq!((concurrency.allowed(at(311)), concurrency.allowed(at(312))), (3, 3));
    assert_eq!((concurrency.allowed(at(700)), concurrency.allowed(at(9000))), (4, 4));
    // Its places are taken by others.
    assert!(concurrency.on_rejected(limit, 0, at(9000)));
    let unknown = Rejection { result: 1, source: 1, reason: 7 };
    assert!(concurrency.on_rejected(unknown, 2, at(9000)));
    assert_eq!(concurrency.allowed(at(9000)), 4);
    assert_eq!(Concurrency::new(0, at(0)).allowed(at(0)), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever happens, a worker that asks when it was told to gets something to do, and at most one of them while the
    /// destination is not known to work.
    #[test]
    fn a_breaker_never_stays_shut_and_never_lets_a_crowd_in(
        steps in proptest::collection::vec((0..7_u8, any::<u64>(), 0..60_i64), 1..80)
    ) {
        let mut breaker = Breaker::new(policy());
        let mut now = at(0);
        for (step, random, pause) in steps {
            now = now.after(Duration::from_secs(pause.unsigned_abs()));
            match step {
                0 => breaker.on_fault(FaultScope::Destination, now, random),
                1 => breaker.on_fault(FaultScope::Association, now, random),
                2 => breaker.observe(&another(), &answered(0xA700), now, random),
                3 => breaker.observe(&another(), &answered(0), now, random),
                4 => breaker.on_echo(),
                5 => breaker.give_back(now),
                _ => {
                    let record = breaker.record(&id("reading"), "");
                    breaker = Breaker::restore(policy(), &record);
                }
            }
            let mut asked = breaker.clone();
            match asked.permit(now) {
                Permit::All => prop_assert_eq!(asked.state(), BreakerState::Closed),
                Permit::Echo | Permit::One => {
                    prop_assert!(matches!(asked.permit(now), Permit::Wait(_)));
                }
                Permit::Wait(until) => {
                    prop_assert!(until > now && until.since(now) <= policy().longest);
                    prop_assert!(!matches!(asked.permit(until), Permit::Wait(_)));
                }
            }
            let works = matches!(
                breaker.state(),
                BreakerState::Closed | BreakerState::HalfOpen { probe: Probe::Answered, .. }
            );
            prop_assert_eq!(breaker.down_since().is_none(), works);
        }
    }
}
