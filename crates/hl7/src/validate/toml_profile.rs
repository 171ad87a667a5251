//! Profiles of a site's own, written in TOML.

use serde::Deserialize;

use super::profile::Profile;
use super::rule::{Condition, InvalidRule, Requirement, Rule, places};
use crate::tables::Version;

/// Why a text is no profile.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProfile {
    /// It is no TOML, or has keys that a profile does not have. The words are those of the reader, with the line.
    #[error("not a profile: {0}")]
    Toml(String),
    /// One of its rules is none.
    #[error("rule {number}: {fault}")]
    Rule {
        /// Which rule, from 1.
        number: usize,
        /// What is wrong with it.
        fault: InvalidRule,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default)]
    messages: Vec<String>,
    #[serde(default)]
    uses_ihe_usage: bool,
    #[serde(default)]
    checks_lengths: bool,
    #[serde(default)]
    rule: Vec<WrittenRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    place: String,
    usage: String,
    version: Option<String>,
    #[serde(default)]
    values: Vec<String>,
    when: Option<WrittenCondition>,
    severity: Option<String>,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCondition {
    place: String,
    #[serde(default)]
    values: Vec<String>,
}

impl Profile {
    /// Reads a profile written in TOML.
    ///
    /// ```
    /// use telerad_hl7::validate::Profile;
    ///
    /// let profile = Profile::from_toml(
    ///     r#"
    ///     name = "north"
    ///     messages = ["ORM^O01"]
    ///
    ///     [[rule]]
    ///     place = "OBR-18|ORC-3"
    ///     usage = "R"
    ///     when = { place = "ORC-1", values = ["NW"] }
    ///     severity = "warning"
    ///     text = "north numbers every new order"
    ///     "#,
    /// )?;
    /// assert_eq!(profile.rules.len(), 1);
    /// # Ok::<(), telerad_hl7::validate::InvalidProfile>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidProfile`] says which line or rule is wrong.
    pub fn from_toml(text: &str) -> Result<Self, InvalidProfile> {
        let written: Written =
            toml::from_str(text).map_err(|error| InvalidProfile::Toml(error.to_string()))?;
        let Written { name, messages, uses_ihe_usage, checks_lengths, rule } = written;
        let rules = rule.into_iter().zip(1..).map(|(rule, number)| {
            rule.read().map_err(|fault| InvalidProfile::Rule { number, fault })
        });
        let rules = rules.collect::<Result<_, _>>()?;
        Ok(Self { name, messages, uses_ihe_usage, checks_lengths, rules })
    }
}

impl WrittenRule {
    fn read(self) -> Result<Rule, InvalidRule> {
        let version = match self.version.as_deref() {
            None => None,
            Some("2.3.1") => Some(Version::V2_3_1),
            Some("2.5.1") => Some(Version::V2_5_1),
            Some(_) => return Err(InvalidRule::Version),
        };
        let severity = match self.severity.as_deref() {
            None => None,
            Some(word) => Some(word.parse()?),
        };
        let condition = match self.when {
            None => None,
            Some(WrittenCondition { place, values }) => {
                let place = place.parse().map_err(|_| InvalidRule::Place)?;
                Some(Condition { place, values })
            }
        };
        let rule = Rule {
            version,
            places: places(&self.place)?,
            requirement: Requirement::read(&self.usage).ok_or(InvalidRule::Usage)?,
            values: self.values,
            condition,
            severity,
            text: self.text,
        };
        rule.checked()
    }
}
