//! A reading platform that keeps a record of what it is sent.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use telerad::dicom::Status;
use telerad::dimse::AssociateRequest;
use telerad::net::dicom::{AssociationContext, Body, Server, StoreReply, StoreRequest, StoreScp};
use telerad::net::{Listener, Remote, ShutdownHandle, TcpAcceptor, TcpLink, TokioSpawn, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wait;

/// One complete instance that arrived.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Received {
    /// From the command set.
    pub sop_instance_uid: String,
    /// Of the presentation context.
    pub transfer_syntax_uid: String,
    /// Of the bytes of the data set.
    pub digest: blake3::Hash,
    /// How many bytes the data set has.
    pub bytes: u64,
}

/// What arrived so far. It outlives the sink, so that a peer can go away and come back.
#[derive(Clone, Debug, Default)]
pub struct Records(Arc<Mutex<Vec<Received>>>);

impl Records {
    /// Everything, in order of arrival, repetitions included.
    pub fn all(&self) -> MutexGuard<'_, Vec<Received>> {
        self.0.lock().expect("no holder of this lock panics")
    }

    /// Whether an instance arrived with these bytes.
    pub fn has(&self, sop_instance_uid: &str, digest: &blake3::Hash) -> bool {
        let is_it = |it: &Received| it.sop_instance_uid == sop_instance_uid && it.digest == *digest;
        self.all().iter().any(is_it)
    }

    /// How often each instance arrived with which bytes.
    pub fn by_instance(&self) -> HashMap<String, HashMap<blake3::Hash, u32>> {
        let mut instances: HashMap<String, HashMap<blake3::Hash, u32>> = HashMap::new();
        for received in self.all().iter() {
            let digests = instances.entry(received.sop_instance_uid.clone()).or_default();
            *digests.entry(received.digest).or_default() += 1;
        }
        instances
    }
}

/// A storage SCP on loopback, in a thread of its own; it stops when dropped.
#[derive(Debug)]
pub struct DicomSink {
    port: u16,
    open: Arc<AtomicUsize>,
    stop: Option<ShutdownHandle>,
    thread: Option<JoinHandle<()>>,
}

impl DicomSink {
    /// Listens on the port (0 lets the system choose) and records into `records`.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn start(port: u16, records: &Records) -> Result<Self> {
        let (handle, wish) = shutdown();
        let everybody = |_: &AssociateRequest, _: &Remote| Ok(());
        let server = Server::builder(everybody).store(Recorder(records.clone())).build();
        let (started, bound) = channel();
        let open = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&open);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(async {
                let listener = match TcpAcceptor::bind(&format!("127.0.0.1:{port}")).await {
                    Ok(listener) => listener,
                    Err(error) => return drop(started.send(Err(error))),
                };
                let address = telerad::net::Listener::local_address(&listener);
                drop(started.send(Ok(address)));
                let listener = Counted { listener, open: counted };
                server.serve(listener, Arc::new(TokioSpawn), wish).await;
            });
        });
        let address = bound.recv().context("the sink's thread ended")??;
        let port = address.rsplit(':').next().context("an address has a port")?.parse()?;
        Ok(Self { port, open, stop: Some(handle), thread: Some(thread) })
    }

    /// Waits so long until nobody is connected: everything that was sent before has been recorded then, or never will be.
    pub fn is_quiet_within(&self, limit: Duration) -> bool {
        wait::until(limit, || self.open.load(Ordering::SeqCst) == 0)
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for DicomSink {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has already been printed.
            let _ = thread.join();
        }
    }
}

/// Counts the connections that are open.
struct Counted {
    listener: TcpAcceptor,
    open: Arc<AtomicUsize>,
}

impl Listener for Counted {
    type Stream = CountedLink;

    async fn accept(&mut self) -> io::Result<(CountedLink, String)> {
        let (link, peer) = self.listener.accept().await?;
        self.open.fetch_add(1, Ordering::SeqCst);
        Ok((CountedLink { link, open: Arc::clone(&self.open) }, peer))
    }

    fn local_address(&self) -> String {
        self.listener.local_address()
    }
}

struct CountedLink {
    link: TcpLink,
    open: Arc<AtomicUsize>,
}

impl Drop for CountedLink {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl AsyncRead for CountedLink {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.link).poll_read(context, buffer)
    }
}

impl AsyncWrite for CountedLink {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.link).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.link).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.link.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.link).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.link).poll_shutdown(context)
    }
}

struct Recorder(Records);

impl StoreScp for Recorder {
    async fn store(
        &self,
        _: AssociationContext,
        request: StoreRequest,
        mut body: Body,
    ) -> StoreReply {
        let mut hasher = blake3::Hasher::new();
        let mut count = 0;
        while let Some(piece) = body.next().await {
            let Ok(piece) = piece else {
                // Cut off: whatever came is no instance.
                return StoreReply::from(Status::OUT_OF_RESOURCES);
            };
            hasher.update(&piece);
            count += piece.len() as u64;
        }
        self.0.all().push(Received {
            sop_instance_uid: request.sop_instance_uid,
            transfer_syntax_uid: request.transfer_syntax_uid,
            digest: hasher.finalize(),
            bytes: count,
        });
        StoreReply::from(Status::SUCCESS)
    }
}
