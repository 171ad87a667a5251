//! Moving a whole study from one destination to another.

use telerad_core::Timestamp;

use crate::intake::{group_of, state};
use crate::{
    DeliveryRecord, DeliveryState, DestinationId, Effect, GroupChoice, GroupFacts, GroupId,
    NotWantedReason, StickyMember, StudyDecision,
};

/// Moves a study from the member of a group that it goes to, to another one.
///
/// All of it moves, since readers need a study in one place: what was sent to the first member is sent to the second
/// too, what was not is [`NotWantedReason::MovedTo`] there, and instances that come later follow. What a person took
/// back, or has to look at, stays as it is. A member that a rule or another group names too keeps the study.
///
/// `deliveries` are all deliveries of the study. Write the effects together, expecting the study's revision: a delivery
/// at the first member that is under way meanwhile must then be recorded only if it is still pending, or was sent.
/// Without a choice to change, or when the study's deliveries there were cancelled, there is nothing to do.
pub fn move_study(
    study: &StudyDecision,
    deliveries: &[DeliveryRecord],
    group: &GroupId,
    to: &DestinationId,
    patient: Option<&str>,
    now: Timestamp,
) -> Vec<Effect> {
    let Some(choice) = study.groups.iter().find(|choice| choice.group == *group) else {
        return Vec::new();
    };
    let from = &choice.member;
    if from == to || study.cancelled.iter().any(|it| it.destination == *from) {
        return Vec::new();
    }
    let mut moved = study.clone();
    let mut others = study.groups.iter().filter(|other| other.group != *group);
    let other_wants = |member: &DestinationId| others.clone().any(|other| other.member == *member);
    let stays = choice.direct || other_wants(from);
    let direct = match others.find(|other| other.member == *to) {
        Some(other) => other.direct,
        None => study.destinations.contains(to),
    };
    for chosen in moved.groups.iter_mut().filter(|chosen| chosen.group == *group) {
        *chosen = GroupChoice { group: group.clone(), member: to.clone(), direct };
    }
    replace(&mut moved.destinations, (!stays).then_some(from), to);
    let carried = if stays { Carried::NotCancelledAndStays } else { Carried::NotCancelled };
    let mut effects = carry(&moved, deliveries, from, to, carried, now);
    effects.extend(patient.map(|patient| {
        Effect::Stick(StickyMember {
            site: study.site.clone(),
            group: group.clone(),
            patient: patient.to_owned(),
            member: to.clone(),
            at: now,
        })
    }));
    effects.insert(0, Effect::PutStudy(moved));
    effects
}

/// Moves a study on when the member that it goes to has failed, by [`crate::DestinationGroup::failover`]; the first of its
/// groups for which that is so. Nothing when all its members work, or nobody could take over.
pub fn fail_over(
    study: &StudyDecision,
    deliveries: &[DeliveryRecord],
    facts: &GroupFacts<'_>,
    patient: Option<&str>,
    now: Timestamp,
) -> Vec<Effect> {
    let Some(down) = facts.down else { return Vec::new() };
    for choice in &study.groups {
        let group = facts.groups.iter().find(|group| *group.id() == choice.group);
        if let Some(to) = group.and_then(|group| group.failover(&choice.member, down, now)) {
            let effects = move_study(study, deliveries, &choice.group, to, patient, now);
            if !effects.is_empty() {
                return effects;
            }
        }
    }
    Vec::new()
}

/// Puts a destination in the place of another, or beside all of them.
pub(crate) fn replace(
    destinations: &mut Vec<DestinationId>,
    from: Option<&DestinationId>,
    to: &DestinationId,
) {
    let is_there = destinations.contains(to);
    match destinations.iter().position(|known| Some(known) == from) {
        Some(at) if is_there => drop(destinations.remove(at)),
        Some(at) => destinations[at] = to.clone(),
        None if is_there => {}
        None => destinations.push(to.clone()),
    }
}

/// What becomes of the deliveries at the destination that a study moves away from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Carried {
    /// All move. A person wants the study elsewhere, and readers need all of it: what was cancelled goes too.
    All,
    /// All but what a person took back.
    NotCancelled,
    /// Likewise, and what still waits is also sent where it was to go.
    NotCancelledAndStays,
}

/// The deliveries of a study that goes `to` another destination instead of, or beside, the one it went to.
pub(crate) fn carry(
    moved: &StudyDecision,
    deliveries: &[DeliveryRecord],
    from: &DestinationId,
    to: &DestinationId,
    carried: Carried,
    now: Timestamp,
) -> Vec<Effect> {
    let is_cancelled = |it: &DeliveryRecord| {
        let DeliveryState::NotWanted { reason } = &it.state else { return false };
        matches!(reason, NotWantedReason::Cancelled { .. })
    };
    let mut effects = Vec::new();
    for delivery in deliveries.iter().filter(|it| it.key.destination == *from) {
        let waits = matches!(delivery.state, DeliveryState::Pending | DeliveryState::Held { .. });
        if waits && carried != Carried::NotCancelledAndStays {
            let reason = NotWantedReason::MovedTo { destination: to.clone() };
            let mut left = delivery.clone();
            left.state = DeliveryState::NotWanted { reason };
            effects.push(Effect::PutDelivery(left));
        }
        if is_cancelled(delivery) && carried != Carried::All {
            continue;
        }
        let mut key = delivery.key.clone();
        key.destination = to.clone();
        let there = deliveries.iter().find(|it| it.key == key && it.digest == delivery.digest);
        let begins = |known: &DeliveryRecord| {
            (carried == Carried::All && is_cancelled(known))
                || matches!(
                    known.state,
                    DeliveryState::NotWanted { reason: NotWantedReason::MovedTo { .. } }
                )
        };
        if there.is_some_and(|known| !begins(known)) {
            continue;
        }
        effects.push(Effect::PutDelivery(DeliveryRecord {
            key,
            not_before: now,
            attempts: 0,
            // What was sent in its time as routine may belong to a study that has been raised since.
            priority: delivery.priority.min(moved.priority),
            state: state(moved, to),
            last_fault: None,
            group: group_of(moved, to),
            round: there.map_or(0, |known| known.round),
            unknown_since: there.and_then(|known| known.unknown_since),
            ..delivery.clone()
        }));
    }
    effects
}
