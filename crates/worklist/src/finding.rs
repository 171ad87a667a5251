//! What a reader of messages noticed and must not keep to itself.

/// One thing about a message that a person may have to know: a value derived, translated, doubted or left out.
///
/// Nothing of that kind happens without one. The text names places and rules, never values of patients.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What kind of thing.
    pub code: FindingCode,
    /// Where in the message, as `PID-3` or `OBR[2]-24`.
    pub location: String,
    /// In words, without patient data.
    pub text: String,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum FindingCode {
    /// Several values were possible; the text says which was taken.
    Ambiguous,
    /// An issuer or authority was missing and the site's own was taken.
    Assumed,
    /// A worklist entry needs a value that the message does not give, and what the site declared stands in for it: a person
    /// should look.
    Defaulted,
    /// A value was missing and was derived from others.
    Derived,
    /// Two places of the message contradict each other.
    Disagreement,
    /// Bytes of a name or birth date contradict the character set: a person should look.
    DoubtfulText,
    /// A part of the message was not used.
    Ignored,
    /// A value is not of its type and was not used.
    Invalid,
    /// A value that a worklist entry needs is missing, and nothing stands in for it.
    Missing,
    /// DICOM allows less: the value is kept whole, and the text says what answers carry.
    TooLong,
    /// A code or unit was translated.
    Translated,
    /// A code that the tables do not know.
    UnknownCode,
    /// A character that DICOM cannot carry in this attribute was replaced.
    Unrepresentable,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.location, self.text)
    }
}

/// Findings as they come up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    /// Notes one; the same one is kept once.
    pub(crate) fn add(
        &mut self,
        code: FindingCode,
        location: impl Into<String>,
        text: impl Into<String>,
    ) {
        let finding = Finding { code, location: location.into(), text: text.into() };
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Finding> {
        self.0
    }
}
