//! Streams, timeouts and shutdown: pumps the protocol machines of telerad over tokio.
//!
//! [`dicom`] serves and opens DICOM associations: a [`dicom::Server`] is put together from its services, each a
//! trait of its own, and a [`dicom::ClientAssociation`] asks for them. [`mllp`] receives and sends HL7 messages.
//! Both take streams from a [`Listener`] or [`Connector`], the time from a [`Clock`], start tasks through a
//! [`Spawn`] and stop when a [`Shutdown`] says so, so that the embedder owns runtime and sockets, and a simulation
//! can own time. [`tls`] wraps any listener and any connector.
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
//! use telerad_dimse::plan_contexts;
//! use telerad_net::dicom::{
//!     AssociationContext, Body, CalledTitle, ClientAssociation, Peer, Server, StoreReply, StoreRequest, StoreScp,
//! };
//! use telerad_net::{Listener, TcpAcceptor, TcpConnector, TokioSpawn, shutdown};
//!
//! struct Inbox;
//!
//! impl StoreScp for Inbox {
//!     async fn store(&self, _: AssociationContext, _: StoreRequest, mut body: Body) -> StoreReply {
//!         while let Some(piece) = body.next().await {
//!             // Only `None` means that the instance is whole.
//!             let Ok(_bytes) = piece else { return Status::CANNOT_UNDERSTAND.into() };
//!         }
//!         Status::SUCCESS.into() // … once it is durable
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let listener = TcpAcceptor::bind("127.0.0.1:0").await?;
//! let peer = Peer::new(listener.local_address(), "INBOX".parse()?, "CT1".parse()?);
//! let (handle, stop) = shutdown();
//! // What is registered is what is negotiated: verification and storage here, and nothing else.
//! let server = Server::builder(CalledTitle("INBOX".parse()?)).store(Inbox).build();
//! let serving = server.serve(listener, Arc::new(TokioSpawn), stop);
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
//! connections hold together. An association has one operation of the peer at a time, or
//! as many as an asynchronous operations window allows that [`dicom::Door::answer_items`] grants; [`dicom::Pool`] keeps
//! several associations open, and bounds them per peer and in all.
//!
//! # Parts of the standards
//! DICOM PS3.7 C-ECHO, C-STORE, C-FIND, C-MOVE, C-GET, C-CANCEL and the N-services in both roles; PS3.4 annexes A
//! (verification), B (storage), C (query and retrieve), F.7 (modality performed procedure step), J (storage commitment,
//! push model), K (modality worklist) and R (instance availability notification); PS3.8 over TCP, with the rejection and
//! abort reasons of its section 9.3; PS3.15 annex B, the TLS profile after BCP 195. HL7 minimal lower layer protocol,
//! releases 1 and 2, original and enhanced acknowledgement mode.

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
