//! Whom we call.

use std::time::Duration;

use telerad_core::AeTitle;
use telerad_dicom::dataset::DataSetLimits;
use telerad_dimse::{Config, RoleSelection, Roles, UserItems};

use super::error::{AssociationError, AssociationFault};
use super::quirks::Quirks;

/// Whom to call, in whose name, and how patiently.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Peer {
    /// Where the peer listens, `host:port`.
    pub address: String,
    /// The peer's title.
    pub called: AeTitle,
    /// Our title.
    pub calling: AeTitle,
    /// How long to wait for what. They take the place of the timers in `association`.
    pub timeouts: Timeouts,
    /// Limits of the association.
    pub association: Config,
    /// Roles, window, extended negotiation and identity, as every association proposes them. C-GET needs the role of
    /// the provider for each storage class: see [`Peer::receiving`].
    pub user: UserItems,
    /// Answers to one query; more end the association.
    pub answers_max: usize,
    /// Limits of each answer to a query.
    pub answer_limits: DataSetLimits,
    /// What this peer cannot bear.
    pub quirks: Quirks,
}

impl Peer {
    /// A peer with the default limits and timeouts.
    pub fn new(address: impl Into<String>, called: AeTitle, calling: AeTitle) -> Self {
        Self {
            address: address.into(),
            called,
            calling,
            timeouts: Timeouts::default(),
            association: Config::default(),
            user: UserItems::default(),
            answers_max: 10_000,
            answer_limits: DataSetLimits::default(),
            quirks: Quirks::default(),
        }
    }

    /// The same peer, to which every association proposes that it send us instances of these storage classes, as C-GET
    /// needs it (PS3.4 section C.5.3). Ours stay able to go the other way.
    #[must_use]
    pub fn receiving<C: AsRef<str>>(mut self, sop_class_uids: &[C]) -> Self {
        for class in sop_class_uids {
            let sop_class_uid = class.as_ref().to_owned();
            self.user.roles.retain(|it| it.sop_class_uid != sop_class_uid);
            self.user.roles.push(RoleSelection { sop_class_uid, roles: Roles::BOTH });
        }
        self
    }

    pub(super) fn config(&self) -> Config {
        let mut config = self.association.clone();
        config.timers.accept = self.timeouts.accept;
        config.timers.response = self.timeouts.response;
        config.timers.progress = self.timeouts.progress;
        config.timers.idle = self.timeouts.idle;
        config.timers.release = self.timeouts.release;
        config.timers.abort = self.timeouts.abort;
        config
    }

    pub(crate) fn error(&self, fault: AssociationFault) -> AssociationError {
        AssociationError {
            address: self.address.clone(),
            calling: self.calling.clone(),
            called: self.called.clone(),
            fault,
        }
    }
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timeouts {
    /// For the transport connection.
    pub connect: Duration,
    /// For the TLS handshake, where there is one.
    pub tls: Duration,
    /// From our association request to its answer.
    pub accept: Duration,
    /// From the end of a request to its response, and from one response to the next.
    pub response: Duration,
    /// Between two responses, or instances, of a C-MOVE or C-GET: some peers say nothing until all is done.
    pub retrieve: Duration,
    /// Between two arrivals of bytes inside a message of the peer.
    pub progress: Duration,
    /// For the peer to take some of the bytes that we have for it.
    pub send_progress: Duration,
    /// For our own source to yield the next piece, or our own sink to take it.
    pub source: Duration,
    /// Without any operation.
    pub idle: Duration,
    /// From our release request to its answer.
    pub release: Duration,
    /// From our abort until the peer closes.
    pub abort: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            tls: Duration::from_secs(10),
            accept: Duration::from_secs(30),
            response: Duration::from_secs(120),
            retrieve: Duration::from_secs(600),
            progress: Duration::from_secs(60),
            send_progress: Duration::from_secs(60),
            source: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            release: Duration::from_secs(10),
            abort: Duration::from_secs(1),
        }
    }
}
