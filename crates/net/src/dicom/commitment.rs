//! What storage commitment says (PS3.4 annex J): a request by N-ACTION, and its result by N-EVENT-REPORT.
//!
//! The result can come in three ways, and a requestor should be ready for all of them: on the association of the request
//! ([`ClientAssociation::next_report`](super::ClientAssociation::next_report)); on a later association of the requestor
//! (the same; the provider's [`CommitmentScp::reports`](super::CommitmentScp::reports) waits for it to come); or on one
//! that the provider opens, proposing to be the provider, and that the requestor's server takes
//! ([`CommitmentScu`](super::CommitmentScu)).

use std::collections::BTreeSet;

use telerad_dicom::dataset::{DataSet, DataSetError, DataSetLimits};
use telerad_dicom::{Status, tags, uids};
use telerad_dimse::{AcceptedContext, RoleSelection, Roles, UserItems};

use super::n_scp::{NOperation, NRequest};

/// An instance, by class and name.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SopReference {
    /// The SOP class.
    pub sop_class_uid: String,
    /// The instance.
    pub sop_instance_uid: String,
}

impl SopReference {
    /// The item of a sequence that names it.
    pub(super) fn item(&self) -> DataSet {
        let mut item = DataSet::new();
        item.set_text(tags::REFERENCED_SOP_CLASS_UID, &self.sop_class_uid);
        item.set_text(tags::REFERENCED_SOP_INSTANCE_UID, &self.sop_instance_uid);
        item
    }
}

/// "Take responsibility for these" (PS3.4 section J.3.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CommitmentRequest {
    /// Names the transaction; the result repeats it.
    pub transaction_uid: String,
    /// What is to be kept safe.
    pub instances: Vec<SopReference>,
}

/// What the provider took responsibility for (PS3.4 section J.3.3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CommitmentResult {
    /// The transaction of the request.
    pub transaction_uid: String,
    /// What is safe.
    pub committed: Vec<SopReference>,
    /// What is not.
    pub failed: Vec<CommitmentFailure>,
}

/// An instance that the provider does not answer for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CommitmentFailure {
    /// Which instance.
    pub instance: SopReference,
    /// Failure Reason (0008,1197): 0110H, 0112H, 0119H, 0122H, 0131H or 0213H (PS3.3 section C.14).
    pub reason: u16,
}

impl CommitmentRequest {
    /// The N-ACTION that asks this, encoded for `transfer_syntax_uid`.
    ///
    /// # Errors
    /// When the data set cannot be encoded.
    pub fn action(&self, transfer_syntax_uid: &str) -> Result<NRequest, DataSetError> {
        let mut information = DataSet::new();
        information.set_text(tags::TRANSACTION_UID, &self.transaction_uid);
        information.set_items(tags::REFERENCED_SOP_SEQUENCE, items(&self.instances));
        message(NOperation::Action { action_type_id: 1 }, &information, transfer_syntax_uid)
    }

    /// Reads an N-ACTION.
    ///
    /// # Errors
    /// The status that the requestor is to hear.
    pub fn read(request: &NRequest, limits: DataSetLimits) -> Result<Self, Status> {
        check_instance(request)?;
        match request.operation {
            NOperation::Action { action_type_id: 1 } => {}
            NOperation::Action { .. } => return Err(Status::NO_SUCH_ACTION_TYPE),
            _ => return Err(Status::UNRECOGNIZED_OPERATION),
        }
        let information = request.attributes(limits)?;
        let transaction_uid = text(&information, tags::TRANSACTION_UID)?;
        let instances = references(&information, tags::REFERENCED_SOP_SEQUENCE)?;
        if instances.is_empty() {
            return Err(Status::INVALID_ARGUMENT_VALUE);
        }
        Ok(Self { transaction_uid, instances })
    }

    /// Whether a result answers this request in full: the same transaction, and each instance exactly once. What a
    /// result does not mention is not safe.
    pub fn is_answered_by(&self, result: &CommitmentResult) -> bool {
        let failed = result.failed.iter().map(|failure| &failure.instance);
        let answered: Vec<&SopReference> = result.committed.iter().chain(failed).collect();
        let distinct: BTreeSet<&SopReference> = answered.iter().copied().collect();
        let asked: BTreeSet<&SopReference> = self.instances.iter().collect();
        self.transaction_uid == result.transaction_uid
            && distinct.len() == answered.len()
            && distinct == asked
    }
}

impl CommitmentResult {
    /// The N-EVENT-REPORT that says this: type 1 when all is safe, else type 2.
    ///
    /// # Errors
    /// When the data set cannot be encoded.
    pub fn report(&self, transfer_syntax_uid: &str) -> Result<NRequest, DataSetError> {
        let mut information = DataSet::new();
        information.set_text(tags::TRANSACTION_UID, &self.transaction_uid);
        if !self.committed.is_empty() {
            information.set_items(tags::REFERENCED_SOP_SEQUENCE, items(&self.committed));
        }
        let event_type_id = if self.failed.is_empty() { 1 } else { 2 };
        if !self.failed.is_empty() {
            let failures = self.failed.iter().map(|failure| {
                let mut item = failure.instance.item();
                item.set_text(tags::FAILURE_REASON, &failure.reason.to_string());
                item
            });
            information.set_items(tags::FAILED_SOP_SEQUENCE, failures.collect());
        }
        message(NOperation::EventReport { event_type_id }, &information, transfer_syntax_uid)
    }

    /// Reads an N-EVENT-REPORT.
    ///
    /// # Errors
    /// The status that the provider is to hear.
    pub fn read(request: &NRequest, limits: DataSetLimits) -> Result<Self, Status> {
        check_instance(request)?;
        match request.operation {
            NOperation::EventReport { event_type_id: 1 | 2 } => {}
            NOperation::EventReport { .. } => return Err(Status::NO_SUCH_EVENT_TYPE),
            _ => return Err(Status::UNRECOGNIZED_OPERATION),
        }
        let information = request.attributes(limits)?;
        let failures = information.items_ref(tags::FAILED_SOP_SEQUENCE).unwrap_or_default();
        let failed = failures.iter().map(|item| {
            let reason = item.text(tags::FAILURE_REASON).and_then(|it| it.trim().parse().ok());
            // Without a reason it has failed all the same.
            let reason = reason.unwrap_or(Status::PROCESSING_FAILURE.code());
            Ok(CommitmentFailure { instance: reference(item)?, reason })
        });
        Ok(Self {
            transaction_uid: text(&information, tags::TRANSACTION_UID)?,
            committed: references(&information, tags::REFERENCED_SOP_SEQUENCE)?,
            failed: failed.collect::<Result<_, Status>>()?,
        })
    }

    /// The role to propose on an association that is opened to report: ours is the provider's (PS3.4 section J.3.3).
    pub fn reporting_role() -> RoleSelection {
        let sop_class_uid = uids::STORAGE_COMMITMENT_PUSH_MODEL.to_owned();
        RoleSelection { sop_class_uid, roles: Roles::SCP }
    }
}

/// Who says nothing about the roles of storage commitment may report all the same, and be reported to: many providers open
/// an association for their result and propose no role, and many requestors answer none (PS3.4 section J.3.3). `said` is
/// what the peer proposed or answered.
pub(super) fn with_silent_roles(
    mut contexts: Vec<AcceptedContext>,
    said: &UserItems,
) -> Vec<AcceptedContext> {
    if said.roles_of(uids::STORAGE_COMMITMENT_PUSH_MODEL).is_none() {
        let push_model =
            |it: &&mut AcceptedContext| it.abstract_syntax == uids::STORAGE_COMMITMENT_PUSH_MODEL;
        contexts.iter_mut().filter(push_model).for_each(|it| it.roles = Roles::BOTH);
    }
    contexts
}

fn message(
    operation: NOperation,
    information: &DataSet,
    transfer_syntax_uid: &str,
) -> Result<NRequest, DataSetError> {
    Ok(NRequest {
        sop_class_uid: uids::STORAGE_COMMITMENT_PUSH_MODEL.to_owned(),
        sop_instance_uid: uids::STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE.to_owned(),
        operation,
        data_set: Some(information.encode(transfer_syntax_uid)?.into()),
        transfer_syntax_uid: transfer_syntax_uid.to_owned(),
    })
}

fn check_instance(request: &NRequest) -> Result<(), Status> {
    if request.sop_class_uid != uids::STORAGE_COMMITMENT_PUSH_MODEL {
        return Err(Status::SOP_CLASS_NOT_SUPPORTED);
    }
    match request.sop_instance_uid == uids::STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE {
        true => Ok(()),
        false => Err(Status::NO_SUCH_SOP_INSTANCE),
    }
}

fn items(instances: &[SopReference]) -> Vec<DataSet> {
    instances.iter().map(SopReference::item).collect()
}

fn references(set: &DataSet, sequence: telerad_dicom::Tag) -> Result<Vec<SopReference>, Status> {
    set.items_ref(sequence).unwrap_or_default().iter().map(reference).collect()
}

fn reference(item: &DataSet) -> Result<SopReference, Status> {
    Ok(SopReference {
        sop_class_uid: text(item, tags::REFERENCED_SOP_CLASS_UID)?,
        sop_instance_uid: text(item, tags::REFERENCED_SOP_INSTANCE_UID)?,
    })
}

fn text(set: &DataSet, tag: telerad_dicom::Tag) -> Result<String, Status> {
    set.text(tag).filter(|text| !text.is_empty()).ok_or(Status::INVALID_ARGUMENT_VALUE)
}
