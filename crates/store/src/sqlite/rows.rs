//! Rows in SQLite, inside the writer's transaction.

use rusqlite::{Connection, params};
use telerad_accession::SearchKey;
use telerad_core::{SiteId, Uid};
use telerad_report::{ReportKey, ReportRecord};
use telerad_routing::{
    BreakerRecord, DeliveryKey, DeliveryRecord, DestinationId, Digest, InstanceRecord,
    StickyMember, StudyDecision,
};
use telerad_worklist::{OrderKey, OrderRecord, PatientRecord, PerformedStep};

use super::journey;
use super::outbox;
use super::performed;
use super::queue::DELIVERIES_OF_INSTANCE;
use super::row::{self, bodies, body, execute, first};
use crate::apply::Rows;
use crate::index::{self, json};
use crate::{JournalEntry, MessageRecord, OutboundMessage, ParkedItem, RecordKind, StoreError};

pub(super) struct SqliteRows<'a>(pub(super) &'a Connection);

impl Rows for SqliteRows<'_> {
    fn message(&mut self, id: &str) -> Result<Option<MessageRecord>, StoreError> {
        row::message(self.0, &format!("SELECT {} FROM message WHERE id = ?1", row::MESSAGE), [id])
    }

    fn put_message(&mut self, record: &MessageRecord) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO message
            (id, site, received_at, sender, control_id, kind, raw, outcome, findings)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let values = params![
            record.id,
            record.site.as_ref().map(SiteId::as_str),
            record.received_at.as_micros(),
            record.sender,
            record.control_id,
            record.kind,
            record.raw,
            json(RecordKind::Message, &record.outcome)?,
            json(RecordKind::Message, &record.findings)?,
        ];
        execute(self.0, sql, values)
    }

    fn order_revision(&mut self, key: &OrderKey) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT revision FROM imaging_order WHERE key = ?1";
        revision(self.0, sql, [key.as_str()])
    }

    fn put_order(&mut self, record: &OrderRecord, keys: &[SearchKey]) -> Result<(), StoreError> {
        let site = record.order.site.as_str();
        let (first_day, last_day) = index::open_days(record).unzip();
        let sql = "INSERT OR REPLACE INTO imaging_order
            (key, site, first_day, last_day, revision, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let body = json(RecordKind::Order, record)?;
        let key = record.key.as_str();
        execute(
            self.0,
            sql,
            params![key, site, first_day, last_day, stored(record.revision), body],
        )?;
        execute(self.0, "DELETE FROM imaging_order_key WHERE order_key = ?1", [key])?;
        let sql = "INSERT OR IGNORE INTO imaging_order_key (site, kind, value, order_key)
            VALUES (?1, ?2, ?3, ?4)";
        keys.iter().try_for_each(|entry| {
            execute(self.0, sql, params![site, entry.kind(), entry.value(), key])
        })?;
        journey::put_order_keys(self.0, record, keys)
    }

    fn link_message(&mut self, site: &SiteId, subject: &str, id: &str) -> Result<(), StoreError> {
        let sql = "INSERT OR IGNORE INTO message_subject (site, subject, message)
            VALUES (?1, ?2, ?3)";
        execute(self.0, sql, [site.as_str(), subject, id])
    }

    fn patient_revision(&mut self, site: &SiteId, id: &str) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT revision FROM patient WHERE site = ?1 AND id = ?2";
        revision(self.0, sql, [site.as_str(), id])
    }

    fn put_patient(&mut self, id: &str, record: &PatientRecord) -> Result<(), StoreError> {
        let site = record.site.as_str();
        let body = json(RecordKind::Patient, record)?;
        let sql =
            "INSERT OR REPLACE INTO patient (site, id, revision, body) VALUES (?1, ?2, ?3, ?4)";
        execute(self.0, sql, params![site, id, stored(record.revision), body])?;
        execute(self.0, "DELETE FROM patient_id WHERE site = ?1 AND patient = ?2", [site, id])?;
        let sql = "INSERT OR IGNORE INTO patient_id (site, id, patient) VALUES (?1, ?2, ?3)";
        record
            .patient
            .ids
            .iter()
            .try_for_each(|other| execute(self.0, sql, params![site, index::id_text(other)?, id]))
    }

    fn performed_step_revision(
        &mut self,
        site: &SiteId,
        uid: &Uid,
    ) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT revision FROM performed_step WHERE site = ?1 AND sop_instance_uid = ?2";
        revision(self.0, sql, [site.as_str(), uid.as_str()])
    }

    fn put_performed_step(&mut self, record: &PerformedStep) -> Result<(), StoreError> {
        performed::put(self.0, record)
    }

    fn digests(&mut self, site: &SiteId, uid: &Uid) -> Result<Vec<Digest>, StoreError> {
        let sql = "SELECT digest FROM instance WHERE site = ?1 AND sop_instance_uid = ?2";
        let params = [site.as_str(), uid.as_str()];
        row::rows(self.0, sql, params, |row| row.get(0).map(Digest::from_bytes))
    }

    fn instances_of_payload(&mut self, digest: &Digest) -> Result<Vec<InstanceRecord>, StoreError> {
        row::instances_of_payload(self.0, digest)
    }

    fn add_instance(
        &mut self,
        record: &InstanceRecord,
        keys: &[SearchKey],
    ) -> Result<(), StoreError> {
        let site = record.site.as_str();
        let body = json(RecordKind::Instance, record)?;
        let sql = "INSERT INTO instance
            (site, sop_instance_uid, digest, study_instance_uid, received_at, relation, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let values = params![
            site,
            record.sop_instance_uid.as_str(),
            record.digest.as_bytes(),
            index::study_or_itself(record),
            record.received_at.as_micros(),
            index::relation(&record.relation),
            body,
        ];
        execute(self.0, sql, values)?;
        let number = self.0.last_insert_rowid();
        journey::put_study_keys(self.0, record)?;
        let (study, identity) = (index::study(record), index::identity(record)?);
        let sql = "INSERT OR IGNORE INTO instance_key
            (site, kind, value, study_instance_uid, identity, number)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        keys.iter().try_for_each(|key| {
            execute(self.0, sql, params![site, key.kind(), key.value(), study, identity, number])
        })
    }

    fn study_revision(&mut self, site: &SiteId, study: &str) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT revision FROM study WHERE site = ?1 AND study_instance_uid = ?2";
        revision(self.0, sql, [site.as_str(), study])
    }

    fn put_study(&mut self, record: &StudyDecision) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO study (site, study_instance_uid, revision, body)
            VALUES (?1, ?2, ?3, ?4)";
        let body = json(RecordKind::Study, record)?;
        let study = &record.study_instance_uid;
        execute(self.0, sql, params![record.site.as_str(), study, stored(record.revision), body])
    }

    fn delivery_versions(&mut self, key: &DeliveryKey) -> Result<Vec<DeliveryRecord>, StoreError> {
        let sql = "SELECT body FROM delivery
            WHERE site = ?1 AND sop_instance_uid = ?2 AND destination = ?3 ORDER BY number";
        let params = [key.site.as_str(), key.sop_instance_uid.as_str(), key.destination.as_str()];
        bodies(self.0, RecordKind::Delivery, sql, params)
    }

    fn deliveries_of(
        &mut self,
        site: &SiteId,
        uid: &Uid,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        let key = [site.as_str(), uid.as_str()];
        bodies(self.0, RecordKind::Delivery, DELIVERIES_OF_INSTANCE, key)
    }

    fn put_delivery(&mut self, record: &DeliveryRecord) -> Result<(), StoreError> {
        // An upsert, not a replacement: the row keeps its number.
        let sql = "INSERT INTO delivery (site, sop_instance_uid, destination, digest,
                study_instance_uid, source, priority, queued_at, not_before, state, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
            ON CONFLICT (site, sop_instance_uid, destination, digest) DO UPDATE SET
                study_instance_uid = excluded.study_instance_uid, source = excluded.source,
                priority = excluded.priority, queued_at = excluded.queued_at,
                not_before = excluded.not_before, state = excluded.state, body = excluded.body";
        let values = params![
            record.key.site.as_str(),
            record.key.sop_instance_uid.as_str(),
            record.key.destination.as_str(),
            record.digest.as_bytes(),
            record.study_instance_uid,
            record.source.as_str(),
            record.priority as i64,
            record.queued_at.as_micros(),
            record.not_before.as_micros(),
            record.state.as_str(),
            json(RecordKind::Delivery, record)?,
        ];
        execute(self.0, sql, values)
    }

    fn deliveries_in_study(&mut self, site: &SiteId, study: &str) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) FROM delivery WHERE site = ?1 AND study_instance_uid = ?2";
        let count = first(self.0, sql, [site.as_str(), study], |row| row.get::<_, i64>(0))?;
        Ok(usize::try_from(count.unwrap_or_default()).unwrap_or(usize::MAX))
    }

    fn breaker(&mut self, to: &DestinationId) -> Result<Option<BreakerRecord>, StoreError> {
        let sql = "SELECT body FROM breaker WHERE destination = ?1";
        body(self.0, RecordKind::Breaker, sql, [to.as_str()])
    }

    fn put_breaker(&mut self, record: &BreakerRecord) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO breaker (destination, body) VALUES (?1, ?2)";
        execute(self.0, sql, [record.destination.as_str(), &json(RecordKind::Breaker, record)?])
    }

    fn sticky_like(&mut self, record: &StickyMember) -> Result<Option<StickyMember>, StoreError> {
        let sql = "SELECT body FROM sticky
            WHERE site = ?1 AND destination_group = ?2 AND patient = ?3";
        let key = [record.site.as_str(), record.group.as_str(), &record.patient];
        body(self.0, RecordKind::Sticky, sql, key)
    }

    fn put_sticky(&mut self, record: &StickyMember) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO sticky (site, destination_group, patient, body)
            VALUES (?1, ?2, ?3, ?4)";
        let body = json(RecordKind::Sticky, record)?;
        execute(self.0, sql, [record.site.as_str(), record.group.as_str(), &record.patient, &body])
    }

    fn report_revision(&mut self, key: &ReportKey) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT revision FROM report WHERE key = ?1";
        revision(self.0, sql, [key.as_str()])
    }

    fn put_report(&mut self, record: &ReportRecord) -> Result<(), StoreError> {
        let sql = "INSERT INTO report (key, site, order_key, revision, body)
            VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (key) DO UPDATE SET site = excluded.site, order_key = excluded.order_key,
                revision = excluded.revision, body = excluded.body";
        let body = json(RecordKind::Report, record)?;
        let (key, site) = (record.key.as_str(), record.site.as_str());
        execute(self.0, sql, params![key, site, record.order_key, stored(record.revision), body])
    }

    fn parked_item(&mut self, id: &str) -> Result<Option<ParkedItem>, StoreError> {
        body(self.0, RecordKind::Parked, "SELECT body FROM parked WHERE id = ?1", [id])
    }

    fn put_parked(&mut self, item: &ParkedItem) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO parked (id, site, parked_at, subject, body)
            VALUES (?1, ?2, ?3, ?4, ?5)";
        let body = json(RecordKind::Parked, item)?;
        let (site, at) = (item.site.as_str(), item.parked_at.as_micros());
        execute(self.0, sql, params![item.id, site, at, item.subject, body])
    }

    fn remove_parked(&mut self, id: &str) -> Result<(), StoreError> {
        execute(self.0, "DELETE FROM parked WHERE id = ?1", [id])
    }

    fn outbound_message(&mut self, id: &str) -> Result<Option<OutboundMessage>, StoreError> {
        outbox::message(self.0, id)
    }

    fn put_outbound(&mut self, message: &OutboundMessage) -> Result<(), StoreError> {
        outbox::put(self.0, message)
    }

    fn outbound_pending(
        &mut self,
        site: &SiteId,
        sequence: &str,
    ) -> Result<Vec<OutboundMessage>, StoreError> {
        outbox::pending(self.0, site, sequence)
    }

    fn add_journal(&mut self, entry: &JournalEntry) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO journal (at, site, subject, event, detail) VALUES (?1, ?2, ?3, ?4, ?5)";
        let site = entry.site.as_ref().map(SiteId::as_str);
        let at = entry.at.as_micros();
        execute(self.0, sql, params![at, site, entry.subject, entry.event, entry.detail])
    }
}

/// Revisions count writes, so they never come near the sign bit.
fn stored(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

fn revision(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Option<u64>, StoreError> {
    Ok(first(connection, sql, params, |row| row.get(0))?.map(i64::unsigned_abs))
}
