//! Cutting a stream at its headers and trailers.

use std::fmt;

use bytes::Bytes;
use memchr::memchr2;

use super::Envelope;
use crate::Delimiters;

/// A piece of a stream of messages.
#[derive(Clone)]
pub enum Part {
    /// FHS
    FileHeader(Envelope),
    /// BHS
    BatchHeader(Envelope),
    /// MSH and everything up to the next header or trailer.
    Message(Bytes),
    /// BTS
    BatchTrailer(Envelope),
    /// FTS
    FileTrailer(Envelope),
    /// Lines that belong to no message: before the first header, or after a trailer.
    Stray(Bytes),
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FileHeader(envelope)
            | Self::BatchHeader(envelope)
            | Self::BatchTrailer(envelope)
            | Self::FileTrailer(envelope) => envelope.fmt(f),
            Self::Message(bytes) => write!(f, "Message({} bytes, <redacted>)", bytes.len()),
            Self::Stray(bytes) => write!(f, "Stray({} bytes, <redacted>)", bytes.len()),
        }
    }
}

/// Cuts a stream into parts, which are slices of it. Blanks, byte order marks and frame bytes between parts are left
/// out; every other byte is in exactly one part.
pub fn parts(input: impl Into<Bytes>) -> Parts {
    Parts { bytes: input.into(), position: 0, next: None, delimiters: Delimiters::STANDARD }
}

/// Iterator over the parts of a stream; see [`parts`].
pub struct Parts {
    bytes: Bytes,
    position: usize,
    /// The line that ended the part before.
    next: Option<Line>,
    /// Of the last header.
    delimiters: Delimiters,
}

/// A line that begins a part.
#[derive(Clone, Copy)]
struct Line {
    id: [u8; 3],
    start: usize,
    end: usize,
}

impl Iterator for Parts {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        loop {
            let Some(line) = self.next.take() else {
                let from = self.position;
                self.next = self.line_from(from);
                let to = self.next.map_or(self.bytes.len(), |line| line.start);
                self.position = to;
                let stray = trim(&self.bytes, from, to);
                let stray = stray.slice(..stray.trim_ascii_end().len());
                if stray.is_empty() && self.next.is_none() {
                    return None;
                }
                if !stray.is_empty() {
                    return Some(Part::Stray(stray));
                }
                continue;
            };
            self.position = line.end;
            let bytes = self.bytes.slice(line.start..line.end);
            return Some(match &line.id {
                b"MSH" => self.message(line),
                b"FHS" => Part::FileHeader(self.header(line.id, bytes)),
                b"BHS" => Part::BatchHeader(self.header(line.id, bytes)),
                b"BTS" => Part::BatchTrailer(Envelope::new(line.id, bytes, self.delimiters)),
                _ => Part::FileTrailer(Envelope::new(line.id, bytes, self.delimiters)),
            });
        }
    }
}

impl Parts {
    fn header(&mut self, id: [u8; 3], bytes: Bytes) -> Envelope {
        let envelope = Envelope::header(id, bytes);
        self.delimiters = envelope.delimiters();
        envelope
    }

    fn message(&mut self, line: Line) -> Part {
        // A trailer without a header is written with the delimiters of the messages.
        self.delimiters.field = self.bytes.get(line.start + 3).copied().unwrap_or(b'|');
        self.next = self.line_from(line.end);
        let end = self.next.map_or(self.bytes.len(), |line| line.start);
        self.position = end;
        Part::Message(trim(&self.bytes, line.start, end))
    }

    /// The first line at or after `from` that begins a part.
    fn line_from(&self, from: usize) -> Option<Line> {
        let mut start = from;
        while start < self.bytes.len() {
            let rest = self.bytes.get(start..).unwrap_or_default();
            let length = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..length).unwrap_or_default();
            let blanks = blanks(line);
            if let Some(id) = self.id_of(line.get(blanks..).unwrap_or_default()) {
                return Some(Line { id, start: start + blanks, end: start + length });
            }
            start += length + 1;
        }
        None
    }

    /// The id of a line that begins a part. A header is followed by its separator, which no letter or blank is; a
    /// trailer by the separator of its header, or by nothing.
    fn id_of(&self, line: &[u8]) -> Option<[u8; 3]> {
        let (id, after) = (line.first_chunk::<3>()?, line.get(3).copied());
        let is_part = match id {
            b"MSH" | b"FHS" | b"BHS" => {
                after.is_some_and(|byte| byte.is_ascii_punctuation() && byte != b'"')
            }
            b"BTS" | b"FTS" => {
                after.is_none_or(|byte| byte == self.delimiters.field || byte < b' ')
            }
            _ => false,
        };
        is_part.then_some(*id)
    }
}

/// Blanks, frame bytes and byte order marks at the beginning of a line.
fn blanks(line: &[u8]) -> usize {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let mut rest = line;
    loop {
        rest = match rest {
            [0..=b' ', after @ ..] => after,
            _ => match rest.strip_prefix(MARK) {
                Some(after) => after,
                None => return line.len() - rest.len(),
            },
        };
    }
}

/// The bytes `from..to` without blanks and frame bytes around them, except for the terminator of the last line.
fn trim(bytes: &Bytes, from: usize, to: usize) -> Bytes {
    let part = bytes.get(from..to).unwrap_or_default();
    let start = blanks(part);
    let is_text = |byte: &u8| *byte > b' ';
    let Some(last) = part.iter().rposition(is_text).filter(|last| *last >= start) else {
        return Bytes::new();
    };
    let terminator = match part.get(last + 1..) {
        Some([b'\r', b'\n', ..]) => 2,
        Some([b'\r' | b'\n', ..]) => 1,
        _ => 0,
    };
    bytes.slice(from + start..from + last + 1 + terminator)
}
