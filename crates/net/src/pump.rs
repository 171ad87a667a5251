//! One protocol machine on one stream.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::clock::{Alarm, Clock};
use crate::tls::{TlsFault, is_tls};
use crate::wire::{Duplex, Turn, Wire};

/// What a pump needs of a protocol machine.
pub(crate) trait Machine {
    /// Bytes from the peer.
    fn handle_input(&mut self, now: Instant, input: Bytes);
    /// The peer will send nothing more, or the stream is broken.
    fn handle_closed(&mut self, now: Instant);
    /// Some deadline may have passed.
    fn handle_timeout(&mut self, now: Instant);
    /// Takes bytes for the peer.
    fn poll_transmit(&mut self, out: &mut Vec<Bytes>);
    /// When to call `handle_timeout`.
    fn poll_timeout(&self) -> Option<Instant>;
    /// Whether input is welcome; otherwise the peer has to wait.
    fn wants_input(&self) -> bool;
    /// Whether the stream should be dropped.
    fn is_closed(&self) -> bool;
}

/// Moves bytes and time between a stream and its machine. Decides nothing.
pub(crate) struct Pump<M> {
    pub(crate) machine: M,
    wire: Wire<Box<dyn Duplex>>,
    clock: Arc<dyn Clock>,
    alarm: Alarm,
    send_progress: Duration,
    pieces: Vec<Bytes>,
    broken: Option<Broken>,
}

/// How the stream itself failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Broken {
    /// The peer takes no bytes any more.
    Stalled,
    /// TLS reports an error, or has no business here.
    Tls(TlsFault),
    /// The transport reports an error.
    Transport(io::ErrorKind),
}

impl Broken {
    fn by(error: &io::Error) -> Self {
        match TlsFault::of(error) {
            Some(fault) => Self::Tls(fault.clone()),
            None => Self::Transport(error.kind()),
        }
    }
}

impl<M: Machine> Pump<M> {
    pub(crate) fn new(
        stream: Box<dyn Duplex>,
        machine: M,
        clock: Arc<dyn Clock>,
        send_progress: Duration,
    ) -> Self {
        let alarm = Alarm::new(Arc::clone(&clock));
        let (wire, pieces) = (Wire::new(stream), Vec::new());
        Self { machine, wire, clock, alarm, send_progress, pieces, broken: None }
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Moves bytes once. Ready when the machine may have news, or room for more output.
    pub(crate) fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.poll_bytes(context) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => {
                self.wire.rest(context);
                self.poll_deadlines(context)
            }
        }
    }

    /// [`Self::poll_turn`] without deadlines, which can be waited for only inside a runtime.
    pub(crate) fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.is_finished() {
            return Poll::Ready(());
        }
        let now = self.clock.now();
        self.transmit(now);
        match self.wire.poll_turn(context, now, self.machine.wants_input()) {
            Poll::Ready(Turn::Read(bytes)) => {
                // The machine will find that it is nonsense. Which nonsense is worth telling: somebody has to change a
                // configuration.
                if self.wire.bytes_received == bytes.len() as u64 && is_tls(&bytes) {
                    self.broken.get_or_insert(Broken::Tls(TlsFault::UnexpectedTls));
                }
                self.machine.handle_input(now, bytes);
            }
            Poll::Ready(Turn::EndOfInput) => self.machine.handle_closed(now),
            Poll::Ready(Turn::Failed(error)) => {
                self.fail(now, Broken::by(&error));
            }
            Poll::Ready(Turn::Wrote) => {}
            Poll::Pending => return Poll::Pending,
        }
        Poll::Ready(())
    }

    fn poll_deadlines(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let now = self.clock.now();
        // The machine hears that its events have been taken, so that its deadlines begin here. What is due is judged
        // below.
        if self.machine.poll_timeout().is_some_and(|due| now < due) {
            self.machine.handle_timeout(now);
        }
        let stalled = self.wire.progress_deadline(self.send_progress);
        let due = self.machine.poll_timeout().into_iter().chain(stalled).min();
        std::task::ready!(self.alarm.poll(context, due));
        let now = self.clock.now();
        if stalled.is_some_and(|deadline| deadline <= now) {
            self.fail(now, Broken::Stalled);
        } else {
            self.machine.handle_timeout(now);
        }
        Poll::Ready(())
    }

    /// Waits for one turn.
    pub(crate) async fn turn(&mut self) {
        poll_fn(|context| self.poll_turn(context)).await;
    }

    /// Whether the stream can be dropped.
    pub(crate) fn is_finished(&self) -> bool {
        self.machine.is_closed()
    }

    /// How the stream failed, if it did.
    pub(crate) fn broken(&self) -> Option<Broken> {
        self.broken.clone()
    }

    /// Bytes received and sent so far.
    pub(crate) fn volume(&self) -> (u64, u64) {
        (self.wire.bytes_received, self.wire.bytes_sent)
    }

    /// Sends, without waiting, what the transport takes at once, and lets go of it.
    pub(crate) fn say_goodbye(&mut self) {
        let now = self.clock.now();
        self.transmit(now);
        self.wire.say_goodbye(now);
    }

    /// Bytes that the machine has put out and the transport has not taken, as far as they have left the machine.
    pub(crate) fn backlog(&mut self) -> usize {
        self.transmit(self.clock.now());
        self.wire.outgoing_bytes()
    }

    fn transmit(&mut self, now: Instant) {
        if self.wire.outgoing_bytes() < OUTGOING_BYTES_MAX {
            self.machine.poll_transmit(&mut self.pieces);
            self.wire.queue(now, &mut self.pieces);
        }
    }

    fn fail(&mut self, now: Instant, broken: Broken) {
        self.broken.get_or_insert(broken);
        self.machine.handle_closed(now);
    }
}

/// Above this, the machine keeps its output, and so its user waits for credit.
const OUTGOING_BYTES_MAX: usize = 256 * 1024;
