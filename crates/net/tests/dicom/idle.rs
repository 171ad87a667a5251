//! What a peer says between two operations.

use telerad_dimse::{Association, Config, ContextResult, Event, UserItems};
use telerad_net::dicom::{AssociationFault, ClientAssociation};
use telerad_net::{Clock, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::peers::{every_context, open};

/// A peer that accepts every context, and then asks for release.
async fn released() -> (ClientAssociation, DuplexStream) {
    let (near, mut stream) = tokio::io::duplex(65_536);
    let opening = tokio::task::spawn(open(near));
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
    machine.release(SystemClock.now());
    let mut pieces = Vec::new();
    machine.poll_transmit(&mut pieces);
    stream.write_all(&pieces.concat()).await.unwrap();
    (opening.await.unwrap().unwrap(), stream)
}

/// Everything that comes until the other side lets go.
async fn heard(mut stream: DuplexStream) -> Vec<u8> {
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    heard
}

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
