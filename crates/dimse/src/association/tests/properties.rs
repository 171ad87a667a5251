//! What holds for every stream and every way of cutting it.

use bytes::Bytes;
use proptest::prelude::*;
use telerad_dicom::Status;

use super::messages::fragments;
use super::{Pair, accepted, ahead, events, joined, origin, request, store, transmitted};
use crate::association::Association;
use crate::command::Command;
use crate::config::Config;
use crate::event::Event;
use crate::negotiation::AssociateRequest;

/// The bytes of a calling side that sends its request, an echo, two objects and a release.
fn conversation(pdu_bytes_max: u32, body: &[u8]) -> Vec<u8> {
    let called = Config { pdu_bytes_max, ..Config::default() };
    let mut pair = Pair::new(ahead(), called, request());
    let mut stream = transmitted(&mut pair.calling);
    pair.called.handle_input(pair.now, Bytes::copy_from_slice(&stream));
    events(&mut pair.called);
    pair.called.accept(pair.now, accepted(&[1, 3]));
    pair.carry();
    let now = pair.now;
    pair.calling.send_command(now, 1, &Command::EchoRq { message_id: 1 }).unwrap();
    for message_id in [2, 3] {
        pair.calling.send_command(now, 3, &store(message_id)).unwrap();
        pair.calling.send_body(now, Bytes::copy_from_slice(body)).unwrap();
        pair.calling.finish_body(now).unwrap();
    }
    pair.calling.release(now);
    stream.extend(transmitted(&mut pair.calling));
    stream
}

/// Hands a stream to an acceptor in pieces of the given sizes (repeated), answering commands at once or never.
fn serve(stream: &[u8], sizes: &[usize], answers: Answers) -> (Vec<Event>, Vec<u8>) {
    let now = origin();
    let mut machine = Association::acceptor(Config::default(), now);
    let (mut all, mut sent) = (Vec::new(), Vec::new());
    let mut rest = Bytes::copy_from_slice(stream);
    for size in sizes.iter().cycle() {
        let piece = rest.split_to((*size).clamp(1, rest.len().max(1)).min(rest.len()));
        machine.handle_input(now, piece);
        while let Some(event) = machine.poll_event() {
            answer(&mut machine, &event, answers);
            all.push(event);
        }
        sent.extend(transmitted(&mut machine));
        if rest.is_empty() {
            break;
        }
    }
    machine.handle_closed(now);
    all.extend(events(&mut machine));
    sent.extend(transmitted(&mut machine));
    assert!(machine.is_closed());
    (joined(all), sent)
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Answers {
    AtOnce,
    Never,
}

fn answer(machine: &mut Association, event: &Event, answers: Answers) {
    let now = origin();
    match event {
        Event::Requested(AssociateRequest { contexts, .. }) => {
            let ids: Vec<u8> = contexts.iter().map(|context| context.id).collect();
            machine.accept(now, accepted(&ids));
        }
        Event::Command { context_id, command } if answers == Answers::AtOnce => {
            if let Some(response) = command.response(Status::SUCCESS) {
                // The association may have ended since: nobody is left to answer then.
                let _ = machine.send_command(now, *context_id, &response);
            }
        }
        _ => {}
    }
}

fn is_final(event: &&Event) -> bool {
    event.is_final()
}

#[test]
fn an_object_cut_at_any_byte_is_never_whole() {
    let body = [0x5A; 300];
    let stream = conversation(200, &body);
    let whole = serve(&stream, &[stream.len()], Answers::AtOnce).0;
    let ends = |events: &[Event]| {
        events.iter().filter(|event| matches!(event, Event::BodyEnd { .. })).count()
    };
    assert_eq!(ends(&whole), 2);
    assert_eq!(whole.last(), Some(&Event::Released));
    let mut most = 0;
    for cut in 0..stream.len() {
        let (events, _) = serve(&stream[..cut], &[64], Answers::AtOnce);
        assert_eq!(events.iter().filter(is_final).count(), 1);
        assert!(events.last().is_some_and(Event::is_final));
        // Every end that is told has the whole body before it.
        let mut received = 0;
        for event in &events {
            match event {
                Event::Command { .. } => received = 0,
                Event::Body { bytes, .. } => received += bytes.len(),
                Event::BodyEnd { .. } => assert_eq!(received, body.len(), "cut at {cut}"),
                _ => {}
            }
        }
        assert!(ends(&events) >= most);
        most = ends(&events);
    }
    assert_eq!(most, 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn where_the_stream_is_cut_makes_no_difference(
        pdu_bytes_max in 128_u32..2_000,
        length in 0_usize..3_000,
        sizes in prop::collection::vec(1_usize..700, 1..20),
    ) {
        let body: Vec<u8> = (0..length).map(|n| (n % 253) as u8).collect();
        let stream = conversation(pdu_bytes_max, &body);
        let whole = serve(&stream, &[stream.len()], Answers::AtOnce);
        let cut = serve(&stream, &sizes, Answers::AtOnce);
        prop_assert_eq!(whole, cut);
    }

    #[test]
    fn however_a_body_is_given_it_arrives_whole_in_even_fragments(
        pdu_bytes_max in 128_u32..5_000,
        pieces in prop::collection::vec(0_usize..3_000, 0..40),
        tiny in 0_usize..600,
    ) {
        let called = Config { pdu_bytes_max, ..Config::default() };
        let mut pair = Pair::established_with(Config::default(), called, request());
        pair.calling.send_command(pair.now, 3, &store(1)).unwrap();
        pair.carry();
        let (mut given, mut stream) = (Vec::new(), Vec::new());
        for (n, length) in pieces.into_iter().chain(std::iter::repeat_n(1, tiny)).enumerate() {
            let piece = vec![(n % 256) as u8; length];
            given.extend_from_slice(&piece);
            pair.calling.send_body(pair.now, piece.into()).unwrap();
        }
        pair.calling.finish_body(pair.now).unwrap();
        stream.extend(transmitted(&mut pair.calling));
        let sent = fragments(&stream);
        let (last, before) = sent.split_last().unwrap();
        prop_assert_eq!(last.1, 2);
        for (length, control) in before {
            prop_assert!(length.is_multiple_of(2) && *length + 6 <= pdu_bytes_max as usize);
            prop_assert_eq!(*control, 0);
        }
        pair.called.handle_input(pair.now, stream.into());
        let received: Vec<u8> = events(&mut pair.called)
            .into_iter()
            .filter_map(|event| match event {
                Event::Body { bytes, .. } => Some(bytes),
                _ => None,
            })
            .flatten()
            .collect();
        prop_assert_eq!(received, given);
    }

    // Nothing is answered here: what may come after a release request depends on when our user answers. What was
    // written before the abort depends on when the pump wrote it.
    #[test]
    fn a_damaged_stream_ends_the_same_way_however_it_is_cut(
        damages in prop::collection::vec((0_usize..2_000, any::<u8>()), 1..4),
        sizes in prop::collection::vec(1_usize..300, 1..10),
    ) {
        let mut stream = conversation(300, &[1; 500]);
        for (at, value) in damages {
            let at = at % stream.len();
            stream[at] = value;
        }
        let whole = serve(&stream, &[stream.len()], Answers::Never);
        let cut = serve(&stream, &sizes, Answers::Never);
        prop_assert_eq!(whole.0.iter().filter(is_final).count(), 1);
        prop_assert_eq!(whole.0, cut.0);
    }

    #[test]
    fn arbitrary_bytes_end_in_order(
        stream in prop::collection::vec(any::<u8>(), 0..600),
        sizes in prop::collection::vec(1_usize..100, 1..10),
    ) {
        let (events, _) = serve(&stream, &sizes, Answers::AtOnce);
        prop_assert_eq!(events.len(), 1);
        prop_assert!(events[0].is_final());
    }

    #[test]
    fn arbitrary_bytes_inside_an_association_end_in_order(
        kind in 1_u8..8,
        stream in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut pair = Pair::established();
        let length = u32::try_from(stream.len()).unwrap().to_be_bytes();
        let pdu = [&[kind, 0], &length[..], &stream].concat();
        for machine in [&mut pair.calling, &mut pair.called] {
            machine.handle_input(pair.now, Bytes::copy_from_slice(&pdu));
            machine.handle_closed(pair.now);
            let all = events(machine);
            prop_assert_eq!(all.iter().filter(is_final).count(), 1);
            transmitted(machine);
            prop_assert!(machine.is_closed());
        }
    }
}
