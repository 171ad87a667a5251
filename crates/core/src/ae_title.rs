//! Application entity titles.

use serde::{Deserialize, Serialize};

/// A DICOM application entity title: 1 to 16 characters of the default repertoire, no backslash, no control codes.
///
/// Comparison is exact: PS3.8 section 9.3.2 gives titles no case folding.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct AeTitle(String);

impl AeTitle {
    /// The longest title, in characters (PS3.5 section 6.2, AE).
    pub const CHARACTERS_MAX: usize = 16;

    /// Trims insignificant leading and trailing spaces (PS3.5 section 6.2) and trailing NUL, which some devices
    /// use as padding, then checks length and repertoire.
    ///
    /// # Errors
    /// [`InvalidAeTitle`] says which rule the text breaks.
    pub fn new(text: &str) -> Result<Self, InvalidAeTitle> {
        let trimmed = text.trim_end_matches('\0').trim_matches(' ');
        if trimmed.is_empty() {
            return Err(InvalidAeTitle::Empty);
        }
        if !trimmed.bytes().all(|byte| (0x20..0x7F).contains(&byte) && byte != b'\\') {
            return Err(InvalidAeTitle::Character);
        }
        if trimmed.len() > Self::CHARACTERS_MAX {
            return Err(InvalidAeTitle::TooLong { characters: trimmed.len() });
        }
        Ok(Self(trimmed.to_owned()))
    }

    /// The title without padding.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for AeTitle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for AeTitle {
    type Err = InvalidAeTitle;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl TryFrom<String> for AeTitle {
    type Error = InvalidAeTitle;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<AeTitle> for String {
    fn from(title: AeTitle) -> Self {
        title.0
    }
}

/// Why a text is not an application entity title.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAeTitle {
    /// A backslash, a control code or a character outside ASCII.
    #[error("AE title has a backslash, a control code or a character outside ASCII")]
    Character,
    /// Nothing is left after trimming.
    #[error("AE title is empty")]
    Empty,
    /// More than 16 characters.
    #[error("AE title has {characters} characters, the limit is 16")]
    TooLong {
        /// Length after trimming.
        characters: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::AeTitle;

    #[track_caller]
    fn check(input: &str, expected: Result<&str, &str>) {
        let got = AeTitle::new(input).map_err(|error| error.to_string());
        assert_eq!(got.as_ref().map(AeTitle::as_str).map_err(String::as_str), expected);
    }

    #[test]
    fn padding_is_not_part_of_the_title() {
        check(" PACS  ", Ok("PACS"));
        check("PACS\0\0", Ok("PACS"));
    }

    #[test]
    fn inner_spaces_are_significant() {
        check("MY PACS", Ok("MY PACS"));
    }

    #[test]
    fn length_is_counted_after_trimming() {
        check("  SIXTEEN_LETTERS_", Ok("SIXTEEN_LETTERS_"));
        check("SEVENTEEN_LETTERS", Err("AE title has 17 characters, the limit is 16"));
    }

    #[test]
    fn spaces_alone_are_no_title() {
        check("    ", Err("AE title is empty"));
    }

    #[test]
    fn repertoire_is_checked() {
        let error = Err("AE title has a backslash, a control code or a character outside ASCII");
        check("A\\B", error);
        check("A\nB", error);
        check("PÄCS", error);
    }
}
