//! C-MOVE and C-GET in both roles, with destinations and sinks that answer by a script.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use telerad_core::AeTitle;
use telerad_dicom::dataset::DataSetLimits;
use telerad_dicom::{DataSet, Status, tags, uids};
use telerad_dimse::{AssociateRequest, ContextResult, ProposedContext, Rejection, SubOperations};
use telerad_net::dicom::{
    AnyBody, AssociationContext, AssociationFault, Body, ClientAssociation, GetEvent,
    InstanceReference, InstanceSource, MoveDestination, MovePlan, Retrieval, RetrieveOutcome,
    RetrieveRequest, ServerConfig, Services, StoreReply, StoreRequest, StoreScp, serve_stream,
};
use telerad_net::{AnyConnector, BoxFuture, Connector, SystemClock, shutdown};
use tokio::io::DuplexStream;

use crate::peers::{self, Desk, Nowhere, peer, pieces, title};

const MOVE: &str = uids::STUDY_ROOT_MOVE;
const GET: &str = uids::STUDY_ROOT_GET;

/// How a receiver takes each instance: `S`uccess, `W`arning, `F`ailure, `L`ost with its association.
fn status_of(outcome: char) -> Status {
    match outcome {
        'S' => Status::SUCCESS,
        'W' => Status::COERCION_OF_DATA_ELEMENTS,
        _ => Status::OUT_OF_RESOURCES,
    }
}

fn number_of(request: &StoreRequest) -> usize {
    request.sop_instance_uid.rsplit('.').next().unwrap().parse().unwrap()
}

/// Opens associations with a receiver that answers by the script.
#[derive(Clone, Default)]
struct Scripted {
    script: Arc<str>,
    connections: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<StoreRequest>>>,
    pause: Duration,
}

impl Connector for Scripted {
    type Stream = DuplexStream;

    async fn connect(&self, _: &str) -> io::Result<DuplexStream> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let (near, far) = tokio::io::duplex(65_536);
        let (handle, stop) = shutdown();
        let handle = Arc::new(handle);
        let this = self.clone();
        let desk = Desk::storing({
            let handle = Arc::clone(&handle);
            move |request, body| {
                let (this, handle) = (this.clone(), Arc::clone(&handle));
                async move {
                    peers::read(body).await.unwrap();
                    tokio::time::sleep(this.pause).await;
                    let outcome = this.script.chars().nth(number_of(&request)).unwrap();
                    this.received.lock().unwrap().push(request);
                    if outcome == 'L' {
                        handle.request();
                        std::future::pending::<()>().await;
                    }
                    status_of(outcome)
                }
            }
        });
        let config = ServerConfig { drain_seconds_max: 0, ..ServerConfig::default() };
        tokio::task::spawn(async move {
            serve_stream(far, "archive:1", Arc::new(desk), config, stop).await;
            drop(handle);
        });
        Ok(near)
    }
}

/// An archive with so many instances; those in `unreadable` cannot be opened, those in `breaking` break off.
#[derive(Clone)]
struct Archive {
    instances: usize,
    unreadable: Vec<usize>,
    breaking: Vec<usize>,
    destination: AnyConnector,
}

impl Archive {
    fn new(instances: usize, destination: impl Connector) -> Self {
        let destination = AnyConnector::new(destination);
        Self { instances, unreadable: Vec::new(), breaking: Vec::new(), destination }
    }

    fn retrieval(&self, request: &RetrieveRequest) -> Result<Retrieval, Status> {
        let keys = request.keys(DataSetLimits::default())?;
        if keys.text(tags::STUDY_INSTANCE_UID).is_none() {
            return Err(Status::DATA_SET_DOES_NOT_MATCH);
        }
        let instance = |number| InstanceReference {
            sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
            sop_instance_uid: format!("1.2.3.{number}"),
            transfer_syntax_uid: uids::JPEG_2000_LOSSLESS.to_owned(),
        };
        let instances = (0..self.instances).map(instance).collect();
        Ok(Retrieval { instances, source: Box::new(self.clone()) })
    }
}

impl InstanceSource for Archive {
    fn open<'a>(
        &'a mut self,
        instance: &'a InstanceReference,
    ) -> BoxFuture<'a, io::Result<AnyBody>> {
        let number: usize = instance.sop_instance_uid.rsplit('.').next().unwrap().parse().unwrap();
        Box::pin(std::future::ready(if self.unreadable.contains(&number) {
            Err(io::ErrorKind::NotFound.into())
        } else if self.breaking.contains(&number) {
            Ok(AnyBody::new(peers::Breaking(3)))
        } else {
            Ok(AnyBody::new(pieces(1, 100_000)))
        }))
    }
}

impl Services for Archive {
    fn admit(&self, _: &AssociateRequest, _: &telerad_net::Remote) -> Result<(), Rejection> {
        Ok(())
    }

    fn negotiate(&self, request: &AssociateRequest) -> Vec<(u8, ContextResult)> {
        let accept = |context: &ProposedContext| {
            let transfer_syntax = context.transfer_syntaxes[0].clone();
            (context.id, ContextResult::Accepted { transfer_syntax })
        };
        request.contexts.iter().map(accept).collect()
    }

    fn store(
        &self,
        _: AssociationContext,
        _: StoreRequest,
        _: Body,
    ) -> BoxFuture<'static, StoreReply> {
        Box::pin(std::future::ready(Status::SOP_CLASS_NOT_SUPPORTED.into()))
    }

    fn move_to(
        &self,
        _: AssociationContext,
        request: RetrieveRequest,
        destination: AeTitle,
    ) -> BoxFuture<'static, Result<MovePlan, Status>> {
        let plan = if destination.as_str() == "READER" {
            self.retrieval(&request).map(|retrieval| {
                let (peer, connector) = (peer("reader:104"), self.destination.clone());
                MovePlan { retrieval, destination: MoveDestination { peer, connector } }
            })
        } else {
            Err(Status::MOVE_DESTINATION_UNKNOWN)
        };
        Box::pin(std::future::ready(plan))
    }

    fn get(
        &self,
        _: AssociationContext,
        request: RetrieveRequest,
    ) -> BoxFuture<'static, Result<Retrieval, Status>> {
        Box::pin(std::future::ready(self.retrieval(&request)))
    }
}

async fn associate(archive: Archive) -> ClientAssociation {
    let (near, far) = tokio::io::duplex(65_536);
    tokio::task::spawn(async move {
        let (_handle, stop) = shutdown();
        serve_stream(far, "asker:1", Arc::new(archive), ServerConfig::default(), stop).await;
    });
    let mut contexts = peers::every_context();
    for (id, class) in [(11, MOVE), (13, GET)] {
        contexts.push(ProposedContext {
            id,
            abstract_syntax: class.to_owned(),
            transfer_syntaxes: vec![uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned()],
        });
    }
    let clock = SystemClock::shared();
    let peer = peer("archive:104").receiving(&[uids::CT_IMAGE_STORAGE]);
    ClientAssociation::open(near, clock, &peer, contexts).await.unwrap()
}

fn study() -> DataSet {
    let mut identifier = DataSet::new();
    identifier.set_text(tags::QUERY_RETRIEVE_LEVEL, "STUDY");
    identifier.set_text(tags::STUDY_INSTANCE_UID, "1.2.3");
    identifier
}

fn sum(counts: SubOperations) -> u16 {
    counts.completed + counts.failed + counts.warning + counts.remaining.unwrap_or(0)
}

/// Moves everything; checks every count on the way.
async fn move_all(archive: Archive) -> RetrieveOutcome {
    let total = archive.instances as u16;
    let mut association = associate(archive).await;
    let mut stream = association.move_to(MOVE, &title("READER"), &study()).await.unwrap();
    while let Some(progress) = stream.next().await {
        let progress = progress.unwrap();
        assert!(progress.remaining.is_some());
        assert_eq!(sum(progress), total);
    }
    let outcome = stream.outcome().unwrap().clone();
    drop(stream);
    assert_eq!(sum(outcome.sub_operations), total);
    assert_eq!(outcome.failed.len(), usize::from(outcome.sub_operations.failed));
    assert_eq!(association.echo().await.unwrap(), Status::SUCCESS);
    outcome
}

/// What a script should come to, `(completed, failed, warning)`, and over how many associations.
fn expected(script: &str) -> ((u16, u16, u16), usize) {
    let (mut counts, mut connections) = ((0, 0, 0), 0);
    let (mut open, mut got_through, mut dead) = (false, false, false);
    for outcome in script.chars() {
        if dead {
            counts.1 += 1;
            continue;
        }
        if !open {
            (open, got_through) = (true, false);
            connections += 1;
        }
        match outcome {
            'S' => counts.0 += 1,
            'W' => counts.2 += 1,
            _ => counts.1 += 1,
        }
        if outcome == 'L' {
            (open, dead) = (false, !got_through);
        } else {
            got_through = true;
        }
    }
    (counts, connections)
}

#[tokio::test(start_paused = true)]
async fn counts_add_up_whatever_the_destination_does() {
    for number in 0..4_usize.pow(4) {
        let script: String =
            (0..4).map(|at| b"SWFL"[number / 4_usize.pow(at) % 4] as char).collect();
        let destination = Scripted { script: script.as_str().into(), ..Scripted::default() };
        let outcome = move_all(Archive::new(4, destination.clone())).await;
        let counts = outcome.sub_operations;
        let got = (counts.completed, counts.failed, counts.warning);
        let connections = destination.connections.load(Ordering::Relaxed);
        assert_eq!((got, connections), expected(&script), "{script}");
        let status = match got {
            (_, 0, 0) => Status::SUCCESS,
            (0, _, 0) => Status::UNABLE_TO_PERFORM_SUB_OPERATIONS,
            _ => Status::SUB_OPERATIONS_FAILED,
        };
        assert_eq!(outcome.status, status, "{script}");
        assert_eq!(counts.remaining, None, "{script}");
    }
}

#[tokio::test]
async fn the_destination_hears_who_asked() {
    let destination = Scripted { script: "SS".into(), ..Scripted::default() };
    move_all(Archive::new(2, destination.clone())).await;
    let received = destination.received.lock().unwrap();
    let originators: Vec<_> = received.iter().map(|it| it.move_originator.clone()).collect();
    assert_eq!(originators, [Some((title("CT1"), 1)), Some((title("CT1"), 1))]);
}

#[tokio::test]
async fn nothing_to_move_needs_no_association() {
    let destination = Scripted::default();
    let outcome = move_all(Archive::new(0, destination.clone())).await;
    assert_eq!(outcome.status, Status::SUCCESS);
    assert_eq!(outcome.sub_operations, SubOperations::default());
    assert_eq!(destination.connections.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_away_costs_one_timeout() {
    let start = tokio::time::Instant::now();
    let outcome = move_all(Archive::new(50, Nowhere)).await;
    assert_eq!(outcome.status, Status::UNABLE_TO_PERFORM_SUB_OPERATIONS);
    assert_eq!(outcome.sub_operations.failed, 50);
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn an_instance_that_cannot_be_read_fails_alone() {
    let destination = Scripted { script: "SSSSS".into(), ..Scripted::default() };
    let mut archive = Archive::new(5, destination.clone());
    (archive.unreadable, archive.breaking) = (vec![1], vec![3]);
    let outcome = move_all(archive).await;
    assert_eq!(outcome.status, Status::SUB_OPERATIONS_FAILED);
    assert_eq!(outcome.failed, ["1.2.3.1", "1.2.3.3"]);
    let received = destination.received.lock().unwrap();
    assert_eq!(received.iter().map(number_of).collect::<Vec<_>>(), [0, 2, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_move_is_cancelled_between_two_instances() {
    let (script, pause) = ("SSSSSSSS".into(), Duration::from_secs(1));
    let destination = Scripted { script, pause, ..Scripted::default() };
    let mut association = associate(Archive::new(8, destination)).await;
    let mut stream = association.move_to(MOVE, &title("READER"), &study()).await.unwrap();
    for _ in 0..2 {
        stream.next().await.unwrap().unwrap();
    }
    stream.cancel().await.unwrap();
    let outcome = stream.finish().await.unwrap();
    assert_eq!(outcome.status, Status::CANCEL);
    let counts = SubOperations { remaining: Some(5), completed: 3, failed: 0, warning: 0 };
    assert_eq!(outcome.sub_operations, counts);
    assert_eq!(association.echo().await.unwrap(), Status::SUCCESS);
}

#[tokio::test]
async fn what_cannot_be_moved_is_refused_with_its_reason() {
    let mut association = associate(Archive::new(1, Nowhere)).await;
    for (destination, identifier, expected) in [
        ("NOBODY", study(), Status::MOVE_DESTINATION_UNKNOWN),
        ("READER", DataSet::new(), Status::DATA_SET_DOES_NOT_MATCH),
    ] {
        let stream = association.move_to(MOVE, &title(destination), &identifier).await.unwrap();
        assert_eq!(stream.finish().await.unwrap().status, expected);
    }
    let too_many = associate(Archive::new(70_000, Nowhere)).await;
    let mut association = too_many;
    let stream = association.move_to(MOVE, &title("READER"), &study()).await.unwrap();
    assert_eq!(stream.finish().await.unwrap().status, Status::UNABLE_TO_CALCULATE_MATCHES);
}

/// A sink that answers by a script, and notes what came whole.
#[derive(Default)]
struct Sink {
    script: Arc<str>,
    whole: Arc<Mutex<Vec<usize>>>,
    reads: bool,
}

impl Sink {
    fn new(script: &str) -> Self {
        Self { script: script.into(), reads: true, ..Self::default() }
    }
}

impl StoreScp for Sink {
    async fn store(&self, _: AssociationContext, request: StoreRequest, body: Body) -> StoreReply {
        let number = number_of(&request);
        if self.reads {
            match peers::read(body).await {
                Ok(bytes) => assert_eq!(bytes, pieces(1, 100_000).make_contiguous().concat()),
                Err(_) => return Status::CANNOT_UNDERSTAND.into(),
            }
        }
        self.whole.lock().unwrap().push(number);
        status_of(self.script.chars().nth(number).unwrap()).into()
    }
}

#[tokio::test]
async fn counts_add_up_whatever_the_sink_answers() {
    for number in 0..3_usize.pow(3) {
        let script: String =
            (0..3).map(|at| b"SWF"[number / 3_usize.pow(at) % 3] as char).collect();
        let (mut association, sink) =
            (associate(Archive::new(3, Nowhere)).await, Sink::new(&script));
        let mut stream = association.get(GET, &study(), &sink).await.unwrap();
        let mut stored = 0;
        while let Some(event) = stream.next().await {
            match event.unwrap() {
                GetEvent::Progress(counts) => assert_eq!(sum(counts), 3, "{script}"),
                GetEvent::Stored { status, .. } => {
                    assert_eq!(status, status_of(script.chars().nth(stored).unwrap()));
                    stored += 1;
                }
            }
        }
        let outcome = stream.outcome().unwrap().clone();
        drop(stream);
        let count = |wanted| script.chars().filter(|c| *c == wanted).count() as u16;
        let counts = outcome.sub_operations;
        let got = (counts.completed, counts.failed, counts.warning);
        assert_eq!(got, (count('S'), count('F'), count('W')), "{script}");
        assert_eq!(*sink.whole.lock().unwrap(), [0, 1, 2]);
        assert_eq!(association.echo().await.unwrap(), Status::SUCCESS);
    }
}

#[tokio::test]
async fn a_sink_that_refuses_early_does_not_stop_the_others() {
    let sink = Sink { reads: false, ..Sink::new("FSS") };
    let mut association = associate(Archive::new(3, Nowhere)).await;
    let outcome = association.get(GET, &study(), &sink).await.unwrap().finish().await.unwrap();
    assert_eq!(outcome.status, Status::SUB_OPERATIONS_FAILED);
    assert_eq!(outcome.failed, ["1.2.3.0"]);
}

#[tokio::test]
async fn an_instance_that_breaks_off_is_never_taken_for_whole() {
    let sink = Sink::new("SSS");
    let archive = Archive { breaking: vec![1], ..Archive::new(3, Nowhere) };
    let mut association = associate(archive).await;
    let error = association.get(GET, &study(), &sink).await.unwrap().finish().await.unwrap_err();
    assert!(matches!(error.fault, AssociationFault::Aborted { .. }), "{error:?}");
    assert_eq!(*sink.whole.lock().unwrap(), [0]);
}

/// Gets two instances over an association that proposes these contexts.
async fn check_nothing_is_sent(contexts: Vec<ProposedContext>) {
    let (near, far) = tokio::io::duplex(65_536);
    tokio::task::spawn(async move {
        let (_handle, stop) = shutdown();
        let archive = Arc::new(Archive::new(2, Nowhere));
        serve_stream(far, "asker:1", archive, ServerConfig::default(), stop).await;
    });
    let (clock, peer) = (SystemClock::shared(), peer("archive:104"));
    let mut association = ClientAssociation::open(near, clock, &peer, contexts).await.unwrap();
    let sink = Sink::new("SS");
    let outcome = association.get(GET, &study(), &sink).await.unwrap().finish().await.unwrap();
    assert_eq!(outcome.status, Status::UNABLE_TO_PERFORM_SUB_OPERATIONS);
    assert_eq!(outcome.failed, ["1.2.3.0", "1.2.3.1"]);
    assert!(sink.whole.lock().unwrap().is_empty());
}

fn get_context() -> ProposedContext {
    ProposedContext {
        id: 11,
        abstract_syntax: GET.to_owned(),
        transfer_syntaxes: vec![uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned()],
    }
}

#[tokio::test]
async fn an_instance_without_a_context_has_failed() {
    check_nothing_is_sent(vec![get_context()]).await;
}

#[tokio::test]
async fn a_requestor_that_does_not_propose_to_receive_is_sent_nothing() {
    let mut contexts = peers::every_context();
    contexts.push(get_context());
    check_nothing_is_sent(contexts).await;
}

#[tokio::test]
async fn a_get_is_cancelled_between_two_instances() {
    let sink = Sink::new(&"S".repeat(40));
    let mut association = associate(Archive::new(40, Nowhere)).await;
    let mut stream = association.get(GET, &study(), &sink).await.unwrap();
    stream.next().await.unwrap().unwrap();
    stream.cancel().await.unwrap();
    let outcome = stream.finish().await.unwrap();
    assert_eq!(outcome.status, Status::CANCEL);
    assert_eq!(sum(outcome.sub_operations), 40);
    assert!(outcome.sub_operations.remaining.unwrap() > 30, "{outcome:?}");
    assert_eq!(association.echo().await.unwrap(), Status::SUCCESS);
}

#[test]
fn streams_are_send() {
    fn is_send<T: Send>(_: T) {}
    fn check(association: &mut ClientAssociation, sink: &Sink) {
        is_send(association.move_to("1.2", &title("READER"), &DataSet::new()));
        is_send(association.get("1.2", &DataSet::new(), sink));
    }
    let _ = check;
}
