//! A body over the frames of pixel data.

use bytes::Bytes;
use telerad_dicom::frames::{
    FrameError, FrameLimits, FrameReader, NextFrame, PixelAttributes, PixelDescription,
};

/// Frames do not depend on how the stream is cut, keep to the limits, are as many and as long as the attributes say, and
/// native ones have their samples. The first byte chooses the transfer syntax, the second the cuts.
pub fn dataset_frames(input: &[u8]) {
    let Some(([which, cut], data_set)) = input.split_first_chunk() else { return };
    let syntax = SYNTAXES[usize::from(*which) % SYNTAXES.len()];
    let data_set = Bytes::copy_from_slice(data_set);
    let whole = read(syntax, std::iter::once(data_set.clone()));
    let step = usize::from(*cut).max(1);
    let starts = (0..data_set.len()).step_by(step);
    let pieces = starts.map(|at| data_set.slice(at..data_set.len().min(at + step)));
    let pieces = read(syntax, pieces);
    // Deflated bytes behind the pixels are looked at only as far as they came in one piece with the pixels.
    let is_deflated = syntax == DEFLATED;
    let sees_damage =
        |read: &Read| is_deflated && matches!(read.outcome, Err(FrameError::Damaged(_)));
    if !sees_damage(&whole) && !sees_damage(&pieces) {
        assert_eq!(whole.outcome, pieces.outcome);
        assert_eq!(whole.attributes, pieces.attributes);
    }
    if whole.outcome.is_ok() && pieces.outcome.is_ok() {
        assert_eq!(whole.frames, pieces.frames);
    }
    if whole.outcome.is_ok() {
        let description = whole.attributes.as_ref().expect("pixels have attributes");
        judge(&description.describe(&LIMITS).expect("frames need a description"), &whole.frames);
    }
    let held: usize = whole.frames.iter().map(Vec::len).sum();
    assert!(held <= LIMITS.inflated_bytes_max.max(data_set.len()));
    assert!(whole.frames.iter().all(|frame| frame.len() <= LIMITS.coded_bytes_max));
    // What ends early is no whole, or not another one.
    let early = read(syntax, std::iter::once(data_set.slice(..data_set.len().saturating_sub(1))));
    if let (Ok(()), Ok(())) = (&early.outcome, &whole.outcome) {
        assert_eq!(early.frames, whole.frames);
    }
}

fn judge(description: &PixelDescription, frames: &[Vec<u8>]) {
    assert_eq!(frames.len() as u64, u64::from(description.frames));
    let native = description.native_frame_bytes();
    for frame in frames.iter().filter(|frame| Some(frame.len()) == native) {
        if let Ok(samples) = description.native_samples(frame) {
            assert_eq!(samples.len(), description.samples());
            let stored = u32::from(description.bits_stored);
            assert!(samples.iter().all(|sample| u32::from(*sample) >> stored == 0));
        }
    }
}

struct Read {
    attributes: Option<PixelAttributes>,
    frames: Vec<Vec<u8>>,
    outcome: Result<(), FrameError>,
}

fn read(syntax: &str, mut pieces: impl Iterator<Item = Bytes>) -> Read {
    let mut reader = FrameReader::new(syntax, LIMITS);
    let mut frames = Vec::new();
    let outcome = loop {
        match reader.next_frame() {
            Ok(NextFrame::Frame(frame)) => frames.push(frame),
            Ok(NextFrame::NeedMore) => match pieces.next() {
                Some(piece) => reader.push(piece),
                None => reader.end(),
            },
            Ok(NextFrame::End) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    Read { attributes: reader.attributes().cloned(), frames, outcome }
}

const LIMITS: FrameLimits = FrameLimits {
    coded_bytes_max: 4096,
    frames_max: 64,
    inflated_bytes_max: 1 << 16,
    samples_max: 1 << 14,
};

const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// Native in each encoding, encapsulated, and one whose pixels are in doubt.
const SYNTAXES: [&str; 6] = [
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    DEFLATED,
    "1.2.840.10008.1.2.5",
    "1.2.840.113619.5.2",
];
