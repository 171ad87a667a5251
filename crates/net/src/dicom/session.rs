//! One association that a peer opened with us.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicU16;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use telerad_dimse::{
    AbortReason, AcceptedContext, AssociateRequest, Association, AsyncWindow, CloseReason, Command,
    Event, Rejection,
};
use tracing::Instrument;

use super::body::{BodyError, body};
use super::commitment::with_silent_roles;
use super::config::ServerConfig;
use super::context::AssociationContext;
use super::dialogue::{Reply, dialogue};
use super::operation::{Operation, OperationError};
use super::services::Services;
use super::{reports, start};
use crate::clock::{Alarm, after};
use crate::pump::{Broken, Pump};
use crate::remote::Remote;
use crate::shutdown::Shutdown;
use crate::slots::Admission;
use crate::wire::Duplex;

/// The acceptor's side of one association: asks the services, and answers in their name.
pub(super) struct Session {
    pump: Pump<Association>,
    services: Arc<dyn Services>,
    config: Arc<ServerConfig>,
    remote: Remote,
    association_id: u64,
    admission: Admission,
    contexts: Arc<[AcceptedContext]>,
    caller: Option<AssociationContext>,
    /// Those that the peer asked for, and those of our own.
    operations: Vec<Operation>,
    /// How many operations of the peer we perform at once: what its asynchronous operations window says.
    operations_max: usize,
    /// Whose turn it is to speak.
    turn: usize,
    /// Requests beyond that number. They wait, and behind one with a data set so does all input; a cancellation behind one
    /// without is heard.
    waiting: VecDeque<(u8, Command)>,
    receiving: Receiving,
    waits_for_room: bool,
    service_alarm: Alarm,
    message_ids: Arc<AtomicU16>,
    /// The association has ended, or our A-ABORT is on its way: nothing can be answered any more.
    over: bool,
    stopping: Option<Stopping>,
    drain_alarm: Alarm,
    served: u64,
}

/// Whose data set is arriving.
enum Receiving {
    Nothing,
    /// That of the request with this number.
    Request(u64),
    /// That of an answer to a request of ours; `None` once it is too long to be kept.
    Reply(Command, Option<Vec<u8>>),
}

/// Shutdown, as far as it concerns one association.
struct Stopping {
    deadline: Instant,
    released: bool,
}

impl Session {
    pub(super) fn new(
        stream: Box<dyn Duplex>,
        remote: Remote,
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
            remote,
            association_id,
            admission,
            contexts: Arc::default(),
            caller: None,
            operations: Vec::new(),
            operations_max: 1,
            turn: 0,
            waiting: VecDeque::new(),
            receiving: Receiving::Nothing,
            waits_for_room: false,
            service_alarm: Alarm::new(Arc::clone(&clock)),
            message_ids: Arc::new(AtomicU16::new(1)),
            over: false,
            stopping: None,
            drain_alarm: Alarm::new(clock),
            served: 0,
        }
    }

    /// Serves until the association has ended and the service has come to an end.
    pub(super) async fn run(self, shutdown: Shutdown) {
        let span = tracing::info_span!(
            "association",
            id = self.association_id,
            peer = %self.remote,
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
        let operations = self.served;
        tracing::debug!(operations, bytes_received, bytes_sent, "disconnected");
    }

    fn poll_wait<F: Future<Output = ()>>(
        &mut self,
        context: &mut Context<'_>,
        stop: Pin<&mut F>,
    ) -> Poll<()> {
        let speaker = self.speaker();
        for (at, operation) in self.operations.iter_mut().enumerate() {
            let may_speak = !self.over && speaker.is_none_or(|speaker| speaker == at);
            if operation.poll_service(context, may_speak).is_ready() {
                return Poll::Ready(());
            }
        }
        // All of them: those without a data set on its way always have room.
        let mut roomy = self.operations.iter().map(|it| it.poll_room(context).is_ready());
        if self.waits_for_room && roomy.all(|has_room| has_room) {
            return Poll::Ready(());
        }
        if !self.pump.is_finished() && self.pump.poll_turn(context).is_ready() {
            return Poll::Ready(());
        }
        let (now, room) = (self.pump.now(), !self.waits_for_room);
        let deadlines = self.operations.iter_mut().map(|it| it.service_deadline(now, room));
        let due = deadlines.flatten().min();
        if self.service_alarm.poll(context, due).is_ready() {
            self.give_up_on_services();
            return Poll::Ready(());
        }
        match &self.stopping {
            None => {
                std::task::ready!(stop.poll(context));
                self.begin_stopping();
                Poll::Ready(())
            }
            Some(stopping) => {
                let busy = !self.over || !self.operations.is_empty();
                std::task::ready!(
                    self.drain_alarm.poll(context, busy.then_some(stopping.deadline))
                );
                tracing::warn!("aborted: not finished at the end of the shutdown");
                self.abort(BodyError::Stopped("shutting down".to_owned()));
                self.operations.clear();
                Poll::Ready(())
            }
        }
    }

    fn take_events(&mut self) {
        self.waits_for_room = false;
        while self.waiting.back().is_none_or(|(_, command)| !command.has_data_set()) {
            let mut context = Context::from_waker(std::task::Waker::noop());
            let full = |operation: &Operation| operation.poll_room(&mut context).is_pending();
            if self.operations.iter().any(full) {
                self.waits_for_room = true;
                return;
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
                self.contexts = with_silent_roles(agreed.contexts, &agreed.user).into();
                self.operations_max = usize::from(agreed.async_window.invoked.max(1));
                self.start_reports();
            }
            Event::Command { context_id, command } => self.take_command(context_id, command),
            Event::Body { bytes, .. } => self.take_body(bytes),
            Event::BodyEnd { .. } => self.end_body(),
            Event::ReleaseRequested => {
                tracing::debug!("release requested");
                self.cancel_questions();
            }
            Event::Released => {
                tracing::info!(operations = self.served, "released");
                self.break_operations(&BodyError::Closed);
            }
            Event::Rejected(rejection) => tracing::warn!(%rejection, "rejected"),
            Event::Aborted { by, reason } => {
                tracing::warn!(%by, reason, "aborted by the peer");
                self.break_operations(&BodyError::Aborted);
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
            Admission::Admitted => self.services.admit(&request, &self.remote),
            Admission::TooMany | Admission::TooManyFromHost => Err(Rejection::LOCAL_LIMIT_EXCEEDED),
        };
        if let Err(rejection) = admitted {
            tracing::warn!(%rejection, admission = ?self.admission, "association refused");
            self.pump.machine.reject(now, rejection);
            return;
        }
        let results = self.services.negotiate(&request);
        let mut items = self.services.answer_items(&request);
        let performed = self.config.association.operations_max.max(1);
        // No more is granted than is performed; how many operations of ours the peer performs is for the services to say.
        let ours = AsyncWindow { invoked: performed.try_into().unwrap_or(u16::MAX), performed: 0 };
        items.async_window = items.async_window.map(|window| window.and(ours));
        self.caller = Some(AssociationContext {
            association_id: self.association_id,
            calling: request.calling,
            called: request.called,
            remote: self.remote.clone(),
        });
        self.pump.machine.accept_with(now, results, items);
    }

    fn take_command(&mut self, context_id: u8, command: Command) {
        if self.over {
            return;
        }
        if let Command::CancelRq { message_id } = command {
            self.cancel(message_id);
            return;
        }
        if command.is_response() {
            if command.has_data_set() {
                self.receiving = Receiving::Reply(command, Some(Vec::new()));
            } else {
                self.take_reply(command, None);
            }
            return;
        }
        if self.stopping.as_ref().is_some_and(|stopping| stopping.released) {
            // It crossed our A-RELEASE-RQ, after which nothing can be answered; the peer will ask again elsewhere.
            tracing::warn!(?command, "not served: shutting down");
            return;
        }
        if self.is_full() || !self.waiting.is_empty() {
            self.waiting.push_back((context_id, command));
            return;
        }
        self.start(context_id, command);
    }

    fn cancel(&mut self, message_id: u16) {
        let serving = self.operations.iter_mut().find(|it| it.serves(message_id));
        match serving {
            Some(operation) => {
                tracing::debug!(message_id, "cancelled by the peer");
                operation.cancel();
            }
            // The answer and the C-CANCEL crossed (PS3.7 section 9.1.2.4).
            None => tracing::debug!(message_id, "nothing to cancel"),
        }
    }

    /// Whoever releases with a question open does not want its answers; the release is answered behind the last of them.
    fn cancel_questions(&mut self) {
        for operation in &mut self.operations {
            if matches!(operation.request(), Some(Command::FindRq { .. })) {
                operation.cancel();
            }
        }
    }

    fn take_reply(&mut self, command: Command, data_set: Option<Bytes>) {
        match self.operations.iter_mut().find(|it| it.awaits(&command)) {
            Some(operation) => operation.take_reply(Reply { command, data_set }),
            None => tracing::debug!(?command, "nobody waits for this answer any more"),
        }
    }

    fn start(&mut self, context_id: u8, command: Command) {
        self.served += 1;
        let number = self.served;
        let context = self.contexts.iter().find(|it| it.id == context_id).cloned();
        let (Some(context), Some(caller)) = (context, self.caller.clone()) else {
            // The machine has checked the context already; this keeps the two in step.
            return self.abort(BodyError::Stopped("unknown presentation context".to_owned()));
        };
        if command.has_data_set() {
            self.receiving = Receiving::Request(number);
        }
        let ids = Arc::clone(&self.message_ids);
        let (dialogue, channel) = dialogue(context, Some(command.clone()), ids);
        let (feed, body) = body(self.config.body_buffer_bytes_max);
        let patience = start::patience(&command, &self.config);
        let (services, config) = (&self.services, &self.config);
        let contexts = Arc::clone(&self.contexts);
        let work = match self.operations.iter().any(|it| it.serves(command.message_id())) {
            true => start::duplicate(dialogue),
            false => {
                start::work(services, config, caller, command.clone(), dialogue, contexts, body)
            }
        };
        self.operations
            .push(Operation::served(number, context_id, command, feed, channel, work, patience));
    }

    fn start_reports(&mut self) {
        let (Some(context), Some(caller)) = (self.contexts.first(), self.caller.clone()) else {
            return;
        };
        for reports in self.services.reports(caller, &self.contexts) {
            let ids = Arc::clone(&self.message_ids);
            let (dialogue, channel) = dialogue(context.clone(), None, ids);
            let (contexts, config) = (Arc::clone(&self.contexts), Arc::clone(&self.config));
            let work = Box::pin(reports::run(dialogue, contexts, config, reports));
            self.operations.push(Operation::own(context.id, channel, work));
        }
    }

    fn take_body(&mut self, bytes: Bytes) {
        match &mut self.receiving {
            Receiving::Nothing => {}
            Receiving::Request(number) => {
                let number = *number;
                let operation = self.operations.iter_mut().find(|it| it.has_number(number));
                if let Some(Err(error)) = operation.map(|it| it.take_body(bytes, &self.config)) {
                    self.abort_operation(&error);
                }
            }
            Receiving::Reply(_, kept) => {
                let longest = self.config.identifier_bytes_max;
                if let Some(data_set) = kept {
                    if data_set.len() + bytes.len() <= longest {
                        data_set.extend_from_slice(&bytes);
                    } else {
                        tracing::warn!("the data set of an answer exceeds {longest} bytes");
                        *kept = None;
                    }
                }
            }
        }
    }

    fn end_body(&mut self) {
        match std::mem::replace(&mut self.receiving, Receiving::Nothing) {
            Receiving::Nothing => {}
            Receiving::Request(number) => {
                let operation = self.operations.iter_mut().find(|it| it.has_number(number));
                if let Some(operation) = operation {
                    operation.end_body();
                }
            }
            Receiving::Reply(command, data_set) => {
                self.take_reply(command, data_set.map(Bytes::from));
            }
        }
    }

    /// Says what can be said, starts what waits, and lets go at shutdown.
    fn advance(&mut self) {
        let now = self.pump.now();
        loop {
            self.speak(now);
            let over = self.over;
            self.operations.retain(|it| !(it.is_finished() || over && !it.is_working()));
            if self.is_full() {
                break;
            }
            let Some((context_id, command)) = self.waiting.pop_front() else { break };
            self.start(context_id, command);
            self.take_events();
        }
        if let Some(stopping) = &mut self.stopping
            && self.operations.iter().all(Operation::is_idle)
            && !self.over
            && !stopping.released
        {
            stopping.released = true;
            self.pump.machine.release(now);
        }
    }

    /// One message after the other, since parts of two are never mixed, and one operation after the other, so that a long
    /// list of answers does not hold up a short one.
    fn speak(&mut self, now: Instant) {
        self.turn = self.speaker().unwrap_or(self.turn);
        let mut silent = 0;
        while !self.over && silent < self.operations.len() {
            self.turn %= self.operations.len();
            let operation = &mut self.operations[self.turn];
            match operation.speak(now, &mut self.pump) {
                Err(error) => return self.abort_operation(&error),
                Ok(_) if operation.is_mid_message() => return,
                Ok(true) => silent = 0,
                Ok(false) => silent += 1,
            }
            self.turn += 1;
        }
    }

    /// Which operation has begun a message that has not ended.
    fn speaker(&self) -> Option<usize> {
        self.operations.iter().position(Operation::is_mid_message)
    }

    /// Whether the peer's next request has to wait.
    fn is_full(&self) -> bool {
        let served = self.operations.iter().filter(|operation| operation.request().is_some());
        served.count() >= self.operations_max
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
        self.operations.iter().any(Operation::is_working)
    }

    fn give_up_on_services(&mut self) {
        let (now, room) = (self.pump.now(), !self.waits_for_room);
        for at in (0..self.operations.len()).rev() {
            let operation = &mut self.operations[at];
            if operation.service_deadline(now, room).is_none_or(|deadline| now < deadline) {
                continue;
            }
            match operation.give_up_on_service() {
                Ok(()) => tracing::error!(request = ?operation.request(), "service timed out"),
                Err(error) => self.abort_operation(&error),
            }
        }
    }

    fn abort_operation(&mut self, error: &OperationError) {
        tracing::warn!(%error, "aborted");
        self.abort(BodyError::Stopped(error.to_string()));
    }

    fn abort(&mut self, error: BodyError) {
        let now = self.pump.now();
        self.pump.machine.abort(now, AbortReason::ServiceUser);
        self.break_operations(&error);
    }

    fn closed(&mut self, reason: CloseReason) {
        let cause = match self.pump.broken() {
            Some(Broken::Stalled) => "the peer takes no bytes any more".to_owned(),
            Some(Broken::Tls(fault)) => fault.to_string(),
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
        self.break_operations(&match reason {
            CloseReason::Protocol(error) => BodyError::Protocol(error.to_string()),
            CloseReason::Timeout(_) => BodyError::Timeout,
            _ => BodyError::Closed,
        });
    }

    /// The association is over. The services hear of it and are given their time to clean up, or to finish what has
    /// arrived whole; nobody will hear their answers.
    fn break_operations(&mut self, error: &BodyError) {
        self.over = true;
        self.waiting.clear();
        self.receiving = Receiving::Nothing;
        for operation in &mut self.operations {
            operation.break_off(error.clone());
        }
    }
}
