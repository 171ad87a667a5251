//! What a message makes of what is known.

mod order;
mod patient;
mod schedule;
mod visit;

use telerad_core::Timestamp;

use crate::Known;
use crate::effect::Effect;
use crate::finding::{Finding, Findings};
use crate::inbound::{Inbound, Subject};
use crate::merge::World;
use crate::stop::{Rejection, Stop};
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
    let mut findings = std::mem::take(&mut inbound.findings);
    let settled = patient::settle(&mut inbound, known, &mut findings);
    inbound.findings = findings;
    let resolved = settled.and_then(|()| Ok(inbound.resolve(known)?));
    let mut findings = inbound.findings.clone();
    let result = resolved.and_then(|()| written(&inbound, known, now, &mut findings));
    let (disposition, effects) = match result {
        Ok(Written { effects, is_news: false }) => (Disposition::NoChange, effects),
        Ok(Written { effects, .. }) => (Disposition::Applied, effects),
        Err(Stop::Ignore) => (Disposition::NoChange, Vec::new()),
        Err(Stop::Park(reason)) => (Disposition::Parked(reason), Vec::new()),
        Err(Stop::Reject(rejection)) => (Disposition::Rejected(rejection), Vec::new()),
    };
    Outcome { disposition, effects, findings: findings.into_vec() }
}

/// What the message writes.
fn written(
    inbound: &Inbound,
    known: &Known,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<Written, Stop> {
    match &inbound.subject {
        Subject::Appointment(appointment) => {
            known_patient(known, inbound)?;
            let moved = schedule::apply(appointment, inbound, known, now, findings)?;
            let is_news = moved.as_ref().is_some_and(|(_, is_news)| *is_news);
            let effects = moved.into_iter().map(|(record, _)| Effect::PutOrder(record));
            Ok(Written { effects: effects.collect(), is_news })
        }
        Subject::Nothing => Ok(Written::from(Vec::new())),
        Subject::Parked(reason) => Err(Stop::Park(reason.clone())),
        Subject::Patient(event) => {
            let said = patient(inbound, known, Speaker::Adt, now, findings)?;
            let orders = visit::orders(inbound, *event, known, now, findings);
            Ok(Written::from(said.into_iter().chain(orders).collect::<Vec<_>>()))
        }
        Subject::Identities(changes) => {
            let mut world = World::new(known, &inbound.mapping, &inbound.control_id, now);
            changes.iter().try_for_each(|change| world.apply(change, findings))?;
            Ok(Written::from(world.effects()))
        }
        Subject::Orders(changes) => Ok(order::orders(inbound, changes, known, now, findings)?),
    }
}
