//! Checking messages against the tables and against profiles.
//!
//! [`validate`] never changes a message and never refuses one: it returns [`Finding`]s, each with a stable code, a
//! place, a byte range and a severity, and the caller decides. Findings name places and never values, so that they can
//! be logged and sent back. What the encoding rules say is [`Message::check`]'s business, not this module's.
//!
//! [`Profile::tables`] asks for what HL7 2.3.1 or 2.5.1 requires, by the version in MSH-12; [`Profile::ihe`] adds a
//! transaction of IHE RAD, [`Profile::french`] a flow of the French teleradiology profile, and a site adds rules of its
//! own (`Profile::from_toml` with the feature `profile`).
//!
//! ```
//! use telerad_hl7::Message;
//! use telerad_hl7::validate::{FindingCode, Profile, Transaction, acknowledgement, validate};
//!
//! let message = Message::parse(
//!     "MSH|^~\\&|RIS|HOSP|PACS|TR|20260301||ORM^O01|7|P|2.3.1\rPID|||1001||DOE^JANE\rPV1||O\r\
//!      ORC|NW|P-1|||SC||^^^20260301||20260301|||99|||||RAD\r\
//!      OBR|1|P-1||CT|||||||||||99||A-77|RP1|SPS1||||CT|||^^^20260301\r",
//! )?;
//! let findings = validate(&message, &Profile::ihe(Transaction::Rad4));
//! let study = findings.iter().find(|finding| finding.location.path().segment() == "ZDS");
//! assert_eq!(study.map(|finding| finding.code), Some(FindingCode::SegmentMissing));
//! assert_eq!(acknowledgement(&findings).code.as_str(), "AE");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adjustment;
mod content;
mod encapsulated;
mod finding;
mod header;
mod identity;
mod list;
mod media;
mod primitive;
mod profile;
mod rule;
mod segments;
#[cfg(feature = "profile")]
mod toml_profile;

pub use self::adjustment::Adjustment;
pub use self::finding::{Finding, FindingCode, InvalidFindingCode, acknowledgement, reply};
pub use self::profile::{Profile, Transaction};
pub use self::rule::{Condition, InvalidRule, Requirement, Rule};
#[cfg(feature = "profile")]
pub use self::toml_profile::InvalidProfile;

pub use crate::{InvalidSeverity, Severity};

use crate::Message;
use crate::group::placed_segments;
use crate::tables::Version;

/// How many findings [`validate`] gives at most; more than enough for a person, and a bound for a hostile message.
pub const FINDINGS_MAX: usize = 1000;

/// What a message lacks or has too much of, in the order of checks: header, structure, fields, profile.
pub fn validate(message: &Message, profile: &Profile) -> Vec<Finding> {
    let version = Version::from_version_id(&message.version());
    let placed = placed_segments(message);
    let applies = profile.applies_to(message);
    let adjustments = if applies { &profile.adjustments[..] } else { &[] };
    let mut findings = list::Findings::new(adjustments);
    header::check(message, &mut findings);
    segments::check(message, version, &placed, &mut findings);
    for segment in &placed {
        if findings.is_full() {
            break;
        }
        content::check(segment, version, profile, &mut findings);
        encapsulated::check(segment, &mut findings);
    }
    identity::check(message, &mut findings);
    if applies {
        for rule in &profile.rules {
            rule::check(rule, version, &placed, &mut findings);
        }
    }
    findings.into_list()
}

#[cfg(test)]
mod tests;
