//! What modalities perform, passed on to a site's PACS or RIS.
//!
//! A request that was taken is queued with it, in the outbox: durable, each performed step in its own order, an N-CREATE
//! before every N-SET of it. An outage of the other system opens its breaker and gives nothing up. What that system
//! refuses for good is set aside for a person, and the rest goes on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use telerad_core::{AeTitle, Priority, SiteId, Timestamp, Uid};
use telerad_dicom::{Status, StatusClass, uids};
use telerad_net::dicom::{
    NOperation, NReply, NRequest, NServiceRelay, Peer, Pool, PoolConfig, RelayError,
};
use telerad_net::{AnyConnector, Connector, Shutdown};
use telerad_routing::FaultScope;
use telerad_store::{OutboundMessage, OutboundState, StoreError, Unanswered};
use tokio::sync::oneshot;

use crate::outbox::{self, DRAIN_MAX, LOOK_AGAIN, Link};
use crate::state::State;

/// What is queued of one request: a message to each system of the site.
pub(super) fn effects(
    state: &State,
    site: &SiteId,
    sop_instance_uid: &Uid,
    request: &NRequest,
) -> Vec<OutboundMessage> {
    let to = state.configuration.mpps_destinations.iter();
    let to = to.filter(|to| to.site.get_ref() == site);
    let (now, uid) = (state.now(), sop_instance_uid.as_str());
    to.map(|to| OutboundMessage {
        id: state.new_id(),
        site: site.clone(),
        destination: to.queue(),
        sequence: uid.to_owned(),
        subject: uid.to_owned(),
        control_id: format!("{} {uid}", operation_name(&request.operation)),
        raw: encode(request),
        queued_at: now,
        not_before: now,
        priority: Priority::default(),
        attempts: 0,
        unanswered: None,
        round: 0,
        state: OutboundState::Pending,
    })
    .collect()
}

/// Starts one pump for each system that is told.
pub(crate) fn start<C: Connector>(
    state: &Arc<State>,
    connector: &Arc<C>,
    shutdown: &Shutdown,
) -> Vec<oneshot::Receiver<()>> {
    let mut ends = Vec::new();
    for to in &state.configuration.mpps_destinations {
        let pool = Pool::new(
            AnyConnector::new(Arc::clone(connector)),
            PoolConfig {
                associations_max: 1,
                associations_per_peer_max: 1,
                clock: Arc::clone(&state.environment.clock),
                drain: DRAIN_MAX,
                ..PoolConfig::default()
            },
            Arc::clone(&state.environment.spawn),
        );
        let (called, calling): (AeTitle, AeTitle) =
            (to.ae_title.clone(), state.configuration.dicom.ae_title.clone());
        let peer = Peer::new(to.address.get_ref().clone(), called, calling);
        let queue = to.queue();
        let pump = Pump {
            state: Arc::clone(state),
            link: Link::new(&queue),
            relay: NServiceRelay::new(peer, pool.clone()).within(DRAIN_MAX),
            queue,
            shutdown: shutdown.clone(),
        };
        let (ended, end) = oneshot::channel();
        let name = format!("relay {}", pump.queue);
        let task = async move {
            pump.run().await;
            pool.close().await;
            let _ = ended.send(());
        };
        state.environment.spawn.spawn(&name, Box::pin(task));
        ends.push(end);
    }
    ends
}

struct Pump {
    state: Arc<State>,
    queue: String,
    link: Link,
    relay: NServiceRelay,
    shutdown: Shutdown,
}

impl Pump {
    async fn run(mut self) {
        while !self.shutdown.is_requested() {
            match self.turn().await {
                Ok(None) => {}
                Ok(Some(pause)) => self.rest(pause).await,
                Err(error) => {
                    tracing::error!(queue = self.queue, "store: {error}");
                    // It is passed on again, and again for as long as nothing can be recorded.
                    self.rest(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Passes one request on; how long to rest before the next, if at all.
    async fn turn(&mut self) -> Result<Option<Duration>, StoreError> {
        if !self.link.is_restored() {
            self.link.restore(&self.state).await?;
        }
        self.link.save(&self.state).await;
        let now = self.state.now();
        if let Some(pause) = self.link.pause(now) {
            return Ok(Some(pause));
        }
        let Some(message) = outbox::due(&self.state, &self.queue, now, 1).await?.pop() else {
            let next = self.state.environment.store.next_outbound_due(&self.queue).await?;
            return Ok(Some(next.map_or(LOOK_AGAIN, |at| at.since(now))));
        };
        self.link.begin(now);
        let passed_on = self.pass_on(&message, now).await;
        self.link.end(self.state.now());
        passed_on.map(|()| None)
    }

    async fn pass_on(
        &mut self,
        queued: &OutboundMessage,
        began: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(request) = decode(&queued.raw) else {
            let set_aside = outbox::set_aside(queued, "what is queued cannot be read".to_owned());
            return outbox::record(&self.state, &self.queue, queued, set_aside, "").await;
        };
        match self.relay.relay(&request).await {
            Ok(reply) => {
                self.link.answered(&self.state);
                let words = reply.detail.comment.clone().unwrap_or_default();
                let settled = settle(&self.state, queued, &request.operation, &reply);
                outbox::record(&self.state, &self.queue, queued, settled, &words).await
            }
            Err(RelayError::DataSet(error)) => {
                let set_aside = outbox::set_aside(queued, error.to_string());
                outbox::record(&self.state, &self.queue, queued, set_aside, "").await
            }
            Err(error @ RelayError::Pool(_)) => {
                // Nothing left: nothing is decided about the request.
                self.link.fault(&self.state, FaultScope::Destination, &error.to_string());
                Ok(())
            }
            Err(error) => {
                // It may have arrived. What it says is the same when it is said again.
                self.link.fault(&self.state, FaultScope::Destination, &error.to_string());
                let tries = queued.unanswered.map_or(0, |it| it.tries).saturating_add(1);
                let unanswered = Some(Unanswered { tries, last: began });
                let waiting = OutboundMessage { unanswered, ..queued.clone() };
                outbox::record(&self.state, &self.queue, queued, waiting, &error.to_string()).await
            }
        }
    }

    async fn rest(&self, pause: Duration) {
        let bell = self.state.receiver_bell(&self.queue).cloned().unwrap_or_default();
        let clock = &self.state.environment.clock;
        let wake = clock.sleep_until(clock.now() + pause.min(LOOK_AGAIN));
        // While the breaker is open, a bell would only make the pump look again.
        let is_up = self.link.is_up();
        tokio::select! {
            biased;
            () = self.shutdown.requested() => {}
            () = bell.notified(), if is_up => {}
            () = wake => {}
        }
    }
}

/// What the other system's reply makes of a request.
fn settle(
    state: &State,
    queued: &OutboundMessage,
    operation: &NOperation,
    reply: &NReply,
) -> OutboundMessage {
    let (status, now) = (reply.status, state.now());
    // A request that left without an answer before, and is not news any more, has arrived then.
    let came_before = match operation {
        NOperation::Create => status == Status::DUPLICATE_SOP_INSTANCE,
        _ => {
            let is_final = reply.detail.error_id == Some(MAY_NO_LONGER_BE_UPDATED);
            status == Status::PROCESSING_FAILURE && is_final && queued.unanswered.is_some()
        }
    };
    if came_before || matches!(status.class(), StatusClass::Success | StatusClass::Warning) {
        let state = OutboundState::Answered { code: status.to_string(), at: now };
        return OutboundMessage { state, ..queued.clone() };
    }
    let attempts = queued.attempts.saturating_add(1);
    let is_final = reply.detail.error_id == Some(MAY_NO_LONGER_BE_UPDATED);
    if status.is_retryable() && !is_final && attempts < outbox::REJECTIONS_MAX {
        let not_before = now.after(outbox::pause(state, attempts));
        return OutboundMessage { attempts, not_before, ..queued.clone() };
    }
    let reason = format!("answered {status}");
    OutboundMessage { attempts, ..outbox::set_aside(queued, reason) }
}

/// PS3.4 section F.7.2.2.2.
const MAY_NO_LONGER_BE_UPDATED: u16 = 0xA710;

fn operation_name(operation: &NOperation) -> &'static str {
    match operation {
        NOperation::Create => CREATE,
        _ => SET,
    }
}

const CREATE: &str = "N-CREATE";
const SET: &str = "N-SET";

/// Three lines (operation, SOP Instance UID, transfer syntax), then the data set as it came.
fn encode(request: &NRequest) -> Vec<u8> {
    let operation = operation_name(&request.operation);
    let (uid, syntax) = (&request.sop_instance_uid, &request.transfer_syntax_uid);
    let mut raw = format!("{operation}\n{uid}\n{syntax}\n").into_bytes();
    raw.extend_from_slice(request.data_set.as_deref().unwrap_or_default());
    raw
}

fn decode(raw: &[u8]) -> Option<NRequest> {
    let mut parts = raw.splitn(4, |byte| *byte == b'\n');
    let mut line = || String::from_utf8(parts.next()?.to_vec()).ok();
    let (operation, sop_instance_uid, transfer_syntax_uid) = (line()?, line()?, line()?);
    let operation = match operation.as_str() {
        CREATE => NOperation::Create,
        SET => NOperation::Set,
        _ => return None,
    };
    Some(NRequest {
        sop_class_uid: uids::MODALITY_PERFORMED_PROCEDURE_STEP.to_owned(),
        sop_instance_uid,
        operation,
        data_set: Some(Bytes::copy_from_slice(parts.next()?)),
        transfer_syntax_uid,
    })
}
