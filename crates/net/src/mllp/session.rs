//! One MLLP connection that a peer opened with us.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use telerad_hl7::mllp::{Receiver, ReceiverEvent};
use tracing::Instrument;

use super::server::{MessageHandler, ServerConfig};
use crate::BoxFuture;
use crate::clock::{Alarm, after};
use crate::pump::{Broken, Pump};
use crate::shutdown::Shutdown;
use crate::wire::Duplex;

/// Answers the frames of one connection, in order.
pub(super) struct Session {
    pump: Pump<Receiver>,
    handler: Arc<dyn MessageHandler>,
    peer_address: String,
    handler_patience: Duration,
    handler_alarm: Alarm,
    drain: Duration,
    drain_alarm: Alarm,
    current: Option<Current>,
    /// Set at shutdown: until when to finish.
    stopping: Option<Instant>,
    over: bool,
    messages: u64,
}

/// The message that the handler works on.
struct Current {
    id: u64,
    answer: BoxFuture<'static, Bytes>,
    deadline: Instant,
}

impl Session {
    pub(super) fn new(
        stream: Box<dyn Duplex>,
        peer_address: String,
        handler: Arc<dyn MessageHandler>,
        config: Arc<ServerConfig>,
    ) -> Self {
        let clock = Arc::clone(&config.clock);
        let machine = Receiver::new(config.receiver(), clock.now());
        let send_progress = Duration::from_secs(config.send_progress_seconds_max);
        Self {
            pump: Pump::new(stream, machine, Arc::clone(&clock), send_progress),
            handler,
            peer_address,
            handler_patience: Duration::from_secs(config.handler_seconds_max),
            handler_alarm: Alarm::new(Arc::clone(&clock)),
            drain: Duration::from_secs(config.drain_seconds_max),
            drain_alarm: Alarm::new(clock),
            current: None,
            stopping: None,
            over: false,
            messages: 0,
        }
    }

    /// Serves until the connection has ended and the handler has come to an end.
    pub(super) async fn run(self, shutdown: Shutdown) {
        let span = tracing::info_span!("hl7", peer = self.peer_address);
        self.serve(shutdown).instrument(span).await;
    }

    async fn serve(mut self, shutdown: Shutdown) {
        tracing::debug!("connected");
        let mut stop = pin!(shutdown.requested());
        loop {
            self.take_events();
            let idle = self.current.is_none();
            if idle && (self.over || self.pump.is_finished()) {
                break;
            }
            // A frame without an answer is sent again by its sender, so shutdown waits for no more than this.
            if idle && self.stopping.is_some() && self.pump.backlog() == 0 {
                break;
            }
            poll_fn(|context| self.poll_wait(context, stop.as_mut())).await;
        }
        self.pump.say_goodbye();
        if let Some(broken) = self.pump.broken() {
            tracing::warn!(?broken, "connection broke");
        }
        let (bytes_received, bytes_sent) = self.pump.volume();
        tracing::debug!(messages = self.messages, bytes_received, bytes_sent, "disconnected");
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
        if !self.pump.is_finished() && self.pump.poll_turn(context).is_ready() {
            return Poll::Ready(());
        }
        let Some(deadline) = self.stopping else {
            std::task::ready!(stop.poll(context));
            self.stopping = Some(after(self.pump.now(), self.drain));
            return Poll::Ready(());
        };
        std::task::ready!(self.drain_alarm.poll(context, Some(deadline)));
        tracing::warn!("closed: not finished at the end of the shutdown");
        self.current = None;
        self.over = true;
        Poll::Ready(())
    }
}
