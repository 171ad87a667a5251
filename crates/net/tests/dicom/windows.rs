//! Several operations at a time on one association (PS3.7 section D.3.3.3).

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use telerad_dicom::{DataSet, Status, tags, uids};
use telerad_dimse::{
    AssociateRequest, Association, AsyncWindow, CloseReason, Command, Config, ContextResult, Event,
    ProposedContext, ProtocolError, Rejection, UserItems,
};
use telerad_net::dicom::{
    AnyBody, AssociationError, AssociationFault, Body, ClientAssociation, Door, GET_MODELS, Phase,
    Server, ServerConfig, StoreError, StoreRequest, Stored, serve_stream,
};
use telerad_net::{Clock, Remote, SystemClock, shutdown};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::Semaphore;

use crate::peers::{self, Desk, Raw, ct_request, every_context, peer, pieces};
use crate::server::{EXPLICIT, Everything, IMPLICIT, JPEG_2000};

fn window(invoked: u16) -> UserItems {
    let async_window = Some(AsyncWindow { invoked, performed: 1 });
    UserItems { async_window, ..UserItems::default() }
}

async fn open(stream: DuplexStream, invoked: u16) -> Result<ClientAssociation, AssociationError> {
    let mut peer = peer("there:104");
    peer.user = window(invoked);
    ClientAssociation::open(stream, SystemClock::shared(), &peer, every_context()).await
}

/// An association that asks for a window of four, with this desk, which grants it.
async fn granted(mut desk: Desk) -> ClientAssociation {
    desk.window = Some(4);
    let (near, far) = tokio::io::duplex(65_536);
    tokio::task::spawn(async move {
        let (_handle, stop) = shutdown();
        serve_stream(far, "far", Arc::new(desk), ServerConfig::default(), stop).await;
    });
    open(near, 4).await.unwrap()
}

fn four() -> NonZeroUsize {
    NonZeroUsize::new(4).unwrap()
}

fn instances(
    seeds: std::ops::RangeInclusive<u8>,
    length: usize,
) -> impl Iterator<Item = (StoreRequest, AnyBody)> + Send {
    seeds.map(move |seed| (ct_request(seed), AnyBody::new(pieces(seed, length))))
}

fn seed_of(request: &StoreRequest) -> u8 {
    request.sop_instance_uid.rsplit('.').next().unwrap().parse().unwrap()
}

#[track_caller]
fn check_stored(stored: Option<Stored>, seed: u8, status: Status) {
    let stored = stored.unwrap();
    assert_eq!(seed_of(&stored.request), seed);
    assert_eq!(stored.outcome.unwrap().status(), status);
}

#[track_caller]
fn check_unknown(stored: Option<Stored>, seed: u8, fault: &AssociationFault) {
    let stored = stored.unwrap();
    assert_eq!(seed_of(&stored.request), seed);
    let error = stored.outcome.unwrap_err();
    assert_eq!(error.association_fault(), Some(fault), "{error:?}");
}

#[tokio::test]
async fn answers_come_as_they_get_ready_and_a_slow_one_holds_up_nobody() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let desk = Desk::storing(move |request, body| {
        let held = Arc::clone(&held);
        async move {
            assert_eq!(peers::read(body).await.unwrap().len(), 100_000);
            match seed_of(&request) {
                1 => held.acquire().await.map_or(Status::CANNOT_UNDERSTAND, |_| Status::SUCCESS),
                seed => Status::new(0xB000 + u16::from(seed)),
            }
        }
    });
    let mut association = granted(desk).await;
    let mut storing = association.store_many(four(), instances(1..=9, 100_000));
    for seed in 2..=9 {
        let status = Status::new(0xB000 + u16::from(seed));
        check_stored(storing.next().await, seed, status);
    }
    gate.add_permits(1);
    check_stored(storing.next().await, 1, Status::SUCCESS);
    assert!(storing.next().await.is_none());
    assert!(storing.next().await.is_none());
    drop(storing);
    assert_eq!(association.echo().await.unwrap(), Status::SUCCESS);
    association.release().await.unwrap();
}

/// How many instances are being stored at once when the caller asks for so many, and is granted so many.
async fn check_at_once(asked: u16, granted: Option<u16>, operations_max: usize, expected: usize) {
    let counts = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let counted = Arc::clone(&counts);
    let mut desk = Desk::storing(move |_, body| {
        let counted = Arc::clone(&counted);
        async move {
            peers::read(body).await.unwrap();
            let at_once = counted.0.fetch_add(1, Ordering::Relaxed) + 1;
            counted.1.fetch_max(at_once, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(1)).await;
            counted.0.fetch_sub(1, Ordering::Relaxed);
            Status::SUCCESS
        }
    });
    desk.window = granted;
    let (near, far) = tokio::io::duplex(65_536);
    let association = Config { operations_max, ..Config::default() };
    let config = ServerConfig { association, ..ServerConfig::default() };
    tokio::task::spawn(async move {
        let (_handle, stop) = shutdown();
        serve_stream(far, "far", Arc::new(desk), config, stop).await;
    });
    let mut association = open(near, asked).await.unwrap();
    let many = NonZeroUsize::new(100).unwrap();
    let mut storing = association.store_many(many, instances(1..=12, 500));
    let mut delivered = 0;
    while let Some(stored) = storing.next().await {
        delivered += usize::from(stored.outcome.unwrap().is_delivered());
    }
    assert_eq!((delivered, counts.1.load(Ordering::Relaxed)), (12, expected));
}

#[tokio::test(start_paused = true)]
async fn as_many_are_outstanding_as_were_asked_for_and_granted() {
    check_at_once(8, None, 64, 1).await;
    check_at_once(8, Some(1), 64, 1).await;
    check_at_once(8, Some(3), 64, 3).await;
    check_at_once(2, Some(3), 64, 2).await;
    check_at_once(0, Some(5), 64, 5).await;
    // Without a limit from either side, ours holds.
    check_at_once(0, Some(0), 6, 6).await;
    check_at_once(9, Some(8), 4, 4).await;
}

async fn raw(mut desk: Desk, granted: u16) -> Raw {
    desk.window = Some(granted);
    Raw::asking(Arc::new(desk), ServerConfig::default(), every_context(), window(granted)).await
}

#[tokio::test(start_paused = true)]
async fn a_request_beyond_the_window_waits_for_its_turn() {
    let desk = Desk { find_pause: Duration::from_secs(1), ..Desk::default() };
    for (granted, first) in [(2, 1), (3, 3)] {
        let mut raw = raw(desk.clone(), granted).await;
        raw.forget_window();
        raw.find(1).await;
        raw.find(2).await;
        raw.send(peers::VERIFICATION, &Command::EchoRq { message_id: 3 }).await;
        assert_eq!(raw.response().await.message_id(), first);
        let mut rest = Vec::new();
        for _ in 0..8 {
            rest.push(raw.response().await.message_id());
        }
        let answers =
            |id: u16| rest.iter().filter(|it| **it == id).count() + usize::from(id == first);
        assert_eq!([1, 2, 3].map(answers), [4, 4, 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_id_that_is_in_use_is_refused_as_a_duplicate() {
    let desk = Desk { find_pause: Duration::from_secs(1), ..Desk::default() };
    let mut raw = raw(desk, 3).await;
    raw.find(1).await;
    raw.smuggle(peers::VERIFICATION, &Command::EchoRq { message_id: 1 }).await;
    assert_eq!(raw.status().await, Status::DUPLICATE_INVOCATION);
    raw.expect(1);
    for expected in [Status::PENDING, Status::PENDING_WARNING, Status::PENDING, Status::SUCCESS] {
        assert_eq!(raw.status().await, expected);
    }
    // It is free again.
    raw.send(peers::VERIFICATION, &Command::EchoRq { message_id: 1 }).await;
    assert_eq!(raw.status().await, Status::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_reaches_its_own_operation_only() {
    let desk = Desk { find_pause: Duration::from_secs(100), ..Desk::default() };
    let mut raw = raw(desk, 3).await;
    for message_id in [1, 2, 3] {
        raw.find(message_id).await;
    }
    raw.send(peers::WORKLIST, &Command::CancelRq { message_id: 2 }).await;
    let response = raw.response().await;
    assert_eq!((response.message_id(), response.status()), (2, Some(Status::CANCEL)));
    let mut ended = Vec::new();
    while ended.len() < 2 {
        let response = raw.response().await;
        if response.is_final_response() {
            assert_eq!(response.status(), Some(Status::SUCCESS));
            ended.push(response.message_id());
        }
    }
    ended.sort_unstable();
    assert_eq!(ended, [1, 3]);
}

#[tokio::test]
async fn a_long_list_of_answers_does_not_hold_up_a_short_one() {
    let mut raw = raw(Desk { find: Ok(20_000), ..Desk::default() }, 2).await;
    raw.find(1).await;
    assert_eq!(raw.response().await.message_id(), 1);
    raw.send(peers::VERIFICATION, &Command::EchoRq { message_id: 2 }).await;
    let mut before = 0;
    while raw.response().await.message_id() == 1 {
        before += 1;
    }
    assert!(before < 2_000, "{before} answers came first");
}

#[tokio::test]
async fn a_service_that_panics_fails_for_itself_alone() {
    let desk = Desk::storing(|request, body| async move {
        if seed_of(&request) == 2 {
            panic!("a fault of the service");
        }
        peers::read(body).await.map_or(Status::CANNOT_UNDERSTAND, |_| Status::SUCCESS)
    });
    let mut association = granted(desk).await;
    let mut storing = association.store_many(four(), instances(1..=4, 100_000));
    let mut outcomes = Vec::new();
    while let Some(stored) = storing.next().await {
        outcomes.push((seed_of(&stored.request), stored.outcome.unwrap().status()));
    }
    outcomes.sort_by_key(|(seed, _)| *seed);
    let ok = Status::SUCCESS;
    assert_eq!(outcomes, [(1, ok), (2, Status::PROCESSING_FAILURE), (3, ok), (4, ok)]);
}

struct Generous;

impl Door for Generous {
    fn admit(&self, _: &AssociateRequest, _: &Remote) -> Result<(), Rejection> {
        Ok(())
    }

    fn answer_items(&self, _: &AssociateRequest) -> UserItems {
        window(2)
    }
}

#[tokio::test]
async fn other_operations_go_on_while_instances_come_back() {
    let server = Server::builder(Generous).get(&GET_MODELS, Everything::default()).build();
    let proposed = [
        (uids::STUDY_ROOT_GET, EXPLICIT),
        (uids::CT_IMAGE_STORAGE, JPEG_2000),
        (uids::VERIFICATION, IMPLICIT),
    ];
    let contexts = (1..).step_by(2).zip(proposed).map(|(id, (class, syntax))| ProposedContext {
        id,
        abstract_syntax: class.to_owned(),
        transfer_syntaxes: vec![syntax.to_owned()],
    });
    let receiving = peer("there:104").receiving(&[uids::CT_IMAGE_STORAGE]).user;
    let user = UserItems { roles: receiving.roles, ..window(2) };
    let mut raw =
        Raw::asking(Arc::new(server), ServerConfig::default(), contexts.collect(), user).await;
    let sop_class_uid = uids::STUDY_ROOT_GET.to_owned();
    let mut study = DataSet::new();
    study.set_text(tags::STUDY_INSTANCE_UID, "1.2.3");
    raw.send(1, &Command::GetRq { message_id: 1, sop_class_uid, priority: 0 }).await;
    raw.finish(&study.encode(EXPLICIT).unwrap()).await;
    let Event::Command { command: sub_operation, .. } = raw.event().await else { panic!() };
    assert!(matches!(sub_operation, Command::StoreRq { .. }));
    while !matches!(raw.event().await, Event::BodyEnd { .. }) {}
    raw.send(5, &Command::EchoRq { message_id: 2 }).await;
    assert_eq!(raw.response().await.message_id(), 2);
    raw.send(3, &sub_operation.response(Status::SUCCESS).unwrap()).await;
    let response = raw.response().await;
    assert_eq!((response.message_id(), response.status()), (1, Some(Status::SUCCESS)));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_takes_its_time_keeps_no_answer_from_being_told() {
    let mut association = granted(Desk::default()).await;
    let stuck = (ct_request(2), AnyBody::new(peers::Stuck));
    let instances = instances(1..=1, 10).chain([stuck]).chain(instances(3..=3, 10));
    let mut storing = association.store_many(four(), instances);
    let start = tokio::time::Instant::now();
    check_stored(storing.next().await, 1, Status::SUCCESS);
    assert_eq!(start.elapsed(), Duration::ZERO);
    // Dropping the wait loses nothing.
    let wait = tokio::time::timeout(Duration::from_secs(10), storing.next());
    assert!(wait.await.is_err());
    check_unknown(storing.next().await, 2, &AssociationFault::Timeout(Phase::Source));
    assert_eq!(start.elapsed().as_secs(), 60);
    check_unknown(storing.next().await, 3, &AssociationFault::Poisoned);
    assert!(storing.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_leaves_those_before_it_unknown() {
    let desk = Desk::storing(|_, body| async move {
        let _ = peers::read(body).await;
        std::future::pending().await
    });
    let mut association = granted(desk).await;
    let breaking = (ct_request(3), AnyBody::new(peers::Breaking(20)));
    let mut storing = association.store_many(four(), instances(1..=2, 10).chain([breaking]));
    check_unknown(storing.next().await, 1, &AssociationFault::Poisoned);
    check_unknown(storing.next().await, 2, &AssociationFault::Poisoned);
    let failed = storing.next().await.unwrap();
    assert!(matches!(failed.outcome, Err(StoreError::Source(_))));
    assert!(storing.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_instance_without_a_context_leaves_the_others_alone() {
    let mut association = granted(Desk::default()).await;
    let mut unknown = ct_request(2);
    unknown.transfer_syntax_uid = uids::RLE_LOSSLESS.to_owned();
    let odd = (unknown, AnyBody::new(Bytes::new()));
    let instances = instances(1..=1, 10).chain([odd]).chain(instances(3..=3, 10));
    let mut storing = association.store_many(four(), instances);
    let mut delivered = Vec::new();
    while let Some(Stored { request, outcome }) = storing.next().await {
        match outcome {
            Ok(answer) => delivered.push((seed_of(&request), answer.is_delivered())),
            Err(error) => {
                let fault = error.association_fault();
                assert!(matches!(fault, Some(AssociationFault::NoContext { .. })));
                assert_eq!(seed_of(&request), 2);
            }
        }
    }
    assert_eq!(delivered, [(1, true), (3, true)]);
}

#[tokio::test]
async fn a_stream_that_is_dropped_poisons_the_association_unless_all_is_answered() {
    let desk = Desk::storing(|request, body| async move {
        let _ = peers::read(body).await;
        if seed_of(&request) == 4 { std::future::pending().await } else { Status::SUCCESS }
    });
    let mut association = granted(desk).await;
    let mut storing = association.store_many(NonZeroUsize::MIN, instances(1..=3, 10));
    check_stored(storing.next().await, 1, Status::SUCCESS);
    drop(storing);
    assert!(association.is_usable());
    let mut storing = association.store_many(four(), instances(1..=4, 10));
    storing.next().await.unwrap().outcome.unwrap();
    drop(storing);
    assert_eq!(association.echo().await.unwrap_err().fault, AssociationFault::Poisoned);
}

/// Accepts, takes two requests, and answers a third that nobody sent.
async fn impostor(mut stream: DuplexStream) {
    let mut machine = Association::acceptor(Config::default(), SystemClock.now());
    let mut requests = 0;
    while requests < 2 {
        match machine.poll_event() {
            Some(Event::Requested(request)) => {
                let accepted = request.contexts.into_iter().map(|mut context| {
                    let transfer_syntax = context.transfer_syntaxes.remove(0);
                    (context.id, ContextResult::Accepted { transfer_syntax })
                });
                machine.accept_with(SystemClock.now(), accepted.collect(), window(4));
            }
            Some(Event::BodyEnd { .. }) => requests += 1,
            Some(_) => {}
            None => {
                let mut pieces = Vec::new();
                machine.poll_transmit(&mut pieces);
                stream.write_all(&pieces.concat()).await.unwrap();
                let mut input = BytesMut::new();
                stream.read_buf(&mut input).await.unwrap();
                machine.handle_input(SystemClock.now(), input.freeze());
            }
        }
    }
    let request = Command::StoreRq {
        message_id: 77,
        sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
        sop_instance_uid: "1.2.3.1".to_owned(),
        priority: 0,
        move_originator: None,
    };
    let response = request.response(Status::SUCCESS).unwrap();
    stream.write_all(&peers::by_hand(3, &response)).await.unwrap();
    // Until the other side has had enough.
    while stream.read_buf(&mut BytesMut::new()).await.is_ok_and(|length| length > 0) {}
}

#[tokio::test]
async fn an_answer_that_fits_no_request_ends_the_association() {
    let (near, far) = tokio::io::duplex(65_536);
    let other = tokio::task::spawn(impostor(far));
    let mut association = open(near, 4).await.unwrap();
    let mut storing = association.store_many(four(), instances(1..=2, 10));
    let fault =
        AssociationFault::Closed(CloseReason::Protocol(ProtocolError::UnsolicitedResponse(77)));
    check_unknown(storing.next().await, 1, &fault);
    check_unknown(storing.next().await, 2, &fault);
    assert!(storing.next().await.is_none());
    drop(storing);
    drop(association);
    other.await.unwrap();
}

/// Passes so many bytes on, and keeps a copy.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    passed: &Mutex<Vec<u8>>,
    mut left: usize,
) {
    let mut buffer = vec![0; 4096];
    while left > 0 {
        let longest = left.min(buffer.len());
        let Ok(length @ 1..) = from.read(&mut buffer[..longest]).await else { return };
        passed.lock().unwrap().extend_from_slice(&buffer[..length]);
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
        left -= length;
    }
}

/// How many P-DATA-TF PDUs there are from beginning to end: here each is one response.
fn responses(mut stream: &[u8]) -> usize {
    let mut count = 0;
    while let [pdu_type, _, a, b, c, d, rest @ ..] = stream
        && let Some(rest) = rest.get(u32::from_be_bytes([*a, *b, *c, *d]) as usize..)
    {
        count += usize::from(*pdu_type == 4);
        stream = rest;
    }
    count
}

const COUNT: u8 = 4;
const LENGTH: usize = 300;

/// Only some are delivered, so that an answer that goes to the wrong one is found out.
fn status_of(seed: u8) -> Status {
    if seed.is_multiple_of(2) { Status::SUCCESS } else { Status::OUT_OF_RESOURCES }
}

/// Stores four instances over a line that is cut after so many bytes to the server, or from it. The last is answered
/// first. How many bytes went either way.
async fn check_cut(to_server: usize, from_server: usize) -> [usize; 2] {
    let stored = peers::Stored::default();
    let kept = Arc::clone(&stored);
    let mut desk = Desk::storing(move |request, body: Body| {
        let kept = Arc::clone(&kept);
        async move {
            let Ok(bytes) = peers::read(body).await else { return Status::CANNOT_UNDERSTAND };
            let seed = seed_of(&request);
            kept.lock().unwrap().push((request, bytes));
            tokio::time::sleep(Duration::from_secs(u64::from(COUNT - seed))).await;
            status_of(seed)
        }
    });
    desk.window = Some(4);
    let (near, line_near) = tokio::io::duplex(65_536);
    let (line_far, far) = tokio::io::duplex(65_536);
    let (sent, answered) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<Mutex<Vec<u8>>>::default());
    let passed = (Arc::clone(&sent), Arc::clone(&answered));
    let line = tokio::task::spawn(async move {
        let (near_in, near_out) = tokio::io::split(line_near);
        let (far_in, far_out) = tokio::io::split(line_far);
        tokio::select! {
            () = pass(near_in, far_out, &passed.0, to_server) => {}
            () = pass(far_in, near_out, &passed.1, from_server) => {}
        }
    });
    let (_handle, stop) = shutdown();
    let config = ServerConfig::default();
    let server = tokio::task::spawn(serve_stream(far, "far", Arc::new(desk), config, stop));
    if let Ok(mut association) = open(near, 4).await {
        let mut storing = association.store_many(four(), instances(1..=COUNT, LENGTH));
        let (mut seeds, mut heard) = (Vec::new(), 0);
        while let Some(Stored { request, outcome }) = storing.next().await {
            let seed = seed_of(&request);
            if let Ok(answer) = outcome {
                assert_eq!(answer.status(), status_of(seed));
                heard += 1;
            }
            seeds.push(seed);
        }
        seeds.sort_unstable();
        assert_eq!(seeds, (1..=COUNT).collect::<Vec<_>>());
        assert!(heard <= responses(&answered.lock().unwrap()), "answers out of nowhere");
        if to_server == usize::MAX && from_server == usize::MAX {
            assert_eq!(heard, usize::from(COUNT));
        }
    }
    line.await.unwrap();
    server.await.unwrap();
    for (request, bytes) in &*stored.lock().unwrap() {
        assert_eq!(*bytes, pieces(seed_of(request), LENGTH).make_contiguous().concat());
    }
    [sent, answered].map(|passed| passed.lock().unwrap().len())
}

#[tokio::test(start_paused = true)]
async fn wherever_the_line_is_cut_nothing_counts_as_delivered_without_its_own_answer() {
    let [to_server, from_server] = check_cut(usize::MAX, usize::MAX).await;
    for cut in (0..from_server).step_by(3) {
        check_cut(usize::MAX, cut).await;
    }
    for cut in (0..to_server).step_by(13) {
        check_cut(cut, usize::MAX).await;
    }
}
