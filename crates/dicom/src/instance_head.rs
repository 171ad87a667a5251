//! The head of an instance as values.

use serde::{Deserialize, Serialize};
use telerad_core::{
    AccessionNumber, Issuer, PartialDate, Patient, PatientId, PersonName, Sex, Uid,
};

use crate::{Head, Tag, tags};

/// What an instance says about itself, its study and its patient.
///
/// Everything is as the instance says it; a missing or unreadable value is `None` or empty, never invented.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct InstanceHead {
    /// SOP Class UID (0008,0016).
    pub sop_class_uid: Option<Uid>,
    /// SOP Instance UID (0008,0018).
    pub sop_instance_uid: Option<Uid>,
    /// Study Instance UID (0020,000D).
    pub study_instance_uid: Option<Uid>,
    /// Series Instance UID (0020,000E).
    pub series_instance_uid: Option<Uid>,
    /// Group 0010: Patient ID with its issuer (0010,0021) and (0010,0024), name, birth date and sex.
    pub patient: Patient,
    /// Accession Number (0008,0050) with its issuer (0008,0051).
    pub accession: Option<AccessionNumber>,
    /// Modality (0008,0060).
    pub modality: String,
    /// Body Part Examined (0018,0015).
    pub body_part: String,
    /// Study Description (0008,1030).
    pub study_description: String,
    /// Series Description (0008,103E).
    pub series_description: String,
    /// Institution Name (0008,0080).
    pub institution: String,
    /// Station Name (0008,1010).
    pub station_name: String,
    /// Study Date (0008,0020), as sent.
    pub study_date: String,
    /// Study Time (0008,0030), as sent.
    pub study_time: String,
    /// Referring Physician's Name (0008,0090), in DICOM form.
    pub referring_physician: String,
    /// Study ID (0020,0010).
    pub study_id: String,
    /// Requested Procedure ID (0040,1001), of the instance or of the first item of its Request Attributes Sequence
    /// (0040,0275), where images carry it (PS3.3 table 10-9).
    pub requested_procedure_id: String,
}

impl InstanceHead {
    /// Reads the values out of a head.
    pub fn read(head: &Head) -> Self {
        let text = |tag| head.text(tag).unwrap_or_default();
        let requested = text(tags::REQUESTED_PROCEDURE_ID);
        Self {
            sop_class_uid: head.uid(tags::SOP_CLASS_UID),
            sop_instance_uid: head.uid(tags::SOP_INSTANCE_UID),
            study_instance_uid: head.uid(tags::STUDY_INSTANCE_UID),
            series_instance_uid: head.uid(tags::SERIES_INSTANCE_UID),
            patient: patient(head),
            accession: AccessionNumber::new(&text(tags::ACCESSION_NUMBER), accession_issuer(head))
                .ok(),
            modality: text(tags::MODALITY),
            body_part: text(tags::BODY_PART_EXAMINED),
            study_description: text(tags::STUDY_DESCRIPTION),
            series_description: text(tags::SERIES_DESCRIPTION),
            institution: text(tags::INSTITUTION_NAME),
            station_name: text(tags::STATION_NAME),
            study_date: text(tags::STUDY_DATE),
            study_time: text(tags::STUDY_TIME),
            referring_physician: text(tags::REFERRING_PHYSICIAN_NAME),
            study_id: text(tags::STUDY_ID),
            requested_procedure_id: if requested.is_empty() {
                text_in(head, tags::REQUEST_ATTRIBUTES_SEQUENCE, tags::REQUESTED_PROCEDURE_ID)
            } else {
                requested
            },
        }
    }
}

impl std::fmt::Debug for InstanceHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstanceHead")
            .field("sop_class_uid", &self.sop_class_uid)
            .field("sop_instance_uid", &self.sop_instance_uid)
            .field("study_instance_uid", &self.study_instance_uid)
            .field("modality", &self.modality)
            .field("patient", &"<redacted>")
            .finish_non_exhaustive()
    }
}

fn patient(head: &Head) -> Patient {
    let text = |tag| head.text(tag).unwrap_or_default();
    let qualifiers = tags::ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE;
    let issuer = Issuer::from_parts(
        &text(tags::ISSUER_OF_PATIENT_ID),
        &text_in(head, qualifiers, tags::UNIVERSAL_ENTITY_ID),
        &text_in(head, qualifiers, tags::UNIVERSAL_ENTITY_ID_TYPE),
    );
    Patient {
        ids: PatientId::new(&text(tags::PATIENT_ID), issuer).into_iter().collect(),
        name: PersonName::from_dicom(&text(tags::PATIENT_NAME)),
        birth_date: PartialDate::parse(&text(tags::PATIENT_BIRTH_DATE)).ok(),
        sex: Sex::from_code(&text(tags::PATIENT_SEX)),
    }
}

fn accession_issuer(head: &Head) -> Option<Issuer> {
    let sequence = tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE;
    Issuer::from_parts(
        &text_in(head, sequence, tags::LOCAL_NAMESPACE_ENTITY_ID),
        &text_in(head, sequence, tags::UNIVERSAL_ENTITY_ID),
        &text_in(head, sequence, tags::UNIVERSAL_ENTITY_ID_TYPE),
    )
}

fn text_in(head: &Head, sequence: Tag, tag: Tag) -> String {
    head.text_in(sequence, tag).unwrap_or_default()
}
