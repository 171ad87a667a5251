//! What an association tells its pump.

use bytes::Bytes;

use crate::command::Command;
use crate::negotiation::{AssociateRequest, Established};
use crate::refusal::{AbortSource, CloseReason, Rejection};

/// Something that happened on an association.
///
/// [`Rejected`](Self::Rejected), [`Released`](Self::Released), [`Aborted`](Self::Aborted) and
/// [`Closed`](Self::Closed) are final: exactly one of them comes, and nothing after it.
#[derive(Clone, Eq, PartialEq)]
pub enum Event {
    /// Acceptor: the peer asks for an association; answer with `accept` or `reject`. Input waits until then.
    Requested(AssociateRequest),
    /// The association stands; told to both sides.
    Established(Established),
    /// Requestor: the peer said no.
    Rejected(Rejection),
    /// A whole command. When it [has a data set](Command::has_data_set), `Body` events and one `BodyEnd` follow.
    Command {
        /// The presentation context on which it came.
        context_id: u8,
        /// The command.
        command: Command,
    },
    /// Some bytes of a data set, a slice of the input; never empty.
    Body {
        /// The presentation context on which they came.
        context_id: u8,
        /// The bytes. A small slice that is kept pins the whole input buffer: copy what is kept.
        bytes: Bytes,
    },
    /// The last fragment of the data set has come; without this event a data set is not whole.
    BodyEnd {
        /// The presentation context on which it came.
        context_id: u8,
    },
    /// The peer asks for release. The machine answers by itself as soon as every request of the peer is answered
    /// and no body is half sent.
    ReleaseRequested,
    /// The association was released in order.
    Released,
    /// The peer aborted.
    Aborted {
        /// Who aborted.
        by: AbortSource,
        /// The reason code, significant for [`AbortSource::ServiceProvider`] (PS3.8 section 9.3.8).
        reason: u8,
    },
    /// The association ended in another way.
    Closed(CloseReason),
}

impl Event {
    /// Whether nothing comes after this event.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Rejected(_) | Self::Released | Self::Aborted { .. } | Self::Closed(_))
    }
}

impl std::fmt::Debug for Event {
    /// As derived, but without the bytes of data sets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Requested(request) => f.debug_tuple("Requested").field(request).finish(),
            Self::Established(agreed) => f.debug_tuple("Established").field(agreed).finish(),
            Self::Rejected(rejection) => f.debug_tuple("Rejected").field(rejection).finish(),
            Self::Command { context_id, command } => f
                .debug_struct("Command")
                .field("context_id", context_id)
                .field("command", command)
                .finish(),
            Self::Body { context_id, bytes } => f
                .debug_struct("Body")
                .field("context_id", context_id)
                .field("bytes", &format_args!("<redacted: {} bytes>", bytes.len()))
                .finish(),
            Self::BodyEnd { context_id } => {
                f.debug_struct("BodyEnd").field("context_id", context_id).finish()
            }
            Self::ReleaseRequested => f.write_str("ReleaseRequested"),
            Self::Released => f.write_str("Released"),
            Self::Aborted { by, reason } => {
                f.debug_struct("Aborted").field("by", by).field("reason", reason).finish()
            }
            Self::Closed(reason) => f.debug_tuple("Closed").field(reason).finish(),
        }
    }
}
