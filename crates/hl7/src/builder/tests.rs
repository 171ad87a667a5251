use proptest::prelude::*;
use telerad_charset::{CharacterSets, Charset, Unmappable};
use telerad_core::Timestamp;

use super::{BuildError, MessageBuilder, MessageHead, SegmentBuilder};

fn head(charset: Option<Charset>) -> MessageHead {
    MessageHead {
        sending_application: "TELERAD".into(),
        sending_facility: "GW".into(),
        receiving_application: "RIS".into(),
        receiving_facility: "NORTH & SOUTH".into(),
        message_code: "ORU".into(),
        trigger_event: "R01".into(),
        structure: "ORU_R01".into(),
        control_id: "C-1".into(),
        version: "2.5.1".into(),
        processing_id: "P".into(),
        time: Timestamp::from_micros(1_709_288_100_000_000),
        charset: charset.map(Into::into),
    }
}

#[track_caller]
fn check(
    charset: Option<Charset>,
    fill: impl FnOnce(SegmentBuilder) -> SegmentBuilder,
    expected: &[u8],
) {
    let message = MessageBuilder::new(head(charset)).segment("OBX", fill).build();
    let message = message.expect("a message");
    assert_eq!(
        String::from_utf8_lossy(message.as_bytes()).replace('\r', "\n"),
        String::from_utf8_lossy(expected).replace('\r', "\n")
    );
    assert!(message.warnings().is_empty(), "{:?}", message.warnings());
}

const HEADER: &str =
    "MSH|^~\\&|TELERAD|GW|RIS|NORTH \\T\\ SOUTH|20240301101500+0000||ORU^R01^ORU_R01|C-1|P|2.5.1";

#[track_caller]
fn check_segment(fill: impl FnOnce(SegmentBuilder) -> SegmentBuilder, expected: &str) {
    check(None, fill, format!("{HEADER}\r{expected}\r").as_bytes());
}

#[test]
fn fields_are_written_where_they_belong() {
    check_segment(|obx| obx.field(1, "1").field(11, "F").field(2, "TX"), "OBX|1|TX|||||||||F");
    check_segment(|obx| obx.components(3, &["a^b", "", "c", ""]), "OBX|||a\\S\\b^^c");
    check_segment(
        |obx| obx.subcomponents(3, &[&["id"], &[], &[], &["NS", "1.2", "ISO"]]),
        "OBX|||id^^^NS&1.2&ISO",
    );
    check_segment(
        |obx| obx.repeat_components(3, &["1", "A"]).repeat_components(3, &["2", "B"]),
        "OBX|||1^A~2^B",
    );
    check_segment(|obx| obx.repeat_field(5, "a~b").repeat_field(5, "c"), "OBX|||||a\\R\\b~c");
    check_segment(|obx| obx.null(5).raw(6, "x^y"), "OBX|||||\"\"|x^y");
    check_segment(|obx| obx, "OBX");
}

#[test]
fn line_ends_do_not_end_segments() {
    check_segment(|obx| obx.field(5, "a\r\nb"), "OBX|||||a\\X0D\\\\X0A\\b");
    check_segment(|obx| obx.formatted(5, "a\r\nb\nc"), "OBX|||||a\\.br\\b\\.br\\c");
}

#[test]
fn the_character_set_is_declared_when_it_is_needed() {
    let body = |name: &'static str| move |obx: SegmentBuilder| obx.field(5, name);
    let expected = format!("{HEADER}||||||UNICODE UTF-8\rOBX|||||é\r");
    check(None, body("é"), expected.as_bytes());
    let expected = [HEADER.as_bytes(), b"||||||8859/1\rOBX|||||\xe9\r"].concat();
    check(Some(Charset::Latin1), body("é"), &expected);
    let expected = format!("{HEADER}||||||ASCII\rOBX|||||e\r");
    check(Some(Charset::Ascii), body("e"), expected.as_bytes());
}

#[track_caller]
fn check_error(builder: MessageBuilder, expected: &str) {
    let error = builder.build().map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(error, Err(expected.to_owned()));
}

#[test]
fn what_cannot_be_written_is_an_error_never_a_substitute() {
    let new = |charset| MessageBuilder::new(head(charset));
    let error = new(Some(Charset::Latin1)).segment("OBX", |obx| obx.field(5, "山")).build();
    assert!(matches!(
        error,
        Err(BuildError::Unmappable(Unmappable { charset: Charset::Latin1, .. }))
    ));
    check_error(new(None).segment("obx", |obx| obx), "segment 1 has no valid id");
    check_error(new(None).segment("MSH", |obx| obx), "segment 1 has no valid id");
    check_error(
        new(None).segment("PID", |pid| pid).segment("OBX", |obx| obx.field(0, "x")),
        "segment 2 has no field 0",
    );
    check_error(
        new(None).segment("OBX", |obx| obx.field(1000, "x")),
        "segment 1 has no field 1000",
    );
    check_error(
        new(None).segment("OBX", |obx| obx.raw(5, "a\rPID|")),
        "encoded text of segment 1 holds a control code",
    );
    check_error(new(Some(Charset::Windows1252)), "Windows1252 has no name in table 0211");
}

#[test]
fn nothing_that_is_printed_holds_patient_data() {
    let builder = MessageBuilder::new(head(None)).segment("PID", |pid| {
        let pid = pid.field(5, "ROSSI");
        assert!(!format!("{pid:?}").contains("ROSSI"));
        pid
    });
    assert!(!format!("{builder:?}").contains("ROSSI"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_comes_back_from_the_message(first in any::<String>(), second in any::<String>()) {
        let message = MessageBuilder::new(head(None))
            .segment("OBX", |obx| {
                obx.components(3, &[&first, &second]).subcomponents(4, &[&["x", &second], &[&first]])
            })
            .build()
            .expect("a message");
        let obx = message.segment("OBX").expect("OBX");
        prop_assert!(obx.field(3).component(1).text() == first.as_str());
        prop_assert!(obx.field(3).component(2).text() == second.as_str());
        prop_assert!(obx.field(4).component(1).subcomponent(2).text() == second.as_str());
        prop_assert!(obx.field(4).component(2).subcomponent(1).text() == first.as_str());
        prop_assert_eq!(message.segments().count(), 2);
    }
}

#[test]
fn further_fields_of_the_header_stand_beside_those_of_the_head() {
    let head = MessageHead { control_id: "7".into(), ..MessageHead::default() };
    let message = MessageBuilder::new(head)
        .header(|msh| msh.field(10, "no").field(17, "FRA").components(21, &["1.0", "NAME"]))
        .build()
        .unwrap();
    let text = |path: &str| message.text(path);
    assert_eq!(text("MSH-10").as_deref(), Some("7"));
    assert_eq!(text("MSH-17").as_deref(), Some("FRA"));
    assert_eq!(text("MSH-21.2").as_deref(), Some("NAME"));
    let broken = MessageBuilder::new(MessageHead::default()).header(|msh| msh.field(0, "x"));
    assert_eq!(broken.build().err(), Some(BuildError::FieldNumber { segment: 0, field: 0 }));
}

#[test]
fn all_sets_of_a_message_are_declared_and_written_in() {
    let sets = CharacterSets::new(Charset::Latin1, [Charset::Iso2022Jp, Charset::Iso8859_5]);
    let built = |sets: CharacterSets| {
        let head = MessageHead { charset: Some(sets), ..head(None) };
        MessageBuilder::new(head)
            .segment("PID", |pid| pid.components(5, &["Müller 山餧", "Люк", "é"]))
            .build()
    };
    let message = built(sets).unwrap();
    let declared = b"8859/1~ISO IR87~8859/5\rPID|";
    assert!(memchr::memmem::find(message.as_bytes(), declared).is_some());
    assert_eq!(message.character_sets(), sets);
    assert!(message.warnings().is_empty(), "{:?}", message.warnings());
    let names = [1, 2, 3].map(|n| {
        message.segment("PID").unwrap().field(5).repetition(1).component(n).text().into_owned()
    });
    assert_eq!(names, ["Müller 山餧", "Люк", "é"]);
    let fewer = CharacterSets::new(Charset::Latin1, [Charset::Iso8859_5]);
    assert!(built(fewer).is_err());
}
