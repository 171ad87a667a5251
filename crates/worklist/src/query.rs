//! Modality worklist queries (PS3.4 annex K).

use std::collections::HashMap;

use telerad_core::{AeTitle, Patient, PatientId, SiteId};
use telerad_dicom::{DataSet, Status, Tag, tags};

use crate::{OrderRecord, PatientRecord, ScheduledStep};

mod answer;
mod key;

use key::{BirthDateKey, NameKey, StartKey, TextKey};

/// A query by a modality, read from its identifier.
///
/// Matching (PS3.4 section K.2.2.1, conformance statement):
/// * Patient Name and the physicians' names: single value or wildcard, case ignored; a key without `=` may match any
///   of the three groups of a name.
/// * Scheduled Station AE Title, Modality, status, Patient ID and the other texts: single value, several values as
///   alternatives; modality and status ignore case. `*` and `?` are wildcards in names, the step's description, location and station name,
///   and in Accession Number; elsewhere they are literal, except that `*` alone matches everything.
/// * Start date and time: single value or range; two ranges are one interval from the first moment to the last.
/// * A stored value that is unknown fails every real key.
/// * Steps that are started, departed or ended are hidden unless the status is asked for.
#[derive(Clone, Debug)]
pub struct Query {
    requested: DataSet,
    caller: Option<AeTitle>,
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
        let folded =
            |set: &DataSet, tag| TextKey::exact(&set.text(tag).unwrap_or_default().to_uppercase());
        let name = |set: &DataSet, tag| NameKey::read(&set.text(tag).unwrap_or_default());
        Ok(Self {
            requested: identifier.clone(),
            caller: None,
            patient: PatientKeys {
                name: name(identifier, tags::PATIENT_NAME),
                id: text(identifier, tags::PATIENT_ID),
                issuer: text(identifier, tags::ISSUER_OF_PATIENT_ID),
                birth_date: BirthDateKey::read(identifier, tags::PATIENT_BIRTH_DATE)?,
                sex: folded(identifier, tags::PATIENT_SEX),
            },
            order: OrderKeys {
                accession: wild(identifier, tags::ACCESSION_NUMBER),
                admission_id: text(identifier, tags::ADMISSION_ID),
                priority: folded(identifier, tags::REQUESTED_PROCEDURE_PRIORITY),
                referring: name(identifier, tags::REFERRING_PHYSICIAN_NAME),
                requested_procedure_id: text(identifier, tags::REQUESTED_PROCEDURE_ID),
                requesting: name(identifier, tags::REQUESTING_PHYSICIAN),
                study: text(identifier, tags::STUDY_INSTANCE_UID),
            },
            step: StepKeys {
                description: wild(step, tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION),
                id: text(step, tags::SCHEDULED_PROCEDURE_STEP_ID),
                location: wild(step, tags::SCHEDULED_PROCEDURE_STEP_LOCATION),
                // CS has upper case only (PS3.5 section 6.2); some modalities ask for `ct`.
                modality: folded(step, tags::MODALITY),
                performer: name(step, tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME),
                start: StartKey::read(
                    step,
                    tags::SCHEDULED_PROCEDURE_STEP_START_DATE,
                    tags::SCHEDULED_PROCEDURE_STEP_START_TIME,
                )?,
                station: text(step, tags::SCHEDULED_STATION_AE_TITLE),
                station_name: wild(step, tags::SCHEDULED_STATION_NAME),
                status: folded(step, tags::SCHEDULED_PROCEDURE_STEP_STATUS),
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
        let patient = patient.map_or(&order.order.patient, |record| &record.patient);
        self.step_matches(step) && self.order_matches(order) && self.patient_matches(patient)
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
            .filter(|record| record.merged_into.is_none())
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
        let visible = match &keys.status {
            None => step.status.is_open(),
            Some(key) => key.matches(step.status.as_dicom()),
        };
        let station = match (&keys.station, &self.caller) {
            (Some(key), Some(caller)) if step.station_ae_titles.is_empty() => {
                key.matches(caller.as_str())
            }
            (Some(key), _) => step.station_ae_titles.iter().any(|title| key.matches(title)),
            (None, _) => true,
        };
        visible
            && station
            && text(keys.modality.as_ref(), &step.modality)
            && keys.start.matches(step.start)
            && keys.performer.as_ref().is_none_or(|key| key.matches(&step.performing_physician))
            && text(keys.id.as_ref(), &step.step_id)
            && text(keys.station_name.as_ref(), &step.station_name)
            && text(keys.location.as_ref(), &step.location)
            && text(keys.description.as_ref(), &step.description)
    }

    fn order_matches(&self, record: &OrderRecord) -> bool {
        let (keys, order) = (&self.order, &record.order);
        let admission = record.admission_id.as_ref().map_or("", |id| id.value());
        text(keys.accession.as_ref(), order.accession.value())
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
