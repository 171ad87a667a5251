//! The records that belong to no domain crate: messages kept, queued, parked, and the journal.

use serde::{Deserialize, Serialize};
use telerad_core::{AeTitle, PatientId, Priority, SiteId, Timestamp};

/// An HL7 message as it came in, with what became of it.
#[derive(Clone, Eq, PartialEq)]
pub struct MessageRecord {
    /// The gateway's own identifier.
    pub id: String,
    /// The site that the connection resolved to; `None` when it resolved to none.
    pub site: Option<SiteId>,
    /// When it was read.
    pub received_at: Timestamp,
    /// MSH-3 and MSH-4, joined by `|`.
    pub sender: String,
    /// MSH-10, message control ID.
    pub control_id: String,
    /// MSH-9, such as `ORM^O01`.
    pub kind: String,
    /// Exactly the bytes of the frame.
    pub raw: Vec<u8>,
    /// What became of it.
    pub outcome: MessageOutcome,
    /// What was derived, cut or translated on the way, without patient data.
    pub findings: Vec<String>,
}

impl std::fmt::Debug for MessageRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageRecord")
            .field("id", &self.id)
            .field("site", &self.site)
            .field("received_at", &self.received_at)
            .field("sender", &self.sender)
            .field("control_id", &self.control_id)
            .field("kind", &self.kind)
            .field("raw", &"<redacted>")
            .field("outcome", &self.outcome)
            .field("findings", &self.findings)
            .finish()
    }
}

/// What became of an inbound message: exactly one of four.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum MessageOutcome {
    /// It changed something.
    Applied,
    /// It said what was already known.
    NoChange,
    /// It waits for a person, with the reason.
    Parked(String),
    /// It was refused, with the reason that the sender was given.
    Rejected(String),
}

/// Something that waits for a person.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct ParkedItem {
    /// The gateway's own identifier.
    pub id: String,
    /// The site whose people decide.
    pub site: SiteId,
    /// What waits.
    pub kind: ParkedKind,
    /// Why it waits, in plain words without patient data.
    pub reason: String,
    /// What spoke for and against each candidate; may hold patient data.
    pub evidence: String,
    /// The message's id, or the SOP Instance UID.
    pub subject: String,
    /// Since when.
    pub parked_at: Timestamp,
}

impl std::fmt::Debug for ParkedItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParkedItem")
            .field("id", &self.id)
            .field("site", &self.site)
            .field("kind", &self.kind)
            .field("reason", &self.reason)
            .field("evidence", &"<redacted>")
            .field("subject", &self.subject)
            .field("parked_at", &self.parked_at)
            .finish()
    }
}

/// What a parked item is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[non_exhaustive]
pub enum ParkedKind {
    /// An image that no rule wants, whose identity is in doubt, or that a destination will not get.
    Instance,
    /// A message in that is no report, or one out that was set aside; the subject is its id.
    Message,
    /// A performed procedure step without a certain order, by its SOP Instance UID, or a study whose modality had selected the
    /// wrong entry of its worklist, by its Study Instance UID.
    PerformedStep,
    /// A report without a certain order.
    Report,
}

/// An HL7 message on its way out.
#[derive(Clone, Eq, PartialEq)]
pub struct OutboundMessage {
    /// The gateway's own identifier.
    pub id: String,
    /// The site it belongs to.
    pub site: SiteId,
    /// The receiver's name in the configuration.
    pub destination: String,
    /// Messages of one sequence (an order's key for its reports, [`OutboundMessage::of_patient`] for orders sent onward) go
    /// out in the order they were queued; sequences do not wait for each other.
    pub sequence: String,
    /// What it tells of: the key of an order or a report, a study's UID, [`OutboundMessage::of_patient`]. A later message
    /// about the same subject makes it superfluous.
    pub subject: String,
    /// MSH-10, by which the acknowledgement is recognised.
    pub control_id: String,
    /// Exactly the bytes to send, unframed.
    pub raw: Vec<u8>,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// Not to be tried before.
    pub not_before: Timestamp,
    /// Its lane. The most urgent pending message of a sequence takes all that are before it along. While it is pending it is
    /// never lowered, whoever writes it.
    pub priority: Priority,
    /// How often the receiver refused it.
    pub attempts: u32,
    /// How often it left and got no answer, outages apart; `None` when it never did.
    pub unanswered: Option<Unanswered>,
    /// How often a person asked for it to be sent once more.
    pub round: u32,
    /// Where it stands.
    pub state: OutboundState,
}

impl OutboundMessage {
    /// What messages about a patient of a site are kept in order by. No order's key and no UID looks like it.
    pub fn of_patient(id: &PatientId) -> String {
        let plain = |text: &str| text.replace('%', "%25").replace('|', "%7C");
        let issuer = id.issuer().map_or_else(String::new, |issuer| issuer.to_string());
        format!("patient:{}|{}", plain(&issuer), plain(id.value()))
    }
}

impl std::fmt::Debug for OutboundMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboundMessage")
            .field("id", &self.id)
            .field("site", &self.site)
            .field("destination", &self.destination)
            .field("sequence", &"<redacted>")
            .field("subject", &"<redacted>")
            .field("control_id", &self.control_id)
            .field("raw", &"<redacted>")
            .field("queued_at", &self.queued_at)
            .field("not_before", &self.not_before)
            .field("priority", &self.priority)
            .field("attempts", &self.attempts)
            .field("unanswered", &self.unanswered)
            .field("round", &self.round)
            .field("state", &self.state)
            .finish()
    }
}

/// Tries of a message that left and got no answer, kept so that a restart forgets none.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Unanswered {
    /// How many.
    pub tries: u32,
    /// When the last of them began: an answer to another message since then shows that the receiver is alive.
    pub last: Timestamp,
}

/// Where an outbound message stands.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum OutboundState {
    /// To be sent.
    Pending,
    /// The receiver accepted it.
    Answered {
        /// MSA-1.
        code: String,
        /// When the answer came.
        at: Timestamp,
    },
    /// A person has to look at it; the rest of its sequence goes on.
    SetAside {
        /// Why.
        reason: String,
    },
}

/// One line of what happened to a subject.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct JournalEntry {
    /// When.
    pub at: Timestamp,
    /// The site, where there is one.
    pub site: Option<SiteId>,
    /// What it is about: a UID, an order's key, a message's id.
    pub subject: String,
    /// What happened, as a short fixed word.
    pub event: String,
    /// More about it; may hold patient data.
    pub detail: String,
}

impl JournalEntry {
    /// The event of an instance whose bytes came again, and were acknowledged again. Its subject is the SOP Instance UID.
    pub const RECEIVED_AGAIN: &str = "received again";

    /// The event of an instance that was sent to a destination once more although it may have arrived, since no answer
    /// came the first time. Its subject is the SOP Instance UID.
    pub const SENT_AGAIN: &str = "sent again";

    /// The detail that names who sent an instance again, which [`duplicates`](crate::duplicates) reads.
    pub fn sent_by(source: &AeTitle) -> String {
        format!("{SENT_BY}{source}")
    }

    /// Who sent it, where the detail says so.
    pub(crate) fn source(&self) -> Option<AeTitle> {
        let rest = self.detail.strip_prefix(SENT_BY)?;
        AeTitle::new(rest.split(';').next()?).ok()
    }
}

const SENT_BY: &str = "sent by ";

impl std::fmt::Debug for JournalEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JournalEntry")
            .field("at", &self.at)
            .field("site", &self.site)
            .field("event", &self.event)
            .field("subject", &"<redacted>")
            .field("detail", &"<redacted>")
            .finish()
    }
}
