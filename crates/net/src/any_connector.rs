//! A connector whose kind nobody needs to know.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::BoxFuture;
use crate::identity::PeerIdentity;
use crate::transport::Connector;
use crate::wire::Duplex;

/// A [`Connector`] of any kind, for those who choose one at run time: TCP to one peer, TLS to another.
#[derive(Clone)]
pub struct AnyConnector {
    connect: Arc<Connect>,
    is_secure: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

type Connect = dyn Fn(String) -> BoxFuture<'static, io::Result<Ready>> + Send + Sync;
type Ready = BoxFuture<'static, io::Result<(Box<dyn Duplex>, Option<PeerIdentity>)>>;

impl AnyConnector {
    /// Forgets which kind of connector this is.
    pub fn new(connector: impl Connector) -> Self {
        let connector = Arc::new(connector);
        let asked = Arc::clone(&connector);
        Self {
            connect: Arc::new(move |address| {
                let connector = Arc::clone(&connector);
                Box::pin(async move {
                    let stream = connector.connect(&address).await?;
                    let ready: Ready = Box::pin(async move {
                        let (stream, identity) = connector.handshake(&address, stream).await?;
                        Ok((Box::new(stream) as Box<dyn Duplex>, identity))
                    });
                    Ok(ready)
                })
            }),
            is_secure: Arc::new(move |address| asked.is_secure(address)),
        }
    }
}

impl Connector for AnyConnector {
    type Stream = AnyStream;

    async fn connect(&self, address: &str) -> io::Result<AnyStream> {
        Ok(AnyStream(State::Connected((self.connect)(address.to_owned()).await?)))
    }

    async fn handshake(
        &self,
        _: &str,
        stream: AnyStream,
    ) -> io::Result<(AnyStream, Option<PeerIdentity>)> {
        match stream.0 {
            State::Connected(ready) => {
                let (stream, identity) = ready.await?;
                Ok((AnyStream(State::Ready(stream)), identity))
            }
            ready @ State::Ready(_) => Ok((AnyStream(ready), None)),
        }
    }

    fn is_secure(&self, address: &str) -> bool {
        (self.is_secure)(address)
    }
}

impl std::fmt::Debug for AnyConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnyConnector").finish_non_exhaustive()
    }
}

/// A stream of any kind. It can be used once [`Connector::handshake`] has been made; before, it reports `NotConnected`.
pub struct AnyStream(State);

enum State {
    Connected(Ready),
    Ready(Box<dyn Duplex>),
}

impl AnyStream {
    fn ready(&mut self) -> io::Result<Pin<&mut dyn Duplex>> {
        match &mut self.0 {
            State::Connected(_) => Err(io::ErrorKind::NotConnected.into()),
            State::Ready(stream) => Ok(Pin::new(&mut **stream)),
        }
    }
}

impl std::fmt::Debug for AnyStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnyStream").finish_non_exhaustive()
    }
}

impl AsyncRead for AnyStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.ready()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for AnyStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.ready()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.ready()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        matches!(&self.0, State::Ready(stream) if stream.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ready()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ready()?.poll_shutdown(context)
    }
}
