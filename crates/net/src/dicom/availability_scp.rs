//! Taking notice of instances that can be had.

use std::future::Future;

use super::availability::AvailabilityNotification;
use super::context::AssociationContext;
use super::n_scp::{LateLimits, NReply, NRequest};
use super::n_service_scp::NServiceScp;

/// Takes Instance Availability Notifications (PS3.4 annex R).
pub trait AvailabilityScp: Send + Sync + 'static {
    /// Takes a notification. Success must mean that whatever is to follow from it will.
    ///
    /// `sop_instance_uid` names the notification; when it is empty, the sender has left that to us, and the reply shall
    /// name one (PS3.7 section 10.1.5).
    fn notify(
        &self,
        context: AssociationContext,
        sop_instance_uid: &str,
        notification: AvailabilityNotification,
    ) -> impl Future<Output = NReply> + Send;
}

/// Reads notifications for an [`AvailabilityScp`].
pub(super) struct Notices<S> {
    scp: S,
    limits: LateLimits,
}

impl<S: AvailabilityScp> Notices<S> {
    pub(super) fn new(scp: S, limits: LateLimits) -> Self {
        Self { scp, limits }
    }
}

impl<S: AvailabilityScp> NServiceScp for Notices<S> {
    async fn n_service(&self, context: AssociationContext, request: NRequest) -> NReply {
        match AvailabilityNotification::read(&request, self.limits.get()) {
            Ok(notice) => self.scp.notify(context, &request.sop_instance_uid, notice).await,
            Err(refusal) => *refusal,
        }
    }
}
