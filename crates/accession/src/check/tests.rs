use std::collections::BTreeSet;

use proptest::prelude::*;
use telerad_core::{AccessionNumber, Issuer};

use super::{CollisionKind, RuleCheck};
use crate::{AccessionPolicy, CanonicalRule};

fn policy(rules: &[CanonicalRule]) -> AccessionPolicy {
    AccessionPolicy {
        default_issuer: Issuer::local("NORTH").ok(),
        rules: rules.to_vec(),
        ..AccessionPolicy::default()
    }
}

fn number(text: &str) -> AccessionNumber {
    let (value, issuer) = text.split_once('@').unwrap_or((text, "NORTH"));
    AccessionNumber::new(value, Issuer::local(issuer).ok()).unwrap()
}

#[track_caller]
fn check(rules: &[CanonicalRule], known: &[&str], expected: &[CollisionKind]) {
    let policy = policy(rules);
    let numbers: Vec<AccessionNumber> = known.iter().map(|text| number(text)).collect();
    let kinds = |numbers: &mut dyn Iterator<Item = &AccessionNumber>| -> Vec<CollisionKind> {
        let (check, found) = RuleCheck::of(&policy, numbers, 10);
        assert_eq!(check.is_usable(), found.is_empty());
        found.iter().map(|one| one.kind).collect()
    };
    assert_eq!(kinds(&mut numbers.iter()), expected);
    // In whatever order they become known.
    assert_eq!(kinds(&mut numbers.iter().rev()), expected);
}

fn prefix(prefix: &str) -> CanonicalRule {
    CanonicalRule::StripPrefix { prefix: prefix.to_owned() }
}

#[test]
fn numbers_that_the_rules_make_equal_collide() {
    use CollisionKind::SameAfterRules;
    let pad = CanonicalRule::ZeroPad { width: 8 };
    check(std::slice::from_ref(&pad), &["00001234", "1235", "A1"], &[]);
    check(&[pad], &["00001234", "1234"], &[SameAfterRules]);
    let separators = CanonicalRule::RemoveSeparators { separators: "-".to_owned() };
    check(&[separators], &["24-1", "2-41"], &[SameAfterRules]);
    check(&[CanonicalRule::UpperCase], &["aB1", "Ab1"], &[SameAfterRules]);
}

#[test]
fn a_number_that_becomes_another_one_collides() {
    check(&[prefix("N-")], &["N-N-100", "N-100"], &[CollisionKind::BecomesTheOther]);
    check(&[prefix("N-")], &["N-N-100", "N-200"], &[]);
}

#[test]
fn numbers_that_a_cut_makes_equal_collide() {
    let cut = CanonicalRule::Cut { characters: 4 };
    check(std::slice::from_ref(&cut), &["12345", "12346"], &[CollisionKind::SameWhenCut]);
    check(std::slice::from_ref(&cut), &["12345", "1234"], &[CollisionKind::SameWhenCut]);
    check(&[cut], &["12345", "22345", "123"], &[]);
}

#[test]
fn other_issuers_and_repetitions_do_not_collide() {
    check(&[prefix("N-")], &["N-100", "100@SOUTH", "N-100"], &[]);
    let south = CanonicalRule::ForIssuer {
        issuer: Issuer::local("SOUTH").unwrap(),
        rules: vec![CanonicalRule::UpperCase],
    };
    check(std::slice::from_ref(&south), &["a", "A"], &[]);
    check(&[south], &["a@SOUTH", "A@SOUTH"], &[CollisionKind::SameAfterRules]);
}

#[test]
fn debug_prints_no_values() {
    let policy = policy(&[prefix("N-")]);
    let numbers = [number("N-77"), number("77")];
    let (check, found) = RuleCheck::of(&policy, &numbers, 10);
    assert_eq!(format!("{check:?}"), "RuleCheck(2 known, 1 changed, 1 collisions)");
    assert!(!format!("{found:?}").contains("77"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn rules_are_refused_exactly_when_they_are_not_injective_on_what_is_known(
        known in prop::collection::btree_set("[0aA]{0,2}-?[0-2]{1,3}", 1..8),
        chosen in prop::collection::vec(0..5_usize, 0..3),
    ) {
        let rules = [
            prefix("0"),
            CanonicalRule::StripSuffix { suffix: "1".to_owned() },
            CanonicalRule::ZeroPad { width: 3 },
            CanonicalRule::RemoveSeparators { separators: "-".to_owned() },
            CanonicalRule::UpperCase,
        ];
        let rules: Vec<CanonicalRule> = chosen.iter().map(|index| rules[*index].clone()).collect();
        let policy = policy(&rules);
        let known: BTreeSet<String> =
            known.into_iter().filter(|value| crate::is_identifying(value)).collect();
        let numbers: Vec<AccessionNumber> = known.iter().map(|value| number(value)).collect();
        let (check, _) = RuleCheck::of(&policy, &numbers, 10);
        let images: BTreeSet<String> = known.iter().map(|value| policy.canonical(value)).collect();
        let shadowed = known.iter().any(|value| {
            let image = policy.canonical(value);
            image != *value && known.contains(&image)
        });
        prop_assert_eq!(check.is_usable(), images.len() == known.len() && !shadowed);
    }
}
