//! What it costs to take deliveries or messages from a queue and to settle one, with a thousand rows in it and with a
//! million; how long the million keeps a start waiting, and how much memory it takes.
//!
//! ```sh
//! cargo bench -p telerad-benches --bench queue
//! ```
//!
//! `TELERAD_QUEUE_ROWS` sets another number for the million.
#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and its environment")]

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use telerad::core::{AeTitle, Priority, SiteId, Timestamp, Uid};
use telerad::dicom::{PeerAnswer, Status};
use telerad::routing::{
    DeliveryKey, DeliveryRecord, DeliveryState, DestinationId, Digest, SentEvidence, StudyMark,
};
use telerad::store::sqlite::SqliteStore;
use telerad::store::{Batch, Deliveries, Effect, OutboundMessage, OutboundState, Outbox, Store};
use tokio::runtime::Runtime;

const FEW: usize = 1000;
const MANY: usize = 1_000_000;
const BATCH: usize = 1000;
const ROUNDS: usize = 101;
const TAKEN: usize = 16;
const SOURCES: usize = 50;
const TARGET: f64 = 1.5;
const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);
const LATER: Timestamp = Timestamp::from_micros(9_000_000_000);

const RECEIVER: &str = "report north ris:2576";

/// How a queue of messages is filled.
#[derive(Clone, Copy)]
enum Messages {
    /// All of one order.
    Chain,
    /// Each of an order of its own, all due.
    Orders,
    /// Four of each order, whose first waits for a later time, except for the last orders.
    Behind,
}

/// How a queue of deliveries is filled.
#[derive(Clone, Copy)]
enum Shape {
    /// Everything may be tried now, all of one source.
    Due,
    /// Everything waits for a later time, except the last few.
    Waiting,
    /// Everything may be tried now, of many sources by turns.
    Sources,
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let many = std::env::var("TELERAD_QUEUE_ROWS").ok().and_then(|rows| rows.parse().ok());
    let many = many.unwrap_or(MANY);
    println!("{FEW} and {many} pending, median of {ROUNDS} rounds, target <= {TARGET}\n");
    println!("{:<44}{:>10}{:>10}{:>8}", "", "µs few", "µs many", "ratio");
    for (name, shape) in [
        ("all due", Shape::Due),
        ("all but the last wait", Shape::Waiting),
        ("of 50 sources", Shape::Sources),
    ] {
        let folders = [folder()?, folder()?];
        let [few, large] = &folders;
        for (folder, rows) in [(few, FEW), (large, many)] {
            fill(&runtime, folder.path(), rows, |number| {
                Ok(Effect::Delivery(delivery(shape, number, rows)?))
            })?;
        }
        let started = Instant::now();
        let large = SqliteStore::open(large.path(), Default::default())?;
        let due = runtime.block_on(large.due(&destination()?, NOW, TAKEN))?;
        let opening = started.elapsed();
        ensure!(!due.is_empty(), "nothing due");
        let few = SqliteStore::open(few.path(), Default::default())?;
        compare(&runtime, name, [&few, &large])?;
        println!(
            "{name}: opened and first taken in {:.1} ms (< 300), {:.0} MB resident (< 256)\n",
            opening.as_secs_f64() * 1e3,
            resident_mb()?
        );
    }
    for (name, shape) in [
        ("messages of one order", Messages::Chain),
        ("messages of an order each", Messages::Orders),
        ("messages behind one that waits", Messages::Behind),
    ] {
        let folders = [folder()?, folder()?];
        for (folder, rows) in folders.iter().zip([FEW, many]) {
            fill(&runtime, folder.path(), rows, |number| {
                Ok(Effect::Outbound(message(shape, number, rows)?))
            })?;
        }
        let open =
            |folder: &tempfile::TempDir| SqliteStore::open(folder.path(), Default::default());
        let [few, large] = [open(&folders[0])?, open(&folders[1])?];
        compare_messages(&runtime, name, [&few, &large])?;
        println!();
    }
    Ok(())
}

fn folder() -> anyhow::Result<tempfile::TempDir> {
    Ok(tempfile::tempdir_in(std::env::current_dir()?)?)
}

/// By turns in the few and in the many, so that what else goes on hits both.
fn compare(runtime: &Runtime, name: &str, stores: [&SqliteStore; 2]) -> anyhow::Result<()> {
    let to = destination()?;
    let every = || Priority::Stat..=Priority::Low;
    let take =
        |store: &SqliteStore| runtime.block_on(store.due(&to, NOW, TAKEN)).map(drop).context("due");
    let take_by_source = |store: &SqliteStore| {
        runtime.block_on(store.due_by_source(&to, every(), NOW, 1)).map(drop).context("by source")
    };
    let next =
        |store: &SqliteStore| runtime.block_on(store.next_due(&to)).map(drop).context("next due");
    let settle = |store: &SqliteStore| {
        let due = runtime.block_on(store.due(&to, NOW, 1))?;
        let delivery = due.into_iter().next().context("the queue ran dry")?;
        let started = Instant::now();
        runtime.block_on(store.commit(settled(delivery)))?;
        Ok(started.elapsed().as_secs_f64())
    };
    let timed = |run: &dyn Fn(&SqliteStore) -> anyhow::Result<()>, store: &SqliteStore| {
        let started = Instant::now();
        run(store).map(|()| started.elapsed().as_secs_f64())
    };
    row(name, "due", stores, |store| timed(&take, store))?;
    row(name, "due_by_source", stores, |store| timed(&take_by_source, store))?;
    row(name, "next_due", stores, |store| timed(&next, store))?;
    row(name, "settle", stores, settle)
}

fn compare_messages(
    runtime: &Runtime,
    name: &str,
    stores: [&SqliteStore; 2],
) -> anyhow::Result<()> {
    let due = |store: &SqliteStore| -> anyhow::Result<OutboundMessage> {
        let due = runtime.block_on(store.outbound_due(RECEIVER, NOW, 1))?;
        due.into_iter().next().context("the queue ran dry")
    };
    row(name, "outbound_due", stores, |store| {
        let started = Instant::now();
        due(store).map(|_| started.elapsed().as_secs_f64())
    })?;
    row(name, "next_outbound_due", stores, |store| {
        let started = Instant::now();
        runtime.block_on(store.next_outbound_due(RECEIVER))?;
        Ok(started.elapsed().as_secs_f64())
    })?;
    row(name, "settle", stores, |store| {
        let message = due(store)?;
        let state = OutboundState::Answered { code: "AA".to_owned(), at: NOW };
        let started = Instant::now();
        let settled = Effect::Outbound(OutboundMessage { state, ..message });
        runtime.block_on(store.commit(Batch::new().with(settled)))?;
        Ok(started.elapsed().as_secs_f64())
    })
}

fn row(
    shape: &str,
    verb: &str,
    stores: [&SqliteStore; 2],
    run: impl Fn(&SqliteStore) -> anyhow::Result<f64>,
) -> anyhow::Result<()> {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (store, times) in stores.iter().zip(&mut times) {
            times.push(run(store)?);
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times.get(ROUNDS / 2).copied().context("no rounds")
    };
    let [few, many] = times;
    let (few, many) = (median(few)?, median(many)?);
    let ratio = many / few;
    let verdict = if ratio <= TARGET { "" } else { "  MISSED" };
    let what = format!("{shape}: {verb}");
    println!("{what:<44}{:>10.0}{:>10.0}{ratio:>8.2}{verdict}", few * 1e6, many * 1e6);
    Ok(())
}

fn fill(
    runtime: &Runtime,
    folder: &Path,
    rows: usize,
    effect: impl Fn(usize) -> anyhow::Result<Effect>,
) -> anyhow::Result<()> {
    let store = SqliteStore::open(folder, Default::default())?;
    let mut number = 0;
    while number < rows {
        let numbers = number..rows.min(number + BATCH);
        number = numbers.end;
        let batch = numbers.map(&effect).collect::<anyhow::Result<Batch>>()?;
        runtime.block_on(store.commit(batch))?;
    }
    Ok(())
}

fn delivery(shape: Shape, number: usize, rows: usize) -> anyhow::Result<DeliveryRecord> {
    let queued_at = Timestamp::from_micros(i64::try_from(number)?);
    let (source, not_before) = match shape {
        Shape::Due => (0, queued_at),
        // Few enough, and enough for every round to settle one.
        Shape::Waiting if number + 2 * ROUNDS >= rows => (0, queued_at),
        Shape::Waiting => (0, LATER),
        Shape::Sources => (number % SOURCES, queued_at),
    };
    Ok(DeliveryRecord {
        key: DeliveryKey {
            site: SiteId::new("north")?,
            sop_instance_uid: Uid::new(&format!("2.25.9{number:07}"))?,
            destination: destination()?,
        },
        digest: Digest::of(&number.to_be_bytes()),
        study_instance_uid: format!("2.25.8{:05}", number / 300),
        sop_class_uid: "1.2.840.10008.5.1.4.1.1.2".to_owned(),
        transfer_syntax_uid: "1.2.840.10008.1.2.1".to_owned(),
        bytes: 524_288,
        source: AeTitle::new(&format!("CT{source}"))?,
        mark: StudyMark::Unmatched,
        priority: Priority::Routine,
        queued_at,
        not_before,
        attempts: 0,
        state: DeliveryState::Pending,
        last_fault: None,
        group: None,
        round: 0,
        unknown_since: None,
    })
}

fn message(shape: Messages, number: usize, rows: usize) -> anyhow::Result<OutboundMessage> {
    let queued_at = Timestamp::from_micros(i64::try_from(number)?);
    let (order, not_before) = match shape {
        Messages::Chain => (0, queued_at),
        Messages::Orders => (number, queued_at),
        // Few enough, and enough for every round to settle one.
        Messages::Behind if number + 2 * ROUNDS >= rows => (number, queued_at),
        Messages::Behind if number.is_multiple_of(4) => (number / 4, LATER),
        Messages::Behind => (number / 4, queued_at),
    };
    Ok(OutboundMessage {
        id: format!("{number:08}"),
        site: SiteId::new("north")?,
        destination: RECEIVER.to_owned(),
        sequence: format!("north|NORTH|A{order}"),
        subject: format!("north|NORTH|A{order}"),
        control_id: number.to_string(),
        raw: vec![b'x'; 1000],
        queued_at,
        not_before,
        priority: Priority::Routine,
        attempts: 0,
        unanswered: None,
        round: 0,
        state: OutboundState::Pending,
    })
}

fn settled(delivery: DeliveryRecord) -> Batch {
    let answer = PeerAnswer::from_response(Status::SUCCESS, 1);
    let evidence = SentEvidence::StoreResponse;
    let state = DeliveryState::Sent { answer, at: NOW, evidence };
    Batch::new().with(Effect::Delivery(DeliveryRecord { state, ..delivery }))
}

fn destination() -> anyhow::Result<DestinationId> {
    Ok(DestinationId::new("reading")?)
}

/// What this process has in memory, where Linux tells.
fn resident_mb() -> anyhow::Result<f64> {
    let Ok(status) = std::fs::read_to_string("/proc/self/statm") else { return Ok(f64::NAN) };
    let pages: f64 = status.split(' ').nth(1).context("no resident pages")?.parse()?;
    Ok(pages * 4096.0 / 1e6)
}
