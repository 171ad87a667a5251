//! What the tests share.

use telerad_accession::{AccessionPolicy, Decision, Evidence};
use telerad_core::{
    AccessionNumber, Code, EntityIdentifier, Issuer, Order, PartialDate, Patient, PatientId,
    PersonName, Priority, Sex, SiteId, Timestamp, Uid,
};
use telerad_hl7::Message;

use crate::{IncomingReport, Reading, ReportKey, ReportRecord, read};

pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_772_370_000_000_000);

pub(crate) fn site() -> SiteId {
    SiteId::new("north").unwrap()
}

pub(crate) fn reading() -> Reading {
    let accession_policy = AccessionPolicy {
        default_issuer: Some(Issuer::local("NORTH").unwrap()),
        patient_authority: Some(Issuer::local("HOSP").unwrap()),
        rules: Vec::new(),
    };
    Reading { site: site(), accession_policy }
}

/// Segments one a line.
pub(crate) fn message(text: &str) -> Message {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    Message::parse(format!("{}\r", lines.join("\r"))).unwrap()
}

/// ORU^R01 of 2.5.1 for patient 7, accession A1001: OBR-25 and OBR-22 as given, then `obx`.
pub(crate) fn oru(status: &str, changed: &str, obx: &str) -> Message {
    message(
        format!(
            "MSH|^~\\&|READER|TR|TELERAD|GW|20260301130000+0100||ORU^R01^ORU_R01|M1|P|2.5.1\n\
             PID|1||7^^^HOSP||DOE^JANE||19800102|F\n\
             OBR|1|P1^EHR|F1^RIS|CTHEAD^CT head^L|||20260301110500|||||||||||A1001|RP1|||{changed}|||{status}\n{obx}"
        )
        .trim_end(),
    )
}

pub(crate) fn incoming(message: &Message) -> IncomingReport {
    read(message, &reading()).unwrap()
}

pub(crate) fn order() -> Order {
    let issued = |value: &str, issuer: &str| {
        EntityIdentifier::new(value, Some(Issuer::local(issuer).unwrap())).unwrap()
    };
    let hosp = Issuer::from_parts("HOSP", "1.2.3.4", "ISO");
    Order {
        site: site(),
        patient: Patient {
            ids: vec![
                PatientId::new("7", hosp).unwrap(),
                PatientId::new("N&9", Issuer::from_parts("", "1.2.3.5", "ISO")).unwrap(),
            ],
            name: PersonName::from_dicom("DOE^JANE"),
            birth_date: PartialDate::parse("19800102").ok(),
            sex: Some(Sex::Female),
        },
        accession: AccessionNumber::new("A1001", None).unwrap(),
        placer_order_number: Some(issued("P1", "EHR")),
        filler_order_number: Some(issued("F1", "RIS")),
        requested_procedure_id: "RP1".to_owned(),
        study_instance_uid: Uid::new("1.2.3").unwrap(),
        procedure: Code {
            value: "CTHEAD".to_owned(),
            scheme: "L".to_owned(),
            meaning: "CT head".to_owned(),
        },
        priority: Priority::Routine,
        referring_physician: PersonName::default(),
        requesting_physician: PersonName::from_dicom("ORDER^ER"),
        reason: String::new(),
    }
}

pub(crate) fn matched(key: &str) -> Decision {
    Decision::Match { key: key.to_owned(), evidence: Evidence::default() }
}

/// An empty record under `key` for what `incoming` names.
pub(crate) fn record(incoming: &IncomingReport, key: &str) -> ReportRecord {
    ReportRecord {
        key: ReportKey::new(&site(), key, &incoming.report_identity()),
        site: site(),
        order_key: key.to_owned(),
        versions: Vec::new(),
        revision: 0,
    }
}
