//! HL7 v2: lossless messages, paths, escapes, builder, acknowledgement and MLLP.
//!
//! A [`Message`] is the bytes that arrived plus an index of its segments. It can always be sent on unchanged:
//! [`Message::as_bytes`] is the input, whatever the input was. Everything else is a view that splits on demand.
//! What a sender got wrong (line feeds, a byte order mark, a contradicting character set) is read as it was
//! meant and reported as a [`Warning`], never repaired in place.
//!
//! Above the views stand the [`tables`] of 2.3.1 and 2.5.1, values by [`datatype`] and [`segment`], [`group`]s, the
//! [`reading`]s of orders, reports, merges and appointments, and [`validate`]. None of them is needed to read a
//! message, and none of them changes one.
//!
//! This crate is *not* a receiver: what becomes of an order or a report is for the crates above. It opens no socket and
//! reads no clock.
//!
//! ```
//! use telerad_core::Timestamp;
//! use telerad_hl7::{Acknowledgement, Message, acknowledge, mllp, read_acknowledgement};
//!
//! let order = Message::parse(
//!     "MSH|^~\\&|RIS|NORTH|TELERAD|GATEWAY|20240301||ORM^O01|42|P|2.3.1\r\
//!      PID|1||1001^^^NORTH||DOE^JANE\\T\\ANN\r\
//!      ORC|NW|P-1\r\
//!      OBR|1|P-1|F-1|CTHEAD^CT head\r",
//! )?;
//! assert_eq!(order.text("PID-5.2").as_deref(), Some("JANE&ANN"));
//! assert_eq!(order.text("OBR-4.2").as_deref(), Some("CT head"));
//!
//! let bytes = acknowledge(Some(&order), &Acknowledgement::accept(), "ACK-1", Timestamp::default());
//! let answer = read_acknowledgement(&Message::parse(bytes.clone())?).ok_or("no MSA")?;
//! assert_eq!(answer.control_id, "42");
//! assert_eq!(mllp::frame(&bytes).first(), Some(&0x0b));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to look
//! | task | begin at |
//! |---|---|
//! | read a value | [`Message::text`], [`Message::value`] with [`path!`], the views under [`Segment`] |
//! | learn what is wrong | [`Message::warnings`], [`Message::check`]; refuse it with [`ParseOptions`] |
//! | change a message | [`Message::edit`]; other terminator or character set: [`Message::encode_with`] |
//! | write a message | [`MessageBuilder`] |
//! | answer | [`acknowledge`]; which answers are wanted: [`AckMode`]; several errors: [`Reply`] |
//! | read a file or a stream of messages | [`batch`]; fragments: [`continuation`] |
//! | talk to a peer | [`mllp`] |
//!
//! # Features
//! `serde` writes messages as JSON, losslessly or readably; `profile` reads a site's own rules.
//!
//! # Limits
//! [`Limits`] bounds the bytes and segments of a message, [`mllp::Limits`] the bytes of a frame, [`batch::BatchLimits`]
//! the messages of a stream, [`continuation::JoinerLimits`] the fragments that wait. Fields longer than
//! [`ECHOED_BYTES_MAX`] are not echoed in acknowledgements. Work is linear in the bytes looked at. ADD and DSC are
//! reported, and joined on request only.
//!
//! # Parts of the standard
//! HL7 2.5.1 chapter 2: 2.5 (message construction), 2.7 (escape sequences), 2.9 (acknowledgement, original and enhanced
//! mode), 2.10.2 (continuation), 2.10.3 (batch), 2.A (data types), 2.15.4 ERR, 2.15.8 MSA, 2.15.9 MSH, with the forms
//! of 2.3.1 where they differ; the minimal lower layer protocol, releases 1 and 2, of the transport specification.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod acknowledgement;
pub mod batch;
mod builder;
mod bytescan;
mod check;
pub mod continuation;
pub mod datatype;
mod delimiters;
mod doubt;
mod edit;
pub mod escape;
pub mod french;
pub mod group;
mod index;
#[cfg(feature = "serde")]
mod json;
mod message;
mod mislabelled;
pub mod mllp;
mod output;
mod path;
pub mod reading;
pub mod segment;
mod sets;
mod syntax;
pub mod tables;
pub mod validate;
mod value;
mod view;
mod warning;

pub use acknowledgement::{
    AckCode, AckCondition, AckError, AckMode, Acknowledgement, ECHOED_BYTES_MAX, ERRORS_MAX,
    ErrorForm, ErrorSegment, InvalidAckCode, InvalidAckCondition, InvalidSeverity, Outcome,
    ReceivedAck, ReceivedError, Reply, Severity, acknowledge, header_fault, read_acknowledgement,
    read_errors,
};
pub use builder::{BuildError, MessageBuilder, MessageHead, SegmentBuilder};
pub use check::CHECKED_WARNINGS_MAX;
pub use delimiters::Delimiters;
pub use doubt::TextDoubt;
pub use edit::{Anchor, Content, Edit, EditError};
pub use index::{Limits, ParseError, ParseOptions};
#[cfg(feature = "serde")]
pub use json::Readable;
pub use message::{Message, Segments};
pub use output::{EncodeError, EncodeOptions, Terminator};
pub use path::{Depth, InvalidPath, Location, Path};
pub use value::Value;
pub use view::{Component, Field, Repetition, Segment, Subcomponent};
pub use warning::{InvalidWarningKind, Warning, WarningKind, WarningSet};
