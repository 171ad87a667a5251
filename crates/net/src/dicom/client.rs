//! Associations that we open.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use telerad_dicom::{DataSet, Status, uids};
use telerad_dimse::{
    AcceptedContext, AssociateRequest, Association, CloseReason, Command, ContextResult, Event,
    ProposedContext, Timer, UseError, UserItems,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::commitment::with_silent_roles;
use super::error::{AssociationError, AssociationFault, Phase};
use super::inbox::Reports;
use super::n_scp::respond;
use super::peer::Peer;
use crate::clock::{Clock, SystemClock};
use crate::open::{OpenError, open};
use crate::pump::{Broken, Pump};
use crate::tls::TlsFault;
use crate::transport::Connector;
use crate::wire::Duplex;

/// An association that we opened. One operation at a time, but for those of [`ClientAssociation::store_many`]; dropping it
/// aborts it.
///
/// A failed, timed-out or dropped operation leaves the conversation at an unknown point, so it ends the association:
/// later operations answer [`AssociationFault::Poisoned`]. A status that the peer answers is not a failure in this
/// sense. Nothing runs between operations: an association that may have been idle for long is checked with
/// [`ClientAssociation::is_usable`].
pub struct ClientAssociation {
    pub(super) pump: Pump<Association>,
    pub(super) peer: Peer,
    proposed: Vec<ProposedContext>,
    contexts: Vec<AcceptedContext>,
    refused: Vec<(u8, ContextResult)>,
    message_id: u16,
    operations: u64,
    pub(super) reports: Reports,
    /// An operation is under way. It stays so when its future is dropped half-way.
    pub(super) busy: bool,
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
        let patience = (peer.timeouts.connect, peer.timeouts.tls);
        let stream = open(connector, &clock, &peer.address, patience).await;
        let stream = stream.map_err(|error| peer.error(error.into()))?;
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
        let proposed = peer.quirks.proposal(contexts);
        let request = AssociateRequest {
            calling: peer.calling.clone(),
            called: peer.called.clone(),
            contexts: proposed.clone(),
            pdu_bytes_max: peer.association.pdu_bytes_max,
            implementation_class_uid: peer.association.implementation_class_uid.clone(),
            implementation_version_name: peer.association.implementation_version_name.clone(),
            user: match peer.quirks.plain_negotiation {
                true => UserItems::default(),
                false => peer.user.clone(),
            },
        };
        let machine = Association::requestor(peer.config(), request, clock.now());
        let mut association = Self {
            pump: Pump::new(stream, machine, clock, peer.timeouts.send_progress),
            peer: peer.clone(),
            proposed,
            contexts: Vec::new(),
            refused: Vec::new(),
            message_id: 0,
            operations: 0,
            reports: Reports::default(),
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
                self.contexts = with_silent_roles(agreed.contexts, &agreed.user);
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

    /// The contexts that were proposed, after the [quirks](super::Quirks) of the peer.
    pub fn proposed(&self) -> &[ProposedContext] {
        &self.proposed
    }

    /// The contexts that the peer accepted. On those of storage commitment both roles are ours when the peer answered none,
    /// since many take a report all the same.
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

    /// How many operations have been started.
    pub(super) fn operations(&self) -> u64 {
        self.operations
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Watches an association that nobody uses; ready when it has ended. A peer that asks for release is answered.
    pub(super) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.poll_event() {
                Ok(None) => std::task::ready!(self.pump.poll_turn(context)),
                // The machine answers. It is not usable any more while the answer leaves.
                Ok(Some(Event::ReleaseRequested)) => self.busy = true,
                Ok(Some(event)) => {
                    self.poison(unexpected(&event));
                    return Poll::Ready(());
                }
                Err(fault) => {
                    self.poison(fault);
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Takes in, without waiting, what the peer has said between operations: but for reports there is nothing that it
    /// could say and the association stay usable.
    fn look(&mut self) -> Result<(), AssociationFault> {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Some(event) = self.poll_event()? {
                return Err(unexpected(&event));
            }
            if self.pump.poll_bytes(&mut context).is_pending() {
                let now = self.pump.now();
                self.pump.machine.handle_timeout(now);
                return match self.poll_event()? {
                    Some(event) => Err(unexpected(&event)),
                    None => Ok(()),
                };
            }
        }
    }

    pub(super) fn context_of(
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
    pub(super) fn begin(&mut self) -> Result<u16, AssociationError> {
        if self.busy || self.poisoned {
            return Err(self.poison(AssociationFault::Poisoned));
        }
        if let Err(fault) = self.look() {
            return Err(self.poison(fault));
        }
        Ok(self.begin_beside(|_| false))
    }

    /// Starts an operation while others of ours are outstanding; its message ID, which is none of theirs.
    pub(super) fn begin_beside(&mut self, is_outstanding: impl Fn(u16) -> bool) -> u16 {
        self.busy = true;
        self.operations += 1;
        loop {
            self.message_id = self.message_id.checked_add(1).unwrap_or(1);
            if !is_outstanding(self.message_id) {
                return self.message_id;
            }
        }
    }

    /// [`Self::begin`], with the patience of a retrieval.
    pub(super) fn begin_retrieve(&mut self) -> Result<u16, AssociationError> {
        let message_id = self.begin()?;
        self.pump.machine.set_response_timeout(self.peer.timeouts.retrieve);
        Ok(message_id)
    }

    /// The retrieval has had its final response.
    pub(super) fn end_retrieve(&mut self) {
        self.busy = false;
        self.pump.machine.set_response_timeout(self.peer.timeouts.response);
    }

    pub(super) fn end<T>(
        &mut self,
        result: Result<T, AssociationFault>,
    ) -> Result<T, AssociationError> {
        match result {
            Ok(value) => {
                self.busy = false;
                Ok(value)
            }
            Err(fault) => Err(self.poison(fault)),
        }
    }

    /// Ends the association, without waiting.
    pub(super) fn poison(&mut self, fault: AssociationFault) -> AssociationError {
        let error = self.peer.error(fault);
        if !self.poisoned {
            self.poisoned = true;
            tracing::debug!(%error, "association ended");
            self.pump.abort_now();
        }
        error
    }

    pub(super) fn command(
        &mut self,
        context_id: u8,
        command: &Command,
    ) -> Result<(), AssociationFault> {
        let now = self.pump.now();
        let sent = self.pump.machine.send_command(now, context_id, command);
        sent.map_err(|error| self.explain(error))
    }

    /// Why the machine does not do what we want: mostly because the association has ended already, which it is about
    /// to tell.
    pub(super) fn explain(&mut self, error: UseError) -> AssociationFault {
        loop {
            match self.poll_event() {
                Err(fault) => return fault,
                Ok(Some(Event::ReleaseRequested)) => return AssociationFault::Released,
                Ok(Some(_)) => {}
                Ok(None) => return AssociationFault::Closed(CloseReason::Unusable(error)),
            }
        }
    }

    /// Encodes a data set for a context.
    pub(super) fn encode(
        &self,
        data_set: &DataSet,
        context: &AcceptedContext,
    ) -> Result<Bytes, AssociationError> {
        match data_set.encode(&context.transfer_syntax) {
            Ok(bytes) => Ok(bytes.into()),
            Err(error) => Err(self.peer.error(AssociationFault::DataSet(error.to_string()))),
        }
    }

    /// Sends a command with its whole data set. What the peer says meanwhile waits.
    pub(super) async fn say(
        &mut self,
        context_id: u8,
        command: &Command,
        data_set: Option<Bytes>,
    ) -> Result<(), AssociationFault> {
        self.command(context_id, command)?;
        if let Some(mut rest) = data_set {
            while !rest.is_empty() {
                let credit = self.pump.machine.body_credit().min(rest.len());
                if credit == 0 && !self.pump.is_finished() {
                    self.pump.turn().await;
                    continue;
                }
                let now = self.pump.now();
                let sent = self.pump.machine.send_body(now, rest.split_to(credit));
                sent.map_err(|error| self.explain(error))?;
            }
            let now = self.pump.now();
            self.pump.machine.finish_body(now).map_err(|error| self.explain(error))?;
        }
        Ok(())
    }

    /// Waits for the next response to this message, and for its data set.
    pub(super) async fn response(
        &mut self,
        message_id: u16,
    ) -> Result<(Command, Option<Bytes>), AssociationFault> {
        let command = match self.next_event().await? {
            Event::Command { command, .. } if command.is_response() => command,
            event => return Err(unexpected(&event)),
        };
        if command.message_id() != message_id {
            return Err(AssociationFault::Unexpected("a response to another message"));
        }
        let data_set = match command.has_data_set() {
            true => Some(self.read_data_set().await?),
            false => None,
        };
        Ok((command, data_set))
    }

    pub(super) async fn read_data_set(&mut self) -> Result<Bytes, AssociationFault> {
        let mut data_set = Vec::new();
        loop {
            match self.next_event().await? {
                Event::Body { bytes, .. } if data_set.len() + bytes.len() <= DATA_SET_BYTES_MAX => {
                    data_set.extend_from_slice(&bytes);
                }
                Event::Body { .. } => {
                    let fault = format!("longer than {DATA_SET_BYTES_MAX} bytes");
                    return Err(AssociationFault::DataSet(fault));
                }
                Event::BodyEnd { .. } => return Ok(data_set.into()),
                event => return Err(unexpected(&event)),
            }
        }
    }

    pub(super) async fn next_event(&mut self) -> Result<Event, AssociationFault> {
        loop {
            if let Some(event) = self.poll_event()? {
                return Ok(event);
            }
            // Whoever reads a stream may have taken their time; that is no silence of the peer's.
            let now = self.pump.now();
            self.pump.machine.handle_timeout(now);
            self.pump.turn().await;
        }
    }

    /// The next event that is no part of a report: those are kept.
    fn next_of_operation(&mut self) -> Option<Event> {
        loop {
            let event = self.pump.machine.poll_event()?;
            let syntax = match &event {
                Event::Command { context_id, .. } => {
                    let context = self.contexts.iter().find(|it| it.id == *context_id);
                    context.map_or("", |it| it.transfer_syntax.as_str())
                }
                _ => "",
            };
            if let Some(event) = self.reports.take(event, syntax) {
                return Some(event);
            }
        }
    }

    /// Nobody will take the reports that were kept, and the release is answered behind the answers to them. Whoever
    /// reported hears of a failure, and has to report again.
    fn decline_reports(&mut self) {
        while let Some(report) = self.reports.pop() {
            let response = respond(&report.command, &Status::PROCESSING_FAILURE.into());
            let Some(response) = response else { continue };
            let now = self.pump.now();
            let sent = self.pump.machine.send_command(now, report.context_id, &response);
            if let Err(error) = sent {
                tracing::debug!("report not declined: {error}");
            }
        }
    }

    /// The next event that does not end the association.
    pub(super) fn poll_event(&mut self) -> Result<Option<Event>, AssociationFault> {
        let Some(event) = self.next_of_operation() else {
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
            Event::ReleaseRequested => {
                self.decline_reports();
                Ok(Some(event))
            }
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

impl From<OpenError> for AssociationFault {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Connect(kind) => Self::Connect(kind),
            OpenError::ConnectTimeout => Self::Timeout(Phase::Connect),
            OpenError::Tls(TlsFault::Timeout) => Self::Timeout(Phase::Tls),
            OpenError::Tls(fault) => Self::Tls(fault),
        }
    }
}

impl From<Broken> for AssociationFault {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Stalled => Self::Timeout(Phase::SendProgress),
            Broken::Tls(TlsFault::Truncated) => Self::Transport(io::ErrorKind::UnexpectedEof),
            // Bytes that were changed on the way: what came before them may have arrived.
            Broken::Tls(TlsFault::Protocol(_)) => Self::Transport(io::ErrorKind::InvalidData),
            Broken::Tls(fault) => Self::Tls(fault),
            Broken::Transport(kind) => Self::Transport(kind),
        }
    }
}

pub(super) fn unexpected(event: &Event) -> AssociationFault {
    AssociationFault::Unexpected(match event {
        Event::ReleaseRequested => return AssociationFault::Released,
        Event::Body { .. } | Event::BodyEnd { .. } => "a data set",
        Event::Command { .. } => "another command",
        Event::Established(_) | Event::Requested(_) => "an association",
        _ => "something else",
    })
}

/// Of one data set beside instances: an answer to a query, a report.
const DATA_SET_BYTES_MAX: usize = 1024 * 1024;

/// PS3.7 section E.1, Priority.
pub(super) const PRIORITY_MEDIUM: u16 = 0;
