//! Appointments: what they move, and what they leave.

use telerad_core::AeTitle;
use telerad_worklist::{Disposition, Outcome, StepStatus};

use crate::{Site, findings};

/// One order of one step, known by all its numbers.
fn site() -> Site {
    let mut site = Site::new();
    order(&mut site, "0800", "NW", "");
    site
}

fn order(site: &mut Site, time: &str, control: &str, start: &str) -> Outcome {
    site.send(&format!(
        "MSH|^~\\&|RIS|NORTH|||20261124{time}||ORM^O01|O{time}|P|2.3.1
        PID|||4711^^^NORTH-MRN||Doe^Jane||19700102|F
        ORC|{control}|P-1^HIS|F-1^RIS||||^^^{start}
        OBR||P-1^HIS|F-1^RIS|CTTHX^CT thorax^L||||||||||||||A-1|RP-1|SPS-1||||CT
        ZDS|1.2.3.4"
    ))
}

/// An appointment of a number in SCH-27 with these resources.
fn send(site: &mut Site, event: &str, time: &str, number: &str, resources: &str) -> Outcome {
    let bars = "|".repeat(25);
    site.send(&format!(
        "MSH|^~\\&|RIS|NORTH|||20261124{time}||SIU^{event}|S{time}|P|2.5.1
        SCH|1|2{bars}{number}
        PID|||4711^^^NORTH-MRN||Doe^Jane
        {resources}"
    ))
}

const BOOKED: &str = "RGS|1\nAIS|1||CTTHX^CT thorax^L|202611260930\nAIL|1||ROOM2^A";

fn start(site: &Site) -> String {
    site.order().steps[0].start.unwrap().to_string()
}

#[track_caller]
fn moves(event: &str, number: &str) {
    let mut site = site();
    let outcome = send(&mut site, event, "0900", number, BOOKED);
    assert_eq!(outcome.disposition, Disposition::Applied, "{event} {number}");
    assert_eq!(start(&site), "202611260930");
    assert_eq!(site.order().steps[0].location, "ROOM2^A");
    let again = send(&mut site, event, "0900", number, BOOKED);
    assert_eq!(again.disposition, Disposition::NoChange);
}

#[test]
fn a_booking_moves_the_step_of_the_order_that_it_names() {
    for event in ["S12", "S13", "S14", "S18", "S19"] {
        moves(event, "F-1^RIS");
    }
    // Senders write any number into the field, with or without its issuer.
    for number in ["F-1", "P-1^HIS", "A-1", "A-1^NORTH"] {
        moves("S12", number);
    }
}

#[track_caller]
fn stays(event: &str, number: &str, disposition: Disposition, finding: &str) {
    let mut site = site();
    let before = site.known.orders.clone();
    let outcome = send(&mut site, event, "0900", number, BOOKED);
    assert_eq!(outcome.disposition, disposition, "{event}");
    assert_eq!(site.known.orders, before, "{event}");
    if !finding.is_empty() {
        assert!(findings(&outcome).iter().any(|text| text.contains(finding)), "{event}");
    }
}

#[test]
fn an_appointment_that_ends_leaves_the_order() {
    for event in ["S15", "S16", "S17", "S26"] {
        let text = "the order stays as it is until its own cancellation (ORC-1)";
        stays(event, "F-1^RIS", Disposition::NoChange, text);
        stays(event, "F-9^RIS", Disposition::NoChange, text);
    }
    stays("S23", "F-1^RIS", Disposition::NoChange, "time slots are no appointment of an order");
}

#[test]
fn an_appointment_never_makes_an_order() {
    let unknown = "an appointment of an order that is not known for the patient".to_owned();
    stays("S12", "F-9^RIS", Disposition::Parked(unknown.clone()), "");
    // The same number of another filler is another order.
    stays("S12", "F-1^LAB", Disposition::Parked(unknown), "");
    stays("S12", "", Disposition::NoChange, "SCH: the appointment names no order");
}

#[test]
fn an_appointment_of_another_patient_moves_nothing() {
    let mut site = site();
    let bars = "|".repeat(25);
    let outcome = site.send(&format!(
        "MSH|^~\\&|RIS|NORTH|||202611240900||SIU^S12|S1|P|2.5.1
        SCH|1|2{bars}F-1^RIS
        PID|||4712^^^NORTH-MRN||Roe^Jane
        {BOOKED}"
    ));
    let reason = "an appointment of an order that is not known for the patient";
    assert_eq!(outcome.disposition, Disposition::Parked(reason.to_owned()));
    assert_eq!(start(&site), "202611240800");
}

#[test]
fn what_was_said_later_stands_whatever_comes_last() {
    let mut site = site();
    send(&mut site, "S13", "1000", "F-1", BOOKED);
    let late = send(&mut site, "S12", "0930", "F-1", &BOOKED.replace("26093", "27111"));
    assert_eq!(late.disposition, Disposition::NoChange);
    let text = "MSH-7: older than what is known of the order: what was said later stands";
    assert!(findings(&late).contains(&text.to_owned()));
    assert_eq!(start(&site), "202611260930");
    order(&mut site, "0945", "XO", "202611290800");
    assert_eq!(start(&site), "202611260930");
    order(&mut site, "1100", "XO", "202611290800");
    assert_eq!(start(&site), "202611290800");
}

#[test]
fn a_step_that_has_begun_keeps_its_time() {
    let mut site = site();
    let order = site.known.orders.last_mut().unwrap();
    order.steps[0].status = StepStatus::Started;
    let outcome = send(&mut site, "S13", "0900", "F-1", BOOKED);
    assert_eq!(outcome.disposition, Disposition::NoChange);
    assert!(
        findings(&outcome).contains(&"AIS-4: a step that is STARTED keeps its time".to_owned())
    );
}

#[test]
fn a_device_is_a_station_only_where_the_site_says_so() {
    let device = format!("{BOOKED}\nAIG|1||CT7^Scanner 7");
    let mut plain = site();
    send(&mut plain, "S12", "0900", "F-1", &device);
    let step = &plain.order().steps[0];
    assert_eq!((step.station_name.as_str(), step.station_ae_titles.len()), ("CT7", 0));
    let mut declared = site();
    declared.mapping.stations_default = vec![AeTitle::new("CT7").unwrap()];
    send(&mut declared, "S12", "0900", "F-1", &device);
    let step = &declared.order().steps[0];
    assert_eq!((step.station_name.as_str(), step.station_ae_titles[0].as_str()), ("", "CT7"));
}

#[test]
fn an_event_and_a_status_that_contradict_each_other_are_for_a_person() {
    let mut site = site();
    let bars = "|".repeat(23);
    let outcome = site.send(&format!(
        "MSH|^~\\&|RIS|NORTH|||202611240900||SIU^S14|S1|P|2.5.1
        SCH|1|2{bars}Cancelled||F-1
        PID|||4711^^^NORTH-MRN||Doe^Jane
        {BOOKED}"
    ));
    let reason = "the event of the appointment and its status contradict each other";
    assert_eq!(outcome.disposition, Disposition::Parked(reason.to_owned()));
}

#[test]
fn the_site_says_where_appointments_name_their_order() {
    let mut site = site();
    site.mapping.appointment_sources = vec!["SCH-2".parse().unwrap()];
    let outcome = site.send(
        "MSH|^~\\&|RIS|NORTH|||202611240900||SIU^S12|S1|P|2.5.1
        SCH|APT-1^RIS|F-1^RIS|||||||||^^^202611270715
        PID|||4711^^^NORTH-MRN||Doe^Jane",
    );
    assert_eq!(outcome.disposition, Disposition::Applied);
    assert_eq!(start(&site), "202611270715");
}

/// A cancellation of an ORC alone, as old senders have it.
#[test]
fn an_order_is_found_by_its_numbers_where_no_accession_number_is_named() {
    for numbers in ["P-1^HIS|F-1^RIS", "P-1^HIS|", "|F-1", "P-1"] {
        let mut site = site();
        let outcome = site.send(&format!(
            "MSH|^~\\&|RIS|NORTH|||202611240900||ORM^O01|C1|P|2.3.1
            PID|||4711^^^NORTH-MRN||Doe^Jane
            ORC|CA|{numbers}"
        ));
        assert_eq!(outcome.disposition, Disposition::Applied, "{numbers}");
        assert_eq!(site.known.orders.len(), 1, "{numbers}");
        assert_eq!(site.order().steps[0].status, StepStatus::Canceled, "{numbers}");
        let text = "ORC-2: the order was found by its order number".to_owned();
        assert!(findings(&outcome).contains(&text));
    }
}

#[test]
fn a_number_of_several_orders_says_not_which() {
    let mut site = site();
    site.send(
        "MSH|^~\\&|RIS|NORTH|||202611240805||ORM^O01|O2|P|2.3.1
        PID|||4711^^^NORTH-MRN||Doe^Jane||19700102|F
        ORC|NW|P-1^HIS|F-2^RIS
        OBR||P-1^HIS|F-2^RIS|CTABD^CT abdomen^L||||||||||||||A-2|RP-2|SPS-1||||CT
        ZDS|1.2.3.5",
    );
    let outcome = site.send(
        "MSH|^~\\&|RIS|NORTH|||202611240900||ORM^O01|C1|P|2.3.1
        PID|||4711^^^NORTH-MRN||Doe^Jane
        ORC|CA|P-1^HIS",
    );
    let Disposition::Parked(reason) = outcome.disposition else { panic!("{outcome:?}") };
    assert!(reason.starts_with("several orders have the order number"), "{reason}");
    assert!(site.known.orders.iter().all(|order| order.is_open()));
}
