//! What a message, or a person, has written.

use crate::{OrderRecord, PatientRecord};

/// A record to write. Its revision is the one it was read at; the store compares and increments.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a handful of effects live for one call")]
pub enum Effect {
    /// An order with its steps.
    PutOrder(OrderRecord),
    /// A patient.
    PutPatient(PatientRecord),
}
