//! Messages on their way out, in SQLite.
//!
//! The message of each sequence that goes next has a row of its own, renewed with every write of a message of the sequence.
//! Reads walk over these rows alone, and a write looks at no more than the first message of its sequence.

use rusqlite::types::FromSql;
use rusqlite::{Connection, Params, Row, params};
use telerad_core::{Priority, SiteId, Timestamp};

use super::SqliteStore;
use super::read::limit_of;
use super::row::{decode, execute, first, owned, rows};
use crate::access::{Outbox, StoreFuture};
use crate::index::{LANES, json};
use crate::{OutboundMessage, OutboundState, RecordKind, StoreError, Unanswered};

impl Outbox for SqliteStore {
    fn outbound_due<'a>(
        &'a self,
        destination: &'a str,
        now: Timestamp,
        limit: usize,
    ) -> StoreFuture<'a, Vec<OutboundMessage>> {
        let destination = destination.to_owned();
        self.read(move |connection| {
            let mut due = Vec::new();
            for lane in LANES {
                let left = limit - due.len();
                if left == 0 {
                    break;
                }
                let values = params![destination, lane as i64, now.as_micros(), limit_of(left)];
                for number in rows(connection, DUE, values, |row| row.get::<_, i64>(0))? {
                    due.extend(messages(connection, "number = ?1", [number])?);
                }
            }
            Ok(due)
        })
    }

    fn next_outbound_due<'a>(&'a self, destination: &'a str) -> StoreFuture<'a, Option<Timestamp>> {
        let destination = destination.to_owned();
        self.read(move |connection| {
            let mut next: Option<i64> = None;
            for lane in LANES {
                let values = params![destination, lane as i64];
                let head = first(connection, NEXT_DUE, values, |row| row.get(0))?;
                next = [next, head].into_iter().flatten().min();
            }
            Ok(next.map(Timestamp::from_micros))
        })
    }

    fn outbound<'a>(&'a self, id: &'a str) -> StoreFuture<'a, Option<OutboundMessage>> {
        let id = id.to_owned();
        self.read(move |connection| message(connection, &id))
    }

    fn outbound_of<'a>(
        &'a self,
        site: &'a SiteId,
        sequence: &'a str,
    ) -> StoreFuture<'a, Vec<OutboundMessage>> {
        let key = [site.as_str().to_owned(), sequence.to_owned()];
        self.read(move |connection| {
            messages(connection, "site = ?1 AND sequence = ?2 ORDER BY number", key)
        })
    }

    fn outbound_about<'a>(
        &'a self,
        site: &'a SiteId,
        subject: &'a str,
    ) -> StoreFuture<'a, Vec<OutboundMessage>> {
        let key = [site.as_str().to_owned(), subject.to_owned()];
        self.read(move |connection| {
            messages(connection, "site = ?1 AND subject = ?2 ORDER BY number", key)
        })
    }

    fn outbound_receivers<'a>(
        &'a self,
        site: &'a SiteId,
        sequence: &'a str,
    ) -> StoreFuture<'a, Vec<String>> {
        let key = [site.as_str().to_owned(), sequence.to_owned()];
        self.read(move |connection| {
            let sql = "SELECT DISTINCT destination FROM outbound
                WHERE site = ?1 AND sequence = ?2 ORDER BY destination";
            rows(connection, sql, key, |row| row.get(0))
        })
    }

    fn outbound_answered<'a>(&'a self, destination: &'a str) -> StoreFuture<'a, Option<Timestamp>> {
        let destination = destination.to_owned();
        self.read(move |connection| {
            let last = first(connection, LAST_ANSWER, [destination], |row| row.get(0))?;
            Ok(last.map(Timestamp::from_micros))
        })
    }

    fn outbound_destinations(&self) -> StoreFuture<'_, Vec<String>> {
        self.read(|connection| {
            let mut names: Vec<String> = Vec::new();
            let mut last = String::new();
            while let Some(next) = first(connection, NEXT_DESTINATION, [&last], |row| row.get(0))? {
                last = next;
                names.push(last.clone());
            }
            Ok(names)
        })
    }
}

pub(super) fn message(
    connection: &Connection,
    id: &str,
) -> Result<Option<OutboundMessage>, StoreError> {
    Ok(messages(connection, "id = ?1", [id])?.pop())
}

/// The pending messages of a sequence, to any destination.
pub(super) fn pending(
    connection: &Connection,
    site: &SiteId,
    sequence: &str,
) -> Result<Vec<OutboundMessage>, StoreError> {
    let which = "site = ?1 AND sequence = ?2 AND state = 'pending' ORDER BY number";
    messages(connection, which, [site.as_str(), sequence])
}

pub(super) fn put(connection: &Connection, message: &OutboundMessage) -> Result<(), StoreError> {
    let before = first(connection, CHAIN, [&message.id], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    let answered_at = match &message.state {
        OutboundState::Answered { at, .. } => Some(at.as_micros()),
        OutboundState::Pending | OutboundState::SetAside { .. } => None,
    };
    let values = params![
        message.id,
        message.site.as_str(),
        message.destination,
        message.sequence,
        message.control_id,
        message.raw,
        message.queued_at.as_micros(),
        message.not_before.as_micros(),
        message.priority as i64,
        message.attempts,
        message.unanswered.map_or(0, |unanswered| unanswered.tries),
        message.unanswered.map(|unanswered| unanswered.last.as_micros()),
        message.round,
        state_word(&message.state),
        json(RecordKind::Outbound, &message.state)?,
        answered_at,
        message.subject,
    ];
    execute(connection, PUT, values)?;
    let chain = (&*message.destination, message.site.as_str(), &*message.sequence);
    if let Some((destination, site, sequence)) = &before
        && (&**destination, &**site, &**sequence) != chain
    {
        renew_head(connection, (destination, site, sequence))?;
    }
    renew_head(connection, chain)
}

/// Finds anew which message of a sequence goes next, and how urgent the sequence is.
fn renew_head(
    connection: &Connection,
    (destination, site, sequence): (&str, &str, &str),
) -> Result<(), StoreError> {
    let chain = [destination, site, sequence];
    let head = first(connection, FIRST_OF_CHAIN, chain, |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    })?;
    let lane: Option<i64> = first(connection, LANE_OF_CHAIN, chain, |row| row.get(0))?;
    let (Some((number, not_before, queued_at)), Some(lane)) = (head, lane) else {
        return execute(connection, REMOVE_HEAD, chain);
    };
    let values = params![destination, site, sequence, number, lane, not_before, queued_at];
    execute(connection, PUT_HEAD, values)
}

fn messages(
    connection: &Connection,
    which: &str,
    params: impl Params,
) -> Result<Vec<OutboundMessage>, StoreError> {
    let found = rows(connection, &format!("{SELECT} {which}"), params, |row| Ok(read(row)))?;
    found.into_iter().collect()
}

fn read(row: &Row<'_>) -> Result<OutboundMessage, StoreError> {
    fn get<T: FromSql>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
        row.get(column).map_err(super::row::engine)
    }
    let kind = RecordKind::Outbound;
    let damaged = |what: &str| StoreError::Damaged { kind, reason: what.to_owned() };
    let lane: i64 = get(row, "priority")?;
    let priority: Priority = LANES
        .into_iter()
        .find(|known| *known as i64 == lane)
        .ok_or_else(|| damaged("unknown lane"))?;
    let last: Option<i64> = get(row, "unanswered_last")?;
    let tries: u32 = get(row, "unanswered")?;
    Ok(OutboundMessage {
        id: get(row, "id")?,
        site: owned(kind, &get::<String>(row, "site")?)?,
        destination: get(row, "destination")?,
        sequence: get(row, "sequence")?,
        subject: get(row, "subject")?,
        control_id: get(row, "control_id")?,
        raw: get(row, "raw")?,
        queued_at: Timestamp::from_micros(get(row, "queued_at")?),
        not_before: Timestamp::from_micros(get(row, "not_before")?),
        priority,
        attempts: get(row, "attempts")?,
        unanswered: last.map(|last| Unanswered { tries, last: Timestamp::from_micros(last) }),
        round: get(row, "round")?,
        state: decode(kind, &get::<String>(row, "state_body")?)?,
    })
}

/// The word by which outbound messages are selected.
fn state_word(state: &OutboundState) -> &'static str {
    match state {
        OutboundState::Answered { .. } => "answered",
        OutboundState::Pending => "pending",
        OutboundState::SetAside { .. } => "set aside",
    }
}

const SELECT: &str =
    "SELECT id, site, destination, sequence, subject, control_id, raw, queued_at, not_before,
        priority, attempts, unanswered, unanswered_last, round, state_body
    FROM outbound WHERE";

const PUT: &str =
    "INSERT INTO outbound (id, site, destination, sequence, control_id, raw, queued_at,
        not_before, priority, attempts, unanswered, unanswered_last, round, state, state_body,
        answered_at, subject)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
    ON CONFLICT (id) DO UPDATE SET site = excluded.site, destination = excluded.destination,
        sequence = excluded.sequence, control_id = excluded.control_id,
        queued_at = excluded.queued_at, not_before = excluded.not_before,
        priority = excluded.priority, attempts = excluded.attempts,
        unanswered = excluded.unanswered, unanswered_last = excluded.unanswered_last,
        round = excluded.round, state = excluded.state, state_body = excluded.state_body,
        answered_at = excluded.answered_at, subject = excluded.subject";

const CHAIN: &str = "SELECT destination, site, sequence FROM outbound WHERE id = ?1";

const FIRST_OF_CHAIN: &str = "SELECT number, not_before, queued_at FROM outbound
    INDEXED BY outbound_pending
    WHERE state = 'pending' AND destination = ?1 AND site = ?2 AND sequence = ?3
    ORDER BY queued_at, number LIMIT 1";

const LANE_OF_CHAIN: &str = "SELECT priority FROM outbound INDEXED BY outbound_lane
    WHERE state = 'pending' AND destination = ?1 AND site = ?2 AND sequence = ?3
    ORDER BY priority LIMIT 1";

const PUT_HEAD: &str = "INSERT INTO outbound_head
        (destination, site, sequence, number, lane, not_before, queued_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (destination, site, sequence) DO UPDATE SET number = excluded.number,
        lane = excluded.lane, not_before = excluded.not_before, queued_at = excluded.queued_at";

const REMOVE_HEAD: &str = "DELETE FROM outbound_head
    WHERE destination = ?1 AND site = ?2 AND sequence = ?3";

const DUE: &str = "SELECT number FROM outbound_head INDEXED BY outbound_head_due
    WHERE destination = ?1 AND lane = ?2 AND not_before <= ?3
    ORDER BY not_before, queued_at, number LIMIT ?4";

const NEXT_DUE: &str = "SELECT not_before FROM outbound_head INDEXED BY outbound_head_due
    WHERE destination = ?1 AND lane = ?2 ORDER BY not_before LIMIT 1";

const NEXT_DESTINATION: &str = "SELECT destination FROM outbound_head
    WHERE destination > ?1 ORDER BY destination LIMIT 1";

const LAST_ANSWER: &str = "SELECT answered_at FROM outbound INDEXED BY outbound_answered
    WHERE destination = ?1 AND answered_at IS NOT NULL ORDER BY answered_at DESC LIMIT 1";

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, Params, StatementStatus, params};
    use telerad_core::{Priority, SiteId, Timestamp};

    use super::super::migration::MIGRATIONS;
    use super::super::read::tests::check;
    use super::{
        DUE, FIRST_OF_CHAIN, LANE_OF_CHAIN, LAST_ANSWER, NEXT_DESTINATION, NEXT_DUE, PUT_HEAD, put,
    };
    use crate::{OutboundMessage, OutboundState};

    // A step of its own for sorting, or a scan of the table, would grow with everything that waits.
    #[test]
    fn what_goes_next_is_read_in_the_order_of_its_index() {
        check(
            DUE,
            &[
                "SEARCH outbound_head USING COVERING INDEX outbound_head_due (destination=? AND lane=? AND not_before<?)",
            ],
        );
        check(
            NEXT_DUE,
            &[
                "SEARCH outbound_head USING COVERING INDEX outbound_head_due (destination=? AND lane=?)",
            ],
        );
        check(
            FIRST_OF_CHAIN,
            &[
                "SEARCH outbound USING COVERING INDEX outbound_pending (destination=? AND site=? AND sequence=?)",
            ],
        );
        check(
            LANE_OF_CHAIN,
            &[
                "SEARCH outbound USING COVERING INDEX outbound_lane (destination=? AND site=? AND sequence=?)",
            ],
        );
        check(
            LAST_ANSWER,
            &[
                "SEARCH outbound USING COVERING INDEX outbound_answered (destination=? AND answered_at>?)",
            ],
        );
    }

    /// How a queue is filled.
    #[derive(Clone, Copy, Debug)]
    enum Shape {
        /// One order with everything.
        Chain,
        /// Many orders that may be told now.
        Due,
        /// Many orders whose first message waits for a later time, but for the last.
        Waiting,
    }

    fn queue(shape: Shape, messages: u32) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        MIGRATIONS.iter().for_each(|it| connection.execute_batch(it.sql).unwrap());
        for number in 0..messages {
            let is_last = number + 1 == messages;
            let sequence = if matches!(shape, Shape::Chain) { 0 } else { number };
            let waits = matches!(shape, Shape::Waiting) && !is_last;
            let message = OutboundMessage {
                id: number.to_string(),
                site: SiteId::new("north").unwrap(),
                destination: "ris".to_owned(),
                sequence: format!("order {sequence}"),
                subject: format!("order {sequence}"),
                control_id: number.to_string(),
                raw: b"MSH".to_vec(),
                queued_at: Timestamp::from_micros(i64::from(number)),
                not_before: Timestamp::from_micros(if waits { 1 << 40 } else { 0 }),
                priority: if is_last { Priority::Stat } else { Priority::Routine },
                attempts: 0,
                unanswered: None,
                round: 0,
                state: OutboundState::Pending,
            };
            put(&connection, &message).unwrap();
        }
        connection
    }

    /// How many instructions of its virtual machine SQLite needs for a statement.
    fn steps(connection: &Connection, sql: &str, params: impl Params) -> i32 {
        let mut statement = connection.prepare(sql).unwrap();
        let mut rows = statement.query(params).unwrap();
        while rows.next().unwrap().is_some() {}
        drop(rows);
        statement.get_status(StatementStatus::VmStep)
    }

    #[test]
    fn what_goes_next_costs_the_same_however_much_waits() {
        for shape in [Shape::Chain, Shape::Due, Shape::Waiting] {
            let [few, many] = [10, 5000].map(|messages| {
                let queue = queue(shape, messages);
                let chain = ["ris", "north", "order 0"];
                let lanes = 0..5_i64;
                let due = lanes.clone().map(|lane| steps(&queue, DUE, params!["ris", lane, 9, 1]));
                let next = lanes.map(|lane| steps(&queue, NEXT_DUE, params!["ris", lane]));
                [
                    due.sum(),
                    next.sum(),
                    steps(&queue, FIRST_OF_CHAIN, chain),
                    steps(&queue, LANE_OF_CHAIN, chain),
                    steps(&queue, NEXT_DESTINATION, [""]),
                    steps(&queue, NEXT_DESTINATION, ["ris"]),
                    steps(&queue, PUT_HEAD, params!["ris", "north", "order 0", 1, 2, 0, 0]),
                ]
            });
            assert_eq!(few, many, "{shape:?}");
            assert!(few.iter().all(|steps: &i32| *steps > 0));
        }
    }
}
