//! Between SQLite's rows and the records.

use rusqlite::{Connection, ErrorCode, OptionalExtension, Params, Row};
use serde::de::DeserializeOwned;
use telerad_core::{SiteId, Timestamp};
use telerad_routing::{Digest, InstanceRecord};

use crate::index::shape;
use crate::{JournalEntry, MessageRecord, RecordKind, StoreError};

/// What the engine's refusal means. Errors after which SQLite may have rolled back on its own, or after which the
/// database cannot be trusted, are [`StoreError::Poisoned`].
pub(super) fn engine(error: rusqlite::Error) -> StoreError {
    let reason = error.to_string();
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase,
        ) => StoreError::Poisoned { reason },
        _ => StoreError::Engine { reason },
    }
}

/// The records of a query whose first column is a body.
pub(super) fn bodies<T: DeserializeOwned>(
    connection: &Connection,
    kind: RecordKind,
    sql: &str,
    params: impl Params,
) -> Result<Vec<T>, StoreError> {
    let texts = rows(connection, sql, params, |row| row.get::<_, String>(0))?;
    texts.iter().map(|text| decode(kind, text)).collect()
}

/// The record of a query whose first column is a body.
pub(super) fn body<T: DeserializeOwned>(
    connection: &Connection,
    kind: RecordKind,
    sql: &str,
    params: impl Params,
) -> Result<Option<T>, StoreError> {
    let text = first(connection, sql, params, |row| row.get::<_, String>(0))?;
    text.map(|text| decode(kind, &text)).transpose()
}

pub(super) fn rows<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(engine)?;
    let found = statement.query_map(params, read).map_err(engine)?;
    found.collect::<rusqlite::Result<_>>().map_err(engine)
}

pub(super) fn first<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(engine)?;
    statement.query_row(params, read).optional().map_err(engine)
}

pub(super) fn execute(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(engine)?;
    statement.execute(params).map(drop).map_err(engine)
}

pub(super) fn decode<T: DeserializeOwned>(kind: RecordKind, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged { kind, reason: shape(&error) })
}

/// Columns of [`message`].
pub(super) const MESSAGE: &str =
    "id, site, received_at, sender, control_id, kind, raw, outcome, findings";

/// A message from the columns above.
pub(super) fn message(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Option<MessageRecord>, StoreError> {
    let kind = RecordKind::Message;
    let found = first(connection, sql, params, |row| {
        let texts: (Option<String>, String, String) = (row.get(1)?, row.get(7)?, row.get(8)?);
        let record = |site, outcome, findings| {
            Ok(MessageRecord {
                id: row.get(0)?,
                site,
                received_at: Timestamp::from_micros(row.get(2)?),
                sender: row.get(3)?,
                control_id: row.get(4)?,
                kind: row.get(5)?,
                raw: row.get(6)?,
                outcome,
                findings,
            })
        };
        let (owner, outcome, findings) = texts;
        let parts = site(kind, owner)
            .and_then(|site| Ok((site, decode(kind, &outcome)?, decode(kind, &findings)?)));
        match parts {
            Ok((site, outcome, findings)) => record(site, outcome, findings).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    })?;
    found.transpose()
}

/// Every version of an instance that has this payload, at any site.
pub(super) fn instances_of_payload(
    connection: &Connection,
    digest: &Digest,
) -> Result<Vec<InstanceRecord>, StoreError> {
    let sql = "SELECT body FROM instance WHERE digest = ?1 ORDER BY number";
    bodies(connection, RecordKind::Instance, sql, [digest.as_bytes()])
}

/// Columns of [`journal`].
pub(super) const JOURNAL: &str = "at, site, subject, event, detail, number";

/// Entries of the journal from the columns above, each with its number.
pub(super) fn journal(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<(i64, JournalEntry)>, StoreError> {
    let found = rows(connection, sql, params, |row| {
        let entry = |site| {
            let entry = JournalEntry {
                at: Timestamp::from_micros(row.get(0)?),
                site,
                subject: row.get(2)?,
                event: row.get(3)?,
                detail: row.get(4)?,
            };
            Ok((row.get(5)?, entry))
        };
        match site(RecordKind::Journal, row.get(1)?) {
            Ok(site) => entry(site).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    })?;
    found.into_iter().collect()
}

fn site(kind: RecordKind, text: Option<String>) -> Result<Option<SiteId>, StoreError> {
    text.map(|text| owned(kind, &text)).transpose()
}

pub(super) fn owned(kind: RecordKind, text: &str) -> Result<SiteId, StoreError> {
    SiteId::new(text).map_err(|error| StoreError::Damaged { kind, reason: error.to_string() })
}
