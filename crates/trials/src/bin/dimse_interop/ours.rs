//! Our side: servers, and associations that we open.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use telerad::core::AeTitle;
use telerad::dicom::dataset::DataSet;
use telerad::dicom::{Status, Tag, tags, uids};
use telerad::dimse::ProposedContext;
use telerad::net::dicom::{
    ClientAssociation, MoveDestination, Peer, Server, StoreRequest, Timeouts,
};
use telerad::net::tls::{ServerTls, TlsAcceptor};
use telerad::net::{
    AnyConnector, Listener, ShutdownHandle, TcpAcceptor, TcpConnector, TokioSpawn, shutdown,
};
use tokio::runtime::Runtime;

use crate::TITLE;
use crate::archive::Archive;
use crate::study::Sample;

/// Implicit VR Little Endian.
pub const IMPLICIT: &str = uids::IMPLICIT_VR_LITTLE_ENDIAN;
/// Explicit VR Little Endian.
pub const EXPLICIT: &str = uids::EXPLICIT_VR_LITTLE_ENDIAN;

/// Runs our side.
pub struct Ours {
    runtime: Runtime,
}

/// A server of ours; it stops when dropped.
pub struct Serving {
    pub archive: Archive,
    pub port: u16,
    _stop: ShutdownHandle,
}

impl Ours {
    /// A runtime with one thread for the servers; what we ask runs where it is asked.
    pub fn new() -> Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        Ok(Self { runtime: builder.worker_threads(1).enable_all().build()? })
    }

    /// Serves an empty archive.
    pub fn serve(&self) -> Result<Serving> {
        let acceptor = self.runtime.block_on(TcpAcceptor::bind("127.0.0.1:0"))?;
        self.serve_on(acceptor)
    }

    /// The same over TLS.
    pub fn serve_tls(&self, tls: ServerTls) -> Result<Serving> {
        let acceptor = self.runtime.block_on(TcpAcceptor::bind("127.0.0.1:0"))?;
        self.serve_on(TlsAcceptor::new(acceptor, tls))
    }

    /// Serves something else than an archive.
    pub fn serve_with(&self, server: Server) -> Result<Serving> {
        let acceptor = self.runtime.block_on(TcpAcceptor::bind("127.0.0.1:0"))?;
        self.start(acceptor, Archive::default(), server)
    }

    fn serve_on(&self, listener: impl Listener) -> Result<Serving> {
        let archive = Archive::default();
        let server = archive.server();
        self.start(listener, archive, server)
    }

    fn start(&self, listener: impl Listener, archive: Archive, server: Server) -> Result<Serving> {
        let address = listener.local_address();
        let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.context("the listener has no port")?;
        let (stop, stopped) = shutdown();
        self.runtime.spawn(server.serve(listener, Arc::new(TokioSpawn), stopped));
        Ok(Serving { archive, port, _stop: stop })
    }

    /// Runs what we ask of a peer, within [`LIMIT`].
    pub fn run<T>(&self, asked: impl Future<Output = Result<T>>) -> Result<T> {
        let limited = async { tokio::time::timeout(LIMIT, asked).await };
        self.runtime.block_on(limited).context("our side did not end in time")?
    }
}

/// A peer on loopback, with timeouts that end before [`LIMIT`].
pub fn peer(port: u16, called: &str) -> Peer {
    let title = |text| AeTitle::new(text).expect("a title that was written here");
    let mut peer = Peer::new(format!("127.0.0.1:{port}"), title(called), title(TITLE));
    let (response, retrieve) = (Duration::from_secs(30), Duration::from_secs(60));
    peer.timeouts = Timeouts { response, retrieve, ..Timeouts::default() };
    peer
}

/// The same, for those who send there on request.
pub fn destination(port: u16, called: &str) -> MoveDestination {
    MoveDestination { peer: peer(port, called), connector: AnyConnector::new(TcpConnector) }
}

/// One context for each pair of SOP class and transfer syntaxes.
pub fn contexts(needs: &[(&str, &[&str])]) -> Vec<ProposedContext> {
    let context = |((class, syntaxes), id): (&(&str, &[&str]), u8)| ProposedContext {
        id,
        abstract_syntax: (*class).to_owned(),
        transfer_syntaxes: syntaxes.iter().map(|it| (*it).to_owned()).collect(),
    };
    needs.iter().zip((1..).step_by(2)).map(context).collect()
}

/// Sends instances one after the other; each has to be answered with success.
pub async fn store(association: &mut ClientAssociation, samples: &[Sample]) -> Result<()> {
    for sample in samples {
        let request = StoreRequest {
            message_id: 0,
            sop_class_uid: sample.sop_class_uid.clone(),
            sop_instance_uid: sample.sop_instance_uid.clone(),
            transfer_syntax_uid: sample.transfer_syntax_uid.clone(),
            move_originator: None,
        };
        let answer = association.store(&request, sample.data_set.clone()).await;
        let answer = answer.with_context(|| sample.sop_instance_uid.clone())?;
        let status = answer.status();
        ensure!(answer.is_delivered(), "answered {:04X}H", status.code());
    }
    Ok(())
}

/// An identifier: a level and keys, empty ones to be filled in.
pub fn keys(level: &str, keys: &[(Tag, &str)]) -> DataSet {
    let mut identifier = DataSet::new();
    if !level.is_empty() {
        identifier.set_text(tags::QUERY_RETRIEVE_LEVEL, level);
    }
    for (tag, text) in keys {
        match text.is_empty() {
            true => identifier.set_empty(*tag),
            false => identifier.set_text(*tag, text),
        }
    }
    identifier
}

/// A status has to be this one.
pub fn expect(status: Status, expected: Status) -> Result<()> {
    ensure!(status == expected, "status {:04X}H", status.code());
    Ok(())
}

/// How long anything that we ask may take as a whole.
pub const LIMIT: Duration = Duration::from_secs(120);
