use std::collections::BTreeMap;

use proptest::prelude::*;
use telerad_core::{AeTitle, Priority};
use telerad_routing::{Choice, DeficitRoundRobin, InFlight, QueueHead};

fn head(source: &str, lane: Priority, bytes: u64) -> QueueHead {
    QueueHead { bytes, lane, source: AeTitle::new(source).unwrap() }
}

fn in_flight(associations_max: usize, stat: usize, other: usize) -> InFlight {
    InFlight { associations_max, other, stat }
}

const FREE: InFlight = InFlight { associations_max: 4, other: 0, stat: 0 };

/// The sources of so many choices among queues that never run empty.
fn turns(queues: &[(&str, u64)], count: usize) -> Vec<String> {
    let heads: Vec<QueueHead> =
        queues.iter().map(|(source, bytes)| head(source, Priority::Routine, *bytes)).collect();
    let mut fair = DeficitRoundRobin::default();
    let choose = |_| match fair.choose(&heads, FREE) {
        Choice::Send(at) => heads[at].source.to_string(),
        other => panic!("{other:?}"),
    };
    (0..count).map(choose).collect()
}

#[test]
fn what_is_more_urgent_goes_first_whatever_the_turn() {
    let heads = [
        head("CT1", Priority::Routine, 1),
        head("CT2", Priority::Stat, 1_000_000_000),
        head("CT3", Priority::High, 1),
    ];
    let mut fair = DeficitRoundRobin::default();
    assert_eq!(fair.choose(&heads, FREE), Choice::Send(1));
    assert_eq!(fair.choose(&heads, FREE), Choice::Send(1));
    assert_eq!(fair.choose(&heads[..1], FREE), Choice::Send(0));
    assert_eq!(fair.choose(&[], FREE), Choice::Empty);
}

#[test]
fn one_association_is_kept_for_stat() {
    let routine = [head("CT1", Priority::Routine, 1)];
    let stat = [head("CT1", Priority::Routine, 1), head("CT2", Priority::Stat, 1)];
    let choose = |heads: &[QueueHead], flight| DeficitRoundRobin::default().choose(heads, flight);
    assert_eq!(choose(&routine, in_flight(3, 0, 1)), Choice::Send(0));
    assert_eq!(choose(&routine, in_flight(3, 0, 2)), Choice::Reserved);
    assert_eq!(choose(&stat, in_flight(3, 0, 2)), Choice::Send(1));
    assert_eq!(choose(&stat, in_flight(3, 1, 2)), Choice::Busy);
    // STAT that is under way leaves the rest to others.
    assert_eq!(choose(&routine, in_flight(3, 1, 1)), Choice::Send(0));
    assert_eq!(choose(&routine, in_flight(3, 2, 1)), Choice::Busy);
}

#[test]
fn of_a_single_association_none_can_be_kept() {
    let routine = [head("CT1", Priority::Routine, 1)];
    let choose = |flight| DeficitRoundRobin::default().choose(&routine, flight);
    assert_eq!(choose(in_flight(1, 0, 0)), Choice::Send(0));
    assert_eq!(choose(in_flight(1, 0, 1)), Choice::Busy);
    assert_eq!(choose(in_flight(0, 0, 0)), Choice::Busy);
}

#[test]
fn sources_share_by_bytes_and_not_by_instances() {
    let half = 512 * 1024;
    assert_eq!(
        turns(&[("CT1", half), ("CT2", half)], 6),
        ["CT1", "CT1", "CT2", "CT2", "CT1", "CT1"]
    );
    // A mammogram of 30 MB is one turn, and sixty CT slices are another.
    let order = turns(&[("CT1", half), ("MG1", 60 * half)], 183);
    let large = order.iter().filter(|source| *source == "MG1").count();
    assert!((2..=3).contains(&large), "{large}");
}

#[test]
fn the_first_instance_of_a_source_does_not_wait_for_the_others_queues() {
    let mut fair = DeficitRoundRobin::default();
    let busy = [head("CT1", Priority::Routine, 1_000_000)];
    for _ in 0..100 {
        assert_eq!(fair.choose(&busy, FREE), Choice::Send(0));
    }
    let with_new = [busy[0].clone(), head("US1", Priority::Routine, 1_000_000)];
    let next: Vec<Choice> = (0..3).map(|_| fair.choose(&with_new, FREE)).collect();
    assert!(next.contains(&Choice::Send(1)), "{next:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_source_gets_more_than_its_share(
        sizes in proptest::collection::vec(1_u64..20_000_000, 2..6),
        choices in 50..300_usize,
        seed in any::<u64>(),
    ) {
        let names = ["CT1", "CT2", "MG1", "MR1", "US1"];
        let mut fair = DeficitRoundRobin::default();
        let mut sent: BTreeMap<String, u64> = BTreeMap::new();
        let mut random = seed | 1;
        for _ in 0..choices {
            let mut heads = Vec::new();
            for (name, size) in names.iter().zip(&sizes) {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                heads.push(head(name, Priority::Routine, size / 2 + (random >> 33) % size + 1));
            }
            let Choice::Send(at) = fair.choose(&heads, FREE) else {
                return Err(TestCaseError::fail("nothing was chosen"));
            };
            *sent.entry(heads[at].source.to_string()).or_default() += heads[at].bytes;
        }
        // Of two sources that always have something waiting, neither is ahead by more than one instance of each and two
        // turns.
        let largest = sizes.iter().max().unwrap() * 3 / 2 + 1;
        let of = |name: &&str| sent.get(*name).copied().unwrap_or(0);
        let most = names[..sizes.len()].iter().map(of).max().unwrap();
        let least = names[..sizes.len()].iter().map(of).min().unwrap();
        prop_assert!(most - least <= 2 * largest + 2 * 1024 * 1024, "{:?}", sent);
    }

    #[test]
    fn stat_always_finds_an_association(
        associations_max in 2..8_usize, lanes in proptest::collection::vec(0..2_u8, 1..40)
    ) {
        // However routine studies fill the associations, a STAT one that comes then starts at once, until STAT itself
        // has taken all that routine does not use.
        let mut flight = in_flight(associations_max, 0, 0);
        let mut fair = DeficitRoundRobin::default();
        for lane in lanes {
            let lane = if lane == 0 { Priority::Stat } else { Priority::Routine };
            let choice = fair.choose(&[head("CT1", lane, 1)], flight);
            match (lane, choice) {
                (Priority::Stat, Choice::Send(0)) => flight.stat += 1,
                (_, Choice::Send(0)) => flight.other += 1,
                (Priority::Stat, Choice::Busy) => prop_assert!(flight.stat > 0),
                (_, choice) => prop_assert!(matches!(choice, Choice::Busy | Choice::Reserved)),
            }
            prop_assert!(flight.stat + flight.other <= associations_max);
            prop_assert!(flight.other < associations_max);
        }
    }
}
