//! One association's worth of deliveries.

use telerad_dimse::plan_contexts;
use telerad_net::Connector;
use telerad_net::dicom::{
    ClientAssociation, PoolError, Pooled, StoreError as SendError, StoreRequest,
};
use telerad_routing::{
    Breaker, BreakerState, DeliveryOutcome, DeliveryRecord, DeliveryState, FaultScope, settle,
};
use telerad_store::{Effect, ParkedItem, ParkedKind, StoreError};

use super::{BATCH_MAX, Worker};
use crate::event::Event;
use crate::faults;
use crate::source::SpoolSource;

impl<C: Connector> Worker<C> {
    /// Sends a batch over one association. Every outcome is recorded while the next instance is on its way.
    ///
    /// # Errors
    /// When an outcome could not be recorded; the rest of the batch was left alone.
    pub(super) async fn deliver(&self, batch: Vec<DeliveryRecord>) -> Result<(), StoreError> {
        if batch.len() == BATCH_MAX {
            // There may be more: wake a worker that rests.
            self.lane.bell.notify_one();
        }
        let needs: Vec<(String, String)> = batch
            .iter()
            .map(|it| (it.sop_class_uid.clone(), it.transfer_syntax_uid.clone()))
            .collect();
        // A batch is far below the 128 contexts of an association, so the plan is always one.
        let contexts = plan_contexts(&needs).into_iter().next().unwrap_or_default();
        let mut association = match self.pool.checkout(&self.lane.peer, contexts).await {
            Ok(association) => association,
            Err(PoolError::Association(error)) => {
                let (now, random) = (self.state.now(), self.state.environment.rng.next_u64());
                let fault = |breaker: &mut Breaker| {
                    breaker.on_fault(faults::scope(&error), now, random);
                };
                self.note(fault, &error.to_string());
                return Ok(());
            }
            Err(error) => {
                // Another worker has begun to stop. It says nothing of the destination.
                tracing::debug!(destination = %self.lane.id, "no association: {error}");
                return Ok(());
            }
        };
        let mut settled: Option<DeliveryRecord> = None;
        for delivery in batch {
            if self.shutdown.is_requested() {
                break;
            }
            let (outcome, recorded) =
                tokio::join!(self.send(&mut association, &delivery), self.record(settled.take()));
            settled = Some(self.settle(&delivery, &outcome));
            if recorded.is_err() || !leaves_others_alone(&outcome) {
                break;
            }
        }
        // Whoever comes next may have it while this is recorded.
        drop(association);
        self.record(settled).await
    }

    async fn send(&self, association: &mut Pooled, delivery: &DeliveryRecord) -> DeliveryOutcome {
        let error = match self.send_once(association, delivery).await {
            Ok(outcome) => return outcome,
            Err(error) => error,
        };
        // A peer that has closed what it saw idle is not down, and storing twice is storing once.
        if error.association_fault().is_some_and(|fault| association.is_stale(fault)) {
            match self.pool.renew(association).await {
                Ok(()) => {
                    let again = self.send_once(association, delivery).await;
                    return again.unwrap_or_else(|error| faults::outcome(&error));
                }
                Err(renewal) => {
                    tracing::debug!(destination = %self.lane.id, "no association: {renewal}");
                }
            }
        }
        faults::outcome(&error)
    }

    /// # Errors
    /// When there is no answer.
    async fn send_once(
        &self,
        association: &mut ClientAssociation,
        delivery: &DeliveryRecord,
    ) -> Result<DeliveryOutcome, SendError> {
        if let Some(outcome) = faults::negotiated(
            delivery,
            association.proposed(),
            association.accepted(),
            association.refused(),
        ) {
            return Ok(outcome);
        }
        let reader = match self.state.environment.payloads.open(&delivery.digest).await {
            Ok(reader) => reader,
            Err(error) => {
                return Ok(DeliveryOutcome::Refused {
                    scope: FaultScope::Local,
                    reason: format!("payload cannot be read: {error}"),
                });
            }
        };
        let request = StoreRequest {
            message_id: 0,
            sop_class_uid: delivery.sop_class_uid.clone(),
            sop_instance_uid: delivery.key.sop_instance_uid.as_str().to_owned(),
            transfer_syntax_uid: delivery.transfer_syntax_uid.clone(),
            move_originator: None,
        };
        let answer = association.store(&request, SpoolSource(reader)).await?;
        Ok(DeliveryOutcome::Answered(answer))
    }

    /// The delivery's next state, and what the outcome says of the destination.
    fn settle(&self, delivery: &DeliveryRecord, outcome: &DeliveryOutcome) -> DeliveryRecord {
        let (now, random) = (self.state.now(), self.state.environment.rng.next_u64());
        let settled = settle(delivery, outcome, &self.lane.policy, now, random);
        let cause = settled.last_fault.as_deref().unwrap_or("no reason given");
        self.note(|breaker| breaker.observe(outcome, now, random), cause);
        settled
    }

    /// Records an outcome, and tells of it once it is durable.
    async fn record(&self, settled: Option<DeliveryRecord>) -> Result<(), StoreError> {
        let Some(settled) = settled else { return Ok(()) };
        let mut effects = self.reports_to_people(&settled);
        effects.push(Effect::Delivery(settled.clone()));
        match self.state.commit(effects).await {
            Ok(_) => {
                self.tell(&settled);
                Ok(())
            }
            Err(error) => {
                // The peer may have it, the ledger does not know: it will be sent again, which is harmless.
                let uid = &settled.key.sop_instance_uid;
                tracing::error!(destination = %self.lane.id, sop_instance_uid = %uid, "outcome not stored: {error}");
                Err(error)
            }
        }
    }

    /// What a person has to see, in the same transaction as the delivery that it is about.
    fn reports_to_people(&self, settled: &DeliveryRecord) -> Vec<Effect> {
        let (word, needs_person) = match settled.state {
            DeliveryState::Failed { .. } => ("delivery failed", true),
            DeliveryState::Parked { .. } => ("delivery parked", true),
            DeliveryState::NotWanted { .. } => ("not wanted", false),
            DeliveryState::Held { .. } | DeliveryState::Pending | DeliveryState::Sent { .. } => {
                return Vec::new();
            }
        };
        let (site, uid) = (&settled.key.site, settled.key.sop_instance_uid.as_str());
        let evidence = format!("{}: {}", self.lane.id, cause(settled));
        let mut effects = vec![self.state.journal(site, uid, word, &evidence)];
        if needs_person {
            effects.push(Effect::Park(ParkedItem {
                id: self.state.new_id(),
                site: site.clone(),
                kind: ParkedKind::Instance,
                reason: word.to_owned(),
                evidence,
                subject: uid.to_owned(),
                parked_at: self.state.now(),
            }));
        }
        effects
    }

    fn tell(&self, settled: &DeliveryRecord) {
        let sop_instance_uid = settled.key.sop_instance_uid.clone();
        let destination = self.lane.id.clone();
        let cause = cause(settled);
        match &settled.state {
            DeliveryState::Sent { .. } => {
                tracing::info!(%destination, %sop_instance_uid, bytes = settled.bytes, "instance delivered");
                self.state.tell(Event::InstanceDelivered { destination, sop_instance_uid });
            }
            DeliveryState::Held { .. } | DeliveryState::Pending => {
                tracing::warn!(%destination, %sop_instance_uid, "delivery waits: {cause}");
            }
            DeliveryState::Failed { .. } | DeliveryState::Parked { .. } => {
                tracing::error!(%destination, %sop_instance_uid, "delivery needs a person: {cause}");
                let cause = cause.to_owned();
                self.state.tell(Event::InstanceFailed { destination, sop_instance_uid, cause });
            }
            DeliveryState::NotWanted { .. } => {
                tracing::warn!(%destination, %sop_instance_uid, "not wanted: {cause}");
                let cause = cause.to_owned();
                self.state.tell(Event::InstanceNotWanted { destination, sop_instance_uid, cause });
            }
        }
    }

    /// Changes the breaker, and tells when the destination went down or came back.
    fn note(&self, change: impl FnOnce(&mut Breaker), cause: &str) {
        let (was_open, is_open) = {
            let breaker = &mut self.lane.shared().breaker;
            let was_open = breaker.state() != BreakerState::Closed;
            change(breaker);
            (was_open, breaker.state() != BreakerState::Closed)
        };
        let destination = self.lane.id.clone();
        if is_open && !was_open {
            tracing::warn!(%destination, "destination down, queue waits: {cause}");
            self.state.tell(Event::DestinationDown { destination, cause: cause.to_owned() });
        } else if was_open && !is_open {
            tracing::info!(%destination, "destination answers again");
            self.state.tell(Event::DestinationUp { destination });
            self.lane.bell.notify_one();
        }
    }
}

fn cause(settled: &DeliveryRecord) -> &str {
    match &settled.state {
        DeliveryState::Failed { reason, .. } | DeliveryState::Parked { reason } => reason,
        _ => settled.last_fault.as_deref().unwrap_or("no reason given"),
    }
}

/// Whether the next instance of the batch may be sent on the same association. Not after a fault that broke it, and not to
/// a peer that is out of resources: it would only refuse the next one too.
fn leaves_others_alone(outcome: &DeliveryOutcome) -> bool {
    matches!(outcome.scope(), None | Some(FaultScope::Instance))
}
