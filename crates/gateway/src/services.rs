//! The gateway as a service class provider: who may associate, and what is answered.

use std::sync::Arc;

use telerad_dicom::{Status, uids};
use telerad_dimse::{AssociateRequest, ContextResult, Rejection};
use telerad_net::dicom::{
    AssociationContext, Body, FindAnswers, FindRequest, NReply, NRequest, Offers, Services,
    StoreReply, StoreRequest, is_storable, negotiate,
};
use telerad_net::{BoxFuture, Remote, Shutdown};

use crate::configuration::Service;
use crate::state::State;
use crate::watermarks::Room;
use crate::{intake, modality_worklist, performed};

/// Hands each service to its flow.
pub(crate) struct Provider {
    pub(crate) state: Arc<State>,
    pub(crate) shutdown: Shutdown,
}

impl Provider {
    /// Whether the caller could send instances. Verification and worklist need no room, and a modality that is served
    /// no worklist would make up its patients.
    fn is_for_storage(&self, request: &AssociateRequest) -> bool {
        let caller = self.state.directory.caller(&request.calling);
        caller.is_some_and(|caller| caller.may(Service::Store))
            && request.contexts.iter().any(|context| is_storable(&context.abstract_syntax))
    }
}

impl Services for Provider {
    fn admit(&self, request: &AssociateRequest, remote: &Remote) -> Result<(), Rejection> {
        let state = &self.state;
        let refusal = if request.called != state.configuration.dicom.ae_title {
            Rejection::CALLED_AE_NOT_RECOGNIZED
        } else if state.directory.caller(&request.calling).is_none() {
            Rejection::CALLING_AE_NOT_RECOGNIZED
        } else if let Err(reason) = state.directory.entitles_caller(&request.calling, remote) {
            // The peer is told no more than a stranger is.
            tracing::warn!(calling = %request.calling, peer = %remote, "{reason}");
            Rejection::CALLING_AE_NOT_RECOGNIZED
        } else if state.watermarks.room() == Room::None && self.is_for_storage(request) {
            let cause = state.watermarks.cause();
            tracing::warn!(calling = %request.calling, peer = %remote, "no room: {cause}");
            // It may come again: nothing is wrong with it.
            Rejection::TEMPORARY_CONGESTION
        } else {
            return Ok(());
        };
        tracing::warn!(
            calling = %request.calling, called = %request.called, peer = %remote,
            "association rejected: {refusal}"
        );
        Err(refusal)
    }

    fn negotiate(&self, request: &AssociateRequest) -> Vec<(u8, ContextResult)> {
        let caller = self.state.directory.caller(&request.calling);
        let may = |service| caller.is_some_and(|caller| caller.may(service));
        let offers = Offers {
            storage: may(Service::Store),
            worklist: may(Service::Worklist),
            performed_steps: may(Service::Mpps),
        };
        negotiate(request, offers)
    }

    fn store(
        &self,
        context: AssociationContext,
        request: StoreRequest,
        body: Body,
    ) -> BoxFuture<'static, StoreReply> {
        let (state, shutdown) = (Arc::clone(&self.state), self.shutdown.clone());
        Box::pin(intake::store(state, shutdown, context, request, body))
    }

    fn find(
        &self,
        context: AssociationContext,
        request: FindRequest,
    ) -> BoxFuture<'static, Result<Box<dyn FindAnswers>, Status>> {
        let state = Arc::clone(&self.state);
        Box::pin(async move { modality_worklist::find(&state, &context, request).await })
    }

    fn n_service(
        &self,
        context: AssociationContext,
        abstract_syntax: &str,
        request: NRequest,
    ) -> BoxFuture<'static, NReply> {
        if abstract_syntax != uids::MODALITY_PERFORMED_PROCEDURE_STEP {
            return Box::pin(std::future::ready(Status::SOP_CLASS_NOT_SUPPORTED.into()));
        }
        let state = Arc::clone(&self.state);
        Box::pin(async move { performed::serve(&state, &context, request).await })
    }
}
