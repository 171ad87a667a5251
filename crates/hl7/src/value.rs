//! The four states of a value.

use std::borrow::Cow;

/// What a message says about one value (HL7 2.5.1 section 2.5.3).
///
/// Absent and empty both mean "no statement, keep what you have"; null means "delete what you have".
#[derive(Clone, Eq, PartialEq)]
pub enum Value<'a> {
    /// The message ends before this place, or lacks the segment.
    Absent,
    /// The place is there, with nothing in it.
    Empty,
    /// `""`: the stored value is to be deleted.
    Null,
    /// A text, decoded and unescaped.
    Present(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// The text, if there is one.
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Present(text) => Some(text),
            Self::Absent | Self::Empty | Self::Null => None,
        }
    }

    /// Whether the message asks to delete the stored value.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether there is a text.
    pub fn is_present(&self) -> bool {
        matches!(self, Self::Present(_))
    }
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Empty => "Empty",
            Self::Null => "Null",
            Self::Present(_) => "Present(<redacted>)",
        })
    }
}
