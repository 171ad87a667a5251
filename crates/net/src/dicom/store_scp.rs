//! Receiving instances (C-STORE, PS3.4 annex B).

use std::future::Future;

use telerad_core::AeTitle;
use telerad_dicom::Status;
use telerad_dimse::Command;

use super::body::Body;
use super::context::AssociationContext;
use super::dialogue::{Dialogue, Gone};
use super::find_scp::final_of;
use crate::BoxFuture;

/// What is said about an instance before its data set (PS3.7 section 9.1.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreRequest {
    /// The message ID. A sender's own value is not used: the association numbers its messages.
    pub message_id: u16,
    /// Affected SOP Class UID.
    pub sop_class_uid: String,
    /// Affected SOP Instance UID, as the peer says it: [`telerad_core::Uid::new`] tells whether it is one at all. Unchecked,
    /// it must not become part of a file name.
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

impl StoreReply {
    /// The C-STORE-RSP that says this.
    pub(super) fn response(self, request: &StoreRequest) -> Command {
        Command::StoreRsp {
            message_id: request.message_id,
            sop_class_uid: request.sop_class_uid.clone(),
            sop_instance_uid: request.sop_instance_uid.clone(),
            status: final_of(self.status),
            comment: self.comment,
        }
    }
}

/// Takes instances in: as a service of a server, and as the sink of a C-GET.
pub trait StoreScp: Send + Sync + 'static {
    /// Receives one instance. Whatever is answered here is what the peer hears, so success must mean that the instance
    /// is durable.
    ///
    /// The future may end before the body does, for instance with a refusal; the rest is then read and thrown away
    /// before the peer hears the answer, because most senders listen only after they have sent everything.
    fn store(
        &self,
        context: AssociationContext,
        request: StoreRequest,
        body: Body,
    ) -> impl Future<Output = StoreReply> + Send;
}

/// Serves one C-STORE.
pub(super) async fn serve(
    dialogue: &Dialogue,
    request: StoreRequest,
    store: impl FnOnce(StoreRequest) -> BoxFuture<'static, StoreReply>,
) -> Result<(), Gone> {
    let reply = store(request.clone()).await;
    dialogue.respond(reply.response(&request), None).await
}
