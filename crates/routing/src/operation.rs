//! What people do with a study.
//!
//! Each function returns the effects of one wish on a study's decision and deliveries; `deliveries` are all of them.
//! Write them in one transaction, expecting the study's revision. A study's decision remembers what was asked, so that
//! instances that come later are treated alike.

use telerad_core::{Priority, Timestamp};

use crate::intake::state;
use crate::relocate::{Carried, carry, replace};
use crate::{
    Cancellation, DeliveryRecord, DeliveryState, DestinationId, Effect, Hold, NotWantedReason,
    StudyDecision,
};

/// Why a wish makes no sense.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// It is at least as urgent.
    #[error("it is at least as urgent already")]
    AlreadyAsUrgent,
    /// It is cancelled.
    #[error("it is cancelled already")]
    AlreadyCancelled,
    /// It is held.
    #[error("it is held already, by {by}")]
    AlreadyHeld {
        /// By whom.
        by: String,
    },
    /// It goes there.
    #[error("it goes to {destination} already")]
    AlreadyThere {
        /// The destination.
        destination: DestinationId,
    },
    /// It does not go there.
    #[error("it does not go to {destination}")]
    NotADestination {
        /// The destination.
        destination: DestinationId,
    },
    /// It is not held.
    #[error("it is not held")]
    NotHeld,
    /// Nothing of it failed or waits for a person.
    #[error("nothing of it failed or is parked")]
    NothingFailed,
    /// Nothing of it was sent or cancelled.
    #[error("nothing of it was sent or cancelled: it still waits to be sent")]
    NothingSent,
}

/// Holds a study: nothing of it leaves until [`release`], except what is being sent at this moment.
///
/// # Errors
/// [`OperationError::AlreadyHeld`].
pub fn hold(
    study: &StudyDecision,
    deliveries: &[DeliveryRecord],
    by: &str,
    now: Timestamp,
) -> Result<Vec<Effect>, OperationError> {
    if let Some(Hold { by, .. }) = &study.held {
        return Err(OperationError::AlreadyHeld { by: by.clone() });
    }
    let held = Some(Hold { by: by.to_owned(), at: now });
    let study = StudyDecision { held, ..study.clone() };
    let state = DeliveryState::Held { by: by.to_owned(), at: now };
    let waiting = deliveries.iter().filter(|it| it.state == DeliveryState::Pending);
    let put = waiting.map(|it| put(it, |delivery| delivery.state = state.clone()));
    let put: Vec<Effect> = put.collect();
    Ok(with_study(study, put))
}

/// Lets a held study go on.
///
/// # Errors
/// [`OperationError::NotHeld`].
pub fn release(
    study: &StudyDecision,
    deliveries: &[DeliveryRecord],
    now: Timestamp,
) -> Result<Vec<Effect>, OperationError> {
    let held = |delivery: &&DeliveryRecord| matches!(delivery.state, DeliveryState::Held { .. });
    if study.held.is_none() && !deliveries.iter().any(|it| held(&it)) {
        return Err(OperationError::NotHeld);
    }
    let study = StudyDecision { held: None, ..study.clone() };
    let put = deliveries.iter().filter(held).map(|it| {
        put(it, |delivery| {
            delivery.state = DeliveryState::Pending;
            delivery.not_before = now;
        })
    });
    let put: Vec<Effect> = put.collect();
    Ok(with_study(study, put))
}

/// Takes a study back from one destination, or from all. What was sent stays sent.
///
/// # Errors
/// [`OperationError::NotADestination`], [`OperationError::AlreadyCancelled`].
pub fn cancel(
    study: &StudyDecision,
    deliveries: &[DeliveryRecord],
    destination: Option<&DestinationId>,
    by: &str,
    now: Timestamp,
) -> Result<Vec<Effect>, OperationError> {
    let mut after = study.clone();
    for target in targets(study, destination)? {
        if !is_cancelled(study, target) {
            let destination = target.clone();
            after.cancelled.push(Cancellation { destination, by: by.to_owned(), at: now });
        }
    }
    if after.cancelled == study.cancelled {
        return Err(OperationError::AlreadyCancelled);
    }
    let put = deliveries
        .iter()
        .filter(|it| {
            let to = &it.key.destination;
            is_cancelled(&after, to) && !is_cancelled(study, to) && !it.state.is_complete()
        })
        .map(|it| put(it, |delivery| delivery.state = state(&after, &it.key.destination)));
    let put: Vec<Effect> = put.collect();
    Ok(with_study(after, put))
}

/// Raises a study to a more urgent lane, also what is queued of it. It is never lowered by this.
///
/// # Errors
/// [`OperationError::AlreadyAsUrgent`].
pub fn raise(
    study: &StudyDecision,
    deliveries: &[DeliveryRecord],
    priority: Priority,
) -> Result<Vec<Effect>, OperationError> {
    let put: Vec<Effect> = deliveries
        .iter()
        .filter(|it| it.priority > priority && !it.state.is_complete())
        .map(|it| put(it, |delivery| delivery.priority = priority))
        .collect();
    if study.priority <= priority && put.is_empty() {
        return Err(OperationError::AlreadyAsUrgent);
    }
    let priority = priority.min(study.priority);
    Ok(with_study(StudyDecision { priority, ..study.clone() }, put))
}

/// Sends a study somewhere else: all of it goes to `to`, and what was not sent to `from` is not sent there any more.
///
/// # Errors
/// [`OperationError::NotADestination`], [`OperationError::AlreadyThere`].
pub fn reroute(
    study: &StudyDecision,
    deliveries: &[DeliveryRecord],
    from: &DestinationId,
    to: &DestinationId,
    now: Timestamp,
) -> Result<Vec<Effect>, OperationError> {
    targets(study, Some(from))?;
    if study.destinations.contains(to) {
        return Err(OperationError::AlreadyThere { destination: to.clone() });
    }
    let mut after = study.clone();
    replace(&mut after.destinations, Some(from), to);
    // A person has chosen: no group moves it on.
    after.groups.retain(|choice| choice.member != *from);
    after.cancelled.retain(|it| it.destination != *from && it.destination != *to);
    let put = carry(&after, deliveries, from, to, Carried::All, now);
    Ok(with_study(after, put))
}

/// Sends again what was sent of a study, and sends after all what was cancelled or of a class that was not taken, to one
/// destination or to all.
///
/// # Errors
/// [`OperationError::NotADestination`], [`OperationError::NothingSent`].
pub fn resend(
    study: &StudyDecision,
    deliveries: &[DeliveryRecord],
    destination: Option<&DestinationId>,
    now: Timestamp,
) -> Result<Vec<Effect>, OperationError> {
    let targets = targets(study, destination)?;
    let mut after = study.clone();
    after.cancelled.retain(|it| !targets.contains(&&it.destination));
    let put: Vec<Effect> = deliveries
        .iter()
        .filter(|it| targets.contains(&&it.key.destination) && may_be_resent(it))
        .map(|it| {
            put(it, |delivery| {
                delivery.round = delivery.round.saturating_add(1);
                begin(delivery, state(&after, &it.key.destination), now);
            })
        })
        .collect();
    if put.is_empty() && after.cancelled == study.cancelled {
        return Err(OperationError::NothingSent);
    }
    Ok(with_study(after, put))
}

/// Sends what failed or is parked once more, with all its tries; one call for a whole study.
///
/// # Errors
/// [`OperationError::NothingFailed`].
pub fn requeue(
    study: Option<&StudyDecision>,
    deliveries: &[DeliveryRecord],
    now: Timestamp,
) -> Result<Vec<Effect>, OperationError> {
    let ended = |delivery: &&DeliveryRecord| {
        matches!(delivery.state, DeliveryState::Failed { .. } | DeliveryState::Parked { .. })
    };
    let again = |it: &DeliveryRecord| {
        let fresh = study.map_or(DeliveryState::Pending, |study| state(study, &it.key.destination));
        put(it, |delivery| begin(delivery, fresh.clone(), now))
    };
    let put: Vec<Effect> = deliveries.iter().filter(ended).map(again).collect();
    if put.is_empty() { Err(OperationError::NothingFailed) } else { Ok(put) }
}

fn may_be_resent(delivery: &DeliveryRecord) -> bool {
    matches!(
        delivery.state,
        DeliveryState::Sent { .. }
            | DeliveryState::NotWanted {
                // The destination may have learnt the class since.
                reason: NotWantedReason::Cancelled { .. } | NotWantedReason::ClassNotTaken
            }
    )
}

fn begin(delivery: &mut DeliveryRecord, state: DeliveryState, now: Timestamp) {
    delivery.state = state;
    delivery.not_before = now;
    delivery.attempts = 0;
    delivery.last_fault = None;
}

fn targets<'a>(
    study: &'a StudyDecision,
    destination: Option<&DestinationId>,
) -> Result<Vec<&'a DestinationId>, OperationError> {
    let wanted = |known: &&DestinationId| destination.is_none_or(|wanted| *known == wanted);
    let targets: Vec<&DestinationId> = study.destinations.iter().filter(wanted).collect();
    match destination {
        Some(wanted) if targets.is_empty() => {
            Err(OperationError::NotADestination { destination: wanted.clone() })
        }
        _ => Ok(targets),
    }
}

fn is_cancelled(study: &StudyDecision, destination: &DestinationId) -> bool {
    study.cancelled.iter().any(|it| it.destination == *destination)
}

fn put(delivery: &DeliveryRecord, change: impl FnOnce(&mut DeliveryRecord)) -> Effect {
    let mut changed = delivery.clone();
    change(&mut changed);
    Effect::PutDelivery(changed)
}

fn with_study(study: StudyDecision, put: Vec<Effect>) -> Vec<Effect> {
    std::iter::once(Effect::PutStudy(study)).chain(put).collect()
}
