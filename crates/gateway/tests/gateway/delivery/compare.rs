//! A peer that says that it has an instance already, and is asked for it.

use telerad_gateway::Event;
use telerad_routing::{DeliveryState, SentEvidence};
use telerad_testkit::dicom::{Instance, Syntax};

use super::{is_failure, slices, uids};
use crate::house::{Answer, Archive, House, TOML};

const SAYS: &str = "the peer says it already holds this SOP instance UID (0111H), ";

fn house(associations: usize) -> House {
    let count = format!("associations_max = {associations}\nduplicates = \"compare\"");
    House::open_with(&TOML.replace("associations_max = 2", &count))
}

fn is_conflict(event: &Event) -> bool {
    matches!(event, Event::UidConflictAtDestination { .. })
}

/// One instance that the peer has already, as `held` or not at all: what the ledger says, what waits for a person, and how
/// often it was told as a conflict.
async fn check(sent: &Instance, held: Option<&Instance>, gives: bool) -> (String, String, usize) {
    let mut house = house(2);
    let archive = Archive::open(&house.network).script(|_, _| Answer::Status(0x0111));
    let held: Vec<Instance> = held.into_iter().cloned().collect();
    let archive = if gives { archive.gives(&held) } else { archive };
    house.accept("CT1", sent).await;
    house.settle().await;
    assert_eq!(archive.offers().into_values().sum::<usize>(), 1);
    let line = house.delivery(&sent.sop_instance_uid).await.unwrap();
    let state = match line.state {
        DeliveryState::Sent { evidence, .. } => format!("{evidence:?}"),
        DeliveryState::Parked { reason } => reason.replace(SAYS, ""),
        other => format!("{other:?}"),
    };
    let reasons = house.reasons().await.join(", ");
    let is_parked = usize::from(!reasons.is_empty());
    assert_eq!(house.count(is_failure), is_parked);
    // What was fetched is kept for nobody.
    assert!(house.disk.payloads() <= 2);
    (state, reasons, house.count(is_conflict))
}

#[tokio::test(start_paused = true)]
async fn the_same_image_is_a_delivery_however_it_is_kept() {
    let sent = slices(1).remove(0);
    let delivered = (format!("{:?}", SentEvidence::DuplicateCompared), String::new(), 0);
    assert_eq!(check(&sent, Some(&sent), true).await, delivered);
    let other_syntax = Instance { syntax: Syntax::ImplicitLittle, ..sent.clone() };
    assert_eq!(check(&sent, Some(&other_syntax), true).await, delivered);
    let coerced = Instance { institution: "ARCHIVE".to_owned(), ..sent.clone() };
    assert_eq!(check(&sent, Some(&coerced), true).await, delivered);
}

#[tokio::test(start_paused = true)]
async fn another_image_or_another_patient_is_for_a_person() {
    let sent = slices(1).remove(0);
    let conflict = |what: &str| {
        (format!("and it is another: {what}"), "uid conflict at destination".to_owned(), 1)
    };
    let pixels = Instance { seed: 999, ..sent.clone() };
    assert_eq!(check(&sent, Some(&pixels), true).await, conflict("pixel data"));
    let patient = Instance { patient_id: "ANOTHER".to_owned(), ..sent.clone() };
    assert_eq!(check(&sent, Some(&patient), true).await, conflict("patient id"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_fetched_or_compared_is_for_a_person() {
    let sent = slices(1).remove(0);
    let parked = "delivery parked".to_owned();
    let (state, reasons, told) = check(&sent, None, true).await;
    let why = "which could not be compared: asked for it, the peer sent nothing (status 0000H)";
    assert_eq!((state.as_str(), &reasons, told), (why, &parked, 0));
    let (state, reasons, told) = check(&sent, None, false).await;
    assert!(state.starts_with("which could not be compared: "), "{state}");
    assert_eq!((&reasons, told), (&parked, 0));
    let coded = Syntax::Encapsulated("1.2.840.10008.1.2.4.70");
    let undecodable = Instance { syntax: coded, ..sent.clone() };
    let (state, reasons, told) = check(&sent, Some(&undecodable), true).await;
    let why = "which could not be compared: its pixels could not be compared";
    assert_eq!((state.as_str(), &reasons, told), (why, &parked, 0));
}

#[tokio::test(start_paused = true)]
async fn a_whole_study_is_compared_over_the_one_association_that_a_peer_bears() {
    let mut house = house(1);
    let all = slices(20);
    let mut held = all.clone();
    held[7].seed = 999;
    let archive = Archive::open(&house.network).script(|_, _| Answer::Status(0x0111)).gives(&held);
    house.accept_all("CT1", &all).await;
    house.delivered(19).await;
    house.event("conflict", is_conflict).await;
    assert!(archive.offers().values().all(|times| *times == 1));
    for uid in uids(&all) {
        let expected = if uid == all[7].sop_instance_uid { "parked" } else { "sent" };
        assert_eq!(house.state_of(&uid).await, expected, "{uid}");
    }
}

fn holder(house: &House, held: &[Instance]) -> Archive {
    Archive::open(&house.network).script(|_, _| Answer::Status(0x0111)).gives(held)
}

#[tokio::test(start_paused = true)]
async fn an_association_that_breaks_while_it_is_asked_is_tried_again() {
    let mut house = house(2);
    let sent = slices(1).remove(0);
    let archive = holder(&house, std::slice::from_ref(&sent)).drops_gets(|_, times| times < 3);
    house.accept("CT1", &sent).await;
    house.delivered(1).await;
    assert_eq!(archive.gets(), 3);
    let line = house.delivery(&sent.sop_instance_uid).await.unwrap();
    let DeliveryState::Sent { evidence, .. } = line.state else { panic!("{:?}", line.state) };
    assert_eq!(evidence, SentEvidence::DuplicateCompared);
    assert_eq!((house.reasons().await.len(), house.count(is_failure)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_bears_to_be_asked_is_for_a_person_in_the_end() {
    let mut house = house(2);
    let sent = slices(1).remove(0);
    let archive = holder(&house, std::slice::from_ref(&sent)).drops_gets(|_, _| true);
    house.accept("CT1", &sent).await;
    house.settle().await;
    let line = house.delivery(&sent.sop_instance_uid).await.unwrap();
    let DeliveryState::Parked { reason } = line.state else { panic!("{:?}", line.state) };
    assert!(reason.starts_with(&format!("{SAYS}which could not be fetched: ")), "{reason}");
    assert_eq!(house.reasons().await, ["delivery parked"]);
    assert_eq!((archive.gets(), house.count(is_failure)), (3, 1));
    let is_down = |event: &Event| matches!(event, Event::DestinationDown { .. });
    assert_eq!(house.count(is_down), 0, "it answers every C-STORE");
}

#[tokio::test(start_paused = true)]
async fn one_instance_that_breaks_its_association_keeps_no_other_from_being_compared() {
    let mut house = house(1);
    let all = slices(20);
    let bad = all[3].sop_instance_uid.clone();
    let breaks = bad.clone();
    let archive = holder(&house, &all).drops_gets(move |uid, _| uid == breaks);
    house.accept_all("CT1", &all).await;
    house.delivered(19).await;
    house.settle().await;
    for uid in uids(&all) {
        let expected = if uid == bad { "parked" } else { "sent" };
        assert_eq!(house.state_of(&uid).await, expected, "{uid}");
    }
    assert_eq!(archive.gets(), 19 + 3);
}
