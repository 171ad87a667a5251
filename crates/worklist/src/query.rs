//! Modality worklist queries (PS3.4 annex K).

use std::collections::HashMap;

use telerad_core::{AeTitle, Patient, PatientId, SiteId};
use telerad_dicom::{DataSet, Status, Tag, tags};

use crate::{OrderRecord, PatientRecord, ScheduledStep, StepStatus};

mod answer;
mod encode;
pub(crate) mod fold;
mod found;
mod index;
mod key;
mod names;
mod other;
mod postings;
mod texts;
mod wildcard;

pub use encode::encode_answer;
pub use found::Found;
pub use index::WorklistIndex;
use key::{BirthDateKey, NameKey, StartKey, TextKey};
use other::OtherKey;

/// A query by a modality, read from its identifier.
///
/// Matching (PS3.4 section K.2.2.1, conformance statement):
/// * Texts are compared as Unicode, whatever character sets the query and the order came in.
/// * Patient Name and the physicians' names: single value or wildcard, without regard to case and accents; a key without
///   `=` may match any of the three groups of a name, one with `=` matches group by group.
/// * Scheduled Station AE Title, Modality, status, Patient ID with issuer, step ID, Requested Procedure ID, Study Instance
///   UID, admission ID, priority and sex: single value, exactly; several values are alternatives. `*` and `?` are literal,
///   except that `*` alone matches everything.
/// * Every other attribute that can be answered, items of sequences included, and Accession Number, the step's
///   description, location and station name: single value or wildcard; numbers are compared as text.
/// * Birth date and the step's start date and time: single value or range; ranges of start date and time together are one
///   interval from the first moment to the last. `*` is no date; as a time it is taken for any time.
/// * Of an attribute with several values one that matches is enough; all are answered.
/// * A stored value that is unknown fails every real key.
/// * Keys on attributes that are not supported are ignored, and [`Query::is_fully_supported`] says so.
/// * Steps that are started, departed or ended are hidden unless the status is asked for.
#[derive(Clone, Debug)]
pub struct Query {
    requested: DataSet,
    caller: Option<AeTitle>,
    only_own_station: bool,
    others: Vec<(Tag, OtherKey)>,
    others_of_step: Vec<(Tag, OtherKey)>,
    patient: PatientKeys,
    order: OrderKeys,
    step: StepKeys,
}

#[derive(Clone, Debug)]
struct PatientKeys {
    name: Option<NameKey>,
    id: Option<TextKey>,
    issuer: Option<TextKey>,
    birth_date: Option<BirthDateKey>,
    sex: Option<TextKey>,
}

#[derive(Clone, Debug)]
struct OrderKeys {
    accession: Option<TextKey>,
    admission_id: Option<TextKey>,
    priority: Option<TextKey>,
    referring: Option<NameKey>,
    requested_procedure_id: Option<TextKey>,
    requesting: Option<NameKey>,
    study: Option<TextKey>,
}

#[derive(Clone, Debug)]
struct StepKeys {
    description: Option<TextKey>,
    id: Option<TextKey>,
    location: Option<TextKey>,
    modality: Option<TextKey>,
    performer: Option<NameKey>,
    start: StartKey,
    station: Option<TextKey>,
    station_name: Option<TextKey>,
    status: Option<TextKey>,
}

impl Query {
    /// Reads an identifier.
    ///
    /// # Errors
    /// [`QueryError`] when a key is not of its type, or a sequence key has several items.
    pub fn read(identifier: &DataSet) -> Result<Self, QueryError> {
        let sequence = tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE;
        let empty = DataSet::new();
        let step = match identifier.items_ref(sequence) {
            None | Some([]) => &empty,
            Some([item]) => item,
            Some(_) => return Err(QueryError::SeveralItems(sequence)),
        };
        let text = |set: &DataSet, tag| TextKey::exact(&set.text(tag).unwrap_or_default());
        let wild = |set: &DataSet, tag| TextKey::wild(&set.text(tag).unwrap_or_default());
        let name = |set: &DataSet, tag| NameKey::read(&set.text(tag).unwrap_or_default());
        Ok(Self {
            requested: identifier.clone(),
            caller: None,
            only_own_station: false,
            others: OtherKey::read(identifier, &ROOT_KEYS)?,
            others_of_step: OtherKey::read(step, &STEP_KEYS)?,
            patient: PatientKeys {
                name: name(identifier, tags::PATIENT_NAME),
                id: text(identifier, tags::PATIENT_ID),
                issuer: text(identifier, tags::ISSUER_OF_PATIENT_ID),
                birth_date: BirthDateKey::read(identifier, tags::PATIENT_BIRTH_DATE)?,
                sex: text(identifier, tags::PATIENT_SEX),
            },
            order: OrderKeys {
                accession: wild(identifier, tags::ACCESSION_NUMBER),
                admission_id: text(identifier, tags::ADMISSION_ID),
                priority: text(identifier, tags::REQUESTED_PROCEDURE_PRIORITY),
                referring: name(identifier, tags::REFERRING_PHYSICIAN_NAME),
                requested_procedure_id: text(identifier, tags::REQUESTED_PROCEDURE_ID),
                requesting: name(identifier, tags::REQUESTING_PHYSICIAN),
                study: text(identifier, tags::STUDY_INSTANCE_UID),
            },
            step: StepKeys {
                description: wild(step, tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION),
                id: text(step, tags::SCHEDULED_PROCEDURE_STEP_ID),
                location: wild(step, tags::SCHEDULED_PROCEDURE_STEP_LOCATION),
                modality: text(step, tags::MODALITY),
                performer: name(step, tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME),
                start: StartKey::read(
                    step,
                    tags::SCHEDULED_PROCEDURE_STEP_START_DATE,
                    tags::SCHEDULED_PROCEDURE_STEP_START_TIME,
                )?,
                station: text(step, tags::SCHEDULED_STATION_AE_TITLE),
                station_name: wild(step, tags::SCHEDULED_STATION_NAME),
                status: text(step, tags::SCHEDULED_PROCEDURE_STEP_STATUS),
            },
        })
    }

    /// The same query, asked by this application entity.
    ///
    /// A step for which the site names no station can be done at any of them. To the caller it is a step of the
    /// caller's own station: it matches that title, and the answer carries it, since the attribute must have a value.
    #[must_use]
    pub fn asked_by(mut self, caller: AeTitle) -> Self {
        self.caller = Some(caller);
        self
    }

    /// Only steps of the caller's own station, and those of any station, whatever the query says of stations: for
    /// modalities that ask for everything and show everything.
    #[must_use]
    pub fn only_own_station(mut self) -> Self {
        self.only_own_station = true;
        self
    }

    /// The first and last start date that can match, as `YYYYMMDD`, for looking up candidates; `None` when every
    /// date can.
    pub fn start_dates(&self) -> Option<(String, String)> {
        self.step.start.dates()
    }

    /// Whether only orders with an open step can match: no status is asked for, so that the others need not be looked
    /// up.
    pub fn sees_only_open(&self) -> bool {
        self.step.status.is_none()
    }

    /// Whether every requested attribute is supported. When not, answers are to carry the status FF01 instead of
    /// FF00 (PS3.4 section K.4.1.1.4).
    pub fn is_fully_supported(&self) -> bool {
        answer::is_fully_supported(&self.requested)
    }

    /// Whether a step of an order matches; `patient` is the current record of its patient, where there is one.
    pub fn matches(
        &self,
        order: &OrderRecord,
        step: &ScheduledStep,
        patient: Option<&PatientRecord>,
    ) -> bool {
        let person = patient.map_or(&order.order.patient, |record| &record.patient);
        let caller = self.caller.as_ref();
        let source = answer::Source { order, step, patient, caller };
        self.step_matches(step)
            && self.order_matches(order)
            && self.patient_matches(person)
            && self.others_match(&source)
    }

    /// An attribute that is not supported is not compared (PS3.4 section K.2.2.1.1.2).
    fn others_match(&self, source: &answer::Source<'_>) -> bool {
        let holds = |key: &OtherKey, filled: Option<answer::Filled>| {
            filled.is_none_or(|filled| key.matches(&filled))
        };
        self.others.iter().all(|(tag, key)| holds(key, source.attribute(*tag)))
            && self.others_of_step.iter().all(|(tag, key)| holds(key, source.step_attribute(*tag)))
    }

    /// One answer for every matching step, by start, then by order. Demographics are those of the patient's current
    /// record, where there is one; the order's own otherwise.
    pub fn answers(&self, orders: &[OrderRecord], patients: &[PatientRecord]) -> Vec<DataSet> {
        // Most orders fail on their step; patients are looked up for the others only.
        let candidates: Vec<(&OrderRecord, usize, &ScheduledStep)> = orders
            .iter()
            .flat_map(|order| {
                order.steps.iter().enumerate().map(move |(at, step)| (order, at, step))
            })
            .filter(|(order, _, step)| self.step_matches(step) && self.order_matches(order))
            .collect();
        // A record that was merged away is no longer current; the order's own patient stands until it is moved.
        let current: HashMap<(&SiteId, &PatientId), &PatientRecord> = patients
            .iter()
            .filter(|record| record.is_current())
            .filter_map(|record| Some(((&record.site, record.patient.primary_id()?), record)))
            .collect();
        let mut found = Vec::new();
        for (order, at, step) in candidates {
            let id = order.order.patient.primary_id();
            let patient = id.and_then(|id| current.get(&(&order.order.site, id)).copied());
            if self.matches(order, step, patient) {
                let start = step.start.map(|start| start.sort_key());
                let source = answer::Source { order, step, patient, caller: self.caller.as_ref() };
                found.push(((start, &order.key, at), source));
            }
        }
        found.sort_by_key(|(place, _)| *place);
        found.into_iter().map(|(_, source)| source.answer(&self.requested)).collect()
    }

    fn step_matches(&self, step: &ScheduledStep) -> bool {
        let keys = &self.step;
        self.status_matches(step.status, step.is_held)
            && self.station_matches(&step.station_ae_titles)
            && text(keys.modality.as_ref(), &step.modality)
            && keys.start.matches(step.start)
            && keys.performer.as_ref().is_none_or(|key| key.matches(&step.performing_physician))
            && text(keys.id.as_ref(), &step.step_id)
            && text(keys.station_name.as_ref(), &step.station_name)
            && text(keys.location.as_ref(), &step.location)
            && text(keys.description.as_ref(), &step.description)
    }

    /// A held step is on no list, whatever status is asked for: none of the terms says that it must not be done.
    fn status_matches(&self, status: StepStatus, is_held: bool) -> bool {
        match &self.step.status {
            _ if is_held => false,
            None => status.is_open(),
            Some(key) => key.matches(status.as_dicom()),
        }
    }

    /// Whether a step of these stations is the caller's to see and is asked for.
    fn station_matches(&self, titles: &[impl AsRef<str>]) -> bool {
        let caller = self.caller.as_ref().map(AeTitle::as_str);
        let is_any = titles.is_empty();
        let is_own = || is_any || titles.iter().any(|title| Some(title.as_ref()) == caller);
        let asked = match (&self.step.station, caller) {
            (None, _) => true,
            (Some(key), Some(caller)) if is_any => key.matches(caller),
            (Some(key), _) => titles.iter().any(|title| key.matches(title.as_ref())),
        };
        asked && (!self.only_own_station || is_own())
    }

    /// The titles under which every match stands, the empty one for steps of any station; `None` when any will do.
    fn stations_asked(&self) -> Option<Vec<&str>> {
        let caller = self.caller.as_ref().map(AeTitle::as_str);
        if let Some(titles) = self.step.station.as_ref().and_then(TextKey::literals) {
            let mut titles: Vec<&str> = titles.collect();
            if caller.is_some_and(|caller| titles.contains(&caller)) {
                titles.push("");
            }
            return Some(titles);
        }
        caller.filter(|_| self.only_own_station).map(|caller| vec![caller, ""])
    }

    /// Whether a match needs more than the step's modality, stations, start and status, and the patient's name.
    fn reads_records(&self) -> bool {
        let (patient, order, step) = (&self.patient, &self.order, &self.step);
        let texts = [
            &patient.id,
            &patient.issuer,
            &patient.sex,
            &order.accession,
            &order.admission_id,
            &order.priority,
            &order.requested_procedure_id,
            &order.study,
            &step.description,
            &step.id,
            &step.location,
            &step.station_name,
        ];
        texts.into_iter().any(Option::is_some)
            || [&order.referring, &order.requesting, &step.performer]
                .into_iter()
                .any(Option::is_some)
            || patient.birth_date.is_some()
            || !self.others.is_empty()
            || !self.others_of_step.is_empty()
    }

    fn order_matches(&self, record: &OrderRecord) -> bool {
        let (keys, order) = (&self.order, &record.order);
        let admission = record.admission_id.as_ref().map_or("", |id| id.value());
        let accession = |key: &TextKey| {
            key.matches(order.accession.value()) || key.matches(record.worklist_accession())
        };
        keys.accession.as_ref().is_none_or(accession)
            && text(keys.requested_procedure_id.as_ref(), &order.requested_procedure_id)
            && text(keys.study.as_ref(), order.study_instance_uid.as_str())
            && text(keys.admission_id.as_ref(), admission)
            && text(keys.priority.as_ref(), order.priority.as_dicom())
            && keys.referring.as_ref().is_none_or(|key| key.matches(&order.referring_physician))
            && keys.requesting.as_ref().is_none_or(|key| key.matches(&order.requesting_physician))
    }

    fn patient_matches(&self, patient: &Patient) -> bool {
        let keys = &self.patient;
        let id = patient.primary_id();
        let issuer = id
            .and_then(|id| id.issuer())
            .and_then(|issuer| issuer.namespace.as_deref())
            .unwrap_or("");
        text(keys.id.as_ref(), id.map_or("", |id| id.value()))
            && text(keys.issuer.as_ref(), issuer)
            && text(keys.sex.as_ref(), patient.sex.map_or("", |sex| sex.as_dicom()))
            && keys.name.as_ref().is_none_or(|key| key.matches(&patient.name))
            && keys.birth_date.as_ref().is_none_or(|key| key.matches(patient.birth_date))
    }
}

/// No key asks nothing; a real one fails on an unknown value.
fn text(key: Option<&TextKey>, value: &str) -> bool {
    key.is_none_or(|key| key.matches(value))
}

/// Keys at the root that [`Query`] compares itself, and those on the character set and the zone, which are never matched.
const ROOT_KEYS: [Tag; 15] = [
    tags::SPECIFIC_CHARACTER_SET,
    tags::TIMEZONE_OFFSET_FROM_UTC,
    tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::ACCESSION_NUMBER,
    tags::ADMISSION_ID,
    tags::REQUESTED_PROCEDURE_PRIORITY,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::REQUESTED_PROCEDURE_ID,
    tags::REQUESTING_PHYSICIAN,
    tags::STUDY_INSTANCE_UID,
];

/// Keys of the step that [`Query`] compares itself.
const STEP_KEYS: [Tag; 10] = [
    tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION,
    tags::SCHEDULED_PROCEDURE_STEP_ID,
    tags::SCHEDULED_PROCEDURE_STEP_LOCATION,
    tags::MODALITY,
    tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME,
    tags::SCHEDULED_PROCEDURE_STEP_START_DATE,
    tags::SCHEDULED_PROCEDURE_STEP_START_TIME,
    tags::SCHEDULED_STATION_AE_TITLE,
    tags::SCHEDULED_STATION_NAME,
    tags::SCHEDULED_PROCEDURE_STEP_STATUS,
];

/// Why an identifier is no worklist query.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// A date key is neither a date nor a range of dates.
    #[error("{0} is not a date of the form YYYYMMDD or a range of dates")]
    NotADate(Tag),
    /// A time key is neither a time nor a range of times.
    #[error("{0} is not a time of the form HH[MM[SS[.F]]] or a range of times")]
    NotATime(Tag),
    /// A sequence key has more than the one item that it may have (PS3.4 section C.2.2.2.6).
    #[error("{0} has several items")]
    SeveralItems(Tag),
}

impl QueryError {
    /// What to answer: A900, the identifier does not match the SOP class (PS3.4 section K.4.1.1.4).
    pub fn status(&self) -> Status {
        match self {
            Self::NotADate(_) | Self::NotATime(_) | Self::SeveralItems(_) => {
                Status::DATA_SET_DOES_NOT_MATCH
            }
        }
    }
}
