//! Answers that were lost, and a peer that already has what it is sent.

use std::collections::VecDeque;

use telerad_dicom::{DataSet, PeerAnswer, Status, tags, uids};
use telerad_dimse::plan_contexts;
use telerad_net::Connector;
use telerad_net::dicom::PoolError;
use telerad_routing::{
    DeliveryOutcome, DeliveryRecord, DuplicateStep, InstanceRecord, NextStep, next_step,
};
use telerad_store::StoreError;

use super::Worker;
use super::queue::Batch;

impl<C: Connector> Worker<C> {
    /// Settles what the peer has already, as it says when it is asked (C-FIND). What it does not list, and what it cannot
    /// be asked about, is sent again.
    ///
    /// # Errors
    /// When that could not be recorded.
    pub(super) async fn without_found(&self, batch: Batch) -> Result<Batch, StoreError> {
        let mut to_send = VecDeque::new();
        for delivery in batch.deliveries {
            let verify = next_step(&delivery, self.queue.resend) == NextStep::Verify;
            match if verify { self.look_for(&delivery).await? } else { None } {
                Some(answer) => {
                    let found = DeliveryOutcome::Found(answer);
                    self.record(Some(self.finish(delivery, found))).await?;
                }
                None => to_send.push_back(delivery),
            }
        }
        Ok(Batch { deliveries: to_send, mark: batch.mark })
    }

    /// The peer's answer to a question for this one instance, when it lists it.
    async fn look_for(&self, delivery: &DeliveryRecord) -> Result<Option<PeerAnswer>, StoreError> {
        let uid = &delivery.key.sop_instance_uid;
        let sent = self.sent_version(delivery).await?;
        let Some(identifier) = sent.as_ref().and_then(|sent| image_level(delivery, sent)) else {
            return Ok(None);
        };
        match self.ask_for(&identifier, uid.as_str()).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                tracing::info!(destination = %self.queue.id, sop_instance_uid = %uid, "cannot be asked, sent again: {error}");
                Ok(None)
            }
        }
    }

    /// The version of an instance that is to be sent.
    pub(super) async fn sent_version(
        &self,
        delivery: &DeliveryRecord,
    ) -> Result<Option<InstanceRecord>, StoreError> {
        let (site, uid) = (&delivery.key.site, &delivery.key.sop_instance_uid);
        let versions = self.state.environment.store.versions(site, uid).await?;
        Ok(versions.into_iter().find(|version| version.digest == delivery.digest))
    }

    async fn ask_for(
        &self,
        identifier: &DataSet,
        uid: &str,
    ) -> Result<Option<PeerAnswer>, PoolError> {
        let syntaxes = [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN];
        let needs = syntaxes.map(|syntax| (uids::STUDY_ROOT_FIND, syntax));
        let contexts = plan_contexts(&needs).into_iter().next().unwrap_or_default();
        let mut association = self.pool.checkout(&self.queue.peer, contexts).await?;
        let mut answers = association.find(uids::STUDY_ROOT_FIND, identifier).await?;
        let mut is_listed = false;
        // Peers that ignore a key answer with more than was asked for.
        while let Some(answer) = answers.next().await {
            is_listed |= answer?.data_set.text(tags::SOP_INSTANCE_UID).as_deref() == Some(uid);
        }
        // The final response has come by then; which of our messages it answered the stream does not tell.
        let listed = answers.status().filter(|status| is_listed && *status == Status::SUCCESS);
        Ok(listed.map(|status| PeerAnswer::from_response(status, 0)))
    }

    /// What an answer to a C-STORE is worth.
    pub(super) fn answered(&self, answer: PeerAnswer) -> DeliveryOutcome {
        if answer.status() != Status::DUPLICATE_SOP_INSTANCE {
            return DeliveryOutcome::Answered(answer);
        }
        let held = match self.queue.duplicates.step() {
            DuplicateStep::Settle(held) => held,
            // Looked into when the association is free for others.
            DuplicateStep::Compare => return DeliveryOutcome::Answered(answer),
        };
        DeliveryOutcome::Duplicate { answer, held }
    }

    /// The answer "I have it already" where what the peer has is to be compared with what it was sent.
    pub(super) fn must_compare(&self, outcome: &DeliveryOutcome) -> Option<PeerAnswer> {
        match outcome {
            DeliveryOutcome::Answered(answer)
                if answer.status() == Status::DUPLICATE_SOP_INSTANCE
                    && self.queue.duplicates.step() == DuplicateStep::Compare =>
            {
                Some(*answer)
            }
            _ => None,
        }
    }
}

/// What names one instance to a peer that is asked; `None` when it is in no study or series.
pub(super) fn image_level(delivery: &DeliveryRecord, sent: &InstanceRecord) -> Option<DataSet> {
    let series = sent.head.series_instance_uid.as_ref()?;
    if delivery.study_instance_uid.is_empty() {
        return None;
    }
    // PS3.4 section C.4.1: the unique keys of every level above are named.
    let mut identifier = DataSet::new();
    identifier.set_text(tags::QUERY_RETRIEVE_LEVEL, "IMAGE");
    identifier.set_text(tags::STUDY_INSTANCE_UID, &delivery.study_instance_uid);
    identifier.set_text(tags::SERIES_INSTANCE_UID, series.as_str());
    identifier.set_text(tags::SOP_INSTANCE_UID, delivery.key.sop_instance_uid.as_str());
    Some(identifier)
}
