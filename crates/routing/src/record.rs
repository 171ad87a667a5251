//! What is kept of instances, studies and deliveries.

use serde::{Deserialize, Serialize};
use telerad_core::{AeTitle, Priority, SiteId, Timestamp, Uid};
use telerad_dicom::{InstanceHead, PeerAnswer};

use crate::{DestinationId, Digest};

/// How a study stands to the orders of its site.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub enum StudyMark {
    /// An order-side and a patient-side identifier agree with this order.
    Matched {
        /// The order's key.
        order_key: String,
    },
    /// Its accession number or Study Instance UID names this order, but something else contradicts it.
    Mismatch {
        /// The order's key.
        order_key: String,
        /// What contradicts, by name and without values.
        why: String,
    },
    /// No order is known for it. It is routed and read all the same.
    Unmatched,
}

/// The kind of a [`StudyMark`], as rules name it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkKind {
    /// `matched`
    Matched,
    /// `mismatch`
    Mismatch,
    /// `unmatched`
    Unmatched,
}

impl StudyMark {
    /// The kind, without the order.
    pub fn kind(&self) -> MarkKind {
        match self {
            Self::Matched { .. } => MarkKind::Matched,
            Self::Mismatch { .. } => MarkKind::Mismatch,
            Self::Unmatched => MarkKind::Unmatched,
        }
    }
}

impl MarkKind {
    /// The word that rules and journals use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Mismatch => "mismatch",
            Self::Unmatched => "unmatched",
        }
    }
}

impl std::fmt::Debug for StudyMark {
    // An order key holds the accession number.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind().as_str())
    }
}

/// How an instance stands to what was already there under the same site and SOP Instance UID.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Relation {
    /// Nothing was there.
    First,
    /// The same bytes were there: a repeated transmission.
    Repeated,
    /// Other bytes of the same patient, study, series and pixels: kept, not delivered again.
    Variant,
    /// Another image, or another patient's, under a UID that must be unique: kept, not delivered, a person is told.
    UidConflict {
        /// Names of what differs from the first version, without values.
        differs: Vec<String>,
    },
}

/// One received version of an instance. Unique by site, SOP Instance UID and digest.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct InstanceRecord {
    /// The site that sent it.
    pub site: SiteId,
    /// (0008,0018), as the C-STORE request named it.
    pub sop_instance_uid: Uid,
    /// Digest of the data set, which also names the payload in the spool.
    pub digest: Digest,
    /// Length of the data set in bytes.
    pub bytes: u64,
    /// The syntax it came in and is kept in.
    pub transfer_syntax_uid: String,
    /// (0008,0016), as the C-STORE request named it.
    pub sop_class_uid: String,
    /// The application entity that sent it.
    pub source: AeTitle,
    /// When the last byte had come.
    pub received_at: Timestamp,
    /// The attributes that rules and matching read.
    pub head: InstanceHead,
    /// Offset of (7FE0,0010) in the data set, where it was found.
    pub pixel_data_offset: Option<u64>,
    /// How its study stood to the orders when it came.
    pub mark: StudyMark,
    /// How it stands to the versions before it.
    pub relation: Relation,
}

/// Where a study goes: decided once, with its first instance, for the whole study.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StudyDecision {
    /// The site whose study it is.
    pub site: SiteId,
    /// (0020,000D)
    pub study_instance_uid: String,
    /// [`crate::RuleSet::version`] of the rules that decided.
    pub rule_set_version: String,
    /// When.
    pub decided_at: Timestamp,
    /// Identifiers of the rules that matched, in their order.
    pub rules: Vec<String>,
    /// The union of their destinations, in their order; never empty.
    pub destinations: Vec<DestinationId>,
    /// How urgent its delivery is.
    pub priority: Priority,
    /// The revision it was read at; 0 = new.
    pub revision: u64,
}

/// What a delivery is identified by: one instance, one destination.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct DeliveryKey {
    /// The site whose instance it is.
    pub site: SiteId,
    /// (0008,0018)
    pub sop_instance_uid: Uid,
    /// Where it goes.
    pub destination: DestinationId,
}

/// One line of the ledger: an instance that is to reach a destination.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DeliveryRecord {
    /// Instance and destination.
    pub key: DeliveryKey,
    /// The version to send.
    pub digest: Digest,
    /// (0020,000D); empty when the instance names no study.
    pub study_instance_uid: String,
    /// For the presentation context.
    pub sop_class_uid: String,
    /// For the presentation context.
    pub transfer_syntax_uid: String,
    /// Length of the data set in bytes.
    pub bytes: u64,
    /// The application entity it came from.
    pub source: AeTitle,
    /// How its study stood to the orders when it was queued.
    pub mark: StudyMark,
    /// Its place in the queue, before age.
    pub priority: Priority,
    /// When it was decided; the queue is ordered by priority, then by this.
    pub queued_at: Timestamp,
    /// When it may be tried next.
    pub not_before: Timestamp,
    /// Faults of the instance itself. Outages are not counted.
    pub attempts: u32,
    /// How it stands.
    pub state: DeliveryState,
    /// The last fault in words, without patient data.
    pub last_fault: Option<String>,
}

/// How a delivery stands.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum DeliveryState {
    /// To be sent. Every fault that is not the instance's own leads back here.
    Pending,
    /// The peer itself said that it has the instance.
    Sent {
        /// What it said. There is no other way to make one than from its response.
        answer: PeerAnswer,
        /// When its answer came.
        at: Timestamp,
    },
    /// The peer keeps refusing this very instance: a dead letter for a person.
    Failed {
        /// The DIMSE status of the last refusal; 0 when it was refused before a status could be given, for example
        /// because no presentation context was accepted for its SOP class.
        status: u16,
        /// The refusal in words.
        reason: String,
    },
    /// The destination does not take its SOP class, or a person or a rule took it back before it was sent.
    NotWanted,
    /// Waits for a person.
    Parked {
        /// Why, without patient data.
        reason: String,
    },
}

impl DeliveryState {
    /// The state's name in counts and tables.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent { .. } => "sent",
            Self::Failed { .. } => "failed",
            Self::NotWanted => "not wanted",
            Self::Parked { .. } => "parked",
        }
    }
}
