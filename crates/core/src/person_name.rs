//! Person names.

use serde::{Deserialize, Serialize};

/// One writing of a name: the five components of DICOM PN (PS3.5 section 6.2.1), in its order.
#[derive(Clone, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct NameGroup {
    /// Family name complex.
    pub family: String,
    /// Given name complex.
    pub given: String,
    /// Middle name.
    pub middle: String,
    /// Prefix, such as `Dr`.
    pub prefix: String,
    /// Suffix, such as `Jr`, and academic degree.
    pub suffix: String,
}

impl NameGroup {
    /// Whether no component has a value.
    pub fn is_empty(&self) -> bool {
        self.components().iter().all(|component| component.is_empty())
    }

    fn components(&self) -> [&str; 5] {
        [&self.family, &self.given, &self.middle, &self.prefix, &self.suffix]
    }

    fn parse(text: &str) -> Self {
        let mut parts = text.splitn(5, '^').map(|part| part.trim_matches(' ').to_owned());
        let mut next = || parts.next().unwrap_or_default();
        Self { family: next(), given: next(), middle: next(), prefix: next(), suffix: next() }
    }
}

/// A person's name in up to three writings: alphabetic, ideographic and phonetic (PS3.5 section 6.2.1).
#[derive(Clone, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct PersonName {
    /// The first group, in an alphabet.
    pub alphabetic: NameGroup,
    /// The second group, such as kanji or hanja.
    pub ideographic: NameGroup,
    /// The third group, such as kana or hangul.
    pub phonetic: NameGroup,
}

impl PersonName {
    /// Reads the DICOM form `family^given^middle^prefix^suffix=…=…`. Any text is a name; trailing empty parts vanish.
    pub fn from_dicom(text: &str) -> Self {
        let mut groups = text.trim_end_matches(['\0', ' ']).splitn(3, '=').map(NameGroup::parse);
        let mut next = || groups.next().unwrap_or_default();
        Self { alphabetic: next(), ideographic: next(), phonetic: next() }
    }

    /// The DICOM form, without trailing delimiters.
    pub fn to_dicom(&self) -> String {
        let groups = [&self.alphabetic, &self.ideographic, &self.phonetic]
            .map(|group| group.components().join("^").trim_end_matches('^').to_owned());
        groups.join("=").trim_end_matches('=').to_owned()
    }

    /// Whether no group has a value.
    pub fn is_empty(&self) -> bool {
        [&self.alphabetic, &self.ideographic, &self.phonetic].iter().all(|group| group.is_empty())
    }
}

impl std::fmt::Debug for NameGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NameGroup(<redacted>)")
    }
}

impl std::fmt::Debug for PersonName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonName(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::PersonName;

    #[track_caller]
    fn check(text: &str, canonical: &str) {
        assert_eq!(PersonName::from_dicom(text).to_dicom(), canonical);
    }

    #[test]
    fn groups_and_components_survive() {
        check("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada^Tarou=山田^太郎=やまだ^たろう");
        check("=山田^太郎", "=山田^太郎");
        check(
            "Adams^John Robert Quincy^^Rev.^B.A. M.Div.",
            "Adams^John Robert Quincy^^Rev.^B.A. M.Div.",
        );
    }

    #[test]
    fn trailing_delimiters_mean_nothing() {
        check("DOE^JANE^^^ ", "DOE^JANE");
        check("^^^^", "");
        assert!(PersonName::from_dicom("^^=").is_empty());
    }

    #[test]
    fn debug_prints_no_name() {
        assert!(!format!("{:?}", PersonName::from_dicom("DOE^JANE")).contains("DOE"));
    }
}
