//! Routing rules, delivery planning and retry policy as pure decisions.
//!
//! **What it is.** Where does an instance go, is it new, and what follows from the outcome of a try: functions from
//! records to records. [`decide`] returns the effects of an instance that has come; the caller writes them in one
//! transaction and only then acknowledges. [`settle`] does the same for the outcome of a delivery.
//!
//! Around these two: [`fn@lane`] says how urgent a study is, [`Schedule`] when it may leave, [`TokenBucket`] how fast,
//! [`DeficitRoundRobin`] what goes next, [`Breaker`] and [`Concurrency`] how a failing or a full destination is treated.
//! [`DestinationGroup`] and [`fail_over`] move a whole study to another destination. [`next_step`], [`held_content`],
//! [`RefusedClasses`] and [`after_outage`] answer doubts: a lost answer, an instance that is there already, a class that is
//! never taken, a study that was read meanwhile. [`operation`] is what people do.
//!
//! **What it is not.** It opens no connection, keeps no queue, reads no clock and draws no random number: records
//! come from the store, time and randomness are arguments.
//!
//! ```
//! use telerad_routing::{DestinationId, RuleSet};
//!
//! let rules: RuleSet = toml::from_str(
//!     r#"
//!     [[rules]]
//!     id = "ct-and-mr"
//!     site = "north"
//!     when = { modality = ["CT", "MR"], not = { source = ["QA"] } }
//!     send_to = ["reading"]
//!     "#,
//! )?;
//! rules.check(&[DestinationId::new("reading")?])?;
//! assert_eq!(rules.rules[0].when.to_string(), r#"modality in ["CT", "MR"] and not (source in ["QA"])"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Promises** (each a property test): decisions are deterministic; a study's later instances follow its first
//! decision; an outage never ends in a dead letter; [`DeliveryState::Sent`] is made only from the peer's own answer;
//! conditions are total, so that a missing value is `false` and never an error; a study of a group is whole at one member;
//! nothing that waits for a window, a line or a breaker waits for good; whatever people do, an instance is sent, not
//! wanted, or waits where somebody sees it.
//!
//! **Limits.** Rules read single attributes of the instance's head, without user code. Rules for series and whole
//! studies, rule analysis and completion of studies are not here yet.
//!
//! **Standard.** Status classes of C-STORE (PS3.4 table B.2-1, PS3.7 annex C) decide whose fault a refusal is.

mod breaker;
mod calendar;
mod destination;
mod digest;
mod duplicate;
mod fairness;
mod group;
mod intake;
mod lane;
pub mod operation;
mod outage;
mod predicate;
mod rate;
mod record;
mod refused_class;
mod rejection;
mod relation;
mod relocate;
mod retry;
mod rule;
mod settle;
mod source_pair;
mod state;
mod window;

pub use breaker::{Breaker, BreakerRecord, BreakerState, Permit, Probe};
pub use calendar::InvalidSchedule;
pub use destination::{DestinationId, InvalidDestinationId};
pub use digest::{Digest, InvalidDigest};
pub use duplicate::{
    DuplicatePolicy, DuplicateStep, HeldContent, NextStep, ResendPolicy, held_content, next_step,
};
pub use fairness::{Choice, DeficitRoundRobin, InFlight, QueueHead};
pub use group::{
    DestinationGroup, Down, GroupChoice, GroupFacts, GroupId, InvalidGroup, StickyMember,
    sticky_patient,
};
pub use intake::{Effect, Intake, IntakeDecision, decide, deliveries};
pub use lane::{LaneRule, LaneRules, OrderFacts, UnknownLane, lane, lane_name, parse_lane};
pub use operation::OperationError;
pub use outage::{StaleReason, StudyFacts, after_outage, set_stale};
pub use predicate::{NoValues, OneOf, Predicate};
pub use rate::{LinkId, RateLimit, TokenBucket};
pub use record::{
    Cancellation, DeliveryKey, DeliveryRecord, Hold, InstanceRecord, MarkKind, NotCompared,
    Relation, StudyDecision, StudyMark,
};
pub use refused_class::RefusedClasses;
pub use rejection::{Concurrency, Rejection};
pub use relation::{HeadDifferences, not_compared, relate, sent_twice};
pub use relocate::{fail_over, move_study};
pub use retry::{FaultScope, RetryPolicy};
pub use rule::{InvalidRule, Rule, RuleSet, Wanted};
pub use settle::{DeliveryOutcome, settle};
pub use source_pair::SourcePair;
pub use state::{DeliveryState, NotWantedReason, SentEvidence};
pub use window::Schedule;
