//! Association control PDUs, read.

use telerad_core::AeTitle;

use super::items::{Items, item_type, name};
use super::user::UserVariables;
use crate::negotiation::{APPLICATION_CONTEXT, AssociateRequest, ContextResult, ProposedContext};
use crate::reader::pdu_type;
use crate::refusal::{AbortSource, ProtocolError, RejectResult, RejectSource, Rejection};

/// An A-ASSOCIATE-RQ PDU, understood.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Request {
    /// A request that our user may judge.
    Acceptable {
        /// Its value, with the contexts that make sense.
        request: Box<AssociateRequest>,
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

/// Reads the body of an A-ASSOCIATE-RQ PDU.
pub(crate) fn read_request(body: &[u8]) -> Result<Request, ProtocolError> {
    let malformed = ProtocolError::MalformedPdu(pdu_type::ASSOCIATE_RQ);
    let FixedFields { version, called, calling, items } = split_fixed(body).ok_or(malformed)?;
    let mut items_left = ITEMS_MAX;
    let mut application_context = None;
    let mut proposed = Vec::new();
    let mut user = UserVariables::unstated();
    for item in Items::new(items) {
        let (item_type, value) = item.ok_or(malformed)?;
        items_left = items_left.checked_sub(1).ok_or(malformed)?;
        match item_type {
            item_type::APPLICATION_CONTEXT if application_context.is_none() => {
                application_context = Some(name(value));
            }
            item_type::PROPOSED_CONTEXT => {
                proposed.push(proposed_context(value, &mut items_left).ok_or(malformed)?);
            }
            item_type::USER_INFORMATION => {
                user.read(value, &mut items_left).ok_or(malformed)?;
            }
            _ => {}
        }
    }
    // Only bit 0 is tested: later versions set further bits (PS3.8 section 9.3.2).
    if version & 1 == 0 {
        return Ok(Request::Unacceptable(Rejection::PROTOCOL_VERSION_NOT_SUPPORTED));
    }
    if application_context.as_deref() != Some(APPLICATION_CONTEXT) {
        return Ok(Request::Unacceptable(Rejection::APPLICATION_CONTEXT_NOT_SUPPORTED));
    }
    let Some(called) = title(called) else {
        return Ok(Request::Unacceptable(Rejection::CALLED_AE_NOT_RECOGNIZED));
    };
    let Some(calling) = title(calling) else {
        return Ok(Request::Unacceptable(Rejection::CALLING_AE_NOT_RECOGNIZED));
    };
    let (contexts, refused) = sort_contexts(proposed);
    let request = AssociateRequest {
        calling,
        called,
        contexts,
        pdu_bytes_max: user.pdu_bytes_max,
        implementation_class_uid: user.implementation_class_uid,
        implementation_version_name: user.implementation_version_name,
        user: user.items,
    };
    Ok(Request::Acceptable { request: Box::new(request), refused })
}

/// Reads the body of an A-ASSOCIATE-AC PDU. Its version and titles are reserved and not tested.
pub(crate) fn read_acceptance(body: &[u8]) -> Result<Acceptance, ProtocolError> {
    let malformed = ProtocolError::MalformedPdu(pdu_type::ASSOCIATE_AC);
    let FixedFields { items, .. } = split_fixed(body).ok_or(malformed)?;
    let mut items_left = ITEMS_MAX;
    let mut results = Vec::new();
    let mut user = UserVariables::unstated();
    for item in Items::new(items) {
        let (item_type, value) = item.ok_or(malformed)?;
        items_left = items_left.checked_sub(1).ok_or(malformed)?;
        match item_type {
            item_type::CONTEXT_RESULT => {
                results.push(context_result(value, &mut items_left).ok_or(malformed)?);
            }
            item_type::USER_INFORMATION => {
                user.read(value, &mut items_left).ok_or(malformed)?;
            }
            _ => {}
        }
    }
    Ok(Acceptance { results, user })
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

/// The fields before the items (PS3.8 sections 9.3.2 and 9.3.3).
struct FixedFields<'a> {
    version: u16,
    called: &'a [u8],
    calling: &'a [u8],
    items: &'a [u8],
}

fn split_fixed(body: &[u8]) -> Option<FixedFields<'_>> {
    let (fixed, items) = body.split_at_checked(FIXED_BYTES)?;
    let version = u16::from_be_bytes(*fixed.first_chunk::<2>()?);
    Some(FixedFields { version, called: fixed.get(4..20)?, calling: fixed.get(20..36)?, items })
}

fn title(field: &[u8]) -> Option<AeTitle> {
    AeTitle::new(std::str::from_utf8(field).ok()?).ok()
}

/// A context without an abstract syntax gets an empty one, which is refused later.
fn proposed_context(value: &[u8], items_left: &mut usize) -> Option<ProposedContext> {
    let (fixed, sub_items) = value.split_at_checked(4)?;
    let mut context = ProposedContext {
        id: *fixed.first()?,
        abstract_syntax: String::new(),
        transfer_syntaxes: Vec::new(),
    };
    for item in Items::new(sub_items) {
        let (item_type, value) = item?;
        *items_left = items_left.checked_sub(1)?;
        match item_type {
            item_type::ABSTRACT_SYNTAX => context.abstract_syntax = name(value),
            item_type::TRANSFER_SYNTAX => context.transfer_syntaxes.push(name(value)),
            _ => {}
        }
    }
    Some(context)
}

/// Reserved result codes become "no reason", and so does acceptance with no or several transfer syntaxes.
fn context_result(value: &[u8], items_left: &mut usize) -> Option<(u8, ContextResult)> {
    let ([id, _, result, _], sub_items) = value.split_first_chunk::<4>()?;
    let mut syntaxes = Vec::new();
    for item in Items::new(sub_items) {
        let (item_type, value) = item?;
        *items_left = items_left.checked_sub(1)?;
        if item_type == item_type::TRANSFER_SYNTAX {
            syntaxes.push(name(value));
        }
    }
    let only = if syntaxes.len() == 1 { syntaxes.pop() } else { None };
    let result = match (result, only) {
        (0, Some(transfer_syntax)) if !transfer_syntax.is_empty() => {
            ContextResult::Accepted { transfer_syntax }
        }
        (1, _) => ContextResult::UserRejection,
        (3, _) => ContextResult::AbstractSyntaxNotSupported,
        (4, _) => ContextResult::TransferSyntaxesNotSupported,
        _ => ContextResult::NoReason,
    };
    Some((*id, result))
}

/// Splits proposed contexts into those that our user can judge and those that make no sense, each identifier once.
fn sort_contexts(
    proposed: Vec<ProposedContext>,
) -> (Vec<ProposedContext>, Vec<(u8, ContextResult)>) {
    let mut contexts: Vec<ProposedContext> = Vec::new();
    let mut refused: Vec<(u8, ContextResult)> = Vec::new();
    for context in proposed {
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

/// Items and sub-items of one PDU: 128 contexts with 120 transfer syntaxes each. Empty items are cheap to send and
/// dear to hold, so the length limit alone would not bound memory.
const ITEMS_MAX: usize = 16_384;

/// Version, reserved, two titles, reserved.
const FIXED_BYTES: usize = 68;
