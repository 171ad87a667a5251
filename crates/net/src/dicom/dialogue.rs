//! What a service says on an association: responses to the request it serves, and requests of our own.
//!
//! Invariants, each with a test:
//! - The peer hears a response only after it has sent its whole data set: most senders listen only then.
//! - A message is put on the wire whole or the association is aborted; a data set never ends by accident.
//! - What waits to be sent is bounded, whatever the service produces: [`Dialogue::respond`] waits for the peer.
//! - A cancellation is heard between two messages, never inside one.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use bytes::Bytes;
use telerad_dicom::Status;
use telerad_dimse::{AcceptedContext, Command};
use tokio::sync::{mpsc, watch};

use super::body::{Body, BodyError};
use super::source::BodySource;

/// The service's end of one operation; [`Channel`] is the association's.
pub(super) struct Dialogue {
    context: AcceptedContext,
    request: Option<Command>,
    outgoing: mpsc::Sender<Said>,
    signal: watch::Receiver<Signal>,
    replies: mpsc::UnboundedReceiver<Reply>,
    message_ids: Arc<AtomicU16>,
}

/// The association's end of one operation.
pub(super) struct Channel {
    pub(super) outgoing: mpsc::Receiver<Said>,
    pub(super) signal: watch::Sender<Signal>,
    pub(super) replies: mpsc::UnboundedSender<Reply>,
}

/// A part of a message on its way to the wire.
#[derive(Debug)]
pub(super) enum Said {
    /// A command; when it has a data set, pieces and one end follow.
    Command { context_id: u8, command: Command },
    /// Some of the data set.
    Piece(Bytes),
    /// The data set is whole.
    End,
}

/// The peer's answer to a request of ours, with its data set.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) command: Command,
    pub(super) data_set: Option<Bytes>,
}

/// How the rest of the conversation looks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Signal {
    /// The peer waits for the answer.
    Going,
    /// The peer does not want the rest.
    Cancelled,
    /// The association is over; nobody will hear the answer.
    Gone,
}

/// The association is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the association is over")]
pub(super) struct Gone;

/// Why a request of ours got no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvokeError {
    #[error(transparent)]
    Gone(#[from] Gone),
    /// The association is aborted, because the data set has begun and cannot end.
    #[error("cannot read what is to be sent: {0}")]
    Source(io::Error),
}

/// Makes the two ends of an operation. `request` is `None` for one that we begin ourselves.
pub(super) fn dialogue(
    context: AcceptedContext,
    request: Option<Command>,
    message_ids: Arc<AtomicU16>,
) -> (Dialogue, Channel) {
    let (outgoing, received) = mpsc::channel(PARTS_MAX);
    let (signal, signalled) = watch::channel(Signal::Going);
    let (replied, replies) = mpsc::unbounded_channel();
    let dialogue = Dialogue { context, request, outgoing, signal: signalled, replies, message_ids };
    (dialogue, Channel { outgoing: received, signal, replies: replied })
}

impl Dialogue {
    /// The presentation context of the request.
    pub(super) fn context(&self) -> &AcceptedContext {
        &self.context
    }

    /// Answers the request with a status alone.
    pub(super) async fn answer(&self, status: Status) -> Result<(), Gone> {
        match self.request.as_ref().and_then(|request| request.response(status)) {
            Some(response) => self.respond(response, None).await,
            None => Ok(()),
        }
    }

    /// Sends a response on the context of the request, waiting for room.
    pub(super) async fn respond(
        &self,
        response: Command,
        data_set: Option<Bytes>,
    ) -> Result<(), Gone> {
        self.say(Said::Command { context_id: self.context.id, command: response }).await?;
        if let Some(data_set) = data_set {
            self.say(Said::Piece(data_set)).await?;
            self.say(Said::End).await?;
        }
        Ok(())
    }

    /// Sends a request of our own, made with the message ID that it gets; the message ID.
    ///
    /// Dropping the future half-way aborts the association if the data set has begun.
    pub(super) async fn say_request(
        &self,
        context_id: u8,
        request: impl FnOnce(u16) -> Command,
        mut source: impl BodySource,
    ) -> Result<u16, InvokeError> {
        let message_id = next_message_id(&self.message_ids);
        let command = request(message_id);
        let has_data_set = command.has_data_set();
        self.say(Said::Command { context_id, command }).await?;
        if has_data_set {
            while let Some(piece) = source.next().await.map_err(InvokeError::Source)? {
                self.say(Said::Piece(piece)).await?;
            }
            self.say(Said::End).await?;
        }
        Ok(message_id)
    }

    /// Waits for the answer to a request of ours.
    pub(super) async fn reply_to(&mut self, message_id: u16) -> Result<Reply, Gone> {
        loop {
            let reply = self.replies.recv().await.ok_or(Gone)?;
            if reply.command.message_id() == message_id {
                return Ok(reply);
            }
        }
    }

    /// Waits until the peer cancels, or the association is over.
    pub(super) async fn cancelled(&self) {
        let mut signal = self.signal.clone();
        // An error means that the association has let go of the operation.
        let _ = signal.wait_for(|signal| *signal != Signal::Going).await;
    }

    /// Whether the peer has cancelled, or the association is over.
    pub(super) fn is_cancelled(&self) -> bool {
        *self.signal.borrow() != Signal::Going
    }

    async fn say(&self, said: Said) -> Result<(), Gone> {
        self.outgoing.send(said).await.map_err(|_| Gone)
    }
}

/// Reads a whole data set of at most so many bytes.
pub(super) async fn collect(mut body: Body, bytes_max: usize) -> Result<Bytes, CollectError> {
    let mut collected = Vec::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(CollectError::Broken)?;
        if collected.len() + piece.len() > bytes_max {
            return Err(CollectError::TooLong(bytes_max));
        }
        collected.extend_from_slice(&piece);
    }
    Ok(Bytes::from(collected))
}

/// Why there is no whole data set.
#[derive(Debug, thiserror::Error)]
pub(super) enum CollectError {
    #[error(transparent)]
    Broken(BodyError),
    #[error("the data set exceeds {0} bytes")]
    TooLong(usize),
}

/// The next message ID of ours; 0 is not used, since some peers take it for none.
fn next_message_id(ids: &AtomicU16) -> u16 {
    loop {
        let id = ids.fetch_add(1, Ordering::Relaxed);
        if id != 0 {
            return id;
        }
    }
}

/// How many parts of messages wait between a service and the wire: a handful of small answers.
const PARTS_MAX: usize = 12;
