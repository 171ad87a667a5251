//! Performed procedure steps in memory.

use telerad_core::{SiteId, Uid};
use telerad_worklist::{OrderKey, PerformedStatus, PerformedStep};

use super::{MemoryStore, PerformedKey, Sequence, Tables};
use crate::access::{PerformedSteps, StoreFuture};

impl Tables {
    pub(super) fn keep_performed_step(&mut self, record: &PerformedStep) {
        let id = (record.site.clone(), record.sop_instance_uid.clone());
        let sequence = match self.performed_steps.get(&id) {
            Some((sequence, known)) => {
                let (sequence, stale) = (*sequence, keys(known));
                for key in stale {
                    self.performed_step_keys.remove(&(record.site.clone(), key, sequence));
                }
                sequence
            }
            None => self.next(),
        };
        for key in keys(record) {
            let uid = record.sop_instance_uid.clone();
            self.performed_step_keys.put((record.site.clone(), key, sequence), uid);
        }
        self.performed_steps.put(id, (sequence, record.clone()));
    }

    fn performed_steps_by(&self, site: &SiteId, key: &PerformedKey) -> Vec<PerformedStep> {
        let bound = |sequence| (site.clone(), key.clone(), sequence);
        let rows = self.performed_step_keys.range(bound(0)..=bound(Sequence::MAX));
        let record = |uid: &Uid| {
            let row = self.performed_steps.get(&(site.clone(), uid.clone()));
            row.map(|(_, record)| record.clone())
        };
        rows.filter_map(|(_, uid)| record(uid)).collect()
    }
}

fn keys(record: &PerformedStep) -> Vec<PerformedKey> {
    let studies = record.study_instance_uids().into_iter();
    let studies = studies.map(|study| PerformedKey::Study(study.as_str().to_owned()));
    let orders = record.order_keys().into_iter().map(PerformedKey::Order);
    let is_open = record.status == PerformedStatus::InProgress;
    studies.chain(orders).chain(is_open.then_some(PerformedKey::Open)).collect()
}

impl PerformedSteps for MemoryStore {
    fn performed_step<'a>(
        &'a self,
        site: &'a SiteId,
        sop_instance_uid: &'a Uid,
    ) -> StoreFuture<'a, Option<PerformedStep>> {
        let id = (site.clone(), sop_instance_uid.clone());
        self.read(|tables| Ok(tables.performed_steps.get(&id).map(|(_, record)| record.clone())))
    }

    fn performed_steps_of_study<'a>(
        &'a self,
        site: &'a SiteId,
        study_instance_uid: &'a str,
    ) -> StoreFuture<'a, Vec<PerformedStep>> {
        let key = PerformedKey::Study(study_instance_uid.to_owned());
        self.read(|tables| Ok(tables.performed_steps_by(site, &key)))
    }

    fn performed_steps_of_order<'a>(
        &'a self,
        site: &'a SiteId,
        key: &'a OrderKey,
    ) -> StoreFuture<'a, Vec<PerformedStep>> {
        let key = PerformedKey::Order(key.clone());
        self.read(|tables| Ok(tables.performed_steps_by(site, &key)))
    }

    fn open_performed_steps<'a>(&'a self, site: &'a SiteId) -> StoreFuture<'a, Vec<PerformedStep>> {
        self.read(|tables| Ok(tables.performed_steps_by(site, &PerformedKey::Open)))
    }
}
