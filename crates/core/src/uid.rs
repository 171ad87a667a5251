//! Unique identifiers.

use serde::{Deserialize, Serialize};

/// A DICOM unique identifier: 1 to 64 characters, digits and dots (PS3.5 section 9).
///
/// Components with leading zeros are accepted although the standard forbids them: devices in the field send
/// them, the identifier still identifies, and changing it would break every reference to it.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Uid(String);

impl Uid {
    /// The longest identifier, in characters (PS3.5 section 9.1).
    pub const CHARACTERS_MAX: usize = 64;

    /// Trims the trailing NUL or space that pads a UID to even length, then checks length and repertoire.
    ///
    /// # Errors
    /// [`InvalidUid`] says which rule the text breaks.
    pub fn new(text: &str) -> Result<Self, InvalidUid> {
        let trimmed = text.trim_end_matches(['\0', ' ']).trim_start_matches(' ');
        if trimmed.is_empty() {
            return Err(InvalidUid::Empty);
        }
        if trimmed.len() > Self::CHARACTERS_MAX {
            return Err(InvalidUid::TooLong { characters: trimmed.len() });
        }
        let dotted = trimmed.split('.').all(|component| !component.is_empty());
        if !dotted || !trimmed.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err(InvalidUid::Character);
        }
        Ok(Self(trimmed.to_owned()))
    }

    /// A UID under the `2.25` arc from a 128-bit number (PS3.5 section B.2).
    pub fn from_u128(number: u128) -> Self {
        Self(format!("2.25.{number}"))
    }

    /// The identifier without padding.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Uid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Uid {
    type Err = InvalidUid;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl TryFrom<String> for Uid {
    type Error = InvalidUid;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<Uid> for String {
    fn from(uid: Uid) -> Self {
        uid.0
    }
}

/// Why a text is not a unique identifier.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUid {
    /// Something else than digits in dotted components.
    #[error("UID has an empty component or a character that is neither digit nor dot")]
    Character,
    /// Nothing is left after trimming.
    #[error("UID is empty")]
    Empty,
    /// More than 64 characters.
    #[error("UID has {characters} characters, the limit is 64")]
    TooLong {
        /// Length after trimming.
        characters: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::Uid;

    #[track_caller]
    fn check(input: &str, expected: Result<&str, &str>) {
        let got = Uid::new(input).map_err(|error| error.to_string());
        assert_eq!(got.as_ref().map(Uid::as_str).map_err(String::as_str), expected);
    }

    #[test]
    fn padding_is_trimmed() {
        check("1.2.840.10008.1.1\0", Ok("1.2.840.10008.1.1"));
        check("1.2.840.10008.1.1 ", Ok("1.2.840.10008.1.1"));
    }

    #[test]
    fn leading_zeros_of_the_field_are_kept() {
        check("1.2.08.5", Ok("1.2.08.5"));
    }

    #[test]
    fn a_path_is_never_a_uid() {
        let error = "UID has an empty component or a character that is neither digit nor dot";
        check("../../../tmp/pwned", Err(error));
        check("1..2", Err(error));
        check("..", Err(error));
    }

    #[test]
    fn sixty_four_characters_are_the_limit() {
        check(&"1".repeat(65), Err("UID has 65 characters, the limit is 64"));
        check(" \0", Err("UID is empty"));
    }

    #[test]
    fn the_largest_uuid_fits() {
        assert!(Uid::from_u128(u128::MAX).as_str().len() <= Uid::CHARACTERS_MAX);
    }
}
