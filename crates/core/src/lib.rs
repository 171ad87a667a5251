//! Nouns of teleradiology that three or more telerad crates share.
//!
//! Application entity titles, unique identifiers, accession numbers and patient identifiers *with their
//! issuers*, person names, dates of partial precision, patients, orders and sites. Every type is born valid:
//! text from outside is checked once, at the edge, and never again.
//!
//! This crate is *not* a place for status codes, configuration, effects or events; those belong to the crate
//! whose protocol or decision they describe.
//!
//! ```
//! use telerad_core::{AccessionNumber, AeTitle, Issuer};
//!
//! let title = AeTitle::new(" PACS  ")?;
//! assert_eq!(title.as_str(), "PACS");
//!
//! let number = AccessionNumber::new("A-1001", Some(Issuer::local("NORTH")?))?;
//! assert_eq!(number.value(), "A-1001");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Types that hold patient data print `<redacted>` in `Debug`: a log line can never carry a name by accident.

mod ae_title;
mod date;
mod identifier;
mod order;
mod patient;
mod person_name;
mod site;
mod timestamp;
mod uid;

pub use ae_title::{AeTitle, InvalidAeTitle};
pub use date::{InvalidDate, PartialDate, PartialDateTime, Precision};
pub use identifier::{
    AccessionNumber, EntityIdentifier, InvalidIdentifier, Issuer, PatientId, UniversalId,
};
pub use order::{Code, Order, Priority};
pub use patient::{Patient, Sex};
pub use person_name::{NameGroup, PersonName};
pub use site::{InvalidSiteId, SiteId};
pub use timestamp::Timestamp;
pub use uid::{InvalidUid, Uid};
