//! How a step's status follows orders, registration, modalities, images, reports and the clock.
//!
//! `ScheduledStep::advance` is the one way to change a status. It puts each event at its place in time among those
//! that are known and goes through them again, so that the same events end in the same state in whatever order they
//! arrive: an event that comes late never undoes a later one, and is never lost either. What each event does to each
//! status is the table [`Effect::of`], which has a cell for every pair.

use serde::{Deserialize, Serialize};
use telerad_core::PartialDateTime;

use crate::instant;
use crate::sayings::Sayings;

mod rules;
mod step_status;

pub use rules::{EventTime, StartedCancel, StatusRules, UnknownChange};
pub use step_status::StepStatus;

/// What a step may be told.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum StepEvent {
    /// `NW`: ordered.
    New,
    /// `XO`: what is ordered has changed, which says that it is still wanted.
    Change,
    /// `SC` with ORC-5 `SC`: scheduled.
    Schedule,
    /// ORC-5 `IP`: in process.
    Start,
    /// ORC-5 `CM`: completed.
    Complete,
    /// `CA`, `OC`, ORC-5 `CA`: will not be done.
    Cancel,
    /// `DC`, `OD`, ORC-5 `DC`: is not to go on.
    Discontinue,
    /// `HD`, `OH`, ORC-5 `HD`: is not to be done for now.
    Hold,
    /// `RL`, `OE`: may be done again.
    Release,
    /// ADT^A10, or another event by which a site says that the patient is there.
    PatientArrived,
    /// ADT^A11, or another event by which a site takes that back.
    ArrivalCancelled,
    /// MPPS N-CREATE, `IN PROGRESS`: a modality has begun. A second one for a step that is completed appends to it.
    PerformedStepCreated,
    /// MPPS `COMPLETED`. With several performed steps, to be told when the last open one ends.
    PerformedStepCompleted,
    /// MPPS `DISCONTINUED` for any reason but the next, once no performed step is open.
    PerformedStepDiscontinued,
    /// MPPS `DISCONTINUED` with (110514, DCM, "Incorrect worklist entry selected"), once no performed step is open: the
    /// step is what it was before it was begun.
    IncorrectEntrySelected,
    /// The study has come, at a site where that ends a step.
    StudyReceived,
    /// A final report has been filed.
    ReportFinal,
    /// Nothing was heard of the step for longer than its site allows.
    IdleTimeout,
    /// A person wants it done after all.
    Reopen,
}

impl StepEvent {
    /// Every event, in the order of the type.
    pub const ALL: [Self; 19] = [
        Self::New,
        Self::Change,
        Self::Schedule,
        Self::Start,
        Self::Complete,
        Self::Cancel,
        Self::Discontinue,
        Self::Hold,
        Self::Release,
        Self::PatientArrived,
        Self::ArrivalCancelled,
        Self::PerformedStepCreated,
        Self::PerformedStepCompleted,
        Self::PerformedStepDiscontinued,
        Self::IncorrectEntrySelected,
        Self::StudyReceived,
        Self::ReportFinal,
        Self::IdleTimeout,
        Self::Reopen,
    ];
}

/// What an event does to a step of some status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// The step is held: it keeps its status and is on no list.
    Hold,
    /// Nothing: it agrees with the status.
    Keep,
    /// What was withdrawn is or was performed all the same, or what had ended goes on.
    Perform(StepStatus),
    /// The step is not held any more.
    Release,
    /// What was withdrawn is to be done again.
    Reopen(StepStatus),
    /// The step is what it was before it was begun.
    Restore,
    /// Nothing, although it contradicts the status: what has ended is not undone by it.
    Stay,
    /// The step has this status now.
    To(StepStatus),
}

impl Effect {
    /// The table: one row an event, in the order of [`StepEvent`], each status in one of its cells.
    pub fn of(status: StepStatus, event: StepEvent) -> Self {
        use StepEvent as E;
        use StepStatus::{
            Arrived, Canceled, Completed, Departed, Discontinued, Ready, Scheduled, Started,
        };
        match (event, status) {
            (E::New | E::Change | E::Release | E::Reopen, Canceled | Discontinued) => {
                Self::Reopen(Scheduled)
            }
            (E::Reopen, Completed) => Self::Reopen(Scheduled),
            (E::New | E::Change | E::Release, Completed) => Self::Stay,
            (E::New | E::Change, _) => Self::Keep,
            (E::Release | E::Reopen, _) => Self::Release,
            (E::Schedule, Scheduled) => Self::Keep,
            (E::Schedule, Arrived | Ready | Started | Departed) => Self::To(Scheduled),
            (E::Start, Scheduled | Arrived | Ready) => Self::To(Started),
            // That it began is no news of a patient who has left.
            (E::Start, Started | Departed) => Self::Keep,
            (E::Schedule | E::Start | E::Hold, Canceled | Discontinued | Completed) => Self::Stay,
            (E::Hold, _) => Self::Hold,
            // It was done, whatever was said before.
            (E::Complete | E::ReportFinal | E::StudyReceived, Canceled) => Self::Perform(Completed),
            (E::Complete, Discontinued) => Self::Perform(Completed),
            // Images and a report of what was given up half-way are to be expected.
            (E::ReportFinal | E::StudyReceived, Discontinued | Completed) => Self::Keep,
            (E::Complete, Completed) => Self::Keep,
            (E::Complete | E::ReportFinal | E::StudyReceived, _) => Self::To(Completed),
            // A cancellation that crosses with another end has nothing left to do.
            (E::Cancel | E::Discontinue | E::IdleTimeout, Canceled | Discontinued | Completed) => {
                Self::Keep
            }
            (E::Cancel | E::IdleTimeout, Scheduled | Arrived | Ready) => Self::To(Canceled),
            // Images may exist of what was begun: it is given up, not cancelled.
            (E::Cancel | E::IdleTimeout, Started | Departed) => Self::To(Discontinued),
            (E::Discontinue, _) => Self::To(Discontinued),
            (E::PatientArrived, Scheduled) => Self::To(Arrived),
            (E::ArrivalCancelled, Arrived | Ready) => Self::To(Scheduled),
            (E::PatientArrived | E::ArrivalCancelled, _) => Self::Keep,
            (E::PerformedStepCreated, Scheduled | Arrived | Ready | Departed) => Self::To(Started),
            (E::PerformedStepCreated, Started) => Self::Keep,
            // Whatever was said before: it is being done.
            (E::PerformedStepCreated, Canceled | Discontinued | Completed) => {
                Self::Perform(Started)
            }
            (E::PerformedStepCompleted, Completed) => Self::Keep,
            (E::PerformedStepCompleted, Canceled | Discontinued) => Self::Perform(Completed),
            (E::PerformedStepCompleted, _) => Self::To(Completed),
            (E::PerformedStepDiscontinued, Canceled | Discontinued | Completed) => Self::Keep,
            (E::PerformedStepDiscontinued, _) => Self::To(Discontinued),
            (E::IncorrectEntrySelected, Started) => Self::Restore,
            (E::IncorrectEntrySelected, _) => Self::Keep,
        }
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It agrees with what is known, or was known already.
    Kept,
    /// Something later is known, which stands.
    Older,
    /// What was withdrawn or had ended is or was performed: a person should know.
    Performed,
    /// What was withdrawn is open again: a person should know.
    Reopened,
    /// What has ended stays as it is, although something else was said.
    Stayed,
    /// The step has followed it.
    Taken,
}

/// What `ScheduledStep::advance` did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Advance {
    /// Status before.
    pub before: StepStatus,
    /// Status after.
    pub after: StepStatus,
    /// Whether the step was held before, and is now.
    pub held: (bool, bool),
    /// What became of the event.
    pub verdict: Verdict,
    /// What it does at its place in time; `None` when it was known, or is too long ago.
    pub effect: Option<Effect>,
}

impl Advance {
    /// Whether the step is another one now for those who look at its status.
    pub fn is_change(&self) -> bool {
        self.before != self.after || self.held.0 != self.held.1
    }
}

/// What a step is and was told, as far back as it is remembered.
///
/// The state of the step is what the events make of `base`, one after the other.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct StepHistory {
    /// What the step was before the first of the events; `None` = scheduled.
    base: Option<Base>,
    /// Oldest first, [`EVENTS_MAX`] at most.
    events: Vec<(StepEvent, Option<PartialDateTime>)>,
    /// Which message has the say about each of its values.
    pub(crate) said: Sayings,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Base {
    state: State,
    /// The time of the last event that is not remembered any more: one before it comes too late.
    until: Option<PartialDateTime>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
struct State {
    status: StepStatus,
    is_held: bool,
    /// The status before the step was begun.
    before_start: StepStatus,
}

impl State {
    fn follow(&mut self, event: StepEvent) -> Effect {
        let effect = Effect::of(self.status, event);
        let before = self.status;
        match effect {
            Effect::Hold => self.is_held = true,
            Effect::Release => self.is_held = false,
            Effect::Restore => self.status = self.before_start,
            Effect::Reopen(status) => {
                self.status = status;
                self.is_held = false;
            }
            Effect::Perform(status) | Effect::To(status) => self.status = status,
            Effect::Keep | Effect::Stay => {}
        }
        if self.status == StepStatus::Started && before != StepStatus::Started {
            self.before_start = before;
        }
        effect
    }
}

impl StepHistory {
    /// Takes an event of a step that is seen with this status, held or not, and says what became of it.
    pub(crate) fn tell(
        &mut self,
        (before, was_held): (StepStatus, bool),
        event: StepEvent,
        said_at: Option<PartialDateTime>,
    ) -> Advance {
        let known = self.state();
        if (known.status, known.is_held) != (before, was_held) {
            // The step comes from a version that remembered nothing.
            let state =
                State { status: before, is_held: was_held, before_start: known.before_start };
            self.base = Some(Base { state, until: None });
            self.events.clear();
        }
        let is_known = said_at.is_some() && self.events.contains(&(event, said_at));
        let effect = if is_known { None } else { self.insert(event, said_at) };
        let state = self.state();
        let is_last = self.events.last() == Some(&(event, said_at));
        let is_change = (state.status, state.is_held) != (before, was_held);
        let verdict = match effect {
            None if is_known => Verdict::Kept,
            None => Verdict::Older,
            Some(Effect::Keep) => Verdict::Kept,
            Some(_) if !is_last && !is_change => Verdict::Older,
            Some(Effect::Perform(_)) => Verdict::Performed,
            Some(Effect::Reopen(_)) => Verdict::Reopened,
            Some(Effect::Stay) => Verdict::Stayed,
            Some(Effect::Hold | Effect::Release | Effect::Restore | Effect::To(_)) if is_change => {
                Verdict::Taken
            }
            Some(_) => Verdict::Kept,
        };
        Advance { before, after: state.status, held: (was_held, state.is_held), verdict, effect }
    }

    fn state(&self) -> State {
        let mut state = self.base.map(|base| base.state).unwrap_or_default();
        for (event, _) in &self.events {
            state.follow(*event);
        }
        state
    }

    /// Puts an event at its place, and says what it does there; `None` when it is there already, or comes too late.
    fn insert(&mut self, event: StepEvent, at: Option<PartialDateTime>) -> Option<Effect> {
        if self.base.is_some_and(|base| instant::is_before(at, base.until)) {
            return None;
        }
        // Of equal times, and where the order cannot be told, the order of arrival counts.
        let later =
            self.events.iter().rev().take_while(|(_, known)| instant::is_before(at, *known));
        let place = self.events.len() - later.count();
        self.events.insert(place, (event, at));
        let mut state = self.base.map(|base| base.state).unwrap_or_default();
        let effect =
            self.events.iter().take(place + 1).map(|(event, _)| state.follow(*event)).last();
        if self.events.len() > EVENTS_MAX {
            let (oldest, until) = self.events.remove(0);
            let mut state = self.base.map(|base| base.state).unwrap_or_default();
            state.follow(oldest);
            self.base =
                Some(Base { state, until: until.or(self.base.and_then(|base| base.until)) });
        }
        effect
    }
}

/// Most events that a step remembers. A step sees half a dozen.
const EVENTS_MAX: usize = 24;

#[cfg(test)]
pub(crate) mod tests;
