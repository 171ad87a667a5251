//! Exactly once: every copy that a destination kept was to be sent to it, and every repetition has its reason.

use std::collections::BTreeMap;

use telerad::routing::{DeliveryKey, DeliveryState};

use crate::audit::{Audit, history};
use crate::world::{Kept, destination_id, north, uid};

/// Looks at all that destinations kept.
pub fn check(audit: &mut Audit<'_>) {
    let mut copies: BTreeMap<(usize, String), Vec<Kept>> = BTreeMap::new();
    for copy in &audit.log.copies {
        copies.entry((copy.destination, copy.uid.clone())).or_default().push(copy.clone());
    }
    for ((destination, name), mut kept) in copies {
        kept.sort_by_key(|it| it.began);
        of_one(audit, destination, &name, &kept);
    }
}

fn of_one(audit: &mut Audit<'_>, destination: usize, name: &str, kept: &[Kept]) {
    let key = DeliveryKey {
        site: north(),
        sop_instance_uid: uid(name),
        destination: destination_id(audit.name(destination)),
    };
    let to = format!("{name} to {}", key.destination);
    for (number, copy) in kept.iter().enumerate() {
        let before = history(audit.log, &key).filter(|(at, _)| *at <= copy.began).last();
        let Some((_, before)) = before else {
            audit.find(format!("{to}: sent, and it was not to go there"));
            continue;
        };
        if *before.digest.as_bytes() != copy.digest {
            audit.find(format!("{to}: other bytes than those that were to go there"));
        }
        let Some(last) = number.checked_sub(1).and_then(|last| kept.get(last)) else { continue };
        if matches!(before.state, DeliveryState::Sent { .. }) {
            audit.find(format!("{to}: sent again, although the ledger knew"));
        } else if !is_explained(audit, &key, last, copy) {
            audit.find(format!("{to}: sent again, although its answer came"));
        } else {
            *audit.outcomes.entry("sent again with reason").or_default() += 1;
        }
    }
}

/// Whether something between two copies explains the second: the first answer was lost, or could not be recorded, or came
/// when nobody waited any more, or a person asked for another.
fn is_explained(audit: &Audit<'_>, key: &DeliveryKey, first: &Kept, second: &Kept) -> bool {
    let log = audit.log;
    let between = |at: u64| first.began <= at + UNDER_WAY && at <= second.began;
    let answered = first.answered.is_some_and(|at| at < first.began + PATIENCE);
    let rounds = history(log, key).filter(|(at, _)| *at <= second.began);
    let resent = rounds.map(|(_, it)| it.round).max().unwrap_or(0) > 0;
    !answered
        || log.ends.iter().any(|(at, _)| between(*at))
        || log.lost.iter().any(|(at, lost)| lost == key && between(*at))
        || resent
}

/// What a gateway had written when it ended arrives up to so many microseconds later.
const UNDER_WAY: u64 = 100_000;
/// For so many microseconds the gateway waits for an answer.
const PATIENCE: u64 = 119_000_000;
