//! Accession numbers that are longer than DICOM allows.

use serde::Deserialize;

/// One declared step by which a site shortens the accession numbers that do not fit into SH (PS3.5 section 6.2).
///
/// The order keeps the whole number and answers the short one to modalities, and both find it again. Two orders that
/// would be one number to a modality are never both answered: the later one waits for a person.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum Shortening {
    /// The first 16 characters, as many modalities cut by themselves.
    KeepFirst,
    /// Takes every character of `separators` away.
    RemoveSeparators {
        /// For example `-. /`.
        separators: String,
    },
    /// Takes `prefix` away where the number begins with it.
    StripPrefix {
        /// For example `HOSP1-`.
        prefix: String,
    },
    /// Takes `suffix` away where the number ends with it.
    StripSuffix {
        /// For example `.HB`.
        suffix: String,
    },
}

impl Shortening {
    /// The number as modalities see it: after the first of the rules that make it fit, in their order. `None` when it fits
    /// as it is, or when no rule makes it fit.
    pub fn shorten(rules: &[Self], number: &str) -> Option<String> {
        if fits(number) {
            return None;
        }
        let mut short = number.to_owned();
        for rule in rules {
            let next = rule.apply(&short);
            if next.trim().is_empty() {
                continue;
            }
            short = next;
            if fits(&short) {
                return Some(short.trim().to_owned());
            }
        }
        None
    }

    fn apply(&self, number: &str) -> String {
        match self {
            Self::KeepFirst => number.chars().take(CHARACTERS_MAX).collect(),
            Self::RemoveSeparators { separators } => {
                number.chars().filter(|character| !separators.contains(*character)).collect()
            }
            Self::StripPrefix { prefix } => {
                number.strip_prefix(prefix.as_str()).unwrap_or(number).to_owned()
            }
            Self::StripSuffix { suffix } => {
                number.strip_suffix(suffix.as_str()).unwrap_or(number).to_owned()
            }
        }
    }
}

fn fits(number: &str) -> bool {
    number.chars().count() <= CHARACTERS_MAX
}

/// The length of SH.
const CHARACTERS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::Shortening;

    fn rules() -> Vec<Shortening> {
        vec![
            Shortening::StripPrefix { prefix: "NORTH-".to_owned() },
            Shortening::RemoveSeparators { separators: "-".to_owned() },
            Shortening::KeepFirst,
        ]
    }

    #[track_caller]
    fn check(number: &str, expected: Option<&str>) {
        assert_eq!(Shortening::shorten(&rules(), number).as_deref(), expected);
    }

    #[test]
    fn rules_are_applied_until_the_number_fits() {
        check("NORTH-2026-1", None);
        check("NORTH-2026-11-24-0001", Some("2026-11-24-0001"));
        check("2026-11-24-000001", Some("20261124000001"));
        check("NORTH-12345678901234567890", Some("1234567890123456"));
    }

    #[test]
    fn without_a_rule_that_makes_it_fit_the_number_stays() {
        assert_eq!(Shortening::shorten(&[], "12345678901234567"), None);
        let prefix = [Shortening::StripPrefix { prefix: "X".to_owned() }];
        assert_eq!(Shortening::shorten(&prefix, "X12345678901234567"), None);
        let all = [Shortening::RemoveSeparators { separators: "-".to_owned() }];
        assert_eq!(Shortening::shorten(&all, "-----------------"), None);
    }
}
