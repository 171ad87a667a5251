//! DICOM and HL7 over TLS, from end to end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use telerad_core::Timestamp;
use telerad_dicom::{Status, uids};
use telerad_dimse::{AssociateRequest, Rejection, plan_contexts};
use telerad_hl7::{AckCode, Acknowledgement, Message, acknowledge};
use telerad_net::dicom::{
    self, AssociationContext, AssociationFault, Body, ClientAssociation, Peer, Phase, Services,
    StoreReply, StoreRequest,
};
use telerad_net::mllp::{self, MessageHandler, SendError, Sender};
use telerad_net::tls::{
    CertificateMatch, CertificatePolicy, ClientCertificate, ClientTls, Spoken, TlsAcceptor,
    TlsConnector, TlsFault,
};
use telerad_net::{
    AnyConnector, BoxFuture, Clock, Connector, Remote, ShutdownHandle, SystemClock, TokioSpawn,
    shutdown,
};

use crate::authority::Authority;
use crate::pair::{ADDRESS, Cable, pair};

type Seen = Arc<Mutex<Vec<String>>>;

/// Takes instances from CT1 and messages from RIS, if the certificate is theirs.
#[derive(Clone)]
struct Desk {
    policy: CertificatePolicy<&'static str>,
    seen: Seen,
}

impl Desk {
    fn new() -> Self {
        let own = |name: &str| CertificateMatch::Named(format!("{name}.example"));
        let policy = CertificatePolicy::new().allow("CT1", own("ct1")).allow("RIS", own("ris"));
        Self { policy, seen: Seen::default() }
    }
}

impl Services for Desk {
    fn admit(&self, request: &AssociateRequest, remote: &Remote) -> Result<(), Rejection> {
        self.seen.lock().unwrap().push(remote.to_string());
        let permitted = self.policy.permits(&request.calling.as_str(), remote.identity.as_deref());
        permitted.map_err(|_| Rejection::CALLING_AE_NOT_RECOGNIZED)
    }

    fn store(
        &self,
        context: AssociationContext,
        _: StoreRequest,
        mut body: Body,
    ) -> BoxFuture<'static, StoreReply> {
        let seen = Arc::clone(&self.seen);
        Box::pin(async move {
            let mut bytes = 0;
            while let Some(piece) = body.next().await {
                let Ok(piece) = piece else { return Status::CANNOT_UNDERSTAND.into() };
                bytes += piece.len();
            }
            seen.lock().unwrap().push(format!("{bytes} bytes from {}", context.remote));
            Status::SUCCESS.into()
        })
    }
}

impl MessageHandler for Desk {
    fn handle(&self, remote: Remote, frame: Bytes) -> BoxFuture<'static, Bytes> {
        let message = Message::parse(frame).unwrap();
        let permitted = self.policy.permits(&"RIS", remote.identity.as_deref());
        let code = if permitted.is_ok() { AckCode::AA } else { AckCode::AR };
        let ack = Acknowledgement { code, error: None };
        let answer = acknowledge(Some(&message), &ack, "ACK1", Timestamp::from_micros(0));
        Box::pin(std::future::ready(answer))
    }
}

fn serve_dicom(authority: &Authority, wanted: ClientCertificate) -> (Cable, Seen, ShutdownHandle) {
    let (port, cable) = pair();
    let listener = TlsAcceptor::new(port, authority.server(wanted));
    let (desk, (handle, stop)) = (Desk::new(), shutdown());
    let seen = Arc::clone(&desk.seen);
    let config = dicom::ServerConfig::default();
    tokio::spawn(dicom::serve(listener, Arc::new(desk), config, Arc::new(TokioSpawn), stop));
    (cable, seen, handle)
}

async fn associate(connector: &impl Connector) -> Result<ClientAssociation, AssociationFault> {
    let peer = Peer::new(ADDRESS, "INBOX".parse().unwrap(), "CT1".parse().unwrap());
    let wanted = (uids::CT_IMAGE_STORAGE, uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let contexts = plan_contexts(&[wanted]).remove(0);
    ClientAssociation::connect(connector, &peer, contexts).await.map_err(|error| error.fault)
}

async fn store(association: &mut ClientAssociation, bytes: usize) {
    let request = StoreRequest {
        message_id: 0,
        sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
        sop_instance_uid: "2.25.1".to_owned(),
        transfer_syntax_uid: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
        move_originator: None,
    };
    let answer = association.store(&request, Bytes::from(vec![0; bytes])).await.unwrap();
    assert!(answer.is_delivered());
}

#[tokio::test]
async fn an_instance_goes_over_tls_and_the_services_know_from_whom() {
    let north = Authority::new("North CA");
    let (cable, seen, _handle) = serve_dicom(&north, ClientCertificate::Required);
    let connector = TlsConnector::new(cable, north.client(Some("ct1")));
    let mut association = associate(&connector).await.unwrap();
    // More than the buffers of rustls hold, so that flushing matters.
    store(&mut association, 3_000_000).await;
    store(&mut association, 10).await;
    association.release().await.unwrap();
    let who = "192.0.2.9:40000 (CN=ct1,O=North)";
    let expected =
        [who.to_owned(), format!("3000000 bytes from {who}"), format!("10 bytes from {who}")];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_connector_of_any_kind_shakes_hands_as_well() {
    let north = Authority::new("North CA");
    let (cable, seen, _handle) = serve_dicom(&north, ClientCertificate::Required);
    let connector = AnyConnector::new(TlsConnector::new(cable, north.client(Some("ct1"))));
    assert!(connector.is_secure(ADDRESS));
    associate(&connector).await.unwrap().release().await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_title_that_belongs_to_another_certificate_is_rejected() {
    let north = Authority::new("North CA");
    for (wanted, name) in
        [(ClientCertificate::Required, Some("ct2")), (ClientCertificate::Allowed, None)]
    {
        let (cable, _, _handle) = serve_dicom(&north, wanted);
        let fault = associate(&TlsConnector::new(cable, north.client(name))).await.unwrap_err();
        assert_eq!(fault, AssociationFault::Rejected(Rejection::CALLING_AE_NOT_RECOGNIZED));
    }
}

#[tokio::test]
async fn why_there_is_no_association_is_named() {
    let (north, south) = (Authority::new("North CA"), Authority::new("South CA"));
    let (cable, _, _handle) = serve_dicom(&north, ClientCertificate::Required);
    let client = |tls: ClientTls| TlsConnector::new(cable.clone(), tls);
    let fault = associate(&client(north.client(None))).await.unwrap_err();
    assert_eq!(fault, AssociationFault::Tls(TlsFault::CertificateWanted));
    let fault = associate(&client(south.client(None))).await.unwrap_err();
    assert_eq!(fault, AssociationFault::Tls(TlsFault::Untrusted));
    let fault = associate(&cable).await.unwrap_err();
    assert_eq!(fault, AssociationFault::Tls(TlsFault::UnexpectedTls));
    assert!(!fault.is_retryable());
}

#[tokio::test]
async fn tls_to_a_plain_port_is_named_at_both_ends() {
    let north = Authority::new("North CA");
    let (port, cable) = pair();
    let (_handle, stop) = shutdown();
    let desk = Arc::new(Desk::new());
    let config = dicom::ServerConfig::default();
    tokio::spawn(dicom::serve(port, desk, config, Arc::new(TokioSpawn), stop));
    let connector = TlsConnector::new(cable, north.client(None));
    let fault = associate(&connector).await.unwrap_err();
    // It answers a TLS hello with an A-ABORT.
    assert_eq!(fault, AssociationFault::Tls(TlsFault::PlainText(Spoken::Dicom)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_shake_hands_is_given_up_at_the_deadline() {
    let north = Authority::new("North CA");
    let (_port, cable) = pair();
    let start = SystemClock.now();
    let connector = TlsConnector::new(cable.clone(), north.client(None));
    let fault = associate(&connector).await.unwrap_err();
    assert_eq!(fault, AssociationFault::Timeout(Phase::Tls));
    assert_eq!(SystemClock.now() - start, Duration::from_secs(10));
    let mut sender = Sender::new(connector, ADDRESS, mllp::Timeouts::default());
    let error = sender.send(&message()).await.map(|_| ()).unwrap_err();
    assert_eq!(error, SendError::Tls(TlsFault::Timeout));
    assert_eq!(SystemClock.now() - start, Duration::from_secs(20));
}

fn message() -> Message {
    let text = "MSH|^~\\&|RIS|NORTH|TELERAD|GATEWAY|20240101||ADT^A04^ADT_A01|1|P|2.5.1\rPID|1\r";
    Message::parse(text.as_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn messages_go_over_tls_and_the_handler_knows_from_whom() {
    let north = Authority::new("North CA");
    let (port, cable) = pair();
    let listener = TlsAcceptor::new(port, north.server(ClientCertificate::Required));
    let (_handle, stop) = shutdown();
    let (desk, config) = (Arc::new(Desk::new()), mllp::ServerConfig::default());
    tokio::spawn(mllp::serve(listener, desk, config, Arc::new(TokioSpawn), stop));
    for (name, expected) in [("ris", AckCode::AA), ("ct1", AckCode::AR)] {
        let connector = TlsConnector::new(cable.clone(), north.client(Some(name)));
        let mut sender = Sender::new(connector, ADDRESS, mllp::Timeouts::default());
        for _ in 0..2 {
            assert_eq!(sender.send(&message()).await.unwrap().ack().code, expected, "{name}");
        }
    }
    let connector = TlsConnector::new(cable.clone(), north.client(None));
    let mut sender = Sender::new(connector, ADDRESS, mllp::Timeouts::default());
    let error = sender.send(&message()).await.map(|_| ()).unwrap_err();
    assert_eq!(error, SendError::Tls(TlsFault::CertificateWanted));
    assert!(!error.is_outcome_unknown());
    let mut sender = Sender::new(cable, ADDRESS, mllp::Timeouts::default());
    let error = sender.send(&message()).await.map(|_| ()).unwrap_err();
    assert_eq!(error, SendError::Tls(TlsFault::UnexpectedTls));
}
