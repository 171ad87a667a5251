//! Reads in memory.

use std::collections::{BTreeMap, BTreeSet};

use telerad_accession::SearchKey;
use telerad_core::{PatientId, SiteId, Timestamp, Uid};
use telerad_report::{ReportKey, ReportRecord};
use telerad_routing::{Digest, InstanceRecord, StudyDecision};
use telerad_worklist::{OrderKey, OrderRecord, PatientRecord};

use super::{Head, MemoryStore, Sequence, Tables};
use crate::access::{
    Instances, Journal, Messages, Orders, Parking, Patients, Reports, StoreFuture,
};
use crate::index;
use crate::{JournalEntry, MessageRecord, ParkedItem};

impl Instances for MemoryStore {
    fn versions<'a>(
        &'a self,
        site: &'a SiteId,
        sop_instance_uid: &'a Uid,
    ) -> StoreFuture<'a, Vec<InstanceRecord>> {
        self.read(|tables| Ok(tables.versions(site, sop_instance_uid).cloned().collect()))
    }

    fn instances_of_payload<'a>(
        &'a self,
        digest: &'a Digest,
    ) -> StoreFuture<'a, Vec<InstanceRecord>> {
        self.read(|tables| Ok(tables.with_payload(digest)))
    }

    fn instances_of_study<'a>(
        &'a self,
        site: &'a SiteId,
        study_instance_uid: &'a str,
    ) -> StoreFuture<'a, Vec<InstanceRecord>> {
        self.read(|tables| {
            let mut found: Vec<_> = tables
                .instances
                .iter()
                .filter(|((owner, _, _), _)| owner == site)
                .filter(|(_, it)| index::study_or_itself(it) == study_instance_uid)
                .collect();
            found.sort_by_key(|((_, _, sequence), _)| *sequence);
            Ok(found.into_iter().map(|(_, it)| it.clone()).collect())
        })
    }

    fn study<'a>(
        &'a self,
        site: &'a SiteId,
        study_instance_uid: &'a str,
    ) -> StoreFuture<'a, Option<StudyDecision>> {
        let key = (site.clone(), study_instance_uid.to_owned());
        self.read(|tables| Ok(tables.studies.get(&key).cloned()))
    }

    fn instances_by_search<'a>(
        &'a self,
        site: &'a SiteId,
        keys: &'a [SearchKey],
    ) -> StoreFuture<'a, Vec<InstanceRecord>> {
        self.read(|tables| {
            let mut found = BTreeMap::new();
            for key in keys {
                let first = (site.clone(), key.clone(), String::new(), String::new());
                let same = |entry: &Head| entry.0 == *site && entry.1 == *key;
                let entries = tables.instance_keys.range(first..);
                for (entry, row) in entries.take_while(|(entry, _)| same(entry)) {
                    // Several keys may lead to one head, and each to another instance of it: the first one counts.
                    let head = found.entry((entry.2.clone(), entry.3.clone())).or_insert(row);
                    if row.2 < head.2 {
                        *head = row;
                    }
                }
            }
            Ok(found.values().filter_map(|row| tables.instances.get(*row).cloned()).collect())
        })
    }
}

impl Orders for MemoryStore {
    fn orders<'a>(
        &'a self,
        site: &'a SiteId,
        keys: &'a [OrderKey],
    ) -> StoreFuture<'a, Vec<OrderRecord>> {
        self.read(|tables| Ok(tables.orders_with(site, &keys.iter().collect())))
    }

    fn orders_by_search<'a>(
        &'a self,
        site: &'a SiteId,
        keys: &'a [SearchKey],
    ) -> StoreFuture<'a, Vec<OrderRecord>> {
        self.read(|tables| {
            let wanted: BTreeSet<_> = keys.iter().collect();
            let found = tables
                .order_keys
                .keys()
                .filter(|(owner, key, _)| owner == site && wanted.contains(key))
                .map(|(_, _, order)| order);
            Ok(tables.orders_with(site, &found.collect()))
        })
    }

    fn open_orders<'a>(
        &'a self,
        site: &'a SiteId,
        start_dates: Option<(String, String)>,
    ) -> StoreFuture<'a, Vec<OrderRecord>> {
        let (from, to) = index::day_range(start_dates);
        self.read(|tables| {
            let open = |record: &&OrderRecord| {
                record.order.site == *site
                    && index::open_days(record)
                        .is_some_and(|(first, last)| first <= to && from <= last)
            };
            let records = tables.orders.values().map(|(record, _)| record);
            Ok(records.filter(open).cloned().collect())
        })
    }

    fn orders_of_patient<'a>(
        &'a self,
        site: &'a SiteId,
        value: &'a str,
    ) -> StoreFuture<'a, Vec<OrderRecord>> {
        self.read(|tables| {
            let is_of_patient = |record: &&OrderRecord| {
                record.order.site == *site
                    && record.order.patient.ids.iter().any(|id| id.value() == value)
            };
            let records = tables.orders.values().map(|(record, _)| record);
            Ok(records.filter(is_of_patient).cloned().collect())
        })
    }
}

impl Patients for MemoryStore {
    fn patients<'a>(
        &'a self,
        site: &'a SiteId,
        ids: &'a [PatientId],
    ) -> StoreFuture<'a, Vec<PatientRecord>> {
        self.read(|tables| {
            let mut found = BTreeSet::new();
            for id in ids {
                let id = index::id_text(id)?;
                let first = (site.clone(), id.clone(), String::new());
                let entries = tables.patient_ids.range(first..).map(|(entry, ())| entry);
                let same = |entry: &&(SiteId, String, String)| entry.0 == *site && entry.1 == id;
                found.extend(entries.take_while(same).map(|entry| entry.2.clone()));
            }
            let record = |id| tables.patients.get(&(site.clone(), id)).cloned();
            Ok(found.into_iter().filter_map(record).collect())
        })
    }

    fn patients_by_value<'a>(
        &'a self,
        site: &'a SiteId,
        value: &'a str,
    ) -> StoreFuture<'a, Vec<PatientRecord>> {
        self.read(|tables| {
            let start = index::id_text_start(value)?;
            let first = (site.clone(), start.clone(), String::new());
            let entries = tables.patient_ids.range(first..).map(|(entry, ())| entry);
            let same =
                |entry: &&(SiteId, String, String)| entry.0 == *site && entry.1.starts_with(&start);
            let found: BTreeSet<_> = entries.take_while(same).map(|entry| &entry.2).collect();
            let record = |id: &String| tables.patients.get(&(site.clone(), id.clone())).cloned();
            Ok(found.into_iter().filter_map(record).collect())
        })
    }
}

impl Reports for MemoryStore {
    fn report<'a>(&'a self, key: &'a ReportKey) -> StoreFuture<'a, Option<ReportRecord>> {
        self.read(|tables| Ok(tables.reports.get(key).map(|(_, record)| record.clone())))
    }

    fn reports_of_order<'a>(
        &'a self,
        site: &'a SiteId,
        order_key: &'a str,
    ) -> StoreFuture<'a, Vec<ReportRecord>> {
        let key = |sequence| (site.clone(), order_key.to_owned(), sequence);
        self.read(|tables| {
            let rows = tables.reports_by_order.range(key(0)..=key(Sequence::MAX));
            let record = |row| tables.reports.get(row).map(|(_, record)| record.clone());
            Ok(rows.filter_map(|(_, row)| record(row)).collect())
        })
    }
}

impl Messages for MemoryStore {
    fn message_by_control<'a>(
        &'a self,
        sender: &'a str,
        control_id: &'a str,
    ) -> StoreFuture<'a, Option<MessageRecord>> {
        self.read(|tables| {
            let (sender, control_id) = (sender.to_owned(), control_id.to_owned());
            let earliest = Timestamp::from_micros(i64::MIN);
            let first = (sender.clone(), control_id.clone(), earliest, String::new());
            let entries = tables.message_controls.range(first..).map(|(entry, ())| entry);
            let last =
                entries.take_while(|entry| entry.0 == sender && entry.1 == control_id).last();
            Ok(last.and_then(|entry| tables.messages.get(&entry.3).cloned()))
        })
    }

    fn messages_of<'a>(
        &'a self,
        site: &'a SiteId,
        subject: &'a str,
    ) -> StoreFuture<'a, Vec<MessageRecord>> {
        self.read(|tables| {
            let first = (site.clone(), subject.to_owned(), String::new());
            let rows = tables.message_subjects.range(first..).map(|(row, ())| row);
            let ids = rows.take_while(|row| row.0 == *site && row.1 == subject).map(|row| &row.2);
            let mut found: Vec<_> = ids.filter_map(|id| tables.messages.get(id)).cloned().collect();
            found.sort_by(|a, b| (a.received_at, &a.id).cmp(&(b.received_at, &b.id)));
            Ok(found)
        })
    }

    fn message<'a>(&'a self, id: &'a str) -> StoreFuture<'a, Option<MessageRecord>> {
        self.read(|tables| Ok(tables.messages.get(id).cloned()))
    }
}

impl Parking for MemoryStore {
    fn parked<'a>(
        &'a self,
        site: Option<&'a SiteId>,
        after: Option<(Timestamp, &'a str)>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<ParkedItem>> {
        let follows = |item: &ParkedItem| {
            site.is_none_or(|site| item.site == *site)
                && after.is_none_or(|after| (item.parked_at, item.id.as_str()) > after)
        };
        self.read(|tables| {
            let mut items = tables.parked_items(follows);
            items.truncate(limit);
            Ok(items)
        })
    }

    fn parked_item<'a>(
        &'a self,
        site: &'a SiteId,
        id: &'a str,
    ) -> StoreFuture<'a, Option<ParkedItem>> {
        self.read(|tables| Ok(tables.parked.get(id).filter(|item| item.site == *site).cloned()))
    }

    fn parked_about<'a>(
        &'a self,
        site: &'a SiteId,
        subjects: &'a [String],
    ) -> StoreFuture<'a, Vec<ParkedItem>> {
        let is_about = |item: &ParkedItem| item.site == *site && subjects.contains(&item.subject);
        self.read(|tables| Ok(tables.parked_items(is_about)))
    }
}

impl Journal for MemoryStore {
    fn journal<'a>(&'a self, subject: &'a str) -> StoreFuture<'a, Vec<JournalEntry>> {
        let key = |sequence| (subject.to_owned(), sequence);
        self.read(|tables| {
            let rows = tables.journal.range(key(0)..=key(Sequence::MAX));
            Ok(rows.map(|(_, entry)| entry.clone()).collect())
        })
    }

    fn journal_of<'a>(
        &'a self,
        site: &'a SiteId,
        subjects: &'a [String],
    ) -> StoreFuture<'a, Vec<JournalEntry>> {
        self.read(|tables| {
            let mut found: Vec<_> = tables
                .journal
                .iter()
                .filter(|((subject, _), _)| subjects.contains(subject))
                .filter(|(_, entry)| entry.site.as_ref() == Some(site))
                .collect();
            found.sort_by_key(|((_, sequence), _)| *sequence);
            Ok(found.into_iter().map(|(_, entry)| entry.clone()).collect())
        })
    }

    fn journal_between<'a>(
        &'a self,
        site: &'a SiteId,
        event: &'a str,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> StoreFuture<'a, Vec<JournalEntry>> {
        self.read(|tables| {
            let mut found: Vec<_> = tables
                .journal
                .iter()
                .filter(|(_, entry)| entry.site.as_ref() == Some(site) && entry.event == event)
                .filter(|(_, entry)| (from..to).contains(&entry.at))
                .collect();
            found.sort_by_key(|((_, sequence), entry)| (entry.at, *sequence));
            found.truncate(limit);
            Ok(found.into_iter().map(|(_, entry)| entry.clone()).collect())
        })
    }
}

impl Tables {
    /// The longest waiting first.
    fn parked_items(&self, wanted: impl Fn(&ParkedItem) -> bool) -> Vec<ParkedItem> {
        let mut items: Vec<_> = self.parked.values().filter(|it| wanted(it)).cloned().collect();
        items.sort_by(|a, b| (a.parked_at, &a.id).cmp(&(b.parked_at, &b.id)));
        items
    }

    fn orders_with(&self, site: &SiteId, keys: &BTreeSet<&OrderKey>) -> Vec<OrderRecord> {
        let known = keys.iter().filter_map(|key| self.orders.get(*key)).map(|(record, _)| record);
        known.filter(|record| record.order.site == *site).cloned().collect()
    }
}
