//! What people search by, in SQLite.

use rusqlite::{Connection, params};
use telerad_accession::SearchKey;
use telerad_core::{SiteId, Timestamp};
use telerad_routing::InstanceRecord;
use telerad_worklist::{OrderKey, OrderRecord};

use super::SqliteStore;
use super::read::limit_of;
use super::row::{bodies, decode, execute, rows};
use crate::access::{Journeys, StoreFuture};
use crate::index::{self, Searched};
use crate::subject::{JourneyKey, JourneySubject};
use crate::{RecordKind, StoreError};

impl Journeys for SqliteStore {
    fn journey_subjects<'a>(
        &'a self,
        site: &'a SiteId,
        key: &'a JourneyKey,
        limit: usize,
    ) -> StoreFuture<'a, Vec<JourneySubject>> {
        let (site, key) = (site.clone(), key.clone());
        self.read(move |connection| {
            let mut found = subjects(connection, site.as_str(), &key)?;
            found.sort();
            found.dedup();
            found.truncate(limit);
            Ok(found)
        })
    }

    fn studies_of_order<'a>(
        &'a self,
        site: &'a SiteId,
        key: &'a OrderKey,
    ) -> StoreFuture<'a, Vec<String>> {
        let key = [site.as_str().to_owned(), key.as_str().to_owned()];
        self.read(move |connection| {
            let sql = "SELECT DISTINCT subject FROM journey_key
                WHERE site = ?1 AND kind = 'order' AND value = ?2 AND subject_kind = 'study'
                ORDER BY subject";
            rows(connection, sql, key, |row| row.get(0))
        })
    }

    fn irregular_instances<'a>(
        &'a self,
        site: &'a SiteId,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> StoreFuture<'a, Vec<InstanceRecord>> {
        let site = site.clone();
        self.read(move |connection| {
            let (from, to) = (from.as_micros(), to.as_micros());
            let values = params![site.as_str(), from, to, limit_of(limit)];
            bodies(connection, RecordKind::Instance, IRREGULAR, values)
        })
    }
}

/// Replaces what an order is searched by.
pub(super) fn put_order_keys(
    connection: &Connection,
    record: &OrderRecord,
    keys: &[SearchKey],
) -> Result<(), StoreError> {
    let (site, order) = (record.order.site.as_str(), record.key.as_str());
    let sql = "DELETE FROM journey_key
        WHERE site = ?1 AND subject_kind = 'order' AND subject = ?2";
    execute(connection, sql, [site, order])?;
    put_keys(connection, site, index::order_searched(record, keys)?, ("order", order))
}

/// Adds what the study of an instance is searched by.
pub(super) fn put_study_keys(
    connection: &Connection,
    record: &InstanceRecord,
) -> Result<(), StoreError> {
    let (site, study) = (record.site.as_str(), index::study_or_itself(record));
    let searched = index::study_searched(record)?;
    let head = index::searched_digest(&searched)?;
    let sql = "INSERT OR IGNORE INTO journey_head (site, study_instance_uid, head)
        VALUES (?1, ?2, ?3)";
    execute(connection, sql, [site, study, &head])?;
    // The keys of this head are there: an instance of the same study came with it before.
    if connection.changes() == 0 {
        return Ok(());
    }
    put_keys(connection, site, searched, ("study", study))
}

/// Gives the records of version 1 the columns and keys of version 2. A record that cannot be read stays as it is: whoever
/// reads it is told so.
pub(super) fn fill(connection: &Connection) -> Result<(), StoreError> {
    each(connection, "instance", "number", |number, text| {
        let Ok(record) = decode::<InstanceRecord>(RecordKind::Instance, text) else {
            return Ok(());
        };
        let sql = "UPDATE instance SET study_instance_uid = ?2, received_at = ?3, relation = ?4
            WHERE number = ?1";
        let study = index::study_or_itself(&record);
        let relation = index::relation(&record.relation);
        let received_at = record.received_at.as_micros();
        execute(connection, sql, params![number, study, received_at, relation])?;
        put_study_keys(connection, &record)
    })?;
    each(connection, "imaging_order", "rowid", |_, text| {
        match decode::<OrderRecord>(RecordKind::Order, text) {
            Ok(record) => put_order_keys(connection, &record, &[]),
            Err(_) => Ok(()),
        }
    })
}

/// Walks over a table in pages, so that its length does not matter.
fn each(
    connection: &Connection,
    table: &str,
    number: &str,
    mut visit: impl FnMut(i64, &str) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT {number}, body FROM {table} WHERE {number} > ?1 ORDER BY {number} LIMIT 1000"
    );
    let mut last = i64::MIN;
    loop {
        let page: Vec<(i64, String)> =
            rows(connection, &sql, [last], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let Some((end, _)) = page.last() else { return Ok(()) };
        last = *end;
        page.iter().try_for_each(|(number, text)| visit(*number, text))?;
    }
}

fn put_keys(
    connection: &Connection,
    site: &str,
    searched: impl IntoIterator<Item = Searched>,
    (subject_kind, subject): (&str, &str),
) -> Result<(), StoreError> {
    let sql = "INSERT OR IGNORE INTO journey_key (site, kind, value, issuer, subject_kind, subject)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    searched.into_iter().try_for_each(|Searched { kind, value, issuer }| {
        execute(connection, sql, [site, kind, &value, &issuer, subject_kind, subject])
    })
}

fn subjects(
    connection: &Connection,
    site: &str,
    key: &JourneyKey,
) -> Result<Vec<JourneySubject>, StoreError> {
    // Kind and value bound the keys from below, the other value from above.
    let find = |kind: &str, from: &str, to: &str| {
        rows(connection, BY_KEY, [site, kind, from, to], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })
    };
    let found = match key {
        JourneyKey::Accession(number) => find("accession", number, number)?,
        JourneyKey::Name(name) => {
            let (from, to) = index::name_range(name);
            find("name", &from, &to)?
        }
        JourneyKey::Patient(id) => {
            let mut found = find("patient", id.value(), id.value())?;
            found.retain(|(issuer, _, _)| index::may_be_issued_by(issuer, id.issuer()));
            found
        }
        JourneyKey::Uid(uid) => {
            let mut found = find("study", uid.as_str(), uid.as_str())?;
            let sql = "SELECT DISTINCT '', 'study', study_instance_uid FROM instance
                WHERE site = ?1 AND (sop_instance_uid = ?2 OR study_instance_uid = ?2)";
            found.extend(rows(connection, sql, [site, uid.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?);
            found
        }
    };
    let subject = |(_, kind, subject): (String, String, String)| match kind.as_str() {
        "order" => JourneySubject::Order(OrderKey::from_text(&subject)),
        _ => JourneySubject::Study(subject),
    };
    Ok(found.into_iter().map(subject).collect())
}

const BY_KEY: &str = "SELECT issuer, subject_kind, subject FROM journey_key
    WHERE site = ?1 AND kind = ?2 AND value >= ?3 AND value <= ?4";

const IRREGULAR: &str = "SELECT body FROM instance
    WHERE relation <> 'first' AND site = ?1 AND received_at >= ?2 AND received_at < ?3
    ORDER BY received_at, number LIMIT ?4";

#[cfg(test)]
mod tests {
    use super::super::read::tests::check;
    use super::{BY_KEY, IRREGULAR};

    #[test]
    fn searches_walk_their_index() {
        check(
            BY_KEY,
            &["SEARCH journey_key USING PRIMARY KEY (site=? AND kind=? AND value>? AND value<?)"],
        );
        check(
            IRREGULAR,
            &[
                "SEARCH instance USING INDEX instance_irregular (site=? AND received_at>? AND received_at<?)",
            ],
        );
    }
}
