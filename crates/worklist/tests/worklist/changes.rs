//! Orders that change.

use telerad_worklist::{Disposition, StepStatus};

use crate::{Site, findings};

/// An order message of 2026-11-24 at this minute past eight.
fn order(minute: u8, control: &str, status: &str, obr: &str) -> String {
    format!(
        "MSH|^~\\&|RIS|NORTH|||2026112408{minute:02}||ORM^O01|M{minute}|P|2.3.1
        PID|||4711^^^NORTH-MRN||Doe^Jane||19700102|F
        ORC|{control}||||{status}||^^^202611241030^^R
        OBR||||X^Proc^L^P1^One^LP||||||||||||||{obr}
        ZDS|1.2.3"
    )
}

const ONE: &str = "A-1^NORTH|RP-1|SPS-1||||CT";
const TWO: &str = "A-1^NORTH|RP-1|SPS-2||||MR";
const OLDER: &str = "MSH-7: older than what is known of the order: what was said later stands";
const REOPENED: &str = "ORC-1: a step that was withdrawn is SCHEDULED again, since this came later";

fn ordered() -> Site {
    let mut site = Site::new();
    assert_eq!(site.send(&order(0, "NW", "", ONE)).disposition, Disposition::Applied);
    site
}

fn statuses(site: &Site) -> Vec<StepStatus> {
    site.order().steps.iter().map(|step| step.status).collect()
}

#[track_caller]
fn parked(site: &mut Site, message: &str, reason: &str) {
    let before = site.known.orders.clone();
    let disposition = site.send(message).disposition;
    assert_eq!(disposition, Disposition::Parked(reason.to_owned()));
    assert_eq!(site.known.orders, before);
}

#[test]
fn the_same_order_again_changes_nothing() {
    let mut site = ordered();
    let outcome = site.send(&order(0, "NW", "", ONE));
    assert_eq!((outcome.disposition, outcome.effects.len()), (Disposition::NoChange, 0));
    assert_eq!(site.order().revision, 1);
    // That it was ordered again, and when, is kept: a cancellation between the two comes too late.
    assert_eq!(site.send(&order(5, "NW", "", ONE)).disposition, Disposition::NoChange);
    assert_eq!(site.order().revision, 2);
    let outcome = site.send(&order(3, "CA", "", ONE));
    assert_eq!(outcome.disposition, Disposition::NoChange);
    assert_eq!(statuses(&site), [StepStatus::Scheduled]);
}

#[test]
fn a_known_order_with_new_content_is_a_change_and_says_so() {
    let mut site = ordered();
    let outcome = site.send(&order(5, "NW", "", &ONE.replace("|CT", "|MR")));
    assert_eq!(outcome.disposition, Disposition::Applied);
    assert!(
        findings(&outcome)
            .contains(&"ORC-1: a new order that is known already: taken as a change".to_owned())
    );
    assert_eq!(site.order().steps[0].modality, "MR");
    assert_eq!(site.order().revision, 2);
}

#[test]
fn a_change_adds_steps_and_removes_none() {
    let mut site = ordered();
    site.send(&order(5, "XO", "", TWO));
    let ids: Vec<&str> = site.order().steps.iter().map(|step| step.step_id.as_str()).collect();
    assert_eq!(ids, ["SPS-1", "SPS-2"]);
    site.send(&order(6, "XO", "", &TWO.replace("MR", "US")));
    assert_eq!(site.order().steps[1].modality, "US");
    assert_eq!(site.order().steps[0].modality, "CT");
}

#[test]
fn a_change_leaves_out_what_stays() {
    let mut site = ordered();
    let bare = "MSH|^~\\&|RIS|NORTH|||202611240805||ORM^O01|M|P|2.3.1
        PID|||4711^^^NORTH-MRN
        ORC|XO
        OBR|||||||||||||\"\"|||||A-1^NORTH||SPS-1||||||||||CART";
    assert_eq!(site.send(bare).disposition, Disposition::Applied);
    let record = site.order();
    assert_eq!(record.transport, "CART");
    assert_eq!(record.order.procedure.value, "X");
    assert_eq!(record.steps[0].modality, "CT");
    let start = record.steps[0].start.map(|start| start.to_string());
    assert_eq!(start.as_deref(), Some("202611241030"));
}

#[test]
fn a_change_does_not_touch_the_patient() {
    let mut site = ordered();
    let change = order(5, "XO", "", TWO).replace("Doe^Jane", "Roe^Rita");
    let outcome = site.send(&change);
    assert_eq!(outcome.effects.len(), 1);
    assert_eq!(site.order().order.patient.name.to_dicom(), "Doe^Jane");
    assert_eq!(site.patient().patient.name.to_dicom(), "Doe^Jane");
    let text = "PID: a change does not update the patient (IHE RAD-13): not used".to_owned();
    assert!(findings(&outcome).contains(&text));
}

#[test]
fn a_change_of_an_unknown_order_creates_it_and_says_so() {
    let mut site = Site::new();
    let outcome = site.send(&order(5, "XO", "", ONE));
    assert_eq!(outcome.disposition, Disposition::Applied);
    let text = "ORC-1: a change of an order that is not known: the order was created".to_owned();
    assert!(findings(&outcome).contains(&text));
    assert!(site.known.patients.is_empty());
}

#[test]
fn cancellation_hides_one_step_or_all() {
    let mut site = ordered();
    site.send(&order(1, "XO", "", TWO));
    site.send(&order(2, "CA", "", ONE));
    assert_eq!(statuses(&site), [StepStatus::Canceled, StepStatus::Scheduled]);
    assert!(site.order().is_open());
    site.send(&order(3, "OC", "", "A-1^NORTH"));
    assert_eq!(statuses(&site), [StepStatus::Canceled, StepStatus::Canceled]);
    assert!(!site.order().is_open());
    assert_eq!(site.send(&order(4, "CA", "", ONE)).disposition, Disposition::NoChange);
    let unknown = ONE.replace("SPS-1", "SPS-9");
    parked(
        &mut site,
        &order(5, "CA", "", &unknown),
        "a status for a step that the order does not have",
    );
}

#[test]
fn a_cancellation_may_have_its_orc_alone_when_the_site_says_where_the_number_is() {
    let mut site = Site::new();
    site.mapping.accession_sources = vec!["OBR-18".parse().unwrap(), "ORC-2".parse().unwrap()];
    site.send(&order(0, "NW", "", ONE));
    let outcome = site.send(
        "MSH|^~\\&|RIS|NORTH|||202611240805||ORM^O01|M|P|2.3.1
        PID|||4711^^^NORTH-MRN
        ORC|CA|A-1^NORTH",
    );
    assert_eq!(outcome.disposition, Disposition::Applied);
    assert_eq!(statuses(&site), [StepStatus::Canceled]);
}

#[test]
fn statuses_follow_orc_5() {
    let mut site = ordered();
    site.send(&order(1, "SC", "IP", ONE));
    assert_eq!(statuses(&site), [StepStatus::Started]);
    parked(
        &mut site,
        &order(2, "CA", "", ONE),
        "a step that has started cannot be cancelled, only discontinued",
    );
    let outcome = site.send(&order(3, "SC", "A", ONE));
    assert_eq!(outcome.disposition, Disposition::NoChange);
    assert_eq!(
        findings(&outcome).last().map(String::as_str),
        Some("ORC[1]: order status says nothing about the worklist")
    );
    site.send(&order(4, "XO", "CM", ONE));
    assert_eq!(statuses(&site), [StepStatus::Completed]);
    let outcome = site.send(&order(5, "SC", "IP", ONE));
    assert_eq!(outcome.disposition, Disposition::NoChange);
    assert_eq!(
        findings(&outcome).last().map(String::as_str),
        Some(
            "ORC-5: a step stays COMPLETED although STARTED was said: it is not reopened by itself"
        )
    );
}

#[test]
fn a_change_of_an_ended_order_keeps_its_end_and_says_so() {
    let mut site = ordered();
    site.send(&order(1, "SC", "CM", ONE));
    let outcome = site.send(&order(2, "XO", "", &ONE.replace("|CT", "|MR")));
    assert_eq!(outcome.disposition, Disposition::Applied);
    assert_eq!(statuses(&site), [StepStatus::Completed]);
    let text = "ORC-1: the order has ended: its steps keep their status".to_owned();
    assert!(findings(&outcome).contains(&text));
}

#[test]
fn discontinuation_ends_what_has_started() {
    let mut site = ordered();
    site.send(&order(1, "SC", "IP", ONE));
    site.send(&order(2, "DC", "", ONE));
    assert_eq!(statuses(&site), [StepStatus::Discontinued]);
}

#[test]
fn answers_and_results_ask_for_nothing() {
    for control in ["OK", "PR", "RE", "UA", "XR"] {
        let outcome = Site::new().send(&order(0, control, "", ONE));
        assert_eq!(outcome.disposition, Disposition::NoChange, "{control}");
    }
}

#[test]
fn the_number_of_another_patients_order_is_never_taken_over() {
    let mut site = ordered();
    for control in ["NW", "XO", "CA", "DC"] {
        let other = order(5, control, "", ONE).replace("4711", "4712");
        parked(&mut site, &other, "the accession number is known for another patient");
    }
}

#[test]
fn an_order_for_a_known_identifier_with_another_name_and_birth_date_is_parked() {
    let mut site = ordered();
    let other = order(5, "NW", "", &ONE.replace("A-1", "A-2"))
        .replace("Doe^Jane", "Roe^Rita")
        .replace("19700102", "19800203");
    parked(&mut site, &other, "the patient identifier is known with another name and birth date");
    let married = order(5, "NW", "", &ONE.replace("A-1", "A-2")).replace("Doe^Jane", "Roe^Jane");
    assert_eq!(site.send(&married).disposition, Disposition::Applied);
    assert_eq!(site.patient().patient.name.to_dicom(), "Roe^Jane");
}

#[test]
fn an_older_change_does_not_undo_a_later_one_and_says_so() {
    let mut site = ordered();
    site.send(&order(9, "XO", "", &ONE.replace("|CT", "|MR")));
    let outcome = site.send(&order(5, "XO", "", ONE));
    assert_eq!(outcome.disposition, Disposition::NoChange);
    assert!(findings(&outcome).contains(&OLDER.to_owned()));
    assert_eq!(site.order().steps[0].modality, "MR");
    let outcome = site.send(&order(5, "XO", "", &ONE.replace("|CT", "|MR")));
    assert_eq!(outcome.disposition, Disposition::NoChange);
}

#[test]
fn an_older_change_fills_what_nothing_later_has_said() {
    let mut site = ordered();
    site.send(&order(9, "XO", "", &ONE.replace("|CT", "|MR")));
    let transport = format!("{}||||||CART", TWO.replace("|MR", "|US"));
    let outcome = site.send(&order(5, "XO", "", &transport));
    assert_eq!(outcome.disposition, Disposition::Applied);
    let record = site.order();
    let modalities: Vec<&str> = record.steps.iter().map(|step| step.modality.as_str()).collect();
    assert_eq!((record.transport.as_str(), modalities), ("CART", vec!["MR", "US"]));
}

#[test]
fn a_withdrawn_order_that_is_ordered_again_later_is_open_again_and_says_so() {
    let mut site = ordered();
    site.send(&order(5, "CA", "", ONE));
    // A copy of the first message that comes late is no new order.
    assert_eq!(site.send(&order(0, "NW", "", ONE)).disposition, Disposition::NoChange);
    assert_eq!(statuses(&site), [StepStatus::Canceled]);
    for (minute, control) in [(9, "NW"), (19, "XO")] {
        let outcome = site.send(&order(minute, control, "", ONE));
        assert_eq!(outcome.disposition, Disposition::Applied);
        assert!(findings(&outcome).contains(&REOPENED.to_owned()));
        assert_eq!(statuses(&site), [StepStatus::Scheduled]);
        site.send(&order(minute + 1, "DC", "", ONE));
    }
}

#[test]
fn a_derived_study_may_be_named_later_but_a_named_one_stays() {
    let mut site = Site::new();
    let without = order(0, "NW", "", ONE).replace("ZDS|1.2.3", "");
    site.send(&without);
    assert!(site.order().order.study_instance_uid.as_str().starts_with("2.25."));
    site.send(&order(1, "XO", "", ONE));
    assert_eq!(site.order().order.study_instance_uid.as_str(), "1.2.3");
    parked(
        &mut site,
        &order(2, "XO", "", ONE).replace("1.2.3", "1.2.4"),
        "names another study instance UID for a known order",
    );
}

#[test]
fn a_message_is_applied_whole_or_not_at_all() {
    let mut site = Site::new();
    let second = "\nORC|NW\nOBR||||X^Proc^L||||||||||||||A\\E\\2|RP-1|SPS-1||||RAD";
    let message = order(0, "NW", "", ONE) + second;
    let outcome = site.send(&message);
    assert!(matches!(outcome.disposition, Disposition::Parked(_)));
    assert!(site.known.orders.is_empty() && site.known.patients.is_empty());
}

#[test]
fn a_status_reaches_every_step_that_its_message_names() {
    let message = |minute: u8, control: &str, status: &str, steps: &str| {
        let steps: Vec<String> = steps
            .split_whitespace()
            .map(|step| format!("IPC|A-1^NORTH|RP-1|1.2.3|{step}|CT|P^P^L"))
            .collect();
        format!(
            "MSH|^~\\&|RIS|NORTH|||2026112408{minute:02}||OMI^O23|M{minute}|P|2.5.1
            PID|||4711^^^NORTH-MRN||Doe^Jane||19700102|F
            ORC|{control}||||{status}
            TQ1|||||||202611241030
            OBR||||X^Proc^L
            {}",
            steps.join("\n")
        )
    };
    let mut site = Site::new();
    site.send(&message(0, "NW", "", "SPS-1 SPS-2 SPS-3"));
    site.send(&message(1, "SC", "CM", "SPS-1 SPS-3"));
    use StepStatus::{Completed, Scheduled};
    assert_eq!(statuses(&site), [Completed, Scheduled, Completed]);
}

#[test]
fn earlier_results_in_an_order_are_not_ordered_again() {
    let mut site = Site::new();
    let outcome = site.send(
        "MSH|^~\\&|RIS|NORTH|||20261124080000||OMG^O19|M|P|2.5.1
        PID|||4711^^^NORTH-MRN||Doe^Jane||19700102|F
        ORC|NW
        TQ1|||||||202611241030
        OBR||||X^Proc^L||||||||||||||A-1^NORTH|RP-1|SPS-1||||CT
        PV1||O
        ORC|NW
        OBR||||OLD^Old^L||||||||||||||A-0^NORTH|RP-0|SPS-0||||CT
        OBX|1|NM|29463-7^^LN||60|kg",
    );
    assert_eq!(outcome.disposition, Disposition::Applied);
    assert_eq!((site.known.orders.len(), site.order().order.accession.value()), (1, "A-1"));
    assert_eq!(site.order().clinical.weight_kg, "");
    assert!(findings(&outcome).contains(&"PV1: results of earlier orders are not used".to_owned()));
}

#[test]
fn a_further_request_has_numbers_of_its_own() {
    let mut site = Site::new();
    let outcome = site.send(
        "MSH|^~\\&|RIS|NORTH|||20261124080000||ORM^O01|M|P|2.3.1
        PID|||4711^^^NORTH-MRN||Doe^Jane||19700102|F
        ORC|NW|P-1|||||^^^202611241030
        OBR||P-1||X^Proc^L||||||||||||||A-1^NORTH|RP-1|SPS-1||||CT
        OBR||P-2||Y^Proc^L||||||||||||||A-2^NORTH|RP-2|SPS-2||||CT",
    );
    let number = |record: &telerad_worklist::OrderRecord| {
        record.order.placer_order_number.as_ref().map(|number| number.value().to_owned())
    };
    let numbers: Vec<_> = site.known.orders.iter().filter_map(number).collect();
    assert_eq!(numbers, ["P-1", "P-2"]);
    assert!(!findings(&outcome).iter().any(|text| text.contains("another number")));
}

#[test]
fn what_an_order_control_asks_for_follows_the_table() {
    let send = |control: &str, status: &str| {
        let mut site = Site::new();
        let order = |control: &str, status: &str, minute: u8, alert: &str| {
            format!(
                "MSH|^~\\&|RIS|NORTH|||2026112408{minute:02}||ORM^O01|M{minute}|P|2.3.1
                PID|||4711^^^NORTH-MRN||Doe^Jane||19700102|F
                ORC|{control}||||{status}||^^^202611241030
                OBR||||X^Proc^L|||||||||{alert}|||||A-1^NORTH|RP-1|SPS-1||||CT"
            )
        };
        site.send(&order("NW", "", 0, ""));
        let outcome = site.send(&order(control, status, 1, "changed"));
        let is_changed = !site.order().clinical.medical_alerts.is_empty();
        let disposition = match outcome.disposition {
            Disposition::Parked(reason) => reason,
            other => format!("{other:?}"),
        };
        let changed = if is_changed { " changed" } else { "" };
        let held = if site.order().steps[0].is_held { " held" } else { "" };
        format!("{disposition} {}{changed}{held}", statuses(&site)[0].as_dicom())
    };
    // Answers, results, refills, dispenses, problems, status requests: nothing to do about any step.
    for control in "AF CN CR DE DF DR FU HR LI OF OK OP OR PY RE RF RR SS UA UC UD UF UH UM UN UR \
                    UX XR"
        .split_whitespace()
    {
        assert_eq!(send(control, ""), "NoChange SCHEDULED", "{control}");
    }
    for (control, status, expected) in [
        ("XO", "", "Applied SCHEDULED changed"),
        ("XO", "SC", "Applied SCHEDULED changed"),
        // The change and the status both count.
        ("XO", "CM", "Applied COMPLETED changed"),
        ("XO", "IP", "Applied STARTED changed"),
        ("XX", "", "Applied SCHEDULED changed"),
        ("SC", "CM", "Applied COMPLETED"),
        ("SR", "CM", "Applied COMPLETED"),
        ("SC", "IP", "Applied STARTED"),
        ("SC", "CA", "Applied CANCELED"),
        ("SC", "DC", "Applied DISCONTINUED"),
        ("SC", "SC", "NoChange SCHEDULED"),
        // Some, but not all, results: nothing is completed by that.
        ("SC", "A", "NoChange SCHEDULED"),
        ("SC", "RP", "Applied CANCELED"),
        ("SC", "ER", "NoChange SCHEDULED"),
        ("XO", "CA", "Applied CANCELED changed"),
        ("SC", "HD", "Applied SCHEDULED held"),
        ("XO", "HD", "Applied SCHEDULED changed held"),
        ("HD", "", "Applied SCHEDULED held"),
        ("OH", "", "Applied SCHEDULED held"),
        ("RL", "", "NoChange SCHEDULED"),
        ("OE", "", "NoChange SCHEDULED"),
        ("CA", "", "Applied CANCELED"),
        ("DC", "", "Applied DISCONTINUED"),
        ("OC", "", "Applied CANCELED"),
        ("OD", "", "Applied DISCONTINUED"),
        // Answers confirm what was asked before; they ask for nothing.
        ("CR", "CA", "NoChange SCHEDULED"),
        ("DR", "DC", "NoChange SCHEDULED"),
        ("PR", "", "NoChange SCHEDULED"),
        // Nothing is said of what takes the place of the order.
        ("RP", "", "an order is replaced, and the message has no new one SCHEDULED"),
        ("RU", "", "an order is replaced, and the message has no new one SCHEDULED"),
        ("RQ", "", "an order is replaced, and the message has no new one SCHEDULED"),
        ("RO", "", "Applied SCHEDULED changed"),
        ("CH", "", "Applied SCHEDULED changed"),
        ("PA", "", "NoChange SCHEDULED"),
        ("NA", "", "NoChange SCHEDULED"),
        ("NA", "CA", "NoChange SCHEDULED"),
        ("nw", "", "order control is not of table 0119 SCHEDULED"),
    ] {
        assert_eq!(send(control, status), expected, "{control} {status}");
    }
}

#[test]
fn a_part_of_an_order_message_is_parked_and_additions_are_read() {
    let order = |end: &str| {
        format!(
            "MSH|^~\\&|RIS|NORTH|||20261124080000||ORM^O01|M|P|2.3.1
            PID|||4711^^^NORTH-MRN||Doe^Jane||19700102|F
            ORC|NW||||||^^^202611241030
            OBR||||X^Proc^L||||||||||||||A-1^NORTH|RP-1|SPS-1{end}"
        )
    };
    let parked = Disposition::Parked("the message is one part of several".to_owned());
    assert_eq!(Site::new().send(&order("||||CT\nDSC|next|F")).disposition, parked);
    let mut site = Site::new();
    site.send(&order("||\nADD|||CT"));
    assert_eq!(site.order().steps[0].modality, "CT");
}

#[test]
fn an_order_says_where_the_patient_is_and_of_which_class() {
    let mut site = Site::new();
    let order = |pv1: &str| {
        format!(
            "MSH|^~\\&|RIS|NORTH|||20261124080000||ORM^O01|M1|P|2.3.1\rPID|||4711^^^NORTH-MRN||Doe^Jane||19700102|F\r{pv1}\rORC|NW\rOBR|1|||X^Proc^L^P1^One^LP||202611250900||||||||||||A-1|RP-1|SPS-1||||CT\rZDS|1.2.3\r"
        )
    };
    site.send(&order("PV1||E|ED^3^1"));
    let kept = site.order();
    assert_eq!((kept.patient_location.as_str(), kept.patient_class.as_str()), ("ED^3^1", "E"));
    site.send(&order("PV1||").replace("M1", "M2"));
    assert_eq!(site.order().patient_class, "E");
}
