use proptest::prelude::*;
use telerad_dicom::InstanceHead;
use telerad_routing::{DestinationId, InstanceRecord, Predicate, RuleSet, StudyMark};

use crate::slice;

#[track_caller]
fn check(when: &str, instance: &InstanceRecord, expected: bool) {
    let predicate: Predicate = toml::from_str(when).unwrap();
    assert_eq!(predicate.holds(instance), expected, "{predicate}");
}

#[track_caller]
fn refused(rules: &str, expected: &str) {
    let error = toml::from_str::<RuleSet>(rules).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

fn anonymous() -> InstanceRecord {
    InstanceRecord { head: InstanceHead::default(), ..slice(1) }
}

#[test]
fn no_condition_holds_always() {
    check("", &slice(1), true);
    check("", &anonymous(), true);
}

#[test]
fn values_are_alternatives_and_fields_are_all_needed() {
    check(r#"modality = ["MR", "CT"]"#, &slice(1), true);
    check(r#"modality = ["MR"]"#, &slice(1), false);
    check("modality = [\"CT\"]\nsource = [\"CT1\"]", &slice(1), true);
    check("modality = [\"CT\"]\nsource = [\"CT2\"]", &slice(1), false);
}

#[test]
fn case_counts_for_titles_only() {
    check(r#"modality = ["ct"]"#, &slice(1), true);
    check(r#"study_description_starts_with = ["ct thorax"]"#, &slice(1), true);
    check(r#"study_description_contains = ["THORAX"]"#, &slice(1), true);
    check(r#"station = ["room2"]"#, &slice(1), true);
    check(r#"source = ["ct1"]"#, &slice(1), false);
}

#[test]
fn sop_class_and_transfer_syntax_are_compared_whole() {
    check(r#"sop_class = ["1.2.840.10008.5.1.4.1.1.2"]"#, &slice(1), true);
    check(r#"sop_class = ["1.2.840.10008.5.1.4.1.1"]"#, &slice(1), false);
    check(r#"transfer_syntax = ["1.2.840.10008.1.2.1"]"#, &slice(1), true);
}

#[test]
fn a_missing_value_is_false_and_its_negation_true() {
    check(r#"modality = ["CT"]"#, &anonymous(), false);
    check(r#"modality = [""]"#, &anonymous(), false);
    check(r#"study_description_starts_with = [""]"#, &anonymous(), false);
    check(r#"not = { modality = ["CT"] }"#, &anonymous(), true);
    check("accession_present = true", &anonymous(), false);
    check("accession_present = false", &anonymous(), true);
    check("accession_present = true", &slice(1), true);
}

#[test]
fn any_and_not_nest() {
    let both = r#"any = [{ modality = ["MR"] }, { not = { source = ["CT2"] } }]"#;
    check(both, &slice(1), true);
    check(r#"any = [{ modality = ["MR"] }, { source = ["CT2"] }]"#, &slice(1), false);
}

#[test]
fn marks_are_named_by_kind() {
    let key = || "north|NORTH|A-1".to_owned();
    let matched = InstanceRecord { mark: StudyMark::Matched { order_key: key() }, ..slice(1) };
    check(r#"mark = ["matched"]"#, &matched, true);
    check(r#"mark = ["unmatched", "mismatch"]"#, &matched, false);
    check(r#"mark = ["unmatched"]"#, &slice(1), true);
}

#[test]
fn what_is_not_in_the_language_is_an_error() {
    let rule =
        |when: &str| format!("[[rules]]\nid = \"a\"\nsend_to = [\"b\"]\nwhen = {{ {when} }}\n");
    refused(&rule(r#"modalty = ["CT"]"#), "unknown field `modalty`");
    refused(&rule("modality = []"), "an empty list never matches");
    refused(&rule(r#"mark = ["lost"]"#), "unknown variant `lost`");
    refused(&rule(r#"sop_class = ["CT"]"#), "neither digit nor dot");
    refused(&rule(r#"source = ["A TITLE THAT IS LONG"]"#), "16");
    refused("[[rules]]\nid = \"a\"\nsend_to = [\"a b\"]", "destination name must have");
}

#[test]
fn rule_sets_are_checked_against_the_destinations() {
    let known = [DestinationId::new("reading").unwrap()];
    let check = |text: &str| {
        let rules: RuleSet = toml::from_str(text).unwrap();
        rules.check(&known).map_err(|error| error.to_string())
    };
    let rule = |id: &str, to: &str| format!("[[rules]]\nid = \"{id}\"\nsend_to = [{to}]\n");
    assert_eq!(check(&rule("a", "\"reading\"")), Ok(()));
    let error = |text: &str| Err(text.to_owned());
    assert_eq!(check(&rule("a", "")), error("rule `a` names no destination"));
    assert_eq!(check(&rule("", "\"reading\"")), error("a rule has an empty id"));
    assert_eq!(
        check(&(rule("a", "\"reading\"") + &rule("a", "\"reading\""))),
        error("rule id `a` is used twice")
    );
    assert_eq!(
        check(&rule("a", "\"x\"")),
        error("rule `a` sends to `x`, which is not a destination")
    );
}

#[test]
fn version_is_stable() {
    let text = "[[rules]]\nid = \"a\"\nsend_to = [\"b\"]\nwhen = { modality = [\"CT\"] }\n";
    let rules: RuleSet = toml::from_str(text).unwrap();
    // Pinned: decisions that are already stored name this text.
    assert_eq!(rules.version(), "5c6a500e033f2847");
    let other: RuleSet = toml::from_str(&text.replace("CT", "MR")).unwrap();
    assert_ne!(rules.version(), other.version());
}

#[test]
fn conditions_survive_serialisation() {
    let text = r#"
        modality = ["CT"]
        accession_present = true
        any = [{ source = ["CT1"] }, { mark = ["matched"] }]
        not = { station = ["QA"] }
    "#;
    let predicate: Predicate = toml::from_str(text).unwrap();
    let again: Predicate = toml::from_str(&toml::to_string(&predicate).unwrap()).unwrap();
    assert_eq!(again, predicate);
    assert_eq!(
        predicate.to_string(),
        r#"modality in ["CT"] and accession_present is true and not (station in ["QA"]) and ((source in ["CT1"]) or (mark in ["matched"]))"#
    );
}

fn predicate() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(r#"modality = ["CT"]"#.to_owned()),
        Just(r#"body_part = ["CHEST", "HEAD"]"#.to_owned()),
        Just("accession_present = true".to_owned()),
        Just(r#"study_description_contains = ["nativ"]"#.to_owned()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| format!("not = {{ {inner} }}")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("any = [{{ {a} }}, {{ {b} }}]")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn conditions_are_total_and_negation_is_exact(
        when in predicate(), modality in "[A-Z]{0,2}", body in "(CHEST|HEAD|)", text in ".{0,12}"
    ) {
        let mut instance = slice(1);
        instance.head.modality = modality;
        instance.head.body_part = body;
        instance.head.study_description = text;
        let plain: Predicate = toml::from_str(&when).unwrap();
        let negated: Predicate = toml::from_str(&format!("not = {{ {when} }}")).unwrap();
        prop_assert_eq!(plain.holds(&instance), !negated.holds(&instance));
    }
}
