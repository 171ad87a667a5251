//! What must be true of state and payloads after a crash, whatever it was.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use telerad::core::{SiteId, Timestamp, Uid};
use telerad::routing::{DeliveryRecord, DeliveryState, Digest, NotWantedReason};
use telerad::store::{MessageOutcome, Payloads, Store};

use crate::house::ArrivedThere;
use crate::load::{Ledger, Sent, Wishes};

/// A destination and a SOP Instance UID.
pub type Delivery = (String, String);

/// What a look at the state found.
#[derive(Debug, Default)]
pub struct Audit {
    /// What is not as it must be, a line each.
    pub findings: Vec<String>,
    /// Arrived at the destination, and not known to have: what the next life may repeat.
    pub in_flight: BTreeSet<Delivery>,
    /// Still to be sent, and not arrived.
    pub waiting: BTreeSet<Delivery>,
    /// Studies of which something waits for a person, because they were reported while their destination was away.
    pub parked: BTreeSet<String>,
    /// How many deliveries went to another destination with their study.
    pub moved: usize,
    /// How many of these had nothing left to be sent there, and wait for a person.
    pub removed_before: usize,
}

/// Whose payloads are read to the last byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Depth {
    /// Everyone's.
    All,
    /// Of those instances that were acknowledged since the last look.
    New,
}

/// What a look compares the state with.
pub struct Known<'a> {
    pub ledger: &'a Ledger,
    pub arrived: &'a ArrivedThere,
    /// What the RIS has been sent, by study.
    pub filed: &'a BTreeSet<String>,
    /// What was looked at before.
    pub seen: &'a mut BTreeSet<String>,
    pub depth: Depth,
    /// Whether what was delivered may have been removed.
    pub removes: bool,
}

/// Looks at everything that was acknowledged.
///
/// # Errors
/// When the state cannot be read at all.
pub async fn audit(
    store: &dyn Store,
    payloads: &dyn Payloads,
    known: &mut Known<'_>,
) -> Result<Audit> {
    let mut look = Look { store, payloads, site: SiteId::new("north")?, audit: Audit::default() };
    let ledger = known.ledger;
    // Unacknowledged ones may have been sent on as well: they were durable, and the answer got lost.
    for (uid, attempt) in &ledger.attempted {
        let deliveries = store.deliveries_of(&look.site, &Uid::new(uid)?).await?;
        for delivery in &deliveries {
            look.delivery(delivery, &attempt.study, known).await?;
        }
        look.unknown_arrivals(uid, &deliveries, known.arrived);
        let Some(digest) = ledger.instances.get(uid) else { continue };
        let reads = known.depth == Depth::All || known.seen.insert(uid.clone());
        let is_kept = !known.removes || !deliveries.iter().all(|it| needs_nothing(&it.state));
        look.versions(uid, digest, (reads, is_kept)).await?;
        if deliveries.is_empty() {
            look.found(uid, "no delivery");
        }
    }
    for (uid, digest) in &ledger.variants {
        let reads = known.depth == Depth::All || known.seen.insert(format!("{uid} again"));
        look.versions(uid, digest, (reads, !known.removes)).await?;
    }
    for ((sender, control_id), text) in &ledger.messages {
        if let Err(error) = message(store, sender, control_id, Some(text)).await {
            look.audit.findings.push(format!("message {control_id} of {sender}: {error:#}"));
        }
    }
    look.reports(known).await?;
    for (study, wishes) in &ledger.wishes {
        look.wishes(study, wishes).await?;
    }
    Ok(look.audit)
}

/// Whether this is durable, as far as an acknowledgement is concerned.
///
/// # Errors
/// What is missing.
pub async fn is_durable(store: &dyn Store, payloads: &dyn Payloads, what: &Sent) -> Result<()> {
    match what {
        Sent::Message(sender, control_id) => message(store, sender, control_id, None).await,
        Sent::Instance(uid, digest) => {
            let digest = Digest::from_bytes(*digest.as_bytes());
            let versions = store.versions(&SiteId::new("north")?, &Uid::new(uid)?).await?;
            let kept = versions.iter().find(|it| it.digest == digest).context("no such version")?;
            let deliveries = store.deliveries_of(&kept.site, &kept.sop_instance_uid).await?;
            if !deliveries.is_empty() && deliveries.iter().all(|it| needs_nothing(&it.state)) {
                return Ok(());
            }
            payloads.open(&digest).await.context("no payload").map(drop)
        }
    }
}

/// Whether a delivery needs no payload any more: it is complete, or it has been told that there is none.
fn needs_nothing(state: &DeliveryState) -> bool {
    state.is_complete() || is_gone(state)
}

/// Whether a delivery waits for its source to send the instance again, which was sent elsewhere and removed.
fn is_gone(state: &DeliveryState) -> bool {
    matches!(state, DeliveryState::Parked { reason } if reason.starts_with("its data set is no longer kept"))
}

struct Look<'a> {
    store: &'a dyn Store,
    payloads: &'a dyn Payloads,
    site: SiteId,
    audit: Audit,
}

impl Look<'_> {
    fn found(&mut self, uid: &str, what: &str) {
        self.audit.findings.push(format!("instance {uid}: {what}"));
    }

    /// What the ledger says of a delivery, against what its destination recorded.
    async fn delivery(
        &mut self,
        delivery: &DeliveryRecord,
        study: &str,
        known: &Known<'_>,
    ) -> Result<()> {
        let (uid, there) = (delivery.key.sop_instance_uid.as_str(), &delivery.key.destination);
        let key = (there.as_str().to_owned(), uid.to_owned());
        let arrived = known.arrived.get(there.as_str()).is_some_and(|at| at.contains_key(uid));
        if !needs_nothing(&delivery.state) && self.payloads.hold(&delivery.digest).await?.is_none()
        {
            let state = delivery.state.as_str();
            self.found(uid, &format!("is due at {there} ({state}), and its payload is gone"));
        }
        let wishes = known.ledger.wishes.get(study);
        match &delivery.state {
            DeliveryState::Sent { .. } if arrived => {}
            DeliveryState::Sent { .. } => self.found(uid, "sent, says the ledger, and is not"),
            DeliveryState::Pending | DeliveryState::Held { .. } if arrived => {
                self.audit.in_flight.insert(key);
            }
            DeliveryState::Pending | DeliveryState::Held { .. } => {
                self.audit.waiting.insert(key);
            }
            DeliveryState::NotWanted { reason: NotWantedReason::MovedTo { destination } } => {
                self.audit.moved += 1;
                let mut key = delivery.key.clone();
                key.destination = destination.clone();
                if self.store.delivery(&key).await?.is_none() {
                    self.found(uid, "moved, and is not where it moved to");
                }
            }
            DeliveryState::NotWanted { reason: NotWantedReason::Cancelled { .. } }
                if wishes.is_some_and(|wishes| wishes.may_be_cancelled) => {}
            state if is_gone(state) => self.gone(delivery, known).await?,
            DeliveryState::Parked { .. } if known.ledger.reported.contains(study) => {
                self.audit.parked.insert(study.to_owned());
            }
            other => self.found(uid, &format!("its delivery to {there} is {}", other.as_str())),
        }
        Ok(())
    }

    /// What was removed had been sent to a member of the group that its study left later, and a person is told.
    async fn gone(&mut self, delivery: &DeliveryRecord, known: &Known<'_>) -> Result<()> {
        self.audit.removed_before += 1;
        let uid = delivery.key.sop_instance_uid.as_str();
        let has_arrived = known.arrived.values().any(|there| there.contains_key(uid));
        if !known.removes || delivery.group.is_none() || !has_arrived {
            self.found(uid, "was removed, and should have been kept");
        }
        let parked = self.store.parked_about(&self.site, &[uid.to_owned()]).await?;
        if parked.is_empty() {
            self.found(uid, "is parked, and nobody is told");
        }
        Ok(())
    }

    fn unknown_arrivals(&mut self, uid: &str, known: &[DeliveryRecord], arrived: &ArrivedThere) {
        for (destination, instances) in arrived {
            let is_known = known.iter().any(|it| it.key.destination.as_str() == destination);
            if instances.contains_key(uid) && !is_known {
                self.found(uid, &format!("was sent to {destination}, and the ledger forgot it"));
            }
        }
    }

    /// An acknowledged version is there once, with its payload.
    async fn versions(
        &mut self,
        uid: &str,
        digest: &blake3::Hash,
        (reads, is_kept): (bool, bool),
    ) -> Result<()> {
        let digest = Digest::from_bytes(*digest.as_bytes());
        let versions = self.store.versions(&self.site, &Uid::new(uid)?).await?;
        let mut these = versions.iter().filter(|version| version.digest == digest);
        let (Some(version), None) = (these.next(), these.next()) else {
            self.found(uid, "is not there, or not once");
            return Ok(());
        };
        if reads
            && is_kept
            && let Err(error) = read(self.payloads, &digest, version.bytes).await
        {
            self.found(uid, &format!("{error:#}"));
        }
        Ok(())
    }

    /// An acknowledged report has been sent to the RIS, or is queued.
    async fn reports(&mut self, known: &Known<'_>) -> Result<()> {
        let mut queued = Vec::new();
        for destination in self.store.outbound_destinations().await? {
            let far = Timestamp::from_micros(i64::MAX / 2);
            let due = self.store.outbound_due(&destination, far, usize::MAX >> 1).await?;
            queued.extend(due.into_iter().map(|it| String::from_utf8_lossy(&it.raw).into_owned()));
        }
        for order in &known.ledger.reports {
            let accession = format!("N-{}", order.accession);
            let is_queued = || queued.iter().any(|text| text.contains(&accession));
            if !known.filed.contains(&order.accession) && !is_queued() {
                let finding = format!("report of {accession}: neither sent nor queued");
                self.audit.findings.push(finding);
            }
        }
        Ok(())
    }

    /// What a person was granted holds.
    async fn wishes(&mut self, study: &str, wishes: &Wishes) -> Result<()> {
        let Some(decision) = self.store.study(&self.site, study).await? else {
            if wishes.held == Some(true) || wishes.goes_to.is_some() {
                self.audit.findings.push(format!("study {study}: its decision is gone"));
            }
            return Ok(());
        };
        if wishes.held.is_some_and(|held| held != decision.held.is_some()) {
            self.audit
                .findings
                .push(format!("study {study}: held or not, and should be otherwise"));
        }
        if let Some(there) = wishes.goes_to
            && !decision.destinations.iter().any(|it| it.as_str() == there)
        {
            self.audit.findings.push(format!("study {study}: was sent to {there}, and forgot it"));
        }
        Ok(())
    }
}

async fn read(payloads: &dyn Payloads, digest: &Digest, bytes: u64) -> Result<()> {
    let mut payload = payloads.open(digest).await.context("its payload cannot be opened")?;
    if payload.bytes() != bytes {
        bail!("its payload has {} bytes of {bytes}", payload.bytes());
    }
    // The reader compares the digest before it hands out the last block.
    while payload.next().await.context("its payload cannot be read")?.is_some() {}
    Ok(())
}

/// An acknowledged message is there as it came, with an outcome that deserved the acknowledgement.
async fn message(
    store: &dyn Store,
    sender: &str,
    control_id: &str,
    text: Option<&String>,
) -> Result<()> {
    let found = store.message_by_control(sender, control_id).await?.context("is missing")?;
    if text.is_some_and(|text| found.raw != text.as_bytes()) {
        bail!("has other bytes");
    }
    match found.outcome {
        MessageOutcome::Applied | MessageOutcome::NoChange => Ok(()),
        other => bail!("was acknowledged, and is {other:?}"),
    }
}

/// What repetitions are compared with: what had arrived at a look, and what was known then.
#[derive(Default)]
pub struct Before {
    pub arrived: ArrivedThere,
    pub audit: Audit,
    /// By study, what a person had asked for.
    pub wishes: BTreeMap<String, Wishes>,
}

/// The repetitions since a look, at each destination, that nothing in flight at that time explains and nobody asked for.
pub fn repetitions(before: &Before, now: &ArrivedThere, ledger: &Ledger) -> Vec<String> {
    let mut unexplained = Vec::new();
    for (destination, instances) in now {
        for (uid, digests) in instances {
            let times: u32 = digests.values().sum();
            let was = before.arrived.get(destination).and_then(|there| there.get(uid));
            let was: u32 = was.map_or(0, |digests| digests.values().sum());
            let key = (destination.clone(), uid.clone());
            let study = ledger.attempted.get(uid).map_or("", |attempt| attempt.study.as_str());
            let times_asked = |wishes: Option<&Wishes>| {
                let back = |it: &Wishes| it.rerouted.get(destination.as_str()).copied();
                wishes.map_or(0, |it| it.resent + back(it).unwrap_or(0))
            };
            let asked =
                times_asked(ledger.wishes.get(study)) - times_asked(before.wishes.get(study));
            let in_flight = u32::from(before.audit.in_flight.contains(&key));
            let allowed = asked + if was == 0 { 1 } else { was + in_flight };
            if times > allowed {
                let versions = digests.len();
                let text = format!(
                    "instance {uid}: arrived {times} times at {destination}, not {allowed}, in \
                     {versions} versions"
                );
                unexplained.push(text);
            }
        }
    }
    unexplained
}
