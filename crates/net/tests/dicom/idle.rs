//! What a peer says between two operations.

use std::sync::Arc;
use std::time::Duration;

use telerad_dicom::{Status, uids};
use telerad_dimse::{Association, AsyncWindow, Command, Config, ContextResult, Event, UserItems};
use telerad_net::dicom::{AssociationFault, ClientAssociation, Pool, PoolConfig, ServerConfig};
use telerad_net::{Clock, Listener, SystemClock, TokioSpawn};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::peers::{
    CT, Desk, Queue, Raw, VERIFICATION, WORKLIST, by_hand, every_context, open, peer,
};

/// A peer that accepts every context, and then asks for release.
async fn released() -> (ClientAssociation, DuplexStream) {
    let (near, stream) = tokio::io::duplex(65_536);
    let opening = tokio::task::spawn(open(near));
    let stream = accept_and_say(stream, RELEASE_RQ).await;
    (opening.await.unwrap().unwrap(), stream)
}

/// Accepts every context, and says this in the same breath.
async fn accept_and_say(mut stream: DuplexStream, said: &[u8]) -> DuplexStream {
    let mut machine = Association::acceptor(Config::default(), SystemClock.now());
    loop {
        let mut input = bytes::BytesMut::new();
        stream.read_buf(&mut input).await.unwrap();
        machine.handle_input(SystemClock.now(), input.freeze());
        if let Some(Event::Requested(_)) = machine.poll_event() {
            break;
        }
    }
    let accepted = every_context().into_iter().map(|mut context| {
        let transfer_syntax = context.transfer_syntaxes.remove(0);
        (context.id, ContextResult::Accepted { transfer_syntax })
    });
    machine.accept_with(SystemClock.now(), accepted.collect(), UserItems::default());
    let mut pieces = Vec::new();
    machine.poll_transmit(&mut pieces);
    pieces.push(said.to_vec().into());
    stream.write_all(&pieces.concat()).await.unwrap();
    stream
}

/// Everything that comes until the other side lets go.
async fn heard(mut stream: DuplexStream) -> Vec<u8> {
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    heard
}

const RELEASE_RQ: &[u8] = b"\x05\0\0\0\0\x04\0\0\0\0";
const RELEASE_RP: &[u8] = b"\x06\0\0\0\0\x04\0\0\0\0";

#[tokio::test]
async fn a_release_that_a_look_finds_is_answered() {
    let (mut association, stream) = released().await;
    assert!(!association.is_usable());
    drop(association);
    assert_eq!(heard(stream).await, RELEASE_RP);
}

#[tokio::test]
async fn a_release_that_an_operation_finds_is_answered() {
    let (mut association, stream) = released().await;
    assert_eq!(association.echo().await.unwrap_err().fault, AssociationFault::Released);
    drop(association);
    assert_eq!(heard(stream).await, RELEASE_RP);
}

#[tokio::test]
async fn a_release_that_our_own_finds_is_answered_and_both_part_in_peace() {
    let (association, stream) = released().await;
    association.release().await.unwrap();
    assert_eq!(heard(stream).await, RELEASE_RP);
}

/// A report, and a release that does not wait for its answer.
fn hasty_report() -> (Vec<u8>, Vec<u8>) {
    let report = Command::NEventReportRq {
        message_id: 7,
        sop_class_uid: "1.3.46.670589.5.0.9".to_owned(),
        sop_instance_uid: "1.2.3".to_owned(),
        event_type_id: 1,
        has_data_set: false,
    };
    let declined = report.response(Status::PROCESSING_FAILURE).unwrap();
    let said = [&by_hand(VERIFICATION, &report), RELEASE_RQ].concat();
    (said, [&by_hand(VERIFICATION, &declined), RELEASE_RP].concat())
}

#[tokio::test]
async fn a_release_behind_a_report_that_nobody_takes_is_answered() {
    let (said, expected) = hasty_report();
    let (near, stream) = tokio::io::duplex(65_536);
    let opening = tokio::task::spawn(open(near));
    let stream = accept_and_say(stream, &said).await;
    let mut association = opening.await.unwrap().unwrap();
    assert!(!association.is_usable());
    drop(association);
    assert_eq!(heard(stream).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_pool_answers_a_release_behind_a_report_that_nobody_takes() {
    let (said, expected) = hasty_report();
    let (mut listener, connector) = Queue::new();
    let pool = Pool::new(connector, PoolConfig::default(), Arc::new(TokioSpawn));
    let lending = pool.clone();
    let checkout = tokio::task::spawn(async move {
        let association = lending.checkout(&peer("vault:104"), every_context()).await.unwrap();
        drop(association);
    });
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = accept_and_say(stream, b"").await;
    checkout.await.unwrap();
    assert_eq!(pool.counts().idle, 1);
    stream.write_all(&said).await.unwrap();
    let start = tokio::time::Instant::now();
    let mut answered = vec![0; expected.len()];
    stream.read_exact(&mut answered).await.unwrap();
    assert_eq!((answered, start.elapsed().as_secs()), (expected, 0));
    assert_eq!(heard(stream).await, []);
}

/// What the peer of a service hears that takes its time, when it loses interest.
#[tokio::test(start_paused = true)]
async fn a_slow_answer_keeps_neither_cancellation_nor_release_unheard() {
    let config = ServerConfig { service_seconds_max: 100_000, ..ServerConfig::default() };
    let desk = || Desk { find_pause: Duration::from_secs(10_000), ..Desk::default() };
    let start = tokio::time::Instant::now();
    let mut raw = Raw::associate(desk(), config.clone()).await;
    raw.find(1).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    raw.send(WORKLIST, &Command::CancelRq { message_id: 1 }).await;
    assert_eq!(raw.status().await, Status::CANCEL);
    // A release in place of a cancellation: the question has its end, and the association too.
    raw.find(2).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    raw.stream.write_all(RELEASE_RQ).await.unwrap();
    let find = Command::FindRq {
        message_id: 2,
        sop_class_uid: uids::MODALITY_WORKLIST_FIND.to_owned(),
        priority: 0,
    };
    let end = find.response(Status::CANCEL).unwrap();
    let expected = [&by_hand(WORKLIST, &end), RELEASE_RP].concat();
    let mut answer = vec![0; expected.len()];
    raw.stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, expected);
    drop(raw.stream);
    raw.server.await.unwrap();
    // An abort.
    let mut raw = Raw::associate(desk(), config).await;
    raw.find(1).await;
    raw.stream.write_all(b"\x07\0\0\0\0\x04\0\0\0\0").await.unwrap();
    raw.server.await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 10);
}

/// Nor does a service that does nothing at all: the bytes of another operation come and go meanwhile.
#[tokio::test(start_paused = true)]
async fn a_slow_service_keeps_no_other_operation_waiting() {
    let desk = Desk { window: Some(2), ..Desk::storing(|_, _| std::future::pending()) };
    let user = UserItems {
        async_window: Some(AsyncWindow { invoked: 2, performed: 1 }),
        ..UserItems::default()
    };
    let services = Arc::new(desk);
    let mut raw = Raw::asking(services, ServerConfig::default(), every_context(), user).await;
    let store = Command::StoreRq {
        message_id: 1,
        sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
        priority: 0,
        sop_instance_uid: "1.2.3".to_owned(),
        move_originator: None,
    };
    let start = tokio::time::Instant::now();
    raw.send(CT, &store).await;
    raw.finish(b"").await;
    raw.send(VERIFICATION, &Command::EchoRq { message_id: 2 }).await;
    assert_eq!(raw.response().await.message_id(), 2);
    assert_eq!(start.elapsed().as_secs(), 0);
}
