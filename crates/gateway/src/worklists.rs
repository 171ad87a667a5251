//! The worklist of every site in memory, following the store.
//!
//! What is committed is only noted; the record is read again from the store when somebody asks or the watching task comes
//! to it, whichever is first. So whoever has seen an acknowledgement finds what it acknowledged, the way of a message is no
//! longer for it, and the order in which commits are noted does not matter.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use telerad_core::{PatientId, SiteId, Timestamp};
use telerad_net::Shutdown;
use telerad_store::{Effect, Store, StoreError};
use telerad_worklist::{Found, OrderKey, OrderRecord, Query, WorklistIndex};
use tokio::sync::Notify;

use crate::configuration::Configuration;
use crate::environment::Environment;

/// The worklists of all sites.
pub(crate) struct Worklists {
    sites: BTreeMap<SiteId, SiteWorklist>,
    bell: Notify,
}

#[derive(Default)]
struct SiteWorklist {
    /// `None` until it is loaded.
    index: RwLock<Option<WorklistIndex>>,
    changed: Mutex<Changed>,
    /// Changed by a commit that nobody waited for to its end: perhaps still to be written.
    doubtful: Mutex<Changed>,
    /// Whose turn it is to read records and put them into the index; a stale one must not come last.
    turn: tokio::sync::Mutex<()>,
}

/// What is to be read again.
#[derive(Default)]
struct Changed {
    orders: BTreeSet<OrderKey>,
    patients: HashSet<PatientId>,
}

impl Changed {
    fn is_empty(&self) -> bool {
        self.orders.is_empty() && self.patients.is_empty()
    }

    fn append(&mut self, other: &mut Self) {
        self.orders.append(&mut other.orders);
        self.patients.extend(other.patients.drain());
    }
}

/// Why a worklist cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unavailable {
    #[error("the worklist is being loaded")]
    Loading,
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl Worklists {
    pub(crate) fn new(configuration: &Configuration) -> Self {
        let sites = configuration.sites.iter();
        let sites = sites.map(|site| (site.id.get_ref().clone(), SiteWorklist::default()));
        Self { sites: sites.collect(), bell: Notify::new() }
    }

    /// Takes note of what a batch changes, as soon as what is returned is dropped.
    pub(crate) fn note(&self, effects: &[Effect]) -> Note<'_> {
        let mut changed: BTreeMap<&SiteId, Changed> = BTreeMap::new();
        for effect in effects {
            match effect {
                Effect::Order { record, .. } => {
                    let of_site = self.sites.get_key_value(&record.order.site);
                    let Some((site, _)) = of_site else { continue };
                    changed.entry(site).or_default().orders.insert(record.key.clone());
                }
                Effect::Patient(record) => {
                    let of_site = self.sites.get_key_value(&record.site);
                    let Some((site, _)) = of_site else { continue };
                    let ids = record.patient.primary_id().cloned();
                    changed.entry(site).or_default().patients.extend(ids);
                }
                _ => {}
            }
        }
        Note { worklists: self, changed, is_certain: false }
    }

    /// The steps of a site that match, as the store has them now.
    pub(crate) async fn find(
        &self,
        store: &dyn Store,
        site: &SiteId,
        query: Query,
        answers_max: usize,
    ) -> Result<Found, Unavailable> {
        let worklist = self.sites.get(site).ok_or(Unavailable::Loading)?;
        worklist.catch_up(store, site).await?;
        let index = worklist.index.read().unwrap_or_else(PoisonError::into_inner);
        let index = index.as_ref().ok_or(Unavailable::Loading)?;
        Ok(index.find(query, answers_max))
    }
}

impl SiteWorklist {
    /// Reads again what has changed.
    async fn catch_up(&self, store: &dyn Store, site: &SiteId) -> Result<(), StoreError> {
        let is_loaded = self.index.read().unwrap_or_else(PoisonError::into_inner).is_some();
        if !is_loaded {
            return Ok(());
        }
        // Who has the turn may have taken what changed, and not be done with it.
        let _turn = self.turn.lock().await;
        if lock(&self.changed).is_empty() {
            return Ok(());
        }
        let mut taken = Taken { worklist: self, changed: std::mem::take(&mut lock(&self.changed)) };
        let keys: Vec<OrderKey> = taken.changed.orders.iter().cloned().collect();
        let orders = store.orders(site, &keys).await?;
        let mut ids = taken.changed.patients.clone();
        ids.extend(patients_of(&orders));
        let patients = store.patients(site, &ids.into_iter().collect::<Vec<_>>()).await?;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = index.as_mut() {
            for order in &orders {
                index.put_order(order);
            }
            for patient in &patients {
                index.put_patient(patient);
            }
        }
        taken.changed = Changed::default();
        Ok(())
    }

    async fn load(&self, environment: &Environment, site: &SiteId) -> Result<(), StoreError> {
        let store = &environment.store;
        let _turn = self.turn.lock().await;
        let mut index = WorklistIndex::new();
        // Window by window, so that the records of a large site are not in memory all at once. A step may be in several.
        for window in windows(environment.clock.timestamp()) {
            let orders = store.open_orders(site, Some(window)).await?;
            for part in orders.chunks(AT_ONCE) {
                let ids: HashSet<PatientId> = patients_of(part).collect();
                let patients = store.patients(site, &ids.into_iter().collect::<Vec<_>>()).await?;
                for order in part {
                    index.put_order(order);
                }
                for patient in &patients {
                    index.put_patient(patient);
                }
                tokio::task::yield_now().await;
            }
        }
        tracing::info!(%site, steps = index.steps(), "worklist loaded");
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = Some(index);
        Ok(())
    }
}

fn patients_of(orders: &[OrderRecord]) -> impl Iterator<Item = PatientId> {
    orders.iter().filter_map(|record| record.order.patient.primary_id().cloned())
}

/// What is being read again; noted as before when that comes to no end.
struct Taken<'a> {
    worklist: &'a SiteWorklist,
    changed: Changed,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        lock(&self.worklist.changed).append(&mut self.changed);
    }
}

/// What a batch changes, from before it is committed.
pub(crate) struct Note<'a> {
    worklists: &'a Worklists,
    changed: BTreeMap<&'a SiteId, Changed>,
    is_certain: bool,
}

impl Note<'_> {
    /// The commit has come to its end, whatever that was.
    pub(crate) fn done(mut self) {
        self.is_certain = true;
    }
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        if self.changed.is_empty() {
            return;
        }
        for (site, changed) in &mut self.changed {
            let Some(worklist) = self.worklists.sites.get(*site) else { continue };
            if !self.is_certain {
                let mut again = lock(&worklist.doubtful);
                again.orders.extend(changed.orders.iter().cloned());
                again.patients.extend(changed.patients.iter().cloned());
            }
            lock(&worklist.changed).append(changed);
        }
        self.worklists.bell.notify_one();
    }
}

/// Loads the worklists and then follows, until the end.
pub(crate) async fn watch(worklists: &Worklists, environment: &Environment, shutdown: &Shutdown) {
    let clock = &environment.clock;
    for (site, worklist) in &worklists.sites {
        while let Err(error) = worklist.load(environment, site).await {
            tracing::error!(%site, "worklist not loaded, tried again: {error}");
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = clock.sleep_until(clock.now() + LOAD_PAUSE) => {}
            }
        }
    }
    let mut doubted = None;
    loop {
        let until = doubted.unwrap_or_else(|| clock.now() + DOUBT_PAUSE);
        tokio::select! {
            biased;
            () = shutdown.requested() => return,
            () = worklists.bell.notified() => {}
            () = clock.sleep_until(until), if doubted.is_some() => {
                doubted = None;
                for worklist in worklists.sites.values() {
                    lock(&worklist.changed).append(&mut lock(&worklist.doubtful));
                }
            }
        }
        for (site, worklist) in &worklists.sites {
            if let Err(error) = worklist.catch_up(&*environment.store, site).await {
                tracing::error!(%site, "worklist does not follow the store: {error}");
            }
            let is_doubted = !lock(&worklist.doubtful).is_empty();
            doubted = doubted.or(is_doubted.then(|| clock.now() + DOUBT_PAUSE));
        }
    }
}

fn lock(changed: &Mutex<Changed>) -> std::sync::MutexGuard<'_, Changed> {
    changed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ranges of days that together hold every day: those about today one by one, since most steps start then.
fn windows(now: Timestamp) -> Vec<(String, String)> {
    let day = |days: i64| {
        let [year, month, day, ..] =
            Timestamp::from_micros(now.as_micros() + days * DAY_MICROS).civil_utc();
        format!("{year:04}{month:02}{day:02}")
    };
    let days = (-DAYS_BACK..=DAYS_AHEAD).map(|at| (day(at), day(at)));
    let before = (String::new(), day(-DAYS_BACK - 1));
    let after = (day(DAYS_AHEAD + 1), String::new());
    std::iter::once(before).chain(days).chain([after]).collect()
}

/// Orders whose patients are read at once.
const AT_ONCE: usize = 1000;
const DAYS_AHEAD: i64 = 21;
const DAYS_BACK: i64 = 7;
const DAY_MICROS: i64 = 86_400_000_000;
/// A commit that nobody waits for is written or failed by then.
const DOUBT_PAUSE: Duration = Duration::from_secs(30);
const LOAD_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
