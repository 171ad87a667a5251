//! Sending HL7 messages over MLLP, one at a time.

use std::sync::Arc;

use telerad_hl7::Message;
use telerad_hl7::mllp::{CloseReason, Expectation, Release, Sender as Machine, can_be_framed};

use super::answer::{Answer, Exchange, Link, Reply};
use super::backoff::{Backoff, Reconnect};
use super::error::SendError;
use super::timeouts::Timeouts;
use crate::clock::{Clock, SystemClock, until};
use crate::open::open;
use crate::pump::Pump;
use crate::rng::{Rng, SystemRng};
use crate::transport::Connector;

/// Sends messages to one HL7 application, one at a time, over a connection that it keeps and renews.
///
/// An acknowledgement is believed only when its MSA-2 names the message. Whatever fails leaves the fate of the message
/// open: send it again, with the same MSH-10, until it is answered.
///
/// Its owner decides when to try again, so it does not pause by itself; see
/// [`with_reconnect`](Self::with_reconnect), and [`Pipeline`](super::Pipeline) for a sender with a task of its own.
pub struct Sender<C: Connector> {
    connector: C,
    link: Link,
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
        let link = Link {
            address: address.into(),
            timeouts,
            clock,
            connection: None,
            release: Release::One,
            backoff: Backoff::new(None, Arc::new(SystemRng)),
        };
        Self { connector, link }
    }

    /// Speaks this release of the protocol; release 1 unless told otherwise.
    #[must_use]
    pub fn with_release(mut self, release: Release) -> Self {
        self.link.release = release;
        self
    }

    /// Waits before it connects again after a sending that came to nothing, longer each time. Without this it does not
    /// wait: then the pauses are its owner's business.
    #[must_use]
    pub fn with_reconnect(mut self, reconnect: Reconnect, rng: Arc<dyn Rng>) -> Self {
        self.link.backoff = Backoff::new(Some(reconnect), rng);
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
    pub async fn send(&mut self, message: &Message) -> Result<Answer<'_>, SendError> {
        match self.send_expecting(message, Expectation::Answer).await? {
            Reply::Answered(answer) => Ok(answer),
            // One answer was expected, so there is one.
            Reply::Accepted(_) | Reply::Nothing => Err(SendError::NotAnAcknowledgement),
        }
    }

    /// As [`send`](Self::send), for messages in enhanced mode; [`Expectation::of`] tells what to expect.
    ///
    /// When the application's answer is awaited too, the commit answer comes first, as [`Reply::Accepted`]: from then on the
    /// peer has the message, whatever becomes of the connection.
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
    ) -> Result<Reply<'_>, SendError> {
        let control_id = message.control_id();
        if control_id.is_empty() {
            return Err(SendError::NoControlId);
        }
        if !can_be_framed(message.as_bytes()) {
            return Err(SendError::NotFramable);
        }
        let mut connection = match self.link.take_connection() {
            Some(connection) => connection,
            None => {
                if let Some(deadline) = self.link.backoff.not_before() {
                    let _ = until(&self.link.clock, deadline, std::future::pending::<()>()).await;
                }
                self.link.backoff.note_try(self.link.clock.now());
                self.connect().await?
            }
        };
        let (now, bytes) = (self.link.clock.now(), message.as_bytes());
        let sent = connection.machine.send_expecting(now, &*control_id, bytes, expectation);
        if sent.is_err() {
            // Nothing is in flight on it, so it is over.
            self.link.backoff.note_loss(now);
            return Err(SendError::Closed(CloseReason::PeerClosed));
        }
        Exchange::new(&mut self.link, connection, control_id, expectation).next().await
    }

    async fn connect(&mut self) -> Result<Pump<Machine>, SendError> {
        let Link { clock, timeouts, address, .. } = &self.link;
        let patience = (timeouts.connect, timeouts.tls);
        let stream = open(&self.connector, clock, address, patience).await?;
        let machine = Machine::new(self.link.timeouts.machine(self.link.release, 1));
        Ok(Pump::new(Box::new(stream), machine, Arc::clone(clock), timeouts.send_progress))
    }
}

impl<C: Connector> std::fmt::Debug for Sender<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender")
            .field("address", &self.link.address)
            .field("connected", &self.link.connection.is_some())
            .finish_non_exhaustive()
    }
}
