//! Messages, the worklist entries they become, and everything that must be reported about it.

use proptest::prelude::*;
use telerad_core::AeTitle;
use telerad_dicom::{Tag, tags};
use telerad_worklist::{AccessionSource, Disposition, Mapping, StationRule};

use crate::{Site, dump, findings, identifier};

/// Everything an answer can carry.
pub(crate) const ROOT: [Tag; 40] = [
    tags::ACCESSION_NUMBER,
    tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::TIMEZONE_OFFSET_FROM_UTC,
    tags::REFERENCED_STUDY_SEQUENCE,
    tags::REFERENCED_PATIENT_SEQUENCE,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::OTHER_PATIENT_I_DS_SEQUENCE,
    tags::PATIENT_SIZE,
    tags::PATIENT_WEIGHT,
    tags::MEDICAL_ALERTS,
    tags::ALLERGIES,
    tags::PREGNANCY_STATUS,
    tags::PATIENT_COMMENTS,
    tags::STUDY_INSTANCE_UID,
    tags::REQUESTING_PHYSICIAN,
    tags::REQUESTING_SERVICE,
    tags::REQUESTED_PROCEDURE_DESCRIPTION,
    tags::REQUESTED_PROCEDURE_CODE_SEQUENCE,
    tags::ADMISSION_ID,
    tags::ISSUER_OF_ADMISSION_ID_SEQUENCE,
    tags::SPECIAL_NEEDS,
    tags::CURRENT_PATIENT_LOCATION,
    tags::PATIENT_STATE,
    tags::ORDER_PLACER_IDENTIFIER_SEQUENCE,
    tags::ORDER_FILLER_IDENTIFIER_SEQUENCE,
    tags::REQUESTED_PROCEDURE_ID,
    tags::REASON_FOR_THE_REQUESTED_PROCEDURE,
    tags::REQUESTED_PROCEDURE_PRIORITY,
    tags::PATIENT_TRANSPORT_ARRANGEMENTS,
    tags::CONFIDENTIALITY_CODE,
    tags::REQUESTED_PROCEDURE_COMMENTS,
    tags::PLACER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST,
    tags::FILLER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST,
    tags::CONFIDENTIALITY_CONSTRAINT_ON_PATIENT_DATA_DESCRIPTION,
];

fn unchanged(_: &mut Mapping) {}

#[track_caller]
fn check(
    message: &str,
    declare: impl FnOnce(&mut Mapping),
    expected: &str,
    expected_findings: &[&str],
) {
    let mut site = Site::new();
    declare(&mut site.mapping);
    let outcome = site.send(message);
    assert_eq!(outcome.disposition, Disposition::Applied);
    let wanted: Vec<(Tag, &str)> = ROOT.iter().map(|tag| (*tag, "")).collect();
    let query = identifier(&wanted, &[]);
    let mut got = String::new();
    for answer in site.ask(&query) {
        got += "---\n";
        dump(&answer, 0, &mut got);
    }
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    assert_eq!(lines(&got), lines(expected), "{got}");
    assert_eq!(findings(&outcome), expected_findings);
}

#[track_caller]
fn parked(message: &str, reason: &str) {
    let outcome = Site::new().send(message);
    assert_eq!(outcome.disposition, Disposition::Parked(reason.to_owned()));
}

#[test]
fn an_ihe_order_of_2_3_1_with_zds() {
    check(
        r"
        MSH|^~\&|RIS|NORTH|TELERAD|GATEWAY|20261124080000||ORM^O01|M1|P|2.3.1
        PID|1||4711^^^NORTH-MRN^MR||Doe^Jane^Q^Jr^Dr^MD||19700102|F
        PV1|1|O|WARD3^12^B||||123^Referrer^Rita^^^Dr|777^Refers^Ralf^M^II^Prof^PhD|||||||||||V-9^^^NORTH-VN
        ORC|NW|P-1^HIS|F-1^RIS||SC||^^^202611241030^^S||20261124|||555^Orders^Olga|||||RAD^Radiology^L|||||||||||U
        OBR|1|P-1^HIS|F-1^RIS|CTTHX^CT thorax^L^CTTHX-P^Thorax native^LP||||||||Iso^Isolation room|Pacemaker|||||A-1|RP-1|SPS-1||||CT|||^^^202611241030^^S|||WALK|R05^Cough^I10|||88&Performs&Paul&&&Dr|||||||||||
        ZDS|1.2.3.4^100^Application^DICOM
        ",
        unchanged,
        "
        ---
        (0008,0050) A-1
        (0008,0051)
          (0040,0031) NORTH
        (0008,0090) Refers^Ralf^M^Prof^II PhD
        (0010,0010) Doe^Jane^Q^Dr^Jr MD
        (0010,0020) 4711
        (0010,0021) NORTH-MRN
        (0010,0030) 19700102
        (0010,0040) F
        (0010,2000) Pacemaker
        (0020,000D) 1.2.3.4
        (0032,1032) Orders^Olga
        (0032,1033) Radiology
        (0032,1060) CT thorax
        (0032,1064)
          (0008,0100) CTTHX
          (0008,0102) L
          (0008,0104) CT thorax
        (0038,0010) V-9
        (0038,0014)
          (0040,0031) NORTH-VN
        (0038,0300) WARD3^12^B
        (0038,0500) Isolation room
        (0040,0026)
          (0040,0031) HIS
        (0040,0027)
          (0040,0031) RIS
        (0040,0100)
          (0008,0060) CT
          (0040,0002) 20261124
          (0040,0003) 1030
          (0040,0006) Performs^Paul^^Dr
          (0040,0007) Thorax native
          (0040,0008)
            (0008,0100) CTTHX-P
            (0008,0102) LP
            (0008,0104) Thorax native
          (0040,0009) SPS-1
          (0040,0020) SCHEDULED
        (0040,1001) RP-1
        (0040,1002) Cough
        (0040,1003) STAT
        (0040,1004) WALK
        (0040,1008) U
        (0040,2016) P-1
        (0040,2017) F-1
        ",
        &[
            "OBR-18: no issuer of the accession number: NORTH assumed",
            "ORC-12: requesting physician was taken from the ordering provider",
            "IPC-9: no station: the step is on the list of every station of the site",
        ],
    );
}

#[test]
fn a_bare_order_gets_what_it_lacks_and_says_so() {
    check(
        r"
        MSH|^~\&|RIS|NORTH|||20261124080000||ORM^O01|M1|P|2.3
        PID|||4711||Doe^Jane
        ORC|NW
        OBR||||CTTHX^CT thorax||||||||||||||A-1||||||CT
        ",
        unchanged,
        "
        ---
        (0008,0050) A-1
        (0008,0051)
          (0040,0031) NORTH
        (0010,0010) Doe^Jane
        (0010,0020) 4711
        (0010,0021) NORTH-MRN
        (0020,000D) 2.25.76741667745476679185937227780329498618
        (0032,1060) CT thorax
        (0040,0100)
          (0008,0060) CT
          (0040,0002) 20261124
          (0040,0003) 080000
          (0040,0007) CT thorax
          (0040,0009) A-1
          (0040,0020) SCHEDULED
        (0040,1001) A-1
        (0040,1003) ROUTINE
        ",
        &[
            "PID-3.4: no assigning authority: NORTH-MRN assumed",
            "OBR-18: no issuer of the accession number: NORTH assumed",
            "ZDS-1: no study instance UID: derived from issuer and accession number",
            "OBR-19: no requested procedure ID: the accession number stands in for it",
            "OBR-20: no step ID: derived from the requested procedure ID",
            "OBR-4.4: no protocol of the step: the procedure stands in for it",
            "IPC-9: no station: the step is on the list of every station of the site",
            "TQ1-7: no start of the step: the time of the message stands in for it",
            "TQ1-9: no priority: ROUTINE",
        ],
    );
}

#[test]
fn an_imaging_order_of_2_5_1_has_a_step_per_ipc() {
    check(
        r"
        MSH|^~\&|RIS|NORTH|||20261124080000+0100||OMI^O23^OMI_O23|M1|P|2.5.1|||||DEU|UNICODE UTF-8
        PID|||4711^^^NORTH-MRN&1.2.276.1&ISO||Müller^Jörg^^^^^L||1970|M
        ORC|NW|P-1|F-1
        TQ1|1||||||202611241030+0100||S
        OBR|1|P-1|F-1|NECK^MR neck^L|||||||||||||||||||||||||||||||||||||||||||
        NTE|1||First line
        NTE|2||Second \T\ last
        IPC|A-1^NORTH^1.2.3^ISO|RP-1|1.2.3.4|SPS-1|MR|P1^Angio^LP|ROOM-A|LOC^Ground floor|MR1~MR2
        IPC|A-1^NORTH^1.2.3^ISO|RP-1|1.2.3.4|SPS-2|MR|P2^Plain^LP|||MR1
        ",
        unchanged,
        "
        ---
        (0008,0050) A-1
        (0008,0051)
          (0040,0031) NORTH
          (0040,0032) 1.2.3
          (0040,0033) ISO
        (0008,0201) +0100
        (0010,0010) Müller^Jörg
        (0010,0020) 4711
        (0010,0021) NORTH-MRN
        (0010,0024)
          (0040,0032) 1.2.276.1
          (0040,0033) ISO
        (0010,0040) M
        (0020,000D) 1.2.3.4
        (0032,1060) MR neck
        (0032,1064)
          (0008,0100) NECK
          (0008,0102) L
          (0008,0104) MR neck
        (0040,0100)
          (0008,0060) MR
          (0040,0001) MR1\\MR2
          (0040,0002) 20261124
          (0040,0003) 1030
          (0040,0007) Angio
          (0040,0008)
            (0008,0100) P1
            (0008,0102) LP
            (0008,0104) Angio
          (0040,0009) SPS-1
          (0040,0010) ROOM-A
          (0040,0011) Ground floor
          (0040,0020) SCHEDULED
        (0040,1001) RP-1
        (0040,1003) STAT
        (0040,1400) First line|Second & last
        (0040,2016) P-1
        (0040,2017) F-1
        ---
        (0008,0050) A-1
        (0008,0051)
          (0040,0031) NORTH
          (0040,0032) 1.2.3
          (0040,0033) ISO
        (0008,0201) +0100
        (0010,0010) Müller^Jörg
        (0010,0020) 4711
        (0010,0021) NORTH-MRN
        (0010,0024)
          (0040,0032) 1.2.276.1
          (0040,0033) ISO
        (0010,0040) M
        (0020,000D) 1.2.3.4
        (0032,1060) MR neck
        (0032,1064)
          (0008,0100) NECK
          (0008,0102) L
          (0008,0104) MR neck
        (0040,0100)
          (0008,0060) MR
          (0040,0001) MR1
          (0040,0002) 20261124
          (0040,0003) 1030
          (0040,0007) Plain
          (0040,0008)
            (0008,0100) P2
            (0008,0102) LP
            (0008,0104) Plain
          (0040,0009) SPS-2
          (0040,0020) SCHEDULED
        (0040,1001) RP-1
        (0040,1003) STAT
        (0040,1400) First line|Second & last
        (0040,2016) P-1
        (0040,2017) F-1
        ",
        &["PID-7: birth date is not complete: worklist answers leave it empty"],
    );
}

/// The steps that an order's groups become: accession number, step, modality, protocol.
#[track_caller]
fn steps(groups: &str, expected: &[&str], expected_findings: &[&str]) {
    let mut site = Site::new();
    site.mapping.accession_issuer = None;
    let head = r"
        MSH|^~\&|RIS|NORTH|||20261124080000||ORM^O01|M1|P|2.3.1
        PID|||4711^^^NORTH-MRN||Doe^Jane
        ";
    let outcome = site.send(&format!("{head}{groups}"));
    let mut got: Vec<String> = Vec::new();
    for order in &site.known.orders {
        for step in &order.steps {
            let number = order.order.accession.value();
            got.push(format!("{number} {} {} {}", step.step_id, step.modality, step.description));
        }
    }
    assert_eq!(got, expected);
    let notable: Vec<String> = findings(&outcome)
        .into_iter()
        .filter(|text| {
            !text.contains("issuer") && !text.contains("no station") && !text.contains("TQ1")
        })
        .collect();
    assert_eq!(notable, expected_findings);
}

#[test]
fn pairs_with_one_step_id_are_one_step() {
    steps(
        "
        ORC|NW
        OBR||||X^Proc^L^P1^One^LP||||||||||||||A-1|RP-1|SPS-1||||CT
        ORC|NW
        OBR||||X^Proc^L^P2^Two^LP||||||||||||||A-1|RP-1|SPS-1||||CT
        ORC|NW
        OBR||||X^Proc^L^P3^Three^LP||||||||||||||A-1|RP-1|SPS-2||||MR
        ZDS|1.2.3
        ",
        &["A-1 SPS-1 CT One", "A-1 SPS-2 MR Three"],
        &[],
    );
}

#[test]
fn every_obr_under_one_orc_counts() {
    steps(
        "
        ORC|NW
        OBR||||X^Proc^L^P1^One^LP||||||||||||||A-1|RP-1|SPS-1||||CT
        ZDS|1.2.3
        OBR||||X^Proc^L^P2^Two^LP||||||||||||||A-2|RP-2|SPS-1||||MR
        ZDS|1.2.4
        ",
        &["A-1 SPS-1 CT One", "A-2 SPS-1 MR Two"],
        &[],
    );
}

#[test]
fn derived_step_ids_are_unique() {
    steps(
        "
        ORC|NW
        OBR||||X^Proc^L^P1^One^LP||||||||||||||A-1|RP-1|||||CT
        OBR||||X^Proc^L^P2^Two^LP||||||||||||||A-1|RP-1|||||CT
        ZDS|1.2.3
        ",
        &["A-1 RP-1 CT One", "A-1 RP-1-2 CT Two"],
        &["OBR-20: no step ID: derived from the requested procedure ID"],
    );
}

#[test]
fn modalities_are_translated_aloud() {
    let order = |code: &str| {
        format!(
            "ORC|NW\nOBR||||X^Proc^L^P1^One^LP||||||||||||||A-1|RP-1|SPS-1||||{code}\nZDS|1.2.3\n"
        )
    };
    steps(&order("NMR"), &["A-1 SPS-1 MR One"], &["OBR-24: NMR became MR"]);
    steps(&order("ct"), &["A-1 SPS-1 CT One"], &["OBR-24: ct became CT"]);
}

#[test]
fn tables_of_the_site_fill_modality_and_station() {
    check(
        r"
        MSH|^~\&|RIS|NORTH|||20261124080000||OMG^O19|M1|P|2.5.1
        PID|||4711^^^NORTH-MRN||Doe^Jane
        ORC|NW
        TQ1|||||||20261125
        OBR||P-1||CTTHX^CT thorax|||||||||||||||RP-1|SPS-1||||RAD
        ZDS|1.2.3
        ",
        |mapping| {
            mapping.accession_sources = vec![AccessionSource::Obr18, AccessionSource::Obr2];
            mapping.modality_by_procedure.insert("CTTHX".to_owned(), "CT".to_owned());
            let title = |text: &str| AeTitle::new(text).unwrap();
            mapping.station_ae_titles = vec![
                StationRule {
                    modality: Some("MR".to_owned()),
                    ae_titles: vec![title("MR1")],
                    ..StationRule::default()
                },
                StationRule {
                    modality: Some("CT".to_owned()),
                    ae_titles: vec![title("CT1"), title("CT2")],
                    ..StationRule::default()
                },
            ];
        },
        "
        ---
        (0008,0050) P-1
        (0008,0051)
          (0040,0031) NORTH
        (0010,0010) Doe^Jane
        (0010,0020) 4711
        (0010,0021) NORTH-MRN
        (0020,000D) 1.2.3
        (0032,1060) CT thorax
        (0040,0100)
          (0008,0060) CT
          (0040,0001) CT1\\CT2
          (0040,0002) 20261125
          (0040,0003) 000000
          (0040,0007) CT thorax
          (0040,0009) SPS-1
          (0040,0020) SCHEDULED
        (0040,1001) RP-1
        (0040,1003) ROUTINE
        (0040,2016) P-1
        ",
        &[
            "OBR-2: no issuer of the accession number: NORTH assumed",
            "OBR-24: modality CT by the site's table of procedures",
            "OBR-4.4: no protocol of the step: the procedure stands in for it",
            "IPC-9: stations by the site's rules",
            "TQ1-7: start has no time of day: answered as the beginning of the day",
            "TQ1-9: no priority: ROUTINE",
        ],
    );
}

#[test]
fn what_staff_must_know_of_the_patient_reaches_the_modality() {
    check(
        r"
        MSH|^~\&|RIS|NORTH|||20261124080000||ORM^O01|M1|P|2.3.1
        PID|||4711^^^NORTH-MRN||Doe^Jane||19700102|A
        NTE|1||Needs an interpreter
        PV1||O|||||||||||||B6
        AL1|1|DA|PEN^Penicillin
        AL1|2|DA|IOD^Contrast medium
        ORC|NW|||||||
        OBR|1|||X^Proc^L^P1^One^LP||202611250900||||||ISO|Pacemaker|||||A-1|RP-1|SPS-1||||CT
        OBX|1|NM|29463-7^^LN||165.35|lb
        OBX|2|NM|^Body Height||183|cm
        OBX|3|NM|^Body Height||tall|cm
        ZDS|1.2.3
        ZZZ|1
        ",
        unchanged,
        "
        ---
        (0008,0050) A-1
        (0008,0051)
          (0040,0031) NORTH
        (0010,0010) Doe^Jane
        (0010,0020) 4711
        (0010,0021) NORTH-MRN
        (0010,0030) 19700102
        (0010,0040) O
        (0010,1020) 1.83
        (0010,1030) 75.001
        (0010,2000) Pacemaker
        (0010,2110) Penicillin\\Contrast medium
        (0010,21C0) 3
        (0010,4000) Needs an interpreter
        (0020,000D) 1.2.3
        (0032,1060) Proc
        (0032,1064)
          (0008,0100) X
          (0008,0102) L
          (0008,0104) Proc
        (0038,0500) ISO
        (0040,0100)
          (0008,0060) CT
          (0040,0002) 20261125
          (0040,0003) 0900
          (0040,0007) One
          (0040,0008)
            (0008,0100) P1
            (0008,0102) LP
            (0008,0104) One
          (0040,0009) SPS-1
          (0040,0020) SCHEDULED
        (0040,1001) RP-1
        (0040,1003) ROUTINE
        ",
        &[
            "ZZZ: segment is not used",
            "PID-8: A became O",
            "OBX-6: lb became kg",
            "OBX-6: cm became m",
            "OBX-5: weight or height without a known unit or number, not used",
            "OBR-18: no issuer of the accession number: NORTH assumed",
            "OBR-6: start was taken from the requested date",
            "IPC-9: no station: the step is on the list of every station of the site",
            "TQ1-9: no priority: ROUTINE",
        ],
    );
}

#[test]
fn names_and_identifiers_are_chosen_aloud() {
    check(
        r"
        MSH|^~\&|RIS|NORTH|||20261124080000||ORM^O01|M1|P|2.5.1||||||UNICODE UTF-8
        PID|||99^^^NATIONAL^NI~4711^^^NORTH-MRN^MR~V1^^^NORTH^VN||Alias^Anna^^^^^A~Yamada\S\x^Tarou^^^^^L^A~山田^太郎^^^^^L^I~やまだ^たろう^^^^^L^P||19700102|X
        ORC|NW||||||^^^202611241000^^Z
        OBR||P-2||X^Proc^L^P1^One \F\ two\.br\^LP||||||||||||||A-1234567890123456|RP-1|SPS-1||||CT||||||||||
        ZDS|1.2.3
        ",
        unchanged,
        "
        ---
        (0008,0050) A-1234567890123456
        (0008,0051)
          (0040,0031) NORTH
        (0010,0010) Yamada/x^Tarou=山田^太郎=やまだ^たろう
        (0010,0020) 4711
        (0010,0021) NORTH-MRN
        (0010,0030) 19700102
        (0010,1002)
          (0010,0020) 99
          (0010,0021) NATIONAL
          (0010,0022) TEXT
        (0020,000D) 1.2.3
        (0032,1060) Proc
        (0032,1064)
          (0008,0100) X
          (0008,0102) L
          (0008,0104) Proc
        (0040,0100)
          (0008,0060) CT
          (0040,0002) 20261124
          (0040,0003) 1000
          (0040,0007) One | two
          (0040,0008)
            (0008,0100) P1
            (0008,0102) LP
            (0008,0104) One | two
          (0040,0009) SPS-1
          (0040,0020) SCHEDULED
        (0040,1001) RP-1
        (0040,1003) ROUTINE
        (0040,2016) P-2
        ",
        &[
            "PID-3: several identifiers: the one of NORTH-MRN is primary",
            "PID-5: a character that separates values or controls output in DICOM was replaced",
            "PID-5: several names: the legal one was taken, else the first",
            "PID-8: sex is not of table 0001, not used",
            "OBR-18: accession number has 18 characters, DICOM allows 16: kept whole, no rule of the site shortens it",
            "OBR-18: no issuer of the accession number: NORTH assumed",
            "ORC-7: priority is not of the table, not used",
            "IPC-9: no station: the step is on the list of every station of the site",
            "TQ1-9: no priority: ROUTINE",
        ],
    );
}

#[test]
fn sources_that_disagree_are_named() {
    steps(
        "
        ORC|NW|P-1|F-1
        OBR||P-2|F-1|X^Proc^L^P1^One^LP||||||||||||||A-1|RP-1|SPS-1||||CT
        IPC|A-2|RP-1|1.2.3|SPS-9|CT|P1^One^LP
        ",
        &["A-1 SPS-9 CT One"],
        &[
            "IPC-1: another accession number than OBR-18, which was taken",
            "OBR-2: another number than ORC-2, which was taken",
        ],
    );
}

fn order(pid: &str, orc: &str, obr: &str, zds: &str) -> String {
    format!(
        "MSH|^~\\&|RIS|NORTH|||20261124080000||ORM^O01|M1|P|2.3.1\n{pid}\n{orc}\n{obr}\n{zds}\n"
    )
}

const PID: &str = "PID|||4711^^^NORTH-MRN||Doe^Jane";
const OBR: &str = "OBR||||X^Proc^L||||||||||||||A-1|RP-1|SPS-1||||CT";

#[test]
fn what_cannot_be_taken_up_is_parked_with_its_reason() {
    parked(&order("PID|||||Doe^Jane", "ORC|NW", OBR, ""), "no patient identifier in PID-3");
    parked(&order("", "ORC|NW", OBR, ""), "no patient identifier in PID-3");
    parked(
        &order(PID, "ORC|NW", &OBR.replace("A-1", r"A\E\1"), ""),
        "accession number has a backslash, which DICOM cannot carry",
    );
    parked(
        &order(&PID.replace("4711", r"4\E\7"), "ORC|NW", OBR, ""),
        "patient identifier has a backslash, which DICOM cannot carry",
    );
    parked(&order(PID, "ORC|RP", OBR, ""), "an order is replaced, and the message has no new one");
    parked(&order(PID, "ORC|NA|P-1", OBR, ""), "a number for an order that is not known");
    parked(
        &order(&format!("{PID}\n{PID}"), "ORC|NW", OBR, ""),
        "several PID segments in one message",
    );
    let two = format!("{OBR}\nZDS|1.2.3\nORC|NW\n{}", OBR.replace("SPS-1", "SPS-2"));
    parked(
        &order(PID, "ORC|NW", &two, "ZDS|1.2.4"),
        "two study instance UIDs for one accession number",
    );
}

#[test]
fn floods_are_bounded() {
    let groups: Vec<String> = (0..1001).map(|_| format!("ORC|NW\n{OBR}")).collect();
    parked(&order(PID, "", &groups.join("\n"), ""), "more than 1000 order groups in one message");
    let ids: Vec<String> = (0..65).map(|number| format!("{number}^^^X")).collect();
    let pid = format!("PID|||{}||Doe^Jane", ids.join("~"));
    let outcome = Site::new().send(&order(&pid, "ORC|NW", OBR, "ZDS|1.2.3"));
    let text = "PID-3: more than 64 identifiers: the others are not used".to_owned();
    assert!(findings(&outcome).contains(&text));
}

#[track_caller]
fn rejected(message: &str, expected: &str) {
    let rejection = Site::new().try_send(message).unwrap_err();
    assert_eq!(rejection.to_string(), expected);
}

#[test]
fn what_the_sender_must_mend_is_rejected() {
    let head = |kind: &str| format!("MSH|^~\\&|RIS|NORTH|||20261124||{kind}|M1|P|2.5.1\n{PID}\n");
    rejected(&head("ORU^R01"), "message type is not supported here (condition 200 at MSH^1^9^1^1)");
    rejected(&head("SIU^S99"), "event code is not supported (condition 201 at MSH^1^9^1^2)");
    rejected(&head("ADT^A99"), "event code is not supported (condition 201 at MSH^1^9^1^2)");
    rejected(&head("ORM^O02"), "event code is not supported (condition 201 at MSH^1^9^1^2)");
    rejected(&head("ORM^O01"), "no order group (condition 100 at ORC)");
    rejected(&order(PID, "ORC|", OBR, ""), "no order control (condition 101 at ORC^1^1)");
}

#[test]
fn equal_numbers_of_two_issuers_are_two_studies() {
    let uid = |issuer: &str| {
        let mut site = Site::new();
        site.mapping.accession_issuer = telerad_core::Issuer::local(issuer).ok();
        site.send(&order(PID, "ORC|NW", OBR, ""));
        site.order().order.study_instance_uid.clone()
    };
    assert_ne!(uid("NORTH"), uid("SOUTH"));
    assert_eq!(uid("NORTH"), uid("NORTH"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any message ends in exactly one way, and says the same when it is read twice.
    #[test]
    fn any_field_ends_in_one_disposition(
        segment in "(PID|PV1|ORC|OBR|TQ1|ZDS|AL1|OBX|NTE)",
        field in 1..45_usize,
        value in "(\"\"|[A-Z0-9^&~.+|\\\\-]{0,12}|\\PC{0,6})",
    ) {
        let message = format!(
            "MSH|^~\\&|RIS|NORTH|||20261124080000||ORM^O01|M1|P|2.3.1\n{PID}\nPV1|\nAL1|\nORC|NW\nTQ1|\n{OBR}\nOBX|\nNTE|\nZDS|1.2.3"
        );
        let changed: Vec<String> = message
            .lines()
            .map(|line| {
                let mut fields: Vec<&str> = line.split('|').collect();
                if line.starts_with(&segment) {
                    fields.resize(fields.len().max(field + 1), "");
                    fields[field] = &value;
                }
                fields.join("|")
            })
            .collect();
        let changed = changed.join("\n");
        let (mut site, mut other) = (Site::new(), Site::new());
        match (site.try_send(&changed), other.try_send(&changed)) {
            (Ok(one), Ok(two)) => {
                prop_assert_eq!(&one.effects, &two.effects);
                prop_assert_eq!(&one.disposition, &two.disposition);
                if one.disposition == Disposition::Applied {
                    let again = site.send(&changed);
                    let ended = again.disposition;
                    prop_assert!(ended == Disposition::NoChange, "{:?}", ended);
                }
            }
            (Err(one), Err(two)) => prop_assert_eq!(one, two),
            _ => prop_assert!(false, "read differently the second time"),
        }
    }
}
