//! What people search by, in memory.

use std::collections::BTreeSet;

use telerad_accession::SearchKey;
use telerad_core::{SiteId, Timestamp};
use telerad_routing::{Digest, InstanceRecord, Relation};
use telerad_worklist::{OrderKey, OrderRecord};

use super::{MemoryStore, Tables};
use crate::StoreError;
use crate::access::{Journeys, StoreFuture};
use crate::index::{self, Searched};
use crate::subject::{JourneyKey, JourneySubject};

impl Journeys for MemoryStore {
    fn journey_subjects<'a>(
        &'a self,
        site: &'a SiteId,
        key: &'a JourneyKey,
        limit: usize,
    ) -> StoreFuture<'a, Vec<JourneySubject>> {
        self.read(|tables| {
            let mut found: BTreeSet<JourneySubject> = tables
                .journey_keys
                .keys()
                .filter(|(owner, searched, _)| owner == site && leads(searched, key))
                .map(|(_, _, subject)| subject.clone())
                .collect();
            if let JourneyKey::Uid(uid) = key {
                let of_site = tables.instances.values().filter(|it| it.site == *site);
                let named = of_site.filter(|it| {
                    it.sop_instance_uid == *uid || index::study_or_itself(it) == uid.as_str()
                });
                let study = |it| JourneySubject::Study(index::study_or_itself(it).to_owned());
                found.extend(named.map(study));
            }
            Ok(found.into_iter().take(limit).collect())
        })
    }

    fn studies_of_order<'a>(
        &'a self,
        site: &'a SiteId,
        key: &'a OrderKey,
    ) -> StoreFuture<'a, Vec<String>> {
        self.read(|tables| {
            let rows = tables.journey_keys.keys();
            let of_order = rows.filter(|(owner, searched, _)| {
                owner == site && searched.kind == "order" && searched.value == key.as_str()
            });
            Ok(of_order
                .filter_map(|(_, _, subject)| match subject {
                    JourneySubject::Study(uid) => Some(uid.clone()),
                    JourneySubject::Order(_) => None,
                })
                .collect())
        })
    }

    fn irregular_instances<'a>(
        &'a self,
        site: &'a SiteId,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> StoreFuture<'a, Vec<InstanceRecord>> {
        self.read(|tables| {
            let mut found: Vec<_> = tables
                .instances
                .iter()
                .filter(|((owner, _, _), it)| owner == site && it.relation != Relation::First)
                .filter(|(_, it)| (from..to).contains(&it.received_at))
                .collect();
            found.sort_by_key(|((_, _, sequence), it)| (it.received_at, *sequence));
            found.truncate(limit);
            Ok(found.into_iter().map(|(_, it)| it.clone()).collect())
        })
    }
}

impl Tables {
    pub(super) fn put_order_searched(
        &mut self,
        record: &OrderRecord,
        keys: &[SearchKey],
    ) -> Result<(), StoreError> {
        let (site, subject) = (&record.order.site, JourneySubject::Order(record.key.clone()));
        let before = self.journey_keys.keys().filter(|row| row.0 == *site && row.2 == subject);
        for row in before.cloned().collect::<Vec<_>>() {
            self.journey_keys.remove(&row);
        }
        for searched in index::order_searched(record, keys)? {
            self.journey_keys.put((site.clone(), searched, subject.clone()), ());
        }
        Ok(())
    }

    pub(super) fn put_study_searched(&mut self, record: &InstanceRecord) -> Result<(), StoreError> {
        let subject = JourneySubject::Study(index::study_or_itself(record).to_owned());
        for searched in index::study_searched(record)? {
            self.journey_keys.put((record.site.clone(), searched, subject.clone()), ());
        }
        Ok(())
    }

    /// Every version of an instance that has this payload, in the order they were kept.
    pub(super) fn with_payload(&self, digest: &Digest) -> Vec<InstanceRecord> {
        let mut found: Vec<_> =
            self.instances.iter().filter(|(_, record)| record.digest == *digest).collect();
        found.sort_by_key(|((_, _, sequence), _)| *sequence);
        found.into_iter().map(|(_, record)| record.clone()).collect()
    }
}

fn leads(searched: &Searched, key: &JourneyKey) -> bool {
    let is = |kind: &str, value: &str| searched.kind == kind && searched.value == value;
    match key {
        JourneyKey::Accession(number) => is("accession", number),
        JourneyKey::Name(name) => {
            let (from, to) = index::name_range(name);
            searched.kind == "name" && (from..=to).contains(&searched.value)
        }
        JourneyKey::Patient(id) => {
            is("patient", id.value()) && index::may_be_issued_by(&searched.issuer, id.issuer())
        }
        JourneyKey::Uid(uid) => is("study", uid.as_str()),
    }
}
