//! How the messages of a site, or of one facility of it, become worklist entries.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use telerad_accession::CanonicalRule;
use telerad_core::{AeTitle, Issuer};
use telerad_worklist::{
    AccessionSource, LocationRule, Mapping, MissingStart, OrderField, OtherPatientId,
    PatientConfidentiality, ProtocolSource, ReferringPhysician, Shortening, StationRule,
    StationSource, StudyUidPolicy,
};
use toml::Spanned;

use super::read::{Fault, fault};
use super::{Configuration, Site};

/// What a site declares about its orders. What is not given is as the site has it, for a facility, else as
/// [`Mapping::new`] has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrderMapping {
    /// Issuer of accession numbers that come without one.
    pub accession_issuer: Option<String>,
    /// Assigning authority of patient identifiers that come without one.
    pub patient_authority: Option<String>,
    /// Fields that hold the accession number, first choice first.
    pub accession_sources: Option<Vec<AccessionSource>>,
    /// How accession numbers of more than 16 characters are shortened for modalities: the first rules that make them fit.
    pub accession_shortening: Option<Vec<Shortening>>,
    /// Modality (0008,0060) by procedure code, for orders that name none.
    pub modality_by_procedure: Option<BTreeMap<String, Modality>>,
    /// Modality of steps that neither their order nor a table gives one.
    pub modality_default: Option<Modality>,
    /// Fields that hold the station, first choice first: `IPC-9`, `OBR-21`, `ORC-18`.
    pub station_sources: Option<Vec<StationSource>>,
    /// Stations of steps that name none; the first that applies counts.
    pub stations: Option<Vec<Stations>>,
    /// Stations of steps that neither their order nor a rule or place gives one.
    pub stations_default: Option<Vec<AeTitle>>,
    /// What is done where, for steps that lack modality, station or start.
    pub locations: Option<Vec<Place>>,
    /// Fields that hold the start, first choice first.
    pub start_sources: Option<Vec<OrderField>>,
    /// The start of steps that say none: `message_time`, or a time of day such as `08:00`.
    pub start_default: Option<MissingStart>,
    /// Fields that hold the priority, first choice first.
    pub priority_sources: Option<Vec<OrderField>>,
    /// Fields in which appointments name their order, first choice first.
    pub appointment_sources: Option<Vec<OrderField>>,
    /// `named_else_derived`, or `derived` where the UIDs that senders name are not to be used.
    pub study_instance_uid: Option<StudyUidPolicy>,
    /// The step's protocol, where no IPC-6 says it: `OBR-4.4` or `OBR-4.1`.
    pub protocol: Option<ProtocolSource>,
    /// `PV1-8`, or `PV1-8, ORC-12` where who orders stands in for who refers.
    pub referring_physician: Option<ReferringPhysician>,
    /// Identifiers of the patient outside PID-3: `PID-2`, `PID-4`.
    pub other_patient_ids: Option<Vec<OtherPatientId>>,
    /// `PV1-16` where that says whether the patient's data are confidential; `none`.
    pub patient_confidentiality: Option<PatientConfidentiality>,
    /// Institution Name (0008,0080) of orders that name no ordering facility.
    pub institution: Option<String>,
}

/// What a facility (MSH-4) of a site writes otherwise than the others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facility {
    /// MSH-4.
    pub name: Spanned<String>,
    /// Its own declarations.
    pub orders: Spanned<OrderMapping>,
}

/// A modality as DICOM writes it: (0008,0060) is a code string (PS3.5 section 6.2).
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Modality(String);

impl Modality {
    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Modality {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_code = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if (1..=16).contains(&text.len()) && text.bytes().all(is_code) {
            return Ok(Self(text));
        }
        Err(format!("`{text}` is not a modality; expected a code such as CT, MR or DX"))
    }
}

/// Which stations do a kind of step. What is not given does not matter.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stations {
    /// Only steps of this modality.
    pub modality: Option<Modality>,
    /// Only steps of this procedure code.
    pub procedure: Option<String>,
    /// Only steps at this place.
    pub location: Option<String>,
    /// Only orders of this facility, MSH-4.
    pub facility: Option<String>,
    /// The stations.
    pub ae_titles: Vec<AeTitle>,
}

/// What is done at a place: `location` is the step's (IPC-8), the patient's (PV1-3) as `point^room^bed`, or its point of
/// care alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The place.
    pub location: Option<String>,
    /// Only orders of this facility, MSH-4.
    pub facility: Option<String>,
    /// The modality there.
    pub modality: Option<Modality>,
    /// The stations there.
    #[serde(default)]
    pub ae_titles: Vec<AeTitle>,
    /// When steps begin there that say nothing of it: `message_time`, or a time of day.
    pub start: Option<MissingStart>,
}

impl OrderMapping {
    /// Puts what is given here into a mapping.
    pub(super) fn put(&self, mapping: &mut Mapping) {
        let issuer = |name: &Option<String>| Issuer::local(name.as_deref()?).ok();
        if let Some(issuer) = issuer(&self.accession_issuer) {
            mapping.accession_issuer = Some(issuer);
        }
        if let Some(authority) = issuer(&self.patient_authority) {
            mapping.patient_authority = Some(authority);
        }
        set(&mut mapping.accession_sources, &self.accession_sources);
        set(&mut mapping.accession_shortening, &self.accession_shortening);
        if let Some(table) = &self.modality_by_procedure {
            let row = |(code, modality): (&String, &Modality)| (code.clone(), modality.0.clone());
            mapping.modality_by_procedure = table.iter().map(row).collect();
        }
        if let Some(modality) = &self.modality_default {
            mapping.modality_default = Some(modality.0.clone());
        }
        set(&mut mapping.station_sources, &self.station_sources);
        if let Some(rules) = &self.stations {
            mapping.station_ae_titles = rules.iter().map(Stations::rule).collect();
        }
        set(&mut mapping.stations_default, &self.stations_default);
        if let Some(places) = &self.locations {
            mapping.locations = places.iter().map(Place::rule).collect();
        }
        set(&mut mapping.start_sources, &self.start_sources);
        set(&mut mapping.missing_start, &self.start_default);
        set(&mut mapping.priority_sources, &self.priority_sources);
        set(&mut mapping.appointment_sources, &self.appointment_sources);
        set(&mut mapping.study_instance_uid, &self.study_instance_uid);
        set(&mut mapping.protocol, &self.protocol);
        set(&mut mapping.referring_physician, &self.referring_physician);
        set(&mut mapping.other_patient_ids, &self.other_patient_ids);
        set(&mut mapping.patient_confidentiality, &self.patient_confidentiality);
        if self.institution.is_some() {
            mapping.institution.clone_from(&self.institution);
        }
    }

    /// What no single value shows, in words.
    fn fault(&self) -> Option<String> {
        let empty = |name: &str| format!("{name} is empty; expected at least one, or no such line");
        let lists = [
            ("accession_sources", self.accession_sources.as_ref().map(Vec::len)),
            ("station_sources", self.station_sources.as_ref().map(Vec::len)),
            ("start_sources", self.start_sources.as_ref().map(Vec::len)),
            ("priority_sources", self.priority_sources.as_ref().map(Vec::len)),
            ("appointment_sources", self.appointment_sources.as_ref().map(Vec::len)),
        ];
        if let Some((name, _)) = lists.into_iter().find(|(_, length)| *length == Some(0)) {
            return Some(empty(name));
        }
        let issuers = [&self.accession_issuer, &self.patient_authority];
        if issuers.into_iter().flatten().any(|name| Issuer::local(name).is_err()) {
            return Some("accession_issuer and patient_authority must not be empty".to_owned());
        }
        if self.stations.iter().flatten().any(|rule| rule.ae_titles.is_empty()) {
            return Some(empty("ae_titles of a rule in stations"));
        }
        let says_nothing = |place: &Place| {
            place.modality.is_none() && place.ae_titles.is_empty() && place.start.is_none()
        };
        if self.locations.iter().flatten().any(says_nothing) {
            let text = "a location says nothing; expected modality, ae_titles or start";
            return Some(text.to_owned());
        }
        let is_idle = |rule: &Shortening| match rule {
            Shortening::KeepFirst => false,
            Shortening::RemoveSeparators { separators: text }
            | Shortening::StripPrefix { prefix: text }
            | Shortening::StripSuffix { suffix: text } => text.is_empty(),
        };
        if self.accession_shortening.iter().flatten().any(is_idle) {
            return Some("a rule of accession_shortening takes nothing away".to_owned());
        }
        None
    }
}

impl Stations {
    fn rule(&self) -> StationRule {
        StationRule {
            modality: self.modality.as_ref().map(|modality| modality.0.clone()),
            procedure: self.procedure.clone(),
            location: self.location.clone(),
            facility: self.facility.clone(),
            ae_titles: self.ae_titles.clone(),
        }
    }
}

impl Place {
    fn rule(&self) -> LocationRule {
        LocationRule {
            location: self.location.clone(),
            facility: self.facility.clone(),
            modality: self.modality.as_ref().map(|modality| modality.0.clone()),
            ae_titles: self.ae_titles.clone(),
            start: self.start,
        }
    }
}

impl Site {
    /// How the messages of one facility are read: as the site's, but for what is declared for it.
    pub fn mapping_of(&self, facility: &Facility) -> Mapping {
        let mut mapping = self.mapping();
        facility.orders.get_ref().put(&mut mapping);
        mapping
    }

    /// The rules by which numbers come back shortened, from images and from readers.
    pub(super) fn shortened(&self) -> Vec<CanonicalRule> {
        let own = self.orders.iter().map(Spanned::get_ref);
        let all = own.chain(self.facilities.iter().map(|facility| facility.orders.get_ref()));
        let mut rules = Vec::new();
        for rule in all.flat_map(|orders| orders.accession_shortening.iter().flatten()) {
            let rule = match rule {
                Shortening::KeepFirst => CanonicalRule::Cut { characters: 16 },
                Shortening::RemoveSeparators { separators } => {
                    CanonicalRule::RemoveSeparators { separators: separators.clone() }
                }
                Shortening::StripPrefix { prefix } => {
                    CanonicalRule::StripPrefix { prefix: prefix.clone() }
                }
                Shortening::StripSuffix { suffix } => {
                    CanonicalRule::StripSuffix { suffix: suffix.clone() }
                }
            };
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        rules
    }
}

impl Configuration {
    pub(super) fn check_orders(&self) -> Result<(), Fault> {
        for site in &self.sites {
            if let Some(orders) = &site.orders
                && let Some(text) = orders.get_ref().fault()
            {
                return fault(orders, text);
            }
            let mut names = BTreeSet::new();
            for facility in &site.facilities {
                let name = facility.name.get_ref().as_str();
                if !names.insert(name) {
                    return fault(&facility.name, format!("facility `{name}` is declared twice"));
                }
                let sends = self.hl7_sources.iter().any(|source| {
                    source.facility == name && source.site.get_ref() == site.id.get_ref()
                });
                if !sends {
                    let text = format!(
                        "facility `{name}` sends nothing; expected the facility of an hl7_source of site `{}`",
                        site.id.get_ref()
                    );
                    return fault(&facility.name, text);
                }
                if let Some(text) = facility.orders.get_ref().fault() {
                    return fault(&facility.orders, text);
                }
            }
        }
        Ok(())
    }
}

fn set<T: Clone>(slot: &mut T, given: &Option<T>) {
    if let Some(given) = given {
        slot.clone_from(given);
    }
}

#[cfg(test)]
mod tests;
