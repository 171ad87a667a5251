//! What reading costs in memory, counted.

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use telerad_hl7::datatype::Ed;
use telerad_hl7::{Message, mllp, path};

const HEADER: &str = "MSH|^~\\&|READER|PLATFORM|TELERAD|GATEWAY|20240301101500||ORU^R01^ORU_R01|R-77|P|2.5.1||||||UNICODE UTF-8\r\
    PID|1||1001^^^NORTH&1.2.840.1&ISO^MR||ROSSI^ANNA^MARIA^^^^L||19701224|F\r";

fn report(lines: usize) -> Bytes {
    let line =
        "OBX|1|TX|GDT^Report text^L||No focal lesion of the liver \\T\\ the spleen.||||||F\r";
    Bytes::from(format!("{HEADER}{}", line.repeat(lines)))
}

fn document(bytes: usize) -> Bytes {
    let content = "JVBERi0xLjQKJcOkw7zDtsOf".repeat(bytes / 24);
    Bytes::from(format!(
        "{HEADER}OBX|1|ED|PDF^Report^L||^application^pdf^Base64^{content}||||||F\r"
    ))
}

fn parsing(bytes: &Bytes) -> AllocationInfo {
    let bytes = bytes.clone();
    measure(move || {
        let message = Message::parse(bytes);
        assert!(message.is_ok_and(|message| message.warnings().is_empty()));
    })
}

#[test]
fn parsing_allocates_the_index_and_its_count() {
    for bytes in [report(60), document(1 << 20)] {
        let parsing = parsing(&bytes);
        assert!(parsing.count_total <= 2, "{parsing:?}");
    }
}

/// Whether bytes above 7FH belong to the declared set is found out without decoding them into a copy.
#[test]
fn a_declared_set_costs_no_copy() {
    for (name, text) in [
        ("UNICODE UTF-8", "M\u{fc}ller".as_bytes()),
        ("8859/1", b"M\xfcller"),
        ("8859/5", b"\xbb\xee\xda"),
        ("8859/9", b"M\xfcller"),
        ("8859/15", b"M\xfcller"),
        ("GB 18030-2000", b"\xcd\xf5"),
        ("KS X 1001", b"\xb1\xe8"),
    ] {
        let header = HEADER.replace("UNICODE UTF-8", name);
        let mut bytes = [header.as_bytes(), b"NTE|1||", text, b"\rOBX|1|ED|||"].concat();
        bytes.resize(1 << 20, b'A');
        bytes.push(b'\r');
        let parsing = parsing(&Bytes::from(bytes));
        assert!(parsing.count_total <= 2 && parsing.bytes_max < 4096, "{name} {parsing:?}");
    }
}

/// Nor is a copy made of a message that switches sets, in every value or never back, declared or not.
#[test]
fn switching_sets_costs_no_copy() {
    for (names, name) in [
        ("~ISO IR87", &b"\x1b$B;3ED\x1b(B"[..]),
        ("8859/1~KS X 1001", b"\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7"),
        ("8859/1~KS X 1001", b"\x1b$)C\xfb\xf3^\xd1\xce\xd4\xd7"),
        ("8859/1~8859/5", b"\x1b-L\xbb\xee\xda\x1b-A\xe9"),
        ("ISO IR87", b"\x1b$B;3ED\x1b(B"),
        ("UNICODE UTF-8", b"\x1b$B;3ED\x1b(B"),
        ("ISO IR87", b"M\xfcller"),
        ("", b"\x1b$B;3ED\x1b(B"),
    ] {
        let header = HEADER.replace("UNICODE UTF-8", names);
        let line = [b"NTE|1||", name, b"~", name, b"\r"].concat();
        let bytes = Bytes::from([header.as_bytes(), &line.repeat(1000)].concat());
        let parsing = measure(move || assert!(Message::parse(bytes).is_ok()));
        // A doubt is a list of warnings more.
        assert!(parsing.count_total <= 3 && parsing.bytes_max < 32_768, "{names} {parsing:?}");
    }
}

#[test]
fn a_parsed_document_takes_hardly_more_than_its_bytes() {
    let bytes = document(20 << 20);
    let parsing = parsing(&bytes);
    assert!(parsing.bytes_max < bytes.len() as u64 / 20, "{parsing:?}");
}

#[test]
fn a_document_in_a_frame_takes_twice_its_bytes_while_it_arrives() {
    for size in [1 << 20, 20 << 20] {
        let message = document(size);
        let stream = mllp::frame(&message);
        let decoding = measure(|| {
            let mut decoder = mllp::Decoder::new(mllp::Limits::default());
            let mut frames = 0;
            for start in (0..stream.len()).step_by(64 << 10) {
                decoder.feed(stream.slice(start..stream.len().min(start + (64 << 10))));
                while let Some(event) = decoder.poll() {
                    frames += usize::from(matches!(event, mllp::Event::Frame(_)));
                }
            }
            assert_eq!(frames, 1);
        });
        assert!(decoding.bytes_max <= message.len() as u64 * 21 / 10, "{decoding:?}");
    }
}

#[test]
fn views_and_plain_values_allocate_nothing() {
    let message = Message::parse(report(3)).unwrap();
    let reading = measure(|| {
        let mut leaves = 0;
        for segment in message.segments() {
            for field in segment.fields() {
                leaves +=
                    field.repetitions().flat_map(|repetition| repetition.components()).count();
            }
        }
        assert!(leaves > 20 && message.value(&path!("PID-5.2")).is_present());
    });
    assert_eq!(reading.count_total, 0);
}

/// A message of nothing but one kind of byte costs most per byte where every byte ends a segment.
#[test]
fn no_message_costs_more_than_eight_times_its_bytes() {
    for filler in
        ["\r", "\n", "A\r", "A|\r", "MSH|", "ZZZ\r", "\u{b}", "\u{e9}", "\\", "|", "\u{1b}$B"]
    {
        let bytes = Bytes::from(format!("{HEADER}{}", filler.repeat(200_000 / filler.len())));
        let length = bytes.len() as u64;
        let parsing = measure(move || drop(Message::parse(bytes)));
        assert!(parsing.bytes_max <= 8 * length + 65_536, "{filler:?} {parsing:?} of {length}");
    }
}

#[test]
fn a_document_is_read_out_of_its_field_without_memory_of_its_own() {
    let message = Message::parse(document(20 << 20)).unwrap();
    let document = Ed::read(message.segment("OBX").unwrap().field(5));
    let mut length = 0;
    let reading = measure(|| {
        let (mut reader, mut piece) = (document.base64(), [0; 8192]);
        loop {
            match reader.read(&mut piece).unwrap() {
                0 => break,
                more => length += more,
            }
        }
    });
    assert_eq!((reading.count_total, length), (0, (20 << 20) / 24 * 18));
}
