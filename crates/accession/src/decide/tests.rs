use proptest::prelude::*;
use telerad_core::{
    AccessionNumber, Code, EntityIdentifier, Issuer, Order, PartialDate, Patient, PatientId,
    PersonName, Priority, Sex, SiteId, Uid,
};

use super::{CANDIDATES_MAX, decide};
use crate::{
    AccessionPolicy, Candidate, CandidateSource, CanonicalRule, Claim, OrderSide, PatientSide,
    ROWS, index_keys, search_keys,
};

/// `uid accession filler placer patient` separated by spaces; `-` for missing; identifiers as `value@issuer`. Patients:
/// `A` is number 7 of HOSP, `B` is number 8 of HOSP, `w` has A's birth date only, `d` has another one, `A*` has no number.
fn claim(text: &str) -> Claim {
    let parts: Vec<&str> = text.split(' ').collect();
    Claim {
        study_instance_uid: given(parts[0]).map(|uid| Uid::new(uid).unwrap()),
        accession: given(parts[1]).map(|text| {
            let (value, issuer) = issued(text);
            AccessionNumber::new(value, issuer).unwrap()
        }),
        filler: given(parts[2]).map(entity),
        placer: given(parts[3]).map(entity),
        patient: patient(parts[4]),
    }
}

fn given(text: &str) -> Option<&str> {
    (text != "-").then_some(text)
}

fn issued(text: &str) -> (&str, Option<Issuer>) {
    match text.split_once('@') {
        Some((value, issuer)) => (value, Some(Issuer::local(issuer).unwrap())),
        None => (text, None),
    }
}

fn entity(text: &str) -> EntityIdentifier {
    let (value, issuer) = issued(text);
    EntityIdentifier::new(value, issuer).unwrap()
}

fn patient(name: &str) -> Patient {
    let hosp = || Some(Issuer::local("HOSP").unwrap());
    let ids = match name {
        "A" => vec![PatientId::new("7", hosp()).unwrap()],
        "B" => vec![PatientId::new("8", hosp()).unwrap()],
        _ => Vec::new(),
    };
    let birth_date = match name {
        "A" | "A*" | "w" => PartialDate::parse("19800102").ok(),
        "B" | "d" => PartialDate::parse("19610304").ok(),
        _ => None,
    };
    let full = matches!(name, "A" | "A*");
    Patient {
        ids,
        birth_date,
        name: if full { PersonName::from_dicom("DOE^JANE") } else { PersonName::default() },
        sex: full.then_some(Sex::Female),
    }
}

/// The same writing with the key in front: `key uid accession filler placer patient`.
fn order(text: &str) -> Candidate {
    let (key, rest) = text.split_once(' ').unwrap();
    let claim = claim(rest);
    Candidate {
        key: key.to_owned(),
        order: Order {
            site: SiteId::new("north").unwrap(),
            patient: claim.patient,
            accession: claim.accession.unwrap(),
            placer_order_number: claim.placer,
            filler_order_number: claim.filler,
            requested_procedure_id: String::new(),
            study_instance_uid: claim.study_instance_uid.unwrap(),
            procedure: Code::default(),
            priority: Priority::Routine,
            referring_physician: PersonName::default(),
            requesting_physician: PersonName::default(),
            reason: String::new(),
        },
        source: CandidateSource::Order,
        also_known_as: Vec::new(),
    }
}

fn head(text: &str) -> Candidate {
    Candidate { source: CandidateSource::StudyHead, ..order(text) }
}

fn policy() -> AccessionPolicy {
    AccessionPolicy {
        default_issuer: Some(Issuer::local("NORTH").unwrap()),
        patient_authority: Some(Issuer::local("HOSP").unwrap()),
        rules: vec![CanonicalRule::StripPrefix { prefix: "N-".to_owned() }],
    }
}

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
        ["conflict", "conflict", "conflict", "conflict", "conflict"],
        ["ambiguous", "ambiguous", "ambiguous", "conflict", "conflict"],
    ];
    let unnamed = AccessionPolicy { default_issuer: None, ..policy() };
    for (row, (side, claimed)) in sides.into_iter().enumerate() {
        assert_eq!(ROWS[row].0, side);
        for (column, (_, name)) in patients.into_iter().enumerate() {
            let policy = if side == OrderSide::Unqualified { &unnamed } else { &policy() };
            let expected = format!("{} a", expected[row][column]);
            check_with(policy, &format!("{claimed} {name}"), &[order(A)], &expected);
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

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let uid = prop::sample::select(vec!["1.1", "1.2", "1.3"]);
    let accession =
        prop::sample::select(vec!["100", "N-100", "100@NORTH", "100@SOUTH", "200", "0", "A*"]);
    let number = prop::sample::select(vec!["-", "F1", "F1@RIS", "F2@RIS"]);
    let name = prop::sample::select(vec!["A", "B", "A*", "w", "d", "-"]);
    let key = prop::sample::select(vec!["k1", "k2", "k3"]);
    (key, uid, accession, number.clone(), number, name, any::<bool>()).prop_map(
        |(key, uid, accession, filler, placer, name, is_head)| {
            let text = format!("{key} {uid} {accession} {filler} {placer} {name}");
            if is_head { head(&text) } else { order(&text) }
        },
    )
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
        let mut claim = Claim {
            study_instance_uid: Some(claimed.order.study_instance_uid),
            accession: Some(claimed.order.accession),
            filler: claimed.order.filler_order_number,
            placer: claimed.order.placer_order_number,
            patient: claimed.order.patient,
        };
        if without & 1 > 0 { claim.study_instance_uid = None; }
        if without & 2 > 0 { claim.accession = None; }
        if without & 4 > 0 { claim.filler = None; }
        if without & 8 > 0 { claim.placer = None; }
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
