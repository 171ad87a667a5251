//! One operation on an association, from its request to its final response.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use telerad_dicom::{Status, StatusClass};
use telerad_dimse::{Association, Command, StatusDetail, UseError};

use super::body::{BodyError, Feed};
use super::config::ServerConfig;
use super::dialogue::{Channel, Reply, Said, Signal};
use super::n_scp::{NReply, respond};
use crate::BoxFuture;
use crate::pump::Pump;

/// A request that is being served, or one of our own.
pub(super) struct Operation {
    number: u64,
    context_id: u8,
    request: Option<Command>,
    incoming: Incoming,
    incoming_bytes: u64,
    channel: Channel,
    work: Option<BoxFuture<'static, ()>>,
    next: Option<Said>,
    /// A data set of this operation has begun and has not ended.
    mid_message: bool,
    /// The message ID of a request of ours that the peer has not answered.
    awaited: Option<u16>,
    answered: bool,
    patience: Duration,
    waiting_since: Option<Instant>,
}

/// Where the data set of the request goes.
enum Incoming {
    /// To the service.
    Feed(Feed),
    /// Nowhere: the answer is known already, but the sender listens only after its last fragment.
    Discard,
    /// All of it has arrived, or there is none.
    Ended,
}

/// Why an operation cannot go on, and the association with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum OperationError {
    #[error("the service answered early and the rest of the data set exceeds {0} bytes")]
    EarlyAnswer(u64),
    #[error("a data set has begun that cannot be completed")]
    HalfSent,
    #[error("the data set exceeds {0} bytes")]
    InstanceTooLong(u64),
    #[error("the service neither read its data set nor answered")]
    Service,
    #[error("cannot say it on the association: {0}")]
    Use(#[from] UseError),
}

impl Operation {
    /// A request of the peer, with a number of its own. `feed` takes its data set, if it has one.
    pub(super) fn served(
        number: u64,
        context_id: u8,
        request: Command,
        feed: Feed,
        channel: Channel,
        work: BoxFuture<'static, ()>,
        patience: Duration,
    ) -> Self {
        let incoming = if request.has_data_set() {
            Incoming::Feed(feed)
        } else {
            feed.finish();
            Incoming::Ended
        };
        Self::new(number, context_id, Some(request), incoming, channel, work, patience)
    }

    /// Something that we have to say of our own accord, for as long as `work` likes.
    pub(super) fn own(context_id: u8, channel: Channel, work: BoxFuture<'static, ()>) -> Self {
        Self::new(0, context_id, None, Incoming::Ended, channel, work, Duration::MAX)
    }

    fn new(
        number: u64,
        context_id: u8,
        request: Option<Command>,
        incoming: Incoming,
        channel: Channel,
        work: BoxFuture<'static, ()>,
        patience: Duration,
    ) -> Self {
        Self {
            number,
            context_id,
            answered: request.as_ref().is_none_or(|request| !request.wants_response()),
            request,
            incoming,
            incoming_bytes: 0,
            channel,
            work: Some(work),
            next: None,
            mid_message: false,
            awaited: None,
            patience,
            waiting_since: None,
        }
    }

    pub(super) fn request(&self) -> Option<&Command> {
        self.request.as_ref()
    }

    /// Whether this serves the request with this number. A message ID would not do: a careless peer may repeat one.
    pub(super) fn has_number(&self, number: u64) -> bool {
        self.request.is_some() && self.number == number
    }

    /// Whether this serves the peer's request with this message ID, and has not given its final response.
    pub(super) fn serves(&self, message_id: u16) -> bool {
        let named = |request: &Command| request.message_id() == message_id;
        !self.answered && self.request.as_ref().is_some_and(named)
    }

    pub(super) fn take_body(
        &mut self,
        bytes: Bytes,
        config: &ServerConfig,
    ) -> Result<(), OperationError> {
        self.incoming_bytes += bytes.len() as u64;
        match &mut self.incoming {
            Incoming::Feed(_) if self.incoming_bytes > config.instance_bytes_max => {
                return Err(OperationError::InstanceTooLong(config.instance_bytes_max));
            }
            Incoming::Feed(feed) => feed.push(bytes),
            Incoming::Discard if self.incoming_bytes > config.early_answer_bytes_max => {
                return Err(OperationError::EarlyAnswer(config.early_answer_bytes_max));
            }
            Incoming::Discard | Incoming::Ended => {}
        }
        Ok(())
    }

    /// The data set is whole.
    pub(super) fn end_body(&mut self) {
        if let Incoming::Feed(feed) = std::mem::replace(&mut self.incoming, Incoming::Ended) {
            feed.finish();
        }
    }

    /// The peer does not want the rest (PS3.7 section 9.1.2.4). The service hears of it.
    pub(super) fn cancel(&mut self) {
        self.channel.signal.send_if_modified(|signal| {
            std::mem::replace(signal, Signal::Cancelled.max(*signal)) == Signal::Going
        });
    }

    /// Whether this is the answer to a request of this operation.
    pub(super) fn awaits(&self, response: &Command) -> bool {
        self.awaited == Some(response.message_id())
    }

    /// The peer has answered a request of this operation.
    pub(super) fn take_reply(&mut self, reply: Reply) {
        self.awaited = None;
        // The work may have ended without waiting for it.
        let _ = self.channel.replies.send(reply);
    }

    /// The association is over. The service hears of it, and may clean up or finish what has arrived whole.
    pub(super) fn break_off(&mut self, error: BodyError) {
        if let Incoming::Feed(feed) = std::mem::replace(&mut self.incoming, Incoming::Ended) {
            feed.fail(error);
        }
        self.channel.signal.send_replace(Signal::Gone);
        self.channel.outgoing.close();
        while self.channel.outgoing.try_recv().is_ok() {}
        self.channel.replies = tokio::sync::mpsc::unbounded_channel().0;
        self.next = None;
        self.mid_message = false;
        self.answered = true;
    }

    /// Answers in the name of a service that does not; `Err` when the peer is not ready to hear it.
    pub(super) fn give_up_on_service(&mut self) -> Result<(), OperationError> {
        self.work = None;
        if self.mid_message || !matches!(self.incoming, Incoming::Ended) {
            return Err(OperationError::Service);
        }
        let request = self.request.as_ref().filter(|_| !self.answered);
        let response = request.and_then(timed_out);
        self.next = response.map(|command| Said::Command { context_id: self.context_id, command });
        Ok(())
    }

    /// Ready while more of the data set may be taken.
    pub(super) fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        match &self.incoming {
            Incoming::Feed(feed) => feed.poll_room(context),
            _ => Poll::Ready(()),
        }
    }

    /// Lets the service work. Ready when it has come to an end or has something to say. One that panics has come to its
    /// end without an answer; the other operations of the association have nothing to do with it.
    pub(super) fn poll_service(&mut self, context: &mut Context<'_>, may_speak: bool) -> Poll<()> {
        if let Some(work) = &mut self.work
            // Nothing of the future is looked at after it has panicked: it is dropped.
            && let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)))
            && !matches!(polled, Ok(Poll::Pending))
        {
            if polled.is_err() {
                tracing::error!(request = ?self.request, "the service panicked");
            }
            self.work = None;
            if !matches!(self.incoming, Incoming::Ended) {
                self.incoming = Incoming::Discard;
                self.incoming_bytes = 0;
            }
            return Poll::Ready(());
        }
        let news = self.next.is_none() && !self.channel.outgoing.is_empty();
        if news && may_speak && self.is_heard() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// When the patience with the service runs out; `room` says whether the service lets its data set in.
    pub(super) fn service_deadline(&mut self, now: Instant, room: bool) -> Option<Instant> {
        let silent = self.next.is_none() && self.channel.outgoing.is_empty();
        let waits = self.work.is_some() && silent && (!room || self.is_heard());
        let since = waits.then(|| self.waiting_since.unwrap_or(now));
        self.waiting_since = since;
        since?.checked_add(self.patience)
    }

    /// Whether the service has not come to an end.
    pub(super) fn is_working(&self) -> bool {
        self.work.is_some()
    }

    /// Whether a data set has begun that has not ended.
    pub(super) fn is_mid_message(&self) -> bool {
        self.mid_message
    }

    /// Whether nothing of this operation may be cut off by a release: for operations of our own.
    pub(super) fn is_idle(&self) -> bool {
        self.request.is_none() && !self.mid_message && self.awaited.is_none() && self.next.is_none()
    }

    /// Whether everything has been said.
    pub(super) fn is_finished(&self) -> bool {
        self.work.is_none()
            && self.next.is_none()
            && self.channel.outgoing.is_empty()
            && self.answered
            && self.is_heard()
    }

    /// Gives the machine as much of one message of the service as it has room for; whether that was the rest of one. The
    /// next message is for another call, since other operations may have something to say in between.
    pub(super) fn speak(
        &mut self,
        now: Instant,
        pump: &mut Pump<Association>,
    ) -> Result<bool, OperationError> {
        if !self.is_heard() {
            return Ok(false);
        }
        loop {
            let Some(said) = self.next.take().or_else(|| self.channel.outgoing.try_recv().ok())
            else {
                break;
            };
            self.waiting_since = None;
            match said {
                // Little of what has not left yet: a cancellation shall take effect soon.
                Said::Command { .. } if pump.backlog() >= BACKLOG_BYTES_MAX => {
                    self.next = Some(said);
                    return Ok(false);
                }
                Said::Command { ref command, .. }
                    if command.wants_response() && pump.machine.invocations_left() == 0 =>
                {
                    self.next = Some(said);
                    return Ok(false);
                }
                Said::Command { context_id, command } => {
                    self.announce(&command);
                    pump.machine.send_command(now, context_id, &command)?;
                    if !self.mid_message {
                        return Ok(true);
                    }
                }
                Said::Piece(mut bytes) => {
                    let credit = pump.machine.body_credit().min(bytes.len());
                    if credit > 0 {
                        pump.machine.send_body(now, bytes.split_to(credit))?;
                    }
                    if !bytes.is_empty() {
                        self.next = Some(Said::Piece(bytes));
                        return Ok(false);
                    }
                }
                Said::End => {
                    self.mid_message = false;
                    pump.machine.finish_body(now)?;
                    return Ok(true);
                }
            }
        }
        match (&self.work, self.mid_message, self.answered) {
            (None, true, _) => Err(OperationError::HalfSent),
            (None, false, false) => self.answer_in_its_place(now, pump),
            _ => Ok(false),
        }
    }

    /// The service has come to an end and left its request without a final response.
    fn answer_in_its_place(
        &mut self,
        now: Instant,
        pump: &mut Pump<Association>,
    ) -> Result<bool, OperationError> {
        self.answered = true;
        let request = self.request.as_ref();
        if let Some(response) = request.and_then(|it| it.response(Status::PROCESSING_FAILURE)) {
            tracing::error!(?request, "the service did not answer");
            pump.machine.send_command(now, self.context_id, &response)?;
        }
        Ok(true)
    }

    fn announce(&mut self, command: &Command) {
        self.mid_message = command.has_data_set();
        if !command.is_response() {
            self.awaited = command.wants_response().then(|| command.message_id());
            return;
        }
        self.answered |= command.is_final_response();
        if let Some(status) = command.status()
            && !matches!(status.class(), StatusClass::Success | StatusClass::Pending)
        {
            tracing::warn!(request = ?self.request, %status, "answered");
        }
    }

    /// Whether the peer listens: it has sent its whole data set.
    fn is_heard(&self) -> bool {
        matches!(self.incoming, Incoming::Ended)
    }
}

/// The answer in the name of a service that gives none: a failure that its service has, and of which the peer may hope that
/// it passes where there is such a one (PS3.4 tables B.2-1, C.4-1 to C.4-3; PS3.7 annex C).
fn timed_out(request: &Command) -> Option<Command> {
    let comment = Some("service timed out".to_owned());
    match request {
        Command::StoreRq { .. } | Command::FindRq { .. } => {
            let mut response = request.response(Status::OUT_OF_RESOURCES)?;
            if let Command::StoreRsp { comment: place, .. }
            | Command::FindRsp { comment: place, .. } = &mut response
            {
                *place = comment;
            }
            Some(response)
        }
        Command::MoveRq { .. } | Command::GetRq { .. } => {
            request.response(Status::UNABLE_TO_PERFORM_SUB_OPERATIONS)
        }
        _ => {
            let detail = StatusDetail { comment, ..StatusDetail::default() };
            respond(request, &NReply { detail, ..Status::PROCESSING_FAILURE.into() })
        }
    }
}

/// What may wait to be sent when the next message begins.
const BACKLOG_BYTES_MAX: usize = 32 * 1024;
