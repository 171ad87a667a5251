//! Our side as a provider of the N-services: performed procedure steps, storage commitment, instance availability.

use std::time::Duration;

use telerad::dicom::dataset::DataSet;
use telerad::dicom::{Status, uids};
use telerad::net::BoxFuture;
use telerad::net::dicom::{
    AssociationContext, AvailabilityNotification, AvailabilityScp, ClientAssociation,
    CommitmentFailure, CommitmentRequest, CommitmentResult, CommitmentScp, CommitmentScu,
    EventReports, MoveDestination, MppsScp, NOperation, NReply, NRequest, NServiceScp,
    PerformedStep, SopReference, StepStatus,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::archive::Archive;
use crate::ours::{IMPLICIT, contexts};
use crate::query;

impl MppsScp for Archive {
    async fn status_of(
        &self,
        _: AssociationContext,
        sop_instance_uid: &str,
    ) -> Result<Option<StepStatus>, Status> {
        Ok(self.state().steps.get(sop_instance_uid).map(|(status, _)| *status))
    }

    async fn create(&self, _: AssociationContext, step: PerformedStep) -> NReply {
        self.state().steps.insert(step.sop_instance_uid, (step.status, step.attributes));
        Status::SUCCESS.into()
    }

    async fn set(&self, _: AssociationContext, step: PerformedStep) -> NReply {
        let mut state = self.state();
        let Some((status, attributes)) = state.steps.get_mut(&step.sop_instance_uid) else {
            return Status::NO_SUCH_SOP_INSTANCE.into();
        };
        *status = step.status;
        let changes = step.attributes;
        for tag in changes.tags() {
            match (changes.items(tag), changes.text(tag)) {
                (Some(items), _) => attributes.set_items(tag, items),
                (None, Some(text)) => attributes.set_text(tag, &text),
                (None, None) => {}
            }
        }
        Status::SUCCESS.into()
    }
}

/// N-GET of a performed procedure step.
impl NServiceScp for Archive {
    async fn n_service(&self, _: AssociationContext, request: NRequest) -> NReply {
        let NOperation::Get { attributes } = &request.operation else {
            return Status::UNRECOGNIZED_OPERATION.into();
        };
        let state = self.state();
        let Some((_, step)) = state.steps.get(&request.sop_instance_uid) else {
            return Status::NO_SUCH_SOP_INSTANCE.into();
        };
        let mut asked = DataSet::new();
        for tag in attributes {
            asked.set_empty(*tag);
        }
        let found = if attributes.is_empty() { step.clone() } else { query::project(&asked, step) };
        match found.encode(&request.transfer_syntax_uid) {
            Ok(encoded) => NReply { data_set: Some(encoded.into()), ..Status::SUCCESS.into() },
            Err(_) => Status::PROCESSING_FAILURE.into(),
        }
    }
}

impl CommitmentScp for Archive {
    /// Has the result reported: on an association of our own or on a later one of theirs to those who want that, else on
    /// the one of the request.
    async fn commit(&self, context: AssociationContext, request: CommitmentRequest) -> Status {
        let mut state = self.state();
        let is_here = |it: &SopReference| {
            let uid = &it.sop_instance_uid;
            state.samples.contains_key(uid)
                || state.received.iter().any(|it| &it.sample.sop_instance_uid == uid)
        };
        let (committed, missing) = request.instances.into_iter().partition::<Vec<_>, _>(is_here);
        let reason = Status::NO_SUCH_SOP_INSTANCE.code();
        let failure = |instance| CommitmentFailure { instance, reason };
        let result = CommitmentResult {
            transaction_uid: request.transaction_uid,
            committed,
            failed: missing.into_iter().map(failure).collect(),
        };
        let calling = context.calling.as_str();
        let report = result.report(IMPLICIT).expect("UIDs can be encoded");
        if let Some(to) = state.committed_apart.get(calling).cloned() {
            tokio::task::spawn(report_apart(self.clone(), to, report));
        } else if let Some(waiting) = state.committed_later.get_mut(calling) {
            waiting.push(report);
        } else if let Some(sender) = state.reporting.get_mut(&context.association_id) {
            // Without a receiver the association is over, and the row that waits for the report says so.
            let _ = sender.send(report);
        }
        Status::SUCCESS
    }

    fn reports(&self, context: AssociationContext) -> Option<Box<dyn EventReports>> {
        Some(Box::new(Reports::of(self, &context)))
    }
}

impl CommitmentScu for Archive {
    async fn result(&self, _: AssociationContext, result: CommitmentResult) -> Status {
        self.state().results.push(result);
        Status::SUCCESS
    }
}

impl AvailabilityScp for Archive {
    async fn notify(
        &self,
        _: AssociationContext,
        _: &str,
        notification: AvailabilityNotification,
    ) -> NReply {
        self.state().notifications.push(notification);
        Status::SUCCESS.into()
    }
}

async fn report_apart(archive: Archive, to: MoveDestination, report: NRequest) {
    let mut peer = to.peer;
    peer.user.roles.push(CommitmentResult::reporting_role());
    let contexts = contexts(&[(uids::STORAGE_COMMITMENT_PUSH_MODEL, &[IMPLICIT])]);
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
    settled: bool,
}

impl Reports {
    /// From now on, reports for this association come here, and at once those that have waited for it.
    pub fn of(archive: &Archive, context: &AssociationContext) -> Self {
        let (sender, waiting) = unbounded_channel();
        let (mut state, association_id) = (archive.state(), context.association_id);
        let before = state.committed_later.get_mut(context.calling.as_str());
        for report in before.into_iter().flat_map(std::mem::take) {
            // The receiver is here.
            let _ = sender.send(report);
        }
        state.reporting.insert(association_id, sender);
        drop(state);
        Self { archive: archive.clone(), association_id, waiting, settled: false }
    }
}

impl EventReports for Reports {
    fn next(&mut self) -> BoxFuture<'_, Option<NRequest>> {
        Box::pin(async {
            // A requestor of pynetdicom that is told something before it has noted which contexts were accepted aborts.
            if !self.settled {
                tokio::time::sleep(SETTLING).await;
                self.settled = true;
            }
            self.waiting.recv().await
        })
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

/// What a requestor gets to take in that it is associated.
const SETTLING: Duration = Duration::from_millis(200);
