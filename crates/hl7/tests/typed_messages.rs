//! Every kind of message that this crate writes comes back from the bytes as the values it was written from.
//!
//! Each field of each typed segment gets a value with all of its components, so that a component that is read from
//! one place and written to another shows.

use telerad_hl7::datatype::{Ce, Cx, Ei, Fn, Rp, Ts, Xcn, Xpn};
use telerad_hl7::reading::{
    AppointmentSources, AppointmentView, MergeView, OrderSources, OrderView, PatientSources,
    PatientView, ReportSources, ReportView, ResponseView,
};
use telerad_hl7::segment::{
    Aig, Ail, Aip, Ais, Al1, Dg1, Err, Evn, Ipc, Mrg, Msa, Nk1, Nte, Obr, Obx, Orc, Pid, Pv1, Rgs,
    Sch, Tq1, Txa, TypedSegment, Zds,
};
use telerad_hl7::{Message, MessageBuilder, MessageHead, Segment, tables};

/// A segment with every field that the tables have, each component and subcomponent of it told apart by its place.
fn full(id: &str) -> Message {
    let table = tables::segment(id).expect("a table");
    let version = tables::Version::V2_5_1;
    let mut text = format!("MSH|^~\\&|A||||||ORU^R01^ORU_R01|1|P|2.5.1\r{id}");
    for field in &table.fields {
        let n = field.number;
        let rule = field.rule(version).or_else(|| field.rule(tables::Version::V2_3_1));
        let datatype = rule.map_or("ST", |rule| rule.datatype);
        let is_repeating = rule.is_some_and(|rule| rule.repetitions_max != Some(1));
        let value = |repetition: usize| value(datatype, &format!("{n}r{repetition}"));
        text.push('|');
        text += &value(1);
        if is_repeating {
            text.push('~');
            text += &value(2);
        }
    }
    Message::parse(text + "\r").expect("a message")
}

fn components_of(datatype: &str) -> &'static [tables::ComponentTable] {
    let version = tables::Version::V2_5_1;
    tables::datatype(datatype).map_or(&[], |table| table.components(version))
}

fn value(datatype: &str, place: &str) -> String {
    let components = components_of(datatype);
    if components.is_empty() {
        return place.to_owned();
    }
    let parts = components.iter().zip(1..).map(|(component, n)| {
        let leaves = components_of(component.datatype).len().max(1);
        let leaves = (1..=leaves).map(|leaf| format!("{place}c{n}s{leaf}"));
        leaves.collect::<Vec<_>>().join("&")
    });
    parts.collect::<Vec<_>>().join("^")
}

/// Reads a full segment, writes it, reads it again, and returns what the copy lacks of the original.
fn lost<T: TypedSegment + PartialEq + std::fmt::Debug>() -> Vec<String> {
    let message = full(T::ID);
    let original = message.segment(T::ID).expect("a segment");
    let value = T::read(original);
    let copy = MessageBuilder::new(MessageHead::default()).typed(&value).build().expect("built");
    let again = copy.segment(T::ID).expect("a segment");
    assert!(T::read(again) == value, "{} does not come back", T::ID);
    let leaves = |segment: Segment<'_>| {
        let mut leaves = Vec::new();
        for (field, n) in segment.fields().zip(1..) {
            for (repetition, r) in field.repetitions().zip(1..) {
                for (component, c) in repetition.components().zip(1..) {
                    for (leaf, s) in component.subcomponents().zip(1..) {
                        let place = format!("{}-{n}({r}).{c}.{s}", T::ID);
                        leaves.push((place, leaf.text().into_owned()));
                    }
                }
            }
        }
        leaves
    };
    let written = leaves(again);
    // Nothing may turn up at a place where it did not stand.
    let read = leaves(original);
    for leaf in written.iter().filter(|(_, text)| !text.is_empty()) {
        assert!(read.contains(leaf), "{leaf:?} was not there");
    }
    let lost = read.into_iter().filter(|leaf| !written.contains(leaf));
    lost.map(|(place, _)| place).collect()
}

/// Parts that no typed value has, for nobody in radiology is known to send them: jurisdiction and agency of CX and XCN,
/// order sequencing of TQ, the place of work in NDL, all of PPN but
/// who and when.
fn is_left_out(datatype: &str, component: usize) -> bool {
    match datatype {
        "CX" => matches!(component, 9 | 10),
        "NDL" => matches!(component, 4..=11),
        "PPN" => !matches!(component, 1..=7 | 9 | 15),
        "TQ" => component == 10,
        "XCN" => matches!(component, 22 | 23),
        _ => false,
    }
}

/// Every leaf comes back but those of fields that are not typed at all and are read from the view.
#[track_caller]
fn check<T: TypedSegment + PartialEq + std::fmt::Debug>(untyped: &[usize]) {
    let table = tables::segment(T::ID).expect("a table");
    let mut fields = Vec::new();
    for place in lost::<T>() {
        let numbers: Vec<usize> = place
            .split(|letter: char| !letter.is_ascii_digit())
            .skip(T::ID.len())
            .filter_map(|number| number.parse().ok())
            .collect();
        let [n, _, component, _] = numbers[..] else { panic!("{place}") };
        let rule = table.field(n).and_then(|field| field.rule(tables::Version::V2_5_1));
        let datatype = rule.map_or("ST", |rule| rule.datatype);
        if untyped.contains(&n) {
            fields.push(n);
        } else {
            assert!(is_left_out(datatype, component), "{place} of type {datatype} is lost");
        }
    }
    fields.dedup();
    assert_eq!(fields, untyped, "{}", T::ID);
}

#[test]
fn what_is_typed_comes_back_with_every_component() {
    check::<Evn>(&[]);
    check::<Pid>(&[12, 17, 19, 20, 22, 24, 25, 26, 27, 28, 31, 34, 36, 37, 38, 39]);
    check::<Mrg>(&[]);
    check::<Nk1>(&[
        6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
        30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
    ]);
    // Of PV1-45, which repeats in 2.5.1, the first discharge is typed.
    check::<Pv1>(&[
        11, 12, 13, 14, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,
        39, 40, 41, 42, 43, 45, 46, 47, 48, 49, 52,
    ]);
    check::<Al1>(&[]);
    check::<Dg1>(&[7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]);
    check::<Orc>(&[20, 24, 26, 27, 29, 30, 31]);
    check::<Tq1>(&[3, 4, 5, 12, 13, 14]);
    check::<Obr>(&[9, 10, 11, 14, 15, 23, 26, 37, 38, 39, 40, 41, 42, 43, 48, 49, 50]);
    check::<Ipc>(&[]);
    check::<Zds>(&[]);
    check::<Obx>(&[5, 9, 10, 12, 13, 20, 21, 22, 24, 25]);
    check::<Nte>(&[3]);
    check::<Txa>(&[]);
    check::<Sch>(&[14, 15, 18, 19, 21, 22]);
    check::<Rgs>(&[]);
    check::<Ais>(&[5, 6, 9, 11, 12]);
    check::<Aig>(&[6, 7, 9, 10, 13]);
    check::<Ail>(&[5, 7, 8, 11]);
    check::<Aip>(&[5, 7, 8, 11]);
    check::<Msa>(&[4, 5]);
    // Of ERR-2, which repeats, the first place is typed.
    check::<Err>(&[2, 6, 9, 10, 11, 12]);
}

fn head(code: &str, event: &str, structure: &str, version: &str) -> MessageHead {
    MessageHead {
        sending_application: "RIS".to_owned(),
        message_code: code.to_owned(),
        trigger_event: event.to_owned(),
        structure: structure.to_owned(),
        control_id: "42".to_owned(),
        processing_id: "P".to_owned(),
        version: version.to_owned(),
        ..MessageHead::default()
    }
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn number(number: &str) -> Ei {
    Ei { entity_identifier: text(number), namespace_id: text("RIS"), ..Ei::default() }
}

fn code(code: &str, words: &str) -> Ce {
    Ce { identifier: text(code), text: text(words), coding_system: text("L"), ..Ce::default() }
}

fn at(time: &str) -> Ts {
    Ts { time: text(time), ..Ts::default() }
}

fn patient(id: &str) -> Pid {
    Pid {
        patient_identifier_list: vec![Cx { id_number: text(id), ..Cx::default() }],
        patient_names: vec![Xpn {
            family_name: Fn { surname: text("O^DOE & SØN"), ..Fn::default() },
            given_name: text("JANE"),
            ..Xpn::default()
        }],
        birth: at("19800102"),
        administrative_sex: text("F"),
        ..Pid::default()
    }
}

fn visit() -> Pv1 {
    let visit_number = Cx { id_number: text("V1"), ..Cx::default() };
    Pv1 { patient_class: text("O"), visit_number, ..Pv1::default() }
}

fn order(control: &str) -> Orc {
    Orc {
        order_control: text(control),
        placer_order_number: number("P1"),
        filler_order_number: number("F1"),
        ordering_providers: vec![Xcn { id_number: text("99"), ..Xcn::default() }],
        ..Orc::default()
    }
}

fn request() -> Obr {
    Obr {
        set_id: text("1"),
        placer_order_number: number("P1"),
        filler_order_number: number("F1"),
        universal_service_identifier: code("CTHEAD", "CT head"),
        result_status: text("F"),
        ..Obr::default()
    }
}

/// Builds, sends through the bytes, and has each typed segment read again.
#[track_caller]
fn sent(builder: MessageBuilder) -> Message {
    let built = builder.build().expect("a message");
    let message = Message::parse(built.as_bytes().clone()).expect("a message");
    assert_eq!(message.warnings(), []);
    let structure = message.text("MSH-9.3").expect("a structure");
    let version = tables::Version::from_version_id(&message.version());
    let expected = tables::structure_of(version, &message.message_code(), &message.trigger_event());
    assert_eq!(expected.map(|structure| structure.id), Some(structure.as_str()));
    message
}

#[track_caller]
fn reads<T: TypedSegment + PartialEq>(message: &Message, expected: &T) {
    let read = message.segment(T::ID).map(T::read);
    assert!(read.as_ref() == Some(expected), "{}", T::ID);
}

#[test]
fn patient_administration_comes_back() {
    let events = [
        ("A01", "ADT_A01"),
        ("A02", "ADT_A02"),
        ("A03", "ADT_A03"),
        ("A04", "ADT_A01"),
        ("A05", "ADT_A05"),
        ("A06", "ADT_A06"),
        ("A08", "ADT_A01"),
        ("A11", "ADT_A09"),
        ("A12", "ADT_A12"),
        ("A13", "ADT_A01"),
        ("A28", "ADT_A05"),
        ("A31", "ADT_A05"),
        ("A38", "ADT_A38"),
    ];
    let happened = Evn { recorded: at("20260301"), ..Evn::default() };
    for (event, structure) in events {
        let head = head("ADT", event, structure, "2.5.1");
        let builder = MessageBuilder::new(head).typed(&happened);
        let message = sent(builder.typed(&patient("1001")).typed(&visit()));
        reads(&message, &happened);
        reads(&message, &patient("1001"));
        reads(&message, &visit());
        let views = PatientView::read_all(&message, &PatientSources::default());
        let [view] = &views[..] else { panic!("{event}") };
        assert_eq!(view.names, patient("1001").patient_names);
    }
    for (event, structure) in [("A40", "ADT_A39"), ("A47", "ADT_A30"), ("A43", "ADT_A43")] {
        let prior = Mrg {
            prior_patient_identifier_list: vec![Cx { id_number: text("9"), ..Cx::default() }],
            ..Mrg::default()
        };
        let head = head("ADT", event, structure, "2.5.1");
        let builder = MessageBuilder::new(head).typed(&happened);
        let message = sent(builder.typed(&patient("1001")).typed(&prior));
        reads(&message, &prior);
        assert_eq!(MergeView::read_all(&message).len(), 1, "{event}");
    }
}

#[test]
fn orders_and_their_answers_come_back() {
    let control = Ipc {
        accession_identifier: number("A1"),
        requested_procedure_id: number("RP1"),
        study_instance_uid: Ei { entity_identifier: text("1.2.3"), ..Ei::default() },
        scheduled_procedure_step_id: number("S1"),
        modality: code("CT", ""),
        ..Ipc::default()
    };
    let study = Zds {
        study_instance_uid: Rp {
            pointer: text("1.2.3"),
            type_of_data: text("Application"),
            ..Rp::default()
        },
        ..Zds::default()
    };
    let begin = |code: &str, event: &str, version: &str| {
        let builder = MessageBuilder::new(head(code, event, &format!("{code}_{event}"), version));
        builder.typed(&patient("1001")).typed(&visit()).typed(&order("NW")).typed(&request())
    };
    let orders = [
        sent(begin("ORM", "O01", "2.3.1").typed(&study)),
        sent(begin("OMG", "O19", "2.5.1")),
        sent(begin("OMI", "O23", "2.5.1").typed(&control)),
    ];
    for message in &orders {
        reads(message, &order("NW"));
        reads(message, &request());
        let views = OrderView::read_all(message, &OrderSources::default());
        let [view] = &views[..] else { panic!("{}", message.message_code()) };
        assert_eq!(view.values.placer_order_number.value(), Some(&number("P1")));
        assert_eq!(view.values.procedure.value(), Some(&code("CTHEAD", "CT head")));
        assert_eq!(view.conflicts().count(), 0);
    }
    reads(&orders[0], &study);
    reads(&orders[2], &control);
    let taken =
        Msa { acknowledgment_code: text("AA"), message_control_id: text("42"), ..Msa::default() };
    for (code, event) in [("ORR", "O02"), ("ORG", "O20"), ("ORI", "O24")] {
        let head = head(code, event, &format!("{code}_{event}"), "2.5.1");
        let message = sent(MessageBuilder::new(head).typed(&taken).typed(&order("OK")));
        reads(&message, &taken);
        reads(&message, &order("OK"));
        let answer = ResponseView::read(&message).expect("an answer");
        assert_eq!((answer.acknowledgement.control_id.as_str(), answer.orders.len()), ("42", 1));
    }
    let acknowledgement =
        sent(MessageBuilder::new(head("ACK", "O01", "ACK", "2.5.1")).typed(&taken));
    reads(&acknowledgement, &taken);
}

#[test]
fn results_and_documents_come_back() {
    let observation = Obx {
        set_id: text("1"),
        value_type: text("TX"),
        observation_identifier: code("121070", "Findings"),
        result_status: text("F"),
        ..Obx::default()
    };
    let observed = |builder: MessageBuilder| {
        builder.segment("OBX", |obx| observation.write(obx).field(5, "No bleed | none."))
    };
    let result = MessageBuilder::new(head("ORU", "R01", "ORU_R01", "2.5.1"));
    let result = result.typed(&patient("1001")).typed(&order("RE")).typed(&request());
    let document = Txa {
        set_id: text("1"),
        document_type: text("DI"),
        unique_document_number: number("D1"),
        completion_status: text("LA"),
        ..Txa::default()
    };
    let happened = Evn { recorded: at("20260301"), ..Evn::default() };
    let filed = MessageBuilder::new(head("MDM", "T02", "MDM_T02", "2.5.1")).typed(&happened);
    let filed = filed.typed(&patient("1001")).typed(&visit()).typed(&document);
    let messages = [sent(observed(result)), sent(observed(filed))];
    for message in &messages {
        reads(message, &observation);
        reads(message, &patient("1001"));
        let views = ReportView::read_all(message, &ReportSources::default());
        let [view] = &views[..] else { panic!("{}", message.message_code()) };
        assert_eq!(view.text(), "No bleed | none.");
    }
    reads(&messages[0], &request());
    reads(&messages[1], &document);
}

#[test]
fn appointments_come_back() {
    let schedule = Sch {
        placer_appointment_id: number("AP1"),
        filler_appointment_id: number("AF1"),
        event_reason: code("R", "Routine"),
        ..Sch::default()
    };
    let group = Rgs { set_id: text("1"), ..Rgs::default() };
    let service = Ais {
        set_id: text("1"),
        universal_service_identifier: code("CTHEAD", "CT head"),
        start: at("20260301080000"),
        ..Ais::default()
    };
    for event in ["S12", "S13", "S14", "S15", "S17", "S26"] {
        let builder = MessageBuilder::new(head("SIU", event, "SIU_S12", "2.5.1"));
        let builder = builder.typed(&schedule).typed(&patient("1001")).typed(&visit());
        let message = sent(builder.typed(&group).typed(&service));
        reads(&message, &schedule);
        reads(&message, &service);
        let view = AppointmentView::read(&message, &AppointmentSources::default());
        let view = view.expect("an appointment");
        assert_eq!(view.values.service.value(), Some(&code("CTHEAD", "CT head")));
    }
}
