//! Accepting connections within limits, and letting them go in order.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::BoxFuture;
use crate::clock::{Clock, after, until};
use crate::identity::PeerIdentity;
use crate::remote::Remote;
use crate::shutdown::Shutdown;
use crate::slots::{Slot, Slots};
use crate::spawn::Spawn;
use crate::tls::TlsFault;
use crate::transport::Listener;
use crate::wire::Duplex;

/// What is the same for every server.
pub(crate) struct Acceptor {
    /// For logs and task names: `DICOM` or `HL7`.
    pub(crate) protocol: &'static str,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) spawn: Arc<dyn Spawn>,
    pub(crate) shutdown: Shutdown,
    pub(crate) slots: Slots,
    pub(crate) drain: Duration,
    /// What a peer gets for its handshake.
    pub(crate) tls: Duration,
}

impl Acceptor {
    /// Starts a task for each connection until shutdown, then waits until all have ended, at the latest after the
    /// drain deadline and a moment for goodbyes.
    pub(crate) async fn run<L: Listener>(
        self,
        mut listener: L,
        serve: impl Fn(Box<dyn Duplex>, Remote, Slot) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) {
        let serve = Arc::new(serve);
        let (protocol, local_address) = (self.protocol, listener.local_address());
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shutdown.requested() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer_address)) => {
                    let Some(slot) = self.slots.take(&peer_address) else {
                        tracing::warn!(protocol, peer_address, "connection closed: too many");
                        continue;
                    };
                    let name = format!("{protocol} {peer_address}");
                    let ready = self.ready(listener.handshake(stream), peer_address);
                    let serve = Arc::clone(&serve);
                    let task = async move {
                        if let Some((stream, remote)) = ready.await {
                            serve(stream, remote, slot).await;
                        }
                    };
                    self.spawn.spawn(&name, Box::pin(task));
                }
                Err(error) => {
                    // Out of descriptors, most likely: give the others time to close some.
                    tracing::warn!(protocol, local_address, %error, "cannot accept a connection");
                    let pause = after(self.clock.now(), ACCEPT_PAUSE);
                    let _ = until(&self.clock, pause, self.shutdown.requested()).await;
                }
            }
        }
        drop(listener);
        tracing::info!(protocol, local_address, connections = self.slots.total(), "draining");
        let deadline = after(self.clock.now(), self.drain.saturating_add(GOODBYE));
        if until(&self.clock, deadline, self.slots.all_free()).await.is_none() {
            let connections = self.slots.total();
            tracing::warn!(protocol, local_address, connections, "connections left behind");
        }
    }

    /// Waits for a handshake, but not for ever, and not for longer than we are here.
    fn ready<S: Duplex + 'static>(
        &self,
        handshake: impl Future<Output = io::Result<(S, Option<PeerIdentity>)>> + Send + 'static,
        peer_address: String,
    ) -> impl Future<Output = Option<(Box<dyn Duplex>, Remote)>> + Send + 'static {
        let (protocol, clock, shutdown) =
            (self.protocol, Arc::clone(&self.clock), self.shutdown.clone());
        let deadline = after(clock.now(), self.tls);
        async move {
            // What is ready at once is served in a shutdown too: it is told so politely.
            let shaken = tokio::select! {
                biased;
                shaken = until(&clock, deadline, handshake) => shaken,
                () = shutdown.requested() => return None,
            };
            let error = match shaken {
                Some(Ok((stream, identity))) => {
                    let stream: Box<dyn Duplex> = Box::new(stream);
                    return Some((stream, Remote::at(peer_address).identified(identity)));
                }
                Some(Err(error)) => error,
                None => TlsFault::Timeout.into(),
            };
            // Health probes connect and close, every few seconds.
            if TlsFault::of(&error) == Some(&TlsFault::Closed) {
                tracing::debug!(protocol, peer_address, %error, "no TLS");
            } else {
                tracing::warn!(protocol, peer_address, %error, "no TLS");
            }
            None
        }
    }
}

/// How long to leave a listener alone that reports an error.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Beyond the drain deadline, for the last bytes.
const GOODBYE: Duration = Duration::from_secs(2);
