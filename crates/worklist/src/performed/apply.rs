//! N-CREATE and N-SET against what is known.

use telerad_core::{AccessionNumber, PatientId, Timestamp, Uid};
use telerad_dicom::dataset::DataSet;
use telerad_dicom::{Status, tags};

use super::link::{Identity, is_certain, link};
use super::steps::{self, Occasion};
use super::{
    Alert, Applied, Attributes, KnownPerformed, Link, PerformedRules, PerformedStatus,
    PerformedStep, Refusal, read, table,
};
use crate::finding::{FindingCode, Findings};
use crate::{OrderKey, OrderRecord};

/// An N-CREATE that keeps to the standard, before it meets what is known.
///
/// Look up [`Self::study_instance_uids`], [`Self::accession_numbers`] and [`Self::patient_ids`], then call [`Self::apply`].
#[derive(Clone, Debug)]
pub struct Creation {
    step: PerformedStep,
    rules: PerformedRules,
    findings: Findings,
}

impl Creation {
    /// Reads an N-CREATE; `known` is what is kept under its SOP Instance UID.
    ///
    /// # Errors
    /// What the modality is to hear: 0111H for a step that is known, whatever the data set; 0120H and 0121H for type 1
    /// attributes that are missing or empty; 0106H for another status than IN PROGRESS and for values that are none.
    pub fn read(
        sop_instance_uid: &Uid,
        set: &DataSet,
        known: Option<&PerformedStep>,
        rules: &PerformedRules,
    ) -> Result<Self, Refusal> {
        let mut findings = Findings::default();
        let attributes = encode(set);
        if let Some(known) = known {
            let is_same = attributes.is_ok_and(|said| said == known.created);
            let comment = if is_same { REPEATED } else { "known with other content" };
            return Err(Refusal::new(Status::DUPLICATE_SOP_INSTANCE, Vec::new(), comment));
        }
        table::check_created(set, &mut findings)?;
        let attributes = attributes?;
        let text = |tag| read::text(set, tag);
        let start = read::moment(
            set,
            tags::PERFORMED_PROCEDURE_STEP_START_DATE,
            tags::PERFORMED_PROCEDURE_STEP_START_TIME,
            &mut findings,
        );
        let mut step = PerformedStep {
            site: rules.site.clone(),
            sop_instance_uid: sop_instance_uid.clone(),
            status: PerformedStatus::InProgress,
            performed_step_id: text(tags::PERFORMED_PROCEDURE_STEP_ID),
            station_ae_title: text(tags::PERFORMED_STATION_AE_TITLE),
            modality: text(tags::MODALITY),
            patient: read::patient(set, rules, &mut findings),
            scheduled: read::scheduled(set, rules, &mut findings)?,
            protocols: Vec::new(),
            start,
            end: None,
            discontinuation_reason: None,
            series_instance_uids: Vec::new(),
            created: attributes.clone(),
            attributes,
            received_at: Timestamp::from_micros(0),
            updated_at: Timestamp::from_micros(0),
            revision: 0,
        };
        read::fill(&mut step, set, &mut findings);
        Ok(Self { step, rules: rules.clone(), findings })
    }

    /// The studies whose orders are to be looked up.
    pub fn study_instance_uids(&self) -> Vec<Uid> {
        self.step.study_instance_uids()
    }

    /// Numbers whose orders are to be looked up, as they are and as modalities see them.
    pub fn accession_numbers(&self) -> Vec<AccessionNumber> {
        let mut numbers: Vec<AccessionNumber> = Vec::new();
        for number in self.step.scheduled.iter().filter_map(|item| item.accession.as_ref()) {
            if !numbers.contains(number) {
                numbers.push(number.clone());
            }
        }
        numbers
    }

    /// Patients to be looked up: one that was merged goes by the identifier that took the place of its own.
    pub fn patient_ids(&self) -> Vec<PatientId> {
        self.step.patient.ids.clone()
    }

    /// The performed step begins: it is linked, and what it is linked with moves. Nothing is created but itself.
    pub fn apply(
        self,
        known: &KnownPerformed,
        patients: &[crate::PatientRecord],
        now: Timestamp,
    ) -> Applied {
        let Self { mut step, rules, mut findings } = self;
        (step.received_at, step.updated_at) = (now, now);
        let identity = Identity::of(&step, patients);
        for item in &mut step.scheduled {
            item.link = link(item, &identity, &known.orders, &rules, &mut findings);
        }
        let mut alerts = Vec::new();
        for item in &step.scheduled {
            if let Link::Suspect { reason, .. } = &item.link {
                let alert = Alert::Suspect(reason.clone());
                if !alerts.contains(&alert) {
                    alerts.push(alert);
                }
            }
        }
        let orders = settle(&step, known, Occasion::Begins, &rules, now, &mut findings);
        Applied { step, orders, findings: findings.into_vec(), alerts }
    }
}

/// An N-SET that may come now, before it meets what is known.
#[derive(Clone, Debug)]
pub struct Change {
    before: PerformedStep,
    step: PerformedStep,
    rules: PerformedRules,
    findings: Findings,
}

impl Change {
    /// Reads an N-SET; `known` is what is kept under its SOP Instance UID.
    ///
    /// # Errors
    /// What the modality is to hear: 0112H for a step that is not known; 0110H with Error ID A710 for one that has ended;
    /// 0105H for attributes that may not be set; 0106H for a status that is none; 0120H and 0121H for what is missing at
    /// the end.
    pub fn read(
        set: &DataSet,
        known: Option<&PerformedStep>,
        rules: &PerformedRules,
    ) -> Result<Self, Refusal> {
        let Some(before) = known else {
            let comment = "no such performed procedure step";
            return Err(Refusal::new(Status::NO_SUCH_SOP_INSTANCE, Vec::new(), comment));
        };
        if before.status != PerformedStatus::InProgress {
            let error_id = Some(MAY_NO_LONGER_BE_UPDATED);
            let comment = "Performed Procedure Step Object may no longer be updated";
            let refusal = Refusal::new(Status::PROCESSING_FAILURE, Vec::new(), comment);
            return Err(Refusal { error_id, ..refusal });
        }
        let mut findings = Findings::default();
        let kept = before.attributes.decode().map_err(|_| {
            Refusal::new(Status::PROCESSING_FAILURE, Vec::new(), "what is kept cannot be read")
        })?;
        let passed_over = table::check_set(set, &kept, &mut findings)?;
        let merged = merge(kept, set, &passed_over, &mut findings);
        let status = table::status(&merged)?.unwrap_or(before.status);
        if status != PerformedStatus::InProgress {
            table::check_final(&merged, status, &mut findings)?;
        }
        let mut step = before.clone();
        step.status = status;
        step.attributes = encode(&merged)?;
        read::fill(&mut step, &merged, &mut findings);
        Ok(Self { before: before.clone(), step, rules: rules.clone(), findings })
    }

    /// Orders to be looked up.
    pub fn order_keys(&self) -> Vec<OrderKey> {
        self.step.order_keys()
    }

    /// The performed step changes, or ends, and what it is linked with moves.
    pub fn apply(self, known: &KnownPerformed, now: Timestamp) -> Applied {
        let Self { before, mut step, rules, mut findings } = self;
        step.updated_at = now;
        let mut alerts = Vec::new();
        if step.is_wrong_entry() {
            alerts.push(Alert::WrongEntry(step.study_instance_uids()));
        }
        let orders = if step.status != before.status {
            settle(&step, known, Occasion::Ends, &rules, now, &mut findings)
        } else {
            if step.protocols != before.protocols {
                steps::differs(&step, &known.orders, &mut findings);
            }
            Vec::new()
        };
        Applied { step, orders, findings: findings.into_vec(), alerts }
    }
}

/// The orders that a performed step moves, changed; nothing is certain while an item of it is in doubt.
fn settle(
    step: &PerformedStep,
    known: &KnownPerformed,
    occasion: Occasion,
    rules: &PerformedRules,
    now: Timestamp,
    findings: &mut Findings,
) -> Vec<OrderRecord> {
    if !is_certain(step) {
        return Vec::new();
    }
    steps::differs(step, &known.orders, findings);
    let others = known.others.iter();
    let others = others.filter(|it| it.sop_instance_uid != step.sop_instance_uid && is_certain(it));
    let all: Vec<PerformedStep> = others.cloned().chain([step.clone()]).collect();
    let keys = step.order_keys();
    let moved =
        known.orders.iter().filter(|order| keys.contains(&order.key)).filter_map(|before| {
            let mut order = before.clone();
            steps::settle(&mut order, step, &all, occasion, rules, findings);
            (order != *before).then_some(OrderRecord { updated_at: now, ..order })
        });
    moved.collect()
}

/// What is set takes the place of what was there, sequences whole. The character set of an N-SET is its own: text is
/// Unicode here, and what was created keeps the declaration that it came with.
fn merge(
    kept: DataSet,
    set: &DataSet,
    passed_over: &[telerad_dicom::Tag],
    findings: &mut Findings,
) -> DataSet {
    let mut merged = kept;
    for tag in set.tags() {
        if tag == tags::SPECIFIC_CHARACTER_SET || passed_over.contains(&tag) {
            continue;
        }
        if let Some(items) = set.items(tag) {
            merged.set_items(tag, items);
        } else if let Some(text) = set.text(tag) {
            merged.set_text(tag, &text);
        } else {
            let text = "neither text nor a sequence: not kept";
            findings.add(FindingCode::Ignored, tag.to_string(), text);
        }
    }
    merged
}

fn encode(set: &DataSet) -> Result<Attributes, Refusal> {
    Attributes::encode(set).map_err(|error| {
        let attributes = match error {
            telerad_dicom::dataset::DataSetError::OutsideRepertoire(tag)
            | telerad_dicom::dataset::DataSetError::NotANumber(tag) => vec![tag],
            _ => Vec::new(),
        };
        let comment = "a value is not of its representation";
        Refusal::new(Status::INVALID_ATTRIBUTE_VALUE, attributes, comment)
    })
}

/// What the journal says of an N-CREATE that came again.
const REPEATED: &str = "known with the same content";
/// PS3.4 section F.7.2.2.2.
const MAY_NO_LONGER_BE_UPDATED: u16 = 0xA710;
