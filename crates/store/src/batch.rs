//! The one write: a batch of effects, all of them or none.

use std::collections::BTreeMap;

use telerad_accession::SearchKey;
use telerad_core::{Priority, SiteId, Timestamp, Uid};
use telerad_report::ReportRecord;
use telerad_routing::{
    BreakerRecord, DeliveryKey, DeliveryRecord, Digest, InstanceRecord, StickyMember, StudyDecision,
};
use telerad_worklist::{OrderRecord, PatientRecord, PerformedStep};

use crate::{JournalEntry, MessageRecord, OutboundMessage, ParkedItem};

/// Effects that become durable together or not at all, in this order.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The effects.
    pub effects: Vec<Effect>,
}

impl Batch {
    /// A batch without effects.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same batch with one more effect at its end.
    #[must_use]
    pub fn with(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }
}

impl From<Vec<Effect>> for Batch {
    fn from(effects: Vec<Effect>) -> Self {
        Self { effects }
    }
}

impl FromIterator<Effect> for Batch {
    fn from_iter<I: IntoIterator<Item = Effect>>(effects: I) -> Self {
        Self { effects: effects.into_iter().collect() }
    }
}

/// One change, or one thing that must hold for the batch to be written.
///
/// Orders, patients, performed steps, reports and study decisions carry the `revision` they were read at, 0 for a new one; another
/// revision in the store is a conflict, and what is written has the next one.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "an effect is built once and lives in one batch's list"
)]
pub enum Effect {
    /// Keeps a message, or changes what became of it. Its bytes never change.
    Message(MessageRecord),
    /// Writes an order and replaces the keys it is found by.
    Order {
        /// The order.
        record: OrderRecord,
        /// All its keys.
        keys: Vec<SearchKey>,
    },
    /// Writes a patient under its primary identifier; it is found by each of its identifiers.
    Patient(PatientRecord),
    /// Writes a performed procedure step under its site and SOP Instance UID.
    PerformedStep(PerformedStep),
    /// Keeps an instance. One that is there already, by site, SOP Instance UID and digest, stays as it is.
    Instance {
        /// The instance.
        record: InstanceRecord,
        /// The keys by which a report may find its study.
        keys: Vec<SearchKey>,
    },
    /// Writes a study's decision.
    Study(StudyDecision),
    /// Writes a delivery by key and digest, in any state, except that one which was sent is changed only by a higher round.
    Delivery(DeliveryRecord),
    /// Writes how a destination's breaker stands.
    Breaker(BreakerRecord),
    /// Writes which member of a group a patient's studies go to.
    Sticky(StickyMember),
    /// Writes a report with all its versions.
    Report(ReportRecord),
    /// Parks an item, or describes it anew.
    Park(ParkedItem),
    /// Ends the wait of a parked item; a conflict when somebody else has ended it.
    Unpark {
        /// The item's id.
        id: String,
    },
    /// Queues a message, or writes how it fared. One that was answered is never changed, and its bytes never are.
    Outbound(OutboundMessage),
    /// Makes every pending message of a sequence, to any destination, at least as urgent.
    RaiseOutbound {
        /// The site.
        site: SiteId,
        /// The sequence: an order's key.
        sequence: String,
        /// The lane.
        priority: Priority,
    },
    /// Makes two sequences one: the pending messages of the first, to any destination, belong to the second from now on, where
    /// all of both keep the order in which they were queued. Whoever sends one of them may still think otherwise.
    JoinOutbound {
        /// The site.
        site: SiteId,
        /// The sequence that ends.
        sequence: String,
        /// The sequence that goes on.
        into: String,
    },
    /// Adds to the journal.
    Journal(JournalEntry),
    /// Writes nothing: the batch fails with a conflict unless this holds.
    Expect(Expectation),
}

/// What a batch was decided on and must still hold.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Expectation {
    /// How many deliveries of a study there are, of all versions and to all destinations.
    DeliveriesOfStudy {
        /// The site.
        site: SiteId,
        /// The study.
        study_instance_uid: String,
        /// How many.
        count: usize,
    },
    /// A delivery that still has to be sent.
    DeliveryPending(DeliveryKey),
    /// No record needs a payload any more: none names it, or each that does is of an instance that came in before its
    /// site's time here, and that was sent, or was not wanted, everywhere it was decided for. What came in for a site
    /// without a time is needed for good, and so is what nobody has decided about.
    PayloadUnneeded {
        /// The payload.
        digest: Digest,
        /// Before which time it must have come in.
        received_before: BTreeMap<SiteId, Timestamp>,
    },
    /// How many versions of an instance there are.
    Versions {
        /// The site.
        site: SiteId,
        /// The instance.
        sop_instance_uid: Uid,
        /// How many.
        count: usize,
    },
    /// The revision of a study's decision.
    StudyRevision {
        /// The site.
        site: SiteId,
        /// The study.
        study_instance_uid: String,
        /// The revision; 0 when there must be no decision yet.
        revision: u64,
    },
}

/// The store's word that a batch is durable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// How many effects changed something.
    pub changed: usize,
    /// How many said what was already stored, or only had to hold.
    pub unchanged: usize,
}
