//! Modality Performed Procedure Step (PS3.4 section F.7): what a modality may say when, and what it hears otherwise.
//!
//! The messages are N-CREATE and N-SET; [`ClientAssociation::n_service`](super::ClientAssociation::n_service) sends them
//! and an [`MppsScp`](super::MppsScp) takes them. An [`NServiceRelay`](super::NServiceRelay) passes them on to another
//! system instead.

use telerad_dicom::dataset::{DataSet, DataSetError, DataSetLimits};
use telerad_dicom::{Status, tags, uids};
use telerad_dimse::StatusDetail;

use super::n_scp::{NOperation, NReply, NRequest};

/// Where a performed procedure step stands (PS3.3 section C.4.14). The last two are final.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StepStatus {
    /// `IN PROGRESS`.
    InProgress,
    /// `DISCONTINUED`.
    Discontinued,
    /// `COMPLETED`.
    Completed,
}

impl StepStatus {
    /// The value of (0040,0252).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN PROGRESS",
            Self::Discontinued => "DISCONTINUED",
            Self::Completed => "COMPLETED",
        }
    }

    fn read(text: &str) -> Option<Self> {
        let all = [Self::InProgress, Self::Discontinued, Self::Completed];
        all.into_iter().find(|status| status.as_str() == text.trim())
    }
}

/// What a modality says about one performed procedure step.
#[derive(Clone, Debug)]
pub enum StepMessage {
    /// The step begins (N-CREATE).
    Create {
        /// The step's SOP Instance UID.
        sop_instance_uid: String,
        /// All of its attributes.
        attributes: DataSet,
    },
    /// The step changes or ends (N-SET).
    Set {
        /// The step's SOP Instance UID.
        sop_instance_uid: String,
        /// The changed attributes, sequences whole.
        attributes: DataSet,
    },
}

impl StepMessage {
    /// Reads a request.
    ///
    /// # Errors
    /// The reply that the modality is to hear.
    pub fn read(request: &NRequest, limits: DataSetLimits) -> Result<Self, Box<NReply>> {
        if request.sop_class_uid != uids::MODALITY_PERFORMED_PROCEDURE_STEP {
            return Err(Status::SOP_CLASS_NOT_SUPPORTED.into());
        }
        let sop_instance_uid = request.sop_instance_uid.clone();
        let attributes = request.attributes(limits)?;
        match request.operation {
            // The modality names the step (PS3.4 section F.7.2.1.1), or could never speak of it again.
            NOperation::Create if sop_instance_uid.is_empty() => {
                Err(Status::INVALID_SOP_INSTANCE.into())
            }
            NOperation::Create => Ok(Self::Create { sop_instance_uid, attributes }),
            NOperation::Set => Ok(Self::Set { sop_instance_uid, attributes }),
            _ => Err(Status::UNRECOGNIZED_OPERATION.into()),
        }
    }

    /// The request that says this, encoded for `transfer_syntax_uid`.
    ///
    /// # Errors
    /// When the attributes cannot be encoded.
    pub fn request(&self, transfer_syntax_uid: &str) -> Result<NRequest, DataSetError> {
        let (operation, sop_instance_uid, attributes) = match self {
            Self::Create { sop_instance_uid, attributes } => {
                (NOperation::Create, sop_instance_uid, attributes)
            }
            Self::Set { sop_instance_uid, attributes } => {
                (NOperation::Set, sop_instance_uid, attributes)
            }
        };
        Ok(NRequest {
            sop_class_uid: uids::MODALITY_PERFORMED_PROCEDURE_STEP.to_owned(),
            sop_instance_uid: sop_instance_uid.clone(),
            operation,
            data_set: Some(attributes.encode(transfer_syntax_uid)?.into()),
            transfer_syntax_uid: transfer_syntax_uid.to_owned(),
        })
    }

    /// Where the step stands after this message; `before` is where it stood, `None` for a step that is not known.
    ///
    /// # Errors
    /// The reply that the modality is to hear, when the message may not come now (PS3.4 sections F.7.2.1 and F.7.2.2):
    /// nothing changes then.
    pub fn apply(&self, before: Option<StepStatus>) -> Result<StepStatus, Box<NReply>> {
        match (self, before) {
            (Self::Create { .. }, Some(_)) => Err(Status::DUPLICATE_SOP_INSTANCE.into()),
            (Self::Create { attributes, .. }, None) => match status_in(attributes)? {
                Some(StepStatus::InProgress) => Ok(StepStatus::InProgress),
                _ => Err(invalid_status()),
            },
            (Self::Set { .. }, None) => Err(Status::NO_SUCH_SOP_INSTANCE.into()),
            (Self::Set { .. }, Some(StepStatus::Completed | StepStatus::Discontinued)) => {
                Err(may_no_longer_be_updated())
            }
            (Self::Set { attributes, .. }, Some(StepStatus::InProgress)) => {
                Ok(status_in(attributes)?.unwrap_or(StepStatus::InProgress))
            }
        }
    }
}

impl From<StepMessage> for DataSet {
    fn from(message: StepMessage) -> Self {
        match message {
            StepMessage::Create { attributes, .. } | StepMessage::Set { attributes, .. } => {
                attributes
            }
        }
    }
}

/// The status that is named; `None` when none is.
fn status_in(attributes: &DataSet) -> Result<Option<StepStatus>, Box<NReply>> {
    match attributes.text(tags::PERFORMED_PROCEDURE_STEP_STATUS) {
        None => Ok(None),
        Some(text) => StepStatus::read(&text).map(Some).ok_or_else(invalid_status),
    }
}

fn invalid_status() -> Box<NReply> {
    let attributes = vec![tags::PERFORMED_PROCEDURE_STEP_STATUS];
    let detail = StatusDetail { attributes, ..StatusDetail::default() };
    Box::new(NReply { detail, ..Status::INVALID_ATTRIBUTE_VALUE.into() })
}

/// PS3.4 section F.7.2.2.2, word for word.
fn may_no_longer_be_updated() -> Box<NReply> {
    let comment = "Performed Procedure Step Object may no longer be updated".to_owned();
    let detail =
        StatusDetail { comment: Some(comment), error_id: Some(0xA710), ..StatusDetail::default() };
    Box::new(NReply { detail, ..Status::PROCESSING_FAILURE.into() })
}

#[cfg(test)]
mod tests {
    use telerad_dicom::dataset::{DataSet, DataSetLimits};
    use telerad_dicom::{Status, tags, uids};

    use super::{StepMessage, StepStatus};
    use crate::dicom::n_scp::NOperation;

    fn message(create: &str, status: &str) -> StepMessage {
        let mut attributes = DataSet::new();
        if !status.is_empty() {
            attributes.set_text(tags::PERFORMED_PROCEDURE_STEP_STATUS, status);
        }
        let sop_instance_uid = "1.2.3".to_owned();
        match create {
            "create" => StepMessage::Create { sop_instance_uid, attributes },
            _ => StepMessage::Set { sop_instance_uid, attributes },
        }
    }

    /// Through its encoding, then applied.
    #[track_caller]
    fn check(
        before: Option<StepStatus>,
        (kind, status): (&str, &str),
        expected: Result<StepStatus, Status>,
    ) {
        let request = message(kind, status).request(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap();
        let read = StepMessage::read(&request, DataSetLimits::default()).unwrap();
        let got = read.apply(before).map_err(|reply| reply.status);
        assert_eq!(got, expected, "{before:?} {kind} {status}");
    }

    #[test]
    fn a_step_begins_in_progress_and_ends_once() {
        use StepStatus::{Completed, Discontinued, InProgress};
        check(None, ("create", "IN PROGRESS"), Ok(InProgress));
        for wrong in ["COMPLETED", "DISCONTINUED", "SCHEDULED", ""] {
            check(None, ("create", wrong), Err(Status::INVALID_ATTRIBUTE_VALUE));
        }
        for known in [InProgress, Completed, Discontinued] {
            let duplicate = Err(Status::DUPLICATE_SOP_INSTANCE);
            check(Some(known), ("create", "IN PROGRESS"), duplicate);
        }
        check(None, ("set", "COMPLETED"), Err(Status::NO_SUCH_SOP_INSTANCE));
        check(Some(InProgress), ("set", ""), Ok(InProgress));
        check(Some(InProgress), ("set", "IN PROGRESS"), Ok(InProgress));
        check(Some(InProgress), ("set", "COMPLETED"), Ok(Completed));
        check(Some(InProgress), ("set", "DISCONTINUED"), Ok(Discontinued));
        check(Some(InProgress), ("set", "DONE"), Err(Status::INVALID_ATTRIBUTE_VALUE));
        for ended in [Completed, Discontinued] {
            for status in ["", "IN PROGRESS", "COMPLETED", "DISCONTINUED"] {
                check(Some(ended), ("set", status), Err(Status::PROCESSING_FAILURE));
            }
        }
    }

    #[test]
    fn a_step_that_has_ended_says_so_in_the_words_of_the_standard() {
        let reply = message("set", "COMPLETED").apply(Some(StepStatus::Completed)).unwrap_err();
        let words = "Performed Procedure Step Object may no longer be updated";
        assert_eq!(reply.detail.comment.as_deref(), Some(words));
        assert_eq!(reply.detail.error_id, Some(0xA710));
    }

    #[test]
    fn what_is_no_step_is_refused() {
        let request = message("create", "IN PROGRESS").request(uids::EXPLICIT_VR_LITTLE_ENDIAN);
        let request = request.unwrap();
        let refused = |change: fn(&mut super::NRequest)| {
            let mut request = request.clone();
            change(&mut request);
            StepMessage::read(&request, DataSetLimits::default()).unwrap_err().status
        };
        assert_eq!(refused(|it| it.sop_instance_uid.clear()), Status::INVALID_SOP_INSTANCE);
        assert_eq!(refused(|it| it.operation = NOperation::Delete), Status::UNRECOGNIZED_OPERATION);
        assert_eq!(refused(|it| it.sop_class_uid.clear()), Status::SOP_CLASS_NOT_SUPPORTED);
    }
}
