//! What an acceptor offers to those who call.

use telerad_core::AeTitle;
use telerad_dicom::{Status, uids};
use telerad_dimse::{AcceptedContext, AssociateRequest, ContextResult, Rejection, UserItems};

use super::body::Body;
use super::context::AssociationContext;
use super::find_scp::{FindAnswers, FindRequest};
use super::move_scp::MovePlan;
use super::n_scp::{NReply, NRequest};
use super::negotiation::{Offers, grant_receiving, is_storable, negotiate};
use super::reports::EventReports;
use super::retrieve::{Retrieval, RetrieveRequest};
use super::store_scp::{StoreReply, StoreRequest};
use crate::{BoxFuture, Remote};

/// The services of a DICOM server, and its door, in one piece: what every association asks.
///
/// Most servers are better put together as a [`Server`](super::Server), which is an implementation of this. By hand, what
/// is negotiated has to be kept in step with what is answered.
///
/// C-ECHO needs no code: it is answered on every context of the Verification SOP class.
pub trait Services: Send + Sync + 'static {
    /// Decides whether this caller may associate at all.
    ///
    /// An AE title is a claim that anybody can make. With TLS and client certificates the remote has proved who it is;
    /// [`CertificatePolicy`](crate::tls::CertificatePolicy) says which titles that entitles it to.
    ///
    /// # Errors
    /// The rejection that the caller is to hear.
    fn admit(&self, request: &AssociateRequest, remote: &Remote) -> Result<(), Rejection>;

    /// Answers each proposed presentation context. By default: verification, every storage class in the first
    /// proposed transfer syntax, and the modality worklist.
    fn negotiate(&self, request: &AssociateRequest) -> Vec<(u8, ContextResult)> {
        negotiate(request, Offers::STORAGE_AND_WORKLIST)
    }

    /// Answers roles, window, extended negotiation and identity. By default a requestor that wants to be the provider
    /// of a storage class, for C-GET, is granted that; nothing else. What a window means,
    /// [`Door::answer_items`](super::Door::answer_items) says.
    fn answer_items(&self, request: &AssociateRequest) -> UserItems {
        grant_receiving(request)
    }

    /// Whether requests of this service may come on a context of this SOP class; others are refused before they reach the
    /// service. By default the name of the class decides.
    fn serves(&self, service: DimseService, sop_class_uid: &str) -> bool {
        is_served_by_name(service, sop_class_uid)
    }

    /// Receives one instance (C-STORE). Whatever is answered here is what the peer hears, so success must mean that
    /// the instance is durable.
    ///
    /// The future may end before the body does, for instance with a refusal; the rest is then read and thrown away
    /// before the peer hears the answer, because most senders listen only after they have sent everything.
    fn store(
        &self,
        context: AssociationContext,
        request: StoreRequest,
        body: Body,
    ) -> BoxFuture<'static, StoreReply>;

    /// Answers one query (C-FIND) with a stream of matches, each asked for when the peer has room for it.
    ///
    /// By default there is nothing to query: `SOP_CLASS_NOT_SUPPORTED`. The future, and the stream after it, are
    /// dropped when the peer cancels (PS3.4 section C.4.1.3.2) or leaves.
    ///
    /// # Errors
    /// The future yields the status that the peer is to hear instead of matches.
    fn find(
        &self,
        context: AssociationContext,
        request: FindRequest,
    ) -> BoxFuture<'static, Result<Box<dyn FindAnswers>, Status>> {
        let _ = (context, request);
        Box::pin(std::future::ready(Err(Status::SOP_CLASS_NOT_SUPPORTED)))
    }

    /// Plans one C-MOVE: which instances go to `destination`, and how it is reached. The library sends them, counts, and
    /// stops when the peer cancels (PS3.4 section C.4.2).
    ///
    /// By default there is nothing to move: `SOP_CLASS_NOT_SUPPORTED`.
    ///
    /// # Errors
    /// The future yields the status that the peer is to hear instead: `MOVE_DESTINATION_UNKNOWN`,
    /// `DATA_SET_DOES_NOT_MATCH`, `UNABLE_TO_CALCULATE_MATCHES`. That nothing matches is not one of them.
    fn move_to(
        &self,
        context: AssociationContext,
        request: RetrieveRequest,
        destination: AeTitle,
    ) -> BoxFuture<'static, Result<MovePlan, Status>> {
        let _ = (context, request, destination);
        Box::pin(std::future::ready(Err(Status::SOP_CLASS_NOT_SUPPORTED)))
    }

    /// Finds the instances for one C-GET. The library sends them back on the same association, counts, and stops when
    /// the peer cancels (PS3.4 section C.4.3).
    ///
    /// By default there is nothing to get: `SOP_CLASS_NOT_SUPPORTED`.
    ///
    /// # Errors
    /// The future yields the status that the peer is to hear instead, as for [`Services::move_to`].
    fn get(
        &self,
        context: AssociationContext,
        request: RetrieveRequest,
    ) -> BoxFuture<'static, Result<Retrieval, Status>> {
        let _ = (context, request);
        Box::pin(std::future::ready(Err(Status::SOP_CLASS_NOT_SUPPORTED)))
    }

    /// Performs one N-service, or takes one notification: MPPS, storage commitment, instance availability and whatever
    /// else was accepted by [`Services::negotiate`]. `abstract_syntax` is the SOP class of the presentation context, which
    /// need not be the one that the request names.
    ///
    /// By default there is none: `SOP_CLASS_NOT_SUPPORTED`.
    fn n_service(
        &self,
        context: AssociationContext,
        abstract_syntax: &str,
        request: NRequest,
    ) -> BoxFuture<'static, NReply> {
        let _ = (context, abstract_syntax, request);
        Box::pin(std::future::ready(Status::SOP_CLASS_NOT_SUPPORTED.into()))
    }

    /// What we have to report to this peer on the association that it has just opened, with the contexts that were
    /// accepted, such as the results of storage commitment (PS3.4 section J.3.3). By default nothing.
    fn reports(
        &self,
        context: AssociationContext,
        accepted: &[AcceptedContext],
    ) -> Vec<Box<dyn EventReports>> {
        let _ = (context, accepted);
        Vec::new()
    }
}

/// What the name of a class says of its services.
pub(crate) fn is_served_by_name(service: DimseService, sop_class_uid: &str) -> bool {
    match service {
        DimseService::Store => is_storable(sop_class_uid),
        _ => sop_class_uid != uids::VERIFICATION && !is_storable(sop_class_uid),
    }
}

/// The services that [`Services`] performs, C-ECHO apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DimseService {
    /// C-FIND.
    Find,
    /// C-GET.
    Get,
    /// C-MOVE.
    Move,
    /// Any of the N-services.
    NService,
    /// C-STORE.
    Store,
}
