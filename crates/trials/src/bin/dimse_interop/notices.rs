//! Our side as a provider of the N-services: performed procedure steps, storage commitment, instance availability.

use telerad::dicom::dataset::DataSetLimits;
use telerad::dicom::{Status, Tag, uids};
use telerad::net::BoxFuture;
use telerad::net::dicom::{
    AssociationContext, ClientAssociation, CommitmentFailure, CommitmentRequest, CommitmentResult,
    EventReports, MoveDestination, NOperation, NReply, NRequest, SopReference, StepMessage,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::archive::{Archive, STEP_RETRIEVE};
use crate::ours::{IMPLICIT, contexts};
use crate::query;

/// Answers one request.
///
/// # Errors
/// The reply that the peer is to hear instead.
pub fn answer(
    archive: &Archive,
    context: &AssociationContext,
    request: &NRequest,
) -> Result<NReply, Box<NReply>> {
    match (request.sop_class_uid.as_str(), &request.operation) {
        (uids::MODALITY_PERFORMED_PROCEDURE_STEP, _) => step(archive, request),
        (STEP_RETRIEVE, NOperation::Get { attributes }) => step_of(archive, request, attributes),
        (uids::STORAGE_COMMITMENT_PUSH_MODEL, NOperation::Action { .. }) => {
            let asked = CommitmentRequest::read(request, DataSetLimits::default())?;
            commit(archive, context, request, &asked);
            Ok(Status::SUCCESS.into())
        }
        (uids::STORAGE_COMMITMENT_PUSH_MODEL, NOperation::EventReport { .. }) => {
            let result = CommitmentResult::read(request, DataSetLimits::default())?;
            archive.state().results.push(result);
            Ok(Status::SUCCESS.into())
        }
        (uids::INSTANCE_AVAILABILITY_NOTIFICATION, NOperation::Create) => {
            let notification = request.attributes(DataSetLimits::default())?;
            archive.state().notifications.push(notification);
            Ok(Status::SUCCESS.into())
        }
        _ => Err(Status::UNRECOGNIZED_OPERATION.into()),
    }
}

fn step(archive: &Archive, request: &NRequest) -> Result<NReply, Box<NReply>> {
    let message = StepMessage::read(request, DataSetLimits::default())?;
    let mut state = archive.state();
    let uid = request.sop_instance_uid.clone();
    let status = message.apply(state.steps.get(&uid).map(|(status, _)| *status))?;
    let changes = telerad::dicom::DataSet::from(message);
    let (before, attributes) =
        state.steps.entry(uid).or_insert_with(|| (status, telerad::dicom::DataSet::new()));
    *before = status;
    for tag in changes.tags() {
        match (changes.items(tag), changes.text(tag)) {
            (Some(items), _) => attributes.set_items(tag, items),
            (None, Some(text)) => attributes.set_text(tag, &text),
            (None, None) => {}
        }
    }
    Ok(Status::SUCCESS.into())
}

/// N-GET of a step.
fn step_of(
    archive: &Archive,
    request: &NRequest,
    attributes: &[Tag],
) -> Result<NReply, Box<NReply>> {
    let state = archive.state();
    let (_, step) =
        state.steps.get(&request.sop_instance_uid).ok_or(Status::NO_SUCH_SOP_INSTANCE)?;
    let mut asked = telerad::dicom::DataSet::new();
    for tag in attributes {
        asked.set_empty(*tag);
    }
    let found = if attributes.is_empty() { step.clone() } else { query::project(&asked, step) };
    let encoded = found.encode(&request.transfer_syntax_uid);
    let data_set = Some(encoded.map_err(|_| Status::PROCESSING_FAILURE)?.into());
    Ok(NReply { data_set, ..Status::SUCCESS.into() })
}

/// Decides what we answer for, and has it reported: on an association of our own to those who want that, else on the one
/// of the request.
fn commit(
    archive: &Archive,
    context: &AssociationContext,
    request: &NRequest,
    asked: &CommitmentRequest,
) {
    let mut state = archive.state();
    let is_here = |it: &SopReference| {
        state.samples.contains_key(&it.sop_instance_uid)
            || state.received.iter().any(|r| r.sample.sop_instance_uid == it.sop_instance_uid)
    };
    let (committed, missing) = asked.instances.iter().cloned().partition::<Vec<_>, _>(is_here);
    let failure =
        |instance| CommitmentFailure { instance, reason: Status::NO_SUCH_SOP_INSTANCE.code() };
    let result = CommitmentResult {
        transaction_uid: asked.transaction_uid.clone(),
        committed,
        failed: missing.into_iter().map(failure).collect(),
    };
    if let Some(to) = state.committed_apart.get(context.calling.as_str()).cloned() {
        tokio::task::spawn(report_apart(archive.clone(), to, result));
    } else if let Some(sender) = state.reporting.get_mut(&context.association_id)
        && let Ok(report) = result.report(&request.transfer_syntax_uid)
    {
        // Without a receiver the association is over, and the row that waits for the report says so.
        let _ = sender.send(report);
    }
}

async fn report_apart(archive: Archive, to: MoveDestination, result: CommitmentResult) {
    let mut peer = to.peer;
    peer.user.roles.push(CommitmentResult::reporting_role());
    let contexts = contexts(&[(uids::STORAGE_COMMITMENT_PUSH_MODEL, &[IMPLICIT])]);
    let report = result.report(IMPLICIT).expect("UIDs can be encoded");
    let Ok(mut association) = ClientAssociation::connect(&to.connector, &peer, contexts).await
    else {
        return;
    };
    if let Ok(reply) = association.n_service(&report).await {
        archive.state().report_statuses.push(reply.status);
        // Released or not, the report has been answered.
        let _ = association.release().await;
    }
}

/// The reports for one association.
pub struct Reports {
    archive: Archive,
    association_id: u64,
    waiting: UnboundedReceiver<NRequest>,
}

impl Reports {
    /// From now on, reports for this association come here.
    pub fn of(archive: &Archive, association_id: u64) -> Self {
        let (sender, waiting) = unbounded_channel();
        archive.state().reporting.insert(association_id, sender);
        Self { archive: archive.clone(), association_id, waiting }
    }
}

impl EventReports for Reports {
    fn next(&mut self) -> BoxFuture<'_, Option<NRequest>> {
        Box::pin(self.waiting.recv())
    }

    fn answered(&mut self, _: NRequest, reply: Option<NReply>) -> BoxFuture<'_, ()> {
        self.archive.state().report_statuses.extend(reply.map(|reply| reply.status));
        Box::pin(std::future::ready(()))
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        self.archive.state().reporting.remove(&self.association_id);
    }
}
