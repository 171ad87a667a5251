//! One association that a peer opened with us.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use telerad_dicom::{Status, uids};
use telerad_dimse::{
    AbortReason, AcceptedContext, AssociateRequest, Association, CloseReason, Command, Event,
    Rejection,
};
use tracing::Instrument;

use super::body::BodyError;
use super::config::ServerConfig;
use super::negotiation::is_storable;
use super::operation::{Operation, OperationError};
use super::services::{AssociationContext, Services, StoreRequest};
use crate::clock::{Alarm, after};
use crate::pump::{Broken, Pump};
use crate::shutdown::Shutdown;
use crate::slots::Admission;
use crate::wire::Duplex;

/// The acceptor's side of one association: asks the services, and answers in their name.
pub(super) struct Session {
    pump: Pump<Association>,
    services: Arc<dyn Services>,
    config: Arc<ServerConfig>,
    peer_address: String,
    association_id: u64,
    admission: Admission,
    contexts: BTreeMap<u8, AcceptedContext>,
    caller: Option<AssociationContext>,
    operation: Option<Operation>,
    /// A request that came before the one before it was answered. It waits, and so does all input behind it.
    next_request: Option<(u8, Command)>,
    waits_for_room: bool,
    service_waiting_since: Option<Instant>,
    service_alarm: Alarm,
    /// The association has ended, or our A-ABORT is on its way: nothing can be answered any more.
    over: bool,
    stopping: Option<Stopping>,
    drain_alarm: Alarm,
    operations: u64,
}

/// Shutdown, as far as it concerns one association.
struct Stopping {
    deadline: Instant,
    released: bool,
}

impl Session {
    pub(super) fn new(
        stream: Box<dyn Duplex>,
        peer_address: String,
        association_id: u64,
        admission: Admission,
        services: Arc<dyn Services>,
        config: Arc<ServerConfig>,
    ) -> Self {
        let clock = Arc::clone(&config.clock);
        let machine = Association::acceptor(config.association.clone(), clock.now());
        let send_progress = Duration::from_secs(config.send_progress_seconds_max);
        Self {
            pump: Pump::new(stream, machine, Arc::clone(&clock), send_progress),
            services,
            config,
            peer_address,
            association_id,
            admission,
            contexts: BTreeMap::new(),
            caller: None,
            operation: None,
            next_request: None,
            waits_for_room: false,
            service_waiting_since: None,
            service_alarm: Alarm::new(Arc::clone(&clock)),
            over: false,
            stopping: None,
            drain_alarm: Alarm::new(clock),
            operations: 0,
        }
    }

    /// Serves until the association has ended and the service has come to an end.
    pub(super) async fn run(self, shutdown: Shutdown) {
        let span = tracing::info_span!(
            "association",
            id = self.association_id,
            peer = self.peer_address,
            calling = tracing::field::Empty,
            called = tracing::field::Empty,
        );
        self.serve(shutdown).instrument(span).await;
    }

    async fn serve(mut self, shutdown: Shutdown) {
        tracing::debug!("connected");
        let mut stop = pin!(shutdown.requested());
        loop {
            // Asked here as well: on a busy line the wait below may find something else to do every time.
            if self.stopping.is_none() && shutdown.is_requested() {
                self.begin_stopping();
            }
            self.take_events();
            self.advance();
            if self.pump.is_finished() && !self.is_service_working() {
                break;
            }
            poll_fn(|context| self.poll_wait(context, stop.as_mut())).await;
        }
        // The end itself may still be untold, behind a request that was never started.
        self.take_events();
        let (bytes_received, bytes_sent) = self.pump.volume();
        let operations = self.operations;
        tracing::debug!(operations, bytes_received, bytes_sent, "disconnected");
    }

    fn poll_wait<F: Future<Output = ()>>(
        &mut self,
        context: &mut Context<'_>,
        stop: Pin<&mut F>,
    ) -> Poll<()> {
        if let Some(operation) = &mut self.operation {
            if operation.poll_service(context).is_ready() {
                return Poll::Ready(());
            }
            if self.waits_for_room && operation.poll_room(context).is_ready() {
                return Poll::Ready(());
            }
        }
        if !self.pump.is_finished() && self.pump.poll_turn(context).is_ready() {
            return Poll::Ready(());
        }
        let patience = Duration::from_secs(self.config.service_seconds_max);
        let due = self.service_waiting_since.map(|since| after(since, patience));
        if self.service_alarm.poll(context, due).is_ready() {
            self.give_up_on_service();
            return Poll::Ready(());
        }
        match &self.stopping {
            None => {
                std::task::ready!(stop.poll(context));
                self.begin_stopping();
                Poll::Ready(())
            }
            Some(stopping) => {
                let due = (!self.over || self.operation.is_some()).then_some(stopping.deadline);
                std::task::ready!(self.drain_alarm.poll(context, due));
                tracing::warn!("aborted: not finished at the end of the shutdown");
                self.abort(BodyError::Stopped("shutting down".to_owned()));
                self.operation = None;
                Poll::Ready(())
            }
        }
    }

    fn take_events(&mut self) {
        self.waits_for_room = false;
        while self.next_request.is_none() {
            if let Some(operation) = &self.operation {
                let mut context = Context::from_waker(std::task::Waker::noop());
                if operation.poll_room(&mut context).is_pending() {
                    self.waits_for_room = true;
                    return;
                }
            }
            let Some(event) = self.pump.machine.poll_event() else { return };
            self.take_event(event);
        }
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Requested(request) => self.answer_request(request),
            Event::Established(agreed) => {
                let (accepted, refused) = (agreed.contexts.len(), agreed.refused.len());
                tracing::info!(
                    accepted,
                    refused,
                    implementation = agreed.peer_implementation_version_name,
                    "association accepted"
                );
                self.contexts =
                    agreed.contexts.into_iter().map(|context| (context.id, context)).collect();
            }
            Event::Command { context_id, command } => self.take_command(context_id, command),
            Event::Body { bytes, .. } => {
                if let Some(operation) = &mut self.operation
                    && let Err(error) = operation.take_body(bytes, &self.config)
                {
                    self.abort_operation(error);
                }
            }
            Event::BodyEnd { context_id } => self.end_body(context_id),
            Event::ReleaseRequested => tracing::debug!("release requested"),
            Event::Released => {
                tracing::info!(operations = self.operations, "released");
                self.break_operation(BodyError::Closed);
            }
            Event::Rejected(rejection) => tracing::warn!(%rejection, "rejected"),
            Event::Aborted { by, reason } => {
                tracing::warn!(%by, reason, "aborted by the peer");
                self.break_operation(BodyError::Aborted);
            }
            Event::Closed(reason) => self.closed(reason),
        }
    }

    fn answer_request(&mut self, request: AssociateRequest) {
        let span = tracing::Span::current();
        span.record("calling", request.calling.as_str());
        span.record("called", request.called.as_str());
        let now = self.pump.now();
        let admitted = match self.admission {
            _ if self.stopping.is_some() => Err(Rejection::TEMPORARY_CONGESTION),
            Admission::Admitted => self.services.admit(&request, &self.peer_address),
            Admission::TooMany | Admission::TooManyFromHost => Err(Rejection::LOCAL_LIMIT_EXCEEDED),
        };
        if let Err(rejection) = admitted {
            tracing::warn!(%rejection, admission = ?self.admission, "association refused");
            self.pump.machine.reject(now, rejection);
            return;
        }
        let results = self.services.negotiate(&request);
        self.caller = Some(AssociationContext {
            association_id: self.association_id,
            calling: request.calling,
            called: request.called,
            peer_address: self.peer_address.clone(),
        });
        self.pump.machine.accept(now, results);
    }

    fn take_command(&mut self, context_id: u8, command: Command) {
        if self.over {
            return;
        }
        if let Command::CancelRq { message_id } = command {
            match &mut self.operation {
                Some(operation) if operation.request().message_id() == message_id => {
                    tracing::debug!(message_id, "cancelled by the peer");
                    operation.cancel();
                }
                // The answer and the C-CANCEL crossed (PS3.7 section 9.1.2.4).
                _ => tracing::debug!(message_id, "nothing to cancel"),
            }
            return;
        }
        if self.stopping.as_ref().is_some_and(|stopping| stopping.released) {
            // It crossed our A-RELEASE-RQ, after which nothing can be answered; the peer will ask again elsewhere.
            tracing::warn!(?command, "not served: shutting down");
            return;
        }
        if self.operation.is_some() {
            self.next_request = Some((context_id, command));
            return;
        }
        self.start(context_id, command);
    }

    fn start(&mut self, context_id: u8, command: Command) {
        self.operations += 1;
        let context = self.contexts.get(&context_id);
        let (Some(context), Some(caller)) = (context, &self.caller) else {
            // The machine has checked the context already; this keeps the two in step.
            return self.abort(BodyError::Stopped("unknown presentation context".to_owned()));
        };
        let operation = match &command {
            Command::EchoRq { .. } => Operation::answered(context_id, command, Status::SUCCESS),
            Command::StoreRq {
                message_id,
                sop_class_uid,
                sop_instance_uid,
                move_originator,
                ..
            } if is_storable(&context.abstract_syntax) => {
                let request = StoreRequest {
                    message_id: *message_id,
                    sop_class_uid: sop_class_uid.clone(),
                    sop_instance_uid: sop_instance_uid.clone(),
                    transfer_syntax_uid: context.transfer_syntax.clone(),
                    move_originator: move_originator.clone(),
                };
                let (services, caller) = (&self.services, caller.clone());
                Operation::store(context_id, command, &self.config, |body| {
                    services.store(caller, request, body)
                })
            }
            Command::FindRq { .. }
                if context.abstract_syntax != uids::VERIFICATION
                    && !is_storable(&context.abstract_syntax) =>
            {
                Operation::find(context_id, command)
            }
            Command::StoreRq { .. } | Command::FindRq { .. } => {
                tracing::warn!(?command, "refused: wrong presentation context for this service");
                Operation::answered(context_id, command, Status::SOP_CLASS_NOT_SUPPORTED)
            }
            _ => {
                tracing::warn!(?command, "refused: service not supported");
                Operation::answered(context_id, command, Status::UNRECOGNIZED_OPERATION)
            }
        };
        self.operation = Some(operation);
    }

    fn end_body(&mut self, context_id: u8) {
        let (Some(operation), Some(caller)) = (&mut self.operation, &self.caller) else { return };
        let Command::FindRq { sop_class_uid, .. } = operation.request() else {
            return operation.end_body(|_| Box::pin(std::future::ready(Ok(Vec::new()))));
        };
        let class = sop_class_uid.clone();
        let syntax = self.contexts.get(&context_id).map(|context| context.transfer_syntax.clone());
        let (services, caller) = (&self.services, caller.clone());
        operation.end_body(|identifier| {
            services.find(caller, class, identifier, syntax.unwrap_or_default())
        });
    }

    /// Answers what can be answered, starts what waits, and lets go at shutdown.
    fn advance(&mut self) {
        let now = self.pump.now();
        loop {
            if let Some(operation) = &mut self.operation
                && !self.over
                && let Err(error) = operation.send_answer(now, &mut self.pump.machine)
            {
                tracing::warn!(%error, "cannot answer");
                self.abort(BodyError::Closed);
            }
            let over = self.over;
            self.operation
                .take_if(|operation| operation.is_answered() || (over && !operation.is_working()));
            if self.operation.is_some() {
                break;
            }
            let Some((context_id, command)) = self.next_request.take() else { break };
            self.start(context_id, command);
            self.take_events();
        }
        let room = !self.waits_for_room;
        self.service_waiting_since = match &self.operation {
            Some(operation) if operation.waits_for_service(room) => {
                Some(self.service_waiting_since.unwrap_or(now))
            }
            _ => None,
        };
        if let Some(stopping) = &mut self.stopping
            && self.operation.is_none()
            && !self.over
            && !stopping.released
        {
            stopping.released = true;
            self.pump.machine.release(now);
        }
    }

    fn begin_stopping(&mut self) {
        let now = self.pump.now();
        let drain = Duration::from_secs(self.config.drain_seconds_max);
        // Without a caller there is no association to release yet, only a connection to close.
        let connecting = self.caller.is_none();
        self.stopping = Some(Stopping { deadline: after(now, drain), released: connecting });
        if connecting {
            self.pump.abort_now();
        }
    }

    fn is_service_working(&self) -> bool {
        self.operation.as_ref().is_some_and(Operation::is_working)
    }

    fn give_up_on_service(&mut self) {
        self.service_waiting_since = None;
        let Some(operation) = &mut self.operation else { return };
        match operation.give_up_on_service() {
            Ok(()) => tracing::error!(request = ?operation.request(), "service timed out"),
            Err(error) => self.abort_operation(error),
        }
    }

    fn abort_operation(&mut self, error: OperationError) {
        tracing::warn!(%error, "aborted");
        self.abort(BodyError::Stopped(error.to_string()));
        if error == OperationError::Service {
            self.operation = None;
        }
    }

    fn abort(&mut self, error: BodyError) {
        let now = self.pump.now();
        self.pump.machine.abort(now, AbortReason::ServiceUser);
        self.break_operation(error);
    }

    fn closed(&mut self, reason: CloseReason) {
        let cause = match self.pump.broken() {
            Some(Broken::Stalled) => "the peer takes no bytes any more".to_owned(),
            Some(Broken::Transport(kind)) => format!("the connection broke: {kind}"),
            None => reason.to_string(),
        };
        let (bytes_received, _) = self.pump.volume();
        match reason {
            // A health probe: connects and leaves without a word.
            CloseReason::Transport if bytes_received == 0 => tracing::debug!(cause, "closed"),
            CloseReason::Aborted | CloseReason::Rejected(_) => tracing::debug!(cause, "closed"),
            _ => tracing::warn!(cause, bytes_received, "association ended badly"),
        }
        self.break_operation(match reason {
            CloseReason::Protocol(error) => BodyError::Protocol(error.to_string()),
            CloseReason::Timeout(_) => BodyError::Timeout,
            _ => BodyError::Closed,
        });
    }

    /// The association is over. The service hears of it and is given its time to clean up, or to finish what has
    /// arrived whole; nobody will hear its answer.
    fn break_operation(&mut self, error: BodyError) {
        self.over = true;
        self.next_request = None;
        if let Some(operation) = &mut self.operation {
            operation.break_body(error);
        }
    }
}
