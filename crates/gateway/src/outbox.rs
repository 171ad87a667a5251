//! HL7 out: reports to the RIS, and the news that a report is available.
//!
//! Messages of one order leave in order; messages of different orders never wait for each other. An outage never
//! gives a message up. A message that a connected receiver refuses, or never answers, is set aside for a person
//! while others pass.
//!
//! What MSH-15 and MSH-16 of a message ask for decides which answer is a delivery: where the application's is asked for, a
//! commit answer alone (CA) is none. The pauses between tries are kept here; the sender has none of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use telerad_core::Timestamp;
use telerad_hl7::mllp::Expectation;
use telerad_hl7::{AckMode, Message, ReceivedAck};
use telerad_net::mllp::{Answer, Reply, SendError, Sender, Timeouts};
use telerad_net::{Connector, Shutdown};
use telerad_store::{Effect, OutboundMessage, OutboundState, ParkedItem, ParkedKind, StoreError};
use tokio::sync::oneshot;

use crate::event::Event;
use crate::receivers::{Receiver, receivers};
use crate::state::State;

/// Starts one pump for each receiver.
pub(crate) fn start<C: Connector>(
    state: &Arc<State>,
    connector: &Arc<C>,
    shutdown: &Shutdown,
) -> Vec<oneshot::Receiver<()>> {
    let mut ends = Vec::new();
    for receiver in receivers(&state.configuration) {
        let (ended, end) = oneshot::channel();
        let name = format!("send {}", receiver.name);
        let sender = Sender::with_clock(
            Arc::clone(connector),
            Arc::clone(&state.environment.clock),
            receiver.address.clone(),
            Timeouts::default(),
        );
        let pump = Pump {
            state: Arc::clone(state),
            receiver,
            shutdown: shutdown.clone(),
            answers: 0,
            outages: 0,
            unanswered: BTreeMap::new(),
        };
        let task = async move {
            pump.run(sender).await;
            let _ = ended.send(());
        };
        state.environment.spawn.spawn(&name, Box::pin(task));
        ends.push(end);
    }
    ends
}

/// A message that the receiver leaves unanswered this often, while it answers others, is set aside.
const TRIES_MAX: u32 = 5;
/// A message that the receiver cannot process now (AR) this often, over about a quarter of an hour, is set aside.
const REJECTIONS_MAX: u32 = 20;
/// Messages read from the queue at once.
const BATCH_MAX: usize = 32;
/// An idle pump looks at its queue this often, whatever bells it may have missed.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// At a stop, a message in flight gets this long, as long as the servers give to what comes in.
const DRAIN_MAX: Duration = Duration::from_secs(30);
/// The longest pause between two tries during an outage.
const PAUSE_MAX: Duration = Duration::from_secs(60);

struct Pump {
    state: Arc<State>,
    receiver: Receiver,
    shutdown: Shutdown,
    /// Messages that the receiver answered.
    answers: u64,
    /// Tries that failed to reach the receiver, in a row.
    outages: u32,
    /// Messages without an answer so far.
    unanswered: BTreeMap<String, Unanswered>,
}

/// A message that left and got no answer.
#[derive(Clone, Copy, Default)]
struct Unanswered {
    tries: u32,
    /// Messages answered before its first try: more of them since then show that the receiver is alive.
    answers_before: u64,
}

/// Why the rest of the queue has to wait.
enum Interrupted {
    /// The receiver was not reached: nothing was decided.
    Unreachable(SendError),
    /// What became of a message could not be recorded.
    Unrecorded(StoreError),
}

impl From<StoreError> for Interrupted {
    fn from(error: StoreError) -> Self {
        Self::Unrecorded(error)
    }
}

impl Pump {
    async fn run<C: Connector>(mut self, mut sender: Sender<C>) {
        while !self.shutdown.is_requested() {
            let now = self.state.now();
            let store = &self.state.environment.store;
            match due(&self.state, &self.receiver.name, now).await {
                Ok(due) if due.is_empty() => {
                    let next = store.next_outbound_due(&self.receiver.name).await.ok().flatten();
                    self.rest(next.map_or(LOOK_AGAIN, |at| at.since(now))).await;
                }
                Ok(due) => {
                    let drained = drained(Arc::clone(&self.state), self.shutdown.clone());
                    tokio::select! {
                        biased;
                        () = self.send_all(&mut sender, due) => {}
                        () = drained => {
                            tracing::warn!(receiver = %self.receiver.name, "cut off: no answer before the end");
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(receiver = %self.receiver.name, "cannot read the queue: {error}");
                    self.rest(Duration::from_secs(1)).await;
                }
            }
        }
    }

    async fn send_all<C: Connector>(&mut self, sender: &mut Sender<C>, due: Vec<OutboundMessage>) {
        for message in due {
            if self.shutdown.is_requested() {
                return;
            }
            match self.deliver(sender, &message).await {
                Ok(()) => self.outages = 0,
                Err(Interrupted::Unreachable(cause)) => {
                    self.outages = self.outages.saturating_add(1);
                    let pause = self.pause(self.outages);
                    tracing::warn!(
                        receiver = %self.receiver.name, retry_in_ms = pause.as_millis(),
                        "receiver cannot be reached: {cause}"
                    );
                    self.rest_without_bell(pause).await;
                    return;
                }
                Err(Interrupted::Unrecorded(error)) => {
                    self.outages = 0;
                    tracing::error!(receiver = %self.receiver.name, "answer not stored: {error}");
                    // It is sent again, and again for as long as nothing can be recorded.
                    self.rest_without_bell(LOOK_AGAIN).await;
                    return;
                }
            }
        }
    }

    /// Sends a message and records what became of it.
    async fn deliver<C: Connector>(
        &mut self,
        sender: &mut Sender<C>,
        queued: &OutboundMessage,
    ) -> Result<(), Interrupted> {
        let message = match Message::parse(queued.raw.clone()) {
            Ok(message) => message,
            Err(error) => return self.record(set_aside(queued, error.to_string()), "").await,
        };
        match last_answer(sender, &message).await {
            Ok(answer) => {
                self.answers = self.answers.saturating_add(1);
                self.unanswered.remove(&queued.id);
                let settled = self.settle(queued, answer.ack());
                self.record(settled, &answer.ack().text).await?;
                answer.stored().await;
                Ok(())
            }
            Err(SendError::NoControlId) => {
                let reason = "it has no control id (MSH-10)".to_owned();
                self.record(set_aside(queued, reason), "").await
            }
            Err(error @ SendError::NotFramable) => {
                self.record(set_aside(queued, error.to_string()), "").await
            }
            Err(error @ (SendError::Connect(_) | SendError::Tls(_))) => {
                Err(Interrupted::Unreachable(error))
            }
            Err(error) => {
                let waiting = self.no_answer(queued, &error);
                self.record(waiting, "").await
            }
        }
    }

    /// Records what became of a message, with the receiver's own words about it, and tells of it once it is durable.
    async fn record(&self, message: OutboundMessage, words: &str) -> Result<(), Interrupted> {
        let (receiver, control_id) = (self.receiver.name.clone(), message.control_id.clone());
        let mut effects = vec![Effect::Outbound(message.clone())];
        if let OutboundState::SetAside { reason } = &message.state {
            effects.push(Effect::Park(ParkedItem {
                id: self.state.new_id(),
                site: message.site.clone(),
                kind: ParkedKind::Message,
                reason: "message set aside".to_owned(),
                evidence: format!("{receiver}: {reason}: {words}"),
                subject: message.id.clone(),
                parked_at: self.state.now(),
            }));
        }
        self.state.commit(effects).await?;
        match message.state {
            OutboundState::Pending => {}
            OutboundState::Answered { .. } => {
                tracing::info!(%receiver, %control_id, "message delivered");
                self.state.tell(Event::MessageDelivered { receiver, control_id });
            }
            OutboundState::SetAside { reason: cause } => {
                tracing::warn!(%receiver, %control_id, "message set aside: {cause}");
                self.state.tell(Event::MessageSetAside { receiver, control_id, cause });
            }
        }
        Ok(())
    }

    /// What the receiver's answer makes of a message.
    fn settle(&self, queued: &OutboundMessage, answer: &ReceivedAck) -> OutboundMessage {
        if answer.code.is_accepted() {
            let (code, at) = (answer.code.as_str().to_owned(), self.state.now());
            return OutboundMessage {
                state: OutboundState::Answered { code, at },
                ..queued.clone()
            };
        }
        let attempts = queued.attempts.saturating_add(1);
        if answer.code.is_retryable() && attempts < REJECTIONS_MAX {
            let not_before = self.state.now().after(self.pause(attempts));
            return OutboundMessage { attempts, not_before, ..queued.clone() };
        }
        // The receiver's own words may name a patient: they are evidence, and no part of the reason.
        let condition = answer.condition.map(|code| format!(", condition {code}"));
        let reason = format!("answered {}{}", answer.code, condition.unwrap_or_default());
        OutboundMessage { attempts, ..set_aside(queued, reason) }
    }

    /// A message that left without an answer may have arrived. It is sent again, after others.
    fn no_answer(&mut self, queued: &OutboundMessage, error: &SendError) -> OutboundMessage {
        let answers_before = self.answers;
        let first = Unanswered { tries: 0, answers_before };
        let unanswered = self.unanswered.entry(queued.id.clone()).or_insert(first);
        unanswered.tries = unanswered.tries.saturating_add(1);
        let Unanswered { tries, answers_before } = *unanswered;
        tracing::warn!(
            receiver = %self.receiver.name, control_id = %queued.control_id, tries,
            "message without an answer: {error}"
        );
        if tries >= TRIES_MAX && self.answers > answers_before {
            self.unanswered.remove(&queued.id);
            return set_aside(queued, format!("no answer while others got one: {error}"));
        }
        OutboundMessage { not_before: self.state.now().after(self.pause(tries)), ..queued.clone() }
    }

    /// Doubles from a quarter of a second, with jitter so that many gateways do not return at once.
    fn pause(&self, tries: u32) -> Duration {
        let base = Duration::from_millis(250 << tries.min(8)).min(PAUSE_MAX);
        let jitter = self.state.environment.rng.next_u64() % 256;
        base.mul_f64(0.75 + jitter as f64 / 1024.0)
    }

    async fn rest(&mut self, pause: Duration) {
        let bell = self.state.receiver_bell(&self.receiver.name).cloned().unwrap_or_default();
        let clock = &self.state.environment.clock;
        let wake = clock.sleep_until(clock.now() + pause.min(LOOK_AGAIN));
        tokio::select! {
            biased;
            () = self.shutdown.requested() => {}
            () = bell.notified() => {}
            () = wake => {}
        }
    }

    async fn rest_without_bell(&mut self, pause: Duration) {
        let clock = &self.state.environment.clock;
        let wake = clock.sleep_until(clock.now() + pause);
        tokio::select! {
            biased;
            () = self.shutdown.requested() => {}
            () = wake => {}
        }
    }
}

/// What may be sent now. A message that waits longer than any pause was queued before the clock was set back.
async fn due(
    state: &State,
    receiver: &str,
    now: Timestamp,
) -> Result<Vec<OutboundMessage>, StoreError> {
    let store = &state.environment.store;
    let due = store.outbound_due(receiver, now, BATCH_MAX).await?;
    match store.next_outbound_due(receiver).await? {
        Some(next) if due.is_empty() && next.since(now) > PAUSE_MAX => {
            store.outbound_due(receiver, next, BATCH_MAX).await
        }
        _ => Ok(due),
    }
}

fn set_aside(queued: &OutboundMessage, reason: String) -> OutboundMessage {
    OutboundMessage { state: OutboundState::SetAside { reason }, ..queued.clone() }
}

/// Sends a message; the answer that its MSH-15 and MSH-16 make the last one.
async fn last_answer<'a, C: Connector>(
    sender: &'a mut Sender<C>,
    message: &Message,
) -> Result<Answer<'a>, SendError> {
    // No message of ours asks for answers in some cases only.
    let expectation = Expectation::of(AckMode::of(message)).unwrap_or_default();
    match sender.send_expecting(message, expectation).await? {
        Reply::Answered(answer) => Ok(answer),
        Reply::Accepted(accepted) => {
            tracing::debug!(control_id = %message.control_id(), "accepted, the application has still to answer");
            accepted.stored().await
        }
        Reply::Nothing => Err(SendError::NotAnAcknowledgement),
    }
}

/// Waits for a stop, and then for as long as what is in flight may take.
async fn drained(state: Arc<State>, shutdown: Shutdown) {
    shutdown.requested().await;
    let clock = &state.environment.clock;
    clock.sleep_until(clock.now() + DRAIN_MAX).await;
}

#[cfg(test)]
mod tests;
