use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use telerad_dicom::{Status, tags, uids};
use telerad_dimse::{AssociateRequest, ContextResult, ProposedContext, Rejection};
use telerad_net::dicom::{
    AnyBody, AssociationContext, Body, FindAnswers, FindRequest, InstanceReference, InstanceSource,
    KeySupport, Offers, Retrieval, RetrieveRequest, ServerConfig, Services, StoreReply,
    StoreRequest, answers, negotiate, serve_stream,
};
use telerad_net::{BoxFuture, Listener, Remote, shutdown};
use telerad_testkit::dicom::Instance;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use super::network::Network;

/// What a reading platform does with an instance.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Answers this status; keeps the instance if that means that it did.
    Status(u16),
    /// Drops the connection when the whole data set has come.
    Abort,
    /// Says nothing any more.
    Hang,
    /// Keeps it, and drops the connection instead of an answer.
    KeepAndAbort,
    /// Keeps it, and answers after so long.
    After(Duration),
    /// Keeps it, and answers when [`Archive::go_on`] is called.
    Wait,
}

/// An instance that was kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kept {
    pub sop_class_uid: String,
    pub sop_instance_uid: String,
    pub transfer_syntax_uid: String,
    pub data_set: Bytes,
}

type Script = Arc<dyn Fn(&str, usize) -> Answer + Send + Sync>;
type GetFails = Arc<dyn Fn(&str, usize) -> bool + Send + Sync>;
type Admit = Arc<dyn Fn(usize, usize) -> Option<Rejection> + Send + Sync>;
type Refuse = Arc<dyn Fn(&ProposedContext) -> Option<ContextResult> + Send + Sync>;

/// A reading platform, on its address until it is dropped.
pub struct Archive {
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    script: Mutex<Option<Script>>,
    admit: Mutex<Option<Admit>>,
    refuse: Mutex<Option<Refuse>>,
    finds: AtomicBool,
    gets: Mutex<Option<Vec<Kept>>>,
    /// What becomes of each question for an instance, by its number, counted from 1.
    get_fails: Mutex<Option<GetFails>>,
    asked: Mutex<Vec<String>>,
    associations: AtomicUsize,
    open: AtomicUsize,
    /// Every SOP Instance UID that came, in order.
    offered: Mutex<Vec<String>>,
    kept: Mutex<Vec<Kept>>,
    /// Rings with every instance that came.
    came: Notify,
    /// Lets one of those go on that wait.
    go_on: Notify,
}

impl Archive {
    pub fn open(network: &Network) -> Self {
        Self::open_at(network, "reader:104")
    }

    pub fn open_at(network: &Network, address: &str) -> Self {
        let shared = Arc::<Shared>::default();
        let mut port = network.bind(address);
        let services = Arc::clone(&shared);
        let serving = tokio::spawn(async move {
            let mut associations = JoinSet::new();
            while let Ok((stream, caller)) = port.accept().await {
                let desk = Desk {
                    shared: Arc::clone(&services),
                    cut: Arc::default(),
                    admitted: AtomicBool::new(false),
                };
                associations.spawn(async move {
                    let (_handle, stop) = shutdown();
                    let cut = Arc::clone(&desk.cut);
                    let config =
                        ServerConfig { service_seconds_max: 1 << 30, ..Default::default() };
                    tokio::select! {
                        () = serve_stream(stream, caller.as_str(), Arc::new(desk), config, stop) => {}
                        () = cut.notified() => {}
                    }
                });
            }
        });
        Self { shared, serving }
    }

    /// Answers by SOP Instance UID and by how often that came, counted from 1.
    pub fn script(self, script: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> Self {
        *self.shared.script.lock().unwrap() = Some(Arc::new(script));
        self
    }

    /// Answers queries for single instances.
    pub fn finds(self) -> Self {
        self.shared.finds.store(true, Ordering::Relaxed);
        self
    }

    /// Gives back what it is asked for (C-GET): these, whatever it was sent.
    pub fn gives(self, held: &[Instance]) -> Self {
        let held = held.iter().map(|instance| Kept {
            sop_class_uid: instance.sop_class_uid.clone(),
            sop_instance_uid: instance.sop_instance_uid.clone(),
            transfer_syntax_uid: instance.syntax.uid().to_owned(),
            data_set: instance.data_set(),
        });
        *self.shared.gets.lock().unwrap() = Some(held.collect());
        self
    }

    /// Drops the connection when it is asked for an instance (C-GET), by its UID and by how often that was asked for,
    /// counted from 1.
    pub fn drops_gets(self, drops: impl Fn(&str, usize) -> bool + Send + Sync + 'static) -> Self {
        *self.shared.get_fails.lock().unwrap() = Some(Arc::new(drops));
        self
    }

    /// How often it was asked for an instance (C-GET).
    pub fn gets(&self) -> usize {
        self.shared.asked.lock().unwrap().len()
    }

    /// Rejects associations, by their number, counted from 1, and by how many are open.
    pub fn admit(
        self,
        admit: impl Fn(usize, usize) -> Option<Rejection> + Send + Sync + 'static,
    ) -> Self {
        *self.shared.admit.lock().unwrap() = Some(Arc::new(admit));
        self
    }

    /// Refuses presentation contexts.
    pub fn refuse(
        self,
        refuse: impl Fn(&ProposedContext) -> Option<ContextResult> + Send + Sync + 'static,
    ) -> Self {
        *self.shared.refuse.lock().unwrap() = Some(Arc::new(refuse));
        self
    }

    /// How many associations have been asked for.
    pub fn associations(&self) -> usize {
        self.shared.associations.load(Ordering::Relaxed)
    }

    pub fn kept(&self) -> Vec<Kept> {
        self.shared.kept.lock().unwrap().clone()
    }

    /// The SOP Instance UIDs of what is kept, sorted.
    pub fn kept_uids(&self) -> Vec<String> {
        let mut uids: Vec<_> = self.kept().into_iter().map(|kept| kept.sop_instance_uid).collect();
        uids.sort();
        uids
    }

    /// How often each instance came.
    pub fn offers(&self) -> BTreeMap<String, usize> {
        let mut offers = BTreeMap::new();
        for uid in self.shared.offered.lock().unwrap().iter() {
            *offers.entry(uid.clone()).or_default() += 1;
        }
        offers
    }

    /// Lets one instance go on that waits, or the next one that would.
    pub fn go_on(&self) {
        self.shared.go_on.notify_one();
    }

    /// The SOP Instance UIDs of what is kept, as it came.
    pub fn order(&self) -> Vec<String> {
        self.kept().into_iter().map(|kept| kept.sop_instance_uid).collect()
    }

    /// Waits until this instance has come.
    pub async fn has_come(&self, sop_instance_uid: &str) {
        while !self.offers().contains_key(sop_instance_uid) {
            self.came().await;
        }
    }

    /// Waits until some instance has come, since the last time this was asked.
    pub async fn came(&self) {
        self.shared.came.notified().await;
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct Desk {
    shared: Arc<Shared>,
    cut: Arc<Notify>,
    admitted: AtomicBool,
}

impl Drop for Desk {
    fn drop(&mut self) {
        if self.admitted.load(Ordering::Relaxed) {
            self.shared.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Services for Desk {
    fn admit(&self, _: &AssociateRequest, _: &Remote) -> Result<(), Rejection> {
        let number = self.shared.associations.fetch_add(1, Ordering::Relaxed) + 1;
        let open = self.shared.open.load(Ordering::Relaxed);
        let admit = self.shared.admit.lock().unwrap().clone();
        if let Some(rejection) = admit.and_then(|admit| admit(number, open)) {
            return Err(rejection);
        }
        self.admitted.store(true, Ordering::Relaxed);
        self.shared.open.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn negotiate(&self, request: &AssociateRequest) -> Vec<(u8, ContextResult)> {
        let refuse = self.shared.refuse.lock().unwrap().clone();
        let finds = self.shared.finds.load(Ordering::Relaxed);
        let gets = self.shared.gets.lock().unwrap().is_some();
        let usual = negotiate(request, Offers::STORAGE_AND_WORKLIST);
        let answers = request.contexts.iter().zip(usual).map(|(context, (id, usual))| {
            let usual = match context.transfer_syntaxes.first() {
                Some(syntax)
                    if (finds && context.abstract_syntax == uids::STUDY_ROOT_FIND)
                        || (gets && context.abstract_syntax == uids::STUDY_ROOT_GET) =>
                {
                    ContextResult::Accepted { transfer_syntax: syntax.clone() }
                }
                _ => usual,
            };
            (id, refuse.as_ref().and_then(|refuse| refuse(context)).unwrap_or(usual))
        });
        answers.collect()
    }

    fn store(
        &self,
        _: AssociationContext,
        request: StoreRequest,
        mut body: Body,
    ) -> BoxFuture<'static, StoreReply> {
        let (shared, cut) = (Arc::clone(&self.shared), Arc::clone(&self.cut));
        Box::pin(async move {
            let mut data_set = BytesMut::new();
            while let Some(piece) = body.next().await {
                match piece {
                    Ok(piece) => data_set.extend_from_slice(&piece),
                    Err(_) => return Status::CANNOT_UNDERSTAND.into(),
                }
            }
            let uid = &request.sop_instance_uid;
            let times = {
                let mut offered = shared.offered.lock().unwrap();
                offered.push(uid.clone());
                offered.iter().filter(|other| *other == uid).count()
            };
            shared.came.notify_one();
            let script = shared.script.lock().unwrap().clone();
            let answer = script.map_or(Answer::Status(0), |script| script(uid, times));
            let status = match answer {
                Answer::Status(code) => Status::new(code),
                Answer::Abort => {
                    cut.notify_one();
                    std::future::pending().await
                }
                Answer::Hang => std::future::pending().await,
                Answer::After(pause) => {
                    tokio::time::sleep(pause).await;
                    Status::new(0)
                }
                Answer::KeepAndAbort => Status::new(0),
                Answer::Wait => {
                    shared.go_on.notified().await;
                    Status::new(0)
                }
            };
            if matches!(status.code(), 0 | 0xB000..=0xBFFF) {
                shared.kept.lock().unwrap().push(Kept {
                    sop_class_uid: request.sop_class_uid,
                    sop_instance_uid: request.sop_instance_uid,
                    transfer_syntax_uid: request.transfer_syntax_uid,
                    data_set: data_set.freeze(),
                });
            }
            if answer == Answer::KeepAndAbort {
                cut.notify_one();
                std::future::pending::<()>().await;
            }
            status.into()
        })
    }

    fn find(
        &self,
        _: AssociationContext,
        request: FindRequest,
    ) -> BoxFuture<'static, Result<Box<dyn FindAnswers>, Status>> {
        let question = request.keys(Default::default()).unwrap();
        let wanted = question.text(tags::SOP_INSTANCE_UID);
        let kept = self.shared.kept.lock().unwrap();
        let is_kept = kept.iter().any(|kept| Some(&kept.sop_instance_uid) == wanted.as_ref());
        let found: Vec<_> =
            is_kept.then(|| request.answer(&question, KeySupport::All)).into_iter().collect();
        Box::pin(std::future::ready(Ok(answers(found))))
    }

    fn get(
        &self,
        _: AssociationContext,
        request: RetrieveRequest,
    ) -> BoxFuture<'static, Result<Retrieval, Status>> {
        let wanted = request.keys(Default::default()).unwrap().text(tags::SOP_INSTANCE_UID);
        let uid = wanted.clone().unwrap_or_default();
        let times = {
            let mut asked = self.shared.asked.lock().unwrap();
            asked.push(uid.clone());
            asked.iter().filter(|other| **other == uid).count()
        };
        let fails = self.shared.get_fails.lock().unwrap().clone();
        if fails.is_some_and(|fails| fails(&uid, times)) {
            self.cut.notify_one();
            return Box::pin(std::future::pending());
        }
        let mut held = self.shared.gets.lock().unwrap().clone().unwrap_or_default();
        held.retain(|kept| Some(&kept.sop_instance_uid) == wanted.as_ref());
        let instance = |kept: &Kept| InstanceReference {
            sop_class_uid: kept.sop_class_uid.clone(),
            sop_instance_uid: kept.sop_instance_uid.clone(),
            transfer_syntax_uid: kept.transfer_syntax_uid.clone(),
        };
        let instances = held.iter().map(instance).collect();
        let source = Box::new(Held(held));
        Box::pin(std::future::ready(Ok(Retrieval { instances, source })))
    }
}

/// What is given back.
struct Held(Vec<Kept>);

impl InstanceSource for Held {
    fn open<'a>(
        &'a mut self,
        instance: &'a InstanceReference,
    ) -> BoxFuture<'a, std::io::Result<AnyBody>> {
        let uid = &instance.sop_instance_uid;
        let kept = self.0.iter().find(|kept| kept.sop_instance_uid == *uid).unwrap();
        Box::pin(std::future::ready(Ok(AnyBody::new(kept.data_set.clone()))))
    }
}
