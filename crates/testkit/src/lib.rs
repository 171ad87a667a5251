//! Bytes for the project's own tests and trials: real DICOM files, synthetic instances and HL7 messages, a simulated disk,
//! and a small seeded generator of random numbers.
//!
//! It is *not* published and knows no other crate of the project but the core, so that every crate can test with it.
//! What it makes is built by formatting alone, without the code under test.
//!
//! ```
//! use telerad_testkit::{dicom, hl7};
//!
//! let instance = dicom::Instance { accession: "A-1".to_owned(), ..dicom::Instance::new(7) };
//! assert!(instance.file()[128..].starts_with(b"DICM"));
//! assert!(hl7::orm_o01(&hl7::Case::new(7)).contains("\rZDS|"));
//! ```
//!
//! # Limits
//! [`dicom::Instance`] builds in memory; [`dicom::Instance::head`] serves callers that stream larger pixel data.
//!
//! # The standard
//! PS3.10 chapter 7, PS3.5 chapter 7 and annex A; HL7 2.3.1 messages as in the Scheduled Workflow profile (IHE RAD TF-2
//! section 4.4).

pub mod dicom;
pub mod disk;
pub mod hl7;
pub mod worklists;

mod rng;

pub use rng::Rng;
