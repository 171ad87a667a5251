//! A server put together from its services: what it negotiates, and who answers what.

use std::io;
use std::sync::Arc;

use telerad_core::AeTitle;
use telerad_dicom::dataset::DataSetLimits;
use telerad_dicom::{DataSet, Status, tags, uids};
use telerad_dimse::{
    AssociateRequest, Command, ProposedContext, Rejection, RoleSelection, Roles, SyntaxOffer,
};
use telerad_net::dicom::{
    AnyBody, AssociationContext, AssociationFault, Body, CalledTitle, ClientAssociation, Door,
    FIND_MODELS, FindAnswers, FindRequest, FindScp, GET_MODELS, GetScp, InstanceReference,
    InstanceSource, KeySupport, MOVE_MODELS, MovePlan, MoveScp, NOperation, NReply, NRequest,
    NServiceScp, Peer, Retrieval, RetrieveRequest, Server, ServerBuilder, ServerConfig, StoreReply,
    StoreRequest, StoreScp, answers,
};
use telerad_net::{BoxFuture, Remote, SystemClock, shutdown};

use crate::peers::{self, Raw, peer, title};

pub const EXPLICIT: &str = uids::EXPLICIT_VR_LITTLE_ENDIAN;
pub const IMPLICIT: &str = uids::IMPLICIT_VR_LITTLE_ENDIAN;
pub const JPEG_2000: &str = uids::JPEG_2000_LOSSLESS;
const PRIVATE_CLASS: &str = "1.3.46.670589.5.0.1";
const PRIVATE_SYNTAX: &str = uids::GE_PRIVATE_IMPLICIT_VR;
const STEP: &str = uids::MODALITY_PERFORMED_PROCEDURE_STEP;

pub fn builder() -> ServerBuilder {
    Server::builder(CalledTitle(title("TELERAD")))
}

/// An association with this server that proposes these classes, each in these transfer syntaxes, with ids 1, 3, …
pub async fn associate(
    server: Server,
    peer: &Peer,
    proposed: &[(&str, &[&str])],
) -> ClientAssociation {
    let (near, far) = tokio::io::duplex(65_536);
    tokio::task::spawn(async move {
        let (_handle, stop) = shutdown();
        Arc::new(server).serve_stream(far, "192.0.2.1:1", stop).await;
    });
    let context = |(id, (class, syntaxes)): (u8, &(&str, &[&str]))| ProposedContext {
        id,
        abstract_syntax: (*class).to_owned(),
        transfer_syntaxes: syntaxes.iter().map(|syntax| (*syntax).to_owned()).collect(),
    };
    let contexts = (1..).step_by(2).zip(proposed).map(context).collect();
    ClientAssociation::open(near, SystemClock::shared(), peer, contexts).await.unwrap()
}

/// One service of each kind, which says which it was.
#[derive(Clone, Default)]
pub struct Everything {
    stored: peers::Stored,
}

impl StoreScp for Everything {
    async fn store(&self, _: AssociationContext, request: StoreRequest, body: Body) -> StoreReply {
        let Ok(bytes) = peers::read(body).await else { return Status::CANNOT_UNDERSTAND.into() };
        self.stored.lock().unwrap().push((request, bytes));
        Status::SUCCESS.into()
    }
}

impl FindScp for Everything {
    async fn find(
        &self,
        _: AssociationContext,
        request: FindRequest,
    ) -> Result<Box<dyn FindAnswers>, Status> {
        let mut answer = DataSet::new();
        answer.set_text(tags::STUDY_INSTANCE_UID, &request.sop_class_uid);
        Ok(answers([request.answer(&answer, KeySupport::All)]))
    }
}

impl MoveScp for Everything {
    async fn move_to(
        &self,
        _: AssociationContext,
        _: RetrieveRequest,
        _: AeTitle,
    ) -> Result<MovePlan, Status> {
        Err(Status::MOVE_DESTINATION_UNKNOWN)
    }
}

impl GetScp for Everything {
    /// One instance for whoever names a study.
    async fn get(&self, _: AssociationContext, wish: RetrieveRequest) -> Result<Retrieval, Status> {
        let keys = wish.keys(DataSetLimits::default())?;
        if keys.text(tags::STUDY_INSTANCE_UID).is_none() {
            return Err(Status::UNABLE_TO_CALCULATE_MATCHES);
        }
        let instances = vec![InstanceReference {
            sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
            sop_instance_uid: "1.2.3.1".to_owned(),
            transfer_syntax_uid: JPEG_2000.to_owned(),
        }];
        Ok(Retrieval { instances, source: Box::new(self.clone()) })
    }
}

impl InstanceSource for Everything {
    fn open<'a>(&'a mut self, _: &'a InstanceReference) -> BoxFuture<'a, io::Result<AnyBody>> {
        Box::pin(std::future::ready(Ok(AnyBody::new(peers::pieces(1, 100_000)))))
    }
}

impl NServiceScp for Everything {
    async fn n_service(&self, _: AssociationContext, request: NRequest) -> NReply {
        NReply { sop_instance_uid: Some(request.sop_class_uid), ..Status::SUCCESS.into() }
    }
}

/// Every class of services, and two of storage.
const PROPOSED: [&str; 10] = [
    uids::VERIFICATION,
    uids::CT_IMAGE_STORAGE,
    PRIVATE_CLASS,
    uids::STUDY_ROOT_FIND,
    uids::PATIENT_ROOT_MOVE,
    uids::STUDY_ROOT_GET,
    uids::MODALITY_WORKLIST_FIND,
    STEP,
    uids::STORAGE_COMMITMENT_PUSH_MODEL,
    uids::INSTANCE_AVAILABILITY_NOTIFICATION,
];

/// Which of [`PROPOSED`] are accepted, verification apart.
#[track_caller]
fn check(builder: ServerBuilder, expected: &[&str]) {
    let request = request(&PROPOSED.map(|class| (class, [EXPLICIT].as_slice())), Vec::new());
    let accepted = accepted(&builder.build(), &request);
    let accepted: Vec<&str> = accepted.iter().map(|(class, _)| class.as_str()).collect();
    assert_eq!(accepted[0], uids::VERIFICATION);
    assert_eq!(accepted[1..], *expected);
}

fn request(proposed: &[(&str, &[&str])], roles: Vec<RoleSelection>) -> AssociateRequest {
    let context = |(id, (class, syntaxes)): (u8, &(&str, &[&str]))| ProposedContext {
        id,
        abstract_syntax: (*class).to_owned(),
        transfer_syntaxes: syntaxes.iter().map(|syntax| (*syntax).to_owned()).collect(),
    };
    AssociateRequest {
        calling: title("CT1"),
        called: title("TELERAD"),
        contexts: (1..).step_by(2).zip(proposed).map(context).collect(),
        pdu_bytes_max: 0,
        implementation_class_uid: String::new(),
        implementation_version_name: String::new(),
        user: telerad_dimse::UserItems { roles, ..Default::default() },
    }
}

/// The accepted classes with their transfer syntaxes.
fn accepted(server: &Server, request: &AssociateRequest) -> Vec<(String, String)> {
    let results = telerad_net::dicom::Services::negotiate(server, request).into_iter();
    let accepted = results.zip(&request.contexts).filter_map(|((id, result), context)| {
        assert_eq!(id, context.id);
        match result {
            telerad_dimse::ContextResult::Accepted { transfer_syntax } => {
                Some((context.abstract_syntax.clone(), transfer_syntax))
            }
            _ => None,
        }
    });
    accepted.collect()
}

#[test]
fn what_is_registered_is_what_is_negotiated() {
    let all = Everything::default;
    check(builder(), &[]);
    check(builder().store(all()), &[uids::CT_IMAGE_STORAGE, PRIVATE_CLASS]);
    check(builder().store_classes(&[uids::CT_IMAGE_STORAGE], all()), &[uids::CT_IMAGE_STORAGE]);
    check(builder().find(&FIND_MODELS, all()), &[uids::STUDY_ROOT_FIND]);
    check(builder().move_scp(&MOVE_MODELS, all()), &[uids::PATIENT_ROOT_MOVE]);
    // Nobody proposes to receive instances here, so there are no contexts to send them on.
    check(builder().get(&GET_MODELS, all()), &[uids::STUDY_ROOT_GET]);
    check(builder().worklist(all()), &[uids::MODALITY_WORKLIST_FIND]);
    check(builder().n_service(&[STEP, PRIVATE_CLASS], all()), &[PRIVATE_CLASS, STEP]);
}

struct Choosy;

impl Door for Choosy {
    fn admit(&self, request: &AssociateRequest, _: &Remote) -> Result<(), Rejection> {
        match request.calling.as_str() {
            "CT1" => Ok(()),
            _ => Err(Rejection::CALLING_AE_NOT_RECOGNIZED),
        }
    }

    fn offers(&self, _: &AssociateRequest, sop_class_uid: &str) -> bool {
        sop_class_uid != uids::MODALITY_WORKLIST_FIND
    }
}

#[test]
fn a_door_may_offer_less_than_there_is() {
    let server = Server::builder(Choosy).store(Everything::default());
    check(server.worklist(Everything::default()), &[uids::CT_IMAGE_STORAGE, PRIVATE_CLASS]);
}

#[tokio::test]
async fn a_closure_is_a_door() {
    let closed = |_: &AssociateRequest, _: &Remote| Err(Rejection::CALLING_AE_NOT_RECOGNIZED);
    let (near, far) = tokio::io::duplex(65_536);
    tokio::task::spawn(async move {
        let (_handle, stop) = shutdown();
        let server = Arc::new(Server::builder(closed).build());
        server.serve_stream(far, "192.0.2.1:1", stop).await;
    });
    let fault = peers::open(near).await.unwrap_err().fault;
    assert_eq!(fault, AssociationFault::Rejected(Rejection::CALLING_AE_NOT_RECOGNIZED));
}

#[test]
fn each_class_has_its_own_transfer_syntaxes() {
    let ours = |syntaxes: &[&str]| syntaxes.iter().map(|syntax| (*syntax).to_owned()).collect();
    let server = builder()
        .store(Everything::default())
        .storage_syntaxes(SyntaxOffer::Preferring(ours(&[JPEG_2000])))
        .syntaxes(uids::MR_IMAGE_STORAGE, SyntaxOffer::OurOrder(ours(&[EXPLICIT])))
        .worklist(Everything::default())
        .build();
    let proposed: &[(&str, &[&str])] = &[
        (uids::CT_IMAGE_STORAGE, &[IMPLICIT, JPEG_2000]),
        (uids::CT_IMAGE_STORAGE, &[PRIVATE_SYNTAX]),
        (uids::MR_IMAGE_STORAGE, &[JPEG_2000, IMPLICIT, EXPLICIT]),
        (uids::MR_IMAGE_STORAGE, &[JPEG_2000]),
        (uids::MODALITY_WORKLIST_FIND, &[JPEG_2000, IMPLICIT, EXPLICIT]),
    ];
    let accepted = accepted(&server, &request(proposed, Vec::new()));
    let expected = [
        (uids::CT_IMAGE_STORAGE, JPEG_2000),
        (uids::CT_IMAGE_STORAGE, PRIVATE_SYNTAX),
        (uids::MR_IMAGE_STORAGE, EXPLICIT),
        (uids::MODALITY_WORKLIST_FIND, IMPLICIT),
    ];
    assert_eq!(accepted, expected.map(|(class, syntax)| (class.to_owned(), syntax.to_owned())));
}

/// The roles that a requestor is granted which proposes both for each of these classes.
#[track_caller]
fn check_roles(builder: ServerBuilder, class: &str, expected: Roles) {
    let proposed = vec![RoleSelection { sop_class_uid: class.to_owned(), roles: Roles::BOTH }];
    let request = request(&[(class, &[EXPLICIT])], proposed);
    let items = telerad_net::dicom::Services::answer_items(&builder.build(), &request);
    assert_eq!(items.roles_of(class), Some(expected));
}

#[test]
fn roles_follow_from_what_is_registered() {
    let all = Everything::default;
    let ct = uids::CT_IMAGE_STORAGE;
    check_roles(builder().store(all()), ct, Roles::SCU);
    check_roles(builder().get(&GET_MODELS, all()), ct, Roles::SCP);
    check_roles(builder().store(all()).get(&GET_MODELS, all()), ct, Roles::BOTH);
    check_roles(builder().n_service(&[STEP], all()), STEP, Roles::BOTH);
    check_roles(builder().find(&FIND_MODELS, all()), uids::STUDY_ROOT_FIND, Roles::SCU);
}

#[tokio::test]
async fn what_nobody_knows_is_stored_as_it_comes() {
    let desk = Everything::default();
    let contexts: &[(&str, &[&str])] = &[(PRIVATE_CLASS, &[PRIVATE_SYNTAX, IMPLICIT])];
    let server = builder().store(desk.clone()).build();
    let mut association = associate(server, &peer("there:104"), contexts).await;
    let request = StoreRequest {
        message_id: 0,
        sop_class_uid: PRIVATE_CLASS.to_owned(),
        sop_instance_uid: "1.2.3".to_owned(),
        transfer_syntax_uid: PRIVATE_SYNTAX.to_owned(),
        move_originator: None,
    };
    let odd = bytes::Bytes::from_static(b"no data set at all");
    assert!(association.store(&request, odd.clone()).await.unwrap().is_delivered());
    let stored = desk.stored.lock().unwrap();
    assert_eq!(stored[0].0.transfer_syntax_uid, PRIVATE_SYNTAX);
    assert_eq!(stored[0].1, odd);
}

#[tokio::test]
async fn a_server_that_takes_nothing_in_gives_out_to_those_who_can_receive() {
    let server = builder().get(&GET_MODELS, Everything::default()).build();
    let peer = peer("there:104").receiving(&[uids::CT_IMAGE_STORAGE]);
    let contexts: &[(&str, &[&str])] =
        &[(uids::STUDY_ROOT_GET, &[EXPLICIT]), (uids::CT_IMAGE_STORAGE, &[JPEG_2000])];
    let mut association = associate(server, &peer, contexts).await;
    let mut study = DataSet::new();
    study.set_text(tags::STUDY_INSTANCE_UID, "1.2.3");
    let sink = Everything::default();
    let getting = association.get(uids::STUDY_ROOT_GET, &study, &sink).await.unwrap();
    let outcome = getting.finish().await.unwrap();
    assert_eq!((outcome.status, outcome.sub_operations.completed), (Status::SUCCESS, 1));
    let stored = sink.stored.lock().unwrap();
    assert_eq!(stored[0].1, peers::pieces(1, 100_000).make_contiguous().concat());
}

#[tokio::test]
async fn each_service_answers_for_its_classes_and_no_others() {
    let all = Everything::default;
    let server = builder()
        .find(&[uids::STUDY_ROOT_FIND, PRIVATE_CLASS], all())
        .move_scp(&MOVE_MODELS, all())
        .get(&GET_MODELS, all())
        .n_service(&[STEP], all())
        .build();
    let classes =
        [uids::STUDY_ROOT_FIND, PRIVATE_CLASS, uids::STUDY_ROOT_MOVE, uids::STUDY_ROOT_GET, STEP];
    let contexts = classes.map(|class| (class, [EXPLICIT].as_slice()));
    let mut association = associate(server, &peer("there:104"), &contexts).await;
    let key = DataSet::new();
    for class in [uids::STUDY_ROOT_FIND, PRIVATE_CLASS] {
        let answers = association.find_all(class, &key).await.unwrap();
        assert_eq!(answers[0].text(tags::STUDY_INSTANCE_UID).as_deref(), Some(class));
    }
    let refused = association.find_all(STEP, &key).await.unwrap_err().fault;
    assert_eq!(refused, AssociationFault::Failed(Status::SOP_CLASS_NOT_SUPPORTED));
    let reader = title("READER");
    for (class, status) in [
        (uids::STUDY_ROOT_MOVE, Status::MOVE_DESTINATION_UNKNOWN),
        (uids::STUDY_ROOT_FIND, Status::SOP_CLASS_NOT_SUPPORTED),
    ] {
        let moving = association.move_to(class, &reader, &key).await.unwrap();
        assert_eq!(moving.finish().await.unwrap().status, status);
    }
    let sink = all();
    let getting = association.get(uids::STUDY_ROOT_GET, &key, &sink).await.unwrap();
    let status = getting.finish().await.unwrap().status;
    assert_eq!(status, Status::UNABLE_TO_CALCULATE_MATCHES);
    let mut create = NRequest {
        sop_class_uid: STEP.to_owned(),
        sop_instance_uid: String::new(),
        operation: NOperation::Create,
        data_set: None,
        transfer_syntax_uid: EXPLICIT.to_owned(),
    };
    let reply = association.n_service(&create).await.unwrap();
    assert_eq!(reply.sop_instance_uid.as_deref(), Some(STEP));
    create.sop_class_uid = PRIVATE_CLASS.to_owned();
    let reply = association.n_service(&create).await.unwrap();
    assert_eq!(reply.status, Status::UNRECOGNIZED_OPERATION);
}

#[tokio::test]
async fn a_class_that_is_not_taken_cannot_come_on_the_context_of_another() {
    let all = Everything::default();
    let server = builder().store_classes(&[uids::CT_IMAGE_STORAGE], all.clone()).build();
    let mut raw = Raw::calling(Arc::new(server), ServerConfig::default()).await;
    let store = |message_id, class: &str| Command::StoreRq {
        message_id,
        sop_class_uid: class.to_owned(),
        sop_instance_uid: "1.2.3.1".to_owned(),
        priority: 0,
        move_originator: None,
    };
    raw.send(peers::CT, &store(1, uids::ENCAPSULATED_PDF_STORAGE)).await;
    raw.finish(b"data").await;
    assert_eq!(raw.status().await, Status::SOP_CLASS_NOT_SUPPORTED);
    raw.send(peers::CT, &store(2, uids::CT_IMAGE_STORAGE)).await;
    raw.finish(b"data").await;
    assert_eq!(raw.status().await, Status::SUCCESS);
    assert_eq!(all.stored.lock().unwrap().len(), 1);
}

/// Succeeds where a step in progress can be read.
struct Reader;

impl NServiceScp for Reader {
    async fn n_service(&self, _: AssociationContext, request: NRequest) -> NReply {
        let read = request.attributes(DataSetLimits::default());
        let status = read.ok().and_then(|it| it.text(tags::PERFORMED_PROCEDURE_STEP_STATUS));
        match status.as_deref() {
            Some("IN PROGRESS") => Status::SUCCESS.into(),
            _ => Status::INVALID_ATTRIBUTE_VALUE.into(),
        }
    }
}

#[tokio::test]
async fn an_n_service_takes_the_context_of_its_transfer_syntax() {
    let contexts: &[(&str, &[&str])] = &[(STEP, &[IMPLICIT]), (STEP, &[EXPLICIT])];
    let server = builder().n_service(&[STEP], Reader).build();
    let mut association = associate(server, &peer("there:104"), contexts).await;
    let mut attributes = DataSet::new();
    attributes.set_text(tags::PERFORMED_PROCEDURE_STEP_STATUS, "IN PROGRESS");
    let create = |syntax: &str| NRequest {
        sop_class_uid: STEP.to_owned(),
        sop_instance_uid: "1.2.1".to_owned(),
        operation: NOperation::Create,
        data_set: Some(attributes.encode(syntax).unwrap().into()),
        transfer_syntax_uid: syntax.to_owned(),
    };
    for syntax in [EXPLICIT, IMPLICIT] {
        let reply = association.n_service(&create(syntax)).await.unwrap();
        assert_eq!(reply.status, Status::SUCCESS, "{syntax}");
    }
    // What the peer would take for something else is not sent.
    let error = association.n_service(&create(uids::EXPLICIT_VR_BIG_ENDIAN)).await.unwrap_err();
    assert!(matches!(error.fault, AssociationFault::NoContext { .. }), "{error}");
    assert!(association.is_usable());
}
