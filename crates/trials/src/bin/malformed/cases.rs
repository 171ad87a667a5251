//! Fifty things that a peer, a port scan or a broken network may send, and what is to come back.

use std::time::Duration;

use crate::bytes::{
    CT_IMAGE_STORAGE, IMPLICIT_LITTLE, NO_DATA_SET, VERIFICATION, application, command, context,
    data_set, echo, echo_set, element, even, item, pdu, pdu_of_length, pdv, pdv_of_length, release,
    request, request_body, request_set, store, user, usual_request, verification,
};

/// What is sent, and what is wanted.
pub struct Case {
    pub name: &'static str,
    /// The association of [`usual_request`] first.
    pub is_associated: bool,
    /// Written one after the other, with the pause behind each.
    pub pieces: Vec<Vec<u8>>,
    pub pause: Duration,
    /// Ends our direction of the connection afterwards.
    pub ends: bool,
    /// One of these has to come: PDUs in order, and whether the peer then closes.
    pub wanted: &'static [&'static str],
}

/// All fifty.
pub fn all() -> Vec<Case> {
    let mut cases = probes();
    cases.extend(requests_of_doubtful_form());
    cases.extend(requests_to_be_accepted());
    cases.extend(fragments());
    cases.extend(commands());
    cases.extend(objects());
    cases
}

const ECHOED: &[&str] = &["AC, RSP 0000, RELRP, closed"];
const ANSWERED: &[&str] = &["RSP 0000, RELRP, closed"];
const NOT_A_REQUEST: &[&str] = &["ABORT 00, closed"];
const BAD_PARAMETER: &[&str] = &["ABORT 26, closed"];
const NO_COMMAND: &[&str] = &["ABORT 00, closed"];
const ACCEPTED: &[&str] = &["AC"];
const NOT_UNDERSTOOD: &[&str] = &["RSP C000, RELRP, closed"];
const CLOSED: &[&str] = &["closed"];

/// On a connection that has just been opened.
fn first(name: &'static str, stream: &[Vec<u8>], wanted: &'static [&'static str]) -> Case {
    let pieces = vec![stream.concat()];
    Case { name, is_associated: false, pieces, pause: Duration::ZERO, ends: false, wanted }
}

/// Inside an association.
fn inside(name: &'static str, stream: &[Vec<u8>], wanted: &'static [&'static str]) -> Case {
    Case { is_associated: true, ..first(name, stream, wanted) }
}

fn ending(case: Case) -> Case {
    Case { ends: true, ..case }
}

fn probes() -> Vec<Case> {
    let hello = [&b"\x16\x03\x01\x02\0\x01\0\x01\xFC\x03\x03"[..], &[0; 64]].concat();
    vec![
        ending(first("connect, then close", &[], CLOSED)),
        ending(first("one byte, then close", &[vec![1]], CLOSED)),
        first("HTTP", &[b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()], NOT_A_REQUEST),
        first("a TLS hello", &[hello], NOT_A_REQUEST),
        first("P-DATA before the association", &[echo()], NOT_A_REQUEST),
        first("A-RELEASE-RQ before the association", &[release()], NOT_A_REQUEST),
    ]
}

fn requests_of_doubtful_form() -> Vec<Case> {
    let usual = [application(), verification(), user(16_384, b"")];
    let mut past_the_end = item(0x50, b"\x51\0\0\x04");
    past_the_end[2..4].copy_from_slice(&[0xFF, 0xF0]);
    let other = [item(0x10, b"1.2.3"), verification(), user(16_384, b"")];
    let endless = pdu_of_length(1, u32::MAX, &request_body(1, &usual));
    let lost = request(&[application(), verification(), past_the_end]);
    vec![
        first("A-ASSOCIATE-RQ of 4 GB", &[endless], NOT_A_REQUEST),
        first("A-ASSOCIATE-RQ of 10 bytes", &[pdu(1, &[0; 10])], NOT_A_REQUEST),
        first("an item longer than the request", &[lost], NOT_A_REQUEST),
        first("protocol version 3", &[pdu(1, &request_body(3, &usual))], ACCEPTED),
        first("protocol version 2", &[pdu(1, &request_body(2, &usual))], &["RJ 122, closed"]),
        first("another application context", &[request(&other)], &["RJ 112, closed"]),
    ]
}

fn requests_to_be_accepted() -> Vec<Case> {
    let of = |items: &[Vec<u8>]| request(&[&[application()], items, &[user(16_384, b"")]].concat());
    let telling =
        |bytes_max, more: &[u8]| request(&[application(), verification(), user(bytes_max, more)]);
    let nameless = item(0x20, &[&[1, 0, 0, 0][..], &item(0x40, IMPLICIT_LITTLE)].concat());
    let twice = [verification(), context(1, CT_IMAGE_STORAGE, &[IMPLICIT_LITTLE])];
    let padded = context(1, &even(VERIFICATION), &[&even(IMPLICIT_LITTLE)]);
    let optional = [
        item(0x54, b"\0\x111.2.840.10008.1.1\x01\x01"),
        item(0x53, &[0; 4]),
        item(0x58, b"\x02\x01\0\x04user\0\x04pass"),
    ];
    let syntaxes: Vec<Vec<u8>> =
        (90..101).map(|n| format!("1.2.840.10008.1.2.4.{n}").into_bytes()).collect();
    let syntaxes: Vec<&[u8]> =
        [IMPLICIT_LITTLE].into_iter().chain(syntaxes.iter().map(Vec::as_slice)).collect();
    let full: Vec<_> =
        (1..=u8::MAX).step_by(2).map(|id| context(id, VERIFICATION, &syntaxes)).collect();
    let slow = of(&[verification()]);
    let mut bytewise: Vec<Vec<u8>> = slow[..20].iter().map(|byte| vec![*byte]).collect();
    bytewise.push(slow[20..].to_vec());
    let crumbs = ["AC, ABORT 26, closed"].as_slice();
    vec![
        first("an unknown item", &[of(&[verification(), item(0x7F, b"xx")])], ACCEPTED),
        first("an unknown user item", &[telling(16_384, &item(0x5F, b"abc"))], ACCEPTED),
        first("no user information", &[request(&[application(), verification()])], ACCEPTED),
        first("no presentation context", &[of(&[])], ACCEPTED),
        first("an even context", &[of(&[context(2, VERIFICATION, &[IMPLICIT_LITTLE])])], ACCEPTED),
        first("a context twice", &[of(&twice)], ACCEPTED),
        first("a context without a class", &[of(&[nameless])], ACCEPTED),
        first("128 contexts with 12 syntaxes each", &[of(&full)], ACCEPTED),
        first("UIDs padded with NUL", &[of(&[padded]), echo(), release()], ECHOED),
        first("no maximum length", &[telling(0, b""), echo(), release()], ECHOED),
        first("a maximum length of 1", &[telling(1, b""), echo()], crumbs),
        first("roles, window and identity", &[telling(16_384, &optional.concat())], ACCEPTED),
        Case {
            pieces: bytewise,
            pause: Duration::from_millis(2),
            ..first("a request whose first bytes come one by one", &[], ACCEPTED)
        },
        first("all in one segment", &[usual_request(), echo(), release()], ECHOED),
        inside("a second request", &[usual_request()], &["ABORT 22, closed"]),
    ]
}

fn fragments() -> Vec<Case> {
    let pdu_of = |fragment: Vec<u8>| pdu(4, &fragment);
    let set = echo_set(1);
    let (last, front) = set.split_last().expect("a command set");
    let mut single: Vec<Vec<u8>> = front.iter().map(|byte| pdu_of(pdv(1, 1, &[*byte]))).collect();
    single.extend([command(1, &[*last]), release()]);
    let hollow = [pdv(1, 1, &set[..10]), pdv(1, 1, b""), pdv(1, 3, &set[10..])].map(pdu_of);
    let two = pdu(4, &[pdv(1, 3, &set), pdv(1, 3, &echo_set(2))].concat());
    let beyond = pdu_of(pdv_of_length(u32::MAX, 1, 3, b"abcd"));
    let past = pdu_of(pdv_of_length(400, 1, 3, b"abcd"));
    let long = pdu_of(pdv(1, 1, &vec![0; 200_000]));
    let both = ["RSP 0000, RSP 0000, RELRP, closed"].as_slice();
    vec![
        inside("an unknown PDU", &[pdu(0x99, b"x")], &["ABORT 21, closed"]),
        inside("P-DATA without a fragment", &[pdu(4, b""), echo(), release()], ANSWERED),
        inside("a fragment of length 0", &[pdu_of(pdv_of_length(0, 1, 3, b""))], BAD_PARAMETER),
        inside("a fragment of 4 GB", &[beyond], BAD_PARAMETER),
        inside("a fragment longer than its PDU", &[past], BAD_PARAMETER),
        inside("a context not negotiated", &[command(99, &set)], BAD_PARAMETER),
        // Within the maximum length of a PDU, and too long for a command set.
        inside("a command set of 200 kB", &[long], NO_COMMAND),
        inside("a data set before its command", &[data_set(1, &[0; 8])], &["ABORT 25, closed"]),
        inside("C-ECHO in fragments of 1 byte", &single, ANSWERED),
        inside("an empty fragment in the middle", &[hollow.concat(), release()], ANSWERED),
        inside("two commands in a PDU", &[two, release()], both),
        ending(inside("half a PDU, then close", &[echo()[..20].to_vec()], CLOSED)),
        inside("A-RELEASE-RQ of 12 bytes", &[pdu(5, &[0; 12])], &["RELRP, closed"]),
        inside("A-ABORT for no known reason", &[pdu(7, &[0, 0, 9, 9])], CLOSED),
    ]
}

fn commands() -> Vec<Case> {
    let unknown = command(1, &request_set(0x7777, 1, VERIFICATION, NO_DATA_SET, b""));
    let about = |field: u16, more: &[u8]| {
        let set = [
            element(0, 0x0100, &field.to_le_bytes()),
            element(0, 0x0120, &[7, 0]),
            element(0, 0x0800, &NO_DATA_SET.to_le_bytes()),
            more.to_vec(),
        ];
        command(1, &set.concat())
    };
    let cancel = about(0x0FFF, b"");
    let response = about(0x8030, &element(0, 0x0900, &[0, 0]));
    let refused = ["RSP 0211, RELRP, closed"].as_slice();
    vec![
        inside("a command that is none", &[command(1, &[0xFF; 40])], NO_COMMAND),
        inside(
            "a command without its field",
            &[command(1, &element(0, 0x0110, &[1, 0]))],
            NO_COMMAND,
        ),
        inside("an unknown command", &[unknown, release()], refused),
        inside("C-CANCEL of nothing", &[cancel, echo(), release()], ANSWERED),
        inside("a response to nothing", &[response], NO_COMMAND),
    ]
}

fn objects() -> Vec<Case> {
    let ct = |instance: &[u8]| store(3, CT_IMAGE_STORAGE, instance);
    let elsewhere = [store(1, CT_IMAGE_STORAGE, b"1.2"), data_set(1, &[0; 16]), release()];
    let level = b"\x08\0\x40\x11\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF";
    let mut nested = vec![ct(b"1.2")];
    nested.extend(level.repeat(20_000).chunks(8000).map(|part| pdu(4, &pdv(3, 0, part))));
    nested.extend([data_set(3, b""), release()]);
    let endless = [ct(b"1.2"), data_set(3, b"\x08\0\x18\0\xF0\xFF\xFF\xFFabcd"), release()];
    let climbing = b"../../../tmp/elsewhere";
    let instance = [element(8, 0x16, &even(CT_IMAGE_STORAGE)), element(8, 0x18, climbing)].concat();
    let outside = [ct(climbing), data_set(3, &instance), release()];
    let refused = ["RSP 0122, RELRP, closed"].as_slice();
    let no_uid = ["RSP 0117, RELRP, closed"].as_slice();
    vec![
        inside("C-STORE on the context of another class", &elsewhere, refused),
        inside("20 000 nested sequences", &nested, NOT_UNDERSTOOD),
        inside("an element of 4 GB", &endless, NOT_UNDERSTOOD),
        inside("a UID that climbs out of the folder", &outside, no_uid),
    ]
}
