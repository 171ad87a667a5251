//! What waited during an outage may no longer be wanted.

use telerad_core::Timestamp;

use crate::{DeliveryRecord, DeliveryState};

/// What happened to a study.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StudyFacts {
    /// When its order was cancelled last.
    pub cancelled_at: Option<Timestamp>,
    /// When a report for it came last.
    pub reported_at: Option<Timestamp>,
}

/// Why a delivery waits for a person after an outage.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StaleReason {
    /// Its order was cancelled while the destination was down.
    Cancelled,
    /// A report came while the destination was down: somebody has read it elsewhere.
    Reported,
}

impl StaleReason {
    /// In words for a person.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "its order was cancelled while the destination was down",
            Self::Reported => "its study was reported while the destination was down",
        }
    }
}

impl std::fmt::Display for StaleReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a delivery that waited through an outage still goes out by itself: `None` when it does.
///
/// A study that was read somewhere else meanwhile, or is no longer ordered, is not sent to be read again unless a
/// person says so. What was queued after the report came was decided with it in view.
pub fn after_outage(
    delivery: &DeliveryRecord,
    study: StudyFacts,
    outage_began: Timestamp,
) -> Option<StaleReason> {
    if delivery.state != DeliveryState::Pending {
        return None;
    }
    let meanwhile =
        |at: Option<Timestamp>| at.is_some_and(|at| at >= outage_began && at >= delivery.queued_at);
    if meanwhile(study.cancelled_at) {
        Some(StaleReason::Cancelled)
    } else if meanwhile(study.reported_at) {
        Some(StaleReason::Reported)
    } else {
        None
    }
}

/// The delivery as it waits for a person.
pub fn set_stale(delivery: &DeliveryRecord, reason: StaleReason) -> DeliveryRecord {
    let state = DeliveryState::Parked { reason: reason.to_string() };
    DeliveryRecord { state, ..delivery.clone() }
}
