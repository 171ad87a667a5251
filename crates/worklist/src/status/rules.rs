//! What a site declares about how its orders go on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the order controls of a site are taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StatusRules {
    /// Which time of a message says when what it tells has happened.
    pub event_time: EventTime,
    /// What a cancellation does to a step that has started.
    pub started_cancel: StartedCancel,
    /// How long what was told of an unknown order waits for the order.
    pub tombstone: Duration,
    /// What a change of an unknown order does.
    pub unknown_change: UnknownChange,
}

impl Default for StatusRules {
    fn default() -> Self {
        Self {
            event_time: EventTime::Transaction,
            started_cancel: StartedCancel::Park,
            tombstone: Duration::from_secs(24 * 3600),
            unknown_change: UnknownChange::Create,
        }
    }
}

/// Which time of a message says when what it tells has happened.
///
/// ORC-9 is "the date and time of the event that initiated the current transaction", and "not equivalent to MSH-7" (HL7
/// 2.5.1 section 4.5.1.9): an engine that sends a message again gives it a new MSH-7, and an old order sent again must not
/// reopen what was cancelled since. ORC-15 is when a change takes effect, which may lie ahead, and orders nothing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventTime {
    /// MSH-7, for senders that repeat in ORC-9 when the order was first entered.
    Message,
    /// ORC-9 where it names at least a minute that is not after MSH-7; else MSH-7.
    Transaction,
}

/// What a cancellation does to a step that has started: HL7 has `DC` for that, since images may exist.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StartedCancel {
    /// It is discontinued.
    Discontinue,
    /// The message is parked for a person.
    Park,
}

/// What a change of an unknown order does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownChange {
    /// The order is created, with a finding.
    Create,
    /// The message is parked.
    Park,
}
