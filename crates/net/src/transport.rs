//! Byte streams: where they come from.

use std::future::Future;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

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
    /// # Errors
    /// When the address cannot be resolved or is taken.
    pub async fn bind(address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let local_address = listener.local_addr()?.to_string();
        Ok(Self { listener, local_address })
    }
}

impl Listener for TcpAcceptor {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, String)> {
        let (stream, address) = self.listener.accept().await?;
        without_delay(&stream);
        Ok((stream, address.to_string()))
    }

    fn local_address(&self) -> String {
        self.local_address.clone()
    }
}

/// Connects over TCP, without TLS.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpConnector;

impl Connector for TcpConnector {
    type Stream = TcpStream;

    async fn connect(&self, address: &str) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        without_delay(&stream);
        Ok(stream)
    }
}

/// Requests and answers alternate, so Nagle's algorithm together with delayed acknowledgements would add 40 ms to
/// each operation. A socket on which the option cannot be set still works.
fn without_delay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
}

/// The part of a peer's address that identifies the machine: the port changes with each connection.
pub(crate) fn host_of(peer_address: &str) -> String {
    match peer_address.parse::<std::net::SocketAddr>() {
        Ok(address) => address.ip().to_canonical().to_string(),
        Err(_) => peer_address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[track_caller]
    fn check(address: &str, expected: &str) {
        assert_eq!(host_of(address), expected);
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
