//! Why a message is not applied.

/// Why a message is refused: the sender must mend it, and sending it again will not help.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text} (condition {condition}{})", if location.is_empty() { String::new() } else { format!(" at {location}") })]
pub struct Rejection {
    /// HL7 table 0357.
    pub condition: u16,
    /// Where, as an ERL: `ORC^1^1`; empty for the message as a whole.
    pub location: String,
    /// In words, without patient data.
    pub text: String,
}

/// Why a message waits that may have been meant for another patient: a known identifier comes with another name and another
/// birth date at once. A person says whether it is the same patient.
pub const POSSIBLE_OVERLAY: &str =
    "the patient identifier is known with another name and birth date";

/// Why a message is not applied.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    Ignore,
    Park(String),
    Reject(Rejection),
}

impl Stop {
    pub(crate) fn park(reason: &str) -> Self {
        Self::Park(reason.to_owned())
    }

    /// `condition` is of HL7 table 0357.
    pub(crate) fn reject(condition: u16, location: &str, text: &str) -> Self {
        let (location, text) = (location.to_owned(), text.to_owned());
        Self::Reject(Rejection { condition, location, text })
    }
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Self::Park(reason)
    }
}
