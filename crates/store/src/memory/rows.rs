//! Rows in memory, and the indexes beside them.

use telerad_accession::SearchKey;
use telerad_core::{SiteId, Uid};
use telerad_report::{ReportKey, ReportRecord};
use telerad_routing::{
    BreakerRecord, DeliveryKey, DeliveryRecord, DeliveryState, DestinationId, Digest, GroupId,
    InstanceRecord, StickyMember, StudyDecision,
};
use telerad_worklist::{OrderKey, OrderRecord, PatientRecord, PerformedStep};

use super::{Delivery, Pending, Sequence, Tables};
use crate::apply::Rows;
use crate::index;
use crate::{JournalEntry, MessageRecord, OutboundMessage, OutboundState, ParkedItem, StoreError};

impl Rows for Tables {
    fn message(&mut self, id: &str) -> Result<Option<MessageRecord>, StoreError> {
        Ok(self.messages.get(id).cloned())
    }

    fn put_message(&mut self, record: &MessageRecord) -> Result<(), StoreError> {
        if let Some(known) = self.messages.get(&record.id) {
            let key = control_key(known);
            self.message_controls.remove(&key);
        }
        self.message_controls.put(control_key(record), ());
        self.messages.put(record.id.clone(), record.clone());
        Ok(())
    }

    fn link_message(&mut self, site: &SiteId, subject: &str, id: &str) -> Result<(), StoreError> {
        self.message_subjects.put((site.clone(), subject.to_owned(), id.to_owned()), ());
        Ok(())
    }

    fn order_revision(&mut self, key: &OrderKey) -> Result<Option<u64>, StoreError> {
        Ok(self.orders.get(key).map(|(known, _)| known.revision))
    }

    fn put_order(&mut self, record: &OrderRecord, keys: &[SearchKey]) -> Result<(), StoreError> {
        if let Some((known, keys)) = self.orders.get(&record.key) {
            for key in keys {
                let key = (known.order.site.clone(), key.clone(), known.key.clone());
                self.order_keys.remove(&key);
            }
        }
        for key in keys {
            let key = (record.order.site.clone(), key.clone(), record.key.clone());
            self.order_keys.put(key, ());
        }
        self.put_order_searched(record, keys)?;
        self.orders.put(record.key.clone(), (record.clone(), keys.to_vec()));
        Ok(())
    }

    fn patient_revision(&mut self, site: &SiteId, id: &str) -> Result<Option<u64>, StoreError> {
        let key = (site.clone(), id.to_owned());
        Ok(self.patients.get(&key).map(|known| known.revision))
    }

    fn put_patient(&mut self, id: &str, record: &PatientRecord) -> Result<(), StoreError> {
        let key = (record.site.clone(), id.to_owned());
        if let Some(known) = self.patients.get(&key) {
            for other in &known.patient.ids {
                let entry = (record.site.clone(), index::id_text(other)?, id.to_owned());
                self.patient_ids.remove(&entry);
            }
        }
        for other in &record.patient.ids {
            let entry = (record.site.clone(), index::id_text(other)?, id.to_owned());
            self.patient_ids.put(entry, ());
        }
        self.patients.put(key, record.clone());
        Ok(())
    }

    fn performed_step_revision(
        &mut self,
        site: &SiteId,
        uid: &Uid,
    ) -> Result<Option<u64>, StoreError> {
        let known = self.performed_steps.get(&(site.clone(), uid.clone()));
        Ok(known.map(|(_, known)| known.revision))
    }

    fn put_performed_step(&mut self, record: &PerformedStep) -> Result<(), StoreError> {
        self.keep_performed_step(record);
        Ok(())
    }

    fn digests(&mut self, site: &SiteId, uid: &Uid) -> Result<Vec<Digest>, StoreError> {
        Ok(self.versions(site, uid).map(|known| known.digest).collect())
    }

    fn instances_of_payload(&mut self, digest: &Digest) -> Result<Vec<InstanceRecord>, StoreError> {
        Ok(self.with_payload(digest))
    }

    fn add_instance(
        &mut self,
        record: &InstanceRecord,
        keys: &[SearchKey],
    ) -> Result<(), StoreError> {
        let row = (record.site.clone(), record.sop_instance_uid.clone(), self.next());
        for key in keys {
            let study = index::study(record).to_owned();
            let key = (record.site.clone(), key.clone(), study, index::identity(record)?);
            if !self.instance_keys.contains_key(&key) {
                self.instance_keys.put(key, row.clone());
            }
        }
        self.instances.put(row, record.clone());
        self.put_study_searched(record)
    }

    fn study_revision(&mut self, site: &SiteId, study: &str) -> Result<Option<u64>, StoreError> {
        let key = (site.clone(), study.to_owned());
        Ok(self.studies.get(&key).map(|known| known.revision))
    }

    fn put_study(&mut self, record: &StudyDecision) -> Result<(), StoreError> {
        let key = (record.site.clone(), record.study_instance_uid.clone());
        self.studies.put(key, record.clone());
        Ok(())
    }

    fn delivery_versions(&mut self, key: &DeliveryKey) -> Result<Vec<DeliveryRecord>, StoreError> {
        Ok(self.versions_of(key).map(|known| known.record.clone()).collect())
    }

    fn deliveries_of(
        &mut self,
        site: &SiteId,
        uid: &Uid,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        Ok(Tables::deliveries_of(self, site, uid))
    }

    fn put_delivery(&mut self, record: &DeliveryRecord) -> Result<(), StoreError> {
        let key = (record.key.clone(), record.digest);
        let sequence = match self.deliveries.get(&key) {
            Some(known) => {
                let (sequence, pending) = (known.sequence, pending_key(&known.record));
                let study = study_key(&known.record, sequence);
                self.deliveries_pending.remove(&pending);
                self.deliveries_by_study.remove(&study);
                sequence
            }
            None => self.next(),
        };
        if record.state == DeliveryState::Pending {
            self.deliveries_pending.put(pending_key(record), ());
        }
        self.deliveries_by_study.put(study_key(record, sequence), key.clone());
        self.deliveries.put(key, Delivery { sequence, record: record.clone() });
        Ok(())
    }

    fn deliveries_in_study(&mut self, site: &SiteId, study: &str) -> Result<usize, StoreError> {
        let key = |sequence| (site.clone(), study.to_owned(), sequence);
        Ok(self.deliveries_by_study.range(key(0)..=key(Sequence::MAX)).count())
    }

    fn breaker(&mut self, to: &DestinationId) -> Result<Option<BreakerRecord>, StoreError> {
        Ok(self.breakers.get(to).cloned())
    }

    fn put_breaker(&mut self, record: &BreakerRecord) -> Result<(), StoreError> {
        self.breakers.put(record.destination.clone(), record.clone());
        Ok(())
    }

    fn sticky_like(&mut self, record: &StickyMember) -> Result<Option<StickyMember>, StoreError> {
        Ok(self.sticky.get(&sticky_key(record)).cloned())
    }

    fn put_sticky(&mut self, record: &StickyMember) -> Result<(), StoreError> {
        self.sticky.put(sticky_key(record), record.clone());
        Ok(())
    }

    fn report_revision(&mut self, key: &ReportKey) -> Result<Option<u64>, StoreError> {
        Ok(self.reports.get(key).map(|(_, known)| known.revision))
    }

    fn put_report(&mut self, record: &ReportRecord) -> Result<(), StoreError> {
        let by_order = |record: &ReportRecord, sequence: Sequence| {
            (record.site.clone(), record.order_key.clone(), sequence)
        };
        let sequence = match self.reports.get(&record.key) {
            Some((sequence, known)) => {
                let (sequence, key) = (*sequence, by_order(known, *sequence));
                self.reports_by_order.remove(&key);
                sequence
            }
            None => self.next(),
        };
        self.reports_by_order.put(by_order(record, sequence), record.key.clone());
        self.reports.put(record.key.clone(), (sequence, record.clone()));
        Ok(())
    }

    fn parked_item(&mut self, id: &str) -> Result<Option<ParkedItem>, StoreError> {
        Ok(self.parked.get(id).cloned())
    }

    fn put_parked(&mut self, item: &ParkedItem) -> Result<(), StoreError> {
        self.parked.put(item.id.clone(), item.clone());
        Ok(())
    }

    fn remove_parked(&mut self, id: &str) -> Result<(), StoreError> {
        self.parked.remove(&id.to_owned());
        Ok(())
    }

    fn outbound_message(&mut self, id: &str) -> Result<Option<OutboundMessage>, StoreError> {
        Ok(self.outbound.get(id).map(|(_, known)| known.clone()))
    }

    fn put_outbound(&mut self, message: &OutboundMessage) -> Result<(), StoreError> {
        self.write_outbound(message);
        Ok(())
    }

    fn outbound_pending(
        &mut self,
        site: &SiteId,
        sequence: &str,
    ) -> Result<Vec<OutboundMessage>, StoreError> {
        let of_sequence = self.outbound_of(site, sequence).into_iter();
        Ok(of_sequence.filter(|message| message.state == OutboundState::Pending).collect())
    }

    fn add_journal(&mut self, entry: &JournalEntry) -> Result<(), StoreError> {
        let key = (entry.subject.clone(), self.next());
        self.journal.put(key, entry.clone());
        Ok(())
    }
}

impl Tables {
    pub(super) fn versions<'a>(
        &'a self,
        site: &SiteId,
        uid: &Uid,
    ) -> impl Iterator<Item = &'a InstanceRecord> + use<'a> {
        let range = (site.clone(), uid.clone(), 0)..=(site.clone(), uid.clone(), Sequence::MAX);
        self.instances.range(range).map(|(_, record)| record)
    }

    pub(super) fn versions_of<'a>(
        &'a self,
        key: &DeliveryKey,
    ) -> impl Iterator<Item = &'a Delivery> + use<'a> {
        let digest = |byte| Digest::from_bytes([byte; 32]);
        let range = (key.clone(), digest(0))..=(key.clone(), digest(u8::MAX));
        self.deliveries.range(range).map(|(_, delivery)| delivery)
    }
}

fn control_key(record: &MessageRecord) -> (String, String, telerad_core::Timestamp, String) {
    (record.sender.clone(), record.control_id.clone(), record.received_at, record.id.clone())
}

fn pending_key(record: &DeliveryRecord) -> Pending {
    let destination = record.key.destination.clone();
    let (may_be_tried, queued) = (record.not_before, record.queued_at);
    (destination, record.priority, may_be_tried, queued, record.key.clone(), record.digest)
}

fn sticky_key(record: &StickyMember) -> (SiteId, GroupId, String) {
    (record.site.clone(), record.group.clone(), record.patient.clone())
}

fn study_key(record: &DeliveryRecord, sequence: Sequence) -> (SiteId, String, Sequence) {
    (record.key.site.clone(), record.study_instance_uid.clone(), sequence)
}
