//! Why a message has no acknowledgement.

use std::io;

use telerad_hl7::mllp::CloseReason;

use crate::open::OpenError;
use crate::pump::Broken;
use crate::tls::TlsFault;

/// Why there is no acknowledgement.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection ended before the acknowledgement came.
    #[error("no acknowledgement: {0}")]
    Closed(CloseReason),
    /// No connection, or none in time.
    #[error("cannot connect: {0}")]
    Connect(io::ErrorKind),
    /// Another message with the same MSH-10 is waiting or in flight; no acknowledgement could tell one from the other.
    #[error("another message with the same control id (MSH-10) is on its way")]
    ControlIdInUse,
    /// The message has no MSH-10, so no acknowledgement could ever be told from another.
    #[error("message without a control id (MSH-10)")]
    NoControlId,
    /// Frames came, but none of them acknowledged this message.
    #[error("no acknowledgement of this message, but of another or of none")]
    NotAnAcknowledgement,
    /// The peer's transport could not store the message (release 2).
    #[error("the peer could not store the message")]
    NotCommitted,
    /// The message holds bytes that end a frame, so that the peer would take a part of it for the whole
    /// ([`can_be_framed`](telerad_hl7::mllp::can_be_framed)). It was not sent.
    #[error("message with block characters in it cannot be sent")]
    NotFramable,
    /// The message waited too long behind others and was not sent.
    #[error("timed out waiting to be sent")]
    Queued,
    /// The peer takes no bytes.
    #[error("timed out sending: the peer takes no bytes")]
    Stalled,
    /// The sender has stopped; the message was not sent.
    #[error("not sent: the sender has stopped")]
    Stopped,
    /// Nothing came in time.
    #[error("timed out waiting for the acknowledgement")]
    Timeout,
    /// There is no TLS connection, so the message was not sent, or not to the application.
    #[error("cannot connect: {0}")]
    Tls(TlsFault),
    /// The stream broke.
    #[error("the connection broke: {0}")]
    Transport(io::ErrorKind),
}

impl SendError {
    /// Whether the same may work later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NoControlId | Self::NotFramable => false,
            Self::Tls(fault) => fault.is_retryable(),
            _ => true,
        }
    }

    /// Whether the peer may have the message, or not. Send it again then, with the same MSH-10, until it is answered: that
    /// number is how the peer recognizes it.
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Closed(_)
            | Self::NotAnAcknowledgement
            | Self::Stalled
            | Self::Timeout
            | Self::Transport(_) => true,
            Self::Connect(_)
            | Self::ControlIdInUse
            | Self::NoControlId
            | Self::NotCommitted
            | Self::NotFramable
            | Self::Queued
            | Self::Stopped
            | Self::Tls(_) => false,
        }
    }

    pub(super) fn of_closed(reason: CloseReason, broken: Option<Broken>) -> Self {
        match broken {
            Some(Broken::Transport(kind)) => Self::Transport(kind),
            Some(Broken::Stalled) => Self::Stalled,
            Some(Broken::Tls(TlsFault::Truncated)) => Self::Transport(io::ErrorKind::UnexpectedEof),
            // Bytes that were changed on the way: what came before them may have arrived.
            Some(Broken::Tls(TlsFault::Protocol(_))) => Self::Transport(io::ErrorKind::InvalidData),
            // In TLS 1.3 a server checks our certificate after we have begun to send. It has read nothing if it objects.
            Some(Broken::Tls(fault)) => Self::Tls(fault),
            None => Self::Closed(reason),
        }
    }
}

impl From<OpenError> for SendError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Connect(kind) => Self::Connect(kind),
            OpenError::ConnectTimeout => Self::Connect(io::ErrorKind::TimedOut),
            OpenError::Tls(fault) => Self::Tls(fault),
        }
    }
}
