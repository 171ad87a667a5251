//! ADT messages.

use telerad_core::PatientId;
use telerad_dicom::tags;
use telerad_worklist::Disposition;

use crate::{Site, findings, identifier};

fn adt(event: &str, pid: &str) -> String {
    format!("MSH|^~\\&|HIS|NORTH|||20261124080000||ADT^{event}|M|P|2.3.1\nEVN|{event}\nPID|||{pid}")
}

const JANE: &str = "4711^^^NORTH-MRN^MR||Doe^Jane||19700102|F";

#[test]
fn registration_creates_and_repeats_nothing() {
    for event in ["A01", "A04", "A05", "A28", "A08", "A31"] {
        let mut site = Site::new();
        assert_eq!(site.send(&adt(event, JANE)).disposition, Disposition::Applied, "{event}");
        assert_eq!(site.patient().patient.name.to_dicom(), "Doe^Jane");
        assert_eq!(site.send(&adt(event, JANE)).disposition, Disposition::NoChange);
        assert_eq!(site.patient().revision, 1);
    }
}

#[test]
fn empty_keeps_and_null_deletes() {
    let mut site = Site::new();
    site.send(&adt("A04", JANE));
    site.send(&adt("A08", "4711^^^NORTH-MRN^MR||Roe^Jane||\"\"|"));
    let patient = &site.patient().patient;
    assert_eq!(patient.name.to_dicom(), "Roe^Jane");
    assert_eq!((patient.birth_date, patient.sex.is_some()), (None, true));
    site.send(&adt("A08", "4711^^^NORTH-MRN^MR||Roe^Jane|||U"));
    assert_eq!(site.patient().patient.sex, None);
}

#[test]
fn null_deletes_what_staff_were_told() {
    let mut site = Site::new();
    let told = "\nNTE|1||Needs an interpreter\nAL1|1||^Penicillin\nOBX|1|NM|29463-7^^LN||75|kg\nOBX|2|NM|8302-2^^LN||183|cm";
    site.send(&(adt("A04", JANE) + told));
    let before = site.patient().clinical.clone();
    assert_eq!((before.weight_kg.as_str(), before.size_m.as_str()), ("75", "1.83"));
    site.send(&(adt("A08", JANE) + "\nNTE|1||\nAL1|1||"));
    assert!(site.patient().clinical == before);
    let null = "\nNTE|1||\"\"\nAL1|1||\"\"\nOBX|1|NM|29463-7^^LN||\"\"|kg";
    site.send(&(adt("A08", JANE) + null));
    let after = site.patient().clinical.clone();
    assert_eq!((after.comments.as_str(), after.weight_kg.as_str()), ("", ""));
    assert_eq!((after.allergies.len(), after.size_m.as_str()), (0, "1.83"));
}

#[test]
fn an_update_shows_in_the_worklist_at_once() {
    let mut site = Site::new();
    site.send(
        "MSH|^~\\&|RIS|NORTH|||20261124080000||ORM^O01|M|P|2.3.1
        PID|||4711^^^NORTH-MRN||Doe^Jane||19700102|F
        AL1|1||^Penicillin
        ORC|NW
        OBR||||X^Proc^L||||||||||||||A-1|RP-1|SPS-1||||CT",
    );
    site.send(&adt("A08", "4711^^^NORTH-MRN||Roe^Jane||19700102|F"));
    let update = adt("A08", "4711^^^NORTH-MRN||Roe^Jane||19700103|F") + "\nAL1|1||^Iodine";
    site.send(&update);
    let query = identifier(
        &[(tags::PATIENT_NAME, ""), (tags::PATIENT_BIRTH_DATE, ""), (tags::ALLERGIES, "")],
        &[],
    );
    let answer = site.ask(&query).remove(0);
    assert_eq!(answer.text(tags::PATIENT_NAME).as_deref(), Some("Roe^Jane"));
    assert_eq!(answer.text(tags::PATIENT_BIRTH_DATE).as_deref(), Some("19700103"));
    // A missing allergy can kill: both words count.
    assert_eq!(answer.text(tags::ALLERGIES).as_deref(), Some("Penicillin\\Iodine"));
}

#[test]
fn an_identifier_that_was_merged_away_is_not_revived() {
    let mut site = Site::new();
    site.send(&adt("A04", JANE));
    site.known.patients[0].merged_into = PatientId::new("1", None).ok();
    let reason = "the patient identifier was merged into another".to_owned();
    assert_eq!(site.send(&adt("A08", JANE)).disposition, Disposition::Parked(reason));
}

#[test]
fn findings_and_debug_hold_no_patient_data() {
    let mut site = Site::new();
    let message = adt("A04", "4711\\E\\^^^^MR~4711||Doe\\S\\^Jane||1970010|Q");
    let outcome = site.send(&message);
    let text = format!("{outcome:?} {:?}", site.patient());
    for secret in ["4711", "Doe", "Jane", "1970010"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

/// An order whose PID-3, PID-5 and OBR-18 are these bytes, labelled as UTF-8.
fn labelled_utf8(id: &[u8], name: &[u8], accession: &[u8]) -> Vec<u8> {
    let head =
        b"MSH|^~\\&|RIS|NORTH|||20261124080000||ORM^O01|M|P|2.3.1||||||UNICODE UTF-8\rPID|||";
    let order = b"||19700102|F\rORC|NW||||||^^^202611241030\rOBR||||X^Proc^L||||||||||||||";
    let parts: [&[u8]; 7] =
        [head, id, b"||", name, order, accession, b"|RP-1|SPS-1||||CT\rZDS|1.2.3\r"];
    parts.concat()
}

#[test]
fn a_number_in_doubt_is_no_key() {
    for (id, accession, place) in
        [(&b"47\xdc"[..], &b"A-1"[..], "PID-3"), (b"4711", b"A-\xdc", "OBR-18")]
    {
        let mut site = Site::new();
        let outcome = site.send_bytes(labelled_utf8(id, b"Doe^Jane", accession));
        let reason = format!("bytes of {place} contradict the character set");
        assert_eq!(outcome.disposition, Disposition::Parked(reason));
        assert!(site.known.patients.is_empty() && site.known.orders.is_empty());
    }
}

#[test]
fn a_damaged_name_keeps_the_patient_on_the_worklist_and_replaces_no_name() {
    let mut site = Site::new();
    let damaged = || labelled_utf8(b"4711", b"M\xdcLLER^Jane", b"A-1");
    let outcome = site.send_bytes(damaged());
    assert_eq!(outcome.disposition, Disposition::Applied);
    let text = "PID-5: bytes contradict the character set: letters are lost".to_owned();
    assert!(findings(&outcome).contains(&text));
    assert_eq!(site.order().order.patient.name.to_dicom(), "M\u{fffd}LLER^Jane");
    let name = "MÜLLER^Jane";
    site.send_bytes(labelled_utf8(b"4711", name.as_bytes(), b"A-1"));
    assert_eq!(site.patient().patient.name.to_dicom(), name);
    site.send_bytes(damaged());
    assert_eq!(site.patient().patient.name.to_dicom(), name);
    assert_eq!(site.order().order.patient.name.to_dicom(), name);
}
