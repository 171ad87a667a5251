//! The sending end of a connection.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{CloseReason, Commit, Decoder, Event, Fault, Limits, Release, frame};
use crate::{AckCode, AckCondition, AckMode, Message, ReceivedAck, read_acknowledgement};

/// Limits and patience of a sending end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SenderConfig {
    /// Size of the frames that come back. Default 1 MiB, ample for acknowledgements.
    pub limits: Limits,
    /// Wait for the acknowledgement of a message. Default 30 s.
    pub answer_ms_max: u32,
    /// Wait for the carriage return after an end block, before an acknowledgement is taken without it. Default
    /// 500 ms.
    pub carriage_return_ms_max: u32,
    /// Messages in flight at once. Default 1, as the protocol has it; with more, the peer must be known to answer all
    /// of them, each by its control id.
    pub in_flight_max: usize,
    /// Wait for the application's answer after the commit answer of enhanced mode. Default 5 min.
    pub application_answer_ms_max: u32,
    /// Release of the protocol. Default release 1.
    pub release: Release,
}

impl Default for SenderConfig {
    fn default() -> Self {
        Self {
            limits: Limits { frame_bytes_max: 1 << 20, ..Limits::default() },
            answer_ms_max: 30_000,
            carriage_return_ms_max: 500,
            in_flight_max: 1,
            application_answer_ms_max: 300_000,
            release: Release::One,
        }
    }
}

/// Which answers to a message come on its connection.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Expectation {
    /// One, whatever its code: that of original mode, or the commit answer of enhanced mode when the application
    /// answers elsewhere.
    #[default]
    Answer,
    /// The commit answer, and unless that is a refusal, the application's answer.
    CommitAndApplication,
    /// None: the message counts as done once it is sent, or committed in release 2.
    Nothing,
}

impl Expectation {
    /// What the receiver of a message in this mode will answer on the connection, when the application answers there
    /// too. `None` where silence may mean success (`ER`) or failure (`SU`), so that only the caller can say.
    pub fn of(mode: AckMode) -> Option<Self> {
        use AckCondition::{Always, Never};
        match mode {
            AckMode::Original => Some(Self::Answer),
            AckMode::Enhanced { accept: Always, application: Always } => {
                Some(Self::CommitAndApplication)
            }
            AckMode::Enhanced { accept: Always, application: Never }
            | AckMode::Enhanced { accept: Never, application: Always } => Some(Self::Answer),
            AckMode::Enhanced { accept: Never, application: Never } => Some(Self::Nothing),
            AckMode::Enhanced { .. } => None,
        }
    }
}

/// What a sending end has to tell.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SenderEvent {
    /// The peer has a message in safe storage and its application will answer later (enhanced mode, CA). It is still in
    /// flight.
    Accepted {
        /// MSH-10 of the message.
        control_id: String,
        /// What the commit answer says.
        ack: ReceivedAck,
        /// The commit answer itself.
        message: Message,
    },
    /// The peer acknowledged a message in flight; it may have said no. No other answer to it is awaited.
    Answered {
        /// MSH-10 of the message that was in flight.
        control_id: String,
        /// What the acknowledgement says.
        ack: ReceivedAck,
        /// The acknowledgement itself.
        message: Message,
    },
    /// The peer's transport has a message in safe storage (release 2). Its answer is still awaited unless
    /// [`Expectation::Nothing`] was.
    Committed {
        /// MSH-10 of the message.
        control_id: String,
    },
    /// The peer's transport has refused a message, which is no longer in flight (release 2). Send it again.
    NotCommitted {
        /// MSH-10 of the message.
        control_id: String,
    },
    /// Something came that is not an awaited acknowledgement. What is in flight stays so.
    Unexpected(Unexpected),
    /// No acknowledgement came in time. Nothing is known about the message; send it again with the same MSH-10, on a
    /// fresh connection.
    Timeout {
        /// MSH-10 of the message that was in flight.
        control_id: String,
    },
    /// The connection is over. `in_flight` names the messages that are still unacknowledged.
    Close {
        /// Why it ended.
        reason: CloseReason,
        /// MSH-10 of the messages that were in flight, oldest first.
        in_flight: Vec<String>,
    },
}

/// What came instead of the acknowledgement.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unexpected {
    /// The peer broke the framing rules.
    #[error(transparent)]
    Fault(Fault),
    /// A frame without a readable MSA.
    #[error("frame of {bytes} bytes is no acknowledgement")]
    NotAnAcknowledgement {
        /// Length of its content.
        bytes: usize,
    },
    /// An acknowledgement of another message, perhaps one that was given up.
    #[error("acknowledgement of another message")]
    OtherControlId,
    /// A commit answer (CA) of a message that had one. It is not the application's, which is still awaited.
    #[error("second commit answer of a message")]
    RepeatedCommit,
    /// An acknowledgement while nothing is in flight.
    #[error("acknowledgement while nothing is in flight")]
    Unasked,
}

/// Enough messages are in flight already, or the connection is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("enough messages are in flight or the connection is over")]
pub struct Busy;

/// The sending end of one connection: messages in flight, each answered when MSA-2 names its MSH-10.
pub struct Sender {
    config: SenderConfig,
    decoder: Decoder,
    events: VecDeque<SenderEvent>,
    transmit: Vec<Bytes>,
    /// Oldest first.
    in_flight: VecDeque<InFlight>,
    /// Answers that we have not committed (release 2).
    uncommitted: usize,
    /// The commit block of a message that is no longer in flight may still come (release 2).
    awaits_late_commit: bool,
    last_input: Option<Instant>,
    closed: bool,
}

struct InFlight {
    control_id: String,
    expectation: Expectation,
    /// Waits for its commit block (release 2).
    is_uncommitted: bool,
    /// The commit answer of enhanced mode has come; only the application's answer is awaited.
    is_accepted: bool,
    deadline: Instant,
}

impl Sender {
    /// A connection that has just been made.
    pub fn new(config: SenderConfig) -> Self {
        Self {
            config,
            decoder: Decoder::new(config.limits),
            events: VecDeque::new(),
            transmit: Vec::new(),
            in_flight: VecDeque::new(),
            uncommitted: 0,
            awaits_late_commit: false,
            last_input: None,
            closed: false,
        }
    }

    /// Sends an unframed message whose MSH-10 is `control_id` and expects one answer.
    ///
    /// # Errors
    /// [`Busy`] while as many messages are in flight as [`SenderConfig::in_flight_max`] says, in release 2 while the
    /// commit block of a message has not come, and once the connection is over.
    pub fn send(
        &mut self,
        now: Instant,
        control_id: impl Into<String>,
        message: impl AsRef<[u8]>,
    ) -> Result<(), Busy> {
        self.send_expecting(now, control_id, message, Expectation::Answer)
    }

    /// As [`send`](Self::send), for messages that are answered otherwise.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_expecting(
        &mut self,
        now: Instant,
        control_id: impl Into<String>,
        message: impl AsRef<[u8]>,
        expectation: Expectation,
    ) -> Result<(), Busy> {
        if !self.can_send() {
            return Err(Busy);
        }
        let is_uncommitted = self.config.release == Release::Two;
        if is_uncommitted || expectation != Expectation::Nothing {
            let deadline = after(now, self.config.answer_ms_max);
            let control_id = control_id.into();
            self.in_flight.push_back(InFlight {
                control_id,
                expectation,
                is_uncommitted,
                is_accepted: false,
                deadline,
            });
        }
        self.transmit.push(frame(message.as_ref()));
        Ok(())
    }

    /// Whether [`send`](Self::send) would take a message now.
    pub fn can_send(&self) -> bool {
        !self.closed
            && self.in_flight.len() < self.config.in_flight_max.max(1)
            && !self.awaits_late_commit
            && !self.in_flight.iter().any(|in_flight| in_flight.is_uncommitted)
    }

    /// Says in release 2 whether the oldest answer that has come and is not committed is in safe storage; says nothing
    /// in release 1, and when there is no such answer.
    pub fn commit(&mut self, commit: Commit) {
        if self.uncommitted > 0 && !self.closed {
            self.uncommitted -= 1;
            self.transmit.push(commit.bytes());
        }
    }

    /// Takes bytes off the stream.
    pub fn handle_input(&mut self, now: Instant, input: Bytes) {
        if self.closed {
            return;
        }
        self.last_input = Some(now);
        self.decoder.feed(input);
        self.decode(now);
    }

    /// The peer will send no more.
    pub fn handle_closed(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        self.decoder.end_without_carriage_return();
        self.decoder.finish();
        self.decode(now);
        let mid_frame = self.decoder.is_mid_frame();
        self.close(if mid_frame {
            CloseReason::PeerClosedMidFrame
        } else {
            CloseReason::PeerClosed
        });
    }

    /// Acts on deadlines that have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.carriage_return_deadline().is_some_and(|deadline| deadline <= now) {
            self.decoder.end_without_carriage_return();
            self.decode(now);
        }
        let is_late = |in_flight: &InFlight| in_flight.deadline <= now;
        while let Some(place) = self.in_flight.iter().position(is_late) {
            if let Some(InFlight { control_id, .. }) = self.let_go(place) {
                self.events.push_back(SenderEvent::Timeout { control_id });
            }
        }
    }

    /// Whether more bytes are welcome; acknowledgements always are.
    pub fn wants_input(&self) -> bool {
        !self.closed
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<SenderEvent> {
        self.events.pop_front()
    }

    /// Moves the bytes to be sent to `out`.
    pub fn poll_transmit(&mut self, out: &mut Vec<Bytes>) {
        out.append(&mut self.transmit);
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let answer = self.in_flight.iter().map(|in_flight| in_flight.deadline).min();
        [self.carriage_return_deadline(), answer].into_iter().flatten().min()
    }

    /// Whether a message waits for its acknowledgement.
    pub fn is_in_flight(&self) -> bool {
        !self.in_flight.is_empty()
    }

    fn carriage_return_deadline(&self) -> Option<Instant> {
        let last_input = self.last_input.filter(|_| self.decoder.awaits_carriage_return());
        last_input.map(|last_input| after(last_input, self.config.carriage_return_ms_max))
    }

    fn decode(&mut self, now: Instant) {
        while !self.closed
            && let Some(event) = self.decoder.poll()
        {
            match event {
                Event::Frame(frame) => self.receive(now, frame),
                Event::Commit(commit) => self.receive_commit(now, commit),
                Event::Fault(fault) => {
                    self.unexpected(Unexpected::Fault(fault));
                    match fault {
                        Fault::TooLarge { .. } => self.close(CloseReason::Oversized),
                        Fault::StrayBytes { count }
                            if count >= self.config.limits.stray_bytes_max.max(1) =>
                        {
                            self.close(CloseReason::NotMllp);
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    fn receive(&mut self, now: Instant, frame: Bytes) {
        if self.config.release == Release::Two {
            self.uncommitted += 1;
        }
        let bytes = frame.len();
        let Ok(message) = Message::parse(frame) else {
            return self.unexpected(Unexpected::NotAnAcknowledgement { bytes });
        };
        let Some(ack) = read_acknowledgement(&message) else {
            return self.unexpected(Unexpected::NotAnAcknowledgement { bytes });
        };
        // A peer that could not read our MSH-10 cannot name it; with one message in flight its no is an answer
        // all the same. Its yes is not: delivery is only believed of the message that is named.
        let is_nameless_refusal =
            self.in_flight.len() == 1 && ack.control_id.is_empty() && !ack.code.is_accepted();
        let named = self
            .in_flight
            .iter()
            .position(|in_flight| is_nameless_refusal || in_flight.control_id == ack.control_id);
        let Some(place) = named else {
            return self.unexpected(if self.in_flight.is_empty() {
                Unexpected::Unasked
            } else {
                Unexpected::OtherControlId
            });
        };
        if let Some(in_flight) = self.in_flight.get_mut(place)
            && in_flight.expectation == Expectation::CommitAndApplication
            && ack.code == AckCode::CA
        {
            if in_flight.is_accepted {
                return self.unexpected(Unexpected::RepeatedCommit);
            }
            in_flight.is_accepted = true;
            in_flight.deadline = after(now, self.config.application_answer_ms_max);
            let control_id = in_flight.control_id.clone();
            return self.events.push_back(SenderEvent::Accepted { control_id, ack, message });
        }
        if let Some(InFlight { control_id, .. }) = self.let_go(place) {
            self.events.push_back(SenderEvent::Answered { control_id, ack, message });
        }
    }

    /// Takes a message out of flight. Commit blocks name no message, so that until its own has come, another could not be
    /// told from it.
    fn let_go(&mut self, place: usize) -> Option<InFlight> {
        let in_flight = self.in_flight.remove(place)?;
        self.awaits_late_commit |= in_flight.is_uncommitted;
        Some(in_flight)
    }

    /// A commit block answers the oldest message that has none: blocks come in the order of the messages.
    fn receive_commit(&mut self, now: Instant, commit: Commit) {
        let oldest = self.in_flight.iter().position(|in_flight| in_flight.is_uncommitted);
        let Some(place) = oldest else {
            self.awaits_late_commit = false;
            return self.unexpected(Unexpected::Fault(Fault::UnexpectedCommit));
        };
        let Some(in_flight) = self.in_flight.get_mut(place) else { return };
        in_flight.is_uncommitted = false;
        in_flight.deadline = after(now, self.config.answer_ms_max);
        let control_id = in_flight.control_id.clone();
        if commit == Commit::Nak || in_flight.expectation == Expectation::Nothing {
            self.in_flight.remove(place);
        }
        self.events.push_back(match commit {
            Commit::Ack => SenderEvent::Committed { control_id },
            Commit::Nak => SenderEvent::NotCommitted { control_id },
        });
    }

    fn unexpected(&mut self, unexpected: Unexpected) {
        self.events.push_back(SenderEvent::Unexpected(unexpected));
    }

    fn close(&mut self, reason: CloseReason) {
        if !self.closed {
            self.closed = true;
            let in_flight = self.in_flight.drain(..);
            let in_flight = in_flight.map(|in_flight| in_flight.control_id).collect();
            self.events.push_back(SenderEvent::Close { reason, in_flight });
        }
    }
}

fn after(now: Instant, milliseconds: u32) -> Instant {
    now + Duration::from_millis(u64::from(milliseconds))
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("decoder", &self.decoder)
            .field("in_flight", &self.in_flight.len())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
