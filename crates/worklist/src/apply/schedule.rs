//! What a message makes of the times and places of an order.

use telerad_core::Timestamp;
use telerad_hl7::reading::AppointmentAction;

use crate::build;
use crate::draft::StepDraft;
use crate::finding::{FindingCode, Findings};
use crate::inbound::Inbound;
use crate::instant::is_before;
use crate::precedence;
use crate::said::Said;
use crate::schedule::{Appointment, Service};
use crate::{Known, OrderRecord, ScheduledStep};

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
