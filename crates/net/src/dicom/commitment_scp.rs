//! Storage commitment as services of a server: the provider's, and the requestor's that waits for results.

use std::future::Future;
use std::sync::Arc;

use telerad_dicom::Status;
use telerad_dicom::dataset::DataSetLimits;
use telerad_dimse::Roles;

use super::commitment::{CommitmentRequest, CommitmentResult};
use super::context::AssociationContext;
use super::n_scp::{NOperation, NReply, NRequest};
use super::n_service_scp::NServiceScp;
use super::reports::EventReports;
use crate::BoxFuture;

/// Takes responsibility for instances (PS3.4 section J.3.2).
pub trait CommitmentScp: Send + Sync + 'static {
    /// Takes the request; the result follows later. Success must mean that the request is durable.
    ///
    /// The result can be told on this association or a later one of the requestor, by [`CommitmentScp::reports`]; or on
    /// one that we open, with [`CommitmentResult::report`] and the role of [`CommitmentResult::reporting_role`].
    fn commit(
        &self,
        context: AssociationContext,
        request: CommitmentRequest,
    ) -> impl Future<Output = Status> + Send;

    /// Results for this peer, which has opened an association with storage commitment. By default none are told this way.
    fn reports(&self, context: AssociationContext) -> Option<Box<dyn EventReports>> {
        let _ = context;
        None
    }
}

/// Takes the results of requests that we made (PS3.4 section J.3.3).
pub trait CommitmentScu: Send + Sync + 'static {
    /// Takes a result; [`CommitmentRequest::is_answered_by`] says whether it answers a request in full. Success must mean
    /// that it is durable: the provider may forget it then.
    fn result(
        &self,
        context: AssociationContext,
        result: CommitmentResult,
    ) -> impl Future<Output = Status> + Send;
}

/// Both sides, as far as they are there.
#[derive(Default)]
pub(super) struct Commitment {
    provider: Option<Arc<dyn BoxedProvider>>,
    requestor: Option<Arc<dyn BoxedRequestor>>,
    limits: DataSetLimits,
}

impl Commitment {
    pub(super) fn provide(&mut self, scp: impl CommitmentScp) {
        self.provider = Some(Arc::new(scp));
    }

    pub(super) fn listen(&mut self, scu: impl CommitmentScu) {
        self.requestor = Some(Arc::new(scu));
    }

    pub(super) fn limited(self, limits: DataSetLimits) -> Self {
        Self { limits, ..self }
    }

    /// What the requestor of an association may be.
    pub(super) fn requestor_roles(&self) -> Roles {
        Roles { scu: self.provider.is_some(), scp: self.requestor.is_some() }
    }

    async fn answer(
        &self,
        context: AssociationContext,
        request: NRequest,
    ) -> Result<Status, Status> {
        match (&request.operation, &self.provider, &self.requestor) {
            (NOperation::Action { .. }, Some(provider), _) => {
                let request = CommitmentRequest::read(&request, self.limits)?;
                Ok(Arc::clone(provider).commit(context, request).await)
            }
            (NOperation::EventReport { .. }, _, Some(requestor)) => {
                let result = CommitmentResult::read(&request, self.limits)?;
                Ok(Arc::clone(requestor).result(context, result).await)
            }
            _ => Err(Status::UNRECOGNIZED_OPERATION),
        }
    }
}

impl NServiceScp for Commitment {
    async fn n_service(&self, context: AssociationContext, request: NRequest) -> NReply {
        self.answer(context, request).await.unwrap_or_else(|status| status).into()
    }

    fn reports(&self, context: AssociationContext) -> Option<Box<dyn EventReports>> {
        self.provider.as_ref()?.reports(context)
    }
}

trait BoxedProvider: Send + Sync {
    fn commit(
        self: Arc<Self>,
        context: AssociationContext,
        request: CommitmentRequest,
    ) -> BoxFuture<'static, Status>;

    fn reports(&self, context: AssociationContext) -> Option<Box<dyn EventReports>>;
}

impl<S: CommitmentScp> BoxedProvider for S {
    fn commit(
        self: Arc<Self>,
        context: AssociationContext,
        request: CommitmentRequest,
    ) -> BoxFuture<'static, Status> {
        Box::pin(async move { CommitmentScp::commit(&*self, context, request).await })
    }

    fn reports(&self, context: AssociationContext) -> Option<Box<dyn EventReports>> {
        CommitmentScp::reports(self, context)
    }
}

trait BoxedRequestor: Send + Sync {
    fn result(
        self: Arc<Self>,
        context: AssociationContext,
        result: CommitmentResult,
    ) -> BoxFuture<'static, Status>;
}

impl<S: CommitmentScu> BoxedRequestor for S {
    fn result(
        self: Arc<Self>,
        context: AssociationContext,
        result: CommitmentResult,
    ) -> BoxFuture<'static, Status> {
        Box::pin(async move { CommitmentScu::result(&*self, context, result).await })
    }
}
