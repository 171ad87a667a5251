//! What must be true of state and payloads after a crash, whatever it was.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use telerad::core::{SiteId, Uid};
use telerad::routing::{DeliveryKey, DeliveryState, DestinationId, Digest};
use telerad::store::{MessageOutcome, Payloads, Store};

use crate::load::Ledger;

/// How often each instance had arrived, by SOP Instance UID and digest.
pub type Arrived = std::collections::HashMap<String, std::collections::HashMap<blake3::Hash, u32>>;

/// What a look at the state found.
#[derive(Debug, Default)]
pub struct Audit {
    /// What is not as it must be, a line each.
    pub findings: Vec<String>,
    /// Arrived at the peer, and not known to have: what the next life may repeat.
    pub in_flight: BTreeSet<String>,
    /// Still to be sent, and not arrived, or not yet: a peer goes on reading what a dead gateway had sent.
    pub waiting: BTreeSet<String>,
}

/// Whose payloads are read to the last byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Depth {
    /// Everyone's.
    All,
    /// Of those instances that were acknowledged since the last look.
    New,
}

/// Looks at everything that was acknowledged. `seen` holds what was looked at before.
///
/// # Errors
/// When the state cannot be read at all.
pub async fn audit(
    store: &dyn Store,
    payloads: &dyn Payloads,
    ledger: &Ledger,
    arrived: &Arrived,
    (seen, depth): (&mut BTreeSet<String>, Depth),
) -> Result<Audit> {
    let site = SiteId::new("north")?;
    let mut audit = Audit::default();
    for (uid, digest) in &ledger.instances {
        let read = depth == Depth::All || seen.insert(uid.clone());
        let payload = if read { Some(payloads) } else { None };
        if let Err(error) = instance(store, payload, &site, (uid, digest)).await {
            audit.findings.push(format!("instance {uid}: {error:#}"));
        }
    }
    // Unacknowledged ones may have been sent on as well: they were durable, and the answer got lost.
    for uid in ledger.attempted.keys() {
        let arrived = arrived.contains_key(uid);
        match delivery(store, &site, uid).await? {
            Some(DeliveryState::Sent { .. }) if !arrived => {
                audit.findings.push(format!("instance {uid}: sent, says the ledger, and is not"));
            }
            Some(DeliveryState::Sent { .. }) => {}
            Some(DeliveryState::Pending) if arrived => drop(audit.in_flight.insert(uid.clone())),
            Some(DeliveryState::Pending) => drop(audit.waiting.insert(uid.clone())),
            Some(other) => {
                audit.findings.push(format!("instance {uid}: its delivery is {}", other.as_str()));
            }
            None if arrived => {
                audit.findings.push(format!("instance {uid}: was sent, and the ledger forgot it"));
            }
            None => {}
        }
    }
    for ((sender, control_id), text) in &ledger.messages {
        if let Err(error) = message(store, sender, control_id, text).await {
            audit.findings.push(format!("message {control_id} of {sender}: {error:#}"));
        }
    }
    Ok(audit)
}

/// An acknowledged instance has one version, a decision, a delivery and its payload.
async fn instance(
    store: &dyn Store,
    payloads: Option<&dyn Payloads>,
    site: &SiteId,
    (uid, digest): (&str, &blake3::Hash),
) -> Result<()> {
    let digest = Digest::from_bytes(*digest.as_bytes());
    let versions = store.versions(site, &Uid::new(uid)?).await?;
    let [version] = versions.as_slice() else { bail!("{} versions", versions.len()) };
    if version.digest != digest {
        bail!("another digest");
    }
    delivery(store, site, uid).await?.context("no delivery")?;
    let Some(payloads) = payloads else { return Ok(()) };
    let mut payload = payloads.open(&digest).await.context("its payload cannot be opened")?;
    if payload.bytes() != version.bytes {
        bail!("its payload has {} bytes of {}", payload.bytes(), version.bytes);
    }
    // The reader compares the digest before it hands out the last block.
    while payload.next().await.context("its payload cannot be read")?.is_some() {}
    Ok(())
}

async fn delivery(store: &dyn Store, site: &SiteId, uid: &str) -> Result<Option<DeliveryState>> {
    let key = DeliveryKey {
        site: site.clone(),
        sop_instance_uid: Uid::new(uid)?,
        destination: DestinationId::new("reader")?,
    };
    Ok(store.delivery(&key).await?.map(|delivery| delivery.state))
}

/// An acknowledged message is there as it came, with an outcome that deserved the acknowledgement.
async fn message(store: &dyn Store, sender: &str, control_id: &str, text: &str) -> Result<()> {
    let found = store.message_by_control(sender, control_id).await?.context("is missing")?;
    if found.raw != text.as_bytes() {
        bail!("has other bytes");
    }
    match found.outcome {
        MessageOutcome::Applied | MessageOutcome::NoChange => Ok(()),
        other => bail!("was acknowledged, and is {other:?}"),
    }
}

/// The repetitions since a look that nothing in flight at that time explains, and how many instances arrived after the
/// look although the dead gateway had sent them: these were in flight as well.
pub fn repetitions(before: &(Arrived, Audit), now: &Arrived) -> (Vec<String>, usize) {
    let (before, look) = before;
    let count = |arrived: &Arrived, uid: &str| -> u32 {
        arrived.get(uid).map_or(0, |digests| digests.values().sum())
    };
    let (mut unexplained, mut late) = (Vec::new(), 0);
    for uid in now.keys() {
        let (was, times) = (count(before, uid), count(now, uid));
        let allowed = match was {
            0 if times == 2 && look.waiting.contains(uid) => {
                late += 1;
                2
            }
            0 => 1,
            _ => was + u32::from(look.in_flight.contains(uid)),
        };
        if times > allowed {
            unexplained.push(format!("instance {uid}: arrived {times} times, not {allowed}"));
        }
    }
    (unexplained, late)
}
