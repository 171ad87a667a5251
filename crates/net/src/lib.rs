//! Streams, timeouts and shutdown: pumps the protocol machines of telerad over tokio.
//!
//! [`dicom`] serves and opens DICOM associations, [`mllp`] receives and sends HL7 messages. Both take streams from a
//! [`Listener`] or [`Connector`], the time from a [`Clock`], start tasks through a [`Spawn`] and stop when a
//! [`Shutdown`] says so, so that the embedder owns runtime and sockets, and a simulation can own time. [`tls`] wraps any
//! listener and any connector.
//!
//! With the feature `blocking`, the module of that name has associations and a server for programs without an async
//! runtime.
//!
//! This crate does *not* know what messages mean, stores nothing and decides nothing about patients: that is the work
//! of the services and handlers that are plugged in. It contains no protocol either: `telerad-dimse` and
//! `telerad-hl7` do.
//!
//! ```
//! use std::sync::Arc;
//! use telerad_dicom::{Status, uids};
//! use telerad_dimse::{AssociateRequest, Rejection, plan_contexts};
//! use telerad_net::dicom::{
//!     AssociationContext, Body, ClientAssociation, Peer, ServerConfig, Services, StoreReply, StoreRequest, serve,
//! };
//! use telerad_net::{BoxFuture, Listener, Remote, TcpAcceptor, TcpConnector, TokioSpawn, shutdown};
//!
//! struct Inbox;
//!
//! impl Services for Inbox {
//!     fn admit(&self, request: &AssociateRequest, _remote: &Remote) -> Result<(), Rejection> {
//!         if request.called.as_str() == "INBOX" { Ok(()) } else { Err(Rejection::CALLED_AE_NOT_RECOGNIZED) }
//!     }
//!
//!     fn store(&self, _: AssociationContext, _: StoreRequest, mut body: Body) -> BoxFuture<'static, StoreReply> {
//!         Box::pin(async move {
//!             while let Some(piece) = body.next().await {
//!                 // Only `None` means that the instance is whole.
//!                 let Ok(_bytes) = piece else { return Status::CANNOT_UNDERSTAND.into() };
//!             }
//!             Status::SUCCESS.into() // … once it is durable
//!         })
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let listener = TcpAcceptor::bind("127.0.0.1:0").await?;
//! let peer = Peer::new(listener.local_address(), "INBOX".parse()?, "CT1".parse()?);
//! let (handle, stop) = shutdown();
//! let serving = serve(listener, Arc::new(Inbox), ServerConfig::default(), Arc::new(TokioSpawn), stop);
//! let sending = async {
//!     let (class, syntax) = (uids::CT_IMAGE_STORAGE, uids::EXPLICIT_VR_LITTLE_ENDIAN);
//!     let contexts = plan_contexts(&[(class, syntax)]).remove(0);
//!     let mut association = ClientAssociation::connect(&TcpConnector, &peer, contexts).await?;
//!     let request = StoreRequest {
//!         message_id: 0,
//!         sop_class_uid: class.to_owned(),
//!         sop_instance_uid: "2.25.1".to_owned(),
//!         transfer_syntax_uid: syntax.to_owned(),
//!         move_originator: None,
//!     };
//!     let data_set = bytes::Bytes::from_static(b"\x08\x00\x60\x00CS\x02\x00CT");
//!     let answer = association.store(&request, data_set).await?;
//!     association.release().await?;
//!     handle.request();
//!     Ok::<_, Box<dyn std::error::Error>>(answer)
//! };
//! let ((), answer) = tokio::join!(serving, sending);
//! assert!(answer?.is_delivered());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits
//! Every wait ends at a named deadline and every buffer has a bound; both are fields of [`dicom::ServerConfig`],
//! [`dicom::Peer`], [`mllp::ServerConfig`] and [`mllp::Timeouts`], with safe defaults. An instance of any size passes
//! through a few hundred kilobytes. A whole MLLP frame is held in memory; an MLLP server bounds what all of its
//! connections hold together. An association has one operation of the peer at a time; [`dicom::Pool`] keeps several open,
//! and bounds them per peer and in all.
//!
//! # Parts of the standards
//! DICOM PS3.7 C-ECHO, C-STORE, C-FIND, C-MOVE, C-GET, C-CANCEL and the N-services in both roles; PS3.8 over TCP, with the
//! rejection and abort reasons of its section 9.3; PS3.15 annex B, the TLS profile after BCP 195. HL7 minimal lower layer
//! protocol, releases 1 and 2, original and enhanced acknowledgement mode.

use std::future::Future;
use std::pin::Pin;

mod accept;
mod any_connector;
#[cfg(feature = "blocking")]
pub mod blocking;
mod clock;
pub mod dicom;
mod identity;
pub mod mllp;
mod open;
mod pump;
mod remote;
mod rng;
mod shutdown;
mod slots;
mod spawn;
pub mod tls;
mod transport;
mod wire;

pub use any_connector::{AnyConnector, AnyStream};
pub use clock::{Clock, SystemClock};
pub use remote::Remote;
pub use rng::{Rng, SystemRng};
pub use shutdown::{Shutdown, ShutdownHandle, shutdown};
pub use spawn::{Spawn, TokioSpawn};
pub use transport::{Connector, Listener, TcpAcceptor, TcpConnector, TcpLink};

/// A boxed future that may move between threads: the form in which traits behind `dyn` return one.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
