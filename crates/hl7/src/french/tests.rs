use telerad_charset::Charset;
use telerad_core::Uid;

use super::*;
use crate::datatype::{Cx, Ei, Fn, Hd, MediaType, Ts, Xcn, Xon, Xpn, Xtn};
use crate::segment::{Pid, Pv1};
use crate::validate::{Profile, Severity, validate};
use crate::{MessageHead, path};

fn number(text: &str) -> Ei {
    Ei {
        entity_identifier: text.into(),
        universal_id: "1.2.3".into(),
        universal_id_type: "ISO".into(),
        ..Ei::default()
    }
}

fn exchange() -> Exchange {
    let authority = |oid: &str| Hd {
        namespace_id: "ASIP".into(),
        universal_id: oid.into(),
        universal_id_type: "ISO".into(),
        ..Hd::default()
    };
    let responsible = Xcn {
        id_number: "810000001".into(),
        family_name: Fn { surname: "LEFÈVRE".into(), ..Fn::default() },
        given_name: "ANNE".into(),
        assigning_authority: authority("1.2.250.1.71.4.2.1"),
        identifier_type_code: "RPPS".into(),
        ..Xcn::default()
    };
    let organization = Xon {
        organization_name: "Centre d'imagerie".into(),
        assigning_authority: authority("1.2.250.1.71.4.2.2"),
        identifier_type_code: "FINEG".into(),
        organization_identifier: "750000001".into(),
        ..Xon::default()
    };
    let patient = Pid {
        patient_identifier_list: vec![Cx { id_number: "1".into(), ..Cx::default() }],
        patient_names: vec![Xpn {
            family_name: Fn { surname: "DOE".into(), ..Fn::default() },
            ..Xpn::default()
        }],
        patient_account_number: Cx { id_number: "D1".into(), ..Cx::default() },
        ..Pid::default()
    };
    Exchange {
        head: MessageHead {
            sending_application: "RIS".into(),
            sending_facility: "CENTRE".into(),
            receiving_application: "TLR".into(),
            receiving_facility: "PLATEFORME".into(),
            control_id: "1".into(),
            processing_id: "P".into(),
            charset: Some(Charset::Iso8859_15.into()),
            ..MessageHead::default()
        },
        patient,
        placer_order_number: number("P1"),
        transaction_time: Ts { time: "20260301101500".into(), ..Ts::default() },
        call_back_phone: Xtn { unformatted_telephone_number: "0102".into(), ..Xtn::default() },
        verified_by: responsible.clone(),
        responsible,
        organization,
        justification: "céphalées à 37 €".into(),
        visit: Pv1 {
            visit_number: Cx { id_number: "RDV1".into(), ..Cx::default() },
            ..Pv1::default()
        },
        ..Exchange::default()
    }
}

fn complement() -> Complement {
    Complement {
        accession: number("A-1"),
        requested_procedure: number("24725-4"),
        step: number("24725-4"),
        study_instance_uid: Uid::new("1.2.840.1").unwrap(),
        retention_days: 90,
        examined: Ts { time: "20260301110000".into(), ..Ts::default() },
        partial_viewer_url:
            "https://viewer.example/open?StudyInstanceUID=1.2.840.1&AccessionNumber=A-1".into(),
    }
}

#[track_caller]
fn check(flow: Flow, message: &Message) {
    assert_eq!(Flow::of(message), Some(flow));
    let findings = validate(message, &Profile::french(flow));
    let errors: Vec<String> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(ToString::to_string)
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    let view = FrenchView::read(message).unwrap();
    assert_eq!(view.flow, flow);
    let placer = view.order.values.placer_order_number.value().unwrap();
    assert_eq!(*placer, number("P1"));
    assert_eq!(view.order.conflicts().count(), 0);
}

#[test]
fn what_is_written_is_what_the_profile_asks_for() {
    let exchange = exchange();
    check(Flow::Request, &exchange.request().build().unwrap());
    check(Flow::Cancellation, &exchange.cancellation().build().unwrap());
    let text = Protocol::Text("Sans injection.\nCoupes de 1 mm.".into());
    check(Flow::Answer, &exchange.acceptance(&[text]).build().unwrap());
    check(Flow::Answer, &exchange.refusal().build().unwrap());
    check(Flow::Complement, &exchange.complement(&complement()).build().unwrap());
}

#[test]
fn the_request_keeps_every_character_of_its_set() {
    let message = exchange().request().build().unwrap();
    assert_eq!(message.text("MSH-18").as_deref(), Some("8859/15"));
    let view = FrenchView::read(&message).unwrap();
    let said = view.order.values.clinical_information.value();
    assert_eq!(said.map(String::as_str), Some("céphalées à 37 €"));
    assert_eq!(message.value(&path!("ORC-12.2")).text().as_deref(), Some("LEFÈVRE"));
}

#[test]
fn an_answer_is_taken_or_refused() {
    let protocols = [
        Protocol::Text("Sans injection.\nCoupes de 1 mm.".into()),
        Protocol::Pdf(b"%PDF-1.4\n".to_vec()),
    ];
    let message = exchange().acceptance(&protocols).build().unwrap();
    let view = FrenchView::read(&message).unwrap();
    assert_eq!(view.is_accepted(), Some(true));
    let texts: Vec<&str> = view.protocol_texts().collect();
    assert_eq!(texts, ["Sans injection.\nCoupes de 1 mm."]);
    let [file] = &view.protocol_files[..] else { panic!("{}", view.protocol_files.len()) };
    assert_eq!(
        (file.media_type(), file.bytes(100).unwrap()),
        (MediaType::Pdf, b"%PDF-1.4\n".to_vec())
    );
    let occurrences: Vec<_> = view.things.iter().map(|thing| thing.occurrence).collect();
    assert_eq!(occurrences, [Some(1), Some(2)]);
    let refusal = exchange().refusal().build().unwrap();
    assert_eq!(FrenchView::read(&refusal).unwrap().is_accepted(), Some(false));
    let request = exchange().request().build().unwrap();
    assert_eq!(FrenchView::read(&request).unwrap().is_accepted(), None);
}

#[test]
fn the_complement_ties_the_request_to_the_study() {
    let message = exchange().complement(&complement()).build().unwrap();
    let view = FrenchView::read(&message).unwrap();
    let values = &view.order.values;
    assert_eq!(values.accession.value(), Some(&number("A-1")));
    assert_eq!(values.study_instance_uid.value().map(String::as_str), Some("1.2.840.1"));
    assert_eq!(values.start.value().map(|start| start.time.as_str()), Some("20260301110000"));
    assert_eq!(view.retention_days, Some(90));
    assert_eq!(view.partial_viewer_url, Some(complement().partial_viewer_url));
}

#[test]
fn things_are_told_apart_by_their_sub_ids() {
    let obx = |n: u32, kind: &str, code: &str, sub: &str, value: &str| {
        format!("OBX|{n}|{kind}|{code}^^TLR_OBSERVATION|{sub}|{value}||||||O\r")
    };
    let observations = [
        obx(1, "CE", "PRODUIT_ADMINISTRE", "1.1", "X^Iode"),
        obx(2, "TX", "PRODUIT_ADMINISTRE", "1.2", "LOT-1"),
        obx(3, "CE", "PRODUIT_ADMINISTRE", "2.1", "Y^Gadolinium"),
        obx(4, "CE", "MODALITE_IMAGERIE", "", "CT"),
    ];
    let raw = format!(
        "MSH|^~\\&|A||||||OMI^O23|1|T|2.5.1\rORC|SR|P1\rOBR|1|P1||COMPLEMENT_POST_ACTE\r{}",
        observations.concat()
    );
    let message = Message::parse(raw).unwrap();
    let view = FrenchView::read(&message).unwrap();
    assert!(view.is_test());
    let told: Vec<(ObservationKind, Vec<&str>)> = view
        .things
        .iter()
        .map(|thing| (thing.kind, thing.parts.iter().map(|(_, part)| part.text.as_str()).collect()))
        .collect();
    let expected = [
        (ObservationKind::AdministeredProduct, vec!["Iode", "LOT-1"]),
        (ObservationKind::AdministeredProduct, vec!["Gadolinium"]),
        (ObservationKind::Modality, vec!["CT"]),
    ];
    assert_eq!(told, expected);
}

#[test]
fn other_messages_are_no_flow() {
    #[track_caller]
    fn check(profile: &str, kind: &str, control: &str, expected: Option<Flow>) {
        let raw = format!(
            "MSH|^~\\&|A||||||{kind}|1|P|2.5.1|||||||||{profile}\rORC|{control}|1\rOBR|1|1||CT\r"
        );
        assert_eq!(Flow::of(&Message::parse(raw).unwrap()), expected, "{kind} {control}");
    }
    check("1.0^CISIS_TLR_HL7_V2", "ORM^O01", "NW", Some(Flow::Request));
    check("1.0^CISIS_TLR_HL7_V2", "ORM^O01", "CA", Some(Flow::Cancellation));
    check("1.0^CISIS_TLR_HL7_V2", "ORU^R01", "OC", Some(Flow::Answer));
    check("1.0^CISIS_TLR_HL7_V2", "OMI^O23", "SR", Some(Flow::Complement));
    check("1.0^CISIS_TLR_HL7_V2", "OMI^O23", "NW", None);
    check("", "ORM^O01", "NW", None);
}

#[test]
fn what_is_to_be_written_is_not_printed() {
    let exchange = Exchange { justification: "MARKER".to_owned(), ..Exchange::default() };
    assert_eq!(format!("{exchange:?}"), "Exchange(<redacted>)");
    assert_eq!(format!("{:?}", Protocol::Text("MARKER".to_owned())), "Text(6 bytes, <redacted>)");
    assert_eq!(format!("{:?}", Protocol::Pdf(vec![7; 3])), "Pdf(3 bytes, <redacted>)");
}

#[test]
fn a_visit_has_its_appointment_unless_there_is_no_class() {
    let visit = |class: &str| {
        let visit = Pv1 { patient_class: class.into(), ..Pv1::default() };
        let message = Exchange { visit, ..exchange() }.request().build().unwrap();
        let findings = validate(&message, &Profile::french(Flow::Request));
        let mut of_visit =
            findings.iter().filter(|finding| finding.location == path!("PV1-19").into());
        of_visit.next().map(|finding| finding.severity)
    };
    for class in ["E", "I", "O", "R"] {
        assert_eq!(visit(class), Some(Severity::Error), "{class}");
    }
    assert_eq!(visit("N"), Some(Severity::Information));
    assert_eq!(visit("P"), None);
}

#[test]
fn an_answer_names_who_and_where_in_full() {
    let mut exchange = exchange();
    exchange.responsible.assigning_authority = Hd::default();
    exchange.organization.organization_identifier = String::new();
    let message = exchange.refusal().build().unwrap();
    let findings = validate(&message, &Profile::french(Flow::Answer));
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    let places: Vec<String> = errors.map(|finding| finding.location.to_string()).collect();
    assert_eq!(places, ["ORC-12.9", "ORC-21.10"]);
}

#[test]
fn the_viewer_is_read_from_plain_text_too() {
    let message = exchange().complement(&complement()).build().unwrap();
    let mut edit = message.edit();
    edit.set(&path!("OBX-2"), "TX").unwrap();
    edit.set_field(&path!("OBX-5"), "https://viewer.example/?a=1&b=2").unwrap();
    let message = edit.finish().unwrap();
    let view = FrenchView::read(&message).unwrap();
    assert_eq!(view.partial_viewer_url.as_deref(), Some("https://viewer.example/?a=1&b=2"));
    check(Flow::Complement, &message);
}
