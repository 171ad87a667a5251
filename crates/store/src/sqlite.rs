//! State in SQLite: the embedded default, nothing to install.
//!
//! One thread writes; batches that wait for it at the same time share one transaction and one sync, each under its own
//! savepoint. Two threads read, each read in one snapshot. Write-ahead log with `synchronous=FULL`: a committed group
//! survives a power cut, as far as the disk tells the truth about its syncs. The log is filled with zeros beforehand and
//! overwritten in place; built with `LIBSQLITE3_FLAGS=-DHAVE_FDATASYNC=1` in the environment, as this workspace is, SQLite
//! then syncs it without a commit of the file system's own journal. Without the flag commits are as durable, and slower.
//!
//! Files in the data directory: `telerad.sqlite` with `-wal` and `-shm` beside it while open, `lock`, and
//! `telerad.v<n>.sqlite`, the copy taken before a migration from schema version `n`.

mod journey;
mod migration;
mod outbox;
mod parking;
mod performed;
mod queue;
mod read;
mod row;
mod rows;
#[cfg(test)]
mod upgrade;
mod writer;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::access::{Counts, Store, StoreFuture};
use crate::directory::{self, DirectoryLock};
use crate::fault::SyncFault;
use crate::pool::Pool;
use crate::{Batch, Receipt, StoreError};
use writer::{Request, Writer};

/// How a SQLite store works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// Batches in one transaction at most.
    pub group_batches_max: usize,
    /// Pages of 4 KiB that the database may grow to; `None` for SQLite's own limit (16 TiB). A full database poisons
    /// the store, like a full disk.
    pub pages_max: Option<u32>,
    /// Batches that wait for the writer; further callers wait to get in.
    pub queued_batches_max: usize,
    /// Connections that read.
    pub reader_threads: usize,
    /// Makes commits fail, in tests.
    pub sync_fault: SyncFault,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            group_batches_max: 64,
            pages_max: None,
            queued_batches_max: 1024,
            reader_threads: 2,
            sync_fault: SyncFault::default(),
        }
    }
}

/// A store in a data directory that belongs to this process.
///
/// Dropping it waits for the batches that were handed over, then closes the database and frees the directory.
pub struct SqliteStore {
    // Order matters: readers close before the writer, whose connection, the last one, folds the log into the
    // database; the lock goes last.
    readers: Pool<Connection>,
    writer: WriterThread,
    poison: Arc<OnceLock<String>>,
    _lock: DirectoryLock,
}

impl SqliteStore {
    /// Opens or creates the database in a directory, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has the directory, [`StoreError::Migration`] when the database
    /// cannot be brought to this version, [`StoreError::Open`] for everything else.
    pub fn open(directory: &Path, options: SqliteOptions) -> Result<Self, StoreError> {
        let lock = DirectoryLock::acquire(directory)?;
        let refuse = |reason: String| StoreError::Open { directory: directory.to_owned(), reason };
        let refuse_io = |error: io::Error| refuse(error.to_string());
        let refuse_sql = |error: rusqlite::Error| refuse(error.to_string());

        let database = directory.join("telerad.sqlite");
        create_private_file(&database).map_err(refuse_io)?;
        let connection = connect(&database).map_err(refuse_sql)?;
        let journal_mode: String = connection
            .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
            .map_err(refuse_sql)?;
        if journal_mode != "wal" {
            // Network file systems have no shared memory; what they call a sync is no promise either.
            return Err(refuse("the file system cannot keep a write-ahead log".to_owned()));
        }
        if let Some(pages) = options.pages_max {
            connection
                .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
                .map_err(refuse_sql)?;
        }
        migration::migrate(&connection, &database, migration::MIGRATIONS)?;
        lengthen_log(&directory.join("telerad.sqlite-wal")).map_err(refuse_io)?;
        directory::sync(directory).map_err(refuse_io)?;

        let mut readers = Vec::new();
        for _ in 0..options.reader_threads.max(1) {
            let reader = connect(&database).map_err(refuse_sql)?;
            reader.pragma_update(None, "query_only", true).map_err(refuse_sql)?;
            readers.push(reader);
        }
        let poison = Arc::new(OnceLock::new());
        let (queue, requests) = mpsc::channel(options.queued_batches_max.max(1));
        let writer = Writer::new(connection, requests, &options, Arc::clone(&poison));
        let thread = std::thread::Builder::new()
            .name("telerad-store-write".to_owned())
            .spawn(move || writer.run())
            .map_err(refuse_io)?;
        Ok(Self {
            readers: Pool::start("telerad-store-read", readers).map_err(refuse_io)?,
            writer: WriterThread { queue: Some(queue), thread: Some(thread) },
            poison,
            _lock: lock,
        })
    }

    /// Whether a write could not be made durable, so that nothing is accepted any more.
    pub fn is_poisoned(&self) -> bool {
        self.poison.get().is_some()
    }

    /// Runs a read in one snapshot on some reader thread.
    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<'static, T> {
        let answer = self.readers.run(move |connection| {
            // Never held beyond this closure: a long reader keeps the log from being folded back.
            let snapshot = connection.transaction().map_err(row::engine)?;
            read(&snapshot)
        });
        Box::pin(async move {
            match answer.await {
                // Only writing poisons; a page that cannot be read is this read's trouble.
                Ok(Err(StoreError::Poisoned { reason })) => Err(StoreError::Engine { reason }),
                Ok(answer) => answer,
                Err(_) => Err(StoreError::Closed),
            }
        })
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("poisoned", &self.is_poisoned()).finish()
    }
}

impl Store for SqliteStore {
    fn commit(&self, batch: Batch) -> StoreFuture<'_, Receipt> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let queue = self.writer.queue.as_ref().ok_or(StoreError::Closed)?;
            queue.send(Request { batch, reply }).await.map_err(|_| StoreError::Closed)?;
            answer.await.map_err(|_| StoreError::Closed)?
        })
    }

    fn counts(&self) -> StoreFuture<'_, Counts> {
        self.read(read::counts)
    }
}

struct WriterThread {
    queue: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.queue = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn connect(database: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(database)?;
    connection.busy_timeout(BUSY_MAX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.pragma_update(None, "synchronous", "FULL")?;
    // On macOS an fsync that does not reach the disk is the default.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // A log that grew while something was reading shrinks again.
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES_KEPT, |_| Ok(()))?;
    Ok(connection)
}

/// Creates the file readable by its owner alone; SQLite gives the files beside it the same permissions.
fn create_private_file(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Fills the log with zeros up to the length that it reaches anyway, so that a commit overwrites what is there: a file
/// system that need not note a new length and new blocks syncs a log in about half the time. SQLite ends its reading of
/// a log at the first frame that does not carry the log's own salt and checksum, and zeros carry neither.
///
/// # Errors
/// Only when the log cannot be synced: commits that an earlier run left in it may be lost with what was written here. A
/// disk without room for zeros is none: the log grows as it always did.
fn lengthen_log(log: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let Ok(mut file) = options.append(true).open(log) else { return Ok(()) };
    let length = file.metadata()?.len();
    let zeros = vec![0; usize::try_from(LOG_BYTES_READY.saturating_sub(length)).unwrap_or(0)];
    if zeros.is_empty() || file.write_all(&zeros).is_err() {
        return Ok(());
    }
    file.sync_all()
}

/// How long a tool that looks into the database may hold up a commit.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// The log is folded into the database when it has 1000 pages of 4 KiB, and begun again from its start.
const LOG_BYTES_READY: u64 = 4 * 1024 * 1024 + 256 * 1024;

const LOG_BYTES_KEPT: u32 = 64 * 1024 * 1024;

const STATEMENTS_MAX: usize = 64;
