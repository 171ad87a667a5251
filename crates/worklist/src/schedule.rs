//! Appointments: times and places of orders that are known (HL7 2.5.1 chapter 10, IHE RAD-48).
//!
//! An appointment is about when and where; whether something is to be done at all is the order's business (ORC-1). So
//! S12 to S14 and S18 to S22 move the steps of a known order that are still to be done, and S15, S16, S17 and S26 leave
//! them: the examination is still ordered, and a patient who comes all the same must be on the list. No appointment ever
//! makes an order.

use telerad_core::{AccessionNumber, PartialDateTime, Timestamp};
use telerad_hl7::Message;
use telerad_hl7::datatype::{Ce, Datatype, Ei, Pl, Ts};
use telerad_hl7::group::{Groups, Placed, ResourceGroup};
use telerad_hl7::reading::AppointmentAction;

use crate::build;
use crate::draft::StepDraft;
use crate::finding::{FindingCode, Findings};
use crate::inbound::Inbound;
use crate::instant::is_before;
use crate::mapping::Mapping;
use crate::numbers::OrderNumbers;
use crate::precedence;
use crate::said::{self, Said};
use crate::{Known, OrderRecord, ScheduledStep};

/// An appointment as far as it can concern an order.
#[derive(Clone, Debug)]
pub(crate) struct Appointment {
    action: AppointmentAction,
    /// Each may mean the order, first choice first.
    pub(crate) numbers: Vec<OrderNumbers>,
    services: Vec<Service>,
    /// SCH-25, table 0278.
    status: String,
}

/// One service of an appointment with its time and place.
#[derive(Clone, Debug, Default)]
struct Service {
    /// AIS-3.
    code: String,
    start: Option<PartialDateTime>,
    /// AIG-3: a station by its title or its name.
    device: Said<String>,
    /// AIL-3.
    location: Said<String>,
}

/// Reads an appointment.
pub(crate) fn read(
    message: &Message,
    groups: &Groups<'_>,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Appointment {
    let schedule = groups.schedule.as_ref();
    let status = schedule.map(|sch| Ce::read(sch.field(25)).identifier).unwrap_or_default();
    // Of old senders in the appointment itself, of newer ones in a timing of its own.
    let timing = groups.timings.first().map(|timing| Ts::read(timing.field(7)));
    let quantity = schedule.map(|sch| Ts::read(sch.field(11).component(4)));
    let whole = [("TQ1-7", timing), ("SCH-11", quantity)]
        .into_iter()
        .find_map(|(place, time)| moment(&time?, place, findings));
    let services = groups.resources.iter().flat_map(|group| services(group, whole, findings));
    let mut services: Vec<Service> = services.collect();
    if services.is_empty() && whole.is_some() {
        services.push(Service { start: whole, ..Service::default() });
    }
    if groups.resources.iter().any(|group| !group.persons.is_empty()) {
        let text = "who performs was not used: a person may be any of the staff";
        findings.add(FindingCode::Ignored, "AIP-3", text);
    }
    Appointment {
        action: AppointmentAction::of_event(&message.trigger_event()),
        numbers: numbers(message, mapping, findings),
        services,
        status,
    }
}

/// What the site's sources say. Senders write accession numbers, filler's and placer's numbers into any of them; only an
/// order of the same patient is ever meant.
fn numbers(message: &Message, mapping: &Mapping, findings: &mut Findings) -> Vec<OrderNumbers> {
    let mut all: Vec<OrderNumbers> = Vec::new();
    for source in &mapping.appointment_sources {
        let path = telerad_hl7::Path::from(*source);
        let Some(segment) = message.segment(path.segment()) else { continue };
        let number = Ei::read(segment.field(path.field()));
        if number.entity_identifier.is_empty() {
            continue;
        }
        let place = path.to_string();
        let read = said::valid(number.entity_identifier(), &place, findings);
        let Some(entity) = read.this().cloned() else { continue };
        let accession = AccessionNumber::new(entity.value(), entity.issuer().cloned()).ok();
        let numbers =
            OrderNumbers { accession, filler: Some(entity.clone()), placer: Some(entity) };
        if !all.contains(&numbers) {
            all.push(numbers);
        }
    }
    all
}

/// The services of one group of resources, which share its device and place; one without code where it names none.
fn services(
    group: &ResourceGroup<'_>,
    whole: Option<PartialDateTime>,
    findings: &mut Findings,
) -> Vec<Service> {
    let mut time_in = |segments: &[Placed<'_>], field: usize, place: &str| {
        let times = segments.iter().map(|segment| Ts::read(segment.field(field)));
        times.into_iter().find_map(|time| moment(&time, place, findings))
    };
    let of_resources = time_in(&group.locations, 6, "AIL-6")
        .or_else(|| time_in(&group.devices, 8, "AIG-8"))
        .or_else(|| time_in(&group.persons, 6, "AIP-6"));
    let device = group.devices.first().map(|aig| Ce::read(aig.field(3)));
    let device = device.map_or(Said::Nothing, |device| {
        said::said_line(&device.identifier, "AIG-3", findings)
            .or_else(|| said::said_line(&device.text, "AIG-3", findings))
    });
    let location = group.locations.first().map(|ail| Pl::read(ail.field(3)));
    let location = location.map_or(Said::Nothing, |place| {
        let text = [place.point_of_care, place.room, place.bed].join("^");
        said::said_line(text.trim_end_matches('^'), "AIL-3", findings)
    });
    let one = |code: String, start: Option<PartialDateTime>| Service {
        code,
        start: start.or(of_resources).or(whole),
        device: device.clone(),
        location: location.clone(),
    };
    if group.services.is_empty() {
        let says = of_resources.is_some() || !device.is_nothing() || !location.is_nothing();
        return if says { vec![one(String::new(), None)] } else { Vec::new() };
    }
    let services = group.services.iter().map(|ais| {
        let code = Ce::read(ais.field(3)).identifier.trim().to_owned();
        one(code, moment(&Ts::read(ais.field(4)), "AIS-4", findings))
    });
    services.collect()
}

/// A time that names a day.
fn moment(time: &Ts, place: &str, findings: &mut Findings) -> Option<PartialDateTime> {
    if time.is_empty() {
        return None;
    }
    let moment = time.lenient().filter(|moment| moment.date().is_complete());
    if moment.is_none() {
        findings.add(FindingCode::Invalid, place, "names no day, not used");
    }
    moment
}

/// Moves the steps of the order that an appointment is of; with the record, whether more than the time of saying changed.
///
/// # Errors
/// A reason to park: the order is not known or not to be told, or the message contradicts itself.
pub(crate) fn apply(
    appointment: &Appointment,
    inbound: &Inbound,
    known: &Known,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<Option<(OrderRecord, bool)>, String> {
    use AppointmentAction::{Book, ChangeResource, Modify, Reschedule};
    let moves = matches!(appointment.action, Book | Reschedule | Modify | ChangeResource);
    if appointment.numbers.is_empty() {
        let text = "the appointment names no order";
        findings.add(FindingCode::Ignored, "SCH", text);
        return Ok(None);
    }
    let patient = inbound.facts.ids.first();
    let mut order = None;
    for numbers in &appointment.numbers {
        order = numbers.find(known, &inbound.mapping, patient)?;
        if order.is_some() {
            break;
        }
    }
    if !moves {
        let text = "the appointment ends or did not take place: the order stays as it is until its own \
                    cancellation (ORC-1)";
        findings.add(FindingCode::Ignored, "SCH", text);
        return Ok(None);
    }
    let Some(before) = order else {
        return Err("an appointment of an order that is not known for the patient".to_owned());
    };
    if ["cancelled", "complete", "dc", "deleted", "noshow"]
        .contains(&appointment.status.to_ascii_lowercase().as_str())
    {
        return Err("the event of the appointment and its status contradict each other".to_owned());
    }
    let mut record = before.clone();
    let is_news = place(&mut record, &appointment.services, inbound, findings);
    if record == *before {
        return Ok(None);
    }
    record.updated_at = now;
    if record.event_time.is_none() || is_before(record.event_time, inbound.event_time) {
        record.event_time = inbound.event_time.or(record.event_time);
    }
    Ok(Some((record, is_news)))
}

/// Gives each step that is still to be done the service of its code, or the only one there is.
fn place(
    record: &mut OrderRecord,
    services: &[Service],
    inbound: &Inbound,
    findings: &mut Findings,
) -> bool {
    if services.iter().all(|service| service.start.is_none()) {
        findings.add(FindingCode::Missing, "AIS-4", "the appointment has no time");
    }
    let procedure = record.order.procedure.value.clone();
    let lone = record.steps.len() == 1;
    let mut is_news = false;
    for step in &mut record.steps {
        let of_code =
            |code: &str| services.iter().find(|service| !code.is_empty() && service.code == code);
        let service = of_code(&step.protocol.value)
            .or_else(|| of_code(&procedure).filter(|_| lone))
            .or_else(|| services.first().filter(|_| lone || services.len() == 1));
        let Some(service) = service else {
            let text = "no service of the appointment is that of a step, which was not moved";
            findings.add(FindingCode::Ignored, "AIS-3", text);
            continue;
        };
        if !step.status.is_open() {
            let text = format!("a step that is {} keeps its time", step.status.as_dicom());
            findings.add(FindingCode::Ignored, "AIS-4", text);
            continue;
        }
        is_news |= move_step(step, service, inbound, findings);
    }
    is_news
}

/// What was said later than the appointment stands.
fn move_step(
    step: &mut ScheduledStep,
    service: &Service,
    inbound: &Inbound,
    findings: &mut Findings,
) -> bool {
    let mut said = StepDraft {
        start: service.start.into(),
        location: service.location.clone(),
        ..StepDraft::default()
    };
    if let Some(device) = service.device.this() {
        // A device of the sender's is a station of ours only where the site says so: a wrong title would hide the step.
        if inbound.mapping.stations().any(|title| title.as_str() == device) {
            said.station_ae_titles = Said::This(vec![device.clone()]);
        } else {
            said.station_name = Said::This(device.clone());
        }
    }
    let (at, bits) = (inbound.event_time, precedence::step_bits(&mut said));
    let later = step.history.said.later(at);
    if bits & later != 0 {
        let text = "older than what is known of the order: what was said later stands";
        findings.add(FindingCode::Ignored, "MSH-7", text);
    }
    precedence::mute_step(&mut said, later);
    let before = step.clone();
    build::put_step(step, &said);
    let is_news = *step != before;
    step.history.said.add(at, bits);
    is_news
}
