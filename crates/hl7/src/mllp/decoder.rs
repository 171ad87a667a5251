//! Finding frames, however the stream is cut into reads.

use std::collections::VecDeque;
use std::fmt;

use bytes::{Buf, Bytes};
use memchr::memchr2;

use super::content::Content;
use super::{CARRIAGE_RETURN, Commit, END_BLOCK, START_BLOCK};

/// How large a frame may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes between start and end block. Default 64 MiB: reports carry PDF files.
    pub frame_bytes_max: usize,
    /// Bytes outside frames that are passed over before a fault says so. Default 4096.
    pub stray_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { frame_bytes_max: 64 << 20, stray_bytes_max: 4096 }
    }
}

/// What a start block inside a frame means.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum StartBlockInFrame {
    /// The sender gave up and began again: the rest of the first frame was lost. Content never holds a start block
    /// (HL7 MLLP release 1, section 2), so nothing else is safe.
    #[default]
    NewFrame,
    /// Text, of a sender that is known to put such bytes into reports. A frame whose end was lost then swallows the
    /// next one.
    Content,
}

/// What the decoder found.
#[derive(Clone, Eq, PartialEq)]
pub enum Event {
    /// A commit block of release 2.
    Commit(Commit),
    /// The content of a frame, without its block characters.
    Frame(Bytes),
    /// The peer broke the framing rules.
    Fault(Fault),
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit(commit) => write!(f, "Commit({commit:?})"),
            Self::Frame(bytes) => write!(f, "Frame({} bytes, <redacted>)", bytes.len()),
            Self::Fault(fault) => write!(f, "Fault({fault:?})"),
        }
    }
}

/// A breach of the framing rules that the decoder survives.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A frame ended by its end block alone. It is delivered.
    #[error("frame without carriage return after its end block")]
    MissingCarriageReturn,
    /// A start block inside a frame: the rest of that frame was lost. What there was of it is not delivered.
    #[error("frame of {bytes} bytes restarted before its end")]
    RestartedBeforeEnd {
        /// How much of the frame had arrived.
        bytes: usize,
    },
    /// Bytes outside frames. Blanks, NUL and line ends there are not counted.
    #[error("{count} bytes outside frames")]
    StrayBytes {
        /// How many, at most [`Limits::stray_bytes_max`] at a time.
        count: usize,
    },
    /// A frame beyond [`Limits::frame_bytes_max`]. Nothing of it is delivered.
    #[error("frame larger than {frame_bytes_max} bytes")]
    TooLarge {
        /// The limit.
        frame_bytes_max: usize,
    },
    /// A commit block where release 2 was not agreed, or nothing is known that it commits.
    #[error("unexpected commit block")]
    UnexpectedCommit,
}

/// Incremental decoder of one stream.
///
/// The events depend on the bytes only, not on how they were cut into reads, and no byte is looked at more than
/// twice. The content of a frame is copied once, or twice beyond 64 KiB, so that a message does not pin the read
/// buffers it came in nor memory beyond its own length.
///
/// An end block that is not followed by a carriage return, a line feed or a start block is content: text is rather
/// kept with a character too many than cut. So a frame that ends without carriage return waits for the next
/// byte; see [`end_without_carriage_return`](Self::end_without_carriage_return).
pub struct Decoder {
    limits: Limits,
    start_block_in_frame: StartBlockInFrame,
    /// What is left of the read being looked at.
    current: Bytes,
    /// Reads after it.
    input: VecDeque<Bytes>,
    state: State,
    content: Content,
    stray: usize,
    ready: VecDeque<Event>,
    /// How many bytes were looked at.
    #[cfg(test)]
    pub(super) examined: usize,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Outside,
    Inside,
    /// Inside, after an end block.
    AfterEndBlock,
    /// Inside a frame that is too large and not kept.
    Discarding,
    DiscardingAfterEndBlock,
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            start_block_in_frame: StartBlockInFrame::NewFrame,
            current: Bytes::new(),
            input: VecDeque::new(),
            state: State::Outside,
            content: Content::default(),
            stray: 0,
            ready: VecDeque::new(),
            #[cfg(test)]
            examined: 0,
        }
    }

    /// Reads start blocks inside frames as `meaning` says.
    #[must_use]
    pub fn with_start_block_in_frame(mut self, meaning: StartBlockInFrame) -> Self {
        self.start_block_in_frame = meaning;
        self
    }

    /// Takes bytes off the stream. They are looked at by [`poll`](Self::poll), so feed only when it has nothing more.
    pub fn feed(&mut self, bytes: Bytes) {
        if self.current.is_empty() {
            self.current = bytes;
        } else if !bytes.is_empty() {
            self.input.push_back(bytes);
        }
    }

    /// The next event in what was fed; `None` when more bytes are needed.
    pub fn poll(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let mut chunk = std::mem::take(&mut self.current);
            let used = self.step(&chunk);
            if used < chunk.len() {
                chunk.advance(used);
                self.current = chunk;
            } else {
                match self.input.pop_front() {
                    Some(next) => self.current = next,
                    None if self.ready.is_empty() => return None,
                    None => {}
                }
            }
        }
    }

    /// Whether fed bytes have not been looked at yet.
    pub fn has_input(&self) -> bool {
        !self.current.is_empty() || !self.input.is_empty() || !self.ready.is_empty()
    }

    /// Whether a frame has begun and not ended.
    pub fn is_mid_frame(&self) -> bool {
        self.state != State::Outside
    }

    /// Bytes kept of a frame that has begun and not ended.
    pub fn frame_bytes(&self) -> usize {
        self.content.len()
    }

    /// Whether the bytes so far end with an end block, so that only a carriage return is missing.
    pub fn awaits_carriage_return(&self) -> bool {
        self.state == State::AfterEndBlock && self.current.is_empty() && self.input.is_empty()
    }

    /// Gives up waiting for the carriage return: some senders never write it and wait for their answer. Does
    /// nothing unless [`awaits_carriage_return`](Self::awaits_carriage_return).
    pub fn end_without_carriage_return(&mut self) {
        if self.awaits_carriage_return() {
            self.end_frame();
            self.fault(Fault::MissingCarriageReturn);
        }
    }

    /// Reports stray bytes that no frame has followed, as at the end of the stream.
    pub fn finish(&mut self) {
        self.report_stray();
    }

    /// Looks at a chunk until an event is ready or the state changes; how many bytes were used.
    fn step(&mut self, chunk: &[u8]) -> usize {
        match self.state {
            State::Outside => self.outside(chunk),
            State::Inside => self.inside(chunk),
            State::AfterEndBlock => self.after_end_block(chunk),
            State::Discarding | State::DiscardingAfterEndBlock => self.discarding(chunk),
        }
    }

    fn outside(&mut self, chunk: &[u8]) -> usize {
        let room = self.limits.stray_bytes_max.max(1);
        for (offset, &byte) in chunk.iter().enumerate() {
            self.examine(1);
            match byte {
                START_BLOCK => {
                    self.report_stray();
                    self.state = State::Inside;
                    return offset + 1;
                }
                // Keep-alive bytes and line ends between frames are so usual that nobody needs to hear of them.
                0 | b' ' | b'\t' | b'\r' | b'\n' => continue,
                _ => self.stray += 1,
            }
            if self.stray >= room {
                self.report_stray();
                return offset + 1;
            }
        }
        chunk.len()
    }

    fn inside(&mut self, chunk: &[u8]) -> usize {
        let end = find_block(chunk).unwrap_or(chunk.len());
        self.examine(chunk.len().min(end + 1));
        let text = chunk.get(..end).unwrap_or_default();
        if !self.keep(text) {
            return end;
        }
        match chunk.get(end) {
            None => end,
            Some(&END_BLOCK) => {
                self.state = State::AfterEndBlock;
                end + 1
            }
            Some(_) => {
                self.restart();
                end + 1
            }
        }
    }

    fn after_end_block(&mut self, chunk: &[u8]) -> usize {
        self.examine(1);
        match chunk.first() {
            None => 0,
            Some(&CARRIAGE_RETURN) => {
                self.end_frame();
                1
            }
            Some(&START_BLOCK) => {
                self.end_frame();
                self.fault(Fault::MissingCarriageReturn);
                self.state = State::Inside;
                1
            }
            Some(b'\n') => {
                self.end_frame();
                self.fault(Fault::MissingCarriageReturn);
                1
            }
            Some(_) => {
                self.state = State::Inside;
                self.keep(&[END_BLOCK]);
                0
            }
        }
    }

    fn discarding(&mut self, chunk: &[u8]) -> usize {
        if self.state == State::DiscardingAfterEndBlock {
            self.examine(1);
            self.state = State::Discarding;
            match chunk.first() {
                Some(&CARRIAGE_RETURN | b'\n') => {
                    self.state = State::Outside;
                    return 1;
                }
                Some(&START_BLOCK) => {
                    self.state = State::Inside;
                    return 1;
                }
                _ => {}
            }
        }
        let found = find_block(chunk);
        self.examine(found.map_or(chunk.len(), |end| end + 1));
        let Some(end) = found else { return chunk.len() };
        if chunk.get(end) == Some(&END_BLOCK) {
            self.state = State::DiscardingAfterEndBlock;
        } else if self.start_block_in_frame == StartBlockInFrame::NewFrame {
            self.state = State::Inside;
        }
        end + 1
    }

    /// Adds to the frame; false when that makes it too large.
    fn keep(&mut self, text: &[u8]) -> bool {
        let frame_bytes_max = self.limits.frame_bytes_max;
        if text.len() > frame_bytes_max.saturating_sub(self.content.len()) {
            self.content = Content::default();
            self.state = State::Discarding;
            self.fault(Fault::TooLarge { frame_bytes_max });
            return false;
        }
        self.content.push(text);
        true
    }

    fn restart(&mut self) {
        if self.start_block_in_frame == StartBlockInFrame::Content {
            self.keep(&[START_BLOCK]);
            return;
        }
        let bytes = self.content.len();
        self.content.clear();
        // A doubled start block loses nothing.
        if bytes > 0 {
            self.fault(Fault::RestartedBeforeEnd { bytes });
        }
    }

    fn end_frame(&mut self) {
        let content = self.content.take();
        self.ready.push_back(match Commit::read(&content) {
            Some(commit) => Event::Commit(commit),
            None => Event::Frame(content),
        });
        self.state = State::Outside;
    }

    fn report_stray(&mut self) {
        let count = std::mem::take(&mut self.stray);
        if count > 0 {
            self.fault(Fault::StrayBytes { count });
        }
    }

    #[cfg(test)]
    fn examine(&mut self, bytes: usize) {
        self.examined += bytes;
    }

    #[cfg(not(test))]
    #[inline]
    fn examine(&mut self, _: usize) {}

    fn fault(&mut self, fault: Fault) {
        self.ready.push_back(Event::Fault(fault));
    }
}

/// Below this length a plain loop finds a byte sooner.
const SHORT: usize = 16;

#[inline]
fn find_block(chunk: &[u8]) -> Option<usize> {
    if chunk.len() < SHORT {
        chunk.iter().position(|&byte| byte == START_BLOCK || byte == END_BLOCK)
    } else {
        memchr2(START_BLOCK, END_BLOCK, chunk)
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("limits", &self.limits)
            .field("is_mid_frame", &self.is_mid_frame())
            .field("content", &format_args!("{} bytes, <redacted>", self.content.len()))
            .finish()
    }
}
