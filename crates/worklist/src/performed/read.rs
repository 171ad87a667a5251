//! From attributes to what is looked at.

use telerad_core::{
    AccessionNumber, Code, Issuer, PartialDate, PartialDateTime, Patient, PatientId, PersonName,
    Sex, Uid,
};
use telerad_dicom::dataset::DataSet;
use telerad_dicom::{Status, Tag, tags};

use super::table::{DISCONTINUATION_REASON, END_DATE, END_TIME, PROTOCOLS, SERIES};
use super::{Link, PerformedRules, PerformedStep, Refusal, ScheduledReference};
use crate::finding::{FindingCode, Findings};

/// What changes with every N-SET.
pub(super) fn fill(step: &mut PerformedStep, set: &DataSet, findings: &mut Findings) {
    step.protocols = codes(set, PROTOCOLS);
    step.end = moment(set, END_DATE, END_TIME, findings);
    step.discontinuation_reason = codes(set, DISCONTINUATION_REASON).into_iter().next();
    let series = set.items_ref(SERIES).unwrap_or_default();
    step.series_instance_uids =
        series.iter().map(|item| text(item, tags::SERIES_INSTANCE_UID)).collect();
}

/// The items of (0040,0270), not linked yet.
pub(super) fn scheduled(
    set: &DataSet,
    rules: &PerformedRules,
    findings: &mut Findings,
) -> Result<Vec<ScheduledReference>, Refusal> {
    let items = set.items_ref(tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE).unwrap_or_default();
    let read = |item: &DataSet| {
        let Ok(study_instance_uid) = Uid::new(&text(item, tags::STUDY_INSTANCE_UID)) else {
            let tag = vec![tags::STUDY_INSTANCE_UID];
            let comment = "Study Instance UID is not a UID";
            return Err(Refusal::new(Status::INVALID_ATTRIBUTE_VALUE, tag, comment));
        };
        Ok(ScheduledReference {
            study_instance_uid,
            accession: accession(item, rules, findings),
            requested_procedure_id: text(item, tags::REQUESTED_PROCEDURE_ID),
            step_id: text(item, tags::SCHEDULED_PROCEDURE_STEP_ID),
            link: Link::Unscheduled,
        })
    };
    items.iter().map(read).collect()
}

/// The patient, as the modality says.
pub(super) fn patient(set: &DataSet, rules: &PerformedRules, findings: &mut Findings) -> Patient {
    let qualifiers = set.items_ref(tags::ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE);
    let qualifiers = qualifiers.and_then(<[DataSet]>::first);
    let universal = |tag| qualifiers.map(|item| text(item, tag)).unwrap_or_default();
    let issuer = Issuer::from_parts(
        &text(set, tags::ISSUER_OF_PATIENT_ID),
        &universal(tags::UNIVERSAL_ENTITY_ID),
        &universal(tags::UNIVERSAL_ENTITY_ID_TYPE),
    );
    let said = text(set, tags::PATIENT_ID);
    let id = PatientId::new(&said, issuer).ok().map(|id| rules.patient_id(&id));
    if id.is_none() && !said.is_empty() {
        findings.add(FindingCode::Invalid, tags::PATIENT_ID.to_string(), "not an identifier");
    }
    Patient {
        ids: id.into_iter().collect(),
        name: PersonName::from_dicom(&text(set, tags::PATIENT_NAME)),
        birth_date: PartialDate::parse(&text(set, tags::PATIENT_BIRTH_DATE)).ok(),
        sex: Sex::from_code(&text(set, tags::PATIENT_SEX)),
    }
}

/// A date and a time of the modality's clock.
pub(super) fn moment(
    set: &DataSet,
    date: Tag,
    time: Tag,
    findings: &mut Findings,
) -> Option<PartialDateTime> {
    let (day, hour) = (text(set, date), text(set, time));
    if day.is_empty() {
        return None;
    }
    let whole = PartialDateTime::parse(&format!("{day}{hour}")).ok();
    if whole.is_none() {
        let text = "not a date and time of DICOM: not used";
        findings.add(FindingCode::Invalid, date.to_string(), text);
    }
    whole
}

fn accession(
    item: &DataSet,
    rules: &PerformedRules,
    findings: &mut Findings,
) -> Option<AccessionNumber> {
    let said = text(item, tags::ACCESSION_NUMBER);
    if said.is_empty() {
        return None;
    }
    let issuer = item.items_ref(tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE);
    let issuer = issuer.and_then(<[DataSet]>::first).and_then(|issuer| {
        Issuer::from_parts(
            &text(issuer, tags::LOCAL_NAMESPACE_ENTITY_ID),
            &text(issuer, tags::UNIVERSAL_ENTITY_ID),
            &text(issuer, tags::UNIVERSAL_ENTITY_ID_TYPE),
        )
    });
    let number = AccessionNumber::new(&said, issuer).ok();
    if number.is_none() {
        let text = "not an accession number: not used";
        findings.add(FindingCode::Invalid, tags::ACCESSION_NUMBER.to_string(), text);
    }
    number.map(|number| number.or_issuer(rules.accession_issuer.as_ref()))
}

fn codes(set: &DataSet, sequence: Tag) -> Vec<Code> {
    let code = |item: &DataSet| Code {
        value: text(item, tags::CODE_VALUE),
        scheme: text(item, tags::CODING_SCHEME_DESIGNATOR),
        meaning: text(item, tags::CODE_MEANING),
    };
    set.items_ref(sequence).unwrap_or_default().iter().map(code).collect()
}

pub(super) fn text(set: &DataSet, tag: Tag) -> String {
    set.text(tag).unwrap_or_default().trim().to_owned()
}
