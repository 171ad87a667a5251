//! What an answer carries (PS3.4 table K.6-1, return keys).

use telerad_core::{AeTitle, Code, EntityIdentifier, Issuer, Patient, PatientId};
use telerad_dicom::{DataSet, Tag, tags};

use super::texts;
use crate::record::Clinical;
use crate::{OrderRecord, PatientRecord, ScheduledStep};

/// What an answer is made from.
pub(super) struct Source<'a> {
    pub(super) order: &'a OrderRecord,
    pub(super) step: &'a ScheduledStep,
    pub(super) patient: Option<&'a PatientRecord>,
    pub(super) caller: Option<&'a AeTitle>,
}

/// The value of one attribute.
pub(super) enum Filled {
    Items(Vec<DataSet>),
    /// Conditional (1C), and its condition does not hold: it must not be sent without a value.
    Omitted,
    Text(String),
}

impl Source<'_> {
    /// The requested attributes, and no others. (0008,0005) is declared by the encoder when it is needed.
    pub(super) fn answer(&self, requested: &DataSet) -> DataSet {
        let mut answer = DataSet::new();
        for tag in requested.tags() {
            let items = requested.items_ref(tag).unwrap_or(&[]);
            if tag == tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE {
                answer.set_items(tag, vec![self.step_item(items)]);
                continue;
            }
            put(&mut answer, tag, self.attribute(tag), items);
        }
        answer
    }

    /// An attribute outside the step; `None` when it is not supported.
    pub(super) fn attribute(&self, tag: Tag) -> Option<Filled> {
        self.patient_attribute(tag)
            .or_else(|| self.clinical_attribute(tag))
            .or_else(|| self.order_attribute(tag))
            .or_else(|| self.request_attribute(tag))
    }

    fn step_item(&self, requested: &[DataSet]) -> DataSet {
        let mut item = DataSet::new();
        let (wanted, items_of): (Vec<Tag>, Option<&DataSet>) = match requested.first() {
            Some(keys) if !keys.is_empty() => (keys.tags(), Some(keys)),
            // Zero items or an empty item ask for the whole (PS3.4 section C.2.2.2.6).
            _ => (STEP_ATTRIBUTES.to_vec(), None),
        };
        for tag in wanted {
            let items = items_of.and_then(|keys| keys.items_ref(tag)).unwrap_or(&[]);
            put(&mut item, tag, self.step_attribute(tag), items);
        }
        item
    }

    fn person(&self) -> &Patient {
        self.patient.map_or(&self.order.order.patient, |record| &record.patient)
    }

    fn patient_attribute(&self, tag: Tag) -> Option<Filled> {
        let patient = self.person();
        let id = patient.primary_id();
        let issuer = id.and_then(PatientId::issuer);
        Some(match tag {
            tags::PATIENT_NAME => Filled::Text(patient.name.to_dicom()),
            tags::PATIENT_ID => text(id.map_or("", PatientId::value)),
            TYPE_OF_PATIENT_ID => text(if id.is_some() { "TEXT" } else { "" }),
            tags::ISSUER_OF_PATIENT_ID => text(namespace(issuer)),
            tags::ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE => {
                Filled::Items(universal(issuer).into_iter().collect())
            }
            tags::OTHER_PATIENT_I_DS_SEQUENCE => {
                Filled::Items(patient.ids.iter().skip(1).map(other_id).collect())
            }
            tags::PATIENT_BIRTH_DATE => {
                let date = patient.birth_date.filter(|date| date.is_complete());
                Filled::Text(date.map_or_else(String::new, |date| date.to_string()))
            }
            tags::PATIENT_SEX => text(patient.sex.map_or("", |sex| sex.as_dicom())),
            _ => return None,
        })
    }

    /// The order's word counts before the patient's record; allergies are the union of both, since a missing one can
    /// kill and a repeated one cannot.
    fn clinical_attribute(&self, tag: Tag) -> Option<Filled> {
        let order = &self.order.clinical;
        let none = Clinical::default();
        let kept = self.patient.map_or(&none, |record| &record.clinical);
        let first = |a: &str, b: &str| text(if a.is_empty() { b } else { a });
        Some(match tag {
            tags::ALLERGIES => {
                let mut all: Vec<&str> = Vec::new();
                for allergy in order.allergies.iter().chain(&kept.allergies) {
                    if !all.contains(&allergy.as_str()) {
                        all.push(allergy);
                    }
                }
                Filled::Text(texts::values(all.into_iter()))
            }
            tags::MEDICAL_ALERTS => {
                let alerts = [&order.medical_alerts, &kept.medical_alerts];
                let alerts = alerts.into_iter().find(|alerts| !alerts.is_empty());
                Filled::Text(texts::values(alerts.into_iter().map(String::as_str)))
            }
            tags::PATIENT_STATE => {
                let states = [&order.patient_state, &kept.patient_state];
                let state = states.into_iter().find(|state| !state.is_empty());
                text(state.map_or("", |state| texts::long(state)))
            }
            tags::PATIENT_WEIGHT => first(&order.weight_kg, &kept.weight_kg),
            tags::PATIENT_SIZE => first(&order.size_m, &kept.size_m),
            tags::PATIENT_COMMENTS => first(&order.comments, &kept.comments),
            tags::PREGNANCY_STATUS => {
                let status = order.pregnancy_status.or(kept.pregnancy_status);
                Filled::Text(status.map_or_else(String::new, |status| status.to_string()))
            }
            _ => return None,
        })
    }

    fn order_attribute(&self, tag: Tag) -> Option<Filled> {
        let order = &self.order.order;
        let number = |id: &Option<EntityIdentifier>| single(id.as_ref().map(|id| id.value()));
        let issued = |id: &Option<EntityIdentifier>| {
            issuer_items(id.as_ref().and_then(EntityIdentifier::issuer))
        };
        Some(match tag {
            tags::ACCESSION_NUMBER => text(self.order.worklist_accession()),
            tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE => issuer_items(order.accession.issuer()),
            tags::PLACER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST => number(&order.placer_order_number),
            tags::FILLER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST => number(&order.filler_order_number),
            tags::ORDER_PLACER_IDENTIFIER_SEQUENCE => issued(&order.placer_order_number),
            tags::ORDER_FILLER_IDENTIFIER_SEQUENCE => issued(&order.filler_order_number),
            tags::STUDY_INSTANCE_UID => text(order.study_instance_uid.as_str()),
            tags::REQUESTED_PROCEDURE_ID => text(&order.requested_procedure_id),
            tags::REQUESTED_PROCEDURE_DESCRIPTION => {
                conditional(texts::long(wording(&order.procedure)))
            }
            tags::REQUESTED_PROCEDURE_CODE_SEQUENCE => code_items([&order.procedure]),
            tags::REQUESTED_PROCEDURE_PRIORITY => text(order.priority.as_dicom()),
            tags::REFERRING_PHYSICIAN_NAME => Filled::Text(order.referring_physician.to_dicom()),
            tags::REQUESTING_PHYSICIAN => Filled::Text(order.requesting_physician.to_dicom()),
            tags::REASON_FOR_THE_REQUESTED_PROCEDURE => text(texts::long(&order.reason)),
            REASON_CODE_SEQUENCE => code_items([&self.order.reason_code]),
            // Type 2 without a source yet: nothing was performed, so nothing is referenced.
            tags::REFERENCED_STUDY_SEQUENCE | tags::REFERENCED_PATIENT_SEQUENCE => {
                Filled::Items(Vec::new())
            }
            _ => return None,
        })
    }

    fn request_attribute(&self, tag: Tag) -> Option<Filled> {
        let record = self.order;
        let admission = record.admission_id.as_ref();
        Some(match tag {
            tags::ADMISSION_ID => single(admission.map(EntityIdentifier::value)),
            tags::ISSUER_OF_ADMISSION_ID_SEQUENCE => {
                issuer_items(admission.and_then(EntityIdentifier::issuer))
            }
            tags::CURRENT_PATIENT_LOCATION => text(texts::long(&record.patient_location)),
            tags::PATIENT_TRANSPORT_ARRANGEMENTS => text(texts::long(&record.transport)),
            tags::REQUESTING_SERVICE => text(texts::long(&record.requesting_service)),
            tags::CONFIDENTIALITY_CODE => text(&record.confidentiality),
            tags::REQUESTED_PROCEDURE_COMMENTS => text(&record.comments),
            tags::TIMEZONE_OFFSET_FROM_UTC => conditional(&self.offset()),
            tags::SPECIAL_NEEDS => text(texts::long(&record.special_needs)),
            tags::CONFIDENTIALITY_CONSTRAINT_ON_PATIENT_DATA_DESCRIPTION => {
                text(texts::long(&record.patient_confidentiality))
            }
            tags::INSTITUTION_NAME => text(texts::long(&record.institution)),
            ROUTE_OF_ADMISSIONS => text(texts::long(&record.patient_class)),
            ADMITTING_DATE => {
                let date = record.admitted_at.map(|moment| moment.date().to_string());
                Filled::Text(date.unwrap_or_default())
            }
            ADMITTING_TIME => {
                let time = record.admitted_at.and_then(|moment| moment.time_text());
                Filled::Text(time.unwrap_or_default())
            }
            // Type 3 without a source: the study is still to be made.
            tags::STUDY_DATE | tags::STUDY_TIME => text(""),
            _ => return None,
        })
    }

    /// An attribute of the step; `None` when it is not supported.
    pub(super) fn step_attribute(&self, tag: Tag) -> Option<Filled> {
        let step = self.step;
        Some(match tag {
            tags::SCHEDULED_STATION_AE_TITLE => {
                match (step.station_ae_titles.as_slice(), self.caller) {
                    ([], Some(caller)) => text(caller.as_str()),
                    (titles, _) => Filled::Text(titles.join("\\")),
                }
            }
            tags::SCHEDULED_PROCEDURE_STEP_START_DATE => {
                Filled::Text(step.start.map_or_else(String::new, |start| start.date().to_string()))
            }
            tags::SCHEDULED_PROCEDURE_STEP_START_TIME => {
                // Type 1: a step scheduled for a day begins with the day. Its finding said so when the order came.
                let time = step.start.map(|start| start.time_text());
                Filled::Text(time.map_or_else(String::new, |time| time.unwrap_or("000000".into())))
            }
            tags::MODALITY => text(&step.modality),
            tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME => {
                Filled::Text(step.performing_physician.to_dicom())
            }
            tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION => {
                conditional(texts::long(&step.description))
            }
            tags::SCHEDULED_PROTOCOL_CODE_SEQUENCE => {
                code_items(std::iter::once(&step.protocol).chain(&step.further_protocols))
            }
            tags::SCHEDULED_PROCEDURE_STEP_ID => text(&step.step_id),
            tags::SCHEDULED_STATION_NAME => text(texts::short(&step.station_name)),
            tags::SCHEDULED_PROCEDURE_STEP_LOCATION => text(texts::short(&step.location)),
            tags::SCHEDULED_PROCEDURE_STEP_STATUS => text(step.status.as_dicom()),
            // Type 2C, to be there when something is to be applied: no order says so yet.
            tags::PRE_MEDICATION | tags::REQUESTED_CONTRAST_AGENT => Filled::Omitted,
            _ => return None,
        })
    }

    /// `+0100`, where the start said so.
    fn offset(&self) -> String {
        let minutes = self.step.start.and_then(|start| start.offset_minutes());
        minutes.map_or_else(String::new, |minutes| {
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60)
        })
    }
}

/// Whether every requested attribute can be answered; keys on the character set are no attributes.
pub(super) fn is_fully_supported(requested: &DataSet) -> bool {
    let steps = requested.items_ref(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).unwrap_or(&[]);
    let items = |tag: Tag| requested.items_ref(tag).unwrap_or(&[]);
    let is_step = |tag: &Tag| *tag == tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE;
    let mut tags = requested.tags();
    let is_known = tags.iter().all(|tag| ROOT_ATTRIBUTES.contains(tag));
    tags.retain(|tag| !is_step(tag));
    let mut inner = tags.into_iter().flat_map(items);
    let mut inner_of_step = steps
        .iter()
        .flat_map(|step| step.tags().into_iter().filter_map(|tag| step.items_ref(tag)).flatten());
    let in_item = |item: &DataSet| item.tags().iter().all(|tag| ITEM_ATTRIBUTES.contains(tag));
    is_known
        && inner.all(in_item)
        && steps.iter().flat_map(DataSet::tags).all(|tag| STEP_ATTRIBUTES.contains(&tag))
        && inner_of_step.all(in_item)
}

fn put(answer: &mut DataSet, tag: Tag, filled: Option<Filled>, requested: &[DataSet]) {
    match filled {
        // Not supported: left out (PS3.4 section K.2.2.1.1.2).
        None | Some(Filled::Omitted) => {}
        Some(Filled::Text(value)) if value.is_empty() => answer.set_empty(tag),
        Some(Filled::Text(value)) => answer.set_text(tag, &value),
        Some(Filled::Items(items)) => {
            let items = items.into_iter().map(|item| projected(item, requested)).collect();
            answer.set_items(tag, items);
        }
    }
}

/// Only the requested attributes of an item; all of them when the request names none.
fn projected(mut item: DataSet, requested: &[DataSet]) -> DataSet {
    if let Some(wanted) = requested.first().filter(|wanted| !wanted.is_empty()) {
        for tag in item.tags() {
            if !wanted.contains(tag) {
                item.remove(tag);
            }
        }
    }
    item
}

fn text(value: &str) -> Filled {
    Filled::Text(value.to_owned())
}

/// An identifier that is one value: a backslash in it would make two of it.
fn single(value: Option<&str>) -> Filled {
    text(value.filter(|value| !value.contains('\\')).unwrap_or(""))
}

fn conditional(value: &str) -> Filled {
    if value.is_empty() { Filled::Omitted } else { text(value) }
}

fn wording(code: &Code) -> &str {
    if code.meaning.is_empty() { &code.value } else { &code.meaning }
}

/// A code item needs value, scheme and meaning (PS3.3 table 8.8-1); a value that is too long for Code Value is a Long Code
/// Value, never cut.
fn code_items<'a>(codes: impl IntoIterator<Item = &'a Code>) -> Filled {
    let items: Vec<DataSet> = codes.into_iter().filter_map(code_item).collect();
    if items.is_empty() { Filled::Omitted } else { Filled::Items(items) }
}

fn code_item(code: &Code) -> Option<DataSet> {
    if !code.is_complete() || texts::short(&code.scheme) != code.scheme {
        return None;
    }
    let mut item = DataSet::new();
    let is_long = texts::short(&code.value) != code.value;
    item.set_text(if is_long { LONG_CODE_VALUE } else { tags::CODE_VALUE }, &code.value);
    item.set_text(tags::CODING_SCHEME_DESIGNATOR, &code.scheme);
    item.set_text(tags::CODE_MEANING, texts::long(&code.meaning));
    Some(item)
}

fn namespace(issuer: Option<&Issuer>) -> &str {
    issuer.and_then(|issuer| issuer.namespace.as_deref()).unwrap_or("")
}

fn universal(issuer: Option<&Issuer>) -> Option<DataSet> {
    let universal = issuer?.universal.as_ref()?;
    let mut item = DataSet::new();
    item.set_text(tags::UNIVERSAL_ENTITY_ID, &universal.value);
    item.set_text(tags::UNIVERSAL_ENTITY_ID_TYPE, &universal.kind);
    Some(item)
}

/// An HL7v2 Hierarchic Designator (PS3.3 section 10.14).
fn issuer_items(issuer: Option<&Issuer>) -> Filled {
    let Some(issuer) = issuer else { return Filled::Items(Vec::new()) };
    let mut item = universal(Some(issuer)).unwrap_or_default();
    if let Some(namespace) = &issuer.namespace {
        item.set_text(tags::LOCAL_NAMESPACE_ENTITY_ID, namespace);
    }
    Filled::Items(vec![item])
}

fn other_id(id: &PatientId) -> DataSet {
    let mut item = DataSet::new();
    item.set_text(tags::PATIENT_ID, id.value());
    item.set_text(tags::ISSUER_OF_PATIENT_ID, namespace(id.issuer()));
    item.set_text(TYPE_OF_PATIENT_ID, "TEXT");
    item
}

/// What [`Source::answer`] knows outside the step.
const ROOT_ATTRIBUTES: [Tag; 50] = [
    tags::INSTITUTION_NAME,
    TYPE_OF_PATIENT_ID,
    ROUTE_OF_ADMISSIONS,
    ADMITTING_DATE,
    ADMITTING_TIME,
    REASON_CODE_SEQUENCE,
    tags::SPECIFIC_CHARACTER_SET,
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::ACCESSION_NUMBER,
    tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::TIMEZONE_OFFSET_FROM_UTC,
    tags::REFERENCED_STUDY_SEQUENCE,
    tags::REFERENCED_PATIENT_SEQUENCE,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::OTHER_PATIENT_I_DS_SEQUENCE,
    tags::PATIENT_SIZE,
    tags::PATIENT_WEIGHT,
    tags::MEDICAL_ALERTS,
    tags::ALLERGIES,
    tags::PREGNANCY_STATUS,
    tags::PATIENT_COMMENTS,
    tags::STUDY_INSTANCE_UID,
    tags::REQUESTING_PHYSICIAN,
    tags::REQUESTING_SERVICE,
    tags::REQUESTED_PROCEDURE_DESCRIPTION,
    tags::REQUESTED_PROCEDURE_CODE_SEQUENCE,
    tags::ADMISSION_ID,
    tags::ISSUER_OF_ADMISSION_ID_SEQUENCE,
    tags::SPECIAL_NEEDS,
    tags::CURRENT_PATIENT_LOCATION,
    tags::PATIENT_STATE,
    tags::ORDER_PLACER_IDENTIFIER_SEQUENCE,
    tags::ORDER_FILLER_IDENTIFIER_SEQUENCE,
    tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE,
    tags::REQUESTED_PROCEDURE_ID,
    tags::REASON_FOR_THE_REQUESTED_PROCEDURE,
    tags::REQUESTED_PROCEDURE_PRIORITY,
    tags::PATIENT_TRANSPORT_ARRANGEMENTS,
    tags::CONFIDENTIALITY_CODE,
    tags::REQUESTED_PROCEDURE_COMMENTS,
    tags::PLACER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST,
    tags::FILLER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST,
    tags::CONFIDENTIALITY_CONSTRAINT_ON_PATIENT_DATA_DESCRIPTION,
];

/// What items of codes, issuers and other identifiers may carry.
const ITEM_ATTRIBUTES: [Tag; 10] = [
    tags::CODE_VALUE,
    LONG_CODE_VALUE,
    tags::CODING_SCHEME_DESIGNATOR,
    tags::CODE_MEANING,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    TYPE_OF_PATIENT_ID,
    tags::LOCAL_NAMESPACE_ENTITY_ID,
    tags::UNIVERSAL_ENTITY_ID,
    tags::UNIVERSAL_ENTITY_ID_TYPE,
];

const TYPE_OF_PATIENT_ID: Tag = Tag(0x0010, 0x0022);
const LONG_CODE_VALUE: Tag = Tag(0x0008, 0x0119);
const ROUTE_OF_ADMISSIONS: Tag = Tag(0x0038, 0x0016);
const ADMITTING_DATE: Tag = Tag(0x0038, 0x0020);
const ADMITTING_TIME: Tag = Tag(0x0038, 0x0021);
/// Reason for Requested Procedure Code Sequence.
const REASON_CODE_SEQUENCE: Tag = Tag(0x0040, 0x100A);

/// What a step's item may carry, which is also what an empty item asks for.
const STEP_ATTRIBUTES: [Tag; 13] = [
    tags::REQUESTED_CONTRAST_AGENT,
    tags::MODALITY,
    tags::SCHEDULED_STATION_AE_TITLE,
    tags::SCHEDULED_PROCEDURE_STEP_START_DATE,
    tags::SCHEDULED_PROCEDURE_STEP_START_TIME,
    tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME,
    tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION,
    tags::SCHEDULED_PROTOCOL_CODE_SEQUENCE,
    tags::SCHEDULED_PROCEDURE_STEP_ID,
    tags::SCHEDULED_STATION_NAME,
    tags::SCHEDULED_PROCEDURE_STEP_LOCATION,
    tags::PRE_MEDICATION,
    tags::SCHEDULED_PROCEDURE_STEP_STATUS,
];
