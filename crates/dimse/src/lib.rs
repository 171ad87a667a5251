//! DICOM associations and DIMSE services as machines: bytes in, events out.
//!
//! [`Association`] is one machine for both roles. It takes the bytes that a transport delivers and gives back
//! [`Event`]s and bytes to be written. Data sets pass through as slices of the buffers they came in, in both
//! directions, without being copied, decoded or gathered.
//!
//! This crate is *not* a network stack: it opens no socket, starts no thread and reads no clock; `telerad-net` pumps it
//! over tokio streams, and another pump may do so over anything else. It does not look into data sets; that is
//! `telerad-dicom`. It does not decide what to accept or what to answer.
//!
//! ```
//! use std::time::Instant;
//! use telerad_core::AeTitle;
//! use telerad_dimse::*;
//!
//! /// Carries what one side has to say to the other.
//! fn carry(from: &mut Association, to: &mut Association, now: Instant) {
//!     let mut out = Vec::new();
//!     from.poll_transmit(&mut out);
//!     for bytes in out {
//!         to.handle_input(now, bytes);
//!     }
//! }
//!
//! let now = Instant::now();
//! let config = Config::default();
//! let request = AssociateRequest {
//!     calling: AeTitle::new("CT1")?,
//!     called: AeTitle::new("TELERAD")?,
//!     contexts: plan_contexts(&[("1.2.840.10008.1.1", "1.2.840.10008.1.2")]).remove(0),
//!     pdu_bytes_max: config.pdu_bytes_max,
//!     implementation_class_uid: config.implementation_class_uid.clone(),
//!     implementation_version_name: config.implementation_version_name.clone(),
//!     user: UserItems::default(),
//! };
//! let mut calling = Association::requestor(config.clone(), request, now);
//! let mut called = Association::acceptor(config, now);
//!
//! carry(&mut calling, &mut called, now);
//! let Some(Event::Requested(request)) = called.poll_event() else { panic!("no request") };
//! let syntax = request.contexts[0].transfer_syntaxes[0].clone();
//! called.accept(now, vec![(1, ContextResult::Accepted { transfer_syntax: syntax })]);
//! carry(&mut called, &mut calling, now);
//! assert!(matches!(calling.poll_event(), Some(Event::Established(_))));
//!
//! calling.send_command(now, 1, &Command::EchoRq { message_id: 7 })?;
//! carry(&mut calling, &mut called, now);
//! assert!(matches!(called.poll_event(), Some(Event::Established(_))));
//! let echo = Command::EchoRq { message_id: 7 };
//! assert_eq!(called.poll_event(), Some(Event::Command { context_id: 1, command: echo }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits
//! Everything the peer can make grow is in [`Config`]: PDU lengths, A-ASSOCIATE length, command sets, unanswered
//! requests, buffered bytes, time. At most 17 events wait; while any does, [`Association::wants_input`] is false.
//! What arrives of a data set is never held: it is an event at once. No input makes this crate panic.
//!
//! # Negotiation
//! Everything an A-ASSOCIATE carries is read and written: roles, asynchronous operations window, extended and common
//! extended negotiation, user identity ([`UserItems`]). [`plan_associations`] makes proposals, [`decide`] answers them;
//! both are pure. The machine holds to what was agreed: contexts, maximum lengths and the window.
//!
//! The PDUs of association control are read here, item by item, and written by `dicom-ul`, which is also the oracle
//! for both in tests: to rewrite what real peers send into what it reads took more code than to read it.
//!
//! # Asynchronous operations
//! Without an agreed window one request of ours is outstanding at a time, and requests that the peer sends ahead wait
//! for their turn. With a window there are as many as it says, answered in any order, and a peer that exceeds it has to wait
//! in the same way. The fragments of two messages are
//! never mixed on the wire (PS3.8 annex E): a body is finished before the next command goes.
//!
//! # The standard
//! PS3.8 sections 7 and 9 (services, PDUs, the state machine of table 9-10) and annex E (fragments); PS3.7 sections 6.3
//! and 9 (command sets, C-ECHO, C-STORE, C-FIND, C-CANCEL), annex D (negotiation) and annex E (command elements). One
//! deliberate difference: after the association has ended, bytes that still come are dropped unread (AA-6), never
//! answered with a second A-ABORT (AA-7).
#![warn(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used
)]

mod association;
mod clock;
mod command;
mod config;
mod control;
mod deciding;
mod event;
mod exchange;
mod negotiation;
mod outgoing;
mod planning;
mod reader;
mod refusal;
mod table;
mod user_items;

pub use association::Association;
pub use command::{Command, CommandError, StatusDetail, SubOperations};
pub use config::{Config, Timers};
pub use deciding::{ClassOffer, SyntaxOffer, decide};
pub use event::Event;
pub use negotiation::{
    APPLICATION_CONTEXT, AcceptedContext, AssociateRequest, CONTEXTS_MAX, ContextResult,
    Established, ProposedContext,
};
pub use planning::{ContextNeed, Proposal, plan_associations, plan_contexts};
pub use refusal::{
    AbortReason, AbortSource, CloseReason, ProtocolError, RejectResult, RejectSource, Rejection,
    Timer, UseError,
};
pub use user_items::{
    AsyncWindow, CommonExtendedNegotiation, ExtendedNegotiation, RoleSelection, Roles,
    UserIdentity, UserIdentityKind, UserIdentityResponse, UserItems,
};
