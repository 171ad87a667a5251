//! Programs without an async runtime, on both ends of loopback connections.
#![expect(clippy::disallowed_methods, reason = "tests own their listeners, threads and runtimes")]

#[cfg(feature = "tls-ring")]
#[expect(dead_code, reason = "shared with the tests of TLS")]
#[path = "../tls/authority.rs"]
mod authority;
#[cfg(feature = "tls-ring")]
mod secure;

use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use telerad_core::AeTitle;
use telerad_dicom::dataset::DataSetLimits;
use telerad_dicom::{DataSet, Status, tags, uids};
use telerad_dimse::{AssociateRequest, ContextResult, ProposedContext, Rejection};
use telerad_net::blocking::{
    self, Acceptor, Association, Handlers, Incoming, Matches, Storage, instances_from, whole,
};
use telerad_net::dicom::{
    AssociationContext, AssociationFault, ClientAssociation, FindRequest, GetEvent,
    InstanceReference, KeySupport, MoveDestination, MovePlan, NOperation, NReply, NRequest, Peer,
    Phase, Retrieval, RetrieveRequest, ServerConfig, StoreError, StoreReply, StoreRequest,
};
use telerad_net::{AnyConnector, Listener, Remote, ShutdownHandle, TcpConnector, shutdown};

const MOVE: &str = "1.2.840.10008.5.1.4.1.2.2.2";
const GET: &str = "1.2.840.10008.5.1.4.1.2.2.3";
const STEP: &str = "1.2.840.10008.3.1.2.3.3";

/// What a server was given, and how many data sets never came to their end.
#[derive(Default)]
struct Shelf {
    stored: Mutex<Vec<(String, Vec<u8>)>>,
    broken_off: AtomicUsize,
}

/// An archive that waits in its handlers.
#[derive(Clone)]
struct Archive {
    shelf: Arc<Shelf>,
    /// Where a C-MOVE to READER goes.
    reader: String,
    /// Each answer to a C-STORE waits for as many others.
    meeting: Option<Arc<Barrier>>,
}

struct Arriving {
    archive: Archive,
    sop_instance_uid: String,
    bytes: Option<Vec<u8>>,
}

impl Storage for Archive {
    fn begin(
        &self,
        _: &AssociationContext,
        request: &StoreRequest,
    ) -> Result<Box<dyn Incoming>, StoreReply> {
        if request.sop_instance_uid == "1.2.3.666" {
            return Err(Status::OUT_OF_RESOURCES.into());
        }
        let sop_instance_uid = request.sop_instance_uid.clone();
        Ok(Box::new(Arriving { archive: self.clone(), sop_instance_uid, bytes: Some(Vec::new()) }))
    }
}

impl Incoming for Arriving {
    fn write(&mut self, piece: &[u8]) -> Result<(), StoreReply> {
        self.bytes.as_mut().unwrap().extend_from_slice(piece);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> StoreReply {
        if let Some(meeting) = &self.archive.meeting {
            meeting.wait();
        }
        let stored = (self.sop_instance_uid.clone(), self.bytes.take().unwrap());
        self.archive.shelf.stored.lock().unwrap().push(stored);
        Status::SUCCESS.into()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if self.bytes.is_some() {
            self.archive.shelf.broken_off.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Archive {
    fn new() -> Self {
        Self { shelf: Arc::default(), reader: String::new(), meeting: None }
    }

    fn retrieval() -> Retrieval {
        let instance = |number| InstanceReference {
            sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
            sop_instance_uid: format!("1.2.3.{number}"),
            transfer_syntax_uid: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
        };
        let instances = (0..3).map(instance).collect();
        let source = instances_from(|instance| match instance.sop_instance_uid.as_str() {
            "1.2.3.1" => Err(io::ErrorKind::NotFound.into()),
            _ => Ok(io::repeat(7).take(300_000)),
        });
        Retrieval { instances, source }
    }
}

impl Handlers for Archive {
    fn admit(&self, request: &AssociateRequest, _: &Remote) -> Result<(), Rejection> {
        match request.calling.as_str() {
            "STRANGER" => Err(Rejection::CALLING_AE_NOT_RECOGNIZED),
            _ => Ok(()),
        }
    }

    fn negotiate(&self, request: &AssociateRequest) -> Vec<(u8, ContextResult)> {
        let accept = |context: &ProposedContext| {
            let transfer_syntax = context.transfer_syntaxes[0].clone();
            (context.id, ContextResult::Accepted { transfer_syntax })
        };
        request.contexts.iter().map(accept).collect()
    }

    fn find(&self, _: AssociationContext, request: FindRequest) -> Result<Matches, Status> {
        let keys = request.keys(DataSetLimits::default())?;
        let count: usize = keys.text(tags::PATIENT_ID).unwrap_or_default().parse().unwrap_or(0);
        Ok(Box::new((0..count).map(move |number| {
            let mut answer = DataSet::new();
            answer.set_text(tags::PATIENT_ID, &format!("P{number}"));
            request.answer(&answer, KeySupport::All)
        })))
    }

    fn move_to(
        &self,
        _: AssociationContext,
        _: RetrieveRequest,
        destination: AeTitle,
    ) -> Result<MovePlan, Status> {
        if destination != title("READER") {
            return Err(Status::MOVE_DESTINATION_UNKNOWN);
        }
        let connector = AnyConnector::new(TcpConnector);
        let destination = MoveDestination { peer: peer(&self.reader), connector };
        Ok(MovePlan { retrieval: Self::retrieval(), destination })
    }

    fn get(&self, _: AssociationContext, _: RetrieveRequest) -> Result<Retrieval, Status> {
        Ok(Self::retrieval())
    }

    fn n_service(&self, _: AssociationContext, _: &str, request: NRequest) -> NReply {
        match request.operation {
            NOperation::Set => Status::SUCCESS.into(),
            _ => Status::UNRECOGNIZED_OPERATION.into(),
        }
    }
}

struct Server {
    address: String,
    archive: Archive,
    stop: Option<ShutdownHandle>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    fn start(archive: Archive) -> Self {
        let acceptor = Acceptor::new(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        let address = acceptor.local_address();
        let (handle, stop) = shutdown();
        let services = blocking::services(Arc::new(archive.clone()));
        let serve = move || blocking::serve(acceptor, services, ServerConfig::default(), stop);
        let thread = Some(thread::spawn(serve));
        Self { address, archive, stop: Some(handle), thread }
    }

    fn associate(&self) -> Association {
        let peer = peer(&self.address).receiving(&[uids::CT_IMAGE_STORAGE]);
        Association::connect(&peer, contexts()).unwrap()
    }

    fn stored(&self) -> Vec<(String, Vec<u8>)> {
        self.archive.shelf.stored.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        if !thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

fn title(text: &str) -> AeTitle {
    AeTitle::new(text).unwrap()
}

fn peer(address: &str) -> Peer {
    Peer::new(address, title("ARCHIVE"), title("CT1"))
}

fn contexts() -> Vec<ProposedContext> {
    let classes =
        [uids::VERIFICATION, uids::CT_IMAGE_STORAGE, uids::MODALITY_WORKLIST_FIND, MOVE, GET, STEP];
    let ids = (1..).step_by(2);
    ids.zip(classes)
        .map(|(id, class)| ProposedContext {
            id,
            abstract_syntax: class.to_owned(),
            transfer_syntaxes: vec![uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned()],
        })
        .collect()
}

fn ct(number: usize) -> StoreRequest {
    StoreRequest {
        message_id: 0,
        sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
        sop_instance_uid: format!("1.2.3.{number}"),
        transfer_syntax_uid: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
        move_originator: None,
    }
}

fn asking_for(count: usize) -> DataSet {
    let mut question = DataSet::new();
    question.set_text(tags::PATIENT_ID, &count.to_string());
    question
}

#[test]
fn echo_store_find_and_n_set_without_a_runtime() {
    let server = Server::start(Archive::new());
    let mut association = server.associate();
    assert_eq!(association.echo().unwrap(), Status::SUCCESS);
    let bytes = Bytes::from(vec![5; 3_000_001]);
    assert!(association.store(&ct(1), bytes.clone()).unwrap().is_delivered());
    assert!(association.store_from(&ct(2), io::repeat(6).take(2_000_003)).unwrap().is_delivered());
    let refused = association.store(&ct(666), bytes.clone()).unwrap();
    assert_eq!(refused.status(), Status::OUT_OF_RESOURCES);
    let expected =
        [("1.2.3.1".to_owned(), bytes.to_vec()), ("1.2.3.2".to_owned(), vec![6; 2_000_003])];
    assert_eq!(server.stored(), expected);
    let found = association.find_all(uids::MODALITY_WORKLIST_FIND, &asking_for(4)).unwrap();
    assert_eq!(found[3].text(tags::PATIENT_ID).as_deref(), Some("P3"));
    let request = NRequest {
        sop_class_uid: STEP.to_owned(),
        sop_instance_uid: "1.2.3.9".to_owned(),
        operation: NOperation::Set,
        data_set: Some(asking_for(1).encode(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap().into()),
        transfer_syntax_uid: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
    };
    assert_eq!(association.n_service(&request).unwrap().status, Status::SUCCESS);
    assert!(association.is_usable());
    assert_eq!((association.accepted().len(), association.refused().len()), (6, 0));
    association.release().unwrap();
}

#[test]
fn answers_come_one_by_one_and_can_be_cancelled() {
    let server = Server::start(Archive::new());
    let mut association = server.associate();
    let mut answers = association.find(uids::MODALITY_WORKLIST_FIND, &asking_for(100_000)).unwrap();
    assert!(answers.next().unwrap().is_ok());
    answers.cancel().unwrap();
    let rest = answers.by_ref().filter(Result::is_ok).count();
    assert!(rest < 99_000, "{rest} answers after the cancellation");
    assert_eq!(answers.status(), Some(Status::CANCEL));
    drop(answers);
    assert_eq!(association.echo().unwrap(), Status::SUCCESS);
}

#[test]
fn an_answer_that_nobody_reads_to_its_end_ends_the_association() {
    let server = Server::start(Archive::new());
    let mut association = server.associate();
    let answers = association.find(uids::MODALITY_WORKLIST_FIND, &asking_for(5)).unwrap();
    drop(answers);
    assert!(!association.is_usable());
    assert_eq!(association.echo().unwrap_err().fault, AssociationFault::Poisoned);
}

#[test]
fn instances_are_fetched_into_a_storage() {
    let server = Server::start(Archive::new());
    let mut association = server.associate();
    let got = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&got);
    let storage = whole(1 << 20, move |_, request, bytes| {
        noted.lock().unwrap().push((request.sop_instance_uid.clone(), bytes.len()));
        Status::SUCCESS.into()
    });
    let mut stored = 0;
    let outcome = association
        .get(GET, &asking_for(1), Arc::new(storage), |event| {
            stored += usize::from(matches!(event, GetEvent::Stored { .. }));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(
        (stored, outcome.sub_operations.completed, outcome.sub_operations.failed),
        (2, 2, 1)
    );
    assert_eq!(outcome.failed, ["1.2.3.1"]);
    let expected = [("1.2.3.0".to_owned(), 300_000), ("1.2.3.2".to_owned(), 300_000)];
    assert_eq!(*got.lock().unwrap(), expected);
    // Larger than the storage allows.
    let storage = whole(299_999, |_, _, _| Status::SUCCESS.into());
    let outcome = association
        .get(GET, &asking_for(1), Arc::new(storage), |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!((outcome.sub_operations.completed, outcome.sub_operations.failed), (0, 3));
}

#[test]
fn a_fetch_can_be_cancelled() {
    let server = Server::start(Archive::new());
    let mut association = server.associate();
    let storage = whole(1 << 20, |_, _, _| Status::SUCCESS.into());
    let outcome = association
        .get(GET, &asking_for(1), Arc::new(storage), |_| ControlFlow::Break(()))
        .unwrap();
    // It may have been over when the cancellation came.
    assert!([Status::CANCEL, Status::SUB_OPERATIONS_FAILED].contains(&outcome.status));
    assert_eq!(association.echo().unwrap(), Status::SUCCESS);
}

#[test]
fn instances_are_moved_to_a_third_party() {
    let reader = Server::start(Archive::new());
    let archive = Archive { reader: reader.address.clone(), ..Archive::new() };
    let server = Server::start(archive);
    let mut association = server.associate();
    let mut heard = 0;
    let outcome = association
        .move_to(MOVE, &title("READER"), &asking_for(1), |_| {
            heard += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((outcome.sub_operations.completed, outcome.sub_operations.failed), (2, 1));
    assert_eq!((heard, reader.stored().len()), (2, 2));
    let unknown = association
        .move_to(MOVE, &title("NOBODY"), &asking_for(1), |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(unknown.status, Status::MOVE_DESTINATION_UNKNOWN);
}

#[test]
fn handlers_that_wait_keep_nobody_else_waiting() {
    // Neither answer is given before both instances are there.
    let archive = Archive { meeting: Some(Arc::new(Barrier::new(2))), ..Archive::new() };
    let server = Server::start(archive);
    let answers = thread::scope(|scope| {
        let send = |number| {
            let server = &server;
            scope.spawn(move || {
                server.associate().store(&ct(number), Bytes::from_static(&[1; 100])).unwrap()
            })
        };
        [send(1), send(2)].map(|sender| sender.join().unwrap())
    });
    assert!(answers.iter().all(|answer| answer.is_delivered()));
}

#[test]
fn a_source_that_fails_leaves_nothing_whole_behind() {
    struct Failing(usize);

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::TimedOut)?;
            Ok(buffer.len())
        }
    }

    let server = Server::start(Archive::new());
    let mut association = server.associate();
    // More than the connection holds, so that the server has begun to store.
    let error = association.store_from(&ct(1), Failing(400)).unwrap_err();
    assert!(matches!(error, StoreError::Source(_)));
    assert!(!association.is_usable());
    drop(association);
    let shelf = Arc::clone(&server.archive.shelf);
    // The server waits for its associations.
    drop(server);
    assert_eq!(shelf.stored.lock().unwrap().len(), 0);
    assert_eq!(shelf.broken_off.load(Ordering::SeqCst), 1);
}

#[test]
fn the_deadlines_are_the_same() {
    // The system completes the connection; nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut peer = peer(&address.to_string());
    peer.timeouts.accept = Duration::from_millis(30);
    let error = Association::connect(&peer, contexts()).unwrap_err();
    assert_eq!(error.fault, AssociationFault::Timeout(Phase::Accept));
    let stream = TcpStream::connect(address).unwrap();
    let error = Association::open(stream, &peer, contexts()).unwrap_err();
    assert_eq!(error.fault, AssociationFault::Timeout(Phase::Accept));
    drop(listener);
    let error = Association::connect(&peer, contexts()).unwrap_err();
    assert_eq!(error.fault, AssociationFault::Connect(io::ErrorKind::ConnectionRefused));
}

#[test]
fn a_stranger_is_told_so() {
    let server = Server::start(Archive::new());
    let mut stranger = peer(&server.address);
    stranger.calling = title("STRANGER");
    let error = Association::connect(&stranger, contexts()).unwrap_err();
    assert_eq!(error.fault, AssociationFault::Rejected(Rejection::CALLING_AE_NOT_RECOGNIZED));
}

#[test]
fn calls_inside_a_runtime_do_not_panic() {
    fn call(server: &Server) {
        let mut association = server.associate();
        assert_eq!(association.echo().unwrap(), Status::SUCCESS);
        let answers = association.find(uids::MODALITY_WORKLIST_FIND, &asking_for(3)).unwrap();
        assert_eq!(answers.count(), 3);
        assert!(association.is_usable());
        // Both ways to go.
        server.associate().release().unwrap();
        drop(association);
    }
    let server = Server::start(Archive::new());
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    one.block_on(async { call(&server) });
    let _guard = one.enter();
    call(&server);
    // Shutting down as well.
    one.block_on(async { drop(server) });
}

#[test]
fn an_async_client_and_a_blocking_server_understand_each_other() {
    let server = Server::start(Archive::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let peer = peer(&server.address);
        let connecting = ClientAssociation::connect(&TcpConnector, &peer, contexts());
        let mut association = connecting.await.unwrap();
        let answer = association.store(&ct(1), Bytes::from(vec![3; 1_000_000])).await.unwrap();
        assert!(answer.is_delivered());
        let question = asking_for(2);
        let found = association.find_all(uids::MODALITY_WORKLIST_FIND, &question).await.unwrap();
        assert_eq!(found.len(), 2);
        association.release().await.unwrap();
    });
    assert_eq!(server.stored()[0].1.len(), 1_000_000);
}
