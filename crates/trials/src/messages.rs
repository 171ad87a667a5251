//! HL7 messages of a made-up site, as plain text.

/// An order and everything about it that later messages and queries name.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Order {
    /// Accession number, without issuer.
    pub accession: String,
    /// Medical record number at the site.
    pub patient_id: String,
    /// Family name.
    pub family_name: String,
    /// Study instance UID, announced in ZDS.
    pub study_instance_uid: String,
}

impl Order {
    /// The order number `number` of a run; `series` keeps runs apart.
    pub fn new(series: &str, number: u64) -> Self {
        Self {
            accession: format!("{series}{number:06}"),
            patient_id: format!("{series}P{number:06}"),
            family_name: format!("TRIAL{number}"),
            study_instance_uid: format!("2.25.{}{number:012}", digits(series)),
        }
    }

    /// ORM^O01: new order, with the step that the worklist will show (IHE RAD TF-2 section 4.2).
    pub fn orm(&self, control_id: &str) -> String {
        let Self { accession, patient_id, family_name, study_instance_uid } = self;
        [
            head("RIS", "NORTH", "ORM^O01^ORM_O01", control_id),
            format!("PID|1||{patient_id}^^^NORTH-MRN^MR||{family_name}^ANNA||19700203|F"),
            "PV1|1|O".to_owned(),
            format!("ORC|NW|PL{accession}^RIS|FI{accession}^RIS||SC||^^^{TIME}^^R"),
            format!(
                "OBR|1|PL{accession}^RIS|FI{accession}^RIS|71250^CT CHEST^L|||||||||||||\
                 |{accession}|RP{accession}|SPS{accession}||||CT|||^^^{TIME}^^R"
            ),
            format!("ZDS|{study_instance_uid}^^Application^DICOM"),
        ]
        .join("\r")
            + "\r"
    }

    /// ORU^R01: a final report of the reader.
    pub fn oru(&self, control_id: &str) -> String {
        let Self { accession, patient_id, family_name, .. } = self;
        [
            head("READER", "READING", "ORU^R01^ORU_R01", control_id),
            format!("PID|1||{patient_id}^^^NORTH-MRN^MR||{family_name}^ANNA||19700203|F"),
            format!("ORC|RE|PL{accession}^RIS|FI{accession}^RIS"),
            format!(
                "OBR|1|PL{accession}^RIS|FI{accession}^RIS|71250^CT CHEST^L|||{TIME}||||||||||\
                 |{accession}||||{TIME}||CT|F"
            ),
            format!("OBX|1|TX|71250^CT CHEST^L||Report of {accession}: nothing found.||||||F"),
        ]
        .join("\r")
            + "\r"
    }
}

/// A first segment.
pub fn head(application: &str, facility: &str, kind: &str, control_id: &str) -> String {
    format!(
        "MSH|^~\\&|{application}|{facility}|TELERAD|GATEWAY|{TIME}||{kind}|{control_id}|P|2.5.1"
    )
}

/// One moment for every message: nothing in a trial depends on when it runs.
const TIME: &str = "20260105101500";

fn digits(series: &str) -> u64 {
    series.bytes().fold(7, |sum, byte| sum * 256 % 1_000_000_007 + u64::from(byte))
}
