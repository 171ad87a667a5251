//! Sites.

use serde::{Deserialize, Serialize};

/// The short name of an imaging centre with its endpoints and rules: 1 to 32 letters, digits, `-` or `_`.
///
/// Orders, patients, worklists, reports and rules are keyed by site, and nothing crosses sites.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct SiteId(String);

impl SiteId {
    /// Checks length and repertoire; nothing is trimmed, since a site's name comes from configuration.
    ///
    /// # Errors
    /// [`InvalidSiteId`] when the text is empty, too long or has other characters.
    pub fn new(text: &str) -> Result<Self, InvalidSiteId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.is_empty() || text.len() > 32 || !text.bytes().all(allowed) {
            return Err(InvalidSiteId);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SiteId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SiteId {
    type Error = InvalidSiteId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<SiteId> for String {
    fn from(site: SiteId) -> Self {
        site.0
    }
}

/// A text that is not a site's name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("site name must have 1 to 32 letters, digits, `-` or `_`")]
pub struct InvalidSiteId;

#[cfg(test)]
mod tests {
    use super::SiteId;

    #[test]
    fn names_are_short_and_plain() {
        assert!(SiteId::new("north-1").is_ok());
        for bad in ["", "a b", "a/b", &"x".repeat(33)] {
            assert!(SiteId::new(bad).is_err());
        }
    }
}
