//! One MLLP connection that a peer opened with us.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use telerad_hl7::mllp::{CloseReason, Commit, Receiver, ReceiverEvent, Release};
use tracing::Instrument;

use super::budget::{Budget, READ_BYTES, Share};
use super::config::{Handled, MessageHandler, ServerConfig};
use crate::BoxFuture;
use crate::clock::{Alarm, after};
use crate::pump::{Broken, Pump};
use crate::remote::Remote;
use crate::shutdown::Shutdown;
use crate::tls::TlsFault;
use crate::wire::Duplex;

/// Answers the frames of one connection, in order.
pub(super) struct Session {
    pump: Pump<Receiver>,
    handler: Arc<dyn MessageHandler>,
    release: Release,
    remote: Remote,
    handler_patience: Duration,
    handler_alarm: Alarm,
    drain: Duration,
    drain_alarm: Alarm,
    memory: Share,
    current: Option<Current>,
    /// Set at shutdown: until when to finish.
    stopping: Option<Instant>,
    over: bool,
    messages: u64,
}

/// The message that the handler works on.
struct Current {
    id: u64,
    answer: BoxFuture<'static, Handled>,
    deadline: Instant,
}

impl Session {
    pub(super) fn new(
        stream: Box<dyn Duplex>,
        remote: Remote,
        handler: Arc<dyn MessageHandler>,
        config: Arc<ServerConfig>,
        budget: &Budget,
    ) -> Self {
        let clock = Arc::clone(&config.clock);
        let machine = Receiver::new(config.receiver(), clock.now());
        let send_progress = Duration::from_secs(config.send_progress_seconds_max);
        Self {
            pump: Pump::new(stream, machine, Arc::clone(&clock), send_progress),
            handler,
            release: config.release,
            remote,
            handler_patience: Duration::from_secs(config.handler_seconds_max),
            handler_alarm: Alarm::new(Arc::clone(&clock)),
            drain: Duration::from_secs(config.drain_seconds_max),
            drain_alarm: Alarm::new(clock),
            memory: budget.share(),
            current: None,
            stopping: None,
            over: false,
            messages: 0,
        }
    }

    /// Serves until the connection has ended and the handler has come to an end.
    pub(super) async fn run(self, shutdown: Shutdown) {
        let span = tracing::info_span!("hl7", peer = %self.remote);
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
            if self.may_end() {
                break;
            }
            poll_fn(|context| self.poll_wait(context, stop.as_mut())).await;
        }
        self.pump.say_goodbye();
        // Senders cut connections between messages, and a half message is never taken for a whole one.
        let broken = self.pump.broken().filter(|it| *it != Broken::Tls(TlsFault::Truncated));
        if let Some(broken) = broken {
            tracing::warn!(?broken, "connection broke");
        }
        let (bytes_received, bytes_sent) = self.pump.volume();
        tracing::debug!(messages = self.messages, bytes_received, bytes_sent, "disconnected");
    }

    /// Nothing is being answered, and nobody waits for more. A frame that has not been given to the handler is left to
    /// its sender at shutdown, which has no answer and sends it again.
    fn may_end(&mut self) -> bool {
        if self.current.is_some() {
            return false;
        }
        let wants_to = self.over || self.stopping.is_some();
        self.pump.broken().is_some() || (wants_to && self.pump.backlog() == 0)
    }

    fn poll_wait<F: Future<Output = ()>>(
        &mut self,
        context: &mut Context<'_>,
        stop: Pin<&mut F>,
    ) -> Poll<()> {
        if let Some(current) = &mut self.current {
            if let Poll::Ready(answer) = current.answer.as_mut().poll(context) {
                let id = current.id;
                self.current = None;
                self.answer(id, answer);
                return Poll::Ready(());
            }
            if self.handler_alarm.poll(context, Some(current.deadline)).is_ready() {
                tracing::error!("closed: the handler does not answer");
                self.current = None;
                self.over = true;
                return Poll::Ready(());
            }
        }
        self.ask_for_memory(context);
        if self.pump.broken().is_none() && self.pump.poll_turn(context).is_ready() {
            return Poll::Ready(());
        }
        let Some(deadline) = self.stopping else {
            std::task::ready!(stop.poll(context));
            self.begin_stopping();
            return Poll::Ready(());
        };
        std::task::ready!(self.drain_alarm.poll(context, Some(deadline)));
        tracing::warn!("closed: not finished at the end of the shutdown");
        self.current = None;
        self.over = true;
        Poll::Ready(())
    }

    /// Holds the peer back while there is no memory for what it may send next.
    fn ask_for_memory(&mut self, context: &mut Context<'_>) {
        if self.current.is_some() || self.over {
            return;
        }
        let frame_bytes = self.pump.machine.frame_bytes();
        if frame_bytes == 0 {
            // The last frame has been answered, or was given up.
            self.memory.release();
        }
        match self.memory.poll_grow(context, frame_bytes + READ_BYTES) {
            Poll::Ready(()) => {
                let now = self.pump.now();
                self.pump.machine.resume(now);
            }
            Poll::Pending => self.pump.machine.hold(),
        }
    }

    fn begin_stopping(&mut self) {
        self.stopping = Some(after(self.pump.now(), self.drain));
    }

    fn take_events(&mut self) {
        while self.current.is_none() && !self.over && self.stopping.is_none() {
            let Some(event) = self.pump.machine.poll_event() else { return };
            match event {
                ReceiverEvent::Message { id, frame } => {
                    self.messages += 1;
                    tracing::debug!(message = id, bytes = frame.len(), "frame received");
                    let answer = self.handler.handle_frame(self.remote.clone(), frame);
                    let deadline = after(self.pump.now(), self.handler_patience);
                    self.current = Some(Current { id, answer, deadline });
                }
                ReceiverEvent::Fault(fault) => tracing::warn!(%fault, "framing fault"),
                ReceiverEvent::Close(reason) => {
                    let (bytes_received, _) = self.pump.volume();
                    match reason {
                        CloseReason::PeerClosed | CloseReason::Idle => {
                            tracing::debug!(%reason, "closing");
                        }
                        _ => tracing::warn!(%reason, bytes_received, "closing"),
                    }
                    self.over = true;
                }
                event => tracing::debug!(?event, "not understood"),
            }
        }
    }

    fn answer(&mut self, id: u64, handled: Handled) {
        let now = self.pump.now();
        match handled {
            Handled::Answer(answer) => self.pump.machine.answer(now, id, answer),
            Handled::AnswerTwice { commit, application } => {
                self.pump.machine.answer_twice(now, id, commit, application);
            }
            Handled::Nothing => self.pump.machine.leave_unanswered(now, id),
            Handled::NotStored if self.release == Release::Two => {
                self.pump.machine.commit(now, id, Commit::Nak);
            }
            Handled::Close | Handled::NotStored => {
                tracing::warn!(message = id, "closed: the handler has no answer");
                self.over = true;
            }
        }
    }
}
