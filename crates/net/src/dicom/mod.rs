//! DICOM associations over streams.

mod body;
mod client;
mod config;
mod context;
mod dialogue;
mod error;
mod find_scp;
mod find_scu;
mod machine;
mod negotiation;
mod operation;
mod peer;
mod server;
mod services;
mod session;
mod source;
mod start;
mod store_scp;
mod store_scu;

pub use body::{Body, BodyError};
pub use client::ClientAssociation;
pub use config::ServerConfig;
pub use context::AssociationContext;
pub use error::{AssociationError, AssociationFault, Phase, StoreError};
pub use find_scp::{FindAnswer, FindAnswers, FindRequest, KeySupport, answers};
pub use find_scu::{FindMatch, FindStream};
pub use negotiation::{Offers, is_storable, negotiate};
pub use peer::{Peer, Timeouts};
pub use server::{serve, serve_stream};
pub use services::Services;
pub use source::BodySource;
pub use store_scp::{StoreReply, StoreRequest};
