use proptest::prelude::*;
use telerad_accession::{Candidate, CandidateSource, Decision, decide};
use telerad_charset::Charset;
use telerad_core::{PersonName, Timestamp};
use telerad_hl7::{AckCondition, AckMode, Message};

use super::{OutgoingError, RisDialect, announcement, outgoing};
use crate::samples::{NOW, incoming, matched, order, oru, reading, site};
use crate::{Effect, IncomingReport, ReportRecord, ReportStatus, read, receive};

fn filed(incoming: &IncomingReport) -> ReportRecord {
    let outcome = receive(incoming, &[matched("north/A1001")], None, &site(), "m", NOW);
    match outcome.effects.as_slice() {
        [Effect::PutReport(record)] => record.clone(),
        other => panic!("{other:?}"),
    }
}

fn dialect() -> RisDialect {
    RisDialect {
        application: "RIS".to_owned(),
        facility: "NORTH".to_owned(),
        sending_facility: "GATEWAY".to_owned(),
        accession_prefix: "N-".to_owned(),
        ..RisDialect::default()
    }
}

fn write(record: &ReportRecord, dialect: &RisDialect) -> Result<Message, OutgoingError> {
    outgoing(record, record.current().unwrap(), &order(), dialect, "T1", NOW)
}

#[track_caller]
fn check(status: &str, obx: &str, expected: &[&str]) {
    let message = write(&filed(&incoming(&oru(status, "20260301125900", obx))), &dialect());
    let message = message.unwrap();
    let text = String::from_utf8(message.as_bytes().to_vec()).unwrap();
    let lines: Vec<&str> = text.split_terminator('\r').collect();
    assert_eq!(lines, expected);
}

const MSH: &str = "MSH|^~\\&|TELERAD|GATEWAY|RIS|NORTH|20260301130000+0000||ORU^R01^ORU_R01|T1|P\
                   |2.5.1||||||UNICODE UTF-8";
const PID: &str = "PID|1||7^^^HOSP&1.2.3.4&ISO~N\\T\\9^^^&1.2.3.5&ISO||DOE^JANE||19800102|F";

fn requests(order_status: &str, status: &str) -> [String; 2] {
    [
        format!("ORC|RE|P1^EHR|F1^RIS||{order_status}"),
        format!(
            "OBR|1|P1^EHR|F1^RIS|CTHEAD^CT head^L|||20260301110500|||||||||^ORDER^ER||N-A1001|RP1\
             |||20260301125900|||{status}"
        ),
    ]
}

#[test]
fn the_report_goes_out_under_the_orders_own_numbers() {
    let [orc, obr] = requests("CM", "F");
    let obx = "OBX|7|TX|121070^Findings^DCM|1|No bleed.~No mass.|||AA|||F\n\
               OBX|7|FT|&IMP||Normal\\.br\\CT.||||||F\n\
               OBX|7|ED|18748-4^Report^LN|3|^application^pdf^Base64^JVBERi0xLjQK||||||F";
    check(
        "F",
        obx,
        &[
            MSH,
            PID,
            &orc,
            &obr,
            "OBX|1|TX|121070^Findings^DCM|1|No bleed.|||AA|||F",
            "OBX|2|TX|121070^Findings^DCM|1|No mass.|||AA|||F",
            "OBX|3|TX|&IMP||Normal||||||F",
            "OBX|4|TX|&IMP||CT.||||||F",
            "OBX|5|ED|18748-4^Report^LN|3|^application^pdf^Base64^JVBERi0xLjQK||||||F",
        ],
    );
}

#[test]
fn every_status_has_its_codes() {
    for (status, order_status, obr_status, line) in
        [("P", "A", "P", "P"), ("F", "CM", "F", "F"), ("C", "CM", "C", "C")]
    {
        let [orc, obr] = requests(order_status, obr_status);
        let obx = format!("OBX|1|TX|18748-4^Diagnostic imaging report^LN||Text||||||{line}");
        check(status, "OBX|1|TX|||Text", &[MSH, PID, &orc, &obr, &obx]);
    }
    let [orc, obr] = requests("IP", "I");
    check("I", "", &[MSH, PID, &orc, &obr]);
}

#[test]
fn a_retraction_carries_no_text() {
    let [_, obr] = requests("", "X");
    let orc = "ORC|RE|P1^EHR|F1^RIS";
    check("X", "OBX|1|TX|||Old text", &[MSH, PID, orc, &obr]);
    let wrong = "OBX|1|TX|18748-4^Diagnostic imaging report^LN||||||||W";
    check("X", "OBX|1|TX|||Old text||||||W", &[MSH, PID, orc, &obr, wrong]);
}

#[test]
fn a_release_carries_the_preliminary_text() {
    let preliminary = filed(&incoming(&oru("P", "20260301120000", "OBX|1|TX|||Text")));
    let release = incoming(&oru("F", "20260301125900", "OBX|1|TX|||||||||U"));
    let outcome =
        receive(&release, &[matched("north/A1001")], Some(&preliminary), &site(), "m", NOW);
    let [Effect::PutReport(record)] = outcome.effects.as_slice() else { panic!("not filed") };
    let message = write(record, &dialect()).unwrap();
    let got = ["OBR-25", "OBX-5", "OBX-11"].map(|path| message.text(path).unwrap());
    assert_eq!(got, ["F", "Text", "F"]);
}

#[test]
fn the_patient_of_the_order_goes_out_and_not_the_senders() {
    let text = String::from_utf8(oru("F", "", "OBX|1|TX|||x").as_bytes().to_vec()).unwrap();
    let other = text.replace("7^^^HOSP||DOE^JANE", "666^^^ELSE||WRONG^NAME");
    let record = filed(&incoming(&Message::parse(other).unwrap()));
    let message = write(&record, &dialect()).unwrap();
    let got = ["PID-3.1", "PID-5.1"].map(|path| message.text(path).unwrap());
    assert_eq!(got, ["7", "DOE"]);
}

#[test]
fn the_accession_number_has_the_form_of_the_ris() {
    assert_eq!(dialect().accession("A1001"), "N-A1001");
    assert_eq!(dialect().accession("N-A1001"), "N-A1001");
    assert_eq!(RisDialect::default().accession("A1001"), "A1001");
}

#[test]
fn an_announcement_says_nothing_of_the_report() {
    let record = filed(&incoming(&oru("F", "", "OBX|1|TX|||Fracture||||||F")));
    let version = record.current().unwrap();
    let message = announcement(&record, version, &order(), &dialect(), "T1", NOW).unwrap();
    let got = ["OBR-18", "OBR-25", "ORC-5"].map(|path| message.text(path).unwrap());
    assert_eq!(got, ["N-A1001", "F", "CM"]);
    assert!(message.segment("OBX").is_none());
    assert!(!String::from_utf8_lossy(message.as_bytes()).contains("Fracture"));
}

#[test]
fn a_character_that_does_not_fit_is_an_error() {
    let mut incoming = incoming(&oru("F", "", "OBX|1|TX|||x"));
    incoming.lines[0].text = "Größe 5 µm, ≥ 3".to_owned();
    let record = filed(&incoming);
    assert!(write(&record, &dialect()).is_ok());
    let latin = RisDialect { charset: Some(Charset::Latin1), ..dialect() };
    assert!(matches!(write(&record, &latin), Err(OutgoingError::Build(_))));
}

#[test]
fn older_receivers_get_their_version() {
    let old = RisDialect { version: "2.3.1".to_owned(), charset: None, ..dialect() };
    let message = write(&filed(&incoming(&oru("F", "", "OBX|1|TX|||x"))), &old).unwrap();
    assert_eq!(message.version(), "2.3.1");
    assert_eq!(message.text("MSH-9.3"), None);
    assert_eq!(message.text("MSH-18"), None);
    assert!(read(&message, &reading()).is_ok());
}

#[test]
fn a_missing_status_time_falls_back_to_the_time_of_receipt() {
    let mut incoming = incoming(&oru("F", "", "OBX|1|TX|||x"));
    (incoming.status_time, incoming.message_time) = (None, None);
    let message = write(&filed(&incoming), &dialect()).unwrap();
    assert_eq!(message.text("OBR-22").as_deref(), Some("20260301130000+0000"));
}

#[test]
fn all_writings_of_a_name_go_out() {
    let record = filed(&incoming(&oru("F", "", "OBX|1|TX|||x")));
    let mut order = order();
    order.patient.name = PersonName::from_dicom("Yamada^Tarou^^DR^JR=山田^太郎=やまだ^たろう");
    let version = record.current().unwrap();
    let message = outgoing(&record, version, &order, &dialect(), "T1", NOW).unwrap();
    let back = read(&message, &reading()).unwrap();
    assert_eq!(back.claims[0].patient, order.patient);
}

fn any_line() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec![
            "a", "B", " ", "|", "^", "~", "\\", "&", "é", "山", ".br", "\\.br\\", "\"\"", "\t", "0",
        ]),
        0..300,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(
        texts in prop::collection::vec(any_line(), 1..12),
        status in prop::sample::select(vec!["P", "F", "C"]),
    ) {
        let obx = "OBX|1|TX|121070^Findings^DCM|1|x|||AA\n\
                   OBX|2|ED|18748-4^Report^LN|3|^application^pdf^Base64^JVBERi0xLjQK";
        let mut first = incoming(&oru(status, "20260301125900", obx));
        first.signer.id = "77".to_owned();
        first.signer.name = PersonName::from_dicom("RAD^IO&LOGIST");
        let line = first.lines[0].clone();
        let document = first.lines.pop();
        first.lines = texts
            .iter()
            .map(|text| crate::ReportLine { text: text.clone(), ..line.clone() })
            .chain(document)
            .collect();
        let message = write(&filed(&first), &RisDialect::default()).unwrap();
        let second = read(&message, &reading()).unwrap();

        prop_assert_eq!(&second.lines, &first.lines);
        prop_assert_eq!(second.content(), first.content());
        prop_assert_eq!(second.status, first.status);
        prop_assert_eq!(second.status_time, first.status_time);
        prop_assert_eq!(&second.signer, &first.signer);
        prop_assert_eq!(second.message_time.map(|time| time.to_string()),
            Some(format!("{}+0000", Timestamp::to_compact_utc(NOW))));

        // The RIS finds its own order by what it reads.
        let candidate = Candidate {
            key: "k".to_owned(),
            order: order(),
            source: CandidateSource::Order,
            also_known_as: Vec::new(),
        };
        let policy = reading().accession_policy;
        let decision = decide(&second.claims[0], &[candidate], &policy);
        prop_assert!(matches!(decision, Decision::Match { .. }), "{:?}", decision);
    }
}

#[test]
fn the_wrong_patient_is_read_back() {
    let record = filed(&incoming(&oru("X", "", "OBX|1|TX|||x||||||W")));
    let message = write(&record, &dialect()).unwrap();
    assert_eq!(read(&message, &reading()).unwrap().status, ReportStatus::WrongPatient);
    assert_eq!(record.current().unwrap().status, ReportStatus::WrongPatient);
}

#[test]
fn enhanced_mode_is_asked_for_in_the_header() {
    let record = filed(&incoming(&oru("F", "20260301125900", "OBX|1|TX|||Text")));
    let (accept, application) = (AckCondition::Always, AckCondition::Never);
    let acknowledgement = AckMode::Enhanced { accept, application };
    let message = write(&record, &RisDialect { acknowledgement, ..dialect() }).unwrap();
    let asked = ["MSH-15", "MSH-16", "MSH-18"].map(|path| message.text(path).unwrap_or_default());
    assert_eq!(asked, ["AL", "NE", "UNICODE UTF-8"]);
    assert_eq!(AckMode::of(&write(&record, &dialect()).unwrap()), AckMode::Original);
}
