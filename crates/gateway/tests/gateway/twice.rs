//! One study from two sources: delivered once, told once.

use std::collections::BTreeSet;

use telerad_dicom::uids;
use telerad_gateway::desk::{DeskError, Signature};
use telerad_gateway::{Event, Operation};
use telerad_store::{Instances, Journal};
use telerad_testkit::dicom::{Instance, Syntax};

use crate::house::{Archive, House, request, site};

fn is_sent_twice(event: &Event) -> bool {
    matches!(event, Event::StudySentTwice { .. })
}

/// Slices of one study.
fn study(slices: u64) -> Vec<Instance> {
    let slice = |number| Instance {
        sop_instance_uid: format!("2.25.{number}"),
        seed: number,
        ..Instance::new(1)
    };
    (1..=slices).map(slice).collect()
}

/// The same as the PACS sends it: its own institution in every head.
fn coerced(study: &[Instance]) -> Vec<Instance> {
    let coerce =
        |slice: &Instance| Instance { institution: "NORTH RADIOLOGY".to_owned(), ..slice.clone() };
    study.iter().map(coerce).collect()
}

/// Sends instances over one association; all have to be accepted.
async fn send_all(house: &House, calling: &str, instances: &[Instance]) {
    let first = &instances[0];
    let need = (first.sop_class_uid.as_str(), first.syntax.uid());
    let mut association = house.associate(calling, &[need]).await.unwrap();
    for instance in instances {
        let answer = association.store(&request(instance), instance.data_set()).await.unwrap();
        assert_eq!(answer.status().code(), 0, "{}", instance.sop_instance_uid);
    }
    association.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn three_hundred_slices_from_ct_and_pacs_at_once_are_delivered_once_and_told_once() {
    let mut house = House::open();
    let archive = Archive::open(&house.network);
    let native = study(300);
    let forwarded = coerced(&native);
    tokio::join!(send_all(&house, "CT1", &native), send_all(&house, "PACS", &forwarded));
    house.delivered(300).await;
    house.settle().await;
    let kept: BTreeSet<String> = archive.kept_uids().into_iter().collect();
    assert_eq!((archive.kept().len(), kept.len()), (300, 300));
    let Event::StudySentTwice { sources, study_instance_uid, .. } =
        house.event("sent twice", is_sent_twice).await
    else {
        unreachable!()
    };
    let (one, other) = sources.titles();
    assert_eq!((one.as_str(), other.as_str()), ("CT1", "PACS"));
    assert_eq!(house.count(is_sent_twice), 0, "once and not for each slice");
    let journal = house.store.journal(&study_instance_uid).await.unwrap();
    let findings: Vec<_> = journal.iter().filter(|entry| entry.event == "sent twice").collect();
    assert_eq!(findings.len(), 1);
    assert_eq!(
        findings[0].detail,
        "CT1 and PACS both send this study; each instance is delivered once; their heads differ in \
         institution name"
    );
    assert_eq!(house.parked().await.len(), 0);
    for slice in &native {
        let uid = telerad_core::Uid::new(&slice.sop_instance_uid).unwrap();
        assert_eq!(house.store.versions(&site("north"), &uid).await.unwrap().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_study_sent_twice_is_not_told_again_after_a_restart() {
    let house = House::open();
    let archive = Archive::open(&house.network);
    let native = study(2);
    let forwarded = coerced(&native);
    send_all(&house, "CT1", &native).await;
    send_all(&house, "PACS", &forwarded[..1]).await;
    let mut house = house.restart().await;
    send_all(&house, "PACS", &forwarded[1..]).await;
    house.settle().await;
    assert_eq!((archive.kept().len(), house.count(is_sent_twice)), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn the_same_bytes_from_another_source_are_a_finding_and_repeated_bytes_are_none() {
    let mut house = House::open();
    let archive = Archive::open(&house.network);
    let native = study(3);
    send_all(&house, "CT1", &native).await;
    send_all(&house, "CT1", &native).await;
    house.settle().await;
    assert_eq!(house.count(is_sent_twice), 0);
    send_all(&house, "PACS", &native).await;
    send_all(&house, "PACS", &native).await;
    house.settle().await;
    assert_eq!((archive.kept().len(), house.count(is_sent_twice)), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn one_source_with_two_versions_is_told_as_such() {
    let mut house = House::open();
    let native = study(2);
    send_all(&house, "CT1", &native).await;
    send_all(&house, "CT1", &coerced(&native)).await;
    let event = house.event("sent twice", is_sent_twice).await;
    let Event::StudySentTwice { sources, study_instance_uid, .. } = event else { unreachable!() };
    let (one, other) = sources.titles();
    assert_eq!((one.as_str(), other.as_str()), ("CT1", "CT1"));
    let journal = house.store.journal(&study_instance_uid).await.unwrap();
    let detail = &journal.iter().find(|entry| entry.event == "sent twice").unwrap().detail;
    assert!(detail.starts_with("CT1 sends instances of this study in more than one version"));
}

/// The same as an archive sends it that compressed it in a way that cannot be undone exactly.
fn lossy(study: &[Instance]) -> Vec<Instance> {
    let syntax = Syntax::Encapsulated(uids::JPEG_BASELINE);
    study.iter().map(|slice| Instance { syntax, ..slice.clone() }).collect()
}

#[tokio::test(start_paused = true)]
async fn three_hundred_lossy_twins_are_kept_and_parked_and_told_once_for_their_study() {
    let mut house = House::open();
    let archive = Archive::open(&house.network);
    let native = study(300);
    send_all(&house, "CT1", &native).await;
    let second = lossy(&native);
    tokio::join!(
        send_all(&house, "PACS", &second[..100]),
        send_all(&house, "PACS", &second[100..200]),
        send_all(&house, "PACS", &second[200..]),
    );
    house.delivered(300).await;
    house.settle().await;
    assert_eq!(archive.kept().len(), 300);
    assert!(archive.kept().iter().all(|kept| kept.transfer_syntax_uid == native[0].syntax.uid()));
    let is_told = |event: &Event| matches!(event, Event::PixelsNotCompared { .. });
    let Event::PixelsNotCompared { sources, study_instance_uid, cause, .. } =
        house.event("pixels not compared", is_told).await
    else {
        unreachable!()
    };
    let (one, other) = sources.titles();
    assert_eq!((one.as_str(), other.as_str()), ("CT1", "PACS"));
    assert_eq!(cause, "the pixels of transfer syntax 1.2.840.10008.1.2.4.50 are not read");
    let is_conflict = |event: &Event| matches!(event, Event::UidConflict { .. });
    assert_eq!((house.count(is_told), house.count(is_conflict)), (0, 0), "once for the study");
    let journal = house.store.journal(&study_instance_uid).await.unwrap();
    let told: Vec<_> = journal.iter().filter(|it| it.event == "pixels not compared").collect();
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].detail,
        "CT1 and PACS both send this study; whether their images are the same is not known: the \
         pixels of transfer syntax 1.2.840.10008.1.2.4.50 are not read"
    );
    // None is lost, and none is taken for the other.
    for slice in &native {
        let uid = telerad_core::Uid::new(&slice.sop_instance_uid).unwrap();
        assert_eq!(house.store.versions(&site("north"), &uid).await.unwrap().len(), 2);
        let journal = house.store.journal(&slice.sop_instance_uid).await.unwrap();
        assert_eq!(journal.iter().filter(|entry| entry.event == "uid conflict").count(), 1);
    }
    let parked = house.parked().await;
    assert_eq!(parked.len(), 1, "one for the study and the two sources");
    assert_eq!((&*parked[0].reason, &parked[0].subject), ("uid conflict", &study_instance_uid));
    assert_eq!(parked[0].evidence, format!("{}; instances: 300", told[0].detail));
}

#[tokio::test(start_paused = true)]
async fn a_person_ends_the_wait_of_lossy_twins_and_later_ones_wait_again() {
    let mut house = House::open();
    let _archive = Archive::open(&house.network);
    let native = study(3);
    send_all(&house, "CT1", &native).await;
    send_all(&house, "PACS", &lossy(&native)[..2]).await;
    let (first, uid) = (house.parked().await.remove(0), native[0].study_instance_uid.clone());
    let (desk, north) = (house.gateway.desk(), site("north"));
    let signature = Signature::new("ops-1", "looked at both").unwrap();
    assert_eq!(desk.close_conflict(&north, &uid, &signature).await, Ok(1));
    assert_eq!(house.parked().await.len(), 0);
    let again = desk.close_conflict(&north, &uid, &signature).await;
    assert_eq!(again, Err(DeskError::NothingInConflict));
    let is_closed = |event: &Event| matches!(event, Event::Decided { operation: Operation::Close, subject, .. } if *subject == uid);
    assert_eq!(house.count(is_closed), 1);
    send_all(&house, "PACS", &lossy(&native)[2..]).await;
    let parked = house.parked().await;
    assert_eq!((parked.len(), &parked[0].id), (1, &first.id));
    assert!(parked[0].evidence.ends_with("; instances: 3"), "{}", parked[0].evidence);
    // A conflict of one instance is closed in the same way.
    let other = Instance { patient_id: "P2".to_owned(), ..native[0].clone() };
    send_all(&house, "CT1", std::slice::from_ref(&other)).await;
    assert_eq!(house.parked().await.len(), 2);
    let closed = desk.close_conflict(&north, &other.sop_instance_uid, &signature).await;
    assert_eq!((closed, house.parked().await.len()), (Ok(1), 1));
}

#[tokio::test(start_paused = true)]
async fn a_certain_conflict_among_lossy_twins_is_told_by_itself() {
    let mut house = House::open();
    let _archive = Archive::open(&house.network);
    let native = study(3);
    send_all(&house, "CT1", &native).await;
    let mut second = lossy(&native);
    second[2].patient_id = "P2".to_owned();
    send_all(&house, "PACS", &second).await;
    house.settle().await;
    let is_conflict = |event: &Event| matches!(event, Event::UidConflict { .. });
    let is_told = |event: &Event| matches!(event, Event::PixelsNotCompared { .. });
    assert_eq!((house.count(is_told), house.count(is_conflict)), (1, 1));
    let parked = house.parked().await;
    let about = |subject: &str| {
        let its = parked.iter().filter(|item| item.subject == subject);
        its.map(|item| item.evidence.as_str()).collect::<Vec<_>>()
    };
    let (study, slice) = (about(&native[0].study_instance_uid), about(&second[2].sop_instance_uid));
    assert_eq!((parked.len(), study.len(), slice.len()), (2, 1, 1));
    assert!(study[0].ends_with("; instances: 2"), "{}", study[0]);
}
