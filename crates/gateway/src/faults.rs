//! Whose fault it is when a delivery does not succeed, which decides who is tried again.

use telerad_net::dicom::{AssociationError, AssociationFault, StoreError};
use telerad_routing::{DeliveryOutcome, FaultScope};

/// Who is at fault when an association cannot be had, or ends in the middle.
pub(crate) fn scope(error: &AssociationError) -> FaultScope {
    match &error.fault {
        AssociationFault::Connect(_) | AssociationFault::Rejected(_) => FaultScope::Destination,
        AssociationFault::Failed(_) | AssociationFault::NoContext { .. } => FaultScope::Instance,
        // Everything else ends this association and says nothing of the instance or of the next association.
        _ => FaultScope::Association,
    }
}

/// What became of one instance. Only an answer of the peer says that it was delivered.
pub(crate) fn outcome(error: &StoreError) -> DeliveryOutcome {
    match error {
        StoreError::Association(error) => {
            let reason = error.to_string();
            match scope(error) {
                scope @ (FaultScope::Instance | FaultScope::Destination | FaultScope::Local) => {
                    DeliveryOutcome::Refused { scope, reason }
                }
                // The data set may have arrived although its answer did not.
                FaultScope::Association => DeliveryOutcome::Unknown { reason },
            }
        }
        StoreError::Source(error) => DeliveryOutcome::Refused {
            scope: FaultScope::Local,
            reason: format!("payload cannot be read: {error}"),
        },
        error => DeliveryOutcome::Unknown { reason: error.to_string() },
    }
}
