//! Declared canonicalisation of accession numbers, and values that identify nothing.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use telerad_core::{AccessionNumber, Issuer};

/// One declared step from what senders write to what the issuer wrote.
///
/// Written in configuration as `{ rule = "strip_prefix", prefix = "N-" }`. A rule is a statement of the site about its
/// senders; nothing is normalised without one. [`RuleCheck`](crate::RuleCheck) says whether the rules keep the site's own
/// numbers apart.
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
    /// Somebody on the way cuts numbers to `characters`, as SH does at 16. A number of exactly this length may then be the
    /// beginning of a longer one; two longer ones that begin alike stay two. Counted after all other rules, wherever it stands.
    Cut {
        /// How many are left.
        characters: u8,
    },
    /// A number that holds one of `separators` is a list of numbers, each of an order of its own:
    /// [`Claim::numbered`](crate::Claim::numbered). It changes no number.
    List {
        /// For example `;+`, or the backslash, DICOM's value separator.
        separators: String,
    },
    /// Applies `rules` to the numbers of `issuer` only.
    ForIssuer {
        /// Whose numbers.
        issuer: Issuer,
        /// Applied in this order.
        rules: Vec<CanonicalRule>,
    },
    /// A number that names no issuer and begins with `prefix` is one of `issuer`, which writes it without the prefix.
    PrefixOfIssuer {
        /// For example `HOSP1-`.
        prefix: String,
        /// Who issued it.
        issuer: Issuer,
    },
}

impl CanonicalRule {
    fn apply<'a>(&self, value: Cow<'a, str>, issuer: Option<&Issuer>) -> Cow<'a, str> {
        let changed: Option<String> = match self {
            Self::StripPrefix { prefix } => without_prefix(&value, prefix).map(str::to_owned),
            Self::StripSuffix { suffix } => {
                let rest = value.strip_suffix(suffix.as_str());
                rest.filter(|rest| !rest.is_empty()).map(str::to_owned)
            }
            Self::ZeroPad { width } if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                let width = usize::from(*width);
                (value.len() < width).then(|| format!("{value:0>width$}"))
            }
            Self::RemoveSeparators { separators } => {
                let rest = value.replace(|character| separators.contains(character), "");
                (!rest.is_empty()).then_some(rest)
            }
            Self::UpperCase => Some(value.to_ascii_uppercase()),
            Self::ForIssuer { issuer: other, rules } if is_of(issuer, other) => {
                return rules.iter().fold(value, |value, rule| rule.apply(value, issuer));
            }
            Self::PrefixOfIssuer { prefix, issuer: other } if is_of(issuer, other) => {
                without_prefix(&value, prefix).map(str::to_owned)
            }
            Self::Cut { .. }
            | Self::ForIssuer { .. }
            | Self::List { .. }
            | Self::PrefixOfIssuer { .. }
            | Self::ZeroPad { .. } => None,
        };
        changed.map_or(value, Cow::Owned)
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
    /// The value after all declared rules, in their order, as a number that names no issuer.
    pub fn canonical(&self, value: &str) -> String {
        self.whole(value, self.issuer_named(value, None)).into_owned()
    }

    /// Who issued the number: the issuer it names, else the one its prefix is declared for, else the site's default.
    pub fn issuer_of<'a>(&'a self, accession: &'a AccessionNumber) -> Option<&'a Issuer> {
        self.issuer_named(accession.value(), accession.issuer())
    }

    pub(crate) fn issuer_named<'a>(
        &'a self,
        value: &str,
        named: Option<&'a Issuer>,
    ) -> Option<&'a Issuer> {
        let by_prefix = |rule: &'a CanonicalRule| match rule {
            CanonicalRule::PrefixOfIssuer { prefix, issuer } => {
                without_prefix(value, prefix).map(|_| issuer)
            }
            _ => None,
        };
        named.or_else(|| self.rules.iter().find_map(by_prefix)).or(self.default_issuer.as_ref())
    }

    /// The value of a number of `issuer` after all declared rules, uncut.
    pub(crate) fn whole<'a>(&self, value: &'a str, issuer: Option<&Issuer>) -> Cow<'a, str> {
        self.rules.iter().fold(Cow::Borrowed(value), |value, rule| rule.apply(value, issuer))
    }

    /// To how many characters numbers of `issuer` may have been cut.
    pub(crate) fn cut(&self, issuer: Option<&Issuer>) -> Option<usize> {
        fn of(rules: &[CanonicalRule], issuer: Option<&Issuer>) -> Option<usize> {
            rules.iter().find_map(|rule| match rule {
                CanonicalRule::Cut { characters } => Some(usize::from(*characters)),
                CanonicalRule::ForIssuer { issuer: other, rules } if is_of(issuer, other) => {
                    of(rules, issuer)
                }
                _ => None,
            })
        }
        of(&self.rules, issuer).filter(|characters| *characters > 0)
    }

    /// Whether `character` separates several numbers in one value.
    pub(crate) fn separates(&self, character: char, issuer: Option<&Issuer>) -> bool {
        fn of(rules: &[CanonicalRule], character: char, issuer: Option<&Issuer>) -> bool {
            rules.iter().any(|rule| match rule {
                CanonicalRule::List { separators } => separators.contains(character),
                CanonicalRule::ForIssuer { issuer: other, rules } if is_of(issuer, other) => {
                    of(rules, character, issuer)
                }
                _ => false,
            })
        }
        of(&self.rules, character, issuer)
    }

    /// The texts beside the number as written under which it is looked up: whole after the rules, and cut.
    pub(crate) fn texts<'a>(
        &self,
        value: &'a str,
        issuer: Option<&Issuer>,
    ) -> (Option<Cow<'a, str>>, Option<String>) {
        if self.rules.is_empty() {
            return (None, None);
        }
        let whole = self.whole(value, issuer);
        let stem = self.cut(issuer).and_then(|characters| stem(&whole, characters));
        let stem = stem.filter(|stem| is_identifying(stem) && *stem != value).map(str::to_owned);
        (Some(whole).filter(|whole| *whole != value && is_identifying(whole)), stem)
    }
}

/// The first `characters` of a longer value; `None` when it is not longer.
pub(crate) fn stem(value: &str, characters: usize) -> Option<&str> {
    value.char_indices().nth(characters).and_then(|(end, _)| value.get(..end))
}

fn without_prefix<'a>(value: &'a str, prefix: &str) -> Option<&'a str> {
    value.strip_prefix(prefix).filter(|rest| !rest.is_empty() && !prefix.is_empty())
}

fn is_of(issuer: Option<&Issuer>, other: &Issuer) -> bool {
    issuer.is_some_and(|issuer| issuer.agrees_with(other))
}

/// Whether a value can identify an order or a patient: no placeholder such as `0`, `NONE` or `9999`, no wildcard
/// (`*`, `?`, `%`), and one value only (no `\`, DICOM's value separator).
///
/// An underscore is an ordinary character here although SQL reads it as a wildcard: every look-up compares whole
/// values for equality.
pub fn is_identifying(value: &str) -> bool {
    let value = value.trim_matches([' ', '\0']);
    // Every decision asks this of every value, so that the bytes are looked at once.
    let (mut zeros, mut nines, mut exes, mut signs) = (true, true, true, true);
    for byte in value.bytes() {
        if matches!(byte, b'*' | b'?' | b'%' | b'\\') {
            return false;
        }
        zeros &= byte == b'0';
        nines &= byte == b'9';
        exes &= matches!(byte, b'x' | b'X');
        signs &= matches!(byte, b'-' | b'.' | b'_' | b'/' | b' ');
    }
    let is_word = value.len() <= WORD_BYTES_MAX
        && PLACEHOLDERS.iter().any(|word| word.eq_ignore_ascii_case(value));
    // An empty value is all of each.
    !(zeros || exes || signs || nines && value.len() >= 3 || is_word)
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

/// Of the longest of them.
const WORD_BYTES_MAX: usize = 9;

#[cfg(test)]
mod tests {
    use telerad_core::{AccessionNumber, Issuer};

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
    fn rules_of_one_issuer_leave_the_others_alone() {
        let rules = r#"{ rule = "for_issuer", issuer = { namespace = "SOUTH" }, rules = [
            { rule = "strip_prefix", prefix = "S" }, { rule = "cut", characters = 16 }] }"#;
        let written: Written =
            toml::from_str(&format!("rules = [{}]", rules.replace('\n', " "))).unwrap();
        let policy = AccessionPolicy { rules: written.rules, ..AccessionPolicy::default() };
        let [south, north] = ["SOUTH", "NORTH"].map(|name| Issuer::local(name).unwrap());
        assert_eq!(policy.whole("S12", Some(&south)), "12");
        assert_eq!(policy.whole("S12", Some(&north)), "S12");
        assert_eq!(policy.canonical("S12"), "S12");
        assert_eq!(
            [Some(&south), Some(&north), None].map(|one| policy.cut(one)),
            [Some(16), None, None]
        );
    }

    #[test]
    fn a_declared_prefix_names_the_issuer_of_a_number_that_names_none() {
        let [hosp, north, south] =
            ["HOSP1", "NORTH", "SOUTH"].map(|name| Issuer::local(name).unwrap());
        let policy = AccessionPolicy {
            default_issuer: Some(north.clone()),
            rules: vec![CanonicalRule::PrefixOfIssuer {
                prefix: "HOSP1-".to_owned(),
                issuer: hosp.clone(),
            }],
            ..AccessionPolicy::default()
        };
        let number =
            |value, issuer: Option<&Issuer>| AccessionNumber::new(value, issuer.cloned()).unwrap();
        assert_eq!(policy.issuer_of(&number("HOSP1-7", None)), Some(&hosp));
        assert_eq!(policy.issuer_of(&number("7", None)), Some(&north));
        assert_eq!(policy.issuer_of(&number("HOSP1-", None)), Some(&north));
        assert_eq!(policy.issuer_of(&number("HOSP1-7", Some(&south))), Some(&south));
        assert_eq!(policy.canonical("HOSP1-7"), "7");
        assert_eq!(policy.whole("HOSP1-7", Some(&south)), "HOSP1-7");
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
