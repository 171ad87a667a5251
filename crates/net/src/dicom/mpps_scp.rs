//! Taking performed procedure steps in, in their order.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use telerad_dicom::Status;
use telerad_dicom::dataset::DataSet;

use super::context::AssociationContext;
use super::mpps::{StepMessage, StepStatus};
use super::n_scp::{LateLimits, NReply, NRequest};
use super::n_service_scp::NServiceScp;

/// Takes performed procedure steps from modalities (PS3.4 section F.7).
///
/// The library asks where a step stands, decides by [`StepMessage::apply`] whether the message may come now, and hands on
/// only those that may. What concerns one step happens one after the other, on however many associations of one server
/// it comes.
pub trait MppsScp: Send + Sync + 'static {
    /// Where the step stands; `None` when it is not known.
    ///
    /// # Errors
    /// The future yields the status that the modality is to hear, such as [`Status::PROCESSING_FAILURE`] when this cannot
    /// be told now.
    fn status_of(
        &self,
        context: AssociationContext,
        sop_instance_uid: &str,
    ) -> impl Future<Output = Result<Option<StepStatus>, Status>> + Send;

    /// A step that was not known begins. Success must mean that it is durable.
    fn create(
        &self,
        context: AssociationContext,
        step: PerformedStep,
    ) -> impl Future<Output = NReply> + Send;

    /// A step in progress changes, or ends. Success must mean that this is durable.
    fn set(
        &self,
        context: AssociationContext,
        step: PerformedStep,
    ) -> impl Future<Output = NReply> + Send;
}

/// A performed procedure step, or what changes in one.
#[derive(Clone, Debug)]
pub struct PerformedStep {
    /// The step's SOP Instance UID.
    pub sop_instance_uid: String,
    /// Where the step stands after this.
    pub status: StepStatus,
    /// The attributes that were sent: all of them, or those that change, sequences whole.
    pub attributes: DataSet,
    /// The request as it came, for whoever passes it on.
    pub request: NRequest,
}

/// The guard before an [`MppsScp`].
pub(super) struct Steps<M> {
    scp: M,
    limits: LateLimits,
    turns: Turns,
}

impl<M: MppsScp> Steps<M> {
    pub(super) fn new(scp: M, limits: LateLimits) -> Self {
        Self { scp, limits, turns: Turns::default() }
    }

    async fn apply(
        &self,
        context: AssociationContext,
        request: NRequest,
    ) -> Result<NReply, Box<NReply>> {
        let message = StepMessage::read(&request, self.limits.get())?;
        let turn = self.turns.of(&request.sop_instance_uid);
        let _turn = turn.lock().await;
        let before = self.scp.status_of(context.clone(), &request.sop_instance_uid).await?;
        let status = message.apply(before)?;
        let begins = matches!(message, StepMessage::Create { .. });
        let (sop_instance_uid, attributes) = (request.sop_instance_uid.clone(), message.into());
        let step = PerformedStep { sop_instance_uid, status, attributes, request };
        Ok(match begins {
            true => self.scp.create(context, step).await,
            false => self.scp.set(context, step).await,
        })
    }
}

impl<M: MppsScp> NServiceScp for Steps<M> {
    async fn n_service(&self, context: AssociationContext, request: NRequest) -> NReply {
        self.apply(context, request).await.unwrap_or_else(|refusal| *refusal)
    }
}

/// Whose turn it is, step by step. A step that nobody works on takes no room.
#[derive(Default)]
struct Turns(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    fn of(&self, sop_instance_uid: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = turns.get(sop_instance_uid).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        turns.insert(sop_instance_uid.to_owned(), Arc::downgrade(&turn));
        turn
    }
}
