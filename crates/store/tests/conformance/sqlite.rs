//! What the SQLite store promises beyond the conformance suite.

#![expect(clippy::disallowed_methods, reason = "looks into the files of a store")]

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::fixture::*;
use telerad_store::sqlite::{SqliteOptions, SqliteStore};
use telerad_store::{
    Batch, Effect, Expectation, Instances, Journal, Receipt, Store, StoreError, StoreFuture,
    SyncFault,
};

fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory, SqliteOptions::default()).unwrap()
}

fn open_with(directory: &Path, fault: SyncFault) -> SqliteStore {
    let mut options = SqliteOptions::default();
    options.sync_fault = fault;
    SqliteStore::open(directory, options).unwrap()
}

fn note(event: &str) -> Batch {
    Batch::new().with(Effect::Journal(journal("notes", event)))
}

fn impossible() -> Effect {
    let north = site("north");
    Effect::Expect(Expectation::Versions { site: north, sop_instance_uid: uid(99), count: 1 })
}

fn notes(store: &SqliteStore) -> Vec<String> {
    block_on(store.journal("notes")).unwrap().into_iter().map(|entry| entry.event).collect()
}

#[test]
fn everything_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    block_on(async {
        store.commit(one_of_each("north")).await.unwrap();
        store.commit(one_of_each("south")).await.unwrap();
        let mut answered = delivery("north", 1, "reading");
        answered.state = sent(0);
        store.commit(Batch::new().with(Effect::Delivery(answered))).await.unwrap();
    });
    let before = block_on(everything(&store));
    drop(store);
    let store = open(directory.path());
    assert_eq!(block_on(everything(&store)), before);
    // Revisions and what was sent still hold.
    let error = block_on(store.commit(one_of_each("north"))).unwrap_err();
    assert!(error.is_conflict());
}

#[test]
fn the_log_is_as_long_as_it_gets_from_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("telerad.sqlite-wal");
    let length = || std::fs::metadata(&log).unwrap().len();
    let store = open(directory.path());
    let before = length();
    assert!(before > 4 * 1024 * 1024, "{before}");
    for number in 0..200 {
        block_on(store.commit(note(&number.to_string()))).unwrap();
    }
    assert_eq!(length(), before);
}

#[test]
fn commits_in_a_log_that_was_made_longer_are_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    for name in ["first", "second"] {
        block_on(store.commit(note(name))).unwrap();
    }
    // As a process leaves them that is killed. Then the log ends right after the last commit, and once more within it.
    for end in [None, Some(0), Some(100)] {
        for name in ["telerad.sqlite", "telerad.sqlite-wal"] {
            std::fs::copy(directory.path().join(name), copy.path().join(name)).unwrap();
        }
        let path = copy.path().join("telerad.sqlite-wal");
        if let Some(torn) = end {
            let bytes = std::fs::read(&path).unwrap();
            let written = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64;
            // A header of 32 bytes, then frames of 24 bytes and a page of 4096.
            let whole = 32 + (written - 32).div_ceil(4120) * 4120;
            std::fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_len(whole - torn)
                .unwrap();
        }
        let again = open(copy.path());
        let found = notes(&again);
        assert_eq!(found[0], "first");
        assert_eq!(found.len(), if end == Some(100) { 1 } else { 2 });
        block_on(again.commit(note("third"))).unwrap();
        drop(again);
        assert_eq!(notes(&open(copy.path())).last().map(String::as_str), Some("third"));
        for entry in std::fs::read_dir(copy.path()).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
}

#[test]
fn a_data_directory_has_one_owner() {
    let directory = tempfile::tempdir().unwrap();
    let owner = open(directory.path());
    let error = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap_err();
    assert_eq!(error, StoreError::Locked { directory: directory.path().to_owned() });
    drop(owner);
    open(directory.path());
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("state");
    let store = open(&directory);
    block_on(store.commit(note("first"))).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for name in ["telerad.sqlite", "telerad.sqlite-wal"] {
        assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
    }
}

/// Holds the writer at its syncs: each one says that it has come, then waits for its outcome.
struct Gate {
    arrived: Receiver<()>,
    outcome: Sender<io::Result<()>>,
}

fn gate() -> (SyncFault, Gate) {
    let (arrive, arrived) = channel();
    let (outcome, outcomes) = channel();
    let (arrive, outcomes) = (Mutex::new(arrive), Mutex::new(outcomes));
    let fault = SyncFault::new(move |_| {
        let _ = arrive.lock().unwrap().send(());
        // Without a gate any more, nothing is held.
        outcomes.lock().unwrap().recv().unwrap_or(Ok(()))
    });
    (fault, Gate { arrived, outcome })
}

/// Hands a batch to the writer, without waiting for its outcome.
fn begin(store: &SqliteStore, batch: Batch) -> StoreFuture<'_, Receipt> {
    let mut commit = store.commit(batch);
    assert!(poll(&mut commit).is_pending());
    commit
}

fn poll<'a, T>(future: &mut Pin<Box<dyn Future<Output = T> + Send + 'a>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn batches_that_wait_together_share_one_sync() {
    let directory = tempfile::tempdir().unwrap();
    let (fault, gate) = gate();
    let store = open_with(directory.path(), fault);
    let lone = begin(&store, note("lone"));
    gate.arrived.recv().unwrap();
    let mut group: Vec<_> =
        (0..10).map(|number| begin(&store, note(&number.to_string()))).collect();
    let refused = begin(&store, note("refused").with(impossible()));
    gate.outcome.send(Ok(())).unwrap();
    assert!(block_on(lone).is_ok());

    gate.arrived.recv().unwrap();
    for commit in &mut group {
        assert!(poll(commit).is_pending(), "answered before its sync");
    }
    gate.outcome.send(Ok(())).unwrap();
    for commit in group {
        assert!(block_on(commit).is_ok());
    }
    assert!(block_on(refused).unwrap_err().is_conflict());
    assert!(gate.arrived.try_recv().is_err(), "a third sync");
    let expected: Vec<_> =
        std::iter::once("lone".to_owned()).chain((0..10).map(|n| n.to_string())).collect();
    assert_eq!(notes(&store), expected);
}

#[test]
fn a_failed_sync_fails_every_batch_of_its_group_and_all_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let (fault, gate) = gate();
    let store = open_with(directory.path(), fault);
    let kept = begin(&store, note("kept"));
    gate.arrived.recv().unwrap();
    let group = ["a", "b", "c"].map(|event| begin(&store, note(event)));
    gate.outcome.send(Ok(())).unwrap();
    block_on(kept).unwrap();

    gate.arrived.recv().unwrap();
    let after = begin(&store, note("after"));
    gate.outcome.send(Err(io::Error::other("disk refused"))).unwrap();
    drop(gate);
    let poisoned = Err(StoreError::Poisoned { reason: "disk refused".to_owned() });
    for commit in group.into_iter().chain([after]) {
        assert_eq!(block_on(commit), poisoned);
    }
    assert!(store.is_poisoned());
    assert_eq!(notes(&store), ["kept"]);
    drop(store);
    assert_eq!(notes(&open(directory.path())), ["kept"]);
}

#[test]
fn a_batch_that_nobody_waits_for_harms_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let (fault, gate) = gate();
    let store = open_with(directory.path(), fault);
    let first = begin(&store, note("first"));
    gate.arrived.recv().unwrap();
    drop(begin(&store, note("dropped")));
    let last = begin(&store, note("last"));
    gate.outcome.send(Ok(())).unwrap();
    gate.outcome.send(Ok(())).unwrap();
    assert!(block_on(first).is_ok());
    assert!(block_on(last).is_ok());
    assert_eq!(notes(&store), ["first", "dropped", "last"]);
}

#[test]
fn closing_waits_for_the_batches_that_were_handed_over() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    for event in ["a", "b", "c"] {
        drop(store.commit(note("never polled")));
        let mut commit = store.commit(note(event));
        let _ = poll(&mut commit);
    }
    drop(store);
    assert_eq!(notes(&open(directory.path())), ["a", "b", "c"]);
}

#[test]
fn a_full_database_keeps_what_it_acknowledged_and_accepts_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = SqliteOptions::default();
    options.pages_max = Some(100);
    let store = SqliteStore::open(directory.path(), options).unwrap();
    let mut acknowledged = Vec::new();
    let mut refused = None;
    for number in 0..1000 {
        let mut entry = journal("notes", &number.to_string());
        entry.detail = "x".repeat(3000);
        match block_on(store.commit(Batch::new().with(Effect::Journal(entry)))) {
            Ok(_) => acknowledged.push(number.to_string()),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let full = StoreError::Poisoned { reason: "database or disk is full".to_owned() };
    assert_eq!(refused, Some(full.clone()));
    assert!(acknowledged.len() > 10);
    assert_eq!(block_on(store.commit(note("small"))), Err(full));
    assert_eq!(notes(&store), acknowledged);
    drop(store);
    let store = open(directory.path());
    assert_eq!(notes(&store), acknowledged);
    block_on(store.commit(note("room again"))).unwrap();
}

#[test]
fn a_member_that_fills_the_database_fails_its_whole_group() {
    let directory = tempfile::tempdir().unwrap();
    let (fault, gate) = gate();
    let mut options = SqliteOptions::default();
    (options.sync_fault, options.pages_max) = (fault, Some(400));
    let store = SqliteStore::open(directory.path(), options).unwrap();
    let lone = begin(&store, note("lone"));
    gate.arrived.recv().unwrap();
    let mut entry = journal("notes", "giant");
    entry.detail = "x".repeat(4_000_000);
    let before = begin(&store, note("before"));
    let giant = begin(&store, Batch::new().with(Effect::Journal(entry)));
    let after = begin(&store, note("after"));
    gate.outcome.send(Ok(())).unwrap();
    block_on(lone).unwrap();
    for commit in [before, giant, after] {
        let full = StoreError::Poisoned { reason: "database or disk is full".to_owned() };
        assert_eq!(block_on(commit), Err(full));
    }
    assert!(gate.arrived.try_recv().is_err(), "nothing of the group came to its sync");
    assert!(store.is_poisoned());
    drop(store);
    assert_eq!(notes(&open(directory.path())), ["lone"]);
}

#[test]
fn a_long_reader_holds_up_no_commit_and_the_log_is_used_again_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let write = |rounds: usize| {
        for _ in 0..rounds {
            let mut entry = journal("big", "x");
            entry.detail = "x".repeat(400_000);
            block_on(store.commit(Batch::new().with(Effect::Journal(entry)))).unwrap();
        }
        let log = directory.path().join("telerad.sqlite-wal");
        std::fs::metadata(log).unwrap().len()
    };
    write(1);
    let outside = rusqlite::Connection::open(directory.path().join("telerad.sqlite")).unwrap();
    outside.execute_batch("BEGIN").unwrap();
    let count = "SELECT count(*) FROM journal";
    let seen = || outside.query_row(count, [], |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!(seen(), 1);
    let grown = write(30);
    assert!(grown > 12_000_000, "{grown}");
    assert_eq!(seen(), 1);
    outside.execute_batch("COMMIT").unwrap();
    let after = write(25);
    assert!(after < grown + 2_000_000, "{after} after {grown}");
    assert_eq!(seen(), 56);
}

#[test]
fn a_record_that_cannot_be_read_is_said_to_be_damaged_without_its_content() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    block_on(store.commit(one_of_each("north"))).unwrap();
    drop(store);
    let database = rusqlite::Connection::open(directory.path().join("telerad.sqlite")).unwrap();
    database.execute(r#"UPDATE study SET body = '"DOE^JANE"'"#, []).unwrap();
    drop(database);
    let store = open(directory.path());
    let error = block_on(store.study(&site("north"), &study_uid(1))).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }));
    assert!(!error.to_string().contains("DOE"), "{error}");
    assert!(!store.is_poisoned());
}

/// At every sync, the files as a crash at that moment would leave them, and what had been acknowledged by then.
#[derive(Default)]
struct Crashes {
    acknowledged: Vec<String>,
    copies: Vec<(tempfile::TempDir, Vec<String>)>,
}

#[test]
fn a_crash_at_any_commit_keeps_what_was_acknowledged_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let crashes = Arc::new(Mutex::new(Crashes::default()));
    let seen = Arc::clone(&crashes);
    let from = directory.path().to_owned();
    let store = open_with(
        directory.path(),
        SyncFault::new(move |_| {
            let mut crashes = seen.lock().unwrap();
            let copy = tempfile::tempdir().unwrap();
            for name in ["telerad.sqlite", "telerad.sqlite-wal"] {
                std::fs::copy(from.join(name), copy.path().join(name)).unwrap();
            }
            let acknowledged = crashes.acknowledged.clone();
            crashes.copies.push((copy, acknowledged));
            Ok(())
        }),
    );
    // Large enough that the log is folded back on the way.
    for number in 0..16 {
        let mut entry = journal("notes", &number.to_string());
        entry.detail = "x".repeat(400_000);
        block_on(store.commit(Batch::new().with(Effect::Journal(entry)))).unwrap();
        crashes.lock().unwrap().acknowledged.push(number.to_string());
    }
    drop(store);
    let copies = std::mem::take(&mut crashes.lock().unwrap().copies);
    assert_eq!(copies.len(), 16);
    for (number, (copy, acknowledged)) in copies.into_iter().enumerate() {
        tear(&copy.path().join("telerad.sqlite-wal"), number);
        assert_eq!(notes(&open(copy.path())), acknowledged, "crash at commit {number}");
    }
}

/// Part of what was on its way to the log when the power went: bytes that were never synced.
fn tear(log: &Path, seed: usize) {
    use std::io::Write;

    let mut file = std::fs::OpenOptions::new().append(true).open(log).unwrap();
    let garbage: Vec<u8> = (0..seed * 700).map(|at| (at * 31 + seed) as u8).collect();
    file.write_all(&garbage).unwrap();
}
