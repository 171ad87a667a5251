//! Names of destinations.

use serde::{Deserialize, Serialize};

/// The short name of a place where studies go: 1 to 64 letters, digits, `-`, `_` or `.`.
///
/// It names an entry of the configuration, not an AE title: two destinations may be one application entity with
/// different retry rules.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct DestinationId(String);

impl DestinationId {
    /// Checks length and repertoire; nothing is trimmed, since the name comes from configuration.
    ///
    /// # Errors
    /// [`InvalidDestinationId`] when the text is empty, too long or has other characters.
    pub fn new(text: &str) -> Result<Self, InvalidDestinationId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if text.is_empty() || text.len() > 64 || !text.bytes().all(allowed) {
            return Err(InvalidDestinationId);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for DestinationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for DestinationId {
    type Err = InvalidDestinationId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl TryFrom<String> for DestinationId {
    type Error = InvalidDestinationId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<DestinationId> for String {
    fn from(id: DestinationId) -> Self {
        id.0
    }
}

/// A text that is not a destination's name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("destination name must have 1 to 64 letters, digits, `-`, `_` or `.`")]
pub struct InvalidDestinationId;

#[cfg(test)]
mod tests {
    use super::DestinationId;

    #[test]
    fn names_are_short_and_plain() {
        assert!(DestinationId::new("reading-2.a_b").is_ok());
        for bad in ["", " a", "a/b", &"x".repeat(65)] {
            assert!(DestinationId::new(bad).is_err());
        }
    }
}
