//! How the steps of a site's worklist come to their ends.

use std::time::Duration;

use serde::Deserialize;
use telerad_worklist::{EventTime, StartedCancel, StatusRules, UnknownChange};

/// How the steps of a site's worklist come to their ends, and how its order controls are taken.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Steps {
    /// A step of which nothing was heard for so many hours after its start is ended: cancelled, or discontinued if it had
    /// started. Without it, steps wait for good.
    pub idle_hours: Option<u64>,
    /// The steps of an order are completed so many minutes after the last image of its study came. Without it, images end
    /// no step.
    pub study_received_minutes: Option<u64>,
    /// What a cancellation does to a step that has started: `park` (default) or `discontinue`.
    pub started_cancel: Option<StartedCancel>,
    /// What a change of an unknown order does: `create` (default) or `park`.
    pub unknown_change: Option<UnknownChange>,
    /// When what a message tells has happened: `transaction` (ORC-9, else MSH-7; default) or `message` (MSH-7).
    pub event_time: Option<EventTime>,
    /// For how many hours what is told of an unknown order waits for it: 24 by default.
    pub tombstone_hours: Option<u32>,
}

impl Steps {
    /// How order controls are taken.
    pub fn rules(&self) -> StatusRules {
        let default = StatusRules::default();
        let hours = |hours| Duration::from_secs(u64::from(hours) * 3600);
        StatusRules {
            event_time: self.event_time.unwrap_or(default.event_time),
            started_cancel: self.started_cancel.unwrap_or(default.started_cancel),
            tombstone: self.tombstone_hours.map_or(default.tombstone, hours),
            unknown_change: self.unknown_change.unwrap_or(default.unknown_change),
        }
    }

    /// How long nothing may be heard of a step.
    pub fn idle(&self) -> Option<Duration> {
        self.idle_hours.map(|hours| Duration::from_secs(hours.saturating_mul(3600)))
    }

    /// How long after the last image a step is completed.
    pub fn study_received(&self) -> Option<Duration> {
        let minutes = self.study_received_minutes;
        minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use telerad_worklist::{EventTime, StartedCancel, StatusRules, UnknownChange};

    use super::Steps;

    #[test]
    fn what_is_not_said_is_the_default() {
        let steps: Steps = toml::from_str("").unwrap();
        assert_eq!(steps.rules(), StatusRules::default());
        assert_eq!((steps.idle(), steps.study_received()), (None, None));
    }

    #[test]
    fn every_rule_can_be_said() {
        let text = "idle_hours = 72\nstudy_received_minutes = 5\nstarted_cancel = 'discontinue'\n\
                    unknown_change = 'park'\nevent_time = 'message'\ntombstone_hours = 2";
        let steps: Steps = toml::from_str(text).unwrap();
        let rules = StatusRules {
            event_time: EventTime::Message,
            started_cancel: StartedCancel::Discontinue,
            tombstone: Duration::from_secs(7200),
            unknown_change: UnknownChange::Park,
        };
        assert_eq!(steps.rules(), rules);
        assert_eq!(steps.idle(), Some(Duration::from_secs(72 * 3600)));
        assert_eq!(steps.study_received(), Some(Duration::from_secs(300)));
        assert!(toml::from_str::<Steps>("idle_minutes = 1").is_err());
    }
}
