//! What two application entities agree on when an association is opened (PS3.8 section 7.1.1).

use telerad_core::AeTitle;

use crate::user_items::{AsyncWindow, Roles, UserItems};

/// The DICOM application context name (PS3.7 section A.2.1), the only one there is.
pub const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";

/// The most presentation contexts one association can carry: identifiers are the odd numbers from 1 to 255.
pub const CONTEXTS_MAX: usize = 128;

/// What a requestor asks for: who calls whom, and what they want to talk about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AssociateRequest {
    /// Who is calling.
    pub calling: AeTitle,
    /// Who is called.
    pub called: AeTitle,
    /// The proposed presentation contexts, at most [`CONTEXTS_MAX`], with distinct odd identifiers.
    pub contexts: Vec<ProposedContext>,
    /// The longest P-DATA-TF PDU that the requestor wants to receive, in bytes after the PDU header; 0 means any.
    pub pdu_bytes_max: u32,
    /// The requestor's Implementation Class UID (PS3.7 section D.3.3.2); empty when it sent none.
    pub implementation_class_uid: String,
    /// The requestor's Implementation Version Name (PS3.7 section D.3.3.2); empty when it sent none.
    pub implementation_version_name: String,
    /// Roles, operations window, extended negotiation and user identity; by default nothing.
    pub user: UserItems,
}

/// One proposed presentation context: a kind of object or service, and the encodings offered for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProposedContext {
    /// The presentation context identifier, an odd number.
    pub id: u8,
    /// The abstract syntax: a SOP class UID.
    pub abstract_syntax: String,
    /// The transfer syntax UIDs, most wanted first.
    pub transfer_syntaxes: Vec<String>,
}

/// The acceptor's answer to one proposed presentation context (PS3.8 table 9-18).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ContextResult {
    /// Accepted (result 0), in one of the proposed transfer syntaxes.
    Accepted {
        /// The chosen transfer syntax UID.
        transfer_syntax: String,
    },
    /// Refused by the application (result 1).
    UserRejection,
    /// Refused by the provider without a reason (result 2).
    NoReason,
    /// The SOP class is not offered here (result 3).
    AbstractSyntaxNotSupported,
    /// None of the proposed transfer syntaxes is offered here (result 4).
    TransferSyntaxesNotSupported,
}

impl std::fmt::Display for ContextResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Accepted { transfer_syntax } => write!(f, "accepted with {transfer_syntax}"),
            Self::UserRejection => f.write_str("refused by the application"),
            Self::NoReason => f.write_str("refused without a reason"),
            Self::AbstractSyntaxNotSupported => f.write_str("SOP class not supported"),
            Self::TransferSyntaxesNotSupported => f.write_str("transfer syntaxes not supported"),
        }
    }
}

/// A presentation context that both sides agreed on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AcceptedContext {
    /// The presentation context identifier.
    pub id: u8,
    /// The abstract syntax: a SOP class UID.
    pub abstract_syntax: String,
    /// The one transfer syntax UID in which data sets travel on this context.
    pub transfer_syntax: String,
    /// The roles that *we* play: SCU when we opened the association and SCP when the peer did, unless role selection
    /// agreed on something else (PS3.7 section D.3.3.4).
    pub roles: Roles,
}

/// What was agreed, told to both sides when the association stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Established {
    /// The contexts that may be used, in the order in which they were proposed.
    pub contexts: Vec<AcceptedContext>,
    /// The contexts that may not be used, and why.
    pub refused: Vec<(u8, ContextResult)>,
    /// The longest P-DATA-TF PDU that the peer wants to receive, in bytes after the PDU header; 0 means any.
    pub peer_pdu_bytes_max: u32,
    /// The peer's Implementation Class UID; empty when it sent none.
    pub peer_implementation_class_uid: String,
    /// The peer's Implementation Version Name; empty when it sent none.
    pub peer_implementation_version_name: String,
    /// The agreed operations window, seen from the requestor; [`AsyncWindow::SYNCHRONOUS`] when none was agreed.
    pub async_window: AsyncWindow,
    /// What the peer proposed or answered beside that.
    pub user: UserItems,
}
