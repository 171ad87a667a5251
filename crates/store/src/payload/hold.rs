//! Who needs a payload at the moment, so that it is not removed under their hands.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use telerad_routing::Digest;

/// The payloads of one place that somebody in this process needs or is about to remove.
///
/// Whoever makes a row name a payload holds it from before it is published, or found to be there, until that row is
/// durable. Whoever removes one claims it first, then asks whether a row names it, then removes it. A hold that comes in
/// between breaks the claim, so one of the two sees the other whatever the order.
#[derive(Clone, Default)]
pub struct PayloadHolds {
    uses: Arc<Mutex<BTreeMap<Digest, Use>>>,
}

#[derive(Clone, Copy)]
enum Use {
    Claimed { by: u64 },
    Held { times: usize },
}

impl PayloadHolds {
    /// Nothing is held.
    pub fn new() -> Self {
        Self::default()
    }

    /// Holds a payload, whether it is there yet or not, and breaks a claim to it.
    pub fn hold(&self, digest: &Digest) -> PayloadHold {
        let mut uses = self.uses();
        let times = match uses.get(digest) {
            Some(Use::Held { times }) => times + 1,
            Some(Use::Claimed { .. }) | None => 1,
        };
        uses.insert(*digest, Use::Held { times });
        PayloadHold { holds: self.clone(), digest: *digest }
    }

    /// Claims a payload for its removal; `None` while somebody holds it or has claimed it.
    pub fn claim(&self, digest: &Digest) -> Option<PayloadClaim> {
        let mut uses = self.uses();
        if uses.contains_key(digest) {
            return None;
        }
        let by = NEXT_CLAIM.fetch_add(1, Ordering::Relaxed);
        uses.insert(*digest, Use::Claimed { by });
        Some(PayloadClaim { holds: self.clone(), digest: *digest, by })
    }

    fn uses(&self) -> MutexGuard<'_, BTreeMap<Digest, Use>> {
        // Only a removal runs under the lock, and it changes nothing in here.
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for PayloadHolds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PayloadHolds").field("uses", &self.uses().len()).finish()
    }
}

/// Keeps a payload from being removed as long as it lives.
#[derive(Debug)]
pub struct PayloadHold {
    holds: PayloadHolds,
    digest: Digest,
}

impl Clone for PayloadHold {
    fn clone(&self) -> Self {
        self.holds.hold(&self.digest)
    }
}

impl Drop for PayloadHold {
    fn drop(&mut self) {
        let mut uses = self.holds.uses();
        match uses.get(&self.digest).copied() {
            Some(Use::Held { times }) if times > 1 => {
                uses.insert(self.digest, Use::Held { times: times - 1 });
            }
            Some(Use::Held { .. }) => {
                uses.remove(&self.digest);
            }
            // Not while this one holds it.
            Some(Use::Claimed { .. }) | None => {}
        }
    }
}

/// The right to remove a payload, for as long as nobody holds it. Dropping it gives the right up.
#[derive(Debug)]
pub struct PayloadClaim {
    holds: PayloadHolds,
    digest: Digest,
    by: u64,
}

impl PayloadClaim {
    /// The payload.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Runs the removal, unless somebody has held the payload since it was claimed; then there is no answer.
    ///
    /// Nobody can begin to hold it meanwhile, so the removal is to be short.
    pub fn run<T>(self, removal: impl FnOnce(&Digest) -> T) -> Option<T> {
        let uses = self.holds.uses();
        let answer = self.is_mine(uses.get(&self.digest)).then(|| removal(&self.digest));
        // Before the end of `self`, which takes the lock again.
        drop(uses);
        answer
    }

    fn is_mine(&self, found: Option<&Use>) -> bool {
        matches!(found, Some(Use::Claimed { by }) if *by == self.by)
    }
}

impl Drop for PayloadClaim {
    fn drop(&mut self) {
        let mut uses = self.holds.uses();
        if self.is_mine(uses.get(&self.digest)) {
            uses.remove(&self.digest);
        }
    }
}

/// Tells claims apart: one that was broken must not take the next one for itself.
static NEXT_CLAIM: AtomicU64 = AtomicU64::new(0);

#[cfg(test)]
mod tests {
    use telerad_routing::Digest;

    use super::PayloadHolds;

    #[test]
    fn what_is_held_cannot_be_claimed() {
        let (holds, digest) = (PayloadHolds::new(), Digest::of(b"a"));
        let first = holds.hold(&digest);
        let second = first.clone();
        drop(first);
        assert!(holds.claim(&digest).is_none());
        assert!(holds.claim(&Digest::of(b"b")).is_some());
        drop(second);
        assert!(holds.claim(&digest).is_some());
        assert!(holds.uses().is_empty());
    }

    #[test]
    fn a_hold_breaks_a_claim_for_good() {
        let (holds, digest) = (PayloadHolds::new(), Digest::of(b"a"));
        let claim = holds.claim(&digest).unwrap();
        assert!(holds.claim(&digest).is_none());
        drop(holds.hold(&digest));
        // Nobody holds it any more, but a row may name it since.
        let next = holds.claim(&digest).unwrap();
        assert_eq!(claim.run(|_| ()), None);
        assert_eq!(next.run(|digest| *digest), Some(digest));
        assert!(holds.uses().is_empty());
    }
}
