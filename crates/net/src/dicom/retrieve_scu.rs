//! What the answers to C-MOVE and C-GET have in common for the side that asked.

use telerad_dicom::dataset::{DataSet, DataSetLimits};
use telerad_dicom::{Status, tags};
use telerad_dimse::{AcceptedContext, Command, SubOperations};

use super::client::ClientAssociation;
use super::error::{AssociationError, AssociationFault};

/// How a C-MOVE or C-GET ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RetrieveOutcome {
    /// The final status (PS3.4 tables C.4-2 and C.4-3).
    pub status: Status,
    /// The counts of the final response.
    pub sub_operations: SubOperations,
    /// The SOP instances that the peer names as failed; it may leave some or all out.
    pub failed: Vec<String>,
}

impl RetrieveOutcome {
    pub(super) fn read(
        status: Status,
        sub_operations: SubOperations,
        identifier: Option<&[u8]>,
        transfer_syntax_uid: &str,
        limits: DataSetLimits,
    ) -> Self {
        // The outcome counts even when its list cannot be read.
        let list = identifier
            .and_then(|bytes| DataSet::decode(bytes, transfer_syntax_uid, limits).ok())
            .and_then(|identifier| identifier.text(tags::FAILED_SOP_INSTANCE_UID_LIST))
            .unwrap_or_default();
        let uids = list.split('\\').map(|uid| uid.trim_matches(['\0', ' ']));
        let failed = uids.filter(|uid| !uid.is_empty()).map(str::to_owned).collect();
        Self { status, sub_operations, failed }
    }
}

/// A C-MOVE or C-GET that was asked for. Dropped before its end, it aborts the association.
#[derive(Debug)]
pub(super) struct Retrieving<'a> {
    pub(super) association: &'a mut ClientAssociation,
    pub(super) message_id: u16,
    context: AcceptedContext,
    outcome: Option<RetrieveOutcome>,
    broken: bool,
}

impl<'a> Retrieving<'a> {
    pub(super) fn new(
        association: &'a mut ClientAssociation,
        context: AcceptedContext,
        message_id: u16,
    ) -> Self {
        Self { association, message_id, context, outcome: None, broken: false }
    }

    /// Tells the peer that the rest is not wanted (C-CANCEL).
    pub(super) async fn cancel(&mut self) -> Result<(), AssociationError> {
        if self.is_over() {
            return Ok(());
        }
        let command = Command::CancelRq { message_id: self.message_id };
        let said = self.association.say(self.context.id, &command, None).await;
        said.map_err(|fault| self.fail(fault))
    }

    /// The final response has come, with this list of failed instances.
    pub(super) fn end(
        &mut self,
        status: Status,
        sub_operations: SubOperations,
        identifier: Option<&[u8]>,
    ) {
        let syntax = &self.context.transfer_syntax;
        let limits = self.association.peer.answer_limits;
        let outcome = RetrieveOutcome::read(status, sub_operations, identifier, syntax, limits);
        self.outcome = Some(outcome);
        self.association.end_retrieve();
    }

    pub(super) fn fail(&mut self, fault: AssociationFault) -> AssociationError {
        self.broken = true;
        self.association.poison(fault)
    }

    pub(super) fn into_outcome(mut self) -> Result<RetrieveOutcome, AssociationError> {
        let outcome = self.outcome.take();
        self.broken = true;
        outcome.ok_or_else(|| self.association.peer.error(AssociationFault::Poisoned))
    }

    pub(super) fn is_over(&self) -> bool {
        self.outcome.is_some() || self.broken
    }

    pub(super) fn outcome(&self) -> Option<&RetrieveOutcome> {
        self.outcome.as_ref()
    }
}

impl Drop for Retrieving<'_> {
    fn drop(&mut self) {
        if !self.is_over() {
            self.association.poison(AssociationFault::Poisoned);
        }
    }
}
