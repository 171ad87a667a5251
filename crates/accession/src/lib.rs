//! Which order does this belong to, and why.
//!
//! A report or an image makes a [`Claim`]; what is known are [`Candidate`]s, orders and the heads of received studies.
//! [`decide`] compares them and gives a [`Decision`] with its [`Evidence`]. Only [`Decision::Match`] files anything: an
//! order-side identifier (study instance UID, accession number with issuer, filler or placer order number) and a
//! patient-side one must agree, and nothing may contradict them. Everything else waits for a person, with the evidence.
//!
//! This crate is *not* a record linkage: no score decides, typing errors are not repaired, and never is the newest or the
//! nearest chosen. A missing report is noticed; a report in another patient's folder is read as truth. The one scorer,
//! [`rank`], puts candidates in order for a person.
//!
//! ```
//! use telerad_accession::{AccessionPolicy, Candidate, CandidateSource, Claim, Decision, decide};
//! use telerad_core::{AccessionNumber, Issuer, PatientId};
//! # use telerad_core::{Code, Order, Patient, PersonName, Priority, SiteId, Uid};
//!
//! let policy = AccessionPolicy {
//!     default_issuer: Some(Issuer::local("NORTH")?),
//!     patient_authority: Some(Issuer::local("NORTH-MRN")?),
//!     ..AccessionPolicy::default()
//! };
//! # let order = Order {
//! #     site: SiteId::new("north")?,
//! #     patient: Patient { ids: vec![PatientId::new("7", None)?], ..Patient::default() },
//! #     accession: AccessionNumber::new("A1001", None)?,
//! #     placer_order_number: None,
//! #     filler_order_number: None,
//! #     requested_procedure_id: String::new(),
//! #     study_instance_uid: Uid::new("1.2.3")?,
//! #     procedure: Code::default(),
//! #     priority: Priority::Routine,
//! #     referring_physician: PersonName::default(),
//! #     requesting_physician: PersonName::default(),
//! #     reason: String::new(),
//! # };
//! // `order` is number A1001 for patient 7.
//! let candidates = [Candidate {
//!     key: "north/A1001".to_owned(),
//!     order,
//!     source: CandidateSource::Order,
//!     also_known_as: Vec::new(),
//! }];
//!
//! let mut claim = Claim { accession: Some(AccessionNumber::new("A1001", None)?), ..Claim::default() };
//! claim.patient.ids = vec![PatientId::new("7", None)?];
//! assert!(matches!(decide(&claim, &candidates, &policy), Decision::Match { .. }));
//!
//! // The same number for somebody else is never filed.
//! claim.patient.ids = vec![PatientId::new("8", None)?];
//! let decision = decide(&claim, &candidates, &policy);
//! assert_eq!(decision.outcome(), "conflict");
//! assert!(decision.evidence().to_string().contains("patient identifier differs under the same authority"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **How to use it.** Store [`index_keys`] beside each order, look up [`search_keys`] of a claim, and give everything
//! found to [`decide`], in any order; or keep the candidates of a site in a [`CandidateIndex`]. Candidates must be of one
//! site; nothing crosses sites. [`RuleCheck`] says whether declared rules keep a site's own numbers apart, and [`diagnose`]
//! why the numbers of a sender match nothing and which rule would help. [`Merges`] gives a patient's other identifiers, and
//! [`restore`] takes back what was changed for the receiver that a claim comes from.
//!
//! **Limits.** At most [`CANDIDATES_MAX`] candidates are compared; beyond, the decision is ambiguous. One claim names one
//! order: a value with several numbers (`A1\A2`) names none, until [`Claim::numbered`] divides it by a declared separator.
//! Canonicalisation is exact text rules only; names are compared without case, spaces and punctuation, with accents. What
//! names another order and its patient in everything that can be compared cannot be told from what is right: a stranger of
//! the same name, birth date and sex needs an identifier, and a mistyped number that is another order's of the same patient
//! a second number.
//!
//! **Covered.** The identifiers of IHE RAD TF-2 sections 4.4, 4.28 and Appendix A (accession number, requested procedure,
//! study instance UID), issuers of HL7 HD/EI/CX (2.5.1 sections 2.A.36, 2.A.28, 2.A.14) and PS3.3 section 10.14. The
//! decision table is [`ROWS`].
//!
//! `Debug` of every type here prints no values.

mod canonical;
mod change;
mod check;
mod claim;
mod decide;
mod diagnose;
mod evidence;
mod index;
mod key;
mod merge;
mod patient;
pub mod rank;
#[cfg(test)]
mod samples;
mod subject;
mod table;
mod view;

pub use canonical::{AccessionPolicy, CanonicalRule, is_identifying};
pub use change::{Changed, restore};
pub use check::{Collision, CollisionKind, RuleCheck};
pub use claim::{Candidate, CandidateSource, Claim};
pub use decide::{CANDIDATES_MAX, Decision, Outcome, decide};
pub use diagnose::{CLAIMS_MAX, Cause, Diagnosis, Field, Finding, Proof, Remedy, diagnose};
pub use evidence::{Evidence, EvidenceLine};
pub use index::{CandidateIndex, IndexDecision, IndexError};
pub use key::{SearchKey, index_keys, search_keys};
pub use merge::Merges;
pub use patient::PatientSide;
pub use table::{OrderSide, ROWS, Verdict, verdict};
