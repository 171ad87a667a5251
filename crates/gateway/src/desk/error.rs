//! Why the desk did nothing.

use telerad_routing::{DestinationId, OperationError};
use telerad_store::StoreError;
use telerad_worklist::UndoError;

/// Why something that a person asked for was not done; nothing was changed then.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// What it rests on changed again and again. Ask again.
    #[error("it is being changed by others all the time; ask again")]
    Busy,
    /// The merge cannot be undone as things stand.
    #[error(transparent)]
    Merge(#[from] UndoError),
    /// What waits there is no message that may be about another patient, or waits no longer.
    #[error("no possible overlay waits under this id")]
    NotAnOverlay,
    /// The message cannot be applied, for another reason than the one that it waited for.
    #[error("the message cannot be applied: {reason}")]
    NotApplied {
        /// In words, without patient data.
        reason: String,
    },
    /// The report has no version that stands, or nobody gets reports of this site.
    #[error("there is nothing to send, or nobody who gets it")]
    NothingToSend,
    /// No conflict is parked under this UID at this site.
    #[error("no conflict of versions is parked under this UID")]
    NothingInConflict,
    /// The message still waits to be sent, or was answered.
    #[error("the message is not set aside")]
    NotSetAside,
    /// It makes no sense as the study stands.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// A later message of the same order has been taken by the receiver: this one would undo what it said. The report as it
    /// stands now can be sent again.
    #[error("a later message of its order was answered: sent now, it would undo that one")]
    Overtaken,
    /// The place for payloads failed.
    #[error("payloads: {reason}")]
    Payloads {
        /// In words.
        reason: String,
    },
    /// It was delivered, and its data sets are no longer kept: only its source can send it again.
    #[error("its data sets are no longer kept: its source has to send them again")]
    PayloadRemoved,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configuration has no such destination.
    #[error("there is no destination {destination}")]
    UnknownDestination {
        /// The destination.
        destination: DestinationId,
    },
    /// Nothing is queued of such an instance at this site.
    #[error("this site has no delivery of such an instance")]
    UnknownInstance,
    /// This site has no such message.
    #[error("this site has no such message")]
    UnknownMessage,
    /// This site has no such report, or no order for it.
    #[error("this site has no such report, or does not know its order")]
    UnknownReport,
    /// Nobody at this site is configured as the sender of the message any more.
    #[error("the sender of the message is not configured for this site")]
    UnknownSender,
    /// This site has no such study, or no rule wanted it.
    #[error("this site has no decision about such a study")]
    UnknownStudy,
}

impl DeskError {
    /// Whether the same request may be granted a moment later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy | Self::Payloads { .. } => true,
            Self::Store(error) => error.is_retryable(),
            Self::Merge(_)
            | Self::NotAnOverlay
            | Self::NotApplied { .. }
            | Self::NotSetAside
            | Self::NothingInConflict
            | Self::NothingToSend
            | Self::Operation(_)
            | Self::Overtaken
            | Self::PayloadRemoved
            | Self::UnknownDestination { .. }
            | Self::UnknownInstance
            | Self::UnknownMessage
            | Self::UnknownReport
            | Self::UnknownSender
            | Self::UnknownStudy => false,
        }
    }
}
