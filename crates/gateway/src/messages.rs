//! HL7 in: every message is resolved to a site, ends in exactly one outcome, and is acknowledged only when that
//! outcome and the raw bytes are durable.

use std::sync::Arc;

use bytes::Bytes;
use telerad_accession::SearchKey;
use telerad_hl7::{AckCode, Acknowledgement, Message, WarningKind};
use telerad_net::mllp::{self, MessageHandler};
use telerad_net::{BoxFuture, Remote};
use telerad_store::{Effect, MessageOutcome, MessageRecord, ParkedItem, ParkedKind, StoreError};
use telerad_worklist::PatientRecord;

use crate::acknowledge::acknowledge;
use crate::configuration::Hl7Role;
use crate::event::Event;
use crate::handled::{Answer, CONTROL_ID, Handled, Incoming, Stage, park, reject};
use crate::state::{DECISIONS_MAX, State};
use crate::{orders, relink, reports, standing};

/// Answers every frame as its sender asks.
pub(crate) struct Receiver(pub(crate) Arc<State>);

impl MessageHandler for Receiver {
    fn handle(&self, remote: Remote, frame: Bytes) -> BoxFuture<'static, Bytes> {
        let answer = self.handle_frame(remote, frame);
        Box::pin(async move {
            match answer.await {
                mllp::Handled::Answer(answer) => answer,
                mllp::Handled::AnswerTwice { application, .. } => application,
                _ => Bytes::new(),
            }
        })
    }

    fn handle_frame(&self, remote: Remote, frame: Bytes) -> BoxFuture<'static, mllp::Handled> {
        let state = Arc::clone(&self.0);
        Box::pin(async move {
            let message = Message::parse(frame.clone());
            let answer = match &message {
                Ok(message) => receive(&state, message, &remote).await,
                Err(error) => {
                    tracing::warn!(peer = %remote, bytes = frame.len(), "not a message: {error}");
                    let (control_id, reason) = (String::new(), error.to_string());
                    state.tell(Event::MessageRejected { control_id, reason });
                    let Acknowledgement { code, error } = error.acknowledgement();
                    Answer { code, error, stage: Stage::Header }
                }
            };
            acknowledge(message.as_ref().ok(), answer, || state.new_control_id(), state.now())
        })
    }
}

async fn receive(state: &State, message: &Message, remote: &Remote) -> Answer {
    let (application, facility) = (message.sending_application(), message.sending_facility());
    let control_id = message.control_id();
    let entitled = state.directory.entitles_sender(&application, &facility, remote);
    if let Err(reason) = &entitled {
        tracing::warn!(peer = %remote, %control_id, "{reason}");
    }
    let known = state.directory.sender(&application, &facility);
    // The peer is told no more than a stranger is.
    let Some(sender) = known.filter(|_| entitled.is_ok()) else {
        tracing::warn!(peer = %remote, %control_id, "message from an unknown sender (MSH-3, MSH-4) refused");
        let text = "sending application and facility (MSH-3, MSH-4) are not known here";
        state.tell(Event::MessageRejected { control_id, reason: text.to_owned() });
        return Answer::refuse(AckCode::AR, 207, "MSH^1^3", text);
    };
    let id = state.new_id();
    let incoming = Incoming { id: &id, site: &sender.site, message };
    for _ in 0..DECISIONS_MAX {
        match decide_and_commit(state, incoming, sender.role).await {
            Ok(answer) => return answer,
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => {
                tracing::error!(peer = %remote, %control_id, "message not stored: {error}");
                return Answer::not_stored(207, "cannot store now; send again later");
            }
        }
    }
    Answer::not_stored(206, "record in use; send again later")
}

async fn decide_and_commit(
    state: &State,
    incoming: Incoming<'_>,
    role: Hl7Role,
) -> Result<Answer, StoreError> {
    let control_id = incoming.message.control_id();
    let sender = format!(
        "{}|{}",
        incoming.message.sending_application(),
        incoming.message.sending_facility()
    );
    let earlier = match control_id.as_str() {
        "" => None,
        control_id => state.environment.store.message_by_control(&sender, control_id).await?,
    };
    let repeated = earlier.as_ref().is_some_and(|it| it.raw == incoming.message.as_bytes()[..]);
    if let Some(earlier) = earlier.as_ref().filter(|_| repeated)
        && !matches!(earlier.outcome, MessageOutcome::Rejected(_))
    {
        // The sender did not see our answer. What it carries is durable, and is not done twice.
        tracing::info!(%control_id, "message received again");
        return Ok(Answer::accept());
    }
    let mut handled = handle(state, incoming, role).await?;
    if earlier.is_some() && !repeated {
        handled.findings.push("MSH-10 was used before for another message".to_owned());
    }
    let record = MessageRecord {
        id: incoming.id.to_owned(),
        site: Some(incoming.site.clone()),
        received_at: state.now(),
        sender,
        control_id,
        kind: kind(incoming.message),
        raw: incoming.message.as_bytes().to_vec(),
        outcome: handled.outcome.clone(),
        findings: Vec::new(),
    };
    commit(state, incoming, record, handled).await
}

/// Writes what was decided about a message together with the message itself, and tells of it.
pub(crate) async fn commit(
    state: &State,
    incoming: Incoming<'_>,
    mut record: MessageRecord,
    mut handled: Handled,
) -> Result<Answer, StoreError> {
    let control_id = record.control_id.clone();
    let warnings = incoming.message.warnings().iter().map(ToString::to_string);
    handled.findings.splice(0..0, warnings);
    record.findings = handled.findings;
    let mut effects = vec![Effect::Message(record)];
    effects.append(&mut handled.effects);
    let orders: Vec<_> = effects.iter().filter_map(found_by).collect();
    let merged: Vec<_> = effects.iter().filter_map(merged).collect();
    let waits = effects.iter().any(waits);
    state.commit(effects).await?;
    if waits {
        state.waiting_reports.add(incoming.site, incoming.id);
    }
    drop(handled.turns);
    for keys in orders {
        state.new_orders.add(incoming.site.clone(), keys);
    }
    match relink::keys_of_merged(state, incoming.site, &merged).await {
        Ok(keys) if keys.is_empty() => {}
        Ok(keys) => state.new_orders.add(incoming.site.clone(), keys),
        // The message is durable, and what it says of studies with it; reports that wait are looked at with the next one.
        Err(error) => tracing::error!(%control_id, "orders of a merged patient not read: {error}"),
    }
    tell(state, &control_id, &handled.outcome, handled.events, &handled.wake, incoming);
    Ok(handled.answer)
}

/// A report that is parked.
fn waits(effect: &Effect) -> bool {
    matches!(effect, Effect::Park(ParkedItem { kind: ParkedKind::Report, .. }))
}

/// A patient who is written as merged into another one.
fn merged(effect: &Effect) -> Option<PatientRecord> {
    match effect {
        Effect::Patient(record) if record.merged_into.is_some() => Some(record.clone()),
        _ => None,
    }
}

/// The keys of an order that is written.
fn found_by(effect: &Effect) -> Option<Vec<SearchKey>> {
    match effect {
        Effect::Order { keys, .. } => Some(keys.clone()),
        _ => None,
    }
}

/// Decides about a message; nothing is written yet.
pub(crate) async fn handle(
    state: &State,
    incoming: Incoming<'_>,
    role: Hl7Role,
) -> Result<Handled, StoreError> {
    if incoming.message.control_id().is_empty() {
        return Ok(reject(101, CONTROL_ID, "message control id (MSH-10) is missing"));
    }
    if let Some(unreadable) = unreadable(state, incoming, role) {
        return Ok(unreadable);
    }
    let code = incoming.message.message_code();
    match (role, code.as_str()) {
        (Hl7Role::Ris, "ADT" | "ORM" | "OMG" | "OMI" | "SIU") => {
            orders::handle(state, incoming).await
        }
        (Hl7Role::Reader, "ORU") => reports::handle(state, incoming).await,
        _ => {
            let text = format!("message type {code} is not taken from this sender");
            Ok(reject(200, "MSH^1^9", &text))
        }
    }
}

/// Shapes that would lose a part of the message if the rest were applied.
fn unreadable(state: &State, incoming: Incoming<'_>, role: Hl7Role) -> Option<Handled> {
    let has = |kind| incoming.message.warnings().iter().any(|warning| warning.kind == kind);
    if has(WarningKind::SecondHeader) {
        return Some(reject(100, "MSH^2", "two messages in one frame; send each in its own"));
    }
    if has(WarningKind::Continuation) {
        let text = "continued messages (ADD, DSC) are not joined here; send the message whole";
        return Some(reject(207, "", text));
    }
    // A carriage return that was not escaped puts the rest of a report outside of every field.
    if role == Hl7Role::Reader && has(WarningKind::StrayLine) {
        let reason = "a line of the report belongs to no segment";
        return Some(park(state, incoming, ParkedKind::Report, reason, Vec::new()));
    }
    None
}

fn tell(
    state: &State,
    control_id: &str,
    outcome: &MessageOutcome,
    events: Vec<Event>,
    wake: &[String],
    incoming: Incoming<'_>,
) {
    let (site, control_id) = (incoming.site.clone(), control_id.to_owned());
    let kind = kind(incoming.message);
    match outcome {
        MessageOutcome::Applied | MessageOutcome::NoChange => {
            tracing::info!(%site, %control_id, %kind, "message applied");
            state.tell(Event::MessageApplied { site, control_id });
        }
        MessageOutcome::Parked(reason) => {
            tracing::warn!(%site, %control_id, %kind, "message parked: {reason}");
            state.tell(Event::MessageParked { site, control_id, reason: reason.clone() });
        }
        MessageOutcome::Rejected(reason) => {
            tracing::warn!(%site, %control_id, %kind, "message rejected: {reason}");
            state.tell(Event::MessageRejected { control_id, reason: reason.clone() });
        }
    }
    for event in events {
        standing::announce(state, event);
    }
    for bell in wake.iter().filter_map(|receiver| state.receiver_bell(receiver)) {
        bell.notify_one();
    }
}

fn kind(message: &Message) -> String {
    format!("{}^{}", message.message_code(), message.trigger_event())
}
