//! Writing ORU^R01 for the site's RIS.

use telerad_charset::Charset;
use telerad_core::{
    Code, EntityIdentifier, Issuer, NameGroup, Order, PartialDateTime, PatientId, PersonName,
    Timestamp,
};
use telerad_hl7::{
    AckMode, BuildError, Delimiters, Message, MessageBuilder, MessageHead, SegmentBuilder, escape,
};

use crate::{ReportLine, ReportRecord, ReportStatus, ReportVersion, Signer};

/// How the RIS of a site wants its reports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RisDialect {
    /// MSH-5.
    pub application: String,
    /// MSH-6.
    pub facility: String,
    /// MSH-3.
    pub sending_application: String,
    /// MSH-4.
    pub sending_facility: String,
    /// MSH-12: `2.3.1` or `2.5.1`.
    pub version: String,
    /// MSH-11.
    pub processing_id: String,
    /// What the RIS writes before the accession number; not added to a number that begins with it already.
    pub accession_prefix: String,
    /// MSH-18. A text that does not fit is an error, never changed. `None`: ASCII where that is enough, else UTF-8.
    pub charset: Option<Charset>,
    /// OBX-3 of lines that came without one, since OBX-3 is required.
    pub observation: Code,
    /// Which answers are asked for: MSH-15 and MSH-16 (HL7 2.5.1 section 2.9), neither in original mode.
    pub acknowledgement: AckMode,
}

impl Default for RisDialect {
    /// HL7 2.5.1 in UTF-8, from `TELERAD`, production, no prefix, `18748-4` of LOINC as OBX-3, original mode.
    fn default() -> Self {
        Self {
            application: String::new(),
            facility: String::new(),
            sending_application: "TELERAD".to_owned(),
            sending_facility: String::new(),
            version: "2.5.1".to_owned(),
            processing_id: "P".to_owned(),
            accession_prefix: String::new(),
            charset: Some(Charset::Utf8),
            observation: Code {
                value: "18748-4".to_owned(),
                scheme: "LN".to_owned(),
                meaning: "Diagnostic imaging report".to_owned(),
            },
            acknowledgement: AckMode::Original,
        }
    }
}

impl RisDialect {
    /// An accession number as the RIS writes it.
    pub fn accession(&self, value: &str) -> String {
        if value.starts_with(&self.accession_prefix) {
            value.to_owned()
        } else {
            format!("{}{value}", self.accession_prefix)
        }
    }
}

/// Why a report cannot be written for the RIS.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OutgoingError {
    /// A character that the RIS's character set does not have, or a message beyond the limits.
    #[error("report cannot be written: {0}")]
    Build(#[from] BuildError),
}

/// The report as ORU^R01: patient and order as the *order* has them, in the RIS's own numbers; status, text and documents
/// of `version`. Lines are not cut, OBX set ids ascend, encapsulated documents go out as they came.
///
/// A retraction carries no text, so that nobody reads it again; one for the wrong patient has one OBX with status `W`.
///
/// # Errors
/// [`OutgoingError`] when the dialect's character set has no such character.
pub fn outgoing(
    record: &ReportRecord,
    version: &ReportVersion,
    order: &Order,
    dialect: &RisDialect,
    control_id: &str,
    now: Timestamp,
) -> Result<Message, OutgoingError> {
    let mut builder = head(version, order, dialect, control_id, now);
    let status = line_code(version.status);
    if version.status.is_retraction() {
        if version.status == ReportStatus::WrongPatient {
            let line = ReportLine { value_type: "TX".to_owned(), ..ReportLine::default() };
            builder = builder.segment("OBX", |obx| observation(obx, 1, &line, status, dialect));
        }
    } else {
        for (index, line) in record.lines(version).iter().enumerate() {
            builder =
                builder.segment("OBX", |obx| observation(obx, index + 1, line, status, dialect));
        }
    }
    Ok(builder.build()?)
}

/// "Report available": the same patient, order and status without a word of the report.
///
/// # Errors
/// [`OutgoingError`] when the dialect's character set has no such character.
pub fn announcement(
    record: &ReportRecord,
    version: &ReportVersion,
    order: &Order,
    dialect: &RisDialect,
    control_id: &str,
    now: Timestamp,
) -> Result<Message, OutgoingError> {
    debug_assert!(record.versions.contains(version), "the version is of another record");
    Ok(head(version, order, dialect, control_id, now).build()?)
}

fn head(
    version: &ReportVersion,
    order: &Order,
    dialect: &RisDialect,
    control_id: &str,
    now: Timestamp,
) -> MessageBuilder {
    let has_structure = dialect.version.as_str() >= "2.4";
    let head = MessageHead {
        sending_application: dialect.sending_application.clone(),
        sending_facility: dialect.sending_facility.clone(),
        receiving_application: dialect.application.clone(),
        receiving_facility: dialect.facility.clone(),
        message_code: "ORU".to_owned(),
        trigger_event: "R01".to_owned(),
        // MSH-9.3 came with 2.3.1, and its receivers expect none for ORU.
        structure: if has_structure { "ORU_R01".to_owned() } else { String::new() },
        control_id: control_id.to_owned(),
        version: dialect.version.clone(),
        processing_id: dialect.processing_id.clone(),
        time: now,
        charset: dialect.charset.map(Into::into),
    };
    MessageBuilder::new(head)
        .header(|msh| match dialect.acknowledgement {
            AckMode::Original => msh,
            AckMode::Enhanced { accept, application } => {
                msh.field(15, accept.as_str()).field(16, application.as_str())
            }
        })
        .segment("PID", |pid| patient(pid, order))
        .segment("ORC", |orc| control(orc, version, order))
        .segment("OBR", |obr| request(obr, version, order, dialect))
}

fn patient(pid: SegmentBuilder, order: &Order) -> SegmentBuilder {
    let ids: Vec<String> = order.patient.ids.iter().map(identifier).collect();
    let names: Vec<String> = names(&order.patient.name);
    let birth_date = order.patient.birth_date.map(|date| date.to_string()).unwrap_or_default();
    let sex = order.patient.sex.map(|sex| sex.as_dicom()).unwrap_or_default();
    pid.field(1, "1")
        .raw(3, &ids.join("~"))
        .raw(5, &names.join("~"))
        .field(7, &birth_date)
        .field(8, sex)
}

fn control(orc: SegmentBuilder, version: &ReportVersion, order: &Order) -> SegmentBuilder {
    // Table 0038; a retraction says nothing about the order itself.
    let order_status = match version.status {
        ReportStatus::StatusOnly => "IP",
        ReportStatus::Preliminary => "A",
        ReportStatus::Released | ReportStatus::Final | ReportStatus::Corrected => "CM",
        ReportStatus::Retracted | ReportStatus::WrongPatient => "",
    };
    numbers(orc.field(1, "RE"), order).field(5, order_status)
}

fn request(
    obr: SegmentBuilder,
    version: &ReportVersion,
    order: &Order,
    dialect: &RisDialect,
) -> SegmentBuilder {
    let received = || format!("{}+0000", version.received_at.to_compact_utc());
    let time = |time: Option<PartialDateTime>| time.map(|time| time.to_string());
    let changed = time(version.status_time).or_else(|| time(version.message_time));
    let observed = time(version.observation_time).unwrap_or_default();
    let physician = person(&Signer { id: String::new(), name: order.requesting_physician.clone() });
    let physician: Vec<&str> = physician.iter().map(String::as_str).collect();
    let interpreter = person(&version.signer);
    let interpreter: Vec<&str> = interpreter.iter().map(String::as_str).collect();
    numbers(obr.field(1, "1"), order)
        .raw(4, &coded(&order.procedure, ""))
        .field(7, &observed)
        .components(16, &physician)
        .field(18, &dialect.accession(order.accession.value()))
        .field(19, &order.requested_procedure_id)
        .field(22, &changed.unwrap_or_else(received))
        .field(25, request_code(version.status))
        .subcomponents(32, &[&interpreter])
}

fn numbers(segment: SegmentBuilder, order: &Order) -> SegmentBuilder {
    let entity = |number: &Option<EntityIdentifier>| match number {
        Some(number) => format!("{}{}", encoded(number.value()), authority(number.issuer(), '^')),
        None => String::new(),
    };
    segment.raw(2, &entity(&order.placer_order_number)).raw(3, &entity(&order.filler_order_number))
}

fn observation(
    obx: SegmentBuilder,
    number: usize,
    line: &ReportLine,
    status: &str,
    dialect: &RisDialect,
) -> SegmentBuilder {
    let is_unnamed = line.identifier == Code::default() && line.suffix.is_empty();
    let identifier = if is_unnamed { &dialect.observation } else { &line.identifier };
    // Formatted text has become lines by now.
    let is_text = matches!(&*line.value_type, "TX" | "ST" | "FT");
    let value_type = if is_text { "TX" } else { &line.value_type };
    let value = line.encoded.clone().unwrap_or_else(|| encoded(&line.text));
    let flags: Vec<String> = line.abnormal_flags.split('~').map(encoded).collect();
    obx.field(1, &number.to_string())
        .field(2, value_type)
        .raw(3, &coded(identifier, &line.suffix))
        .field(4, &line.sub_id)
        .raw(5, &value)
        .raw(8, &flags.join("~"))
        .field(11, status)
}

/// Table 0123.
fn request_code(status: ReportStatus) -> &'static str {
    match status {
        ReportStatus::StatusOnly => "I",
        ReportStatus::Preliminary => "P",
        ReportStatus::Released | ReportStatus::Final => "F",
        ReportStatus::Corrected => "C",
        ReportStatus::Retracted | ReportStatus::WrongPatient => "X",
    }
}

/// Table 0085.
fn line_code(status: ReportStatus) -> &'static str {
    match status {
        ReportStatus::StatusOnly => "I",
        ReportStatus::Preliminary => "P",
        ReportStatus::Released | ReportStatus::Final => "F",
        ReportStatus::Corrected => "C",
        ReportStatus::Retracted => "X",
        ReportStatus::WrongPatient => "W",
    }
}

fn encoded(text: &str) -> String {
    escape::encode(text, Delimiters::STANDARD)
}

/// CX: identifier, no check digit, assigning authority.
fn identifier(id: &PatientId) -> String {
    match id.issuer() {
        Some(issuer) => {
            let authority = authority(Some(issuer), '&');
            format!("{}^^^{}", encoded(id.value()), authority.strip_prefix('&').unwrap_or_default())
        }
        None => encoded(id.value()),
    }
}

/// The three parts of an HD, each with `delimiter` before it; nothing for nobody.
fn authority(issuer: Option<&Issuer>, delimiter: char) -> String {
    let Some(issuer) = issuer else { return String::new() };
    let namespace = encoded(issuer.namespace.as_deref().unwrap_or_default());
    let universal = issuer.universal.as_ref().map(|universal| {
        let (value, kind) = (encoded(&universal.value), encoded(&universal.kind));
        format!("{delimiter}{value}{delimiter}{kind}")
    });
    format!("{delimiter}{namespace}{}", universal.unwrap_or_default())
}

/// CE, with the OBX-3 suffix of 2.3.1 as second subcomponent.
fn coded(code: &Code, suffix: &str) -> String {
    let mut value = encoded(&code.value);
    if !suffix.is_empty() {
        value = format!("{value}&{}", encoded(suffix));
    }
    let whole = format!("{value}^{}^{}", encoded(&code.meaning), encoded(&code.scheme));
    whole.trim_end_matches('^').to_owned()
}

/// XPN, one repetition for each writing. XPN-8 tells them apart only where there is more than the alphabetic one.
fn names(name: &PersonName) -> Vec<String> {
    let is_alone = name.ideographic.is_empty() && name.phonetic.is_empty();
    let alphabetic = if is_alone { "" } else { "A" };
    let written = |(group, code): (&NameGroup, &str)| {
        let parts = [&group.family, &group.given, &group.middle, &group.suffix, &group.prefix];
        let parts = parts.map(|part| encoded(part)).join("^");
        let whole = format!("{parts}^^^{code}");
        (!group.is_empty()).then(|| whole.trim_end_matches('^').to_owned())
    };
    [(&name.alphabetic, alphabetic), (&name.ideographic, "I"), (&name.phonetic, "P")]
        .into_iter()
        .filter_map(written)
        .collect()
}

/// Id, family, given, middle, suffix and prefix: the beginning of XCN and of CNN. Empty parts at the end vanish.
fn person(person: &Signer) -> Vec<String> {
    let group = &person.name.alphabetic;
    let mut parts: Vec<String> =
        [&person.id, &group.family, &group.given, &group.middle, &group.suffix, &group.prefix]
            .into_iter()
            .cloned()
            .collect();
    while parts.last().is_some_and(String::is_empty) {
        parts.pop();
    }
    parts
}

#[cfg(test)]
mod tests;
