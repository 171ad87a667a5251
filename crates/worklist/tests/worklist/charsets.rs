//! Character sets of answers: what the caller reads where that has every character, UTF-8 otherwise.

use telerad_dicom::dataset::DataSetLimits;
use telerad_dicom::{DataSet, tags, uids};
use telerad_worklist::{Query, encode_answer};

use crate::{Site, identifier};

const NAMES: [(&str, &str); 6] = [
    ("P1", "Müller^Jörg"),
    ("P2", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    ("P3", "Doe^Jane"),
    ("P4", "ЛЮКceмбypг"),
    ("P5", "Müller^Jörg=山田^太郎"),
    ("P6", "Hong^Gildong=洪^吉洞=홍^길동"),
];

fn site() -> Site {
    let mut site = Site::new();
    for (id, name) in NAMES {
        let groups: Vec<&str> = name.split('=').collect();
        let repetition = |(group, code): (&&str, &str)| {
            let empty = "^".repeat(6 - group.matches('^').count());
            format!("{group}{empty}L^{code}")
        };
        let repetitions: Vec<String> = groups.iter().zip(["A", "I", "P"]).map(repetition).collect();
        site.send(&format!(
            "MSH|^~\\&|RIS|NORTH|||20260701080000||OMI^O23|M|P|2.5.1||||||UNICODE UTF-8
            PID|||{id}^^^NORTH-MRN||{}||19700102|F
            ORC|NW
            TQ1|||||||202607051000||R
            OBR||||X^Proc^L
            IPC|A{id}|RP|1.2.3.{}|S|CT|P^Scan^LP",
            repetitions.join("~"),
            &id[1..]
        ));
    }
    site
}

/// Asks with these sets, for one patient or all, in every encoding; the declaration of each answer, empty for none.
#[track_caller]
fn declared(asked: &str, id: &str) -> String {
    let mut query =
        identifier(&[(tags::PATIENT_ID, id), (tags::PATIENT_NAME, "")], &[(tags::MODALITY, "")]);
    if !asked.is_empty() {
        query.set_text(tags::SPECIFIC_CHARACTER_SET, asked);
    }
    let answer = site().ask(&query).remove(0);
    let sets = Query::read(&query).unwrap().character_sets();
    let name = NAMES.iter().find(|(known, _)| *known == id).unwrap().1;
    let mut declarations: Vec<String> = [
        uids::IMPLICIT_VR_LITTLE_ENDIAN,
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        uids::EXPLICIT_VR_BIG_ENDIAN,
    ]
    .into_iter()
    .map(|syntax| {
        let bytes = encode_answer(&answer, sets, syntax).unwrap();
        let read = DataSet::decode(&bytes, syntax, DataSetLimits::default()).unwrap();
        assert_eq!(read.text(tags::PATIENT_NAME).as_deref(), Some(name), "{syntax}");
        assert_eq!(read.items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).unwrap().len(), 1);
        read.text(tags::SPECIFIC_CHARACTER_SET).unwrap_or_default()
    })
    .collect();
    declarations.dedup();
    assert_eq!(declarations.len(), 1, "{declarations:?}");
    declarations.remove(0)
}

#[test]
fn ascii_declares_nothing() {
    for asked in ["", "ISO_IR 100", "ISO_IR 192"] {
        assert_eq!(declared(asked, "P3"), "", "asked in {asked}");
    }
}

#[test]
fn the_callers_set_is_used_when_it_has_every_character() {
    assert_eq!(declared("ISO_IR 100", "P1"), "ISO_IR 100");
    assert_eq!(declared("ISO_IR 144", "P4"), "ISO_IR 144");
    assert_eq!(declared("\\ISO 2022 IR 87", "P2"), "\\ISO 2022 IR 87");
    assert_eq!(declared("GB18030", "P5"), "GB18030");
    assert_eq!(declared("\\ISO 2022 IR 149", "P6"), "\\ISO 2022 IR 149");
}

#[test]
fn utf8_is_used_when_it_lacks_one_or_none_is_asked_for() {
    for id in ["P1", "P2", "P4", "P5", "P6"] {
        for asked in ["", "ISO_IR 192", "ISO_IR 6", "NOBODY KNOWS"] {
            assert_eq!(declared(asked, id), "ISO_IR 192", "{id} asked in {asked}");
        }
    }
    for id in ["P2", "P4", "P5", "P6"] {
        assert_eq!(declared("ISO_IR 100", id), "ISO_IR 192", "{id}");
    }
}

#[test]
fn keys_are_compared_as_unicode_whatever_they_came_in() {
    let site = site();
    for (set, name, expected) in [
        ("ISO_IR 100", "MÜLLER*", 2),
        ("ISO_IR 192", "MÜLLER*", 2),
        ("", "MULLER*", 2),
        ("ISO_IR 100", "müller*", 2),
        ("", "M?LLER*", 2),
        ("ISO_IR 192", "*山田*", 2),
        ("ISO_IR 144", "люкс*", 0),
        ("ISO_IR 144", "люк*", 1),
        ("\\ISO 2022 IR 87", "=山田*", 2),
    ] {
        let mut query = identifier(&[(tags::PATIENT_NAME, name)], &[]);
        query.set_text(tags::SPECIFIC_CHARACTER_SET, set);
        let sets = Query::read(&query).unwrap().character_sets();
        let syntax = uids::IMPLICIT_VR_LITTLE_ENDIAN;
        let bytes = encode_answer(&query, sets, syntax).unwrap();
        let read = DataSet::decode(&bytes, syntax, DataSetLimits::default()).unwrap();
        assert_eq!(site.ask(&read).len(), expected, "{name} in {set}");
    }
}
