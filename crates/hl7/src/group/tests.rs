use super::*;

/// The groups of a message as one line: `p` patient, `o` order, `d` document, `r` resources, members in brackets.
fn shape(body: &str) -> String {
    let head = body.split_whitespace().next().unwrap_or_default();
    let segments: Vec<&str> = body.split_whitespace().skip(1).collect();
    let raw = format!("MSH|^~\\&|A||||||{head}^X|1|P|2.5\r{}\r", segments.join("|\r"));
    let message = Message::parse(raw).unwrap();
    let groups = Groups::of(&message);
    let ids = |list: &[Placed<'_>]| {
        list.iter().map(|placed| placed.id().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let observations = |list: &[ObservationGroup<'_>]| {
        let parts = list.iter().map(|group| {
            let notes = "+NTE".repeat(group.notes.len());
            format!("OBX{notes}")
        });
        parts.collect::<Vec<_>>().join(" ")
    };
    let mut text = String::new();
    for patient in &groups.patients {
        let prior = if patient.is_prior { "prior" } else { "" };
        let parts = [
            ids(&patient.patient.into_iter().chain(patient.demographics).collect::<Vec<_>>()),
            ids(&patient.visits),
            ids(&patient.merges),
            ids(&patient.allergies),
            ids(&patient.notes),
            observations(&patient.observations),
            ids(&patient.others),
        ];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        text.push_str(&format!("{prior}p[{}]", parts.join(" ")));
        for order in &patient.orders {
            let parts = [
                ids(&order.order.into_iter().chain(order.request).collect::<Vec<_>>()),
                ids(&order.timings),
                ids(&order.steps),
                ids(&order.notes),
                observations(&order.observations),
                ids(&order.studies),
                ids(&order.others),
            ];
            let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            text.push_str(&format!("o[{}]", parts.join(" ")));
        }
        for document in &patient.documents {
            text.push_str(&format!("d[{}]", observations(&document.observations)));
        }
    }
    for group in &groups.resources {
        let all = [&group.services, &group.devices, &group.locations, &group.persons, &group.notes];
        let parts: Vec<_> =
            all.into_iter().map(|list| ids(list)).filter(|part| !part.is_empty()).collect();
        text.push_str(&format!("r[{}]", parts.join(" ")));
    }
    text
}

#[track_caller]
fn check(body: &str, expected: &str) {
    assert_eq!(shape(body), expected, "{body}");
}

#[test]
fn an_order_collects_what_follows_it() {
    check(
        "OMI PID PV1 ORC TQ1 OBR NTE OBX NTE IPC IPC",
        "p[PID PV1]o[ORC OBR TQ1 IPC IPC NTE OBX+NTE]",
    );
    check("ORM PID ORC OBR ORC OBR", "p[PID]o[ORC OBR]o[ORC OBR]");
    check("ORM PID ORC ORC OBR", "p[PID]o[ORC]o[ORC OBR]");
}

#[test]
fn a_request_without_an_order_is_an_order() {
    check("ORU PID OBR OBX OBR OBX", "p[PID]o[OBR OBX]o[OBR OBX]");
    check("ORM PID ORC OBR OBR", "p[PID]o[ORC OBR]o[ORC OBR]");
}

#[test]
fn one_study_at_the_end_speaks_for_all_orders_before_it() {
    check("ORM PID ORC OBR ORC OBR ZDS", "p[PID]o[ORC OBR ZDS]o[ORC OBR ZDS]");
    check("ORM PID ORC OBR ZDS ORC OBR ZDS", "p[PID]o[ORC OBR ZDS]o[ORC OBR ZDS]");
    check("ORM PID ORC OBR ZDS ZDS", "p[PID]o[ORC OBR ZDS ZDS]");
}

#[test]
fn segments_in_odd_places_are_kept() {
    check("ORM NTE PID NTE AL1 DG1 ORC NTE OBR ZPI", "p[PID AL1 NTE]o[ORC OBR NTE ZPI]");
    check("ORM PV1 PID ORC OBR", "p[PID PV1]o[ORC OBR]");
    check("ORM ORC OBR", "p[]o[ORC OBR]");
    check("ORU PID OBX OBR OBX", "p[PID OBX]o[OBR OBX]");
}

#[test]
fn every_pid_opens_a_patient() {
    check("ORU PID OBR OBX PID OBR OBX", "p[PID]o[OBR OBX]p[PID]o[OBR OBX]");
    check("ADT EVN PID PD1 MRG PID MRG PV1", "p[PID PD1 MRG]p[PID PV1 MRG]");
    check("OMG PID ORC OBR PID ORC OBR", "p[PID]o[ORC OBR]priorp[PID]o[ORC OBR]");
    check("OMG PID PV1 ORC OBR PV1 OBR OBX", "p[PID PV1]o[ORC OBR]priorp[PID PV1]o[OBR OBX]");
}

#[test]
fn documents_and_resources_collect_their_own() {
    check("MDM EVN PID PV1 ORC OBR TXA OBX NTE OBX", "p[PID PV1]o[ORC OBR]d[OBX+NTE OBX]");
    check(
        "SIU SCH NTE PID PV1 RGS AIS NTE AIG AIL AIP RGS AIS",
        "p[PID PV1]r[AIS AIG AIL AIP NTE]r[AIS]",
    );
    check("SIU SCH PID AIS AIL", "p[PID]r[AIS AIL]");
}

#[test]
fn occurrences_count_by_id_over_the_whole_message() {
    let message =
        Message::parse("MSH|^~\\&|A\rPID|1\rOBR|1\rOBX|1\rOBR|2\rOBX|2\rOBX|3\r").unwrap();
    let groups = Groups::of(&message);
    let last = groups.orders().last().and_then(|(_, order)| order.observations.last()).unwrap();
    let location = last.observation.location().map(|location| location.to_string());
    assert_eq!(location.as_deref(), Some("OBX[3]"));
}
