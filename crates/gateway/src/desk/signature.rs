//! Who wants something, and why.

/// The name of whoever asks for something, and their reason: both stand in the journal.
#[derive(Clone, Eq, PartialEq)]
pub struct Signature {
    by: String,
    reason: String,
}

/// Why something is not signed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSignature {
    /// Nobody is named.
    #[error("nobody is named who asks for it")]
    NoName,
    /// There is no reason.
    #[error("no reason is given")]
    NoReason,
    /// It is too long, or has control characters.
    #[error("the {part} is longer than {chars_max} characters, or has control characters")]
    Unprintable {
        /// `name` or `reason`.
        part: &'static str,
        /// The limit.
        chars_max: usize,
    },
}

impl Signature {
    /// `by` is the name that the operators' side knows (at most 64 characters), `reason` why they want it (at most 500).
    /// The name is told in events; the reason may speak of a patient and stands in the journal alone.
    ///
    /// # Errors
    /// [`InvalidSignature`] when one of them is missing, too long, or no single line of text.
    pub fn new(by: &str, reason: &str) -> Result<Self, InvalidSignature> {
        let (by, reason) = (by.trim(), reason.trim());
        if by.is_empty() {
            return Err(InvalidSignature::NoName);
        }
        if reason.is_empty() {
            return Err(InvalidSignature::NoReason);
        }
        check("name", by, NAME_CHARS_MAX)?;
        check("reason", reason, REASON_CHARS_MAX)?;
        Ok(Self { by: by.to_owned(), reason: reason.to_owned() })
    }

    /// Who.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// Why.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signature").field("by", &self.by).field("reason", &"<redacted>").finish()
    }
}

fn check(part: &'static str, text: &str, chars_max: usize) -> Result<(), InvalidSignature> {
    if text.chars().count() > chars_max || text.chars().any(char::is_control) {
        return Err(InvalidSignature::Unprintable { part, chars_max });
    }
    Ok(())
}

const NAME_CHARS_MAX: usize = 64;
const REASON_CHARS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::Signature;

    #[track_caller]
    fn check(by: &str, reason: &str, expected: Result<(), &str>) {
        let got = Signature::new(by, reason).map(drop).map_err(|error| error.to_string());
        assert_eq!(got, expected.map_err(str::to_owned));
    }

    #[test]
    fn both_who_and_why_are_needed() {
        check(" ops-1 ", "asked by the ward", Ok(()));
        check(" ", "asked by the ward", Err("nobody is named who asks for it"));
        check("ops-1", "", Err("no reason is given"));
    }

    #[test]
    fn what_stands_in_a_journal_is_one_line() {
        let unprintable = "the name is longer than 64 characters, or has control characters";
        check("ops\n1", "why", Err(unprintable));
        check(&"x".repeat(65), "why", Err(unprintable));
        let unprintable = "the reason is longer than 500 characters, or has control characters";
        check("ops-1", "why\r", Ok(()));
        check("ops-1", "a\tb", Err(unprintable));
        check("ops-1", &"x".repeat(501), Err(unprintable));
    }

    #[test]
    fn a_reason_is_in_no_log() {
        let signature = Signature::new("ops-1", "DOE JANE").unwrap();
        assert!(!format!("{signature:?}").contains("DOE"));
    }
}
