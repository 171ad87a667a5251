//! Streams, timeouts and shutdown: pumps the protocol machines over tokio.
#![forbid(unsafe_code)]

use std::future::Future;
use std::pin::Pin;

mod accept;
mod clock;
pub mod dicom;
pub mod mllp;
mod pump;
mod shutdown;
mod slots;
mod spawn;
mod transport;
mod wire;

pub use clock::{Clock, SystemClock};
pub use shutdown::{Shutdown, ShutdownHandle, shutdown};
pub use spawn::{Spawn, TokioSpawn};
pub use transport::{Connector, Listener, TcpAcceptor, TcpConnector};

/// A boxed future that may move between threads: the form in which traits behind `dyn` return one.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
