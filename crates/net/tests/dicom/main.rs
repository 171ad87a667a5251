//! Servers and clients talking to each other, over streams in memory and over loopback.
#![expect(clippy::disallowed_methods, reason = "tests own their runtime")]

mod commitment;
mod copies;
mod find;
mod idle;
mod n_services;
mod peers;
mod pool;
mod probes;
mod retrieve;
mod server;
mod steps;
mod windows;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use peers::{Desk, Queue, Raw, ct_request, every_context, open, pair, peer, pieces};
use telerad_dicom::{DataSet, Status, tags, uids};
use telerad_dimse::{AbortSource, Command, Rejection};
use telerad_net::dicom::{
    AssociationFault, Body, BodyError, ClientAssociation, Phase, ServerConfig, StoreError, serve,
    serve_stream,
};
use telerad_net::{
    Connector, Listener, SystemClock, TcpAcceptor, TcpConnector, TokioSpawn, shutdown,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn one_association_carries_echo_store_and_find() {
    let desk = Desk::default();
    let (mut association, server) = pair(desk.clone(), ServerConfig::default()).await;
    assert_eq!(association.echo().await.unwrap(), Status::SUCCESS);
    for seed in 1..4 {
        let answer = association.store(&ct_request(seed), pieces(seed, 700_001)).await.unwrap();
        assert!(answer.is_delivered());
    }
    let mut identifier = DataSet::new();
    identifier.set_text(tags::PATIENT_ID, "P1");
    let answers = association.find_all(uids::MODALITY_WORKLIST_FIND, &identifier).await.unwrap();
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[2].text(tags::PATIENT_ID).as_deref(), Some("P1-2"));
    association.release().await.unwrap();
    server.await.unwrap();
    let stored = desk.stored();
    assert_eq!(stored.len(), 3);
    for (seed, (request, bytes)) in (1..4).zip(stored) {
        assert_eq!(request.sop_instance_uid, ct_request(seed).sop_instance_uid);
        assert_eq!(request.transfer_syntax_uid, uids::JPEG_2000_LOSSLESS);
        assert_eq!(bytes, pieces(seed, 700_001).make_contiguous().concat());
    }
}

#[tokio::test]
async fn an_empty_data_set_is_a_data_set() {
    let desk = Desk::default();
    let (mut association, _server) = pair(desk.clone(), ServerConfig::default()).await;
    let answer = association.store(&ct_request(1), Bytes::new()).await.unwrap();
    assert!(answer.is_delivered());
    assert_eq!(desk.stored()[0].1, Vec::<u8>::new());
}

#[tokio::test]
async fn a_service_that_ends_with_a_pending_status_has_failed() {
    let desk = Desk::storing(|_, _| async { Status::PENDING });
    let (mut association, _server) = pair(desk, ServerConfig::default()).await;
    let answer = association.store(&ct_request(1), pieces(1, 3000)).await.unwrap();
    assert_eq!(answer.status(), Status::PROCESSING_FAILURE);
    assert_eq!(association.echo().await.unwrap(), Status::SUCCESS);
}

#[tokio::test]
async fn a_server_on_tcp_serves_until_it_is_asked_to_stop() {
    let listener = TcpAcceptor::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_address();
    let (handle, shutdown) = shutdown();
    let desk = Desk::default();
    let serving = serve(
        listener,
        Arc::new(desk.clone()),
        ServerConfig::default(),
        Arc::new(TokioSpawn),
        shutdown,
    );
    let server = tokio::task::spawn(serving);
    let peer = peer(&address);
    let mut association =
        ClientAssociation::connect(&TcpConnector, &peer, every_context()).await.unwrap();
    let answer = association.store(&ct_request(1), pieces(1, 5_000_000)).await.unwrap();
    assert_eq!(answer.status(), Status::SUCCESS);
    assert_eq!(desk.stored()[0].1.len(), 5_000_000);
    drop(association);
    handle.request();
    server.await.unwrap();
    let refused = ClientAssociation::connect(&TcpConnector, &peer, every_context()).await;
    assert!(matches!(refused.unwrap_err().fault, AssociationFault::Connect(_)));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_reads_slowly_holds_the_sender_back() {
    let desk = Desk::storing(|_, body| async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        peers::read(body).await.map_or(Status::CANNOT_UNDERSTAND, |_| Status::SUCCESS)
    });
    let (mut association, _server) = pair(desk, ServerConfig::default()).await;
    let (source, taken) = peers::counted(pieces(7, 64 << 20));
    let request = ct_request(7);
    let storing = association.store(&request, source);
    let looking = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        taken.load(std::sync::atomic::Ordering::Relaxed)
    };
    let (answer, taken_early) = tokio::join!(storing, looking);
    assert!(answer.unwrap().is_delivered());
    assert!(taken_early < 4 << 20, "{taken_early} bytes left the source");
}

#[tokio::test]
async fn an_early_answer_is_heard_once_everything_was_sent() {
    let desk = Desk::storing(|_, _| async { Status::OUT_OF_RESOURCES });
    let (mut association, _server) = pair(desk, ServerConfig::default()).await;
    let (source, taken) = peers::counted(pieces(3, 8 << 20));
    let answer = association.store(&ct_request(3), source).await.unwrap();
    assert_eq!(answer.status(), Status::OUT_OF_RESOURCES);
    assert!(!answer.is_delivered());
    assert_eq!(taken.load(std::sync::atomic::Ordering::Relaxed), 8 << 20);
    assert_eq!(association.echo().await.unwrap(), Status::SUCCESS);
}

#[tokio::test]
async fn an_early_answer_does_not_oblige_us_to_read_without_end() {
    let desk = Desk::storing(|_, _| async { Status::OUT_OF_RESOURCES });
    let config = ServerConfig { early_answer_bytes_max: 1 << 20, ..ServerConfig::default() };
    let (mut association, server) = pair(desk, config).await;
    let error = association.store(&ct_request(3), pieces(3, 8 << 20)).await.unwrap_err();
    check_fault(error, |fault| matches!(fault, AssociationFault::Aborted { .. }));
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_abort_in_mid_body_is_named_as_such() {
    let (handle, stop) = shutdown();
    let desk = Desk::storing(|_, _body| std::future::pending());
    let config = ServerConfig { drain_seconds_max: 0, ..ServerConfig::default() };
    let (near, far) = tokio::io::duplex(1 << 20);
    let _server = tokio::task::spawn(serve_stream(far, "far", Arc::new(desk), config, stop));
    let mut association = open(near).await.unwrap();
    let request = ct_request(1);
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        handle.request();
    };
    let (error, ()) = tokio::join!(association.store(&request, peers::Endless), stopping);
    check_fault(error.unwrap_err(), |fault| matches!(fault, AssociationFault::Aborted { .. }));
}

#[tokio::test]
async fn an_instance_beyond_the_limit_ends_the_association() {
    let (desk, ends) = Desk::reporting_ends();
    let config = ServerConfig { instance_bytes_max: 1 << 20, ..ServerConfig::default() };
    let (mut association, server) = pair(desk, config).await;
    let error = association.store(&ct_request(3), pieces(3, 8 << 20)).await.unwrap_err();
    check_fault(error, |fault| matches!(fault, AssociationFault::Aborted { .. }));
    server.await.unwrap();
    assert!(matches!(ends.lock().unwrap()[..], [Err(BodyError::Stopped(_))]));
}

#[tokio::test]
async fn a_source_that_fails_is_never_taken_for_a_whole_instance() {
    let (desk, ends) = Desk::reporting_ends();
    let (mut association, server) = pair(desk, ServerConfig::default()).await;
    let error = association.store(&ct_request(3), peers::Breaking(20)).await.unwrap_err();
    assert!(matches!(error, StoreError::Source(_)));
    server.await.unwrap();
    // The line was full, so the A-ABORT may not have got through before the connection closed.
    let ends = ends.lock().unwrap().clone();
    assert!(matches!(ends[..], [Err(BodyError::Aborted | BodyError::Closed)]), "{ends:?}");
    assert_eq!(association.echo().await.unwrap_err().fault, AssociationFault::Poisoned);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_dropped_half_way_poisons_the_association() {
    let (desk, ends) = Desk::reporting_ends();
    let (mut association, server) = pair(desk, ServerConfig::default()).await;
    let request = ct_request(3);
    let storing = association.store(&request, peers::Endless);
    let _ = tokio::time::timeout(Duration::from_millis(50), storing).await;
    assert!(!association.is_usable());
    assert_eq!(association.echo().await.unwrap_err().fault, AssociationFault::Poisoned);
    server.await.unwrap();
    assert_eq!(*ends.lock().unwrap(), [Err(BodyError::Aborted)]);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_cut_is_never_taken_for_a_whole_instance() {
    let (desk, ends) = Desk::reporting_ends();
    let (near, mut middle_near) = tokio::io::duplex(4096);
    let (mut middle_far, far) = tokio::io::duplex(4096);
    let line = tokio::task::spawn(async move {
        let copy = tokio::io::copy_bidirectional(&mut middle_near, &mut middle_far);
        let _ = tokio::time::timeout(Duration::from_secs(5), copy).await;
    });
    let (_handle, stop) = shutdown();
    let config = ServerConfig::default();
    let server = tokio::task::spawn(serve_stream(far, "far", Arc::new(desk), config, stop));
    let mut association = open(near).await.unwrap();
    let error = association.store(&ct_request(3), peers::SlowlyEndless).await.unwrap_err();
    check_fault(error, |fault| {
        matches!(fault, AssociationFault::Transport(_) | AssociationFault::Closed(_))
    });
    line.await.unwrap();
    server.await.unwrap();
    assert_eq!(*ends.lock().unwrap(), [Err(BodyError::Closed)]);
}

#[tokio::test(start_paused = true)]
async fn shutdown_lets_the_operation_in_flight_finish() {
    let desk = Desk::storing(|_, body| async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        peers::read(body).await.map_or(Status::CANNOT_UNDERSTAND, |_| Status::SUCCESS)
    });
    let (near, far) = tokio::io::duplex(65_536);
    let (handle, stop) = shutdown();
    let config = ServerConfig::default();
    let server = tokio::task::spawn(serve_stream(far, "far", Arc::new(desk), config, stop));
    let mut association = open(near).await.unwrap();
    let request = ct_request(1);
    let storing = association.store(&request, pieces(1, 2 << 20));
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        handle.request();
    };
    let (answer, ()) = tokio::join!(storing, stopping);
    assert!(answer.unwrap().is_delivered());
    let next = association.store(&request, pieces(1, 10)).await.unwrap_err();
    check_fault(next, |fault| *fault == AssociationFault::Released);
    server.await.unwrap();
}

#[tokio::test]
async fn shutdown_is_heard_on_a_busy_line() {
    let (near, far) = tokio::io::duplex(1 << 20);
    let (handle, stop) = shutdown();
    let (desk, config) = (Desk::default(), ServerConfig::default());
    let server = tokio::task::spawn(serve_stream(far, "far", Arc::new(desk.clone()), config, stop));
    let mut association = open(near).await.unwrap();
    let mut delivered = 0;
    let fault = loop {
        match association.store(&ct_request(1), pieces(1, 1000)).await {
            Ok(answer) => delivered += usize::from(answer.is_delivered()),
            Err(error) => break error,
        }
        if delivered == 50 {
            handle.request();
        }
        assert!(delivered < 1000, "never heard");
    };
    check_fault(fault, |fault| *fault == AssociationFault::Released);
    server.await.unwrap();
    assert_eq!(desk.stored().len(), delivered);
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_ever() {
    let desk = Desk::storing(|_, _body| std::future::pending());
    let (near, far) = tokio::io::duplex(65_536);
    let (handle, stop) = shutdown();
    let config = ServerConfig { drain_seconds_max: 7, ..ServerConfig::default() };
    let server = tokio::task::spawn(serve_stream(far, "far", Arc::new(desk), config, stop));
    let mut association = open(near).await.unwrap();
    let start = tokio::time::Instant::now();
    handle.request();
    let error = association.store(&ct_request(1), pieces(1, 100)).await;
    drop(error);
    server.await.unwrap();
    assert!(start.elapsed() <= Duration::from_secs(9), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_outlives_the_drain_deadline_is_aborted() {
    let desk = Desk::storing(|_, _body| std::future::pending());
    let (near, far) = tokio::io::duplex(65_536);
    let (handle, stop) = shutdown();
    let config = ServerConfig { drain_seconds_max: 7, ..ServerConfig::default() };
    let server = tokio::task::spawn(serve_stream(far, "far", Arc::new(desk), config, stop));
    let mut association = open(near).await.unwrap();
    let start = tokio::time::Instant::now();
    let request = ct_request(1);
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        handle.request();
    };
    let (error, ()) = tokio::join!(association.store(&request, pieces(1, 100)), stopping);
    check_fault(error.unwrap_err(), |fault| {
        matches!(fault, AssociationFault::Aborted { by: AbortSource::ServiceUser, .. })
    });
    assert_eq!(start.elapsed().as_secs(), 8);
    drop(association);
    server.await.unwrap();
}

#[tokio::test]
async fn callers_beyond_the_limits_are_told_to_come_back() {
    let (queue, connector) = Queue::new();
    let (handle, stop) = shutdown();
    let config = ServerConfig {
        associations_max: 2,
        associations_per_peer_max: 1,
        ..ServerConfig::default()
    };
    let server = tokio::task::spawn(serve(
        queue,
        Arc::new(Desk::default()),
        config,
        Arc::new(TokioSpawn),
        stop,
    ));
    let first = call(&connector, "192.0.2.1:1").await.unwrap();
    let too_many_from_host = call(&connector, "192.0.2.1:2").await.unwrap_err();
    let rejected = AssociationFault::Rejected(Rejection::LOCAL_LIMIT_EXCEEDED);
    assert_eq!(too_many_from_host.fault, rejected);
    assert!(too_many_from_host.is_retryable());
    let second = call(&connector, "192.0.2.2:1").await.unwrap();
    assert_eq!(call(&connector, "192.0.2.3:1").await.unwrap_err().fault, rejected);
    first.release().await.unwrap();
    second.release().await.unwrap();
    tokio::task::yield_now().await;
    let third = call(&connector, "192.0.2.1:3").await.unwrap();
    third.release().await.unwrap();
    handle.request();
    server.await.unwrap();
}

async fn call(
    connector: &peers::QueueConnector,
    address: &str,
) -> Result<ClientAssociation, telerad_net::dicom::AssociationError> {
    ClientAssociation::connect(connector, &peer(address), every_context()).await
}

#[tokio::test]
async fn a_caller_who_is_not_admitted_hears_why() {
    let desk = Desk { admit: Err(Rejection::CALLING_AE_NOT_RECOGNIZED), ..Desk::default() };
    let (near, far) = tokio::io::duplex(65_536);
    let (_handle, stop) = shutdown();
    let config = ServerConfig::default();
    let server = tokio::task::spawn(serve_stream(far, "far", Arc::new(desk), config, stop));
    let error = open(near).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "TELERAD at there:104 (called as CT1): rejected (permanently, by the application): \
         calling AE title not recognized"
    );
    assert!(!error.is_retryable());
    server.await.unwrap();
}

#[tokio::test]
async fn a_service_on_the_wrong_context_is_refused_with_a_status() {
    let (mut association, _server) = pair(Desk::default(), ServerConfig::default()).await;
    let mut request = ct_request(1);
    request.sop_class_uid = uids::VERIFICATION.to_owned();
    request.transfer_syntax_uid = uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned();
    let answer = association.store(&request, pieces(1, 1000)).await.unwrap();
    assert_eq!(answer.status(), Status::SOP_CLASS_NOT_SUPPORTED);
    assert_eq!(association.echo().await.unwrap(), Status::SUCCESS);
}

#[tokio::test]
async fn an_instance_without_a_context_is_not_sent_in_another_encoding() {
    let (mut association, _server) = pair(Desk::default(), ServerConfig::default()).await;
    let mut request = ct_request(1);
    request.transfer_syntax_uid = uids::RLE_LOSSLESS.to_owned();
    let error = association.store(&request, pieces(1, 1000)).await.unwrap_err();
    check_fault(error, |fault| matches!(fault, AssociationFault::NoContext { .. }));
    assert!(association.is_usable());
}

#[tokio::test]
async fn another_protocol_on_the_port_gets_an_abort_and_a_closed_connection() {
    let (mut near, far) = tokio::io::duplex(65_536);
    let (_handle, stop) = shutdown();
    let config = ServerConfig::default();
    let server =
        tokio::task::spawn(serve_stream(far, "far", Arc::new(Desk::default()), config, stop));
    near.write_all(b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n").await.unwrap();
    let mut answer = [0; 10];
    near.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[0], 7, "an A-ABORT PDU");
    drop(near);
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_says_nothing_is_let_go() {
    let (near, far) = tokio::io::duplex(64);
    let (_handle, stop) = shutdown();
    let start = tokio::time::Instant::now();
    serve_stream(far, "far", Arc::new(Desk::default()), ServerConfig::default(), stop).await;
    assert_eq!(start.elapsed().as_secs(), 10);
    drop(near);
}

#[tokio::test(start_paused = true)]
async fn every_wait_of_a_client_has_its_deadline() {
    let start = tokio::time::Instant::now();
    let connect =
        ClientAssociation::connect(&peers::Nowhere, &peer("there:104"), every_context()).await;
    assert_eq!(connect.unwrap_err().fault, AssociationFault::Timeout(Phase::Connect));
    assert_eq!(start.elapsed().as_secs(), 10);

    let start = tokio::time::Instant::now();
    let (near, _silent) = tokio::io::duplex(65_536);
    let accept = open(near).await.unwrap_err();
    assert_eq!(accept.fault, AssociationFault::Timeout(Phase::Accept));
    assert_eq!(start.elapsed().as_secs(), 30);

    check_store_deadline(pieces(1, 10 << 20), Phase::SendProgress, 60).await;
    check_store_deadline(peers::Stuck, Phase::Source, 60).await;
    check_store_deadline(pieces(1, 100), Phase::Response, 120).await;
}

async fn check_store_deadline(
    source: impl telerad_net::dicom::BodySource,
    phase: Phase,
    seconds: u64,
) {
    let desk = Desk::storing(|_, body: Body| async move {
        std::future::pending::<()>().await;
        drop(body);
        Status::SUCCESS
    });
    let config = ServerConfig { service_seconds_max: 100_000, ..ServerConfig::default() };
    let (mut association, _server) = pair(desk, config).await;
    let start = tokio::time::Instant::now();
    let error = association.store(&ct_request(1), source).await.unwrap_err();
    check_fault(error, |fault| *fault == AssociationFault::Timeout(phase));
    assert_eq!(start.elapsed().as_secs(), seconds);
    assert_eq!(association.echo().await.unwrap_err().fault, AssociationFault::Poisoned);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_answer_is_answered_for() {
    let desk = Desk::storing(|_, body: Body| async move {
        let _ = peers::read(body).await;
        std::future::pending().await
    });
    let config = ServerConfig { service_seconds_max: 50, ..ServerConfig::default() };
    let (mut association, _server) = pair(desk, config).await;
    let start = tokio::time::Instant::now();
    let answer = association.store(&ct_request(1), pieces(1, 1 << 20)).await.unwrap();
    assert_eq!(answer.status(), Status::OUT_OF_RESOURCES);
    assert_eq!(start.elapsed().as_secs(), 50);
}

/// PS3.7 table 9.1-1: what a presentation context was accepted for is what may be asked on it, whoever serves.
#[tokio::test]
async fn a_request_that_names_another_class_than_its_context_is_refused() {
    let desk = Desk::default();
    let mut raw = Raw::associate(desk.clone(), ServerConfig::default()).await;
    let store = |message_id, class: &str| Command::StoreRq {
        message_id,
        sop_class_uid: class.to_owned(),
        priority: 0,
        sop_instance_uid: "1.2.3".to_owned(),
        move_originator: None,
    };
    raw.send(peers::CT, &store(1, "1.2.840.10008.5.1.4.1.1.4")).await;
    raw.finish(b"whatever").await;
    assert_eq!(raw.status().await, Status::SOP_CLASS_NOT_SUPPORTED);
    let find = Command::FindRq {
        message_id: 2,
        sop_class_uid: uids::STUDY_ROOT_FIND.to_owned(),
        priority: 0,
    };
    raw.send(peers::WORKLIST, &find).await;
    raw.finish(b"").await;
    assert_eq!(raw.status().await, Status::SOP_CLASS_NOT_SUPPORTED);
    assert!(desk.stored().is_empty());
    assert_eq!(desk.asked.load(std::sync::atomic::Ordering::Relaxed), 0);
    raw.send(peers::CT, &store(3, uids::CT_IMAGE_STORAGE)).await;
    raw.finish(b"whatever").await;
    assert_eq!(raw.status().await, Status::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_read_ends_the_association() {
    let desk = Desk::storing(|_, body: Body| async move {
        std::future::pending::<()>().await;
        drop(body);
        Status::SUCCESS
    });
    let config = ServerConfig { service_seconds_max: 50, ..ServerConfig::default() };
    let (mut association, server) = pair(desk, config).await;
    let error = association.store(&ct_request(1), pieces(1, 10 << 20)).await.unwrap_err();
    check_fault(error, |fault| matches!(fault, AssociationFault::Aborted { .. }));
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_association_notices_that_its_peer_left() {
    let (near, far) = tokio::io::duplex(65_536);
    let (handle, stop) = shutdown();
    let config = ServerConfig::default();
    let server =
        tokio::task::spawn(serve_stream(far, "far", Arc::new(Desk::default()), config, stop));
    let mut association = open(near).await.unwrap();
    assert!(association.is_usable());
    handle.request();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!association.is_usable());
    server.await.unwrap();
}

#[tokio::test]
async fn dropping_an_association_aborts_it() {
    let (association, server) = pair(Desk::default(), ServerConfig::default()).await;
    drop(association);
    server.await.unwrap();
}

#[tokio::test]
async fn a_query_that_fails_says_its_status() {
    let desk = Desk { find: Err(Status::OUT_OF_RESOURCES), ..Desk::default() };
    let (mut association, _server) = pair(desk, ServerConfig::default()).await;
    let error =
        association.find_all(uids::MODALITY_WORKLIST_FIND, &DataSet::new()).await.unwrap_err();
    assert_eq!(error.fault, AssociationFault::Failed(Status::OUT_OF_RESOURCES));
    assert!(association.is_usable());
}

#[tokio::test]
async fn a_query_beyond_the_limit_is_refused() {
    let config = ServerConfig { identifier_bytes_max: 64, ..ServerConfig::default() };
    let (mut association, _server) = pair(Desk::default(), config).await;
    let mut identifier = DataSet::new();
    identifier.set_text(tags::PATIENT_NAME, &"LONG^".repeat(12));
    identifier.set_text(tags::PATIENT_ID, &"7".repeat(60));
    let error = association.find_all(uids::MODALITY_WORKLIST_FIND, &identifier).await.unwrap_err();
    assert_eq!(error.fault, AssociationFault::Failed(Status::OUT_OF_RESOURCES));
}

#[track_caller]
fn check_fault(error: StoreError, expected: impl Fn(&AssociationFault) -> bool) {
    let StoreError::Association(error) = error else { panic!("{error:?}") };
    assert!(expected(&error.fault), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_query_ends_with_the_status_of_cancel() {
    let desk = Desk { find_pause: Duration::from_secs(100), ..Desk::default() };
    let mut raw = Raw::associate(desk, ServerConfig::default()).await;
    raw.find(1).await;
    raw.send(peers::WORKLIST, &Command::CancelRq { message_id: 1 }).await;
    assert_eq!(raw.status().await, Status::CANCEL);
    raw.find(2).await;
    for expected in [Status::PENDING, Status::PENDING_WARNING, Status::PENDING] {
        assert_eq!(raw.status().await, expected);
    }
    assert_eq!(raw.status().await, Status::SUCCESS);
}

#[tokio::test]
async fn a_cancel_with_nothing_to_cancel_is_ignored() {
    let mut raw = Raw::associate(Desk::default(), ServerConfig::default()).await;
    raw.send(peers::WORKLIST, &Command::CancelRq { message_id: 1 }).await;
    raw.send(peers::VERIFICATION, &Command::EchoRq { message_id: 2 }).await;
    assert_eq!(raw.status().await, Status::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn requests_that_come_ahead_are_answered_in_order() {
    let desk = Desk { find_pause: Duration::from_secs(1), ..Desk::default() };
    let mut raw = Raw::associate(desk, ServerConfig::default()).await;
    raw.find(1).await;
    raw.send(peers::VERIFICATION, &Command::EchoRq { message_id: 2 }).await;
    raw.send(peers::VERIFICATION, &Command::EchoRq { message_id: 3 }).await;
    let mut answered = Vec::new();
    for _ in 0..6 {
        answered.push(raw.response().await.message_id());
    }
    assert_eq!(answered, [1, 1, 1, 1, 2, 3]);
}

#[tokio::test]
async fn a_service_that_nobody_offers_is_refused_with_a_status() {
    let mut raw = Raw::associate(Desk::default(), ServerConfig::default()).await;
    let n_create = Command::Other {
        field: 0x0140,
        message_id: 9,
        sop_class_uid: uids::MODALITY_PERFORMED_PROCEDURE_STEP.to_owned(),
        status: None,
        has_data_set: false,
    };
    raw.send(peers::VERIFICATION, &n_create).await;
    assert_eq!(raw.status().await, Status::UNRECOGNIZED_OPERATION);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_its_answers_is_let_go() {
    let desk = Desk { find: Ok(10_000), ..Desk::default() };
    let mut raw = Raw::associate(desk, ServerConfig::default()).await;
    raw.find(1).await;
    let start = tokio::time::Instant::now();
    raw.server.await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_fails_for_a_while_is_tried_again() {
    let (queue, connector) = Queue::new();
    let (handle, stop) = shutdown();
    let listener = peers::Failing(queue, 5);
    let config = ServerConfig::default();
    let desk = Arc::new(Desk::default());
    let server = tokio::task::spawn(serve(listener, desk, config, Arc::new(TokioSpawn), stop));
    call(&connector, "192.0.2.1:1").await.unwrap().release().await.unwrap();
    handle.request();
    server.await.unwrap();
}

/// The compiler checks that the futures may move between threads.
#[test]
fn futures_are_send() {
    fn is_send<T: Send>(_: T) {}
    fn check<C: Connector>(connector: &C, association: &mut ClientAssociation) {
        let peer = peer("there:104");
        is_send(ClientAssociation::connect(connector, &peer, Vec::new()));
        is_send(association.store(&ct_request(1), Bytes::new()));
        is_send(association.find("1.2", &DataSet::new()));
        is_send(SystemClock::shared());
    }
    let _ = check::<TcpConnector>;
}
