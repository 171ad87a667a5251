//! Associations that we open, and wait on.

use std::future::Future;
use std::io::{self, Read};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use telerad_core::AeTitle;
use telerad_dicom::{DataSet, PeerAnswer, Status};
use telerad_dimse::{AcceptedContext, ContextResult, ProposedContext, SubOperations};

use super::engine::Engine;
use super::source::read_source;
use super::storage::{Sink, Storage};
use crate::clock::SystemClock;
use crate::dicom::{
    AssociationError, AssociationFault, BodySource, ClientAssociation, EventReport, FindMatch,
    FindStream, GetEvent, NReply, NRequest, Peer, RetrieveOutcome, StoreError, StoreRequest,
};
use crate::transport::{Connector, TcpConnector, TcpLink};

/// An association that we opened, one operation at a time; the counterpart of
/// [`dicom::ClientAssociation`](ClientAssociation), where each operation is described. Dropping it aborts it.
///
/// Nothing happens on it between two calls.
pub struct Association {
    // Declared before its runtime: it is gone first.
    association: ClientAssociation,
    line: Line,
}

/// What waits for an association.
struct Line {
    engine: Engine,
    peer: Peer,
}

impl Association {
    /// Connects over TCP and opens an association that proposes `contexts`.
    ///
    /// # Errors
    /// As [`ClientAssociation::connect`].
    pub fn connect(peer: &Peer, contexts: Vec<ProposedContext>) -> Result<Self, AssociationError> {
        Self::connect_with(&TcpConnector, peer, contexts)
    }

    /// Connects by the given connector, for instance over TLS, and opens an association that proposes `contexts`.
    ///
    /// # Errors
    /// As [`ClientAssociation::connect`].
    pub fn connect_with<C: Connector>(
        connector: &C,
        peer: &Peer,
        contexts: Vec<ProposedContext>,
    ) -> Result<Self, AssociationError> {
        let line = Line::new(peer)?;
        let association = line.wait(ClientAssociation::connect(connector, peer, contexts))?;
        Ok(Self { association, line })
    }

    /// Opens an association on a stream that is connected already. Its own timeouts are not used.
    ///
    /// # Errors
    /// As [`ClientAssociation::open`].
    pub fn open(
        stream: TcpStream,
        peer: &Peer,
        contexts: Vec<ProposedContext>,
    ) -> Result<Self, AssociationError> {
        let line = Line::new(peer)?;
        let association = line.wait(async {
            let stream = link(stream).map_err(|error| line.error(&error))?;
            ClientAssociation::open(stream, SystemClock::shared(), peer, contexts).await
        })?;
        Ok(Self { association, line })
    }

    /// Verifies that the peer is there (C-ECHO).
    ///
    /// # Errors
    /// As [`ClientAssociation::echo`].
    pub fn echo(&mut self) -> Result<Status, AssociationError> {
        self.line.wait(self.association.echo())
    }

    /// Stores one instance (C-STORE) from memory, or any other source that is there without waiting.
    ///
    /// # Errors
    /// As [`ClientAssociation::store`].
    pub fn store(
        &mut self,
        request: &StoreRequest,
        source: impl BodySource,
    ) -> Result<PeerAnswer, StoreError> {
        self.line.wait(self.association.store(request, source))
    }

    /// Stores one instance (C-STORE) from a reader of its data set, such as a file, of which no more than a few hundred
    /// kilobytes are in memory at a time. [`Timeouts::source`](crate::dicom::Timeouts::source) cannot interrupt the reader.
    ///
    /// # Errors
    /// As [`ClientAssociation::store`].
    pub fn store_from(
        &mut self,
        request: &StoreRequest,
        reader: impl Read + Send,
    ) -> Result<PeerAnswer, StoreError> {
        self.store(request, read_source(reader))
    }

    /// Asks a question (C-FIND); the answers come one by one.
    ///
    /// # Errors
    /// As [`ClientAssociation::find`].
    pub fn find(
        &mut self,
        sop_class_uid: &str,
        identifier: &DataSet,
    ) -> Result<Find<'_>, AssociationError> {
        let stream = self.line.wait(self.association.find(sop_class_uid, identifier))?;
        Ok(Find { stream, line: &self.line })
    }

    /// Asks a question (C-FIND) and collects the answers.
    ///
    /// # Errors
    /// As [`ClientAssociation::find_all`].
    pub fn find_all(
        &mut self,
        sop_class_uid: &str,
        identifier: &DataSet,
    ) -> Result<Vec<DataSet>, AssociationError> {
        self.line.wait(self.association.find_all(sop_class_uid, identifier))
    }

    /// Asks the peer to send what `identifier` names to `destination` (C-MOVE), and waits for the end. `progress` hears
    /// the counts of each pending response; when it breaks, the rest is cancelled (C-CANCEL).
    ///
    /// # Errors
    /// As [`ClientAssociation::move_to`]; a final status is none, whatever it says.
    pub fn move_to(
        &mut self,
        sop_class_uid: &str,
        destination: &AeTitle,
        identifier: &DataSet,
        mut progress: impl FnMut(SubOperations) -> ControlFlow<()> + Send,
    ) -> Result<RetrieveOutcome, AssociationError> {
        let association = &mut self.association;
        self.line.wait(async move {
            let mut stream = association.move_to(sop_class_uid, destination, identifier).await?;
            let mut is_cancelled = false;
            while let Some(counts) = stream.next().await {
                if progress(counts?).is_break() && !is_cancelled {
                    is_cancelled = true;
                    stream.cancel().await?;
                }
            }
            stream.finish().await
        })
    }

    /// Asks the peer for what `identifier` names, into `storage` (C-GET), and waits for the end. `progress` hears of each
    /// instance and of the counts; when it breaks, the rest is cancelled (C-CANCEL).
    ///
    /// # Errors
    /// As [`ClientAssociation::get`]; a final status is none, whatever it says.
    pub fn get(
        &mut self,
        sop_class_uid: &str,
        identifier: &DataSet,
        storage: Arc<dyn Storage>,
        mut progress: impl FnMut(GetEvent) -> ControlFlow<()> + Send,
    ) -> Result<RetrieveOutcome, AssociationError> {
        let (association, sink) = (&mut self.association, Sink(storage));
        self.line.wait(async move {
            let mut stream = association.get(sop_class_uid, identifier, &sink).await?;
            let mut is_cancelled = false;
            while let Some(event) = stream.next().await {
                if progress(event?).is_break() && !is_cancelled {
                    is_cancelled = true;
                    stream.cancel().await?;
                }
            }
            stream.finish().await
        })
    }

    /// Invokes an N-service; the peer's reply, whatever its status.
    ///
    /// # Errors
    /// As [`ClientAssociation::n_service`].
    pub fn n_service(&mut self, request: &NRequest) -> Result<NReply, AssociationError> {
        self.line.wait(self.association.n_service(request))
    }

    /// Waits for the next N-EVENT-REPORT, at most this long; `None` when none has come.
    ///
    /// # Errors
    /// As [`ClientAssociation::next_report`].
    pub fn next_report(
        &mut self,
        patience: Duration,
    ) -> Result<Option<EventReport>, AssociationError> {
        self.line.wait(self.association.next_report(patience))
    }

    /// Answers a report.
    ///
    /// # Errors
    /// As [`ClientAssociation::answer_report`].
    pub fn answer_report(
        &mut self,
        report: EventReport,
        reply: NReply,
    ) -> Result<(), AssociationError> {
        self.line.wait(self.association.answer_report(report, reply))
    }

    /// Releases the association in order.
    ///
    /// # Errors
    /// As [`ClientAssociation::release`].
    pub fn release(self) -> Result<(), AssociationError> {
        self.line.wait(self.association.release())
    }

    /// Whether another operation can be started, after a look at what the peer has said meanwhile.
    pub fn is_usable(&mut self) -> bool {
        let association = &mut self.association;
        self.line.engine.run(async move { association.is_usable() }).unwrap_or(false)
    }

    /// The contexts that the peer accepted.
    pub fn accepted(&self) -> &[AcceptedContext] {
        self.association.accepted()
    }

    /// The contexts that the peer refused, and why.
    pub fn refused(&self) -> &[(u8, ContextResult)] {
        self.association.refused()
    }

    /// Whether an instance of this class in this transfer syntax can be sent here.
    pub fn accepts(&self, sop_class_uid: &str, transfer_syntax_uid: &str) -> bool {
        self.association.accepts(sop_class_uid, transfer_syntax_uid)
    }
}

/// The answers to a question; the counterpart of [`dicom::FindStream`](FindStream).
///
/// Dropped before its end it aborts the association: to stop in peace, [`cancel`](Self::cancel) and read on to the end.
pub struct Find<'a> {
    stream: FindStream<'a>,
    line: &'a Line,
}

impl Find<'_> {
    /// Tells the peer that the rest is not wanted (C-CANCEL).
    ///
    /// # Errors
    /// As [`FindStream::cancel`].
    pub fn cancel(&mut self) -> Result<(), AssociationError> {
        self.line.wait(self.stream.cancel())
    }

    /// The final status, once it has come.
    pub fn status(&self) -> Option<Status> {
        self.stream.status()
    }
}

impl Iterator for Find<'_> {
    type Item = Result<FindMatch, AssociationError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.line.wait(async { Ok::<_, AssociationError>(self.stream.next().await) });
        next.unwrap_or_else(|error| Some(Err(error)))
    }
}

impl Line {
    fn new(peer: &Peer) -> Result<Self, AssociationError> {
        match Engine::new() {
            Ok(engine) => Ok(Self { engine, peer: peer.clone() }),
            Err(error) => Err(peer.error(AssociationFault::NoRuntime(error.kind()))),
        }
    }

    fn wait<T, E>(&self, operation: impl Future<Output = Result<T, E>> + Send) -> Result<T, E>
    where
        T: Send,
        E: From<AssociationError> + Send,
    {
        match self.engine.run(operation) {
            Ok(result) => result,
            Err(error) => Err(self.error(&error).into()),
        }
    }

    fn error(&self, error: &io::Error) -> AssociationError {
        self.peer.error(AssociationFault::NoRuntime(error.kind()))
    }
}

impl std::fmt::Debug for Association {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.association.fmt(f)
    }
}

impl std::fmt::Debug for Find<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Find").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// Gives a stream to the runtime that we are in.
pub(super) fn link(stream: TcpStream) -> io::Result<TcpLink> {
    stream.set_nonblocking(true)?;
    Ok(TcpLink::new(tokio::net::TcpStream::from_std(stream)?))
}
