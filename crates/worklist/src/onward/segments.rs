//! The segments of what goes to the reading platform.

use telerad_core::{
    Code, EntityIdentifier, Issuer, NameGroup, Patient, PatientId, PersonName, Priority, Timestamp,
};
use telerad_hl7::{MessageBuilder, SegmentBuilder};

use super::{Group, OrderForm, Origin, PlatformDialect};
use crate::record::Clinical;
use crate::{OrderRecord, ScheduledStep};

/// The note of an order that was built from images, for whoever reads it.
const FROM_IMAGES: &str = "This order was built from the heads of the images: the site sends no orders. It has no clinical question.";

/// PID.
pub(super) fn patient(
    pid: SegmentBuilder,
    patient: &Patient,
    dialect: &PlatformDialect,
) -> SegmentBuilder {
    let mut pid = pid.field(1, "1");
    for id in &patient.ids {
        pid = identifier(pid, 3, id, dialect);
    }
    for (group, code) in writings(&patient.name) {
        pid = pid.repeat_components(5, &person_parts(group, &["", "", code]));
    }
    let birth_date = patient.birth_date.map(|date| date.to_string()).unwrap_or_default();
    pid.field(7, &birth_date).field(8, patient.sex.map_or("", |sex| sex.as_dicom()))
}

/// MRG.
pub(super) fn prior(
    mrg: SegmentBuilder,
    id: &PatientId,
    dialect: &PlatformDialect,
) -> SegmentBuilder {
    identifier(mrg, 1, id, dialect)
}

/// EVN.
pub(super) fn event(evn: SegmentBuilder, trigger: &str, now: Timestamp) -> SegmentBuilder {
    // EVN-1 is for backward compatibility from 2.4 on, and still what many read.
    evn.field(1, trigger).field(2, &time(now))
}

/// PV1.
pub(super) fn visit(pv1: SegmentBuilder, order: &OrderRecord) -> SegmentBuilder {
    let location: Vec<&str> = order.patient_location.split('^').collect();
    let mut pv1 = pv1.field(1, "1").field(2, &order.patient_class);
    // The place is kept as point, room and bed, which are the first three of PL.
    pv1 = pv1.components(3, &location);
    pv1 = physician(pv1, 8, &order.order.referring_physician);
    // HL7 table 0009 has B6 for pregnant; (0010,21C0) has 3 for definitely pregnant.
    if order.clinical.pregnancy_status == Some(3) {
        pv1 = pv1.field(15, "B6");
    }
    match &order.admission_id {
        Some(id) => {
            let authority = hd(id.issuer());
            pv1.subcomponents(19, &[&[id.value()], &[], &[], &authority])
        }
        None => pv1,
    }
}

/// One NTE for each line.
pub(super) fn notes(mut builder: MessageBuilder, text: &str) -> MessageBuilder {
    let lines = text.split(['\r', '\n']).filter(|line| !line.trim().is_empty());
    for (index, line) in lines.enumerate() {
        builder = builder.segment("NTE", |nte| {
            nte.field(1, &(index + 1).to_string()).field(2, "P").field(3, line)
        });
    }
    builder
}

/// AL1, of the type "miscellaneous" (table 0127): which it is, is not kept.
pub(super) fn allergies(mut builder: MessageBuilder, clinical: &Clinical) -> MessageBuilder {
    for (index, allergy) in clinical.allergies.iter().enumerate() {
        builder = builder.segment("AL1", |al1| {
            al1.field(1, &(index + 1).to_string()).field(2, "MA").components(3, &["", allergy])
        });
    }
    builder
}

/// OBX for weight and height, under LOINC.
pub(super) fn measures(mut builder: MessageBuilder, clinical: &Clinical) -> MessageBuilder {
    let measures = [
        (&clinical.weight_kg, ["29463-7", "Body weight", "LN"], "kg"),
        (&clinical.size_m, ["8302-2", "Body height", "LN"], "m"),
    ];
    let known = measures.into_iter().filter(|(value, ..)| !value.is_empty());
    for (index, (value, code, unit)) in known.enumerate() {
        builder = builder.segment("OBX", |obx| {
            obx.field(1, &(index + 1).to_string())
                .field(2, "NM")
                .components(3, &code)
                .field(5, value)
                .field(6, unit)
                .field(11, "F")
        });
    }
    builder
}

/// ORC, TQ1, OBR with its notes, and IPC: as many of them as the form has.
pub(super) fn order_group(
    mut builder: MessageBuilder,
    index: usize,
    group: &Group<'_>,
    order: &OrderRecord,
    origin: Origin,
    dialect: &PlatformDialect,
    now: Timestamp,
) -> MessageBuilder {
    let Some(first) = group.steps.first() else { return builder };
    builder = builder.segment("ORC", |orc| control(orc, group, first, order, origin, dialect, now));
    if dialect.form == OrderForm::Omi {
        builder = builder.segment("TQ1", |tq1| {
            tq1.field(1, "1").field(7, &start(first)).field(9, priority(order))
        });
    }
    builder = builder.segment("OBR", |obr| request(obr, index, first, order, dialect));
    builder = match origin {
        Origin::Images => notes(builder, FROM_IMAGES),
        Origin::Site => notes(builder, &order.comments),
    };
    if index == 0 {
        builder = measures(builder, &order.clinical);
    }
    if dialect.form == OrderForm::Omi {
        for step in &group.steps {
            builder = builder.segment("IPC", |ipc| procedure_step(ipc, step, order, dialect));
        }
    }
    builder
}

fn control(
    orc: SegmentBuilder,
    group: &Group<'_>,
    step: &ScheduledStep,
    order: &OrderRecord,
    origin: Origin,
    dialect: &PlatformDialect,
    now: Timestamp,
) -> SegmentBuilder {
    let mut orc = numbers(orc.field(1, group.control), order).field(5, group.status);
    if dialect.form == OrderForm::Orm {
        orc = timing(orc, 7, step, order);
    }
    let said_at = order.event_time.map_or_else(|| time(now), |at| at.to_string());
    orc = physician(orc.field(9, &said_at), 12, &order.order.requesting_physician);
    if origin == Origin::Images {
        orc = orc.components(16, &["IMAGES", "Built from the images", "99TELERAD"]);
    }
    if !order.requesting_service.is_empty() {
        orc = orc.components(17, &["", &order.requesting_service]);
    }
    // ORC-28 came with 2.5.
    if dialect.version.as_str() >= "2.5" {
        orc = orc.field(28, &order.confidentiality);
    }
    orc
}

fn request(
    obr: SegmentBuilder,
    index: usize,
    step: &ScheduledStep,
    order: &OrderRecord,
    dialect: &PlatformDialect,
) -> SegmentBuilder {
    let (procedure, clinical) = (&order.order.procedure, &order.clinical);
    let mut obr = numbers(obr.field(1, &(index + 1).to_string()), order);
    let [value, meaning, scheme] = coded(procedure);
    obr = match dialect.form {
        OrderForm::Orm => {
            let [step_value, step_meaning, step_scheme] = coded(&step.protocol);
            obr.components(4, &[value, meaning, scheme, step_value, step_meaning, step_scheme])
        }
        OrderForm::Omi => obr.components(4, &[value, meaning, scheme]),
    };
    if !clinical.patient_state.is_empty() {
        obr = obr.components(12, &["", &clinical.patient_state]);
    }
    obr = physician(obr.field(13, &clinical.medical_alerts), 16, &order.order.requesting_physician);
    if dialect.form == OrderForm::Orm {
        // The number that the images carry, so that the platform finds them.
        let accession = dialect.accession(order.worklist_accession());
        let [namespace, universal, kind] = hd(dialect.accession_authority.as_ref());
        obr = obr
            .components(18, &[&accession, namespace, universal, kind])
            .field(19, &order.order.requested_procedure_id)
            .field(20, &step.step_id)
            .field(24, &step.modality);
        obr = timing(obr, 27, step, order);
    }
    obr = obr.field(30, &order.transport);
    if !order.order.reason.is_empty() {
        obr = obr.components(31, &["", &order.order.reason]);
    }
    let performer = &step.performing_physician.alphabetic;
    if !performer.is_empty() {
        let mut parts = vec![""];
        parts.extend(person_parts(performer, &[]));
        obr = obr.subcomponents(34, &[&parts]);
    }
    obr
}

/// IPC (HL7 2.5.1 section 4.5.6).
fn procedure_step(
    mut ipc: SegmentBuilder,
    step: &ScheduledStep,
    order: &OrderRecord,
    dialect: &PlatformDialect,
) -> SegmentBuilder {
    let accession = dialect.accession(order.worklist_accession());
    let issuer = dialect.accession_authority.as_ref().or(order.order.accession.issuer());
    let [namespace, universal, kind] = hd(issuer);
    ipc = ipc
        .components(1, &[&accession, namespace, universal, kind])
        .field(2, &order.order.requested_procedure_id)
        .field(3, order.order.study_instance_uid.as_str())
        .field(4, &step.step_id)
        .field(5, &step.modality)
        .components(6, &coded(&step.protocol))
        .field(7, &step.station_name);
    if !step.location.is_empty() {
        ipc = ipc.components(8, &["", &step.location]);
    }
    for title in &step.station_ae_titles {
        ipc = ipc.repeat_field(9, title);
    }
    ipc
}

/// ORC-2 and ORC-3, OBR-2 and OBR-3.
fn numbers(mut segment: SegmentBuilder, order: &OrderRecord) -> SegmentBuilder {
    let numbers = [(2, &order.order.placer_order_number), (3, &order.order.filler_order_number)];
    for (field, number) in numbers {
        let Some(number): &Option<EntityIdentifier> = number else { continue };
        let [namespace, universal, kind] = hd(number.issuer());
        segment = segment.components(field, &[number.value(), namespace, universal, kind]);
    }
    segment
}

/// Quantity/timing: the fourth component is the start, the sixth the priority.
fn timing(
    segment: SegmentBuilder,
    field: usize,
    step: &ScheduledStep,
    order: &OrderRecord,
) -> SegmentBuilder {
    segment.components(field, &["", "", "", &start(step), "", priority(order)])
}

fn start(step: &ScheduledStep) -> String {
    step.start.map(|start| start.to_string()).unwrap_or_default()
}

/// Table 0485, as this crate reads it; what it has no code for goes out as the word that it came with.
fn priority(order: &OrderRecord) -> &'static str {
    match order.order.priority {
        Priority::Stat => "S",
        Priority::High => "A",
        Priority::Routine => "R",
        Priority::Medium => "T",
        Priority::Low => "LOW",
    }
}

/// CX.
fn identifier(
    segment: SegmentBuilder,
    field: usize,
    id: &PatientId,
    dialect: &PlatformDialect,
) -> SegmentBuilder {
    let authority = hd(id.issuer().or(dialect.patient_authority.as_ref()));
    segment.repeat_subcomponents(field, &[&[id.value()], &[], &[], &authority])
}

/// XCN, without the number, which is not kept.
fn physician(segment: SegmentBuilder, field: usize, name: &PersonName) -> SegmentBuilder {
    if name.alphabetic.is_empty() {
        return segment;
    }
    let mut parts = vec![""];
    parts.extend(person_parts(&name.alphabetic, &[]));
    segment.components(field, &parts)
}

/// Family, given, middle, suffix and prefix: the beginning of XPN, and of XCN after its number.
fn person_parts<'a>(group: &'a NameGroup, rest: &[&'a str]) -> Vec<&'a str> {
    let mut parts: Vec<&str> =
        vec![&group.family, &group.given, &group.middle, &group.suffix, &group.prefix];
    parts.extend(rest);
    parts
}

/// The writings of a name with XPN-8, which tells them apart only where there is more than the alphabetic one.
fn writings(name: &PersonName) -> impl Iterator<Item = (&NameGroup, &'static str)> {
    let is_alone = name.ideographic.is_empty() && name.phonetic.is_empty();
    let alphabetic = if is_alone { "" } else { "A" };
    [(&name.alphabetic, alphabetic), (&name.ideographic, "I"), (&name.phonetic, "P")]
        .into_iter()
        .filter(|(group, _)| !group.is_empty())
}

/// CE.
fn coded(code: &Code) -> [&str; 3] {
    [&code.value, &code.meaning, &code.scheme]
}

/// HD.
fn hd(issuer: Option<&Issuer>) -> [&str; 3] {
    let Some(issuer) = issuer else { return [""; 3] };
    let (universal, kind) =
        issuer.universal.as_ref().map_or(("", ""), |id| (id.value.as_str(), id.kind.as_str()));
    [issuer.namespace.as_deref().unwrap_or_default(), universal, kind]
}

/// In UTC with its zone.
fn time(now: Timestamp) -> String {
    format!("{}+0000", now.to_compact_utc())
}
