//! Receiving HL7 messages over MLLP.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::config::{MessageHandler, ServerConfig};
use super::session::Session;
use crate::accept::Acceptor;
use crate::remote::Remote;
use crate::shutdown::Shutdown;
use crate::slots::Slots;
use crate::spawn::Spawn;
use crate::transport::Listener;

/// Serves every connection that `listener` brings, until `shutdown` is asked for.
///
/// Frames of one connection are answered in order, one at a time. At shutdown, what a handler is working on is
/// answered; a frame that has not arrived whole is left to its sender, which has no answer and will send it again.
pub async fn serve<L: Listener>(
    listener: L,
    handler: Arc<dyn MessageHandler>,
    config: ServerConfig,
    spawn: Arc<dyn Spawn>,
    shutdown: Shutdown,
) {
    let config = Arc::new(config);
    let budget = config.budget();
    let acceptor = Acceptor {
        protocol: "HL7",
        clock: Arc::clone(&config.clock),
        spawn,
        shutdown: shutdown.clone(),
        slots: Slots::new(config.connections_max, config.connections_per_peer_max, 0),
        drain: Duration::from_secs(config.drain_seconds_max),
        tls: Duration::from_secs(config.tls_seconds_max),
    };
    acceptor
        .run(listener, move |stream, remote, slot| {
            let (handler, config) = (Arc::clone(&handler), Arc::clone(&config));
            let session = Session::new(stream, remote, handler, config, &budget);
            let shutdown = shutdown.clone();
            Box::pin(async move {
                session.run(shutdown).await;
                drop(slot);
            })
        })
        .await;
}

/// Serves one connection on any stream that is ready for use, until it ends or `shutdown` is asked for and has been obeyed.
pub async fn serve_stream<S>(
    stream: S,
    remote: impl Into<Remote>,
    handler: Arc<dyn MessageHandler>,
    config: ServerConfig,
    shutdown: Shutdown,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (remote, budget) = (remote.into(), config.budget());
    let session = Session::new(Box::new(stream), remote, handler, Arc::new(config), &budget);
    session.run(shutdown).await;
}
