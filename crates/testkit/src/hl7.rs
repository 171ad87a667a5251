//! Synthetic HL7 v2.3.1 messages, by string formatting: segments end with CR, nothing is framed.
//!
//! Texts of a [`Case`] go into the message as they are. A caller that wants a delimiter in a name escapes it, or leaves
//! it for a test of what happens when a sender does not.

/// A patient, an order and its report, as a RIS and a reading platform would tell them.
#[derive(Clone, Debug)]
pub struct Case {
    /// MSH-3 of the sender.
    pub sending_application: String,
    /// MSH-4 of the sender.
    pub sending_facility: String,
    /// MSH-5.
    pub receiving_application: String,
    /// MSH-6.
    pub receiving_facility: String,
    /// MSH-10; every message of a case needs its own.
    pub control_id: String,
    /// MSH-7 and the other times of a message, `YYYYMMDDHHMMSS`.
    pub time: String,
    /// MSH-18; empty leaves it out.
    pub character_set: String,
    /// PID-3.1
    pub patient_id: String,
    /// PID-3.4.1; empty leaves it out.
    pub patient_authority: String,
    /// PID-5.1
    pub family_name: String,
    /// PID-5.2
    pub given_name: String,
    /// PID-7
    pub birth_date: String,
    /// PID-8
    pub sex: String,
    /// ORC-1: `NW`, `CA`, `XO`, …
    pub order_control: String,
    /// ORC-2, OBR-2
    pub placer_order_number: String,
    /// ORC-3, OBR-3
    pub filler_order_number: String,
    /// OBR-18
    pub accession: String,
    /// OBR-19
    pub requested_procedure_id: String,
    /// OBR-20
    pub scheduled_step_id: String,
    /// OBR-21
    pub station_ae_title: String,
    /// OBR-24
    pub modality: String,
    /// ORC-7.4 and OBR-27.4, `YYYYMMDDHHMMSS`.
    pub scheduled_time: String,
    /// ORC-7.6 and OBR-27.6: `S`, `R`, …
    pub priority: String,
    /// OBR-4.1
    pub procedure_code: String,
    /// OBR-4.2
    pub procedure_text: String,
    /// ZDS-1.1; empty leaves out the segment.
    pub study_instance_uid: String,
    /// OBX-5 of a report: one OBX for each line.
    pub report: Vec<String>,
    /// OBR-25 and OBX-11 of a report.
    pub result_status: ResultStatus,
}

/// The status of a report (HL7 table 0123, OBR-25).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResultStatus {
    /// `C`
    Corrected,
    /// `F`
    Final,
    /// `P`
    Preliminary,
}

impl ResultStatus {
    /// The code of the table.
    pub fn code(self) -> &'static str {
        match self {
            Self::Corrected => "C",
            Self::Final => "F",
            Self::Preliminary => "P",
        }
    }
}

impl Case {
    /// A case whose numbers and names follow from `number`: the study, patient and accession number are those of
    /// [`crate::dicom::Instance::new`] with the same number.
    pub fn new(number: u64) -> Self {
        let minutes = number.checked_rem(480).unwrap_or(0);
        Self {
            sending_application: "RIS".to_owned(),
            sending_facility: "NORTH".to_owned(),
            receiving_application: "TELERAD".to_owned(),
            receiving_facility: "GATEWAY".to_owned(),
            control_id: format!("C{number}"),
            time: "20260105080000".to_owned(),
            character_set: String::new(),
            patient_id: format!("P{number}"),
            patient_authority: "NORTH-MRN".to_owned(),
            family_name: "TEST".to_owned(),
            given_name: format!("PATIENT{number}"),
            birth_date: "19700101".to_owned(),
            sex: "O".to_owned(),
            order_control: "NW".to_owned(),
            placer_order_number: format!("PL{number}"),
            filler_order_number: format!("FL{number}"),
            accession: format!("A{number}"),
            requested_procedure_id: format!("RP{number}"),
            scheduled_step_id: format!("SPS{number}"),
            station_ae_title: "CT1".to_owned(),
            modality: "CT".to_owned(),
            scheduled_time: format!("20260105{:02}{:02}00", 9 + minutes / 60, minutes % 60),
            priority: "R".to_owned(),
            procedure_code: "CTHEAD".to_owned(),
            procedure_text: "CT HEAD".to_owned(),
            study_instance_uid: format!("2.25.{}", (1_u128 << 64) | u128::from(number)),
            report: vec!["FINDINGS: none.".to_owned(), "IMPRESSION: normal.".to_owned()],
            result_status: ResultStatus::Final,
        }
    }

    /// The same case in another message.
    #[must_use]
    pub fn with_control_id(&self, control_id: &str) -> Self {
        Self { control_id: control_id.to_owned(), ..self.clone() }
    }

    fn msh(&self, message_type: &str) -> String {
        let Self { sending_application, sending_facility, control_id, time, .. } = self;
        let (application, facility) = (&self.receiving_application, &self.receiving_facility);
        let head = format!(
            "MSH|^~\\&|{sending_application}|{sending_facility}|{application}|{facility}|{time}||\
             {message_type}|{control_id}|P|2.3.1"
        );
        if self.character_set.is_empty() {
            return format!("{head}\r");
        }
        format!("{head}||||||{}\r", self.character_set)
    }

    fn pid(&self) -> String {
        let authority = match self.patient_authority.as_str() {
            "" => String::new(),
            authority => format!("^^^{authority}"),
        };
        let Self { patient_id, family_name, given_name, birth_date, sex, .. } = self;
        format!("PID|||{patient_id}{authority}||{family_name}^{given_name}||{birth_date}|{sex}\r")
    }

    /// The fields that an order and a report share: OBR-1 to OBR-4.
    fn obr_start(&self) -> String {
        format!(
            "OBR|1|{}|{}|{}^{}^L",
            self.placer_order_number,
            self.filler_order_number,
            self.procedure_code,
            self.procedure_text
        )
    }
}

/// ADT^A04, a patient registered.
pub fn adt_a04(case: &Case) -> String {
    format!("{}EVN|A04|{}\r{}PV1||O\r", case.msh("ADT^A04"), case.time, case.pid())
}

/// ORM^O01 of a scheduled procedure (IHE RAD TF-2 section 4.4), with the study's UID in ZDS.
pub fn orm_o01(case: &Case) -> String {
    let timing = format!("^^^{}^^{}", case.scheduled_time, case.priority);
    let obr = Fields::from(case.obr_start())
        .field(16, "7^REFERRER^ANNA")
        .field(18, &case.accession)
        .field(19, &case.requested_procedure_id)
        .field(20, &case.scheduled_step_id)
        .field(21, &case.station_ae_title)
        .field(24, &case.modality)
        .field(27, &timing)
        .finish();
    let orc = Fields::from(format!(
        "ORC|{}|{}|{}",
        case.order_control, case.placer_order_number, case.filler_order_number
    ))
    .field(5, if case.order_control == "CA" { "CA" } else { "SC" })
    .field(7, &timing)
    .field(9, &case.time)
    .finish();
    let zds = match case.study_instance_uid.as_str() {
        "" => String::new(),
        uid => format!("ZDS|{uid}^TELERAD^Application^DICOM\r"),
    };
    format!("{}{}PV1||O\r{orc}{obr}{zds}", case.msh("ORM^O01"), case.pid())
}

/// ORU^R01, a report as text lines.
pub fn oru_r01(case: &Case) -> String {
    let code = case.result_status.code();
    let obr = Fields::from(case.obr_start())
        .field(7, &case.time)
        .field(18, &case.accession)
        .field(19, &case.requested_procedure_id)
        .field(22, &case.time)
        .field(24, &case.modality)
        .field(25, code)
        .field(32, "77&READER&RUTH")
        .finish();
    let lines =
        case.report.iter().enumerate().map(|(index, line)| {
            format!("OBX|{}|TX|RPT^REPORT^L||{line}||||||{code}\r", index + 1)
        });
    format!("{}{}PV1||O\r{obr}{}", case.msh("ORU^R01"), case.pid(), lines.collect::<String>())
}

/// A segment to which fields are added in ascending order.
struct Fields(String);

impl From<String> for Fields {
    fn from(start: String) -> Self {
        Self(start)
    }
}

impl Fields {
    fn field(mut self, number: usize, value: &str) -> Self {
        let separators = self.0.matches('|').count();
        assert!(separators < number, "field {number} was passed already");
        self.0.push_str(&"|".repeat(number - separators));
        self.0.push_str(value);
        self
    }

    fn finish(mut self) -> String {
        self.0.push('\r');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Case, ResultStatus, adt_a04, orm_o01, oru_r01};

    #[track_caller]
    fn check(message: &str, segment: &str, field: usize, expected: &str) {
        let line = message.split('\r').find(|line| line.starts_with(segment)).expect(segment);
        assert_eq!(line.split('|').nth(field), Some(expected), "{segment}-{field}");
    }

    #[test]
    fn the_order_has_its_fields_where_the_profile_puts_them() {
        let message = orm_o01(&Case::new(3));
        check(&message, "MSH", 8, "ORM^O01");
        check(&message, "PID", 3, "P3^^^NORTH-MRN");
        check(&message, "ORC", 7, "^^^20260105090300^^R");
        check(&message, "OBR", 18, "A3");
        check(&message, "OBR", 21, "CT1");
        check(&message, "OBR", 24, "CT");
        check(&message, "ZDS", 1, "2.25.18446744073709551619^TELERAD^Application^DICOM");
    }

    #[test]
    fn the_report_carries_its_status_in_every_line() {
        for status in [ResultStatus::Preliminary, ResultStatus::Final, ResultStatus::Corrected] {
            let message = oru_r01(&Case { result_status: status, ..Case::new(3) });
            check(&message, "OBR", 25, status.code());
            check(&message, "OBR", 18, "A3");
            for line in message.split('\r').filter(|line| line.starts_with("OBX")) {
                assert_eq!(line.split('|').nth(11), Some(status.code()));
            }
        }
    }

    #[test]
    fn what_is_empty_is_left_out() {
        let case = Case {
            study_instance_uid: String::new(),
            patient_authority: String::new(),
            ..Case::new(3)
        };
        assert!(!orm_o01(&case).contains("ZDS"));
        check(&adt_a04(&case), "PID", 3, "P3");
    }

    #[test]
    fn the_character_set_is_field_18() {
        let case = Case { character_set: "UNICODE UTF-8".to_owned(), ..Case::new(3) };
        // MSH-1 is the separator itself, so that MSH-n is the part n-1.
        check(&adt_a04(&case), "MSH", 17, "UNICODE UTF-8");
    }
}
