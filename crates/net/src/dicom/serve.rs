//! Accepting associations.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::config::ServerConfig;
use super::services::Services;
use super::session::Session;
use crate::accept::Acceptor;
use crate::remote::Remote;
use crate::shutdown::Shutdown;
use crate::slots::{Admission, Slots};
use crate::spawn::Spawn;
use crate::transport::Listener;

/// Serves every association that `listener` brings, until `shutdown` is asked for.
///
/// Then it stops listening, lets each association finish the operation that is in flight, releases it, and returns
/// when all have ended, at the latest after [`ServerConfig::drain_seconds_max`] and a moment for goodbyes.
pub async fn serve<L: Listener>(
    listener: L,
    services: Arc<dyn Services>,
    config: ServerConfig,
    spawn: Arc<dyn Spawn>,
    shutdown: Shutdown,
) {
    let per_peer_max = config.associations_per_peer_max;
    let config = Arc::new(config);
    let acceptor = Acceptor {
        protocol: "DICOM",
        clock: Arc::clone(&config.clock),
        spawn,
        shutdown: shutdown.clone(),
        slots: Slots::new(config.associations_max, per_peer_max, TURNED_AWAY_MAX),
        drain: Duration::from_secs(config.drain_seconds_max),
        tls: Duration::from_secs(config.tls_seconds_max),
    };
    acceptor
        .run(listener, move |stream, remote, slot| {
            let (services, config) = (Arc::clone(&services), Arc::clone(&config));
            let id = next_association_id();
            let session = Session::new(stream, remote, id, slot.admission, services, config);
            let shutdown = shutdown.clone();
            Box::pin(async move {
                session.run(shutdown).await;
                drop(slot);
            })
        })
        .await;
}

/// Serves one association on any stream that is ready for use, until it ends or `shutdown` is asked for and has been obeyed.
pub async fn serve_stream<S>(
    stream: S,
    remote: impl Into<Remote>,
    services: Arc<dyn Services>,
    config: ServerConfig,
    shutdown: Shutdown,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Session::new(
        Box::new(stream),
        remote.into(),
        next_association_id(),
        Admission::Admitted,
        services,
        Arc::new(config),
    )
    .run(shutdown)
    .await;
}

fn next_association_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// How many callers beyond the limits are told so politely at a time.
const TURNED_AWAY_MAX: usize = 32;
