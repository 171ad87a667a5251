//! The spool: payloads as files.
//!
//! `<spool>/tmp/<number>` while a payload comes in, `<spool>/ab/<hex digest>` once it is durable. The order is write,
//! sync of the file, rename, sync of the directory; only then is the digest told. The 256 directories are made when
//! the spool is opened, so that no payload pays for the name of its directory as well.

mod listing;
mod reader;
mod writer;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use telerad_routing::Digest;

use super::{
    ListedPayload, PayloadClaim, PayloadFuture, PayloadHold, PayloadHolds, PayloadReader,
    PayloadWriter, Payloads, Space,
};
use crate::StoreError;
use crate::directory::{self, DirectoryLock};
use crate::fault::{SyncFault, SyncPoint};
use crate::pool::Pool;

/// How a spool works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SpoolOptions {
    /// Threads that write and sync. A thread waits for the disk most of its time, and file systems commit
    /// concurrent syncs together, so more threads than cores are of use.
    pub writer_threads: usize,
    /// Threads that read, apart, so that deliveries do not wait for syncs.
    pub reader_threads: usize,
    /// Makes syncs fail, in tests.
    pub sync_fault: SyncFault,
}

impl Default for SpoolOptions {
    fn default() -> Self {
        Self { writer_threads: 8, reader_threads: 4, sync_fault: SyncFault::default() }
    }
}

/// Payloads as files in a directory that belongs to this process.
///
/// Memory: at most two blocks of [`BLOCK_BYTES_MAX`](super::BLOCK_BYTES_MAX) per payload under way, whatever its
/// length. A sync that fails poisons the spool: nothing can be finished any more, reading goes on.
pub struct DirectorySpool {
    writers: Arc<Pool<()>>,
    readers: Arc<Pool<()>>,
    place: Arc<Place>,
}

impl DirectorySpool {
    /// Opens or creates the spool, locks its directory and removes what unfinished payloads left behind.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it, [`StoreError::Open`] when the file system refuses.
    pub fn open(directory: &Path, options: SpoolOptions) -> Result<Self, StoreError> {
        let lock = DirectoryLock::acquire(directory)?;
        let open = |error: io::Error| StoreError::Open {
            directory: directory.to_owned(),
            reason: error.to_string(),
        };
        let unfinished = directory.join("tmp");
        directory::create_private(&unfinished).map_err(open)?;
        for entry in fs::read_dir(&unfinished).map_err(open)? {
            fs::remove_file(entry.map_err(open)?.path()).map_err(open)?;
        }
        for number in 0..=u8::MAX {
            directory::create_private(&directory.join(format!("{number:02x}"))).map_err(open)?;
        }
        directory::sync(directory).map_err(open)?;
        let place = Place {
            root: directory.to_owned(),
            unfinished,
            next: AtomicU64::new(0),
            holds: PayloadHolds::new(),
            poison: OnceLock::new(),
            sync_fault: options.sync_fault,
            _lock: lock,
        };
        Ok(Self {
            writers: start("telerad-spool-write", options.writer_threads).map_err(open)?,
            readers: start("telerad-spool-read", options.reader_threads).map_err(open)?,
            place: Arc::new(place),
        })
    }

    /// Whether a sync has failed, so that nothing can be finished any more.
    pub fn is_poisoned(&self) -> bool {
        self.place.poison.get().is_some()
    }
}

impl std::fmt::Debug for DirectorySpool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectorySpool")
            .field("root", &self.place.root)
            .field("poisoned", &self.is_poisoned())
            .finish()
    }
}

impl Payloads for DirectorySpool {
    fn create(&self) -> Box<dyn PayloadWriter> {
        Box::new(writer::Writer::new(Arc::clone(&self.writers), Arc::clone(&self.place)))
    }

    fn open(&self, digest: &Digest) -> PayloadFuture<'_, Box<dyn PayloadReader>> {
        let path = self.place.path(digest);
        let digest = *digest;
        let readers = Arc::clone(&self.readers);
        Box::pin(async move {
            let opened = readers.run(move |()| reader::Source::open(&path, digest));
            let source = answer(opened).await??;
            Ok(Box::new(reader::Reader::new(readers, source)) as Box<dyn PayloadReader>)
        })
    }

    fn hold(&self, digest: &Digest) -> PayloadFuture<'_, Option<PayloadHold>> {
        // Held first, looked at second: what is there then stays there.
        let hold = self.place.holds.hold(digest);
        let path = self.place.path(digest);
        let found = self.readers.run(move |()| path.try_exists());
        Box::pin(async move { Ok(answer(found).await??.then_some(hold)) })
    }

    fn claim(&self, digest: &Digest) -> Option<PayloadClaim> {
        self.place.holds.claim(digest)
    }

    fn remove(&self, claim: PayloadClaim) -> PayloadFuture<'_, bool> {
        let place = Arc::clone(&self.place);
        // The name need not be gone for good: a payload that comes back after a crash is garbage again.
        let removed = self.writers.run(move |()| {
            claim.run(|digest| match fs::remove_file(place.path(digest)) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            })
        });
        Box::pin(async move { answer(removed).await?.unwrap_or(Ok(false)) })
    }

    fn list(&self, after: Option<Digest>, limit: usize) -> PayloadFuture<'_, Vec<ListedPayload>> {
        let place = Arc::clone(&self.place);
        let listed = self.readers.run(move |()| listing::list(&place.root, after, limit));
        Box::pin(async move { answer(listed).await? })
    }

    fn space(&self) -> PayloadFuture<'_, Space> {
        let place = Arc::clone(&self.place);
        // Asked on a thread: a network file system may take its time.
        let measured = self.readers.run(move |()| Space::of_directory(&place.root));
        Box::pin(async move { answer(measured).await? })
    }
}

/// The directory, shared by the spool and everything under way.
struct Place {
    root: PathBuf,
    unfinished: PathBuf,
    next: AtomicU64,
    holds: PayloadHolds,
    poison: OnceLock<String>,
    sync_fault: SyncFault,
    _lock: DirectoryLock,
}

impl Place {
    fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_string();
        self.root.join(&hex[..2]).join(hex)
    }

    fn unfinished_path(&self) -> PathBuf {
        self.unfinished.join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// Fails once a sync has failed.
    fn check(&self) -> io::Result<()> {
        match self.poison.get() {
            Some(reason) => Err(io::Error::other(format!("spool is poisoned: {reason}"))),
            None => Ok(()),
        }
    }

    /// Syncs a file, or poisons the spool: after a failed sync the kernel may have dropped the dirty pages and call
    /// the next sync a success.
    fn sync_file(&self, file: &fs::File) -> io::Result<()> {
        let synced = self.sync_fault.check(SyncPoint::PayloadFile).and_then(|()| file.sync_data());
        self.poison_unless(synced)
    }

    /// Syncs a directory, or poisons the spool.
    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let synced = self
            .sync_fault
            .check(SyncPoint::PayloadDirectory)
            .and_then(|()| directory::sync(directory));
        self.poison_unless(synced)
    }

    fn poison_unless(&self, synced: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &synced {
            tracing::error!(%error, "sync failed: the spool takes no more payloads");
            // Only the first reason is kept.
            let _ = self.poison.set(error.to_string());
        }
        synced
    }

    /// Renames an unfinished, synced file to its digest and makes the name durable. It is held from before it has the name.
    ///
    /// Another writer may have published the same content a moment ago and still be syncing its directory. Its
    /// success is not ours: the directory is synced here in every case, before this returns.
    fn publish(&self, unfinished: &Path, digest: &Digest) -> io::Result<PayloadHold> {
        let path = self.path(digest);
        let hold = self.holds.hold(digest);
        // In the place of the same content, if that is there: what was just written is known to be whole.
        fs::rename(unfinished, &path)?;
        self.sync_directory(path.parent().unwrap_or(&self.root))?;
        // A sync that failed meanwhile may have been about the very file found above.
        self.check().map(|()| hold)
    }
}

fn start(name: &str, threads: usize) -> io::Result<Arc<Pool<()>>> {
    Ok(Arc::new(Pool::start(name, vec![(); threads.max(1)])?))
}

/// Waits for a pool's answer.
async fn answer<T>(receiver: tokio::sync::oneshot::Receiver<T>) -> io::Result<T> {
    receiver.await.map_err(|_| io::Error::other("spool is closed"))
}
