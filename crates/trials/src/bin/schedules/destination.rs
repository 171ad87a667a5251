//! A reading platform that does as the plan says, and remembers what it kept and what it refused.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use telerad::dicom::{Status, tags, uids};
use telerad::dimse::{AssociateRequest, ContextResult, Rejection};
use telerad::net::dicom::{
    AnyBody, AssociationContext, Body, FindAnswers, FindRequest, InstanceReference, InstanceSource,
    KeySupport, Offers, Retrieval, RetrieveRequest, ServerConfig, Services, StoreReply,
    StoreRequest, answers, negotiate, serve_stream,
};
use telerad::net::{BoxFuture, Remote, shutdown};
use telerad_testkit::dicom::Instance;

use crate::plan::{CLASSES, Fault};
use crate::wire::{Port, Scissors};
use crate::world::{Given, Kept, Refused, World};

/// Serves a destination for as long as the schedule goes on.
pub async fn serve(world: Arc<World>, number: usize, mut port: Port) {
    while let Some((stream, scissors)) = port.next().await {
        let desk = Desk { world: Arc::clone(&world), number, scissors };
        let config = ServerConfig {
            clock: Arc::new(world.executor.clone()),
            service_seconds_max: 1 << 30,
            ..ServerConfig::default()
        };
        world.executor.spawn(async move {
            let (_handle, stop) = shutdown();
            serve_stream(stream, "gateway", Arc::new(desk), config, stop).await;
        });
    }
}

struct Desk {
    world: Arc<World>,
    number: usize,
    scissors: Scissors,
}

impl Desk {
    /// Whether it has an instance of this name.
    fn has(&self, uid: &str) -> bool {
        let log = self.world.log();
        log.copies.iter().any(|it| it.destination == self.number && it.uid == uid)
    }

    fn refuse_context(&self, class: &str) -> Option<ContextResult> {
        let is = |number: usize| CLASSES.get(number).is_some_and(|(_, uid)| *uid == class);
        let world = &self.world;
        match world.fault(self.number)? {
            Fault::RefusesClass(refused) if is(refused) => {
                world.reach("class refused in negotiation");
                world.log().refused_classes.insert((self.number, class.to_owned()));
                Some(ContextResult::AbstractSyntaxNotSupported)
            }
            Fault::RefusesClassWithoutReason(refused) if is(refused) => {
                world.reach("class refused without a reason");
                self.note_refused("", 0);
                Some(ContextResult::NoReason)
            }
            Fault::RefusesSyntax if CLASSES.iter().any(|(_, uid)| *uid == class) => {
                world.reach("transfer syntax refused");
                world.log().refused_syntaxes.insert(self.number);
                Some(ContextResult::TransferSyntaxesNotSupported)
            }
            _ => None,
        }
    }

    fn note_refused(&self, uid: &str, status: u16) {
        let refused = Refused { destination: self.number, uid: uid.to_owned(), status };
        self.world.log().refusals.push(refused);
    }
}

impl Services for Desk {
    fn admit(&self, _: &AssociateRequest, _: &Remote) -> Result<(), Rejection> {
        match self.world.fault(self.number) {
            Some(Fault::RejectsForNow) => {
                self.world.reach("association rejected for now");
                Err(Rejection::TEMPORARY_CONGESTION)
            }
            Some(Fault::RejectsForGood) => {
                self.world.reach("association rejected for good");
                Err(Rejection::CALLED_AE_NOT_RECOGNIZED)
            }
            _ => Ok(()),
        }
    }

    fn negotiate(&self, request: &AssociateRequest) -> Vec<(u8, ContextResult)> {
        let usual = negotiate(request, Offers::STORAGE_AND_WORKLIST);
        let answers = request.contexts.iter().zip(usual).map(|(context, (id, usual))| {
            let usual = match context.transfer_syntaxes.first() {
                Some(syntax)
                    if [uids::STUDY_ROOT_FIND, uids::STUDY_ROOT_GET]
                        .contains(&&*context.abstract_syntax) =>
                {
                    ContextResult::Accepted { transfer_syntax: syntax.clone() }
                }
                _ => usual,
            };
            (id, self.refuse_context(&context.abstract_syntax).unwrap_or(usual))
        });
        answers.collect()
    }

    fn store(
        &self,
        _: AssociationContext,
        request: StoreRequest,
        body: Body,
    ) -> BoxFuture<'static, StoreReply> {
        let desk = Self {
            world: Arc::clone(&self.world),
            number: self.number,
            scissors: self.scissors.clone(),
        };
        Box::pin(async move { desk.take(request, body).await })
    }

    fn find(
        &self,
        _: AssociationContext,
        request: FindRequest,
    ) -> BoxFuture<'static, Result<Box<dyn FindAnswers>, Status>> {
        let question = request.keys(Default::default());
        let wanted = question.as_ref().ok().and_then(|it| it.text(tags::SOP_INSTANCE_UID));
        let is_kept = wanted.is_some_and(|uid| self.has(&uid));
        self.world.reach("instance looked for");
        let found: Vec<_> = match question {
            Ok(question) if is_kept => vec![request.answer(&question, KeySupport::All)],
            _ => Vec::new(),
        };
        Box::pin(std::future::ready(Ok(answers(found))))
    }

    fn get(
        &self,
        _: AssociationContext,
        request: RetrieveRequest,
    ) -> BoxFuture<'static, Result<Retrieval, Status>> {
        let wanted = request.keys(Default::default()).ok();
        let wanted = wanted.and_then(|it| it.text(tags::SOP_INSTANCE_UID)).unwrap_or_default();
        let dice = self.world.executor.dice();
        let held = self.world.log().said.get(&(self.number, wanted)).cloned();
        let (Some(held), false) = (held, dice.once_in(4)) else {
            self.world.reach("asked for what it has, cut");
            self.scissors.cut();
            return Box::pin(std::future::pending());
        };
        let same = !dice.once_in(3);
        // An archive writes its own institution into what it keeps.
        let institution = "ARCHIVE".to_owned();
        let seed = if same { held.seed } else { held.seed + 7000 };
        let given = Instance { institution, seed, ..held };
        self.world.reach(if same { "gives the same image" } else { "gives another image" });
        let instance = InstanceReference {
            sop_class_uid: given.sop_class_uid.clone(),
            sop_instance_uid: given.sop_instance_uid.clone(),
            transfer_syntax_uid: given.syntax.uid().to_owned(),
        };
        let (uid, destination) = (given.sop_instance_uid.clone(), self.number);
        let source = Box::new(Giving(given));
        let at = self.world.micros();
        self.world.log().given.push(Given { destination, uid, at, same });
        Box::pin(std::future::ready(Ok(Retrieval { instances: vec![instance], source })))
    }
}

/// What is given back.
struct Giving(Instance);

impl InstanceSource for Giving {
    fn open<'a>(&'a mut self, _: &'a InstanceReference) -> BoxFuture<'a, std::io::Result<AnyBody>> {
        Box::pin(std::future::ready(Ok(AnyBody::new(self.0.data_set()))))
    }
}

impl Desk {
    async fn take(&self, request: StoreRequest, mut body: Body) -> StoreReply {
        let (world, uid) = (&self.world, request.sop_instance_uid.as_str());
        let name = &world.plan.destinations[self.number].name;
        let began = world.micros();
        let fault = world.fault(self.number);
        if fault == Some(Fault::CutsEarly) {
            world.reach("association cut within a data set");
            self.cut::<()>().await;
        }
        let mut data_set = BytesMut::new();
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) => data_set.extend_from_slice(&piece),
                Err(_) => return Status::CANNOT_UNDERSTAND.into(),
            }
        }
        world.executor.dawdle().await;
        let keep = || self.keep(uid, &data_set, began);
        let copy = match fault {
            Some(Fault::Answers(status)) => match self.answer(uid, status) {
                Some(status) => {
                    if status == Status::DUPLICATE_SOP_INSTANCE {
                        self.note_said(uid, &data_set);
                    }
                    return status.into();
                }
                None => keep(),
            },
            Some(Fault::CutsLate) => {
                world.reach("association cut before the answer");
                self.cut().await
            }
            Some(Fault::Hangs) => {
                world.reach("no answer, not kept");
                std::future::pending().await
            }
            Some(Fault::KeepsAndCuts) => {
                keep();
                world.reach("kept, answer lost");
                self.cut().await
            }
            Some(Fault::KeepsAndHangs) => {
                keep();
                world.reach("kept, no answer");
                std::future::pending().await
            }
            Some(Fault::AnswersAfter(seconds)) => {
                let copy = keep();
                world.reach("answered late");
                world.executor.pause(Duration::from_secs(seconds)).await;
                copy
            }
            _ => keep(),
        };
        let status = match fault {
            Some(Fault::Answers(status)) if status >> 12 == 0xB => {
                world.reach("answered with a warning");
                Status::new(status)
            }
            _ => Status::SUCCESS,
        };
        let now = world.micros();
        world.log().copies[copy].answered = Some(now);
        world.tell(format!("{name}: keeps {uid}, {:04X}H", status.code()));
        status.into()
    }

    /// Keeps an instance; its place in the log.
    fn keep(&self, uid: &str, data_set: &[u8], began: u64) -> usize {
        let (digest, at) = (*blake3::hash(data_set).as_bytes(), self.world.micros());
        let (destination, uid) = (self.number, uid.to_owned());
        let mut log = self.world.log();
        log.copies.push(Kept { destination, uid, digest, began, at, answered: None });
        log.copies.len() - 1
    }

    /// The refusal that a status is; `None` for one that says it is kept.
    fn answer(&self, uid: &str, status: u16) -> Option<Status> {
        let plan = &self.world.plan.destinations[self.number];
        match status {
            0xB000..=0xBFFF => return None,
            // A word that is trusted is true here: it has it, and the same.
            0x0111 if plan.trusts_duplicates && !self.has(uid) => return None,
            0x0111 => self.world.reach("answered 0111H"),
            0x0122 => {
                self.world.reach("answered 0122H");
                let class = self.class_of(uid);
                self.world.log().refused_classes.insert((self.number, class));
            }
            0xA700..=0xA7FF => self.world.reach("answered A7xx"),
            0xA900..=0xA9FF => self.world.reach("answered A9xx"),
            0xC000..=0xCFFF => self.world.reach("answered Cxxx"),
            _ => self.world.reach("answered another failure"),
        }
        self.note_refused(uid, status);
        Some(Status::new(status))
    }

    /// It says that it has this version.
    fn note_said(&self, uid: &str, data_set: &[u8]) {
        let versions = self.world.plan.instances.iter().flat_map(|it| &it.versions);
        let mut named = versions.filter(|it| it.sop_instance_uid == uid);
        if let Some(version) = named.find(|it| it.data_set() == *data_set) {
            let key = (self.number, uid.to_owned());
            self.world.log().said.insert(key, version.clone());
        }
    }

    fn class_of(&self, uid: &str) -> String {
        let versions = self.world.plan.instances.iter().map(|it| &it.versions[0]);
        let found = versions.into_iter().find(|it| it.sop_instance_uid == uid);
        found.map(|it| it.sop_class_uid.clone()).unwrap_or_default()
    }

    async fn cut<T>(&self) -> T {
        self.scissors.cut();
        std::future::pending().await
    }
}
