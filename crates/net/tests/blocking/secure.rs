//! TLS at both ends, without a runtime at either.

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use telerad_dicom::{Status, uids};
use telerad_dimse::{AssociateRequest, Rejection, plan_contexts};
use telerad_net::blocking::{self, Acceptor, Association, Handlers, Incoming, Storage};
use telerad_net::dicom::{
    AssociationContext, AssociationError, AssociationFault, Peer, ServerConfig, StoreReply,
    StoreRequest,
};
use telerad_net::tls::{
    ClientCertificate, ClientFiles, ClientTls, ServerTls, TlsAcceptor, TlsConnector, TlsFault,
};
use telerad_net::{Listener, Remote, ShutdownHandle, SystemClock, TcpConnector, shutdown};

use crate::authority::Authority;

/// Notes who came: whether with a certificate, and whether that names the modality.
#[derive(Clone, Default)]
struct Inbox {
    callers: Arc<Mutex<Vec<Option<bool>>>>,
}

struct Lost;

impl Incoming for Lost {
    fn write(&mut self, _: &[u8]) -> Result<(), StoreReply> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> StoreReply {
        Status::SUCCESS.into()
    }
}

impl Storage for Inbox {
    fn begin(
        &self,
        _: &AssociationContext,
        _: &StoreRequest,
    ) -> Result<Box<dyn Incoming>, StoreReply> {
        Ok(Box::new(Lost))
    }
}

impl Handlers for Inbox {
    fn admit(&self, _: &AssociateRequest, remote: &Remote) -> Result<(), Rejection> {
        let caller = remote.identity.as_ref().map(|it| it.is_named("ct1.example"));
        self.callers.lock().unwrap().push(caller);
        Ok(())
    }
}

struct Secure {
    address: String,
    inbox: Inbox,
    stop: Option<ShutdownHandle>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Secure {
    fn start(tls: ServerTls) -> Self {
        let acceptor = Acceptor::new(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        let address = acceptor.local_address();
        let (handle, stop) = shutdown();
        let inbox = Inbox::default();
        let services = blocking::services(Arc::new(inbox.clone()));
        let acceptor = TlsAcceptor::new(acceptor, tls);
        let serve = move || blocking::serve(acceptor, services, ServerConfig::default(), stop);
        Self { address, inbox, stop: Some(handle), thread: Some(thread::spawn(serve)) }
    }

    /// Sends one instance.
    fn send(&self, files: ClientFiles) -> Result<(), AssociationError> {
        let server_name = Some("server.example".to_owned());
        let files = ClientFiles { server_name, ..files };
        let tls = ClientTls::load(files, SystemClock::shared()).unwrap();
        let connector = TlsConnector::new(TcpConnector, tls);
        let title = |text: &str| text.parse().unwrap();
        let peer = Peer::new(&self.address, title("INBOX"), title("CT1"));
        let (class, syntax) = (uids::CT_IMAGE_STORAGE, uids::EXPLICIT_VR_LITTLE_ENDIAN);
        let contexts = plan_contexts(&[(class, syntax)]).remove(0);
        let mut association = Association::connect_with(&connector, &peer, contexts)?;
        let request = StoreRequest {
            message_id: 0,
            sop_class_uid: class.to_owned(),
            sop_instance_uid: "2.25.1".to_owned(),
            transfer_syntax_uid: syntax.to_owned(),
            move_originator: None,
        };
        let data_set = vec![7; 3_000_000];
        assert!(association.store_from(&request, &data_set[..]).unwrap().is_delivered());
        association.release()
    }

    fn callers(&self) -> Vec<Option<bool>> {
        self.inbox.callers.lock().unwrap().clone()
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        if !thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

#[test]
fn an_instance_comes_over_tls() {
    let north = Authority::new("North CA");
    let server = Secure::start(north.server(ClientCertificate::None));
    server.send(north.client_files(None)).unwrap();
    assert_eq!(server.callers(), [None]);
    let south = Authority::new("South CA");
    let error = server.send(south.client_files(None)).unwrap_err();
    assert_eq!(error.fault, AssociationFault::Tls(TlsFault::Untrusted));
}

#[test]
fn with_certificates_on_both_sides_each_knows_the_other() {
    let north = Authority::new("North CA");
    let server = Secure::start(north.server(ClientCertificate::Required));
    server.send(north.client_files(Some(north.issue("ct1", |_| {})))).unwrap();
    assert_eq!(server.callers(), [Some(true)]);
    // In TLS 1.3 a client learns of a refusal when it has said something (RFC 8446 section 4.4.4).
    let error = server.send(north.client_files(None)).unwrap_err();
    assert!(matches!(error.fault, AssociationFault::Tls(TlsFault::CertificateWanted)), "{error}");
    assert_eq!(server.callers().len(), 1);
}
