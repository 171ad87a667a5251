//! What a typed value keeps of null, and the four states of one.

/// Which parts of a typed value a message asks to delete: components of a data type, fields of a segment, that stand as
/// null `""` (HL7 2.5.1 section 2.5.3).
///
/// It travels with the value and is written back with it. A part that has a value is written as that value, whatever is
/// noted here, so that filling a part needs no second step.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Nulls(u64);

/// A typed value in the four states of [`Value`](crate::Value).
///
/// Absent and empty both mean "no statement, keep what you have"; null means "delete what you have".
#[derive(Clone, Eq, PartialEq)]
pub enum Stated<T> {
    /// The message ends before this place.
    Absent,
    /// The place is there, with nothing in it.
    Empty,
    /// The whole is `""`: the stored value is to be deleted.
    Null,
    /// A value, of which single components may be null: its `nulls` name them.
    Present(T),
}

impl Nulls {
    /// With part `n` noted, from 1 to 63; other numbers are no parts of anything and change nothing.
    #[must_use]
    pub fn with(self, n: usize) -> Self {
        Self(self.0 | Self::bit(n))
    }

    /// Whether part `n` was null.
    pub fn contains(self, n: usize) -> bool {
        self.0 & Self::bit(n) != 0
    }

    /// Whether nothing was null.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn with_if(self, n: usize, is_null: bool) -> Self {
        if is_null { self.with(n) } else { self }
    }

    fn bit(n: usize) -> u64 {
        if (1..64).contains(&n) { 1 << n } else { 0 }
    }
}

impl<T> Stated<T> {
    /// The value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Empty | Self::Null => None,
        }
    }

    /// Whether the message asks to delete the stored value.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl<T> std::fmt::Debug for Stated<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Empty => "Empty",
            Self::Null => "Null",
            Self::Present(_) => "Present(<redacted>)",
        })
    }
}
