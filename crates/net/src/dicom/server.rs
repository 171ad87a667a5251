//! A DICOM server, put together from its services.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use telerad_core::AeTitle;
use telerad_dicom::dataset::DataSetLimits;
use telerad_dicom::{Status, uids};
use telerad_dimse::{
    AcceptedContext, AssociateRequest, ClassOffer, ContextResult, Rejection, Roles, SyntaxOffer,
    UserItems, decide,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::availability_scp::{AvailabilityScp, Notices};
use super::body::Body;
use super::boxed::{BoxedFind, BoxedGet, BoxedMove, BoxedNService, BoxedStore};
use super::commitment_scp::{Commitment, CommitmentScp, CommitmentScu};
use super::config::ServerConfig;
use super::context::AssociationContext;
use super::door::Door;
use super::find_scp::{FindRequest, FindScp, Found};
use super::get_scp::{GetScp, Got};
use super::move_scp::{MoveScp, Planned};
use super::mpps_scp::{MppsScp, Steps};
use super::n_scp::{LateLimits, NReply, NRequest};
use super::n_service_scp::NServiceScp;
use super::negotiation::{QUERY_SYNTAXES, is_storable};
use super::reports::EventReports;
use super::retrieve::RetrieveRequest;
use super::serve::{serve, serve_stream};
use super::services::{DimseService, Services};
use super::store_scp::{StoreReply, StoreRequest, StoreScp};
use crate::{BoxFuture, Listener, Remote, Shutdown, Spawn};

/// The query and retrieve models whose C-FIND is in use: patient root and study root (PS3.4 section C.6).
pub const FIND_MODELS: [&str; 2] = [uids::PATIENT_ROOT_FIND, uids::STUDY_ROOT_FIND];
/// The same models, for C-GET.
pub const GET_MODELS: [&str; 2] = [uids::PATIENT_ROOT_GET, uids::STUDY_ROOT_GET];
/// The same models, for C-MOVE.
pub const MOVE_MODELS: [&str; 2] = [uids::PATIENT_ROOT_MOVE, uids::STUDY_ROOT_MOVE];

/// A DICOM server: a door, and the services behind it.
///
/// What is registered is what is negotiated: a SOP class for which there is no service is refused when the association
/// is opened, and a request that its presentation context was not accepted for is refused when it comes. Verification
/// needs no registration.
pub struct Server {
    door: Box<dyn Door>,
    config: ServerConfig,
    storage: Option<Storage>,
    storage_syntaxes: SyntaxOffer,
    /// For single SOP classes, whatever their services.
    syntaxes: BTreeMap<String, SyntaxOffer>,
    finds: BTreeMap<String, Arc<dyn BoxedFind>>,
    moves: BTreeMap<String, Arc<dyn BoxedMove>>,
    gets: BTreeMap<String, Arc<dyn BoxedGet>>,
    n_services: BTreeMap<String, NProvider>,
}

struct Storage {
    /// `None` means every class that can be stored.
    classes: Option<BTreeSet<String>>,
    scp: Arc<dyn BoxedStore>,
}

struct NProvider {
    /// What the requestor may be: it asks, it notifies, or both.
    requestor_roles: Roles,
    scp: Arc<dyn BoxedNService>,
}

impl Server {
    /// A server without services, but for verification, behind this door.
    pub fn builder(door: impl Door) -> ServerBuilder {
        ServerBuilder {
            server: Self {
                door: Box::new(door),
                config: ServerConfig::default(),
                storage: None,
                storage_syntaxes: SyntaxOffer::Any,
                syntaxes: BTreeMap::new(),
                finds: BTreeMap::new(),
                moves: BTreeMap::new(),
                gets: BTreeMap::new(),
                n_services: BTreeMap::new(),
            },
            commitment: Commitment::default(),
            limits: DataSetLimits::default(),
            limits_of_services: LateLimits::default(),
        }
    }

    /// Serves every association that `listener` brings, until `shutdown` is asked for: see [`serve`].
    pub async fn serve<L: Listener>(self, listener: L, spawn: Arc<dyn Spawn>, shutdown: Shutdown) {
        let config = self.config.clone();
        serve(listener, Arc::new(self), config, spawn, shutdown).await;
    }

    /// Serves one association on any stream: see [`serve_stream`].
    pub async fn serve_stream<S>(
        self: Arc<Self>,
        stream: S,
        remote: impl Into<Remote>,
        shutdown: Shutdown,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let config = self.config.clone();
        serve_stream(stream, remote, self, config, shutdown).await;
    }

    /// The limits and deadlines that [`Self::serve`] keeps.
    pub fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// What is offered for one SOP class; `None` when nothing is registered for it.
    fn offer(&self, request: &AssociateRequest, sop_class_uid: &str) -> Option<ClassOffer> {
        let own = || self.syntaxes.get(sop_class_uid).cloned();
        if sop_class_uid == uids::VERIFICATION {
            return Some(ClassOffer::new(own().unwrap_or(SyntaxOffer::Any)));
        }
        if !self.door.offers(request, sop_class_uid) {
            return None;
        }
        let has = |service| self.serves(service, sop_class_uid);
        let asks = has(DimseService::Find) || has(DimseService::Move) || has(DimseService::Get);
        let mut roles = if asks { Roles::SCU } else { Roles::NONE };
        if let Some(provider) = self.n_services.get(sop_class_uid) {
            roles = roles.or(provider.requestor_roles);
        }
        let is_understood = roles != Roles::NONE;
        // For C-GET the requestor is the one who stores, and has to say so (PS3.4 section C.5.3).
        let receives = request.user.roles_of(sop_class_uid).is_some_and(|proposed| proposed.scp);
        let sends = !self.gets.is_empty() && is_storable(sop_class_uid) && receives;
        roles = roles.or(Roles { scu: has(DimseService::Store), scp: sends });
        if roles == Roles::NONE {
            return None;
        }
        let usual = || match is_understood {
            true => SyntaxOffer::TheirOrder(QUERY_SYNTAXES.map(str::to_owned).into()),
            false => self.storage_syntaxes.clone(),
        };
        let transfer_syntaxes = own().unwrap_or_else(usual);
        Some(ClassOffer { transfer_syntaxes, requestor_roles: roles })
    }

    fn decide(&self, request: &AssociateRequest) -> (Vec<(u8, ContextResult)>, UserItems) {
        decide(request, |sop_class_uid| self.offer(request, sop_class_uid))
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("storage", &self.storage.is_some())
            .field("finds", &self.finds.keys())
            .field("moves", &self.moves.keys())
            .field("gets", &self.gets.keys())
            .field("n_services", &self.n_services.keys())
            .finish_non_exhaustive()
    }
}

impl Services for Server {
    fn admit(&self, request: &AssociateRequest, remote: &Remote) -> Result<(), Rejection> {
        self.door.admit(request, remote)
    }

    fn negotiate(&self, request: &AssociateRequest) -> Vec<(u8, ContextResult)> {
        self.decide(request).0
    }

    fn answer_items(&self, request: &AssociateRequest) -> UserItems {
        UserItems { roles: self.decide(request).1.roles, ..self.door.answer_items(request) }
    }

    fn serves(&self, service: DimseService, sop_class_uid: &str) -> bool {
        match service {
            DimseService::Find => self.finds.contains_key(sop_class_uid),
            DimseService::Get => self.gets.contains_key(sop_class_uid),
            DimseService::Move => self.moves.contains_key(sop_class_uid),
            DimseService::NService => self.n_services.contains_key(sop_class_uid),
            DimseService::Store => self.storage.as_ref().is_some_and(|storage| {
                let listed = storage.classes.as_ref();
                listed.map_or_else(|| is_storable(sop_class_uid), |it| it.contains(sop_class_uid))
            }),
        }
    }

    fn store(
        &self,
        context: AssociationContext,
        request: StoreRequest,
        body: Body,
    ) -> BoxFuture<'static, StoreReply> {
        match &self.storage {
            // The context was negotiated for a class that is taken; the request may name another.
            Some(storage) if self.serves(DimseService::Store, &request.sop_class_uid) => {
                Arc::clone(&storage.scp).store(context, request, body)
            }
            _ => ready(Status::SOP_CLASS_NOT_SUPPORTED.into()),
        }
    }

    fn find(&self, context: AssociationContext, request: FindRequest) -> BoxFuture<'static, Found> {
        match self.finds.get(&request.sop_class_uid) {
            Some(scp) => Arc::clone(scp).find(context, request),
            None => ready(Err(Status::SOP_CLASS_NOT_SUPPORTED)),
        }
    }

    fn move_to(
        &self,
        context: AssociationContext,
        request: RetrieveRequest,
        destination: AeTitle,
    ) -> BoxFuture<'static, Planned> {
        match self.moves.get(&request.sop_class_uid) {
            Some(scp) => Arc::clone(scp).move_to(context, request, destination),
            None => ready(Err(Status::SOP_CLASS_NOT_SUPPORTED)),
        }
    }

    fn get(
        &self,
        context: AssociationContext,
        request: RetrieveRequest,
    ) -> BoxFuture<'static, Got> {
        match self.gets.get(&request.sop_class_uid) {
            Some(scp) => Arc::clone(scp).get(context, request),
            None => ready(Err(Status::SOP_CLASS_NOT_SUPPORTED)),
        }
    }

    fn n_service(
        &self,
        context: AssociationContext,
        abstract_syntax: &str,
        request: NRequest,
    ) -> BoxFuture<'static, NReply> {
        match self.n_services.get(abstract_syntax) {
            Some(provider) => Arc::clone(&provider.scp).n_service(context, request),
            None => ready(Status::SOP_CLASS_NOT_SUPPORTED.into()),
        }
    }

    fn reports(
        &self,
        context: AssociationContext,
        accepted: &[AcceptedContext],
    ) -> Vec<Box<dyn EventReports>> {
        let may_report = |class: &str| {
            accepted.iter().any(|context| context.abstract_syntax == class && context.roles.scp)
        };
        let providers = self.n_services.iter().filter(|(class, _)| may_report(class));
        let mut asked: Vec<&Arc<dyn BoxedNService>> = Vec::new();
        let mut reports = Vec::new();
        for (_, provider) in providers {
            // One service may stand for several classes; it is asked once.
            if !asked.iter().any(|it| Arc::ptr_eq(it, &provider.scp)) {
                asked.push(&provider.scp);
                reports.extend(provider.scp.reports(context.clone()));
            }
        }
        reports
    }
}

fn ready<T: Send + 'static>(value: T) -> BoxFuture<'static, T> {
    Box::pin(std::future::ready(value))
}

/// Puts a [`Server`] together. What is registered for a SOP class takes the place of what was registered before for the
/// same class and service.
pub struct ServerBuilder {
    server: Server,
    commitment: Commitment,
    /// Those of the typed services too, which learn them when the server is built.
    limits: DataSetLimits,
    limits_of_services: LateLimits,
}

impl ServerBuilder {
    /// Takes in instances (C-STORE) of every SOP class that is not known to be something else than a class of objects:
    /// private ones and those that are newer than this library among them.
    #[must_use]
    pub fn store(mut self, scp: impl StoreScp) -> Self {
        self.server.storage = Some(Storage { classes: None, scp: Arc::new(scp) });
        self
    }

    /// Takes in instances (C-STORE) of these SOP classes and no others.
    #[must_use]
    pub fn store_classes<C: AsRef<str>>(mut self, classes: &[C], scp: impl StoreScp) -> Self {
        let classes = Some(classes.iter().map(|class| class.as_ref().to_owned()).collect());
        self.server.storage = Some(Storage { classes, scp: Arc::new(scp) });
        self
    }

    /// In which transfer syntaxes instances are taken and sent, where [`Self::syntaxes`] does not say. By default
    /// [`SyntaxOffer::Any`]: an instance is kept in the encoding in which it comes.
    #[must_use]
    pub fn storage_syntaxes(mut self, offer: SyntaxOffer) -> Self {
        self.server.storage_syntaxes = offer;
        self
    }

    /// In which transfer syntaxes data sets of this one SOP class travel. The default is that of
    /// [`Self::storage_syntaxes`] for storage, any for verification, and for everything else, since it has to be
    /// understood, the first proposed one that is neither compressed nor private.
    #[must_use]
    pub fn syntaxes(mut self, sop_class_uid: &str, offer: SyntaxOffer) -> Self {
        self.server.syntaxes.insert(sop_class_uid.to_owned(), offer);
        self
    }

    /// Answers questions (C-FIND) in these information models, [`FIND_MODELS`] or any other.
    #[must_use]
    pub fn find<C: AsRef<str>>(mut self, classes: &[C], scp: impl FindScp) -> Self {
        let scp: Arc<dyn BoxedFind> = Arc::new(scp);
        register(&mut self.server.finds, classes, || Arc::clone(&scp));
        self
    }

    /// Answers questions about the modality worklist (PS3.4 annex K).
    #[must_use]
    pub fn worklist(self, scp: impl FindScp) -> Self {
        self.find(&[uids::MODALITY_WORKLIST_FIND], scp)
    }

    /// Sends instances to third parties (C-MOVE) in these information models, usually [`MOVE_MODELS`].
    #[must_use]
    pub fn move_scp<C: AsRef<str>>(mut self, classes: &[C], scp: impl MoveScp) -> Self {
        let scp: Arc<dyn BoxedMove> = Arc::new(scp);
        register(&mut self.server.moves, classes, || Arc::clone(&scp));
        self
    }

    /// Sends instances back (C-GET) in these information models, usually [`GET_MODELS`]. Storage classes are then
    /// accepted from requestors that propose to receive them.
    #[must_use]
    pub fn get<C: AsRef<str>>(mut self, classes: &[C], scp: impl GetScp) -> Self {
        let scp: Arc<dyn BoxedGet> = Arc::new(scp);
        register(&mut self.server.gets, classes, || Arc::clone(&scp));
        self
    }

    /// Takes performed procedure steps (MPPS, PS3.4 section F.7) and guards their order.
    #[must_use]
    pub fn mpps(self, scp: impl MppsScp) -> Self {
        let steps = Steps::new(scp, self.limits_of_services.clone());
        self.provide(&[uids::MODALITY_PERFORMED_PROCEDURE_STEP], Roles::SCU, steps)
    }

    /// Takes responsibility for instances (storage commitment, PS3.4 annex J).
    #[must_use]
    pub fn commitment(mut self, scp: impl CommitmentScp) -> Self {
        self.commitment.provide(scp);
        self
    }

    /// Takes the results of our own requests for storage commitment, from providers that open an association for them.
    #[must_use]
    pub fn commitment_results(mut self, scu: impl CommitmentScu) -> Self {
        self.commitment.listen(scu);
        self
    }

    /// Takes notice of instances that can be had (Instance Availability Notification, PS3.4 annex R).
    #[must_use]
    pub fn availability(self, scp: impl AvailabilityScp) -> Self {
        let notices = Notices::new(scp, self.limits_of_services.clone());
        self.provide(&[uids::INSTANCE_AVAILABILITY_NOTIFICATION], Roles::SCU, notices)
    }

    /// Performs N-services of these SOP classes, and takes notifications of them: whatever the standard has or will have.
    #[must_use]
    pub fn n_service<C: AsRef<str>>(self, classes: &[C], scp: impl NServiceScp) -> Self {
        self.provide(classes, Roles::BOTH, scp)
    }

    /// Limits of the data sets that the typed services read; [`DataSetLimits::default`] otherwise.
    #[must_use]
    pub fn data_set_limits(mut self, limits: DataSetLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Limits and deadlines of the server; [`ServerConfig::default`] otherwise.
    #[must_use]
    pub fn config(mut self, config: ServerConfig) -> Self {
        self.server.config = config;
        self
    }

    /// The server.
    pub fn build(mut self) -> Server {
        self.limits_of_services.set(self.limits);
        let roles = self.commitment.requestor_roles();
        if roles != Roles::NONE {
            let commitment = std::mem::take(&mut self.commitment).limited(self.limits);
            self = self.provide(&[uids::STORAGE_COMMITMENT_PUSH_MODEL], roles, commitment);
        }
        self.server
    }

    fn provide<C: AsRef<str>>(
        mut self,
        classes: &[C],
        requestor_roles: Roles,
        scp: impl NServiceScp,
    ) -> Self {
        let scp: Arc<dyn BoxedNService> = Arc::new(scp);
        let provider = || NProvider { requestor_roles, scp: Arc::clone(&scp) };
        register(&mut self.server.n_services, classes, provider);
        self
    }
}

impl std::fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerBuilder").field("server", &self.server).finish_non_exhaustive()
    }
}

fn register<C: AsRef<str>, P>(
    services: &mut BTreeMap<String, P>,
    classes: &[C],
    provider: impl Fn() -> P,
) {
    services.extend(classes.iter().map(|class| (class.as_ref().to_owned(), provider())));
}
