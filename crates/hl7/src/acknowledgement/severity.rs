//! How bad an error is.

use std::str::FromStr;

/// How bad an error is: ERR-4, table 0516. A graver one is greater.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// `I`: odd, and harmless for most receivers.
    Information,
    /// `W`: the standard is broken or something is doubtful; the message can be used.
    Warning,
    /// `E`: something is missing without which the message cannot be used, or not wholly.
    #[default]
    Error,
}

impl Severity {
    /// The code as written in ERR-4.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "E",
            Self::Information => "I",
            Self::Warning => "W",
        }
    }

    /// The meaning as table 0516 prints it.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Error => "Error",
            Self::Information => "Information",
            Self::Warning => "Warning",
        }
    }
}

/// `error`, `warning`, `information`, or the letters of ERR-4.
impl FromStr for Severity {
    type Err = InvalidSeverity;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "error" | "E" => Ok(Self::Error),
            "warning" | "W" => Ok(Self::Warning),
            "information" | "I" => Ok(Self::Information),
            _ => Err(InvalidSeverity),
        }
    }
}

/// A word is no severity.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a severity: error, warning or information")]
pub struct InvalidSeverity;
