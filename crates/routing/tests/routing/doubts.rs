//! Answers that were lost, instances that a peer already holds, classes it does not take, and outages.

use std::time::Duration;

use telerad_core::Priority;
use telerad_dicom::{PeerAnswer, Status};
use telerad_routing::{
    DeliveryOutcome, DeliveryRecord, DeliveryState, Digest, DuplicatePolicy, DuplicateStep,
    FaultScope, HeldContent, InstanceRecord, NextStep, NotCompared, NotWantedReason,
    RefusedClasses, Relation, ResendPolicy, RetryPolicy, SentEvidence, StaleReason, StudyFacts,
    after_outage, deliveries, held_content, next_step, set_stale, settle,
};

use crate::groups::{Ledger, id};
use crate::{at, slice};

fn delivery() -> DeliveryRecord {
    let study: telerad_routing::StudyDecision = serde_json::from_str(
        r#"{"site":"north","study_instance_uid":"1.2.3","rule_set_version":"v","decided_at":20000000,
            "rules":["ct"],"destinations":["reading"],"priority":"Routine","revision":1}"#,
    )
    .unwrap();
    deliveries(&study, &slice(1), at(20), Priority::Routine).remove(0)
}

fn answer(code: u16) -> PeerAnswer {
    PeerAnswer::from_response(Status::new(code), 7)
}

fn after(delivery: &DeliveryRecord, outcome: &DeliveryOutcome) -> DeliveryRecord {
    settle(delivery, outcome, &RetryPolicy::default(), at(30), 0)
}

fn unknown() -> DeliveryOutcome {
    DeliveryOutcome::Unknown { reason: "no answer".to_owned() }
}

#[track_caller]
fn check_duplicate(held: HeldContent, expected: Result<SentEvidence, &str>) {
    let outcome = DeliveryOutcome::Duplicate { answer: answer(0x0111), held };
    let settled = after(&delivery(), &outcome);
    let got = match &settled.state {
        DeliveryState::Sent { answer, evidence, .. } => {
            assert_eq!(answer.status(), Status::DUPLICATE_SOP_INSTANCE);
            Ok(*evidence)
        }
        DeliveryState::Parked { reason } => Err(reason.as_str()),
        state => panic!("{state:?}"),
    };
    assert_eq!(got, expected);
}

#[test]
fn a_duplicate_counts_as_delivered_only_when_the_content_is_known_to_agree() {
    check_duplicate(HeldContent::Same, Ok(SentEvidence::DuplicateCompared));
    check_duplicate(HeldContent::Declared, Ok(SentEvidence::DuplicateDeclared));
    check_duplicate(
        HeldContent::Differs { what: vec!["pixel data".to_owned()] },
        Err(
            "the peer says it already holds this SOP instance UID (0111H), and it is another: pixel data",
        ),
    );
    check_duplicate(
        HeldContent::NotCompared { why: "C-GET is not offered".to_owned() },
        Err(
            "the peer says it already holds this SOP instance UID (0111H), which could not be compared: C-GET is not offered",
        ),
    );
}

#[test]
fn what_could_not_be_fetched_is_tried_as_often_as_an_instance_may_be_refused() {
    let held = HeldContent::NotFetched { why: "association aborted".to_owned() };
    let outcome = DeliveryOutcome::Duplicate { answer: answer(0x0111), held };
    let first = after(&delivery(), &outcome);
    assert_eq!((&first.state, first.attempts), (&DeliveryState::Pending, 1));
    assert!(first.not_before > at(30));
    let last = after(&after(&first, &outcome), &outcome);
    let reason = "the peer says it already holds this SOP instance UID (0111H), which could not be fetched: association aborted";
    assert_eq!(last.state, DeliveryState::Parked { reason: reason.to_owned() });
}

#[test]
fn the_site_says_what_a_duplicate_is_taken_for() {
    let policy = |word: &str| {
        #[derive(serde::Deserialize)]
        struct Row {
            duplicate: DuplicatePolicy,
        }
        toml::from_str::<Row>(&format!("duplicate = \"{word}\"")).unwrap().duplicate.step()
    };
    let nothing = HeldContent::NotCompared { why: String::new() };
    assert_eq!(policy("ask"), DuplicateStep::Settle(nothing));
    assert_eq!(policy("compare"), DuplicateStep::Compare);
    assert_eq!(policy("same"), DuplicateStep::Settle(HeldContent::Declared));
    assert_eq!(DuplicatePolicy::default(), DuplicatePolicy::Ask);
}

#[test]
fn what_the_peer_holds_is_compared_like_two_versions_at_intake() {
    let check = |held: &InstanceRecord, same_pixels, expected: HeldContent| {
        let conflict =
            InstanceRecord { relation: Relation::UidConflict { differs: Vec::new() }, ..slice(1) };
        assert_eq!(held_content(&slice(1), held, same_pixels), expected);
        assert_eq!(held_content(&conflict, held, same_pixels), expected);
    };
    let other = InstanceRecord { digest: Digest::of(b"coerced"), ..slice(1) };
    let differs = |what: &str| HeldContent::Differs { what: vec![what.to_owned()] };
    check(&slice(1), None, HeldContent::Same);
    check(&other, Some(true), HeldContent::Same);
    check(&other, Some(false), differs("pixel data"));
    let unknown = HeldContent::NotCompared { why: "its pixels could not be compared".to_owned() };
    check(&other, None, unknown);
    let mut another = other;
    another.head.patient.ids.clear();
    check(&another, Some(true), differs("patient id"));
}

#[test]
fn a_lost_answer_is_looked_for_or_repeated() {
    let fresh = delivery();
    assert_eq!(next_step(&fresh, ResendPolicy::Verify), NextStep::Send);
    let lost = after(&fresh, &unknown());
    assert_eq!((lost.unknown_since, lost.state.as_str()), (Some(at(30)), "pending"));
    assert_eq!(next_step(&lost, ResendPolicy::Verify), NextStep::Verify);
    assert_eq!(next_step(&lost, ResendPolicy::Repeat), NextStep::Send);
    // What happens before it is sent again leaves it in doubt.
    for scope in [FaultScope::Association, FaultScope::Destination, FaultScope::Local] {
        let refused = DeliveryOutcome::Refused { scope, reason: "down".to_owned() };
        let still = after(&lost, &refused);
        assert_eq!(still.unknown_since, Some(at(30)));
    }
    assert_eq!(after(&lost, &unknown()).unknown_since, Some(at(30)));
    assert_eq!(after(&lost, &DeliveryOutcome::Answered(answer(0xA700))).unknown_since, None);
}

#[test]
fn what_the_peer_lists_is_delivered_and_what_it_does_not_list_is_sent() {
    let lost = after(&delivery(), &unknown());
    let found = after(&lost, &DeliveryOutcome::Found(answer(0x0000)));
    assert!(matches!(found.state, DeliveryState::Sent { evidence: SentEvidence::Query, .. }));
    let missing = after(&lost, &DeliveryOutcome::NotFound);
    assert_eq!(
        (missing.state.as_str(), missing.not_before, missing.attempts),
        ("pending", at(30), 0)
    );
    assert_eq!(next_step(&missing, ResendPolicy::Verify), NextStep::Send);
}

#[test]
fn a_class_refused_by_status_is_not_wanted() {
    let settled = after(&delivery(), &DeliveryOutcome::Answered(answer(0x0122)));
    let reason = NotWantedReason::ClassNotTaken;
    assert_eq!(settled.state, DeliveryState::NotWanted { reason });
}

#[test]
fn a_refused_class_is_known_for_a_while() {
    let class = delivery().sop_class_uid;
    let mut known = RefusedClasses::new(Duration::from_secs(3600));
    assert_eq!(known.settle(&delivery(), at(100)), None);
    known.on_refused(&class, at(100));
    let settled = known.settle(&delivery(), at(3699)).unwrap();
    let reason = NotWantedReason::ClassNotTaken;
    assert_eq!((settled.state, settled.attempts), (DeliveryState::NotWanted { reason }, 0));
    assert_eq!(
        settled.last_fault.as_deref(),
        Some("SOP class 1.2.840.10008.5.1.4.1.1.2 was refused at 1970-01-01T00:01:40.000Z")
    );
    assert_eq!(known.settle(&delivery(), at(3700)), None);
    assert!(!known.is_refused(&class, at(3700)));
    // Before the clock was set back it was not known either.
    assert!(!known.is_refused(&class, at(99)));
}

#[test]
fn a_class_that_is_taken_after_all_is_no_longer_refused() {
    let class = delivery().sop_class_uid;
    let mut known = RefusedClasses::new(Duration::from_secs(3600));
    known.on_refused(&class, at(100));
    known.on_refused("1.2.3", at(100));
    known.on_taken(&class);
    assert!(!known.is_refused(&class, at(100)));
    assert!(known.is_refused("1.2.3", at(100)));
}

#[test]
fn a_refused_class_ends_only_what_waits_to_be_sent() {
    let mut known = RefusedClasses::new(Duration::from_secs(3600));
    known.on_refused(&delivery().sop_class_uid, at(100));
    let held = DeliveryState::Held { by: "desk".to_owned(), at: at(20) };
    assert_eq!(known.settle(&DeliveryRecord { state: held, ..delivery() }, at(100)), None);
}

#[track_caller]
fn check_outage(cancelled: Option<i64>, reported: Option<i64>, expected: Option<StaleReason>) {
    // Queued at 20, down since 100.
    let study = StudyFacts { cancelled_at: cancelled.map(at), reported_at: reported.map(at) };
    assert_eq!(after_outage(&delivery(), study, at(100)), expected);
}

#[test]
fn what_was_reported_or_cancelled_during_an_outage_waits_for_a_person() {
    check_outage(None, None, None);
    check_outage(None, Some(99), None);
    check_outage(None, Some(100), Some(StaleReason::Reported));
    check_outage(Some(5000), Some(4000), Some(StaleReason::Cancelled));
    check_outage(Some(50), None, None);
}

#[test]
fn what_was_queued_after_the_report_goes_out() {
    let study = StudyFacts { cancelled_at: None, reported_at: Some(at(15)) };
    assert_eq!(after_outage(&delivery(), study, at(10)), None);
    let study = StudyFacts { cancelled_at: None, reported_at: Some(at(20)) };
    assert_eq!(after_outage(&delivery(), study, at(10)), Some(StaleReason::Reported));
}

#[test]
fn what_waits_after_an_outage_is_parked_with_its_reason() {
    let stale = set_stale(&delivery(), StaleReason::Reported);
    let reason = "its study was reported while the destination was down".to_owned();
    assert_eq!(stale.state, DeliveryState::Parked { reason });
    let study = StudyFacts { cancelled_at: None, reported_at: Some(at(200)) };
    assert_eq!(after_outage(&stale, study, at(100)), None);
    // A person who says that it is wanted all the same requeues it.
    let mut ledger = Ledger { deliveries: vec![stale], ..Ledger::default() };
    let effects = telerad_routing::operation::requeue(None, &ledger.deliveries, at(300)).unwrap();
    ledger.apply(effects);
    assert_eq!(ledger.deliveries[0].state, DeliveryState::Pending);
    assert_eq!(ledger.deliveries[0].key.destination, id("reading"));
}

#[test]
fn what_cannot_be_read_waits_for_a_person_and_what_is_out_of_files_does_not() {
    let lost = DeliveryOutcome::PayloadLost { reason: "gone".to_owned() };
    let parked = DeliveryState::Parked { reason: "gone".to_owned() };
    assert_eq!(after(&delivery(), &lost).state, parked);
    // A disk that fails now and then gets as many tries as a peer that refuses.
    let unreadable = DeliveryOutcome::PayloadUnreadable { reason: "EIO".to_owned() };
    let mut line = delivery();
    for attempts in 1..RetryPolicy::default().instance_attempts_max {
        line = after(&line, &unreadable);
        assert_eq!((line.state.as_str(), line.attempts), ("pending", attempts));
        assert!(line.not_before > at(30));
    }
    assert_eq!(after(&line, &unreadable).state, DeliveryState::Parked { reason: "EIO".to_owned() });
    // In doubt before, in doubt still.
    let doubted = after(&delivery(), &unknown());
    assert_eq!(after(&doubted, &lost).unknown_since, Some(at(30)));
    let local = DeliveryOutcome::Refused { scope: FaultScope::Local, reason: "files".to_owned() };
    let mut line = delivery();
    for _ in 0..20 {
        line = after(&line, &local);
        assert_eq!((line.state.as_str(), line.attempts), ("pending", 0));
    }
}

#[test]
fn pairs_of_sources_that_were_kept_before_they_were_counted_are_still_read() {
    let read = |text: &str| serde_json::from_str::<NotCompared>(text).unwrap();
    let old = read(r#"["PACS","CT1"]"#);
    let (one, other) = old.sources.titles();
    assert_eq!((one.as_str(), other.as_str()), ("CT1", "PACS"));
    assert_eq!((old.instances, &*old.parked), (0, ""));
    let new = NotCompared { instances: 3, parked: "7".to_owned(), since: at(30), ..old };
    assert_eq!(read(&serde_json::to_string(&new).unwrap()), new);
}
