//! DICOM associations over streams.

mod body;
mod client;
mod error;
mod machine;
mod negotiation;
mod operation;
mod server;
mod services;
mod session;
mod source;

pub use body::{Body, BodyError};
pub use client::{ClientAssociation, Peer, Timeouts};
pub use error::{AssociationError, AssociationFault, Phase, StoreError};
pub use negotiation::{Offers, is_storable, negotiate};
pub use server::{ServerConfig, serve, serve_stream};
pub use services::{AssociationContext, Services, StoreReply, StoreRequest};
pub use source::BodySource;
