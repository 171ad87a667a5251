//! Whose fault it is when a delivery does not succeed, which decides who is tried again.

use std::io;

use telerad_dimse::{
    self as dimse, AcceptedContext, ContextResult, ProposedContext, RejectResult, RejectSource,
};
use telerad_net::dicom::{AssociationError, AssociationFault, StoreError};
use telerad_routing::{DeliveryOutcome, DeliveryRecord, FaultScope, Rejection};

/// Who is at fault when an association cannot be had, or ends in the middle.
pub(crate) fn scope(error: &AssociationError) -> FaultScope {
    match &error.fault {
        AssociationFault::Connect(_) | AssociationFault::Tls(_) => FaultScope::Destination,
        AssociationFault::Rejected(refusal) => rejection(refusal).scope(),
        AssociationFault::Failed(_) | AssociationFault::NoContext { .. } => FaultScope::Instance,
        // Everything else ends this association and says nothing of the instance or of the next association.
        _ => FaultScope::Association,
    }
}

/// A rejection by the numbers of PS3.8 table 9-21.
pub(crate) fn rejection(rejection: &dimse::Rejection) -> Rejection {
    let result = match rejection.result {
        RejectResult::Permanent => 1,
        RejectResult::Transient => 2,
    };
    let source = match rejection.source {
        RejectSource::ServiceUser => 1,
        RejectSource::ServiceProviderAcse => 2,
        RejectSource::ServiceProviderPresentation => 3,
    };
    Rejection { result, source, reason: rejection.reason }
}

/// What the negotiation of presentation contexts makes of a delivery (PS3.8 table 9-18); `None` when it can be sent.
/// `took_class` says that the destination took its SOP class on another association.
pub(crate) fn negotiated(
    delivery: &DeliveryRecord,
    proposed: &[ProposedContext],
    accepted: &[AcceptedContext],
    refused: &[(u8, ContextResult)],
    took_class: bool,
) -> Option<DeliveryOutcome> {
    let (class, syntax) = (&delivery.sop_class_uid, &delivery.transfer_syntax_uid);
    let own = proposed.iter().find(|context| {
        context.abstract_syntax == *class && context.transfer_syntaxes.contains(syntax)
    })?;
    let (_, result) = refused.iter().find(|(id, _)| *id == own.id)?;
    let reason = format!("SOP class {class} in {syntax}: {result}");
    let takes_class =
        took_class || accepted.iter().any(|context| context.abstract_syntax == *class);
    Some(match result {
        ContextResult::AbstractSyntaxNotSupported if !takes_class => {
            DeliveryOutcome::ClassNotTaken { reason }
        }
        // Some peers give this reason for a class that they take in another transfer syntax.
        ContextResult::AbstractSyntaxNotSupported | ContextResult::TransferSyntaxesNotSupported => {
            DeliveryOutcome::SyntaxNotTaken { reason }
        }
        // Without a cause it may be a matter of configuration, or of the moment: it is tried again, and counted.
        _ => DeliveryOutcome::Refused { scope: FaultScope::Instance, reason },
    })
}

/// What became of one instance. Only an answer of the peer says that it was delivered.
pub(crate) fn outcome(error: &StoreError) -> DeliveryOutcome {
    match error {
        StoreError::Association(error) => {
            let reason = error.to_string();
            match scope(error) {
                scope @ (FaultScope::Busy
                | FaultScope::Destination
                | FaultScope::Instance
                | FaultScope::Local) => DeliveryOutcome::Refused { scope, reason },
                // The data set may have arrived although its answer did not.
                FaultScope::Association => DeliveryOutcome::Unknown { reason },
            }
        }
        StoreError::Source(error) => unreadable(error),
        error => DeliveryOutcome::Unknown { reason: error.to_string() },
    }
}

/// What was to be sent cannot be read from the spool.
pub(crate) fn unreadable(error: &io::Error) -> DeliveryOutcome {
    let reason = format!("its data set cannot be read: {error}");
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => {
            DeliveryOutcome::PayloadLost { reason }
        }
        // Ours as a whole, and no fault of this file: too many open files, no memory, a spool that is being closed.
        io::ErrorKind::Interrupted | io::ErrorKind::OutOfMemory | io::ErrorKind::WouldBlock => {
            DeliveryOutcome::Refused { scope: FaultScope::Local, reason }
        }
        _ if matches!(error.raw_os_error(), None | Some(ENFILE | EMFILE)) => {
            DeliveryOutcome::Refused { scope: FaultScope::Local, reason }
        }
        _ => DeliveryOutcome::PayloadUnreadable { reason },
    }
}

/// The system has, and this process has, as many files open as it may; numbers that Linux, macOS and the BSDs share.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
