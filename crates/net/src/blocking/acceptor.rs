//! A standard listener whose streams find their runtime later.

use std::io::{self, IoSlice};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::association::link;
use crate::transport::{Listener, TcpLink};

/// Accepts on a `std::net::TcpListener`. For TLS, wrap it in [`TlsAcceptor`](crate::tls::TlsAcceptor) (feature `tls`).
pub struct Acceptor {
    listener: Listening,
    local_address: String,
}

enum Listening {
    /// Not known to a runtime yet.
    New(Option<TcpListener>),
    Known(tokio::net::TcpListener),
}

/// A TCP stream that belongs to the runtime in which it is first used, so that a thread of its own can serve it.
pub struct AcceptedStream(State);

enum State {
    New(Option<TcpStream>),
    Known(TcpLink),
}

impl Acceptor {
    /// Takes a listener that is bound.
    ///
    /// # Errors
    /// When the system does not tell its address, or does not let it be asked without waiting.
    pub fn new(listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let local_address = listener.local_addr()?.to_string();
        Ok(Self { listener: Listening::New(Some(listener)), local_address })
    }
}

impl Listener for Acceptor {
    type Stream = AcceptedStream;

    async fn accept(&mut self) -> io::Result<(AcceptedStream, String)> {
        if let Listening::New(listener) = &mut self.listener {
            let listener = listener.take().ok_or(io::ErrorKind::NotConnected)?;
            self.listener = Listening::Known(tokio::net::TcpListener::from_std(listener)?);
        }
        let Listening::Known(listener) = &mut self.listener else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let (stream, address) = listener.accept().await?;
        let stream = AcceptedStream(State::New(Some(stream.into_std()?)));
        Ok((stream, address.to_string()))
    }

    fn local_address(&self) -> String {
        self.local_address.clone()
    }
}

impl AcceptedStream {
    fn link(self: Pin<&mut Self>) -> io::Result<Pin<&mut TcpLink>> {
        let state = &mut self.get_mut().0;
        if let State::New(stream) = state {
            let stream = stream.take().ok_or(io::ErrorKind::NotConnected)?;
            *state = State::Known(link(stream)?);
        }
        match state {
            State::Known(link) => Ok(Pin::new(link)),
            State::New(_) => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl AsyncRead for AcceptedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.link()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for AcceptedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.link()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.link()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link()?.poll_shutdown(context)
    }
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Acceptor").field(&self.local_address).finish()
    }
}

impl std::fmt::Debug for AcceptedStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AcceptedStream").finish_non_exhaustive()
    }
}
