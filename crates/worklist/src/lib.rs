//! HL7 orders and ADT in, Modality Worklist answers out.

mod record;

pub use record::{Clinical, OrderKey, OrderRecord, PatientRecord, ScheduledStep, StepStatus};
