//! Limits and deadlines of a server.

use std::sync::Arc;

use telerad_dimse::Config;

use crate::clock::{Clock, SystemClock};

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
    /// Seconds that a C-MOVE or C-GET may go on without a sub-operation coming to its end.
    pub retrieve_seconds_max: u64,
    /// Seconds that the peer may take no bytes while we have some for it.
    pub send_progress_seconds_max: u64,
    /// Seconds that a service may neither read its body nor answer.
    pub service_seconds_max: u64,
    /// Seconds that a peer may take for the TLS handshake.
    pub tls_seconds_max: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            association: Config::default(),
            associations_max: 200,
            associations_per_peer_max: 20,
            body_buffer_bytes_max: 64 * 1024,
            clock: SystemClock::shared(),
            drain_seconds_max: 30,
            early_answer_bytes_max: 256 * 1024 * 1024,
            identifier_bytes_max: 1024 * 1024,
            instance_bytes_max: 8 * 1024 * 1024 * 1024,
            retrieve_seconds_max: 600,
            send_progress_seconds_max: 60,
            service_seconds_max: 120,
            tls_seconds_max: 10,
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
