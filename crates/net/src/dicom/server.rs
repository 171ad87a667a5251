//! Accepting associations.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use telerad_dimse::Config;
use tokio::io::{AsyncRead, AsyncWrite};

use super::services::Services;
use super::session::Session;
use crate::accept::Acceptor;
use crate::clock::{Clock, SystemClock};
use crate::shutdown::Shutdown;
use crate::slots::{Admission, Slots};
use crate::spawn::Spawn;
use crate::transport::Listener;

/// Limits and deadlines of a DICOM server. Every one has a safe default.
#[derive(Clone)]
pub struct ServerConfig {
    /// Limits and timers of each association.
    pub association: Config,
    /// Associations at a time; more are rejected for now (PS3.8 table 9-21: local limit exceeded).
    pub associations_max: usize,
    /// Associations at a time from one host; more are rejected for now.
    pub associations_per_peer_max: usize,
    /// Bytes of one data set that wait for the service before the association stops reading.
    pub body_buffer_bytes_max: usize,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Seconds that associations get to finish what is in flight after shutdown was asked for.
    pub drain_seconds_max: u64,
    /// Bytes of a data set that are read and thrown away after the service answered early; beyond, the
    /// association is aborted.
    pub early_answer_bytes_max: u64,
    /// Bytes of a query.
    pub identifier_bytes_max: usize,
    /// Bytes of one instance's data set.
    pub instance_bytes_max: u64,
    /// Seconds that the peer may take no bytes while we have some for it.
    pub send_progress_seconds_max: u64,
    /// Seconds that a service may neither read its body nor answer.
    pub service_seconds_max: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            association: Config::default(),
            associations_max: 200,
            associations_per_peer_max: 20,
            body_buffer_bytes_max: 256 * 1024,
            clock: SystemClock::shared(),
            drain_seconds_max: 30,
            early_answer_bytes_max: 256 * 1024 * 1024,
            identifier_bytes_max: 1024 * 1024,
            instance_bytes_max: 8 * 1024 * 1024 * 1024,
            send_progress_seconds_max: 60,
            service_seconds_max: 120,
        }
    }
}

impl std::fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerConfig")
            .field("associations_max", &self.associations_max)
            .field("associations_per_peer_max", &self.associations_per_peer_max)
            .finish_non_exhaustive()
    }
}

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
    };
    acceptor
        .run(listener, |stream, peer_address, slot| {
            let (services, config) = (Arc::clone(&services), Arc::clone(&config));
            let id = next_association_id();
            let session = Session::new(stream, peer_address, id, slot.admission, services, config);
            let shutdown = shutdown.clone();
            Box::pin(async move {
                session.run(shutdown).await;
                drop(slot);
            })
        })
        .await;
}

/// Serves one association on any stream, until it ends or `shutdown` is asked for and has been obeyed.
pub async fn serve_stream<S>(
    stream: S,
    peer_address: &str,
    services: Arc<dyn Services>,
    config: ServerConfig,
    shutdown: Shutdown,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Session::new(
        Box::new(stream),
        peer_address.to_owned(),
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
