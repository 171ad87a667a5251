//! The task of a pipeline: one connection, what is in flight on it, and what waits.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use telerad_hl7::mllp::{Expectation, Release, Sender as Machine, SenderEvent};
use telerad_hl7::{Message, ReceivedAck};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::backoff::Backoff;
use super::config::PipelineConfig;
use super::error::SendError;
use crate::BoxFuture;
use crate::clock::{Alarm, after};
use crate::open::{OpenError, open};
use crate::pump::Pump;
use crate::shutdown::Shutdown;
use crate::transport::Connector;
use crate::wire::Duplex;

/// A message on its way to the task.
pub(super) struct Request {
    pub(super) control_id: String,
    pub(super) message: Message,
    pub(super) expectation: Expectation,
    /// Until when it has to be sent.
    pub(super) deadline: Instant,
    pub(super) caller: mpsc::UnboundedSender<Told>,
    /// Its place among those that wait, given back when it is sent.
    pub(super) _place: OwnedSemaphorePermit,
}

/// What the task tells the caller.
pub(super) enum Told {
    Accepted(ReceivedAck),
    Ended(Result<Option<ReceivedAck>, SendError>),
}

/// Moves messages between callers and a connection.
pub(super) struct Line<C> {
    connector: Arc<C>,
    address: String,
    config: PipelineConfig,
    requests: mpsc::UnboundedReceiver<Request>,
    /// No caller is left.
    is_deserted: bool,
    /// In the order of the calls.
    waiting: VecDeque<Request>,
    connecting: Option<Connecting>,
    connection: Option<Connection>,
    backoff: Backoff,
    /// Why the last connection was not made.
    refused: Option<SendError>,
    alarm: Alarm,
    /// Set at shutdown: until when to finish.
    stopping: Option<Instant>,
}

type Connecting = BoxFuture<'static, Result<Box<dyn Duplex>, OpenError>>;

struct Connection {
    pump: Pump<Machine>,
    /// Oldest first.
    in_flight: Vec<InFlight>,
    /// A message was not answered in time: nothing else goes out here.
    is_retiring: bool,
    /// Something came that acknowledges no message in flight.
    strangers: bool,
}

/// A message that has been given to the machine.
struct InFlight {
    control_id: String,
    expectation: Expectation,
    caller: mpsc::UnboundedSender<Told>,
    /// How many bytes will have left when all of it has.
    end: u64,
    /// For the first answer; set when the last byte has left.
    deadline: Option<Instant>,
    /// The commit answer is here. The machine itself counts the time of the application.
    is_accepted: bool,
}

impl<C: Connector> Line<C> {
    pub(super) fn new(
        connector: C,
        address: String,
        config: PipelineConfig,
        requests: mpsc::UnboundedReceiver<Request>,
    ) -> Self {
        Self {
            connector: Arc::new(connector),
            address,
            requests,
            is_deserted: false,
            waiting: VecDeque::new(),
            connecting: None,
            connection: None,
            backoff: Backoff::new(Some(config.reconnect), Arc::clone(&config.rng)),
            refused: None,
            alarm: Alarm::new(Arc::clone(&config.clock)),
            stopping: None,
            config,
        }
    }

    pub(super) async fn run(mut self, shutdown: Shutdown) {
        let mut stop = pin!(shutdown.requested());
        loop {
            if self.stopping.is_none() && shutdown.is_requested() {
                self.begin_stopping();
            }
            self.take_requests();
            self.turn();
            let is_quiet = self.connection.as_ref().is_none_or(|it| it.in_flight.is_empty());
            if (self.stopping.is_some() || self.is_deserted) && is_quiet {
                break;
            }
            poll_fn(|context| self.poll_wait(context, stop.as_mut())).await;
        }
        tracing::debug!(address = self.address, "no more is sent");
    }

    /// What waits is not sent any more.
    fn begin_stopping(&mut self) {
        self.stopping = Some(after(self.config.clock.now(), self.config.drain));
        self.requests.close();
        self.connecting = None;
    }

    fn take_requests(&mut self) {
        loop {
            match self.requests.try_recv() {
                Ok(request) => self.take(request),
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    self.is_deserted = true;
                    break;
                }
            }
        }
        if self.stopping.is_some() {
            for request in self.waiting.drain(..) {
                let _ = request.caller.send(Told::Ended(Err(SendError::Stopped)));
            }
        }
    }

    fn take(&mut self, request: Request) {
        self.waiting.retain(|other| !other.caller.is_closed());
        let mut in_flight = self.connection.iter().flat_map(|it| &it.in_flight);
        if self.waiting.iter().any(|other| other.control_id == request.control_id)
            || in_flight.any(|other| other.control_id == request.control_id)
        {
            let _ = request.caller.send(Told::Ended(Err(SendError::ControlIdInUse)));
        } else {
            self.waiting.push_back(request);
        }
    }

    /// Everything that can be done without waiting.
    fn turn(&mut self) {
        let now = self.config.clock.now();
        if let Some(connection) = &mut self.connection
            && connection.take_events(&mut self.backoff, &self.address, now)
        {
            self.connection = None;
        }
        if let Some(connection) = &mut self.connection {
            let is_over = self.stopping.is_some_and(|deadline| deadline <= now);
            connection.note_departures(after(now, self.config.timeouts.response));
            connection.give_up(now, is_over);
            if connection.is_retiring && connection.in_flight.is_empty() {
                self.backoff.note_loss(now);
                self.connection = None;
            }
        }
        let refused = self.refused.clone().unwrap_or(SendError::Queued);
        self.waiting.retain(|request| {
            let is_late = request.deadline <= now;
            if is_late {
                let _ = request.caller.send(Told::Ended(Err(refused.clone())));
            }
            !is_late && !request.caller.is_closed()
        });
        match &mut self.connection {
            Some(connection) => connection.send(&mut self.waiting, now),
            None => self.connect(now),
        }
    }

    fn connect(&mut self, now: Instant) {
        let is_early = self.backoff.not_before().is_some_and(|not_before| now < not_before);
        if self.waiting.is_empty() || self.connecting.is_some() || is_early {
            return;
        }
        self.backoff.note_try(now);
        let (connector, address) = (Arc::clone(&self.connector), self.address.clone());
        let clock = Arc::clone(&self.config.clock);
        let patience = (self.config.timeouts.connect, self.config.timeouts.tls);
        self.connecting = Some(Box::pin(async move {
            let stream = open(&*connector, &clock, &address, patience).await?;
            Ok(Box::new(stream) as Box<dyn Duplex>)
        }));
    }

    fn poll_wait<F: Future<Output = ()>>(
        &mut self,
        context: &mut Context<'_>,
        stop: Pin<&mut F>,
    ) -> Poll<()> {
        if let Some(connection) = &mut self.connection
            && connection.pump.poll_turn(context).is_ready()
        {
            return Poll::Ready(());
        }
        if let Some(connecting) = &mut self.connecting
            && let Poll::Ready(stream) = connecting.as_mut().poll(context)
        {
            self.connecting = None;
            self.connected(stream);
            return Poll::Ready(());
        }
        match self.requests.poll_recv(context) {
            Poll::Ready(Some(request)) => {
                self.take(request);
                return Poll::Ready(());
            }
            Poll::Ready(None) if !self.is_deserted && self.stopping.is_none() => {
                self.is_deserted = true;
                return Poll::Ready(());
            }
            Poll::Ready(None) | Poll::Pending => {}
        }
        if self.stopping.is_none() && stop.poll(context).is_ready() {
            self.begin_stopping();
            return Poll::Ready(());
        }
        let deadline = self.deadline();
        std::task::ready!(self.alarm.poll(context, deadline));
        Poll::Ready(())
    }

    fn connected(&mut self, stream: Result<Box<dyn Duplex>, OpenError>) {
        match stream {
            Ok(stream) => {
                self.refused = None;
                let timeouts = self.config.timeouts;
                let machine =
                    Machine::new(timeouts.machine(Release::One, self.config.in_flight_max));
                let clock = Arc::clone(&self.config.clock);
                self.connection = Some(Connection {
                    pump: Pump::new(stream, machine, clock, timeouts.send_progress),
                    in_flight: Vec::new(),
                    is_retiring: false,
                    strangers: false,
                });
            }
            Err(error) => {
                let error = SendError::from(error);
                tracing::warn!(address = self.address, "{error}");
                self.refused = Some(error);
            }
        }
    }

    /// When there is something to do besides what comes in.
    fn deadline(&self) -> Option<Instant> {
        let waiting = self.waiting.front().map(|request| request.deadline);
        let answers = self.connection.iter().flat_map(|it| &it.in_flight);
        let answers = answers.filter_map(|it| it.deadline).min();
        let wants_connection = self.connection.is_none() && self.connecting.is_none();
        let reconnect =
            self.backoff.not_before().filter(|_| wants_connection && !self.waiting.is_empty());
        [waiting, answers, reconnect, self.stopping].into_iter().flatten().min()
    }
}

impl Connection {
    /// Passes on what the machine has to tell; whether the connection is over.
    fn take_events(&mut self, backoff: &mut Backoff, address: &str, now: Instant) -> bool {
        while let Some(event) = self.pump.machine.poll_event() {
            match event {
                SenderEvent::Answered { control_id, ack, .. } => {
                    backoff.note_answer();
                    self.end(&control_id, Ok(Some(ack)));
                }
                SenderEvent::Accepted { control_id, ack, .. } => {
                    backoff.note_answer();
                    self.accept(&control_id, ack);
                }
                // Of the application, after its commit answer.
                SenderEvent::Timeout { control_id } => {
                    self.is_retiring = true;
                    self.end(&control_id, Err(SendError::Timeout));
                }
                SenderEvent::Close { reason, .. } => {
                    tracing::debug!(address, %reason, in_flight = self.in_flight.len(), "connection is gone");
                    if !self.in_flight.is_empty() {
                        backoff.note_loss(now);
                    }
                    let error = SendError::of_closed(reason, self.pump.broken());
                    for lost in self.in_flight.drain(..) {
                        let _ = lost.caller.send(Told::Ended(Err(error.clone())));
                    }
                    return true;
                }
                event => {
                    tracing::warn!(address, ?event, "unasked");
                    self.strangers = true;
                }
            }
        }
        false
    }

    fn accept(&mut self, control_id: &str, ack: ReceivedAck) {
        if let Some(it) = self.in_flight.iter_mut().find(|it| it.control_id == control_id) {
            (it.is_accepted, it.deadline) = (true, None);
            let _ = it.caller.send(Told::Accepted(ack));
        }
    }

    fn end(&mut self, control_id: &str, end: Result<Option<ReceivedAck>, SendError>) {
        // One that was given up is not here any more.
        if let Some(place) = self.in_flight.iter().position(|it| it.control_id == control_id) {
            let _ = self.in_flight.remove(place).caller.send(Told::Ended(end));
        }
    }

    /// The time to answer begins when the last byte of a message has left; where no answer is expected, it is done then.
    fn note_departures(&mut self, deadline: Instant) {
        let (_, bytes_sent) = self.pump.volume();
        self.in_flight.retain_mut(|it| {
            if bytes_sent < it.end || it.is_accepted || it.deadline.is_some() {
                return true;
            }
            if it.expectation == Expectation::Nothing {
                let _ = it.caller.send(Told::Ended(Ok(None)));
                return false;
            }
            it.deadline = Some(deadline);
            true
        });
    }

    /// Gives up what is late, or all of it.
    fn give_up(&mut self, now: Instant, is_over: bool) {
        let error =
            if self.strangers { SendError::NotAnAcknowledgement } else { SendError::Timeout };
        let before = self.in_flight.len();
        self.in_flight.retain(|it| {
            let is_late = is_over || it.deadline.is_some_and(|deadline| deadline <= now);
            if is_late {
                let _ = it.caller.send(Told::Ended(Err(error.clone())));
            }
            !is_late
        });
        self.is_retiring |= self.in_flight.len() < before;
    }

    /// Sends what waits, as far as the machine and the peer take it.
    fn send(&mut self, waiting: &mut VecDeque<Request>, now: Instant) {
        while !self.is_retiring
            && self.pump.machine.can_send()
            && self.pump.backlog() < BACKLOG_BYTES_MAX
            && let Some(Request { control_id, message, expectation, caller, .. }) =
                waiting.pop_front()
        {
            let bytes = message.as_bytes();
            // It takes one: that was asked.
            let _ = self.pump.machine.send_expecting(now, &*control_id, bytes, expectation);
            let end = self.pump.backlog() as u64 + self.pump.volume().1;
            let (deadline, is_accepted) = (None, false);
            self.in_flight.push(InFlight {
                control_id,
                expectation,
                caller,
                end,
                deadline,
                is_accepted,
            });
        }
    }
}

/// While more than this waits to be written, messages wait with their callers.
const BACKLOG_BYTES_MAX: usize = 64 * 1024;
