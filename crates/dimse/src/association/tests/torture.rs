//! Fifty things that a peer, a port scan or a broken network may send, and what goes back on the wire.
//!
//! The called side here is a small service of its own: it accepts every context, answers C-ECHO and C-STORE, refuses
//! C-STORE on the verification context and whatever it does not know. After each case a well-behaved peer is served,
//! which a machine without shared state cannot fail; what is held in memory is asserted where it could grow.

use std::time::Instant;

use bytes::Bytes;
use telerad_dicom::{Encoding, HeadLimits, HeadScanner, Status};

use super::hostile::{command_set, element, item, pdu, pdv};
use super::{CT_IMAGE_STORAGE, IMPLICIT_VR, VERIFICATION, origin, transmitted};
use crate::association::Association;
use crate::command::Command;
use crate::config::Config;
use crate::event::Event;
use crate::negotiation::ContextResult;

/// What the stream is part of.
#[derive(Clone, Copy, Eq, PartialEq)]
enum At {
    /// The first bytes of a connection.
    Start,
    /// An association with Verification on context 1 and CT on 3.
    Association,
}

/// What the peer does after its last byte.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Then {
    Waits,
    Closes,
}

/// Sends a stream in pieces and names what comes back: PDUs, then `…` while the machine goes on waiting, or `end`.
#[track_caller]
fn check_pieces(at: At, pieces: &[Vec<u8>], then: Then, expected: &str) {
    let mut service = Service::new();
    if at == At::Association {
        service.take(&request(&[context(1, VERIFICATION), context(3, CT_IMAGE_STORAGE)]));
    }
    let mut answers = Vec::new();
    for piece in pieces {
        answers.extend(service.take(piece));
    }
    if then == Then::Closes {
        answers.extend(service.close());
    }
    let mut named = names(&answers);
    named.push(if service.has_ended { "end" } else { "…" }.to_owned());
    assert_eq!(named.join(", "), expected);
    assert!(service.machine.poll_timeout().is_some() || service.machine.is_closed());
    service.close();
    assert!(service.has_ended && service.machine.is_closed());
    assert_eq!(service.machine.poll_timeout(), None);
}

#[track_caller]
fn check(at: At, stream: &[Vec<u8>], expected: &str) {
    check_pieces(at, &[stream.concat()], Then::Waits, expected);
}

/// The called side.
struct Service {
    now: Instant,
    machine: Association,
    storing: Option<(Command, HeadScanner)>,
    has_ended: bool,
}

impl Service {
    fn new() -> Self {
        let now = origin();
        let machine = Association::acceptor(Config::default(), now);
        Self { now, machine, storing: None, has_ended: false }
    }

    /// Takes bytes and gives what is written in return.
    fn take(&mut self, input: &[u8]) -> Vec<u8> {
        self.machine.handle_input(self.now, Bytes::copy_from_slice(input));
        self.serve()
    }

    fn close(&mut self) -> Vec<u8> {
        self.machine.handle_closed(self.now);
        self.serve()
    }

    fn serve(&mut self) -> Vec<u8> {
        while let Some(event) = self.machine.poll_event() {
            self.has_ended |= event.is_final();
            if let Some((context_id, response)) = self.answer(event) {
                // The peer may have ended the association in the same buffer.
                let _ = self.machine.send_command(self.now, context_id, &response);
            }
        }
        transmitted(&mut self.machine)
    }

    fn answer(&mut self, event: Event) -> Option<(u8, Command)> {
        match event {
            Event::Requested(request) => {
                let accepted = request.contexts.iter().map(|context| {
                    let transfer_syntax = context.transfer_syntaxes[0].clone();
                    (context.id, ContextResult::Accepted { transfer_syntax })
                });
                self.machine.accept(self.now, accepted.collect());
                None
            }
            Event::Command { context_id: 3, command: command @ Command::StoreRq { .. } } => {
                let scanner = HeadScanner::new(Encoding::ImplicitLittle, HeadLimits::default());
                self.storing = Some((command, scanner));
                None
            }
            Event::Command { context_id, command } => {
                let status = match command {
                    Command::EchoRq { .. } => Status::SUCCESS,
                    Command::StoreRq { .. } => Status::SOP_CLASS_NOT_SUPPORTED,
                    _ => Status::UNRECOGNIZED_OPERATION,
                };
                Some((context_id, command.response(status)?))
            }
            Event::Body { bytes, .. } => {
                if let Some((_, scanner)) = &mut self.storing {
                    scanner.push(&bytes);
                }
                None
            }
            Event::BodyEnd { context_id } => {
                let (command, scanner) = self.storing.take()?;
                let is_whole = scanner.finish().is_ok_and(|head| head.damage().is_none());
                let status = if is_whole { Status::SUCCESS } else { Status::CANNOT_UNDERSTAND };
                Some((context_id, command.response(status)?))
            }
            _ => None,
        }
    }
}

/// The PDUs of a stream: type, and the codes of A-ASSOCIATE-RJ, A-ABORT and of responses.
fn names(mut stream: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while let Some((header, rest)) = stream.split_first_chunk::<6>() {
        let length = u32::from_be_bytes(header[2..].try_into().unwrap()) as usize;
        let body = &rest[..length];
        names.push(match header[0] {
            2 => "AC".to_owned(),
            3 => format!("RJ {}{}{}", body[1], body[2], body[3]),
            4 => {
                let response = Command::decode(&body[6..]).unwrap();
                format!("RSP {:04X}", response.status().unwrap().code())
            }
            6 => "RELRP".to_owned(),
            7 => format!("ABORT {}{}", body[2], body[3]),
            other => format!("{other:02X}"),
        });
        stream = &rest[length..];
    }
    names
}

fn context(id: u8, class: &str) -> Vec<u8> {
    let syntaxes = [item(0x30, class.as_bytes()), item(0x40, IMPLICIT_VR.as_bytes())];
    item(0x20, &[&[id, 0, 0, 0][..], &syntaxes.concat()].concat())
}

fn user(more: &[u8]) -> Vec<u8> {
    item(0x50, &[&item(0x51, &[0, 0, 0x40, 0])[..], &item(0x52, b"2.25.1"), more].concat())
}

/// A request with the usual application context and user information around the given items.
fn request(items: &[Vec<u8>]) -> Vec<u8> {
    let application = item(0x10, crate::APPLICATION_CONTEXT.as_bytes());
    request_of(1, &[application, items.concat(), user(b"")].concat())
}

fn request_of(version: u16, items: &[u8]) -> Vec<u8> {
    pdu(1, &request_body(version, items))
}

fn request_body(version: u16, items: &[u8]) -> Vec<u8> {
    let titles = b"TELERAD         TORMENTOR       ";
    [&version.to_be_bytes()[..], &[0, 0], titles, &[0; 32], items].concat()
}

fn usual() -> Vec<u8> {
    request(&[context(1, VERIFICATION)])
}

fn application() -> Vec<u8> {
    item(0x10, crate::APPLICATION_CONTEXT.as_bytes())
}

fn echo_set(message_id: u16) -> Vec<u8> {
    command_set(0x0030, message_id, 0x0101, b"")
}

fn echo() -> Vec<u8> {
    pdu(4, &pdv(1, 3, &echo_set(1)))
}

fn release() -> Vec<u8> {
    pdu(5, &[0; 4])
}

fn store(context_id: u8, instance: &[u8]) -> Vec<u8> {
    let more = [element(2, CT_IMAGE_STORAGE.as_bytes()), element(0x1000, instance)].concat();
    pdu(4, &pdv(context_id, 3, &command_set(0x0001, 1, 0, &more)))
}

#[test]
fn probes_and_strangers_are_turned_away() {
    check_pieces(At::Start, &[], Then::Closes, "end");
    check_pieces(At::Start, &[vec![1]], Then::Closes, "end");
    check(At::Start, &[b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()], "ABORT 00, end");
    let hello = [&b"\x16\x03\x01\x02\0\x01\0\x01\xFC\x03\x03"[..], &[0; 64]].concat();
    check(At::Start, &[hello], "ABORT 00, end");
    check(At::Start, &[echo()], "ABORT 00, end");
    check(At::Start, &[release()], "ABORT 00, end");
}

#[test]
fn requests_that_do_not_add_up_are_refused() {
    let body = request_body(1, &[application(), context(1, VERIFICATION)].concat());
    let endless = [&[1, 0, 0xFF, 0xFF, 0xFF, 0xFF][..], &body].concat();
    check(At::Start, &[endless], "ABORT 00, end");
    check(At::Start, &[pdu(1, &[0; 10])], "ABORT 00, end");
    let mut past_the_end = item(0x50, b"\x51\0\0\x04");
    past_the_end[2..4].copy_from_slice(&[0xFF, 0xF0]);
    let items = [application(), context(1, VERIFICATION), past_the_end].concat();
    check(At::Start, &[request_of(1, &items)], "ABORT 00, end");
    let wrong = [item(0x10, b"1.2.3"), context(1, VERIFICATION), user(b"")].concat();
    check(At::Start, &[request_of(1, &wrong)], "RJ 112, end");
    let usual = [application(), context(1, VERIFICATION), user(b"")].concat();
    check(At::Start, &[request_of(2, &usual)], "RJ 122, end");
    check(At::Start, &[request_of(3, &usual)], "AC, …");
}

#[test]
fn unusual_requests_are_accepted() {
    let unknown = item(0x7F, b"xx");
    check(At::Start, &[request(&[context(1, VERIFICATION), unknown])], "AC, …");
    let items = [application(), context(1, VERIFICATION), user(&item(0x5F, b"abc"))].concat();
    check(At::Start, &[request_of(1, &items)], "AC, …");
    let silent = [application(), context(1, VERIFICATION)].concat();
    check(At::Start, &[request_of(1, &silent)], "AC, …");
    check(At::Start, &[request(&[])], "AC, …");
    check(At::Start, &[request(&[context(2, VERIFICATION)])], "AC, …");
    let twice = request(&[context(1, VERIFICATION), context(1, CT_IMAGE_STORAGE)]);
    check(At::Start, &[twice], "AC, …");
    let nameless = item(0x20, &[&[1, 0, 0, 0][..], &item(0x40, IMPLICIT_VR.as_bytes())].concat());
    check(At::Start, &[request(&[nameless])], "AC, …");
    let padded = [item(0x30, b"1.2.840.10008.1.1\0"), item(0x40, b"1.2.840.10008.1.2\0")];
    let padded = item(0x20, &[&[1, 0, 0, 0][..], &padded.concat()].concat());
    check(At::Start, &[request(&[padded]), echo(), release()], "AC, RSP 0000, RELRP, end");
    let optional = [
        item(0x54, b"\0\x111.2.840.10008.1.1\x01\x01"),
        item(0x53, &[0, 0, 0, 0]),
        item(0x58, b"\x02\x01\0\x04user\0\x04pass"),
    ];
    let items = [application(), context(1, VERIFICATION), user(&optional.concat())].concat();
    check(At::Start, &[request_of(1, &items)], "AC, …");
}

#[test]
fn a_request_may_be_large_slow_or_followed_at_once() {
    let many = (1..=u8::MAX).step_by(2).map(|id| {
        let syntaxes: Vec<u8> = (0..12)
            .flat_map(|n| item(0x40, format!("1.2.840.10008.1.2.4.{}", 90 + n).as_bytes()))
            .collect();
        let fixed = [&[id, 0, 0, 0][..], &item(0x30, VERIFICATION.as_bytes())].concat();
        item(0x20, &[fixed, syntaxes].concat())
    });
    check(At::Start, &[request(&many.collect::<Vec<_>>())], "AC, …");
    let pieces: Vec<Vec<u8>> = usual().chunks(1).map(<[u8]>::to_vec).collect();
    check_pieces(At::Start, &pieces, Then::Waits, "AC, …");
    check(At::Start, &[usual(), echo(), release()], "AC, RSP 0000, RELRP, end");
}

#[test]
fn a_maximum_of_nothing_means_any_and_a_maximum_of_next_to_nothing_ends_at_our_first_answer() {
    let asking = |length: u32| {
        let user = item(0x50, &item(0x51, &length.to_be_bytes()));
        request_of(1, &[application(), context(1, VERIFICATION), user].concat())
    };
    check(At::Start, &[asking(0), echo(), release()], "AC, RSP 0000, RELRP, end");
    for tiny in (1..=16).chain([127]) {
        check(At::Start, &[asking(tiny), release()], "AC, RELRP, end");
        check(At::Start, &[asking(tiny), echo()], "AC, ABORT 26, end");
        check_pieces(At::Start, &[asking(tiny)], Then::Waits, "AC, …");
    }
    check(At::Start, &[asking(128), echo(), release()], "AC, RSP 0000, RELRP, end");
}

#[test]
fn pdus_out_of_place_end_an_association() {
    check(At::Association, &[usual()], "ABORT 22, end");
    check(At::Association, &[pdu(0x99, b"x")], "ABORT 21, end");
    check(At::Association, &[pdu(7, &[0, 0, 9, 9])], "end");
    check_pieces(At::Association, &[echo()[..20].to_vec()], Then::Closes, "end");
}

#[test]
fn fragments_that_do_not_nest_end_an_association() {
    let with_length =
        |length: u32, value: &[u8]| pdu(4, &[&length.to_be_bytes()[..], &[1, 3], value].concat());
    check(At::Association, &[with_length(0, b"")], "ABORT 26, end");
    check(At::Association, &[with_length(u32::MAX, b"abcd")], "ABORT 26, end");
    check(At::Association, &[with_length(400, b"abcd")], "ABORT 26, end");
    check(At::Association, &[pdu(4, &pdv(99, 3, &echo_set(1)))], "ABORT 26, end");
    check(At::Association, &[pdu(4, &pdv(1, 1, &[0; 300_000]))], "ABORT 26, end");
    // Within the maximum of a PDU, and far beyond that of a command set.
    check(At::Association, &[pdu(4, &pdv(1, 1, &[0; 200_000]))], "ABORT 00, end");
    check(At::Association, &[pdu(4, &pdv(1, 2, &[0; 8]))], "ABORT 25, end");
}

#[test]
fn clumsy_fragments_are_put_together() {
    check(At::Association, &[pdu(4, b""), echo(), release()], "RSP 0000, RELRP, end");
    let set = echo_set(1);
    let (last, front) = set.split_last().unwrap();
    let mut single: Vec<Vec<u8>> = front.iter().map(|byte| pdu(4, &pdv(1, 1, &[*byte]))).collect();
    single.extend([pdu(4, &pdv(1, 3, &[*last])), release()]);
    check(At::Association, &single, "RSP 0000, RELRP, end");
    let (front, back) = set.split_at(10);
    let empty = [pdv(1, 1, front), pdv(1, 1, b""), pdv(1, 3, back)].map(|value| pdu(4, &value));
    check(At::Association, &[empty.concat(), release()], "RSP 0000, RELRP, end");
    let two = pdu(4, &[pdv(1, 3, &set), pdv(1, 3, &echo_set(2))].concat());
    check(At::Association, &[two, release()], "RSP 0000, RSP 0000, RELRP, end");
    check(At::Association, &[pdu(5, &[0; 12])], "RELRP, end");
}

#[test]
fn commands_without_sense_end_an_association_and_unknown_ones_are_refused() {
    let command = |set: &[u8]| pdu(4, &pdv(1, 3, set));
    check(At::Association, &[command(&[0xFF; 40])], "ABORT 00, end");
    check(At::Association, &[command(&element(0x0110, &[1, 0]))], "ABORT 00, end");
    let unknown = command(&command_set(0x7777, 1, 0x0101, b""));
    check(At::Association, &[unknown, release()], "RSP 0211, RELRP, end");
    let response = command(&command_set(0x8030, 7, 0x0101, &element(0x0900, &[0, 0])));
    check(At::Association, &[response], "ABORT 00, end");
    let cancel = command(&command_set(0x0FFF, 7, 0x0101, b""));
    check(At::Association, &[cancel, echo(), release()], "RSP 0000, RELRP, end");
}

#[test]
fn objects_without_sense_are_refused_and_the_association_goes_on() {
    let body = |context_id, bytes: &[u8]| pdu(4, &pdv(context_id, 2, bytes));
    let wrong = [store(1, b"1.2\0"), body(1, &[0; 16]), release()];
    check(At::Association, &wrong, "RSP 0122, RELRP, end");
    let endless = body(3, b"\x08\0\x18\0\xF0\xFF\xFF\xFFabcd");
    check(At::Association, &[store(3, b"1.2\0"), endless, release()], "RSP C000, RELRP, end");
    let level = b"\x08\0\x40\x11\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF";
    let nested = level.repeat(20_000);
    let mut stream = vec![store(3, b"1.2\0")];
    stream.extend(nested.chunks(8_000).map(|part| pdu(4, &pdv(3, 0, part))));
    stream.extend([body(3, b""), release()]);
    check(At::Association, &stream, "RSP C000, RELRP, end");
    // What a name would do to a file system is not this crate's to know: it is handed on and answered like any other.
    let climbing = b"../../../tmp/elsewhere";
    let instance = [&b"\x08\0\x18\0\x16\0\0\0"[..], climbing].concat();
    let stream = [store(3, climbing), body(3, &instance), release()];
    check(At::Association, &stream, "RSP 0000, RELRP, end");
}
