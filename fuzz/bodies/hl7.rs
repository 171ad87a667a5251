//! Bodies over `telerad-hl7`.

use std::time::Duration;

use bytes::Bytes;
use telerad_charset::{CharacterSets, Charset, Separators};
use telerad_core::Timestamp;
use telerad_hl7::batch::{self, BatchLimits, File, Part};
use telerad_hl7::mllp::{
    Commit, Decoder, Event, Expectation, Limits, Receiver, ReceiverConfig, ReceiverEvent, Release,
    Sender, SenderConfig, SenderEvent,
};
use telerad_hl7::reading::{
    AppointmentSources, AppointmentView, MergeView, OrderSources, OrderView, PatientSources,
    PatientView, ReportSources, ReportView, ResponseView,
};
use telerad_hl7::validate::{FINDINGS_MAX, Profile, acknowledgement, validate};
use telerad_hl7::{
    Acknowledgement, Delimiters, EncodeOptions, Location, Message, ParseOptions, Readable,
    Terminator, WarningSet, acknowledge, continuation, escape, header_fault, path,
    read_acknowledgement,
};

/// A message is its bytes, can be walked to its last value, and can be answered.
pub fn hl7_message(input: &[u8]) {
    let answer = match Message::parse(input.to_vec()) {
        Ok(message) => {
            assert_eq!(message.as_bytes(), input);
            walk(&message);
            change(&message);
            for warning in message.check() {
                assert!(warning.offset <= input.len());
            }
            let ack = header_fault(&message).unwrap_or(Acknowledgement::accept());
            acknowledge(Some(&message), &ack, "1", Timestamp::default())
        }
        Err(error) => acknowledge(None, &error.acknowledgement(), "1", Timestamp::default()),
    };
    assert!(answer.len() < input.len() + 4096 * 10);
    let answer = Message::parse(answer).expect("an acknowledgement is a message");
    assert_eq!(
        answer.segments().map(|segment| segment.id()).take(2).collect::<Vec<_>>(),
        ["MSH", "MSA"]
    );
    assert!(read_acknowledgement(&answer).is_some());
}

/// What is set is read, nothing else changes, and other forms of the message read the same.
fn change(message: &Message) {
    let found = message.check();
    assert!(found.iter().all(|warning| warning.span().end <= message.as_bytes().len()));
    let strict = ParseOptions { refused: WarningSet::ALL, ..ParseOptions::default() };
    let is_clean = found.is_empty() && message.warnings().is_empty();
    assert_eq!(Message::parse_with(&strict, message.as_bytes().clone()).is_ok(), is_clean);
    assert_eq!(message.edit().encode(), message.as_bytes());
    let text = message.segments().last().map(|last| last.field(2).text().into_owned());
    let text = text.unwrap_or_default();
    let path = path!("MSH-17(2).3.2");
    let mut edit = message.edit();
    if let Ok(changed) = edit.set(&path, &text).and_then(|edit| edit.finish()) {
        // Bytes above 7FH may tell another character set than they did before.
        if changed.character_sets() == message.character_sets() {
            assert_eq!(changed.value(&path).text().unwrap_or_default(), text);
            for (before, after) in message.segments().zip(changed.segments()).skip(1) {
                assert_eq!(before.raw(), after.raw());
            }
        }
    }
    for terminator in [Terminator::CarriageReturn, Terminator::CarriageReturnLineFeed] {
        let options = EncodeOptions { terminator: Some(terminator), charset: None };
        if let Ok(bytes) = message.encode_with(&options) {
            let again = Message::parse(bytes).expect("a message");
            assert!(again.segments().len() <= message.segments().len());
        }
    }
    let options = EncodeOptions { terminator: None, charset: Some(Charset::Utf8) };
    if let Ok(bytes) = message.encode_with(&options) {
        let again = Message::parse(bytes).expect("a message");
        for (before, after) in message.segments().zip(again.segments()).skip(1) {
            assert_eq!(before.field(3).text(), after.field(3).text());
        }
    }
    let _ = continuation::join(std::slice::from_ref(message));
}

/// Every visible byte of a stream of messages is in exactly one part; and texts are paths or are refused.
pub fn hl7_batch(input: &[u8]) {
    let visible = |bytes: &[u8]| bytes.iter().filter(|byte| **byte > b' ').count();
    let stream = input.to_vec();
    let marks = memmem(&stream, b"\xef\xbb\xbf");
    let mut seen = 0;
    for part in batch::parts(stream) {
        seen += match part {
            Part::Message(bytes) | Part::Stray(bytes) => visible(&bytes),
            Part::FileHeader(envelope)
            | Part::BatchHeader(envelope)
            | Part::BatchTrailer(envelope)
            | Part::FileTrailer(envelope) => {
                let _ = envelope.count();
                visible(envelope.segment().raw())
            }
        };
    }
    // Byte order marks between parts are left out.
    assert!(seen <= visible(input) && seen + 3 * marks >= visible(input));
    let limits = BatchLimits { messages_max: 100, batches_max: 10, ..BatchLimits::default() };
    if let Ok(file) = File::read(input.to_vec(), limits) {
        assert!(file.messages().count() <= 100 && file.batches.len() <= 10);
    }
    let text = String::from_utf8_lossy(input);
    if let Ok(location) = text.parse::<Location>() {
        assert_eq!(location.to_string().parse(), Ok(location));
    }
    if let Ok(location) = Location::from_error_location(&text) {
        assert_eq!(Location::from_error_location(&location.error_location()), Ok(location));
    }
}

fn memmem(bytes: &[u8], mark: &[u8]) -> usize {
    bytes.windows(mark.len()).filter(|window| *window == mark).count()
}

fn walk(message: &Message) {
    for segment in message.segments() {
        assert_eq!(&message.as_bytes()[segment.span()], segment.raw());
        for (index, field) in segment.fields().enumerate().take(64) {
            assert_eq!(segment.field(index + 1).span(), field.span());
        }
        for field in segment.fields() {
            assert_eq!(&message.as_bytes()[field.span()], field.raw());
            let _ = field.whole_text();
            for repetition in field.repetitions() {
                for component in repetition.components() {
                    for subcomponent in component.subcomponents() {
                        let _ = subcomponent.value();
                    }
                }
            }
        }
    }
}

/// Reading never panics; what is written reads back.
pub fn hl7_escape(input: &[u8]) {
    for charset in [Charset::Utf8, Charset::Latin1, Charset::ShiftJis, Charset::Iso2022Jp] {
        let read = escape::decode(input, Delimiters::STANDARD, charset);
        let written = escape::encode(&read, Delimiters::STANDARD);
        let again = escape::decode(written.as_bytes(), Delimiters::STANDARD, Charset::Utf8);
        assert_eq!(again, read);
    }
    for terms in SETS {
        let sets = CharacterSets::from_dicom(terms).expect("terms of the standard");
        for separators in [Separators::None, Separators::Values, Separators::PersonName] {
            let read = sets.decode(input, separators).text;
            if let Ok(written) = sets.encode(&read, separators) {
                assert_eq!(sets.decode(&written, separators).text, read);
            }
        }
    }
    let text = String::from_utf8_lossy(input);
    let lines = escape::formatted_text(&text);
    assert!(lines.len() <= text.len() * 260 + 260);
}

/// Combinations of sets that every kind of escape sequence belongs to.
const SETS: [&str; 4] = [
    "\\ISO 2022 IR 87\\ISO 2022 IR 159",
    "ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 100",
    "ISO 2022 IR 144\\ISO 2022 IR 149\\ISO 2022 IR 58",
    "GB18030",
];

/// The events of a stream do not depend on how it is cut. The first byte chooses the cuts.
pub fn mllp_stream(input: &[u8]) {
    let (cut, stream) = input.split_first().map_or((1, input), |(cut, rest)| (*cut, rest));
    let cut = usize::from(cut).max(1);
    let whole = events(stream, stream.len().max(1));
    assert_eq!(events(stream, cut), whole);
    let frames: usize = whole
        .iter()
        .map(|event| match event {
            Event::Frame(frame) => frame.len(),
            Event::Commit(_) | Event::Fault(_) => 0,
        })
        .sum();
    assert!(frames <= stream.len());
    receive(stream, cut, Release::One);
    receive(stream, cut, Release::Two);
    send(stream, cut);
}

fn events(stream: &[u8], cut: usize) -> Vec<Event> {
    let mut decoder = Decoder::new(Limits { frame_bytes_max: 256, stray_bytes_max: 32 });
    let mut events = Vec::new();
    for piece in stream.chunks(cut) {
        decoder.feed(Bytes::copy_from_slice(piece));
        events.extend(std::iter::from_fn(|| decoder.poll()));
    }
    decoder.finish();
    events.extend(std::iter::from_fn(|| decoder.poll()));
    events
}

/// A receiver answers every frame once, and ends.
#[expect(clippy::disallowed_methods, reason = "any instant will do as the zero of a fake clock")]
fn receive(stream: &[u8], cut: usize, release: Release) {
    let mut now = std::time::Instant::now();
    let mut receiver = Receiver::new(ReceiverConfig { release, ..ReceiverConfig::default() }, now);
    let mut frames = 0;
    let mut answers = Vec::new();
    let mut serve = |receiver: &mut Receiver, now| {
        while let Some(event) = receiver.poll_event() {
            if let ReceiverEvent::Message { id, .. } = event {
                assert_eq!(id, frames);
                frames += 1;
                receiver.answer(now, id, b"answer");
            }
        }
        receiver.poll_transmit(&mut answers);
    };
    for piece in stream.chunks(cut) {
        receiver.handle_input(now, Bytes::copy_from_slice(piece));
        serve(&mut receiver, now);
        now += Duration::from_millis(100);
        receiver.handle_timeout(now);
        serve(&mut receiver, now);
    }
    receiver.handle_closed(now);
    serve(&mut receiver, now);
    assert!(receiver.is_closed());
    let blocks = if release == Release::Two { 2 } else { 1 };
    assert_eq!(answers.len() as u64, blocks * frames);
}

/// A sender comes to an end with every message, whatever is answered.
#[expect(clippy::disallowed_methods, reason = "any instant will do as the zero of a fake clock")]
fn send(stream: &[u8], cut: usize) {
    let mut now = std::time::Instant::now();
    for release in [Release::One, Release::Two] {
        let config = SenderConfig { release, in_flight_max: 3, ..SenderConfig::default() };
        let mut sender = Sender::new(config);
        let (mut sent, mut ended) = (0_usize, 0);
        let mut count = |sender: &mut Sender| {
            while let Some(event) = sender.poll_event() {
                ended += match event {
                    SenderEvent::Answered { .. }
                    | SenderEvent::NotCommitted { .. }
                    | SenderEvent::Timeout { .. } => 1,
                    SenderEvent::Close { in_flight, .. } => in_flight.len(),
                    _ => 0,
                };
            }
        };
        for piece in stream.chunks(cut) {
            let both = Expectation::CommitAndApplication;
            sent += usize::from(sender.send_expecting(now, "1", b"message", both).is_ok());
            sender.handle_input(now, Bytes::copy_from_slice(piece));
            count(&mut sender);
            now += Duration::from_secs(7);
            sender.handle_timeout(now);
            sender.commit(Commit::Ack);
            count(&mut sender);
        }
        sender.handle_closed(now);
        count(&mut sender);
        assert_eq!(sent, ended);
    }
}

/// Every reading of a message, and every check of it, comes to an end and names places of the message; JSON gives the
/// same bytes back.
pub fn hl7_reading(input: &[u8]) {
    let Ok(message) = Message::parse(input.to_vec()) else { return };
    let is_inside = |span: &std::ops::Range<usize>| {
        assert!(span.start <= span.end && span.end <= input.len());
    };
    for order in OrderView::read_all(&message, &OrderSources::default()) {
        order.values.sources().for_each(|source| is_inside(&source.span));
        let _ = (order.action(), order.conflicts().count());
    }
    for report in ReportView::read_all(&message, &ReportSources::default()) {
        report.values.sources().for_each(|source| is_inside(&source.span));
        let _ = (report.state(), report.text(), report.conflicts().count());
    }
    let patients = PatientSources::default();
    for patient in PatientView::read_all(&message, &patients) {
        patient.values.sources().for_each(|source| is_inside(&source.span));
        let _ = (patient.chosen_name(), patient.conflicts().count());
    }
    let _ = MergeView::read_all(&message);
    let _ = AppointmentView::read(&message, &AppointmentSources::default());
    let _ = ResponseView::read(&message);
    for profile in [Profile::tables(), Profile::order(), Profile::report()] {
        let findings = validate(&message, &profile);
        assert!(findings.len() <= FINDINGS_MAX);
        findings.iter().for_each(|finding| is_inside(&finding.span));
        let _ = acknowledgement(&findings);
    }
    let json = serde_json::to_string(&message).expect("a message is JSON");
    let again: Message = serde_json::from_str(&json).expect("its JSON is a message");
    assert_eq!(again, message);
    serde_json::to_string(&Readable(&message)).expect("a message is readable");
}
