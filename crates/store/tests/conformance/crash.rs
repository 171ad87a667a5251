//! A process that is killed at any moment has lost nothing that it acknowledged.
//!
//! The test starts itself again as the process to kill. That one stores payloads and commits their instances from
//! several tasks at once, and says so on its standard output only after the store has.

#![expect(
    clippy::disallowed_methods,
    reason = "the process to kill learns its directory from the environment"
)]
#![expect(clippy::print_stdout, reason = "what was acknowledged must outlive the process")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::fixture::*;
use bytes::Bytes;
use telerad_core::{Timestamp, Uid};
use telerad_routing::{DeliveryState, Digest};
use telerad_store::payload::{DirectorySpool, SpoolOptions};
use telerad_store::sqlite::{SqliteOptions, SqliteStore};
use telerad_store::{Batch, Deliveries, Effect, Expectation, Instances, Payloads, Store};

const DIRECTORY: &str = "TELERAD_STORE_CRASH_DIRECTORY";
const FIRST: &str = "TELERAD_STORE_CRASH_FIRST";
const TASKS: u32 = 4;

fn open(directory: &Path) -> (SqliteStore, DirectorySpool) {
    let store = SqliteStore::open(&directory.join("state"), SqliteOptions::default()).unwrap();
    let spool = DirectorySpool::open(&directory.join("spool"), SpoolOptions::default()).unwrap();
    (store, spool)
}

/// Takes part in the test below; on its own, without a directory, it has nothing to do.
#[test]
fn writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let first: u32 = std::env::var(FIRST).unwrap().parse().unwrap();
    let (store, spool) = open(Path::new(&directory));
    let write = |task| write_for_ever(&store, &spool, first + task);
    block_on(async { tokio::join!(write(0), write(1), write(2), write(3)) });
}

async fn write_for_ever(store: &SqliteStore, spool: &DirectorySpool, first: u32) {
    for number in (first..).step_by(TASKS as usize) {
        let mut payload = spool.create();
        // Now and then more than a block, so that a kill also meets half a payload.
        let bytes = if number % 7 == 0 { 600_000 } else { 2000 };
        let content = Bytes::from(number.to_be_bytes().repeat(bytes / 4));
        payload.write(content.clone()).await.unwrap();
        payload.write(content).await.unwrap();
        let held = payload.finish().await.unwrap();
        let stored = held.stored;

        let mut record = instance("north", number, "");
        (record.digest, record.bytes) = (stored.digest, stored.bytes);
        let mut send = delivery("north", number, "reading");
        send.digest = stored.digest;
        let expected =
            Expectation::Versions { site: site("north"), sop_instance_uid: uid(number), count: 0 };
        let batch = Batch::new()
            .with(Effect::Expect(expected))
            .with(put_instance(record))
            .with(Effect::Delivery(send));
        store.commit(batch).await.unwrap();
        println!("acknowledged {number} {}", stored.digest);
        std::io::stdout().flush().unwrap();
    }
}

/// Runs the process above and kills it after so many acknowledgements; returns all that came out of it.
fn run_and_kill(directory: &Path, first: u32, after: usize) -> Vec<(u32, Digest)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::writes_until_it_is_killed", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // The test harness writes lines of its own, the first of them without an end.
        let Some((_, words)) = line.split_once("acknowledged ") else { continue };
        let Some((number, digest)) = words.split_once(' ') else { continue };
        let (Ok(number), Ok(digest)) = (number.parse(), digest.parse()) else { continue };
        acknowledged.push((number, digest));
        if acknowledged.len() == after {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success());
    acknowledged
}

#[test]
fn what_was_acknowledged_survives_kill_after_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeMap::new();
    for (round, after) in [1, 2, 9, 30, 77].into_iter().enumerate() {
        let first = 1 + 100_000 * round as u32;
        let said = run_and_kill(directory.path(), first, after);
        assert!(said.len() >= after);
        acknowledged.extend(said);
        block_on(check_survivors(directory.path(), &acknowledged));
    }
}

async fn check_survivors(directory: &Path, acknowledged: &BTreeMap<u32, Digest>) {
    let (store, spool) = open(directory);
    for (number, digest) in acknowledged {
        let versions = store.versions(&site("north"), &uid(*number)).await.unwrap();
        let digests: Vec<_> = versions.iter().map(|version| version.digest).collect();
        assert_eq!(digests, [*digest], "instance {number}");
        let delivery = store.delivery(&delivery_key("north", *number, "reading")).await.unwrap();
        assert_eq!(delivery.unwrap().state, DeliveryState::Pending, "instance {number}");
    }
    // Rows that no one was told about may be there too, but whole, and with their payload.
    let now = Timestamp::from_micros(i64::MAX);
    let due = store.due(&destination("reading"), now, usize::MAX).await.unwrap();
    assert!(due.len() >= acknowledged.len());
    for delivery in due {
        assert_instance(&store, &delivery.key.sop_instance_uid, &delivery.digest).await;
        let mut payload = spool.open(&delivery.digest).await.unwrap();
        while payload.next().await.unwrap().is_some() {}
    }
}

async fn assert_instance(store: &SqliteStore, uid: &Uid, digest: &Digest) {
    let versions = store.versions(&site("north"), uid).await.unwrap();
    assert!(versions.iter().any(|version| version.digest == *digest), "half a batch");
}
