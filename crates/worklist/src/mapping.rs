//! What a site declares about its messages.

use std::collections::BTreeMap;

use serde::Deserialize;
use telerad_core::{AeTitle, Issuer, SiteId};

use crate::StatusRules;
use crate::adt::AdtPolicy;

mod modality;
mod shortening;
mod source;

pub(crate) use modality::modality;
pub use shortening::Shortening;
pub use source::{
    AccessionSource, InvalidAccessionSource, InvalidOrderField, OrderField, OtherPatientId,
    PatientConfidentiality, ProtocolSource, ReferringPhysician, StationSource, StudyUidPolicy,
};

/// How the messages of one site, or of one facility of it, are read. Everything here is a declaration by the site, never
/// a guess.
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
    /// Whether a number can identify an order: `NONE` and `0` cannot. Numbers that cannot are passed over.
    pub identifies: fn(&str) -> bool,
    /// How numbers that DICOM cannot carry are shortened for modalities. Without one that fits they are answered whole.
    pub accession_shortening: Vec<Shortening>,
    /// Modality (0008,0060) by procedure code (OBR-44.1 or OBR-4.1), for orders that name none.
    pub modality_by_procedure: BTreeMap<String, String>,
    /// Modality of steps that neither their order nor a table gives one; without it `OT`.
    pub modality_default: Option<String>,
    /// Where the stations of a step stand, first choice first.
    pub station_sources: Vec<StationSource>,
    /// Stations (0040,0001) for steps that name none; the first rule that applies counts.
    pub station_ae_titles: Vec<StationRule>,
    /// Stations of steps that neither their order nor a rule gives one; empty = any station of the site.
    pub stations_default: Vec<AeTitle>,
    /// What the places of the site do, for steps that lack modality, station or start; the first that applies and says it
    /// counts.
    pub locations: Vec<LocationRule>,
    /// Where the start of a step stands, first choice first.
    pub start_sources: Vec<OrderField>,
    /// What stands in for a start that no field and no location gives.
    pub missing_start: MissingStart,
    /// How its order controls are taken.
    pub status: StatusRules,
    /// Where the priority stands, first choice first.
    pub priority_sources: Vec<OrderField>,
    /// Where appointments (SIU) name the order that they are of, first choice first.
    pub appointment_sources: Vec<OrderField>,
    /// What a study is named after.
    pub study_instance_uid: StudyUidPolicy,
    /// The step's protocol, where no IPC-6 says it.
    pub protocol: ProtocolSource,
    /// The referring physician.
    pub referring_physician: ReferringPhysician,
    /// Identifiers of the patient outside PID-3.
    pub other_patient_ids: Vec<OtherPatientId>,
    /// Whether the patient's data are confidential.
    pub patient_confidentiality: PatientConfidentiality,
    /// Institution Name (0008,0080) of orders that name no ordering facility (ORC-21).
    pub institution: Option<String>,
    /// How patient administration messages are taken.
    pub adt: AdtPolicy,
}

impl Mapping {
    /// Accession number from OBR-18, else IPC-1; stations from IPC-9; start and priority as IHE RAD TF-2 table B-1 and the
    /// field have them; no issuer, no authority, no tables. A missing start is the time of the message.
    pub fn new(site: SiteId) -> Self {
        let fields = |texts: &[&str]| texts.iter().filter_map(|text| text.parse().ok()).collect();
        Self {
            site,
            accession_issuer: None,
            patient_authority: None,
            accession_sources: vec![AccessionSource::Obr18, AccessionSource::Ipc1],
            identifies: |_| true,
            accession_shortening: Vec::new(),
            modality_by_procedure: BTreeMap::new(),
            modality_default: None,
            station_sources: vec![StationSource::Ipc9],
            station_ae_titles: Vec::new(),
            stations_default: Vec::new(),
            locations: Vec::new(),
            start_sources: fields(&["TQ1-7", "ORC-7.4", "OBR-27.4", "OBR-36", "OBR-6"]),
            missing_start: MissingStart::TakeMessageTime,
            status: StatusRules::default(),
            priority_sources: fields(&["TQ1-9", "ORC-7.6", "OBR-27.6", "OBR-5"]),
            appointment_sources: fields(&["SCH-27", "SCH-26", "ORC-3", "ORC-2"]),
            study_instance_uid: StudyUidPolicy::default(),
            protocol: ProtocolSource::default(),
            referring_physician: ReferringPhysician::default(),
            other_patient_ids: Vec::new(),
            patient_confidentiality: PatientConfidentiality::default(),
            institution: None,
            adt: AdtPolicy::default(),
        }
    }

    /// Every station that the site names somewhere.
    pub(crate) fn stations(&self) -> impl Iterator<Item = &AeTitle> {
        let rules = self.station_ae_titles.iter().flat_map(|rule| &rule.ae_titles);
        let places = self.locations.iter().flat_map(|place| &place.ae_titles);
        rules.chain(places).chain(&self.stations_default)
    }
}

/// Which stations do a kind of step. What is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct StationRule {
    /// Only steps of this modality.
    pub modality: Option<String>,
    /// Only steps of this procedure code.
    pub procedure: Option<String>,
    /// Only steps at this place, as [`LocationRule::location`].
    pub location: Option<String>,
    /// Only orders of this sending facility, MSH-4.
    pub facility: Option<String>,
    /// The stations.
    pub ae_titles: Vec<AeTitle>,
}

/// What is done at a place of the site. What is `None` or empty does not matter.
#[derive(Clone, Debug, Default)]
pub struct LocationRule {
    /// The step's location (IPC-8) or the patient's (PV1-3): whole as `point^room^bed`, or its point of care alone.
    pub location: Option<String>,
    /// The sending facility, MSH-4.
    pub facility: Option<String>,
    /// Modality of what is done there.
    pub modality: Option<String>,
    /// The stations there.
    pub ae_titles: Vec<AeTitle>,
    /// When steps begin there that say nothing of it.
    pub start: Option<MissingStart>,
}

/// A step as rules see it.
#[derive(Clone, Copy)]
pub(crate) struct Kind<'a> {
    pub(crate) modality: &'a str,
    pub(crate) procedure: &'a str,
    pub(crate) facility: &'a str,
    pub(crate) step_location: &'a str,
    pub(crate) patient_location: &'a str,
}

impl Kind<'_> {
    fn is_at(&self, place: &str) -> bool {
        let point = |location: &str| location.split('^').next() == Some(place);
        [self.step_location, self.patient_location]
            .into_iter()
            .any(|location| !location.is_empty() && (location == place || point(location)))
    }
}

impl StationRule {
    pub(crate) fn applies(&self, kind: Kind<'_>) -> bool {
        let is = |wanted: &Option<String>, value: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == value)
        };
        is(&self.modality, kind.modality)
            && is(&self.procedure, kind.procedure)
            && is(&self.facility, kind.facility)
            && self.location.as_deref().is_none_or(|place| kind.is_at(place))
    }
}

impl LocationRule {
    /// Its modality does not matter here: it is what the rule gives.
    pub(crate) fn applies(&self, kind: Kind<'_>) -> bool {
        self.facility.as_deref().is_none_or(|wanted| wanted == kind.facility)
            && self.location.as_deref().is_none_or(|place| kind.is_at(place))
    }
}

/// What stands in for the start of a step that no field gives. A worklist entry must have one (PS3.4 table K.6-1, type
/// 1), and a finding says which was taken.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub enum MissingStart {
    /// The day of the message (MSH-7), at this time.
    At {
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
    /// The time of the message (MSH-7): the step is on the list of the day it was ordered.
    TakeMessageTime,
}

impl std::str::FromStr for MissingStart {
    type Err = InvalidMissingStart;

    /// `message_time`, or a time of day as `HH:MM`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "message_time" {
            return Ok(Self::TakeMessageTime);
        }
        let two = |digits: &str, below: u8| {
            let is_two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|number| is_two && *number < below)
        };
        let (hour, minute) = text.split_once(':').ok_or(InvalidMissingStart)?;
        let (hour, minute) = two(hour, 24).zip(two(minute, 60)).ok_or(InvalidMissingStart)?;
        Ok(Self::At { hour, minute })
    }
}

impl TryFrom<String> for MissingStart {
    type Error = InvalidMissingStart;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A text that says nothing of a start.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected message_time or a time of day, such as 08:00")]
pub struct InvalidMissingStart;
