//! DICOM bytes, safely.
//!
//! What a teleradiology gateway must know about an instance it passes on, without decoding it: a bounded scanner finds
//! the identifying elements while the bytes stream past ([`HeadScanner`], [`InstanceHead`]); single elements are changed
//! with every other byte untouched ([`edit`]); files are opened and closed ([`part10`]); small data sets such as query
//! identifiers are decoded behind a guard ([`dataset`]); and a peer's answer has a type that only a real response can
//! make ([`PeerAnswer`]).
//!
//! It is *not* an image library: it cuts pixel data into coded frames ([`frames`]) and decodes none of them. It is not a network library either: see
//! `telerad-dimse` for associations.
//!
//! ```
//! use telerad_dicom::{HeadLimits, HeadScanner, InstanceHead, Scan, encoding_of, tags};
//!
//! // Modality and Patient ID in explicit VR little endian, arriving in two pieces.
//! let mut scanner = HeadScanner::new(encoding_of("1.2.840.10008.1.2.1"), HeadLimits::default());
//! assert_eq!(scanner.push(b"\x08\x00\x60\x00CS\x02\x00CT\x10\x00\x20"), Scan::NeedMore);
//! assert_eq!(scanner.push(b"\x00LO\x04\x00M-7 "), Scan::NeedMore);
//! let head = scanner.finish()?;
//! assert_eq!(head.text(tags::PATIENT_ID).as_deref(), Some("M-7"));
//! assert_eq!(InstanceHead::read(&head).modality, "CT");
//! # Ok::<(), telerad_dicom::HeadError>(())
//! ```
//!
//! # Limits
//! Everything read from outside is bounded: see [`HeadLimits`] and [`dataset::DataSetLimits`]. No input makes this crate
//! panic or allocate by a declared length. Text that its character set does not
//! explain is reported by [`Head::has_doubtful_text`].
//!
//! # The standard
//! PS3.5 sections 6 and 7 and annex A (elements, sequences, transfer syntaxes), PS3.10 chapter 7 (files), PS3.7 annex C and
//! PS3.4 section B.2.3 (status codes), PS3.3 section C.12.1.1.2 (character sets, with code extensions).

#![warn(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used
)]

pub mod dataset;
pub mod edit;
pub mod file_name;
pub mod frames;
pub mod part10;
pub mod tags;
pub mod uids;

mod encoding;
mod head;
mod inflate;
mod instance_head;
mod status;
mod tag;
mod text;
mod vr;
mod walk;

pub use dataset::DataSet;
pub use encoding::{Encoding, encoding_of};
pub use head::{Head, HeadError, HeadLimits, HeadScanner, Scan};
pub use instance_head::InstanceHead;
pub use status::{PeerAnswer, Status, StatusClass};
pub use tag::Tag;
pub use walk::{Damage, DamageKind};
