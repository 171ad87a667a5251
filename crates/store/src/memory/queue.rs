//! Reads about deliveries and destinations in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use telerad_core::{Priority, SiteId, Timestamp, Uid};
use telerad_routing::{
    BreakerRecord, DeliveryKey, DeliveryRecord, DestinationId, GroupId, StickyMember,
};

use super::{MemoryStore, Sequence, Tables};
use crate::access::{Deliveries, DeliveryCount, Destinations, StoreFuture};

impl Deliveries for MemoryStore {
    fn due<'a>(
        &'a self,
        destination: &'a DestinationId,
        now: Timestamp,
        limit: usize,
    ) -> StoreFuture<'a, Vec<DeliveryRecord>> {
        self.read(|tables| {
            let due = tables.pending(destination).filter(|record| record.not_before <= now);
            Ok(due.take(limit).cloned().collect())
        })
    }

    fn due_by_source<'a>(
        &'a self,
        destination: &'a DestinationId,
        lanes: RangeInclusive<Priority>,
        now: Timestamp,
        per_source: usize,
    ) -> StoreFuture<'a, Vec<DeliveryRecord>> {
        self.read(|tables| {
            let mut sources: BTreeMap<_, Vec<_>> = BTreeMap::new();
            let pending = tables.pending(destination).filter(|it| lanes.contains(&it.priority));
            for record in pending.filter(|record| record.not_before <= now) {
                let source = (record.priority, &record.key.site, record.source.as_str());
                let queue = sources.entry(source).or_default();
                if queue.len() < per_source {
                    queue.push(record.clone());
                }
            }
            Ok(sources.into_values().flatten().collect())
        })
    }

    fn next_due<'a>(
        &'a self,
        destination: &'a DestinationId,
    ) -> StoreFuture<'a, Option<Timestamp>> {
        self.read(|tables| Ok(tables.pending(destination).map(|record| record.not_before).min()))
    }

    fn lane_pending<'a>(
        &'a self,
        destination: &'a DestinationId,
        lane: Priority,
    ) -> StoreFuture<'a, bool> {
        self.read(|tables| Ok(tables.pending(destination).any(|record| record.priority == lane)))
    }

    fn pending_studies<'a>(
        &'a self,
        destination: &'a DestinationId,
        after: Option<(&'a SiteId, &'a str)>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<(SiteId, String)>> {
        self.read(|tables| {
            let studies: BTreeSet<_> = tables
                .pending(destination)
                .map(|record| (&record.key.site, record.study_instance_uid.as_str()))
                .filter(|study| after.is_none_or(|after| *study > after))
                .collect();
            let studies = studies.into_iter().take(limit);
            Ok(studies.map(|(site, study)| (site.clone(), study.to_owned())).collect())
        })
    }

    fn delivery<'a>(&'a self, key: &'a DeliveryKey) -> StoreFuture<'a, Option<DeliveryRecord>> {
        self.read(|tables| {
            let first = tables.versions_of(key).min_by_key(|known| known.sequence);
            Ok(first.map(|known| known.record.clone()))
        })
    }

    fn deliveries_of<'a>(
        &'a self,
        site: &'a SiteId,
        sop_instance_uid: &'a Uid,
    ) -> StoreFuture<'a, Vec<DeliveryRecord>> {
        self.read(|tables| Ok(tables.deliveries_of(site, sop_instance_uid)))
    }

    fn deliveries_of_study<'a>(
        &'a self,
        site: &'a SiteId,
        study_instance_uid: &'a str,
    ) -> StoreFuture<'a, Vec<DeliveryRecord>> {
        let key = |sequence| (site.clone(), study_instance_uid.to_owned(), sequence);
        self.read(|tables| {
            let rows = tables.deliveries_by_study.range(key(0)..=key(Sequence::MAX));
            let record = |row| tables.deliveries.get(row).map(|known| known.record.clone());
            Ok(rows.filter_map(|(_, row)| record(row)).collect())
        })
    }

    fn pending_destinations(&self) -> StoreFuture<'_, Vec<DestinationId>> {
        self.read(|tables| {
            let names = tables.deliveries_pending.keys().map(|pending| &pending.0);
            let names: BTreeSet<_> = names.collect();
            Ok(names.into_iter().cloned().collect())
        })
    }

    fn delivery_counts(&self) -> StoreFuture<'_, Vec<DeliveryCount>> {
        self.read(|tables| {
            let mut counts = BTreeMap::new();
            for known in tables.deliveries.values() {
                let destination = known.record.key.destination.clone();
                *counts.entry((destination, known.record.state.as_str())).or_insert(0) += 1;
            }
            let count = |((destination, state), count)| DeliveryCount { destination, state, count };
            Ok(counts.into_iter().map(count).collect())
        })
    }
}

impl Destinations for MemoryStore {
    fn breakers(&self) -> StoreFuture<'_, Vec<BreakerRecord>> {
        self.read(|tables| Ok(tables.breakers.values().cloned().collect()))
    }

    fn sticky<'a>(
        &'a self,
        site: &'a SiteId,
        group: &'a GroupId,
        patient: &'a str,
    ) -> StoreFuture<'a, Option<StickyMember>> {
        let key = (site.clone(), group.clone(), patient.to_owned());
        self.read(|tables| Ok(tables.sticky.get(&key).cloned()))
    }
}

impl Tables {
    /// Pending deliveries to a destination, in the order they go out.
    fn pending<'a>(
        &'a self,
        destination: &'a DestinationId,
    ) -> impl Iterator<Item = &'a DeliveryRecord> {
        self.deliveries_pending
            .keys()
            .skip_while(move |pending| pending.0 < *destination)
            .take_while(move |pending| pending.0 == *destination)
            .filter_map(|pending| self.deliveries.get(&(pending.4.clone(), pending.5)))
            .map(|known| &known.record)
    }

    /// The deliveries of an instance, in the order they were first queued.
    pub(super) fn deliveries_of(&self, site: &SiteId, uid: &Uid) -> Vec<DeliveryRecord> {
        let of_instance = |key: &DeliveryKey| key.site == *site && key.sop_instance_uid == *uid;
        let mut found: Vec<_> = self
            .deliveries
            .iter()
            .skip_while(|((key, _), _)| (&key.site, &key.sop_instance_uid) < (site, uid))
            .take_while(|((key, _), _)| of_instance(key))
            .map(|(_, known)| known)
            .collect();
        found.sort_by_key(|known| known.sequence);
        found.into_iter().map(|known| known.record.clone()).collect()
    }
}
