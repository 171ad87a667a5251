//! Element tags.

use serde::{Deserialize, Serialize};

/// The tag of a data element: group and element number (PS3.5 section 7.1).
#[derive(Clone, Copy, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Tag(
    /// Group number.
    pub u16,
    /// Element number.
    pub u16,
);

impl Tag {
    /// Whether the group is odd, which marks what a vendor added (PS3.5 section 7.8).
    pub const fn is_private(self) -> bool {
        self.0 % 2 == 1
    }
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({:04X},{:04X})", self.0, self.1)
    }
}

impl std::fmt::Debug for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Tag;

    #[test]
    fn a_tag_prints_as_the_standard_writes_it() {
        assert_eq!(Tag(0x7FE0, 0x0010).to_string(), "(7FE0,0010)");
    }

    #[test]
    fn odd_groups_are_private() {
        assert!(Tag(0x0029, 0x1010).is_private() && !Tag(0x0028, 0x0010).is_private());
    }
}
