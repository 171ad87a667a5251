//! The frames of an instance's pixel data, one after another and as they are coded.
//!
//! A [`FrameReader`] takes the bytes of a data set as they come and hands out the attributes that say how to read its
//! pixels ([`PixelAttributes`], [`PixelDescription`]) and then one coded frame at a time. It decodes nothing but the
//! byte order and the deflated data set: what a frame of an encapsulated syntax means is for a codec to say.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::inflate::Inflater;
use crate::walk::{Action, Element, Visitor, Walker};
use crate::{Damage, Encoding, Tag, encoding_of, tags, uids};

mod description;

pub use description::{PixelAttributes, PixelDescription};

/// Limits of a [`FrameReader`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FrameLimits {
    /// Most bytes of one coded frame.
    pub coded_bytes_max: usize,
    /// Most frames.
    pub frames_max: u32,
    /// Most bytes of a deflated data set after inflating.
    pub inflated_bytes_max: usize,
    /// Most samples of one frame: rows × columns × samples per pixel.
    pub samples_max: usize,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self {
            coded_bytes_max: 64 << 20,
            frames_max: 20_000,
            inflated_bytes_max: 1 << 30,
            samples_max: 32 << 20,
        }
    }
}

/// Why frames cannot be told apart or trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The data set is damaged before its pixel data.
    #[error("data set is damaged: {0}")]
    Damaged(#[from] Damage),
    /// The data set ends before its pixel data does.
    #[error("pixel data end early")]
    EndsEarly,
    /// An attribute that says how to read the pixels is missing or makes no sense.
    #[error("{0} is missing or invalid")]
    Attribute(Tag),
    /// Something else than an item within encapsulated pixel data (PS3.5 section A.4).
    #[error("encapsulated pixel data are damaged")]
    Encapsulation,
    /// The length of native pixel data is not what the attributes ask for.
    #[error("pixel data have another length than their attributes")]
    Length,
    /// The pixel data are laid out in a way that is not read here.
    #[error("layout of the pixel data is not supported")]
    Layout,
    /// More than one of [`FrameLimits`] allows.
    #[error("pixel data are larger than the limit")]
    TooLarge,
}

/// What a [`FrameReader`] has to say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NextFrame {
    /// The pixel data are over; every frame was handed out.
    End,
    /// The next frame. Native frames are in little endian byte order whatever they came in.
    Frame(Vec<u8>),
    /// More bytes are wanted.
    NeedMore,
}

/// Cuts the pixel data of a data set into frames.
///
/// Holds one coded frame at most, and the input that was pushed and not yet looked at.
#[derive(Debug)]
pub struct FrameReader {
    encoding: Encoding,
    limits: FrameLimits,
    inflater: Option<Inflater>,
    /// Input not yet looked at.
    held: Bytes,
    /// Bytes of the data set not yet looked at: what a deflated data set yielded.
    plain: Vec<u8>,
    plain_at: usize,
    ended: bool,
    walker: Walker,
    /// The last bytes the walker was given, since the header of the pixel data may lie across pieces.
    recent: Vec<u8>,
    walked: u64,
    collector: Collector,
    stage: Stage,
    frame: Vec<u8>,
    frames: u32,
    done: VecDeque<Vec<u8>>,
}

#[derive(Clone, Debug)]
enum Stage {
    Head,
    /// The header of (7FE0,0010), as far as it has come.
    Element(Vec<u8>),
    Native {
        remaining: u64,
        frame_bytes: usize,
        swapped: bool,
    },
    /// The header of an item, as far as it has come.
    Item(Fragments, Vec<u8>),
    Fragment(Fragments, u64),
    Over,
}

/// Where encapsulated pixel data stand.
#[derive(Clone, Debug, Default)]
struct Fragments {
    /// The basic offset table, once it has come (PS3.5 section A.4).
    offsets: Option<Vec<u8>>,
    /// Offset of the next item behind the basic offset table.
    position: u64,
    /// Whether a frame has been begun.
    begun: bool,
}

impl FrameReader {
    /// A reader for the bytes of one data set in this transfer syntax.
    pub fn new(transfer_syntax_uid: &str, limits: FrameLimits) -> Self {
        let encoding = encoding_of(transfer_syntax_uid);
        let syntax = transfer_syntax_uid.trim_end_matches(['\0', ' ']);
        let inflater = encoding.is_deflated().then(|| Inflater::new(limits.inflated_bytes_max));
        Self {
            encoding,
            limits,
            inflater,
            held: Bytes::new(),
            plain: Vec::new(),
            plain_at: 0,
            ended: false,
            walker: Walker::new(encoding, NESTING_MAX, usize::MAX),
            recent: Vec::new(),
            walked: 0,
            collector: Collector {
                attributes: PixelAttributes::new(encoding.is_big_endian()),
                current: None,
                value: Vec::new(),
                // Its elements are little endian, its pixels are not, and which of them differs between devices.
                is_doubtful: syntax == uids::GE_PRIVATE_IMPLICIT_VR,
            },
            stage: Stage::Head,
            frame: Vec::new(),
            frames: 0,
            done: VecDeque::new(),
        }
    }

    /// Gives the reader the next bytes of the data set. Call it when [`NextFrame::NeedMore`] asks for them.
    pub fn push(&mut self, bytes: Bytes) {
        if self.held.is_empty() {
            self.held = bytes;
        } else {
            self.held = [self.held.as_ref(), bytes.as_ref()].concat().into();
        }
    }

    /// Says that no more bytes will come.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The attributes of the pixels, as soon as the pixel data have been reached.
    pub fn attributes(&self) -> Option<&PixelAttributes> {
        (!matches!(self.stage, Stage::Head)).then_some(&self.collector.attributes)
    }

    /// The next frame.
    ///
    /// # Errors
    /// When the frames cannot be told apart with certainty. Nothing that was handed out before an error should then be
    /// relied on, and nothing can be read after it.
    pub fn next_frame(&mut self) -> Result<NextFrame, FrameError> {
        loop {
            if let Some(frame) = self.done.pop_front() {
                return Ok(NextFrame::Frame(frame));
            }
            if matches!(self.stage, Stage::Over) {
                return Ok(NextFrame::End);
            }
            match self.refill() {
                Ok(true) => {}
                Ok(false) if self.ended => return Err(FrameError::EndsEarly),
                Ok(false) => return Ok(NextFrame::NeedMore),
                Err(error) => return Err(error),
            }
            let plain = std::mem::take(&mut self.plain);
            let mut input = plain.get(self.plain_at..).unwrap_or(&[]);
            while !input.is_empty() && self.done.is_empty() && !matches!(self.stage, Stage::Over) {
                input = self.step(input)?;
            }
            self.plain_at = plain.len().saturating_sub(input.len());
            self.plain = plain;
        }
    }

    /// Sees to it that there are bytes of the data set to look at; `false` when more input is needed for that.
    fn refill(&mut self) -> Result<bool, FrameError> {
        while self.plain_at >= self.plain.len() {
            if self.held.is_empty() {
                return Ok(false);
            }
            self.plain.clear();
            self.plain_at = 0;
            // Deflating shrinks a thousandfold at most, so that a small piece yields a bounded one.
            let piece_bytes =
                if self.inflater.is_some() { DEFLATED_PIECE_BYTES } else { PIECE_BYTES };
            let piece = self.held.split_to(self.held.len().min(piece_bytes));
            match &mut self.inflater {
                None => self.plain.extend_from_slice(&piece),
                Some(inflater) => {
                    let plain = &mut self.plain;
                    inflater.feed(&piece, |bytes| {
                        plain.extend_from_slice(bytes);
                        true
                    })?;
                    if inflater.is_ended() && self.plain.is_empty() && self.held.is_empty() {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Takes some of the input and returns the rest.
    fn step<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], FrameError> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Over => Ok(input),
            Stage::Head => self.walk(input),
            Stage::Element(header) => self.element(header, input),
            Stage::Native { remaining, frame_bytes, swapped } => {
                self.native(remaining, frame_bytes, swapped, input)
            }
            Stage::Item(fragments, header) => self.item(fragments, header, input),
            Stage::Fragment(fragments, remaining) => self.fragment(fragments, remaining, input),
        }
    }

    fn walk<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], FrameError> {
        self.walker.feed(input, &mut self.collector)?;
        let before = self.walked;
        self.walked = self.walked.saturating_add(input.len() as u64);
        if !self.walker.is_over() {
            self.stage = Stage::Head;
            self.recent.extend_from_slice(input);
            let surplus = self.recent.len().saturating_sub(HEADER_BYTES_MAX);
            self.recent.drain(..surplus);
            return Ok(&[]);
        }
        // The walk ended before the header of the pixel data, whose first bytes may be in the piece before.
        let start = self.walker.position();
        let in_recent = usize::try_from(before.saturating_sub(start)).unwrap_or(usize::MAX);
        let from = self.recent.len().checked_sub(in_recent).ok_or(FrameError::EndsEarly)?;
        let header = self.recent.split_off(from);
        let skip = usize::try_from(start.saturating_sub(before)).unwrap_or(usize::MAX);
        self.stage = Stage::Element(header);
        Ok(input.get(skip..).unwrap_or(&[]))
    }

    /// Reads the header of (7FE0,0010) (PS3.5 section 7.1).
    fn element<'a>(
        &mut self,
        mut header: Vec<u8>,
        input: &'a [u8],
    ) -> Result<&'a [u8], FrameError> {
        let wanted = if self.encoding.is_explicit() { 12 } else { 8 };
        let input = fill(&mut header, wanted, input);
        if header.len() < wanted {
            self.stage = Stage::Element(header);
            return Ok(input);
        }
        let length = header.last_chunk::<4>().copied().unwrap_or_default();
        let length = if self.encoding.is_big_endian() {
            u32::from_be_bytes(length)
        } else {
            u32::from_le_bytes(length)
        };
        if self.collector.is_doubtful {
            return Err(FrameError::Layout);
        }
        let description = self.collector.attributes.describe(&self.limits)?;
        if length == u32::MAX {
            if self.encoding != Encoding::ExplicitLittle {
                return Err(FrameError::Encapsulation);
            }
            self.stage = Stage::Item(Fragments::default(), Vec::new());
            return Ok(input);
        }
        let words = !self.encoding.is_explicit() || header.get(4..6) == Some(b"OW");
        self.begin_native(&description, u64::from(length), words)?;
        Ok(input)
    }

    fn begin_native(
        &mut self,
        description: &PixelDescription,
        length: u64,
        words: bool,
    ) -> Result<(), FrameError> {
        let frame_bytes = description.native_frame_bytes().ok_or(FrameError::Layout)?;
        let all = (frame_bytes as u64).saturating_mul(u64::from(description.frames));
        if frame_bytes == 0 || length != all.saturating_add(all % 2) {
            return Err(FrameError::Length);
        }
        if frame_bytes > self.limits.coded_bytes_max {
            return Err(FrameError::TooLarge);
        }
        let swapped = self.encoding.is_big_endian() && (words || description.bits_allocated > 8);
        if swapped && (description.bits_allocated > 16 || frame_bytes % 2 == 1) {
            return Err(FrameError::Layout);
        }
        self.stage = Stage::Native { remaining: all, frame_bytes, swapped };
        Ok(())
    }

    fn native<'a>(
        &mut self,
        remaining: u64,
        frame_bytes: usize,
        swapped: bool,
        input: &'a [u8],
    ) -> Result<&'a [u8], FrameError> {
        let before = self.frame.len();
        let rest = fill(&mut self.frame, frame_bytes, input);
        let remaining = remaining.saturating_sub(self.frame.len().saturating_sub(before) as u64);
        if self.frame.len() == frame_bytes {
            let mut frame = std::mem::take(&mut self.frame);
            if swapped {
                let (pairs, _) = frame.as_chunks_mut::<2>();
                pairs.iter_mut().for_each(|pair| pair.reverse());
            }
            self.done.push_back(frame);
        }
        if remaining > 0 {
            self.stage = Stage::Native { remaining, frame_bytes, swapped };
        }
        Ok(rest)
    }

    /// Reads the header of an item of encapsulated pixel data (PS3.5 section A.4).
    fn item<'a>(
        &mut self,
        mut fragments: Fragments,
        mut header: Vec<u8>,
        input: &'a [u8],
    ) -> Result<&'a [u8], FrameError> {
        let input = fill(&mut header, 8, input);
        let Some((tag, length)) = item_header(&header) else {
            self.stage = Stage::Item(fragments, header);
            return Ok(input);
        };
        match tag {
            ITEM if length != u32::MAX => {}
            SEQUENCE_DELIMITATION_ITEM => {
                self.finish_fragments(&fragments)?;
                return Ok(input);
            }
            _ => return Err(FrameError::Encapsulation),
        }
        let length = u64::from(length);
        if fragments.offsets.is_none() {
            if length > u64::from(self.limits.frames_max).saturating_mul(4) {
                return Err(FrameError::TooLarge);
            }
        } else {
            self.begin_fragment(&mut fragments)?;
            let position = fragments.position.saturating_add(length).saturating_add(8);
            fragments.position = position;
            let held = self.frame.len() as u64;
            if held.saturating_add(length) > self.limits.coded_bytes_max as u64 {
                return Err(FrameError::TooLarge);
            }
        }
        self.stage = if length == 0 && fragments.offsets.is_some() {
            Stage::Item(fragments, Vec::new())
        } else if length == 0 {
            fragments.offsets = Some(Vec::new());
            Stage::Item(fragments, Vec::new())
        } else {
            Stage::Fragment(fragments, length)
        };
        Ok(input)
    }

    /// Decides whether a fragment begins a frame: where the basic offset table says so; without one, each fragment is
    /// a frame, unless there is only one frame (PS3.5 section A.4).
    fn begin_fragment(&mut self, fragments: &mut Fragments) -> Result<(), FrameError> {
        let frames = self.collector.attributes.describe(&self.limits)?.frames;
        let offsets = fragments.offsets.as_deref().unwrap_or_default();
        let next = usize::try_from(self.frames).unwrap_or(usize::MAX);
        let begins = match offsets.as_chunks::<4>().0 {
            [] => frames > 1 || !fragments.begun,
            table => match table.get(next.saturating_add(usize::from(fragments.begun))) {
                Some(offset) => u64::from(u32::from_le_bytes(*offset)) == fragments.position,
                None => false,
            },
        };
        if begins && fragments.begun {
            self.finish_frame();
        }
        if !begins && !fragments.begun {
            return Err(FrameError::Encapsulation);
        }
        fragments.begun = true;
        Ok(())
    }

    fn fragment<'a>(
        &mut self,
        mut fragments: Fragments,
        remaining: u64,
        input: &'a [u8],
    ) -> Result<&'a [u8], FrameError> {
        let available = usize::try_from(remaining).unwrap_or(usize::MAX);
        let (piece, rest) = input.split_at_checked(available).unwrap_or((input, &[]));
        let is_table = fragments.offsets.is_none();
        self.frame.extend_from_slice(piece);
        let remaining = remaining.saturating_sub(piece.len() as u64);
        if remaining > 0 {
            self.stage = Stage::Fragment(fragments, remaining);
            return Ok(rest);
        }
        if is_table {
            fragments.offsets = Some(std::mem::take(&mut self.frame));
        }
        self.stage = Stage::Item(fragments, Vec::new());
        Ok(rest)
    }

    fn finish_frame(&mut self) {
        self.done.push_back(std::mem::take(&mut self.frame));
        self.frames = self.frames.saturating_add(1);
    }

    fn finish_fragments(&mut self, fragments: &Fragments) -> Result<(), FrameError> {
        if fragments.begun {
            self.finish_frame();
        }
        let table = fragments.offsets.as_deref().unwrap_or_default().len();
        let frames = self.collector.attributes.describe(&self.limits)?.frames;
        let entries = usize::try_from(frames).unwrap_or(usize::MAX).saturating_mul(4);
        if self.frames != frames || (table != 0 && table != entries) {
            return Err(FrameError::Encapsulation);
        }
        Ok(())
    }
}

/// Keeps the attributes that say how to read the pixels, and stops at the pixel data.
#[derive(Debug)]
struct Collector {
    attributes: PixelAttributes,
    current: Option<Tag>,
    value: Vec<u8>,
    is_doubtful: bool,
}

impl Visitor for Collector {
    fn element(&mut self, element: &Element) -> Action {
        if element.parent.is_some() {
            return Action::Skip;
        }
        if element.tag >= tags::PIXEL_DATA {
            self.is_doubtful |= element.tag != tags::PIXEL_DATA;
            return Action::Stop;
        }
        let short = element.length.is_some_and(|length| length <= VALUE_BYTES_MAX);
        if PixelAttributes::wants(element.tag) && !element.is_sequence {
            if !short {
                self.is_doubtful = true;
                return Action::Skip;
            }
            self.current = Some(element.tag);
            return Action::Keep;
        }
        // Float and double float pixel data have no frames that could be read here.
        self.is_doubtful |= element.tag.0 == tags::PIXEL_DATA.0 && element.tag.1 >= 0x0008;
        Action::Skip
    }

    fn value(&mut self, piece: &[u8]) {
        self.value.extend_from_slice(piece);
    }

    fn value_end(&mut self) {
        let value = std::mem::take(&mut self.value);
        if let Some(tag) = self.current.take() {
            // Two different values under one tag: which one counts is not certain.
            self.is_doubtful |= !self.attributes.keep(tag, value);
        }
    }

    fn counts_elements(&self) -> bool {
        false
    }
}

/// Takes bytes until `wanted` are held, and returns the rest.
fn fill<'a>(held: &mut Vec<u8>, wanted: usize, input: &'a [u8]) -> &'a [u8] {
    let missing = wanted.saturating_sub(held.len());
    let (piece, rest) = input.split_at_checked(missing).unwrap_or((input, &[]));
    held.extend_from_slice(piece);
    rest
}

fn item_header(header: &[u8]) -> Option<(Tag, u32)> {
    let [g1, g2, e1, e2, length @ ..] = header.first_chunk::<8>()?;
    let tag = Tag(u16::from_le_bytes([*g1, *g2]), u16::from_le_bytes([*e1, *e2]));
    Some((tag, u32::from_le_bytes(*length)))
}

const ITEM: Tag = Tag(0xFFFE, 0xE000);
const SEQUENCE_DELIMITATION_ITEM: Tag = Tag(0xFFFE, 0xE0DD);

/// Most bytes of an element's header.
const HEADER_BYTES_MAX: usize = 12;
/// As deep as a head may be nested.
const NESTING_MAX: usize = 64;
/// How much input is looked at in one go.
const PIECE_BYTES: usize = 64 * 1024;
const DEFLATED_PIECE_BYTES: usize = 1024;
/// No attribute that is kept is longer; an image orientation has six decimal strings of 16 characters.
const VALUE_BYTES_MAX: u32 = 256;

#[cfg(test)]
mod tests;
