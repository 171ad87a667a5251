//! What was queued before or during an outage, and may no longer be wanted when it ends.

use telerad_core::{SiteId, Timestamp};
use telerad_net::Connector;
use telerad_routing::{
    DeliveryRecord, StaleReason, StudyFacts, StudyMark, after_outage, set_stale,
};
use telerad_store::{Effect, Expectation, ParkedItem, ParkedKind, StoreError};
use telerad_worklist::{OrderKey, OrderRecord, StepStatus};

use super::Worker;
use crate::event::Event;
use crate::state::State;

impl<C: Connector> Worker<C> {
    /// Parks what was reported or cancelled while the destination was down, before anything is sent to it again. One
    /// item for a person for each study.
    ///
    /// # Errors
    /// When the store cannot be read or written. The outage is not over then, and all of this is done again.
    pub(super) async fn park_stale(&self, began: Timestamp) -> Result<(), StoreError> {
        let mut after: Option<(SiteId, String)> = None;
        loop {
            let from = after.as_ref().map(|(site, study)| (site, study.as_str()));
            let store = &self.state.environment.store;
            let studies = store.pending_studies(&self.queue.id, from, PAGE).await?;
            let Some(last) = studies.last().cloned() else { return Ok(()) };
            for (site, study) in &studies {
                if self.shutdown.is_requested() {
                    return Ok(());
                }
                if !study.is_empty() {
                    self.park_stale_study(site, study, began).await?;
                }
            }
            after = Some(last);
        }
    }

    async fn park_stale_study(
        &self,
        site: &SiteId,
        study: &str,
        began: Timestamp,
    ) -> Result<(), StoreError> {
        let store = &self.state.environment.store;
        let all = store.deliveries_of_study(site, study).await?;
        let Some(facts) = facts(&self.state, site, &all).await? else { return Ok(()) };
        let stale: Vec<(&DeliveryRecord, StaleReason)> = all
            .iter()
            .filter(|it| it.key.destination == self.queue.id)
            .filter_map(|it| after_outage(it, facts, began).map(|reason| (it, reason)))
            .collect();
        let Some((_, reason)) = stale.first().copied() else { return Ok(()) };
        let (destination, instances) = (self.queue.id.clone(), stale.len());
        let evidence = format!("{destination}: {instances} instances: {reason}");
        let mut effects = vec![
            self.state.journal(site, study, "study waits after an outage", &evidence),
            Effect::Park(ParkedItem {
                id: self.state.new_id(),
                site: site.clone(),
                kind: ParkedKind::Instance,
                reason: "study waits after an outage".to_owned(),
                evidence,
                subject: study.to_owned(),
                parked_at: self.state.now(),
            }),
        ];
        for (delivery, reason) in stale {
            effects.push(Effect::Expect(Expectation::DeliveryPending(delivery.key.clone())));
            effects.push(Effect::Delivery(set_stale(delivery, reason)));
        }
        match self.state.commit(effects).await {
            // A person has changed the study at this moment: they have seen it.
            Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => {
                // Whoever has taken some of it gives it back.
                self.queue.bell.change();
                tracing::warn!(%destination, study_instance_uid = study, instances, "study waits for a person: {reason}");
                self.state.tell(Event::StudyWaits {
                    site: site.clone(),
                    study_instance_uid: study.to_owned(),
                    destination,
                    instances,
                    cause: reason.as_str(),
                });
                Ok(())
            }
        }
    }
}

/// What happened to the order that a study is linked to; `None` when it is linked to none.
async fn facts(
    state: &State,
    site: &SiteId,
    deliveries: &[DeliveryRecord],
) -> Result<Option<StudyFacts>, StoreError> {
    let linked = deliveries.iter().find_map(|delivery| match &delivery.mark {
        StudyMark::Matched { order_key } => Some(order_key),
        StudyMark::Mismatch { .. } | StudyMark::Unmatched => None,
    });
    let Some(key) = linked else { return Ok(None) };
    let store = &state.environment.store;
    let reports = store.reports_of_order(site, key).await?;
    let reported_at =
        reports.iter().filter_map(|it| it.current()).map(|version| version.received_at).max();
    let orders = store.orders(site, &[OrderKey::from_text(key)]).await?;
    let cancelled_at = orders.iter().find(|it| is_cancelled(it)).map(|it| it.updated_at);
    Ok(Some(StudyFacts { cancelled_at, reported_at }))
}

/// Whether nothing of an order is to be done any more, and it is not because all was done.
fn is_cancelled(order: &OrderRecord) -> bool {
    let given_up = |status| matches!(status, StepStatus::Canceled | StepStatus::Discontinued);
    !order.steps.is_empty() && order.steps.iter().all(|step| given_up(step.status))
}

/// Studies looked at between two reads.
const PAGE: usize = 256;
