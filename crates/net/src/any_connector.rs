//! A connector whose kind nobody needs to know.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::BoxFuture;
use crate::transport::Connector;
use crate::wire::Duplex;

/// A [`Connector`] of any kind, for those who choose one at run time: TCP to one peer, TLS to another.
#[derive(Clone)]
pub struct AnyConnector(Arc<Connect>);

type Connect = dyn Fn(String) -> BoxFuture<'static, io::Result<AnyStream>> + Send + Sync;

impl AnyConnector {
    /// Forgets which kind of connector this is.
    pub fn new(connector: impl Connector) -> Self {
        let connector = Arc::new(connector);
        Self(Arc::new(move |address| {
            let connector = Arc::clone(&connector);
            Box::pin(async move {
                let stream = connector.connect(&address).await?;
                Ok(AnyStream(Box::new(stream)))
            })
        }))
    }
}

impl Connector for AnyConnector {
    type Stream = AnyStream;

    async fn connect(&self, address: &str) -> io::Result<AnyStream> {
        (self.0)(address.to_owned()).await
    }
}

impl std::fmt::Debug for AnyConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnyConnector").finish_non_exhaustive()
    }
}

/// A stream of any kind.
pub struct AnyStream(Box<dyn Duplex>);

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
        Pin::new(&mut *self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for AnyStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(context)
    }
}
