//! What waits for a person, in SQLite. Every read walks one index from where its answer begins to where it ends.

use rusqlite::params;
use telerad_core::{SiteId, Timestamp};

use super::SqliteStore;
use super::read::limit_of;
use super::row::{bodies, body};
use crate::access::{Parking, StoreFuture};
use crate::{ParkedItem, RecordKind};

impl Parking for SqliteStore {
    fn parked<'a>(
        &'a self,
        site: Option<&'a SiteId>,
        after: Option<(Timestamp, &'a str)>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<ParkedItem>> {
        let site = site.cloned();
        let (at, id) = after.map_or((i64::MIN, ""), |(at, id)| (at.as_micros(), id));
        let id = id.to_owned();
        self.read(move |connection| match site {
            Some(site) => {
                let values = params![site.as_str(), at, id, limit_of(limit)];
                bodies(connection, RecordKind::Parked, PAGE_OF_SITE, values)
            }
            None => {
                let values = params![at, id, limit_of(limit)];
                bodies(connection, RecordKind::Parked, PAGE, values)
            }
        })
    }

    fn parked_item<'a>(
        &'a self,
        site: &'a SiteId,
        id: &'a str,
    ) -> StoreFuture<'a, Option<ParkedItem>> {
        let key = [id.to_owned(), site.as_str().to_owned()];
        self.read(move |connection| body(connection, RecordKind::Parked, ITEM, key))
    }

    fn parked_about<'a>(
        &'a self,
        site: &'a SiteId,
        subjects: &'a [String],
    ) -> StoreFuture<'a, Vec<ParkedItem>> {
        let (site, mut subjects) = (site.clone(), subjects.to_vec());
        subjects.sort();
        subjects.dedup();
        self.read(move |connection| {
            let mut found: Vec<ParkedItem> = Vec::new();
            for subject in &subjects {
                let key = [site.as_str(), subject];
                found.extend(bodies(connection, RecordKind::Parked, ABOUT, key)?);
            }
            found.sort_by(|a, b| (a.parked_at, &a.id).cmp(&(b.parked_at, &b.id)));
            Ok(found)
        })
    }
}

const PAGE: &str = "SELECT body FROM parked INDEXED BY parked_by_age
    WHERE (parked_at, id) > (?1, ?2) ORDER BY parked_at, id LIMIT ?3";

const PAGE_OF_SITE: &str = "SELECT body FROM parked INDEXED BY parked_of_site
    WHERE site = ?1 AND (parked_at, id) > (?2, ?3) ORDER BY parked_at, id LIMIT ?4";

const ITEM: &str = "SELECT body FROM parked WHERE id = ?1 AND site = ?2";

const ABOUT: &str = "SELECT body FROM parked INDEXED BY parked_about
    WHERE site = ?1 AND subject = ?2";

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, params};

    use super::super::read::tests::{check, database, steps};
    use super::{ABOUT, ITEM, PAGE, PAGE_OF_SITE};

    #[test]
    fn what_waits_is_read_in_the_order_of_its_indexes() {
        check(PAGE, &["SEARCH parked USING INDEX parked_by_age ((parked_at,id)>(?,?))"]);
        check(
            PAGE_OF_SITE,
            &["SEARCH parked USING INDEX parked_of_site (site=? AND (parked_at,id)>(?,?))"],
        );
        check(ITEM, &["SEARCH parked USING INDEX sqlite_autoindex_parked_1 (id=?)"]);
        check(ABOUT, &["SEARCH parked USING INDEX parked_about (site=? AND subject=?)"]);
    }

    fn filled(rows: u32) -> Connection {
        let connection = database();
        let sql =
            "WITH RECURSIVE item (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM item WHERE n < ?1)
            INSERT INTO parked (id, site, parked_at, subject, body)
            SELECT printf('p%06d', n), 'north', n / 10, printf('s%06d', n), '{}' FROM item";
        connection.execute(sql, [rows]).unwrap();
        connection
    }

    #[test]
    fn the_cost_of_a_read_is_the_same_however_much_waits() {
        let [few, many] = [1000, 100_000].map(filled);
        let page = params!["north", 50, "p000500", 20];
        for (sql, values, rows) in [
            (PAGE, &page[1..], 20),
            (PAGE_OF_SITE, page, 20),
            (ITEM, params!["p000500", "north"], 1),
            (ABOUT, params!["north", "s000500"], 1),
        ] {
            let cost = steps(&few, sql, values);
            assert_eq!(cost.0, rows, "{sql}");
            assert_eq!(steps(&many, sql, values), cost, "{sql}");
        }
    }
}
