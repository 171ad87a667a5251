//! Imaging orders.

use serde::{Deserialize, Serialize};

use crate::{AccessionNumber, EntityIdentifier, Patient, PersonName, SiteId, Uid};

/// A coded entry (HL7 CE/CWE; DICOM code sequence item, PS3.3 section 8.8).
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Code {
    /// Code value.
    pub value: String,
    /// Coding scheme designator.
    pub scheme: String,
    /// Code meaning.
    pub meaning: String,
}

impl Code {
    /// Whether value, scheme and meaning are all present, as a DICOM code sequence item requires.
    pub fn is_complete(&self) -> bool {
        !self.value.is_empty() && !self.scheme.is_empty() && !self.meaning.is_empty()
    }
}

/// Requested Procedure Priority (0040,1003), most urgent first.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub enum Priority {
    /// `STAT`
    Stat,
    /// `HIGH`
    High,
    /// `ROUTINE`
    #[default]
    Routine,
    /// `MEDIUM`
    Medium,
    /// `LOW`
    Low,
}

impl Priority {
    /// The defined term of (0040,1003).
    pub fn as_dicom(self) -> &'static str {
        match self {
            Self::Stat => "STAT",
            Self::High => "HIGH",
            Self::Routine => "ROUTINE",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }

    /// From HL7 table 0485 or ORC-7.6/OBR-27.6: `S` STAT; `A`, `P`, `C` HIGH; `R` ROUTINE; `T` MEDIUM.
    pub fn from_hl7(code: &str) -> Option<Self> {
        match code.trim() {
            "S" | "STAT" => Some(Self::Stat),
            "A" | "P" | "C" | "HIGH" => Some(Self::High),
            "R" | "ROUTINE" => Some(Self::Routine),
            "T" | "MEDIUM" => Some(Self::Medium),
            "LOW" => Some(Self::Low),
            _ => None,
        }
    }
}

/// An imaging order as a site placed it: who, what, and the numbers by which images and reports find back to it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Order {
    /// The site that placed it.
    pub site: SiteId,
    /// Whom it is for, as the order said.
    pub patient: Patient,
    /// Accession number with its issuer.
    pub accession: AccessionNumber,
    /// ORC-2 / OBR-2.
    pub placer_order_number: Option<EntityIdentifier>,
    /// ORC-3 / OBR-3.
    pub filler_order_number: Option<EntityIdentifier>,
    /// OBR-19, IPC-2, (0040,1001).
    pub requested_procedure_id: String,
    /// (0020,000D), announced by ZDS-1 or IPC-3, or derived.
    pub study_instance_uid: Uid,
    /// Requested procedure (OBR-44, else OBR-4).
    pub procedure: Code,
    /// How urgent it is.
    pub priority: Priority,
    /// PV1-8.
    pub referring_physician: PersonName,
    /// OBR-16, else ORC-12.
    pub requesting_physician: PersonName,
    /// OBR-31.
    pub reason: String,
}
