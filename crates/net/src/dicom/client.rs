//! Associations that we open.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use telerad_core::AeTitle;
use telerad_dicom::dataset::{DataSet, DataSetLimits};
use telerad_dicom::{PeerAnswer, Status, StatusClass, uids};
use telerad_dimse::{
    AcceptedContext, AssociateRequest, Association, CloseReason, Command, Config, ContextResult,
    Event, ProposedContext, Timer, UseError,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::{AssociationError, AssociationFault, Phase, StoreError};
use super::services::StoreRequest;
use super::source::BodySource;
use crate::clock::{Alarm, Clock, SystemClock, after, until};
use crate::pump::{Broken, Pump};
use crate::transport::Connector;
use crate::wire::Duplex;

/// Whom to call, in whose name, and how patiently.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Peer {
    /// Where the peer listens, `host:port`.
    pub address: String,
    /// The peer's title.
    pub called: AeTitle,
    /// Our title.
    pub calling: AeTitle,
    /// How long to wait for what. They take the place of the timers in `association`.
    pub timeouts: Timeouts,
    /// Limits of the association.
    pub association: Config,
    /// Answers to one query; more end the association.
    pub answers_max: usize,
    /// Limits of each answer to a query.
    pub answer_limits: DataSetLimits,
}

impl Peer {
    /// A peer with the default limits and timeouts.
    pub fn new(address: impl Into<String>, called: AeTitle, calling: AeTitle) -> Self {
        Self {
            address: address.into(),
            called,
            calling,
            timeouts: Timeouts::default(),
            association: Config::default(),
            answers_max: 10_000,
            answer_limits: DataSetLimits::default(),
        }
    }

    fn config(&self) -> Config {
        let mut config = self.association.clone();
        config.timers.accept = self.timeouts.accept;
        config.timers.response = self.timeouts.response;
        config.timers.progress = self.timeouts.progress;
        config.timers.idle = self.timeouts.idle;
        config.timers.release = self.timeouts.release;
        config.timers.abort = self.timeouts.abort;
        config
    }

    fn error(&self, fault: AssociationFault) -> AssociationError {
        AssociationError {
            address: self.address.clone(),
            calling: self.calling.clone(),
            called: self.called.clone(),
            fault,
        }
    }
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timeouts {
    /// For the transport connection.
    pub connect: Duration,
    /// From our association request to its answer.
    pub accept: Duration,
    /// From the end of a request to its response, and from one response to the next.
    pub response: Duration,
    /// Between two arrivals of bytes inside a message of the peer.
    pub progress: Duration,
    /// For the peer to take some of the bytes that we have for it.
    pub send_progress: Duration,
    /// For our own source to yield the next piece.
    pub source: Duration,
    /// Without any operation.
    pub idle: Duration,
    /// From our release request to its answer.
    pub release: Duration,
    /// From our abort until the peer closes.
    pub abort: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            accept: Duration::from_secs(30),
            response: Duration::from_secs(120),
            progress: Duration::from_secs(60),
            send_progress: Duration::from_secs(60),
            source: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            release: Duration::from_secs(10),
            abort: Duration::from_secs(1),
        }
    }
}

/// An association that we opened. One operation at a time; dropping it aborts it.
///
/// A failed, timed-out or dropped operation leaves the conversation at an unknown point, so it ends the association:
/// later operations answer [`AssociationFault::Poisoned`]. A status that the peer answers is not a failure in this
/// sense. Nothing runs between operations: an association that may have been idle for long is checked with
/// [`ClientAssociation::is_usable`].
pub struct ClientAssociation {
    pump: Pump<Association>,
    peer: Peer,
    contexts: Vec<AcceptedContext>,
    refused: Vec<(u8, ContextResult)>,
    message_id: u16,
    /// An operation is under way. It stays so when its future is dropped half-way.
    busy: bool,
    poisoned: bool,
}

impl ClientAssociation {
    /// Connects to `peer` and opens an association that proposes `contexts`.
    ///
    /// # Errors
    /// No connection, a rejection, an abort or a timeout, as [`AssociationFault`] says.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn connect<C: Connector>(
        connector: &C,
        peer: &Peer,
        contexts: Vec<ProposedContext>,
    ) -> Result<Self, AssociationError> {
        Self::connect_with(connector, SystemClock::shared(), peer, contexts).await
    }

    /// [`ClientAssociation::connect`] on the given clock.
    ///
    /// # Errors
    /// As there.
    pub async fn connect_with<C: Connector>(
        connector: &C,
        clock: Arc<dyn Clock>,
        peer: &Peer,
        contexts: Vec<ProposedContext>,
    ) -> Result<Self, AssociationError> {
        let deadline = after(clock.now(), peer.timeouts.connect);
        let stream = match until(&clock, deadline, connector.connect(&peer.address)).await {
            Some(Ok(stream)) => stream,
            Some(Err(error)) => return Err(peer.error(AssociationFault::Connect(error.kind()))),
            None => return Err(peer.error(AssociationFault::Timeout(Phase::Connect))),
        };
        Self::open(stream, clock, peer, contexts).await
    }

    /// Opens an association on a stream that is connected already.
    ///
    /// # Errors
    /// A rejection, an abort or a timeout, as [`AssociationFault`] says.
    pub async fn open<S>(
        stream: S,
        clock: Arc<dyn Clock>,
        peer: &Peer,
        contexts: Vec<ProposedContext>,
    ) -> Result<Self, AssociationError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream: Box<dyn Duplex> = Box::new(stream);
        let request = AssociateRequest {
            calling: peer.calling.clone(),
            called: peer.called.clone(),
            contexts,
            pdu_bytes_max: peer.association.pdu_bytes_max,
            implementation_class_uid: peer.association.implementation_class_uid.clone(),
            implementation_version_name: peer.association.implementation_version_name.clone(),
        };
        let machine = Association::requestor(peer.config(), request, clock.now());
        let mut association = Self {
            pump: Pump::new(stream, machine, clock, peer.timeouts.send_progress),
            peer: peer.clone(),
            contexts: Vec::new(),
            refused: Vec::new(),
            message_id: 0,
            busy: true,
            poisoned: false,
        };
        match association.establish().await {
            Ok(()) => {
                association.busy = false;
                Ok(association)
            }
            Err(fault) => Err(association.poison(fault)),
        }
    }

    async fn establish(&mut self) -> Result<(), AssociationFault> {
        match self.next_event().await? {
            Event::Established(agreed) => {
                self.contexts = agreed.contexts;
                self.refused = agreed.refused;
                Ok(())
            }
            event => Err(unexpected(&event)),
        }
    }

    /// Verifies that the peer is there (C-ECHO). Needs a context of the Verification SOP class.
    ///
    /// # Errors
    /// A failure of the association; not a status.
    pub async fn echo(&mut self) -> Result<Status, AssociationError> {
        let context = self.context_of(uids::VERIFICATION, None)?;
        let message_id = self.begin()?;
        let result = self.exchange_echo(context.id, message_id).await;
        self.end(result)
    }

    async fn exchange_echo(
        &mut self,
        context_id: u8,
        message_id: u16,
    ) -> Result<Status, AssociationFault> {
        self.command(context_id, &Command::EchoRq { message_id })?;
        match self.next_event().await? {
            Event::Command { command: Command::EchoRsp { message_id: to, status }, .. }
                if to == message_id =>
            {
                Ok(status)
            }
            event => Err(unexpected(&event)),
        }
    }

    /// Stores one instance (C-STORE), as it comes from `source`, in the transfer syntax that the request names.
    ///
    /// The answer is the peer's own, whatever its status.
    ///
    /// # Errors
    /// [`StoreError`]: without an answer nothing is known, and the instance must be sent again.
    ///
    /// # Cancel safety
    /// Dropping the future half-way makes the association unusable; the peer never takes the part for a whole.
    pub async fn store(
        &mut self,
        request: &StoreRequest,
        mut source: impl BodySource,
    ) -> Result<PeerAnswer, StoreError> {
        let syntax = Some(request.transfer_syntax_uid.as_str());
        let context = self.context_of(&request.sop_class_uid, syntax)?;
        let message_id = self.begin()?;
        let command = Command::StoreRq {
            message_id,
            sop_class_uid: request.sop_class_uid.clone(),
            sop_instance_uid: request.sop_instance_uid.clone(),
            priority: PRIORITY_MEDIUM,
            move_originator: request.move_originator.clone(),
        };
        let result = match self.command(context.id, &command) {
            Ok(()) => self.send_source(message_id, &mut source).await,
            Err(fault) => Err(SendFault::Association(fault)),
        };
        match result {
            Ok(answer) => {
                self.busy = false;
                Ok(answer)
            }
            Err(SendFault::Association(fault)) => Err(self.poison(fault).into()),
            Err(SendFault::Source(error)) => {
                self.poison(AssociationFault::Poisoned);
                Err(StoreError::Source(error))
            }
        }
    }

    /// Sends the data set, then waits for the answer. An answer that comes earlier is kept: the message that it
    /// answers has to be completed all the same.
    async fn send_source(
        &mut self,
        message_id: u16,
        source: &mut impl BodySource,
    ) -> Result<PeerAnswer, SendFault> {
        let mut answer = None;
        while let Some(mut piece) = self.next_piece(message_id, source, &mut answer).await? {
            while !piece.is_empty() {
                let credit = self.pump.machine.body_credit().min(piece.len());
                if credit == 0 {
                    self.turn_while_sending(message_id, &mut answer).await?;
                    continue;
                }
                let now = self.pump.now();
                self.pump.machine.send_body(now, piece.split_to(credit)).map_err(misuse)?;
            }
        }
        // The peer's time to answer starts with the last fragment, so a slow line must not still be busy with the
        // fragments before it.
        while self.pump.backlog() > BACKLOG_BYTES_MAX {
            self.turn_while_sending(message_id, &mut answer).await?;
        }
        let now = self.pump.now();
        self.pump.machine.finish_body(now).map_err(misuse)?;
        loop {
            // What comes behind the answer, a release for instance, does not take it back.
            if let Some(answer) = answer {
                return Ok(answer);
            }
            if !self.take_answer(message_id, &mut answer)? {
                self.pump.turn().await;
            }
        }
    }

    /// Waits for room and for the source, in this order, while the association goes on.
    async fn next_piece(
        &mut self,
        message_id: u16,
        source: &mut impl BodySource,
        answer: &mut Option<PeerAnswer>,
    ) -> Result<Option<Bytes>, SendFault> {
        while self.pump.machine.body_credit() == 0 {
            self.turn_while_sending(message_id, answer).await?;
        }
        let clock = self.pump.clock();
        let deadline = after(clock.now(), self.peer.timeouts.source);
        let mut alarm = Alarm::new(clock);
        let mut next = pin!(source.next());
        poll_fn(|context| {
            loop {
                // A small instance leaves in one write, command included; a large one does not wait to be complete.
                let due = self.pump.backlog() > BACKLOG_BYTES_MAX;
                let turned = due && self.pump.poll_turn(context).is_ready();
                if let Poll::Ready(piece) = next.as_mut().poll(context) {
                    return Poll::Ready(piece.map_err(SendFault::Source));
                }
                if !turned && self.pump.poll_turn(context).is_pending() {
                    std::task::ready!(alarm.poll(context, Some(deadline)));
                    return Poll::Ready(Err(AssociationFault::Timeout(Phase::Source).into()));
                }
                while self.take_answer(message_id, answer)? {}
            }
        })
        .await
    }

    async fn turn_while_sending(
        &mut self,
        message_id: u16,
        answer: &mut Option<PeerAnswer>,
    ) -> Result<(), AssociationFault> {
        self.pump.turn().await;
        while self.take_answer(message_id, answer)? {}
        Ok(())
    }

    /// Takes one event, which has to be the answer; whether there was one.
    fn take_answer(
        &mut self,
        message_id: u16,
        answer: &mut Option<PeerAnswer>,
    ) -> Result<bool, AssociationFault> {
        match self.poll_event()? {
            None => Ok(false),
            Some(Event::Command {
                command: Command::StoreRsp { message_id: to, status, .. },
                ..
            }) if to == message_id && answer.is_none() => {
                *answer = Some(PeerAnswer::from_response(status, message_id));
                Ok(true)
            }
            Some(event) => Err(unexpected(&event)),
        }
    }

    /// Asks a question (C-FIND) and collects the answers.
    ///
    /// # Errors
    /// A failure of the association, a final status other than success as [`AssociationFault::Failed`], an answer
    /// that cannot be read, or more of them than [`Peer::answers_max`].
    pub async fn find(
        &mut self,
        sop_class_uid: &str,
        identifier: &DataSet,
    ) -> Result<Vec<DataSet>, AssociationError> {
        let context = self.context_of(sop_class_uid, None)?;
        let body = identifier
            .encode(&context.transfer_syntax)
            .map_err(|error| self.peer.error(AssociationFault::DataSet(error.to_string())))?;
        let message_id = self.begin()?;
        let result = self.exchange_find(&context, message_id, body.into()).await;
        match self.end(result)? {
            (answers, Status::SUCCESS) => Ok(answers),
            (_, status) => Err(self.peer.error(AssociationFault::Failed(status))),
        }
    }

    async fn exchange_find(
        &mut self,
        context: &AcceptedContext,
        message_id: u16,
        mut identifier: Bytes,
    ) -> Result<(Vec<DataSet>, Status), AssociationFault> {
        let command = Command::FindRq {
            message_id,
            sop_class_uid: context.abstract_syntax.clone(),
            priority: PRIORITY_MEDIUM,
        };
        self.command(context.id, &command)?;
        while !identifier.is_empty() {
            let credit = self.pump.machine.body_credit().min(identifier.len());
            if credit == 0 {
                self.pump.turn().await;
                if let Some(event) = self.poll_event()? {
                    return Err(unexpected(&event));
                }
                continue;
            }
            let now = self.pump.now();
            self.pump.machine.send_body(now, identifier.split_to(credit)).map_err(misuse)?;
        }
        let now = self.pump.now();
        self.pump.machine.finish_body(now).map_err(misuse)?;
        let mut answers = Vec::new();
        loop {
            let event = self.next_event().await?;
            let Event::Command { command: response, .. } = event else {
                return Err(unexpected(&event));
            };
            let Command::FindRsp { message_id: to, status, has_identifier, .. } = response else {
                return Err(AssociationFault::Unexpected("another command"));
            };
            if to != message_id {
                return Err(AssociationFault::Unexpected("a response to another message"));
            }
            let body = if has_identifier { Some(self.read_body().await?) } else { None };
            if status.class() != StatusClass::Pending {
                return Ok((answers, status));
            }
            if answers.len() >= self.peer.answers_max {
                return Err(AssociationFault::TooManyAnswers(self.peer.answers_max));
            }
            let Some(body) = body else {
                return Err(AssociationFault::Unexpected("a match without an identifier"));
            };
            let limits = self.peer.answer_limits;
            let answer = DataSet::decode(&body, &context.transfer_syntax, limits)
                .map_err(|error| AssociationFault::DataSet(error.to_string()))?;
            answers.push(answer);
        }
    }

    async fn read_body(&mut self) -> Result<Vec<u8>, AssociationFault> {
        let mut body = Vec::new();
        loop {
            match self.next_event().await? {
                Event::Body { bytes, .. } if body.len() + bytes.len() <= IDENTIFIER_BYTES_MAX => {
                    body.extend_from_slice(&bytes);
                }
                Event::Body { .. } => {
                    return Err(AssociationFault::DataSet(format!(
                        "longer than {IDENTIFIER_BYTES_MAX} bytes"
                    )));
                }
                Event::BodyEnd { .. } => return Ok(body),
                event => return Err(unexpected(&event)),
            }
        }
    }

    /// Releases the association in order.
    ///
    /// # Errors
    /// When the peer does not answer, or aborts. Everything that was answered before stays answered.
    pub async fn release(mut self) -> Result<(), AssociationError> {
        match self.begin() {
            Ok(_) => {}
            Err(error) if error.fault == AssociationFault::Released => return Ok(()),
            Err(error) => return Err(error),
        }
        let now = self.pump.now();
        self.pump.machine.release(now);
        loop {
            // A release request that crosses ours is answered by the machine (PS3.8 section 9.2.4, AR-8 and AR-9).
            match self.poll_event() {
                Ok(None) | Ok(Some(Event::ReleaseRequested)) => self.pump.turn().await,
                Ok(Some(event)) => return Err(self.poison(unexpected(&event))),
                Err(AssociationFault::Released) => return Ok(()),
                Err(fault) => return Err(self.poison(fault)),
            }
        }
    }

    /// The contexts that the peer accepted.
    pub fn accepted(&self) -> &[AcceptedContext] {
        &self.contexts
    }

    /// The contexts that the peer refused, and why.
    pub fn refused(&self) -> &[(u8, ContextResult)] {
        &self.refused
    }

    /// Whether an instance of this class in this transfer syntax can be sent here.
    pub fn accepts(&self, sop_class_uid: &str, transfer_syntax_uid: &str) -> bool {
        self.contexts.iter().any(|context| {
            context.abstract_syntax == sop_class_uid
                && context.transfer_syntax == transfer_syntax_uid
        })
    }

    /// Whether another operation can be started, after a look at what the peer has said meanwhile.
    pub fn is_usable(&mut self) -> bool {
        if self.busy || self.poisoned {
            return false;
        }
        match self.look() {
            Ok(()) => true,
            Err(fault) => {
                self.poison(fault);
                false
            }
        }
    }

    /// Takes in, without waiting, what the peer has said between operations: there is nothing that it could say
    /// and the association stay usable.
    fn look(&mut self) -> Result<(), AssociationFault> {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Some(event) = self.poll_event()? {
                return Err(unexpected(&event));
            }
            if self.pump.poll_turn(&mut context).is_pending() {
                return Ok(());
            }
        }
    }

    fn context_of(
        &self,
        sop_class_uid: &str,
        transfer_syntax_uid: Option<&str>,
    ) -> Result<AcceptedContext, AssociationError> {
        let wanted = |context: &&AcceptedContext| {
            context.abstract_syntax == sop_class_uid
                && transfer_syntax_uid.is_none_or(|syntax| context.transfer_syntax == syntax)
        };
        self.contexts.iter().find(wanted).cloned().ok_or_else(|| {
            self.peer.error(AssociationFault::NoContext {
                sop_class_uid: sop_class_uid.to_owned(),
                transfer_syntax_uid: transfer_syntax_uid
                    .unwrap_or("any transfer syntax")
                    .to_owned(),
            })
        })
    }

    /// Starts an operation; its message ID.
    fn begin(&mut self) -> Result<u16, AssociationError> {
        if self.busy || self.poisoned {
            return Err(self.poison(AssociationFault::Poisoned));
        }
        if let Err(fault) = self.look() {
            return Err(self.poison(fault));
        }
        self.busy = true;
        self.message_id = self.message_id.checked_add(1).unwrap_or(1);
        Ok(self.message_id)
    }

    fn end<T>(&mut self, result: Result<T, AssociationFault>) -> Result<T, AssociationError> {
        match result {
            Ok(value) => {
                self.busy = false;
                Ok(value)
            }
            Err(fault) => Err(self.poison(fault)),
        }
    }

    /// Ends the association, without waiting.
    fn poison(&mut self, fault: AssociationFault) -> AssociationError {
        let error = self.peer.error(fault);
        if !self.poisoned {
            self.poisoned = true;
            tracing::debug!(%error, "association ended");
            self.pump.abort_now();
        }
        error
    }

    fn command(&mut self, context_id: u8, command: &Command) -> Result<(), AssociationFault> {
        let now = self.pump.now();
        self.pump.machine.send_command(now, context_id, command).map_err(misuse)
    }

    async fn next_event(&mut self) -> Result<Event, AssociationFault> {
        loop {
            if let Some(event) = self.poll_event()? {
                return Ok(event);
            }
            self.pump.turn().await;
        }
    }

    /// The next event that does not end the association.
    fn poll_event(&mut self) -> Result<Option<Event>, AssociationFault> {
        let Some(event) = self.pump.machine.poll_event() else {
            return match self.pump.broken() {
                Some(broken) => Err(broken.into()),
                None if self.pump.is_finished() => Err(AssociationFault::Poisoned),
                None => Ok(None),
            };
        };
        match event {
            Event::Rejected(rejection) => Err(AssociationFault::Rejected(rejection)),
            Event::Aborted { by, reason } => Err(AssociationFault::Aborted { by, reason }),
            Event::Released => Err(AssociationFault::Released),
            Event::Closed(reason) => Err(match (self.pump.broken(), reason) {
                (Some(broken), _) => broken.into(),
                (None, CloseReason::Timeout(Timer::Accept)) => {
                    AssociationFault::Timeout(Phase::Accept)
                }
                (None, CloseReason::Timeout(Timer::Release)) => {
                    AssociationFault::Timeout(Phase::Release)
                }
                (None, CloseReason::Timeout(Timer::Response | Timer::Progress)) => {
                    AssociationFault::Timeout(Phase::Response)
                }
                (None, reason) => AssociationFault::Closed(reason),
            }),
            event => Ok(Some(event)),
        }
    }
}

impl Drop for ClientAssociation {
    fn drop(&mut self) {
        self.pump.abort_now();
    }
}

impl std::fmt::Debug for ClientAssociation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientAssociation")
            .field("address", &self.peer.address)
            .field("called", &self.peer.called)
            .field("contexts", &self.contexts.len())
            .finish_non_exhaustive()
    }
}

/// Who is to blame for a data set that could not be sent.
enum SendFault {
    Association(AssociationFault),
    Source(std::io::Error),
}

impl From<AssociationFault> for SendFault {
    fn from(fault: AssociationFault) -> Self {
        Self::Association(fault)
    }
}

impl From<Broken> for AssociationFault {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Stalled => Self::Timeout(Phase::SendProgress),
            Broken::Transport(kind) => Self::Transport(kind),
        }
    }
}

fn misuse(error: UseError) -> AssociationFault {
    AssociationFault::Closed(CloseReason::Unusable(error))
}

fn unexpected(event: &Event) -> AssociationFault {
    AssociationFault::Unexpected(match event {
        Event::ReleaseRequested => return AssociationFault::Released,
        Event::Body { .. } | Event::BodyEnd { .. } => "a data set",
        Event::Command { .. } => "another command",
        Event::Established(_) | Event::Requested(_) => "an association",
        _ => "something else",
    })
}

/// PS3.7 section E.1, Priority.
const PRIORITY_MEDIUM: u16 = 0;
/// Of one answer to a query.
const IDENTIFIER_BYTES_MAX: usize = 1024 * 1024;
/// What may still wait to be sent when a data set is ended.
const BACKLOG_BYTES_MAX: usize = 64 * 1024;
