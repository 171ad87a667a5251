//! Orders and patients on to the reading platform, as HL7 messages in its own dialect.

mod segments;

use std::collections::BTreeSet;

use serde::Deserialize;
use telerad_charset::Charset;
use telerad_core::{Issuer, PartialDateTime, Patient, PatientId, PersonName, Timestamp};
use telerad_hl7::{AckMode, BuildError, Message, MessageBuilder, MessageHead};

use crate::{OrderRecord, PatientRecord, Sayings, ScheduledStep, StepHistory, StepStatus};

/// How a reading platform wants its orders.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlatformDialect {
    /// MSH-3.
    pub sending_application: String,
    /// MSH-4.
    pub sending_facility: String,
    /// MSH-5.
    pub application: String,
    /// MSH-6.
    pub facility: String,
    /// MSH-12: `2.3.1` or `2.5.1`.
    pub version: String,
    /// MSH-11.
    pub processing_id: String,
    /// The message that orders are told with.
    pub form: OrderForm,
    /// What it writes before the accession number; not added to a number that begins with it already.
    pub accession_prefix: String,
    /// What it calls the issuer of the accession number: OBR-18.2 to OBR-18.4 and IPC-1. Without it OBR-18 is the number
    /// alone, and IPC-1 has the site's own issuer.
    pub accession_authority: Option<Issuer>,
    /// What it calls the authority of patient identifiers that have none.
    pub patient_authority: Option<Issuer>,
    /// MSH-18. A text that does not fit is an error, never changed. `None`: ASCII where that is enough, else UTF-8.
    pub charset: Option<Charset>,
    /// The event by which a patient is updated.
    pub patient_update: PatientUpdate,
    /// What it is told of.
    pub events: BTreeSet<OnwardEvent>,
    /// Which answers are asked for: MSH-15 and MSH-16 (HL7 2.5.1 section 2.9).
    pub acknowledgement: AckMode,
}

impl Default for PlatformDialect {
    /// ORM^O01 of HL7 2.3.1 in UTF-8, from `TELERAD`, production, patients by A08, every event but the start of a step.
    fn default() -> Self {
        let mut events: BTreeSet<OnwardEvent> = OnwardEvent::ALL.into();
        events.remove(&OnwardEvent::Start);
        Self {
            sending_application: "TELERAD".to_owned(),
            sending_facility: String::new(),
            application: String::new(),
            facility: String::new(),
            version: "2.3.1".to_owned(),
            processing_id: "P".to_owned(),
            form: OrderForm::Orm,
            accession_prefix: String::new(),
            accession_authority: None,
            patient_authority: None,
            charset: Some(Charset::Utf8),
            patient_update: PatientUpdate::A08,
            events,
            acknowledgement: AckMode::Original,
        }
    }
}

impl PlatformDialect {
    /// An accession number as the platform writes it.
    pub fn accession(&self, value: &str) -> String {
        if value.starts_with(&self.accession_prefix) {
            value.to_owned()
        } else {
            format!("{}{value}", self.accession_prefix)
        }
    }
}

/// The message that tells an order.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum OrderForm {
    /// ORM^O01 with one ORC and OBR per step, and ZDS (IHE RAD TF-2, RAD-4 and RAD-13).
    #[default]
    Orm,
    /// OMI^O23 with one IPC per step (HL7 2.5.1 section 4.5.5).
    Omi,
}

/// The event by which a patient is updated.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub enum PatientUpdate {
    /// ADT^A08, update of a patient with a visit.
    #[default]
    A08,
    /// ADT^A31, update of a person.
    A31,
}

/// What a platform is told of.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "snake_case")]
pub enum OnwardEvent {
    /// `NW`: an order that it has not been told of, or that it was told is withdrawn.
    New,
    /// `XO`: an order says something else than before.
    Change,
    /// `CA`: nothing of it will be done.
    Cancel,
    /// `DC`: nothing more of it will be done.
    Discontinue,
    /// `HD`: it waits.
    Hold,
    /// `RL`: it waits no longer.
    Release,
    /// `SC` with `IP`: it has begun.
    Start,
    /// `SC` with `CM`: it is done.
    Complete,
    /// A08 or A31.
    PatientUpdate,
    /// A40.
    PatientMerge,
}

impl OnwardEvent {
    /// Every event, in the order of the type.
    pub const ALL: [Self; 10] = [
        Self::New,
        Self::Change,
        Self::Cancel,
        Self::Discontinue,
        Self::Hold,
        Self::Release,
        Self::Start,
        Self::Complete,
        Self::PatientUpdate,
        Self::PatientMerge,
    ];

    /// What the event is called in configurations and journals.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Change => "change",
            Self::Cancel => "cancel",
            Self::Discontinue => "discontinue",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Start => "start",
            Self::Complete => "complete",
            Self::PatientUpdate => "patient_update",
            Self::PatientMerge => "patient_merge",
        }
    }
}

/// Whether a platform knows of an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heard {
    /// It was told, or is about to be by a message that is queued.
    Already,
    /// It knows what the images say, and nothing else ([`Origin::Images`]).
    FromImages,
    /// It was never told, or it would not take the message.
    NotYet,
}

/// Where an order comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// From the heads of its images, at a site that sends no orders. Marked in ORC-16 and in a note under OBR, so that
    /// nobody takes it for what a physician ordered.
    Images,
    /// From the site.
    Site,
}

/// Why a message cannot be written for the platform.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OnwardError {
    /// A character that the platform's character set does not have, or a message beyond the limits.
    #[error("order cannot be written: {0}")]
    Build(#[from] BuildError),
    /// The order has no step that the event is about.
    #[error("order has no step to tell of")]
    NoStep,
}

/// What a platform has to be told of an order that has come or changed; `None` when there is nothing to tell.
///
/// An order that it never heard of is new to it, whatever has happened to it here, unless nothing is left to be done or
/// read. One that was withdrawn and is open again is new once more. What changes of the patient is no change of the order,
/// unless it is another patient's now.
pub fn order_event(
    before: Option<&OrderRecord>,
    after: &OrderRecord,
    told: Heard,
) -> Option<OnwardEvent> {
    let is_wanted = after.steps.iter().any(|step| !is_withdrawn(step.status));
    match told {
        Heard::NotYet => return is_wanted.then_some(OnwardEvent::New),
        Heard::FromImages if is_wanted => return Some(OnwardEvent::Change),
        Heard::Already | Heard::FromImages => {}
    }
    let had_been = |before: &OrderRecord| before.steps.iter().all(|it| is_withdrawn(it.status));
    if is_wanted && before.is_some_and(had_been) {
        return Some(OnwardEvent::New);
    }
    if is_wanted && before.is_none_or(|before| content(before) != content(after)) {
        return Some(OnwardEvent::Change);
    }
    let news: Vec<StepStatus> = after
        .steps
        .iter()
        .filter(|step| status_before(before, step) != Some(step.status))
        .map(|step| step.status)
        .collect();
    let now = |status| news.contains(&status);
    if !is_wanted {
        let is_canceled = after.steps.iter().all(|step| step.status == StepStatus::Canceled);
        let event = if is_canceled { OnwardEvent::Cancel } else { OnwardEvent::Discontinue };
        return (!news.is_empty()).then_some(event);
    }
    let has_ended = after.steps.iter().all(|step| step.status.is_ended());
    match () {
        () if now(StepStatus::Canceled) || now(StepStatus::Discontinued) => {
            // The rest of it goes on.
            Some(if has_ended { OnwardEvent::Discontinue } else { OnwardEvent::Change })
        }
        () if now(StepStatus::Completed) => {
            Some(if has_ended { OnwardEvent::Complete } else { OnwardEvent::Change })
        }
        () if is_held(after) != before.is_some_and(is_held) => {
            Some(if is_held(after) { OnwardEvent::Hold } else { OnwardEvent::Release })
        }
        () if now(StepStatus::Started) => Some(OnwardEvent::Start),
        () => None,
    }
}

/// The message that tells an event of an order: the whole order as it is now, each step with the order control that the
/// event means for it. Steps that ended before are not told again.
///
/// # Errors
/// [`OnwardError`].
pub fn order_message(
    event: OnwardEvent,
    before: Option<&OrderRecord>,
    after: &OrderRecord,
    origin: Origin,
    dialect: &PlatformDialect,
    control_id: &str,
    now: Timestamp,
) -> Result<Message, OnwardError> {
    let groups = groups(event, before, after, dialect.form);
    if groups.is_empty() {
        return Err(OnwardError::NoStep);
    }
    let (code, trigger, structure) = match dialect.form {
        OrderForm::Orm => ("ORM", "O01", "ORM_O01"),
        OrderForm::Omi => ("OMI", "O23", "OMI_O23"),
    };
    let mut builder = head(dialect, (code, trigger, structure), control_id, now)
        .segment("PID", |pid| segments::patient(pid, &after.order.patient, dialect));
    builder = segments::notes(builder, &after.clinical.comments);
    builder = builder.segment("PV1", |pv1| segments::visit(pv1, after));
    builder = segments::allergies(builder, &after.clinical);
    for (index, group) in groups.iter().enumerate() {
        builder = segments::order_group(builder, index, group, after, origin, dialect, now);
    }
    if dialect.form == OrderForm::Orm {
        let study = after.order.study_instance_uid.as_str();
        builder =
            builder.segment("ZDS", |zds| zds.components(1, &[study, "", "Application", "DICOM"]));
    }
    Ok(builder.build()?)
}

/// ADT^A08 or ADT^A31: a patient as they are now.
///
/// # Errors
/// [`OnwardError::Build`].
pub fn patient_message(
    record: &PatientRecord,
    dialect: &PlatformDialect,
    control_id: &str,
    now: Timestamp,
) -> Result<Message, OnwardError> {
    let kind = match dialect.patient_update {
        PatientUpdate::A08 => ("ADT", "A08", "ADT_A01"),
        PatientUpdate::A31 => ("ADT", "A31", "ADT_A05"),
    };
    let builder = head(dialect, kind, control_id, now)
        .segment("EVN", |evn| segments::event(evn, kind.1, now))
        .segment("PID", |pid| segments::patient(pid, &record.patient, dialect))
        // No visit is spoken of (table 0004).
        .segment("PV1", |pv1| pv1.field(1, "1").field(2, "N"));
    let builder = segments::measures(builder, &record.clinical);
    Ok(segments::allergies(builder, &record.clinical).build()?)
}

/// ADT^A40: `prior` is a number of the patient `survivor` from now on, and of nobody else.
///
/// # Errors
/// [`OnwardError::Build`].
pub fn merge_message(
    prior: &PatientId,
    survivor: &Patient,
    dialect: &PlatformDialect,
    control_id: &str,
    now: Timestamp,
) -> Result<Message, OnwardError> {
    let kind = ("ADT", "A40", "ADT_A39");
    let builder = head(dialect, kind, control_id, now)
        .segment("EVN", |evn| segments::event(evn, kind.1, now))
        .segment("PID", |pid| segments::patient(pid, survivor, dialect))
        .segment("MRG", |mrg| segments::prior(mrg, prior, dialect));
    Ok(builder.build()?)
}

fn head(
    dialect: &PlatformDialect,
    (code, event, structure): (&str, &str, &str),
    control_id: &str,
    now: Timestamp,
) -> MessageBuilder {
    // MSH-9.3 came with 2.3.1, and its receivers expect none.
    let has_structure = dialect.version.as_str() >= "2.4";
    let head = MessageHead {
        sending_application: dialect.sending_application.clone(),
        sending_facility: dialect.sending_facility.clone(),
        receiving_application: dialect.application.clone(),
        receiving_facility: dialect.facility.clone(),
        message_code: code.to_owned(),
        trigger_event: event.to_owned(),
        structure: if has_structure { structure.to_owned() } else { String::new() },
        control_id: control_id.to_owned(),
        version: dialect.version.clone(),
        processing_id: dialect.processing_id.clone(),
        time: now,
        charset: dialect.charset.map(Into::into),
    };
    MessageBuilder::new(head).header(|msh| match dialect.acknowledgement {
        AckMode::Original => msh,
        AckMode::Enhanced { accept, application } => {
            msh.field(15, accept.as_str()).field(16, application.as_str())
        }
    })
}

/// Steps that are told in one ORC and OBR.
struct Group<'a> {
    /// ORC-1, table 0119.
    control: &'static str,
    /// ORC-5, table 0038.
    status: &'static str,
    /// One in ORM; in OMI all that have start and performer in common.
    steps: Vec<&'a ScheduledStep>,
}

fn groups<'a>(
    event: OnwardEvent,
    before: Option<&OrderRecord>,
    after: &'a OrderRecord,
    form: OrderForm,
) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for step in &after.steps {
        let Some((control, status)) = control(event, status_before(before, step), step.status)
        else {
            continue;
        };
        let shares = |it: &&mut Group<'a>| {
            form == OrderForm::Omi
                && (it.control, it.status) == (control, status)
                && it.steps.first().map(|step| shared(step)) == Some(shared(step))
        };
        match groups.iter_mut().find(shares) {
            Some(group) => group.steps.push(step),
            None => groups.push(Group { control, status, steps: vec![step] }),
        }
    }
    groups
}

/// What TQ1 and OBR say of all steps below them.
fn shared(step: &ScheduledStep) -> (Option<PartialDateTime>, &PersonName) {
    (step.start, &step.performing_physician)
}

/// ORC-1 and ORC-5 of a step; `None` when the event is not about it.
fn control(
    event: OnwardEvent,
    before: Option<StepStatus>,
    after: StepStatus,
) -> Option<(&'static str, &'static str)> {
    let status = order_status(after);
    if event == OnwardEvent::New {
        return (!is_withdrawn(after)).then_some(("NW", status));
    }
    let is_news = before != Some(after);
    match after {
        StepStatus::Canceled => is_news.then_some(("CA", status)),
        StepStatus::Discontinued => is_news.then_some(("DC", status)),
        _ if event == OnwardEvent::Change => Some(("XO", status)),
        StepStatus::Completed => is_news.then_some(("SC", status)),
        _ if event == OnwardEvent::Hold => Some(("HD", "HD")),
        _ if event == OnwardEvent::Release => Some(("RL", status)),
        StepStatus::Started if is_news => Some(("SC", status)),
        _ => None,
    }
}

/// Table 0038.
fn order_status(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Scheduled | StepStatus::Arrived | StepStatus::Ready => "SC",
        StepStatus::Started | StepStatus::Departed => "IP",
        StepStatus::Canceled => "CA",
        StepStatus::Discontinued => "DC",
        StepStatus::Completed => "CM",
    }
}

fn status_before(before: Option<&OrderRecord>, step: &ScheduledStep) -> Option<StepStatus> {
    let same = |it: &&ScheduledStep| it.step_id == step.step_id;
    Some(before?.steps.iter().find(same)?.status)
}

fn is_withdrawn(status: StepStatus) -> bool {
    matches!(status, StepStatus::Canceled | StepStatus::Discontinued)
}

fn is_held(order: &OrderRecord) -> bool {
    let mut waiting = order.steps.iter().filter(|step| step.status.is_open()).peekable();
    waiting.peek().is_some() && waiting.all(|step| step.is_held)
}

/// An order without what is told by events of their own, and without what is our own.
fn content(order: &OrderRecord) -> OrderRecord {
    let mut content = order.clone();
    let plain = |step: &mut ScheduledStep| {
        step.status = StepStatus::Scheduled;
        step.is_held = false;
        step.history = StepHistory::default();
    };
    content.steps.iter_mut().for_each(plain);
    content.revision = 0;
    content.updated_at = Timestamp::from_micros(0);
    content.event_time = None;
    content.told.clear();
    content.said = Sayings::default();
    content.replaces.clear();
    content.replaced_by.clear();
    // Who the patient is, is told by ADT; that it is another one, by the order.
    content.order.patient = Patient {
        ids: order.order.patient.primary_id().cloned().into_iter().collect(),
        ..Patient::default()
    };
    content
}
