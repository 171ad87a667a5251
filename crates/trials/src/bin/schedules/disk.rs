//! State and payloads in memory that take their time, fail as the plan says, and let the world see what became durable.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use telerad::routing::{DeliveryKey, DeliveryState, Digest};
use telerad::store::memory::MemoryStore;
use telerad::store::payload::{MemoryPayloads, PayloadFuture, Space};
use telerad::store::{
    Batch, Effect, HeldPayload, ListedPayload, PayloadClaim, PayloadHold, PayloadReader,
    PayloadWriter, Payloads, Receipt, Store, StoreError, StoreFuture, Watch, Watched,
};

use crate::plan::DiskFault;
use crate::world::{Seen, World};

/// The store, as one life of the gateway sees it.
pub type SlowStore = Watched<MemoryStore, Slow>;

/// Reads and commits take their time; some commits fail.
#[derive(Clone)]
pub struct Slow(pub Arc<World>);

/// The payloads, as one life of the gateway sees them.
#[derive(Clone)]
pub struct SlowPayloads {
    pub payloads: MemoryPayloads,
    pub world: Arc<World>,
}

impl Slow {
    async fn write(&self, store: &dyn Store, batch: Batch) -> Result<Receipt, StoreError> {
        let world = &self.0;
        world.executor.dawdle().await;
        let poison = world.log().poison.clone();
        if let Some(reason) = poison {
            world.note_lost(&batch);
            return Err(StoreError::Poisoned { reason });
        }
        if world.disk_fails(DiskFault::CommitFails) {
            world.reach("commit fails");
            world.note_lost(&batch);
            return Err(StoreError::Engine { reason: "the disk is full".to_owned() });
        }
        let uncertain = world.disk_fails(DiskFault::CommitUncertain);
        let (seen, lost) = (Seen::of(&batch), batch.clone());
        let committed = match uncertain && world.executor.dice().once_in(2) {
            true => Err(StoreError::Closed),
            false => store.commit(batch).await,
        };
        if committed.is_ok() {
            world.note_seen(seen);
        }
        if uncertain {
            world.reach("commit uncertain");
            world.note_lost(&lost);
            let reason = "a sync failed".to_owned();
            let now = world.micros();
            let mut log = world.log();
            (log.poison, log.poisoned_at) = (Some(reason.clone()), now);
            drop(log);
            return Err(StoreError::Poisoned { reason });
        }
        world.executor.dawdle().await;
        committed
    }
}

impl Watch for Slow {
    /// Reads take their time before and after the moment whose truth they tell.
    fn read<'a, T: Send + 'a>(&'a self, read: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        Box::pin(async move {
            self.0.executor.dawdle().await;
            let answer = read.await;
            self.0.executor.dawdle().await;
            answer
        })
    }

    fn commit<'a>(&'a self, store: &'a dyn Store, batch: Batch) -> StoreFuture<'a, Receipt> {
        Box::pin(self.write(store, batch))
    }
}

impl Payloads for SlowPayloads {
    fn create(&self) -> Box<dyn PayloadWriter> {
        Box::new(Writer { writer: self.payloads.create(), world: Arc::clone(&self.world) })
    }

    fn open(&self, digest: &Digest) -> PayloadFuture<'_, Box<dyn PayloadReader>> {
        let digest = *digest;
        Box::pin(async move {
            self.world.executor.dawdle().await;
            if self.world.disk_fails(DiskFault::Unreadable) {
                self.world.reach("payload unreadable");
                return Err(io::ErrorKind::Other.into());
            }
            self.payloads.open(&digest).await
        })
    }

    fn hold(&self, digest: &Digest) -> PayloadFuture<'_, Option<PayloadHold>> {
        self.payloads.hold(digest)
    }

    fn claim(&self, digest: &Digest) -> Option<PayloadClaim> {
        self.payloads.claim(digest)
    }

    fn remove(&self, claim: PayloadClaim) -> PayloadFuture<'_, bool> {
        self.world.reach("payload removed");
        self.payloads.remove(claim)
    }

    fn list(&self, after: Option<Digest>, limit: usize) -> PayloadFuture<'_, Vec<ListedPayload>> {
        self.payloads.list(after, limit)
    }

    fn space(&self) -> PayloadFuture<'_, Space> {
        let bytes_free = self.world.bytes_free();
        let space = Space { bytes_free, bytes_total: 1000, inodes_free: 1, inodes_total: 1 };
        Box::pin(async move { Ok(space) })
    }
}

struct Writer {
    writer: Box<dyn PayloadWriter>,
    world: Arc<World>,
}

impl PayloadWriter for Writer {
    fn write(&mut self, bytes: Bytes) -> PayloadFuture<'_, ()> {
        self.writer.write(bytes)
    }

    fn finish(self: Box<Self>) -> PayloadFuture<'static, HeldPayload> {
        Box::pin(async move {
            self.world.executor.dawdle().await;
            if self.world.disk_fails(DiskFault::PayloadFails) {
                self.world.reach("payload fails");
                return Err(io::ErrorKind::StorageFull.into());
            }
            let held = self.writer.finish().await;
            self.world.executor.dawdle().await;
            held
        })
    }
}

/// The keys of deliveries that a batch says were sent.
pub fn sent_in(batch: &Batch) -> Vec<DeliveryKey> {
    let sent = batch.effects.iter().filter_map(|effect| match effect {
        Effect::Delivery(it) if matches!(it.state, DeliveryState::Sent { .. }) => Some(&it.key),
        _ => None,
    });
    sent.cloned().collect()
}
