//! PDUs, items, fragments and elements, written by hand: nothing of what is tested takes part in testing it.

use telerad_trials::GATEWAY_TITLE;

pub const VERIFICATION: &[u8] = b"1.2.840.10008.1.1";
pub const CT_IMAGE_STORAGE: &[u8] = b"1.2.840.10008.5.1.4.1.1.2";
pub const IMPLICIT_LITTLE: &[u8] = b"1.2.840.10008.1.2";
const APPLICATION_CONTEXT: &[u8] = b"1.2.840.10008.3.1.1.1";

/// A PDU (PS3.8 section 9.3.1) whose length field tells the truth.
pub fn pdu(kind: u8, body: &[u8]) -> Vec<u8> {
    pdu_of_length(kind, u32::try_from(body.len()).expect("a short body"), body)
}

pub fn pdu_of_length(kind: u8, length: u32, body: &[u8]) -> Vec<u8> {
    [&[kind, 0], &length.to_be_bytes()[..], body].concat()
}

/// An item or sub-item of an A-ASSOCIATE PDU (PS3.8 section 9.3.2).
pub fn item(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("a short item").to_be_bytes();
    [&[kind, 0, length[0], length[1]], content].concat()
}

/// A presentation context item.
pub fn context(id: u8, abstract_syntax: &[u8], transfer_syntaxes: &[&[u8]]) -> Vec<u8> {
    let syntaxes: Vec<_> = transfer_syntaxes.iter().map(|syntax| item(0x40, syntax)).collect();
    let fixed = [&[id, 0, 0, 0][..], &item(0x30, abstract_syntax)].concat();
    item(0x20, &[fixed, syntaxes.concat()].concat())
}

/// Verification on context 1.
pub fn verification() -> Vec<u8> {
    context(1, VERIFICATION, &[IMPLICIT_LITTLE])
}

pub fn application() -> Vec<u8> {
    item(0x10, APPLICATION_CONTEXT)
}

/// User information with this maximum length and these further sub-items.
pub fn user(bytes_max: u32, more: &[u8]) -> Vec<u8> {
    let length = item(0x51, &bytes_max.to_be_bytes());
    item(0x50, &[&length[..], &item(0x52, b"2.25.1"), more].concat())
}

/// Everything of an A-ASSOCIATE-RQ behind its header.
pub fn request_body(version: u16, items: &[Vec<u8>]) -> Vec<u8> {
    let titles = format!("{GATEWAY_TITLE:<16}{:<16}", "CT1");
    let fixed = [&version.to_be_bytes()[..], &[0, 0], titles.as_bytes(), &[0; 32]].concat();
    [fixed, items.concat()].concat()
}

pub fn request(items: &[Vec<u8>]) -> Vec<u8> {
    pdu(1, &request_body(1, items))
}

/// A request as it should be: Verification on context 1, CT Image Storage on 3.
pub fn usual_request() -> Vec<u8> {
    let storage = context(3, CT_IMAGE_STORAGE, &[IMPLICIT_LITTLE]);
    request(&[application(), verification(), storage, user(16_384, b"")])
}

/// A fragment (PS3.8 section 9.3.5.1): bit 0 of `control` says command, bit 1 says last.
pub fn pdv(context_id: u8, control: u8, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len() + 2).expect("a short fragment");
    pdv_of_length(length, context_id, control, value)
}

pub fn pdv_of_length(length: u32, context_id: u8, control: u8, value: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes()[..], &[context_id, control], value].concat()
}

/// A P-DATA-TF PDU with the whole of a command set.
pub fn command(context_id: u8, set: &[u8]) -> Vec<u8> {
    pdu(4, &pdv(context_id, 3, set))
}

/// An element in implicit little endian.
pub fn element(group: u16, number: u16, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).expect("a short value").to_le_bytes();
    [&group.to_le_bytes()[..], &number.to_le_bytes(), &length, value].concat()
}

/// A command set of a request (PS3.7 annex E). `data_set` is the Command Data Set Type: 0101H when there is none.
pub fn request_set(
    field: u16,
    message_id: u16,
    sop_class: &[u8],
    data_set: u16,
    more: &[u8],
) -> Vec<u8> {
    let set = [
        element(0, 0x0002, &even(sop_class)),
        element(0, 0x0100, &field.to_le_bytes()),
        element(0, 0x0110, &message_id.to_le_bytes()),
        element(0, 0x0800, &data_set.to_le_bytes()),
        more.to_vec(),
    ];
    let set = set.concat();
    let length = u32::try_from(set.len()).expect("a short command set");
    [element(0, 0x0000, &length.to_le_bytes()), set].concat()
}

pub fn echo_set(message_id: u16) -> Vec<u8> {
    request_set(0x0030, message_id, VERIFICATION, NO_DATA_SET, b"")
}

/// A C-ECHO-RQ on context 1.
pub fn echo() -> Vec<u8> {
    command(1, &echo_set(1))
}

/// A C-STORE-RQ of a CT image on this context.
pub fn store(context_id: u8, sop_class: &[u8], sop_instance: &[u8]) -> Vec<u8> {
    let more = [element(0, 0x0700, &[0, 0]), element(0, 0x1000, &even(sop_instance))].concat();
    command(context_id, &request_set(0x0001, 1, sop_class, 0, &more))
}

/// A P-DATA-TF PDU with the whole of a data set.
pub fn data_set(context_id: u8, bytes: &[u8]) -> Vec<u8> {
    pdu(4, &pdv(context_id, 2, bytes))
}

pub fn release() -> Vec<u8> {
    pdu(5, &[0; 4])
}

/// A UID, padded.
pub fn even(uid: &[u8]) -> Vec<u8> {
    let mut uid = uid.to_vec();
    if uid.len() % 2 == 1 {
        uid.push(0);
    }
    uid
}

pub const NO_DATA_SET: u16 = 0x0101;
