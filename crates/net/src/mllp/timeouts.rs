//! Patience of the sending end.

use std::time::Duration;

use telerad_hl7::mllp::{Release, SenderConfig};

/// How long to wait for what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timeouts {
    /// For the application's answer, after the commit answer of enhanced mode.
    pub application: Duration,
    /// For the transport connection.
    pub connect: Duration,
    /// For the TLS handshake, where there is one.
    pub tls: Duration,
    /// From the last byte of a message to its acknowledgement.
    pub response: Duration,
    /// For the peer to take some of the bytes that we have for it.
    pub send_progress: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            application: Duration::from_secs(300),
            connect: Duration::from_secs(10),
            tls: Duration::from_secs(10),
            response: Duration::from_secs(30),
            send_progress: Duration::from_secs(30),
        }
    }
}

impl Timeouts {
    /// The machine's patience. It counts from the first byte; on a slow line a large report needs longer than an answer
    /// does, so the pumps count from the last.
    pub(super) fn machine(&self, release: Release, in_flight_max: usize) -> SenderConfig {
        let application = u32::try_from(self.application.as_millis()).unwrap_or(u32::MAX);
        SenderConfig {
            answer_ms_max: u32::MAX,
            application_answer_ms_max: application,
            in_flight_max,
            release,
            ..SenderConfig::default()
        }
    }
}
