//! What happened, for embedders.

use telerad_core::{AeTitle, SiteId, Timestamp, Uid};
use telerad_routing::{DestinationId, SourcePair};
use telerad_store::ParkedKind;

/// Something a gateway did or met. Events carry identifiers of messages and instances, never of people; what is
/// durable stands in the store, so a listener that lags loses no fact.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An instance that no rule had wanted goes out after all: the rules are others now, or its order has come.
    DecidedAgain {
        /// The site it belongs to.
        site: SiteId,
        /// Which instance.
        sop_instance_uid: Uid,
    },
    /// A person says that a destination takes SOP classes that it did not take: it is asked again.
    ClassesAskedAgain {
        /// Which destination.
        destination: DestinationId,
        /// The classes it had not taken.
        sop_class_uids: Vec<String>,
        /// Who, by the name that the operators' side knows.
        by: String,
    },
    /// A person has decided about a study, an instance or a message, or an order about its study; the journal has the
    /// reason.
    Decided {
        /// The site it belongs to.
        site: SiteId,
        /// (0020,000D) of a study, a SOP Instance UID, or MSH-10 of a message.
        subject: String,
        /// What is done.
        operation: Operation,
        /// Who, by the name that the operators' side knows; `order` for an order.
        by: String,
    },
    /// A destination cannot be reached; its queue waits and nothing is given up.
    DestinationDown {
        /// Which one.
        destination: DestinationId,
        /// Since when.
        since: Timestamp,
        /// In plain words.
        cause: String,
    },
    /// A destination answers again.
    DestinationUp {
        /// Which one.
        destination: DestinationId,
    },
    /// A destination will not get an instance without a person: it refused it for good, does not take its transfer syntax,
    /// or says that it has the SOP Instance UID already.
    InstanceFailed {
        /// Which destination.
        destination: DestinationId,
        /// Which instance.
        sop_instance_uid: Uid,
        /// In plain words.
        cause: String,
    },
    /// A destination does not take instances of this SOP class; nothing more is tried.
    InstanceNotWanted {
        /// Which destination.
        destination: DestinationId,
        /// Which instance.
        sop_instance_uid: Uid,
        /// In plain words.
        cause: String,
    },
    /// A destination answered that it has an instance.
    InstanceDelivered {
        /// Which destination.
        destination: DestinationId,
        /// Which instance.
        sop_instance_uid: Uid,
    },
    /// Bytes of a patient's name or birth date contradict the character set of a message that was taken all the same,
    /// because its identifiers are not in doubt: a person should look, and the sender mend its label.
    IdentityTextDoubted {
        /// The site it belongs to.
        site: SiteId,
        /// Its MSH-10.
        control_id: String,
        /// The field, as `PID-5` or, for reports, in the form of ERR-2: `PID^1^5`.
        location: String,
    },
    /// An instance is durable and acknowledged.
    InstanceReceived {
        /// The site it belongs to.
        site: SiteId,
        /// Who sent it.
        source: AeTitle,
        /// Which instance.
        sop_instance_uid: Uid,
        /// `matched`, `unmatched` or `mismatch`.
        mark: &'static str,
    },
    /// An instance was not taken because the disk fills up; its sender was told to come again.
    InstanceShed {
        /// Who sent it.
        source: AeTitle,
        /// Which instance.
        sop_instance_uid: Uid,
        /// In plain words.
        cause: String,
    },
    /// No rule names a destination for an instance; it is kept and a person has to look.
    NoRule {
        /// The site it belongs to.
        site: SiteId,
        /// Which instance.
        sop_instance_uid: Uid,
    },
    /// A known patient identifier came with another name and birth date at once: another patient may have been given it. The
    /// message waits for a person, and nothing of the patient has changed.
    PossibleOverlay {
        /// The site it belongs to.
        site: SiteId,
        /// MSH-10 of the message.
        control_id: String,
    },
    /// An order or patient message was applied or found to change nothing.
    MessageApplied {
        /// The site it belongs to.
        site: SiteId,
        /// Its MSH-10.
        control_id: String,
    },
    /// A message waits for a person.
    MessageParked {
        /// The site it belongs to.
        site: SiteId,
        /// Its MSH-10.
        control_id: String,
        /// Why.
        reason: String,
    },
    /// A message was refused, and its sender told why.
    MessageRejected {
        /// Its MSH-10, empty when it has none.
        control_id: String,
        /// Why.
        reason: String,
    },
    /// A message that the gateway sent was answered with an acceptance.
    MessageDelivered {
        /// Its receiver, by the name the configuration gives it.
        receiver: String,
        /// Its MSH-10.
        control_id: String,
    },
    /// A person has a message sent once more that was set aside.
    MessageRequeued {
        /// Its receiver, by the name the configuration gives it.
        receiver: String,
        /// Its MSH-10.
        control_id: String,
    },
    /// A message that the gateway sent was refused, or never answered; a person has to look.
    MessageSetAside {
        /// Its receiver, by the name the configuration gives it.
        receiver: String,
        /// Its MSH-10.
        control_id: String,
        /// In plain words.
        cause: String,
    },
    /// A modality has begun or ended a performed procedure step.
    PerformedStep {
        /// The site it belongs to.
        site: SiteId,
        /// Which one.
        sop_instance_uid: Uid,
        /// (0040,0252)
        status: &'static str,
    },
    /// It is not certain which order a performed procedure step belongs to: no step was moved, and a person has to look.
    PerformedStepParked {
        /// The site it belongs to.
        site: SiteId,
        /// Which one.
        sop_instance_uid: Uid,
        /// Why.
        reason: String,
    },
    /// What a modality said of a performed procedure step was refused, and the modality told why.
    PerformedStepRefused {
        /// The site it belongs to.
        site: SiteId,
        /// Which one.
        sop_instance_uid: Uid,
        /// Which modality.
        calling: AeTitle,
        /// (0000,0900)
        status: u16,
        /// Why.
        reason: &'static str,
    },
    /// What is performed is not what was scheduled, or was not to be done any more. Both are kept.
    PerformedOtherwise {
        /// The site it belongs to.
        site: SiteId,
        /// Which performed procedure step.
        sop_instance_uid: Uid,
        /// What differs, by place and rule.
        finding: String,
    },
    /// Whether two versions of an instance have the same pixels is not known, and nothing else speaks against it; they are
    /// treated as different: the second is kept, parked and not delivered. Told once for each study and pair of sources.
    PixelsNotCompared {
        /// The site it belongs to.
        site: SiteId,
        /// Which instance was the first of its study.
        sop_instance_uid: Uid,
        /// (0020,000D)
        study_instance_uid: String,
        /// Who sends them.
        sources: SourcePair,
        /// In plain words.
        cause: String,
    },
    /// Payloads that nobody needs any more were removed: their instances have reached every destination and their site's
    /// time for keeping is over, or nothing refers to them.
    PayloadsRemoved {
        /// How many.
        count: usize,
        /// How much room they took.
        bytes: u64,
    },
    /// A queue of an earlier run has no destination or receiver in this configuration: what is in it is not sent.
    QueueStranded {
        /// Its name.
        queue: String,
    },
    /// A receiver of messages cannot be reached, or answers none; its queue waits and nothing is given up.
    ReceiverDown {
        /// Which one, by the name the configuration gives it.
        receiver: String,
        /// Since when.
        since: Timestamp,
        /// In plain words.
        cause: String,
    },
    /// A receiver of messages answers again.
    ReceiverUp {
        /// Which one, by the name the configuration gives it.
        receiver: String,
    },
    /// There is no room: below the hard watermark associations for storage are rejected, and C-STOREs refused.
    SpoolFull {
        /// In plain words.
        cause: String,
    },
    /// Room is short: below the soft watermark sources of low priority have to wait.
    SpoolLow {
        /// In plain words.
        cause: String,
    },
    /// There is room for every source again.
    SpoolRecovered {
        /// In plain words.
        cause: String,
    },
    /// An order came without what a worklist entry must have, or with an accession number that DICOM cannot carry. It is on
    /// the worklist with what the site declared instead: a person should look.
    OrderIncomplete {
        /// The site it belongs to.
        site: SiteId,
        /// MSH-10 of its message.
        control_id: String,
        /// What was missing and what stands in for it, each with its field.
        findings: Vec<String>,
    },
    /// A report was filed under its order.
    ReportFiled {
        /// The site it belongs to.
        site: SiteId,
        /// MSH-10 of the message that brought it.
        control_id: String,
    },
    /// A window of a destination names STAT: urgent studies will wait outside of it. Told when the gateway starts.
    StatMayWait {
        /// Which destination.
        destination: DestinationId,
    },
    /// Urgent studies wait until a window of their destination opens; told once for each time it is shut.
    StatWaits {
        /// Which destination.
        destination: DestinationId,
        /// When it opens.
        until: Timestamp,
    },
    /// A study stands otherwise to the orders of its site than before: its order has come or was corrected, or something
    /// contradicts it. It goes out to reading all the same; while it is a `mismatch` for another patient or the wrong side,
    /// no report is filed under the order.
    StudyMarked {
        /// The site it belongs to.
        site: SiteId,
        /// (0020,000D)
        study_instance_uid: String,
        /// `matched`, `unmatched` or `mismatch`; `None` where nothing was told before.
        before: Option<&'static str>,
        /// `matched`, `unmatched` or `mismatch`.
        mark: &'static str,
        /// What contradicts, by name and without values; empty where nothing does.
        why: String,
    },
    /// Two sources send the same study; each instance is kept as both sent it, and delivered once. Told once for each study
    /// and pair of sources, which are the same where one source sends a study in two versions.
    StudySentTwice {
        /// The site it belongs to.
        site: SiteId,
        /// Which study.
        study_instance_uid: String,
        /// Who sends it.
        sources: SourcePair,
    },
    /// A destination has been down for long, and a study that was for it goes to another one of its group: all of it, also
    /// what had been sent.
    StudyMoved {
        /// The site it belongs to.
        site: SiteId,
        /// (0020,000D)
        study_instance_uid: String,
        /// The destination that is down.
        from: DestinationId,
        /// Where it goes now.
        to: DestinationId,
    },
    /// It was parked before this start, and waits for a person still. Whatever parked it may not have been told: a crash can
    /// come between the record and the word.
    StillParked {
        /// The site whose people decide.
        site: SiteId,
        /// What waits.
        kind: ParkedKind,
        /// As in the parked item: the message's id, the SOP Instance UID or the Study Instance UID.
        subject: String,
        /// Why it waits, in plain words.
        reason: String,
    },
    /// A destination works again, and a study that was queued for it waits for a person: it was reported or cancelled
    /// meanwhile.
    StudyWaits {
        /// The site it belongs to.
        site: SiteId,
        /// (0020,000D)
        study_instance_uid: String,
        /// Where it is not sent by itself.
        destination: DestinationId,
        /// How many of its instances wait.
        instances: usize,
        /// In plain words.
        cause: &'static str,
    },
    /// The same SOP Instance UID came with other content; both are kept and a person has to look. Where it is only that the
    /// pixels could not be compared, `PixelsNotCompared` tells it for the whole study instead.
    UidConflict {
        /// The site it belongs to.
        site: SiteId,
        /// Which instance.
        sop_instance_uid: Uid,
        /// What differs, by name.
        differs: Vec<String>,
    },
    /// A destination has another image, or another patient's, under the UID of an instance that is for it. It is not sent
    /// by itself.
    UidConflictAtDestination {
        /// The site it belongs to.
        site: SiteId,
        /// Which destination.
        destination: DestinationId,
        /// Which instance.
        sop_instance_uid: Uid,
        /// What differs, by name.
        differs: Vec<String>,
    },
    /// A modality's staff had selected the wrong entry of the worklist (DCM 110514): the scheduled steps are as they were,
    /// and images of these studies carry data of another order.
    WrongEntrySelected {
        /// The site it belongs to.
        site: SiteId,
        /// Which performed procedure step.
        sop_instance_uid: Uid,
        /// (0020,000D) of each study that it names.
        study_instance_uids: Vec<Uid>,
    },
    /// More steps match a worklist query than are answered: those that start last are missing there.
    WorklistCut {
        /// Whose worklist.
        site: SiteId,
        /// Who asked.
        calling: AeTitle,
        /// How many were answered.
        answers: usize,
        /// How many match.
        matches: usize,
    },
    /// Steps of an order have come to their end by something else than an order message.
    StepsEnded {
        /// The site it belongs to.
        site: SiteId,
        /// (0020,000D) of the order.
        study_instance_uid: Uid,
        /// By what.
        by: telerad_worklist::StepEvent,
    },
}

/// What is done with a study, an instance or a message by decision of a person.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// Taken for the same patient's, although name and birth date are others.
    AcceptOverlay,
    /// Not to be sent any more.
    Cancel,
    /// Looked at by a person, and to stay as it is.
    Close,
    /// Not to be sent for now.
    Hold,
    /// To be sent before others.
    Raise,
    /// Another patient's, and not to be applied.
    RefuseOverlay,
    /// To be sent after all.
    Release,
    /// To be applied once more: a message that is kept.
    Replay,
    /// To be tried once more after it failed, was parked or set aside.
    Requeue,
    /// To be sent somewhere else.
    Reroute,
    /// To be sent again.
    Resend,
    /// A merge of two patients is taken back.
    Unmerge,
}

impl Operation {
    /// The word that the journal uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AcceptOverlay => "overlay accepted",
            Self::RefuseOverlay => "overlay refused",
            Self::Unmerge => "merge undone",
            Self::Cancel => "cancelled",
            Self::Close => "closed",
            Self::Hold => "held",
            Self::Raise => "raised",
            Self::Release => "released",
            Self::Replay => "replayed",
            Self::Requeue => "requeued",
            Self::Reroute => "re-routed",
            Self::Resend => "resent",
        }
    }
}
