//! What a message makes of what is known.

mod order;
mod patient;
mod schedule;

use telerad_core::Timestamp;

use crate::finding::Finding;
use crate::inbound::{Inbound, Rejection, Subject};
use crate::{Known, OrderRecord, PatientRecord};
use order::Written;
use patient::{Speaker, known_patient, patient};

/// What a message ends in: exactly one of these.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Disposition {
    /// Its effects are to be written.
    Applied,
    /// Everything it says is known already, or it asks for nothing. It may have effects all the same: that it was said
    /// again, and when, counts against what comes late.
    NoChange,
    /// It is kept for a person; the reason has no patient data.
    Parked(String),
    /// The sender must mend it.
    Rejected(Rejection),
}

/// A record to write. Its revision is the one it was read at; the store compares and increments.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a handful of effects live for one call")]
pub enum Effect {
    /// An order with its steps.
    PutOrder(OrderRecord),
    /// A patient.
    PutPatient(PatientRecord),
}

/// What to write, in one transaction, before the message is acknowledged, and what to tell.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the message ended in.
    pub disposition: Disposition,
    /// What to write; empty when parked or rejected.
    pub effects: Vec<Effect>,
    /// Everything derived, translated, doubted or left out.
    pub findings: Vec<Finding>,
}

/// Applies a message to what is known: all of it, or nothing.
pub fn apply(mut inbound: Inbound, known: &Known, now: Timestamp) -> Outcome {
    let resolved = inbound.resolve(known);
    let mut findings = inbound.findings.clone();
    let result = resolved.and_then(|()| match &inbound.subject {
        Subject::Appointment(appointment) => known_patient(known, &inbound).and_then(|_| {
            let moved = schedule::apply(appointment, &inbound, known, now, &mut findings)?;
            let is_news = moved.as_ref().is_some_and(|(_, is_news)| *is_news);
            let effects = moved.into_iter().map(|(record, _)| Effect::PutOrder(record));
            Ok(Written { effects: effects.collect(), is_news })
        }),
        Subject::Nothing => Ok(Written { effects: Vec::new(), is_news: false }),
        Subject::Parked(reason) => Err(reason.clone()),
        Subject::Patient => patient(&inbound, known, Speaker::Adt, now).map(|effect| Written {
            is_news: effect.is_some(),
            effects: effect.into_iter().collect(),
        }),
        Subject::Orders(changes) => order::orders(&inbound, changes, known, now, &mut findings),
    });
    let (disposition, effects) = match result {
        Ok(Written { effects, is_news: false }) => (Disposition::NoChange, effects),
        Ok(Written { effects, .. }) => (Disposition::Applied, effects),
        Err(reason) => (Disposition::Parked(reason), Vec::new()),
    };
    Outcome { disposition, effects, findings: findings.into_vec() }
}
