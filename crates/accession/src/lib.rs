//! Which order does this belong to, and why.

mod canonical;
mod claim;
mod decide;
mod evidence;
mod key;

pub use canonical::{AccessionPolicy, CanonicalRule, is_identifying};
pub use claim::{Candidate, CandidateSource, Claim};
pub use decide::{Decision, decide};
pub use evidence::{Evidence, EvidenceLine};
pub use key::{SearchKey, index_keys, search_keys};
