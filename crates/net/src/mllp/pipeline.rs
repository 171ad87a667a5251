//! Sending HL7 messages over MLLP from many tasks.

use std::sync::Arc;
use std::time::Duration;

use telerad_hl7::mllp::{CloseReason, Expectation, can_be_framed};
use telerad_hl7::{Message, ReceivedAck};
use tokio::sync::{Semaphore, mpsc, watch};

use super::config::PipelineConfig;
use super::error::SendError;
use super::line::{Line, Request, Told};
use crate::clock::{Clock, after, until};
use crate::shutdown::Shutdown;
use crate::spawn::Spawn;
use crate::transport::Connector;

/// Sends messages of many tasks to one HL7 application, over one connection that a task of its own keeps and renews.
///
/// Clones are handles of the same pipeline. Messages leave in the order in which [`send`](Self::send) was called; each has
/// its own deadline, and an acknowledgement is believed only when its MSA-2 names the message. When the connection is lost,
/// every message without an acknowledgement fails: the peer may have it or not, see
/// [`SendError::is_outcome_unknown`]. Nothing is sent twice unasked. After a message that is not answered in time, the
/// connection takes no other: those in flight may still be answered, then it is renewed.
///
/// Release 1 of the protocol; for release 2, whose acknowledgements have to be committed, see [`Sender`](super::Sender).
#[derive(Clone)]
pub struct Pipeline {
    requests: mpsc::UnboundedSender<Request>,
    places: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
    waiting_time_max: Duration,
    /// Its other end is gone when the task has ended.
    ended: watch::Receiver<()>,
}

impl Pipeline {
    /// Starts the task of a pipeline to `address`, written `host:port`. It connects when there is something to send, and ends
    /// when `shutdown` is asked for or every handle is gone.
    ///
    /// At a shutdown, messages that wait are not sent ([`SendError::Stopped`]); those in flight get
    /// [`PipelineConfig::drain`] for their answers.
    pub fn start<C: Connector>(
        connector: C,
        address: impl Into<String>,
        config: PipelineConfig,
        spawn: &dyn Spawn,
        shutdown: Shutdown,
    ) -> Self {
        let address = address.into();
        let (sender, requests) = mpsc::unbounded_channel();
        let (alive, ended) = watch::channel(());
        let pipeline = Self {
            requests: sender,
            places: Arc::new(Semaphore::new(config.waiting_max.clamp(1, Semaphore::MAX_PERMITS))),
            clock: Arc::clone(&config.clock),
            waiting_time_max: config.waiting_time_max,
            ended,
        };
        let name = format!("HL7 to {address}");
        let line = Line::new(connector, address, config, requests);
        let task = async move {
            line.run(shutdown).await;
            drop(alive);
        };
        spawn.spawn(&name, Box::pin(task));
        pipeline
    }

    /// Sends a message and waits for its acknowledgement, which may be a refusal.
    ///
    /// # Errors
    /// [`SendError`] when there is no acknowledgement of this message.
    ///
    /// # Cancel safety
    /// Dropping the future leaves a message that still waits unsent. One that is in flight stays so, and its answer is
    /// passed over.
    pub async fn send(&self, message: &Message) -> Result<ReceivedAck, SendError> {
        let mut nobody = |_: &ReceivedAck| {};
        let answer = self.send_expecting(message, Expectation::Answer, &mut nobody).await?;
        // One answer was expected, so there is one.
        answer.ok_or(SendError::NotAnAcknowledgement)
    }

    /// As [`send`](Self::send), for messages in enhanced mode; [`Expectation::of`] tells what to expect. Gives the last
    /// answer, and none where none is expected.
    ///
    /// When the application's answer is awaited too, `accepted` is called with the commit answer as soon as it is here:
    /// from then on the peer has the message, whatever becomes of the connection. That alone is no delivery.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn send_expecting(
        &self,
        message: &Message,
        expectation: Expectation,
        accepted: &mut (dyn FnMut(&ReceivedAck) + Send),
    ) -> Result<Option<ReceivedAck>, SendError> {
        let control_id = message.control_id();
        if control_id.is_empty() {
            return Err(SendError::NoControlId);
        }
        if !can_be_framed(message.as_bytes()) {
            return Err(SendError::NotFramable);
        }
        let deadline = after(self.clock.now(), self.waiting_time_max);
        let place = Arc::clone(&self.places).acquire_owned();
        let place = match until(&self.clock, deadline, place).await {
            Some(Ok(place)) => place,
            Some(Err(_)) => return Err(SendError::Stopped),
            None => return Err(SendError::Queued),
        };
        let (caller, mut told) = mpsc::unbounded_channel();
        let message = message.clone();
        let request = Request { control_id, message, expectation, deadline, caller, _place: place };
        if self.requests.send(request).is_err() {
            return Err(SendError::Stopped);
        }
        loop {
            match told.recv().await {
                Some(Told::Accepted(ack)) => accepted(&ack),
                Some(Told::Ended(end)) => return end,
                // The task was taken away in the middle of its work.
                None => return Err(SendError::Closed(CloseReason::PeerClosed)),
            }
        }
    }

    /// Waits until the task has ended.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn ended(&self) {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").finish_non_exhaustive()
    }
}
