//! Sets of warnings, as strict mode chooses them.

use std::fmt;

use super::WarningKind;

/// The kinds of warnings that a reader does not put up with.
///
/// ```
/// use telerad_hl7::{Message, ParseOptions, WarningKind, WarningSet};
///
/// let refused = WarningSet::NONE.with(WarningKind::StrayLine).with(WarningKind::MalformedText);
/// let options = ParseOptions { refused, ..ParseOptions::default() };
/// let error = Message::parse_with(&options, "MSH|^~\\&|\rOBX|1|TX|||first\rsecond\r").unwrap_err();
/// assert_eq!(error.to_string(), "refused: line that is no segment at byte 27");
/// ```
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct WarningSet(u32);

impl WarningSet {
    /// Everything is tolerated.
    pub const NONE: Self = Self(0);
    /// Nothing is.
    pub const ALL: Self = Self(u32::MAX);

    /// This set with one more kind.
    #[must_use]
    pub const fn with(self, kind: WarningKind) -> Self {
        Self(self.0 | (1 << kind as u32))
    }

    /// This set without a kind.
    #[must_use]
    pub const fn without(self, kind: WarningKind) -> Self {
        Self(self.0 & !(1 << kind as u32))
    }

    /// Whether `kind` is in it.
    pub const fn contains(self, kind: WarningKind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }

    /// The kinds in it, in alphabetical order.
    pub fn iter(self) -> impl Iterator<Item = WarningKind> {
        WarningKind::ALL.iter().copied().filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<WarningKind> for WarningSet {
    fn from_iter<I: IntoIterator<Item = WarningKind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for WarningSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
