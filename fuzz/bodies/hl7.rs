//! Bodies over `telerad-hl7`.

use std::time::Duration;

use bytes::Bytes;
use telerad_charset::Charset;
use telerad_core::Timestamp;
use telerad_hl7::mllp::{Decoder, Event, Limits, Receiver, ReceiverConfig, ReceiverEvent};
use telerad_hl7::{
    Acknowledgement, Delimiters, Message, acknowledge, escape, header_fault, read_acknowledgement,
};

/// A message is its bytes, can be walked to its last value, and can be answered.
pub fn hl7_message(input: &[u8]) {
    let answer = match Message::parse(input.to_vec()) {
        Ok(message) => {
            assert_eq!(message.as_bytes(), input);
            walk(&message);
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
    let text = String::from_utf8_lossy(input);
    let lines = escape::formatted_text(&text);
    assert!(lines.len() <= text.len() * 260 + 260);
}

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
            Event::Fault(_) => 0,
        })
        .sum();
    assert!(frames <= stream.len());
    receive(stream, cut);
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
fn receive(stream: &[u8], cut: usize) {
    let mut now = std::time::Instant::now();
    let mut receiver = Receiver::new(ReceiverConfig::default(), now);
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
    assert_eq!(answers.len() as u64, frames);
}
