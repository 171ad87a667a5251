//! The receiving end of a connection.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Commit, Decoder, Event, Fault, Limits, Release, StartBlockInFrame, frame};

/// Limits and patience of a receiving end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReceiverConfig {
    /// Size of frames.
    pub limits: Limits,
    /// Messages that may wait for their answer at once. The protocol allows one; a sender that pipelines is read
    /// no further than this. Default 4.
    pub unanswered_max: usize,
    /// Pause between frames after which the connection is closed. Default 1 hour: senders keep connections open.
    pub idle_seconds_max: u32,
    /// Pause inside a frame after which the connection is closed. Default 30 s.
    pub stall_seconds_max: u32,
    /// Time a frame may take in all. Default 10 min.
    pub frame_seconds_max: u32,
    /// Wait for the carriage return after an end block, before a frame is taken without it. Default 500 ms.
    pub carriage_return_ms_max: u32,
    /// Release of the protocol. Default release 1, which nearly everybody speaks.
    pub release: Release,
    /// What to do about broken framing. Default: go on.
    pub fault_policy: FaultPolicy,
}

/// What to do when a peer breaks the framing rules and the stream can still be read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FaultPolicy {
    /// After a frame without its last byte, which is delivered all the same.
    pub missing_carriage_return: Reaction,
    /// After a frame that was begun again before its end.
    pub restart: Reaction,
    /// Whether a start block inside a frame begins it again.
    pub start_block_in_frame: StartBlockInFrame,
    /// After any byte outside frames that is no blank, NUL or line end.
    pub stray_bytes: Reaction,
}

/// Whether a fault ends the connection. It is reported in either case.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Reaction {
    /// Go on.
    #[default]
    Continue,
    /// Close, so that the people who run the sender notice. Frames before the fault are still answered.
    Close,
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            unanswered_max: 4,
            idle_seconds_max: 3600,
            stall_seconds_max: 30,
            frame_seconds_max: 600,
            carriage_return_ms_max: 500,
            release: Release::One,
            fault_policy: FaultPolicy::default(),
        }
    }
}

/// What a receiving end has to tell.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum ReceiverEvent {
    /// A frame arrived and waits for [`Receiver::answer`] with this id. It need not hold a message.
    Message {
        /// Counts the frames of this connection, from 0.
        id: u64,
        /// Content of the frame.
        frame: Bytes,
    },
    /// The peer has an answer of ours in safe storage, or has not (release 2).
    AnswerCommitted {
        /// The frame that was answered.
        id: u64,
        /// Whether it is safe; if not, [`Receiver::answer_again`] may send it again.
        commit: Commit,
    },
    /// The peer broke the framing rules; the connection goes on unless [`Close`](Self::Close) follows.
    Fault(Fault),
    /// The connection is over. Send what [`Receiver::poll_transmit`] still gives, then close it.
    Close(CloseReason),
}

impl fmt::Debug for ReceiverEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message { id, frame } => {
                write!(f, "Message {{ id: {id}, frame: {} bytes, <redacted> }}", frame.len())
            }
            Self::AnswerCommitted { id, commit } => {
                write!(f, "AnswerCommitted {{ id: {id}, commit: {commit:?} }}")
            }
            Self::Fault(fault) => write!(f, "Fault({fault:?})"),
            Self::Close(reason) => write!(f, "Close({reason:?})"),
        }
    }
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer broke the framing rules, and [`FaultPolicy`] does not put up with it.
    #[error("framing rules broken")]
    Framing,
    /// A frame was not complete in time.
    #[error("frame not complete in time")]
    HalfFrame,
    /// Nothing came for too long.
    #[error("idle for too long")]
    Idle,
    /// The bytes are no frames at all; somebody else's protocol.
    #[error("bytes are not MLLP")]
    NotMllp,
    /// A frame is too large.
    #[error("frame too large")]
    Oversized,
    /// The peer closed between frames.
    #[error("closed by peer")]
    PeerClosed,
    /// The peer closed inside a frame, which is lost; it was not acknowledged.
    #[error("closed by peer inside a frame")]
    PeerClosedMidFrame,
}

/// The receiving end of one connection: frames in, answers out, in the order of the frames.
pub struct Receiver {
    config: ReceiverConfig,
    decoder: Decoder,
    events: VecDeque<ReceiverEvent>,
    transmit: Vec<Bytes>,
    /// Frames in work, oldest first.
    unanswered: VecDeque<InWork>,
    /// Id of the oldest of them.
    oldest: u64,
    last_input: Instant,
    frame_start: Option<Instant>,
    /// Answers whose commit block has not come, oldest first (release 2).
    uncommitted: VecDeque<u64>,
    /// Answers before those whose commit block has not come either, and which are not remembered.
    forgotten: u64,
    /// Its owner has no memory for more (see [`Receiver::hold`]).
    held: bool,
    closing: bool,
}

/// A frame that was delivered and is not done with.
#[derive(Default)]
struct InWork {
    /// What is to be said about it first (release 2).
    commit: Option<Commit>,
    commit_is_out: bool,
    ending: Option<Ending>,
}

enum Ending {
    Answer(Bytes),
    /// The commit answer of enhanced mode, and the application's.
    TwoAnswers(Bytes, Bytes),
    Unanswered,
}

/// Answers remembered until the peer commits them. One that never does must not cost memory.
const UNCOMMITTED_MAX: usize = 64;

impl Receiver {
    /// A connection that was accepted at `now`.
    pub fn new(config: ReceiverConfig, now: Instant) -> Self {
        Self {
            config,
            decoder: Decoder::new(config.limits)
                .with_start_block_in_frame(config.fault_policy.start_block_in_frame),
            events: VecDeque::new(),
            transmit: Vec::new(),
            unanswered: VecDeque::new(),
            oldest: 0,
            last_input: now,
            frame_start: None,
            uncommitted: VecDeque::new(),
            forgotten: 0,
            held: false,
            closing: false,
        }
    }

    /// Takes bytes off the stream. Bytes beyond [`wants_input`](Self::wants_input) are kept, not lost.
    pub fn handle_input(&mut self, now: Instant, input: Bytes) {
        if self.closing {
            return;
        }
        self.last_input = now;
        self.decoder.feed(input);
        self.decode(now);
    }

    /// The peer will send no more; answers may still go out.
    pub fn handle_closed(&mut self, _now: Instant) {
        if self.closing {
            return;
        }
        self.drain_decoder();
        self.decoder.end_without_carriage_return();
        self.decoder.finish();
        self.drain_decoder();
        let mid_frame = self.decoder.is_mid_frame();
        self.close(if mid_frame {
            CloseReason::PeerClosedMidFrame
        } else {
            CloseReason::PeerClosed
        });
    }

    /// Acts on deadlines that have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some((deadline, timer)) = self.next_timer() else { return };
        if now < deadline {
            return;
        }
        match timer {
            Timer::CarriageReturn => {
                self.decoder.end_without_carriage_return();
                self.last_input = now;
                self.decode(now);
            }
            Timer::Frame => self.close(CloseReason::HalfFrame),
            Timer::Idle => self.close(CloseReason::Idle),
        }
    }

    /// Answers frame `id` with an unframed acknowledgement. An id that is not waiting is ignored.
    ///
    /// In release 2 this also says that the frame is in safe storage, unless [`commit`](Self::commit) has said
    /// something before.
    pub fn answer(&mut self, now: Instant, id: u64, acknowledgement: impl AsRef<[u8]>) {
        self.end(now, id, || Ending::Answer(frame(acknowledgement.as_ref())));
    }

    /// Answers frame `id` with both unframed acknowledgements of enhanced mode, each in a frame of its own: the commit
    /// answer, and the application's behind it (HL7 2.5.1 section 2.9.3). Otherwise as [`answer`](Self::answer).
    pub fn answer_twice(
        &mut self,
        now: Instant,
        id: u64,
        commit_answer: impl AsRef<[u8]>,
        application_answer: impl AsRef<[u8]>,
    ) {
        self.end(now, id, || {
            Ending::TwoAnswers(frame(commit_answer.as_ref()), frame(application_answer.as_ref()))
        });
    }

    /// Wants no more input until [`resume`](Self::resume), because its owner has no memory for it just now.
    ///
    /// The peer's silence is then our doing and no stall; the time that a frame may take in all goes on, so that nothing
    /// is held for ever.
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// Wants input again.
    pub fn resume(&mut self, now: Instant) {
        if std::mem::take(&mut self.held) {
            self.last_input = self.last_input.max(now);
        }
    }

    /// Ends frame `id` without an answer, when MSH-15 and MSH-16 ask for none. In release 2 it is committed.
    pub fn leave_unanswered(&mut self, now: Instant, id: u64) {
        self.end(now, id, || Ending::Unanswered);
    }

    /// Says in release 2 whether frame `id` is in safe storage, before its answer; says nothing in release 1. A frame
    /// that is not is done with: its sender will send it again.
    pub fn commit(&mut self, now: Instant, id: u64, commit: Commit) {
        if self.config.release == Release::One {
            return;
        }
        if let Some(in_work) = self.in_work(id)
            && in_work.commit.is_none()
        {
            in_work.commit = Some(commit);
            if commit == Commit::Nak {
                in_work.ending = Some(Ending::Unanswered);
            }
        }
        self.settle(now);
    }

    /// Sends an answer again that the peer has refused to commit (release 2).
    pub fn answer_again(&mut self, id: u64, acknowledgement: impl AsRef<[u8]>) {
        self.transmit_answer(id, frame(acknowledgement.as_ref()));
    }

    fn end(&mut self, now: Instant, id: u64, ending: impl FnOnce() -> Ending) {
        if let Some(in_work) = self.in_work(id)
            && in_work.ending.is_none()
        {
            in_work.ending = Some(ending());
            in_work.commit.get_or_insert(Commit::Ack);
        }
        self.settle(now);
    }

    fn in_work(&mut self, id: u64) -> Option<&mut InWork> {
        let place = usize::try_from(id.checked_sub(self.oldest)?).ok()?;
        self.unanswered.get_mut(place)
    }

    /// Sends what may go out now: commit blocks in the order of the frames, and so the answers.
    fn settle(&mut self, now: Instant) {
        if self.config.release == Release::Two {
            for in_work in &mut self.unanswered {
                let Some(commit) = in_work.commit else { break };
                if !in_work.commit_is_out {
                    in_work.commit_is_out = true;
                    self.transmit.push(commit.bytes());
                }
            }
        }
        while self.unanswered.front().is_some_and(|in_work| in_work.ending.is_some()) {
            let ending = self.unanswered.pop_front().and_then(|in_work| in_work.ending);
            let id = self.oldest;
            self.oldest += 1;
            match ending {
                Some(Ending::Answer(answer)) => self.transmit_answer(id, answer),
                Some(Ending::TwoAnswers(commit_answer, application_answer)) => {
                    self.transmit_answer(id, commit_answer);
                    self.transmit_answer(id, application_answer);
                }
                Some(Ending::Unanswered) | None => {}
            }
        }
        if !self.closing {
            // Waiting for us was not the peer's idleness.
            self.last_input = self.last_input.max(now);
            self.decode(now);
        }
    }

    fn transmit_answer(&mut self, id: u64, answer: Bytes) {
        self.transmit.push(answer);
        if self.config.release == Release::Two {
            self.uncommitted.push_back(id);
            if self.uncommitted.len() > UNCOMMITTED_MAX {
                self.uncommitted.pop_front();
                self.forgotten += 1;
            }
        }
    }

    /// Whether more bytes are welcome; false while answers are outstanding or its owner
    /// [holds](Self::hold) it, which holds the sender back.
    pub fn wants_input(&self) -> bool {
        !self.held && self.has_room()
    }

    fn has_room(&self) -> bool {
        !self.closing && self.unanswered.len() < self.config.unanswered_max.max(1)
    }

    /// Bytes kept of a frame that has begun and not ended.
    pub fn frame_bytes(&self) -> usize {
        self.decoder.frame_bytes()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<ReceiverEvent> {
        self.events.pop_front()
    }

    /// Moves the bytes to be sent to `out`.
    pub fn poll_transmit(&mut self, out: &mut Vec<Bytes>) {
        out.append(&mut self.transmit);
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_timer().map(|(deadline, _)| deadline)
    }

    /// Whether [`ReceiverEvent::Close`] was given and all answers that were owed are out.
    pub fn is_closed(&self) -> bool {
        self.closing && self.unanswered.is_empty() && self.transmit.is_empty()
    }

    /// Whether frames wait for their answers.
    pub fn is_answering(&self) -> bool {
        !self.unanswered.is_empty()
    }

    fn decode(&mut self, now: Instant) {
        while self.has_room() {
            match self.decoder.poll() {
                Some(event) => self.take(event),
                None => break,
            }
        }
        self.frame_start = match self.frame_start {
            _ if !self.decoder.is_mid_frame() => None,
            None => Some(now),
            started => started,
        };
    }

    /// At the end of the stream back-pressure has no meaning any more.
    fn drain_decoder(&mut self) {
        while !self.closing
            && let Some(event) = self.decoder.poll()
        {
            self.take(event);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Frame(frame) => {
                let id = self.oldest + self.unanswered.len() as u64;
                self.unanswered.push_back(InWork::default());
                self.frame_start = None;
                self.events.push_back(ReceiverEvent::Message { id, frame });
            }
            Event::Commit(commit) => {
                // Blocks come in the order of the answers.
                let id = match self.forgotten.checked_sub(1) {
                    Some(forgotten) => {
                        self.forgotten = forgotten;
                        None
                    }
                    None => self.uncommitted.pop_front(),
                };
                self.events.push_back(match id {
                    Some(id) => ReceiverEvent::AnswerCommitted { id, commit },
                    None => ReceiverEvent::Fault(Fault::UnexpectedCommit),
                });
            }
            Event::Fault(fault) => {
                self.events.push_back(ReceiverEvent::Fault(fault));
                if let Some(reason) = self.consequence(fault) {
                    self.close(reason);
                }
            }
        }
    }

    fn consequence(&self, fault: Fault) -> Option<CloseReason> {
        let policy = self.config.fault_policy;
        let reaction = match fault {
            Fault::TooLarge { .. } => return Some(CloseReason::Oversized),
            Fault::StrayBytes { count } if count >= self.config.limits.stray_bytes_max.max(1) => {
                return Some(CloseReason::NotMllp);
            }
            Fault::StrayBytes { .. } => policy.stray_bytes,
            Fault::MissingCarriageReturn => policy.missing_carriage_return,
            Fault::RestartedBeforeEnd { .. } => policy.restart,
            Fault::UnexpectedCommit => Reaction::Continue,
        };
        (reaction == Reaction::Close).then_some(CloseReason::Framing)
    }

    fn close(&mut self, reason: CloseReason) {
        if !self.closing {
            self.closing = true;
            self.events.push_back(ReceiverEvent::Close(reason));
        }
    }

    fn next_timer(&self) -> Option<(Instant, Timer)> {
        // While we hold the sender back, its silence is our doing.
        if !self.has_room() {
            return None;
        }
        let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
        let whole_frame = || {
            let start = self.frame_start.unwrap_or(self.last_input);
            start + seconds(self.config.frame_seconds_max)
        };
        if self.held {
            return self.decoder.is_mid_frame().then(|| (whole_frame(), Timer::Frame));
        }
        if self.decoder.awaits_carriage_return() {
            let patience = Duration::from_millis(u64::from(self.config.carriage_return_ms_max));
            return Some((self.last_input + patience, Timer::CarriageReturn));
        }
        if self.decoder.is_mid_frame() {
            let stall = self.last_input + seconds(self.config.stall_seconds_max);
            return Some((stall.min(whole_frame()), Timer::Frame));
        }
        if !self.unanswered.is_empty() {
            return None;
        }
        Some((self.last_input + seconds(self.config.idle_seconds_max), Timer::Idle))
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("decoder", &self.decoder)
            .field("unanswered", &self.unanswered.len())
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
enum Timer {
    CarriageReturn,
    Frame,
    Idle,
}
