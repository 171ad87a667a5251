//! Patients.

use serde::{Deserialize, Serialize};

use crate::{PartialDate, PatientId, PersonName};

/// Patient's Sex (0010,0040), PID-8.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Sex {
    /// `F`
    Female,
    /// `M`
    Male,
    /// `O`
    Other,
}

impl Sex {
    /// The defined term of (0010,0040).
    pub fn as_dicom(self) -> &'static str {
        match self {
            Self::Female => "F",
            Self::Male => "M",
            Self::Other => "O",
        }
    }

    /// Reads DICOM's terms and HL7 table 0001, where `A` (ambiguous) and `N` (not applicable) become
    /// [`Sex::Other`]; unknown and unlisted codes give `None`.
    pub fn from_code(code: &str) -> Option<Self> {
        match code.trim() {
            "F" | "f" => Some(Self::Female),
            "M" | "m" => Some(Self::Male),
            "O" | "o" | "A" | "a" | "N" | "n" => Some(Self::Other),
            _ => None,
        }
    }
}

/// Who a patient is, as far as a sender said so.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Patient {
    /// Every identifier, the sender's primary one first.
    pub ids: Vec<PatientId>,
    /// The name; empty when unknown.
    pub name: PersonName,
    /// The birth date, in the precision it came with.
    pub birth_date: Option<PartialDate>,
    /// The sex; `None` when unknown.
    pub sex: Option<Sex>,
}

impl Patient {
    /// The sender's primary identifier.
    pub fn primary_id(&self) -> Option<&PatientId> {
        self.ids.first()
    }
}

impl std::fmt::Debug for Patient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Patient(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::Sex;

    #[test]
    fn codes_of_both_standards_are_read() {
        let read = |code| Sex::from_code(code).map(Sex::as_dicom);
        assert_eq!(["F", "M", "O", "A", "N"].map(read), ["F", "M", "O", "O", "O"].map(Some));
        assert_eq!(["U", "", "X"].map(read), [None; 3]);
    }
}
