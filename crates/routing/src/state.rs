//! Where a delivery stands.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use telerad_core::Timestamp;
use telerad_dicom::PeerAnswer;

use crate::DestinationId;

/// How a delivery stands.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(remote = "Self")]
pub enum DeliveryState {
    /// To be sent. Every fault that is not the instance's own leads back here.
    Pending,
    /// A person holds it back; release leads back to `Pending`.
    Held {
        /// Who, by the name that the operators' side knows.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// The peer itself said that it has the instance.
    Sent {
        /// What it said. There is no other way to make one than from its response.
        answer: PeerAnswer,
        /// When its answer came.
        at: Timestamp,
        /// What the answer was to.
        #[serde(default)]
        evidence: SentEvidence,
    },
    /// The peer keeps refusing this very instance: a dead letter for a person.
    Failed {
        /// The DIMSE status of the last refusal; 0 when it was refused before a status could be given, for example
        /// because no presentation context was accepted for its SOP class.
        status: u16,
        /// The refusal in words.
        reason: String,
    },
    /// It is not to be sent. That is an end like `Sent`: counted, no fault, and complete without it.
    NotWanted {
        /// Why.
        reason: NotWantedReason,
    },
    /// Waits for a person.
    Parked {
        /// Why, without patient data.
        reason: String,
    },
}

/// Why a delivery is not to be sent.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum NotWantedReason {
    /// A person took it back before it was sent.
    Cancelled {
        /// Who, by the name that the operators' side knows.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// The destination does not take its SOP class.
    ClassNotTaken,
    /// Its whole study goes to another destination: the next member of a group, or where a person sent it.
    MovedTo {
        /// Where it goes.
        destination: DestinationId,
    },
}

impl std::fmt::Display for NotWantedReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cancelled { by, .. } => write!(f, "cancelled by {by}"),
            Self::ClassNotTaken => f.write_str("its SOP class is not taken"),
            Self::MovedTo { destination } => write!(f, "its study moved to {destination}"),
        }
    }
}

/// What the peer's word that it has an instance rests on.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
pub enum SentEvidence {
    /// The response to the C-STORE: success, or a warning with which it is stored too.
    #[default]
    StoreResponse,
    /// "Duplicate SOP Instance" (0111H) to a C-STORE, and what the peer holds was compared with what was sent.
    DuplicateCompared,
    /// "Duplicate SOP Instance" (0111H) to a C-STORE, which the site declared to mean the same content.
    DuplicateDeclared,
    /// The response to a C-FIND that listed it, after a C-STORE whose answer was lost.
    Query,
}

impl DeliveryState {
    /// The state's name in counts and tables.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Held { .. } => "held",
            Self::Sent { .. } => "sent",
            Self::Failed { .. } => "failed",
            Self::NotWanted { .. } => "not wanted",
            Self::Parked { .. } => "parked",
        }
    }

    /// Whether it has come to its end without a person: sent, or not wanted.
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Sent { .. } | Self::NotWanted { .. })
    }
}

impl Serialize for DeliveryState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for DeliveryState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StateVisitor)
    }
}

/// Reads what the derived code writes, and the word alone that stood for "not wanted" before it had reasons: then a
/// refused SOP class was the only one.
struct StateVisitor;

impl<'de> Visitor<'de> for StateVisitor {
    type Value = DeliveryState;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the state of a delivery")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Self::Value, E> {
        match word {
            "Pending" => Ok(DeliveryState::Pending),
            "NotWanted" => Ok(DeliveryState::NotWanted { reason: NotWantedReason::ClassNotTaken }),
            other => Err(E::unknown_variant(other, &["Pending", "NotWanted"])),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        DeliveryState::deserialize(MapAccessDeserializer::new(map))
    }
}
