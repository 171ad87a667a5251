//! What has a journey, and what people search it by.

use telerad_core::{PatientId, Uid};
use telerad_worklist::OrderKey;

/// What people search an examination by.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum JourneyKey {
    /// An accession number, whoever issued it.
    Accession(String),
    /// A patient identifier. Of what names an issuer, only the same one's; what names none may be anybody's, and so may
    /// everything when this names none.
    Patient(PatientId),
    /// The beginning of a patient's name, in any of its writings; case and delimiters make no difference.
    Name(String),
    /// A Study or SOP Instance UID.
    Uid(Uid),
}

impl std::fmt::Debug for JourneyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Accession(_) => "JourneyKey::Accession(<redacted>)",
            Self::Patient(_) => "JourneyKey::Patient(<redacted>)",
            Self::Name(_) => "JourneyKey::Name(<redacted>)",
            Self::Uid(_) => "JourneyKey::Uid(<redacted>)",
        })
    }
}

/// Something that has a journey.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum JourneySubject {
    /// An order, with the studies that were made for it.
    Order(OrderKey),
    /// A study, by (0020,000D), with the orders it was made for. An instance that names no study is one of its own.
    Study(String),
}
