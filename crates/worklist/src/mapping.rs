//! What a site declares about its messages.

use std::collections::BTreeMap;

use serde::Deserialize;
use telerad_core::{AeTitle, Issuer, SiteId};
use telerad_hl7::{Path, path};

use crate::StatusRules;

/// How the messages of one site are read. Everything here is a declaration by the site, never a guess.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The site.
    pub site: SiteId,
    /// Issuer of accession numbers that come without one.
    pub accession_issuer: Option<Issuer>,
    /// Authority of patient identifiers that come without one; also the one whose identifier is primary.
    pub patient_authority: Option<Issuer>,
    /// Where the accession number stands, first choice first.
    pub accession_sources: Vec<AccessionSource>,
    /// Modality (0008,0060) by procedure code (OBR-44.1 or OBR-4.1), for orders that name none.
    pub modality_by_procedure: BTreeMap<String, String>,
    /// Stations (0040,0001) for steps that name none; the first rule that applies counts.
    pub station_ae_titles: Vec<StationRule>,
    /// What to do with a step that has no start.
    pub missing_start: MissingStart,
    /// How its order controls are taken.
    pub status: StatusRules,
}

impl Mapping {
    /// Accession number from OBR-18, else IPC-1; no issuer, no authority, no tables; a missing start is derived.
    pub fn new(site: SiteId) -> Self {
        Self {
            site,
            accession_issuer: None,
            patient_authority: None,
            accession_sources: vec![AccessionSource::Obr18, AccessionSource::Ipc1],
            modality_by_procedure: BTreeMap::new(),
            station_ae_titles: Vec::new(),
            missing_start: MissingStart::TakeMessageTime,
            status: StatusRules::default(),
        }
    }
}

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

/// Which stations do a kind of step.
#[derive(Clone, Debug)]
pub struct StationRule {
    /// Only steps of this modality; `None` = any.
    pub modality: Option<String>,
    /// Only steps of this procedure code; `None` = any.
    pub procedure: Option<String>,
    /// The stations.
    pub ae_titles: Vec<AeTitle>,
}

impl StationRule {
    pub(crate) fn applies(&self, modality: &str, procedure: &str) -> bool {
        self.modality.as_deref().is_none_or(|wanted| wanted == modality)
            && self.procedure.as_deref().is_none_or(|wanted| wanted == procedure)
    }
}

/// What to do with a step that no field gives a start. A worklist entry must have one (PS3.4 table K.6-1, type 1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MissingStart {
    /// Park the message.
    Park,
    /// Take the time of the message (MSH-7), and say so in a finding: the step is on the list of the day it was ordered.
    TakeMessageTime,
}

/// The DICOM modality for a code of HL7 table 0074 or a habit of the field; `None` when the code names a department
/// or is unknown. DICOM's own terms are their own translation.
pub(crate) fn modality(code: &str) -> Option<&'static str> {
    let upper = code.to_ascii_uppercase();
    if let Some(term) = MODALITIES.iter().find(|term| **term == upper) {
        return Some(term);
    }
    TRANSLATED_MODALITIES.iter().find(|(from, _)| *from == upper).map(|(_, to)| *to)
}

/// Acquisition modalities of PS3.3 section C.7.3.1.1.1.
const MODALITIES: [&str; 45] = [
    "AR", "BDUS", "BMD", "CR", "CT", "DX", "ECG", "EEG", "EMG", "EOG", "EPS", "ES", "GM", "HD",
    "IO", "IVOCT", "IVUS", "KER", "LEN", "LS", "MG", "MR", "NM", "OAM", "OCT", "OP", "OPM", "OPT",
    "OPV", "OSS", "OT", "PA", "POS", "PT", "PX", "RESP", "RF", "RG", "RTIMAGE", "SM", "SRF", "TG",
    "US", "VA", "XA",
];

/// HL7 2.5.1 table 0074 where it names one modality, and spellings that RISs send in its place. `RAD`, `RX`, `RT` and
/// other departments are left out on purpose: they name no modality.
const TRANSLATED_MODALITIES: [(&str, &str); 12] = [
    ("CTH", "XA"),
    ("CUS", "US"),
    ("EC", "ECG"),
    ("MAM", "MG"),
    ("MRI", "MR"),
    ("NMR", "MR"),
    ("NMS", "NM"),
    ("OUS", "US"),
    ("PET", "PT"),
    ("RUS", "US"),
    ("VUS", "US"),
    ("XRC", "XA"),
];

#[cfg(test)]
mod tests {
    use super::{AccessionSource, modality};

    #[test]
    fn departments_are_no_modalities() {
        assert_eq!(
            ["CT", "mr", "NMR", "RUS"].map(modality),
            [Some("CT"), Some("MR"), Some("MR"), Some("US")]
        );
        assert_eq!(["RAD", "RX", "", "LAB"].map(modality), [None; 4]);
    }

    #[test]
    fn sources_are_written_as_fields() {
        assert_eq!("OBR-18".parse(), Ok(AccessionSource::Obr18));
        assert!("OBR-19".parse::<AccessionSource>().is_err());
    }
}
