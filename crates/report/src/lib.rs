//! Report versions and filing; ORU out.

mod instant;
mod record;

pub use record::{ReportKey, ReportLine, ReportRecord, ReportStatus, ReportVersion, Signer};
