//! Opening a stream that is ready for use: two waits, each with its own deadline.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, after, until};
use crate::tls::TlsFault;
use crate::transport::Connector;

/// Why there is no stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum OpenError {
    Connect(io::ErrorKind),
    ConnectTimeout,
    Tls(TlsFault),
}

/// Connects, then shakes hands where the connector wants it.
pub(crate) async fn open<C: Connector>(
    connector: &C,
    clock: &Arc<dyn Clock>,
    address: &str,
    (connect, tls): (Duration, Duration),
) -> Result<C::Stream, OpenError> {
    let deadline = after(clock.now(), connect);
    let stream = match until(clock, deadline, connector.connect(address)).await {
        Some(Ok(stream)) => stream,
        Some(Err(error)) => return Err(OpenError::Connect(error.kind())),
        None => return Err(OpenError::ConnectTimeout),
    };
    let deadline = after(clock.now(), tls);
    match until(clock, deadline, connector.handshake(address, stream)).await {
        Some(Ok((stream, _))) => Ok(stream),
        Some(Err(error)) => Err(OpenError::Tls(match TlsFault::of(&error) {
            Some(fault) => fault.clone(),
            None => TlsFault::Transport(error.kind()),
        })),
        None => Err(OpenError::Tls(TlsFault::Timeout)),
    }
}
