//! The one place that reads element headers: an incremental walk over a data set that never looks back.
//!
//! The walk keeps one level per open sequence and item, so its memory is bounded by the nesting limit. It allocates
//! nothing by a declared length, and a length that does not fit into what encloses it ends the walk.

use crate::{Encoding, Tag, tags, vr};

/// What the visitor wants done with an element.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// Look into the items of a sequence. Anything else is skipped.
    Enter,
    /// Hand the value over, in as many pieces as it arrives in. A value of undefined length is entered instead.
    Keep,
    /// Pass over the value. A value of undefined length is entered instead, since only its items tell its end.
    Skip,
    /// End the walk before this element.
    Stop,
}

/// An element whose header was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element {
    pub(crate) tag: Tag,
    /// The value representation that the header names; `None` in implicit VR.
    pub(crate) vr: Option<[u8; 2]>,
    /// Declared length in bytes; `None` when undefined.
    pub(crate) length: Option<u32>,
    /// Offset of the header's first byte in the data set.
    pub(crate) offset: u64,
    /// Length of the header in bytes.
    pub(crate) header_bytes: u64,
    /// The sequence that encloses the element, and which of its items this is, counted from 0.
    pub(crate) parent: Option<(Tag, u32)>,
    /// How many sequences enclose the element.
    pub(crate) depth: usize,
    /// Whether the value is a sequence of items with elements in them.
    pub(crate) is_sequence: bool,
}

/// Sees every element that the walk comes across.
pub(crate) trait Visitor {
    fn element(&mut self, element: &Element) -> Action;
    /// A piece of a value that was asked for with [`Action::Keep`].
    fn value(&mut self, _piece: &[u8]) {}
    /// The value is complete.
    fn value_end(&mut self) {}
    /// The first element is plainly in another VR form or byte order than was declared. `true` reads on in the encoding
    /// found.
    fn read_as(&mut self, _found: Encoding, _damage: Damage) -> bool {
        false
    }
    /// The items of a value of unknown representation are in explicit VR, where they belong in implicit.
    fn found_explicit_items(&mut self, _damage: Damage) {}
    /// The delimiter at this offset closes a sequence, or fragments, within `depth` sequences.
    fn delimited(&mut self, _depth: usize, _offset: u64) {}
    /// Whether elements still count against the limit; asked after each one.
    fn counts_elements(&self) -> bool {
        true
    }
    /// Damage within a top-level sequence whose length is known. `true` passes over the rest of it and goes on.
    fn pass_over(&mut self, _damage: Damage) -> bool {
        false
    }
}

/// Where and how a data set breaks the rules of its encoding.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct Damage {
    /// What is wrong.
    pub kind: DamageKind,
    /// Offset in the (inflated) data set.
    pub offset: u64,
}

/// What is wrong with a data set.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DamageKind {
    /// The compressed data set is not a deflate stream (PS3.5 section A.5).
    #[error("not a deflate stream")]
    Deflate,
    /// The data set ends within an element or an open sequence.
    #[error("data set ends early")]
    EndsEarly,
    /// Inflating gave more bytes than the limit.
    #[error("inflated data set is larger than the limit")]
    InflatedTooLarge,
    /// The head goes on behind more bytes than the limit.
    #[error("the head does not end within {limit} bytes")]
    HeadTooLong {
        /// The limit.
        limit: u64,
    },
    /// The elements are in another VR form or byte order than was declared; a head is read as found.
    #[error("elements are not in the declared encoding")]
    NotTheDeclaredEncoding,
    /// Something else than an item within a sequence (PS3.5 section 7.5).
    #[error("an item was expected, found {0}")]
    ItemExpected(Tag),
    /// An element, item or sequence longer than what encloses it.
    #[error("{0} is longer than what encloses it")]
    LengthBeyondEnclosing(Tag),
    /// A sequence under a tag whose value is none; in a head it was passed over.
    #[error("{0} is a sequence where a value belongs")]
    NotAValue(Tag),
    /// The bytes in the place of the value representation are not one (PS3.5 section 6.2).
    #[error("{0} has no value representation")]
    NotAValueRepresentation(Tag),
    /// The items of an element of representation UN and undefined length are in explicit VR; they were read so, although
    /// they belong in implicit VR (PS3.5 section 6.2.2).
    #[error("the items of {0} are in explicit VR")]
    ExplicitItemsInUnknown(Tag),
    /// An element of the head behind one with a greater tag that ended the head (PS3.5 section 7.1).
    #[error("{0} is out of order")]
    OutOfOrder(Tag),
    /// The same element again, with another value; the first one counts.
    #[error("{0} is repeated")]
    Repeated(Tag),
    /// Sequences nested deeper than the limit.
    #[error("sequences are nested deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// More elements than the limit.
    #[error("more than {limit} elements")]
    TooManyElements {
        /// The limit.
        limit: usize,
    },
    /// An undefined length where the value representation allows none (PS3.5 section 7.1.2).
    #[error("{0} has an undefined length")]
    UndefinedLength(Tag),
    /// A command element or file meta information where a data set should be (PS3.5 section 7.1).
    #[error("{0} does not belong into a data set")]
    NotOfADataSet(Tag),
    /// A deflated data set in the wrapper of zlib (RFC 1950), where the stream alone belongs (PS3.5 section A.5).
    #[error("deflated in the wrapper of zlib")]
    ZlibWrapper,
    /// An item or delimiter outside any sequence.
    #[error("{0} stands outside a sequence")]
    UnexpectedDelimiter(Tag),
    /// A value that would be kept is longer than the limit for kept values; it was passed over.
    #[error("{0} is longer than the limit")]
    ValueTooLong(Tag),
}

/// The state of a walk.
#[derive(Debug)]
pub(crate) struct Walker {
    syntax: Syntax,
    nesting_max: usize,
    elements_max: usize,
    elements: usize,
    position: u64,
    /// Whether an element of the data set itself was met, behind file meta information that does not belong there.
    begun: bool,
    stack: Vec<Level>,
    header: [u8; 12],
    header_len: usize,
    state: State,
}

#[derive(Clone, Copy, Debug)]
struct Syntax {
    explicit: bool,
    big: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Header,
    Value { remaining: u64, kept: bool },
    Over,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Fragments,
    Item,
    Sequence,
}

#[derive(Debug)]
struct Level {
    kind: Kind,
    tag: Tag,
    /// `None` when a delimiter will tell.
    end: Option<u64>,
    syntax: Syntax,
    items: u32,
    /// Of a value of representation UN: its elements shall be in implicit VR, but nobody has looked yet.
    unknown: bool,
}

impl Walker {
    pub(crate) fn new(encoding: Encoding, nesting_max: usize, elements_max: usize) -> Self {
        Self {
            syntax: Syntax { explicit: encoding.is_explicit(), big: encoding.is_big_endian() },
            nesting_max,
            elements_max,
            elements: 0,
            position: 0,
            begun: false,
            stack: Vec::new(),
            header: [0; 12],
            header_len: 0,
            state: State::Header,
        }
    }

    /// Walks on over the next bytes. After an error or [`Action::Stop`] further bytes are ignored.
    pub(crate) fn feed(
        &mut self,
        mut input: &[u8],
        visitor: &mut impl Visitor,
    ) -> Result<(), Damage> {
        loop {
            match self.state {
                State::Over => return Ok(()),
                State::Value { remaining, kept } => {
                    let available = usize::try_from(remaining).unwrap_or(usize::MAX);
                    let (piece, rest) = input.split_at_checked(available).unwrap_or((input, &[]));
                    input = rest;
                    self.position = self.position.saturating_add(piece.len() as u64);
                    if kept && !piece.is_empty() {
                        visitor.value(piece);
                    }
                    self.begin_value(remaining.saturating_sub(piece.len() as u64), kept, visitor);
                    if matches!(self.state, State::Value { .. }) {
                        return Ok(());
                    }
                }
                State::Header => {
                    let Some(rest) = self.fill_header(input) else { return Ok(()) };
                    input = rest;
                    if let Err(kind) = self.read_header(visitor) {
                        let damage = Damage { kind, offset: self.position };
                        let rest = self.rest_of_outermost();
                        let Some(rest) = rest.filter(|_| visitor.pass_over(damage)) else {
                            self.state = State::Over;
                            return Err(damage);
                        };
                        self.position = self.position.saturating_add(self.header_len as u64);
                        self.header_len = 0;
                        self.stack.clear();
                        self.begin_value(rest, false, visitor);
                    }
                }
            }
        }
    }

    /// Says whether the data set may end here.
    pub(crate) fn end(&self) -> Result<(), Damage> {
        let between = matches!(self.state, State::Header) && self.header_len == 0;
        if matches!(self.state, State::Over) || (between && self.stack.is_empty()) {
            return Ok(());
        }
        Err(Damage { kind: DamageKind::EndsEarly, offset: self.position })
    }

    /// How many bytes were walked over; at a stop, the offset of the element that stopped the walk.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Whether further bytes are ignored.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Takes bytes until the header is complete; `None` when the input ends before that.
    fn fill_header<'a>(&mut self, mut input: &'a [u8]) -> Option<&'a [u8]> {
        loop {
            let wanted = self.header_wanted();
            if self.header_len >= wanted {
                return Some(input);
            }
            let (byte, rest) = input.split_first()?;
            *self.header.get_mut(self.header_len)? = *byte;
            self.header_len = self.header_len.saturating_add(1);
            input = rest;
        }
    }

    fn header_wanted(&self) -> usize {
        let syntax = self.current_syntax();
        let [_, _, _, _, first, second, ..] = self.header;
        let long = self.header_len >= 8
            && syntax.explicit
            && self.tag(syntax).0 != tags::ITEM.0
            && vr::has_long_length([first, second]);
        if long { 12 } else { 8 }
    }

    fn read_header(&mut self, visitor: &mut impl Visitor) -> Result<(), DamageKind> {
        let syntax = self.current_syntax();
        let tag = self.tag(syntax);
        let header_bytes = self.header_len as u64;
        let container = self.stack.last().map(|level| (level.kind, level.end.is_none()));
        match container {
            Some((Kind::Sequence | Kind::Fragments, undefined)) => match tag {
                tags::ITEM => {
                    self.take_header(tag)?;
                    self.open_item(tag, syntax, visitor)
                }
                tags::SEQUENCE_DELIMITATION_ITEM if undefined => {
                    visitor.delimited(self.stack.len().saturating_sub(1) / 2, self.position);
                    self.close(tag)
                }
                _ => Err(DamageKind::ItemExpected(tag)),
            },
            Some((Kind::Item, true)) if tag == tags::ITEM_DELIMITATION_ITEM => self.close(tag),
            _ if tag.0 == tags::ITEM.0 => Err(DamageKind::UnexpectedDelimiter(tag)),
            _ => self.read_element(tag, syntax, header_bytes, visitor),
        }
    }

    fn read_element(
        &mut self,
        tag: Tag,
        syntax: Syntax,
        header_bytes: u64,
        visitor: &mut impl Visitor,
    ) -> Result<(), DamageKind> {
        if !self.begun && !self.is_at_file_meta() {
            self.begun = true;
            if self.adopt_encoding_found(tag, visitor) {
                // The header may be longer now; the next round completes and reads it.
                return Ok(());
            }
        }
        if self.adopt_explicit_items(tag, visitor) {
            return Ok(());
        }
        let [_, _, _, _, a, b, c, d, e, f, g, h] = self.header;
        let (vr, length) = if !syntax.explicit {
            (None, u32_of([a, b, c, d], syntax.big))
        } else if !vr::is_plausible([a, b]) {
            return Err(DamageKind::NotAValueRepresentation(tag));
        } else if header_bytes == 12 {
            (Some([a, b]), u32_of([e, f, g, h], syntax.big))
        } else {
            (Some([a, b]), u32::from(u16_of([c, d], syntax.big)))
        };
        let length = (length != UNDEFINED).then_some(length);
        let kind = content_of(tag, vr, length)?;
        let element = Element {
            tag,
            vr,
            length,
            offset: self.position,
            header_bytes,
            parent: self.parent(),
            depth: self.stack.len() / 2,
            is_sequence: kind == Some(Kind::Sequence),
        };
        let action = visitor.element(&element);
        if !visitor.counts_elements() {
            self.elements_max = usize::MAX;
        }
        if action == Action::Stop {
            self.state = State::Over;
            return Ok(());
        }
        self.take_header(tag)?;
        match (kind, length) {
            (Some(kind), None) => {
                // An unknown VR of undefined length holds implicit VR little endian, whatever surrounds it
                // (PS3.5 section 6.2.2, note 4; correction proposal 246).
                let implicit = Syntax { explicit: false, big: false };
                let unknown = vr == Some(*b"UN");
                let inner = if unknown { implicit } else { syntax };
                self.open(Level { kind, tag, end: None, syntax: inner, items: 0, unknown })
            }
            (Some(kind), Some(length)) if action == Action::Enter => {
                let end = Some(self.end_of(tag, length)?);
                self.open(Level { kind, tag, end, syntax, items: 0, unknown: false })
            }
            (_, length) => {
                let length = length.unwrap_or(0);
                self.end_of(tag, length)?;
                self.begin_value(u64::from(length), action == Action::Keep, visitor);
                Ok(())
            }
        }
    }

    /// Looks at the first element of the data set, which lies in group 0008 in every composite instance and is short.
    /// The first two bytes of an implicit length are capital letters only from 16 KiB on; a representation of an
    /// explicit element is nothing else. Group 0008 in the other byte order would be group 0800, which nobody has.
    fn adopt_encoding_found(&mut self, tag: Tag, visitor: &mut impl Visitor) -> bool {
        let [g, h, _, _, a, b, c, d, ..] = self.header;
        let declared = self.syntax;
        let letters = vr::is_plausible([a, b]);
        // The long form has two zeros there; an implicit element as long as that is no first one.
        let explicit = letters && ([c, d] != [0, 0] || vr::has_long_length([a, b]));
        let implicit = !letters && [c, d] == [0, 0];
        let found = match [g, h] {
            [0, 8] if letters && !declared.big => Encoding::ExplicitBig,
            [8, 0] if explicit && (declared.big || !declared.explicit) => Encoding::ExplicitLittle,
            [8, 0] if implicit && declared.explicit => Encoding::ImplicitLittle,
            _ if declared.big || tag.0 == 0x0008 => return false,
            // Elsewhere only what the data dictionary confirms.
            _ if explicit && !declared.explicit && vr::of(tag).to_bytes() == [a, b] => {
                Encoding::ExplicitLittle
            }
            _ if implicit && declared.explicit && vr::of(tag) != dicom_core::VR::UN => {
                Encoding::ImplicitLittle
            }
            _ => return false,
        };
        let damage = Damage { kind: DamageKind::NotTheDeclaredEncoding, offset: self.position };
        let adopted = visitor.read_as(found, damage);
        if adopted {
            self.syntax = Syntax { explicit: found.is_explicit(), big: found.is_big_endian() };
        }
        adopted
    }

    /// Looks at the first element in each item of a value of representation UN and undefined length. Its items are in
    /// implicit VR little endian whatever surrounds them (PS3.5 section 6.2.2), but some senders leave them as they had
    /// them. They are taken for explicit ones only where nothing else is possible: by an implicit length that does not
    /// fit, or that no element has. `true` when the header has to be read again.
    fn adopt_explicit_items(&mut self, tag: Tag, visitor: &mut impl Visitor) -> bool {
        let Some(item) = self.stack.last_mut().filter(|level| level.kind == Kind::Item) else {
            return false;
        };
        if !std::mem::take(&mut item.unknown) {
            return false;
        }
        let [_, _, _, _, a, b, c, d, ..] = self.header;
        // Each of them as a length is odd, which no element has, and more than 16 KiB.
        let is_long = [c, d] == [0, 0] && vr::is_known([a, b]) && vr::has_long_length([a, b]);
        let is_short = [c, d] != [0, 0] && vr::is_known([a, b]) && !vr::has_long_length([a, b]);
        let fits = |length: u32| {
            let value = self.position.saturating_add(8);
            self.bound().map(|bound| value.saturating_add(u64::from(length)) <= bound)
        };
        let explicit = u32::from(u16::from_le_bytes([c, d]));
        let is_explicit = match fits(u32::from_le_bytes([a, b, c, d])) {
            Some(false) => is_long || (is_short && fits(explicit) == Some(true)),
            Some(true) => is_long,
            None => is_long || (is_short && vr::of(tag).to_bytes() == [a, b]),
        };
        if !is_explicit {
            return false;
        }
        let sequence = self.parent().map_or(tag, |(sequence, _)| sequence);
        let kind = DamageKind::ExplicitItemsInUnknown(sequence);
        visitor.found_explicit_items(Damage { kind, offset: self.position });
        if let Some(item) = self.stack.last_mut() {
            item.syntax = Syntax { explicit: true, big: false };
        }
        true
    }

    /// Whether the header is one of file meta information before the data set, which some senders leave there. It is in
    /// explicit VR little endian whatever follows it (PS3.10 section 7.1).
    fn is_at_file_meta(&self) -> bool {
        let [g, h, _, high, a, b, ..] = self.header;
        !self.begun
            && self.stack.is_empty()
            && self.header_len >= 8
            && [g, h] == [2, 0]
            && high <= 1
            && vr::is_plausible([a, b])
    }

    fn open_item(
        &mut self,
        tag: Tag,
        syntax: Syntax,
        visitor: &mut impl Visitor,
    ) -> Result<(), DamageKind> {
        let [_, _, _, _, a, b, c, d, ..] = self.header;
        let length = u32_of([a, b, c, d], syntax.big);
        let Some(container) = self.stack.last_mut() else { return Ok(()) };
        container.items = container.items.saturating_add(1);
        let unknown = container.unknown;
        let fragment = container.kind == Kind::Fragments;
        if length == UNDEFINED {
            if fragment {
                return Err(DamageKind::UndefinedLength(tag));
            }
            return self.open(Level {
                kind: Kind::Item,
                tag,
                end: None,
                syntax,
                items: 0,
                unknown,
            });
        }
        let end = self.end_of(tag, length)?;
        if fragment {
            self.begin_value(u64::from(length), false, visitor);
            return Ok(());
        }
        self.open(Level { kind: Kind::Item, tag, end: Some(end), syntax, items: 0, unknown })
    }

    fn open(&mut self, level: Level) -> Result<(), DamageKind> {
        // Sequences and items alternate, so the sequences are every other level.
        if level.kind != Kind::Item && self.stack.len() / 2 >= self.nesting_max {
            return Err(DamageKind::TooDeep { limit: self.nesting_max });
        }
        self.stack.push(level);
        self.close_full_levels();
        Ok(())
    }

    /// Accepts a delimiter and closes the innermost level.
    fn close(&mut self, tag: Tag) -> Result<(), DamageKind> {
        self.take_header(tag)?;
        self.stack.pop();
        self.close_full_levels();
        Ok(())
    }

    fn close_full_levels(&mut self) {
        while self.stack.last().is_some_and(|level| level.end == Some(self.position)) {
            self.stack.pop();
        }
    }

    fn begin_value(&mut self, remaining: u64, kept: bool, visitor: &mut impl Visitor) {
        if remaining > 0 {
            self.state = State::Value { remaining, kept };
            return;
        }
        if kept {
            visitor.value_end();
        }
        self.state = State::Header;
        self.close_full_levels();
    }

    /// Counts the header as walked over.
    fn take_header(&mut self, tag: Tag) -> Result<(), DamageKind> {
        if self.elements >= self.elements_max {
            return Err(DamageKind::TooManyElements { limit: self.elements_max });
        }
        let end = self.position.saturating_add(self.header_len as u64);
        if self.bound().is_some_and(|bound| end > bound) {
            return Err(DamageKind::LengthBeyondEnclosing(tag));
        }
        self.elements = self.elements.saturating_add(1);
        self.position = end;
        self.header_len = 0;
        Ok(())
    }

    /// The offset at which a value of this length ends, if that lies within what encloses it.
    fn end_of(&self, tag: Tag, length: u32) -> Result<u64, DamageKind> {
        let end = self.position.saturating_add(u64::from(length));
        if self.bound().is_some_and(|bound| end > bound) {
            return Err(DamageKind::LengthBeyondEnclosing(tag));
        }
        Ok(end)
    }

    /// The end of the innermost level that has one; the levels around it end there or later.
    fn bound(&self) -> Option<u64> {
        self.stack.iter().rev().find_map(|level| level.end)
    }

    /// How many bytes behind the current header belong to the outermost open sequence, if that is known.
    fn rest_of_outermost(&self) -> Option<u64> {
        let end = self.stack.first()?.end?;
        end.checked_sub(self.position)?.checked_sub(self.header_len as u64)
    }

    fn parent(&self) -> Option<(Tag, u32)> {
        let sequence = self.stack.iter().rev().nth(1)?;
        Some((sequence.tag, sequence.items.saturating_sub(1)))
    }

    fn current_syntax(&self) -> Syntax {
        if self.is_at_file_meta() {
            return Syntax { explicit: true, big: false };
        }
        self.stack.last().map_or(self.syntax, |level| level.syntax)
    }

    fn tag(&self, syntax: Syntax) -> Tag {
        let [a, b, c, d, ..] = self.header;
        Tag(u16_of([a, b], syntax.big), u16_of([c, d], syntax.big))
    }
}

/// What an element holds: a sequence, fragments, or a plain value (`None`).
fn content_of(
    tag: Tag,
    vr: Option<[u8; 2]>,
    length: Option<u32>,
) -> Result<Option<Kind>, DamageKind> {
    match (vr.as_ref(), length) {
        (Some(b"SQ"), _) => Ok(Some(Kind::Sequence)),
        (None, Some(_)) => Ok(vr::is_sequence(tag).then_some(Kind::Sequence)),
        (Some(_), Some(_)) => Ok(None),
        (None, None) if tag == tags::PIXEL_DATA => Ok(Some(Kind::Fragments)),
        (None | Some(b"UN"), None) => Ok(Some(Kind::Sequence)),
        (Some(b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW"), None) => Ok(Some(Kind::Fragments)),
        (Some(_), None) => Err(DamageKind::UndefinedLength(tag)),
    }
}

fn u16_of(bytes: [u8; 2], big: bool) -> u16 {
    if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}

fn u32_of(bytes: [u8; 4], big: bool) -> u32 {
    if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

/// The length that says "until a delimiter" (PS3.5 section 7.1.2).
const UNDEFINED: u32 = 0xFFFF_FFFF;

#[cfg(test)]
mod tests;
