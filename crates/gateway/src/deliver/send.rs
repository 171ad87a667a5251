//! One association's worth of deliveries.

use std::sync::Arc;

use telerad_dimse::plan_contexts;
use telerad_net::Connector;
use telerad_net::dicom::{ClientAssociation, StoreRequest};
use telerad_routing::{
    BreakerState, DeliveryOutcome, DeliveryRecord, DeliveryState, FaultScope, settle,
};
use telerad_store::{Effect, StoreError};

use super::{BATCH_MAX, Worker};
use crate::event::Event;
use crate::faults;
use crate::source::SpoolSource;

impl<C: Connector> Worker<C> {
    /// Sends a batch over one association. Every outcome is recorded while the next instance is on its way.
    pub(super) async fn deliver(&self, batch: Vec<DeliveryRecord>) {
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
        let clock = Arc::clone(&self.state.environment.clock);
        let peer = &self.lane.peer;
        let opened = ClientAssociation::connect_with(&*self.connector, clock, peer, contexts).await;
        let mut association = match opened {
            Ok(association) => association,
            Err(error) => return self.fault(faults::scope(&error), &error.to_string()),
        };
        self.reached();
        let mut settled: Option<DeliveryRecord> = None;
        for delivery in batch {
            if self.shutdown.is_requested() {
                break;
            }
            let (outcome, recorded) =
                tokio::join!(self.send(&mut association, &delivery), self.record(settled.take()));
            let broken = matches!(
                &outcome,
                DeliveryOutcome::Unknown { .. }
                    | DeliveryOutcome::Refused {
                        scope: FaultScope::Association
                            | FaultScope::Destination
                            | FaultScope::Local,
                        ..
                    }
            );
            settled = Some(self.settle(&delivery, &outcome));
            if broken || recorded.is_err() {
                break;
            }
        }
        let _ = self.record(settled).await;
        if let Err(error) = association.release().await {
            tracing::debug!(destination = %self.lane.id, "association not released: {error}");
        }
    }

    async fn send(
        &self,
        association: &mut ClientAssociation,
        delivery: &DeliveryRecord,
    ) -> DeliveryOutcome {
        let reader = match self.state.environment.payloads.open(&delivery.digest).await {
            Ok(reader) => reader,
            Err(error) => {
                return DeliveryOutcome::Refused {
                    scope: FaultScope::Local,
                    reason: format!("payload cannot be read: {error}"),
                };
            }
        };
        let request = StoreRequest {
            message_id: 0,
            sop_class_uid: delivery.sop_class_uid.clone(),
            sop_instance_uid: delivery.key.sop_instance_uid.as_str().to_owned(),
            transfer_syntax_uid: delivery.transfer_syntax_uid.clone(),
            move_originator: None,
        };
        match association.store(&request, SpoolSource(reader)).await {
            Ok(answer) => DeliveryOutcome::Answered(answer),
            Err(error) => faults::outcome(&error),
        }
    }

    /// The delivery's next state, with what listeners and logs are told of it.
    fn settle(&self, delivery: &DeliveryRecord, outcome: &DeliveryOutcome) -> DeliveryRecord {
        let random = self.state.environment.rng.next_u64();
        let settled = settle(delivery, outcome, &self.lane.policy, self.state.now(), random);
        let uid = settled.key.sop_instance_uid.clone();
        let destination = self.lane.id.clone();
        match &settled.state {
            DeliveryState::Sent { .. } => {
                tracing::info!(%destination, sop_instance_uid = %uid, bytes = settled.bytes, "instance delivered");
                self.state.tell(Event::InstanceDelivered { destination, sop_instance_uid: uid });
            }
            DeliveryState::Pending => {
                let cause = settled.last_fault.as_deref().unwrap_or("no reason given");
                tracing::warn!(%destination, sop_instance_uid = %uid, "delivery waits: {cause}");
            }
            DeliveryState::Failed { reason, .. } | DeliveryState::Parked { reason } => {
                let cause = reason.clone();
                tracing::error!(%destination, sop_instance_uid = %uid, "delivery needs a person: {cause}");
                self.state.tell(Event::InstanceFailed {
                    destination,
                    sop_instance_uid: uid,
                    cause,
                });
            }
            DeliveryState::NotWanted => {
                tracing::warn!(%destination, sop_instance_uid = %uid, "destination does not take this SOP class");
            }
        }
        match outcome {
            DeliveryOutcome::Answered(_) => {}
            DeliveryOutcome::Refused { scope, reason } => self.fault(*scope, reason),
            DeliveryOutcome::Unknown { reason } => self.fault(FaultScope::Association, reason),
        }
        settled
    }

    async fn record(&self, settled: Option<DeliveryRecord>) -> Result<(), StoreError> {
        let Some(settled) = settled else { return Ok(()) };
        let uid = settled.key.sop_instance_uid.as_str().to_owned();
        let mut effects = Vec::new();
        if let DeliveryState::Failed { reason, .. } | DeliveryState::Parked { reason } =
            &settled.state
        {
            let detail = format!("{}: {reason}", self.lane.id);
            effects.push(self.state.journal(&settled.key.site, &uid, "delivery failed", &detail));
        }
        effects.push(Effect::Delivery(settled));
        match self.state.commit(effects).await {
            Ok(_) => Ok(()),
            Err(error) => {
                // The peer has it, the ledger does not know: it will be sent again, which is harmless.
                tracing::error!(destination = %self.lane.id, sop_instance_uid = %uid, "outcome not stored: {error}");
                Err(error)
            }
        }
    }

    fn fault(&self, scope: FaultScope, cause: &str) {
        let (now, random) = (self.state.now(), self.state.environment.rng.next_u64());
        let opened = {
            let breaker = &mut self.lane.shared().breaker;
            let was_closed = breaker.state() == BreakerState::Closed;
            breaker.on_fault(scope, now, random);
            was_closed && breaker.state() != BreakerState::Closed
        };
        if opened {
            tracing::warn!(destination = %self.lane.id, "destination down, queue waits: {cause}");
            self.state.tell(Event::DestinationDown {
                destination: self.lane.id.clone(),
                cause: cause.to_owned(),
            });
        }
    }

    fn reached(&self) {
        let closed = {
            let breaker = &mut self.lane.shared().breaker;
            let was_open = breaker.state() != BreakerState::Closed;
            breaker.on_success();
            was_open
        };
        if closed {
            tracing::info!(destination = %self.lane.id, "destination answers again");
            self.state.tell(Event::DestinationUp { destination: self.lane.id.clone() });
            self.lane.bell.notify_one();
        }
    }
}
