//! The ways in which an association ends badly: A-ASSOCIATE-RJ, A-ABORT, and why.

/// The answer "no" to an association request (PS3.8 section 9.3.4).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Rejection {
    /// Whether asking again later may help.
    pub result: RejectResult,
    /// Which layer of the peer said no.
    pub source: RejectSource,
    /// The reason code; its meaning depends on the source (PS3.8 table 9-21).
    pub reason: u8,
}

impl Rejection {
    /// Permanent, by the application, without a reason.
    pub const NO_REASON: Self = Self::new(RejectResult::Permanent, RejectSource::ServiceUser, 1);
    /// The application context name is not the one of DICOM.
    pub const APPLICATION_CONTEXT_NOT_SUPPORTED: Self =
        Self::new(RejectResult::Permanent, RejectSource::ServiceUser, 2);
    /// The caller is not known here.
    pub const CALLING_AE_NOT_RECOGNIZED: Self =
        Self::new(RejectResult::Permanent, RejectSource::ServiceUser, 3);
    /// Nobody of the called name is here.
    pub const CALLED_AE_NOT_RECOGNIZED: Self =
        Self::new(RejectResult::Permanent, RejectSource::ServiceUser, 7);
    /// The upper layer protocol version is not 1.
    pub const PROTOCOL_VERSION_NOT_SUPPORTED: Self =
        Self::new(RejectResult::Permanent, RejectSource::ServiceProviderAcse, 2);
    /// Too busy for the moment.
    pub const TEMPORARY_CONGESTION: Self =
        Self::new(RejectResult::Transient, RejectSource::ServiceProviderPresentation, 1);
    /// As many associations as are allowed are open already.
    pub const LOCAL_LIMIT_EXCEEDED: Self =
        Self::new(RejectResult::Transient, RejectSource::ServiceProviderPresentation, 2);

    /// A rejection from its three codes.
    pub const fn new(result: RejectResult, source: RejectSource, reason: u8) -> Self {
        Self { result, source, reason }
    }

    /// Whether the same request may be accepted later.
    pub fn is_retryable(self) -> bool {
        self.result == RejectResult::Transient
    }

    fn reason_in_words(self) -> Option<&'static str> {
        match (self.source, self.reason) {
            (RejectSource::ServiceUser, 1) | (RejectSource::ServiceProviderAcse, 1) => {
                Some("no reason given")
            }
            (RejectSource::ServiceUser, 2) => Some("application context name not supported"),
            (RejectSource::ServiceUser, 3) => Some("calling AE title not recognized"),
            (RejectSource::ServiceUser, 7) => Some("called AE title not recognized"),
            (RejectSource::ServiceProviderAcse, 2) => Some("protocol version not supported"),
            (RejectSource::ServiceProviderPresentation, 1) => Some("temporary congestion"),
            (RejectSource::ServiceProviderPresentation, 2) => Some("local limit exceeded"),
            _ => None,
        }
    }
}

impl std::fmt::Display for Rejection {
    /// For a person: `rejected (permanently, by the application): called AE title not recognized`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let result = match self.result {
            RejectResult::Permanent => "permanently",
            RejectResult::Transient => "for now",
        };
        let source = match self.source {
            RejectSource::ServiceUser => "the application",
            RejectSource::ServiceProviderAcse => "the upper layer (association)",
            RejectSource::ServiceProviderPresentation => "the upper layer (presentation)",
        };
        write!(f, "rejected ({result}, by {source}): ")?;
        match self.reason_in_words() {
            Some(words) => f.write_str(words),
            None => write!(f, "reserved reason {}", self.reason),
        }
    }
}

/// Whether a rejection is final (PS3.8 section 9.3.4, Result).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RejectResult {
    /// The same request will be rejected again.
    Permanent,
    /// The same request may be accepted later.
    Transient,
}

/// Who rejected (PS3.8 section 9.3.4, Source).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RejectSource {
    /// The application above the upper layer.
    ServiceUser,
    /// The upper layer, about the association itself.
    ServiceProviderAcse,
    /// The upper layer, about presentation.
    ServiceProviderPresentation,
}

/// Who sent an A-ABORT (PS3.8 section 9.3.8, Source).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AbortSource {
    /// The peer's application.
    ServiceUser,
    /// The peer's upper layer, because of something it did not understand.
    ServiceProvider,
    /// A source code that the standard reserves.
    Reserved(u8),
}

impl std::fmt::Display for AbortSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ServiceUser => f.write_str("the peer's application"),
            Self::ServiceProvider => f.write_str("the peer's upper layer"),
            Self::Reserved(code) => write!(f, "the peer (reserved source {code})"),
        }
    }
}

/// Why we send an A-ABORT (PS3.8 section 9.3.8, Reason/Diag).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AbortReason {
    /// The application wants to end; source 0, reason 0.
    ServiceUser,
    /// Provider, reason 0.
    NotSpecified,
    /// Provider, reason 1.
    UnrecognizedPdu,
    /// Provider, reason 2.
    UnexpectedPdu,
    /// Provider, reason 4.
    UnrecognizedPduParameter,
    /// Provider, reason 5.
    UnexpectedPduParameter,
    /// Provider, reason 6.
    InvalidPduParameter,
}

/// A named timer; each is there for one reason.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Timer {
    /// Acceptor: the transport is open, the A-ASSOCIATE-RQ is not here yet (ARTIM in Sta2).
    Request,
    /// Requestor: the A-ASSOCIATE-RQ is out, no answer yet.
    Accept,
    /// A request of ours has been sent whole and the peer is silent.
    Response,
    /// The peer stopped in the middle of a PDU or a message.
    Progress,
    /// Nothing is going on and nobody releases.
    Idle,
    /// Our A-RELEASE-RQ is out, no A-RELEASE-RP yet.
    Release,
    /// The peer asked for release and our own user does not finish what it owes.
    Finish,
    /// We sent an A-ABORT and the peer does not close the transport (ARTIM in Sta13).
    Abort,
    /// We sent an A-RELEASE-RP or A-ASSOCIATE-RJ and the peer does not close the transport (ARTIM in Sta13).
    Close,
}

impl std::fmt::Display for Timer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Request => "waiting for the association request",
            Self::Accept => "waiting for the answer to the association request",
            Self::Response => "waiting for a response",
            Self::Progress => "waiting for the rest of a message",
            Self::Idle => "waiting on an idle association",
            Self::Release => "waiting for the answer to the release request",
            Self::Finish => "waiting for outstanding work before release",
            Self::Abort => "waiting for the peer to close after an abort",
            Self::Close => "waiting for the peer to close",
        })
    }
}

/// Why an association ended although the peer neither released nor aborted it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CloseReason {
    /// Our own user aborted.
    #[error("aborted by our own application")]
    Aborted,
    /// The peer broke the protocol; an A-ABORT was sent.
    #[error("protocol error: {0}")]
    Protocol(ProtocolError),
    /// We rejected the association request, by our user's decision or because it was unacceptable as such.
    #[error("the request was {0}")]
    Rejected(Rejection),
    /// A timer ran out; an A-ABORT was sent where one may be sent.
    #[error("timed out {0}")]
    Timeout(Timer),
    /// The transport connection was closed under us.
    #[error("the peer closed the connection")]
    Transport,
    /// What our own user asked for cannot be put on the wire; nothing was sent.
    #[error("cannot be requested: {0}")]
    Unusable(UseError),
}

/// How the peer broke the protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A PDU of a type that does not exist (PS3.8 section 9.3.1); other protocols on the port end here.
    #[error("unrecognized PDU type 0x{0:02X}")]
    UnrecognizedPdu(u8),
    /// A PDU that may not come in this state (PS3.8 table 9-10).
    #[error("PDU type 0x{0:02X} is not expected now")]
    UnexpectedPdu(u8),
    /// A PDU longer than the limit.
    #[error("PDU of {length} bytes exceeds the limit of {limit} bytes")]
    PduTooLong {
        /// The length that the header declares, in bytes.
        length: u32,
        /// The limit, in bytes.
        limit: u32,
    },
    /// A PDU whose fixed fields or items do not add up.
    #[error("PDU type 0x{0:02X} is malformed")]
    MalformedPdu(u8),
    /// A PDV whose length is below 2 or beyond the end of its PDU.
    #[error("PDV length {0} does not fit its PDU")]
    PdvLength(u32),
    /// A PDV on a context that was not accepted.
    #[error("presentation context {0} was not accepted")]
    ContextNotAccepted(u8),
    /// A data set fragment without a command that announces it, or on another context than its command.
    #[error("data set fragment on context {0} belongs to no command")]
    UnexpectedDataSet(u8),
    /// A command fragment, or a command with a data set, while another one is incomplete.
    #[error("command on context {0} starts inside another message")]
    InterleavedMessage(u8),
    /// A command set beyond the limit.
    #[error("command set exceeds the limit of {limit} bytes")]
    CommandTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A command set that cannot be understood.
    #[error("command set: {0}")]
    Command(crate::command::CommandError),
    /// A response to a message that we did not send, or that is answered already.
    #[error("response to message {0}, which is not outstanding")]
    UnsolicitedResponse(u16),
    /// More unanswered requests than the limit.
    #[error("more than {limit} unanswered requests")]
    TooManyOperations {
        /// The limit, in requests.
        limit: usize,
    },
    /// A maximum PDU length into which no useful fragment fits.
    #[error("maximum PDU length {0} is too small")]
    PduMaximumTooSmall(u32),
}

impl ProtocolError {
    /// The A-ABORT reason that tells the peer (PS3.8 section 9.3.8).
    pub fn abort_reason(&self) -> AbortReason {
        match self {
            Self::UnrecognizedPdu(_) => AbortReason::UnrecognizedPdu,
            Self::UnexpectedPdu(_) => AbortReason::UnexpectedPdu,
            Self::UnexpectedDataSet(_) | Self::InterleavedMessage(_) => {
                AbortReason::UnexpectedPduParameter
            }
            Self::PduTooLong { .. }
            | Self::MalformedPdu(_)
            | Self::PdvLength(_)
            | Self::ContextNotAccepted(_)
            | Self::PduMaximumTooSmall(_) => AbortReason::InvalidPduParameter,
            // The upper layer has done its part; these are faults of the DIMSE conversation above it.
            Self::CommandTooLong { .. }
            | Self::Command(_)
            | Self::UnsolicitedResponse(_)
            | Self::TooManyOperations { .. } => AbortReason::ServiceUser,
        }
    }
}

/// What our own user asked of an association that it cannot do.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UseError {
    /// No body has been announced by a command, or it is finished already.
    #[error("no data set is being sent")]
    NoBody,
    /// The body of an earlier command is not finished.
    #[error("the data set of the command before is not finished")]
    BodyUnfinished,
    /// The buffer for outgoing bodies is full; wait until [`crate::Association::body_credit`] is above 0.
    #[error("the buffer for outgoing data sets is full")]
    NoCredit,
    /// The context was not accepted.
    #[error("presentation context {0} was not accepted")]
    ContextNotAccepted(u8),
    /// The association is not established, or is being released.
    #[error("the association is not open for messages")]
    NotEstablished,
    /// A response to a request that the peer did not make, or that is answered already.
    #[error("message {0} is not waiting for a response")]
    NothingToAnswer(u16),
    /// The message ID is in use by a request of ours that is not answered yet (PS3.7 section 9.1).
    #[error("message {0} is still outstanding")]
    MessageIdInUse(u16),
    /// As many requests of ours are unanswered as the agreed window allows; without a window that is one.
    #[error("the window of {limit} unanswered requests is full")]
    WindowFull {
        /// The window, in requests.
        limit: usize,
    },
    /// No context, more than 128, an even or a repeated identifier, or a context without a transfer syntax.
    #[error("the presentation contexts cannot be proposed")]
    Contexts,
    /// A name or a list of names does not fit its field.
    #[error("{0} is too long")]
    TooLong(&'static str),
}

#[cfg(test)]
mod tests {
    use super::{RejectResult, RejectSource, Rejection};

    #[track_caller]
    fn check(rejection: Rejection, words: &str, retryable: bool) {
        assert_eq!(rejection.to_string(), words);
        assert_eq!(rejection.is_retryable(), retryable);
    }

    #[test]
    fn a_rejection_says_who_why_and_whether_to_come_back() {
        check(
            Rejection::CALLED_AE_NOT_RECOGNIZED,
            "rejected (permanently, by the application): called AE title not recognized",
            false,
        );
        check(
            Rejection::LOCAL_LIMIT_EXCEEDED,
            "rejected (for now, by the upper layer (presentation)): local limit exceeded",
            true,
        );
        check(
            Rejection::new(RejectResult::Transient, RejectSource::ServiceUser, 9),
            "rejected (for now, by the application): reserved reason 9",
            true,
        );
    }
}
