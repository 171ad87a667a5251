//! Messages that go out once more, and reports that are told anew.

use telerad_core::SiteId;
use telerad_report::ReportKey;
use telerad_store::{Effect, OutboundMessage, OutboundState, ParkedKind, StoreError};
use telerad_worklist::OrderKey;

use super::{Desk, DeskError, Signature};
use crate::event::{Event, Operation};
use crate::outbox::is_overtaken;
use crate::reports;
use crate::state::DECISIONS_MAX;

impl Desk {
    /// Sends a message that was set aside once more, with all its tries; it waits for a person no longer. `id` is the
    /// gateway's own. It goes to its place in its sequence: before everything that is still queued there. Should a later message
    /// about the same be on its way at this moment, and be answered, it is set aside again.
    ///
    /// # Errors
    /// [`DeskError::NotSetAside`], [`DeskError::Overtaken`] when a later message about the same was answered by the same
    /// receiver, [`DeskError::UnknownMessage`], [`DeskError::Busy`], [`DeskError::Store`].
    pub async fn requeue_message(
        &self,
        site: &SiteId,
        id: &str,
        signature: &Signature,
    ) -> Result<(), DeskError> {
        let store = &self.state.environment.store;
        for _ in 0..DECISIONS_MAX {
            let message = store.outbound(id).await?.filter(|message| message.site == *site);
            let message = message.ok_or(DeskError::UnknownMessage)?;
            if !matches!(message.state, OutboundState::SetAside { .. }) {
                return Err(DeskError::NotSetAside);
            }
            let about_it = store.outbound_about(site, &message.subject).await?;
            if is_overtaken(&message, &about_it) {
                return Err(DeskError::Overtaken);
            }
            let parked = store.parked_about(site, std::slice::from_ref(&message.id)).await?;
            let items = parked.into_iter().filter(|item| item.kind == ParkedKind::Message);
            let unpark = items.map(|item| Effect::Unpark { id: item.id });
            let again = OutboundMessage {
                attempts: 0,
                not_before: self.state.now(),
                round: message.round.saturating_add(1),
                unanswered: None,
                state: OutboundState::Pending,
                ..message.clone()
            };
            let effects = unpark.chain([Effect::Outbound(again)]).collect();
            let (messages, operation) = ([message], Operation::Requeue);
            if self.tell_again(site, &messages, effects, signature, operation).await? {
                return Ok(());
            }
        }
        Err(DeskError::Busy)
    }

    /// Tells everyone who gets reports of this site, or the news of them, of a report as it stands now. How many messages
    /// are queued by this.
    ///
    /// # Errors
    /// [`DeskError::UnknownReport`] also for one whose order is not known, [`DeskError::NothingToSend`],
    /// [`DeskError::Busy`], [`DeskError::Store`].
    pub async fn resend_report(
        &self,
        site: &SiteId,
        report: &ReportKey,
        signature: &Signature,
    ) -> Result<usize, DeskError> {
        let store = &self.state.environment.store;
        let record = store.report(report).await?.filter(|record| record.site == *site);
        let record = record.ok_or(DeskError::UnknownReport)?;
        let key = OrderKey::from_text(&record.order_key);
        let orders = store.orders(site, &[key]).await?;
        let mut orders = orders.into_iter().filter(|order| !order.is_tombstone());
        let order = orders.next().ok_or(DeskError::UnknownReport)?;
        let messages = reports::messages(&self.state, &record, &order.order);
        if messages.is_empty() {
            return Err(DeskError::NothingToSend);
        }
        let effects = messages.iter().cloned().map(Effect::Outbound).collect();
        let written = self.tell_again(site, &messages, effects, signature, Operation::Resend);
        // Nothing is changed that others may have changed.
        if written.await? { Ok(messages.len()) } else { Err(DeskError::Busy) }
    }

    /// Writes, and wakes those who send; false when something came between.
    async fn tell_again(
        &self,
        site: &SiteId,
        messages: &[OutboundMessage],
        mut effects: Vec<Effect>,
        signature: &Signature,
        operation: Operation,
    ) -> Result<bool, DeskError> {
        let (state, word, by) = (&self.state, operation.as_str(), signature.by());
        for message in messages {
            let detail = format!("to {} by {by}: {}", message.destination, signature.reason());
            effects.push(state.journal(site, &message.id, word, &detail));
        }
        match state.commit(effects).await {
            Err(StoreError::Conflict { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        for message in messages {
            if let Some(bell) = state.receiver_bell(&message.destination) {
                bell.notify_one();
            }
            let (site, subject) = (site.clone(), message.control_id.clone());
            tracing::info!(%site, control_id = subject, by, "message {word}");
            if operation == Operation::Requeue {
                let (receiver, control_id) = (message.destination.clone(), subject.clone());
                state.tell(Event::MessageRequeued { receiver, control_id });
            }
            state.tell(Event::Decided { site, subject, operation, by: by.to_owned() });
        }
        Ok(true)
    }
}
