//! Finding frames in a stream that comes in reads.

use bytes::{Bytes, BytesMut};
use telerad_hl7::mllp as ours;
use tokio_util::codec::Decoder as _;

use crate::inputs::{report, report_with_pdf};
use crate::race::{Race, Target};

/// A document at reads of 64 KiB and a report at reads of 7 bytes.
pub fn decode() -> Vec<Race> {
    let document = report_with_pdf(1 << 20);
    let report = report(60);
    vec![
        race("64 KiB", &document, 64 << 10).target(Target::Rate(1000.0)),
        race("1,460 bytes", &document, 1460),
        race("7 bytes", &report, 7).target(Target::Step(40.0)),
    ]
}

fn race(name: &str, message: &str, read: usize) -> Race {
    let stream = ours::frame(message.as_bytes());
    let bytes: &'static [u8] = stream.to_vec().leak();
    let rust_codec = move || {
        let mut codec = hl7_mllp_codec::MllpCodec::new();
        let mut buffer = BytesMut::new();
        let mut total = 0;
        for piece in bytes.chunks(read) {
            buffer.extend_from_slice(piece);
            while let Ok(Some(frame)) = codec.decode(&mut buffer) {
                total += frame.len();
            }
        }
        total
    };
    Race::new(format!("MLLP in reads of {name}"), bytes.len())
        .steps(bytes.len().div_ceil(read))
        .with("telerad-hl7", move || {
            let mut decoder = ours::Decoder::new(ours::Limits::default());
            let mut total = 0;
            for piece in bytes.chunks(read) {
                // Counting references, 30 ns a read, is the reader's; the others are given slices.
                decoder.feed(Bytes::from_static(piece));
                while let Some(event) = decoder.poll() {
                    if let ours::Event::Frame(frame) = event {
                        total += frame.len();
                    }
                }
            }
            total
        })
        .with("mllp", move || {
            let mut decoder = mllp::Decoder::new();
            let mut total = 0;
            for piece in bytes.chunks(read) {
                decoder.push(piece);
                while let Some(Ok(frame)) = decoder.next_frame() {
                    total += frame.len();
                }
            }
            total
        })
        .with("hl7-mllp-codec", rust_codec)
        .with("copy", move || {
            let mut copy = Vec::new();
            bytes.chunks(read).for_each(|piece| copy.extend_from_slice(piece));
            std::hint::black_box(&copy).len()
        })
}
