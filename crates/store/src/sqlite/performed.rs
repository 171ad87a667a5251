//! Performed procedure steps in SQLite.

use rusqlite::{Connection, params};
use telerad_core::{SiteId, Uid};
use telerad_worklist::{OrderKey, PerformedStatus, PerformedStep};

use super::SqliteStore;
use super::row::{bodies, body, execute, first};
use crate::access::{PerformedSteps, StoreFuture};
use crate::index::json;
use crate::{RecordKind, StoreError};

/// Writes a performed step and replaces the keys it is found by.
pub(super) fn put(connection: &Connection, record: &PerformedStep) -> Result<(), StoreError> {
    let (site, uid) = (record.site.as_str(), record.sop_instance_uid.as_str());
    let sql = "INSERT INTO performed_step (site, sop_instance_uid, revision, body)
        VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (site, sop_instance_uid) DO UPDATE SET revision = excluded.revision,
            body = excluded.body";
    let body = json(RecordKind::PerformedStep, record)?;
    execute(
        connection,
        sql,
        params![site, uid, i64::try_from(record.revision).unwrap_or(i64::MAX), body],
    )?;
    let sql = "SELECT number FROM performed_step WHERE site = ?1 AND sop_instance_uid = ?2";
    let number: Option<i64> = first(connection, sql, [site, uid], |row| row.get(0))?;
    execute(connection, "DELETE FROM performed_step_key WHERE number = ?1", [number])?;
    let sql = "INSERT OR IGNORE INTO performed_step_key (site, kind, value, number)
        VALUES (?1, ?2, ?3, ?4)";
    let put =
        |kind: &str, value: &str| execute(connection, sql, params![site, kind, value, number]);
    record.study_instance_uids().iter().try_for_each(|study| put(STUDY, study.as_str()))?;
    record.order_keys().iter().try_for_each(|order| put(ORDER, order.as_str()))?;
    if record.status == PerformedStatus::InProgress {
        put(OPEN, "")?;
    }
    Ok(())
}

const STUDY: &str = "study";
const ORDER: &str = "order";
const OPEN: &str = "open";

impl SqliteStore {
    fn performed_steps_by(
        &self,
        site: &SiteId,
        kind: &'static str,
        value: &str,
    ) -> StoreFuture<'_, Vec<PerformedStep>> {
        let (site, value) = (site.as_str().to_owned(), value.to_owned());
        self.read(move |connection| {
            let sql = "SELECT body FROM performed_step_key JOIN performed_step USING (number)
                WHERE performed_step_key.site = ?1 AND kind = ?2 AND value = ?3 ORDER BY number";
            bodies(connection, RecordKind::PerformedStep, sql, params![site, kind, value])
        })
    }
}

impl PerformedSteps for SqliteStore {
    fn performed_step<'a>(
        &'a self,
        site: &'a SiteId,
        sop_instance_uid: &'a Uid,
    ) -> StoreFuture<'a, Option<PerformedStep>> {
        let key = [site.as_str().to_owned(), sop_instance_uid.as_str().to_owned()];
        self.read(move |connection| {
            let sql = "SELECT body FROM performed_step WHERE site = ?1 AND sop_instance_uid = ?2";
            body(connection, RecordKind::PerformedStep, sql, key)
        })
    }

    fn performed_steps_of_study<'a>(
        &'a self,
        site: &'a SiteId,
        study_instance_uid: &'a str,
    ) -> StoreFuture<'a, Vec<PerformedStep>> {
        self.performed_steps_by(site, STUDY, study_instance_uid)
    }

    fn performed_steps_of_order<'a>(
        &'a self,
        site: &'a SiteId,
        key: &'a OrderKey,
    ) -> StoreFuture<'a, Vec<PerformedStep>> {
        self.performed_steps_by(site, ORDER, key.as_str())
    }

    fn open_performed_steps<'a>(&'a self, site: &'a SiteId) -> StoreFuture<'a, Vec<PerformedStep>> {
        self.performed_steps_by(site, OPEN, "")
    }
}
