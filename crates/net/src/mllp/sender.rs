//! Sending HL7 messages over MLLP.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use telerad_hl7::mllp::{
    CloseReason, Commit, Expectation, Release, Sender as Machine, SenderConfig, SenderEvent,
};
use telerad_hl7::{Message, ReceivedAck};

use crate::clock::{Alarm, Clock, SystemClock, after, until};
use crate::pump::{Broken, Pump};
use crate::transport::Connector;

/// Sends messages to one HL7 application, one at a time, over a connection that it keeps and renews.
///
/// An acknowledgement is believed only when its MSA-2 names the message. Whatever fails leaves the fate of the message
/// open: send it again, with the same MSH-10, until it is answered.
pub struct Sender<C: Connector> {
    connector: C,
    address: String,
    timeouts: Timeouts,
    clock: Arc<dyn Clock>,
    connection: Option<Pump<Machine>>,
    release: Release,
    reconnect: Option<Reconnect>,
    /// Sendings in a row that came to nothing.
    failures: u32,
    /// When the next connection may be tried.
    not_before: Option<Instant>,
}

/// Pauses between connections that come to nothing: each is twice as long as the one before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reconnect {
    /// After the first failure.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

impl Reconnect {
    fn pause(&self, failures: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.first.saturating_mul(doubled).min(self.longest)
    }
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timeouts {
    /// For the transport connection.
    pub connect: Duration,
    /// From the last byte of a message to its acknowledgement.
    pub response: Duration,
    /// For the peer to take some of the bytes that we have for it.
    pub send_progress: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            response: Duration::from_secs(30),
            send_progress: Duration::from_secs(30),
        }
    }
}

impl<C: Connector> Sender<C> {
    /// A sender to `address`, written `host:port`. It connects when it has something to send.
    pub fn new(connector: C, address: impl Into<String>, timeouts: Timeouts) -> Self {
        Self::with_clock(connector, SystemClock::shared(), address, timeouts)
    }

    /// [`Sender::new`] on the given clock.
    pub fn with_clock(
        connector: C,
        clock: Arc<dyn Clock>,
        address: impl Into<String>,
        timeouts: Timeouts,
    ) -> Self {
        Self {
            connector,
            address: address.into(),
            timeouts,
            clock,
            connection: None,
            release: Release::One,
            reconnect: None,
            failures: 0,
            not_before: None,
        }
    }

    /// Speaks this release of the protocol; release 1 unless told otherwise.
    #[must_use]
    pub fn with_release(mut self, release: Release) -> Self {
        self.release = release;
        self
    }

    /// Waits before it connects again after a sending that came to nothing, longer each time. Without this it does not
    /// wait: then the pauses are its owner's business.
    #[must_use]
    pub fn with_reconnect(mut self, reconnect: Reconnect) -> Self {
        self.reconnect = Some(reconnect);
        self
    }

    /// Sends a message and waits for its acknowledgement, which may be a refusal.
    ///
    /// # Errors
    /// [`SendError`] when there is no acknowledgement of this message. The connection is then closed; the next
    /// message opens another.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection; whether the peer has the message is not known.
    pub async fn send(&mut self, message: &Message) -> Result<ReceivedAck, SendError> {
        let mut nobody = |_: &ReceivedAck| {};
        let answer = self.send_expecting(message, Expectation::Answer, &mut nobody).await?;
        // One answer was expected, so there is one.
        answer.ok_or(SendError::NotAnAcknowledgement)
    }

    /// As [`send`](Self::send), for messages in enhanced mode; [`Expectation::of`] tells what to expect. Gives the last
    /// answer, and none where none is expected.
    ///
    /// When the application's answer is awaited too, `accepted` is called with the commit answer as soon as it is here:
    /// from then on the peer has the message, whatever becomes of the connection. The application gets five minutes.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn send_expecting(
        &mut self,
        message: &Message,
        expectation: Expectation,
        accepted: &mut (dyn FnMut(&ReceivedAck) + Send),
    ) -> Result<Option<ReceivedAck>, SendError> {
        let control_id = message.control_id();
        if control_id.is_empty() {
            return Err(SendError::NoControlId);
        }
        let connection = match self.take_connection() {
            Some(connection) => connection,
            None => {
                pause(&self.clock, self.not_before).await;
                // Counted as a failure until it is none, so that a dropped future counts too.
                self.note_failure();
                self.connect().await?
            }
        };
        let ack = self.converse(connection, message, (&control_id, expectation), accepted).await;
        match ack {
            Ok(_) => (self.failures, self.not_before) = (0, None),
            // A connection that had worked before has not been counted yet.
            Err(_) if self.failures == 0 => self.note_failure(),
            Err(_) => {}
        }
        ack
    }

    fn note_failure(&mut self) {
        self.failures = self.failures.saturating_add(1);
        let pause = self.reconnect.map(|reconnect| reconnect.pause(self.failures));
        self.not_before = pause.map(|pause| after(self.clock.now(), pause));
    }

    async fn converse(
        &mut self,
        mut connection: Pump<Machine>,
        message: &Message,
        (control_id, expectation): (&str, Expectation),
        accepted: &mut (dyn FnMut(&ReceivedAck) + Send),
    ) -> Result<Option<ReceivedAck>, SendError> {
        let now = self.clock.now();
        let sent =
            connection.machine.send_expecting(now, control_id, message.as_bytes(), expectation);
        if sent.is_err() {
            return Err(SendError::Closed(CloseReason::PeerClosed));
        }
        let ack = self.answer(&mut connection, (control_id, expectation), accepted).await?;
        if self.release == Release::Two && ack.is_some() {
            // What is returned is the caller's to keep; the peer need not repeat it.
            connection.machine.commit(Commit::Ack);
            while connection.backlog() > 0 && connection.broken().is_none() {
                connection.turn().await;
            }
        }
        self.connection = Some(connection);
        Ok(ack)
    }

    /// The connection, if it is still there, after a look at what the peer has said meanwhile.
    fn take_connection(&mut self) -> Option<Pump<Machine>> {
        let mut connection = self.connection.take()?;
        let mut context = Context::from_waker(Waker::noop());
        loop {
            while let Some(event) = connection.machine.poll_event() {
                match event {
                    SenderEvent::Close { reason, .. } => {
                        tracing::debug!(address = self.address, %reason, "connection is gone");
                        return None;
                    }
                    // Whatever it is, it does not belong to the next message.
                    event => tracing::warn!(address = self.address, ?event, "unasked"),
                }
            }
            if connection.poll_turn(&mut context).is_pending() {
                return Some(connection);
            }
        }
    }

    async fn connect(&mut self) -> Result<Pump<Machine>, SendError> {
        let deadline = after(self.clock.now(), self.timeouts.connect);
        let stream = match until(&self.clock, deadline, self.connector.connect(&self.address)).await
        {
            Some(Ok(stream)) => stream,
            Some(Err(error)) => return Err(SendError::Connect(error.kind())),
            None => return Err(SendError::Connect(io::ErrorKind::TimedOut)),
        };
        // The machine counts from the first byte; on a slow line a large report needs longer than an answer does.
        let config = SenderConfig {
            answer_ms_max: u32::MAX,
            release: self.release,
            ..SenderConfig::default()
        };
        let machine = Machine::new(config);
        let clock = Arc::clone(&self.clock);
        Ok(Pump::new(Box::new(stream), machine, clock, self.timeouts.send_progress))
    }

    async fn answer(
        &mut self,
        connection: &mut Pump<Machine>,
        (control_id, expectation): (&str, Expectation),
        accepted: &mut (dyn FnMut(&ReceivedAck) + Send),
    ) -> Result<Option<ReceivedAck>, SendError> {
        let mut alarm = Alarm::new(Arc::clone(&self.clock));
        let mut deadline = None;
        let mut strangers = false;
        // The machine itself counts the time of the application.
        let mut is_accepted = false;
        loop {
            while let Some(event) = connection.machine.poll_event() {
                match event {
                    SenderEvent::Answered { ack, .. } => return Ok(Some(ack)),
                    SenderEvent::Accepted { ack, .. } => {
                        // In release 2 each content block is committed.
                        connection.machine.commit(Commit::Ack);
                        accepted(&ack);
                        (is_accepted, deadline) = (true, None);
                    }
                    SenderEvent::Committed { .. } if expectation == Expectation::Nothing => {
                        return Ok(None);
                    }
                    SenderEvent::Unexpected(unexpected) => {
                        let address = &self.address;
                        tracing::warn!(address, control_id, %unexpected, "not the answer");
                        strangers = true;
                    }
                    SenderEvent::NotCommitted { .. } => return Err(SendError::NotCommitted),
                    SenderEvent::Timeout { .. } => return Err(timeout(strangers)),
                    SenderEvent::Close { reason, .. } => {
                        return Err(match connection.broken() {
                            Some(Broken::Transport(kind)) => SendError::Transport(kind),
                            Some(Broken::Stalled) => SendError::Stalled,
                            None => SendError::Closed(reason),
                        });
                    }
                    event => tracing::debug!(?event, "not understood"),
                }
            }
            let is_sent = connection.backlog() == 0;
            if is_sent && expectation == Expectation::Nothing && !connection.machine.is_in_flight()
            {
                // A failure to write empties the backlog too, and may be told only now.
                let quiet =
                    poll_fn(|context| Poll::Ready(connection.poll_turn(context).is_pending()));
                if quiet.await {
                    return Ok(None);
                }
                continue;
            }
            if deadline.is_none() && !is_accepted && is_sent {
                deadline = Some(after(self.clock.now(), self.timeouts.response));
            }
            let in_time = poll_fn(|context| {
                if connection.poll_turn(context).is_ready() {
                    return Poll::Ready(true);
                }
                alarm.poll(context, deadline).map(|()| false)
            });
            if !in_time.await {
                return Err(timeout(strangers));
            }
        }
    }
}

impl<C: Connector> std::fmt::Debug for Sender<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender")
            .field("address", &self.address)
            .field("connected", &self.connection.is_some())
            .finish_non_exhaustive()
    }
}

/// Why there is no acknowledgement.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection ended before the acknowledgement came.
    #[error("no acknowledgement: {0}")]
    Closed(CloseReason),
    /// No connection, or none in time.
    #[error("cannot connect: {0}")]
    Connect(io::ErrorKind),
    /// The message has no MSH-10, so no acknowledgement could ever be told from another.
    #[error("message without a control id (MSH-10)")]
    NoControlId,
    /// Frames came, but none of them acknowledged this message.
    #[error("no acknowledgement of this message, but of another or of none")]
    NotAnAcknowledgement,
    /// The peer's transport could not store the message (release 2).
    #[error("the peer could not store the message")]
    NotCommitted,
    /// The peer takes no bytes.
    #[error("timed out sending: the peer takes no bytes")]
    Stalled,
    /// Nothing came in time.
    #[error("timed out waiting for the acknowledgement")]
    Timeout,
    /// The stream broke.
    #[error("the connection broke: {0}")]
    Transport(io::ErrorKind),
}

impl SendError {
    /// Whether the same may work later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::NoControlId)
    }
}

async fn pause(clock: &Arc<dyn Clock>, not_before: Option<Instant>) {
    if let Some(deadline) = not_before {
        let _ = until(clock, deadline, std::future::pending::<()>()).await;
    }
}

fn timeout(strangers: bool) -> SendError {
    if strangers { SendError::NotAnAcknowledgement } else { SendError::Timeout }
}
