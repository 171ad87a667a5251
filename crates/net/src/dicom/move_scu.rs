//! Having instances sent to a third party (C-MOVE).

use telerad_core::AeTitle;
use telerad_dicom::{DataSet, StatusClass};
use telerad_dimse::{AcceptedContext, Command, SubOperations};

use super::client::{ClientAssociation, PRIORITY_MEDIUM};
use super::error::{AssociationError, AssociationFault};
use super::retrieve_scu::RetrieveOutcome;

/// A C-MOVE under way.
///
/// Dropping it before its end aborts the association: to stop in peace, [`cancel`](Self::cancel) and read on to the end.
#[derive(Debug)]
pub struct MoveStream<'a> {
    association: &'a mut ClientAssociation,
    context: AcceptedContext,
    message_id: u16,
    outcome: Option<RetrieveOutcome>,
    broken: bool,
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
            Ok(()) => Ok(MoveStream {
                association: self,
                context,
                message_id,
                outcome: None,
                broken: false,
            }),
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
        if self.outcome.is_some() || self.broken {
            return None;
        }
        match self.exchange().await {
            Ok(progress) => progress.map(Ok),
            Err(fault) => Some(Err(self.fail(fault))),
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
        let outcome = self.outcome.take();
        self.broken = true;
        outcome.ok_or_else(|| self.association.peer.error(AssociationFault::Poisoned))
    }

    /// Tells the peer that the rest is not wanted (C-CANCEL); read on until it ends, most likely with
    /// [`Status::CANCEL`](telerad_dicom::Status::CANCEL).
    ///
    /// # Errors
    /// A failure of the association.
    pub async fn cancel(&mut self) -> Result<(), AssociationError> {
        if self.outcome.is_some() || self.broken {
            return Ok(());
        }
        let command = Command::CancelRq { message_id: self.message_id };
        let said = self.association.say(self.context.id, &command, None).await;
        said.map_err(|fault| self.fail(fault))
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Option<&RetrieveOutcome> {
        self.outcome.as_ref()
    }

    async fn exchange(&mut self) -> Result<Option<SubOperations>, AssociationFault> {
        let (command, identifier) = self.association.response(self.message_id).await?;
        let Command::MoveRsp { status, sub_operations, .. } = command else {
            return Err(AssociationFault::Unexpected("another command"));
        };
        if status.class() == StatusClass::Pending {
            return Ok(Some(sub_operations));
        }
        let syntax = &self.context.transfer_syntax;
        let limits = self.association.peer.answer_limits;
        let outcome =
            RetrieveOutcome::read(status, sub_operations, identifier.as_deref(), syntax, limits);
        self.outcome = Some(outcome);
        self.association.end_retrieve();
        Ok(None)
    }

    fn fail(&mut self, fault: AssociationFault) -> AssociationError {
        self.broken = true;
        self.association.poison(fault)
    }
}

impl Drop for MoveStream<'_> {
    fn drop(&mut self) {
        if self.outcome.is_none() && !self.broken {
            self.association.poison(AssociationFault::Poisoned);
        }
    }
}
