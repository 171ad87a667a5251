//! Asking questions (C-FIND).

use telerad_dicom::dataset::DataSet;
use telerad_dicom::{Status, StatusClass};
use telerad_dimse::{AcceptedContext, Command};

use super::client::{ClientAssociation, PRIORITY_MEDIUM};
use super::error::{AssociationError, AssociationFault};
use super::find_scp::KeySupport;

/// The answers to a question, as they come.
///
/// The peer is held back while nobody asks for the next one. Dropping the stream before its end aborts the association:
/// to stop in peace, [`cancel`](Self::cancel) and read on to the end.
#[derive(Debug)]
pub struct FindStream<'a> {
    association: &'a mut ClientAssociation,
    context: AcceptedContext,
    message_id: u16,
    status: Option<Status>,
}

/// One answer to a question.
#[derive(Clone, Debug)]
pub struct FindMatch {
    /// The answer.
    pub data_set: DataSet,
    /// Whether the peer supported every optional key of the question.
    pub support: KeySupport,
}

impl ClientAssociation {
    /// Asks a question (C-FIND); the answers come one by one.
    ///
    /// # Errors
    /// A failure of the association, or an identifier that cannot be encoded.
    pub async fn find(
        &mut self,
        sop_class_uid: &str,
        identifier: &DataSet,
    ) -> Result<FindStream<'_>, AssociationError> {
        let context = self.context_of(sop_class_uid, None)?;
        let identifier = self.encode(identifier, &context)?;
        let message_id = self.begin()?;
        let sop_class_uid = context.abstract_syntax.clone();
        let command = Command::FindRq { message_id, sop_class_uid, priority: PRIORITY_MEDIUM };
        match self.say(context.id, &command, Some(identifier)).await {
            Ok(()) => Ok(FindStream { association: self, context, message_id, status: None }),
            Err(fault) => Err(self.poison(fault)),
        }
    }

    /// Asks a question (C-FIND) and collects the answers.
    ///
    /// # Errors
    /// A failure of the association, a final status other than success as [`AssociationFault::Failed`], an answer
    /// that cannot be read, or more of them than [`Peer::answers_max`](super::Peer::answers_max).
    pub async fn find_all(
        &mut self,
        sop_class_uid: &str,
        identifier: &DataSet,
    ) -> Result<Vec<DataSet>, AssociationError> {
        let longest = self.peer.answers_max;
        let mut stream = self.find(sop_class_uid, identifier).await?;
        let mut answers = Vec::new();
        while let Some(answer) = stream.next().await {
            if answers.len() >= longest {
                return Err(stream.fail(AssociationFault::TooManyAnswers(longest)));
            }
            answers.push(answer?.data_set);
        }
        match stream.status {
            Some(Status::SUCCESS) => Ok(answers),
            status => {
                let status = status.unwrap_or(Status::PROCESSING_FAILURE);
                Err(stream.association.peer.error(AssociationFault::Failed(status)))
            }
        }
    }
}

impl FindStream<'_> {
    /// The next answer; `None` when there are no more, and then [`status`](Self::status) says how it ended.
    ///
    /// # Errors
    /// A failure of the association, an answer that cannot be read, or a final status of failure as
    /// [`AssociationFault::Failed`]. Only after the last of these can the association still be used.
    ///
    /// # Cancel safety
    /// Dropping the future half-way makes the association unusable.
    pub async fn next(&mut self) -> Option<Result<FindMatch, AssociationError>> {
        if self.status.is_some() {
            return None;
        }
        match self.exchange().await {
            Ok(Some(answer)) => Some(Ok(answer)),
            Ok(None) => match self.status {
                Some(status) if status.class() == StatusClass::Failure => {
                    Some(Err(self.association.peer.error(AssociationFault::Failed(status))))
                }
                _ => None,
            },
            Err(fault) => Some(Err(self.fail(fault))),
        }
    }

    /// Tells the peer that the rest is not wanted (C-CANCEL). Answers that are on their way still come; then the stream
    /// ends, most likely with [`Status::CANCEL`].
    ///
    /// # Errors
    /// A failure of the association.
    pub async fn cancel(&mut self) -> Result<(), AssociationError> {
        if self.status.is_some() {
            return Ok(());
        }
        let command = Command::CancelRq { message_id: self.message_id };
        let said = self.association.say(self.context.id, &command, None).await;
        said.map_err(|fault| self.fail(fault))
    }

    /// The final status, once it has come.
    pub fn status(&self) -> Option<Status> {
        self.status
    }

    async fn exchange(&mut self) -> Result<Option<FindMatch>, AssociationFault> {
        let (command, data_set) = self.association.response(self.message_id).await?;
        let Command::FindRsp { status, .. } = command else {
            return Err(AssociationFault::Unexpected("another command"));
        };
        if status.class() != StatusClass::Pending {
            self.status = Some(status);
            self.association.busy = false;
            return Ok(None);
        }
        let Some(bytes) = data_set else {
            return Err(AssociationFault::Unexpected("a match without an identifier"));
        };
        let limits = self.association.peer.answer_limits;
        let data_set = DataSet::decode(&bytes, &self.context.transfer_syntax, limits)
            .map_err(|error| AssociationFault::DataSet(error.to_string()))?;
        let support = match status {
            Status::PENDING => KeySupport::All,
            _ => KeySupport::Some,
        };
        Ok(Some(FindMatch { data_set, support }))
    }

    fn fail(&mut self, fault: AssociationFault) -> AssociationError {
        self.status = Some(Status::PROCESSING_FAILURE);
        self.association.poison(fault)
    }
}

impl Drop for FindStream<'_> {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.association.poison(AssociationFault::Poisoned);
        }
    }
}
