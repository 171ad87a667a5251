//! What comes back for one message, and our word that it is kept.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use telerad_hl7::ReceivedAck;
use telerad_hl7::mllp::{Commit, Expectation, Release, Sender as Machine, SenderEvent};

use super::backoff::Backoff;
use super::error::SendError;
use super::timeouts::Timeouts;
use crate::clock::{Alarm, Clock, after};
use crate::pump::Pump;

/// What came back for a message.
#[derive(Debug)]
#[must_use = "an acknowledgement has to be stored, then `stored` be called"]
pub enum Reply<'a> {
    /// The peer has the message in safe storage (CA); its application has not answered yet. This is no delivery where the
    /// application's word was asked for.
    Accepted(Accepted<'a>),
    /// The last answer, which may be a refusal.
    Answered(Answer<'a>),
    /// None, as was agreed ([`Expectation::Nothing`]).
    Nothing,
}

/// The last answer to a message, until its receiver says that it is stored.
///
/// In release 2 of the protocol each acknowledgement is itself committed: [`stored`](Self::stored) sends the commit block,
/// so call it when the acknowledgement is in safe storage. Dropped without that, the peer is told that it is not stored, and
/// the connection is closed: send the message again, with the same MSH-10. In release 1 nothing goes out in either case.
#[must_use = "store the acknowledgement, then call `stored`"]
pub struct Answer<'a> {
    ack: ReceivedAck,
    open: Open<'a>,
}

impl Answer<'_> {
    /// What it says, to be stored.
    pub fn ack(&self) -> &ReceivedAck {
        &self.ack
    }

    /// Says that the acknowledgement is in safe storage, and gives it. The sender can then send again.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection in release 2; the peer may give its answer again.
    pub async fn stored(self) -> ReceivedAck {
        let Self { ack, mut open } = self;
        if open.link.release == Release::Two
            && let Some(mut connection) = open.connection.take()
        {
            connection.machine.commit(Commit::Ack);
            while connection.backlog() > 0 && connection.broken().is_none() {
                connection.turn().await;
            }
            open.connection = Some(connection);
        }
        open.give_back();
        ack
    }
}

impl std::fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Answer").field(&self.ack).finish()
    }
}

/// The commit answer of enhanced mode, while the application's is awaited.
///
/// Dropping it closes the connection: the application's answer is lost, and the message has to be sent again. In release 2
/// the peer is told first that its answer is not stored.
#[must_use = "wait for the application's answer"]
pub struct Accepted<'a> {
    ack: ReceivedAck,
    exchange: Exchange<'a>,
}

impl<'a> Accepted<'a> {
    /// What it says, to be stored.
    pub fn ack(&self) -> &ReceivedAck {
        &self.ack
    }

    /// Says that the commit answer is in safe storage, which release 2 tells the peer, and waits for the application's
    /// answer, as long as [`Timeouts::application`](super::Timeouts::application).
    ///
    /// # Errors
    /// As [`Sender::send`](super::Sender::send).
    ///
    /// # Cancel safety
    /// As [`Sender::send`](super::Sender::send).
    pub async fn stored(mut self) -> Result<Answer<'a>, SendError> {
        if let Some(connection) = &mut self.exchange.open.connection {
            connection.machine.commit(Commit::Ack);
        }
        match self.exchange.next().await? {
            Reply::Answered(answer) => Ok(answer),
            // There is no second commit answer, and an application's answer was expected.
            Reply::Accepted(_) | Reply::Nothing => Err(SendError::NotAnAcknowledgement),
        }
    }
}

impl std::fmt::Debug for Accepted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Accepted").field(&self.ack).finish()
    }
}

/// What a sender keeps from one message to the next.
pub(super) struct Link {
    pub(super) address: String,
    pub(super) timeouts: Timeouts,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) connection: Option<Pump<Machine>>,
    pub(super) release: Release,
    pub(super) backoff: Backoff,
}

impl Link {
    /// The connection, if it is still there, after a look at what the peer has said meanwhile.
    pub(super) fn take_connection(&mut self) -> Option<Pump<Machine>> {
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
                // The commit block of a message that was answered has not come (release 2), and may never.
                return connection.machine.can_send().then_some(connection);
            }
        }
    }
}

/// A connection on which something is unsaid. Dropped, it says no to what was not committed and closes.
struct Open<'a> {
    link: &'a mut Link,
    connection: Option<Pump<Machine>>,
}

impl Open<'_> {
    /// Nothing is unsaid any more.
    fn give_back(&mut self) {
        self.link.connection = self.connection.take();
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if self.link.release == Release::One && !connection.machine.is_in_flight() {
            self.link.connection = Some(connection);
            return;
        }
        connection.machine.commit(Commit::Nak);
        connection.say_goodbye();
    }
}

/// A message on its way.
pub(super) struct Exchange<'a> {
    open: Open<'a>,
    control_id: String,
    expectation: Expectation,
    /// For the first answer; counted from the last byte of the message.
    deadline: Option<Instant>,
    /// The commit answer is here. The machine itself counts the time of the application.
    is_accepted: bool,
    /// Something came that acknowledges another message, or none.
    strangers: bool,
}

impl<'a> Exchange<'a> {
    /// The message has been given to the machine.
    pub(super) fn new(
        link: &'a mut Link,
        connection: Pump<Machine>,
        control_id: String,
        expectation: Expectation,
    ) -> Self {
        let open = Open { link, connection: Some(connection) };
        let (deadline, is_accepted, strangers) = (None, false, false);
        Self { open, control_id, expectation, deadline, is_accepted, strangers }
    }

    pub(super) async fn next(mut self) -> Result<Reply<'a>, SendError> {
        // Taken out, so that a dropped future drops, and so closes, the connection.
        let Some(mut connection) = self.open.connection.take() else {
            return Err(SendError::NotAnAcknowledgement);
        };
        let progress = self.progress(&mut connection).await;
        match &progress {
            Ok(_) => self.open.link.backoff.note_answer(),
            Err(_) => self.open.link.backoff.note_loss(self.open.link.clock.now()),
        }
        let progress = progress?;
        self.open.connection = Some(connection);
        Ok(match progress {
            Progress::Accepted(ack) => {
                self.is_accepted = true;
                Reply::Accepted(Accepted { ack, exchange: self })
            }
            Progress::Answered(ack) => Reply::Answered(Answer { ack, open: self.open }),
            Progress::Done => {
                self.open.give_back();
                Reply::Nothing
            }
        })
    }

    async fn progress(&mut self, connection: &mut Pump<Machine>) -> Result<Progress, SendError> {
        let mut alarm = Alarm::new(Arc::clone(&self.open.link.clock));
        loop {
            while let Some(event) = connection.machine.poll_event() {
                if let Some(progress) = self.take(event, connection)? {
                    return Ok(progress);
                }
            }
            let is_sent = connection.backlog() == 0;
            let wants_nothing = self.expectation == Expectation::Nothing;
            if is_sent && wants_nothing && !connection.machine.is_in_flight() {
                // A failure to write empties the backlog too, and may be told only now.
                let quiet =
                    poll_fn(|context| Poll::Ready(connection.poll_turn(context).is_pending()));
                if quiet.await {
                    return Ok(Progress::Done);
                }
                continue;
            }
            if self.deadline.is_none() && !self.is_accepted && is_sent {
                let link = &self.open.link;
                self.deadline = Some(after(link.clock.now(), link.timeouts.response));
            }
            let deadline = self.deadline.filter(|_| !self.is_accepted);
            let in_time = poll_fn(|context| {
                if connection.poll_turn(context).is_ready() {
                    return Poll::Ready(true);
                }
                alarm.poll(context, deadline).map(|()| false)
            });
            if !in_time.await {
                return Err(self.timeout());
            }
        }
    }

    fn take(
        &mut self,
        event: SenderEvent,
        connection: &Pump<Machine>,
    ) -> Result<Option<Progress>, SendError> {
        Ok(match event {
            SenderEvent::Answered { ack, .. } => Some(Progress::Answered(ack)),
            SenderEvent::Accepted { ack, .. } => Some(Progress::Accepted(ack)),
            SenderEvent::Committed { .. } => {
                (self.expectation == Expectation::Nothing).then_some(Progress::Done)
            }
            SenderEvent::Unexpected(unexpected) => {
                let (address, control_id) = (&self.open.link.address, &self.control_id);
                tracing::warn!(address, control_id, %unexpected, "not the answer");
                self.strangers = true;
                None
            }
            SenderEvent::NotCommitted { .. } => return Err(SendError::NotCommitted),
            SenderEvent::Timeout { .. } => return Err(self.timeout()),
            SenderEvent::Close { reason, .. } => {
                return Err(SendError::of_closed(reason, connection.broken()));
            }
            event => {
                tracing::debug!(?event, "not understood");
                None
            }
        })
    }

    fn timeout(&self) -> SendError {
        if self.strangers { SendError::NotAnAcknowledgement } else { SendError::Timeout }
    }
}

enum Progress {
    Accepted(ReceivedAck),
    Answered(ReceivedAck),
    Done,
}
