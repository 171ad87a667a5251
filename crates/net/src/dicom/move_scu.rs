//! Having instances sent to a third party (C-MOVE).

use telerad_core::AeTitle;
use telerad_dicom::{DataSet, StatusClass};
use telerad_dimse::{Command, SubOperations};

use super::client::{ClientAssociation, PRIORITY_MEDIUM};
use super::error::{AssociationError, AssociationFault};
use super::retrieve_scu::{RetrieveOutcome, Retrieving};

/// A C-MOVE under way.
///
/// Dropping it before its end aborts the association: to stop in peace, [`cancel`](Self::cancel) and read on to the end.
#[derive(Debug)]
pub struct MoveStream<'a> {
    retrieving: Retrieving<'a>,
}

impl ClientAssociation {
    /// Asks the peer to send what `identifier` names to the application entity `destination` (C-MOVE).
    ///
    /// Between two responses the peer has [`Timeouts::retrieve`](super::Timeouts::retrieve), not
    /// [`Timeouts::response`](super::Timeouts::response).
    ///
    /// # Errors
    /// A failure of the association, or an identifier that cannot be encoded.
    pub async fn move_to(
        &mut self,
        sop_class_uid: &str,
        destination: &AeTitle,
        identifier: &DataSet,
    ) -> Result<MoveStream<'_>, AssociationError> {
        let context = self.context_of(sop_class_uid, None)?;
        let identifier = self.encode(identifier, &context)?;
        let message_id = self.begin_retrieve()?;
        let command = Command::MoveRq {
            message_id,
            sop_class_uid: context.abstract_syntax.clone(),
            priority: PRIORITY_MEDIUM,
            move_destination: destination.clone(),
        };
        match self.say(context.id, &command, Some(identifier)).await {
            Ok(()) => Ok(MoveStream { retrieving: Retrieving::new(self, context, message_id) }),
            Err(fault) => Err(self.poison(fault)),
        }
    }
}

impl MoveStream<'_> {
    /// The next counts, from a pending response; `None` when there are no more, and then
    /// [`outcome`](Self::outcome) says how it ended.
    ///
    /// # Errors
    /// A failure of the association. A final status is none, whatever it says.
    ///
    /// # Cancel safety
    /// Dropping the future half-way makes the association unusable.
    pub async fn next(&mut self) -> Option<Result<SubOperations, AssociationError>> {
        if self.retrieving.is_over() {
            return None;
        }
        match self.exchange().await {
            Ok(progress) => progress.map(Ok),
            Err(fault) => Some(Err(self.retrieving.fail(fault))),
        }
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// A failure of the association. A final status is none, whatever it says.
    pub async fn finish(mut self) -> Result<RetrieveOutcome, AssociationError> {
        while let Some(progress) = self.next().await {
            progress?;
        }
        self.retrieving.into_outcome()
    }

    /// Tells the peer that the rest is not wanted (C-CANCEL); read on until it ends, most likely with
    /// [`Status::CANCEL`](telerad_dicom::Status::CANCEL).
    ///
    /// # Errors
    /// A failure of the association.
    pub async fn cancel(&mut self) -> Result<(), AssociationError> {
        self.retrieving.cancel().await
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Option<&RetrieveOutcome> {
        self.retrieving.outcome()
    }

    async fn exchange(&mut self) -> Result<Option<SubOperations>, AssociationFault> {
        let Retrieving { association, message_id, .. } = &mut self.retrieving;
        let (command, identifier) = association.response(*message_id).await?;
        let Command::MoveRsp { status, sub_operations, .. } = command else {
            return Err(AssociationFault::Unexpected("another command"));
        };
        if status.class() == StatusClass::Pending {
            return Ok(Some(sub_operations));
        }
        self.retrieving.end(status, sub_operations, identifier.as_deref());
        Ok(None)
    }
}
