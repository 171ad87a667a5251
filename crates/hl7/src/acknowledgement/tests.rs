use telerad_core::Timestamp;

use super::{AckCode, AckError, Acknowledgement, acknowledge, header_fault, read_acknowledgement};
use crate::Message;

/// 2024-03-01T10:15:00Z
const NOW: Timestamp = Timestamp::from_micros(1_709_288_100_000_000);

fn missing_patient_id() -> AckError {
    AckError { condition: 101, location: "PID^1^3".into(), text: "PID-3 is missing".into() }
}

#[track_caller]
fn check(request: Option<&[u8]>, ack: &Acknowledgement, expected: &[u8]) {
    let request = request.map(|bytes| Message::parse(bytes.to_vec()).expect("a message"));
    let bytes = acknowledge(request.as_ref(), ack, "ACK-7", NOW);
    assert_eq!(
        String::from_utf8_lossy(&bytes).replace('\r', "\n"),
        String::from_utf8_lossy(expected).replace('\r', "\n")
    );
    let read = Message::parse(bytes).expect("a message");
    assert!(read.warnings().is_empty(), "{:?}", read.warnings());
    let answer = read_acknowledgement(&read).expect("an acknowledgement");
    assert_eq!(answer.code, ack.code);
    assert_eq!(answer.control_id, request.map(|it| it.control_id()).unwrap_or_default());
    assert_eq!(answer.condition, ack.error.as_ref().map(|error| error.condition));
}

#[test]
fn acceptance_swaps_the_parties_and_echoes_the_control_id() {
    check(
        Some(b"MSH|^~\\&|RIS|NORTH^1.2^ISO|TELERAD|GW|20240301||ORM^O01^ORM_O01|M\\T\\1|T|2.5.1\r"),
        &Acknowledgement::accept(),
        b"MSH|^~\\&|TELERAD|GW|RIS|NORTH^1.2^ISO|20240301101500+0000||ACK^O01^ACK|ACK-7|T|2.5.1\r\
          MSA|AA|M\\T\\1\r",
    );
}

#[test]
fn old_versions_have_no_structure_in_the_message_type() {
    check(
        Some(b"MSH|^~\\&|RIS||||||ADT^A04|1|P|2.3.1\r"),
        &Acknowledgement::accept(),
        b"MSH|^~\\&|||RIS||20240301101500+0000||ACK^A04|ACK-7|P|2.3.1\rMSA|AA|1\r",
    );
}

#[test]
fn errors_are_written_in_the_form_of_the_version() {
    let ack = Acknowledgement::error(missing_patient_id());
    check(
        Some(b"MSH|^~\\&|RIS||||||ADT^A04|1|P|2.5\r"),
        &ack,
        b"MSH|^~\\&|||RIS||20240301101500+0000||ACK^A04^ACK|ACK-7|P|2.5\r\
          MSA|AE|1|PID-3 is missing\r\
          ERR||PID^1^3|101^Required field missing^HL70357|E||||PID-3 is missing\r",
    );
    check(
        Some(b"MSH|^~\\&|RIS||||||ADT^A04|1|P|2.3.1\r"),
        &ack,
        b"MSH|^~\\&|||RIS||20240301101500+0000||ACK^A04|ACK-7|P|2.3.1\r\
          MSA|AE|1|PID-3 is missing\r\
          ERR|PID^1^3^101&Required field missing&HL70357\r",
    );
}

#[test]
fn what_cannot_be_read_is_answered_without_a_control_id() {
    let error = Message::parse("HELO peer\r\n").map(|_| ()).expect_err("no message");
    check(
        None,
        &error.acknowledgement(),
        b"MSH|^~\\&|||||20240301101500+0000||ACK|ACK-7|P|2.5.1\r\
          MSA|AR||no MSH segment\r\
          ERR||MSH^1|100^Segment sequence error^HL70357|E||||no MSH segment\r",
    );
}

#[track_caller]
fn check_fault(header: &str, expected: Option<&str>) {
    let message = Message::parse(header.to_owned()).expect("a message");
    let fault = header_fault(&message);
    assert_eq!(fault.as_ref().map(|fault| fault.code), expected.map(|_| AckCode::AR));
    let text = fault.and_then(|fault| fault.error).map(|error| error.text);
    assert_eq!(text.as_deref(), expected);
}

#[test]
fn a_header_without_its_keys_is_rejected() {
    check_fault("MSH|^~\\&|A||||||ADT^A04|1|P|2.5\r", None);
    check_fault("MSH|^~\\&|A|||||||1|P|2.5\r", Some("MSH-9 message type is missing"));
    check_fault("MSH|^~\\&|A||||||ADT^A04||P|2.5\r", Some("MSH-10 message control id is missing"));
    check_fault("MSH|^~\\&|A||||||ADT^A04|1|P\r", Some("MSH-12 version is missing"));
}

#[test]
fn a_message_without_control_id_can_be_answered() {
    let request = b"MSH|^~\\&|A||||||ADT^A04||P|2.5\r";
    let fault = header_fault(&Message::parse(request.to_vec()).expect("a message"));
    check(
        Some(request),
        &fault.expect("a fault"),
        b"MSH|^~\\&|||A||20240301101500+0000||ACK^A04^ACK|ACK-7|P|2.5\r\
          MSA|AR||MSH-10 message control id is missing\r\
          ERR||MSH^1^10|101^Required field missing^HL70357|E||||MSH-10 message control id is missing\r",
    );
}

#[test]
fn delimiters_and_character_set_are_those_of_the_sender() {
    let mut ack = Acknowledgement::error(missing_patient_id());
    if let Some(error) = &mut ack.error {
        error.text = "é#*".into();
    }
    check(
        Some(b"MSH#*~\\@#\xc9######ADT*A04#1#P#2.5######8859/1\r"),
        &ack,
        b"MSH#*~\\@###\xc9##20240301101500+0000##ACK*A04*ACK#ACK-7#P#2.5######8859/1\r\
          MSA#AE#1#\xe9\\F\\\\S\\\r\
          ERR##PID*1*3#101*Required field missing*HL70357#E####\xe9\\F\\\\S\\\r",
    );
}

#[test]
fn text_that_the_senders_set_lacks_becomes_question_marks() {
    let error = AckError { condition: 207, location: String::new(), text: "é|x".into() };
    let request = Message::parse("MSH|^~\\&|||||||ADT^A04|1|P|2.5\r").expect("a message");
    let bytes = acknowledge(Some(&request), &Acknowledgement::reject(error), "A", NOW);
    let read = Message::parse(bytes).expect("a message");
    assert_eq!(read.text("MSA-3").as_deref(), Some("?|x"));
}

#[test]
fn hostile_headers_cannot_break_or_blow_up_the_answer() {
    let long = "9".repeat(1 << 20);
    let request = format!("MSH|^~\\&|a\nb\u{1c}||||||ADT^{long}|{long}|P|2.5\r");
    let request = Message::parse(request).expect("a message");
    let bytes = acknowledge(Some(&request), &Acknowledgement::accept(), "A", NOW);
    assert!(bytes.len() < 200);
    let read = Message::parse(bytes).expect("a message");
    assert_eq!(read.receiving_application(), "ab");
    assert_eq!(read.text("MSA-2"), None);
    let bare = Message::parse("MSH|").expect("a message");
    let bytes = acknowledge(Some(&bare), &Acknowledgement::error(missing_patient_id()), "A|B", NOW);
    assert!(bytes.starts_with(b"MSH||||||20240301101500+0000||ACK|A B|P|2.5.1\r"), "{bytes:?}");
}

#[track_caller]
fn check_read(text: &str, expected: Option<(AckCode, &str, &str, Option<u16>)>) {
    let message =
        Message::parse(format!("MSH|^~\\&|||||||ACK|9|P|2.5\r{text}")).expect("a message");
    let read = read_acknowledgement(&message);
    let read = read
        .as_ref()
        .map(|ack| (ack.code, ack.control_id.as_str(), ack.text.as_str(), ack.condition));
    assert_eq!(read, expected);
}

#[test]
fn acknowledgements_of_many_makes_are_read() {
    check_read("MSA|AA|42\r", Some((AckCode::AA, "42", "", None)));
    check_read("MSA|CA|42|fine\r", Some((AckCode::CA, "42", "fine", None)));
    check_read("MSA|AE|42||||204^Unknown\r", Some((AckCode::AE, "42", "", Some(204))));
    check_read(
        "MSA|AR|42\rERR||PID^1^3|101^x^HL70357|E|||d|u\r",
        Some((AckCode::AR, "42", "u", Some(101))),
    );
    check_read(
        "MSA|AE|42\rERR|PID^1^3^103&Table value not found&HL70357\r",
        Some((AckCode::AE, "42", "", Some(103))),
    );
    check_read("MSA|AA\r", Some((AckCode::AA, "", "", None)));
    check_read("MSA|OK|42\r", None);
    check_read("MSA\r", None);
    check_read("PID|1\r", None);
}

#[test]
fn codes_say_what_to_do() {
    let table = [
        (AckCode::AA, true, false),
        (AckCode::AE, false, false),
        (AckCode::AR, false, true),
        (AckCode::CA, true, false),
        (AckCode::CE, false, false),
        (AckCode::CR, false, true),
    ];
    for (code, accepted, retryable) in table {
        assert_eq!((code.is_accepted(), code.is_retryable()), (accepted, retryable), "{code}");
        assert_eq!(code.as_str().parse(), Ok(code));
    }
}

#[test]
fn a_received_text_is_not_printed() {
    let message = Message::parse("MSH|^~\\&\rMSA|AE|1|no patient ROSSI\r").expect("a message");
    let printed = format!("{:?}", read_acknowledgement(&message));
    assert!(!printed.contains("ROSSI"), "{printed}");
}
