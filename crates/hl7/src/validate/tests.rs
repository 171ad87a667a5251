use super::*;
use crate::french::Flow;
use crate::segment::{Err as ErrSegment, TypedSegment};
use crate::{MessageBuilder, MessageHead};

fn message(kind: &str, version: &str, body: &str) -> Message {
    let head = format!("MSH|^~\\&|RIS|HOSP|PACS|TR|20260301101500||{kind}|1|P|{version}");
    Message::parse(format!("{head}\r{}\r", body.replace('\n', "\r"))).unwrap()
}

/// Findings of at least this severity, each in words.
#[track_caller]
fn check(message: &Message, profile: &Profile, least: Severity, expected: &[&str]) {
    let findings = validate(message, profile);
    let found: Vec<String> = findings
        .iter()
        .filter(|finding| finding.severity >= least)
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, expected, "{}", profile.name);
    for finding in &findings {
        assert!(
            finding.span.end <= message.as_bytes().len() && finding.span.start <= finding.span.end
        );
    }
}

const PATIENT: &str =
    "PID|||PAT123^^^HOSP^PI||DOE^JANE||19800102|F\nPV1||O||||||123^REF^DOC|||||||||||V77";

fn orm(order: &str) -> Message {
    let body = format!(
        "{PATIENT}\n{order}||1^once^^20260301110000^^R||20260301101400|||99^ORDER^ER|||||RAD^Radiology^L\n\
         OBR|1|PL55|FI66|CTHEAD^CT head^L^CTH1^CT head plain^L|||||||||trauma|||99^ORDER^ER||A2026001|RP1|SPS1||||CT|||1^once^^20260301110000^^R||||^headache\n\
         ZDS|1.2.840.1^RIS^Application^DICOM"
    );
    message("ORM^O01", "2.3.1", &body)
}

fn omi(order: &str) -> Message {
    let body = format!(
        "{PATIENT}\n{order}||||20260301101400|||99^ORDER^ER|||||RAD^Radiology^L\nTQ1|||||||20260301110000||R\n\
         OBR|1|PL55|FI66|CTHEAD^CT head^L|||||||||trauma|||99^ORDER^ER\n\
         IPC|A2026001^RIS^1.2^ISO|RP1|1.2.840.1|SPS1|CT"
    );
    message("OMI^O23^OMI_O23", "2.5.1", &body)
}

#[test]
fn a_good_order_has_no_findings() {
    for profile in [Profile::tables(), Profile::ihe(Transaction::Rad4)] {
        check(&orm("ORC|NW|PL55|FI66||SC"), &profile, Severity::Information, &[]);
        check(&omi("ORC|NW|PL55|FI66||SC"), &profile, Severity::Information, &[]);
    }
}

#[test]
fn a_transaction_asks_for_its_own_fields() {
    let profile = Profile::ihe(Transaction::Rad4);
    check(
        &orm("ORC|CA||||"),
        &profile,
        Severity::Warning,
        &[
            "E field-missing at ORC-2: Placer Order Number is missing",
            "E value-not-allowed at ORC-1: only NW",
        ],
    );
}

#[test]
fn the_tables_find_what_is_no_value() {
    let body = "EVN||2026-03-01\nPID|x||P1^^^^ZZ||DOE^JANE^^^^^Q||19801302|Y||||||||||||||||||||||||||||||||extra\nPV1||O";
    check(
        &message("ADT^A08", "2.5.1", body),
        &Profile::tables(),
        Severity::Information,
        &[
            "W datatype-invalid at EVN-2.1: no value of type DTM",
            "W datatype-invalid at PID-1: no value of type SI",
            "W code-unknown at PID-3.5: not in table 0203",
            "W code-unknown at PID-5.7: not in table 0200",
            "W datatype-invalid at PID-7.1: no value of type DTM",
            "I code-unknown at PID-8: not in table 0001",
            "I extra at PID-40: PID has no such field",
        ],
    );
    // 2.3.1 has fewer fields and components, and its codes are read all the same.
    check(
        &message("ADT^A08", "2.3.1", "EVN||20260301\nPID|||P1~P2||DOE\nPV1||O||~"),
        &Profile::tables(),
        Severity::Information,
        &["I repetitions at PV1-4: 2 repetitions where 2.3.1 allows 1"],
    );
}

#[test]
fn the_header_is_what_an_answer_hangs_on() {
    let raw = "MSH|^~\\&|RIS|HOSP|PACS|TR|||XYZ^A99|||1.9\r";
    check(
        &Message::parse(raw).unwrap(),
        &Profile::tables(),
        Severity::Warning,
        &[
            "E field-missing at MSH-7: message time is missing",
            "E field-missing at MSH-10: message control id is missing",
            "E field-missing at MSH-11: processing id is missing",
            "E message-unsupported at MSH-9.1: no message of table 0076",
            "E event-unsupported at MSH-9.2: no event of table 0003",
            "W version-unsupported at MSH-12.1: not in table 0104",
        ],
    );
    let findings = validate(&Message::parse(raw).unwrap(), &Profile::tables());
    let answer = acknowledgement(&findings);
    assert_eq!(answer.code.as_str(), "AR");
    assert_eq!(answer.error.map(|error| error.condition), Some(200));
}

#[test]
fn segments_are_missed_and_wondered_at() {
    check(
        &message("ORU^R01^ORU_R31", "2.5.1", "PID|||P1||DOE\nORC|RE|1\nIPC|1\nZPI|1"),
        &Profile::tables(),
        Severity::Information,
        &[
            "I structure-mismatch at MSH-9.3: the structure of this event is ORU_R01",
            "W segment-missing at OBR: ORU_R01 requires OBR",
            "I segment-unexpected at IPC: ORU_R01 has no IPC",
            "W field-missing at IPC-2: Requested Procedure ID is missing",
            "W field-missing at IPC-3: Study Instance UID is missing",
            "W field-missing at IPC-4: Scheduled Procedure Step ID is missing",
        ],
    );
}

#[test]
fn a_merge_needs_two_sides() {
    #[track_caller]
    fn check_merge(body: &str, expected: &[&str]) {
        let message = message("ADT^A40^ADT_A39", "2.5.1", &format!("EVN||20260301\n{body}"));
        check(&message, &Profile::ihe(Transaction::Rad12), Severity::Error, expected);
    }
    check_merge("PID|||P2||DOE\nMRG|P1", &[]);
    check_merge("PID|||P1||DOE\nMRG|P1", &["E merge-same at MRG: merged into itself"]);
    check_merge(
        "PID|||P2||DOE\nMRG||||",
        &[
            "E field-missing at MRG-1: Prior Patient Identifier List is missing",
            "E merge-key-missing at MRG: the prior side has no key for this event",
        ],
    );
    check_merge("PID|||P2||DOE", &["E segment-missing at MRG: MRG is required"]);
}

#[test]
fn another_message_inside_is_an_error() {
    let body = "PID|||P1||DOE\nOBR|1||F1|CT\nOBX|1|TX|X||text||||||F\nMSH|^~\\&|RIS\nPID|||P2||ROE";
    check(
        &message("ORU^R01", "2.3.1", body),
        &Profile::report(),
        Severity::Error,
        &["E segment-unexpected at MSH[2]: another message begins here"],
    );
}

#[track_caller]
fn check_errors(transaction: Transaction, message: &Message, expected: &[&str]) {
    check(message, &Profile::ihe(transaction), Severity::Error, expected);
}

#[test]
fn an_order_for_two_studies_is_an_error() {
    let body = format!(
        "{PATIENT}\nORC|NW|P1|F1\nOBR|1|P2|F1|CT\nIPC|A1|RP|1.2.3|S1|CT\nIPC|A1|RP|1.2.4|S2|CT"
    );
    check(
        &message("OMI^O23^OMI_O23", "2.5.1", &body),
        &Profile::tables(),
        Severity::Warning,
        &[
            "W sources-disagree at OBR-2: placer_order_number: ORC-2 and OBR-2 disagree",
            "E sources-disagree at IPC[2]-3: study_instance_uid: IPC-3 and IPC[2]-3 disagree",
        ],
    );
}

#[test]
fn registration_asks_for_the_visit() {
    let visit = "PV1||I|WARD^1||||77^DOC|||SUR|||||||78^DOC||V1";
    let good = format!("EVN||20260301\nPID|||P1||DOE||19800101|F\n{visit}");
    check_errors(Transaction::Rad1, &message("ADT^A01", "2.3.1", &good), &[]);
    let poor = "EVN||20260301\nPID|||P1||DOE||19800101|F\nPV1||I";
    check_errors(
        Transaction::Rad1,
        &message("ADT^A01", "2.3.1", poor),
        &[
            "E field-missing at PV1-3: PV1-3 is required",
            "E field-missing at PV1-7: PV1-7 is required",
            "E field-missing at PV1-10: PV1-10 is required",
            "E field-missing at PV1-17: PV1-17 is required",
            "E field-missing at PV1-19: PV1-19 or PID-18 is required",
        ],
    );
    let account = "EVN||20260301\nPID|||P1||DOE||19800101|F||||||||||A1\nPV1||O||||||9^REF";
    check_errors(Transaction::Rad1, &message("ADT^A04", "2.3.1", account), &[]);
}

#[test]
fn updates_say_what_became_of_the_procedure() {
    check_errors(Transaction::Rad13, &orm("ORC|CA|PL55|FI66||CA"), &[]);
    check_errors(Transaction::Rad13, &orm("ORC|XO|PL55|FI66||CM"), &[]);
    check_errors(
        Transaction::Rad13,
        &orm("ORC|XO|PL55|FI66||CA"),
        &["E value-not-allowed at ORC-5: only SC, CM"],
    );
    check_errors(
        Transaction::Rad13,
        &omi("ORC|NW|PL55|FI66||SC"),
        &["E value-not-allowed at ORC-1: only CA, DC, XO"],
    );
}

#[test]
fn placer_and_filler_use_their_own_controls() {
    check_errors(Transaction::Rad2, &orm("ORC|NW|PL55|||"), &[]);
    check_errors(Transaction::Rad3, &orm("ORC|SC|PL55|FI66||IP"), &[]);
    check_errors(
        Transaction::Rad3,
        &orm("ORC|NW|PL55|FI66||"),
        &["E value-not-allowed at ORC-1: only SN, SC, OC, OK, UA, NA"],
    );
}

#[test]
fn a_result_names_its_study() {
    let report = |obx: &str| {
        let body = format!(
            "PID|||P1||DOE||19800101|F\nPV1||O\nORC|RE|PL55|FI66||CM||||20260301|||99|||||RAD\n\
             OBR|1|PL55|FI66|CT^CT head^L|||20260301|||||||||99||A1||||20260301||CT|F\n{obx}"
        );
        message("ORU^R01^ORU_R01", "2.5.1", &body)
    };
    let text = "OBX|2|TX|121070^Findings^DCM||No bleed.||||||F";
    let study = "OBX|1|ST|113014^DICOM Study^DCM||1.2.840.1||||||F";
    check_errors(Transaction::Rad128, &report(&format!("{study}\n{text}")), &[]);
    check_errors(
        Transaction::Rad128,
        &report(text),
        &["E value-not-allowed at OBX-3.1: none is 113014"],
    );
    let line = |label: &str| format!("OBX|1|HD|^{label}||1.2.3||||||F");
    let all = ["SR Instance UID", "Study Instance UID", "SR Text"].map(line).join("\n");
    check_errors(Transaction::Rad28, &report(&all), &[]);
}

#[test]
fn a_result_need_not_repeat_the_timing_and_entry_of_its_order() {
    let line = |label: &str| format!("OBX|1|HD|^{label}||1.2.3||||||F");
    let lines = ["SR Instance UID", "Study Instance UID", "SR Text"].map(line).join("\n");
    let body = format!(
        "PID|||P1||DOE\nORC|RE|PL55\nOBR|1|PL55||CT^CT head^L|||||||||||||||||||||F\n{lines}"
    );
    check_errors(Transaction::Rad28, &message("ORU^R01", "2.3.1", &body), &[]);
    let body = body.replace("PID|||P1||DOE", "PID|1");
    let lost = [
        "E field-missing at PID-5: PID-5 is required",
        "E field-missing at PID-3.1: PID-3.1 is required",
    ];
    check_errors(Transaction::Rad28, &message("ORU^R01", "2.3.1", &body), &lost);
    // An authority without a number names nobody.
    let body = body.replace("PID|1", "PID|||^^^NORTH||DOE");
    check_errors(Transaction::Rad28, &message("ORU^R01", "2.3.1", &body), &lost[1..]);
}

#[test]
fn a_receiver_needs_a_patient_a_number_and_something_to_read() {
    #[track_caller]
    fn check_report(body: &str, expected: &[&str]) {
        let message = message("ORU^R01", "2.3.1", body);
        check(&message, &Profile::report(), Severity::Error, expected);
    }
    let patient = "PID|||P1||DOE";
    check_report(&format!("{patient}\nOBR|1||F1|CT\nOBX|1|TX|X||text||||||F"), &[]);
    check_report(
        &format!("{patient}\nOBR|1|||CT"),
        &[
            "E field-missing at OBR-18: OBR-18 or OBR-3 or OBR-2 or ORC-3 or ORC-2 is required",
            "E segment-missing at OBX: OBX is required",
        ],
    );
    check_report(
        &format!(
            "{patient}\nOBR|1||F1|CT\nOBX|1|ED|X||^AP^PDF^Base64^||||||F\nOBX|2|ED|X||^AP^PDF^Base64^JVB!||||||F\nOBX|3|ED|X||^AP^PDF^Base64^JVBE||||||F"
        ),
        &[
            "E field-missing at OBX-5.5: encapsulated data is missing",
            "E datatype-invalid at OBX[2]-5.5: encapsulated data is no base64",
        ],
    );
    let order = message("ORM^O01", "2.3.1", "PID|||P1||DOE\nORC|NW\nOBR|1||F1|^CT head");
    check(&order, &Profile::order(), Severity::Error, &[]);
    let order = message("ORM^O01", "2.3.1", "PID|||||DOE\nORC|NW\nOBR|1");
    check(
        &order,
        &Profile::order(),
        Severity::Error,
        &[
            "E field-missing at PID-3.1: PID-3.1 or PID-2.1 is required",
            "E field-missing at ORC-2: ORC-2 or ORC-3 or OBR-2 or OBR-3 is required",
            "E field-missing at OBR-4.1: OBR-4.1 or OBR-4.2 is required",
        ],
    );
}

#[test]
fn the_french_flows_are_profiles() {
    let head = "MSH|^~\\&|RIS|CENTRE|TLR|PLATEFORME|20260301101500||ORM^O01^ORM_O01|1|P|2.5.1|||||FRA|8859/15|||1.0^CISIS_TLR_HL7_V2";
    let patient = "PID|||1^^^INS&1.2.250.1.213.1.4.8&ISO^INS||DOE^JANE|||F||||||||||D1\rPV1||O|||||||||||||||||V1";
    let order = "ORC|NW|P1^^1.2.3^ISO|||||||20260301|||810^DOC^ANNE^^^^^^ASIP&1.2.250.1.71.4.2.1&ISO^L^^^RPPS||^^^^^^0102|||STRUCTURE_IMAGERIE^^TLR_TYPE_ORGANISATION||||CENTRE^^^^^ASIP&1.2.250.1.71.4.2.2&ISO^FINEG^^^75";
    let request =
        "OBR|1|P1^^1.2.3^ISO||TRANSMISSION_DEMANDE^^TLR_OBR_PROCEDURE||||||||||||810^DOC^ANNE";
    let good = Message::parse(format!("{head}\r{patient}\r{order}\r{request}\r")).unwrap();
    check(&good, &Profile::french(Flow::Request), Severity::Error, &[]);
    check(
        &good,
        &Profile::french(Flow::Cancellation),
        Severity::Error,
        &[
            "E value-not-allowed at ORC-1: only CA",
            "E value-not-allowed at OBR-4.1: only ANNULATION_DEMANDE",
        ],
    );
    let answer = format!("{head}\r{patient}\r{order}\r{request}\r")
        .replace("ORM^O01^ORM_O01", "ORU^R01^ORU_R01")
        .replace("ORC|NW", "ORC|OK");
    check(
        &Message::parse(answer).unwrap(),
        &Profile::french(Flow::Answer),
        Severity::Error,
        &[
            "E value-not-allowed at ORC-17.1: only PLATEFORME_TLR",
            "E value-not-allowed at OBR-4.1: only REPONSE_DEMANDE",
            "E value-not-allowed at OBX-3.1: none is PROTOCOLE_IMAGERIE",
        ],
    );
}

#[test]
fn a_profile_is_for_its_messages_only() {
    let profile = Profile::ihe(Transaction::Rad28);
    assert!(!profile.applies_to(&orm("ORC|NW")));
    assert!(profile.applies_to(&message("ORU^R01", "2.5", "OBR|1")));
}

#[test]
fn a_site_adds_rules_of_its_own() {
    let rules =
        ["OBR-24 R = CT, MR", "ZPI R", "5 OBR-18 X", "NTE RE if ORC-1 = NW", "OBR-4.1|OBR-44.1 R"];
    let profile = Profile::tables().with_rules(&rules).unwrap();
    check(
        &orm("ORC|NW|PL55|FI66||"),
        &profile,
        Severity::Information,
        &["E segment-missing at ZPI: ZPI is required", "I segment-missing at NTE: NTE is required"],
    );
    #[track_caller]
    fn check_rule(line: &str, expected: &str) {
        let error = line.parse::<Rule>().map_err(|error| error.to_string());
        assert_eq!(error, Err(expected.to_owned()));
    }
    check_rule("OBR-0 R", "not a place like ZDS, OBR-18 or ORC-2.3");
    check_rule("", "not a place like ZDS, OBR-18 or ORC-2.3");
    check_rule("OBR-4 Q", "not a usage: R, RE, O, X or any");
    check_rule("OBR-4", "not a usage: R, RE, O, X or any");
    check_rule("OBX-3.1 any", "`any` needs values");
}

#[test]
fn a_finding_becomes_an_err_segment() {
    let findings = validate(
        &message("ADT^A08", "2.5.1", "EVN||20260301\nPID|||P1||DOE||19801302\nPV1||O"),
        &Profile::tables(),
    );
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    let built = MessageBuilder::new(MessageHead::default())
        .typed(&ErrSegment::from(finding))
        .build()
        .unwrap();
    let raw = built.segment("ERR").map(|err| String::from_utf8_lossy(err.raw()).into_owned());
    let expected =
        "ERR||PID^1^7^1^1|102^Data type error^HL70357|W|datatype-invalid|||no value of type DTM";
    assert_eq!(raw.as_deref(), Some(expected));
    let place = built.segment("ERR").map(ErrSegment::read).unwrap().location.location();
    assert_eq!(place, Ok(finding.location));
}

#[test]
fn findings_are_bounded() {
    let body = "OBX|x\n".repeat(5000);
    let findings = validate(&message("ORU^R01", "2.5.1", &body), &Profile::tables());
    assert!(findings.len() <= FINDINGS_MAX);
}

#[test]
fn what_a_site_silences_takes_no_room() {
    let body = format!("{PATIENT}\n{}NTE|1|Q", "OBX|x\n".repeat(5000));
    let mut profile = Profile::tables().with_rules(&["NTE X"]).unwrap();
    let place = Some("OBX".parse().unwrap());
    profile.adjustments = vec![Adjustment { code: None, place, severity: None }];
    let findings = validate(&message("ORU^R01^ORU_R01", "2.5.1", &body), &profile);
    assert!(findings.iter().all(|finding| finding.location.path().segment() != "OBX"));
    assert!(findings.iter().any(|finding| finding.code == FindingCode::Forbidden));
}

/// The answer to a message with these findings, without MSH and MSA-2.
#[track_caller]
fn check_reply(version: &str, body: &str, least: Severity, expected: &str) {
    let message = message("ADT^A08", version, body);
    let profile = Profile::tables().with_rules(&["PV1-2 R", "OBX-11 R"]).unwrap();
    let findings = validate(&message, &profile);
    let reply = reply(&findings, least);
    assert_eq!(reply.code, acknowledgement(&findings).code);
    let bytes = reply.write(Some(&message), "2", telerad_core::Timestamp::default());
    let text = String::from_utf8_lossy(&bytes).replace('\r', "\n");
    assert_eq!(text.split_once("\nMSA|").map(|(_, rest)| rest), Some(expected));
}

#[test]
fn every_finding_is_told_with_its_severity() {
    let body = "EVN||20260301\nPID|||P1||DOE||19801302\nPV1|1\nOBX|1|TX|1||x";
    let error = |place: &str, code: &str, severity: &str, name: &str, words: &str| {
        format!("ERR||{place}|{code}^HL70357|{severity}|||{name}|{words}\n")
    };
    let missing = "101^Required field missing";
    let visit = error("PV1^1^2", missing, "E", "field-missing", "PV1-2: PV1-2 is required");
    let result = error("OBX^1^11", missing, "E", "field-missing", "OBX-11: OBX-11 is required");
    let birth = error(
        "PID^1^7^1^1",
        "102^Data type error",
        "W",
        "datatype-invalid",
        "PID-7.1: no value of type DTM",
    );
    let answer = "AE|1|PV1-2: PV1-2 is required\n";
    check_reply("2.5.1", body, Severity::Error, &format!("{answer}{visit}{result}"));
    check_reply("2.5.1", body, Severity::Warning, &format!("{answer}{visit}{result}{birth}"));
    check_reply(
        "2.3.1",
        "EVN|A08|20260301\nPID|||P1||DOE||19801302\nPV1||O",
        Severity::Warning,
        "AA|1|PID-7.1: no value of type DTM\n\
         ERR|PID^1^7^102&Data type error&HL70357&W&Warning&HL70516\n",
    );
}

#[test]
fn what_decides_the_answer_is_told_first() {
    let message = message("XYZ^A08", "2.5.1", "PID\nPV1");
    let reply = reply(&validate(&message, &Profile::tables()), Severity::Information);
    let first = reply.errors.first().map(|error| (error.diagnostic.as_str(), error.severity));
    assert_eq!(reply.code, crate::AckCode::AR);
    assert_eq!(first, Some(("message-unsupported", Severity::Error)));
    assert!(reply.errors.len() > 1);
}

#[test]
fn a_flood_of_findings_is_told_in_part() {
    let body = "OBX|x\n".repeat(5000);
    let findings = validate(&message("ORU^R01", "2.5.1", &body), &Profile::tables());
    assert!(findings.len() > crate::ERRORS_MAX);
    assert_eq!(reply(&findings, Severity::Information).errors.len(), crate::ERRORS_MAX);
}

#[track_caller]
fn check_file(datatype: &str, file: &str, expected: &[&str]) {
    for version in ["2.3.1", "2.5.1"] {
        let body = format!(
            "PID|||P1||DOE\nORC|RE|PL55\nOBR|1|PL55||CT^CT head^L|||||||||||||||||||||F\n\
             OBX|1|{datatype}|18748-4^Report^LN||{file}||||||F"
        );
        let kind = if version == "2.5.1" { "ORU^R01^ORU_R01" } else { "ORU^R01" };
        let found: Vec<String> = validate(&message(kind, version, &body), &Profile::tables())
            .iter()
            .filter(|finding| finding.location.to_string().starts_with("OBX"))
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, expected, "{file} in {version}");
    }
}

#[test]
fn files_may_be_named_by_their_media_type() {
    check_file("ED", "^application^pdf^Base64^JVBERi0xLjQK", &[]);
    check_file("ED", "^Application^PDF^Base64^JVBERi0xLjQK", &[]);
    check_file("ED", "^text^xml^A^<a/>", &[]);
    check_file("ED", "^AP^PDF^Base64^JVBERi0xLjQK", &[]);
    check_file("ED", "^AP^Octet-stream^Base64^JVBERi0xLjQK", &[]);
    check_file("RP", "http://pacs/x^^image^jpeg", &[]);
    check_file(
        "ED",
        "^paper^pdf or so^Base64^JVBERi0xLjQK",
        &[
            "W code-unknown at OBX-5.2: not in table 0191",
            "W code-unknown at OBX-5.3: not in table 0291",
        ],
    );
    check_file("RP", "x^^AP^docx", &["W code-unknown at OBX-5.4: not in table 0291"]);
}

#[test]
fn codes_have_names_of_their_own() {
    let names: std::collections::BTreeSet<&str> =
        FindingCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), FindingCode::ALL.len());
    for code in FindingCode::ALL {
        let condition = code.condition().to_string();
        assert!(crate::tables::codes("0357").is_some_and(|codes| codes.contains(&condition)));
    }
}

#[cfg(feature = "profile")]
#[test]
fn a_profile_in_toml_is_read_strictly() {
    let profile = Profile::from_toml(
        "name = \"north\"\nmessages = [\"ORM\"]\n[[rule]]\nplace = \"OBR-18\"\nusage = \"R\"\nversion = \"2.3.1\"\n\
         severity = \"warning\"\ntext = \"number it\"\nwhen = { place = \"ORC-1\", values = [\"NW\"] }\n",
    )
    .unwrap();
    check(
        &message("ORM^O01", "2.3.1", "ORC|NW|1\nOBR|1|1||CT"),
        &profile,
        Severity::Warning,
        &["W field-missing at OBR-18: number it"],
    );
    #[track_caller]
    fn check_toml(text: &str, expected: &str) {
        let error = Profile::from_toml(text).map_err(|error| error.to_string()).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    check_toml("nane = 1", "not a profile: TOML parse error at line 1");
    let rule = |lines: &str| format!("name = \"x\"\n[[rule]]\n{lines}\n");
    check_toml(&rule("place = \"OBR\"\nusage = \"Q\""), "rule 1 (line 2): not a usage");
    check_toml(&rule("place = \"OB-1\"\nusage = \"R\""), "rule 1 (line 2): not a place");
    check_toml(
        &rule("place = \"OBR-1\"\nusage = \"R\"\nversion = \"2.4\""),
        "rule 1 (line 2): not a version",
    );
    check_toml(
        &rule("place = \"OBR-1\"\nusage = \"R\"\nseverity = \"bad\""),
        "rule 1 (line 2): not a severity",
    );
}

#[cfg(feature = "profile")]
#[test]
fn a_site_silences_and_hardens_what_the_tables_ask() {
    let order =
        message("ORM^O01", "2.3.1", "PID|1||P1||DOE||someday|Q\nPV1|1|O\nORC|ZZ|1\nOBR|1|1||CT");
    let least = Severity::Warning;
    let read = |findings: &str| Profile::from_toml(&format!("name = \"x\"\n{findings}")).unwrap();
    let date = "no value of type DTM";
    let (control, birth) = ("ORC-1: not in table 0119", format!("PID-7.1: {date}"));
    let tables = [format!("W datatype-invalid at {birth}"), format!("W code-unknown at {control}")];
    check(&order, &read(""), least, &tables.each_ref().map(String::as_str));
    let silent = "[[finding]]\nplace = \"ORC\"\nseverity = \"none\"";
    check(&order, &read(silent), least, &[&tables[0]]);
    let hard = "[[finding]]\ncode = \"datatype-invalid\"\nplace = \"PID-7\"\nseverity = \"error\"\n\
                [[finding]]\ncode = \"code-unknown\"\nseverity = \"none\"";
    check(&order, &read(hard), least, &[&format!("E datatype-invalid at {birth}")]);
    // Those of other messages are left as they are.
    let other = read("messages = [\"ADT\"]\n[[finding]]\nplace = \"ORC\"\nseverity = \"none\"");
    check(&order, &other, least, &tables.each_ref().map(String::as_str));
    let based = read(
        "base = \"RAD-4\"\n[[finding]]\ncode = \"segment-missing\"\nplace = \"ZDS\"\nseverity = \"none\"",
    );
    let findings = validate(&order, &based);
    assert!(findings.iter().any(|finding| finding.code == FindingCode::FieldMissing));
    assert!(findings.iter().all(|finding| finding.location.path().segment() != "ZDS"));
}

#[cfg(feature = "profile")]
#[test]
fn a_faulty_adjustment_is_named_with_its_line() {
    #[track_caller]
    fn check(lines: &str, expected: &str) {
        let text = format!("name = \"x\"\n\n{lines}\n");
        let error = Profile::from_toml(&text).map_err(|error| error.to_string());
        assert_eq!(error.unwrap_err(), expected);
    }
    let finding = |lines: &str| format!("[[finding]]\n{lines}");
    check(
        &finding("code = \"odd\"\nseverity = \"none\""),
        "finding 1 (line 3): not a code of a finding like code-unknown or field-missing",
    );
    check(&finding("severity = \"none\""), "finding 1 (line 3): needs `code`, `place` or both");
    check(
        &finding("place = \"OBX-5\"\nseverity = \"quiet\""),
        "finding 1 (line 3): not a severity: error, warning, information, or none to silence the finding",
    );
    let error = Profile::from_toml("name = \"x\"\nbase = \"RAD-9\"").unwrap_err().to_string();
    assert!(error.starts_with("no profile is called \"RAD-9\": `base` is order"), "{error}");
}
