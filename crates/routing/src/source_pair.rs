//! Two sources that send the same study.

use serde::{Deserialize, Serialize};
use telerad_core::AeTitle;

/// Two application entities that send the same instances; which of them was first says nothing, so the pair has no
/// order. Both are the same where one sends instances again with other bytes.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(from = "(AeTitle, AeTitle)", into = "(AeTitle, AeTitle)")]
pub struct SourcePair(AeTitle, AeTitle);

impl SourcePair {
    /// The pair of these two.
    pub fn new(one: AeTitle, other: AeTitle) -> Self {
        if one <= other { Self(one, other) } else { Self(other, one) }
    }

    /// Both titles, in the order of the alphabet.
    pub fn titles(&self) -> (&AeTitle, &AeTitle) {
        (&self.0, &self.1)
    }
}

impl From<(AeTitle, AeTitle)> for SourcePair {
    fn from((one, other): (AeTitle, AeTitle)) -> Self {
        Self::new(one, other)
    }
}

impl From<SourcePair> for (AeTitle, AeTitle) {
    fn from(pair: SourcePair) -> Self {
        (pair.0, pair.1)
    }
}
