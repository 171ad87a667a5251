//! Reads about deliveries and destinations from SQLite.
//!
//! Every read of a queue walks one index from where its answer begins to where it ends: what waits for a later time, and
//! how much waits, costs nothing.

use std::ops::RangeInclusive;

use rusqlite::{Connection, params};
use telerad_core::{Priority, SiteId, Timestamp, Uid};
use telerad_routing::{
    BreakerRecord, DeliveryKey, DeliveryRecord, DestinationId, GroupId, StickyMember,
};

use super::SqliteStore;
use super::read::limit_of;
use super::row::{bodies, body, first, rows};
use crate::access::{Deliveries, DeliveryCount, Destinations, StoreFuture};
use crate::index::LANES;
use crate::{RecordKind, StoreError};

impl Deliveries for SqliteStore {
    fn due<'a>(
        &'a self,
        destination: &'a DestinationId,
        now: Timestamp,
        limit: usize,
    ) -> StoreFuture<'a, Vec<DeliveryRecord>> {
        let destination = destination.clone();
        self.read(move |connection| {
            let mut due = Vec::new();
            for lane in LANES {
                let left = limit - due.len();
                if left == 0 {
                    break;
                }
                let (lane, now) = (lane as i64, now.as_micros());
                let values = params![destination.as_str(), lane, now, limit_of(left)];
                due.extend(bodies(connection, RecordKind::Delivery, DUE, values)?);
            }
            Ok(due)
        })
    }

    fn due_by_source<'a>(
        &'a self,
        destination: &'a DestinationId,
        lanes: RangeInclusive<Priority>,
        now: Timestamp,
        per_source: usize,
    ) -> StoreFuture<'a, Vec<DeliveryRecord>> {
        let destination = destination.clone();
        self.read(move |connection| {
            let mut due = Vec::new();
            for lane in LANES.into_iter().filter(|lane| lanes.contains(lane)) {
                let queue = (destination.as_str(), lane as i64);
                let mut source = next_source(connection, queue, ("", ""))?;
                while let Some((site, title)) = source {
                    let (now, limit) = (now.as_micros(), limit_of(per_source));
                    let values = params![queue.0, queue.1, site, title, now, limit];
                    due.extend(bodies(connection, RecordKind::Delivery, DUE_OF_SOURCE, values)?);
                    source = next_source(connection, queue, (&site, &title))?;
                }
            }
            Ok(due)
        })
    }

    fn next_due<'a>(
        &'a self,
        destination: &'a DestinationId,
    ) -> StoreFuture<'a, Option<Timestamp>> {
        let destination = destination.clone();
        self.read(move |connection| {
            let mut next: Option<i64> = None;
            for lane in LANES {
                let values = params![destination.as_str(), lane as i64];
                let head = first(connection, NEXT_DUE, values, |row| row.get(0))?;
                next = [next, head].into_iter().flatten().min();
            }
            Ok(next.map(Timestamp::from_micros))
        })
    }

    fn lane_pending<'a>(
        &'a self,
        destination: &'a DestinationId,
        lane: Priority,
    ) -> StoreFuture<'a, bool> {
        let destination = destination.clone();
        self.read(move |connection| {
            let values = params![destination.as_str(), lane as i64];
            Ok(first(connection, NEXT_DUE, values, |_| Ok(()))?.is_some())
        })
    }

    fn pending_studies<'a>(
        &'a self,
        destination: &'a DestinationId,
        after: Option<(&'a SiteId, &'a str)>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<(SiteId, String)>> {
        let destination = destination.clone();
        let (site, study) = after.map_or(("", ""), |(site, study)| (site.as_str(), study));
        let mut last = (site.to_owned(), study.to_owned());
        let mut is_first = after.is_none();
        self.read(move |connection| {
            let to = destination.as_str();
            let mut studies = Vec::new();
            while studies.len() < limit {
                // Nothing comes before the empty pair, and what names no study has an empty UID.
                let next = if std::mem::take(&mut is_first) {
                    first(connection, FIRST_STUDY, [to], pair)?
                } else {
                    let same = [to, &last.0, &last.1];
                    match first(connection, NEXT_STUDY_OF_SITE, same, pair)? {
                        None => first(connection, FIRST_STUDY_AFTER_SITE, [to, &last.0], pair)?,
                        next => next,
                    }
                };
                let Some(next) = next else { break };
                last = next;
                studies.push((site_of(&last.0)?, last.1.clone()));
            }
            Ok(studies)
        })
    }

    fn delivery<'a>(&'a self, key: &'a DeliveryKey) -> StoreFuture<'a, Option<DeliveryRecord>> {
        let key = key.clone();
        self.read(move |connection| {
            let sql = "SELECT body FROM delivery
                WHERE site = ?1 AND sop_instance_uid = ?2 AND destination = ?3
                ORDER BY number LIMIT 1";
            let params =
                [key.site.as_str(), key.sop_instance_uid.as_str(), key.destination.as_str()];
            body(connection, RecordKind::Delivery, sql, params)
        })
    }

    fn deliveries_of<'a>(
        &'a self,
        site: &'a SiteId,
        sop_instance_uid: &'a Uid,
    ) -> StoreFuture<'a, Vec<DeliveryRecord>> {
        let key = [site.as_str().to_owned(), sop_instance_uid.as_str().to_owned()];
        self.read(move |connection| {
            bodies(connection, RecordKind::Delivery, DELIVERIES_OF_INSTANCE, key)
        })
    }

    fn deliveries_of_study<'a>(
        &'a self,
        site: &'a SiteId,
        study_instance_uid: &'a str,
    ) -> StoreFuture<'a, Vec<DeliveryRecord>> {
        let key = [site.as_str().to_owned(), study_instance_uid.to_owned()];
        self.read(move |connection| {
            let sql = "SELECT body FROM delivery WHERE site = ?1 AND study_instance_uid = ?2
                ORDER BY number";
            bodies(connection, RecordKind::Delivery, sql, key)
        })
    }

    fn pending_destinations(&self) -> StoreFuture<'_, Vec<DestinationId>> {
        self.read(|connection| {
            let (mut destinations, mut last) = (Vec::new(), String::new());
            while let Some(next) = first(connection, NEXT_DESTINATION, [&last], |row| row.get(0))? {
                last = next;
                destinations.push(destination_of(&last)?);
            }
            Ok(destinations)
        })
    }

    fn delivery_counts(&self) -> StoreFuture<'_, Vec<DeliveryCount>> {
        self.read(|connection| {
            let sql = "SELECT destination, state, count(*) FROM delivery
                GROUP BY destination, state ORDER BY destination, state";
            let found = rows(connection, sql, [], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?))
            })?;
            found
                .into_iter()
                .map(|(destination, state, count)| delivery_count(&destination, &state, count))
                .collect()
        })
    }
}

impl Destinations for SqliteStore {
    fn breakers(&self) -> StoreFuture<'_, Vec<BreakerRecord>> {
        self.read(|connection| {
            let sql = "SELECT body FROM breaker ORDER BY destination";
            bodies(connection, RecordKind::Breaker, sql, [])
        })
    }

    fn sticky<'a>(
        &'a self,
        site: &'a SiteId,
        group: &'a GroupId,
        patient: &'a str,
    ) -> StoreFuture<'a, Option<StickyMember>> {
        let key = [site.as_str().to_owned(), group.as_str().to_owned(), patient.to_owned()];
        self.read(move |connection| {
            let sql = "SELECT body FROM sticky
                WHERE site = ?1 AND destination_group = ?2 AND patient = ?3";
            body(connection, RecordKind::Sticky, sql, key)
        })
    }
}

/// The source after this one, by site and AE title, that has something pending in a lane of a destination's queue.
fn next_source(
    connection: &Connection,
    (destination, lane): (&str, i64),
    (site, title): (&str, &str),
) -> Result<Option<(String, String)>, StoreError> {
    let same = params![destination, lane, site, title];
    match first(connection, NEXT_SOURCE_OF_SITE, same, pair)? {
        None => first(connection, FIRST_SOURCE_AFTER_SITE, params![destination, lane, site], pair),
        next => Ok(next),
    }
}

fn pair(row: &rusqlite::Row<'_>) -> rusqlite::Result<(String, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn delivery_count(destination: &str, state: &str, count: i64) -> Result<DeliveryCount, StoreError> {
    let destination = destination_of(destination)?;
    let state = DELIVERY_STATES
        .into_iter()
        .find(|known| *known == state)
        .ok_or_else(|| damaged("unknown state".to_owned()))?;
    Ok(DeliveryCount { destination, state, count: count.unsigned_abs() })
}

fn destination_of(text: &str) -> Result<DestinationId, StoreError> {
    DestinationId::new(text).map_err(|error| damaged(error.to_string()))
}

fn site_of(text: &str) -> Result<SiteId, StoreError> {
    SiteId::new(text).map_err(|error| damaged(error.to_string()))
}

fn damaged(reason: String) -> StoreError {
    StoreError::Damaged { kind: RecordKind::Delivery, reason }
}

const DUE: &str = "SELECT body FROM delivery INDEXED BY delivery_due
    WHERE state = 'pending' AND destination = ?1 AND priority = ?2 AND not_before <= ?3
    ORDER BY not_before, queued_at, site, sop_instance_uid, digest LIMIT ?4";

const DUE_OF_SOURCE: &str = "SELECT body FROM delivery INDEXED BY delivery_due_by_source
    WHERE state = 'pending' AND destination = ?1 AND priority = ?2 AND site = ?3 AND source = ?4
        AND not_before <= ?5
    ORDER BY not_before, queued_at, sop_instance_uid, digest LIMIT ?6";

const NEXT_DUE: &str = "SELECT not_before FROM delivery INDEXED BY delivery_due
    WHERE state = 'pending' AND destination = ?1 AND priority = ?2 ORDER BY not_before LIMIT 1";

// Two steps for what follows a pair: asked for `(a, b) > (?, ?)`, SQLite begins with the pair itself and walks over all its
// rows, which is the whole queue of a source.
const NEXT_SOURCE_OF_SITE: &str = "SELECT site, source FROM delivery
    INDEXED BY delivery_due_by_source
    WHERE state = 'pending' AND destination = ?1 AND priority = ?2 AND site = ?3 AND source > ?4
    ORDER BY source LIMIT 1";

const FIRST_SOURCE_AFTER_SITE: &str = "SELECT site, source FROM delivery
    INDEXED BY delivery_due_by_source
    WHERE state = 'pending' AND destination = ?1 AND priority = ?2 AND site > ?3
    ORDER BY site, source LIMIT 1";

const FIRST_STUDY: &str = "SELECT site, study_instance_uid FROM delivery
    INDEXED BY delivery_pending_study
    WHERE state = 'pending' AND destination = ?1 ORDER BY site, study_instance_uid LIMIT 1";

const NEXT_STUDY_OF_SITE: &str = "SELECT site, study_instance_uid FROM delivery
    INDEXED BY delivery_pending_study
    WHERE state = 'pending' AND destination = ?1 AND site = ?2 AND study_instance_uid > ?3
    ORDER BY study_instance_uid LIMIT 1";

const FIRST_STUDY_AFTER_SITE: &str = "SELECT site, study_instance_uid FROM delivery
    INDEXED BY delivery_pending_study
    WHERE state = 'pending' AND destination = ?1 AND site > ?2
    ORDER BY site, study_instance_uid LIMIT 1";

const NEXT_DESTINATION: &str = "SELECT destination FROM delivery
    INDEXED BY delivery_pending_study
    WHERE state = 'pending' AND destination > ?1 ORDER BY destination LIMIT 1";

pub(super) const DELIVERIES_OF_INSTANCE: &str = "SELECT body FROM delivery
    WHERE site = ?1 AND sop_instance_uid = ?2 ORDER BY number";

/// The words of `DeliveryState::as_str`.
const DELIVERY_STATES: [&str; 6] = ["failed", "held", "not wanted", "parked", "pending", "sent"];

#[cfg(test)]
mod tests {
    use rusqlite::params;

    use super::super::read::tests::{check, database, steps};
    use super::{
        DUE, DUE_OF_SOURCE, FIRST_SOURCE_AFTER_SITE, FIRST_STUDY, FIRST_STUDY_AFTER_SITE,
        NEXT_DESTINATION, NEXT_DUE, NEXT_SOURCE_OF_SITE, NEXT_STUDY_OF_SITE,
    };

    // A step of its own for sorting, or a range that is not bounded by what is asked for, would grow with the queue.
    #[test]
    fn queues_are_read_in_the_order_of_their_indexes() {
        check(
            DUE,
            &[
                "SEARCH delivery USING INDEX delivery_due (destination=? AND priority=? AND not_before<?)",
            ],
        );
        check(
            DUE_OF_SOURCE,
            &[
                "SEARCH delivery USING INDEX delivery_due_by_source (destination=? AND priority=? AND site=? AND source=? AND not_before<?)",
            ],
        );
        check(
            NEXT_DUE,
            &["SEARCH delivery USING COVERING INDEX delivery_due (destination=? AND priority=?)"],
        );
        check(
            NEXT_SOURCE_OF_SITE,
            &[
                "SEARCH delivery USING COVERING INDEX delivery_due_by_source (destination=? AND priority=? AND site=? AND source>?)",
            ],
        );
        check(
            FIRST_SOURCE_AFTER_SITE,
            &[
                "SEARCH delivery USING COVERING INDEX delivery_due_by_source (destination=? AND priority=? AND site>?)",
            ],
        );
        check(
            FIRST_STUDY,
            &["SEARCH delivery USING COVERING INDEX delivery_pending_study (destination=?)"],
        );
        check(
            NEXT_STUDY_OF_SITE,
            &[
                "SEARCH delivery USING COVERING INDEX delivery_pending_study (destination=? AND site=? AND study_instance_uid>?)",
            ],
        );
        check(
            FIRST_STUDY_AFTER_SITE,
            &[
                "SEARCH delivery USING COVERING INDEX delivery_pending_study (destination=? AND site>?)",
            ],
        );
        check(
            NEXT_DESTINATION,
            &["SEARCH delivery USING COVERING INDEX delivery_pending_study (destination>?)"],
        );
    }

    #[test]
    fn the_destinations_with_a_queue_cost_the_same_however_long_it_is() {
        let filled = |rows: u32| {
            let connection = database();
            let sql =
                "WITH RECURSIVE it (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM it WHERE n < ?1)
                INSERT INTO delivery (number, site, sop_instance_uid, destination, digest,
                    study_instance_uid, priority, queued_at, not_before, state, source, body)
                SELECT n, 'north', n, iif(n = ?1, 'c', 'b'), x'00', n / 100, 2, n, n,
                    iif(n % 2, 'sent', 'pending'), 'CT1', '{}' FROM it";
            connection.execute(sql, [rows]).unwrap();
            connection
        };
        let [few, many] = [1000, 100_000].map(filled);
        for (after, found) in [("", 1), ("b", 1), ("c", 0)] {
            let cost = steps(&few, NEXT_DESTINATION, params![after]);
            assert_eq!(cost.0, found, "{after}");
            assert_eq!(steps(&many, NEXT_DESTINATION, params![after]), cost, "{after}");
        }
    }
}
