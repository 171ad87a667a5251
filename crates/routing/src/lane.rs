//! Which lane a study goes in.

use serde::{Deserialize, Serialize};
use telerad_core::{Priority, SiteId};

use crate::{InstanceRecord, OneOf, Predicate};

/// What an order says of how urgent its study is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OrderFacts {
    /// Its priority.
    pub priority: Priority,
    /// Where the patient is: PV1-3 (HL7 2.5.1 section 3.4.3.3), point of care first.
    pub location: String,
    /// PV1-2, of HL7 table 0004: `E` emergency, `I` inpatient, `O` outpatient.
    pub patient_class: String,
}

/// One rule that says how urgent a study is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LaneRule {
    /// Its name in the journal; unique among the lane rules.
    pub id: String,
    /// The site whose studies it is for; absent = every site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// The order's location begins with one of these; case is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_starts_with: Option<OneOf<String>>,
    /// The order's patient class is one of these; case is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_class: Option<OneOf<String>>,
    /// A condition on the instance: source, modality and whatever else routing rules know.
    #[serde(default)]
    pub when: Predicate,
    /// The lane: `stat`, `high`, `routine`, `medium` or `low`.
    #[serde(with = "word")]
    pub lane: Priority,
}

/// How lanes are chosen. The lane of a delivery is its [`Priority`]; images themselves rarely say anything of it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LaneRules {
    /// The rules, in the order of the configuration; the first that matches decides.
    #[serde(default)]
    pub rules: Vec<LaneRule>,
}

/// The lane of an instance: what the first rule that matches says, else what the order says, else routine.
///
/// An order that says STAT is never lowered: whoever wrote that expects it to hold. A rule with a condition on the
/// order does not match without one.
pub fn lane(rules: &LaneRules, order: Option<&OrderFacts>, instance: &InstanceRecord) -> Priority {
    let ordered = order.map(|order| order.priority);
    if ordered == Some(Priority::Stat) {
        return Priority::Stat;
    }
    let matching = rules.rules.iter().find(|rule| rule.matches(order, instance));
    matching.map(|rule| rule.lane).or(ordered).unwrap_or_default()
}

impl LaneRule {
    /// Whether the rule is for this instance's site and all its conditions hold.
    pub fn matches(&self, order: Option<&OrderFacts>, instance: &InstanceRecord) -> bool {
        let location = order.map(|order| fold(&order.location));
        let class = order.map(|order| fold(&order.patient_class));
        self.site.as_ref().is_none_or(|site| *site == instance.site)
            && given(self.location_starts_with.as_ref(), location, |value, wanted| {
                value.starts_with(wanted)
            })
            && given(self.patient_class.as_ref(), class, |value, wanted| value == wanted)
            && self.when.holds(instance)
    }
}

/// A missing value matches nothing, not even an empty wish.
fn given(
    field: Option<&OneOf<String>>,
    value: Option<String>,
    holds: impl Fn(&str, &str) -> bool,
) -> bool {
    let Some(wanted) = field else { return true };
    value.is_some_and(|value| {
        !value.is_empty() && wanted.values().iter().any(|wanted| holds(&value, &fold(wanted)))
    })
}

fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// The word for a lane in configurations and tables.
pub fn lane_name(lane: Priority) -> &'static str {
    match lane {
        Priority::Stat => "stat",
        Priority::High => "high",
        Priority::Routine => "routine",
        Priority::Medium => "medium",
        Priority::Low => "low",
    }
}

/// The lane that a word of [`lane_name`] stands for.
///
/// # Errors
/// [`UnknownLane`] for any other word.
pub fn parse_lane(text: &str) -> Result<Priority, UnknownLane> {
    let known = LANES.into_iter().find(|lane| lane_name(*lane) == text);
    known.ok_or_else(|| UnknownLane { text: text.to_owned() })
}

/// A word that stands for no lane.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("lane `{text}` is unknown; expected stat, high, routine, medium or low")]
pub struct UnknownLane {
    /// The word.
    pub text: String,
}

/// Every lane, most urgent first.
pub(crate) const LANES: [Priority; 5] =
    [Priority::Stat, Priority::High, Priority::Routine, Priority::Medium, Priority::Low];

mod word {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use telerad_core::Priority;

    pub(super) fn serialize<S: Serializer>(
        lane: &Priority,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(super::lane_name(*lane))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Priority, D::Error> {
        super::parse_lane(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
