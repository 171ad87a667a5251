//! N-services of any class, both roles.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use telerad_dicom::{Status, Tag, uids};
use telerad_dimse::{
    AssociateRequest, Command, ContextResult, ProposedContext, Rejection, RoleSelection, Roles,
    StatusDetail, UserItems,
};
use telerad_net::dicom::{
    AssociationContext, AssociationFault, Body, ClientAssociation, DimseService, NOperation,
    NReply, NRequest, NServiceScp, ServerConfig, Services, StoreReply, StoreRequest, serve_stream,
};
use telerad_net::{BoxFuture, SystemClock, shutdown};

use crate::peers::{Raw, peer};
use crate::server;

const STEP: &str = uids::MODALITY_PERFORMED_PROCEDURE_STEP;

/// Notes what is asked, and answers what it is told to.
#[derive(Clone)]
struct Clerk {
    asked: Arc<Mutex<Vec<NRequest>>>,
    reply: NReply,
}

impl Services for Clerk {
    fn admit(&self, _: &AssociateRequest, _: &telerad_net::Remote) -> Result<(), Rejection> {
        Ok(())
    }

    fn negotiate(&self, request: &AssociateRequest) -> Vec<(u8, ContextResult)> {
        let transfer_syntax = uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned();
        vec![(request.contexts[0].id, ContextResult::Accepted { transfer_syntax })]
    }

    fn serves(&self, service: DimseService, _: &str) -> bool {
        service == DimseService::NService
    }

    fn answer_items(&self, request: &AssociateRequest) -> UserItems {
        UserItems { roles: request.user.roles.clone(), ..UserItems::default() }
    }

    fn store(
        &self,
        _: AssociationContext,
        _: StoreRequest,
        _: Body,
    ) -> BoxFuture<'static, StoreReply> {
        Box::pin(std::future::ready(Status::SOP_CLASS_NOT_SUPPORTED.into()))
    }

    fn n_service(
        &self,
        _: AssociationContext,
        _: &str,
        request: NRequest,
    ) -> BoxFuture<'static, NReply> {
        self.asked.lock().unwrap().push(request);
        Box::pin(std::future::ready(self.reply.clone()))
    }
}

async fn associate(reply: NReply, config: ServerConfig) -> (ClientAssociation, Clerk) {
    associate_as(None, reply, config).await
}

/// For these roles of the requestor; `None` proposes none.
async fn associate_as(
    roles: Option<Roles>,
    reply: NReply,
    config: ServerConfig,
) -> (ClientAssociation, Clerk) {
    let (near, far) = tokio::io::duplex(65_536);
    let clerk = Clerk { asked: Arc::default(), reply };
    let services = Arc::new(clerk.clone());
    tokio::task::spawn(async move {
        let (_handle, stop) = shutdown();
        serve_stream(far, "asker:1", services, config, stop).await;
    });
    let contexts = vec![ProposedContext {
        id: 1,
        abstract_syntax: STEP.to_owned(),
        transfer_syntaxes: vec![uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned()],
    }];
    let (clock, mut peer) = (SystemClock::shared(), peer("ris:104"));
    let selection = |roles| RoleSelection { sop_class_uid: STEP.to_owned(), roles };
    peer.user.roles.extend(roles.map(selection));
    (ClientAssociation::open(near, clock, &peer, contexts).await.unwrap(), clerk)
}

fn request(operation: NOperation, data_set: Option<&'static [u8]>) -> NRequest {
    NRequest {
        sop_class_uid: STEP.to_owned(),
        sop_instance_uid: "1.2.3".to_owned(),
        operation,
        data_set: data_set.map(Bytes::from_static),
        transfer_syntax_uid: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
    }
}

/// Asks, and checks that what arrives is what was asked, and what is answered is what was told.
async fn check(request: NRequest, reply: NReply) {
    check_as(Roles::SCU, request, reply).await;
}

async fn check_as(roles: Roles, request: NRequest, reply: NReply) {
    let config = ServerConfig::default();
    let (mut association, clerk) = associate_as(Some(roles), reply.clone(), config).await;
    let got = association.n_service(&request).await.unwrap();
    assert_eq!(*clerk.asked.lock().unwrap(), [request]);
    let expected = NReply { sop_instance_uid: Some("1.2.3".to_owned()), ..reply };
    assert_eq!(got, expected);
}

const STATUS: &[u8] = b"\x40\x00\x52\x02CS\x0c\x00IN PROGRESS ";

#[tokio::test]
async fn every_service_carries_what_it_has_there_and_back() {
    let refused = NReply {
        detail: StatusDetail {
            offending_elements: vec![Tag(0x0040, 0x0252)],
            comment: Some("not in progress".to_owned()),
            error_id: Some(0xA710),
            ..StatusDetail::default()
        },
        ..Status::PROCESSING_FAILURE.into()
    };
    let with_data_set =
        NReply { data_set: Some(Bytes::from_static(STATUS)), ..Status::SUCCESS.into() };
    let (action_type_id, event_type_id) = (1, 2);
    let attributes = vec![Tag(0x0040, 0x0252)];
    check(request(NOperation::Create, Some(STATUS)), Status::SUCCESS.into()).await;
    check(request(NOperation::Create, None), with_data_set.clone()).await;
    check(request(NOperation::Set, Some(STATUS)), refused).await;
    check(request(NOperation::Get { attributes }, None), with_data_set.clone()).await;
    check(request(NOperation::Action { action_type_id }, Some(STATUS)), with_data_set).await;
    let report = NOperation::EventReport { event_type_id };
    check_as(Roles::BOTH, request(report, Some(STATUS)), Status::SUCCESS.into()).await;
    check(request(NOperation::Delete, None), Status::NO_SUCH_SOP_INSTANCE.into()).await;
}

#[tokio::test]
async fn the_performer_may_choose_the_instance() {
    let chosen = NReply { sop_instance_uid: Some("1.9".to_owned()), ..Status::SUCCESS.into() };
    let (mut association, _) = associate(chosen.clone(), ServerConfig::default()).await;
    let create = NRequest { sop_instance_uid: String::new(), ..request(NOperation::Create, None) };
    assert_eq!(association.n_service(&create).await.unwrap(), chosen);
}

#[tokio::test]
async fn a_request_that_its_service_cannot_carry_is_not_sent() {
    let (mut association, clerk) = associate(Status::SUCCESS.into(), ServerConfig::default()).await;
    for wrong in [request(NOperation::Set, None), request(NOperation::Delete, Some(STATUS))] {
        let error = association.n_service(&wrong).await.unwrap_err();
        assert!(matches!(error.fault, AssociationFault::DataSet(_)), "{error:?}");
    }
    assert!(association.is_usable());
    assert!(clerk.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_data_set_beyond_the_limit_is_refused() {
    let config = ServerConfig { identifier_bytes_max: 10, ..ServerConfig::default() };
    let (mut association, clerk) = associate(Status::SUCCESS.into(), config).await;
    let reply = association.n_service(&request(NOperation::Create, Some(STATUS))).await.unwrap();
    assert_eq!(reply.status, Status::RESOURCE_LIMITATION);
    assert!(clerk.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_takes_another_role_is_not_sent() {
    let report = request(NOperation::EventReport { event_type_id: 1 }, None);
    let create = request(NOperation::Create, Some(STATUS));
    for (roles, allowed, refused) in [
        (None, &create, &report),
        (Some(Roles::SCU), &create, &report),
        (Some(Roles::SCP), &report, &create),
    ] {
        let reply = Status::SUCCESS.into();
        let (mut association, clerk) = associate_as(roles, reply, ServerConfig::default()).await;
        let error = association.n_service(refused).await.unwrap_err();
        let no_role = AssociationFault::NoRole { sop_class_uid: STEP.to_owned() };
        assert_eq!(error.fault, no_role);
        assert!(association.is_usable());
        assert_eq!(association.n_service(allowed).await.unwrap().status, Status::SUCCESS);
        assert_eq!(*clerk.asked.lock().unwrap(), std::slice::from_ref(allowed));
    }
}

/// What the peer hears that asks this on its only context, of this class, for these roles; and whether it was asked.
async fn answer(class: &str, roles: Option<Roles>, command: &Command) -> (Status, bool) {
    let clerk = Clerk { asked: Arc::default(), reply: Status::SUCCESS.into() };
    let context = ProposedContext {
        id: 1,
        abstract_syntax: class.to_owned(),
        transfer_syntaxes: vec![uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned()],
    };
    let selection = |roles| RoleSelection { sop_class_uid: class.to_owned(), roles };
    let roles = roles.map(selection).into_iter().collect();
    let user = UserItems { roles, ..UserItems::default() };
    let services = Arc::new(clerk.clone());
    let mut raw = Raw::asking(services, ServerConfig::default(), vec![context], user).await;
    raw.send(1, command).await;
    let status = raw.status().await;
    // The association goes on.
    let delete = Command::NDeleteRq {
        message_id: 2,
        sop_class_uid: class.to_owned(),
        sop_instance_uid: "1.2.9".to_owned(),
    };
    let is_asked = !clerk.asked.lock().unwrap().is_empty();
    raw.send(1, &delete).await;
    raw.status().await;
    (status, is_asked)
}

fn report(class: &str) -> Command {
    Command::NEventReportRq {
        message_id: 1,
        sop_class_uid: class.to_owned(),
        sop_instance_uid: "1.2.3".to_owned(),
        event_type_id: 1,
        has_data_set: false,
    }
}

fn create(class: &str) -> Command {
    Command::NCreateRq {
        message_id: 1,
        sop_class_uid: class.to_owned(),
        sop_instance_uid: "1.2.3".to_owned(),
        has_data_set: false,
    }
}

#[tokio::test]
async fn a_request_of_a_role_that_was_not_agreed_is_refused() {
    let refused = (Status::UNRECOGNIZED_OPERATION, false);
    let performed = (Status::SUCCESS, true);
    for (roles, expected_report, expected_create) in [
        (None, refused, performed),
        (Some(Roles::SCU), refused, performed),
        (Some(Roles::SCP), performed, refused),
        (Some(Roles::BOTH), performed, performed),
        (Some(Roles::NONE), refused, refused),
    ] {
        assert_eq!(answer(STEP, roles, &report(STEP)).await, expected_report, "{roles:?}");
        assert_eq!(answer(STEP, roles, &create(STEP)).await, expected_create, "{roles:?}");
    }
}

/// Many providers of storage commitment propose no role when they bring their result.
#[tokio::test]
async fn a_result_of_storage_commitment_is_taken_from_who_says_nothing_about_roles() {
    let class = uids::STORAGE_COMMITMENT_PUSH_MODEL;
    assert_eq!(answer(class, None, &report(class)).await, (Status::SUCCESS, true));
    let refused = (Status::UNRECOGNIZED_OPERATION, false);
    assert_eq!(answer(class, Some(Roles::SCU), &report(class)).await, refused);
}

#[tokio::test]
async fn a_context_of_a_class_that_stands_for_itself_carries_no_other() {
    let refused = (Status::NO_SUCH_SOP_CLASS, false);
    for class in
        [STEP, uids::STORAGE_COMMITMENT_PUSH_MODEL, uids::INSTANCE_AVAILABILITY_NOTIFICATION]
    {
        assert_eq!(answer(class, None, &create("1.2.840.10008.5.1.1.1")).await, refused);
    }
    // A film session on a context of grayscale print management, a step on one that watches steps; and nobody knows what
    // a private class consists of.
    for (class, named) in [
        ("1.2.840.10008.5.1.1.9", "1.2.840.10008.5.1.1.1"),
        ("1.2.840.10008.5.1.4.34.6.2", "1.2.840.10008.5.1.4.34.6.1"),
        ("1.3.46.670589.5.0.9", "1.3.46.670589.5.0.10"),
    ] {
        assert_eq!(answer(class, None, &create(named)).await, (Status::SUCCESS, true));
    }
}

/// A service that never comes to an end is answered for with a status that its service has.
#[tokio::test(start_paused = true)]
async fn an_n_service_that_does_not_answer_is_answered_for() {
    struct Silent;

    impl NServiceScp for Silent {
        async fn n_service(&self, _: AssociationContext, _: NRequest) -> NReply {
            std::future::pending().await
        }
    }

    let config = ServerConfig { service_seconds_max: 50, ..ServerConfig::default() };
    let server = server::builder().n_service(&[STEP], Silent).config(config).build();
    let contexts: &[(&str, &[&str])] = &[(STEP, &[uids::EXPLICIT_VR_LITTLE_ENDIAN])];
    let mut association = server::associate(server, &peer("ris:104"), contexts).await;
    let start = tokio::time::Instant::now();
    let reply = association.n_service(&request(NOperation::Create, Some(STATUS))).await.unwrap();
    assert_eq!((reply.status, start.elapsed().as_secs()), (Status::PROCESSING_FAILURE, 50));
    assert_eq!(reply.detail.comment.as_deref(), Some("service timed out"));
}
