//! What a site declares about its ADT messages.

use serde::Deserialize;
use telerad_core::{PartialDateTime, PatientId};

/// How a site's patient administration messages are taken. The defaults change nothing that a person would have to undo.
///
/// In configurations a table: `adt = { merged_identifier = "follow", arrived_on = ["A10"] }`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct AdtPolicy {
    /// Whether the sender of a message has an ADT feed beside it; a sender's property, set for each message.
    #[serde(skip)]
    pub feed: AdtFeed,
    /// What becomes of a message that names an identifier that was merged into another.
    pub merged_identifier: MergedIdentifier,
    /// What becomes of a merge that is the inverse of an earlier one.
    pub inverse_merge: InverseMerge,
    /// The events upon which the steps of a visit, or of the day, are ARRIVED.
    pub arrived_on: Vec<ArrivalEvent>,
    /// Whether a discharge (A03) makes open steps of the visit DEPARTED; A13 takes it back.
    pub departed_on_discharge: bool,
}

/// Whether patients are registered by ADT messages where orders come from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum AdtFeed {
    /// There is none: what orders and their changes say of a patient is the newest there is.
    None,
    /// There is one: what orders say of a known patient is not used (IHE RAD TF-2, RAD-13).
    Present,
    /// Nobody has said so: new orders update a patient of whom no ADT message has spoken, and no other.
    #[default]
    Unstated,
}

/// What becomes of a message that names an identifier that was merged into another. No such message ever makes a new
/// patient of the identifier.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum MergedIdentifier {
    /// It is applied to the surviving patient, whose name and birth date it does not change. For sites that never give an
    /// identifier to another person.
    Follow,
    /// It changes nothing.
    Ignore,
    /// It waits for a person. The default: an order that came late is not lost, and one for a stranger who was given the
    /// number anew does not get to the surviving patient.
    #[default]
    Park,
    /// Its sender is told that the identifier is no longer in use (condition 204).
    Reject,
}

/// What becomes of a merge that is the inverse of an earlier one: A into B, and now B into A.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum InverseMerge {
    /// It waits for a person.
    Park,
    /// Its sender is told (condition 205). The default: one of the two merges is wrong, and nobody here knows which.
    #[default]
    Reject,
    /// The earlier merge is undone, and this one done.
    Reverse,
}

/// An event that can say that the patient is there.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub enum ArrivalEvent {
    /// A04, a patient registered.
    A04,
    /// A10, a patient arriving.
    A10,
}

/// What an ADT message about one patient says of a visit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum VisitEvent {
    /// A01, A05, A08, A28, A31: the patient only.
    Register,
    /// A04, A10
    Arrive(ArrivalEvent),
    /// A02, A06, A07, A12: the location.
    Locate,
    /// A03
    Discharge,
    /// A13
    CancelDischarge,
    /// A11, A38
    Cancel,
}

impl VisitEvent {
    /// The event of a trigger code of HL7 table 0003; `None` for all that are not of this kind.
    pub(crate) fn of(code: &str) -> Option<Self> {
        Some(match code {
            "A01" | "A05" | "A08" | "A28" | "A31" => Self::Register,
            "A04" => Self::Arrive(ArrivalEvent::A04),
            "A10" => Self::Arrive(ArrivalEvent::A10),
            "A02" | "A06" | "A07" | "A12" => Self::Locate,
            "A03" => Self::Discharge,
            "A13" => Self::CancelDischarge,
            "A11" | "A38" => Self::Cancel,
            _ => return None,
        })
    }
}

/// Whether two identifiers are one, as far as their authorities are named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Same {
    No,
    Yes,
    /// Equal values, and one of the authorities is unknown: it may be anybody's.
    Unclear,
}

pub(crate) fn same(one: &PatientId, other: &PatientId) -> Same {
    match (one.issuer(), other.issuer()) {
        _ if one.value() != other.value() => Same::No,
        (Some(one), Some(other)) if one == other || one.agrees_with(other) => Same::Yes,
        (Some(_), Some(_)) => Same::No,
        (None, None) => Same::Yes,
        _ => Same::Unclear,
    }
}

/// The day of a time, as `YYYYMMDD`, where it is known.
pub(crate) fn day(time: PartialDateTime) -> Option<String> {
    Some(time.date()).filter(|date| date.is_complete()).map(|date| date.to_string())
}
