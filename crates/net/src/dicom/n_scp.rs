//! The N-services (PS3.7 section 10): operations and notifications on SOP instances, of whatever class.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use telerad_dicom::dataset::{DataSet, DataSetError, DataSetLimits};
use telerad_dicom::{Status, Tag};
use telerad_dimse::{Command, Roles, StatusDetail};

use super::body::Body;
use super::dialogue::{CollectError, Dialogue, Gone, collect};
use super::find_scp::final_of;
use crate::BoxFuture;

/// A request of an N-service, in either direction.
#[derive(Clone, Eq, PartialEq)]
pub struct NRequest {
    /// Affected or Requested SOP Class UID.
    pub sop_class_uid: String,
    /// Affected or Requested SOP Instance UID; empty in an N-CREATE that leaves the choice to the performer.
    pub sop_instance_uid: String,
    /// What is asked.
    pub operation: NOperation,
    /// The data set, if one comes with the request.
    pub data_set: Option<Bytes>,
    /// The encoding of the data set and of that of the reply. A requestor's own value chooses the presentation context for
    /// the data set.
    pub transfer_syntax_uid: String,
}

/// Which N-service, with what only it has.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NOperation {
    /// N-ACTION (PS3.7 section 10.1.4).
    Action {
        /// Action Type ID.
        action_type_id: u16,
    },
    /// N-CREATE (PS3.7 section 10.1.5).
    Create,
    /// N-DELETE (PS3.7 section 10.1.6).
    Delete,
    /// N-EVENT-REPORT (PS3.7 section 10.1.1).
    EventReport {
        /// Event Type ID.
        event_type_id: u16,
    },
    /// N-GET (PS3.7 section 10.1.2).
    Get {
        /// The attributes that are asked for; none asks for all.
        attributes: Vec<Tag>,
    },
    /// N-SET (PS3.7 section 10.1.3).
    Set,
}

impl NOperation {
    /// Whether it is for who has these roles to ask this: the provider reports, and performs what the user asks (PS3.7
    /// section 10.1).
    pub(super) fn is_for(&self, roles: Roles) -> bool {
        match self {
            Self::EventReport { .. } => roles.scp,
            _ => roles.scu,
        }
    }
}

impl NRequest {
    /// Decodes the data set; without one it is empty.
    ///
    /// # Errors
    /// [`Status::PROCESSING_FAILURE`].
    pub fn attributes(&self, limits: DataSetLimits) -> Result<DataSet, Status> {
        let Some(bytes) = &self.data_set else { return Ok(DataSet::new()) };
        DataSet::decode(bytes, &self.transfer_syntax_uid, limits).map_err(|error| {
            tracing::warn!(class = self.sop_class_uid, "data set refused: {error}");
            Status::PROCESSING_FAILURE
        })
    }

    /// What a command of the peer asks; `None` when it is no request of an N-service.
    pub(super) fn read(command: &Command) -> Option<Self> {
        let (class, instance, operation) = match command {
            Command::NEventReportRq { sop_class_uid, sop_instance_uid, event_type_id, .. } => {
                let event_type_id = *event_type_id;
                (sop_class_uid, sop_instance_uid, NOperation::EventReport { event_type_id })
            }
            Command::NGetRq { sop_class_uid, sop_instance_uid, attributes, .. } => {
                let attributes = attributes.clone();
                (sop_class_uid, sop_instance_uid, NOperation::Get { attributes })
            }
            Command::NSetRq { sop_class_uid, sop_instance_uid, .. } => {
                (sop_class_uid, sop_instance_uid, NOperation::Set)
            }
            Command::NActionRq { sop_class_uid, sop_instance_uid, action_type_id, .. } => {
                let action_type_id = *action_type_id;
                (sop_class_uid, sop_instance_uid, NOperation::Action { action_type_id })
            }
            Command::NCreateRq { sop_class_uid, sop_instance_uid, .. } => {
                (sop_class_uid, sop_instance_uid, NOperation::Create)
            }
            Command::NDeleteRq { sop_class_uid, sop_instance_uid, .. } => {
                (sop_class_uid, sop_instance_uid, NOperation::Delete)
            }
            _ => return None,
        };
        Some(Self {
            sop_class_uid: class.clone(),
            sop_instance_uid: instance.clone(),
            operation,
            data_set: None,
            transfer_syntax_uid: String::new(),
        })
    }

    /// The command that asks this. An N-SET always has a data set; N-GET and N-DELETE never do.
    pub(super) fn command(&self, message_id: u16) -> Command {
        let sop_class_uid = self.sop_class_uid.clone();
        let sop_instance_uid = self.sop_instance_uid.clone();
        let has_data_set = self.data_set.is_some();
        match &self.operation {
            NOperation::Action { action_type_id } => Command::NActionRq {
                message_id,
                sop_class_uid,
                sop_instance_uid,
                action_type_id: *action_type_id,
                has_data_set,
            },
            NOperation::Create => {
                Command::NCreateRq { message_id, sop_class_uid, sop_instance_uid, has_data_set }
            }
            NOperation::Delete => {
                Command::NDeleteRq { message_id, sop_class_uid, sop_instance_uid }
            }
            NOperation::EventReport { event_type_id } => Command::NEventReportRq {
                message_id,
                sop_class_uid,
                sop_instance_uid,
                event_type_id: *event_type_id,
                has_data_set,
            },
            NOperation::Get { attributes } => Command::NGetRq {
                message_id,
                sop_class_uid,
                sop_instance_uid,
                attributes: attributes.clone(),
            },
            NOperation::Set => Command::NSetRq { message_id, sop_class_uid, sop_instance_uid },
        }
    }
}

impl std::fmt::Debug for NRequest {
    /// Without the data set, which may name patients.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NRequest")
            .field("sop_class_uid", &self.sop_class_uid)
            .field("sop_instance_uid", &self.sop_instance_uid)
            .field("operation", &self.operation)
            .field("data_set", &self.data_set.as_ref().map(|_| "<redacted>"))
            .finish_non_exhaustive()
    }
}

/// The reply to a request of an N-service.
#[derive(Clone, Eq, PartialEq)]
pub struct NReply {
    /// The status (PS3.7 annex C).
    pub status: Status,
    /// Affected SOP Instance UID; `None` repeats that of the request. For an N-CREATE that left the choice, the choice.
    pub sop_instance_uid: Option<String>,
    /// What the status means in particular.
    pub detail: StatusDetail,
    /// The data set of the reply, in the encoding of the request. An N-DELETE has none.
    pub data_set: Option<Bytes>,
}

impl NReply {
    /// What a response of the peer says; `None` when it is none of an N-service.
    pub(super) fn read(response: Command, data_set: Option<Bytes>) -> Option<Self> {
        let (status, instance, detail) = match response {
            Command::NEventReportRsp { status, sop_instance_uid, detail, .. }
            | Command::NGetRsp { status, sop_instance_uid, detail, .. }
            | Command::NSetRsp { status, sop_instance_uid, detail, .. }
            | Command::NActionRsp { status, sop_instance_uid, detail, .. }
            | Command::NCreateRsp { status, sop_instance_uid, detail, .. }
            | Command::NDeleteRsp { status, sop_instance_uid, detail, .. } => {
                (status, sop_instance_uid, detail)
            }
            _ => return None,
        };
        let sop_instance_uid = (!instance.is_empty()).then_some(instance);
        Some(Self { status, sop_instance_uid, detail, data_set })
    }
}

impl From<Status> for NReply {
    fn from(status: Status) -> Self {
        Self { status, sop_instance_uid: None, detail: StatusDetail::default(), data_set: None }
    }
}

impl From<Status> for Box<NReply> {
    fn from(status: Status) -> Self {
        Self::new(status.into())
    }
}

impl std::fmt::Debug for NReply {
    /// Without the data set, which may name patients.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NReply")
            .field("status", &self.status)
            .field("sop_instance_uid", &self.sop_instance_uid)
            .field("detail", &self.detail)
            .field("data_set", &self.data_set.as_ref().map(|_| "<redacted>"))
            .finish()
    }
}

/// Limits of data sets that a service learns after it has been registered, so that the order in which a server is put
/// together does not matter.
#[derive(Clone, Debug, Default)]
pub(super) struct LateLimits(Arc<OnceLock<DataSetLimits>>);

impl LateLimits {
    /// The first ones stay.
    pub(super) fn set(&self, limits: DataSetLimits) {
        self.0.get_or_init(|| limits);
    }

    pub(super) fn get(&self) -> DataSetLimits {
        self.0.get().copied().unwrap_or_default()
    }
}

/// Serves one request of an N-service: exactly one response.
pub(super) async fn serve(
    dialogue: &Dialogue,
    command: &Command,
    mut request: NRequest,
    body: Body,
    data_set_bytes_max: usize,
    answer: impl FnOnce(NRequest) -> BoxFuture<'static, NReply>,
) -> Result<(), Gone> {
    request.transfer_syntax_uid = dialogue.context().transfer_syntax.clone();
    if command.has_data_set() {
        request.data_set = match collect(body, data_set_bytes_max).await {
            Ok(data_set) => Some(data_set),
            Err(CollectError::Broken(_)) => return Err(Gone),
            Err(CollectError::TooLong(_)) => {
                return dialogue.answer(Status::RESOURCE_LIMITATION).await;
            }
        };
    }
    let mut reply = answer(request).await;
    reply.status = final_of(reply.status);
    match respond(command, &reply) {
        Some(response) => {
            let data_set = reply.data_set.filter(|_| response.has_data_set());
            dialogue.respond(response, data_set).await
        }
        None => Ok(()),
    }
}

/// The response to `command` that says `reply`.
pub(super) fn respond(command: &Command, reply: &NReply) -> Option<Command> {
    let mut response = command.response(reply.status)?;
    match &mut response {
        Command::NEventReportRsp { sop_instance_uid, detail, has_data_set, .. }
        | Command::NGetRsp { sop_instance_uid, detail, has_data_set, .. }
        | Command::NSetRsp { sop_instance_uid, detail, has_data_set, .. }
        | Command::NActionRsp { sop_instance_uid, detail, has_data_set, .. }
        | Command::NCreateRsp { sop_instance_uid, detail, has_data_set, .. } => {
            *has_data_set = reply.data_set.is_some();
            detail.clone_from(&reply.detail);
            if let Some(uid) = &reply.sop_instance_uid {
                sop_instance_uid.clone_from(uid);
            }
        }
        Command::NDeleteRsp { detail, .. } => detail.clone_from(&reply.detail),
        _ => {}
    }
    Some(response)
}

/// A data set in another transfer syntax; the same bytes where it is in that already.
pub(super) fn recode(
    data_set: Option<&Bytes>,
    from: &str,
    to: &str,
    limits: DataSetLimits,
) -> Result<Option<Bytes>, DataSetError> {
    match data_set {
        Some(bytes) if from != to => {
            let data_set = DataSet::decode(bytes, from, limits)?;
            Ok(Some(data_set.encode(to)?.into()))
        }
        same => Ok(same.cloned()),
    }
}
