//! What is claimed, and what it is compared with.

use serde::{Deserialize, Serialize};
use telerad_core::{AccessionNumber, EntityIdentifier, Order, Patient, PatientId, Uid};

use crate::AccessionPolicy;

/// What a report or an image says about the order it belongs to and about its patient.
///
/// `Debug` prints no values.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Claim {
    /// (0020,000D), or what ZDS-1 or a *Study Instance UID* OBX names.
    pub study_instance_uid: Option<Uid>,
    /// (0008,0050) or OBR-18; without an issuer the site's default issuer applies.
    pub accession: Option<AccessionNumber>,
    /// OBR-3 / ORC-3.
    pub filler: Option<EntityIdentifier>,
    /// OBR-2 / ORC-2.
    pub placer: Option<EntityIdentifier>,
    /// The patient, as the sender said.
    pub patient: Patient,
}

impl Claim {
    /// One claim for each number, where the accession number is a list by a declared
    /// [`CanonicalRule::List`](crate::CanonicalRule::List); else the claim as it is.
    ///
    /// A report for several orders is filed only when every one of these claims matches, and all of them for one patient;
    /// the study instance UID and the order numbers of such a report stay with each claim.
    pub fn numbered(&self, policy: &AccessionPolicy) -> Vec<Self> {
        let Some(number) = &self.accession else { return vec![self.clone()] };
        let issuer = number.issuer().or(policy.default_issuer.as_ref());
        let parts = number.value().split(|one| policy.separates(one, issuer));
        let one = |part: &str| AccessionNumber::new(part, number.issuer().cloned()).ok();
        let numbers: Option<Vec<AccessionNumber>> = parts.map(one).collect();
        match numbers {
            // With an empty part it is no list that can be trusted; undivided it matches nothing.
            Some(numbers) if numbers.len() > 1 => {
                let with = |number| Self { accession: Some(number), ..self.clone() };
                numbers.into_iter().map(with).collect()
            }
            _ => vec![self.clone()],
        }
    }
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Claim(<redacted>)")
    }
}

/// Something known that a claim may belong to.
///
/// `Debug` prints no values.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct Candidate {
    /// The caller's own key, which a [`Decision`](crate::Decision) names.
    pub key: String,
    /// The order, or what the head of a received study says about one.
    pub order: Order,
    /// Where it comes from.
    pub source: CandidateSource,
    /// Other identifiers of the same patient, known from recorded merges and cross references.
    pub also_known_as: Vec<PatientId>,
}

impl std::fmt::Debug for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Candidate(<redacted>, source: {:?})", self.source)
    }
}

/// Where a candidate comes from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum CandidateSource {
    /// An order that the site placed.
    Order,
    /// The head of a study that was received. It supports the order it belongs to, and stands for itself only
    /// where no order is known.
    StudyHead,
}
