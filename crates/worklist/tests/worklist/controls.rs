//! Order controls that hold, release, replace, split and number orders, and what comes before its order.

use telerad_core::Timestamp;
use telerad_worklist::{
    Disposition, EventTime, OrderRecord, StartedCancel, StepStatus, UnknownChange,
};

use crate::{Site, findings, identifier};

/// Order groups in one message of 2026-11-24 at this minute past eight.
fn message(minute: u8, groups: &str) -> String {
    format!(
        "MSH|^~\\&|RIS|NORTH|||2026112408{minute:02}||ORM^O01|M{minute}|P|2.3.1
        PID|||4711^^^NORTH-MRN||Doe^Jane||19700102|F
        {groups}"
    )
}

fn group(control: &str, accession: &str) -> String {
    format!(
        "ORC|{control}||||||^^^202611241030
        OBR||||X^Proc^L^P1^One^LP||||||||||||||{accession}^NORTH|RP-1|SPS-1||||CT
        "
    )
}

fn one(minute: u8, control: &str) -> String {
    message(minute, &group(control, "A-1"))
}

fn record<'a>(site: &'a Site, accession: &str) -> &'a OrderRecord {
    let mut all = site.known.orders.iter();
    all.find(|record| record.order.accession.value() == accession).unwrap()
}

fn status(site: &Site, accession: &str) -> StepStatus {
    record(site, accession).steps[0].status
}

#[track_caller]
fn applied(site: &mut Site, message: &str) -> Vec<String> {
    let outcome = site.send(message);
    assert_eq!(outcome.disposition, Disposition::Applied);
    findings(&outcome)
}

#[track_caller]
fn parked(site: &mut Site, message: &str, reason: &str) {
    let before = site.known.orders.clone();
    assert_eq!(site.send(message).disposition, Disposition::Parked(reason.to_owned()));
    assert!(site.known.orders == before);
}

const WAITS: &str = "ORC-1: the order is not known yet: what is said of it waits for it";
const REOPENED: &str = "ORC-1: a step that was withdrawn is SCHEDULED again, since this came later";

#[test]
fn a_held_step_is_on_no_worklist_and_released_to_what_it_was() {
    let mut site = Site::new();
    let count = |site: &Site| site.ask(&identifier(&[], &[])).len();
    site.send(&one(0, "NW"));
    assert_eq!(count(&site), 1);
    for (hold, release) in [("HD", "RL"), ("OH", "OE")] {
        applied(&mut site, &one(1, hold));
        assert_eq!((count(&site), site.order().is_open()), (0, false));
        let asked = [(telerad_dicom::tags::SCHEDULED_PROCEDURE_STEP_STATUS, "SCHEDULED")];
        assert_eq!(site.ask(&identifier(&[], &asked)).len(), 0);
        applied(&mut site, &one(2, release));
        assert_eq!((count(&site), status(&site, "A-1")), (1, StepStatus::Scheduled));
        site = Site::new();
        site.send(&one(0, "NW"));
    }
}

#[test]
fn a_cancellation_before_its_order_waits_for_it() {
    let mut site = Site::new();
    assert!(applied(&mut site, &one(5, "CA")).contains(&WAITS.to_owned()));
    assert!(site.order().is_tombstone() && !site.order().is_open());
    assert!(site.known.patients.is_empty());
    assert_eq!(site.send(&one(5, "CA")).disposition, Disposition::NoChange);
    applied(&mut site, &one(0, "NW"));
    assert!(!site.order().is_tombstone());
    assert_eq!((status(&site, "A-1"), site.known.orders.len()), (StepStatus::Canceled, 1));
}

#[test]
fn an_order_that_is_later_than_its_cancellation_is_open() {
    let mut site = Site::new();
    site.send(&one(5, "CA"));
    let findings = applied(&mut site, &one(9, "NW"));
    assert!(findings.contains(&REOPENED.to_owned()));
    assert_eq!(status(&site, "A-1"), StepStatus::Scheduled);
}

#[test]
fn any_status_before_its_order_waits_for_it() {
    for (control, expected) in [
        ("SC", StepStatus::Completed),
        ("DC", StepStatus::Discontinued),
        ("OC", StepStatus::Canceled),
        ("HD", StepStatus::Scheduled),
    ] {
        let mut site = Site::new();
        let early = one(5, control).replace("ORC|SC||||||", "ORC|SC||||CM||");
        applied(&mut site, &early);
        applied(&mut site, &one(0, "NW"));
        assert_eq!(status(&site, "A-1"), expected, "{control}");
        assert_eq!(site.order().steps[0].is_held, control == "HD");
    }
}

#[test]
fn a_tombstone_is_forgotten_after_a_day() {
    let mut site = Site::new();
    site.send(&one(5, "CA"));
    let until = Timestamp::from_micros(1_000_000).after(site.mapping.status.tombstone);
    assert_eq!(site.order().tombstone_until, Some(until));
    site.second = 24 * 3600 + 1;
    applied(&mut site, &one(0, "NW"));
    assert_eq!((status(&site, "A-1"), site.order().revision), (StepStatus::Scheduled, 2));
}

#[test]
fn a_tombstone_of_another_patient_cancels_nothing() {
    let mut site = Site::new();
    site.send(&one(5, "CA"));
    let other = one(0, "NW").replace("4711", "4712");
    parked(&mut site, &other, "the accession number is known for another patient");
}

#[test]
fn a_step_that_is_named_later_follows_what_was_told_of_all() {
    let mut site = Site::new();
    site.send(&one(0, "NW"));
    let all = message(5, "ORC|CA\nOBR||||||||||||||||||A-1^NORTH");
    applied(&mut site, &all);
    applied(&mut site, &one(3, "XO").replace("SPS-1", "SPS-2"));
    let statuses: Vec<_> = site.order().steps.iter().map(|step| step.status).collect();
    assert_eq!(statuses, [StepStatus::Canceled; 2]);
}

#[test]
fn an_order_takes_the_place_of_others() {
    for old in ["RP", "RU", "RQ"] {
        let mut site = Site::new();
        site.send(&one(0, "NW"));
        site.send(&message(1, &group("NW", "A-2")));
        let groups = [group(old, "A-1"), group(old, "A-2"), group("RO", "A-3")].concat();
        applied(&mut site, &message(2, &groups));
        let statuses = ["A-1", "A-2", "A-3"].map(|accession| status(&site, accession));
        use StepStatus::{Canceled, Scheduled};
        assert_eq!(statuses, [Canceled, Canceled, Scheduled]);
        let key = |accession: &str| record(&site, accession).key.clone();
        assert_eq!(record(&site, "A-1").replaced_by, [key("A-3")]);
        assert_eq!(record(&site, "A-3").replaces, [key("A-1"), key("A-2")]);
    }
}

#[test]
fn a_replacement_is_applied_whole_or_not_at_all() {
    let mut site = Site::new();
    site.send(&one(0, "NW"));
    site.send(&one(1, "SC").replace("ORC|SC||||||", "ORC|SC||||IP||"));
    let groups = [group("RP", "A-1"), group("RO", "A-3")].concat();
    let reason = "a step that has started cannot be cancelled, only discontinued";
    parked(&mut site, &message(2, &groups), reason);
    site.mapping.status.started_cancel = StartedCancel::Discontinue;
    applied(&mut site, &message(2, &groups));
    assert_eq!(status(&site, "A-1"), StepStatus::Discontinued);
    assert_eq!(status(&site, "A-3"), StepStatus::Scheduled);
}

#[test]
fn an_order_that_takes_the_place_of_its_own_number_is_a_change() {
    let mut site = Site::new();
    site.send(&one(0, "NW"));
    let groups = group("RP", "A-1") + &group("RO", "A-1").replace("|CT", "|MR");
    let findings = applied(&mut site, &message(2, &groups));
    let text =
        "ORC-1: an order takes the place of one with the same number: taken as a change".to_owned();
    assert!(findings.contains(&text));
    assert_eq!(status(&site, "A-1"), StepStatus::Scheduled);
    assert_eq!(site.order().steps[0].modality, "MR");
}

#[test]
fn a_replaced_order_that_comes_late_is_not_open() {
    let mut site = Site::new();
    let groups = [group("RP", "A-1"), group("RO", "A-3")].concat();
    applied(&mut site, &message(2, &groups));
    applied(&mut site, &one(0, "NW"));
    assert_eq!(status(&site, "A-1"), StepStatus::Canceled);
    assert_eq!(record(&site, "A-1").replaced_by.len(), 1);
}

#[test]
fn children_are_done_and_their_parent_is_not() {
    let mut site = Site::new();
    let child = |accession: &str| {
        group("CH", accession).replace("^^^202611241030", "^^^202611241030|P-1&RIS")
    };
    let groups = [group("PA", "A-1"), child("A-2"), child("A-3")].concat();
    let findings = applied(&mut site, &message(0, &groups));
    let text = "ORC[1]: a parent order: its children are what is to be done".to_owned();
    assert!(findings.contains(&text));
    let numbers: Vec<&str> =
        site.known.orders.iter().map(|record| record.order.accession.value()).collect();
    assert_eq!(numbers, ["A-2", "A-3"]);
    assert!(site.known.orders.iter().all(|record| record.parent == "P-1"));
}

#[test]
fn numbers_that_are_assigned_change_no_status() {
    let mut site = Site::new();
    site.send(&one(0, "NW"));
    let number = one(5, "NA").replace("ORC|NA|", "ORC|NA|P-1|F-1");
    let number = number.replace("F-1|||||^^^", "F-1||||^^^");
    applied(&mut site, &number);
    let order = &site.order().order;
    let value = |number: &Option<telerad_core::EntityIdentifier>| {
        number.as_ref().map(|number| number.value().to_owned())
    };
    assert_eq!(value(&order.placer_order_number).as_deref(), Some("P-1"));
    assert_eq!(value(&order.filler_order_number).as_deref(), Some("F-1"));
    assert_eq!(status(&site, "A-1"), StepStatus::Scheduled);
    site.send(&number.replace("P-1", "P-0").replace("202611240805", "202611240803"));
    assert_eq!(value(&site.order().order.placer_order_number).as_deref(), Some("P-1"));
    parked(&mut Site::new(), &number, "a number for an order that is not known");
}

#[test]
fn numbers_are_not_assigned_here() {
    let rejection = Site::new().try_send(&one(0, "SN")).unwrap_err();
    let text = "order numbers are not assigned here (SN) (condition 103 at ORC^1^1)";
    assert_eq!(rejection.to_string(), text);
}

#[test]
fn the_time_of_the_event_counts_and_not_the_one_of_the_message() {
    let timed = |minute: u8, control: &str, transaction: &str| {
        one(minute, control).replace("^^^202611241030", &format!("^^^202611241030||{transaction}"))
    };
    // Sent again by an engine with a new MSH-7.
    let again = timed(9, "NW", "202611240800");
    let mut site = Site::new();
    site.send(&timed(0, "NW", "202611240800"));
    site.send(&one(5, "CA"));
    assert_eq!(site.send(&again).disposition, Disposition::NoChange);
    assert_eq!(status(&site, "A-1"), StepStatus::Canceled);
    // A day is too coarse, and what lies after the message was not meant.
    for transaction in ["20261124", "202611240810", "soon"] {
        site.send(&one(5, "CA"));
        applied(&mut site, &timed(9, "NW", transaction));
        assert_eq!(status(&site, "A-1"), StepStatus::Scheduled, "{transaction}");
        site = Site::new();
        site.send(&one(0, "NW"));
    }
    let mut site = Site::new();
    site.mapping.status.event_time = EventTime::Message;
    site.send(&timed(0, "NW", "202611240800"));
    site.send(&one(5, "CA"));
    applied(&mut site, &again);
    assert_eq!(status(&site, "A-1"), StepStatus::Scheduled);
}

#[test]
fn a_site_may_want_a_person_to_see_changes_of_unknown_orders() {
    let mut site = Site::new();
    site.mapping.status.unknown_change = UnknownChange::Park;
    parked(&mut site, &one(0, "XO"), "a change of an order that is not known");
}

#[test]
fn what_was_performed_is_not_hidden_by_a_cancellation() {
    let mut site = Site::new();
    site.send(&one(0, "NW"));
    site.send(&one(1, "CA"));
    let findings = applied(&mut site, &one(2, "SC").replace("ORC|SC||||||", "ORC|SC||||CM||"));
    let text = "ORC-5: a step that was withdrawn or had ended is COMPLETED".to_owned();
    assert!(findings.contains(&text));
}

#[test]
fn a_release_reopens_what_was_withdrawn_but_not_what_was_done() {
    for (end, expected) in [("CA", StepStatus::Scheduled), ("DC", StepStatus::Scheduled)] {
        let mut site = Site::new();
        site.send(&one(0, "NW"));
        site.send(&one(1, end));
        assert!(applied(&mut site, &one(2, "RL")).contains(&REOPENED.to_owned()));
        assert_eq!(status(&site, "A-1"), expected);
    }
    let mut site = Site::new();
    site.send(&one(0, "NW"));
    site.send(&one(1, "SC").replace("ORC|SC||||||", "ORC|SC||||CM||"));
    let outcome = site.send(&one(2, "RL"));
    let text = "ORC-5: a step stays COMPLETED although released was said: it is not reopened by \
                itself";
    assert_eq!(findings(&outcome).last().map(String::as_str), Some(text));
}
