//! Byte streams: where they come from.

use std::future::{Future, ready};
use std::io::{self, IoSlice};
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::identity::PeerIdentity;

/// Accepts streams from peers.
pub trait Listener: Send + 'static {
    /// A stream in both directions.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next stream; with it comes the peer's address, for limits and logs.
    ///
    /// # Errors
    /// Whatever the transport reports. Servers log it, pause and go on.
    ///
    /// # Cancel safety
    /// Must be cancel safe: servers drop this future when they shut down.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, String)>> + Send;

    /// Where this listens, as a peer would write it: `127.0.0.1:11112`.
    fn local_address(&self) -> String;

    /// Makes an accepted stream ready for use: the TLS handshake, where there is one. With the stream comes who the
    /// peer has proved to be. By default a stream is ready as it is, and proves nothing.
    ///
    /// Servers run this in the connection's own task, under a deadline: however slow a peer is, it keeps nobody else
    /// waiting.
    ///
    /// # Errors
    /// Mostly [`TlsFault`](crate::tls::TlsFault) inside.
    fn handshake(
        &self,
        stream: Self::Stream,
    ) -> impl Future<Output = io::Result<(Self::Stream, Option<PeerIdentity>)>> + Send + 'static
    {
        ready(Ok((stream, None)))
    }

    /// Whether [`handshake`](Self::handshake) secures its streams.
    fn is_secure(&self) -> bool {
        false
    }
}

/// Opens streams to peers.
pub trait Connector: Send + Sync + 'static {
    /// A stream in both directions.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Connects to `address`, written `host:port`. The caller sets the deadline.
    ///
    /// # Errors
    /// Whatever the transport reports.
    fn connect(&self, address: &str) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Makes a stream to `address` ready for use: the TLS handshake, where there is one. With the stream comes who the
    /// peer has proved to be. By default a stream is ready as it is. The caller sets the deadline, a separate one.
    ///
    /// # Errors
    /// Mostly [`TlsFault`](crate::tls::TlsFault) inside.
    fn handshake(
        &self,
        address: &str,
        stream: Self::Stream,
    ) -> impl Future<Output = io::Result<(Self::Stream, Option<PeerIdentity>)>> + Send {
        let _ = address;
        ready(Ok((stream, None)))
    }

    /// Whether [`handshake`](Self::handshake) secures its streams to this address.
    fn is_secure(&self, address: &str) -> bool {
        let _ = address;
        false
    }
}

impl<C: Connector> Connector for std::sync::Arc<C> {
    type Stream = C::Stream;

    async fn connect(&self, address: &str) -> io::Result<Self::Stream> {
        (**self).connect(address).await
    }

    async fn handshake(
        &self,
        address: &str,
        stream: Self::Stream,
    ) -> io::Result<(Self::Stream, Option<PeerIdentity>)> {
        (**self).handshake(address, stream).await
    }

    fn is_secure(&self, address: &str) -> bool {
        (**self).is_secure(address)
    }
}

/// Listens on TCP, without TLS.
#[derive(Debug)]
pub struct TcpAcceptor {
    listener: TcpListener,
    local_address: String,
}

impl TcpAcceptor {
    /// Binds `address`, written `host:port`; port 0 lets the system choose.
    ///
    /// A port alone, `2575` or `:2575`, listens on the loopback interface only. Neither DICOM nor MLLP knows who is
    /// calling, so the network has to be asked for by name: `0.0.0.0:2575`.
    ///
    /// # Errors
    /// When the address cannot be resolved or is taken.
    pub async fn bind(address: &str) -> io::Result<Self> {
        let listener = match address.strip_prefix(':').unwrap_or(address).parse::<u16>() {
            Ok(port) => TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?,
            Err(_) => TcpListener::bind(address).await?,
        };
        let local_address = listener.local_addr()?.to_string();
        Ok(Self { listener, local_address })
    }
}

impl Listener for TcpAcceptor {
    type Stream = TcpLink;

    async fn accept(&mut self) -> io::Result<(TcpLink, String)> {
        let (stream, address) = self.listener.accept().await?;
        Ok((TcpLink::new(stream), address.to_string()))
    }

    fn local_address(&self) -> String {
        self.local_address.clone()
    }
}

/// Connects over TCP, without TLS.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpConnector;

impl Connector for TcpConnector {
    type Stream = TcpLink;

    async fn connect(&self, address: &str) -> io::Result<TcpLink> {
        Ok(TcpLink::new(TcpStream::connect(address).await?))
    }
}

/// A TCP stream for conversations in which requests and answers alternate.
///
/// Nagle's algorithm on one side and delayed acknowledgement on the other together cost 40 ms per operation: whoever
/// writes a message in two parts may send the second only when the first is acknowledged. We do not have the former
/// (`TCP_NODELAY`). Some peers have: DCMTK 3.6.7 writes each PDU in two parts with it. So when a short read was the last
/// one and nothing goes back that could carry the acknowledgement, flushing sends it at once where the system can
/// (`TCP_QUICKACK`, which has to be set again and again). Whoever waits for more of a message has to flush first.
///
/// The system asks a peer that has been silent for a minute whether it is still there (`SO_KEEPALIVE`): HL7 senders keep
/// connections open for hours, and a firewall that forgets one tells neither end.
#[derive(Debug)]
pub struct TcpLink {
    stream: TcpStream,
    /// The last read was a short one, and nothing has been written since.
    holds_acknowledgement: bool,
}

impl TcpLink {
    /// Takes a connected stream.
    pub fn new(stream: TcpStream) -> Self {
        // A socket on which an option cannot be set still works.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let keep_alive =
            TcpKeepalive::new().with_time(KEEP_ALIVE_IDLE).with_interval(KEEP_ALIVE_INTERVAL);
        if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&keep_alive) {
            tracing::debug!(%error, "cannot set SO_KEEPALIVE");
        }
        Self { stream, holds_acknowledgement: false }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn acknowledge_at_once(&self) {
        let _ = self.stream.set_quickack(true);
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn acknowledge_at_once(&self) {}
}

impl AsyncRead for TcpLink {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let count = buffer.filled().len() - before;
        if count > 0 {
            self.holds_acknowledgement = count < SHORT_READ_BYTES;
        }
        read
    }
}

impl AsyncWrite for TcpLink {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.holds_acknowledgement &= !written.is_ready();
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.holds_acknowledgement &= !written.is_ready();
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.holds_acknowledgement) {
            self.acknowledge_at_once();
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Silence after which the peer is asked for a sign of life.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(60);
/// Pause between questions without an answer.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// A read below this may be the first part of something; above, the stream is flowing anyway.
const SHORT_READ_BYTES: usize = 4096;

/// The part of a peer's address that identifies the machine: the port changes with each connection.
pub(crate) fn host_of(peer_address: &str) -> String {
    match peer_address.parse::<std::net::SocketAddr>() {
        Ok(address) => address.ip().to_canonical().to_string(),
        Err(_) => peer_address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::{
        Connector, Listener, SHORT_READ_BYTES, SockRef, TcpAcceptor, TcpConnector, host_of,
    };

    #[track_caller]
    fn check(address: &str, expected: &str) {
        assert_eq!(host_of(address), expected);
    }

    #[tokio::test]
    async fn both_ends_of_a_connection_ask_for_signs_of_life() {
        let mut listener = TcpAcceptor::bind("0").await.unwrap();
        let address = listener.local_address();
        let (accepted, connected) = tokio::join!(listener.accept(), TcpConnector.connect(&address));
        for link in [accepted.unwrap().0, connected.unwrap()] {
            let socket = SockRef::from(&link.stream);
            assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
        }
    }

    #[tokio::test]
    async fn only_a_flush_acknowledges_a_short_read_and_an_answer_makes_it_needless() {
        let mut listener = TcpAcceptor::bind("0").await.unwrap();
        let address = listener.local_address();
        let (accepted, connected) = tokio::join!(listener.accept(), TcpConnector.connect(&address));
        let (mut near, mut far) = (accepted.unwrap().0, connected.unwrap());
        let mut buffer = [0; 2 * SHORT_READ_BYTES];

        far.write_all(&[1; 12]).await.unwrap();
        near.read_exact(&mut buffer[..12]).await.unwrap();
        assert!(near.holds_acknowledgement);
        near.flush().await.unwrap();
        assert!(!near.holds_acknowledgement);

        far.write_all(&[1; 12]).await.unwrap();
        near.read_exact(&mut buffer[..12]).await.unwrap();
        near.write_all(&[2]).await.unwrap();
        assert!(!near.holds_acknowledgement);
    }

    #[test]
    fn the_port_is_not_part_of_the_host() {
        check("192.0.2.7:40123", "192.0.2.7");
        check("[2001:db8::1]:40123", "2001:db8::1");
    }

    #[test]
    fn a_mapped_address_is_the_same_host() {
        check("[::ffff:192.0.2.7]:40123", "192.0.2.7");
    }

    #[test]
    fn an_address_of_another_kind_is_kept() {
        check("in memory", "in memory");
    }
}
