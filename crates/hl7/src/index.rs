//! Finding the segments of a message.

use std::ops::Range;

use memchr::{memchr_iter, memchr2, memchr2_iter, memmem};

use crate::sets::{self, Choice};
use crate::syntax::{Piece, Stretches, Syntax};
use crate::{Delimiters, Location, Path, Warning, WarningKind, WarningSet, path};

/// How large a message may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of the whole message. Default 256 MiB: reports carry PDF files of tens of megabytes.
    pub bytes_max: usize,
    /// Number of segments. Default 250,000.
    pub segments_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 256 << 20, segments_max: 250_000 }
    }
}

/// How to read a message.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ParseOptions {
    /// How large it may be.
    pub limits: Limits,
    /// Deviations that are errors here. Default none: real senders deviate.
    pub refused: WarningSet,
}

/// Bytes that cannot be read as a message at all, or not by the options given.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The byte after `MSH` cannot separate fields (HL7 2.5.1 section 2.5.4).
    #[error("byte {offset}, after MSH, is no field separator")]
    FieldSeparator {
        /// Offset of that byte, which may be the end of the input.
        offset: usize,
    },
    /// The message deviates in a way that [`ParseOptions::refused`] does not allow.
    #[error("refused: {0}")]
    Refused(Warning),
    /// There is no MSH segment.
    #[error("no MSH segment")]
    NoHeader,
    /// More bytes than [`Limits::bytes_max`].
    #[error("message of {bytes} bytes is larger than {bytes_max}")]
    TooLarge {
        /// Length of the input.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// More segments than [`Limits::segments_max`].
    #[error("message has more than {segments_max} segments")]
    TooManySegments {
        /// The limit.
        segments_max: usize,
    },
}

/// Segments, syntax and deviations of one message.
pub(crate) struct Index {
    pub(crate) syntax: Syntax,
    pub(crate) segments: Vec<Entry>,
    pub(crate) warnings: Vec<Warning>,
    /// Where the segments and their terminators end, and frame bytes may follow.
    pub(crate) end: usize,
}

/// One segment. 32 bits are enough below the limit of 4 GiB that [`Index::build`] keeps.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Zeros where the line has no segment id.
    pub(crate) id: [u8; 3],
}

impl Index {
    pub(crate) fn build(bytes: &[u8], limits: Limits) -> Result<Self, ParseError> {
        let bytes_max = limits.bytes_max.min(u32::MAX as usize);
        if bytes.len() > bytes_max {
            return Err(ParseError::TooLarge { bytes: bytes.len(), bytes_max });
        }
        let header = find_header(bytes).ok_or(ParseError::NoHeader)?;
        let separator = header + 3;
        let field = match bytes.get(separator) {
            Some(&byte) if byte.is_ascii_punctuation() && byte != b'"' => byte,
            _ => return Err(ParseError::FieldSeparator { offset: separator }),
        };
        let mut warnings = Warnings(Vec::new());
        if header > 0 {
            warnings.add(WarningKind::LeadingBytes, 0..header, None);
        }
        let end = bytes.len() - frame_bytes_after(bytes);
        let (bytes, after) = bytes.split_at(end.max(separator + 1));
        let segments = scan(bytes, header, field, limits, &mut warnings)?;
        if !after.is_empty() {
            warnings.add(WarningKind::TrailingBytes, end..end + after.len(), None);
        }
        let first = segments.first().map_or(&[][..], |entry| entry.bytes(bytes));
        let characters = raw_field(first, field, 1);
        let (delimiters, is_usual) = Delimiters::read(field, characters);
        if !is_usual {
            let span = separator + 1..separator + 1 + characters.len();
            warnings.add(WarningKind::EncodingCharacters, span, place(path!("MSH-2")));
        }
        // A byte order mark says nothing about the message after it.
        let body = bytes.get(header..).unwrap_or_default();
        let declared = sets::declared(first, delimiters);
        let Choice { sets, is_splittable, doubt } = sets::choose(body, declared, delimiters);
        if let Some((kind, offset)) = doubt {
            let offset = header + offset;
            warnings.add(kind, offset..offset + 1, place(path!("MSH-18")));
        }
        let stretches = Stretches::find(segments.iter().map(|entry| entry.piece(bytes)), field);
        let syntax = Syntax { delimiters, sets, is_splittable, stretches };
        Ok(Self { syntax, segments, warnings: warnings.0, end: bytes.len() })
    }
}

impl Entry {
    pub(crate) fn bytes<'a>(&self, message: &'a [u8]) -> &'a [u8] {
        message.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    pub(crate) fn piece<'a>(&self, message: &'a [u8]) -> Piece<'a> {
        Piece { bytes: self.bytes(message), start: self.start as usize }
    }
}

/// One warning per kind, so that a hostile message cannot grow the list.
struct Warnings(Vec<Warning>);

impl Warnings {
    fn add(&mut self, kind: WarningKind, span: Range<usize>, location: Option<Location>) {
        match self.0.iter_mut().find(|warning| warning.kind == kind) {
            Some(warning) => warning.count += 1,
            None => self.0.push(Warning::new(kind, span, location)),
        }
    }
}

fn place(path: Path) -> Option<Location> {
    Some(Location::from(path))
}

/// The start block of MLLP.
const START_BLOCK: u8 = 0x0b;

/// The end block of MLLP, which some senders leave after the message.
const END_BLOCK: u8 = 0x1c;

/// How many bytes at the end are those of a frame: of its end block, whose terminator of the last segment may be lost, of
/// the beginning of the next, or of the buffer that it was sent from.
fn frame_bytes_after(bytes: &[u8]) -> usize {
    let is_frame = |byte: &u8| matches!(*byte, 0 | START_BLOCK | END_BLOCK);
    let ends = bytes
        .iter()
        .rev()
        .take_while(|byte| is_frame(byte) || matches!(byte, b'\t' | b'\r' | b'\n' | b' '));
    let length = ends.count();
    let tail = bytes.get(bytes.len() - length..).unwrap_or_default();
    tail.iter().position(is_frame).map_or(0, |before| length - before)
}

/// Bytes searched for an MSH that does not stand at the beginning.
const LEADING_BYTES_MAX: usize = 64 << 10;

/// Offset of the MSH that opens the message. A byte order mark, frame bytes and blanks may stand before it, and,
/// as a last resort, anything: first an MSH that begins a line, then one followed by two delimiters.
fn find_header(bytes: &[u8]) -> Option<usize> {
    let after_mark = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let blanks = after_mark.iter().take_while(|&&byte| byte <= b' ').count();
    let rest = after_mark.get(blanks..)?;
    // A frame inside a mark inside a frame has been seen, hence the second mark.
    let rest = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest);
    if rest.get(..3).is_some_and(|id| id.eq_ignore_ascii_case(b"MSH")) {
        return Some(bytes.len() - rest.len());
    }
    let head = bytes.get(..LEADING_BYTES_MAX).unwrap_or(bytes);
    let is_punctuation =
        |offset: usize| bytes.get(offset).is_some_and(|byte| byte.is_ascii_punctuation());
    let begins_line = |&offset: &usize| {
        let before = offset.checked_sub(1).and_then(|before| bytes.get(before));
        before.is_none_or(|&byte| byte < b' ') && is_punctuation(offset + 3)
    };
    memmem::find_iter(head, b"MSH").find(begins_line).or_else(|| {
        memmem::find_iter(head, b"MSH")
            .find(|offset| is_punctuation(offset + 3) && is_punctuation(offset + 4))
    })
}

fn scan(
    bytes: &[u8],
    header: usize,
    field: u8,
    limits: Limits,
    warnings: &mut Warnings,
) -> Result<Vec<Entry>, ParseError> {
    let body = bytes.get(header..).unwrap_or_default();
    let expected = expected_segments(body);
    let mut lines = Lines {
        bytes,
        field,
        limits,
        warnings,
        segments: Vec::with_capacity(expected.min(limits.segments_max)),
    };
    let mut start = header;
    let ends_in_line_feeds = ends_in_line_feeds(body);
    let mut run = Run { end: header, is_text: false };
    for position in memchr2_iter(b'\r', b'\n', body) {
        let position = header + position;
        if bytes.get(position) == Some(&b'\n') {
            // A line feed that begins a line belongs to the terminator before it.
            let begins_line = position == start && start > header;
            if !begins_line && position >= run.end {
                run = Run::at(bytes, position, field, ends_in_line_feeds);
            }
            let is_text = !begins_line && run.is_text;
            lines.warnings.add(
                if is_text { WarningKind::LineFeedInText } else { WarningKind::LineFeedTerminator },
                position..position + 1,
                None,
            );
            if is_text {
                continue;
            }
            if begins_line {
                start = position + 1;
                continue;
            }
        }
        lines.end(start, position)?;
        start = position + 1;
    }
    if bytes.get(start..).is_some_and(|rest| rest.iter().any(|&byte| byte > b' ')) {
        lines.end(start, bytes.len())?;
        lines.warnings.add(WarningKind::MissingTerminator, bytes.len()..bytes.len(), None);
    }
    Ok(lines.segments)
}

/// Whether the header ends with a line feed alone, as then do all segments.
fn ends_in_line_feeds(body: &[u8]) -> bool {
    let end = memchr2(b'\r', b'\n', body).unwrap_or(body.len());
    matches!(body.get(end..), Some([b'\n', next, ..]) if *next != b'\r')
}

/// How many segments to make room for. Counting first lets the index be allocated once, and counting is several times
/// faster than growing.
fn expected_segments(body: &[u8]) -> usize {
    let terminators = memchr_iter(b'\r', body).count();
    // So many cannot be segments, or hardly: empty lines are none, and would cost twelve times the message.
    let expected = if terminators > body.len() / 6 {
        let pairs = body.iter().zip(body.iter().skip(1));
        pairs.filter(|(before, byte)| **byte == b'\r' && **before != b'\r').count()
    } else {
        terminators
    };
    expected + 1
}

/// Line feeds with nothing but blanks between them, which are all text or all ends of segments.
struct Run {
    end: usize,
    is_text: bool,
}

impl Run {
    /// Line feeds end a segment only where another one, a carriage return or the end of the message follows.
    /// Otherwise the sender wrote a report's line breaks unescaped, and splitting there would take the rest of the
    /// text out of its field.
    ///
    /// Where all segments end so, four letters and a field separator are no text either: a line without a segment id is
    /// reported, and rather cut off than read as the end of the value before it.
    fn at(bytes: &[u8], position: usize, field: u8, ends_in_line_feeds: bool) -> Self {
        let rest = bytes.get(position..).unwrap_or_default();
        let blanks = rest.iter().take_while(|byte| matches!(byte, b'\n' | b' ' | b'\t')).count();
        let is_segment = match rest.get(blanks..).unwrap_or_default() {
            [] | [b'\r' | END_BLOCK, ..] => true,
            [first, second, third, next, ..] if *next == field => {
                lenient_id([*first, *second, *third]).is_some()
            }
            [first, second, third, fourth, next, ..] if ends_in_line_feeds && *next == field => {
                segment_id([*first, *second, *third]).is_some()
                    && (fourth.is_ascii_uppercase() || fourth.is_ascii_digit())
            }
            [first, second, third, rest @ ..] => {
                rest.first().is_none_or(|&next| next < b' ')
                    && is_often_bare([*first, *second, *third])
            }
            _ => false,
        };
        Self { end: position + blanks, is_text: !is_segment }
    }
}

/// Segments that are sent without any field. Of the words of three capitals that stand alone on a line of a report,
/// none is among them.
fn is_often_bare(id: [u8; 3]) -> bool {
    matches!(&id, b"EVN" | b"NTE" | b"PD1" | b"PV1" | b"PV2")
        || (id.starts_with(b"Z") && segment_id(id).is_some())
}

/// Three characters that may name a segment (HL7 2.5.1 section 2.5.2).
fn segment_id(id: [u8; 3]) -> Option<[u8; 3]> {
    let [first, rest @ ..] = id;
    let is_id = first.is_ascii_uppercase()
        && rest.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_id.then_some(id)
}

struct Lines<'a> {
    bytes: &'a [u8],
    field: u8,
    limits: Limits,
    warnings: &'a mut Warnings,
    segments: Vec<Entry>,
}

impl Lines<'_> {
    /// The segment about to be recorded. Counting is cheap enough for the first deviation of a kind, no more.
    fn location(&self, id: [u8; 3]) -> Option<Location> {
        let before = self.segments.iter().filter(|entry| entry.id == id).count();
        let occurrence = u16::try_from(before + 1).ok()?;
        Location::segment(std::str::from_utf8(&id).ok()?, occurrence).ok()
    }

    /// Records the line `start..end`, without the blanks and frame bytes that some senders put before a segment.
    fn end(&mut self, start: usize, end: usize) -> Result<(), ParseError> {
        let line = self.bytes.get(start..end).unwrap_or_default();
        let blanks = line.iter().take_while(|&&byte| byte <= b' ').count();
        let line = line.get(blanks..).unwrap_or_default();
        let id = match line {
            [] => {
                self.warnings.add(WarningKind::BlankLine, start..end, None);
                return Ok(());
            }
            [first, second, third] => segment_id([*first, *second, *third]),
            [first, second, third, next, ..] if *next == self.field => {
                lenient_id([*first, *second, *third])
            }
            _ => None,
        };
        let deviation = match id {
            None => Some(WarningKind::StrayLine),
            Some([b'A', b'D', b'D'] | [b'D', b'S', b'C']) => Some(WarningKind::Continuation),
            Some([b'M', b'S', b'H']) if !self.segments.is_empty() => {
                Some(WarningKind::SecondHeader)
            }
            Some(id) if !line.starts_with(&id) => Some(WarningKind::LowerCaseId),
            Some(_) => None,
        };
        if let Some(kind) = deviation {
            let is_first = !self.warnings.0.iter().any(|warning| warning.kind == kind);
            let location = id.filter(|_| is_first).and_then(|id| self.location(id));
            // A stray line begins with its blanks: they may be the indentation of a text.
            let span = if id.is_none() { start..end } else { start + blanks..end };
            self.warnings.add(kind, span, location);
        }
        if id.is_some() && blanks > 0 {
            self.warnings.add(WarningKind::IndentedSegment, start..start + blanks, None);
        }
        if self.segments.len() >= self.limits.segments_max {
            return Err(ParseError::TooManySegments { segments_max: self.limits.segments_max });
        }
        // By halves: doubling could take more than eight times the message.
        if self.segments.len() == self.segments.capacity() {
            self.segments.reserve_exact(self.segments.len() / 2 + 16);
        }
        let offset = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        self.segments.push(Entry {
            start: offset(start + blanks),
            end: offset(end),
            id: id.unwrap_or_default(),
        });
        Ok(())
    }
}

/// The segment id in `id`, which may be in small letters where no text is likely to begin so.
fn lenient_id(id: [u8; 3]) -> Option<[u8; 3]> {
    segment_id(id).or_else(|| {
        let capitals = id.map(|byte| byte.to_ascii_uppercase());
        KNOWN.contains(&&capitals).then_some(capitals)
    })
}

/// The segments that radiology sends. An unknown word in small letters before a `|` is rather text.
const KNOWN: &[&[u8; 3]] = &[
    b"AIG", b"AIL", b"AIP", b"AIS", b"AL1", b"DG1", b"ERR", b"EVN", b"GT1", b"IN1", b"IN2", b"IPC",
    b"MRG", b"MSA", b"MSH", b"NK1", b"NTE", b"OBR", b"OBX", b"ORC", b"PD1", b"PID", b"PR1", b"PV1",
    b"PV2", b"QPD", b"RCP", b"RGS", b"ROL", b"SCH", b"SFT", b"TQ1", b"TQ2", b"TXA", b"ZDS",
];

/// A field of MSH before its syntax is known.
fn raw_field(header: &[u8], field: u8, index: usize) -> &[u8] {
    header.split(|&byte| byte == field).nth(index).unwrap_or_default()
}
