//! HL7 orders and ADT in, Modality Worklist answers out.

mod apply;
mod build;
mod draft;
mod finding;
mod groups;
mod inbound;
mod mapping;
mod patient;
mod person;
mod query;
mod record;
mod said;
mod transition;

pub use apply::{Disposition, Effect, Known, Outcome, apply};
pub use finding::{Finding, FindingCode};
pub use inbound::{Inbound, Rejection, read};
pub use mapping::{AccessionSource, InvalidAccessionSource, Mapping, MissingStart, StationRule};
pub use query::{Query, QueryError};
pub use record::{Clinical, OrderKey, OrderRecord, PatientRecord, ScheduledStep, StepStatus};
