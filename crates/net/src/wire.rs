//! A stream, polled in both directions at once.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::clock::after;

/// A stream in both directions, of whatever kind.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A stream with its read buffer and its queue of outgoing pieces.
///
/// Reading and writing never wait for each other: a peer that does not read cannot keep us from reading.
pub(crate) struct Wire<S> {
    stream: S,
    incoming: BytesMut,
    outgoing: VecDeque<Bytes>,
    outgoing_bytes: usize,
    /// Since when the head of the queue has been waiting without a byte going out.
    waiting_since: Option<Instant>,
    unflushed: bool,
    end_of_input: bool,
    read_failure: Option<io::Error>,
    write_failure: Option<io::Error>,
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
}

/// What one poll of a [`Wire`] brought.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Bytes from the peer.
    Read(Bytes),
    /// The peer will send nothing more.
    EndOfInput,
    /// Some outgoing bytes have left.
    Wrote,
    /// The stream is broken.
    Failed(io::Error),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            incoming: BytesMut::new(),
            outgoing: VecDeque::new(),
            outgoing_bytes: 0,
            waiting_since: None,
            unflushed: false,
            end_of_input: false,
            read_failure: None,
            write_failure: None,
            bytes_received: 0,
            bytes_sent: 0,
        }
    }

    /// Queues pieces to be written, taking them out of `pieces`.
    pub(crate) fn queue(&mut self, now: Instant, pieces: &mut Vec<Bytes>) {
        if self.write_failure.is_some() {
            // They cannot leave; the failure is on its way to the owner.
            pieces.clear();
        }
        for piece in pieces.drain(..).filter(|piece| !piece.is_empty()) {
            self.outgoing_bytes += piece.len();
            self.outgoing.push_back(piece);
        }
        if self.waiting_since.is_none() && !self.outgoing.is_empty() {
            self.waiting_since = Some(now);
        }
    }

    /// Whether every queued byte has been given to the transport.
    #[cfg(test)]
    pub(crate) fn is_drained(&self) -> bool {
        self.outgoing.is_empty() && !self.unflushed
    }

    /// Bytes that still wait to be written; at least one while the transport holds some back, as TLS does.
    pub(crate) fn outgoing_bytes(&self) -> usize {
        self.outgoing_bytes.max(usize::from(self.unflushed))
    }

    /// Until when some outgoing byte must have left; `None` while nothing waits.
    pub(crate) fn progress_deadline(&self, allowed: Duration) -> Option<Instant> {
        self.waiting_since.map(|since| after(since, allowed))
    }

    /// Reads if `wants_input`, and writes what is queued. Ready when at least one of them got somewhere.
    ///
    /// Input comes first: the peer's A-ABORT that explains a broken pipe must be heard before the broken pipe is
    /// reported. But writing never starves behind a peer that does not stop sending.
    pub(crate) fn poll_turn(
        &mut self,
        context: &mut Context<'_>,
        now: Instant,
        wants_input: bool,
    ) -> Poll<Turn> {
        let read = if wants_input && !self.end_of_input && self.read_failure.is_none() {
            self.poll_read(context)
        } else {
            Poll::Pending
        };
        let written = self.poll_write(context, now);
        match read {
            Poll::Ready(Ok(bytes)) if bytes.is_empty() => {
                self.end_of_input = true;
                return Poll::Ready(Turn::EndOfInput);
            }
            Poll::Ready(Ok(bytes)) => return Poll::Ready(Turn::Read(bytes)),
            Poll::Ready(Err(error)) => self.read_failure = Some(error),
            Poll::Pending => {}
        }
        let failure = self.read_failure.take().or_else(|| self.write_failure.take());
        match (failure, written) {
            (Some(error), _) => Poll::Ready(Turn::Failed(error)),
            (None, true) => Poll::Ready(Turn::Wrote),
            (None, false) => Poll::Pending,
        }
    }

    /// Lets go of what the transport holds back although nothing is left to be written: the acknowledgement that the
    /// peer may be waiting for. For when the next thing to happen has to come from the peer.
    pub(crate) fn rest(&mut self, context: &mut Context<'_>) {
        if self.outgoing.is_empty() && !self.unflushed && self.write_failure.is_none() {
            // Nothing of ours depends on it, and a stream that is broken says so when it is read.
            let _ = Pin::new(&mut self.stream).poll_flush(context);
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        // Once every slice of a buffer has been dropped, `reserve` takes the same memory again.
        if self.incoming.capacity() < READ_BYTES_MIN {
            self.incoming.reserve(READ_BYTES);
        }
        let read = pin!(self.stream.read_buf(&mut self.incoming)).poll(context);
        read.map_ok(|count| {
            self.bytes_received += count as u64;
            self.incoming.split().freeze()
        })
    }

    /// Writes until the queue is empty or the transport is full; whether anything moved.
    fn poll_write(&mut self, context: &mut Context<'_>, now: Instant) -> bool {
        let mut moved = false;
        while !self.outgoing.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            for (slice, piece) in slices.iter_mut().zip(&self.outgoing) {
                *slice = IoSlice::new(piece);
            }
            let used = self.outgoing.len().min(SLICES_MAX);
            let written = Pin::new(&mut self.stream).poll_write_vectored(context, &slices[..used]);
            match written {
                Poll::Ready(Ok(0)) => {
                    self.fail_writing(io::ErrorKind::WriteZero.into());
                    return moved;
                }
                Poll::Ready(Ok(count)) => {
                    self.advance(count);
                    self.waiting_since = Some(now);
                    self.unflushed = true;
                    moved = true;
                }
                Poll::Ready(Err(error)) => {
                    self.fail_writing(error);
                    return moved;
                }
                Poll::Pending => return moved,
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Ready(Ok(())) => {
                    self.unflushed = false;
                    self.waiting_since = None;
                    moved = true;
                }
                Poll::Ready(Err(error)) => self.fail_writing(error),
                Poll::Pending => {}
            }
        }
        moved
    }

    fn advance(&mut self, mut count: usize) {
        self.bytes_sent += count as u64;
        self.outgoing_bytes -= count;
        while let Some(head) = self.outgoing.front_mut() {
            if count < head.len() {
                head.advance(count);
                return;
            }
            count -= head.len();
            self.outgoing.pop_front();
        }
    }

    fn fail_writing(&mut self, error: io::Error) {
        self.write_failure = Some(error);
        self.outgoing.clear();
        self.outgoing_bytes = 0;
        self.waiting_since = None;
        self.unflushed = false;
    }

    /// Writes what the transport takes at once, without waiting, then lets go: for a goodbye while being dropped.
    pub(crate) fn say_goodbye(&mut self, now: Instant) {
        let mut context = Context::from_waker(Waker::noop());
        let _ = self.poll_write(&mut context, now);
        let _ = Pin::new(&mut self.stream).poll_shutdown(&mut context);
    }
}

/// Size of one read buffer.
const READ_BYTES: usize = 64 * 1024;
/// Below this much room, a new buffer is cheaper than another system call.
const READ_BYTES_MIN: usize = 8 * 1024;
/// Pieces per vectored write; a P-DATA-TF takes two.
const SLICES_MAX: usize = 32;

#[cfg(test)]
mod tests;
