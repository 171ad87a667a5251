//! How a receiver does: its breaker, kept across restarts, and who is told of an outage.

use std::time::Duration;

use telerad_core::Timestamp;
use telerad_routing::{
    Breaker, BreakerState, DestinationId, FaultScope, InvalidDestinationId, Permit, RetryPolicy,
};
use telerad_store::{Effect, StoreError};

use crate::event::Event;
use crate::receivers::breaker_id;
use crate::state::State;

/// The breaker of one receiver. HL7 has nothing like C-ECHO: after an outage the first message is the probe.
pub(crate) struct Link {
    receiver: String,
    id: Result<DestinationId, InvalidDestinationId>,
    breaker: Breaker,
    /// The last fault in words.
    cause: String,
    /// The breaker is as an earlier run left it.
    is_restored: bool,
    /// The breaker is not as it was written last.
    is_unsaved: bool,
}

impl Link {
    pub(crate) fn new(receiver: &str) -> Self {
        Self {
            receiver: receiver.to_owned(),
            id: breaker_id(receiver),
            breaker: Breaker::new(RetryPolicy::default()),
            cause: String::new(),
            is_restored: false,
            is_unsaved: false,
        }
    }

    pub(crate) fn is_restored(&self) -> bool {
        self.is_restored
    }

    /// Whether the receiver works, as far as is known.
    pub(crate) fn is_up(&self) -> bool {
        self.breaker.state() == BreakerState::Closed
    }

    /// An outage that an earlier run met goes on until a message is answered.
    pub(crate) async fn restore(&mut self, state: &State) -> Result<(), StoreError> {
        let records = state.environment.store.breakers().await?;
        if let Some(record) = records.iter().find(|it| Ok(&it.destination) == self.id.as_ref()) {
            self.breaker = Breaker::restore(RetryPolicy::default(), record);
            self.cause.clone_from(&record.cause);
        }
        self.is_restored = true;
        Ok(())
    }

    /// How long the receiver is left alone; `None` when it may be tried.
    pub(crate) fn pause(&self, now: Timestamp) -> Option<Duration> {
        let until = self.breaker.retry_at().filter(|_| !self.breaker.may_try(now))?;
        Some(until.since(now))
    }

    /// A message goes out: in an outage whose pause is over it is the probe.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        if self.breaker.permit(now) == Permit::Echo {
            self.breaker.on_echo();
            let _one = self.breaker.permit(now);
        }
    }

    /// Nothing is on its way any more; what showed neither that the receiver works nor that it does not was no probe.
    pub(crate) fn end(&mut self, now: Timestamp) {
        self.breaker.give_back(now);
    }

    pub(crate) fn answered(&mut self, state: &State) {
        self.note(state, Breaker::on_success, "");
    }

    pub(crate) fn fault(&mut self, state: &State, scope: FaultScope, cause: &str) {
        let (now, random) = (state.now(), state.environment.rng.next_u64());
        self.note(state, |breaker| breaker.on_fault(scope, now, random), cause);
    }

    /// Writes the breaker, when it has changed. What cannot be written is written later: it says how a receiver does, not
    /// what became of a message.
    pub(crate) async fn save(&mut self, state: &State) {
        let Ok(id) = &self.id else { return };
        if !self.is_unsaved {
            return;
        }
        let record = self.breaker.record(id, &self.cause);
        match state.commit(vec![Effect::Breaker(record)]).await {
            Ok(_) => self.is_unsaved = false,
            Err(error) => tracing::error!(receiver = %self.receiver, "breaker not stored: {error}"),
        }
    }

    /// Changes the breaker, and tells when the receiver went down or came back.
    fn note(&mut self, state: &State, change: impl FnOnce(&mut Breaker), cause: &str) {
        let (before, receiver) = (self.breaker.state(), self.receiver.clone());
        change(&mut self.breaker);
        let after = self.breaker.state();
        if after == before {
            return;
        }
        self.is_unsaved = true;
        if after == BreakerState::Closed {
            tracing::info!(%receiver, "receiver answers again");
            state.tell(Event::ReceiverUp { receiver });
            return;
        }
        cause.clone_into(&mut self.cause);
        if before == BreakerState::Closed {
            let since = self.breaker.down_since().unwrap_or_else(|| state.now());
            tracing::warn!(%receiver, "receiver down, queue waits: {cause}");
            state.tell(Event::ReceiverDown { receiver, since, cause: cause.to_owned() });
        }
    }
}
