use proptest::prelude::*;
use telerad_core::{AccessionNumber, Uid};

use super::{CandidateIndex, IndexError};
use crate::samples::{any_candidate, claim, claim_of, head, order, patient, policy};
use crate::{
    AccessionPolicy, CANDIDATES_MAX, Candidate, CandidateSource, CanonicalRule, Decision,
    OrderSide, Outcome, PatientSide, decide,
};

fn index(candidates: &[Candidate], policy: AccessionPolicy) -> CandidateIndex {
    let mut index = CandidateIndex::with_capacity(policy, candidates.len());
    for candidate in candidates {
        let handle = candidate.key.parse().unwrap();
        index.insert(handle, &candidate.order, candidate.source, &candidate.also_known_as).unwrap();
    }
    index
}

#[track_caller]
fn check(claimed: &str, candidates: &[Candidate], outcome: Outcome, handles: &[u64]) {
    let index = index(candidates, policy());
    let got = index.decide(&claim(claimed));
    assert_eq!((got.outcome, got.handles.as_slice()), (outcome, handles), "{claimed}");
    let explained = index.explain(&claim(claimed));
    let keys: Vec<String> = handles.iter().map(ToString::to_string).collect();
    assert_eq!(explained.keys(), keys);
}

#[test]
fn a_decision_of_the_index_has_the_same_sentences() {
    let known = [order("1 1.1 100@NORTH F1@RIS P1@EHR A"), head("2 1.9 100 - - A*")];
    let index = index(&known, policy());
    for claimed in
        ["1.1 100 F1@RIS P1@EHR A", "1.9 N-100 - - B", "- 100 F1 - A*", "1.1 - - P1@EHR w"]
    {
        let claim = claim(claimed);
        let slow = decide(&claim, &known, &policy());
        let fast = index.explain(&claim);
        let (slow, fast) = (slow.evidence(), fast.evidence());
        assert_eq!(fast.describe_with_values(), slow.describe_with_values());
    }
}

#[test]
fn a_match_names_its_cell_of_the_table() {
    let index = index(&[order("1 1.1 100@NORTH - - A")], policy());
    let got = index.decide(&claim("- N-100 - - A"));
    assert_eq!(got.sides, Some((OrderSide::Canonical, PatientSide::Agree)));
    assert_eq!(index.decide(&claim("- 7 - - A")).sides, None);
}

#[test]
fn merged_identifiers_are_kept() {
    let merged = Candidate { also_known_as: patient("B").ids, ..order("1 1.1 100@NORTH - - -") };
    check("- 100 - - B", &[merged], Outcome::Match, &[1]);
}

#[test]
fn a_study_beside_the_order_is_found_by_what_they_share() {
    // The claim names neither the study nor the number, and the images are somebody else's.
    let known = [order("1 1.1 100@NORTH F1@RIS - A"), head("2 1.9 100@NORTH - - B")];
    check("- - F1@RIS - A", &known, Outcome::Conflict, &[1]);
    check("1.9 - - - A", &known, Outcome::Conflict, &[1]);
}

#[test]
fn what_was_removed_is_not_found() {
    let known = [order("1 1.1 100@NORTH - - A"), order("2 1.1 100@NORTH - - A")];
    let mut index = index(&known, policy());
    let uid = Uid::new("1.1").unwrap();
    assert_eq!(index.decide(&claim("1.1 100 - - A")).outcome, Outcome::Ambiguous);
    assert_eq!((index.remove(2, &uid), index.remove(2, &uid), index.len()), (1, 0, 1));
    assert_eq!(index.decide(&claim("1.1 100 - - A")).handles, [1]);
}

#[test]
fn a_number_of_very_many_orders_names_none() {
    let shared = |count: u64| -> Vec<Candidate> {
        (0..count).map(|n| order(&format!("{n} 1.{n} {n}1@NORTH - P1@EHR A"))).collect()
    };
    let max = CANDIDATES_MAX as u64;
    check("1.5 - - P1@EHR A", &shared(max), Outcome::Match, &[5]);
    let index = index(&shared(4 * max), policy());
    for claimed in ["1.5 - - P1@EHR A", "- - - P1@EHR A"] {
        assert_eq!(index.decide(&claim(claimed)).outcome, Outcome::Ambiguous);
    }
    assert_eq!(index.decide(&claim("1.900 9001 - - A")).handles, [900]);
}

#[test]
fn the_capacity_is_a_limit() {
    let mut index = CandidateIndex::with_capacity(policy(), 10);
    let known = |n: u64| order(&format!("{n} 1.{n} {n}1@NORTH F{n}@RIS P{n}@EHR A"));
    let mut add = |n| {
        let one = known(n);
        index.insert(n, &one.order, one.source, &[])
    };
    assert_eq!((0..10).map(&mut add).collect::<Vec<_>>(), [Ok(()); 10]);
    assert!((10..100).any(|n| add(n) == Err(IndexError::Full)));
}

#[test]
fn a_candidate_that_is_too_long_is_refused_whole() {
    let mut index = CandidateIndex::with_capacity(policy(), 10);
    let mut long = order("1 1.1 100@NORTH - - A");
    long.order.patient.name.alphabetic.family = "x".repeat(70_000);
    assert_eq!(index.insert(1, &long.order, long.source, &[]), Err(IndexError::TooLong));
    assert_eq!(
        (index.len(), index.decide(&claim("1.1 - - - A")).outcome),
        (0, Outcome::NoCandidate)
    );
    let next = order("2 1.2 200@NORTH - - A");
    index.insert(2, &next.order, next.source, &[]).unwrap();
    assert_eq!(index.decide(&claim("1.2 - - - A")).handles, [2]);
}

#[test]
fn debug_prints_no_values() {
    let index = index(&[order("1 1.1 100@NORTH - - A")], policy());
    assert_eq!(format!("{index:?}"), "CandidateIndex(1 candidates)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn the_index_decides_as_if_it_compared_with_everything(
        candidates in prop::collection::vec(any_candidate(), 0..8),
        claimed in any_candidate(),
        without in 0..16_u8,
        named in any::<bool>(),
        cut in any::<bool>(),
    ) {
        let mut policy = policy();
        if !named { policy.default_issuer = None; }
        if cut { policy.rules.push(CanonicalRule::Cut { characters: 2 }); }
        let candidates: Vec<Candidate> = (10..).zip(candidates).map(|(place, one)| {
            // As the gateway names them: by the number, where there is one.
            let number = one.order.accession.value();
            let issuer = one.order.accession.issuer().and_then(|one| one.namespace.as_deref());
            let place = match (number, issuer) {
                ("100", None) => 1,
                ("100", Some("NORTH")) => 2,
                ("100", _) => 3,
                ("N-100", _) => 4,
                ("200", _) => 5,
                _ => place,
            };
            Candidate { key: format!("{place:02}"), ..one }
        }).collect();
        let mut orders = std::collections::BTreeSet::new();
        let candidates: Vec<Candidate> = candidates
            .into_iter()
            .filter(|one| one.source == CandidateSource::StudyHead || orders.insert(one.key.clone()))
            .collect();
        let mut claim = claim_of(claimed, without);
        let index = index(&candidates, policy.clone());
        for number in [claim.accession.clone(), AccessionNumber::new("10", None).ok()] {
            claim.accession = number;
            let slow = decide(&claim, &candidates, &policy);
            let fast = index.explain(&claim);
            prop_assert_eq!(fast.outcome(), slow.outcome(), "{}", slow.evidence());
            let keys: Vec<String> = fast.keys().iter().map(|key| format!("{key:0>2}")).collect();
            prop_assert_eq!(keys, slow.keys());
            prop_assert_eq!(
                matches!(slow, Decision::Match { .. }),
                index.decide(&claim).outcome == Outcome::Match
            );
        }
    }
}
