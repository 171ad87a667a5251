//! Parsing, reading and walking.

use std::hint::black_box;

use bytes::Bytes;
use telerad_hl7::datatype::Ed;
use telerad_hl7::{Message, Path, path};

use crate::inputs::{PATHS, report, report_with_pdf};
use crate::race::{Race, Target};

/// Those whose parse gives the whole tree. The message of `mllp` holds fields only.
const FULL_TREE: &[&str] = &["er7", "hl7-2", "hl7kit", "hl7-parser", "rust-hl7"];

/// The report of 60 lines: index, and index with ten path reads.
pub fn small() -> Vec<Race> {
    let text: &'static str = report(60).leak();
    let bytes = Bytes::from_static(text.as_bytes());
    let message = bytes.clone();
    let index = Race::new("index", text.len())
        .with("telerad-hl7", move || {
            Message::parse(message.clone()).map_or(0, |message| message.segments().len())
        })
        .with("hl7-v2", move || {
            hl7_v2::Hl7Message::parse(text.as_bytes())
                .map_or(0, |message| message.all_segments().count())
        })
        .with("er7", move || er7::parse(text).map_or(0, |message| message.segments.len()))
        .with("hl7-2", move || hl7_2::parse(text).map_or(0, |message| message.segments().count()))
        .with("hl7kit", move || {
            hl7kit::Message::parse(text).map_or(0, |message| message.segment_count())
        })
        .with("hl7-parser", move || {
            hl7_parser::Message::parse(text).map_or(0, |message| message.segments().count())
        })
        .with("rust-hl7", move || {
            rusthl7::message::Message::try_from(text).map_or(0, |message| message.segments.len())
        })
        .with("mllp", move || {
            mllp::Message::parse(text).map_or(0, |message| message.segments().len())
        });
    vec![index, reads(text, bytes)]
}

fn reads(text: &'static str, bytes: Bytes) -> Race {
    let paths: Vec<Path> = PATHS.iter().filter_map(|(path, ..)| path.parse().ok()).collect();
    Race::new("index and ten path reads", text.len())
        .target(Target::Faster(FULL_TREE, 8.0))
        .target(Target::Within("hl7-v2", 1.3))
        .with("telerad-hl7", move || {
            let Ok(message) = Message::parse(bytes.clone()) else { return 0 };
            let values = paths.iter().filter_map(|path| message.value(path).text());
            values.map(|text| text.len()).sum()
        })
        .with("hl7-v2", move || {
            let Ok(message) = hl7_v2::Hl7Message::parse(text.as_bytes()) else { return 0 };
            let read = |path: &str| {
                let (segment, rest) = path.split_once('-')?;
                let (field, component) = rest.split_once('.').unwrap_or((rest, "1"));
                let segment = message.segment(segment)?;
                let field = segment.field(field.parse().ok()?)?;
                Some(field.component(component.parse().ok()?)?.len())
            };
            PATHS.iter().filter_map(|(path, ..)| read(path)).sum()
        })
        .with("er7", move || {
            let Ok(message) = er7::parse(text) else { return 0 };
            let values = PATHS.iter().filter_map(|(path, ..)| message.query(path).ok().flatten());
            values.map(|text| text.len()).sum()
        })
        .with("hl7-2", move || {
            let Ok(message) = hl7_2::parse(text) else { return 0 };
            let values = PATHS.iter().filter_map(|(path, ..)| message.get(path).ok().flatten());
            values.map(|text| text.len()).sum()
        })
        .with("hl7kit", move || {
            let Ok(message) = hl7kit::Message::parse(text) else { return 0 };
            PATHS.iter().filter_map(|(path, ..)| message.get(path)).map(str::len).sum()
        })
        .with("hl7-parser", move || {
            let Ok(message) = hl7_parser::Message::parse(text) else { return 0 };
            let values = PATHS.iter().filter_map(|(_, path, _)| message.query(*path));
            values.map(|value| value.raw_value().len()).sum()
        })
        .with("rust-hl7", move || {
            let Ok(message) = rusthl7::message::Message::try_from(text) else { return 0 };
            PATHS.iter().map(|(_, _, path)| message.query(*path).len()).sum()
        })
        .with("mllp", move || {
            let Ok(message) = mllp::Message::parse(text) else { return 0 };
            let values = PATHS.iter().filter_map(|(path, ..)| message.value(path));
            values.map(|text| text.len()).sum()
        })
}

/// Parse and visit every subcomponent.
pub fn walk() -> Vec<Race> {
    let text: &'static str = report(60).leak();
    let bytes = Bytes::from_static(text.as_bytes());
    let race = Race::new("index and walk", text.len())
        .target(Target::Faster(FULL_TREE, 3.0))
        .with("telerad-hl7", move || {
            let Ok(message) = Message::parse(bytes.clone()) else { return 0 };
            let mut total = 0;
            for segment in message.segments() {
                for field in segment.fields() {
                    for repetition in field.repetitions() {
                        for component in repetition.components() {
                            for leaf in component.subcomponents() {
                                total += leaf.raw().len();
                            }
                        }
                    }
                }
            }
            total
        })
        .with("er7", move || {
            let Ok(message) = er7::parse(text) else { return 0 };
            let fields = message.segments.iter().flat_map(|segment| &segment.fields);
            let repetitions = fields.flat_map(|field| &field.repetitions);
            let components = repetitions.flat_map(|repetition| &repetition.components);
            let leaves = components.flat_map(|component| &component.subcomponents);
            leaves.map(|leaf| leaf.raw.len()).sum()
        })
        .with("hl7-2", move || {
            let Ok(message) = hl7_2::parse(text) else { return 0 };
            let fields = message.segments().flat_map(|segment| &segment.fields);
            let repetitions = fields.flat_map(|field| &field.repetitions);
            let components = repetitions.flat_map(|repetition| &repetition.components);
            let leaves = components.flat_map(|component| &component.subcomponents);
            leaves.map(|leaf| leaf.raw.len()).sum()
        })
        .with("hl7kit", move || {
            let Ok(message) = hl7kit::Message::parse(text) else { return 0 };
            let fields = message.segments().flat_map(|segment| segment.fields());
            let repetitions = fields.flat_map(|field| field.repetitions());
            let components = repetitions.flat_map(|repetition| repetition.components());
            let leaves = components.flat_map(|component| component.subcomponents());
            leaves.map(|leaf| leaf.value().len()).sum()
        })
        .with("hl7-parser", move || {
            let Ok(message) = hl7_parser::Message::parse(text) else { return 0 };
            let fields = message.segments().flat_map(|segment| segment.fields());
            let repetitions = fields.flat_map(|field| field.repeats());
            let components = repetitions.flat_map(|repetition| repetition.components());
            let leaves = components.flat_map(|component| component.subcomponents());
            leaves.map(|leaf| leaf.raw_value().len()).sum()
        })
        .with("rust-hl7", move || {
            let Ok(message) = rusthl7::message::Message::try_from(text) else { return 0 };
            let fields = message.segments.iter().flat_map(|segment| &segment.fields);
            let leaves = fields.flat_map(|field| field.subcomponents.iter().flatten().flatten());
            leaves.map(|leaf| leaf.len()).sum()
        });
    vec![race]
}

/// Reports with a document: index.
pub fn pdf() -> Vec<Race> {
    [1 << 20, 20 << 20].map(with_document).into()
}

fn with_document(size: usize) -> Race {
    let text: &'static str = report_with_pdf(size).leak();
    let bytes = Bytes::from_static(text.as_bytes());
    Race::new(format!("index, document of {} MiB", size >> 20), text.len())
        .target(Target::Rate(2000.0))
        .with("telerad-hl7", move || {
            Message::parse(bytes.clone()).map_or(0, |message| message.segments().len())
        })
        .with("hl7-v2", move || {
            hl7_v2::Hl7Message::parse(text.as_bytes())
                .map_or(0, |message| message.all_segments().count())
        })
        .with("er7", move || er7::parse(text).map_or(0, |message| message.segments.len()))
        .with("hl7-2", move || hl7_2::parse(text).map_or(0, |message| message.segments().count()))
        .with("hl7kit", move || {
            hl7kit::Message::parse(text).map_or(0, |message| message.segment_count())
        })
        .with("hl7-parser", move || {
            hl7_parser::Message::parse(text).map_or(0, |message| message.segments().count())
        })
        .with("rust-hl7", move || {
            rusthl7::message::Message::try_from(text).map_or(0, |message| message.segments.len())
        })
        .with("mllp", move || {
            mllp::Message::parse(text).map_or(0, |message| message.segments().len())
        })
}

/// Change PID-5.2 of a parsed message and encode it, beside copying as many bytes.
pub fn edit() -> Vec<Race> {
    let small = report(60);
    vec![
        change("60 lines", small).target(Target::Whole(1.5)),
        change("a document of 1 MiB", report_with_pdf(1 << 20)).target(Target::Within("copy", 1.5)),
    ]
}

fn change(name: &str, text: String) -> Race {
    let text: &'static str = text.leak();
    let parsed = Message::parse(Bytes::from_static(text.as_bytes()));
    let copied = text.as_bytes();
    let race =
        Race::new(format!("edit and encode, {name}"), text.len()).with("telerad-hl7", move || {
            let Ok(message) = &parsed else { return 0 };
            let mut edit = message.edit();
            match edit.set(&path!("PID-5.2"), "MARIA") {
                Ok(edit) => edit.encode().len(),
                Err(_) => 0,
            }
        });
    let race = race.with("copy", move || black_box(copied.to_vec()).len());
    match hl7_2::parse(text) {
        Ok(mut tree) => race.with("hl7-2", move || match tree.set("PID-5.2", "MARIA") {
            Ok(()) => tree.to_er7().len(),
            Err(_) => 0,
        }),
        Err(_) => race,
    }
}

/// The document of 20 MiB read out of its field as a stream, which never holds more than a piece of it.
pub fn base64() -> Vec<Race> {
    let text: &'static str = report_with_pdf(20 << 20).leak();
    let Ok(message) = Message::parse(Bytes::from_static(text.as_bytes())) else {
        return Vec::new();
    };
    let race = Race::new("base64 as a stream, document of 20 MiB", text.len());
    vec![race.with("telerad-hl7", move || stream(&message).unwrap_or_default())]
}

fn stream(message: &Message) -> Option<usize> {
    let document = Ed::read(message.segment("OBX")?.field(5));
    let (mut reader, mut piece, mut total) = (document.base64(), [0; 8192], 0);
    loop {
        match reader.read(&mut piece).ok()? {
            0 => return Some(total),
            length => total += length,
        }
    }
}
