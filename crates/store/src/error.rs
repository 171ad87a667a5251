//! What can go wrong with durable state, and whose fault it is.

use std::path::PathBuf;

/// Why a read, a commit or an opening failed. Never carries patient data: records are named by their kind.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store was closed while the request waited. The batch may or may not have been written.
    #[error("store is closed")]
    Closed,
    /// Something in the batch no longer holds: read again, decide again, commit again. Nothing of the batch
    /// was written.
    #[error("conflict on {kind}: {reason}")]
    Conflict {
        /// The kind of record.
        kind: RecordKind,
        /// What was expected and what was found, without identifiers.
        reason: String,
    },
    /// A stored record cannot be read back.
    #[error("stored {kind} cannot be read: {reason}")]
    Damaged {
        /// The kind of record.
        kind: RecordKind,
        /// What the decoder said about its shape.
        reason: String,
    },
    /// The database engine refused. [`StoreError::is_retryable`] is true: only this request failed.
    #[error("database: {reason}")]
    Engine {
        /// What the engine said.
        reason: String,
    },
    /// A record that can have no key, such as a patient without an identifier. Trying again is no use.
    #[error("{kind} cannot be stored: {reason}")]
    Invalid {
        /// The kind of record.
        kind: RecordKind,
        /// What is missing.
        reason: String,
    },
    /// Another process, or another store of this process, owns the data directory.
    #[error("data directory {} is in use by another process", directory.display())]
    Locked {
        /// The directory.
        directory: PathBuf,
    },
    /// The schema could not be brought up to date; the snapshot taken before, if any, is beside the database.
    #[error("migration to schema version {version}: {reason}")]
    Migration {
        /// The version that could not be reached.
        version: u32,
        /// What failed.
        reason: String,
    },
    /// The data directory could not be prepared.
    #[error("data directory {}: {reason}", directory.display())]
    Open {
        /// The directory.
        directory: PathBuf,
        /// What the operating system or the engine said.
        reason: String,
    },
    /// An earlier write could not be made durable. Nothing is accepted any more, because a later success could
    /// not be told from a lie: close, look at the disk, open again.
    #[error("store is poisoned: {reason}")]
    Poisoned {
        /// The failure that poisoned it.
        reason: String,
    },
}

impl StoreError {
    /// Whether the same request, decided again on fresh reads, may succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Engine { .. } => true,
            Self::Closed
            | Self::Damaged { .. }
            | Self::Invalid { .. }
            | Self::Locked { .. }
            | Self::Migration { .. }
            | Self::Open { .. }
            | Self::Poisoned { .. } => false,
        }
    }

    /// Whether somebody else changed what the batch was decided on.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }

    pub(crate) fn conflict(kind: RecordKind, reason: impl Into<String>) -> Self {
        Self::Conflict { kind, reason: reason.into() }
    }

    pub(crate) fn invalid(kind: RecordKind, reason: impl Into<String>) -> Self {
        Self::Invalid { kind, reason: reason.into() }
    }
}

/// The kinds of record that a store keeps.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum RecordKind {
    /// [`BreakerRecord`](telerad_routing::BreakerRecord)
    Breaker,
    /// [`DeliveryRecord`](telerad_routing::DeliveryRecord)
    Delivery,
    /// [`InstanceRecord`](telerad_routing::InstanceRecord)
    Instance,
    /// [`JournalEntry`](crate::JournalEntry)
    Journal,
    /// [`MessageRecord`](crate::MessageRecord)
    Message,
    /// [`OrderRecord`](telerad_worklist::OrderRecord)
    Order,
    /// [`OutboundMessage`](crate::OutboundMessage)
    Outbound,
    /// [`ParkedItem`](crate::ParkedItem)
    Parked,
    /// [`PatientRecord`](telerad_worklist::PatientRecord)
    Patient,
    /// [`PerformedStep`](telerad_worklist::PerformedStep)
    PerformedStep,
    /// [`ReportRecord`](telerad_report::ReportRecord)
    Report,
    /// [`StickyMember`](telerad_routing::StickyMember)
    Sticky,
    /// [`StudyDecision`](telerad_routing::StudyDecision)
    Study,
}

impl std::fmt::Display for RecordKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Breaker => "breaker",
            Self::Delivery => "delivery",
            Self::Instance => "instance",
            Self::Journal => "journal entry",
            Self::Message => "message",
            Self::Order => "order",
            Self::Outbound => "outbound message",
            Self::Parked => "parked item",
            Self::Patient => "patient",
            Self::PerformedStep => "performed step",
            Self::Report => "report",
            Self::Sticky => "sticky member",
            Self::Study => "study decision",
        })
    }
}
