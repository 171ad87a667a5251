//! Questions and their answers, as streams in both roles.

use std::sync::atomic::Ordering;
use std::time::Duration;

use telerad_dicom::{DataSet, Status, uids};
use telerad_dimse::Command;
use telerad_net::dicom::{AssociationFault, ClientAssociation, KeySupport, ServerConfig};

use crate::peers::{self, Desk, Raw, pair};

const WORKLIST: &str = uids::MODALITY_WORKLIST_FIND;

#[tokio::test]
async fn each_answer_says_whether_its_keys_were_supported() {
    let (mut association, _server) = pair(Desk::default(), ServerConfig::default()).await;
    let mut stream = association.find(WORKLIST, &DataSet::new()).await.unwrap();
    let mut support = Vec::new();
    while let Some(answer) = stream.next().await {
        support.push(answer.unwrap().support);
    }
    assert_eq!(support, [KeySupport::All, KeySupport::Some, KeySupport::All]);
    assert_eq!(stream.status(), Some(Status::SUCCESS));
    assert!(stream.next().await.is_none());
    drop(stream);
    assert_eq!(association.echo().await.unwrap(), Status::SUCCESS);
}

/// Asks for ten thousand answers and reads the first; how many were made meanwhile, and then after the cancellation.
async fn read_one_of_ten_thousand(cancel: bool) -> (usize, usize, Option<Status>) {
    let desk = Desk { find: Ok(10_000), ..Desk::default() };
    let (mut association, _server) = pair(desk.clone(), ServerConfig::default()).await;
    let mut stream = association.find(WORKLIST, &DataSet::new()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let made = desk.asked.load(Ordering::Relaxed);
    if cancel {
        stream.cancel().await.unwrap();
    }
    let mut received = 1;
    while let Some(answer) = stream.next().await {
        answer.unwrap();
        received += 1;
    }
    let status = stream.status();
    drop(stream);
    assert!(association.is_usable());
    (made, received, status)
}

#[tokio::test(start_paused = true)]
async fn answers_are_made_when_there_is_room_for_them() {
    let (made, received, status) = read_one_of_ten_thousand(false).await;
    assert!(made < 2_000, "{made} answers waited somewhere");
    assert_eq!((received, status), (10_000, Some(Status::SUCCESS)));
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_heard_while_answers_flow() {
    let (_, received, status) = read_one_of_ten_thousand(true).await;
    assert!(received < 2_000, "{received} answers came all the same");
    assert_eq!(status, Some(Status::CANCEL));
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_heard_behind_a_request_that_waits() {
    let desk = Desk { find_pause: Duration::from_secs(100), ..Desk::default() };
    let mut raw = Raw::associate(desk, ServerConfig::default()).await;
    raw.find(1).await;
    raw.send(peers::VERIFICATION, &Command::EchoRq { message_id: 2 }).await;
    raw.send(peers::WORKLIST, &Command::CancelRq { message_id: 1 }).await;
    let start = tokio::time::Instant::now();
    assert_eq!(raw.status().await, Status::CANCEL);
    assert_eq!(raw.response().await.message_id(), 2);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_its_time_is_not_a_peer_that_is_silent() {
    let (mut association, _server) = pair(Desk::default(), ServerConfig::default()).await;
    let mut stream = association.find(WORKLIST, &DataSet::new()).await.unwrap();
    let mut received = 0;
    while let Some(answer) = stream.next().await {
        answer.unwrap();
        received += 1;
        tokio::time::sleep(Duration::from_secs(500)).await;
    }
    assert_eq!(received, 3);
}

#[tokio::test]
async fn a_stream_that_is_dropped_ends_the_association() {
    let desk = Desk { find: Ok(10_000), ..Desk::default() };
    let (mut association, server) = pair(desk, ServerConfig::default()).await;
    let mut stream = association.find(WORKLIST, &DataSet::new()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    let error = association.echo().await.unwrap_err();
    assert_eq!(error.fault, AssociationFault::Poisoned);
    server.await.unwrap();
}

#[test]
fn streams_are_send() {
    fn is_send<T: Send>(_: T) {}
    fn check(association: &mut ClientAssociation) {
        is_send(association.find("1.2", &DataSet::new()));
    }
    let _ = check;
}
