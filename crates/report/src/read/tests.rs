use proptest::prelude::*;
use telerad_hl7::Message;

use crate::samples::{incoming, message, oru, reading};
use crate::{AccessionSource, FindingCode, ParkReason, ReportStatus, read};

/// Head, patient and one OBR of a message whose OBR fields are given.
fn with_request(fields: &str, rest: &str) -> Message {
    message(
        format!(
            "MSH|^~\\&|READER|TR|TELERAD|GW|20260301130000||ORU^R01|M1|P|2.3.1\n\
             PID|||7\n{fields}\nOBX|1|TX|||Normal.||||||F\n{rest}"
        )
        .trim_end(),
    )
}

/// `study accession filler placer` of the first claim, `-` where missing, `@` before an issuer.
#[track_caller]
fn check_claim(message: &Message, expected: &str, source: Option<AccessionSource>) {
    let incoming = incoming(message);
    let claim = &incoming.claims[0];
    let issued = |value: &str, issuer: Option<&telerad_core::Issuer>| match issuer {
        Some(issuer) => format!("{value}@{issuer}"),
        None => value.to_owned(),
    };
    let missing = || "-".to_owned();
    let parts = [
        claim.study_instance_uid.as_ref().map(ToString::to_string),
        claim.accession.as_ref().map(|one| issued(one.value(), one.issuer())),
        claim.filler.as_ref().map(|one| issued(one.value(), one.issuer())),
        claim.placer.as_ref().map(|one| issued(one.value(), one.issuer())),
    ];
    assert_eq!(parts.map(|part| part.unwrap_or_else(missing)).join(" "), expected);
    assert_eq!(incoming.accession_sources[0], source);
    let is_noted = incoming.findings.iter().any(|one| one.code == FindingCode::AccessionFromFiller);
    assert_eq!(is_noted, source == Some(AccessionSource::FillerOrderNumber));
}

#[track_caller]
fn check_rejected(message: &Message, condition: u16, location: &str) {
    let rejection = read(message, &reading()).unwrap_err();
    assert_eq!((rejection.condition, &*rejection.location), (condition, location), "{rejection}");
}

#[track_caller]
fn check_status(obr: &str, obx: &str, expected: ReportStatus, is_conflict: bool) {
    let incoming = incoming(&oru(obr, "", obx));
    assert_eq!(incoming.status, expected);
    let conflict = |one: &crate::Finding| one.code == FindingCode::StatusConflict;
    assert_eq!(incoming.findings.iter().any(conflict), is_conflict, "{:?}", incoming.findings);
}

#[track_caller]
fn check_lines(obx: &str, expected: &[&str]) {
    let incoming = incoming(&oru("F", "", obx));
    let lines: Vec<&str> = incoming.lines.iter().map(|line| &*line.text).collect();
    assert_eq!(lines, expected);
}

const F18: Option<AccessionSource> = Some(AccessionSource::PlacerField1);
const F3: Option<AccessionSource> = Some(AccessionSource::FillerOrderNumber);

#[test]
fn the_accession_number_is_in_obr_18() {
    let obr = "OBR|1|P1^EHR|F1^RIS^1.2^ISO|CT|||||||||||||| A1001 |||||||F";
    check_claim(&with_request(obr, ""), "- A1001 F1@RIS&1.2&ISO P1@EHR", F18);
}

#[test]
fn the_filler_number_stands_in_only_where_obr_18_is_empty() {
    let obr = "OBR|1|P1|F1|CT|||||||||||||||||||||F";
    check_claim(&with_request(obr, ""), "- F1 F1 P1", F3);
    let obr = "ORC|RE|P1|F1^RIS\nOBR|1|||CT|||||||||||||||||||||F";
    check_claim(&with_request(obr, ""), "- F1@RIS F1@RIS P1", F3);
    let obr = "OBR|1|P1||CT|||||||||||||||||||||F";
    check_claim(&with_request(obr, ""), "- - - P1", None);
}

#[test]
fn the_study_is_in_zds_or_in_an_observation() {
    let obr = "OBR|1|||CT||||||||||||||A1|||||||F";
    let zds = "ZDS|1.2.3^RIS^Application^DICOM";
    check_claim(&with_request(obr, zds), "1.2.3 A1 - -", F18);
    for obx in [
        "OBX|2|ST|113014^DICOM Study^DCM||1.2.3||||||F",
        "OBX|2|HD|^Study Instance UID||1.2.3||||||F",
        "OBX|2|ST|110180^Study Instance UID^DCM||1.2.3",
    ] {
        let message = with_request(obr, obx);
        check_claim(&message, "1.2.3 A1 - -", F18);
        assert_eq!(incoming(&message).lines.len(), 1);
    }
}

#[test]
fn what_is_no_uid_is_part_of_the_report() {
    check_lines("OBX|1|TX|113014^Local^99X||Text under a local code", &["Text under a local code"]);
    let message = with_request("OBR|1|||CT||||||||||||||A1|||||||F", "ZDS|STUDY-1");
    check_claim(&message, "- A1 - -", F18);
    assert_eq!(incoming(&message).findings[0].location, "ZDS^1^1");
}

#[test]
fn two_studies_for_one_order_are_parked() {
    let obr = "OBR|1|||CT||||||||||||||A1|||||||F";
    let twice = "ZDS|1.2.3\nOBX|2|ST|113014^DICOM Study^DCM||1.2.4||||||F";
    assert_eq!(incoming(&with_request(obr, twice)).holds, [ParkReason::StudyUidsDisagree]);
}

#[test]
fn a_study_at_the_end_is_that_of_every_request() {
    let obr = "OBR|1|||CT||||||||||||||A1|||||||F\nOBR|2|||CT||||||||||||||A2|||||||F";
    let incoming = incoming(&with_request(obr, "ZDS|1.2.3"));
    let studies = incoming.claims.iter().map(|claim| claim.study_instance_uid.as_ref().unwrap());
    assert_eq!(studies.map(|uid| uid.as_str().to_owned()).collect::<Vec<_>>(), ["1.2.3", "1.2.3"]);
    assert_eq!(incoming.holds, []);
}

#[test]
fn a_study_before_the_first_request_counts() {
    let study = "OBX|1|ST|113014^DICOM Study^DCM||1.2.3||||||F";
    let obr = "OBR|1|||CT||||||||||||||A1|||||||F";
    check_claim(&with_request(&format!("{study}\n{obr}"), ""), "1.2.3 A1 - -", F18);
    let two = with_request(&format!("{study}\n{obr}"), "ZDS|1.2.4");
    assert_eq!(incoming(&two).holds, [ParkReason::StudyUidsDisagree]);
}

#[test]
fn a_study_that_belongs_to_no_request_is_parked() {
    let obr = "OBR|1|||CT||||||||||||||A1|||||||F";
    let study = "OBX|2|ST|113014^DICOM Study^DCM||1.2.3||||||F";
    for stray in ["ORC|RE", "PID|||7"] {
        let message = with_request(obr, &format!("{stray}\n{study}"));
        assert_eq!(incoming(&message).holds, [ParkReason::StudyUidsDisagree], "{stray}");
    }
}

#[test]
fn numbers_that_disagree_are_told_and_stay_with_their_request() {
    let disagreements = |message: &Message| {
        let found = incoming(message).findings.into_iter();
        let found = found.filter(|one| one.code == FindingCode::Disagreement);
        found.map(|one| one.location).collect::<Vec<_>>()
    };
    let one = "ORC|RE|P1|F1\nOBR|1|P1^EHR|F2|CT||||||||||||||A1|||||||F";
    check_claim(&with_request(one, ""), "- A1 F2 P1@EHR", F18);
    assert_eq!(disagreements(&with_request(one, "")), ["ORC^1^3"]);
    // The ORC is that of the first OBR.
    let two = format!("{one}\nOBR|2|||CT||||||||||||||A2|||||||F");
    let second = incoming(&with_request(&two, "")).claims.remove(1);
    assert_eq!((second.filler, second.placer), (None, None));
    // An ORC without OBR is no request.
    let late = with_request("OBR|1|||CT||||||||||||||A1|||||||F", "ORC|RE|P9|F9");
    check_claim(&late, "- A1 - -", F18);
}

#[test]
fn a_document_header_hides_no_request() {
    let obr = "OBR|1|||CT||||||||||||||A1|||||||F\nOBR|2|||CT||||||||||||||A2|||||||F\nTXA|1|DI";
    let message = with_request(obr, "OBX|2|TX|||More.||||||F");
    let incoming = incoming(&message);
    assert_eq!((incoming.claims.len(), incoming.lines.len()), (2, 2));
}

#[test]
fn a_segment_that_goes_on_is_read_whole() {
    check_lines(
        "OBX|1|TX|||No fracture. \nADD|Mass in the \nADD|left lung.||||||F",
        &["No fracture. Mass in the left lung."],
    );
}

#[test]
fn a_part_of_a_report_is_parked() {
    let text = "OBX|1|TX|||Half a report||||||F";
    let first = oru("F", "", &format!("{text}\nDSC|next|F"));
    assert_eq!(incoming(&first).holds, [ParkReason::Fragment]);
    let next = String::from_utf8(oru("F", "", text).as_bytes().to_vec()).unwrap();
    let next = next.replace("|P|2.5.1", "|P|2.5.1||next");
    assert_eq!(incoming(&Message::parse(next).unwrap()).holds, [ParkReason::Fragment]);
}

#[test]
fn patients_have_the_sites_authority_where_none_is_named() {
    let text = "PID|||7~X1^^^&1.2.3&ISO^NI~V5^^^HOSP^VN||O'HARA&VAN^JANE^Q^JR^MRS^^D~DOE^JANE^^^^^L\
                ~山田^太郎^^^^^L^I||198001|O";
    let message = message(&format!(
        "MSH|^~\\&|READER|TR|TELERAD|GW|20260301||ORU^R01|M1|P|2.5.1||||||UNICODE UTF-8\n{text}\n\
         OBR|1|P1|||||||||||||||||||||||X"
    ));
    let patient = &incoming(&message).claims[0].patient;
    let ids: Vec<String> =
        patient.ids.iter().map(|id| format!("{}@{}", id.value(), id.issuer().unwrap())).collect();
    assert_eq!(ids, ["7@HOSP", "X1@&1.2.3&ISO"]);
    assert_eq!(patient.name.to_dicom(), "DOE^JANE=山田^太郎");
    assert_eq!(patient.birth_date.unwrap().to_string(), "198001");
    assert_eq!(patient.sex.unwrap().as_dicom(), "O");
}

#[test]
fn several_orders_are_several_claims_and_equal_ones_are_one() {
    let obr = "OBR|1||F1|CT||||||||||||||A1|||||||F\n\
               OBR|2||F2|CT||||||||||||||A2|||||||F\nOBR|3||F1|CT||||||||||||||A1|||||||F";
    let incoming = incoming(&with_request(obr, ""));
    let accessions: Vec<&str> =
        incoming.claims.iter().map(|claim| claim.accession.as_ref().unwrap().value()).collect();
    assert_eq!(accessions, ["A1", "A2"]);
    assert_eq!(incoming.report_number, "F1");
}

#[test]
fn two_patients_in_one_message_are_parked() {
    let second = "PID|||8\nOBR|2|||CT||||||||||||||A2|||||||F";
    let obr = "OBR|1|||CT||||||||||||||A1|||||||F";
    let incoming = incoming(&with_request(obr, second));
    assert_eq!(incoming.holds, [ParkReason::SeveralPatients]);
    assert_eq!(incoming.claims[1].patient.ids[0].value(), "8");
}

#[test]
fn what_a_report_cannot_do_without_is_named() {
    let obr = "OBR|1|||CT||||||||||||||A1|||||||F";
    let head = "MSH|^~\\&|READER|TR|TELERAD|GW|20260301||ORU^R01|M1|P|2.5.1";
    let with = |head: &str, rest: &str| message(&format!("{head}\n{rest}"));
    check_rejected(&with(&head.replace("ORU", "ORM"), obr), 200, "MSH^1^9^1^1");
    check_rejected(&with(&head.replace("R01", "R02"), obr), 201, "MSH^1^9^1^2");
    check_rejected(&with(&head.replace("M1", ""), obr), 101, "MSH^1^10");
    check_rejected(&with(head, obr), 100, "PID^1");
    check_rejected(&with(head, &format!("PID||7\n{obr}")), 101, "PID^1^3");
    check_rejected(&with(head, "PID|||7"), 100, "OBR^1");
    check_rejected(&with(head, "PID|||7\nOBR|1|||CT|||||||||||||||||||||F"), 101, "OBR^1^18");
    check_rejected(&with(head, &format!("PID|||7\n{obr}")), 101, "OBX^1^5");
    check_rejected(&oru("", "", "OBX|1|TX|||Text"), 101, "OBR^1^25");
    check_rejected(&oru("Z", "", "OBX|1|TX|||Text"), 103, "OBR^1^25");
    let pdf = "OBX|1|TX|||Text||||||F\nOBX|2|ED|||^application^pdf^Base64^||||||F";
    check_rejected(&oru("F", "", pdf), 101, "OBX^2^5");
}

#[test]
fn every_result_status_is_read() {
    use ReportStatus::{Corrected, Final, Preliminary, Retracted, StatusOnly};
    for (code, expected) in [
        ("P", Preliminary),
        ("R", Preliminary),
        ("A", Preliminary),
        ("M", Preliminary),
        ("F", Final),
        ("C", Corrected),
        ("X", Retracted),
        ("O", Preliminary),
        ("I", Preliminary),
        ("S", Preliminary),
        ("N", Preliminary),
    ] {
        check_status(code, "OBX|1|TX|||Text", expected, false);
    }
    for code in ["O", "I", "S", "N", "A"] {
        check_status(code, "", StatusOnly, false);
    }
    check_status("X", "", Retracted, false);
}

#[test]
fn every_line_status_is_read() {
    use ReportStatus::{Corrected, Final, Preliminary, Retracted, WrongPatient};
    for (code, expected, is_conflict) in [
        ("F", Final, false),
        ("P", Preliminary, true),
        ("R", Preliminary, true),
        ("S", Preliminary, true),
        ("I", Preliminary, true),
        ("C", Corrected, true),
        ("A", Final, false),
        ("N", Final, false),
        ("O", Final, false),
        ("U", Final, false),
        ("D", Retracted, true),
        ("X", Retracted, true),
        ("W", WrongPatient, true),
        ("?", Preliminary, true),
    ] {
        check_status("F", &format!("OBX|1|TX|||Text||||||{code}"), expected, is_conflict);
    }
}

#[test]
fn the_most_restrictive_status_wins() {
    use ReportStatus::{Corrected, Final, Preliminary, Retracted, WrongPatient};
    let two = |a: &str, b: &str| format!("OBX|1|TX|||One||||||{a}\nOBX|2|TX|||Two||||||{b}");
    check_status("P", &two("F", "F"), Preliminary, true);
    check_status("F", &two("F", "P"), Preliminary, true);
    check_status("C", &two("F", "F"), Corrected, false);
    check_status("F", &two("F", "C"), Corrected, true);
    check_status("X", &two("F", "F"), Retracted, false);
    check_status("F", &two("F", "W"), WrongPatient, true);
    check_status("F", &two("F", "D"), Final, false);
    check_status("F", &two("D", "D"), Retracted, true);
    check_status("", &two("F", "F"), Final, false);
}

#[test]
fn a_release_is_a_status_without_text() {
    check_status("F", "OBX|1|TX|||||||||U", ReportStatus::Released, false);
    check_status("", "OBX|1|TX|||||||||U", ReportStatus::Released, false);
    assert_eq!(incoming(&oru("F", "", "OBX|1|TX|||||||||U")).lines, []);
}

#[test]
fn parts_that_retract_and_parts_that_report_are_parked() {
    let obr = "OBR|1|||CT||||||||||||||A1|||||||X\nOBR|2|||CT||||||||||||||A2|||||||F";
    assert_eq!(incoming(&with_request(obr, "")).holds, [ParkReason::StatusesDisagree]);
    let deleted = "OBR|1|||CT||||||||||||||A1|||||||F\nOBX|1|TX|||Gone||||||D\n\
                   OBR|2|||CT||||||||||||||A2|||||||F";
    assert_eq!(incoming(&with_request(deleted, "")).holds, [ParkReason::StatusesDisagree]);
}

#[test]
fn text_of_every_shape_becomes_lines() {
    check_lines("OBX|1|TX|||One\nOBX|2|TX||||\nOBX|3||||Three", &["One", "", "Three"]);
    check_lines("OBX|1|TX|||One~~Three", &["One", "", "Three"]);
    check_lines("OBX|1|FT|||One\\.br\\Two \\T\\ more", &["One", "Two & more"]);
    check_lines("OBX|1|ST|||One\\X0D\\\\X0A\\Two", &["One", "Two"]);
    check_lines("OBX|1|TX|||a^b & c", &["a^b & c"]);
    check_lines("OBX|1|CE|||R1^Normal^L\nOBX|2|CE|||R2", &["Normal", "R2"]);
    check_lines("OBX|1|NM|||4.5", &["4.5"]);
    // The second of two codes is as much a part of the report as the first.
    check_lines("OBX|1|CE|||R1^Normal^L~R2^Old fracture^L", &["Normal\nOld fracture"]);
    check_lines("OBX|1|TX|||Kept||||||F\nOBX|2|TX|||Gone||||||D", &["Kept"]);
}

#[test]
fn lines_follow_the_message_and_not_the_set_ids() {
    check_lines("OBX|9|TX|||One\nOBX|2|TX|||Two\nOBX|2|TX|||Three", &["One", "Two", "Three"]);
}

#[test]
fn sections_keep_their_identifiers() {
    let obx =
        "OBX|1|TX|24646-2&GDT^CXR^LN|1|a\nOBX|2|TX|&IMP||b\nOBX|3|TX|IMP^Impression||c|||AA~H";
    let lines = incoming(&oru("F", "", obx)).lines;
    let section = |n: usize| (&*lines[n].identifier.value, &*lines[n].suffix);
    assert_eq!(section(0), ("24646-2", "GDT"));
    assert_eq!((&*lines[0].identifier.meaning, &*lines[0].sub_id), ("CXR", "1"));
    assert_eq!((section(1), section(2)), (("", "IMP"), ("", "IMP")));
    assert_eq!(lines[2].abnormal_flags, "AA~H");
}

#[test]
fn only_an_addendum_is_parked() {
    let addendum = "OBX|1|TX|&ADT||Later seen: fracture.||||||F";
    assert_eq!(incoming(&oru("C", "", addendum)).holds, [ParkReason::AddendumOnly]);
    let whole = format!("OBX|1|TX|&GDT||No fracture.||||||F\n{addendum}");
    assert_eq!(incoming(&oru("C", "", &whole)).holds, []);
}

#[test]
fn encapsulated_documents_are_kept_as_they_came() {
    let pdf = "^application^pdf^Base64^JVBERi0xLjQK";
    let obx = format!("OBX|1|ED|18748-4^Report^LN|1|{pdf}||||||F\nOBX|2|RP|||http://x^^a^b||||||F");
    let lines = incoming(&oru("F", "", &obx)).lines;
    assert_eq!(lines[0].encoded.as_deref(), Some(pdf));
    assert_eq!(lines[1].encoded.as_deref(), Some("http://x^^a^b"));
    assert_eq!((&*lines[0].text, &*lines[1].text), ("", ""));
}

#[test]
fn other_delimiters_become_the_standard_ones() {
    let text = "MSH#*:?!#READER#TR#TELERAD#GW#20260301##ORU*R01#M1#P#2.5.1\n\
                PID###7***HOSP\nOBR#1###CT##############A1#######F\n\
                OBX#1#TX###a|b^c&d\nOBX#2#ED###RIS!1.2*application*pdf*Base64*JV\\BE^Ri0";
    let lines = incoming(&message(text)).lines;
    assert_eq!(lines[0].text, "a|b^c&d");
    let expected = "RIS&1.2^application^pdf^Base64^JV\\E\\BE\\S\\Ri0";
    assert_eq!(lines[1].encoded.as_deref(), Some(expected));
}

#[test]
fn times_are_taken_in_their_order_of_trust() {
    let time = |message: &Message| incoming(message).status_time.unwrap().to_string();
    let obx = "OBX|1|TX|||a||||||F|||20260301120000\nOBX|2|TX|||b||||||F|||20260301121000";
    assert_eq!(time(&oru("F", "20260301125900", obx)), "20260301125900");
    assert_eq!(time(&oru("F", "", obx)), "20260301121000");
    assert_eq!(time(&oru("F", "", "OBX|1|TX|||a")), "20260301130000+0100");
    let unreadable = oru("F", "yesterday", "OBX|1|TX|||a");
    assert_eq!(time(&unreadable), "20260301130000+0100");
    assert_eq!(incoming(&unreadable).findings[0].code, FindingCode::Unreadable);
    assert_eq!(incoming(&unreadable).findings[0].location, "OBR^1^22");
}

#[test]
fn the_interpreter_signs() {
    let signer = |fields: &str, obx: &str| {
        let obr = format!("OBR|1|||CT||||||||||||||A1|||||||F|||||||{fields}");
        let signer = incoming(&with_request(&obr, obx)).signer;
        format!("{} {}", signer.id, signer.name.to_dicom())
    };
    assert_eq!(signer("77&RAD&IOLOGIST&M&&DR^20260301", ""), "77 RAD^IOLOGIST^M^DR");
    assert_eq!(signer("77^RAD^IOLOGIST", ""), "77 RAD^IOLOGIST");
    assert_eq!(signer("77^20260301", ""), "77 ");
    assert_eq!(signer("77&RAD&IO&&&&MD", ""), "77 RAD^IO^^^MD");
    assert_eq!(signer("", "OBX|2|TX|||x||||||F|||||88^OBSERVER^ANN"), "88 OBSERVER^ANN");
}

#[test]
fn an_identifier_in_doubt_is_parked_and_a_name_is_told() {
    #[track_caller]
    fn check(id: &[u8], name: &[u8], accession: &[u8], holds: &[ParkReason], is_told: bool) {
        let head = b"MSH|^~\\&|READER|TR|TELERAD|GW|20260301130000||ORU^R01|M1|P|2.5.1||||||8859/1\rPID|||";
        let parts: [&[u8]; 7] = [
            head,
            id,
            b"||",
            name,
            b"\rOBR|1|||CT||||||||||||||",
            accession,
            b"|||||||F\rOBX|1|TX|||Normal.\r",
        ];
        let incoming = incoming(&Message::parse(parts.concat()).unwrap());
        assert_eq!(incoming.holds, holds);
        let is_doubt = |one: &crate::Finding| one.code == FindingCode::DoubtfulText;
        let doubt = incoming.findings.iter().find(|one| is_doubt(one));
        assert_eq!(doubt.is_some(), is_told);
        if let Some(doubt) = doubt {
            let text = "bytes contradict the character set: read by the one they fit";
            assert_eq!((&*doubt.location, &*doubt.text), ("PID^1^5", text));
        }
    }
    check(b"7", b"M\xdcLLER", b"A1", &[], false);
    check(b"7", "MÜLLER".as_bytes(), b"A1", &[], true);
    check("7Ü".as_bytes(), b"DOE", b"A1", &[ParkReason::DoubtfulIdentifier], false);
    check(b"7", b"DOE", "A1Ü".as_bytes(), &[ParkReason::DoubtfulIdentifier], false);
}

#[test]
fn debug_prints_no_values() {
    let incoming = incoming(&oru("F", "", "OBX|1|TX|||Fracture"));
    let debug = format!("{incoming:?} {:?} {:?}", incoming.claims, incoming.lines);
    for value in ["Fracture", "DOE", "A1001", "19800102"] {
        assert!(!debug.contains(value), "{debug}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_message_makes_the_reader_panic(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "\rPID|||7", "\rOBR|1", "\rOBX|1|ED", "\rOBX|1|TX", "\rOBX|2|CE", "\rORC", "\rZDS",
                "|", "|", "|", "||||||||||", "^", "&", "~", "\\", "\\.br\\", "\\X0D\\", "\"\"", "F", "X",
                "1.2.3", "20260301", "A1", "113014", "\u{e9}", "\n",
            ]),
            0..60,
        ),
    ) {
        let text = format!("MSH|^~\\&|R|T|G|W|20260301||ORU^R01|M1|P|2.5.1{}", parts.concat());
        if let Ok(message) = Message::parse(text) {
            let _ = read(&message, &reading());
        }
    }
}
