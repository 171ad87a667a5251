//! Profiles of a site's own, written in TOML.

use serde::Deserialize;
use toml::Spanned;

use super::adjustment::Adjustment;
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
    /// `base` names no profile that is built in.
    #[error(
        "no profile is called {0:?}: `base` is order, report, RAD-1 to RAD-4, RAD-12, RAD-13, RAD-28, RAD-128 or \
         TLR-FR-1 to TLR-FR-4"
    )]
    Base(String),
    /// One of its adjustments of findings is none.
    #[error("finding {number} (line {line}): {fault}")]
    Finding {
        /// Which `[[finding]]`, from 1.
        number: usize,
        /// The line where it begins, from 1.
        line: usize,
        /// What is wrong with it.
        fault: InvalidRule,
    },
    /// One of its rules is none.
    #[error("rule {number} (line {line}): {fault}")]
    Rule {
        /// The line where it begins, from 1.
        line: usize,
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
    base: Option<String>,
    messages: Option<Vec<String>>,
    uses_ihe_usage: Option<bool>,
    #[serde(default)]
    checks_lengths: bool,
    #[serde(default)]
    finding: Vec<Spanned<WrittenAdjustment>>,
    #[serde(default)]
    rule: Vec<Spanned<WrittenRule>>,
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
struct WrittenAdjustment {
    code: Option<String>,
    place: Option<String>,
    severity: String,
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
    /// | key | meaning | unless given |
    /// |---|---|---|
    /// | `name` | how the profile is called | has to be given |
    /// | `base` | a built-in profile ([`Profile::named`]) whose rules hold as well | none |
    /// | `messages` | the messages that it is for: `ORM^O01`, `ADT` | those of the base, else all |
    /// | `uses_ihe_usage` | also ask for the fields that IHE RAD requires | as in the base, else `false` |
    /// | `checks_lengths` | also tell of values longer than the standard prints | `false` |
    /// | `[[rule]]` | one more rule; `place`, `usage`, `values`, `when`, `version` are those of [`Rule`] | |
    /// | `[[finding]]` | makes findings of a `code` ([`FindingCode`](super::FindingCode)), at a `place`, or both of a `severity`: `error`, `warning`, `information`, or `none` to silence them | |
    ///
    /// A `[[rule]]` has a `severity` and a `text` as well, for its own breach.
    ///
    /// ```
    /// use telerad_hl7::validate::Profile;
    ///
    /// let profile = Profile::from_toml(
    ///     r#"
    ///     name = "north"
    ///     base = "RAD-4"
    ///     messages = ["ORM^O01"]
    ///
    ///     [[rule]]
    ///     place = "OBR-18|ORC-3"
    ///     usage = "R"
    ///     when = { place = "ORC-1", values = ["NW"] }
    ///     severity = "warning"
    ///     text = "north numbers every new order"
    ///
    ///     ## Codes of our own in OBX are welcome …
    ///     [[finding]]
    ///     code = "code-unknown"
    ///     place = "OBX"
    ///     severity = "none"
    ///
    ///     ## … but a time that is none is refused.
    ///     [[finding]]
    ///     code = "datatype-invalid"
    ///     severity = "error"
    ///     "#,
    /// )?;
    /// assert_eq!(profile.rules.last().map(|rule| rule.places.len()), Some(2));
    /// assert_eq!(profile.adjustments.len(), 2);
    /// # Ok::<(), telerad_hl7::validate::InvalidProfile>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidProfile`] says which line or rule is wrong.
    pub fn from_toml(text: &str) -> Result<Self, InvalidProfile> {
        let written: Written =
            toml::from_str(text).map_err(|error| InvalidProfile::Toml(error.to_string()))?;
        let mut profile = match written.base {
            None => Self::default(),
            Some(base) => Self::named(&base).ok_or(InvalidProfile::Base(base))?,
        };
        profile.name = written.name;
        profile.messages = written.messages.unwrap_or(profile.messages);
        profile.uses_ihe_usage = written.uses_ihe_usage.unwrap_or(profile.uses_ihe_usage);
        profile.checks_lengths = written.checks_lengths;
        for (rule, number) in written.rule.into_iter().zip(1..) {
            let line = line_of(text, rule.span().start);
            let rule = rule.into_inner().read();
            profile.rules.push(rule.map_err(|fault| InvalidProfile::Rule {
                line,
                number,
                fault,
            })?);
        }
        for (finding, number) in written.finding.into_iter().zip(1..) {
            let line = line_of(text, finding.span().start);
            let adjustment = finding.into_inner().read();
            profile.adjustments.push(adjustment.map_err(|fault| InvalidProfile::Finding {
                number,
                line,
                fault,
            })?);
        }
        Ok(profile)
    }
}

impl WrittenAdjustment {
    fn read(self) -> Result<Adjustment, InvalidRule> {
        let place = self.place.map(|place| place.trim().parse().map_err(|_| InvalidRule::Place));
        let adjustment = Adjustment {
            code: self.code.map(|code| code.parse()).transpose()?,
            place: place.transpose()?,
            severity: match self.severity.as_str() {
                "none" => None,
                word => Some(word.parse().map_err(|_| InvalidRule::AdjustedSeverity)?),
            },
        };
        match adjustment {
            Adjustment { code: None, place: None, .. } => Err(InvalidRule::Everything),
            _ => Ok(adjustment),
        }
    }
}

/// The line of a byte, from 1.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
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
