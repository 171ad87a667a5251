//! What performed steps make of scheduled ones.

use telerad_core::PartialDateTime;

use super::{Link, PerformedRules, PerformedStatus, PerformedStep};
use crate::finding::{FindingCode, Findings};
use crate::{OrderRecord, ScheduledStep, StepEvent, StepStatus, Verdict};

/// Why steps are looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Occasion {
    /// The performed step was created, or its order has come.
    Begins,
    /// The performed step has ended.
    Ends,
}

/// Moves the steps of an order that `step` is linked with; `all` are the performed steps of the order, it among them.
pub(super) fn settle(
    order: &mut OrderRecord,
    step: &PerformedStep,
    all: &[PerformedStep],
    occasion: Occasion,
    rules: &PerformedRules,
    findings: &mut Findings,
) {
    let key = order.key.clone();
    let is_linked = |performed: &PerformedStep, step_id: &str| {
        links(performed, &key).any(|linked| linked == step_id)
    };
    for scheduled in &mut order.steps {
        if !is_linked(step, &scheduled.step_id) {
            continue;
        }
        let of_step: Vec<&PerformedStep> =
            all.iter().filter(|it| is_linked(it, &scheduled.step_id)).collect();
        let event = event_of(&of_step, rules);
        // Another performed step goes on: what ended here moves nothing.
        if occasion == Occasion::Ends && event == StepEvent::PerformedStepCreated {
            continue;
        }
        tell(scheduled, event, last_time(&of_step), findings);
    }
}

/// What all performed steps of a scheduled one say together.
fn event_of(of_step: &[&PerformedStep], rules: &PerformedRules) -> StepEvent {
    let counts = |step: &PerformedStep| {
        let put_back = step.status == PerformedStatus::Discontinued && rules.puts_back(step);
        !step.is_wrong_entry() && !put_back
    };
    let any = |status| of_step.iter().any(|it| it.status == status && counts(it));
    if any(PerformedStatus::InProgress) {
        StepEvent::PerformedStepCreated
    } else if any(PerformedStatus::Completed) {
        StepEvent::PerformedStepCompleted
    } else if any(PerformedStatus::Discontinued) {
        StepEvent::PerformedStepDiscontinued
    } else {
        // Nothing of it counts: it is as it was before it was begun.
        StepEvent::IncorrectEntrySelected
    }
}

/// The last time that any of them says. What they say together was not so before.
fn last_time(of_step: &[&PerformedStep]) -> Option<PartialDateTime> {
    let times = of_step.iter().flat_map(|step| [step.start, step.end]).flatten();
    times.max_by_key(PartialDateTime::sort_key)
}

fn tell(
    step: &mut ScheduledStep,
    event: StepEvent,
    said_at: Option<PartialDateTime>,
    findings: &mut Findings,
) {
    let before = step.status;
    let mut advance = step.advance(event, said_at);
    let expected = match event {
        StepEvent::PerformedStepCreated => Some(StepStatus::Started),
        StepEvent::PerformedStepCompleted => Some(StepStatus::Completed),
        _ => None,
    };
    // Two of equal times are two all the same: an appended step that ends in the minute of the first.
    if advance.verdict == Verdict::Kept && expected.is_some_and(|status| status != step.status) {
        advance = step.advance(event, None);
    }
    match advance.verdict {
        Verdict::Performed => {
            let (was, is) = (before.as_dicom(), step.status.as_dicom());
            let text = format!("a step that was {was} is performed: it is {is} now");
            findings.add(FindingCode::Disagreement, "(0040,0270)", text);
        }
        Verdict::Older => {
            let text = format!("the step is {} by a later word", step.status.as_dicom());
            findings.add(FindingCode::Ignored, "(0040,0270)", text);
        }
        Verdict::Kept | Verdict::Reopened | Verdict::Stayed | Verdict::Taken => {}
    }
}

/// Notes where what is performed is not what was scheduled. Both are kept.
pub(super) fn differs(step: &PerformedStep, orders: &[OrderRecord], findings: &mut Findings) {
    for order in orders {
        for link in links(step, &order.key) {
            let scheduled = order.steps.iter().find(|it| it.step_id == *link);
            let Some(scheduled) = scheduled else { continue };
            let protocol = &scheduled.protocol;
            let is_done = |code: &telerad_core::Code| {
                code.value == protocol.value && code.scheme == protocol.scheme
            };
            if !protocol.value.is_empty()
                && !step.protocols.is_empty()
                && !step.protocols.iter().any(is_done)
            {
                let text = "another protocol was performed than was scheduled: both are kept";
                findings.add(FindingCode::Disagreement, "(0040,0260)", text);
            }
            if !scheduled.modality.is_empty() && scheduled.modality != step.modality {
                let text = "performed by another modality than was scheduled: both are kept";
                findings.add(FindingCode::Disagreement, "(0008,0060)", text);
            }
        }
    }
}

fn links<'a>(
    step: &'a PerformedStep,
    key: &'a crate::OrderKey,
) -> impl Iterator<Item = &'a String> {
    step.scheduled.iter().flat_map(move |item| match &item.link {
        Link::Linked { order, steps, .. } if order == key => steps.as_slice(),
        _ => &[],
    })
}
