//! Steps that come to their ends by what the gateway itself sees: images, final reports, and silence.

use std::time::Duration;

use telerad_core::{PartialDateTime, SiteId, Timestamp};
use telerad_net::Shutdown;
use telerad_routing::StudyMark;
use telerad_store::{Effect, StoreError};
use telerad_worklist::{OrderKey, OrderRecord, ScheduledStep, StepEvent};

use crate::candidates::put_order;
use crate::configuration::{Site, Steps};
use crate::event::Event;
use crate::handled::Handled;
use crate::onward;
use crate::state::State;

/// Ends the steps of sites that have a rule for it, now and then, until the end.
pub(crate) async fn watch(state: &State, shutdown: &Shutdown) {
    let has_rule =
        |steps: &Steps| steps.idle_hours.is_some() || steps.study_received_minutes.is_some();
    let sites = state.configuration.sites.iter().filter(|site| has_rule(&site.steps));
    let sites: Vec<&Site> = sites.collect();
    while !sites.is_empty() {
        wait(state, shutdown, INTERVAL).await;
        for site in &sites {
            if shutdown.is_requested() {
                return;
            }
            if let Err(error) = pass(state, shutdown, site).await {
                let site = site.id.get_ref();
                tracing::error!(%site, "steps that should have ended are still on the worklist: {error}");
            }
        }
    }
}

/// Once through the orders of a site that are due.
async fn pass(state: &State, shutdown: &Shutdown, site: &Site) -> Result<(), StoreError> {
    let (id, store) = (site.id.get_ref(), &state.environment.store);
    // A day on, since starts are of a clock that may be ahead of ours.
    let tomorrow = state.now().after(Duration::from_secs(86_400)).to_compact_utc();
    let last = tomorrow.get(..8).unwrap_or_default().to_owned();
    let due = store.open_orders(id, Some((String::new(), last))).await?;
    for (number, record) in due.into_iter().enumerate() {
        if number % AT_ONCE == AT_ONCE - 1 {
            // What comes in goes first.
            wait(state, shutdown, PAUSE).await;
        }
        if shutdown.is_requested() {
            return Ok(());
        }
        let before = record.clone();
        let Some((record, event)) = ended(state, &site.steps, record).await? else { continue };
        match write(state, id, &before, record, event).await {
            // It has changed meanwhile, and is looked at the next time.
            Err(StoreError::Conflict { .. }) => {}
            written => written?,
        }
    }
    Ok(())
}

/// The order with its steps ended, when they are to be.
async fn ended(
    state: &State,
    rules: &Steps,
    record: OrderRecord,
) -> Result<Option<(OrderRecord, StepEvent)>, StoreError> {
    if let Some(after) = rules.study_received()
        && has_come(state, &record, after).await?
    {
        let event = StepEvent::StudyReceived;
        return Ok(told(state, record, event, |step| !step.is_held).map(|it| (it, event)));
    }
    let Some(after) = rules.idle() else { return Ok(None) };
    let now = state.now();
    let steps = record.steps.iter().map(|step| step.is_idle(&record, now, after));
    let idle: Vec<bool> = steps.collect();
    let mut idle = idle.into_iter();
    let event = StepEvent::IdleTimeout;
    let told = told(state, record, event, |_| idle.next().unwrap_or_default());
    Ok(told.map(|record| (record, event)))
}

/// Whether the last image that was linked with the order came so long ago.
async fn has_come(
    state: &State,
    record: &OrderRecord,
    after: Duration,
) -> Result<bool, StoreError> {
    let (site, study) = (&record.order.site, record.order.study_instance_uid.as_str());
    let images = state.environment.store.instances_of_study(site, study).await?;
    let is_linked = |mark: &StudyMark| matches!(mark, StudyMark::Matched { order_key } if order_key == record.key.as_str());
    let linked = images.iter().filter(|image| is_linked(&image.mark));
    let last = linked.map(|image| image.received_at).max();
    Ok(last.is_some_and(|last| last <= state.now() && state.now().since(last) >= after))
}

/// The order after an event that happens now to those of its steps that pass; `None` when it changes none.
pub(crate) fn told(
    state: &State,
    mut record: OrderRecord,
    event: StepEvent,
    mut passes: impl FnMut(&ScheduledStep) -> bool,
) -> Option<OrderRecord> {
    let at = moment(state.now());
    let mut is_changed = false;
    for step in record.steps.iter_mut().filter(|step| passes(step)) {
        is_changed |= step.advance(event, at).is_change();
    }
    record.updated_at = state.now();
    is_changed.then_some(record)
}

/// Ends the steps of orders that have a final report now, together with the message that brought it. The platform that has
/// read the study is not told that it is done.
pub(crate) async fn reported(
    state: &State,
    site: &SiteId,
    keys: &[String],
    handled: &mut Handled,
) -> Result<(), StoreError> {
    let mut keys: Vec<OrderKey> = keys.iter().map(|key| OrderKey::from_text(key)).collect();
    keys.sort();
    keys.dedup();
    for record in state.environment.store.orders(site, &keys).await? {
        let event = StepEvent::ReportFinal;
        let Some(record) = told(state, record, event, |_| true) else { continue };
        handled.events.push(ended_event(&record, event));
        handled.effects.extend(written(state, site, record, event));
    }
    Ok(())
}

async fn write(
    state: &State,
    site: &SiteId,
    before: &OrderRecord,
    record: OrderRecord,
    event: StepEvent,
) -> Result<(), StoreError> {
    let ended = ended_event(&record, event);
    let study = record.order.study_instance_uid.clone();
    let onward = onward::queue_order(state, study.as_str(), before, &record).await?;
    let mut effects = written(state, site, record, event);
    effects.extend(onward.effects);
    state.commit(effects).await?;
    onward::ring(state, &onward.wake);
    tracing::info!(%site, study = study.as_str(), "steps ended: {}", word(event));
    state.tell(ended);
    Ok(())
}

fn written(state: &State, site: &SiteId, record: OrderRecord, event: StepEvent) -> Vec<Effect> {
    let study = record.order.study_instance_uid.as_str();
    let journal = state.journal(site, study, "steps ended", word(event));
    vec![put_order(record, &state.directory.accession_policy(site)), journal]
}

fn ended_event(record: &OrderRecord, by: StepEvent) -> Event {
    let site = record.order.site.clone();
    Event::StepsEnded { site, study_instance_uid: record.order.study_instance_uid.clone(), by }
}

fn word(event: StepEvent) -> &'static str {
    match event {
        StepEvent::IdleTimeout => "nothing was heard of them",
        StepEvent::ReportFinal => "a final report was filed",
        _ => "the study has come",
    }
}

/// A moment of the gateway's own clock, as messages would name it.
fn moment(now: Timestamp) -> Option<PartialDateTime> {
    PartialDateTime::parse(&format!("{}+0000", now.to_compact_utc())).ok()
}

async fn wait(state: &State, shutdown: &Shutdown, pause: Duration) {
    let clock = &state.environment.clock;
    let wake = clock.sleep_until(clock.now() + pause);
    tokio::select! {
        biased;
        () = shutdown.requested() => {}
        () = wake => {}
    }
}

/// Between two passes.
const INTERVAL: Duration = Duration::from_secs(300);
/// Orders looked at between two pauses.
const AT_ONCE: usize = 32;
const PAUSE: Duration = Duration::from_millis(20);
