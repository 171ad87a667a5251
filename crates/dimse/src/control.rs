//! The PDUs that open and end an association (PS3.8 section 9.3), between our nouns and dicom-ul's.
//!
//! dicom-ul encodes all of them and decodes A-ASSOCIATE-RQ and -AC, after [`tidy`] has rewritten what it would not
//! take. The four-byte bodies of the others are read here: dicom-ul refuses reserved codes, which we want to show.

mod tidy;

use bytes::Bytes;
use dicom_ul::pdu::{
    AbortRQServiceProviderReason, AbortRQSource, AssociationAC, AssociationRJ, AssociationRJResult,
    AssociationRJServiceProviderASCEReason as AcseReason,
    AssociationRJServiceProviderPresentationReason as PresentationReason,
    AssociationRJServiceUserReason as UserReason, AssociationRJSource, AssociationRQ, Pdu,
    PresentationContextProposed, PresentationContextResult,
    PresentationContextResultReason as ResultReason, UserVariableItem, read_pdu, write_pdu,
};
use telerad_core::AeTitle;

use crate::negotiation::{
    APPLICATION_CONTEXT, AssociateRequest, CONTEXTS_MAX, ContextResult, ProposedContext,
};
use crate::reader::pdu_type;
use crate::refusal::{
    AbortReason, AbortSource, ProtocolError, RejectResult, RejectSource, Rejection, UseError,
};

/// An A-ASSOCIATE-RQ PDU, understood.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Request {
    /// A request that our user may judge.
    Acceptable {
        /// Its value, with the contexts that make sense.
        request: AssociateRequest,
        /// The contexts that do not, already answered.
        refused: Vec<(u8, ContextResult)>,
    },
    /// A request that can only be rejected (PS3.8 section 7.1.1 and table 9-21).
    Unacceptable(Rejection),
}

/// An A-ASSOCIATE-AC PDU, understood.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Acceptance {
    /// The peer's answer to each context it mentions.
    pub(crate) results: Vec<(u8, ContextResult)>,
    /// What the peer says about itself.
    pub(crate) user: UserVariables,
}

/// What either side says about itself (PS3.7 section D.3.3).
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct UserVariables {
    /// Maximum length received; [`PDU_BYTES_MAX_UNSTATED`] when the peer did not say.
    pub(crate) pdu_bytes_max: u32,
    /// Implementation Class UID; empty when absent.
    pub(crate) implementation_class_uid: String,
    /// Implementation Version Name; empty when absent.
    pub(crate) implementation_version_name: String,
}

/// Reads the body of an A-ASSOCIATE-RQ PDU.
pub(crate) fn read_request(body: &[u8]) -> Result<Request, ProtocolError> {
    let malformed = ProtocolError::MalformedPdu(pdu_type::ASSOCIATE_RQ);
    let pdu = tidy::request(body).ok_or(malformed)?;
    let Pdu::AssociationRQ(read) = read_tidied(&pdu).ok_or(malformed)? else {
        return Err(malformed);
    };
    // Only bit 0 is tested: later versions set further bits (PS3.8 section 9.3.2).
    if read.protocol_version & 1 == 0 {
        return Ok(Request::Unacceptable(Rejection::PROTOCOL_VERSION_NOT_SUPPORTED));
    }
    if read.application_context_name != APPLICATION_CONTEXT {
        return Ok(Request::Unacceptable(Rejection::APPLICATION_CONTEXT_NOT_SUPPORTED));
    }
    let Ok(called) = AeTitle::new(&read.called_ae_title) else {
        return Ok(Request::Unacceptable(Rejection::CALLED_AE_NOT_RECOGNIZED));
    };
    let Ok(calling) = AeTitle::new(&read.calling_ae_title) else {
        return Ok(Request::Unacceptable(Rejection::CALLING_AE_NOT_RECOGNIZED));
    };
    let (contexts, refused) = sort_contexts(read.presentation_contexts);
    let user = user_variables(read.user_variables);
    let request = AssociateRequest {
        calling,
        called,
        contexts,
        pdu_bytes_max: user.pdu_bytes_max,
        implementation_class_uid: user.implementation_class_uid,
        implementation_version_name: user.implementation_version_name,
    };
    Ok(Request::Acceptable { request, refused })
}

/// Reads the body of an A-ASSOCIATE-AC PDU.
pub(crate) fn read_acceptance(body: &[u8]) -> Result<Acceptance, ProtocolError> {
    let malformed = ProtocolError::MalformedPdu(pdu_type::ASSOCIATE_AC);
    let pdu = tidy::acceptance(body).ok_or(malformed)?;
    let Pdu::AssociationAC(read) = read_tidied(&pdu).ok_or(malformed)? else {
        return Err(malformed);
    };
    let results = read.presentation_contexts.into_iter().map(context_result).collect();
    Ok(Acceptance { results, user: user_variables(read.user_variables) })
}

/// Reads the body of an A-ASSOCIATE-RJ PDU. Reserved codes become the milder reading; the reason stays as it is.
pub(crate) fn read_rejection(body: &[u8]) -> Result<Rejection, ProtocolError> {
    let Some([_, result, source, reason]) = body.first_chunk::<4>() else {
        return Err(ProtocolError::MalformedPdu(pdu_type::ASSOCIATE_RJ));
    };
    let result = if *result == 1 { RejectResult::Permanent } else { RejectResult::Transient };
    let source = match source {
        2 => RejectSource::ServiceProviderAcse,
        3 => RejectSource::ServiceProviderPresentation,
        _ => RejectSource::ServiceUser,
    };
    Ok(Rejection::new(result, source, *reason))
}

/// Reads the body of an A-ABORT PDU. It is never malformed: whatever it says, the peer is gone.
pub(crate) fn read_abort(body: &[u8]) -> (AbortSource, u8) {
    match body.first_chunk::<4>() {
        Some([_, _, 0, reason]) => (AbortSource::ServiceUser, *reason),
        Some([_, _, 2, reason]) => (AbortSource::ServiceProvider, *reason),
        Some([_, _, source, reason]) => (AbortSource::Reserved(*source), *reason),
        None => (AbortSource::ServiceProvider, 0),
    }
}

/// An A-ASSOCIATE-RQ PDU.
pub(crate) fn write_request(request: &AssociateRequest) -> Result<Bytes, UseError> {
    check_request(request)?;
    let contexts = request.contexts.iter().map(|context| PresentationContextProposed {
        id: context.id,
        abstract_syntax: context.abstract_syntax.clone(),
        transfer_syntaxes: context.transfer_syntaxes.clone(),
    });
    write(&Pdu::AssociationRQ(AssociationRQ {
        protocol_version: PROTOCOL_VERSION,
        calling_ae_title: request.calling.as_str().to_owned(),
        called_ae_title: request.called.as_str().to_owned(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: contexts.collect(),
        user_variables: user_items(
            request.pdu_bytes_max,
            &request.implementation_class_uid,
            &request.implementation_version_name,
        ),
    }))
}

/// An A-ASSOCIATE-AC PDU. Each result comes with the transfer syntax that stands beside it; for a refused context it
/// has no meaning, but the field must be there (PS3.8 section 9.3.3.2).
pub(crate) fn write_acceptance(
    request: &AssociateRequest,
    results: &[(u8, ContextResult)],
    user: &UserVariables,
) -> Result<Bytes, UseError> {
    check_names(&user.implementation_class_uid, &user.implementation_version_name)?;
    let contexts = results.iter().map(|(id, result)| {
        let (reason, transfer_syntax) = match result {
            ContextResult::Accepted { transfer_syntax } => {
                (ResultReason::Acceptance, transfer_syntax.clone())
            }
            ContextResult::UserRejection => (ResultReason::UserRejection, any_syntax()),
            ContextResult::NoReason => (ResultReason::NoReason, any_syntax()),
            ContextResult::AbstractSyntaxNotSupported => {
                (ResultReason::AbstractSyntaxNotSupported, any_syntax())
            }
            ContextResult::TransferSyntaxesNotSupported => {
                (ResultReason::TransferSyntaxesNotSupported, any_syntax())
            }
        };
        PresentationContextResult { id: *id, reason, transfer_syntax }
    });
    write(&Pdu::AssociationAC(AssociationAC {
        protocol_version: PROTOCOL_VERSION,
        calling_ae_title: request.calling.as_str().to_owned(),
        called_ae_title: request.called.as_str().to_owned(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: contexts.collect(),
        user_variables: user_items(
            user.pdu_bytes_max,
            &user.implementation_class_uid,
            &user.implementation_version_name,
        ),
    }))
}

/// An A-ASSOCIATE-RJ PDU. A reason that dicom-ul has no word for is sent as "no reason given".
pub(crate) fn write_rejection(rejection: Rejection) -> Bytes {
    let result = match rejection.result {
        RejectResult::Permanent => AssociationRJResult::Permanent,
        RejectResult::Transient => AssociationRJResult::Transient,
    };
    let source = match (rejection.source, rejection.reason) {
        (RejectSource::ServiceUser, reason) => AssociationRJSource::ServiceUser(match reason {
            2 => UserReason::ApplicationContextNameNotSupported,
            3 => UserReason::CallingAETitleNotRecognized,
            7 => UserReason::CalledAETitleNotRecognized,
            4..=10 => UserReason::Reserved(reason),
            _ => UserReason::NoReasonGiven,
        }),
        (RejectSource::ServiceProviderAcse, 2) => {
            AssociationRJSource::ServiceProviderASCE(AcseReason::ProtocolVersionNotSupported)
        }
        (RejectSource::ServiceProviderAcse, _) => {
            AssociationRJSource::ServiceProviderASCE(AcseReason::NoReasonGiven)
        }
        (RejectSource::ServiceProviderPresentation, reason) => {
            AssociationRJSource::ServiceProviderPresentation(match reason {
                1 => PresentationReason::TemporaryCongestion,
                2 => PresentationReason::LocalLimitExceeded,
                other => PresentationReason::Reserved(other.min(7)),
            })
        }
    };
    write_fixed(&Pdu::AssociationRJ(AssociationRJ { result, source }))
}

/// An A-RELEASE-RQ PDU.
pub(crate) fn write_release_request() -> Bytes {
    write_fixed(&Pdu::ReleaseRQ)
}

/// An A-RELEASE-RP PDU.
pub(crate) fn write_release_response() -> Bytes {
    write_fixed(&Pdu::ReleaseRP)
}

/// An A-ABORT PDU.
pub(crate) fn write_abort(reason: AbortReason) -> Bytes {
    use AbortRQServiceProviderReason as Reason;
    let provider = |reason| AbortRQSource::ServiceProvider(reason);
    let source = match reason {
        AbortReason::ServiceUser => AbortRQSource::ServiceUser,
        AbortReason::NotSpecified => provider(Reason::ReasonNotSpecified),
        AbortReason::UnrecognizedPdu => provider(Reason::UnrecognizedPdu),
        AbortReason::UnexpectedPdu => provider(Reason::UnexpectedPdu),
        AbortReason::UnrecognizedPduParameter => provider(Reason::UnrecognizedPduParameter),
        AbortReason::UnexpectedPduParameter => provider(Reason::UnexpectedPduParameter),
        AbortReason::InvalidPduParameter => provider(Reason::InvalidPduParameter),
    };
    write_fixed(&Pdu::AbortRQ { source })
}

/// `strict` would hold the P-DATA limit against an A-ASSOCIATE-RQ with many contexts; ours has been applied before.
fn read_tidied(pdu: &Bytes) -> Option<Pdu> {
    read_pdu(pdu.clone(), dicom_ul::pdu::MAXIMUM_PDU_SIZE, false).ok().flatten()
}

fn write(pdu: &Pdu) -> Result<Bytes, UseError> {
    let mut bytes = Vec::new();
    write_pdu(&mut bytes, pdu).map_err(|_| UseError::TooLong("name"))?;
    Ok(bytes.into())
}

/// PDUs without variable parts: writing them to memory cannot fail.
fn write_fixed(pdu: &Pdu) -> Bytes {
    let mut bytes = Vec::new();
    match write_pdu(&mut bytes, pdu) {
        Ok(()) => bytes.into(),
        Err(_) => Bytes::new(),
    }
}

/// Splits proposed contexts into those that our user can judge and those that make no sense, each identifier once.
fn sort_contexts(
    proposed: Vec<PresentationContextProposed>,
) -> (Vec<ProposedContext>, Vec<(u8, ContextResult)>) {
    let mut contexts: Vec<ProposedContext> = Vec::new();
    let mut refused: Vec<(u8, ContextResult)> = Vec::new();
    for context in proposed {
        let context = ProposedContext {
            id: context.id,
            abstract_syntax: context.abstract_syntax,
            transfer_syntaxes: context.transfer_syntaxes,
        };
        if refused.iter().any(|(id, _)| *id == context.id) {
            continue;
        }
        if let Some(at) = contexts.iter().position(|earlier| earlier.id == context.id) {
            // The same proposal twice is clumsy; two proposals under one identifier would leave open what a data set
            // on it is, so neither is accepted.
            if contexts.get(at) != Some(&context) {
                contexts.remove(at);
                refused.push((context.id, ContextResult::NoReason));
            }
        } else if context.id.is_multiple_of(2) {
            refused.push((context.id, ContextResult::NoReason));
        } else if context.abstract_syntax.is_empty() {
            refused.push((context.id, ContextResult::AbstractSyntaxNotSupported));
        } else if context.transfer_syntaxes.is_empty() {
            refused.push((context.id, ContextResult::TransferSyntaxesNotSupported));
        } else {
            contexts.push(context);
        }
    }
    (contexts, refused)
}

fn context_result(context: PresentationContextResult) -> (u8, ContextResult) {
    let result = match context.reason {
        ResultReason::Acceptance if context.transfer_syntax.is_empty() => ContextResult::NoReason,
        ResultReason::Acceptance => {
            ContextResult::Accepted { transfer_syntax: context.transfer_syntax }
        }
        ResultReason::UserRejection => ContextResult::UserRejection,
        ResultReason::NoReason => ContextResult::NoReason,
        ResultReason::AbstractSyntaxNotSupported => ContextResult::AbstractSyntaxNotSupported,
        ResultReason::TransferSyntaxesNotSupported => ContextResult::TransferSyntaxesNotSupported,
    };
    (context.id, result)
}

fn user_variables(items: Vec<UserVariableItem>) -> UserVariables {
    let mut user =
        UserVariables { pdu_bytes_max: PDU_BYTES_MAX_UNSTATED, ..UserVariables::default() };
    for item in items {
        match item {
            UserVariableItem::MaxLength(length) => user.pdu_bytes_max = length,
            UserVariableItem::ImplementationClassUID(uid) => user.implementation_class_uid = uid,
            UserVariableItem::ImplementationVersionName(name) => {
                user.implementation_version_name = name;
            }
            _ => {}
        }
    }
    user
}

fn user_items(pdu_bytes_max: u32, class_uid: &str, version_name: &str) -> Vec<UserVariableItem> {
    let mut items = vec![UserVariableItem::MaxLength(pdu_bytes_max)];
    if !class_uid.is_empty() {
        items.push(UserVariableItem::ImplementationClassUID(class_uid.to_owned()));
    }
    if !version_name.is_empty() {
        items.push(UserVariableItem::ImplementationVersionName(version_name.to_owned()));
    }
    items
}

/// dicom-ul cuts items longer than 65,535 bytes silently, so nothing that long may reach it.
fn check_request(request: &AssociateRequest) -> Result<(), UseError> {
    check_names(&request.implementation_class_uid, &request.implementation_version_name)?;
    let mut identifiers = std::collections::BTreeSet::new();
    if request.contexts.is_empty() || request.contexts.len() > CONTEXTS_MAX {
        return Err(UseError::Contexts);
    }
    for context in &request.contexts {
        let odd_and_new = context.id % 2 == 1 && identifiers.insert(context.id);
        if !odd_and_new || context.transfer_syntaxes.is_empty() {
            return Err(UseError::Contexts);
        }
        let names = context.transfer_syntaxes.iter().chain([&context.abstract_syntax]);
        let length = names.fold(ITEM_HEADER_BYTES, |length, name| {
            length.saturating_add(ITEM_HEADER_BYTES).saturating_add(name.len())
        });
        if length > ITEM_BYTES_MAX {
            return Err(UseError::TooLong("list of transfer syntaxes"));
        }
    }
    Ok(())
}

fn check_names(class_uid: &str, version_name: &str) -> Result<(), UseError> {
    if class_uid.len() > telerad_core::Uid::CHARACTERS_MAX {
        return Err(UseError::TooLong("implementation class UID"));
    }
    if version_name.len() > VERSION_NAME_CHARACTERS_MAX {
        return Err(UseError::TooLong("implementation version name"));
    }
    Ok(())
}

fn any_syntax() -> String {
    tidy::ANY_TRANSFER_SYNTAX.to_owned()
}

/// Version 1, bit 0 (PS3.8 section 9.3.2).
const PROTOCOL_VERSION: u16 = 1;

/// What is sent to a peer that does not say what it can receive, although PS3.7 section D.3.3.1 obliges it to: the
/// smallest value in common use.
const PDU_BYTES_MAX_UNSTATED: u32 = 16_384;

const ITEM_BYTES_MAX: usize = 65_535;
const ITEM_HEADER_BYTES: usize = 4;

/// PS3.7 section D.3.3.2.4.
const VERSION_NAME_CHARACTERS_MAX: usize = 16;

#[cfg(test)]
mod tests;
