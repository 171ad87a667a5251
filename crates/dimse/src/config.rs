//! Limits and timers of an association.

use std::time::Duration;

use telerad_dicom::part10::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};

use crate::refusal::Timer;

/// Limits, timers and names of one association.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// The longest P-DATA-TF PDU an acceptor receives, in bytes after the PDU header; announced to the peer, 0 means
    /// any. A requestor announces [`crate::AssociateRequest::pdu_bytes_max`] instead.
    pub pdu_bytes_max: u32,
    /// The longest P-DATA-TF PDU we send, in bytes after the PDU header, whatever the peer allows. Values below 128
    /// count as 128.
    pub outgoing_pdu_bytes_max: u32,
    /// The longest A-ASSOCIATE PDU we read, in bytes: 128 contexts with a dozen transfer syntaxes take 45 kB, which
    /// is why this is not the limit of P-DATA.
    pub associate_bytes_max: usize,
    /// The longest command set we read or write, in bytes.
    pub command_bytes_max: usize,
    /// How much of an outgoing body is buffered, in bytes; never less than two PDUs.
    pub body_buffer_bytes_max: usize,
    /// How many requests of the peer may be unanswered by us. A correct peer keeps to the asynchronous operations window,
    /// which is one where none was agreed, but some send a few ahead: those wait for their turn, and only more than this
    /// end the association. A larger window that was agreed counts in its place.
    pub operations_max: usize,
    /// How many requests of ours may be unanswered when no asynchronous operations window was agreed. PS3.7 section
    /// D.3.3.3 says 1; more only to peers that are known to take them.
    pub operations_ahead_max: usize,
    /// Requestor: takes proposed roles as granted when the acceptor does not answer them. Some C-GET providers grant
    /// them without a word; by PS3.7 section D.3.3.4 silence means the default roles.
    pub accept_missing_role_answers: bool,
    /// Our Implementation Class UID (PS3.7 section D.3.3.2).
    pub implementation_class_uid: String,
    /// Our Implementation Version Name, at most 16 characters.
    pub implementation_version_name: String,
    /// How long to wait for what.
    pub timers: Timers,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            pdu_bytes_max: PDU_BYTES_MAX,
            outgoing_pdu_bytes_max: PDU_BYTES_MAX,
            associate_bytes_max: 1024 * 1024,
            command_bytes_max: 64 * 1024,
            body_buffer_bytes_max: 1024 * 1024,
            operations_max: 64,
            operations_ahead_max: 1,
            accept_missing_role_answers: false,
            implementation_class_uid: IMPLEMENTATION_CLASS_UID.to_owned(),
            implementation_version_name: IMPLEMENTATION_VERSION_NAME.to_owned(),
            timers: Timers::default(),
        }
    }
}

/// How long each [`Timer`] runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timers {
    /// Acceptor: from the open transport to the whole A-ASSOCIATE-RQ; slow bytes do not extend it.
    pub request: Duration,
    /// Requestor: from the A-ASSOCIATE-RQ to its answer.
    pub accept: Duration,
    /// From a request of ours to the first byte of its response, and from one response to the next.
    pub response: Duration,
    /// Between two arrivals of bytes inside a PDU or a message.
    pub progress: Duration,
    /// Without any message in either direction.
    pub idle: Duration,
    /// From our A-RELEASE-RQ to the A-RELEASE-RP.
    pub release: Duration,
    /// From the peer's A-RELEASE-RQ until our own user has answered everything.
    pub finish: Duration,
    /// From our A-ABORT until the peer closes the transport.
    pub abort: Duration,
    /// From our A-RELEASE-RP or A-ASSOCIATE-RJ until the peer closes the transport.
    pub close: Duration,
}

impl Timers {
    /// The duration of one timer.
    pub fn of(&self, timer: Timer) -> Duration {
        match timer {
            Timer::Request => self.request,
            Timer::Accept => self.accept,
            Timer::Response => self.response,
            Timer::Progress => self.progress,
            Timer::Idle => self.idle,
            Timer::Release => self.release,
            Timer::Finish => self.finish,
            Timer::Abort => self.abort,
            Timer::Close => self.close,
        }
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(10),
            accept: Duration::from_secs(30),
            response: Duration::from_secs(120),
            progress: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            release: Duration::from_secs(10),
            finish: Duration::from_secs(120),
            abort: Duration::from_secs(1),
            close: Duration::from_secs(5),
        }
    }
}

/// 256 KiB with the PDU header: large enough for few system calls, small enough for bounded memory.
const PDU_BYTES_MAX: u32 = 262_138;
