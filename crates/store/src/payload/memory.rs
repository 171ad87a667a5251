//! Payloads in memory, for tests and simulations.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use telerad_core::Timestamp;
use telerad_routing::Digest;

use super::{
    BLOCK_BYTES_MAX, HeldPayload, ListedPayload, PayloadClaim, PayloadFuture, PayloadHold,
    PayloadHolds, PayloadReader, PayloadWriter, Payloads, Space, StoredPayload,
};

/// Payloads in memory: the same behaviour as the spool, gone with the process.
#[derive(Clone, Default)]
pub struct MemoryPayloads {
    contents: Arc<Mutex<BTreeMap<[u8; 32], Bytes>>>,
    space: Arc<Mutex<Option<Space>>>,
    holds: PayloadHolds,
}

impl MemoryPayloads {
    /// An empty place.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many payloads there are.
    pub fn len(&self) -> usize {
        self.contents().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.contents().is_empty()
    }

    /// Says from now on that there is so much room, whatever there is; it never fills before.
    pub fn set_space(&self, space: Space) {
        *self.space.lock().unwrap_or_else(PoisonError::into_inner) = Some(space);
    }

    fn contents(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], Bytes>> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for MemoryPayloads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryPayloads").field("len", &self.len()).finish()
    }
}

impl Payloads for MemoryPayloads {
    fn create(&self) -> Box<dyn PayloadWriter> {
        Box::new(Writer { payloads: self.clone(), content: BytesMut::new() })
    }

    fn open(&self, digest: &Digest) -> PayloadFuture<'_, Box<dyn PayloadReader>> {
        let found = self.contents().get(digest.as_bytes()).cloned();
        Box::pin(async move {
            let rest = found.ok_or(io::ErrorKind::NotFound)?;
            let bytes = rest.len() as u64;
            Ok(Box::new(Reader { rest, bytes }) as Box<dyn PayloadReader>)
        })
    }

    fn hold(&self, digest: &Digest) -> PayloadFuture<'_, Option<PayloadHold>> {
        let hold = self.holds.hold(digest);
        let is_there = self.contents().contains_key(digest.as_bytes());
        Box::pin(async move { Ok(is_there.then_some(hold)) })
    }

    fn claim(&self, digest: &Digest) -> Option<PayloadClaim> {
        self.holds.claim(digest)
    }

    fn remove(&self, claim: PayloadClaim) -> PayloadFuture<'_, bool> {
        let removed = claim.run(|digest| self.contents().remove(digest.as_bytes()).is_some());
        Box::pin(async move { Ok(removed.unwrap_or(false)) })
    }

    /// Without a clock, every payload is as old as can be.
    fn list(&self, after: Option<Digest>, limit: usize) -> PayloadFuture<'_, Vec<ListedPayload>> {
        let contents = self.contents();
        let following = contents
            .iter()
            .filter(|(digest, _)| after.is_none_or(|after| *digest > after.as_bytes()));
        let listed = following.take(limit).map(|(digest, content)| ListedPayload {
            digest: Digest::from_bytes(*digest),
            bytes: content.len() as u64,
            stored_at: Timestamp::from_micros(0),
        });
        let listed: Vec<_> = listed.collect();
        Box::pin(async move { Ok(listed) })
    }

    fn space(&self) -> PayloadFuture<'_, Space> {
        let said = *self.space.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(async move { Ok(said.unwrap_or(Space::UNLIMITED)) })
    }
}

struct Writer {
    payloads: MemoryPayloads,
    content: BytesMut,
}

impl PayloadWriter for Writer {
    fn write(&mut self, bytes: Bytes) -> PayloadFuture<'_, ()> {
        self.content.extend_from_slice(&bytes);
        Box::pin(async { Ok(()) })
    }

    fn finish(self: Box<Self>) -> PayloadFuture<'static, HeldPayload> {
        Box::pin(async move {
            let content = self.content.freeze();
            let digest = *blake3::hash(&content).as_bytes();
            let stored =
                StoredPayload { digest: Digest::from_bytes(digest), bytes: content.len() as u64 };
            let hold = self.payloads.holds.hold(&stored.digest);
            self.payloads.contents().entry(digest).or_insert(content);
            Ok(HeldPayload { stored, hold })
        })
    }
}

struct Reader {
    rest: Bytes,
    bytes: u64,
}

impl PayloadReader for Reader {
    fn next(&mut self) -> PayloadFuture<'_, Option<Bytes>> {
        let block = self.rest.split_to(self.rest.len().min(BLOCK_BYTES_MAX));
        Box::pin(async move { Ok((!block.is_empty()).then_some(block)) })
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}
