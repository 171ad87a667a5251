//! What can go wrong on an association that we opened.

use std::io;

use telerad_core::AeTitle;
use telerad_dicom::Status;
use telerad_dimse::{AbortSource, CloseReason, Rejection};

use crate::tls::TlsFault;

/// An operation with a peer failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{called} at {address} (called as {calling}): {fault}")]
pub struct AssociationError {
    /// The peer's address, `host:port`.
    pub address: String,
    /// Our title.
    pub calling: AeTitle,
    /// The peer's title.
    pub called: AeTitle,
    /// What happened.
    pub fault: AssociationFault,
}

impl AssociationError {
    /// Whether the same may work later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        self.fault.is_retryable()
    }
}

/// The ways in which an operation with a peer fails.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AssociationFault {
    /// The peer aborted the association.
    #[error("aborted by {by} (reason {reason})")]
    Aborted {
        /// Which layer of the peer.
        by: AbortSource,
        /// The reason code of PS3.8 section 9.3.8.
        reason: u8,
    },
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(io::ErrorKind),
    /// The association ended: protocol error, one of the machine's timers, or the connection closed.
    #[error("{0}")]
    Closed(CloseReason),
    /// A data set from the peer cannot be read.
    #[error("a data set of the peer is malformed: {0}")]
    DataSet(String),
    /// The peer answered with a failure. The association can still be used.
    #[error("answered with status {:04X}H", .0.code())]
    Failed(Status),
    /// No accepted presentation context for this SOP class (and transfer syntax). The association can still be used.
    #[error(
        "no presentation context was accepted for SOP class {sop_class_uid} in {transfer_syntax_uid}"
    )]
    NoContext {
        /// The SOP class.
        sop_class_uid: String,
        /// The transfer syntax, or `any transfer syntax`.
        transfer_syntax_uid: String,
    },
    /// The role that this takes was not agreed for the SOP class (PS3.7 section D.3.3.4). It has to be proposed by
    /// [`Peer::user`](super::Peer::user); where the peer grants it without a word,
    /// [`Config::accept_missing_role_answers`](telerad_dimse::Config::accept_missing_role_answers) helps. The association
    /// can still be used.
    #[error("the role for this was not agreed for SOP class {sop_class_uid}")]
    NoRole {
        /// The SOP class.
        sop_class_uid: String,
    },
    /// A blocking call found no runtime, or no thread, to wait on.
    #[error("no runtime to wait on: {0}")]
    NoRuntime(io::ErrorKind),
    /// An earlier operation failed or was dropped half-way, so the association cannot be used any more.
    #[error("the association is unusable after an earlier failure")]
    Poisoned,
    /// The peer rejected the association.
    #[error("{0}")]
    Rejected(Rejection),
    /// The peer asked for release, or released, while we wanted something of it.
    #[error("the peer released the association")]
    Released,
    /// Something took too long.
    #[error("timed out {0}")]
    Timeout(Phase),
    /// The TLS connection cannot be made, or broke.
    #[error("{0}")]
    Tls(TlsFault),
    /// More answers than the limit.
    #[error("more than {0} answers")]
    TooManyAnswers(usize),
    /// The stream broke.
    #[error("the connection broke: {0}")]
    Transport(io::ErrorKind),
    /// The peer answered with something that does not answer the request.
    #[error("the peer sent {0}, which does not answer the request")]
    Unexpected(&'static str),
}

impl AssociationFault {
    /// Whether the same may work later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Aborted { .. }
            | Self::Connect(_)
            | Self::Closed(_)
            | Self::NoRuntime(_)
            | Self::Poisoned
            | Self::Released
            | Self::Timeout(_)
            | Self::Transport(_) => true,
            Self::Tls(fault) => fault.is_retryable(),
            Self::Failed(status) => status.is_retryable(),
            Self::Rejected(rejection) => rejection.is_retryable(),
            Self::DataSet(_)
            | Self::NoContext { .. }
            | Self::NoRole { .. }
            | Self::TooManyAnswers(_)
            | Self::Unexpected(_) => false,
        }
    }
}

/// What was being waited for when the time ran out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Phase {
    /// The transport connection.
    Connect,
    /// The peer to take bytes.
    SendProgress,
    /// Our own sink to take what came.
    Sink,
    /// Our own source to yield the next piece.
    Source,
    /// The whole operation.
    Response,
    /// The association request to be answered.
    Accept,
    /// The release to be answered.
    Release,
    /// The TLS handshake.
    Tls,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Accept => "waiting for the answer to the association request",
            Self::Connect => "connecting",
            Self::Release => "waiting for the answer to the release request",
            Self::Response => "waiting for a response",
            Self::SendProgress => "sending: the peer takes no bytes",
            Self::Sink => "storing what came",
            Self::Source => "reading what is to be sent",
            Self::Tls => "in the TLS handshake",
        })
    }
}

/// An instance was not delivered, as far as we know.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The association failed, or has no context for the instance.
    #[error(transparent)]
    Association(#[from] AssociationError),
    /// Our own source failed; the association has been aborted.
    #[error("cannot read what is to be sent: {0}")]
    Source(#[source] io::Error),
}

impl StoreError {
    /// What happened to the association, if it is to blame.
    pub fn association_fault(&self) -> Option<&AssociationFault> {
        match self {
            Self::Association(error) => Some(&error.fault),
            Self::Source(_) => None,
        }
    }
}
