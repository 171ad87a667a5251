//! Garbage collection: removes payloads that nobody needs any more, and none that anybody does.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use telerad_core::{SiteId, Timestamp};
use telerad_routing::{DeliveryRecord, Digest, InstanceRecord, Relation};

use crate::payload::{ListedPayload, Payloads};
use crate::{Batch, Effect, Expectation, Store, StoreError};

/// For how long payloads are kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Retention {
    /// How old a payload that no row names must be at least. Holds alone keep it from being removed between its
    /// publication and its row; this is for whoever lets go of one too early.
    pub unnamed: Duration,
    /// How long a site's payloads are kept after they came in, when all their deliveries have come to their end. Those of
    /// a site that is not named here are kept for good.
    pub delivered: BTreeMap<SiteId, Duration>,
}

impl Retention {
    /// For each site, before which time its instances must have come in.
    fn received_before(&self, now: Timestamp) -> BTreeMap<SiteId, Timestamp> {
        let before = |keep: &Duration| {
            let keep = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
            Timestamp::from_micros(now.as_micros().saturating_sub(keep))
        };
        self.delivered.iter().map(|(site, keep)| (site.clone(), before(keep))).collect()
    }
}

/// What one page of a collection came to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Collected {
    /// How many payloads were looked at.
    pub seen: usize,
    /// How many were removed.
    pub removed: usize,
    /// How many bytes they had.
    pub bytes: u64,
    /// Where the next page begins; `None` after the last.
    pub next: Option<Digest>,
}

/// Why a collection broke off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    /// The place for payloads failed.
    #[error("payloads: {0}")]
    Payloads(#[from] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks at the payloads that follow `after`, at most so many, and removes those that nobody needs: no row names them and
/// they are older than the retention allows, or every row that names them may be forgotten (`is_disposable`).
///
/// Safe beside anything else that goes on, and at any moment of a crash: a payload is claimed, the rows are looked at by
/// the writer after every batch that was handed to it before, and it is removed only when nobody has held it since.
///
/// # Errors
/// When the place or the store fails; what was removed before stays removed.
///
/// # Cancel safety
/// A dropped future has removed some of them, or none.
pub async fn collect(
    store: &dyn Store,
    payloads: &dyn Payloads,
    retention: &Retention,
    now: Timestamp,
    after: Option<Digest>,
    limit: usize,
) -> Result<Collected, CollectError> {
    let listed = payloads.list(after, limit).await?;
    let mut collected = Collected { seen: listed.len(), ..Collected::default() };
    if listed.len() == limit {
        collected.next = listed.last().map(|last| last.digest);
    }
    let received_before = retention.received_before(now);
    for payload in listed {
        if is_removed(store, payloads, retention, &received_before, now, &payload).await? {
            collected.removed += 1;
            collected.bytes += payload.bytes;
        }
    }
    Ok(collected)
}

async fn is_removed(
    store: &dyn Store,
    payloads: &dyn Payloads,
    retention: &Retention,
    received_before: &BTreeMap<SiteId, Timestamp>,
    now: Timestamp,
    payload: &ListedPayload,
) -> Result<bool, CollectError> {
    let Some(claim) = payloads.claim(&payload.digest) else { return Ok(false) };
    // A cheap look first: nearly all payloads are needed, and the writer has better things to do.
    let named = store.instances_of_payload(&payload.digest).await?;
    if named.is_empty() && now.since(payload.stored_at) < retention.unnamed {
        return Ok(false);
    }
    for instance in &named {
        let (site, uid) = (&instance.site, &instance.sop_instance_uid);
        let deliveries = store.deliveries_of(site, uid).await?;
        if !is_disposable(instance, &deliveries, received_before.get(site)) {
            return Ok(false);
        }
    }
    let unneeded = Expectation::PayloadUnneeded {
        digest: payload.digest,
        received_before: received_before.clone(),
    };
    match store.commit(Batch::new().with(Effect::Expect(unneeded))).await {
        Ok(_) => Ok(payloads.remove(claim).await?),
        Err(StoreError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether the payload of an instance may go: it came in before the site's time for keeping (`None` = for good), and it
/// was delivered, or was not wanted, everywhere it was decided for.
///
/// An instance without any delivery stays, because a person has to say what becomes of it; except a variant, whose image
/// went out with another version.
pub(crate) fn is_disposable(
    instance: &InstanceRecord,
    deliveries: &[DeliveryRecord],
    received_before: Option<&Timestamp>,
) -> bool {
    if received_before.is_none_or(|before| instance.received_at >= *before) {
        return false;
    }
    let mut of_version = deliveries.iter().filter(|it| it.digest == instance.digest).peekable();
    if of_version.peek().is_some() {
        return of_version.all(|delivery| delivery.state.is_complete());
    }
    let is_variant = matches!(instance.relation, Relation::Variant);
    is_variant
        && !deliveries.is_empty()
        && deliveries.iter().all(|delivery| delivery.state.is_complete())
}
