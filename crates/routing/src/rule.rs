//! Routing rules.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use telerad_core::{SiteId, Timestamp};

use crate::{DestinationId, InstanceRecord, Predicate, Schedule};

/// One routing rule: what it matches and where that goes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name in the journal; unique in the set.
    pub id: String,
    /// The site whose studies it is for; `None` = every site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// The condition; the empty one always holds.
    #[serde(default)]
    pub when: Predicate,
    /// When the rule applies, by the time at which a study is decided; absent = always. A study that is being acquired
    /// when that ends goes on to where its first instance went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Schedule>,
    /// Where a match goes; at least one destination or group.
    pub send_to: Vec<DestinationId>,
}

impl Rule {
    /// Whether the rule is for this instance's site, applies now, and its condition holds.
    pub fn matches(&self, instance: &InstanceRecord, now: Timestamp) -> bool {
        self.site.as_ref().is_none_or(|site| *site == instance.site)
            && self.during.as_ref().is_none_or(|during| during.runs(now))
            && self.when.holds(instance)
    }
}

/// All rules of a gateway. Every rule that matches adds its destinations.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// The rules, in the order of the configuration.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// What the rules say of one instance.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Wanted {
    /// Identifiers of the rules that matched, in their order.
    pub rules: Vec<String>,
    /// The union of their destinations, each once, in order of first mention.
    pub destinations: Vec<DestinationId>,
}

impl RuleSet {
    /// A short text that is equal for equal rule sets, on every machine and in every later build: 16 hexadecimal
    /// digits. A study's decision names the version that made it.
    pub fn version(&self) -> String {
        let mut text = String::new();
        for rule in &self.rules {
            let site = rule.site.as_ref().map_or("", SiteId::as_str);
            let send_to: Vec<&str> = rule.send_to.iter().map(DestinationId::as_str).collect();
            text += &format!("{:?} {site:?} {} {send_to:?}", rule.id, rule.when);
            if let Some(during) = &rule.during {
                text += &format!(" during {during}");
            }
            text.push('\n');
        }
        let digest = crate::Digest::of(text.as_bytes());
        digest.to_string().chars().take(16).collect()
    }

    /// Everything that the matching rules want for this instance when it is decided now.
    pub fn wanted(&self, instance: &InstanceRecord, now: Timestamp) -> Wanted {
        let mut wanted = Wanted::default();
        for rule in self.rules.iter().filter(|rule| rule.matches(instance, now)) {
            wanted.rules.push(rule.id.clone());
            for destination in &rule.send_to {
                if !wanted.destinations.contains(destination) {
                    wanted.destinations.push(destination.clone());
                }
            }
        }
        wanted
    }

    /// Checks what the types cannot: names are unique, every rule sends somewhere, and only to known destinations and
    /// groups.
    ///
    /// # Errors
    /// The first [`InvalidRule`] in the order of the rules.
    pub fn check(&self, known: &[DestinationId]) -> Result<(), InvalidRule> {
        let mut names = BTreeSet::new();
        for rule in &self.rules {
            let id = rule.id.clone();
            if id.is_empty() {
                return Err(InvalidRule::NoId);
            }
            if !names.insert(&rule.id) {
                return Err(InvalidRule::RepeatedId { id });
            }
            if rule.send_to.is_empty() {
                return Err(InvalidRule::NoDestination { id });
            }
            if rule.during.as_ref().is_some_and(Schedule::names_lanes) {
                return Err(InvalidRule::LanesInRule { id });
            }
            if let Some(unknown) = rule.send_to.iter().find(|wanted| !known.contains(wanted)) {
                let destination = unknown.clone();
                return Err(InvalidRule::UnknownDestination { id, destination });
            }
        }
        Ok(())
    }
}

/// Why a rule set cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRule {
    /// A rule that applies to lanes at certain times, although lanes are not known before rules.
    #[error("rule `{id}`: windows of a rule have no lanes")]
    LanesInRule {
        /// The rule.
        id: String,
    },
    /// A rule sends nowhere: what it matches would vanish.
    #[error("rule `{id}` names no destination")]
    NoDestination {
        /// The rule.
        id: String,
    },
    /// A rule without a name.
    #[error("a rule has an empty id")]
    NoId,
    /// Two rules have one name.
    #[error("rule id `{id}` is used twice")]
    RepeatedId {
        /// The name.
        id: String,
    },
    /// A rule sends to a destination that is not configured.
    #[error("rule `{id}` sends to `{destination}`, which is not a destination")]
    UnknownDestination {
        /// The rule.
        id: String,
        /// The name that nothing has.
        destination: DestinationId,
    },
}
