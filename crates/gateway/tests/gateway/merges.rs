//! Who is who: merges from the message to the worklist, to images and reports, and back; and possible overlays.

use telerad_core::{Issuer, PatientId};
use telerad_dicom::tags;
use telerad_gateway::desk::{DeskError, Signature};
use telerad_gateway::{Event, Operation};
use telerad_routing::StudyMark;
use telerad_store::{
    Instances, Journal, MessageOutcome, Messages, Orders, ParkedItem, Patients, Reports,
};
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::{Case, adt_a04, orm_o01, oru_r01};
use telerad_worklist::{OrderKey, UndoError};

use crate::house::{Archive, House, TOML, case_of, site};

fn order(number: u64) -> Case {
    case_of("RIS", "north", number)
}

/// The report of an order, with the identifier of some patient.
fn report(number: u64, patient: u64, control_id: &str) -> String {
    let case = case_of("READER", "north", number);
    let patient = Case::new(patient);
    oru_r01(&Case {
        patient_id: patient.patient_id,
        given_name: patient.given_name,
        control_id: control_id.to_owned(),
        ..case
    })
}

/// ADT of an event about patient `surviving`, with `prior` in MRG-1.
fn merge(event: &str, prior: u64, surviving: u64) -> String {
    let control_id = format!("{event}-{prior}-{surviving}");
    let text = adt_a04(&order(surviving).with_control_id(&control_id));
    let text = text.replace("A04", event).replace("PV1||O\r", "");
    format!("{text}MRG|P{prior}^^^NORTH-MRN\r")
}

fn id(number: u64) -> PatientId {
    PatientId::new(&format!("P{number}"), Issuer::local("NORTH-MRN").ok()).unwrap()
}

fn signed() -> Signature {
    Signature::new("ops-1", "asked by the ward").unwrap()
}

/// Orders 1 to 3, each of its own patient.
async fn house() -> House {
    let house = House::open();
    for number in 1..=3 {
        assert_eq!(house.answer_to(&orm_o01(&order(number))).await, "AA");
    }
    house
}

/// What the worklist says of each order: number, patient ID, name.
async fn worklist(house: &House) -> Vec<[String; 3]> {
    let mut lines: Vec<_> = house
        .worklist("CT1")
        .await
        .iter()
        .map(|answer| {
            [tags::ACCESSION_NUMBER, tags::PATIENT_ID, tags::PATIENT_NAME]
                .map(|tag| answer.text(tag).unwrap_or_default())
        })
        .collect();
    lines.sort();
    lines
}

fn line(accession: &str, patient: u64) -> [String; 3] {
    [accession.to_owned(), format!("P{patient}"), format!("TEST^PATIENT{patient}")]
}

/// How many reports are filed under each of the orders 1 to 3.
async fn filed(house: &House) -> [usize; 3] {
    let mut counts = [0; 3];
    for (count, number) in counts.iter_mut().zip(1..) {
        let key = format!("north|NORTH|A{number}");
        *count = house.store.reports_of_order(&site("north"), &key).await.unwrap().len();
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn a_report_that_was_a_strangers_is_filed_when_the_two_turn_out_to_be_one() {
    let house = house().await;
    assert_eq!(house.answer_to(&report(1, 2, "R0")).await, "AA");
    assert_eq!(filed(&house).await, [0, 0, 0]);
    assert_eq!(house.parked().await.len(), 1);
    assert_eq!(house.answer_to(&merge("A40", 1, 2)).await, "AA");
    house.settle().await;
    assert_eq!(filed(&house).await, [1, 0, 0]);
    assert!(house.parked().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_merge_shows_at_once_and_the_old_identifier_still_finds_its_order() {
    let house = house().await;
    assert_eq!(worklist(&house).await, [line("A1", 1), line("A2", 2), line("A3", 3)]);
    assert_eq!(house.answer_to(&merge("A40", 1, 2)).await, "AA");
    assert_eq!(worklist(&house).await, [line("A1", 2), line("A2", 2), line("A3", 3)]);
    // The reader was told the old one, or has heard of the new one: both are the patient.
    assert_eq!(house.answer_to(&report(1, 1, "R1")).await, "AA");
    assert_eq!(filed(&house).await, [1, 0, 0]);
    assert_eq!(house.answer_to(&report(2, 1, "R2")).await, "AA");
    assert_eq!(filed(&house).await, [1, 1, 0]);
    // Neither reaches a stranger's order, nor a stranger theirs.
    assert_eq!(house.answer_to(&report(3, 1, "R3")).await, "AA");
    assert_eq!(house.answer_to(&report(1, 3, "R4")).await, "AA");
    assert_eq!(filed(&house).await, [1, 1, 0]);
    let outcome = |control_id| house.store.message_by_control("READER|NORTH", control_id);
    for control_id in ["R3", "R4"] {
        let outcome = outcome(control_id).await.unwrap().unwrap().outcome;
        assert!(matches!(outcome, MessageOutcome::Parked(_)), "{control_id}: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn images_with_the_old_identifier_belong_to_the_order_and_keep_their_values() {
    let house = house().await;
    let archive = Archive::open(&house.network);
    let before = Instance { rows: 8, columns: 8, ..Instance::new(1) };
    house.accept("CT1", &before).await;
    house.settle().await;
    assert_eq!(house.answer_to(&merge("A40", 1, 2)).await, "AA");
    let after = Instance { sop_instance_uid: "2.25.77".to_owned(), seed: 7, ..before.clone() };
    house.accept("CT1", &after).await;
    house.settle().await;
    let study =
        house.store.instances_of_study(&site("north"), &before.study_instance_uid).await.unwrap();
    assert_eq!(study.len(), 2);
    for instance in &study {
        assert!(matches!(instance.mark, StudyMark::Matched { .. }));
        assert_eq!(instance.head.patient.ids[0].value(), "P1");
    }
    let kept = archive.kept();
    assert_eq!(kept.len(), 2);
    let sent = [before.data_set(), after.data_set()];
    assert!(kept.iter().all(|kept| sent.contains(&kept.data_set)));
    // The report on the study comes home by either identifier.
    assert_eq!(house.answer_to(&report(1, 2, "R1")).await, "AA");
    assert_eq!(filed(&house).await, [1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_merge_that_was_undone_joins_nobody() {
    let mut house = house().await;
    let desk = house.gateway.desk();
    let north = site("north");
    let not_merged = DeskError::Merge(UndoError::NotMerged);
    assert_eq!(desk.unmerge(&north, &id(1), &signed()).await, Err(not_merged.clone()));
    assert_eq!(house.answer_to(&merge("A40", 1, 2)).await, "AA");
    // Nobody of another site can undo it.
    assert_eq!(desk.unmerge(&site("south"), &id(1), &signed()).await, Err(not_merged.clone()));
    assert_eq!(house.answer_to(&merge("A40", 2, 3)).await, "AA");
    assert_eq!(worklist(&house).await, [line("A1", 3), line("A2", 3), line("A3", 3)]);
    assert_eq!(house.answer_to(&report(1, 1, "R1")).await, "AA");
    assert_eq!(filed(&house).await, [1, 0, 0]);
    let later = DeskError::Merge(UndoError::LaterMerge);
    assert_eq!(desk.unmerge(&north, &id(1), &signed()).await, Err(later));
    assert_eq!(desk.unmerge(&north, &id(2), &signed()).await, Ok(2));
    assert_eq!(desk.unmerge(&north, &id(1), &signed()).await, Ok(1));
    assert_eq!(desk.unmerge(&north, &id(1), &signed()).await, Err(not_merged));
    // Order 1 was reported, and is off the list.
    assert_eq!(worklist(&house).await, [line("A2", 2), line("A3", 3)]);
    let first = OrderKey::from_text("north|NORTH|A1");
    let first = house.store.orders(&north, &[first]).await.unwrap().remove(0);
    assert_eq!(first.order.patient.primary_id(), Some(&id(1)));
    assert_eq!(house.answer_to(&report(2, 1, "R2")).await, "AA");
    assert_eq!(house.answer_to(&report(1, 2, "R3")).await, "AA");
    assert_eq!(filed(&house).await, [1, 0, 0]);
    let key = OrderKey::from_text("north|NORTH|A1");
    let lines = house.store.journal(key.as_str()).await.unwrap();
    let events: Vec<_> = lines.iter().map(|line| line.event.as_str()).collect();
    let moved = "moved with its patient";
    assert_eq!(events, [moved, moved, "merge undone", "merge undone"]);
    let undone = |event: &Event| {
        matches!(event, Event::Decided { operation: Operation::Unmerge, subject, by, .. }
            if subject.starts_with("A40-") && by == "ops-1")
    };
    assert_eq!(house.count(undone), 2);
}

#[tokio::test(start_paused = true)]
async fn a_merge_at_one_site_is_none_at_another() {
    let house = house().await;
    let south = Case { patient_authority: "NORTH-MRN".to_owned(), ..case_of("RIS", "south", 1) };
    assert_eq!(house.answer_to(&orm_o01(&south)).await, "AA");
    assert_eq!(house.answer_to(&merge("A40", 1, 2)).await, "AA");
    let known = house.store.patients(&site("south"), &[id(1)]).await.unwrap();
    assert!(known.len() == 1 && known[0].is_current());
    let key = OrderKey::from_text("south|SOUTH|A1");
    let orders = house.store.orders(&site("south"), &[key]).await.unwrap();
    assert_eq!(orders[0].order.patient.primary_id(), Some(&id(1)));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_merged_is_answered_and_changes_nothing() {
    let house = house().await;
    assert_eq!(house.answer_to(&merge("A40", 1, 1)).await, "AE 205");
    assert_eq!(house.answer_to(&merge("A40", 1, 2)).await, "AA");
    assert_eq!(house.answer_to(&merge("A40", 2, 1)).await, "AE 205");
    assert_eq!(house.answer_to(&merge("A47", 2, 3)).await, "AE 205");
    let late = Case { accession: "A9".to_owned(), ..order(1).with_control_id("LATE") };
    assert_eq!(house.answer_to(&orm_o01(&late)).await, "AA");
    let text = "the patient identifier was merged into another";
    assert_eq!(house.reasons().await, [text]);
    assert_eq!(worklist(&house).await, [line("A1", 2), line("A2", 2), line("A3", 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_site_can_follow_its_merges() {
    let rule = "patient_authority = \"NORTH-MRN\"\nadt = { merged_identifier = \"follow\" }\n";
    let toml = TOML.replacen("patient_authority = \"NORTH-MRN\"\n", rule, 1);
    let house = House::open_with(&toml);
    for number in 1..=2 {
        assert_eq!(house.answer_to(&orm_o01(&order(number))).await, "AA");
    }
    assert_eq!(house.answer_to(&merge("A40", 1, 2)).await, "AA");
    let late = Case {
        accession: "A9".to_owned(),
        study_instance_uid: "2.25.99".to_owned(),
        ..order(1).with_control_id("LATE")
    };
    assert_eq!(house.answer_to(&orm_o01(&late)).await, "AA");
    assert_eq!(worklist(&house).await, [line("A1", 2), line("A2", 2), line("A9", 2)]);
}

/// ADT^A04 that makes a stranger of patient 1.
fn stranger() -> Case {
    Case {
        given_name: "STRANGER".to_owned(),
        birth_date: "19551231".to_owned(),
        ..order(1).with_control_id("STRANGE")
    }
}

async fn overlay(house: &mut House) -> ParkedItem {
    assert_eq!(house.answer_to(&adt_a04(&stranger())).await, "AA");
    let is_told = |event: &Event| matches!(event, Event::PossibleOverlay { control_id, .. } if control_id == "STRANGE");
    assert_eq!(house.count(is_told), 1);
    let parked = house.parked().await;
    assert_eq!(parked.len(), 1);
    parked.into_iter().next().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_possible_overlay_waits_until_a_person_accepts_it() {
    let mut house = house().await;
    let item = overlay(&mut house).await;
    assert_eq!(item.reason, telerad_worklist::POSSIBLE_OVERLAY);
    assert_eq!(worklist(&house).await[0], line("A1", 1));
    let desk = house.gateway.desk();
    let accept = async |site: &str, id: &str| {
        desk.accept_overlay(&crate::house::site(site), id, &signed()).await
    };
    assert_eq!(accept("south", &item.id).await, Err(DeskError::NotAnOverlay));
    assert_eq!(accept("north", "nothing").await, Err(DeskError::NotAnOverlay));
    assert_eq!(accept("north", &item.id).await, Ok(()));
    assert_eq!(worklist(&house).await[0][2], "TEST^STRANGER");
    assert!(house.parked().await.is_empty());
    let record = house.store.message_by_control("RIS|NORTH", "STRANGE").await.unwrap().unwrap();
    assert_eq!(record.outcome, MessageOutcome::Applied);
    assert_eq!(accept("north", &item.id).await, Err(DeskError::NotAnOverlay));
    let lines = house.store.journal(&item.subject).await.unwrap();
    assert_eq!(lines.last().map(|line| line.event.as_str()), Some("overlay accepted"));
}

#[tokio::test(start_paused = true)]
async fn a_possible_overlay_that_is_refused_is_never_applied() {
    let mut house = house().await;
    let item = overlay(&mut house).await;
    let desk = house.gateway.desk();
    assert_eq!(desk.refuse_overlay(&site("north"), &item.id, &signed()).await, Ok(()));
    assert_eq!(worklist(&house).await[0], line("A1", 1));
    assert!(house.parked().await.is_empty());
    // The sender has its answer: the same message again is nothing new.
    assert_eq!(house.answer_to(&adt_a04(&stranger())).await, "AA");
    assert_eq!(worklist(&house).await[0], line("A1", 1));
    let again = desk.refuse_overlay(&site("north"), &item.id, &signed()).await;
    assert_eq!(again, Err(DeskError::NotAnOverlay));
}

#[tokio::test(start_paused = true)]
async fn an_order_for_a_possible_stranger_waits_too() {
    let mut house = house().await;
    let order = Case { accession: "A9".to_owned(), ..stranger() };
    assert_eq!(house.answer_to(&orm_o01(&order)).await, "AA");
    let is_told = |event: &Event| matches!(event, Event::PossibleOverlay { .. });
    assert_eq!(house.count(is_told), 1);
    assert_eq!(worklist(&house).await.len(), 3);
}

async fn name_after_orders(adt_feed: &str) -> String {
    let toml = TOML.replacen("role = \"ris\"\n", &format!("role = \"ris\"\n{adt_feed}\n"), 1);
    let house = House::open_with(&toml);
    assert_eq!(house.answer_to(&adt_a04(&order(1).with_control_id("ADT"))).await, "AA");
    let renamed = Case { given_name: "RENAMED".to_owned(), ..order(1) };
    assert_eq!(house.answer_to(&orm_o01(&renamed)).await, "AA");
    worklist(&house).await.remove(0)[2].clone()
}

#[tokio::test(start_paused = true)]
async fn orders_speak_for_patients_where_the_sender_has_no_adt_feed() {
    assert_eq!(name_after_orders("").await, "TEST^PATIENT1");
    assert_eq!(name_after_orders("adt_feed = \"present\"").await, "TEST^PATIENT1");
    assert_eq!(name_after_orders("adt_feed = \"none\"").await, "TEST^RENAMED");
}
