//! Association control PDUs, written by dicom-ul.

use bytes::Bytes;
use dicom_ul::pdu::{
    AbortRQServiceProviderReason, AbortRQSource, AssociationAC, AssociationRJ, AssociationRJResult,
    AssociationRJServiceProviderASCEReason as AcseReason,
    AssociationRJServiceProviderPresentationReason as PresentationReason,
    AssociationRJServiceUserReason as UserReason, AssociationRJSource, AssociationRQ, Pdu,
    PresentationContextProposed, PresentationContextResult,
    PresentationContextResultReason as ResultReason, write_pdu,
};

use super::ANY_TRANSFER_SYNTAX;
use super::user::{ITEM_BYTES_MAX, UserVariables};
use crate::negotiation::{APPLICATION_CONTEXT, AssociateRequest, CONTEXTS_MAX, ContextResult};
use crate::refusal::{AbortReason, RejectResult, RejectSource, Rejection, UseError};
use crate::user_items::UserItems;

/// An A-ASSOCIATE-RQ PDU.
pub(crate) fn write_request(request: &AssociateRequest) -> Result<Bytes, UseError> {
    let user = UserVariables {
        pdu_bytes_max: request.pdu_bytes_max,
        implementation_class_uid: request.implementation_class_uid.clone(),
        implementation_version_name: request.implementation_version_name.clone(),
        items: UserItems { identity_response: None, ..request.user.clone() },
    };
    user.check()?;
    check_contexts(request)?;
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
        user_variables: user.write(),
    }))
}

/// An A-ASSOCIATE-AC PDU. Each result comes with the transfer syntax that stands beside it; for a refused context it
/// has no meaning, but the field must be there (PS3.8 section 9.3.3.2).
pub(crate) fn write_acceptance(
    request: &AssociateRequest,
    results: &[(u8, ContextResult)],
    user: &UserVariables,
) -> Result<Bytes, UseError> {
    user.check()?;
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
        user_variables: user.write(),
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

/// dicom-ul cuts items longer than 65,535 bytes silently, so nothing that long may reach it.
fn check_contexts(request: &AssociateRequest) -> Result<(), UseError> {
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

fn any_syntax() -> String {
    ANY_TRANSFER_SYNTAX.to_owned()
}

/// Version 1, bit 0 (PS3.8 section 9.3.2).
const PROTOCOL_VERSION: u16 = 1;

const ITEM_HEADER_BYTES: usize = 4;
