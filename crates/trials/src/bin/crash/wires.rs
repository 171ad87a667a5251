//! Connections that fall silent together with the disk.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use telerad::net::{Connector, Listener, TcpAcceptor, TcpConnector, TcpLink};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// TCP as long as there is power: a machine that lost it sends nothing any more.
pub struct Wires<T> {
    pub inner: T,
    pub power: Arc<AtomicBool>,
}

impl<T> Wires<T> {
    fn check(&self) -> io::Result<()> {
        let has_power = self.power.load(Ordering::SeqCst);
        if has_power { Ok(()) } else { Err(io::ErrorKind::ConnectionReset.into()) }
    }

    fn with<U>(&self, inner: U) -> Wires<U> {
        Wires { inner, power: Arc::clone(&self.power) }
    }
}

impl Listener for Wires<TcpAcceptor> {
    type Stream = Wires<TcpLink>;

    async fn accept(&mut self) -> io::Result<(Self::Stream, String)> {
        let (stream, peer) = self.inner.accept().await?;
        self.check()?;
        Ok((self.with(stream), peer))
    }

    fn local_address(&self) -> String {
        self.inner.local_address()
    }
}

impl Connector for Wires<TcpConnector> {
    type Stream = Wires<TcpLink>;

    async fn connect(&self, address: &str) -> io::Result<Self::Stream> {
        self.check()?;
        Ok(self.with(self.inner.connect(address).await?))
    }
}

impl AsyncRead for Wires<TcpLink> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wires<TcpLink> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
