//! Fields that sites declare as sources, as their configurations write them.

use serde::Deserialize;
use telerad_hl7::{Path, path};

/// A field that sites use for the accession number; in configurations as text, such as `OBR-18`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub enum AccessionSource {
    /// `IPC-1`
    Ipc1,
    /// `OBR-2`, the placer order number.
    Obr2,
    /// `OBR-3`, the filler order number.
    Obr3,
    /// `OBR-18`, placer field 1, where IHE has it.
    Obr18,
    /// `OBR-20`, filler field 1.
    Obr20,
    /// `ORC-2`, the placer order number.
    Orc2,
    /// `ORC-3`, the filler order number.
    Orc3,
}

impl From<AccessionSource> for Path {
    fn from(source: AccessionSource) -> Self {
        match source {
            AccessionSource::Ipc1 => path!("IPC-1"),
            AccessionSource::Obr2 => path!("OBR-2"),
            AccessionSource::Obr3 => path!("OBR-3"),
            AccessionSource::Obr18 => path!("OBR-18"),
            AccessionSource::Obr20 => path!("OBR-20"),
            AccessionSource::Orc2 => path!("ORC-2"),
            AccessionSource::Orc3 => path!("ORC-3"),
        }
    }
}

impl std::fmt::Display for AccessionSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Path::from(*self).fmt(f)
    }
}

impl std::str::FromStr for AccessionSource {
    type Err = InvalidAccessionSource;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all =
            [Self::Ipc1, Self::Obr2, Self::Obr3, Self::Obr18, Self::Obr20, Self::Orc2, Self::Orc3];
        all.into_iter().find(|source| source.to_string() == text).ok_or(InvalidAccessionSource)
    }
}

impl TryFrom<String> for AccessionSource {
    type Error = InvalidAccessionSource;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A text that names no field for the accession number.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("accession source must be one of IPC-1, OBR-2, OBR-3, OBR-18, OBR-20, ORC-2, ORC-3")]
pub struct InvalidAccessionSource;

/// A field of an order or appointment that a site declares as a source; in configurations as text, such as `OBR-36` or `ORC-7.4`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct OrderField(Path);

impl From<OrderField> for Path {
    fn from(field: OrderField) -> Self {
        field.0
    }
}

impl std::str::FromStr for OrderField {
    type Err = InvalidOrderField;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path: Path = text.parse().map_err(|_| InvalidOrderField)?;
        let is_of_order = matches!(path.segment(), "IPC" | "OBR" | "ORC" | "SCH" | "TQ1");
        if is_of_order && path.occurrence() == 1 { Ok(Self(path)) } else { Err(InvalidOrderField) }
    }
}

impl TryFrom<String> for OrderField {
    type Error = InvalidOrderField;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A text that names no field of an order or appointment.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a field of ORC, OBR, TQ1, IPC or SCH, such as OBR-36 or ORC-7.4")]
pub struct InvalidOrderField;

/// Where a step's Scheduled Station AE Title (0040,0001) stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub enum StationSource {
    /// `IPC-9`, where HL7 2.5.1 has it.
    #[serde(rename = "IPC-9")]
    Ipc9,
    /// `OBR-21`, filler field 2, where senders of older versions write it.
    #[serde(rename = "OBR-21")]
    Obr21,
    /// `ORC-18`, the entering device.
    #[serde(rename = "ORC-18")]
    Orc18,
}

impl StationSource {
    /// The field as findings name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ipc9 => "IPC-9",
            Self::Obr21 => "OBR-21",
            Self::Orc18 => "ORC-18",
        }
    }
}

/// Which part of OBR-4 is the step's protocol where no IPC-6 says it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub enum ProtocolSource {
    /// The second code of OBR-4, as IHE RAD TF-2 table B-1 has it.
    #[default]
    #[serde(rename = "OBR-4.4")]
    Alternate,
    /// The first code of OBR-4.
    #[serde(rename = "OBR-4.1")]
    Universal,
}

/// Where else than in PID-3 a site has identifiers of the patient, for Other Patient IDs (0010,1002).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub enum OtherPatientId {
    /// `PID-2`, the patient ID of before HL7 2.3.1.
    #[serde(rename = "PID-2")]
    Pid2,
    /// `PID-4`, alternate patient IDs.
    #[serde(rename = "PID-4")]
    Pid4,
}

impl OtherPatientId {
    pub(crate) fn field(self) -> usize {
        match self {
            Self::Pid2 => 2,
            Self::Pid4 => 4,
        }
    }
}

/// Where Confidentiality Constraint on Patient Data (0040,3001) comes from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub enum PatientConfidentiality {
    /// Nowhere.
    #[default]
    #[serde(rename = "none")]
    Nowhere,
    /// `PV1-16`, the VIP indicator.
    #[serde(rename = "PV1-16")]
    Pv1Vip,
}

/// Where the Referring Physician (0008,0090) comes from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub enum ReferringPhysician {
    /// `PV1-8`, and nothing else.
    #[default]
    #[serde(rename = "PV1-8")]
    Visit,
    /// `PV1-8`, else who ordered, `ORC-12`.
    #[serde(rename = "PV1-8, ORC-12")]
    VisitElseOrderer,
}

/// What a Study Instance UID (0020,000D) is taken from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum StudyUidPolicy {
    /// Always from issuer and accession number: for senders whose ZDS-1 is a constant, or used twice.
    Derived,
    /// The one that is named, ZDS-1 or IPC-3; from issuer and accession number where none is.
    #[default]
    NamedElseDerived,
}

#[cfg(test)]
mod tests {
    use super::{AccessionSource, OrderField};

    #[test]
    fn sources_are_written_as_fields() {
        assert_eq!("OBR-18".parse(), Ok(AccessionSource::Obr18));
        assert!("OBR-19".parse::<AccessionSource>().is_err());
        assert!("OBR-36".parse::<OrderField>().is_ok());
        for wrong in ["PID-3", "OBR", "start", "OBR[2]-6"] {
            assert!(wrong.parse::<OrderField>().is_err(), "{wrong}");
        }
    }
}
