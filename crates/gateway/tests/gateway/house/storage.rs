use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use telerad_routing::Digest;
use telerad_store::memory::MemoryStore;
use telerad_store::payload::{MemoryPayloads, PayloadFuture, Space};
use telerad_store::{
    Batch, HeldPayload, ListedPayload, PayloadClaim, PayloadHold, PayloadReader, PayloadWriter,
    Payloads, Receipt, Store, StoreError, StoreFuture, Watch, Watched,
};
use tokio::sync::Notify;

/// What is to become of a commit.
pub enum Verdict {
    Pass,
    Fail,
    /// Passes when this rings.
    After(Arc<Notify>),
    /// Fails, and the store cannot say what is durable.
    Poisoned,
}

type Judge = Arc<dyn Fn(&Batch) -> Verdict + Send + Sync>;

/// A store in memory whose commits can be held up and made to fail. Clones share it. Every commit gives way to others
/// first, so that decisions which were taken at the same time meet.
pub type Commits = Watched<MemoryStore, Court>;

#[derive(Clone, Default)]
pub struct Court {
    judge: Arc<Mutex<Option<Judge>>>,
    /// How long an answer takes after it was read.
    late: Arc<Mutex<Duration>>,
}

impl Court {
    pub fn judge(&self, judge: impl Fn(&Batch) -> Verdict + Send + Sync + 'static) {
        *self.judge.lock().unwrap() = Some(Arc::new(judge));
    }

    /// Whatever is read from now on has become this old when the answer is there.
    pub fn answer_late(&self, by: Duration) {
        *self.late.lock().unwrap() = by;
    }

    pub fn judge_no_more(&self) {
        *self.judge.lock().unwrap() = None;
    }
}

impl Watch for Court {
    fn read<'a, T: Send + 'a>(&'a self, read: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        let late = *self.late.lock().unwrap();
        if late.is_zero() {
            return read;
        }
        Box::pin(async move {
            let answer = read.await;
            tokio::time::sleep(late).await;
            answer
        })
    }

    fn commit<'a>(&'a self, store: &'a dyn Store, batch: Batch) -> StoreFuture<'a, Receipt> {
        let judge = self.judge.lock().unwrap().clone();
        Box::pin(async move {
            tokio::task::yield_now().await;
            match judge.map_or(Verdict::Pass, |judge| judge(&batch)) {
                Verdict::Pass => {}
                Verdict::Fail => {
                    return Err(StoreError::Engine { reason: "the disk is full".to_owned() });
                }
                Verdict::After(bell) => bell.notified().await,
                Verdict::Poisoned => {
                    return Err(StoreError::Poisoned { reason: "a sync failed".to_owned() });
                }
            }
            store.commit(batch).await
        })
    }
}

/// Payloads in memory that cannot be finished while the disk is full. Clones share them.
#[derive(Clone, Default)]
pub struct FullDisk {
    payloads: MemoryPayloads,
    full: Arc<AtomicBool>,
    bad: Arc<Mutex<BTreeMap<Digest, Bad>>>,
}

/// How a payload cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bad {
    /// Its content has another digest, as its last block shows.
    Damaged,
    /// The disk fails (EIO).
    Io,
    /// It is there after so long.
    Late(Duration),
    /// It is not there.
    Missing,
    /// This process has too many files open (EMFILE).
    TooManyFiles,
}

impl FullDisk {
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    /// From now on this payload cannot be read, or can again.
    pub fn set_bad(&self, digest: Digest, bad: Option<Bad>) {
        let mut all = self.bad.lock().unwrap();
        match bad {
            Some(bad) => drop(all.insert(digest, bad)),
            None => drop(all.remove(&digest)),
        }
    }

    pub fn payloads(&self) -> usize {
        self.payloads.len()
    }

    pub fn set_space(&self, space: Space) {
        self.payloads.set_space(space);
    }
}

impl Payloads for FullDisk {
    fn create(&self) -> Box<dyn PayloadWriter> {
        Box::new(Writer { writer: self.payloads.create(), full: Arc::clone(&self.full) })
    }

    fn open(&self, digest: &Digest) -> PayloadFuture<'_, Box<dyn PayloadReader>> {
        let fail = |error: io::Error| -> PayloadFuture<'_, Box<dyn PayloadReader>> {
            Box::pin(std::future::ready(Err(error)))
        };
        let bad = self.bad.lock().unwrap().get(digest).copied();
        match bad {
            None => self.payloads.open(digest),
            Some(Bad::Damaged) => {
                let opening = self.payloads.open(digest);
                Box::pin(
                    async move { Ok(Box::new(Damaged(opening.await?)) as Box<dyn PayloadReader>) },
                )
            }
            Some(Bad::Late(pause)) => {
                let opening = self.payloads.open(digest);
                Box::pin(async move {
                    tokio::time::sleep(pause).await;
                    opening.await
                })
            }
            Some(Bad::Io) => fail(io::Error::from_raw_os_error(5)),
            Some(Bad::Missing) => fail(io::ErrorKind::NotFound.into()),
            Some(Bad::TooManyFiles) => fail(io::Error::from_raw_os_error(24)),
        }
    }

    fn hold(&self, digest: &Digest) -> PayloadFuture<'_, Option<PayloadHold>> {
        self.payloads.hold(digest)
    }

    fn claim(&self, digest: &Digest) -> Option<PayloadClaim> {
        self.payloads.claim(digest)
    }

    fn remove(&self, claim: PayloadClaim) -> PayloadFuture<'_, bool> {
        self.payloads.remove(claim)
    }

    fn list(&self, after: Option<Digest>, limit: usize) -> PayloadFuture<'_, Vec<ListedPayload>> {
        self.payloads.list(after, limit)
    }

    fn space(&self) -> PayloadFuture<'_, Space> {
        self.payloads.space()
    }
}

/// Reads to the last block, which is withheld.
struct Damaged(Box<dyn PayloadReader>);

impl PayloadReader for Damaged {
    fn next(&mut self) -> PayloadFuture<'_, Option<Bytes>> {
        Box::pin(async {
            let block = self.0.next().await?;
            let is_last = block.as_ref().is_none_or(|block| block.len() < 1 << 18);
            if is_last { Err(io::ErrorKind::InvalidData.into()) } else { Ok(block) }
        })
    }

    fn bytes(&self) -> u64 {
        self.0.bytes()
    }
}

struct Writer {
    writer: Box<dyn PayloadWriter>,
    full: Arc<AtomicBool>,
}

impl PayloadWriter for Writer {
    fn write(&mut self, bytes: Bytes) -> PayloadFuture<'_, ()> {
        self.writer.write(bytes)
    }

    fn finish(self: Box<Self>) -> PayloadFuture<'static, HeldPayload> {
        if self.full.load(Ordering::Relaxed) {
            return Box::pin(async { Err(io::ErrorKind::StorageFull.into()) });
        }
        self.writer.finish()
    }
}
