//! Instances that no rule wanted, decided again when that may have changed.
//!
//! At start all of them are, since the rules may be others than those of the run before; later those of a study without
//! a decision for which an order has come, since rules may ask whether there is one. A study that is decided stays so.

use std::collections::BTreeSet;
use std::time::Duration;

use telerad_accession::SearchKey;
use telerad_core::{SiteId, Uid};
use telerad_net::Shutdown;
use telerad_store::{ParkedItem, ParkedKind, StoreError};

use crate::intake::{self, NO_RULE};
use crate::state::State;

/// Works until the end: once through everything, then whatever orders bring up.
pub(crate) async fn watch(state: &State, shutdown: &Shutdown) {
    if let Err(error) = all(state, shutdown).await {
        tracing::error!("instances that no rule wanted are not decided again: {error}");
    }
    while !shutdown.is_requested() {
        tokio::select! {
            biased;
            () = shutdown.requested() => return,
            orders = state.new_orders.wait() => {
                for (site, keys) in orders {
                    if let Err(error) = of_order(state, shutdown, &site, &keys).await {
                        tracing::error!(%site, "studies are not decided again for a new order: {error}");
                    }
                }
            }
        }
    }
}

async fn all(state: &State, shutdown: &Shutdown) -> Result<(), StoreError> {
    let items = state.environment.store.parked(None).await?;
    let decided = decide(state, shutdown, items, None).await?;
    if decided > 0 {
        tracing::info!(decided, "instances that no rule wanted were decided by the rules in force");
    }
    Ok(())
}

/// Only where images that the order names have no decision: usually the order comes first and there are none.
async fn of_order(
    state: &State,
    shutdown: &Shutdown,
    site: &SiteId,
    keys: &[SearchKey],
) -> Result<(), StoreError> {
    let store = &state.environment.store;
    let mut undecided = BTreeSet::new();
    for instance in store.instances_by_search(site, keys).await? {
        let study = intake::study_of(&instance);
        if store.study(site, &study).await?.is_none() {
            undecided.insert(study);
        }
    }
    if undecided.is_empty() {
        return Ok(());
    }
    let items = store.parked(Some(site)).await?;
    decide(state, shutdown, items, Some(&undecided)).await.map(drop)
}

/// Decides the instances among these items again, of these studies or of all; how many got somewhere.
async fn decide(
    state: &State,
    shutdown: &Shutdown,
    items: Vec<ParkedItem>,
    studies: Option<&BTreeSet<String>>,
) -> Result<usize, StoreError> {
    let waiting = items.into_iter().filter(is_undecided);
    let mut decided = 0;
    for (number, item) in waiting.enumerate() {
        if shutdown.is_requested() {
            break;
        }
        if number % AT_ONCE == AT_ONCE - 1 {
            // What comes in goes first.
            let clock = &state.environment.clock;
            clock.sleep_until(clock.now() + PAUSE).await;
        }
        let Ok(uid) = Uid::new(&item.subject) else { continue };
        let versions = state.environment.store.versions(&item.site, &uid).await?;
        let Some(instance) = versions.into_iter().next() else { continue };
        if studies.is_some_and(|studies| !studies.contains(&intake::study_of(&instance))) {
            continue;
        }
        decided += usize::from(intake::decide_again(state, instance, &item.id).await?);
    }
    Ok(decided)
}

fn is_undecided(item: &ParkedItem) -> bool {
    item.kind == ParkedKind::Instance && item.reason == NO_RULE
}

/// Decided between two pauses.
const AT_ONCE: usize = 32;
const PAUSE: Duration = Duration::from_millis(20);
