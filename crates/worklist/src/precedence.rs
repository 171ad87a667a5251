//! Which message has the say about each value of an order: the one with the latest time, not the one that came last.

use serde::{Deserialize, Serialize};
use telerad_core::PartialDateTime;

use crate::draft::{Draft, StepDraft};
use crate::instant;
use crate::patient::{PatientFacts, VisitFacts};
use crate::said::Said;

/// When which values were said last, oldest first; each value is a bit.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Sayings(Vec<(Option<PartialDateTime>, u32)>);

impl Sayings {
    /// The values that were said at a later time than this.
    pub(crate) fn later(&self, at: Option<PartialDateTime>) -> u32 {
        let later = self.0.iter().filter(|(known, _)| instant::is_before(at, *known));
        later.fold(0, |bits, (_, more)| bits | more)
    }

    /// Takes note of what was said at a time.
    pub(crate) fn add(&mut self, at: Option<PartialDateTime>, said: u32) {
        let later = self.later(at);
        for (known, bits) in &mut self.0 {
            if instant::is_before(*known, at) || *known == at {
                *bits &= !said;
            }
        }
        self.0.retain(|(_, bits)| *bits != 0);
        let said = said & !later;
        if said == 0 {
            return;
        }
        let after = self.0.iter().rev().take_while(|(known, _)| instant::is_before(at, *known));
        let place = self.0.len() - after.count();
        self.0.insert(place, (at, said));
        if self.0.len() > SAYINGS_MAX {
            self.0.remove(0);
        }
    }
}

/// At least as many as there are values: each entry has one that no later entry has, unless times cannot be compared.
const SAYINGS_MAX: usize = 32;

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
        let mut bit = 0;
        for field in self.fields() {
            if later & (1 << bit) != 0 {
                field.mute();
            }
            bit += 1;
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

fn step_fields(step: &mut StepDraft) -> [&mut dyn Saying; 7] {
    [
        &mut step.modality,
        &mut step.station_ae_titles,
        &mut step.station_name,
        &mut step.location,
        &mut step.start,
        &mut step.performing_physician,
        &mut step.protocol,
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

#[cfg(test)]
mod tests {
    use telerad_core::PartialDateTime;

    use super::Sayings;

    fn at(minute: u32) -> Option<PartialDateTime> {
        PartialDateTime::parse(&format!("2026112408{minute:02}")).ok()
    }

    #[test]
    fn the_latest_time_of_each_value_is_kept() {
        let mut sayings = Sayings::default();
        sayings.add(at(5), 0b011);
        sayings.add(at(1), 0b110);
        assert_eq!(sayings.0, [(at(1), 0b100), (at(5), 0b011)]);
        assert_eq!([0, 3, 5].map(|minute| sayings.later(at(minute))), [0b111, 0b011, 0]);
        sayings.add(at(9), 0b111);
        assert_eq!(sayings.0, [(at(9), 0b111)]);
        // Without a time the order of arrival counts, which undoes nothing.
        sayings.add(None, 0b001);
        assert_eq!(sayings.later(at(0)), 0b111);
    }
}
