use telerad_core::Timestamp;

use super::{
    AckCode, AckCondition, AckError, AckMode, ErrorForm, ErrorSegment, Outcome, Reply, Severity,
    read_acknowledgement, read_errors,
};
use crate::Message;

fn message(accept: &str, application: &str, version: &str) -> Message {
    let head = format!("MSH|^~\\&|A||||||ADT^A04|1|P|{version}|||{accept}|{application}\r");
    Message::parse(head).expect("a message")
}

/// The codes after acceptance, error and rejection; `-` where there is no answer.
#[track_caller]
fn check(accept: &str, application: &str, commit_codes: &str, application_codes: &str) {
    let mode = AckMode::of(&message(accept, application, "2.5.1"));
    let codes = |code: &dyn Fn(Outcome) -> Option<AckCode>| {
        [Outcome::Accepted, Outcome::Error, Outcome::Rejected]
            .map(|outcome| code(outcome).map_or("-", AckCode::as_str))
            .join(" ")
    };
    assert_eq!(codes(&|outcome| mode.commit_code(outcome)), commit_codes);
    assert_eq!(codes(&|outcome| mode.application_code(outcome)), application_codes);
}

#[test]
fn the_decision_table_holds_cell_by_cell() {
    check("", "", "- - -", "AA AE AR");
    check("AL", "", "CA CE CR", "- - -");
    check("ER", "", "- CE CR", "- - -");
    check("SU", "", "CA - -", "- - -");
    check("NE", "", "- - -", "- - -");
    check("", "AL", "- - -", "AA AE AR");
    check("", "ER", "- - -", "- AE AR");
    check("", "SU", "- - -", "AA - -");
    check("", "NE", "- - -", "- - -");
    check("AL", "AL", "CA CE CR", "AA AE AR");
    check("AL", "ER", "CA CE CR", "- AE AR");
    check("ER", "SU", "- CE CR", "AA - -");
    check("SU", "NE", "CA - -", "- - -");
    check("NE", "NE", "- - -", "- - -");
    check("XX", " AL ", "CA CE CR", "AA AE AR");
}

#[test]
fn an_application_answer_says_whether_it_wants_a_commit_answer() {
    let request = Message::parse("MSH|^~\\&|A||||||ADT^A04|1|P|2.5.1|||AL|AL||8859/1\rPID|1\r");
    let request = request.expect("a message");
    let bytes = Reply::new(AckCode::AA).asking(AckCondition::Error).write(
        Some(&request),
        "2",
        Timestamp::default(),
    );
    let answer = Message::parse(bytes).expect("a message");
    let fields = ["MSH-12", "MSH-13", "MSH-15", "MSH-16", "MSH-17", "MSH-18"];
    let fields = fields.map(|path| answer.text(path).unwrap_or_default());
    assert_eq!(fields, ["2.5.1", "", "ER", "NE", "", "8859/1"]);
    let commit = Reply::new(AckCode::CA).write(Some(&request), "3", Timestamp::default());
    let commit = Message::parse(commit).expect("a message");
    assert_eq!((commit.text("MSH-15"), commit.text("MSH-16")), (None, None));
}

fn two_errors() -> Reply {
    let first = AckError { condition: 101, location: "PID^1^3".into(), text: "missing".into() };
    let mut second =
        ErrorSegment::at("OBX[2]-5".parse().expect("a place"), 102, Severity::Warning, "odd");
    second.diagnostic = "component 5".into();
    Reply::new(AckCode::AE).with_error(first).with_error(second)
}

#[track_caller]
fn check_errors(form: ErrorForm, version: &str, expected: &str) {
    let request = message("", "", version);
    let bytes = two_errors().in_form(form).write(Some(&request), "2", Timestamp::default());
    let answer = Message::parse(bytes.clone()).expect("a message");
    let text = String::from_utf8_lossy(&bytes);
    let (_, errors) = text.split_once("MSA|AE|1|missing\r").expect("MSA");
    assert_eq!(errors, expected);
    let read: Vec<_> = read_errors(&answer)
        .into_iter()
        .map(|error| (error.location.map(|place| place.to_string()), error.condition))
        .collect();
    let places = ["PID-3", "OBX[2]-5"].map(|place| Some(place.to_owned()));
    assert_eq!(read, places.into_iter().zip([Some(101), Some(102)]).collect::<Vec<_>>());
    assert_eq!(read_acknowledgement(&answer).and_then(|ack| ack.condition), Some(101));
    let severities = read_errors(&answer).into_iter().map(|error| error.severity);
    let severities: Vec<_> = severities.collect();
    assert!(
        severities.iter().zip(["E", "W"]).all(|(of, is)| of == is || (of.is_empty() && is == "E"))
    );
}

#[test]
fn several_errors_are_written_in_both_forms() {
    let new = "ERR||PID^1^3|101^Required field missing^HL70357|E||||missing\r\
               ERR||OBX^2^5|102^Data type error^HL70357|W|||component 5|odd\r";
    let old = "ERR|PID^1^3^101&Required field missing&HL70357~\
               OBX^2^5^102&Data type error&HL70357&W&Warning&HL70516\r";
    check_errors(ErrorForm::ByVersion, "2.5.1", new);
    check_errors(ErrorForm::ByVersion, "2.3.1", old);
    check_errors(ErrorForm::New, "2.3.1", new);
    check_errors(ErrorForm::Old, "2.5.1", old);
    check_errors(
        ErrorForm::Both,
        "2.4",
        "ERR|PID^1^3^101&Required field missing&HL70357|PID^1^3|101^Required field missing^HL70357|E||||missing\r\
         ERR|OBX^2^5^102&Data type error&HL70357&W&Warning&HL70516|OBX^2^5|102^Data type error^HL70357|W|||component 5|odd\r",
    );
}

#[test]
fn a_flood_of_errors_is_cut() {
    let mut reply = two_errors();
    reply.errors = reply.errors.iter().cycle().take(1000).cloned().collect();
    let bytes = reply.write(None, "2", Timestamp::default());
    let answer = Message::parse(bytes).expect("a message");
    assert_eq!(answer.segments_with_id("ERR").count(), super::ERRORS_MAX);
}

#[test]
fn errors_of_others_are_read_and_not_printed() {
    let answer = Message::parse(
        "MSH|^~\\&\rMSA|AE|1\rERR|^^^207&Broken\rERR||PID^1^5^2^1|999|E|||diag|ROSSI\rERR|||102^Data\r",
    );
    let errors = read_errors(&answer.expect("a message"));
    let texts: Vec<_> = errors.iter().map(|error| error.text.as_str()).collect();
    assert_eq!(texts, ["Broken", "ROSSI", "Data"]);
    let places: Vec<_> = errors.iter().map(|error| error.location).collect();
    assert_eq!(places, [None, "PID-5(2).1".parse().ok(), None]);
    assert!(!format!("{errors:?}").contains("ROSSI"));
}
