//! Rows that earlier versions wrote are read, and mean what they meant.

use telerad_core::Priority;
use telerad_routing::{
    Cancellation, DeliveryRecord, DeliveryState, DestinationId, GroupChoice, GroupId, Hold,
    NotWantedReason, SentEvidence, StudyDecision,
};

use crate::at;

const STUDY: &str = r#"{"site":"north","study_instance_uid":"1.2.3","rule_set_version":"v","decided_at":20000000,"rules":["ct"],"destinations":["reading"],"priority":"Stat","revision":1}"#;

const DELIVERY: &str = r#"{"key":{"site":"north","sop_instance_uid":"1.2.3.4.1","destination":"reading"},"digest":"c610e85212d0697cb161d4ba431ba603f273feee7dcb7927c9ff5d74ae6cbfa3","study_instance_uid":"1.2.3","sop_class_uid":"1.2.840.10008.5.1.4.1.1.2","transfer_syntax_uid":"1.2.840.10008.1.2.1","bytes":524288,"source":"CT1","mark":"Unmatched","priority":"Routine","queued_at":20000000,"not_before":20000000,"attempts":0,"state":"Pending","last_fault":null}"#;

fn delivery(state: &str) -> DeliveryRecord {
    serde_json::from_str(&DELIVERY.replace(r#""Pending""#, state)).unwrap()
}

#[test]
fn a_study_decided_before_groups_and_holds_has_none() {
    let study: StudyDecision = serde_json::from_str(STUDY).unwrap();
    assert_eq!((study.priority, study.revision), (Priority::Stat, 1));
    assert_eq!((study.held, study.cancelled, study.groups), (None, Vec::new(), Vec::new()));
}

#[test]
fn a_delivery_queued_before_groups_and_rounds_has_none() {
    let old = delivery(r#""Pending""#);
    assert_eq!(old.state, DeliveryState::Pending);
    assert_eq!((old.group, old.round, old.unknown_since), (None, 0, None));
}

#[test]
fn not_wanted_without_a_reason_meant_a_refused_class() {
    let reason = NotWantedReason::ClassNotTaken;
    assert_eq!(delivery(r#""NotWanted""#).state, DeliveryState::NotWanted { reason });
}

#[test]
fn what_was_sent_rested_on_the_response_to_its_store() {
    let old = delivery(r#"{"Sent":{"answer":{"status":45056,"message_id":7},"at":9000000}}"#);
    let DeliveryState::Sent { answer, at: when, evidence } = old.state else {
        panic!("{:?}", old.state);
    };
    assert_eq!((answer.status().code(), when), (0xB000, at(9)));
    assert_eq!(evidence, SentEvidence::StoreResponse);
}

#[test]
fn ends_of_old_are_read() {
    let reason = || "r".to_owned();
    assert_eq!(
        delivery(r#"{"Parked":{"reason":"r"}}"#).state,
        DeliveryState::Parked { reason: reason() }
    );
    assert_eq!(
        delivery(r#"{"Failed":{"status":49152,"reason":"r"}}"#).state,
        DeliveryState::Failed { status: 0xC000, reason: reason() }
    );
}

#[test]
fn a_state_that_nobody_wrote_is_an_error() {
    for bad in [r#""Lost""#, r#""Held""#, r#"{"Sent":{"at":9}}"#, r#"{"Lost":{}}"#, "7"] {
        let text = DELIVERY.replace(r#""Pending""#, bad);
        assert!(serde_json::from_str::<DeliveryRecord>(&text).is_err(), "{bad}");
    }
}

#[test]
fn every_state_survives_its_row() {
    let by = || "desk".to_owned();
    let to = DestinationId::new("second").unwrap();
    let states = [
        DeliveryState::Pending,
        DeliveryState::Held { by: by(), at: at(9) },
        delivery(r#"{"Sent":{"answer":{"status":0,"message_id":7},"at":9,"evidence":"Query"}}"#)
            .state,
        DeliveryState::Failed { status: 0xA900, reason: by() },
        DeliveryState::NotWanted { reason: NotWantedReason::Cancelled { by: by(), at: at(9) } },
        DeliveryState::NotWanted { reason: NotWantedReason::ClassNotTaken },
        DeliveryState::NotWanted { reason: NotWantedReason::MovedTo { destination: to } },
        DeliveryState::Parked { reason: by() },
    ];
    for state in states {
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<DeliveryState>(&text).unwrap(), state);
        let record = DeliveryRecord { state, ..delivery(r#""Pending""#) };
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<DeliveryRecord>(&text).unwrap(), record);
    }
}

#[test]
fn a_study_with_everything_survives_its_row() {
    let (by, member) = ("desk".to_owned(), DestinationId::new("reading").unwrap());
    let mut study: StudyDecision = serde_json::from_str(STUDY).unwrap();
    study.held = Some(Hold { by: by.clone(), at: at(9) });
    study.cancelled = vec![Cancellation { destination: member.clone(), by, at: at(9) }];
    let group = GroupId::new("readers").unwrap();
    study.groups = vec![GroupChoice { group, member, direct: true }];
    let text = serde_json::to_string(&study).unwrap();
    assert_eq!(serde_json::from_str::<StudyDecision>(&text).unwrap(), study);
}
