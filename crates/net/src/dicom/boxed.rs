//! The services of a [`Server`](super::Server), each behind `dyn`.
//!
//! The public traits return plain futures, so that an implementation is an `async fn`; these box them.

use std::sync::Arc;

use telerad_core::AeTitle;

use super::body::Body;
use super::context::AssociationContext;
use super::find_scp::{FindRequest, FindScp, Found};
use super::get_scp::{GetScp, Got};
use super::move_scp::{MoveScp, Planned};
use super::n_scp::{NReply, NRequest};
use super::n_service_scp::NServiceScp;
use super::reports::EventReports;
use super::retrieve::RetrieveRequest;
use super::store_scp::{StoreReply, StoreRequest, StoreScp};
use crate::BoxFuture;

pub(super) trait BoxedStore: Send + Sync {
    fn store(
        self: Arc<Self>,
        context: AssociationContext,
        request: StoreRequest,
        body: Body,
    ) -> BoxFuture<'static, StoreReply>;
}

impl<S: StoreScp> BoxedStore for S {
    fn store(
        self: Arc<Self>,
        context: AssociationContext,
        request: StoreRequest,
        body: Body,
    ) -> BoxFuture<'static, StoreReply> {
        Box::pin(async move { StoreScp::store(&*self, context, request, body).await })
    }
}

pub(super) trait BoxedFind: Send + Sync {
    fn find(
        self: Arc<Self>,
        context: AssociationContext,
        request: FindRequest,
    ) -> BoxFuture<'static, Found>;
}

impl<S: FindScp> BoxedFind for S {
    fn find(
        self: Arc<Self>,
        context: AssociationContext,
        request: FindRequest,
    ) -> BoxFuture<'static, Found> {
        Box::pin(async move { FindScp::find(&*self, context, request).await })
    }
}

pub(super) trait BoxedMove: Send + Sync {
    fn move_to(
        self: Arc<Self>,
        context: AssociationContext,
        request: RetrieveRequest,
        destination: AeTitle,
    ) -> BoxFuture<'static, Planned>;
}

impl<S: MoveScp> BoxedMove for S {
    fn move_to(
        self: Arc<Self>,
        context: AssociationContext,
        request: RetrieveRequest,
        destination: AeTitle,
    ) -> BoxFuture<'static, Planned> {
        Box::pin(async move { MoveScp::move_to(&*self, context, request, destination).await })
    }
}

pub(super) trait BoxedGet: Send + Sync {
    fn get(
        self: Arc<Self>,
        context: AssociationContext,
        request: RetrieveRequest,
    ) -> BoxFuture<'static, Got>;
}

impl<S: GetScp> BoxedGet for S {
    fn get(
        self: Arc<Self>,
        context: AssociationContext,
        request: RetrieveRequest,
    ) -> BoxFuture<'static, Got> {
        Box::pin(async move { GetScp::get(&*self, context, request).await })
    }
}

pub(super) trait BoxedNService: Send + Sync {
    fn n_service(
        self: Arc<Self>,
        context: AssociationContext,
        request: NRequest,
    ) -> BoxFuture<'static, NReply>;

    fn reports(&self, context: AssociationContext) -> Option<Box<dyn EventReports>>;
}

impl<S: NServiceScp> BoxedNService for S {
    fn n_service(
        self: Arc<Self>,
        context: AssociationContext,
        request: NRequest,
    ) -> BoxFuture<'static, NReply> {
        Box::pin(async move { NServiceScp::n_service(&*self, context, request).await })
    }

    fn reports(&self, context: AssociationContext) -> Option<Box<dyn EventReports>> {
        NServiceScp::reports(self, context)
    }
}
