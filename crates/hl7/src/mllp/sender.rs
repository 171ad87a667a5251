//! The sending end of a connection.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{CloseReason, Decoder, Event, Fault, Limits, frame};
use crate::{Message, ReceivedAck, read_acknowledgement};

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
}

impl Default for SenderConfig {
    fn default() -> Self {
        Self {
            limits: Limits { frame_bytes_max: 1 << 20, ..Limits::default() },
            answer_ms_max: 30_000,
            carriage_return_ms_max: 500,
        }
    }
}

/// What a sending end has to tell.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SenderEvent {
    /// The peer acknowledged the message in flight; it may have said no.
    Answered {
        /// MSH-10 of the message in flight.
        control_id: String,
        /// What the acknowledgement says.
        ack: ReceivedAck,
        /// The acknowledgement itself.
        message: Message,
    },
    /// Something came that is not the awaited acknowledgement. The message is still in flight.
    Unexpected(Unexpected),
    /// No acknowledgement came in time. Nothing is known about the message; send it again with the same MSH-10, on a
    /// fresh connection.
    Timeout {
        /// MSH-10 of the message that was in flight.
        control_id: String,
    },
    /// The connection is over. `in_flight` names the message that is still unacknowledged.
    Close {
        /// Why it ended.
        reason: CloseReason,
        /// MSH-10 of the message that was in flight.
        in_flight: Option<String>,
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
    /// An acknowledgement while nothing is in flight.
    #[error("acknowledgement while nothing is in flight")]
    Unasked,
}

/// A message is in flight already, or the connection is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a message is in flight or the connection is over")]
pub struct Busy;

/// The sending end of one connection: one message in flight, answered when MSA-2 names its MSH-10.
pub struct Sender {
    config: SenderConfig,
    decoder: Decoder,
    events: VecDeque<SenderEvent>,
    transmit: Vec<Bytes>,
    in_flight: Option<InFlight>,
    last_input: Option<Instant>,
    closed: bool,
}

struct InFlight {
    control_id: String,
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
            in_flight: None,
            last_input: None,
            closed: false,
        }
    }

    /// Sends an unframed message whose MSH-10 is `control_id`.
    ///
    /// # Errors
    /// [`Busy`] while another message is in flight, and once the connection is over.
    pub fn send(
        &mut self,
        now: Instant,
        control_id: impl Into<String>,
        message: impl AsRef<[u8]>,
    ) -> Result<(), Busy> {
        if self.closed || self.in_flight.is_some() {
            return Err(Busy);
        }
        let patience = Duration::from_millis(u64::from(self.config.answer_ms_max));
        self.in_flight = Some(InFlight { control_id: control_id.into(), deadline: now + patience });
        self.transmit.push(frame(message.as_ref()));
        Ok(())
    }

    /// Takes bytes off the stream.
    pub fn handle_input(&mut self, now: Instant, input: Bytes) {
        if self.closed {
            return;
        }
        self.last_input = Some(now);
        self.decoder.feed(input);
        self.decode();
    }

    /// The peer will send no more.
    pub fn handle_closed(&mut self, _now: Instant) {
        self.decoder.end_without_carriage_return();
        self.decoder.finish();
        self.decode();
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
            self.decode();
        }
        if let Some(late) = self.in_flight.take_if(|in_flight| in_flight.deadline <= now) {
            self.events.push_back(SenderEvent::Timeout { control_id: late.control_id });
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
        let answer = self.in_flight.as_ref().map(|in_flight| in_flight.deadline);
        [self.carriage_return_deadline(), answer].into_iter().flatten().min()
    }

    /// Whether a message waits for its acknowledgement.
    pub fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    fn carriage_return_deadline(&self) -> Option<Instant> {
        let patience = Duration::from_millis(u64::from(self.config.carriage_return_ms_max));
        let last_input = self.last_input.filter(|_| self.decoder.awaits_carriage_return());
        last_input.map(|last_input| last_input + patience)
    }

    fn decode(&mut self) {
        while let Some(event) = self.decoder.poll() {
            match event {
                Event::Frame(frame) => self.receive(frame),
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

    fn receive(&mut self, frame: Bytes) {
        let bytes = frame.len();
        let Ok(message) = Message::parse(frame) else {
            return self.unexpected(Unexpected::NotAnAcknowledgement { bytes });
        };
        let Some(ack) = read_acknowledgement(&message) else {
            return self.unexpected(Unexpected::NotAnAcknowledgement { bytes });
        };
        // A peer that could not read our MSH-10 cannot name it; with one message in flight its no is an answer
        // all the same. Its yes is not: delivery is only believed of the message that is named.
        let is_nameless_refusal = ack.control_id.is_empty() && !ack.code.is_accepted();
        let answered = self
            .in_flight
            .take_if(|in_flight| is_nameless_refusal || in_flight.control_id == ack.control_id);
        match answered {
            Some(InFlight { control_id, .. }) => {
                self.events.push_back(SenderEvent::Answered { control_id, ack, message });
            }
            None if self.in_flight.is_some() => self.unexpected(Unexpected::OtherControlId),
            None => self.unexpected(Unexpected::Unasked),
        }
    }

    fn unexpected(&mut self, unexpected: Unexpected) {
        self.events.push_back(SenderEvent::Unexpected(unexpected));
    }

    fn close(&mut self, reason: CloseReason) {
        if !self.closed {
            self.closed = true;
            let in_flight = self.in_flight.take().map(|in_flight| in_flight.control_id);
            self.events.push_back(SenderEvent::Close { reason, in_flight });
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("decoder", &self.decoder)
            .field("is_in_flight", &self.is_in_flight())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
