//! Reads from SQLite.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use telerad_accession::SearchKey;
use telerad_core::{PatientId, SiteId, Timestamp, Uid};
use telerad_report::{ReportKey, ReportRecord};
use telerad_routing::{Digest, InstanceRecord, StudyDecision};
use telerad_worklist::{OrderKey, OrderRecord, PatientRecord};

use super::SqliteStore;
use super::row::{self, bodies, body, first, rows};
use crate::access::{Counts, Instances, Journal, Messages, Orders, Patients, Reports, StoreFuture};
use crate::index;
use crate::{JournalEntry, MessageRecord, RecordKind, StoreError};

impl Instances for SqliteStore {
    fn versions<'a>(
        &'a self,
        site: &'a SiteId,
        sop_instance_uid: &'a Uid,
    ) -> StoreFuture<'a, Vec<InstanceRecord>> {
        let key = [site.as_str().to_owned(), sop_instance_uid.as_str().to_owned()];
        self.read(move |connection| {
            let sql = "SELECT body FROM instance WHERE site = ?1 AND sop_instance_uid = ?2
                ORDER BY number";
            bodies(connection, RecordKind::Instance, sql, key)
        })
    }

    fn instances_of_payload<'a>(
        &'a self,
        digest: &'a Digest,
    ) -> StoreFuture<'a, Vec<InstanceRecord>> {
        let digest = *digest;
        self.read(move |connection| row::instances_of_payload(connection, &digest))
    }

    fn instances_of_study<'a>(
        &'a self,
        site: &'a SiteId,
        study_instance_uid: &'a str,
    ) -> StoreFuture<'a, Vec<InstanceRecord>> {
        let key = [site.as_str().to_owned(), study_instance_uid.to_owned()];
        self.read(move |connection| {
            let sql = "SELECT body FROM instance WHERE site = ?1 AND study_instance_uid = ?2
                ORDER BY number";
            bodies(connection, RecordKind::Instance, sql, key)
        })
    }

    fn study<'a>(
        &'a self,
        site: &'a SiteId,
        study_instance_uid: &'a str,
    ) -> StoreFuture<'a, Option<StudyDecision>> {
        let key = [site.as_str().to_owned(), study_instance_uid.to_owned()];
        self.read(move |connection| {
            let sql = "SELECT body FROM study WHERE site = ?1 AND study_instance_uid = ?2";
            body(connection, RecordKind::Study, sql, key)
        })
    }

    fn instances_by_search<'a>(
        &'a self,
        site: &'a SiteId,
        keys: &'a [SearchKey],
    ) -> StoreFuture<'a, Vec<InstanceRecord>> {
        let (site, keys) = (site.clone(), keys.to_vec());
        self.read(move |connection| {
            let sql = "SELECT study_instance_uid, identity, number FROM instance_key
                WHERE site = ?1 AND kind = ?2 AND value = ?3";
            let mut found: BTreeMap<(String, String), i64> = BTreeMap::new();
            for key in &keys {
                let params = [site.as_str(), key.kind(), key.value()];
                let heads = rows(connection, sql, params, |row| {
                    Ok(((row.get(0)?, row.get(1)?), row.get::<_, i64>(2)?))
                })?;
                for (head, number) in heads {
                    // Several keys may lead to one head, and each to another instance of it: the first one counts.
                    found
                        .entry(head)
                        .and_modify(|known| *known = number.min(*known))
                        .or_insert(number);
                }
            }
            let sql = "SELECT body FROM instance WHERE number = ?1";
            let instance = |number| body(connection, RecordKind::Instance, sql, [number]);
            found.into_values().filter_map(|number| instance(number).transpose()).collect()
        })
    }
}

impl Orders for SqliteStore {
    fn orders<'a>(
        &'a self,
        site: &'a SiteId,
        keys: &'a [OrderKey],
    ) -> StoreFuture<'a, Vec<OrderRecord>> {
        let (site, mut keys) = (site.clone(), keys.to_vec());
        keys.sort();
        keys.dedup();
        self.read(move |connection| orders(connection, &site, keys.iter().map(OrderKey::as_str)))
    }

    fn orders_by_search<'a>(
        &'a self,
        site: &'a SiteId,
        keys: &'a [SearchKey],
    ) -> StoreFuture<'a, Vec<OrderRecord>> {
        let (site, keys) = (site.clone(), keys.to_vec());
        self.read(move |connection| {
            let sql = "SELECT order_key FROM imaging_order_key
                WHERE site = ?1 AND kind = ?2 AND value = ?3";
            let mut found: Vec<String> = Vec::new();
            for key in &keys {
                let params = [site.as_str(), key.kind(), key.value()];
                found.extend(rows(connection, sql, params, |row| row.get::<_, String>(0))?);
            }
            found.sort();
            found.dedup();
            orders(connection, &site, found.iter().map(String::as_str))
        })
    }

    fn open_orders<'a>(
        &'a self,
        site: &'a SiteId,
        start_dates: Option<(String, String)>,
    ) -> StoreFuture<'a, Vec<OrderRecord>> {
        let site = site.clone();
        let (from, to) = index::day_range(start_dates);
        self.read(move |connection| {
            let sql = "SELECT body FROM imaging_order
                WHERE site = ?1 AND first_day IS NOT NULL AND first_day <= ?3 AND last_day >= ?2
                ORDER BY key";
            bodies(connection, RecordKind::Order, sql, [site.as_str(), &from, &to])
        })
    }

    fn orders_of_patient<'a>(
        &'a self,
        site: &'a SiteId,
        value: &'a str,
    ) -> StoreFuture<'a, Vec<OrderRecord>> {
        let (site, value) = (site.clone(), value.to_owned());
        self.read(move |connection| {
            let keys = [site.as_str(), &value];
            let keys: Vec<String> =
                rows(connection, ORDERS_OF_PATIENT, keys, |row| row.get::<_, String>(0))?;
            orders(connection, &site, keys.iter().map(String::as_str))
        })
    }
}

impl Patients for SqliteStore {
    fn patients<'a>(
        &'a self,
        site: &'a SiteId,
        ids: &'a [PatientId],
    ) -> StoreFuture<'a, Vec<PatientRecord>> {
        let (site, ids) = (site.clone(), ids.to_vec());
        self.read(move |connection| {
            let sql = "SELECT patient FROM patient_id WHERE site = ?1 AND id = ?2";
            let mut found: Vec<String> = Vec::new();
            for id in &ids {
                let params = [site.as_str(), &index::id_text(id)?];
                found.extend(rows(connection, sql, params, |row| row.get::<_, String>(0))?);
            }
            found.sort();
            found.dedup();
            let sql = "SELECT body FROM patient WHERE site = ?1 AND id = ?2";
            let patient =
                |id: &String| body(connection, RecordKind::Patient, sql, [site.as_str(), id]);
            found.iter().filter_map(|id| patient(id).transpose()).collect()
        })
    }

    fn patients_by_value<'a>(
        &'a self,
        site: &'a SiteId,
        value: &'a str,
    ) -> StoreFuture<'a, Vec<PatientRecord>> {
        let (site, value) = (site.clone(), value.to_owned());
        self.read(move |connection| {
            let start = index::id_text_start(&value)?;
            // No JSON text goes on with a character beyond this one.
            let end = format!("{start}{}", char::MAX);
            let keys = [site.as_str(), &start, &end];
            let found: Vec<String> =
                rows(connection, PATIENTS_BY_VALUE, keys, |row| row.get::<_, String>(0))?;
            let sql = "SELECT body FROM patient WHERE site = ?1 AND id = ?2";
            let patient =
                |id: &String| body(connection, RecordKind::Patient, sql, [site.as_str(), id]);
            found.iter().filter_map(|id| patient(id).transpose()).collect()
        })
    }
}

impl Reports for SqliteStore {
    fn report<'a>(&'a self, key: &'a ReportKey) -> StoreFuture<'a, Option<ReportRecord>> {
        let key = key.clone();
        self.read(move |connection| {
            let sql = "SELECT body FROM report WHERE key = ?1";
            body(connection, RecordKind::Report, sql, [key.as_str()])
        })
    }

    fn reports_of_order<'a>(
        &'a self,
        site: &'a SiteId,
        order_key: &'a str,
    ) -> StoreFuture<'a, Vec<ReportRecord>> {
        let key = [site.as_str().to_owned(), order_key.to_owned()];
        self.read(move |connection| {
            let sql = "SELECT body FROM report WHERE site = ?1 AND order_key = ?2 ORDER BY number";
            bodies(connection, RecordKind::Report, sql, key)
        })
    }
}

impl Messages for SqliteStore {
    fn message_by_control<'a>(
        &'a self,
        sender: &'a str,
        control_id: &'a str,
    ) -> StoreFuture<'a, Option<MessageRecord>> {
        let key = [sender.to_owned(), control_id.to_owned()];
        self.read(move |connection| {
            let sql = format!(
                "SELECT {} FROM message WHERE sender = ?1 AND control_id = ?2
                ORDER BY received_at DESC, id DESC LIMIT 1",
                row::MESSAGE
            );
            row::message(connection, &sql, key)
        })
    }

    fn messages_of<'a>(
        &'a self,
        site: &'a SiteId,
        subject: &'a str,
    ) -> StoreFuture<'a, Vec<MessageRecord>> {
        let key = [site.as_str().to_owned(), subject.to_owned()];
        self.read(move |connection| {
            let sql = "SELECT message FROM message_subject WHERE site = ?1 AND subject = ?2";
            let ids: Vec<String> = rows(connection, sql, key, |row| row.get(0))?;
            let sql = format!("SELECT {} FROM message WHERE id = ?1", row::MESSAGE);
            let message = |id| row::message(connection, &sql, [id]).transpose();
            let mut found: Vec<MessageRecord> =
                ids.iter().filter_map(message).collect::<Result<_, _>>()?;
            found.sort_by(|a, b| (a.received_at, &a.id).cmp(&(b.received_at, &b.id)));
            Ok(found)
        })
    }

    fn message<'a>(&'a self, id: &'a str) -> StoreFuture<'a, Option<MessageRecord>> {
        let id = id.to_owned();
        self.read(move |connection| {
            let sql = format!("SELECT {} FROM message WHERE id = ?1", row::MESSAGE);
            row::message(connection, &sql, [id])
        })
    }
}

impl Journal for SqliteStore {
    fn journal<'a>(&'a self, subject: &'a str) -> StoreFuture<'a, Vec<JournalEntry>> {
        let subject = subject.to_owned();
        self.read(move |connection| {
            let sql =
                format!("SELECT {} FROM journal WHERE subject = ?1 ORDER BY number", row::JOURNAL);
            let found = row::journal(connection, &sql, [subject])?;
            Ok(found.into_iter().map(|(_, entry)| entry).collect())
        })
    }

    fn journal_of<'a>(
        &'a self,
        site: &'a SiteId,
        subjects: &'a [String],
    ) -> StoreFuture<'a, Vec<JournalEntry>> {
        let (site, mut subjects) = (site.clone(), subjects.to_vec());
        subjects.sort();
        subjects.dedup();
        self.read(move |connection| {
            let sql = format!(
                "SELECT {} FROM journal WHERE subject = ?1 AND site = ?2 ORDER BY number",
                row::JOURNAL
            );
            let mut found = Vec::new();
            for subject in &subjects {
                found.extend(row::journal(connection, &sql, [subject, site.as_str()])?);
            }
            found.sort_by_key(|(number, _)| *number);
            Ok(found.into_iter().map(|(_, entry)| entry).collect())
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
        let (site, event) = (site.clone(), event.to_owned());
        self.read(move |connection| {
            let sql = format!(
                "SELECT {} FROM journal WHERE site = ?1 AND event = ?2 AND at >= ?3 AND at < ?4
                ORDER BY at, number LIMIT ?5",
                row::JOURNAL
            );
            let (from, to) = (from.as_micros(), to.as_micros());
            let values = params![site.as_str(), event, from, to, limit_of(limit)];
            let found = row::journal(connection, &sql, values)?;
            Ok(found.into_iter().map(|(_, entry)| entry).collect())
        })
    }
}

const ORDERS_OF_PATIENT: &str = "SELECT DISTINCT subject FROM journey_key
    WHERE site = ?1 AND kind = 'patient' AND value = ?2 AND subject_kind = 'order'
    ORDER BY subject";

const PATIENTS_BY_VALUE: &str = "SELECT DISTINCT patient FROM patient_id
    WHERE site = ?1 AND id >= ?2 AND id < ?3 ORDER BY patient";

pub(super) fn counts(connection: &Connection) -> Result<Counts, StoreError> {
    let count = |rows: &str| {
        let sql = format!("SELECT count(*) FROM {rows}");
        let count: Option<i64> = first(connection, &sql, [], |row| row.get(0))?;
        Ok(count.map_or(0, i64::unsigned_abs))
    };
    Ok(Counts {
        deliveries: count("delivery")?,
        deliveries_pending: count("delivery WHERE state = 'pending'")?,
        instances: count("instance")?,
        messages: count("message")?,
        orders: count("imaging_order")?,
        outbound_pending: count("outbound WHERE state = 'pending'")?,
        parked: count("parked")?,
        patients: count("patient")?,
        performed_steps: count("performed_step")?,
        reports: count("report")?,
        studies: count("study")?,
    })
}

fn orders<'a>(
    connection: &Connection,
    site: &SiteId,
    keys: impl Iterator<Item = &'a str>,
) -> Result<Vec<OrderRecord>, StoreError> {
    let sql = "SELECT body FROM imaging_order WHERE key = ?1 AND site = ?2";
    let order = |key| body(connection, RecordKind::Order, sql, [key, site.as_str()]);
    keys.filter_map(|key| order(key).transpose()).collect()
}

pub(super) fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use rusqlite::{Connection, StatementStatus, ToSql};

    use super::super::migration::MIGRATIONS;

    /// An empty database of this version.
    pub(in super::super) fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        for migration in MIGRATIONS {
            connection.execute_batch(migration.sql).unwrap();
        }
        connection
    }

    /// How SQLite goes about a query in a database of this version.
    #[track_caller]
    pub(in super::super) fn check(sql: &str, expected: &[&str]) {
        let connection = database();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let parameters = rusqlite::params_from_iter(vec![1; statement.parameter_count()]);
        let steps = statement.query_map(parameters, |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<_> = steps.map(Result::unwrap).collect();
        assert_eq!(steps, expected);
    }

    /// How many rows a query gives, and how many steps of SQLite's machine it takes.
    pub(in super::super) fn steps(
        connection: &Connection,
        sql: &str,
        values: &[&dyn ToSql],
    ) -> (usize, i32) {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map(values, |_| Ok(())).unwrap().map(Result::unwrap).count();
        (rows, statement.get_status(StatementStatus::VmStep))
    }
}
