//! Serving associations, each on a thread of its own.

use std::future::ready;
use std::sync::Arc;
use std::{io, thread};

use telerad_core::AeTitle;
use telerad_dicom::Status;
use telerad_dimse::{AcceptedContext, AssociateRequest, ContextResult, Rejection, UserItems};

use super::engine::Engine;
use super::storage::{Storage, receive};
use crate::dicom::{
    self, AssociationContext, Body, DimseService, EventReports, FindAnswer, FindAnswers,
    FindRequest, MovePlan, NReply, NRequest, Offers, Retrieval, RetrieveRequest, ServerConfig,
    Services, StoreReply, StoreRequest, answers, grant_receiving, is_served_by_name, negotiate,
};
use crate::{BoxFuture, Listener, Remote, Shutdown, Spawn};

/// The services of a server that may wait: the counterpart of [`dicom::Services`](Services), where each is described. Each
/// association has its own thread, so whoever waits here keeps only its own peer waiting.
pub trait Handlers: Storage {
    /// Decides whether this caller may associate at all.
    ///
    /// # Errors
    /// The rejection that the caller is to hear.
    fn admit(&self, request: &AssociateRequest, remote: &Remote) -> Result<(), Rejection>;

    /// Answers each proposed presentation context; by default as [`Services::negotiate`] does.
    fn negotiate(&self, request: &AssociateRequest) -> Vec<(u8, ContextResult)> {
        negotiate(request, Offers::STORAGE_AND_WORKLIST)
    }

    /// Answers roles, window, extended negotiation and identity; by default as [`Services::answer_items`] does.
    fn answer_items(&self, request: &AssociateRequest) -> UserItems {
        grant_receiving(request)
    }

    /// Whether requests of this service may come on a context of this SOP class; by default as [`Services::serves`] does.
    fn serves(&self, service: DimseService, sop_class_uid: &str) -> bool {
        is_served_by_name(service, sop_class_uid)
    }

    /// What we have to report to this peer on the association that it has just opened, as [`Services::reports`] does; by
    /// default nothing. Reports are asked for on the thread of the association: what waits for news awaits it.
    fn reports(
        &self,
        context: AssociationContext,
        accepted: &[AcceptedContext],
    ) -> Vec<Box<dyn EventReports>> {
        let _ = (context, accepted);
        Vec::new()
    }

    /// Answers one query (C-FIND). The matches are asked for one by one, and dropped when the peer cancels or leaves.
    ///
    /// # Errors
    /// The status that the peer is to hear instead of matches.
    fn find(&self, context: AssociationContext, request: FindRequest) -> Result<Matches, Status> {
        let _ = (context, request);
        Err(Status::SOP_CLASS_NOT_SUPPORTED)
    }

    /// Plans one C-MOVE. [`instances_from`](super::instances_from) makes the source of a function.
    ///
    /// # Errors
    /// The status that the peer is to hear instead.
    fn move_to(
        &self,
        context: AssociationContext,
        request: RetrieveRequest,
        destination: AeTitle,
    ) -> Result<MovePlan, Status> {
        let _ = (context, request, destination);
        Err(Status::SOP_CLASS_NOT_SUPPORTED)
    }

    /// Finds the instances for one C-GET. [`instances_from`](super::instances_from) makes the source of a function.
    ///
    /// # Errors
    /// The status that the peer is to hear instead.
    fn get(
        &self,
        context: AssociationContext,
        request: RetrieveRequest,
    ) -> Result<Retrieval, Status> {
        let _ = (context, request);
        Err(Status::SOP_CLASS_NOT_SUPPORTED)
    }

    /// Performs one N-service, or takes one notification. `abstract_syntax` is the SOP class of the presentation context.
    fn n_service(
        &self,
        context: AssociationContext,
        abstract_syntax: &str,
        request: NRequest,
    ) -> NReply {
        let _ = (context, abstract_syntax, request);
        Status::SOP_CLASS_NOT_SUPPORTED.into()
    }
}

/// The matches of a query, computed as they are asked for.
pub type Matches = Box<dyn Iterator<Item = Result<FindAnswer, Status>> + Send>;

/// Handlers as [`serve`] takes them. Do not give them to [`dicom::serve`]: they would keep its runtime waiting.
pub fn services(handlers: Arc<impl Handlers>) -> Arc<dyn Services> {
    Arc::new(Waiting(handlers))
}

/// Serves every association that `listener` brings, each on a thread of its own, and returns once `shutdown` has been asked
/// for and obeyed, as [`dicom::serve`] does. Threads that are still busy after
/// [`ServerConfig::drain_seconds_max`] are left behind.
///
/// # Errors
/// When there is no runtime to be had for the listener.
pub fn serve<L: Listener>(
    listener: L,
    services: Arc<dyn Services>,
    config: ServerConfig,
    shutdown: Shutdown,
) -> io::Result<()> {
    let serving = dicom::serve(listener, services, config, Arc::new(Threads), shutdown);
    Engine::new()?.run(serving)
}

/// Starts each task on a thread of its own, with a runtime of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Threads;

impl Spawn for Threads {
    /// A task for which there is no thread is dropped, and logged: its peer sees the connection close.
    fn spawn(&self, name: &str, task: BoxFuture<'static, ()>) {
        // A thread cannot have a name with NUL in it, and listeners choose what they call a peer.
        let thread = thread::Builder::new().name(name.replace('\0', " "));
        let started = Engine::new().and_then(|engine| thread.spawn(move || engine.run(task)));
        if let Err(error) = started {
            tracing::error!(name, %error, "no thread");
        }
    }
}

struct Waiting<H>(Arc<H>);

impl<H: Handlers> Services for Waiting<H> {
    fn admit(&self, request: &AssociateRequest, remote: &Remote) -> Result<(), Rejection> {
        self.0.admit(request, remote)
    }

    fn negotiate(&self, request: &AssociateRequest) -> Vec<(u8, ContextResult)> {
        self.0.negotiate(request)
    }

    fn answer_items(&self, request: &AssociateRequest) -> UserItems {
        self.0.answer_items(request)
    }

    fn serves(&self, service: DimseService, sop_class_uid: &str) -> bool {
        self.0.serves(service, sop_class_uid)
    }

    fn reports(
        &self,
        context: AssociationContext,
        accepted: &[AcceptedContext],
    ) -> Vec<Box<dyn EventReports>> {
        self.0.reports(context, accepted)
    }

    fn store(
        &self,
        context: AssociationContext,
        request: StoreRequest,
        body: Body,
    ) -> BoxFuture<'static, StoreReply> {
        Box::pin(receive(Arc::clone(&self.0), context, request, body))
    }

    fn find(
        &self,
        context: AssociationContext,
        request: FindRequest,
    ) -> BoxFuture<'static, Result<Box<dyn FindAnswers>, Status>> {
        Box::pin(ready(self.0.find(context, request).map(answers)))
    }

    fn move_to(
        &self,
        context: AssociationContext,
        request: RetrieveRequest,
        destination: AeTitle,
    ) -> BoxFuture<'static, Result<MovePlan, Status>> {
        Box::pin(ready(self.0.move_to(context, request, destination)))
    }

    fn get(
        &self,
        context: AssociationContext,
        request: RetrieveRequest,
    ) -> BoxFuture<'static, Result<Retrieval, Status>> {
        Box::pin(ready(self.0.get(context, request)))
    }

    fn n_service(
        &self,
        context: AssociationContext,
        abstract_syntax: &str,
        request: NRequest,
    ) -> BoxFuture<'static, NReply> {
        Box::pin(ready(self.0.n_service(context, abstract_syntax, request)))
    }
}
