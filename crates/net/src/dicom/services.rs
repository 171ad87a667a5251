//! What an acceptor offers to those who call.

use bytes::Bytes;
use telerad_core::AeTitle;
use telerad_dicom::Status;
use telerad_dimse::{AssociateRequest, ContextResult, Rejection};

use super::body::Body;
use super::negotiation::{Offers, negotiate};
use crate::BoxFuture;

/// The services of a DICOM server, and its door.
///
/// C-ECHO needs no code: it is answered on every context of the Verification SOP class.
pub trait Services: Send + Sync + 'static {
    /// Decides whether this caller may associate at all.
    ///
    /// # Errors
    /// The rejection that the caller is to hear.
    fn admit(&self, request: &AssociateRequest, peer_address: &str) -> Result<(), Rejection>;

    /// Answers each proposed presentation context. By default: verification, every storage class in the first
    /// proposed transfer syntax, and the modality worklist.
    fn negotiate(&self, request: &AssociateRequest) -> Vec<(u8, ContextResult)> {
        negotiate(request, Offers::ALL)
    }

    /// Receives one instance (C-STORE). Whatever is answered here is what the peer hears, so success must mean that
    /// the instance is durable.
    ///
    /// The future may end before the body does, for instance with a refusal; the rest is then read and thrown away
    /// before the peer hears the answer, because most senders listen only after they have sent everything.
    fn store(
        &self,
        context: AssociationContext,
        request: StoreRequest,
        body: Body,
    ) -> BoxFuture<'static, StoreReply>;

    /// Answers one query (C-FIND): the matches, encoded in the transfer syntax of the query.
    ///
    /// By default there is nothing to query: `SOP_CLASS_NOT_SUPPORTED`. The future is dropped when the peer cancels.
    ///
    /// # Errors
    /// The future yields the status that the peer is to hear instead of matches.
    fn find(
        &self,
        context: AssociationContext,
        sop_class_uid: String,
        identifier: Bytes,
        transfer_syntax_uid: String,
    ) -> BoxFuture<'static, Result<Vec<Bytes>, Status>> {
        let _ = (context, sop_class_uid, identifier, transfer_syntax_uid);
        Box::pin(std::future::ready(Err(Status::SOP_CLASS_NOT_SUPPORTED)))
    }
}

/// Who is talking to us, on which association.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AssociationContext {
    /// A number for logs, unique among the associations of one server.
    pub association_id: u64,
    /// The title that the peer calls itself.
    pub calling: AeTitle,
    /// The title that the peer called.
    pub called: AeTitle,
    /// Where the peer connects from.
    pub peer_address: String,
}

/// What is said about an instance before its data set (PS3.7 section 9.1.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreRequest {
    /// The message ID. A sender's own value is not used: the association numbers its messages.
    pub message_id: u16,
    /// Affected SOP Class UID.
    pub sop_class_uid: String,
    /// Affected SOP Instance UID.
    pub sop_instance_uid: String,
    /// The encoding of the data set, from its presentation context.
    pub transfer_syntax_uid: String,
    /// Who asked for the C-MOVE that this C-STORE belongs to, and with which message.
    pub move_originator: Option<(AeTitle, u16)>,
}

/// The answer to a C-STORE.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreReply {
    /// The status of PS3.4 section B.2.3.
    pub status: Status,
    /// A reason in words for the peer's log, at most 64 characters, without patient data.
    pub comment: Option<String>,
}

impl From<Status> for StoreReply {
    fn from(status: Status) -> Self {
        Self { status, comment: None }
    }
}
