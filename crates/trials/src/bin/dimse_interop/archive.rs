//! Our side as a provider: every service that the library has, over what is in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use telerad::core::AeTitle;
use telerad::dicom::dataset::{DataSet, DataSetLimits};
use telerad::dicom::{Status, tags, uids};
use telerad::dimse::{AssociateRequest, Rejection, SyntaxOffer, UserIdentityResponse, UserItems};
use telerad::net::dicom::{
    AnyBody, AssociationContext, AvailabilityNotification, Body, CommitmentResult, Door,
    FIND_MODELS, FindAnswers, FindRequest, FindScp, GET_MODELS, GetScp, InstanceReference,
    InstanceSource, KeySupport, MOVE_MODELS, MoveDestination, MovePlan, MoveScp, NRequest,
    Retrieval, RetrieveRequest, Server, StepStatus, StoreReply, StoreRequest, StoreScp, answers,
};
use telerad::net::{BoxFuture, Remote};
use tokio::sync::mpsc::UnboundedSender;

use crate::ours::{EXPLICIT, IMPLICIT};
use crate::query;
use crate::study::{Held, Sample};

/// A provider of everything. Clones share it.
#[derive(Clone, Default)]
pub struct Archive(Arc<Mutex<State>>);

/// What it has and what it was told.
#[derive(Default)]
pub struct State {
    /// What can be asked for.
    pub samples: BTreeMap<String, Sample>,
    heads: BTreeMap<String, DataSet>,
    /// Steps of the worklist.
    pub worklist: Vec<DataSet>,
    /// Whom a title stands for, as a move destination.
    pub destinations: BTreeMap<String, MoveDestination>,
    /// Those to whom results of storage commitment go on an association of our own, by calling title.
    pub committed_apart: BTreeMap<String, MoveDestination>,
    /// Reports of storage commitment that wait for the next association of these calling titles.
    pub committed_later: BTreeMap<String, Vec<NRequest>>,
    /// Instances that are refused for want of resources (A700H).
    pub refused: BTreeSet<String>,
    /// What arrived whole.
    pub received: Vec<Received>,
    /// Performed procedure steps.
    pub steps: BTreeMap<String, (StepStatus, DataSet)>,
    /// Instance availability.
    pub notifications: Vec<AvailabilityNotification>,
    /// Results of storage commitment that were reported to us.
    pub results: Vec<CommitmentResult>,
    /// How our own reports of storage commitment were answered.
    pub report_statuses: Vec<Status>,
    /// Pending answers of the long query that were asked of it so far.
    pub long_answers: usize,
    /// The requests for an association.
    pub requests: Vec<AssociateRequest>,
    /// Where reports for an association go.
    pub reporting: BTreeMap<u64, UnboundedSender<NRequest>>,
}

/// One instance that arrived.
pub struct Received {
    pub sample: Sample,
    pub move_originator: Option<(AeTitle, u16)>,
}

impl Archive {
    /// What it has and was told.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes instances available to queries and retrievals.
    pub fn keep(&self, samples: &[Sample]) {
        let limits = DataSetLimits { bytes_max: 64 << 20, ..DataSetLimits::default() };
        let mut state = self.state();
        for sample in samples {
            let uid = &sample.sop_instance_uid;
            let head = DataSet::decode(&sample.data_set, &sample.transfer_syntax_uid, limits);
            let mut head = head.expect("a data set that was made here");
            head.remove(tags::PIXEL_DATA);
            state.heads.insert(uid.clone(), head);
            state.samples.insert(uid.clone(), sample.clone());
        }
    }

    /// The data sets that arrived, and forgets them.
    pub fn take(&self) -> Held {
        let received = std::mem::take(&mut self.state().received).into_iter();
        received.map(|it| (it.sample.sop_instance_uid, it.sample.data_set)).collect()
    }

    /// How many instances arrived.
    pub fn count(&self) -> usize {
        self.state().received.len()
    }

    /// A server with every service of the library.
    pub fn server(&self) -> Server {
        let list = |syntax: &str| vec![syntax.to_owned()];
        Server::builder(self.clone())
            .store(self.clone())
            // What is kept here is in this encoding, and a C-GET has to be able to send it.
            .storage_syntaxes(SyntaxOffer::Preferring(list(EXPLICIT)))
            .find(&FIND_MODELS, self.clone())
            .worklist(self.clone())
            .move_scp(&MOVE_MODELS, self.clone())
            .get(&GET_MODELS, self.clone())
            .mpps(self.clone())
            .n_service(&[STEP_RETRIEVE], self.clone())
            .commitment(self.clone())
            .commitment_results(self.clone())
            // Reports are encoded before it is known on which association they go.
            .syntaxes(uids::STORAGE_COMMITMENT_PUSH_MODEL, SyntaxOffer::OurOrder(list(IMPLICIT)))
            .availability(self.clone())
            .build()
    }

    fn retrieval(&self, request: &RetrieveRequest) -> Result<Retrieval, Status> {
        let mut keys = request.keys(DataSetLimits::default())?;
        // Every instance below what is named: the level says only which keys may be there.
        query::matches(&keys, std::iter::empty())?;
        keys.set_text(tags::QUERY_RETRIEVE_LEVEL, "IMAGE");
        let state = self.state();
        let heads = query::matches(&keys, state.heads.values())?;
        let uids = heads.into_iter().filter_map(|head| head.text(tags::SOP_INSTANCE_UID));
        let samples: Vec<Sample> =
            uids.filter_map(|uid| state.samples.get(&uid).cloned()).collect();
        let reference = |sample: &Sample| InstanceReference {
            sop_class_uid: sample.sop_class_uid.clone(),
            sop_instance_uid: sample.sop_instance_uid.clone(),
            transfer_syntax_uid: sample.transfer_syntax_uid.clone(),
        };
        let instances = samples.iter().map(reference).collect();
        Ok(Retrieval { instances, source: Box::new(Shelf(samples)) })
    }

    fn found(&self, request: &FindRequest) -> Result<Box<dyn FindAnswers>, Status> {
        let keys = request.keys(DataSetLimits::default())?;
        if keys.text(tags::PATIENT_ID).as_deref() == Some(LONG_ANSWER) {
            let (archive, request) = (self.clone(), request.clone());
            return Ok(answers((0..LONG_ANSWERS).map(move |number| {
                archive.state().long_answers += 1;
                let mut answer = keys.clone();
                answer.set_text(tags::STUDY_INSTANCE_UID, &format!("2.25.{number}"));
                // All of them shall not fit into the buffers between us.
                answer.set_text(tags::PATIENT_COMMENTS, &"made up ".repeat(500));
                request.answer(&answer, KeySupport::All)
            })));
        }
        let state = self.state();
        let is_worklist = request.sop_class_uid == uids::MODALITY_WORKLIST_FIND;
        let heads = match is_worklist {
            true => state.worklist.iter().filter(|step| query::fits(&keys, step)).collect(),
            false => query::matches(&keys, state.heads.values())?,
        };
        let answered = heads.into_iter().map(|head| {
            let mut answer = query::project(&keys, head);
            if !is_worklist {
                answer.set_text(tags::RETRIEVE_AE_TITLE, crate::TITLE);
            }
            request.answer(&answer, KeySupport::All)
        });
        Ok(answers(answered.collect::<Vec<_>>()))
    }
}

impl Door for Archive {
    fn admit(&self, request: &AssociateRequest, _: &Remote) -> Result<(), Rejection> {
        self.state().requests.push(request.clone());
        match request.called.as_str() == crate::TITLE {
            true => Ok(()),
            false => Err(Rejection::CALLED_AE_NOT_RECOGNIZED),
        }
    }

    fn answer_items(&self, request: &AssociateRequest) -> UserItems {
        UserItems {
            async_window: request.user.async_window,
            identity_response: Some(UserIdentityResponse::default()),
            ..UserItems::default()
        }
    }
}

impl StoreScp for Archive {
    async fn store(
        &self,
        _: AssociationContext,
        request: StoreRequest,
        mut body: Body,
    ) -> StoreReply {
        let mut data_set = BytesMut::new();
        while let Some(piece) = body.next().await {
            // Cut off: whatever came is no instance.
            let Ok(piece) = piece else { return Status::OUT_OF_RESOURCES.into() };
            data_set.extend_from_slice(&piece);
        }
        let mut state = self.state();
        if state.refused.contains(&request.sop_instance_uid) {
            return Status::OUT_OF_RESOURCES.into();
        }
        state.received.push(Received {
            sample: Sample {
                sop_class_uid: request.sop_class_uid,
                sop_instance_uid: request.sop_instance_uid,
                transfer_syntax_uid: request.transfer_syntax_uid,
                data_set: data_set.freeze(),
            },
            move_originator: request.move_originator,
        });
        Status::SUCCESS.into()
    }
}

impl FindScp for Archive {
    async fn find(
        &self,
        _: AssociationContext,
        request: FindRequest,
    ) -> Result<Box<dyn FindAnswers>, Status> {
        self.found(&request)
    }
}

impl MoveScp for Archive {
    async fn move_to(
        &self,
        _: AssociationContext,
        request: RetrieveRequest,
        destination: AeTitle,
    ) -> Result<MovePlan, Status> {
        let known = self.state().destinations.get(destination.as_str()).cloned();
        let destination = known.ok_or(Status::MOVE_DESTINATION_UNKNOWN)?;
        Ok(MovePlan { retrieval: self.retrieval(&request)?, destination })
    }
}

impl GetScp for Archive {
    async fn get(
        &self,
        _: AssociationContext,
        request: RetrieveRequest,
    ) -> Result<Retrieval, Status> {
        self.retrieval(&request)
    }
}

/// Instances in memory.
struct Shelf(Vec<Sample>);

impl InstanceSource for Shelf {
    fn open<'a>(
        &'a mut self,
        instance: &'a InstanceReference,
    ) -> BoxFuture<'a, io::Result<AnyBody>> {
        let named = |it: &&Sample| it.sop_instance_uid == instance.sop_instance_uid;
        let found = self.0.iter().find(named).map(|it| AnyBody::new(Bytes::clone(&it.data_set)));
        Box::pin(std::future::ready(found.ok_or(io::ErrorKind::NotFound.into())))
    }
}

/// The patient ID for whom there are ten thousand studies.
pub const LONG_ANSWER: &str = "TENTHOUSAND";
/// How many answers the long query has.
pub const LONG_ANSWERS: usize = 10_000;
/// How many instances a study has that is to be cancelled: more than are sent before the peer has said so.
pub const LONG_STUDY: u64 = 1_500;

/// MPPS Retrieve (PS3.4 section F.8).
pub const STEP_RETRIEVE: &str = "1.2.840.10008.3.1.2.3.4";
