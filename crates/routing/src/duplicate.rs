//! A peer that already holds the instance, and an answer that was lost.

use serde::{Deserialize, Serialize};

use crate::{DeliveryRecord, InstanceRecord, Relation, relate};

/// What "Duplicate SOP Instance" (0111H, PS3.7 section C.5.6) from a destination is taken for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DuplicatePolicy {
    /// A person looks at it.
    #[default]
    Ask,
    /// What the peer holds is fetched and compared; a person looks at it when that cannot be done.
    Compare,
    /// The site knows that the destination holds nothing else under the UID.
    Same,
}

/// What is known of what a peer holds under the UID of an instance.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HeldContent {
    /// It was compared, and is the same image of the same patient.
    Same,
    /// By [`DuplicatePolicy::Same`].
    Declared,
    /// It was compared, and is something else.
    Differs {
        /// Names of what differs, without values.
        what: Vec<String>,
    },
    /// The association on which it was asked for failed, or the peer had no room to answer: it may be had another time.
    NotFetched {
        /// What failed, in words without patient data.
        why: String,
    },
    /// It was not compared, and another try would end in the same way.
    NotCompared {
        /// Why not, in words without patient data; may be empty.
        why: String,
    },
}

/// What is to be done with an answer of 0111H.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DuplicateStep {
    /// Fetch what the peer holds (C-GET, or C-MOVE to ourselves) and compare it by [`held_content`].
    Compare,
    /// Settle with this.
    Settle(HeldContent),
}

/// Whether a delivery whose last answer was lost is looked for before it is sent again.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ResendPolicy {
    /// Sent again at once: receivers know an instance by its UID, and storing twice is storing once.
    #[default]
    Repeat,
    /// Asked for by C-FIND at the IMAGE level first, for peers that keep two of them or for lines on which a large
    /// instance is dear. A peer that does not answer the query gets it again.
    Verify,
}

/// What a delivery needs next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NextStep {
    /// Send it.
    Send,
    /// Ask the peer for it by C-FIND; settle with [`crate::DeliveryOutcome::Found`] or
    /// [`crate::DeliveryOutcome::NotFound`], and send it when the peer cannot be asked.
    Verify,
}

impl HeldContent {
    /// Whether the instance counts as delivered.
    pub fn is_same(&self) -> bool {
        matches!(self, Self::Declared | Self::Same)
    }
}

impl std::fmt::Display for HeldContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the peer says it already holds this SOP instance UID (0111H)")?;
        match self {
            Self::Declared | Self::Same => f.write_str(", and it is the same"),
            Self::Differs { what } => write!(f, ", and it is another: {}", what.join(", ")),
            Self::NotCompared { why } if why.is_empty() => Ok(()),
            Self::NotCompared { why } => write!(f, ", which could not be compared: {why}"),
            Self::NotFetched { why } => write!(f, ", which could not be fetched: {why}"),
        }
    }
}

impl DuplicatePolicy {
    /// What to do with an answer of 0111H.
    pub fn step(self) -> DuplicateStep {
        match self {
            Self::Ask => DuplicateStep::Settle(HeldContent::NotCompared { why: String::new() }),
            Self::Compare => DuplicateStep::Compare,
            Self::Same => DuplicateStep::Settle(HeldContent::Declared),
        }
    }
}

/// Compares what was sent with what the peer holds, as two versions of one UID are compared at intake: the same bytes,
/// or the same identity and pixels. What cannot be told (`same_pixels` of `None`) is never taken for equal.
pub fn held_content(
    sent: &InstanceRecord,
    held: &InstanceRecord,
    same_pixels: Option<bool>,
) -> HeldContent {
    // A conflict at intake says how the sent version stood to others then, not to this one.
    let sent = InstanceRecord { relation: Relation::First, ..sent.clone() };
    match relate(held, &[sent], |_| same_pixels) {
        Relation::Repeated | Relation::Variant => HeldContent::Same,
        Relation::UidConflict { differs } if same_pixels.is_none() && differs.len() == 1 => {
            HeldContent::NotCompared { why: "its pixels could not be compared".to_owned() }
        }
        Relation::UidConflict { differs } => HeldContent::Differs { what: differs },
        Relation::First => HeldContent::NotCompared { why: String::new() },
    }
}

/// What a delivery that is due needs.
pub fn next_step(delivery: &DeliveryRecord, policy: ResendPolicy) -> NextStep {
    match (delivery.unknown_since, policy) {
        (Some(_), ResendPolicy::Verify) => NextStep::Verify,
        (None, _) | (_, ResendPolicy::Repeat) => NextStep::Send,
    }
}
