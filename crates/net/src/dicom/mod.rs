//! DICOM associations over streams.

mod body;
mod client;
mod config;
mod error;
mod find;
mod machine;
mod negotiation;
mod operation;
mod peer;
mod server;
mod services;
mod session;
mod source;
mod store;

pub use body::{Body, BodyError};
pub use client::ClientAssociation;
pub use config::ServerConfig;
pub use error::{AssociationError, AssociationFault, Phase, StoreError};
pub use negotiation::{Offers, is_storable, negotiate};
pub use peer::{Peer, Timeouts};
pub use server::{serve, serve_stream};
pub use services::{AssociationContext, Services, StoreReply, StoreRequest};
pub use source::BodySource;
