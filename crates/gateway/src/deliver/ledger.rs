//! What became of a delivery: noted by the breaker, recorded in the ledger, and told once it is durable.

use telerad_core::Timestamp;
use telerad_net::Connector;
use telerad_net::dicom::AssociationError;
use telerad_routing::{
    Breaker, BreakerState, DeliveryOutcome, DeliveryRecord, DeliveryState, HeldContent, settle,
};
use telerad_store::{Effect, Expectation, JournalEntry, ParkedItem, ParkedKind, StoreError};

use super::{Then, Worker};
use crate::event::Event;
use crate::faults;

/// A delivery that was tried, still to be recorded.
pub(super) struct Finished {
    delivery: DeliveryRecord,
    outcome: DeliveryOutcome,
    at: Timestamp,
    random: u64,
    /// Why it was sent although it may have arrived before.
    again: Option<&'static str>,
}

impl Finished {
    /// It was sent twice in this one try.
    pub(super) fn sent_twice(mut self) -> Self {
        self.again = Some("the association was closed before an answer came");
        self
    }
}

impl<C: Connector> Worker<C> {
    /// Notes at once what an outcome says of the destination; the rest is for [`Self::record`].
    pub(super) fn finish(&self, delivery: DeliveryRecord, outcome: DeliveryOutcome) -> Finished {
        let (at, random) = (self.state.now(), self.state.environment.rng.next_u64());
        let settled = settle(&delivery, &outcome, &self.queue.policy, at, random);
        let cause = settled.last_fault.as_deref().unwrap_or("no reason given");
        let instance = &delivery.key.sop_instance_uid;
        self.note(|breaker| breaker.observe(instance, &outcome, at, random), cause);
        let again = self.why_again(&delivery).filter(|_| outcome.was_sent());
        Finished { delivery, outcome, at, random, again }
    }

    /// An outcome that was known without asking the destination.
    pub(super) fn finish_unasked(
        &self,
        delivery: DeliveryRecord,
        outcome: DeliveryOutcome,
    ) -> Finished {
        let (at, random) = (self.state.now(), self.state.environment.rng.next_u64());
        Finished { delivery, outcome, at, random, again: None }
    }

    /// Why an instance that is sent now may have arrived before.
    fn why_again(&self, delivery: &DeliveryRecord) -> Option<&'static str> {
        if self.queue.shared().unrecorded.contains(&delivery.key) {
            return Some("its answer could not be recorded");
        }
        delivery.unknown_since.map(|_| "its answer was lost")
    }

    /// Records an outcome, and tells of it once it is durable.
    ///
    /// # Errors
    /// When it could not be recorded: the peer may have the instance and the ledger does not know. It is sent again,
    /// which is harmless.
    pub(super) async fn record(&self, finished: Option<Finished>) -> Result<(), StoreError> {
        let Some(finished) = finished else { return Ok(()) };
        let key = finished.delivery.key.clone();
        let uid = &key.sop_instance_uid;
        let was_sent = finished.outcome.was_sent();
        let written = self.write(finished).await;
        let is_lost = written.as_ref().is_err_and(|it| !matches!(it, StoreError::Conflict { .. }));
        self.queue.shared().note_written(&key, was_sent && is_lost);
        match written {
            // Somebody has ended it meanwhile: a person took it back, or its study moved.
            Err(StoreError::Conflict { .. }) => {
                tracing::info!(destination = %self.queue.id, sop_instance_uid = %uid, "outcome of a delivery that is no longer pending");
                Ok(())
            }
            Err(error) => {
                tracing::error!(destination = %self.queue.id, sop_instance_uid = %uid, "outcome not stored: {error}");
                Err(error)
            }
            Ok(()) => {
                self.queue.save(&self.state).await;
                Ok(())
            }
        }
    }

    async fn write(&self, finished: Finished) -> Result<(), StoreError> {
        let Finished { delivery, outcome, at, random, again } = finished;
        let key = delivery.key.clone();
        let again = again.map(|why| {
            let detail = format!("{}: {why}", self.queue.id);
            let uid = key.sop_instance_uid.as_str();
            self.state.journal(&key.site, uid, JournalEntry::SENT_AGAIN, &detail)
        });
        let is_sent = outcome.scope().is_none();
        // That the peer has it is true whatever was decided meanwhile. Anything else is settled on what the ledger says
        // now: the delivery may have become more urgent, held, or unwanted while it was on its way.
        let current = if is_sent {
            delivery
        } else {
            let known = self.state.environment.store.delivery(&key).await?;
            known.filter(|known| known.digest == delivery.digest).unwrap_or(delivery)
        };
        let settled = settle(&current, &outcome, &self.queue.policy, at, random);
        if settled == current {
            // Ended meanwhile; that it went out once more is true all the same.
            if let Some(again) = again {
                self.state.commit(vec![again]).await?;
            }
            return Ok(());
        }
        let mut effects = Vec::from_iter(again);
        if !is_sent {
            effects.push(Effect::Expect(Expectation::DeliveryPending(key)));
        }
        effects.extend(self.reports_to_people(&settled, &outcome));
        effects.push(Effect::Delivery(settled.clone()));
        self.state.commit(effects).await?;
        self.state.answers.note(&settled, &outcome);
        self.tell(&settled, &outcome);
        Ok(())
    }

    /// What a person has to see, in the same transaction as the delivery that it is about.
    fn reports_to_people(
        &self,
        settled: &DeliveryRecord,
        outcome: &DeliveryOutcome,
    ) -> Vec<Effect> {
        let (word, needs_person) = match settled.state {
            DeliveryState::Failed { .. } => (FAILED, true),
            DeliveryState::Parked { .. } if other_content(outcome).is_some() => (CONFLICT, true),
            DeliveryState::Parked { .. } => (PARKED, true),
            DeliveryState::NotWanted { .. } => ("not wanted", false),
            DeliveryState::Held { .. } | DeliveryState::Pending | DeliveryState::Sent { .. } => {
                return Vec::new();
            }
        };
        let (site, uid) = (&settled.key.site, settled.key.sop_instance_uid.as_str());
        let evidence = format!("{}: {}", self.queue.id, cause(settled));
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

    fn tell(&self, settled: &DeliveryRecord, outcome: &DeliveryOutcome) {
        let sop_instance_uid = settled.key.sop_instance_uid.clone();
        let destination = self.queue.id.clone();
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
                if let Some(differs) = other_content(outcome) {
                    self.state.tell(Event::UidConflictAtDestination {
                        site: settled.key.site.clone(),
                        destination: destination.clone(),
                        sop_instance_uid: sop_instance_uid.clone(),
                        differs: differs.to_vec(),
                    });
                }
                self.state.tell(Event::InstanceFailed { destination, sop_instance_uid, cause });
            }
            DeliveryState::NotWanted { .. } => {
                tracing::warn!(%destination, %sop_instance_uid, "not wanted: {cause}");
                let cause = cause.to_owned();
                self.state.tell(Event::InstanceNotWanted { destination, sop_instance_uid, cause });
            }
        }
    }

    /// The peer was not reached, or broke the association before anything was sent.
    pub(super) async fn note_failure(&self, error: &AssociationError) -> Then {
        let (now, random) = (self.state.now(), self.state.environment.rng.next_u64());
        let scope = faults::scope(error);
        self.note(|breaker| breaker.on_fault(scope, now, random), &error.to_string());
        self.queue.save(&self.state).await;
        Then::Continue
    }

    /// The peer works, and nothing waits for it.
    pub(super) async fn note_success(&self) -> Then {
        self.note(Breaker::on_success, "");
        self.queue.save(&self.state).await;
        Then::Continue
    }

    /// Changes the breaker, and tells when the destination went down or came back.
    pub(super) fn note(&self, change: impl FnOnce(&mut Breaker), cause: &str) {
        let destination = self.queue.id.clone();
        let (before, after, since) = {
            let mut shared = self.queue.shared();
            let (before, since) = (shared.breaker.state(), shared.breaker.down_since());
            change(&mut shared.breaker);
            let after = shared.breaker.state();
            if after != before && !matches!(after, BreakerState::HalfOpen { .. }) {
                shared.is_unsaved = true;
                if after != BreakerState::Closed {
                    cause.clone_into(&mut shared.cause);
                }
            }
            self.state.health.set(&destination, shared.breaker.down_since());
            (before, after, shared.breaker.down_since().or(since))
        };
        let since = since.unwrap_or_else(|| self.state.now());
        if before == BreakerState::Closed && after != BreakerState::Closed {
            tracing::warn!(%destination, "destination down, queue waits: {cause}");
            let cause = cause.to_owned();
            self.state.tell(Event::DestinationDown { destination, since, cause });
        } else if before != BreakerState::Closed && after == BreakerState::Closed {
            tracing::info!(%destination, "destination answers again");
            self.state.tell(Event::DestinationUp { destination });
            self.queue.bell.wake();
        }
    }
}

fn cause(settled: &DeliveryRecord) -> &str {
    match &settled.state {
        DeliveryState::Failed { reason, .. } | DeliveryState::Parked { reason } => reason,
        _ => settled.last_fault.as_deref().unwrap_or("no reason given"),
    }
}

/// In what the destination's instance of the same UID differs, when it was found to be another.
fn other_content(outcome: &DeliveryOutcome) -> Option<&[String]> {
    match outcome {
        DeliveryOutcome::Duplicate { held: HeldContent::Differs { what }, .. } => Some(what),
        _ => None,
    }
}

/// Reasons of parked items; their evidence begins with the destination, as the desk expects.
pub(crate) const CONFLICT: &str = "uid conflict at destination";
pub(crate) const FAILED: &str = "delivery failed";
pub(crate) const PARKED: &str = "delivery parked";
