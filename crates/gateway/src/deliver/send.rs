//! One association's worth of deliveries.

use std::collections::VecDeque;

use telerad_dicom::Status;
use telerad_dimse::plan_contexts;
use telerad_net::Connector;
use telerad_net::dicom::{
    AssociationFault, ClientAssociation, PoolError, Pooled, StoreError as SendError, StoreRequest,
};
use telerad_routing::{DeliveryOutcome, DeliveryRecord, FaultScope, ResendPolicy};
use telerad_store::StoreError;

use super::ledger::Finished;
use super::queue::{BATCH_MAX, Batch};
use super::{LINGER, LOOK_AGAIN, Then, Worker};
use crate::faults;
use crate::source::SpoolSource;

impl<C: Connector> Worker<C> {
    /// Sends a batch over one association. Every outcome is recorded while the next instance is on its way. Ends early
    /// when something more urgent has come, when what was queued has changed, or when an outcome cannot be recorded.
    pub(super) async fn deliver(&self, batch: Batch) -> Then {
        let batch = match self.without_refused_classes(batch).await {
            Ok(batch) => batch,
            Err(_) => return Then::Pause(LOOK_AGAIN),
        };
        let batch = match self.without_found(batch).await {
            Ok(batch) if batch.deliveries.is_empty() => return Then::Continue,
            Ok(batch) => batch,
            Err(_) => return Then::Pause(LOOK_AGAIN),
        };
        if let Some(Err(at)) =
            batch.deliveries.front().map(|first| self.queue.admit(first, self.state.now()))
        {
            return Then::RestUntil(at);
        }
        let needs: Vec<(String, String)> = batch
            .deliveries
            .iter()
            .map(|it| (it.sop_class_uid.clone(), it.transfer_syntax_uid.clone()))
            .collect();
        if batch.deliveries.len() == BATCH_MAX {
            // There may be more: wake a worker that rests. Not before something leaves, or the one that is woken is this one.
            self.queue.bell.wake();
        }
        // A batch is far below the 128 contexts of an association, so the plan is always one.
        let contexts = plan_contexts(&needs).into_iter().next().unwrap_or_default();
        let association = match self.pool.checkout(&self.queue.peer, contexts).await {
            Ok(association) => association,
            Err(error) => {
                batch.deliveries.iter().take(1).for_each(|first| self.queue.not_left(first));
                return self.no_association(&error).await;
            }
        };
        self.learn(&association);
        self.send_all(association, batch).await
    }

    /// Sends a batch of which the first has been admitted.
    async fn send_all(&self, mut association: Pooled, batch: Batch) -> Then {
        let mut finished: Option<Finished> = None;
        let mut held_there = Vec::new();
        let (mut then, mut is_admitted) = (Then::Continue, true);
        for delivery in batch.deliveries {
            if self.shutdown.is_requested()
                || self.queue.bell.overtakes(&batch.mark, delivery.priority)
            {
                if is_admitted {
                    self.queue.not_left(&delivery);
                }
                break;
            }
            if !std::mem::take(&mut is_admitted)
                && let Err(at) = self.queue.admit(&delivery, self.state.now())
            {
                then = Then::RestUntil(at);
                break;
            }
            let ((outcome, is_second), recorded) =
                tokio::join!(self.send(&mut association, &delivery), self.record(finished.take()));
            let goes_on = self.look_at(&delivery, &outcome)
                || (is_unread(&outcome) && association.is_usable());
            match self.must_compare(&outcome) {
                Some(answer) => held_there.push((delivery, answer)),
                None => {
                    let tried = self.finish(delivery, outcome);
                    finished = Some(if is_second { tried.sent_twice() } else { tried });
                }
            }
            if recorded.is_err() {
                then = Then::Pause(LOOK_AGAIN);
                break;
            }
            if !goes_on || self.queue.shared().breaker.down_since().is_some() {
                break;
            }
        }
        // Whoever comes next may have it while this is recorded.
        drop(association);
        if self.record(finished).await.is_err() || self.compare_all(held_there).await.is_err() {
            return Then::Pause(LOOK_AGAIN);
        }
        then
    }

    /// Whether the next one may be sent on the same association.
    fn look_at(&self, delivery: &DeliveryRecord, outcome: &DeliveryOutcome) -> bool {
        // What is said when the association is opened is of the class. A status is of one instance: others of its class are
        // asked for all the same, or one odd instance would keep a whole study from its readers without a word.
        if matches!(outcome, DeliveryOutcome::ClassNotTaken { .. }) {
            let now = self.state.now();
            self.state
                .refusals
                .of(&self.queue.id, |it| it.on_refused(&delivery.sop_class_uid, now));
        }
        let unsent = matches!(
            outcome,
            DeliveryOutcome::ClassNotTaken { .. }
                | DeliveryOutcome::Refused { .. }
                | DeliveryOutcome::SyntaxNotTaken { .. }
        ) || is_unread(outcome);
        if unsent {
            self.queue.not_left(delivery);
        }
        leaves_others_alone(outcome)
    }

    /// Settles at once what the destination said a while ago that it does not take.
    ///
    /// # Errors
    /// When that could not be recorded.
    async fn without_refused_classes(&self, batch: Batch) -> Result<Batch, StoreError> {
        let now = self.state.now();
        let (refused, wanted): (Vec<DeliveryRecord>, VecDeque<DeliveryRecord>) =
            self.state.refusals.of(&self.queue.id, |known| {
                let is_refused = |it: &DeliveryRecord| known.is_refused(&it.sop_class_uid, now);
                let (mut refused, mut wanted) = (Vec::new(), VecDeque::new());
                for delivery in batch.deliveries {
                    if is_refused(&delivery) {
                        refused.push(delivery);
                    } else {
                        wanted.push_back(delivery);
                    }
                }
                (refused, wanted)
            });
        for delivery in refused {
            // It was not asked: that says nothing of whether it works now.
            let reason = format!("SOP class {} was refused before", delivery.sop_class_uid);
            let finished = self.finish_unasked(delivery, DeliveryOutcome::ClassNotTaken { reason });
            self.record(Some(finished)).await?;
        }
        Ok(Batch { deliveries: wanted, mark: batch.mark })
    }

    /// Remembers which classes the peer takes.
    fn learn(&self, association: &ClientAssociation) {
        let accepted = association.accepted();
        self.state.refusals.of(&self.queue.id, |known| {
            accepted.iter().for_each(|context| known.on_taken(&context.abstract_syntax));
        });
        let mut shared = self.queue.shared();
        for context in accepted {
            if shared.taken.len() < CLASSES_MAX {
                shared.taken.insert(context.abstract_syntax.clone());
            }
        }
    }

    /// The peer was not reached, or would have no association.
    async fn no_association(&self, error: &PoolError) -> Then {
        let PoolError::Association(error) = error else {
            // Another worker has begun to stop. It says nothing of the destination.
            tracing::debug!(destination = %self.queue.id, "no association: {error}");
            return Then::Rest;
        };
        if let AssociationFault::Rejected(rejection) = &error.fault {
            let (idle, now) = (self.pool.counts().idle, self.state.now());
            if self.queue.shared().places.is_limit(faults::rejection(rejection), idle, now) {
                tracing::info!(destination = %self.queue.id, "bears no more associations: {error}");
                // What is idle is released by then.
                return Then::Pause(LINGER);
            }
        }
        self.note_failure(error).await
    }

    /// What came of one try, and whether it was sent twice in it.
    async fn send(
        &self,
        association: &mut Pooled,
        delivery: &DeliveryRecord,
    ) -> (DeliveryOutcome, bool) {
        let error = match self.send_once(association, delivery).await {
            Ok(outcome) => return (outcome, false),
            Err(error) => error,
        };
        // A peer that has closed what it saw idle is not down, and storing twice is storing once.
        // Unless the site says otherwise: it may have come all the same.
        let repeats = self.queue.resend == ResendPolicy::Repeat;
        if repeats && error.association_fault().is_some_and(|fault| association.is_stale(fault)) {
            match self.pool.renew(association).await {
                Ok(()) => {
                    let again = self.send_once(association, delivery).await;
                    return (again.unwrap_or_else(|error| faults::outcome(&error)), true);
                }
                Err(renewal) => {
                    tracing::debug!(destination = %self.queue.id, "no association: {renewal}");
                }
            }
        }
        (faults::outcome(&error), false)
    }

    /// # Errors
    /// When there is no answer.
    async fn send_once(
        &self,
        association: &mut ClientAssociation,
        delivery: &DeliveryRecord,
    ) -> Result<DeliveryOutcome, SendError> {
        let took_class = self.queue.shared().taken.contains(&delivery.sop_class_uid);
        if let Some(outcome) = faults::negotiated(
            delivery,
            association.proposed(),
            association.accepted(),
            association.refused(),
            took_class,
        ) {
            return Ok(outcome);
        }
        let reader = match self.state.environment.payloads.open(&delivery.digest).await {
            Ok(reader) => reader,
            Err(error) => return Ok(faults::unreadable(&error)),
        };
        let request = StoreRequest {
            message_id: 0,
            sop_class_uid: delivery.sop_class_uid.clone(),
            sop_instance_uid: delivery.key.sop_instance_uid.as_str().to_owned(),
            transfer_syntax_uid: delivery.transfer_syntax_uid.clone(),
            move_originator: None,
        };
        let answer = association.store(&request, SpoolSource(reader)).await?;
        let class = &delivery.sop_class_uid;
        if answer.is_delivered() {
            let mut shared = self.queue.shared();
            if shared.stored.len() < CLASSES_MAX {
                shared.stored.insert(class.clone());
            }
        } else if answer.status() == Status::SOP_CLASS_NOT_SUPPORTED
            && self.queue.shared().stored.contains(class)
        {
            let reason = format!(
                "the peer answered status 0122H, as if it did not take SOP class {class}, of which it has stored others"
            );
            return Ok(DeliveryOutcome::Refused { scope: FaultScope::Instance, reason });
        }
        Ok(self.answered(answer))
    }
}

/// Whether the next instance of the batch may be sent on the same association: not after a fault that broke it.
fn leaves_others_alone(outcome: &DeliveryOutcome) -> bool {
    matches!(outcome.scope(), None | Some(FaultScope::Busy | FaultScope::Instance))
}

/// Whether our own spool kept the instance from being sent. Before its first byte that leaves the association as it was.
fn is_unread(outcome: &DeliveryOutcome) -> bool {
    outcome.scope() == Some(FaultScope::Local)
}

/// DICOM has fewer storage classes; private ones come from outside, and there is no end to them.
const CLASSES_MAX: usize = 1024;
