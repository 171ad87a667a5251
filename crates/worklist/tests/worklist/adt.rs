//! ADT messages about one patient: what they make of the patient and of the open orders. One test for each row of the
//! table of events.

use telerad_core::Issuer;
use telerad_dicom::tags;
use telerad_worklist::{
    AdtFeed, ArrivalEvent, Disposition, MergedIdentifier, POSSIBLE_OVERLAY, StepStatus, apply, read,
};

use crate::{Site, findings, identifier};

pub(crate) const DOE: &str = "4711^^^NORTH-MRN||Doe^Jane||19700102|F";

/// A message of the day on which [`order`] is to be done.
pub(crate) fn adt(event: &str, pid: &str, rest: &str) -> String {
    let head = "MSH|^~\\&|HIS|NORTH|||20261124080000||";
    format!("{head}ADT^{event}|M{event}|P|2.3.1\nEVN|{event}\nPID|||{pid}\n{rest}")
}

/// An order under an accession number, of visit V1 where `pv1` says so.
pub(crate) fn order(accession: &str, pid: &str, pv1: &str) -> String {
    format!(
        "MSH|^~\\&|RIS|NORTH|||20261124070000||ORM^O01|M{accession}|P|2.3.1
        PID|||{pid}
        {pv1}
        ORC|NW||||||^^^202611241030^^S
        OBR||||X^Proc^L||||||||||||||{accession}|RP-{accession}|SPS-{accession}||||CT"
    )
}

const IN_V1: &str = "PV1||I|WARD^1^A||||||||||||||||V1";
const IN_V2: &str = "PV1||I|WARD^9^Z||||||||||||||||V2";

fn admitted() -> Site {
    let mut site = Site::new();
    site.send(&adt("A01", DOE, IN_V1));
    site.send(&order("A-1", DOE, IN_V1));
    site.send(&order("A-2", DOE, IN_V2));
    site
}

/// Location, class, admission and status of an order.
#[track_caller]
fn check(site: &Site, accession: &str, expected: (&str, &str, &str, StepStatus)) {
    let order = site.known.orders.iter().find(|it| it.order.accession.value() == accession);
    let order = order.unwrap();
    let admission = order.admission_id.as_ref().map_or("", |id| id.value());
    let (location, class) = (order.patient_location.as_str(), order.patient_class.as_str());
    assert_eq!((location, class, admission, order.steps[0].status), expected, "{accession}");
}

const FIRST: (&str, &str, &str, StepStatus) = ("WARD^1^A", "I", "V1", StepStatus::Scheduled);
const SECOND: (&str, &str, &str, StepStatus) = ("WARD^9^Z", "I", "V2", StepStatus::Scheduled);

#[test]
fn a_transfer_or_a_change_of_class_gives_the_open_orders_of_the_visit_the_location() {
    for (event, class) in [("A02", "I"), ("A06", "I"), ("A07", "O"), ("A12", "I")] {
        let mut site = admitted();
        let pv1 = format!("PV1||{class}|ICU^2^B||||||||||||||||V1");
        let outcome = site.send(&adt(event, DOE, &pv1));
        assert_eq!(outcome.disposition, Disposition::Applied, "{event}");
        check(&site, "A-1", ("ICU^2^B", class, "V1", StepStatus::Scheduled));
        check(&site, "A-2", SECOND);
    }
}

#[test]
fn an_order_that_has_ended_keeps_its_location() {
    let mut site = admitted();
    site.known.orders.iter_mut().for_each(|it| it.steps[0].status = StepStatus::Completed);
    let outcome = site.send(&adt("A02", DOE, "PV1||I|ICU^2^B"));
    assert_eq!(outcome.disposition, Disposition::NoChange);
}

#[test]
fn registration_and_updates_leave_orders_alone() {
    for event in ["A01", "A04", "A05", "A28", "A08", "A31"] {
        let mut site = admitted();
        let outcome = site.send(&adt(event, "4711^^^NORTH-MRN||Roe^Jane||19700102|F", IN_V2));
        assert_eq!(outcome.disposition, Disposition::Applied, "{event}");
        check(&site, "A-1", FIRST);
        check(&site, "A-2", SECOND);
        let query = identifier(&[(tags::PATIENT_NAME, ""), (tags::ACCESSION_NUMBER, "")], &[]);
        let names = site.ask(&query);
        assert!(names.iter().all(|it| it.text(tags::PATIENT_NAME).as_deref() == Some("Roe^Jane")));
        assert_eq!(names.len(), 2);
    }
}

#[test]
fn a_discharge_departs_by_rule_only_and_can_be_taken_back() {
    let mut site = admitted();
    site.send(&adt("A03", DOE, IN_V1));
    check(&site, "A-1", FIRST);
    site.mapping.adt.departed_on_discharge = true;
    site.send(&adt("A03", DOE, IN_V1));
    check(&site, "A-1", ("WARD^1^A", "I", "V1", StepStatus::Departed));
    check(&site, "A-2", SECOND);
    site.send(&adt("A13", DOE, "PV1||I|WARD^3^C||||||||||||||||V1"));
    check(&site, "A-1", ("WARD^3^C", "I", "V1", StepStatus::Scheduled));
    check(&site, "A-2", SECOND);
}

#[test]
fn a_cancelled_admission_clears_its_fields_and_cancels_no_order() {
    for event in ["A11", "A38"] {
        let mut site = admitted();
        let outcome = site.send(&adt(event, DOE, IN_V1));
        assert_eq!(outcome.disposition, Disposition::Applied, "{event}");
        check(&site, "A-1", ("", "", "", StepStatus::Scheduled));
        check(&site, "A-2", SECOND);
    }
}

#[test]
fn a_cancelled_admission_without_number_clears_none_of_several() {
    let mut site = admitted();
    let outcome = site.send(&adt("A11", DOE, "PV1||I"));
    let text = "PV1-19: no visit number, and several admissions are known: none was cleared";
    assert!(findings(&outcome).contains(&text.to_owned()));
    check(&site, "A-1", FIRST);
    check(&site, "A-2", SECOND);
}

#[test]
fn arrival_is_told_by_rule_only() {
    for (event, by) in [("A10", ArrivalEvent::A10), ("A04", ArrivalEvent::A04)] {
        let mut site = admitted();
        site.send(&adt(event, DOE, IN_V1));
        check(&site, "A-1", FIRST);
        site.mapping.adt.arrived_on = vec![by];
        site.send(&adt(event, DOE, IN_V1).replace("080000", "080500"));
        check(&site, "A-1", ("WARD^1^A", "I", "V1", StepStatus::Arrived));
        check(&site, "A-2", SECOND);
        site.send(&adt("A11", DOE, IN_V1).replace("080000", "081000"));
        check(&site, "A-1", ("", "", "", StepStatus::Scheduled));
    }
}

#[test]
fn who_arrives_without_a_visit_arrives_for_the_orders_of_the_day() {
    let mut site = Site::new();
    site.mapping.adt.arrived_on = vec![ArrivalEvent::A10];
    site.send(&order("A-1", DOE, "PV1||O"));
    site.send(&order("A-2", DOE, "PV1||O").replace("202611241030", "202612241030"));
    site.send(&adt("A10", DOE, "PV1||O"));
    check(&site, "A-1", ("", "O", "", StepStatus::Arrived));
    check(&site, "A-2", ("", "O", "", StepStatus::Scheduled));
}

#[test]
fn another_patients_orders_follow_nothing() {
    let other = "4711^^^SOUTH-MRN||Doe^Jane||19700102|F";
    let mut site = admitted();
    site.send(&order("B-1", other, IN_V1));
    site.send(&adt("A02", other, "PV1||I|ICU^2^B||||||||||||||||V1"));
    check(&site, "A-1", FIRST);
    check(&site, "B-1", ("ICU^2^B", "I", "V1", StepStatus::Scheduled));
}

#[test]
fn another_name_and_birth_date_at_once_is_for_a_person() {
    let stranger = "4711^^^NORTH-MRN||Roe^Richard||19551231|M";
    for event in ["A01", "A04", "A08", "A31", "A02"] {
        let mut site = admitted();
        let before = site.known.clone();
        let text = adt(event, stranger, IN_V1);
        let outcome = site.send(&text);
        assert_eq!(outcome.disposition, Disposition::Parked(POSSIBLE_OVERLAY.to_owned()));
        assert!(site.known == before, "{event}");
        // A person says that it is the same patient.
        let message = telerad_hl7::Message::parse(text.replace('\n', "\r").into_bytes()).unwrap();
        let inbound = read(&message, &site.mapping).unwrap().accepting_overlay();
        let known = site.looked_up(&inbound);
        let outcome = apply(inbound, &known, telerad_core::Timestamp::from_micros(1));
        assert_eq!(outcome.disposition, Disposition::Applied);
        outcome.effects.into_iter().for_each(|effect| site.write(effect));
        assert_eq!(site.patient().patient.name.to_dicom(), "Roe^Richard");
    }
    let mut site = admitted();
    let outcome = site.send(&order("A-3", stranger, IN_V1));
    assert_eq!(outcome.disposition, Disposition::Parked(POSSIBLE_OVERLAY.to_owned()));
    // One of the two alone is a correction.
    let married = "4711^^^NORTH-MRN||Roe^Jane||19700102|F";
    assert_eq!(site.send(&adt("A08", married, "")).disposition, Disposition::Applied);
}

#[track_caller]
fn check_feed(feed: AdtFeed, registered: bool, expected: [&str; 2]) {
    let mut site = Site::new();
    site.mapping.adt.feed = feed;
    if registered {
        site.send(&adt("A04", DOE, ""));
    }
    site.send(&order("A-1", DOE, "PV1||O"));
    let name = |site: &Site| site.patient().patient.name.to_dicom();
    site.send(&order("A-2", &DOE.replace("Doe", "Roe"), "PV1||O"));
    let after_order = name(&site);
    let change = order("A-2", &DOE.replace("Doe", "Poe"), "PV1||O").replace("ORC|NW", "ORC|XO");
    site.send(&change.replace("070000", "071000"));
    assert_eq!([after_order.as_str(), name(&site).as_str()], expected, "{feed:?} {registered}");
}

#[test]
fn orders_update_the_patient_where_no_adt_feed_does() {
    check_feed(AdtFeed::None, false, ["Roe^Jane", "Poe^Jane"]);
    check_feed(AdtFeed::None, true, ["Roe^Jane", "Poe^Jane"]);
    check_feed(AdtFeed::Present, false, ["Doe^Jane", "Doe^Jane"]);
    check_feed(AdtFeed::Present, true, ["Doe^Jane", "Doe^Jane"]);
    check_feed(AdtFeed::Unstated, false, ["Roe^Jane", "Roe^Jane"]);
    check_feed(AdtFeed::Unstated, true, ["Doe^Jane", "Doe^Jane"]);
}

#[test]
fn an_authority_that_is_written_otherwise_is_the_same_one() {
    let mut site = admitted();
    let longer = DOE.replace("NORTH-MRN", "NORTH-MRN&1.2.3&ISO").replace("Doe", "Roe");
    site.mapping.patient_authority = Issuer::local("NORTH-MRN").ok();
    assert_eq!(site.send(&adt("A08", &longer, "")).disposition, Disposition::Applied);
    assert_eq!(site.known.patients.len(), 1);
    assert_eq!(site.patient().patient.name.to_dicom(), "Roe^Jane");
}

#[test]
fn the_default_for_a_merged_identifier_is_to_ask_a_person() {
    assert_eq!(MergedIdentifier::default(), MergedIdentifier::Park);
}
