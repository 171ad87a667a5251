use proptest::prelude::*;

use super::{Anchor, Content, Edit, EditError};
use crate::{Location, Message, Path, path};

const ORDER: &str = "\u{feff}\r\nMSH|^~\\&|RIS||||||ORM^O01|1|P|2.3.1||||||8859/1\n\
    PID|1||77^^^N&1.2&ISO^MR~88||ROSSI^ANNA^^|||\r\n\n\
    PV1\rstray line\rOBX|1|TX|A||\"\"\r  OBX|2|TX|A||text\\.br\\more|||||F||";

#[track_caller]
fn at(text: &str) -> Location {
    text.parse().expect("a location")
}

#[track_caller]
fn check(before: &str, change: impl FnOnce(&mut Edit) -> Result<(), EditError>, after: &str) {
    let message = Message::parse(before.to_owned()).expect("a message");
    let mut edit = message.edit();
    change(&mut edit).expect("a change");
    let encoded = edit.encode();
    assert_eq!(String::from_utf8_lossy(&encoded), after);
    assert_eq!(edit.finish().expect("a message").as_bytes(), &encoded);
}

/// One value of [`ORDER`], given as the text around it.
#[track_caller]
fn check_set(path: &str, content: Content<'_>, before: &str, after: &str) {
    let path: Path = path.parse().expect("a path");
    assert_eq!(ORDER.matches(before).count(), 1);
    check(ORDER, |edit| edit.set(&path, content).map(drop), &ORDER.replace(before, after));
}

#[test]
fn without_a_change_every_byte_is_kept() {
    check(ORDER, |_| Ok(()), ORDER);
    check("MSH|^~\\&", |_| Ok(()), "MSH|^~\\&");
    check(ORDER, |edit| edit.set(&path!("PID-5.2"), "ANNA").map(drop), ORDER);
    check(ORDER, |edit| edit.set(&path!("PID-40"), Content::Empty).map(drop), ORDER);
    check(ORDER, |edit| edit.set(&path!("PID-3.1.5"), Content::Empty).map(drop), ORDER);
}

#[test]
fn one_value_is_changed_and_its_neighbours_are_not() {
    let text = Content::Text;
    check_set("PID-5", text("BIANCHI"), "ROSSI^", "BIANCHI^");
    check_set("PID-5.2", text("EVA|^~\\&"), "^ANNA^", "^EVA\\F\\\\S\\\\R\\\\E\\\\T\\^");
    check_set("PID-3.4.2", text("9.9"), "N&1.2&", "N&9.9&");
    check_set("PID-3(2)", text("99"), "~88", "~99");
    check_set("PID-3(2)", Content::Empty, "~88", "~");
    check_set("PID-3(2)", Content::Null, "~88", "~\"\"");
    check_set("MSH-3", text("X"), "|RIS|", "|X|");
    check_set("MSH-10", text("2"), "|1|P|", "|2|P|");
    check_set("OBX[2]-5", Content::Formatted("a\r\nb"), "text\\.br\\more", "a\\.br\\b");
    check_set("OBX[2]-5", text("a\r\nb"), "text\\.br\\more", "a\\X0D\\\\X0A\\b");
    check_set("OBX[2]-5", Content::Encoded("a^b"), "text\\.br\\more", "a^b");
    check_set("OBX-5", text("\"\""), "A||\"\"", "A||\\X2222\\");
}

#[test]
fn what_is_missing_before_a_value_is_added() {
    let text = Content::Text;
    check_set("PID-10", text("W"), "^ANNA^^|||\r\n", "^ANNA^^|||||W\r\n");
    check_set("PID-3(4).2.3", text("W"), "~88|", "~88~~^&&W|");
    check_set("PV1-2", text("O"), "PV1\r", "PV1||O\r");
    check_set("PID-7", text("19701224"), "^ANNA^^||", "^ANNA^^||19701224");
    check_set("MSH-20", text("A"), "8859/1", "8859/1||A");
    // The null value stands for component 1 once there are others.
    check_set("OBX-5.2", text("x"), "A||\"\"", "A||\"\"^x");
}

#[test]
fn several_changes_to_one_segment_go_together() {
    check(
        "MSH|^~\\&\rPID|1||7\rPV1\r",
        |edit| {
            edit.set(&path!("PID-8"), "F")?
                .set(&path!("PID-3.4"), "N")?
                .set(&path!("PID-5.2"), "ANNA")?
                .set(&path!("PID-5"), "ROSSI")?
                .set(&path!("PID-3"), "8")?
                .set(&path!("PID-8"), "M")?
                .set(&path!("PID-7"), "x")?
                .set(&path!("PID-7"), Content::Empty)?;
            Ok(())
        },
        "MSH|^~\\&\rPID|1||8^^^N||ROSSI^ANNA|||M\rPV1\r",
    );
}

#[test]
fn a_whole_field_is_replaced_on_request_only() {
    check(
        "MSH|^~\\&\rPID|1||7^^^N~8||ROSSI^ANNA\r",
        |edit| {
            edit.set_field(&path!("PID-3"), "9")?.set_field(&path!("PID-5"), Content::Null)?;
            Ok(())
        },
        "MSH|^~\\&\rPID|1||9||\"\"\r",
    );
}

#[test]
fn repetitions_are_inserted_and_removed() {
    let before = "MSH|^~\\&\rPID|1|A|7^^^N~8||\r";
    let check = |change: &dyn Fn(&mut Edit) -> Result<(), EditError>, field: &str| {
        check(before, change, &before.replace("7^^^N~8", field));
    };
    check(&|edit| edit.insert(&path!("PID-3.4"), "S").map(drop), "^^^S~7^^^N~8");
    check(&|edit| edit.insert(&path!("PID-3(2)"), "x").map(drop), "7^^^N~x~8");
    check(&|edit| edit.insert(&path!("PID-3(3)"), "x").map(drop), "7^^^N~8~x");
    check(&|edit| edit.insert(&path!("PID-3(5)"), "x").map(drop), "7^^^N~8~~~x");
    check(&|edit| edit.remove(&path!("PID-3")).map(drop), "8");
    check(&|edit| edit.remove(&path!("PID-3(2)")).map(drop), "7^^^N");
    check(&|edit| edit.remove(&path!("PID-3(3)")).map(drop), "7^^^N~8");
    check(&|edit| edit.remove(&path!("PID-3"))?.remove(&path!("PID-3")).map(drop), "");
    check(
        &|edit| {
            edit.set_field(&path!("PID-3"), Content::Empty)?.insert(&path!("PID-3"), "1").map(drop)
        },
        "1",
    );
}

#[test]
fn segments_come_and_go_with_the_terminator_of_the_message() {
    let before = "MSH|^~\\&\r\nPID|1\r\nOBX|1\r\nOBX|2";
    check(
        before,
        |edit| {
            edit.insert_segment(Anchor::End, "NTE", |segment| segment.field(3, "a\rb"))?
                .insert_segment(Anchor::Before(at("OBX[2]")), "NTE", |segment| segment)?
                .insert_segment(Anchor::After(at("MSH")), "ZZZ", |segment| segment.null(1))?
                .set(&path!("NTE-1"), "9")?
                .set(&path!("NTE[2]-3"), "c")?
                .set(&path!("ZZZ-3"), "z")?
                .remove_segment(&at("OBX"))?
                .set(&path!("OBX-2"), "TX")?;
            Ok(())
        },
        "MSH|^~\\&\r\nZZZ|\"\"||z\r\nPID|1\r\nNTE|9\r\nOBX|2|TX\r\nNTE|||c\r\n",
    );
    check(
        before,
        |edit| edit.remove_segment(&at("OBX[2]")).map(drop),
        "MSH|^~\\&\r\nPID|1\r\nOBX|1\r\n",
    );
    check(ORDER, |edit| edit.remove_segment(&at("PV1")).map(drop), &ORDER.replace("PV1\r", ""));
}

#[test]
fn other_delimiters_are_kept() {
    check(
        "MSH#*~\\@#A\rPID#1\r",
        |edit| {
            edit.set(&path!("PID-3.4.2"), "1#2*3@4|5^6")?.insert_segment(
                Anchor::End,
                "PV1",
                |segment| segment.components(3, &["a", "b*"]),
            )?;
            Ok(())
        },
        "MSH#*~\\@#A\rPID#1##***@1\\F\\2\\S\\3\\T\\4|5^6\rPV1###a*b\\S\\\r",
    );
}

#[track_caller]
fn refuse(before: &str, change: impl FnOnce(&mut Edit) -> Result<(), EditError>, expected: &str) {
    let message = Message::parse(before.to_owned()).expect("a message");
    let mut edit = message.edit();
    let error = change(&mut edit).expect_err("a refusal");
    assert_eq!(error.to_string(), expected);
    assert_eq!(edit.encode(), before);
}

#[test]
fn what_cannot_be_changed_is_refused_and_nothing_happens() {
    refuse(ORDER, |edit| edit.set(&path!("NTE-1"), "x").map(drop), "no segment NTE");
    refuse(ORDER, |edit| edit.set(&path!("OBX[3]-1"), "x").map(drop), "no segment OBX[3]");
    refuse(ORDER, |edit| edit.set(&path!("MSH-2"), "x").map(drop), "MSH-2 cannot be changed");
    refuse(ORDER, |edit| edit.remove_segment(&at("MSH")).map(drop), "MSH cannot be changed");
    refuse(
        ORDER,
        |edit| edit.insert_segment(Anchor::Before(at("MSH")), "PV1", |s| s).map(drop),
        "MSH cannot be changed",
    );
    refuse(
        ORDER,
        |edit| edit.insert_segment(Anchor::End, "pv1", |s| s).map(drop),
        "segment to be inserted has an impossible id or field number",
    );
    refuse(
        ORDER,
        |edit| edit.insert_segment(Anchor::End, "PV1", |s| s.field(0, "")).map(drop),
        "segment to be inserted has an impossible id or field number",
    );
    refuse(
        ORDER,
        |edit| edit.set(&path!("PID-5"), Content::Encoded("a\rOBX|1")).map(drop),
        "encoded text for PID-5 holds a control code",
    );
    refuse(
        "MSH|^~\\&||||||||||||||||8859/1\rPID|1\r",
        |edit| edit.set(&path!("PID-5"), "Ω").map(drop),
        "character at byte 0 of the text has no place in Latin1",
    );
}

#[test]
fn a_delimiter_that_is_not_declared_is_not_invented() {
    let short = "MSH|^~|A\rPID|1||a\r";
    refuse(
        short,
        |edit| edit.set(&path!("PID-3.1.2"), "x").map(drop),
        "MSH-2 declares no delimiter that PID-3.1.2 needs",
    );
    refuse(
        short,
        |edit| edit.set(&path!("PID-3"), "x|y").map(drop),
        "MSH-2 declares no delimiter that PID-3 needs",
    );
    refuse(
        short,
        |edit| edit.insert_segment(Anchor::End, "PV1", |s| s.field(1, "x^y")).map(drop),
        "MSH-2 declares no delimiter that PV1 needs",
    );
    check(short, |edit| edit.set(&path!("PID-3.2"), "x").map(drop), "MSH|^~|A\rPID|1||a^x\r");
}

#[track_caller]
fn check_other_segments(before: &str, change: impl FnOnce(&mut Edit) -> Result<(), EditError>) {
    let mut edit = Message::parse(before.to_owned()).expect("a message").edit();
    change(&mut edit).expect("a change");
    assert_eq!(edit.finish(), Err(EditError::OtherSegments));
}

#[test]
fn a_change_that_would_make_a_segment_of_text_is_refused() {
    // Found by fuzzing: PID alone on the last line is text, with a field behind it a segment.
    check_other_segments("MSH|^~\\&|A||||||ORM|2|P|2.3.1\nPID", |edit| {
        edit.set(&path!("MSH-17"), "x").map(drop)
    });
    check_other_segments("MSH|^~\\&|A\nPID|1\n", |edit| {
        edit.insert_segment(Anchor::End, "AL1", |segment| segment).map(drop)
    });
}

#[test]
fn a_delimiter_inside_a_character_splits_nothing() {
    let mut bytes =
        b"MSH|^~\\&||||||||||||||||GB 18030-2000\rPID|1||7||\x81\x7c^\x81\x5e^c\r".to_vec();
    let message = Message::parse(bytes.clone()).expect("a message");
    let mut edit = message.edit();
    edit.set(&path!("PID-5.3"), "亅").expect("a change");
    bytes.truncate(bytes.len() - 2);
    bytes.extend_from_slice(b"\x81\x7c\r");
    assert_eq!(edit.encode(), bytes);
}

#[test]
fn nothing_that_is_printed_holds_patient_data() {
    let mut edit = Message::parse(ORDER).expect("a message").edit();
    edit.set(&path!("PID-5"), "BIANCHI").expect("a change");
    let printed = format!("{edit:?} {:?}", Content::Text("BIANCHI"));
    assert!(!printed.contains("BIANCHI") && !printed.contains("ROSSI"), "{printed}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_set_is_read_and_nothing_else_changes(
        n in 1_u16..12,
        repetition in 1_u16..4,
        component in 1_u16..5,
        subcomponent in 1_u16..4,
        segment in prop_oneof![Just("PID"), Just("PV1"), Just("OBX")],
        occurrence in 1_u16..3,
        text in "[ -~\\r\\n\u{e0}-\u{ff}]{0,12}",
    ) {
        let message = Message::parse(ORDER).expect("a message");
        let segment = Location::segment(segment, 1).expect("a segment").path();
        let path = Path { field: n, repetition, component, subcomponent, ..segment };
        let path = if path.segment() == "OBX" { path.in_occurrence(occurrence) } else { path };
        let mut edit = message.edit();
        edit.set(&path, &text).expect("a change");
        let changed = edit.finish().expect("a message");
        prop_assert_eq!(changed.value(&path).text().unwrap_or_default(), text.as_str());
        prop_assert_eq!(changed.segments().count(), message.segments().count());
        for (before, after) in message.segments().zip(changed.segments()) {
            if before.id() != path.segment() {
                prop_assert_eq!(before.raw(), after.raw());
            }
        }
    }

    #[test]
    fn an_edit_of_any_message_keeps_all_other_bytes(
        body in "[A-Z0-9|^~&\\\\\\r\\n \"]{0,60}",
        text in "[a-z|^]{1,6}",
    ) {
        let before = ["MSH|^~\\&|A\rPID|1||x\r", &body].concat();
        let message = Message::parse(before.clone()).expect("a message");
        let mut edit = message.edit();
        edit.set(&path!("PID-3"), &text).expect("a change");
        let written = crate::escape::encode(&text, message.delimiters());
        prop_assert_eq!(edit.encode(), before.replacen("||x", &["||", &written].concat(), 1));
    }
}

#[test]
fn a_text_that_passes_for_the_header_is_refused() {
    // Found by fuzzing: junk before a header that ends in the letters of one.
    let input = b"M35\xd2|\x915\xd2|MSH\\~|^&|RIS=OBRNO\x0bRTH|T\
        ELERAD|GW|202403011015||OR]M^O01|\
        2|P|2.3.1\n\xff\xff\xff\xff\xff\xff\xff\x08PIDq\x03\xd0\x90MSHre\x9c\xdf\x99\
        \x8cSH&~ms;MSH|^\x00\x00\x00\x96A\xff\xff\xff\xff|e8^\xb7\xbc\xb4\x83eq\x03\
        \xd0\x90MSHre\x9c\xdf\x99\x8cSH&~ms;MSH|^\x00H&~ms;MSH\
        |^\x00\x00\x00\x96A\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffssiERR\x00\x00\x00MSH";
    let message = Message::parse(&input[..]).expect("a message");
    let text = message.segments().last().map(|last| last.field(2).text().into_owned());
    let mut edit = message.edit();
    edit.set(&path!("MSH-17(2).3.2"), &text.expect("a segment")).expect("a change");
    assert_eq!(edit.finish().map(|_| ()), Err(EditError::OtherSegments));
}

/// Behind a shift to a two-byte set that never ends, a delimiter is half a character.
#[test]
fn nothing_is_set_behind_a_shift_that_never_ends() {
    let header = "MSH|^~\\&|A||||||ADT^A08|1|P|2.5||||||~ISO IR87\r";
    let open = "\u{1b}$B;3ED";
    let closed = "\u{1b}$B;3ED\u{1b}(B";
    for (segment, place, expected) in [
        (format!("PID|1||7||{open}||"), "PID-8", Err(EditError::Shift(at("PID-8")))),
        (format!("PID|1||7||A^{open}"), "PID-5.3", Err(EditError::Shift(at("PID-5.3")))),
        (format!("PID|1||7||{open}~B"), "PID-5(2)", Err(EditError::Shift(at("PID-5(2)")))),
        (format!("PID|1||7||{open}||"), "PID-3", Ok("F")),
        (format!("PID|1||7||{open}"), "PID-5", Ok("F")),
        (format!("PID|1||7||{closed}||"), "PID-8", Ok("F")),
        (format!("PID|1||7||A^{closed}"), "PID-5.3", Ok("F")),
    ] {
        let message = Message::parse(format!("{header}{segment}\rPV1\r")).expect("a message");
        let path: Path = place.parse().expect("a path");
        let mut edit = message.edit();
        let outcome = edit.set(&path, "F").map(drop);
        assert_eq!(outcome, expected.map(drop), "{place} of {segment}");
        let after = edit.finish().expect("a message");
        match expected {
            Ok(text) => assert_eq!(after.value(&path).text().as_deref(), Some(text), "{segment}"),
            Err(_) => assert_eq!(after, message, "{segment}"),
        }
    }
    let shift = EditError::Shift(at("PID-8"));
    assert_eq!(
        shift.to_string(),
        "the value before PID-8 shifts to a character set and never back; set that one first"
    );
}
