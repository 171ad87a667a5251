//! One request of a peer, from its command to its response.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use telerad_dicom::{Status, StatusClass};
use telerad_dimse::{Association, Command, UseError};

use super::body::{Body, BodyError, Feed, body};
use super::config::ServerConfig;
use super::services::StoreReply;
use crate::BoxFuture;

/// A request that is being served. The peer is answered only once it has sent all of its data set.
pub(super) struct Operation {
    context_id: u8,
    request: Command,
    incoming: Incoming,
    incoming_bytes: u64,
    work: Work,
    cancelled: bool,
}

/// Where the data set of the request goes.
enum Incoming {
    /// To the service.
    Feed(Feed),
    /// Into memory, until it is whole.
    Collect(Vec<u8>),
    /// Nowhere: the answer is known already, but the sender listens only after its last fragment.
    Discard,
    /// All of it has arrived, or there is none.
    Ended,
}

/// What is being done about the request.
enum Work {
    /// The data set has to be whole first.
    Waiting,
    Storing(BoxFuture<'static, StoreReply>),
    Finding(BoxFuture<'static, Result<Vec<Bytes>, Status>>),
    Matching {
        matches: VecDeque<Bytes>,
        rest: Option<Bytes>,
    },
    Answering(Status, Option<String>),
    Answered,
}

/// Why an operation cannot go on, and the association with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum OperationError {
    #[error("the service answered early and the rest of the data set exceeds {0} bytes")]
    EarlyAnswer(u64),
    #[error("the data set exceeds {0} bytes")]
    InstanceTooLong(u64),
    #[error("the service neither read its data set nor answered")]
    Service,
}

impl Operation {
    /// A request whose answer is known at once.
    pub(super) fn answered(context_id: u8, request: Command, status: Status) -> Self {
        let incoming = if request.has_data_set() { Incoming::Discard } else { Incoming::Ended };
        let work = Work::Answering(status, None);
        Self { context_id, request, incoming, incoming_bytes: 0, work, cancelled: false }
    }

    /// A C-STORE, handed to the service while it arrives.
    pub(super) fn store(
        context_id: u8,
        request: Command,
        config: &ServerConfig,
        start: impl FnOnce(Body) -> BoxFuture<'static, StoreReply>,
    ) -> Self {
        let (feed, body) = body(config.body_buffer_bytes_max);
        let (incoming, work) = (Incoming::Feed(feed), Work::Storing(start(body)));
        Self { context_id, request, incoming, incoming_bytes: 0, work, cancelled: false }
    }

    /// A C-FIND, handed to the service when its identifier is whole.
    pub(super) fn find(context_id: u8, request: Command) -> Self {
        let (incoming, work) = (Incoming::Collect(Vec::new()), Work::Waiting);
        Self { context_id, request, incoming, incoming_bytes: 0, work, cancelled: false }
    }

    pub(super) fn request(&self) -> &Command {
        &self.request
    }

    pub(super) fn take_body(
        &mut self,
        bytes: Bytes,
        config: &ServerConfig,
    ) -> Result<(), OperationError> {
        self.incoming_bytes += bytes.len() as u64;
        match &mut self.incoming {
            Incoming::Feed(feed) => {
                if self.incoming_bytes > config.instance_bytes_max {
                    return Err(OperationError::InstanceTooLong(config.instance_bytes_max));
                }
                feed.push(bytes);
            }
            Incoming::Collect(identifier) => {
                if self.incoming_bytes > config.identifier_bytes_max as u64 {
                    self.answer(Status::OUT_OF_RESOURCES, Some("identifier is too long".into()));
                } else {
                    identifier.extend_from_slice(&bytes);
                }
            }
            Incoming::Discard => {
                if self.incoming_bytes > config.early_answer_bytes_max {
                    return Err(OperationError::EarlyAnswer(config.early_answer_bytes_max));
                }
            }
            Incoming::Ended => {}
        }
        Ok(())
    }

    /// The data set is whole. For a query, this is the moment to start it.
    pub(super) fn end_body(
        &mut self,
        start_find: impl FnOnce(Bytes) -> BoxFuture<'static, Result<Vec<Bytes>, Status>>,
    ) {
        match std::mem::replace(&mut self.incoming, Incoming::Ended) {
            Incoming::Feed(feed) => feed.finish(),
            Incoming::Collect(identifier) => {
                self.work = Work::Finding(start_find(Bytes::from(identifier)));
            }
            Incoming::Discard | Incoming::Ended => {}
        }
    }

    /// The data set will not become whole.
    pub(super) fn break_body(&mut self, error: BodyError) {
        if let Incoming::Feed(feed) = std::mem::replace(&mut self.incoming, Incoming::Ended) {
            feed.fail(error);
        }
    }

    /// The peer does not want the rest of the matches (PS3.4 section C.4.1.3.2).
    pub(super) fn cancel(&mut self) {
        match &mut self.work {
            // A match that is half sent must be finished; then `CANCEL` takes the place of the others.
            Work::Matching { matches, .. } => {
                matches.clear();
                self.cancelled = true;
            }
            Work::Waiting | Work::Finding(_) => self.answer(Status::CANCEL, None),
            Work::Storing(_) | Work::Answering(..) | Work::Answered => {}
        }
    }

    /// Answers in the name of a service that does not; `Err` when the peer is not ready to hear it.
    pub(super) fn give_up_on_service(&mut self) -> Result<(), OperationError> {
        if !matches!(self.incoming, Incoming::Ended) {
            return Err(OperationError::Service);
        }
        self.answer(Status::OUT_OF_RESOURCES, Some("service timed out".into()));
        Ok(())
    }

    /// Ready while more of the data set may be taken.
    pub(super) fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        match &self.incoming {
            Incoming::Feed(feed) => feed.poll_room(context),
            _ => Poll::Ready(()),
        }
    }

    /// Lets the service work. Ready when it has come to an end.
    pub(super) fn poll_service(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.work {
            Work::Storing(future) => {
                let reply = std::task::ready!(future.as_mut().poll(context));
                self.answer(reply.status, reply.comment);
            }
            Work::Finding(future) => match std::task::ready!(future.as_mut().poll(context)) {
                Ok(matches) => {
                    self.work = Work::Matching { matches: matches.into(), rest: None };
                }
                Err(status) => self.answer(status, None),
            },
            _ => return Poll::Pending,
        }
        Poll::Ready(())
    }

    /// Whether everything depends on the service: it has what there is and has not answered.
    pub(super) fn waits_for_service(&self, room: bool) -> bool {
        let working = matches!(self.work, Work::Storing(_) | Work::Finding(_));
        working && (!room || matches!(self.incoming, Incoming::Ended))
    }

    pub(super) fn is_working(&self) -> bool {
        matches!(self.work, Work::Storing(_) | Work::Finding(_))
    }

    pub(super) fn is_answered(&self) -> bool {
        matches!(self.work, Work::Answered)
    }

    fn answer(&mut self, status: Status, comment: Option<String>) {
        if !matches!(self.incoming, Incoming::Ended) {
            self.incoming = Incoming::Discard;
            self.incoming_bytes = 0;
        }
        self.work = Work::Answering(status, comment);
    }

    /// Gives the machine as much of the answer as it has room for.
    pub(super) fn send_answer(
        &mut self,
        now: Instant,
        machine: &mut Association,
    ) -> Result<(), UseError> {
        if !matches!(self.incoming, Incoming::Ended) {
            return Ok(());
        }
        if let Work::Matching { matches, rest } = &mut self.work {
            loop {
                if let Some(bytes) = rest {
                    let credit = machine.body_credit().min(bytes.len());
                    if credit == 0 && !bytes.is_empty() {
                        return Ok(());
                    }
                    if credit > 0 {
                        machine.send_body(now, bytes.split_to(credit))?;
                    }
                    if bytes.is_empty() {
                        machine.finish_body(now)?;
                        *rest = None;
                    }
                    continue;
                }
                let Some(next) = matches.pop_front() else { break };
                let response = Command::FindRsp {
                    message_id: self.request.message_id(),
                    sop_class_uid: sop_class_of(&self.request),
                    status: Status::PENDING,
                    has_identifier: true,
                    comment: None,
                };
                machine.send_command(now, self.context_id, &response)?;
                *rest = Some(next);
            }
            let status = if self.cancelled { Status::CANCEL } else { Status::SUCCESS };
            self.work = Work::Answering(status, None);
        }
        if let Work::Answering(status, comment) = &mut self.work {
            match status.class() {
                StatusClass::Success => {}
                _ => tracing::warn!(request = ?self.request, %status, comment, "answered"),
            }
            let response = self.request.response(*status).map(|mut response| {
                if let Command::StoreRsp { comment: slot, .. } = &mut response {
                    *slot = comment.take().map(shortened);
                }
                response
            });
            self.work = Work::Answered;
            if let Some(response) = response {
                machine.send_command(now, self.context_id, &response)?;
            }
        }
        Ok(())
    }
}

fn sop_class_of(request: &Command) -> String {
    match request {
        Command::FindRq { sop_class_uid, .. } => sop_class_uid.clone(),
        _ => String::new(),
    }
}

/// Error Comment is a long string of at most 64 characters (PS3.7 section C, PS3.5 section 6.2).
fn shortened(comment: String) -> String {
    comment.chars().take(64).collect()
}
