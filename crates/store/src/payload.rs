//! Payloads: the data sets themselves, stored once under the BLAKE3 digest of their bytes.
//!
//! A row that names a digest promises that the payload is durable, so [`PayloadWriter::finish`] comes first and the
//! batch second. A payload without a row is garbage, never the reverse.

mod directory;
mod hold;
mod memory;
mod space;

use std::future::Future;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use telerad_core::Timestamp;
use telerad_routing::Digest;

pub use directory::{DirectorySpool, SpoolOptions};
pub use hold::{PayloadClaim, PayloadHold, PayloadHolds};
pub use memory::MemoryPayloads;
pub use space::Space;

/// What every payload verb returns.
pub type PayloadFuture<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// A place for payloads.
pub trait Payloads: Send + Sync + 'static {
    /// Starts a payload of unknown length and digest. Costs nothing until bytes are written.
    fn create(&self) -> Box<dyn PayloadWriter>;

    /// Opens a payload for reading; [`io::ErrorKind::NotFound`] when there is none of that digest.
    fn open(&self, digest: &Digest) -> PayloadFuture<'_, Box<dyn PayloadReader>>;

    /// Holds a payload that is there, so that it is not removed; `None` when there is none. To be held by whoever writes
    /// a row that names it anew, until that row is durable.
    fn hold(&self, digest: &Digest) -> PayloadFuture<'_, Option<PayloadHold>>;

    /// Claims a payload for its removal; `None` while somebody holds it or removes it.
    fn claim(&self, digest: &Digest) -> Option<PayloadClaim>;

    /// Removes a claimed payload; `false` when there was none, or when somebody has held it since. A reader that is open
    /// goes on reading.
    ///
    /// The caller has found, after claiming it, that no record refers to it, by way of the writer of records
    /// ([`Expectation::PayloadUnneeded`](crate::Expectation::PayloadUnneeded)): a batch that was handed over before is then
    /// no longer under way.
    fn remove(&self, claim: PayloadClaim) -> PayloadFuture<'_, bool>;

    /// Payloads that follow `after`, in the order of their digests, at most so many.
    fn list(&self, after: Option<Digest>, limit: usize) -> PayloadFuture<'_, Vec<ListedPayload>>;

    /// How much room there is at the moment; [`io::ErrorKind::Unsupported`] where nobody can tell.
    fn space(&self) -> PayloadFuture<'_, Space>;
}

/// A payload on its way in. Dropping it discards what was written.
pub trait PayloadWriter: Send {
    /// Appends bytes. Resolves at once while the writer is ahead of the disk by less than one block, and waits
    /// otherwise: this is the back-pressure. An error may belong to bytes written earlier.
    ///
    /// # Cancel safety
    /// A dropped future may or may not have taken the bytes: discard the payload.
    fn write(&mut self, bytes: Bytes) -> PayloadFuture<'_, ()>;

    /// Resolves when the payload is durable under its digest: synced, published, its directory synced. It is held from
    /// before it was published until the answer's hold is dropped.
    ///
    /// # Cancel safety
    /// A dropped future leaves the payload either stored or discarded.
    fn finish(self: Box<Self>) -> PayloadFuture<'static, HeldPayload>;
}

/// A payload on its way out, in blocks of at most [`BLOCK_BYTES_MAX`].
pub trait PayloadReader: Send {
    /// The next block; `None` after the last. The last block is handed out only after the whole content has been
    /// found to have its digest ([`io::ErrorKind::InvalidData`] otherwise), so that damage on disk is never
    /// mistaken for a complete payload.
    fn next(&mut self) -> PayloadFuture<'_, Option<Bytes>>;

    /// The length of the payload.
    fn bytes(&self) -> u64;
}

/// What a finished payload is known by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StoredPayload {
    /// BLAKE3 of the bytes.
    pub digest: Digest,
    /// How many bytes.
    pub bytes: u64,
}

/// A finished payload that nobody removes.
#[derive(Clone, Debug)]
pub struct HeldPayload {
    /// What it is known by.
    pub stored: StoredPayload,
    /// To be kept until a row that names the payload is durable; without a row it is garbage.
    pub hold: PayloadHold,
}

/// A payload as a listing tells of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ListedPayload {
    /// BLAKE3 of the bytes.
    pub digest: Digest,
    /// How many bytes.
    pub bytes: u64,
    /// When it was stored, or last stored again.
    pub stored_at: Timestamp,
}

/// The most bytes that a reader hands out at once, and about what a writer holds back before it goes to the disk.
pub const BLOCK_BYTES_MAX: usize = 256 * 1024;
