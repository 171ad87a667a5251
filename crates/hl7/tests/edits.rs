//! Edits of damaged messages: what is set is read, and nothing else changes.

use proptest::prelude::*;
use telerad_hl7::{Anchor, Content, Edit, EditError, Location, Message, Value, path};

/// Junk, byte order marks and batch headers before a message; lines of every kind with terminators of every kind; the
/// rest of a frame behind it.
fn messages() -> impl Strategy<Value = String> {
    let before = prop_oneof![
        Just(""),
        Just("\u{feff}"),
        Just("\u{b}"),
        Just("junk: "),
        Just("FHS|^~\\&|A\rBHS|^~\\&|B\r"),
        Just("\r\n"),
    ];
    let line = "(PID|OBX|NTE|PV1|obx|ZZ1|stray|MSH\\|\\^~\\\\&)(\\|[a\"é]{0,2}([~^&\\\\][a\"]{0,2}){0,3}){0,4}";
    let end =
        proptest::sample::select(vec!["\r", "\r", "\n", "\n", "\r\n", "\r\r", "\r  ", "\n\n"]);
    let after =
        prop_oneof![Just(""), Just("\u{1c}\r"), Just("BTS|1\rFTS|1\r"), Just("  "), Just("\0\0")];
    let lines = proptest::collection::vec((line, end.clone()), 0..6);
    (before, end.clone(), lines, any::<bool>(), after).prop_map(
        |(before, end, lines, is_ended, after)| {
            let mut text = format!("{before}MSH|^~\\&|A||||||ADT|1|P|2.5||||||UNICODE UTF-8{end}");
            for (line, end) in lines {
                text.push_str(&line);
                text.push_str(end);
            }
            if !is_ended && !after.starts_with('B') {
                text.truncate(text.trim_end().len());
            }
            text + after
        },
    )
}

fn contents() -> impl Strategy<Value = (Option<String>, bool)> {
    prop_oneof![
        2 => Just((None, false)),
        1 => Just((None, true)),
        6 => "[a-c|^~&\\\\\"\r\n\té ]{0,6}".prop_map(|text| (Some(text), false)),
    ]
}

/// Every leaf by its place: number of the segment, field, repetition, component, subcomponent.
fn leaves(message: &Message) -> Vec<([usize; 5], Vec<u8>)> {
    let mut all = Vec::new();
    for (s, segment) in message.segments().enumerate() {
        for (f, field) in (1..).zip(segment.fields()) {
            for (r, repetition) in (1..).zip(field.repetitions()) {
                for (c, component) in (1..).zip(repetition.components()) {
                    for (n, leaf) in (1..).zip(component.subcomponents()) {
                        if !leaf.raw().is_empty() {
                            all.push(([s, f, r, c, n], leaf.raw().to_vec()));
                        }
                    }
                }
            }
        }
    }
    all
}

fn ids(message: &Message) -> Vec<String> {
    message.segments().map(|segment| segment.id().to_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn what_is_set_is_read_and_nothing_else_changes(
        text in messages(),
        pick in any::<prop::sample::Index>(),
        (n, r, c, s) in (1_u16..7, 1_u16..4, 1_u16..4, 1_u16..4),
        (content, is_null) in contents(),
    ) {
        let message = Message::parse(text.clone()).expect("a message");
        let places: Vec<(usize, String)> = message.segments().enumerate()
            .map(|(index, segment)| (index, segment.id().to_owned())).filter(|(_, id)| !id.is_empty()).collect();
        let (index, id) = &places[pick.index(places.len())];
        let occurrence = message.segments().take(index + 1).filter(|segment| segment.id() == id).count();
        let place: Location = format!("{id}[{occurrence}]-{n}({r}).{c}.{s}").parse().expect("a place");
        let path = place.path();
        let wanted = match &content {
            Some(text) => Content::Text(text),
            None if is_null => Content::Null,
            None => Content::Empty,
        };
        let mut edit = message.edit();
        match edit.set(&path, wanted).map(drop) {
            Ok(()) => {}
            Err(EditError::Header(_)) => { prop_assert!(id == "MSH" && n <= 2); return Ok(()); }
            // Another line was taken for the header, or a line for the end of MSH-18.
            Err(EditError::Unmappable(_)) => {
                prop_assert!(message.text("MSH-18").as_deref() != Some("UNICODE UTF-8"));
                return Ok(());
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
        let changed = match edit.finish() {
            Ok(changed) => changed,
            // Line feeds, and headers in odd places, may make other segments of it: then it is refused.
            Err(EditError::OtherSegments) => { prop_assert!(text.contains('\n') || text.contains("junk")); return Ok(()); }
            Err(error) => { prop_assert!(false, "{error}"); return Ok(()); }
        };
        prop_assert_eq!(ids(&changed), ids(&message));
        let here = [*index, n.into(), r.into(), c.into(), s.into()];
        let others = |message: &Message| -> Vec<_> {
            leaves(message).into_iter().filter(|(place, _)| *place != here).collect()
        };
        prop_assert_eq!(others(&changed), others(&message));
        match (changed.value(&path), content.filter(|text| !text.is_empty())) {
            (Value::Present(read), Some(text)) => prop_assert_eq!(read, text),
            // A null is seen from below its place.
            (Value::Null, None) => prop_assert!(is_null || message.value(&path).is_null()),
            (Value::Absent | Value::Empty, None) => prop_assert!(!is_null),
            (read, text) => prop_assert!(false, "{read:?} for {:?}", text.map(|it| it.len())),
        }
        // What stands before the segment and behind it is the same.
        let span = message.segments().nth(*index).expect("a segment").span();
        prop_assert_eq!(&changed.as_bytes()[..span.start], &message.as_bytes()[..span.start]);
        prop_assert!(changed.as_bytes().ends_with(&message.as_bytes()[span.end..]));
    }

    #[test]
    fn segments_come_and_go_between_the_others(
        text in messages(),
        pick in any::<prop::sample::Index>(),
        way in 0..4_u8,
    ) {
        let message = Message::parse(text.clone()).expect("a message");
        let before = ids(&message);
        let index = pick.index(before.len());
        let id = &before[index];
        let occurrence = before.iter().take(index + 1).filter(|other| *other == id).count();
        let Ok(place) = format!("{id}[{occurrence}]").parse::<Location>() else { return Ok(()) };
        let mut expected = before.clone();
        let mut edit: Edit = message.edit();
        let added = |anchor, edit: &mut Edit| edit.insert_segment(anchor, "ZAB", |segment| segment.field(1, "x")).map(drop);
        let outcome = match way {
            0 => { expected.insert(index + 1, "ZAB".into()); added(Anchor::After(place), &mut edit) }
            1 => { expected.insert(index, "ZAB".into()); added(Anchor::Before(place), &mut edit) }
            2 => { expected.push("ZAB".into()); added(Anchor::End, &mut edit) }
            _ => { expected.remove(index); edit.remove_segment(&place).map(drop) }
        };
        if matches!(outcome, Err(EditError::Header(_))) {
            prop_assert!(index == 0 && way != 0 && way != 2);
            return Ok(());
        }
        prop_assert_eq!(outcome, Ok(()));
        match edit.finish() {
            Ok(changed) => {
                prop_assert_eq!(ids(&changed), expected);
                prop_assert!(way == 3 || changed.value(&path!("ZAB-1")) == Value::Present("x".into()));
                // The others keep their bytes.
                let raw = |message: &Message, skip: &str| -> Vec<Vec<u8>> {
                    message.segments().filter(|it| it.id() != skip).map(|it| it.raw().to_vec()).collect()
                };
                if way != 3 {
                    prop_assert_eq!(raw(&changed, "ZAB"), raw(&message, "ZAB"));
                }
            }
            Err(EditError::OtherSegments) => prop_assert!(text.contains('\n') || text.contains("junk")),
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}
