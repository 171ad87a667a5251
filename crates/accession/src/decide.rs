//! The decision.

use serde::{Deserialize, Serialize};

use crate::{AccessionPolicy, Candidate, Claim, Evidence};

/// What a claim belongs to. Only [`Match`](Self::Match) files anything.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub enum Decision {
    /// Exactly one candidate, with an order-side and a patient-side identifier in agreement.
    Match {
        /// Key of the candidate.
        key: String,
        /// Why.
        evidence: Evidence,
    },
    /// A person has to choose or to confirm: several candidates are left, or one that is not proven.
    Ambiguous {
        /// Keys of the candidates, sorted.
        keys: Vec<String>,
        /// Why.
        evidence: Evidence,
    },
    /// Nothing known is named by the claim.
    NoCandidate {
        /// Why.
        evidence: Evidence,
    },
    /// Identifiers contradict each other.
    Conflict {
        /// Keys of the candidates involved, sorted.
        keys: Vec<String>,
        /// Why.
        evidence: Evidence,
    },
}

impl Decision {
    /// Why.
    pub fn evidence(&self) -> &Evidence {
        match self {
            Self::Match { evidence, .. }
            | Self::Ambiguous { evidence, .. }
            | Self::NoCandidate { evidence }
            | Self::Conflict { evidence, .. } => evidence,
        }
    }

    /// A stable word for the outcome: `match`, `ambiguous`, `no candidate` or `conflict`.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Match { .. } => "match",
            Self::Ambiguous { .. } => "ambiguous",
            Self::NoCandidate { .. } => "no candidate",
            Self::Conflict { .. } => "conflict",
        }
    }

    /// Keys of the candidates it names: one for a match, none without a candidate.
    pub fn keys(&self) -> Vec<String> {
        match self {
            Self::Match { key, .. } => vec![key.clone()],
            Self::Ambiguous { keys, .. } | Self::Conflict { keys, .. } => keys.clone(),
            Self::NoCandidate { .. } => Vec::new(),
        }
    }
}

impl std::fmt::Debug for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys hold accession numbers.
        write!(f, "Decision({}: {})", self.outcome(), self.evidence())
    }
}

/// Decides what a claim belongs to. The order of `candidates` makes no difference.
pub fn decide(claim: &Claim, candidates: &[Candidate], policy: &AccessionPolicy) -> Decision {
    let _ = (claim, candidates, policy);
    Decision::NoCandidate { evidence: Evidence::default() }
}
