//! Instances that no rule wanted, and reports without a certain order, decided again when that may have changed.
//!
//! At start all of them are, since the rules may be others than those of the run before; later those of a study without
//! a decision for which an order has come, since rules may ask whether there is one. A study that is decided stays so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use telerad_accession::SearchKey;
use telerad_core::{SiteId, Uid};
use telerad_net::Shutdown;
use telerad_store::{ParkedItem, ParkedKind, StoreError};

use crate::intake::{self, NO_RULE};
use crate::state::State;
use crate::{relink, reports};

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
                for (site, keys) in together(orders) {
                    if let Err(error) = of_orders(state, shutdown, &site, &keys).await {
                        tracing::error!(%site, "studies are not decided again for a new order: {error}");
                    }
                }
            }
        }
    }
}

/// The keys of many orders of a site at once: what has to be read is the same for all of them.
fn together(orders: Vec<(SiteId, Vec<SearchKey>)>) -> Vec<(SiteId, Vec<SearchKey>)> {
    let mut sites: BTreeMap<SiteId, Vec<SearchKey>> = BTreeMap::new();
    for (site, keys) in orders {
        sites.entry(site).or_default().extend(keys);
    }
    let pieces = sites.into_iter().flat_map(|(site, keys)| {
        let pieces: Vec<Vec<SearchKey>> = keys.chunks(KEYS_AT_ONCE).map(<[_]>::to_vec).collect();
        pieces.into_iter().map(move |piece| (site.clone(), piece))
    });
    pieces.collect()
}

/// Keys that are looked up together; an order has a handful.
const KEYS_AT_ONCE: usize = 128;

async fn all(state: &State, shutdown: &Shutdown) -> Result<(), StoreError> {
    let (mut decided, mut turn) = (0, 0);
    let mut last: Option<ParkedItem> = None;
    'pages: loop {
        let after = last.as_ref().map(|item| (item.parked_at, item.id.as_str()));
        let items = state.environment.store.parked(None, after, PAGE).await?;
        last = items.last().cloned();
        if last.is_none() {
            break;
        }
        for item in items {
            if shutdown.is_requested() {
                break 'pages;
            }
            if is_undecided(&item) {
                decided += usize::from(decide(state, &mut turn, &item).await?);
            } else if item.kind == ParkedKind::Report {
                // Known before it is looked at, so that an order that comes meanwhile finds it.
                state.waiting_reports.add(&item.site, &item.subject);
                reports::decide_again(state, &item, None).await?;
            }
        }
    }
    if decided > 0 {
        tracing::info!(decided, "instances that no rule wanted were decided by the rules in force");
    }
    Ok(())
}

/// Only what the orders name; usually an order comes first and there is nothing.
async fn of_orders(
    state: &State,
    shutdown: &Shutdown,
    site: &SiteId,
    keys: &[SearchKey],
) -> Result<(), StoreError> {
    let store = &state.environment.store;
    let (mut undecided, mut decided) = (BTreeSet::new(), BTreeSet::new());
    for instance in store.instances_by_search(site, keys).await? {
        let study = intake::study_of(&instance);
        match store.study(site, &study).await? {
            None => undecided.insert(study),
            Some(_) => decided.insert(study),
        };
    }
    for study in decided {
        relink::again(state, site, &study).await?;
    }
    let waiting = state.waiting_reports.of(site);
    if !waiting.is_empty() {
        let items = store.parked_about(site, &waiting).await?;
        for item in &items {
            reports::decide_again(state, item, Some(keys)).await?;
        }
        let waits = |message: &&String| !items.iter().any(|item| item.subject == **message);
        waiting.iter().filter(waits).for_each(|message| state.waiting_reports.end(site, message));
    }
    if undecided.is_empty() {
        return Ok(());
    }
    let mut turn = 0;
    for study in undecided {
        let instances = store.instances_of_study(site, &study).await?;
        let subjects: BTreeSet<_> =
            instances.iter().map(|it| it.sop_instance_uid.as_str().to_owned()).collect();
        let items = store.parked_about(site, &Vec::from_iter(subjects)).await?;
        for item in items.iter().filter(|item| is_undecided(item)) {
            if shutdown.is_requested() {
                return Ok(());
            }
            decide(state, &mut turn, item).await?;
        }
    }
    Ok(())
}

/// Decides the instance of an item again; whether it got somewhere.
async fn decide(state: &State, turn: &mut usize, item: &ParkedItem) -> Result<bool, StoreError> {
    *turn += 1;
    if (*turn).is_multiple_of(AT_ONCE) {
        // What comes in goes first.
        let clock = &state.environment.clock;
        clock.sleep_until(clock.now() + PAUSE).await;
    }
    let Ok(uid) = Uid::new(&item.subject) else { return Ok(false) };
    let versions = state.environment.store.versions(&item.site, &uid).await?;
    let Some(instance) = versions.into_iter().next() else { return Ok(false) };
    intake::decide_again(state, instance, &item.id).await
}

fn is_undecided(item: &ParkedItem) -> bool {
    item.kind == ParkedKind::Instance && item.reason == NO_RULE
}

/// Parked items read at once.
const PAGE: usize = 500;
/// Decided between two pauses.
const AT_ONCE: usize = 32;
const PAUSE: Duration = Duration::from_millis(20);
