//! What a peer may not do, and what it gets for it.

use bytes::Bytes;

use super::{CT_IMAGE_STORAGE, Pair, VERIFICATION, accepted, events, origin, request, transmitted};
use crate::association::Association;
use crate::command::CommandError;
use crate::config::Config;
use crate::event::Event;
use crate::refusal::{AbortSource, CloseReason, ProtocolError, Rejection};

pub(super) fn pdu(pdu_type: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[pdu_type, 0], &length[..], body].concat()
}

pub(super) fn pdv(context_id: u8, control: u8, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len() + 2).unwrap().to_be_bytes();
    [&length[..], &[context_id, control], value].concat()
}

pub(super) fn element(number: u16, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_le_bytes();
    [&[0, 0], &number.to_le_bytes()[..], &length[..], value].concat()
}

/// A command set without group length: field, message ID, data set type and what else is given.
pub(super) fn command_set(field: u16, message_id: u16, data_set: u16, more: &[u8]) -> Vec<u8> {
    let identifier = if field & 0x8000 == 0 && field != 0x0FFF { 0x0110 } else { 0x0120 };
    [
        element(0x0100, &field.to_le_bytes()),
        element(identifier, &message_id.to_le_bytes()),
        element(0x0800, &data_set.to_le_bytes()),
        more.to_vec(),
    ]
    .concat()
}

fn echo(message_id: u16) -> Vec<u8> {
    pdu(4, &pdv(1, 3, &command_set(0x0030, message_id, 0x0101, b"")))
}

fn store_command() -> Vec<u8> {
    let more = [element(2, CT_IMAGE_STORAGE.as_bytes()), element(0x1000, b"1.2")].concat();
    command_set(0x0001, 1, 0, &more)
}

fn abort(source: u8, reason: u8) -> Vec<u8> {
    pdu(7, &[0, 0, source, reason])
}

/// Sends bytes to a machine that waits for a request.
#[track_caller]
fn check_before(input: &[u8], expected: ProtocolError) {
    let now = origin();
    let mut machine = Association::acceptor(Config::default(), now);
    machine.handle_input(now, Bytes::copy_from_slice(input));
    assert_eq!(events(&mut machine), [Event::Closed(CloseReason::Protocol(expected))]);
    assert_eq!(transmitted(&mut machine), abort(0, 0), "AA-1 has the service user as its source");
}

/// Sends bytes into an association; the reason of our A-ABORT is the provider's.
#[track_caller]
fn check_within(input: &[u8], expected: ProtocolError, source: u8, reason: u8) {
    let mut pair = Pair::established();
    pair.called.handle_input(pair.now, Bytes::copy_from_slice(input));
    let last = events(&mut pair.called).pop();
    assert_eq!(last, Some(Event::Closed(CloseReason::Protocol(expected))));
    assert_eq!(transmitted(&mut pair.called), abort(source, reason));
}

#[test]
fn other_protocols_are_turned_away_at_their_first_bytes() {
    check_before(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ProtocolError::UnrecognizedPdu(b'G'));
    check_before(b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC", ProtocolError::UnrecognizedPdu(0x16));
    check_before(b"\x0BMSH|^~\\&|", ProtocolError::UnrecognizedPdu(0x0B));
}

#[test]
fn nothing_but_a_request_opens_an_association() {
    check_before(&echo(1), ProtocolError::UnexpectedPdu(4));
    check_before(&pdu(5, &[0; 4]), ProtocolError::UnexpectedPdu(5));
    check_before(&pdu(2, &[0; 68]), ProtocolError::UnexpectedPdu(2));
    check_before(&pdu(1, &[0; 10]), ProtocolError::MalformedPdu(1));
    let too_long = ProtocolError::PduTooLong { length: u32::MAX, limit: 1024 * 1024 };
    check_before(b"\x01\0\xFF\xFF\xFF\xFF", too_long);
}

#[test]
fn pdus_that_may_not_come_now_end_the_association() {
    let mut again = Association::requestor(Config::default(), request(), origin());
    check_within(&transmitted(&mut again), ProtocolError::UnexpectedPdu(1), 2, 2);
    check_within(&pdu(0x99, b"x"), ProtocolError::UnrecognizedPdu(0x99), 2, 1);
    check_within(&pdu(6, &[0; 4]), ProtocolError::UnexpectedPdu(6), 2, 2);
    check_within(&pdu(3, &[0; 4]), ProtocolError::UnexpectedPdu(3), 2, 2);
}

#[test]
fn lengths_beyond_the_limits_end_the_association_before_their_bytes_come() {
    let limit = Config::default().pdu_bytes_max;
    let within = |length| ProtocolError::PduTooLong { length, limit };
    check_within(b"\x04\0\xFF\xFF\xFF\xFF", within(u32::MAX), 2, 6);
    check_within(b"\x04\0\x00\x04\x00\x00", within(262_144), 2, 6);
    let control = ProtocolError::PduTooLong { length: 1 << 24, limit: 65_536 };
    check_within(b"\x05\0\x01\x00\x00\x00", control, 2, 6);
    check_within(&pdu(4, b"\0\0\0\0\x01\x03"), ProtocolError::PdvLength(0), 2, 6);
    let beyond = b"\xFF\xFF\xFF\xFF\x01\x03abcd";
    check_within(&pdu(4, beyond), ProtocolError::PdvLength(u32::MAX), 2, 6);
    check_within(&pdu(4, b"\0\0\x01\x90\x01\x03abcd"), ProtocolError::PdvLength(400), 2, 6);
    check_within(&pdu(4, b"\0\0\0"), ProtocolError::MalformedPdu(4), 2, 6);
}

#[test]
fn fragments_must_belong_to_a_message() {
    let on_99 = pdu(4, &pdv(99, 3, b"x"));
    check_within(&on_99, ProtocolError::ContextNotAccepted(99), 2, 6);
    let data_first = pdu(4, &pdv(1, 2, &[0; 8]));
    check_within(&data_first, ProtocolError::UnexpectedDataSet(1), 2, 5);
    let other_context = [pdv(3, 3, &store_command()), pdv(1, 0, b"x")].concat();
    check_within(&pdu(4, &other_context), ProtocolError::UnexpectedDataSet(1), 2, 5);
    let two_bodies = [pdv(3, 3, &store_command()), pdv(3, 0, b"x"), pdv(3, 3, &store_command())];
    check_within(&pdu(4, &two_bodies.concat()), ProtocolError::InterleavedMessage(3), 2, 5);
    let two_commands = [pdv(3, 1, b"x"), pdv(1, 1, b"x")].concat();
    check_within(&pdu(4, &two_commands), ProtocolError::InterleavedMessage(1), 2, 5);
}

#[test]
fn commands_that_say_nothing_are_faults_above_the_upper_layer() {
    let cases = [
        (vec![0xFF; 40], CommandError::Truncated { offset: 0 }),
        (element(0x0110, &[1, 0]), CommandError::Missing { element: 0x0100 }),
        (command_set(0x0001, 1, 0x0101, b""), CommandError::NoDataSet),
        (command_set(0x0001, 1, 0, b""), CommandError::Missing { element: 0x0002 }),
        (command_set(0x8030, 1, 0x0101, b""), CommandError::Missing { element: 0x0900 }),
    ];
    for (set, error) in cases {
        check_within(&pdu(4, &pdv(1, 3, &set)), ProtocolError::Command(error), 0, 0);
    }
    let response = command_set(0x8030, 7, 0x0101, &element(0x0900, &[0, 0]));
    let unsolicited = ProtocolError::UnsolicitedResponse(7);
    check_within(&pdu(4, &pdv(1, 3, &response)), unsolicited, 0, 0);
}

#[test]
fn an_endless_command_set_ends_at_the_limit() {
    let part = pdu(4, &pdv(1, 1, &[0; 60_000]));
    let error = ProtocolError::CommandTooLong { limit: 65_536 };
    check_within(&[part.clone(), part].concat(), error, 0, 0);
}

#[test]
fn requests_without_end_are_too_many() {
    let stream: Vec<u8> = (0..65).flat_map(echo).collect();
    check_within(&stream, ProtocolError::TooManyOperations { limit: 64 }, 0, 0);
}

/// What the called side tells after a stream in which the request, a message and the release come in one go.
#[track_caller]
fn check_tolerated(stream: &[Vec<u8>], commands: usize) {
    let mut pair = Pair::established();
    pair.called.handle_input(pair.now, stream.concat().into());
    let all = events(&mut pair.called);
    let seen = all.iter().filter(|event| matches!(event, Event::Command { .. })).count();
    assert_eq!(seen, commands, "{all:?}");
    assert_eq!(all.last(), Some(&Event::ReleaseRequested), "{all:?}");
}

#[test]
fn clumsy_but_clear_streams_are_understood() {
    let set = command_set(0x0030, 1, 0x0101, b"");
    let release = pdu(5, &[0; 4]);
    let single_bytes: Vec<u8> = set
        .iter()
        .enumerate()
        .flat_map(|(n, byte)| pdu(4, &pdv(1, if n + 1 == set.len() { 3 } else { 1 }, &[*byte])))
        .collect();
    check_tolerated(&[single_bytes, release.clone()], 1);
    let (front, back) = set.split_at(10);
    let empty_middle = [pdv(1, 1, front), pdv(1, 1, b""), pdv(1, 3, back)].map(|one| pdu(4, &one));
    check_tolerated(&[empty_middle.concat(), release.clone()], 1);
    let second = command_set(0x0030, 2, 0x0101, b"");
    let two = pdu(4, &[pdv(1, 3, &set), pdv(1, 3, &second)].concat());
    check_tolerated(&[two, release.clone()], 2);
    check_tolerated(&[echo(1), pdu(4, b""), release], 1);
    check_tolerated(&[echo(1), pdu(5, &[0; 12])], 1);
    check_tolerated(&[echo(1), pdu(5, b"")], 1);
}

#[test]
fn a_cancellation_may_stand_between_the_fragments_of_a_data_set() {
    let cancel = command_set(0x0FFF, 7, 0x0101, b"");
    let stream =
        [pdv(3, 3, &store_command()), pdv(3, 0, b"one"), pdv(1, 3, &cancel), pdv(3, 2, b"two")];
    let mut pair = Pair::established();
    pair.called.handle_input(pair.now, pdu(4, &stream.concat()).into());
    let kinds: Vec<_> = events(&mut pair.called)
        .iter()
        .map(|event| match event {
            Event::Command { command, .. } => format!("{:04X}", command.field()),
            Event::Body { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
            Event::BodyEnd { .. } => "end".to_owned(),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["0001", "one", "0FFF", "two", "end"]);
}

#[test]
fn request_message_and_release_in_one_buffer_are_taken_in_turn() {
    let now = origin();
    let mut calling = Association::requestor(Config::default(), request(), now);
    let mut called = Association::acceptor(Config::default(), now);
    let stream = [transmitted(&mut calling), echo(1), pdu(5, &[0; 4])].concat();
    called.handle_input(now, stream.into());
    assert_eq!(events(&mut called), [Event::Requested(request())]);
    called.accept(now, accepted(&[1]));
    let all = events(&mut called);
    assert!(matches!(
        all[..],
        [Event::Established(_), Event::Command { .. }, Event::ReleaseRequested]
    ));
}

#[test]
fn an_abort_is_an_abort_whatever_it_says() {
    let cases: [(&[u8], AbortSource, u8); 5] = [
        (&[0, 0, 0, 0], AbortSource::ServiceUser, 0),
        (&[0, 0, 2, 6], AbortSource::ServiceProvider, 6),
        (&[0, 0, 9, 9], AbortSource::Reserved(9), 9),
        (&[], AbortSource::ServiceProvider, 0),
        (&[0, 0, 2, 1, 5, 5, 5], AbortSource::ServiceProvider, 1),
    ];
    for (body, by, reason) in cases {
        let mut pair = Pair::established();
        pair.called.handle_input(pair.now, pdu(7, body).into());
        assert_eq!(events(&mut pair.called), [Event::Aborted { by, reason }]);
        assert!(pair.called.is_closed());
    }
}

/// A request with the given fields; `items` follow the fixed part.
fn raw_request(version: u16, called: &[u8; 16], items: &[u8]) -> Vec<u8> {
    let fixed = [&version.to_be_bytes()[..], &[0, 0], called, b"CT1             ", &[0; 32]];
    pdu(1, &[&fixed.concat()[..], items].concat())
}

pub(super) fn item(item_type: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[item_type, 0], &length[..], value].concat()
}

#[test]
fn requests_that_nobody_could_accept_are_rejected_with_the_reason() {
    let context = [&[1, 0, 0, 0][..], &item(0x30, VERIFICATION.as_bytes())].concat();
    let good = [
        item(0x10, crate::APPLICATION_CONTEXT.as_bytes()),
        item(0x20, &context),
        item(0x50, &item(0x51, &[0, 0, 64, 0])),
    ]
    .concat();
    let called = b"TELERAD         ";
    let cases = [
        (raw_request(2, called, &good), Some(Rejection::PROTOCOL_VERSION_NOT_SUPPORTED)),
        (raw_request(1, &[b' '; 16], &good), Some(Rejection::CALLED_AE_NOT_RECOGNIZED)),
        (raw_request(1, &[0xE4; 16], &good), Some(Rejection::CALLED_AE_NOT_RECOGNIZED)),
        (
            raw_request(1, called, &item(0x10, b"1.2.3")),
            Some(Rejection::APPLICATION_CONTEXT_NOT_SUPPORTED),
        ),
        (raw_request(1, called, b""), Some(Rejection::APPLICATION_CONTEXT_NOT_SUPPORTED)),
        (raw_request(3, called, &good), None),
    ];
    for (bytes, rejection) in cases {
        let now = origin();
        let mut machine = Association::acceptor(Config::default(), now);
        machine.handle_input(now, bytes.into());
        let event = events(&mut machine).pop();
        match rejection {
            Some(rejection) => {
                assert_eq!(event, Some(Event::Closed(CloseReason::Rejected(rejection))));
                assert_eq!(transmitted(&mut machine)[0], 3);
            }
            None => assert!(matches!(event, Some(Event::Requested(_)))),
        }
    }
}
