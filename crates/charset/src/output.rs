//! Text that was read, and the places of what could not be.

use std::borrow::Cow;
use std::ops::Range;

/// Text read from bytes, and whether all of them made sense.
#[derive(Clone, Eq, PartialEq)]
pub struct Decoded<'a> {
    /// The text; each malformed sequence is shown as U+FFFD. Borrowed whenever the bytes are already UTF-8.
    pub text: Cow<'a, str>,
    /// Whether any byte has no meaning in the character set.
    pub malformed: bool,
    /// Which bytes these are, in order; at most [`MALFORMED_MAX`] sequences, so that hostile bytes cannot grow it.
    /// An escape sequence to a set that was not declared is among them, although it was followed.
    pub malformed_at: Vec<Range<usize>>,
}

/// Malformed sequences of one text whose places are recorded.
pub const MALFORMED_MAX: usize = 16;

impl std::fmt::Debug for Decoded<'_> {
    // The text is patient data more often than not.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoded")
            .field("text", &format_args!("<redacted>"))
            .field("malformed", &self.malformed)
            .field("malformed_at", &self.malformed_at)
            .finish()
    }
}

/// A text that grows, and the places of what could not be read.
#[derive(Default)]
pub(crate) struct Output {
    pub(crate) text: String,
    malformed: bool,
    malformed_at: Vec<Range<usize>>,
}

impl Output {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ..Self::default() }
    }

    /// Bytes without a meaning.
    pub(crate) fn malformed(&mut self, place: Range<usize>) {
        self.text.push(char::REPLACEMENT_CHARACTER);
        self.doubt(place);
    }

    /// Bytes that should not be there, without a place in the text.
    pub(crate) fn doubt(&mut self, place: Range<usize>) {
        self.malformed = true;
        if self.malformed_at.len() < MALFORMED_MAX {
            self.malformed_at.push(place);
        }
    }

    /// Appends what was read from a part that begins at `start`.
    pub(crate) fn append(&mut self, part: &Decoded<'_>, start: usize) {
        self.text.push_str(&part.text);
        self.malformed |= part.malformed;
        let room = MALFORMED_MAX.saturating_sub(self.malformed_at.len());
        let places = part.malformed_at.iter().take(room);
        self.malformed_at.extend(places.map(|place| start + place.start..start + place.end));
    }

    pub(crate) fn into_decoded(self) -> Decoded<'static> {
        let Self { text, malformed, malformed_at } = self;
        Decoded { text: Cow::Owned(text), malformed, malformed_at }
    }
}

/// A text without anything malformed.
pub(crate) fn sound(text: Cow<'_, str>) -> Decoded<'_> {
    Decoded { text, malformed: false, malformed_at: Vec::new() }
}
