//! What is kept of instances, studies and deliveries.

use serde::{Deserialize, Serialize};
use telerad_core::{AeTitle, Priority, SiteId, Timestamp, Uid};
use telerad_dicom::InstanceHead;

use crate::{DeliveryState, DestinationId, Digest, GroupChoice, GroupId, SourcePair};

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
    /// A person holds it back: instances that come later start [`DeliveryState::Held`].
    #[serde(default)]
    pub held: Option<Hold>,
    /// Destinations that a person took back: instances that come later are not sent there.
    #[serde(default)]
    pub cancelled: Vec<Cancellation>,
    /// The destinations that were chosen from groups; each is among `destinations`.
    #[serde(default)]
    pub groups: Vec<GroupChoice>,
    /// Sources that both send it, each pair told once.
    #[serde(default)]
    pub sent_twice: Vec<SourcePair>,
    /// Versions whose pixels could not be compared, by the sources that sent them; each pair told once.
    #[serde(default)]
    pub not_compared: Vec<NotCompared>,
    /// How it stands to the orders of its site, as was told last; `None` in what was written before that was kept.
    #[serde(default)]
    pub mark: Option<StudyMark>,
    /// The revision it was read at; 0 = new.
    pub revision: u64,
}

/// Two sources of a study whose versions of an instance may be one image or not: nothing tells.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "StoredNotCompared")]
pub struct NotCompared {
    /// Which sources.
    pub sources: SourcePair,
    /// How many versions are in doubt.
    pub instances: u32,
    /// The parked item that tells a person of all of them; empty when each was parked by itself.
    pub parked: String,
    /// Since when it is parked.
    pub since: Timestamp,
}

/// Before they were counted, only the pair was kept.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredNotCompared {
    Counted { sources: SourcePair, instances: u32, parked: String, since: Timestamp },
    Pair(SourcePair),
}

impl From<StoredNotCompared> for NotCompared {
    fn from(stored: StoredNotCompared) -> Self {
        match stored {
            StoredNotCompared::Counted { sources, instances, parked, since } => {
                Self { sources, instances, parked, since }
            }
            StoredNotCompared::Pair(sources) => Self {
                sources,
                instances: 0,
                parked: String::new(),
                since: Timestamp::from_micros(0),
            },
        }
    }
}

/// A person's word that a study is not to be sent for now.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Hold {
    /// Who, by the name that the operators' side knows.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A person's word that a study is not to be sent to a destination any more.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Cancellation {
    /// Where it is not to be sent.
    pub destination: DestinationId,
    /// Who, by the name that the operators' side knows.
    pub by: String,
    /// When.
    pub at: Timestamp,
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
    /// The group that its destination was chosen from: the study moves to another member when this one fails.
    #[serde(default)]
    pub group: Option<GroupId>,
    /// How often a person asked for it to be sent again. Only a higher round replaces a delivery that was sent.
    #[serde(default)]
    pub round: u32,
    /// Since when it is unknown whether the peer has it: it was sent, or may have been, and no answer came.
    #[serde(default)]
    pub unknown_since: Option<Timestamp>,
}
