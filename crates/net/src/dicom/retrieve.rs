//! What C-MOVE and C-GET have in common: an identifier becomes a list of instances, sent one by one.

use std::io;

use bytes::Bytes;
use telerad_dicom::dataset::{DataSet, DataSetLimits};
use telerad_dicom::{Status, StatusClass};
use telerad_dimse::{Command, SubOperations};

use super::body::Body;
use super::dialogue::{CollectError, Dialogue, Gone, collect};
use super::source::AnyBody;
use super::tally::Tally;
use crate::BoxFuture;

/// A wish for instances (C-MOVE-RQ or C-GET-RQ).
#[derive(Clone, Eq, PartialEq)]
pub struct RetrieveRequest {
    /// The message ID.
    pub message_id: u16,
    /// Affected SOP Class UID: the information model and the service.
    pub sop_class_uid: String,
    /// The identifier as it came.
    pub identifier: Bytes,
    /// The encoding of the identifier.
    pub transfer_syntax_uid: String,
}

impl RetrieveRequest {
    /// Decodes the identifier.
    ///
    /// # Errors
    /// [`Status::DATA_SET_DOES_NOT_MATCH`], "identifier does not match SOP class" (PS3.4 table C.4-2).
    pub fn keys(&self, limits: DataSetLimits) -> Result<DataSet, Status> {
        DataSet::decode(&self.identifier, &self.transfer_syntax_uid, limits).map_err(|error| {
            tracing::warn!(message_id = self.message_id, "identifier refused: {error}");
            Status::DATA_SET_DOES_NOT_MATCH
        })
    }
}

impl std::fmt::Debug for RetrieveRequest {
    /// Without the identifier, which names patients.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetrieveRequest")
            .field("message_id", &self.message_id)
            .field("sop_class_uid", &self.sop_class_uid)
            .field("identifier", &format_args!("<redacted: {} bytes>", self.identifier.len()))
            .field("transfer_syntax_uid", &self.transfer_syntax_uid)
            .finish()
    }
}

/// One instance, and the encoding in which it is kept.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct InstanceReference {
    /// The SOP class.
    pub sop_class_uid: String,
    /// The instance.
    pub sop_instance_uid: String,
    /// The encoding of its data set, in which alone it is sent.
    pub transfer_syntax_uid: String,
}

/// Opens instances, one after the other.
pub trait InstanceSource: Send {
    /// Opens the data set of one of the instances of the [`Retrieval`].
    ///
    /// # Errors
    /// The instance is counted as failed, and the others are sent all the same.
    fn open<'a>(
        &'a mut self,
        instance: &'a InstanceReference,
    ) -> BoxFuture<'a, io::Result<AnyBody>>;
}

/// The instances that answer a wish: at most 65,535, what the counts of C-MOVE and C-GET can say.
pub struct Retrieval {
    /// What is to be sent, in this order as far as the contexts of associations allow. None: success at once.
    pub instances: Vec<InstanceReference>,
    /// Where the data sets come from.
    pub source: Box<dyn InstanceSource>,
}

impl std::fmt::Debug for Retrieval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let instances = self.instances.len();
        f.debug_struct("Retrieval").field("instances", &instances).finish_non_exhaustive()
    }
}

/// Which of the two services answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Retrieve {
    Get,
    Move,
}

/// The responses to one wish.
pub(super) struct Responses<'a> {
    pub(super) dialogue: &'a Dialogue,
    pub(super) service: Retrieve,
    pub(super) message_id: u16,
}

impl Responses<'_> {
    /// Reads the identifier; `None` after a refusal that the peer has heard.
    pub(super) async fn request(
        &self,
        body: Body,
        identifier_bytes_max: usize,
    ) -> Result<Option<RetrieveRequest>, Gone> {
        let identifier = match collect(body, identifier_bytes_max).await {
            Ok(identifier) => identifier,
            Err(CollectError::Broken(_)) => return Err(Gone),
            Err(CollectError::TooLong(_)) => {
                self.refuse(Status::UNABLE_TO_CALCULATE_MATCHES).await?;
                return Ok(None);
            }
        };
        let context = self.dialogue.context();
        Ok(Some(RetrieveRequest {
            message_id: self.message_id,
            sop_class_uid: context.abstract_syntax.clone(),
            identifier,
            transfer_syntax_uid: context.transfer_syntax.clone(),
        }))
    }

    /// The only response: nothing was begun.
    pub(super) async fn refuse(&self, status: Status) -> Result<(), Gone> {
        let is_final = status.class() != StatusClass::Pending;
        let status = if is_final { status } else { Status::PROCESSING_FAILURE };
        let response = self.response(status, SubOperations::default(), false);
        self.dialogue.respond(response, None).await
    }

    /// One pending response.
    pub(super) async fn progress(&self, tally: &Tally) -> Result<(), Gone> {
        let response = self.response(Status::PENDING, tally.progress(), false);
        self.dialogue.respond(response, None).await
    }

    /// The final response.
    pub(super) async fn finish(&self, tally: &Tally) -> Result<(), Gone> {
        let failed = tally.failed_list(&self.dialogue.context().transfer_syntax);
        let identifier = failed.and_then(|encoded| match encoded {
            Ok(identifier) => Some(Bytes::from(identifier)),
            Err(error) => {
                tracing::error!(%error, "the list of failed instances is left out");
                None
            }
        });
        let response = self.response(tally.status(), tally.outcome(), identifier.is_some());
        self.dialogue.respond(response, identifier).await
    }

    fn response(
        &self,
        status: Status,
        sub_operations: SubOperations,
        has_identifier: bool,
    ) -> Command {
        let sop_class_uid = self.dialogue.context().abstract_syntax.clone();
        let (message_id, comment) = (self.message_id, None);
        match self.service {
            Retrieve::Get => Command::GetRsp {
                message_id,
                sop_class_uid,
                status,
                sub_operations,
                has_identifier,
                comment,
            },
            Retrieve::Move => Command::MoveRsp {
                message_id,
                sop_class_uid,
                status,
                sub_operations,
                has_identifier,
                comment,
            },
        }
    }
}
