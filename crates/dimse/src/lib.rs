//! DICOM associations and DIMSE services as machines: bytes in, events out.
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
mod event;
mod exchange;
mod negotiation;
mod outgoing;
mod reader;
mod refusal;
mod table;

pub use association::Association;
pub use command::{Command, CommandError};
pub use config::{Config, Timers};
pub use event::Event;
pub use negotiation::{
    APPLICATION_CONTEXT, AcceptedContext, AssociateRequest, CONTEXTS_MAX, ContextResult,
    Established, ProposedContext, plan_contexts,
};
pub use refusal::{
    AbortReason, AbortSource, CloseReason, ProtocolError, RejectResult, RejectSource, Rejection,
    Timer, UseError,
};
