//! Report versions and filing; ORU out.

mod incoming;
mod instant;
mod outgoing;
mod read;
mod receive;
mod record;

pub use incoming::{AccessionSource, Finding, FindingCode, IncomingReport, Reading, Rejection};
pub use outgoing::{OutgoingError, RisDialect, announcement, outgoing};
pub use read::read;
pub use receive::{Disposition, Effect, Outcome, ParkReason, ParkedReport, VERSIONS_MAX, receive};
pub use record::{ReportKey, ReportLine, ReportRecord, ReportStatus, ReportVersion, Signer};
