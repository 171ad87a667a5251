//! Sending many instances, several of them at a time without an answer (PS3.7 section D.3.3.3).

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::num::NonZeroUsize;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use telerad_dicom::PeerAnswer;
use telerad_dimse::{Command, Event};

use super::client::{ClientAssociation, PRIORITY_MEDIUM, unexpected};
use super::error::{AssociationFault, Phase, StoreError};
use super::source::BodySource;
use super::store_scp::StoreRequest;
use crate::BoxFuture;
use crate::clock::{Alarm, after};

/// Instances on their way to a peer; see [`ClientAssociation::store_many`].
///
/// Dropping it while an instance has no answer makes the association unusable.
pub struct StoreStream<'a, I, S> {
    association: &'a mut ClientAssociation,
    instances: I,
    exhausted: bool,
    outstanding_max: usize,
    /// Sent or being sent, and not answered, in the order of their requests.
    outstanding: Vec<Outstanding>,
    /// The last of these, while its data set is under way.
    sending: Option<Sending<'a, S>>,
    /// What became of instances, until it is asked for.
    ended: VecDeque<Stored>,
    alarm: Alarm,
}

/// What became of one instance.
#[derive(Debug)]
pub struct Stored {
    /// The instance, as it was given.
    pub request: StoreRequest,
    /// The peer's own answer to it; without one nothing is known, and it must be sent again.
    pub outcome: Result<PeerAnswer, StoreError>,
}

impl ClientAssociation {
    /// Stores the instances that the iterator gives (C-STORE), without waiting for the answer to one before the next is
    /// sent: at most `outstanding_max` are without an answer at a time, and never more than the peer has granted. That is
    /// one where [`Peer::user`](super::Peer::user) proposed no operations window, or the peer did not take it up.
    ///
    /// Data sets are sent one after the other; answers are taken as they come, in any order. Nothing happens while nobody
    /// asks for the [next](StoreStream::next) outcome.
    pub fn store_many<'a, I, S>(
        &'a mut self,
        outstanding_max: NonZeroUsize,
        instances: impl IntoIterator<IntoIter = I>,
    ) -> StoreStream<'a, I, S>
    where
        I: Iterator<Item = (StoreRequest, S)>,
        S: BodySource + 'a,
    {
        let alarm = Alarm::new(self.pump.clock());
        StoreStream {
            association: self,
            instances: instances.into_iter(),
            exhausted: false,
            outstanding_max: outstanding_max.get(),
            outstanding: Vec::new(),
            sending: None,
            ended: VecDeque::new(),
            alarm,
        }
    }
}

impl<'a, I, S> StoreStream<'a, I, S>
where
    I: Iterator<Item = (StoreRequest, S)>,
    S: BodySource + 'a,
{
    /// What became of the next instance to get its answer; `None` when all have. Each instance of the iterator has exactly
    /// one outcome.
    ///
    /// When the association ends, or a source fails and it is aborted for that, every instance without an answer has that
    /// error for its outcome, and so has what the iterator still gives. An iterator that was handed over by reference keeps
    /// what was not taken from it.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is lost, and nothing goes on, until it is called again.
    pub async fn next(&mut self) -> Option<Stored> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Stored>> {
        loop {
            if let Some(stored) = self.ended.pop_front() {
                return Poll::Ready(Some(stored));
            }
            match self.step(context) {
                Ok(Step::Moved) => {}
                Ok(Step::Waits) => return Poll::Pending,
                Ok(Step::Done) => return Poll::Ready(None),
                Err(fault) => self.break_off(fault),
            }
        }
    }

    fn step(&mut self, context: &mut Context<'_>) -> Result<Step, SendFault> {
        if !self.outstanding.is_empty() {
            while self.take_answer()? {}
            if !self.ended.is_empty() {
                return Ok(Step::Moved);
            }
        }
        // Small instances leave together in one write; a large one does not wait to be complete.
        let due =
            !self.outstanding.is_empty() && self.association.pump.backlog() > BACKLOG_BYTES_MAX;
        if due && self.association.pump.poll_turn(context).is_ready() {
            return Ok(Step::Moved);
        }
        let moved = match self.sending {
            Some(_) => self.send(context)?,
            None => self.start_next()?,
        };
        if moved {
            return Ok(Step::Moved);
        }
        if self.outstanding.is_empty() {
            return Ok(Step::Done);
        }
        if self.association.pump.poll_turn(context).is_ready() {
            return Ok(Step::Moved);
        }
        let deadline = self.sending.as_ref().and_then(|sending| sending.source.deadline());
        match self.alarm.poll(context, deadline) {
            Poll::Ready(()) => Err(AssociationFault::Timeout(Phase::Source).into()),
            Poll::Pending => Ok(Step::Waits),
        }
    }

    /// Sends the request for the next instance, if another may be outstanding and there is one.
    fn start_next(&mut self) -> Result<bool, SendFault> {
        let outstanding = self.outstanding.len();
        let full = outstanding >= self.outstanding_max;
        // Without any outstanding the association may have ended; it says so when it is asked to begin.
        let closed = outstanding > 0 && self.association.pump.machine.invocations_left() == 0;
        if full || closed || self.exhausted {
            return Ok(false);
        }
        let Some((request, source)) = self.instances.next() else {
            self.exhausted = true;
            return Ok(false);
        };
        let syntax = Some(request.transfer_syntax_uid.as_str());
        let context = self.association.context_of(&request.sop_class_uid, syntax);
        let begun = context.and_then(|context| {
            let message_id = match outstanding {
                0 => self.association.begin()?,
                _ => self
                    .association
                    .begin_beside(|id| self.outstanding.iter().any(|it| it.message_id == id)),
            };
            Ok((context.id, message_id))
        });
        let (context_id, message_id) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                self.ended.push_back(Stored { request, outcome: Err(error.into()) });
                return Ok(true);
            }
        };
        let command = Command::StoreRq {
            message_id,
            sop_class_uid: request.sop_class_uid.clone(),
            sop_instance_uid: request.sop_instance_uid.clone(),
            priority: PRIORITY_MEDIUM,
            move_originator: request.move_originator.clone(),
        };
        self.outstanding.push(Outstanding { message_id, request });
        self.association.command(context_id, &command)?;
        let source = Source::Idle(source);
        self.sending =
            Some(Sending { message_id, source, piece: Bytes::new(), is_read: false, answer: None });
        Ok(true)
    }

    /// Goes on with the data set that is under way; whether anything came of it.
    fn send(&mut self, context: &mut Context<'_>) -> Result<bool, SendFault> {
        let Some(sending) = &mut self.sending else { return Ok(false) };
        let association = &mut *self.association;
        let now = association.pump.now();
        if sending.is_read {
            // The peer's time to answer starts with the last fragment, so a slow line must not still be busy with the
            // fragments before it.
            if association.pump.backlog() > BACKLOG_BYTES_MAX {
                return Ok(false);
            }
            let sent = association.pump.machine.finish_body(now);
            sent.map_err(|error| association.explain(error))?;
            let (message_id, answer) = (sending.message_id, sending.answer.take());
            self.sending = None;
            if let Some(answer) = answer {
                self.answered(message_id, answer);
            }
            return Ok(true);
        }
        let credit = association.pump.machine.body_credit();
        if credit == 0 {
            return Ok(false);
        }
        if !sending.piece.is_empty() {
            let part = sending.piece.split_to(credit.min(sending.piece.len()));
            let sent = association.pump.machine.send_body(now, part);
            sent.map_err(|error| association.explain(error))?;
            return Ok(true);
        }
        let deadline = after(now, association.peer.timeouts.source);
        match sending.source.poll_next(context, deadline) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(Some(piece))) => sending.piece = piece,
            Poll::Ready(Ok(None)) => sending.is_read = true,
            Poll::Ready(Err(error)) => return Err(SendFault::Source(error)),
        }
        Ok(true)
    }

    /// Takes one event, which has to be an answer to one of ours; whether there was one.
    fn take_answer(&mut self) -> Result<bool, AssociationFault> {
        match self.association.poll_event()? {
            None => Ok(false),
            Some(Event::Command {
                command: Command::StoreRsp { message_id, status, .. }, ..
            }) if self.outstanding.iter().any(|it| it.message_id == message_id) => {
                let answer = PeerAnswer::from_response(status, message_id);
                match &mut self.sending {
                    // An answer that comes early is kept: its data set has to be completed all the same.
                    Some(sending) if sending.message_id == message_id => {
                        if sending.answer.replace(answer).is_some() {
                            return Err(AssociationFault::Unexpected("a second answer"));
                        }
                    }
                    _ => self.answered(message_id, answer),
                }
                Ok(true)
            }
            Some(event) => Err(unexpected(&event)),
        }
    }

    fn answered(&mut self, message_id: u16, answer: PeerAnswer) {
        if let Some(at) = self.outstanding.iter().position(|it| it.message_id == message_id) {
            let request = self.outstanding.remove(at).request;
            self.ended.push_back(Stored { request, outcome: Ok(answer) });
        }
        if self.outstanding.is_empty() {
            self.association.busy = false;
        }
    }

    /// The association is at an end: of what has no answer, nothing is known.
    fn break_off(&mut self, fault: SendFault) {
        let (fault, source_error) = match fault {
            SendFault::Association(fault) => (fault, None),
            SendFault::Source(error) => (AssociationFault::Poisoned, Some(error)),
        };
        let error = self.association.poison(fault);
        self.sending = None;
        for Outstanding { request, .. } in self.outstanding.drain(..) {
            self.ended.push_back(Stored { request, outcome: Err(error.clone().into()) });
        }
        // The one whose source failed is the last that was begun.
        if let (Some(error), Some(last)) = (source_error, self.ended.back_mut()) {
            last.outcome = Err(StoreError::Source(error));
        }
    }
}

impl<I, S> std::fmt::Debug for StoreStream<'_, I, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreStream")
            .field("outstanding", &self.outstanding.len())
            .finish_non_exhaustive()
    }
}

/// What can be done next.
enum Step {
    /// Something has happened; there may be more.
    Moved,
    /// Nothing, until somebody wakes us.
    Waits,
    /// Nothing any more.
    Done,
}

struct Outstanding {
    message_id: u16,
    request: StoreRequest,
}

/// The instance whose data set is under way.
struct Sending<'a, S> {
    message_id: u16,
    source: Source<'a, S>,
    /// What the source gave and the association has no room for yet.
    piece: Bytes,
    /// The source has given everything.
    is_read: bool,
    answer: Option<PeerAnswer>,
}

/// A source, at rest or with its next piece on the way. It moves into the future that reads it, so that nothing is lost
/// when an answer has to be told meanwhile.
enum Source<'a, S> {
    Idle(S),
    Reading(Reading<'a, S>, Instant),
    /// It has failed, or is being asked.
    Gone,
}

type Reading<'a, S> = BoxFuture<'a, (S, io::Result<Option<Bytes>>)>;

impl<'a, S: BodySource + 'a> Source<'a, S> {
    /// The next piece, which has to come before `deadline` if it is asked for only now.
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        deadline: Instant,
    ) -> Poll<io::Result<Option<Bytes>>> {
        let (mut reading, deadline) = match std::mem::replace(self, Self::Gone) {
            Self::Idle(mut source) => {
                let reading: Reading<'a, S> = Box::pin(async move {
                    let piece = source.next().await;
                    (source, piece)
                });
                (reading, deadline)
            }
            Self::Reading(reading, deadline) => (reading, deadline),
            Self::Gone => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        };
        match reading.as_mut().poll(context) {
            Poll::Pending => {
                *self = Self::Reading(reading, deadline);
                Poll::Pending
            }
            Poll::Ready((source, piece)) => {
                *self = Self::Idle(source);
                Poll::Ready(piece)
            }
        }
    }
}

impl<S> Source<'_, S> {
    /// When the piece has to be here that is being waited for.
    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Reading(_, deadline) => Some(*deadline),
            Self::Idle(_) | Self::Gone => None,
        }
    }
}

/// Who is to blame for a data set that could not be sent.
enum SendFault {
    Association(AssociationFault),
    Source(io::Error),
}

impl From<AssociationFault> for SendFault {
    fn from(fault: AssociationFault) -> Self {
        Self::Association(fault)
    }
}

/// What may still wait to be sent when a data set is ended.
const BACKLOG_BYTES_MAX: usize = 64 * 1024;
