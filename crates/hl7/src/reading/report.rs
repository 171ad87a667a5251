//! Reports.

use std::fmt;

use super::declare::readings;
use super::lookup::{Lookup, Shared};
use super::{
    Conflict, Found, Observation, ObservationStatus, PatientSources, PatientValues, Reading,
};
use crate::datatype::{Ce, Datatype, Ed, Ei, MediaType, Ndl, Ppn, Rp, Ts, Xcn};
use crate::group::{Groups, ObservationGroup, Placed};
use crate::{Depth, Location, Message, path};

readings! {
    /// What a report says of itself, wherever it says it.
    ReportValues
    /// Where to read a report. Many RISs send the accession number in OBR-3, ORC-3 or OBR-2: name the sender's field.
    ReportSources {
        /// Accession Number (0008,0050).
        accession: Ei = ["IPC-1", "OBR-18"],
        /// The placer's number.
        placer_order_number: Ei = ["OBR-2", "ORC-2", "TXA-14"],
        /// The filler's number.
        filler_order_number: Ei = ["OBR-3", "ORC-3", "TXA-15"],
        /// The document's own number.
        document_number: Ei = ["TXA-12"],
        /// The document that this one amends or replaces.
        parent_document_number: Ei = ["TXA-13"],
        /// Requested Procedure ID (0040,1001).
        requested_procedure_id: Ei = ["IPC-2", "OBR-19"],
        /// Study Instance UID (0020,000D), from IPC or ZDS; [`ReportView`] adds those that stand in OBX.
        study_instance_uid: String = ["IPC-3", "ZDS-1"],
        /// The examination.
        procedure: Ce = ["OBR-44", "OBR-4"],
        /// Modality (0008,0060).
        modality: String = ["IPC-5", "OBR-24"],
        /// Result status, table 0123.
        result_status: String = ["OBR-25"],
        /// Completion status of a document, table 0271.
        completion_status: String = ["TXA-17"],
        /// Availability of a document, table 0273.
        availability_status: String = ["TXA-19"],
        /// When the examination was.
        observed: Ts = ["OBR-7", "TXA-4"],
        /// When the status changed: the newest version is known by this.
        status_changed: Ts = ["OBR-22"],
        /// Who interpreted.
        principal_interpreter: Ndl = ["OBR-32"],
        /// Who helped.
        assistant_interpreter: Ndl = ["OBR-33"],
        /// Who ordered.
        ordering_provider: Xcn = ["OBR-16", "ORC-12"],
        /// Who wrote the document.
        originator: Xcn = ["TXA-9", "TXA-5"],
        /// Who signed the document, and when.
        authentication: Ppn = ["TXA-22"],
        /// Document type, table 0270.
        document_type: String = ["TXA-2"],
    }
}

/// One report: an OBR of ORU with its observations, or a TXA of MDM.
#[derive(Clone, Debug)]
pub struct ReportView<'a> {
    /// Whom it is about.
    pub patient: PatientValues,
    /// What it says of itself.
    pub values: ReportValues,
    /// Where the PID it stands under is.
    pub patient_location: Option<Location>,
    /// Where its OBR is; in a document that of the first order, `None` for an ORC without OBR.
    pub request_location: Option<Location>,
    /// Every observation, in the message's order.
    pub observations: Vec<Observation>,
    /// Text by section, in the order in which the sections begin.
    pub sections: Vec<Section>,
    /// Files and pointers, in the message's order.
    pub attachments: Vec<Attachment<'a>>,
}

/// Consecutive text with the same observation identifier.
#[derive(Clone, Eq, PartialEq)]
pub struct Section {
    /// What the section is, as far as its code is known.
    pub kind: SectionKind,
    /// OBX-3.
    pub identifier: Ce,
    /// OBX-4.
    pub sub_id: String,
    /// The lines; withdrawn ones are left out, an empty OBX is an empty line.
    pub text: String,
    /// Where its first line is.
    pub location: Option<Location>,
}

/// What a section of a report is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SectionKind {
    /// Added after the report was final.
    Addendum,
    /// What was compared with.
    Comparison,
    /// What was seen.
    Findings,
    /// What is known of the patient, and why the examination was asked for.
    History,
    /// What it means.
    Impression,
    /// Anything else.
    Other,
    /// How it was done.
    Procedure,
    /// What should be done.
    Recommendation,
}

/// A file in a report, or a pointer to one.
#[derive(Clone, Debug)]
pub enum Attachment<'a> {
    /// OBX-5 of type ED.
    Data {
        /// OBX-3.
        identifier: Ce,
        /// OBX-11.
        status: ObservationStatus,
        /// The data, still encoded.
        data: Ed<'a>,
        /// Where it is.
        location: Option<Location>,
    },
    /// OBX-5 of type RP.
    Pointer {
        /// OBX-3.
        identifier: Ce,
        /// OBX-11.
        status: ObservationStatus,
        /// The pointer.
        pointer: Rp,
        /// Where it is.
        location: Option<Location>,
    },
}

/// How far a report is, by OBR-25, else by TXA-17, else by the observations.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ReportState {
    /// `X`: there will be no report.
    Canceled,
    /// `C`: a final report was corrected.
    Corrected,
    /// `F`
    Final,
    /// `I`, `O`; `N`: the examination is done. Being made.
    InProgress,
    /// `A`: some of it is there.
    Partial,
    /// `P`; `M`: corrected, and not final.
    Preliminary,
    /// `S`
    Scheduled,
    /// Nothing says, or a code that is not of a report: `Y` and `Z` answer queries.
    Unknown,
    /// `R`: there, but not verified.
    Unverified,
}

impl ReportState {
    /// Reads a code of table 0123.
    pub fn from_result_status(code: &str) -> Self {
        match code.trim() {
            "A" => Self::Partial,
            "C" => Self::Corrected,
            "F" => Self::Final,
            "I" | "N" | "O" => Self::InProgress,
            "M" | "P" => Self::Preliminary,
            "R" => Self::Unverified,
            "S" => Self::Scheduled,
            "X" => Self::Canceled,
            _ => Self::Unknown,
        }
    }

    /// Reads a code of table 0271.
    pub fn from_completion_status(code: &str) -> Self {
        match code.trim() {
            "AU" | "LA" => Self::Final,
            "DI" | "IP" => Self::InProgress,
            "DO" | "PA" => Self::Preliminary,
            "IN" => Self::Partial,
            _ => Self::Unknown,
        }
    }

    fn of_observations(observations: &[Observation]) -> Self {
        let states = observations.iter().map(|observation| match observation.status {
            ObservationStatus::Correction => Self::Corrected,
            ObservationStatus::Final | ObservationStatus::StatusOnly => Self::Final,
            ObservationStatus::Partial => Self::Partial,
            ObservationStatus::Preliminary => Self::Preliminary,
            ObservationStatus::Unverified => Self::Unverified,
            ObservationStatus::Pending => Self::InProgress,
            _ => Self::Unknown,
        });
        // The least certain line speaks for all: one preliminary line makes no final report.
        let order = [
            Self::InProgress,
            Self::Unverified,
            Self::Partial,
            Self::Preliminary,
            Self::Corrected,
            Self::Final,
        ];
        let states: Vec<Self> = states.collect();
        order.into_iter().find(|state| states.contains(state)).unwrap_or(Self::Unknown)
    }
}

/// How many studies are taken from before the first order: each is looked at again for every order.
const STUDIES_MAX: usize = 16;

impl<'a> ReportView<'a> {
    /// Every report of a message. In an MDM the orders before TXA belong to the document; elsewhere a TXA hides none of
    /// several orders.
    pub fn read_all(message: &'a Message, sources: &ReportSources) -> Vec<Self> {
        let groups = Groups::of(message);
        let is_document_message = message.message_code() == "MDM";
        let mut reports = Vec::new();
        for patient in groups.patients.iter().filter(|patient| !patient.is_prior) {
            let shared = Shared::of(&groups, Some(patient));
            let values = PatientValues::with(&shared, &PatientSources::default());
            // What stands before the first order names the study of each.
            let studies = patient.observations.iter().map(Observation::of);
            let studies = studies.filter(|each| each.study_instance_uid.is_some());
            let studies: Vec<Observation> = studies.take(STUDIES_MAX).collect();
            let order = patient.orders.first();
            let lookup = Lookup { shared: &shared, patient: Some(patient), order, document: None };
            let has_many = patient.orders.len() > 1 && !is_document_message;
            for document in patient.documents.iter().filter(|_| !has_many) {
                let lookup = Lookup { document: Some(document), ..lookup };
                reports.push(Self::of(lookup, values.clone(), &studies, sources));
            }
            if patient.documents.is_empty() || has_many {
                for order in &patient.orders {
                    let lookup = Lookup { order: Some(order), ..lookup };
                    reports.push(Self::of(lookup, values.clone(), &studies, sources));
                }
            }
        }
        reports
    }

    fn of(
        lookup: Lookup<'_, 'a>,
        patient: PatientValues,
        studies: &[Observation],
        sources: &ReportSources,
    ) -> Self {
        let mut values = ReportValues::read(&lookup, sources);
        values.procedure = values.procedure.first_only();
        values.originator = values.originator.first_only();
        values.modality = values.modality.first_of_each_segment();
        if lookup.order.is_some_and(|order| order.is_further_request) {
            // Each OBR of a result has an ORC of its own or none; the numbers of another one's would be wrong here.
            values.placer_order_number = values.placer_order_number.without("ORC");
            values.filler_order_number = values.filler_order_number.without("ORC");
        }
        let obx = lookup.observations();
        let observations: Vec<Observation> = obx.iter().map(Observation::of).collect();
        let observed = observations.iter().chain(studies);
        values.study_instance_uid = with_observed_study(values.study_instance_uid, observed);
        let placed = |placed: Option<Placed<'_>>| placed.and_then(|placed| placed.location());
        Self {
            patient,
            values,
            patient_location: placed(lookup.patient.and_then(|patient| patient.patient)),
            request_location: placed(lookup.order.and_then(|order| order.request)),
            sections: sections(&observations),
            attachments: attachments(obx, &observations),
            observations,
        }
    }

    /// How far the report is.
    pub fn state(&self) -> ReportState {
        let text = |reading: &Reading<String>| reading.value().cloned().unwrap_or_default();
        let stated = ReportState::from_result_status(&text(&self.values.result_status));
        let completed = ReportState::from_completion_status(&text(&self.values.completion_status));
        match (stated, completed) {
            (ReportState::Unknown, ReportState::Unknown) => {
                ReportState::of_observations(&self.observations)
            }
            (ReportState::Unknown, completed) => completed,
            (stated, _) => stated,
        }
    }

    /// The text of all sections, an empty line between them.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.sections.iter().map(|section| section.text.as_str()).collect();
        texts.join("\n\n")
    }

    /// Every pair of sources that disagree.
    pub fn conflicts(&self) -> impl Iterator<Item = Conflict> {
        self.patient.conflicts().chain(self.values.conflicts())
    }
}

impl Attachment<'_> {
    /// What the file is; `None` for a pointer without a subtype that says so.
    pub fn media_type(&self) -> Option<MediaType> {
        match self {
            Self::Data { data, .. } => Some(data.media_type()),
            Self::Pointer { .. } => None,
        }
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Section({:?}, <redacted>)", self.kind)
    }
}

/// The study as IPC and ZDS name it, and the observations that carry it.
fn with_observed_study<'o>(
    reading: Reading<String>,
    observations: impl Iterator<Item = &'o Observation>,
) -> Reading<String> {
    let mut found = reading.all().to_vec();
    for observation in observations {
        if let (Some(uid), Some(obx)) = (&observation.study_instance_uid, observation.location) {
            let path = path!("OBX-5").in_occurrence(obx.path().occurrence);
            let location = Location::new(path, Depth::Field);
            let (value, span) = (uid.to_string(), observation.span.clone());
            found.push(Found { value, location, span });
        }
    }
    let null = reading.null.filter(|_| found.is_empty());
    Reading::new(found, null)
}

fn sections(observations: &[Observation]) -> Vec<Section> {
    let mut sections: Vec<(String, Section)> = Vec::new();
    for observation in observations.iter().filter(|each| each.is_text()) {
        if observation.status.is_withdrawn() || is_identifier_line(observation) {
            continue;
        }
        let suffix = &observation.suffix;
        let same = |(last_suffix, last): &&mut (String, Section)| {
            last_suffix == suffix
                && last.identifier == observation.identifier
                && last.sub_id == observation.sub_id
        };
        match sections.last_mut().filter(same) {
            Some((_, section)) => {
                section.text.push('\n');
                section.text.push_str(&observation.text);
            }
            None => sections.push((
                suffix.clone(),
                Section {
                    kind: SectionKind::of(&observation.identifier, suffix),
                    identifier: observation.identifier.clone(),
                    sub_id: observation.sub_id.clone(),
                    text: observation.text.clone(),
                    location: observation.location,
                },
            )),
        }
    }
    sections.into_iter().map(|(_, section)| section).collect()
}

/// Identifiers that IHE RAD-28 and RAD-128 send as observations are no text of the report.
fn is_identifier_line(observation: &Observation) -> bool {
    observation.study_instance_uid.is_some()
        || observation.identifier.text.ends_with("Instance UID")
        || observation.identifier.text.ends_with("Class UID")
}

fn attachments<'a>(
    groups: &[ObservationGroup<'a>],
    observations: &[Observation],
) -> Vec<Attachment<'a>> {
    let mut attachments = Vec::new();
    for (group, observation) in groups.iter().zip(observations) {
        let identifier = || observation.identifier.clone();
        let (status, location) = (observation.status, observation.location);
        for repetition in group.observation.field(5).repetitions() {
            match observation.value_type.as_str() {
                "ED" => {
                    let (identifier, data) = (identifier(), Ed::read(repetition));
                    attachments.push(Attachment::Data { identifier, status, data, location });
                }
                "RP" => {
                    let (identifier, pointer) = (identifier(), Rp::read(repetition));
                    attachments.push(Attachment::Pointer { identifier, status, pointer, location });
                }
                _ => {}
            }
        }
    }
    attachments
}

impl SectionKind {
    /// By the suffix of HL7 2.3.1 section 7.1.3, else by DICOM or LOINC code, else by the words of the identifier.
    pub fn of(identifier: &Ce, suffix: &str) -> Self {
        let codes = [suffix, &identifier.identifier];
        codes
            .into_iter()
            .find_map(Self::of_code)
            .or_else(|| Self::of_words(&identifier.text))
            .or_else(|| Self::of_words(&identifier.identifier))
            .unwrap_or(Self::Other)
    }

    fn of_code(code: &str) -> Option<Self> {
        Some(match code {
            "GDT" | "MDT" | "121070" | "59776-5" | "18782-3" => Self::Findings,
            "IMP" | "121072" | "121076" | "19005-8" => Self::Impression,
            "ADT" | "55107-7" => Self::Addendum,
            "REC" | "121074" | "18783-1" => Self::Recommendation,
            "PRC" | "121064" | "55111-9" => Self::Procedure,
            "121060" | "121062" | "11329-0" | "55752-0" | "18785-6" => Self::History,
            "121068" | "18834-2" => Self::Comparison,
            _ => return None,
        })
    }

    fn of_words(words: &str) -> Option<Self> {
        let words = words.to_lowercase();
        let known = [
            ("addendum", Self::Addendum),
            ("impression", Self::Impression),
            ("conclusion", Self::Impression),
            ("finding", Self::Findings),
            ("recommendation", Self::Recommendation),
            ("history", Self::History),
            ("indication", Self::History),
            ("comparison", Self::Comparison),
            ("technique", Self::Procedure),
        ];
        known.into_iter().find(|(word, _)| words.contains(word)).map(|(_, kind)| kind)
    }
}
