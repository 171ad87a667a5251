//! N-services of any class, both roles.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use telerad_dicom::{Status, Tag, uids};
use telerad_dimse::{AssociateRequest, ContextResult, ProposedContext, Rejection, StatusDetail};
use telerad_net::dicom::{
    AssociationContext, AssociationFault, Body, ClientAssociation, NOperation, NReply, NRequest,
    ServerConfig, Services, StoreReply, StoreRequest, serve_stream,
};
use telerad_net::{BoxFuture, SystemClock, shutdown};

use crate::peers::peer;

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
    let (clock, peer) = (SystemClock::shared(), peer("ris:104"));
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
    let (mut association, clerk) = associate(reply.clone(), ServerConfig::default()).await;
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
    check(request(report, Some(STATUS)), Status::SUCCESS.into()).await;
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
