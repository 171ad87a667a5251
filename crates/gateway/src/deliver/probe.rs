//! Finding out whether a destination works again: first C-ECHO, then one delivery, then everything.

use telerad_dicom::uids;
use telerad_dimse::plan_contexts;
use telerad_net::Connector;
use telerad_net::dicom::{AssociationFault, PoolError};
use telerad_routing::Permit;

use super::queue::Batch;
use super::{LOOK_AGAIN, Then, Worker};

impl<C: Connector> Worker<C> {
    /// One worker does this while all others wait.
    ///
    /// The association proposes what the delivery needs as well, so that peers which bear a single one are asked for no
    /// second.
    pub(super) async fn probe(&self, permit: Permit) -> Then {
        let batch = match self.queue.take_for_probe(&self.state).await {
            Ok(batch) => batch,
            Err(error) => {
                tracing::error!(destination = %self.queue.id, "cannot read the queue: {error}");
                return Then::Pause(LOOK_AGAIN);
            }
        };
        let claimed = batch.keys();
        let then = self.probe_with(batch, permit).await;
        self.queue.give_back(&claimed);
        then
    }

    async fn probe_with(&self, batch: Batch, permit: Permit) -> Then {
        if permit == Permit::Echo
            && let Err(then) = self.ask(&batch).await
        {
            return then;
        }
        if !batch.deliveries.is_empty() {
            return self.deliver(batch).await;
        }
        // With nothing to send, its word has to do. With something that may be sent later, that shall tell: some answer
        // C-ECHO however full they are.
        match self.state.environment.store.next_due(&self.queue.id).await {
            Ok(None) => self.note_success().await,
            Ok(Some(_)) => Then::Rest,
            Err(error) => {
                tracing::error!(destination = %self.queue.id, "cannot read the queue: {error}");
                Then::Pause(LOOK_AGAIN)
            }
        }
    }

    /// Asks whether the destination is there, and takes the permit to send one instance when it is.
    async fn ask(&self, batch: &Batch) -> Result<(), Then> {
        let verification =
            (uids::VERIFICATION.to_owned(), uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned());
        let needs: Vec<(String, String)> = std::iter::once(verification)
            .chain(
                batch
                    .deliveries
                    .iter()
                    .map(|it| (it.sop_class_uid.clone(), it.transfer_syntax_uid.clone())),
            )
            .collect();
        let contexts = plan_contexts(&needs).into_iter().next().unwrap_or_default();
        match self.pool.checkout(&self.queue.peer, contexts).await {
            Ok(mut association) => match association.echo().await {
                Ok(_) => {}
                // Not every storage peer serves Verification, although PS3.4 section A.1 asks for it. It is there all the
                // same.
                Err(error)
                    if matches!(
                        error.fault,
                        AssociationFault::NoContext { .. } | AssociationFault::Failed(_)
                    ) => {}
                Err(error) => {
                    drop(association);
                    return Err(self.note_failure(&error).await);
                }
            },
            Err(PoolError::Association(error)) => return Err(self.note_failure(&error).await),
            Err(error) => {
                // Another worker has begun to stop. It says nothing of the destination.
                tracing::debug!(destination = %self.queue.id, "no association: {error}");
                return Err(Then::Rest);
            }
        }
        let began = self.queue.shared().breaker.down_since();
        if let Some(began) = began
            && let Err(error) = self.park_stale(began).await
        {
            tracing::error!(destination = %self.queue.id, "cannot look through the queue: {error}");
            return Err(Then::Pause(LOOK_AGAIN));
        }
        let now = self.state.now();
        self.note(
            |breaker| {
                breaker.on_echo();
                // Nobody else may send before this one instance has.
                let _one = breaker.permit(now);
            },
            "",
        );
        Ok(())
    }
}
