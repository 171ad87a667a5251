//! Declared canonicalisation of accession numbers, and values that identify nothing.

use serde::{Deserialize, Serialize};
use telerad_core::{AccessionNumber, Issuer};

/// One declared step from what senders write to what the issuer wrote.
///
/// Written in configuration as `{ rule = "strip_prefix", prefix = "N-" }`. A rule is a statement of the site about its
/// senders; nothing is normalised without one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum CanonicalRule {
    /// Takes `prefix` away where the number begins with it and something is left.
    StripPrefix {
        /// For example `HOSP1-`.
        prefix: String,
    },
    /// Takes `suffix` away where the number ends with it and something is left.
    StripSuffix {
        /// For example `.HB`.
        suffix: String,
    },
    /// Fills a number of digits only with zeros on the left, up to `width` characters.
    ZeroPad {
        /// Number of digits.
        width: u8,
    },
    /// Takes every character of `separators` away, where something is left.
    RemoveSeparators {
        /// For example `-. /`.
        separators: String,
    },
    /// Turns the letters a to z into A to Z.
    UpperCase,
}

impl CanonicalRule {
    fn apply(&self, value: String) -> String {
        let kept = |rest: Option<&str>| rest.filter(|rest| !rest.is_empty()).map(str::to_owned);
        match self {
            Self::StripPrefix { prefix } => {
                kept(value.strip_prefix(prefix.as_str())).unwrap_or(value)
            }
            Self::StripSuffix { suffix } => {
                kept(value.strip_suffix(suffix.as_str())).unwrap_or(value)
            }
            Self::ZeroPad { width } if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("{value:0>width$}", width = usize::from(*width))
            }
            Self::ZeroPad { .. } => value,
            Self::RemoveSeparators { separators } => {
                let rest = value.replace(|character| separators.contains(character), "");
                kept(Some(&rest)).unwrap_or(value)
            }
            Self::UpperCase => value.to_ascii_uppercase(),
        }
    }
}

/// How a site reads the numbers and identifiers that its senders write.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct AccessionPolicy {
    /// Issuer of accession numbers that name none.
    pub default_issuer: Option<Issuer>,
    /// Assigning authority of patient identifiers that name none.
    pub patient_authority: Option<Issuer>,
    /// Applied in this order.
    pub rules: Vec<CanonicalRule>,
}

impl AccessionPolicy {
    /// The value after all declared rules, in their order.
    pub fn canonical(&self, value: &str) -> String {
        self.rules.iter().fold(value.to_owned(), |value, rule| rule.apply(value))
    }

    /// Who issued the number: the issuer it names, else the site's default.
    pub fn issuer_of<'a>(&'a self, accession: &'a AccessionNumber) -> Option<&'a Issuer> {
        accession.issuer().or(self.default_issuer.as_ref())
    }
}

/// Whether a value can identify an order or a patient: no placeholder such as `0`, `NONE` or `9999`, no wildcard
/// (`*`, `?`, `%`), and one value only (no `\`, DICOM's value separator).
///
/// An underscore is an ordinary character here although SQL reads it as a wildcard: every look-up compares whole
/// values for equality.
pub fn is_identifying(value: &str) -> bool {
    let value = value.trim_matches([' ', '\0']);
    let placeholder = PLACEHOLDERS.iter().any(|word| word.eq_ignore_ascii_case(value));
    let only = |characters: &[char]| value.chars().all(|one| characters.contains(&one));
    let nines = value.len() >= 3 && only(&['9']);
    !(value.is_empty()
        || placeholder
        || nines
        || only(&['0'])
        || only(&['x', 'X'])
        || only(&['-', '.', '_', '/', ' '])
        || value.contains(['*', '?', '%', '\\']))
}

/// Words that senders write where they know no number.
const PLACEHOLDERS: [&str; 14] = [
    "NONE",
    "UNKNOWN",
    "UNK",
    "NULL",
    "NIL",
    "NA",
    "N/A",
    "N.A.",
    "NO",
    "TBD",
    "TEST",
    "EMPTY",
    "MISSING",
    "UNDEFINED",
];

#[cfg(test)]
mod tests {
    use super::{AccessionPolicy, CanonicalRule, is_identifying};

    #[derive(serde::Deserialize)]
    struct Written {
        rules: Vec<CanonicalRule>,
    }

    #[track_caller]
    fn check(rules: &str, value: &str, canonical: &str) {
        let written: Written = toml::from_str(&format!("rules = [{rules}]")).unwrap();
        let policy = AccessionPolicy { rules: written.rules, ..AccessionPolicy::default() };
        assert_eq!(policy.canonical(value), canonical);
    }

    #[test]
    fn nothing_is_normalised_without_a_rule() {
        check("", "n-0012 /a", "n-0012 /a");
    }

    #[test]
    fn a_declared_prefix_or_suffix_goes_once() {
        let prefix = r#"{ rule = "strip_prefix", prefix = "N-" }"#;
        check(prefix, "N-1234", "1234");
        check(prefix, "N-N-1234", "N-1234");
        check(prefix, "n-1234", "n-1234");
        check(prefix, "N-", "N-");
        check(r#"{ rule = "strip_suffix", suffix = ".HB" }"#, "1234.HB", "1234");
    }

    #[test]
    fn only_digits_are_padded_with_zeros() {
        let pad = r#"{ rule = "zero_pad", width = 8 }"#;
        check(pad, "1234", "00001234");
        check(pad, "123456789", "123456789");
        check(pad, "A1234", "A1234");
    }

    #[test]
    fn separators_and_case_go_where_declared() {
        check(r#"{ rule = "remove_separators", separators = "-. /" }"#, "24-000 123", "24000123");
        check(r#"{ rule = "remove_separators", separators = "-" }"#, "--", "--");
        check(r#"{ rule = "upper_case" }"#, "ct12é", "CT12é");
    }

    #[test]
    fn rules_are_applied_in_their_order() {
        let pad = r#"{ rule = "zero_pad", width = 6 }"#;
        let strip = r#"{ rule = "strip_prefix", prefix = "N" }"#;
        check(&format!("{strip}, {pad}"), "N12", "000012");
        check(&format!("{pad}, {strip}"), "N12", "12");
    }

    #[test]
    fn an_unknown_rule_or_field_is_an_error() {
        for text in [r#"{ rule = "guess" }"#, r#"{ rule = "zero_pad", width = 8, fill = "x" }"#] {
            assert!(toml::from_str::<Written>(&format!("rules = [{text}]")).is_err());
        }
    }

    #[test]
    fn placeholders_and_wildcards_identify_nothing() {
        for value in [
            "", " ", "0", "0000", "NONE", "none", "Unknown", "N/A", "999", "99999999", "---",
            "XXX", "A*", "A?1", "%", "___", "A1\\A2",
        ] {
            assert!(!is_identifying(value), "{value}");
        }
        for value in ["1", "99", "A_1", "1000", "X1", "2024-XR-1"] {
            assert!(is_identifying(value), "{value}");
        }
    }
}
