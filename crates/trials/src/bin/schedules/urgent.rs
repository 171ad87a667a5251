//! Images whose order becomes STAT do not wait where nothing holds them up.

use std::collections::BTreeSet;

use telerad::core::Priority;
use telerad::gateway::{Event, Operation};
use telerad::routing::{DeliveryKey, DeliveryState};

use crate::audit::{Audit, history};
use crate::executor::timestamp;

/// Looks at every study that its order has raised.
pub fn check(audit: &mut Audit<'_>) {
    let mut raised = Vec::new();
    for (at, event) in &audit.log.events {
        if let Event::Decided { subject, operation: Operation::Raise, by, .. } = event
            && by == "order"
        {
            raised.push((*at, subject.clone()));
        }
    }
    for (at, study) in raised {
        for destination in 0..audit.world.plan.destinations.len() {
            if is_free(audit, destination, at) {
                of_study(audit, &study, destination, at);
            }
        }
    }
}

/// Every delivery of a raised study that is due has left within the bound.
fn of_study(audit: &mut Audit<'_>, study: &str, destination: usize, at: u64) {
    let log = audit.log;
    let to = audit.name(destination).to_owned();
    let mut keys: BTreeSet<DeliveryKey> = BTreeSet::new();
    for delivery in log.seen.iter().flat_map(|(_, seen)| &seen.deliveries) {
        if delivery.study_instance_uid == study && delivery.key.destination.as_str() == to {
            keys.insert(delivery.key.clone());
        }
    }
    for key in keys {
        let name = key.sop_instance_uid.as_str();
        let Some((_, known)) = history(log, &key).take_while(|(then, _)| *then <= at).last() else {
            continue;
        };
        let is_due = known.state == DeliveryState::Pending
            && known.priority == Priority::Stat
            && known.not_before <= timestamp(at)
            && known.unknown_since.is_none();
        if !is_due {
            continue;
        }
        let until = at + BOUND;
        // Sent or refused, or taken back by a person.
        let moved = history(log, &key).any(|(then, it)| {
            then > at && then <= until && (it.state != DeliveryState::Pending || it != known)
        }) || log.copies.iter().any(|it| {
            it.destination == destination
                && it.uid == name
                && it.began + BOUND >= at
                && it.began <= until
        });
        if moved {
            audit.count("urgent, and sent in time");
        } else {
            audit.find(format!("{name} to {to}: its order is STAT, and it waits longer than 1 s"));
        }
    }
}

/// Whether nothing but the queue stands between an urgent image and a destination: its association for STAT is free, it is
/// well and known to be, the line has no limit, and the gateway runs on a disk that works.
fn is_free(audit: &Audit<'_>, destination: usize, at: u64) -> bool {
    let (plan, log) = (&audit.world.plan, audit.log);
    let its = &plan.destinations[destination];
    let is_last = destination + 1 == plan.destinations.len();
    let second = at / 1_000_000;
    let near = |from: u64, to: u64| from <= second + 3 && second <= to + RECOVERY;
    let is_ill = its.faults.iter().any(|it| near(it.from, it.to));
    let fails = plan.disk.iter().any(|it| near(it.from, it.to));
    let around = |then: u64| then + 5 * BOUND >= at && then <= at + 2 * BOUND;
    let changes = log.ends.iter().any(|(then, _)| around(*then))
        || log.rules.iter().any(|(then, _)| around(*then));
    let mut state = log.events.iter().filter(|(then, _)| *then <= at + BOUND).rev();
    let is_down = state.find_map(|(_, event)| match event {
        Event::DestinationDown { destination, .. } if destination.as_str() == its.name => {
            Some(true)
        }
        Event::DestinationUp { destination } if destination.as_str() == its.name => Some(false),
        _ => None,
    });
    let is_limited = is_last && plan.line.is_some();
    let in_the_way = [is_limited, is_ill, fails, changes, is_down.unwrap_or(false)];
    its.associations >= 2 && !in_the_way.contains(&true)
}

/// Microseconds.
const BOUND: u64 = 1_000_000;
/// After a fault so many seconds may pass until nothing of it is left: an answer that does not come is waited for.
const RECOVERY: u64 = 200;
