//! From an order and what was read to ORU^R01.

use anyhow::{Context, Result, bail, ensure};
use telerad::charset::{CharacterSets, Charset, Separators};
use telerad::core::Timestamp;
use telerad::hl7::datatype::{Ce, Cnn, Cx, Hd, Ndl, Xpn};
use telerad::hl7::group::{Groups, PatientGroup};
use telerad::hl7::reading::{
    OrderAction, OrderSources, OrderValues, OrderView, PatientValues, Reading,
};
use telerad::hl7::{Message, MessageBuilder, MessageHead, SegmentBuilder, WarningKind};

/// What the radiologist made.
pub(crate) struct Report {
    pub(crate) lines: Vec<String>,
    pub(crate) pdf: Option<Vec<u8>>,
    pub(crate) signer: Cnn,
    /// SOP Instance UID of the structured report that says the same.
    pub(crate) sr: Option<String>,
    /// OBR-25 and OBX-11.
    pub(crate) status: String,
}

/// How the RIS wants it; what is not said is as in the order.
#[derive(Debug)]
pub(crate) struct Dialect {
    pub(crate) version: Option<String>,
    pub(crate) charset: Option<Charset>,
    pub(crate) order_number: Option<usize>,
}

/// Writes the report of one order.
pub(crate) fn compose(
    message: &Message,
    report: &Report,
    dialect: &Dialect,
    now: Timestamp,
) -> Result<Message> {
    ensure!(
        message.warnings().iter().all(|warning| warning.kind != WarningKind::Continuation),
        "the order is a fragment of a longer message (ADD or DSC): join it first"
    );
    let groups = Groups::of(message);
    let (patient, order) = choose(&groups, dialect.order_number)?;
    let head = head(message, dialect, now)?;
    if let Some(sets) = head.charset {
        for (line, number) in report.lines.iter().zip(1..) {
            sets.encode(line, Separators::None).with_context(|| {
                let name = sets.to_hl7().unwrap_or_default().join(" and ");
                format!("line {number} of the text does not fit into {name}")
            })?;
        }
    }
    let builder = MessageBuilder::new(head)
        .segment("PID", |pid| identify(pid, patient, &order.patient))
        .segment("ORC", |orc| control(orc, &order.values, report, now))
        .segment("OBR", |obr| request(obr, &order.values, report, now));
    let built = observations(builder, message, &order.values, report).build();
    built.context("the values of the order do not fit; choose another --charset")
}

/// The patient and the order that is reported on.
fn choose<'a, 'm>(
    groups: &'a Groups<'m>,
    wanted: Option<usize>,
) -> Result<(&'a PatientGroup<'m>, OrderView)> {
    let sources = OrderSources::default();
    let mut orders: Vec<_> = groups
        .orders()
        .zip(1..)
        .map(|((patient, order), number)| {
            (patient, OrderView::of(groups, patient, order, &sources, number))
        })
        .collect();
    let index = match (wanted, orders.len()) {
        (_, 0) => bail!("the message holds no order"),
        (None, 1) => 0,
        (None, count) => bail!("the message holds {count} orders; choose one with --order"),
        (Some(number), count) if number > count => {
            bail!("there is no order {number}, the message holds {count}")
        }
        (Some(number), _) => number - 1,
    };
    let (patient, order) = orders.swap_remove(index);
    ensure!(
        !matches!(order.action(), OrderAction::Cancel | OrderAction::Discontinue),
        "the message cancels its order"
    );
    let is_named = |id: &Cx| !id.id_number.is_empty();
    ensure!(
        PatientValues::identifiers_of(patient).iter().any(is_named),
        "the order names no patient (PID-3)"
    );
    for conflict in order.conflicts() {
        // A report under the wrong number is filed to the wrong study, so nobody chooses here.
        if matches!(conflict.item, "accession" | "study_instance_uid") {
            bail!("the order contradicts itself: {conflict}");
        }
    }
    Ok((patient, order))
}

fn head(order: &Message, dialect: &Dialect, now: Timestamp) -> Result<MessageHead> {
    let version = dialect.version.clone().unwrap_or_else(|| order.version());
    ensure!(
        matches!(&*version, "2.3.1" | "2.5.1"),
        "the order is of version {version:?}: choose --version 2.3.1 or 2.5.1"
    );
    Ok(MessageHead {
        sending_application: order.receiving_application(),
        sending_facility: order.receiving_facility(),
        receiving_application: order.sending_application(),
        receiving_facility: order.sending_facility(),
        message_code: "ORU".to_owned(),
        trigger_event: "R01".to_owned(),
        // Receivers of 2.3.1 expect no structure for ORU.
        structure: if version == "2.5.1" { "ORU_R01".to_owned() } else { String::new() },
        control_id: format!("R{}", now.as_micros()),
        processing_id: order.text("MSH-11").unwrap_or_default(),
        version,
        time: now,
        charset: match dialect.charset {
            Some(charset) => Some(charset.into()),
            None => declared(order)?,
        },
    })
}

/// The sets that the order declares; without any, ASCII where that is enough and else UTF-8.
fn declared(order: &Message) -> Result<Option<CharacterSets>> {
    let Some(header) = order.segment("MSH") else { return Ok(None) };
    let names: Vec<_> = header.field(18).repetitions().map(|name| name.text()).collect();
    if names.iter().all(|name| name.is_empty()) {
        return Ok(None);
    }
    let sets = CharacterSets::from_hl7(names.iter().map(|name| &**name)).ok();
    let sets = sets.filter(|sets| sets.to_hl7().is_some()).with_context(|| {
        let names = names.join("~");
        format!("HL7 has no character set {names}, which the order names: choose --charset")
    })?;
    Ok(Some(sets))
}

fn identify(
    pid: SegmentBuilder,
    patient: &PatientGroup<'_>,
    values: &PatientValues,
) -> SegmentBuilder {
    let ids: Vec<Cx> = PatientValues::identifiers_of(patient);
    let names: Vec<Xpn> = PatientValues::names_of(patient);
    let pid = ids.iter().fold(pid.field(1, "1"), |pid, id| pid.repeat_value(3, id));
    let pid = names.iter().fold(pid, |pid, name| pid.repeat_value(5, name));
    pid.value(7, &of(&values.birth)).value(8, &of(&values.sex))
}

fn control(
    orc: SegmentBuilder,
    order: &OrderValues,
    report: &Report,
    now: Timestamp,
) -> SegmentBuilder {
    // Table 0038: some, but not all, results are there; or the order is done.
    let order_status = if report.status == "P" { "A" } else { "CM" };
    orc.field(1, "RE")
        .value(2, &of(&order.placer_order_number))
        .value(3, &of(&order.filler_order_number))
        .field(5, order_status)
        .field(9, &utc(now))
        .value(12, &of(&order.ordering_provider))
}

fn request(
    obr: SegmentBuilder,
    order: &OrderValues,
    report: &Report,
    now: Timestamp,
) -> SegmentBuilder {
    let signer = Ndl { name: report.signer.clone(), ..Ndl::default() };
    obr.field(1, "1")
        .value(2, &of(&order.placer_order_number))
        .value(3, &of(&order.filler_order_number))
        .value(4, &of(&order.procedure))
        .value(16, &of(&order.ordering_provider))
        // OBR-18 and OBR-19 hold one text each, so the authority stays behind.
        .field(18, &of(&order.accession).entity_identifier)
        .field(19, &of(&order.requested_procedure_id).entity_identifier)
        .field(22, &utc(now))
        .field(25, &report.status)
        .value(32, &signer)
}

/// The study, then the text a line each, then the file.
fn observations(
    mut builder: MessageBuilder,
    message: &Message,
    order: &OrderValues,
    report: &Report,
) -> MessageBuilder {
    let mut number = 0;
    let mut obx = |kind: &'static str, code: Ce| {
        number += 1;
        let status = &report.status;
        move |obx: SegmentBuilder| {
            obx.field(1, &number.to_string()).field(2, kind).value(3, &code).field(11, status)
        }
    };
    let codes = Codes::of(report);
    let uids = [(codes.study, order.study_instance_uid.value()), (codes.sr, report.sr.as_ref())];
    for (code, uid) in uids {
        if let Some(uid) = uid {
            let begin = obx("HD", code);
            builder = builder.segment("OBX", |segment| begin(segment).field(5, uid));
        }
    }
    for line in &report.lines {
        let begin = obx("TX", codes.text.clone());
        builder = builder.segment("OBX", |segment| begin(segment).field(5, line));
    }
    if let Some(pdf) = &report.pdf {
        let begin = obx("ED", codes.file);
        let namespace_id = message.receiving_application();
        let source = Hd { namespace_id, ..Hd::default() };
        builder = builder.segment("OBX", |segment| {
            begin(segment).encapsulated(5, &source, ["application", "pdf"], pdf)
        });
    }
    builder
}

/// What OBX-3 calls each part.
struct Codes {
    study: Ce,
    sr: Ce,
    text: Ce,
    file: Ce,
}

impl Codes {
    /// The words of IHE RAD-28 where the report is that of a structured report, else the codes of RAD-128.
    fn of(report: &Report) -> Self {
        let title = code("18748-4", "Diagnostic imaging report", "LN");
        let sr = code("", "SR Instance UID", "");
        let (study, text) = match report.sr {
            Some(_) => (code("", "Study Instance UID", ""), code("", "SR Text", "")),
            None => (code("113014", "DICOM Study", "DCM"), title.clone()),
        };
        Self { study, sr, text, file: title }
    }
}

fn code(identifier: &str, text: &str, coding_system: &str) -> Ce {
    let [identifier, text, coding_system] = [identifier, text, coding_system].map(str::to_owned);
    Ce { identifier, text, coding_system, ..Ce::default() }
}

/// What the order says, or nothing.
fn of<T: Clone + Default>(reading: &Reading<T>) -> T {
    reading.value().cloned().unwrap_or_default()
}

fn utc(time: Timestamp) -> String {
    format!("{}+0000", time.to_compact_utc())
}
