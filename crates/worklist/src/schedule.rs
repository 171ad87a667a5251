//! Appointments: times and places of orders that are known (HL7 2.5.1 chapter 10, IHE RAD-48).
//!
//! An appointment is about when and where; whether something is to be done at all is the order's business (ORC-1). So
//! S12 to S14 and S18 to S22 move the steps of a known order that are still to be done, and S15, S16, S17 and S26 leave
//! them: the examination is still ordered, and a patient who comes all the same must be on the list. No appointment ever
//! makes an order.

use telerad_core::{AccessionNumber, PartialDateTime};
use telerad_hl7::Message;
use telerad_hl7::datatype::{Ce, Datatype, Ei, Pl, Ts};
use telerad_hl7::group::{Groups, Placed, ResourceGroup};
use telerad_hl7::reading::AppointmentAction;

use crate::finding::{FindingCode, Findings};
use crate::mapping::Mapping;
use crate::numbers::OrderNumbers;
use crate::said::{self, Said};

/// An appointment as far as it can concern an order.
#[derive(Clone, Debug)]
pub(crate) struct Appointment {
    pub(crate) action: AppointmentAction,
    /// Each may mean the order, first choice first.
    pub(crate) numbers: Vec<OrderNumbers>,
    pub(crate) services: Vec<Service>,
    /// SCH-25, table 0278.
    pub(crate) status: String,
}

/// One service of an appointment with its time and place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Service {
    /// AIS-3.
    pub(crate) code: String,
    pub(crate) start: Option<PartialDateTime>,
    /// AIG-3: a station by its title or its name.
    pub(crate) device: Said<String>,
    /// AIL-3.
    pub(crate) location: Said<String>,
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
