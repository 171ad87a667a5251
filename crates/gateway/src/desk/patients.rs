//! Patients who were merged, and messages that may be about another patient.

use telerad_accession::SearchKey;
use telerad_core::{PatientId, SiteId};
use telerad_hl7::Message;
use telerad_store::{Effect, MessageOutcome, MessageRecord, ParkedItem, ParkedKind, StoreError};
use telerad_worklist as worklist;
use telerad_worklist::{POSSIBLE_OVERLAY, undo_merge};

use super::{Desk, DeskError, Signature};
use crate::candidates::put_order;
use crate::event::{Event, Operation};
use crate::handled::Incoming;
use crate::orders::{self, Overlay};
use crate::patients;
use crate::state::DECISIONS_MAX;

impl Desk {
    /// Takes back the merge that ended a patient identifier: the orders that it moved are the prior patient's again, and the
    /// identifier is in use. What came for the surviving patient since stays there. How many orders went back.
    ///
    /// # Errors
    /// [`DeskError::Merge`], [`DeskError::Busy`], [`DeskError::Store`].
    pub async fn unmerge(
        &self,
        site: &SiteId,
        prior: &PatientId,
        signature: &Signature,
    ) -> Result<usize, DeskError> {
        let (state, operation) = (&self.state, Operation::Unmerge);
        let policy = state.directory.accession_policy(site);
        for _ in 0..DECISIONS_MAX {
            let known = patients::known_of_merge(&*state.environment.store, site, prior).await?;
            let mapping = state.directory.mapping(site, "");
            let undone = undo_merge(prior, &known, &mapping, state.now())?;
            let of_prior = known.patients.iter().find(|it| it.patient.primary_id() == Some(prior));
            let merge = of_prior.and_then(|record| record.merge.clone());
            let merge = merge.ok_or(worklist::UndoError::NotMerged)?;
            let count = merge.moved.len();
            let (by, reason) = (signature.by(), signature.reason());
            let detail = format!("by {by}: {reason} ({count} orders)");
            let word = operation.as_str();
            let mut effects = vec![state.journal(site, &patients::subject(prior), word, &detail)];
            for moved in &merge.moved {
                effects.push(state.journal(site, moved.key.as_str(), word, &detail));
            }
            effects.extend(undone.into_iter().map(|effect| match effect {
                worklist::Effect::PutPatient(record) => Effect::Patient(record),
                worklist::Effect::PutOrder(record) => put_order(record, &policy),
            }));
            let orders = keys_of(&effects);
            match state.commit(effects).await {
                Err(StoreError::Conflict { .. }) => continue,
                Err(error) => return Err(error.into()),
                Ok(_) => {}
            }
            for keys in orders {
                state.new_orders.add(site.clone(), keys);
            }
            tracing::info!(%site, control_id = merge.control_id, by, count, "{word}");
            self.decided(site, merge.control_id, operation, by);
            return Ok(count);
        }
        Err(DeskError::Busy)
    }

    /// Says that a message which waits as a possible overlay is about the patient whose identifier it names: it is applied,
    /// name and birth date included where its sender may change them. `item` is the parked item's id. What was delivered
    /// keeps its values.
    ///
    /// # Errors
    /// [`DeskError::NotAnOverlay`], [`DeskError::NotApplied`] when it has to wait for another reason now,
    /// [`DeskError::UnknownMessage`], [`DeskError::Busy`], [`DeskError::Store`].
    pub async fn accept_overlay(
        &self,
        site: &SiteId,
        item: &str,
        signature: &Signature,
    ) -> Result<(), DeskError> {
        let (state, operation) = (&self.state, Operation::AcceptOverlay);
        for _ in 0..DECISIONS_MAX {
            let (item, record) = self.overlay(site, item).await?;
            let message = Message::parse(record.raw.clone());
            let message = message.map_err(|_| DeskError::UnknownMessage)?;
            let incoming = Incoming { id: &record.id, site, message: &message };
            let handled = orders::handle_with(state, incoming, Overlay::Accept).await?;
            match &handled.outcome {
                MessageOutcome::Applied | MessageOutcome::NoChange => {}
                MessageOutcome::Parked(reason) | MessageOutcome::Rejected(reason) => {
                    return Err(DeskError::NotApplied { reason: reason.clone() });
                }
            }
            let control_id = record.control_id.clone();
            let mut effects = vec![Effect::Message(MessageRecord {
                outcome: handled.outcome,
                findings: handled.findings,
                ..record
            })];
            effects.extend(handled.effects);
            effects.extend(self.end_of_wait(site, &item, operation, signature));
            let orders = keys_of(&effects);
            match state.commit(effects).await {
                Err(StoreError::Conflict { .. }) => continue,
                Err(error) => return Err(error.into()),
                Ok(_) => drop(handled.turns),
            }
            for keys in orders {
                state.new_orders.add(site.clone(), keys);
            }
            handled.events.into_iter().for_each(|event| state.tell(event));
            for bell in handled.wake.iter().filter_map(|receiver| state.receiver_bell(receiver)) {
                bell.notify_one();
            }
            self.decided(site, control_id, operation, signature.by());
            return Ok(());
        }
        Err(DeskError::Busy)
    }

    /// Says that a message which waits as a possible overlay is about somebody else: it is not applied. The identifier has to
    /// be put right where it was given twice. `item` is the parked item's id.
    ///
    /// # Errors
    /// [`DeskError::NotAnOverlay`], [`DeskError::UnknownMessage`], [`DeskError::Busy`], [`DeskError::Store`].
    pub async fn refuse_overlay(
        &self,
        site: &SiteId,
        item: &str,
        signature: &Signature,
    ) -> Result<(), DeskError> {
        let operation = Operation::RefuseOverlay;
        let (item, record) = self.overlay(site, item).await?;
        let effects = self.end_of_wait(site, &item, operation, signature);
        match self.state.commit(effects).await {
            Err(StoreError::Conflict { .. }) => return Err(DeskError::Busy),
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        self.decided(site, record.control_id, operation, signature.by());
        Ok(())
    }

    /// A possible overlay that waits, with its message.
    async fn overlay(
        &self,
        site: &SiteId,
        item: &str,
    ) -> Result<(ParkedItem, MessageRecord), DeskError> {
        let store = &self.state.environment.store;
        let item = store.parked_item(site, item).await?;
        let item = item
            .filter(|item| item.kind == ParkedKind::Message && item.reason == POSSIBLE_OVERLAY)
            .ok_or(DeskError::NotAnOverlay)?;
        let record = store.message(&item.subject).await?;
        let record = record.filter(|record| record.site.as_ref() == Some(site));
        Ok((item, record.ok_or(DeskError::UnknownMessage)?))
    }

    fn end_of_wait(
        &self,
        site: &SiteId,
        item: &ParkedItem,
        operation: Operation,
        signature: &Signature,
    ) -> Vec<Effect> {
        let detail = format!("by {}: {}", signature.by(), signature.reason());
        let line = self.state.journal(site, &item.subject, operation.as_str(), &detail);
        vec![Effect::Unpark { id: item.id.clone() }, line]
    }

    fn decided(&self, site: &SiteId, subject: String, operation: Operation, by: &str) {
        let (site, by) = (site.clone(), by.to_owned());
        self.state.tell(Event::Decided { site, subject, operation, by });
    }
}

/// The keys of each order that is written.
fn keys_of(effects: &[Effect]) -> Vec<Vec<SearchKey>> {
    let keys = effects.iter().filter_map(|effect| match effect {
        Effect::Order { keys, .. } => Some(keys.clone()),
        _ => None,
    });
    keys.collect()
}
