//! Durable state behind one conformance suite, and the payload spool.
//!
//! What the domain crates decide becomes durable here: a [`Batch`] of typed effects, all of it or nothing, by the one
//! write verb [`Store::commit`]; data sets of any length in [`Payloads`]. Two back ends behave alike:
//! [`memory::MemoryStore`] for tests and simulations, [`sqlite::SqliteStore`] for the one node that needs nothing
//! installed.
//!
//! This crate is *not* a place for decisions. It knows which writes exclude each other, and nothing about when
//! to send, what matches or who may see what beyond the site that keys every record.
//!
//! ```
//! use telerad_core::Timestamp;
//! use telerad_store::memory::MemoryStore;
//! use telerad_store::{Batch, Effect, Journal, JournalEntry, Store};
//!
//! # fn main() -> Result<(), telerad_store::StoreError> {
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store = MemoryStore::new();
//! let entry = JournalEntry {
//!     at: Timestamp::from_micros(0),
//!     site: None,
//!     subject: "1.2.3".to_owned(),
//!     event: "received".to_owned(),
//!     detail: String::new(),
//! };
//! let receipt = store.commit(Batch::new().with(Effect::Journal(entry.clone()))).await?;
//! assert_eq!(receipt.changed, 1);
//! assert_eq!(store.journal("1.2.3").await?, [entry]);
//! # Ok(()) })
//! # }
//! ```
//!
//! Limits: a group commit holds at most 64 batches; the queue of batches is bounded and makes callers wait; payloads are
//! written and read in blocks of 256 KiB. A failed sync poisons store or spool: nothing is acknowledged any more.
//!
//! Threads are named `telerad-store-…` and `telerad-spool-…`; no asynchronous runtime is needed.
#![expect(clippy::disallowed_methods, reason = "this crate owns files and back-end threads")]

pub mod memory;
pub mod payload;
pub mod sqlite;

mod access;
mod apply;
mod batch;
mod collect;
mod directory;
mod error;
mod fault;
mod index;
mod journey;
mod pool;
mod record;
mod subject;
mod watched;

pub use access::{
    Counts, Deliveries, DeliveryCount, Destinations, Instances, Journal, Journeys, Messages,
    Orders, Outbox, Parking, Patients, PerformedSteps, Reports, Store, StoreFuture,
};
pub use batch::{Batch, Effect, Expectation, Receipt};
pub use collect::{CollectError, Collected, Retention, collect};
pub use error::{RecordKind, StoreError};
pub use fault::{SyncFault, SyncPoint};
pub use journey::{DuplicateStudy, Duplicates, JourneyEntry, JourneyEvent, duplicates, journey};
pub use payload::{
    HeldPayload, ListedPayload, PayloadClaim, PayloadHold, PayloadReader, PayloadWriter, Payloads,
    Space, StoredPayload,
};
pub use record::{
    JournalEntry, MessageOutcome, MessageRecord, OutboundMessage, OutboundState, ParkedItem,
    ParkedKind, Unanswered,
};
pub use subject::{JourneyKey, JourneySubject};
pub use watched::{Watch, Watched};
