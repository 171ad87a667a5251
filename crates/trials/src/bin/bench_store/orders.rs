//! Orders from 64 connections, each answer a promise, beside a bare SQLite program that writes the same rows.

use std::path::Path;
use std::sync::Barrier;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use telerad_trials::arguments::Arguments;
use telerad_trials::hl7_client::Hl7Client;
use telerad_trials::messages::Order;
use telerad_trials::setting::Setting;
use telerad_trials::tool::free_port;
use telerad_trials::verdict::Verdict;

use crate::Effort;
use crate::folders::Folders;
use crate::series::Series;

/// Measures both, and prints it.
pub fn compare(
    verdict: &mut Verdict,
    arguments: &Arguments,
    effort: &Effort,
    folders: &mut Folders,
) -> Result<()> {
    let each = effort.part(EACH);
    let count = (each * CONNECTIONS) as f64;
    let (mut ours, mut bare) = (Series::default(), Series::default());
    // The bare program writes what ours has written, so ours comes first in every run.
    for _ in 0..effort.runs {
        let setting = Setting::between(free_port()?, free_port()?, free_port()?)?;
        ours.0.push(count / gateway(arguments, &setting, each)?);
        let rows = Rows::read(&setting.folder.path().join("data"), each * CONNECTIONS)?;
        folders.keep(setting.folder);
        bare.0.push(count / write(&rows, &folders.make()?)?);
    }
    let ratio = ours.over(&bare).median();
    let remark = format!(
        "{ratio:.2} (>= {RATIO_MIN}): {:.0} orders/s, bare SQLite {:.0}/s",
        ours.median(),
        bare.median()
    );
    verdict.claim("orders applied durably, 64 connections", ratio >= RATIO_MIN, remark);
    Ok(())
}

/// The seconds for every order to be accepted.
fn gateway(arguments: &Arguments, setting: &Setting, each: usize) -> Result<f64> {
    let (gateway, addresses) = setting.start(arguments)?;
    let took = at_once(CONNECTIONS, |number, start| {
        let mut client = Hl7Client::connect(addresses.hl7)?;
        start.wait();
        for at in number * each..(number + 1) * each {
            let order = Order::new("BSO", at as u64);
            let ack = client.send(&order.orm(&format!("BSO{at}")))?;
            ensure!(ack.code == "AA", "answered {}", ack.code);
        }
        Ok(())
    })?;
    gateway.kill()?;
    Ok(took)
}

/// The rows of a table, and how one is written.
struct Table {
    insert: String,
    rows: Vec<Vec<Value>>,
}

/// What a gateway has written for so many orders.
struct Rows {
    schema: Vec<String>,
    tables: Vec<Table>,
    orders: usize,
}

impl Rows {
    fn read(data: &Path, orders: usize) -> Result<Self> {
        let mut databases = std::fs::read_dir(data)?.filter_map(|entry| Some(entry.ok()?.path()));
        let is_database = |path: &std::path::PathBuf| {
            path.extension().is_some_and(|it| it == "sqlite" || it == "db" || it == "sqlite3")
        };
        let database = databases.find(is_database).context("no database in the data folder")?;
        // The log that the killed process left is read too, for which it has to be writable.
        let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let told = "SELECT type, name, sql FROM sqlite_master \
                    WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'";
        let mut statement = connection.prepare(told)?;
        let all = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let all: Vec<(String, String, String)> = all.collect::<Result<_, _>>()?;
        let mut tables = Vec::new();
        for (_, name, _) in all.iter().filter(|(kind, ..)| kind == "table") {
            tables.push(Table::read(&connection, name)?);
        }
        let written = tables.iter().any(|table| table.rows.len() >= orders);
        ensure!(written, "no table has a row for each order");
        let schema = all.into_iter().map(|(.., sql)| sql).collect();
        Ok(Self { schema, tables, orders })
    }

    /// The rows of one order: of every table an equal part.
    fn of_order(&self, at: usize) -> impl Iterator<Item = (usize, &[Value])> {
        self.tables.iter().enumerate().flat_map(move |(number, table)| {
            let share = |at: usize| table.rows.len() * at / self.orders;
            let rows = table.rows.get(share(at)..share(at + 1)).unwrap_or_default();
            rows.iter().map(move |row| (number, row.as_slice()))
        })
    }
}

impl Table {
    fn read(connection: &Connection, name: &str) -> Result<Self> {
        let mut statement = connection.prepare(&format!("SELECT * FROM \"{name}\""))?;
        let columns = statement.column_count();
        let marks = vec!["?"; columns].join(",");
        let insert = format!("INSERT INTO \"{name}\" VALUES ({marks})");
        let mut found = statement.query([])?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            rows.push((0..columns).map(|at| row.get(at)).collect::<Result<_, _>>()?);
        }
        Ok(Self { insert, rows })
    }
}

/// The seconds for one thread to write them for 64 that each wait until theirs are durable: whatever waits is one group.
fn write(rows: &Rows, folder: &Path) -> Result<f64> {
    let mut connection = Connection::open(folder.join("bare.sqlite"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    for sql in &rows.schema {
        connection.execute_batch(sql)?;
    }
    let (orders, waiting) = channel::<(usize, SyncSender<()>)>();
    let each = rows.orders / CONNECTIONS;
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || write_groups(rows, &mut connection, &waiting));
        let took = at_once(CONNECTIONS, |number, start| {
            let (done, wait) = sync_channel(1);
            let orders = orders.clone();
            start.wait();
            for at in number * each..(number + 1) * each {
                orders.send((at, done.clone()))?;
                wait.recv()?;
            }
            Ok(())
        });
        drop(orders);
        writer.join().ok().context("the writer panicked")??;
        took
    })
}

fn write_groups(
    rows: &Rows,
    connection: &mut Connection,
    waiting: &Receiver<(usize, SyncSender<()>)>,
) -> Result<()> {
    while let Ok(first) = waiting.recv() {
        let group: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let transaction = connection.transaction()?;
        for (order, _) in &group {
            for (table, row) in rows.of_order(*order) {
                let insert = &rows.tables[table].insert;
                transaction.prepare_cached(insert)?.execute(params_from_iter(row))?;
            }
        }
        transaction.commit()?;
        for (_, done) in group {
            done.send(()).ok();
        }
    }
    Ok(())
}

/// The seconds from when everybody is ready to when everybody has finished.
fn at_once(count: usize, work: impl Fn(usize, &Barrier) -> Result<()> + Sync) -> Result<f64> {
    let start = Barrier::new(count + 1);
    std::thread::scope(|scope| {
        let (work, start) = (&work, &start);
        let threads: Vec<_> =
            (0..count).map(|number| scope.spawn(move || work(number, start))).collect();
        start.wait();
        let started = Instant::now();
        for thread in threads {
            thread.join().ok().context("a thread panicked")??;
        }
        Ok(started.elapsed().as_secs_f64())
    })
}

const CONNECTIONS: usize = 64;
const EACH: usize = 100;
const RATIO_MIN: f64 = 0.5;
