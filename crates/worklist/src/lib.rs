//! HL7 orders and ADT in, Modality Worklist answers out, performed procedure steps in, and orders onward to a
//! reading platform.
//!
//! **What it is.** [`read`] takes a message apart by what a site declares in its [`Mapping`]; [`apply`] turns it, with
//! what is known, into effects to write; [`Query`] answers a modality from the records that are kept. Every message
//! ends in exactly one [`Disposition`], and every value that was derived, translated, doubted or left out is a
//! [`Finding`]: nothing is invented silently.
//!
//! **What it is not.** It opens no connection, keeps nothing and reads no clock. It does not acknowledge: the caller
//! does, after the effects are durable. It does not decide which order an image belongs to (that is telerad-accession).
//!
//! ```
//! use telerad_core::{Issuer, SiteId, Timestamp};
//! use telerad_dicom::{DataSet, tags};
//! use telerad_hl7::Message;
//! use telerad_worklist::{Disposition, Effect, Known, Mapping, Query, apply, read};
//!
//! let mut mapping = Mapping::new(SiteId::new("north")?);
//! mapping.accession_issuer = Some(Issuer::local("NORTH")?);
//!
//! let order = Message::parse(
//!     "MSH|^~\\&|RIS|NORTH|||20261124080000||ORM^O01|M1|P|2.3.1\r\
//!      PID|||4711^^^MRN||Doe^Jane||19700102|F\r\
//!      ORC|NW||||||^^^202611241030^^S\r\
//!      OBR||||CTTHX^CT thorax^L||||||||||||||A-1|RP-1|SPS-1||||CT\r\
//!      ZDS|1.2.3.4\r",
//! )?;
//! let outcome = apply(read(&order, &mapping)?, &Known::default(), Timestamp::from_micros(0));
//! assert_eq!(outcome.disposition, Disposition::Applied);
//! assert_eq!(outcome.findings[0].to_string(), "OBR-18: no issuer of the accession number: NORTH assumed");
//!
//! let orders: Vec<_> = outcome
//!     .effects
//!     .into_iter()
//!     .filter_map(|effect| match effect {
//!         Effect::PutOrder(order) => Some(order),
//!         Effect::PutPatient(_) => None,
//!     })
//!     .collect();
//! let mut identifier = DataSet::new();
//! identifier.set_text(tags::PATIENT_NAME, "doe*");
//! identifier.set_empty(tags::ACCESSION_NUMBER);
//! let answers = Query::read(&identifier)?.answers(&orders, &[]);
//! assert_eq!(answers[0].text(tags::PATIENT_NAME).as_deref(), Some("Doe^Jane"));
//! assert_eq!(answers[0].text(tags::ACCESSION_NUMBER).as_deref(), Some("A-1"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Safety.** An accession number that is known for another patient, an order for a known identifier with another
//! name and birth date, a cancellation of what has started (unless the site says otherwise): parked for a person. A
//! message is applied whole or not at all. Steps end only by what says so, and are reopened only by an order, a change or
//! a release that is later than what withdrew them, by a modality that goes on, or by a person.
//!
//! **Never off the list.** An order for an identified patient is on the worklist. What an entry must have and the message
//! does not give comes from the site's rules, its table of locations ([`LocationRule`]) and its defaults, and each such value
//! is a finding of [`FindingCode::Defaulted`] for a person. Where no field holds an accession number, the filler's, the
//! placer's or a derived one stands in, and [`OrderNumbers`] find the order again.
//!
//! **Time.** What is said takes effect in the order in which it happened ([`EventTime`]), not in which it arrived, for the
//! status of each step ([`ScheduledStep::advance`]) and for each value ([`Sayings`]); what is told before its order waits
//! for it ([`OrderRecord::is_tombstone`]). Two things do depend on arrival: what was parked counts when a person sees to
//! it, and what is derived (a start, a station, a protocol from the procedure) comes from the message that created the
//! step.
//!
//! **Who is who.** A merge (A40 and its older forms, A47) moves the orders of the prior identifier, by authority, and writes
//! down what it moved ([`Merge`]), so that [`undo_merge`] puts exactly that back; the prior identifier stays as an alias
//! ([`PatientRecord::aliases`]) for whoever matches reports and images. Links (A24) are cross references and move nothing.
//! A merge of something into itself, the inverse of an earlier one and a message about a merged identifier are settled as
//! [`AdtPolicy`] says, and never make a new patient. A known identifier with another name and birth date at once is a
//! [`POSSIBLE_OVERLAY`].
//!
//! **Onward.** [`order_event`] says what a platform has to be told of an order, [`order_message`] says it in the platform's
//! [`PlatformDialect`] (ORM^O01 or OMI^O23), [`patient_message`] and [`merge_message`] tell of patients (A08 or A31, A40).
//! A text that does not fit its character set is an error. Numbers of physicians are not kept, and so not told.
//!
//! **Limits.** Messages and identifiers are bounded where they are parsed (telerad-hl7, telerad-dicom). Swaps
//! of beds (A17) and deletions (A23, A29) are parked by name; an account or a visit that moves to another patient (A44, A45)
//! too, since nobody says which orders go along. Parent and child orders are linked by the parent's number
//! only. A step remembers 24 events and an order 24 of what was told of all its steps. One order has one
//! study. An appointment means one order; who performs (AIP) is not taken from it. A performed step
//! keeps its attributes as they are now, not as each N-SET said them.
//!
//! **Standard.** HL7 2.3.1 to 2.5.1: ADT^A01 to A08, A10 to A13, A28, A31, A38 for patients, locations and
//! admissions, A18, A24, A30, A34 to A37, A39 to A50 for who is who, ORM^O01 with or without ZDS, OMI^O23, OMG^O19, SIU^S12 to S24 and S26 for the times and places of known orders; order
//! control by table 0119; IHE RAD TF-2 RAD-4, RAD-13, RAD-48 and table B-1. DICOM PS3.4 annex K: all required and optional keys of table K.6-1; [`Query`] states how each is matched,
//! [`encode_answer`] in which character set answers are. PS3.4
//! section F.7 with table F.7.2-1: [`Creation`] and [`Change`]. [`WorklistIndex`] answers as [`Query::answers`] does, at the
//! cost of what is found. [`read_item`] takes over the items that another worklist server keeps as files.

mod adt;
mod apply;
mod build;
mod draft;
mod effect;
mod finding;
mod identity;
mod idle;
mod inbound;
mod instant;
mod item;
mod mapping;
mod merge;
mod numbers;
mod onward;
mod patient;
mod performed;
mod person;
mod precedence;
mod query;
pub mod reconcile;
mod record;
mod said;
mod sayings;
mod schedule;
mod status;
mod stop;

pub use adt::{AdtFeed, AdtPolicy, ArrivalEvent, InverseMerge, MergedIdentifier};
pub use apply::{Disposition, Outcome, apply};
pub use effect::Effect;
pub use finding::{Finding, FindingCode};
pub use inbound::{Inbound, read};
pub use item::{InvalidItem, read_item};
pub use mapping::{
    AccessionSource, InvalidAccessionSource, InvalidMissingStart, InvalidOrderField, LocationRule,
    Mapping, MissingStart, OrderField, OtherPatientId, PatientConfidentiality, ProtocolSource,
    ReferringPhysician, Shortening, StationRule, StationSource, StudyUidPolicy,
};
pub use merge::{UndoError, undo_merge};
pub use numbers::OrderNumbers;
pub use onward::{
    Heard, OnwardError, OnwardEvent, OrderForm, Origin, PatientUpdate, PlatformDialect,
    merge_message, order_event, order_message, patient_message,
};
pub use performed::{
    Alert, Applied, Attributes, Awaited, Change, Creation, KnownPerformed, Link, LinkedBy,
    PerformedRules, PerformedStatus, PerformedStep, Refusal, ScheduledReference, await_order,
};
pub use query::{Found, Query, QueryError, WorklistIndex, encode_answer};
pub use record::{
    Clinical, Known, Merge, MovedOrder, OrderKey, OrderRecord, PatientRecord, ScheduledStep, Told,
};
pub use sayings::Sayings;
pub use status::{
    Advance, Effect as StepEffect, EventTime, StartedCancel, StatusRules, StepEvent, StepHistory,
    StepStatus, UnknownChange, Verdict,
};
pub use stop::{POSSIBLE_OVERLAY, Rejection};
