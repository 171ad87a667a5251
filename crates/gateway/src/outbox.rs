//! HL7 out: reports to the RIS, the news that a report is available, and orders to the reading platform.
//!
//! Reports of one order leave in order, and so does all that a platform is told of one patient; other messages never wait
//! for each other. What is urgent goes first, and takes along what is before it in its sequence. An outage never gives a
//! message up: it opens the receiver's breaker, which is kept across restarts, and one message is the probe that ends it.
//!
//! A message that a connected receiver refuses, or leaves unanswered while it answers others, is set aside for a person while
//! others pass, the later ones of its sequence included: each message tells a report or an order whole, as it stood when the
//! message was queued, so that a later one about the same makes the earlier superfluous, and holding back a final report, a
//! correction or a cancellation because an earlier message met a fault would harm more than it helps. Put back, it goes before
//! what is still queued of its sequence; once a later one about the same was answered, it never goes again.
//!
//! What MSH-15 and MSH-16 of a message ask for decides which answer is a delivery: where the application's is asked for, a
//! commit answer alone (CA) is none. The pauses between tries are kept here; the sender has none of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use telerad_core::Timestamp;
use telerad_hl7::mllp::Expectation;
use telerad_hl7::{AckMode, Message, ReceivedAck};
use telerad_net::mllp::{Answer, Reply, SendError, Sender, Timeouts};
use telerad_net::{Connector, Shutdown};
use telerad_routing::FaultScope;
use telerad_store::{
    Effect, OutboundMessage, OutboundState, ParkedItem, ParkedKind, StoreError, Unanswered,
};
use tokio::sync::oneshot;

use crate::event::Event;
use crate::receivers::{Receiver, receivers};
use crate::state::State;
pub(crate) use link::Link;

mod link;

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
            link: Link::new(&receiver.name),
            receiver,
            shutdown: shutdown.clone(),
            answered: None,
            silent: BTreeSet::new(),
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

/// A message that the receiver leaves unanswered this often, while it answers others, is set aside. Tries in an outage do
/// not count, nor does an answer from before the last try show that the receiver lives.
const TRIES_MAX: u32 = 5;
/// A message that the receiver cannot process now (AR) this often, over about a quarter of an hour, is set aside.
pub(crate) const REJECTIONS_MAX: u32 = 20;
/// Messages among which the probe is chosen.
const PROBES_MAX: usize = 32;
/// An idle pump looks at its queue this often, whatever bells it may have missed.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// At a stop, a message in flight gets this long, as long as the servers give to what comes in.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(30);
/// The longest pause between two tries of a message.
const PAUSE_MAX: Duration = Duration::from_secs(60);

struct Pump {
    state: Arc<State>,
    receiver: Receiver,
    shutdown: Shutdown,
    link: Link,
    /// When the receiver last answered a message, whatever it said.
    answered: Option<Timestamp>,
    /// Messages that got no answer in this outage: others are tried before them.
    silent: BTreeSet<String>,
}

/// Why nothing more can be sent for a while.
struct Unrecorded(StoreError);

impl From<StoreError> for Unrecorded {
    fn from(error: StoreError) -> Self {
        Self(error)
    }
}

impl Pump {
    async fn run<C: Connector>(mut self, mut sender: Sender<C>) {
        while !self.shutdown.is_requested() {
            if let Err(Unrecorded(error)) = self.restore().await {
                tracing::error!(receiver = %self.receiver.name, "cannot read how it was: {error}");
                self.rest_without_bell(Duration::from_secs(1)).await;
                continue;
            }
            self.link.save(&self.state).await;
            let now = self.state.now();
            if let Some(pause) = self.link.pause(now) {
                self.rest_without_bell(pause).await;
                continue;
            }
            match self.next(now).await {
                Ok(None) => {
                    let store = &self.state.environment.store;
                    let next = store.next_outbound_due(&self.receiver.name).await.ok().flatten();
                    self.rest(next.map_or(LOOK_AGAIN, |at| at.since(now))).await;
                }
                Ok(Some(message)) => {
                    let drained = drained(Arc::clone(&self.state), self.shutdown.clone());
                    tokio::select! {
                        biased;
                        () = self.send(&mut sender, &message) => {}
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

    /// Takes up what an earlier run left: an outage goes on, and what was answered was answered.
    async fn restore(&mut self) -> Result<(), Unrecorded> {
        if !self.link.is_restored() {
            let store = &self.state.environment.store;
            self.answered = store.outbound_answered(&self.receiver.name).await?;
            self.link.restore(&self.state).await?;
        }
        Ok(())
    }

    /// The message that goes next. It is looked for anew each time, so that what is urgent waits for one message and no
    /// more, and what a person has put back goes before what is behind it.
    async fn next(&mut self, now: Timestamp) -> Result<Option<OutboundMessage>, StoreError> {
        let name = &self.receiver.name;
        if self.link.is_up() {
            return Ok(due(&self.state, name, now, 1).await?.pop());
        }
        // One message is the probe. Which of them the receiver chokes on is not known, so each has its turn.
        let due = due(&self.state, name, now, PROBES_MAX).await?;
        if due.iter().all(|message| self.silent.contains(&message.id)) {
            self.silent.clear();
        }
        Ok(due.into_iter().find(|message| !self.silent.contains(&message.id)))
    }

    async fn send<C: Connector>(&mut self, sender: &mut Sender<C>, message: &OutboundMessage) {
        self.link.begin(self.state.now());
        let sent = self.deliver(sender, message).await;
        self.link.end(self.state.now());
        if let Err(Unrecorded(error)) = sent {
            tracing::error!(receiver = %self.receiver.name, "answer not stored: {error}");
            // It is sent again, and again for as long as nothing can be recorded.
            self.rest_without_bell(LOOK_AGAIN).await;
        }
    }

    /// Sends a message and records what became of it.
    async fn deliver<C: Connector>(
        &mut self,
        sender: &mut Sender<C>,
        queued: &OutboundMessage,
    ) -> Result<(), Unrecorded> {
        if queued.round > 0 {
            // A later message of its order may have been on its way when a person put this one back.
            let store = &self.state.environment.store;
            let about_it = store.outbound_about(&queued.site, &queued.subject).await?;
            if is_overtaken(queued, &about_it) {
                let reason = "a later message of its order was answered".to_owned();
                return self.record(queued, set_aside(queued, reason), "").await;
            }
        }
        let message = match Message::parse(queued.raw.clone()) {
            Ok(message) => message,
            Err(error) => {
                return self.record(queued, set_aside(queued, error.to_string()), "").await;
            }
        };
        let began = self.state.now();
        match last_answer(sender, &message).await {
            Ok(answer) => {
                self.answered = Some(self.state.now());
                self.silent.clear();
                self.link.answered(&self.state);
                let settled = settle(&self.state, queued, answer.ack());
                self.record(queued, settled, &answer.ack().text).await?;
                answer.stored().await;
                Ok(())
            }
            Err(SendError::NoControlId) => {
                let reason = "it has no control id (MSH-10)".to_owned();
                self.record(queued, set_aside(queued, reason), "").await
            }
            Err(error @ SendError::NotFramable) => {
                self.record(queued, set_aside(queued, error.to_string()), "").await
            }
            Err(error @ (SendError::Connect(_) | SendError::Tls(_))) => {
                // Nothing left: nothing is decided about the message.
                self.link.fault(&self.state, FaultScope::Destination, &error.to_string());
                Ok(())
            }
            Err(error) => {
                let waiting = self.no_answer(queued, &error, began);
                self.record(queued, waiting, &error.to_string()).await
            }
        }
    }

    /// Records what became of a message; see [`record`].
    async fn record(
        &self,
        before: &OutboundMessage,
        message: OutboundMessage,
        words: &str,
    ) -> Result<(), Unrecorded> {
        Ok(record(&self.state, &self.receiver.name, before, message, words).await?)
    }

    /// A message that left without an answer may have arrived. It is sent again, after others.
    ///
    /// While the receiver answers others, it is the message; when it leaves several tries in a row unanswered, it is the
    /// receiver, and the message is not blamed.
    fn no_answer(
        &mut self,
        queued: &OutboundMessage,
        error: &SendError,
        began: Timestamp,
    ) -> OutboundMessage {
        let was_up = self.link.is_up();
        let last = queued.unanswered.map(|unanswered| unanswered.last);
        let others_pass = was_up && last.is_some_and(|last| self.answered > Some(last));
        let scope = if others_pass { FaultScope::Instance } else { FaultScope::Busy };
        self.link.fault(&self.state, scope, &error.to_string());
        self.silent.insert(queued.id.clone());
        let tries = queued.unanswered.map_or(0, |unanswered| unanswered.tries).saturating_add(1);
        tracing::warn!(
            receiver = %self.receiver.name, control_id = %queued.control_id, tries,
            "message without an answer: {error}"
        );
        let not_before = self.state.now().after(pause(&self.state, tries));
        if !self.link.is_up() {
            return OutboundMessage { not_before, ..queued.clone() };
        }
        let unanswered = Some(Unanswered { tries, last: began });
        let tried = OutboundMessage { not_before, unanswered, ..queued.clone() };
        if others_pass && tries >= TRIES_MAX {
            return set_aside(&tried, format!("no answer while others got one: {error}"));
        }
        tried
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

/// Records what became of a message, with the receiver's own words about it, and tells of it once it is durable.
pub(crate) async fn record(
    state: &State,
    receiver: &str,
    before: &OutboundMessage,
    message: OutboundMessage,
    words: &str,
) -> Result<(), StoreError> {
    let (receiver, control_id) = (receiver.to_owned(), message.control_id.clone());
    let mut effects = vec![Effect::Outbound(message.clone())];
    if let Some((event, detail)) = told(before, &message) {
        let detail = format!("{receiver}: {detail}: {words}");
        effects.push(state.journal(&message.site, &message.id, event, &detail));
    }
    if let OutboundState::SetAside { reason } = &message.state {
        effects.push(Effect::Park(ParkedItem {
            id: state.new_id(),
            site: message.site.clone(),
            kind: ParkedKind::Message,
            reason: "message set aside".to_owned(),
            evidence: format!("{receiver}: {reason}: {words}"),
            subject: message.id.clone(),
            parked_at: state.now(),
        }));
    }
    state.commit(effects).await?;
    match message.state {
        OutboundState::Pending => {}
        OutboundState::Answered { .. } => {
            tracing::info!(%receiver, %control_id, "message delivered");
            state.tell(Event::MessageDelivered { receiver, control_id });
        }
        OutboundState::SetAside { reason: cause } => {
            tracing::warn!(%receiver, %control_id, "message set aside: {cause}");
            state.tell(Event::MessageSetAside { receiver, control_id, cause });
        }
    }
    Ok(())
}

/// What may be sent now. A message that waits longer than any pause was queued before the clock was set back.
pub(crate) async fn due(
    state: &State,
    receiver: &str,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<OutboundMessage>, StoreError> {
    let store = &state.environment.store;
    let due = store.outbound_due(receiver, now, limit).await?;
    if !due.is_empty() {
        return Ok(due);
    }
    match store.next_outbound_due(receiver).await? {
        Some(next) if next.since(now) > PAUSE_MAX => {
            store.outbound_due(receiver, next, limit).await
        }
        _ => Ok(due),
    }
}

/// Whether its receiver has taken a later message about the same: `about_it` are in the order they were queued.
pub(crate) fn is_overtaken(message: &OutboundMessage, about_it: &[OutboundMessage]) -> bool {
    let to_same = about_it.iter().filter(|other| other.destination == message.destination);
    let later = to_same.skip_while(|other| other.id != message.id).skip(1);
    later.into_iter().any(|other| matches!(other.state, OutboundState::Answered { .. }))
}

/// What the receiver's answer makes of a message.
fn settle(state: &State, queued: &OutboundMessage, answer: &ReceivedAck) -> OutboundMessage {
    if answer.code.is_accepted() {
        let (code, at) = (answer.code.as_str().to_owned(), state.now());
        return OutboundMessage { state: OutboundState::Answered { code, at }, ..queued.clone() };
    }
    let attempts = queued.attempts.saturating_add(1);
    if answer.code.is_retryable() && attempts < REJECTIONS_MAX {
        let not_before = state.now().after(pause(state, attempts));
        return OutboundMessage { attempts, not_before, ..queued.clone() };
    }
    // The receiver's own words may name a patient: they are evidence, and no part of the reason.
    let condition = answer.condition.map(|code| format!(", condition {code}"));
    let reason = format!("answered {}{}", answer.code, condition.unwrap_or_default());
    OutboundMessage { attempts, ..set_aside(queued, reason) }
}

/// What the journal says of a try, where the message itself does not keep it: it is told anew after a requeue.
fn told(before: &OutboundMessage, after: &OutboundMessage) -> Option<(&'static str, String)> {
    match &after.state {
        OutboundState::SetAside { reason } => Some(("message set aside", reason.clone())),
        OutboundState::Pending if after.attempts != before.attempts => {
            Some(("message refused for now", format!("try {}", after.attempts)))
        }
        OutboundState::Pending if after.unanswered != before.unanswered => {
            let tries = after.unanswered.map_or(0, |unanswered| unanswered.tries);
            Some(("message not answered", format!("try {tries}")))
        }
        OutboundState::Answered { .. } | OutboundState::Pending => None,
    }
}

/// Doubles from a quarter of a second, with jitter so that many gateways do not return at once.
pub(crate) fn pause(state: &State, tries: u32) -> Duration {
    let base = Duration::from_millis(250 << tries.min(8)).min(PAUSE_MAX);
    let jitter = state.environment.rng.next_u64() % 256;
    base.mul_f64(0.75 + jitter as f64 / 1024.0)
}

pub(crate) fn set_aside(queued: &OutboundMessage, reason: String) -> OutboundMessage {
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
