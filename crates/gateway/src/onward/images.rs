//! Orders for studies of sites that send none.

use telerad_core::{Code, Order, PartialDateTime, PersonName, Priority};
use telerad_routing::{InstanceRecord, StudyMark};
use telerad_store::{ParkedKind, StoreError};
use telerad_worklist::{
    OnwardEvent, OrderRecord, Origin, ScheduledStep, StepStatus, order_message,
};

use super::{Queued, platforms, sequence};
use crate::configuration::OrderFeed;
use crate::receivers::receivers;
use crate::state::State;

/// Queues an order for a study of which this is the first image, where its site sends no orders: what the head says and no
/// more, marked as such. A study gets one for each platform, however often it is decided.
///
/// The order is not kept as one: nothing is matched with what the images themselves say, and an order that comes after all
/// is told as a change.
pub(crate) async fn built_from_images(
    state: &State,
    record: &InstanceRecord,
    priority: Priority,
) -> Result<Queued, StoreError> {
    let mut queued = Queued::default();
    let is_site = |site: &&crate::configuration::Site| *site.id.get_ref() == record.site;
    let site = state.configuration.sites.iter().find(is_site);
    if site.is_none_or(|site| site.order_feed == OrderFeed::Hl7)
        || record.mark != StudyMark::Unmatched
    {
        return Ok(queued);
    }
    let receivers = receivers(&state.configuration);
    let mut order = None;
    for platform in platforms(&receivers, &record.site) {
        if !platform.dialect.events.contains(&OnwardEvent::New) {
            continue;
        }
        let about = (ParkedKind::Instance, record.sop_instance_uid.as_str());
        let what = "order from images";
        let order = match order.get_or_insert_with(|| order_of(state, record, priority)) {
            Ok(order) => order,
            Err(reason) => {
                queued.cannot(state, &record.site, platform.name, about, what, reason);
                continue;
            }
        };
        let study = order.order.study_instance_uid.as_str();
        let told = state.environment.store.outbound_about(&record.site, study).await?;
        if told.iter().any(|message| message.destination == platform.name) {
            continue;
        }
        let (control_id, now) = (state.new_control_id(), state.now());
        let (event, origin) = (OnwardEvent::New, Origin::Images);
        match order_message(event, None, order, origin, platform.dialect, &control_id, now) {
            Ok(message) => {
                let (kept, message) = ((&*sequence(order), study), (control_id, message));
                queued.put(state, &record.site, platform.name, kept, priority, message);
                let detail = format!("for {}: {} sends no orders", platform.name, record.site);
                queued.effects.push(state.journal(&record.site, study, BUILT, &detail));
            }
            Err(error) => {
                let error = error.to_string();
                queued.cannot(state, &record.site, platform.name, about, what, &error);
            }
        }
    }
    Ok(queued)
}

/// The order as far as the head of an image tells it.
///
/// # Errors
/// What is missing without which nobody could say whose order it is.
fn order_of(
    state: &State,
    record: &InstanceRecord,
    priority: Priority,
) -> Result<OrderRecord, &'static str> {
    let head = &record.head;
    let policy = state.directory.accession_policy(&record.site);
    let study = head.study_instance_uid.clone().ok_or("the images name no study")?;
    let accession = head.accession.clone().ok_or("the images have no accession number")?;
    let mut patient = head.patient.clone();
    if patient.ids.is_empty() {
        return Err("the images have no patient ID");
    }
    for id in &mut patient.ids {
        *id = id.clone().or_issuer(policy.patient_authority.as_ref());
    }
    let accession = accession.or_issuer(policy.default_issuer.as_ref());
    let first_of = |texts: [&String; 2]| {
        let said = texts.into_iter().find(|text| !text.is_empty());
        said.map_or_else(|| accession.value().to_owned(), Clone::clone)
    };
    let requested_procedure_id = first_of([&head.requested_procedure_id, &head.study_id]);
    let meaning = [&head.study_description, &head.body_part, &head.modality];
    let meaning = meaning.into_iter().find(|text| !text.is_empty()).cloned().unwrap_or_default();
    let procedure = Code { meaning, ..Code::default() };
    let step = ScheduledStep {
        step_id: requested_procedure_id.clone(),
        modality: head.modality.clone(),
        station_name: head.station_name.clone(),
        start: started(&head.study_date, &head.study_time),
        protocol: procedure.clone(),
        // Its images are coming.
        status: StepStatus::Started,
        ..ScheduledStep::default()
    };
    let order = Order {
        site: record.site.clone(),
        patient,
        accession,
        placer_order_number: None,
        filler_order_number: None,
        requested_procedure_id,
        study_instance_uid: study,
        procedure,
        priority,
        referring_physician: PersonName::from_dicom(&head.referring_physician),
        requesting_physician: PersonName::default(),
        reason: String::new(),
    };
    let mut order = OrderRecord::new(order, state.now());
    order.steps.push(step);
    Ok(order)
}

/// When the study began, as far as it is said.
fn started(date: &str, time: &str) -> Option<PartialDateTime> {
    let time = time.get(..6).or_else(|| time.get(..4)).unwrap_or_default();
    let whole = PartialDateTime::parse(&format!("{date}{time}"));
    whole.or_else(|_| PartialDateTime::parse(date)).ok().filter(|it| it.date().is_complete())
}

/// The journal's word.
const BUILT: &str = "order built from images";
