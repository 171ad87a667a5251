use bytes::Bytes;
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu, read_pdu, write_pdu};
use telerad_dicom::Status;

use super::{Pair, events, joined, request, store, transmitted};
use crate::command::Command;
use crate::config::Config;
use crate::event::Event;
use crate::negotiation::ContextResult;
use crate::refusal::UseError;

const ECHO: Command = Command::EchoRq { message_id: 1 };

fn command(context_id: u8, command: Command) -> Event {
    Event::Command { context_id, command }
}

fn body(context_id: u8, bytes: &[u8]) -> Event {
    Event::Body { context_id, bytes: Bytes::copy_from_slice(bytes) }
}

#[test]
fn an_echo_is_asked_and_answered() {
    let mut pair = Pair::established();
    pair.calling.send_command(pair.now, 1, &ECHO).unwrap();
    pair.carry();
    assert_eq!(events(&mut pair.called), [command(1, ECHO)]);
    let answer = ECHO.response(Status::SUCCESS).unwrap();
    pair.called.send_command(pair.now, 1, &answer).unwrap();
    pair.carry();
    assert_eq!(events(&mut pair.calling), [command(1, answer)]);
}

#[test]
fn data_sets_travel_in_both_directions_at_once() {
    let mut pair = Pair::established();
    let there: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    let back: Vec<u8> = (0..70_000_u32).map(|n| (n % 241) as u8).collect();
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    pair.called.send_command(pair.now, 3, &store(9)).unwrap();
    for (there, back) in there.chunks(10_000).zip(back.chunks(7_000)) {
        pair.calling.send_body(pair.now, Bytes::copy_from_slice(there)).unwrap();
        pair.called.send_body(pair.now, Bytes::copy_from_slice(back)).unwrap();
    }
    pair.calling.finish_body(pair.now).unwrap();
    pair.called.finish_body(pair.now).unwrap();
    pair.carry();
    let expected = [command(3, store(1)), body(3, &there), Event::BodyEnd { context_id: 3 }];
    assert_eq!(joined(events(&mut pair.called)), expected);
    let expected = [command(3, store(9)), body(3, &back), Event::BodyEnd { context_id: 3 }];
    assert_eq!(joined(events(&mut pair.calling)), expected);
}

/// The PDU lengths and, for data PDVs, the value lengths and control bytes of a stream of P-DATA-TF PDUs.
pub(super) fn fragments(mut stream: &[u8]) -> Vec<(usize, u8)> {
    let mut fragments = Vec::new();
    while !stream.is_empty() {
        assert_eq!(stream[0], 4);
        let pdu = u32::from_be_bytes(stream[2..6].try_into().unwrap()) as usize;
        let value = u32::from_be_bytes(stream[6..10].try_into().unwrap()) as usize - 2;
        assert_eq!(pdu, value + 6, "one PDV in each PDU");
        fragments.push((value, stream[11]));
        stream = &stream[6 + pdu..];
    }
    fragments
}

#[test]
fn fragments_are_even_and_fit_an_odd_maximum() {
    let mut request = request();
    request.pdu_bytes_max = 16_384;
    let called = Config { pdu_bytes_max: 1_001, ..Config::default() };
    let mut pair = Pair::established_with(Config::default(), called, request);
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    transmitted(&mut pair.calling);
    pair.calling.send_body(pair.now, Bytes::from(vec![7; 10_000])).unwrap();
    pair.calling.finish_body(pair.now).unwrap();
    let sent = fragments(&transmitted(&mut pair.calling));
    // 1001 less 6 bytes of PDV header is 995; the next even number is 994.
    let mut expected = vec![(994, 0); 10];
    expected.push((10_000 - 9_940, 2));
    assert_eq!(sent, expected);
}

/// The bytes of a body of `length` bytes as they are sent in this transfer syntax.
#[track_caller]
fn check_end(transfer_syntax: &str, length: usize, sent: usize) {
    let mut request = request();
    let transfer_syntax = transfer_syntax.to_owned();
    request.contexts[1].transfer_syntaxes = vec![transfer_syntax.clone()];
    let mut pair = Pair::new(Config::default(), Config::default(), request);
    pair.carry();
    pair.called.accept(pair.now, vec![(3, ContextResult::Accepted { transfer_syntax })]);
    pair.carry();
    events(&mut pair.called);
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    pair.calling.send_body(pair.now, Bytes::from(vec![7; length])).unwrap();
    pair.calling.finish_body(pair.now).unwrap();
    pair.carry();
    let mut expected = vec![7; length];
    expected.resize(sent, 0);
    let expected = [command(3, store(1)), body(3, &expected), Event::BodyEnd { context_id: 3 }];
    assert_eq!(joined(events(&mut pair.called)), expected);
}

#[test]
fn an_odd_deflated_data_set_gets_its_zero() {
    let deflated = "1.2.840.10008.1.2.1.99";
    check_end(deflated, 4_303, 4_304);
    check_end(deflated, 50_001, 50_002);
    check_end(deflated, 4_304, 4_304);
    // In any other encoding a zero at the end would be half an element.
    check_end("1.2.840.10008.1.2.1", 4_303, 4_303);
}

#[test]
fn our_own_limit_holds_when_the_peer_names_none() {
    let called = Config { pdu_bytes_max: 0, ..Config::default() };
    let calling = Config { outgoing_pdu_bytes_max: 4_096, ..Config::default() };
    let mut pair = Pair::established_with(calling, called, request());
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    transmitted(&mut pair.calling);
    pair.calling.send_body(pair.now, Bytes::from(vec![7; 10_000])).unwrap();
    let sent = fragments(&transmitted(&mut pair.calling));
    assert_eq!(sent, [(4_090, 0), (4_090, 0)]);
}

#[test]
fn the_last_fragment_waits_for_the_end_even_when_it_is_full() {
    let called = Config { pdu_bytes_max: 1_006, ..Config::default() };
    let mut pair = Pair::established_with(Config::default(), called, request());
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    transmitted(&mut pair.calling);
    pair.calling.send_body(pair.now, Bytes::from(vec![7; 1_000])).unwrap();
    assert!(transmitted(&mut pair.calling).is_empty());
    pair.calling.finish_body(pair.now).unwrap();
    assert_eq!(fragments(&transmitted(&mut pair.calling)), [(1_000, 2)]);
}

#[test]
fn dicom_ul_reads_the_same_fragments_that_we_send() {
    let called = Config { pdu_bytes_max: 2_000, ..Config::default() };
    let mut pair = Pair::established_with(Config::default(), called, request());
    let given: Vec<u8> = (0..5_000_u32).map(|n| (n % 256) as u8).collect();
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    pair.calling.send_body(pair.now, Bytes::from(given.clone())).unwrap();
    pair.calling.finish_body(pair.now).unwrap();
    let mut stream = Bytes::from(transmitted(&mut pair.calling));
    let (mut command_set, mut data_set, mut ends) = (Vec::new(), Vec::new(), 0);
    while let Some(pdu) = read_pdu(&mut stream, 2_000, true).unwrap() {
        let Pdu::PData { data } = pdu else { panic!("not P-DATA-TF") };
        for value in data {
            assert_eq!(value.presentation_context_id, 3);
            ends += usize::from(value.is_last);
            match value.value_type {
                PDataValueType::Command => command_set.extend(value.data),
                PDataValueType::Data => data_set.extend(value.data),
            }
        }
    }
    assert_eq!((command_set, data_set, ends), (store(1).encode(), given, 2));
}

#[test]
fn a_message_that_dicom_ul_writes_into_one_pdu_is_read() {
    let mut pair = Pair::established();
    let value = |value_type, is_last, data: &[u8]| PDataValue {
        presentation_context_id: 3,
        value_type,
        is_last,
        data: data.to_vec(),
    };
    let data = vec![
        value(PDataValueType::Command, true, &store(1).encode()),
        value(PDataValueType::Data, false, b"abc"),
        value(PDataValueType::Data, true, b"defgh"),
    ];
    let mut stream = Vec::new();
    write_pdu(&mut stream, &Pdu::PData { data }).unwrap();
    pair.called.handle_input(pair.now, stream.into());
    assert_eq!(
        joined(events(&mut pair.called)),
        [command(3, store(1)), body(3, b"abcdefgh"), Event::BodyEnd { context_id: 3 }]
    );
}

#[test]
fn an_empty_body_still_ends() {
    let mut pair = Pair::established();
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    pair.calling.finish_body(pair.now).unwrap();
    pair.carry();
    assert_eq!(events(&mut pair.called), [command(3, store(1)), Event::BodyEnd { context_id: 3 }]);
}

#[test]
fn a_long_command_is_cut_too() {
    let called = Config { pdu_bytes_max: 128, ..Config::default() };
    let mut pair = Pair::established_with(Config::default(), called, request());
    let long = Command::FindRq { message_id: 1, sop_class_uid: "1".repeat(300), priority: 0 };
    pair.calling.send_command(pair.now, 3, &long).unwrap();
    let stream = transmitted(&mut pair.calling);
    let sent = fragments(&stream);
    // 12 of group length, 8 + 300 of UID, four numbers of 10 each.
    assert_eq!(sent, [(122, 1), (122, 1), (116, 3)]);
    pair.called.handle_input(pair.now, stream.into());
    assert_eq!(events(&mut pair.called), [command(3, long)]);
}

#[test]
fn many_small_pieces_become_few_fragments_and_no_byte_is_lost() {
    let mut pair = Pair::established();
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    for n in 0..2_001_u32 {
        pair.calling.send_body(pair.now, Bytes::from(vec![(n % 256) as u8])).unwrap();
    }
    pair.calling.finish_body(pair.now).unwrap();
    let stream = transmitted(&mut pair.calling);
    let sent = fragments(&stream);
    assert!(sent.len() < 12, "{}", sent.len());
    assert!(sent.iter().all(|(value, control)| value.is_multiple_of(2) || control & 2 != 0));
    pair.called.handle_input(pair.now, stream.into());
    let expected: Vec<u8> = (0..2_001_u32).map(|n| (n % 256) as u8).collect();
    assert_eq!(joined(events(&mut pair.called))[1], body(3, &expected));
}

/// Whether `inner` is a part of `outer` in memory, not an equal copy of it.
fn lies_within(inner: &[u8], outer: &[u8]) -> bool {
    let outer = outer.as_ptr_range();
    let inner = inner.as_ptr_range();
    outer.start <= inner.start && inner.end <= outer.end
}

#[test]
fn a_received_body_is_a_part_of_the_input_buffer() {
    let called = Config { pdu_bytes_max: 16_390, ..Config::default() };
    let mut pair = Pair::established_with(Config::default(), called, request());
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    pair.calling.send_body(pair.now, Bytes::from(vec![7; 50_000])).unwrap();
    pair.calling.finish_body(pair.now).unwrap();
    let stream = Bytes::from(transmitted(&mut pair.calling));
    let (mut bodies, mut length) = (0, 0);
    for buffer in [stream.slice(..33_333), stream.slice(33_333..)] {
        pair.called.handle_input(pair.now, buffer.clone());
        for event in events(&mut pair.called) {
            if let Event::Body { bytes, .. } = event {
                assert!(lies_within(&bytes, &buffer));
                bodies += 1;
                length += bytes.len();
            }
        }
    }
    assert_eq!((bodies, length), (5, 50_000));
}

/// A whole way through: every slice that would be written to the next hop lies in a buffer that was read.
#[test]
fn a_forwarded_body_goes_out_as_parts_of_what_came_in() {
    let mut sending = Pair::established();
    sending.calling.send_command(sending.now, 3, &store(1)).unwrap();
    sending.calling.send_body(sending.now, Bytes::from(vec![7; 500_000])).unwrap();
    sending.calling.finish_body(sending.now).unwrap();
    let stream = Bytes::from(transmitted(&mut sending.calling));
    let next = Config { pdu_bytes_max: 30_001, ..Config::default() };
    let mut forwarding = Pair::established_with(Config::default(), next, request());
    let now = forwarding.now;
    let (mut forwarded, mut out) = (0, Vec::new());
    let buffers: Vec<Bytes> = (0..stream.len())
        .step_by(65_536)
        .map(|at| stream.slice(at..stream.len().min(at + 65_536)))
        .collect();
    for buffer in buffers {
        sending.called.handle_input(now, buffer);
        for event in events(&mut sending.called) {
            match event {
                Event::Command { context_id, command } => {
                    forwarding.calling.send_command(now, context_id, &command).unwrap();
                    transmitted(&mut forwarding.calling);
                }
                Event::Body { bytes, .. } => forwarding.calling.send_body(now, bytes).unwrap(),
                _ => forwarding.calling.finish_body(now).unwrap(),
            }
        }
        forwarding.calling.poll_transmit(&mut out);
    }
    for piece in out.iter().filter(|piece| piece.len() != 12) {
        assert!(lies_within(piece, &stream));
        let slice = std::io::IoSlice::new(piece);
        assert_eq!(slice.as_ptr(), piece.as_ptr());
        forwarded += slice.len();
    }
    assert_eq!(forwarded, 500_000);
}

#[test]
fn a_sent_body_goes_out_as_parts_of_what_was_given() {
    let mut pair = Pair::established();
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    transmitted(&mut pair.calling);
    let given = Bytes::from(vec![7; 600_000]);
    pair.calling.send_body(pair.now, given.clone()).unwrap();
    pair.calling.finish_body(pair.now).unwrap();
    let mut out = Vec::new();
    pair.calling.poll_transmit(&mut out);
    let (headers, slices): (Vec<_>, Vec<_>) = out.iter().partition(|bytes| bytes.len() == 12);
    assert_eq!(headers.len(), slices.len());
    assert!(slices.iter().all(|slice| lies_within(slice, &given)));
    assert_eq!(slices.iter().map(|slice| slice.len()).sum::<usize>(), given.len());
}

#[test]
fn credit_runs_out_and_comes_back() {
    let calling = Config { body_buffer_bytes_max: 40_000, ..Config::default() };
    let called = Config { pdu_bytes_max: 10_006, ..Config::default() };
    let mut pair = Pair::established_with(calling, called, request());
    assert_eq!(pair.calling.body_credit(), 0, "nothing is being sent");
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    assert!(transmitted(&mut pair.calling).len() > 12);
    assert_eq!(pair.calling.body_credit(), 40_000);
    pair.calling.send_body(pair.now, Bytes::from(vec![0; 50_000])).unwrap();
    assert_eq!(pair.calling.body_credit(), 0);
    let more = Bytes::from_static(b"more");
    assert_eq!(pair.calling.send_body(pair.now, more.clone()), Err(UseError::NoCredit));
    transmitted(&mut pair.calling);
    assert_eq!(pair.calling.body_credit(), 30_000, "10,000 are held back as the last fragment");
    assert_eq!(pair.calling.send_body(pair.now, more), Ok(()));
}

#[test]
fn misuse_is_refused_and_sends_nothing() {
    let mut pair = Pair::established();
    let now = pair.now;
    let calling = &mut pair.calling;
    assert_eq!(calling.send_command(now, 5, &ECHO), Err(UseError::ContextNotAccepted(5)));
    assert_eq!(calling.send_body(now, Bytes::from_static(b"x")), Err(UseError::NoBody));
    assert_eq!(calling.finish_body(now), Err(UseError::NoBody));
    let answer = ECHO.response(Status::SUCCESS).unwrap();
    assert_eq!(calling.send_command(now, 1, &answer), Err(UseError::NothingToAnswer(1)));
    assert!(transmitted(calling).is_empty());
    calling.send_command(now, 3, &store(4)).unwrap();
    assert_eq!(calling.send_command(now, 1, &ECHO), Err(UseError::BodyUnfinished));
    calling.finish_body(now).unwrap();
    assert_eq!(calling.send_command(now, 3, &store(4)), Err(UseError::MessageIdInUse(4)));
    calling.release(now);
    assert_eq!(calling.send_command(now, 1, &ECHO), Err(UseError::NotEstablished));
}

#[test]
fn a_request_is_answered_once() {
    let mut pair = Pair::established();
    pair.calling.send_command(pair.now, 1, &ECHO).unwrap();
    pair.carry();
    let answer = ECHO.response(Status::SUCCESS).unwrap();
    pair.called.send_command(pair.now, 1, &answer).unwrap();
    let again = pair.called.send_command(pair.now, 1, &answer);
    assert_eq!(again, Err(UseError::NothingToAnswer(1)));
}

#[test]
fn a_query_has_many_answers_and_can_be_cancelled_between_them() {
    let mut pair = Pair::established();
    let now = pair.now;
    let find =
        Command::FindRq { message_id: 5, sop_class_uid: "1.2.840.1".to_owned(), priority: 0 };
    let answer = |status, has_identifier| Command::FindRsp {
        message_id: 5,
        sop_class_uid: "1.2.840.1".to_owned(),
        status,
        has_identifier,
        comment: None,
    };
    pair.calling.send_command(now, 1, &find).unwrap();
    pair.calling.send_body(now, Bytes::from_static(b"keys")).unwrap();
    pair.calling.finish_body(now).unwrap();
    pair.carry();
    assert_eq!(
        events(&mut pair.called),
        [command(1, find), body(1, b"keys"), Event::BodyEnd { context_id: 1 }]
    );
    for match_ in [b"one.", b"two."] {
        pair.called.send_command(now, 1, &answer(Status::PENDING, true)).unwrap();
        pair.called.send_body(now, Bytes::from_static(match_)).unwrap();
        pair.called.finish_body(now).unwrap();
    }
    pair.calling.send_command(now, 1, &Command::CancelRq { message_id: 5 }).unwrap();
    pair.carry();
    assert_eq!(events(&mut pair.called), [command(1, Command::CancelRq { message_id: 5 })]);
    pair.called.send_command(now, 1, &answer(Status::CANCEL, false)).unwrap();
    pair.carry();
    let pending = command(1, answer(Status::PENDING, true));
    assert_eq!(
        events(&mut pair.calling),
        [
            pending.clone(),
            body(1, b"one."),
            Event::BodyEnd { context_id: 1 },
            pending,
            body(1, b"two."),
            Event::BodyEnd { context_id: 1 },
            command(1, answer(Status::CANCEL, false)),
        ]
    );
}

#[test]
fn a_body_that_waits_to_be_taken_holds_the_peer_back() {
    let mut pair = Pair::established();
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    pair.calling.send_body(pair.now, Bytes::from(vec![7; 40_000])).unwrap();
    pair.carry();
    assert!(!pair.called.wants_input());
    while pair.called.poll_event().is_some() {}
    assert!(pair.called.wants_input());
}

#[test]
fn waiting_events_are_bounded_whatever_one_buffer_holds() {
    let mut pair = Pair::established();
    pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
    let mut stream = transmitted(&mut pair.calling);
    for _ in 0..1_000 {
        stream.extend_from_slice(b"\x04\0\0\0\0\x07\0\0\0\x03\x03\x00x");
    }
    stream.extend_from_slice(b"\x04\0\0\0\0\x06\0\0\0\x02\x03\x02");
    pair.called.handle_input(pair.now, stream.into());
    assert!(pair.called.events.len() <= 17, "{}", pair.called.events.len());
    let all = joined(events(&mut pair.called));
    assert_eq!(all[1], body(3, &[b'x'; 1_000]));
    assert_eq!(all[2], Event::BodyEnd { context_id: 3 });
}

#[test]
fn debug_output_shows_no_content() {
    let event = body(1, b"DOE^JANE");
    assert_eq!(format!("{event:?}"), "Body { context_id: 1, bytes: <redacted: 8 bytes> }");
    let answer = Command::StoreRsp {
        message_id: 1,
        sop_class_uid: "1.2".to_owned(),
        sop_instance_uid: "1.3".to_owned(),
        status: Status::SUCCESS,
        comment: Some("DOE^JANE".to_owned()),
    };
    assert!(!format!("{answer:?}").contains("DOE"));
}
