//! Which message has the say about each value of an order: the one with the latest time, not the one that came last.

use crate::draft::{Draft, StepDraft};
use crate::patient::{PatientFacts, VisitFacts};
use crate::said::Said;

/// What a message says of an order, with the values that others have said later taken out of it.
pub(crate) struct Precedence {
    pub(crate) draft: Draft,
    pub(crate) facts: PatientFacts,
    pub(crate) visit: VisitFacts,
    /// What the message says, before anything was taken out.
    said: u32,
}

impl Precedence {
    pub(crate) fn new(draft: &Draft, facts: &PatientFacts, visit: &VisitFacts) -> Self {
        let mut all =
            Self { draft: draft.clone(), facts: facts.clone(), visit: visit.clone(), said: 0 };
        all.said = all.bits();
        all
    }

    /// What the message says of the order itself, and of the patient and the visit if it has a say in that.
    pub(crate) fn said(&self, has_patient: bool) -> u32 {
        if has_patient { self.said | IDENTIFIERS } else { self.said & ORDER }
    }

    /// Takes out what was said later.
    pub(crate) fn mute(&mut self, later: u32) {
        for (bit, field) in self.fields().into_iter().enumerate() {
            if later & (1 << bit) != 0 {
                field.mute();
            }
        }
    }

    fn bits(&mut self) -> u32 {
        let said = self.fields().into_iter().enumerate();
        said.fold(0, |bits, (bit, field)| bits | u32::from(field.is_said()) << bit)
    }

    /// Every value that stands alone. The study is not among them: two that differ are a contradiction at any time.
    fn fields(&mut self) -> [&mut dyn Saying; 31] {
        let (draft, facts, visit) = (&mut self.draft, &mut self.facts, &mut self.visit);
        [
            &mut draft.placer_order_number,
            &mut draft.filler_order_number,
            &mut draft.requested_procedure_id,
            &mut draft.procedure,
            &mut draft.priority,
            &mut draft.requesting_physician,
            &mut draft.reason,
            &mut draft.transport,
            &mut draft.requesting_service,
            &mut draft.confidentiality,
            &mut draft.comments,
            &mut draft.medical_alerts,
            &mut draft.patient_state,
            &mut facts.allergies,
            &mut facts.weight_kg,
            &mut facts.size_m,
            &mut facts.comments,
            &mut facts.name,
            &mut facts.birth_date,
            &mut facts.sex,
            &mut visit.admission_id,
            &mut visit.class,
            &mut visit.location,
            &mut visit.referring_physician,
            &mut visit.pregnancy_status,
            &mut draft.reason_code,
            &mut draft.institution,
            &mut facts.pregnancy_status,
            &mut visit.special_needs,
            &mut visit.confidentiality,
            &mut visit.admitted_at,
        ]
    }
}

/// The placer's and the filler's number.
pub(crate) const NUMBERS: [u32; 2] = [1, 1 << 1];
/// The values that every order message has a say in.
const ORDER: u32 = ((1 << 17) - 1) | 0b111 << 25;
/// The patient's identifiers, which are sent whole.
pub(crate) const IDENTIFIERS: u32 = 1 << 31;

/// What a message says of a step.
pub(crate) fn step_bits(step: &mut StepDraft) -> u32 {
    let said = step_fields(step).into_iter().enumerate();
    said.fold(0, |bits, (bit, field)| bits | u32::from(field.is_said()) << bit)
}

/// Takes out of a step what was said later.
pub(crate) fn mute_step(step: &mut StepDraft, later: u32) {
    for (bit, field) in step_fields(step).into_iter().enumerate() {
        if later & (1 << bit) != 0 {
            field.mute();
        }
    }
}

fn step_fields(step: &mut StepDraft) -> [&mut dyn Saying; 9] {
    [
        &mut step.modality,
        &mut step.station_ae_titles,
        &mut step.station_name,
        &mut step.location,
        &mut step.start,
        &mut step.performing_physician,
        &mut step.protocol,
        &mut step.laterality,
        &mut step.body_site,
    ]
}

trait Saying {
    fn is_said(&self) -> bool;
    fn mute(&mut self);
}

impl<T> Saying for Said<T> {
    fn is_said(&self) -> bool {
        !self.is_nothing()
    }

    fn mute(&mut self) {
        *self = Self::Nothing;
    }
}
