//! Views into a message that split on demand.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Range, RangeInclusive};

use crate::syntax::{Piece, Syntax};
use crate::{Value, escape};

/// One segment of a message.
#[derive(Clone, Copy)]
pub struct Segment<'a> {
    syntax: &'a Syntax,
    piece: Piece<'a>,
    id: &'a [u8; 3],
    index: usize,
}

/// One field, with all its repetitions.
#[derive(Clone, Copy)]
pub struct Field<'a>(Slot<'a>);

/// One repetition of a field.
#[derive(Clone, Copy)]
pub struct Repetition<'a>(Slot<'a>);

/// One component.
#[derive(Clone, Copy)]
pub struct Component<'a>(Slot<'a>);

/// One subcomponent, the lowest level.
#[derive(Clone, Copy)]
pub struct Subcomponent<'a>(Slot<'a>);

impl<'a> Segment<'a> {
    #[inline]
    pub(crate) fn new(syntax: &'a Syntax, piece: Piece<'a>, id: &'a [u8; 3], index: usize) -> Self {
        Self { syntax, piece, id, index }
    }

    /// The segment id, such as `PID`; empty for a line that has none.
    #[inline]
    pub fn id(&self) -> &'a str {
        if *self.id == [0; 3] {
            return "";
        }
        std::str::from_utf8(self.id).unwrap_or_default()
    }

    /// Place among the segments of the message, from 0.
    #[inline]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The bytes of the segment, without its terminator.
    #[inline]
    pub fn raw(&self) -> &'a [u8] {
        self.piece.bytes
    }

    /// Where the segment stands in the message.
    #[inline]
    pub fn span(&self) -> Range<usize> {
        self.piece.start..self.piece.end()
    }

    /// Field `n`, from 1. MSH-1 is the field separator itself and MSH-2 the encoding characters, both as they are
    /// (HL7 2.5.1 section 2.15.9); so for FHS and BHS.
    #[inline]
    pub fn field(&self, n: usize) -> Field<'a> {
        let slot = match (self.is_header(), n) {
            (_, 0) => None,
            (true, 1) => Some(self.slot(self.piece.slice(3, 4), Presence::Literal)),
            (true, 2) => {
                self.syntax.field(self.piece, 1).map(|piece| self.slot(piece, Presence::Literal))
            }
            (is_header, n) => self
                .syntax
                .field(self.piece, n.saturating_sub(usize::from(is_header)))
                .map(|piece| self.slot(piece, Presence::There)),
        };
        Field(slot.unwrap_or_else(|| self.absent()))
    }

    /// The fields in order, from field 1.
    #[inline]
    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let segment = *self;
        let mut parts = self.syntax.parts(self.piece, Some(self.syntax.delimiters.field));
        // The segment id; MSH-1 is the separator behind it, and MSH-2 never split.
        parts.next();
        let mut literals = if self.is_header() { 1..=2 } else { RangeInclusive::new(1, 0) };
        std::iter::from_fn(move || {
            if let Some(n) = literals.next() {
                if n == 2 {
                    parts.next();
                }
                return Some(segment.field(n));
            }
            parts.next().map(|piece| Field(segment.slot(piece, Presence::There)))
        })
    }

    #[inline]
    pub(crate) fn is_header(&self) -> bool {
        matches!(self.id, b"MSH" | b"FHS" | b"BHS")
    }

    #[inline]
    fn slot(&self, piece: Piece<'a>, presence: Presence) -> Slot<'a> {
        Slot { syntax: self.syntax, piece, presence }
    }

    #[inline]
    fn absent(&self) -> Slot<'a> {
        self.slot(self.piece.slice(usize::MAX, usize::MAX), Presence::Absent)
    }
}

/// What all levels below the segment can say about themselves.
macro_rules! common_readings {
    ($view:ident, $leaf:ident, $text:literal) => {
        impl<'a> $view<'a> {
            /// The bytes as they stand, escapes and delimiters included; empty when absent.
            #[inline]
            pub fn raw(&self) -> &'a [u8] {
                self.0.piece.bytes
            }

            /// Where these bytes stand in the message; an empty range when absent.
            #[inline]
            pub fn span(&self) -> Range<usize> {
                self.0.piece.start..self.0.piece.end()
            }

            /// Whether there is nothing here: absent or of no length.
            #[inline]
            pub fn is_empty(&self) -> bool {
                self.0.piece.bytes.is_empty()
            }

            /// Whether this is the null value `""`, which deletes.
            #[inline]
            pub fn is_null(&self) -> bool {
                self.0.is_null()
            }

            #[doc = concat!("The text of ", $text, "; empty when absent, empty or null.")]
            #[inline]
            pub fn text(&self) -> Cow<'a, str> {
                self.0.$leaf().text()
            }

            #[doc = concat!("The state and text of ", $text, ".")]
            #[inline]
            pub fn value(&self) -> Value<'a> {
                self.0.$leaf().value()
            }

            /// The whole as running text, as OBX-5 of type TX, FT and ST and NTE-3 are read: delimiters are kept, since
            /// many senders do not escape them there, escapes are decoded and formatting commands become lines.
            ///
            /// Repetitions of TX are paragraphs (HL7 2.5.1 section 2.A.78): read them one by one to tell `~` from a line.
            pub fn whole_text(&self) -> String {
                self.0.whole_text()
            }
        }

        impl fmt::Debug for $view<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?}, <redacted>)", stringify!($view), self.span())
            }
        }
    };
}

common_readings!(Field, leaf_of_field, "component 1, subcomponent 1 of the first repetition");
common_readings!(Repetition, leaf_of_repetition, "component 1, subcomponent 1");
common_readings!(Component, leaf_of_component, "subcomponent 1");
common_readings!(Subcomponent, leaf, "the subcomponent");

impl<'a> Field<'a> {
    /// The repetitions in order; none for an absent or empty field.
    #[inline]
    pub fn repetitions(&self) -> impl Iterator<Item = Repetition<'a>> + use<'a> {
        let delimiter = self.0.syntax.delimiters.repetition;
        self.0.sized().parts(delimiter).map(Repetition)
    }

    /// Repetition `n`, from 1.
    #[inline]
    pub fn repetition(&self, n: usize) -> Repetition<'a> {
        Repetition(self.0.part(self.0.syntax.delimiters.repetition, n))
    }

    /// Component `n`, from 1, of the first repetition.
    #[inline]
    pub fn component(&self, n: usize) -> Component<'a> {
        self.repetition(1).component(n)
    }
}

impl<'a> Repetition<'a> {
    #[inline]
    pub(crate) fn escape_character(&self) -> Option<u8> {
        self.0.syntax.delimiters.escape
    }

    /// The components in order; none for an empty repetition.
    #[inline]
    pub fn components(&self) -> impl Iterator<Item = Component<'a>> + use<'a> {
        let delimiter = self.0.syntax.delimiters.component;
        self.0.parts(delimiter).map(Component)
    }

    /// Component `n`, from 1. Every component of a null repetition is null: the whole is to be deleted.
    #[inline]
    pub fn component(&self, n: usize) -> Component<'a> {
        Component(self.0.part_or_null(self.0.syntax.delimiters.component, n))
    }
}

impl<'a> Component<'a> {
    #[inline]
    pub(crate) fn escape_character(&self) -> Option<u8> {
        self.0.syntax.delimiters.escape
    }

    /// The subcomponents in order; none for an empty component.
    #[inline]
    pub fn subcomponents(&self) -> impl Iterator<Item = Subcomponent<'a>> + use<'a> {
        let delimiter = self.0.syntax.delimiters.subcomponent;
        self.0.parts(delimiter).map(Subcomponent)
    }

    /// Subcomponent `n`, from 1. Every subcomponent of a null component is null.
    #[inline]
    pub fn subcomponent(&self, n: usize) -> Subcomponent<'a> {
        Subcomponent(self.0.part_or_null(self.0.syntax.delimiters.subcomponent, n))
    }
}

impl Subcomponent<'_> {
    #[inline]
    pub(crate) fn escape_character(&self) -> Option<u8> {
        self.0.syntax.delimiters.escape
    }
}

impl fmt::Debug for Segment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segment({:?}, {:?}, <redacted>)", self.id(), self.span())
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Presence {
    Absent,
    /// There, and without a delimiter in it: what is below it is the same again.
    Atom,
    /// MSH-1 and MSH-2 are never split nor unescaped.
    Literal,
    There,
}

impl Presence {
    /// Whether escapes and null have their meaning.
    #[inline]
    fn is_value(self) -> bool {
        matches!(self, Self::Atom | Self::There)
    }
}

/// A place below the segment.
#[derive(Clone, Copy)]
struct Slot<'a> {
    syntax: &'a Syntax,
    piece: Piece<'a>,
    presence: Presence,
}

impl<'a> Slot<'a> {
    #[inline]
    fn is_null(self) -> bool {
        self.presence.is_value() && self.piece.bytes == b"\"\""
    }

    #[inline]
    fn absent(self) -> Self {
        let piece = self.piece.slice(usize::MAX, usize::MAX);
        Self { piece, presence: Presence::Absent, ..self }
    }

    #[inline]
    fn part(self, delimiter: Option<u8>, n: usize) -> Self {
        let Some(index) = n.checked_sub(1) else { return self.absent() };
        match self.presence {
            Presence::There => self
                .syntax
                .part(self.piece, delimiter, index)
                .map_or_else(|| self.absent(), |piece| Self { piece, ..self }),
            Presence::Atom | Presence::Literal if index == 0 => self,
            Presence::Atom | Presence::Literal | Presence::Absent => self.absent(),
        }
    }

    #[inline]
    fn part_or_null(self, delimiter: Option<u8>, n: usize) -> Self {
        if n > 0 && self.is_null() { self } else { self.part(delimiter, n) }
    }

    /// Finds out whether anything below has to be looked for, which one search tells for all levels.
    #[inline]
    fn sized(self) -> Self {
        match self.presence {
            Presence::There if self.syntax.is_atom(self.piece.bytes) => {
                Self { presence: Presence::Atom, ..self }
            }
            _ => self,
        }
    }

    #[inline]
    fn parts(self, delimiter: Option<u8>) -> impl Iterator<Item = Self> + use<'a> {
        let delimiter = delimiter.filter(|_| self.presence == Presence::There);
        let parts = self.syntax.parts(self.piece, delimiter);
        let parts = if self.piece.bytes.is_empty() { parts.none() } else { parts };
        parts.map(move |piece| Self { piece, ..self })
    }

    /// The first subcomponent of the first component of the first repetition.
    #[inline]
    fn leaf_of_field(self) -> Self {
        self.part(self.syntax.delimiters.repetition, 1).leaf_of_repetition()
    }

    #[inline]
    fn leaf_of_repetition(self) -> Self {
        self.part(self.syntax.delimiters.component, 1).leaf_of_component()
    }

    #[inline]
    fn leaf_of_component(self) -> Self {
        self.part(self.syntax.delimiters.subcomponent, 1)
    }

    #[inline]
    fn leaf(self) -> Self {
        self
    }

    #[inline]
    fn text(self) -> Cow<'a, str> {
        match self.presence {
            Presence::Literal => self.syntax.decode(self.piece.bytes).text,
            Presence::Atom | Presence::There if !self.is_null() => {
                escape::decode_with(self.syntax, self.piece.bytes)
            }
            Presence::Atom | Presence::There | Presence::Absent => Cow::Borrowed(""),
        }
    }

    #[inline]
    fn value(self) -> Value<'a> {
        match self.presence {
            Presence::Absent => Value::Absent,
            _ if self.piece.bytes.is_empty() => Value::Empty,
            _ if self.is_null() => Value::Null,
            _ => Value::Present(self.text()),
        }
    }

    fn whole_text(self) -> String {
        if self.presence.is_value() && !self.is_null() {
            escape::formatted_with(self.syntax, self.piece.bytes)
        } else {
            self.text().into_owned()
        }
    }
}
