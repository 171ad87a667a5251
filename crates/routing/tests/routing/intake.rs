use proptest::prelude::*;
use telerad_core::{AccessionNumber, PatientId, Priority};
use telerad_routing::{
    DeliveryRecord, DeliveryState, DestinationId, Digest, Effect, GroupFacts, InstanceRecord,
    Intake, IntakeDecision, Relation, RuleSet, StudyDecision, decide, deliveries, relate,
};

use crate::{at, slice, uid};

const RULES: &str = r#"
    [[rules]]
    id = "ct"
    when = { modality = ["CT"] }
    send_to = ["reading", "archive"]
    [[rules]]
    id = "north"
    site = "north"
    when = { modality = ["CT", "MR"] }
    send_to = ["archive", "teaching"]
    [[rules]]
    id = "south"
    site = "south"
    send_to = ["elsewhere"]
"#;

fn rules(text: &str) -> RuleSet {
    toml::from_str(text).unwrap()
}

fn arrive(
    rules: &RuleSet,
    mut instance: InstanceRecord,
    study: Option<&StudyDecision>,
    known: &[InstanceRecord],
    same_pixels: Option<bool>,
) -> IntakeDecision {
    instance.relation = relate(&instance, known, |_| same_pixels);
    let (now, priority) = (at(20), Priority::Routine);
    decide(Intake {
        rules,
        instance,
        study,
        known,
        queued: &[],
        now,
        priority,
        groups: GroupFacts::default(),
    })
}

/// The same bytes come again; `queued` are the deliveries that were made of them.
fn arrive_again(
    rules: &RuleSet,
    mut instance: InstanceRecord,
    study: Option<&StudyDecision>,
    known: &[InstanceRecord],
    queued: &[DeliveryRecord],
) -> IntakeDecision {
    instance.relation = Relation::Repeated;
    let (now, priority) = (at(20), Priority::Routine);
    decide(Intake {
        rules,
        instance,
        study,
        known,
        queued,
        now,
        priority,
        groups: GroupFacts::default(),
    })
}

fn queued(decision: &IntakeDecision) -> Vec<&DeliveryRecord> {
    decision
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::PutDelivery(delivery) => Some(delivery),
            _ => None,
        })
        .collect()
}

fn destinations(decision: &IntakeDecision) -> Vec<String> {
    queued(decision).iter().map(|delivery| delivery.key.destination.to_string()).collect()
}

fn frozen(decision: &IntakeDecision) -> Option<&StudyDecision> {
    decision.effects.iter().find_map(|effect| match effect {
        Effect::FreezeStudy(study) => Some(study),
        _ => None,
    })
}

fn kept(decision: &IntakeDecision) -> usize {
    let kept = |effect: &&Effect| matches!(effect, Effect::PutInstance(_));
    decision.effects.iter().filter(kept).count()
}

#[test]
fn every_matching_rule_adds_its_destinations_once() {
    let decision = arrive(&rules(RULES), slice(1), None, &[], None);
    assert_eq!(destinations(&decision), ["reading", "archive", "teaching"]);
    let study = frozen(&decision).unwrap();
    assert_eq!(study.rules, ["ct", "north"]);
    assert_eq!(study.rule_set_version, rules(RULES).version());
    assert_eq!((study.revision, study.study_instance_uid.as_str()), (0, "1.2.3"));
    assert!(queued(&decision).iter().all(|delivery| delivery.state == DeliveryState::Pending));
    assert_eq!(kept(&decision), 1);
}

#[test]
fn later_instances_follow_the_first_decision_whatever_the_rules_say_by_then() {
    let first = arrive(&rules(RULES), slice(1), None, &[], None);
    let study = frozen(&first).unwrap();
    let mut report = slice(2);
    report.head.modality = "SR".to_owned();
    let late = arrive(&rules(""), report, Some(study), &[], None);
    assert_eq!(destinations(&late), destinations(&first));
    assert_eq!((frozen(&late), late.no_rule), (None, false));
}

#[test]
fn a_decision_of_another_study_is_not_followed() {
    let first = arrive(&rules(RULES), slice(1), None, &[], None);
    let mut other = slice(2);
    other.head.study_instance_uid = Some(uid("9.9"));
    other.head.modality = "MR".to_owned();
    let decision = arrive(&rules(RULES), other, frozen(&first), &[], None);
    assert_eq!(destinations(&decision), ["archive", "teaching"]);
}

#[test]
fn an_urgent_order_makes_the_rest_of_its_study_urgent() {
    let first = arrive(&rules(RULES), slice(1), None, &[], None);
    let study = frozen(&first).unwrap();
    let late = deliveries(study, &slice(2), at(30), Priority::Stat);
    assert!(late.iter().all(|delivery| delivery.priority == Priority::Stat));
    let low = deliveries(study, &slice(2), at(30), Priority::Low);
    assert!(low.iter().all(|delivery| delivery.priority == Priority::Routine));
}

#[test]
fn an_instance_that_no_rule_wants_is_kept_and_parked_and_decides_nothing() {
    let decision = arrive(&rules("rules = []"), slice(1), None, &[], None);
    assert!(decision.no_rule);
    assert_eq!(decision.parked.as_deref(), Some("no rule wants it"));
    assert_eq!((kept(&decision), decision.effects.len()), (1, 1));
}

#[test]
fn without_a_study_uid_an_instance_is_decided_for_itself() {
    let mut lone = slice(1);
    lone.head.study_instance_uid = None;
    let decision = arrive(&rules(RULES), lone, None, &[], None);
    assert_eq!(destinations(&decision).len(), 3);
    assert_eq!(frozen(&decision), None);
    assert_eq!(decision.findings, ["no study instance UID: decided for itself alone"]);
}

#[test]
fn a_repeated_transmission_writes_nothing() {
    let first = arrive(&rules(RULES), slice(1), None, &[], None);
    let made: Vec<DeliveryRecord> = queued(&first).into_iter().cloned().collect();
    let decision = arrive_again(&rules(RULES), slice(1), frozen(&first), &[slice(1)], &made);
    assert_eq!((decision.relation, decision.effects.len()), (Relation::Repeated, 0));
}

#[test]
fn sending_again_after_the_rules_were_mended_delivers() {
    let again = |text: &str| arrive(&rules(text), slice(1), None, &[slice(1)], None);
    assert_eq!(destinations(&again(RULES)).len(), 3);
    assert!(frozen(&again(RULES)).is_some());
    assert_eq!((kept(&again(RULES)), again("").effects.len()), (0, 0));
    let conflict =
        InstanceRecord { relation: Relation::UidConflict { differs: Vec::new() }, ..slice(1) };
    let repeated = arrive(&rules(RULES), slice(1), None, &[conflict], None);
    assert_eq!(repeated.effects.len(), 0);
}

#[test]
fn sending_a_whole_study_again_after_the_rules_were_mended_delivers_all_of_it() {
    let first = arrive(&rules(RULES), slice(1), None, &[slice(1)], None);
    let study = frozen(&first).unwrap();
    let owed = arrive_again(&rules(RULES), slice(2), Some(study), &[slice(2)], &[]);
    assert_eq!(destinations(&owed), destinations(&first));
    assert_eq!((kept(&owed), frozen(&owed)), (0, None));
    // What is queued or was sent is not owed.
    let queued: Vec<DeliveryRecord> = queued(&owed).into_iter().take(2).cloned().collect();
    let rest = arrive_again(&rules(RULES), slice(2), Some(study), &[slice(2)], &queued);
    assert_eq!(destinations(&rest), ["teaching"]);
}

#[test]
fn an_instance_without_a_study_that_was_delivered_is_not_delivered_again() {
    let mut lone = slice(1);
    lone.head.study_instance_uid = None;
    let first = arrive(&rules(RULES), lone.clone(), None, &[], None);
    let queued: Vec<DeliveryRecord> = queued(&first).into_iter().cloned().collect();
    let again = arrive_again(&rules(RULES), lone.clone(), None, &[lone.clone()], &queued);
    assert_eq!(again.effects, []);
    let owed = arrive_again(&rules(RULES), lone.clone(), None, &[lone], &[]);
    assert_eq!(destinations(&owed).len(), 3);
}

#[test]
fn other_bytes_of_the_same_image_are_kept_and_not_delivered_again() {
    let again = InstanceRecord { digest: Digest::of(b"other tags"), ..slice(1) };
    let decision = arrive(&rules(RULES), again, None, &[slice(1)], Some(true));
    assert_eq!(decision.relation, Relation::Variant);
    assert_eq!((kept(&decision), decision.effects.len()), (1, 1));
}

#[track_caller]
fn check_conflict(
    change: impl FnOnce(&mut InstanceRecord),
    same_pixels: Option<bool>,
    expected: &str,
) {
    let mut other = InstanceRecord { digest: Digest::of(b"other"), ..slice(1) };
    change(&mut other);
    let decision = arrive(&rules(RULES), other, None, &[slice(1)], same_pixels);
    assert!(matches!(decision.relation, Relation::UidConflict { .. }));
    // The delivery of the first version has the same key: no other may take its place.
    assert_eq!((kept(&decision), decision.effects.len()), (1, 1));
    let reason = format!("same SOP instance UID, different {expected}");
    assert_eq!(decision.parked, Some(reason));
}

#[test]
fn another_image_under_the_same_uid_is_kept_and_parked_with_what_differs() {
    check_conflict(|_| {}, Some(false), "pixel data");
    check_conflict(|_| {}, None, "pixel data (could not be compared)");
    check_conflict(
        |other| other.head.patient.ids = vec![PatientId::new("P-2", None).unwrap()],
        Some(true),
        "patient id",
    );
    check_conflict(|other| other.head.patient.ids.clear(), Some(true), "patient id");
    check_conflict(
        |other| other.head.study_instance_uid = Some(uid("1.9")),
        Some(true),
        "study instance uid",
    );
    check_conflict(
        |other| other.head.series_instance_uid = None,
        Some(false),
        "series instance uid, pixel data",
    );
    check_conflict(
        |other| other.head.accession = AccessionNumber::new("A-2", None).ok(),
        Some(true),
        "accession number",
    );
}

#[test]
fn a_version_in_conflict_is_not_what_later_ones_are_compared_with() {
    let conflict = InstanceRecord {
        digest: Digest::of(b"b"),
        relation: Relation::UidConflict { differs: vec!["pixel data".to_owned()] },
        ..slice(1)
    };
    let third = InstanceRecord { digest: Digest::of(b"c"), ..slice(1) };
    let known = [slice(1), conflict.clone()];
    let same_as_conflict =
        |old: &InstanceRecord| Some(matches!(old.relation, Relation::UidConflict { .. }));
    assert_eq!(
        relate(&third, &known, same_as_conflict),
        Relation::UidConflict { differs: vec!["pixel data".to_owned()] }
    );
    assert_eq!(relate(&conflict, &known, |_| None), Relation::Repeated);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn decisions_are_deterministic_and_studies_stay_together(
        modalities in proptest::collection::vec("(CT|MR|SR|)", 1..8)
    ) {
        let rules = rules(RULES);
        let mut study: Option<StudyDecision> = None;
        for (number, modality) in (0..).zip(modalities) {
            let mut instance = slice(number);
            instance.head.modality = modality;
            let decision = arrive(&rules, instance.clone(), study.as_ref(), &[], None);
            prop_assert_eq!(&decision, &arrive(&rules, instance, study.as_ref(), &[], None));
            // Kept always, and either queued or parked: nothing falls between.
            prop_assert_eq!(kept(&decision), 1);
            prop_assert_eq!(queued(&decision).is_empty(), decision.parked.is_some());
            if let Some(study) = &study {
                let wanted: Vec<&DestinationId> = study.destinations.iter().collect();
                let got: Vec<&DestinationId> =
                    queued(&decision).iter().map(|delivery| &delivery.key.destination).collect();
                prop_assert_eq!(wanted, got);
            }
            study = study.or_else(|| frozen(&decision).cloned());
        }
    }
}
