use proptest::prelude::*;
use telerad_core::{Issuer, PartialDate, Patient, PatientId, PersonName, Sex};

use super::{CANDIDATES_MAX, decide};
use crate::samples::{any_candidate, claim, claim_of, head, order, patient, policy};
use crate::{
    AccessionPolicy, Candidate, CandidateSource, CanonicalRule, Claim, OrderSide, PatientSide,
    ROWS, index_keys, search_keys,
};

fn answer(claim: &Claim, candidates: &[Candidate], policy: &AccessionPolicy) -> String {
    let decision = decide(claim, candidates, policy);
    format!("{} {}", decision.outcome(), decision.keys().join(",")).trim().to_owned()
}

#[track_caller]
fn check(claimed: &str, candidates: &[Candidate], expected: &str) {
    check_with(&policy(), claimed, candidates, expected);
}

#[track_caller]
fn check_with(policy: &AccessionPolicy, claimed: &str, candidates: &[Candidate], expected: &str) {
    let claim = claim(claimed);
    let decision = decide(&claim, candidates, policy);
    let evidence = decision.evidence().describe_with_values();
    assert_eq!(answer(&claim, candidates, policy), expected, "{evidence}");
    let mut reversed = candidates.to_vec();
    reversed.reverse();
    assert_eq!(decide(&claim, &reversed, policy), decision);
}

/// The order of patient A: UID 1.1, accession 100, filler F1 of RIS, placer P1 of EHR.
const A: &str = "a 1.1 100@NORTH F1@RIS P1@EHR A";
const B: &str = "b 1.2 200@NORTH F2@RIS P2@EHR B";

/// As `A`, with a number that does not fit into SH.
const LONG: &str = "a 1.1 2024-XR-000123456@NORTH F1@RIS P1@EHR A";

fn cut() -> AccessionPolicy {
    let mut policy = policy();
    policy.rules.push(CanonicalRule::Cut { characters: 16 });
    policy
}

#[test]
fn every_cell_of_the_table() {
    let sides = [
        (OrderSide::UidAndAccession, "1.1 100@NORTH - -"),
        (OrderSide::Uid, "1.1 - - -"),
        (OrderSide::UidOtherAccession, "1.1 555@NORTH - -"),
        (OrderSide::Accession, "- 100@NORTH - -"),
        (OrderSide::AccessionOtherUid, "1.9 100@NORTH - -"),
        (OrderSide::Canonical, "- N-100@NORTH - -"),
        (OrderSide::CanonicalOtherUid, "1.9 N-100@NORTH - -"),
        (OrderSide::Cut, "- 2024-XR-00012345@NORTH - -"),
        (OrderSide::CutOtherUid, "1.9 2024-XR-00012345@NORTH - -"),
        (OrderSide::Number, "- - F1@RIS -"),
        (OrderSide::NumberContradicted, "- 555@NORTH - P1@EHR"),
        (OrderSide::Unqualified, "- 100 - -"),
    ];
    let patients = [
        (PatientSide::Agree, "A"),
        (PatientSide::Weak, "w"),
        (PatientSide::Unknown, "-"),
        (PatientSide::Disagree, "d"),
        (PatientSide::Conflict, "B"),
    ];
    let expected = [
        ["match", "ambiguous", "ambiguous", "conflict", "conflict"],
        ["match", "ambiguous", "ambiguous", "conflict", "conflict"],
        ["conflict", "conflict", "conflict", "conflict", "conflict"],
        ["match", "ambiguous", "ambiguous", "conflict", "conflict"],
        ["match", "ambiguous", "ambiguous", "conflict", "conflict"],
        ["match", "ambiguous", "ambiguous", "conflict", "conflict"],
        ["ambiguous", "ambiguous", "ambiguous", "conflict", "conflict"],
        ["match", "ambiguous", "ambiguous", "conflict", "conflict"],
        ["ambiguous", "ambiguous", "ambiguous", "conflict", "conflict"],
        ["match", "ambiguous", "ambiguous", "conflict", "conflict"],
        ["conflict", "conflict", "conflict", "conflict", "conflict"],
        ["ambiguous", "ambiguous", "ambiguous", "conflict", "conflict"],
    ];
    let unnamed = AccessionPolicy { default_issuer: None, ..policy() };
    for (row, (side, claimed)) in sides.into_iter().enumerate() {
        assert_eq!(ROWS[row].0, side);
        for (column, (_, name)) in patients.into_iter().enumerate() {
            let (policy, known) = match side {
                OrderSide::Unqualified => (&unnamed, A),
                OrderSide::Cut | OrderSide::CutOtherUid => (&cut(), LONG),
                _ => (&policy(), A),
            };
            let expected = format!("{} a", expected[row][column]);
            check_with(policy, &format!("{claimed} {name}"), &[order(known)], &expected);
        }
    }
}

#[test]
fn nothing_is_filed_on_the_accession_number_alone() {
    check("- 100 - - -", &[order(A)], "ambiguous a");
    check("- 100 - - B", &[order(A)], "conflict a");
}

#[test]
fn nothing_is_filed_on_the_patient_alone() {
    check("- - - - A", &[order(A)], "no candidate");
    check("- 300 - - A", &[order(A)], "no candidate");
}

#[test]
fn no_issuer_is_not_any_issuer() {
    // The site's default issuer applies to a number that names none.
    check("- 100 - - A", &[order(A)], "match a");
    check("- 100 - - A", &[order("s 1.3 100@SOUTH - - A")], "no candidate");
    check("- 100@SOUTH - - A", &[order(A)], "no candidate");
    // Without a default, a number without issuer proves nothing against one with issuer.
    let unnamed = AccessionPolicy { default_issuer: None, ..policy() };
    check_with(&unnamed, "- 100 - - A", &[order(A)], "ambiguous a");
    let both = [order(A), order("s 1.3 100@SOUTH - - A")];
    check_with(&unnamed, "- 100 - - A", &both, "ambiguous a,s");
    check_with(&unnamed, "- 100 - - A", &[order("u 1.1 100 - - A")], "match u");
}

#[test]
fn the_issuer_chooses_between_equal_numbers() {
    let both = [order(A), order("s 1.3 100@SOUTH - - A")];
    check("- 100@SOUTH - - A", &both, "match s");
    check("- 100 - - A", &both, "match a");
}

#[test]
fn uid_and_accession_of_different_orders_are_a_conflict() {
    let both = [order(A), order("a2 1.3 300@NORTH F3@RIS P3@EHR A")];
    check("1.1 300 - - A", &both, "conflict a,a2");
    check("1.3 100 - - A", &both, "conflict a,a2");
    check("1.1 - F3@RIS - A", &both, "conflict a,a2");
}

#[test]
fn a_shared_placer_number_leaves_the_choice_to_the_accession_number() {
    let both = [order("a 1.1 100 - P1@EHR A"), order("a2 1.3 300 - P1@EHR A")];
    check("- 300 - P1@EHR A", &both, "match a2");
    check("- - - P1@EHR A", &both, "ambiguous a,a2");
}

#[test]
fn several_orders_in_one_study_need_more_than_the_uid() {
    let both = [order("a 1.1 100 - - A"), order("a2 1.1 300 - - A")];
    check("1.1 - - - A", &both, "ambiguous a,a2");
    check("1.1 300 - - A", &both, "match a2");
}

#[test]
fn numbers_that_the_rules_make_equal_are_ambiguous() {
    let both = [order(A), order("n 1.3 N-100@NORTH - - A")];
    check("- 100 - - A", &both, "ambiguous a,n");
    check("- N-100 - - A", &both, "ambiguous a,n");
    check("1.1 100 - - A", &both, "match a");
    // Not even the patient chooses between them.
    check("- 100 - - A", &[order(A), order("n 1.3 N-100@NORTH - - B")], "ambiguous a,n");
}

#[test]
fn a_cut_number_counts_only_where_declared_and_only_at_its_length() {
    let long = [order(LONG)];
    check("- 2024-XR-00012345 - - A", &long, "no candidate");
    check_with(&cut(), "- 2024-XR-00012345 - - A", &long, "match a");
    // Behind a prefix, which the rules before take away.
    check_with(&cut(), "- N-2024-XR-00012345 - - A", &long, "match a");
    for almost in ["2024-XR-0001234", "2024-XR-000123457", "2024-XR-0001234567", "2024-XR-00012346"]
    {
        check_with(&cut(), &format!("- {almost} - - A"), &long, "no candidate");
    }
    // In the other direction: the images carry what is left, the report the whole number.
    let short = [head("h 1.9 2024-XR-00012345@NORTH - - A")];
    check_with(&cut(), "- 2024-XR-000123456 - - A", &short, "match h");
}

#[test]
fn numbers_that_a_cut_makes_equal_are_ambiguous() {
    let both = [order(LONG), order("b 1.2 2024-XR-000123457@NORTH - - A")];
    check_with(&cut(), "- 2024-XR-00012345 - - A", &both, "ambiguous a,b");
    check_with(&cut(), "- 2024-XR-000123457 - - A", &both, "match b");
    // A whole number of 16 characters may be meant, or one that was cut.
    let both = [order(LONG), order("b 1.2 2024-XR-00012345@NORTH - - A")];
    check_with(&cut(), "- 2024-XR-00012345 - - A", &both, "ambiguous a,b");
    // The images under the cut number belong to the order with the whole one.
    let both = [order(LONG), head("h 1.9 2024-XR-00012345@NORTH - - A")];
    check_with(&cut(), "- 2024-XR-000123456 - - A", &both, "match a");
    let both = [order(LONG), head("h 1.9 2024-XR-00012345@NORTH - - B")];
    check_with(&cut(), "- 2024-XR-000123456 - - A", &both, "conflict a");
}

#[test]
fn a_number_that_the_rules_turn_into_another_known_one_is_ambiguous() {
    // The sender puts N- before every number: is it x as written, or y with the prefix?
    let both = [order("x 1.1 N-N-100@NORTH - - A"), order("y 1.2 N-100@NORTH - - A")];
    check("- N-N-100 - - A", &both, "ambiguous x,y");
    check("- N-N-100 - - A", &both[1..], "match y");
}

#[test]
fn rules_leave_no_placeholder() {
    check("- N-0 - - A", &[order("a 1.1 0@NORTH - - A")], "no candidate");
    let keys = search_keys(&claim("- N-0 - - -"), &policy());
    assert_eq!(keys, [crate::SearchKey::Accession("N-0".to_owned())]);
}

#[test]
fn a_list_of_numbers_is_divided_only_where_declared() {
    let numbers = |policy: &AccessionPolicy, text: &str| -> Vec<String> {
        let claims = claim(&format!("- {text} - - A")).numbered(policy);
        let value = |claim: &Claim| claim.accession.as_ref().unwrap().value().to_owned();
        claims.iter().map(value).collect()
    };
    let mut declared = policy();
    declared.rules.push(CanonicalRule::List { separators: "\\;".to_owned() });
    assert_eq!(numbers(&policy(), "100;200"), ["100;200"]);
    assert_eq!(numbers(&declared, "100;200\\300"), ["100", "200", "300"]);
    assert_eq!(numbers(&declared, "100+200"), ["100+200"]);
    // An empty part is no number, and what is beside it no list.
    assert_eq!(numbers(&declared, "100;"), ["100;"]);
    assert_eq!(claim("1.1 - - - A").numbered(&declared).len(), 1);
}

#[test]
fn wildcards_and_placeholders_match_nothing() {
    for value in ["*", "1*", "10?", "%", "1%", "0", "NONE", "UNKNOWN", "999", "100\\200"] {
        check(&format!("- {value} - - A"), &[order(A), order(B)], "no candidate");
        check(&format!("- - {value} {value} A"), &[order(A), order(B)], "no candidate");
        let stored = format!("x 1.7 {value} {value} {value} A");
        check(&format!("- {value} {value} - A"), &[order(&stored)], "no candidate");
        assert_eq!(search_keys(&claim(&format!("- {value} {value} {value} A")), &policy()), []);
    }
    // Literal underscores are compared whole.
    check("- 1_0 - - A", &[order(A)], "no candidate");
}

#[test]
fn identifiers_are_not_repaired() {
    for almost in ["l00", "1OO", "0100", "10", "1000", "100A", "1-00"] {
        check(&format!("- {almost} - - A"), &[order(A)], "no candidate");
    }
}

#[test]
fn a_conflict_in_birth_date_and_sex_stops_an_equal_identifier() {
    let mut claimed = claim("1.1 100 - - A");
    claimed.patient.birth_date = PartialDate::parse("19300101").ok();
    claimed.patient.sex = Some(Sex::Male);
    assert_eq!(answer(&claimed, &[order(A)], &policy()), "conflict a");
}

#[test]
fn demographics_may_stand_in_for_the_identifier() {
    check("- 100 - - A*", &[order(A)], "match a");
}

#[test]
fn a_recorded_merge_counts_as_the_same_patient() {
    let merged = Candidate { also_known_as: patient("B").ids, ..order(A) };
    let mut claimed = claim("- 100 - - B");
    claimed.patient.birth_date = None;
    assert_eq!(answer(&claimed, &[merged], &policy()), "match a");
}

#[test]
fn order_numbers_need_the_same_namespace() {
    check("- - F1@RIS - A", &[order(A)], "match a");
    check("- - F1 - A", &[order(A)], "no candidate");
    check("- - F1@PACS - A", &[order(A)], "no candidate");
    check("- - - P1@EHR A", &[order(A)], "match a");
}

#[test]
fn a_received_study_supports_its_order() {
    // The modality made its own UID; its head carries the accession number and the patient of the order.
    let own_uid = head("h 1.9 100 - - A");
    check("1.9 - - - A", &[order(A), own_uid.clone()], "match a");
    check("1.9 100 - - A", &[order(A), own_uid], "match a");
    check("1.1 - - - A", &[order(A), head("h 1.1 100 - - A")], "match a");
    // A head that says nothing of the patient neither proves nor doubts anything.
    check("- 100 - - A", &[order(A), head("h 1.9 100 - - -")], "match a");
    check("- 100 - - B", &[order(A), head("h 1.9 100 - - -")], "conflict a");
}

#[test]
fn a_received_study_of_somebody_else_stops_its_order() {
    check("1.1 100 - - A", &[order(A), head("h 1.1 100 - - B")], "conflict a");
    // Somebody typed A's number on images of B, and the issuer another way than the order.
    let both = [order(A), head("h 1.9 100 - - B")];
    check("1.9 - - - A", &both, "conflict a");
    check("1.9 100 - - B", &both, "conflict a");
    check("1.9 - - - B", &both, "conflict a");
}

#[test]
fn a_received_study_under_the_key_of_an_order_speaks_of_that_order() {
    // Somebody typed A's number on images of B.
    let both = [order(A), head("a 1.9 100 - - B")];
    check("1.9 100 - - A", &both, "conflict a");
    check("1.9 100 - - B", &both, "conflict a");
    check("1.9 - - - B", &both, "conflict a");
    check("- 100 - - A", &both, "conflict a");
    // The order's own study is another one, and is not in doubt; nor is another one that has come.
    check("1.1 100 - - A", &both, "match a");
    let three = [both[0].clone(), both[1].clone(), head("a 1.8 100 - - A")];
    check("1.8 100 - - A", &three, "match a");
    check("1.7 100 - - A", &three, "conflict a");
    check("1.9 - - - A", &[order(A), head("a 1.9 100 - - A")], "match a");
}

#[test]
fn without_an_order_a_received_study_stands_for_itself() {
    check("1.9 - - - A", &[head("h 1.9 100 - - A")], "match h");
    let two = [head("h 1.9 100 - - A"), head("i 1.8 100 - - A")];
    check("- 100 - - A", &two, "ambiguous h,i");
    check("1.8 100 - - A", &two, "match i");
}

#[test]
fn one_order_found_by_several_keys_is_one_candidate() {
    check("1.1 100 - - A", &[order(A), order(A), order(A)], "match a");
}

#[test]
fn too_many_candidates_are_not_compared() {
    let many = |count| -> Vec<Candidate> {
        (0..count).map(|n| order(&format!("k{n:04} 1.{n} {n}1@NORTH - - A"))).collect()
    };
    let claimed = claim("1.5 - - - A");
    assert_eq!(decide(&claimed, &many(CANDIDATES_MAX), &policy()).outcome(), "match");
    assert_eq!(decide(&claimed, &many(CANDIDATES_MAX + 1), &policy()).outcome(), "ambiguous");
}

#[test]
fn evidence_is_sentences_and_shows_values_only_on_request() {
    let decision = decide(&claim("- N-100 - - B"), &[order(A)], &policy());
    let plain = decision.evidence().to_string();
    assert_eq!(
        plain,
        "candidate 1: an order; \
         candidate 1: accession number is equal after the site's declared rules, under the same issuer; \
         candidate 1: patient identifier differs under the same authority; \
         candidate 1: birth date differs; candidate 1: sex cannot be compared; \
         candidate 1: name cannot be compared; identifiers contradict each other"
    );
    let debug = format!("{decision:?} {:?} {:?}", order(A), claim("- N-100 - - B"));
    for value in ["N-100", "19800102", "DOE", "1.1"] {
        assert!(!plain.contains(value) && !debug.contains(value), "{value}");
    }
    let full = decision.evidence().describe_with_values();
    assert!(full.contains("(claimed `N-100 of NORTH`, known `100 of NORTH`)"), "{full}");
    assert!(full.contains("(claimed `8 of HOSP`, known `7 of HOSP`)"), "{full}");
}

#[test]
fn every_order_is_found_by_the_claim_that_matches_it() {
    let stored = index_keys(&order("x 1.1 N-100 F1@RIS P1@EHR A").order, &policy());
    for claimed in ["1.1 - - - A", "- 100 - - A", "- N-100 - - A", "- - F1@RIS - A", "- - - P1 A"] {
        let keys = search_keys(&claim(claimed), &policy());
        assert!(keys.iter().any(|key| stored.contains(key)), "{claimed}");
    }
    assert!(!format!("{stored:?}").contains("N-100"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_order_of_candidates_never_matters(
        candidates in prop::collection::vec(any_candidate(), 0..5),
        seed in prop::collection::vec(any::<u32>(), 5),
        claimed in any_candidate(),
        without in 0..16_u8,
    ) {
        let claim = claim_of(claimed, without);
        let mut shuffled: Vec<(u32, Candidate)> = seed.into_iter().zip(candidates.clone()).collect();
        shuffled.sort_by_key(|(place, _)| *place);
        let shuffled: Vec<Candidate> = shuffled.into_iter().map(|(_, one)| one).collect();
        let first = decide(&claim, &candidates, &policy());
        prop_assert_eq!(&first, &decide(&claim, &shuffled, &policy()));

        // A match is never without an equal identifier on each side.
        if let crate::Decision::Match { key, evidence } = first {
            prop_assert!(candidates.iter().any(|one| one.key == key));
            let text = evidence.to_string();
            prop_assert!(text.contains("is equal under the same") || text.contains("UID is equal")
                || text.contains("declared rules, under the same issuer"));
            prop_assert!(text.contains("patient identifier is equal")
                || text.contains("birth date is equal") && text.contains("name is equal"));
        }
    }
}

/// Four people who are easily taken for each other: twins, and father and son.
fn people() -> [Patient; 4] {
    let person = |id: &str, name: &str, birth_date: &str, sex: Sex| Patient {
        ids: vec![PatientId::new(id, Some(Issuer::local("HOSP").unwrap())).unwrap()],
        name: PersonName::from_dicom(name),
        birth_date: PartialDate::parse(birth_date).ok(),
        sex: Some(sex),
    };
    [
        person("7", "DOE^JANE", "19800102", Sex::Female),
        person("8", "DOE^JOAN", "19800102", Sex::Female),
        person("70", "ROE^JOHN", "19500304", Sex::Male),
        person("77", "ROE^JOHN", "19800304", Sex::Male),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_is_missing_or_mixed_up_nothing_goes_to_another_person(
        owners in prop::collection::vec(0..4_usize, 4),
        numbers in prop::collection::vec(
            prop::sample::select(vec!["100@NORTH", "N-100@NORTH", "100@SOUTH", "200@NORTH"]), 4),
        who in 0..4_usize,
        uid in prop::sample::select(vec!["-", "1.1", "1.2", "1.3", "1.9"]),
        accession in prop::sample::select(vec!["-", "100", "N-100", "200", "100@SOUTH"]),
        filler in prop::sample::select(vec!["-", "F1@RIS", "F2@RIS"]),
        kept in 0..16_u8,
    ) {
        let people = people();
        let mut claim = claim(&format!("{uid} {accession} {filler} - -"));
        claim.patient = people[who].clone();
        if kept & 1 == 0 { claim.patient.ids.clear(); }
        if kept & 2 == 0 { claim.patient.name = PersonName::default(); }
        if kept & 4 == 0 { claim.patient.birth_date = None; }
        if kept & 8 == 0 { claim.patient.sex = None; }
        let candidates: Vec<Candidate> = owners.iter().zip(&numbers).enumerate().map(
            |(n, (owner, number))| {
                let text = format!("k{n} 1.{n} {number} F{n}@RIS - -");
                let mut candidate = if n == 3 { head(&text) } else { order(&text) };
                candidate.order.patient = people[*owner].clone();
                candidate
            },
        ).collect();
        if let crate::Decision::Match { key, .. } = decide(&claim, &candidates, &policy()) {
            let place = candidates.iter().position(|one| one.key == key).unwrap();
            prop_assert_eq!(owners[place], who);
            // And one identifier of the patient, or all three others, were given.
            prop_assert!(kept & 1 == 1 || kept & 14 == 14);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_candidate_that_is_not_named_never_turns_a_match_into_another_match(
        candidates in prop::collection::vec(any_candidate(), 1..4),
        another in any_candidate(),
        claimed in any_candidate(),
        without in 0..16_u8,
    ) {
        let claim = claim_of(claimed, without);
        let before = decide(&claim, &candidates, &policy());
        let claimed_keys = search_keys(&claim, &policy());
        let is_named =
            claimed_keys.iter().any(|key| index_keys(&another.order, &policy()).contains(key));
        let unrelated = !is_named
            && !candidates.iter().any(|known| {
                // Of one order, or of one study, with something known.
                known.key == another.key
                    || known.order.study_instance_uid == another.order.study_instance_uid
                    || index_keys(&known.order, &policy())
                        .iter()
                        .any(|key| index_keys(&another.order, &policy()).contains(key))
            });
        let mut more = candidates.clone();
        let is_order = another.source == CandidateSource::Order;
        more.push(another);
        let after = decide(&claim, &more, &policy());
        if let (crate::Decision::Match { key: first, .. }, crate::Decision::Match { key, .. }) =
            (&before, &after)
        {
            // Only to one that the claim names too, and from a study that stood for itself to the order it belongs to.
            let mut of_first = candidates.iter().filter(|one| one.key == *first);
            let stood_alone = of_first.all(|one| one.source == CandidateSource::StudyHead);
            prop_assert!(first == key || is_named || is_order && stood_alone);
        }
        // What has nothing in common with anything changes nothing.
        if unrelated {
            prop_assert_eq!(before.outcome(), after.outcome());
            prop_assert_eq!(before.keys(), after.keys());
        }
    }
}
