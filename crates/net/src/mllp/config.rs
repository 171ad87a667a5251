//! What a server is given, who answers and within which limits; and the limits of a pipeline.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use telerad_hl7::mllp::{FaultPolicy, Limits, ReceiverConfig, Release};

use super::backoff::Reconnect;
use super::budget::Budget;
use super::timeouts::Timeouts;
use crate::BoxFuture;
use crate::Remote;
use crate::clock::{Clock, SystemClock};
use crate::rng::{Rng, SystemRng};

/// Answers HL7 messages.
pub trait MessageHandler: Send + Sync + 'static {
    /// Takes the content of one frame, whatever it is, and yields the acknowledgement, unframed.
    ///
    /// An acknowledgement of acceptance must mean that the message is durable. Nonsense is answered too (HL7 2.5.1
    /// section 2.9.2: AR); an empty answer sends nothing and closes the connection.
    fn handle(&self, remote: Remote, frame: Bytes) -> BoxFuture<'static, Bytes>;

    /// As [`handle`](Self::handle), with more to say than an acknowledgement. Servers call this one; unless it is written
    /// anew, it calls the other.
    fn handle_frame(&self, remote: Remote, frame: Bytes) -> BoxFuture<'static, Handled> {
        let answer = self.handle(remote, frame);
        Box::pin(async move {
            let answer = answer.await;
            if answer.is_empty() { Handled::Close } else { Handled::Answer(answer) }
        })
    }
}

/// What a handler made of a frame.
#[derive(Clone, Eq, PartialEq)]
pub enum Handled {
    /// Answer with this acknowledgement, unframed.
    Answer(Bytes),
    /// Answer with both acknowledgements of enhanced mode, each unframed and in a frame of its own: the commit answer, and the
    /// application's behind it (HL7 2.5.1 section 2.9.3).
    AnswerTwice {
        /// CA, CE or CR.
        commit: Bytes,
        /// AA, AE or AR.
        application: Bytes,
    },
    /// Close the connection without an answer.
    Close,
    /// It is durable and wants no answer: enhanced mode with MSH-15 and MSH-16 `NE`.
    Nothing,
    /// It could not be made durable. In release 2 the peer is told so and sends it again; in release 1 the connection
    /// is closed without an answer, to the same end.
    NotStored,
}

impl std::fmt::Debug for Handled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answer(answer) => write!(f, "Answer({} bytes, <redacted>)", answer.len()),
            Self::AnswerTwice { commit, application } => {
                let bytes = commit.len() + application.len();
                write!(f, "AnswerTwice({bytes} bytes, <redacted>)")
            }
            Self::Close => f.write_str("Close"),
            Self::Nothing => f.write_str("Nothing"),
            Self::NotStored => f.write_str("NotStored"),
        }
    }
}

/// Limits and deadlines of an MLLP server. Every one has a safe default.
#[derive(Clone)]
pub struct ServerConfig {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Connections at a time; more are closed at once, since MLLP has no word for "not now".
    pub connections_max: usize,
    /// Connections at a time from one host.
    pub connections_per_peer_max: usize,
    /// Seconds that connections get to finish what is in flight after shutdown was asked for.
    pub drain_seconds_max: u64,
    /// What to do about broken framing. Default: go on.
    pub fault_policy: FaultPolicy,
    /// Bytes of one frame; a longer one closes the connection.
    pub frame_bytes_max: usize,
    /// Bytes of frames over all connections, from their first byte to their answer; 128 KiB of each are not counted. While
    /// they are used up, who sends a large frame is held back in its socket and keeps its deadline for the whole frame. One
    /// whole frame always has room, so at least [`frame_bytes_max`](Self::frame_bytes_max) may be used. A frame beyond 64 KiB is
    /// copied once when it is whole: for that moment it takes twice its size.
    pub frames_bytes_max_total: usize,
    /// Seconds that a frame may take in all.
    pub frame_seconds_max: u32,
    /// Seconds that a frame, once begun, may stay without another byte.
    pub frame_stall_seconds_max: u32,
    /// Seconds that the handler may take for one message.
    pub handler_seconds_max: u64,
    /// Seconds without any message. Senders keep connections open on purpose, so this is long.
    pub idle_seconds_max: u32,
    /// Release of the protocol. Default release 1; nothing on the wire tells which one a peer speaks.
    pub release: Release,
    /// Seconds that the peer may take no bytes while we have some for it.
    pub send_progress_seconds_max: u64,
    /// Seconds that a peer may take for the TLS handshake.
    pub tls_seconds_max: u64,
}

impl ServerConfig {
    pub(super) fn budget(&self) -> Budget {
        Budget::new(self.frames_bytes_max_total, self.frame_bytes_max)
    }

    pub(super) fn receiver(&self) -> ReceiverConfig {
        let limits = Limits { frame_bytes_max: self.frame_bytes_max, ..Limits::default() };
        ReceiverConfig {
            limits,
            // One frame at a time is what memory is planned for; the sender waits in its socket.
            unanswered_max: 1,
            idle_seconds_max: self.idle_seconds_max,
            stall_seconds_max: self.frame_stall_seconds_max,
            frame_seconds_max: self.frame_seconds_max,
            release: self.release,
            fault_policy: self.fault_policy,
            ..ReceiverConfig::default()
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            clock: SystemClock::shared(),
            connections_max: 200,
            connections_per_peer_max: 20,
            drain_seconds_max: 30,
            fault_policy: FaultPolicy::default(),
            frame_bytes_max: 64 * 1024 * 1024,
            frames_bytes_max_total: 256 * 1024 * 1024,
            frame_seconds_max: 600,
            frame_stall_seconds_max: 30,
            handler_seconds_max: 120,
            idle_seconds_max: 3600,
            release: Release::One,
            send_progress_seconds_max: 60,
            tls_seconds_max: 10,
        }
    }
}

impl std::fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerConfig")
            .field("connections_max", &self.connections_max)
            .field("frame_bytes_max", &self.frame_bytes_max)
            .field("frames_bytes_max_total", &self.frames_bytes_max_total)
            .finish_non_exhaustive()
    }
}

/// Limits and patience of a [`Pipeline`](super::Pipeline).
#[derive(Clone)]
pub struct PipelineConfig {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// For the jitter of pauses.
    pub rng: Arc<dyn Rng>,
    /// Messages in flight at once. Default 1, as the protocol has it; with more, the peer must be known to answer all of
    /// them, each by its control id.
    pub in_flight_max: usize,
    /// Messages that wait to be sent; who comes then waits for a place. Default 256.
    pub waiting_max: usize,
    /// How long a message may wait to be sent, connecting included. Default 1 minute.
    pub waiting_time_max: Duration,
    /// Pauses between connections that come to nothing.
    pub reconnect: Reconnect,
    /// For what is sent.
    pub timeouts: Timeouts,
    /// How long what is in flight may take at a stop. Default 30 s.
    pub drain: Duration,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self {
            clock: SystemClock::shared(),
            rng: Arc::new(SystemRng),
            in_flight_max: 1,
            waiting_max: 256,
            waiting_time_max: Duration::from_secs(60),
            reconnect: Reconnect::default(),
            timeouts: Timeouts::default(),
            drain: Duration::from_secs(30),
        }
    }
}

impl std::fmt::Debug for PipelineConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PipelineConfig")
            .field("in_flight_max", &self.in_flight_max)
            .field("waiting_max", &self.waiting_max)
            .field("waiting_time_max", &self.waiting_time_max)
            .field("reconnect", &self.reconnect)
            .field("timeouts", &self.timeouts)
            .field("drain", &self.drain)
            .finish_non_exhaustive()
    }
}
