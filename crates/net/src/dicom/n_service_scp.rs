//! N-services as a service of a server.

use std::future::Future;

use super::context::AssociationContext;
use super::n_scp::{NReply, NRequest};
use super::reports::EventReports;

/// Performs N-services of one or more SOP classes, and takes notifications of them.
pub trait NServiceScp: Send + Sync + 'static {
    /// Performs one request. The SOP class that it names need not be that of its presentation context: some services
    /// have several (PS3.4 annexes H and CC).
    fn n_service(
        &self,
        context: AssociationContext,
        request: NRequest,
    ) -> impl Future<Output = NReply> + Send;

    /// What is to be reported to this peer, which has opened an association with one of the SOP classes. By default
    /// nothing.
    fn reports(&self, context: AssociationContext) -> Option<Box<dyn EventReports>> {
        let _ = context;
        None
    }
}
