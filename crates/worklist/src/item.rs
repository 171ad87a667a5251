//! Worklist items as files of another server keep them.

use telerad_core::{
    AccessionNumber, Code, EntityIdentifier, Issuer, Order, PartialDate, PartialDateTime, Patient,
    PatientId, PersonName, Priority, Sex, Timestamp, Uid,
};
use telerad_dicom::{DataSet, Tag, tags};

use crate::mapping::Mapping;
use crate::{OrderRecord, ScheduledStep, StepStatus};

/// Why an item cannot be an order. The text has no patient data.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidItem {
    /// Without it the item has no place, or a modality would not show it.
    #[error("the item has no {0}")]
    Missing(&'static str),
    /// A value that is not of its type.
    #[error("{0} of the item is not valid")]
    Invalid(&'static str),
}

/// An order from one worklist item (PS3.4 table K.6-1), as servers like `wlmscpfs` and Orthanc's plug-in keep one in a
/// file: for a site that moves from one, and for trying things out.
///
/// Issuers that the item leaves out are the site's own, as they are for messages. Several items of one accession number are
/// one order: [`OrderRecord::absorb`] joins their steps.
///
/// # Errors
/// [`InvalidItem`] when it has no accession number, patient ID, study, step, modality or start, or one that is none.
pub fn read_item(
    item: &DataSet,
    mapping: &Mapping,
    now: Timestamp,
) -> Result<OrderRecord, InvalidItem> {
    let steps = item.items_ref(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).unwrap_or_default();
    let step = steps.first().ok_or(InvalidItem::Missing("scheduled procedure step (0040,0100)"))?;
    let order = Order {
        site: mapping.site.clone(),
        patient: patient(item, mapping)?,
        accession: accession(item, mapping)?,
        placer_order_number: number(item, tags::PLACER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST),
        filler_order_number: number(item, tags::FILLER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST),
        requested_procedure_id: text(item, tags::REQUESTED_PROCEDURE_ID),
        study_instance_uid: Uid::new(&text(item, tags::STUDY_INSTANCE_UID))
            .map_err(|_| InvalidItem::Invalid("Study Instance UID (0020,000D)"))?,
        procedure: procedure(
            item,
            tags::REQUESTED_PROCEDURE_CODE_SEQUENCE,
            tags::REQUESTED_PROCEDURE_DESCRIPTION,
        ),
        priority: priority(&text(item, tags::REQUESTED_PROCEDURE_PRIORITY)),
        referring_physician: name(item, tags::REFERRING_PHYSICIAN_NAME),
        requesting_physician: name(item, tags::REQUESTING_PHYSICIAN),
        reason: text(item, tags::REASON_FOR_THE_REQUESTED_PROCEDURE),
    };
    let mut record = OrderRecord::new(order, now);
    record.steps.push(scheduled_step(step)?);
    record.admission_id = number(item, tags::ADMISSION_ID);
    record.patient_location = text(item, tags::CURRENT_PATIENT_LOCATION);
    record.transport = text(item, tags::PATIENT_TRANSPORT_ARRANGEMENTS);
    record.requesting_service = text(item, tags::REQUESTING_SERVICE);
    record.confidentiality = text(item, tags::CONFIDENTIALITY_CODE);
    record.comments = text(item, tags::REQUESTED_PROCEDURE_COMMENTS);
    put_clinical(&mut record, item);
    Ok(record)
}

impl OrderRecord {
    /// Takes up the steps of another record of the same order that this one does not have, by step ID; `false`, and nothing
    /// is taken, when it is of another order, patient or study.
    #[must_use]
    pub fn absorb(&mut self, other: Self) -> bool {
        let is_same = self.key == other.key
            && self.order.patient.primary_id() == other.order.patient.primary_id()
            && self.order.study_instance_uid == other.order.study_instance_uid;
        if is_same {
            for step in other.steps {
                if self.steps.iter().all(|kept| kept.step_id != step.step_id) {
                    self.steps.push(step);
                }
            }
        }
        is_same
    }
}

fn patient(item: &DataSet, mapping: &Mapping) -> Result<Patient, InvalidItem> {
    const PATIENT_ID: &str = "Patient ID (0010,0020)";
    let value = text(item, tags::PATIENT_ID);
    if value.is_empty() {
        return Err(InvalidItem::Missing(PATIENT_ID));
    }
    let issuer = Issuer::from_parts(&text(item, tags::ISSUER_OF_PATIENT_ID), "", "");
    let id = PatientId::new(&value, issuer).map_err(|_| InvalidItem::Invalid(PATIENT_ID))?;
    Ok(Patient {
        ids: vec![id.or_issuer(mapping.patient_authority.as_ref())],
        name: name(item, tags::PATIENT_NAME),
        birth_date: PartialDate::parse(&text(item, tags::PATIENT_BIRTH_DATE)).ok(),
        sex: Sex::from_code(&text(item, tags::PATIENT_SEX)),
    })
}

fn accession(item: &DataSet, mapping: &Mapping) -> Result<AccessionNumber, InvalidItem> {
    const ACCESSION: &str = "Accession Number (0008,0050)";
    let value = text(item, tags::ACCESSION_NUMBER);
    if value.is_empty() {
        return Err(InvalidItem::Missing(ACCESSION));
    }
    let issuers = item.items_ref(tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE).unwrap_or_default();
    let issuer = issuers.first().and_then(|issuer| {
        Issuer::from_parts(
            &text(issuer, tags::LOCAL_NAMESPACE_ENTITY_ID),
            &text(issuer, tags::UNIVERSAL_ENTITY_ID),
            &text(issuer, tags::UNIVERSAL_ENTITY_ID_TYPE),
        )
    });
    let number =
        AccessionNumber::new(&value, issuer).map_err(|_| InvalidItem::Invalid(ACCESSION))?;
    Ok(number.or_issuer(mapping.accession_issuer.as_ref()))
}

fn scheduled_step(step: &DataSet) -> Result<ScheduledStep, InvalidItem> {
    let modality = text(step, tags::MODALITY);
    if modality.is_empty() {
        return Err(InvalidItem::Missing("modality (0008,0060)"));
    }
    let (date, time) = (
        text(step, tags::SCHEDULED_PROCEDURE_STEP_START_DATE),
        text(step, tags::SCHEDULED_PROCEDURE_STEP_START_TIME),
    );
    if date.is_empty() {
        return Err(InvalidItem::Missing("start date (0040,0002)"));
    }
    let start = PartialDateTime::parse(&format!("{date}{time}"))
        .map_err(|_| InvalidItem::Invalid("start (0040,0002) and (0040,0003)"))?;
    let protocol = procedure(
        step,
        tags::SCHEDULED_PROTOCOL_CODE_SEQUENCE,
        tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION,
    );
    let status = text(step, tags::SCHEDULED_PROCEDURE_STEP_STATUS);
    let titles = text(step, tags::SCHEDULED_STATION_AE_TITLE);
    let titles = titles.split('\\').map(str::trim).filter(|title| !title.is_empty());
    Ok(ScheduledStep {
        step_id: text(step, tags::SCHEDULED_PROCEDURE_STEP_ID),
        modality,
        station_ae_titles: titles.map(str::to_owned).collect(),
        station_name: text(step, tags::SCHEDULED_STATION_NAME),
        location: text(step, tags::SCHEDULED_PROCEDURE_STEP_LOCATION),
        start: Some(start),
        performing_physician: name(step, tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME),
        description: text(step, tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION),
        protocol,
        status: StepStatus::ALL
            .into_iter()
            .find(|known| known.as_dicom() == status)
            .unwrap_or_default(),
        ..Default::default()
    })
}

fn put_clinical(record: &mut OrderRecord, item: &DataSet) {
    let clinical = &mut record.clinical;
    clinical.medical_alerts = text(item, tags::MEDICAL_ALERTS);
    clinical.patient_state = text(item, tags::PATIENT_STATE);
    clinical.weight_kg = text(item, tags::PATIENT_WEIGHT);
    clinical.size_m = text(item, tags::PATIENT_SIZE);
    clinical.comments = text(item, tags::PATIENT_COMMENTS);
    let allergies = text(item, tags::ALLERGIES);
    let allergies = allergies.split('\\').map(str::trim).filter(|one| !one.is_empty());
    clinical.allergies = allergies.map(str::to_owned).collect();
    clinical.pregnancy_status = text(item, tags::PREGNANCY_STATUS).parse().ok();
}

/// A procedure by its code, else by its words.
fn procedure(item: &DataSet, codes: Tag, words: Tag) -> Code {
    let code = item.items_ref(codes).unwrap_or_default().first().map(|code| Code {
        value: text(code, tags::CODE_VALUE),
        scheme: text(code, tags::CODING_SCHEME_DESIGNATOR),
        meaning: text(code, tags::CODE_MEANING),
    });
    code.unwrap_or_else(|| Code { meaning: text(item, words), ..Code::default() })
}

fn priority(term: &str) -> Priority {
    let all = [Priority::Stat, Priority::High, Priority::Medium, Priority::Routine];
    all.into_iter().find(|known| known.as_dicom() == term).unwrap_or_default()
}

fn number(item: &DataSet, tag: Tag) -> Option<EntityIdentifier> {
    EntityIdentifier::new(&text(item, tag), None).ok()
}

fn name(item: &DataSet, tag: Tag) -> PersonName {
    PersonName::from_dicom(&text(item, tag))
}

/// Without the spaces that pad it, which are significant nowhere here (PS3.5 section 6.2).
fn text(item: &DataSet, tag: Tag) -> String {
    item.text(tag).map(|text| text.trim().to_owned()).unwrap_or_default()
}
