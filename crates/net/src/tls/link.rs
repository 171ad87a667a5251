//! A stream that is TLS, or will be, or is not.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;

use super::explain;

/// A stream of a [`TlsAcceptor`](super::TlsAcceptor) or a [`TlsConnector`](super::TlsConnector).
///
/// Until its handshake has been made it can be neither read nor written (`NotConnected`): nobody shall speak in clear by
/// an oversight. A connection that ends without a close_notify ends with an error, `UnexpectedEof`, since anybody on the
/// way can cut a TCP connection. Those whose messages tell their own end may take it for an end between two of them.
#[derive(Debug)]
pub struct TlsLink<S>(State<S>);

#[derive(Debug)]
enum State<S> {
    Unready(S),
    Plain(S),
    Secure(Box<TlsStream<Observed<S>>>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsLink<S> {
    pub(super) fn unready(stream: S) -> Self {
        Self(State::Unready(stream))
    }

    pub(super) fn plain(stream: S) -> Self {
        Self(State::Plain(stream))
    }

    pub(super) fn secure(stream: impl Into<TlsStream<Observed<S>>>) -> Self {
        Self(State::Secure(Box::new(stream.into())))
    }

    /// The stream beneath, if there was no handshake on it yet.
    pub(super) fn into_unready(self) -> io::Result<S> {
        match self.0 {
            State::Unready(stream) => Ok(stream),
            State::Plain(_) | State::Secure(_) => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsLink<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            State::Unready(_) => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            State::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            State::Secure(stream) => {
                Pin::new(&mut **stream).poll_read(context, buffer).map_err(explain::in_use)
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsLink<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            State::Unready(_) => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            State::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            State::Secure(stream) => {
                Pin::new(&mut **stream).poll_write(context, bytes).map_err(explain::in_use)
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            State::Unready(_) => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            State::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            State::Secure(stream) => Pin::new(&mut **stream)
                .poll_write_vectored(context, slices)
                .map_err(explain::in_use),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            State::Unready(stream) | State::Plain(stream) => stream.is_write_vectored(),
            State::Secure(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            State::Unready(_) => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            State::Plain(stream) => Pin::new(stream).poll_flush(context),
            State::Secure(stream) => {
                Pin::new(&mut **stream).poll_flush(context).map_err(explain::in_use)
            }
        }
    }

    /// Says goodbye (close_notify) and ends the stream.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            State::Unready(stream) | State::Plain(stream) => {
                Pin::new(stream).poll_shutdown(context)
            }
            State::Secure(stream) => Pin::new(&mut **stream).poll_shutdown(context),
        }
    }
}

/// A stream whose first bytes are remembered, to tell what is spoken when it is not TLS.
#[derive(Debug)]
pub(super) struct Observed<S> {
    stream: S,
    first: [u8; 8],
    seen: usize,
}

impl<S> Observed<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, first: [0; 8], seen: 0 }
    }

    pub(super) fn first_bytes(&self) -> &[u8] {
        &self.first[..self.seen]
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Observed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let seen = self.seen;
        if seen < self.first.len() {
            let arrived = &buffer.filled()[before..];
            let count = arrived.len().min(self.first.len() - seen);
            self.first[seen..seen + count].copy_from_slice(&arrived[..count]);
            self.seen += count;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Observed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
