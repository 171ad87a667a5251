//! DICOM associations for programs without an async runtime: every call waits until it is done.
//!
//! The same machines, pumps, deadlines and errors as in [`dicom`](crate::dicom), nothing beside them: an [`Association`] carries
//! a small runtime of its own on which its futures are waited for, and [`serve`] gives each association a thread with such a
//! runtime, so that [`Handlers`] may wait for whatever they like.
//!
//! Whoever does call from inside a tokio runtime is served all the same, by a thread made for the call; no call panics
//! there. It keeps the calling thread waiting, though, which is seldom what an async program wants.
//!
//! ```
//! use std::sync::Arc;
//! use telerad_dicom::{Status, uids};
//! use telerad_dimse::{AssociateRequest, Rejection, plan_contexts};
//! use telerad_net::blocking::{self, Acceptor, Association, Handlers, Incoming, Storage};
//! use telerad_net::dicom::{AssociationContext, Peer, ServerConfig, StoreReply, StoreRequest};
//! use telerad_net::{Listener, Remote, shutdown};
//!
//! struct Inbox;
//!
//! impl Storage for Inbox {
//!     fn begin(&self, _: &AssociationContext, _: &StoreRequest) -> Result<Box<dyn Incoming>, StoreReply> {
//!         Ok(Box::new(Instance(Vec::new()))) // … or a file that is not published yet
//!     }
//! }
//!
//! struct Instance(Vec<u8>);
//!
//! impl Incoming for Instance {
//!     fn write(&mut self, piece: &[u8]) -> Result<(), StoreReply> {
//!         self.0.extend_from_slice(piece);
//!         Ok(())
//!     }
//!
//!     fn finish(self: Box<Self>) -> StoreReply {
//!         Status::SUCCESS.into() // … once it is durable
//!     }
//! }
//!
//! impl Handlers for Inbox {
//!     fn admit(&self, request: &AssociateRequest, _: &Remote) -> Result<(), Rejection> {
//!         if request.called.as_str() == "INBOX" { Ok(()) } else { Err(Rejection::CALLED_AE_NOT_RECOGNIZED) }
//!     }
//! }
//!
//! # #[expect(clippy::disallowed_methods)] fn bind() -> std::io::Result<std::net::TcpListener> {
//! # std::net::TcpListener::bind("127.0.0.1:0") }
//! let acceptor = Acceptor::new(bind()?)?; // a std::net::TcpListener
//! let peer = Peer::new(acceptor.local_address(), "INBOX".parse()?, "CT1".parse()?);
//! let (handle, stop) = shutdown();
//! let services = blocking::services(Arc::new(Inbox));
//! let server = std::thread::Builder::new()
//!     .spawn(move || blocking::serve(acceptor, services, ServerConfig::default(), stop))?;
//!
//! let (class, syntax) = (uids::CT_IMAGE_STORAGE, uids::EXPLICIT_VR_LITTLE_ENDIAN);
//! let mut association = Association::connect(&peer, plan_contexts(&[(class, syntax)]).remove(0))?;
//! let request = StoreRequest {
//!     message_id: 0,
//!     sop_class_uid: class.to_owned(),
//!     sop_instance_uid: "2.25.1".to_owned(),
//!     transfer_syntax_uid: syntax.to_owned(),
//!     move_originator: None,
//! };
//! let data_set: &[u8] = b"\x08\x00\x60\x00CS\x02\x00CT"; // anything that is Read
//! assert!(association.store_from(&request, data_set)?.is_delivered());
//! association.release()?;
//! handle.request();
//! server.join().map_err(|_| "the server panicked")??;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits
//! Those of [`Peer`](crate::dicom::Peer) and [`ServerConfig`](crate::dicom::ServerConfig). An association costs a runtime (three
//! descriptors on Linux), on a server a thread as well. While a source, a sink or a handler is at work nothing else
//! happens on its association, and a deadline that passes meanwhile is noticed when it comes back: nobody can interrupt a
//! thread that waits.

mod acceptor;
mod association;
mod engine;
mod serve;
mod source;
mod storage;

pub use acceptor::{AcceptedStream, Acceptor};
pub use association::{Association, Find};
pub use serve::{Handlers, Matches, Threads, serve, services};
pub use source::{instances_from, read_source};
pub use storage::{Incoming, Storage, whole};
